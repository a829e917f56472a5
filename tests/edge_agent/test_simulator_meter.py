"""A simulated home with a meter: what is drawn and given follows from use, sun and battery."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.modbus import Registers
from edge_agent.poll import Poller
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.faults import alarm, battery_fault
from edge_agent.simulator.house import EFFICIENCY, House, HouseSpec
from edge_agent.simulator.load import Load
from edge_agent.simulator.quiet import readings
from edge_agent.simulator.server import Server

DAY = 1782025200
"""A midnight in UTC-7."""
HOUR = 3600
NOON = DAY + 12 * HOUR


def house(*faults, **spec) -> House:
    return House(HouseSpec("SN-1", **spec), Curve("SN-1", DAY), faults)


def test_noon_gives_and_evening_draws():
    home = house(meter=203)
    assert home.grid_w(NOON) < 0 < home.grid_w(NOON + 8 * HOUR)
    day, evening = (reading.values for reading in readings(home, [NOON, NOON + 8 * HOUR]))
    assert (day["MtrW"], evening["MtrW"]) == (
        round(home.grid_w(NOON)),
        round(home.grid_w(NOON + 8 * HOUR)),
    )
    assert evening["MtrWHImp"] > day["MtrWHImp"] > 2_000_000
    assert evening["MtrWHExp"] > day["MtrWHExp"] >= 500_000


@settings(deadline=None, max_examples=30)
@given(
    first=st.integers(0, 300).map(lambda i: DAY + 900 * i),
    quarters=st.integers(1, 200),
    spec=st.sampled_from(
        [{}, {"battery": 802}, {"battery": 713, "is_hybrid": True, "sockets": 714}]
    ),
)
def test_energy_is_kept(first, quarters, spec):
    """Drawn less given is used less made less what the battery gave, over any span."""
    home = house(meter=203, **spec)
    last = first + 900 * quarters
    use = Load("SN-1", DAY)
    used = sum(use.power_w(at) for at in range(first, last, 900)) / 4
    made = sum(home._dc_w(at) for at in range(first, last, 900)) / 4 * EFFICIENCY
    battery = home.discharged_wh(last) - home.discharged_wh(first)
    battery -= home.charged_wh(last) - home.charged_wh(first)
    if spec.get("is_hybrid") or not spec:
        battery = 0
    drawn = home.imported_wh(last) - home.imported_wh(first)
    given_away = home.exported_wh(last) - home.exported_wh(first)
    assert drawn >= 0
    assert given_away >= 0
    assert drawn - given_away == pytest.approx(used - made - battery, abs=1e-3)


def test_nothing_else_changes_with_a_meter():
    plain, metered = house(battery=802), house(battery=802, meter=203)
    apart = house(battery=802, meter=203, meter_unit=2)
    words = plain.image(NOON).blocks[0][1]
    assert metered.image(NOON).blocks[0][1][: len(words) - 2] == words[:-2]
    assert apart.image(NOON) == plain.image(NOON)


def test_a_meter_of_its_own_unit(clock):
    home = house(meter=203, meter_unit=2)
    clock.at = NOON
    with Server(clock.now) as server:
        port = server.add(home)
        found = []
        for unit in (1, 2):
            poller = Poller(Registers("127.0.0.1", port.number, 1.0), unit=unit)
            found.append(poller.poll(NOON))
            poller.close()
    assert [(reading.serial, reading.layout) for reading in found] == [
        ("SN-1", "1.103.160"),
        ("SN-1-M", "1.203"),
    ]
    assert found[1].values["MtrW"] == round(home.grid_w(NOON))
    assert "MtrW" not in found[0].values


def test_alarms_come_and_go():
    home = house(alarm(NOON, bit=7, until=NOON + HOUR), alarm(NOON, bit=2, until=NOON + 1800))
    seen = list(readings(home, [NOON - 60, NOON, NOON + 1800, NOON + HOUR]))
    assert [reading.values["Evt1"] for reading in seen] == [0, 132, 128, 0]
    assert {reading.values["St"] for reading in seen} == {4}, "it goes on working"


@pytest.mark.parametrize(("battery", "state"), [(802, ("BatSt", 99)), (713, ("BatSta", 2))])
def test_a_battery_fails_and_is_mended(battery, state):
    home = house(battery_fault(NOON, bit=3, until=NOON + HOUR), battery=battery)
    before, broken, after = readings(home, [NOON - 60, NOON, NOON + HOUR])
    assert (before.quality, broken.quality, after.quality) == (0, 5, 0)
    assert broken.values[state[0]] == state[1]
    if battery == 802:
        assert broken.values["BatEvt1"] == 8


@pytest.mark.parametrize("spec", [{"meter": 999}, {"meter": 203, "meter_unit": 1}])
def test_no_such_meter(spec):
    with pytest.raises(ValueError, match="no such meter"):
        HouseSpec("SN-1", **spec)
