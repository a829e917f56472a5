"""What real devices get wrong, as small images: read as far as it makes sense, and flagged."""

import pytest

from edge_agent.poll import Poller
from edge_agent.simulator.image import Image, Template
from edge_agent.source import DeviceRefused, IllegalAddress, NoReply, Unreachable, refused
from edge_agent.sunspec.report import chain_registers, read_report, scan_report
from edge_agent.sunspec.scan import END, MARKER, scan

BASE = 40000


def image(words, *, base=BASE, unit=1):
    return Image(unit, ((base, tuple(words)),))


def report_of(source):
    return read_report("x", source, scan(source))


def flags_of(report):
    return [model["flags"] for model in report["models"]]


def values_of(model, *names):
    return [model["points"][name]["value"] for name in names]


def home(models, values, **more):
    template = Template([(1, 0), *models])
    return template, template.filled({"1.SN": "SN-9"} | values | more)


NIGHT = {"101.WH": 12_345, "101.WH_SF": 0}


def test_a_night_in_which_everything_is_blank_but_the_counter():
    _, words = home([(101, 0), (160, 2)], NIGHT)
    report = report_of(image(words))
    inverter, inputs = report["models"][1:]
    assert inverter["points"]["W"] == {"raw": None, "value": None, "unit": "W", "flags": []}
    assert values_of(inverter, "W", "St", "TmpCab", "WH") == [None, None, None, 12_345]
    assert inputs["points"]["module"][1]["DCW"]["value"] is None
    assert inputs["points"]["module"][1]["DCWH"] == {
        "raw": 0,
        "value": 0,
        "unit": "Wh",
        "flags": [],
    }, "an accumulator of 0 is 0, whatever its scale factor"
    reading = Poller(image(words)).poll(900)
    assert (reading.quality, reading.values["WH"], reading.values["W"]) == (1, 12_345, None)
    assert reading.values["DCWH_1"] is None


@pytest.mark.parametrize(("declared", "inputs"), [(248, 12), (160, 7), (8, 0), (38, 1)])
def test_inputs_as_many_as_there_is_room_for(declared, inputs):
    template, words = home([(160, 12)], {"160.DCW_SF": -1, "160.N": 12})
    start = template.slots["160.ID"].offset
    words[start + 1] = declared
    words[start + 2 + declared :] = [END, 0]
    (_, model) = report_of(image(words))["models"]
    assert len(model["points"]["module"]) == inputs
    assert model["flags"] == ([] if (declared - 8) % 20 == 0 else ["length_differs"])
    assert values_of(model, "N") == [12]


def test_three_models_of_inputs_are_numbered_on():
    template = Template([(1, 0), (160, 2), (160, 1), (160, 2)])
    words = list(template.words)
    starts = [i for i in range(len(words)) if words[i] == 160]
    assert len(starts) == 3
    for k, start in enumerate(starts):
        words[start + 4] = 0
        for i in range(2 if k != 1 else 1):
            words[start + 10 + 20 * i + 11] = 100 * (k + 1) + i
    words[4 + 48 : 4 + 50] = [0x534E, 0x2D39]
    reading = Poller(image(words)).poll(900)
    assert [reading.values[f"DCW_{i}"] for i in range(1, 6)] == [100, 101, 200, 300, 301]


@pytest.mark.parametrize("length", [45, 49, 50, 51, 60])
def test_a_length_that_is_not_that_of_the_definition(length):
    template, words = home([(103, 0)], {"103.W": 70, "103.W_SF": 1, "103.EvtVnd4": 9})
    start = template.slots["103.ID"].offset
    words[start + 1] = length
    words[start + 52 :] = [0xBEEF] * 10
    words[start + 2 + length :] = [802, 2, 0xFFFF, 7, END, 0]
    _, inverter, battery = report_of(image(words))["models"]
    assert inverter["flags"] == ([] if length == 50 else ["length_differs"])
    assert values_of(inverter, "W") == [700]
    assert ("EvtVnd4" in inverter["points"]) is (length >= 50)
    assert battery["flags"] == ["length_differs"], "the chain goes on behind it"
    assert set(battery["points"]) == {"ID", "L", "AHRtg", "WHRtg"}


@pytest.mark.parametrize("length", [65, 66])
def test_a_common_model_of_an_odd_length(length):
    _, words = home([(103, 0)], {"103.St": 4})
    words[3] = length
    del words[4 + length : 4 + 66]
    report = report_of(image(words))
    assert flags_of(report) == [["length_differs"] if length == 65 else [], []]
    assert values_of(report["models"][0], "SN") == ["SN-9"]
    assert Poller(image(words)).poll(900).serial == "SN-9"


def test_more_repetitions_are_announced_than_there_is_room_for():
    template, words = home([(714, 2)], {"714.NPrt": 3, "714.DCW_SF": 0, "714.DCW.2": 8})
    model = report_of(image(words))["models"][1]
    assert model["flags"] == ["length_differs"]
    assert [entry["DCW"]["value"] for entry in model["points"]["Prt"]] == [None, 8]
    fewer = template.filled({"714.NPrt": 1}, words)
    assert flags_of(report_of(image(fewer)))[1] == ["length_differs"]
    assert "PrtW_2" not in Poller(image(fewer)).poll(900).values


ENDS = {
    "two registers": ([END, 0], []),
    "one register": ([END], ["end_one_register"]),
    "zero": ([0, 0], ["end_zero"]),
    "one zero": ([0], ["end_zero"]),
    "nothing": ([], ["no_end_marker"]),
    "a length of zero": ([103, 0, 5], ["no_end_marker"]),
    "one register of a head": ([103], ["no_end_marker"]),
    "past the last address": ([103, 60_000, 5], ["no_end_marker"]),
}


@pytest.mark.parametrize(("end", "flags"), ENDS.values(), ids=ENDS.keys())
@pytest.mark.parametrize("code", [2, 3, 4])
def test_ends(end, flags, code):
    _, words = home([(802, 0)], {"802.SoC": 5, "802.SoC_SF": 0})
    source = Refusing(image([*words[:-2], *end]), code=code)
    report = report_of(source)
    assert report["flags"] == flags
    assert scan_report("x", scan(source))["flags"] == flags
    assert [model["model"] for model in report["models"]] == [1, 802]
    assert flags_of(report) == [[], []]
    reading = Poller(source).poll(900)
    assert (reading.quality, reading.values["SoC"]) == (0, 50)


class Refusing:
    """A device that refuses what it does not have, or does not like, in its own way."""

    def __init__(self, of, *, code=2, dislikes=lambda address, count: False, error=None):
        self.of = of
        self.code = code
        self.dislikes = dislikes
        self.error = error
        self.asked = []

    def read(self, unit, address, count):
        self.asked.append((address, count))
        if self.dislikes(address, count):
            raise self.error or refused(f"reading {address}", self.code)
        try:
            return self.of.read(unit, address, count)
        except IllegalAddress:
            raise refused(f"reading {address}", self.code) from None

    def close(self):
        pass


def test_a_device_that_ends_at_the_last_address():
    _, words = home([(103, 0)], {"103.W": 7, "103.W_SF": 0})
    end = 0x10000 - len(words) + 4
    source = Refusing(image(words[2:-2], base=end))
    from edge_agent.sunspec.scan import walk

    chain = walk(source, 1, end - 2)
    assert (chain.label, chain.end, chain.flags) == ("1.103", 0x10000, ("no_end_marker",))
    assert values_of(read_report("x", source, chain)["models"][1], "W") == [7]


@pytest.mark.parametrize("has", [5, 16, 40, 51])
def test_a_last_model_of_which_the_device_has_only_the_first_registers(has):
    template, words = home([(103, 0)], {"103.W": 7, "103.W_SF": 0, "103.A": 5, "103.A_SF": 0})
    start = template.slots["103.ID"].offset
    report = report_of(image(words[: start + has]))
    model = report["models"][1]
    assert (report["flags"], model["flags"]) == (["no_end_marker"], ["truncated"])
    told = set(model["points"])
    inside = {
        slot.point.name
        for name, slot in template.slots.items()
        if name.startswith("103.") and slot.offset + slot.point.size <= start + has
    }
    assert told == {name for name in inside if not name.startswith("Pad")}
    assert model["points"]["A"]["value"] == (5 if has > 6 else None)


def test_a_truncated_input_gives_its_whole_points():
    template, words = home([(160, 3)], {"160.DCW_SF": 0, "160.DCW.3": 77, "160.DCW.2": 66})
    cut = template.slots["160.DCW.3"].offset + 1
    model = report_of(image(words[:cut]))["models"][1]
    assert model["flags"] == ["truncated"]
    assert [module["DCW"]["value"] for module in model["points"]["module"]] == [None, 66, 77]
    assert "DCWH" not in model["points"]["module"][2]


def test_unknown_models_between_known_ones_and_models_twice_and_out_of_order():
    template = Template([(802, 0), (160, 1), (1, 0), (103, 0), (103, 0)])
    words = template.filled({"1.SN": "S", "802.SoC": 9, "802.SoC_SF": 0})
    words[2:2] = [64_999, 3, 1, 2, 3]
    report = report_of(image(words))
    assert [model["model"] for model in report["models"]] == [64_999, 802, 160, 1, 103, 103]
    assert flags_of(report) == [["unknown_model"], [], [], [], [], []]
    assert report["models"][0]["points"] == {}
    assert report["models"][0]["name"] == ""
    reading = Poller(image(words)).poll(900)
    assert (reading.layout, reading.values["SoC"]) == ("64999.802.160.1.103.103", 90)


@pytest.mark.parametrize("scale", [0x8000, 11, -11 & 0xFFFF, 0x7FFF])
def test_scale_factors_that_are_none(scale):
    template, words = home([(103, 0)], {"103.W": 7, "103.WH": 5, "103.WH_SF": 0})
    words[template.slots["103.W_SF"].offset] = scale
    model = report_of(image(words))["models"][1]
    assert model["points"]["W"] == {"raw": 7, "value": None, "unit": "W", "flags": ["bad_sf"]}
    reading = Poller(image(words)).poll(900)
    assert (reading.quality, reading.values["W"], reading.values["WH"]) == (4, None, 5)


def test_text_that_is_no_text():
    _, words = home([(103, 0)], {"103.St": 4})
    words[4:8] = [0xFFFE, 0x4100, 0, 0]
    report = report_of(image(words))
    assert report["models"][0]["points"]["Mn"]["value"] == "\ufffd\ufffdA"
    words[52:56] = [0x4142, 0x0043, 0, 0]
    assert Poller(image(words)).poll(900).serial == "AB", "what stands behind a zero is no name"


@pytest.mark.parametrize("code", [1, 3, 4, 6, 11])
def test_a_model_that_cannot_be_read_spoils_only_itself(code):
    template, words = home([(103, 0), (160, 2), (802, 0)], {"103.W": 7, "103.W_SF": 0})
    start = BASE + template.slots["160.ID"].offset
    inside = range(start + 2, start + 50)
    source = Refusing(
        image(words), code=code, dislikes=lambda a, n: any(x in inside for x in range(a, a + n))
    )
    report = report_of(source)
    assert [model["flags"] for model in report["models"]] == [[], [], ["read_failed"], []]
    assert values_of(report["models"][1], "W") == [7]
    assert set(report["models"][2]["points"]) <= {"ID", "L"}
    assert len(source.asked) < 60


def test_a_connection_that_breaks_on_the_way_keeps_what_was_read():
    template, words = home([(103, 0), (160, 12), (802, 0)], {"103.W": 7, "103.W_SF": 0})
    source = Refusing(image(words))
    chain = scan(source)
    start = BASE + template.slots["160.ID"].offset
    source.dislikes = lambda address, count: address + count > start
    source.error = NoReply("gone")
    before = len(source.asked)
    report = read_report("x", source, chain)
    assert [model["flags"] for model in report["models"]][2:] == [["read_failed"]] * 2
    assert values_of(report["models"][1], "W") == [7]
    assert len(source.asked) - before <= 7, "a silent device is not asked for every model"


def test_a_device_that_refuses_reads_across_models():
    """Each register is there, but only within one model; a head of two registers is refused too."""
    template, words = home([(103, 0), (802, 0)], {"103.W": 7, "103.W_SF": 0, "802.State": 3})
    starts = [BASE + 2] + [BASE + template.slots[f"{n}.ID"].offset for n in (103, 802)]
    borders = [*starts, BASE + len(words) - 2]

    def crosses(address, count):
        return any(address < border < address + count for border in borders)

    source = Refusing(image(words[:-1]), dislikes=crosses)
    report = report_of(source)
    assert (report["flags"], flags_of(report)) == (["end_one_register"], [[], [], []])
    assert values_of(report["models"][1], "W") == [7]
    reading = Poller(source).poll(900)
    assert (reading.quality, reading.values["W"], reading.values["BatSt"]) == (0, 7, 3)


@pytest.mark.parametrize("most", [100, 60, 30, 10])
def test_a_device_that_refuses_long_reads(most):
    values = {"103.W": 7, "103.W_SF": 0, "160.DCW_SF": 0, "160.DCW.12": 5}
    _, words = home([(103, 0), (160, 12)], values)
    source = Refusing(image(words), code=3, dislikes=lambda address, count: count > most)
    report = report_of(source)
    assert flags_of(report) == [[], [], []]
    assert report["models"][2]["points"]["module"][11]["DCW"]["value"] == 5


def test_a_unit_that_is_silent_where_it_has_nothing():
    _, words = home([(103, 0)], {"103.W": 7})

    class Picky(Refusing):
        def read(self, unit, address, count):
            try:
                return super().read(unit, address, count)
            except IllegalAddress:
                if address < 50_000 and address:
                    raise
                raise NoReply("x") from None

    assert scan(Picky(image(words, base=50_000))).base == 50_000
    with pytest.raises(Unreachable):
        scan(Refusing(image(words), dislikes=lambda *_: True, error=Unreachable("x")))


def test_registers_of_a_chain_are_those_of_the_device():
    _, words = home([(103, 0), (160, 12)], {"103.W": 7})
    source = image(words)
    assert chain_registers(source, scan(source)) == (((BASE, tuple(words)),), ())
    cut = image(words[:-40])
    blocks, missing = chain_registers(cut, scan(cut))
    assert blocks == ((BASE, tuple(words[:-40])),)
    assert missing == (
        f"model 160: no registers {BASE + len(words) - 40} to {BASE + len(words) - 3}",
    )


@pytest.mark.parametrize("end", [[END, 0], [END], [0, 0], [0], [], [END, 7]])
def test_the_end_of_a_chain_is_kept_as_it_is(end):
    _, words = home([(103, 0)], {"103.W": 7})
    source = image([*words[:-2], *end])
    assert chain_registers(source, scan(source)) == (((BASE, (*words[:-2], *end)),), ())


def test_registers_that_cannot_be_read_are_named_and_the_rest_is_kept():
    template, words = home([(160, 2), (103, 0)], {"103.W": 7})
    hole = BASE + template.slots["160.ID"].offset + 20
    source = Refusing(image(words), dislikes=lambda a, n: a <= hole < a + n)
    chain = scan(source)
    blocks, missing = chain_registers(source, chain)
    behind = chain.models[1].end
    assert blocks == (
        (BASE, tuple(words[: hole - BASE])),
        (behind, tuple(words[behind - BASE :])),
    )
    assert missing == (f"model 160: no registers {hole} to {behind - 1}",)


def test_nothing_behind_the_marker():
    report = report_of(image([*MARKER, END, 0]))
    assert (report["models"], report["flags"]) == ([], [])
    assert Poller(image([*MARKER, END, 0])).poll(900) is None


BIG = {"103.W": 7, "103.W_SF": 0, "103.WH": 70_000, "103.WH_SF": 0, "160.DCW_SF": 0}
BIG |= {"1.Vr": "1.2.3", "160.DCW.12": 5, "160.DCWH_SF": 0, "160.DCWH.7": 99_999}


def lone(report):
    return [model["points"] for model in report["models"]]


@pytest.mark.parametrize("step", [100, 50, 20, 10, 7])
def test_borders_inside_points_lose_nothing(step):
    """A device that answers only reads within a block, whatever stands across the borders."""
    _, words = home([(103, 0), (160, 12), (802, 0)], BIG)
    source = Refusing(image(words), dislikes=lambda a, n: a // step != (a + n - 1) // step)
    report = report_of(source)
    assert (report["flags"], flags_of(report)) == ([], [[], [], [], []])
    assert lone(report) == lone(report_of(image(words)))


@pytest.mark.parametrize("border", range(40_046, 40_056))
def test_one_border_inside_a_text_costs_little(border):
    _, words = home([(103, 0), (160, 12)], BIG)
    source = Refusing(image(words), dislikes=lambda a, n: a < border < a + n)
    report = report_of(source)
    assert flags_of(report) == [[], [], []]
    assert lone(report) == lone(report_of(image(words)))
    assert len(source.asked) < 30


def test_a_number_in_two_parts_counts_only_if_it_stands_still():
    template, words = home([(103, 0)], {"103.WH": 0x1_FFFF, "103.WH_SF": 0})
    place = template.slots["103.WH"].offset
    border = BASE + place + 1

    class Counting(Refusing):
        moves = 0

        def read(self, unit, address, count):
            words = super().read(unit, address, count)
            if self.moves and address <= border - 1 < address + count:
                self.moves -= 1
                self.of = image(template.filled({"103.WH": 0x2_0000 + self.moves}, self.words))
            return words

    source = Counting(image(words), dislikes=lambda a, n: a < border < a + n)
    source.words = words
    chain = scan(source)
    assert values_of(read_report("x", source, chain)["models"][1], "WH") == [0x1_FFFF]
    source.moves = 1
    assert values_of(read_report("x", source, chain)["models"][1], "WH") == [0x2_0000]


SILENT = NoReply("x")
CLOSED = Unreachable("x")


@pytest.mark.parametrize("error", [SILENT, CLOSED])
def test_a_device_that_says_nothing_to_long_reads(error):
    _, words = home([(103, 0), (160, 12), (802, 0)], BIG)
    source = Refusing(image(words), dislikes=lambda _, count: count > 50, error=error)
    report = report_of(source)
    assert flags_of(report) == [[], [], [], []]
    assert lone(report) == lone(report_of(image(words)))
    assert len([count for _, count in source.asked if count > 50]) < 6, "silence costs time"


@pytest.mark.parametrize("code", [1, 2, 3, 4, None])
def test_a_device_that_ends_inside_its_last_model(code):
    template, words = home([(103, 0)], {"103.W": 7, "103.W_SF": 0, "103.A": 5, "103.A_SF": 0})
    there = template.slots["103.ID"].offset + 23
    source = Refusing(image(words[:there]), code=code)
    if code is None:
        source.dislikes = lambda a, n: a + n > BASE + there
        source.error = SILENT
    model = report_of(source)["models"][1]
    assert model["flags"] == ["truncated"]
    assert values_of(model, "A", "W") == [5, 7]


@pytest.mark.parametrize("base", [0, 50_000])
def test_a_device_that_is_silent_where_it_has_nothing_is_found_elsewhere(base):
    _, words = home([(103, 0)], {"103.W": 7})
    there = range(base, base + len(words))
    source = Refusing(image(words, base=base), dislikes=lambda a, n: a not in there, error=SILENT)
    assert scan(source).base == base
    assert scan(source, (1,)).base == base


@pytest.mark.parametrize("code", [5, 6, 10, 11])
def test_a_device_that_is_busy_is_not_told_to_be_none(code):
    source = Refusing(image([1, 2]), code=code)
    with pytest.raises(DeviceRefused):
        scan(source, (1,))
    words = (*MARKER, 103, 2, 7, 7, END, 0)
    busy_first = Refusing(image(words, base=0), code=code)
    assert scan(busy_first).label == "103"


def test_an_end_of_one_register_with_silence_behind():
    _, words = home([(103, 0)], {"103.W": 7})
    there = BASE + len(words) - 1
    source = Refusing(image(words), dislikes=lambda a, n: a + n > there, error=SILENT)
    chain = scan(source)
    assert (chain.flags, chain.is_cut_off) == (("end_one_register",), False)


def test_lengths_that_differ_are_told_by_a_scan():
    template, words = home([(103, 0), (160, 2), (714, 2)], {"714.NPrt": 3, "160.DCW_SF": 0})
    start = template.slots["103.ID"].offset
    words[start + 1] += 3
    words[start + 52 : start + 52] = [1, 2, 3]
    source = image(words)
    expected = [[], ["length_differs"], [], ["length_differs"]]
    chain = scan(source)
    assert flags_of(scan_report("x", chain, source)) == flags_of(report_of(source)) == expected
    assert flags_of(scan_report("x", chain)) == [*expected[:3], []], "nothing is read"


def test_another_model_in_the_place_of_one_is_asked_for_once_more():
    template, words = home([(103, 0)], {"103.W": 7, "103.W_SF": 0})
    start = template.slots["103.ID"].offset

    class Once(Refusing):
        def read(self, unit, address, count):
            found = list(super().read(unit, address, count))
            if count > 4 and not self.asked[-2][1] > 4:
                found[BASE + start + 1 - address] += 1
            return tuple(found)

    source = Once(image(words))
    report = report_of(source)
    assert flags_of(report) == [[], []]
    assert values_of(report["models"][1], "W") == [7]


def test_points_whose_scale_cannot_be_proved_keep_their_place():
    template, words = home([(103, 0), (160, 12)], {"160.DCW_SF": 0, "160.DCW.12": 5})
    place = template.slots["160.DCW_SF"].offset

    class Moving(Refusing):
        def read(self, unit, address, count):
            if address <= BASE + place < address + count:
                words[place] = (words[place] + 1) % 3
                self.of = image(words)
            return super().read(unit, address, count)

    model = report_of(Moving(image(words)))["models"][2]
    assert model["flags"] == ["read_failed"]
    told = model["points"]["module"][11]["DCW"]
    assert told == {"raw": None, "value": None, "unit": "W", "flags": ["bad_sf"]}
