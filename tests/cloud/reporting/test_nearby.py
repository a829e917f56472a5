"""The homes around a home: who is near, how far, and what is known of their day."""

from datetime import date

import pytest

from cloud.detection.models import RegionRoster, SiteTrack
from cloud.detection.verdict import Reason
from cloud.reporting.nearby import around, lines_of, telling_day
from tests.cloud.portal.homes_world import Street, a_line, days
from tests.cloud.service.case_world import put

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
    assert [one.site_id for one in found.told] == ["site-n1"]
    assert [one.site_id for one in found.low] == ["site-n1"]


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
