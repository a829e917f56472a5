"""Profiles: files are checked whole, and each that ships is read back over real Modbus."""

import copy
import struct
import time
import tomllib
from contextlib import closing
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from edge_agent.agent import Agent
from edge_agent.dictionary import BITS, COLUMNS, ENUMS
from edge_agent.discovery import serial_at, wanted
from edge_agent.modbus import Registers
from edge_agent.profiles.file import (
    FOLDER,
    SIZES,
    ProfileError,
    from_tables,
    load,
    load_file,
    names,
)
from edge_agent.profiles.profile import NumberAt, ProfileColumn, ProfilePoller, values_of
from edge_agent.quality import base_of
from edge_agent.reading import Reading
from edge_agent.settings import DeviceSettings
from edge_agent.simulator.image import Image
from edge_agent.simulator.server import Server
from edge_agent.source import Busy, IllegalAddress, NoReply, ReadFailed, ShortReply, Unreachable

GOODWE_REPLIES = {
    "running_data": """
        aa55f703fa1508160b0b0c0cfe00330000069f0cfe0035000006e10000000000000000000000000000000000
        0002020959000f138700000150096f000d13870000011f096b000b1387000000ce00010000033ffffffffd00
        0000000000000009560006138600010000006b096d000913880001000000bd096c0002138700010000000000
        0000e000000050000000e9000001380000020a000401fe0000024b00001f640fb209eeff9efffff630000300
        00002000010000000000000000edb50000007d0000b8520000241e00620000024400000001588a007400006b
        bd003500005f65001d0005000000010000000000000000000107000800000209ee000055ae
    """,
    "meter_data": """
        aa55f7035a00010023000a00000001ffc7ffd2fffaff920538ff6fff84fff2ffb0138d462449804a46a2f9ff
        ffffc7ffffffd2fffffffaffffff920000016c000001650000026600000538fffffe6efffffe8cfffffd8dff
        fffa8500010003a1fa
    """,
    "battery_info": """
        aa55f7033000ff01000001015e00190019000000440063000500000101000000000000000000000000000000
        0000000000000000006447
    """,
}
"""Replies of a GW10K-ET, from tests/sample/et of github.com/marcelblijleven/goodwe (MIT)."""
SERIAL = "9010KETU000W0000"
AT = 1782025200
FORMATS = {"float32": ">f", "float64": ">d"}


def blueprint() -> dict:
    return tomllib.loads((FOLDER / "blueprint.toml").read_text(encoding="utf-8"))


def words_of(number: NumberAt, value: int | float) -> list[int]:
    """The registers of a number, made without the code that reads them."""
    if number.type in FORMATS:
        data = struct.pack(FORMATS[number.type], value)
    else:
        data = (int(value) % (1 << 16 * number.size)).to_bytes(2 * number.size, "big")
    words = list(struct.unpack(f">{number.size}H", data))
    return words[::-1] if number.is_low_word_first else words


def text_words(text: str, size: int) -> list[int]:
    return list(struct.unpack(f">{size}H", text.encode().ljust(2 * size, b"\0")))


class Sample:
    """Registers made out of a profile, each column with a value of its own, and what comes out."""

    def __init__(self, profile) -> None:
        self.words: dict[int, int] = {}
        self.expected: dict[str, int] = {}
        self.put(profile.serial.address, text_words("SN-4711", profile.serial.size))
        taken: dict[int, int | float] = {}
        for position, column in enumerate(profile.columns):
            total = 0
            for address in column.addresses:
                number = taken.setdefault(address, self.number_for(column, position))
                self.put(address, words_of(column.number, number))
                scaled = Fraction(number) * column.times / column.over
                assert scaled.denominator == 1
                total += int(scaled)
            self.expected[column.column] = self.meaning(column, number, total)

    def number_for(self, column: ProfileColumn, position: int) -> int | float:
        if column.codes is not None:
            return sorted(column.codes)[1]
        if column.bits is not None:
            return sum(1 << at for at in column.bits)
        # Not more than 100, so that it fits a state of charge, also in tenths of a per cent.
        return 40 + position

    def meaning(self, column, number, total) -> int:
        if column.codes is not None:
            return column.codes[number]
        if column.bits is not None:
            return sum(1 << to for at, to in column.bits.items() if number >> at & 1)
        return total

    def put(self, address: int, words: list[int]) -> None:
        for i, word in enumerate(words):
            assert self.words.setdefault(address + i, word) == word

    def image(self, unit: int) -> Image:
        """Registers in blocks without holes; what is between two columns is 0xDEAD."""
        blocks: list[tuple[int, list[int]]] = []
        for address in sorted(self.words):
            start, words = blocks[-1] if blocks else (0, [])
            if blocks and address - start - len(words) < 130:
                words += [0xDEAD] * (address - start - len(words))
                words.append(self.words[address])
            else:
                blocks.append((address, [self.words[address]]))
        return Image(unit, tuple((start, tuple(words)) for start, words in blocks))


@pytest.fixture
def serve():
    """Serve an image over Modbus/TCP; give the registers as the agent reads them."""
    sources: list[Registers] = []
    with Server(time.monotonic) as server:

        def make(image):
            sources.append(Registers("127.0.0.1", server.add(image).number, 1.0))
            return sources[-1]

        yield make
        for source in sources:
            source.close()


def poller(source, profile, **entries) -> ProfilePoller:
    return ProfilePoller(source, profile, draw=lambda: 1.0, **entries)


# What ships.


def test_the_profiles_that_ship():
    assert names() == ("blueprint", "goodwe_et", "solaredge_battery")


@pytest.mark.parametrize("name", names())
def test_a_profile_that_ships_is_read_back_over_modbus(serve, name):
    profile = load(name)
    sample = Sample(profile)
    one = poller(serve(sample.image(profile.unit)), profile)
    reading = one.poll(AT)
    assert reading == Reading("SN-4711", AT, reading.quality, name, sample.expected)
    assert set(reading.values) == {column.column for column in profile.columns}
    assert one.label == name
    assert one.failures == 0


@pytest.mark.parametrize("name", names())
def test_a_profile_that_ships_costs_few_requests(name):
    assert len(load(name).reads) <= 3


@pytest.mark.parametrize("name", names())
def test_codes_and_bits_of_a_profile_that_ships_are_those_of_the_dictionary(name):
    for column in load(name).columns:
        stem = base_of(column.column)
        listed = column.column if column.column == stem else f"{stem}_n"
        assert (column.codes is not None) == (listed in ENUMS)
        assert (column.bits is not None) == (listed in BITS)


def goodwe_registers(name: str) -> tuple[int, ...]:
    """The registers of a reply as the maker's stick sends it: AA55, unit, function, length, CRC."""
    data = bytes.fromhex(GOODWE_REPLIES[name])
    assert data[:4] == bytes.fromhex("aa55f703")
    assert len(data) == 5 + data[4] + 2
    return struct.unpack(f">{data[4] // 2}H", data[5:-2])


GOODWE_EXPECTED = {
    "W": 831,
    "WH": 4718600,
    "TmpCab": 510,
    "DCW_1": 1695,
    "DCW_2": 1761,
    "PvW": 3456,
    "PvWH": 6085300,
    "BatChgW": 2512,
    "BatWHIn": 2758100,
    "BatWHOut": 2442100,
    "SoC": 680,
    "SoH": 990,
    "MtrW": -110,
    "MtrWHExp": 10514,
    "MtrWHImp": 3254462,
    "VndSt": 1,
    "VndFlt": 0,
}
"""What the tests of that project expect of them, in our units; a GoodWe counts 0.1 kWh."""


@pytest.fixture
def goodwe_image():
    return Image(
        247,
        (
            (35000, (0, 0, 0, *text_words(SERIAL, 8), *[0] * 22)),
            (35100, goodwe_registers("running_data")),
            (36000, goodwe_registers("meter_data")),
            (37000, goodwe_registers("battery_info")),
        ),
    )


def test_a_real_goodwe_is_read_as_its_owners_expect(serve, goodwe_image):
    reading = poller(serve(goodwe_image), load("goodwe_et")).poll(AT)
    # Normal on grid is MPPT, charging is a battery that is connected.
    assert reading.values == GOODWE_EXPECTED | {"St": 4, "BatSt": 3}
    assert (reading.serial, reading.quality) == (SERIAL, 0)


def test_a_goodwe_without_a_meter_is_whole(serve, goodwe_image):
    without = Image(247, goodwe_image.blocks[:2])
    reading = poller(serve(without), load("goodwe_et")).poll(AT)
    assert reading.quality == 0
    assert not {"MtrW", "SoC"} & set(reading.values)
    assert reading.values["PvW"] == 3456


# What a value is.


def changed(profile_changes=(), **columns) -> object:
    """The blueprint with changed registers: column name to changed keys."""
    tables = blueprint()
    tables |= dict(profile_changes)
    for entry in tables["register"]:
        entry.update(columns.get(entry["column"], {}))
    return from_tables(tables, "blueprint")


def polled(serve, profile, put=None, **entries):
    sample = Sample(profile)
    sample.words |= put or {}
    return poller(serve(sample.image(profile.unit)), profile, **entries).poll(AT)


def test_what_is_outside_of_the_plausible_is_null_and_the_row_suspect(serve):
    profile = load("blueprint")
    for word, value, quality in ((1000, 1000, 0), (1001, None, 4), (65535, None, 4)):
        reading = polled(serve, profile, {1022: word})
        assert reading.values["SoC"] == value
        assert reading.quality == (4 if value is None and word != 65535 else 0), quality


def test_a_code_that_the_profile_does_not_know_is_null(serve):
    assert polled(serve, load("blueprint"), {1004: 77}).values["St"] is None


def test_a_code_of_failure_is_a_fault(serve):
    reading = polled(serve, load("blueprint"), {1004: 99})
    assert (reading.values["St"], reading.quality) == (7, 5)


def test_a_code_of_off_is_asleep(serve):
    assert polled(serve, load("blueprint"), {1004: 10}).quality == 1


def test_bits_go_where_the_profile_says(serve):
    values = polled(serve, load("blueprint"), {1005: 0b1001_1001}).values
    assert values["Evt1"] == 1 << 7 | 1 << 0
    assert values["VndFlt"] == 0b1001_1001


def test_a_sum_leaves_out_what_is_absent_and_is_null_when_all_is(serve):
    profile = load("blueprint")
    absent = {1012: 0xFFFF, 1013: 0xFFFF}
    one = polled(serve, profile, absent).values
    assert one["PvW"] == one["DCW_1"]
    both = polled(serve, profile, absent | {1010: 0xFFFF, 1011: 0xFFFF}).values
    assert (both["PvW"], both["DCW_1"]) == (None, None)


def two_inputs(column):
    """The blueprint with a column that sums 1010 and 1012."""
    tables = blueprint()
    entry = next(entry for entry in tables["register"] if entry["column"] == "PvW")
    entry["column"] = column
    return from_tables(tables, "blueprint")


GONE = {"a1010": 0xFFFF, "a1011": 0xFFFF}
OTHER_GONE = {"a1012": 0xFFFF, "a1013": 0xFFFF}


@pytest.mark.parametrize(
    ("column", "polls", "told"),
    [
        pytest.param("PvW", [{}, OTHER_GONE, {}], [True, None, True], id="a part that was there"),
        pytest.param("PvW", [OTHER_GONE, OTHER_GONE], [True, True], id="a part that never was"),
        pytest.param("PvW", [OTHER_GONE, {}, OTHER_GONE], [True, True, None], id="one more part"),
        pytest.param("PvW", [OTHER_GONE, GONE], [True, None], id="another part instead"),
        pytest.param("PvWH", [{}, OTHER_GONE, {}], [True, None, True], id="a counter in between"),
        pytest.param("PvWH", [OTHER_GONE, {}], [None, True], id="a counter at first"),
    ],
)
def test_a_sum_of_which_a_part_is_gone_is_no_smaller_number(source, column, polls, told):
    profile = two_inputs(column)
    one = poller(source, profile)
    for number, (words, is_there) in enumerate(zip(polls, told, strict=True)):
        source.image = with_serial(profile, "SN-1", **words)
        reading = one.poll(AT + 60 * number)
        assert (reading.values[column] is not None) == (is_there is not None)
        assert reading.quality == (0 if is_there else 3)


@pytest.mark.parametrize("column", ["PvW", "PvWH"])
def test_a_sum_of_which_all_is_absent_is_null_and_no_gap(source, column):
    profile = two_inputs(column)
    one = poller(source, profile)
    for number, words in enumerate(({}, GONE | OTHER_GONE)):
        source.image = with_serial(profile, "SN-1", **words)
        reading = one.poll(AT + 60 * number)
    assert (reading.values[column], reading.quality) == (None, 0)


def test_the_parts_of_another_device_are_its_own(source):
    profile = two_inputs("PvW")
    one = poller(source, profile)
    source.image = with_serial(profile, "SN-1")
    one.poll(AT)
    source.image = None
    one.poll(AT + 60)
    source.image = with_serial(profile, "SN-2", **OTHER_GONE)
    reading = one.poll(AT + 600)
    assert (reading.serial, reading.quality) == ("SN-2", 0)
    assert reading.values["PvW"] is not None


@pytest.mark.parametrize(
    "words", [(0x7FC0, 0), (0x7F80, 0), (0xFF80, 0), (0xFF7F, 0xFFFF)], ids=str
)
def test_a_float_that_is_no_number_is_null(serve, words):
    reading = polled(serve, load("blueprint"), dict(zip((1020, 1021), words, strict=True)))
    assert reading.values["BatChgW"] is None
    assert reading.quality == 0


def test_a_float_that_no_chunk_can_hold_is_suspect(serve):
    reading = polled(serve, load("blueprint"), {1020: 0x7F00, 1021: 0})
    assert (reading.values["BatChgW"], reading.quality) == (None, 4)


def test_a_block_that_is_refused_is_a_gap_and_no_zero(serve):
    profile = changed(MtrWHImp={"optional": False})
    sample = Sample(profile)
    image = sample.image(1)
    without = Image(1, tuple(block for block in image.blocks if block[0] != 2000))
    reading = poller(serve(without), profile).poll(AT)
    assert reading.quality == 3
    assert reading.values["MtrWHImp"] is None
    assert reading.values["W"] == sample.expected["W"]


NUMBERS_MADE = st.sampled_from(sorted(SIZES)).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        st.booleans(),
        {
            "float32": st.floats(-1e6, 1e6, width=32),
            "float64": st.floats(-1e6, 1e6),
        }.get(
            kind,
            st.integers(0, 2 ** (16 * SIZES[kind]) - 1)
            if kind[0] in "ua"
            else st.integers(-(2 ** (16 * SIZES[kind] - 1)), 2 ** (16 * SIZES[kind] - 1) - 1),
        ),
    )
)


@with_settings(max_examples=100, deadline=None)
@given(NUMBERS_MADE)
def test_every_type_comes_back_in_both_orders_of_words(made):
    kind, is_low_first, value = made
    number = NumberAt(kind, SIZES[kind], is_low_first, frozenset())
    assert number.read(words_of(number, value)) == value


@with_settings(max_examples=100, deadline=None)
@given(
    st.one_of(st.integers(-(10**9), 10**9), st.floats(-1e9, 1e9)),
    st.integers(-(10**6), 10**6).filter(bool),
    st.integers(1, 10**6),
)
def test_a_factor_is_exact_and_a_half_goes_to_even(number, times, over):
    at = NumberAt("float64", 4, is_low_word_first=False, absent=frozenset())
    column = ProfileColumn("W", (0,), at, times, over)
    assert column.value([words_of(at, number)]) == round(
        Fraction(float(number)) * Fraction(times, over)
    )


PROFILES = [load(name) for name in names()]


@with_settings(max_examples=60, deadline=None)
@given(st.binary(min_size=250, max_size=250), st.sampled_from(PROFILES))
def test_any_registers_make_values_of_a_chunk_or_null(data, profile):
    words = struct.unpack(">125H", data)
    values, has_gap, _ = values_of(profile, [words[: read.count] for read in profile.reads], {})
    assert not has_gap
    for value in values.values():
        assert value is None or -(2**63) <= value < 2**63


# Who answers, and when it does not.


class Swapped:
    """A source that can fall silent, or become another device."""

    def __init__(self, profile) -> None:
        self.profile = profile
        self.image: Image | None = None
        self.asked: list[int] = []

    def read(self, unit, address, count):
        self.asked.append(address)
        if self.image is None:
            raise NoReply("silent")
        return self.image.read(unit, address, count)

    def close(self):
        pass


def with_serial(profile, serial, **put):
    sample = Sample(profile)
    for i, word in enumerate(text_words(serial, profile.serial.size)):
        sample.words[profile.serial.address + i] = word
    for address, word in put.items():
        sample.words[int(address[1:])] = word
    return sample.image(profile.unit)


@pytest.fixture
def source():
    return Swapped(load("blueprint"))


def test_a_silent_device_is_asked_less_and_less_and_said_to_be_unreachable(source):
    one = poller(source, source.profile, serial="SN-1")
    readings = {at: one.poll(AT + at) for at in range(0, 211, 10)}
    assert {reading.quality for reading in readings.values()} == {2}
    assert {reading.serial for reading in readings.values()} == {"SN-1"}
    assert all(reading.values == {} for reading in readings.values())
    assert len(source.asked) == 4
    assert one.failures == 4
    assert one.why == "no reply"
    source.image = with_serial(source.profile, "SN-1")
    assert one.poll(AT + 220).quality == 2
    assert one.poll(AT + 450).quality == 0
    assert (one.failures, one.why) == (0, "")


def test_a_device_that_was_never_met_has_no_reading(source):
    assert poller(source, source.profile).poll(AT) is None


def test_the_serial_number_is_asked_for_after_every_failure_and_not_else(source):
    source.image = with_serial(source.profile, "SN-1")
    one = poller(source, source.profile)
    one.poll(AT)
    one.poll(AT + 60)
    assert source.asked.count(100) == 1
    source.image = None
    one.poll(AT + 120)
    source.image = with_serial(source.profile, "SN-2")
    assert one.poll(AT + 180).serial == "SN-2"
    assert source.asked.count(100) == 2


def test_the_serial_number_is_asked_for_when_another_device_lost_the_connection(source):
    source.connections = 1
    source.image = with_serial(source.profile, "SN-1")
    one = poller(source, source.profile, wanted_serial="SN-1")
    one.poll(AT)
    source.connections = 2
    assert one.poll(AT + 60).quality == 0
    one.poll(AT + 120)
    assert source.asked.count(100) == 2
    source.connections = 3
    source.image = with_serial(source.profile, "SN-2")
    assert one.poll(AT + 180) == Reading("SN-1", AT + 180, 2, "blueprint")
    assert one.why == "another serial number"


def test_another_device_than_the_one_that_is_meant_is_refused(source):
    source.image = with_serial(source.profile, "SN-2")
    one = poller(source, source.profile, wanted_serial="SN-1")
    assert one.poll(AT) == Reading("SN-1", AT, 2, "blueprint")
    assert one.why == "another serial number"
    source.image = with_serial(source.profile, "SN-1")
    assert one.poll(AT + 60).quality == 0


def test_a_device_without_a_serial_number_is_not_read(source):
    source.image = with_serial(source.profile, "")
    one = poller(source, source.profile)
    assert one.poll(AT) is None
    assert one.why == "no serial number"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (NoReply("10.0.0.1: SECRET99"), "no reply"),
        (Unreachable("10.0.0.1: SECRET99"), "no connection"),
        (ShortReply("SECRET99"), "short reply"),
        (Busy("SECRET99", 6), "busy"),
        (IllegalAddress("SECRET99", 2), "exception 2"),
        (ReadFailed("SECRET99"), "cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_why_a_device_is_silent_is_told_in_a_few_words(source, error, why):
    def read(unit, address, count):
        raise error

    source.read = read
    one = poller(source, source.profile, serial="SN-1")
    assert one.poll(AT).quality == 2
    assert one.why == why


def test_a_counter_that_falls_is_refused_once_and_another_device_begins_anew(source):
    profile = source.profile
    one = poller(source, profile, rated_w=5000)
    low_first = {"a1003": 0}
    source.image = with_serial(profile, "SN-1", a1002=500, **low_first)
    assert one.poll(AT).values["WH"] == 500_000
    source.image = with_serial(profile, "SN-1", a1002=3, **low_first)
    reading = one.poll(AT + 60)
    assert (reading.values["WH"], reading.quality) == (None, 4)
    source.image = None
    one.poll(AT + 120)
    source.image = with_serial(profile, "SN-2", a1002=3, **low_first)
    reading = one.poll(AT + 600)
    assert (reading.values["WH"], reading.quality) == (3000, 0)


def test_a_counter_that_begins_again_after_32_bits_goes_on(source):
    profile = changed(WH={"factor": "1"})
    one = poller(source, profile, rated_w=5000)
    source.image = with_serial(profile, "SN-1", a1002=0xFFFF, a1003=0xFFFF)
    assert one.poll(AT).values["WH"] == 2**32 - 1
    source.image = with_serial(profile, "SN-1", a1002=9, a1003=0)
    reading = one.poll(AT + 60)
    assert (reading.values["WH"], reading.quality) == (2**32 + 9, 0)


def test_counters_are_believed_over_a_restart_of_the_agent(source):
    profile = source.profile
    source.image = with_serial(profile, "SN-1", a1002=500, a1003=0)
    before = poller(source, profile)
    before.poll(AT)
    source.image = with_serial(profile, "SN-1", a1002=3, a1003=0)
    known = {"serial": "SN-1", "counters": before.counters}
    assert poller(source, profile, **known).poll(AT + 60).quality == 4
    other = poller(source, profile, wanted_serial="SN-2", **known)
    assert other.counters is None


def test_letters_of_a_serial_number_that_cannot_be_printed_are_question_marks(source):
    source.image = with_serial(source.profile, " SN\t1\x1b ")
    assert poller(source, source.profile).poll(AT).serial == "SN?1?"


def test_a_serial_number_may_be_a_number(source):
    tables = blueprint()
    tables["serial"] = {"address": 100, "type": "uint32", "says": "number"}
    profile = from_tables(tables, "blueprint")
    sample = Sample(load("blueprint"))
    sample.words |= {100: 0x0001, 101: 0x0000}
    source.image = sample.image(1)
    assert poller(source, profile).poll(AT).serial == "65536"


def test_the_unit_of_the_settings_goes_before_that_of_the_profile(serve):
    profile = load("blueprint")
    source = serve(Sample(profile).image(9))
    with closing(source), pytest.raises(IllegalAddress):
        source.read(1, 100, 8)
    assert poller(source, profile, unit=9).poll(AT).quality == 0


# What a file must be.


def of(column, /, **keys):
    def change(tables):
        entry = next(entry for entry in tables["register"] if entry["column"] == column)
        for key, value in keys.items():
            if value is None:
                entry.pop(key, None)
            else:
                entry[key] = value

    return change


def head(**keys):
    def change(tables):
        for key, value in keys.items():
            if value is None:
                del tables[key]
            else:
                tables[key] = value

    return change


def add(**keys):
    return lambda tables: tables["register"].append({"says": "x"} | keys)


def serial(**keys):
    return lambda tables: tables["serial"].update(keys)


WRONG = {
    "a code of 5,000 digits": (
        of("St", codes={"9" * 5000: 1}),
        "codes: 99999999999999999999 must be a whole number",
    ),
    "an unknown key": (head(colour="red"), "colour: there is no such key"),
    "another name": (head(name="other"), "name: must be that of the file, blueprint"),
    "no maker": (head(maker=None), "maker: must be a text"),
    "no unit": (head(unit=None), "unit: must be a whole number from 0 to 255"),
    "a unit of 256": (head(unit=256), "unit: must be a whole number from 0 to 255"),
    "a unit of true": (head(unit=True), "unit: must be a whole number from 0 to 255"),
    "words upside down": (head(words="down"), "words: must be one of big, little"),
    "words in a list": (head(words=["big"]), "words: must be one of big, little"),
    "no serial": (head(serial=None), "serial: the table [serial] is missing"),
    "no registers": (head(register=[]), "register: give a [[register]] for each column"),
    "a register of text": (head(register=["W"]), "register 1: must be a table"),
    "blocks of text": (head(blocks="all"), "blocks: must be a list of [address, count]"),
    "a block of three": (head(blocks=[[1, 2, 3]]), "blocks: must be a list of [address, count]"),
    "a long block": (head(blocks=[[1000, 126]]), "must have 1 to 125 registers"),
    "a block over the end": (head(blocks=[[65535, 2]]), "must have 1 to 125 registers"),
    "blocks that overlap": (
        head(blocks=[[100, 16], [1000, 40], [1020, 10]]),
        "that from 1020 on overlaps",
    ),
    "a register outside": (head(blocks=[[100, 16]]), "blocks: the 1 registers at 1000 of none"),
    "serial outside": (serial(address=50), "blocks: the 8 registers at 50 of none"),
    "a long serial": (serial(registers=33), "serial: registers: must be a whole number from 1"),
    "a serial of float": (serial(type="float32"), "serial: type: must be string"),
    "a serial of bytes": (serial(type="bytes"), "serial: type: must be one of string, uint16"),
    "a serial of another key": (serial(colour=1), "serial: colour: there is no such key"),
    "an unknown column": (of("W", column="Watt"), "register 1 (Watt): column: contract/"),
    "an input of no number": (of("DCW_1", column="DCW_n"), "(DCW_n): column: contract/"),
    "an input 0": (of("DCW_1", column="DCW_0"), "(DCW_0): column: contract/"),
    "an input 01": (of("DCW_1", column="DCW_01"), "(DCW_01): column: contract/"),
    "an input of a whole": (of("W", column="W_1"), "(W_1): column: contract/"),
    "a column twice": (add(column="W", address=1000, type="int16"), "W stands there twice"),
    "no column": (add(address=1), "register 11: column: must be a text"),
    "no address": (of("W", address=None), "register 1 (W): address: must be that of a register"),
    "no addresses": (of("W", address=[]), "register 1 (W): address: must be that of a register"),
    "half an address": (of("PvW", address=[1, 2.5]), "(PvW): address: must be that of a register"),
    "a high address": (of("WH", address=65535), "(WH): address: must be that of a register"),
    "an unknown type": (of("W", type="int17"), "register 1 (W): type: must be one of uint16"),
    "no type": (of("W", type=None), "register 1 (W): type: must be one of uint16"),
    "a type of list": (of("W", type=["int16"]), "register 1 (W): type: must be one of uint16"),
    "text for a number": (of("W", type="string"), "register 1 (W): type: must be one of uint16"),
    "scale and factor": (of("W", factor=2), "(W): factor: give scale or factor, not both"),
    "half a scale": (of("W", scale=0.5), "(W): scale: must be a whole number from -10 to 10"),
    "a large scale": (of("W", scale=11), "(W): scale: must be a whole number from -10 to 10"),
    "a float factor": (of("WH", factor=0.1), "(WH): factor: must be a whole number or a text"),
    "a factor of 0": (of("WH", factor="0"), "(WH): factor: must be a whole number or a text"),
    "a factor by 0": (of("WH", factor="1/0"), "(WH): factor: must be a whole number or a text"),
    "a huge factor": (of("WH", factor="1e99999999"), "(WH): factor: must be"),
    "a word as factor": (of("WH", factor="kilo"), "(WH): factor: must be a whole number or a text"),
    "a least of text": (of("W", least="0"), "(W): least: must be a number in the unit"),
    "a most of nan": (of("W", most=float("nan")), "(W): most: must be a number in the unit"),
    "a most of inf": (of("W", most=float("inf")), "(W): most: must be a number in the unit"),
    "more than all": (of("W", least=5, most=4), "(W): most: is below least"),
    "absent no list": (of("W", absent=0x8000), "(W): absent: must be a list of bit patterns"),
    "absent negative": (of("W", absent=[-1]), "(W): absent: must be a list of bit patterns"),
    "absent too large": (of("W", absent=[65536]), "0 to 0xFFFF"),
    "codes missing": (of("St", codes=None), "(St): codes: say which of the dictionary's"),
    "codes unknown": (of("St", codes={"1": 70}), "(St): codes: 1: the dictionary has no 70"),
    "codes of text": (of("St", codes={"a": 7}), "(St): codes: a must be a whole number"),
    "codes elsewhere": (of("W", codes={"1": 1}), "(W): codes: W has none"),
    "bits missing": (of("Evt1", bits=None), "(Evt1): bits: say which of the dictionary's"),
    "bits elsewhere": (of("St", bits={"1": 1}), "(St): bits: St has none"),
    "a bit too high": (of("Evt1", bits={"16": 1}), "(Evt1): bits: 16: uint16 has no such bit"),
    "scaled codes": (of("St", scale=1), "(St): scale: codes and bits are no quantities"),
    "codes at two": (of("St", address=[1004, 1005]), "(St): address: codes and bits stand at one"),
    "codes of float": (of("St", type="float32"), "(St): type: codes and bits are whole numbers"),
    "optional maybe": (of("W", optional="maybe"), "(W): optional: must be one of false, true"),
    "optional 1": (of("W", optional=1), "(W): optional: must be one of false, true"),
    "no words for people": (of("W", says=None), "register 1 (W): says: must be a text"),
    "a page number": (of("W", page=12), "register 1 (W): page: must be a text"),
}


@pytest.mark.parametrize(("change", "told"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_file_is_refused_in_one_line(change, told):
    tables = copy.deepcopy(blueprint())
    change(tables)
    with pytest.raises(ProfileError) as caught:
        from_tables(tables, "blueprint")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_errors_name_the_file(tmp_path):
    (tmp_path / "mine.toml").write_text("name = 'mine'\nname = 'mine'\n")
    with pytest.raises(ProfileError, match=r"^profile mine.toml: "):
        load("mine", tmp_path)
    with pytest.raises(ProfileError, match=r"^profile other: .* there are mine$"):
        load("other", tmp_path)
    with pytest.raises(ProfileError, match=r"blueprint, goodwe_et, solaredge_battery"):
        load("../profiles/blueprint")
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileError, match=r"^profile mine.toml: "):
        load("mine", tmp_path)


@pytest.mark.parametrize(
    "text",
    ["x = " + "[" * 5000, f"x = {'9' * 5000}", f"blocks = [[0x{'F' * 5000}, 5]]"],
    ids=["nested", "long", "long and hexadecimal"],
)
def test_a_file_made_to_hurt_is_refused_in_one_line(tmp_path, text):
    whole = (FOLDER / "blueprint.toml").read_text(encoding="utf-8")
    rest = whole.replace("blocks = [[100, 16], [1000, 40], [2000, 10]]", "")
    path = tmp_path / "blueprint.toml"
    path.write_text(f"{text}\n{rest}", encoding="utf-8")
    with pytest.raises(ProfileError, match=r"^profile blueprint.toml: ") as caught:
        load_file(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["1.103", "7", "."])
def test_a_name_like_a_label_of_models_is_refused(name):
    with pytest.raises(ProfileError, match="name: must have a letter"):
        from_tables(blueprint() | {"name": name}, name)


@pytest.fixture
def own(tmp_path):
    """A profile of the owner's, whose name is none of ours."""
    path = tmp_path / "own_hybrid.toml"
    text = (FOLDER / "blueprint.toml").read_text(encoding="utf-8")
    path.write_text(text.replace('name = "blueprint"', 'name = "own_hybrid"'), encoding="utf-8")
    return path


def test_an_agent_runs_an_own_profile_and_looks_for_its_device(
    own, settings_of, broker, clock, tmp_path
):
    sample = Sample(load_file(own))
    with Server(time.monotonic) as server:
        port = server.add(sample.image(1)).number
        device = DeviceSettings("own", "127.0.0.1", port, profile=str(own), serial="SN-4711")
        agent = Agent(settings_of(broker.port, devices=(device,)), clock=clock, boot_id="5f")
        with closing(agent):
            assert agent.tick() == 1
        state = agent._states["own"]
        assert (state.serial, state.label, state.quality) == ("SN-4711", "own_hybrid", 0)
        target = wanted(device)
        assert target.profile.name == "own_hybrid"
        with closing(Registers("127.0.0.1", port, 1.0)) as source:
            assert serial_at(source, target) == "SN-4711"


@pytest.mark.parametrize("name", names())
def test_a_profile_that_ships_says_what_it_was_compared_with(name):
    notes = load(name).notes
    assert len(notes["source"].split()) > 5
    assert notes["manual"]


def test_without_blocks_neighbours_are_read_together():
    tables = blueprint()
    del tables["blocks"]
    reads = from_tables(tables, "blueprint").reads
    assert [(read.address, read.count) for read in reads] == [(1000, 23), (2000, 4)]


def test_the_blueprint_uses_every_key_and_explains_it():
    text = (FOLDER / "blueprint.toml").read_text(encoding="utf-8")
    from edge_agent.profiles.file import HEAD, REGISTER, SERIAL

    for key in {*HEAD, *REGISTER, *SERIAL}:
        assert f"\n{key} = " in text or f"[{key}]" in text, key


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@with_settings(max_examples=80, deadline=None)
@given(st.data())
def test_whatever_a_file_says_it_is_a_profile_or_one_line(data):
    tables = blueprint()
    places = [tables, tables["serial"], *tables["register"]]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places))
        place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    told = ""
    try:
        columns = {base_of(column.column) for column in from_tables(tables, "blueprint").columns}
    except ProfileError as error:
        columns, told = set(), str(error)
    assert "\n" not in told
    assert all(column in COLUMNS or f"{column}_n" in COLUMNS for column in columns)
