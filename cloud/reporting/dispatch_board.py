"""The work orders of all partners, as the coordinators look at them; nothing is decided here."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from enum import StrEnum

from cloud.kernel.ids import derived
from cloud.kernel.ports import Records
from cloud.portfolio import fitness
from cloud.portfolio.models import Partner, Site
from cloud.reporting.emergency_board import open_cases
from cloud.reporting.partner_desk import in_order, next_due, stage_of
from cloud.service.models import Case, Task, WorkOrder, WorkOrderState
from cloud.service.routing import distance_km


class Shelf(StrEnum):
    """Where a work order lies for the coordinators; a late one lies on its own shelf as well."""

    LATE = "late"
    WAITS = "waits"
    """A person of ours has something to do with it."""
    NO_PARTNER = "no_partner"
    TO_ANSWER = "to_answer"
    TO_SCHEDULE = "to_schedule"
    IN_WORK = "in_work"
    TO_REPORT = "to_report"
    PAUSED = "paused"
    PAST = "past"


def orders_at_work(records: Records) -> tuple[WorkOrder, ...]:
    """Give every work order of the cases that are open, and those that wait for a person.

    Work orders have no index of their state: an open one belongs to an open case, and they are read
    by their numbers.
    """
    found: dict[str, WorkOrder] = {}
    for task in Task:
        found |= {
            one.record.id: one.record for one in records.find(WorkOrder, by="task", value=task)
        }
    found |= {one.id: one for one in orders_of_cases(records, open_cases(records))}
    return tuple(found.values())


def orders_of_cases(records: Records, cases: Iterable[Case]) -> tuple[WorkOrder, ...]:
    """Give every work order of some cases, whatever became of them.

    Their numbers follow from the case's id and go on from one (A-81), so that nothing is searched:
    as many calls as the case with the most work orders has of them, and one.
    """
    found: list[WorkOrder] = []
    left, number = [one.id for one in cases], 1
    while left:
        ids = {derived("WO", case_id, number): case_id for case_id in left}
        loaded = records.load_all(WorkOrder, sorted(ids))
        found += [one.record for one in loaded.values()]
        left, number = [ids[name] for name in loaded], number + 1
    return tuple(found)


def orders_of_homes(records: Records, site_ids: Collection[str]) -> tuple[WorkOrder, ...]:
    """Give the work orders of some homes, whatever became of them: one question for each home."""
    cases = [
        one.record
        for site_id in site_ids
        for one in records.find(Case, by="site_id", value=site_id)
    ]
    return orders_of_cases(records, cases)


def able_partners(records: Records, site: Site, *, on: date) -> tuple[tuple[Partner, float], ...]:
    """Give whom a person may send to a home, the nearest first, each with its kilometres (Q-79).

    They are active, licensed in its state and insured on the day; whether it is their kind of
    work, and how far they like to go, is for the person who chooses to weigh (R-42).
    """
    found = [
        (one, distance_km((one.latitude, one.longitude), (site.latitude, site.longitude)))
        for stored in records.find(Partner, by="active", value="True")
        if (one := stored.record).mode == site.mode
        and fitness.is_licensed(one, state=site.state, on=on)
        and fitness.is_insured(one, on=on)
    ]
    return tuple(sorted(found, key=lambda one: (one[1], one[0].id)))


def is_late(order: WorkOrder, *, at: datetime) -> bool:
    """Tell whether the next thing is overdue; on the last instant it is not."""
    due = next_due(order, at=at)
    return due is not None and due < at


def shelves_of(order: WorkOrder, *, at: datetime) -> frozenset[Shelf]:
    """Give the shelves on which a work order lies: where it stands, and what it waits for."""
    found = set()
    if order.task is not None and order.state is not WorkOrderState.CANCELLED:
        found.add(Shelf.WAITS)
    if is_late(order, at=at):
        found.add(Shelf.LATE)
    if order.state is WorkOrderState.MANUAL_DISPATCH:
        found.add(Shelf.NO_PARTNER)
    else:
        found.add(Shelf(stage_of(order, at=at)))
    return frozenset(found)


def late_first(orders: Iterable[WorkOrder], *, at: datetime) -> tuple[WorkOrder, ...]:
    """Give work orders in the order in which a coordinator looks at them.

    Emergencies, then what nobody has, then what is due first, so that what is late leads; the past
    comes last, the newest first.
    """
    ordered = in_order(orders, at=at)

    def place(order: WorkOrder) -> tuple[bool, bool, bool]:
        is_calm = not (order.is_emergency and order.is_open)
        return not order.is_open, is_calm, order.state is not WorkOrderState.MANUAL_DISPATCH

    return tuple(sorted(ordered, key=place))
