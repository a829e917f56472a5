"""How clocks are explained: each step leads to the very end that the clock itself gives."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from cloud.reporting.clock_story import clock_stories
from cloud.service.clocks import clock_of
from cloud.service.models import Pause
from cloud.service.sla import ClockState, SlaMilestone
from tests.cloud.portal.orders_world import OrdersWorld

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGUN = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)
"""Monday, eleven o'clock in Raleigh."""


def story(order, milestone=SlaMilestone.COMPLETE, *, at=BEGUN + 2 * DAY):
    (found,) = [one for one in clock_stories(order, at=at) if one.milestone is milestone]
    return found


@pytest.fixture
def order():
    return OrdersWorld().until("accepted").order


def paused(order, *spans, **differs):
    pauses = [
        Pause(
            "weather", BEGUN + since * HOUR, BEGUN + until * HOUR if until else None, "rain", "bo"
        )
        for since, until in spans
    ]
    return replace(order, pauses=tuple(replace(one, **differs) for one in pauses))


def test_before_an_offer_is_delivered_no_clock_is_told(order):
    offer = replace(order.assignments[0], delivered_at=None, answered_at=None)
    unsent = replace(order, assignments=(offer,), work_authorized_at=None)
    assert clock_stories(unsent, at=BEGUN) == ()
    assert clock_stories(replace(unsent, partner_id=None), at=BEGUN) == ()


@pytest.mark.parametrize(
    ("begun", "counted_from"),
    [
        pytest.param(datetime(2026, 6, 8, 12, 0, tzinfo=UTC), "2026-06-08T08:00", id="on opening"),
        pytest.param(datetime(2026, 6, 8, 11, 59, tzinfo=UTC), "2026-06-08T08:00", id="before it"),
        pytest.param(
            datetime(2026, 6, 8, 20, 59, tzinfo=UTC), "2026-06-08T16:59", id="before closing"
        ),
        pytest.param(datetime(2026, 6, 8, 21, 0, tzinfo=UTC), "2026-06-09T08:00", id="on closing"),
        pytest.param(datetime(2026, 6, 6, 15, 0, tzinfo=UTC), "2026-06-08T08:00", id="a Saturday"),
        pytest.param(datetime(2026, 6, 19, 15, 0, tzinfo=UTC), "2026-06-22T08:00", id="a holiday"),
    ],
)
def test_what_begins_at_night_counts_from_the_opening(order, begun, counted_from):
    told = story(replace(order, work_authorized_at=begun), at=begun + DAY)
    assert f"{told.counted_from:%Y-%m-%dT%H:%M}" == counted_from
    assert told.started_at == begun


@pytest.mark.parametrize(
    ("spans", "moved", "stood"),
    [
        pytest.param((), 0, 0, id="nothing stopped it"),
        pytest.param(((0, 2),), 2, 1, id="one pause"),
        pytest.param(((0, 2), (1, 3)), 3, 1, id="two that overlap count once"),
        pytest.param(((0, 1), (1, 2)), 2, 1, id="two that touch are one"),
        pytest.param(((0, 1), (2, 3)), 2, 2, id="two apart"),
        pytest.param(((7, 20),), 0, 1, id="a night moves nothing"),
        pytest.param(((5, 24),), 4, 1, id="a night with an hour before and three after it"),
        pytest.param(((-5, -1),), 0, 0, id="before it began"),
    ],
)
def test_pauses_are_united_and_only_working_time_counts(order, spans, moved, stood):
    told = story(paused(order, *spans))
    assert told.moved == moved * HOUR
    assert len(told.stood) == stood
    assert (
        told.due_at
        == clock_of(paused(order, *spans), told.milestone, now=BEGUN + 2 * DAY).deadline.due_at
    )


def test_what_was_rejected_never_stood(order):
    assert story(paused(order, (0, 2), is_rejected=True)).stood == ()


def test_an_open_pause_has_no_end_and_the_clock_no_due_time(order):
    told = story(paused(order, (0, 1), (0.5, None)))
    assert (told.due_at, told.state) == (None, ClockState.PAUSED)
    assert [one.until for one in told.stood] == [None]
    assert told.base_due is not None


def test_acceptance_is_never_stopped(order):
    told = story(paused(order, (0, 2)), SlaMilestone.ACCEPT)
    assert told.stood == ()
    assert told.rule == "S-20"


def test_days_on_which_nobody_works_are_named_and_weekends_are_not(order):
    assert story(order).closed == (date(2026, 6, 19),)
    assert story(order, SlaMilestone.SCHEDULE).closed == ()


@pytest.mark.parametrize("state", ["offered", "accepted", "scheduled", "on_site", "completed"])
def test_the_end_is_the_clocks_own(state):
    world = OrdersWorld().until(state)
    for told in clock_stories(world.order, at=world.now):
        clock = clock_of(world.order, told.milestone, now=world.now)
        assert (told.due_at, told.met_at, told.state) == (
            clock.deadline.due_at,
            clock.met_at,
            clock.state,
        )
