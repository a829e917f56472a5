"""Disagreeing: opened by a partner, taken forward by either side, decided by who owns the level."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cloud.invoicing import claim_letters, letters
from cloud.invoicing.backbill import claim_of
from cloud.invoicing.disputes import left_of, may_resolve
from cloud.invoicing.models import (
    BackBill,
    BackBillState,
    Dispute,
    DisputeState,
    Invoice,
    InvoiceState,
    Outcome,
    Returned,
    Step,
    Subject,
)
from cloud.invoicing.policy import BACK_BILL_OFFERS
from cloud.invoicing.process.books import (
    Books,
    advanced,
    bill_id,
    books_of,
    claim_change,
    coordinator_of,
    load_order,
    load_partner,
    new_bill,
)
from cloud.invoicing.process.claims import assess
from cloud.invoicing.process.submission import timers_of
from cloud.kernel.change import Change, Event, Letter, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.organisation import RelationshipManager
from cloud.portfolio.process import relationship_manager_of
from cloud.service.disputes import next_step
from cloud.service.models import Coordinator, WorkOrder
from cloud.service.policy import DISPUTE_LEVELS
from cloud.service.process.uploads import uploads_of
from cloud.service.uploads import PREFIX, UploadState

_OVER = frozenset({BackBillState.DROPPED, BackBillState.CREDITED})
_NOT_DISPUTED = frozenset({InvoiceState.PAID, InvoiceState.VOID})


@dataclass(frozen=True, slots=True)
class _About:
    """What a dispute is about.

    Attributes:
        id: names it to people.
        again: what makes it another thing than the last time, so that each is disputed once.
        bill: the back-bill that it holds.
        invoice: the invoice that it is about.
    """

    id: str
    again: str
    bill: Stored[BackBill] | None = None
    invoice: Stored[Invoice] | None = None


def open_dispute(
    records: Records,
    *,
    kind: Subject,
    work_order_id: str,
    partner_id: str,
    says: str,
    at: datetime,
    by: str,
    what: str = "",
    evidence: Sequence[str] = (),
) -> Dispute | Refused:
    """Open a partner's dispute with the coordinator (X-85).

    A dispute of a back-bill, or of the finding that it rests on, holds what is not posted of it.
    Each claim, finding or decision is disputed once; the same dispute again changes nothing.

    Args:
        records: where everything is kept.
        kind: what it is about.
        work_order_id: the work order that it belongs to.
        partner_id: who disputes.
        says: why, in the partner's words.
        at: when.
        by: who, for the partner.
        what: the invoice's id, the missed milestone or the reason of the pause; empty for a finding
            or a back-bill, of which a work order has one.
        evidence: references of the partner's own kept uploads of that work order.

    Raises:
        NotFound: there is no such thing of that partner's; which of the two, it is not told.
    """
    order = records.load(WorkOrder, work_order_id)
    if order is None:
        raise _unknown(kind, what or work_order_id)
    if _may_hold(order.record, kind, partner_id):
        # What was due before is posted first: a dispute that comes late holds what is left.
        assess(records, work_order_id=work_order_id, at=at)
    about = _about(records, order.record, kind, what, partner_id)
    dispute_id = derived("DSP", kind, about.id, about.again)
    known = records.load(Dispute, dispute_id)
    if known is not None:
        closed = Refused("X-86", f"dispute {dispute_id} was closed already", "conflict")
        return known.record if known.record.state is DisputeState.OPEN else closed
    shown = _shown(records, work_order_id, partner_id, evidence)
    if refused := _may_not_be_disputed(about, says):
        return refused
    if isinstance(shown, Refused):
        return shown
    begun = _at_first_level(dispute_id, kind, about.id, order.record, says=says, at=at, by=by)
    dispute = replace(begun, partner_id=partner_id, evidence=shown)
    change = Change(
        saves=(Save(dispute),),
        events=(_opened(dispute),),
        letters=_owners_letters(records, order.record, dispute, at=at),
        relies_on=(order.relied_on(),),
    )
    records.commit(change + _held(records, order.record, about, dispute_id, at=at))
    return dispute


def _at_first_level(
    dispute_id: str,
    kind: Subject,
    subject_id: str,
    order: WorkOrder,
    *,
    says: str,
    at: datetime,
    by: str,
) -> Dispute:
    """Give a dispute as it begins: with the coordinator (X-85)."""
    level = DISPUTE_LEVELS.on(order.policy_day)[0]
    return Dispute(
        id=dispute_id,
        kind=kind,
        subject_id=subject_id,
        work_order_id=order.id,
        partner_id=order.partner_id or "",
        state=DisputeState.OPEN,
        level=level,
        says=says,
        opened_at=at,
        opened_by=by,
        steps=(Step(level, at, by),),
    )


def _opened(dispute: Dispute) -> Event:
    """Say that a partner disputes something."""
    at, by, about = dispute.opened_at, dispute.opened_by, dispute.subject_id
    said = f"partner {dispute.partner_id} disputes {dispute.kind} {about}: {dispute.says}"
    return Event(dispute.id, "dispute_opened", at, by, "X-85", (about, dispute.work_order_id), said)


def add_evidence(
    records: Records,
    *,
    dispute_id: str,
    partner_id: str,
    evidence: Sequence[str],
    at: datetime,
    by: str,
) -> Dispute | Refused:
    """Add uploads to an open dispute; what is there already is not added twice (X-85).

    Raises:
        NotFound: the dispute is not the partner's.
    """
    stored = _own(records, dispute_id, partner_id)
    dispute = stored.record
    if dispute.state is not DisputeState.OPEN:
        return _conflict(dispute)
    shown = _shown(records, dispute.work_order_id, partner_id, evidence)
    if isinstance(shown, Refused):
        return shown
    new = [one for one in shown if one not in dispute.evidence]
    if not new:
        return dispute
    after = replace(dispute, evidence=(*dispute.evidence, *new))
    says = f"{len(new)} more to dispute {dispute_id}: {', '.join(new)}"
    event = Event(dispute_id, "evidence_added", at, by, "X-85", (dispute.subject_id,), says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def escalate_dispute(
    records: Records,
    *,
    dispute_id: str,
    to_level: str,
    at: datetime,
    by: str,
    partner_id: str | None = None,
) -> Dispute | Refused:
    """Take a dispute to the next level, by either side, forward only (X-86).

    `to_level` says where to, so that the same command twice goes one level and not two.
    `partner_id` is the caller's where a partner calls, and None for the owner's people.

    Raises:
        NotFound: the dispute is not the partner's.
    """
    stored = _own(records, dispute_id, partner_id)
    dispute = stored.record
    if dispute.state is not DisputeState.OPEN:
        return _conflict(dispute)
    if dispute.level == to_level:
        return dispute
    order = load_order(records, dispute.work_order_id).record
    step = next_step(
        dispute.level, is_resolved=False, finding=None, posted=ZERO, on=order.policy_day
    )
    if step.level != to_level:
        because = f"dispute {dispute_id} is at {dispute.level}: the next level is {step.level}"
        return Refused("X-86", because, "conflict")
    after = replace(dispute, level=to_level, steps=(*dispute.steps, Step(to_level, at, by)))
    said = f"dispute {dispute_id} went from {dispute.level} to {to_level}"
    event = Event(dispute_id, "dispute_escalated", at, by, "X-86", (dispute.subject_id,), said)
    bill = _held_bill(records, after)
    saves = [stored.replaced_by(after)]
    if bill is not None:
        saves.append(bill.replaced_by(replace(bill.record, dispute_level=to_level)))
    sent = _owners_letters(records, order, after, at=at)
    records.commit(Change(saves=tuple(saves), events=(event,), letters=sent))
    return after


def resolve_dispute(
    records: Records,
    *,
    dispute_id: str,
    outcome: Outcome,
    reason: str,
    roles: Collection[str],
    at: datetime,
    by: str,
    partial: Money | None = None,
) -> Dispute | Refused:
    """Decide a dispute, by who owns its level (X-86, X-87).

    Of a back-bill, or the finding that it rests on: overturned gives all of it back and claims
    nothing later either; partial leaves `partial` of what is owed now, and gives the rest back;
    upheld releases the hold, so that what is due is posted at once. A rejected invoice whose
    dispute is overturned is decided on again. The same decision again changes nothing.
    """
    stored = _own(records, dispute_id, None)
    dispute = stored.record
    if dispute.state is not DisputeState.OPEN:
        is_same = (dispute.outcome, dispute.closed_by) == (outcome, by)
        return dispute if is_same else _conflict(dispute)
    books = books_of(records, dispute.work_order_id)
    order = books.order.record
    if not may_resolve(dispute.level, roles, on=order.policy_day):
        because = f"dispute {dispute_id} is at {dispute.level}, which is not yours to decide"
        return Refused("X-87", because, "not_your_level")
    if not reason.strip():
        return Refused("X-86", "the partner must be told why", "reason_missing")
    bill = _held_bill(records, dispute)
    claimed = bill.record.total if bill else ZERO
    left = left_of(claimed, outcome, partial)
    if left is None:
        because = f"a part is more than nothing and less than the {claimed} that are owed"
        return Refused("X-86", because, "invalid_amount")
    after = replace(
        dispute,
        state=DisputeState.RESOLVED,
        outcome=outcome,
        reason=reason,
        new_amount=left if bill else None,
        credit=max(ZERO, bill.record.posted - left) if bill else ZERO,
        closed_at=at,
        closed_by=by,
    )
    released = _released(bill, after, waived=claimed - left) if bill else None
    change = _closed(records, stored, after, rule="X-86", by=by, at=at)
    change += _after_release(records, books, bill, released, at=at)
    if dispute.kind is Subject.INVOICE and outcome is Outcome.OVERTURNED:
        change += _reopened(records, books, after, at=at)
    records.commit(change)
    return after


def withdraw_dispute(
    records: Records, *, dispute_id: str, partner_id: str, at: datetime, by: str
) -> Dispute | Refused:
    """Let a partner give its dispute up, which releases the hold (X-85).

    Raises:
        NotFound: the dispute is not the partner's.
    """
    stored = _own(records, dispute_id, partner_id)
    dispute = stored.record
    if dispute.state is DisputeState.WITHDRAWN:
        return dispute
    if dispute.state is not DisputeState.OPEN:
        return _conflict(dispute)
    books = books_of(records, dispute.work_order_id)
    bill = _held_bill(records, dispute)
    after = replace(dispute, state=DisputeState.WITHDRAWN, closed_at=at, closed_by=by)
    released = _released(bill, after, waived=ZERO) if bill else None
    change = _closed(records, stored, after, rule="X-85", by=by, at=at)
    records.commit(change + _after_release(records, books, bill, released, at=at))
    return after


def _owners_letters(
    records: Records, order: WorkOrder, dispute: Dispute, *, at: datetime
) -> tuple[Letter, ...]:
    """Tell the coordinator, and from the second level on the partner's relationship manager."""
    readers: list[Coordinator | RelationshipManager | None] = [
        coordinator_of(records, order.spc_id)
    ]
    if dispute.level != DISPUTE_LEVELS.on(order.policy_day)[0]:
        readers.append(relationship_manager_of(records, dispute.partner_id))
    return tuple(
        claim_letters.dispute_at(dispute, reader=reader, at=at)
        for reader in readers
        if reader is not None
    )


def _about(records: Records, order: WorkOrder, kind: Subject, what: str, partner_id: str) -> _About:
    """Find what a partner may dispute.

    Raises:
        NotFound: there is no such thing of that partner's.
    """
    found = _ABOUT[kind](records, order, what, partner_id)
    if found is None:
        raise _unknown(kind, what or order.id)
    return found


def _unknown(kind: Subject, name: str) -> NotFound:
    """Give the one answer to who asks for what is not there and for what is another's."""
    return NotFound(f"{kind} {name} is not known here: check the id")


def _may_hold(order: WorkOrder, kind: Subject, partner_id: str) -> bool:
    """Tell whether a dispute is about what this partner is, or may be, back-billed."""
    if partner_id != order.original_installer_id:
        return False
    return kind is Subject.BACK_BILL or (kind is Subject.FINDING and bool(order.cause_found_by))


def _shown(
    records: Records, work_order_id: str, partner_id: str, evidence: Sequence[str]
) -> tuple[str, ...] | Refused:
    """Give the references of evidence, each once, where all of it is the partner's own (T-91)."""
    named = {one: one.strip().removeprefix(PREFIX) for one in evidence}
    files = uploads_of(records, {one: name for one, name in named.items() if name})
    for one in named:
        file = files.get(one)
        is_own = file is not None and file.partner_id == partner_id
        is_here = file is not None and file.work_order_id == work_order_id
        if file is None or not is_own or not is_here or file.state is not UploadState.KEPT:
            because = f"{one.strip() or 'nothing'} is no kept upload of yours for {work_order_id}"
            return Refused("X-85", because, "evidence_unknown")
    return tuple(dict.fromkeys(files[one].reference for one in named))


def _about_bill(records: Records, order: WorkOrder, what: str, partner_id: str) -> _About | None:
    del what
    bill = records.load(BackBill, bill_id(order.id))
    if bill is None or bill.record.partner_id != partner_id:
        return None
    told = bill.record.notices[-1].due_at.isoformat() if bill.record.notices else ""
    return _About(bill.record.id, told, bill=bill)


def _about_finding(records: Records, order: WorkOrder, what: str, partner_id: str) -> _About | None:
    del what
    if not order.cause_found_by:
        return None
    is_installer = partner_id == order.original_installer_id
    if not is_installer and all(one.partner_id != partner_id for one in order.assignments):
        return None
    bill = records.load(BackBill, bill_id(order.id)) if is_installer else None
    may_be_billed = order.original_offer in BACK_BILL_OFFERS.on(order.policy_day)
    if bill is None and is_installer and may_be_billed and order.partner_id != partner_id:
        # Nothing was paid yet: what is, must find the hold.
        bill = Stored(new_bill(order), 0)
    return _About(order.id, str(order.cause), bill=bill)


def _about_invoice(records: Records, order: WorkOrder, what: str, partner_id: str) -> _About | None:
    stored = records.load(Invoice, what) if what else None
    if stored is None or stored.record.partner_id != partner_id:
        return None
    if stored.record.work_order_id != order.id:
        return None
    decided = stored.record.decided_at or stored.record.submitted_at
    return _About(what, f"{decided.isoformat()} {len(stored.record.returned)}", invoice=stored)


def _about_breach(records: Records, order: WorkOrder, what: str, partner_id: str) -> _About | None:
    del records
    missed = [one for one in order.assignments if one.partner_id == partner_id]
    if all(what not in {str(milestone) for milestone in one.missed} for one in missed):
        return None
    return _About(f"{order.id}:{what}", partner_id)


def _about_pause(records: Records, order: WorkOrder, what: str, partner_id: str) -> _About | None:
    del records
    had_it = any(one.partner_id == partner_id for one in order.assignments)
    pauses = [one for one in order.pauses if one.reason == what]
    if not had_it or not pauses:
        return None
    return _About(f"{order.id}:{what}", f"{partner_id} {pauses[-1].since.isoformat()}")


_ABOUT = {
    Subject.BACK_BILL: _about_bill,
    Subject.FINDING: _about_finding,
    Subject.INVOICE: _about_invoice,
    Subject.SLA_BREACH: _about_breach,
    Subject.PAUSE: _about_pause,
}


def _may_not_be_disputed(about: _About, says: str) -> Refused | None:
    if not says.strip():
        return Refused("X-85", "a dispute says what is wrong", "reason_missing")
    bill = about.bill.record if about.bill else None
    if bill is not None and bill.held_by:
        because = f"back-bill {bill.id} is held by dispute {bill.held_by[0]} already"
        return Refused("X-85", because, "conflict")
    if bill is not None and about.id == bill.id and bill.state in _OVER:
        return Refused("X-85", f"back-bill {bill.id} is {bill.state}: nothing is owed", "conflict")
    invoice = about.invoice.record if about.invoice else None
    if invoice is not None and invoice.state in _NOT_DISPUTED:
        return Refused("X-85", f"invoice {invoice.id} stands as {invoice.state}", "conflict")
    return None


def _held(
    records: Records, order: WorkOrder, about: _About, dispute_id: str, *, at: datetime
) -> Change:
    """Give the change that puts the dispute on what it is about."""
    if about.bill is not None:
        held = replace(
            about.bill.record,
            held_by=(dispute_id,),
            disputes=(*about.bill.record.disputes, dispute_id),
            dispute_level=DISPUTE_LEVELS.on(order.policy_day)[0],
        )
        books = books_of(records, order.id)
        claim = claim_of(order, books.spend.record, books.others)
        return advanced(records, about.bill, held, claim, order=order, at=at)
    if about.invoice is not None:
        invoice = about.invoice.record
        noted = replace(invoice, disputes=(*invoice.disputes, dispute_id))
        return Change(saves=(about.invoice.replaced_by(noted),))
    return Change()


def _held_bill(records: Records, dispute: Dispute) -> Stored[BackBill] | None:
    """Give the back-bill that a dispute holds."""
    bill = records.load(BackBill, bill_id(dispute.work_order_id))
    return bill if bill is not None and dispute.id in bill.record.held_by else None


def _released(bill: Stored[BackBill], dispute: Dispute, *, waived: Money) -> BackBill:
    is_overturned = dispute.outcome is Outcome.OVERTURNED
    return replace(
        bill.record,
        held_by=(),
        dispute_level="",
        waived=bill.record.waived + (ZERO if is_overturned else waived),
        is_overturned=bill.record.is_overturned or is_overturned,
    )


def _after_release(
    records: Records,
    books: Books,
    stored: Stored[BackBill] | None,
    released: BackBill | None,
    *,
    at: datetime,
) -> Change:
    """Give what follows for the back-bill once nothing holds it any more."""
    if stored is None or released is None:
        return Change()
    order, spend = books.order.record, books.spend
    claim = claim_of(order, spend.record, books.others)
    relied = (books.order.relied_on(), *([spend.relied_on()] if spend.version else []))
    moved = advanced(records, stored, released, claim, order=order, at=at)
    return moved + Change(relies_on=relied)


def _reopened(records: Records, books: Books, dispute: Dispute, *, at: datetime) -> Change:
    """Give the change by which a rejected invoice is decided on again; its clock stood."""
    stored = require(records.load(Invoice, dispute.subject_id), "invoice", dispute.subject_id)
    invoice = stored.record
    if invoice.state is not InvoiceState.REJECTED:
        return Change()
    since = invoice.decided_at or at
    after = replace(
        invoice,
        state=InvoiceState.SUBMITTED,
        returned=(*invoice.returned, Returned(since, at, f"rejected; dispute {dispute.id}")),
        decided_at=None,
        decided_by="",
        reason="",
        first_approved_by="",
        first_approved_at=None,
        # It is decided anew: who decides is reminded, and late is late, once more.
        escalated_at=None,
        reminded_at=None,
    )
    spent = [one for one in books.spend.record.spent if one.invoice_id != invoice.id]
    mine = next(one for one in books.spend.record.spent if one.invoice_id == invoice.id)
    spend = replace(books.spend.record, spent=(*spent, replace(mine, state=after.state)))
    partner = load_partner(records, invoice.partner_id)
    says = f"invoice {invoice.content.number} is decided on again after dispute {dispute.id}"
    event = Event(invoice.id, "reopened", at, dispute.closed_by, "X-86", (dispute.id,), says)
    letter = letters.reopened(after, partner=partner, dispute_id=dispute.id, at=at)
    others = tuple(one for one in books.others if one.id != invoice.id)
    order = books.order.record
    return Change(
        saves=(stored.replaced_by(after), books.spend.replaced_by(spend)),
        events=(event,),
        letters=(letter,),
        timers=timers_of(after, order, at=at),
        relies_on=(books.order.relied_on(),),
    ) + claim_change(records, order, spend, (*others, after), at=at)


def _closed(
    records: Records,
    stored: Stored[Dispute],
    after: Dispute,
    *,
    rule: str,
    by: str,
    at: datetime,
) -> Change:
    partner = load_partner(records, after.partner_id)
    ended = after.outcome or "withdrawn"
    says = f"dispute {after.id} of {after.kind} {after.subject_id} is closed: {ended}"
    event = Event(after.id, "dispute_closed", at, by, rule, (after.subject_id,), says)
    return Change(
        saves=(stored.replaced_by(after),),
        events=(event,),
        letters=(claim_letters.dispute_closed(after, partner=partner, at=at),),
    )


def _own(records: Records, dispute_id: str, partner_id: str | None) -> Stored[Dispute]:
    stored = records.load(Dispute, dispute_id)
    if stored is None or partner_id not in {None, stored.record.partner_id}:
        msg = f"dispute {dispute_id} is not known here: check the id"
        raise NotFound(msg)
    return stored


def _conflict(dispute: Dispute) -> Refused:
    return Refused("X-86", f"dispute {dispute.id} stands as {dispute.state}", "conflict")
