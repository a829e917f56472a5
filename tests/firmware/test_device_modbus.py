"""The device's Modbus: no wrong value over a line on which everything goes wrong."""

import json
import socket
import struct
import threading
from contextlib import suppress

import pytest

from tests.firmware.harness import both_runtimes, run
from tests.firmware.rtu_slave import WRONGS, Slave

READER = """
import asyncio, json, sys
from sunreeve_device import modbus, port

path, seed, reads, timeout = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
told = {}

def note(what):
    told[what] = told.get(what, 0) + 1

async def main():
    global seed
    reader, writer, drive = port.uart({"path": path}, {"baud": 115200})
    line = modbus.Rtu(reader, writer, drive, 115200)
    for _ in range(reads):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        address, count = seed >> 8 & 0xFFF, 1 + seed % 3 * 4
        try:
            data = await line.read(1, address, count, timeout)
            for i in range(count):
                got = data[2 * i] << 8 | data[2 * i + 1]
                if got != ((address + i) * 40503 + 977) & 0xFFFF:
                    note("WRONG VALUE")
            note("right" if len(data) == 2 * count else "WRONG LENGTH")
        except modbus.ModbusError as error:
            note(type(error).__name__)
    print(json.dumps(told))

asyncio.run(main())
"""


def read_over(slave: Slave, runtime: str, *, reads: int, timeout_ms: int = 45) -> dict:
    with slave:
        args = (slave.path, 77, reads, timeout_ms)
        return json.loads(run(READER,
                              runtime=runtime, args=args))  # fmt: skip


@both_runtimes
@pytest.mark.parametrize("echo", [False, True], ids=["no echo", "the line echoes"])
def test_a_good_line_gives_every_register(runtime, echo):
    told = read_over(Slave(echo=echo), runtime, reads=60, timeout_ms=1000)
    assert told == {"right": 60}


@both_runtimes
@pytest.mark.parametrize("echo", [False, True], ids=["no echo", "the line echoes"])
def test_a_bad_line_never_gives_a_wrong_value(runtime, echo):
    slave = Slave(seed=5, wrong_in_ten=3, echo=echo)
    told = read_over(slave, runtime, reads=150)
    assert sum(told.values()) == 150
    assert set(told) == {"right", "NoAnswer", "BadAnswer", "Refused"}, (told, slave.done)
    assert told["right"] >= 60, "what was right is taken, and the line recovers"
    assert set(WRONGS) <= set(slave.done)


PIN = """
import asyncio
from sunreeve_device import modbus

did = []

class Line:
    reply = bytes((1, 3, 2, 0x12, 0x34, 0xB5, 0x33))
    def write(self, data):
        did.append("write %d" % len(data))
    async def drain(self):
        did.append("flushed")
    def take(self, count):
        if did[-1:] != ["off"] or not self.reply:
            return b""
        data, self.reply = self.reply[:count], self.reply[count:]
        return data

def drive(on):
    did.append("on" if on else "off")

modbus.port.sleep_us = lambda us: did.append("%d us" % us)
line = Line()
print(asyncio.run(modbus.Rtu(line, line, drive, 9600).read(1, 0, 1, 500)), *did, sep=", ")
"""


@both_runtimes
def test_the_line_is_driven_until_the_last_stop_bit(runtime):
    said = run(PIN, runtime=runtime).strip()
    assert said == r"b'\x124', on, write 8, flushed, 1146 us, off"


ASKER = """
import asyncio, sys
from sunreeve_device import modbus

async def main():
    link = modbus.Tcp("127.0.0.1", int(sys.argv[1]))
    for _ in range(2):
        try:
            data = await link.read(1, 10, 2, 400)
            print(data == bytes((0, 10, 0, 11)))
        except modbus.Refused as error:
            print("refused", error.code)
        except modbus.ModbusError as error:
            print(type(error).__name__)
    print(link.connections)

asyncio.run(main())
"""
RIGHT = bytes((1, 3, 4, 0, 10, 0, 11))
WRONG = bytes((1, 3, 4, 9, 9, 9, 9))


def frame(number: int, body: bytes, *, protocol: int = 0, length: int | None = None) -> bytes:
    return struct.pack(">HHH", number, protocol, len(body) if length is None else length) + body


def _late(n: int) -> bytes:
    return frame(n - 1, WRONG) + frame(n, RIGHT)


ANSWERS = {
    "right": (lambda n: frame(n, RIGHT), "True", 1),
    "a late one first": (_late, "True", 1),
    "only that of another question": (lambda n: frame(n + 1, WRONG), "NoAnswer", 2),
    "silence": (lambda n: b"", "NoAnswer", 2),
    "another unit": (lambda n: frame(n, b"\x02" + WRONG[1:]), "BadAnswer", 2),
    "another function": (lambda n: frame(n, b"\x01\x04" + WRONG[2:]), "BadAnswer", 2),
    "fewer registers": (lambda n: frame(n, b"\x01\x03\x02\x09\x09"), "BadAnswer", 2),
    "more than it says": (lambda n: frame(n, WRONG + b"\0"), "BadAnswer", 2),
    "another protocol": (lambda n: frame(n, WRONG, protocol=1), "BadAnswer", 2),
    "a length that cannot be": (lambda n: frame(n, WRONG, length=0), "BadAnswer", 2),
    "a refusal": (lambda n: frame(n, b"\x01\x83\x02"), "refused 2", 1),
    "half of one, then closed": (lambda n: frame(n, RIGHT)[:9] + b"CLOSE", "BadAnswer", 2),
}


def _serve(listener: socket.socket, answer) -> None:
    """Answer the first question as told, and from then on rightly."""
    is_first = True
    while True:
        try:
            one, _ = listener.accept()
        except OSError:
            return
        with one, suppress(ConnectionError):
            while len(ask := one.recv(12)) == 12:
                number = int.from_bytes(ask[:2], "big")
                said = answer(number) if is_first else frame(number, RIGHT)
                is_first = False
                one.sendall(said.removesuffix(b"CLOSE"))
                if said.endswith(b"CLOSE"):
                    break


@both_runtimes
@pytest.mark.parametrize(("answer", "said", "connections"), ANSWERS.values(), ids=ANSWERS)
def test_over_tcp_only_the_answer_to_the_question_counts(runtime, answer, said, connections):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, answer), daemon=True)
        thread.start()
        told = run(ASKER, runtime=runtime, args=(listener.getsockname()[1],)).splitlines()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    assert told == [said, "True", str(connections)]


@both_runtimes
def test_where_nobody_listens_there_is_no_answer(runtime):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
    assert run(ASKER, runtime=runtime, args=(number,)).split() == ["NoAnswer", "NoAnswer", "0"]
