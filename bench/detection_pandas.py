"""The rule of a day once more, by whole columns: what `judge_day` is measured beside.

All of D-13, D-61 to D-78d and D-102 as far as no hourly feed is asked: neighbours, scale, snow,
gaps, doubt, unrest, low days, visits and the watch-list. It runs in the peers' environment (`make
bench-peers`) and prints one line of JSON. Before it is measured it is held to `judge_day`, site by
site.
"""

import json
import math
import sys
import time
from dataclasses import replace
from datetime import date, timedelta
from importlib import import_module
from io import StringIO
from typing import Any

from bench.detection_world import LAYOUTS, THROUGH, baselines, day_of, hard_days, learned_tracks
from cloud.detection.baseline import Baseline, clear_sky_wh, place, shape
from cloud.detection.daily import Region, SiteDay, Track, judge_day
from cloud.detection.neighbours import Neighbourhood, neighbourhoods
from cloud.detection.policy import MOST_NEIGHBOURS
from cloud.detection.terms import Terms, terms_on
from cloud.detection.verdict import Reason, Verdict

np: Any = import_module("numpy")
pd: Any = import_module("pandas")

_FREE_DOUBT, _CLIP, _LEAST_RATIO, _LEAST_LOG = 0.08, 0.25, 0.01, -4.0
_NORMAL, _ABSOLUTE = 1.4826, 1.25
_NAN = float("nan")
_DATES = ("low_since", "case_on", "visit_on", "watch_on")
_EMPTY = {
    "anchor": _NAN, "seen": 0, "low": 0, "unjudged": 0, "well": 0, "loss": 0.0, "trend": 0.0,
    "low_since": _NAN, "case_on": _NAN, "visit_on": _NAN, "watch_on": _NAN, "last_wh": _NAN,
    "melting": 0, "gap_days": 0, "gap_wh": 0.0, "unrest": 0.0,
}  # fmt: skip


class Roofs:
    """What is known of sites for good, as columns; who is near whom as a table of 32 columns."""

    def __init__(self, roofs: list[Baseline], near: dict[str, Neighbourhood], copies: int) -> None:
        """Lay out some sites, so many times over."""
        most, size = MOST_NEIGHBOURS.on(THROUGH), len(roofs)
        at = {roof.site_id: number for number, roof in enumerate(roofs)}
        self._roofs, self.copies = roofs, copies
        index, weights = np.full((size, most), -1), np.zeros((size, most))
        for number, roof in enumerate(roofs):
            one = near[roof.site_id]
            index[number, : len(one.names)] = [at[name] for name in one.names]
            weights[number, : len(one.names)] = one.alike
        moved = [np.where(index < 0, -1, index + copy * size) for copy in range(copies)]
        self.near = np.concatenate(moved)
        self.weights = np.tile(weights, (copies, 1))
        self.within = np.tile(np.array([near[roof.site_id].within for roof in roofs]), (copies, 1))
        self.names = np.tile(np.array([len(near[roof.site_id].names) for roof in roofs]), copies)
        self.prior = np.tile(np.array([roof.prior_log_scale for roof in roofs]), copies)

    def clear_wh(self, day: date, fewest: int) -> Any:
        """Give each site's clear day, by the design's months where there are neighbours."""
        at = place(day)
        clear = np.array([clear_sky_wh(roof, at) for roof in self._roofs])
        form = np.array([shape(roof, at) for roof in self._roofs])
        clear, form = np.tile(clear, self.copies), np.tile(form, self.copies)
        return clear * np.where(self.names >= fewest, form, 1.0)


def new_state(roofs: Roofs, warm_up: int) -> Any:
    """Give the state of sites of which nothing was judged."""
    frame = pd.DataFrame({"log": roofs.prior, **_EMPTY})
    for number in range(warm_up):
        frame[f"warm_{number}"] = _NAN
    return frame


def told_of(days: list[SiteDay]) -> Any:
    """Give a day's rows as a frame."""
    columns = ("actual_wh", "completeness", "throttled_share", "mean_4d_c", "since_gap_wh")
    return pd.DataFrame(
        {name: np.array([getattr(one, name) for one in days], dtype=float) for name in columns}
    )


def weather(roofs: Roofs, said: Any, terms: Terms) -> Any:
    """Give middle, spread and doubt of each site's neighbours, NaN where they are too few."""
    values = np.where(roofs.near < 0, _NAN, said[roofs.near])
    columns = np.arange(values.shape[1])
    heard = np.zeros(values.shape, dtype=bool)
    for number in reversed(range(roofs.within.shape[1])):
        mask = (columns < roofs.within[:, number, None]) & ~np.isnan(values)
        heard = np.where((mask.sum(axis=1) >= terms.fewest_neighbours)[:, None], mask, heard)
    values, weights = np.where(heard, values, np.inf), np.where(heard, roofs.weights, 0.0)
    order = np.lexsort((weights, values), axis=-1)
    values = np.take_along_axis(values, order, 1)
    weights = np.take_along_axis(weights, order, 1)
    passed = np.cumsum(weights, axis=1)
    total = passed[:, -1]
    half = (total / 2)[:, None]
    middle = np.take_along_axis(values, (passed >= half).argmax(axis=1)[:, None], 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.where(np.isinf(values), np.inf, np.abs(values - middle))
        order = np.argsort(apart, axis=1, kind="stable")
        passed = np.cumsum(np.take_along_axis(weights, order, 1), axis=1)
        at = (passed >= half).argmax(axis=1)[:, None]
        spread = _NORMAL * np.take_along_axis(np.take_along_axis(apart, order, 1), at, 1)[:, 0]
        count = total * total / (weights * weights).sum(axis=1)
        usual = terms.usual_weight
        doubt = (count * spread + usual * terms.usual_spread) / (count + usual)
        doubt *= np.sqrt(1 + terms.sampling / count)
    frame = pd.DataFrame({"log": middle[:, 0], "spread": spread, "doubt": doubt})
    frame[~heard.any(axis=1)] = _NAN
    return frame


def judge(day: date, roofs: Roofs, state: Any, told: Any, terms: Terms) -> tuple[Any, Any]:
    """Give the state after a day and the day's verdicts, in the order of the sites."""
    clear = roofs.clear_wh(day, terms.fewest_neighbours)
    actual = told.actual_wh
    with np.errstate(divide="ignore"):
        log_ratio = np.log(actual / clear).clip(lower=_LEAST_LOG)
    is_stuck = (actual > 0) & (actual == state.last_wh)
    is_witness = (
        (told.completeness >= terms.whole_day)
        & (told.throttled_share <= terms.throttled)
        & ~is_stuck
        & state.case_on.isna()
        & (state.low < terms.suspected)
    )
    sky = weather(roofs, (log_ratio - state.log).where(is_witness).to_numpy(), terms)
    unrest = state.unrest.clip(lower=0)
    sky["own"] = np.sqrt(sky.doubt**2 + unrest * (unrest + 2 * terms.usual_unrest))
    expected = (clear * np.exp(state.log + sky.log)).round()
    reason, melting = _reasons(
        roofs,
        state,
        told,
        clear=clear,
        expected=expected,
        sky=sky,
        is_stuck=is_stuck,
        terms=terms,
    )
    gap_days, gap_wh, since = _gaps(state, told, expected, reason)
    guarded = terms.production_floor * np.exp(
        -terms.visit_doubt * (sky.own.fillna(0.0) - _FREE_DOUBT).clip(lower=0)
    )
    verdicts = pd.DataFrame({"expected_wh": expected, "guarded": guarded, "reason": reason})
    after = _standing(day, state, actual, verdicts, since=since, terms=terms)
    after = _scale(state, after, log_ratio - sky.log, reason, terms)
    after["last_wh"] = actual.fillna(state.last_wh)
    after["melting"], after["gap_days"], after["gap_wh"] = melting, gap_days, gap_wh
    return after, verdicts


def _reasons(
    roofs: Roofs,
    state: Any,
    told: Any,
    *,
    clear: Any,
    expected: Any,
    sky: Any,
    is_stuck: Any,
    terms: Terms,
) -> tuple[Any, Any]:
    actual, floor = told.actual_wh, terms.production_floor
    melting = (state.melting - 1).clip(lower=0)
    is_snow = (told.mean_4d_c < terms.snow_cold) & (
        (sky.spread > terms.snow_spread) | (np.exp(sky.log) < terms.snow_depth)
    )
    is_snow |= (told.mean_4d_c < terms.snow_cool) & (sky.spread > terms.snow_wild)
    is_learned = state.anchor.notna()
    own = clear * np.exp(state.log)
    is_dark = expected < terms.dark_day * own
    designed = (expected * np.exp(roofs.prior - state.log)).round()
    is_off = (expected >= terms.dusk * own) & (
        actual * 100 < expected * (100 * terms.next_to_nothing)
    )
    band, own_band = (
        np.exp(terms.doubt_factor * (doubt - terms.widest_doubt).clip(lower=0))
        for doubt in (sky.doubt, sky.own)
    )
    is_covered = (actual * 100 < expected * floor) & (is_snow | (melting > 0))
    rules = [
        (actual.isna(), Reason.UNKNOWN),
        (told.completeness < terms.whole_day, Reason.PARTIAL),
        (told.throttled_share > terms.throttled, Reason.THROTTLED),
        (is_stuck, Reason.STUCK_METER),
        (expected.isna(), Reason.NO_WEATHER),
        (~is_learned & is_snow, Reason.SNOW),
        (~is_learned & is_dark, Reason.DARK),
        (~is_learned & (actual * 100 < designed * (100 * terms.dead_at_birth)), Reason.LOW),
        (~is_learned, Reason.WARM_UP),
        (is_covered, Reason.SNOW),
        (is_dark & is_off, Reason.LOW),
        (is_dark, Reason.DARK),
        (actual * 100 < expected * (floor / own_band), Reason.LOW),
        (actual * 100 < expected * (floor / band), Reason.RESTLESS),
        (actual * 100 >= expected * (floor * band), Reason.GOOD),
    ]
    numbers = {one: number for number, one in enumerate(Reason)}
    reason = np.select(
        [rule for rule, _ in rules],
        [numbers[one] for _, one in rules],
        numbers[Reason.DISAGREE],
    )
    reason = pd.Series(np.array([*Reason], dtype=object)[reason])
    melting = melting.mask((reason == Reason.SNOW) & is_learned & is_snow, terms.snow_melts + 1)
    is_bare = (reason == Reason.GOOD) & (sky.doubt <= terms.widest_doubt)
    return reason, melting.mask(is_bare, 0)


def _gaps(state: Any, told: Any, expected: Any, reason: Any) -> tuple[Any, Any, Any]:
    """Give the gap after the day, and what the counter made over the one that ends with it."""
    is_gap = reason.isin([Reason.UNKNOWN, Reason.PARTIAL])
    since = told.since_gap_wh.where(~is_gap & (state.gap_days > 0))
    return (
        (state.gap_days + 1).where(is_gap, 0),
        (state.gap_wh + expected).where(is_gap, 0.0),
        since,
    )


def _standing(
    day: date, state: Any, actual: Any, verdicts: Any, *, since: Any, terms: Terms
) -> Any:
    now, floor = day.toordinal(), terms.production_floor
    after = state.copy()
    is_loss = since * 100 < state.gap_wh * floor
    _count_low(after, is_loss, state.gap_days, now, terms)
    is_low = verdicts.reason == Reason.LOW
    is_judged = is_low | (verdicts.reason == Reason.GOOD)
    after.loc[~is_judged, "unjudged"] += 1
    is_long = ~is_judged & (after.unjudged > terms.unjudged_days)
    after.loc[is_long, ["low", "well", "loss"]] = 0
    after.loc[is_long, "low_since"] = _NAN
    ratio = (actual / verdicts.expected_wh).where(verdicts.expected_wh > 0, 0.0)
    seen = np.log(ratio.clip(lower=_LEAST_RATIO))
    trend = after.trend + terms.watch_step * (seen.clip(-_CLIP, _CLIP) - after.trend)
    opens = after.watch_on.isna() & (trend < terms.watch_opens)
    watch_on = after.watch_on.mask(opens, now).mask(~opens & (trend > terms.watch_closes))
    doubt = np.log(floor / verdicts.guarded)
    lost = (-seen - terms.visit_forgives - doubt).clip(upper=terms.visit_day)
    apart = _ABSOLUTE * (seen.clip(-_CLIP, _CLIP) - after.trend).abs() - terms.usual_unrest
    unrest = after.unrest + terms.unrest_step * (apart - after.unrest)
    after["unrest"] = unrest.where(is_judged & after.case_on.isna(), after.unrest)
    after["trend"] = trend.where(is_judged, after.trend)
    after["watch_on"] = watch_on.where(is_judged, after.watch_on)
    after["loss"] = (after.loss + lost).clip(lower=0).where(is_judged, after.loss)
    is_good = is_judged & ~is_low
    after.loc[is_good, "well"] += 1
    after.loc[is_good, ["low", "unjudged"]] = 0
    after.loc[is_good, "low_since"] = _NAN
    after.loc[is_good & (after.well >= terms.well_days), ["case_on", "visit_on"]] = _NAN
    _count_low(after, is_low, 1, now, terms)
    is_sure = is_low & after.case_on.notna() & (after.loss > terms.visit_sure)
    after["visit_on"] = after.visit_on.mask(is_sure & after.visit_on.isna(), now)
    return after


def _count_low(after: Any, which: Any, days: Any, now: int, terms: Terms) -> None:
    after["low"] = (after.low + days).where(which, after.low)
    after["low_since"] = after.low_since.mask(which & after.low_since.isna(), now)
    after.loc[which, ["unjudged", "well"]] = 0
    opens = which & after.case_on.isna() & (after.low >= terms.low_days)
    after["case_on"] = after.case_on.mask(opens, now)


def _scale(state: Any, after: Any, seen_log: Any, reason: Any, terms: Terms) -> Any:
    is_new = (reason == Reason.WARM_UP) & seen_log.notna()
    if is_new.any():
        warm = [f"warm_{number}" for number in range(terms.warm_up)]
        table = state[warm].to_numpy(copy=True)
        count = (~np.isnan(table)).sum(axis=1)
        rows = np.flatnonzero(is_new)
        table[rows, count[rows]] = seen_log.to_numpy()[rows]
        after.loc[is_new, "log"] = np.nanmedian(table[rows], axis=1)
        is_done = is_new & (count + 1 >= terms.warm_up)
        after.loc[is_done, "anchor"] = after.log[is_done]
        after.loc[is_done, "seen"] = terms.warm_up
        table[np.flatnonzero(is_done)] = _NAN
        after[warm] = table
    follows = (
        reason.isin([Reason.GOOD, Reason.LOW])
        & state.anchor.notna()
        & seen_log.notna()
        & after.case_on.isna()
        & (after.low < terms.low_days)
    )
    seen = state.seen + 1
    clipped = (seen_log - state.log).clip(-terms.scale_clip, terms.scale_clip)
    moved = state.log + (1 / seen).clip(lower=terms.scale_step) * clipped
    held = np.maximum(moved, state.anchor - terms.scale_floor)
    anchor = state.anchor + terms.anchor_step * (held - state.anchor)
    after["log"] = held.where(follows, after.log)
    after["anchor"] = anchor.where(follows, after.anchor)
    after["seen"] = seen.where(follows, after.seen)
    return after


# ---------------------------------------------------------------------- held to our own
def agreement(sites: int, days: int) -> dict[str, int]:
    """Judge hard days by both, and give how many site-days, how often they differ, and reasons."""
    roofs = baselines(sites)
    for number in range(0, sites, 40):  # and some that nobody is near to
        roofs[number] = replace(roofs[number], longitude=-100.0 + number)
    near = neighbourhoods(roofs, THROUGH)
    region = Region({roof.site_id: roof for roof in roofs}, near)
    columns = Roofs(roofs, near, 1)
    state = new_state(columns, terms_on(THROUGH).warm_up)
    tracks: dict[str, Track] = {}
    reasons, differ, opened = set(), 0, 0
    for day, told in hard_days(roofs, days):
        terms = terms_on(day)
        tracks, verdicts = judge_day(day, region, tracks, told, terms=terms)
        state, found = judge(day, columns, _stored(state), told_of(told), terms)
        rows = zip(roofs, found.to_dict("records"), state.to_dict("records"), strict=True)
        for roof, verdict, standing in rows:
            one, track = verdicts[roof.site_id], tracks[roof.site_id]
            reasons.add(one.reason)
            opened += track.standing.visit_on == day
            differ += not _agree(one, track, verdict, standing)
    return {
        "site_days": sites * days,
        "differ": differ,
        "reasons": len(reasons),
        "of_reasons": len(Reason),
        "visits": opened,
    }


def _agree(verdict: Verdict, track: Track, row: dict[str, Any], after: dict[str, Any]) -> bool:
    """Tell whether both say the same of a site's day, and remember the same of it."""
    standing, scale, gap = track.standing, track.scale, track.gap
    counts = ("low", "unjudged", "well")
    wanted = {name: getattr(standing, name) for name in counts}
    wanted |= {
        name: None if day is None else day.toordinal()
        for name in _DATES
        for day in [getattr(standing, name)]
    }
    wanted |= {"melting": track.melting, "last_wh": track.last_wh, "seen": scale.seen}
    wanted |= {"gap_days": gap.days, "gap_wh": gap.expected_wh}
    if row["reason"] is not verdict.reason or not _same(row["expected_wh"], verdict.expected_wh):
        return False
    near = {"log": scale.log, "anchor": scale.anchor_log, "loss": standing.loss}
    near |= {"trend": standing.trend, "unrest": standing.unrest}
    return all(_same(after[name], value) for name, value in wanted.items()) and all(
        _same(after[name], value, within=1e-9) for name, value in near.items()
    )


def _same(column: float, value: float | None, *, within: float = 0.0) -> bool:
    return math.isnan(column) if value is None else abs(column - value) <= within


# ---------------------------------------------------------------------- measured
def _stored(state: Any) -> Any:
    """Give the state once it was written as JSON and read again."""
    text = state.to_json(orient="split", index=False, double_precision=15)
    return pd.read_json(StringIO(text), orient="split", dtype=False, precise_float=True).astype(
        float
    )


def spent_s(sites: int, per_region: int, times: int) -> float:
    """Give the CPU seconds of a day of a fleet, state in and out, the best of some days."""
    regions = sites // per_region
    layouts = [baselines(per_region, seed) for seed in range(min(regions, LAYOUTS))]
    roofs = [roof for layout in layouts for roof in layout]
    near: dict[str, Neighbourhood] = {}
    for layout in layouts:
        near |= neighbourhoods(layout, THROUGH)
    columns = Roofs(roofs, near, regions // len(layouts))
    tracks = [
        track for copy in range(columns.copies) for track in learned_tracks(roofs, THROUGH, copy)
    ]
    state = new_state(columns, terms_on(THROUGH).warm_up)
    state["log"] = [track.scale.log for track in tracks]
    state["anchor"] = [track.scale.anchor_log for track in tracks]
    state["seen"] = 60
    spent = []
    for number in range(times):
        day = THROUGH + timedelta(days=number + 1)
        told = told_of([one for copy in range(columns.copies) for one in day_of(roofs, day, copy)])
        began = time.process_time()
        state, _ = judge(day, columns, _stored(state), told, terms_on(day))
        spent.append(time.process_time() - began)
    return min(spent)


def main() -> int:
    """Print what was asked for as JSON: `agree SITES DAYS`, or `SITES PER_REGION TIMES`."""
    if sys.argv[1] == "agree":
        print(json.dumps(agreement(int(sys.argv[2]), int(sys.argv[3]))))
    else:
        sites, per_region, times = map(int, sys.argv[1:])
        print(json.dumps({"seconds": spent_s(sites, per_region, times)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
