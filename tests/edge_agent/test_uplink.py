"""The uplink against brokers that are slow, mute, wrong or gone: it never hangs and never lies."""

import signal
import socket
import ssl
import struct
import threading
import time
import warnings
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent import mqtt
from edge_agent.mqtt import MOST_UNDER_WAY, MOST_UNHEARD, Message, Uplink, tls_context
from edge_agent.settings import BrokerSettings

CONNACK = b"\x20\x02\x00\x00"


def uplink_to(broker: int | BrokerSettings, **changes) -> Uplink:
    to = broker if isinstance(broker, BrokerSettings) else BrokerSettings("127.0.0.1", broker)
    return Uplink(to, **{"thing": "gw-1", "status_topic": "s/status"} | changes)


def messages(count: int, start: int = 0) -> list[Message]:
    return [Message(("chunk", i), "s/chunk", b"x" * 50) for i in range(start, start + count)]


def until(is_true, within_s=10.0):
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def paho_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("paho")]


class Says:
    """Answers the first packet of each connection with given bytes, then only reads."""

    def __init__(self, answer: bytes = b"", context: ssl.SSLContext | None = None) -> None:
        self.answer, self.context = answer, context
        self.came = b""
        self.count = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._server.accept()
            if self.count < 0:
                connection.close()
                return
            self.count += 1
            self.connections.append(connection)
            connection.settimeout(5)
            try:
                if self.context is not None:
                    connection = self.context.wrap_socket(connection, server_side=True)
                    self.connections.append(connection)
                if self.answer:
                    self.came += connection.recv(4096)
                    connection.sendall(self.answer)
            except OSError:
                continue
            self._threads.append(threading.Thread(target=self._read, args=[connection]))
            self._threads[-1].start()

    def _read(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while connection.recv(4096):
                pass

    def __enter__(self) -> "Says":
        return self

    def __exit__(self, *_) -> None:
        self.count = -1
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join(10)
        self._server.close()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def up(broker):
    made = uplink_to(broker.port, patience_s=0.5)
    assert made.open(5.0)
    until(lambda: made.room() == MOST_UNDER_WAY)
    yield made
    made.close()


def test_opening_does_not_block_and_tells_when_it_is_up(broker):
    uplink = uplink_to(broker.port)
    assert uplink.why == "not tried yet"
    assert uplink.room() == 0
    assert not uplink.publish(messages(1)[0])
    assert not uplink.is_connecting()
    before = time.monotonic()
    uplink.open()
    assert time.monotonic() - before < 0.5
    assert uplink.is_connecting() or uplink.is_up()
    until(lambda: uplink.wait(1.0) or uplink.is_up())
    assert (uplink.is_connecting(), uplink.why) == (False, "")
    assert uplink.open()
    assert uplink.open(1.0)
    until(lambda: broker.of("/status") == [b'{"up":1}'])
    assert 0 < uplink.up_for_s() < 5
    uplink.close()
    assert uplink.why == "closed"
    assert uplink.up_for_s() == 0
    until(lambda: not paho_threads())
    assert broker.wills == []


def test_nobody_there():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        uplink = uplink_to(probe.getsockname()[1])
        assert not uplink.open(5.0)
    assert "refused" in uplink.why
    assert not uplink.is_connecting()
    uplink.close()


def test_a_name_that_can_be_none_is_told_too(papers):
    """Python refuses it with an error that is none of the network's; paho lets it through."""
    uplink = uplink_to(broker_of(papers, 1, host="x" * 70 + ".example"))
    assert not uplink.open(5.0)
    assert "UnicodeError" in uplink.why
    until(lambda: not paho_threads())


def test_the_window_is_twenty_and_only_the_acknowledged_make_room(broker, up):
    broker.withhold_after = 0
    sent = messages(30)
    assert [up.publish(one) for one in sent] == [True] * 20 + [False] * 10
    assert up.room() == 0
    assert up.under_way() == {one.key for one in sent[:20]}
    until(lambda: len(broker.of("/chunk")) == 20)
    assert up.acknowledged() == []
    assert len(up._connection._out_messages) == 20, "nothing of it is queued by paho"


def test_what_was_acknowledged_before_a_break_is_told_after_it(broker, up):
    broker.drop_after = 3
    for one in messages(3):
        assert up.publish(one)
    until(lambda: up.room() == MOST_UNDER_WAY)
    for one in messages(6, 3):
        up.publish(one)
    until(lambda: not up.is_up())
    known = [("chunk", 0), ("chunk", 1), ("chunk", 2)]
    assert up.under_way() == set(known), "these need no publishing again, the others do"
    assert up.acknowledged() == known
    assert up.under_way() == set()
    assert up.why
    assert up.open(5.0)
    assert up.deliver(messages(6, 3), 5.0) == [("chunk", i) for i in range(3, 9)]
    repeated = [message for message in broker.published if message.is_repeat]
    assert repeated == [], "paho sent nothing again by itself"


def test_the_watchdog_breaks_a_connection_without_acknowledgements(broker, up):
    up.check()
    broker.withhold_after = 0
    assert up.publish(messages(1)[0])
    up.check()
    assert up.is_up()
    time.sleep(0.55)
    assert 0.5 < up.oldest_under_way_s() < 5
    assert up.is_up(), "only check() breaks it"
    up.check()
    assert not up.is_up()
    assert up.why == "nothing was acknowledged for 0.5 s"
    until(lambda: broker.wills == [("s/status", b'{"up":0}')])
    until(lambda: not paho_threads())


def test_the_watchdog_lets_slow_acknowledgements_be(broker, up):
    broker.withhold_after = 0
    assert up.publish(messages(1)[0])
    until(lambda: broker.of("/chunk"))
    broker.withhold_after = None
    for i in range(1, 9):
        time.sleep(0.1)
        assert up.publish(messages(1, i)[0])
        until(lambda i=i: ("chunk", i) in up.acknowledged())
        up.check()
        assert up.is_up(), "one is passed over, but the others are acknowledged"
    time.sleep(0.7)
    up.check()
    assert not up.is_up(), "nothing since"


def test_one_that_is_passed_over_for_long_ends_the_connection_too(broker, up):
    broker.withhold_after = 0
    assert up.publish(messages(1)[0])
    until(lambda: broker.of("/chunk"))
    broker.withhold_after = None
    i = 0
    deadline = time.monotonic() + 5
    while up.is_up():
        assert time.monotonic() < deadline
        i += 1
        up.publish(messages(1, i)[0])
        time.sleep(0.05)
        up.check()
    assert up.why == "a message was passed over by the acknowledgements"


def test_waiting_ends_by_a_fact_a_thread_or_a_signal(broker, up):
    while up._has_news or not up._facts.empty():
        up.wait(0.0)

    def waited(timeout_s: float) -> float:
        before = time.monotonic()
        up.wait(timeout_s)
        return time.monotonic() - before

    assert 0.1 <= waited(0.1) < 2
    assert up.publish(messages(1)[0])
    assert waited(5.0) < 2
    assert up.acknowledged() == [("chunk", 0)]
    timer = threading.Timer(0.05, up.wake)
    timer.start()
    assert waited(5.0) < 2
    timer.join()
    before = signal.signal(signal.SIGALRM, lambda *_: up.wake())
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    assert waited(5.0) < 2
    signal.signal(signal.SIGALRM, before)
    assert up.publish(messages(1, 1)[0])
    until(up.acknowledged)
    assert waited(5.0) < 2, "what was taken in meanwhile is news too"
    assert waited(0.05) >= 0.05


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 77])
def test_a_broker_that_refuses(number):
    with Says(b"\x20\x02\x00" + bytes([number])) as server:
        uplink = uplink_to(server.port)
        assert not uplink.open(5.0)
        assert uplink.why
        assert not uplink.is_connecting()
        assert (number != 5) or "Not authorized" in uplink.why
        until(lambda: not paho_threads())


@pytest.mark.parametrize("wait_s", [0.0, 0.3])
def test_a_broker_that_never_answers(wait_s):
    with Says() as server:
        uplink = uplink_to(server.port)
        before = time.monotonic()
        assert not uplink.open(wait_s)
        assert wait_s <= time.monotonic() - before < wait_s + 2
        uplink.close()
        assert time.monotonic() - before < wait_s + 3
        until(lambda: not paho_threads())


@pytest.mark.parametrize(
    ("granted", "hears"), [(b"\x01", True), (b"\x80", False)], ids=["allowed", "refused"]
)
def test_a_broker_that_lets_nobody_listen_is_told(granted, hears, caplog):
    with Says(CONNACK + b"\x90\x03\x00\x02" + granted) as server:
        uplink = uplink_to(server.port, command_topic="s/command")
        assert not uplink.is_deaf(), "nothing is known yet"
        assert uplink.open(5.0)
        until(lambda: uplink.is_listening() or uplink.is_deaf())
        assert (uplink.is_listening(), uplink.is_deaf()) == (hears, not hears)
        uplink.close()
        assert not uplink.is_deaf(), "nothing is known any more"
    assert ("not listening on s/command" in caplog.text) == (not hears)


MALFORMED = [
    pytest.param(b"\x90\x03\x00\x01\x55", id="granted a quality of service that does not exist"),
    pytest.param(b"\x90\x00", id="empty answer to a subscription"),
    pytest.param(b"\x40\x01\x00", id="half an acknowledgement"),
    pytest.param(b"\x40\x00", id="empty acknowledgement"),
    pytest.param(b"\x32\x04\xff\xffab", id="topic longer than the packet"),
    pytest.param(b"\x32\x03\x00\x01a", id="message without a number"),
    pytest.param(b"\x36\x05\x00\x01a\x00\x01", id="quality of service 3"),
    pytest.param(b"\x32\x05\x00\x01\xff\x00\x01", id="topic that is no text"),
    pytest.param(b"\xf0\x00", id="reserved packet"),
    pytest.param(b"\x10\x00", id="packet of a client"),
    pytest.param(b"\x40\xff\xff\xff\xff\xff", id="length of five bytes"),
    pytest.param(b"\xe0\x00", id="goodbye of a client"),
    pytest.param(b"\x20\x00", id="accepted twice, and empty"),
    pytest.param(b"\xd0\x05\x00\x00\x00\x00\x00", id="long answer to a ping"),
]


def survives(answer: bytes) -> None:
    """Up and in order, or down with a reason; a thread that died unsaid would be neither."""
    with Says(CONNACK + answer) as server:
        uplink = uplink_to(server.port, command_topic="s/command", patience_s=0.3)
        uplink.open(5.0)
        time.sleep(0.03)
        if uplink.is_up():
            assert paho_threads(), "its thread lives"
        else:
            assert uplink.why
            assert not paho_threads()
        uplink.heard()
        uplink.close()
        until(lambda: not paho_threads())


@pytest.mark.parametrize("packet", MALFORMED)
def test_a_packet_that_is_wrong(packet):
    survives(packet)


@given(st.binary(min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_any_bytes_at_all(answer):
    survives(answer)


def test_an_error_in_a_callback_is_told_as_down(broker, up):
    """paho's own way is a thread that is dead, and a client that calls itself connected."""

    def broken(*_):
        raise ZeroDivisionError("on purpose")

    up._connection.on_publish = broken
    assert up.publish(messages(1)[0])
    until(lambda: not up.is_up())
    assert up.why == "ZeroDivisionError: on purpose"
    until(lambda: not paho_threads())
    assert up.open(5.0)
    assert up.deliver(messages(2), 5.0) == [("chunk", 0), ("chunk", 1)]


def test_a_flood_of_commands_is_cut_off_and_costs_no_acknowledgement():
    one = b"\x00\x01c" + struct.pack(">H", 7) + b"x" * 20_000
    packet = (
        b"\x32" + bytes([len(one) & 127 | 128, len(one) >> 7 & 127 | 128, len(one) >> 14]) + one
    )
    with Says(CONNACK) as server:
        uplink = uplink_to(server.port, command_topic="c")
        assert uplink.open(5.0)
        connection = server.connections[-1]
        for _ in range(20):
            connection.sendall(packet * 50)
        until(lambda: uplink._facts.qsize() == MOST_UNHEARD)
        assert uplink.publish(messages(1)[0])
        number = next(mid for mid, one in uplink._under_way.items() if one.key)
        connection.sendall(b"\x40\x02" + struct.pack(">H", number))
        until(lambda: uplink.acknowledged() == [("chunk", 0)])
        heard = uplink.heard()
        assert len(heard) <= MOST_UNHEARD
        assert {len(command.payload) for command in heard} == {mqtt.MOST_COMMAND_BYTES}
        uplink.close()
        until(lambda: not paho_threads())


def test_a_goodbye_arrives_even_if_the_broker_has_more_to_say():
    """A socket closed over bytes that nobody read resets what was sent before."""
    is_closing = threading.Event()
    took = b""

    def serve() -> None:
        nonlocal took
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(CONNACK)
            is_closing.wait(5)
            until_s = time.monotonic() + 0.1
            while time.monotonic() < until_s:
                connection.sendall(b"\xd0\x00" * 100)
            with suppress(ConnectionError):
                while part := connection.recv(4096):
                    took += part

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        uplink = uplink_to(server.getsockname()[1])
        assert uplink.open(5.0)
        is_closing.set()
        time.sleep(0.02)
        uplink.close()
        thread.join(10)
    assert took.endswith(b"\xe0\x00")
    until(lambda: not paho_threads())


def server_context(papers, host="127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*papers.issue("server", host=host))
    context.load_verify_locations(papers.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def broker_of(papers, port: int, **changes) -> BrokerSettings:
    cert, key = papers.issue("gw-1")
    return BrokerSettings(**{"host": "127.0.0.1", "port": port, "ca": papers.ca, "cert": cert,
                             "key": key, **changes})  # fmt: skip


def test_a_handshake_that_hangs_delays_nobody(papers):
    """The thread cannot be stopped in it; when it goes on, it must not take the name."""
    server = socket.create_server(("127.0.0.1", 0))
    uplink = uplink_to(broker_of(papers, server.getsockname()[1]))
    uplink.open()
    connection, _ = server.accept()
    time.sleep(0.1)
    before = time.monotonic()
    uplink.close()
    assert time.monotonic() - before < 2.5
    assert len(paho_threads()) == 1, "it hangs"
    connection.settimeout(5)
    with server_context(papers).wrap_socket(connection, server_side=True) as encrypted:
        try:
            said = encrypted.recv(4096)
        except OSError:
            said = b""
    assert said == b"", "given up while it hung, it does not connect any more"
    until(lambda: not paho_threads())
    server.close()


def test_attempts_that_hang_do_not_pile_up(papers):
    server = socket.create_server(("127.0.0.1", 0), backlog=50)
    uplink = uplink_to(broker_of(papers, server.getsockname()[1]))
    for _ in range(12):
        uplink.open()
        uplink._give_up("tried for long enough")
    assert len(paho_threads()) == mqtt.MOST_LEFT_BEHIND
    assert uplink.why == "earlier attempts have not ended"
    server.close()
    until(lambda: not paho_threads())


# Old TLS, which the test asks for on purpose.
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_a_broker_that_speaks_nothing_newer_than_tls_1_1(papers):
    context = server_context(papers)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with Says(CONNACK, context) as server:
        broker = broker_of(papers, server.port)
        uplink = uplink_to(broker)
        assert not uplink.open(5.0)
        assert "PROTOCOL" in uplink.why.upper()
        old = tls_context(broker)
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        with (
            socket.create_connection(("127.0.0.1", server.port)) as plain,
            old.wrap_socket(plain, server_hostname="127.0.0.1") as encrypted,
        ):
            assert encrypted.version() == "TLSv1.1", "the server does speak it"
            encrypted.sendall(b"x")


def test_what_the_context_believes_and_asks_for(papers):
    broker = broker_of(papers, 8883)
    context = tls_context(broker)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1, "no authority of the machine"


@pytest.mark.parametrize(("port", "protocol"), [(443, "x-amzn-mqtt-ca"), (8883, None)])
def test_mqtt_is_asked_for_by_name_where_the_port_is_that_of_the_web(papers, port, protocol):
    serving = server_context(papers)
    serving.set_alpn_protocols(["http/1.1", "x-amzn-mqtt-ca"])
    context = tls_context(broker_of(papers, port))
    here, there = socket.socketpair()
    taken = []

    def serve() -> None:
        with serving.wrap_socket(there, server_side=True) as encrypted:
            taken.append(encrypted.selected_alpn_protocol())
            encrypted.sendall(b"x")

    thread = threading.Thread(target=serve)
    thread.start()
    with context.wrap_socket(here, server_hostname="127.0.0.1") as encrypted:
        assert encrypted.recv(1) == b"x"
    thread.join()
    assert taken == [protocol]


@pytest.mark.parametrize("missing", ["ca", "cert", "key"])
def test_a_file_that_is_missing_or_wrong_is_named(papers, missing, tmp_path):
    wrong = tmp_path / "wrong.pem"
    for path in (tmp_path / "none.pem", wrong):
        uplink = uplink_to(broker_of(papers, 1, **{missing: str(path)}))
        assert not uplink.open(5.0)
        assert f"broker.{missing} {path}" in uplink.why
        wrong.write_text("nothing")
    until(lambda: not paho_threads())


def test_a_server_certificate_of_another_name(papers):
    with Says(CONNACK, server_context(papers, "localhost")) as server:
        uplink = uplink_to(broker_of(papers, server.port))
        assert not uplink.open(5.0)
        assert "not valid for '127.0.0.1'" in uplink.why
        uplink = uplink_to(broker_of(papers, server.port, host="localhost"))
        assert uplink.open(5.0), uplink.why
        uplink.close()


def test_warnings_of_sockets_are_errors_here():
    with pytest.raises(ResourceWarning):
        warnings.warn("so that a socket that is not closed fails a test", ResourceWarning, 2)
