"""The simulated clock: one way, kept through a restart, at a pace."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cloud.kernel.errors import BadInput
from cloud.local.clock import Pace, SimulatedClock

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def clock(tmp_path):
    made = SimulatedClock(tmp_path / "clock.sqlite", starts_at=START)
    yield made
    made.close()


def test_it_only_moves_forward(clock):
    clock.move_to(START + timedelta(days=1))
    clock.move_to(START + timedelta(days=1))
    for past in (START, START + timedelta(days=1) - MOMENT):
        with pytest.raises(BadInput, match="only moves on"):
            clock.move_to(past)
    assert clock.now() == START + timedelta(days=1)


def test_it_survives_being_opened_again(clock, tmp_path):
    denver = timezone(timedelta(hours=-6))
    clock.move_to((START + timedelta(days=160) + MOMENT).astimezone(denver))
    again = SimulatedClock(tmp_path / "clock.sqlite", starts_at=START)
    assert again.now() == START + timedelta(days=160) + MOMENT
    assert again.now().tzinfo is UTC
    again.close()


def test_a_clock_that_cannot_write_shows_no_step(tmp_path):
    made = SimulatedClock(tmp_path / "clock.sqlite", starts_at=START)
    made.close()
    with pytest.raises(Exception, match="closed"):
        made.move_to(START + timedelta(days=1))
    assert made.now() == START


def test_a_pace_goes_by_real_seconds_from_where_the_clock_stood(clock):
    seconds = iter([100.0, 100.0, 101.5])
    pace = Pace(clock, speed=600, real=lambda: next(seconds))
    assert pace.due() == START
    assert pace.due() == START + timedelta(minutes=15)
