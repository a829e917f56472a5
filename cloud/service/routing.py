"""Who is offered the work: everyone is ranked, and the whole ranking says why."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0088
"""Mean radius R1 of the Earth (IUGG)."""


_INACTIVE, _UNLICENSED, _UNINSURED = "not active", "not licensed", "not insured"
UNFIT = frozenset({_INACTIVE, _UNLICENSED, _UNINSURED})
"""What bars a partner from any work, also the original installer."""


class RoutingReason(StrEnum):
    """Why a partner, or nobody, was chosen."""

    ORIGINAL_INSTALLER_FIRST = "original_installer_first"
    BEST_SCORE = "best_score"
    NEAREST_FOR_EMERGENCY = "nearest_for_emergency"
    MANUAL_DISPATCH = "manual_dispatch"


@dataclass(frozen=True, slots=True)
class Job:
    """What has to be done, as far as it decides who may do it.

    Attributes:
        excluded: partners that declined it or lost it.
    """

    state: str
    scope: frozenset[str]
    manufacturer: str
    is_workmanship_suspected: bool
    is_emergency: bool
    original_installer_id: str
    excluded: frozenset[str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A partner as routing sees it on the day."""

    id: str
    is_active: bool
    is_licensed: bool
    has_opted_in: bool
    states: frozenset[str]
    scopes: frozenset[str]
    certifications: frozenset[str]
    distance_km: float
    max_km: float
    performance: int
    open_work_orders: int
    max_open: int
    is_insured: bool = True


@dataclass(frozen=True, slots=True)
class Ranked:
    """A partner's place in the ranking.

    Attributes:
        barred_by: every filter that it fails, in words; empty for one that could be chosen.
        performance_points, proximity_points: the two parts of the score, weighted.
        open_work_orders: how many it had.
    """

    partner_id: str
    score: int
    distance_km: int
    barred_by: tuple[str, ...] = ()
    performance_points: int = 0
    proximity_points: int = 0
    open_work_orders: int = 0


@dataclass(frozen=True, slots=True)
class Routing:
    """The decision and all that it was chosen from, best first."""

    assign_to: str | None
    reason: RoutingReason
    ranking: tuple[Ranked, ...]


def route(
    job: Job,
    candidates: Sequence[Candidate],
    *,
    performance_weight: int,
    proximity_weight: int,
    full_proximity: int,
) -> Routing:
    """Choose who is offered the work (R-42, R-42b, R-43, R-44, R-45).

    Suspected workmanship and emergencies go to the original installer first, whatever its score,
    range or load. Otherwise the best score wins; equal ones by fewer open work orders, then by id.
    In an emergency the nearest wins, then the better performer. With nobody left a person decides.
    """

    def proximity(one: Candidate) -> int:
        used = int(full_proximity * one.distance_km // one.max_km) if one.max_km > 0 else 0
        return proximity_weight * (full_proximity - used)

    def score(one: Candidate) -> int:
        return performance_weight * one.performance + proximity(one)

    def ranked(one: Candidate) -> Ranked:
        return Ranked(
            partner_id=one.id,
            score=score(one),
            distance_km=round(one.distance_km),
            barred_by=_barred_by(one, job),
            performance_points=performance_weight * one.performance,
            proximity_points=proximity(one),
            open_work_orders=one.open_work_orders,
        )

    def by_score(one: Candidate) -> tuple[object, ...]:
        return (-score(one), one.open_work_orders, one.id)

    def by_distance(one: Candidate) -> tuple[object, ...]:
        return (one.distance_km, -one.performance, one.open_work_orders, one.id)

    ordered = sorted(candidates, key=by_distance if job.is_emergency else by_score)
    ranking = tuple(sorted(map(ranked, ordered), key=lambda one: bool(one.barred_by)))
    if job.is_workmanship_suspected or job.is_emergency:
        for one in candidates:
            if one.id == job.original_installer_id and not _unable(one, job):
                first = RoutingReason.ORIGINAL_INSTALLER_FIRST
                return Routing(one.id, first, _with_first(ranking, one.id))
    if not ranking or ranking[0].barred_by:
        return Routing(None, RoutingReason.MANUAL_DISPATCH, ranking)
    if job.is_emergency:
        return Routing(ranking[0].partner_id, RoutingReason.NEAREST_FOR_EMERGENCY, ranking)
    return Routing(ranking[0].partner_id, RoutingReason.BEST_SCORE, ranking)


def distance_km(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Give the great-circle distance between two places in degrees (haversine)."""
    lat1, lon1, lat2, lon2 = map(radians, (*here, *there))
    chord = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(chord))


def _with_first(ranking: tuple[Ranked, ...], partner_id: str) -> tuple[Ranked, ...]:
    return tuple(sorted(ranking, key=lambda ranked: ranked.partner_id != partner_id))


def _unable(one: Candidate, job: Job) -> tuple[str, ...]:
    """Give what bars even the original installer (R-43, Q-79)."""
    filters = {
        _INACTIVE: one.is_active,
        _UNLICENSED: one.is_licensed,
        _UNINSURED: one.is_insured,
        "declined or lost this work order": one.id not in job.excluded,
    }
    return tuple(reason for reason, passes in filters.items() if not passes)


def _barred_by(one: Candidate, job: Job) -> tuple[str, ...]:
    """Give every filter that a partner fails (R-42, R-45)."""
    filters = {
        "takes only its own installs": one.has_opted_in or one.id == job.original_installer_id,
        f"does not work in {job.state}": job.state in one.states,
        "does not do this work": job.scope <= one.scopes,
        f"not certified for {job.manufacturer}": not job.manufacturer
        or job.manufacturer in one.certifications,
        "too far away": one.distance_km <= one.max_km,
        "has no capacity": one.open_work_orders < one.max_open,
    }
    return _unable(one, job) + tuple(reason for reason, passes in filters.items() if not passes)
