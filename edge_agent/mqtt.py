"""Sends messages over MQTT 3.1.1, hears commands, and alone imports paho.

paho has a queue of its own, in memory and without end, and repeats what is in it after a break. So
that the outbox stays the only queue, nothing is published while the connection is down, at most 20
messages are under way, and after a break the client is thrown away and made anew.

Each connection lives in a thread of paho, from looking up the broker's name to its end. That thread
puts what happened on a queue and decides nothing; `Uplink` takes the facts from there in the thread
of its owner. However the thread ends, the last fact is that the connection is down, and why.

A command is acknowledged by the caller, after it was put on disk; the broker brings one that was
not acknowledged again with the next connection.
"""

import logging
import os
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

from paho.mqtt.client import (
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
    MQTTv311,
    error_string,
)
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.settings import BrokerSettings

MOST_UNDER_WAY = 20
KEEPALIVE_S = 60
CONNECT_S = 10.0
"""How long TCP may take to connect, and how long TLS; three times it is waited for an answer."""
PATIENCE_S = 30.0
"""A connection is dead on which something is under way and nothing was acknowledged for so long."""
PASSED_OVER = 4
"""So many times as long is one message waited for while others are acknowledged."""
GOODBYE_S = 1.0
LINGER_S = 0.4
"""How long the broker may take to close its end after the goodbye."""
MOST_LEFT_BEHIND = 4
"""Threads that may hang in an attempt that was given up; each ends by its own time-outs."""
AT_LEAST_ONCE = 1
MOST_UNHEARD = 200
"""Commands that wait for the caller: more than a broker sends unacknowledged (AWS IoT Core: 100).

A further one is let go of; what was not acknowledged comes again with the next connection.
"""
MOST_COMMAND_BYTES = 8192
"""What is longer is cut: it is refused either way."""
CLAIM_CLIENT = "claim-"
"""How the client id begins of a gateway that has no certificate of its own yet."""
HTTPS_PORT = 443
AWS_IOT_ALPN = "x-amzn-mqtt-ca"
"""MQTT on port 443 (AWS IoT Core developer guide, Device communication protocols)."""

log = logging.getLogger(__name__)

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Message:
    """Bytes for a topic; `key` is handed back when the broker has acknowledged them."""

    key: Key
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Command:
    """Bytes that came down; `mid` is the broker's number of them, for the acknowledgement."""

    client: Client
    mid: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class _UnderWay:
    key: Key | None
    """None: the status, of which nobody needs to hear."""
    since: float


_Fact = tuple["_Connection", str, Any] | None
"""Which connection, what happened, and the detail; None only ends a wait."""
_Facts = SimpleQueue[_Fact]


class Uplink:
    """A connection to the broker as one thing, made again by `open` whenever it broke.

    All of it belongs to one thread, but `wake`. Only `wait`, `close`, and `open` and `deliver`
    where they are given time, take any.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        *,
        thing: str,
        status_topic: str,
        command_topic: str | None = None,
        patience_s: float = PATIENCE_S,
        status: bytes = b'{"up":1}',
    ) -> None:
        """Set the connection up without opening it.

        Args:
            broker: where to, and with which certificates.
            thing: name of the gateway; a broker has one connection of a name.
            status_topic: where it tells that it is up, and the broker that it is not.
            command_topic: where commands come from; without it nothing is heard.
            patience_s: how long an acknowledgement of anything is waited for.
            status: what it tells when it is up.
        """
        self.why = "not tried yet"
        """Why it is down; empty while it is up."""
        self._broker = broker
        self._thing = thing
        self._status_topic = status_topic
        self._status = status
        self._command_topic = command_topic
        self._patience_s = patience_s
        self._facts: _Facts = SimpleQueue()
        self._has_news = False
        self._connection: _Connection | None = None
        self._left_behind: list[_Connection] = []
        self._opened_at = 0.0
        self._up_since: float | None = None
        self._may_listen: bool | None = None
        self._under_way: dict[int, _UnderWay] = {}
        self._progress_at = 0.0
        self._acknowledged: list[Key] = []
        self._heard: list[Command] = []

    def is_up(self) -> bool:
        """Tell whether the broker accepted the connection and it is not known to be broken."""
        self._take_in()
        return self._up_since is not None

    def is_connecting(self) -> bool:
        """Tell whether an attempt has begun of which the outcome is not known."""
        self._take_in()
        return self._connection is not None and self._up_since is None

    def is_listening(self) -> bool:
        """Tell whether commands reach this connection; the broker keeps them from then on."""
        self._take_in()
        return self._may_listen is True

    def is_deaf(self) -> bool:
        """Tell whether the broker refused that commands reach this connection."""
        self._take_in()
        return self._may_listen is False

    def up_for_s(self) -> float:
        """Return how long it has been up; one that breaks soon after it came up is no success."""
        self._take_in()
        return 0.0 if self._up_since is None else time.monotonic() - self._up_since

    def open(self, wait_s: float = 0.0) -> bool:
        """Begin to connect, unless connected or about to be; tell whether it is up.

        A broker that is away, refuses, or shows a wrong certificate is a no, and `why` says it.

        Args:
            wait_s: how long to wait for the outcome; with no outcome by then it is given up.
        """
        self._take_in()
        if self._connection is None:
            self._begin(wait_s or CONNECT_S)
        until = time.monotonic() + wait_s
        while wait_s and self.is_connecting():
            left_s = until - time.monotonic()
            if left_s <= 0:
                self._give_up(f"no answer within {wait_s:g} s")
                break
            self.wait(left_s)
        return self.is_up()

    def room(self) -> int:
        """Return how many messages may be published now."""
        return MOST_UNDER_WAY - len(self._under_way) if self.is_up() else 0

    def publish(self, message: Message) -> bool:
        """Send a message off unless down or without room; tell whether it is under way.

        It may have arrived even if it is never acknowledged, so it must be of a kind that can
        arrive twice.
        """
        connection = self._connection
        if connection is None or self.room() <= 0:
            return False
        return self._send(connection, message.topic, message.payload, message.key)

    def acknowledged(self) -> list[Key]:
        """Return the keys of what the broker acknowledged since the last call."""
        self._take_in()
        acknowledged, self._acknowledged = self._acknowledged, []
        return acknowledged

    def under_way(self) -> set[Key]:
        """Return the keys of what needs no publishing now.

        It is what this connection has not acknowledged yet, and what any has, as long as
        `acknowledged` was not asked for it.
        """
        self._take_in()
        return self._unacknowledged() | set(self._acknowledged)

    def oldest_under_way_s(self) -> float:
        """Return how long the oldest message has been under way; 0 when there is none."""
        self._take_in()
        if not self._under_way:
            return 0.0
        return time.monotonic() - next(iter(self._under_way.values())).since

    def heard(self) -> list[Command]:
        """Return the commands that came since the last call, oldest first; each may come again."""
        self._take_in()
        heard, self._heard = self._heard, []
        return heard

    def acknowledge(self, command: Command) -> None:
        """Tell the broker that a command is done with; after a break it brings it once more."""
        if command.client is self._connection:
            command.client.ack(command.mid, AT_LEAST_ONCE)

    def check(self) -> None:
        """Throw the connection away when it is dead without saying so; to be called now and then.

        It goes without a goodbye, so that the broker sends the last will.
        """
        self._take_in()
        now = time.monotonic()
        if self._connection is None:
            return
        if self._up_since is None:
            if now - self._opened_at > 3 * CONNECT_S:
                self._give_up(f"no answer within {3 * CONNECT_S:g} s")
        elif self._under_way and now - self._progress_at > self._patience_s:
            self._give_up(f"nothing was acknowledged for {self._patience_s:g} s")
        elif self.oldest_under_way_s() > PASSED_OVER * self._patience_s:
            self._give_up("a message was passed over by the acknowledgements")

    def wait(self, timeout_s: float) -> None:
        """Return as soon as anything has come since the last wait, or the time is over."""
        self._take_in()
        if not self._has_news:
            with suppress(Empty):
                self._take(self._facts.get(timeout=max(0.0, timeout_s)))
            self._take_in()
        self._has_news = False

    def wake(self) -> None:
        """End the `wait` that is on, or the next; any thread and any signal handler may call it."""
        self._facts.put(None)

    def deliver(self, messages: Sequence[Message], timeout_s: float) -> list[Key]:
        """Publish messages and return the keys of those that were acknowledged in the time.

        What is not acknowledged stays the caller's; the connection is closed then, so that it is
        not acknowledged later.
        """
        until = time.monotonic() + timeout_s
        rest = iter(messages)
        message = next(rest, None)
        while self.is_up():
            while message is not None and self.publish(message):
                message = next(rest, None)
            left_s = until - time.monotonic()
            if left_s <= 0 or (message is None and not self._unacknowledged()):
                break
            self.wait(left_s)
        if self._unacknowledged():
            self.close()
        return self.acknowledged()

    def close(self) -> None:
        """Say goodbye, so that the last will is not sent; what is under way stays the caller's.

        It takes a second at most, however the thread of paho or the broker may hang.
        """
        self._take_in()
        connection = self._forget("closed")
        if connection is None:
            return
        connection.leave()
        if not connection.ended.wait(GOODBYE_S):
            connection.tear()
            connection.ended.wait(GOODBYE_S / 10)
            self._left_behind.append(connection)

    def _begin(self, timeout_s: float) -> None:
        self._left_behind = [one for one in self._left_behind if not one.ended.is_set()]
        if len(self._left_behind) >= MOST_LEFT_BEHIND:
            self._is_down("earlier attempts have not ended")
            return
        try:
            connection = _Connection(
                self._broker,
                thing=self._thing,
                status_topic=self._status_topic,
                facts=self._facts,
                timeout_s=timeout_s,
            )
            connection.loop_start()
        except (OSError, RuntimeError, ValueError) as error:  # no sockets, no threads, no such host
            self._is_down(str(error))
            return
        self._connection = connection
        self._opened_at = time.monotonic()

    def _send(self, connection: "_Connection", topic: str, payload: bytes, key: Key | None) -> bool:
        info = connection.publish(topic, payload, qos=AT_LEAST_ONCE)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        now = time.monotonic()
        if not self._under_way:
            self._progress_at = now
        self._under_way[info.mid] = _UnderWay(key, now)
        return True

    def _unacknowledged(self) -> set[Key]:
        return {one.key for one in self._under_way.values() if one.key is not None}

    def _take_in(self) -> None:
        with suppress(Empty):
            while True:
                self._take(self._facts.get_nowait())

    def _take(self, fact: _Fact) -> None:
        if fact is None:
            self._has_news = True
            return
        connection, what, detail = fact
        if connection is not self._connection:  # of one that was given up
            return
        self._has_news = True
        match what:
            case "up":
                self._came_up(connection)
            case "acked":
                self._was_acknowledged(detail)
            case "heard" if len(self._heard) < MOST_UNHEARD:
                self._heard.append(detail)
            case "subscribed":
                self._may_listen = detail
                if not detail:
                    topic = self._command_topic
                    log.warning("not listening on %s: the broker does not allow it", topic)
            case "down":
                self._forget(detail)

    def _came_up(self, connection: "_Connection") -> None:
        self._up_since = time.monotonic()
        self.why = ""
        log.info("connected to %s:%s", self._broker.host, self._broker.port)
        self._send(connection, self._status_topic, self._status, None)
        if self._command_topic is not None:
            connection.subscribe(self._command_topic, AT_LEAST_ONCE)

    def _was_acknowledged(self, mid: int) -> None:
        done = self._under_way.pop(mid, None)
        if done is None:
            return
        self._progress_at = time.monotonic()
        if done.key is not None:
            self._acknowledged.append(done.key)

    def _give_up(self, why: str) -> None:
        """Break the connection without a goodbye and without waiting for its thread."""
        connection = self._forget(why)
        if connection is not None:
            connection.is_given_up = True
            connection.tear()
            self._left_behind.append(connection)

    def _forget(self, why: str) -> "_Connection | None":
        """Be down: what was acknowledged is kept, what is under way belongs to the caller again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._is_down(why)
        self._up_since = None
        self._may_listen = None
        self._under_way.clear()
        self._heard.clear()
        return connection

    def _is_down(self, why: str) -> None:
        if why != self.why:  # not one line for each attempt
            log.info("no connection to %s:%s: %s", self._broker.host, self._broker.port, why)
        self.why = why


class BrokerRefused(OSError):
    """The broker says in so many words that it does not take this certificate or this name.

    It never means a connection that broke: whoever hears it was certainly not connected.
    """


class Asker:
    """One connection on which the broker itself is asked: reserved topics with an answer each.

    A client id has one connection, so the uplink of the same thing is closed before. What waits in
    the thing's session stays there: commands that come meanwhile are not acknowledged.
    """

    def __init__(self, broker: BrokerSettings, client_id: str) -> None:
        """Connect.

        Raises:
            BrokerRefused: the broker does not take certificate or name.
            OSError: it cannot be reached, or a file of the settings cannot be read.
        """
        self._facts: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=client_id.startswith(CLAIM_CLIENT),
            protocol=MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
            userdata=self._facts,
        )
        self._answers: list[str] = []
        self._client.connect_timeout = CONNECT_S
        self._client.on_connect = lambda _c, facts, _f, code, _p: facts.put(("up", code))
        self._client.on_disconnect = lambda _c, facts, _f, code, _p: facts.put(("down", code))
        self._client.on_subscribe = lambda _c, facts, _m, codes, _p: facts.put(("heard", codes))
        self._client.on_unsubscribe = lambda _c, facts, *_: facts.put(("left", None))
        self._client.on_message = lambda _c, facts, message: facts.put(("message", message))
        if broker.has_tls:
            self._client.tls_set_context(tls_context(broker))
        try:
            self._client.connect(broker.host, broker.port, KEEPALIVE_S)
        except ssl.SSLError as error:
            raise BrokerRefused(f"the broker refuses the certificate: {error.reason}") from error
        self._client.loop_start()
        try:
            code = self._wait_for("up")
            if code.is_failure:
                raise BrokerRefused(f"the broker refused: {code}")
        except OSError:
            self.close()
            raise

    def ask(self, topic: str, payload: bytes) -> tuple[bool, bytes]:
        """Publish a question and return whether it was accepted, and the answer.

        Raises:
            BrokerRefused: the broker does not let this certificate listen for the answer.
            OSError: there was no answer in time, or the broker broke off: it does so, too, where
                a certificate may not ask.
        """
        accepted, _ = answers = [f"{topic}/accepted", f"{topic}/rejected"]
        self._answers += answers
        self._client.subscribe([(one, AT_LEAST_ONCE) for one in answers])
        if any(code.is_failure for code in self._wait_for("heard")):
            raise BrokerRefused(f"the broker does not let this certificate listen on {accepted}")
        self._client.publish(topic, payload, qos=AT_LEAST_ONCE)
        while True:
            message = self._wait_for("message")
            if message.topic in answers:
                self._client.ack(message.mid, message.qos)
                return message.topic == accepted, bytes(message.payload)

    def close(self) -> None:
        """Say goodbye, and listen for no answers any more; it takes a second at most."""
        if self._answers and self._client.is_connected():
            self._client.unsubscribe(self._answers)
            # The broker has read all that was acknowledged before it answers this.
            with suppress(OSError):
                self._wait_for("left", GOODBYE_S)
        self._client.disconnect()
        self._client.loop_stop()

    def _wait_for(self, wanted: str, timeout_s: float = 3 * CONNECT_S) -> Any:
        until = time.monotonic() + timeout_s
        while True:
            try:
                what, detail = self._facts.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                raise TimeoutError(f"no answer within {timeout_s:g} s") from None
            if what == wanted:
                return detail
            if what == "down":
                raise ConnectionAbortedError(f"the broker broke off: {detail}")


class _Connection(Client):
    """One connection in one thread: name, TCP, TLS, MQTT, to the end that is told in any case."""

    def __init__(
        self,
        broker: BrokerSettings,
        *,
        thing: str,
        status_topic: str,
        facts: _Facts,
        timeout_s: float,
    ) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=thing,
            clean_session=False,
            protocol=MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
            # Callbacks are told of it; closing over this object they would keep it alive.
            userdata=facts,
        )
        self.ended = Event()
        self.is_given_up = False
        self.is_leaving = False
        self.trouble = ""
        self._to = broker
        self._told = facts
        self.connect_timeout = timeout_s
        self.max_inflight_messages_set(MOST_UNDER_WAY)
        self.max_queued_messages_set(MOST_UNDER_WAY)
        self.will_set(status_topic, b'{"up":0}', qos=AT_LEAST_ONCE)
        self.on_log = _on_log
        self.on_socket_open = _on_socket_open
        self.on_socket_close = _on_socket_close
        self.on_connect = _on_connect
        self.on_subscribe = _on_subscribe
        self.on_message = _on_message
        self.on_publish = _on_publish
        self.on_disconnect = _on_disconnect
        self.connect_async(broker.host, broker.port, KEEPALIVE_S)

    def loop_forever(
        self,
        timeout: float = 1.0,
        retry_first_connection: bool = False,  # noqa: ARG002, FBT001, FBT002 - paho's own signature
    ) -> MQTTErrorCode:
        """Live, as the thread of paho does it; an error of any kind is a fact like others.

        Without this an error would end the thread while `is_connected` goes on saying yes.
        """
        rc, why = MQTTErrorCode.MQTT_ERR_UNKNOWN, "the thread of the connection was ended"
        try:
            if self._to.has_tls:
                self.tls_set_context(tls_context(self._to))
            rc = super().loop_forever(timeout)
            why = self.trouble or error_string(rc)
        except Exception as error:  # noqa: BLE001 - told to the owner, who reports it
            is_known = isinstance(error, OSError)
            why = str(error) if is_known else f"{type(error).__name__}: {error}"
        finally:
            open_socket = self.socket()
            if open_socket is not None:
                with suppress(OSError):
                    open_socket.close()
            self._told.put((self, "down", why))
            self.ended.set()
        return rc

    def note(self, trouble: str) -> None:
        """Keep the first that went wrong: what follows follows from it."""
        self.trouble = self.trouble or trouble

    def leave(self) -> None:
        """Ask the thread to say goodbye and end; one that is still connecting ends after that."""
        self.is_given_up = self.is_leaving = True
        self.disconnect()

    def tear(self) -> None:
        """Cut the connection, whatever the thread is doing with it."""
        open_socket = self.socket()
        if open_socket is not None:
            with suppress(OSError), _second_handle(open_socket) as same:
                same.shutdown(socket.SHUT_RDWR)


class _TlsSocket(ssl.SSLSocket):
    """Closed at once when its handshake fails; paho would leave it to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - ssl's own
        try:
            super().do_handshake(block)
        except (OSError, ValueError):
            self.close()
            raise


def tls_context(broker: BrokerSettings) -> ssl.SSLContext:
    """Return how to talk to the broker: TLS 1.2 or newer, both ends named by certificates.

    The broker's certificate must be of the authority in the settings and hold the host's name.
    Nothing in the settings takes any of it back.

    Raises:
        OSError: a file is missing, or is not what it should be; the message names it.
    """
    try:
        # Without a file it would believe every authority that the machine knows.
        context = ssl.create_default_context(cafile=broker.ca)
    except OSError as error:
        raise OSError(f"reading broker.ca {broker.ca}: {error.strerror or error}") from error
    try:
        context.load_cert_chain(broker.cert, broker.key, _no_pass_phrase)
    except OSError as error:
        files = f"broker.cert {broker.cert} and broker.key {broker.key}"
        raise OSError(f"reading {files}: {error.strerror or error}") from error
    context.sslsocket_class = _TlsSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    if broker.port == HTTPS_PORT:
        context.set_alpn_protocols([AWS_IOT_ALPN])
    return context


def _no_pass_phrase() -> str:
    """Refuse a key that asks for one; without this the terminal is asked, and nobody sits there."""
    raise OSError("broker.key is encrypted; give one without a pass phrase")


# What paho calls in its thread. `facts` is the queue of the owner.


def _on_log(client: Client, facts: Any, level: int, text: str) -> None:  # noqa: ARG001
    """Keep what paho calls an error: nowhere else does it tell why TLS broke."""
    if level == LogLevel.MQTT_LOG_ERR and isinstance(client, _Connection):
        client.note(text)


def _on_socket_open(client: Client, facts: Any, _socket: Any) -> None:  # noqa: ARG001
    """Stop one that was given up meanwhile: with its name it would push out the next."""
    if isinstance(client, _Connection) and client.is_given_up:
        raise ConnectionAbortedError("given up while connecting")


def _on_socket_close(client: Client, facts: Any, closing: Any) -> None:  # noqa: ARG001
    """Read on behind the goodbye until the broker closes its end.

    Closing over bytes that were not read is a reset, and the broker would lose in it what it has
    not read either: acknowledgements of commands, and the goodbye itself.
    """
    if not isinstance(client, _Connection) or not client.is_leaving:
        return
    until = time.monotonic() + LINGER_S
    with suppress(OSError), _second_handle(closing) as same:
        same.shutdown(socket.SHUT_WR)
        same.settimeout(LINGER_S)
        while same.recv(4096) and time.monotonic() < until:
            pass


def _second_handle(of: Any) -> socket.socket:
    """Return the same TCP connection below TLS; the first handle may be closed meanwhile."""
    return socket.socket(fileno=os.dup(of.fileno()))


def _on_connect(
    client: Client,
    facts: Any,
    _flags: ConnectFlags,
    reason_code: ReasonCode,
    _properties: Properties | None,
) -> None:
    if not reason_code.is_failure:
        facts.put((client, "up", None))
    elif isinstance(client, _Connection):
        client.note(f"the broker refused: {reason_code}")


def _on_disconnect(
    client: Client,
    facts: Any,  # noqa: ARG001
    _flags: DisconnectFlags,
    reason_code: ReasonCode,
    _properties: Properties | None,
) -> None:
    if isinstance(client, _Connection):
        is_known = reason_code != "Unspecified error"
        client.note(str(reason_code) if is_known else "the other end broke the connection")


def _on_subscribe(
    client: Client,
    facts: Any,
    _mid: int,
    reason_codes: list[ReasonCode],
    _properties: Properties | None,
) -> None:
    facts.put((client, "subscribed", not any(code.is_failure for code in reason_codes)))


def _on_message(client: Client, facts: Any, message: MQTTMessage) -> None:
    if message.topic.startswith("$"):
        # An answer to an `Asker` that power cut off before it was acknowledged; no command.
        client.ack(message.mid, message.qos)
        return
    if facts.qsize() < MOST_UNHEARD:
        payload = bytes(message.payload[:MOST_COMMAND_BYTES])
        facts.put((client, "heard", Command(client, message.mid, payload)))


def _on_publish(
    client: Client,
    facts: Any,
    mid: int,
    _reason_code: ReasonCode,
    _properties: Properties,
) -> None:
    facts.put((client, "acked", mid))
