"""What stands on the console's page of one work order, gathered for the template."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cloud.invoicing.models import (
    BackBill,
    CustomerCharge,
    Dispute,
    InternalCost,
    Invoice,
    WorkOrderSpend,
)
from cloud.invoicing.process.books import bill_id
from cloud.kernel.change import Event
from cloud.portal.asking import Absent, Ask, Page
from cloud.portal.console_views.emergencies import OUTCOMES
from cloud.portal.console_views.ways import way_to
from cloud.portal.families import family_words
from cloud.portal.shown import AsTyped, words
from cloud.portfolio.models import Partner, PartnerKind, Site
from cloud.reporting import partner_desk
from cloud.reporting.clock_story import clock_stories
from cloud.reporting.dispatch_board import able_partners, is_late
from cloud.reporting.roles import AUDITOR, SPC
from cloud.reporting.shown_to_decide import order_shown
from cloud.service.clocks import may_be_reassigned
from cloud.service.models import (
    AWAITING_OWNER,
    Case,
    Cause,
    Coordinator,
    Mail,
    Report,
    ReportState,
    ReportTask,
    Task,
    Visit,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.policy import FULL_PROXIMITY, LINK_MINUTES, PAUSE_REASONS, ROUTING_WEIGHTS
from cloud.service.process.saving import is_a_partners
from cloud.service.routing import Ranked, RoutingReason
from cloud.service.uploads import Upload

PATH = "/console/work_orders"
TASKS: Mapping[Task, str] = {
    Task.CHOOSE_PARTNER: "Choose a partner",
    Task.CONFIRM_REASSIGNMENT: "Not answered in time: offer it to another partner",
    Task.APPROVE_SPEND: "Decide on spending above the limit",
    Task.CORRECT_CONTACT: "The mail came back: correct the contact and send the offer again",
    Task.PHONE_PARTNER: "Call the partner: it is an emergency",
    Task.CHASE_PARTNER: "Acknowledged and not answered: chase the partner",
    Task.CONFIRM_PAUSE: "Confirm or reject a pause",
    Task.ANSWER_QUESTION: "Answer the partner's question",
    Task.RECORD_FINDING: "Say what the cause was",
}
STATES: Mapping[str, str] = {
    "manual_dispatch": "No partner",
    "contact_failed": "Mail came back",
    "reassignable": "Not answered in time",
    "awaiting_spend": "Waits for approval",
    "spend_rejected": "Estimate not approved",
    "scheduling": "Homeowner reached",
    "awaiting_report": "Report is missing",
}
"""State -> what people call it, where its name is not the word."""
REASONS: Mapping[RoutingReason, str] = {
    RoutingReason.ORIGINAL_INSTALLER_FIRST: "The original installer goes first: its workmanship is "
    "suspected, or it is an emergency. Score, range and load do not count for it.",
    RoutingReason.BEST_SCORE: "The best score wins; of equal ones the partner with fewer open work "
    "orders, then the first by its id.",
    RoutingReason.NEAREST_FOR_EMERGENCY: "In an emergency the nearest partner wins, then the "
    "better performer.",
    RoutingReason.MANUAL_DISPATCH: "Nobody passed every filter: a coordinator chooses.",
}
PAUSE_WORDS: Mapping[str, str] = {
    "homeowner_unresponsive": "The homeowner does not answer",
    "weather": "Weather",
    "equipment_shipping_delay": "Equipment is on its way",
    "multi_visit": "Another visit is needed and booked",
    AWAITING_OWNER: "Waits for our answer about the cost",
}
CLOCKS = {"accept": "Answer the offer", "schedule": "Reach the homeowner", "complete": "Work done"}
STARTS = {
    "accept": "The offer was delivered",
    "schedule": "The work was taken, or its cost approved",
    "complete": "The work was taken, or its cost approved",
}
_OVER = {WorkOrderState.COMPLETED, WorkOrderState.CANCELLED}
_BEFORE_ANYBODY_WENT = {
    WorkOrderState.OFFERED,
    WorkOrderState.CONTACT_FAILED,
    WorkOrderState.REASSIGNABLE,
    WorkOrderState.MANUAL_DISPATCH,
    WorkOrderState.AWAITING_SPEND,
    WorkOrderState.SPEND_REJECTED,
    WorkOrderState.ACCEPTED,
    WorkOrderState.SCHEDULING,
    WorkOrderState.SCHEDULED,
}
"""Where the buttons to take work back are shown; whether it may be done, the deed decides."""
TASK_FORMS: Mapping[Task, tuple[str, ...]] = {
    Task.CHOOSE_PARTNER: ("assign",),
    Task.CONFIRM_REASSIGNMENT: ("reassign",),
    Task.APPROVE_SPEND: ("approve", "refuse"),
    Task.CORRECT_CONTACT: ("resend",),
    Task.PHONE_PARTNER: ("call",),
    Task.CHASE_PARTNER: ("call",),
    Task.RECORD_FINDING: ("finding",),
}
"""Task -> the forms that do it; pauses and questions have theirs where they stand."""


@dataclass(frozen=True, slots=True)
class Place:
    """A partner's place in the ranking, as it is drawn.

    Attributes:
        performance, proximity: points of 100 in all.
        offers: how its offers of this work order ended, the oldest first.
    """

    ranked: Ranked
    name: str
    performance: float
    proximity: float
    offers: tuple[str, ...]
    has_it: bool

    @property
    def score(self) -> float:
        """Both parts together, of 100."""
        return self.performance + self.proximity


@dataclass(frozen=True, slots=True)
class Asked:
    """A partner's question, and its answer once there is one."""

    id: str
    text: str
    at: datetime
    by: str
    is_open: bool
    answer: str = ""
    answered_by: str = ""


@dataclass(frozen=True, slots=True)
class Thumb:
    """A file of the report, with the address of a small picture of it where there is one."""

    upload: Upload
    picture: str


def order_page(ask: Ask, typed: AsTyped | None = None, form: str = "") -> Page:
    """Give the page of the work order that the path names, a form as it was filled in among it.

    Raises:
        Absent: there is none of that number.
    """
    order = order_of(ask)
    site = ask.records.load(Site, order.site_id)
    reports = [one.record for one in ask.records.find(Report, by="work_order_id", value=order.id)]
    reports.sort(key=lambda one: one.version)
    latest = reports[-1] if reports else None
    forms = forms_open(ask, order, latest)
    shows = {
        **_about(ask, order, site.record if site else None),
        **_clocks(ask, order),
        **_told(ask, order, reports),
        **_deeds(ask, order, site.record if site else None, forms),
        **_money(ask, order),
        "forms": forms,
        "typed": typed,
        "form": form,
    }
    return Page(
        "console/work_order.html",
        f"Work order {order.id}",
        shows,
        status=422 if typed else 200,
    )


def _about(ask: Ask, order: WorkOrder, site: Site | None) -> dict[str, Any]:
    """Give what the order is about: the home, the case, who coordinates it and who had it."""
    case = ask.records.load(Case, order.case_id)
    spc = ask.records.load(Coordinator, order.spc_id)
    names = _names(ask, order)
    return {
        "order": order,
        "mark": order_shown(ask.records, order.id).mark(ask.at),
        "site": site,
        "home": way_to(ask, "site", order.site_id),
        "case": case.record if case else None,
        "family": family_words(case.record.family) if case else "",
        "coordinator": spc.record if spc else None,
        "names": names,
        "partner_way": {name: way_to(ask, "partner", name) for name in names},
        "places": places_of(order, names),
        "weights": ROUTING_WEIGHTS.on(order.policy_day),
        "routed": REASONS[order.routed_by],
        "state_words": STATES,
        "task_words": TASKS.get(order.task, "") if order.task else "",
        "task_forms": TASK_FORMS.get(order.task, ()) if order.task else (),
    }


def _clocks(ask: Ask, order: WorkOrder) -> dict[str, Any]:
    """Give what is due by when, and what stopped the clocks."""
    return {
        "is_late": is_late(order, at=ask.at),
        "due": partner_desk.next_due(order, at=ask.at),
        "clocks": clock_stories(order, at=ask.at),
        "clock_words": CLOCKS,
        "starts": STARTS,
        "pause_words": PAUSE_WORDS,
        "undecided": [
            number
            for number, one in enumerate(order.pauses, 1)
            if one.decided_at is None and is_a_partners(one)
        ],
    }


def _told(ask: Ask, order: WorkOrder, reports: list[Report]) -> dict[str, Any]:
    """Give what was reported, sent and written about the order."""
    latest = reports[-1] if reports else None
    log = ask.log(order.id, of="work_order")
    files = [one.record for one in ask.records.find(Upload, by="work_order_id", value=order.id)]
    files.sort(key=lambda one: (one.requested_at, one.name, one.id))
    mails = [one.record for one in ask.records.find(Mail, by="thread", value=order.id)]
    return {
        "questions": questions_in(log, order.open_questions),
        "reports": reports,
        "report": latest,
        "sides": _sides(ask, latest, files),
        "files": files,
        "mails": sorted(mails, key=lambda one: one.at),
        "log": log,
    }


def _deeds(
    ask: Ask, order: WorkOrder, site: Site | None, forms: Mapping[str, bool]
) -> dict[str, Any]:
    """Give what the forms offer to choose from."""
    return {
        "outcomes": OUTCOMES,
        "causes": [(one.value, words(one)) for one in Cause],
        "reasons": [
            (one, PAUSE_WORDS.get(one, words(one)))
            for one in PAUSE_REASONS.on(order.policy_day)
            if one != AWAITING_OWNER
        ],
        "candidates": _candidates(ask, order, site),
        "here_now": f"{ask.at.astimezone(ZoneInfo(order.time_zone)):%Y-%m-%dT%H:%M}",
        "ahead": _hours_ahead(order),
        "own_cost": _own_cost(ask, order) if forms["internal"] else None,
    }


def order_of(ask: Ask) -> WorkOrder:
    """Give the work order that the path names.

    Raises:
        Absent: there is none of that number.
    """
    found = ask.records.load(WorkOrder, ask.names["order_id"])
    if found is None:
        raise Absent
    return found.record


def forms_open(ask: Ask, order: WorkOrder, report: Report | None) -> Mapping[str, bool]:
    """Give the forms that this person may send and that are open to the order as it stands."""
    is_taken = order.work_authorized_at is not None and order.state not in _OVER
    was_there = any(one.arrived_at is not None for one in order.visits)
    may_take_back = order.state in _BEFORE_ANYBODY_WENT and not was_there
    is_asked = any(one.reason == AWAITING_OWNER and one.is_open for one in order.pauses)
    asks = {WorkOrderState.AWAITING_SPEND, WorkOrderState.SPEND_REJECTED}
    found = {
        "assign": order.state is WorkOrderState.MANUAL_DISPATCH,
        "reassign": may_be_reassigned(order, now=ask.at),
        "resend": order.state is WorkOrderState.CONTACT_FAILED,
        "call": order.assignment is not None and order.is_open,
        "approve": is_taken or order.state in asks,
        "refuse": order.state is WorkOrderState.AWAITING_SPEND or is_asked,
        "pause": is_taken,
        "visit": _visit_ahead(order) is not None,
        "finding": order.state is WorkOrderState.COMPLETED,
        "internal": order.state is WorkOrderState.COMPLETED and _is_by_our_own(ask, order),
        "return": report is not None and report.state is ReportState.SUBMITTED,
        "serials": report is not None and report.task is ReportTask.CHECK_SERIALS,
        "withdraw": may_take_back and order.assignment is not None,
        "cancel": may_take_back,
        "decide": True,
    }
    is_spc = SPC in ask.visitor.roles
    return {name: is_open and is_spc for name, is_open in found.items()}


def _visit_ahead(order: WorkOrder) -> Visit | None:
    """Give the visit that is booked and that nobody has come to yet."""
    last = order.visits[-1] if order.visits else None
    is_ahead = last is not None and last.arrived_at is None
    return last if is_ahead and order.state is WorkOrderState.SCHEDULED else None


def _hours_ahead(order: WorkOrder) -> Mapping[str, str]:
    """Give the visit that lies ahead as the form that moves it begins, on the home's clock."""
    visit, zone = _visit_ahead(order), ZoneInfo(order.time_zone)
    if visit is None:
        return {}
    return {
        "since": f"{visit.since.astimezone(zone):%Y-%m-%dT%H:%M}",
        "until": f"{visit.until.astimezone(zone):%Y-%m-%dT%H:%M}",
        "technician": visit.technician,
    }


def _is_by_our_own(ask: Ask, order: WorkOrder) -> bool:
    """Tell whether our own crew did it, whose cost is noted and not invoiced (R-46)."""
    found = ask.records.load(Partner, order.partner_id) if order.partner_id else None
    return found is not None and found.record.kind is PartnerKind.IN_HOUSE


def _own_cost(ask: Ask, order: WorkOrder) -> InternalCost | None:
    found = ask.records.load(WorkOrderSpend, order.id)
    return found.record.internal if found else None


def places_of(order: WorkOrder, names: Mapping[str, str]) -> Sequence[Place]:
    """Give the ranking as it is drawn: the parts of each score as points of 100 (R-42)."""
    performance, proximity = ROUTING_WEIGHTS.on(order.policy_day)
    most = performance * 100 + proximity * FULL_PROXIMITY.on(order.policy_day)
    return [
        Place(
            one,
            names.get(one.partner_id, one.partner_id),
            performance=max(0.0, one.performance_points * 100 / most),
            proximity=max(0.0, one.proximity_points * 100 / most),
            offers=tuple(
                str(offer.state)
                for offer in order.assignments
                if offer.partner_id == one.partner_id
            ),
            has_it=one.partner_id == order.partner_id,
        )
        for one in order.ranking
    ]


def questions_in(log: Iterable[Event], still_open: Sequence[str]) -> Sequence[Asked]:
    """Give the questions that partners asked, with their answers, the oldest first (M-75)."""
    events = list(log)
    answers = {
        one.causes[0]: one for one in events if one.what == "question_answered" and one.causes
    }
    found: dict[str, Asked] = {}
    for event in events:
        if event.what != "question_asked" or not event.causes:
            continue
        name, answer = event.causes[-1], answers.get(event.causes[-1])
        found[name] = Asked(
            name,
            event.says.partition(": ")[2],
            event.at,
            event.by,
            name in still_open,
            answer.says.partition(": ")[2] if answer else "",
            answer.by if answer else "",
        )
    return list(found.values())


def _names(ask: Ask, order: WorkOrder) -> Mapping[str, str]:
    """Give the names of all partners that the page names, read at once."""
    ids = {one.partner_id for one in order.ranking}
    ids |= {one.partner_id for one in order.assignments}
    ids |= {order.original_installer_id} - {""}
    found = ask.records.load_all(Partner, sorted(ids)) if ids else {}
    return {name: found[name].record.name if name in found else name for name in sorted(ids)}


def _candidates(ask: Ask, order: WorkOrder, site: Site | None) -> Sequence[tuple[str, str]]:
    """Give whom a person may choose, each with why the ranking leaves it out (R-42)."""
    if order.state is not WorkOrderState.MANUAL_DISPATCH or site is None:
        return ()
    barred = {one.partner_id: one.barred_by for one in order.ranking}
    day = ask.at.astimezone(ZoneInfo(site.time_zone)).date()
    return [
        (
            one.id,
            f"{one.name}, {km:,.0f} km"
            + (f" ({'; '.join(barred[one.id])})" if barred.get(one.id) else ""),
        )
        for one, km in able_partners(ask.records, site, on=day)
    ]


def _sides(
    ask: Ask, report: Report | None, files: Sequence[Upload]
) -> Sequence[tuple[str, str, Sequence[Thumb]]]:
    """Give both conditions of the report with small pictures that the store shows for minutes."""
    if report is None:
        return ()
    known = {one.reference: one for one in files}
    desk, minutes = ask.house.outside.desk, LINK_MINUTES.on(ask.at.date())
    return [
        (
            says,
            side.notes,
            [
                Thumb(
                    file,
                    desk.link(file.small, name=f"{file.id}.jpg", minutes=minutes)
                    if file.small
                    else "",
                )
                for one in side.photos
                if (file := known.get(one.strip())) is not None
            ],
        )
        for says, side in (
            ("As found", report.content.as_found),
            ("As departed", report.content.as_departed),
        )
    ]


def _money(ask: Ask, order: WorkOrder) -> Mapping[str, Any]:
    """Give what hangs on the order in money, to who may see it by the routes of invoices."""
    if not ask.visitor.roles & {SPC, AUDITOR}:
        return {"sees_money": False}
    records, by = ask.records, {"by": "work_order_id", "value": order.id}
    invoices = [one.record for one in records.find(Invoice, **by)]
    bill = records.load(BackBill, bill_id(order.id))
    return {
        "sees_money": True,
        "invoices": sorted(invoices, key=lambda one: one.submitted_at),
        "invoice_way": {one.id: way_to(ask, "invoice", one.id) for one in invoices},
        "charges": [one.record for one in records.find(CustomerCharge, **by)],
        "disputes": [one.record for one in records.find(Dispute, **by)],
        "dispute_way": way_to(ask, "dispute", "-").removesuffix("/-"),
        "bill": bill.record if bill else None,
    }
