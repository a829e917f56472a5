"""The device judges readings as the gateway does, on both runtimes: drawn sequences, equal ends."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.quality import check_counters, code
from tests.firmware.harness import both_runtimes, run

JUDGE = """
import json, sys
from sunreeve_device import quality
for line in sys.stdin:
    rated, turn, rows = json.loads(line)
    counters = quality.Counters()
    told = []
    for at, values, is_partial in rows:
        is_suspect = counters.check(values, at, rated, lambda name: turn)
        told.append([quality.code(values, is_suspect, is_partial), sorted(values.items())])
    print(json.dumps(told))
"""
COUNTERS = ("WH", "DCWH_1", "MtrWHImp", "PrtWHAbs_2", "BatWHIn")
STATES = ("St", "InvSt", "BatSt", "BatSta", "DCSt_1", "PrtSta_2", "W")


def drawn() -> tuple[list[str], list[list]]:
    """Return sequences of readings, and what the gateway makes of them."""
    count = st.one_of(
        st.none(),
        st.integers(0, 4_000),
        st.integers(5 * 10**6, 5 * 10**6 + 9_000),
        st.integers(2**32 - 2_000, 2**32 - 1),
    )
    state = st.one_of(st.none(), st.sampled_from((0, 1, 2, 3, 4, 6, 7, 99)))
    values = st.builds(
        dict.__or__,
        st.dictionaries(st.sampled_from(COUNTERS), count, min_size=1),
        st.dictionaries(st.sampled_from(STATES), state, max_size=3),
    )
    step = st.sampled_from((-900, 0, 1, 300, 900, 86_400))
    rows = st.lists(st.tuples(step, values, st.booleans()), min_size=1, max_size=8)
    lines: list[str] = []
    expected: list[list] = []

    @settings(max_examples=400, database=None, derandomize=True)
    @given(st.sampled_from((None, 3_000, 5_001)), st.sampled_from((None, 2**32)), rows)
    def draw(rated, turn, rows):
        at, last = 1_782_064_800, None
        asked, told = [], []
        for step, values, is_partial in rows:
            at += step
            asked.append((at, values, is_partial))
            checked = check_counters(values, at, last, rated, lambda name: turn)
            last = checked.counters
            quality = code(checked.values, is_suspect=checked.is_suspect, is_partial=is_partial)
            told.append([quality, [list(item) for item in sorted(checked.values.items())]])
        lines.append(json.dumps([rated, turn, asked]) + "\n")
        expected.append(told)

    draw()
    return lines, expected


@both_runtimes
def test_drawn_readings_are_judged_as_the_gateway_judges_them(runtime):
    lines, expected = drawn()
    assert {row[0] for told in expected for row in told} >= {0, 1, 3, 4, 5}
    said = run(JUDGE, runtime=runtime, stdin="".join(lines)).splitlines()
    assert [json.loads(line) for line in said] == expected
