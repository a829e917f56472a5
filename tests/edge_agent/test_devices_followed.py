"""A device whose address changes is looked for by its serial number, and read on where it is."""

import asyncio
import json
import socket
import time
from ipaddress import IPv4Network

import pytest
from real_broker import until

from cloud.telemetry.chunk import decode
from edge_agent.agent import Agent
from edge_agent.dictionary import QUALITY_OK, QUALITY_UNREACHABLE
from edge_agent.discovery import SILENT_BEFORE_SEARCH_S, Finder
from edge_agent.settings import DeviceSettings
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.server import Connection, Misbehaviour, Port, Server

DAY = 1781938800
NOON = DAY + 12 * 3600
HOME = (IPv4Network("127.0.0.0/8"),)
HOSTS = [f"127.0.0.{number}" for number in range(1, 16)]
pytestmark = pytest.mark.allow_hosts(HOSTS)


def house(serial):
    return House(HouseSpec(serial), Curve(serial, DAY))


class Network(Server):
    """A home's network: houses at addresses of their own, all at one port, which change places."""

    def __init__(self, clock):
        super().__init__(clock)
        self._now = clock
        self.number = 0
        self._listeners = {}

    def put(self, host, home):
        port = Port(home, self._now)
        listener = socket.create_server((host, self.number))
        self.number = port.number = listener.getsockname()[1]

        async def listen():
            server = await self._loop.create_server(
                lambda: Connection(port, self._connections), sock=listener
            )
            self._listeners[host] = (server, port)

        self._in_loop(listen())
        return port

    def take_away(self, host):
        server, port = self._listeners.pop(host)

        async def close():
            server.close()
            for connection in tuple(self._connections):
                if connection._port is port:
                    connection.drop()

        self._in_loop(close())

    def stop(self):
        for host in tuple(self._listeners):
            self.take_away(host)
        super().stop()

    def _in_loop(self, work):
        asyncio.run_coroutine_threadsafe(work, self._loop).result(5)


@pytest.fixture
def network(clock):
    clock.at = NOON
    with Network(lambda: clock.at) as running:
        yield running


@pytest.fixture
def agent_of(broker, clock, settings_of):
    made = []

    def make(network, *devices, boot="5f"):
        settings = settings_of(broker.port, devices=devices, poll_s=60, window_s=900)
        finder_of = lambda: Finder(  # noqa: E731
            monotonic=clock.monotonic, within=HOME, prefix=28, per_s=1000
        )
        made.append(Agent(settings, clock=clock, boot_id=boot, finder_of=finder_of))
        return made[-1]

    yield make
    for agent in made:
        agent.close()


def device(network, name, host, serial=""):
    return DeviceSettings(name, host, network.number, timeout_s=0.3, serial=serial)


def settle(agent):
    until(lambda: agent.turn() and not agent._devices.is_busy() and not agent._uplink.under_way())


def run(agent, clock, until_at):
    while clock.at < until_at:
        clock.at += 60
        settle(agent)


def samples(broker):
    found = {}
    for payload in broker.of("/chunk"):
        chunk = decode(payload)
        for section in chunk.devices:
            for row, quality in enumerate(section.quality):
                if quality is not None:
                    at = chunk.t0 + row * chunk.dt
                    found[section.serial, at] = (quality, section.columns["WH"][row])
    return found


def last_health(broker):
    return max((decode(payload) for payload in broker.of("/chunk")), key=lambda c: c.seq).health


def moved(agent, name):
    return agent._devices._devices[name].now_at


def search_is_over(agent):
    return not agent._devices._follower._searched and not agent._devices._found


def test_a_device_that_moved_is_found_and_nobody_else_is_taken_for_it(
    network, broker, clock, agent_of
):
    """SN-1 moves from .5 to .9, and SN-3, which nobody asked for, gets the address .5."""
    homes = {serial: house(serial) for serial in ("SN-1", "SN-2", "SN-3")}
    network.put("127.0.0.5", homes["SN-1"])
    other = network.put("127.0.0.7", homes["SN-2"])
    agent = agent_of(
        network,
        device(network, "roof", "127.0.0.5", "SN-1"),
        device(network, "barn", "127.0.0.7"),
    )
    settle(agent)
    run(agent, clock, NOON + 600)
    network.take_away("127.0.0.5")
    network.put("127.0.0.5", homes["SN-3"])
    network.put("127.0.0.9", homes["SN-1"])
    gone_at = clock.at
    run(agent, clock, gone_at + SILENT_BEFORE_SEARCH_S)
    assert moved(agent, "roof") == "127.0.0.5"
    asked = other.requests
    clock.at += 60
    settle(agent)
    assert other.requests - asked <= 3, "the search leaves the others alone"
    until(lambda: agent.turn() and moved(agent, "roof") == "127.0.0.9")
    back_at = clock.at
    run(agent, clock, NOON + 3 * 900 + 120)

    told = samples(broker)
    assert {serial for serial, _ in told} == {"SN-1", "SN-2"}, "SN-3 is nobody's"
    for (serial, at), (quality, counter) in told.items():
        is_away = serial == "SN-1" and gone_at < at <= back_at
        assert quality == (QUALITY_UNREACHABLE if is_away else QUALITY_OK), (serial, at - NOON)
        assert counter == (None if is_away else homes[serial].energy_wh(at))
    instants = range(NOON, NOON + 3 * 900, 60)
    assert set(told) == {(serial, at) for serial in ("SN-1", "SN-2") for at in instants}
    assert last_health(broker)["moved_1"] == "127.0.0.9"
    assert "why_1" not in last_health(broker)
    events = [json.loads(event) for event in broker.of("/event")]
    assert [(event["sn"], event["from"], event["to"]) for event in events] == [
        ("SN-1", 0, 2),
        ("SN-1", 2, 0),
    ]


def test_where_a_device_was_followed_to_outlives_a_restart(network, broker, clock, agent_of):
    home = house("SN-1")
    network.put("127.0.0.5", home)
    roof = device(network, "roof", "127.0.0.5", "SN-1")
    first = agent_of(network, roof, boot="a")
    settle(first)
    network.take_away("127.0.0.5")
    network.put("127.0.0.3", home)
    run(first, clock, NOON + SILENT_BEFORE_SEARCH_S + 120)
    until(lambda: first.turn() and moved(first, "roof") == "127.0.0.3")
    run(first, clock, clock.at + 120)
    first.close()
    clock.at += 60
    second = agent_of(network, roof, boot="b")
    assert moved(second, "roof") == "127.0.0.3"
    settle(second)
    assert second._devices.silent() == 0
    second.close()
    # The owner writes another address into the file: that one counts.
    third = agent_of(network, device(network, "roof", "127.0.0.8", "SN-1"), boot="c")
    assert moved(third, "roof") == "127.0.0.8"
    # And back at its own it is not "moved".
    network.take_away("127.0.0.3")


def test_a_device_that_comes_home_is_not_moved_any_more(network, broker, clock, agent_of):
    home = house("SN-1")
    network.put("127.0.0.5", home)
    agent = agent_of(network, device(network, "roof", "127.0.0.5", "SN-1"))
    settle(agent)
    for here, there in (("127.0.0.5", "127.0.0.3"), ("127.0.0.3", "127.0.0.5")):
        network.take_away(here)
        network.put(there, home)
        run(agent, clock, clock.at + 5 * 900)
        until(lambda host=there: agent.turn() and moved(agent, "roof") == host)
    run(agent, clock, clock.at + 2 * 900)
    assert agent._devices.silent() == 0
    assert "moved_1" not in last_health(broker)


def test_moving_one_device_loses_no_reading_of_another(network, broker, clock, agent_of):
    """It is found while the other is just being asked."""
    homes = [house("SN-1"), house("SN-2")]
    network.put("127.0.0.5", homes[0])
    other = network.put("127.0.0.7", homes[1])
    agent = agent_of(
        network,
        device(network, "roof", "127.0.0.5", "SN-1"),
        DeviceSettings("barn", "127.0.0.7", network.number, timeout_s=2.0),
    )
    settle(agent)
    network.take_away("127.0.0.5")
    network.put("127.0.0.3", homes[0])
    run(agent, clock, NOON + SILENT_BEFORE_SEARCH_S)
    other.misbehaviour, other.pace = Misbehaviour.SLOW, 0.4
    clock.at += 60
    deadline = time.monotonic() + 5
    while moved(agent, "roof") == "127.0.0.5" and time.monotonic() < deadline:
        agent.turn()
        time.sleep(0.01)
    assert moved(agent, "roof") == "127.0.0.3"
    other.misbehaviour = Misbehaviour.NONE
    settle(agent)
    run(agent, clock, NOON + 2 * 900 + 120)
    told = samples(broker)
    assert [at for at in range(NOON, NOON + 2 * 900, 60) if ("SN-2", at) not in told] == []


def test_of_two_devices_with_one_serial_number_the_first_is_read(network, broker, clock, agent_of):
    """A maker who gives all devices one number, or a device that stands in the settings twice."""
    other = House(HouseSpec("SN-1", counted_wh=5_000_000), Curve("SN-1", DAY))
    homes = [house("SN-1"), other]
    for number, home in enumerate(homes, 5):
        network.put(f"127.0.0.{number}", home)
    agent = agent_of(
        network,
        device(network, "roof", "127.0.0.5"),
        device(network, "barn", "127.0.0.6"),
    )
    settle(agent)
    run(agent, clock, NOON + 3 * 900)
    assert agent._devices.silent() == 1
    told = agent._devices.health()
    assert [one.why for one in told] == ["", "another device has this serial number"]
    rows = samples(broker)
    # Which of them is asked first, nobody knows before both have said who they are.
    instants = range(NOON + 60, NOON + 2 * 900, 60)
    assert [rows["SN-1", at] for at in instants] == [
        (QUALITY_OK, homes[0].energy_wh(at)) for at in instants
    ]
    assert last_health(broker)["why_2"] == "another device has this serial number"
    assert last_health(broker)["silent"] == 1
