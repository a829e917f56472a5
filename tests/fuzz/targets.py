"""What is fuzzed: for each input from outside a check that holds for any bytes, and seeds.

A check raises `AssertionError` where a promise is broken; any other error that leaves it is one
that the docstring of the function does not name.
"""

import json
import re
import socket
import sqlite3
import struct
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

from cloud.telemetry.chunk import MOST_COLUMNS, MOST_DEVICES, Chunk, MalformedChunk, decode
from cloud.telemetry.device_event import MOST_EVENT_BYTES, decode_event
from edge_agent.command import Configure, MalformedCommand, Renew, Resend, parse
from edge_agent.dictionary import COLUMNS, DICTIONARY_ID
from edge_agent.modbus import Registers
from edge_agent.poll import Poller
from edge_agent.profiles.file import FOLDER, HEAD, REGISTER, SERIAL, SIZES, ProfileError
from edge_agent.profiles.file import load as load_profile
from edge_agent.profiles.profile import Profile, ProfilePoller
from edge_agent.queue.file import CREATE
from edge_agent.queue.inspection import Inspection, QueueUnreadable, opened
from edge_agent.reading import Event, Reading, Section, Window, chunk_text, event_text, packed, seal
from edge_agent.remote import CHANGEABLE, State, merged
from edge_agent.settings import (
    BrokerSettings,
    DeviceSettings,
    Settings,
    SettingsError,
    check_profiles,
    from_tables,
)
from edge_agent.settings import load as load_settings
from edge_agent.simulator.image import Image, Template
from edge_agent.source import ReadFailed, ShortReply, refused
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.report import chain_registers, read_report, scan_report
from edge_agent.sunspec.scan import END, MARKER, MOST_MODELS, scan

CONTRACT = Path(__file__).parents[2] / "contract"
RECEIVED_AT = datetime(2026, 6, 1, tzinfo=UTC)
LIMIT = 2**63
LONGEST_ERROR = 1000
"""Letters of an error: it goes to a log, and into the health of a chunk."""
BASE = 40_000
MOST_REQUESTS = 30 * MOST_MODELS
"""Of one scan and one reading of the most models that a chain may have."""


@dataclass(frozen=True)
class Target:
    """A check, inputs to begin with, how long an input may get, and what it may be made of."""

    check: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    most_bytes: int
    tokens: tuple[str, ...] = ()


def one_line(error: Exception, *, most: int = LONGEST_ERROR) -> None:
    """Check that an error is what a log can carry."""
    told = str(error)
    assert told
    assert len(told) <= most, f"an error of {len(told)} letters"
    assert "\n" not in told, f"an error of several lines: {told!r}"


def golden(folder: str) -> list[bytes]:
    """Give the messages of the contract as they go over the wire."""
    wires = []
    for path in sorted((CONTRACT / folder).glob("*.json")):
        message = json.loads(path.read_text(encoding="utf-8"))
        if "wire" in message:
            wires.append(message["wire"].encode("ascii"))
    return wires


# Chunks ------------------------------------------------------------------------------------------


def decoded(payload: bytes) -> Chunk | None:
    """Give the chunk of a payload; None when it is refused, as it should be."""
    try:
        return decode(payload)
    except MalformedChunk as error:
        one_line(error)
        return None


def as_sealed(chunk: Chunk) -> bytes:
    """Write a chunk with what the gateway writes chunks with."""
    window = Window(
        gateway=chunk.gateway,
        boot=chunk.boot,
        seq=chunk.seq,
        t0=chunk.t0,
        dt=chunk.dt,
        n=chunk.n,
        clock=chunk.clock,
        health=chunk.health,
    )
    sections = [Section(d.serial, d.layout, d.quality, d.columns) for d in chunk.devices]
    return packed(chunk_text(window, sections))


def without_empty_columns(chunk: Chunk) -> Chunk:
    """Give a chunk as a gateway would have sent it: newest dictionary, no column of nulls."""
    devices = tuple(
        replace(
            device,
            columns={
                name: values
                for name, values in device.columns.items()
                if any(value is not None for value in values)
            },
        )
        for device in chunk.devices
    )
    return replace(chunk, devices=devices, dictionary_id=DICTIONARY_ID)


def check_chunk(data: bytes) -> None:
    """A chunk is refused with one line, or bounded, and the same after it was written anew."""
    chunk = decoded(data)
    pressed = decoded(zlib.compress(data, 1))
    if data[:1] == b"{":
        assert chunk == pressed, "pressed it says something else"
    for known in (chunk, pressed):
        if known is None:
            continue
        assert len(known.devices) <= MOST_DEVICES
        assert all(len(device.columns) <= MOST_COLUMNS for device in known.devices)
        columns = [column for device in known.devices for column in device.columns.values()]
        assert all(len(column) == known.n for column in columns)
        assert all(v is None or -LIMIT <= v < LIMIT for column in columns for v in column)
        assert decode(as_sealed(known)) == without_empty_columns(known)
    told = opened(data)
    if chunk is not None:
        assert told["seq"] == chunk.seq


def chunk_seeds() -> list[bytes]:
    """Give the golden chunks, as text and as they are sent."""
    wires = []
    for path in sorted((CONTRACT / "golden").glob("*.json")):
        text = json.dumps(json.loads(path.read_text(encoding="utf-8")).get("wire"))
        wire = json.loads(text)
        if isinstance(wire, str):
            wires += [wire.encode("ascii"), zlib.compress(wire.encode("ascii"), 9)]
    return wires


# Events ------------------------------------------------------------------------------------------


def check_event(data: bytes) -> None:
    """An event is refused with one line, or says the same after it was written anew."""
    try:
        gateway, entry = decode_event(data, RECEIVED_AT)
    except MalformedChunk as error:
        one_line(error)
        return
    assert len(data) <= MOST_EVENT_BYTES
    assert len(entry.says) <= 400
    assert entry.says.isprintable()
    message = json.loads(data)
    event = Event(
        message["at"],
        message["sn"],
        message["kind"],
        message.get("from"),
        message.get("to"),
        message["col"] if message["kind"] == "alarm" else None,
    )
    again = event_text(event, gateway=gateway, boot=message["boot"], clock=message.get("clk", 1))
    assert decode_event(again.encode("ascii"), RECEIVED_AT) == (gateway, entry)


def event_seeds() -> list[bytes]:
    """Give events of both kinds, with the clock set and not."""
    events = [
        Event(1782064800, "SN-1", "state", None, 0),
        Event(1782064800, "SN-1", "state", 0, 3),
        Event(1782064800, "SN-1", "alarm", 0, 2**31, "Evt1"),
        Event(1782064800, "SN-1", "alarm", 5, None, "VndFlt"),
    ]
    return [
        event_text(event, gateway="gw-0001", boot="5f", clock=clock).encode("ascii")
        for event in events
        for clock in (0, 1)
    ]


# Commands and what lies beside the queue ---------------------------------------------------------


def file_settings() -> Settings:
    """Give the settings of an owner who has two devices."""
    return from_tables(
        {
            "thing": "gw-0001",
            "outbox": "/nowhere/outbox.sqlite",
            "broker": {"host": "127.0.0.1", "port": 1},
            "device": [{"name": "roof", "host": "192.0.2.1"}],
        }
    )


OWNER = file_settings()


def check_command(data: bytes) -> None:
    """A command is refused with one line, or small, and the same after it was written anew."""
    try:
        command = parse(data)
    except MalformedCommand as error:
        one_line(error)
        return
    if isinstance(command, Resend):
        assert sum(last - first + 1 for first, last in command.ranges) <= 200
        message = {"v": 1, "do": "resend", "id": command.id, "seq": command.ranges}
        assert parse(json.dumps(message).encode("ascii")) == command
        return
    if isinstance(command, Renew):
        assert parse(json.dumps({"v": 1, "do": "renew", "id": command.id}).encode()) == command
        return
    message = {"v": 1, "do": "configure", "id": command.id, "set": command.changes}
    wire = json.dumps(message, separators=(",", ":")).encode("ascii")
    # What is written without blanks may still be longer: \\u escapes are, and floats.
    if len(wire) <= 8192:
        assert repr(parse(wire)) == repr(command)
    check_changes(command)


def check_changes(command: Configure) -> None:
    """Changes are refused with one line, or make settings that differ in what may be changed."""
    try:
        settings = merged(OWNER, command.changes)
        check_profiles(settings.devices)
    except SettingsError as error:
        one_line(error)
        return
    as_before = {"devices" if name == "device" else name for name in CHANGEABLE}
    back = replace(settings, **{name: getattr(OWNER, name) for name in as_before})
    assert back == OWNER, "something else was changed"
    state = State(good=command, refused=("x", "y"))
    assert repr(State.of(state.text())) == repr(state)


def check_state(data: bytes) -> None:
    """The file of the configuration from afar holds a state, or nothing but a ValueError comes."""
    text = data.decode("utf-8", errors="replace")
    try:
        state = State.of(text)
    except ValueError:
        return
    if state.trial is not None:
        assert 0 <= state.trial.left_s <= 600
    assert repr(State.of(state.text())) == repr(state)


def state_seeds() -> list[bytes]:
    """Give states of every shape."""
    commands = [c for wire in golden("golden_commands") if isinstance(c := parse(wire), Configure)]
    texts = [State().text(), State(refused=("a", "b")).text()]
    texts += [State(good=command).text() for command in commands]
    entries = json.loads(texts[-1])
    entries["trial"] = {"id": "x", "set": {}, "left_s": 600.0, "starts": 1}
    return [text.encode("ascii") for text in (*texts, json.dumps(entries))]


# Files in TOML -----------------------------------------------------------------------------------

FILES = tempfile.TemporaryDirectory(prefix="sunreeve-fuzz-")
WHERE = Path(FILES.name)


class Words:
    """Registers that say what a pattern says, all 65,536 of them."""

    def __init__(self, pattern: Sequence[int]) -> None:
        self.pattern = pattern

    def read(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        """Give the registers, wherever they are asked for."""
        assert 1 <= count <= 125
        assert 0 <= address <= 0x10000 - count
        assert 0 <= unit <= 255
        size = len(self.pattern)
        return tuple(self.pattern[(address + i) % size] for i in range(count))

    def close(self) -> None:
        """Let go of nothing."""


PATTERNS = ([0x4142], [0xFFFF], [0x8000, 0x4142], [0x7FF0, 0x4100, 3], [0x4742, 0, 1, 0x7FFF])


def check_profile(data: bytes) -> None:
    """A file is refused with one line, or a profile by which any registers make fitting values."""
    (WHERE / "blueprint.toml").write_bytes(data)
    try:
        profile = load_profile("blueprint", WHERE)
    except ProfileError as error:
        one_line(error, most=2 * len(data) + LONGEST_ERROR)  # a key may be long, and is escaped
        return
    check_reads(profile)
    for pattern in PATTERNS:
        poller = ProfilePoller(Words(pattern), profile)
        for at in (0, 3600):
            reading = poller.poll(at)
            if reading is not None:
                check_reading(reading)


def check_reads(profile: Profile) -> None:
    """Every register that a profile names is in a read, and no read is too long."""
    assert all(1 <= read.count <= 125 for read in profile.reads)
    assert all(0 <= read.address <= 0x10000 - read.count for read in profile.reads)
    for column in profile.columns:
        stem, _, digits = column.column.rpartition("_")
        assert column.column in COLUMNS or (f"{stem}_n" in COLUMNS and digits.isdecimal())
        for extent in column.extents:
            assert any(
                read.address <= extent.address
                and extent.address + extent.count <= read.address + read.count
                for read in profile.reads
            )
        known = {1 << to for to in (column.bits or {}).values()}
        for raised in range(16) if column.bits else ():
            told = column.value([[*[0] * (column.number.size - 1), 1 << raised]])
            assert told is None or told == 0 or told in known
        if column.bits is not None:
            raised_all = column.value([[0x7FFF] * column.number.size])
            assert raised_all is None or raised_all <= sum(known), "a bit that is none of ours"


def profile_seeds() -> list[bytes]:
    """Give the profiles that come with the agent, under the name that the file has here."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.toml"))]
    renamed = [re.sub(r'(?m)^name = ".*"', 'name = "blueprint"', text) for text in texts]
    bare = ["\n".join(re.sub(r"#.*", "", line) for line in text.splitlines()) for text in renamed]
    odd = [
        f"x = {'9' * 5000}",
        f"x = {'[' * 3000}",
        f'"a\\nb" = {"0x" + "f" * 5000}',
        bare[0].replace("bits = {", f"bits = {{{'9' * 5000} = 1, "),
        bare[0].replace("bits = {", 'bits = {"1\\n" = 1, '),
        bare[0].replace("bits = {", "bits = {0 = 1, 1 = 1, "),
        bare[0].replace("factor = ", f"factor = 0x{'f' * 5000} # "),
        bare[0].replace("blocks = [", f"blocks = [[0x{'f' * 5000}, 1],"),
    ]
    return [text.encode("utf-8") for text in (*renamed, *bare, *odd)]


def check_settings(data: bytes) -> None:
    """A file is refused with one line, or it makes settings."""
    path = WHERE / "agent.toml"
    path.write_bytes(data)
    try:
        settings = load_settings(path)
    except SettingsError as error:
        one_line(error)
        return
    assert 1 <= len(settings.devices) <= 32
    assert settings.window_s // settings.poll_s <= 1500


def settings_seeds() -> list[bytes]:
    """Give a settings file that is short and one that says everything."""
    short = 'thing = "gw"\noutbox = "/x"\n[broker]\nhost = "127.0.0.1"\n[[device]]\nname = "a"\n'
    short += 'host = "192.0.2.1"\n'
    full = (
        'thing = "gw-0001"\noutbox = "/x"\npoll_s = 60\nwindow_s = 3600\nlog = "info"\n'
        'clock = "kernel"\nkeep_days = 90\nkeep_mb = 64\nbackfill_per_s = 5.0\n'
        '[broker]\nhost = "example.org"\nport = 8883\nca = "/a"\ncert = "/b"\nkey = "/c"\n'
        '[[device]]\nname = "a"\nhost = "h"\nport = 502\nunit = 1\nrated_w = 5000\n'
        'timeout_s = 0.5\npause_s = 0.1\nserial = "SN"\n'
        '[[device]]\nname = "b"\nhost = "h"\nprofile = "solaredge_battery"\ndc_of = "a"\n'
    )
    odd = [
        short.replace("[broker]", f"poll_s = {'9' * 5000}\n[broker]"),
        short.replace("[broker]", f"poll_s = 0x{'f' * 5000}\n[broker]"),
        f"{short}profile = '/{'a' * 300}.toml'\n",
    ]
    return [text.encode("utf-8") for text in (short, full, *odd)]


# The queue ---------------------------------------------------------------------------------------

PLACES = (
    ("chunks", "payload"),
    ("devices", "name"),
    ("devices", "state"),
    ("meta", "name"),
)


def queue() -> Path:
    """Give the file of a queue with one row in each table; it is made at the first call."""
    path = WHERE / "queue.sqlite"
    if not path.exists():
        with closing(sqlite3.connect(path)) as db:
            for statement in CREATE:
                db.execute(statement)
            db.execute("INSERT INTO chunks (seq, t0, payload) VALUES (1, 0, x'7b7d')")
            db.execute("INSERT INTO devices (name, state) VALUES ('a', '{}')")
            db.execute("INSERT INTO meta (name, value) VALUES ('a', 1)")
            db.execute("INSERT INTO events (payload) VALUES (x'7b7d')")
            db.commit()
    return path


def check_queue(data: bytes) -> None:
    """A queue with anything in a cell is told as JSON, or it is damaged.

    The first byte says which cell, the second whether it holds bytes, a text or a number.
    """
    if len(data) < 2:
        return
    table, column = PLACES[data[0] % len(PLACES)]
    kinds = (data[2:], data[2:].decode("utf-8", "replace"), int.from_bytes(data[2:9], "big") - 9)
    with closing(sqlite3.connect(queue(), isolation_level=None)) as db:
        before = db.execute(f"SELECT {column} FROM {table}").fetchone()
        db.execute(f"UPDATE {table} SET {column} = ?", (kinds[data[1] % 3],))
        try:
            for tell in TELL:
                with suppress(QueueUnreadable), Inspection(queue()) as look:
                    json.dumps(tell(look))
        finally:
            db.execute(f"UPDATE {table} SET {column} = ?", before)


TELL: Sequence[Callable[[Inspection], object]] = (
    Inspection.counts,
    Inspection.notes,
    Inspection.states,
    lambda look: list(look.chunks()),
    Inspection.last_health,
    Inspection.integrity,
)


def queue_seeds() -> list[bytes]:
    """Give cells of each kind and place."""
    cells = [b"{}", b"[]", b"0", b"", b'{"quality":0}', b'{"quality":[]}', b"[" * 3000, b"\0\0\0"]
    cells += [zlib.compress(b'{"health":{"up":5}}')]
    return [
        bytes((place, kind)) + cell
        for place in range(len(PLACES))
        for kind in range(3)
        for cell in cells
    ]


# Registers ---------------------------------------------------------------------------------------


class Failing:
    """An image that also fails, by a list that is gone through again and again."""

    def __init__(self, words: Sequence[int], failures: Sequence[int]) -> None:
        self.image = Image(1, ((BASE, tuple(words)),))
        self.failures = failures
        self.asked = 0

    def read(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        """Give registers, or the failure whose turn it is: an exception code, or a short reply."""
        assert 1 <= count <= 125
        assert 0 <= address <= 0x10000 - count
        self.asked += 1
        assert self.asked < MOST_REQUESTS, "it asks without end"
        failure = self.failures[self.asked % len(self.failures)] if self.failures else 0
        if 0 < failure < 12:
            raise refused("x", failure)
        if failure == 12:
            raise ShortReply("x")
        return self.image.read(unit, address, count)

    def close(self) -> None:
        """Let go of nothing."""


def check_registers(data: bytes) -> None:
    """Any registers make a report in JSON, and readings that the cloud takes.

    The first byte says how many failures follow; what is left are registers from the marker on.
    """
    count = data[0] % 8 if data else 0
    failures, rest = data[1 : 1 + count], data[1 + count :]
    words = struct.unpack(f">{len(rest) // 2}H", rest[: len(rest) // 2 * 2])
    source = Failing([*MARKER, *words], failures)
    with suppress(ReadFailed):
        chain = scan(source, (1,))
        if chain is not None:
            assert len(json.dumps(scan_report("x", chain))) < 100_000
            json.dumps(read_report("x", source, chain), allow_nan=False)
            blocks, _ = chain_registers(source, chain)
            assert sum(len(found) for _, found in blocks) <= len(words) + 2
    poller = Poller(source, unit=1, serial="SN", label="1")
    for at in range(0, 3600 * 4, 3600):
        source.asked = 0
        reading = poller.poll(at)
        assert reading is not None
        check_reading(reading)


def check_reading(reading: Reading) -> None:
    """A reading fits into a chunk, and the cloud reads from it what the gateway put there."""
    window = Window(gateway="gw", boot="b", seq=1, t0=reading.at, dt=900, n=1, clock=1)
    chunk = decode(seal(window, [reading]))
    (device,) = chunk.devices
    assert (device.serial, device.layout) == (reading.serial, reading.layout)
    assert device.quality == (reading.quality,)
    told = {name: value for name, value in reading.values.items() if value is not None}
    assert {name: values[0] for name, values in device.columns.items()} == told


def register_seeds() -> list[bytes]:
    """Give images with one model each, all together, and one that fails."""
    seeds = []
    for number, model in sorted(MODELS.items()):
        length = model.group.own_length - 2
        if 0 < length < 400:
            body = [number, length, *([1] * length), END, 0]
            common = [1, 66, *([0x4142] * 66)]
            seeds.append(b"\0" + struct.pack(f">{len(common + body)}H", *common, *body))
    template = Template([(1, 0), (103, 0), (160, 12), (123, 0), (802, 0), (203, 0), (714, 3)])
    whole = template.filled(
        {"1.SN": "SN", "103.W": 5, "103.W_SF": 0, "160.DCW_SF": 0, "714.NPrt": 3, "714.DCW_SF": 0}
    )[2:]
    packed_words = struct.pack(f">{len(whole)}H", *whole)
    return [*seeds, b"\0" + packed_words, bytes((3, 0, 0, 2)) + packed_words]


# Frames ------------------------------------------------------------------------------------------


class Puppet:
    """A device on loopback that answers with the bytes it is told, and closes the door.

    The transaction of the question is added to the first two bytes, so that zeros are right.
    """

    def __init__(self) -> None:
        self.says = b""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, suppress(OSError):
                question = connection.recv(12)
                connection.sendall(bytes(map(int.__xor__, self.says[:2], question)) + self.says[2:])
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)


PUPPETS: list[Puppet] = []


def check_frames(data: bytes) -> None:
    """Any bytes are the right answer, whole and first, or a read that failed."""
    if not PUPPETS:
        PUPPETS.append(Puppet())
    (puppet,) = PUPPETS
    puppet.says = data
    source = Registers("127.0.0.1", puppet.port, 0.5)
    try:
        registers = source.read(7, 100, 2)
    except ReadFailed as error:
        one_line(error)
        return
    finally:
        source.close()
    assert len(registers) == 2
    # The first two bytes are the transaction, which is right where they are zero.
    right = bytes((0, 7, 7, 3, 4)) + struct.pack(">2H", *registers)
    assert right in data, "registers that were not sent"


def frame_seeds() -> list[bytes]:
    """Give right and wrong answers to a question for two registers."""

    def frame(body: bytes, transaction: int = 0, unit: int = 7, protocol: int = 0) -> bytes:
        head = struct.pack(">HHHB", transaction, protocol, len(body) + 1, unit)
        return head + body

    good = frame(b"\3\4\0\1\0\2")
    return [
        good,
        good * 2,
        good[:-1],
        good + b"\0",
        frame(b"\x83\2"),
        frame(b"\x83"),
        frame(b"\3"),
        frame(b"\3\4\0\1"),
        frame(b"\4\4\0\1\0\2"),
        frame(b"\3\5\0\1\0\2\0"),
        frame(b"\3\4\0\1\0\2", unit=8) + good,
        frame(b"\3\4\0\1\0\2", protocol=1),
        b"\0\0\0\0\xff\xff\7" + bytes(400),
    ]


ODD = ("null", "true", "[[", "{}", "-1", "1e9", "0", '""', "9223372036854775808", "\\ud800", "\\n")
JSON_TOKENS = (
    *sorted(
        {
            key.decode("ascii")
            for seed in (*chunk_seeds(), *event_seeds(), *golden("golden_commands"), *state_seeds())
            for key in re.findall(rb'"\w+":', seed)
        }
    ),
    *ODD,
)
TOML_TOKENS = (
    *(f"\n{key} = " for key in sorted({*HEAD, *SERIAL, *REGISTER})),
    *("[serial]", "\n[[register]]\n", *SIZES, *COLUMNS, "nan", "inf", "0x", "{0 = 1, 1 = 1}"),
    *ODD,
)
SETTINGS_TOKENS = (
    *(f"\n{field.name} = " for kind in (Settings, BrokerSettings, DeviceSettings)
      for field in fields(kind)),
    *("\n[[device]]\n", "\n[broker]\n", "nan", "inf", "0x", *ODD),
)  # fmt: skip

TARGETS: Mapping[str, Target] = {
    "chunk": Target(check_chunk, chunk_seeds, 8192, JSON_TOKENS),
    "event": Target(check_event, event_seeds, 4200, JSON_TOKENS),
    "command": Target(check_command, lambda: golden("golden_commands"), 8300, JSON_TOKENS),
    "state": Target(check_state, state_seeds, 8192, JSON_TOKENS),
    "profile": Target(check_profile, profile_seeds, 16_384, TOML_TOKENS),
    "settings": Target(check_settings, settings_seeds, 8192, SETTINGS_TOKENS),
    "queue": Target(check_queue, queue_seeds, 4096, JSON_TOKENS),
    "registers": Target(check_registers, register_seeds, 4096),
    "frames": Target(check_frames, frame_seeds, 1024),
}


def seeds_of(name: str) -> Iterator[tuple[str, bytes]]:
    """Give the seeds of a target, each with the name of its file."""
    for number, seed in enumerate(TARGETS[name].seeds()):
        yield f"seed-{number:03}", seed


def tokens_of(name: str) -> str:
    """Give what inputs of a target may be made of, in the fuzzer's own format."""
    escaped = ("".join(f"\\x{byte:02x}" for byte in t.encode()) for t in TARGETS[name].tokens)
    return "".join(f'"{token}"\n' for token in escaped)
