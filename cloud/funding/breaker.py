"""What makes a run unusual, so that somebody looks before money moves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median_low

from cloud.funding.policy import D10
from cloud.kernel.money import Money
from cloud.kernel.policy import COMFORT

ALL = ""
"""Stands for all partners together."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual by the runs before.

    Attributes:
        middle: of what was paid before.
        most: above it, a payment is unusual.
        runs: how many runs it is made of.
    """

    middle: Money
    most: Money
    runs: int


def usual_of(before: Sequence[Money], *, on: date, programme: str = COMFORT) -> Usual | None:
    """Give what is usual after some payments, the latest last; None after too few of them (D10)."""
    limit = D10.on(on, programme)
    known = [one.cents for one in before[-limit.runs :] if one]
    if len(known) < limit.after:
        return None
    middle = Money(median_low(known))
    most = max(middle.share_rounded_down(limit.above_bps), limit.at_least)
    return Usual(middle, most, len(known))


def unusual(
    paid: Mapping[str, Money],
    before: Sequence[Mapping[str, Money]],
    *,
    on: date,
    programme: str = COMFORT,
) -> tuple[str, ...]:
    """Say what is far above the runs before (D10); nothing where all is usual.

    What this run pays is given by partner, and in all under `ALL`; so is what each run before
    paid, the latest last. A partner is held against the runs that paid it; with too few of them,
    against nothing. `on` is the day of the cut-off.
    """
    limit = D10.on(on, programme)
    told = []
    for name, amount in sorted(paid.items()):
        lately = [run[name] for run in before[-limit.runs :] if run.get(name)]
        usual = usual_of(lately, on=on, programme=programme)
        if usual is not None and amount > usual.most:
            who = f"{name} is paid" if name else "all partners are paid"
            runs = "run" if usual.runs == 1 else f"{usual.runs} runs"
            told.append(f"{who} {amount}, where {usual.middle} is the middle of the {runs} before")
    return tuple(told)
