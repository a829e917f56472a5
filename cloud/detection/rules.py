"""When low days open a case, and when an issue has lasted; pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cloud.detection.models import IssueClock, JudgedDay
from cloud.detection.policy import ISSUE_CLEARS, ISSUE_PERSISTS
from cloud.detection.terms import terms_on
from cloud.detection.verdict import NEW, Reason, Standing, Verdict, counted, is_below

PERSISTED = "persisted_over_48h"
UNDERPRODUCING = "below_85pct_3_days"
_DAY = timedelta(days=1)


def standing_after(history: Sequence[JudgedDay]) -> Standing:
    """Give what days together say, oldest first (D-13, D-13a, D-13b).

    A date that is not in the history at all breaks a run of low days: nothing is known of it, not
    even that it could not be judged.
    """
    standing = NEW
    previous: JudgedDay | None = None
    for day in history:
        if previous is not None and day.day - previous.day != _DAY:
            standing = NEW
        previous = day
        terms = terms_on(day.day)
        is_low = is_below(day.actual_wh, day.expected_wh, terms.production_floor)
        reason = Reason.LOW if is_low else Reason.GOOD
        verdict = Verdict(
            site_id="",
            day=day.day,
            actual_wh=day.actual_wh,
            expected_wh=day.expected_wh,
            guarded_percent=terms.production_floor,
            weather=None,
            reason=reason if day.is_judged else Reason.UNKNOWN,
        )
        standing = counted(standing, verdict, terms)
    return standing


def is_underproducing(history: Sequence[JudgedDay]) -> bool:
    """Tell whether the latest days that count were all below the floor (D-13a).

    A day exactly on the floor is not below it. A day that cannot be judged neither counts nor
    resets.
    """
    return bool(history) and standing_after(history).low >= terms_on(history[-1].day).low_days


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
