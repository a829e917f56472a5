"""Scan, plan and decode, by hand-made oddities."""

import pytest

from edge_agent.poll import Poller
from edge_agent.simulator.image import Image, Template, write
from edge_agent.source import IllegalAddress, NoReply, Unreachable
from edge_agent.sunspec import generate
from edge_agent.sunspec.decode import fixed, raw, scaled
from edge_agent.sunspec.definitions import Point
from edge_agent.sunspec.layout import layout
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.plan import Extent, Read, extract, pieces, plan
from edge_agent.sunspec.report import read_report
from edge_agent.sunspec.scan import END, MARKER, Chain, FoundModel, scan, walk


def test_table_is_in_step_with_the_public_definitions():
    assert generate.main(["--check"]) == 0


ABSENT = {
    "int16": (0x8000,),
    "uint16": (0xFFFF,),
    "enum16": (0xFFFF,),
    "bitfield32": (0xFFFF, 0xFFFF),
    "uint32": (0xFFFF, 0xFFFF),
    "int32": (0x8000, 0),
    "int64": (0x8000, 0, 0, 0),
    "uint64": (0xFFFF,) * 4,
    "sunssf": (0x8000,),
    "float32": (0x7FC0, 0),
    "string": (0, 0),
    "ipaddr": (0, 0),
    "eui48": (0xFFFF,) * 4,
    "ipv6addr": (0,) * 8,
    "float64": (0x7FF8, 0, 0, 0),
    "float32 without an end": (0x7F80, 0),
    "string after a zero": (0x0041, 0x4200),
}


@pytest.mark.parametrize(("kind", "words"), ABSENT.items(), ids=ABSENT.keys())
def test_not_implemented_is_none(kind, words):
    assert raw(Point("x", kind.split()[0], 0, len(words), None, None), words, 0) is None


PRESENT = [
    ("int16", (0xFFFF,), -1),
    ("int16", (0x7FFF,), 32767),
    ("uint16", (0x8000,), 32768),
    ("acc32", (0, 0), 0),
    ("acc32", (0xFFFF, 0xFFFE), 4294967294),
    ("int32", (0xFFFF, 0xFFFE), -2),
    ("float32", (0x3FC0, 0), 1.5),
    ("string", (0x4142, 0x4300), "ABC"),
    ("string", (0xFF41, 0), "\ufffdA"),
    ("eui48", (0, 0x0040, 0xADA9, 0x9576), "00:40:AD:A9:95:76"),
    ("ipaddr", (0xC0A8, 0x0114), 0xC0A80114),
    ("ipv6addr", (0xFE80, 0, 0, 0, 0, 0, 0, 1), "FE800000:00000000:00000000:00000001"),
    ("float64", (0x3FF8, 0, 0, 0), 1.5),
    ("bitfield64", (0, 0, 1, 1), 65537),
    ("string", (0x4100, 0x4200), "A\0B"),
]


@pytest.mark.parametrize(("kind", "words", "value"), PRESENT)
def test_values(kind, words, value):
    assert raw(Point("x", kind, 0, len(words), None, None), words, 0) == value


@pytest.mark.parametrize(
    ("number", "scale", "decimals", "value"),
    [
        (1234, 0, 0, 1234),
        (1234, 2, 0, 123400),
        (1235, -1, 0, 124),
        (1225, -1, 0, 122),
        (-1235, -1, 0, -124),
        (-15, -1, 0, -2),
        (387, -1, 1, 387),
        (39, 0, 1, 390),
    ],
)
def test_fixed(number, scale, decimals, value):
    assert fixed(number, scale, decimals) == value


def test_scaled_is_the_nearest_float():
    assert scaled(30011, -2) == 300.11
    assert scaled(5, 3) == 5000
    assert scaled(3, -10) == 3e-10


def chain_of(words, base=40000, unit=1):
    return walk(Image(unit, ((base, tuple(words)),)), unit, base)


ONE = [*MARKER, 103, 2, 7, 7]
ENDS = {
    "two registers": ([*ONE, END, 0], ()),
    "one register": ([*ONE, END], ("end_one_register",)),
    "zero": ([*ONE, 0, 0], ("end_zero",)),
    "nothing": (ONE, ("no_end_marker",)),
    "length zero": ([*ONE, 103, 0, 1], ("no_end_marker",)),
    "past the last register": ([*ONE, 103, 65000], ("no_end_marker",)),
}


@pytest.mark.parametrize(("words", "flags"), ENDS.values(), ids=ENDS.keys())
def test_end_of_chain(words, flags):
    chain = chain_of(words)
    assert chain.models == (FoundModel(103, 40002, 2),)
    assert chain.flags == flags


@pytest.mark.parametrize("base", [40000, 0, 50000])
@pytest.mark.parametrize("unit", [1, 3, 126, 247, 2])
def test_scan_finds_base_and_unit(base, unit):
    chain = scan(Image(unit, ((base, (*ONE, END, 0)),)))
    assert (chain.unit, chain.base, chain.label) == (unit, base, "103")


class Silent:
    def __init__(self, error):
        self.error = error
        self.asked = 0

    def read(self, unit, address, count):
        self.asked += 1
        raise self.error("x")

    def close(self):
        pass


def test_scan_of_nothing():
    assert scan(Image(9, ())) is None
    silent = Silent(NoReply)
    with pytest.raises(NoReply):
        scan(silent)
    assert silent.asked == 7, "one question per unit, and the first one at the other places"
    alone = Silent(NoReply)
    with pytest.raises(NoReply):
        scan(alone, (9,))
    assert alone.asked == 3
    refused = Silent(Unreachable)
    with pytest.raises(Unreachable):
        scan(refused)
    assert refused.asked == 1, "no connection: other units need no asking"


def test_plan_of_a_home_is_two_reads():
    chain = Chain(
        1,
        40000,
        (
            FoundModel(1, 40002, 66),
            FoundModel(103, 40070, 50),
            FoundModel(160, 40122, 48),
            FoundModel(802, 40172, 62),
        ),
    )
    known = layout(chain)
    assert len(known.reads) == 2
    assert known.reads[0].address == 40000, "marker and common model come along for nothing"
    assert all(read.count <= 125 for read in known.reads)


def test_pieces_are_cut_where_allowed():
    assert pieces(Extent(0, 248, tuple(range(10, 248, 20)))) == [
        Read(0, 110),
        Read(110, 120),
        Read(230, 18),
    ]
    assert [piece.count for piece in pieces(Extent(0, 250))] == [125, 125]


def test_extract_spans_reads_and_fails_with_them():
    reads = plan([Extent(0, 200, (100,))])
    fetched = [tuple(range(read.address, read.end)) for read in reads]
    assert extract(reads, fetched, Extent(90, 20)) == tuple(range(90, 110))
    assert extract(reads, [None, *fetched[1:]], Extent(90, 20)) is None


def twelve_inputs():
    template = Template([(1, 0), (103, 0), (160, 12)])
    values = {"1.SN": "S12", "103.W": 100, "103.W_SF": 0, "103.WH": 5, "103.WH_SF": 0, "103.St": 4}
    values |= {"160.DCW_SF": 0, "160.DCWH_SF": 0, "160.N": 12}
    for i in range(1, 13):
        values |= {f"160.DCW.{i}": 10 * i, f"160.DCWH.{i}": i, f"160.DCSt.{i}": 4}
    return template, template.filled(values)


class Moving:
    """A device whose DCW scale factor changes between two requests."""

    def __init__(self, template, words, changes_at):
        self.words = list(words)
        self.slot = template.slots["160.DCW_SF"]
        self.left = changes_at

    def read(self, unit, address, count):
        self.left -= 1
        if self.left == 0:
            write(self.words, self.slot, 1)
        return Image(1, ((40000, tuple(self.words)),)).read(unit, address, count)

    def close(self):
        pass


def test_a_model_of_248_registers_is_read_whole():
    template, words = twelve_inputs()
    reading = Poller(Moving(template, words, -1), unit=1).poll(900)
    assert [reading.values[f"DCW_{i}"] for i in range(1, 13)] == [10 * i for i in range(1, 13)]


def test_a_scale_factor_that_moves_between_reads_spoils_the_model_not_the_numbers():
    template, words = twelve_inputs()
    requests = 1 + 1 + 3 + 1 + 2  # marker, three headers and end, serial number, two of the reads
    reading = Poller(Moving(template, words, requests + 1), unit=1).poll(900)
    assert reading.quality == 4
    told = {name: reading.values[name] for name in reading.values if name.startswith("DC")}
    assert all(told[f"DCW_{i}"] in {10 * i, None} for i in range(1, 13))
    assert told["DCW_1"] == 10, "it came with its scale factor"
    assert told["DCW_12"] is None
    assert told["DCWH_12"] is None
    assert [value for name, value in told.items() if name.startswith("DCSt")] == [4] * 12
    assert reading.values["W"] == 100


def test_truncated_model_gives_its_whole_points():
    template = Template([(1, 0), (103, 0)])
    words = template.filled({"1.SN": "S", "103.A": 500, "103.A_SF": -2, "103.W": 7})
    cut = template.slots["103.W"].offset
    image = Image(1, ((40000, tuple(words[:cut])),))
    report = read_report("x", image, walk(image, 1, 40000))
    model = report["models"][-1]
    assert model["flags"] == ["truncated"]
    assert model["points"]["A"] == {"raw": 500, "value": 5.0, "unit": "A", "flags": []}
    assert "W" not in model["points"]
    with pytest.raises(IllegalAddress):
        image.read(1, 40000 + cut, 1)


def test_length_and_scale_oddities_are_flagged():
    words = [*MARKER, 103, 20, *([0xFFFF] * 20), 99, 1, 5, END, 0]
    words[2 + 14], words[2 + 15] = 42, 0x8000
    image = Image(1, ((40000, tuple(words)),))
    short, unknown = read_report("x", image, walk(image, 1, 40000))["models"]
    assert short["flags"] == ["length_differs"]
    assert short["points"]["W"] == {"raw": 42, "value": None, "unit": "W", "flags": ["bad_sf"]}
    assert (unknown["flags"], unknown["points"]) == (["unknown_model"], {})


def test_models_start_with_id_and_length():
    for number, model in MODELS.items():
        assert [point.name for point in model.group.points[:2]] == ["ID", "L"]
        assert model.id == number
