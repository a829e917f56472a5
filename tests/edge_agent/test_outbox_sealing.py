"""What a chunk may hold: two views of one serial number, fine steps, many devices."""

import sqlite3
from collections import Counter

import pytest

from cloud.telemetry.chunk import decode
from edge_agent.dictionary import COLUMNS
from edge_agent.queue.outbox import Outbox
from edge_agent.reading import Reading, Window

T0 = 1_782_000_000
HOUR = 3600
HEAD = Window("gw-0001", "aa", 0, T0, 60, 0, 1, {})
INVERTER, BATTERY, METER = "1.103.160", "sungrow-sh", "zz-meter"


@pytest.fixture
def box(tmp_path):
    box = Outbox(tmp_path / "outbox.sqlite", boot="aa", gateway="gw-0001")
    yield box
    box.close()


def sealed(box, window_s=HOUR, head=HEAD):
    box.seal(before=T0 + window_s, window_s=window_s, head=head)
    return [decode(one.payload) for one in box.waiting_chunks(1000)]


def rows(chunks):
    """Every known value, by device, instant and column; none may be there twice."""
    found = [
        ((device.serial, chunk.t0 + chunk.dt * i, name), values[i])
        for chunk in chunks
        for device in chunk.devices
        for i, code in enumerate(device.quality)
        if code is not None
        for name, values in device.columns.items()
        if values[i] is not None
    ]
    assert max(Counter(key for key, _ in found).values()) == 1
    return dict(found)


def test_two_devices_that_give_one_serial_number_are_told_apart(box):
    for i in range(60):
        at = T0 + 60 * i
        box.append(
            [
                Reading("0000", at, 0, BATTERY, {"W": 5000 + i}),
                Reading("0000", at, 0, INVERTER, {"W": i, "WH": 70 + i}),
            ]
        )
    found = rows(sealed(box))
    assert len(found) == 180
    assert found["0000", T0 + 60, "W"] == 1
    assert found["0000~2", T0 + 60, "W"] == 5001
    assert box.lost == 0


def test_two_views_of_one_device_become_one(box):
    for i in range(60):
        at = T0 + 60 * i
        box.append(
            [
                Reading("SN-1", at, 0, INVERTER, {"W": i, "SoC": None}),
                Reading("SN-1", at, 3 if i == 1 else 0, BATTERY, {"SoC": 500}),
                Reading("SN-1", at, 2, METER, {}),
            ]
        )
    (chunk,) = sealed(box)
    (device,) = chunk.devices
    assert device.layout == INVERTER
    assert device.columns == {"W": tuple(range(60)), "SoC": (500,) * 60}
    assert device.quality == (0, 3, *[0] * 58)


def test_a_device_whose_layout_changed_stays_one(box):
    box.append([Reading("SN-1", T0 + 60 * i, 0, INVERTER, {"W": i}) for i in range(30)])
    box.append([Reading("SN-1", T0 + 60 * i, 0, BATTERY, {"W": i}) for i in range(30, 60)])
    (chunk,) = sealed(box)
    assert [device.serial for device in chunk.devices] == ["SN-1"]
    assert len(rows([chunk])) == 60


@pytest.mark.parametrize(("window_s", "step"), [(86_400, 20), (HOUR, 1), (3 * HOUR, 7)])
def test_left_overs_of_a_fine_step_keep_their_instants(box, window_s, step):
    at = T0 - T0 % window_s
    instants = [at + step * i for i in range(min(200, window_s // step))]
    box.append([Reading("SN-1", one, 0, INVERTER, {"W": one - at}) for one in instants])
    box.append([Reading("SN-1", at + window_s - 900, 0, INVERTER, {"W": 7})])
    box.seal(before=at + window_s, window_s=window_s, head=HEAD)
    chunks = [decode(one.payload) for one in box.waiting_chunks(1000)]
    found = rows(chunks)
    expected = {("SN-1", one, "W"): one - at for one in instants}
    assert found == expected | {("SN-1", at + window_s - 900, "W"): 7}
    assert box.lost == 0


def test_more_devices_than_a_chunk_takes_become_several(box):
    for i in range(2):
        box.append([Reading(f"SN-{n}", T0 + 60 * i, 0, INVERTER, {"W": n}) for n in range(70)])
    chunks = sealed(box)
    assert len(chunks) == 3
    assert len(rows(chunks)) == 140


def test_more_columns_than_a_section_takes_become_two(box):
    per_input = next(name for name in COLUMNS if name.endswith("_n")).removesuffix("_n")
    values = {f"{per_input}_{n}": n for n in range(1, 701)}
    box.append([Reading("SN-1", T0, 0, INVERTER, values)])
    chunks = sealed(box)
    found = rows(chunks)
    assert {name: value for (_, _, name), value in found.items()} == values
    assert {serial for serial, _, _ in found} == {"SN-1", "SN-1~2"}


def test_an_instant_of_many_devices_that_is_too_large_becomes_several(box):
    per_input = next(name for name in COLUMNS if name.endswith("_n")).removesuffix("_n")
    for n in range(32):
        values = {f"{per_input}_{i}": hash((n, i, "x")) % 2**62 for i in range(1, 501)}
        box.append([Reading(f"SN-{n}", T0, 0, INVERTER, values)])
    head = Window("gw-0001", "aa", 0, T0, HOUR, 0, 1, {})
    chunks = sealed(box, head=head)
    assert len(chunks) > 1
    assert len(rows(chunks)) == 32 * 500


def test_the_queue_of_an_agent_before_gets_the_new_key(tmp_path):
    path = tmp_path / "outbox.sqlite"
    Outbox(path).close()
    db = sqlite3.connect(path)
    db.executescript(
        "DROP TABLE readings; DROP TABLE salvage; PRAGMA user_version = 1; CREATE TABLE readings ("
        "at INTEGER NOT NULL, serial TEXT NOT NULL, scale TEXT NOT NULL, boot TEXT NOT NULL, "
        "quality INTEGER NOT NULL, layout TEXT NOT NULL, cells TEXT NOT NULL, "
        "PRIMARY KEY (at, serial, scale)) WITHOUT ROWID;"
        f"INSERT INTO readings VALUES ({T0}, 'SN-1', '', 'aa', 0, '1.103', '{{\"W\":5}}');"
    )
    db.close()
    box = Outbox(path, boot="bb", gateway="gw-0001")
    assert box.aside_at is None
    box.append([Reading("SN-1", T0, 0, BATTERY, {"W": 6})])
    assert {key[0]: value for key, value in rows(sealed(box)).items()} == {
        "SN-1": 5,
        "SN-1~2": 6,
    }
    box.close()
