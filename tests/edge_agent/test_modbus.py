"""What is taken for an answer, against a device that answers byte for byte what a test says."""

import ast
import socket
import struct
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

import edge_agent
from edge_agent.modbus import HEAD, Registers, frame_from
from edge_agent.source import (
    Busy,
    DeviceRefused,
    IllegalAddress,
    NoReply,
    ReadFailed,
    ShortReply,
    Unreachable,
)

TIMEOUT_S = 0.15


class Question:
    """A request, and the frames that could answer it."""

    def __init__(self, frame: bytes, number: int) -> None:
        self.number = number
        self.tid, _, _, self.unit, self.function, self.address, self.count = struct.unpack(
            ">HHHBBHH", frame
        )

    def body(self, first: int | None = None, count: int | None = None) -> bytes:
        start = self.address if first is None else first
        words = [(start + i) & 0xFFFF for i in range(self.count if count is None else count)]
        return bytes((3, 2 * len(words))) + struct.pack(f">{len(words)}H", *words)

    def frame(self, body=None, tid=None, unit=None, length=None, protocol=0) -> bytes:
        body = self.body() if body is None else body
        return (
            struct.pack(
                ">HHHB",
                self.tid if tid is None else tid,
                protocol,
                len(body) + 1 if length is None else length,
                self.unit if unit is None else unit,
            )
            + body
        )

    def exception(self, code: int) -> bytes:
        return self.frame(bytes((0x83, code)))


class Device:
    """Asks `answer` for a list of bytes to send (or seconds to wait) for each question."""

    def __init__(self, answer) -> None:
        self.answer = answer
        self.questions: list[Question] = []
        self.times: list[float] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self._stopping = threading.Event()

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

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            try:
                while len(frame := connection.recv(12)) == 12:
                    question = Question(frame, len(self.questions))
                    self.questions.append(question)
                    self.times.append(time.monotonic())
                    for step in self.answer(question):
                        if step is None:
                            return
                        if isinstance(step, bytes):
                            connection.sendall(step)
                        elif self._stopping.wait(step):
                            return
            except OSError:
                return


@pytest.fixture
def serve():
    """Make a device and the registers that read it: `answer`, and what Registers takes."""
    started: list = []

    def make(answer, timeout_s=TIMEOUT_S, **entries):
        device = Device(answer)
        source = Registers("127.0.0.1", device.port, timeout_s, **entries)
        started.extend((source, device))
        return device, source

    yield make
    for thing in started:
        (thing.close if isinstance(thing, Registers) else thing.stop)()


def right(question):
    return [question.frame()]


def first_then_right(odd):
    return lambda question: odd(question) if question.number == 0 else right(question)


ODD_REPLIES = {
    "silence": (lambda q: [], NoReply),
    "a late reply": (lambda q: [2 * TIMEOUT_S, q.frame(q.body(first=9000))], NoReply),
    "another transaction": (lambda q: [q.frame(tid=q.tid + 1)], NoReply),
    "transaction zero": (lambda q: [q.frame(tid=0)], NoReply),
    "another unit": (lambda q: [q.frame(unit=q.unit + 1)], NoReply),
    "unit zero": (lambda q: [q.frame(unit=0)], NoReply),
    "another protocol": (lambda q: [q.frame(protocol=1)], NoReply),
    "input registers": (lambda q: [q.frame(b"\4" + q.body()[1:])], NoReply),
    "exception of another function": (lambda q: [q.frame(bytes((0x84, 2)))], NoReply),
    "an unknown function": (lambda q: [q.frame(b"\x63" + q.body()[1:])], NoReply),
    "an echo of the question": (
        lambda q: [q.frame(struct.pack(">BHH", 3, q.address, q.count))],
        ReadFailed,
    ),
    "one register too few": (lambda q: [q.frame(q.body(count=q.count - 1))], ShortReply),
    "one register too many": (lambda q: [q.frame(q.body(count=q.count + 1))], ShortReply),
    "no registers": (lambda q: [q.frame(b"\3\0")], ReadFailed),
    "a byte count that is odd": (
        lambda q: [q.frame(bytes((3, 2 * q.count + 1)) + q.body()[2:] + b"\7")],
        ShortReply,
    ),
    "a frame longer than its byte count": (lambda q: [q.frame(q.body() + b"\0\1")], ShortReply),
    "a frame shorter than its byte count": (lambda q: [q.frame(q.body()[:-2])], NoReply),
    "a torn frame": (lambda q: [q.frame()[:-3]], NoReply),
    "a torn frame and a closed door": (lambda q: [q.frame()[:11], None], Unreachable),
    "a closed door": (lambda q: [None], Unreachable),
    "half of a head": (lambda q: [q.frame()[:5]], NoReply),
    "a length of zero": (lambda q: [q.frame(length=0)], ReadFailed),
    "letters": (lambda q: [b"HTTP/1.1 400 Bad Request\r\n\r\n"], NoReply),
    "an address it has not": (lambda q: [q.exception(2)], IllegalAddress),
    "a failure": (lambda q: [q.exception(4)], DeviceRefused),
}


@pytest.mark.parametrize(("odd", "error"), ODD_REPLIES.values(), ids=ODD_REPLIES.keys())
def test_an_odd_reply_is_refused_and_the_next_answer_is_right(serve, odd, error):
    _, source = serve(first_then_right(odd))
    with pytest.raises(error):
        source.read(7, 100, 4)
    for address in (200, 300):
        assert source.read(7, address, 4) == tuple(range(address, address + 4))


@pytest.mark.parametrize("name", [name for name in ODD_REPLIES if "it has" not in name])
def test_after_a_failure_the_connection_is_thrown_away(serve, name):
    odd, error = ODD_REPLIES[name]
    device, source = serve(first_then_right(odd))
    with pytest.raises(error):
        source.read(7, 100, 4)
    source.read(7, 200, 4)
    assert device.connections == (1 if name == "a failure" else 2)


def test_a_refusal_keeps_the_connection(serve):
    device, source = serve(first_then_right(lambda q: [q.exception(2)]))
    with pytest.raises(IllegalAddress):
        source.read(1, 5, 1)
    assert source.read(1, 6, 1) == (6,)
    assert device.connections == 1


GOOD_THOUGH_ODD = {
    "in single bytes": lambda q: [bytes((byte,)) for byte in q.frame()],
    "in two parts": lambda q: [q.frame()[:9], 0.02, q.frame()[9:]],
    "behind an old frame": lambda q: [q.frame(q.body(first=9000), tid=q.tid + 900) + q.frame()],
    "behind a frame of another unit": lambda q: [
        q.frame(q.body(first=9000), unit=q.unit + 1),
        q.frame(),
    ],
    "twice, glued": lambda q: [q.frame() * 2],
    "twice, apart": lambda q: [q.frame(), 0.01, q.frame()],
    "glued to half of another": lambda q: [q.frame() + q.frame(q.body(first=9000))[:8]],
}


@pytest.mark.parametrize("odd", GOOD_THOUGH_ODD.values(), ids=GOOD_THOUGH_ODD.keys())
def test_the_right_answer_is_found_however_it_comes(serve, odd):
    _, source = serve(odd)
    for address in range(0, 100, 10):
        assert source.read(7, address, 5) == tuple(range(address, address + 5))


def test_many_time_outs_in_a_row_are_each_a_time_out(serve):
    _, source = serve(lambda q: [] if q.number < 8 else right(q), timeout_s=0.05)
    for _ in range(8):
        with pytest.raises(NoReply):
            source.read(1, 0, 2)
    assert source.read(1, 0, 2) == (0, 1)


def test_a_device_that_sends_a_byte_now_and_then_is_given_up(serve):
    _, source = serve(lambda q: [part for byte in q.frame() for part in (bytes((byte,)), 0.08)])
    with pytest.raises(NoReply):
        source.read(1, 0, 4)


def test_a_busy_device_is_asked_again(serve):
    device, source = serve(lambda q: [q.exception(6)] if q.number < 2 else right(q), timeout_s=0.5)
    assert source.read(1, 40, 2) == (40, 41)
    assert len(device.questions) == 3
    assert device.connections == 1
    first, second = (b - a for a, b in zip(device.times, device.times[1:], strict=False))
    assert first >= 0.1
    assert second >= 0.2
    assert source.traffic().exceptions == 2


@pytest.mark.parametrize("code", [5, 6])
def test_a_device_that_stays_busy_is_left_alone(serve, code):
    device, source = serve(lambda q: [q.exception(code)], timeout_s=0.5)
    with pytest.raises(Busy):
        source.read(1, 40, 2)
    assert len(device.questions) == 3


def test_asking_again_ends_with_the_patience_of_the_caller(serve):
    device, source = serve(lambda q: [q.exception(6)], timeout_s=0.05)
    with pytest.raises(Busy):
        source.read(1, 40, 2)
    assert len(device.questions) == 1


def test_a_refusal_is_not_asked_again(serve):
    device, source = serve(lambda q: [q.exception(2)])
    with pytest.raises(IllegalAddress):
        source.read(1, 40, 2)
    assert len(device.questions) == 1


@pytest.mark.parametrize("delay_s", [0, 0.02])
def test_a_device_that_closes_after_each_answer_is_read(serve, delay_s):
    device, source = serve(lambda q: [q.frame(), delay_s, None])
    for address in range(0, 100, 10):
        assert source.read(1, address, 2) == (address, address + 1)
    assert device.connections == 10


def test_a_used_connection_that_is_closed_instead_of_an_answer_is_opened_anew_once(serve):
    device, source = serve(lambda q: [None] if q.number in {1, 4, 5} else right(q))
    assert [source.read(1, address, 1) for address in (1, 2, 3)] == [(1,), (2,), (3,)]
    with pytest.raises(Unreachable):
        source.read(1, 4, 1)
    assert source.read(1, 5, 1) == (5,)
    assert (len(device.questions), device.connections) == (7, 4)


def test_a_used_connection_that_breaks_within_an_answer_is_not_asked_again(serve):
    device, source = serve(lambda q: [q.frame()[:11], None] if q.number == 1 else right(q))
    source.read(1, 1, 2)
    with pytest.raises(Unreachable):
        source.read(1, 2, 2)
    assert len(device.questions) == 2


def test_a_device_that_needs_a_rest_gets_it_also_after_connecting(serve):
    device, source = serve(right, pause_s=0.05)
    begun = time.monotonic()
    for _ in range(3):
        source.read(1, 0, 1)
    steps = [b - a for a, b in zip([begun, *device.times], device.times, strict=False)]
    assert min(steps) >= 0.05


def test_two_devices_at_one_address_share_the_connection_and_keep_their_times(serve):
    device, source = serve(lambda q: [0.15, *right(q)] if q.unit == 2 else right(q), 0.05)
    slow = source.beside(timeout_s=1.0)
    assert source.read(1, 10, 1) == (10,)
    assert slow.read(2, 20, 1) == (20,)
    assert device.connections == 1
    with pytest.raises(NoReply):
        source.read(2, 30, 1)
    assert slow.read(2, 40, 1) == (40,)
    assert (source.traffic().requests, slow.traffic().requests) == (2, 2)
    assert (source.traffic().timeouts, slow.traffic().timeouts) == (1, 0)


def test_what_went_over_the_wire_is_counted(serve):
    _, source = serve(
        lambda q: {
            0: [q.exception(2)],
            1: [],
            2: [None],
            3: [q.frame(q.body(count=1))],
        }.get(q.number, [0.02, *right(q)])
    )
    assert source.traffic() == (0, 0, 0, 0, 0, None, None)
    for _ in range(4):
        with pytest.raises(ReadFailed):
            source.read(1, 0, 2)
    for _ in range(120):
        source.read(1, 0, 2) if source.traffic().requests < 9 else None
    told = source.traffic()
    assert told[:5] == (9, 1, 1, 1, 1)
    assert 20 <= told.median_ms <= told.p95_ms


def test_nobody_at_the_address_is_unreachable():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with closing(Registers("127.0.0.1", port, TIMEOUT_S)) as source:
        with pytest.raises(Unreachable) as caught:
            source.read(1, 0, 1)
        assert not isinstance(caught.value, NoReply)
        assert f"127.0.0.1:{port}" in str(caught.value)
        assert source.traffic().broken == 1


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".invalid"])
def test_a_name_that_cannot_be_one_is_unreachable(host):
    with closing(Registers(host, 502, TIMEOUT_S)) as source, pytest.raises(Unreachable):
        source.read(1, 0, 1)


def test_closing_from_another_thread_ends_a_read_that_waits(serve):
    asked = threading.Event()
    device, source = serve(lambda q: asked.set() or [], timeout_s=10.0)
    outcome: list[BaseException] = []

    def read():
        try:
            source.read(1, 0, 1)
        except ReadFailed as error:
            outcome.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    assert asked.wait(5)
    source.close()
    thread.join(5)
    assert not thread.is_alive()
    assert isinstance(outcome[0], Unreachable)
    device.answer = right
    assert source.read(1, 3, 1) == (3,)


@with_settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=5), st.binary(max_size=12))
def test_the_frame_with_a_head_is_found_behind_whole_frames(bodies, behind):
    head = HEAD.pack(7, 0, 7, 1, 3, 4)
    before = b"".join(struct.pack(">HHHB", 6, 0, len(body) + 1, 9) + body for body in bodies)
    rest = head + b"abcd" + behind
    assert frame_from(before + rest, head) == rest
    assert frame_from(before + head[:5], head) is None


@with_settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=3), st.booleans())
def test_no_bytes_make_a_number_or_another_error(parts, has_right_head):
    """Whatever a device sends, there is a read that failed, or the very registers it answered."""

    def answer(question):
        head = struct.pack(">HHH", question.tid, 0, sum(map(len, parts)) + 1) + b"\1"
        return [*([head] if has_right_head else []), *parts, None]

    device = Device(answer)
    try:
        with closing(Registers("127.0.0.1", device.port, 0.3)) as source:
            sent = b"".join(parts)
            try:
                registers = source.read(1, 0, 2)
            except ReadFailed:
                return
            assert has_right_head
            assert sent == b"\3\4" + struct.pack(">2H", *registers)
    finally:
        device.stop()


WRITES = {"write", "mask_write", "readwrite"}
WRITE_CODES = {5, 6, 15, 16, 22, 23}


def agent_modules():
    root = Path(edge_agent.__file__).parent
    return [path for path in root.rglob("*.py") if "simulator" not in path.parts]


@pytest.mark.parametrize("path", agent_modules(), ids=lambda path: path.stem)
def test_no_module_of_the_agent_can_write_a_register(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = (
            node.attr
            if isinstance(node, ast.Attribute)
            else node.id
            if isinstance(node, ast.Name)
            else node.name
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.alias))
            else ""
        ).lower()
        is_write = any(verb in name for verb in WRITES) or "multiple" in name
        about_registers = any(word in name for word in ("register", "coil", "regs"))
        assert not (is_write and about_registers), f"{path}:{node.lineno} names {name}"


def test_the_only_function_of_pymodbus_that_asks_is_reading_holding_registers():
    tree = ast.parse((Path(edge_agent.__file__).parent / "modbus.py").read_text(encoding="utf-8"))
    asked = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "client"
    }
    assert asked == {
        "read_holding_registers",
        "register",  # of the class that unpacks an answer
        "comm_params",
        "transaction",
        "connected",
        "connect",
        "close",
        "socket",
    }


def test_every_request_on_the_wire_is_function_three(serve):
    device, source = serve(lambda q: [q.exception(2)] if q.number % 2 else right(q))
    for address in range(0, 60, 7):
        try:
            source.read(1, address, 3)
        except IllegalAddress:
            continue
    assert {question.function for question in device.questions} == {3}
    assert not {question.function for question in device.questions} & WRITE_CODES
