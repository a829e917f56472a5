"""What counts as a limit, what as daylight, and what a day keeps of both."""

from datetime import date, datetime, timedelta, timezone

import pytest

from cloud.telemetry.days import day_of_energy
from cloud.telemetry.models import DayOfEnergy, Sample
from cloud.telemetry.throttle import is_limited

DAY = date(2026, 6, 8)
MIDNIGHT = datetime(2026, 6, 8, tzinfo=timezone(timedelta(hours=-7)))
MPPT, THROTTLED, SLEEPING, STANDBY = 4, 5, 2, 8
RUNNING_701, THROTTLED_701 = 3, 4
DERATED = 1 << 14

SMA = {"W": 1080, "St": MPPT, "LimEna": 1, "LimPct": 0, "DCW_1": 670, "DCW_2": 480}
"""What a real inverter said one noon of August 2023: a limit of 0 %, and 1080 W."""


@pytest.mark.rule("T-03")
@pytest.mark.parametrize(
    ("columns", "answer"),
    [
        pytest.param({"St": THROTTLED, "LimEna": 1, "LimPct": 600}, True, id="held at 60 %"),
        pytest.param({"InvSt": THROTTLED_701, "LimEna": 1, "LimPct": 0}, True, id="zero export"),
        pytest.param({"St": THROTTLED, "LimEna": 1}, True, id="a limit of unknown height"),
        pytest.param({"St": THROTTLED, "LimEna": 0, "LimPct": 600}, False, id="limit not enabled"),
        pytest.param({"St": THROTTLED}, False, id="throttled without a word of limits"),
        pytest.param({"St": THROTTLED, "LimEna": None}, False, id="limit not known"),
        pytest.param({"St": MPPT, "LimEna": 1, "LimPct": 600}, False, id="limit holds nothing"),
        pytest.param(SMA, False, id="a real inverter with a limit of 0 % at 1080 W"),
        pytest.param({"InvSt": RUNNING_701, "ThrotSrc": 1}, True, id="MAX_W"),
        pytest.param({"ThrotSrc": 1 << 5}, True, id="FREQ_WATT"),
        pytest.param({"ThrotSrc": 1 << 11}, True, id="SCHEDULED"),
        pytest.param({"InvSt": THROTTLED_701, "ThrotSrc": DERATED}, False, id="derated only"),
        pytest.param({"ThrotSrc": DERATED | 1}, True, id="derated, and a limit"),
        pytest.param({"InvSt": THROTTLED_701, "ThrotSrc": 0}, False, id="no source is named"),
        pytest.param({"ThrotSrc": 1 << 20}, False, id="a bit that nobody defined"),
        pytest.param({"St": 4, "InvSt": None, "LimEna": 1, "LimPct": 10}, False, id="4 is MPPT"),
        pytest.param({}, False, id="nothing known"),
    ],
)
def test_limited(columns, answer):
    assert is_limited(columns, DAY) is answer


@pytest.mark.rule("T-04")
@pytest.mark.parametrize(("tenths", "answer"), [(999, True), (1000, False), (1100, False)])
def test_a_limit_of_all_is_none(tenths, answer):
    columns = {"St": THROTTLED, "LimEna": 1, "LimPct": tenths}
    assert is_limited(columns, DAY) is answer


def quarters(said, *, layout: str = "1.103.123.160") -> list[Sample]:
    """Give a day of quarter hours and one more; `said` gives quality and columns by the hour."""
    rows = []
    for n in range(97):
        quality, columns = said(n / 4)
        at = MIDNIGHT + timedelta(minutes=15 * n)
        rows.append(Sample(at, quality, {"WH": 1000 + 10 * n} | columns, layout))
    return rows


def measured(*devices) -> DayOfEnergy:
    return day_of_energy(
        {f"SN-{n}": rows for n, rows in enumerate(devices)},
        day=DAY,
        utc_offset_hours=-7,
        samples_expected=96,
        rated_w=5000,
    )


def day_and_night(day: dict, night: dict | None = None):
    def said(hour):
        if 6 <= hour < 18:
            return 0, day
        return 1, {"St": SLEEPING, "W": None} | (night or {})

    return said


LIMITED = {"St": THROTTLED, "LimEna": 1, "LimPct": 500}
FREE = {"St": MPPT, "LimEna": 0, "LimPct": 1000}


def limited_until(hour, *, otherwise=FREE):
    def said(at):
        if not 6 <= at < 18:
            return 1, {"St": SLEEPING, "LimEna": 1, "LimPct": 500}
        return 0, LIMITED if at < hour else otherwise

    return said


@pytest.mark.rule("T-03")
@pytest.mark.parametrize(
    ("said", "share"),
    [
        pytest.param(limited_until(6), 0.0, id="a limit by night is none"),
        pytest.param(limited_until(9), 0.25, id="three hours of twelve"),
        pytest.param(limited_until(18), 1.0, id="all day"),
        pytest.param(day_and_night(FREE), 0.0, id="free"),
        pytest.param(day_and_night({"St": MPPT}), 0.0, id="no word of limits"),
        pytest.param(day_and_night({"St": THROTTLED, "LimEna": 0}), 0.0, id="derated all day"),
        pytest.param(lambda _: (1, {"St": SLEEPING, "LimEna": 1}), 0.0, id="no light at all"),
    ],
)
def test_share_of_the_daylight(said, share):
    assert measured(quarters(said)).throttled_share == share


def test_the_inverter_that_is_held_back_most_counts():
    one, two, three = (quarters(limited_until(hour)) for hour in (9, 12, 6))
    assert measured(one, two, three).throttled_share == 0.5


@pytest.mark.parametrize(
    ("night", "share"),
    [
        pytest.param({"St": SLEEPING}, 1.0, id="asleep"),
        pytest.param({"St": STANDBY, "DCW_1": 0}, 1.0, id="standing by without light"),
        pytest.param({"St": MPPT, "DCW_1": 0}, 0.5, id="awake without light"),
        pytest.param({"St": SLEEPING, "DCW_1": 5}, 0.5, id="asleep with light"),
        pytest.param({"St": None, "W": 0}, 1.0, id="no state and no power"),
        pytest.param({"St": None, "W": 5}, 0.5, id="no state, but power"),
    ],
)
def test_what_is_daylight(night, share):
    """Half of the day is limited, and the other half is daylight or not."""

    def said(hour):
        return (0, LIMITED) if 6 <= hour < 18 else (0, night)

    assert measured(quarters(said)).throttled_share == share


@pytest.mark.parametrize(
    ("day", "night", "coldest"),
    [
        pytest.param({"St": MPPT, "TmpCab": 350}, {"TmpCab": -105}, -10.5, id="frost at night"),
        pytest.param(
            {"St": MPPT, "TmpCab": -300}, {"TmpCab": 55}, 5.5, id="by day it says nothing"
        ),
        pytest.param({"St": MPPT, "TmpCab": 350}, {"TmpCab": None}, None, id="not told at night"),
        pytest.param({"St": MPPT}, {}, None, id="never told"),
    ],
)
def test_the_lowest_temperature_of_the_dark(day, night, coldest):
    assert measured(quarters(day_and_night(day, night))).coldest_c == coldest


def test_the_coldest_of_two_cabinets():
    rows = [quarters(day_and_night({"St": MPPT}, {"TmpCab": tenths})) for tenths in (55, -20)]
    assert measured(*rows).coldest_c == -2.0


def test_minutes_of_each_state_by_name():
    assert measured(quarters(limited_until(9))).state_minutes == {
        "SLEEPING": 720,
        "THROTTLED": 180,
        "MPPT": 540,
    }
    two = quarters(lambda _: (0, {"InvSt": RUNNING_701}), layout="1.701")
    minutes = measured(quarters(day_and_night({"St": 77})), two).state_minutes
    assert minutes == {"SLEEPING": 720, "77": 720, "RUNNING": 1440}


def test_bits_of_a_day_are_joined_by_table():
    def said(hour):
        return 0, {
            "Evt1": 1 << int(hour) if hour < 3 else 0,
            "DCEvt_1": 1 if hour == 5 else None,
            "DCEvt_2": 1 << 15 if hour == 6 else 0,
            "ThrotSrc": DERATED if hour == 12 else 0,
            "PrtAlrm_1": 0,
        }

    battery = [Sample(MIDNIGHT, 0, {"SoC": 500, "BatEvt1": 4}, "1.802")]
    assert measured(quarters(said), battery).event_bits == {
        "Evt1": 0b111,
        "DCEvt_n": 1 | 1 << 15,
        "ThrotSrc": DERATED,
        "BatEvt1": 4,
    }
    assert measured(battery) == DayOfEnergy(DAY, None, 0.0, event_bits={"BatEvt1": 4})


def test_bits_of_the_day_before_and_after_are_not_of_the_day():
    rows = quarters(day_and_night(FREE))
    late = Sample(MIDNIGHT + timedelta(hours=24, minutes=30), 0, {"WH": 2000, "Evt1": 2}, "1.103")
    early = Sample(MIDNIGHT - timedelta(minutes=15), 0, {"WH": 990, "Evt1": 1}, "1.103")
    assert measured([early, *rows, late]).event_bits == {}
