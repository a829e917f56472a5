"""The arguments people have about a reading: night, counters that jump, what is a fault."""

import pytest

from edge_agent.quality import (
    check_counters,
    code,
    counters_from,
    counters_text,
    is_asleep,
    is_faulted,
)

ASLEEP = {
    "sleeping": ({"St": 2, "W": None}, True),
    "off": ({"St": 1, "W": 0}, True),
    "701 off": ({"InvSt": 0, "W": None}, True),
    "701 sleeping": ({"InvSt": 1, "W": None}, True),
    "no state, no power": ({"St": None, "W": None, "WH": 5}, True),
    "no state, but power": ({"St": None, "W": 3}, False),
    "state MPPT, power not known": ({"St": 4, "W": None}, False),
    "standby is not sleep": ({"St": 8, "W": 0}, False),
    "701 starting is not sleep": ({"InvSt": 2, "W": 0}, False),
    "a battery alone has no sleep": ({"SoC": 500}, False),
}


@pytest.mark.parametrize(("values", "answer"), ASLEEP.values(), ids=ASLEEP.keys())
def test_asleep(values, answer):
    assert is_asleep(values) is answer


FAULTED = {
    "inverter": ({"St": 7}, True),
    "701": ({"InvSt": 6}, True),
    "7 is STANDBY in 701": ({"InvSt": 7}, False),
    "one input": ({"St": 4, "DCSt_1": 4, "DCSt_12": 7}, True),
    "battery bank": ({"BatSt": 99}, True),
    "713 error": ({"BatSta": 2}, True),
    "2 is INITIALIZING in 802": ({"BatSt": 2}, False),
    "nothing known": ({"St": None, "W": None, "Zz": None}, False),
}


@pytest.mark.parametrize(("values", "answer"), FAULTED.values(), ids=FAULTED.keys())
def test_faulted(values, answer):
    assert is_faulted(values) is answer


COUNTERS = {
    "stands still": ([100, 100, 100], [100, 100, 100]),
    "rises": ([100, 200, 300], [100, 200, 300]),
    "reads zero once": ([100, 0, 300], [100, None, 300]),
    "jumps once": ([100, 4294967295, 300], [100, None, 300]),
    "was changed for another meter": ([90000, 5, 9, 12], [90000, None, 9, 12]),
    "rolls over": ([4294967290, 4, 8], [4294967290, None, 8]),
    "not known in between": ([100, None, 120], [100, None, 120]),
    "rises by hours in a quarter of one": ([100, 100 + 6 * 1250], [100, None]),
    "rises just within the rating": ([0, 1500 + 1000], [0, 2500]),
    "rises just over the rating": ([0, 1500 + 1001], [0, None]),
}


@pytest.mark.parametrize(("seen", "told"), COUNTERS.values(), ids=COUNTERS.keys())
def test_counters(seen, told):
    last = None
    found = []
    for i, value in enumerate(seen):
        checked = check_counters({"WH": value}, 900 * i, last, rated_w=5000)
        last = checked.counters
        assert checked.is_suspect is (value is not None and checked.values["WH"] is None)
        found.append(checked.values["WH"])
    assert found == told


def test_without_a_rating_nothing_is_believed_that_no_home_makes():
    first = check_counters({"WH": 5}, 0, None, None)
    assert check_counters({"WH": 300_000}, 900, first.counters, None).values == {"WH": 300_000}
    assert check_counters({"WH": 2**32 - 1}, 900, first.counters, None).values == {"WH": None}
    assert check_counters({"WH": 4}, 900, first.counters, None).values == {"WH": None}


def run(seen, *, turn=None, rated_w=5000, step=900):
    last, found = None, []
    for i, value in enumerate(seen):
        checked = check_counters({"WH": value}, step * i, last, rated_w, lambda _: turn)
        # What is kept over a restart is all that the next reading needs.
        last = counters_from(counters_text(checked.counters))
        found.append(checked.values["WH"])
    return found


TURNS = {
    "goes on behind the end of its bits": (
        [2**32 - 6, 4, 8, 500],
        [2**32 - 6, 2**32 + 4, 2**32 + 8, 2**32 + 500],
    ),
    "falls from far below the end": ([10**9, 4, 8], [10**9, None, 8]),
    "falls from near the end by too much": ([2**32 - 6, 9000, 9001], [2**32 - 6, None, 9001]),
    "was changed after it turned over": (
        [2**32 - 6, 4, 20_000, 20_001],
        [2**32 - 6, 2**32 + 4, None, 20_001],
    ),
    "0 for a night is not believed": ([700, 0, 0, 0, 701], [700, None, None, None, 701]),
    "0 and then a new meter": ([700, 0, 5, 9], [700, None, 5, 9]),
}


@pytest.mark.parametrize(("seen", "told"), TURNS.values(), ids=TURNS.keys())
def test_counters_of_32_bits(seen, told):
    assert run(seen, turn=2**32) == told


def test_what_was_made_while_the_counter_was_not_known_is_no_jump():
    assert run([0, None, None, None, 5000], rated_w=5000) == [0, None, None, None, 5000]


def test_a_clock_that_is_put_back_makes_no_time():
    first = check_counters({"WH": 5000}, 9000, None, 5000)
    assert check_counters({"WH": 5900}, 0, first.counters, 5000).values == {"WH": 5900}
    assert check_counters({"WH": 9900}, 0, first.counters, 5000).values == {"WH": None}


@pytest.mark.parametrize("text", ["", "null", "[]", "[{},{}]", '[{"WH":[1]},{},{}]', "[1,2,3]"])
def test_counters_that_are_none_are_none(text):
    assert counters_from(text) is None


@pytest.mark.parametrize("name", ["PvWH", "BatWHIn", "BatWHOut", "MtrWHExp", "PrtWHAbs_2"])
def test_every_counter_is_watched(name):
    first = check_counters({name: 50}, 0, None, 5000)
    assert check_counters({name: 40}, 60, first.counters, 5000).is_suspect


CODES = {
    "fault wins over all": ({"St": 7}, True, True, 5),
    "suspect over partial": ({"St": 4}, True, True, 4),
    "partial over asleep": ({"St": 2}, False, True, 3),
    "asleep": ({"St": 2}, False, False, 1),
    "ok": ({"St": 4}, False, False, 0),
}


@pytest.mark.parametrize(("values", "suspect", "partial", "wanted"), CODES.values(), ids=CODES)
def test_code(values, suspect, partial, wanted):
    assert code(values, is_suspect=suspect, is_partial=partial) == wanted


@pytest.mark.parametrize(
    ("name", "largest_w"),
    [
        ("WH", 5000),
        ("DCWH", 15_000),
        ("DCWH_2", 15_000),
        ("PrtWH_1", 15_000),
        ("PrtWHAbs_1", 15_000),
        ("PvWH", 15_000),
        ("BatWHIn", 15_000),
        ("BatWHOut", 15_000),
        ("MtrWHImp", 1_000_000),
        ("MtrWHExp", 1_000_000),
    ],
)
def test_each_counter_is_limited_by_what_can_drive_it(name, largest_w):
    first = check_counters({name: 100_000}, 0, None, 5000).counters
    most = 100_000 + largest_w * 12 // 10 + 1000
    assert check_counters({name: most}, 3600, first, 5000).values == {name: most}
    jumped = check_counters({name: most + 1}, 3600, first, 5000)
    assert (jumped.values, jumped.is_suspect) == ({name: None}, True)
    assert check_counters({name: 99_999}, 3600, first, 5000).is_suspect
