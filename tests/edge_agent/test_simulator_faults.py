"""The simulator misbehaves as it says: on the wire for each kind, in the registers for masks."""

import socket
import struct
import time

import pytest

from edge_agent.simulator.image import Image, Template
from edge_agent.simulator.server import Misbehaviour, Server, Spell
from edge_agent.sunspec.report import read_report
from edge_agent.sunspec.scan import scan

NUMBERED = Image(1, ((0, tuple(range(1000))),))


class Caller:
    """A client that writes questions and looks at the bytes that come, and when."""

    def __init__(self, number: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", number), timeout=1.0)
        self.number = 0

    def ask(self, address: int, count: int = 2) -> None:
        self.number += 1
        self.socket.sendall(struct.pack(">HHHBBHH", self.number, 0, 6, 1, 3, address, count))

    def hear(self, wait_s: float = 1.0) -> bytes:
        self.socket.settimeout(wait_s)
        try:
            return self.socket.recv(4096)
        except TimeoutError:
            return b""

    def hear_all(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self.hear() or b"?"
        return data

    def answer(self, address: int, count: int = 2) -> bytes:
        self.ask(address, count)
        return self.hear()


def frame(number: int, *words: int) -> bytes:
    body = struct.pack(f">BBB{len(words)}H", 1, 3, 2 * len(words), *words)
    return struct.pack(">HHH", number, 0, len(body)) + body


def refusal(number: int, code: int) -> bytes:
    return struct.pack(">HHHBBB", number, 0, 3, 1, 0x83, code)


@pytest.fixture
def served():
    with Server(lambda: 0.0) as server:
        port = server.add(NUMBERED)
        port.pace = 0.1
        caller = Caller(port.number)
        yield port, caller
        caller.socket.close()


def test_late_falls_into_the_next_question(served):
    port, caller = served
    port.misbehaviour = Misbehaviour.LATE
    caller.ask(100)
    assert caller.hear(0.02) == b""
    caller.ask(200)
    assert caller.hear() == frame(2, 200, 201)
    assert caller.hear() == frame(1, 100, 101)
    for i in range(5):
        assert caller.answer(300)[:2] == struct.pack(">H", 3 + i)
    caller.ask(400)
    assert caller.hear(0.02) == b"", "the eighth is late again"


def test_short_has_a_byte_count_that_fits(served):
    port, caller = served
    port.misbehaviour = Misbehaviour.SHORT
    assert caller.answer(100, 4) == frame(1, 100, 101, 102)


def test_foreign_has_the_number_of_the_question_after(served):
    port, caller = served
    port.misbehaviour = Misbehaviour.FOREIGN
    assert caller.answer(100) == frame(2, 100, 101)


def test_busy_comes_in_a_short_burst_and_a_long_one(served):
    port, caller = served
    port.misbehaviour = Misbehaviour.BUSY
    heard = [caller.answer(100) == refusal(i + 1, 6) for i in range(15)]
    assert "".join("b" if busy else "." for busy in heard) == "bb.....bbbb...."


def test_rst_cuts_a_frame(served):
    port, caller = served
    port.misbehaviour = Misbehaviour.RST
    assert caller.answer(100) == frame(1, 100, 101)
    assert caller.answer(100) == frame(2, 100, 101)
    caller.ask(100)
    with pytest.raises(ConnectionResetError):
        assert len(caller.hear_all(13)) < 13


def test_torn_comes_in_pieces_twice_and_glued(served):
    port, caller = served
    port.misbehaviour = Misbehaviour.TORN
    port.pace = 1.0
    caller.ask(100)
    first = caller.hear()
    assert 0 < len(first) < 13
    assert first + caller.hear_all(13 - len(first)) == frame(1, 100, 101)
    port.pace = 0.0
    heard = []
    for address, length in ((200, 13), (300, 26), (400, 13), (500, 13), (600, 11), (700, 15)):
        caller.ask(address)
        heard.append(caller.hear_all(length))
    assert heard[0] == frame(2, 200, 201)
    assert heard[1] == frame(2, 200, 201) + frame(3, 300, 301)
    assert heard[4] == frame(6, 600, 601)[:-2]
    assert heard[5] == frame(6, 600, 601)[-2:] + frame(7, 700, 701)


def test_silence_and_slow(served):
    port, caller = served
    port.misbehaviour = Misbehaviour.SILENT
    caller.ask(100)
    assert caller.hear(0.05) == b""
    port.misbehaviour = Misbehaviour.SLOW
    began = time.monotonic()
    assert caller.answer(100) == frame(2, 100, 101)
    assert time.monotonic() - began > 0.1


def test_spells_begin_end_and_overlap(served):
    port, caller = served
    port.spells = (Spell(Misbehaviour.SHORT, 1, 4), Spell(Misbehaviour.FOREIGN, 2, 3))
    heard = [caller.answer(100) for _ in range(5)]
    assert heard == [
        frame(1, 100, 101),
        frame(2, 100),
        frame(4, 100),
        frame(4, 100),
        frame(5, 100, 101),
    ]


SCALED = {"W": -1, "WH": 0, "DCW": 0, "A": -2}


@pytest.fixture
def inverter():
    template = Template([(1, 0), (103, 0), (160, 2)])
    values = {"1.SN": "SN-1", "103.W": 1234, "103.WH": 5_000_000, "103.St": 4, "103.DCW": -3}
    values |= {"103.A": 32_000, "160.DCWH.1": 77, "160.DCW.2": 900, "160.N": 2}
    values |= {"160.DCW_SF": 0, "160.DCWH_SF": 3} | {f"103.{k}_SF": v for k, v in SCALED.items()}
    with Server(lambda: 0.0) as server:
        yield server.add(Image(1, ((40000, tuple(template.filled(values))),)))


class Direct:
    """The registers of a port without its socket; the mask sees every read."""

    def __init__(self, port) -> None:
        self.port = port

    def read(self, unit, address, count):
        return self.port.masked_read(unit, address, count, self.port.begin())

    def close(self):
        pass


def points(port) -> dict:
    port.misbehaviour, kind = Misbehaviour.NONE, port.misbehaviour
    chain = scan(Direct(port), (1,))
    port.misbehaviour = kind
    port.spells = ()
    return {
        (model["model"], name): point
        for model in read_report("", Direct(port), chain)["models"]
        for name, point in model["points"].items()
    }


def test_flipped_scales_say_the_same(inverter):
    before = points(inverter)
    inverter.misbehaviour = Misbehaviour.FLIP_SF
    after = points(inverter)
    assert (after[103, "W"]["raw"], after[103, "W_SF"]["raw"]) == (12340, -2)
    assert (after[103, "DCW"]["raw"], after[103, "DCW_SF"]["raw"]) == (-30, -1)
    assert after[103, "A_SF"]["raw"] == -2, "there is no room for ten times as many amperes"
    assert (after[160, "module"][0]["DCWH"]["raw"], after[160, "DCWH_SF"]["raw"]) == (770, 2)
    for key, point in before.items():
        if not key[1].endswith("_SF") and key[1] != "module":
            assert after[key]["value"] == point["value"], key


def test_scales_flip_between_requests(inverter):
    inverter.misbehaviour = Misbehaviour.FLIP_SF
    offset = 40000 + 2 + 68 + 2 + 13
    seen = [Direct(inverter).read(1, offset, 1)[0] for _ in range(35)]
    assert [word - 65536 for word in seen[::7]] == [-2, -2, -2, -1, -2]


def test_at_night_only_counters_are_left_and_are_zero_once(inverter):
    inverter.misbehaviour = Misbehaviour.NIGHT
    dark = points(inverter)
    assert dark[103, "WH"]["value"] == 5_000_000
    assert [dark[103, name]["value"] for name in ("W", "A", "St", "DCW")] == [None] * 4
    assert dark[103, "W_SF"]["raw"] == -1
    words = [Direct(inverter).read(1, 40000 + 2 + 68 + 2 + 22, 2) for _ in range(12)]
    assert sum(both == (0, 0) for both in words) == 2
