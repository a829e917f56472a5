"""Baselines and weather at the door: who may put them, what is refused, what is judged by them."""

import json
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta

import pytest

from cloud.detection.daily import Track
from cloud.detection.evidence import unpacked
from cloud.detection.feed import FeedHour, energy_wh, sky_of, sun
from cloud.detection.models import (
    RegionRoster,
    RegionSweep,
    RegionWeather,
    SiteBaseline,
    SiteFacts,
    SiteTrack,
    weather_id,
)
from cloud.detection.packed import packed, packed_day
from cloud.detection.provisional import provisional
from cloud.detection.scale import Scale
from cloud.detection.verdict import Reason, Standing
from cloud.kernel.change import Change, Save
from cloud.telemetry.models import DayOfEnergy

TODAY = date(2026, 6, 8)
YESTERDAY = date(2026, 6, 7)


def body_of(site, **changes):
    """Give what `sunreeve baseline` would send of a site."""
    told = asdict(provisional(site))
    return {**told, "planes": list(told["planes"]), **changes}


def put(world, site, body=None, *, token=None, site_id=None):
    path = f"/ops/sites/{site_id or site.id}/baseline"
    person = world.person("pat.projects", "projects") if token is None else token
    return world.call("POST", path, body_of(site) if body is None else body, token=person)


def json_of(response):
    return json.loads(response.body)


def kept(world, kind, record_id):
    return world.records.load(kind, record_id)


# ---------------------------------------------------------------------- baselines
def test_a_baseline_is_kept_as_it_was_sent_with_the_day_of_the_clock(shared):
    site = shared.new_home().site
    answer = put(shared, site)
    assert answer.status == 200, answer.body
    stored = kept(shared, SiteBaseline, site.id)
    assert stored.record == SiteBaseline(site.id, provisional(site), TODAY)
    assert json_of(answer)["item"]["built_on"] == TODAY.isoformat()
    event = shared.records.history(site.id)[-1]
    assert (event.what, event.by, event.rule) == ("baseline_put", "pat.projects", "D-63")


def test_a_second_one_replaces_it_and_the_same_changes_nothing(shared):
    site = shared.new_home().site
    other = body_of(site, ac_limit_w=2500.0)
    assert [put(shared, site, body).status for body in (None, None, other, other)] == [200] * 4
    stored = kept(shared, SiteBaseline, site.id)
    assert (stored.version, stored.record.baseline.ac_limit_w) == (2, 2500.0)


@pytest.mark.parametrize("role", ["spc", "auditor", "accounting_admin", ""])
def test_only_who_looks_after_projects_may_put(shared, role):
    site = shared.new_home().site
    person = shared.person("somebody", *([role] if role else []))
    assert put(shared, site, token=person).status == 403
    path = f"/ops/regions/{site.region}/weather/{YESTERDAY}"
    assert shared.call("POST", path, {"mean_c": 1.0}, token=person).status == 403
    assert kept(shared, SiteBaseline, site.id) is None


def test_a_partners_program_may_not_put(shared):
    home = shared.new_home()
    assert put(shared, home.site, token=shared.token(home.clients[0])).status == 403
    assert put(shared, home.site, token="").status == 401
    assert kept(shared, SiteBaseline, home.site.id) is None


def test_a_site_that_is_not_known_is_not_found(shared):
    site = shared.new_home().site
    answer = put(shared, site, body_of(site, site_id="SITE-NONE"), site_id="SITE-NONE")
    assert answer.status == 404
    assert "site SITE-NONE is not known here" in json_of(answer)["detail"]


NAN, ENDLESS = float("nan"), float("inf")
REFUSED = {
    "no number": ({"prior_log_scale": NAN}, "a number of it is not finite"),
    "an endless one": ({"clear_sky_wh": [ENDLESS] * 36}, "a number of it is not finite"),
    "below zero": ({"clear_sky_wh": [-1.0] * 36}, "energies and shapes are above zero"),
    "nothing in a month": ({"month_shape": [0.0] * 12}, "energies and shapes are above zero"),
    "35 days": ({"clear_sky_wh": [9000.0] * 35}, "36 clear days and 12 months are needed"),
    "no limit": ({"ac_limit_w": NAN}, "ac_limit_w is nan"),
    "no plane": ({"planes": []}, "it has no plane"),
    "another place": ({"latitude": 12.0}, "its place 12, "),
    "another clock": ({"utc_offset_hours": -6.0}, "-6 h from UTC, the site's is -7 h"),
    "kilowatts": (
        {"planes": [{"dc_w": 3.3, "tilt_deg": 20, "azimuth_deg": 180}]},
        "its planes have 3.3 W together",
    ),
    "another site's": ({"site_id": "SITE-NONE"}, "it is the one of SITE-NONE"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_the_sites_is_refused_in_one_line(shared, case):
    change, says = REFUSED[case]
    site = shared.new_home().site
    answer = put(shared, site, body_of(site, **change))
    assert answer.status == 400
    assert says in json_of(answer)["detail"]
    assert "\n" not in json_of(answer)["detail"]
    assert kept(shared, SiteBaseline, site.id) is None


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1},
        {"planes": [{"dc_w": 5}]},
        {"clear_sky_wh": "none"},
        {"clear_sky_wh": [1.0] * 101},
        {"site_id": ""},
        {"latitude": None},
        {"may_end_case": "perhaps"},
    ],
    ids=lambda one: next(iter(one)),
)
def test_a_body_of_another_shape_is_refused_with_its_place(shared, change):
    site = shared.new_home().site
    answer = put(shared, site, body_of(site, **change))
    assert answer.status == 400
    assert next(iter(change)) in json_of(answer)["errors"][0]["pointer"]


@pytest.mark.rule("D-63")
def test_a_site_with_an_open_case_of_low_days_needs_somebodys_word(shared):
    site = shared.new_home().site
    standing = Standing(low=3, low_since=YESTERDAY, case_on=YESTERDAY)
    track = Track(site.id, Scale(0.0, 0.0, seen=60), standing, through=YESTERDAY)
    shared.save(SiteTrack(site.id, latest=tuple(packed(track)), learned_on="another"))
    answer = put(shared, site)
    assert answer.status == 422
    error = json_of(answer)["errors"][0]
    assert (error["code"], error["rule"]) == ("case_open", "D-63")
    assert kept(shared, SiteBaseline, site.id) is None
    assert put(shared, site, body_of(site, may_end_case=True)).status == 200
    assert kept(shared, SiteBaseline, site.id) is not None


# ---------------------------------------------------------------------- weather
@pytest.fixture
def home(world):
    """A home whose region is swept, alone, and of which yesterday is known."""
    site = world.new_home().site
    baseline = provisional(site)
    world.save(RegionRoster(site.region, (site.id,)), SiteBaseline(site.id, baseline, TODAY))
    return site


def light(site, day: date, wh: float) -> list[dict[str, float]]:
    """Give hours in which the site's planes should make so much."""
    place = {
        "latitude": site.latitude,
        "longitude": site.longitude,
        "utc_offset_hours": site.utc_offset_hours,
    }
    ups = {hour: max(sun(day, hour + 0.5, **place)[2], 0.0) for hour in range(4, 21)}
    hours = [FeedHour(hour, 700 * up, 20.0) for hour, up in ups.items()]
    baseline = provisional(site)
    for _ in range(4):
        made = energy_wh(baseline.planes, baseline.ac_limit_w, sky_of(day, hours, **place))
        hours = [replace(one, ghi_wh_m2=one.ghi_wh_m2 * wh / made) for one in hours]
    return [asdict(one) for one in hours]


def tell(world, region, day, body):
    person = world.person("pat.projects", "projects")
    return world.call("POST", f"/ops/regions/{region}/weather/{day}", body, token=person)


def test_weather_is_kept_in_order_of_its_hours_and_the_same_changes_nothing(world, home):
    hours = light(home, YESTERDAY, 15_000)
    body = {"hours": hours[::-1], "mean_c": 11, "is_snow_told": False}
    assert [tell(world, home.region, YESTERDAY, body).status for _ in range(2)] == [200, 200]
    stored = kept(world, RegionWeather, weather_id(home.region, YESTERDAY))
    assert stored.version == 1
    assert stored.record.hours == tuple(FeedHour(**one) for one in hours)
    assert (stored.record.mean_c, stored.record.is_snow_told) == (11.0, False)
    assert tell(world, home.region, YESTERDAY, {"mean_c": 12}).status == 200
    assert kept(world, RegionWeather, stored.record.id).record.hours == ()


BAD_WEATHER = {
    "nothing": ("", YESTERDAY, {}, "400 it tells nothing"),
    "today": ("", TODAY, {"mean_c": 1.0}, "400 the day is not over"),
    "no day": ("", "2026-06-31", {"mean_c": 1.0}, "400 see errors"),
    "no number": ("", YESTERDAY, {"mean_c": NAN}, "400 a temperature of nan"),
    "rain": ("", YESTERDAY, {"rain_mm": 1.0}, "400 see errors"),
    "never swept": ("UTC-07.N10W106", YESTERDAY, {"mean_c": 1.0}, "404 region UTC-07.N10W106"),
    "no region": ("Golden", YESTERDAY, {"mean_c": 1.0}, "400 'Golden' is no region"),
}


def test_weather_that_cannot_be_is_refused_in_one_line(world, home):
    for region, day, body, says in BAD_WEATHER.values():
        answer = tell(world, region or home.region, day, body)
        status, words = says.split(" ", 1)
        assert (answer.status, words in json_of(answer)["detail"]) == (int(status), True), says
        assert kept(world, RegionWeather, weather_id(home.region, YESTERDAY)) is None


def test_hours_of_another_clock_are_refused(world, home):
    hours = light(home, YESTERDAY, 15_000)
    shifted = [{**one, "hour": (one["hour"] + 7) % 24} for one in hours]
    answer = tell(world, home.region, YESTERDAY, {"hours": shifted})
    assert answer.status == 400
    assert "-7 h from UTC" in json_of(answer)["detail"] or "is missing" in json_of(answer)["detail"]


@pytest.mark.rule("D-74")
def test_the_judge_judges_by_the_weather_that_was_told_also_late(world, home):
    def judge(at: datetime) -> list:
        sweep = RegionSweep(home.region, home.utc_offset_hours, at, shards=1, measured=(0,))
        stored = kept(world, RegionSweep, home.region)
        save = stored.replaced_by(sweep) if stored else Save(sweep)
        world.records.commit(Change(saves=(save,)))
        answer = world.deliver("JudgeFunction", {"region": home.region, "at": at.isoformat()})
        assert answer == {"batchItemFailures": []}
        return list(unpacked(kept(world, SiteTrack, home.id).record.lines))

    days = [YESTERDAY - timedelta(days=back) for back in (1, 0)]
    rows = [packed_day(DayOfEnergy(day, 6_000 + day.day, completeness=1.0)) for day in days]
    learned = Track(home.id, Scale(0.0, 0.0, seen=60), through=days[0] - timedelta(days=1))
    world.save(
        SiteFacts(home.id, rows=tuple(rows)), SiteTrack(home.id, settled=tuple(packed(learned)))
    )
    first = judge(world.now)
    assert [line.reason for line in first] == [Reason.NO_WEATHER] * 2
    for day in days:
        assert tell(world, home.region, day, {"hours": light(home, day, 12_000)}).status == 200
    second = judge(world.now + timedelta(hours=8))
    assert [line.reason for line in second] == [Reason.LOW] * 2
    assert second[0].expected_wh == pytest.approx(12_000, rel=0.03)
    told = {"hours": light(home, days[1], 12_000), "is_snow_told": True}
    assert tell(world, home.region, days[1], told).status == 200
    third = judge(world.now + timedelta(hours=9))
    assert [line.reason for line in third] == [Reason.LOW, Reason.SNOW]
