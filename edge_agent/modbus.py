"""Reads holding registers over Modbus/TCP; the only module that imports pymodbus.

It knows one function code, 3 (read holding registers), and no way to write. No device that we have
a profile for keeps its values in input registers (function code 4), so there is none of that.
"""

import logging
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from select import select
from socket import SHUT_RDWR
from typing import NamedTuple

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException, ModbusIOException
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse

from edge_agent.source import Busy, DeviceRefused, NoReply, ShortReply, Unreachable, refused

MOST_REGISTERS = 125
"""Largest count of one read (MODBUS Application Protocol V1.1b3, 6.3)."""
READ_HOLDING_REGISTERS = 3
EXCEPTION = 0x80
"""Set in the function code of a reply that is an exception."""
HEAD = struct.Struct(">HHHBBB")
"""Transaction, protocol, length, unit, function and byte count: what stands before registers."""
FRAME_LENGTH = struct.Struct(">4xH")
BUSY_PAUSES_S = (0.1, 0.2)
"""How long a busy device is left alone before it is asked again."""
REMEMBERED_REQUESTS = 100
MOST_PENDING = 8192
"""Bytes that may wait for the rest of a frame: a frame has 260, and 4096 are taken up at once."""

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
"""pymodbus writes a line per failed request; a device that is off for a week fills a log."""


class Traffic(NamedTuple):
    """What went over the wire to one device since the agent started.

    `timeouts` are questions without a fitting answer, `broken` connections that were refused or
    broke, `exceptions` answers that were a refusal, `odd` answers of a wrong length. The times are
    of the last hundred answers, None before the first.
    """

    requests: int
    timeouts: int
    broken: int
    exceptions: int
    odd: int
    median_ms: int | None
    p95_ms: int | None


class _Answer(ReadHoldingRegistersResponse):
    """The answer to a read, unpacked at once; pymodbus does it register by register."""

    def decode(self, data: bytes) -> None:
        """Take the registers out of what follows the function code.

        Raises:
            ModbusIOException: there are fewer bytes than the first one says.
        """
        size = data[0]
        if size >= len(data):
            raise ModbusIOException(f"{size} bytes announced, {len(data) - 1} came")
        self.registers = list(struct.unpack_from(f">{size // 2}H", data, 1))


class _Line:
    """One connection; it may lead to several devices, and is in use by one thread at a time."""

    def __init__(self, host: str, port: int) -> None:
        self.where = f"{host}:{port}"
        self.received = b""
        self.quiet_since = time.monotonic()
        self.in_use = threading.Lock()
        self.client = ModbusTcpClient(host, port=port, retries=0, trace_packet=self._keep)
        self.client.register(_Answer)
        self.times_opened = 0
        self.is_used = False
        self._timeout_s = -1.0
        self.must_close = False

    def set_timeout(self, timeout_s: float) -> None:
        """Let connecting and each answer take so long; pymodbus keeps the number in two places."""
        if timeout_s == self._timeout_s:
            return
        self._timeout_s = timeout_s
        self.client.comm_params.timeout_connect = timeout_s
        self.client.transaction.comm_params.timeout_connect = timeout_s

    def open(self) -> bool:
        """Connect unless connected; tell whether there is a connection."""
        if self.client.connected:
            if self._is_quiet():
                return True
            self.drop()
        self.received = b""
        self.is_used = False
        try:
            is_open = bool(self.client.connect())  # type: ignore[no-untyped-call] # pymodbus' own
        except UnicodeError:  # a host name with an empty or too long part
            is_open = False
        self.times_opened += is_open
        self.quiet_since = time.monotonic()
        return is_open

    def drop(self) -> None:
        """Close the connection; only for the thread that uses it."""
        self.client.close()  # type: ignore[no-untyped-call] # pymodbus leaves it untyped
        self.received = b""

    def settle(self) -> None:
        """Close the connection if that was asked for while it was in use."""
        if self.must_close:
            self.must_close = False
            self.drop()

    def close(self) -> None:
        """Close the connection from any thread; a read that waits on it fails at once."""
        self.must_close = True
        open_one = self.client.socket
        if open_one is not None:
            with suppress(OSError):
                open_one.shutdown(SHUT_RDWR)
        if self.in_use.acquire(blocking=False):
            try:
                self.settle()
            finally:
                self.in_use.release()

    def _is_quiet(self) -> bool:
        """Tell whether the connection is as it was left: nothing came, and nobody closed it.

        Many devices close a connection on which nothing was asked for a while.
        """
        open_one = self.client.socket
        try:
            return open_one is not None and not select([open_one], [], [], 0)[0]
        except (OSError, ValueError):
            return False

    def _keep(self, is_sent: bool, data: bytes) -> bytes:  # noqa: FBT001 - pymodbus calls it so
        """Keep what came since the last question; pymodbus shows it before it takes it apart."""
        self.received = b"" if is_sent else data
        if len(self.received) > MOST_PENDING:
            raise ModbusIOException(f"{len(data)} bytes came that are no frame")
        return data


class Registers:
    """A device, or a gateway to several, at one Modbus/TCP address.

    The connection opens at the first read and again at the first read after it broke. After any
    failure but a refusal it is thrown away, so that no answer can come late. A device that says
    that it is busy is asked again, and one that closed a connection which had served before instead
    of answering: many close it after each answer. For everything else the caller knows how long it
    may wait.
    """

    def __init__(
        self, host: str, port: int = 502, timeout_s: float = 0.5, *, pause_s: float = 0.0
    ) -> None:
        """Prepare to read; nothing is connected yet.

        Args:
            host: address or name.
            port: of Modbus/TCP.
            timeout_s: how long connecting and an answer may take, each. A device that sends an
                answer bit by bit may take up to twice as long.
            pause_s: how long the device is left alone after connecting and between two requests.
        """
        self._line = _Line(host, port)
        self._begin(timeout_s, pause_s)

    @property
    def where(self) -> str:
        """Return the address and port."""
        return self._line.where

    @property
    def connections(self) -> int:
        """Return how often the connection was opened; those who share it share the number, too."""
        return self._line.times_opened

    def beside(self, *, timeout_s: float, pause_s: float = 0.0) -> "Registers":
        """Return the registers of another device at this address: one connection, its own times."""
        other = Registers.__new__(Registers)
        other._line = self._line
        other._begin(timeout_s, pause_s)
        return other

    def read(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        """Return `count` (1..125) registers from `address` on, in one transaction.

        A device that is busy is asked twice more while the time-out is not over.

        Raises:
            ReadFailed: see the tree in `edge_agent.source`.
        """
        what = f"reading {count} registers at {address} of unit {unit} at {self.where}"
        line = self._line
        with line.in_use:
            try:
                line.set_timeout(self._timeout_s)
                until = time.monotonic() + self._timeout_s
                for pause_s in BUSY_PAUSES_S:
                    try:
                        return self._ask_anew(what, unit, address, count)
                    except Busy:
                        if time.monotonic() + pause_s > until:
                            raise
                        time.sleep(pause_s)
                return self._ask_anew(what, unit, address, count)
            finally:
                line.settle()

    def traffic(self) -> Traffic:
        """Return what went over the wire to this device."""
        took = sorted(self._took_s)
        median, p95 = (
            (round(1000 * took[len(took) * part // 100]) for part in (50, 95))
            if took
            else (None, None)
        )
        return Traffic(
            self._requests,
            self._timeouts,
            self._broken,
            self._exceptions,
            self._odd,
            median,
            p95,
        )

    def close(self) -> None:
        """Close the connection; a reply that is still under way is lost, not taken later.

        Any thread may call it. A read that another thread waits in fails at once.
        """
        self._line.close()

    def _begin(self, timeout_s: float, pause_s: float) -> None:
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._requests = self._timeouts = self._broken = self._exceptions = self._odd = 0
        self._took_s: deque[float] = deque(maxlen=REMEMBERED_REQUESTS)

    def _ask_anew(self, what: str, unit: int, address: int, count: int) -> tuple[int, ...]:
        """Ask; once more, on a new connection, where a used one was closed without a byte.

        A read may be repeated without harm. What is silent (NoReply) is not asked again.
        """
        line = self._line
        opened = line.times_opened
        try:
            return self._ask(what, unit, address, count)
        except NoReply:
            raise
        except Unreachable:
            if not line.is_used or line.times_opened != opened or line.must_close:
                raise
            return self._ask(what, unit, address, count)

    def _ask(self, what: str, unit: int, address: int, count: int) -> tuple[int, ...]:
        line = self._line
        self._requests += 1
        if not line.open():
            self._broken += 1
            raise Unreachable(f"{what}: no connection")
        wait_s = line.quiet_since + self._pause_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        asked_at = time.monotonic()
        try:
            reply = self._transact(what, unit, address, count)
            registers = self._checked(what, reply, unit, count)
            line.is_used = True
        except DeviceRefused:
            self._exceptions += 1
            line.is_used = True
            raise
        except ShortReply:
            self._odd += 1
            line.drop()
            raise
        except NoReply:
            self._timeouts += 1
            line.drop()
            raise
        except Unreachable:
            self._broken += 1
            line.is_used = line.is_used and not line.received
            line.drop()
            raise
        finally:
            line.quiet_since = time.monotonic()
        self._took_s.append(line.quiet_since - asked_at)
        return registers

    def _transact(self, what: str, unit: int, address: int, count: int) -> ModbusPDU:
        line = self._line
        try:
            return line.client.read_holding_registers(address, count=count, device_id=unit)
        except ConnectionException as error:
            raise Unreachable(f"{what}: the connection broke") from error
        except ModbusIOException as error:
            raise NoReply(f"{what}: no fitting reply in time") from error
        except (ModbusException, OSError) as error:
            raise Unreachable(f"{what}: {error}") from error

    def _checked(self, what: str, reply: ModbusPDU, unit: int, count: int) -> tuple[int, ...]:
        """Return the registers of a reply that is the whole answer, and nothing but it.

        pymodbus compares the transaction and the unit. It takes a reply of another function, one
        that is too short, one whose byte count is odd, and one that is longer than its byte count
        says; so the first bytes must be exactly those of the only right answer.
        """
        if reply.function_code & ~EXCEPTION != READ_HOLDING_REGISTERS:
            raise NoReply(f"{what}: a reply of function {reply.function_code} came")
        if reply.isError():
            raise refused(f"{what}: exception {reply.exception_code}", reply.exception_code)
        if len(reply.registers) != count:
            raise ShortReply(f"{what}: too few registers, {len(reply.registers)} came")
        size = 2 * count
        head = HEAD.pack(reply.transaction_id, 0, size + 3, unit, READ_HOLDING_REGISTERS, size)
        rest = frame_from(self._line.received, head)
        if rest is None:
            raise ShortReply(f"{what}: the reply is not as long as it says")
        if len(rest) > len(head) + size:
            # What follows the answer was not asked for, and must not meet the next question.
            self._line.drop()
        return tuple(reply.registers)


def frame_from(received: bytes, head: bytes) -> bytes | None:
    """Return what was received from the frame on that begins with `head`; None without one."""
    start = 0
    while start + FRAME_LENGTH.size <= len(received):
        if received.startswith(head, start):
            return received[start:]
        start += FRAME_LENGTH.unpack_from(received, start)[0] + FRAME_LENGTH.size
    return None
