"""MQTT 3.1.1 control packets between bytes and values, with no socket in sight.

The numbers in brackets are sections of "MQTT Version 3.1.1", OASIS Standard, 29 October 2014.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

MAX_PACKET_BYTES = 128 * 1024 + 4 * 1024
"""The largest packet read into memory: a full payload of IoT Core and room for its header."""

PROTOCOL_LEVEL = 4
SUBSCRIPTION_FAILED = 0x80


class MalformedPacketError(ValueError):
    """The bytes are not a control packet of MQTT 3.1.1; the connection they came on is closed."""


@dataclass(frozen=True, slots=True)
class Will:
    """What a client asks to have said for it when it is lost (3.1.2.5)."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Connect:
    """A client introduces itself (3.1)."""

    client_id: str
    clean_session: bool = True
    keepalive_s: int = 0
    will: Will | None = None
    username: str | None = None
    password: bytes | None = None
    protocol: str = "MQTT"
    level: int = PROTOCOL_LEVEL


@dataclass(frozen=True, slots=True)
class Connack:
    """The answer to a Connect (3.2); codes are in table 3.1."""

    code: int
    session_present: bool = False


ACCEPTED = 0
BAD_PROTOCOL = 1
IDENTIFIER_REJECTED = 2
NOT_AUTHORISED = 5


@dataclass(frozen=True, slots=True)
class Message:
    """A PUBLISH packet (3.3): the packet id is zero at QoS 0."""

    topic: str
    payload: bytes
    qos: int = 0
    packet_id: int = 0
    retain: bool = False
    dup: bool = False


@dataclass(frozen=True, slots=True)
class Puback:
    """Responsibility for a QoS 1 message has passed to the sender of this packet (3.4)."""

    packet_id: int


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A request for the messages of some topic filters, each with its highest QoS (3.8)."""

    packet_id: int
    filters: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Suback:
    """The QoS granted to each filter, or `SUBSCRIPTION_FAILED` (3.9)."""

    packet_id: int
    codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """The end of some subscriptions (3.10)."""

    packet_id: int
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsuback:
    """The answer to an Unsubscribe (3.11)."""

    packet_id: int


@dataclass(frozen=True, slots=True)
class Pingreq:
    """A client says that it is alive (3.12)."""


@dataclass(frozen=True, slots=True)
class Pingresp:
    """The answer to a Pingreq (3.13)."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A client leaves on purpose: its will is forgotten (3.14)."""


Packet = (
    Connect
    | Connack
    | Message
    | Puback
    | Subscribe
    | Suback
    | Unsubscribe
    | Unsuback
    | Pingreq
    | Pingresp
    | Disconnect
)

_CONNECT, _CONNACK, _PUBLISH, _PUBACK = 1, 2, 3, 4
_SUBSCRIBE, _SUBACK, _UNSUBSCRIBE, _UNSUBACK = 8, 9, 10, 11
_PINGREQ, _PINGRESP, _DISCONNECT = 12, 13, 14
_QOS2_TYPES = (5, 6, 7)
_FLAGS_0010 = (_SUBSCRIBE, _UNSUBSCRIBE)


class Splitter:
    """Cuts a byte stream into packets; what is not yet whole waits for the next `feed`."""

    def __init__(self, *, max_packet_bytes: int = MAX_PACKET_BYTES) -> None:
        self._buffer = bytearray()
        self._max = max_packet_bytes

    def feed(self, data: bytes) -> None:
        """Add bytes as they came from the socket."""
        self._buffer += data

    def packets(self) -> Iterator[Packet]:
        """Yield every whole packet that has arrived.

        Raises:
            MalformedPacketError: At the first packet that is not one; those before it were yielded.
        """
        start = 0
        buffer = self._buffer
        try:
            while (found := _frame(buffer, start, self._max)) is not None:
                first, body, start = found
                yield parse(first, body)
        finally:
            del buffer[:start]


def _frame(buffer: bytearray, start: int, limit: int) -> tuple[int, bytes, int] | None:
    """Find one whole packet: its first byte, its body and where the next begins (2.2)."""
    length, shift, at = 0, 0, start + 1
    while True:
        if at >= len(buffer):
            return None
        digit = buffer[at]
        at += 1
        length |= (digit & 0x7F) << shift
        if not digit & 0x80:
            break
        shift += 7
        if shift > 21:
            raise MalformedPacketError("the remaining length takes more than four bytes (2.2.3)")
    if length > limit:
        raise MalformedPacketError(f"a packet of {length} bytes is longer than {limit}")
    if len(buffer) < at + length:
        # what can never become a packet (another protocol, say) is not waited for
        _check_first(buffer[start])
        return None
    return buffer[start], bytes(buffer[at : at + length]), at + length


class _Body:
    """Reads the fields of a packet's body and refuses to read past its end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise MalformedPacketError("a field runs past the end of its packet")
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def blob(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        """Read a UTF-8 string; NUL and surrogates may not stand in one (1.5.3)."""
        try:
            text = self.blob().decode("utf-8", "strict")
        except UnicodeDecodeError as error:
            raise MalformedPacketError("a string is not UTF-8 (1.5.3)") from error
        if "\x00" in text:
            raise MalformedPacketError("a string holds the character U+0000 (1.5.3)")
        return text

    def packet_id(self) -> int:
        number = self.number()
        if number == 0:
            raise MalformedPacketError("packet identifier 0 is not one (2.3.1)")
        return number

    def has_more(self) -> bool:
        return self.at < len(self.data)

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)

    def end(self) -> None:
        if self.has_more():
            raise MalformedPacketError("a packet goes on after its last field")


def parse(first: int, body: bytes) -> Packet:
    """Read one packet from its first byte and its body.

    QoS 2 is refused here, as IoT Core refuses it ("MQTT", AWS IoT Core developer guide).

    Raises:
        MalformedPacketError: For whatever MQTT 3.1.1 does not allow.
    """
    _check_first(first)
    kind, flags = first >> 4, first & 0x0F
    if kind == _PUBLISH:
        return _parse_message(flags, body)
    fields = _Body(body)
    packet = _READERS[kind](fields)
    fields.end()
    return packet


def _check_first(first: int) -> None:
    kind, flags = first >> 4, first & 0x0F
    if kind == _PUBLISH:
        return
    if kind in _QOS2_TYPES:
        raise MalformedPacketError("QoS 2 is not offered")
    if kind not in _READERS:
        raise MalformedPacketError(f"packet type {kind} does not exist (2.2.1)")
    if flags != (0b0010 if kind in _FLAGS_0010 else 0):
        raise MalformedPacketError(f"packet type {kind} may not have flags {flags:04b} (2.2.2)")


def _parse_message(flags: int, body: bytes) -> Message:
    qos, dup = (flags >> 1) & 0b11, bool(flags & 0b1000)
    if qos > 1:
        raise MalformedPacketError(f"QoS {qos} is not offered")
    if dup and not qos:
        raise MalformedPacketError("DUP is set on a QoS 0 message (3.3.1.1)")
    fields = _Body(body)
    topic = fields.text()
    if not topic or "+" in topic or "#" in topic:
        raise MalformedPacketError("a message is published to a topic, not to a filter (3.3.2.1)")
    packet_id = fields.packet_id() if qos else 0
    return Message(topic, fields.rest(), qos, packet_id, retain=bool(flags & 1), dup=dup)


def _parse_connect(fields: _Body) -> Connect:
    protocol, level = fields.text(), fields.byte()
    if protocol != "MQTT" or level != PROTOCOL_LEVEL:
        # Another version's layout is not ours to read: it is answered by code 1 (3.1.2.2).
        fields.rest()
        return Connect("", protocol=protocol, level=level)
    flags, keepalive_s = fields.byte(), fields.number()
    if flags & 0b1:
        raise MalformedPacketError("the reserved CONNECT flag is set (3.1.2.3)")
    client_id = fields.text()
    will = _parse_will(flags, fields)
    has_username, has_password = bool(flags & 0x80), bool(flags & 0x40)
    if has_password and not has_username:
        raise MalformedPacketError("a password comes without a user name (3.1.2.9)")
    return Connect(
        client_id=client_id,
        clean_session=bool(flags & 0b10),
        keepalive_s=keepalive_s,
        will=will,
        username=fields.text() if has_username else None,
        password=fields.blob() if has_password else None,
    )


def _parse_will(flags: int, fields: _Body) -> Will | None:
    qos, retain = (flags >> 3) & 0b11, bool(flags & 0x20)
    if not flags & 0b100:
        if qos or retain:
            raise MalformedPacketError("will QoS or retain is set without a will (3.1.2.6)")
        return None
    if qos > 1:
        raise MalformedPacketError(f"a will of QoS {qos} is not offered")
    topic = fields.text()
    if not topic or "+" in topic or "#" in topic:
        raise MalformedPacketError("a will is published to a topic, not to a filter (3.3.2.1)")
    return Will(topic, fields.blob(), qos, retain)


def _parse_connack(fields: _Body) -> Connack:
    flags, code = fields.byte(), fields.byte()
    if flags > 1:
        raise MalformedPacketError("a reserved CONNACK flag is set (3.2.2.1)")
    return Connack(code, session_present=bool(flags))


def _parse_subscribe(fields: _Body) -> Subscribe:
    packet_id = fields.packet_id()
    filters = []
    while fields.has_more():
        topic_filter, qos = fields.text(), fields.byte()
        if qos > 2:
            raise MalformedPacketError("a requested QoS is not 0, 1 or 2 (3.8.3)")
        filters.append((topic_filter, qos))
    if not filters:
        raise MalformedPacketError("SUBSCRIBE names no filter (3.8.3)")
    return Subscribe(packet_id, tuple(filters))


def _parse_unsubscribe(fields: _Body) -> Unsubscribe:
    packet_id = fields.packet_id()
    filters = []
    while fields.has_more():
        filters.append(fields.text())
    if not filters:
        raise MalformedPacketError("UNSUBSCRIBE names no filter (3.10.3)")
    return Unsubscribe(packet_id, tuple(filters))


_READERS: dict[int, Callable[[_Body], Packet]] = {
    _CONNECT: _parse_connect,
    _CONNACK: _parse_connack,
    _PUBACK: lambda fields: Puback(fields.packet_id()),
    _SUBSCRIBE: _parse_subscribe,
    _SUBACK: lambda fields: Suback(fields.packet_id(), tuple(fields.rest())),
    _UNSUBSCRIBE: _parse_unsubscribe,
    _UNSUBACK: lambda fields: Unsuback(fields.packet_id()),
    _PINGREQ: lambda _: Pingreq(),
    _PINGRESP: lambda _: Pingresp(),
    _DISCONNECT: lambda _: Disconnect(),
}


def encode(packet: Packet) -> bytes:
    """Write a packet as it goes on the wire."""
    match packet:
        case Message():
            return _encode_message(packet)
        case Puback(packet_id):
            return b"\x40\x02" + _number(packet_id)
        case Connack(code, session_present):
            return bytes((0x20, 2, session_present, code))
        case Suback(packet_id, codes):
            return _framed(0x90, _number(packet_id) + bytes(codes))
        case Unsuback(packet_id):
            return b"\xb0\x02" + _number(packet_id)
        case Pingresp():
            return b"\xd0\x00"
        case Connect():
            return _encode_connect(packet)
        case Subscribe(packet_id, filters):
            asked = b"".join(_text(name) + bytes((qos,)) for name, qos in filters)
            return _framed(0x82, _number(packet_id) + asked)
        case Unsubscribe(packet_id, names):
            return _framed(0xA2, _number(packet_id) + b"".join(map(_text, names)))
        case Pingreq():
            return b"\xc0\x00"
        case Disconnect():
            return b"\xe0\x00"


def _encode_message(message: Message) -> bytes:
    first = 0x30 | message.dup << 3 | message.qos << 1 | message.retain
    packet_id = _number(message.packet_id) if message.qos else b""
    return _framed(first, _text(message.topic) + packet_id + message.payload)


def _encode_connect(packet: Connect) -> bytes:
    flags = packet.clean_session << 1
    payload = _text(packet.client_id)
    if packet.will:
        flags |= 0b100 | packet.will.qos << 3 | packet.will.retain << 5
        payload += _text(packet.will.topic) + _blob(packet.will.payload)
    if packet.username is not None:
        flags |= 0x80
        payload += _text(packet.username)
    if packet.password is not None:
        flags |= 0x40
        payload += _blob(packet.password)
    head = _text(packet.protocol) + bytes((packet.level, flags)) + _number(packet.keepalive_s)
    return _framed(0x10, head + payload)


def _framed(first: int, body: bytes) -> bytes:
    """Put the fixed header before a body (2.2)."""
    head, length = bytearray((first,)), len(body)
    while True:
        length, digit = length >> 7, length & 0x7F
        head.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(head) + body


def _number(value: int) -> bytes:
    return value.to_bytes(2, "big")


def _blob(data: bytes) -> bytes:
    return _number(len(data)) + data


def _text(text: str) -> bytes:
    return _blob(text.encode())
