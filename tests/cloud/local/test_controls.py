"""The hands on the clock: speed, pause, jump; asked from one thread, done in another."""

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from cloud.kernel.errors import BadInput
from cloud.local.clock import SimulatedClock
from cloud.local.conductor import Conductor
from cloud.local.controls import FASTEST, LONGEST_JUMP, Controls

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Quiet:
    """A runtime in which nothing happens by itself."""

    def __init__(self, clock):
        self.clock = clock

    def next_due(self):
        return None

    def run_due(self):
        return 0


class Walker:
    """A player that acts every hour, and knows whether it is in a jump."""

    def __init__(self):
        self.acted = []
        self.is_jumping = False
        self.jumps = 0

    def next_at(self, now):
        return datetime.fromtimestamp((int(now.timestamp()) // 3600 + 1) * 3600, UTC)

    def act(self, now):
        self.acted.append((now, self.is_jumping))
        time.sleep(0.001)

    def begin_jump(self):
        self.is_jumping = True
        self.jumps += 1

    def end_jump(self):
        self.is_jumping = False


@pytest.fixture
def walker():
    return Walker()


@pytest.fixture
def controls(tmp_path, walker):
    clock = SimulatedClock(tmp_path / "clock.sqlite", starts_at=START)
    yield Controls(Conductor(Quiet(clock), [walker]), speed=1)
    clock.close()


@contextmanager
def running(controls):
    """Run the clock in a thread, as SQLite lets nobody else move it."""
    seen = []
    thread = threading.Thread(target=controls.run, args=(seen.append,))
    thread.start()
    try:
        yield seen
    finally:
        controls.stop()
        thread.join()


def until(condition, patience_s=20.0):
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_jump_passes_every_hour_in_order_and_by_the_faster_way(controls, walker):
    with running(controls) as seen:
        controls.jump_to(START + 3 * DAY)
        assert controls.state().target == START + 3 * DAY
        until(lambda: controls.state().target is None)
    jumped = [at for at, is_jumping in walker.acted if is_jumping]
    assert jumped == [START + timedelta(hours=n) for n in range(1, 73)]
    assert walker.jumps == 1
    assert not walker.is_jumping
    assert START + 3 * DAY <= seen[-1] < START + 3 * DAY + timedelta(minutes=1)
    assert seen == sorted(seen)


def test_one_jump_at_a_time_and_a_pause_ends_it(controls):
    with running(controls):
        controls.jump_by(3000)
        with pytest.raises(BadInput, match="under way"):
            controls.jump_by(1)
        until(lambda: controls.state().now > START + DAY)
        controls.pause()
        until(lambda: controls.state().target is None)
        state = controls.state()
        assert state.is_paused
        assert state.now < START + 3000 * DAY
        time.sleep(0.3)
        stood = controls.state().now
        time.sleep(0.3)
        assert controls.state().now == stood
        controls.resume()
        until(lambda: controls.state().now > stood)


def test_a_jump_after_a_pause_goes_where_it_was_told(controls):
    with running(controls):
        controls.jump_by(3000)
        until(lambda: controls.state().now > START + DAY)
        controls.pause()
        target = controls.state().now + DAY
        controls.jump_to(target)
        until(lambda: controls.state().target is None)
        assert target <= controls.state().now < target + DAY


def test_the_speed_counts_from_the_moment_it_is_set(controls):
    with running(controls):
        controls.pause()
        controls.set_speed(3600)
        controls.resume()
        until(lambda: controls.state().now > START + timedelta(minutes=30))
        assert controls.state().speed == 3600


@pytest.mark.parametrize("speed", [0, -1, FASTEST * 2, float("nan"), float("inf")])
def test_a_speed_that_is_none(controls, speed):
    with pytest.raises(BadInput, match="speed"):
        controls.set_speed(speed)


@pytest.mark.parametrize("days", [0, -1, LONGEST_JUMP.days + 1, 1e300, float("nan"), float("inf")])
def test_a_jump_to_nowhere(controls, days):
    with pytest.raises(BadInput, match="jumping"):
        controls.jump_by(days)
    assert controls.state().target is None


def test_an_instant_without_a_zone_is_utc(controls):
    controls.jump_to(datetime(2026, 6, 2, 6, 0))  # noqa: DTZ001 - that is the point
    assert controls.state().target == datetime(2026, 6, 2, 6, 0, tzinfo=UTC)
