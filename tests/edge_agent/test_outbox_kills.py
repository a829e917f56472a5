"""A thousand SIGKILLs at any moment: what was told is there, no number carries two texts."""

import os
import signal
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from edge_agent.queue.file import opened
from edge_agent.queue.outbox import Outbox
from edge_agent.reading import Event, Reading, Window

T0 = 1_782_000_000
STEP = 900
WINDOW = 3600
KILLS = 1000
EVENT_EVERY = 3


@pytest.fixture
def tmp_path():
    """A folder in memory where there is one: the flush of a disk shows nothing here."""
    in_memory = Path("/dev/shm")  # noqa: S108
    with TemporaryDirectory(dir=in_memory if os.access(in_memory, os.W_OK) else None) as folder:
        yield Path(folder)


def work(path: Path, first: int, report: int, keep_mb: float) -> None:
    """Append, seal, acknowledge and ask again until killed; tell each thing once it is done."""
    box = Outbox(path, boot=f"{first:x}", gateway="gw-0001", keep_mb=keep_mb)
    os.write(report, b"o\n")
    number = first
    while True:
        at = T0 + STEP * number
        events = [Event(at, "SN-1", "alarm", 0, number, "Evt1")] if not number % EVENT_EVERY else []
        box.remember_time(at)
        box.append([Reading("SN-1", at, 0, "1.103", {"WH": number})], events)
        os.write(report, b"a%d\n" % number)
        head = Window("gw-0001", f"{first:x}", 0, T0, STEP, 0, 1, {})
        box.seal(before=at - at % WINDOW, window_s=WINDOW, head=head)
        if number % 7 == 0:
            sent = [one.number for one in box.waiting_chunks(2)]
            box.acknowledge(chunks=sent, events=[], at=T0)
            os.write(report, b"".join(b"k%d\n" % one for one in sent))
        if number % 11 == 0:
            box.send_again(f"r{number}", [(1, 5)], at=T0 + 86_400 * number)
        number += 1


def run_and_kill(
    path: Path, first: int, after_s: float, keep_mb: float, *, after_lines: int
) -> list[str]:
    """Return what a child told that was killed so long after it had told so many lines."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            work(path, first, writing, keep_mb)
        finally:
            os._exit(70)
    os.close(writing)
    told = b""
    while told.count(b"\n") < after_lines:
        told += os.read(reading, 4096)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as rest:
        lines = (told + rest.read()).decode().splitlines()
    assert os.WIFSIGNALED(status), "it ended by itself"
    return lines


class Seen:
    """All that was ever found in the file."""

    def __init__(self) -> None:
        self.payloads: dict[int, bytes] = {}
        self.rows: dict[int, int] = {}
        self.open_rows: set[int] = set()

    def look(self, box: Outbox) -> None:
        db = box._db
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        last = max(self.payloads, default=0)
        for seq, payload in db.execute(
            "SELECT seq, payload FROM chunks WHERE seq > ?", (last - 5,)
        ):
            if seq in self.payloads:
                assert self.payloads[seq] == payload, "one number, one text"
                continue
            self.payloads[seq] = payload
            message = opened(payload)
            assert message["seq"] == seq
            for section in message["dev"]:
                for i, code in enumerate(section["q"]):
                    if code is not None:
                        at = message["t0"] + message["dt"] * i
                        self.rows[at] = self.rows.get(at, 0) + 1
        self.open_rows = {at for (at,) in db.execute("SELECT at FROM readings")}


@pytest.mark.slow
def test_a_thousand_kills_lose_nothing_and_use_no_number_twice(tmp_path):
    path = tmp_path / "outbox.sqlite"
    seen, reported, acked = Seen(), set(), set()
    next_number = 0
    for kill in range(KILLS):
        # Spread over opening and recovery, and over the first transactions.
        after_s = 0.0001 * (kill * 7919 % 29)
        lines = run_and_kill(path, next_number, after_s, 64, after_lines=kill % 5)
        fresh = {int(line[1:]) for line in lines if line[0] == "a"}
        acked |= {int(line[1:]) for line in lines if line[0] == "k"}
        reported |= fresh
        next_number = max(reported, default=-1) + 1
        box = Outbox(path, boot="cc", gateway="gw-0001")
        seen.look(box)
        found = seen.rows.keys() | seen.open_rows
        assert {T0 + STEP * number for number in fresh} <= found, "told and lost"
        assert all(count == 1 for count in seen.rows.values()), "in two chunks"
        assert not seen.rows.keys() & seen.open_rows, "in a chunk and still open"
        waiting = {one.number for one in box.waiting_chunks(100_000)}
        assert not waiting & acked, "acknowledged and waiting"
        if kill % 100 == 99:
            events = {opened(one.payload)["to"] for one in box.waiting_events(1_000_000)}
            assert {number for number in reported if number % EVENT_EVERY == 0} <= events
        box.close()
    assert len(reported) > KILLS
    assert {T0 + STEP * number for number in reported} <= seen.rows.keys() | seen.open_rows
    assert list(tmp_path.glob("*.corrupt-*")) == []
    box = Outbox(path)
    stored = dict(box._db.execute("SELECT seq, payload FROM chunks"))
    assert stored == seen.payloads
    box.close()


def test_kills_while_thinning_and_dropping_leave_the_accounts_right(tmp_path):
    path = tmp_path / "outbox.sqlite"
    payloads: dict[int, bytes] = {}
    next_number = 0
    reported: set[int] = set()
    for kill in range(60):
        lines = run_and_kill(path, next_number, 0.0001 * (kill % 29), 0.1, after_lines=kill % 17)
        reported |= {int(line[1:]) for line in lines if line[0] == "a"}
        next_number = max(reported, default=-1) + 1
        box = Outbox(path, boot="cc", gateway="gw-0001", keep_mb=0.1)
        assert box._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for seq, payload in box._db.execute("SELECT seq, payload FROM chunks"):
            assert payloads.setdefault(seq, payload) == payload, "one number, one text"
        assert box.used_bytes() <= 0.1 * 2**20
        box.close()
    assert len(reported) > 200
