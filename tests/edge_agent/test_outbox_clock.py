"""Readings of a clock that is not set: held, moved when it is, flagged when it never is."""

import json

import pytest

from cloud.telemetry.chunk import decode
from edge_agent.dictionary import CLOCK_SYNCED, CLOCK_UNSYNCED
from edge_agent.queue.outbox import Outbox
from edge_agent.reading import Event, Reading, Window

T0 = 1_782_000_000
HOUR = 3600
STEP = 60


def box_of(tmp_path, boot):
    return Outbox(tmp_path / "outbox.sqlite", boot=boot, gateway="gw-0001")


def row(at, watts, quality=0):
    return Reading("SN-1", at, quality, "1.103", {"W": watts})


def seal(box, before, *, hold=False, clock=CLOCK_SYNCED):
    head = Window("gw-0001", "aa", 0, T0, STEP, 0, clock, {})
    return box.seal(before=before, window_s=HOUR, head=head, hold=hold)


def told(box):
    """Rows by clock and instant, of all chunks that wait."""
    return {
        (chunk.clock, chunk.t0 + chunk.dt * i): device.columns["W"][i]
        for chunk in (decode(one.payload) for one in box.waiting_chunks(1000))
        for device in chunk.devices
        for i, code in enumerate(device.quality)
        if code is not None
    }


@pytest.fixture
def box(tmp_path):
    made = box_of(tmp_path, "aa")
    yield made
    made.close()


def test_held_readings_wait_and_move_to_the_grid_when_the_time_arrives(box):
    box.append(
        [row(HOUR + STEP * i, i) for i in range(3)],
        [Event(HOUR, "SN-1", "state", 0, 2)],
        clock=CLOCK_UNSYNCED,
    )
    assert seal(box, 9 * HOUR, hold=True, clock=CLOCK_UNSYNCED) == 0
    assert box.waiting_events(hold=True) == []
    assert (box.held(), box.health(T0)) == (3, {"held": 3})
    box.restamp(T0 - HOUR + 29, STEP)
    assert box.held() == 0
    assert seal(box, T0 + HOUR) == 1
    assert told(box) == {(CLOCK_SYNCED, T0 + STEP * i): i for i in range(3)}
    event = json.loads(box.waiting_events()[0].payload)
    assert event["at"] == T0
    assert "clk" not in event


def test_what_is_sealed_unset_says_so_and_does_not_move(box):
    box.append([row(T0, 1)], [Event(T0, "SN-1", "state", 0, 2)], clock=CLOCK_UNSYNCED)
    assert seal(box, T0 + HOUR, clock=CLOCK_UNSYNCED) == 1
    assert json.loads(box.waiting_events()[0].payload)["clk"] == 0
    before = box.waiting_chunks()
    box.restamp(5 * HOUR, STEP)
    assert box.waiting_chunks() == before
    event = json.loads(box.waiting_events()[0].payload)
    assert (event["at"], event["clk"]) == (T0, 0), "it may be on its way"


def test_clocks_of_two_kinds_share_no_chunk(box):
    box.append([row(T0, 1)], clock=CLOCK_UNSYNCED)
    box.append([row(T0, 2), row(T0 + STEP, 3)])
    assert seal(box, T0 + HOUR) == 2
    assert told(box) == {
        (CLOCK_UNSYNCED, T0): 1,
        (CLOCK_SYNCED, T0): 2,
        (CLOCK_SYNCED, T0 + STEP): 3,
    }


def test_two_starts_without_a_clock_are_two_stories(tmp_path):
    """Both began at the same floor: the same instants are not the same."""
    for boot, watts in (("aa", 1), ("bb", 2)):
        box = box_of(tmp_path, boot)
        box.append([row(T0, watts)], [Event(T0, "SN-1", "state", 0, 2)], clock=CLOCK_UNSYNCED)
        box.close()
    box = box_of(tmp_path, "cc")
    box.append([row(T0, 3)], clock=CLOCK_UNSYNCED)
    assert len(box.waiting_events(hold=True)) == 2, "nobody will know their time any more"
    assert seal(box, 0, hold=True, clock=CLOCK_UNSYNCED) == 2
    box.restamp(HOUR, STEP)
    assert seal(box, T0 + 2 * HOUR) == 1
    found = [decode(one.payload) for one in box.waiting_chunks()]
    assert [(one.clock, one.t0, one.devices[0].columns["W"][0]) for one in found] == [
        (1, T0 + HOUR, 3),
        (0, T0, 2),
        (0, T0, 1),
    ]
    box.close()


@pytest.mark.parametrize(
    ("there", "moved", "stays"),
    [
        pytest.param((7, 0), (None, 2), 7, id="silence does not replace an answer"),
        pytest.param((None, 2), (8, 0), 8, id="an answer replaces silence"),
        pytest.param((7, 0), (8, 3), 7, id="part does not replace the whole"),
        pytest.param((7, 4), (8, 3), 8, id="of two poor ones the moved one"),
    ],
)
def test_where_two_meet_the_better_stays(box, there, moved, stays):
    box.append([row(T0, *there)])
    box.append([row(T0 - HOUR, *moved)], clock=CLOCK_UNSYNCED)
    box.restamp(HOUR, STEP)
    seal(box, T0 + HOUR)
    assert told(box) == {(CLOCK_SYNCED, T0): stays}


@pytest.mark.parametrize("shift", [STEP, -STEP, HOUR, 7, -7, 30, 31])
def test_a_clock_put_right_again_moves_what_this_start_read(tmp_path, shift):
    box = box_of(tmp_path, "aa")
    box.append([row(T0 - STEP, 99)])
    box.close()
    box = box_of(tmp_path, "bb")
    box.append([row(T0 + STEP * i, i) for i in range(1, 50)])
    box.restamp(shift, STEP, was=CLOCK_SYNCED)
    seal(box, T0 + 9 * HOUR)
    moved = (shift + STEP // 2) // STEP * STEP
    found = told(box)
    assert found.pop((1, T0 - STEP)) == 99
    assert found == {(1, T0 + STEP * i + moved): i for i in range(1, 50)}
    box.close()


def test_a_clock_set_by_hand_moves_and_stays_flagged(box):
    box.append([row(HOUR, 1)], clock=CLOCK_UNSYNCED)
    box.restamp(T0 - HOUR, STEP, becomes=CLOCK_UNSYNCED)
    assert box.held() == 1
    seal(box, T0 + HOUR)
    assert told(box) == {(CLOCK_UNSYNCED, T0): 1}


def test_the_last_believed_time_is_on_disk_with_what_is_written(tmp_path):
    box = box_of(tmp_path, "aa")
    assert box.floor() == 0
    box.remember_time(T0 + 0.5)
    assert box.floor() == 0, "no write of its own"
    box.append([row(T0, 1)])
    assert box.floor() == T0
    box.remember_time(T0 + 299)
    box.append([row(T0, 1)])
    assert box.floor() == T0, "not for every minute"
    box.remember_time(T0 - HOUR)
    box.append([row(T0, 1)])
    box.close()
    again = box_of(tmp_path, "bb")
    assert again.floor() == T0 - HOUR, "a time that was wrong does not stay"
    again.close()
