"""The agent as one object: poll what is due, seal what is finished, send what is waiting.

`turn` is one turn of the loop in `edge_agent.running` and waits for nothing. A conductor with a
simulated clock calls `tick` and `publish` in lock-step instead; these wait for answers.
"""

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from edge_agent.backoff import drawn_from
from edge_agent.clock import Clock, TimeKeeper, aligned
from edge_agent.command import (
    Configure,
    MalformedCommand,
    Renew,
    Resend,
    command_topic,
    parse,
)
from edge_agent.devices import Devices, FinderOf, OverModbus, Polled, SourceOf
from edge_agent.dictionary import CLOCK_SYNCED
from edge_agent.discovery import Finder
from edge_agent.health import Facts, disk_free_mb, rss_mb, summary
from edge_agent.mqtt import Uplink
from edge_agent.news import change
from edge_agent.operation.certificate import certificate_days
from edge_agent.operation.supervision import Liveness
from edge_agent.queue.outbox import MOST_WINDOWS, DeviceState, Outbox
from edge_agent.reading import Event, Reading, Window
from edge_agent.remote import Remote
from edge_agent.renewing import Renewal
from edge_agent.sending import Sender, Told
from edge_agent.settings import Settings

CONNECT_TIMEOUT_S = 2.0
POLL_TIMEOUT_S = 60.0
"""How long a tick in lock-step waits for the slowest device."""
LATE_READING_S = 60
"""A window waits so long for the last answer of a slow device before it is sealed without it.

So does a change of settings, and then goes on without the answer.
"""
ON_TIME_S = 10.0
"""A start that finds an instant over for longer polls all the same, to know how the devices do, but
keeps nothing of it: the values would be of another instant than they say."""

log = logging.getLogger(__name__)


class Agent:
    """One gateway. Its methods belong to one thread."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        boot_id: str,
        source_of: SourceOf | None = None,
        finder_of: FinderOf = Finder,
        draw: Callable[[], float] | None = None,
    ) -> None:
        """Open the outbox and remember the devices; nothing is connected yet.

        Args:
            settings: what to poll and where to send, as the file has it.
            clock: tells the time, real or simulated.
            boot_id: hexadecimal name of this start of the agent.
            source_of: gives each device its registers; Modbus/TCP unless told otherwise.
            finder_of: makes what searches for devices that were given another address.
            draw: gives numbers from 0 to 1, of which pauses are made; else of the boot id.
        """
        self._clock = clock
        self._boot_id = boot_id
        self._source_of = source_of or OverModbus()
        self._finder_of = finder_of
        self._draw = draw or drawn_from(boot_id)
        mono = clock.monotonic()
        self._remote = Remote(settings, now_mono=mono)
        self.settings = self._remote.settings
        self.outbox = Outbox(
            settings.outbox,
            boot=boot_id,
            gateway=settings.thing,
            keep_days=settings.keep_days,
            keep_mb=settings.keep_mb,
        )
        self._keeper = TimeKeeper(clock, floor=self.outbox.floor())
        self._states = self.outbox.states()
        self._devices = self._made_devices()
        # Which start of the agent it is: two gateways with one certificate show by that.
        status = json.dumps({"up": 1, "boot": boot_id}, separators=(",", ":")).encode()
        self._uplink = Uplink(
            settings.broker,
            thing=settings.thing,
            status_topic=settings.status_topic,
            command_topic=command_topic(settings.thing),
            status=status,
        )
        self._sender = Sender(
            self.settings, self.outbox, self._uplink, draw=self._draw, status=status
        )
        self._renewal = Renewal(settings, draw=self._draw)
        self._commands: Counter[str] = Counter()
        self._last_slot = -1
        self._kept_from = 0
        self._has_asked = False
        self._next: tuple[Settings, float] | None = None
        self._sealed: tuple[int, bool] | None = None
        self._started_mono = self._turned_mono = mono
        self._last_ack_mono: float | None = None

    # ------------------------------------------------------------------ one turn of the loop
    def turn(self) -> float:
        """Do what is due without waiting; return the seconds until there may be more to do."""
        mono = self._clock.monotonic()
        self._turned_mono = mono
        now = self._mind_the_clock()
        # What has come is taken first: a device that has answered may be asked again.
        self._keep(self._devices.collect(0.0))
        self._go_over(mono)
        self._poll(now)
        self._keep(self._devices.collect(0.0))
        if self._has_asked and not self._devices.is_busy():
            self._remote.polled()
        self._devices.follow(mono)
        if not self._is_waited_for(now):
            self._seal(now)
        if self._may_connect(now, mono) and self._sender.connect(mono):
            self._obey()
        self._acknowledge(self._sender.settle())
        self._sender.send(now, mono, hold=self._keeper.is_held())
        if self._remote.awaits_sign:
            self._sender.ask_for_a_sign(mono)
        self._change_settings(self._remote.due(mono))
        if self._devices.is_busy():
            return 0.05
        return max(0.0, min(1.0, self._last_slot + self.settings.poll_s - now))

    def wait(self, timeout_s: float) -> None:
        """Wait until something comes from the broker, or `wake` is called, or the time is over."""
        self._uplink.wait(timeout_s)

    def wake(self) -> None:
        """End the wait that is on; any thread and any signal handler may call it."""
        self._uplink.wake()

    def monotonic(self) -> float:
        """Return seconds that never jump, by the agent's clock."""
        return self._clock.monotonic()

    def status(self) -> str:
        """Return one line that says how it goes."""
        silent, waiting = self._devices.silent(), self.outbox.depth()
        link = self._uplink.why or "connected"
        return f"{len(self.settings.devices)} devices, {silent} silent, {waiting} wait, {link}"

    def liveness(self) -> Liveness:
        """Return what tells whether the agent does its work."""
        mono = self._clock.monotonic()
        acked = self._started_mono if self._last_ack_mono is None else self._last_ack_mono
        return Liveness(
            turn_age_s=mono - self._turned_mono,
            ack_age_s=mono - acked,
            is_queue_healthy=not self.outbox.ram,
        )

    # ------------------------------------------------------------------ in lock-step
    def connect(self) -> bool:
        """Connect to the broker unless connected; tell whether it worked.

        After a failure the broker is left alone for a while, by the agent's clock.
        """
        mono = self._clock.monotonic()
        if self._sender.connect(mono):
            return True
        if self._uplink.is_connecting():
            self._uplink.open(CONNECT_TIMEOUT_S)
        return self._sender.connect(mono)

    def tick(self) -> int:
        """Poll the devices if their time has come, seal finished windows; return readings kept.

        The instants of polling are those of the aligned grid; a second tick within one step does
        nothing. Devices are asked side by side, so that the slowest alone says how long it takes.
        """
        now = self._mind_the_clock()
        slot = aligned(now, self.settings.poll_s)
        kept = 0
        if slot > self._last_slot:
            self._last_slot = slot
            self._devices.start(slot)
            kept = self._keep(self._devices.collect(POLL_TIMEOUT_S))
            self._has_asked = True
            self._remote.polled()
        self._seal(now)
        return kept

    def absorb(self, name: str, readings: Iterable[Reading]) -> int:
        """Keep readings of the device `name` that came without sockets, in order of time.

        In a jump of the simulated clock this stands in for many ticks: events and sealing are the
        same, the disk is asked once. Returns how many readings were kept.
        """
        now = self._mind_the_clock()
        known = self._states.get(name)
        extra = known.extra if known else {}
        kept = self._keep([Polled(name, reading, extra) for reading in readings])
        self._sealed = None
        self._seal(now)
        return kept

    def publish(self, timeout_s: float) -> int:
        """Obey what was asked, send all that waits; return how many the broker acknowledged.

        Events go first, then chunks that were never sent, newest first, then those that were asked
        for again, without the pace of `turn`. It ends when nothing waits any more, when the
        connection breaks, or when the time is over.
        """
        until = time.monotonic() + timeout_s
        total = 0
        while self.connect():
            self._obey()
            messages = self._sender.events(hold=self._keeper.is_held()) + self._sender.chunks()
            if self._remote.awaits_sign:
                messages.append(self._sender.status())
            left = until - time.monotonic()
            if not messages or left <= 0:
                break
            acknowledged = self._sender.deliver(messages, left)
            self._acknowledge(acknowledged)
            total += len(acknowledged)
            if len(acknowledged) < len(messages):
                break
        self._change_settings(self._remote.due(self._clock.monotonic()))
        return total

    def hand_over(self, accept: Callable[[str, bytes], None]) -> int:
        """Give everything that waits to a callable, as topic and payload; return how much it was.

        In a jump of the simulated clock this stands in for the broker: what `accept` has taken
        without an error counts as acknowledged.
        """
        total = 0
        while messages := self._sender.events(hold=False) + self._sender.chunks():
            for message in messages:
                accept(message.topic, message.payload)
            self._acknowledge(Told.of([message.key for message in messages]))
            total += len(messages)
        return total

    def close(self) -> None:
        """Let go of broker, devices and outbox; nothing is lost by not calling it."""
        self._uplink.close()
        self._devices.close()
        self.outbox.close()

    # ------------------------------------------------------------------ reading
    def _made_devices(self) -> Devices:
        return Devices(
            self.settings.devices,
            self._states,
            poll_s=self.settings.poll_s,
            source_of=self._source_of,
            finder_of=self._finder_of,
            draw=self._draw,
        )

    def _poll(self, now: float) -> None:
        """Ask the devices when an instant of the grid has come."""
        slot = aligned(now, self.settings.poll_s)
        if slot <= self._last_slot:
            return
        if self._last_slot < 0 and now - slot > ON_TIME_S:
            self._kept_from = max(self._kept_from, slot + 1)
        self._last_slot = slot
        self._has_asked = self._next is None
        self._devices.start(slot)

    def _mind_the_clock(self) -> float:
        """Look at the clock; put right what was read before it was set. Return unix seconds."""
        shift = self._keeper.observe()
        if shift is not None:
            self._keep(self._devices.collect(0.0), clock=shift.was)
            self._devices.shift(shift.seconds)
            self.outbox.restamp(
                shift.seconds, self.settings.poll_s, was=shift.was, becomes=shift.becomes
            )
            self._shift_grid(shift.seconds)
            if shift.seconds:
                log.warning("clock: put right by %d s", shift.seconds)
        now = self._keeper.now()
        if self._keeper.code() == CLOCK_SYNCED:
            self.outbox.remember_time(now)
        return now

    def _shift_grid(self, seconds: int) -> None:
        """Go on as if the instants that were polled had been those that their readings have now.

        One that was polled is not polled again: the later reading would take the earlier's place.
        """
        self._sealed = None
        if self._last_slot < 0:
            return
        step_s = self.settings.poll_s
        moved = aligned(self._last_slot + seconds + step_s // 2, step_s)
        # What moved forward to an instant that is still to come is read once more, in its time.
        self._last_slot = min(moved, aligned(self._keeper.now(), step_s))
        self._kept_from = max(0, self._kept_from + seconds)

    def _keep(self, polled: Iterable[Polled], *, clock: int | None = None) -> int:
        """Keep readings with what they change, in one write; return how many there were.

        Args:
            polled: what was read; what is of instants that are not kept is left out.
            clock: code of the clock that gave the instants; that of now when not told.
        """
        readings: list[Reading] = []
        events: list[Event] = []
        states: dict[str, DeviceState] = {}
        for name, reading, extra in ((one.name, one.reading, one.extra) for one in polled):
            if reading.at < self._kept_from:
                continue
            readings.append(reading)
            new = change(states.get(name) or self._states.get(name), reading, extra)
            if new is not None:
                states[name] = new.state
                events += new.events
        if readings:
            code = self._keeper.code() if clock is None else clock
            self.outbox.append(readings, events, states, clock=code)
            self._states.update(states)
            self._seal_again(readings)
        return len(readings)

    def _seal_again(self, readings: Iterable[Reading]) -> None:
        """Let windows be sealed once more: a reading came late, or the disk took nothing."""
        if self._sealed is None:
            return
        if self.outbox.ram or any(reading.at < self._sealed[0] for reading in readings):
            self._sealed = None

    def _is_waited_for(self, now: float) -> bool:
        """Tell whether a reading of the window that is over may still come."""
        over_s = now - aligned(now, self.settings.window_s)
        return over_s < LATE_READING_S and self._devices.is_busy()

    def _seal(self, now: float) -> None:
        """Seal what is finished: once for each window, and when readings need not wait longer."""
        before, is_held = aligned(now, self.settings.window_s), self._keeper.is_held()
        if (before, is_held) == self._sealed:
            return
        is_all = self._seal_before(before) < MOST_WINDOWS
        self._sealed = (before, is_held) if is_all and not self.outbox.ram else None

    def _seal_before(self, before: int) -> int:
        head = Window(
            gateway=self.settings.thing,
            boot=self._boot_id,
            seq=0,
            t0=aligned(before, self.settings.poll_s),
            dt=self.settings.poll_s,
            n=0,
            clock=self._keeper.code(),
            health=self._health(),
        )
        return self.outbox.seal(
            before=before,
            window_s=self.settings.window_s,
            head=head,
            hold=self._keeper.is_held(),
        )

    def _health(self) -> Mapping[str, int | str | None]:
        mono = self._clock.monotonic()
        acked, now = self._last_ack_mono, self._keeper.now()
        certificate = self.settings.broker.cert
        return summary(
            Facts(
                up_s=int(mono - self._started_mono),
                waiting_chunks=self.outbox.depth(),
                silent_devices=self._devices.silent(),
                last_ack_age_s=None if acked is None else int(mono - acked),
                held_readings=self.outbox.held(),
                clock_off_s=self._keeper.stepped_s or 0,
                lost_readings=self.outbox.lost,
                thinned_readings=self.outbox.thin,
                ram_readings=self.outbox.ram,
                aside_at=self.outbox.aside_at,
                oldest_waiting_s=self.outbox.oldest_age_s(now),
                disk_free_mb=disk_free_mb(self.settings.outbox),
                rss_mb=rss_mb(),
                certificate_days=certificate_days(certificate, now) if certificate else None,
                lost_events=self.outbox.lost_events,
                is_deaf=self._uplink.is_deaf(),
                devices=self._devices.health(),
                counts=self._commands,
                configuration=self._remote.health(),
            )
        )

    # ------------------------------------------------------------------ broker
    def _may_connect(self, now: float, mono: float) -> bool:
        """Tell whether the uplink may use the gateway's name; a renewal needs it for a moment."""
        if self._renewal.is_busy():
            return False
        if self._uplink.is_up() and self._renewal.is_due(now, mono):
            self._uplink.close()
            self._renewal.begin(mono, wake=self.wake)
            return False
        return True

    def _acknowledge(self, told: Told) -> None:
        if not told:
            return
        self._last_ack_mono = self._clock.monotonic()
        self.outbox.acknowledge(chunks=told.chunks, events=told.events, at=int(self._keeper.now()))
        self._remote.acknowledged()

    def _obey(self) -> None:
        """Do what commands ask, on disk before the broker is told; what cannot be is counted."""
        for heard in self._uplink.heard():
            self._commands.update(self._obeyed(heard.payload))
            self._uplink.acknowledge(heard)

    def _obeyed(self, payload: bytes) -> Mapping[str, int]:
        """Do what one command asks; return what the health counts of it."""
        try:
            command = parse(payload)
        except MalformedCommand as error:
            log.warning("%s", error)
            return {"refused": 1}
        if isinstance(command, Configure):
            self._change_settings(self._remote.begin(command, self._clock.monotonic()))
            return {}
        if isinstance(command, Renew):
            is_taken = self._renewal.ask(command.id)
            return {} if is_taken else {"refused": 1}
        return self._send_again(command)

    def _send_again(self, resend: Resend) -> Mapping[str, int]:
        """Put asked-for chunks back among the waiting ones."""
        answer = self.outbox.send_again(resend.id, resend.ranges, at=int(self._keeper.now()))
        if answer is None:
            log.warning("command %s: too many of them within a day", resend.id)
            return {"refused": 1}
        return {"again": answer.put_back, "gone": answer.gone}

    def _change_settings(self, settings: Settings | None) -> None:
        """Go on with other settings as soon as no answer is waited for."""
        mono = self._clock.monotonic()
        if settings is not None:
            self._next = (settings, mono)
            self._has_asked = False
        self._go_over(mono)

    def _go_over(self, mono: float) -> None:
        """Go over to the settings that wait; what was read is sealed by those it was read with.

        All devices are polled at once then, so that it shows soon whether the settings work. An
        instant that was polled before has its readings, and gets no others.
        """
        if self._next is None:
            return
        settings, since = self._next
        if self._devices.is_busy() and mono - since < LATE_READING_S:
            return
        self._next = None
        self._seal_before(aligned(self._keeper.now(), self.settings.poll_s) + self.settings.poll_s)
        self._devices.close()
        self.settings = self._sender.settings = settings
        logging.getLogger("edge_agent").setLevel(settings.log.upper())
        self._devices = self._made_devices()
        self._kept_from = max(self._kept_from, self._last_slot + 1)
        self._last_slot, self._sealed = -1, None
