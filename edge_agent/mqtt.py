"""Sends messages over MQTT 3.1.1, hears commands, and alone imports paho.

paho has a queue of its own, in memory and without end, and repeats what is in it after a break. So
that the outbox stays the only queue, nothing is published while the connection is down, at most 20
messages are under way, and after a break the client is thrown away and made anew.

A command is acknowledged by the caller, after it was put on disk; the broker brings one that was
not acknowledged again with the next connection.
"""

import logging
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Condition
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.settings import BrokerSettings

MOST_UNDER_WAY = 20
KEEPALIVE_S = 60
AT_LEAST_ONCE = 1
MOST_UNHEARD = 200
"""Commands that wait for the caller: more than a broker sends unacknowledged (AWS IoT Core: 100).

A further one is let go of; what was not acknowledged comes again with the next connection.
"""
MOST_COMMAND_BYTES = 8192
"""What is longer is cut: it is refused either way."""

log = logging.getLogger(__name__)
paho_log = logging.getLogger(f"{__name__}.paho")
"""paho calls every goodbye an error; its lines are for who attaches a handler to look for one."""
paho_log.addHandler(logging.NullHandler())
paho_log.propagate = False


@dataclass(frozen=True, slots=True)
class Message:
    """Bytes for a topic; `key` is handed back when the broker has acknowledged them."""

    key: tuple[str, int]
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Command:
    """Bytes that came down; `mid` is the broker's number of them, for the acknowledgement."""

    client: Client
    mid: int
    payload: bytes


class Uplink:
    """A connection to the broker as one thing, made again whenever it broke.

    The thread of paho only sets what is under the condition; everything else is of the caller.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        *,
        thing: str,
        status_topic: str,
        command_topic: str | None = None,
    ) -> None:
        """Set the connection up without opening it; without a `command_topic` nothing is heard."""
        self._broker = broker
        self._thing = thing
        self._status_topic = status_topic
        self._command_topic = command_topic
        self._changed = Condition()
        self._client: Client | None = None
        self._is_up = False
        self._is_listening = False
        self._acked: set[int] = set()
        self._heard: list[Command] = []

    def is_up(self) -> bool:
        """Tell whether the broker accepted the connection and it has not broken since."""
        with self._changed:
            return self._is_up

    def is_listening(self) -> bool:
        """Tell whether commands reach this connection; the broker keeps them from then on."""
        with self._changed:
            return self._is_listening

    def open(self, timeout_s: float) -> bool:
        """Connect unless connected; tell whether the broker accepted within the time.

        A broker that is away, refuses, or shows a wrong certificate is a no, not an error.
        """
        if self.is_up():
            return True
        self.close()
        try:
            client = self._new_client(timeout_s)
            client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            log.info("connecting to %s:%s: %s", self._broker.host, self._broker.port, error)
            return False
        self._client = client
        client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._is_up, timeout_s)
        if not self.is_up():
            self.close()
            return False
        client.publish(self._status_topic, b'{"up":1}', qos=AT_LEAST_ONCE)
        return True

    def deliver(self, messages: Sequence[Message], timeout_s: float) -> list[tuple[str, int]]:
        """Publish messages and return the keys of those that were acknowledged in the time.

        What is not acknowledged stays the caller's; it may have arrived all the same, so it must
        be of a kind that can arrive twice.
        """
        client = self._client
        if client is None or not self.is_up():
            return []
        until = time.monotonic() + timeout_s
        under_way: dict[int, tuple[str, int]] = {}
        acknowledged: list[tuple[str, int]] = []
        for message in messages:
            if not self._wait_until_fewer(MOST_UNDER_WAY, under_way, acknowledged, until):
                break
            info = client.publish(message.topic, message.payload, qos=AT_LEAST_ONCE)
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
            under_way[info.mid] = message.key
        self._wait_until_fewer(1, under_way, acknowledged, until)
        if under_way:
            self.close()
        return acknowledged

    def heard(self) -> list[Command]:
        """Return the commands that came since the last call, oldest first; each may come again."""
        with self._changed:
            heard, self._heard = self._heard, []
        return heard

    def acknowledge(self, command: Command) -> None:
        """Tell the broker that a command is done with; after a break it brings it once more."""
        if command.client is self._client:
            command.client.ack(command.mid, AT_LEAST_ONCE)

    def _wait_until_fewer(
        self,
        most: int,
        under_way: dict[int, tuple[str, int]],
        acknowledged: list[tuple[str, int]],
        until: float,
    ) -> bool:
        """Move what was acknowledged; tell whether fewer than `most` are left under way in time."""

        def settle() -> bool:
            acknowledged.extend(under_way.pop(number) for number in self._acked & under_way.keys())
            self._acked.clear()
            return len(under_way) < most or not self._is_up

        with self._changed:
            self._changed.wait_for(settle, max(0.0, until - time.monotonic()))
            return len(under_way) < most and self._is_up

    def close(self) -> None:
        """Say goodbye (so that the last will is not sent) and forget everything under way."""
        client, self._client = self._client, None
        with self._changed:
            self._is_up = self._is_listening = False
            self._acked.clear()
            self._heard.clear()
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _new_client(self, timeout_s: float) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._thing,
            clean_session=False,
            protocol=MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        # An error in a callback must not end paho's thread while is_connected() still says yes.
        client.suppress_exceptions = True
        client.enable_logger(paho_log)
        client.connect_timeout = timeout_s
        client.max_inflight_messages_set(MOST_UNDER_WAY)
        client.will_set(self._status_topic, b'{"up":0}', qos=AT_LEAST_ONCE)
        if self._broker.has_tls:
            context = ssl.create_default_context(cafile=self._broker.ca)
            context.load_cert_chain(self._broker.cert, self._broker.key)
            client.tls_set_context(context)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _on_connect(
        self,
        client: Client,
        userdata: Any,  # noqa: ARG002
        flags: ConnectFlags,  # noqa: ARG002
        reason_code: ReasonCode,
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        with self._changed:
            if client is not self._client:
                return
            self._is_up = not reason_code.is_failure
            self._changed.notify_all()
        if self._command_topic is not None and not reason_code.is_failure:
            client.subscribe(self._command_topic, AT_LEAST_ONCE)

    def _on_subscribe(
        self,
        client: Client,
        userdata: Any,  # noqa: ARG002
        mid: int,  # noqa: ARG002
        reason_codes: list[ReasonCode],
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        is_allowed = not any(code.is_failure for code in reason_codes)
        with self._changed:
            if client is self._client:
                self._is_listening = is_allowed
        if not is_allowed:
            log.warning("listening on %s: the broker does not allow it", self._command_topic)

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:  # noqa: ARG002
        with self._changed:
            if client is not self._client or len(self._heard) >= MOST_UNHEARD:
                return
            payload = bytes(message.payload[:MOST_COMMAND_BYTES])
            self._heard.append(Command(client, message.mid, payload))

    def _on_disconnect(
        self,
        client: Client,
        userdata: Any,  # noqa: ARG002
        flags: DisconnectFlags,  # noqa: ARG002
        reason_code: ReasonCode,  # noqa: ARG002
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        with self._changed:
            if client is self._client:
                self._is_up = False
                self._changed.notify_all()

    def _on_publish(
        self,
        client: Client,
        userdata: Any,  # noqa: ARG002
        mid: int,
        reason_code: ReasonCode,  # noqa: ARG002
        properties: Properties,  # noqa: ARG002
    ) -> None:
        with self._changed:
            if client is self._client:
                self._acked.add(mid)
                self._changed.notify_all()
