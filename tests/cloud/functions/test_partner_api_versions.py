"""Versions of the partner API: the product's own, and the mechanism with versions made up here."""

import base64
import json
import re
from datetime import date
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.functions.partner_api.versions import (
    VERSIONS,
    Alteration,
    Translated,
    Version,
    Versions,
    speak,
)
from cloud.kernel.errors import BadInput, BrokenInvariant

DAY = date(2027, 3, 1)


# ---------------------------------------------------------------------- three versions of a test's
def moved(now, was):
    """Give what renames a field of an object, and leaves everything else alone."""

    def move(told):
        if not isinstance(told, dict) or now not in told:
            return told
        return {was if name == now else name: value for name, value in told.items()}

    return move


def in_list(change):
    return lambda told: {**told, "parts": [change(one) for one in told["parts"]]}


PART = "POST /v1/parts/{part_id}"
AUTUMN = Version(
    "2026-09-01",
    "a part's name is its title",
    (
        Alteration(
            PART,
            taken=moved("name", "title"),
            given=moved("title", "name"),
            pointed=lambda at: at.replace("/title", "/name"),
        ),
        Alteration("GET /v1/parts", given=in_list(moved("title", "name"))),
    ),
)
WINTER = Version(
    "2026-12-01",
    "a title is a heading",
    (
        Alteration(
            PART,
            taken=moved("title", "heading"),
            given=moved("heading", "title"),
            pointed=lambda at: at.replace("/heading", "/title"),
        ),
        Alteration("GET /v1/parts", given=in_list(moved("heading", "title"))),
    ),
)
SPRING = Version("2026-06-01", "the first")
THREE = Versions((WINTER, AUTUMN, SPRING))
FIELD = {"2026-06-01": "name", "2026-09-01": "title", "2026-12-01": "heading"}
BY_NAME = {one.name: one for one in (SPRING, AUTUMN, WINTER)}


def event(method, path, body=None, *, is_base64=False):
    text = body if isinstance(body, str) else json.dumps(body)
    if is_base64:
        text = base64.b64encode(text.encode()).decode()
    return {
        "requestContext": {"http": {"method": method}},
        "rawPath": path,
        "isBase64Encoded": is_base64,
        **({"body": text} if body is not None else {}),
    }


def newest(event, _context):
    """What the routes would do: they know headings only."""
    if event["requestContext"]["http"]["method"] == "GET":
        return answer(200, {"parts": [{"heading": "a", "size": 1}, {"size": 2}]})
    body = event["body"]
    told = json.loads(base64.b64decode(body) if event["isBase64Encoded"] else body)
    if not isinstance(told, dict) or set(told) != {"heading", "size"}:
        errors = [{"pointer": "/body/heading", "message": "missing"}, {"code": "other"}]
        return answer(400, {"title": "x", "errors": errors}, "application/problem+json")
    return answer(200, told)


def answer(status, body, kind="application/json"):
    headers = {"Content-Type": kind}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}


def asked(version, event):
    speak(BY_NAME[version])
    return Translated(THREE, newest).answer(event, None)


@pytest.mark.parametrize("is_base64", [False, True], ids=["text", "base64"])
@pytest.mark.parametrize("version", sorted(FIELD))
def test_a_call_speaks_its_own_version_only(version, is_base64):
    body = {FIELD[version]: "a", "size": 3}
    given = asked(version, event("POST", "/v1/parts/7", body, is_base64=is_base64))
    assert (given["statusCode"], json.loads(given["body"])) == (200, body)
    assert list(json.loads(given["body"])) == list(body), "fields keep their order"
    assert given["headers"]["Service-Version"] == version


@pytest.mark.parametrize("version", sorted(FIELD))
def test_a_list_is_given_in_the_version_asked_for(version):
    given = asked(version, event("GET", "/v1/parts/"))
    assert json.loads(given["body"]) == {"parts": [{FIELD[version]: "a", "size": 1}, {"size": 2}]}


@pytest.mark.parametrize("version", sorted(FIELD))
def test_a_field_of_another_version_is_unknown_and_faults_are_told_in_ones_own_words(version):
    for other in set(FIELD) - {version}:
        if other > version:  # what a later version knows is let through: it is brought up to itself
            continue
        given = asked(version, event("POST", "/v1/parts/7", {FIELD[other]: "a", "size": 3}))
        errors = json.loads(given["body"])["errors"]
        assert given["statusCode"] == 400
        assert errors == [
            {"pointer": f"/body/{FIELD[version]}", "message": "missing"},
            {"code": "other"},
        ]


@pytest.mark.parametrize(
    "path", ["/v1/parts/7/more", "/v1/parts", "/v1/partsx/7", "/v2/parts/7", "/v1/parts/"]
)
def test_other_routes_are_left_alone(path):
    assert THREE.after("2026-06-01", method="POST", path=path) == ()
    assert THREE.after("2026-06-01", method="PUT", path="/v1/parts/7") == ()


def test_alterations_come_in_order_of_time_and_only_those_after():
    def after(name):
        return THREE.after(name, method="POST", path="/v1/parts/a.b_c")

    assert after("2026-06-01") == (AUTUMN.alterations[0], WINTER.alterations[0])
    assert after("2026-09-01") == (WINTER.alterations[0],)
    assert after("2026-12-01") == ()


@pytest.mark.parametrize("body", ["{", "", "\ud800", "[" * 100_000, "null", "[]", '"a"', "NaN"])
def test_what_is_no_object_reaches_the_route_as_it_is(body):
    seen = []

    def route(event, _context):
        seen.append(event.get("body"))
        return answer(400, {"errors": []}, "application/problem+json")

    speak(SPRING)
    sent = {**event("POST", "/v1/parts/7"), "body": body}
    assert Translated(THREE, route).answer(sent, None)["statusCode"] == 400
    assert seen == [body]


@pytest.mark.parametrize(
    ("kind", "body"),
    [("text/csv", "name,size"), ("application/pdf", "%PDF"), ("application/json", "")],
)
def test_an_answer_that_is_no_json_stays_as_it_is(kind, body):
    given = {"statusCode": 200, "headers": {"content-type": kind}, "body": body}
    speak(SPRING)
    got = Translated(THREE, lambda *_: given).answer(event("POST", "/v1/parts/7", {}), None)
    assert got["body"] == body


@given(st.text(), st.integers(), st.sampled_from(sorted(FIELD)))
def test_what_goes_up_comes_back_down(text, size, version):
    body = {FIELD[version]: text, "size": size}
    given = asked(version, event("POST", "/v1/parts/7", body))
    assert json.loads(given["body"]) == body


# ---------------------------------------------------------------------- which there are
@pytest.mark.rule("API-03")
@pytest.mark.parametrize(
    ("asked", "own", "found"),
    [
        pytest.param("", "", "2026-12-01", id="a first call"),
        pytest.param("", "2026-06-01", "2026-06-01", id="a program that came early"),
        pytest.param("2026-09-01", "2026-06-01", "2026-09-01", id="another for one call"),
    ],
)
def test_the_version_of_a_call(asked, own, found):
    assert THREE.of_call(asked=asked, own=own, on=DAY).name == found


@pytest.mark.parametrize(
    "name",
    [
        "2026-06-02",
        "latest",
        "2026-6-1",
        " ",
        "\u0662\u0660\u0662\u0666-06-01",
        "2026-06-01, 2026-09-01",
    ],
)
def test_an_unknown_version_is_refused_with_those_there_are(name):
    with pytest.raises(BadInput, match="2026-12-01, 2026-09-01, 2026-06-01"):
        THREE.of_call(asked=name, own="2026-06-01", on=DAY)


ENDING = Version("2026-06-01", "the first", end_told_on=date(2026, 12, 1))
TWO = Versions((WINTER, ENDING))


@pytest.mark.rule("API-01")
def test_a_version_that_ends_says_so_in_every_answer():
    headers = ENDING.headers
    assert headers["Deprecation"] == "@1796083200"
    assert parsedate_to_datetime(headers["Sunset"]).isoformat() == "2027-12-01T23:59:59+00:00"
    assert headers["Sunset"].endswith(" GMT")
    assert set(WINTER.headers) == {"Service-Version"}


@pytest.mark.rule("API-01")
@pytest.mark.parametrize(
    ("on", "is_open"),
    [(date(2027, 11, 30), True), (date(2027, 12, 1), True), (date(2027, 12, 2), False)],
    ids=["the day before the last", "the last day", "the day after"],
)
def test_a_version_goes_on_until_its_last_day(on, is_open):
    if is_open:
        assert TWO.of_call(asked="", own="2026-06-01", on=on) is ENDING
        return
    for asked, own in (("2026-06-01", ""), ("", "2026-06-01")):
        with pytest.raises(BadInput, match=r"2026-06-01 ended: ask for one of 2026-12-01 with"):
            TWO.of_call(asked=asked, own=own, on=on)


@pytest.mark.parametrize(
    "versions",
    [
        pytest.param((), id="none"),
        pytest.param((SPRING, AUTUMN), id="the oldest first"),
        pytest.param((SPRING, SPRING), id="one twice"),
        pytest.param((ENDING,), id="the newest ends"),
        pytest.param((WINTER, AUTUMN), id="the first changes what nobody knew"),
    ],
)
def test_versions_that_make_no_sense_do_not_start(versions):
    with pytest.raises(BrokenInvariant):
        Versions(versions)


@pytest.mark.parametrize("name", ["2026-6-1", "2026-13-01", "newest", "", "2026-02-30", "20260601"])
def test_a_version_is_a_day(name):
    with pytest.raises(BadInput, match="is no day"):
        Version(name, "x")


def test_the_products_own_versions_are_days_and_say_what_they_changed():
    assert VERSIONS.newest.headers["Service-Version"] == VERSIONS.newest.name
    assert VERSIONS.open_on(DAY)[-1] == "2026-06-01"


def test_the_page_lists_the_products_own_versions():
    page = (Path(__file__).parents[3] / "docs/partner_api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\d{4}-\d\d-\d\d)` \| (.*) \|$", page, re.MULTILINE)
    assert listed == [(one.name, one.says) for one in VERSIONS.newest_first]
