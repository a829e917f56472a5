"""Simulated homes: energy that adds up, faults that show, the same numbers with or without wire."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.modbus import Registers
from edge_agent.poll import Poller
from edge_agent.simulator.curve import Curve, production
from edge_agent.simulator.faults import FaultKind, dead_string, inverter_fault, silence, spans
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.image import Image, from_file
from edge_agent.simulator.quiet import readings
from edge_agent.simulator.server import Server

DAY = 1782025200
"""A midnight in UTC-7."""
NOON = DAY + 12 * 3600
HOUR = 3600


def house(*faults, **spec) -> House:
    return House(HouseSpec("SN-1", **spec), Curve("SN-1", DAY), faults)


def at(home: House, instant: int) -> dict:
    return next(readings(home, [instant])).values


def test_extract_is_whole():
    extract = production()
    assert len(extract.power_w) == 75
    assert all(len(day) == 96 and min(day) >= 0 for day in extract.power_w)
    assert all(day[0] == 0 and day[95] == 0 for day in extract.power_w), "nights are dark"


@given(st.integers(0, 80 * 86400), st.integers(1, 86400))
def test_energy_is_the_integral_of_the_power(start, length):
    curve = Curve("x", DAY, size=2.0, cloudy_days={1: 0.3})
    first = DAY + start - start % 900
    quarters = range(first, first + length - length % 900, 900)
    summed = sum(curve.power_w(quarter) for quarter in quarters) / 4
    made = curve.energy_wh(quarters.stop) - curve.energy_wh(quarters.start)
    assert made == pytest.approx(summed, abs=1e-3)


def test_homes_differ_by_few_per_cent_and_always_alike():
    days = [Curve(name, DAY).energy_wh(DAY + 86400) for name in ("a", "b", "c", "a")]
    assert days[0] == days[3]
    assert len(set(days)) == 3
    assert max(days) / min(days) < 1.0619
    cloudy = Curve("a", DAY, cloudy_days={0: 0.25}).energy_wh(DAY + 86400)
    assert cloudy == pytest.approx(days[0] / 4)


@pytest.mark.parametrize("models", [(103, 802), (701, 713), (103, None), (701, None)])
def test_day_and_night(models):
    home = house(inverter=models[0], battery=models[1])
    state = "St" if models[0] == 103 else "InvSt"
    day, night = readings(home, [NOON, NOON + 12 * HOUR])
    assert (day.quality, night.quality) == (0, 1)
    assert day.values["W"] == pytest.approx(
        (day.values["DCW_1"] + day.values["DCW_2"]) * 0.965, abs=2
    )
    assert night.values["W"] is None
    assert night.values["WH"] > day.values["WH"] > 1_000_000
    assert (day.values[state], night.values[state]) == ((4, 2) if state == "St" else (3, 1))
    assert ("SoC" in day.values) is (models[1] is not None)
    assert day.layout == ".".join(str(m) for m in (1, models[0], 160, models[1]) if m)


def test_dead_string_takes_its_share_and_no_more():
    whole, broken = house(), house(dead_string(NOON, number=2))
    before, after = NOON - HOUR, NOON + HOUR
    assert at(broken, before) == at(whole, before)
    a, b = at(whole, after), at(broken, after)
    assert (b["DCW_2"], b["DCW_1"]) == (0, a["DCW_1"])
    assert b["W"] == pytest.approx(a["W"] / 2, abs=1)
    assert b["St"] == 4, "the inverter does not notice"
    assert b["DCWH_2"] == at(broken, NOON)["DCWH_2"]
    assert a["WH"] - b["WH"] == pytest.approx((a["DCWH_2"] - b["DCWH_2"]) * 0.965, abs=2)


@pytest.mark.parametrize(
    ("inverter", "state", "bits"), [(103, ("St", 7), "Evt1"), (701, ("InvSt", 6), "Alrm")]
)
def test_inverter_fault_until_a_visit(inverter, state, bits):
    home = house(inverter=inverter)
    home.break_down(inverter_fault(NOON, bit=12))
    mended_at = NOON + 3 * HOUR
    broken = next(readings(home, [NOON + HOUR]))
    assert broken.quality == 5
    assert broken.values[state[0]] == state[1]
    assert (broken.values["W"], broken.values[bits]) == (0, 1 << 12)
    assert broken.values["WH"] == at(home, NOON)["WH"]
    assert home.mend(mended_at) == 1
    assert home.mend(mended_at) == 0
    assert at(home, mended_at)["WH"] == broken.values["WH"], "the counter stood still"
    later = next(readings(home, [mended_at + HOUR]))
    assert later.quality == 0
    assert later.values["WH"] > broken.values["WH"]


def test_mending_one_kind_leaves_the_other():
    home = house(dead_string(NOON), silence(NOON))
    assert home.mend(NOON + 1, FaultKind.SILENCE) == 1
    assert not home.is_silent(NOON + 1)
    assert at(home, NOON + 2)["DCW_1"] == 0


def test_spans_are_merged_and_cut():
    faults = [dead_string(10, until=30), inverter_fault(20, until=40), dead_string(90)]
    assert spans(faults, 1, 100) == [(10, 40), (90, 100)]
    assert spans(faults, 2, 100) == [(20, 40)]
    assert spans(faults, 1, 5) == []


def test_silent_house_reads_as_unreachable():
    found = list(
        readings(house(silence(NOON, until=NOON + HOUR)), range(NOON - 900, NOON + 3 * HOUR, 900))
    )
    assert found[0].quality == 0
    assert {reading.quality for reading in found[1:5]} == {2}
    assert found[-1].quality == 0


@pytest.mark.parametrize("models", [(103, 802), (701, 713)])
def test_wire_and_memory_give_the_same_readings(models, clock):
    home = house(dead_string(NOON + 2 * HOUR), inverter=models[0], battery=models[1])
    instants = list(range(DAY, DAY + 86400, HOUR))
    with Server(clock.now) as server:
        port = server.add(home)
        poller = Poller(Registers("127.0.0.1", port.number, 1.0), unit=1, rated_w=5000)
        over_wire = []
        for instant in instants:
            clock.at = instant
            over_wire.append(poller.poll(instant))
        asked = port.requests
        poller.poll(instants[-1])
        poller.close()
    assert over_wire == list(readings(home, instants))
    assert port.requests - asked == 2, "two requests per poll"


def image_text(**changes) -> str:
    return json.dumps({"unit": 1, "blocks": [{"address": 0, "registers": [1, 2]}]} | changes)


def block(address=0, registers=(1,)) -> dict:
    return {"blocks": [{"address": address, "registers": registers}]}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(image_text(unit="1"), id="a unit of text"),
        pytest.param(image_text(unit=256), id="a unit of 256"),
        pytest.param(image_text(unit=True), id="a unit of true"),
        pytest.param(image_text(blocks=[]), id="no block"),
        pytest.param(image_text(blocks=[5]), id="a block of number"),
        pytest.param(image_text(**block(registers=())), id="no register"),
        pytest.param(image_text(**block(registers=(65536,))), id="a large word"),
        pytest.param(image_text(**block(registers=(-1,))), id="a negative word"),
        pytest.param(image_text(**block(registers=(1.0,))), id="half a word"),
        pytest.param(image_text(**block(registers="ab")), id="words of text"),
        pytest.param(image_text(**block(address="0")), id="an address of text"),
        pytest.param(image_text(**block(address=-1)), id="a negative address"),
        pytest.param(image_text(**block(65535, (1, 2))), id="over the end"),
        pytest.param("[" * 100_000, id="nested"),
        pytest.param("[]", id="a list"),
        pytest.param("5", id="a number"),
    ],
)
def test_a_file_that_is_no_image_is_refused(tmp_path, text):
    path = tmp_path / "image.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="reading image") as caught:
        from_file(path)
    assert "\n" not in str(caught.value)


def test_an_image_reaches_to_the_last_register(tmp_path):
    path = tmp_path / "image.json"
    path.write_text(image_text(unit=255, **block(65535, (65535,))))
    assert from_file(path) == Image(255, ((65535, (65535,)),))


def test_adjoining_blocks_are_one(tmp_path):
    path = tmp_path / "image.json"
    blocks = [{"address": 12, "registers": [3]}, {"address": 10, "registers": [1, 2]}]
    blocks.append({"address": 20, "registers": [9]})
    path.write_text(json.dumps({"unit": 1, "blocks": blocks}))
    image = from_file(path)
    assert image.blocks == ((10, (1, 2, 3)), (20, (9,)))
    assert image.read(1, 11, 2) == (2, 3)
