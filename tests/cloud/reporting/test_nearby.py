"""The homes around a home: who is near, how far, and what is known of their day."""

import math
from dataclasses import replace
from datetime import date

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.detection.models import RegionRoster, SiteTrack, north_and_east, place_of
from cloud.detection.verdict import Reason
from cloud.portfolio.models import Site
from cloud.reporting.nearby import Did, NearHome, around, lines_of, telling_day
from tests.cloud.portal.homes_world import Street, a_line, days
from tests.cloud.service.case_world import put
from tests.cloud.service.test_service_process import SITE

DAY = date(2026, 6, 7)


def test_neighbours_come_the_nearest_first_with_their_day():
    street = Street(neighbours=3)
    street.judged(days(), site_id="site-1")
    street.judged(days(), site_id="site-n1")
    found = around(street.records, street.site, day=DAY)
    assert [one.site_id for one in found.homes] == ["site-n0", "site-n1", "site-n2"]
    assert found.homes[0].miles == pytest.approx(0.691, abs=0.01)
    assert (found.homes[1].east_miles < 0, found.homes[1].north_miles > 0) == (True, True)
    assert found.here.line is not None
    assert found.here.miles == 0
    assert [one.site_id for one in found.those(Did.LOW)] == ["site-n1"]
    assert [one.site_id for one in found.those(Did.UNKNOWN)] == ["site-n0", "site-n2"]


@pytest.mark.parametrize("reason", list(Reason))
def test_only_a_day_that_counts_is_well_or_low(reason):
    line = a_line(DAY, reason)
    expected = {
        Reason.GOOD: Did.WELL,
        Reason.LOW: Did.LOW,
        Reason.UNKNOWN: Did.UNKNOWN,
    }.get(reason, Did.UNCOUNTED)
    assert NearHome("site", "1 Ash Ln", 0, 0, line).did is expected


def test_a_home_alone_in_its_region_has_nobody_around_it():
    street = Street(neighbours=0)
    assert around(street.records, street.site, day=DAY).homes == ()
    elsewhere = Street(neighbours=0, latitude=45.0)
    assert around(elsewhere.records, elsewhere.site, day=DAY).homes == ()


def test_more_than_are_asked_are_not_shown_and_the_far_ones_are_none():
    street = Street(neighbours=40)
    found = around(street.records, street.site, day=DAY)
    assert len(found.homes) == 32
    far = Street(neighbours=90)
    assert max(one.miles for one in around(far.records, far.site, day=DAY).homes) < 31.1


def test_a_region_without_a_roster_is_empty():
    street = Street(neighbours=0)
    put(street.records, RegionRoster(street.site.region, ()))
    assert around(street.records, street.site, day=DAY).homes == ()


@pytest.mark.parametrize(
    ("reasons", "until", "found"),
    [
        pytest.param("glg", None, 2, id="the last low day"),
        pytest.param("gll", None, 3, id="of several the latest"),
        pytest.param("llg", date(2026, 6, 1), 1, id="not after the end of the case"),
        pytest.param("ggu", None, 2, id="none low: the last that counts"),
        pytest.param("uu", None, 2, id="none counts: the last"),
        pytest.param("", None, None, id="no day"),
        pytest.param("l", date(2026, 5, 1), None, id="no day so early"),
    ],
)
def test_the_day_that_tells_most(reasons, until, found):
    kinds = {"g": Reason.GOOD, "l": Reason.LOW, "u": Reason.UNKNOWN}
    lines = [a_line(date(2026, 6, 1 + place), kinds[one]) for place, one in enumerate(reasons)]
    assert telling_day(lines, until=until) == (date(2026, 6, found) if found else None)


def test_days_in_another_format_are_no_days():
    assert lines_of(None) == ()
    assert lines_of(SiteTrack("site-1", lines=(99, "x"))) == ()


class Counting(MemoryRecords):
    """Records that note how many sites were asked for at once."""

    asked: tuple[str, ...] = ()

    def load_all(self, kind, record_ids):
        if kind is Site:
            self.asked = tuple(record_ids)
        return super().load_all(kind, record_ids)


@pytest.mark.parametrize(
    ("has_places", "loaded"),
    [
        pytest.param(True, 64, id="the roster tells where they lie"),
        pytest.param(False, 300, id="a roster from before places were kept"),
    ],
)
def test_of_a_large_region_only_those_are_loaded_that_may_be_near(has_places, loaded):
    here = replace(SITE, latitude=35.5, longitude=-78.5)
    homes = [
        replace(
            here,
            id=f"home-{number:03}",
            latitude=35 + number * 0.7549 % 0.999,
            longitude=-79 + number * 0.5698 % 0.999,
        )
        for number in range(300)
    ]
    every = [here, *homes]
    places = tuple(place_of(one) for one in every) if has_places else ()
    roster = RegionRoster(here.region, tuple(one.id for one in every), places)
    records = Counting()
    for one in (*every, roster):
        put(records, one)
    found = around(records, here, day=DAY)
    assert len(records.asked) == loaded
    narrow = math.cos(math.radians(here.latitude))
    exact = sorted(
        homes,
        key=lambda one: math.hypot(one.latitude - 35.5, (one.longitude + 78.5) * narrow),
    )
    assert [one.site_id for one in found.homes] == [one.id for one in exact[:32]]


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [
        pytest.param(35.0, -79.0, (0, 0), id="the corner"),
        pytest.param(35.9999, -78.0001, (999, 999), id="the corner across"),
        pytest.param(35.25, -78.25, (250, 750), id="west of Greenwich, east within its square"),
    ],
)
def test_a_place_is_told_within_the_square(latitude, longitude, place):
    assert north_and_east(place_of(replace(SITE, latitude=latitude, longitude=longitude))) == place
