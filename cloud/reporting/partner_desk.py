"""What waits for one partner's people, and how its own work orders stand; nothing is decided here.

Everything is found by the partner that a record is indexed by, one question for each kind of thing;
no table is read whole. What waits only for the owner's people is in `cloud.reporting.own_work`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from cloud.funding.process import risk
from cloud.invoicing.models import (
    BackBill,
    BackBillState,
    DraftState,
    Invoice,
    InvoiceState,
    SavedDraft,
)
from cloud.kernel.calendar import DAY, EASTERN, eastern_day, wall_time
from cloud.kernel.change import Event
from cloud.kernel.money import ZERO, Money
from cloud.kernel.ports import Records
from cloud.portfolio.models import Partner
from cloud.portfolio.process import technicians_of
from cloud.reporting.facts import Facts
from cloud.reporting.feed import TOLD, Whose
from cloud.reporting.models import Asked
from cloud.reporting.partners import compliance_expiry
from cloud.reporting.service_levels import clocks_of, union
from cloud.reporting.telling import holder_at
from cloud.service.clocks import clock_of, emergency_of
from cloud.service.models import (
    AWAITING_OWNER,
    Report,
    ReportState,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.sla import ClockState, SlaMilestone, calendar_at

LOOK_BACK = timedelta(days=60)
"""How long what is over is still looked at for something that was left undone."""
SOON = 14
"""Days before money is taken back from which on its clock stands on the first page."""
_PAPERS_AHEAD_HOURS = 45 * 24
_ORDER = "service.WorkOrder"
_QUARTER, _MONTHS = 3, 12


class Stage(StrEnum):
    """What a partner has to do next about a work order that it has; each stands in one."""

    TO_ANSWER = "to_answer"
    TO_SCHEDULE = "to_schedule"
    IN_WORK = "in_work"
    TO_REPORT = "to_report"
    PAUSED = "paused"
    """Its clocks stand, or it waits for the owner's answer about its cost."""
    PAST = "past"


_STAGES: Mapping[WorkOrderState, Stage] = {
    WorkOrderState.AWAITING_SPEND: Stage.PAUSED,
    WorkOrderState.ACCEPTED: Stage.TO_SCHEDULE,
    WorkOrderState.SCHEDULING: Stage.TO_SCHEDULE,
    WorkOrderState.SCHEDULED: Stage.IN_WORK,
    WorkOrderState.ON_SITE: Stage.IN_WORK,
    WorkOrderState.AWAITING_REPORT: Stage.TO_REPORT,
    WorkOrderState.COMPLETED: Stage.PAST,
    WorkOrderState.CANCELLED: Stage.PAST,
}


@dataclass(frozen=True, slots=True)
class ClockLine:
    """One clock of a work order as its partner reads it.

    Attributes:
        due_at: None while an open pause stops it.
        moved: working time by which pauses have moved it so far.
    """

    milestone: SlaMilestone
    state: ClockState
    due_at: datetime | None
    met_at: datetime | None
    moved: timedelta


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that a partner's people may do now.

    Attributes:
        kind: what is to be done, for example ``answer``.
        about: what kind of thing it is done to: work_order, report, invoice, draft, back_bill,
            project or paper.
        id: of that thing, as its page names it.
        title: what is to be done, in words.
        due_at: by when, where that was agreed; of what is due by a day, the end of that day.
        due_on: that day.
        order_id: the work order behind it; empty where there is none.
        is_standing: it is paused, so that it comes after all that is not.
        time_zone: of the home; empty where there is none.
    """

    kind: str
    about: str
    id: str
    title: str
    due_at: datetime | None = None
    due_on: date | None = None
    order_id: str = ""
    site_id: str = ""
    amount: Money | None = None
    is_emergency: bool = False
    is_standing: bool = False
    time_zone: str = ""

    @property
    def place(self) -> tuple[bool, bool, bool, datetime, bool, str, str]:
        """Its place in a list: emergencies, by what is due, what is due by no day, what stands."""
        due = (self.due_at or datetime.max.replace(tzinfo=UTC)).astimezone(UTC)
        is_paper = self.about not in {"work_order", "report"}
        calm = (not self.is_emergency, self.is_standing, self.due_at is None)
        return *calm, due, is_paper, self.kind, self.order_id or self.id


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that waits for a partner, with the work orders that it has.

    Attributes:
        waiting: what is due first stands first.
        kept, judged: of the deadlines of this quarter's work orders that the partner has, how many
            were met, and how many were met or missed.
    """

    orders: tuple[WorkOrder, ...]
    waiting: tuple[Waiting, ...] = ()
    kept: int = 0
    judged: int = 0
    stages: Mapping[Stage, int] = field(default_factory=dict)

    @property
    def still_open(self) -> int:
        """How many work orders are not over."""
        return sum(one.is_open for one in self.orders)


def stage_of(order: WorkOrder, *, at: datetime) -> Stage:
    """Give what the partner does next about a work order; a paused one waits whatever its state."""
    stage = _STAGES.get(order.state, Stage.TO_ANSWER)
    standing = {Stage.TO_SCHEDULE, Stage.IN_WORK}
    if stage in standing and _is_paused(order, at):
        return Stage.PAUSED
    return stage


def orders_of(records: Records, partner_id: str) -> tuple[WorkOrder, ...]:
    """Give the work orders that a partner has, those that are over among them."""
    found = records.find(WorkOrder, by="partner_id", value=partner_id)
    return tuple(one.record for one in found)


def next_due(order: WorkOrder, *, at: datetime) -> datetime | None:
    """Give by when the partner has to do the next thing, None where no clock runs."""
    if not order.is_open:
        return None
    call = emergency_of(order, now=at)
    offer = order.assignment
    if call is not None and offer is not None and offer.acknowledged_at is None:
        return call.due_at
    due = [one.due_at for one in clock_lines(order, at=at) if one.met_at is None and one.due_at]
    return min(due, default=None)


def in_order(orders: Iterable[WorkOrder], *, at: datetime) -> tuple[WorkOrder, ...]:
    """Give work orders as their partner reads them: emergencies, what is due first, the past."""

    def place(order: WorkOrder) -> tuple[bool, bool, bool, float, str]:
        due = next_due(order, at=at)
        when = due.timestamp() if due else -(order.reported_at or order.issued_at).timestamp()
        is_calm = not (order.is_emergency and order.is_open)
        return not order.is_open, is_calm, due is None, when, order.id

    return tuple(sorted(orders, key=place))


def clock_lines(order: WorkOrder, *, at: datetime) -> tuple[ClockLine, ...]:
    """Give the clocks of the present offer that have started (S-20, S-21, S-22, S-23)."""
    lines = []
    for milestone in SlaMilestone:
        clock = clock_of(order, milestone, now=at)
        if clock is None:
            continue
        moved = timedelta()
        if milestone is not SlaMilestone.ACCEPT:
            moved = _stood(order, clock.deadline.deemed_start, clock.met_at or at)
        lines.append(ClockLine(milestone, clock.state, clock.deadline.due_at, clock.met_at, moved))
    return tuple(lines)


def own_events(order: WorkOrder, log: Sequence[Event], partner_id: str) -> tuple[Event, ...]:
    """Give what a partner is told of its time with a work order, the oldest first (T-91).

    What befell the order while somebody else had it is not this partner's to read.
    """
    found = []
    for event in log:
        told = [one for one in TOLD.get(event.what, ()) if one.kind == _ORDER]
        if not told:
            continue
        holder = holder_at(order.assignments, event.at, is_end=told[0].whose is Whose.GIVEN_ON)
        if holder is not None and holder.partner_id == partner_id:
            found.append(event)
    return tuple(found)


def desk_of(records: Records, partner_id: str, *, at: datetime) -> Desk:
    """Give what waits for a partner's people, whatever their roles; money is `money_waiting`."""
    orders = orders_of(records, partner_id)
    reports = _latest_reports(records, orders, at)
    invoices = [one.record for one in records.find(Invoice, by="partner_id", value=partner_id)]
    drafts = [
        one.record
        for one in records.find(SavedDraft, by="partner_id", value=partner_id)
        if one.record.state is DraftState.OPEN
    ]
    bills = [one.record for one in records.find(BackBill, by="partner_id", value=partner_id)]
    waiting = [
        *(one for order in orders for one in _of_order(order, at)),
        *_of_reports(reports),
        *_of_invoices(invoices, at),
        *_of_drafts(drafts),
        *_unbilled(orders, invoices, drafts, at),
        *_of_bills(bills, at),
    ]
    stages: dict[Stage, int] = dict.fromkeys(Stage, 0)
    for order in orders:
        stages[stage_of(order, at=at)] += 1
    kept, judged = _kept(orders, partner_id, at)
    return Desk(orders, tuple(sorted(waiting, key=lambda one: one.place)), kept, judged, stages)


def money_waiting(records: Records, partner_id: str, *, at: datetime) -> tuple[Waiting, ...]:
    """Give the clocks that soon take money back, and papers that end soon (F28, Q-78, Q-79).

    For a partner's Accounting Admins only (F27); whoever calls has seen to that.
    """
    rows = risk.risk(records, partner_id, at=at).clocks
    found = [
        Waiting(
            kind="clawback",
            about="project",
            id=row.project_id,
            title=_asked_of(row),
            due_on=row.due_on,
            due_at=_end_of(row.due_on),
            amount=row.unclaimed or row.claimed,
        )
        for row in rows
        if row.days_left <= SOON and row.amount != ZERO
    ]
    return tuple(sorted((*found, *_of_papers(records, partner_id, at)), key=lambda it: it.place))


def _asked_of(row: risk.ClockRow) -> str:
    """Say what a clock asks for; money that is being clawed back is not at risk any more (F26)."""
    name = row.account_name or row.project_id
    if row.unclaimed == ZERO:
        return f"{name} is being clawed back; {row.waits_for} gives it back"
    return f"{name} needs {row.waits_for} before money is taken back"


def quarter_of(day: date) -> tuple[date, date]:
    """Give the first day of a day's quarter, and the first one after it."""
    first = date(day.year, day.month - (day.month - 1) % _QUARTER, 1)
    after = (
        first.replace(year=first.year + 1, month=1) if first.month + _QUARTER > _MONTHS else None
    )
    return first, after or first.replace(month=first.month + _QUARTER)


# ---- work orders ---------------------------------------------------------------------------------


def _is_paused(order: WorkOrder, at: datetime) -> bool:
    clock = clock_of(order, SlaMilestone.COMPLETE, now=at)
    return clock is not None and clock.state is ClockState.PAUSED


def _stood(order: WorkOrder, start: datetime, end: datetime) -> timedelta:
    calendar = calendar_at(order.time_zone, on=order.policy_day)
    spans = (
        (max(since, start), min(until, end)) for since, until in union(order, end) if until > start
    )
    return sum((calendar.working_time(a, b) for a, b in spans if a < b), timedelta())


def _of_order(order: WorkOrder, at: datetime) -> Iterator[Waiting]:
    stage = stage_of(order, at=at)
    if stage is Stage.PAST:
        return
    says = _asks_for(order, at)
    if not says:
        return
    yield Waiting(
        kind=stage.value,
        about="report" if stage is Stage.TO_REPORT else "work_order",
        id=order.id,
        title=says,
        due_at=next_due(order, at=at),
        order_id=order.id,
        site_id=order.site_id,
        is_emergency=order.is_emergency,
        is_standing=stage is Stage.PAUSED,
        time_zone=order.time_zone,
    )


def _asks_for(order: WorkOrder, at: datetime) -> str:
    """Give what the partner does next; empty where it waits for the owner's answer."""
    if order.state is WorkOrderState.AWAITING_SPEND or any(
        one.reason == AWAITING_OWNER and one.is_open for one in order.pauses
    ):
        return ""
    if stage_of(order, at=at) is Stage.PAUSED:
        reasons = sorted({one.reason.replace("_", " ") for one in order.pauses if one.is_open})
        return f"Paused ({', '.join(reasons) or 'until the next visit'}): go on when it is over"
    match order.state:
        case WorkOrderState.SPEND_REJECTED:
            return "Your estimate was not approved: accept with less, or decline"
        case WorkOrderState.ACCEPTED:
            return "Reach the homeowner"
        case WorkOrderState.SCHEDULING:
            return "Agree on a visit with the homeowner"
        case WorkOrderState.SCHEDULED:
            is_past = bool(order.visits) and order.visits[-1].until < at
            return "The visit's time is over: say what became of it" if is_past else "Go there"
        case WorkOrderState.ON_SITE:
            return "Somebody is there: say when the technician has left"
        case WorkOrderState.AWAITING_REPORT:
            return "Send the report"
        case _:
            return "Answer the emergency" if order.is_emergency else "Accept or decline the offer"


def _latest_reports(
    records: Records, orders: Iterable[WorkOrder], at: datetime
) -> tuple[Report, ...]:
    """Give the reports of what was done lately; one that is older is not sent back any more."""
    wanted = [
        one.report_id
        for one in orders
        if one.report_id and one.reported_at and one.reported_at + LOOK_BACK > at
    ]
    found = records.load_all(Report, wanted) if wanted else {}
    return tuple(one.record for one in found.values())


def _of_reports(reports: Iterable[Report]) -> Iterator[Waiting]:
    for report in reports:
        if report.state is ReportState.RETURNED:
            yield Waiting(
                kind="correct_report",
                about="report",
                id=report.work_order_id,
                title=f"Correct the report: {'; '.join(report.returned_for)}",
                order_id=report.work_order_id,
            )


# ---- billing -------------------------------------------------------------------------------------


def _of_invoices(invoices: Iterable[Invoice], at: datetime) -> Iterator[Waiting]:
    """Give invoices that came back, and those refused lately that no later one stands for."""
    latest: dict[str, Invoice] = {}
    for invoice in sorted(invoices, key=lambda one: (one.submitted_at, one.id)):
        latest[invoice.work_order_id] = invoice
        if invoice.state is InvoiceState.RETURNED:
            yield _invoice(invoice, "correct_invoice", "came back: correct it")
    for invoice in latest.values():
        decided_at = invoice.decided_at
        is_late = decided_at is None or decided_at + LOOK_BACK <= at
        if invoice.state is InvoiceState.REJECTED and not is_late:
            yield _invoice(invoice, "refused_invoice", "was refused: send another, or dispute it")


def _invoice(invoice: Invoice, kind: str, says: str) -> Waiting:
    because = invoice.reason
    if invoice.returned and kind == "correct_invoice":
        because = invoice.returned[-1].reason
    return Waiting(
        kind=kind,
        about="invoice",
        id=invoice.id,
        title=f"Invoice {invoice.content.number} {says}" + (f" ({because})" if because else ""),
        order_id=invoice.work_order_id,
        site_id=invoice.site_id,
        amount=invoice.content.total,
    )


def _of_drafts(drafts: Iterable[SavedDraft]) -> Iterator[Waiting]:
    for draft in drafts:
        cents = draft.content.total_cents
        yield Waiting(
            kind="finish_draft",
            about="draft",
            id=draft.id,
            title=f"Finish and send invoice {draft.content.invoice_number}",
            order_id=draft.work_order_id,
            amount=Money(cents) if isinstance(cents, int) else None,
        )


def _unbilled(
    orders: Iterable[WorkOrder],
    invoices: Iterable[Invoice],
    drafts: Iterable[SavedDraft],
    at: datetime,
) -> Iterator[Waiting]:
    """Give work that was done lately and that nobody wrote an invoice for.

    Not what the partner itself estimated at nothing: its own warranty covers that.
    """
    billed = {one.work_order_id for one in invoices} | {one.work_order_id for one in drafts}
    for order in orders:
        offer = order.assignment
        if order.state is not WorkOrderState.COMPLETED or order.id in billed or offer is None:
            continue
        if offer.estimate == ZERO or order.reported_at is None:
            continue
        if order.reported_at + LOOK_BACK > at:
            yield Waiting(
                kind="send_invoice",
                about="invoice",
                id="",
                title="Send the invoice",
                order_id=order.id,
                site_id=order.site_id,
            )


def _of_bills(bills: Iterable[BackBill], at: datetime) -> Iterator[Waiting]:
    for bill in bills:
        if bill.state is BackBillState.NOTIFIED and bill.notices:
            due_at = bill.notices[-1].due_at
            if due_at >= at:
                yield Waiting(
                    kind="answer_back_bill",
                    about="back_bill",
                    id=bill.id,
                    title="Dispute the back-bill, or let it stand",
                    due_at=due_at,
                    order_id=bill.work_order_id,
                    amount=bill.total,
                )


# ---- money and papers ----------------------------------------------------------------------------


def _of_papers(records: Records, partner_id: str, at: datetime) -> Iterator[Waiting]:
    stored = records.load(Partner, partner_id)
    if stored is None:
        return
    today = eastern_day(at)
    asked = Asked(at, today, today + DAY, partner_id, horizon_hours=_PAPERS_AHEAD_HOURS)
    people = technicians_of(records, partner_id)
    facts = Facts(asked, partners=(stored.record,), technicians=people)
    for row in compliance_expiry(facts).rows:
        day, _, state, what, _, who, of, number = row.cells
        last = date.fromisoformat(str(day))
        named = f" of {who}" if what == "certification" else ""
        about = " ".join(str(part) for part in (of, number) if part)
        ends = "has ended" if state == "expired" else "ends"
        yield Waiting(
            kind=str(state),
            about="paper",
            id=str(row.subjects[0]),
            title=f"{str(what).capitalize()}{named} {ends}" + (f": {about}" if about else ""),
            due_on=last,
            due_at=_end_of(last),
        )


def _kept(orders: Iterable[WorkOrder], partner_id: str, at: datetime) -> tuple[int, int]:
    since, until = quarter_of(eastern_day(at))
    judged = [
        one
        for order in orders
        if since <= eastern_day(order.issued_at) < until
        for one in clocks_of(order, now=at)
        if one.partner_id == partner_id and one.is_judged
    ]
    return sum(one.outcome == ClockState.MET for one in judged), len(judged)


def _end_of(day: date) -> datetime:
    return wall_time(day + DAY, time(), EASTERN).astimezone(UTC)
