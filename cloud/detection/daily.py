"""A region's day: every site judged by its neighbours, each by the same few steps; pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from cloud.detection.baseline import Baseline, DayOfYear, clear_sky_wh, place, shape
from cloud.detection.feed import FeedHour, SkyHour, energy_wh, sky_of
from cloud.detection.neighbours import NOBODY, Neighbourhood, Weather, weather_at
from cloud.detection.scale import Scale, follow, learn
from cloud.detection.snow import is_snow_possible
from cloud.detection.terms import Terms
from cloud.detection.verdict import (
    NEW,
    NO_GAP,
    Gap,
    Reason,
    Standing,
    Verdict,
    counted,
    guarded_percent,
    is_below,
    own_doubt,
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
        since_gap_wh: what the lifetime counter made over the unknown days before this one, when
            this is the first day that is heard again and the counter tells it.
    """

    site_id: str
    actual_wh: int | None
    completeness: float
    throttled_share: float = 0.0
    mean_4d_c: float | None = None
    is_snow_told: bool | None = None
    since_gap_wh: int | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """What is remembered of a site between two days.

    Attributes:
        through: the last day that was judged; a day that is not after it changes nothing.
        last_wh: energy of the last known day, to tell a meter that is stuck.
        melting: days that the site may still be low because of snow that fell (D-72c).
        gap: the unknown days that the last day ended with.
    """

    site_id: str
    scale: Scale
    standing: Standing = NEW
    through: date | None = None
    last_wh: int | None = None
    melting: int = 0
    gap: Gap = NO_GAP


def new_track(baseline: Baseline) -> Track:
    """Give the track of a site of which nothing was judged: its scale is the design's word."""
    return Track(baseline.site_id, Scale(baseline.prior_log_scale))


@dataclass(frozen=True, slots=True)
class Region:
    """Sites that one weather feed covers, with who is near whom.

    Attributes:
        neighbourhoods: site -> its neighbours; one with too few of them is a lone site.
    """

    baselines: Mapping[str, Baseline]
    neighbourhoods: Mapping[str, Neighbourhood]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A site's day before the neighbours are asked."""

    track: Track
    day: SiteDay
    base_wh: float
    clear_wh: float
    log_ratio: float | None
    prior_log: float
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
    A lone site does not use the design's months: there is nobody in whom their error cancels.

    Args:
        day: on the sites' standard clock.
        region: the sites.
        tracks: what is remembered of each; one that is new has none.
        days: what is stored of the day.
        terms: the numbers of the rule book; of a later day when an old one is replayed by it.
        feed: hours of the region's weather, None when there is no hourly feed.
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
        near = region.neighbourhoods.get(site_id, NOBODY)
        form = shape(baseline, at) if len(near.names) >= terms.fewest_neighbours else 1.0
        seen[site_id] = _look(baseline, track, known[site_id], at, sky, form=form)
    said = {
        site_id: one.log_ratio - one.track.scale.log
        for site_id, one in seen.items()
        if one.log_ratio is not None and _is_witness(one, terms)
    }
    after = dict(tracks)
    verdicts = {}
    for site_id, one in seen.items():
        weather = weather_at(
            region.neighbourhoods.get(site_id, NOBODY), said, terms=terms, is_fed=bool(feed)
        )
        after[site_id], verdicts[site_id] = _judge(one, day, weather, terms, is_fed=bool(feed))
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
    *,
    form: float,
) -> _Seen:
    clear = clear_sky_wh(baseline, at) * form
    base = energy_wh(baseline.planes, baseline.ac_limit_w, sky) * form if sky else clear
    log_ratio = None
    if told.actual_wh is not None and base > 0:
        made = told.actual_wh / base
        log_ratio = max(math.log(made), _LEAST_LOG) if made > 0 else _LEAST_LOG
    is_stuck = bool(told.actual_wh) and told.actual_wh == track.last_wh
    return _Seen(track, told, base, clear, log_ratio, baseline.prior_log_scale, is_stuck)


def _is_witness(one: _Seen, terms: Terms) -> bool:
    """Tell whether a site speaks of the weather: whole, free, unsuspected (D-69, D-70, D-76)."""
    standing = one.track.standing
    return (
        one.day.completeness >= terms.whole_day
        and one.day.throttled_share <= terms.throttled
        and not one.is_stuck
        and standing.case_on is None
        and standing.low < terms.suspected
    )


def _judge(
    one: _Seen, day: date, weather: Weather | None, terms: Terms, *, is_fed: bool
) -> tuple[Track, Verdict]:
    """Give a site's track and verdict, by its neighbours, or by the feed alone (D-61, D-74)."""
    sky = weather
    if sky is None and is_fed:
        sky = Weather(0.0, terms.lone_spread, terms.lone_spread, 0, 0.0)
    track = one.track
    expected = None
    if sky is not None:
        expected = round(one.base_wh * math.exp(track.scale.log + sky.log_ratio))
    reason, melting = _reason(one, expected, sky, terms, is_fed=is_fed)
    gap = _gap(one, expected, reason)
    verdict = Verdict(
        site_id=one.day.site_id,
        day=day,
        actual_wh=one.day.actual_wh,
        expected_wh=expected,
        guarded_percent=guarded_percent(_doubt(one, sky, terms) if sky else 0.0, terms),
        weather=sky,
        reason=reason,
        gap=gap if gap.actual_wh is not None else None,
    )
    standing = counted(track.standing, verdict, terms)
    return (
        Track(
            site_id=track.site_id,
            scale=_scale(one, sky, verdict, standing, terms),
            standing=standing,
            through=day,
            last_wh=track.last_wh if one.day.actual_wh is None else one.day.actual_wh,
            melting=melting,
            gap=gap if gap.actual_wh is None else NO_GAP,
        ),
        verdict,
    )


def _doubt(one: _Seen, sky: Weather, terms: Terms) -> float:
    return own_doubt(sky.doubt, one.track.standing.unrest, terms)


def _scale(
    one: _Seen, sky: Weather | None, verdict: Verdict, standing: Standing, terms: Terms
) -> Scale:
    """Give the scale after the day: by days that count, and not while a loss is suspected."""
    scale = one.track.scale
    if sky is None or one.log_ratio is None:
        return scale
    seen_log = one.log_ratio - sky.log_ratio
    if verdict.reason is Reason.WARM_UP:
        return learn(scale, seen_log, terms=terms)
    is_sound = standing.case_on is None and standing.low < terms.low_days
    if verdict.is_judged and scale.is_learned and is_sound:
        return follow(scale, seen_log - scale.log, terms=terms)
    return scale


def _gap(one: _Seen, expected: int | None, reason: Reason) -> Gap:
    """Give the gap that the day is part of, or the one that it ends, with what the counter says."""
    before = one.track.gap
    if reason in {Reason.UNKNOWN, Reason.PARTIAL}:
        known = before.expected_wh
        total = None if known is None or expected is None else known + expected
        return Gap(before.days + 1, total)
    if before.days and one.day.since_gap_wh is not None:
        return replace(before, actual_wh=one.day.since_gap_wh)
    return NO_GAP


def _reason(
    one: _Seen, expected: int | None, sky: Weather | None, terms: Terms, *, is_fed: bool
) -> tuple[Reason, int]:
    """Give why a day counts or does not, and the days that are left to shed snow (D-69 to D-78).

    The first reason that holds: nothing is known, then nothing can be expected, then snow, then
    the dark, then doubt. A good day ends the snow (D-72c) only beside neighbours who agree.
    """
    told = one.day
    melting = max(one.track.melting - 1, 0)
    if told.actual_wh is None:
        return Reason.UNKNOWN, melting
    if told.completeness < terms.whole_day:
        return Reason.PARTIAL, melting
    if told.throttled_share > terms.throttled:
        return Reason.THROTTLED, melting
    if one.is_stuck:
        return Reason.STUCK_METER, melting
    if expected is None or sky is None:
        return Reason.NO_WEATHER, melting
    is_snow = is_snow_possible(
        told=told.is_snow_told,
        mean_4d_c=told.mean_4d_c,
        weather=sky,
        terms=terms,
        is_fed=is_fed,
    )
    if not one.track.scale.is_learned:
        return _reason_of_a_new_site(one, expected, terms, is_snow=is_snow), melting
    if is_below(told.actual_wh, expected, terms.production_floor) and (is_snow or melting):
        return Reason.SNOW, terms.snow_melts + 1 if is_snow else melting
    reason = _beside_the_floor(one, expected, sky, terms)
    is_bare = reason is Reason.GOOD and sky.doubt <= terms.widest_doubt
    return reason, 0 if is_bare else melting


def _reason_of_a_new_site(one: _Seen, expected: int, terms: Terms, *, is_snow: bool) -> Reason:
    """Give why a day of the warm-up is learned from, or not (D-63, D-71, D-73c)."""
    if is_snow:
        return Reason.SNOW
    if expected < terms.dark_day * one.clear_wh * math.exp(one.track.scale.log):
        return Reason.DARK
    designed = expected * math.exp(one.prior_log - one.track.scale.log)
    if is_below(one.day.actual_wh, round(designed), 100 * terms.dead_at_birth):
        return Reason.LOW
    return Reason.WARM_UP


def _beside_the_floor(one: _Seen, expected: int, sky: Weather, terms: Terms) -> Reason:
    """Give whether a day is low or good, where that can be told.

    By D-13, D-71, D-71a, D-71b, D-78, D-78a and D-102.

    On a day of doubt the floor is a band: above and below it the day counts, within it does not.
    What neighbours leave open makes it wider on both sides, a site's own unrest only below: a day
    that reaches the floor needs no excuse. If only days far above it counted, the site's scale and
    its unrest would be learned from those alone, and stay too high.
    """
    actual = one.day.actual_wh
    clear = one.clear_wh * math.exp(one.track.scale.log)
    if expected < terms.dark_day * clear:
        is_off = expected >= terms.dusk * clear and is_below(
            actual, expected, 100 * terms.next_to_nothing
        )
        return Reason.LOW if is_off else Reason.DARK
    floor, band = terms.production_floor, _band(sky.doubt, terms)
    if is_below(actual, expected, floor / _band(_doubt(one, sky, terms), terms)):
        return Reason.LOW
    if is_below(actual, expected, floor / band):
        return Reason.RESTLESS
    return Reason.DISAGREE if is_below(actual, expected, floor * band) else Reason.GOOD


def _band(doubt: float, terms: Terms) -> float:
    return math.exp(terms.doubt_factor * max(0.0, doubt - terms.widest_doubt))
