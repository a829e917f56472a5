"""Serves simulated homes over Modbus/TCP: one port each, on the loopback address only.

A thread of its own runs an event loop; what is asked of the homes is asked in that thread. It knows
function 3 and answers every other with exception 1. On request it misbehaves as devices do.
"""

import asyncio
import struct
import threading
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from edge_agent.simulator.house import House
from edge_agent.simulator.image import Image
from edge_agent.source import DeviceRefused, Unreachable

LOOPBACK = "127.0.0.1"
READ_HOLDING_REGISTERS = 3
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, BUSY = 1, 2, 3, 6
MOST_REGISTERS = 125
HEADER = struct.Struct(">HHHB")
LATE_S = 0.8
PATIENCE_S = 5.0


class Misbehaviour(Enum):
    """What a server does wrong with its replies."""

    NONE = "none"
    LATE = "late"
    """The first reply comes too late, when the next question has been asked."""
    SHORT = "short"
    """Replies have one register too few."""
    FOREIGN = "foreign"
    """Replies answer another transaction."""
    SILENT = "silent"
    """Questions are taken and not answered."""
    BUSY = "busy"
    """Every question gets exception 6."""


class Home(Protocol):
    """What can be served: registers as of an instant."""

    def read(self, at: float, unit: int, address: int, count: int) -> tuple[int, ...]:
        """Return registers, or raise IllegalAddress or Unreachable."""
        ...


class StillHome:
    """An image as a home in which nothing ever changes."""

    def __init__(self, image: Image) -> None:
        self._image = image

    def read(self, at: float, unit: int, address: int, count: int) -> tuple[int, ...]:  # noqa: ARG002
        """Return registers of the image, whatever the time."""
        return self._image.read(unit, address, count)


class Port:
    """One served home: where it is, what it does wrong, and how often it was asked."""

    def __init__(self, home: Home, clock: Callable[[], float]) -> None:
        self.home = home
        self.clock = clock
        self.number = 0
        self.misbehaviour = Misbehaviour.NONE
        self.requests = 0
        self.has_been_late = False


class Connection(asyncio.Protocol):
    """One client's connection to one home."""

    def __init__(self, port: Port, open_ones: "set[Connection]") -> None:
        self._port = port
        self._open_ones = open_ones
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where replies go."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream server makes these
        self._transport = transport
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forget the connection."""
        self._open_ones.discard(self)

    def drop(self) -> None:
        """Break the connection."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer every whole request that has come."""
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            transaction, _, length, unit = HEADER.unpack_from(self._buffer)
            end = HEADER.size - 1 + length
            if len(self._buffer) < end:
                return
            body, self._buffer = self._buffer[HEADER.size : end], self._buffer[end:]
            self._port.requests += 1
            self._answer(transaction, unit, body)

    def _answer(self, transaction: int, unit: int, body: bytes) -> None:
        port = self._port
        if port.misbehaviour is Misbehaviour.SILENT or self._transport is None:
            return
        try:
            reply = reply_to(port.home, port.clock(), unit, body, port.misbehaviour)
        except Unreachable:
            self._transport.abort()
            return
        if port.misbehaviour is Misbehaviour.FOREIGN:
            transaction = (transaction + 1) & 0xFFFF
        frame = HEADER.pack(transaction, 0, len(reply) + 1, unit) + reply
        if port.misbehaviour is Misbehaviour.LATE and not port.has_been_late:
            port.has_been_late = True
            asyncio.get_running_loop().call_later(LATE_S, self._transport.write, frame)
        else:
            self._transport.write(frame)


def reply_to(home: Home, at: float, unit: int, body: bytes, misbehaviour: Misbehaviour) -> bytes:
    """Return the answer to one request, both from the function code on.

    Raises:
        Unreachable: the home gives no answer.
    """
    function = body[0] if body else 0
    if misbehaviour is Misbehaviour.BUSY:
        return bytes((function | 0x80, BUSY))
    if function != READ_HOLDING_REGISTERS:
        return bytes((function | 0x80, ILLEGAL_FUNCTION))
    if len(body) != 5:
        return bytes((function | 0x80, ILLEGAL_VALUE))
    address, count = struct.unpack(">HH", body[1:])
    if not 1 <= count <= MOST_REGISTERS:
        return bytes((function | 0x80, ILLEGAL_VALUE))
    try:
        words = home.read(at, unit, address, count)
    except DeviceRefused as error:
        return bytes((function | 0x80, error.code))
    if misbehaviour is Misbehaviour.SHORT:
        words = words[:-1]
    return bytes((function, 2 * len(words))) + struct.pack(f">{len(words)}H", *words)


class Server:
    """Simulated homes on their ports, until stopped; use it as a context manager."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start the thread.

        Args:
            clock: tells the instant (unix seconds) as of which homes are read.
        """
        self._clock = clock
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="homes", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def add(self, home: Home | House | Image, number: int = 0) -> Port:
        """Serve a home and return its port; a number of 0 takes any free one.

        Raises:
            OSError: the port is taken.
        """
        port = Port(StillHome(home) if isinstance(home, Image) else home, self._clock)
        waiting = asyncio.run_coroutine_threadsafe(self._listen(port, number), self._loop)
        waiting.result(PATIENCE_S)
        return port

    def stop(self) -> None:
        """Close all ports and connections and end the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(PATIENCE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    async def _listen(self, port: Port, number: int) -> None:
        server = await self._loop.create_server(
            lambda: Connection(port, self._connections), LOOPBACK, number
        )
        self._servers.append(server)
        port.number = server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for connection in tuple(self._connections):
            connection.drop()
        while self._connections:
            await asyncio.sleep(0)
