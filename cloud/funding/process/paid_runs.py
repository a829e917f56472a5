"""What each run did for one organisation: what it paid, what it took, and where the money went."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from cloud.funding import views
from cloud.funding.clawback import reduction_type, rule_of
from cloud.funding.models import (
    Deduction,
    FundingRun,
    PaymentTrace,
    PlannedPayable,
    PlanState,
    RunPlan,
    RunState,
)
from cloud.funding.netting import OWN_PROJECT, DeductionKind
from cloud.funding.process.payouts import Holdings
from cloud.kernel.change import Event
from cloud.kernel.errors import NotFound
from cloud.kernel.money import Money, total
from cloud.kernel.ports import Records
from cloud.portfolio.models import Project, Site

APPROVED = "approved"
"""How a payment stands that accounting agreed to and that is not in the books yet."""


@dataclass(frozen=True, slots=True)
class PaidRun:
    """One run, as far as an organisation is concerned.

    Attributes:
        gross: what was payable; net: what is paid; what lies between was taken.
        carried: what stays open and is taken from later payments.
        status: in the words of D37, or `APPROVED`.
        trace_number: empty where nothing was paid, and until the file is made.
    """

    run_id: str
    programme: str
    cut_off_at: datetime
    funding_date: date
    gross: Money
    net: Money
    carried: Money
    status: str
    trace_number: str
    account_last4: str
    return_code: str
    sent_at: datetime | None
    settled_at: datetime | None

    @property
    def taken(self) -> Money:
        """What deductions took."""
        return self.gross - self.net


@dataclass(frozen=True, slots=True)
class EarnedLine:
    """A payable of a run; `holds` says why the run left it out."""

    id: str
    project_id: str
    milestone: str
    amount: Money
    says: str
    holds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TakenLine:
    """What a run took of a deduction, and what it left open."""

    id: str
    project_id: str
    kind: str
    type: str
    rule: str
    amount: Money
    left: Money
    is_paused: bool
    says: str

    @property
    def is_own_project(self) -> bool:
        """Tell whether it is taken from the money of its own project, and from no other (D02)."""
        return DeductionKind(self.kind) in OWN_PROJECT


@dataclass(frozen=True, slots=True)
class ProjectPart:
    """A project's part of a run; what is about no project stands under an empty id.

    Attributes:
        net: below zero where more was taken for the project than the run paid for it: the rest came
            from other projects' money.
    """

    project_id: str
    account_name: str
    earned: tuple[EarnedLine, ...]
    taken: tuple[TakenLine, ...]

    @property
    def gross(self) -> Money:
        """What the run paid for the project, before deductions."""
        return total(one.amount for one in self.earned)

    @property
    def deducted(self) -> Money:
        """What the run took because of the project."""
        return total(one.amount for one in self.taken)

    @property
    def net(self) -> Money:
        """The one less the other."""
        return self.gross - self.deducted


@dataclass(frozen=True, slots=True)
class Statement:
    """All that one run did for an organisation; the parts' nets sum to what is paid.

    Attributes:
        held: payables that waited, with the reasons.
        waiting: deductions that the run took nothing of.
        events: what the bank said of the payment, oldest first.
    """

    run: PaidRun
    parts: tuple[ProjectPart, ...]
    held: tuple[EarnedLine, ...]
    waiting: tuple[TakenLine, ...]
    account_names: dict[str, str]
    events: tuple[Event, ...]


def paid_runs(found: Holdings) -> list[PaidRun]:
    """Give the runs that pay or paid an organisation, the latest first (F04, D37).

    What is only previewed is not told; neither is a plan that was not carried out.
    """
    runs = [
        _paid(found.runs[run_id], plan, found.traces.get(plan.trace_number))
        for run_id, plan in found.plans.items()
        if plan.state is not PlanState.STALE
    ]
    return sorted(runs, key=lambda one: (one.funding_date, one.run_id), reverse=True)


def statement(records: Records, *, run_id: str, partner_id: str) -> Statement:
    """Give what a run did for an organisation, project by project (F04, D02).

    Raises:
        NotFound: the run did nothing for it, or is not approved yet.
    """
    run, plan = _carried_out(records, run_id, partner_id)
    trace = records.load(PaymentTrace, plan.trace_number) if plan.trace_number else None
    debts = records.load_all(Deduction, sorted(one.id for one in plan.deductions))
    lines = [
        TakenLine(
            id=one.id,
            project_id=debts[one.id].record.project_id if one.id in debts else "",
            kind=str(one.kind),
            type=str(reduction_type(one.kind)),
            rule=rule_of(one.kind),
            amount=one.applied,
            left=one.left,
            is_paused=one.paused,
            says=one.says,
        )
        for one in plan.deductions
    ]
    earned = [_earned(one) for one in plan.payables]
    held = tuple(_earned(one) for one in plan.held)
    about = {one.project_id for one in (*earned, *held)} | {one.project_id for one in lines}
    names = _names(records, about)
    return Statement(
        run=_paid(run, plan, trace.record if trace is not None else None),
        parts=_parts(earned, [one for one in lines if one.amount], names),
        held=held,
        waiting=tuple(one for one in lines if not one.amount),
        account_names=names,
        events=tuple(records.history(plan.trace_number)) if plan.trace_number else (),
    )


def _carried_out(records: Records, run_id: str, partner_id: str) -> tuple[FundingRun, RunPlan]:
    stored = records.load(FundingRun, run_id)
    run = stored.record if stored is not None else None
    if run is not None and run.state is not RunState.PREVIEW:
        mine = [one for one in run.plan_ids if one.rpartition(".")[0] == f"{run_id}.{partner_id}"]
        for found in records.load_all(RunPlan, mine).values():
            if found.record.state is not PlanState.STALE:
                return run, found.record
    msg = f"payment of run {run_id} is not known here: check the run"
    raise NotFound(msg)


def _paid(run: FundingRun, plan: RunPlan, trace: PaymentTrace | None) -> PaidRun:
    return_code = trace.return_code if trace is not None else ""
    status = views.payment_status(
        withdrawn=False,
        sent=run.state is RunState.SENT,
        settled=run.state is RunState.SETTLED,
        returned=bool(return_code),
    )
    return PaidRun(
        run_id=run.id,
        programme=run.programme,
        cut_off_at=run.cut_off_at,
        funding_date=run.funding_date,
        gross=plan.gross,
        net=plan.net,
        carried=plan.carried,
        status=APPROVED if run.state is RunState.APPROVED else status,
        trace_number=trace.id if trace is not None else "",
        account_last4=plan.account_number.last4,
        return_code=return_code,
        sent_at=run.sent_at,
        settled_at=trace.settled_at if trace is not None else run.settled_at,
    )


def _earned(one: PlannedPayable) -> EarnedLine:
    return EarnedLine(one.id, one.project_id, one.milestone, one.amount, one.says, one.held_for)


def _names(records: Records, project_ids: Iterable[str]) -> dict[str, str]:
    projects = records.load_all(Project, sorted({*project_ids} - {""}))
    sites = {one: found.record.site_id for one, found in projects.items()}
    homes = records.load_all(Site, sorted(set(sites.values())))
    return {one: homes[at].record.customer_name for one, at in sites.items() if at in homes}


def _parts(
    earned: Sequence[EarnedLine], taken: Sequence[TakenLine], names: dict[str, str]
) -> tuple[ProjectPart, ...]:
    of_project: dict[str, tuple[list[EarnedLine], list[TakenLine]]] = defaultdict(lambda: ([], []))
    for line in earned:
        of_project[line.project_id][0].append(line)
    for debt in taken:
        of_project[debt.project_id][1].append(debt)
    return tuple(
        ProjectPart(one, names.get(one, ""), tuple(paid), tuple(back))
        for one, (paid, back) in sorted(of_project.items(), key=lambda item: (not item[0], item[0]))
    )
