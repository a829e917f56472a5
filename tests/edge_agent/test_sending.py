"""What leaves when: new before old, old at a pace, and each gateway at a moment of its own."""

import time
from dataclasses import replace
from itertools import pairwise

import pytest
from real_broker import IS_HERE, RealBroker

from cloud.telemetry.chunk import decode
from edge_agent.agent import Agent
from edge_agent.backoff import drawn_from
from edge_agent.mqtt import Uplink
from edge_agent.queue.outbox import Outbox
from edge_agent.reading import Event, Reading, Window
from edge_agent.sending import Sender, Told, spread_s
from edge_agent.settings import BrokerSettings
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.server import Server

HOUR = 3600
NOW = 1782072000 - 1782072000 % HOUR
GW = "gw-0001"
LATER = NOW + spread_s(GW, HOUR)
"""When the window that ended at NOW leaves."""


@pytest.fixture
def outbox(tmp_path):
    made = Outbox(tmp_path / "queue.sqlite", boot="5f", gateway=GW)
    yield made
    made.close()


@pytest.fixture
def uplink_to():
    made = []

    def make(port):
        made.append(Uplink(BrokerSettings("127.0.0.1", port), thing=GW, status_topic="s/status"))
        return made[-1]

    yield make
    for uplink in made:
        uplink.close()


def fill(outbox, hours, until=NOW):
    """Let the outbox have a chunk of each of the hours before an instant."""
    for number in range(hours, 0, -1):
        t0 = until - number * HOUR
        outbox.append([Reading("SN-1", t0, 0, "1.103", {"WH": t0 - NOW + 10**6})])
        outbox.seal(before=t0 + HOUR, window_s=HOUR, head=Window(GW, "5f", 0, t0, 900, 0, 1))


def connected(sender):
    deadline = time.monotonic() + 5
    while not sender.connect(0.0):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def acknowledged(sender, outbox, count):
    """Take acknowledgements in until there are so many."""
    deadline = time.monotonic() + 5
    while count > 0:
        told = sender.settle()
        outbox.acknowledge(chunks=told.chunks, events=told.events, at=NOW)
        count -= len(told)
        assert time.monotonic() < deadline
        time.sleep(0.002)


def sent_at(sender, outbox, *, seconds, begin=0.0):
    """Return when each message left, by seconds from the first turn on."""
    found = []
    for turn in range(seconds):
        mono = begin + turn
        count = sender.send(LATER + mono, mono, hold=False)
        acknowledged(sender, outbox, count)
        found += [mono] * count
    return found


def hours_of(broker):
    return [(decode(payload).t0 - NOW) // HOUR for payload in broker.of("/chunk")]


@pytest.mark.parametrize("per_s", [0.2, 1.0, 5.0])
def test_what_is_old_begins_at_a_random_moment_and_keeps_its_pace(
    per_s, broker, outbox, uplink_to, settings_of
):
    fill(outbox, 40)
    settings = settings_of(1, backfill_per_s=per_s, backfill_within_s=100)
    sender = Sender(settings, outbox, uplink_to(broker.port), draw=lambda: 0.3)
    connected(sender)
    times = sent_at(sender, outbox, seconds=75)
    new, old = times[:2], times[2:]
    assert set(new) == {0.0}, "what is new does not wait"
    assert hours_of(broker) == list(range(-1, -1 - len(times), -1)), "newest first"
    assert 30.0 < old[0] <= 30.0 + max(1.0, 1 / per_s) + 1
    for second in range(30, 75):
        so_far = sum(30 < at <= second for at in old)
        assert so_far <= (second - 30) * per_s + 1
    assert len(old) >= min(38, int((75 - 32) * per_s))


def test_after_a_stop_it_goes_on_as_slowly_as_before(broker, outbox, uplink_to, settings_of):
    fill(outbox, 60)
    settings = settings_of(1, backfill_per_s=2.0, backfill_within_s=0)
    sender = Sender(settings, outbox, uplink_to(broker.port), draw=lambda: 0.0)
    connected(sender)
    sent_at(sender, outbox, seconds=5)
    count = sender.send(LATER + 65.0, 65.0, hold=False)
    assert count == 2, "a minute of silence is not made up for"
    acknowledged(sender, outbox, count)


def test_what_is_new_passes_by_what_is_old(broker, outbox, uplink_to, settings_of):
    fill(outbox, 50, until=NOW - 5 * HOUR)
    settings = settings_of(1, backfill_per_s=0.5, backfill_within_s=0)
    sender = Sender(settings, outbox, uplink_to(broker.port), draw=lambda: 0.0)
    connected(sender)
    assert len(sent_at(sender, outbox, seconds=10)) >= 4
    fill(outbox, 1)
    outbox.append([], [Event(NOW, "SN-1", "state", 0, 5)])
    before = len(broker.published)
    acknowledged(sender, outbox, sender.send(LATER, 9.5, hold=False))
    kinds = [message.topic.rpartition("/")[2] for message in broker.published[before:]]
    assert kinds == ["event", "chunk"]
    assert hours_of(broker)[-1] == -1


def test_gateways_begin_at_moments_of_their_own():
    """A thousand of them: a second has its share, both of live chunks and of old ones."""
    spreads = [spread_s(f"gw-{number:04}", HOUR) for number in range(1000)]
    draws = [drawn_from(f"{number:x}")() * 300 for number in range(1000)]
    for moments in (spreads, draws):
        per_second = [sum(int(moment) == second for moment in moments) for second in range(300)]
        assert max(per_second) <= 15
        assert sum(count > 0 for count in per_second) > 250


def test_a_break_draws_another_moment(broker, outbox, uplink_to, settings_of):
    fill(outbox, 10)
    draws = iter([0.5, 0.0, 0.1, 0.0, 0.0, 0.0])
    settings = settings_of(1, backfill_within_s=100)
    uplink = uplink_to(broker.port)
    sender = Sender(settings, outbox, uplink, draw=lambda: next(draws))
    connected(sender)
    assert set(sent_at(sender, outbox, seconds=40)) == {0.0}
    uplink.close()
    assert not sender.connect(40.0)
    deadline = time.monotonic() + 5
    while not sender.connect(60.0) and time.monotonic() < deadline:
        time.sleep(0.01)
    times = sent_at(sender, outbox, seconds=15, begin=60.0)
    assert times[0] > 60.0
    assert len(times) == 8


def test_what_was_asked_for_again_comes_last(broker, outbox, uplink_to, settings_of):
    fill(outbox, 12)
    outbox.acknowledge(chunks=range(1, 7), events=(), at=NOW)
    assert outbox.send_again("RS-1", [(5, 6)], at=NOW).put_back == 2
    settings = settings_of(1, backfill_per_s=100.0, backfill_within_s=0)
    sender = Sender(settings, outbox, uplink_to(broker.port), draw=lambda: 0.0)
    connected(sender)
    assert len(sent_at(sender, outbox, seconds=3)) == 8
    assert [decode(payload).seq for payload in broker.of("/chunk")] == [12, 11, 10, 9, 8, 7, 6, 5]


def test_the_broker_is_left_alone_longer_and_longer(outbox, uplink_to, settings_of):
    """Nobody listens at the port; two gateways do not try in step."""
    attempts = []
    for seed in ("a", "b"):
        sender = Sender(settings_of(1), outbox, uplink_to(1), draw=drawn_from(seed))
        tried, failures = [], 0
        for second in range(1500):
            deadline = time.monotonic() + 2
            while sender._uplink.is_connecting() and time.monotonic() < deadline:
                time.sleep(0.001)
            sender.connect(float(second))
            if sender.backoff.failures > failures:
                failures = sender.backoff.failures
                tried.append(second)
        attempts.append(tried)
    for tried in attempts:
        gaps = [after - before for before, after in pairwise(tried)]
        assert 8 <= len(tried) <= 14
        assert max(gaps) <= 302
        assert max(gaps[-3:]) > 10 * gaps[0]
    assert attempts[0] != attempts[1]


def test_told_sorts_keys():
    told = Told.of([("chunk", 3), ("event", 1), ("status", 0), ("chunk", 5)])
    assert told == Told((3, 5), (1,), 1)
    assert len(told) == 4
    assert not Told()


@pytest.mark.skipif(not IS_HERE, reason="mosquitto is not installed")
def test_two_gateways_of_one_name_do_not_fight(tmp_path, papers, settings_of, clock):
    """The broker throws out the first when the second comes; they come back ever more rarely."""
    broker = RealBroker(tmp_path / "broker", papers)
    entries = settings_of(1, broker=broker.settings_of(GW), poll_s=60, window_s=900)
    home = House(HouseSpec("SN-1"), Curve("SN-1", int(clock.at)))
    agents = []
    try:
        with Server(clock.now) as server:
            port = server.add(home).number
            device = replace(entries.devices[0], port=port)
            for name in ("a", "b"):
                settings = replace(entries, outbox=tmp_path / name, devices=(device,))
                agents.append(Agent(settings, clock=clock, boot_id=name))
            for _ in range(600):
                clock.at += 1.0
                for agent in agents:
                    agent.turn()
                    agent.wait(0.002)
            connections = broker.times_connected(GW)
            assert 4 <= connections <= 40, "not one a second"
            for agent in agents:
                agent.close()
    finally:
        broker.stop()
