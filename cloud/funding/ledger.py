"""The books: append-only entries that sum to zero, in a chain for each partner.

A debit is above zero, a credit below. Accounts: `partner_payable` (what is owed to the partner),
`receivable:<kind>` (what the partner owes), `ach_in_transit`, `suspense_returns`, `bank_cash`,
`project_cost`, `service_cost`, `material_cost`, `warranty_liability`, `bad_debt` and `vendor_cash`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from cloud.funding.models import LedgerEntry, LedgerHead, Posting
from cloud.funding.netting import DeductionKind
from cloud.kernel.errors import BrokenInvariant
from cloud.kernel.money import ZERO, Money

PARTNER_PAYABLE = "partner_payable"
ACH_IN_TRANSIT = "ach_in_transit"
SUSPENSE_RETURNS = "suspense_returns"
BANK_CASH = "bank_cash"
PROJECT_COST = "project_cost"
SERVICE_COST = "service_cost"
WARRANTY_LIABILITY = "warranty_liability"
VENDOR_CASH = "vendor_cash"
MATERIAL_COST = "material_cost"
BAD_DEBT = "bad_debt"

GENESIS = hashlib.sha256(b"").hexdigest()
"""What the first entry of a chain names as the one before it."""

_RAISED_AGAINST = {
    DeductionKind.PROJECT_NET_FUND: WARRANTY_LIABILITY,
    DeductionKind.EQUIPMENT: MATERIAL_COST,
    DeductionKind.REVOCATION: PROJECT_COST,
    DeductionKind.CANCELLATION: PROJECT_COST,
    DeductionKind.MATERIAL: MATERIAL_COST,
    DeductionKind.COMPLIANCE: PROJECT_COST,
    DeductionKind.BACK_BILL: SERVICE_COST,
    DeductionKind.CLAWBACK_M1: PROJECT_COST,
    DeductionKind.PREPAID_COMMISSION: PROJECT_COST,
}


def receivable(kind: DeductionKind) -> str:
    """Name the account of what partners owe for one kind of deduction."""
    return f"receivable:{kind}"


def move(amount: Money, *, debit: str, credit: str) -> tuple[Posting, ...]:
    """Move an amount from the credited to the debited account."""
    return Posting(debit, amount), Posting(credit, -amount)


def raising(kind: DeductionKind, amount: Money) -> tuple[Posting, ...]:
    """Book that a partner owes something."""
    return move(amount, debit=receivable(kind), credit=_RAISED_AGAINST[kind])


def giving_back(kind: DeductionKind, amount: Money) -> tuple[Posting, ...]:
    """Book that a partner gets back what it owed, whether or not it was taken already."""
    return move(amount, debit=_RAISED_AGAINST[kind], credit=PARTNER_PAYABLE)


def dropping(kind: DeductionKind, amount: Money) -> tuple[Posting, ...]:
    """Book that what is open of a debt is not asked for any more: the mirror of raising it."""
    return move(amount, debit=_RAISED_AGAINST[kind], credit=receivable(kind))


def paying(gross: Money, taken: Mapping[DeductionKind, Money], net: Money) -> tuple[Posting, ...]:
    """Book a partner's part of a run: what was owed, what was taken of it, what is on its way."""
    return (
        Posting(PARTNER_PAYABLE, gross),
        *(Posting(receivable(kind), -amount) for kind, amount in sorted(taken.items()) if amount),
        *((Posting(ACH_IN_TRANSIT, -net),) if net else ()),
    )


def _digest(entry: LedgerEntry) -> str:
    said = [
        entry.partner_id,
        entry.number,
        entry.id,
        [[posting.account, posting.amount.cents] for posting in entry.postings],
        entry.event_at.astimezone(UTC).isoformat(),
        entry.recorded_at.astimezone(UTC).isoformat(),
        list(entry.causes),
        entry.says,
        entry.previous_hash,
    ]
    return hashlib.sha256(json.dumps(said, separators=(",", ":")).encode()).hexdigest()


def head_of(partner_id: str) -> LedgerHead:
    """Give the head of a chain that has no entry yet."""
    return LedgerHead(partner_id, 0, GENESIS)


def append(
    head: LedgerHead,
    *,
    entry_id: str,
    postings: tuple[Posting, ...],
    event_at: datetime,
    recorded_at: datetime,
    causes: tuple[str, ...],
    says: str,
) -> tuple[LedgerEntry, LedgerHead]:
    """Give the next entry of a chain, and the chain's new head.

    Raises:
        BrokenInvariant: the postings do not sum to zero.
    """
    entry = LedgerEntry(
        id=entry_id,
        partner_id=head.id,
        number=head.number + 1,
        postings=postings,
        event_at=event_at,
        recorded_at=recorded_at,
        causes=causes,
        says=says,
        previous_hash=head.hash,
        hash="",
    )
    entry = replace(entry, hash=_digest(entry))
    return entry, LedgerHead(head.id, entry.number, entry.hash)


def trial_balance(entries: Iterable[LedgerEntry]) -> dict[str, Money]:
    """Give the balance of each account that has one, by name; they sum to zero."""
    balances: dict[str, Money] = {}
    for entry in entries:
        for posting in entry.postings:
            balances[posting.account] = balances.get(posting.account, ZERO) + posting.amount
    return {account: balance for account, balance in sorted(balances.items()) if balance}


def verify(entries: Iterable[LedgerEntry], heads: Iterable[LedgerHead] = ()) -> None:
    """Recompute every chain from its first entry on.

    With heads, an entry that is missing at a chain's end is noticed too.

    Raises:
        BrokenInvariant: the message names the first entry that is not what was written.
    """
    ends: dict[str, LedgerHead] = {}
    ids = set()
    for entry in sorted(entries, key=lambda entry: (entry.partner_id, entry.number)):
        head = ends.get(entry.partner_id, head_of(entry.partner_id))
        wrong = ""
        if entry.number != head.number + 1:
            wrong = f"its number is {entry.number} where {head.number + 1} should follow"
        elif entry.previous_hash != head.hash:
            wrong = "it does not follow the entry before it"
        elif entry.hash != _digest(entry):
            wrong = "its content was changed after it was written"
        elif entry.id in ids:
            wrong = "its id was used before"
        if wrong:
            msg = f"ledger entry {entry.id} of {entry.partner_id}: {wrong}"
            raise BrokenInvariant(msg)
        ids.add(entry.id)
        ends[entry.partner_id] = LedgerHead(entry.partner_id, entry.number, entry.hash)
    for head in heads:
        if ends.get(head.id, head_of(head.id)) != head:
            msg = f"ledger of {head.id}: it should end with entry {head.number}, and does not"
            raise BrokenInvariant(msg)
