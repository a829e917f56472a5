"""Polls many devices at once: a thread for each address, so that none waits for another's silence.

Devices at one address (a gateway to several) share one connection and are asked one after the
other. All that the threads and their owner have in common is queues.
"""

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple, Protocol

from edge_agent.reading import Reading

CLOSE_WITHIN_S = 5.0
"""How long closing waits for threads; one that hangs longer, as in a look-up of a name, is left."""
LOOK_AGAIN_S = 0.05

log = logging.getLogger(__name__)

Address = tuple[str, int]


class DevicePoller(Protocol):
    """One device as a bus sees it."""

    serial: str
    label: str
    failures: int

    def poll(self, at: int) -> Reading | None:
        """Return the reading for an instant; None while the device was never identified."""
        ...

    def close(self) -> None:
        """Let go of the connection; called from any thread, it ends a read that waits."""
        ...


class _Job(NamedTuple):
    name: str
    at: int


class _Answer(NamedTuple):
    name: str
    reading: Reading | None


class _Bus:
    """The devices at one address and the thread that asks them."""

    def __init__(
        self, address: Address, pollers: Mapping[str, DevicePoller], answers: SimpleQueue[_Answer]
    ) -> None:
        self.jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._pollers = pollers
        self._answers = answers
        self._is_closing = threading.Event()
        self.thread = threading.Thread(
            target=self._work, name=f"bus {address[0]}:{address[1]}", daemon=True
        )
        self.thread.start()

    def interrupt(self) -> None:
        """Ask the thread to end, and end what it waits for."""
        self._is_closing.set()
        self.jobs.put(None)
        for poller in self._pollers.values():
            poller.close()

    def _work(self) -> None:
        while (job := self.jobs.get()) is not None and not self._is_closing.is_set():
            self._answers.put(_Answer(job.name, self._reading(job)))

    def _reading(self, job: _Job) -> Reading | None:
        poller = self._pollers[job.name]
        try:
            return poller.poll(job.at)
        except Exception:
            if not self._is_closing.is_set():
                poller.failures += 1
                log.exception("polling %s: this reading is lost", job.name)
            return None


class Buses:
    """All devices of the gateway. Its methods belong to one thread, the pollers to the buses'."""

    def __init__(self, pollers: Mapping[str, tuple[Address, DevicePoller]]) -> None:
        """Start a thread for each address; nothing is asked yet.

        Args:
            pollers: by name of the device: where it is, and what polls it.
        """
        self._answers: SimpleQueue[_Answer] = SimpleQueue()
        self._busy: set[str] = set()
        by_address: dict[Address, dict[str, DevicePoller]] = {}
        for name, (address, poller) in pollers.items():
            by_address.setdefault(address, {})[name] = poller
        self._bus_of: dict[str, _Bus] = {}
        self._buses: list[_Bus] = []
        for address, there in by_address.items():
            bus = _Bus(address, there, self._answers)
            self._buses.append(bus)
            self._bus_of |= dict.fromkeys(there, bus)

    @property
    def busy(self) -> frozenset[str]:
        """Return the names of the devices whose reading has been asked for and not collected."""
        return frozenset(self._busy)

    def start(self, at: int) -> None:
        """Ask every idle device for its reading of the instant `at`.

        A device that is still busy with an earlier instant has no reading for this one.
        """
        for name, bus in self._bus_of.items():
            if name not in self._busy:
                self._busy.add(name)
                bus.jobs.put(_Job(name, at))

    def collect(self, timeout_s: float) -> list[tuple[str, Reading]]:
        """Return the readings that are finished, in the order in which they came.

        It waits until every device that was asked has answered, at most `timeout_s`. What comes
        later is returned by the next call. A device without a reading is left out.
        """
        until = time.monotonic() + timeout_s
        found: list[tuple[str, Reading]] = []
        with suppress(Empty):
            while self._busy:
                left_s = until - time.monotonic()
                answer = self._answers.get(block=left_s > 0, timeout=max(left_s, 0))
                self._busy.discard(answer.name)
                if answer.reading is not None:
                    found.append((answer.name, answer.reading))
        return found

    def close(self) -> None:
        """End the threads and let go of all connections, also of those that hang."""
        until = time.monotonic() + CLOSE_WITHIN_S
        threads = [bus.thread for bus in self._buses]
        while True:
            for bus in self._buses:
                bus.interrupt()
            waiting = [thread for thread in threads if thread.is_alive()]
            if not waiting or time.monotonic() >= until:
                return
            waiting[0].join(LOOK_AGAIN_S)
