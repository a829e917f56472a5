"""The time that the agent goes by: what is believed, when, and what is done to readings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.clock import (
    EARLIEST_BELIEVABLE,
    PATIENCE_S,
    Shift,
    SystemClock,
    TimeKeeper,
    aligned,
    kernel_state,
)
from edge_agent.dictionary import CLOCK_SYNCED, CLOCK_UNSYNCED

NOW = 1_782_025_200.0
FLOOR = NOW - 7 * 86_400
SET = Shift(0, CLOCK_UNSYNCED, CLOCK_SYNCED)


class Machine:
    """A machine whose wall clock and monotonic clock part when somebody wants them to."""

    def __init__(self, wall: float, *, is_set: bool) -> None:
        self.wall, self.mono, self.is_set = wall, 1234.0, is_set

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.mono

    def is_synced(self) -> bool:
        return self.is_set

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.mono += seconds


def turns(machine: Machine, keeper: TimeKeeper, count: int, step_s: float = 30.0) -> list[Shift]:
    found = []
    for _ in range(count):
        machine.pass_by(step_s)
        shift = keeper.observe()
        found += [] if shift is None else [shift]
    return found


@pytest.mark.parametrize(
    ("wall", "is_set", "starts_at", "code", "is_held"),
    [
        pytest.param(NOW, True, NOW, CLOCK_SYNCED, False, id="set by a time server"),
        pytest.param(NOW, False, NOW, CLOCK_UNSYNCED, True, id="a battery-backed clock, not set"),
        pytest.param(12.0, False, FLOOR, CLOCK_UNSYNCED, True, id="1970"),
        pytest.param(FLOOR - 1, False, FLOOR, CLOCK_UNSYNCED, True, id="just before the floor"),
        pytest.param(FLOOR, False, FLOOR, CLOCK_UNSYNCED, True, id="on the floor"),
        pytest.param(12.0, True, FLOOR, CLOCK_UNSYNCED, True, id="1970, and said to be set"),
        pytest.param(FLOOR - 9e5, True, FLOOR - 9e5, CLOCK_SYNCED, False, id="set below the floor"),
    ],
)
def test_how_a_start_begins(wall, is_set, starts_at, code, is_held):
    keeper = TimeKeeper(Machine(wall, is_set=is_set), floor=FLOOR)
    assert (keeper.now(), keeper.code(), keeper.is_held()) == (starts_at, code, is_held)
    assert keeper.observe() is None
    assert keeper.stepped_s is None


def test_without_a_time_it_goes_on_from_the_floor_and_waits():
    machine = Machine(12.0, is_set=False)
    keeper = TimeKeeper(machine, floor=FLOOR)
    assert turns(machine, keeper, 1000) == []
    assert keeper.now() == FLOOR + 30_000
    assert keeper.is_held(), "for ever, if need be"


def test_the_first_start_of_all_begins_in_1970():
    machine = Machine(12.0, is_set=False)
    assert TimeKeeper(machine, floor=0).now() == 0


def test_when_the_time_arrives_readings_move():
    machine = Machine(12.0, is_set=False)
    keeper = TimeKeeper(machine, floor=FLOOR)
    turns(machine, keeper, 10)
    machine.wall, machine.is_set = NOW, True
    assert keeper.observe() == Shift(round(NOW - FLOOR - 300), CLOCK_UNSYNCED, CLOCK_SYNCED)
    assert (keeper.now(), keeper.code(), keeper.is_held()) == (NOW, CLOCK_SYNCED, False)
    assert keeper.stepped_s == round(NOW - FLOOR - 300)
    assert keeper.observe() is None


def test_a_clock_that_was_right_all_along_is_told_to_be():
    machine = Machine(NOW, is_set=False)
    keeper = TimeKeeper(machine, floor=FLOOR)
    machine.is_set = True
    assert keeper.observe() == SET
    assert keeper.stepped_s is None


def test_a_plausible_clock_is_given_ten_minutes():
    machine = Machine(NOW, is_set=False)
    keeper = TimeKeeper(machine, floor=FLOOR)
    machine.pass_by(PATIENCE_S - 1)
    assert keeper.is_held()
    machine.pass_by(1)
    assert not keeper.is_held()
    assert keeper.code() == CLOCK_UNSYNCED


def test_a_clock_set_by_hand_moves_readings_which_stay_flagged():
    machine = Machine(12.0, is_set=False)
    keeper = TimeKeeper(machine, floor=FLOOR)
    machine.wall = NOW
    assert turns(machine, keeper, 10) == [Shift(round(NOW - FLOOR), CLOCK_UNSYNCED, CLOCK_UNSYNCED)]
    assert keeper.now() == NOW + 300
    assert keeper.code() == CLOCK_UNSYNCED


@pytest.mark.parametrize("seconds", [1.9, -1.9, 0.2, -0.2])
def test_a_little_is_followed_without_a_word(seconds):
    machine = Machine(NOW, is_set=True)
    keeper = TimeKeeper(machine, floor=FLOOR)
    keeper.now()
    machine.wall += seconds
    assert keeper.observe() is None
    assert keeper.now() >= NOW, "never back"
    machine.pass_by(10)
    assert keeper.now() == pytest.approx(NOW + 10 + seconds)


@pytest.mark.parametrize("seconds", [3600, -3600, 2.5, -86_400 * 400])
def test_a_step_is_believed_when_it_stands(seconds):
    machine = Machine(NOW, is_set=True)
    keeper = TimeKeeper(machine, floor=FLOOR)
    machine.wall += seconds
    assert keeper.observe() is None
    assert turns(machine, keeper, 1) == []
    assert keeper.now() == NOW + 30
    assert turns(machine, keeper, 1) == [Shift(round(seconds), CLOCK_SYNCED, CLOCK_SYNCED)]
    assert keeper.now() == NOW + seconds + 60
    assert keeper.stepped_s == round(seconds)


def test_a_step_below_all_reason_is_never_believed():
    machine = Machine(NOW, is_set=True)
    keeper = TimeKeeper(machine, floor=FLOOR)
    machine.wall = EARLIEST_BELIEVABLE - 1e6
    assert turns(machine, keeper, 100) == []
    assert keeper.now() == NOW + 3000


@pytest.mark.parametrize("there_s", [1, 30, 59])
def test_a_wall_clock_that_jumps_and_jumps_back_changes_nothing(there_s):
    machine = Machine(NOW, is_set=True)
    keeper = TimeKeeper(machine, floor=FLOOR)
    for _ in range(20):
        machine.wall += 5000
        assert turns(machine, keeper, there_s, 1.0) == []
        machine.wall -= 5000
        assert turns(machine, keeper, 3, 1.0) == []
    assert keeper.now() == machine.wall
    assert keeper.stepped_s is None


def test_a_step_that_no_time_server_made_is_not_believed():
    machine = Machine(NOW, is_set=True)
    keeper = TimeKeeper(machine, floor=FLOOR)
    machine.is_set = False
    machine.wall += 5000
    assert turns(machine, keeper, 100) == []
    assert (keeper.now(), keeper.code()) == (NOW + 3000, CLOCK_SYNCED)
    machine.is_set = True
    assert turns(machine, keeper, 3) == [Shift(5000, CLOCK_SYNCED, CLOCK_SYNCED)]


def test_two_looks_a_minute_apart_are_not_enough():
    machine = Machine(NOW, is_set=True)
    keeper = TimeKeeper(machine, floor=FLOOR)
    machine.wall += 5000
    assert turns(machine, keeper, 2, 61.0) == []
    assert len(turns(machine, keeper, 1, 1.0)) == 1


def test_a_simulated_clock_that_leaps_for_days_disturbs_nothing():
    machine = Machine(NOW, is_set=True)
    keeper = TimeKeeper(machine, floor=FLOOR)
    for days in (1, 30, 400):
        machine.pass_by(days * 86_400)
        assert keeper.observe() is None
        assert keeper.now() == machine.wall


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 100.0),
            st.sampled_from([0.0, 0.0, 0.7, -0.7, 900.0, -900.0]),
            st.booleans(),
        ),
        max_size=60,
    ),
    st.booleans(),
)
def test_time_goes_back_only_with_a_shift(steps, is_set):
    machine = Machine(NOW, is_set=is_set)
    keeper = TimeKeeper(machine, floor=FLOOR)
    last, slots = keeper.now(), []
    for seconds, jump, is_set_now in steps:
        machine.pass_by(seconds)
        machine.wall += jump
        machine.is_set = is_set_now
        shift = keeper.observe()
        now = keeper.now()
        if shift is None or shift.seconds >= 0:
            assert now >= last
        if shift is not None:
            slots.clear()
        slots.append(aligned(now, 60))
        assert slots == sorted(slots), "no instant of the grid is met again"
        last = now


def test_the_clock_of_this_machine():
    clock = SystemClock()
    assert clock.now() > EARLIEST_BELIEVABLE
    assert kernel_state() in {None, 0, 1, 2, 3, 4, 5}
    assert clock.is_synced() == (kernel_state() != 5)
