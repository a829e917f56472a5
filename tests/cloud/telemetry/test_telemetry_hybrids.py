"""Homes with batteries and limits, from registers to days of energy."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.telemetry.chunk import decode
from cloud.telemetry.days import day_of_energy, samples_of
from cloud.telemetry.models import DayOfEnergy, PvEnergySource, Sample
from edge_agent.reading import Reading, Window, seal
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import EFFICIENCY, House, HouseSpec, Limit
from edge_agent.simulator.quiet import readings

MIDNIGHT = 1782025200
"""In UTC-7; 2026-06-21."""
OFFSET = -7
DAY = datetime.fromtimestamp(MIDNIGHT + OFFSET * 3600, UTC).date()
HOUR, LENGTH = 3600, 86_400
AC, INPUTS, PORTS, MODULES, POWER, BATTERY = PvEnergySource


def home(**spec) -> House:
    return House(HouseSpec("SN-1", **spec), Curve("street", MIDNIGHT - LENGTH))


def rows_of(house: House, *, days: int = 1, step: int = 900) -> list[Reading]:
    instants = range(MIDNIGHT - 2 * HOUR, MIDNIGHT + days * LENGTH + 2 * HOUR + 1, step)
    return list(readings(house, instants))


def payloads(rows: Iterable[Reading], *, step: int = 900) -> list[bytes]:
    hours: dict[int, list[Reading]] = {}
    for row in rows:
        hours.setdefault(row.at - row.at % HOUR, []).append(row)
    return [
        seal(Window("gw-1", "5f", seq, t0, step, HOUR // step, 1), held)
        for seq, (t0, held) in enumerate(sorted(hours.items()), 1)
    ]


def told(rows: Iterable[Reading], *, step: int = 900) -> dict[str, tuple[Sample, ...]]:
    return samples_of(decode(payload) for payload in payloads(rows, step=step))


def measured(devices, *, day=DAY, hybrids=(), step: int = 900) -> DayOfEnergy:
    return day_of_energy(
        devices,
        day=day,
        utc_offset_hours=OFFSET,
        samples_expected=LENGTH // step,
        rated_w=6000,
        hybrids=hybrids,
    )


def made_wh(house: House, day: int = 0) -> float:
    """What the modules truly made on a day, DC."""
    start = MIDNIGHT + day * LENGTH
    return sum(
        house.input_wh(number, start + LENGTH) - house.input_wh(number, start) for number in (1, 2)
    )


def without(rows: Iterable[Reading], *columns: str) -> list[Reading]:
    """Give what a device without these columns would have said."""
    return [
        replace(row, values={k: v for k, v in row.values.items() if k not in columns})
        for row in rows
    ]


HYBRIDS = {
    "103, inputs and battery 802": ({"battery": 802, "is_hybrid": True}, INPUTS),
    "701, inputs and battery 802": (
        {"inverter": 701, "battery": 802, "is_hybrid": True},
        INPUTS,
    ),
    "701, ports and battery 713": (
        {"inverter": 701, "battery": 713, "is_hybrid": True, "sockets": 714},
        PORTS,
    ),
}


@pytest.mark.rule("T-05")
@pytest.mark.parametrize(("spec", "source"), HYBRIDS.values(), ids=HYBRIDS)
def test_a_battery_on_the_dc_side_hides_nothing(spec, source):
    house = home(**spec)
    found = measured(told(rows_of(house)))
    assert found.pv_energy_source is source
    assert found.hybrids == ("SN-1",)
    assert found.pv_wh == pytest.approx(made_wh(house), abs=2)
    assert found.is_counter_delta
    assert found.inputs_wh.keys() == {"SN-1/1", "SN-1/2"}
    assert sum(found.inputs_wh.values()) == found.pv_wh
    ac_wh = house.energy_wh(MIDNIGHT + LENGTH) - house.energy_wh(MIDNIGHT)
    assert abs(ac_wh / EFFICIENCY - found.pv_wh) > 1000, "the AC counter would have been wrong"


AC_COUPLED = {
    "no battery": {},
    "802 beside a 103": {"battery": 802},
    "713 beside a 701": {"inverter": 701, "battery": 713},
    "ports, none for storage": {"inverter": 701, "battery": 713, "sockets": 714},
}


@pytest.mark.rule("T-06")
@pytest.mark.parametrize("day", range(4))
@pytest.mark.parametrize("spec", AC_COUPLED.values(), ids=AC_COUPLED)
def test_a_battery_on_the_ac_side_leaves_the_ac_counter(spec, day):
    house = home(**spec)
    found = measured(told(rows_of(house, days=day + 1)), day=DAY + timedelta(days=day))
    assert (found.pv_energy_source, found.hybrids) == (AC, ())
    assert found.pv_wh == pytest.approx(made_wh(house, day) * EFFICIENCY, abs=2)


@pytest.mark.rule("T-06")
def test_a_battery_that_is_another_device_is_no_part_of_the_inverter():
    """The very readings that prove a hybrid, told of by two devices."""
    rows = rows_of(home(battery=802, is_hybrid=True))
    battery = ("SoC", "BatW", "BatSt", "BatEvt1")
    inverter = [replace(row, layout="1.103.160") for row in without(rows, *battery)]
    store = [
        replace(row, serial="BAT", layout="1.802", values={k: row.values[k] for k in battery})
        for row in rows
    ]
    found = measured(told([*inverter, *store]))
    assert (found.pv_energy_source, found.hybrids) == (AC, ())


DARK = ("DCW_1", "DCW_2", "DCWH_1", "DCWH_2", "DCSt_1", "DCSt_2")


@pytest.mark.rule("T-06")
def test_without_inputs_the_night_proves_it_and_dc_power_is_summed():
    house = home(battery=802, is_hybrid=True)
    rows = [replace(row, layout="1.103.802") for row in without(rows_of(house), *DARK)]
    found = measured(told(rows))
    assert (found.pv_energy_source, found.hybrids) == (POWER, ("SN-1",))
    assert found.pv_wh == pytest.approx(made_wh(house), rel=0.03)
    assert not found.is_counter_delta
    assert (found.opening_wh, found.closing_wh) == ({}, {})


@pytest.mark.rule("T-05")
@pytest.mark.parametrize("sign", [1, -1], ids=["discharge is positive", "charge is positive"])
def test_the_sign_of_the_battery_is_read_off_its_charge(sign):
    house = home(battery=802, is_hybrid=True)
    rows = without(rows_of(house), *DARK)
    turned = [replace(row, values=row.values | {"BatW": sign * row.values["BatW"]}) for row in rows]
    assert measured(told(turned)).pv_wh == measured(told(rows)).pv_wh


@pytest.mark.rule("T-05")
def test_inputs_without_counters_are_summed():
    house = home(battery=802, is_hybrid=True)
    rows = without(rows_of(house), "DCWH_1", "DCWH_2")
    found = measured(told(rows))
    assert found.pv_energy_source is POWER
    assert found.pv_wh == pytest.approx(made_wh(house), rel=0.03)
    assert found.inputs_wh["SN-1/1"] == pytest.approx(made_wh(house) / 2, rel=0.03)


PORT_COLUMNS = ("PrtW_1", "PrtW_2", "PrtWH_1", "PrtWH_2", "PrtTyp_1", "PrtTyp_2")


@pytest.mark.rule("T-05")
def test_ac_with_charge_and_discharge_is_the_last_resort():
    house = home(inverter=701, battery=713, is_hybrid=True, sockets=714)
    rows = without(rows_of(house), *PORT_COLUMNS)
    found = measured(told(rows))
    assert found.pv_energy_source is BATTERY
    assert found.pv_wh == pytest.approx(made_wh(house), rel=0.15), "of low quality"
    assert not found.is_counter_delta


@pytest.mark.rule("T-05")
@pytest.mark.parametrize(
    "columns",
    [
        pytest.param((*PORT_COLUMNS, "PrtWHAbs_3"), id="charge unknown"),
        pytest.param((*PORT_COLUMNS, "WH"), id="AC counter unknown"),
        pytest.param((*PORT_COLUMNS, "W"), id="what it drew unknown"),
    ],
)
def test_a_hybrid_of_which_too_little_is_known_is_unknown(columns):
    rows = without(rows_of(home(inverter=701, battery=713, is_hybrid=True, sockets=714)), *columns)
    found = measured(told(rows))
    assert (found.pv_wh, found.pv_energy_source) == (None, BATTERY)


@pytest.mark.rule("T-06")
def test_a_battery_that_rests_is_known_from_before():
    house = home(battery=802, is_hybrid=True)
    rows = [
        replace(row, values=row.values | {"BatW": 0, "W": round(row.values["W"] or 0)})
        for row in rows_of(house)
        if row.values.get("St") == 4
    ]
    rested = told(rows)
    assert measured(rested).pv_energy_source is AC
    again = measured(told(rows_of(house)), hybrids=("GONE", "SN-1"))
    assert again.hybrids == ("GONE", "SN-1")
    known = measured(rested, hybrids=again.hybrids)
    assert (known.pv_energy_source, known.hybrids) == (INPUTS, ("GONE", "SN-1"))


def test_a_silent_hybrid_is_a_part_of_its_site():
    rows = rows_of(home(battery=802, is_hybrid=True))
    silent = [replace(row, quality=2, values={}) for row in rows]
    other = [replace(row, serial="SN-2") for row in rows_of(home())]
    found = measured(told([*silent, *other]), hybrids=("SN-1",))
    assert (found.pv_wh, found.completeness, found.hybrids) == (None, 0.0, ("SN-1",))


def test_the_worst_source_of_a_site_stands_for_it():
    hybrid = rows_of(home(battery=802, is_hybrid=True))
    other = [replace(row, serial="SN-2") for row in rows_of(home())]
    found = measured(told([*hybrid, *other]))
    assert found.pv_energy_source is INPUTS
    assert found.opening_wh.keys() == {"SN-1/1", "SN-1/2", "SN-2"}
    assert found.pv_wh == pytest.approx(made_wh(home()) * (1 + EFFICIENCY), abs=4)


@pytest.mark.rule("T-05")
def test_inputs_that_are_the_batterys_socket_are_left_out():
    """A device that tells of the same three sockets as inputs and as ports."""
    rows = rows_of(home(inverter=701, battery=713, is_hybrid=True, sockets=714))
    both = [
        replace(
            row,
            values=row.values
            | {f"DCWH_{n}": row.values[f"PrtWH_{n}"] for n in (1, 2, 3)}
            | {f"DCW_{n}": abs(row.values[f"PrtW_{n}"]) for n in (1, 2, 3)},
        )
        for row in rows
    ]
    found = measured(told(both))
    assert found.pv_energy_source is INPUTS
    assert found.pv_wh == measured(told(rows)).pv_wh
    assert found.inputs_wh.keys() == {"SN-1/1", "SN-1/2"}


@pytest.mark.rule("T-08")
@pytest.mark.parametrize(
    ("lost", "is_known"),
    [
        pytest.param((), True, id="whole"),
        pytest.param((12.25, 12.5, 12.75), True, id="a hole of an hour"),
        pytest.param((12.25, 12.5, 12.75, 13), False, id="a hole of five quarters"),
        pytest.param((0, 0.25, 0.5, 0.75, 1, 1.25), False, id="a hole by night"),
        pytest.param((22, 22.25, 22.5, 22.75, 23, 23.25, 23.5, 23.75), False, id="at the end"),
    ],
)
def test_power_is_not_summed_across_a_gap(lost, is_known):
    house = home(battery=802, is_hybrid=True)
    gone = {MIDNIGHT + round(hour * HOUR) for hour in lost}
    rows = [row for row in without(rows_of(house), "DCWH_1", "DCWH_2") if row.at not in gone]
    found = measured(told(rows))
    assert (found.pv_wh is not None) is is_known
    assert found.pv_energy_source is POWER
    counted = measured(told(row for row in rows_of(house) if row.at not in gone))
    assert counted.pv_wh == pytest.approx(made_wh(house), abs=2), "counters lose nothing"


@pytest.mark.rule("T-08")
@pytest.mark.parametrize("edge", ["first", "last"])
def test_power_is_not_summed_beyond_what_was_read(edge):
    rows = without(rows_of(home(battery=802, is_hybrid=True)), "DCWH_1", "DCWH_2")
    for hole, is_known in ((HOUR, True), (HOUR + 900, False)):
        if edge == "first":
            kept = [row for row in rows if row.at >= MIDNIGHT + hole]
        else:
            kept = [row for row in rows if row.at <= MIDNIGHT + LENGTH - hole]
        assert (measured(told(kept), hybrids=("SN-1",)).pv_wh is not None) is is_known


LIMIT = Limit(MIDNIGHT + 9 * HOUR, MIDNIGHT + 15 * HOUR, 20)


@pytest.mark.rule("T-03")
@pytest.mark.parametrize("inverter", [103, 701])
@pytest.mark.parametrize("sockets", [160, 714])
def test_a_home_that_is_held_back_says_so(inverter, sockets):
    house = home(inverter=inverter, sockets=sockets, limits=(LIMIT,))
    free = home(inverter=inverter, sockets=sockets)
    rows = rows_of(house)
    found = measured(told(rows))
    state = "St" if inverter == 103 else "InvSt"
    code = 5 if inverter == 103 else 4
    today = [row for row in rows if MIDNIGHT <= row.at < MIDNIGHT + LENGTH]
    held = sum(row.values[state] == code for row in today)
    assert held > 4
    assert found.throttled_share == held / sum(row.quality == 0 for row in today)
    assert found.state_minutes["THROTTLED"] == 15 * held
    assert max(row.values["W"] for row in today if row.values[state] == code) == 1000
    assert found.pv_wh == pytest.approx(made_wh(house) * EFFICIENCY, abs=2)
    assert made_wh(house) < made_wh(free)


def test_a_limit_of_all_holds_nothing_back():
    house = home(limits=(Limit(MIDNIGHT, MIDNIGHT + LENGTH, 100),))
    found = measured(told(rows_of(house)))
    assert found.throttled_share == 0.0
    assert found.pv_wh == measured(told(rows_of(home()))).pv_wh


CHUNKS = payloads(rows_of(home(battery=802, is_hybrid=True)))
WHOLE = measured(samples_of(map(decode, CHUNKS)))


@settings(max_examples=25, deadline=None)
@given(
    st.permutations(range(len(CHUNKS))),
    st.lists(st.integers(0, len(CHUNKS) - 1), max_size=8),
)
def test_late_double_and_disordered_chunks_give_the_same_day(order, again):
    """Everything that a day keeps, not only its energy."""
    arrived = [CHUNKS[place] for place in [*order, *again]]
    assert measured(samples_of(map(decode, arrived))) == WHOLE


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, len(CHUNKS) - 1), max_size=len(CHUNKS)))
def test_lost_chunks_never_change_the_energy_but_to_unknown(lost):
    kept = [chunk for place, chunk in enumerate(CHUNKS) if place not in lost]
    found = measured(samples_of(map(decode, kept)), hybrids=WHOLE.hybrids)
    assert found.pv_wh in {None, WHOLE.pv_wh}
    assert found.completeness <= WHOLE.completeness
    for name, wh in found.inputs_wh.items():
        assert wh in {None, WHOLE.inputs_wh[name]}
    assert all(
        minutes <= WHOLE.state_minutes[name] for name, minutes in found.state_minutes.items()
    )


values = st.none() | st.integers(-(2**63), 2**63 - 1)
COLUMN_NAMES = """W WH St InvSt Evt1 DCW TmpCab SoC BatW ThrotSrc LimEna LimPct DCW_1 DCWH_1 DCW_2
DCEvt_1 PrtTyp_1 PrtW_1 PrtWH_1 PrtTyp_2 PrtWHAbs_2 PrtWH_2 DCW_x PrtTyp_ Zz_9 PvW PvWH
BatChgW BatWHIn BatWHOut MtrWHExp"""
names = st.sampled_from(COLUMN_NAMES.split())
odd_rows = st.lists(
    st.tuples(st.integers(-9, 105), st.integers(0, 5), st.dictionaries(names, values)),
    max_size=30,
    unique_by=lambda row: row[0],
)


@settings(max_examples=150, deadline=None)
@given(
    odd_rows,
    st.booleans(),
    st.sampled_from(["1.103.160", "1.701.714", "1.802", "goodwe_et", "x..", ""]),
)
def test_whatever_a_device_says_a_day_is_made_of_it(rows, is_known, layout):
    start = datetime.fromtimestamp(MIDNIGHT, UTC)
    samples = [
        Sample(start + timedelta(minutes=15 * place), quality, columns, layout)
        for place, quality, columns in sorted(rows, key=lambda row: row[0])
    ]
    found = measured({"SN-1": samples}, hybrids=("SN-1",) if is_known else ())
    assert found.pv_wh is None or 0 <= found.pv_wh <= 24 * 6000
    assert 0 <= found.completeness <= 1
    assert 0 <= found.throttled_share <= 1
    assert all(wh is None or isinstance(wh, int) for wh in found.inputs_wh.values())


def store_only(**spec) -> list[Reading]:
    """A hybrid of the newer kind that tells of its battery's power and nothing of its modules."""
    rows = rows_of(home(inverter=701, battery=802, is_hybrid=True, **spec))
    return [replace(row, layout="1.701.802") for row in without(rows, *DARK)]


@pytest.mark.rule("T-05")
def test_what_the_battery_holds_may_be_summed_from_its_power():
    found = measured(told(store_only()))
    assert (found.pv_energy_source, found.hybrids) == (BATTERY, ("SN-1",))
    house = home(inverter=701, battery=802, is_hybrid=True)
    assert found.pv_wh == pytest.approx(made_wh(house), rel=0.15)


@pytest.mark.rule("T-05")
@pytest.mark.parametrize("column", ["SoC", "BatW"])
def test_a_battery_of_unknown_sign_or_power_makes_the_day_unknown(column):
    rows = [replace(row, values=row.values | {column: None}) for row in store_only()]
    found = measured(told(rows), hybrids=("SN-1",))
    assert (found.pv_wh, found.pv_energy_source) == (None, BATTERY)


@pytest.mark.rule("T-01")
def test_a_port_of_the_battery_that_is_unknown_at_one_end_makes_the_day_unknown():
    house = home(inverter=701, battery=713, is_hybrid=True, sockets=714)
    rows = [
        replace(row, values=row.values | {"PrtWHAbs_3": None})
        if row.at > MIDNIGHT + 20 * HOUR
        else row
        for row in without(rows_of(house), *PORT_COLUMNS)
    ]
    found = measured(told(rows))
    assert (found.pv_wh, found.pv_energy_source) == (None, BATTERY)


@pytest.mark.rule("T-06")
@pytest.mark.parametrize("column", ["W", "BatW"])
def test_what_is_half_known_proves_nothing(column):
    rows = [
        replace(row, values=row.values | {column: None})
        for row in rows_of(home(battery=802, is_hybrid=True))
        if row.quality == 0
    ]
    assert measured(told(rows)).hybrids == ()


@pytest.mark.rule("T-06")
@pytest.mark.parametrize("day", range(4))
@pytest.mark.parametrize(
    "columns",
    [
        pytest.param(("DCW_2",), id="an input without power"),
        pytest.param(("DCW_2", "DCWH_2"), id="an input of which nothing is told"),
        pytest.param(("DCW_1", "DCW_2"), id="no power of any input"),
    ],
)
def test_an_input_that_is_not_told_makes_no_hybrid(columns, day):
    """Half of the DC power is missing, and AC is more than the rest: no battery gave it."""
    rows = without(rows_of(home(battery=802), days=day + 1), *columns)
    found = measured(told(rows), day=DAY + timedelta(days=day))
    assert (found.hybrids, found.pv_energy_source) == ((), AC)


@pytest.mark.rule("T-06")
@pytest.mark.parametrize("is_hybrid", [True, False])
def test_a_battery_of_unknown_sign_can_still_prove_it(is_hybrid):
    rows = without(rows_of(home(battery=802, is_hybrid=is_hybrid)), "SoC")
    assert measured(told(rows)).hybrids == (("SN-1",) if is_hybrid else ())


def noon(*, ac_w: int, battery_w: int, readings: int = 3, others: int = 0) -> list[Sample]:
    """Give readings of 1000 W DC around noon, and others that say the contrary."""
    start = datetime.fromtimestamp(MIDNIGHT + 12 * HOUR, UTC)
    columns = {"WH": 1, "St": 4, "DCW_1": 1000, "BatW": battery_w, "W": ac_w}
    said = [columns] * readings + [columns | {"W": 970}] * others
    return [
        Sample(start + timedelta(minutes=n), 0, columns, "1.103.160.802")
        for n, columns in enumerate(said)
    ]


@pytest.mark.rule("T-06")
@pytest.mark.parametrize(
    ("readings", "is_hybrid"),
    [
        pytest.param(noon(ac_w=850, battery_w=300), True, id="half of what is charged is missing"),
        pytest.param(noon(ac_w=851, battery_w=300), False, id="less than half"),
        pytest.param(noon(ac_w=1075, battery_w=300), True, id="a quarter of what is given shows"),
        pytest.param(noon(ac_w=1074, battery_w=300), False, id="less than a quarter"),
        pytest.param(noon(ac_w=850, battery_w=-300), True, id="whatever the sign"),
        pytest.param(noon(ac_w=500, battery_w=299), False, id="a battery too small to tell"),
        pytest.param(noon(ac_w=500, battery_w=300, readings=2), False, id="two readings"),
        pytest.param(noon(ac_w=500, battery_w=300, readings=6, others=2), True, id="3 to 1"),
        pytest.param(noon(ac_w=500, battery_w=300, readings=6, others=3), False, id="2 to 1"),
        pytest.param(noon(ac_w=970, battery_w=900), False, id="plain losses"),
    ],
)
def test_what_proves_a_battery_on_the_dc_side(readings, is_hybrid):
    assert measured({"SN-1": readings}).hybrids == (("SN-1",) if is_hybrid else ())


@pytest.mark.rule("T-06")
@pytest.mark.parametrize(
    ("hour", "is_hybrid"),
    [(0, True), (1.75, True), (2, False), (21.75, False), (22, True), (23.75, True)],
    ids=str,
)
def test_only_near_midnight_is_it_surely_dark(hour, is_hybrid):
    start = datetime.fromtimestamp(MIDNIGHT + hour * HOUR, UTC)
    columns = {"WH": 1, "St": 4, "BatW": 500, "W": 480}
    rows = [Sample(start + timedelta(minutes=n), 0, columns, "1.103.802") for n in range(3)]
    assert measured({"SN-1": rows}).hybrids == (("SN-1",) if is_hybrid else ())
