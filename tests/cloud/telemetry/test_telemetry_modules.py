"""Homes whose modules are told by one column: what a gateway sums, what a profile counts."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import pi, sin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.telemetry.chunk import decode
from cloud.telemetry.days import day_of_energy, made_between, samples_of
from cloud.telemetry.models import DayOfEnergy, PvEnergySource
from edge_agent.reading import Reading, Window, seal

MIDNIGHT = 1782025200
"""In UTC-7; 2026-06-21."""
OFFSET, HOUR, LENGTH, STEP = -7, 3600, 86_400, 300
DAY = datetime.fromtimestamp(MIDNIGHT + OFFSET * HOUR, UTC).date()
RISE, SET, PEAK_W = 6, 20, 5000
OK, ASLEEP, UNREACHABLE = 0, 1, 2
BEFORE_WH = 1_000_000
Rows = list[Reading]


def light_w(at: int) -> int:
    hour = (at - MIDNIGHT) % LENGTH / HOUR
    return round(PEAK_W * sin(pi * (hour - RISE) / (SET - RISE))) if RISE < hour < SET else 0


def made_wh(since: int, until: int) -> float:
    return sum(light_w(at) * 60 / HOUR for at in range(since, until, 60))


TRUE_WH = made_wh(MIDNIGHT, MIDNIGHT + LENGTH)


def instants(days: int = 1) -> range:
    return range(MIDNIGHT - 2 * HOUR, MIDNIGHT + days * LENGTH + 2 * HOUR + 1, STEP)


def columns_at(at: int, counted: float) -> dict[str, int | None]:
    """An inverter of which half of the light is charged, and given at night."""
    pv_w = light_w(at)
    charging = round(pv_w / 2) if pv_w else -600
    return {
        "W": round((pv_w - charging) * 0.97),
        "WH": 7_000_000 + (at - MIDNIGHT) // 60,
        "St": 4,
        "DCW": pv_w - charging,
        "PvW": pv_w,
        "PvWH": round(BEFORE_WH + counted),
        "MtrW": -900,
        "MtrWHImp": 120_000,
        "MtrWHExp": 700_000 + (at - MIDNIGHT) // 7,
    }


def summed_by_gateway(blind: Iterable[int] = (), *, days: int = 1, layout="1.103.203") -> Rows:
    """What a gateway sends that sums; while it is blind it knows nothing, and sums nothing."""
    gone = set(blind)
    rows, counted, last = [], 0.0, None
    for at in instants(days):
        if at in gone:
            rows.append(Reading("INV", at, UNREACHABLE, layout))
            last = None
            continue
        if last is not None:
            counted += made_wh(last, at)
        last = at
        rows.append(Reading("INV", at, OK, layout, columns_at(at, counted)))
    return rows


def battery(rows: Rows, *, layout="solaredge_battery") -> Rows:
    return [
        Reading(
            "INV-B1",
            row.at,
            OK,
            layout,
            {
                "SoC": 500,
                "BatSta": 0,
                "BatChgW": round(light_w(row.at) / 2) or -600,
                "BatWHIn": 50_000 + row.at % LENGTH,
                "BatWHOut": 40_000,
                "SoH": 990,
            },
        )
        for row in rows
    ]


def blind(since: float, minutes: float) -> range:
    start = MIDNIGHT + round(since * HOUR)
    return range(start, start + round(minutes * 60), STEP)


def payloads(rows: Iterable[Reading]) -> list[bytes]:
    hours: dict[int, Rows] = {}
    for row in rows:
        hours.setdefault(row.at - row.at % HOUR, []).append(row)
    return [
        seal(Window("gw-1", "5f", seq, t0, STEP, HOUR // STEP, 1), held)
        for seq, (t0, held) in enumerate(sorted(hours.items()), 1)
    ]


def measured(rows: Iterable[Reading], *, day=DAY, hybrids=()) -> DayOfEnergy:
    return day_of_energy(
        samples_of(decode(one) for one in payloads(rows)),
        day=day,
        utc_offset_hours=OFFSET,
        samples_expected=LENGTH // STEP,
        rated_w=6000,
        hybrids=hybrids,
    )


def told_only(rows: Rows, *columns: str, layout: str | None = None) -> Rows:
    return [
        replace(
            row,
            layout=layout or row.layout,
            values={name: value for name, value in row.values.items() if name in columns},
        )
        for row in rows
    ]


# ---------------------------------------------------------------------- summed by the gateway
@pytest.mark.rule("T-05")
@pytest.mark.rule("T-09")
def test_what_a_gateway_sums_for_an_inverter_proves_its_battery_and_tells_the_day():
    rows = summed_by_gateway()
    found = measured([*rows, *battery(rows)])
    assert found.pv_energy_source is PvEnergySource.MODULES_COUNTER
    assert found.hybrids == ("INV",)
    assert found.pv_wh == pytest.approx(TRUE_WH, abs=3)
    assert not found.is_counter_delta
    assert (found.opening_wh, found.closing_wh) == ({}, {})
    assert found.completeness == 1.0


@pytest.mark.rule("T-09")
@pytest.mark.parametrize(
    ("gaps", "is_known"),
    [
        pytest.param([(12, 5)], True, id="one reading"),
        pytest.param([(12, 55)], True, id="an hour between two readings"),
        pytest.param([(12, 60)], False, id="more than an hour"),
        pytest.param([(hour, 30) for hour in range(24)], True, id="half of the day, by halves"),
        pytest.param([(8, 55), (14, 55)], True, id="twice an hour"),
        pytest.param([(0.5, 120)], False, id="a hole by night"),
    ],
)
def test_what_a_gateway_could_not_read_is_filled_in_up_to_an_hour(gaps, is_known):
    """The counter alone would have shown a loss."""
    rows = summed_by_gateway([at for gap in gaps for at in blind(*gap)])
    found = measured(rows)
    assert found.pv_energy_source is PvEnergySource.MODULES_COUNTER
    if not is_known:
        assert found.pv_wh is None
        return
    assert found.pv_wh == pytest.approx(TRUE_WH, rel=0.01)


@pytest.mark.rule("T-09")
def test_the_difference_over_a_long_gap_is_no_energy():
    """An inverter that was silent for a day: its days and what lies between are unknown."""
    rows = summed_by_gateway(blind(20, 26 * 60), days=3)
    days = [measured(rows, day=DAY + timedelta(days=n), hybrids=("INV",)) for n in range(3)]
    assert [day.pv_wh is None for day in days] == [True, True, False]
    assert made_between(days[0], days[2], 6000) is None


@pytest.mark.rule("T-09")
def test_a_missing_chunk_loses_nothing_while_a_reading_an_hour_is_there():
    rows = summed_by_gateway()
    held = [row for row in rows if not MIDNIGHT + 12 * HOUR < row.at < MIDNIGHT + 13 * HOUR]
    assert measured(held).pv_wh == measured(rows).pv_wh


@pytest.mark.rule("T-09")
def test_thinned_to_quarters_the_day_is_the_same():
    rows = summed_by_gateway()
    assert measured(row for row in rows if row.at % 900 == 0).pv_wh == measured(rows).pv_wh


@pytest.mark.rule("T-09")
def test_an_inverter_that_sleeps_is_no_hole_and_nothing_is_filled_in():
    rows = summed_by_gateway()
    slept = [
        row
        if light_w(row.at)
        else Reading("INV", row.at, ASLEEP, row.layout, {"St": 2, "WH": row.values["WH"]})
        for row in rows
    ]
    assert measured(slept).pv_wh == pytest.approx(TRUE_WH, abs=40)
    troubled = [
        replace(row, quality=UNREACHABLE, values={}) if row.at in blind(20.5, 15) else row
        for row in slept
    ]
    assert measured(troubled).pv_wh == measured(slept).pv_wh


@pytest.mark.rule("T-02")
@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(-500_000, "another gateway", id="it fell"),
        pytest.param(24 * 6000 + 1, "beyond belief", id="it rose beyond belief"),
        pytest.param(-3 * BEFORE_WH, "no count", id="below zero"),
    ],
)
def test_a_counter_that_is_not_believed_makes_the_day_unknown(change, says):
    noon = MIDNIGHT + 12 * HOUR
    rows = [
        replace(row, values=row.values | {"PvWH": row.values["PvWH"] + change * (row.at >= noon)})
        for row in summed_by_gateway()
    ]
    assert measured(rows).pv_wh is None, says


def test_a_sum_that_never_began_leaves_the_power():
    rows = [replace(row, values=row.values | {"PvWH": 0}) for row in summed_by_gateway()]
    found = measured(rows)
    assert found.pv_energy_source is PvEnergySource.DC_POWER
    assert found.pv_wh == pytest.approx(TRUE_WH, rel=0.01)


@pytest.mark.rule("T-05")
def test_counters_of_the_inputs_come_before_what_was_summed():
    rows = [
        replace(
            row,
            layout="1.103.160",
            values=row.values | {"DCW_1": row.values["PvW"], "DCWH_1": row.values["PvWH"]},
        )
        for row in summed_by_gateway()
    ]
    found = measured(rows)
    assert found.pv_energy_source is PvEnergySource.INPUT_COUNTERS
    assert found.is_counter_delta


# ---------------------------------------------------------------------- meters
@pytest.mark.parametrize("layout", ["1.103.203", "goodwe_et"], ids=["its chain", "a profile"])
def test_a_meter_beside_the_inverter_is_no_production(layout):
    meter = ("MtrW", "MtrWHImp", "MtrWHExp")
    rows = told_only(summed_by_gateway(layout=layout), "W", "WH", "St", *meter)
    found = measured(rows)
    assert (found.pv_energy_source, found.hybrids) == (PvEnergySource.AC_COUNTER, ())
    assert found.pv_wh == 24 * 60
    alone = [replace(row, serial="MTR") for row in told_only(rows, *meter, layout="1.203")]
    assert measured(alone).pv_wh is None
    assert measured([*rows, *alone]).pv_wh == found.pv_wh


# ---------------------------------------------------------------------- outside of SunSpec
PROFILE = ("W", "WH", "PvW", "PvWH")


@pytest.mark.rule("T-05")
@pytest.mark.parametrize(
    ("columns", "with_battery", "source"),
    [
        pytest.param(PROFILE, True, "modules_counter", id="a hybrid that counts"),
        pytest.param(("W", "WH", "PvW"), True, "dc_power", id="a hybrid that tells its power"),
        pytest.param(PROFILE, False, "ac_counter", id="a string inverter"),
        pytest.param(("W", "PvWH"), False, "modules_counter", id="one without an AC counter"),
        pytest.param(("W", "PvW"), False, "dc_power", id="one without any counter"),
    ],
)
def test_a_device_outside_of_sunspec_is_what_its_columns_say(columns, with_battery, source):
    rows = told_only(summed_by_gateway(), *columns, layout="goodwe_et")
    if with_battery:
        rows = [replace(row, values=row.values | {"SoC": 500, "BatChgW": 9}) for row in rows]
    found = measured(rows)
    assert found.pv_energy_source.value == source
    assert found.hybrids == (("INV",) if with_battery else ())
    expected = 24 * 60 if source == "ac_counter" else TRUE_WH
    assert found.pv_wh == pytest.approx(expected, rel=0.01)


@pytest.mark.rule("T-05")
def test_a_battery_with_counters_in_the_device_itself_is_added_to_its_ac_energy():
    """A hybrid by what was proven before, that tells nothing of its modules."""
    rows = [
        replace(
            row,
            values=row.values
            | {"W": 100, "BatWHIn": 50_000 + (row.at - MIDNIGHT) // 60, "BatWHOut": 5},
        )
        for row in told_only(summed_by_gateway(), "WH", layout="other_hybrid")
    ]
    found = measured(rows, hybrids=("INV",))
    assert found.pv_energy_source is PvEnergySource.AC_AND_BATTERY
    assert found.pv_wh == 2 * 24 * 60, "as much went into the battery as came out of the inverter"
    fell = [
        replace(row, values=row.values | {"BatWHIn": 200_000 - row.values["BatWHIn"]})
        for row in rows
    ]
    assert measured(fell, hybrids=("INV",)).pv_wh is None


@pytest.mark.rule("T-05")
def test_a_battery_that_is_a_device_of_its_own_is_added_to_no_inverter():
    rows = told_only(summed_by_gateway(), "W", "WH", "St")
    alone = measured(rows)
    assert measured([*rows, *battery(rows)]) == alone
    silent = [replace(row, quality=UNREACHABLE, values={}) for row in battery(rows)]
    assert measured([*rows, *silent]) == alone


@pytest.mark.parametrize(
    ("hybrids", "other", "is_known"),
    [
        pytest.param((), "solis", True, id="nothing tells what it is"),
        pytest.param(("SECOND",), "solis", False, id="it was proven a hybrid"),
        pytest.param((), "goodwe_et", False, id="another of its kind is an inverter"),
    ],
)
def test_a_silent_device_outside_of_sunspec(hybrids, other, is_known):
    rows = told_only(summed_by_gateway(), "W", "WH", layout="goodwe_et")
    silent = [Reading("SECOND", row.at, UNREACHABLE, other) for row in rows]
    assert (measured([*rows, *silent], hybrids=hybrids).pv_wh is not None) is is_known


def test_one_that_fell_silent_is_known_by_what_it_said_before():
    rows = told_only(summed_by_gateway(days=2), "W", "WH", layout="goodwe_et")
    other = [
        replace(row, serial="SECOND", layout="solis")
        if row.at < MIDNIGHT + 12 * HOUR
        else Reading("SECOND", row.at, UNREACHABLE, "solis")
        for row in rows
    ]
    assert measured([*rows, *other], day=DAY + timedelta(days=1)).pv_wh is None


# ---------------------------------------------------------------------- whatever comes
WHOLE = summed_by_gateway()
WHOLE_WH = measured(WHOLE).pv_wh


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, len(WHOLE) - 1), max_size=60))
def test_holes_never_make_a_day_that_is_far_from_the_truth(holes):
    rows = summed_by_gateway([WHOLE[place].at for place in holes])
    found = measured(rows, hybrids=("INV",)).pv_wh
    assert found is None or found == pytest.approx(TRUE_WH, rel=0.02)


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, len(WHOLE) - 1), max_size=60))
def test_rows_that_did_not_arrive_change_nothing_or_make_the_day_unknown(lost):
    rows = [row for place, row in enumerate(WHOLE) if place not in lost]
    found = measured(rows, hybrids=("INV",)).pv_wh
    assert found is None or found == pytest.approx(WHOLE_WH, abs=20)
