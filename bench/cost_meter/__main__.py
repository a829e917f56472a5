"""Runs a fleet through the stack and prints its bill: `python -m bench.cost_meter`."""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.cost_meter import expected, shown
from bench.cost_meter.bill import Bill, billed
from bench.cost_meter.measuring import TEMPLATE, Measured, Told, measured
from bench.cost_meter.prices import Prices, load
from bench.cost_meter.rivals import A1, STANDING_OF_A1, a1, rivals
from bench.cost_meter.standing import standing
from bench.cost_meter.watching import Counting

FLEETS = (1_000, 10_000, 100_000, 1_000_000)
SHOWN = 100_000
RIVAL_SITES = 20
HOURLY = "a connection for each window"
PICTURE = TEMPLATE.parent / "docs" / "pictures" / "cost.svg"


@dataclass(frozen=True, slots=True)
class Shown:
    """All that is printed of a run."""

    found: Measured
    bills: Sequence[Bill]
    goals: Sequence[shown.Goal]
    others: Mapping[str, Bill]

    @property
    def ours(self) -> Bill:
        """The bill that others are compared with."""
        return next(bill for bill in self.bills if bill.sites == SHOWN)


def main(words: Sequence[str] | None = None) -> int:
    """Print the bill, or compare a small run with the one that was noted."""
    asked = _parser().parse_args(words)
    told = _progress()
    if asked.check or asked.commit:
        return _small(told, is_noted=asked.commit)
    if asked.calibrate:
        return _calibrate(told)
    prices = load()
    ran = _run(asked, prices, told)
    told("")
    if asked.picture:
        PICTURE.write_text(shown.picture(ran.bills, prices), encoding="utf-8")
    if asked.json:
        print(json.dumps(shown.as_json(ran.found, ran.bills, ran.goals, ran.others), indent=1))
    else:
        _print(ran, prices)
    return 0


def _run(asked: argparse.Namespace, prices: Prices, told: Told) -> Shown:
    built = standing(TEMPLATE)
    found = measured(asked.sites, asked.days, seed=asked.seed, told=told)
    bills = [billed(found, built, prices, sites) for sites in FLEETS]
    others = {} if asked.alone else _others(prices, told)
    ours = next(bill for bill in bills if bill.sites == SHOWN)
    hourly = others[HOURLY].variable if others else None
    return Shown(found, bills, shown.goals(found, ours, hourly), others)


def _print(ran: Shown, prices: Prices) -> None:
    found = ran.found
    print(f"{found.sites:,} homes for {found.days} days; prices of us-east-1, no free tier\n")
    tables = [
        shown.bill_table(ran.bills, prices),
        shown.fixed_table(ran.ours, prices),
        shown.function_table(ran.ours),
        shown.goal_table(ran.goals),
    ]
    if ran.others:
        tables.append(shown.rival_table(ran.ours, ran.others))
    for table in tables:
        print("\n".join(table), end="\n\n")


def _others(prices: Prices, told: Told) -> dict[str, Bill]:
    built = standing(TEMPLATE)
    found = {name: billed(one, built, prices, SHOWN) for name, one in rivals(RIVAL_SITES, told)}
    told(A1)
    found[A1] = billed(a1(RIVAL_SITES // 5), STANDING_OF_A1, prices, SHOWN)
    return found


def _small(told: Told, *, is_noted: bool) -> int:
    found = expected.small_run(told)
    told("")
    if is_noted:
        expected.write(found)
        print(f"noted in {expected.EXPECTED.name}: read the difference before you commit it")
        return 0
    complaints = expected.complaints(expected.read(), expected.noted(found))
    print("\n".join(complaints) or "no meter of any function rose by 2 % or fell by 10 %")
    return 1 if complaints else 0


def _calibrate(told: Told) -> int:
    """Print what a counted call of each function takes a processor of this machine."""
    found = measured(expected.SITES, 1, work=Counting.TIME, told=told)
    told("")
    calls = expected.read()["of a home and day"]["lambda.calls"]
    for whose, counted in sorted(calls.items()):
        spent_us = found.per_site.of("lambda.cpu_us", whose)
        print(f"{whose:28}{counted:12,.0f} calls{spent_us / counted:10.2f} us each")
    return 0


def _progress() -> Told:
    """Tell how far it is, on a terminal in one line."""
    began, is_terminal = time.perf_counter(), sys.stderr.isatty()

    def told(what: str) -> None:
        spent = f"{time.perf_counter() - began:5.0f} s"
        if is_terminal:
            print(f"\r\x1b[2K{spent}  {what}" if what else "\r\x1b[2K", end="", file=sys.stderr)
        elif what:
            print(f"{spent}  {what}", file=sys.stderr)
        sys.stderr.flush()

    return told


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.cost_meter", description=__doc__)
    parser.add_argument("--sites", type=_count, default=100, help="homes that are run (100)")
    parser.add_argument("--days", type=_count, default=1, help="days, 7 at most (1)")
    parser.add_argument("--seed", type=int, default=0, help="of weather and roofs (0)")
    parser.add_argument("--alone", action="store_true", help="without the other ways to do it")
    parser.add_argument("--json", action="store_true", help="all of it as JSON")
    parser.add_argument("--picture", action="store_true", help=f"writes {PICTURE.name} anew")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--check", action="store_true", help="a small run beside the noted one")
    which.add_argument("--calibrate", action="store_true", help="what a call takes here")
    which.add_argument("--commit", action="store_true", help="note a small run")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
