"""When days are low, and when an issue has lasted; pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cloud.detection.models import IssueClock, JudgedDay
from cloud.detection.policy import (
    ISSUE_CLEARS,
    ISSUE_PERSISTS,
    LOW_DAYS,
    PRODUCTION_FLOOR,
    UNJUDGED_DAYS,
    WELL_DAYS,
)

PERSISTED = "persisted_over_48h"
UNDERPRODUCING = "below_85pct_3_days"
_DAY = timedelta(days=1)


def is_low(day: JudgedDay) -> bool:
    """Tell whether a judged day made less than the floor (D-13).

    Compared in whole watt-hours: a day exactly on the floor is not low.
    """
    assert day.actual_wh is not None  # noqa: S101 - the caller asks of judged days
    assert day.expected_wh is not None  # noqa: S101
    return day.actual_wh * 100 < day.expected_wh * PRODUCTION_FLOOR.on(day.day)


def is_low_for_a_visit(day: JudgedDay) -> bool:
    """Tell whether a judged day is low even with the neighbours' doubt taken off (D-64)."""
    assert day.actual_wh is not None  # noqa: S101 - the caller asks of judged days
    assert day.expected_wh is not None  # noqa: S101
    return is_low(day) and day.actual_wh * 100 < day.expected_wh * day.guarded_percent


def low_days(history: Sequence[JudgedDay]) -> tuple[JudgedDay, ...]:
    """Give the run of low days that the history ends with, oldest first (D-13, D-13b).

    A day that cannot be judged neither counts nor resets, but more than ten of them in a row reset.
    A date that is not in the history at all breaks the run: nothing is known of it, not even that
    it could not be judged.
    """
    run: list[JudgedDay] = []
    unjudged = 0
    previous: JudgedDay | None = None
    for day in reversed(history):
        if previous is not None and previous.day - day.day != _DAY:
            break
        previous = day
        if not day.is_judged:
            unjudged += 1
            if unjudged > UNJUDGED_DAYS.on(day.day):
                break
            continue
        unjudged = 0
        if not is_low(day):
            break
        run.append(day)
    return tuple(reversed(run))


def is_underproducing(history: Sequence[JudgedDay]) -> bool:
    """Tell whether the latest days were all below the floor (D-13a).

    A day exactly on the floor is not below it. A day that cannot be judged neither counts nor
    resets.
    """
    return bool(history) and len(low_days(history)) >= LOW_DAYS.on(history[-1].day)


def is_producing_again(history: Sequence[JudgedDay]) -> bool:
    """Tell whether the latest judged days were all at or above the floor (D-13c)."""
    if not history:
        return False
    latest = [day for day in history if day.is_judged][-WELL_DAYS.on(history[-1].day) :]
    return len(latest) == WELL_DAYS.on(history[-1].day) and not any(map(is_low, latest))


def may_send_somebody(history: Sequence[JudgedDay]) -> bool:
    """Tell whether the low days stand even with the neighbours' doubt taken off (D-64)."""
    run = low_days(history)
    return is_underproducing(history) and all(
        is_low_for_a_visit(day) for day in run[-LOW_DAYS.on(history[-1].day) :]
    )


def has_persisted(since: datetime, now: datetime) -> bool:
    """Tell whether an issue has lasted strictly longer than 48 elapsed hours (D-12)."""
    return now - since > ISSUE_PERSISTS.on(now.date())


def case_reasons(
    *, now: datetime, issue_since: datetime | None, days: Sequence[JudgedDay]
) -> tuple[str, ...]:
    """Give the reasons for which a case opens, none when it does not (D-12, D-13)."""
    persisted = issue_since is not None and has_persisted(issue_since, now)
    reasons = ((PERSISTED, persisted), (UNDERPRODUCING, is_underproducing(days)))
    return tuple(reason for reason, holds in reasons if holds)


def moved(
    clock: IssueClock | None, *, family: str, bad_since: datetime | None, was_good: bool
) -> IssueClock | None:
    """Give the clock of an issue after one more evaluation, None when it is not running (D-12a).

    Args:
        clock: as the evaluation before left it.
        family: the issue's name.
        bad_since: the first bad observation since then, None when there was none.
        was_good: the site was seen without the issue. When neither (asleep, silent), the clock
            stands as it is.
    """
    if bad_since is not None:
        return replace(clock, good_evaluations=0) if clock else IssueClock(family, bad_since)
    if clock is None or not was_good:
        return clock
    good = clock.good_evaluations + 1
    return (
        None
        if good >= ISSUE_CLEARS.on(clock.since.date())
        else replace(clock, good_evaluations=good)
    )
