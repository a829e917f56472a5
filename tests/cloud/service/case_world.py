"""Homes, partners and detection's records for the tests of cases."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from cloud.adapters.memory import MemoryRecords
from cloud.detection.models import IssueClock, RegionSweep, SiteFacts, SiteTrack, Tier, Told
from cloud.kernel.change import Change, Save, Timer
from cloud.portfolio.models import Site
from cloud.service import process
from cloud.service.cases import Desks
from cloud.service.models import Case, Coordinator, Finding, WorkOrder, WorkOrderState
from cloud.service.process.verifying import worked
from tests.cloud.service.test_service_process import FINDING, SITE, partner

STANDARD = timezone(timedelta(hours=-5))
EASTERN = ZoneInfo("America/New_York")
MONDAY = datetime(2026, 6, 8, 9, 0, tzinfo=EASTERN)
DESKS = Desks("spc_1", "center@support.example", "ams@owner.example")
SURE = FINDING
UNSURE = replace(FINDING, dispatchable=False)
DANGER = replace(FINDING, id="F-D", hazard="electrical_hazard", says="it sparks")


def evaluation(day: int, hour: int) -> datetime:
    """Give one of detection's instants in June 2026, on the home's standard clock."""
    return datetime(2026, 6, day, hour, tzinfo=STANDARD)


def a_world(**site: Any) -> MemoryRecords:
    kept = MemoryRecords()
    spc = Coordinator("spc_1", "Sam", "spc@owner.example")
    people = (spc, partner("orig"), partner("other", performance=99))
    kept.commit(Change(saves=tuple(Save(one) for one in (replace(SITE, **site), *people))))
    for name in ("orig", "other"):
        process.enlist(kept, partner_id=name, at=MONDAY, by="rm")
    return kept


def take_up(records: MemoryRecords, finding: Finding = SURE, when: datetime = MONDAY) -> Case:
    return process.take_up(records, finding=finding, at=when, desks=DESKS)


def case_of(records: MemoryRecords, case_id: str) -> Case:
    stored = records.load(Case, case_id)
    assert stored is not None
    return stored.record


def orders(records: MemoryRecords, case: Case) -> list[WorkOrder]:
    found = records.find(WorkOrder, by="case_id", value=case.id)
    return sorted((one.record for one in found), key=lambda one: one.issued_at)


def has_worked(records: MemoryRecords, case: Case, when: datetime) -> Case:
    """Have the work of a case done, as a report of it does."""
    for order in orders(records, case):
        put(records, replace(order, state=WorkOrderState.COMPLETED, task=None))
    stored = records.load(Case, case.id)
    assert stored is not None
    after, change = worked(records, stored.record, worked_at=when, at=when)
    records.commit(Change(saves=(stored.replaced_by(after),)) + change)
    return after


def put(records: MemoryRecords, record: Any) -> None:
    stored = records.load(type(record), record.id)
    save = stored.replaced_by(record) if stored else Save(record)
    records.commit(Change(saves=(save,)))


def swept(
    records: MemoryRecords,
    at: datetime,
    *,
    told: tuple[str, ...] = (),
    told_since: str = "2026-06-05",
    clocks: tuple[IssueClock, ...] = (),
    own_clocks: tuple[IssueClock, ...] = (),
    is_judged: bool = True,
) -> None:
    """Have an evaluation over, with what detection then has on record of the home."""
    site = records.load(Site, "site-1")
    assert site is not None
    region = site.record.region
    before = records.load(RegionSweep, region)
    since = before.record.at if before else None
    if before and before.record.at == at:
        since = before.record.since
    put(records, RegionSweep(region, -5, at, 1, (0,), since, at if is_judged else None))
    standing = tuple(Told(one, one, told_since, Tier.DISPATCH) for one in told)
    put(records, SiteTrack("site-1", told=standing, clocks=clocks))
    put(records, SiteFacts("site-1", clocks=own_clocks, measured_at=at))


def look(records: MemoryRecords, at: datetime) -> None:
    """Wake every case whose timer is due, as the timers' function does."""
    due = [one for one in records.timers.values() if one.due_at <= at]
    for timer in due:
        if timer.wakes in process.CASE_WAKES:
            del records.timers[timer.id]
            process.wake_case(records, timer=timer, at=at)


def waiting(records: MemoryRecords) -> Timer:
    (timer,) = [one for one in records.timers.values() if one.wakes in process.CASE_WAKES]
    return timer


def whats(records: MemoryRecords, case: Case) -> list[str]:
    return [one.what for one in records.history(case.id)]


def to(records: MemoryRecords, address: str) -> list[str]:
    """Give the subjects of all letters to somebody, in order of time."""
    found = sorted(records.letters.values(), key=lambda one: one.at)
    return [one.subject.partition("] ")[2] for one in found if one.to == address]


def everything(records: MemoryRecords) -> tuple[Any, ...]:
    return (
        dict(records._records),
        {name: tuple(log) for name, log in records._history.items()},
        dict(records.letters),
        dict(records.messages),
        dict(records.timers),
    )


CUSTOMER = SITE.customer_email
ORIGINAL = "service@orig.example"
