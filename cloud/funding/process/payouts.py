"""The payouts pages of one organisation: what it earned, what is taken, and where each stands."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from cloud.funding import views
from cloud.funding.clawback import reduction_type, rule_of
from cloud.funding.direct_pay import DirectPay
from cloud.funding.gates import Blocked
from cloud.funding.models import (
    Deduction,
    DeductionState,
    FundingRun,
    Payable,
    PayableState,
    PaymentTrace,
    RunPlan,
    RunState,
)
from cloud.funding.planning import ProjectFacts, held_for
from cloud.funding.policy import F35
from cloud.funding.process.publishing import published
from cloud.funding.schedule import Alternative, Window, window_of
from cloud.kernel.calendar import eastern_day
from cloud.kernel.errors import BadInput
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.policy import COMFORT
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Milestone, Partner, Project, Site

PAYABLE, DEDUCTION, PROJECT = "payable", "deduction", "project"
"""What a row is about; a project stands for the invoice that it waits for."""
BEHIND = timedelta(days=7)
WINDOWS_AHEAD = 5
"""How many windows from a week ago on are looked at for the next one that pays."""
T = TypeVar("T")
_BATCHED = frozenset({PayableState.PLANNED, PayableState.PAID})


@dataclass(frozen=True, slots=True)
class Holdings:
    """All that is known of one organisation's money, loaded at once.

    Attributes:
        runs: those that took something, and those that may take it next, by id.
        plans: what a run did, or approved, for this organisation, by the run's id.
        traces: the lines of bank files that paid it, by trace number.
        announced: funding days in place of regular ones, by programme.
    """

    partner: Partner
    payables: tuple[Payable, ...]
    deductions: tuple[Deduction, ...]
    projects: Mapping[str, ProjectFacts]
    runs: Mapping[str, FundingRun]
    plans: Mapping[str, RunPlan]
    traces: Mapping[str, PaymentTrace]
    announced: Mapping[str, Sequence[Alternative]]


@dataclass(frozen=True, slots=True)
class PayoutRow:
    """One line of the payouts pages.

    Attributes:
        kind: ``payable``, ``deduction``, or ``project`` for an invoice that is missing.
        about: the milestone of a payable, the kind of a deduction.
        amount: what is paid; below zero what is taken, in all.
        left: of a deduction what is still open, of a payable what no run took yet.
        status: how it stands, in the words of D37.
        holds: why it waits, or nothing.
        event_at: the instant that decides its window.
        funding_date: when it is or was paid; None where nobody can say.
        type, rule: the article's name of a reduction and the rule that it follows.
    """

    id: str
    kind: str
    project_id: str
    account_name: str
    about: str
    amount: Money
    left: Money
    tab: str
    status: str
    holds: tuple[str, ...]
    event_at: datetime
    incurred_on: date
    funding_date: date | None
    run_id: str
    trace_number: str
    account_last4: str
    type: str
    rule: str
    says: str
    market: str
    salesperson: str
    programme: str


@dataclass(frozen=True, slots=True)
class TabTotal:
    """What stands under one tab: rows, money to be paid, money to be taken."""

    tab: str
    rows: int
    payable: Money
    deducted: Money


@dataclass(frozen=True, slots=True)
class PayoutFilter:
    """What is asked for; what is empty asks for nothing.

    Attributes:
        since, until: Eastern days of the event, both included.
        category: the article's type of a reduction (F26).
    """

    tab: str = ""
    status: str = ""
    since: date | None = None
    until: date | None = None
    category: str = ""
    milestone: str = ""
    project_id: str = ""
    market: str = ""
    salesperson: str = ""
    programme: str = ""


def holdings(records: Records, partner_id: str, *, at: datetime) -> Holdings:
    """Load what is known of one organisation's money, in a number of reads that rows do not raise.

    Raises:
        NotFound: there is no such organisation.
    """
    partner = require(records.load(Partner, partner_id), "organisation", partner_id).record
    payables = _found(records.find(Payable, by="partner_id", value=partner_id))
    deductions = _found(records.find(Deduction, by="partner_id", value=partner_id))
    projects = _projects(records, partner_id, (*payables, *deductions))
    return _held(records, partner, payables, deductions, projects, at=at)


def project_holdings(records: Records, project: Project, *, at: datetime) -> Holdings:
    """Load what is known of one project's money, and nothing else of its organisation's.

    Raises:
        NotFound: there is no such organisation.
    """
    owner = project.partner_id
    partner = require(records.load(Partner, owner), "organisation", owner).record
    payables = _found(records.find(Payable, by="project_id", value=project.id))
    deductions = _found(records.find(Deduction, by="project_id", value=project.id))
    direct = records.load(DirectPay, project.id)
    facts = ProjectFacts(project, direct.record if direct is not None else None)
    return _held(
        records,
        partner,
        tuple(one for one in payables if one.partner_id == owner),
        tuple(one for one in deductions if one.partner_id == owner),
        {project.id: facts},
        at=at,
    )


def _held(
    records: Records,
    partner: Partner,
    payables: tuple[Payable, ...],
    deductions: tuple[Deduction, ...],
    projects: Mapping[str, ProjectFacts],
    *,
    at: datetime,
) -> Holdings:
    """Add to an organisation's items the runs that took them or may, and its payments."""
    programmes = {COMFORT, *(one.programme for one in payables)}
    announced = {name: published(records, name) for name in programmes}
    wanted = {one.run_id for one in payables}
    wanted |= {part.run_id for one in deductions for part in one.applications}
    wanted |= {
        window.run_id() for name in programmes for window in _windows(at, announced[name], name)
    }
    runs = {one: run.record for one, run in records.load_all(FundingRun, _ids(wanted)).items()}
    approved = records.find(FundingRun, by="state", value=RunState.APPROVED)
    runs |= {one.record.id: one.record for one in approved}
    plans = _plans(records, partner.id, runs.values())
    numbers = _ids(plan.trace_number for plan in plans.values())
    return Holdings(
        partner=partner,
        payables=payables,
        deductions=deductions,
        projects=projects,
        runs=runs,
        plans=plans,
        traces={one: line.record for one, line in records.load_all(PaymentTrace, numbers).items()},
        announced=announced,
    )


def rows_of(found: Holdings, *, at: datetime) -> list[PayoutRow]:
    """Give every row of an organisation, oldest first, without accounts' names (F32, F35).

    `named` looks those up, for the rows that are shown.
    """
    next_runs = _NextRuns(found, at)
    rows = [_payable_row(found, one, next_runs, at) for one in found.payables]
    rows += [_deduction_row(found, one, next_runs) for one in found.deductions]
    waiting = {row.project_id for row in rows if row.tab == views.INVOICE_NEEDED}
    rows += [
        _invoice_row(facts.project, submitted_at)
        for one, facts in found.projects.items()
        if one not in waiting and _waits_for_invoice(facts)
        if (submitted_at := _submitted_at(facts.project)) is not None
    ]
    return sorted(rows, key=place)


def place(row: PayoutRow) -> list[str]:
    """Give where a row stands in its list."""
    return [row.event_at.astimezone(UTC).isoformat(), row.kind, row.id]


def wanted_rows(
    rows: Iterable[PayoutRow], wanted: PayoutFilter, *, at: datetime
) -> list[PayoutRow]:
    """Keep the rows of the tab, and of those the ones that a filter asks for (F35).

    Raises:
        BadInput: there is no such tab.
    """
    tabs = F35.on(eastern_day(at))
    if wanted.tab and wanted.tab not in tabs:
        msg = f"payouts under {wanted.tab!r}: use one of {', '.join(tabs)}"
        raise BadInput(msg)
    return [row for row in rows if _is_under(row, wanted.tab) and _fits(row, wanted)]


def totals(rows: Iterable[PayoutRow], *, at: datetime) -> list[TabTotal]:
    """Sum what stands under each tab, in the order of the tabs (F35)."""
    kept = list(rows)
    return [
        TabTotal(
            tab,
            len(under),
            total(row.amount for row in under if row.kind == PAYABLE),
            total(row.left for row in under if row.kind == DEDUCTION),
        )
        for tab in F35.on(eastern_day(at))
        for under in ([row for row in kept if _is_under(row, tab)],)
    ]


def account_names(records: Records, found: Holdings, project_ids: Iterable[str]) -> dict[str, str]:
    """Give the accounts' names of some projects, by the projects' ids."""
    sites = {
        one: found.projects[one].project.site_id for one in project_ids if one in found.projects
    }
    homes = records.load_all(Site, _ids(sites.values()))
    return {one: homes[home].record.customer_name for one, home in sites.items() if home in homes}


def named(records: Records, found: Holdings, rows: Sequence[PayoutRow]) -> list[PayoutRow]:
    """Give rows with the accounts' names, looked up for these rows only."""
    names = account_names(records, found, (row.project_id for row in rows))
    return [replace(row, account_name=names.get(row.project_id, "")) for row in rows]


def payouts(
    records: Records,
    partner_id: str,
    *,
    wanted: PayoutFilter,
    at: datetime,
) -> list[PayoutRow]:
    """Give an organisation's rows as a filter wants them, oldest first (F35).

    Raises:
        BadInput: there is no such tab.
        NotFound: there is no such organisation.
    """
    found = holdings(records, partner_id, at=at)
    rows = wanted_rows(rows_of(found, at=at), wanted, at=at)
    return named(records, found, rows)


class _NextRuns:
    """Which run is expected to take an open item: the approved one, else the next that may."""

    def __init__(self, found: Holdings, at: datetime) -> None:
        self._found, self._at = found, at
        self._windows: dict[str, list[Window]] = {}
        approved = [
            (found.runs[run_id], plan)
            for run_id, plan in found.plans.items()
            if found.runs[run_id].state is RunState.APPROVED
        ]
        self.approved = {item.id: run for run, plan in approved for item in plan.payables} | {
            item.id: run for run, plan in approved for item in plan.deductions if item.applied
        }

    def funding_date(self, item_id: str, since: datetime, programme: str) -> date | None:
        """Give the day on which the run is paid; None where no run of the next weeks may be it."""
        if item_id in self.approved:
            return self.approved[item_id].funding_date
        if programme not in self._windows:
            self._windows[programme] = [
                window
                for window in _windows(
                    self._at, self._found.announced.get(programme, ()), programme
                )
                if self._is_open(window)
            ]
        ahead = (one for one in self._windows[programme] if one.cut_off_at > since)
        return next((window.funding_date for window in ahead), None)

    def _is_open(self, window: Window) -> bool:
        run = self._found.runs.get(window.run_id())
        if run is not None and run.state is not RunState.PREVIEW:
            return False
        return window.funding_date >= eastern_day(self._at)


def _payable_row(
    found: Holdings, payable: Payable, next_runs: _NextRuns, at: datetime
) -> PayoutRow:
    facts = found.projects.get(payable.project_id)
    is_open = payable.state is PayableState.OPEN
    today = eastern_day(at)
    holds = held_for(payable, found.partner, facts, on=today) if is_open else ()
    plan, trace = _paid_with(found, payable.run_id)
    paid_on = found.runs[payable.run_id].funding_date if payable.run_id in found.runs else None
    if is_open and not holds:
        paid_on = next_runs.funding_date(payable.id, payable.accrued_at, payable.programme)
    return PayoutRow(
        id=payable.id,
        kind=PAYABLE,
        project_id=payable.project_id,
        account_name="",
        about=payable.milestone,
        amount=payable.amount,
        left=payable.amount if is_open else ZERO,
        tab=_tab_of(payable, facts, holds, is_approved=payable.id in next_runs.approved),
        status=_status(
            found,
            payable.run_id,
            withdrawn=payable.state is PayableState.WITHDRAWN,
            returned=trace is not None and bool(trace.return_code),
        ),
        holds=holds,
        event_at=payable.accrued_at,
        incurred_on=eastern_day(payable.accrued_at),
        funding_date=paid_on,
        run_id=payable.run_id,
        trace_number=trace.id if trace is not None else "",
        account_last4=plan.account_number.last4 if plan is not None else "",
        type="",
        rule="",
        says=payable.says,
        market=facts.project.market if facts else "",
        salesperson=facts.project.salesperson if facts else "",
        programme=payable.programme,
    )


def _tab_of(
    payable: Payable, facts: ProjectFacts | None, holds: tuple[str, ...], *, is_approved: bool
) -> str:
    """Give a payable's tab; what waits for nothing but the vendor's invoice has its own (F32)."""
    if holds == (Blocked.INVOICE_NEEDED,) and facts is not None and _waits_for_invoice(facts):
        return views.INVOICE_NEEDED
    return views.payouts_tab(
        paused=bool(holds),
        batched=payable.state in _BATCHED,
        approved=is_approved,
        selected=payable.state is PayableState.OPEN,
    )


def _deduction_row(found: Holdings, debt: Deduction, next_runs: _NextRuns) -> PayoutRow:
    facts = found.projects.get(debt.project_id)
    is_open = debt.state is DeductionState.OPEN
    run_id = debt.applications[-1].run_id if debt.applications else ""
    plan, trace = _paid_with(found, run_id)
    paid_on = found.runs[run_id].funding_date if run_id in found.runs else None
    if is_open:
        run = None if debt.paused else next_runs.approved.get(debt.id)
        paid_on = run.funding_date if run is not None else None
    tab = views.payouts_tab(
        paused=is_open and debt.paused,
        batched=not is_open,
        approved=debt.id in next_runs.approved,
        selected=is_open,
    )
    status = _status(found, run_id, withdrawn=not debt.recovered)
    if run_id and run_id not in found.runs:
        status = views.SETTLED  # by hand: what is named is a proposal
    return PayoutRow(
        id=debt.id,
        kind=DEDUCTION,
        project_id=debt.project_id,
        account_name="",
        about=str(debt.kind),
        amount=-debt.raised,
        left=debt.open,
        tab=tab,
        status=views.PENDING if is_open else status,
        holds=(str(Blocked.PAUSED),) if is_open and debt.paused else (),
        event_at=debt.raised_at,
        incurred_on=debt.incurred_on,
        funding_date=paid_on,
        run_id=run_id,
        trace_number=trace.id if trace is not None else "",
        account_last4=plan.account_number.last4 if plan is not None else "",
        type=str(reduction_type(debt.kind)),
        rule=rule_of(debt.kind),
        says=debt.says,
        market=facts.project.market if facts else "",
        salesperson=facts.project.salesperson if facts else "",
        programme=debt.programme,
    )


def _invoice_row(project: Project, submitted_at: datetime) -> PayoutRow:
    """Give the row of a project that was installed and whose vendor's invoice is missing (F32)."""
    return PayoutRow(
        id=project.id,
        kind=PROJECT,
        project_id=project.id,
        account_name="",
        about=str(Milestone.M1),
        amount=ZERO,
        left=ZERO,
        tab=views.INVOICE_NEEDED,
        status=views.PENDING,
        holds=(str(Blocked.INVOICE_NEEDED),),
        event_at=submitted_at,
        incurred_on=eastern_day(submitted_at),
        funding_date=None,
        run_id="",
        trace_number="",
        account_last4="",
        type="",
        rule="F32",
        says="the vendor's final invoice is outstanding",
        market=project.market,
        salesperson=project.salesperson,
        programme=project.programme,
    )


def _submitted_at(project: Project) -> datetime | None:
    """Give when the installation was submitted; M1 without it stands for it."""
    return project.reached_at(Milestone.INSTALL_SUBMITTED) or project.reached_at(Milestone.M1)


def _waits_for_invoice(facts: ProjectFacts) -> bool:
    """Tell whether a project stands under Invoice Needed by itself (F32)."""
    direct = facts.direct_pay
    return not facts.project.cancelled and views.needs_invoice(
        direct_pay_enrolled=direct is not None and direct.is_enrolled,
        m1_submitted=_submitted_at(facts.project) is not None,
        vendor_invoice_final=direct is not None and direct.has_final_invoice,
    )


def _paid_with(found: Holdings, run_id: str) -> tuple[RunPlan | None, PaymentTrace | None]:
    """Give what a run did for the organisation, and the line of the bank file that paid it."""
    plan = found.plans.get(run_id)
    return plan, found.traces.get(plan.trace_number) if plan is not None else None


def _status(found: Holdings, run_id: str, *, withdrawn: bool, returned: bool = False) -> str:
    """Say how an item stands that a run took, or none (D37)."""
    state = found.runs[run_id].state if run_id in found.runs else None
    return views.payment_status(
        withdrawn=withdrawn,
        sent=state is RunState.SENT,
        settled=state is RunState.SETTLED,
        returned=returned,
    )


def _is_under(row: PayoutRow, tab: str) -> bool:
    return tab in {"", views.ALL, row.tab}


def _fits(row: PayoutRow, wanted: PayoutFilter) -> bool:
    """Tell whether a row is what a filter asks for; days are those of the event."""
    asked = (
        (wanted.status, row.status),
        (wanted.category, row.type),
        (wanted.milestone, row.about),
        (wanted.project_id, row.project_id),
        (wanted.market, row.market),
        (wanted.salesperson, row.salesperson),
        (wanted.programme, row.programme),
    )
    day = eastern_day(row.event_at)
    return (
        all(not name or name == value for name, value in asked)
        and (wanted.since is None or wanted.since <= day)
        and (wanted.until is None or day <= wanted.until)
    )


def _windows(at: datetime, announced: Sequence[Alternative], programme: str) -> Iterator[Window]:
    """Give the windows from a week ago on, the last one still ahead."""
    instant = at - BEHIND
    for _ in range(WINDOWS_AHEAD):
        window = window_of(instant, announced, programme)
        yield window
        instant = window.cut_off_at


def _plans(records: Records, partner_id: str, runs: Iterable[FundingRun]) -> dict[str, RunPlan]:
    """Give the organisation's plan of each run that was approved, by the run's id."""
    ids = [
        plan_id
        for run in runs
        if run.state is not RunState.PREVIEW
        for plan_id in run.plan_ids
        if plan_id.rpartition(".")[0] == f"{run.id}.{partner_id}"
    ]
    found = _found(records.load_all(RunPlan, _ids(ids)).values())
    return {plan.run_id: plan for plan in found}


def _projects(
    records: Records, partner_id: str, items: Iterable[Payable | Deduction]
) -> dict[str, ProjectFacts]:
    """Give the organisation's projects, and those that its items are for, with their Direct Pay."""
    projects = {
        one.record.id: one.record
        for one in records.find(Project, by="partner_id", value=partner_id)
    }
    direct = {
        one.record.id: one.record
        for one in records.find(DirectPay, by="partner_id", value=partner_id)
    }
    others = _ids({one.project_id for one in items} - set(projects) - {""})
    projects |= {one: found.record for one, found in records.load_all(Project, others).items()}
    direct |= {one: found.record for one, found in records.load_all(DirectPay, others).items()}
    return {one: ProjectFacts(project, direct.get(one)) for one, project in projects.items()}


def _found(stored: Iterable[Stored[T]]) -> tuple[T, ...]:
    return tuple(one.record for one in stored)


def _ids(wanted: Iterable[str]) -> list[str]:
    return sorted({*wanted} - {""})
