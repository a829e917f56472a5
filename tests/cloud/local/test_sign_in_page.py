"""Signing in on this machine, by real requests: the page, the code, the token."""

import re
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from cloud.adapters.sign_in import SignIn, challenge
from cloud.adapters.tokens import Tokens
from cloud.kernel.errors import Unavailable
from cloud.local.clock import SimulatedClock
from cloud.local.issuer import Issuer
from cloud.local.people import Person
from cloud.local.web import Request

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
PEOPLE = (
    Person("sam.spc", "Sam Carver", roles=frozenset({"spc"})),
    Person("ines.alder", 'Ines "I" Alder', partner_id="P-ALDER"),
)
VERIFIER = "a-verifier-that-is-long-enough-for-the-standard-0123456789"


class Served:
    """An issuer behind a real port."""

    def __init__(self, folder, clock):
        served = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Request(self.command, parts.path, parts.query, headers, body)
                found = served.issuer.answer(asked)
                self.send_response(found.status)
                self.send_header("content-length", str(len(found.body)))
                self.end_headers()
                self.wfile.write(found.body)

            do_GET = do_POST = _answer  # noqa: N815 - the names of the base class

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        self.issuer = Issuer(
            folder,
            pools={"Pool": f"{self.base}/Pool"},
            scopes=("sunreeve/partner",),
            clock=clock,
            people=PEOPLE,
            address=self.base,
        )
        self.back_to = f"{self.base}/portal/signed_in"
        tokens = Tokens(f"{self.base}/Pool", clock)
        self.sign_in = SignIn(self.base, "PagesClient", lambda: tokens)
        self.thread = Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def code(self, username="sam.spc", **differs):
        """Choose a person on the page, and give the code that the browser is sent back with."""
        page = urlsplit(self.sign_in.page(state="s1", verifier=VERIFIER, back_to=self.back_to))
        query = {name: values[0] for name, values in parse_qs(page.query).items()} | differs
        body = urlencode({"username": username}).encode()
        found = self.issuer.answer(Request("POST", page.path, urlencode(query), {}, body))
        if found.status != 302:
            return found.status
        back = parse_qs(urlsplit(found.headers["location"]).query)
        assert back["state"] == [query.get("state", "")]
        return back["code"][0]


@pytest.fixture
def clock(tmp_path):
    made = SimulatedClock(tmp_path / "clock.sqlite", starts_at=START)
    yield made
    made.close()


@pytest.fixture
def served(tmp_path, clock):
    made = Served(tmp_path / "secrets", clock)
    yield made
    made.close()


def test_the_page_lists_who_there_is_and_shows_them_as_text(served):
    page = urlsplit(served.sign_in.page(state="s", verifier=VERIFIER, back_to=served.back_to))
    found = served.issuer.answer(Request("GET", page.path, page.query, {}, b""))
    text = found.body.decode()
    assert re.findall(r'value="([^"]+)"', text) == ["ines.alder", "sam.spc"]
    assert "Ines &quot;I&quot; Alder" in text


def test_a_code_is_good_for_the_person_that_was_chosen_with_the_persons_groups(served):
    claims = served.sign_in.person(code=served.code(), verifier=VERIFIER, back_to=served.back_to)
    assert claims is not None
    assert (claims["username"], claims["groups"]) == ("sam.spc", "spc")


@pytest.mark.parametrize(
    ("differs", "later"),
    [
        pytest.param({"verifier": "another"}, timedelta(0), id="another proof"),
        pytest.param({"back_to": "http://127.0.0.1:1/x"}, timedelta(0), id="another address"),
        pytest.param({"code": "made-up"}, timedelta(0), id="a code that was never given"),
        pytest.param({}, timedelta(minutes=5), id="five minutes later"),
    ],
)
def test_a_code_is_good_for_nothing_else(served, clock, differs, later):
    asked = {"code": served.code(), "verifier": VERIFIER, "back_to": served.back_to} | differs
    clock.move_to(clock.now() + later)
    assert served.sign_in.person(**asked) is None


def test_a_code_is_good_once(served):
    asked = {"code": served.code(), "verifier": VERIFIER, "back_to": served.back_to}
    assert served.sign_in.person(**asked) is not None
    assert served.sign_in.person(**asked) is None


@pytest.mark.parametrize(
    "differs",
    [
        pytest.param({"redirect_uri": "https://evil.example/portal"}, id="another site"),
        pytest.param({"redirect_uri": "http://127.0.0.1:1/portal"}, id="another port"),
        pytest.param({"redirect_uri": "http://127.0.0.1:x/portal"}, id="no port at all"),
        pytest.param({"code_challenge": ""}, id="no proof key"),
        pytest.param({"code_challenge_method": "plain"}, id="a proof that is no proof"),
        pytest.param({"client_id": ""}, id="nobody's page"),
    ],
)
def test_a_way_that_is_not_ours_gets_no_code(served, differs):
    assert served.code(**differs) == 400


def test_somebody_whom_nobody_knows_gets_no_code(served):
    assert served.code("mallory") == 400


def test_leaving_goes_back_to_this_machine_only(served):
    def asked(to):
        query = urlsplit(served.sign_in.leaving(back_to=to)).query
        return served.issuer.answer(Request("GET", "/logout", query, {}, b""))

    there = f"{served.base}/portal/goodbye"
    assert (asked(there).status, asked(there).headers["location"]) == (302, there)
    assert asked("https://evil.example/").status == 400


def test_a_pool_that_is_not_reached_is_named(clock):
    nobody = SignIn("http://127.0.0.1:9", "PagesClient", lambda: None)
    with pytest.raises(Unavailable, match=r"signing in at http://127\.0\.0\.1:9"):
        nobody.person(code="c", verifier=VERIFIER, back_to="x")


def test_what_is_shown_of_a_proof_key_has_no_padding():
    assert "=" not in challenge(VERIFIER)
