"""What customers, partners and coordinators are told: who, what, by when, and what to do next."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.portfolio.models import Partner, Site
from cloud.service.models import Case, CaseOwner, Coordinator, Finding, Visit, WorkOrder

_DANGER = (
    "This may be dangerous. Please keep away from the equipment; if you see smoke or fire, leave "
    "the house and call 911."
)
_SIGNED = "\n\nKind regards\nAftermarket Service"


@dataclass(frozen=True, slots=True)
class ByWhen:
    """The deadlines that a partner is told; None where a clock does not run."""

    schedule_by: datetime | None
    complete_by: datetime | None


def in_words(instant: datetime, time_zone: str) -> str:
    """Give an instant as people at the site say it.

    >>> from datetime import UTC
    >>> in_words(datetime(2026, 6, 4, 21, 0, tzinfo=UTC), "America/New_York")
    'Thursday, June 4, 2026 at 5:00 PM EDT'
    """
    local = instant.astimezone(ZoneInfo(time_zone))
    return f"{local:%A, %B} {local.day}, {local.year} at {local:%I:%M %p %Z}".replace("at 0", "at ")


def case_opened(case: Case, *, site: Site, finding: Finding, at: datetime) -> Letter:
    """Tell the customer that something was noticed and who looks after it (D-14)."""
    who = "Our aftermarket service team"
    if case.owner is CaseOwner.OMNIDIAN:
        who = "The support center that your system is registered with"
    urgent = f"\n\n{_DANGER}" if case.is_emergency else ""
    noticed = "noticed something again" if case.reopened else "noticed something"
    days = f" {finding.summary}" if finding.summary else ""
    if finding.picture:
        days += " The picture with this mail shows it day by day."
    text = (
        f"Hello {site.customer_name},\n\n"
        f"our monitoring {noticed} about the solar system at {site.address}: "
        f"{finding.says}. It began on {finding.opened_on:%B} {finding.opened_on.day}, "
        f"{finding.opened_on.year}.{days}{urgent}\n\n"
        f"{who} is looking after it as case {case.id}. You need not do anything now. If somebody "
        "has to come, the service partner will call you to agree on a time. If you have a "
        f"question, reply to this mail and keep {case.id} in the subject."
    )
    return Letter(
        id=derived("LTR", case.id, "opened", *([case.reopened] if case.reopened else [])),
        to=site.customer_email,
        subject=f"[{case.id}] We noticed something about your solar system",
        text=text + _SIGNED,
        thread=case.id,
        at=at,
        attachments={"days.svg": finding.picture} if finding.picture else {},
    )


def danger(case: Case, *, site: Site, finding: Finding, at: datetime) -> Letter:
    """Warn the customer when a case that is under way turns out to be dangerous (E-31)."""
    text = (
        f"Hello {site.customer_name},\n\n{_DANGER}\n\n"
        f"Our monitoring noticed about the solar system at {site.address}: {finding.says}. It is "
        f"looked after before everything else, as case {case.id}."
    )
    return Letter(
        id=derived("LTR", case.id, "danger", finding.id),
        to=site.customer_email,
        subject=f"[{case.id}] Please keep away from your solar equipment",
        text=text + _SIGNED,
        thread=case.id,
        at=at,
    )


def became_emergency(
    order: WorkOrder, *, partner: Partner, finding: Finding, at: datetime
) -> Letter:
    """Tell a partner that the work it has is an emergency now (E-31, E-32b)."""
    text = (
        f"Hello {partner.name},\n\nWORK ORDER {order.id} IS AN EMERGENCY NOW: {finding.says}. "
        "Please acknowledge at once; we also call you."
    )
    return Letter(
        id=derived("LTR", order.id, "emergency", finding.id),
        to=partner.service_email,
        subject=f"[{order.id}] This is an emergency now",
        text=text + _SIGNED,
        thread=order.id,
        at=at,
    )


def case_resolved(case: Case, *, site: Site, at: datetime) -> Letter:
    """Tell the customer that the system is well again, as its own readings show."""
    text = (
        f"Hello {site.customer_name},\n\n"
        f"good news: the solar system at {site.address} works as it should again. We saw it in its "
        f"own readings on {in_words(at, site.time_zone)}, so case {case.id} is now closed.\n\n"
        "You need not do anything. If you notice something that we do not see, reply to this mail "
        f"and keep {case.id} in the subject."
    )
    return Letter(
        id=derived("LTR", case.id, "resolved", *([case.reopened] if case.reopened else [])),
        to=site.customer_email,
        subject=f"[{case.id}] Your solar system works again",
        text=text + _SIGNED,
        thread=case.id,
        at=at,
    )


def offer(
    order: WorkOrder, *, letter_id: str, site: Site, partner: Partner, answer_by: str, at: datetime
) -> Letter:
    """Offer a work order to a partner (R-44, M-74, M-75)."""
    urgent = (
        "THIS IS AN EMERGENCY. Please acknowledge at once; we also call you.\n\n"
        if order.is_emergency
        else ""
    )
    text = (
        f"Hello {partner.name},\n\n{urgent}"
        f"we would like you to take work order {order.id}.\n\n"
        f"Customer: {site.customer_name}\nAddress: {site.address}\n"
        f"Inverter: {site.manufacturer} {site.inverter_model}\n"
        f"What is wrong: {order.instructions}\n\n"
        f"You may spend up to {order.not_to_exceed} in all without asking; more needs our written "
        "approval before the work is performed.\n\n"
        f"Please accept or decline {answer_by}, with an estimate of the cost (0 if your own "
        "workmanship warranty covers it). If we do not hear from you by then, we may give the "
        "work to another partner.\n\n"
        "How: in the partner portal, through the interface, or by replying to this mail. Keep the "
        f"tag [{order.id}] in the subject and stay in this thread for everything about the work."
    )
    return Letter(
        id=letter_id,
        to=partner.service_email,
        subject=f"[{order.id}] Service request, please answer",
        text=text + _SIGNED,
        thread=order.id,
        at=at,
        attachments={"days.svg": order.picture} if order.picture else {},
    )


def accepted(order: WorkOrder, *, partner: Partner, by: ByWhen, at: datetime) -> Letter:
    """Confirm an acceptance, with what is due next."""
    if by.schedule_by is None or by.complete_by is None:
        next_step = (
            f"Your estimate is above {order.spend_limit}. Please do not schedule anything yet: "
            "your coordinator answers in writing, and your deadlines start only then."
        )
    else:
        next_step = _due_next(order, by.schedule_by, by.complete_by)
    return Letter(
        id=derived("LTR", order.id, "accepted", partner.id),
        to=partner.service_email,
        subject=f"[{order.id}] Thank you, it is yours",
        text=f"Hello {partner.name},\n\nthank you for taking work order {order.id}. {next_step}"
        + _SIGNED,
        thread=order.id,
        at=at,
    )


def spend_approved(
    order: WorkOrder, *, partner: Partner, by: ByWhen, max_total: Money, at: datetime
) -> Letter:
    """Tell the partner in writing up to which total it may work (I-62)."""
    text = (
        f"Hello {partner.name},\n\nyou may spend up to {max_total} in all on work order "
        f"{order.id}. This is the written approval; work that was performed before "
        f"{in_words(at, order.time_zone)} is not covered by it."
    )
    if by.schedule_by is not None and by.complete_by is not None:
        text += f" {_due_next(order, by.schedule_by, by.complete_by)}"
    return Letter(
        id=derived("LTR", order.id, "spend_approved", max_total.cents),
        to=partner.service_email,
        subject=f"[{order.id}] Approved up to {max_total}",
        text=text + _SIGNED,
        thread=order.id,
        at=at,
    )


def spend_asked(
    order: WorkOrder, *, coordinator: Coordinator, amount: Money, at: datetime
) -> Letter:
    """Ask the coordinator for a written approval (I-62)."""
    text = (
        f"Hello {coordinator.name},\n\npartner {order.partner_id} expects work order {order.id} "
        f"to cost {amount}, more than the {order.not_to_exceed} that it may spend. It waits for "
        "your written answer, and its clocks with it. Please approve a highest total in the "
        f"portal, or ask the partner by replying with [{order.id}] in the subject."
    )
    return Letter(
        id=derived("LTR", order.id, "spend_asked", amount.cents),
        to=coordinator.email,
        subject=f"[{order.id}] Approval needed: {amount}",
        text=text + _SIGNED,
        thread=order.id,
        at=at,
    )


def visit_agreed(order: WorkOrder, *, site: Site, visit: Visit, at: datetime) -> Letter:
    """Tell the customer when the technician comes."""
    text = (
        f"Hello {site.customer_name},\n\na technician comes to {site.address} between "
        f"{in_words(visit.since, order.time_zone)} and {in_words(visit.until, order.time_zone)}. "
        "Please make sure that the inverter and the electrical panel can be reached.\n\n"
        f"If that time does not suit you, reply to this mail and keep {order.case_id} in the "
        "subject."
    )
    return Letter(
        id=derived("LTR", order.id, "visit", visit.since.isoformat()),
        to=site.customer_email,
        subject=f"[{order.case_id}] Your service visit",
        text=text + _SIGNED,
        thread=order.case_id,
        at=at,
    )


def deadline_missed(order: WorkOrder, *, partner: Partner, what: str, at: datetime) -> Letter:
    """Remind a partner of what was due; in its thread, once per milestone and offer."""
    text = (
        f"Hello {partner.name},\n\nwork order {order.id}: to {what} was due and we have not heard "
        "of it. Please answer in this thread today, with what holds it up. An acceptance still "
        "counts until the work is given to another partner."
    )
    return Letter(
        id=derived("LTR", order.id, "missed", what, len(order.assignments)),
        to=partner.service_email,
        subject=f"[{order.id}] Overdue: {what}",
        text=text + _SIGNED,
        thread=order.id,
        at=at,
    )


def _due_next(order: WorkOrder, schedule_by: datetime, complete_by: datetime) -> str:
    return (
        f"Please try to reach the homeowner by {in_words(schedule_by, order.time_zone)}, and "
        f"finish the work and send the report by {in_words(complete_by, order.time_zone)}. If the "
        "homeowner does not answer, or weather or shipping holds you up, declare a pause in the "
        "portal on the day it begins."
    )
