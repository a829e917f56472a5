"""One dead device never delays another: real sockets, and no bound on wall-clock time."""

import socket
import threading
import time
from contextlib import ExitStack, suppress

import pytest

from edge_agent.bus import Buses
from edge_agent.modbus import Registers
from edge_agent.reading import Reading
from edge_agent.simulator.image import Image
from edge_agent.simulator.server import Server
from edge_agent.source import ReadFailed

HEALTHY = Image(1, ((0, tuple(range(50))),))
PATIENCE_S = 8.0
"""Far longer than any test waits for what is healthy."""
BLACK_HOLE_S = 2.5
"""Closing cannot end an attempt to connect, so the tests wait for it."""


class RegisterPoller:
    """Reads ten registers, in as many requests as it is told."""

    label = "test"

    def __init__(self, serial: str, source: Registers, requests: int = 1) -> None:
        self.serial = serial
        self.failures = 0
        self.polled: list[int] = []
        self._source = source
        self._requests = requests

    def poll(self, at: int) -> Reading:
        self.polled.append(at)
        try:
            for _ in range(self._requests):
                words = self._source.read(1, 10, 10)
        except ReadFailed:
            self.failures += 1
            return Reading(self.serial, at, 2, self.label)
        return Reading(self.serial, at, 0, self.label, {"W": words[0]})

    def close(self) -> None:
        self._source.close()


class Broken(RegisterPoller):
    def poll(self, at: int) -> Reading:
        self.polled.append(at)
        raise ZeroDivisionError("a defect of ours")


@pytest.fixture
def ends():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def healthy(ends):
    return ends.enter_context(Server(time.monotonic)).add(HEALTHY).number


@pytest.fixture
def silent(ends):
    """The port of a device that takes the connection and says nothing."""
    listener = ends.enter_context(socket.create_server(("127.0.0.1", 0), backlog=16))
    return listener.getsockname()[1]


@pytest.fixture
def black_hole(ends):
    """The port of a listener whose queue is full: the first packet of a connection gets lost."""
    listener = ends.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    for _ in range(4):
        filler = ends.enter_context(socket.socket())
        filler.setblocking(False)
        with suppress(BlockingIOError):
            filler.connect(("127.0.0.1", port))
    with socket.socket() as probe:
        probe.settimeout(0.3)
        with pytest.raises(TimeoutError):
            probe.connect(("127.0.0.1", port))
    return port


@pytest.fixture
def dribbling(ends):
    """The port of a device that sends one byte a second."""
    listener = ends.enter_context(socket.create_server(("127.0.0.1", 0)))
    stopping = threading.Event()

    def serve():
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(12)
                for byte in b"\0\1\0\0\0\x17\1\3\x14" + bytes(20):
                    connection.sendall(bytes((byte,)))
                    if stopping.wait(1):
                        return

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    stopping.set()
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    assert not thread.is_alive()


@pytest.fixture
def buses_of(ends):
    """Make buses out of `{name: (port, time-out)}`."""

    def make(devices, pollers=None):
        made = {}
        for name, (port, timeout_s) in devices.items():
            source = Registers("127.0.0.1", port, timeout_s)
            made[name] = (("127.0.0.1", port), RegisterPoller(name, source))
        made |= pollers or {}
        buses = Buses(made)
        ends.callback(buses.close)
        return buses, {name: poller for name, (_, poller) in made.items()}

    return make


def collect_until(buses, *names):
    """Collect until these have answered; return the readings of everybody who did by then."""
    found = {}
    while not set(names) <= set(found):
        found |= dict(buses.collect(0.02))
    return found


@pytest.mark.parametrize("kind", ["silent", "black_hole", "dribbling"])
def test_a_dead_device_does_not_delay_the_others(request, buses_of, healthy, kind):
    dead = request.getfixturevalue(kind)
    dead_s = BLACK_HOLE_S if kind == "black_hole" else PATIENCE_S
    buses, pollers = buses_of({"dead": (dead, dead_s), "roof": (healthy, PATIENCE_S)})
    for at in (60, 120, 180):
        buses.start(at)
        found = collect_until(buses, "roof")
        assert found == {"roof": Reading("roof", at, 0, "test", {"W": 10})}
        assert buses.busy == {"dead"}
    assert pollers["roof"].polled == [60, 120, 180]
    assert pollers["dead"].polled == [60]


def test_all_kinds_of_dead_devices_at_once(buses_of, healthy, silent, black_hole, dribbling):
    dead = {"a": silent, "b": black_hole, "c": dribbling}
    buses, _ = buses_of(
        {name: (port, BLACK_HOLE_S) for name, port in dead.items()} | {"z": (healthy, PATIENCE_S)}
    )
    buses.start(60)
    assert list(collect_until(buses, "z")) == ["z"]
    assert buses.busy == {"a", "b", "c"}


def test_a_late_reading_is_collected_later_with_its_own_instant(buses_of, healthy, silent):
    buses, pollers = buses_of({"slow": (silent, 0.4), "roof": (healthy, 1.0)})
    buses.start(60)
    first = collect_until(buses, "roof")
    assert set(first) == {"roof"}
    buses.start(120)
    later = collect_until(buses, "slow", "roof")
    assert later["slow"] == Reading("slow", 60, 2, "test")
    assert later["roof"].at == 120
    assert pollers["slow"].polled == [60]
    buses.start(180)
    assert collect_until(buses, "slow")["slow"].at == 180


def test_collecting_waits_for_all_that_were_asked(buses_of, healthy, silent):
    buses, _ = buses_of({"roof": (healthy, 1.0), "dead": (silent, 0.2)})
    buses.start(60)
    assert {name for name, _ in buses.collect(PATIENCE_S)} == {"roof", "dead"}
    assert buses.busy == frozenset()
    assert buses.collect(PATIENCE_S) == []


def test_collecting_without_patience_does_not_wait(buses_of, silent):
    buses, _ = buses_of({"dead": (silent, PATIENCE_S)})
    buses.start(60)
    assert buses.collect(0) == []
    assert buses.collect(-1) == []


def test_devices_at_one_address_are_asked_one_after_the_other(buses_of, healthy):
    line = Registers("127.0.0.1", healthy, 1.0)
    address = ("127.0.0.1", healthy)
    pollers = {
        name: (address, RegisterPoller(name, line.beside(timeout_s=1.0), requests=20))
        for name in ("a", "b", "c")
    }
    buses, _ = buses_of({}, pollers)
    buses.start(60)
    assert [name for name, _ in buses.collect(PATIENCE_S)] == ["a", "b", "c"]
    assert sum(thread.name.endswith(f":{healthy}") for thread in threading.enumerate()) == 1


def test_a_defect_in_one_poller_is_logged_and_the_others_go_on(buses_of, healthy, caplog):
    broken = Broken("broken", Registers("127.0.0.1", healthy, 1.0))
    buses, _ = buses_of({"roof": (healthy, 1.0)}, {"broken": (("127.0.0.1", healthy), broken)})
    for at in (60, 120):
        buses.start(at)
        assert [name for name, _ in buses.collect(PATIENCE_S)] == ["roof"]
    assert broken.polled == [60, 120]
    assert broken.failures == 2
    assert "polling broken" in caplog.text


@pytest.mark.parametrize("kind", ["silent", "dribbling"])
def test_closing_ends_a_read_that_hangs(request, buses_of, kind):
    buses, pollers = buses_of({"dead": (request.getfixturevalue(kind), 10.0)})
    buses.start(60)
    while not pollers["dead"].polled:
        time.sleep(0.01)
    buses.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("bus ")]


def test_closing_ends_after_the_time_out_of_a_connection_that_hangs(buses_of, black_hole):
    buses, _ = buses_of({"dead": (black_hole, 0.5)})
    buses.start(60)
    buses.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("bus ")]


def test_a_device_that_came_back_is_read_again(ends, buses_of):
    server = ends.enter_context(Server(time.monotonic))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    buses, _ = buses_of({"roof": (number, 0.5)})
    buses.start(60)
    assert buses.collect(PATIENCE_S) == [("roof", Reading("roof", 60, 2, "test"))]
    server.add(HEALTHY, number)
    buses.start(120)
    assert buses.collect(PATIENCE_S) == [("roof", Reading("roof", 120, 0, "test", {"W": 10}))]
