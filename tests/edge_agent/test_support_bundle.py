"""What goes to support has no secret in it, and says what it could not find out."""

import json
import os
import sqlite3
import stat
import zipfile

import pytest

from edge_agent.cli import main
from edge_agent.command import Configure
from edge_agent.operation.support import collected, masked, scan_of, scrubbed, write_bundle
from edge_agent.queue.inspection import Inspection, QueueUnreadable
from edge_agent.queue.outbox import Outbox
from edge_agent.reading import Reading, Window, seal
from edge_agent.remote import Remote
from edge_agent.settings import load
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.server import Server

DAY = 1781938800
SERIAL = "7E12A4F0-C3"
CANARIES = ("hunter2", "correct-horse", "MIIEvQIBADANBgkq", "tok-5f2a", SERIAL)
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END PRIVATE KEY-----\n"
CONFIG = """
# the router's password is hunter2
thing = "gw-0001"
outbox = "{folder}/outbox.sqlite"

[broker]
host = "127.0.0.1"   # password = "correct-horse"
port = 1
ca = "{folder}/ca.pem"
cert = "{folder}/gw.pem"
key = "{folder}/gw.key"

[[device]]
name = "roof"
host = "127.0.0.1"
port = {port}
serial = "{serial}"
"""
JOURNAL = f"""one line
roof: {SERIAL} does not answer
{KEY}
router: password=hunter2, api_key: tok-5f2a
fetching https://me:correct-horse@router/
"""
TABLES = """
CREATE TABLE readings (serial TEXT, at INTEGER);
CREATE TABLE chunks (seq INTEGER PRIMARY KEY AUTOINCREMENT, t0 INTEGER, payload BLOB,
    acked_at INTEGER);
CREATE TABLE events (number INTEGER PRIMARY KEY, payload BLOB);
CREATE TABLE again (seq INTEGER PRIMARY KEY);
CREATE TABLE devices (name TEXT PRIMARY KEY, state TEXT);
"""


@pytest.fixture
def config(tmp_path):
    for name in ("ca.pem", "gw.pem", "gw.key"):
        (tmp_path / name).write_text(KEY)
    path = tmp_path / "agent.toml"
    path.write_text(CONFIG.format(folder=tmp_path, port=1, serial=SERIAL))
    return path


@pytest.fixture
def queue(tmp_path):
    """A queue with three chunks, the newest of which waits."""
    path = tmp_path / "outbox.sqlite"
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=WAL")
    db.executescript(TABLES)
    for seq in (1, 2, 3):
        head = Window("gw-0001", "5f", seq, 3600 * seq, 60, 60, 1, {"up": seq, "queue": 0})
        payload = seal(head, [Reading(SERIAL, 3600 * seq, 0, "1.103", {"W": 5})])
        db.execute(
            "INSERT INTO chunks VALUES (?, ?, ?, ?)",
            (seq, 3600 * seq, payload, 9 if seq < 3 else None),
        )
    state = {"serial": SERIAL, "label": "1.103", "quality": 1, "alarms": {}, "extra": {"pv": 1}}
    db.execute("INSERT INTO devices VALUES ('roof', ?)", (json.dumps(state),))
    db.commit()
    yield path
    db.close()


def bundle_of(config, output, **changes) -> dict[str, str]:
    write_bundle(config, output, **({"journal": lambda: JOURNAL} | changes))
    with zipfile.ZipFile(output) as bundle:
        return {name: bundle.read(name).decode() for name in bundle.namelist()}


def test_no_secret_is_in_it(config, queue, tmp_path):
    remote = Remote(load(config), now_mono=0.0)
    device = {"name": "roof", "host": "10.0.0.1", "serial": SERIAL}
    remote.begin(Configure("CF-1", {"device": [device]}), 0.0)
    output = tmp_path / "bundle.zip"
    parts = bundle_of(config, output)
    raw = output.read_bytes()
    for canary in CANARIES:
        assert not [name for name, text in parts.items() if canary in text], canary
        assert canary.encode() not in raw
    assert "PRIVATE KEY" not in "".join(parts.values())
    assert "gw.key" in parts["settings.json"], "where the key lies may be known"
    assert '"serial": "...0-C3"' in parts["settings.json"]
    assert "...0-C3" in parts["remote.json"]
    assert "...0-C3 does not answer" in parts["journal.txt"]
    assert parts["journal.txt"].startswith("one line\n")


def test_what_is_in_it(config, queue, tmp_path):
    parts = bundle_of(config, tmp_path / "bundle.zip")
    names = {name for name in parts if name.endswith(".json") or name.endswith(".txt")}
    assert names == set(parts)
    assert set(parts) == {
        "ABOUT.txt", "versions.json", "settings.json", "remote.json", "queue.json",
        "status.json", "health.json", "profiles.json", "journal.txt",
    }  # fmt: skip
    assert all(name in parts["ABOUT.txt"] for name in parts if name != "ABOUT.txt")
    counts = json.loads(parts["queue.json"])
    assert counts["integrity"] == "ok"
    assert (counts["waiting_chunks"], counts["kept_chunks"], counts["last_seq"]) == (1, 2, 3)
    assert json.loads(parts["health.json"]) == {"up": 3, "queue": 0}
    assert json.loads(parts["status.json"])["roof"]["quality_name"] == "asleep"
    assert json.loads(parts["versions.json"])["agent"]


def test_nobody_else_may_read_it(config, tmp_path):
    output = tmp_path / "bundle.zip"
    output.write_text("an old one")
    output.chmod(0o644)
    bundle_of(config, output)
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("bundle*")] == ["bundle.zip"]


@pytest.mark.parametrize(
    ("damage", "part", "says"),
    [
        ("settings", "settings.json", "no entry pasword"),
        ("queue", "queue.json", "there is none"),
        ("no database", "queue.json", "not a database"),
        ("remote", "remote.json", "reading"),
    ],
)
def test_what_cannot_be_found_out_is_said(config, tmp_path, damage, part, says):
    if damage == "settings":
        config.write_text('pasword = "hunter2"\n' + config.read_text())
    elif damage == "no database":
        (tmp_path / "outbox.sqlite").write_text("x" * 5000)
    elif damage == "remote":
        (tmp_path / "outbox.sqlite.config").write_bytes(b"\xff{")
    parts = bundle_of(config, tmp_path / "bundle.zip")
    assert says in json.loads(parts[part])["error"]
    assert "hunter2" not in "".join(parts.values())
    assert "journal.txt" in parts


def test_with_a_scan(config, tmp_path):
    home = House(HouseSpec(SERIAL), Curve(SERIAL, DAY))
    with Server(lambda: DAY) as server:
        port = server.add(home).number
        config.write_text(CONFIG.format(folder=tmp_path, port=port, serial=SERIAL))
        parts = collected(config, journal=lambda: "", scan=scan_of)
    models = json.loads(parts["scan.json"])["roof"]["models"]
    assert [model["model"] for model in models] == [1, 103, 160]
    silent = collected(config, journal=lambda: "", scan=scan_of)
    assert "error" in json.loads(silent["scan.json"])["roof"]
    assert SERIAL not in "".join(parts.values())


def test_the_command(config, tmp_path, capsys):
    output = tmp_path / "bundle.zip"
    assert main(["support-bundle", str(config), "-o", str(output)]) == 0
    assert zipfile.is_zipfile(output)
    assert main(["support-bundle", str(config), "-o", "/nowhere/bundle.zip"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Password: hunter2 and more", "Password: [taken out] and more"),
        ("-----BEGIN CERTIFICATE-----\nabc", "[PEM taken out]"),
        ('{"token": "abc"}', '{"token": [taken out]}'),
        ('password = "two words here" and more', "password = [taken out] and more"),
        ("secret: 'two words' x", "secret: [taken out] x"),
        (r'"why": "password = \"two words here\""', '"why": "password = [taken out]'),
        ('password = "it never ends\nnext', "password = [taken out]\nnext"),
        ("client_secret=abc passphrase: x", "client_secret=[taken out] passphrase: [taken out]"),
        ("Authorization: Basic dXNlcjpwdw== x\nnext", "Authorization: [taken out]\nnext"),
        ("sent Bearer abc.def here", "sent Bearer [taken out] here"),
        ("got eyJhbGciOi.eyJzdWIiOi.c2ln-_x here", "got [token taken out] here"),
        ("it passed: 5, the pass of tokens", "it passed: 5, the pass of tokens"),
        ("nothing to hide", "nothing to hide"),
        ("AB-12345 and AB-123", "...2345 and ...-123"),
        ("unit 1", "unit 1"),
    ],
)
def test_scrubbing(text, left):
    assert scrubbed(text, ["AB-123", "AB-12345", "1", ""]) == left
    assert masked("1") == "1"


# ---------------------------------------------------------------------- looking at a queue
def test_looking_changes_nothing(queue):
    before = queue.read_bytes()
    with Inspection(queue) as look:
        assert look.counts()["waiting_chunks"] == 1
        assert [chunk["seq"] for chunk in look.chunks()] == [3, 2, 1]
        (waiting,) = look.chunks(most=5)
        assert waiting["chunk"]["dev"][0]["sn"] == SERIAL
        assert look.integrity() == "ok"
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            look._db.execute("DELETE FROM chunks")
    assert queue.read_bytes() == before


def test_the_queue_of_an_agent_is_understood(config, tmp_path):
    """The table definitions above are a short form; these are the ones that the agent makes."""
    box = Outbox(tmp_path / "outbox.sqlite", boot="5f")
    box.append([Reading(SERIAL, 3600, 0, "1.103", {"W": 5}), Reading("SN-2", 3600, 0, "1", {})])
    box.seal(before=7200, window_s=3600, head=Window("gw-0001", "5f", 0, 3600, 60, 60, 1))
    box.append([Reading(SERIAL, 7200, 0, "1.103", {"W": 5})])
    with Inspection(tmp_path / "outbox.sqlite") as look:
        counts = look.counts()
        assert (counts["readings"], counts["waiting_chunks"], counts["last_seq"]) == (1, 1, 1)
        assert [chunk["t0"] for chunk in look.chunks(most=9)] == [3600]
        db = sqlite3.connect(tmp_path / "outbox.sqlite")
        db.execute("INSERT OR REPLACE INTO meta VALUES ('lost', 7)")
        db.commit()
        db.close()
        assert look.notes()["lost"] == 7
    parts = bundle_of(config, tmp_path / "bundle.zip")
    assert json.loads(parts["queue.json"])["integrity"] == "ok"
    assert SERIAL not in "".join(parts.values())
    box.close()


def test_a_writer_and_one_who_looks_do_not_wait_for_each_other(queue):
    writer = sqlite3.connect(queue, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM chunks")
    with Inspection(queue) as look:
        assert look.counts()["last_seq"] == 3
        writer.execute("COMMIT")
        assert look.counts()["last_seq"] is None
    writer.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(queue):
    queue.parent.chmod(0o500)
    try:
        with Inspection(queue) as look:
            assert look.counts()["last_seq"] == 3
    finally:
        queue.parent.chmod(0o700)


def test_what_is_no_queue_is_told_in_one_line(tmp_path):
    path = tmp_path / "outbox.sqlite"
    with pytest.raises(QueueUnreadable, match="there is none"):
        Inspection(path)
    sqlite3.connect(path).close()
    with Inspection(path) as look, pytest.raises(QueueUnreadable, match="no such table"):
        look.counts()


def test_a_chunk_that_cannot_be_read_is_null(queue):
    db = sqlite3.connect(queue)
    for number, payload in enumerate((b"", b"{", b"\x78\x9c", b"\xff" * 40), 10):
        db.execute("INSERT INTO chunks VALUES (?, 0, ?, NULL)", (number, payload))
    db.commit()
    db.close()
    with Inspection(queue) as look:
        assert [chunk["chunk"] for chunk in look.chunks(most=4)] == [None] * 4
        assert look.last_health() == {}


# ---------------------------------------------------------------------- what it looks at
def test_a_scan_looks_where_the_agent_does(config, tmp_path):
    remote = Remote(load(config), now_mono=0.0)
    remote.begin(Configure("CF-1", {"device": [{"name": "barn", "host": "10.0.0.7"}]}), 0.0)
    asked = []
    parts = collected(
        config, journal=lambda: "", scan=lambda device: asked.append(device.host) or {}
    )
    assert asked == ["10.0.0.7"]
    assert list(json.loads(parts["scan.json"])) == ["barn"]
    assert json.loads(parts["settings.json"])["devices"][0]["name"] == "roof"


@pytest.mark.parametrize("output", [".", "/", ".."])
def test_a_folder_is_no_file_to_write(config, tmp_path, capsys, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    assert main(["support-bundle", str(config), "-o", output]) == 2
    assert capsys.readouterr().err == f"sunreeve-edge: writing {output}: Is a directory\n"
    assert main(["support-bundle", str(config), "-o", str(tmp_path)]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == before
