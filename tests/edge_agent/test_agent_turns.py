"""The agent's loop, turn by turn: real sockets, and a clock that is set by hand."""

import json
import resource
import time
from dataclasses import replace
from itertools import pairwise

import pytest
from real_broker import until

from cloud.telemetry.chunk import decode
from edge_agent.agent import LATE_READING_S, Agent
from edge_agent.operation.supervision import is_alive
from edge_agent.sending import spread_s
from edge_agent.settings import DeviceSettings
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.faults import inverter_fault
from edge_agent.simulator.house import APART_BATTERY, NO_SOCKETS, House, HouseSpec
from edge_agent.simulator.server import Misbehaviour, Server

DAY = 1781938800
"""A midnight in UTC-7."""
NOON = DAY + 12 * 3600
SPREAD_S = spread_s("gw-0001", 900)
WINDOW = {"poll_s": 60, "window_s": 900}


def house(serial="SN-1", *faults, **spec):
    return House(HouseSpec(serial, **spec), Curve(serial, DAY), faults)


@pytest.fixture
def server(clock):
    clock.at = NOON
    with Server(lambda: clock.at) as running:
        yield running


@pytest.fixture
def agent_of(settings_of, clock):
    made = []

    def make(broker_port, ports, boot="5f", **changes):
        made.append(Agent(settings_of(broker_port, ports, **changes), clock=clock, boot_id=boot))
        return made[-1]

    make.clock = clock
    yield make
    for agent in made:
        agent.close()


def settle(agent, *, with_broker=True, within_s=5.0):
    """Turn until nothing is under way; the clock stands."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        agent.turn()
        uplink = agent._uplink
        is_connecting = with_broker and uplink.is_connecting()
        if not (agent._devices.is_busy() or uplink.under_way() or is_connecting):
            return
        agent.wait(0.01)
    raise AssertionError("it did not settle")


def run(agent, clock, until_at, step=60.0):
    while clock.at < until_at:
        clock.at += step
        settle(agent)


def chunks_of(broker):
    return [decode(payload) for payload in broker.of("/chunk")]


def rows_of(chunks, serial="SN-1"):
    return {
        chunk.t0 + row * chunk.dt: {name: column[row] for name, column in device.columns.items()}
        for chunk in chunks
        for device in chunk.devices
        if device.serial == serial
        for row, quality in enumerate(device.quality)
        if quality is not None
    }


# ---------------------------------------------------------------------- instants
def test_every_instant_is_polled_although_each_is_met_by_one_turn_alone(
    broker, server, clock, agent_of
):
    """What was answered meanwhile is taken before the devices are asked anew."""
    agent = agent_of(broker.port, [server.add(house()).number], **WINDOW)
    for clock.at in range(NOON, NOON + 11 * 60, 60):
        agent.turn()
        time.sleep(0.05)
    settle(agent)
    run(agent, clock, NOON + 900 + 60)
    assert sorted(rows_of(chunks_of(broker))) == list(range(NOON, NOON + 900, 60))


@pytest.mark.parametrize(
    ("late_s", "first"),
    [(0, 0), (9, 0), (11, 60), (59, 60)],
    ids=["on time", "nine seconds late", "eleven seconds late", "just before the next"],
)
def test_a_start_keeps_nothing_of_an_instant_that_is_over(late_s, first, broker, server, agent_of):
    clock = agent_of.clock
    home = house()
    port = server.add(home)
    clock.at = NOON + late_s
    agent = agent_of(broker.port, [port.number], **WINDOW)
    settle(agent)
    assert port.requests > 0, "it is asked all the same"
    for clock.at in range(NOON + 60, NOON + 900 + 120, 60):
        settle(agent)
    rows = rows_of(chunks_of(broker))
    assert sorted(rows) == list(range(NOON + first, NOON + 900, 60))
    read_at = NOON + late_s if late_s < 10 else None
    assert rows.get(NOON, {}).get("WH") == (read_at and home.energy_wh(read_at))


def test_a_restart_in_the_middle_of_an_instant_leaves_its_reading_as_it_was(
    broker, server, clock, agent_of
):
    home = house()
    port = server.add(home)
    first = agent_of(broker.port, [port.number], "a", **WINDOW)
    settle(first)
    first.close()
    clock.at += 50
    second = agent_of(broker.port, [port.number], "b", **WINDOW)
    settle(second)
    for clock.at in range(NOON + 60, NOON + 900 + 120, 60):
        settle(second)
    rows = rows_of(chunks_of(broker))
    assert rows[NOON]["WH"] == home.energy_wh(NOON)
    assert len(rows) == 15


# ---------------------------------------------------------------------- sealing and sending
def test_a_chunk_leaves_at_its_own_moment(broker, server, clock, agent_of):
    agent = agent_of(broker.port, [server.add(house()).number], **WINDOW)
    settle(agent)
    run(agent, clock, NOON + 900)
    clock.at = NOON + 900 + SPREAD_S - 1
    settle(agent)
    assert broker.of("/chunk") == []
    clock.at += 1
    settle(agent)
    assert [chunk.t0 for chunk in chunks_of(broker)] == [NOON]


def test_events_leave_at_once(broker, server, clock, agent_of):
    home = house("SN-1", inverter_fault(NOON + 60, bit=7))
    agent = agent_of(broker.port, [server.add(home).number], **WINDOW)
    settle(agent)
    assert broker.of("/event") == []
    clock.at += 60
    settle(agent)
    told = [json.loads(event) for event in broker.of("/event")]
    assert [(event["at"], event["kind"]) for event in told] == [
        (NOON + 60, "state"),
        (NOON + 60, "alarm"),
    ]
    assert broker.of("/chunk") == []


def test_a_window_waits_for_a_slow_device_and_no_other_device_does(broker, server, clock, agent_of):
    homes = [server.add(house("SN-1")), server.add(house("SN-2"))]
    agent = agent_of(broker.port, [port.number for port in homes], **WINDOW)
    settle(agent)
    run(agent, clock, NOON + 13 * 60)
    homes[0].misbehaviour, homes[0].pace = Misbehaviour.SLOW, 0.15
    clock.at = NOON + 14 * 60
    agent.turn()
    until(lambda: agent.turn() and not broken(agent, "SN-2", NOON + 14 * 60), 1.0)
    assert agent._devices.is_busy(), "the slow one is still asked"
    clock.at = NOON + 15 * 60
    agent.turn()
    assert agent.outbox.depth() == 0, "the window is over, and a reading of it may come"
    settle(agent)
    assert agent.outbox.depth() == 1
    clock.at += SPREAD_S
    settle(agent)
    (chunk,) = chunks_of(broker)
    assert {device.serial: None in device.quality for device in chunk.devices} == {
        "SN-1": False,
        "SN-2": False,
    }


def broken(agent, serial, at):
    """Tell whether a reading is not on disk."""
    found = agent.outbox._read("SELECT 1 FROM readings WHERE serial = ? AND at = ?", (serial, at))
    return not found


def test_a_window_waits_a_minute_at_most_and_what_comes_later_follows(
    broker, server, clock, agent_of
):
    homes = [server.add(house("SN-1")), server.add(house("SN-2"))]
    agent = agent_of(broker.port, [port.number for port in homes], **WINDOW)
    settle(agent)
    run(agent, clock, NOON + 13 * 60)
    homes[0].misbehaviour, homes[0].pace = Misbehaviour.SLOW, 0.18
    clock.at = NOON + 14 * 60
    agent.turn()
    until(lambda: agent.turn() and not broken(agent, "SN-2", NOON + 14 * 60), 1.0)
    clock.at = NOON + 15 * 60 + LATE_READING_S - 1
    agent.turn()
    assert agent.outbox.depth() == 0
    clock.at += 1
    agent.turn()
    assert agent.outbox.depth() == 1, "sealed without the slow one"
    homes[0].misbehaviour = Misbehaviour.NONE
    settle(agent)
    until(lambda: agent.turn() and len(chunks_of(broker)) == 2)
    rows = rows_of(chunks_of(broker))
    assert sorted(at for at in rows if at < NOON + 900) == list(range(NOON, NOON + 900, 60))


def test_a_window_that_the_disk_refused_is_sealed_when_there_is_room(
    broker, server, clock, agent_of
):
    agent = agent_of(broker.port, [server.add(house()).number], **WINDOW)
    settle(agent)
    run(agent, clock, NOON + 14 * 60)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        clock.at = NOON + 15 * 60
        settle(agent)
        in_memory, sealed = agent.outbox.ram, agent.outbox.depth()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (in_memory, sealed) == (1, 0)
    agent.turn()
    assert agent.outbox.ram == 0
    assert agent.outbox.depth() == 1, "not only after the next window"


# ---------------------------------------------------------------------- the clock
def test_readings_on_their_way_while_the_clock_is_set(broker, server, clock, agent_of):
    """What was read with a clock from 1970, or is just being read, gets its true instant."""
    true_start = NOON
    homes = [house("SN-1"), house("SN-2")]
    started = clock.at
    with Server(lambda: true_start + clock.monotonic() - started) as truly:
        ports = [truly.add(home) for home in homes]
        clock.at, clock.has_server = 0.0, False
        clock.jumped = clock.at - started
        assert clock.monotonic() == started
        agent = agent_of(broker.port, [port.number for port in ports], **WINDOW)
        settle(agent)
        run(agent, clock, 120)
        ports[1].misbehaviour, ports[1].pace = Misbehaviour.SLOW, 0.1
        clock.at += 60
        agent.turn()
        time.sleep(0.1)  # SN-1 has answered, and nobody has looked; SN-2 is still asked
        clock.jump(true_start)
        clock.has_server = True
        settle(agent)
        ports[1].misbehaviour = Misbehaviour.NONE
        run(agent, clock, NOON + 900 + 60)
    chunks = chunks_of(broker)
    assert {chunk.clock for chunk in chunks} == {1}
    for home in homes:
        rows = rows_of(chunks, home.spec.serial)
        assert sorted(rows) == list(range(NOON, NOON + 900, 60)), home.spec.serial
    rows = rows_of(chunks, "SN-1")
    assert {at: row["WH"] for at, row in rows.items()} == {
        at: homes[0].energy_wh(at) for at in rows
    }


def test_the_modules_behind_a_battery_survive_a_clock_that_is_set(broker, server, clock, agent_of):
    """The inverter answers before the clock is set, its battery after; they belong together."""
    spec = {"battery": APART_BATTERY, "is_hybrid": True, "sockets": NO_SOCKETS}
    port = server.add(house("SN-1", **spec))
    roof = DeviceSettings("roof", "127.0.0.1", port.number, timeout_s=2.0)
    battery = replace(roof, name="battery", profile="solaredge_battery", dc_of="roof")
    clock.at, clock.has_server = NOON + 7.0, False
    agent = agent_of(broker.port, [], devices=(roof, battery), **WINDOW)
    for clock.at in (NOON + 60, NOON + 120, NOON + 180):
        settle(agent)
    port.misbehaviour, port.pace = Misbehaviour.SLOW, 0.1
    clock.at = NOON + 240
    agent.turn()
    until(lambda: agent.turn() and agent._devices._waiting, 3.0)
    clock.jump(3600)
    clock.has_server = True
    settle(agent)
    port.misbehaviour = Misbehaviour.NONE
    run(agent, clock, NOON + 3600 + 900 + 60)
    rows = rows_of(chunks_of(broker))
    assert sorted(rows) == list(range(NOON + 3660, NOON + 3600 + 900, 60))
    assert all(row["PvW"] is not None for row in rows.values())
    told = [rows[at]["PvWH"] for at in sorted(rows)]
    steps = [after - before for before, after in pairwise(told)]
    assert min(steps) > 0, "no step is lost where the clock was set"


def test_setting_the_clock_right_by_seconds_reads_nothing_twice(broker, server, clock, agent_of):
    """Most starts: the clock is right but for seconds, and the time server answers soon."""
    home = house()
    port = server.add(home)
    clock.has_server = False
    agent = agent_of(broker.port, [port.number], **WINDOW)
    settle(agent)
    asked = port.requests
    clock.at += 20
    clock.has_server = True
    settle(agent)
    clock.at += 1
    settle(agent)
    assert port.requests == asked
    for clock.at in range(NOON + 60, NOON + 900 + 120, 60):
        settle(agent)
    rows = rows_of(chunks_of(broker))
    assert rows[NOON]["WH"] == home.energy_wh(NOON)
    assert len(rows) == 15


# ---------------------------------------------------------------------- around it
def test_waking_ends_a_wait(broker, server, agent_of):
    agent = agent_of(broker.port, [server.add(house()).number], **WINDOW)
    settle(agent)
    agent.wait(0.2)
    agent.wake()
    began = time.monotonic()
    agent.wait(5.0)
    assert time.monotonic() - began < 1.0


def test_liveness_tells_of_a_loop_that_stands(broker, server, clock, agent_of):
    agent = agent_of(broker.port, [server.add(house()).number], **WINDOW)
    settle(agent)
    assert is_alive(agent.liveness())
    clock.at += 59
    assert is_alive(agent.liveness())
    clock.at += 1
    assert not is_alive(agent.liveness())
    settle(agent)
    assert is_alive(agent.liveness())


def test_no_turn_waits_for_a_dead_device_or_broker(server, clock, agent_of):
    dead = server.add(house("SN-1"))
    dead.misbehaviour = Misbehaviour.SILENT
    live = server.add(house("SN-2"))
    agent = agent_of(1, [dead.number, live.number], **WINDOW)
    longest = 0.0
    for clock.at in range(NOON, NOON + 600, 60):
        for _ in range(20):
            began = time.monotonic()
            agent.turn()
            longest = max(longest, time.monotonic() - began)
            agent.wait(0.01)
    assert longest < 0.25
    rows = agent.outbox._read("SELECT count(*) FROM readings WHERE serial = 'SN-2'")
    assert rows == [(10,)]
