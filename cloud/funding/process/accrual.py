"""What partners earn enters the books, each thing once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from cloud.funding import ledger, plan
from cloud.funding.gates import Blocked
from cloud.funding.models import SERVICE, Payable, PayableState
from cloud.funding.process.booking import book, entry_change
from cloud.funding.process.opening import (
    NOTHING,
    Posted,
    milestone_causes,
    open_item,
    opened,
    payable_id,
    payable_of_invoice,
    post_once,
)
from cloud.funding.process.warranties import warranty_on_m1
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Message
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.kernel.ports import Records, require
from cloud.portfolio.models import Milestone, Project, Site


def accrue_milestone(
    records: Records,
    *,
    project: Project,
    milestone: Milestone,
    at: datetime,
    occurrence: int | None = None,
) -> Payable | None:
    """Open what a milestone pays, or give what was opened before; None when it pays nothing.

    The instant at which the milestone was reached, as the server recorded it, decides the window.
    At M1 the warranty offsets of the inverters are raised first, so that no run can see the money
    without them; a model without a price holds the payable. What was revoked by the time that it
    would be opened is not opened any more (D08).

    Args:
        records: where it is kept.
        project: as it was when the milestone was reached; its plan is pinned.
        milestone: which one.
        at: now.
        occurrence: which time of the milestone it was, where the caller knows; else the present.
    """
    which = project.occurrence(milestone) if occurrence is None else occurrence
    reached_at = project.reached_at(milestone) or at
    amount = plan.split(
        project.value, project.plan, on=eastern_day(reached_at), programme=project.programme
    ).get(milestone)
    if not amount:
        return None
    wanted = payable_id(project.id, milestone, which)
    known = records.load(Payable, wanted)
    if known is None and _is_over(project, milestone, which):
        return None
    hold = ""
    if milestone is Milestone.M1 and not _is_over(project, milestone, which):
        hold = _priced(records, project, at)
    payable = Payable(
        id=wanted,
        partner_id=project.partner_id,
        project_id=project.id,
        work_order_id="",
        milestone=str(milestone),
        amount=amount,
        accrued_at=reached_at,
        hold=hold,
        says=f"{milestone} of project {project.id}: {amount} of {project.value}",
        causes=milestone_causes(project, {milestone: which}),
        programme=project.programme,
    )
    is_new = _open_while_it_stands(records, payable, milestone, which, at)
    if is_new and hold:
        _priced(records, project, at)  # a price that came this moment did not find the payable
    found = records.load(Payable, wanted)
    return found.record if found else None


def _open_while_it_stands(
    records: Records, payable: Payable, milestone: Milestone, occurrence: int, at: datetime
) -> bool:
    """Open what a milestone pays unless it was revoked; of the two one comes first (D08)."""
    postings = ledger.move(payable.amount, debit=ledger.PROJECT_COST, credit=ledger.PARTNER_PAYABLE)

    def decide() -> Posted:
        stored = records.load(Project, payable.project_id)
        if stored is None:
            return opened(payable, postings, at=at, rule="D06")
        if _is_over(stored.record, milestone, occurrence):
            return NOTHING
        relied = Change(relies_on=(stored.relied_on(),))
        return opened(payable, postings, at=at, rule="D06") + Posted((), relied)

    return post_once(
        records,
        payable.partner_id,
        entry_id=derived("LE", payable.id),
        decide=decide,
        event_at=payable.accrued_at,
        at=at,
        causes=(payable.id, *payable.causes),
        says=payable.says,
    )


def _is_over(project: Project, milestone: Milestone, occurrence: int) -> bool:
    """Tell whether that time of the milestone does not count any more."""
    return project.occurrence(milestone) > occurrence


def _priced(records: Records, project: Project, at: datetime) -> str:
    """Raise the warranty offsets; give what M1 waits for where a model has no price."""
    site = require(records.load(Site, project.site_id), "site", project.site_id).record
    offsets = warranty_on_m1(records, project=project, site=site, at=at)
    return str(Blocked.UNPRICED_INVERTER) if offsets.blocks_m1 else ""


def accrue_service(records: Records, *, body: Mapping[str, Any], at: datetime) -> Payable:
    """Open what an approved service invoice pays.

    The body holds invoice_id, partner_id, work_order_id, site_id, amount_cents, approved_at and
    says. The instant of approval decides the window; a project's gates do not hold it.
    """
    approved_at = datetime.fromisoformat(body["approved_at"])
    amount = Money(body["amount_cents"])
    payable = Payable(
        id=payable_of_invoice(body["invoice_id"]),
        partner_id=body["partner_id"],
        project_id="",
        work_order_id=body["work_order_id"],
        milestone=SERVICE,
        amount=amount,
        accrued_at=approved_at,
        says=body["says"],
        causes=(body["invoice_id"], body["work_order_id"], body["site_id"]),
    )
    postings = ledger.move(amount, debit=ledger.SERVICE_COST, credit=ledger.PARTNER_PAYABLE)
    open_item(records, payable, postings, event_at=approved_at, at=at, rule="F02")
    return require(records.load(Payable, payable.id), "payable", payable.id).record


def withdraw_service(records: Records, *, body: Mapping[str, Any], at: datetime) -> Payable:
    """Take a service payable back that no run took yet, and answer whether it was in time.

    The body holds id, invoice_id, by and says. Who is first, this or the run, is decided by the
    payable's version. The same request again gives the same answer.

    Raises:
        NotFound: the payable is not open yet; its message comes.
        Conflict: others were faster several times.
    """
    wanted = payable_of_invoice(body["invoice_id"])
    stored = require(records.load(Payable, wanted), "payable", wanted)
    is_open = stored.record.state is PayableState.OPEN
    is_withdrawn = is_open or stored.record.state is PayableState.WITHDRAWN
    answer = Message(
        id=derived("WDN", body["id"]),
        topic="withdrawn",
        body={"invoice_id": body["invoice_id"], "is_withdrawn": is_withdrawn},
        at=at,
    )
    if not is_open:
        records.commit(Change(messages=(answer,)))
        return stored.record
    gone = replace(stored.record, state=PayableState.WITHDRAWN)
    entry_id = derived("LE", wanted, "withdrawn")
    postings = ledger.move(gone.amount, debit=ledger.PARTNER_PAYABLE, credit=ledger.SERVICE_COST)
    event = Event(wanted, "payable_withdrawn", at, body["by"], says=body["says"])

    def change() -> Change:
        entry = entry_change(
            records,
            gone.partner_id,
            entry_id=entry_id,
            postings=postings,
            event_at=at,
            recorded_at=at,
            causes=(wanted, body["invoice_id"]),
            says=body["says"],
        )
        saves = (stored.replaced_by(gone),)
        return entry + Change(saves=saves, events=(event,), messages=(answer,))

    book(records, entry_id, change)
    return gone
