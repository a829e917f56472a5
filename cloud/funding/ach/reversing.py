"""Taking a wrong payment back: when the network allows it, and the file that does it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from enum import StrEnum

from cloud.funding.ach.entries import PLACES, BankFile, FileKind, Originator, ReadEntry
from cloud.funding.ach.writing import Envelope, write
from cloud.funding.policy import D30, D31
from cloud.kernel.calendar import DAY, next_banking_day
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput


class ReversalReason(StrEnum):
    """What was wrong with a payment, by the words of the network."""

    DUPLICATE = "duplicate"
    WRONG_RECEIVER = "wrong_receiver"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_DATE = "wrong_date"


def reversible_until(settled_on: date) -> date:
    """Give the last banking day on which a payment may be taken back (D30).

    The day of its settlement is not counted.
    """
    day = settled_on
    for _ in range(D30.on(settled_on)):
        day = next_banking_day(day + DAY)
    return day


def reversal_refused(*, reason: str, settled_on: date, effective_on: date) -> Refused | None:
    """Tell why a payment cannot be taken back on a day, None when it can (D30, D31)."""
    if reason not in D31.on(effective_on):
        because = (
            f"{reason!r} is no reason to reverse: use one of {', '.join(D31.on(effective_on))}"
        )
        return Refused("D31", because, "reversal_reason_not_permitted")
    if effective_on < settled_on:
        because = f"the payment settles on {settled_on}, after the reversal on {effective_on}"
        return Refused("D30", because, "reversal_before_settlement")
    last = reversible_until(settled_on)
    if effective_on > last:
        because = f"the payment settled on {settled_on} and could be reversed until {last}"
        return Refused("D30", because, "reversal_too_late")
    return None


def _chosen(original: BankFile, traces: Sequence[str]) -> list[ReadEntry]:
    if original.kind is not FileKind.PAYMENTS:
        msg = f"reversal of {original.run}: only payments are reversed, not {original.kind}"
        raise BadInput(msg)
    by_trace = {entry.trace_number: entry for entry in original.entries}
    missing = [trace for trace in traces if trace not in by_trace]
    if missing:
        msg = f"reversal of {original.run}: its file has no trace number {missing[0]}"
        raise BadInput(msg)
    return [by_trace[trace] for trace in traces]


def build_reversal(
    originator: Originator,
    original: BankFile,
    traces: Sequence[str],
    *,
    reason: str,
    settled_on: date,
    created_at: datetime,
    effective_on: date,
    sequence: int,
    file_of_day: int = 0,
    first_place: int = PLACES[FileKind.REVERSALS].start,
) -> bytes:
    """Write a file that takes payments back, each whole and from the account that it went to (D30).

    Amount, account, company and class are the original's; an addenda names the original trace and
    the reason. The original is the file as it was kept, read back. Where an earlier file reversed
    with the same sequence, this one's first place is the one after its last. Which payments, two
    people decide; nobody is told here, and the receiver must be before the reversal settles.

    Raises:
        BadInput: the day or the reason is not permitted, the originator is another one, or the
            file has no such payment.
    """
    refused = reversal_refused(reason=reason, settled_on=settled_on, effective_on=effective_on)
    if refused is not None:
        msg = f"reversal of {original.run}: {refused.because} ({refused.rule})"
        raise BadInput(msg)
    if originator.company_identification != original.company_identification:
        msg = f"reversal of {original.run}, Company Identification: not that of the payments"
        raise BadInput(msg)
    entries = [
        replace(entry.credit, note=f"REVERSES {entry.trace_number} {reason.replace('_', ' ')}")
        for entry in _chosen(original, traces)
    ]
    envelope = Envelope(
        created_at,
        effective_on,
        original.run,
        sequence,
        file_of_day,
        standard_class=original.standard_class,
    )
    return write(originator, FileKind.REVERSALS, entries, envelope, first_place)
