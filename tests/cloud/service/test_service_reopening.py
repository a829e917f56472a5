"""What comes back after a case was resolved: the same case, or a new one (C-16)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Save
from cloud.portfolio.models import Site
from cloud.service import process
from cloud.service.cases import comes_back
from cloud.service.clocks import emergency_of
from cloud.service.models import Case, CaseOwner, CaseState, Coordinator, Task, WorkOrder
from tests.cloud.service.test_service_process import FINDING, MONDAY, SITE, partner

RESOLVED = datetime(2026, 6, 23, 21, 0, tzinfo=ZoneInfo("America/New_York"))
DAYS_14 = timedelta(days=14)
A_SECOND = timedelta(seconds=1)
AGAIN = replace(FINDING, id="F-2", evidence=("24 June: 30%",), causes=("chunk-2",))


@pytest.fixture
def records():
    kept = MemoryRecords()
    spc = Coordinator("spc_1", "Sam", "spc@owner.example")
    kept.commit(Change(saves=(Save(SITE), Save(spc), Save(partner("orig")))))
    process.enlist(kept, partner_id="orig", at=MONDAY, by="rm")
    return kept


def take_up(records, finding=FINDING, when=MONDAY) -> Case:
    return process.take_up(records, finding=finding, at=when, spc_id="spc_1")


def recovers(records, when=RESOLVED):
    """Have the readings be well; where work was done, the customer says so besides."""
    case = process.record_recovery(records, site_id="site-1", family="PRODUCTION", at=when)
    if case is not None and case.state is CaseState.VERIFYING:
        return process.customer_confirms(records, case_id=case.id, at=when, by="ams")
    return case


def resolve(records, finding=FINDING) -> Case:
    """Have a case that is resolved: its work was done, or nobody had to go."""
    case = take_up(records, finding)
    if case.state is CaseState.WORK_ORDERED:
        stored = records.load(Case, case.id)
        visited = replace(stored.record, state=CaseState.VERIFYING, visited_at=MONDAY)
        records.commit(Change(saves=(stored.replaced_by(visited),)))
    case = recovers(records)
    assert (case.state, case.resolved_at) == (CaseState.RESOLVED, RESOLVED)
    return case


def cases(records):
    return [one.record for one in records.find(Case, by="site_id", value="site-1")]


def orders(records, case):
    return [one.record for one in records.find(WorkOrder, by="case_id", value=case.id)]


def to_customer(records):
    return [one for one in records.letters.values() if one.to == SITE.customer_email]


@pytest.mark.rule("C-16")
@pytest.mark.parametrize(
    ("after", "is_same"),
    [
        pytest.param(timedelta(hours=1), True, id="an hour later"),
        pytest.param(DAYS_14 - A_SECOND, True, id="just before the end of the fortnight"),
        pytest.param(DAYS_14, True, id="exactly fourteen days later"),
        pytest.param(DAYS_14 + A_SECOND, False, id="a second more"),
    ],
)
def test_what_comes_back_within_fourteen_days_is_the_same_case(records, after, is_same):
    first = resolve(records)
    case = take_up(records, AGAIN, RESOLVED + after)
    assert (case.id == first.id) is is_same
    assert len(cases(records)) == (1 if is_same else 2)
    assert case.reopened == int(is_same)
    assert case.state is CaseState.WORK_ORDERED
    assert len(orders(records, case)) == (2 if is_same else 1)
    assert len(to_customer(records)) == 3


@pytest.mark.rule("C-16")
def test_the_days_are_elapsed_time_over_the_change_of_the_clock():
    eastern = ZoneInfo("America/New_York")
    resolved_at = datetime(2026, 10, 25, 12, 0, tzinfo=eastern)
    case = replace(a_case(), resolved_at=resolved_at)
    end = (resolved_at.astimezone(UTC) + DAYS_14).astimezone(eastern)
    assert end.hour == 11
    assert comes_back(case, end.astimezone(UTC))
    assert not comes_back(case, end.astimezone(UTC) + A_SECOND)


def a_case() -> Case:
    records = MemoryRecords()
    records.commit(Change(saves=(Save(SITE),)))
    take_up(records, replace(FINDING, dispatchable=False))
    case = recovers(records)
    assert case is not None
    return case


@pytest.mark.rule("C-16")
@pytest.mark.parametrize(
    "state", [one for one in CaseState if one not in {CaseState.RESOLVED, CaseState.CLOSED}]
)
def test_only_what_was_resolved_comes_back(state):
    assert not comes_back(replace(a_case(), state=state), RESOLVED)


@pytest.mark.rule("C-16")
def test_a_case_that_was_called_off_is_not_opened_again(records):
    stored = records.load(Case, take_up(records).id)
    off = replace(stored.record, state=CaseState.CANCELLED, resolved_at=RESOLVED)
    records.commit(Change(saves=(stored.replaced_by(off),)))
    case = take_up(records, AGAIN, RESOLVED + timedelta(days=1))
    assert case.id != off.id
    assert (case.reopened, case.state) == (0, CaseState.WORK_ORDERED)
    assert records.load(Case, off.id).record == off


@pytest.mark.rule("C-16")
def test_what_is_kept_and_what_begins_anew(records):
    first = resolve(records)
    when = RESOLVED + timedelta(days=2)
    case = take_up(records, AGAIN, when)
    assert case.findings == ("F-1", "F-2")
    assert case.evidence == ("5 June: 40%", "24 June: 30%")
    assert case.causes == ("chunk-1", "chunk-2")
    assert case.opened_at == first.opened_at
    assert (case.resolved_at, case.recovered_at, case.visited_at) == (None, None, None)
    old, new = sorted(orders(records, case), key=lambda order: order.issued_at)
    assert (old.issued_at, new.issued_at) == (MONDAY, when)
    assert new.partner_id == "orig"
    *_, again = to_customer(records)
    assert "noticed something again" in again.text
    what = [event.what for event in records.history(case.id)]
    assert what[-1] == "case_reopened"
    assert what.count("case_opened") == 1


@pytest.mark.rule("C-16")
def test_it_may_come_back_more_than_once_and_each_time_is_counted_and_told(records):
    resolve(records)
    for number in (2, 3):
        again = replace(AGAIN, id=f"F-{number}", dispatchable=False)
        case = take_up(records, again, RESOLVED + timedelta(days=number))
        assert (case.reopened, case.state) == (number - 1, CaseState.OPEN)
        case = recovers(records, RESOLVED + timedelta(days=number, hours=8))
        assert case.state is CaseState.RESOLVED
    subjects = [one.subject.partition("] ")[2] for one in to_customer(records)]
    assert (
        subjects
        == ["We noticed something about your solar system", "Your solar system works again"] * 3
    )
    assert len(orders(records, case)) == 1


@pytest.mark.rule("C-16")
def test_the_same_finding_again_reopens_nothing(records):
    resolve(records)
    case = take_up(records, AGAIN, RESOLVED + timedelta(days=2))
    letters = dict(records.letters)
    for finding in (FINDING, AGAIN):
        assert take_up(records, finding, RESOLVED + timedelta(days=3)) == case
    case = resolve_again(records)
    assert take_up(records, AGAIN, RESOLVED + timedelta(days=5)) == case
    assert len(records.letters) == len(letters) + 1


def resolve_again(records) -> Case:
    (case,) = cases(records)
    stored = records.load(Case, case.id)
    visited = replace(stored.record, state=CaseState.VERIFYING)
    records.commit(Change(saves=(stored.replaced_by(visited),)))
    return recovers(records, RESOLVED + timedelta(days=4))


@pytest.mark.rule("C-16")
def test_what_comes_back_as_a_danger_is_an_emergency(records):
    first = resolve(records)
    assert not first.is_emergency
    danger = replace(AGAIN, hazard="electrical_hazard")
    case = take_up(records, danger, RESOLVED + timedelta(days=1))
    assert (case.id, case.is_emergency) == (first.id, True)
    *_, new = sorted(orders(records, case), key=lambda order: order.issued_at)
    assert new.is_emergency
    assert "This may be dangerous" in to_customer(records)[-1].text


@pytest.mark.rule("C-15")
@pytest.mark.rule("C-16")
def test_the_support_center_s_case_goes_back_to_it(records):
    stored = records.load(Site, "site-1")
    theirs = replace(stored.record, omnidian_onboarded=True)
    records.commit(Change(saves=(stored.replaced_by(theirs),)))
    case = resolve(records)
    assert case.owner is CaseOwner.OMNIDIAN
    again = take_up(records, AGAIN, RESOLVED + timedelta(days=1))
    assert (again.id, again.state) == (case.id, CaseState.WITH_OMNIDIAN)
    assert orders(records, again) == []


@pytest.mark.rule("C-16")
def test_another_family_does_not_reopen_it(records):
    first = resolve(records)
    other = take_up(records, replace(AGAIN, family="BATTERY"), RESOLVED + timedelta(days=1))
    assert other.id != first.id
    assert records.load(Case, first.id).record == first


@pytest.mark.rule("E-31")
@pytest.mark.rule("E-32b")
def test_a_danger_at_a_case_under_way_calls_somebody(records):
    take_up(records)
    case = take_up(records, replace(AGAIN, hazard="electrical_hazard"), MONDAY + timedelta(hours=1))
    (order,) = orders(records, case)
    assert order.is_emergency
    assert order.task is Task.PHONE_PARTNER
    assert "This may be dangerous" in to_customer(records)[-1].text
    urgent = [one for one in records.letters.values() if "EMERGENCY NOW" in one.text]
    assert len(urgent) == 1
    again = take_up(records, replace(AGAIN, id="F-3", hazard="electrical_hazard"), MONDAY)
    assert again.is_emergency
    assert len([one for one in records.letters.values() if "EMERGENCY NOW" in one.text]) == 1


@pytest.mark.rule("E-32")
def test_the_clock_of_work_that_became_an_emergency_starts_there(records):
    take_up(records)
    (order,) = orders(records, take_up(records))
    delivered_at = MONDAY + timedelta(minutes=1)
    letter_id = order.assignments[-1].letter_id
    process.record_delivery(
        records, letter_id=letter_id, thread=order.id, delivered_at=delivered_at
    )
    later = MONDAY + timedelta(hours=5)
    case = take_up(records, replace(AGAIN, hazard="electrical_hazard"), later)
    (order,) = orders(records, case)
    verdict = emergency_of(order, now=later + timedelta(seconds=1))
    assert verdict is not None
    assert not verdict.may_reassign
    assert verdict.due_at == later + timedelta(minutes=60)
    wakes = [timer.due_at - verdict.due_at for timer in records.timers.values()]
    assert any(timedelta() < late < timedelta(minutes=1) for late in wakes)


@pytest.mark.rule("C-16")
@pytest.mark.rule("E-31")
def test_what_was_a_danger_and_comes_back_harmless_is_none(records):
    resolve(records, replace(FINDING, hazard="electrical_hazard"))
    case = take_up(records, AGAIN, RESOLVED + timedelta(days=1))
    assert case.reopened == 1
    assert not case.is_emergency
