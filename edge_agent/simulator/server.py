"""Serves simulated homes over Modbus/TCP: one port each, on the loopback address only.

A thread of its own runs an event loop; what is asked of the homes is asked in that thread. It knows
function 3 and answers every other with exception 1. On request it misbehaves as devices do.
"""

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from edge_agent.simulator.house import House
from edge_agent.simulator.image import Image
from edge_agent.simulator.masks import Map, map_of, masked
from edge_agent.simulator.misbehaviour import (
    BUSY_EVERY,
    BUSY_TURNS,
    GLUED_TURN,
    HELD_TURN,
    LATE_EVERY,
    LATE_S,
    RST_EVERY,
    RST_TURN,
    SLOW_S,
    TORN_EVERY,
    TORN_S,
    Misbehaviour,
    Spell,
    kinds_on,
)
from edge_agent.source import DeviceRefused, Unreachable

__all__ = ["LOOPBACK", "Home", "Misbehaviour", "Port", "Server", "Spell", "StillHome", "reply_to"]

LOOPBACK = "127.0.0.1"
READ_HOLDING_REGISTERS = 3
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, BUSY = 1, 2, 3, 6
MOST_REGISTERS = 125
HEADER = struct.Struct(">HHHB")
PATIENCE_S = 5.0
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST."""


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
    """One served home: where it is, what it does wrong, and how often it was asked.

    Attributes:
        misbehaviour: what it does wrong whatever is asked.
        spells: what else it does wrong, from one request to another.
        pace: what the pauses of LATE, SLOW and TORN are multiplied by; tests have less time.
        requests: how often it was asked.
        registers: how many registers it gave.
    """

    def __init__(self, home: Home, clock: Callable[[], float]) -> None:
        self.home = home
        self.clock = clock
        self.number = 0
        self.misbehaviour = Misbehaviour.NONE
        self.spells: tuple[Spell, ...] = ()
        self.pace = 1.0
        self.requests = 0
        self.registers = 0
        self._times: Counter[Misbehaviour] = Counter()
        self._map: tuple[Home, Map | None] | None = None

    def begin(self) -> dict[Misbehaviour, int]:
        """Count a request; return what is wrong with it, each with the number of its kind from 0.

        What stopped begins anew.
        """
        kinds = kinds_on(self.misbehaviour, self.spells, self.requests)
        self.requests += 1
        self._times = Counter({kind: self._times[kind] + 1 for kind in kinds})
        return {kind: self._times[kind] - 1 for kind in kinds}

    def masked_read(
        self, unit: int, address: int, count: int, moods: dict[Misbehaviour, int]
    ) -> tuple[int, ...]:
        """Return registers as of now, with scale factors flipped or points blank where it is on."""
        at = self.clock()

        def read(unit: int, address: int, count: int) -> tuple[int, ...]:
            return self.home.read(at, unit, address, count)

        if not moods.keys() & {Misbehaviour.FLIP_SF, Misbehaviour.NIGHT}:
            return read(unit, address, count)
        if self._map is None or self._map[0] is not self.home:
            self._map = (self.home, map_of(read, unit))
        places = self._map[1]
        if places is None or places.unit != unit:
            return read(unit, address, count)
        return masked(read, places, address, count, moods=moods)


class Connection(asyncio.Protocol):
    """One client's connection to one home."""

    def __init__(self, port: Port, open_ones: "set[Connection]") -> None:
        self._port = port
        self._open_ones = open_ones
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._last_frame = b""
        self._held = b""

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
            self._answer(transaction, unit, body)

    def _answer(self, transaction: int, unit: int, body: bytes) -> None:
        port = self._port
        moods = port.begin()
        if Misbehaviour.SILENT in moods:
            return
        try:
            reply = reply_to(port, unit, body, moods)
        except Unreachable:
            self.drop()
            return
        if Misbehaviour.FOREIGN in moods:
            transaction = (transaction + 1) & 0xFFFF
        frame = HEADER.pack(transaction, 0, len(reply) + 1, unit) + reply
        pause_s = SLOW_S if Misbehaviour.SLOW in moods else 0.0
        if moods.get(Misbehaviour.LATE, -1) % LATE_EVERY == 0:
            pause_s += LATE_S
        if moods.get(Misbehaviour.RST, -1) % RST_EVERY == RST_TURN:
            self._write(frame[: len(frame) // 2], pause_s)
            self._later(self._reset, pause_s)
        elif Misbehaviour.TORN in moods:
            self._write_torn(frame, pause_s, moods[Misbehaviour.TORN] % TORN_EVERY)
        else:
            self._write(frame, pause_s)
        self._last_frame = frame

    def _write_torn(self, frame: bytes, pause_s: float, turn: int) -> None:
        """Write a frame in pieces, at times behind the one before or without its end."""
        if turn == GLUED_TURN:
            frame = self._last_frame + frame
        if turn == HELD_TURN:
            self._write(frame[:-2], pause_s)
            self._held = frame[-2:]
            return
        third = max(1, len(frame) // 3)
        for i, start in enumerate(range(0, len(frame), third)):
            self._write(frame[start : start + third], pause_s + i * TORN_S)

    def _write(self, data: bytes, pause_s: float) -> None:
        """Write what was held back and the data, after a pause; other replies do not wait."""
        data, self._held = self._held + data, b""
        self._later(lambda: self._write_now(data), pause_s)

    def _write_now(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _later(self, act: Callable[[], None], pause_s: float) -> None:
        pause_s *= self._port.pace
        if pause_s <= 0:
            act()
        else:
            asyncio.get_running_loop().call_later(pause_s, act)

    def _reset(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        plug = self._transport.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()


def reply_to(port: Port, unit: int, body: bytes, moods: dict[Misbehaviour, int]) -> bytes:
    """Return the answer to one request, both from the function code on.

    Raises:
        Unreachable: the home gives no answer.
    """
    function = body[0] if body else 0
    if function != READ_HOLDING_REGISTERS:
        return bytes((function | 0x80, ILLEGAL_FUNCTION))
    if moods.get(Misbehaviour.BUSY, -1) % BUSY_EVERY in BUSY_TURNS:
        return bytes((function | 0x80, BUSY))
    if len(body) != 5:
        return bytes((function | 0x80, ILLEGAL_VALUE))
    address, count = struct.unpack(">HH", body[1:])
    if not 1 <= count <= MOST_REGISTERS:
        return bytes((function | 0x80, ILLEGAL_VALUE))
    try:
        words = port.masked_read(unit, address, count, moods)
    except DeviceRefused as error:
        return bytes((function | 0x80, error.code))
    if Misbehaviour.SHORT in moods:
        words = words[:-1]
    port.registers += len(words)
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
