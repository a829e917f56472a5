"""Funding runs for those who prepare, approve and send them: all runs, and what is usual."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.funding.breaker import Usual, usual_of
from cloud.funding.models import FundingRun, PaymentTrace, PlanState, RunPlan, RunState
from cloud.funding.policy import D10, RULES
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Event
from cloud.kernel.money import Money, total
from cloud.kernel.policy import COMFORT
from cloud.kernel.ports import Records

PAID_STATES = frozenset(
    {RunState.COMMITTED, RunState.FILED, RunState.SENDING, RunState.SENT, RunState.SETTLED}
)
"""States of a run whose money is in the books."""
PATIENCE = timedelta(minutes=15)
"""What is done for a run by itself takes some minutes; after so many it has stopped."""
_AT_WORK = frozenset({RunState.APPROVED, RunState.COMMITTED, RunState.SENDING})


def programmes() -> tuple[str, ...]:
    """Give the programmes that rules are on record for; each has runs of its own."""
    return tuple(sorted({COMFORT, *(name for rule in RULES for name in rule.programmes)}))


def all_runs(records: Records) -> tuple[FundingRun, ...]:
    """Give every run: what is not settled first, by its funding day, then the others, latest first.

    Two runs of one day stand by their ids.
    """
    known = [
        one.record
        for programme in programmes()
        for one in records.find(FundingRun, by="programme", value=programme)
    ]
    open_ = [one for one in known if one.state is not RunState.SETTLED]
    over = [one for one in known if one.state is RunState.SETTLED]
    return (
        *sorted(open_, key=lambda one: (one.funding_date, one.id)),
        *sorted(over, key=lambda one: (one.funding_date, one.id), reverse=True),
    )


@dataclass(frozen=True, slots=True)
class Beside:
    """A run beside the ones before it.

    Attributes:
        before: the runs that the breaker looks at, the latest last.
        usual: what it takes for usual; None after too few runs.
    """

    before: tuple[FundingRun, ...]
    usual: Usual | None


def beside(run: FundingRun, runs: Iterable[FundingRun]) -> Beside:
    """Give the runs that a run is held against, and what is usual by them (D10)."""
    day = eastern_day(run.cut_off_at)
    earlier = [
        one
        for one in runs
        if one.programme == run.programme
        and one.state in PAID_STATES
        and one.cut_off_at < run.cut_off_at
    ]
    earlier.sort(key=lambda one: one.cut_off_at)
    before = tuple(earlier[-D10.on(day, run.programme).runs :])
    usual = usual_of([one.net for one in before], on=day, programme=run.programme)
    return Beside(before, usual)


def is_at_work(run: FundingRun, log: Sequence[Event], *, at: datetime) -> bool:
    """Tell whether something is being done for a run by itself, so that it soon stands otherwise.

    Being prepared anew is over with the next preparation; being handed over with the bank's answer,
    or when nobody knows of it. What takes longer than `PATIENCE` has stopped.
    """
    begun = _begun_at(run, log)
    return begun is not None and at - begun <= PATIENCE


def has_stopped(run: FundingRun, log: Sequence[Event], *, at: datetime) -> bool:
    """Tell whether what should have been done for a run by itself stopped on its way."""
    begun = _begun_at(run, log)
    return begun is not None and at - begun > PATIENCE


def _begun_at(run: FundingRun, log: Sequence[Event]) -> datetime | None:
    """Give since when something is being done for a run; None where nothing is."""
    if run.state is RunState.PREVIEW:
        told = [one for one in log if one.what in {"preparing_ordered", "run_prepared"}]
        is_ordered = bool(told) and told[-1].what == "preparing_ordered"
        return told[-1].at if is_ordered else None
    last = log[-1].what if log else ""
    since = log[-1].at if log else run.dated_at
    if run.state is RunState.FILED:
        return since if last == "sending_ordered" else None
    return since if run.state in _AT_WORK and last != "sending_unsure" else None


@dataclass(frozen=True, slots=True)
class PlanRow:
    """What a run does for one partner, with its line at the bank.

    Attributes:
        reasons: why some of it is held, each once.
    """

    plan: RunPlan
    line: PaymentTrace | None
    held: Money
    reasons: tuple[str, ...]

    @property
    def taken(self) -> Money:
        """What deductions took."""
        return self.plan.gross - self.plan.net

    @property
    def is_left_out(self) -> bool:
        """Tell whether something changed after the approval, so that nothing of it was done."""
        return self.plan.state is PlanState.STALE

    @property
    def is_returned(self) -> bool:
        """Tell whether the bank sent the payment back."""
        return self.line is not None and bool(self.line.return_code)


def plan_rows(plans: Iterable[RunPlan], lines: Iterable[PaymentTrace]) -> tuple[PlanRow, ...]:
    """Give a run's plans with their lines: what came back first, then the largest payment."""
    by_plan = {one.plan_id: one for one in lines}
    rows = [
        PlanRow(
            plan,
            by_plan.get(plan.id),
            total(one.amount for one in plan.held),
            tuple(sorted({why for one in plan.held for why in one.held_for})),
        )
        for plan in plans
    ]
    return tuple(
        sorted(rows, key=lambda one: (not one.is_returned, -one.plan.net.cents, one.plan.id))
    )


@dataclass(frozen=True, slots=True)
class RunSums:
    """A run in all: what is owed, taken, paid, held and carried on, and to how many partners.

    Attributes:
        held_items: how many payables are held; one that two gates hold is one.
    """

    gross: Money
    taken: Money
    net: Money
    held: Money
    carried: Money
    receivers: int
    held_items: int


def sums_of(rows: Iterable[PlanRow]) -> RunSums:
    """Sum plans; what was left out after the approval is not in the sums."""
    kept = [one for one in rows if not one.is_left_out]
    return RunSums(
        gross=total(one.plan.gross for one in kept),
        taken=total(one.taken for one in kept),
        net=total(one.plan.net for one in kept),
        held=total(one.held for one in kept),
        carried=total(one.plan.carried for one in kept),
        receivers=sum(bool(one.plan.net) for one in kept),
        held_items=sum(len(one.plan.held) for one in kept),
    )


@dataclass(frozen=True, slots=True)
class HeldFor:
    """Money that one gate holds; a payable that two gates hold is counted at each.

    So the gates add up to more than is held: `RunSums.held` is what is held.
    """

    reason: str
    items: int
    amount: Money


def held_for(rows: Iterable[PlanRow]) -> tuple[HeldFor, ...]:
    """Give what each gate holds in a run, the largest amount first (F05, F18).

    What was left out after the approval is not in it, as it is not in the sums.
    """
    items: Counter[str] = Counter()
    cents: Counter[str] = Counter()
    for row in rows:
        for one in () if row.is_left_out else row.plan.held:
            items.update(one.held_for)
            cents.update(dict.fromkeys(one.held_for, one.amount.cents))
    return tuple(HeldFor(one, items[one], Money(cents[one])) for one, _ in cents.most_common())
