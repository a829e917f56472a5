"""What makes a run unusual, so that somebody looks before money moves."""

from collections.abc import Mapping, Sequence
from datetime import date
from statistics import median_low

from cloud.funding.policy import D10
from cloud.kernel.money import Money
from cloud.kernel.policy import COMFORT

ALL = ""
"""Stands for all partners together."""


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
        known = [run[name].cents for run in before[-limit.runs :] if run.get(name)]
        if len(known) < limit.after or amount <= limit.at_least:
            continue
        usual = Money(median_low(known))
        if amount > usual.share_rounded_down(limit.above_bps):
            who = f"{name} is paid" if name else "all partners are paid"
            runs = "run" if len(known) == 1 else f"{len(known)} runs"
            told.append(f"{who} {amount}, where {usual} is the middle of the {runs} before")
    return tuple(told)
