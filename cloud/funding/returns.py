"""What follows when the bank sends a payment back or corrects its details."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cloud.funding.ach.returning import ReturnedEntry, is_dispute
from cloud.funding.policy import D04
from cloud.kernel.errors import BadInput
from cloud.kernel.money import ZERO, Money
from cloud.kernel.policy import COMFORT

_CODE = re.compile(r"[RC][0-9]{2}")
_MANUAL = frozenset({"R06", "R23", "R24", "R31"})
_DUPLICATE_ENTRY = "R24"


class ReturnAction(StrEnum):
    """What is done about an entry of the bank's, or by whom.

    UNKNOWN_TRACE to CORRECTION_UNCLEAR are of entries that cannot be acted on: none of our
    payments, or one of another amount, or of a file that was not sent, or of another company.
    """

    NEW_AUTHORIZATION = "new_bank_authorization_required"
    MANUAL_REVIEW = "manual_review"
    UNEXPECTED = "unexpected_for_credit_manual_review"
    DUPLICATE = "duplicate_ignored"
    APPLY_NOC = "apply_noc_before_next_entry"
    CORRECTED = "details_corrected"
    ACCOUNT_BLOCKED = "prenote_returned_account_blocked"
    UNKNOWN_TRACE = "unknown_trace_manual_review"
    OTHER_AMOUNT = "other_amount_manual_review"
    OTHER_COMPANY = "other_company_manual_review"
    NOT_SENT = "not_sent_manual_review"
    REVERSAL_RETURNED = "reversal_returned_manual_review"
    CORRECTION_UNCLEAR = "correction_manual_review"


FOR_PERSONS = frozenset(
    {
        ReturnAction.MANUAL_REVIEW,
        ReturnAction.UNEXPECTED,
        ReturnAction.UNKNOWN_TRACE,
        ReturnAction.OTHER_AMOUNT,
        ReturnAction.OTHER_COMPANY,
        ReturnAction.NOT_SENT,
        ReturnAction.REVERSAL_RETURNED,
        ReturnAction.CORRECTION_UNCLEAR,
    }
)
"""Actions of entries that a person is told of, as nothing more happens by itself."""


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


NOT_SENT = _no_money(ReturnAction.NOT_SENT)
"""What a return does of a file that the bank does not have, or may not have."""


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
    same answer again (`was_processed`) does nothing at all. The banks' dispute about a return (R61
    to R79) goes to a person also when the return itself was processed, and moves no money before.

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

    A dispute of the banks is about a return, and says nothing of the account: a person looks.

    Raises:
        BadInput: the code is neither a return's nor a change's.
    """
    code = _checked(code)
    if code.startswith("C") or is_dispute(code):
        return judge_return(code, ZERO, on=on, programme=programme)
    return _no_money(ReturnAction.ACCOUNT_BLOCKED, blocks_account=True)


def misfit(entry: ReturnedEntry, *, sent: Money | None) -> ReturnAction | None:
    """Tell why an entry of the bank's is not judged at all, or nothing where it is (D04).

    What names no line of ours, is a debit, or brings back another amount than the line had, goes
    to a person: we do not guess whose money it is. A change brings nothing back.

    Args:
        entry: as it was read.
        sent: what went out under its original trace number; zero asked about an account, and None
            is no line of ours.
    """
    if sent is None or entry.is_debit:
        return ReturnAction.UNKNOWN_TRACE
    if entry.amount != sent and not entry.is_change:
        return ReturnAction.OTHER_AMOUNT
    return None
