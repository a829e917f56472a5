"""The commands that talk to a running stack, over a real socket, as a shell would call them."""

import argparse
import io
import json
import os
import socket
import threading
from contextlib import contextmanager, redirect_stdout

import pytest

from cloud.cli import local, main
from cloud.kernel.errors import BadInput, Unavailable
from cloud.local.face.face import Face
from tests.cloud.local.face_stand import Controls, Stand, served


def tokens(name):
    if name != "client-alder":
        msg = f"nobody here is called {name}: client-alder is"
        raise BadInput(msg)
    return "a.b.c"


@pytest.fixture
def stand(tmp_path):
    made = Stand(tmp_path / "data")
    yield made
    made.close()


@contextmanager
def running(stand, folder, *, controls=None, pid=None):
    with served(Face(stand, controls, tokens)) as port:
        address = {"pid": os.getpid() if pid is None else pid, "http": port, "mqtt": 1, "smtp": 2}
        (folder / "address.json").write_text(json.dumps(address))
        yield port


@pytest.fixture
def stack(stand, tmp_path):
    with running(stand, tmp_path, controls=Controls(stand)):
        yield stand


def options(folder, **given):
    unset = dict.fromkeys(("jump", "to", "speed", "of_function", "level", "redrive", "name"))
    flags = dict.fromkeys(("json", "pause", "resume", "follow"), False)
    return argparse.Namespace(folder=folder, **{**unset, **flags, **given})


def test_the_clock_is_shown_in_both_zones(stack, tmp_path, capsys):
    assert local.clock(options(tmp_path)) == 0
    out = capsys.readouterr().out
    assert out.startswith("2026-07-01 03:30:00 UTC (Tue 23:30 EDT in New York)\n")
    assert "running, 60 simulated seconds" in out


def test_whether_a_stack_runs_is_told(stand, tmp_path):
    assert not local.is_running(tmp_path)
    with running(stand, tmp_path):
        assert local.is_running(tmp_path)
    assert not local.is_running(tmp_path)


def test_a_jump_is_waited_for(stack, tmp_path, capsys):
    assert local.clock(options(tmp_path, jump=2.0, json=True)) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["now"], seen["status"]) == ("2026-07-03T03:30:00Z", "running")


def test_a_jump_to_an_instant_with_its_zone(stack, tmp_path, capsys):
    assert local.clock(options(tmp_path, to="2026-07-02T00:00:00-04:00")) == 0
    assert capsys.readouterr().out.startswith("2026-07-02 04:00:00 UTC")


def test_pace_can_be_set(stack, tmp_path, capsys):
    assert local.clock(options(tmp_path, speed=3600.0, pause=True)) == 0
    assert "paused; it runs 3600 times" in capsys.readouterr().out
    assert local.clock(options(tmp_path, resume=True)) == 0
    assert "running, 3600 simulated" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"jump": -1.0}, "above 0"),
        ({"jump": float("nan")}, "above 0"),
        ({"jump": 1e9}, "jump in parts"),
        ({"to": "tomorrow"}, "not like"),
        ({"to": "2026-07-05T00:00:00"}, "zone"),
        ({"to": "2020-01-01T00:00:00Z"}, "not after"),
        ({"speed": 0.0}, "above 0"),
        ({"jump": 1.0, "to": "2026-07-05T00:00:00Z"}, "either"),
    ],
    ids=["back", "no number", "too far", "no instant", "no zone", "past", "no speed", "both"],
)
def test_what_the_clock_cannot_do_is_one_line(stack, tmp_path, given, says):
    with pytest.raises(BadInput, match=says) as refused:
        local.clock(options(tmp_path, **given))
    assert "\n" not in str(refused.value)


def test_a_clock_that_nobody_runs_says_so(stand, tmp_path, capsys):
    with running(stand, tmp_path):
        assert local.clock(options(tmp_path)) == 0
        assert "nobody runs it" in capsys.readouterr().out
        with pytest.raises(BadInput, match="nobody runs it"):
            local.clock(options(tmp_path, jump=1.0))


def commands():
    return [(local.clock, {}), (local.logs, {}), (local.queues, {}), (local.token, {"name": "x"})]


@pytest.mark.parametrize(("command", "given"), commands())
@pytest.mark.parametrize(
    "left",
    [None, "", "{}", "[]", '{"pid": 1, "http": "x"}', '{"pid": 1, "http": 99999}'],
    ids=["no file", "empty", "no port", "no object", "no number", "no such port"],
)
def test_no_stack_is_one_line(tmp_path, command, given, left):
    if left is not None:
        (tmp_path / "address.json").write_text(left)
    with pytest.raises(Unavailable, match="no stack runs in") as none:
        command(options(tmp_path, **given))
    assert "\n" not in str(none.value)


def test_a_stack_that_was_killed_is_no_stack(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    (tmp_path / "address.json").write_text(json.dumps({"pid": 1, "http": port}))
    with pytest.raises(Unavailable, match="no stack runs in"):
        local.clock(options(tmp_path))


def test_another_stack_on_the_port_of_one_that_was_killed_is_left_alone(stand, tmp_path):
    with (
        running(stand, tmp_path, controls=Controls(stand), pid=os.getpid() + 1),
        pytest.raises(Unavailable, match="no stack runs in"),
    ):
        local.clock(options(tmp_path, jump=1.0))
    assert stand.clock.now().day == 1


def test_something_else_on_the_port_is_no_stack(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak():
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        address = {"pid": os.getpid(), "http": server.getsockname()[1]}
        (tmp_path / "address.json").write_text(json.dumps(address))
        with pytest.raises(Unavailable, match="no stack runs in"):
            local.queues(options(tmp_path))
        thread.join()


def log_of(stand):
    lines = (
        {"at": "2026-07-01T03:00:00", "level": "INFO", "function": "A", "message": "one"},
        {"at": "2026-07-01T03:01:00", "level": "ERROR", "function": "B", "message": "\x1b[2Jtwo"},
    )
    stand.log("".join(json.dumps(line) + "\n" for line in lines))


def test_the_log_is_printed_and_steers_no_terminal(stack, tmp_path, capsys):
    log_of(stack)
    assert local.logs(options(tmp_path)) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.split() == ["2026-07-01T03:00:00", "INFO", "A", "one"]
    assert r"\x1b[2Jtwo" in second
    assert "\x1b" not in second


@pytest.mark.parametrize(
    ("given", "messages"),
    [({"level": "error"}, ["\x1b[2Jtwo"]), ({"of_function": "A"}, ["one"])],
    ids=["level", "function"],
)
def test_the_log_is_filtered(stack, tmp_path, capsys, given, messages):
    log_of(stack)
    assert local.logs(options(tmp_path, json=True, **given)) == 0
    printed = [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()]
    assert printed == messages


def test_the_log_is_asked_for_in_words(stack, tmp_path, capsys):
    log_of(stack)
    words = ["logs", "--folder", str(tmp_path)]
    assert main(words) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main([*words, "--function", "B"]) == 0
    assert [line.split()[2] for line in capsys.readouterr().out.splitlines()] == ["B"]


def test_a_level_that_is_none_is_refused(stack, tmp_path):
    with pytest.raises(BadInput, match="no such level"):
        local.logs(options(tmp_path, level="loud"))


class Heard(io.StringIO):
    """What was printed; tells when a word has been."""

    def __init__(self, word):
        super().__init__()
        self._word, self.heard = word, threading.Event()

    def write(self, text):
        written = super().write(text)
        if self._word in self.getvalue():
            self.heard.set()
        return written


def test_following_prints_each_line_once_and_ends_with_the_stack(stand, tmp_path):
    log_of(stand)
    out, ended = Heard("three"), []

    def follow():
        with redirect_stdout(out):
            try:
                local.logs(options(tmp_path, follow=True))
            except Unavailable as gone:
                ended.append(str(gone))

    with running(stand, tmp_path):
        thread = threading.Thread(target=follow)
        thread.start()
        stand.log('{"level": "INFO", "function": "A", "message": "thr')
        stand.log('ee"}\n')
        assert out.heard.wait(20)
    thread.join(20)
    assert not thread.is_alive()
    assert "no stack runs in" in ended[0]
    assert [out.getvalue().count(word) for word in ("one", "two", "three")] == [1, 1, 1]


def test_queues_are_a_table_without_the_dead_letter_queues(stack, tmp_path, capsys):
    stack.dead_letter("x")
    assert local.queues(options(tmp_path)) == 0
    rows = {row[0]: row[1:] for row in map(str.split, capsys.readouterr().out.splitlines())}
    assert rows["Work"] == ["0", "0", "0", "1", "WorkDead"]
    assert "WorkDead" not in rows


def test_dead_letters_are_sent_back(stack, tmp_path, capsys):
    stack.dead_letter("x")
    assert local.queues(options(tmp_path, redrive="Work")) == 0
    assert capsys.readouterr().out == "1 sent back from WorkDead\n"
    assert stack.queues.depth("Work").visible == 1
    assert stack.queues.depth("WorkDead").visible == 0
    assert local.queues(options(tmp_path, redrive="WorkDead", json=True)) == 0
    assert json.loads(capsys.readouterr().out) == {
        "queue": "WorkDead",
        "moved": 0,
        "left": 0,
        "why": "",
    }


def test_dead_letters_that_stay_are_told(stack, tmp_path, capsys):
    stack.queues.send("WorkDead", "of an error action")
    stack.dead_letter("x")
    assert local.queues(options(tmp_path, redrive="Work")) == 1
    assert capsys.readouterr().out == (
        "1 sent back from WorkDead, 1 stay: no source queue is known of them\n"
    )
    assert local.queues(options(tmp_path, redrive="Work", json=True)) == 1
    assert json.loads(capsys.readouterr().out) == {
        "queue": "WorkDead",
        "moved": 0,
        "left": 1,
        "why": "no source queue is known of them",
    }


@pytest.mark.parametrize(("name", "says"), [("Lonely", "no queue sends"), ("../x", "no queue ..")])
def test_a_queue_without_dead_letters_cannot_be_redriven(stack, tmp_path, name, says):
    with pytest.raises(BadInput, match=says):
        local.queues(options(tmp_path, redrive=name))


def test_a_token_is_printed_for_who_is_known(stack, tmp_path, capsys):
    assert local.token(options(tmp_path, name="client-alder")) == 0
    assert capsys.readouterr().out == "a.b.c\n"
    with pytest.raises(BadInput, match="nobody here is called mallory"):
        local.token(options(tmp_path, name="mallory"))
