"""Figures that do not depend on who computes them: shares, ranks, intervals."""

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from math import sqrt

from cloud.reporting.policy import AGE_BUCKETS, CONFIDENCE_Z, PERFORMANCE_WEIGHTS, PRIOR

HOUR = timedelta(hours=1)


def tenths(number: Fraction | float) -> float:
    """Give a number with one decimal; exactly half goes up."""
    return int((Fraction(number) * 10 + Fraction(1, 2)) // 1) / 10


def hours(span: timedelta) -> float:
    """Give a span in hours, with one decimal."""
    return tenths(Fraction(span // timedelta(microseconds=1), HOUR // timedelta(microseconds=1)))


def percent(hits: int, tries: int) -> float | None:
    """Give a share in percent with one decimal; None of nothing."""
    return tenths(Fraction(100 * hits, tries)) if tries else None


def nearest_rank(values: Sequence[float], percentile: int) -> float | None:
    """Give a percentile by nearest rank: the smallest value that so many percent do not exceed."""
    if not values:
        return None
    rank = -(-percentile * len(values) // 100)
    return sorted(values)[max(rank, 1) - 1]


def shrunk(hits: int, tries: int, *, on: date) -> Fraction:
    """Give a share that starts from what every partner starts with (OR-01)."""
    prior_hits, prior_tries = PRIOR.on(on)
    return Fraction(prior_hits + hits, prior_tries + tries)


def performance(measured: dict[str, tuple[int, int]], *, on: date) -> int:
    """Give a partner's performance from 0 to 100, of hits and tries by measure (OR-02).

    A measure without a try counts with what every partner starts with. Exactly half goes up.
    """
    weights = PERFORMANCE_WEIGHTS.on(on)
    score = sum(
        weight * shrunk(*measured.get(name, (0, 0)), on=on) for name, weight in weights.items()
    )
    return int((score + Fraction(1, 2)) // 1)


def wilson(hits: int, tries: int, *, on: date) -> tuple[float, float] | None:
    """Give the Wilson score interval of a share in percent (OR-07); None of nothing."""
    if not tries:
        return None
    z = CONFIDENCE_Z.on(on) / 100
    share = hits / tries
    middle = share + z * z / (2 * tries)
    width = z * sqrt(share * (1 - share) / tries + z * z / (4 * tries * tries))
    below = 1 + z * z / tries
    low, high = (middle - width) / below, (middle + width) / below
    return tenths(100 * max(low, 0.0)), tenths(100 * min(high, 1.0))


def age_bucket(days: Fraction | float, *, on: date) -> str:
    """Give the bucket that an age lies in; one that is exactly a bound old is in the later (OR-04).

    >>> from datetime import date
    >>> age_bucket(5, on=date(2026, 1, 1))
    '5-10 d'
    """
    bounds = AGE_BUCKETS.on(on)
    first = max((bound for bound in bounds if bound <= days), default=bounds[0])
    place = bounds.index(first)
    return f"{first}-{bounds[place + 1]} d" if place + 1 < len(bounds) else f"{first}+ d"
