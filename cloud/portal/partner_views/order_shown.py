"""What stands on the page of one work order, gathered for the template; it decides nothing."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cloud.invoicing.models import Invoice
from cloud.kernel.change import Event
from cloud.portal.asking import Ask, Page
from cloud.portal.shown import AsTyped, words
from cloud.portal.whose import own_order
from cloud.portfolio.models import Partner, Site
from cloud.portfolio.organisation import ServiceContact, Technician
from cloud.portfolio.process import technicians_of
from cloud.reporting import partner_desk
from cloud.service.clocks import emergency_of
from cloud.service.models import (
    Assignment,
    Case,
    Coordinator,
    Mail,
    MailState,
    Report,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.offer import AssignmentState
from cloud.service.policy import PAUSE_REASONS
from cloud.service.process.visits import AT_WORK, SCHEDULABLE
from cloud.service.uploads import Upload

ORDERS = "/portal/work_orders"
STATES: Mapping[str, str] = {
    "offered": "Offered to you",
    "reassignable": "Offered, answer late",
    "contact_failed": "Offered, mail came back",
    "spend_rejected": "Estimate not approved",
    "awaiting_spend": "Waits for approval",
    "scheduling": "Homeowner reached",
    "on_site": "Somebody is there",
    "awaiting_report": "Report is missing",
}
"""State -> what partners call it, where its name is not the word."""
PAUSE_WORDS: Mapping[str, str] = {
    "homeowner_unresponsive": "The homeowner does not answer (tried on two days)",
    "weather": "Weather",
    "equipment_shipping_delay": "Equipment is on its way",
    "multi_visit": "Another visit is needed and booked",
    "awaiting_owner": "You wait for our answer about the cost",
}
CHANNELS = (
    ("phone", "Telephone"),
    ("text", "Text message"),
    ("email", "Mail"),
    ("visit", "At the door"),
)
_LOG: Mapping[str, str] = {
    "offered": "Offered to you",
    "offered_again": "Offered to you again, at the corrected address",
    "acknowledged": "You said that you have it",
    "accepted": "You accepted it",
    "declined": "You declined it",
    "became_emergency": "It became an emergency",
    "left_unanswered": "The emergency was not answered in time",
    "contact_attempted": "You tried to reach the homeowner",
    "visit_scheduled": "A visit was agreed on",
    "arrived": "Your technician arrived",
    "departed": "Your technician left",
    "paused": "Its clocks were stopped",
    "resumed": "Its clocks go on",
    "pause_confirmed": "The coordinator confirmed the pause",
    "pause_rejected": "The coordinator rejected the pause",
    "pause_granted": "The coordinator granted a pause",
    "spend_requested": "You asked to spend more",
    "spend_approved": "Spending was approved in writing",
    "spend_rejected": "Spending was not approved",
    "question_asked": "You asked",
    "question_answered": "The coordinator answered",
    "completed": "You sent the report",
    "report_returned": "The report came back to be corrected",
    "report_corrected": "You corrected the report",
    "cause_found": "The coordinator recorded the cause",
    "accept_missed": "It was not answered in time",
    "schedule_missed": "The homeowner was not reached in time",
    "complete_missed": "It was not completed in time",
    "accept_excused": "The late answer was excused",
    "schedule_excused": "That the homeowner was reached late was excused",
    "complete_excused": "That it was completed late was excused",
    "withdrawn": "It was taken back",
    "reassigned": "It was taken back, for it was not answered",
    "cancelled": "It was called off",
}
_WITH_DETAIL = frozenset(
    {
        "contact_attempted",
        "declined",
        "pause_rejected",
        "pause_granted",
        "spend_rejected",
        "spend_requested",
        "report_returned",
        "question_asked",
        "question_answered",
        "departed",
        "cancelled",
    }
)
"""Of these the words behind the colon are shown: the partner's own, or said to it by mail."""
_PHONE = re.compile(r"\+?[\d(][\d ().-]{6,}\d")
_UNSEEN = frozenset({MailState.LEAVING, MailState.HELD, MailState.DROPPED, MailState.QUARANTINED})


@dataclass(frozen=True, slots=True)
class Told:
    """An entry of the log in a partner's words."""

    says: str
    at: datetime
    by: str
    rule: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """Where to go, as long as it is the partner's to know.

    Attributes:
        place: for programs that show the way, ``geo:39.75,-105.22``.
        phone: as it was told; empty where no number is on record.
    """

    name: str
    address: str
    place: str
    phone: str

    @property
    def dialled(self) -> str:
        """The number as a telephone takes it."""
        return "".join(one for one in self.phone if one.isdigit() or one == "+")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the partner's, and its answer once there is one."""

    text: str
    at: datetime
    answer: str = ""
    answered_at: datetime | None = None
    by: str = ""


def order_page(
    ask: Ask, *, typed: AsTyped | None = None, at_form: str = "", status: int = 200
) -> Page:
    """Give the page of the work order that a path names; with a form as it was typed, where given.

    Raises:
        Absent: it was never the partner's.
    """
    stored, lost = own_order(ask, ask.names["order_id"])
    order, records = stored.record, ask.records
    offer = own_offer(order, ask.partner_id)
    site = records.load(Site, order.site_id)
    case = records.load(Case, order.case_id)
    is_shown = lost is None and order.customer_hidden_at is None
    log = partner_desk.own_events(order, records.history(order.id), ask.partner_id)
    roster = technicians_of(records, ask.partner_id) if lost is None else ()
    people = {one.id: one.name for one in roster}
    call = None if lost else emergency_of(order, now=ask.at)
    shows: dict[str, Any] = {
        "order": order,
        "call_due": call.due_at if call else None,
        "lost": lost,
        "offer": offer,
        "stage": "past" if lost else partner_desk.stage_of(order, at=ask.at).value,
        "says": STATES.get(order.state, ""),
        "clocks": () if lost else partner_desk.clock_lines(order, at=ask.at),
        "due": None if lost else partner_desk.next_due(order, at=ask.at),
        "home": home_of(site.record, case.record if case else None) if site and is_shown else None,
        "is_hidden": lost is None and not is_shown,
        "system": f"{site.record.manufacturer} {site.record.inverter_model}" if site else "",
        "case": case.record if case else None,
        "is_ours": lost is None,
        "attempts": order.contact_attempts if lost is None else offer.contact_attempts,
        "visits": order.visits if lost is None else offer.visits,
        "pauses": order.pauses if lost is None else offer.pauses,
        "pause_words": PAUSE_WORDS,
        "reasons": pause_choices(order),
        "channels": CHANNELS,
        "technicians": technician_choices(roster, site.record if site else None, order, ask.at),
        "people": people,
        "ahead": _ahead(order) if lost is None else None,
        "questions": questions_in(log),
        "mails": mails_of(ask, order),
        "files": files_of(ask, order.id),
        "invoices": _invoices(ask, order.id),
        "report": _report(ask, order, lost),
        "coordinator": _coordinator(ask, order),
        "log": told_in(log),
        "is_schedulable": lost is None and order.state in SCHEDULABLE,
        "is_at_work": lost is None and order.state in AT_WORK,
        "is_waiting_for_answer": lost is None and offer.state is AssignmentState.OFFERED,
        "may_ask": lost is None and order.state is not WorkOrderState.CANCELLED,
        "asked_at": ask.at,
        "here_now": clock_text(ask.at, order.time_zone),
        "typed": typed,
        "at_form": at_form,
    }
    return Page("partner/order.html", f"Work order {order.id}", shows, status)


def own_offer(order: WorkOrder, partner_id: str) -> Assignment:
    """Give the latest offer of a work order to a partner that has or had it."""
    return [one for one in order.assignments if one.partner_id == partner_id][-1]


def home_of(site: Site, case: Case | None) -> Home:
    """Give where to go, with the telephone number that the customer left with the latest report."""
    contacts = [one.contact for one in case.reports if one.contact] if case else []
    met = [found for one in contacts if (found := _PHONE.search(one))]
    return Home(
        site.customer_name,
        site.address,
        f"geo:{site.latitude},{site.longitude}?q={site.latitude},{site.longitude}",
        met[-1].group() if met else "",
    )


def town_of(site: Site | None) -> str:
    """Give the town of a home without the street: what stands behind the first comma."""
    if site is None:
        return ""
    street, _, town = site.address.partition(",")
    return town.strip() or (site.state if street else "")


def clock_text(at: datetime, zone: str) -> str:
    """Give an instant as a field for day and time takes it, on a zone's clocks."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"


def pause_choices(order: WorkOrder) -> Sequence[tuple[str, str]]:
    """Give the reasons for which a partner may stop the clocks (S-23)."""
    reasons = PAUSE_REASONS.on(order.policy_day)
    return [(one, PAUSE_WORDS.get(one, words(one))) for one in reasons if one != "awaiting_owner"]


def technician_choices(
    roster: Iterable[Technician], site: Site | None, order: WorkOrder, at: datetime
) -> Sequence[tuple[str, str]]:
    """Give who can be sent, each with what its maker's certificate says today (Q-78)."""
    day = at.astimezone(ZoneInfo(order.time_zone)).date()
    active = sorted((one for one in roster if one.is_active), key=lambda one: one.name)
    names = [one.name for one in active]
    maker = site.manufacturer if site else ""
    found = []
    for one in active:
        held = one.certified_by(maker, on=day) if maker else None
        note = f" (certified by {maker})" if held else f" (no certificate of {maker})"
        value = one.name if names.count(one.name) == 1 else one.id
        found.append((value, one.name + (note if maker else "")))
    return found


def questions_in(log: Iterable[Event]) -> Sequence[Asked]:
    """Give a partner's questions with their answers, the oldest first."""
    answers = {one.causes[0]: one for one in log if one.what == "question_answered" and one.causes}
    found = []
    for event in log:
        if event.what != "question_asked":
            continue
        answer = answers.get(event.causes[-1]) if event.causes else None
        found.append(
            Asked(
                _behind(event.says),
                event.at,
                _behind(answer.says) if answer else "",
                answer.at if answer else None,
                answer.by if answer else "",
            )
        )
    return found


def told_in(log: Iterable[Event]) -> Sequence[Told]:
    """Give the log in a partner's words, the oldest first."""
    found = []
    for event in log:
        says = _LOG.get(event.what, words(event.what))
        detail = _behind(event.says) if event.what in _WITH_DETAIL else ""
        by = {"clocks": "the clock", "policy": "routing"}.get(event.by, event.by)
        found.append(
            Told(f"{says}: {detail}" if detail else says, event.at, by, event.rule, event.what)
        )
    return found


def mails_of(ask: Ask, order: WorkOrder) -> Sequence[Mail]:
    """Give the mails of a work order's thread that this partner wrote or was written (M-75)."""
    partner = ask.records.load(Partner, ask.partner_id)
    contact = ask.records.load(ServiceContact, ask.partner_id)
    own = {partner.record.service_email.casefold()} if partner else set()
    own |= {one.email.casefold() for one in contact.record.history} if contact else set()
    found = ask.records.find(Mail, by="thread", value=order.id)
    mails = [
        one.record
        for one in found
        if (one.record.recipient if one.record.is_ours else one.record.sender).casefold() in own
        and one.record.state not in _UNSEEN
    ]
    return sorted(mails, key=lambda one: one.at)


def files_of(ask: Ask, order_id: str) -> Sequence[Upload]:
    """Give the files that this partner sent for a work order, in the order in which they came."""
    found = ask.records.find(Upload, by="work_order_id", value=order_id)
    own = [one.record for one in found if one.record.partner_id == ask.partner_id]
    return sorted(own, key=lambda one: (one.requested_at, one.name, one.id))


def _invoices(ask: Ask, order_id: str) -> Sequence[Invoice]:
    found = ask.records.find(Invoice, by="work_order_id", value=order_id)
    own = [one.record for one in found if one.record.partner_id == ask.partner_id]
    return sorted(own, key=lambda one: (one.submitted_at, one.id))


def _report(ask: Ask, order: WorkOrder, lost: AssignmentState | None) -> Report | None:
    if order.report_id is None or lost is not None:
        return None
    found = ask.records.load(Report, order.report_id)
    return found.record if found and found.record.partner_id == ask.partner_id else None


def _coordinator(ask: Ask, order: WorkOrder) -> Coordinator | None:
    found = ask.records.load(Coordinator, order.spc_id)
    return found.record if found else None


def _ahead(order: WorkOrder) -> Any:
    last = order.visits[-1] if order.visits else None
    return last if last is not None and last.arrived_at is None else None


def _behind(says: str) -> str:
    """Give what stands behind the first colon of a sentence of the log."""
    return says.partition(": ")[2]
