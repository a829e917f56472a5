"""What partners earn and owe enters the books, each thing once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from cloud.funding import ledger, plan
from cloud.funding.clawback import rule_of
from cloud.funding.gates import Blocked
from cloud.funding.models import CREDIT, SERVICE, Deduction, Payable, PayableState, Posting
from cloud.funding.netting import DeductionKind
from cloud.funding.process.booking import book, entry_change
from cloud.funding.warranty import Inverter, WarrantyOffsets, warranty_offsets
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Message, Save
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.kernel.ports import Records, require
from cloud.portfolio.models import Milestone, Project, Site, milestone_id

ACCRUAL = "funding"
_WARRANTIES = {
    "tesla_warranty": "Tesla inverter warranty",
    "solaredge_extended_warranty": "SolarEdge extended warranty",
}


def payable_id(project_id: str, milestone: Milestone) -> str:
    """Name the payable of a milestone; a project has each milestone once."""
    return derived("PAY", project_id, milestone)


def payable_of_invoice(invoice_id: str) -> str:
    """Name the payable of a service invoice; an invoice has one."""
    return derived("PAY", SERVICE, invoice_id)


def _open(
    records: Records,
    item: Payable | Deduction,
    postings: tuple[Posting, ...],
    *,
    event_at: datetime,
    at: datetime,
    rule: str,
) -> None:
    """Post the entry of an item and open the item, in one transaction, once."""
    entry_id = derived("LE", item.id)
    what = "payable_opened" if isinstance(item, Payable) else "deduction_raised"
    event = Event(item.id, what, at, ACCRUAL, rule, item.causes, item.says)

    def change() -> Change:
        return entry_change(
            records,
            item.partner_id,
            entry_id=entry_id,
            postings=postings,
            event_at=event_at,
            recorded_at=at,
            causes=(item.id, *item.causes),
            says=item.says,
        ) + Change(saves=(Save(item),), events=(event,))

    book(records, entry_id, change)


def accrue_milestone(
    records: Records, *, project: Project, milestone: Milestone, at: datetime
) -> Payable | None:
    """Open what a milestone pays, or give what was opened before; None when it pays nothing.

    The instant at which the milestone was reached, as the server recorded it, decides the window.
    At M1 the warranty offsets of the site's inverter are raised first, so that no run can see the
    money without them; a model without a price holds the payable.
    """
    amount = plan.split(project.value, project.plan).get(milestone)
    if not amount:
        return None
    reached_at = project.reached_at(milestone) or at
    hold = ""
    if milestone is Milestone.M1:
        site = require(records.load(Site, project.site_id), "site", project.site_id).record
        if warranty_on_m1(records, project=project, site=site, at=at).blocks_m1:
            hold = str(Blocked.UNPRICED_INVERTER)
    payable = Payable(
        id=payable_id(project.id, milestone),
        partner_id=project.partner_id,
        project_id=project.id,
        work_order_id="",
        milestone=str(milestone),
        amount=amount,
        accrued_at=reached_at,
        hold=hold,
        says=f"{milestone} of project {project.id}: {amount} of {project.value}",
        causes=(milestone_id(project.id, milestone), project.id),
    )
    postings = ledger.move(amount, debit=ledger.PROJECT_COST, credit=ledger.PARTNER_PAYABLE)
    _open(records, payable, postings, event_at=reached_at, at=at, rule="D06")
    return require(records.load(Payable, payable.id), "payable", payable.id).record


def warranty_on_m1(
    records: Records,
    *,
    project: Project,
    site: Site,
    at: datetime,
    prices: Mapping[str, Money] | None = None,
) -> WarrantyOffsets:
    """Raise the warranty offsets of a project that reached M1 (F23, F24).

    Called again once a missing price is known, it raises what was missing and frees M1.
    """
    reached_at = project.reached_at(Milestone.M1) or at
    offsets = warranty_offsets(
        [Inverter(site.manufacturer, site.inverter_model)],
        sold_on=eastern_day(reached_at),
        prices=prices,
    )
    for line in offsets.lines:
        about = site.inverter_model.strip().upper()
        deduction = Deduction(
            id=derived("DED", project.id, line.kind, line.about),
            kind=DeductionKind.PROJECT_NET_FUND,
            partner_id=project.partner_id,
            project_id=project.id,
            raised=line.amount,
            incurred_on=eastern_day(reached_at),
            raised_at=reached_at,
            says=f"{_WARRANTIES[line.kind]}: project {project.id}, inverter {about}",
            causes=(project.id, site.id),
        )
        rule = "F23" if line.about == "project" else "F24"
        postings = ledger.raising(deduction.kind, line.amount)
        _open(records, deduction, postings, event_at=reached_at, at=at, rule=rule)
    held = records.load(Payable, payable_id(project.id, Milestone.M1))
    if held and held.record.hold == Blocked.UNPRICED_INVERTER and not offsets.blocks_m1:
        release_payable(records, payable_id=held.record.id, by=ACCRUAL, at=at)
    return offsets


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
    _open(records, payable, postings, event_at=approved_at, at=at, rule="F02")
    return require(records.load(Payable, payable.id), "payable", payable.id).record


def accrue_offset(
    records: Records, *, body: Mapping[str, Any], at: datetime
) -> Deduction | Payable:
    """Raise a deduction that another stage, or a decision of two people, asks for.

    The body holds offset_id, partner_id, amount_cents, kind, incurred_on, says and causes, and
    project_id where it is about a project. The instant of recording decides the window. An amount
    below zero gives back what was raised before: it opens a payable, so that it is paid where the
    deduction was taken already, and the two meet in one run where it was not.

    Raises:
        BadInput: a net fund of a project names no project.
    """
    kind = DeductionKind(body["kind"])
    project_id = body.get("project_id") or ""
    if kind is DeductionKind.PROJECT_NET_FUND and not project_id:
        msg = f"offset {body['offset_id']}: a net fund of a project must name the project"
        raise BadInput(msg)
    if body["amount_cents"] < 0:
        return _give_back(records, kind, body, at=at)
    deduction = Deduction(
        id=body["offset_id"],
        kind=kind,
        partner_id=body["partner_id"],
        project_id=project_id,
        raised=Money(body["amount_cents"]),
        incurred_on=date.fromisoformat(body["incurred_on"]),
        raised_at=at,
        says=body["says"],
        causes=tuple(body["causes"]),
    )
    postings = ledger.raising(kind, deduction.raised)
    _open(records, deduction, postings, event_at=at, at=at, rule=rule_of(kind))
    return require(records.load(Deduction, deduction.id), "deduction", deduction.id).record


def _give_back(
    records: Records, kind: DeductionKind, body: Mapping[str, Any], *, at: datetime
) -> Payable:
    amount = Money(-body["amount_cents"])
    payable = Payable(
        id=body["offset_id"],
        partner_id=body["partner_id"],
        project_id="",
        work_order_id="",
        milestone=CREDIT,
        amount=amount,
        accrued_at=at,
        says=body["says"],
        causes=tuple(body["causes"]),
    )
    postings = ledger.giving_back(kind, amount)
    _open(records, payable, postings, event_at=at, at=at, rule=rule_of(kind))
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


def release_payable(records: Records, *, payable_id: str, by: str, at: datetime) -> Payable:
    """Take the hold off a payable; it goes with the next run. Without a hold nothing happens."""
    stored = require(records.load(Payable, payable_id), "payable", payable_id)
    if not stored.record.hold or stored.record.state is not PayableState.OPEN:
        return stored.record
    free = replace(stored.record, hold="")
    says = f"{payable_id} no longer waits for {stored.record.hold}"
    event = Event(payable_id, "payable_released", at, by, says=says)
    records.commit(Change(saves=(stored.replaced_by(free),), events=(event,)))
    return free


def pause_deduction(
    records: Records, *, deduction_id: str, paused: bool, by: str, at: datetime
) -> Deduction:
    """Pause a deduction when an extension is granted, or resume it when that ends (F13)."""
    stored = require(records.load(Deduction, deduction_id), "deduction", deduction_id)
    if stored.record.paused == paused:
        return stored.record
    changed = replace(stored.record, paused=paused)
    event = Event(
        deduction_id, "deduction_paused" if paused else "deduction_resumed", at, by, "F13"
    )
    records.commit(Change(saves=(stored.replaced_by(changed),), events=(event,)))
    return changed
