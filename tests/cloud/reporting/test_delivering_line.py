"""Many events for one endpoint: what waits goes in line, and costs its tries and little more."""

import heapq
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from threading import Barrier, RLock

import pytest
from telling_world import MONDAY
from test_delivering import BROKEN, OK, SILENT, Post

from cloud.kernel.errors import Conflict
from cloud.reporting.delivering import Answered
from cloud.reporting.telling import DELIVER
from cloud.reporting.webhooks import (
    TIMED_OUT,
    Delivery,
    DeliveryState,
    EndpointHealth,
    Off,
    Place,
    Try,
    believed,
    delivery_key,
    health_after,
    off_after,
    place_in_line,
)

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
MANY = 300


class Town(Post):
    """An endpoint with many events on their way to it, taken as the queue would bring them."""

    def __init__(self, *answers, count=MANY) -> None:
        super().__init__(*answers)
        for number in range(1, count):
            self.tell("accepted", MONDAY + number * SECOND)
        self.count, self.handled = count, 0
        self._known, self._due = 0, []

    def _look(self) -> None:
        messages = list(self.records.messages.values())
        for one in messages[self._known :]:
            if one.topic == DELIVER:
                heapq.heappush(self._due, (one.at, one.id, one))
        self._known = len(messages)

    def run_until(self, until) -> None:
        """Take what is due; what comes of it is looked for each minute, as the sweep does."""
        minute = MONDAY
        while minute <= until:
            self._look()
            while self._due and self._due[0][0] <= minute:
                at, _, message = heapq.heappop(self._due)
                self.take(message, max(at, minute - MINUTE))
                self.handled += 1
            minute += MINUTE

    def all(self):
        names = [delivery_key("WHE-1", number) for number in range(1, self.count + 1)]
        return [self.records.load(Delivery, one).record for one in names]


@pytest.mark.rule("WH-02")
@pytest.mark.rule("WH-10")
def test_three_hundred_events_for_a_silent_endpoint_cost_their_tries_and_little_more():
    town = Town(SILENT)
    town.run_until(MONDAY + timedelta(hours=27.6))
    tried = [len(one.tries) for one in town.all()]
    assert min(tried) >= 7
    town.run_until(MONDAY + timedelta(hours=31))
    assert [len(one.tries) for one in town.all()] == [8] * MANY
    assert {one.state for one in town.all()} == {DeliveryState.FAILED}
    assert len(town.door.came) == 8 * MANY
    assert town.handled <= 10 * MANY


@pytest.mark.rule("WH-10")
def test_when_it_answers_again_all_that_waited_arrives():
    town = Town(*[SILENT] * 40, OK, count=100)
    town.run_until(MONDAY + HOUR)
    assert {one.state for one in town.all()} == {DeliveryState.DELIVERED}
    assert town.health() == EndpointHealth("WHE-1")


@pytest.mark.rule("WH-10")
def test_no_more_than_a_dozen_calls_begin_in_any_minute_while_it_is_silent():
    town = Town(SILENT, count=60)
    begun = []
    send = town.door.post
    moment = {}
    take = town.take

    def noted(message, at=None):
        moment["at"] = at or message.at
        return take(message, at)

    def post(url, **given):
        begun.append(moment["at"])
        return send(url, **given)

    town.take, town.door.post = noted, post
    due = sorted(town.due(), key=lambda one: one.at)
    seen = set()
    while due and due[0].at < MONDAY + 20 * MINUTE:
        seen.add(due[0].id)
        town.take(due[0])
        due = sorted((one for one in town.due() if one.id not in seen), key=lambda one: one.at)
    pauses = [later - sooner for sooner, later in pairwise(begun)]
    assert len(begun) > 100
    assert min(pauses) >= 5 * SECOND


# ---------------------------------------------------------------------- at once
class Shared:
    """Records that many threads use: one at a time, as a table takes them."""

    def __init__(self, records) -> None:
        self._records, self._lock = records, RLock()

    def __getattr__(self, name):
        call = getattr(self._records, name)

        def one_at_a_time(*arguments, **named):
            with self._lock:
                return call(*arguments, **named)

        return one_at_a_time if callable(call) else call


@pytest.mark.parametrize("answer", [SILENT, BROKEN, OK], ids=["silent", "broken", "well"])
def test_tries_that_end_together_are_each_posted_once_and_written_down(answer):
    post = Post(answer)
    count = 24
    for number in range(1, count):
        post.tell("accepted", MONDAY + timedelta(microseconds=number))
    messages, together, send = post.due(), Barrier(count, timeout=20), post.door.post

    def post_together(url, **given):
        answered = send(url, **given)
        together.wait()
        return answered

    post.door.post, post.records = post_together, Shared(post.records)
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(lambda one: post.take(one, MONDAY + SECOND), messages))
    assert len(post.door.came) == count
    made = [post.delivery(delivery_key("WHE-1", number)) for number in range(1, count + 1)]
    assert {len(one.tries) for one in made} == {1}


@pytest.mark.rule("WH-06")
def test_how_an_endpoint_does_is_never_a_reason_to_send_again():
    post = Post(SILENT)
    commit = post.records.commit

    def others_are_faster(change):
        if any(isinstance(one.record, EndpointHealth) for one in change.saves):
            msg = "somebody was faster"
            raise Conflict(msg)
        commit(change)

    post.records.commit = others_are_faster
    assert post.take(post.due()[0]) is DeliveryState.WAITING
    assert len(post.delivery().tries) == 1


@pytest.mark.rule("WH-10")
def test_who_never_gets_a_place_comes_again_within_a_minute_apart_from_others():
    post = Post(OK)
    post.tell("accepted")
    post.save(EndpointHealth("WHE-1", MONDAY, MONDAY + MINUTE))
    commit = post.records.commit

    def others_are_faster(change):
        if any(isinstance(one.record, EndpointHealth) for one in change.saves):
            msg = "somebody was faster"
            raise Conflict(msg)
        commit(change)

    post.records.commit = others_are_faster
    assert [post.take(one) for one in post.due()] == [DeliveryState.WAITING] * 2
    at = [post.delivery(f"WHE-1.00000000000{one}").next_at for one in (1, 2)]
    assert at[0] != at[1]
    assert all(MONDAY + MINUTE / 2 <= one <= MONDAY + MINUTE for one in at)
    post.records.commit = commit
    post.run()
    assert len(post.door.came) == 2


# ---------------------------------------------------------------------- clocks
@pytest.mark.parametrize("early", [timedelta(milliseconds=5), SECOND], ids=["5 ms", "a second"])
def test_a_put_off_message_that_comes_early_by_this_machines_clock_is_no_message_lost(early):
    post = Post(SILENT, OK)
    post.tell("accepted")
    first, second = post.due()
    post.take(first)
    post.take(second, MONDAY + SECOND)
    (again,) = [one for one in post.due() if one.body["put_offs"]]
    assert post.take(again, again.at - early) is DeliveryState.DELIVERED


def test_a_message_of_before_it_was_put_off_tries_nothing():
    post = Post(OK)
    post.save(EndpointHealth("WHE-1", MONDAY, MONDAY + MINUTE))
    (first,) = post.due()
    assert post.take(first) is DeliveryState.WAITING
    assert post.take(first, MONDAY + 2 * MINUTE) is None
    assert post.door.came == []


@pytest.mark.rule("WH-08")
@pytest.mark.parametrize(
    ("rest", "is_believed"),
    [
        pytest.param(MINUTE, True, id="a minute"),
        pytest.param(HOUR + 2 * MINUTE, True, id="the longest line, clocks a minute apart"),
        pytest.param(HOUR + 2 * MINUTE + SECOND, False, id="just above"),
        pytest.param(timedelta(days=400), False, id="of a clock gone wrong"),
    ],
)
def test_a_rest_that_nobody_can_have_given_is_not_believed(rest, is_believed):
    health = EndpointHealth("WHE-1", None, MONDAY + rest)
    assert (believed(health, at=MONDAY) == health) is is_believed
    post = Post(OK)
    post.save(health)
    state = DeliveryState.WAITING if is_believed else DeliveryState.DELIVERED
    assert post.take(post.due()[0]) is state


# ---------------------------------------------------------------------- the rules
@pytest.mark.rule("WH-10")
@pytest.mark.parametrize(
    ("ends", "place", "after"),
    [
        pytest.param(None, Place(MONDAY, is_kept=True), None, id="it does not rest"),
        pytest.param(-MINUTE, Place(MONDAY, is_kept=True), 5 * SECOND, id="its rest is over: now"),
        pytest.param(MINUTE, Place(MONDAY + MINUTE, is_kept=True), 65 * SECOND, id="it rests"),
        pytest.param(
            HOUR, Place(MONDAY + HOUR, is_kept=True), HOUR + 5 * SECOND, id="the last place"
        ),
        pytest.param(
            HOUR + SECOND,
            Place(MONDAY + 1.5 * HOUR, is_kept=False),
            HOUR + SECOND,
            id="the line is full",
        ),
    ],
)
def test_the_next_place_in_line(ends, place, after):
    until = None if ends is None else MONDAY + ends
    health, given = place_in_line(EndpointHealth("E", None, until), at=MONDAY, spread=0.5)
    assert given == place
    assert health.rests_until == (None if after is None else MONDAY + after)


@pytest.mark.rule("WH-09")
@pytest.mark.parametrize(
    ("took_s", "rests"),
    [
        pytest.param(3.0, False, id="three seconds"),
        pytest.param(3.01, True, id="just above"),
        pytest.param(9.9, True, id="just in time"),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
def test_who_answers_late_rests_too(took_s, rests, status):
    now = health_after(EndpointHealth("E"), Try(MONDAY, status), at=MONDAY, took_s=took_s)
    assert now.rests_until == (MONDAY + MINUTE if rests else None)


@pytest.mark.rule("WH-09")
def test_a_late_yes_is_a_yes_and_the_next_ones_wait():
    post = Post(Answered(200, took_s=9.5))
    post.tell("accepted")
    states = [post.take(one) for one in post.due()]
    assert states == [DeliveryState.DELIVERED, DeliveryState.WAITING]
    assert post.health() == EndpointHealth("WHE-1", rests_until=MONDAY + MINUTE + 5 * SECOND)


@pytest.mark.rule("WH-06")
@pytest.mark.parametrize(
    ("apart", "is_off"),
    [
        pytest.param(timedelta(hours=27), True, id="each within the time of tries"),
        pytest.param(timedelta(hours=28), False, id="each a new beginning"),
        pytest.param(timedelta(days=30), False, id="two a month apart"),
    ],
)
def test_only_failures_that_go_on_switch_an_endpoint_off(apart, is_off):
    health, at = EndpointHealth("E"), MONDAY
    off = []
    for _ in range(7):
        made = Try(at, 500)
        health = health_after(health, made, at=at)
        off.append(off_after(health, made, at=at))
        at += apart
    assert (Off.FAILED_TOO_LONG in off) is is_off


def test_failures_that_follow_at_once_are_written_down_once():
    health = health_after(EndpointHealth("E"), Try(MONDAY, 500), at=MONDAY)
    soon, later = MONDAY + 5 * MINUTE - SECOND, MONDAY + 5 * MINUTE
    assert health_after(health, Try(soon, 500), at=soon) == health
    assert health_after(health, Try(later, 500), at=later) == replace(health, failed_at=later)


def test_one_that_rests_keeps_its_line():
    health = EndpointHealth("E", MONDAY, MONDAY + 10 * MINUTE, MONDAY)
    for made in (Try(MONDAY, 0, TIMED_OUT), Try(MONDAY, 200), Try(MONDAY, 500)):
        assert health_after(health, made, at=MONDAY).rests_until == health.rests_until
