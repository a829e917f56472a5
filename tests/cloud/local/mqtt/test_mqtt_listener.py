"""The listener as a device sees it: what is acknowledged, kept, sent again, refused."""

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloud.kernel.errors import BadInput, Unavailable
from cloud.local.authority import Authority
from cloud.local.mqtt import packets
from cloud.local.mqtt.listener import Listener

Make = Callable[..., Any]
TELEMETRY = "$aws/rules/telemetry/home-1/chunk"


def wait(is_true: Callable[[], object], within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def test_a_message_is_accepted_with_its_identity(cloud: Any, device: Make) -> None:
    home = device(cloud, "home-1").connect()
    assert (home.code, home.session_present) == (0, False)
    home.say(TELEMETRY, b"\x00\xff")
    (publish,) = cloud.accepted
    assert (publish.thing, publish.client_id, publish.topic) == ("home-1", "home-1", TELEMETRY)
    assert (publish.payload, publish.qos, publish.at) == (b"\x00\xff", 1, cloud.clock.now())
    assert len(publish.certificate_id) == 64


def test_qos_0_is_accepted_too(cloud: Any, device: Make) -> None:
    device(cloud, "home-1").connect().publish("sr/v1/home-1/e", b"x", 0)
    wait(lambda: cloud.payloads("sr/v1/home-1/e") == [b"x"])


def test_the_largest_payload_and_one_more_byte(cloud: Any, device: Make) -> None:
    home = device(cloud, "home-1").connect()
    home.say(TELEMETRY, b"x" * 128 * 1024)
    home.publish(TELEMETRY, b"x" * (128 * 1024 + 1))
    assert home.is_gone.wait(5)
    assert [len(publish.payload) for publish in cloud.accepted] == [128 * 1024]


def test_no_puback_before_the_commit(cloud: Any, device: Make) -> None:
    may_commit = threading.Event()
    cloud.before_accept = lambda _: may_commit.wait(5)
    home = device(cloud, "home-1").connect()
    mid = home.publish(TELEMETRY)
    time.sleep(0.1)
    assert mid not in home.acknowledged
    may_commit.set()
    wait(lambda: mid in home.acknowledged)


def test_a_failed_commit_closes_without_puback(
    cloud: Any, device: Make, caplog: pytest.LogCaptureFixture
) -> None:
    def fail_on_third(publish: Any) -> None:
        if publish.payload == b"3":
            raise OSError("disk full")

    cloud.before_accept = fail_on_third
    home = device(cloud, "home-1").connect()
    mids = [home.publish(TELEMETRY, payload) for payload in (b"1", b"2", b"3", b"4")]
    assert home.is_gone.wait(5)
    assert home.acknowledged <= set(mids[:2])
    assert cloud.payloads(TELEMETRY) == [b"1", b"2"]
    assert "closed without PUBACK" in caplog.text
    cloud.before_accept = lambda _: None
    home.connect()
    wait(lambda: set(mids) <= home.acknowledged)
    assert set(cloud.payloads(TELEMETRY)) == {b"1", b"2", b"3", b"4"}


def test_order_is_kept_and_a_slow_neighbour_does_not_matter(cloud: Any, device: Make) -> None:
    release = threading.Event()
    cloud.before_accept = lambda publish: publish.thing == "home-2" and release.wait(5)
    slow, quick = device(cloud, "home-2").connect(), device(cloud, "home-1").connect()
    slow.publish("slow")
    for number in range(200):
        quick.publish(TELEMETRY, b"%d" % number)
    wait(lambda: len(quick.acknowledged) == 200)
    assert cloud.payloads(TELEMETRY) == [b"%d" % number for number in range(200)]
    release.set()


def test_a_dup_is_passed_on(cloud: Any, raw: Make) -> None:
    home = raw(cloud, "home-1")
    home.send(
        packets.Connect("home-1"),
        packets.Message("a", b"x", 1, 7),
        packets.Message("a", b"x", 1, 7, dup=True),
    )
    assert home.read(3) == [packets.Connack(0), packets.Puback(7), packets.Puback(7)]
    assert cloud.payloads("a") == [b"x", b"x"]


# ---- who may come in --------------------------------------------------------------------------


def test_another_things_name_is_refused(cloud: Any, device: Make) -> None:
    impostor = device(cloud, "home-2", certificate_of="home-1").connect()
    assert impostor.code != 0
    assert not cloud.accepted


@pytest.mark.parametrize(
    ("connect", "code"),
    [
        (packets.Connect("home-2"), packets.IDENTIFIER_REJECTED),
        (packets.Connect(""), packets.IDENTIFIER_REJECTED),
        (packets.Connect("home-1", level=3), packets.BAD_PROTOCOL),
        (packets.Connect("home-1", level=5), packets.BAD_PROTOCOL),
        (
            packets.Connect("home-1", will=packets.Will("$aws/rules/telemetry/home-1", b"")),
            packets.NOT_AUTHORISED,
        ),
    ],
)
def test_connect_refused(cloud: Any, raw: Make, connect: packets.Connect, code: int) -> None:
    home = raw(cloud, "home-1")
    home.send(connect)
    assert home.until_closed() == [packets.Connack(code)]


def test_the_policy_may_refuse_a_connection(make_cloud: Make, raw: Make) -> None:
    cloud = make_cloud(authorise=lambda *_: False)
    home = raw(cloud, "home-1")
    home.send(packets.Connect("home-1"))
    assert home.until_closed() == [packets.Connack(packets.NOT_AUTHORISED)]


def is_turned_away(cloud: Any, context: ssl.SSLContext) -> bool:
    """Tell whether TLS fails, which a client of TLS 1.3 learns at its first read only."""
    with socket.create_connection(("127.0.0.1", cloud.port), timeout=5) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost") as tls:
                tls.sendall(packets.encode(packets.Connect("home-1")))
                return tls.recv(10) == b""
        except (ssl.SSLError, ConnectionError):
            return True


def test_no_certificate_no_connection(cloud: Any, authority: Authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.ca_path)
    assert is_turned_away(cloud, context)


def test_another_authoritys_certificate_is_no_certificate(
    cloud: Any, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "other", clock=cloud.clock).device_certificate("home-1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.ca_path)
    context.load_cert_chain(stranger.cert_path, stranger.key_path)
    assert is_turned_away(cloud, context)


def test_a_context_without_client_certificates_is_refused(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(BadInput, match="client certificates"):
        Listener(
            database=tmp_path / "x.db", tls=context, authorise=lambda *_: True,
            accept=lambda _: None, clock=None,  # type: ignore[arg-type]  # never asked
        )  # fmt: skip


@pytest.mark.parametrize(
    "topic",
    ["$SYS/x", "$aws/things/home-1/shadow", "$aws/rules/", "a/b/c/d/e/f/g/h/i", "t" * 257],
)
def test_topics_that_iot_core_does_not_take(cloud: Any, device: Make, topic: str) -> None:
    home = device(cloud, "home-1").connect()
    home.publish(topic)
    assert home.is_gone.wait(5)
    assert not cloud.accepted


def test_basic_ingest_does_not_count_its_prefix(cloud: Any, device: Make) -> None:
    topic = "$aws/rules/telemetry/" + "/".join("abcdefgh")
    device(cloud, "home-1").connect().say(topic)
    assert cloud.payloads(topic) == [b"{}"]


def test_publishing_for_another_thing_is_refused(make_cloud: Make, device: Make) -> None:
    def own_topics(thing: str, action: str, resource: str) -> bool:
        return action == "iot:Connect" or thing in resource.split("/")

    cloud = make_cloud(authorise=own_topics)
    home = device(cloud, "home-1").connect()
    home.say(TELEMETRY)
    home.publish("$aws/rules/telemetry/home-2/chunk")
    assert home.is_gone.wait(5)
    assert [publish.topic for publish in cloud.accepted] == [TELEMETRY]
    home = device(cloud, "home-1").connect()  # the first one would send it again for ever
    codes = home.subscribe(("sr/v1/home-1/c", 1), ("sr/v1/home-2/c", 1), ("sr/v1/+/c", 1))
    assert codes == [1, 0x80, 0x80]


# ---- malformed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x00\x00", id="type 0"),
        pytest.param(b"\x10\xff\xff\xff\xff\x01", id="length of five bytes"),
        pytest.param(b"\x30\xff\xff\xff\x7f", id="a packet of 256 MB is not waited for"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="another protocol"),
        pytest.param(b"\xc0\x00", id="a ping before CONNECT"),
    ],
)
def test_malformed_first_packet_closes_only_that_connection(
    cloud: Any, device: Make, raw: Make, sent: bytes
) -> None:
    good = device(cloud, "home-1").connect()
    bad = raw(cloud, "home-2")
    bad.send(sent)
    assert bad.until_closed() == []
    good.say(TELEMETRY)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x34\x05\x00\x01a\x00\x01", id="QoS 2"),
        pytest.param(b"\x32\x05\x00\x01a\x00\x00", id="packet id 0"),
        pytest.param(b"\x30\x03\x00\x01#", id="publish to a filter"),
        pytest.param(b"\x30\x03\x00\x01\xff", id="a topic that is not UTF-8"),
        pytest.param(b"\x82\x02\x00\x01", id="SUBSCRIBE without a filter"),
        pytest.param(b"\x80\x06\x00\x01\x00\x01a\x00", id="SUBSCRIBE with wrong flags"),
        pytest.param(b"\x20\x02\x00\x00", id="CONNACK from a client"),
        pytest.param(packets.encode(packets.Connect("home-1")), id="CONNECT twice"),
        pytest.param(
            packets.encode(packets.Subscribe(1, tuple((f"t{n}", 0) for n in range(9)))),
            id="nine filters",
        ),
    ],
)
def test_malformed_later_packet(cloud: Any, raw: Make, sent: bytes) -> None:
    home = raw(cloud, "home-1")
    home.send(packets.Connect("home-1"), packets.Message("ok", b"", 1, 5), sent)
    assert home.until_closed() == [packets.Connack(0), packets.Puback(5)]
    assert cloud.payloads("ok") == [b""]


# ---- the downlink and sessions ----------------------------------------------------------------


def test_downlink_and_wildcards(cloud: Any, device: Make) -> None:
    home = device(cloud, "home-1").connect()
    assert home.subscribe(("sr/v1/home-1/c", 1), ("sr/+/home-1/#", 0), ("x", 2)) == [1, 0, 1]
    cloud.listener.publish("sr/v1/home-1/c", b"once, at the higher QoS")
    cloud.listener.publish("sr/v2/home-1/a/b", b"0")
    cloud.listener.publish("sr/v1/home-2/c", b"not mine")
    wait(lambda: len(home.received) == 2)
    assert sorted((m.payload, m.qos) for m in home.received) == [
        (b"0", 0), (b"once, at the higher QoS", 1),
    ]  # fmt: skip
    home.client.unsubscribe(["sr/v1/home-1/c", "sr/+/home-1/#"])
    home.say("sync")
    cloud.listener.publish("sr/v1/home-1/c", b"too late")
    cloud.listener.publish("x", b"last")
    wait(lambda: home.payloads()[-1] == b"last")
    assert len(home.received) == 3


def test_devices_messages_are_carried_to_subscribers(cloud: Any, device: Make) -> None:
    one, two = device(cloud, "home-1").connect(), device(cloud, "home-2").connect()
    two.subscribe(("#", 1))
    one.say("to/all", b"hello")
    one.say(TELEMETRY, b"basic ingest reaches no subscriber")
    wait(lambda: two.payloads() == [b"hello"])
    time.sleep(0.05)
    assert two.payloads() == [b"hello"]


def test_receive_can_be_refused(make_cloud: Make, device: Make) -> None:
    cloud = make_cloud(authorise=lambda _t, action, res: action != "iot:Receive" or "ok" in res)
    home = device(cloud, "home-1").connect()
    home.subscribe(("#", 1))
    cloud.listener.publish("secret", b"no")
    cloud.listener.publish("ok", b"yes")
    wait(lambda: home.received)
    assert home.payloads() == [b"yes"]


def test_persistent_session_survives_a_restart(cloud: Any, device: Make) -> None:
    home = device(cloud, "home-1", clean_session=False).connect()
    home.subscribe(("down/#", 1))
    home.leave()
    cloud.listener.publish("down/a", b"1")
    cloud.restart()
    cloud.listener.publish("down/a", b"2")
    cloud.listener.publish("down/a", b"lost", qos=0)
    cloud.clock.pass_by(timedelta(days=6, hours=23))
    home.connect()
    assert home.session_present is True
    wait(lambda: home.payloads() == [b"1", b"2"])
    cloud.listener.publish("down/a", b"3")
    wait(lambda: home.payloads() == [b"1", b"2", b"3"])
    wait(lambda: not cloud.listener._sessions.window("home-1", size=1, now=cloud.clock.now()))


def test_a_session_is_over_after_seven_days(cloud: Any, device: Make) -> None:
    home = device(cloud, "home-1", clean_session=False).connect()
    home.subscribe(("down/#", 1))
    home.leave()
    wait(lambda: not cloud.listener._board._live)
    cloud.listener.publish("down/a", b"1")
    cloud.clock.pass_by(timedelta(days=7))
    home.connect()
    assert home.session_present is False
    cloud.listener.publish("down/a", b"2")
    home.say("sync")
    assert home.received == []


def test_a_clean_session_keeps_nothing(cloud: Any, device: Make) -> None:
    home = device(cloud, "home-1", clean_session=False).connect()
    home.subscribe(("down/#", 1))
    home.leave()
    clean = device(cloud, "home-1", clean_session=True).connect()
    assert clean.session_present is False
    clean.subscribe(("down/#", 1))
    clean.leave()
    wait(lambda: not cloud.listener._board._live)
    cloud.listener.publish("down/a", b"1")
    home.connect()
    assert home.session_present is False
    home.say("sync")
    assert home.received == []


def test_an_unacknowledged_message_comes_again_with_its_id_and_dup(cloud: Any, raw: Make) -> None:
    hello = packets.Connect("home-1", clean_session=False)
    first = raw(cloud, "home-1")
    first.send(hello, packets.Subscribe(1, (("down", 1),)))
    assert first.read(2) == [packets.Connack(0), packets.Suback(1, (1,))]
    cloud.listener.publish("down", b"a")
    cloud.listener.publish("down", b"b")
    a, b = first.read(2)
    assert [a.dup, b.dup] == [False, False]
    first.send(packets.Puback(a.packet_id))
    first.close()
    wait(lambda: not cloud.listener._board._live)
    second = raw(cloud, "home-1")
    second.send(hello)
    again = packets.Message("down", b"b", 1, b.packet_id, dup=True)
    assert second.read(2) == [packets.Connack(0, session_present=True), again]


def test_the_window_moves_on_with_acknowledgements(cloud: Any, raw: Make) -> None:
    home = raw(cloud, "home-1")
    home.send(packets.Connect("home-1"), packets.Subscribe(1, (("down", 1),)))
    home.read(2)
    for number in range(110):
        cloud.listener.publish("down", b"%d" % number)
    window = home.read(100)
    home.socket.settimeout(0.1)
    with pytest.raises(TimeoutError):
        home.read(1)
    home.socket.settimeout(5)
    home.send(*(packets.Puback(message.packet_id) for message in window))
    assert [m.payload for m in home.read(10)] == [b"%d" % n for n in range(100, 110)]


def test_retained_messages(cloud: Any, device: Make) -> None:
    one = device(cloud, "home-1").connect()
    one.say("state/1", b"old", retain=True)
    one.say("state/1", b"new", retain=True)
    one.say("state/2", b"gone", retain=True)
    one.say("state/2", b"", retain=True)
    cloud.listener.publish("state/3", b"down", retain=True)
    cloud.restart()
    two = device(cloud, "home-2").connect()
    two.subscribe(("state/+", 1))
    wait(lambda: len(two.received) == 2)
    assert sorted((m.payload, m.retain) for m in two.received) == [(b"down", True), (b"new", True)]


@pytest.mark.parametrize("topic", ["", "a/+", "#", "$aws/x", "a/b/c/d/e/f/g/h/i"])
def test_the_downlink_keeps_to_topics(cloud: Any, topic: str) -> None:
    with pytest.raises(BadInput):
        cloud.listener.publish(topic, b"")


def test_the_downlink_keeps_to_its_limits(cloud: Any) -> None:
    with pytest.raises(BadInput):
        cloud.listener.publish("a", b"x" * (128 * 1024 + 1))
    with pytest.raises(BadInput):
        cloud.listener.publish("a", b"x", 2)


def test_a_stopped_listener_publishes_nothing(cloud: Any) -> None:
    cloud.listener.stop()
    with pytest.raises(Unavailable, match="not started"):
        cloud.listener.publish("a", b"x")
    cloud.listener.stop()
    cloud.start()


def test_a_taken_port_is_said_so(cloud: Any, tmp_path: Path, authority: Authority) -> None:
    second = Listener(
        database=tmp_path / "second.db", tls=authority.server_context(),
        authorise=lambda *_: True, accept=lambda _: None, clock=cloud.clock, port=cloud.port,
    )  # fmt: skip
    with pytest.raises(Unavailable, match=str(cloud.port)):
        second.start()


# ---- wills, keepalive, takeover ---------------------------------------------------------------


def with_will(device: Make, cloud: Any, **options: Any) -> Any:
    home = device(cloud, "home-1", **options)
    home.client.will_set("sr/v1/home-1/s", b"down", 1)
    return home.connect()


def test_last_will(cloud: Any, device: Make) -> None:
    with_will(device, cloud).vanish()
    wait(lambda: cloud.payloads("sr/v1/home-1/s") == [b"down"])


def test_no_will_after_disconnect(cloud: Any, device: Make) -> None:
    with_will(device, cloud).leave()
    wait(lambda: not cloud.listener._board._live)
    assert cloud.accepted == []


def test_a_will_is_said_when_the_listener_comes_back(cloud: Any, device: Make) -> None:
    home = with_will(device, cloud)
    cloud.listener.stop()
    assert cloud.accepted == []
    assert home.is_gone.wait(5)
    cloud.start()
    assert cloud.payloads("sr/v1/home-1/s") == [b"down"]
    cloud.restart()
    assert cloud.payloads("sr/v1/home-1/s") == [b"down"]


def test_a_will_that_is_not_accepted_costs_only_itself(
    cloud: Any, device: Make, caplog: pytest.LogCaptureFixture
) -> None:
    home = with_will(device, cloud)
    cloud.before_accept = lambda _: 1 / 0
    home.vanish()
    wait(lambda: not cloud.listener._board._live)
    assert "last will" in caplog.text
    cloud.before_accept = lambda _: None
    home.connect().say(TELEMETRY)


def test_silence_is_noticed(cloud: Any, raw: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="cloud")
    home = raw(cloud, "home-1")
    will = packets.Will("sr/v1/home-1/s", b"down")
    home.send(packets.Connect("home-1", keepalive_s=1, will=will))
    began = time.monotonic()
    time.sleep(1.0)
    home.send(packets.Pingreq())
    assert home.until_closed() == [packets.Connack(0), packets.Pingresp()]
    assert time.monotonic() - began > 2.3  # not before its time; how late is the machine's
    wait(lambda: cloud.payloads("sr/v1/home-1/s") == [b"down"])
    assert "keepalive" in caplog.text


def test_a_ping_keeps_a_connection(cloud: Any, device: Make) -> None:
    home = device(cloud, "home-1", keepalive=1).connect()
    time.sleep(2.0)
    home.say(TELEMETRY)
    assert not home.is_gone.is_set()


def test_takeover_says_the_will_and_then_connects(cloud: Any, device: Make) -> None:
    first = with_will(device, cloud, clean_session=False)
    first.subscribe(("down", 1))
    second = device(cloud, "home-1", clean_session=False).connect()
    assert cloud.payloads("sr/v1/home-1/s") == [b"down"]
    assert second.session_present is True
    assert first.is_gone.wait(5)
    cloud.listener.publish("down", b"x")
    wait(lambda: second.payloads() == [b"x"])
    assert first.received == []
    second.say("still here")


def test_many_takeovers_leave_one(cloud: Any, raw: Make) -> None:
    clients = [raw(cloud, "home-1") for _ in range(8)]
    for client in clients:
        client.send(packets.Connect("home-1", clean_session=False))
    for client in clients:
        with contextlib.suppress(EOFError):  # taken over before its CONNACK went out
            client.read(1)
    last = raw(cloud, "home-1")
    last.send(packets.Connect("home-1", clean_session=False), packets.Message("a", b"", 1, 1))
    last.read(2)
    for client in clients:
        client.until_closed()
    assert len(cloud.listener._board._live) == 1
