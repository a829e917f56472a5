"""The agent as one object: poll what is due, seal what is finished, send what is waiting.

`tick` and `publish` can be called in lock-step by a conductor with a simulated clock, or by `run`
on the real one. Neither sleeps; `publish` waits for acknowledgements as long as it is told to.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from edge_agent.clock import Clock, aligned, quality
from edge_agent.command import MalformedCommand, command_topic, parse
from edge_agent.dictionary import (
    BITS,
    QUALITY_ASLEEP,
    QUALITY_OK,
)
from edge_agent.health import summary
from edge_agent.modbus import Registers
from edge_agent.mqtt import Message, Uplink
from edge_agent.outbox import DeviceState, Outbox
from edge_agent.poll import Poller
from edge_agent.quality import base_of
from edge_agent.reading import Event, Reading, Window, event_text
from edge_agent.settings import DeviceSettings, Settings
from edge_agent.source import RegisterSource

CONNECT_TIMEOUT_S = 2.0
FIRST_PAUSE_S = 5
LONGEST_PAUSE_S = 300
BATCH = 100
AGAIN_BATCH = 20
"""Chunks sent again between two looks at what is new."""
ALARM_COLUMNS = frozenset(column.removesuffix("_n") for column in BITS) - {"ThrotSrc"}
"""Bits that cannot wait for the end of a window; limits come and go all day, and can."""

log = logging.getLogger(__name__)

SourceOf = Callable[[DeviceSettings], RegisterSource]


def over_modbus(device: DeviceSettings) -> RegisterSource:
    """Return the registers of a device as they come over Modbus/TCP."""
    return Registers(device.host, device.port, device.timeout_s)


@dataclass(frozen=True, slots=True)
class Change:
    """What a reading changed in what is known of its device, and the events that tell it."""

    state: DeviceState
    events: tuple[bytes, ...]


class Agent:
    """One gateway. Its methods belong to one thread."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        boot_id: str,
        source_of: SourceOf = over_modbus,
    ) -> None:
        """Open the outbox and remember the devices; nothing is connected yet.

        Args:
            settings: what to poll and where to send.
            clock: tells the time, real or simulated.
            boot_id: hexadecimal name of this start of the agent.
            source_of: gives each device its registers; Modbus/TCP unless told otherwise.
        """
        self.settings = settings
        self.outbox = Outbox(settings.outbox)
        self._clock = clock
        self._boot_id = boot_id
        self._started_at = clock.now()
        self._states = self.outbox.states()
        self._pollers = {
            device.name: self._poller(device, source_of(device)) for device in settings.devices
        }
        self._uplink = Uplink(
            settings.broker,
            thing=settings.thing,
            status_topic=settings.status_topic,
            command_topic=command_topic(settings.thing),
        )
        self._commands: Counter[str] = Counter()
        self._last_slot = -1
        self._sealed_before = -1
        self._last_ack_at: float | None = None
        self._connect_failures = 0
        self._connect_again_at = 0.0

    def connect(self) -> bool:
        """Connect to the broker unless connected; tell whether it worked.

        After a failure the broker is left alone for a while, by the agent's clock.
        """
        now = self._clock.now()
        if not self._uplink.is_up() and now < self._connect_again_at:
            return False
        if self._uplink.open(CONNECT_TIMEOUT_S):
            self._connect_failures = 0
            return True
        pause = min(FIRST_PAUSE_S << min(self._connect_failures, 10), LONGEST_PAUSE_S)
        self._connect_failures += 1
        self._connect_again_at = now + pause
        return False

    def tick(self) -> int:
        """Poll the devices if their time has come, seal finished windows; return readings kept.

        The instants of polling are those of the aligned grid; a second tick within one step does
        nothing. A device that is silent costs at most its time-out, and most ticks nothing.
        """
        now = self._clock.now()
        slot = aligned(now, self.settings.poll_s)
        kept = 0
        if slot != self._last_slot:
            self._last_slot = slot
            kept = self._poll_all(slot)
        self._seal(now)
        return kept

    def absorb(self, name: str, readings: Iterable[Reading]) -> int:
        """Keep readings of the device `name` that came without sockets, in order of time.

        In a jump of the simulated clock this stands in for many ticks: events and sealing are the
        same, the disk is asked once. Returns how many readings were kept.
        """
        kept = list(readings)
        events: list[bytes] = []
        for reading in kept:
            change = self._change(self._states.get(name), reading)
            if change is not None:
                self._states[name] = change.state
                events += change.events
        states = {name: self._states[name]} if name in self._states else {}
        self.outbox.append(kept, events, states)
        self._sealed_before = -1
        self._seal(self._clock.now())
        return len(kept)

    def publish(self, timeout_s: float) -> int:
        """Obey what was asked, send all that waits; return how many the broker acknowledged.

        Events go first, then chunks that were never sent, then those that were asked for again.

        It ends when nothing waits any more, when the connection breaks, or when the time is over.
        """
        until = time.monotonic() + timeout_s
        total = 0
        while self.connect():
            self._obey()
            messages = self._waiting()
            left = until - time.monotonic()
            if not messages or left <= 0:
                break
            keys = self._uplink.deliver(messages, left)
            self._acknowledge(keys)
            total += len(keys)
            if len(keys) < len(messages):
                break
        return total

    def hand_over(self, accept: Callable[[str, bytes], None]) -> int:
        """Give everything that waits to a callable, as topic and payload; return how much it was.

        In a jump of the simulated clock this stands in for the broker: what `accept` has taken
        without an error counts as acknowledged.
        """
        total = 0
        while messages := self._waiting():
            for message in messages:
                accept(message.topic, message.payload)
            self._acknowledge([message.key for message in messages])
            total += len(messages)
        return total

    def close(self) -> None:
        """Let go of broker, devices and outbox; nothing is lost by not calling it."""
        self._uplink.close()
        for poller in self._pollers.values():
            poller.close()
        self.outbox.close()

    def _poller(self, device: DeviceSettings, source: RegisterSource) -> Poller:
        known = self._states.get(device.name)
        return Poller(
            source,
            unit=device.unit,
            rated_w=device.rated_w,
            serial=known.serial if known else "",
            label=known.label if known else "",
        )

    def _poll_all(self, slot: int) -> int:
        readings: list[Reading] = []
        events: list[bytes] = []
        states: dict[str, DeviceState] = {}
        for name, poller in self._pollers.items():
            reading = poller.poll(slot)
            if reading is None:
                continue
            readings.append(reading)
            change = self._change(self._states.get(name), reading)
            if change is not None:
                states[name] = change.state
                events += change.events
        self.outbox.append(readings, events, states)
        self._states.update(states)
        return len(readings)

    def _change(self, before: DeviceState | None, reading: Reading) -> Change | None:
        """Return what is new about a device; None when nothing is.

        A device that is met for the first time tells nothing unless something is wrong with it. The
        bits that are not known now are as they were.
        """
        known_alarms = before.alarms if before else {}
        alarms = alarms_of(reading, known_alarms)
        state = DeviceState(reading.serial, reading.layout, reading.quality, alarms)
        if state == before:
            return None
        events: list[bytes] = []
        last = before.quality if before else None
        is_news = last is not None or reading.quality not in {QUALITY_OK, QUALITY_ASLEEP}
        if last != reading.quality and is_news:
            events.append(self._event(reading, "state", last, reading.quality))
        events += [
            self._event(reading, "alarm", known_alarms.get(column, 0), bits, column)
            for column in sorted({*alarms, *known_alarms})
            if known_alarms.get(column, 0) != (bits := alarms.get(column, 0))
        ]
        return Change(state, tuple(events))

    def _event(
        self,
        reading: Reading,
        kind: str,
        before: int | None,
        after: int | None,
        column: str | None = None,
    ) -> bytes:
        event = Event(reading.at, reading.serial, kind, before, after, column)
        return event_text(event, gateway=self.settings.thing, boot=self._boot_id).encode("ascii")

    def _seal(self, now: float) -> None:
        before = aligned(now, self.settings.window_s)
        if before == self._sealed_before:
            return
        head = Window(
            gateway=self.settings.thing,
            boot=self._boot_id,
            seq=0,
            t0=before,
            dt=self.settings.poll_s,
            n=0,
            clock=quality(now),
            health=self._health(now),
        )
        self.outbox.seal(before=before, window_s=self.settings.window_s, head=head)
        self._sealed_before = before

    def _obey(self) -> None:
        """Do what commands ask, on disk before the broker is told; what cannot be is counted."""
        for command in self._uplink.heard():
            self._commands.update(self._obeyed(command.payload))
            self._uplink.acknowledge(command)

    def _obeyed(self, payload: bytes) -> Mapping[str, int]:
        """Put asked-for chunks back among the waiting ones; return what the health counts of it."""
        try:
            resend = parse(payload)
        except MalformedCommand as error:
            log.warning("%s", error)
            return {"refused": 1}
        answer = self.outbox.send_again(resend.id, resend.ranges, at=int(self._clock.now()))
        if answer is None:
            log.warning("command %s: too many of them within a day", resend.id)
            return {"refused": 1}
        return {"again": answer.put_back, "gone": answer.gone}

    def _health(self, now: float) -> Mapping[str, int | str | None]:
        last_ack_at = self._last_ack_at
        known = summary(
            up_s=int(now - self._started_at),
            waiting_chunks=self.outbox.depth(),
            silent_devices=sum(1 for poller in self._pollers.values() if poller.failures),
            last_ack_age_s=None if last_ack_at is None else int(now - last_ack_at),
        )
        # Nearly always there is nothing to tell, and every chunk would carry the zeros.
        return {**known, **{name: count for name, count in self._commands.items() if count}}

    def _waiting(self) -> list[Message]:
        events = [
            Message(("event", waiting.number), self.settings.event_topic, waiting.payload)
            for waiting in self.outbox.waiting_events(BATCH)
        ]
        chunks = [
            Message(("chunk", waiting.number), self.settings.chunk_topic, waiting.payload)
            for waiting in self.outbox.waiting_chunks(BATCH)
        ]
        again = [
            Message(("chunk", waiting.number), self.settings.chunk_topic, waiting.payload)
            for waiting in (self.outbox.waiting_again(AGAIN_BATCH) if len(chunks) < BATCH else ())
        ]
        return events + chunks + again

    def _acknowledge(self, keys: list[tuple[str, int]]) -> None:
        if not keys:
            return
        now = self._clock.now()
        self._last_ack_at = now
        self.outbox.acknowledge(
            chunks=[number for kind, number in keys if kind == "chunk"],
            events=[number for kind, number in keys if kind == "event"],
            at=int(now),
        )


def alarms_of(reading: Reading, last: Mapping[str, int]) -> dict[str, int]:
    """Return the bit-field columns in which a bit is set; those not known now are as in `last`."""
    unknown = {column: bits for column, bits in last.items() if reading.values.get(column) is None}
    known = {
        column: bits
        for column, bits in reading.values.items()
        if bits and base_of(column) in ALARM_COLUMNS
    }
    return unknown | known
