"""The layout of a device: learnt once, checked at both ends, divided where refused, learnt anew."""

import pytest

from edge_agent.poll import RESCAN_AT_S, Poller
from edge_agent.simulator.image import Image, Template, write
from edge_agent.source import Busy, NoReply, ShortReply, Unreachable, refused
from edge_agent.sunspec.plan import Extent, Read, divided, extract, plan

BASE = 40_000
DAY = 86_400 * 20_000
NOON = DAY + 20 * 3600


class Device:
    """Registers that can be changed, and a list of what was asked."""

    def __init__(self, models, values, serial="SN-1"):
        self.become(models, values, serial)
        self.asked = []
        self.fails = lambda address, count: None

    def become(self, models, values, serial="SN-1"):
        self.template = Template([(1, 0), *models])
        self.words = self.template.filled({"1.SN": serial} | values)

    def put(self, name, value):
        write(self.words, self.template.slots[name], value)

    def read(self, unit, address, count):
        self.asked.append((address, count))
        error = self.fails(address, count)
        if error is not None:
            raise error
        return Image(1, ((BASE, tuple(self.words)),)).read(unit, address, count)

    def close(self):
        pass

    def at(self, name):
        return BASE + self.template.slots[name].offset

    def asked_by(self, poller, at):
        before = len(self.asked)
        reading = poller.poll(at)
        return reading, self.asked[before:]


HOME = [(103, 0), (160, 2), (802, 0)]
VALUES = {
    "103.W": 100,
    "103.W_SF": 0,
    "103.WH": 5000,
    "103.WH_SF": 0,
    "103.St": 4,
    "160.DCW_SF": 0,
    "160.DCW.1": 60,
    "802.SoC": 500,
    "802.SoC_SF": -1,
}


@pytest.fixture
def device():
    return Device(HOME, VALUES)


def test_a_good_device_is_scanned_once(device):
    poller = Poller(device, unit=1)
    poller.poll(NOON)
    assert poller.chain.label == "1.103.160.802"
    for i in range(1, 10):
        reading, asked = device.asked_by(poller, NOON + 60 * i)
        assert (reading.quality, len(asked)) == (0, 2)


def test_after_a_failure_both_ends_are_checked_and_no_more(device):
    poller = Poller(device, unit=1)
    poller.poll(NOON)
    device.fails = lambda *_: NoReply("x")
    assert poller.poll(NOON + 60).quality == 2
    assert poller.why == "no reply"
    device.fails = lambda *_: None
    reading, asked = device.asked_by(poller, NOON + 120)
    assert (reading.quality, poller.why, poller.failures) == (0, "", 0)
    end = BASE + len(device.words) - 2
    assert any(a <= end < a + n for a, n in asked), "the end marker"
    assert any(a <= BASE and a + n >= BASE + 68 for a, n in asked), "marker and serial number"
    assert len(asked) <= 4
    assert len(device.asked_by(poller, NOON + 180)[1]) == 2


def test_another_device_after_a_failure_is_never_taken_for_this_one(device):
    poller = Poller(device, unit=1)
    poller.poll(NOON)
    device.fails = lambda *_: Unreachable("x")
    poller.poll(NOON + 60)
    device.fails = lambda *_: None
    device.become(HOME, VALUES | {"103.W": 7777}, "SN-2")
    reading = poller.poll(NOON + 120)
    assert (reading.serial, reading.values["W"]) == ("SN-2", 7777)


def test_a_device_that_is_not_wanted_is_refused(device):
    poller = Poller(device, unit=1, wanted_serial="SN-1", serial="SN-0", label="1.101")
    first = poller.poll(NOON)
    assert (first.serial, first.quality) == ("SN-1", 0)
    device.become(HOME, VALUES | {"103.W": 7777}, "SN-2")
    for i in range(1, 20):
        reading = poller.poll(NOON + 60 * i)
        assert (reading.serial, reading.quality, dict(reading.values)) == ("SN-1", 2, {})
    assert poller.why == "another serial number"
    device.become(HOME, VALUES)
    assert poller.poll(NOON + 7200).quality == 0


def test_the_wanted_device_has_no_row_before_it_was_ever_met_and_then_is_silent():
    """A section without models would make the whole chunk unreadable."""
    other = Poller(Device(HOME, VALUES, "SN-2"), unit=1, wanted_serial="SN-1")
    assert other.poll(NOON) is None
    assert (other.failures, other.why) == (1, "another serial number")
    known = Poller(
        Device(HOME, VALUES, "SN-2"), unit=1, wanted_serial="SN-1", serial="SN-1", label="1.103"
    )
    reading = known.poll(NOON)
    assert (reading.serial, reading.quality, reading.layout) == ("SN-1", 2, "1.103")


LONGER = [(103, 0), (160, 3), (802, 0)]


@pytest.mark.parametrize(
    ("models", "label"),
    [
        (LONGER, "1.103.160.802"),
        ([(103, 0), (802, 0)], "1.103.802"),
        ([(701, 0), (713, 0)], "1.701.713"),
        ([*HOME, (103, 0)], "1.103.160.802.103"),
    ],
)
def test_other_models_after_a_failure_are_learnt(device, models, label):
    poller = Poller(device, unit=1)
    poller.poll(NOON)
    device.fails = lambda *_: NoReply("x")
    poller.poll(NOON + 60)
    device.fails = lambda *_: None
    values = {k: v for k, v in VALUES.items() if k.split(".")[0] in label.split(".")}
    device.become(models, values)
    assert poller.poll(NOON + 120).layout == label
    if (160, 3) in models:
        device.put("160.DCW.3", 33)
        assert poller.poll(NOON + 180).values["DCW_3"] == 33


def test_the_layout_is_looked_over_at_night_once(device):
    poller = Poller(device, unit=1)
    night = DAY + RESCAN_AT_S
    poller.poll(night - 120)
    assert len(device.asked_by(poller, night - 60)[1]) == 2
    assert 2 < len(device.asked_by(poller, night)[1]) <= 2 + 5
    assert len(device.asked_by(poller, night + 60)[1]) == 2
    device.become([*HOME, (203, 0)], VALUES | {"203.W": 5, "203.W_SF": 0})
    device.put("203.W", 5)
    assert "MtrW" not in poller.poll(night + 120).values
    poller.poll(night + 86_400)
    assert poller.poll(night + 86_460).values["MtrW"] == 5


def test_a_look_that_breaks_off_forgets_nothing(device):
    poller = Poller(device, unit=1)
    night = DAY + RESCAN_AT_S
    poller.poll(night - 60)
    device.fails = lambda address, count: NoReply("x") if count == 2 else None
    assert poller.poll(night).quality == 0
    device.fails = lambda *_: None
    assert poller.poll(night + 60).layout == "1.103.160.802"


def test_a_scan_that_breaks_off_is_believed_at_the_second_time_only(device):
    poller = Poller(device, unit=1, serial="SN-1", label="1.103.160.802")
    beyond = device.at("802.ID")
    device.fails = lambda address, count: NoReply("x") if address >= beyond else None
    first = poller.poll(NOON)
    assert (first.quality, first.layout, poller.why) == (2, "1.103.160.802", "models broke off")
    second = poller.poll(NOON + 60)
    assert (second.quality, second.layout, second.values["W"]) == (3, "1.103.160", 100)


def test_what_broke_off_is_partial_until_the_rest_is_found(device):
    poller = Poller(device, unit=1)
    beyond = device.at("802.ID")
    device.fails = lambda address, count: NoReply("x") if address >= beyond else None
    assert poller.poll(NOON) is None
    readings = [poller.poll(NOON + 60 * i) for i in range(1, 20)]
    assert {(one.quality, one.layout) for one in readings} == {(3, "1.103.160")}
    device.fails = lambda *_: None
    found = [poller.poll(NOON + 1200 + 60 * i) for i in range(7)]
    assert (found[-1].quality, found[-1].layout) == (0, "1.103.160.802")
    assert found[-1].values["SoC"] == 500


def test_a_device_that_is_silent_behind_its_models_is_whole_after_hours(device):
    poller = Poller(device, unit=1)
    end = BASE + len(device.words) - 2
    device.fails = lambda address, count: NoReply("x") if address + count > end else None
    told = {i: poller.poll(NOON + 60 * i) for i in range(60 * 8)}
    assert {told[i].quality for i in range(1, 355)} == {3}
    assert {told[i].quality for i in range(400, 480)} == {0}


def test_a_chain_without_a_model_is_never_believed(device):
    poller = Poller(device, unit=1)
    device.fails = lambda address, count: NoReply("x") if address > BASE else None
    for i in range(60):
        assert poller.poll(NOON + 60 * i) is None
        assert poller.why == "models broke off"
    device.fails = lambda *_: None
    assert poller.poll(NOON + 7200).quality == 0


def test_a_device_without_a_serial_number_is_named_by_the_settings():
    nameless = Device(HOME, VALUES, "")
    poller = Poller(nameless, unit=1)
    assert (poller.poll(NOON), poller.why) == (None, "no serial number")
    named = Poller(nameless, unit=1, wanted_serial="roof-1")
    for i in range(3):
        reading = named.poll(NOON + 60 * i)
        assert (reading.serial, reading.quality, reading.values["W"]) == ("roof-1", 0, 100)


def test_a_device_without_a_common_model_is_named_by_the_settings(device):
    inverter = device.at("103.ID") - BASE
    device.words = [*device.words[:2], *device.words[inverter:]]
    poller = Poller(device, unit=1)
    assert (poller.poll(NOON), poller.why) == (None, "no serial number")
    named = Poller(device, unit=1, wanted_serial="roof-1")
    for i in range(3):
        reading = named.poll(NOON + 60 * i)
        assert (reading.serial, reading.layout, reading.values["W"]) == (
            "roof-1",
            "103.160.802",
            100,
        )


def test_a_device_that_said_its_number_is_not_replaced_by_one_without(device):
    poller = Poller(device, unit=1, wanted_serial="SN-1")
    assert poller.poll(NOON).quality == 0
    device.become(HOME, VALUES | {"103.W": 7777}, "")
    for i in range(1, 20):
        reading = poller.poll(NOON + 60 * i)
        assert (reading.serial, reading.quality, dict(reading.values)) == ("SN-1", 2, {})
    assert poller.why == "another serial number"


class Picky(Device):
    """Refuses reads that are too long."""

    def __init__(self, most, code):
        super().__init__(HOME, VALUES)
        self.fails = lambda a, n: refused("x", code) if n > most and a > BASE - 1 else None


@pytest.mark.parametrize("code", [2, 3, 4])
@pytest.mark.parametrize("most", [110, 80, 60, 40])
def test_a_refused_read_is_divided_and_never_asked_again(most, code):
    device = Picky(most, code)
    poller = Poller(device, unit=1)
    reading = poller.poll(NOON)
    assert (reading.quality, reading.values["W"], reading.values["SoC"]) == (0, 100, 500)
    for i in range(1, 4):
        reading, asked = device.asked_by(poller, NOON + 60 * i)
        assert (reading.quality, reading.values["DCW_1"]) == (0, 60)
        assert all(count <= most for _, count in asked)
        assert len(asked) <= 8


@pytest.mark.parametrize("most", [25, 20, 16, 10])
def test_a_device_that_gives_few_registers_at_once_is_read_whole(most):
    device = Picky(most, 3)
    poller = Poller(device, unit=1)
    for i in range(6):
        device.fails = (lambda *_: NoReply("x")) if i == 3 else Picky(most, 3).fails
        reading, asked = device.asked_by(poller, NOON + 60 * i)
        assert reading.quality == (2 if i == 3 else 0)
        if i != 3:
            told = [reading.values[name] for name in ("W", "WH", "DCW_1", "SoC")]
            assert told == [100, 5000, 60, 500]
        if i in {1, 2, 5}:
            assert all(count <= most for _, count in asked)
            assert len(asked) <= 220 / most + 10


def test_a_part_that_failed_once_is_no_reason_to_give_up_its_model():
    device = Picky(20, 3)
    refuses, failing = device.fails, [Busy("x", 6)]

    def fails(address, count):
        is_part = address >= device.at("160.ID") and 2 < count <= 20
        return failing.pop() if failing and is_part else refuses(address, count)

    device.fails = fails
    poller = Poller(device, unit=1)
    assert [poller.poll(NOON + 60 * i).quality for i in range(4)] == [3, 0, 0, 0]


def test_a_model_that_is_refused_is_left_out_and_the_others_are_not():
    device = Device([(701, 0), (713, 0), (714, 2)], {"701.W": 9, "701.W_SF": 0, "713.Sta": 1})
    device.put("714.NPrt", 2)
    poller = Poller(device, unit=1)
    bad = range(device.at("714.NPrt") + 1, BASE + len(device.words) - 2)
    device.fails = lambda a, n: refused("x", 2) if a in bad or a + n - 1 in bad else None
    for i in range(4):
        reading, asked = device.asked_by(poller, NOON + 60 * i)
        assert (reading.quality, reading.values["W"], reading.values["BatSta"]) == (3, 9, 1)
        assert not [name for name in reading.values if name.startswith("Prt")]
    assert len(asked) <= 4, "what is hopeless costs one question"


def test_a_device_that_is_busy_with_everything_is_left_alone(device):
    poller = Poller(device, unit=1)
    poller.poll(NOON)
    device.fails = lambda *_: Busy("x", 6)
    assert poller.poll(NOON + 60).quality == 2
    assert poller.why == "busy"
    assert device.asked_by(poller, NOON + 61)[1] == []


def test_pauses_grow_and_are_drawn(device):
    device.fails = lambda *_: ShortReply("x")
    asked = {}
    for draw in (1.0, 0.0):
        poller = Poller(device, unit=1, draw=lambda value=draw: value)
        asked[draw] = sum(bool(device.asked_by(poller, NOON + 10 * i)[1]) for i in range(720))
    assert asked[1.0] == 12, "30, 60, 120 ... 900 s within two hours"
    assert asked[0.0] > 1.5 * asked[1.0]


def test_a_clock_that_is_put_back_does_not_keep_a_device_silent(device):
    poller = Poller(device, unit=1)
    device.fails = lambda *_: NoReply("x")
    for i in range(200):
        poller.poll(NOON + 60 * i)
    device.fails = lambda *_: None
    assert poller.poll(NOON - 86_400).quality == 0


def test_counters_are_taken_over_from_an_earlier_run(device):
    first = Poller(device, unit=1, rated_w=5000)
    first.poll(NOON)
    device.put("103.WH", 5000 + 90_000)
    again = Poller(device, unit=1, rated_w=5000, serial="SN-1", counters=first.counters)
    reading = again.poll(NOON + 60)
    assert (reading.quality, reading.values["WH"]) == (4, None)
    other = Poller(device, unit=1, rated_w=5000, serial="SN-0", counters=first.counters)
    assert other.poll(NOON + 60).values["WH"] == 95_000, "those were of another device"


def test_a_counter_of_32_bits_goes_on_behind_its_end(device):
    device.put("103.WH", 2**32 - 50)
    device.put("103.WH_SF", -2)
    poller = Poller(device, unit=1, rated_w=5000)
    assert poller.poll(NOON).values["WH"] == round((2**32 - 50) / 100)
    device.put("103.WH", 250)
    reading = poller.poll(NOON + 60)
    assert (reading.quality, reading.values["WH"]) == (0, 42_949_675)
    device.put("103.WH", 2**32 - 1)
    assert poller.poll(NOON + 120).values["WH"] is None, "all ones is a blank"


FLOATS = {
    "111.W": 0x4515_0CCD,  # 2384.8
    "111.WH": 0x4A98_9680,  # 5000000.0
    "111.DCW": 0x7FC0_0000,
    "111.TmpCab": 0x4225_999A,  # 41.4
    "111.St": 7,
    "111.Evt1": 128,
}


def test_inverters_that_speak_in_floats():
    reading = Poller(Device([(111, 0)], FLOATS), unit=1).poll(NOON)
    assert reading.quality == 5
    assert reading.values["DCW"] is None
    told = {name: reading.values[name] for name in ("W", "WH", "TmpCab", "St", "Evt1")}
    assert told == {"W": 2385, "WH": 5_000_000, "TmpCab": 414, "St": 7, "Evt1": 128}


@pytest.mark.parametrize("bits", [0x7F80_0000, 0xFF80_0000, 0x7FC0_0001, 0xFFFF_FFFF])
def test_floats_that_are_no_numbers_are_not_known(bits):
    reading = Poller(Device([(113, 0)], {"113.W": bits, "113.St": 4}), unit=1).poll(NOON)
    assert (reading.quality, reading.values["W"]) == (0, None)


def test_a_float_that_no_chunk_holds_is_refused():
    reading = Poller(Device([(113, 0)], {"113.W": 0x7F00_0000, "113.St": 4}), unit=1).poll(NOON)
    assert (reading.quality, reading.values["W"]) == (4, None)


@pytest.mark.parametrize("model", [201, 202, 203, 204])
def test_meters(model):
    values = {"W": -70, "W_SF": 1, "TotWhImp": 8, "TotWhExp": 9, "TotWh_SF": 3}
    named = {f"{model}.{name}": value for name, value in values.items()}
    reading = Poller(Device([(model, 0)], named), unit=1).poll(NOON)
    told = [reading.values[name] for name in ("MtrW", "MtrWHImp", "MtrWHExp")]
    assert (reading.quality, told) == (0, [-700, 8000, 9000])


def test_meters_that_speak_in_floats():
    values = {"213.W": 0xC479_C000, "213.TotWhImp": 0x447A_0000, "213.TotWhExp": 0x42C8_0000}
    reading = Poller(Device([(213, 0)], values), unit=1).poll(NOON)
    told = [reading.values[name] for name in ("MtrW", "MtrWHImp", "MtrWHExp")]
    assert told == [-999, 1000, 100]


def test_health_of_batteries():
    old = Device([(802, 0)], {"802.SoH": 97, "802.SoH_SF": 0})
    new = Device([(713, 0)], {"713.SoH": 971, "713.Pct_SF": -1})
    assert Poller(old, unit=1).poll(NOON).values["SoH"] == 970
    assert Poller(new, unit=1).poll(NOON).values["SoH"] == 971


def test_dividing():
    extents = [Extent(0, 50), Extent(60, 50, (70, 80, 90))]
    assert divided(Read(0, 110), extents) == (Read(0, 50), Read(60, 50))
    assert divided(Read(60, 50), extents) == (Read(60, 20), Read(80, 30))
    assert divided(Read(0, 50), extents) == (Read(0, 50),)
    assert divided(Read(500, 5), extents) == (Read(500, 5),)


def test_extracting():
    reads = [Read(0, 10), Read(10, 10), Read(40, 5)]
    fetched = [tuple(range(10)), tuple(range(10, 20)), tuple(range(40, 45))]
    assert extract(reads, fetched, Extent(5, 10)) == tuple(range(5, 15))
    assert extract(reads, fetched, Extent(15, 10)) is None, "what nobody asked for"
    assert extract(reads, fetched, Extent(38, 4)) is None
    assert extract(reads, fetched, Extent(41, 2)) == (41, 42)
    assert plan([Extent(0, 100), Extent(20, 5), Extent(90, 40)]) == (Read(0, 100), Read(90, 40))
