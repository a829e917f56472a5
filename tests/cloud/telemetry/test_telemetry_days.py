from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.telemetry.chunk import Chunk, DeviceSection
from cloud.telemetry.days import day_of_energy, samples_of, standard_day, start_of
from cloud.telemetry.models import DayOfEnergy, Sample
from cloud.telemetry.policy import COUNTER_SLACK, FIRST

DAY = date(2026, 6, 8)
OFFSET = -5
MIDNIGHT = datetime(2026, 6, 8, tzinfo=timezone(timedelta(hours=OFFSET)))
OK, ASLEEP, UNREACHABLE = 0, 1, 2
HOUR = timedelta(hours=1)
T0 = 1_782_064_800


def chunk(seq: int, values, *, t0: int = T0, clock: int = 1, serial: str = "SN-1") -> Chunk:
    quality = tuple(None if value is None else OK for value in values)
    section = DeviceSection(serial, "1.103", quality, {"WH": tuple(values)})
    return Chunk(1, "gw-1", "5f", seq, t0, 900, len(values), clock, 1, {}, (section,))


def counters(samples) -> list[tuple[int, int | None]]:
    return [(int(row.at.timestamp() - T0) // 900, row.columns["WH"]) for row in samples]


@pytest.mark.parametrize(
    ("chunks", "rows"),
    [
        pytest.param([chunk(1, [5, 6])], [(0, 5), (1, 6)], id="one chunk"),
        pytest.param([chunk(1, [5, 6]), chunk(1, [5, 6])], [(0, 5), (1, 6)], id="twice"),
        pytest.param(
            [chunk(2, [7], t0=T0 + 900), chunk(1, [5])], [(0, 5), (1, 7)], id="out of order"
        ),
        pytest.param([chunk(1, [5, None]), chunk(2, [None, 6])], [(0, 5), (1, 6)], id="a union"),
        pytest.param([chunk(2, [9]), chunk(1, [5])], [(0, 9)], id="the higher sequence stands"),
        pytest.param(
            [chunk(1, [5]), chunk(2, [9], clock=0)], [(0, 5)], id="a clock that was not set"
        ),
        pytest.param([chunk(2, [9], clock=0)], [(0, 9)], id="nothing better is known"),
        pytest.param(
            [chunk(7, [5, 6], clock=0), chunk(3, [None, 8])],
            [(0, 5), (1, 8)],
            id="where the clock was set stands, the rest is all that is known",
        ),
        pytest.param(
            [chunk(1, [5, 6, 7, 8]), chunk(9, [5, None, None, None])],
            [(0, 5), (1, 6), (2, 7), (3, 8)],
            id="thinned, after the whole one had arrived",
        ),
        pytest.param([chunk(1, [None, 6])], [(1, 6)], id="no reading for a row"),
        pytest.param([chunk(1, [])], [], id="an empty window"),
    ],
)
def test_samples(chunks, rows):
    assert counters(samples_of(chunks)["SN-1"]) == rows


def test_samples_of_two_devices_and_their_models():
    samples = samples_of([chunk(1, [5]), chunk(2, [6], serial="SN-2")])
    assert set(samples) == {"SN-1", "SN-2"}
    assert samples["SN-2"][0] == Sample(datetime.fromtimestamp(T0, UTC), OK, {"WH": 6}, "1.103")


chunk_lists = st.lists(
    st.builds(
        lambda values, window, clock: chunk(1, values, t0=T0 + 900 * window, clock=clock),
        st.lists(st.none() | st.integers(0, 99), min_size=1, max_size=4),
        st.integers(0, 3),
        st.integers(0, 1),
    ),
    max_size=6,
).map(lambda chunks: [replace(one, seq=n) for n, one in enumerate(chunks, 1)])


@settings(max_examples=80, deadline=None)
@given(chunk_lists, st.randoms(use_true_random=False))
def test_order_and_duplication_never_matter(chunks, shuffled):
    again = chunks + chunks[::2]
    shuffled.shuffle(again)
    assert samples_of(again) == samples_of(chunks)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        pytest.param("2026-06-08T04:59:59+00:00", date(2026, 6, 7), id="just before midnight"),
        pytest.param("2026-06-08T05:00:00+00:00", DAY, id="on midnight"),
        pytest.param("2026-06-08T00:30:00-04:00", date(2026, 6, 7), id="summer time is not kept"),
        pytest.param("2026-11-01T01:30:00-04:00", date(2026, 11, 1), id="night of the fold"),
        pytest.param("2028-02-29T23:59:59-05:00", date(2028, 2, 29), id="leap day"),
    ],
)
def test_standard_day(instant, day):
    assert standard_day(datetime.fromisoformat(instant), OFFSET) == day


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1), DAY], ids=str)
def test_every_day_has_24_hours(day):
    length = start_of(day + timedelta(days=1), OFFSET) - start_of(day, OFFSET)
    assert length == timedelta(hours=24)
    assert standard_day(start_of(day, OFFSET), OFFSET) == day


def row(hour: float, counter: int | None, quality: int = OK, layout: str = "1.103") -> Sample:
    columns = {} if quality == UNREACHABLE else {"WH": counter}
    return Sample(MIDNIGHT + timedelta(hours=hour), quality, columns, layout)


def battery(hour: float, quality: int = OK) -> Sample:
    return replace(row(hour, 0, quality), columns={"SoC": 500}, layout="1.802")


def energy(*devices, samples_expected: int = 24) -> DayOfEnergy:
    return day_of_energy(
        {str(n): rows for n, rows in enumerate(devices)},
        day=DAY,
        utc_offset_hours=OFFSET,
        samples_expected=samples_expected,
        rated_w=1000,
    )


def hourly(made: int = 2400, first: int = 0, last: int = 25) -> list[Sample]:
    return [row(hour, 1000 + made * hour // 24) for hour in range(first, last)]


@pytest.mark.rule("T-01")
@pytest.mark.parametrize(
    ("devices", "pv_wh"),
    [
        pytest.param([hourly()], 2400, id="exact counters"),
        pytest.param([hourly(), hourly(1200)], 3600, id="two inverters"),
        pytest.param([[row(0, 1000), row(24, 1700)]], 700, id="only the two ends"),
        pytest.param([[row(-2, 1000), row(26, 1700)]], 700, id="a gap of the whole slack"),
        pytest.param([[row(-2.01, 1000), row(12, 1300), row(24, 1700)]], None, id="beyond it"),
        pytest.param([[row(0, 1000), row(26.01, 1700)]], None, id="beyond it at the end"),
        pytest.param([[row(2, 1000), row(22, 1700)]], 700, id="first after, last before"),
        pytest.param(
            [[row(-1, 1000), row(1, 1050), row(23, 1700), row(25, 1800)]],
            700,
            id="the last known before midnight stands",
        ),
        pytest.param(
            [[row(-1, 1000), row(0, None), row(24, None), row(25, 1800)]],
            800,
            id="null at midnight is looked past",
        ),
        pytest.param([[row(0, None), row(1, None), row(24, 1700)]], None, id="null at the start"),
        pytest.param([[row(0, 1700), row(24, 1700)]], 0, id="made nothing"),
        pytest.param([], None, id="no device"),
        pytest.param([[]], None, id="no samples"),
        pytest.param([[battery(0), battery(24)]], None, id="only a battery"),
        pytest.param([hourly(), [battery(0), battery(24)]], 2400, id="a battery adds nothing"),
        pytest.param(
            [hourly(), [battery(12, UNREACHABLE)]], 2400, id="a silent battery hides nothing"
        ),
        pytest.param([hourly(), hourly(last=12)], None, id="a part of the site is not the site"),
        pytest.param(
            [hourly(), [row(hour, None, UNREACHABLE) for hour in range(25)]],
            None,
            id="an inverter that is silent all day is a part too",
        ),
        pytest.param([hourly(), [row(-30, 5), row(-20, 9)]], 2400, id="exchanged the day before"),
        pytest.param([hourly(), [row(30, 5), row(40, 9)]], 2400, id="added the day after"),
    ],
)
def test_energy_of_a_day(devices, pv_wh):
    assert energy(*devices).pv_wh == pv_wh


@pytest.mark.rule("T-02")
@pytest.mark.parametrize(
    ("closing", "pv_wh"),
    [
        pytest.param(999, None, id="the counter fell"),
        pytest.param(1000, 0, id="stood still"),
        pytest.param(25_000, 24_000, id="all the rating could make"),
        pytest.param(25_001, None, id="jumped beyond it"),
    ],
)
def test_counters_that_are_not_believed(closing, pv_wh):
    assert energy([row(0, 1000), row(24, closing)]).pv_wh == pv_wh


@pytest.mark.parametrize(
    ("devices", "expected", "completeness"),
    [
        pytest.param([hourly()], 24, 1.0, id="whole"),
        pytest.param([hourly(last=12)], 24, 0.5, id="half a day"),
        pytest.param([hourly()], 12, 1.0, id="more than expected is whole"),
        pytest.param([hourly(), hourly(first=6)], 24, 0.75, id="the inverter with most gaps"),
        pytest.param(
            [[row(h, None, UNREACHABLE if h % 2 else ASLEEP) for h in range(24)]],
            24,
            0.5,
            id="asleep is a sample, silent is none",
        ),
        pytest.param([], 24, 0.0, id="nothing"),
    ],
)
def test_completeness(devices, expected, completeness):
    assert energy(*devices, samples_expected=expected).completeness == completeness


@pytest.mark.rule("T-01")
@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)], ids=["gap", "fold"])
def test_nights_of_the_clock_change_do_not_matter(day):
    start = datetime(day.year, day.month, day.day, tzinfo=MIDNIGHT.tzinfo)
    rows = [Sample(start + timedelta(hours=h), OK, {"WH": 100 * h}) for h in range(-3, 28)]
    found = day_of_energy(
        {"inverter": rows}, day=day, utc_offset_hours=OFFSET, samples_expected=24, rated_w=1000
    )
    assert (found.day, found.pv_wh, found.completeness) == (day, 2400, 1.0)
    assert (found.opening_wh, found.closing_wh) == ({"inverter": 0}, {"inverter": 2400})


@pytest.mark.rule("T-01")
@settings(max_examples=40, deadline=None)
@given(st.integers(-72, 0), st.integers(24, 96))
def test_what_else_was_read_does_not_change_a_day(first, last):
    slack = COUNTER_SLACK.on(DAY) // timedelta(hours=1)
    rows = [row(hour, 1000 + 100 * (hour + 72)) for hour in range(first, last + 1)]
    near = [
        row for row in rows if MIDNIGHT - HOUR * slack <= row.at <= MIDNIGHT + HOUR * (24 + slack)
    ]
    assert energy(rows) == energy(near)
    assert energy(rows).pv_wh == 2400


@pytest.mark.parametrize("offset", [-10, 0, 10], ids="UTC{:+}".format)
def test_a_rule_holds_by_the_day_of_the_site_and_not_of_utc(offset):
    """On the first day of all rules it is still the day before in UTC, east of it."""
    start = start_of(FIRST, offset)
    rows = [Sample(start + HOUR * h, OK, {"WH": 100 * h}, "1.103") for h in range(25)]
    found = day_of_energy(
        {"inverter": rows}, day=FIRST, utc_offset_hours=offset, samples_expected=24, rated_w=1000
    )
    assert found.pv_wh == 2400


def test_an_inverter_that_gives_no_counter_leaves_its_site_unknown():
    """Its other models were read, its own was not: what it made is not nothing."""
    partial = [replace(one, columns={"DCW_1": 5}) for one in hourly()]
    assert energy(hourly(), partial).pv_wh is None
    store = [replace(one, columns={"SoC": 5}, layout="1.103.802") for one in hourly()]
    assert energy(hourly(), store).pv_wh == 2400


def test_chunks_of_one_number_stand_in_one_order():
    """A gateway that lost its queue counts from 1 again, and may tell of an instant twice."""
    first, second = chunk(1, [5]), replace(chunk(1, [9]), boot="60")
    assert samples_of([first, second]) == samples_of([second, first])
