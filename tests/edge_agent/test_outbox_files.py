"""Files that cannot be read, disks that take nothing, files of older agents."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.telemetry.chunk import decode
from edge_agent.dictionary import CLOCK_UNSYNCED
from edge_agent.queue.file import open_file
from edge_agent.queue.memory import MOST_EVENTS, ROWS_PER_DEVICE
from edge_agent.queue.numbers import Numbers
from edge_agent.queue.outbox import Answer, DeviceState, Outbox
from edge_agent.reading import Event, Reading, Window

ROOT = Path(__file__).parents[2]
T0 = 1_782_000_000
HOUR = 3600
HEAD = Window("gw-0001", "aa", 0, T0, 60, 0, 1, {})
STATE = DeviceState("SN-1", "1.103", 0, {})


def box_of(folder, boot="aa", **limits):
    return Outbox(folder / "outbox.sqlite", boot=boot, gateway="gw-0001", **limits)


def row(at, watts=1, quality=0):
    return Reading("SN-1", at, quality, "1.103", {"W": watts})


def seal(box, before):
    return box.seal(before=before, window_s=HOUR, head=HEAD)


def fill(box, hours):
    for hour in hours:
        box.append([row(T0 + HOUR * hour + 60 * i, i) for i in range(60)], (), {"roof": STATE})
        seal(box, T0 + HOUR * (hour + 1))


def numbers(box):
    return [one.number for one in box.waiting_chunks(10_000)]


def asides(folder):
    return sorted(one.name for one in folder.glob("*.corrupt-*") if one.name[-1].isdigit())


# ---------------------------------------------------------------------- damaged files
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a database, but long enough to be taken for one" * 40, id="text"),
        pytest.param(b"SQLite format 3\x00" + bytes(5000), id="a header and zeros"),
        pytest.param(os.urandom(20_000), id="noise"),
    ],
)
def test_a_file_that_is_no_database_is_set_aside(tmp_path, content):
    (tmp_path / "outbox.sqlite").write_bytes(content)
    box = box_of(tmp_path)
    assert len(asides(tmp_path)) == bool(content)
    fill(box, range(2))
    assert numbers(box) == [2, 1]
    box.close()


def test_tables_of_somebody_else_are_set_aside(tmp_path):
    with sqlite3.connect(tmp_path / "outbox.sqlite") as db:
        db.execute("CREATE TABLE chunks (colour TEXT)")
        db.execute("PRAGMA user_version = 1")
    db.close()
    box = box_of(tmp_path)
    assert asides(tmp_path) == ["outbox.sqlite.corrupt-1"]
    box.close()


def test_a_file_of_a_later_agent_is_set_aside(tmp_path):
    box = box_of(tmp_path)
    box._db.execute("PRAGMA user_version = 99")
    box.close()
    box_of(tmp_path).close()
    assert asides(tmp_path) == ["outbox.sqlite.corrupt-1"]


def test_numbers_go_on_above_all_that_could_have_been_used(tmp_path):
    box = box_of(tmp_path)
    fill(box, range(5))
    box.close()
    (tmp_path / "outbox.sqlite").write_bytes(b"gone" * 1000)
    box = box_of(tmp_path)
    assert box.aside_at == 0
    assert box.health(T0) == {"aside": 0}
    box.remember_time(T0 + 7)
    fill(box, range(5, 6))
    (number,) = numbers(box)
    assert number == 6
    assert box.aside_at == T0 + 7
    box.close()
    (tmp_path / "outbox.sqlite").unlink()
    box = box_of(tmp_path)
    fill(box, range(6, 7))
    assert numbers(box)[0] > number, "nor when somebody deletes it"
    box.close()


def test_an_older_copy_of_the_file_uses_no_number_again(tmp_path):
    box = box_of(tmp_path)
    fill(box, range(3))
    box.close()
    copy = (tmp_path / "outbox.sqlite").read_bytes()
    box = box_of(tmp_path)
    fill(box, range(3, 20))
    used = numbers(box)[0]
    box.close()
    (tmp_path / "outbox.sqlite").write_bytes(copy)
    box = box_of(tmp_path)
    fill(box, range(900, 901))
    assert numbers(box)[0] == used + 1
    assert box.aside_at == 0, "it is told"
    box.close()


@pytest.mark.parametrize("text", ["", "x", "-4", "9" * 400, "12 13", "\udcff"])
def test_a_file_of_numbers_that_makes_no_sense_says_nothing(tmp_path, text):
    path = tmp_path / "n.seq"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    kept = Numbers(path)
    assert kept.last == 0
    kept.keep(7)
    assert Numbers(path).last == 7


def test_damage_in_the_middle_is_met_while_running_and_the_rest_is_saved(tmp_path):
    path = tmp_path / "outbox.sqlite"
    box = box_of(tmp_path)
    fill(box, range(200))
    box.append([], (), {"roof": STATE})
    payloads = {one.number: one.payload for one in box.waiting_chunks(1000)}
    box._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(os.urandom(4096 * 3))
    box._db.execute("PRAGMA cache_size = 0")
    box._db.execute("PRAGMA shrink_memory")
    for hour in range(200, 260):
        fill(box, [hour])
        box.waiting_chunks(1000)
    assert len(asides(tmp_path)) == 1
    found = {one.number: one.payload for one in box.waiting_chunks(1000)}
    saved = found.keys() & payloads.keys()
    assert all(found[number] == payloads[number] for number in saved)
    assert len(saved) > 100, "what can be read is saved"
    assert max(found) > 200
    assert box.states() == {"roof": STATE}
    box.close()
    again = box_of(tmp_path)
    assert len(asides(tmp_path)) == 1, "the new one is whole"
    assert again.states() == {"roof": STATE}
    again.close()


def test_two_are_kept_aside(tmp_path):
    for _ in range(4):
        (tmp_path / "outbox.sqlite").write_bytes(b"gone" * 1000)
        box_of(tmp_path).close()
    assert asides(tmp_path) == ["outbox.sqlite.corrupt-3", "outbox.sqlite.corrupt-4"]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 200_000), st.binary(min_size=1, max_size=300))
def test_whatever_is_damaged_it_runs_and_uses_no_number_twice(tmp_path_factory, place, damage):
    folder = tmp_path_factory.mktemp("damage")
    path = folder / "outbox.sqlite"
    box = box_of(folder)
    fill(box, range(8))
    box.append([row(T0 + 8 * HOUR)], [Event(T0, "SN-1", "state", 0, 2)], {"roof": STATE})
    before = {one.number: one.payload for one in box.waiting_chunks(1000)}
    box.close()
    content = bytearray(path.read_bytes())
    place %= len(content)
    content[place : place + len(damage)] = damage
    path.write_bytes(content)
    box = box_of(folder)
    fill(box, range(9, 12))
    box.waiting_events()
    found = {one.number: one.payload for one in box.waiting_chunks(1000)}
    fresh = [payload for number, payload in found.items() if number not in before]
    assert {decode(payload).t0 for payload in fresh} >= {T0 + HOUR * i for i in (9, 10, 11)}
    assert len(fresh) >= 3
    box.acknowledge(chunks=list(found), events=[], at=T0)
    assert box._db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    box.close()


# ---------------------------------------------------------------------- disks that take nothing
def test_on_a_full_disk_readings_stay_in_memory_until_there_is_room(tmp_path):
    box = box_of(tmp_path)
    fill(box, range(3))
    pages = box._db.execute("PRAGMA page_count").fetchone()[0]
    box._db.execute(f"PRAGMA max_page_count = {pages}")
    hour = 3
    while not box.ram:
        box.append([row(T0 + HOUR * hour + 60 * i, i) for i in range(60)])
        hour += 1
        assert hour < 40
    before = numbers(box)
    box.append([row(T0 + HOUR * hour)], [Event(T0, "SN-1", "state", 0, 2)], {"new": STATE})
    assert box.states()["new"] == STATE
    assert box.ram >= 61
    assert box.health(T0)["ram"] == box.ram
    box.acknowledge(chunks=before[:1], events=[], at=T0)
    assert numbers(box) == before[1:]
    assert seal(box, T0) == 0
    box._db.execute("PRAGMA max_page_count = 100000")
    seal(box, T0 + HOUR * (hour + 1))
    assert box.ram == 0
    assert len(box.waiting_events()) == 1
    found = [
        chunk.t0 + chunk.dt * i
        for chunk in (decode(one.payload) for one in box.waiting_chunks(1000))
        for i, code in enumerate(chunk.devices[0].quality)
        if code is not None
    ]
    assert len(found) == len(set(found)) == HOUR * (hour - 1) // 60 + 1
    box.close()


def test_acknowledged_chunks_make_room(tmp_path):
    box = box_of(tmp_path)
    fill(box, range(60))
    box.acknowledge(chunks=range(1, 61), events=[], at=T0)
    pages = box._db.execute("PRAGMA page_count").fetchone()[0]
    box._db.execute(f"PRAGMA max_page_count = {pages + 1}")
    fill(box, range(60, 90))
    assert (box.ram, len(numbers(box))) == (0, 30)
    assert 0 < box.counts()["kept_chunks"] < 60
    box.close()


def test_memory_holds_a_day_and_thins_what_is_older(tmp_path):
    box = box_of(tmp_path)
    pages = box._db.execute("PRAGMA page_count").fetchone()[0]
    box._db.execute(f"PRAGMA max_page_count = {pages}")
    many = 4 * ROWS_PER_DEVICE
    for i in range(0, many, 60):
        box.append(
            [row(T0 + 60 * n, n) for n in range(i, i + 60)], [b"event" * 100 for _ in range(20)]
        )
        assert box.ram <= ROWS_PER_DEVICE
    on_disk = box.counts()["readings"]
    assert box.thin > 0
    assert box.ram + box.thin + box.lost + on_disk == many
    assert len(box._memory.events) <= MOST_EVENTS
    box._db.execute("PRAGMA max_page_count = 100000")
    for _ in range(5):
        box.append([])
    assert box.ram == 0
    assert box.counts()["readings"] + box.thin + box.lost == many
    assert box.counts()["events"] + box.lost_events == many // 60 * 20
    assert box.lost_events > 0
    thinned = (box.thin, box.lost, box.lost_events)
    box.close()
    again = box_of(tmp_path)
    assert (again.thin, again.lost, again.lost_events) == thinned
    again.close()


LIMITED = """
import resource, signal, sys
from pathlib import Path
from edge_agent.queue.outbox import Outbox
from edge_agent.reading import Reading, Window

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
T0 = 1_782_000_000
HEAD = Window("gw-0001", "aa", 0, T0, 60, 0, 1, {})
box = Outbox(Path(sys.argv[1]), boot="aa")
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

def hours(first, last):
    most = 0
    for hour in range(first, last):
        rows = [Reading("SN-1", T0 + 3600 * hour + 60 * i, 0, "1.103", {"W": i}) for i in range(60)]
        box.append(rows)
        box.seal(before=T0 + 3600 * (hour + 1), window_s=3600, head=HEAD)
        most = max(most, box.ram)
    return most

hours(0, 5)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), hard))
print(hours(5, 25), flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
hours(25, 40)
print(box.ram, box.lost, box.thin, flush=True)
box.close()
"""


@pytest.mark.parametrize("most_bytes", [0, 1000, 20_000, 60_000, 100_000])
def test_errors_of_a_real_file_system_lose_nothing(tmp_path, most_bytes):
    """No file may grow, be it the queue, its log or that of the numbers; then all may again."""
    path = tmp_path / "outbox.sqlite"
    command = [sys.executable, "-c", LIMITED, str(path), str(most_bytes)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    most_in_memory, rest = done.stdout.splitlines()
    was_refused = "readings stay in memory" in done.stderr
    assert was_refused, "or nothing is shown"
    assert int(most_in_memory) > 0 or most_bytes > 20_000
    assert rest == "0 0 0"
    box = box_of(tmp_path)
    chunks = [decode(one.payload) for one in box.waiting_chunks(1000)]
    found = [
        chunk.t0 + chunk.dt * i
        for chunk in chunks
        for i, code in enumerate(chunk.devices[0].quality)
        if code is not None
    ]
    assert sorted(found) == [T0 + 60 * i for i in range(60 * 40)]
    assert asides(tmp_path) == []
    box.close()


def test_a_folder_that_cannot_be_written_is_waited_for(tmp_path):
    (tmp_path / "here").write_text("a file where the folder should be")
    box = Outbox(tmp_path / "here" / "outbox.sqlite", boot="aa")
    box.append([row(T0)])
    box.remember_time(T0)
    assert (box.ram, box.depth(), box.floor(), seal(box, T0 + HOUR)) == (1, 0, 0, 0)
    assert box.send_again("a", [(1, 1)], at=T0) is None
    assert (box.waiting_chunks(), box.waiting_events(), box.waiting_again()) == ([], [], [])
    (tmp_path / "here").unlink()
    assert box.send_again("a", [(1, 1)], at=T0) == Answer(0, 1)
    assert seal(box, T0 + HOUR) == 1
    assert box.ram == 0
    box.close()


def test_readings_in_memory_move_with_the_clock(tmp_path):
    (tmp_path / "here").write_text("a file where the folder should be")
    box = Outbox(tmp_path / "here" / "outbox.sqlite", boot="aa")
    box.append([row(HOUR)], [Event(HOUR, "SN-1", "state", 0, 2)], clock=CLOCK_UNSYNCED)
    box.restamp(T0 - HOUR, 60)
    (tmp_path / "here").unlink()
    assert seal(box, T0 + HOUR) == 1
    assert decode(box.waiting_chunks()[0].payload).t0 == T0
    assert b'"clk"' not in box.waiting_events()[0].payload
    box.close()


def test_another_program_that_holds_the_file_delays_and_loses_nothing(tmp_path):
    box = box_of(tmp_path)
    other = sqlite3.connect(tmp_path / "outbox.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    box.append([row(T0)])
    assert box.ram == 1
    other.execute("ROLLBACK")
    other.close()
    assert seal(box, T0 + HOUR) == 1
    box.close()


# ---------------------------------------------------------------------- files of older agents
OLD_TABLES = """
CREATE TABLE readings (
    serial TEXT NOT NULL, at INTEGER NOT NULL, quality INTEGER NOT NULL, layout TEXT NOT NULL,
    cells TEXT NOT NULL, PRIMARY KEY (serial, at)
) WITHOUT ROWID;
CREATE TABLE chunks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, t0 INTEGER NOT NULL, payload BLOB NOT NULL,
    acked_at INTEGER
);
CREATE INDEX chunks_waiting ON chunks (seq) WHERE acked_at IS NULL;
CREATE TABLE events (number INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL);
CREATE TABLE again (seq INTEGER PRIMARY KEY);
CREATE TABLE requests (id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE devices (name TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
"""


def old_file(folder):
    db = sqlite3.connect(folder / "outbox.sqlite", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.executescript(OLD_TABLES)
    db.execute("INSERT INTO readings VALUES ('SN-1', ?, 0, '1.103', '{\"W\":5}')", (T0 + 7200,))
    db.execute("INSERT INTO readings VALUES ('SN-1', 7200, 0, '1.103', '{\"W\":6}')")
    db.execute("INSERT INTO chunks VALUES (40, ?, x'6f', ?)", (T0, T0))
    db.execute("INSERT INTO chunks VALUES (41, ?, x'6e', NULL)", (T0 + HOUR,))
    db.execute("INSERT INTO events (payload) VALUES (x'6f6e65')")
    db.execute("INSERT INTO again VALUES (40)")
    db.execute(
        "INSERT INTO devices VALUES ('roof', "
        """'{"serial":"SN-1","label":"1.103","quality":0,"alarms":{"Evt1":4}}')"""
    )
    db.close()


def test_a_file_of_the_first_agents_is_taken_over(tmp_path):
    old_file(tmp_path)
    box = box_of(tmp_path)
    assert asides(tmp_path) == []
    assert box.states() == {"roof": DeviceState("SN-1", "1.103", 0, {"Evt1": 4})}
    assert [bytes(one.payload) for one in box.waiting_events()] == [b"one"]
    assert [one.number for one in box.waiting_again()] == [40]
    assert numbers(box) == [41]
    assert seal(box, T0 + 3 * HOUR) == 2
    assert numbers(box) == [43, 41, 42]
    newest, _, unset = (box.waiting_chunks()[i].payload for i in range(3))
    assert (decode(newest).clock, decode(newest).t0) == (1, T0 + 7200)
    assert (decode(unset).clock, decode(unset).t0) == (0, 7200)
    box.acknowledge(chunks=[40, 41, 42, 43], events=[1], at=T0)
    assert box.depth() == 0
    box.close()
    again = box_of(tmp_path)
    assert again.counts()["last_seq"] == 43
    again.close()


def test_a_file_is_brought_up_to_date_whole_or_not_at_all(tmp_path):
    old_file(tmp_path)
    db = sqlite3.connect(tmp_path / "outbox.sqlite", isolation_level=None)
    db.execute("ALTER TABLE events ADD COLUMN boot TEXT")  # the last step will fail
    db.close()
    with pytest.raises(sqlite3.DatabaseError, match="duplicate column"):
        open_file(tmp_path / "outbox.sqlite")
    db = sqlite3.connect(tmp_path / "outbox.sqlite")
    assert db.execute("SELECT count(serial) FROM readings").fetchone() == (2,)
    assert db.execute("PRAGMA user_version").fetchone() == (0,)
    db.close()


def test_tables_of_a_version_that_no_agent_writes_are_put_aside(tmp_path):
    """A damaged byte of the file's head can make the version negative."""
    box = box_of(tmp_path)
    fill(box, range(3))
    box.close()
    with closing(sqlite3.connect(tmp_path / "outbox.sqlite")) as db:
        db.execute("PRAGMA user_version = -5")
        db.commit()
    box = box_of(tmp_path)
    fill(box, range(3, 5))
    box.close()
    assert asides(tmp_path) == ["outbox.sqlite.corrupt-1"]
