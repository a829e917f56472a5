"""What the customer is told of a case, at each step, once: what happens, who acts, what to do."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from cloud.kernel.calendar import DAY, wall_time
from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.portfolio.models import Site
from cloud.service.letters import in_words
from cloud.service.models import Case, CaseOwner, Finding, Visit, WorkOrder
from cloud.service.policy import EMERGENCIES, INTAKE, QUIET_HOURS

_DANGER = (
    "This may be dangerous. Please keep away from the equipment; if you see smoke or fire, leave "
    "the house and call 911."
)
_SIGNED = "\n\nKind regards\nAftermarket Service"


def not_at_night(at: datetime, time_zone: str) -> datetime:
    """Give the instant itself by day, else the end of the night at the home (C-19)."""
    zone = ZoneInfo(time_zone)
    local = at.astimezone(zone)
    begins, ends = map(time.fromisoformat, QUIET_HOURS.on(local.date()))
    if ends <= local.time() < begins:
        return at
    day = local.date() if local.time() < ends else local.date() + DAY
    return wall_time(day, ends, zone)


def case_opened(case: Case, *, site: Site, finding: Finding, at: datetime) -> Letter:
    """Tell the customer at once that something was noticed and who looks after it (D-14)."""
    urgent = f"\n\n{_DANGER}" if case.is_emergency else ""
    noticed = "noticed something again" if case.reopened else "noticed something"
    days = f" {finding.summary}" if finding.summary else ""
    if finding.picture:
        days += " The picture with this mail shows it day by day."
    text = (
        f"our monitoring {noticed} about the solar system at {site.address}: "
        f"{finding.says}. It began on {finding.opened_on:%B} {finding.opened_on.day}, "
        f"{finding.opened_on.year}.{days}{urgent}\n\n"
        f"{_who(case)} is looking after it as case {case.id}. You need not do anything now. If "
        "somebody has to come, the service partner will call you to agree on a time. If you have a "
        f"question, reply to this mail and keep {case.id} in the subject."
    )
    return _letter(
        case,
        "opened",
        *([case.reopened] if case.reopened else []),
        site=site,
        subject="We noticed something about your solar system",
        text=text,
        at=at,
        picture=finding.picture,
    )


def case_reported(case: Case, *, site: Site, finding: Finding, at: datetime) -> Letter:
    """Confirm at once what a person reported, and say who looks after it (C-02).

    The words themselves are not sent back: whoever wrote them into the form need not be the
    customer, and must not write to the customer in our name.
    """
    del finding
    urgent = f"\n\n{_DANGER}" if case.is_emergency else ""
    again = " again" if case.reopened else ""
    text = (
        f"thank you for telling us about the solar system at {site.address}. We wrote down{again}: "
        f"{_kind(case)}.{urgent}\n\n"
        f"{_who(case)} is looking after it as case {case.id}, and you hear from us at each step. "
        "If somebody has to come, the service partner will call you to agree on a time. If you "
        f"have more to tell, reply to this mail and keep {case.id} in the subject."
    )
    return _letter(
        case,
        "opened",
        *([case.reopened] if case.reopened else []),
        site=site,
        subject="We are looking after it",
        text=text,
        at=at,
    )


def danger(case: Case, *, site: Site, finding: Finding, at: datetime) -> Letter:
    """Warn the customer at once when a case under way turns out to be dangerous (E-31)."""
    said = f"Our monitoring noticed about the solar system at {site.address}: {finding.says}."
    if finding.rule == INTAKE.id:
        said = f"We were told of {_kind(case)} at the solar system at {site.address}."
    elif finding.rule == EMERGENCIES.id:
        said = f"We learned about the solar system at {site.address}: {finding.says}."
    text = f"{_DANGER}\n\n{said} It is looked after before everything else, as case {case.id}."
    return _letter(
        case,
        "danger",
        finding.id,
        site=site,
        subject="Please keep away from your solar equipment",
        text=text,
        at=at,
    )


def handed_over(case: Case, *, site: Site, at: datetime) -> Letter:
    """Tell the customer that the support center has the case from now on (C-15)."""
    text = (
        f"your solar system at {site.address} is looked after by the support center that it is "
        f"registered with. We gave them case {case.id} with everything that we know, so that you "
        "need not tell it twice. We keep watching the readings."
    )
    return _step(
        case, "handed_over", site, subject="Your support center has your case", text=text, at=at
    )


def taken_back(case: Case, *, site: Site, at: datetime) -> Letter:
    """Tell the customer that the case came back from the support center (C-15)."""
    text = (
        f"the support center gave case {case.id} about the solar system at {site.address} back to "
        "us. Our aftermarket service team looks after it from now on; you need not do anything."
    )
    return _step(
        case, "taken_back", site, subject="We look after your case again", text=text, at=at
    )


def visit_needed(case: Case, *, site: Site, order: WorkOrder, at: datetime) -> Letter:
    """Tell the customer that somebody has to come, where the first letter did not say so (D-15)."""
    again = (
        "the work so far did not mend it, so that somebody has to come again"
        if case.returns or case.reopened
        else "somebody has to come and look at it"
    )
    text = (
        f"about the solar system at {site.address}: {again}. We asked a service partner, who will "
        "call you to agree on a time. Please let us know if there is something that they should "
        "know before, such as a dog, a locked gate or a panel that is hard to reach."
    )
    return _letter(
        case, "visit", order.id, site=site, subject="Somebody has to come", text=text, at=at
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


def visit_moved(order: WorkOrder, *, site: Site, visit: Visit, at: datetime) -> Letter:
    """Tell the customer that the technician comes at another time than was said before.

    A visit that is moved to and fro is told each time, the way back as well.
    """
    text = (
        f"Hello {site.customer_name},\n\nthe visit to {site.address} was moved: the technician now "
        f"comes between {in_words(visit.since, order.time_zone)} and "
        f"{in_words(visit.until, order.time_zone)}. The time in our last mail does not hold any "
        f"more.\n\nIf the new time does not suit you, reply to this mail and keep {order.case_id} "
        "in the subject."
    )
    return Letter(
        id=derived("LTR", order.id, "visit", visit.since.isoformat(), at.isoformat()),
        to=site.customer_email,
        subject=f"[{order.case_id}] Your service visit was moved",
        text=text + _SIGNED,
        thread=order.case_id,
        at=at,
    )


def partner_changed(order: WorkOrder, *, site: Site, at: datetime) -> Letter:
    """Tell the customer that another partner comes than the one who spoke to them before (R-44)."""
    text = (
        f"Hello {site.customer_name},\n\nanother service partner takes over the work at "
        f"{site.address}, so that it goes on without more delay. They will call you to agree on a "
        "time; a time that was agreed on before does not hold any more."
    )
    return Letter(
        id=derived("LTR", order.id, "partner", len(order.assignments)),
        to=site.customer_email,
        subject=f"[{order.case_id}] Another service partner comes",
        text=text + _SIGNED,
        thread=order.case_id,
        at=not_at_night(at, site.time_zone),
    )


def work_watched(case: Case, *, site: Site, at: datetime) -> Letter:
    """Tell the customer that the work is done, and that the readings will prove it (C-17)."""
    text = (
        f"the work on the solar system at {site.address} is done. For a day or more we watch its "
        "readings before we believe that it is mended, and then you hear from us. If you notice "
        f"something before, reply to this mail and keep {case.id} in the subject."
    )
    return _worked(case, site, "The work is done, we are watching", text, at)


def please_confirm(case: Case, *, site: Site, at: datetime) -> Letter:
    """Ask the customer whether it is mended, where the readings cannot show it (C-17c)."""
    text = (
        f"the work at {site.address} is done. Whether it helped our readings cannot show, only you "
        "can. Please reply to this mail in a word or two: is it mended, or is it not? Keep "
        f"{case.id} in the subject. If we do not hear from you, we will call."
    )
    return _worked(case, site, "Is it mended? Please tell us", text, at)


def case_resolved(case: Case, *, site: Site, at: datetime) -> Letter:
    """Tell the customer that the system is well again, and how we know."""
    how = (
        "You told us so"
        if case.confirmed_by
        else f"We saw it in its own readings on {in_words(at, site.time_zone)}"
    )
    text = (
        f"good news: the solar system at {site.address} works as it should again. {how}, so case "
        f"{case.id} is resolved.\n\n"
        "You need not do anything. If you notice something that we do not see, reply to this mail "
        f"and keep {case.id} in the subject."
    )
    return _letter(
        case,
        "resolved",
        *([case.reopened] if case.reopened else []),
        site=site,
        subject="Your solar system works again",
        text=text,
        at=not_at_night(at, site.time_zone),
    )


def case_closed(case: Case, *, site: Site, at: datetime) -> Letter:
    """Tell the customer that nothing more is done about a case (C-18)."""
    text = (
        f"case {case.id} about the solar system at {site.address} stayed quiet for two weeks and "
        "is closed now. The partners who worked on it can no longer see your name and address. If "
        "something is wrong again, tell us as you did before: it will be a new case."
    )
    return _step(case, "closed", site, subject="Your case is closed", text=text, at=at)


def case_cancelled(case: Case, *, site: Site, because: str, at: datetime) -> Letter:
    """Tell the customer that a case was called off, and why."""
    text = (
        f"we called case {case.id} about the solar system at {site.address} off: {because}. Nobody "
        "comes for it. If you do not agree, reply to this mail and keep the number in the subject."
    )
    return _step(case, "cancelled", site, subject="Your case was called off", text=text, at=at)


def advice(case: Case, *, site: Site, code: str, words: str, at: datetime) -> Letter:
    """Tell the customer what is theirs to look after, before work that they would pay (B-52)."""
    text = (
        f"about case {case.id} and the solar system at {site.address}: {words}\n\nIf you do not "
        f"agree or have a question, reply to this mail and keep {case.id} in the subject."
    )
    return _letter(
        case,
        "advice",
        code,
        site=site,
        subject="Something that is yours to look after",
        text=text,
        at=not_at_night(at, site.time_zone),
    )


def _kind(case: Case) -> str:
    """Give the kind of trouble that was reported last, in words."""
    return case.reports[-1].family.value.replace("_", " ") if case.reports else "trouble"


def _who(case: Case) -> str:
    if case.owner is CaseOwner.OMNIDIAN:
        return "The support center that your system is registered with"
    return "Our aftermarket service team"


def _worked(case: Case, site: Site, subject: str, text: str, at: datetime) -> Letter:
    when = case.visited_at or at
    return _letter(
        case,
        "worked",
        when.isoformat(),
        site=site,
        subject=subject,
        text=text,
        at=not_at_night(at, site.time_zone),
    )


def _step(case: Case, step: str, site: Site, *, subject: str, text: str, at: datetime) -> Letter:
    """Give the letter of a step that a case takes at most once each time that it is open."""
    return _letter(
        case,
        step,
        case.reopened,
        *([at.isoformat()] if step in {"handed_over", "taken_back"} else []),
        site=site,
        subject=subject,
        text=text,
        at=not_at_night(at, site.time_zone),
    )


def _letter(
    case: Case,
    *fact: str | int,
    site: Site,
    subject: str,
    text: str,
    at: datetime,
    picture: str = "",
) -> Letter:
    return Letter(
        id=derived("LTR", case.id, *fact),
        to=site.customer_email,
        subject=f"[{case.id}] {subject}",
        text=f"Hello {site.customer_name},\n\n{text}{_SIGNED}",
        thread=case.id,
        at=at,
        attachments={"days.svg": picture} if picture else {},
    )
