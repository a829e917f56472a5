"""A fleet that lost the broker together: it comes back spread out, and with everything."""

from collections import Counter
from dataclasses import replace
from math import ceil

import pytest

from bench import storm as report
from bench.storm_fleet import (
    BEGINS_AT,
    HOUR,
    Backlog,
    Broker,
    Gateway,
    Ingest,
    Quotas,
    everyday,
    settings_of,
    storm,
)
from edge_agent.backoff import Backoff, drawn_from
from edge_agent.queue.outbox import Outbox
from edge_agent.reading import Reading, Window
from edge_agent.sending import FIRST_PAUSE_S, LONGEST_PAUSE_S

CASE = report.Case(8, 100_000, 50)


@pytest.fixture(scope="module")
def found():
    return CASE.play("test")


def test_after_eight_hours_all_come_back_spread_out_and_with_everything(found):
    assert found.gateways == 2000
    assert found.jitter() < 1.5 + 5 * found.mean() ** -0.5, "five deviations: chance, no more"
    missed = report.failures(CASE, found)
    assert [one for one in missed if not one.startswith("busiest")] == []
    assert sum(found.accepted) == 2000
    # Eight hours and the sign of being up, and of some the hour that ends meanwhile.
    assert 2000 * 9 <= sum(found.published) < 2000 * 10
    assert found.drained_s < 15 * 60
    assert (found.lost, found.twice) == (0, 0)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        pytest.param({"asked": [90, *[20] * 299]}, "busiest second", id="all in one second"),
        pytest.param({"drained_s": None}, "not drained", id="never drained"),
        pytest.param({"drained_s": 7201.0}, "not drained", id="a second too late"),
        pytest.param({"lost": 1}, "1 chunks lost", id="one lost"),
        pytest.param({"ended": 1}, "1 connections ended", id="one too fast"),
        pytest.param({"refused_publishes": 1}, "1 publishes above", id="one above the quota"),
        pytest.param({"accepted": [11]}, "more connects", id="a broker that takes all"),
        pytest.param({"most_tries": 40}, "a gateway tried 40", id="one that knocks on and on"),
        pytest.param({"ingest_age_s": 4e5}, "a message waited", id="queue too slow"),
    ],
)
def test_every_goal_can_be_missed(found, wrong, says):
    fine = replace(found, asked=[20] * 300, most_tries=2)
    assert report.failures(CASE, fine) == []
    (what,) = report.failures(CASE, replace(fine, **wrong))
    assert what.startswith(says)


def test_a_broker_far_too_small_refuses_and_serves_all_in_the_end():
    quotas = Quotas(connects_per_s=1, publishes_per_s=5)
    found = storm(300, 8 * HOUR, quotas=quotas, ingest=Ingest(), seed="small")
    assert max(found.accepted) == 1
    assert sum(found.asked) > sum(found.accepted) >= 300
    assert found.refused_publishes > 0, "three new chunks and the sign at once, of two gateways"
    assert found.lost == 0
    assert found.drained_s is not None


def test_what_the_broker_did_not_take_stays_with_the_gateway():
    quotas = Quotas(connects_per_s=10, publishes_per_s=0)
    found = storm(20, 8 * HOUR, quotas=quotas, ingest=Ingest(), seed="small", within_s=HOUR)
    assert found.refused_publishes == sum(found.published) > 0
    assert (found.drained_s, found.lost) == (None, 0)


def test_a_connection_that_publishes_too_fast_is_ended():
    broker = Broker(Quotas(), restored_at=0.0)
    assert [broker.publish(count) for count in (1, 100, 101)] == [True, True, None]
    assert broker.ended == 1


@pytest.mark.parametrize("number", [0, 1], ids=["refused at once", "never answered"])
def test_an_outage_sat_out_is_that_of_the_sender_turned_whenever_it_may_do_something(number):
    """`sit_out` leaves out the turns in which nothing happens, and no other."""
    broker = Broker(Quotas(), restored_at=BEGINS_AT + 3 * HOUR)
    short, long = (Gateway(number, "s", broker, settings_of(number)) for _ in range(2))
    short.sit_out(broker)
    link, sender = long.link, long.sender
    broker.now = float(ceil(BEGINS_AT + link.lost_after_s()))
    while broker.now < broker.restored_at:
        sender.connect(broker.now)
        next_at = ceil(sender.backoff.next_try_at) if not link.is_connecting() else 0.0
        broker.now = max(link.wakes_at() if link.is_connecting() else next_at, broker.now)
    assert broker.now == short.next_turn
    assert sender.backoff.failures == short.sender.backoff.failures > 30


def test_the_backlog_gives_what_the_outbox_gives(tmp_path):
    outbox = Outbox(tmp_path / "queue.sqlite", boot="5f", gateway="gw-1")
    backlog = Backlog()
    backlog.seal(30 * HOUR + 5)
    for t0 in range(0, 30 * HOUR, HOUR):
        outbox.append([Reading("SN-1", t0, 0, "1.103", {"WH": 10**6 + t0})])
        outbox.seal(before=t0 + HOUR, window_s=HOUR, head=Window("gw-1", "5f", 0, t0, 900, 0, 1))
    for acknowledged in ([], [29, 30], [5]):
        outbox.acknowledge(chunks=acknowledged, events=[], at=31 * HOUR)
        backlog.acknowledge(acknowledged)
        for limit in (4, 100):
            for asked in (
                lambda one, limit=limit: one.waiting_chunks(limit),
                lambda one, limit=limit: one.waiting_live(27 * HOUR, limit),
                lambda one, limit=limit: one.waiting_backfill(27 * HOUR, limit),
            ):
                ours, real = asked(backlog), asked(outbox)
                assert [one.until for one in ours] == [one.until for one in real]
                assert [one.number for one in ours] == [one.number for one in real]
    outbox.close()


def test_gateways_that_failed_together_for_hours_are_not_in_step_again():
    """In each second about as many try as in any other: their scatter is that of chance.

    With a checksum for the random numbers it was more than twice that.
    """
    tries: Counter[int] = Counter()
    for number in range(3000):
        backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, drawn_from(f"{number * 7919:08x}"))
        at = 0.0
        while at < 8 * HOUR:
            backoff.failed(at)
            at = float(ceil(backoff.next_try_at))
        tries[int(at) - 8 * HOUR] += 1
    seconds = [tries[second] for second in range(140)]
    mean = sum(seconds) / len(seconds)
    scatter = sum((count - mean) ** 2 for count in seconds) / len(seconds)
    assert 0.6 < scatter / mean < 1.5


def test_chunks_of_an_hour_leave_one_after_the_other():
    seconds = everyday(30_000)
    assert sum(seconds) == 30_000
    assert max(seconds) < 1.7 * 30_000 / 300
    assert sum(count > 0 for count in seconds) == 300
    assert report.hourly() == []


def test_the_ingest_function_is_behind_by_what_it_cannot_take():
    ingest = Ingest(at_once=1, batch=100, batch_s=1.0, gathers_s=5.0)
    assert ingest.oldest_s([100, 100]) == 7.0
    assert ingest.oldest_s([300, 0, 100]) == 9.0


def test_the_picture_has_both_rows(found):
    drawn = report.chart(CASE, found)
    assert drawn.count("<polyline") == 2
    assert "100,000 gateways after 8 h" in drawn
