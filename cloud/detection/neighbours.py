"""What the neighbours say of a day: their middle, and how far they differ; pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from cloud.detection.baseline import Baseline
from cloud.detection.policy import MOST_NEIGHBOURS, NEAR, NEIGHBOURS_FADE
from cloud.detection.terms import Terms

_KM_PER_DEGREE = 111.2
_NORMAL = 1.4826
"""Makes a median absolute deviation comparable to a standard deviation of a normal spread."""
_ALIKE = 0.35
"""Difference of facing at which a neighbour weighs 1/e, where no feed tells the hours."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A site near by.

    Attributes:
        weight: by how near it is (D-67), of one next door.
        alike: the same, less for one that faces another way: what counts where no hourly feed
            tells a cloudy morning from a cloudy evening.
    """

    site_id: str
    distance_km: float
    weight: float
    alike: float


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


def neighbourhoods(sites: Iterable[Baseline], day: date) -> dict[str, tuple[Neighbour, ...]]:
    """Give the nearest sites of each, the nearest first (D-66, D-67, D-68).

    A site is never its own neighbour. Looked up by squares of the widest reach, so that a fleet
    ten times as large takes about ten times as long where it is spread out.
    """
    reach, most, fade = NEAR.on(day), MOST_NEIGHBOURS.on(day), NEIGHBOURS_FADE.on(day)
    known = sorted(sites, key=lambda site: site.site_id)
    by_square: dict[tuple[int, int, float], list[Baseline]] = {}
    found: dict[str, tuple[Neighbour, ...]] = {}
    for radius in reach:
        missing = [
            site for site in known if site.site_id not in found or len(found[site.site_id]) < most
        ]
        by_square = {}
        for site in known:
            by_square.setdefault(_square(site, radius), []).append(site)
        for site in missing:
            found[site.site_id] = _nearest(site, by_square, radius, most, fade)
    return found


def _square(site: Baseline, radius: float) -> tuple[int, int, float]:
    size = radius / _KM_PER_DEGREE
    return math.floor(site.latitude / size), math.floor(site.longitude / size), radius


def _nearest(
    site: Baseline,
    by_square: Mapping[tuple[int, int, float], Sequence[Baseline]],
    radius: float,
    most: int,
    fade: float,
) -> tuple[Neighbour, ...]:
    row, column, _ = _square(site, radius)
    narrow = math.cos(math.radians(site.latitude))
    wide = math.ceil(1 / max(narrow, 0.1))
    east = site.facing_east
    near = []
    for down in (-1, 0, 1):
        for right in range(-wide, wide + 1):
            for other in by_square.get((row + down, column + right, radius), ()):
                if other.site_id == site.site_id:
                    continue
                distance = _KM_PER_DEGREE * math.hypot(
                    other.latitude - site.latitude, (other.longitude - site.longitude) * narrow
                )
                if distance <= radius:
                    near.append((distance, other.site_id, other))
    near.sort(key=lambda one: one[:2])
    return tuple(
        Neighbour(
            name,
            distance,
            weight := max(math.exp(-((distance / fade) ** 2)), 1e-6),
            weight * math.exp(-(((other.facing_east - east) / _ALIKE) ** 2)),
        )
        for distance, name, other in near[:most]
    )


def weather_at(
    neighbours: Sequence[Neighbour],
    said: Mapping[str, float],
    *,
    terms: Terms,
    is_fed: bool,
) -> Weather | None:
    """Give what the neighbours say, from the nearest reach that holds enough of them (D-61, D-66).

    Args:
        neighbours: of the site, the nearest first.
        said: site -> logarithm of what it made of its own expectation, healthy sites only.
        terms: the numbers of the day.
        is_fed: their expectation comes from an hourly feed, so that it knows where they face.
    """
    heard = [
        (said[one.site_id], one.weight if is_fed else one.alike, one.distance_km)
        for one in neighbours
        if one.site_id in said
    ]
    for reach in terms.near:
        within = [one for one in heard if one[2] <= reach]
        if len(within) >= terms.fewest_neighbours:
            return _agreed(within, reach, terms)
    return None


def _agreed(within: Sequence[tuple[float, float, float]], reach: float, terms: Terms) -> Weather:
    """Give the middle of the neighbours' words, and how sure it is (D-78b, D-78c, D-78d).

    Neighbours are counted by their weights (Kish): ten far ones may be worth two next door.
    """
    middle = _middle([(value, weight) for value, weight, _ in within])
    spread = _NORMAL * _middle([(abs(value - middle), weight) for value, weight, _ in within])
    total = sum(weight for _, weight, _ in within)
    count = total * total / sum(weight * weight for _, weight, _ in within)
    usual = terms.usual_weight
    doubt = (count * spread + usual * terms.usual_spread) / (count + usual)
    doubt *= math.sqrt(1 + terms.sampling / count)
    return Weather(middle, spread, doubt, len(within), reach)


def _middle(weighted: list[tuple[float, float]]) -> float:
    """Give the weighted median: the mean of two when the weights meet between them."""
    weighted.sort()
    half = sum(weight for _, weight in weighted) / 2
    passed = 0.0
    for index, (value, weight) in enumerate(weighted):
        passed += weight
        if passed > half:
            return value
        if passed == half:
            return (value + weighted[index + 1][0]) / 2
    return weighted[-1][0]
