"""A region's day: every site judged by its neighbours, each by the same few steps; pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from cloud.detection.baseline import Baseline, DayOfYear, clear_sky_wh, place, shape
from cloud.detection.feed import FeedHour, SkyHour, energy_wh, sky_of
from cloud.detection.neighbours import Neighbour, Weather, weather_at
from cloud.detection.scale import Scale, follow, learn
from cloud.detection.snow import is_snow_possible
from cloud.detection.terms import Terms
from cloud.detection.verdict import (
    Reason,
    Standing,
    Verdict,
    counted,
    guarded_percent,
    is_below,
    watched,
)

_SKY_SQUARE_DEG = 0.25
"""Sites of one square have one sun: less than half a minute of it."""
_LEAST_LOG = -4.0
"""What a site that made nothing says: as good as nothing, and still a number."""


@dataclass(frozen=True, slots=True)
class SiteDay:
    """What is stored of a site's day.

    Attributes:
        actual_wh: None when it is not known, which is never zero.
        completeness: share of the day's samples that are there.
        throttled_share: share of daylight under an export or power limit.
        mean_4d_c: mean air temperature of this day and the three before, None when not known.
        is_snow_told: whether the weather feed says that snow may lie, None without a feed.
    """

    site_id: str
    actual_wh: int | None
    completeness: float
    throttled_share: float = 0.0
    mean_4d_c: float | None = None
    is_snow_told: bool | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """What is remembered of a site between two days.

    Attributes:
        through: the last day that was judged; a day that is not after it changes nothing.
        last_wh: energy of the last known day, to tell a meter that is stuck.
    """

    site_id: str
    scale: Scale
    standing: Standing = Standing()
    through: date | None = None
    last_wh: int | None = None


def new_track(baseline: Baseline) -> Track:
    """Give the track of a site of which nothing was judged: its scale is the design's word."""
    return Track(baseline.site_id, Scale(baseline.prior_log_scale))


@dataclass(frozen=True, slots=True)
class Region:
    """Sites that one weather feed covers, with who is near whom."""

    baselines: Mapping[str, Baseline]
    neighbourhoods: Mapping[str, Sequence[Neighbour]]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A site's day before the neighbours are asked."""

    track: Track
    day: SiteDay
    base_wh: float
    clear_wh: float
    log_ratio: float | None
    is_stuck: bool


def judge_day(
    day: date,
    region: Region,
    tracks: Mapping[str, Track],
    days: Iterable[SiteDay],
    *,
    terms: Terms,
    feed: Sequence[FeedHour] | None = None,
) -> tuple[dict[str, Track], dict[str, Verdict]]:
    """Judge a day of all sites of a region, and give their tracks after it and their verdicts.

    The order of the sites and a day told twice change nothing: the last telling counts, and a
    track that is already through the day stays as it is. A site without a line is not judged.
    """
    at = place(day)
    known = {one.site_id: one for one in days}
    skies: dict[tuple[int, int, float], tuple[SkyHour, ...]] = {}
    seen = {}
    for site_id in sorted(known):
        baseline = region.baselines[site_id]
        track = tracks.get(site_id) or new_track(baseline)
        if track.through is not None and track.through >= day:
            continue
        sky = _sky(skies, baseline, day, feed) if feed else None
        seen[site_id] = _look(baseline, track, known[site_id], at, sky)
    said = {
        site_id: one.log_ratio - one.track.scale.log
        for site_id, one in seen.items()
        if one.log_ratio is not None and _is_witness(one, terms)
    }
    after = dict(tracks)
    verdicts = {}
    for site_id, one in seen.items():
        weather = weather_at(
            region.neighbourhoods.get(site_id, ()), said, terms=terms, is_fed=bool(feed)
        )
        after[site_id], verdicts[site_id] = _judge(one, day, weather, terms, bool(feed))
    return after, verdicts


def _sky(
    skies: dict[tuple[int, int, float], tuple[SkyHour, ...]],
    baseline: Baseline,
    day: date,
    feed: Sequence[FeedHour],
) -> tuple[SkyHour, ...]:
    key = (
        round(baseline.latitude / _SKY_SQUARE_DEG),
        round(baseline.longitude / _SKY_SQUARE_DEG),
        baseline.utc_offset_hours,
    )
    if key not in skies:
        skies[key] = sky_of(
            day,
            feed,
            latitude=key[0] * _SKY_SQUARE_DEG,
            longitude=key[1] * _SKY_SQUARE_DEG,
            utc_offset_hours=baseline.utc_offset_hours,
        )
    return skies[key]


def _look(
    baseline: Baseline,
    track: Track,
    told: SiteDay,
    at: DayOfYear,
    sky: Sequence[SkyHour] | None,
) -> _Seen:
    form = shape(baseline, at)
    clear = clear_sky_wh(baseline, at) * form
    if sky:
        base = energy_wh(baseline.planes, baseline.ac_limit_w, sky) * form
    else:
        base = clear
    log_ratio = None
    if told.actual_wh is not None and base > 0:
        made = told.actual_wh / base
        log_ratio = max(math.log(made), _LEAST_LOG) if made > 0 else _LEAST_LOG
    is_stuck = bool(told.actual_wh) and told.actual_wh == track.last_wh
    return _Seen(track, told, base, clear, log_ratio, is_stuck)


def _is_witness(one: _Seen, terms: Terms) -> bool:
    """Tell whether a site speaks of the weather: whole, free, and not suspected (D-69, D-70, D-76)."""
    standing = one.track.standing
    return (
        one.day.completeness >= terms.whole_day
        and one.day.throttled_share <= terms.throttled
        and not one.is_stuck
        and standing.case_on is None
        and standing.low < terms.suspected
    )


def _judge(
    one: _Seen, day: date, weather: Weather | None, terms: Terms, is_fed: bool
) -> tuple[Track, Verdict]:
    sky = weather
    if sky is None and is_fed:
        sky = Weather(0.0, terms.lone_spread, 0, 0.0)
    scale = one.track.scale
    expected = None
    if sky is not None:
        expected = round(one.base_wh * math.exp(scale.log + sky.log_ratio))
    percent = guarded_percent(sky.spread if sky else 0.0, terms)
    reason = _reason(one, expected, sky, terms)
    verdict = Verdict(
        site_id=one.day.site_id,
        day=day,
        actual_wh=one.day.actual_wh,
        expected_wh=expected,
        guarded_percent=percent,
        weather=sky,
        reason=reason,
    )
    standing = watched(counted(one.track.standing, verdict, terms), verdict, terms)
    if reason is Reason.WARM_UP and sky and one.log_ratio is not None:
        scale = learn(scale, one.log_ratio - sky.log_ratio, terms=terms)
    elif reason is Reason.GOOD and sky and one.log_ratio is not None:
        scale = follow(scale, one.log_ratio - sky.log_ratio - scale.log, terms=terms)
    last = one.day.actual_wh if one.day.actual_wh is not None else one.track.last_wh
    return (
        replace(one.track, scale=scale, standing=standing, through=day, last_wh=last),
        verdict,
    )


def _reason(one: _Seen, expected: int | None, sky: Weather | None, terms: Terms) -> Reason:
    """Give why a day counts or does not; the first that holds (D-62, D-69, D-70, D-71)."""
    told = one.day
    if told.actual_wh is None:
        return Reason.UNKNOWN
    if told.completeness < terms.whole_day:
        return Reason.PARTIAL
    if told.throttled_share > terms.throttled:
        return Reason.THROTTLED
    if one.is_stuck:
        return Reason.STUCK_METER
    if expected is None or sky is None:
        return Reason.NO_WEATHER
    if expected < terms.dark_day * one.clear_wh * math.exp(one.track.scale.log):
        return Reason.DARK
    is_snow = is_snow_possible(
        told=told.is_snow_told, mean_4d_c=told.mean_4d_c, weather=sky, terms=terms
    )
    if not one.track.scale.is_learned:
        if is_snow:
            return Reason.SNOW
        return Reason.WARM_UP
    is_low = is_below(told.actual_wh, expected, terms.production_floor)
    if is_low and is_snow:
        return Reason.SNOW
    if sky.spread > terms.widest_spread:
        return Reason.DISAGREE
    return Reason.LOW if is_low else Reason.GOOD
