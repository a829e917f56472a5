"""Calls that nobody waits for: tried three times, kept through a restart, given up in the open."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from cloud.local.invocations import Invocations
from cloud.local.lambdas import Failed
from cloud.local.template import Function

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.instant = NOON

    def now(self):
        return self.instant


class Behind:
    """A function that fails as often as it is told to."""

    def __init__(self, clock, failures, *, is_throttled=False):
        self.clock, self.failures, self.is_throttled = clock, failures, is_throttled
        self.called_at = []
        self.given_up = []

    def invoke(self, function, event):
        self.called_at.append((self.clock.now() - NOON, function, event))
        if len(self.called_at) <= self.failures:
            return Failed("ValueError", "no good", is_throttled=self.is_throttled)
        return {"fine": True}

    def give_up(self, queue, record):
        self.given_up.append((queue, json.loads(record)))


def play(calls, clock, behind, until=timedelta(hours=8)):
    calls.run_due(behind.invoke, behind.give_up)
    while (due := calls.next_due()) is not None and due <= NOON + until:
        clock.instant = due
        calls.run_due(behind.invoke, behind.give_up)
    return [(int(after.total_seconds())) for after, _, _ in behind.called_at]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    made = []

    def calls(**settings):
        one = Function(
            **{"name": "F", "handler": "x.y", "timeout_s": 3, "environment": {}, **settings}
        )
        made.append(Invocations(tmp_path / "calls.sqlite", clock, {"F": one}))
        return made[-1]

    yield calls
    for one in made:
        one.close()


@pytest.mark.parametrize(
    ("failures", "at_s"),
    [(0, [0]), (1, [0, 60]), (2, [0, 60, 180]), (9, [0, 60, 180])],
    ids=["at once", "the second time", "the third time", "never"],
)
def test_a_call_is_tried_three_times(opened, clock, failures, at_s):
    calls, behind = opened(on_failure="Failed"), Behind(clock, failures)
    calls.accept("one", "F", {"n": 1})
    assert play(calls, clock, behind) == at_s
    assert calls.pending() == []
    assert len(behind.given_up) == (failures > 2)


def test_what_is_given_up_says_what_it_was_and_why(opened, clock):
    calls, behind = opened(on_failure="Failed", retries=0), Behind(clock, 1)
    calls.accept("one", "F", {"n": 1})
    play(calls, clock, behind)
    ((queue, record),) = behind.given_up
    assert queue == "Failed"
    assert record["requestPayload"] == {"n": 1}
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responsePayload"] == {"errorType": "ValueError", "errorMessage": "no good"}


def test_a_throttled_call_does_not_count_and_ends_when_it_is_too_old(opened, clock):
    calls = opened(on_failure="Failed", most_event_age_s=60, retries=0)
    behind = Behind(clock, 999, is_throttled=True)
    calls.accept("one", "F", {})
    assert play(calls, clock, behind) == list(range(61))
    assert len(behind.given_up) == 1


def test_a_call_outlives_the_process(opened, clock):
    first = opened()
    first.accept("one", "F", {"n": 1})
    first.run_due(Behind(clock, 1).invoke, print)
    first.close()
    again, behind = opened(), Behind(clock, 0)
    assert play(again, clock, behind) == [60]
    assert behind.called_at[0][2] == {"n": 1}


def test_a_schedule_and_its_call_are_one_commit_and_fire_once(opened, clock):
    calls = opened()
    assert calls.first_start() == NOON
    for _ in range(2):
        calls.fire("S", NOON, ("F", {"scheduled_for": "noon"}))
    assert calls.last_fired("S") == NOON
    assert [call.id for call in calls.pending()] == [f"S@{NOON.isoformat()}"]
    calls.fire("T", NOON, None)
    assert len(calls.pending()) == 1
    clock.instant += timedelta(days=1)
    assert opened().first_start() == NOON
