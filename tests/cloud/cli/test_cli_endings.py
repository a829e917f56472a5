"""How `sunreeve` ends in a shell: a reader that leaves, a full disk, Ctrl-C, a silent stack."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cloud.cli import main

ROOT = Path(__file__).parents[3]
DAYS = "site_id,date,t_mean_c,snow_possible\nS-1,2026-06-05,10,0\n"


def started(*words, out=subprocess.PIPE, **more):
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "cloud.cli", *words],
        cwd=ROOT,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        **more,
    )


@pytest.mark.parametrize(
    "words",
    [
        ["rules"],
        ["rules", "--json"],
        ["help", "--markdown"],
        ["completion", "fish"],
        ["--help"],
        [],
    ],
    ids=lambda words: " ".join(words) or "alone",
)
def test_a_reader_that_leaves_is_no_error(words):
    into, out = os.pipe()
    os.close(into)  # nobody reads: the first byte that leaves breaks the pipe
    try:
        process = started(*words, out=out)
    finally:
        os.close(out)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


def test_a_no_is_a_no_even_when_nobody_reads_it():
    into, out = os.pipe()
    os.close(into)
    process = started("rules", "perpetual", "motion", out=out)
    os.close(out)
    assert (process.communicate(timeout=60)[1], process.returncode) == ("", 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a system without /dev/full")
@pytest.mark.parametrize("words", [["rules", "85%"], ["help"]], ids=" ".join)
def test_a_full_disk_is_one_line(words):
    with Path("/dev/full").open("w") as full:
        process = started(*words, out=full)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err == (
        "sunreeve: writing what was asked for: No space left on device; make room, ask again\n"
    )


class Stack(ThreadingHTTPServer):
    """A door that says that it is a stack, and keeps silent about everything else."""

    daemon_threads = True

    def __init__(self, silent_at):
        super().__init__(("127.0.0.1", 0), Answering)
        self.silent_at = silent_at
        self.asked, self.over = threading.Event(), threading.Event()


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.endswith(self.server.silent_at):
            self.server.asked.set()
            self.server.over.wait(60)
            return
        body = {"pid": 7, "now": "2026-06-10T13:00:00Z", "status": "jumping", "progress": 0.5}
        text = json.dumps(body).encode() if "logs" not in self.path else b""
        if self.path.endswith("/clock") or "after" in self.path:
            self.server.asked.set()
        self.send_response(200)
        self.send_header("content-type", "application/json" if text else "text/plain")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.do_GET()

    def log_message(self, *words):
        pass


@contextmanager
def stack_in(folder, *, silent_at="/token"):
    door = Stack(silent_at)
    thread = threading.Thread(target=door.serve_forever, args=(0.01,))
    thread.start()
    (folder / "address.json").write_text(json.dumps({"pid": 7, "http": door.server_port}))
    try:
        yield door
    finally:
        door.over.set()
        door.shutdown()
        thread.join()
        door.server_close()


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["token", "sam.spc"], 130, "sunreeve token: broken off\n"),
        (["queue"], 130, "sunreeve queue: broken off\n"),
        (["clock", "--jump", "2"], 130, "sunreeve clock: broken off\n"),
        (["logs", "--follow"], 0, ""),
    ],
    ids=["a question", "a list", "a jump that is waited for", "a log that is followed"],
)
def test_ctrl_c_ends_what_waits(tmp_path, words, code, line):
    with stack_in(tmp_path) as door:
        process = started(*words, "--folder", str(tmp_path))
        while not door.asked.wait(0.1):
            assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (code, "", line)


def test_ctrl_c_is_the_good_end_of_a_stack(tmp_path):
    ports = [f"--{name}=0" for name in ("port", "mqtt-port", "smtp-port")]
    process = started("up", *ports, "--folder", str(tmp_path))
    said = next(line for line in process.stdout if "Ctrl-C stops it" in line)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, ""), said


def test_a_file_that_cannot_be_written_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    fleet = tmp_path / "nowhere"
    for put, why in (
        (fleet, "there is no such file"),
        (tmp_path, "File exists; name another, or mend it"),
    ):
        (tmp_path / "days.csv.gz").write_bytes(gzip.compress(DAYS.encode()))
        out = tmp_path / "file" / "cases.csv"
        assert main(["weather", "--region", "R", "--fleet", str(put), "--out", str(out)]) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert why in said


@pytest.mark.parametrize(
    "words",
    [["queue"], ["approvals"], ["case"], ["case", "X"], ["order"], ["order", "X"], ["mails"],
     ["holds"], ["runs"], ["report"], ["fund", "preview"], ["sweep", "holds"], ["token", "x"]],
    ids=" ".join,
)  # fmt: skip
def test_no_stack_is_unreachable_in_one_line(tmp_path, capsys, words):
    assert main([*words, "--folder", str(tmp_path)]) == 3
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"sunreeve {words[0]}: no stack runs in {tmp_path}" in err


def test_a_port_on_which_nobody_answers_is_unreachable(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    (tmp_path / "address.json").write_text(json.dumps({"pid": 1, "http": port}))
    assert main(["queue", "--folder", str(tmp_path)]) == 3
    assert capsys.readouterr().err.count("\n") == 1
