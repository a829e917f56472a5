"""A small MQTT 3.1.1 broker over TLS that misbehaves as it is told; it runs in a thread of its own.

Which client ids it knows is kept. What it took in, and what it was told to do about it, can be read
while it runs.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Taken:
    """A message that the broker took in."""

    topic: str
    payload: bytes
    pid: int
    is_repeat: bool


@dataclass
class Script:
    """How the broker misbehaves, each once per entry; the numbers count messages that came in.

    Attributes:
        codes: what the next attempts to connect are refused with.
        lose: the connection breaks at this message; it was not taken in.
        keep: the connection breaks at this message; it was taken in, and not acknowledged.
        half: as `keep`, after half an acknowledgement.
        freeze: from this message on nothing is read nor answered on this connection.
        stray: before this message is acknowledged, one that never was is.
        garbage: bytes that no broker sends follow on this message.
        by_byte: every answer leaves in single bytes.
        is_mute: nothing is answered to a CONNECT.
        hold: so many messages are waited for before any is acknowledged, newest first.
        has_no_ping: pings are not answered.
    """

    codes: list[int] = field(default_factory=list)
    lose: set[int] = field(default_factory=set)
    keep: set[int] = field(default_factory=set)
    half: set[int] = field(default_factory=set)
    freeze: set[int] = field(default_factory=set)
    stray: set[int] = field(default_factory=set)
    garbage: dict[int, bytes] = field(default_factory=dict)
    by_byte: bool = False
    is_mute: bool = False
    hold: int = 0
    has_no_ping: bool = False


class Broken(Exception):
    """The script wants the connection to end."""


def server_context(authority_pem: str, cert: str, key: str) -> ssl.SSLContext:
    """Return a context that asks every device for a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.load_verify_locations(authority_pem)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


class Broker:
    """Listens on loopback from `with` on."""

    def __init__(self, context: ssl.SSLContext | None = None, script: Script | None = None) -> None:
        self.script = script or Script()
        self.taken: list[Taken] = []
        self.wills: list[bytes] = []
        self.acked_down: list[int] = []
        self.presents: list[int] = []
        self.attempts = self.open = self.most_open = self.pings = self.most_unacked = 0
        self.on_subscribe: Callable[[], list[bytes]] = list
        """Returns packets that are sent after a SUBACK."""
        self._context = context
        self._known: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._tasks: set[asyncio.Task] = set()
        self.port = 0

    def __enter__(self) -> "Broker":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(lambda *_: None)  # a refused handshake is no news
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._meet, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        will: list[bytes] = []
        try:
            await self._converse(reader, writer, will)
        except (Broken, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            self.wills += will
        finally:
            self.open -= 1
            writer.transport.abort()
            self._tasks.discard(task)

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, will: list[bytes]
    ) -> None:
        first, body = await _packet(reader)
        assert first == 0x10, first
        assert body[:7] == b"\x00\x04MQTT\x04", body
        self.attempts += 1
        flags = body[7]
        client, rest = _text(body[10:])
        if flags & 4:
            _, rest = _text(rest)
            will.append(_text(rest)[0])
        if self.script.is_mute:
            await writer.wait_closed()
            raise Broken
        if self.script.codes:
            will.clear()
            await self._say(writer, bytes((0x20, 2, 0, self.script.codes.pop(0))))
            await reader.read(1)
            raise Broken
        is_present = client.decode() in self._known and not flags & 2
        self._known.add(client.decode())
        self.presents.append(int(is_present))
        await self._say(writer, bytes((0x20, 2, int(is_present), 0)))
        held: list[int] = []
        while True:
            first, body = await _packet(reader)
            kind = first >> 4
            if kind == 3:
                await self._take(writer, first, body, held)
            elif first == 0x82:
                await self._say(writer, b"\x90\x03" + body[:2] + b"\x01")
                for packet in self.on_subscribe():
                    await self._say(writer, packet)
            elif first == 0x40:
                self.acked_down.append(int.from_bytes(body, "big"))
            elif first == 0xC0:
                self.pings += 1
                if not self.script.has_no_ping:
                    await self._say(writer, b"\xd0\x00")
            elif first == 0xE0:
                will.clear()
                return
            else:
                raise AssertionError(f"packet {first:02x}")

    async def _take(
        self, writer: asyncio.StreamWriter, first: int, body: bytes, held: list[int]
    ) -> None:
        script = self.script
        topic, rest = _text(body)
        pid = int.from_bytes(rest[:2], "big") if first & 6 else 0
        assert pid or not first & 6, "a message with number 0"
        number = len(self.taken) + 1
        if number in script.lose:
            script.lose.remove(number)
            raise Broken
        self.taken.append(Taken(topic.decode(), rest[2 if pid else 0 :], pid, bool(first & 8)))
        if number in script.freeze:
            await writer.wait_closed()
            raise Broken
        if number in script.keep:
            raise Broken
        ack = b"\x40\x02" + pid.to_bytes(2, "big")
        if number in script.half:
            await self._say(writer, ack[:2])
            raise Broken
        if number in script.stray:
            await self._say(writer, b"\x40\x02\xab\xcd")
        if number in script.garbage:
            await self._say(writer, script.garbage[number])
        held.append(pid)
        self.most_unacked = max(self.most_unacked, len(held))
        if len(held) >= script.hold:
            for one in reversed(held):
                await self._say(writer, b"\x40\x02" + one.to_bytes(2, "big"))
            held.clear()

    async def _say(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        pieces = [data[at : at + 1] for at in range(len(data))] if self.script.by_byte else [data]
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if len(pieces) > 1:
                await asyncio.sleep(0)


def message(topic: str, payload: bytes, *, pid: int, flags: int = 0) -> bytes:
    """Return a message for a device: QoS 1 with the number, QoS 0 without; 8 repeats, 1 retains."""
    raw = topic.encode()
    body = len(raw).to_bytes(2, "big") + raw + (pid.to_bytes(2, "big") if pid else b"") + payload
    return bytes((0x30 | flags | (2 if pid else 0),)) + _length(len(body)) + body


def _length(left: int) -> bytes:
    out = bytearray()
    while True:
        left, low = left >> 7, left & 127
        out.append(low | (128 if left else 0))
        if not left:
            return bytes(out)


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first = (await reader.readexactly(1))[0]
    left = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        left |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first, await reader.readexactly(left)


def _text(body: bytes) -> tuple[bytes, bytes]:
    size = int.from_bytes(body[:2], "big")
    return body[2 : 2 + size], body[2 + size :]
