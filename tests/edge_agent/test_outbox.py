"""The queue: what was kept stays kept, numbers are used once, what was sent can be sent again."""

import json
import sqlite3
from collections import Counter
from hashlib import sha256

import pytest

from cloud.telemetry.chunk import decode
from edge_agent.queue.outbox import Answer, DeviceState, Outbox
from edge_agent.reading import Event, Reading, Window, event_text

T0 = 1782000000
HEAD = Window("gw-0001", "5f", 0, T0, 900, 0, 1, {"up": 1})


@pytest.fixture
def outbox(tmp_path):
    box = Outbox(tmp_path / "deep" / "outbox.sqlite")
    yield box
    box.close()


def row(at, watts, quality=0):
    return Reading("SN-1", at, quality, "1.103", {"W": watts})


def seal(outbox, before):
    return outbox.seal(before=before, window_s=3600, head=HEAD)


def test_readings_become_one_chunk_per_window(outbox):
    outbox.append([row(T0 + 900 * i, i) for i in range(6)])
    assert seal(outbox, T0) == 0, "the window is not over"
    assert seal(outbox, T0 + 3600) == 1
    assert seal(outbox, T0 + 3600) == 0, "sealed once"
    assert seal(outbox, T0 + 7200) == 1
    newest, oldest = (decode(waiting.payload) for waiting in outbox.waiting_chunks())
    assert (oldest.seq, oldest.t0, oldest.dt, oldest.n) == (1, T0, 900, 4)
    assert oldest.devices[0].columns == {"W": (0, 1, 2, 3)}
    assert newest.devices[0].columns == {"W": (4, 5, None, None)}
    assert newest.devices[0].quality == (0, 0, None, None)


def test_a_number_is_never_used_again(outbox, tmp_path):
    for i in range(3):
        outbox.append([row(T0 + 3600 * i, 1)])
        seal(outbox, T0 + 3600 * (i + 1))
    outbox.acknowledge(chunks=[1, 2, 3], events=[], at=T0)
    outbox.acknowledge(chunks=[], events=[], at=T0 + 8 * 86400)
    assert outbox.counts()["kept_chunks"] == 0
    outbox.close()
    again = Outbox(tmp_path / "deep" / "outbox.sqlite")
    again.append([row(T0, 1)])
    seal(again, T0 + 3600)
    assert [waiting.number for waiting in again.waiting_chunks()] == [4]
    again.close()


def test_acknowledged_chunks_are_kept_and_sent_again_on_request(outbox):
    for i in range(3):
        outbox.append([row(T0 + 3600 * i, 1)])
        seal(outbox, T0 + 3600 * (i + 1))
    before = {waiting.number: waiting.payload for waiting in outbox.waiting_chunks()}
    outbox.acknowledge(chunks=[1, 2, 3], events=[], at=T0)
    assert outbox.depth() == 0
    outbox.acknowledge(chunks=[], events=[], at=T0 + 7 * 86400)
    assert outbox.send_again("RS-1", [(2, 9)], at=T0 + 7 * 86400) == Answer(put_back=2, gone=6)
    assert {w.number: w.payload for w in outbox.waiting_again()} == {2: before[2], 3: before[3]}


def test_of_two_readings_of_one_instant_silence_loses(outbox):
    outbox.append([row(T0, 7)])
    outbox.append([row(T0, None, quality=2)])
    outbox.append([row(T0 + 900, None, quality=2)])
    outbox.append([row(T0 + 900, 8)])
    seal(outbox, T0 + 3600)
    device = decode(outbox.waiting_chunks()[0].payload).devices[0]
    assert device.quality == (0, 0, None, None)
    assert device.columns["W"] == (7, 8, None, None)


def test_a_reading_for_a_sealed_window_gets_its_own_chunk(outbox):
    for watts in (1, 2):
        outbox.append([row(T0, watts)])
        seal(outbox, T0 + 3600)
    assert [decode(w.payload).key for w in outbox.waiting_chunks()] == [
        ("gw-0001", T0, 2),
        ("gw-0001", T0, 1),
    ]


def test_append_is_all_or_nothing(outbox):
    bad = Reading("SN-1", T0, 0, None, {})
    with pytest.raises(sqlite3.IntegrityError):
        outbox.append([row(T0, 1), bad], [b"event"])
    assert outbox.counts()["readings"] == 0
    assert outbox.counts()["events"] == 0


def test_states_survive(outbox, tmp_path):
    state = DeviceState("SN-1", "1.103", 5, {"Evt1": 4})
    outbox.append([], [b"one"], {"roof": state})
    outbox.close()
    again = Outbox(tmp_path / "deep" / "outbox.sqlite")
    assert again.states() == {"roof": state}
    assert [waiting.payload for waiting in again.waiting_events()] == [b"one"]
    again.close()


def test_extra_survives_and_unknown_entries_of_a_state_are_passed_over(outbox, tmp_path):
    state = DeviceState("SN-1", "1.103", None, {}, {"WH": 12, "pv": None, "from": "10.0.0.7"})
    outbox.append([], (), {"roof": state})
    assert outbox.states() == {"roof": state}
    outbox._db.execute(
        "INSERT INTO devices VALUES "
        """('new', '{"serial":"a","label":"b","quality":0,"alarms":{},"later":1}')"""
    )
    outbox.close()
    again = Outbox(tmp_path / "deep" / "outbox.sqlite")
    assert again.states() == {"roof": state, "new": DeviceState("a", "b", 0, {})}
    again.close()


def test_live_and_late_are_told_apart_and_both_come_newest_first(outbox):
    for i in (2, 0, 1, 3):  # sealed in another order than they happened
        outbox.append([row(T0 + 3600 * i, i)])
        seal(outbox, T0 + 4 * 3600)
    assert [one.number for one in outbox.waiting_live(T0 + 7200)] == [4, 1]
    assert [one.number for one in outbox.waiting_backfill(T0 + 7200)] == [3, 2]
    assert [one.number for one in outbox.waiting_backfill(T0 + 7200, 1)] == [3]
    assert [one.until for one in outbox.waiting_chunks()] == [T0 + 3600 * i for i in (4, 3, 2, 1)]


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        pytest.param(0, 2, 0, id="silence after an answer"),
        pytest.param(2, 3, 3, id="part of an answer after silence"),
        pytest.param(0, 3, 0, id="part of an answer after all of it"),
        pytest.param(1, 4, 1, id="doubt after sleep"),
        pytest.param(4, 0, 0, id="all of it after doubt"),
        pytest.param(3, 4, 4, id="the later of two poor ones"),
        pytest.param(0, 5, 5, id="the later of two good ones"),
        pytest.param(5, 1, 1, id="a fault does not last"),
    ],
)
def test_the_better_of_two_stays(outbox, first, second, kept):
    outbox.append([row(T0, 1, first)])
    outbox.append([row(T0, 2, second)])
    seal(outbox, T0 + 3600)
    assert decode(outbox.waiting_chunks()[0].payload).devices[0].quality[0] == kept


def test_another_step_within_a_window_loses_no_reading(outbox):
    outbox.append([row(T0 + 60 * i, i) for i in range(30)])
    outbox.append([row(T0 + 2700, 99)])
    seal(outbox, T0 + 3600)
    chunk = decode(outbox.waiting_chunks()[0].payload)
    assert (chunk.dt, chunk.n) == (60, 60)
    known = [value for value in chunk.devices[0].columns["W"] if value is not None]
    assert known == [*range(30), 99]


def noise(*key):
    """A number that cannot be packed with the others."""
    return int.from_bytes(sha256(repr(key).encode()).digest()[:7])


def test_what_is_too_large_for_one_message_becomes_several(outbox):
    head = Window("gw-0001", "5f", 0, T0, 60, 0, 1, {})
    for i in range(60):
        outbox.append(
            Reading(
                f"SN-{n}",
                T0 + 60 * i,
                0,
                "1.103",
                {f"DCW_{k}": noise(i, n, k) for k in range(1, 11)},
            )
            for n in range(32)
        )
    outbox.seal(before=T0 + 3600, window_s=3600, head=head)
    chunks = [decode(one.payload) for one in outbox.waiting_chunks()]
    assert len(chunks) > 1
    assert len({chunk.key for chunk in chunks}) == len(chunks)
    rows = Counter(
        (device.serial, chunk.t0 + chunk.dt * i)
        for chunk in chunks
        for device in chunk.devices
        for i, code in enumerate(device.quality)
        if code is not None
    )
    assert len(rows) == 1920
    assert set(rows.values()) == {1}


def test_an_event_is_made_into_text_when_it_is_read(tmp_path):
    box = Outbox(tmp_path / "outbox.sqlite", boot="5f", gateway="gw-0001")
    events = [Event(T0, "SN-1", "state", None, 2), Event(T0, "SN-1", "alarm", 0, 4, "Evt1")]
    box.append([], events)
    assert [json.loads(one.payload) for one in box.waiting_events()] == [
        json.loads(event_text(event, gateway="gw-0001", boot="5f")) for event in events
    ]
    box.close()
