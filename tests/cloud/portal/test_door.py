"""The door of the pages: who is let in, what a form must have, what every answer carries."""

import re
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.adapters.sign_in import challenge
from cloud.kernel.change import NEW, Change, Save
from cloud.kernel.errors import Conflict, Unavailable
from cloud.portal.asking import Ask, Form, Go, Page
from cloud.portal.routes import EVERYBODY, Map, Views
from cloud.portal.visitors import ROLES_KEPT, of_owner
from tests.cloud.portal.pages_world import World
from tests.cloud.portal.partners_world import a_partner


@pytest.fixture
def world() -> World:
    made = World()
    made.records.commit(Change(saves=(Save(a_partner("P-ALDER"), NEW),)))
    made.partner_person("ines", "P-ALDER", is_admin=True)
    made.partner_person("bo", "P-ALDER")
    made.owner_person("sam", "spc")
    return made


# ---- who is let in -------------------------------------------------------------------------
def test_a_stranger_is_sent_to_sign_in_and_comes_back_to_the_page_asked_for(world: World) -> None:
    jar: dict[str, str] = {}
    first = world.ask("GET", "/portal/work_orders?filter=late", jar)
    assert (first.status, first.to) == (
        302,
        "/portal/sign_in?to=%2Fportal%2Fwork_orders%3Ffilter%3Dlate",
    )
    away = world.ask("GET", first.to, jar)
    state = re.search(r"state=([^&]+)", away.to)
    assert state
    assert away.to.startswith("https://pool.example/authorize?")
    back = world.ask("GET", f"/portal/signed_in?code=ines&state={state[1]}", jar)
    assert back.to == "/portal/work_orders?filter=late"
    assert "__Host-portal-way" not in jar


@pytest.mark.parametrize(
    "to",
    [
        pytest.param("https://evil.example/", id="another site"),
        pytest.param("//evil.example/portal", id="another site without its scheme"),
        pytest.param("/console", id="the other door"),
        pytest.param("/portal/../console", id="dots"),
        pytest.param("/portal//evil.example", id="two slashes"),
        pytest.param("/portalevil", id="a longer name"),
        pytest.param("/portal\r\nset-cookie: a=b", id="a second header"),
        pytest.param("javascript:alert(1)", id="a script"),
    ],
)
def test_a_link_to_sign_in_leads_nobody_away(world: World, to: str) -> None:
    from urllib.parse import parse_qs, quote, urlsplit

    jar: dict[str, str] = {}
    away = world.ask("GET", f"/portal/sign_in?to={quote(to)}", jar)
    state = parse_qs(urlsplit(away.to).query)["state"][0]
    back = world.ask("GET", f"/portal/signed_in?code=ines&state={state}", jar)
    assert back.to == "/portal"


@pytest.mark.parametrize(
    ("code", "state", "says"),
    [
        pytest.param("ines", "another", "left open for too long", id="another state"),
        pytest.param("", None, "left open for too long", id="no code"),
        pytest.param("wrong", None, "did not confirm it", id="a code that the pool does not know"),
        pytest.param("nobody", None, "not as somebody who has business", id="nobody we know"),
    ],
)
def test_a_way_back_from_the_pool_that_is_not_good_opens_nothing(
    world: World, code: str, state: str | None, says: str
) -> None:
    jar: dict[str, str] = {}
    away = world.ask("GET", "/portal/sign_in", jar)
    given = state or re.search(r"state=([^&]+)", away.to)[1]  # type: ignore[index]
    back = world.ask("GET", f"/portal/signed_in?code={code}&state={given}", jar)
    assert back.status in {400, 403}
    assert says in back.plain
    assert "__Host-portal" not in jar


def test_a_session_ends_after_a_working_day(world: World) -> None:
    assert world.page("ines", "/portal").status == 200
    world.clock.at += timedelta(hours=8)
    assert world.page("ines", "/portal").status == 302


def test_who_was_let_go_is_out_at_once(world: World) -> None:
    from dataclasses import replace

    from cloud.portfolio.papers import PartnerPerson

    assert world.page("bo", "/portal").status == 200
    stored = world.records.load(PartnerPerson, "bo")
    assert stored is not None
    gone = stored.replaced_by(replace(stored.record, is_active=False))
    world.records.commit(Change(saves=(gone,)))
    assert world.page("bo", "/portal").status == 302


def test_the_people_of_a_partner_that_is_not_active_are_nobody(world: World) -> None:
    from dataclasses import replace

    from cloud.portfolio.models import Partner

    assert world.page("bo", "/portal").status == 200
    stored = world.records.load(Partner, "P-ALDER")
    assert stored is not None
    stopped = stored.replaced_by(replace(stored.record, active=False))
    world.records.commit(Change(saves=(stopped,)))
    assert world.page("bo", "/portal").status == 302


def test_signing_out_ends_the_session_and_the_pools_too(world: World) -> None:
    jar = world.signed_in("ines", "/portal")
    kept = dict(jar)
    out = world.send("ines", "/portal/sign_out")
    assert out.to.startswith("https://pool.example/logout?")
    assert "__Host-portal" not in jar
    assert world.ask("GET", "/portal", kept).status == 302


def test_a_session_of_one_door_is_nothing_at_the_other(world: World) -> None:
    jar = dict(world.signed_in("ines", "/portal"))
    jar["__Host-console"] = jar["__Host-portal"]
    assert world.ask("GET", "/console", jar).status == 302


# ---- forms ---------------------------------------------------------------------------------
def _forms_door(world: World) -> list[str]:
    """Put a view that only notes what it was sent beside those of the portal."""
    views, done = Views(), []

    @views.post("/portal/noted", EVERYBODY)
    def noted(ask: Ask) -> Go:
        done.append(ask.form["word"])
        return Go("/portal", said="It is <noted>.")

    @views.get("/portal/for_admins", "accounting_admin")
    def for_admins(_ask: Ask) -> Page:
        return Page("problem.html", "For admins", {"because": "seen", "status": 200})

    door = world.doors["/portal"]
    door._views = Map([*_parts(door._views), views])
    return done


def _parts(views: Map) -> list[Views]:
    kept = Views()
    kept.routes = list(views.routes)
    return [kept]


def test_a_form_of_ours_is_done_once_and_said_once(world: World) -> None:
    done = _forms_door(world)
    sent = world.send("bo", "/portal/noted", word="sun")
    assert (sent.status, done) == (303, ["sun"])
    assert "It is &lt;noted&gt;." in world.after("bo", sent).text
    assert "noted" not in world.page("bo", "/portal").plain


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        pytest.param({}, "", id="without a token"),
        pytest.param({}, "chance-1.0000", id="with another token"),
        pytest.param({}, "abc.\u00e9", id="with a token of other letters"),
        pytest.param({"sec-fetch-site": "cross-site"}, None, id="from another site"),
        pytest.param({"sec-fetch-site": "same-site"}, None, id="from a neighbour's name"),
        pytest.param({"origin": "https://evil.example"}, None, id="from another origin"),
    ],
)
def test_a_form_of_somebody_elses_does_nothing(
    world: World, headers: dict[str, str], token: str | None
) -> None:
    from urllib.parse import urlencode

    done = _forms_door(world)
    jar = world.signed_in("bo", "/portal")
    given = world.token("bo", "/portal/noted") if token is None else token
    body = urlencode({"form_token": given, "word": "sun"}).encode()
    sent = world.ask("POST", "/portal/noted", jar, body, headers=headers)
    assert (sent.status, done) == (400, [])


def test_a_token_of_another_person_does_nothing(world: World) -> None:
    from urllib.parse import urlencode

    done = _forms_door(world)
    jar = world.signed_in("bo", "/portal")
    body = urlencode({"form_token": world.token("ines", "/portal/noted"), "word": "x"}).encode()
    assert world.ask("POST", "/portal/noted", jar, body).status == 400
    assert done == []


def test_every_form_token_is_another_and_all_hold(world: World) -> None:
    done = _forms_door(world)
    tokens = {world.token("bo", "/portal/noted") for _ in range(5)}
    assert len(tokens) == 5
    world.send("bo", "/portal/noted", word="a")
    world.send("bo", "/portal/noted", word="b")
    assert done == ["a", "b"]


def test_a_form_after_the_session_is_not_done_and_says_so(world: World) -> None:
    done = _forms_door(world)
    sent = world.ask("POST", "/portal/noted", {}, b"word=sun")
    assert (sent.status, done) == (401, [])
    assert "nothing was done" in sent.plain


def test_a_page_for_a_role_says_which(world: World) -> None:
    _forms_door(world)
    assert world.page("ines", "/portal/for_admins").status == 200
    refused = world.page("bo", "/portal/for_admins")
    assert refused.status == 403
    assert "role accounting admin" in refused.plain


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/portal/nowhere", 404, id="no such page"),
        pytest.param("GET", "/portal/noted", 405, id="a deed that is asked for as a page"),
        pytest.param("DELETE", "/portal", 405, id="a method of no page"),
        pytest.param("POST", "/portal", 405, id="a page that is sent a form"),
    ],
)
def test_what_is_no_page_is_told_so(world: World, method: str, path: str, status: int) -> None:
    _forms_door(world)
    jar = world.signed_in("bo", "/portal")
    assert world.ask(method, path, jar).status == status


# ---- what every answer carries --------------------------------------------------------------
def test_every_page_carries_what_keeps_browsers_in_order(world: World) -> None:
    seen = world.page("ines", "/portal")
    policy = seen.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"unsafe|[*]", policy)
    assert seen.headers["cache-control"] == "no-store"
    assert seen.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"\sstyle=|\son\w+=|<script(?! src)", seen.text)


def test_signing_out_may_lead_to_the_pool_which_is_another_origin(world: World) -> None:
    policy = world.page("ines", "/portal").headers["content-security-policy"]
    actions = re.search(r"form-action ([^;]+);", policy)
    assert actions
    assert actions[1].split() == ["'self'", "https://pool.example"]


def test_who_meets_somebody_at_one_thing_looks_once_more(world: World) -> None:
    views, asked = Views(), []

    @views.post("/portal/met", EVERYBODY)
    def met(_ask: Ask) -> Go:
        asked.append(1)
        if len(asked) < 2:
            raise Conflict("somebody was faster")
        return Go("/portal", said="done")

    door = world.doors["/portal"]
    door._views = Map([*_parts(door._views), views])
    assert world.send("bo", "/portal/met").status == 303
    assert len(asked) == 2


def test_a_form_that_lambda_would_not_take_is_told_so(world: World) -> None:
    done = _forms_door(world)
    sent = world.send("bo", "/portal/noted", word="x" * 4_500_000)
    assert (sent.status, done) == (400, [])
    assert "longer than 4 MB" in sent.plain


def test_cookies_are_for_this_host_over_tls_and_no_script(world: World) -> None:
    away = world.ask("GET", "/portal/sign_in", {})
    assert away.cookies
    for cookie in away.cookies:
        assert cookie.startswith("__Host-")
        assert re.search("; Path=/; .*; Secure; HttpOnly; SameSite=Lax$", cookie)


def test_style_and_script_are_kept_for_ever_under_the_name_of_their_content(world: World) -> None:
    page = world.page("ines", "/portal")
    for found in re.findall(r'(?:href|src)="(/portal/[^"]+\.(?:css|js|svg))"', page.text):
        asset = world.ask("GET", found, {})
        assert asset.status == 200
        assert "immutable" in asset.headers["cache-control"]
        assert len(asset.content) > 100


def test_a_page_that_breaks_is_still_a_page_with_the_requests_number(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    views = Views()

    @views.get("/portal/broken", EVERYBODY)
    def broken(_ask: Ask) -> Page:
        raise RuntimeError("the table fell over")

    door = world.doors["/portal"]
    door._views = Map([*_parts(door._views), views])
    seen = world.page("bo", "/portal/broken")
    assert seen.status == 500
    assert "request-1" in seen.plain
    assert "fell over" not in seen.text


def test_a_view_that_names_no_role_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="names no role"):
        Views().get("/portal/open")


def test_two_views_of_one_path_cannot_be_made() -> None:
    one, other = Views(), Views()
    for views, path in ((one, "/portal/{a}"), (other, "/portal/{a}")):
        views.get(path, EVERYBODY)(lambda _ask: Go("/portal"))
    with pytest.raises(ValueError, match="two views answer"):
        Map([one, other])


def test_a_proof_key_is_shown_as_the_standard_says() -> None:
    # RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@given(body=st.binary(max_size=400), kind=st.sampled_from(["multipart", "plain", "urlencoded"]))
def test_whatever_is_sent_as_a_form_is_read_or_refused(body: bytes, kind: str) -> None:
    import base64

    from cloud.kernel.errors import BadInput
    from cloud.portal.reading import form_of

    types = {
        "multipart": "multipart/form-data; boundary=x",
        "plain": "text/plain",
        "urlencoded": "application/x-www-form-urlencoded",
    }
    event = {
        "headers": {"content-type": types[kind]},
        "isBase64Encoded": True,
        "body": base64.b64encode(body).decode(),
    }
    with suppress(BadInput):
        assert isinstance(form_of(event), Form)


@given(body=st.binary(max_size=200))
def test_cookies_and_queries_of_any_kind_only_lead_to_signing_in(body: bytes) -> None:
    world = World()
    told = body.decode("latin-1")
    jar = {"__Host-portal": told, "__Host-portal-way": told, "__Host-portal-said": told}
    assert world.ask("GET", "/portal", jar).status == 302
    assert world.ask("GET", "/portal/signed_in?code=a&state=b", dict(jar)).status == 400


# ---- roles that are taken away while somebody is signed in ----------------------------------
@pytest.mark.parametrize(
    ("after", "status"),
    [
        pytest.param(timedelta(0), 200, id="at once"),
        pytest.param(ROLES_KEPT - timedelta(seconds=1), 200, id="a second before it is looked up"),
        pytest.param(ROLES_KEPT, 302, id="when it is looked up again"),
        pytest.param(timedelta(hours=7), 302, id="before the session ends"),
    ],
)
def test_who_has_no_role_any_more_is_out_within_minutes(
    world: World, after: timedelta, status: int
) -> None:
    assert world.page("sam", "/console").status == 200
    world.people.groups["sam"] = ""
    world.clock.at += after
    assert world.page("sam", "/console").status == status


def test_a_role_that_is_exchanged_counts_within_minutes_both_ways(world: World) -> None:
    assert world.page("sam", "/console/work_orders").status == 200
    assert world.page("sam", "/console/audit").status == 403
    world.people.groups["sam"] = "auditor"
    world.clock.at += ROLES_KEPT
    assert world.page("sam", "/console/audit").status == 200
    world.people.groups["sam"] = "accounting"
    world.clock.at += ROLES_KEPT
    assert world.page("sam", "/console/work_orders").status == 403


def test_groups_of_a_token_that_the_pool_does_not_know_open_nothing(world: World) -> None:
    seen = of_owner(world.people, world.clock)({"username": "eve", "groups": "admin"})
    assert seen is None


def test_the_pool_is_asked_once_in_that_time_for_each_person(world: World) -> None:
    asked: list[str] = []

    class Pool:
        def roles_of(self, name: str) -> frozenset[str]:
            asked.append(name)
            return frozenset({"spc", "a_group_of_another_door"})

    found = of_owner(Pool(), world.clock)
    for _ in range(3):
        sam = found({"username": "sam"})
        assert sam is not None
        assert sam.roles == {"spc"}
        found({"username": "amy"})
    assert asked == ["sam", "amy"]
    world.clock.at -= timedelta(hours=1)  # a clock that was put back
    found({"username": "sam"})
    assert asked == ["sam", "amy", "sam"]


def test_while_the_pool_does_not_answer_nobody_goes_by_what_it_said_before(world: World) -> None:
    assert world.page("sam", "/console").status == 200

    def silent(_name: str) -> frozenset[str]:
        msg = "asking the user pool for sam: no answer"
        raise Unavailable(msg)

    world.people.roles_of = silent
    assert world.page("sam", "/console").status == 200
    world.clock.at += ROLES_KEPT
    seen = world.page("sam", "/console")
    assert seen.status == 503
    assert "Nothing was done" in seen.plain
    del world.people.roles_of
    assert world.page("sam", "/console").status == 200
