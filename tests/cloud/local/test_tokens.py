"""Access tokens, the whole way: asked for at the endpoint, checked against the published keys."""

import base64
import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloud.adapters.tokens import LEEWAY, Tokens
from cloud.kernel.errors import Unavailable
from cloud.local.clock import SimulatedClock
from cloud.local.issuer import LIFETIME, Issuer
from cloud.local.web import Request

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)


@pytest.fixture
def clock(tmp_path):
    made = SimulatedClock(tmp_path / "clock.sqlite", starts_at=START)
    yield made
    made.close()


SCOPES = ("sunreeve/partner", "sunreeve/work_order:read", "sunreeve/test")


class Served:
    """An issuer behind a real port, which counts who asks for its keys."""

    def __init__(self, folder, clock):
        self.asked = 0
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                served.asked += 1
                found = served.issuer.answer(Request("GET", self.path, "", {}, b""))
                self.send_response(found.status)
                self.end_headers()
                self.wfile.write(found.body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/Pool"
        self.issuer = Issuer(folder, pools={"Pool": self.url}, scopes=SCOPES, clock=clock)
        self.thread = Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def served(tmp_path, clock):
    made = Served(tmp_path / "secrets", clock)
    yield made
    made.close()


@pytest.fixture
def tokens(served, clock):
    return Tokens(served.url, clock)


def test_a_programs_token_names_its_client_and_its_scope(served, tokens):
    assert tokens.caller(f"Bearer {served.issuer.client_token('client-1')}") == {
        "sub": "client-1",
        "client_id": "client-1",
        "scope": "sunreeve/partner",
        "groups": "",
    }


def test_a_persons_token_names_the_person_and_the_groups(served, tokens):
    caller = tokens.caller(f"bearer {served.issuer.person_token('sam', 'spc', 'auditor')}")
    assert (caller["username"], caller["groups"]) == ("sam", "spc auditor")


def test_a_token_has_the_shape_of_cognitos(served):
    claims = jwt.decode(served.issuer.client_token("client-1"), options={"verify_signature": False})
    assert "aud" not in claims
    assert (claims["token_use"], claims["version"], claims["iss"]) == ("access", 2, served.url)


def test_the_keys_are_asked_for_once(served, tokens):
    for number in range(3):
        assert tokens.caller(f"Bearer {served.issuer.client_token(f'c{number}')}")
    assert served.asked == 1


@pytest.mark.parametrize(
    ("later", "is_good"),
    [(LIFETIME - timedelta(seconds=1), True), (LIFETIME, False), (timedelta(days=160), False)],
    ids=["a second before it ends", "when it ends", "after a jump"],
)
def test_a_token_ends_by_the_simulated_clock(served, tokens, clock, later, is_good):
    token = served.issuer.client_token("client-1")
    clock.move_to(START + later)
    assert (tokens.caller(f"Bearer {token}") is not None) is is_good


def forged(served, kind):
    now = int(START.timestamp())
    good = {
        "iss": served.url, "sub": "c", "client_id": "c", "scope": "sunreeve/partner",
        "token_use": "access", "iat": now, "exp": now + 3600,
    }  # fmt: skip
    kid = served.issuer.jwks()["keys"][0]["kid"]
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    own = served.issuer._key

    def signed(key=own, **changes):
        body = {name: value for name, value in (good | changes).items() if value is not None}
        return jwt.encode(body, key, algorithm="RS256", headers={"kid": kid})

    modulus = served.issuer.jwks()["keys"][0]["n"]
    return {
        "as it should be": signed(),
        "another key": signed(other),
        "a key nobody published": jwt.encode(good, other, "RS256", headers={"kid": "other"}),
        "no key named": jwt.encode(good, own, "RS256"),
        "no algorithm": jwt.encode(good, None, algorithm="none", headers={"kid": kid}),
        "the public key as a secret": jwt.encode(good, modulus, "HS256", headers={"kid": kid}),
        "another issuer": signed(iss=served.url + "2"),
        "a token for signing in": signed(token_use="id"),
        "no end": signed(exp=None),
        "no use": signed(token_use=None),
        "an end that is text": signed(exp=str(now + 3600)),
        "an end that is true": signed(exp=True),
        "an end beyond all years": signed(exp=10**18),
        "from the future": signed(iat=now + int(LEEWAY.total_seconds()) + 1),
        "torn off": signed()[:-20],
        "empty": "",
        "signs of no alphabet": "é\n.\x00.ÿ",
        "no dots": "x" * 5000,
    }[kind]


FORGED = (
    "another key", "a key nobody published", "no key named", "no algorithm",
    "the public key as a secret", "another issuer", "a token for signing in", "no end", "no use",
    "an end that is text", "an end that is true", "an end beyond all years", "from the future",
    "torn off", "empty", "signs of no alphabet", "no dots",
)  # fmt: skip


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_token_names_nobody(served, tokens, kind):
    assert tokens.caller(f"Bearer {forged(served, kind)}") is None


def test_the_forger_can_also_make_a_good_one(served, tokens):
    assert tokens.caller(f"Bearer {forged(served, 'as it should be')}")["sub"] == "c"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "token"])
def test_a_header_without_a_bearer_token_names_nobody(tokens, header):
    assert tokens.caller(header) is None


def test_keys_that_cannot_be_fetched_are_unavailable(served, clock):
    token = served.issuer.client_token("c")
    served.close()
    with pytest.raises(Unavailable, match="fetching the keys"):
        Tokens(served.url, clock).caller(f"Bearer {token}")


def test_the_key_outlives_a_restart_and_nobody_else_may_read_it(served, tokens, clock, tmp_path):
    token = served.issuer.client_token("c")
    again = Issuer(tmp_path / "secrets", pools={"Pool": served.url}, scopes=SCOPES, clock=clock)
    assert again.jwks() == served.issuer.jwks()
    served.issuer = again
    assert tokens.caller(f"Bearer {token}")
    again.client_secret("c")
    for kept in (tmp_path / "secrets").iterdir():
        assert kept.stat().st_mode & 0o077 == 0, kept


# ---------------------------------------------------------------------- the token endpoint
def ask(issuer, form, *, user=None, method="POST"):
    headers = {}
    if user is not None:
        headers["authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
    return issuer.answer(Request(method, "/oauth2/token", "", headers, form.encode()))


def test_a_program_gets_a_token_for_its_secret(served, tokens):
    secret = served.issuer.client_secret("client-1")
    answer = ask(served.issuer, "grant_type=client_credentials", user=f"client-1:{secret}")
    body = json.loads(answer.body)
    assert (answer.status, body["token_type"], body["expires_in"]) == (200, "Bearer", 3600)
    assert tokens.caller(f"Bearer {body['access_token']}")["client_id"] == "client-1"


@pytest.mark.parametrize(
    ("form", "user", "status", "error"),
    [
        ("grant_type=client_credentials", "client-1:wrong", 401, "invalid_client"),
        ("grant_type=client_credentials", "nobody:x", 401, "invalid_client"),
        ("grant_type=client_credentials", "client-1", 401, "invalid_client"),
        ("grant_type=client_credentials", None, 401, "invalid_client"),
        ("grant_type=password", "client-1:SECRET", 400, "unsupported_grant_type"),
        ("", "client-1:SECRET", 400, "unsupported_grant_type"),
        ("grant_type=client_credentials&scope=sunreeve/operations", "client-1:SECRET", 400,
         "invalid_scope"),
        ("grant_type=client_credentials&scope=sunreeve/partner+sunreeve/all", "client-1:SECRET",
         400, "invalid_scope"),
        ("grant_type=client_credentials&scope=+", "client-1:SECRET", 400, "invalid_scope"),
    ],
)  # fmt: skip
def test_what_the_token_endpoint_refuses(served, form, user, status, error):
    secret = served.issuer.client_secret("client-1")
    answer = ask(served.issuer, form, user=user and user.replace("SECRET", secret))
    assert (answer.status, json.loads(answer.body)["error"]) == (status, error)


def test_the_endpoint_is_for_posts_and_other_paths_are_nothing_of_ours(served):
    assert ask(served.issuer, "", method="GET").status == 405
    assert served.issuer.answer(Request("GET", "/Other/.well-known/jwks.json", "", {}, b"")) is None
    described = json.loads(
        served.issuer.answer(
            Request("GET", "/Pool/.well-known/openid-configuration", "", {}, b"")
        ).body
    )
    assert described["jwks_uri"] == f"{served.url}/.well-known/jwks.json"
