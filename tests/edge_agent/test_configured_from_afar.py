"""The cloud changes what a gateway polls, over a real broker: kept when it works, else undone."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from real_broker import IS_HERE, Cloud, RealBroker, until

from cloud.telemetry.chunk import decode
from edge_agent.agent import Agent
from edge_agent.remote import TRIAL_S, state_path
from edge_agent.settings import DeviceSettings
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.server import Misbehaviour, Server

pytestmark = pytest.mark.skipif(not IS_HERE, reason="mosquitto is not installed")

DAY = 1781938800
NOON = DAY + 12 * 3600
GW = "gw-0001"
ROOT = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("scripted_gateway.py")


def house(serial):
    return House(HouseSpec(serial), Curve(serial, DAY))


@pytest.fixture
def server(clock):
    clock.at = NOON
    with Server(lambda: clock.at) as running:
        yield running


@pytest.fixture
def real(tmp_path, papers):
    made = RealBroker(tmp_path / "broker", papers)
    yield made
    made.stop(signal.SIGKILL)


@pytest.fixture
def came():
    return []


@pytest.fixture
def cloud(real, came):
    made = Cloud(real, lambda topic, payload: came.append((topic, payload)))
    yield made
    made.close()


@pytest.fixture
def agent_of(real, clock, settings_of):
    made = []

    def make(*devices, boot="5f"):
        settings = settings_of(
            1, broker=real.settings_of(GW), devices=devices, poll_s=60, window_s=900
        )
        made.append(Agent(settings, clock=clock, boot_id=boot))
        return made[-1]

    yield make
    for agent in made:
        agent.close()


def entry(name, port, **more):
    return {"name": name, "host": "127.0.0.1", "port": port.number, "timeout_s": 2.0, **more}


def device(name, port):
    return DeviceSettings(**entry(name, port))


def configure(name, **changes):
    message = {"v": 1, "do": "configure", "id": name, "set": changes}
    return json.dumps(message, separators=(",", ":")).encode()


def settle(agent):
    def is_quiet():
        agent.turn()
        uplink = agent._uplink
        return not (agent._devices.is_busy() or uplink.under_way() or uplink.is_connecting())

    until(is_quiet)


def listening(agent):
    settle(agent)
    until(lambda: agent.turn() and agent._uplink.is_listening())


def run(agent, clock, until_at, step=60):
    while clock.at < until_at:
        clock.at += step
        settle(agent)


def chunks(came):
    return {
        chunk.seq: chunk
        for topic, payload in tuple(came)
        if topic.endswith("/chunk")
        for chunk in (decode(payload),)
    }


def all_came(agent, came):
    until(lambda: agent.turn() and len(chunks(came)) == agent.outbox.counts()["last_seq"])


def newest_health(came):
    found = chunks(came)
    return found[max(found)].health


def test_a_change_comes_into_force_and_says_so(server, cloud, came, clock, agent_of):
    """Another window, another pace, another device; in the middle of a window, and none is lost."""
    homes = {serial: house(serial) for serial in ("SN-1", "SN-2")}
    ports = {serial: server.add(home) for serial, home in homes.items()}
    agent = agent_of(device("roof", ports["SN-1"]))
    listening(agent)
    before = agent.settings
    run(agent, clock, NOON + 7 * 60)
    ports["SN-1"].misbehaviour, ports["SN-1"].pace = Misbehaviour.SLOW, 0.1
    clock.at = NOON + 8 * 60
    agent.turn()  # the slow device is being asked when the command comes
    devices = [entry("roof", ports["SN-1"]), entry("barn", ports["SN-2"])]
    cloud.command(GW, configure("CF-1", poll_s=30, window_s=300, device=devices))
    until(lambda: agent.turn() and agent._remote.is_trying)
    ports["SN-1"].misbehaviour = Misbehaviour.NONE
    until(lambda: agent.turn() and not agent._remote.is_trying)
    assert (agent.settings.poll_s, agent.settings.window_s) == (30, 300)
    assert [one.name for one in agent.settings.devices] == ["roof", "barn"]
    assert agent.settings.broker == before.broker
    assert agent.settings.outbox == before.outbox
    changed_at = clock.at
    run(agent, clock, NOON + 20 * 60 + 30, step=30)
    all_came(agent, came)
    assert newest_health(came)["cfg"] == "CF-1"
    assert "cfg_try" not in newest_health(came)
    told = Counter()
    for chunk in chunks(came).values():
        for section in chunk.devices:
            for row, quality in enumerate(section.quality):
                at = chunk.t0 + row * chunk.dt
                if quality is not None:
                    told[section.serial, at] += 1
                    assert section.columns["WH"][row] == homes[section.serial].energy_wh(at)
    roof = [*range(NOON, changed_at, 60), *range(changed_at, NOON + 1200, 30)]
    barn = range(changed_at + 30, NOON + 1200, 30)
    assert set(told) == {("SN-1", at) for at in roof} | {("SN-2", at) for at in barn}
    assert set(told.values()) == {1}, "no instant is told twice"


def test_going_back_to_fewer_readings_tells_no_instant_twice(server, cloud, came, clock, agent_of):
    home = house("SN-1")
    agent = agent_of(device("roof", server.add(home)))
    listening(agent)
    for number, (poll_s, minutes) in enumerate([(20, 7), (180, 20), (60, 31), (300, 46)]):
        run(agent, clock, NOON + minutes * 60, step=20)
        clock.at += 7
        cloud.command(GW, configure(f"CF-{number}", poll_s=poll_s))
        until(lambda poll_s=poll_s: agent.turn() and agent.settings.poll_s == poll_s)
        settle(agent)
        clock.at += 13
    run(agent, clock, NOON + 62 * 60, step=20)
    all_came(agent, came)
    told = Counter(
        chunk.t0 + row * chunk.dt
        for chunk in chunks(came).values()
        for section in chunk.devices
        for row, quality in enumerate(section.quality)
        if quality is not None
    )
    assert set(told.values()) == {1}
    gaps = {after - before for before, after in pairwise(sorted(told))}
    assert max(gaps) <= 300
    assert min(told) == NOON


def test_a_bad_one_is_refused_and_changes_nothing(server, cloud, came, clock, agent_of):
    agent = agent_of(device("roof", server.add(house("SN-1"))))
    listening(agent)
    before = agent.settings
    cloud.command(GW, configure("CF-1", window_s=7))
    cloud.command(GW, configure("CF-2", broker={"host": "evil.example"}))
    cloud.command(GW, b'{"v":1,"do":"format","id":"x"}')
    until(lambda: agent.turn() and agent._commands["refused"] >= 2)
    assert agent.settings == before
    run(agent, clock, NOON + 900 + 120)
    until(lambda: len(chunks(came)) == 1)
    health = newest_health(came)
    assert health["cfg_no"] == "CF-1"
    assert "window_s" in health["cfg_why"]
    assert health["refused"] == 2
    assert "cfg" not in health


def test_without_an_acknowledgement_the_devices_of_before_are_polled_again(
    server, cloud, came, clock, agent_of
):
    real = cloud.broker
    ports = [server.add(house(serial)) for serial in ("SN-1", "SN-2")]
    agent = agent_of(device("roof", ports[0]))
    listening(agent)
    run(agent, clock, NOON + 1200)
    until(lambda: len(chunks(came)) == 1)
    waiting = agent.outbox.counts()["kept_chunks"]
    cloud.command(GW, configure("CF-1", device=[entry("barn", ports[1])]))
    until(lambda: agent.turn() and agent._remote.is_trying)
    real._process.send_signal(signal.SIGSTOP)
    began = clock.at
    try:
        until(lambda: agent.turn() and ports[1].requests and not agent._devices.is_busy())
        while clock.at < began + TRIAL_S - 60:
            clock.at += 60
            until(lambda: agent.turn() and not agent._devices.is_busy())
        assert agent._remote.is_trying
        clock.at = began + TRIAL_S
        agent.turn()
        assert not agent._remote.is_trying
    finally:
        real._process.send_signal(signal.SIGCONT)
    until(lambda: agent.turn() and [one.name for one in agent.settings.devices] == ["roof"])
    asked = ports[0].requests
    run(agent, clock, began + TRIAL_S + 1200)
    assert ports[0].requests > asked
    assert agent.outbox.counts()["kept_chunks"] >= waiting, "the queue is not touched"
    until(lambda: agent.turn() and newest_health(came).get("cfg_no") == "CF-1")
    assert "10 minutes" in newest_health(came)["cfg_why"]


def test_a_long_pace_is_tried_at_once(server, cloud, clock, agent_of):
    """The next instant may be a day away, and a trial ends in ten minutes."""
    agent = agent_of(device("roof", server.add(house("SN-1"))))
    listening(agent)
    run(agent, clock, NOON + 300)
    clock.at += 17
    cloud.command(GW, configure("CF-1", poll_s=7200, window_s=14_400))
    until(lambda: agent.turn() and agent._remote.is_trying)
    until(lambda: agent.turn() and not agent._remote.is_trying)
    assert agent.settings.poll_s == 7200


def test_nothing_is_in_force_before_its_devices_were_asked(server, cloud, came, clock, agent_of):
    """Chunks of before may be acknowledged meanwhile; that says nothing of the new devices."""
    ports = [server.add(house(serial)) for serial in ("SN-1", "SN-2")]
    agent = agent_of(device("roof", ports[0]))
    listening(agent)
    ports[1].misbehaviour, ports[1].pace = Misbehaviour.SLOW, 0.6
    cloud.command(GW, configure("CF-1", device=[entry("barn", ports[1])]))
    until(lambda: agent.turn() and agent._remote.is_trying)
    for _ in range(3):
        agent.turn()
        agent._acknowledge(type(agent._sender.settle())(others=1))
    assert agent._remote.is_trying
    ports[1].misbehaviour = Misbehaviour.NONE
    until(lambda: agent.turn() and not agent._remote.is_trying)
    assert agent._remote.health()["cfg"] == "CF-1"
    assert came


def test_a_configuration_that_kills_the_agent_does_not_outlive_it(
    tmp_path, server, cloud, came, clock
):
    """It is killed while the new device keeps it waiting, twice; the third start goes back."""
    good, stuck = server.add(house("SN-1")), server.add(house("SN-2"))
    stuck.misbehaviour = Misbehaviour.SILENT
    broker = cloud.broker.settings_of(GW)
    path = tmp_path / "agent.toml"
    path.write_text(
        f'thing = "{GW}"\noutbox = "{tmp_path}/outbox.sqlite"\nwindow_s = 900\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {broker.port}\nca = "{broker.ca}"\n'
        f'cert = "{broker.cert}"\nkey = "{broker.key}"\n'
        f'[[device]]\nname = "roof"\nhost = "127.0.0.1"\nport = {good.number}\n'
    )
    state = state_path(tmp_path / "outbox.sqlite")

    def begin(boot):
        command = [sys.executable, str(CHILD), str(path), boot]
        return subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={"PYTHONPATH": str(ROOT)},
        )

    def tell(child):
        child.stdin.write(f"{clock.at} {clock.at - DAY} 1\n")
        child.stdin.flush()

    def kill(child):
        child.kill()
        child.wait(10)
        child.stdin.close()
        child.stdout.close()

    def trial():
        return json.loads(state.read_text())["trial"] if state.exists() else None

    def hear(child):
        assert child.stdout.readline().startswith("ok")

    child = begin("a")
    tell(child)
    hear(child)
    devices = [entry("roof", good), entry("barn", stuck, serial="SN-2") | {"timeout_s": 10.0}]
    cloud.command(GW, configure("CF-1", device=devices))
    while trial() is None:
        clock.at += 1
        tell(child)
        time.sleep(0.05)
    kill(child)
    assert trial()["starts"] == 0
    child = begin("b")
    tell(child)
    until(lambda: trial()["starts"] == 1)
    kill(child)
    child = begin("c")
    for clock.at in range(NOON + 60, NOON + 900 + 120, 60):
        tell(child)
        hear(child)
    kill(child)
    assert trial() is None
    until(lambda: chunks(came))
    health = newest_health(came)
    assert health["cfg_no"] == "CF-1"
    assert "twice" in health["cfg_why"]
    assert health["silent"] == 0, "the device that kept it waiting is gone"
