"""Who is near, what their middle is, and when it is not believed."""

import datetime
import math
from dataclasses import replace

import pytest
from detection_region import TERMS, a_baseline
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.detection.baseline import (
    KNOT_DAYS,
    Baseline,
    Smoothing,
    clear_sky_wh,
    month_shape,
    place,
    shape,
)
from cloud.detection.common_mode import hints
from cloud.detection.feed import FeedHour, Plane, energy_wh, sky_of, sun
from cloud.detection.neighbours import Neighbourhood, neighbourhoods, weather_at
from cloud.detection.policy import FIRST
from cloud.kernel.errors import BadInput


def near(*distances_km: float) -> Neighbourhood:
    weights = tuple(math.exp(-((km / 8) ** 2)) for km in distances_km)
    return Neighbourhood(
        names=tuple(f"N{n}" for n in range(len(distances_km))),
        distances_km=distances_km,
        weights=weights,
        alike=weights,
        within=tuple(sum(km <= reach for km in distances_km) for reach in TERMS.near),
    )


def said(*values: float) -> dict[str, float]:
    return {f"N{n}": value for n, value in enumerate(values)}


@pytest.mark.rule("D-66")
@pytest.mark.rule("D-67")
@pytest.mark.rule("D-68")
def test_neighbours_are_the_nearest_never_oneself_and_no_more_than_enough():
    sites = [a_baseline(f"S{n:02d}", east_km=1.5 * n) for n in range(60)]
    found = neighbourhoods(sites, FIRST)
    first = found["S00"]
    assert len(first.names) == 32
    assert first.names[:3] == ("S01", "S02", "S03")
    assert first.distances_km == tuple(sorted(first.distances_km))
    assert first.within == (16, 32)
    assert all(site_id not in of.names for site_id, of in found.items())
    assert first.weights[0] == pytest.approx(math.exp(-((1.5 / 8) ** 2)), rel=1e-3)
    assert neighbourhoods(reversed(sites), FIRST) == found


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1.2, 1.2), st.floats(-1.2, 1.2)), min_size=1, max_size=40, unique=True
    ),
    st.sampled_from([0.0, -33.0, 60.0]),
)
def test_the_squares_find_what_looking_at_everybody_finds(places, latitude):
    sites = [
        replace(a_baseline(f"S{n}"), latitude=latitude + north, longitude=10 + east)
        for n, (north, east) in enumerate(places)
    ]
    found = neighbourhoods(sites, FIRST)
    for one in sites:
        narrow = math.cos(math.radians(one.latitude))
        reached = sorted(
            distance
            for other in sites
            if other is not one
            and (
                distance := 111.2
                * math.hypot(
                    other.latitude - one.latitude, (other.longitude - one.longitude) * narrow
                )
            )
            <= 50
        )
        assert found[one.site_id].distances_km == pytest.approx(reached[:32])


@pytest.mark.rule("D-61")
@pytest.mark.rule("D-66")
def test_the_reach_is_widened_until_there_are_five():
    close = weather_at(near(1, 2, 3, 4, 5), said(0, 0, 0, 0, 0), terms=TERMS, is_fed=True)
    assert close is not None
    assert (close.neighbours, close.within_km) == (5, 25)
    wide = weather_at(near(1, 2, 3, 4, 30), said(0, 0, 0, 0, 0), terms=TERMS, is_fed=True)
    assert wide is not None
    assert (wide.neighbours, wide.within_km) == (5, 50)
    assert weather_at(near(1, 2, 3, 4), said(0, 0, 0, 0), terms=TERMS, is_fed=True) is None
    assert weather_at(near(1, 2, 3, 4, 51), said(0, 0, 0, 0, 0), terms=TERMS, is_fed=True) is None


def test_two_of_seven_that_are_off_do_not_move_the_middle():
    sky = weather_at(
        near(*[1] * 7), said(0.01, -0.01, 0.0, 0.02, -0.02, -4.0, -4.0), terms=TERMS, is_fed=True
    )
    assert sky is not None
    assert sky.log_ratio == pytest.approx(-0.01)
    assert sky.spread < 0.05


def test_the_near_ones_decide():
    sky = weather_at(
        near(1, 1, 1, 20, 20, 20, 20), said(-1, -1, -1, 0, 0, 0, 0), terms=TERMS, is_fed=True
    )
    assert sky is not None
    assert sky.log_ratio == -1


@pytest.mark.rule("D-78b")
@pytest.mark.rule("D-78c")
@pytest.mark.rule("D-78d")
def test_a_few_that_agree_are_not_believed_at_once():
    def doubt(count: int, spread: float) -> float:
        values = [spread * (2 * n / (count - 1) - 1) for n in range(count)]
        sky = weather_at(near(*[1] * count), said(*values), terms=TERMS, is_fed=True)
        assert sky is not None
        return sky.doubt

    assert doubt(30, 0.0) < doubt(10, 0.0) < doubt(5, 0.0)
    assert doubt(5, 0.0) > 0.05
    assert doubt(30, 0.2) > doubt(30, 0.1)


def test_without_a_feed_those_who_face_the_same_way_decide():
    def facing(name: str, azimuth: float) -> Baseline:
        return Baseline(
            name, 40, -105, -7, 7600, (Plane(8000, 35, azimuth),), (4e4,) * len(KNOT_DAYS)
        )

    sites = [facing("me", 90), *(facing(f"E{n}", 90) for n in range(3))]
    sites += [facing(f"W{n}", 270) for n in range(4)]
    of_me = neighbourhoods(sites, FIRST)["me"]
    spoke = {name: -0.5 if name[0] == "E" else 0.0 for name in of_me.names}
    blind = weather_at(of_me, spoke, terms=TERMS, is_fed=False)
    fed = weather_at(of_me, spoke, terms=TERMS, is_fed=True)
    assert blind is not None
    assert fed is not None
    assert (blind.log_ratio, fed.log_ratio) == (-0.5, 0.0)


@pytest.mark.rule("D-67a")
def test_with_a_feed_one_next_door_does_not_decide_alone():
    def away(name: str, km: float) -> Baseline:
        planes = (Plane(8000, 35, 180),)
        return Baseline(name, 40 + km / 111.2, -105, -7, 7600, planes, (4e4,) * len(KNOT_DAYS))

    sites = [away("me", 0), away("door", 0.5), *(away(f"far{n}", 11 + n / 10) for n in range(4))]
    of_me = neighbourhoods(sites, FIRST)["me"]
    assert of_me.weights[-1] > 0.7
    assert of_me.alike[-1] < 0.2
    sites += [away(f"close{n}", 1 + n / 10) for n in range(6)]
    assert neighbourhoods(sites, FIRST)["me"].weights[-1] < 0.2
    spoke = {name: -0.3 if name == "door" else 0.0 for name in of_me.names}
    blind = weather_at(of_me, spoke, terms=TERMS, is_fed=False)
    fed = weather_at(of_me, spoke, terms=TERMS, is_fed=True)
    assert blind is not None
    assert fed is not None
    assert (blind.log_ratio, fed.log_ratio) == (-0.3, 0.0)


def test_a_baseline_is_checked_when_made():
    with pytest.raises(BadInput, match="build it anew"):
        Baseline("S", 40, -105, -7, 7600, (Plane(8000, 30, 180),), (0.0,) * len(KNOT_DAYS))
    with pytest.raises(BadInput, match="12 months"):
        Baseline("S", 40, -105, -7, 7600, (Plane(8000, 30, 180),), (1.0,) * 5)


def test_the_year_goes_round():
    values = tuple(1000.0 + n for n in range(len(KNOT_DAYS)))
    baseline = Baseline("S", 40, -105, -7, 7600, (Plane(8000, 30, 180),), values)
    day = datetime.date(2026, 1, 1)
    energies = [clear_sky_wh(baseline, place(day + datetime.timedelta(days=n))) for n in range(365)]
    assert energies[0] == 1000
    assert energies[10] == 1001
    assert energies[5] == 1000.5
    assert 1000 < energies[364] < 1003
    assert clear_sky_wh(baseline, place(datetime.date(2028, 12, 31))) == energies[364]


def test_the_shape_of_months_is_the_design_beside_its_model():
    shares, level = month_shape(
        (90.0,) * 6 + (110.0,) * 6, (100.0,) * 12, Smoothing((1,) * 6, (1,) * 5, 0, 1)
    )
    assert shares == pytest.approx((0.9,) * 6 + (1.1,) * 6)
    assert level == pytest.approx(0.0)
    baseline = Baseline(
        "S", 40, -105, -7, 7600, (Plane(8000, 30, 180),), (4e4,) * len(KNOT_DAYS), shares, level
    )
    assert shape(baseline, place(datetime.date(2026, 3, 15))) == pytest.approx(0.9)
    assert 0.9 < shape(baseline, place(datetime.date(2026, 7, 1))) < 1.1


KEEPS = Smoothing((1.0, 0.8, 0.6, 0.3, 0.2, 0.25), (0.3, 0.2, 0.1, 0.1, 0.1), 0.8, 0.15)
PAST = [math.tau * (month / 12 + 25.5 / 365.25) for month in range(12)]


def smoothed(*waves: list[float], keeps: Smoothing) -> list[float]:
    model = tuple(100.0 + 10 * month for month in range(12))
    logs = [math.fsum(of_month) for of_month in zip(*waves, strict=True)]
    p50 = tuple(of_model * math.exp(log) for of_model, log in zip(model, logs, strict=True))
    shares, level = month_shape(p50, model, keeps)
    return [math.log(share) + level for share in shares]


@pytest.mark.rule("D-101")
@pytest.mark.rule("D-101a")
def test_a_year_of_months_is_smoothed_about_its_solstices():
    keeps = replace(KEEPS, shade_keeps=0.0)
    sunny = [0.1 * math.cos(angle) for angle in PAST]
    leafy = [0.1 * math.sin(angle) for angle in PAST]
    quick = [0.04 * (-1) ** month for month in range(12)]
    assert smoothed(sunny, keeps=keeps) == pytest.approx(sunny)
    assert smoothed(leafy, keeps=keeps) == pytest.approx([0.3 * log for log in leafy])
    assert smoothed(quick, keeps=keeps) == pytest.approx([0.25 * log for log in quick])
    # what two designs have wrong alike cancels between them, however it was smoothed
    pair = zip(smoothed(sunny, quick, keeps=keeps), smoothed(quick, keeps=keeps), strict=True)
    assert [mine - yours for mine, yours in pair] == pytest.approx(sunny)


@pytest.mark.rule("D-101b")
@pytest.mark.rule("D-101c")
def test_a_dark_december_is_believed_and_a_bright_one_is_not():
    shade = [-0.3 * (math.cos(angle) > 0.95) for angle in PAST]
    quick = [0.06 * (-1) ** month for month in range(12)]
    linear = replace(KEEPS, shade_keeps=0.0)
    without, believed = (smoothed(shade, keeps=keeps) for keeps in (linear, KEEPS))
    december = 11
    assert without[december] > shade[december] + 0.05
    assert believed[december] == pytest.approx(0.2 * without[december] + 0.8 * shade[december])
    assert all(one <= other for one, other in zip(believed, without, strict=True))
    bright = [-log for log in shade]
    assert smoothed(bright, keeps=KEEPS)[december] == pytest.approx(-without[december])
    assert max(smoothed(quick, keeps=KEEPS)) <= 0.25 * 0.06 + 1e-9


NOON = datetime.date(2026, 6, 21)
PLACE = {"latitude": 40.0, "longitude": -105.0, "utc_offset_hours": -7.0}


def test_the_sun_stands_where_it_should():
    _, north, up = sun(NOON, 12, **PLACE)
    assert math.degrees(math.asin(up)) == pytest.approx(73.4, abs=0.3)
    assert north < 0
    east, _, up = sun(NOON, 6, **PLACE)
    assert east > 0.8
    assert up > 0
    assert sun(NOON, 0, **PLACE)[2] < 0
    south = sun(NOON, 12, latitude=-33.0, longitude=150.0, utc_offset_hours=10.0)
    assert south[1] > 0
    assert math.degrees(math.asin(south[2])) == pytest.approx(33.6, abs=0.3)


def test_a_cloudy_morning_costs_the_east_more_than_the_west():
    hours = [FeedHour(h, 100 if h < 12 else 700, 20) for h in range(6, 18)]
    sky = sky_of(NOON, hours, **PLACE)
    east = energy_wh((Plane(8000, 35, 90),), 7600, sky)
    west = energy_wh((Plane(8000, 35, 270),), 7600, sky)
    assert west > 1.2 * east


def test_the_inverter_holds_back_the_hour_and_night_makes_nothing():
    hours = [FeedHour(h, 900, 10) for h in range(9, 16)]
    sky = sky_of(NOON, hours, **PLACE)
    assert energy_wh((Plane(20_000, 30, 180),), 5000, sky) == 5000 * len(sky)
    assert sky_of(NOON, [FeedHour(0, 50, 10), FeedHour(12, 0, 10)], **PLACE) == ()


@pytest.mark.rule("D-79")
def test_a_kind_that_is_low_beside_all_others_is_hinted_at():
    kinds = {f"A{n}": "alder 5" for n in range(5)} | {f"B{n}": "birch 7" for n in range(6)}
    low = {name: -0.3 if name[0] == "A" else 0.0 for name in kinds}
    (hint,) = hints(low, kinds, TERMS)
    assert (hint.kind, hint.sites, hint.others) == ("alder 5", 5, 6)
    assert hint.ratio == pytest.approx(math.exp(-0.3))
    assert hints(dict.fromkeys(kinds, -0.3), kinds, TERMS) == ()
    four = {name: kind for name, kind in kinds.items() if name != "A4"}
    assert hints(low, four, TERMS) == ()
    alone = {name: kind for name, kind in kinds.items() if name[0] == "A"}
    (hint,) = hints(low, alone, TERMS)
    assert hint.others == 0
