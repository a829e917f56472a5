"""Sends messages over MQTT 3.1.1 at least once, and hears commands; nothing waits without an end.

At most four messages are under way. What was not acknowledged is sent again, marked as a repeat,
with the next connection. A message that comes down is handled before it is acknowledged.
"""

import asyncio
import gc

from sunreeve_device import port

WINDOW = 4
KEEPALIVE_S = 60
PATIENCE_MS = 30000
PASSED_OVER = 4
STEADY_MS = 60000
MOST_PID = 65535
MOST_DOWN = 8192
MOST_TOPIC = 256
_PIECE = 256
_REFUSED = (
    "",
    "it does not speak MQTT 3.1.1",
    "it does not take this client id",
    "it is not ready",
    "name or password is wrong",
    "this device is not allowed",
)

log = port.logger("mqtt")


class MqttError(Exception):
    """The connection could not be made, or broke; the message is one line."""


def _text(text):
    raw = text.encode() if isinstance(text, str) else text
    return bytes((len(raw) >> 8, len(raw) & 255)) + raw


def _packet(first, *parts):
    """Return a whole packet, so that it can leave in one write."""
    left = sum(len(part) for part in parts)
    packet = bytearray((first,))
    while True:
        packet.append(left & 127 | (128 if left > 127 else 0))
        left >>= 7
        if not left:
            break
    for part in parts:
        packet.extend(part)
    return packet


def _said(error):
    """Return what an error says, in one line."""
    words = " ".join(str(error).split())
    if isinstance(error, EOFError):
        return "it closed the connection"
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    if words.isdigit():
        return "error %s of the network" % words
    return words or type(error).__name__


class _UnderWay:
    """A message that is not acknowledged yet."""

    def __init__(self, pid, packet):
        self.pid = pid
        self.packet = packet
        self.is_sent = False
        self.since = 0
        self.done = asyncio.Event()


class Client:
    """A connection to the broker as one thing, made again by `connect` whenever it broke.

    Attributes:
        is_up: whether the broker accepted the connection and it is not known to be broken.
        why: why it is down, one line.
        is_known: whether the broker still knew this client id when it accepted the connection.
    """

    def __init__(
        self,
        host,
        port_number,
        client_id,
        context,
        will=None,
        on_message=None,
        keepalive_s=KEEPALIVE_S,
        patience_ms=PATIENCE_MS,
        first_pid=1,
    ):
        """Set up without connecting.

        `will` is (topic, payload) or None. `on_message(topic, payload)` is awaited before a message
        is acknowledged, and must not await `publish`; when it raises OSError or ValueError the
        message is not acknowledged and the connection ends, so that the broker brings it again.
        """
        self.host = host
        self.is_up = False
        self.why = "not tried yet"
        self.connects = self.sent = self.acked = self.resent = self.heard = 0
        self.unknown_acks = self.too_long = self.pings = self.most_under_way = 0
        self.is_known = False
        self._port = port_number
        self._id = client_id
        self._context = context
        self._will = will
        self._on_message = on_message
        self._keepalive_s = keepalive_s
        self._patience_ms = patience_ms
        self._last_pid = first_pid - 1
        self._under_way = []
        self._topics = []
        self._subscribing = {}
        self._out = []
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._ended = asyncio.Event()
        self._task = None
        self._is_leaving = False
        self._broken = None
        self._progress_at = self._sent_at = self._up_at = 0
        self._ping_at = None

    async def connect(self, clean=False):
        """Connect and send again what was under way.

        Raises:
            MqttError: it did not come up; there is no connection left then.
        """
        if self._task is not None:
            raise MqttError("connecting to %s: there is a connection already" % self.host)
        gc.collect()
        writer = None
        is_greeted = False
        try:
            reader, writer = await port.wait_ms(self._open(), self._patience_ms)
            await port.wait_ms(self._greet(reader, writer, clean), self._patience_ms)
            is_greeted = True
        except (OSError, ValueError, EOFError, MqttError, asyncio.TimeoutError) as error:
            self.why = "connecting to %s:%d: %s" % (self.host, self._port, _said(error))
        finally:
            if not is_greeted and writer is not None:
                await self._close(writer)
        if not is_greeted:
            reader = writer = None
            gc.collect()  # a socket that was given up while it was opened is closed by this
            log.warning(self.why)
            raise MqttError(self.why)
        self._begin(reader, writer)

    async def publish(self, topic, payload, qos=1):
        """Send a message; with QoS 1 return when the broker has acknowledged it, however late.

        It outlives the connection: it is sent again with the next one. It may arrive twice.
        """
        if not qos:
            if self.is_up:
                self._out.append(_packet(0x30, _text(topic), payload))
                self._wake.set()
            return
        while len(self._under_way) >= WINDOW:
            self._room.clear()
            await self._room.wait()
        pid = self._pid()
        number = bytes((pid >> 8, pid & 255))
        one = _UnderWay(pid, _packet(0x32, _text(topic), number, payload))
        self._under_way.append(one)
        self.most_under_way = max(self.most_under_way, len(self._under_way))
        self._wake.set()
        await one.done.wait()

    def subscribe(self, topic):
        """Hear what comes on a topic, QoS 1, with this connection and every later one."""
        if topic not in self._topics:
            self._topics.append(topic)
            if self.is_up:
                self._ask(topic)

    def under_way(self):
        """Return how many messages are not acknowledged yet."""
        return len(self._under_way)

    def up_for_ms(self):
        """Return how long it has been up; 0 when it is down."""
        return port.ticks_diff(port.ticks_ms(), self._up_at) if self.is_up else 0

    async def wait_down(self):
        """Return when there is no connection (any more)."""
        if self._task is not None:
            await self._ended.wait()

    async def close(self):
        """Say goodbye, so that the last will is not sent; what is under way is kept."""
        if self._task is not None:
            self._is_leaving = True
            self._wake.set()
            await self._ended.wait()

    def _open(self):
        if self._context is None:
            return asyncio.open_connection(self.host, self._port)
        return asyncio.open_connection(
            self.host, self._port, ssl=self._context, server_hostname=self.host
        )

    async def _greet(self, reader, writer, clean):
        flags = 2 if clean else 0
        parts = [_text(self._id)]
        if self._will is not None:
            flags |= 0x0C
            parts.extend((_text(self._will[0]), _text(self._will[1])))
        head = b"\x00\x04MQTT\x04" + bytes(
            (flags, self._keepalive_s >> 8 & 255, self._keepalive_s & 255)
        )
        writer.write(_packet(0x10, head, *parts))
        await writer.drain()
        answer = await reader.readexactly(4)
        if answer[0] != 0x20 or answer[1] != 2 or answer[2] > 1:
            raise MqttError("it does not answer as a broker does")
        code = answer[3]
        if code:
            reason = _REFUSED[code] if code < len(_REFUSED) else "an unknown reason"
            raise MqttError("refused with code %d: %s" % (code, reason))
        self.is_known = answer[2] == 1

    def _begin(self, reader, writer):
        now = port.ticks_ms()
        self.is_up = True
        self.why = ""
        self.connects += 1
        self._is_leaving = False
        self._broken = self._ping_at = None
        self._sent_at = self._progress_at = self._up_at = now
        self._out = []
        self._subscribing = {}
        self._ended.clear()
        for one in self._under_way:
            one.since = now
            if one.is_sent:
                one.is_sent = False
                one.packet[0] |= 8
        for topic in self._topics:
            self._ask(topic)
        self._wake.set()
        self._task = asyncio.create_task(self._live(reader, writer))

    def _pid(self):
        used = [one.pid for one in self._under_way]
        used.extend(self._subscribing)
        while True:
            self._last_pid = self._last_pid % MOST_PID + 1
            if self._last_pid not in used:
                return self._last_pid

    def _ask(self, topic):
        pid = self._pid()
        self._subscribing[pid] = port.ticks_ms()
        number = bytes((pid >> 8, pid & 255))
        self._out.append(_packet(0x82, number, _text(topic), b"\x01"))
        self._wake.set()

    async def _live(self, reader, writer):
        """Own one connection from its first packet to its close."""
        hearing = asyncio.create_task(self._hear(reader))
        try:
            why = await self._talk(writer)
        except (OSError, ValueError, EOFError, MemoryError, asyncio.TimeoutError) as error:
            why = self._broken or _said(error)
        self.is_up = False
        hearing.cancel()
        try:
            await hearing
        except asyncio.CancelledError:
            pass
        await self._close(writer)
        self.why = "connection to %s: %s" % (self.host, why)
        log.info(self.why)
        self._task = None
        self._ended.set()

    async def _talk(self, writer):
        """Send what is there and watch the deadlines until the connection ends; return why."""
        while True:
            self._wake.clear()
            while self._out:
                await self._write(writer, self._out.pop(0))
            for one in list(self._under_way):
                if self._broken is None and not one.is_sent:
                    await self._send(writer, one)
            if self._out:
                continue
            if self._is_leaving:
                await self._write(writer, b"\xe0\x00")
                return "closed"
            why = self._broken or self._dead()
            if why:
                return why
            try:
                await port.wait_ms(self._wake.wait(), min(1000, self._patience_ms))
            except asyncio.TimeoutError:
                pass

    async def _send(self, writer, one):
        one.is_sent = True  # before it is written: half of it may arrive
        one.since = port.ticks_ms()
        if one.packet[0] & 8:
            self.resent += 1
        else:
            self.sent += 1
        if self._oldest() is one:
            self._progress_at = one.since
        await self._write(writer, one.packet)

    async def _write(self, writer, packet):
        self._sent_at = port.ticks_ms()
        writer.write(packet)
        await port.wait_ms(writer.drain(), self._patience_ms)

    def _oldest(self):
        for one in self._under_way:
            if one.is_sent:
                return one
        return None

    def _dead(self):
        """Return why the connection is to be given up, or None; ping when it was quiet."""
        now = port.ticks_ms()
        patience = self._patience_ms
        oldest = self._oldest()
        if oldest is not None:
            if port.ticks_diff(now, self._progress_at) > patience:
                return "nothing was acknowledged in time"
            if port.ticks_diff(now, oldest.since) > PASSED_OVER * patience:
                return "a message was passed over by the acknowledgements"
        for since in self._subscribing.values():
            if port.ticks_diff(now, since) > patience:
                return "no answer to a subscription"
        if self._ping_at is not None:
            if port.ticks_diff(now, self._ping_at) > patience:
                return "no answer to a ping"
        elif port.ticks_diff(now, self._sent_at) > self._keepalive_s * 500:
            self._ping_at = now
            self.pings += 1
            self._out.append(b"\xc0\x00")
            self._wake.set()
        return None

    async def _hear(self, reader):
        """Take in packets until the connection breaks; say why to the one who talks."""
        why = "it closed the connection"
        try:
            while True:
                first = (await reader.readexactly(1))[0]
                down = await port.wait_ms(self._take(reader, first), self._patience_ms)
                if down is not None:
                    await self._handle(down)
        except (OSError, ValueError, EOFError, MqttError, asyncio.TimeoutError) as error:
            why = _said(error)
        except MemoryError:
            why = "no memory for what came down"
        self._broken = why
        self._wake.set()

    async def _take(self, reader, first):
        """Take in the rest of a packet; return (topic, payload, pid) of a message, else None."""
        left = shift = 0
        while True:
            byte = (await reader.readexactly(1))[0]
            left |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > 21:
                raise MqttError("a packet has no length")
        kind = first >> 4
        if kind == 3:
            return await self._message(reader, first, left)
        if first == 0x40 and left == 2:
            self._acknowledged(await reader.readexactly(2))
        elif first == 0x90 and left == 3:
            answer = await reader.readexactly(3)
            self._subscribing.pop(answer[0] << 8 | answer[1], None)
            if answer[2] == 0x80:
                log.warning("not listening: the broker does not allow it")
        elif first == 0xD0 and left == 0:
            self._ping_at = None
        else:
            raise MqttError("packet %02x of %d bytes is not understood" % (first, left))
        return None

    async def _message(self, reader, first, left):
        qos = first >> 1 & 3
        if qos > 1 or left < 2 + 2 * qos:
            raise MqttError("a message is malformed")
        size = await reader.readexactly(2)
        size = size[0] << 8 | size[1]
        rest = left - 2 - size - 2 * qos
        if rest < 0 or size > MOST_TOPIC:
            raise MqttError("a message is malformed")
        topic = (await reader.readexactly(size)).decode()
        pid = 0
        if qos:
            pid = await reader.readexactly(2)
            pid = pid[0] << 8 | pid[1]
            if not pid:
                raise MqttError("a message has number 0")
        if rest <= MOST_DOWN:
            return topic, (await reader.readexactly(rest)) if rest else b"", pid
        while rest:
            piece = min(rest, _PIECE)
            await reader.readexactly(piece)
            rest -= piece
        self.too_long += 1
        return None, None, pid

    async def _handle(self, down):
        topic, payload, pid = down
        if topic is not None:
            self.heard += 1
            if self._on_message is not None:
                await self._on_message(topic, payload)
        if pid:
            self._out.append(bytes((0x40, 2, pid >> 8, pid & 255)))
            self._wake.set()

    def _acknowledged(self, number):
        pid = number[0] << 8 | number[1]
        for at, one in enumerate(self._under_way):
            if one.pid == pid and one.is_sent:
                self._under_way.pop(at)
                self.acked += 1
                self._progress_at = port.ticks_ms()
                one.done.set()
                self._room.set()
                return
        self.unknown_acks += 1

    async def _close(self, writer):
        """Close without waiting for the broker's goodbye for long."""
        try:
            writer.close()
            await port.wait_ms(writer.wait_closed(), 1000)
        except (OSError, ValueError, EOFError, asyncio.TimeoutError):
            pass


async def stay(client, backoff, sleep_ms):
    """Connect, and connect again whenever it broke, for ever; pause after each failure.

    A connection that breaks within a minute counts as a failure: two of one name throw each other
    out, and shall not do so every second. `sleep_ms` is awaited.
    """
    while True:
        try:
            await client.connect()
        except MqttError:
            await sleep_ms(backoff.failed())
            continue
        up_at = port.ticks_ms()
        await client.wait_down()
        if port.ticks_diff(port.ticks_ms(), up_at) >= STEADY_MS:
            backoff.succeeded()
        await sleep_ms(backoff.failed())
