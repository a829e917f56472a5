"""The queue in flash: power cut at every operation, a full disk, damage, and wear."""

# ruff: noqa: T201 - numbers for whoever looks with -s

import re

import pytest

from tests.firmware.harness import FIRMWARE, ROOT, both_runtimes, run

HERE = ROOT / "tests/firmware"
ON_CHIP = {"heap": "4m", "timeout": 200}


def _cuts(
    *, cap: int, blocks: int, size: int, rounds: int, plant: str = ""
) -> tuple[int, int, str]:
    args = (cap, blocks, size, rounds, plant)
    printed = run(HERE / "queue_cuts.py", args=args, **ON_CHIP)
    cuts, lost, violations = (
        int(re.search(rf"^{what} (\d+)", printed, re.M)[1])
        for what in ("cuts", "lost", "violations")
    )
    print(printed)
    return cuts, lost, violations


@pytest.mark.parametrize(
    ("cap", "blocks", "size", "rounds", "is_some_lost"),
    [
        pytest.param(12288, 20, 1200, 6, True, id="large records, the oldest are dropped"),
        pytest.param(16384, 20, 300, 6, False, id="small records, room for all"),
        pytest.param(65536, 8, 1500, 6, True, id="the disk is full before the cap"),
    ],
)
def test_a_power_cut_at_any_operation_loses_and_repeats_nothing(
    cap, blocks, size, rounds, is_some_lost
):
    cuts, lost, violations = _cuts(cap=cap, blocks=blocks, size=size, rounds=rounds)
    assert cuts > 300
    assert (lost > 0) == is_some_lost
    assert violations == 0


@pytest.mark.parametrize("plant", ["forgetful", "hasty", "rewriting"])
def test_a_queue_that_writes_in_a_wrong_order_is_caught(plant):
    _, _, violations = _cuts(cap=12288, blocks=20, size=1200, rounds=2, plant=plant)
    assert violations > 10


DAMAGED = """\
nothing: held [3, 4, 5, 6, 7, 8, 9] lost 0 next 10 True
a payload's bit: held [3, 5, 6, 7, 8, 9] lost 1 next 10 True
a length's bit: held [3, 5, 6, 7, 8, 9] lost 1 next 10 True
a number's bit: held [3, 5, 6, 7, 8, 9] lost 1 next 10 True
a short segment: held [3, 4, 7, 8, 9] lost 2 next 10 True
the last record: held [3, 4, 5, 6, 7, 8] lost 120 next 129 True
the newest segment: held [3, 4, 5, 6] lost 10 next 17 True
the mark: held [1, 2, 3, 4, 5, 6, 7, 8, 9] lost 0 next 10 True
an empty mark: held [1, 2, 3, 4, 5, 6, 7, 8, 9] lost 0 next 10 True
no mark: held [1, 2, 3, 4, 5, 6, 7, 8, 9] lost 0 next 10 True
no segment between: held [3, 7, 8, 9] lost 3 next 10 True
no segment at all: held [] lost 0 next 3 True
a mark not renamed: held [1, 2, 3, 4, 5, 6, 7, 8, 9] lost 0 next 10 True
a foreign file: held [3, 4, 5, 6, 7, 8, 9] lost 0 next 10 True
no record for this queue: kind 0, 65536 bytes
no record for this queue: kind 0, 17000 bytes
no record for this queue: kind 256, 5 bytes
no record for this queue: kind -1, 5 bytes
foreign acks change nothing: True
the queue needs room for two segments of 4096 bytes
"""


@both_runtimes
def test_damage_costs_what_it_hit_and_nothing_else(runtime, tmp_path):
    args = (tmp_path,)
    assert run(HERE / "queue_damage.py", runtime=runtime, heap="128wk", args=args) == DAMAGED


def test_a_week_of_hourly_chunks_wears_the_flash_little():
    printed = run(HERE / "queue_wear.py", **ON_CHIP)
    print(printed)
    week = {
        what: int(count) for what, count in re.findall(r"(erases|worst block|lost) (\d+)", printed)
    }
    assert week["erases"] <= 220
    assert week["worst block"] <= 20  # of 100,000: more than 90 years
    assert week["lost"] == 0


def test_it_fits_a_board():
    script = "import sunreeve_device.queue, gc; gc.collect(); print(gc.mem_alloc())"
    assert int(run(script, modules=FIRMWARE)) < 60_000
