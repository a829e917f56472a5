"""The funding calendar: days and cut-offs by month, what is not as usual, the file to subscribe."""

import re
from datetime import UTC, date, datetime

import pytest
from money_street import Street
from pages_world import Seen

from cloud.funding.process import publish_funding_day

NOVEMBER = datetime(2026, 11, 3, 15, 0, tzinfo=UTC)


def cell(page: Seen, day: str) -> str:
    """Give what stands in the cell of a day, in the months and not in the lists below."""
    months = page.text.partition('<div class="months">')[2]
    found = re.search(rf'<td class="([^"]*)"[^>]*><time datetime="{day}">(.*?)</td>', months)
    assert found is not None, day
    return re.sub(r"<[^>]+>", " ", found[0]).strip()


@pytest.mark.rule("F01")
@pytest.mark.parametrize(
    ("day", "says"),
    [
        pytest.param("2026-11-05", "Paid", id="a Thursday"),
        pytest.param("2026-11-10", "Paid", id="a Tuesday"),
        pytest.param("2026-11-09", "Cut-off", id="the Monday before it"),
        pytest.param("2026-11-04", "Cut-off", id="the Wednesday before"),
        pytest.param("2026-11-11", "Closed : Veterans Day", id="a bank holiday"),
        pytest.param("2026-11-26", "Closed : Thanksgiving Day", id="a funding day that is one"),
        pytest.param("2026-11-27", "Paid", id="the day after, in its place"),
        pytest.param("2026-11-06", "6", id="nothing: its number alone"),
    ],
)
def test_each_day_says_what_it_is(day, says):
    page = Street(now=NOVEMBER).page("bo", "/portal/calendar")
    assert page.status == 200
    assert says in re.sub(r"\s+", " ", cell(page, day))
    if says.isdigit():
        assert not re.search(r"Paid|Cut-off|Closed", cell(page, day))


@pytest.mark.rule("F03")
def test_what_is_not_as_usual_is_told_with_its_reason():
    street = Street(now=NOVEMBER)
    made = publish_funding_day(
        street.records,
        regular_date=date(2026, 11, 26),
        alternative_date=date(2026, 11, 25),
        at=NOVEMBER,
        by="tess",
    )
    assert made.alternative_date == date(2026, 11, 25)
    street.clock.at = datetime(2026, 11, 3, 16, 0, tzinfo=UTC)
    page = street.page("bo", "/portal/calendar")
    below = page.plain.partition("Not as usual")[2]
    assert "Thu, Nov 26, 2026 Wed, Nov 25, 2026 ✔ Published" in below
    assert "Thanksgiving Day: paid on Wednesday, November 25, as published" in below
    assert "Paid" in cell(page, "2026-11-25")
    assert "Paid" not in cell(page, "2026-11-27")


def test_the_top_says_what_comes_next():
    page = Street(now=NOVEMBER).page("bo", "/portal/calendar")
    assert "Next cut-off Wed, Nov 4, 2026, 2:31 AM EST" in page.plain
    assert "Next funding day Tue, Nov 3, 2026 its window is closed" in page.plain


@pytest.mark.parametrize(
    ("query", "first", "has_before"),
    [
        pytest.param("", "November 2026", True, id="this month first"),
        pytest.param("?month=2027-03", "March 2027", True, id="the month that is asked for"),
        pytest.param("?month=2099-01", "November 2028", True, id="no further than two years"),
        pytest.param("?month=2001-01", "January 2025", False, id="not before the rules"),
        pytest.param("?month=soon", "November 2026", True, id="no month at all"),
        pytest.param("?month=2026-13", "November 2026", True, id="a thirteenth month"),
    ],
)
def test_the_months_are_leafed_through_within_what_there_is(query, first, has_before):
    page = Street(now=NOVEMBER).page("bo", f"/portal/calendar{query}")
    assert page.status == 200
    found = re.findall(r"<section><h2>([^<]+)</h2>", page.text)
    assert found[0] == first
    assert len(found) == 4
    assert ("← Before" in page.text) == has_before


def test_each_programme_has_its_own_file():
    street = Street(now=NOVEMBER)
    assert 'href="/calendar/comfort.ics"' in street.page("bo", "/portal/calendar").text
    other = street.page("bo", "/portal/calendar?programme=standard")
    assert 'href="/calendar/standard.ics"' in other.text
    unknown = street.page("bo", "/portal/calendar?programme=none")
    assert 'href="/calendar/comfort.ics"' in unknown.text
