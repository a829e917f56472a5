"""The proof of work on what detection itself has on record: a fault, a visit, and its readings."""

from datetime import date, datetime, timedelta

import pytest

from cloud.kernel.change import Change, Save
from cloud.service import process
from cloud.service.models import Case, CaseState, CaseTask, Coordinator, Finding
from tests.cloud.detection.detection_street import CLOCK, Street, at, running
from tests.cloud.service.case_world import case_of, has_worked, look, whats
from tests.cloud.service.test_service_process import partner

BEGINS, VISIT = at(10, 9.5), at(14, 14.2)
"""The fault begins; the partner leaves."""


def street(says) -> Street:
    made = Street(homes=6, says=says)
    builder = partner("builder", certifications=frozenset({"sample maker"}))
    spc = Coordinator("spc_1", "Sam", "spc@owner.example")
    made.records.commit(Change(saves=(Save(builder), Save(spc))))
    return made


def live(made: Street, until: datetime) -> None:
    """Live on, and have every message taken up and every case looked at, an hour after a sweep."""
    while made.now < until:
        step = min(made.now + timedelta(hours=8), until)
        for when, topic, body in made.live_until(step):
            if topic == "finding":
                told = Finding(
                    id=body["finding_id"],
                    site_id=body["site_id"],
                    family=body["family"],
                    rule=body["rule"],
                    opened_on=date.fromisoformat(body["onset"]),
                    says=body["says"],
                    dispatchable=body["tier"] == "dispatch",
                )
                process.take_up(made.records, finding=told, at=when)
            elif topic == "recovery":
                place = {"site_id": body["site_id"], "family": body["family"]}
                process.record_recovery(made.records, at=when, **place)
        made.now = max(made.now, step)
        look(made.records, made.now + timedelta(minutes=59))


def the_case(made: Street):
    (case,) = made.records.find(Case, by="site_id", value="site-0")
    return case.record


@pytest.mark.rule("C-17")
def test_a_fault_that_was_mended_is_proven_by_three_evaluations_after_detection_let_go():
    def says(home, instant):
        ill = home == 0 and BEGINS <= instant < VISIT
        return {**running(home, instant), **({"St": 7} if ill else {})}

    made = street(says)
    live(made, VISIT)
    case = the_case(made)
    assert (case.family, case.state) == ("INVERTER", CaseState.WORK_ORDERED)
    has_worked(made.records, case, VISIT)
    live(made, at(18))
    mended = case_of(made.records, case.id)
    assert (mended.state, mended.confirmed_by) == (CaseState.RESOLVED, "")
    sights = [one.sight.value for one in mended.checks]
    assert sights == ["standing"] * (len(sights) - 3) + ["clear"] * 3
    assert sights[0] == "standing"
    assert mended.verified_at == mended.checks[-1].at
    assert mended.verified_at - VISIT >= timedelta(days=1)
    assert mended.recovered_at == mended.checks[-3].at
    assert mended.verified_at.astimezone(CLOCK).hour in {5, 13, 21}
    assert whats(made.records, case).count("case_resolved") == 1


@pytest.mark.rule("C-17b")
def test_a_home_that_fell_silent_with_the_work_is_never_proven():
    def says(home, instant):
        if home == 0 and instant >= VISIT:
            return {}
        ill = home == 0 and instant >= BEGINS
        return {**running(home, instant), **({"St": 7} if ill else {})}

    made = street(says)
    live(made, VISIT)
    case = the_case(made)
    has_worked(made.records, case, VISIT)
    live(made, at(16))
    waits = case_of(made.records, case.id)
    assert waits.state is CaseState.VERIFYING
    # The last windows before the visit were heard of after it: silence shows from the next one on.
    assert {one.sight.value for one in waits.checks[1:]} == {"no_data"}
    # Five business days after Monday the 15th, with Juneteenth between: Tuesday the 23rd, 17:00.
    live(made, at(22, 15))
    assert case_of(made.records, case.id).state is CaseState.VERIFYING
    live(made, at(23))
    silent = case_of(made.records, case.id)
    assert (silent.state, silent.task) == (CaseState.OPEN, CaseTask.NO_DATA)


@pytest.mark.rule("C-17a")
def test_a_fault_that_goes_on_is_never_taken_for_mended():
    def says(home, instant):
        return {**running(home, instant), **({"St": 7} if home == 0 and instant >= BEGINS else {})}

    made = street(says)
    live(made, VISIT)
    case = the_case(made)
    has_worked(made.records, case, VISIT)
    live(made, at(24))
    back = case_of(made.records, case.id)
    assert (back.state, back.task, back.returns) == (CaseState.OPEN, CaseTask.RETURN_VISIT, 1)
