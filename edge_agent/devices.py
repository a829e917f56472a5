"""The devices of a home as the agent has them: polled on their buses, told apart, followed.

What a device is remembered by over a restart is made here too: its counters, what its modules made
behind a battery, and the address that it was followed to.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge_agent.bus import Address, Buses
from edge_agent.clock import aligned
from edge_agent.dictionary import QUALITY_UNREACHABLE
from edge_agent.discovery import SILENT_BEFORE_SEARCH_S, Finder, Follower, wanted
from edge_agent.health import DeviceHealth
from edge_agent.hybrid import pv_from, pv_text, with_pv
from edge_agent.modbus import Registers
from edge_agent.news import Extra
from edge_agent.poll import Poller
from edge_agent.quality import counters_from, counters_text
from edge_agent.queue.outbox import DeviceState
from edge_agent.reading import Reading
from edge_agent.settings import DeviceSettings
from edge_agent.source import RegisterSource

if TYPE_CHECKING:
    from edge_agent.profiles.profile import ProfilePoller

log = logging.getLogger(__name__)

SourceOf = Callable[[DeviceSettings], RegisterSource]
FinderOf = Callable[[], Finder]
DOUBLE = "another device has this serial number"
MOVE_WITHIN_S = 60.0
"""A device that was found waits so long for the answers of the others before it is polled there."""


class OverModbus:
    """Makes the registers of devices as they come over Modbus/TCP, a connection per address."""

    def __init__(self) -> None:
        self._lines: dict[Address, Registers] = {}

    def __call__(self, device: DeviceSettings) -> Registers:
        """Return the registers of a device."""
        address = (device.host, device.port)
        line = self._lines.get(address)
        if line is not None:
            return line.beside(timeout_s=device.timeout_s, pause_s=device.pause_s)
        made = Registers(*address, device.timeout_s, pause_s=device.pause_s)
        self._lines[address] = made
        return made


@dataclass(frozen=True, slots=True)
class Polled:
    """A reading of the device `name`, and what is to be remembered of it."""

    name: str
    reading: Reading
    extra: Extra


@dataclass(frozen=True, slots=True)
class _Device:
    """One device: as the settings have it, where it is now, and what asks it."""

    settings: DeviceSettings
    now_at: str
    source: RegisterSource
    poller: "Poller | ProfilePoller"

    @property
    def address(self) -> Address:
        return (self.now_at, self.settings.port)


class Devices:
    """All devices of the home. Its methods belong to one thread and wait where they say so."""

    def __init__(
        self,
        settings: Sequence[DeviceSettings],
        known: Mapping[str, DeviceState],
        *,
        poll_s: int,
        source_of: SourceOf,
        draw: Callable[[], float],
        finder_of: FinderOf = Finder,
    ) -> None:
        """Prepare to poll; nothing is read yet.

        Args:
            settings: the devices as they are configured.
            known: what was remembered of them, by name.
            poll_s: seconds between two readings.
            source_of: gives a device its registers.
            draw: gives numbers from 0 to 1, for pauses that shall differ.
            finder_of: makes what searches for devices.
        """
        self._poll_s = poll_s
        self._source_of = source_of
        self._draw = draw
        self._batteries = {
            device.name: tuple(other.name for other in settings if other.dc_of == device.name)
            for device in settings
        }
        self._pv = {name: pv_from(_remembered(known.get(name), "pv")) for name in self._batteries}
        self._moved = {
            device.name: host
            for device in settings
            if (host := _followed_to(device, known.get(device.name)))
        }
        self._devices = {
            device.name: self._made(device, known.get(device.name)) for device in settings
        }
        self._order = tuple(device.name for device in settings)
        self._buses = self._made_buses()
        self._latest: dict[str, Reading] = {}
        self._waiting: dict[str, Reading] = {}
        self._doubles: set[str] = set()
        self._late_by: dict[str, int] = {}
        self._silent_since: dict[str, float] = {}
        self._found: dict[str, tuple[str, float]] = {}
        self._follower = Follower(finder_of())

    def start(self, at: int) -> None:
        """Ask every device that is not busy for its reading of the instant `at`."""
        self._buses.start(at)

    def collect(self, timeout_s: float) -> list[Polled]:
        """Return what was read, waiting at most so long for all that was asked for.

        An inverter with a battery on its DC side is told with what its modules make, as soon as the
        battery has been asked for the same instant too. Of devices that cannot be told apart only
        the first of the settings is told.
        """
        told: list[Polled] = []
        for name, found in self._buses.collect(timeout_s):
            reading = self._put_right(name, found)
            if self._is_double(name, reading):
                continue
            self._latest[name] = reading
            if self._batteries[name]:
                self._waiting[name] = reading
            else:
                told.append(self._polled(name, reading))
        busy = self._buses.busy
        for name, reading in tuple(self._waiting.items()):
            if busy.isdisjoint(self._batteries[name]):
                del self._waiting[name]
                told.append(self._polled(name, self._with_pv(name, reading)))
        return told

    def shift(self, seconds: int) -> None:
        """Move the instants of readings that are on their way: the clock was put right.

        Those move too that wait for another's, and those that another's will be compared with.
        """
        for name in self._buses.busy:
            self._late_by[name] = self._late_by.get(name, 0) + seconds
        for readings in (self._waiting, self._latest):
            for name, reading in readings.items():
                readings[name] = replace(reading, at=self._moved_by(seconds, reading.at))
        for name, state in self._pv.items():
            if state.at is not None:
                self._pv[name] = replace(state, at=self._moved_by(seconds, state.at))

    def is_busy(self) -> bool:
        """Tell whether an answer is still waited for."""
        return bool(self._buses.busy)

    def silent(self) -> int:
        """Return how many devices gave no reading that counts when they were asked last."""
        return sum(1 for name in self._order if self._why(name))

    def health(self) -> list[DeviceHealth]:
        """Return what is to be told of each device, in the order of the settings."""
        told: list[DeviceHealth] = []
        for name in self._order:
            device = self._devices[name]
            told.append(
                DeviceHealth(
                    why=self._why(name),
                    moved_to=self._moved.get(name, ""),
                    median_ms=_median_ms(device.source),
                )
            )
        return told

    def follow(self, mono: float) -> None:
        """Look for devices that were silent for long, by their serial numbers; it never waits.

        Where one is found it is polled from then on; what is known of it stays.
        """
        for name, host in self._follower.found():
            self._found[name] = (host, mono)
        for name, (host, since) in tuple(self._found.items()):
            # Moving interrupts all that is asked.
            if not self._buses.busy or mono - since >= MOVE_WITHIN_S:
                del self._found[name]
                self._move(name, host)
        for name, device in self._devices.items():
            if not device.poller.failures:
                self._silent_since.pop(name, None)
                continue
            since = self._silent_since.setdefault(name, mono)
            if device.settings.serial and mono - since >= SILENT_BEFORE_SEARCH_S:
                self._silent_since[name] = mono
                self._follower.seek(wanted(device.settings), self._taken_by_others(name))

    def close(self) -> None:
        """Let go of all devices; what hangs is left behind after a few seconds."""
        self._follower.close()
        self._buses.close()

    def _made(self, device: DeviceSettings, known: DeviceState | None) -> _Device:
        host = self._moved.get(device.name, device.host)
        source = self._source_of(replace(device, host=host))
        counters = counters_from(_remembered(known, "counters"))
        poller: Poller | ProfilePoller
        path = device.profile_path
        if path is not None:
            from edge_agent.profiles.file import load_file  # noqa: PLC0415
            from edge_agent.profiles.profile import (  # noqa: PLC0415 - few homes have one
                ProfilePoller as ByProfile,
            )

            poller = ByProfile(
                source,
                load_file(path),
                draw=self._draw,
                unit=device.unit,
                rated_w=device.rated_w,
                serial=known.serial if known else "",
                wanted_serial=device.serial,
                counters=counters,
            )
        else:
            poller = Poller(
                source,
                unit=device.unit,
                rated_w=device.rated_w,
                serial=known.serial if known else "",
                label=known.label if known else "",
                wanted_serial=device.serial,
                counters=counters,
                draw=self._draw,
            )
        return _Device(device, host, source, poller)

    def _made_buses(self) -> Buses:
        return Buses(
            {name: (device.address, device.poller) for name, device in self._devices.items()}
        )

    def _is_double(self, name: str, reading: Reading) -> bool:
        """Tell whether a device before this one in the settings has its serial number and models.

        The two may be one device, or have a number that the maker gives to all. Only their layout
        tells a device that is seen in two ways from two: by its models, and by a profile.
        """
        before = self._order[: self._order.index(name)]
        pollers = {other: self._devices[other].poller for other in before}
        who = (reading.serial, reading.layout)
        first = next((o for o, one in pollers.items() if (one.serial, one.label) == who), None)
        if first is None:
            self._doubles.discard(name)
            return False
        if name not in self._doubles:
            log.warning("device %s: not read: %s has the same serial number", name, first)
        self._doubles.add(name)
        self._latest.pop(name, None)
        return True

    def _why(self, name: str) -> str:
        """Return why a device is silent; nothing when it is not."""
        poller = self._devices[name].poller
        if poller.failures:
            return poller.why or "it cannot be read"
        return DOUBLE if name in self._doubles else ""

    def _with_pv(self, name: str, reading: Reading) -> Reading:
        batteries = [
            battery
            for other in self._batteries[name]
            if (battery := self._latest.get(other)) is not None
        ]
        told, self._pv[name] = with_pv(
            reading,
            batteries,
            self._pv[name],
            self._poll_s,
            expected=len(self._batteries[name]),
        )
        return told

    def _put_right(self, name: str, reading: Reading) -> Reading:
        seconds = self._late_by.pop(name, 0)
        if not seconds:
            return reading
        return replace(reading, at=self._moved_by(seconds, reading.at))

    def _moved_by(self, seconds: int, at: int) -> int:
        """Return the instant of the grid that is nearest to where `at` moves."""
        return aligned(at + seconds + self._poll_s // 2, self._poll_s)

    def _polled(self, name: str, reading: Reading) -> Polled:
        return Polled(name, reading, self._extra(name))

    def _extra(self, name: str) -> Extra:
        extra: dict[str, int | str | None] = {}
        counters = self._devices[name].poller.counters
        if counters is not None:
            extra["counters"] = counters_text(counters)
        if self._batteries[name]:
            extra["pv"] = pv_text(self._pv[name])
        if name in self._moved:
            extra["host"] = self._moved[name]
            extra["from"] = self._devices[name].settings.host
        return extra

    def _taken_by_others(self, name: str) -> frozenset[tuple[str, int, int | None]]:
        return frozenset(
            (device.now_at, device.settings.port, device.settings.unit)
            for other, device in self._devices.items()
            if other != name
        )

    def _move(self, name: str, host: str) -> None:
        """Poll a device where it is now."""
        device = self._devices[name]
        if host == device.now_at:
            return
        log.warning("device %s: followed from %s to %s", name, device.now_at, host)
        known = DeviceState(
            device.poller.serial,
            device.poller.label,
            QUALITY_UNREACHABLE,
            {},
            self._extra(name),
        )
        self._moved[name] = host
        if host == device.settings.host:
            del self._moved[name]
        self._silent_since.pop(name, None)
        self._buses.close()
        self._devices[name] = self._made(device.settings, known)
        self._buses = self._made_buses()


def _followed_to(device: DeviceSettings, known: DeviceState | None) -> str:
    """Return where a device was followed to; nothing once the settings have it elsewhere.

    Whoever writes an address into the settings knows better than a search of long ago.
    """
    if not device.serial or _remembered(known, "from") != device.host:
        return ""
    return _remembered(known, "host")


def _remembered(known: DeviceState | None, name: str) -> str:
    value = known.extra.get(name) if known else None
    return value if isinstance(value, str) else ""


def _median_ms(source: RegisterSource) -> int | None:
    return source.traffic().median_ms if isinstance(source, Registers) else None
