"""Where to tell of a hole, over HTTP as the template wires it."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from cloud.functions.calendar.reporting_holes import (
    GOOD_FOR,
    POLICY_TXT,
    SECURITY_TXT,
    security_txt,
)
from cloud.local.web import Request

HOST = {"host": "127.0.0.1:8787"}
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def ask(shared, path, method="GET"):
    return shared.door.answer(Request(method, path, "", HOST, b""))


def fields(text):
    """Read it as the grammar has it (RFC 9116, section 4): a name, a colon, a space, a value."""
    return [re.fullmatch(r"([A-Za-z-]+): (\S.*)", line).groups() for line in text.splitlines()]


def test_anybody_reads_where_to_tell_of_a_hole(shared):
    answer = ask(shared, SECURITY_TXT)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert answer.headers["x-content-type-options"] == "nosniff"
    said = dict(fields(answer.body.decode()))
    assert said["Contact"] == "mailto:operations@owner.example"
    assert said["Canonical"].endswith(SECURITY_TXT)
    assert said["Policy"].endswith(POLICY_TXT)
    ends = datetime.fromisoformat(said["Expires"])
    assert timedelta(days=90) < ends - shared.now < timedelta(days=365)


def test_the_policy_says_whom_to_write_to(shared):
    answer = ask(shared, POLICY_TXT)
    assert answer.status == 200
    assert b"please write to operations@owner.example" in answer.body


@pytest.mark.parametrize("path", [SECURITY_TXT, POLICY_TXT])
def test_nobody_writes_there(shared, path):
    assert ask(shared, path, "POST").status == 405


def test_nothing_else_lies_beside_it(shared):
    assert ask(shared, "/.well-known/other.txt").status == 404


@pytest.mark.parametrize(
    "at",
    [
        pytest.param(NOON, id="noon"),
        pytest.param(NOON.replace(hour=0), id="the first moment of the day"),
        pytest.param(datetime(2026, 3, 3, 22, tzinfo=timezone(timedelta(hours=-5))), id="east"),
    ],
)
def test_of_one_day_it_is_the_same_and_each_name_stands_once(at):
    text = security_txt(mail="a@b.example", pages_url="https://b.example", at=at)
    assert text == security_txt(mail="a@b.example", pages_url="https://b.example", at=NOON)
    names = [name for name, _ in fields(text)]
    assert len(names) == len(set(names))
    assert dict(fields(text))["Expires"] == "2026-08-31T00:00:00Z"
    assert timedelta(days=365) > GOOD_FOR
