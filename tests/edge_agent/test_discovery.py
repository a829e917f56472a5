"""Devices on addresses 127.0.0.x of this machine, which is the network that is searched."""

import socket
import struct
import threading
import time
from contextlib import ExitStack
from ipaddress import IPv4Network

import pytest

from edge_agent.discovery import (
    PRIVATE,
    SEARCH_AGAIN_AFTER_S,
    Finder,
    Follower,
    Wanted,
    addresses,
)
from edge_agent.discovery import (
    wanted as wanted_of,
)
from edge_agent.modbus import Registers
from edge_agent.profiles.file import load
from edge_agent.settings import DeviceSettings
from edge_agent.simulator.image import Image
from edge_agent.source import IllegalAddress

HOME = (IPv4Network("127.0.0.0/8"),)
pytestmark = pytest.mark.allow_hosts([f"127.0.0.{number}" for number in range(1, 16)])


def words(text: str, size: int) -> tuple[int, ...]:
    return struct.unpack(f">{size}H", text.encode().ljust(2 * size, b"\0"))


def sunspec(serial: str, unit: int = 1, base: int = 40000) -> Image:
    common = (1, 66, *words("maker", 48), *words(serial, 16), 1, 0)
    return Image(unit, ((base, (0x5375, 0x6E53, *common, 0xFFFF, 0)),))


def reply(image: Image, unit: int, function: int, address: int, count: int) -> bytes:
    try:
        found = image.read(unit, address, count)
    except IllegalAddress:
        return bytes((function | 0x80, 2))
    return bytes((function, 2 * count)) + struct.pack(f">{count}H", *found)


class Street:
    """Devices at addresses of their own, all at one port."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[str] = []
        self.connected: list[str] = []
        self._listeners: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def put(self, host: str, *images: Image) -> None:
        listener = socket.create_server((host, self.port))
        self.port = listener.getsockname()[1]
        self._listeners.append(listener)
        self._start(self._accept, listener, host, images)

    def stop(self) -> None:
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def _start(self, target, *arguments) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener, host, images) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connected.append(host)
            self._start(self._serve, connection, host, images)

    def _serve(self, connection, host, images) -> None:
        with connection:
            connection.settimeout(5)
            while len(frame := connection.recv(12)) == 12:
                self.asked.append(host)
                tid, _, _, unit = struct.unpack(">HHHB", frame[:7])
                image = next((image for image in images if image.unit == unit), None)
                if image is None:
                    continue
                body = reply(image, unit, *struct.unpack(">BHH", frame[7:]))
                connection.sendall(struct.pack(">HHHB", tid, 0, len(body) + 1, unit) + body)


@pytest.fixture
def ends():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def street(ends):
    made = Street()
    ends.callback(made.stop)
    return made


class Now:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def now():
    return Now()


@pytest.fixture
def finder(now):
    return Finder(
        lambda host, port: Registers(host, port, 0.1),
        monotonic=now,
        within=HOME,
        prefix=28,
        per_s=1000,
    )


def wanted(street, **changes) -> Wanted:
    entries = {"name": "roof", "host": "127.0.0.4", "port": street.port, "serial": "SN-1"}
    return Wanted(**(entries | changes))


def test_a_device_is_found_at_its_new_address(street, finder):
    street.put("127.0.0.9", sunspec("SN-1"))
    assert finder.find(wanted(street), []) == "127.0.0.9"


def test_the_nearest_addresses_are_asked_first_and_others_pass(street, finder):
    street.put("127.0.0.5", sunspec("SN-2"))
    street.put("127.0.0.7", sunspec("SN-1", base=0))
    street.put("127.0.0.12", sunspec("SN-3"))
    assert finder.find(wanted(street), []) == "127.0.0.7"
    assert set(street.connected) == {"127.0.0.5", "127.0.0.7"}


@pytest.mark.parametrize("unit", [1, 3, 126])
def test_the_usual_units_are_tried(street, finder, unit):
    street.put("127.0.0.3", sunspec("SN-1", unit=unit))
    assert finder.find(wanted(street), []) == "127.0.0.3"


def test_a_device_of_a_profile_is_found_by_its_register(street, finder):
    profile = load("goodwe_et")
    street.put("127.0.0.5", sunspec("SN-1"))
    street.put("127.0.0.6", Image(247, ((35003, words("SN-1", 8)),)))
    found = finder.find(wanted(street, profile=profile), [])
    assert found == "127.0.0.6"


def test_what_is_looked_for_is_as_the_settings_say():
    device = DeviceSettings("b", "192.168.1.9", 1502, 7, serial="SN-1", profile="goodwe_et")
    found = wanted_of(device)
    assert found[:5] == ("b", "192.168.1.9", 1502, "SN-1", 7)
    assert found.profile == load("goodwe_et")
    assert wanted_of(DeviceSettings("a", "192.168.1.8")).profile is None


def test_what_has_moved_away_is_not_found(street, finder):
    street.put("127.0.0.5", sunspec("SN-2"))
    assert finder.find(wanted(street), []) is None


def test_a_device_without_a_serial_number_is_never_looked_for(street, finder):
    street.put("127.0.0.5", sunspec(""))
    assert finder.find(wanted(street, serial=""), []) is None
    assert street.connected == []


@pytest.mark.parametrize("host", ["inverter.local", "8.8.8.8", "192.168.1.5", "", "::1"])
def test_a_name_or_an_address_elsewhere_is_not_searched_around(street, finder, host):
    street.put("127.0.0.5", sunspec("SN-1"))
    assert finder.find(wanted(street, host=host), []) is None
    assert street.connected == []


@pytest.mark.parametrize(
    ("host", "count"),
    [
        ("192.168.1.20", 254),
        ("10.1.2.3", 254),
        ("172.31.0.9", 254),
        ("172.32.0.9", 0),
        ("8.8.8.8", 0),
        ("127.0.0.1", 0),
        ("169.254.1.1", 0),
        ("gateway", 0),
    ],
)
def test_only_the_networks_of_homes_are_searched(host, count):
    found = list(addresses(host, prefix=24, within=PRIVATE))
    assert len(found) == len(set(found)) == count
    assert found[:1] == [host] * bool(count)
    assert all(one.rsplit(".", 1)[0] == host.rsplit(".", 1)[0] for one in found)


def test_the_address_of_another_device_is_left_alone(street, finder):
    street.put("127.0.0.5", sunspec("SN-1"))
    assert finder.find(wanted(street), [("127.0.0.5", street.port, None)]) is None
    assert street.connected == []


@pytest.mark.parametrize(
    ("own", "other", "is_found"),
    [(1, 2, True), (1, 1, False), (None, 2, False), (1, None, False)],
)
def test_two_units_may_share_an_address(street, finder, own, other, is_found):
    street.put("127.0.0.5", sunspec("SN-1"))
    found = finder.find(wanted(street, unit=own), [("127.0.0.5", street.port, other)])
    assert found == ("127.0.0.5" if is_found else None)


def test_a_search_is_not_repeated_within_an_hour(street, finder, now):
    street.put("127.0.0.5", sunspec("SN-1"))
    assert finder.find(wanted(street), []) == "127.0.0.5"
    now.at += SEARCH_AGAIN_AFTER_S - 1
    assert finder.find(wanted(street), []) is None
    assert finder.find(wanted(street, name="other", serial="SN-9"), []) is None
    now.at += 1
    assert finder.find(wanted(street), []) == "127.0.0.5"


def test_addresses_are_asked_slowly(street, now):
    street.put("127.0.0.14", sunspec("SN-1"))
    slow = Finder(
        lambda host, port: Registers(host, port, 0.1),
        monotonic=now,
        within=HOME,
        prefix=28,
        per_s=50,
    )
    begun = time.monotonic()
    assert slow.find(wanted(street, host="127.0.0.1"), []) == "127.0.0.14"
    assert time.monotonic() - begun >= 14 / 50


def test_a_web_server_at_the_port_is_no_device(street, finder, ends):
    street.put("127.0.0.9", sunspec("SN-1"))
    other = ends.enter_context(socket.create_server(("127.0.0.5", street.port)))

    def serve():
        while True:
            try:
                connection, _ = other.accept()
            except OSError:
                return
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    assert finder.find(wanted(street), []) == "127.0.0.9"
    other.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    assert not thread.is_alive()


def until(happens):
    for _ in range(1000):
        if found := happens():
            return found
        time.sleep(0.01)
    raise AssertionError("it does not happen")


def test_a_follower_searches_beside_everything_else(street, finder, ends):
    street.put("127.0.0.5", sunspec("SN-1"))
    street.put("127.0.0.6", sunspec("SN-2"))
    follower = Follower(finder)
    ends.callback(follower.close)
    assert follower.found() == []
    for name, serial in (("roof", "SN-1"), ("roof", "SN-1"), ("barn", "SN-2")):
        follower.seek(wanted(street, name=name, serial=serial), [])
    assert until(follower.found) == [("roof", "127.0.0.5")]
    assert until(follower.found) == [("barn", "127.0.0.6")]
    assert follower.found() == []


def test_closing_ends_a_search(street, ends):
    street.put("127.0.0.14", sunspec("SN-1"))
    slow = Finder(
        lambda host, port: Registers(host, port, 0.1),
        monotonic=Now(),
        within=HOME,
        prefix=24,
        per_s=0.01,
    )
    follower = Follower(slow)
    follower.seek(wanted(street), [])
    follower.close()
    assert "follower" not in {thread.name for thread in threading.enumerate()}
    assert follower.found() == []
    Follower(slow).close()
