"""The arguments people have about a reading: night, counters that jump, what is a fault."""

import pytest

from edge_agent.quality import check_counters, code, is_asleep, is_faulted

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
        checked = check_counters({"DCWH_2": value}, 900 * i, last, rated_w=5000)
        last = checked.counters
        assert checked.is_suspect is (value is not None and checked.values["DCWH_2"] is None)
        found.append(checked.values["DCWH_2"])
    assert found == told


def test_without_a_rating_only_falls_are_refused():
    first = check_counters({"WH": 5}, 0, None, None)
    assert check_counters({"WH": 5 * 10**9}, 900, first.counters, None).values == {"WH": 5 * 10**9}
    assert check_counters({"WH": 4}, 900, first.counters, None).values == {"WH": None}


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
