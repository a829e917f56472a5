"""DC ports, limits of power and batteries on the DC side: from registers to readings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.news import alarms_of
from edge_agent.poll import Poller
from edge_agent.reading import Reading
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.faults import FaultKind, dead_string, inverter_fault
from edge_agent.simulator.house import EFFICIENCY, House, HouseSpec, Limit
from edge_agent.simulator.image import Image, Template, write
from edge_agent.simulator.ledger import Ledger
from edge_agent.simulator.quiet import HouseSource, readings
from edge_agent.sunspec.layout import MOST_INPUTS

DAY = 1782025200
"""A midnight in UTC-7."""
HOUR, NOON = 3600, 1782025200 + 12 * 3600
LIMIT = Limit(DAY + 9 * HOUR, DAY + 15 * HOUR, 20)
EVERYTHING = {
    "inverter": 701,
    "battery": 713,
    "is_hybrid": True,
    "sockets": 714,
    "limits": (LIMIT,),
}


def house(**spec) -> House:
    return House(HouseSpec("SN-1", **spec), Curve("SN-1", DAY))


def at(home: House, instant: int) -> Reading:
    return next(readings(home, [instant]))


def test_every_new_column_is_read():
    day, night = readings(house(**EVERYTHING), [NOON, DAY + 20 * HOUR])
    assert day.layout == "1.701.704.713.714"
    told = {
        name: day.values[name] for name in ("InvSt", "ThrotSrc", "ThrotPct", "LimEna", "LimPct")
    }
    assert told == {"InvSt": 4, "ThrotSrc": 1, "ThrotPct": 20, "LimEna": 1, "LimPct": 200}
    assert [day.values[f"PrtTyp_{n}"] for n in (1, 2, 3)] == [0, 0, 1]
    assert [day.values[f"PrtSta_{n}"] for n in (1, 2, 3)] == [1, 1, 1]
    assert [day.values[f"PrtAlrm_{n}"] for n in (1, 2, 3)] == [0, 0, 0]
    assert day.values["PrtW_3"] < 0 < day.values["PrtW_1"]
    assert night.values["PrtW_3"] > 0 == night.values["PrtW_1"]
    assert night.values["LimEna"] == night.values["ThrotSrc"] == 0
    assert night.values["LimPct"] == 1000
    assert night.values["PrtWHAbs_3"] > day.values["PrtWHAbs_3"] > 0
    assert (day.values["PrtWH_3"], night.values["PrtWH_3"] > 0) == (0, True)
    assert (day.quality, night.quality) == (0, 0)


def test_an_older_inverter_tells_its_limit_too():
    values = at(house(limits=(LIMIT,)), NOON).values
    assert (values["St"], values["LimEna"], values["LimPct"]) == (5, 1, 200)
    assert values["W"] == 1000


class Counted(HouseSource):
    """Counts requests."""

    asked = 0

    def read(self, unit, address, count):
        self.asked += 1
        return super().read(unit, address, count)


@pytest.mark.parametrize(
    ("spec", "requests"),
    [
        pytest.param({"battery": 802}, 2, id="as before"),
        pytest.param({"battery": 802, "limits": (LIMIT,)}, 3, id="with a limit"),
        pytest.param({"inverter": 701, "battery": 713}, 2, id="701 as before"),
        pytest.param(EVERYTHING, 3, id="everything"),
    ],
)
def test_a_poll_asks_little(spec, requests):
    source = Counted(house(**spec))
    source.at = NOON
    poller = Poller(source, unit=1)
    poller.poll(NOON)
    before = source.asked
    poller.poll(NOON + 900)
    assert source.asked - before <= requests


def polled(template: Template, values: dict) -> Reading:
    words = template.filled({"1.SN": "S"} | values)
    return Poller(Image(1, ((40000, tuple(words)),)), unit=1).poll(900)


@pytest.mark.parametrize("models", [[(103, 0), (123, 0)], [(701, 0), (704, 1)]])
def test_a_limit_that_cannot_be_read_casts_no_doubt_on_the_rest(models):
    (inverter, _), (controls, _) = models
    template = Template([(1, 0), *models])
    name = "WMaxLim_Ena" if controls == 123 else "WMaxLimPctEna"
    values = {f"{inverter}.W": 100, f"{inverter}.W_SF": 0, f"{controls}.{name}": 1}
    reading = polled(template, values | {f"{controls}.WMaxLimPct": 50})
    assert (reading.values["W"], reading.values["LimEna"], reading.values["LimPct"]) == (
        100,
        1,
        None,
    )
    assert reading.quality != 4
    broken = polled(template, values | {f"{inverter}.W_SF": 77})
    assert broken.quality == 4, "what was measured does"


def ports(*counts: int) -> tuple[Template, dict]:
    return Template([(1, 0), *((714, count) for count in counts)]), {"714.DCW_SF": 0}


def test_no_more_ports_than_a_chunk_holds():
    template, values = ports(MOST_INPUTS[714] + 3)
    values |= {f"714.DCW.{n}": n for n in range(1, MOST_INPUTS[714] + 4)}
    found = polled(template, values).values
    assert [found[f"PrtW_{n}"] for n in (1, MOST_INPUTS[714])] == [1, MOST_INPUTS[714]]
    assert f"PrtW_{MOST_INPUTS[714] + 1}" not in found


def test_inputs_and_ports_are_numbered_apart():
    template = Template([(1, 0), (160, 2), (714, 2)])
    values = {"160.DCW_SF": 0, "714.DCW_SF": 0, "160.DCW.1": 1, "160.DCW.2": 2}
    found = polled(template, values | {"714.DCW.1": 3, "714.DCW.2": 4}).values
    told = [found[name] for name in ("DCW_1", "DCW_2", "PrtW_1", "PrtW_2")]
    assert told == [1, 2, 3, 4]
    assert not {"DCW_3", "PrtW_3"} & found.keys()


def test_the_total_of_all_ports_is_no_port():
    template, values = ports(1)
    words = template.filled({"1.SN": "S"} | values | {"714.DCW.1": 7})
    write(words, template.slots["714.DCW"], 99)
    found = Poller(Image(1, ((40000, tuple(words)),)), unit=1).poll(900).values
    assert found["PrtW_1"] == 7
    assert 99 not in found.values()


def test_a_port_that_failed_is_a_fault():
    template, values = ports(2)
    assert polled(template, values | {"714.DCSta.2": 3}).quality == 5
    assert polled(template, values | {"714.DCSta.2": 2}).quality == 0


def test_a_limit_is_no_alarm_and_a_port_may_raise_one():
    reading = Reading("SN-1", 0, 0, "1.701.714", {"ThrotSrc": 1, "PrtAlrm_2": 1 << 15, "Alrm": 0})
    assert alarms_of(reading, {}) == {"PrtAlrm_2": 1 << 15}


@given(st.integers(0, 3 * 86_400), st.integers(1, 86_400))
def test_a_ledger_is_the_integral(start, length):
    curve = Curve("x", DAY)
    ledger = Ledger(DAY, curve.power_w)
    begin = DAY + start
    made = ledger.wh(begin + length) - ledger.wh(begin)
    assert made == pytest.approx(curve.energy_wh(begin + length) - curve.energy_wh(begin), abs=1e-6)
    assert ledger.wh(DAY - 1) == 0


def test_a_hybrid_neither_makes_nor_loses_energy():
    home = house(battery=802, is_hybrid=True)
    quarters = range(DAY, DAY + 86_400, 900)
    modules = sum(home.input_w(n, t) / 4 for t in quarters for n in (1, 2))
    inputs = sum(home.input_wh(n, DAY + 86_400) for n in (1, 2))
    assert inputs == pytest.approx(modules, abs=1e-3)
    said = [reading.values for reading in readings(home, quarters)]
    stored = home.charged_wh(DAY + 86_400) - home.discharged_wh(DAY + 86_400)
    ac = sum(values["W"] or 0 for values in said) / 4
    assert ac / EFFICIENCY == pytest.approx(inputs - stored, abs=40)
    assert stored == pytest.approx(0, abs=2)
    injected = home.energy_wh(DAY + 86_400) - home.energy_wh(DAY)
    assert injected == pytest.approx(sum(max(0, v["W"] or 0) for v in said) / 4, abs=20)


def test_a_limit_takes_from_all_inputs_alike():
    held, free = house(limits=(LIMIT,)), house()
    before, within, after = DAY + 8 * HOUR, NOON, DAY + 16 * HOUR
    assert at(held, before).values["W"] == at(free, before).values["W"]
    assert at(held, after).values["W"] == at(free, after).values["W"]
    values = at(held, within).values
    assert values["DCW_1"] == values["DCW_2"] == round(1000 / EFFICIENCY / 2)
    assert at(held, LIMIT.since).values["WH"] == at(free, LIMIT.since).values["WH"]
    assert at(held, after).values["WH"] < at(free, after).values["WH"]


def test_faults_of_a_limited_home_count_from_when_they_are_made():
    home = house(limits=(LIMIT,))
    whole = at(home, NOON + HOUR).values["WH"]
    home.break_down(inverter_fault(NOON, bit=12))
    assert at(home, NOON + HOUR).values["WH"] < whole
    assert home.mend(NOON + HOUR) == 1
    home.break_down(dead_string(NOON + HOUR, number=2))
    later = at(home, NOON + 2 * HOUR).values
    assert (later["DCW_2"], later["DCWH_2"]) == (0, at(home, NOON + HOUR).values["DCWH_2"])
    assert home.mend(NOON + 2 * HOUR, FaultKind.DEAD_STRING) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"is_hybrid": True},
        {"sockets": 101},
        {"battery": 803},
        {"shares": (0.5, 0.4)},
    ],
    ids=["a hybrid without a battery", "no such sockets", "no such battery", "shares"],
)
def test_homes_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="house SN-1"):
        house(**wrong)


@pytest.mark.parametrize(
    "wrong", [(1, 900, 50), (0, 901, 50), (0, 900, 101), (0, 900, -1)], ids=str
)
def test_limits_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="limit"):
        Limit(*wrong)
