"""What partners and coordinators are told: who, what, by when, and what to do next."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.portfolio.models import Partner, Site
from cloud.portfolio.organisation import RelationshipManager
from cloud.service.mail_letters import how_to_answer
from cloud.service.models import Coordinator, Finding, Pause, Visit, WorkOrder
from cloud.service.policy import QUALITY

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


def offer(
    order: WorkOrder, *, letter_id: str, site: Site, partner: Partner, answer_by: str, at: datetime
) -> Letter:
    """Offer a work order to a partner, and say what the work goes by (R-44, M-74, M-75, Q-77)."""
    *some, last = QUALITY.on(order.policy_day)
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
        f"approval before the work is performed. Please work by {', '.join(some)} and {last}.\n\n"
        f"Please accept or decline {answer_by}, with an estimate of the cost (0 if your own "
        "workmanship warranty covers it). If we do not hear from you by then, we may give the "
        "work to another partner.\n\n"
        "How: in the partner portal, through the interface, or by replying to this mail with one "
        f"of these at its top, each in a line of its own:\n{how_to_answer()}\n\n"
        f"Keep the tag [{order.id}] in the subject and stay in this thread for everything about "
        "the work."
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
    order: WorkOrder, *, coordinator: Coordinator, amount: Money, at: datetime, why: str = ""
) -> Letter:
    """Ask the coordinator for a written approval (I-62), with the partner's words on it."""
    because = f" The partner says: {why.strip()}" if why.strip() else ""
    text = (
        f"Hello {coordinator.name},\n\npartner {order.partner_id} expects work order {order.id} "
        f"to cost {amount}, more than the {order.not_to_exceed} that it may spend.{because} "
        "It waits for your written answer, and its clocks with it. Please approve a highest total "
        f"in the portal, or ask the partner by replying with [{order.id}] in the subject."
    )
    return Letter(
        id=derived("LTR", order.id, "spend_asked", amount.cents),
        to=coordinator.email,
        subject=f"[{order.id}] Approval needed: {amount}",
        text=text + _SIGNED,
        thread=order.id,
        at=at,
    )


def spend_second(order: WorkOrder, *, coordinator: Coordinator, at: datetime) -> Letter:
    """Ask another coordinator for the second of two approvals (I-62a)."""
    first = order.first_spend_approval
    by, total = (first.by, first.max_total) if first else ("", order.not_to_exceed)
    text = (
        f"Hello {coordinator.name},\n\n{by} approved up to {total} on work order {order.id}. So "
        "much takes two people, and nothing may be spent of it before the second one approves the "
        "same total in the portal. Its clocks wait for it."
    )
    return Letter(
        id=derived("LTR", order.id, "spend_second", by, total.cents),
        to=coordinator.email,
        subject=f"[{order.id}] Second approval needed: {total}",
        text=text + _SIGNED,
        thread=order.id,
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


def due_soon(
    order: WorkOrder, *, partner: Partner, what: str, due_at: datetime, at: datetime
) -> Letter:
    """Remind a partner of what is due next (S-28); in its thread, once per milestone and offer."""
    text = (
        f"Hello {partner.name},\n\nwork order {order.id}: to {what} is due by "
        f"{in_words(due_at, order.time_zone)}. If something holds you up, please tell us in this "
        "thread before then."
    )
    return Letter(
        id=derived("LTR", order.id, "soon", what, len(order.assignments)),
        to=partner.service_email,
        subject=f"[{order.id}] Due soon: {what}",
        text=text + _SIGNED,
        thread=order.id,
        at=at,
    )


def taken_back(order: WorkOrder, *, partner: Partner, at: datetime) -> Letter:
    """Tell a partner that the work is not its any more, so that nobody sets out (R-44, A-81)."""
    text = (
        f"Hello {partner.name},\n\nwork order {order.id} is no longer yours. Please do not go "
        "there and do no work on it: your authorisation ends with this letter."
    )
    return Letter(
        id=derived("LTR", order.id, "taken_back", len(order.assignments)),
        to=partner.service_email,
        subject=f"[{order.id}] This work order is no longer yours",
        text=text + _SIGNED,
        thread=order.id,
        at=at,
    )


def spend_rejected(order: WorkOrder, *, partner: Partner, reason: str, at: datetime) -> Letter:
    """Tell a partner that it may not spend more, and what it can do (I-62)."""
    text = (
        f"Hello {partner.name},\n\nwe do not approve the cost that you named for work order "
        f"{order.id}: {reason}\n\nYou may spend up to {order.not_to_exceed} in all. You can "
        "accept with a lower estimate, decline, or ask your coordinator in this thread."
    )
    return Letter(
        id=derived("LTR", order.id, "spend_rejected", at.isoformat()),
        to=partner.service_email,
        subject=f"[{order.id}] Cost not approved",
        text=text + _SIGNED,
        thread=order.id,
        at=at,
    )


def pause_rejected(
    order: WorkOrder, *, partner: Partner, pause: Pause, reason: str, at: datetime
) -> Letter:
    """Tell a partner that a pause does not count (S-23d)."""
    text = (
        f"Hello {partner.name},\n\nthe pause of work order {order.id} since "
        f"{in_words(pause.since, order.time_zone)} ({pause.reason}) is not granted: {reason}\n\n"
        "Its deadlines stand as if it had never been declared."
    )
    return Letter(
        id=derived("LTR", order.id, "pause_rejected", pause.reason, pause.since.isoformat()),
        to=partner.service_email,
        subject=f"[{order.id}] Pause not granted",
        text=text + _SIGNED,
        thread=order.id,
        at=at,
    )


def visit_moved(
    order: WorkOrder, *, partner: Partner, visit: Visit, because: str, at: datetime
) -> Letter:
    """Tell a partner that its visit was moved by the coordinator, and why (S-21c)."""
    until = visit.until.astimezone(ZoneInfo(order.time_zone))
    text = (
        f"Hello {partner.name},\n\nthe visit of {visit.technician} for work order {order.id} was "
        f"moved. It begins on {in_words(visit.since, order.time_zone)} and ends by "
        f"{until:%I:%M %p %Z}. Why: {because}\n\n"
        "The homeowner was told as well. If nobody of yours can come then, please answer this mail."
    )
    return Letter(
        id=derived("LTR", order.id, "visit_moved_by_us", visit.since.isoformat(), at.isoformat()),
        to=partner.service_email,
        subject=f"[{order.id}] Visit moved",
        text=text + _SIGNED,
        thread=order.id,
        at=at,
    )


def question_answered(
    order: WorkOrder, *, partner: Partner, question_id: str, text: str, at: datetime
) -> Letter:
    """Answer a partner's question in its thread (M-75)."""
    return Letter(
        id=derived("LTR", order.id, "answer", question_id, text),
        to=partner.service_email,
        subject=f"[{order.id}] Answer to your question",
        text=f"Hello {partner.name},\n\n{text}" + _SIGNED,
        thread=order.id,
        at=at,
    )


def question_asked(
    order: WorkOrder, *, coordinator: Coordinator, question_id: str, text: str, at: datetime
) -> Letter:
    """Give a partner's question to the coordinator (I-68)."""
    return Letter(
        id=derived("LTR", order.id, "question", question_id),
        to=coordinator.email,
        subject=f"[{order.id}] Question of {order.partner_id}",
        text=(
            f"Hello {coordinator.name},\n\npartner {order.partner_id} asks about work order "
            f"{order.id}:\n\n{text}\n\nPlease answer in the portal."
        )
        + _SIGNED,
        thread=order.id,
        at=at,
    )


def installer_passed_over(
    order: WorkOrder, *, manager: RelationshipManager, because: str, at: datetime
) -> Letter:
    """Tell the relationship manager that an installer could not be offered its own work (R-43)."""
    text = (
        f"Hello {manager.name},\n\nwork order {order.id} should have gone to partner "
        f"{order.original_installer_id} first, which is {because}. It goes to others now."
    )
    return Letter(
        id=derived("LTR", order.id, "installer_passed_over"),
        to=manager.email,
        subject=f"[{order.id}] Original installer passed over",
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
