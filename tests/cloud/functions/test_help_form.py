"""The customer's form over HTTP, as the template wires it: public, strict, and no oracle."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest

from cloud.kernel.change import Change
from cloud.local.web import Request
from cloud.portfolio.models import Site
from cloud.service.models import Case, HelpRequest, HelpState, WorkOrder
from tests.cloud.functions.conftest import World

FIELDS = {
    "name": "Ana Ash",
    "email": "",
    "phone": "",
    "address": "",
    "trouble": "no_production",
    "says": "it has been dark since Friday",
    "website": "",
}


class Tags(HTMLParser):
    """The tags of a page, each with its attributes; and whether all of them are closed in order."""

    VOID = frozenset({"meta", "input"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def named(self, name):
        return next(one for _, one in self.found if one.get("name") == name)


def send(world: World, method="GET", body=b"", content_type="application/x-www-form-urlencoded"):
    headers = {"host": "127.0.0.1:8787", "content-type": content_type}
    return world.door.answer(Request(method, "/help", "", headers, body))


def a_home(world: World):
    """Have a home whose customer is nobody else's."""
    home = world.new_home()
    stored = world.records.load(Site, home.site.id)
    number = home.site.id.partition("-")[2]
    site = replace(
        stored.record,
        customer_email=f"Ana{number}@Home.example",
        address=f"{number} Ash Lane, Denver",
    )
    world.records.commit(Change(saves=(stored.replaced_by(site),)))
    return replace(home, site=site)


def fill(world: World, **fields):
    return send(world, "POST", urlencode({**FIELDS, **fields}).encode())


def of_home(home, **fields):
    return {"email": home.site.customer_email, "address": home.site.address, **fields}


def number_in(page: bytes) -> str:
    return re.search(rb"HR-[0-9A-Z]{10}", page)[0].decode()


def told(world: World):
    """Let everything that is due leave, and what it sets off."""
    for _ in range(3):
        world.runtime.run_due()


def request_of(world: World, page: bytes) -> HelpRequest | None:
    stored = world.records.load(HelpRequest, number_in(page))
    return stored.record if stored else None


@pytest.mark.rule("C-03")
def test_anybody_sees_the_form_and_nothing_is_loaded_from_elsewhere(shared):
    answer = send(shared)
    assert answer.status == 200
    page = answer.body.decode()
    tags = Tags(page)
    assert tags.open == []
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in tags.found}
    assert "http" not in page
    assert "911" in page
    assert "(555) 555-0100" in page
    labelled = {one["for"] for tag, one in tags.found if tag == "label"}
    controls = {"input", "select", "textarea"}
    assert labelled == {one["id"] for tag, one in tags.found if tag in controls}
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    for said in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"):
        assert said in policy
    assert answer.headers["cache-control"] == "no-store"
    assert "width=device-width" in page


@pytest.mark.rule("C-02")
def test_a_customer_asks_and_a_case_is_opened(shared):
    home = a_home(shared)
    answer = fill(shared, **of_home(home))
    assert answer.status == 200
    request = request_of(shared, answer.body)
    assert (request.state, request.email) == (HelpState.NEW, home.site.customer_email)
    told(shared)
    linked = request_of(shared, answer.body)
    assert (linked.state, linked.site_id) == (HelpState.LINKED, home.site.id)
    (case,) = shared.records.find(Case, by="site_id", value=home.site.id)
    assert (case.record.id, case.record.source) == (linked.case_id, "form")
    assert shared.records.find(WorkOrder, by="case_id", value=linked.case_id) == ()


def headers_of(answer):
    """Give the headers but for the request's own number."""
    return {name: one for name, one in answer.headers.items() if name != "apigw-requestid"}


def test_the_answer_is_the_same_for_a_home_that_nobody_knows(shared):
    home = a_home(shared)
    known = fill(shared, **of_home(home))
    unknown = fill(shared, email="nobody@home.example", address="9 Nowhere Road")
    assert (known.status, headers_of(known)) == (unknown.status, headers_of(unknown))
    blank = re.compile(rb"HR-[0-9A-Z]{10}")
    assert blank.sub(b"", known.body) == blank.sub(b"", unknown.body)
    told(shared)
    assert request_of(shared, unknown.body).state is HelpState.UNMATCHED
    again = fill(shared, **of_home(home))
    assert again.body == known.body


def test_the_same_words_twice_a_day_are_one_request(shared):
    home = a_home(shared)
    first, second = (fill(shared, **of_home(home)) for _ in range(2))
    assert first.body == second.body
    told(shared)
    (case,) = shared.records.find(Case, by="site_id", value=home.site.id)
    assert len(case.record.reports) == 1


@pytest.mark.rule("E-31")
def test_an_emergency_says_whom_to_call_and_sends_somebody(shared):
    home = a_home(shared)
    quiet = fill(shared, **of_home(home, says="half of it"))
    assert b"call 911" not in quiet.body
    answer = fill(shared, **of_home(home, trouble="thermal_event", says="it smokes"))
    assert b"call 911" in answer.body
    told(shared)
    case = shared.records.load(Case, request_of(shared, answer.body).case_id).record
    assert case.is_emergency
    (order,) = shared.records.find(WorkOrder, by="case_id", value=case.id)
    assert order.record.spc_id == "spc_queue"


def test_a_battery_is_one_only_while_the_power_is_out(shared):
    home = a_home(shared)
    up = fill(shared, **of_home(home, trouble="battery"))
    out = fill(shared, **of_home(home, trouble="battery", grid_out="yes"))
    assert (b"call 911" in up.body, b"call 911" in out.body) == (False, True)


def test_what_a_program_fills_in_is_thanked_for_and_kept_nowhere(shared):
    home = a_home(shared)
    trapped = fill(shared, **of_home(home, website="http://buy.example"))
    assert trapped.status == 200
    assert request_of(shared, trapped.body) is None


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, ["name"]),
        ({"name": "  \n"}, ["name"]),
        ({"email": "nobody"}, ["email"]),
        ({"email": "a@b"}, ["email"]),
        ({"email": "a@b.example, c@d.example"}, ["email"]),
        ({"email": "a@b.example\r\nBcc: all@d.example"}, ["email"]),
        ({"trouble": "anything"}, ["trouble"]),
        ({"says": "x" * 4001}, ["says"]),
        ({"phone": "1" * 41}, ["phone"]),
        ({"name": "", "says": "", "address": ""}, ["address", "name", "says"]),
    ],
)
def test_all_that_is_wrong_is_said_at_once_beside_its_field(shared, fields, wrong):
    answer = fill(shared, **{"email": "a@b.example", "address": "1 Elm Street", **fields})
    assert answer.status == 422
    tags = Tags(answer.body.decode())
    marked = sorted(one["name"] for _, one in tags.found if one.get("aria-invalid") == "true")
    assert marked == wrong
    ids = {one.get("id") for _, one in tags.found}
    for name in wrong:
        assert f"{name}-wrong" in tags.named(name)["aria-describedby"].split()
        assert f"{name}-wrong" in ids
    assert b"HR-" not in answer.body


def test_what_was_written_stands_in_the_form_again_and_cannot_break_out_of_it(shared):
    nasty = "\"><script>alert('x')</script>"
    answer = fill(shared, name=nasty, says=f"</textarea>{nasty}", address=nasty, grid_out="yes")
    page = answer.body.decode()
    assert answer.status == 422
    tags = Tags(page)
    assert tags.open == []
    assert "script" not in {tag for tag, _ in tags.found}
    assert tags.named("name")["value"] == nasty
    assert "checked" in tags.named("grid_out")
    assert any("selected" in one for tag, one in tags.found if one.get("value") == "no_production")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"name=" + b"x" * 40_000, "application/x-www-form-urlencoded", id="too long"),
        pytest.param(b"a=1&" * 30, "application/x-www-form-urlencoded", id="too many fields"),
        pytest.param(b"name=\xff\xfe", "application/x-www-form-urlencoded", id="no text"),
        pytest.param(b"name=%ff", "application/x-www-form-urlencoded", id="no text, escaped"),
        pytest.param(b'{"name": "x"}', "application/json", id="another type"),
    ],
)
def test_what_no_browser_sends_is_refused(shared, body, content_type):
    answer = send(shared, "POST", body, content_type)
    assert answer.status == 400
    assert b"We could not read that" in answer.body
    assert Tags(answer.body.decode()).open == []


def test_an_empty_form_asks_for_everything(shared):
    answer = send(shared, "POST", b"")
    assert answer.status == 422


def test_other_methods_are_refused(shared):
    answer = send(shared, "DELETE")
    assert (answer.status, answer.headers["allow"]) == (405, "GET")


def test_a_body_that_is_no_base64_is_an_empty_form(shared):
    event = {
        "requestContext": {"http": {"method": "POST"}},
        "headers": {"content-type": "application/x-www-form-urlencoded"},
        "isBase64Encoded": True,
        "body": "ä",
    }
    assert shared.invoke("HelpFunction", event)["statusCode"] == 422
    event["body"] = base64.b64encode(urlencode({**FIELDS, "name": "x"}).encode()).decode()
    assert shared.invoke("HelpFunction", event)["statusCode"] == 422


def test_only_the_form_is_public_and_only_at_its_own_path(shared):
    assert send(shared).status == 200
    other = Request("GET", "/help/more", "", {"host": "127.0.0.1:8787"}, b"")
    assert shared.door.answer(other).status == 404
    assert shared.call("GET", "/ops/cases?state=open").status == 401
