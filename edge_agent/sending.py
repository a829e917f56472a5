"""Sends what waits in the outbox: events and what is new at once, what is old at an even pace.

One broker serves thousands of gateways. After an outage all of them come back at once, so each
begins with what it could not send at a moment of its own, newest first, and never faster than its
share (AWS IoT Core allows a connection 100 publishes a second).
"""

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_agent.backoff import Backoff
from edge_agent.mqtt import Key, Message
from edge_agent.queue.outbox import Waiting
from edge_agent.settings import Settings

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0
BATCH = 100
AGAIN_BATCH = 20
"""Chunks sent again between two looks at what is new."""
LIVE_WINDOWS = 2
"""A chunk is new while its window began no longer ago than this many windows, and one more."""
WIDEST_SPREAD_S = 300
ASK_EVERY_S = 60.0
STEADY_S = 60.0
"""A connection that has stood so long has worked, also when there was nothing to send."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the broker acknowledged: numbers of chunks and of events, and how much else."""

    chunks: tuple[int, ...] = ()
    events: tuple[int, ...] = ()
    others: int = 0

    @classmethod
    def of(cls, keys: Iterable[Key]) -> "Told":
        """Sort keys of messages into the tables that they are numbers of."""
        found: dict[str, list[int]] = {"chunk": [], "event": []}
        others = 0
        for kind, number in keys:
            if kind in found:
                found[kind].append(number)
            else:
                others += 1
        return cls(tuple(found["chunk"]), tuple(found["event"]), others)

    def __len__(self) -> int:
        return len(self.chunks) + len(self.events) + self.others


class Link(Protocol):
    """What the sender needs of `edge_agent.mqtt.Uplink`, which says what each does."""

    def check(self) -> None:
        """Throw a dead connection away."""

    def is_up(self) -> bool:
        """Tell whether the broker accepted it."""

    def is_connecting(self) -> bool:
        """Tell whether an attempt is under way."""

    def up_for_s(self) -> float:
        """Return how long it has been up."""

    def open(self) -> bool:
        """Begin to connect; tell whether it is up."""

    def room(self) -> int:
        """Return how many messages may be published now."""

    def publish(self, message: Message) -> bool:
        """Send a message off; tell whether it is under way."""

    def under_way(self) -> set[Key]:
        """Return the keys of what needs no publishing now."""

    def acknowledged(self) -> list[Key]:
        """Return the keys of what was acknowledged since the last call."""

    def deliver(self, messages: Sequence[Message], timeout_s: float) -> list[Key]:
        """Publish, wait, and return the keys of what was acknowledged."""


class Queue(Protocol):
    """What the sender needs of `edge_agent.queue.outbox.Outbox`, which says what each gives."""

    def waiting_chunks(self, limit: int) -> list[Waiting]:
        """Return chunks, newest first."""

    def waiting_live(self, since_t0: int, limit: int) -> list[Waiting]:
        """Return chunks that began at an instant or later, newest first."""

    def waiting_backfill(self, before_t0: int, limit: int) -> list[Waiting]:
        """Return chunks that began before an instant, newest first."""

    def waiting_again(self, limit: int) -> list[Waiting]:
        """Return chunks that were asked for again."""

    def waiting_events(self, limit: int, *, hold: bool) -> list[Waiting]:
        """Return events, oldest first."""


def spread_s(thing: str, window_s: int) -> int:
    """Return how long after a window's end a gateway sends it: another moment for each.

    All windows end on the same second everywhere. A twelfth of the window, five minutes at most, is
    what the cloud waits for without missing anything.
    """
    return zlib.crc32(thing.encode()) % max(1, min(WIDEST_SPREAD_S, window_s // 12))


class Sender:
    """The way from the outbox to the broker. Its methods belong to one thread, and never wait."""

    def __init__(
        self,
        settings: Settings,
        outbox: Queue,
        uplink: Link,
        *,
        draw: Callable[[], float],
        status: bytes = b'{"up":1}',
    ) -> None:
        """Prepare to send; nothing is connected yet.

        Args:
            settings: where to, and how fast.
            outbox: what waits.
            uplink: the connection.
            draw: gives numbers from 0 to 1, for the moments that shall differ between gateways.
            status: what the gateway says when it is up.
        """
        self.settings = settings
        self._status = status
        self.backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, draw)
        self._outbox = outbox
        self._uplink = uplink
        self._draw = draw
        self._is_trying = False
        self._late_at: float | None = None
        self._late_saved = 0.0
        self._asked_at: float | None = None

    @property
    def late_at(self) -> float | None:
        """Return when what is old is next looked at; None until it first was, and while down."""
        return self._late_at

    def connect(self, mono: float) -> bool:
        """Begin to connect if it is time to; tell whether the connection is up.

        A connection that breaks within a minute counts as a failure: two gateways of one name throw
        each other out, and shall not do so every second.
        """
        self._uplink.check()
        if self._uplink.is_up():
            if self._is_trying and self._uplink.up_for_s() >= STEADY_S:
                self._has_worked()
            return True
        self._late_at = None
        if self._uplink.is_connecting():
            return False
        if self._is_trying:
            self._is_trying = False
            self.backoff.failed(mono)
        if self.backoff.may_try(mono):
            self._is_trying = True
            self._uplink.open()
        return False

    def settle(self) -> Told:
        """Return what was acknowledged since the last call."""
        return Told.of(self._uplink.acknowledged())

    def deliver(self, messages: Sequence[Message], timeout_s: float) -> Told:
        """Publish messages at once and wait for their acknowledgements; return those that came."""
        acknowledged = Told.of(self._uplink.deliver(messages, timeout_s))
        if acknowledged:
            self._has_worked()
        return acknowledged

    def send(self, now: float, mono: float, *, hold: bool) -> int:
        """Publish what there is room for; return how many messages were.

        Args:
            now: unix seconds, to tell what is new from what is old.
            mono: seconds that never jump, for the pace.
            hold: events of this start wait until the clock is set.
        """
        room = self._uplink.room()
        if room <= 0:
            return 0
        sent = self._publish(self.events(hold=hold), room)
        sent += self._publish(self._live(now), room - sent)
        if sent < room:
            sent += self._publish_late(now, mono, room - sent)
        return sent

    def status(self) -> Message:
        """Return the message that the gateway is up, for when only its acknowledgement matters."""
        return Message(("status", 0), self.settings.status_topic, self._status)

    def ask_for_a_sign(self, mono: float) -> None:
        """Publish the status, once a minute at most, to have something acknowledged."""
        is_due = self._asked_at is None or mono - self._asked_at >= ASK_EVERY_S
        if is_due and self._publish([self.status()], self._uplink.room()):
            self._asked_at = mono

    def events(self, *, hold: bool) -> list[Message]:
        """Return the events that wait, as messages."""
        topic = self.settings.event_topic
        return [
            Message(("event", waiting.number), topic, waiting.payload)
            for waiting in self._outbox.waiting_events(BATCH, hold=hold)
        ]

    def chunks(self) -> list[Message]:
        """Return chunks that wait as messages, those that were asked for again last."""
        waiting = self._outbox.waiting_chunks(BATCH)
        if len(waiting) < BATCH:
            waiting = [*waiting, *self._outbox.waiting_again(AGAIN_BATCH)]
        return self._messages(waiting)

    def _has_worked(self) -> None:
        self._is_trying = False
        self.backoff.succeeded()

    def _live(self, now: float) -> list[Message]:
        spread = spread_s(self.settings.thing, self.settings.window_s)
        return self._messages(
            waiting
            for waiting in self._outbox.waiting_live(self._live_since(now), BATCH)
            # A window that ends in the future is of a clock that was not set, or was cut short.
            if not waiting.until <= now < waiting.until + spread
        )

    def _publish_late(self, now: float, mono: float, room: int) -> int:
        """Publish what is old, from a random moment after connecting on, at the pace.

        What was not used of it is saved up for a second and no longer: after a stop it goes on as
        slowly as before.
        """
        per_s = self.settings.backfill_per_s
        if self._late_at is None:
            self._late_at = mono + self._draw() * self.settings.backfill_within_s
            self._late_saved = 0.0
        if mono > self._late_at:
            saved = self._late_saved + (mono - self._late_at) * per_s
            self._late_saved = min(saved, max(1.0, per_s))
            self._late_at = mono
        allowed = min(int(self._late_saved), room)
        if allowed <= 0:
            return 0
        waiting = self._outbox.waiting_backfill(self._live_since(now), BATCH)
        if len(waiting) < BATCH:
            waiting = [*waiting, *self._outbox.waiting_again(AGAIN_BATCH)]
        sent = self._publish(self._messages(waiting), allowed)
        self._late_saved -= sent
        return sent

    def _live_since(self, now: float) -> int:
        return int(now) - (LIVE_WINDOWS + 1) * self.settings.window_s

    def _messages(self, waiting: Iterable[Waiting]) -> list[Message]:
        topic = self.settings.chunk_topic
        return [Message(("chunk", one.number), topic, one.payload) for one in waiting]

    def _publish(self, messages: list[Message], room: int) -> int:
        sent = 0
        under_way = self._uplink.under_way()
        for message in messages:
            if sent >= room:
                break
            if message.key in under_way:
                continue
            if not self._uplink.publish(message):
                break
            sent += 1
        return sent
