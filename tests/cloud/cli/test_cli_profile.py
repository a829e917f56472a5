"""A stack on AWS: profiles, tokens, and a door that is reached over the network."""

import json
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.cli import main
from cloud.cli.profile import Profile, read_profile
from cloud.kernel.errors import BadInput
from cloud.local.authority import Authority


class StandingClock:
    def now(self):
        return datetime(2026, 6, 10, tzinfo=UTC)


WORK = {
    "kind": "decide_proposal", "about": "proposal", "id": "PRO-1", "title": "Agree or reject",
    "since": "2026-06-09T12:00:00Z", "due_at": None, "rule": "D09", "roles": ["accounting_admin"],
    "waits_for": "", "is_own": False, "is_emergency": False, "partner_id": "", "amount": None,
    "is_late": False,
}  # fmt: skip


class Answering(BaseHTTPRequestHandler):
    """The operations API with one thing that waits; cases are not for who asks."""

    def do_GET(self):
        if self.headers["authorization"] != "Bearer right":
            self.answer(401, {"message": "Unauthorized"})
        elif self.path == "/ops/work":
            self.answer(200, {"items": [WORK]})
        elif self.path.startswith("/ops/cases"):
            self.answer(403, {"detail": "this is for spc"})
        elif "signed_off" in self.path:
            self.answer(500, {"detail": "it is down"})
        elif self.path.startswith("/ops/trace/"):
            self.answer(404, {"detail": "nobody knows line 1 here"})
        else:
            self.answer(200, {"items": []})

    def answer(self, code, body):
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *words):
        pass


@contextmanager
def served(context=None):
    server = HTTPServer(("127.0.0.1", 0), Answering)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def profiles(tmp_path, monkeypatch):
    """Write the file of profiles."""
    path = tmp_path / "profiles.toml"
    monkeypatch.setenv("SUNREEVE_PROFILES", str(path))
    monkeypatch.delenv("SUNREEVE_TOKEN", raising=False)
    (tmp_path / "token").write_text("right\n")

    def write(**said):
        given = {"token_file": str(tmp_path / "token"), **said}
        lines = [f"{name} = {json.dumps(value)}" for name, value in given.items() if value]
        path.write_text("[prod]\n" + "\n".join(lines) + "\n[test]\n")

    return write


def test_a_list_is_asked_for_over_the_network(profiles, capsys):
    with served() as port:
        profiles(address=f"http://127.0.0.1:{port}")
        assert main(["queue", "--profile", "prod", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == [WORK]
        assert main(["approvals", "--profile", "prod"]) == 0
        assert main(["case", "--profile", "prod"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[1].startswith("decide proposal  PRO-1  since 2026-06-09 12:00Z")
    assert err == "sunreeve case: this is for spc\n"


def test_a_token_of_the_environment_goes_before_the_files(profiles, capsys, monkeypatch):
    with served() as port:
        profiles(address=f"http://127.0.0.1:{port}", token_file=None)
        assert main(["holds", "--profile", "prod"]) == 1
        assert "has no token: sign in" in capsys.readouterr().err
        monkeypatch.setenv("SUNREEVE_TOKEN", "right")
        assert main(["holds", "--profile", "prod"]) == 0
        monkeypatch.setenv("SUNREEVE_TOKEN", "stale")
        assert main(["holds", "--profile", "prod"]) == 1
        err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "Unauthorized: the stack of profile prod takes no such token; sign in again" in err


def test_a_no_is_1_and_a_failure_is_3(profiles, capsys):
    with served() as port:
        profiles(address=f"http://127.0.0.1:{port}")
        assert main(["trace", "1", "--profile", "prod"]) == 1
        assert capsys.readouterr().err == "sunreeve trace: nobody knows line 1 here\n"
        assert main(["mails", "--state", "signed_off", "--profile", "prod"]) == 3
    assert "500 it is down; it may have ended" in capsys.readouterr().err
    assert main(["queue", "--profile", "prod"]) == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "asking the stack of profile prod: " in err


def test_a_certificate_is_believed_only_where_it_is_named(profiles, capsys, tmp_path):
    authority = Authority(tmp_path / "ca", clock=StandingClock())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server_certificate())
    with served(context) as port:
        profiles(address=f"https://127.0.0.1:{port}")
        assert main(["holds", "--profile", "prod"]) == 3
        assert "certificate" in capsys.readouterr().err.lower()
        profiles(address=f"https://127.0.0.1:{port}", authority_file=str(authority.ca_path))
        assert main(["holds", "--profile", "prod"]) == 0
        profiles(address=f"https://127.0.0.1:{port}", authority_file=str(tmp_path / "token"))
        assert main(["holds", "--profile", "prod"]) == 1
        assert "name a PEM file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "because"),
    [
        ({"address": "http://api.owner.example"}, "is no address"),
        ({"address": "ftp://127.0.0.1"}, "is no address"),
        ({"address": "api.owner.example"}, "is no address"),
        ({"address": "https://[::1"}, "is no address"),
        ({"address": "https://x:y"}, "is no address"),
        ({}, "is no address"),
        ({"address": "https://x.example", "colour": "red"}, "not colour"),
        ({"address": ["https://x.example"]}, "as text"),
    ],
    ids=["in the clear", "another protocol", "no protocol", "half a host", "no port", "none",
         "unknown", "no text"],
)  # fmt: skip
def test_a_profile_that_is_none_is_wrong_use(profiles, capsys, said, because):
    profiles(**said)
    with pytest.raises(SystemExit) as ended:
        main(["queue", "--profile", "prod"])
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert because in err


def test_a_profile_that_nobody_wrote_down_is_named(profiles, tmp_path):
    with pytest.raises(BadInput, match="there is no file"):
        read_profile("prod")
    profiles(address="https://x.example")
    with pytest.raises(BadInput, match="has no profile 'none', only prod, test"):
        read_profile("none")
    (tmp_path / "profiles.toml").write_text("not = = toml")
    with pytest.raises(BadInput, match="reading the profiles"):
        read_profile("prod")
    (tmp_path / "profiles.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="reading the profiles"):
        read_profile("prod")


def test_the_file_lies_where_settings_lie(monkeypatch, tmp_path):
    monkeypatch.delenv("SUNREEVE_PROFILES", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "sunreeve").mkdir()
    (tmp_path / "sunreeve/profiles.toml").write_text('[a]\naddress = "https://x.example"\n')
    assert read_profile("a") == Profile("a", "https://x.example")


@pytest.mark.parametrize("left", [None, b"", b"\xff", b"two words", b"a\nb"])
def test_a_token_that_is_none_is_told(monkeypatch, tmp_path, left):
    monkeypatch.delenv("SUNREEVE_TOKEN", raising=False)
    path = tmp_path / "token"
    if left is not None:
        path.write_bytes(left)
    with pytest.raises(BadInput, match="sign in"):
        Profile("a", "https://x.example", token_file=path).token()


@given(st.one_of(st.text(max_size=40), st.text(max_size=20).map("https://{}".format)))
def test_no_address_breaks_the_reading(text):
    try:
        made = Profile("a", text)
    except BadInput:
        return
    assert made.address.lower().lstrip().startswith("http")
