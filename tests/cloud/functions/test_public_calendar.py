"""The public calendar over HTTP, as the template wires it: no token, no partner, cacheable."""

from datetime import date

import pytest
from rights import not_allowed, watched

from cloud.funding import process
from cloud.local.web import Request
from tests.cloud.functions.conftest import TEMPLATE

HOST = {"host": "127.0.0.1:8787"}


def ask(world, name="comfort.ics", method="GET", **headers):
    return world.door.answer(Request(method, f"/calendar/{name}", "", HOST | headers, b""))


@pytest.mark.rule("F03")
def test_anybody_reads_the_days_and_a_published_one_moves(world):
    before = ask(world)
    assert (before.status, before.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    assert before.headers["cache-control"] == "public, max-age=3600"
    assert before.body.startswith(b"BEGIN:VCALENDAR\r\n")
    assert b"UID:comfort-2026-06-18-paid@sunreeve\r\n" in before.body
    moved = process.publish_funding_day(
        world.records,
        regular_date=date(2026, 6, 18),
        alternative_date=date(2026, 6, 22),
        at=world.now,
        by="test",
    )
    after = ask(world)
    assert b"DTSTART;VALUE=DATE:20260622\r\n" in after.body
    assert after.headers["etag"] != before.headers["etag"]
    process.withdraw_funding_day(
        world.records, regular_date=moved.regular_date, because="x", at=world.now, by="test"
    )
    assert ask(world).headers["etag"] == before.headers["etag"]
    assert b"comfort" not in ask(world, "standard.ics").body


def test_who_has_it_already_is_told_so(world):
    tag = ask(world).headers["etag"]
    for known in (tag, f'"other", W/{tag}'):
        again = ask(world, **{"if-none-match": known})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert ask(world, **{"if-none-match": '"other"'}).status == 200


@pytest.mark.parametrize(
    ("name", "method", "status"),
    [
        pytest.param("evening.ics", "GET", 404, id="no such programme"),
        pytest.param("comfort", "GET", 404, id="no ending"),
        pytest.param("comfort.ics", "POST", 405, id="nothing to write"),
        pytest.param("comfort.ics", "HEAD", 200, id="only the head"),
    ],
)
def test_what_is_there(world, name, method, status):
    assert ask(world, name, method).status == status


def test_its_role_allows_what_it_does_and_a_single_action(world):
    asked = watched(world.runtime)
    assert ask(world).status == 200
    mine = {(action, thing) for who, action, thing in asked.done if who == "CalendarFunction"}
    assert mine == {("dynamodb:Query", "MoneyTable/index/lookup_1")}
    assert not_allowed(asked, TEMPLATE.read_bytes()) == []
