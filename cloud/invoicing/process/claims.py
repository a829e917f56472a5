"""Claiming back from the original installer what another partner was paid."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from cloud.invoicing import letters
from cloud.invoicing.backbill import Owed, PaidLine, owed
from cloud.invoicing.billing import BackBilling, billable_party
from cloud.invoicing.models import BackBill, BackBillState
from cloud.invoicing.policy import BACK_BILL_MARKUP_BPS
from cloud.kernel.change import Change, Event, Message
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner
from cloud.service.disputes import next_step
from cloud.service.models import Cause, WorkOrder
from cloud.service.policy import DISPUTE_LEVELS

BY_INVOICING = "invoicing"


def assess(
    records: Records, *, work_order_id: str, paid: Sequence[PaidLine], at: datetime
) -> BackBill | None:
    """Give what the original installer owes, and post what is new of it (B-53, B-54).

    `paid` is all that was paid so far for the work order. None where nothing can be claimed. While
    the cause is undetermined it is exposure, and while it is disputed nothing is posted. Assessing
    the same again posts nothing.
    """
    order = _order(records, work_order_id)
    stored = records.load(BackBill, derived("BB", work_order_id))
    verdict = _verdict(order)
    if verdict is BackBilling.NO:
        return stored.record if stored else None
    bill = stored.record if stored else _new(order)
    if verdict is BackBilling.YES and bill.state in {BackBillState.DISPUTED, BackBillState.DROPPED}:
        return bill
    found = owed(
        paid,
        is_workmanship_confirmed=order.cause is Cause.WORKMANSHIP,
        original_offer=order.original_offer,
        markup_bps=BACK_BILL_MARKUP_BPS.on(order.policy_day),
        already_posted=bill.posted,
        on=order.policy_day,
    )
    after = replace(bill, cost=found.cost, markup=found.markup, total=found.total)
    change = Change()
    if found.is_eligible and found.to_post:
        causes = (order.id, order.case_id, *(line.invoice_id for line in paid if line.invoice_id))
        after, change = _posted(records, after, order, found, causes=causes, at=at)
    if stored is None or after != stored.record:
        save = (stored or Stored(after, 0)).replaced_by(after)
        records.commit(Change(saves=(save,)) + change)
    return after


def dispute(
    records: Records, *, work_order_id: str, partner_id: str, at: datetime, by: str
) -> BackBill | Refused:
    """Hold a back-bill because its partner disagrees (X-85).

    Raises:
        NotFound: there is none, or it is another partner's.
    """
    stored = _own(records, work_order_id, partner_id)
    bill = stored.record
    if bill.state is BackBillState.DISPUTED:
        return bill
    if bill.state is BackBillState.DROPPED:
        return Refused("X-85", f"back-bill {bill.id} was dropped", "conflict")
    day = _order(records, work_order_id).policy_day
    level = DISPUTE_LEVELS.on(day)[0]
    after = replace(bill, state=BackBillState.DISPUTED, dispute_level=level)
    says = f"partner {partner_id} disputes back-bill {bill.id}"
    event = Event(bill.id, "disputed", at, by, "X-85", (work_order_id,), says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def decide_dispute(
    records: Records,
    *,
    work_order_id: str,
    is_resolved: bool,
    finding: str | None,
    at: datetime,
    by: str,
) -> BackBill | Refused:
    """Settle a dispute or take it to the next level (X-86).

    What turns out not to be workmanship is given back in full; anything else releases the hold.
    """
    found = records.load(BackBill, derived("BB", work_order_id))
    stored = require(found, "back-bill of work order", work_order_id)
    bill = stored.record
    if bill.state is not BackBillState.DISPUTED:
        return Refused("X-86", f"back-bill {bill.id} stands as {bill.state}", "conflict")
    order = _order(records, work_order_id)
    step = next_step(
        bill.dispute_level,
        is_resolved=is_resolved,
        finding=finding,
        posted=bill.posted,
        on=order.policy_day,
    )
    if step.level is not None:
        says = f"the dispute of back-bill {bill.id} goes to {step.level}"
        after, change = replace(bill, dispute_level=step.level), Change()
    elif finding == "not_workmanship":
        says = f"back-bill {bill.id} is dropped: {step.credit} is given back"
        after, change = _credited(bill, order, credit=step.credit, at=at)
    else:
        says = f"the dispute of back-bill {bill.id} is settled: {finding or 'upheld'}"
        state = BackBillState.POSTED if bill.posted else BackBillState.PENDING
        after, change = replace(bill, state=state, dispute_level=""), Change()
    event = Event(bill.id, "dispute_decided", at, by, "X-86", (work_order_id,), says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)) + change)
    return after


def _posted(
    records: Records,
    bill: BackBill,
    order: WorkOrder,
    found: Owed,
    *,
    causes: tuple[str, ...],
    at: datetime,
) -> tuple[BackBill, Change]:
    after = replace(
        bill,
        state=BackBillState.POSTED,
        posted=bill.posted + found.to_post,
        revision=bill.revision + 1,
    )
    says = f"workmanship on work order {order.id}: {found.cost} paid, {found.markup} markup"
    partner = require(records.load(Partner, bill.partner_id), "partner", bill.partner_id).record
    return after, Change(
        events=(Event(bill.id, "back_billed", at, BY_INVOICING, "B-54", causes, says),),
        letters=(letters.back_billed(after, partner=partner, amount=found.to_post, at=at),),
        messages=(_offset(after, order, amount=found.to_post, says=says, causes=causes, at=at),),
    )


def _credited(
    bill: BackBill, order: WorkOrder, *, credit: Money, at: datetime
) -> tuple[BackBill, Change]:
    after = replace(
        bill,
        state=BackBillState.DROPPED,
        posted=bill.posted - credit,
        revision=bill.revision + 1,
        dispute_level="",
    )
    if not credit:
        return after, Change()
    says = f"back-bill {bill.id} was not workmanship after all"
    causes = (order.id, bill.id)
    return after, Change(
        messages=(_offset(after, order, amount=-credit, says=says, causes=causes, at=at),)
    )


def _offset(
    bill: BackBill,
    order: WorkOrder,
    *,
    amount: Money,
    says: str,
    causes: tuple[str, ...],
    at: datetime,
) -> Message:
    """Give what the funding runs take from the installer; below zero they give it back."""
    offset_id = derived("OFF", bill.id, bill.revision)
    return Message(
        id=offset_id,
        topic="offset",
        at=at,
        body={
            "offset_id": offset_id,
            "partner_id": bill.partner_id,
            "amount_cents": amount.cents,
            "kind": "back_bill",
            "incurred_on": at.astimezone(ZoneInfo(order.time_zone)).date().isoformat(),
            "says": says,
            "causes": list(causes),
        },
    )


def _verdict(order: WorkOrder) -> BackBilling:
    return billable_party(
        order.cause,
        performer_id=order.partner_id or "",
        original_installer_id=order.original_installer_id,
        original_offer=order.original_offer,
        on=order.policy_day,
    ).back_bill


def _new(order: WorkOrder) -> BackBill:
    return BackBill(
        id=derived("BB", order.id),
        work_order_id=order.id,
        partner_id=order.original_installer_id,
        state=BackBillState.PENDING,
    )


def _own(records: Records, work_order_id: str, partner_id: str) -> Stored[BackBill]:
    stored = records.load(BackBill, derived("BB", work_order_id))
    if stored is None or stored.record.partner_id != partner_id:
        msg = f"a back-bill of work order {work_order_id} is not known here: check the number"
        raise NotFound(msg)
    return stored


def _order(records: Records, work_order_id: str) -> WorkOrder:
    return require(records.load(WorkOrder, work_order_id), "work order", work_order_id).record
