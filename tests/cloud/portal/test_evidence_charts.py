"""Pictures of evidence: they need no style of their own, say what they show, and stay on paper."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.detection.process.hourly import HomeHour
from cloud.detection.verdict import Reason
from cloud.portal.evidence_charts import (
    days_chart,
    hours_chart,
    map_says,
    neighbour_map,
)
from cloud.reporting.nearby import Around, NearHome
from tests.cloud.portal.homes_world import a_line, days

DAY = date(2026, 6, 7)
START = datetime(2026, 6, 6, 4, 0, tzinfo=UTC)
STYLE = (Path(__file__).parents[3] / "cloud/portal/pages/style.css").read_text()


def parsed(svg: str) -> list[ElementTree.Element]:
    """Give the pictures of a text; each is well formed by itself."""
    return list(ElementTree.fromstring(f"<all>{svg}</all>"))  # noqa: S314 - our own drawing


def numbers_of(svg: str) -> list[float]:
    return [float(one) for one in re.findall(r'(?:x|y|cx|cy)="(-?[\d.]+)"', svg)]


def test_days_come_for_a_screen_and_for_a_phone_without_any_style():
    drawn = days_chart(days(), title="Days <1>")
    wide, narrow = parsed(drawn)
    assert (wide.get("class"), narrow.get("class")) == ("chart days wide", "chart days narrow")
    assert "<style" not in drawn
    assert "style=" not in drawn
    assert all(one.get("role") == "img" and one.get("aria-label") for one in (wide, narrow))
    assert "Days &lt;1&gt;" in drawn


def test_every_look_of_a_picture_is_in_the_style_sheet():
    looks = set(re.findall(r'class="([a-z]+)"', days_chart(days(), title="x")))
    unpainted = {one for one in looks - {"hit"} if f".days .{one}" not in STYLE}
    assert unpainted <= {"ink"} | {one for one in unpainted if f".days .{one} text" in STYLE}


def hour(number: int, **differs) -> HomeHour:
    usual = HomeHour(START + timedelta(hours=number), 2500, is_day=True, is_heard=True)
    return replace(usual, **differs)


def test_hours_show_what_was_made_what_was_wrong_and_what_was_not_heard():
    hours = [
        *(hour(number, is_day=False, power_w=0) for number in range(8)),
        hour(8),
        hour(9, issues=("INV_FAULT",), power_w=0),
        hour(10, is_off=True, power_w=0),
        hour(11, is_grid_lost=True, power_w=0),
        hour(12, is_heard=False, power_w=None),
    ]
    wide, narrow = parsed(hours_chart(hours, zone="America/New_York", onset=hours[9].start))
    for one in (wide, narrow):
        looks = [shape.get("class") for shape in one.iter()]
        assert [looks.count(look) for look in ("made", "fault", "grid-lost", "unheard")] == [
            1, 2, 1, 1,
        ]  # fmt: skip
        assert "of 5 hours of daylight 1 were not heard, and 2 showed" in (
            one.get("aria-label") or ""
        )
        assert any("first seen Jun 6, 9:00 AM" in (text.text or "") for text in one.iter())


@pytest.mark.parametrize(
    "onset",
    [
        pytest.param(None, id="no onset"),
        pytest.param(START - timedelta(days=3), id="before the picture"),
        pytest.param(START + timedelta(days=9), id="after it"),
    ],
)
def test_an_onset_outside_of_the_hours_is_not_marked(onset):
    drawn = hours_chart([hour(number) for number in range(30)], zone="America/Denver", onset=onset)
    assert 'class="onset"' not in drawn


@given(st.lists(st.integers(0, 60_000) | st.none(), min_size=1, max_size=168))
def test_hours_stay_on_their_paper(powers):
    hours = [hour(number, power_w=power) for number, power in enumerate(powers)]
    wide, narrow = parsed(hours_chart(hours, zone="America/Los_Angeles", onset=None))
    for one, most in ((wide, 760), (narrow, 340)):
        for shape in one.iter("rect"):
            assert float(shape.get("x", 0)) + float(shape.get("width", 0)) <= most
            assert float(shape.get("y", 0)) >= 0


def near(*homes: tuple[float, float, Reason | None], here: Reason | None = Reason.LOW) -> Around:
    def line(reason):
        return a_line(DAY, reason) if reason else None

    placed = [
        NearHome(f"site-{n}", f"{n} <Elm> St", north, east, line(reason))
        for n, (north, east, reason) in enumerate(homes)
    ]
    return Around(DAY, NearHome("site", "1 Ash Ln", 0, 0, line(here)), tuple(placed))


def test_each_kind_of_home_has_a_shape_of_its_own():
    drawn = neighbour_map(
        near(
            (0.5, 0.5, Reason.GOOD),
            (-0.5, 0.2, Reason.LOW),
            (0.1, -0.4, None),
            (0.3, -0.5, Reason.SNOW),
        )
    )
    svg, narrow = parsed(drawn)
    marks = {one.get("class"): one.tag for one in svg.iter() if one.get("class")}
    assert (marks["well"], marks["low"], marks["unknown"], marks["uncounted"], marks["here"]) == (
        "circle", "path", "circle", "path", "path",
    )  # fmt: skip
    assert len(set(re.findall(r'class="(?:well|low|unknown|uncounted)"', drawn))) == 4
    assert narrow.get("class") == "chart map narrow"
    assert "0 &lt;Elm&gt; St: 97% of expected, well" in drawn
    assert svg.get("aria-label") == (
        "4 homes within 0.7 miles on Jun 7: 1 well, 1 low, 1 does not count, 1 not known; "
        "this home made 45%."
    )


@pytest.mark.parametrize(
    ("around", "says"),
    [
        pytest.param(near(), "No other home near this one is on record.", id="alone"),
        pytest.param(
            near((1, 0, Reason.GOOD), here=None),
            "1 home within 1.0 miles on Jun 7: 1 well, 0 low; what this home did is not known.",
            id="one neighbour, and nothing known of the home",
        ),
        *(
            pytest.param(
                near((1, 0, reason), (1, 0, Reason.SNOW), here=reason),
                "2 homes within 1.0 miles on Jun 7: 0 well, 0 low, 2 do not count; "
                "this home made 40%, on a day that does not count."
                if reason is Reason.SNOW
                else "2 homes within 1.0 miles on Jun 7: 0 well, 0 low, 2 do not count; "
                "this home made 97%, on a day that does not count.",
                id=f"a day that proves nothing: {reason.value}",
            )
            for reason in Reason
            if reason not in {Reason.GOOD, Reason.LOW, Reason.UNKNOWN}
        ),
    ],
)
def test_what_a_map_says(around, says):
    assert map_says(around) == says
    assert parsed(neighbour_map(around))


@given(
    st.lists(
        st.tuples(st.floats(-31, 31), st.floats(-31, 31), st.sampled_from([None, *Reason])),
        max_size=32,
    )
)
def test_a_map_keeps_all_homes_on_its_paper(homes):
    drawn = neighbour_map(near(*homes))
    for svg, width in zip(parsed(drawn), (560, 300), strict=True):
        high = float(svg.get("height", 0))
        assert high <= 500
        inside = numbers_of(ElementTree.tostring(svg, encoding="unicode"))
        assert all(-1 <= one <= max(width, high) for one in inside)
