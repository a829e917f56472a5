from datetime import UTC, date, datetime, timedelta

import pytest

from cloud.detection.daylight import Place, first_light, is_daylight
from cloud.detection.meters import arrived, is_clock_wrong, stood_still, turned_back
from cloud.telemetry.chunk import decode
from cloud.telemetry.models import Sample
from cloud.telemetry.ports import StoredChunk
from edge_agent.reading import Reading, Window, seal

RALEIGH = Place(35.7, -78.6)
NOON = datetime(2026, 6, 8, 17, tzinfo=UTC)
MIDNIGHT = datetime(2026, 6, 8, 5, tzinfo=UTC)


def rows(powers, counters, *, minutes=15, start=NOON, **columns):
    counters = counters if counters is not None else [None] * len(powers)
    return [
        Sample(start + timedelta(minutes=minutes * step), 0, {"W": power, "WH": wh, **columns})
        for step, (power, wh) in enumerate(zip(powers, counters, strict=True))
    ]


def steps(first: int, by: int, count: int) -> list[int]:
    return [first + by * step for step in range(count)]


@pytest.mark.rule("D-86")
@pytest.mark.rule("D-86a")
@pytest.mark.rule("D-86b")
@pytest.mark.rule("D-86c")
@pytest.mark.parametrize(
    ("samples", "stuck"),
    [
        pytest.param(rows([4000] * 8, [777] * 8), True, id="nothing moves"),
        pytest.param(rows(steps(4000, 7, 8), [777] * 8), True, id="the counter does not move"),
        pytest.param(rows([4000] * 8, steps(777, 300, 8)), True, id="the power does not move"),
        pytest.param(
            rows([4000] * 8, steps(777, 1000, 8)), False, id="clipped: counter goes along"
        ),
        pytest.param(rows(steps(4000, 7, 8), steps(777, 1000, 8)), False, id="all is well"),
        pytest.param(rows([4000] * 5, [777] * 5), False, id="five samples"),
        pytest.param(rows([4000] * 6, [777] * 6, minutes=12), False, id="six in just an hour"),
        pytest.param(rows([4000] * 6, [777] * 6, minutes=13), True, id="six in more than an hour"),
        pytest.param(rows([4000] * 6, [777] * 6, minutes=61), False, id="far apart"),
        pytest.param(rows([4000] * 8, [777] * 8, start=MIDNIGHT), False, id="by night"),
        pytest.param(rows([0] * 8, [777] * 8), False, id="it makes nothing, and says so"),
        pytest.param(rows([60, 61] * 5, [777] * 10), False, id="a few watts under snow"),
        pytest.param(
            rows(steps(800, 1, 8), [9000] * 8), False, id="a counter of whole kilowatt-hours"
        ),
        pytest.param(rows(steps(4000, 1, 8), [9000] * 8), True, id="which stands for too long"),
        pytest.param(rows([4000] * 8, None), True, id="power that stands still, no counter"),
        pytest.param(rows([4000] * 8, None, St=5), False, id="held back, no counter"),
        pytest.param(rows(steps(4000, 1, 8), None), False, id="power that moves, no counter"),
        pytest.param(rows([4000] * 8, [777, *[None] * 7]), True, id="a counter known at one end"),
    ],
)
def test_a_meter_that_stands_still(samples, stuck):
    still, moved = stood_still(samples, RALEIGH)
    assert bool(still) is stuck
    assert not still & moved


@pytest.mark.rule("D-86")
def test_still_are_the_samples_of_the_run_and_moving_are_those_behind_it():
    samples = rows([4000] * 8 + [4100, 4200], [777] * 8 + [1802, 2852])
    still, moved = stood_still(samples, RALEIGH)
    assert still == {row.at for row in samples[:8]}
    assert moved == {row.at for row in samples[8:]}


@pytest.mark.rule("D-87")
@pytest.mark.parametrize(
    ("counters", "fell", "rose"),
    [
        pytest.param([10, 20, 20], [], [1, 2], id="never falls"),
        pytest.param([20, 19], [1], [], id="falls by one"),
        pytest.param([20, None, 19, 21], [2], [3], id="falls across a hole"),
        pytest.param([5_000_000, 0], [1], [], id="begins anew"),
        pytest.param([2**32 - 100, 50], [], [1], id="goes round in watt-hours"),
        pytest.param([2**32 * 10 - 1000, 500], [], [1], id="goes round in tens"),
        pytest.param([2**32 - 100, 1_000_000], [1], [], id="a round that made too much"),
        pytest.param([None, 5, None], [], [], id="a single value"),
    ],
)
def test_a_counter_that_goes_back(counters, fell, rose):
    samples = rows([1] * len(counters), counters)
    back, on = turned_back(samples)
    assert back == {samples[place].at for place in fell}
    assert on == {samples[place].at for place in rose}


@pytest.mark.rule("D-88")
def test_what_a_chunk_tells_of_the_clock():
    t0 = 1_780_000_000 // 3600 * 3600
    window = Window("gw-1", "5f", 1, t0, 900, 4, 1)
    readings = [Reading("SN", t0 + 900 * step, 0, "1.103", {"W": 5}) for step in (0, 1)]
    payload = seal(window, readings)
    start = datetime.fromtimestamp(t0, UTC)
    came = start + timedelta(minutes=16)
    one = arrived(StoredChunk("gw-1", start, 1, payload, came), decode(payload))
    assert (one.at, one.newest_at, one.is_clock_set) == (came, start + timedelta(minutes=15), True)
    assert not is_clock_wrong(one)
    early = arrived(
        StoredChunk("gw-1", start, 1, payload, start - timedelta(seconds=1)), decode(payload)
    )
    assert is_clock_wrong(early)


@pytest.mark.rule("D-82")
@pytest.mark.parametrize(
    ("at", "place", "is_day"),
    [
        pytest.param(NOON, RALEIGH, True, id="noon in June"),
        pytest.param(datetime(2026, 12, 21, 17, tzinfo=UTC), RALEIGH, True, id="noon in December"),
        pytest.param(MIDNIGHT, RALEIGH, False, id="midnight"),
        pytest.param(
            datetime(2026, 6, 8, 10, 40, tzinfo=UTC), RALEIGH, False, id="sun at 7 degrees"
        ),
        pytest.param(datetime(2026, 6, 8, 11, 10, tzinfo=UTC), RALEIGH, True, id="at 13 degrees"),
        pytest.param(datetime(2026, 12, 21, 12, tzinfo=UTC), Place(70, 0), False, id="polar night"),
        pytest.param(datetime(1970, 1, 1, 17, tzinfo=UTC), RALEIGH, True, id="a clock never set"),
    ],
)
def test_daylight(at, place, is_day):
    assert is_daylight(at, place) is is_day


@pytest.mark.rule("D-82")
def test_the_first_light_of_a_day():
    light = first_light(date(2026, 6, 8), RALEIGH, utc_offset_hours=-5)
    assert datetime(2026, 6, 8, 10, 45, tzinfo=UTC) <= light <= datetime(2026, 6, 8, 11, tzinfo=UTC)
    assert is_daylight(light, RALEIGH)
    assert not is_daylight(light - timedelta(minutes=15), RALEIGH)
    dark = first_light(date(2026, 12, 21), Place(70, 0), utc_offset_hours=0)
    assert dark == datetime(2026, 12, 21, 12, tzinfo=UTC)
