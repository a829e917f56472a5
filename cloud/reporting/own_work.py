"""What waits for the owner's people to do, by role, in the order in which it is due.

Service's work is found in one question, for its records are indexed by whether they wait for
anybody; that of money by the states in which the roles may do something, a question for each. No
table is read whole, and nothing is decided. Two kinds of work are not found this way: money that is
held for a person has no index of its own (a run names it), and a back-bill waits for the finding on
its work order, which is here.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from cloud.detection.models import HoldState, SweepHold
from cloud.funding.extension import ExtensionRequest, RequestState
from cloud.funding.models import BankFileTaken, FundingRun, RunState
from cloud.funding.overdue import OverdueFile, OverdueState
from cloud.funding.process.reversing import ASSIGN, REVERSE
from cloud.funding.tickets import Ticket, TicketState
from cloud.invoicing.approval import SPC_QUEUE
from cloud.invoicing.models import (
    ChargeState,
    CustomerCharge,
    Dispute,
    DisputeState,
    Invoice,
    InvoiceState,
)
from cloud.invoicing.policy import DISPUTE_DECIDERS
from cloud.invoicing.process.submission import due_of
from cloud.kernel.calendar import EASTERN, eastern_day, wall_time
from cloud.kernel.money import Money
from cloud.kernel.ports import Records, Stored
from cloud.portfolio.organisation import (
    OptInRequest,
    OptInState,
    RelationshipManager,
    ServiceContact,
)
from cloud.portfolio.papers import (
    REVIEW,
    BankChange,
    BankChangeState,
    DocumentKind,
    DocumentState,
    PartnerDocument,
)
from cloud.portfolio.process.contacts import CORRECT_CONTACT
from cloud.portfolio.proposals import Proposal, ProposalState
from cloud.reporting.ports import WaitingRecords
from cloud.reporting.roles import (
    ACCOUNTANT,
    ACCOUNTING,
    ADMIN,
    AMS,
    PROJECTS,
    RM,
    SPC,
    TREASURY,
)
from cloud.service.clocks import clock_of, emergency_of
from cloud.service.models import (
    Case,
    CaseTask,
    HelpRequest,
    HelpState,
    Mail,
    MailState,
    PostHold,
    Report,
    ReportTask,
    Task,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.sla import SlaMilestone
from cloud.telemetry.watching import OPEN as SUSPECTED
from cloud.telemetry.watching import GatewayPresence

_A_DAY = timedelta(days=1)
_AN_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One thing that waits for somebody.

    Attributes:
        kind: what is to be done, for example ``decide_invoice``.
        about: what kind of record it is done to, for example ``invoice``.
        id: of that record.
        title: what is to be done, in words, for whoever looks at a list.
        since: from when it waits, as far as that is on record.
        due_at: by when it was agreed to be done; None where nothing was agreed.
        rule: the rule that it follows.
        roles: who may do it; any one of them is enough.
        waits_for: the person that it went to; empty where it is anybody's of the role.
        is_own: who asks prepared it, so that another has to do it (D09).
        partner_id: whom it is about; empty where it is about no partner.
        amount: what it is worth, where money hangs on it.
    """

    kind: str
    about: str
    id: str
    title: str
    since: datetime
    due_at: datetime | None
    rule: str
    roles: frozenset[str]
    waits_for: str = ""
    is_own: bool = False
    is_emergency: bool = False
    partner_id: str = ""
    amount: Money | None = None

    @property
    def place(self) -> tuple[bool, datetime, str, str]:
        """Its place in a list: emergencies first, then by what is due; the rest since it came."""
        due = (self.due_at or self.since).astimezone(UTC)
        return not self.is_emergency, due, self.about, self.id

    @property
    def last_day(self) -> date | None:
        """The last day on which there is time, in the East; None where nothing was agreed.

        What is due as a day begins is due by the end of the day before it.
        """
        return eastern_day(self.due_at - _AN_INSTANT) if self.due_at else None

    def is_late(self, at: datetime) -> bool:
        """Tell whether its time is over; on the last instant it is not."""
        return self.due_at is not None and self.due_at < at


@dataclass(frozen=True, slots=True)
class _Asking:
    """Who asks, when, and what of other records the items need."""

    person: str
    at: datetime
    orders: Mapping[str, WorkOrder] = field(default_factory=dict)
    managers: Mapping[str, str] = field(default_factory=dict)

    @property
    def day(self) -> date:
        """The day whose rules say who may do what."""
        return self.at.astimezone(UTC).date()

    def is_by(self, *people: str) -> bool:
        """Tell whether who asks is one of these."""
        return bool(self.person) and self.person in people


_Told = Callable[[Any, _Asking], Iterator[WorkItem]]


@dataclass(frozen=True, slots=True)
class _Desk:
    """One pile: what is asked for, who may look at it, and what each record of it asks for.

    Attributes:
        by_value: it is asked for value by value; what else there is knows whether it waits.
    """

    kind: type[Any]
    by: str
    values: tuple[str, ...]
    roles: frozenset[str]
    told: _Told
    by_value: bool = False

    def has(self, record: object) -> bool:
        """Tell whether a record lies on this pile."""
        return type(record) is self.kind and getattr(record, self.by) in self.values


def work_of(
    records: WaitingRecords, roles: Collection[str], *, person: str, at: datetime
) -> tuple[WorkItem, ...]:
    """Give what people with these roles may do now, emergencies first, then by what is due.

    What has no deadline stands where it came in. What the person prepared itself is marked
    (`is_own`), not left out: it waits, but for somebody else (D09). A role that only looks, and
    nobody, have nothing to do. Answers come from indexes and may lag behind by a moment.

    Args:
        records: what is kept.
        roles: the groups of who asks.
        person: who asks, by the name that records have; empty for nobody in particular.
        at: now.
    """
    held = frozenset(roles)
    desks = [desk for desk in _DESKS if desk.roles & held]
    waiting = [stored.record for stored in _waiting(records, desks)]
    found = [(desk, record) for desk in desks for record in waiting if desk.has(record)]
    asking = _Asking(
        person,
        at,
        orders=_orders_behind(records, [record for _, record in found]),
        managers=_managers(records) if RM in held else {},
    )
    items = {
        (item.kind, item.id): item
        for desk, record in found
        for item in desk.told(record, asking)
        if item.roles & held
    }
    return tuple(sorted(items.values(), key=lambda item: item.place))


def _waiting(records: WaitingRecords, desks: Sequence[_Desk]) -> Iterator[Stored[Any]]:
    """Give each record once that lies on one of these piles, as far as the indexes know."""
    served = {desk.kind: None for desk in desks if not desk.by_value}
    if served:
        yield from records.waiting(tuple(served))
    asked = {
        (desk.kind, desk.by, value): None
        for desk in desks
        if desk.by_value
        for value in desk.values
    }
    for kind, by, value in asked:
        yield from records.find(kind, by=by, value=value)


def all_work(records: WaitingRecords, *, at: datetime) -> tuple[WorkItem, ...]:
    """Give what waits for anybody, for who looks at it and does nothing of it."""
    every = frozenset().union(*(desk.roles for desk in _DESKS))
    return work_of(records, every, person="", at=at)


def _orders_behind(records: Records, found: Iterable[object]) -> dict[str, WorkOrder]:
    """Give the work orders that say by when invoices are decided, all at once."""
    wanted = sorted({one.work_order_id for one in found if isinstance(one, Invoice)})
    stored = records.load_all(WorkOrder, wanted) if wanted else {}
    return {name: one.record for name, one in stored.items()}


def _managers(records: Records) -> dict[str, str]:
    """Give who looks after each partner."""
    found = records.find(RelationshipManager, by="is_active", value="True")
    return {partner: one.record.id for one in found for partner in one.record.partner_ids}


# ---- service -------------------------------------------------------------------------------------

_CASE_TASKS: Mapping[CaseTask, tuple[str, frozenset[str], str]] = {
    CaseTask.TRIAGE: ("D-15", frozenset({AMS, SPC}), "Decide whether somebody has to go"),
    CaseTask.RETURN_VISIT: ("C-17", frozenset({AMS, SPC}), "Worked on and not mended: what next"),
    CaseTask.NO_DATA: ("C-17", frozenset({AMS}), "Worked on, and the home says nothing: why"),
    CaseTask.CALL_CUSTOMER: ("C-17c", frozenset({AMS}), "Call the customer: is it mended"),
}


def _of_case(case: Case, _asking: _Asking) -> Iterator[WorkItem]:
    if case.task is None or not case.is_open:
        return
    rule, roles, says = _CASE_TASKS[case.task]
    moved = [case.opened_at, case.told_at, case.visited_at, *(one.at for one in case.checks)]
    yield WorkItem(
        kind=case.task.value,
        about="case",
        id=case.id,
        title=f"{says}: {_words(case.family)} at {case.site_id}",
        since=max(one for one in moved if one is not None),
        due_at=None,
        rule=rule,
        roles=roles,
        is_emergency=case.is_emergency,
    )


_ORDER_TASKS: Mapping[Task, tuple[str, str]] = {
    Task.CHOOSE_PARTNER: ("R-42", "Choose a partner"),
    Task.CONFIRM_REASSIGNMENT: ("R-44", "Not answered in time: offer it to another partner"),
    Task.APPROVE_SPEND: ("I-62", "Decide on spending above the limit"),
    Task.CORRECT_CONTACT: ("S-20", "The offer came back: correct the contact and send it again"),
    Task.PHONE_PARTNER: ("E-32", "Call the partner: it is an emergency"),
    Task.CHASE_PARTNER: ("S-20", "Acknowledged and not answered: chase the partner"),
    Task.CONFIRM_PAUSE: ("S-23d", "Confirm or reject a pause"),
    Task.ANSWER_QUESTION: ("M-75", "Answer the partner's question"),
    Task.RECORD_FINDING: ("B-53", "Say what the cause was"),
}


def _of_order(order: WorkOrder, asking: _Asking) -> Iterator[WorkItem]:
    if order.task is None or order.state is WorkOrderState.CANCELLED:
        return
    rule, says = _ORDER_TASKS[order.task]
    since, due_at = _order_times(order, asking.at)
    asked, first = None, order.first_spend_approval
    if order.task is Task.APPROVE_SPEND and order.assignments:
        asked = order.assignments[-1].estimate
    yield WorkItem(
        kind=order.task.value,
        about="work_order",
        id=order.id,
        title=f"{says}: {order.id} at {order.site_id}",
        since=since,
        due_at=due_at,
        rule=rule,
        roles=frozenset({SPC}),
        waits_for="" if order.spc_id == SPC_QUEUE else order.spc_id,
        is_emergency=order.is_emergency and order.is_open,
        partner_id=order.partner_id or "",
        amount=asked,
        is_own=order.task is Task.APPROVE_SPEND and first is not None and asking.is_by(first.by),
    )


def _order_times(order: WorkOrder, at: datetime) -> tuple[datetime, datetime | None]:
    """Give since when an order waits for its task, and by when that was agreed to be done.

    A question carries no instant: its partner had acknowledged the offer by then at the latest.
    """
    offer = order.assignments[-1] if order.assignments else None
    since: list[datetime | None] = [order.issued_at]
    due_at = None
    match order.task:
        case Task.CHOOSE_PARTNER:
            since += [offer.ended_at or offer.answered_at or offer.offered_at] if offer else []
        case Task.CONFIRM_REASSIGNMENT | Task.CHASE_PARTNER:
            since.append(_answer_due(order, at))
        case Task.APPROVE_SPEND:
            since += [offer.answered_at if offer else None, *(one.since for one in order.pauses)]
        case Task.CORRECT_CONTACT:
            since.append(offer.bounced_at if offer else None)
        case Task.PHONE_PARTNER:
            since.append(offer.offered_at if offer else None)
            due_at = _answer_due(order, at)
        case Task.CONFIRM_PAUSE:
            undecided = [one for one in order.pauses if one.decided_at is None]
            since += [one.declared_at or one.since for one in undecided[:1]]
        case Task.ANSWER_QUESTION:
            since.append(offer.acknowledged_at if offer else None)
        case _:
            since.append(order.reported_at)
    told = [one.astimezone(UTC) for one in since if one is not None]
    return max(told), due_at


def _answer_due(order: WorkOrder, at: datetime) -> datetime | None:
    """Give until when the partner's answer is in time: the emergency's clock is the shorter one."""
    call = emergency_of(order, now=at)
    if call is not None:
        return call.due_at
    clock = clock_of(order, SlaMilestone.ACCEPT, now=at)
    return clock.deadline.due_at if clock else None


def _of_report(report: Report, _asking: _Asking) -> Iterator[WorkItem]:
    yield WorkItem(
        kind=ReportTask.CHECK_SERIALS.value,
        about="work_order",
        id=report.work_order_id,
        title=f"Settle serial numbers that the readings do not confirm: {report.work_order_id}",
        since=report.serials_at or report.submitted_at,
        due_at=None,
        rule="P-70b",
        roles=frozenset({SPC}),
        partner_id=report.partner_id,
    )


def _of_help(request: HelpRequest, _asking: _Asking) -> Iterator[WorkItem]:
    says = "Find the home of" if request.state is HelpState.UNMATCHED else "Take up"
    yield WorkItem(
        kind="help_request",
        about="help_request",
        id=request.id,
        title=f"{says} a customer's request: {_words(request.family)}",
        since=request.at,
        due_at=None,
        rule="C-02",
        roles=frozenset({AMS}),
    )


def _of_mail(mail: Mail, _asking: _Asking) -> Iterator[WorkItem]:
    is_unsafe = mail.state is MailState.QUARANTINED
    says = "Look at a mail that nobody vouches for" if is_unsafe else "Say what a mail is about"
    yield WorkItem(
        kind="quarantined_mail" if is_unsafe else "match_mail",
        about="mail",
        id=mail.id,
        title=f"{says}: {mail.subject or 'without a subject'}",
        since=mail.at,
        due_at=None,
        rule="M-75",
        roles=frozenset({SPC, AMS}),
    )


def _of_post_hold(hold: PostHold, _asking: _Asking) -> Iterator[WorkItem]:
    yield WorkItem(
        kind="post_hold",
        about="post_hold",
        id=hold.id,
        title="Let the letters that are held leave, or drop them",
        since=hold.held_at,
        due_at=None,
        rule="M-76",
        roles=frozenset({AMS}),
    )


def _of_sweep_hold(hold: SweepHold, _asking: _Asking) -> Iterator[WorkItem]:
    yield WorkItem(
        kind="sweep_hold",
        about="sweep_hold",
        id=hold.id,
        title=f"Findings at too many sites of {hold.id}: are they true",
        since=hold.held_at,
        due_at=None,
        rule="D-97",
        roles=frozenset({SPC}),
    )


def _of_suspicion(presence: GatewayPresence, _asking: _Asking) -> Iterator[WorkItem]:
    if presence.suspected_at is None:
        return
    yield WorkItem(
        kind="look_at_clone",
        about="gateway",
        id=presence.id,
        title=f"Gateway {presence.id} may be two machines: look which it is",
        since=presence.suspected_at,
        due_at=None,
        rule=presence.rule,
        roles=frozenset({AMS}),
    )


def _of_contact(contact: ServiceContact, _asking: _Asking) -> Iterator[WorkItem]:
    if contact.bounced_at is None:
        return
    yield WorkItem(
        kind=CORRECT_CONTACT,
        about="partner",
        id=contact.id,
        title=f"Mail to {contact.id} comes back: have its service contact corrected",
        since=contact.bounced_at,
        due_at=None,
        rule="M-74",
        roles=frozenset({SPC, RM}),
        partner_id=contact.id,
    )


# ---- invoicing -----------------------------------------------------------------------------------


def _of_invoice(invoice: Invoice, asking: _Asking) -> Iterator[WorkItem]:
    """Give the decision on an invoice, and for the relationship manager one that is late (I-69)."""
    order = asking.orders.get(invoice.work_order_id)
    back = [one.until for one in invoice.returned if one.until is not None]
    item = WorkItem(
        kind="decide_invoice",
        about="invoice",
        id=invoice.id,
        title=f"Decide on invoice {invoice.content.number} of {invoice.partner_id}",
        since=max([invoice.submitted_at, *back]),
        due_at=due_of(invoice, order) if order else None,
        rule="I-66",
        roles=frozenset({SPC}),
        waits_for="" if invoice.routed_to == SPC_QUEUE else invoice.routed_to,
        is_own=asking.is_by(invoice.submitted_by, invoice.first_approved_by),
        partner_id=invoice.partner_id,
        amount=invoice.content.total,
    )
    yield item
    if invoice.escalated_at is not None:
        yield replace(
            item,
            kind="late_invoice",
            title=f"See that invoice {invoice.content.number} is decided: it is late",
            since=invoice.escalated_at,
            rule="I-69",
            roles=frozenset({RM}),
            waits_for=asking.managers.get(invoice.partner_id, ""),
            is_own=False,
        )


def _of_dispute(dispute: Dispute, asking: _Asking) -> Iterator[WorkItem]:
    role = dict(DISPUTE_DECIDERS.on(asking.day))[dispute.level]
    yield WorkItem(
        kind="decide_dispute",
        about="dispute",
        id=dispute.id,
        title=f"Decide on a dispute of {dispute.partner_id} about {_words(dispute.kind)}",
        since=dispute.steps[-1].since if dispute.steps else dispute.opened_at,
        due_at=None,
        rule="X-87",
        roles=frozenset({role}),
        waits_for=asking.managers.get(dispute.partner_id, "") if role == RM else "",
        partner_id=dispute.partner_id,
    )


def _of_charge(charge: CustomerCharge, asking: _Asking) -> Iterator[WorkItem]:
    steps = {
        ChargeState.PROPOSED: ("approve_charge", "Approve", charge.proposed_at, "B-52a", SPC),
        ChargeState.APPROVED: (
            "tell_charge",
            "Tell the customer of",
            charge.approved_at,
            "B-52",
            SPC,
        ),
        ChargeState.TOLD: ("export_charge", "Export", charge.told_at, "B-52", ACCOUNTING),
    }
    kind, says, since, rule, role = steps[charge.state]
    yield WorkItem(
        kind=kind,
        about="customer_charge",
        id=charge.id,
        title=f"{says} a charge to the customer of {charge.site_id}",
        since=since or charge.proposed_at,
        due_at=None,
        rule=rule,
        roles=frozenset({role}),
        is_own=charge.state is ChargeState.PROPOSED and asking.is_by(charge.proposed_by),
        amount=charge.total,
    )


# ---- portfolio -----------------------------------------------------------------------------------


def _of_opt_in(request: OptInRequest, asking: _Asking) -> Iterator[WorkItem]:
    manager = request.relationship_manager_id or asking.managers.get(request.partner_id, "")
    yield WorkItem(
        kind="decide_opt_in",
        about="opt_in_request",
        id=request.id,
        title=f"Decide on {request.partner_id}'s wish for more work",
        since=request.asked_at,
        due_at=None,
        rule="R-47",
        roles=frozenset({RM}),
        waits_for=manager,
        partner_id=request.partner_id,
    )


def _of_review(document: PartnerDocument, _asking: _Asking) -> Iterator[WorkItem]:
    """Give a paper for a case; whatever else a partner sends is accepted or refused."""
    if document.kind is not DocumentKind.COMPLIANCE:
        return
    yield WorkItem(
        kind=REVIEW,
        about="document",
        id=document.id,
        title=f"Look at a paper for a case of {document.project_id}",
        since=document.recorded_at,
        due_at=None,
        rule="F18",
        roles=frozenset({PROJECTS}),
        partner_id=document.partner_id,
    )


def _of_paper(document: PartnerDocument, asking: _Asking) -> Iterator[WorkItem]:
    if document.kind is DocumentKind.COMPLIANCE:
        return
    yield WorkItem(
        kind="decide_paper",
        about="document",
        id=document.id,
        title=f"Accept or refuse a paper of {document.partner_id}: {_words(document.kind)}",
        since=document.recorded_at,
        due_at=None,
        rule="F05",
        roles=frozenset({ACCOUNTANT}),
        is_own=asking.is_by(document.recorded_by),
        partner_id=document.partner_id,
    )


def _of_bank_change(change: BankChange, asking: _Asking) -> Iterator[WorkItem]:
    """Give a change that waits for its second person, or one whose hold is over (P-81)."""
    if change.state is BankChangeState.ASKED:
        yield WorkItem(
            kind="agree_bank_change",
            about="bank_change",
            id=change.id,
            title=f"Agree to other bank details of {change.partner_id}, or reject them",
            since=change.asked_at,
            due_at=None,
            rule="P-81",
            roles=frozenset({ACCOUNTING}),
            is_own=asking.is_by(change.asked_by),
            partner_id=change.partner_id,
        )
    elif change.takes_effect_at is not None and change.takes_effect_at + _A_DAY <= asking.at:
        yield WorkItem(
            kind="apply_bank_change",
            about="bank_change",
            id=change.id,
            title=f"The hold of {change.partner_id}'s bank details is over: have them applied",
            since=change.takes_effect_at,
            due_at=None,
            rule="P-81",
            roles=frozenset({ACCOUNTANT}),
            partner_id=change.partner_id,
        )


_AGREED_BY: Mapping[str, str] = {REVERSE: "D41", ASSIGN: "D41"}


def _of_proposal(proposal: Proposal, asking: _Asking) -> Iterator[WorkItem]:
    yield WorkItem(
        kind="decide_proposal",
        about="proposal",
        id=proposal.id,
        title=f"Agree or reject: {_words(proposal.kind)} of {proposal.subject}",
        since=proposal.at,
        due_at=None,
        rule=_AGREED_BY.get(proposal.kind, "D09"),
        roles=frozenset({ACCOUNTING}),
        is_own=asking.is_by(proposal.by),
    )


# ---- funding -------------------------------------------------------------------------------------


def _of_extension(request: ExtensionRequest, _asking: _Asking) -> Iterator[WorkItem]:
    """Give a request that is pending; the whole day by which it is decided is in time (F12)."""
    yield WorkItem(
        kind="decide_extension",
        about="extension_request",
        id=request.id,
        title=f"Decide on {request.partner_id}'s request to postpone a clawback",
        since=request.submitted_at,
        due_at=wall_time(request.decision_due_date + _A_DAY, time(), EASTERN).astimezone(UTC),
        rule="F12",
        roles=frozenset({ACCOUNTING}),
        partner_id=request.partner_id,
        amount=request.amount,
    )


def _of_run(run: FundingRun, asking: _Asking) -> Iterator[WorkItem]:
    """Give the next step of a run; it is due before the day on which partners are paid begins."""
    paid_at = wall_time(run.funding_date, time(), EASTERN).astimezone(UTC)
    for kind, says, since, rule, role, is_own in _steps_of(run, asking):
        yield WorkItem(
            kind=kind,
            about="run",
            id=run.id,
            title=f"{says}: {run.id}, paid on {run.funding_date.isoformat()}",
            since=since,
            due_at=None if kind == "settle_run" else paid_at,
            rule=rule,
            roles=frozenset({role}),
            is_own=is_own,
            amount=run.net,
        )


def _steps_of(
    run: FundingRun, asking: _Asking
) -> Iterator[tuple[str, str, datetime, str, str, bool]]:
    has_file = bool(run.file_reference or run.prenote_reference)
    handled = (run.preparer, run.approver)
    match run.state:
        case RunState.PREVIEW if run.plan_ids and run.unusual and not run.released_by:
            is_own = asking.is_by(run.preparer)
            says = "An unusual run: let it go on, or find out why"
            yield "release_run", says, run.prepared_at, "D10", ACCOUNTING, is_own
        case RunState.PREVIEW if run.plan_ids:
            is_own = asking.is_by(run.preparer, run.released_by)
            yield "approve_run", "Approve a run", run.prepared_at, "D03", ACCOUNTING, is_own
        case RunState.APPROVED | RunState.COMMITTED:
            says = "An approved run is not filed yet: have it carried on"
            yield "carry_out_run", says, run.dated_at, "D03", ACCOUNTANT, False
        case RunState.FILED if has_file:
            says = "Hand a run's file to the bank"
            yield "send_run", says, run.dated_at, "D40", TREASURY, asking.is_by(*handled)
        case RunState.SENDING:
            says = "Ask the bank whether it has a run's file"
            yield "ask_bank", says, run.dated_at, "D40", TREASURY, asking.is_by(*handled)
        case RunState.SENT if eastern_day(asking.at) >= run.funding_date:
            since = wall_time(run.funding_date, time(), EASTERN).astimezone(UTC)
            is_own = asking.is_by(*handled)
            yield "settle_run", "Book what the bank paid out", since, "D40", TREASURY, is_own
        case _:
            return


def _of_bank_file(taken: BankFileTaken, asking: _Asking) -> Iterator[WorkItem]:
    yield WorkItem(
        kind="agree_bank_file",
        about="bank_file",
        id=taken.id,
        title=f"Agree that a file with {taken.count} entries is the bank's",
        since=taken.at,
        due_at=None,
        rule="D09",
        roles=frozenset({ACCOUNTING}),
        is_own=asking.is_by(taken.by),
    )


def _of_overdue(overdue: OverdueFile, _asking: _Asking) -> Iterator[WorkItem]:
    yield WorkItem(
        kind="overdue_project",
        about="project",
        id=overdue.id,
        title=f"No installation in time: cancel {overdue.id}, or let it be",
        since=overdue.since,
        due_at=None,
        rule="F06",
        roles=frozenset({PROJECTS}),
        partner_id=overdue.partner_id,
    )


def _of_ticket(ticket: Ticket, _asking: _Asking) -> Iterator[WorkItem]:
    asked = [one.at for one in ticket.messages if not one.is_ours]
    yield WorkItem(
        kind="answer_ticket",
        about="ticket",
        id=ticket.id,
        title=f"Answer {ticket.partner_id}: {ticket.subject}",
        since=max(asked, default=ticket.opened_at),
        due_at=None,
        rule="F36",
        roles=frozenset({ACCOUNTANT}),
        partner_id=ticket.partner_id,
    )


def _words(name: str) -> str:
    return str(name).replace("_", " ").lower()


_RUN_STATES = tuple(one.value for one in RunState if one is not RunState.SETTLED)
_RUN_ROLES = frozenset({ACCOUNTANT, ACCOUNTING, TREASURY})
_CHARGE_STATES = (ChargeState.PROPOSED.value, ChargeState.APPROVED.value)
_DECIDERS = frozenset({SPC, RM, ADMIN})

_DESKS: tuple[_Desk, ...] = (
    _Desk(Case, "task", tuple(CaseTask), frozenset({AMS, SPC}), _of_case),
    _Desk(WorkOrder, "task", tuple(Task), frozenset({SPC}), _of_order),
    _Desk(Report, "task", tuple(ReportTask), frozenset({SPC}), _of_report),
    _Desk(HelpRequest, "state", (HelpState.NEW, HelpState.UNMATCHED), frozenset({AMS}), _of_help),
    _Desk(
        Mail,
        "state",
        (MailState.FOR_A_PERSON, MailState.QUARANTINED),
        frozenset({SPC, AMS}),
        _of_mail,
    ),
    _Desk(PostHold, "state", (MailState.HELD,), frozenset({AMS}), _of_post_hold),
    _Desk(SweepHold, "state", (HoldState.HELD,), frozenset({SPC}), _of_sweep_hold),
    _Desk(ServiceContact, "task", (CORRECT_CONTACT,), frozenset({SPC, RM}), _of_contact),
    _Desk(
        GatewayPresence,
        "suspicion",
        (SUSPECTED,),
        frozenset({AMS}),
        _of_suspicion,
        by_value=True,
    ),
    _Desk(Invoice, "state", (InvoiceState.SUBMITTED,), frozenset({SPC, RM}), _of_invoice),
    _Desk(Dispute, "state", (DisputeState.OPEN,), _DECIDERS, _of_dispute),
    _Desk(CustomerCharge, "state", _CHARGE_STATES, frozenset({SPC}), _of_charge),
    _Desk(CustomerCharge, "state", (ChargeState.TOLD,), frozenset({ACCOUNTING}), _of_charge),
    _Desk(OptInRequest, "state", (OptInState.ASKED,), frozenset({RM}), _of_opt_in),
    _Desk(PartnerDocument, "task", (REVIEW,), frozenset({PROJECTS}), _of_review),
    _Desk(PartnerDocument, "state", (DocumentState.WAITING,), frozenset({ACCOUNTANT}), _of_paper),
    _Desk(
        BankChange,
        "state",
        (BankChangeState.ASKED,),
        frozenset({ACCOUNTING}),
        _of_bank_change,
        by_value=True,
    ),
    _Desk(
        BankChange,
        "state",
        (BankChangeState.AGREED,),
        frozenset({ACCOUNTANT}),
        _of_bank_change,
        by_value=True,
    ),
    _Desk(Proposal, "state", (ProposalState.PENDING,), frozenset({ACCOUNTING}), _of_proposal),
    _Desk(
        ExtensionRequest,
        "state",
        (RequestState.PENDING,),
        frozenset({ACCOUNTING}),
        _of_extension,
        by_value=True,
    ),
    _Desk(FundingRun, "state", _RUN_STATES, _RUN_ROLES, _of_run, by_value=True),
    _Desk(
        BankFileTaken,
        "state",
        ("waiting",),
        frozenset({ACCOUNTING}),
        _of_bank_file,
        by_value=True,
    ),
    _Desk(
        OverdueFile,
        "state",
        (OverdueState.OPEN,),
        frozenset({PROJECTS}),
        _of_overdue,
        by_value=True,
    ),
    _Desk(Ticket, "state", (TicketState.OPEN,), frozenset({ACCOUNTANT}), _of_ticket),
)
