"""Packets there and back, in any pieces, and bytes that are no packets."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.local.mqtt import packets
from cloud.local.mqtt.packets import MalformedPacketError, Packet, Splitter

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
TEXT = st.text(LETTERS, max_size=40)
TOPIC = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00+#"), min_size=1,
                max_size=40)  # fmt: skip
IDS = st.integers(min_value=1, max_value=0xFFFF)
BYTES = st.binary(max_size=300)
QOS = st.integers(min_value=0, max_value=1)
WILLS = st.builds(packets.Will, TOPIC, BYTES, QOS, st.booleans())


@st.composite
def messages(draw: st.DrawFn) -> packets.Message:
    qos = draw(QOS)
    return packets.Message(
        draw(TOPIC), draw(BYTES), qos, draw(IDS) if qos else 0,
        retain=draw(st.booleans()), dup=bool(qos) and draw(st.booleans()),
    )  # fmt: skip


@st.composite
def connects(draw: st.DrawFn) -> packets.Connect:
    username = draw(st.none() | TEXT)
    return packets.Connect(
        client_id=draw(TEXT),
        clean_session=draw(st.booleans()),
        keepalive_s=draw(st.integers(min_value=0, max_value=0xFFFF)),
        will=draw(st.none() | WILLS),
        username=username,
        password=draw(st.none() | BYTES) if username is not None else None,
    )


PACKETS: st.SearchStrategy[Packet] = st.one_of(
    messages(),
    connects(),
    st.builds(packets.Connack, st.integers(0, 5), st.booleans()),
    st.builds(packets.Puback, IDS),
    st.builds(
        packets.Subscribe,
        IDS,
        st.lists(st.tuples(TEXT, st.integers(0, 2)), min_size=1, max_size=5).map(tuple),
    ),
    st.builds(packets.Suback, IDS, st.lists(st.sampled_from([0, 1, 0x80])).map(tuple)),
    st.builds(packets.Unsubscribe, IDS, st.lists(TEXT, min_size=1, max_size=5).map(tuple)),
    st.builds(packets.Unsuback, IDS),
    st.sampled_from([packets.Pingreq(), packets.Pingresp(), packets.Disconnect()]),
)


@given(st.lists(PACKETS, max_size=6), st.lists(st.integers(1, 50), max_size=20))
def test_packets_survive_the_wire_in_any_pieces(sent: list[Packet], cuts: list[int]) -> None:
    wire = b"".join(map(packets.encode, sent))
    splitter, received = Splitter(), []
    for cut in [*cuts, len(wire)]:
        splitter.feed(wire[:cut])
        wire = wire[cut:]
        received += splitter.packets()
    assert received == sent


@given(st.binary(max_size=200))
def test_any_bytes_are_packets_or_malformed(data: bytes) -> None:
    splitter = Splitter()
    splitter.feed(data)
    try:
        found = list(splitter.packets())
    except MalformedPacketError:
        return
    for packet in found:
        again = Splitter()
        again.feed(packets.encode(packet))
        assert list(again.packets()) == [packet]


@given(PACKETS, st.data())
def test_a_damaged_packet_is_a_packet_or_malformed(packet: Packet, data: st.DataObject) -> None:
    wire = bytearray(packets.encode(packet))
    place = data.draw(st.integers(0, len(wire) - 1))
    wire[place] = data.draw(st.integers(0, 255))
    splitter = Splitter()
    splitter.feed(bytes(wire))
    with contextlib.suppress(MalformedPacketError):
        list(splitter.packets())


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        pytest.param("00 00", "does not exist", id="type 0"),
        pytest.param("f0 00", "does not exist", id="type 15 is of MQTT 5"),
        pytest.param("50 02 00 01", "QoS 2", id="PUBREC"),
        pytest.param("c1 00", "flags", id="PINGREQ with a flag"),
        pytest.param("47 45", "flags", id="GE.. is known at once"),
        pytest.param("c0 01 00", "after its last field", id="PINGREQ with a body"),
        pytest.param("40 02 00 00", "identifier 0", id="PUBACK of nothing"),
        pytest.param("40 01 00", "past the end", id="PUBACK cut short"),
        pytest.param("36 05 00 01 61 00 01", "QoS 3", id="PUBLISH at QoS 3"),
        pytest.param("38 03 00 01 61", "DUP", id="DUP at QoS 0"),
        pytest.param("30 02 00 00", "topic", id="an empty topic"),
        pytest.param("30 03 00 01 2b", "filter", id="a wildcard topic"),
        pytest.param("30 05 00 03 61 00 62", "U+0000", id="NUL in a topic"),
        pytest.param("30 05 00 03 ed a0 80", "UTF-8", id="a surrogate in a topic"),
        pytest.param("82 02 00 01", "no filter", id="SUBSCRIBE to nothing"),
        pytest.param("82 06 00 01 00 01 61 03", "QoS", id="SUBSCRIBE at QoS 3"),
        pytest.param("a2 02 00 01", "no filter", id="UNSUBSCRIBE from nothing"),
        pytest.param("10 0c 00 04 4d 51 54 54 04 03 00 00 00 00", "reserved", id="CONNECT flag 0"),
        pytest.param("10 0c 00 04 4d 51 54 54 04 40 00 00 00 00", "password", id="no user name"),
        pytest.param("10 0c 00 04 4d 51 54 54 04 08 00 00 00 00", "will", id="QoS of no will"),
        pytest.param("20 02 02 00", "reserved", id="CONNACK flag"),
        pytest.param("30 ff ff ff ff 01", "four bytes", id="length of five bytes"),
        pytest.param("30 ff ff ff 7f", "longer than", id="a packet of 256 MB"),
    ],
)
def test_malformed(wire: str, why: str) -> None:
    splitter = Splitter()
    splitter.feed(bytes.fromhex(wire))
    with pytest.raises(MalformedPacketError, match=why.replace("+", r"\+")):
        list(splitter.packets())


def test_packets_before_a_malformed_one_are_read() -> None:
    splitter = Splitter()
    splitter.feed(packets.encode(packets.Pingreq()) + b"\x00\x00")
    found = splitter.packets()
    assert next(found) == packets.Pingreq()
    with pytest.raises(MalformedPacketError):
        next(found)


def test_another_version_is_read_as_far_as_its_level() -> None:
    splitter = Splitter()
    splitter.feed(bytes.fromhex("10 0d 00 04 4d 51 54 54 05 02 00 00 00 00 00"))
    (connect,) = splitter.packets()
    assert connect == packets.Connect("", level=5)
