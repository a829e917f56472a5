from datetime import UTC, date, datetime, timedelta

import pytest

from cloud.detection.models import IssueClock, JudgedDay
from cloud.detection.rules import (
    PERSISTED,
    UNDERPRODUCING,
    case_reasons,
    has_persisted,
    is_underproducing,
    moved,
    standing_after,
)
from cloud.detection.verdict import is_below

FIRST = date(2028, 2, 20)
"""A history from here runs over a leap day."""
NOON = datetime(2026, 6, 8, 17, tzinfo=UTC)


def judged(day: date, actual_wh: int | None) -> JudgedDay:
    return JudgedDay(day, actual_wh, 10_000)


def history(signs: str, first: date = FIRST) -> list[JudgedDay]:
    """L low, e exactly on the floor, g good, u unjudged, _ a date that is missing."""
    actual = {"L": 8_499, "e": 8_500, "g": 10_000, "u": None}
    return [
        judged(first + timedelta(days=n), actual[sign])
        for n, sign in enumerate(signs)
        if sign != "_"
    ]


@pytest.mark.rule("D-13")
@pytest.mark.parametrize(
    ("actual_wh", "expected_wh", "low"),
    [
        pytest.param(8_499, 10_000, True, id="a watt-hour below the floor"),
        pytest.param(8_500, 10_000, False, id="exactly 85 percent is not low"),
        pytest.param(8_501, 10_000, False, id="a watt-hour above the floor"),
        pytest.param(17, 20, False, id="exactly 85 percent where floats would say less"),
        pytest.param(0, 10_000, True, id="made nothing"),
        pytest.param(0, 0, False, id="nothing was expected"),
        pytest.param(12_000, 10_000, False, id="more than expected"),
    ],
)
def test_low(actual_wh, expected_wh, low):
    assert is_below(actual_wh, expected_wh, 85) is low


@pytest.mark.rule("D-13a")
@pytest.mark.rule("D-13b")
@pytest.mark.parametrize(
    ("signs", "low", "open_case"),
    [
        pytest.param("", 0, False, id="no history"),
        pytest.param("gLL", 2, False, id="two low days"),
        pytest.param("gLLL", 3, True, id="three low days"),
        pytest.param("gLLLL", 4, True, id="four low days"),
        pytest.param("LLLg", 0, False, id="a good day ends it"),
        pytest.param("LLLe", 0, False, id="a day on the floor ends it"),
        pytest.param("LLeL", 1, False, id="a day on the floor between resets"),
        pytest.param("LuLuL", 3, True, id="unjudged days neither count nor reset"),
        pytest.param("LLuuu", 2, False, id="unjudged days do not count"),
        pytest.param("LLLuuu", 3, True, id="unjudged days do not close"),
        pytest.param("LL" + "u" * 10 + "L", 3, True, id="ten unjudged days do not reset"),
        pytest.param("LL" + "u" * 11 + "L", 1, False, id="eleven unjudged days reset"),
        pytest.param("LLL" + "u" * 10, 3, True, id="ten unjudged days at the end"),
        pytest.param("LLL" + "u" * 11, 0, False, id="eleven unjudged days at the end reset"),
        pytest.param("L" + "u" * 6 + "L" + "u" * 6 + "L", 3, True, id="twelve, but not in a row"),
        pytest.param("LL_L", 1, False, id="a date that is missing breaks the run"),
        pytest.param("LLL_u", 0, False, id="a date that is missing before an unjudged day"),
        pytest.param("uuu", 0, False, id="nothing was ever judged"),
        pytest.param("ggggggggLLL", 3, True, id="over 29 February"),
    ],
)
def test_low_days_in_a_row(signs, low, open_case):
    assert standing_after(history(signs)).low == low
    assert is_underproducing(history(signs)) is open_case


@pytest.mark.rule("D-13a")
def test_a_case_is_of_the_day_of_the_third_low_one_and_began_on_the_first():
    standing = standing_after(history("gLuLLL"))
    assert standing.low_since == FIRST + timedelta(days=1)
    assert standing.case_on == FIRST + timedelta(days=4)


@pytest.mark.rule("D-13c")
@pytest.mark.parametrize(
    ("signs", "again"),
    [
        pytest.param("LLL", False, id="no good day"),
        pytest.param("LLLgg", False, id="two good days after low ones"),
        pytest.param("LLLggg", True, id="three good days"),
        pytest.param("LLLeee", True, id="three days on the floor"),
        pytest.param("LLLgLg", False, id="a low day between"),
        pytest.param("LLLgugug", True, id="unjudged days neither count nor reset"),
        pytest.param("LLL" + "u" * 11, False, id="days without a verdict mend nothing"),
    ],
)
def test_producing_again(signs, again):
    assert (standing_after(history(signs)).case_on is None) is again


@pytest.mark.rule("D-12")
@pytest.mark.parametrize(
    ("elapsed", "lasted"),
    [
        pytest.param(timedelta(hours=47, minutes=59, seconds=59), False, id="a second before"),
        pytest.param(timedelta(hours=48), False, id="exactly 48 h is not beyond"),
        pytest.param(timedelta(hours=48, microseconds=1), True, id="just after"),
        pytest.param(timedelta(0), False, id="just begun"),
    ],
)
def test_persisted(elapsed, lasted):
    assert has_persisted(NOON - elapsed, NOON) is lasted


@pytest.mark.rule("D-12")
def test_elapsed_hours_pass_over_the_night_of_the_clock_change():
    since = datetime.fromisoformat("2026-03-07T12:00:00-05:00")
    assert has_persisted(since, datetime.fromisoformat("2026-03-09T13:00:00-04:00")) is False
    assert has_persisted(since, datetime.fromisoformat("2026-03-09T13:00:01-04:00")) is True


@pytest.mark.rule("D-12")
@pytest.mark.rule("D-13")
@pytest.mark.rule("D-14")
@pytest.mark.parametrize(
    ("hours", "signs", "reasons"),
    [
        pytest.param(None, "", (), id="nothing known"),
        pytest.param(48, "LL", (), id="neither long nor low enough"),
        pytest.param(49, "LL", (PERSISTED,), id="only the clock"),
        pytest.param(None, "LLL", (UNDERPRODUCING,), id="only the days"),
        pytest.param(49, "LLL", (PERSISTED, UNDERPRODUCING), id="both"),
    ],
)
def test_reasons_of_a_case(hours, signs, reasons):
    since = None if hours is None else NOON - timedelta(hours=hours)
    assert case_reasons(now=NOON, issue_since=since, days=history(signs)) == reasons


BAD = NOON - timedelta(hours=3)
RUNNING = IssueClock("INV_FAULT", NOON - timedelta(hours=30))


@pytest.mark.rule("D-12a")
@pytest.mark.parametrize(
    ("clock", "bad_since", "was_good", "after"),
    [
        pytest.param(None, None, True, None, id="nothing ran and all is well"),
        pytest.param(None, None, False, None, id="nothing ran and nothing was heard"),
        pytest.param(None, BAD, True, IssueClock("INV_FAULT", BAD), id="begins"),
        pytest.param(RUNNING, BAD, True, RUNNING, id="goes on from its first bad sample"),
        pytest.param(
            IssueClock("INV_FAULT", BAD, good_evaluations=1),
            NOON,
            True,
            IssueClock("INV_FAULT", BAD),
            id="flapping does not restart it",
        ),
        pytest.param(
            RUNNING,
            None,
            True,
            IssueClock("INV_FAULT", RUNNING.since, good_evaluations=1),
            id="one good evaluation",
        ),
        pytest.param(RUNNING, None, False, RUNNING, id="asleep is neither good nor bad"),
        pytest.param(
            IssueClock("INV_FAULT", BAD, good_evaluations=1),
            None,
            False,
            IssueClock("INV_FAULT", BAD, good_evaluations=1),
            id="silence after a good one",
        ),
        pytest.param(
            IssueClock("INV_FAULT", BAD, good_evaluations=1),
            None,
            True,
            None,
            id="over after two good evaluations",
        ),
    ],
)
def test_clock_of_an_issue(clock, bad_since, was_good, after):
    assert moved(clock, family="INV_FAULT", bad_since=bad_since, was_good=was_good) == after
