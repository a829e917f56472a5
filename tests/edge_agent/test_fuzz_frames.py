"""Devices on loopback that send anything at all: a read is right or has failed, and it ends."""

import random  # noqa: TID251 - hypothesis draws the seed and prints it
import socket
import struct
import threading
import time
import tracemalloc
from contextlib import closing, suppress

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from cloud.telemetry.chunk import decode
from edge_agent.modbus import Registers
from edge_agent.poll import Poller
from edge_agent.reading import Reading, Window, seal
from edge_agent.simulator.image import Template
from edge_agent.source import ReadFailed
from edge_agent.sunspec.report import chain_registers, read_report
from edge_agent.sunspec.scan import scan

TIMEOUT_S = 0.05
PATIENT_S = 0.4
"""For what comes in many pieces: a busy machine may take its time over them."""
MB = 2**20
UNIT = 7

pytestmark = pytest.mark.timeout(120)


class FreeDevice:
    """Answers each question with what `answer(number, question, right)` gives.

    That is a list of bytes to send, seconds to wait, and None to close the door; `right` is the
    right answer. Registers hold their own address, unless there are `words`.
    """

    def __init__(self, answer, words=None, base=40_000) -> None:
        self.answer = answer
        self.asked = 0
        self._words = words
        self._base = base
        self._stopping = threading.Event()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def stop(self) -> None:
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def right(self, question: bytes) -> bytes:
        head, unit, (address, count) = (
            question[:2],
            question[6:7],
            struct.unpack_from(">HH", question, 8),
        )
        if self._words is None:
            words = [(address + i) & 0xFFFF for i in range(count)]
        else:
            words = self._words[max(0, address - self._base) :][:count]
            if address < self._base or len(words) < count:
                return head + b"\0\0\0\3" + unit + b"\x83\2"
        body = struct.pack(f">BB{count}H", 3, 2 * count, *words)
        return head + struct.pack(">HH", 0, len(body) + 1) + unit + body

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, suppress(OSError):
            while len(question := connection.recv(12)) == 12:
                number, self.asked = self.asked, self.asked + 1
                for step in self.answer(number, question, self.right(question)):
                    if step is None or self._stopping.is_set():
                        return
                    if isinstance(step, bytes):
                        connection.sendall(step)
                    elif self._stopping.wait(step):
                        return


@pytest.fixture
def device_of():
    started = []

    def make(answer, **entries):
        started.append(FreeDevice(answer, **entries))
        return started[-1]

    yield make
    for device in started:
        device.stop()


def expect_right(source, address, count):
    assert source.read(UNIT, address, count) == tuple(range(address, address + count))


def cut(chance, frame):
    return [frame[: chance.randrange(len(frame))]]


def flipped(chance, frame):
    changed = bytearray(frame)
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(min(len(frame), chance.choice([9, 300])))] ^= chance.randint(
            1, 255
        )
    return [bytes(changed)]


def of_another_length(chance, frame):
    length = chance.choice([0, 1, 2, 3, 255, 256, 260, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF])
    return [frame[:4] + struct.pack(">H", length) + frame[6:]]


def of_another_byte_count(chance, frame):
    return [frame[:8] + bytes((chance.randrange(256),)) + frame[9:]]


def glued(chance, frame):
    others = b"".join(chance.randbytes(chance.randrange(30)) for _ in range(3))
    return [others + frame if chance.random() < 0.5 else frame + others]


def behind_others(chance, frame):
    """Whole frames of other transactions or units, then the right one."""
    before = b""
    for _ in range(chance.randint(1, 4)):
        body = chance.randbytes(chance.randint(2, 20))
        tid, unit = chance.choice([(frame[:2], b"\xee"), (b"\xf0\xf0", frame[6:7])])
        before += tid + struct.pack(">HH", 0, len(body) + 1) + unit + body
    return [before + frame]


def in_pieces(chance, frame):
    parts = []
    while frame:
        size = chance.randint(1, len(frame))
        parts += [frame[:size], 0.001]
        frame = frame[size:]
    return parts


def exceptional(chance, frame):
    return [frame[:4] + b"\0\3" + frame[6:7] + bytes((0x83, chance.randrange(256)))]


def anything(chance, frame):
    return [chance.randbytes(chance.randrange(300)) for _ in range(chance.randrange(4))]


DAMAGES = (
    *(cut, flipped, of_another_length, of_another_byte_count, glued, behind_others),
    *(in_pieces, exceptional, anything),
)


@with_settings(max_examples=90, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(DAMAGES),
    st.integers(0, 2**32),
    st.integers(1, 125),
    st.booleans(),
)
def test_a_read_is_right_or_has_failed_and_the_next_good_answer_is_read(
    damage, seed, count, closes
):
    """Modbus/TCP has no checksum: what has the right head, and is as long as it says, is one."""
    chance = random.Random(seed)
    heads, sent = [], []

    def answer(number, question, right):
        if number > 0:
            return [right]
        steps = damage(chance, right)
        heads.append(right[:9])
        sent.append(b"".join(step for step in steps if isinstance(step, bytes)))
        return [*steps, *([None] if closes else [])]

    device = FreeDevice(answer)
    try:
        with closing(Registers("127.0.0.1", device.port, TIMEOUT_S)) as source:
            try:
                registers = source.read(UNIT, 100, count)
            except ReadFailed:
                pass
            else:
                # One that said it was busy was asked again, and then gave the right answer.
                is_right = registers == tuple(range(100, 100 + count))
                assert is_right or heads[0] + struct.pack(f">{count}H", *registers) in sent[0]
            if closes:
                source.close()  # a door that closes behind a good answer has a test of its own
            for address in (300, 400):
                with Patience():
                    expect_right(source, address, count)
    finally:
        device.stop()


@pytest.mark.parametrize("damage", [behind_others, in_pieces])
def test_what_leaves_the_answer_whole_does_no_harm(device_of, damage):
    """So that the test above cannot pass by refusing everything."""
    chance = random.Random(5)
    device = device_of(lambda number, question, right: damage(chance, right))
    with closing(Registers("127.0.0.1", device.port, PATIENT_S)) as source:
        for address in range(0, 200, 10):
            expect_right(source, address, 3)


class Patience:
    """Lets a machine that is busy for longer than a time-out be so, and nothing else."""

    def __enter__(self):
        self.began = time.monotonic()

    def __exit__(self, kind, error, _):
        return isinstance(error, ReadFailed) and time.monotonic() - self.began >= TIMEOUT_S


def without_end(piece, most=float("inf")):
    """Send a piece again and again for as long as somebody listens, or up to so many bytes."""

    def answer(number, question, right):
        if number > 0:
            yield right
            return
        tid, unit = question[:2], question[6:7]
        shown = piece.replace(b"TT", tid).replace(b"U", unit)
        shown *= 1 + 4096 // len(shown)
        sent = 0
        while sent < most:
            yield shown
            sent += len(shown)
        yield None

    return answer


ENDLESS = {
    "zeros": b"\0",
    "letters": b"SSH-2.0-dropbear\r\n",
    "frames of another transaction": b"\xf0\xf0\0\0\0\7U\3\4\0\1\0\2",
    "frames of another unit": b"TT\0\0\0\7\xee\3\4\0\1\0\2",
    "one frame of the greatest length": b"TT\0\0\xff\xffU\3",
    "another protocol": b"TT\0\1\0\7U\3\4\0\1\0\2",
    "another function": b"TT\0\0\0\7U\4\4\0\1\0\2",
}


@pytest.mark.parametrize("piece", ENDLESS.values(), ids=ENDLESS.keys())
def test_an_endless_answer_ends_with_the_time_out(device_of, piece):
    device = device_of(without_end(piece))
    with closing(Registers("127.0.0.1", device.port, PATIENT_S)) as source:
        began = time.monotonic()
        with pytest.raises(ReadFailed):
            source.read(UNIT, 100, 2)
        # Connecting, the first byte and the last may take a time-out each; the rest is generous.
        assert time.monotonic() - began < 3 * PATIENT_S + 5
        expect_right(source, 100, 2)
        assert device.asked == 2


@pytest.mark.parametrize("name", ENDLESS)
def test_megabytes_of_an_answer_are_not_kept(device_of, name):
    """A frame has 260 bytes at most, and its length can say 64 KiB."""
    device = device_of(without_end(ENDLESS[name], most=2 * MB))
    with closing(Registers("127.0.0.1", device.port, 2.0)) as source:
        tracemalloc.start()
        try:
            with pytest.raises(ReadFailed):
                source.read(UNIT, 100, 2)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < MB // 2, f"{most} bytes were held at once"


def test_a_device_that_closes_the_door_behind_each_answer_is_read(device_of):
    """Many close a connection on which nothing was asked for a while, and open at once again."""
    device = device_of(lambda number, question, right: [right, None])
    with closing(Registers("127.0.0.1", device.port, PATIENT_S)) as source:
        for address in range(0, 50, 10):
            expect_right(source, address, 3)
            time.sleep(0.02)


@pytest.mark.parametrize("length", [0, 1, 2, 255, 0x7FFF, 0xFFFF])
def test_a_length_that_is_not_kept_is_no_answer(device_of, length):
    def answer(number, question, right):
        lying = right[:4] + struct.pack(">H", length) + right[6:]
        return [lying if number == 0 else right]

    device = device_of(answer)
    with closing(Registers("127.0.0.1", device.port, TIMEOUT_S)) as source:
        with pytest.raises(ReadFailed):
            source.read(UNIT, 100, 4)
        expect_right(source, 200, 4)


TEMPLATE = Template([(1, 0), (103, 0), (160, 12), (123, 0), (802, 0), (203, 0), (714, 3)])
IMAGE = TEMPLATE.filled(
    {"1.SN": "SN", "103.W": 5, "103.W_SF": 0, "160.DCW_SF": 0, "714.NPrt": 3, "714.DCW_SF": 0}
)
BROKEN_IN = {
    "cut": lambda chance, right: [right[: chance.randrange(len(right))], None],
    "of another length": lambda chance, right: [
        right[:4] + struct.pack(">H", chance.randrange(0x10000)) + right[6:],
        None,
    ],
    "noise": lambda chance, right: [chance.randbytes(chance.randrange(300)), None],
    "another transaction": lambda chance, right: [chance.randbytes(2) + right[2:], None],
    "another unit": lambda chance, right: [right[:6] + b"\xee" + right[7:], None],
    "shorter": lambda chance, right: [right[:5] + b"\5" + right[6:8] + b"\2\0\0", None],
    "a refusal": lambda chance, right: [
        right[:4] + b"\0\3" + right[6:7] + bytes((0x83, chance.choice([1, 2, 3, 4, 10, 11])))
    ],
    "hung up": lambda chance, right: [None],
    "right behind noise": lambda chance, right: [b"\xf0\xf0\0\0\0\3\1\x83\2" + right],
    "right in pieces": lambda chance, right: [right[:5], 0.001, right[5:]],
}


@with_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.sampled_from([0.05, 0.3, 0.9]))
def test_scan_report_and_poll_of_a_device_of_broken_frames(seed, share):
    """What they say is of the image, or nothing; a device that mends its ways is read."""
    chance = random.Random(seed)

    def answer(number, question, right):
        if chance.random() >= share:
            return [right]
        return BROKEN_IN[chance.choice(sorted(BROKEN_IN))](chance, right)

    device = FreeDevice(answer, words=IMAGE)
    try:
        with closing(Registers("127.0.0.1", device.port, PATIENT_S)) as source:
            with suppress(ReadFailed):
                chain = scan(source, (UNIT,))
                if chain is not None:
                    read_report("x", source, chain)
                    for start, words in chain_registers(source, chain)[0]:
                        place = start - chain.base
                        assert words == tuple(IMAGE[place : place + len(words)])
            assert device.asked < 500
            poller = Poller(source, unit=UNIT, serial="SN", label="1.103")
            for at in range(0, 3600 * 5, 3600):
                reading = poller.poll(at)
                assert isinstance(reading, Reading)
                assert reading.values.get("W") in {5, None}
            # A refusal is believed until the layout is looked over, once a day.
            device.answer = lambda number, question, right: [right]
            told = [poller.poll(2 * 86_400 + at) for at in range(0, 86_400, 3600 * 6)]
            assert told[-1].values["W"] == 5
            assert told[-1].layout == "1.103.160.123.802.203.714"
    finally:
        device.stop()


def test_a_device_that_never_answered_does_not_spoil_the_chunk_of_the_others(device_of):
    device = device_of(lambda number, question, right: [None])
    with closing(Registers("127.0.0.1", device.port, TIMEOUT_S)) as source:
        poller = Poller(source, wanted_serial="SN-1")
        silent = [reading for reading in (poller.poll(0), poller.poll(900)) if reading]
    others = Reading("SN-2", 0, 0, "1.103", {"W": 5})
    window = Window(gateway="gw", boot="b", seq=1, t0=0, dt=900, n=1, clock=1)
    chunk = decode(seal(window, [others, *silent]))
    assert poller.why
    assert [device.columns for device in chunk.devices if device.serial == "SN-2"] == [{"W": (5,)}]


def test_a_device_that_never_stops_talking_costs_no_memory(device_of):
    """A hundred reads of it leave nothing behind."""
    device = device_of(lambda number, question, right: [b"\0" * 20_000, None])
    with closing(Registers("127.0.0.1", device.port, PATIENT_S)) as source:
        for _ in range(5):
            with suppress(ReadFailed):
                source.read(UNIT, 0, 2)
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(100):
                with suppress(ReadFailed):
                    source.read(UNIT, 0, 2)
            device.asked = 0
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert after - before < MB
