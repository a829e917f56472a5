"""Weather and baselines, told from outside: whenever they come, the verdicts are the same."""

import random  # noqa: TID251 - its seed is drawn, and shown when it fails
from copy import deepcopy
from dataclasses import replace
from datetime import date, timedelta

import pytest
from detection_street import (
    CLEAR_WH,
    DAY,
    FIRST,
    OFFSET,
    REGION,
    Street,
    a_baseline,
    at,
    site,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.detection.feed import FeedHour, Plane, energy_wh, sky_of, sun
from cloud.detection.fitting import square_of
from cloud.detection.models import RegionWeather, SiteBaseline, SiteTrack, weather_id
from cloud.detection.packed import unpacked
from cloud.detection.process.baselines import put_baseline
from cloud.detection.process.weather import put_weather
from cloud.detection.provisional import provisional
from cloud.detection.region import Member, Packed, baseline_digest, rolled, weather_digest
from cloud.detection.verdict import Reason
from cloud.kernel.change import Change, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, NotFound

ILL = 1
DAYS = 8
BY = "pat.projects"
SQUARE = {"latitude": 35.75, "longitude": -78.5, "utc_offset_hours": OFFSET}
PLANES = a_baseline(0).planes


def light(day: int, share: float = 1.0) -> tuple[FeedHour, ...]:
    """Give hours whose light should make a share of the street's usual day."""
    on = FIRST + day * DAY
    heights = {hour: max(sun(on, hour + 0.5, **SQUARE)[2], 0.0) for hour in range(4, 21)}
    hours = [FeedHour(hour, 800 * up, 20.0) for hour, up in heights.items()]
    for _ in range(4):  # cloudier light comes from elsewhere: near enough after a few steps
        made = energy_wh(PLANES, 8000, sky_of(on, hours, **SQUARE))
        factor = share * CLEAR_WH / made
        hours = [replace(one, ghi_wh_m2=one.ghi_wh_m2 * factor) for one in hours]
    return tuple(hours)


def weather(day: int, **told) -> RegionWeather:
    on = FIRST + day * DAY
    return RegionWeather(weather_id(REGION, on), on, **told)


def tell(street: Street, told: RegionWeather, *, hours_after: float = 4) -> None:
    """Tell of a day's weather, some hours after the last sweep."""
    now = street.now + timedelta(hours=hours_after)
    put_weather(street.records, region_id=REGION, weather=told, at=now, by=BY)


def remembered(street: Street) -> list[object]:
    """Give what is remembered of the street's homes, but for when a clock was moved."""
    return [street.track(home) for home in range(street.homes)]


def findings(street: Street) -> list[tuple[str, str, str]]:
    told = [one for one in street.records.messages.values() if one.topic == "finding"]
    return sorted((one.body["site_id"], one.body["onset"], one.body["tier"]) for one in told)


def dim(home: int, day: int) -> int:
    """Half of the light on every third day, and a home that loses a third from the third day on."""
    share = 0.5 if day % 3 == 1 else 1.0
    return int(CLEAR_WH * share * (0.65 if home == ILL and day >= 2 else 1.0))


# ---------------------------------------------------------------------- weather
@pytest.mark.rule("D-74")
def test_homes_without_neighbours_are_judged_by_the_hours_that_are_told():
    street = Street(homes=2, made=dim)
    for day in range(7):
        street.live_until(at(day + 1, 1))
        tell(street, weather(day, hours=light(day, 0.5 if day % 3 == 1 else 1.0)))
    street.live_until(at(7, 6))
    assert {line.reason for line in street.lines(0).values()} == {Reason.GOOD}
    reasons = [line.reason for _, line in sorted(street.lines(ILL).items())]
    assert reasons == [Reason.GOOD] * 2 + [Reason.LOW] * 5
    assert street.lines(0)[1].expected_wh == pytest.approx(CLEAR_WH / 2, rel=0.02)
    assert street.lines(0)[0].neighbours == 0
    assert [one[:2] for one in findings(street)] == [("site-1", "2026-06-03")]


def test_without_weather_the_same_homes_are_not_judged():
    street = Street(homes=2, made=dim)
    street.live_until(at(5, 6))
    assert {line.reason for line in street.lines(ILL).values()} == {Reason.NO_WEATHER}
    assert findings(street) == []


@pytest.mark.rule("D-99")
@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32))
def test_weather_that_comes_late_counts_as_if_it_had_come_in_time(seed):
    dice = random.Random(seed)
    told = {
        day: weather(
            day,
            hours=light(day, 0.5 if day % 3 == 1 else 1.0) if dice.random() < 0.8 else (),
            mean_c=dice.choice([None, -4.0, 12.0]),
            is_snow_told=dice.choice([True, False] if day % 4 else [None]),
        )
        for day in dice.sample(range(DAYS), DAYS - 2)
    }
    told = {day: one for day, one in told.items() if one != weather(day)}
    prompt, late = Street(homes=3, made=dim), Street(homes=3, made=dim)
    for day in sorted(told):
        prompt.live_until(at(day + 1, 1))
        tell(prompt, told[day])
    comes = {day: at(day + 1, 1 + dice.choice([0, 5, 13, 30, 60, 130])) for day in told}
    for day in sorted(comes, key=lambda one: (comes[one], -one)):
        late.live_until(min(comes[day], at(DAYS, 4)))
        tell(late, told[day])
    for street in (prompt, late):
        street.live_until(at(DAYS, 6))
    assert remembered(late) == remembered(prompt)
    assert all(finding in findings(late) for finding in findings(prompt))


@pytest.mark.rule("D-99")
def test_late_weather_is_seen_at_the_next_evaluation_and_then_all_is_quiet():
    street = Street(homes=2, made=dim)
    street.live_until(at(4, 12))
    before = street.records.load(SiteTrack, "site-1").version
    street.live_until(at(4, 14))
    assert street.records.load(SiteTrack, "site-1").version == before
    tell(street, weather(2, hours=light(2)))
    street.live_until(at(4, 22))
    assert street.lines(ILL)[2].reason is Reason.LOW
    assert street.lines(ILL)[1].reason is Reason.NO_WEATHER
    after = street.records.load(SiteTrack, "site-1").version
    tell(street, weather(2, hours=light(2)))
    street.sweep(at(4, 23))
    assert street.records.load(SiteTrack, "site-1").version == after > before


def test_weather_that_stays_as_it_was_lets_a_new_day_be_judged_alone():
    street = Street(homes=2, made=dim)
    told = {FIRST + day * DAY: weather(day, hours=light(day), mean_c=9.0) for day in range(9)}
    street.live_until(at(9, 1))
    for one in told.values():
        tell(street, one)
    street.live_until(at(9, 22))
    members = {}
    for home in range(street.homes):
        track = street.track(home)
        members[f"site-{home}"] = Member(
            baseline=a_baseline(home),
            rated_w=8000,
            commissioned_on=FIRST,
            rows=street.facts(home).rows,
            before=Packed(
                track.settled,
                track.recent,
                track.latest,
                track.older,
                track.newer,
                track.learned_on,
            ),
        )

    def days(weather) -> list[int]:
        return [
            (day - FIRST).days for day in rolled(members, FIRST + 9 * DAY, weather=weather).verdicts
        ]

    assert days(told) == [9]
    assert days({**told, FIRST + 9 * DAY: weather(9, mean_c=1.0)}) == [9]
    assert days({**told, FIRST + 7 * DAY: weather(7, mean_c=1.0)}) == [4, 5, 6, 7, 8, 9]
    assert days({}) == days({**told, FIRST: weather(0, mean_c=1.0)}) == list(range(10))
    assert days({day: one for day, one in told.items() if day > FIRST}) == list(range(10))


def snowy(home: int, day: int) -> int:
    return CLEAR_WH // 3 if home == ILL and day >= 3 else CLEAR_WH


@pytest.mark.rule("D-72")
@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"is_snow_told": True}, Reason.SNOW),
        ({"is_snow_told": False}, Reason.LOW),
        ({}, Reason.LOW),
    ],
    ids=["snow is told", "no snow is told", "nothing is told"],
)
def test_the_word_on_snow_decides_over_low_days(told, reason):
    street = Street(homes=7, made=snowy)
    for day in range(6):
        street.live_until(at(day + 1, 1))
        if told:
            tell(street, weather(day, **told))
    street.live_until(at(6, 6))
    assert [street.lines(ILL)[day].reason for day in (3, 4, 5)] == [reason] * 3
    assert bool(findings(street)) is (reason is Reason.LOW)


def patchy(home: int, day: int) -> int:
    """From the fourth day on every roof makes something else, as snow that slides off does."""
    return int(CLEAR_WH * ((1.0, 0.45, 0.8, 0.4, 1.0, 0.6, 0.5)[home] if day >= 3 else 1.0))


def wild(home: int, day: int) -> int:
    """Differ as no cloud can make roofs differ."""
    return int(CLEAR_WH * ((1.0, 0.2, 0.9, 0.4, 1.05, 0.6, 0.25)[home] if day >= 3 else 1.0))


@pytest.mark.rule("D-72d")
@pytest.mark.rule("D-72e")
@pytest.mark.parametrize(("mean_c", "reason"), [(4.9, Reason.SNOW), (5.0, Reason.DISAGREE)])
def test_cool_days_that_are_told_let_roofs_that_differ_wildly_be_snowed_in(mean_c, reason):
    street = Street(homes=7, made=wild)
    street.live_until(at(4, 1))
    for day in range(4):
        tell(street, weather(day, mean_c=mean_c))
    street.live_until(at(4, 6))
    assert street.lines(3)[3].reason is reason


@pytest.mark.rule("D-72")
@pytest.mark.parametrize(
    ("means", "reason"),
    [
        ([0.0] * 6, Reason.SNOW),
        ([None, None, 0.0, None, None, None], Reason.SNOW),
        ([5.0, 5.0, 5.0, -11.1, None, None], Reason.SNOW),
        ([5.0, 5.0, 5.0, -10.9, None, None], Reason.DISAGREE),
        ([None] * 6, Reason.DISAGREE),
    ],
    ids=["cold", "one of four days is told", "cold enough", "not cold enough", "nothing is told"],
)
def test_cold_days_that_are_told_let_roofs_that_differ_be_snowed_in(means, reason):
    street = Street(homes=7, made=patchy)
    street.live_until(at(4, 1))
    for day, mean_c in enumerate(means):
        if mean_c is not None and day < 4:
            tell(street, weather(day, mean_c=mean_c))
    street.live_until(at(4, 6))
    assert street.lines(3)[3].reason is reason


def test_a_days_cold_counts_for_the_three_days_after_it():
    told = {FIRST: weather(0, mean_c=-3.0)}
    none = weather_digest({}, after=None, until=FIRST + 9 * DAY)
    spans = {
        after: weather_digest(told, after=FIRST + after * DAY, until=FIRST + 9 * DAY)
        for after in (-1, 0, 1, 2, 3)
    }
    assert none == ""
    assert spans == {-1: spans[-1], 0: spans[-1], 1: spans[-1], 2: spans[-1], 3: ""}
    assert spans[-1]
    assert weather_digest(told, after=None, until=None) == ""
    assert weather_digest(told, after=FIRST - 3 * DAY, until=FIRST - DAY) == ""


# ---------------------------------------------------------------------- what weather can be
WHOLE = {hour: FeedHour(hour, 400.0, 20.0) for hour in range(5, 19)}
BAD_WEATHER = {
    "tells nothing": ({}, "it tells nothing"),
    "noon is missing": ({"hours": {**WHOLE, 12: None}}, "hour 12 is missing, and the sun is up"),
    "light at night": (
        {"hours": {**WHOLE, 1: FeedHour(1, 90.0, 9.0)}},
        "hour 1 has light, and the sun is down: give hours of standard time, -5 h from UTC",
    ),
    "an hour that is none": ({"hours": {24: FeedHour(24, 0.0, 9.0), **WHOLE}}, "hour 24 is none"),
    "below zero": ({"hours": {**WHOLE, 12: FeedHour(12, -1.0, 9.0)}}, "a light of -1"),
    "no number": ({"hours": {**WHOLE, 12: FeedHour(12, float("nan"), 9.0)}}, "a light of nan"),
    "kelvin": ({"mean_c": 291.0}, "a temperature of 291"),
    "an hour in kelvin": (
        {"hours": {**WHOLE, 12: FeedHour(12, 1.0, 291.0)}},
        "a temperature of 291",
    ),
    "black": (
        {"hours": {hour: FeedHour(hour, 0.0, 20.0) for hour in WHOLE}},
        "no hour has any light",
    ),
}


@pytest.mark.parametrize("case", BAD_WEATHER)
def test_weather_that_cannot_be_is_refused_in_one_line(case):
    told, says = BAD_WEATHER[case]
    if "hours" in told:
        told = {"hours": tuple(one for one in told["hours"].values() if one)}
    street = Street(homes=1)
    street.live_until(at(3, 6))
    with pytest.raises(BadInput) as refused:
        tell(street, weather(1, **told))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert street.records.load(RegionWeather, weather(1).id) is None


def test_an_hour_that_is_told_twice_is_refused():
    street = Street(homes=1)
    street.live_until(at(3, 6))
    with pytest.raises(BadInput, match="told twice"):
        tell(street, weather(1, hours=(*WHOLE.values(), WHOLE[12])))


@pytest.mark.parametrize(("hour", "is_over"), [(23.99, False), (24, True)])
def test_a_day_that_is_not_over_has_no_weather_yet(hour, is_over):
    street = Street(homes=1)
    street.live_until(at(3, 6))
    street.now = at(3, hour)
    if is_over:
        tell(street, weather(3, mean_c=1.0), hours_after=0)
    else:
        with pytest.raises(BadInput, match="the day is not over"):
            tell(street, weather(3, mean_c=1.0), hours_after=0)


def test_the_weather_of_a_region_that_was_never_swept_is_refused():
    street = Street(homes=1)
    street.now = at(3)
    with pytest.raises(NotFound, match=REGION):
        tell(street, weather(1, mean_c=1.0))


@pytest.mark.parametrize("name", ["", "UTC-07", "UTC-07.N39W106/2026", "utc-07.n39w106"])
def test_what_is_no_region_is_refused(name):
    with pytest.raises(BadInput, match="is no region"):
        square_of(name)


def test_the_middle_of_a_region_is_that_of_the_square_of_its_sites():
    for latitude, longitude in ((35.7, -78.6), (-0.4, 0.4), (-33.9, 151.2), (12.0, -13.0)):
        here = replace(site(0), latitude=latitude, longitude=longitude)
        middle = square_of(here.region)
        assert abs(middle.latitude - latitude) <= 0.5
        assert abs(middle.longitude - longitude) <= 0.5
        assert middle.utc_offset_hours == OFFSET


def test_weather_told_again_replaces_what_was_told_and_the_same_changes_nothing():
    street = Street(homes=1)
    street.live_until(at(3, 6))
    for mean_c in (1.0, 1.0, 2.0):
        tell(street, weather(1, mean_c=mean_c))
    stored = street.records.load(RegionWeather, weather(1).id)
    assert (stored.record.mean_c, stored.version) == (2.0, 2)
    says = [event.says for event in street.records.history(f"SWEEP-{REGION}")]
    assert [one for one in says if "weather" in one] == [
        "the weather of 2026-06-02 was told first",
        "the weather of 2026-06-02 was told again",
    ]


# ---------------------------------------------------------------------- baselines
def usual(home: int, day: int) -> int:
    return int(CLEAR_WH * (1.0, 0.6, 0.8)[day % 3])


def put(street: Street, home: int, clear_wh: float, **more):
    return put_baseline(
        street.records,
        site_id=f"site-{home}",
        baseline=a_baseline(home, clear_wh),
        may_end_case=more.pop("may_end_case", False),
        at=street.now,
        by=BY,
    )


@pytest.mark.rule("D-63")
def test_on_another_baseline_a_scale_is_learned_anew_as_if_it_had_always_been_there():
    always, late = (Street(homes=7, made=usual, learned=False) for _ in range(2))
    late.records.commit(
        Change(saves=(Save(SiteBaseline("site-1", a_baseline(ILL, 1.6 * CLEAR_WH), FIRST), 1),))
    )
    late.live_until(at(20, 12))
    assert late.lines(ILL)[18].is_counted
    put(late, ILL, CLEAR_WH)
    late.live_until(at(21, 6))
    always.live_until(at(21, 6))
    assert always.lines(ILL)[18].is_counted
    assert remembered(late) == remembered(always)
    assert findings(late) == []


@pytest.fixture(scope="module")
def lived():
    """A street that has lived for longer than days are open."""
    street = Street(homes=7, made=usual)
    street.live_until(at(40, 12))
    return street


@pytest.mark.rule("D-63")
@pytest.mark.parametrize("is_known", [True, False], ids=["the rule", "without it"])
def test_nobody_is_judged_by_a_scale_that_was_learned_on_another_baseline(lived, is_known):
    """Without knowing what a scale was learned on, much of the energy would seem to be missing."""
    street = deepcopy(lived)
    assert street.track(ILL).settled
    put(street, ILL, 1.6 * CLEAR_WH)
    if not is_known:
        stored = street.records.load(SiteTrack, "site-1")
        blind = replace(stored.record, learned_on="")
        street.records.commit(Change(saves=(stored.replaced_by(blind),)))
    street.live_until(at(44, 6))
    line = street.lines(ILL)[43]
    assert line.reason is (Reason.GOOD if is_known else Reason.LOW)
    assert line.ratio == pytest.approx(1.0 if is_known else 1 / 1.6, abs=0.03)
    assert bool(findings(street)) is not is_known
    if is_known:
        assert street.lines(ILL)[11].reason is Reason.WARM_UP
        assert unpacked(street.track(ILL).settled).through == FIRST + 8 * DAY
        day_by_day = remembered(street)
        street.sweep(street.now, replay_from=FIRST + 10 * DAY)
        assert remembered(street) == day_by_day


@pytest.mark.rule("D-63")
def test_a_baseline_that_is_only_worked_out_again_keeps_the_scale(lived):
    street = deepcopy(lived)
    before = unpacked(street.track(ILL).latest).scale
    again = replace(
        a_baseline(ILL, CLEAR_WH * (1 + 1e-9)), prior_log_scale=0.02, latitude=site(ILL).latitude
    )
    put_baseline(
        street.records,
        site_id="site-1",
        baseline=again,
        may_end_case=False,
        at=street.now,
        by=BY,
    )
    street.live_until(at(41, 6))
    after = unpacked(street.track(ILL).latest).scale
    assert after.seen == before.seen + 1
    assert street.lines(ILL)[10].reason is Reason.GOOD


@pytest.mark.parametrize(
    "change",
    [
        {"ac_limit_w": 7000},
        {"planes": (Plane(8000, 25, 181),)},
        {"clear_sky_wh": (CLEAR_WH * 1.001,) * 36},
        {"month_shape": (1.001, *(1.0,) * 11)},
    ],
    ids=["limit", "plane", "clear days", "months"],
)
def test_what_a_scale_is_learned_on_is_told_apart(change):
    own = a_baseline(ILL)
    assert baseline_digest(replace(own, **change)) != baseline_digest(own)


def test_the_order_of_planes_and_whole_numbers_are_one_baseline():
    east, west = Plane(4000, 25, 90), Plane(4000.0, 25.0, 270.0)
    one = replace(a_baseline(ILL), planes=(east, west))
    other = replace(one, planes=(west, Plane(4000.0, 25.0, 90.0)), ac_limit_w=8000.0)
    assert baseline_digest(one) == baseline_digest(other)
    assert baseline_digest(provisional(site(ILL))) != baseline_digest(one)


def lost(home: int, day: int) -> int:
    return 24_000 if home == ILL and day >= 4 else CLEAR_WH


@pytest.mark.rule("D-63")
def test_a_site_with_an_open_case_is_refused_until_somebody_says_that_it_may_end():
    street = Street(homes=7, made=lost)
    street.live_until(at(8, 6))
    assert [one[0] for one in findings(street)] == ["site-1"]
    refused = put(street, ILL, CLEAR_WH * 1.1)
    assert isinstance(refused, Refused)
    assert (refused.rule, refused.code) == ("D-63", "case_open")
    assert street.records.load(SiteBaseline, "site-1").version == 1
    assert isinstance(put(street, 0, CLEAR_WH * 1.1), SiteBaseline)
    assert isinstance(put(street, ILL, CLEAR_WH * (1 + 1e-9)), SiteBaseline)
    assert isinstance(put(street, ILL, CLEAR_WH * 1.1, may_end_case=True), SiteBaseline)


def test_a_baseline_that_is_put_again_replaces_the_one_before_and_the_same_changes_nothing():
    street = Street(homes=1)
    for hour, clear_wh in ((21, 50_000), (22, 50_000), (23.5, 60_000)):
        street.now = at(6, hour)
        put(street, 0, clear_wh)
    stored = street.records.load(SiteBaseline, "site-0")
    assert stored.record == SiteBaseline("site-0", a_baseline(0, 60_000), date(2026, 6, 7))
    assert stored.version == 3
    assert [event.what for event in street.records.history("site-0")] == ["baseline_put"] * 2


BAD_BASELINES = {
    "another site's": ({"site_id": "site-9"}, "it is the one of site-9"),
    "no plane": ({"planes": ()}, "it has no plane"),
    "no number": ({"month_shape": (float("nan"), *(1.0,) * 11)}, "not finite"),
    "endless": ({"clear_sky_wh": (float("inf"),) * 36}, "not finite"),
    "no prior": ({"prior_log_scale": float("nan")}, "not finite"),
    "no limit": ({"ac_limit_w": 0.0}, "ac_limit_w is 0"),
    "a limit that is no number": ({"ac_limit_w": float("nan")}, "ac_limit_w is nan"),
    "a plane of nothing": (
        {"planes": (Plane(8000, 25, 180), Plane(0, 25, 90))},
        "a plane has 0 W",
    ),
    "radians below": ({"planes": (Plane(8000, 25, -1.5),)}, "faces -1.5 degrees"),
    "upside down": ({"planes": (Plane(8000, 120, 180),)}, "tilted by 120"),
    "another clock": ({"utc_offset_hours": -4.0}, "-4 h from UTC, the site's is -5 h"),
    "too far north": ({"latitude": 35.7 + 0.0501}, "is not the site's 35.7, -78.6"),
    "too far east": ({"longitude": -78.6 + 0.0501}, "is not the site's 35.7, -78.6"),
    "kilowatts": ({"planes": (Plane(8, 25, 180),)}, "8 W together, the site 8000 W"),
    "too little": ({"planes": (Plane(3999, 25, 180),)}, "3999 W together"),
    "too much": ({"planes": (Plane(12_001, 25, 180),)}, "12001 W together"),
    "kilowatt-hours": ({"clear_sky_wh": (40.0,) * 36}, "best clear day makes 40 Wh"),
    "more than the sun": ({"clear_sky_wh": (130_000.0,) * 36}, "best clear day makes 130000 Wh"),
    "a thousandfold design": ({"prior_log_scale": 6.9}, "992 times the model's"),
}


@pytest.mark.parametrize("case", BAD_BASELINES)
def test_a_baseline_that_cannot_be_the_sites_is_refused_in_one_line(case):
    change, says = BAD_BASELINES[case]
    street = Street(homes=2)
    with pytest.raises(BadInput) as refused:
        put_baseline(
            street.records,
            site_id="site-1",
            baseline=replace(a_baseline(1), **change),
            may_end_case=False,
            at=street.now,
            by=BY,
        )
    assert says in str(refused.value)
    assert str(refused.value).startswith("putting the baseline of site-1: ")
    assert "\n" not in str(refused.value)
    assert street.records.load(SiteBaseline, "site-1").version == 1


@pytest.mark.parametrize(
    "change",
    [
        {"latitude": 35.7 - 0.0499, "longitude": -78.6 + 0.0499},
        {"planes": (Plane(4000, 0, 0),)},
        {"planes": (Plane(6000, 90, 360), Plane(6000, 25, 90))},
        {"prior_log_scale": -1.0},
    ],
    ids=["near", "half of the rating", "half more than the rating", "a third of the model"],
)
def test_what_is_just_within_the_limits_is_taken(change):
    street = Street(homes=1)
    taken = put_baseline(
        street.records,
        site_id="site-0",
        baseline=replace(a_baseline(0), **change),
        may_end_case=False,
        at=street.now,
        by=BY,
    )
    assert isinstance(taken, SiteBaseline)


def test_a_site_that_nobody_knows_has_no_baseline():
    street = Street(homes=1)
    with pytest.raises(NotFound, match="site-9"):
        put_baseline(
            street.records,
            site_id="site-9",
            baseline=a_baseline(9),
            may_end_case=False,
            at=street.now,
            by=BY,
        )


@pytest.mark.parametrize("home", range(3))
def test_the_baseline_of_a_usual_roof_is_one_that_could_be_put(home):
    street = Street(homes=3)
    here = replace(site(home), latitude=(20.1, 47.9, 64.8)[home], dc_rating_w=3000 + 4000 * home)
    street.records.commit(Change(saves=(Save(here, 1),)))
    usual_roof = provisional(here)
    taken = put_baseline(
        street.records,
        site_id=here.id,
        baseline=usual_roof,
        may_end_case=False,
        at=street.now + timedelta(days=1),
        by=BY,
    )
    assert taken.baseline == usual_roof
