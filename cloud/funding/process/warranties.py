"""Warranty offsets at M1, and the price tables that they are taken from."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime

from cloud.funding import ledger
from cloud.funding.gates import Blocked
from cloud.funding.models import Deduction, Payable, PayableState
from cloud.funding.netting import DeductionKind
from cloud.funding.process.opening import ACCRUAL, open_item, payable_id
from cloud.funding.warranty import (
    TESLA,
    Inverter,
    WarrantyOffsets,
    WarrantyPrices,
    read_prices,
    table_on,
    warranty_offsets,
)
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money
from cloud.kernel.policy import COMFORT
from cloud.kernel.ports import Records, require
from cloud.portfolio.models import Milestone, Project, Site

_WARRANTIES = {
    "tesla_warranty": "Tesla inverter warranty",
    "solaredge_extended_warranty": "SolarEdge extended warranty",
}


def warranty_on_m1(
    records: Records,
    *,
    project: Project,
    site: Site,
    at: datetime,
    prices: Mapping[str, Money] | None = None,
) -> WarrantyOffsets:
    """Raise the warranty offsets of a project that reached M1, each once a project (F23, F24).

    They follow the inverters that the project was sold with, or the site's own where those are not
    known, at the prices of the day of M1. Called again once a missing price is known, it raises
    what was missing and frees M1. A project that reaches M1 anew does not owe them again.
    """
    reached_at = project.reached_at(Milestone.M1) or at
    sold_on = eastern_day(reached_at)
    inverters = inverters_of(project, site)
    if prices is None:
        prices = table_on(_tables(records, project.programme), sold_on, project.programme)
    offsets = warranty_offsets(
        inverters, sold_on=sold_on, prices=prices, programme=project.programme
    )
    amounts: dict[tuple[str, str], Money] = {}
    for line in offsets.lines:
        named = line.kind, line.about
        amounts[named] = amounts.get(named, ZERO) + line.amount
    for (kind, about), amount in amounts.items():
        model = about if about != "project" else _of_make(inverters, TESLA)
        deduction = Deduction(
            id=derived("DED", project.id, kind, about),
            kind=DeductionKind.PROJECT_NET_FUND,
            partner_id=project.partner_id,
            project_id=project.id,
            raised=amount,
            incurred_on=sold_on,
            raised_at=reached_at,
            says=f"{_WARRANTIES[kind]}: project {project.id}, inverter {model}",
            causes=(project.id, site.id),
            programme=project.programme,
        )
        rule = "F23" if about == "project" else "F24"
        postings = ledger.raising(deduction.kind, amount)
        open_item(records, deduction, postings, event_at=reached_at, at=at, rule=rule)
    wanted = payable_id(project.id, Milestone.M1, project.occurrence(Milestone.M1))
    held = records.load(Payable, wanted)
    if held and held.record.hold == Blocked.UNPRICED_INVERTER and not offsets.blocks_m1:
        release_payable(records, payable_id=held.record.id, by=ACCRUAL, at=at)
    return offsets


def inverters_of(project: Project, site: Site) -> tuple[Inverter, ...]:
    """Give what a project was sold with, or the site's own inverter where that is not known."""
    sold = tuple(Inverter(one.make, one.model, one.quantity) for one in project.inverters)
    return sold or (Inverter(site.manufacturer, site.inverter_model),)


def _of_make(inverters: Iterable[Inverter], make: str) -> str:
    return next((one.model for one in inverters if one.make == make), make)


def _tables(records: Records, programme: str) -> list[WarrantyPrices]:
    found = records.find(WarrantyPrices, by="programme", value=programme)
    return [one.record for one in found]


def release_payable(
    records: Records, *, payable_id: str, by: str, at: datetime
) -> Payable | Refused:
    """Take the hold off a payable; it goes with the next run. Without a hold nothing happens.

    One that waits for a price is freed by the price alone, so that its offset is never a silent
    zero (F24).
    """
    if by != ACCRUAL:
        item = require(records.load(Payable, payable_id), "payable", payable_id).record
        if item.hold == Blocked.UNPRICED_INVERTER:
            because = f"payable {payable_id} waits for the price of an inverter: import the table"
            return Refused("F24", because, "unpriced_inverter")
    stored = require(records.load(Payable, payable_id), "payable", payable_id)
    if not stored.record.hold or stored.record.state is not PayableState.OPEN:
        return stored.record
    free = replace(stored.record, hold="")
    says = f"{payable_id} no longer waits for {stored.record.hold}"
    event = Event(payable_id, "payable_released", at, by, says=says)
    records.commit(Change(saves=(stored.replaced_by(free),), events=(event,)))
    return free


def import_prices(
    records: Records,
    content: bytes,
    *,
    effective_from: date,
    at: datetime,
    by: str,
    programme: str = COMFORT,
) -> WarrantyPrices | Refused:
    """Put a price table on record, and free each M1 that waited for one of its prices (F24).

    A table holds from its day on and is never changed: a later one takes its place. The same table
    again changes nothing and goes on with what was left to free.

    Raises:
        BadInput: the text is no price table; one line says where.
    """
    prices = read_prices(content)
    wanted = derived("WPR", programme, effective_from.isoformat())
    stored = records.load(WarrantyPrices, wanted)
    if stored is None:
        latest = max((one.effective_from for one in _tables(records, programme)), default=None)
        if latest is not None and effective_from <= latest:
            because = f"a table from {latest} is on record; a new one begins later"
            return Refused("F24", because, "table_not_later")
        table = WarrantyPrices(wanted, effective_from, prices, by, at, programme)
        says = f"{len(prices)} warranty prices hold from {effective_from.isoformat()}"
        event = Event(wanted, "warranty_prices_imported", at, by, "F24", says=says)
        records.commit(Change(saves=(Save(table),), events=(event,)))
    else:
        table = stored.record
        if table.prices != prices:
            because = f"another table from {effective_from} is on record; begin on a later day"
            return Refused("F24", because, "table_differs")
    _free_priced(records, table, at)
    return table


def _free_priced(records: Records, table: WarrantyPrices, at: datetime) -> None:
    """Look again at each M1 that waits for a price; the index may not show the table yet."""
    known = {one.id: one for one in (*_tables(records, table.programme), table)}
    for stored in records.find(Payable, by="state", value=PayableState.OPEN):
        item = stored.record
        if item.hold != Blocked.UNPRICED_INVERTER or item.programme != table.programme:
            continue
        project = require(records.load(Project, item.project_id), "project", item.project_id)
        made = project.record
        site = require(records.load(Site, made.site_id), "site", made.site_id).record
        on = eastern_day(made.reached_at(Milestone.M1) or item.accrued_at)
        if not made.cancelled and made.reached_at(Milestone.M1) is not None:
            prices = table_on(known.values(), on, table.programme)
            warranty_on_m1(records, project=made, site=site, at=at, prices=prices)
