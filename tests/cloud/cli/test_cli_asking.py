"""Commands ask a running stack in one way, wait with one patience, and tell its own reason."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from cloud.cli.asking import LocalDoor, OperationsApi, Refusal, wait_until
from cloud.cli.local import LOOK_AGAIN_S
from cloud.kernel.errors import Unavailable


@pytest.mark.parametrize(
    ("patience_s", "done_at", "seen"),
    [
        pytest.param(9.0, 0, 0, id="done already, so nobody looks"),
        pytest.param(0.0, 1, 0, id="no patience at all"),
        pytest.param(LOOK_AGAIN_S, 1, 1, id="done at the first look"),
        pytest.param(LOOK_AGAIN_S, 9, 1, id="patience for one look"),
        pytest.param(1.5 * LOOK_AGAIN_S, 9, 2, id="patience that ends between two looks"),
        pytest.param(9.0, 2, 2, id="no look more than it takes"),
    ],
)
def test_waiting_ends_when_it_is_done_or_patience_is_over(patience_s, done_at, seen):
    looks = iter(range(1, 99))
    found = wait_until(
        lambda: next(looks), lambda at: at >= done_at, begun=0, patience_s=patience_s
    )
    assert found == seen


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"detail": "run X is not held"}, "run X is not held"),
        ({"message": "Forbidden"}, "Forbidden"),
        (
            {"detail": "x", "errors": [{"pointer": "/a", "message": "too long"}, {"message": "?"}]},
            "/a: too long",
        ),
        ({"other": 1}, "{'other': 1}"),
        (["no", "object"], '["no", "object"]'),
        ("plain", '"plain"'),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_api(answering, said, told):
    folder = answering(400, json.dumps(said))
    api = api_in(folder)
    for asked in (api.ask, api.ask_text):
        with pytest.raises(Refusal) as refused:
            asked("ann", "GET", "/ops/x")
        assert str(refused.value) == told


def test_a_refusal_that_is_no_json_is_told_as_it_is(answering):
    folder = answering(403, "no way\nin")
    with pytest.raises(Refusal, match=r"^no way in$"):
        api_in(folder).ask("ann", "GET", "/ops/x")


@pytest.mark.parametrize("said", ["Bad Gateway", '{"detail": "it is down"}'])
def test_a_stack_that_fails_is_unreachable_and_refused_nothing(answering, said):
    with pytest.raises(Unavailable, match=r"502 .*ask again"):
        api_in(answering(502, said)).ask("ann", "GET", "/ops/x")


def test_an_answer_that_is_no_json_is_text_only(answering):
    folder = answering(200, "a,b\n1,2\n")
    assert api_in(folder).ask_text("ann", "GET", "/ops/reports/x") == "a,b\n1,2\n"
    with pytest.raises(Unavailable, match="it may have ended, ask again"):
        api_in(folder).ask("ann", "GET", "/ops/reports/x")


def test_an_answer_that_is_no_object_is_none(answering):
    with pytest.raises(Unavailable, match="it answered with no object"):
        api_in(answering(200, "[]")).ask("ann", "GET", "/ops/x")


def api_in(folder):
    return OperationsApi(LocalDoor(folder))


@pytest.fixture
def answering(tmp_path):
    """A door that gives tokens, and one answer to all else; the folder that leads to it."""
    doors = []

    def open_door(status, text):
        class Door(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("content-length") or 0))
                self.answer(200, json.dumps({"token": "t"}))

            def do_GET(self):
                if self.path.endswith("/state"):
                    self.answer(200, json.dumps({"pid": 7}))
                elif self.headers["authorization"] == "Bearer t":
                    self.answer(status, text)
                else:
                    self.answer(401, "{}")

            def answer(self, code, body):
                self.send_response(code)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *words):
                pass

        door = HTTPServer(("127.0.0.1", 0), Door)
        thread = Thread(target=door.serve_forever, args=(0.01,))
        thread.start()
        doors.append((door, thread))
        address = {"http": door.server_port, "pid": 7}
        (tmp_path / "address.json").write_text(json.dumps(address))
        return tmp_path

    yield open_door
    for door, thread in doors:
        door.shutdown()
        thread.join()
        door.server_close()
