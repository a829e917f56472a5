"""What is saved of a damaged queue, whenever the saving is interrupted, and what is told of it."""

import os
import signal
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cloud.telemetry.chunk import decode
from edge_agent.queue import aside, file
from edge_agent.queue.outbox import MOST_REQUESTS_A_DAY, DeviceState, Outbox
from edge_agent.reading import Event, Reading, Window

T0 = 1_782_000_000
HOUR = 3600
HEAD = Window("gw-0001", "aa", 0, T0, 60, 0, 1, {})
STATE = DeviceState("SN-1", "1.103", 0, {}, {"PvWH": 123_456})


@pytest.fixture
def tmp_path():
    """A folder in memory where there is one: the flush of a disk shows nothing here."""
    in_memory = Path("/dev/shm")  # noqa: S108
    with TemporaryDirectory(dir=in_memory if os.access(in_memory, os.W_OK) else None) as folder:
        yield Path(folder)


def box_of(folder, **limits):
    return Outbox(folder / "outbox.sqlite", boot="aa", gateway="gw-0001", **limits)


def row(at, watts=1):
    return Reading("SN-1", at, 0, "1.103", {"W": watts})


def seal(box, before):
    return box.seal(before=before, window_s=HOUR, head=HEAD)


def fill(box, hours):
    for hour in hours:
        box.append([row(T0 + HOUR * hour + 60 * i, i) for i in range(60)])
        seal(box, T0 + HOUR * (hour + 1))


def payloads(box):
    return {one.number: one.payload for one in box.waiting_chunks(10_000)}


def damaged(folder, hours=300):
    """A queue with an illegible page in its middle; return what it held."""
    path = folder / "outbox.sqlite"
    box = box_of(folder)
    fill(box, range(hours))
    box.append(
        [row(T0 + HOUR * hours + 60 * i) for i in range(40)],
        [Event(T0, "SN-1", "state", 0, 2)],
        {"roof": STATE},
    )
    box.acknowledge(chunks=[1, 2, 3], events=[], at=T0)
    for i in range(MOST_REQUESTS_A_DAY):
        box.send_again(f"r{i}", [(2, 3)], at=T0)
    box._meta |= {"lost": 5, "thin": 7, "floor": T0}
    box._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", box._meta.items())
    known = payloads(box)
    box.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xa5" * 4096)
    return known


def looks_whole(box, known):
    found = payloads(box)
    assert all(found[number] == known[number] for number in found)
    assert len(found) > len(known) * 0.9, "what can be read is saved"
    assert box.states() == {"roof": STATE}
    assert box.floor() == T0
    assert box.thin == 7
    assert 5 < box.lost <= 5 + len(known) - len(found) + 5, "what could not be read is counted"
    assert box.counts()["readings"] == 40
    assert len(box.waiting_events()) == 1
    assert [one.number for one in box.waiting_again()] == [3, 2]
    assert box.send_again("one more", [(1, 1)], at=T0) is None, "the six of the day are known"
    assert box.aside_at == 0


def test_all_tables_are_saved(tmp_path):
    known = damaged(tmp_path)
    box = box_of(tmp_path)
    looks_whole(box, known)
    fill(box, range(301, 302))
    assert max(payloads(box)) == 302, "numbers go on"
    assert box._db.execute("SELECT count(*) FROM salvage").fetchone() == (0,)
    box.close()


@pytest.mark.parametrize("after", [0, 1, 2, 4, 7])
def test_a_kill_while_saving_only_delays_it(tmp_path, monkeypatch, after):
    """The process ends between any two steps, from the first file that moves on."""
    known = damaged(tmp_path)
    monkeypatch.setattr(aside, "ROWS", 50)
    child = os.fork()
    if child == 0:
        left = after

        def step(name, module):
            whole = getattr(module, name)

            def counted(*given):
                nonlocal left
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1
                return whole(*given)

            monkeypatch.setattr(module, name, counted)

        step("take", aside)
        step("_bring_up_to_date", file)
        try:
            box_of(tmp_path)
        finally:
            os._exit(70)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it was done before it was killed"
    box = box_of(tmp_path)
    looks_whole(box, known)
    box.close()


def test_saving_waits_for_room_and_the_queue_runs_meanwhile(tmp_path, monkeypatch):
    known = damaged(tmp_path)
    opened = Outbox._opened
    pages = 20

    def small(box):
        db = opened(box)
        db.execute(f"PRAGMA max_page_count = {pages}")
        return db

    monkeypatch.setattr(Outbox, "_opened", small)
    box = box_of(tmp_path)
    assert len(payloads(box)) < 100
    assert box._saving
    assert (tmp_path / "outbox.sqlite.corrupt-1").exists(), "it is not dropped to make room"
    box.close()
    monkeypatch.setattr(Outbox, "_opened", opened)
    box = box_of(tmp_path)
    looks_whole(box, known)
    box.close()


def test_a_large_one_is_saved_little_by_little(tmp_path, monkeypatch):
    known = damaged(tmp_path)
    monkeypatch.setattr(aside, "ROWS", 10)
    box = box_of(tmp_path)
    assert box._saving, "nobody waits for all of it"
    box.append([row(T0 - HOUR)], [Event(T0, "SN-1", "state", 2, 0)])
    fresh = box.waiting_events()[-1].number
    for _ in range(5):
        box.append([])
    assert not box._saving
    box.acknowledge(chunks=[], events=[fresh], at=T0)
    seal(box, T0)
    found = payloads(box)
    assert decode(found.pop(301)).t0 == T0 - HOUR
    assert all(found[number] == known[number] for number in found)
    assert len(box.waiting_events()) == 1, "the old event is another one"
    assert box.counts()["readings"] == 40
    box.close()


# ---------------------------------------------------------------------- what is kept of it
def test_what_was_set_aside_goes_when_room_is_short_or_it_is_old(tmp_path):
    known = damaged(tmp_path)
    size = (tmp_path / "outbox.sqlite").stat().st_size
    box = box_of(tmp_path, keep_mb=1.7 * size / 2**20)
    box.append([])
    assert not list(tmp_path.glob("*.corrupt-*")), "there is no room for both"
    assert len(payloads(box)) > len(known) * 0.9
    box.close()


def test_what_was_set_aside_is_kept_as_long_as_readings_are(tmp_path):
    damaged(tmp_path)
    box = box_of(tmp_path, keep_days=90)
    box.remember_time(T0)
    fill(box, range(301, 302))
    assert (tmp_path / "outbox.sqlite.corrupt-1").exists()
    fill(box, range(302 + 24 * 90, 303 + 24 * 90))
    assert not list(tmp_path.glob("*.corrupt-*"))
    box.close()


def test_a_large_file_is_not_read_through_when_it_is_opened(tmp_path, monkeypatch):
    known = damaged(tmp_path)
    monkeypatch.setattr(file, "MOST_CHECKED", 4096)
    box = box_of(tmp_path)
    assert box.aside_at is None
    for _ in range(3):
        box.waiting_chunks(10_000)
        box.append([])
    looks_whole(box, known)
    box.close()


# ---------------------------------------------------------------------- the end of the log
def test_a_log_that_lost_its_end_uses_no_number_again(tmp_path):
    child = os.fork()
    if child == 0:
        try:
            box = box_of(tmp_path)
            box._db.execute("PRAGMA wal_autocheckpoint=0")
            fill(box, range(20))
            box.acknowledge(chunks=range(1, 21), events=[], at=T0)
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(70)
    os.waitpid(child, 0)
    log = tmp_path / "outbox.sqlite-wal"
    with log.open("r+b") as stream:
        stream.seek(log.stat().st_size // 2)
        byte = stream.read(1)
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte[0] ^ 1]))
    box = box_of(tmp_path)
    assert box.counts()["last_seq"] < 20
    assert box.aside_at == 0, "it is told"
    fill(box, range(30, 31))
    assert max(payloads(box)) == 21
    box.close()
    again = box_of(tmp_path)
    fill(again, range(31, 32))
    assert max(payloads(again)) == 22
    again.close()


def test_a_chunk_whose_number_cannot_be_written_down_is_not_sent_yet(tmp_path):
    box = box_of(tmp_path)
    fill(box, range(1))
    (tmp_path / "outbox.sqlite.seq.new").mkdir()
    fill(box, range(1, 2))
    assert list(payloads(box)) == [1]
    assert box.depth() == 2
    (tmp_path / "outbox.sqlite.seq.new").rmdir()
    box.append([])
    assert list(payloads(box)) == [2, 1]
    box.close()


# ---------------------------------------------------------------------- valid, and yet no queue
DAMAGE = [
    pytest.param("UPDATE readings SET serial = x'ff00' WHERE at % 3600 = 0", id="blob serial"),
    pytest.param("UPDATE readings SET layout = x'ff00' WHERE at % 3600 = 0", id="blob layout"),
    pytest.param("UPDATE readings SET quality = 'x' WHERE at % 3600 = 0", id="text quality"),
    pytest.param("UPDATE readings SET quality = 1.5 WHERE at % 3600 = 0", id="half quality"),
    pytest.param("UPDATE readings SET cells = '[1]' WHERE at % 3600 = 0", id="cells"),
    pytest.param(
        "UPDATE readings SET cells = '{\"W\":' || 1e30 || '}' WHERE at % 3600 = 0", id="float"
    ),
    pytest.param("UPDATE readings SET serial = char(7) WHERE at % 3600 = 0", id="not printable"),
    pytest.param("UPDATE chunks SET payload = 'text' WHERE seq = 2", id="text payload"),
    pytest.param("UPDATE chunks SET made = 'text', until = x'00'", id="text times"),
    pytest.param("UPDATE events SET payload = 5, fields = ''", id="event of a number"),
    pytest.param("UPDATE events SET fields = x'ff'", id="event of bytes"),
    pytest.param("UPDATE events SET boot = x'ff', at = 'x'", id="event of no start"),
    pytest.param("INSERT INTO devices VALUES (x'00', x'00')", id="device"),
    pytest.param("INSERT INTO meta VALUES (x'00', 5)", id="meta"),
    pytest.param("UPDATE meta SET value = 'x'", id="meta of text"),
    pytest.param("UPDATE sqlite_sequence SET seq = 'x'", id="numbers of text"),
    pytest.param("DELETE FROM sqlite_sequence", id="no numbers"),
    pytest.param("ALTER TABLE readings DROP COLUMN boot", id="no column"),
    pytest.param("DROP TABLE again", id="no table"),
    pytest.param(
        "DROP TABLE readings; CREATE TABLE readings (at, serial, scale, boot, quality, layout, "
        "cells)",
        id="no key",
    ),
]


@pytest.mark.parametrize("statement", DAMAGE)
@pytest.mark.filterwarnings("error")
def test_rows_that_make_no_sense_are_dropped_and_counted(tmp_path, statement):
    box = box_of(tmp_path)
    fill(box, range(3))
    box.append([row(T0 + 4 * HOUR + 60 * i) for i in range(60)], [Event(T0, "SN-1", "state", 0, 2)])
    box.close()
    db = sqlite3.connect(tmp_path / "outbox.sqlite")
    db.executescript(statement)
    db.close()
    box = box_of(tmp_path)
    fill(box, range(5, 6))
    box.waiting_events()
    box.health(T0 + 9 * HOUR)
    box.counts()
    found = payloads(box)
    kept = sum(
        code is not None
        for payload in found.values()
        for code in decode(payload).devices[0].quality
    )
    if "DROP" not in statement or "again" in statement:
        lost_rows = 60 if "payload = 'text'" in statement else box.lost
        assert kept + lost_rows == 60 * 5
    assert max(found) >= 4
    box.close()


def test_a_mistake_of_ours_does_not_set_files_aside_for_ever(tmp_path):
    box = box_of(tmp_path)
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            box._write(lambda db: db.execute("SELECT colour FROM readings"))
    assert len(list(tmp_path.glob("*.corrupt-?"))) == 1
    box.close()
