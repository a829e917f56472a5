"""What follows when the bank sends a payment back or corrects its details."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cloud.funding.ach.returning import Correction, ReturnedEntry, corrected, is_dispute
from cloud.funding.policy import D04
from cloud.kernel.errors import BadInput
from cloud.kernel.money import ZERO, Money
from cloud.kernel.policy import COMFORT

_CODE = re.compile(r"[RC][0-9]{2}")
_MANUAL = frozenset({"R06", "R23", "R24", "R31"})
_DUPLICATE_ENTRY = "R24"


class ReturnAction(StrEnum):
    """What somebody, or the next run, must do."""

    NEW_AUTHORIZATION = "new_bank_authorization_required"
    MANUAL_REVIEW = "manual_review"
    UNEXPECTED = "unexpected_for_credit_manual_review"
    APPLY_NOC = "apply_noc_before_next_entry"
    DUPLICATE = "duplicate_ignored"
    UNKNOWN_TRACE = "unknown_trace_manual_review"
    NOT_SENT = "not_sent_manual_review"
    AMOUNT_DIFFERS = "amount_differs_manual_review"


@dataclass(frozen=True, slots=True)
class ReturnVerdict:
    """What a return does.

    Attributes:
        reversed: what the payment gives back; the sum of the next two.
        payable: what is owed to the partner again.
        suspense: what waits for a person to say whose it is.
        blocks_account: no payment goes to these bank details any more.
    """

    reversed: Money
    payable: Money
    suspense: Money
    blocks_account: bool
    action: ReturnAction


def _no_money(action: ReturnAction, *, blocks_account: bool = False) -> ReturnVerdict:
    return ReturnVerdict(ZERO, ZERO, ZERO, blocks_account=blocks_account, action=action)


def _checked(code: str) -> str:
    """Give the code in capitals.

    Raises:
        BadInput: it is neither a return's nor a change's.
    """
    code = code.strip().upper()
    if not _CODE.fullmatch(code):
        msg = f"return code {code!r} is not R or C and two digits: read the bank's file again"
        raise BadInput(msg)
    return code


def judge_return(
    code: str, payout: Money, *, was_processed: bool = False, on: date, programme: str = COMFORT
) -> ReturnVerdict:
    """Judge a return (R) or a notification of change (C) of a payment of ours (D04, P-86).

    A change moves no money; which of them can be applied by themselves, the bank's data says. The
    same return again does nothing at all. The banks' dispute about a
    return (R61 to R79) goes to a person also when the return itself was processed, and moves no
    money before.

    Raises:
        BadInput: the code is neither.
    """
    code = _checked(code)
    if is_dispute(code):
        return _no_money(ReturnAction.MANUAL_REVIEW)
    if was_processed:
        return _no_money(ReturnAction.DUPLICATE)
    if code.startswith("C"):
        return _no_money(ReturnAction.APPLY_NOC)
    if code in D04.on(on, programme):
        return ReturnVerdict(
            payout, payout, ZERO, blocks_account=True, action=ReturnAction.NEW_AUTHORIZATION
        )
    action = ReturnAction.MANUAL_REVIEW if code in _MANUAL else ReturnAction.UNEXPECTED
    suspense = payout if code == _DUPLICATE_ENTRY else ZERO
    return ReturnVerdict(payout, payout - suspense, suspense, blocks_account=False, action=action)


def judge_prenote_return(code: str, *, on: date, programme: str = COMFORT) -> ReturnVerdict:
    """Judge the bank's answer to a prenote: any return says the account is no good (D11, P-86).

    Raises:
        BadInput: the code is neither a return's nor a change's.
    """
    code = _checked(code)
    if code.startswith("C") or is_dispute(code):
        return judge_return(code, ZERO, on=on, programme=programme)
    return _no_money(ReturnAction.NEW_AUTHORIZATION, blocks_account=True)


@dataclass(frozen=True, slots=True)
class Judged:
    """One entry of the bank's file with what follows.

    Attributes:
        correction: what to put right, for a change that says it by itself; else None.
    """

    entry: ReturnedEntry
    verdict: ReturnVerdict
    correction: Correction | None = None


def judge_entry(
    entry: ReturnedEntry,
    *,
    payout: Money | None,
    was_processed: bool = False,
    on: date,
    programme: str = COMFORT,
) -> Judged:
    """Judge one entry of the bank's file against the payment that it names (D04, P-86).

    What names no payment of ours, is a debit, or brings back another amount than we paid, moves
    nothing and goes to a person: we do not guess whose money it is.

    Args:
        entry: as it was read.
        payout: what we paid under its original trace number, None when we did not.
        was_processed: that payment came back before.
        on: the day of the answer.
        programme: of the payment.
    """
    if payout is None or entry.is_debit:
        return Judged(entry, _no_money(ReturnAction.UNKNOWN_TRACE))
    verdict = judge_return(
        entry.code, payout, was_processed=was_processed, on=on, programme=programme
    )
    if verdict.reversed and entry.amount != payout:
        return Judged(entry, _no_money(ReturnAction.AMOUNT_DIFFERS))
    if verdict.action is ReturnAction.APPLY_NOC and entry.corrected_data is not None:
        correction = corrected(entry.code, entry.corrected_data, on=on)
        if correction is None:
            return Judged(entry, _no_money(ReturnAction.MANUAL_REVIEW))
        return Judged(entry, verdict, correction)
    return Judged(entry, verdict)


def judge_returns(
    entries: Iterable[ReturnedEntry],
    *,
    payouts: Mapping[str, Money],
    returned: Iterable[str] = (),
    on: date,
    programme: str = COMFORT,
) -> Iterator[Judged]:
    """Judge a bank's file in its order; of several returns of one payment the first counts (D04).

    Args:
        entries: as they were read.
        payouts: trace number -> what we paid under it.
        returned: trace numbers of payments that came back before.
        on: the day of the answer.
        programme: of the payments.
    """
    before = set(returned)
    for entry in entries:
        trace = entry.original_trace
        judged = judge_entry(
            entry,
            payout=payouts.get(trace),
            was_processed=trace in before,
            on=on,
            programme=programme,
        )
        if judged.verdict.reversed:
            before.add(trace)
        yield judged
