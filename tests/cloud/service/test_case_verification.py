"""Whether work helped: three clear evaluations, a miss, a silent home, and the fortnight after."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from cloud.detection.models import IssueClock, SiteFacts, SiteTrack, Tier, Told
from cloud.kernel.change import Timer
from cloud.kernel.errors import BadInput
from cloud.service import process
from cloud.service.models import (
    CaseState,
    CaseTask,
    EvaluationCheck,
    ReportedFamily,
    Sight,
    WorkOrder,
)
from cloud.service.verification import (
    Known,
    Proof,
    evaluations,
    first_proof,
    is_new_since,
    looked_at,
    proof,
    sight_at,
)
from tests.cloud.service.case_world import (
    CUSTOMER,
    DESKS,
    EASTERN,
    MONDAY,
    SURE,
    UNSURE,
    a_world,
    case_of,
    evaluation,
    everything,
    has_worked,
    look,
    orders,
    put,
    swept,
    take_up,
    to,
    waiting,
    whats,
)

WORKED = datetime(2026, 6, 10, 14, 10, tzinfo=EASTERN)
"""13:10 on the standard clock: the evaluation of 13:00 lies before it."""
HOUR = timedelta(hours=1)
CLEAR, STANDING, SILENT = Sight.CLEAR, Sight.STANDING, Sight.NO_DATA


@pytest.fixture
def records():
    return a_world()


@pytest.fixture
def case(records):
    return has_worked(records, take_up(records), WORKED)


def the_next(count, after=WORKED):
    return list(evaluations(after, after + timedelta(days=count), -5))[:count]


def checks(*sights):
    instants = the_next(len(sights))
    return [EvaluationCheck(at, sight) for at, sight in zip(instants, sights, strict=True)]


def proven(*sights):
    return proof(checks(*sights), worked_at=WORKED, time_zone="America/New_York")


# ---------------------------------------------------------------------- rules
def test_evaluations_lie_on_the_standard_clock_in_summer_too():
    found = list(evaluations(WORKED, evaluation(11, 21), -5))
    assert found == [evaluation(10, 21), evaluation(11, 5), evaluation(11, 13), evaluation(11, 21)]


def test_an_evaluation_at_the_very_instant_of_the_work_is_before_it():
    assert next(evaluations(evaluation(10, 13), evaluation(12, 5), -5)) == evaluation(10, 21)


@pytest.mark.parametrize(
    ("after", "until", "offset_hours", "found"),
    [
        pytest.param(
            "2026-06-11T00:30", "2026-06-11T03:00", -5, ["2026-06-11T02:00"], id="Greenwich ahead"
        ),
        pytest.param(
            "2026-06-10T18:00", "2026-06-10T20:00", 10, ["2026-06-10T19:00"], id="Greenwich behind"
        ),
    ],
)
def test_evaluations_are_those_of_the_home_s_own_day(after, until, offset_hours, found):
    start, end = (datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (after, until))
    expected = [datetime.fromisoformat(one).replace(tzinfo=UTC) for one in found]
    assert list(evaluations(start, end, offset_hours)) == expected


@pytest.mark.rule("C-17d")
def test_an_evaluation_is_looked_at_an_hour_after_it_begins():
    assert looked_at(WORKED, -5) == evaluation(10, 22)


@pytest.mark.rule("C-17")
@pytest.mark.parametrize(
    ("sights", "says"),
    [
        pytest.param((), Proof.WAITING, id="nothing yet"),
        pytest.param((CLEAR,) * 3, Proof.WAITING, id="three clear ones, but not a day"),
        pytest.param((CLEAR,) * 4, Proof.MENDED, id="the last one a day after the work"),
        pytest.param((STANDING, STANDING, CLEAR, CLEAR), Proof.WAITING, id="only two in a row"),
        pytest.param((CLEAR, STANDING, CLEAR, CLEAR, CLEAR), Proof.MENDED, id="begins anew"),
        pytest.param((CLEAR, CLEAR, STANDING, CLEAR), Proof.WAITING, id="broken"),
        pytest.param((CLEAR, CLEAR, SILENT, CLEAR), Proof.MENDED, id="silence does not break"),
        pytest.param((CLEAR, CLEAR, SILENT, SILENT), Proof.WAITING, id="silence does not count"),
    ],
)
def test_three_clear_evaluations_over_a_day_prove_the_work(sights, says):
    assert proven(*sights) is says


@pytest.mark.rule("C-17")
def test_exactly_a_day_after_the_work_is_enough():
    worked = evaluation(10, 13)
    seen = [EvaluationCheck(at, CLEAR) for at in the_next(3, worked)]
    assert seen[-1].at - worked == timedelta(hours=24)
    assert proof(seen, worked_at=worked, time_zone="America/New_York") is Proof.MENDED
    late = worked + timedelta(seconds=1)
    assert proof(seen, worked_at=late, time_zone="America/New_York") is Proof.WAITING


@pytest.mark.rule("C-17a")
@pytest.mark.parametrize(
    ("count", "says"), [(23, Proof.WAITING), (24, Proof.NOT_MENDED), (25, Proof.NOT_MENDED)]
)
def test_what_stands_for_eight_days_was_not_mended(count, says):
    assert proven(*(STANDING,) * count) is says


@pytest.mark.rule("C-17a")
def test_a_clear_evaluation_begins_the_eight_days_anew():
    assert proven(*(STANDING,) * 23, CLEAR, STANDING) is Proof.WAITING


@pytest.mark.rule("C-17b")
def test_five_business_days_of_silence_are_a_person_s():
    # Worked on Wednesday the 10th: the fifth business day after it is Wednesday the 17th, 17:00.
    before = [one for one in the_next(30) if one <= evaluation(17, 13)]
    assert proven(*(SILENT,) * len(before)) is Proof.WAITING
    assert proven(*(SILENT,) * (len(before) + 1)) is Proof.SILENT


@pytest.mark.rule("C-17b")
def test_the_silence_counts_from_the_last_usable_evaluation():
    assert proven(*(STANDING,) * 6, *(SILENT,) * 17) is Proof.WAITING


def test_the_silence_counts_from_the_day_that_the_home_had():
    # Heard of at 21:00 on Wednesday the 10th, when Greenwich has Thursday: over on the 17th.
    assert proven(CLEAR, *[SILENT] * 20) is Proof.WAITING
    assert proven(CLEAR, *[SILENT] * 21) is Proof.SILENT


def test_the_first_proof_counts_however_many_evaluations_are_looked_at_at_once():
    seen = checks(*(CLEAR,) * 9)
    says, when = first_proof(seen, worked_at=WORKED, time_zone="America/New_York")
    assert (says, when) == (Proof.MENDED, seen[3].at)
    assert first_proof(seen[:2], worked_at=WORKED, time_zone="UTC") == (Proof.WAITING, WORKED)


@pytest.mark.rule("C-17")
@pytest.mark.parametrize(
    ("told_at", "says"),
    [
        pytest.param(None, (Proof.MENDED, 3), id="nothing was told since"),
        pytest.param(evaluation(10, 12), (Proof.MENDED, 3), id="told before the work"),
        pytest.param(evaluation(11, 6), (Proof.MENDED, 4), id="the row begins after it"),
        pytest.param(evaluation(12, 5), (Proof.WAITING, None), id="told after all of them but one"),
    ],
)
def test_what_was_clear_before_the_issue_was_last_told_proves_nothing(told_at, says):
    seen = checks(*(CLEAR,) * 6)
    proven_by, when = first_proof(seen, worked_at=WORKED, time_zone="UTC", told_at=told_at)
    assert (proven_by, when) == (says[0], WORKED if says[1] is None else seen[says[1]].at)


@pytest.mark.rule("C-17")
def test_evaluations_before_the_work_prove_nothing():
    before = [EvaluationCheck(WORKED - count * 8 * HOUR, CLEAR) for count in (9, 6, 3)]
    last = EvaluationCheck(WORKED + 25 * HOUR, CLEAR)
    says, _ = first_proof([*before, last], worked_at=WORKED, time_zone="UTC")
    assert says is Proof.WAITING


def clock(family, since, good=0):
    return IssueClock(family, since, good)


def sight(at, *, family="PRODUCTION", told=(), clocks=(), own=(), judged=None, recovered=None):
    known = Known(
        SiteTrack("s", told=told, clocks=clocks), SiteFacts("s", clocks=own), judged or at
    )
    return sight_at(at, family=family, known=known, recovered_at=recovered)


E13 = evaluation(11, 13)
LOW = Told("PRODUCTION", "PRODUCTION", "2026-06-05", Tier.DISPATCH)
FAULT = Told("INV_FAULT", "INVERTER", "2026-06-09T10:00:00+00:00", Tier.DISPATCH)
AFTER = (E13 + HOUR).isoformat()


@pytest.mark.rule("C-17")
@pytest.mark.parametrize(
    ("facts", "seen"),
    [
        pytest.param({}, CLEAR, id="nothing is known against it"),
        pytest.param({"told": (LOW,)}, STANDING, id="low days that were told stand"),
        pytest.param({"told": (FAULT,)}, CLEAR, id="another family is another case"),
        pytest.param(
            {"told": (replace(FAULT, since=AFTER),), "family": "INVERTER"},
            CLEAR,
            id="what began after the evaluation was not there",
        ),
        pytest.param(
            {"own": (clock("INV_FAULT", E13 - HOUR),), "family": "INVERTER"},
            STANDING,
            id="a clock runs that nobody was told of",
        ),
        pytest.param(
            {"told": (replace(FAULT, since=E13.isoformat()),), "family": "INVERTER"},
            STANDING,
            id="told as of this very evaluation",
        ),
        pytest.param(
            {"own": (clock("INV_FAULT", E13),), "family": "INVERTER"},
            STANDING,
            id="a clock that began with this very evaluation",
        ),
        pytest.param(
            {"own": (clock("INV_FAULT", E13 - HOUR, good=1),), "family": "INVERTER"},
            STANDING,
            id="one good evaluation does not end it",
        ),
        pytest.param(
            {"own": (clock("INV_FAULT", E13 + HOUR),), "family": "INVERTER"},
            CLEAR,
            id="a clock that began later",
        ),
        pytest.param(
            {"own": (clock("GRID_DISCONNECT", E13 - HOUR),), "family": "INVERTER"},
            CLEAR,
            id="what only the neighbours could confirm",
        ),
        pytest.param(
            {"clocks": (clock("GRID_DISCONNECT", E13 - HOUR),), "family": "INVERTER"},
            STANDING,
            id="and did confirm",
        ),
        pytest.param({"own": (clock("COMMS_LOSS_SITE", E13 - HOUR),)}, SILENT, id="a silent home"),
        pytest.param({"own": (clock("COMMS_LOSS_SITE", E13),)}, CLEAR, id="silent only since then"),
        pytest.param(
            {"own": (clock("COMMS_LOSS_SITE", E13 - HOUR, good=1),)},
            CLEAR,
            id="heard again at this one",
        ),
        pytest.param(
            {
                "own": (clock("COMMS_LOSS_SITE", E13 - HOUR, good=1),),
                "judged": E13 + 8 * HOUR,
            },
            SILENT,
            id="heard again only at the one after",
        ),
        pytest.param(
            {"own": (clock("COMMS_LOSS_SITE", E13 - HOUR),), "family": "COMMUNICATIONS"},
            STANDING,
            id="silence is what a case of silence is about",
        ),
        pytest.param({"judged": E13 - HOUR}, SILENT, id="not judged yet"),
        pytest.param({"recovered": E13 + HOUR}, STANDING, id="taken back only later"),
        pytest.param({"recovered": E13}, CLEAR, id="taken back at this one"),
    ],
)
def test_what_an_evaluation_showed(facts, seen):
    assert sight(E13, **facts) is seen


def test_a_home_that_was_never_judged_shows_nothing():
    for known in (
        Known(None, SiteFacts("s"), E13),
        Known(SiteTrack("s"), None, E13),
        Known(SiteTrack("s"), SiteFacts("s"), None),
    ):
        assert sight_at(E13, family="PRODUCTION", known=known, recovered_at=None) is SILENT


@pytest.mark.parametrize(
    ("opened_on", "is_new"), [("2026-06-09", False), ("2026-06-10", False), ("2026-06-11", True)]
)
def test_what_began_on_the_day_of_the_work_may_be_the_old_issue(opened_on, is_new):
    finding = replace(SURE, opened_on=datetime.fromisoformat(opened_on).date())
    assert is_new_since(finding, WORKED, -5) is is_new


def test_what_began_with_the_day_on_which_the_work_was_over_may_be_the_old_issue():
    midnight = datetime(2026, 6, 11, 5, tzinfo=UTC)
    finding = replace(SURE, opened_on=midnight.date())
    assert not is_new_since(finding, midnight, -5)
    assert is_new_since(finding, midnight - timedelta(seconds=1), -5)


# ---------------------------------------------------------------------- the way of a case
@pytest.mark.rule("C-17")
def test_the_readings_prove_the_work_and_the_customer_is_told_once(records, case):
    assert case.state is CaseState.VERIFYING
    assert waiting(records).due_at == evaluation(10, 22)
    for instant in the_next(4):
        assert case_of(records, case.id).state is CaseState.VERIFYING
        swept(records, instant)
        look(records, instant + HOUR)
    mended = case_of(records, case.id)
    proven_at = evaluation(11, 21)
    assert (mended.state, mended.verified_at, mended.resolved_at) == (
        CaseState.RESOLVED,
        proven_at,
        proven_at,
    )
    assert whats(records, case)[-1] == "case_resolved"
    assert to(records, CUSTOMER).count("Your solar system works again") == 1
    assert "The work is done, we are watching" in to(records, CUSTOMER)
    assert waiting(records) == Timer(
        waiting(records).id, case.id, "close_case", proven_at + timedelta(days=14)
    )


@pytest.mark.rule("C-17")
def test_the_verdict_does_not_depend_on_when_anybody_looked(records, case):
    instants = the_next(8)
    for instant in instants:
        swept(records, instant)
    look(records, instants[-1] + 3 * HOUR)
    mended = case_of(records, case.id)
    assert (mended.state, mended.verified_at) == (CaseState.RESOLVED, instants[3])


@pytest.mark.rule("C-17")
def test_a_report_that_comes_after_the_proof_resolves_the_case_when_it_comes(records, case):
    (order,) = orders(records, case)
    reported_at = evaluation(13, 12)
    put(records, replace(order, departed_at=WORKED, reported_at=reported_at))
    for instant in the_next(8):
        swept(records, instant)
    look(records, evaluation(13, 14))
    mended = case_of(records, case.id)
    assert (mended.verified_at, mended.resolved_at) == (the_next(4)[3], reported_at)


@pytest.mark.rule("C-17")
@pytest.mark.parametrize(
    ("first", "is_ended"),
    [
        pytest.param(UNSURE, True, id="nobody went"),
        pytest.param(SURE, False, id="somebody goes"),
    ],
)
def test_a_recovery_of_before_the_latest_sign_says_nothing_of_it(records, first, is_ended):
    opened = take_up(records, first)
    again = take_up(records, replace(UNSURE, id="F-2"), MONDAY + 48 * HOUR)
    before = everything(records)
    seen = {"site_id": "site-1", "family": "PRODUCTION"}
    assert process.record_recovery(records, **seen, at=MONDAY + 24 * HOUR) == again
    assert everything(records) == before
    well = process.record_recovery(records, **seen, at=MONDAY + 56 * HOUR)
    assert (well.id, well.recovered_at) == (opened.id, MONDAY + 56 * HOUR)
    assert (well.state is CaseState.RESOLVED) is is_ended


@pytest.mark.rule("C-16")
def test_what_comes_back_by_a_person_s_word_is_not_well_by_an_old_recovery(records):
    opened = take_up(records, UNSURE)
    seen = {"site_id": "site-1", "family": "PRODUCTION"}
    process.record_recovery(records, **seen, at=MONDAY + 24 * HOUR)
    back = process.report(
        records,
        source="phone",
        site_id="site-1",
        family=ReportedFamily.LOW_PRODUCTION,
        says="it is low again",
        reported_by="Sample Customer",
        contact="555",
        at=MONDAY + 72 * HOUR,
        by="desk",
        desks=DESKS,
    )
    assert (back.id, back.state, back.recovered_at) == (opened.id, CaseState.OPEN, None)
    assert process.record_recovery(records, **seen, at=MONDAY + 25 * HOUR) == back
    assert process.record_recovery(records, **seen, at=MONDAY + 80 * HOUR).resolved_at


@pytest.mark.rule("C-17d")
def test_an_evaluation_under_way_is_waited_for(records, case):
    first = evaluation(10, 21)
    swept(records, first, is_judged=False)
    look(records, first + HOUR)
    assert case_of(records, case.id).checks == ()
    assert waiting(records).due_at == first + HOUR + timedelta(minutes=15)
    swept(records, first)
    look(records, first + 2 * HOUR)
    assert case_of(records, case.id).checks == (EvaluationCheck(first, CLEAR),)
    assert waiting(records).due_at == evaluation(11, 6)


def test_an_evaluation_that_never_came_counts_as_silence(records, case):
    look(records, evaluation(11, 1) + timedelta(minutes=1))
    assert case_of(records, case.id).checks == (EvaluationCheck(evaluation(10, 21), SILENT),)


@pytest.mark.rule("C-17a")
def test_what_goes_on_standing_comes_back_to_a_person(records, case):
    for instant in the_next(24):
        swept(records, instant, told=("PRODUCTION",))
        look(records, instant + HOUR)
    back = case_of(records, case.id)
    assert (back.state, back.task, back.returns) == (CaseState.OPEN, CaseTask.RETURN_VISIT, 1)
    assert (back.visited_at, back.checks) == (None, ())
    assert whats(records, case)[-1] == "work_did_not_hold"
    assert "Your solar system works again" not in to(records, CUSTOMER)


@pytest.mark.rule("C-17")
def test_what_is_found_anew_sends_somebody_again_at_once(records, case):
    new = replace(SURE, id="F-2", opened_on=datetime(2026, 6, 11).date())  # noqa: DTZ001
    back = take_up(records, new, evaluation(14, 5))
    assert (back.state, back.returns, back.visited_at) == (CaseState.WORK_ORDERED, 1, None)
    old, again = orders(records, back)
    assert old.id != again.id
    assert whats(records, case)[-1] == "work_did_not_hold"
    assert to(records, CUSTOMER)[-1] == "Somebody has to come"
    swept(records, evaluation(14, 5))
    before = everything(records)
    assert take_up(records, new, evaluation(14, 13)) == back
    assert everything(records) == before


def test_an_unsure_finding_after_the_work_asks_a_person(records, case):
    new = replace(UNSURE, id="F-2", opened_on=datetime(2026, 6, 12).date())  # noqa: DTZ001
    back = take_up(records, new, evaluation(14, 5))
    assert (back.state, back.task, back.returns) == (CaseState.OPEN, CaseTask.RETURN_VISIT, 1)
    assert len(orders(records, back)) == 1


def test_the_old_issue_that_is_told_late_is_no_miss(records, case):
    late = replace(SURE, id="F-2", opened_on=datetime(2026, 6, 9).date())  # noqa: DTZ001
    seen = take_up(records, late, evaluation(11, 5))
    assert (seen.state, seen.returns) == (CaseState.VERIFYING, 0)
    assert whats(records, case)[-1] == "evidence_added"


@pytest.mark.rule("C-17b")
def test_a_home_that_says_nothing_after_the_work_comes_back_to_a_person(records, case):
    silent = (clock("COMMS_LOSS_SITE", WORKED),)
    for instant in the_next(22):
        swept(records, instant, own_clocks=silent)
        look(records, instant + HOUR)
    back = case_of(records, case.id)
    assert (back.state, back.task, back.returns) == (CaseState.OPEN, CaseTask.NO_DATA, 0)
    assert whats(records, case)[-1] == "no_data"


@pytest.mark.rule("C-17")
def test_a_recovery_while_it_is_verified_resolves_nothing_by_itself(records, case):
    seen = {"site_id": "site-1", "family": "PRODUCTION", "at": evaluation(11, 5)}
    noted = process.record_recovery(records, **seen)
    assert (noted.state, noted.recovered_at) == (CaseState.VERIFYING, evaluation(11, 5))
    before = everything(records)
    process.record_recovery(records, **seen)
    assert everything(records) == before
    for instant in the_next(4):
        swept(records, instant)
    look(records, evaluation(11, 22))
    # Only three clear ones from the recovery on: 5:00, 13:00 and 21:00 of the 11th.
    assert [one.sight for one in case_of(records, case.id).checks] == [
        STANDING,
        CLEAR,
        CLEAR,
        CLEAR,
    ]
    assert case_of(records, case.id).state is CaseState.RESOLVED
    assert whats(records, case).count("case_resolved") == 1


@pytest.mark.rule("C-17c")
@pytest.mark.rule("C-17e")
def test_what_the_readings_cannot_show_the_customer_is_asked(records):
    told = process.report(
        records,
        source="phone",
        site_id="site-1",
        family=ReportedFamily.PHYSICAL_DAMAGE,
        says="a panel came loose",
        reported_by="Sample Customer",
        contact="555",
        at=MONDAY,
        by="desk",
        desks=DESKS,
    )
    case = process.remote_fix(
        records, case_id=told.id, says="talked it through", at=WORKED, by="ams"
    )
    assert case.state is CaseState.VERIFYING
    assert "Is it mended? Please tell us" in to(records, CUSTOMER)
    asked = waiting(records)
    assert (asked.wakes, asked.due_at) == (
        "ask_customer",
        datetime(2026, 6, 17, 17, 0, tzinfo=EASTERN),
    )
    look(records, asked.due_at)
    waits = case_of(records, case.id)
    assert (waits.state, waits.task) == (CaseState.VERIFYING, CaseTask.CALL_CUSTOMER)
    before = everything(records)
    process.wake_case(records, timer=asked, at=asked.due_at + HOUR)
    assert everything(records) == before
    done = process.customer_confirms(records, case_id=case.id, at=asked.due_at, by="ams")
    assert (done.state, done.task, done.confirmed_by) == (CaseState.RESOLVED, None, "ams")


@pytest.mark.rule("C-18")
def test_a_resolved_case_is_closed_after_a_fortnight_and_not_before(records, case):
    done = process.customer_confirms(records, case_id=case.id, at=WORKED, by="ams")
    closing = waiting(records)
    process.wake_case(records, timer=closing, at=closing.due_at - timedelta(seconds=1))
    assert case_of(records, case.id).state is CaseState.RESOLVED
    process.wake_case(records, timer=closing, at=closing.due_at + 5 * HOUR)
    closed = case_of(records, case.id)
    assert (closed.state, closed.closed_at) == (CaseState.CLOSED, WORKED + timedelta(days=14))
    assert not closed.is_open
    assert to(records, CUSTOMER)[-1] == "Your case is closed"
    hidden = [
        one.record.customer_hidden_at
        for one in records.find(WorkOrder, by="case_id", value=case.id)
    ]
    assert hidden == [closed.closed_at] * len(hidden)
    assert hidden
    before = everything(records)
    process.wake_case(records, timer=closing, at=closing.due_at + 9 * HOUR)
    assert everything(records) == before
    assert done.id == closed.id


@pytest.mark.rule("C-18")
def test_a_timer_of_another_time_of_the_case_changes_nothing(records, case):
    process.customer_confirms(records, case_id=case.id, at=WORKED, by="ams")
    closing = waiting(records)
    take_up(records, replace(SURE, id="F-2"), WORKED + timedelta(days=3))
    before = everything(records)
    process.wake_case(records, timer=closing, at=closing.due_at)
    process.wake_case(records, timer=replace(closing, wakes="verify_case"), at=closing.due_at)
    process.wake_case(records, timer=replace(closing, wakes="ask_customer"), at=closing.due_at)
    assert everything(records) == before


def test_a_timer_of_somebody_else_is_refused(records, case):
    other = Timer("x", case.id, "accept_due", MONDAY)
    with pytest.raises(BadInput, match="nothing of a case"):
        process.wake_case(records, timer=other, at=MONDAY)


def test_a_clock_that_is_an_hour_ahead_does_not_count_an_evaluation_twice():
    west = timezone(timedelta(hours=-8))
    found = list(evaluations(datetime(2026, 3, 8, 0, tzinfo=west), evaluation(9, 5), -8))
    assert len(found) == len(set(found))
    assert {one.astimezone(west).hour for one in found} == {5, 13, 21}
