"""What follows when the bank sends a payment back or corrects its details."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cloud.funding.policy import D04
from cloud.kernel.errors import BadInput
from cloud.kernel.money import ZERO, Money

_CODE = re.compile(r"[RC]\d{2}")
_MANUAL = frozenset({"R06", "R23", "R24", "R31"})
_DUPLICATE_ENTRY = "R24"


class ReturnAction(StrEnum):
    """What somebody, or the next run, must do."""

    NEW_AUTHORIZATION = "new_bank_authorization_required"
    MANUAL_REVIEW = "manual_review"
    UNEXPECTED = "unexpected_for_credit_manual_review"
    APPLY_NOC = "apply_noc_before_next_entry"
    DUPLICATE = "duplicate_ignored"


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


def judge_return(
    code: str, payout: Money, *, was_processed: bool = False, on: date
) -> ReturnVerdict:
    """Judge a return (R) or a notification of change (C) of a payment of ours (D04).

    A change moves no money. The same return again does nothing at all.

    Raises:
        BadInput: the code is neither.
    """
    code = code.strip().upper()
    if not _CODE.fullmatch(code):
        msg = f"return code {code!r} is not R or C and two digits: read the bank's file again"
        raise BadInput(msg)
    if was_processed:
        return ReturnVerdict(ZERO, ZERO, ZERO, blocks_account=False, action=ReturnAction.DUPLICATE)
    if code.startswith("C"):
        return ReturnVerdict(ZERO, ZERO, ZERO, blocks_account=False, action=ReturnAction.APPLY_NOC)
    if code in D04.on(on):
        return ReturnVerdict(
            payout, payout, ZERO, blocks_account=True, action=ReturnAction.NEW_AUTHORIZATION
        )
    action = ReturnAction.MANUAL_REVIEW if code in _MANUAL else ReturnAction.UNEXPECTED
    suspense = payout if code == _DUPLICATE_ENTRY else ZERO
    return ReturnVerdict(payout, payout - suspense, suspense, blocks_account=False, action=action)
