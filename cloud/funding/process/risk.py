"""The clawback and net fund report of one organisation: clocks that run, and what is still owed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from cloud.funding import clocks, views
from cloud.funding.clawback import reduction_type, rule_of
from cloud.funding.direct_pay import DirectPay
from cloud.funding.extension import Extension, ExtensionRequest
from cloud.funding.models import Deduction, DeductionState, Payable
from cloud.funding.netting import DeductionKind
from cloud.funding.planning import ProjectFacts
from cloud.funding.process.payouts import Holdings, account_names, holdings
from cloud.funding.process.taking import running_limits
from cloud.funding.standing import TAKEN
from cloud.funding.views import RunningClock
from cloud.kernel.calendar import eastern_day
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.ports import Records
from cloud.portfolio.models import Milestone, Project, milestone_id

RUNNING, EXTENDED, PAUSED, OVERDUE = "running", "extended", "paused", "overdue"
"""How a clock stands; paused is what a granted extension postpones beyond the money clock (F13)."""
_MATERIAL = frozenset({DeductionKind.EQUIPMENT, DeductionKind.MATERIAL})

Extensions = Mapping[str, Sequence[Extension]]
"""Requests as they were decided, by the milestone (M1) that each is about."""


@dataclass(frozen=True, slots=True)
class ClockRow:
    """A clock that runs, and the money that it moves when it has run out (F28).

    Attributes:
        waits_for: the milestone that stops it.
        due_on: the last day before money moves; for the clock to activation that of F08.
        contract_due_on: the contract's last day, which is another for that clock only (F07).
        amount: what is at risk.
        claimed: the part of it that an open clawback takes already; the milestone gives it back.
    """

    project_id: str
    account_name: str
    clock: str
    waits_for: str
    started_on: date
    age_days: int
    age_class: str
    days_left: int
    is_red: bool
    due_on: date
    contract_due_on: date
    extension_days: int
    status: str
    amount: Money
    market: str
    salesperson: str
    programme: str
    claimed: Money = ZERO

    @property
    def unclaimed(self) -> Money:
        """What would be taken yet; an open clawback counts as what is to be taken, once (F26)."""
        return max(self.amount - self.claimed, ZERO)


@dataclass(frozen=True, slots=True)
class ReductionRow:
    """A deduction that is still open, with the article's type and its age."""

    id: str
    project_id: str
    account_name: str
    kind: str
    type: str
    rule: str
    raised: Money
    taken: Money
    left: Money
    is_paused: bool
    incurred_on: date
    age_days: int
    age_class: str
    says: str
    market: str
    salesperson: str
    programme: str


@dataclass(frozen=True, slots=True)
class RiskReport:
    """What an organisation stands to lose: clocks by their place in a project's life, and debts."""

    clocks: tuple[ClockRow, ...]
    reductions: tuple[ReductionRow, ...]


def risk(records: Records, partner_id: str, *, at: datetime) -> RiskReport:
    """Give the report of an organisation (F28), in a number of reads that rows do not raise.

    Raises:
        NotFound: there is no such organisation.
    """
    found = holdings(records, partner_id, at=at)
    report = RiskReport(
        tuple(clock_rows(found, extensions_by_project(records, partner_id), at=at)),
        tuple(reduction_rows(found, at=at)),
    )
    wanted = {row.project_id for row in report.clocks}
    wanted |= {row.project_id for row in report.reductions}
    names = account_names(records, found, wanted)
    return RiskReport(
        tuple(replace(row, account_name=names.get(row.project_id, "")) for row in report.clocks),
        tuple(
            replace(row, account_name=names.get(row.project_id, "")) for row in report.reductions
        ),
    )


def extensions_by_project(records: Records, partner_id: str) -> Extensions:
    """Give the requests of an organisation's projects, by the M1 that each is about."""
    requests = records.find(ExtensionRequest, by="partner_id", value=partner_id)
    return by_milestone(stored.record for stored in requests)


def by_milestone(requests: Iterable[ExtensionRequest]) -> Extensions:
    """Give requests by the M1 that each is about."""
    found: dict[str, list[Extension]] = defaultdict(list)
    for request in requests:
        key = milestone_id(request.project_id, Milestone.M1, request.occurrence)
        found[key].append(request.extension)
    return found


def clock_rows(found: Holdings, extensions: Extensions, *, at: datetime) -> list[ClockRow]:
    """Give the clocks that run, in the order of a project's life, least time left first (F28)."""
    running = {
        (clock.project, clock.clock): clock
        for facts in found.projects.values()
        for clock in running_clocks(facts, extensions, at=at)
    }
    of_project: dict[str, list[Payable]] = defaultdict(list)
    for payable in found.payables:
        of_project[payable.project_id].append(payable)
    debts: dict[str, list[Deduction]] = defaultdict(list)
    for debt in found.deductions:
        debts[debt.project_id].append(debt)
    rows = []
    for row in views.risk_rows(running.values(), at):
        clock, facts = running[row.project, row.clock], found.projects[row.project]
        limit = views.limit_days(clock.clock, clock.started_on, clock.programme)
        due_on = clock.started_on + timedelta(limit + clock.extension_days)
        rows.append(
            ClockRow(
                project_id=row.project,
                account_name="",
                clock=row.clock,
                waits_for=_WAITS_FOR[row.clock],
                started_on=clock.started_on,
                age_days=row.age_days,
                age_class=views.age_class(
                    row.age_days, on=eastern_day(at), programme=clock.programme
                ),
                days_left=row.days_left,
                is_red=row.is_red,
                due_on=due_on,
                contract_due_on=_contract_due(clock, due_on, facts.project, extensions, at),
                extension_days=clock.extension_days,
                status=_status(clock, limit, row.age_days),
                amount=_at_risk(clock, facts, of_project[row.project], debts[row.project]),
                market=facts.project.market,
                salesperson=facts.project.salesperson,
                programme=clock.programme,
                claimed=_claimed(clock, facts, debts[row.project]),
            )
        )
    return rows


def place(row: ClockRow) -> list[str]:
    """Give where a clock stands in the report, as text that sorts so (F28)."""
    return [str(list(_WAITS_FOR).index(row.clock)), f"{row.days_left + 10**6:07d}", row.project_id]


def running_clocks(
    facts: ProjectFacts, extensions: Extensions, *, at: datetime
) -> Iterator[RunningClock]:
    """Give a project's clocks that have begun and not stopped (F06, F08, F19, F21).

    A cancelled project has none. The material clocks are those that Direct Pay judges by, and have
    done their work once the material was asked for.
    """
    project, direct = facts.project, facts.direct_pay
    if project.cancelled:
        return
    reached = dict(project.reached)

    if Milestone.NTP in reached and Milestone.M1 not in reached:
        ntp_on = eastern_day(reached[Milestone.NTP])
        yield RunningClock(project.id, "ntp_to_m1", ntp_on, 0, project.programme)
    for limit in running_limits(direct, project, at) if direct is not None else ():
        yield RunningClock(project.id, limit.clock, limit.started_on, 0, project.programme)
    m1_on = clocks.m1_on(project)
    if m1_on is not None and Milestone.M2 not in reached:
        granted = extensions.get(_m1_of(project), ())
        extra = sum(one.days for one in granted if one.holds_at(at))
        yield RunningClock(project.id, "m1_to_m2", m1_on, extra, project.programme)


def reduction_rows(found: Holdings, *, at: datetime) -> list[ReductionRow]:
    """Give what is still open of an organisation's deductions, the oldest first (F26, F28)."""
    today = eastern_day(at)
    rows = []
    for debt in found.deductions:
        if debt.state is not DeductionState.OPEN:
            continue
        facts = found.projects.get(debt.project_id)
        age = (today - debt.incurred_on).days
        rows.append(
            ReductionRow(
                id=debt.id,
                project_id=debt.project_id,
                account_name="",
                kind=str(debt.kind),
                type=str(reduction_type(debt.kind)),
                rule=rule_of(debt.kind),
                raised=debt.raised,
                taken=debt.recovered,
                left=debt.open,
                is_paused=debt.paused,
                incurred_on=debt.incurred_on,
                age_days=age,
                age_class=views.age_class(age, on=today, programme=debt.programme),
                says=debt.says,
                market=facts.project.market if facts else "",
                salesperson=facts.project.salesperson if facts else "",
                programme=debt.programme,
            )
        )
    return sorted(rows, key=lambda row: (row.incurred_on, row.id))


_WAITS_FOR = {
    "ntp_to_m1": str(Milestone.M1),
    "material_submit": str(Milestone.INSTALL_SUBMITTED),
    "material_approve": str(Milestone.INSTALL_APPROVED),
    "m1_to_m2": str(Milestone.M2),
}


def _m1_of(project: Project) -> str:
    """Name the M1 that stands now: a revoked one took its payments and extensions along."""
    return milestone_id(project.id, Milestone.M1, project.occurrence(Milestone.M1))


def _material_left(direct: DirectPay | None, debts: Iterable[Deduction]) -> Money:
    """Give what of the standing invoices was not taken; what a voided one took went back (F22)."""
    standing = {one.id for one in direct.standing_invoices} if direct is not None else set()
    recovered = total(
        one.recovered for one in debts if one.kind in _MATERIAL and standing & set(one.causes)
    )
    return max(direct.billed - recovered, ZERO) if direct is not None else ZERO


def _contract_due(
    clock: RunningClock, due_on: date, project: Project, extensions: Extensions, at: datetime
) -> date:
    """Give the contract's last day; for the clock to activation it is the earlier of two (F07)."""
    if clock.clock != "m1_to_m2":
        return due_on
    return clocks.m1_to_m2(
        m1_on=clock.started_on,
        m1_paid=ZERO,
        activated_at=None,
        extensions=extensions.get(_m1_of(project), ()),
        as_of=at,
        programme=clock.programme,
    ).contractual_due_date


def _status(clock: RunningClock, limit: int, age_days: int) -> str:
    """Say how a clock stands: paused begins where it would have run out by itself (F13)."""
    if age_days > limit + clock.extension_days:
        return OVERDUE
    if age_days > limit:
        return PAUSED
    return EXTENDED if clock.extension_days else RUNNING


def _at_risk(
    clock: RunningClock,
    facts: ProjectFacts,
    payables: Iterable[Payable],
    debts: Iterable[Deduction],
) -> Money:
    """Give what moves when a clock runs out, less what was taken already.

    To installation: all that runs paid (F25). To activation: the M1 money (F08). Material: what
    the vendor billed (F22).
    """
    taken = list(debts)
    if clock.clock in {"material_submit", "material_approve"}:
        return _material_left(facts.direct_pay, taken)
    paid = [one for one in payables if one.state in TAKEN]
    if clock.clock == "ntp_to_m1":
        back = total(one.recovered for one in taken if one.kind is DeductionKind.REVOCATION)
        return max(total(one.amount for one in paid) - back, ZERO)
    cause = _m1_of(facts.project)
    m1 = total(one.amount for one in paid if cause in one.causes)
    clawed = total(
        one.recovered
        for one in taken
        if one.kind is DeductionKind.CLAWBACK_M1 and cause in one.causes
    )
    return max(m1 - clawed, ZERO)


def _claimed(clock: RunningClock, facts: ProjectFacts, debts: Iterable[Deduction]) -> Money:
    """Give what is being clawed back of the M1 money whose clock still runs (F08, F26)."""
    if clock.clock != "m1_to_m2":
        return ZERO
    cause = _m1_of(facts.project)
    return total(
        one.open
        for one in debts
        if one.kind is DeductionKind.CLAWBACK_M1
        and one.state is DeductionState.OPEN
        and cause in one.causes
    )
