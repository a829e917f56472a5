"""What the neighbours say of a day: their middle, and how far they differ; pure."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from operator import mul

from cloud.detection.baseline import Baseline
from cloud.detection.policy import MOST_NEIGHBOURS, NEAR, NEIGHBOURS_COUNT, NEIGHBOURS_FADE
from cloud.detection.terms import Terms

_KM_PER_DEGREE = 111.2
_NORMAL = 1.4826
"""Makes a median absolute deviation comparable to a standard deviation of a normal spread."""
_LEAST_WEIGHT = 1e-6
_WIDER = 1.25
"""By so much more the far ones weigh, step by step, up to the first reach."""
_ALIKE = 0.35
"""Difference of facing at which a neighbour weighs 1/e, where no feed tells the hours."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The sites near one, the nearest first; never the site itself.

    Attributes:
        names: their ids.
        distances_km: how far each is.
        weights: by how near each is, of one next door (D-67), the far ones not forgotten where the
            near ones are few (D-67a).
        alike: what counts where no hourly feed tells of the light, nor a cloudy morning from a
            cloudy evening: the near ones alone (D-67), less those that face another way.
        within: how many of them lie within each reach of D-66.
    """

    names: tuple[str, ...] = ()
    distances_km: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
    alike: tuple[float, ...] = ()
    within: tuple[int, ...] = ()


NOBODY = Neighbourhood()


@dataclass(frozen=True, slots=True)
class Weather:
    """What is known of a day's weather at a site.

    Attributes:
        log_ratio: logarithm of what neighbours made of their own expectation.
        spread: how far they differ, in units of the logarithm.
        doubt: how far a sound site may be from their middle on this day: their spread, held
            towards the usual one where they are few, and what a middle of few leaves open.
        neighbours: how many they are; none when only the feed speaks.
        within_km: how far was looked for them.
    """

    log_ratio: float
    spread: float
    doubt: float
    neighbours: int
    within_km: float


def neighbourhoods(sites: Iterable[Baseline], day: date) -> dict[str, Neighbourhood]:
    """Give who is near each site (D-66, D-67, D-67a, D-68).

    Looked up by squares, the narrow ones first, so that a fleet ten times as large and as wide
    takes ten times as long.
    """
    reaches, most = NEAR.on(day), MOST_NEIGHBOURS.on(day)
    missing = sorted(sites, key=lambda site: site.site_id)
    everybody = [_Face(site, site.facing_east) for site in missing]
    found: dict[str, Neighbourhood] = {}
    for radius in (*(NEIGHBOURS_FADE.on(day) * part for part in (0.5, 1, 2)), *reaches):
        by_square: dict[tuple[int, int], list[_Face]] = {}
        for face in everybody:
            by_square.setdefault(_square(face.site, radius), []).append(face)
        left = []
        for site in missing:
            near = _within(site, by_square, radius)
            if len(near) >= most or radius == reaches[-1]:
                found[site.site_id] = _neighbourhood(site, near[:most], reaches, day)
            else:
                left.append(site)
        missing = left
    return found


@dataclass(frozen=True, slots=True)
class _Face:
    site: Baseline
    facing_east: float


def _square(site: Baseline, radius: float) -> tuple[int, int]:
    size = radius / _KM_PER_DEGREE
    return math.floor(site.latitude / size), math.floor(site.longitude / size)


def _within(
    site: Baseline, by_square: Mapping[tuple[int, int], Sequence[_Face]], radius: float
) -> list[tuple[float, str, float]]:
    """Give distance, id and facing of the sites within a radius, the nearest first."""
    row, column = _square(site, radius)
    narrow = math.cos(math.radians(site.latitude))
    wide = math.ceil(1 / max(narrow, 0.1))
    near = []
    for down in (-1, 0, 1):
        for right in range(-wide, wide + 1):
            for other in by_square.get((row + down, column + right), ()):
                distance = _KM_PER_DEGREE * math.hypot(
                    other.site.latitude - site.latitude,
                    (other.site.longitude - site.longitude) * narrow,
                )
                if distance <= radius and other.site.site_id != site.site_id:
                    near.append((distance, other.site.site_id, other.facing_east))
    near.sort()
    return near


def _neighbourhood(
    site: Baseline,
    near: Sequence[tuple[float, str, float]],
    reaches: Sequence[float],
    day: date,
) -> Neighbourhood:
    fade, east = NEIGHBOURS_FADE.on(day), site.facing_east
    distances = tuple(distance for distance, _, _ in near)
    close = wide = _weights(distances, fade)
    while near and _count(wide) < NEIGHBOURS_COUNT.on(day) and fade < reaches[0]:
        fade *= _WIDER
        wide = _weights(distances, fade)
    turned = (math.exp(-(((facing - east) / _ALIKE) ** 2)) for _, _, facing in near)
    return Neighbourhood(
        names=tuple(name for _, name, _ in near),
        distances_km=distances,
        weights=wide,
        alike=tuple(share * like for share, like in zip(close, turned, strict=True)),
        within=tuple(bisect_right(distances, reach) for reach in reaches),
    )


def _weights(distances: Sequence[float], fade: float) -> tuple[float, ...]:
    return tuple(max(math.exp(-((distance / fade) ** 2)), _LEAST_WEIGHT) for distance in distances)


def _count(weights: Sequence[float]) -> float:
    """Give how many equal ones weigh as surely (Kish): ten far ones may be worth two next door."""
    total = math.fsum(weights)
    return total * total / math.fsum(map(mul, weights, weights))


def weather_at(
    near: Neighbourhood,
    said: Mapping[str, float],
    *,
    terms: Terms,
    is_fed: bool,
) -> Weather | None:
    """Give what the neighbours say, from the nearest reach that holds enough of them (D-61, D-66).

    Args:
        near: who is near the site.
        said: site -> logarithm of what it made of its own expectation, healthy sites only.
        terms: the numbers of the day.
        is_fed: their expectation comes from an hourly feed, so that it knows where they face.
    """
    values = [*map(said.get, near.names)]
    weights = near.weights if is_fed else near.alike
    for reach, count in zip(terms.near, near.within, strict=False):
        heard = [
            (value, weight)
            for value, weight in zip(values[:count], weights, strict=False)
            if value is not None
        ]
        if len(heard) >= terms.fewest_neighbours:
            return _agreed(heard, reach, terms)
    return None


def _agreed(heard: list[tuple[float, float]], reach: float, terms: Terms) -> Weather:
    """Give the middle of the neighbours' words, and how sure it is (D-78b, D-78c, D-78d).

    Neighbours are counted by their weights (Kish): ten far ones may be worth two next door.

    Args:
        heard: their words with their weights.
        reach: within how many km they are.
        terms: the numbers of the day.
    """
    heard.sort()
    values, weights = zip(*heard, strict=True)
    passed = [*accumulate(weights)]
    total = passed[-1]
    at = bisect_left(passed, total / 2)
    spread = _NORMAL * _middle_distance(values, weights, at, total / 2)
    count = total * total / sum(map(mul, weights, weights))
    usual = terms.usual_weight
    doubt = (count * spread + usual * terms.usual_spread) / (count + usual)
    doubt *= math.sqrt(1 + terms.sampling / count)
    return Weather(values[at], spread, doubt, len(heard), reach)


def _middle_distance(
    values: Sequence[float], weights: Sequence[float], at: int, half: float
) -> float:
    """Give the weighted median of the distances from the middle, walking outwards from it."""
    ordered = (*values, math.inf, -math.inf)  # what stands before the first is the last
    middle, passed = values[at], weights[at]
    below, above, apart = at - 1, at + 1, 0.0
    while passed < half:
        down, up = middle - ordered[below], ordered[above] - middle
        if down <= up:
            apart = down
            passed += weights[below]
            below -= 1
        else:
            apart = up
            passed += weights[above]
            above += 1
    return apart
