"""The queue stays within its limits: what goes first, what is counted, what it costs."""

import os
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cloud.telemetry.chunk import decode
from edge_agent.dictionary import CLOCK_UNSYNCED
from edge_agent.queue.caps import count_rows, thin
from edge_agent.queue.file import opened
from edge_agent.queue.outbox import Outbox
from edge_agent.reading import Reading, Window

T0 = 1_782_000_000
HOUR = 3600
DAY = 86_400
LOG_BYTES = 1_150_000
"""The log beside the file: of the 64 MB that are kept it has its share."""
HEAD = Window("gw-0001", "aa", 0, T0, 60, 0, 1, {"up": 1})


@pytest.fixture
def tmp_path():
    """A folder in memory where there is one: the flush of a disk shows nothing here."""
    in_memory = Path("/dev/shm")  # noqa: S108
    with TemporaryDirectory(dir=in_memory if os.access(in_memory, os.W_OK) else None) as folder:
        yield Path(folder)


def box_of(tmp_path, **limits):
    return Outbox(tmp_path / "outbox.sqlite", boot="aa", gateway="gw-0001", **limits)


def noise(*key):
    """A number that cannot be packed with the others."""
    return int.from_bytes(sha256(repr(key).encode()).digest()[:4])


def readings(hour, count=60, quality=0):
    return [
        Reading(
            "SN-1",
            T0 + HOUR * hour + 60 * i,
            quality,
            "1.103",
            {
                "WH": 60 * hour + i,
                **{f"DCW_{n}": noise(hour, i, n) for n in range(1, 9)},
            },
        )
        for i in range(count)
    ]


def fill(box, hours):
    for hour in hours:
        box.append(readings(hour))
        box.seal(before=T0 + HOUR * (hour + 1), window_s=HOUR, head=HEAD)


def size_of(tmp_path):
    return sum(one.stat().st_size for one in tmp_path.glob("outbox.sqlite*"))


def known(box):
    """Instants that are told, with their counters."""
    return {
        chunk.t0 + chunk.dt * i: chunk.devices[0].columns["WH"][i]
        for chunk in (decode(one.payload) for one in box.waiting_chunks(100_000))
        for i, code in enumerate(chunk.devices[0].quality)
        if code is not None
    }


def test_the_file_does_not_grow_beyond_its_limit(tmp_path):
    keep_mb = 0.15
    box = box_of(tmp_path, keep_mb=keep_mb)
    largest = 0
    hours = 400
    for hour in range(hours):
        fill(box, [hour])
        largest = max(largest, size_of(tmp_path) if hour % 10 == 0 else 0)
    found = known(box)
    assert box.lost > 0
    assert box.thin > 0
    assert len(found) + box.lost + box.thin == 60 * hours, "every reading is accounted for"
    assert all(value == (at - T0) // 60 for at, value in found.items())
    assert (tmp_path / "outbox.sqlite").stat().st_size <= keep_mb * 2**20
    assert largest <= keep_mb * 2**20 + LOG_BYTES
    assert max(found) == T0 + HOUR * hours - 60, "the newest is there"
    oldest = min(found)
    assert sorted(found)[:4] == [oldest + 900 * i for i in range(4)], "thinned, not dropped"
    lost, thinned = box.lost, box.thin
    box.close()
    again = box_of(tmp_path, keep_mb=keep_mb)
    assert (again.lost, again.thin) == (lost, thinned)
    assert again.health(T0)["lost"] == lost
    again.close()


def test_acknowledged_chunks_go_first_but_not_those_asked_for(tmp_path):
    box = box_of(tmp_path, keep_mb=0.5)
    fill(box, range(60))
    assert box.thin == 0
    box.acknowledge(chunks=range(1, 41), events=[], at=T0)
    box.send_again("a", [(3, 4)], at=T0)
    fill(box, range(60, 110))
    assert (box.thin, box.lost) == (0, 0)
    assert [one.number for one in box.waiting_again()] == [4, 3]
    assert box.counts()["kept_chunks"] < 40
    box.close()


def test_a_thinned_chunk_has_another_number_and_the_old_one_is_gone(tmp_path):
    box = box_of(tmp_path, keep_mb=0.2)
    seen = {}
    for hour in range(100):
        fill(box, [hour])
        for one in box.waiting_chunks(1000):
            assert seen.setdefault(one.number, one.payload) == one.payload
    assert all(decode(payload).seq == number for number, payload in seen.items())
    assert box.thin > 0
    waiting = {one.number for one in box.waiting_chunks(1000)}
    answer = box.send_again("a", [(1, 50)], at=T0)
    assert answer.gone == len(set(range(1, 51)) - waiting)
    newest = [decode(one.payload).t0 for one in box.waiting_chunks(1000)]
    assert newest == sorted(newest, reverse=True), "thinned ones are still the oldest"
    box.close()


def test_what_is_too_old_is_dropped_and_counted(tmp_path):
    box = box_of(tmp_path, keep_days=2)
    fill(box, range(72))
    assert box.lost == 60 * 23
    assert min(known(box)) == T0 + 23 * HOUR
    assert box.oldest_age_s(T0 + 72 * HOUR) == 48 * HOUR
    box.close()


def test_without_a_time_nothing_is_too_old(tmp_path):
    """Sealed in 1970, by a start that never knew better: not 56 years old when the time comes."""
    box = box_of(tmp_path, keep_days=2)
    box.append([Reading("SN-1", HOUR, 0, "1.103", {"WH": 1})], clock=CLOCK_UNSYNCED)
    unset = Window("gw-0001", "aa", 0, 0, 60, 0, CLOCK_UNSYNCED, {})
    assert box.seal(before=2 * HOUR, window_s=HOUR, head=unset) == 1
    assert box.oldest_age_s(T0) is None
    box.append([Reading("SN-1", T0, 0, "1.103", {"WH": 1})])
    box.seal(before=T0 + HOUR, window_s=HOUR, head=HEAD)
    assert (box.depth(), box.lost) == (2, 0)
    box.close()


def test_readings_that_are_held_for_weeks_are_thinned_too(tmp_path):
    box = box_of(tmp_path, keep_mb=0.4)
    unset = Window("gw-0001", "aa", 0, 0, 60, 0, CLOCK_UNSYNCED, {})
    for hour in range(200):
        box.append(readings(hour), clock=CLOCK_UNSYNCED)
        box.seal(before=T0 + HOUR * hour, window_s=HOUR, head=unset, hold=True)
    assert box.thin > 0
    assert box.held() + box.thin + box.lost == 200 * 60
    assert box.used_bytes() <= 0.4 * 2**20
    box.restamp(60, 60)
    # What goes into chunks now takes less room than it did.
    box.seal(before=T0 + 300 * HOUR, window_s=HOUR, head=HEAD)
    assert len(known(box)) + box.thin + box.lost == 200 * 60
    box.close()


def test_thinning_keeps_the_first_answer_of_each_quarter(tmp_path):
    box = box_of(tmp_path)
    rows = [
        Reading("SN-1", T0 + 60 * i, 2 if i < 20 else 0, "1.103", {} if i < 20 else {"WH": i})
        for i in range(40)
    ]
    box.append(rows)
    box.seal(before=T0 + HOUR, window_s=HOUR, head=HEAD)
    message = opened(box.waiting_chunks()[0].payload)
    assert thin(message) == 37
    assert count_rows(message) == 3
    (section,) = message["dev"]
    assert {i: code for i, code in enumerate(section["q"]) if code is not None} == {
        0: 2,
        20: 0,
        30: 0,
    }
    assert {i: v for i, v in enumerate(section["cols"]["WH"]) if v is not None} == {20: 20, 30: 30}
    assert thin(message) == 0
    box.close()


def test_a_storm_of_events_has_an_end(tmp_path):
    box = box_of(tmp_path, keep_mb=0.5)
    for i in range(40):
        box.append([], [b"%05d" % (500 * i + n) * 10 for n in range(500)])
    waiting = box.waiting_events(100_000)
    assert len(waiting) <= 10_500
    assert waiting[-1].payload == b"19999" * 10, "the newest is there"
    assert len(waiting) + box.lost_events == 20_000
    box.close()
