"""Follows a device by its serial number when the home's router has given it another address.

It looks only for a device whose serial number is configured, only in the private network in which
it was configured, only at its port, one address after the other, and at most once an hour.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from ipaddress import IPv4Address, IPv4Network
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from edge_agent.modbus import Registers
from edge_agent.settings import DeviceSettings
from edge_agent.source import ReadFailed, RegisterSource, Unreachable
from edge_agent.sunspec.scan import BASES, MARKER, UNITS

if TYPE_CHECKING:
    from edge_agent.profiles.profile import Profile

SILENT_BEFORE_SEARCH_S = 900
"""A device that restarts, or whose network does, is back before; searching is for what moved."""
SEARCH_AGAIN_AFTER_S = 3600
ADDRESSES_PER_S = 10.0
CONNECT_S = 0.25
"""In a home an address that takes no connection within this time has nobody."""
CLOSE_WITHIN_S = 5.0
PREFIX = 24
PRIVATE = tuple(IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""Networks of homes (RFC 1918)."""
COMMON_HEAD = 2
SERIAL_IN_COMMON = (50, 16)
"""Point SN of model 1, from the model's ID on, and its registers."""

log = logging.getLogger(__name__)

SourceAt = Callable[[str, int], RegisterSource]
Taken = Collection[tuple[str, int, int | None]]


class Wanted(NamedTuple):
    """The device that is looked for.

    Attributes:
        name: of the device in the settings.
        host: its configured address; a name is not followed, whoever gives it does.
        port: of Modbus/TCP.
        serial: its serial number.
        unit: its Modbus unit id; None when not known.
        profile: that of a device that does not speak SunSpec.
    """

    name: str
    host: str
    port: int
    serial: str
    unit: int | None = None
    profile: "Profile | None" = None


def wanted(device: DeviceSettings) -> Wanted:
    """Return what to look for when this device is silent.

    Raises:
        ProfileError: its profile cannot be used.
    """
    found = Wanted(device.name, device.host, device.port, device.serial, device.unit)
    path = device.profile_path
    if path is None:
        return found
    from edge_agent.profiles.file import load_file  # noqa: PLC0415 - few homes have one

    return found._replace(profile=load_file(path))


def addresses(host: str, *, prefix: int, within: Collection[IPv4Network]) -> Iterator[str]:
    """Yield the addresses of the network around `host`, itself first, then the nearest ones.

    Nothing for a name, and for an address outside of the networks of homes.
    """
    try:
        own = IPv4Address(host)
    except ValueError:
        return
    if not any(own in network for network in within):
        return
    hosts = IPv4Network(f"{host}/{prefix}", strict=False).hosts()
    yield from (str(one) for one in sorted(hosts, key=lambda one: abs(int(one) - int(own))))


def takes_connection(host: str, port: int, timeout_s: float = CONNECT_S) -> bool:
    """Tell whether somebody listens there; it is only tried, nothing is sent."""
    try:
        socket.create_connection((host, port), timeout_s).close()
    except OSError:
        return False
    return True


def serial_at(source: RegisterSource, target: Wanted) -> str | None:
    """Return the serial number that answers, where one does the way the wanted device would."""
    if target.profile is not None:
        from edge_agent.profiles.profile import read_serial  # noqa: PLC0415 - few homes have one

        try:
            return read_serial(source, target.profile, target.unit)
        except ReadFailed:
            return None
    for unit in UNITS if target.unit is None else (target.unit,):
        try:
            serial = _sunspec_serial(source, unit)
        except ReadFailed:
            continue
        if serial:
            return serial
    return None


def _sunspec_serial(source: RegisterSource, unit: int) -> str:
    """Return the serial number of the common model, which is the first; empty without one."""
    from edge_agent.profiles.profile import SerialAt  # noqa: PLC0415 - a search is rare

    at = SerialAt(*SERIAL_IN_COMMON)
    for base in BASES:
        try:
            if source.read(unit, base, len(MARKER)) != MARKER:
                continue
        except Unreachable:
            raise
        except ReadFailed:
            continue
        common = base + len(MARKER)
        model, length = source.read(unit, common, COMMON_HEAD)
        if model == 1 and COMMON_HEAD + length >= at.address + at.size:
            return at.text(source.read(unit, common + at.address, at.size))
    return ""


class Finder:
    """Searches; one at a time."""

    def __init__(
        self,
        source_at: SourceAt = Registers,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        within: Collection[IPv4Network] = PRIVATE,
        prefix: int = PREFIX,
        per_s: float = ADDRESSES_PER_S,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            source_at: gives the registers at an address and port; over Modbus/TCP if not told.
            monotonic: tells seconds that never go back, to keep searches an hour apart.
            within: networks in which it may search.
            prefix: how much of an address is the network's.
            per_s: addresses asked in a second, at most.
        """
        self._source_at = source_at
        self._monotonic = monotonic
        self._within = within
        self._prefix = prefix
        self._step_s = 1 / per_s
        self._last: dict[str, float] = {}
        self._stopping = threading.Event()

    def find(self, target: Wanted, taken: Taken) -> str | None:
        """Return the address at which the wanted serial number answers; None when there is none.

        None too without a serial number, within an hour of the last search for it, and when it was
        stopped.

        Args:
            target: what is looked for.
            taken: host, port and unit (None: any) of all other devices: they are left alone.
        """
        if not target.serial or not self._is_due(target.serial):
            return None
        for host in addresses(target.host, prefix=self._prefix, within=self._within):
            if is_taken(host, target, taken):
                continue
            if self._stopping.wait(self._step_s):
                return None
            if takes_connection(host, target.port) and self._is_there(host, target):
                return host
        return None

    def stop(self) -> None:
        """End the search that another thread is at, and let none begin; for good."""
        self._stopping.set()

    def _is_there(self, host: str, target: Wanted) -> bool:
        with closing(self._source_at(host, target.port)) as source:
            return serial_at(source, target) == target.serial

    def _is_due(self, serial: str) -> bool:
        now = self._monotonic()
        last = self._last.get(serial)
        if last is not None and now - last < SEARCH_AGAIN_AFTER_S:
            return False
        self._last[serial] = now
        return True


def is_taken(host: str, target: Wanted, taken: Taken) -> bool:
    """Tell whether another device is known to be there.

    Two devices may share an address, as behind one converter, when both have unit ids that differ.
    """
    return any(
        (host, target.port) == (other, port)
        and (unit is None or target.unit is None or unit == target.unit)
        for other, port, unit in taken
    )


class Follower:
    """A thread that searches for what is silent, while everything else goes on."""

    def __init__(self, finder: Finder) -> None:
        """Prepare; the thread starts with the first search.

        Args:
            finder: what searches; it is stopped when this is closed.
        """
        self._finder = finder
        self._searches: SimpleQueue[tuple[Wanted, Taken] | None] = SimpleQueue()
        self._ends: SimpleQueue[tuple[str, str | None]] = SimpleQueue()
        self._searched: set[str] = set()
        self._thread: threading.Thread | None = None

    def seek(self, target: Wanted, taken: Taken) -> None:
        """Ask for a search, unless one for this device waits or is going on."""
        if target.name in self._searched:
            return
        self._searched.add(target.name)
        self._searches.put((target, taken))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="follower", daemon=True)
            self._thread.start()

    def found(self) -> list[tuple[str, str]]:
        """Return the names of devices that were found since the last call, and where they are."""
        found: list[tuple[str, str]] = []
        while True:
            try:
                name, host = self._ends.get_nowait()
            except Empty:
                return found
            self._searched.discard(name)
            if host is not None:
                found.append((name, host))

    def close(self) -> None:
        """End the search and the thread."""
        self._finder.stop()
        self._searches.put(None)
        if self._thread is not None:
            self._thread.join(CLOSE_WITHIN_S)

    def _work(self) -> None:
        while (search := self._searches.get()) is not None:
            target, taken = search
            host = None
            try:
                host = self._finder.find(target, taken)
            except Exception:
                log.exception("searching for %s: given up", target.name)
            self._ends.put((target.name, host))
