"""What is said on one connection and what it means for all others: the protocol without sockets.

The sections in brackets are of MQTT 3.1.1. Where IoT Core is stricter ("MQTT" and "AWS IoT Core
message broker and protocol limits and quotas"), so is this.
"""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Protocol

from cloud.kernel.clock import Clock
from cloud.local.mqtt import packets as mqtt
from cloud.local.mqtt.message import MAX_PAYLOAD_BYTES, Publish
from cloud.local.mqtt.packets import Message, Packet, Will
from cloud.local.mqtt.policy import Authorise
from cloud.local.mqtt.sessions import Sessions
from cloud.local.mqtt.topics import basic_ingest, fault_of_filter, fault_of_topic

IN_FLIGHT = 100
"""Messages sent to a client and not yet acknowledged by it (IoT Core: 100)."""

MAX_FILTERS = 8
"""Filters of one SUBSCRIBE (IoT Core: 8)."""

CLIENT_LEFT = "CLIENT_INITIATED_DISCONNECT"

logger = logging.getLogger(__name__)


class ConversationOverError(Exception):
    """The connection is to be closed, after what was already answered has been sent."""


class Wire(Protocol):
    """The way to a client's socket; each call returns at once and may come from any thread."""

    address: str
    """Of the client."""

    def wake(self) -> None:
        """Have the conversation's `outgoing` fetched and sent."""
        ...

    def push(self, data: bytes) -> None:
        """Send bytes if the client keeps up with reading, else drop them (QoS 0)."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Reserved(Protocol):
    """Answers topics that begin with `$aws/` beside Basic Ingest."""

    def takes(self, topic: str) -> bool:
        """Tell whether a device may publish to a topic, its policy permitting."""
        ...

    def hears(self, topic_filter: str) -> bool:
        """Tell whether a device may subscribe to a filter, its policy permitting."""
        ...

    def answer(
        self, topic: str, payload: bytes, *, certificate_id: str, client_id: str
    ) -> tuple[str, bytes]:
        """Give topic and payload of the answer, for who asked alone."""
        ...


@dataclass(frozen=True, slots=True)
class Presence:
    """A client came or went ("Lifecycle events", AWS IoT Core developer guide).

    Attributes:
        reason: why the connection ended; empty for one that began.
        number: rises with each event of the broker.
    """

    client_id: str
    certificate_id: str
    address: str
    reason: str
    at: datetime
    number: int

    def publish(self) -> Publish:
        """Give it as the message that the topic rules see."""
        kind = "disconnected" if self.reason else "connected"
        told: dict[str, object] = {
            "clientId": self.client_id,
            "timestamp": int(self.at.timestamp() * 1000),
            "eventType": kind,
            "sessionIdentifier": f"{self.number:032x}",
            "principalIdentifier": self.certificate_id,
            "versionNumber": self.number,
        }
        if self.reason:
            told["clientInitiatedDisconnect"] = self.reason == CLIENT_LEFT
            told["disconnectReason"] = self.reason
        else:
            told["ipAddress"] = self.address
        return Publish(
            thing=self.client_id,
            client_id=self.client_id,
            topic=f"$aws/events/presence/{kind}/{self.client_id}",
            payload=json.dumps(told).encode(),
            qos=1,
            at=self.at,
            certificate_id=self.certificate_id,
        )


class Switchboard:
    """Knows who is connected and carries every message to those who asked for it."""

    def __init__(
        self,
        sessions: Sessions,
        authorise: Authorise,
        accept: Callable[[Publish], None],
        clock: Clock,
        *,
        admits: Callable[[str, str], bool] | None = None,
        reserved: Reserved | None = None,
        on_presence: Callable[[Presence], None] | None = None,
    ) -> None:
        self._presences = count(int(clock.now().timestamp() * 1000))
        self._on_presence = on_presence
        self.admits = admits
        self.reserved = reserved
        self.sessions = sessions
        self.authorise = authorise
        self.accept = accept
        self.clock = clock
        # sessions begin and end one at a time, so that a client's new connection cannot be
        # recorded before the end of its old one
        self.door = threading.RLock()
        self.is_stopping = False
        self._live: dict[str, Conversation] = {}

    def enter(self, client_id: str, conversation: "Conversation") -> "Conversation | None":
        """Put a conversation in its client's place and return the one that had it."""
        previous = self._live.get(client_id)
        self._live[client_id] = conversation
        return previous

    def leave(self, client_id: str, conversation: "Conversation") -> None:
        """Free the client's place, if this conversation still has it."""
        if self._live.get(client_id) is conversation:
            del self._live[client_id]

    def cut(self, certificate_id: str) -> None:
        """Close every connection that was made with a certificate."""
        for conversation in list(self._live.values()):
            if conversation.certificate_id == certificate_id:
                conversation.wire.close()

    def tell(self, client_id: str, certificate_id: str, address: str, reason: str = "") -> None:
        """Say that a client came or went; whoever is told must not be in the client's way."""
        if self._on_presence is None:
            return
        number = next(self._presences)
        now = self.clock.now()
        try:
            self._on_presence(Presence(client_id, certificate_id, address, reason, now, number))
        except Exception:
            logger.exception("%s: that it came or went was not told", client_id)

    def ask(self, message: Message, *, certificate_id: str, client_id: str) -> None:
        """Have a reserved topic answered, to who asked alone, where it listens for the answer."""
        if self.reserved is None:
            return
        topic, payload = self.reserved.answer(
            message.topic, message.payload, certificate_id=certificate_id, client_id=client_id
        )
        qos = self.sessions.subscribers(topic).get(client_id)
        if qos:
            self.keep_for([client_id], Message(topic, payload))
        elif qos is not None and (conversation := self._live.get(client_id)):
            conversation.wire.push(mqtt.encode(Message(topic, payload)))

    def take_in(self, message: Message, thing: str, certificate_id: str) -> None:
        """Have a client's message committed by the cloud side, then carry it to subscribers.

        A message of Basic Ingest goes to its rule only, and RETAIN means nothing there.
        """
        self.accept(
            Publish(
                thing=thing,
                client_id=thing,
                topic=message.topic,
                payload=message.payload,
                qos=message.qos,
                at=self.clock.now(),
                certificate_id=certificate_id,
            )
        )
        if basic_ingest(message.topic) is None:
            self.carry(message)

    def carry(self, message: Message) -> None:
        """Keep a message for each subscriber and wake those who are connected (3.3.5)."""
        if message.retain:
            self.sessions.retain(message.topic, message.payload, message.qos)
        asked = {
            client_id: min(qos, message.qos)
            for client_id, qos in self.sessions.subscribers(message.topic).items()
            if self.authorise(client_id, "iot:Receive", f"topic/{message.topic}")
        }
        at_most_once = mqtt.encode(Message(message.topic, message.payload))
        for client_id in (client_id for client_id, qos in asked.items() if not qos):
            if conversation := self._live.get(client_id):
                conversation.wire.push(at_most_once)
        at_least_once = [client_id for client_id, qos in asked.items() if qos]
        if at_least_once:
            self.keep_for(at_least_once, Message(message.topic, message.payload))

    def keep_for(self, client_ids: Sequence[str], message: Message) -> None:
        """Queue a QoS 1 message for clients and send it to those who are connected."""
        for client_id in self.sessions.enqueue(client_ids, message, self.clock.now()):
            logger.warning("%s: the queue is full, its oldest message was dropped", client_id)
        for client_id in client_ids:
            if conversation := self._live.get(client_id):
                conversation.wire.wake()

    def say_will(self, will: Will, thing: str, certificate_id: str) -> None:
        """Publish what a lost client asked to have said; a failure costs only that (3.1.2.5)."""
        message = Message(will.topic, will.payload, will.qos, retain=will.retain)
        try:
            self.take_in(message, thing, certificate_id)
        except Exception:
            logger.exception("%s: its last will was not accepted and is lost", thing)


class Conversation:
    """One connection, from CONNECT to its end.

    `receive` and `outgoing` are never called at the same time; `end` may be called by anyone.
    """

    def __init__(
        self, switchboard: Switchboard, wire: Wire, *, thing: str, certificate_id: str
    ) -> None:
        self.wire = wire
        self.keepalive_s: int | None = None
        self.answers = bytearray()
        self._board = switchboard
        self._thing = thing
        self.certificate_id = certificate_id
        self._will: Will | None = None
        self._is_open = False
        self._in_flight: set[int] = set()

    def receive(self, received: Sequence[Packet]) -> None:
        """Act on packets in their order; what is to be sent back gathers in `answers`.

        A PUBACK stands in `answers` only if the message before it was committed.

        Raises:
            ConversationOverError: The client left, or broke a rule.
            Exception: Whatever `accept` raised; the message has no PUBACK.
        """
        acknowledged: list[int] = []
        for packet in received:
            if self.keepalive_s is None:
                self._connect(packet)
                continue
            match packet:
                case Message():
                    self._publish(packet)
                case mqtt.Puback(packet_id):
                    acknowledged.append(packet_id)
                case mqtt.Pingreq():
                    self._answer(mqtt.Pingresp())
                case mqtt.Subscribe():
                    self._subscribe(packet)
                case mqtt.Unsubscribe(packet_id, filters):
                    self._board.sessions.unsubscribe(self._thing, filters)
                    self._answer(mqtt.Unsuback(packet_id))
                case mqtt.Disconnect():
                    self.end(lost=False, reason=CLIENT_LEFT)
                    raise ConversationOverError("the client disconnected")
                case _:
                    raise ConversationOverError(f"a client does not send {type(packet).__name__}")
        if acknowledged:
            self._board.sessions.delivered(self._thing, acknowledged)
            self._in_flight.difference_update(acknowledged)
            self.wire.wake()

    def outgoing(self) -> bytes:
        """Give the queued messages that may be sent now, as bytes."""
        if self.keepalive_s is None:
            return b""
        now = self._board.clock.now()
        window = self._board.sessions.window(self._thing, size=IN_FLIGHT, now=now)
        due = [message for message in window if message.packet_id not in self._in_flight]
        self._in_flight.update(message.packet_id for message in due)
        return b"".join(map(mqtt.encode, due))

    def end(self, *, lost: bool, reason: str = "CONNECTION_LOST") -> None:
        """Close the session, once; a lost connection's will is published first (3.14.4).

        The reason is IoT Core's word for it.
        """
        with self._board.door:
            if not self._is_open or self._board.is_stopping:
                return
            self._is_open = False
            if lost and self._will:
                self._board.say_will(self._will, self._thing, self.certificate_id)
            self._board.leave(self._thing, self)
            self._board.sessions.end(self._thing, self._board.clock.now())
        self._board.tell(self._thing, self.certificate_id, "", reason)

    def _answer(self, packet: Packet) -> None:
        self.answers += mqtt.encode(packet)

    def _connect(self, packet: Packet) -> None:
        if not isinstance(packet, mqtt.Connect) or packet.protocol != "MQTT":
            raise ConversationOverError("the first packet is not an MQTT CONNECT (3.1)")
        if code := self._refusal(packet):
            self._answer(mqtt.Connack(code))
            raise ConversationOverError(f"CONNECT as {packet.client_id!r} refused, code {code}")
        self._will = packet.will
        with self._board.door:
            previous = self._board.enter(self._thing, self)
            if previous:
                logger.info("%s connects again, its other connection is closed", self._thing)
                previous.end(lost=True, reason="DUPLICATE_CLIENTID")
                previous.wire.close()
            is_present = self._board.sessions.begin(
                self._thing,
                thing=self._thing,
                certificate_id=self.certificate_id,
                clean=packet.clean_session,
                will=packet.will,
                now=self._board.clock.now(),
            )
            self._is_open = True
        self.keepalive_s = packet.keepalive_s
        self._answer(mqtt.Connack(mqtt.ACCEPTED, session_present=is_present))
        self._board.tell(self._thing, self.certificate_id, self.wire.address)
        self.wire.wake()

    def _refusal(self, packet: mqtt.Connect) -> int:
        """Give the CONNACK code of a refusal, or 0 (table 3.1)."""
        if packet.level != mqtt.PROTOCOL_LEVEL:
            return mqtt.BAD_PROTOCOL
        if self._board.admits is not None:
            if not self._board.admits(self.certificate_id, packet.client_id):
                return mqtt.NOT_AUTHORISED
        elif packet.client_id != self._thing:
            return mqtt.IDENTIFIER_REJECTED
        elif not self._board.authorise(self._thing, "iot:Connect", f"client/{packet.client_id}"):
            return mqtt.NOT_AUTHORISED
        self._thing = packet.client_id
        if packet.will and self._fault_of_will(packet.will):
            return mqtt.NOT_AUTHORISED
        return mqtt.ACCEPTED

    def _fault_of_will(self, will: Will) -> str | None:
        """Refuse at CONNECT a will that could not be published; Basic Ingest takes no wills."""
        if will.topic.startswith("$"):
            return "a will goes to an ordinary topic"
        message = Message(will.topic, will.payload, will.qos, retain=will.retain)
        return self._fault_of_message(message)

    def _fault_of_message(self, message: Message) -> str | None:
        if not self._is_asking(message) and (fault := fault_of_topic(message.topic)):
            return fault
        if len(message.payload) > MAX_PAYLOAD_BYTES:
            return f"a payload has at most {MAX_PAYLOAD_BYTES} bytes"
        actions = ["iot:Publish"]
        if message.retain and basic_ingest(message.topic) is None:
            actions.append("iot:RetainPublish")
        for action in actions:
            if not self._board.authorise(self._thing, action, f"topic/{message.topic}"):
                return f"the policy does not allow {action}"
        return None

    def _is_asking(self, message: Message) -> bool:
        """Tell whether a message is a question to the broker itself; none of them is kept."""
        reserved = self._board.reserved
        return reserved is not None and not message.retain and reserved.takes(message.topic)

    def _publish(self, message: Message) -> None:
        if fault := self._fault_of_message(message):
            raise ConversationOverError(f"PUBLISH to {message.topic[:300]!r} refused: {fault}")
        if self._is_asking(message):
            self._board.ask(message, certificate_id=self.certificate_id, client_id=self._thing)
        else:
            self._board.take_in(message, self._thing, self.certificate_id)
        if message.qos:
            self._answer(mqtt.Puback(message.packet_id))

    def _subscribe(self, packet: mqtt.Subscribe) -> None:
        """Grant or fail each filter on its own, then send what is retained for it (3.8.4)."""
        if len(packet.filters) > MAX_FILTERS:
            raise ConversationOverError(f"one SUBSCRIBE names more than {MAX_FILTERS} filters")
        codes = [self._granted(topic_filter, qos) for topic_filter, qos in packet.filters]
        granted = [
            (topic_filter, code)
            for (topic_filter, _), code in zip(packet.filters, codes, strict=True)
            if code != mqtt.SUBSCRIPTION_FAILED
        ]
        self._board.sessions.subscribe(self._thing, granted)
        self._answer(mqtt.Suback(packet.packet_id, tuple(codes)))
        for topic_filter, qos in granted:
            self._send_retained(topic_filter, qos)

    def _granted(self, topic_filter: str, qos: int) -> int:
        resource = f"topicfilter/{topic_filter}"
        reserved = self._board.reserved
        is_heard = reserved is not None and reserved.hears(topic_filter)
        fault = None if is_heard else fault_of_filter(topic_filter)
        if not fault and not self._board.authorise(self._thing, "iot:Subscribe", resource):
            fault = "the policy does not allow iot:Subscribe"
        if fault:
            logger.warning("%s: SUBSCRIBE to %.300r failed: %s", self._thing, topic_filter, fault)
            return mqtt.SUBSCRIPTION_FAILED
        return min(qos, 1)

    def _send_retained(self, topic_filter: str, qos: int) -> None:
        for message in self._board.sessions.retained(topic_filter):
            if not self._board.authorise(self._thing, "iot:Receive", f"topic/{message.topic}"):
                continue
            if min(qos, message.qos):
                self._board.keep_for([self._thing], message)
            else:
                self._answer(Message(message.topic, message.payload, retain=True))
