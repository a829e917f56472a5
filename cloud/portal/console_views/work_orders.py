"""Work orders: who has them, how they stand, and what the coordinators decide about them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloud.kernel.decision import Refused
from cloud.kernel.money import Money
from cloud.kernel.ports import Records
from cloud.portal.as_shown import decided
from cloud.portal.asking import Absent, Answer, Ask, Away, Go, Page, linked
from cloud.portal.console_views.emergencies import OUTCOMES
from cloud.portal.console_views.work_order_shown import PATH, STATES, TASKS, order_of, order_page
from cloud.portal.routes import Views
from cloud.portal.typed import Typed
from cloud.portfolio.models import Site
from cloud.portfolio.process.registry import all_partners
from cloud.reporting import partner_desk
from cloud.reporting.dispatch_board import (
    Shelf,
    is_late,
    late_first,
    orders_at_work,
    orders_of_homes,
    shelves_of,
)
from cloud.reporting.home_search import homes_like
from cloud.reporting.roles import AMS, AUDITOR, SPC
from cloud.reporting.shown_to_decide import order_shown
from cloud.service import process as service
from cloud.service.models import Case, Cause, WorkOrder
from cloud.service.policy import PAUSE_REASONS
from cloud.service.process.showing import report_document
from cloud.service.report_sheet import Copy
from cloud.service.uploads import Upload

VIEWS = Views()
ONE = PATH + "/{order_id}"
MOST = 50
_HOMES_LOOKED_AT = 10
_MOST_CENTS = 10**9
"""As the interface of the coordinators takes at most."""
_MOST_REASONS = 60
SHELVES: dict[str, str] = {
    "": "Open",
    Shelf.LATE: "Late",
    Shelf.WAITS: "Waits for us",
    Shelf.NO_PARTNER: "No partner",
    Shelf.TO_ANSWER: "To answer",
    Shelf.TO_SCHEDULE: "To schedule",
    Shelf.IN_WORK: "In work",
    Shelf.TO_REPORT: "Report missing",
    Shelf.PAUSED: "Paused",
    Shelf.PAST: "Past",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One work order of the list."""

    order: WorkOrder
    where: str
    partner: str
    due: datetime | None
    shelves: frozenset[Shelf]


# ---- the list ------------------------------------------------------------------------------------


@VIEWS.get(PATH, SPC, AMS, AUDITOR)
def all_orders(ask: Ask) -> Answer:
    """List work orders, what is late first; a number leads to its page."""
    said = ask.query.get("q", "").strip()[:200]
    chosen, partner = ask.query.get("show", ""), ask.query.get("partner", "")
    number = said.upper()
    if number.startswith("WO-") and ask.records.load(WorkOrder, number) is not None:
        return Go(f"{PATH}/{number}")
    names = {one.id: one.name for one in all_partners(ask.records)}
    partner = partner if partner in names else ""
    orders, is_too_wide = _asked_for(ask, said, partner)
    shelves = {one.id: shelves_of(one, at=ask.at) for one in orders}
    if chosen not in SHELVES:
        chosen = ""
    found = [
        one
        for one in late_first(orders, at=ask.at)
        if chosen in shelves[one.id] or (not chosen and (one.is_open or said))
    ]
    start = _start(ask.query.get("from", ""), len(found))
    kept = {"show": chosen, "partner": partner, "q": said}

    def to_of(**differs: object) -> str:
        return linked(PATH, **{**kept, **differs})

    def count(shelf: str) -> int:
        if not shelf:
            return sum(one.is_open for one in orders)
        return sum(shelf in one for one in shelves.values())

    return Page(
        "console/work_orders.html",
        "Work orders",
        {
            "rows": _rows(ask, found[start : start + MOST], shelves, names),
            "shelves": [(shelf, words, count(shelf)) for shelf, words in SHELVES.items()],
            "chosen": chosen,
            "partners": sorted(names.items(), key=lambda one: one[1].casefold()),
            "partner": partner,
            "said": said,
            "is_too_wide": is_too_wide,
            "late": sum(is_late(one, at=ask.at) for one in orders),
            "tasks": TASKS,
            "state_words": STATES,
            "to_of": to_of,
            "count": len(found),
            "earlier": to_of(**{"from": start - MOST}) if start else "",
            "later": to_of(**{"from": start + MOST}) if start + MOST < len(found) else "",
        },
    )


def _asked_for(ask: Ask, said: str, partner: str) -> tuple[Sequence[WorkOrder], bool]:
    """Give the orders of a search, of a partner, or at work; and if a search meant too many."""
    if said:
        return _searched(ask, said)
    if partner:
        return partner_desk.orders_of(ask.records, partner), False
    return orders_at_work(ask.records), False


def _rows(
    ask: Ask,
    page: Sequence[WorkOrder],
    shelves: Mapping[str, frozenset[Shelf]],
    names: Mapping[str, str],
) -> list[Row]:
    sites = ask.records.load_all(Site, sorted({one.site_id for one in page})) if page else {}
    return [
        Row(
            one,
            sites[one.site_id].record.address if one.site_id in sites else one.site_id,
            names.get(one.partner_id or "", one.partner_id or ""),
            partner_desk.next_due(one, at=ask.at),
            shelves[one.id],
        )
        for one in page
    ]


def _searched(ask: Ask, said: str) -> tuple[Sequence[WorkOrder], bool]:
    """Give the work orders of a case, or of the homes that the words mean; and if too many."""
    case = ask.records.load(Case, said.upper())
    if case is not None:
        found = ask.records.find(WorkOrder, by="case_id", value=case.record.id)
        return [one.record for one in found], False
    homes = homes_like(ask.records, said, on=ask.at.date())
    looked_at = [one.id for one in homes[:_HOMES_LOOKED_AT]]
    return orders_of_homes(ask.records, looked_at), len(homes) > _HOMES_LOOKED_AT


def _start(said: str, most: int) -> int:
    if not (said.isascii() and said.isdigit()) or len(said) > 6:
        return 0
    return min(int(said), max(most - 1, 0)) // MOST * MOST


# ---- one work order ------------------------------------------------------------------------------


@VIEWS.get(ONE, SPC, AMS, AUDITOR)
def one_order(ask: Ask) -> Page:
    """Show one work order with all that belongs to it."""
    return order_page(ask)


@VIEWS.get(ONE + "/files/{upload_id}", SPC, AMS, AUDITOR)
def one_file(ask: Ask) -> Answer:
    """Lead to a file that was kept for the work order, for some minutes (U-08)."""
    order = order_of(ask)
    found = ask.records.load(Upload, ask.names["upload_id"])
    if found is None or found.record.work_order_id != order.id:
        raise Absent
    return _led(order, service.link_to(ask.house.outside.desk, found.record, at=ask.at))


@VIEWS.get(ONE + "/report/document", SPC, AMS, AUDITOR)
def document(ask: Ask) -> Answer:
    """Lead to the report as we draw it; the customer's copy names no prices."""
    # Only who asks for pages draws them.
    from cloud.adapters import report_pdf  # noqa: PLC0415

    order = order_of(ask)
    copy = Copy.CUSTOMER if ask.query.get("copy") == Copy.CUSTOMER else Copy.PARTNER
    link = report_document(
        ask.records, ask.house.outside, report_pdf, work_order_id=order.id, copy=copy, at=ask.at
    )
    return _led(order, link)


def _led(order: WorkOrder, link: str | Refused) -> Answer:
    return Go(f"{PATH}/{order.id}", refused=link) if isinstance(link, Refused) else Away(link)


# ---- deeds ---------------------------------------------------------------------------------------


def _after(
    ask: Ask,
    typed: Typed,
    form: str,
    do: Callable[..., object],
    said: str | Callable[[Any], str],
    /,
    **told: Any,
) -> Answer:
    """Do it where the form is whole, and show the form again where it is not or was refused."""
    order_of(ask)
    if typed.as_typed is not None:
        return order_page(ask, typed.as_typed, form)
    answer = do(ask.records, work_order_id=ask.names["order_id"], **told, **ask.acting())
    if isinstance(answer, Refused):
        because = answer.because[:1].upper() + answer.because[1:]
        return order_page(ask, typed.refused(f"{because} (rule {answer.rule})"), form)
    told_done = said if isinstance(said, str) else said(answer)
    return Go(f"{PATH}/{ask.names['order_id']}", said=told_done)


def _as_shown(do: Callable[..., object], ask: Ask) -> Callable[..., object]:
    """Give a deed that is done on what the page showed of the order, and on nothing else (D09a)."""

    def done(records: Records, *, work_order_id: str, **told: Any) -> object:
        now = order_shown(records, work_order_id)
        return decided(ask, now, lambda kept: do(kept, work_order_id=work_order_id, **told))

    return done


def _require_same_offer(ask: Ask, typed: Typed) -> None:
    """Let a button that was pressed twice not take the work from the next partner as well."""
    order = order_of(ask)
    sent = sum(one.letters_sent for one in order.assignments)
    if ask.form["offer"] != str(sent):
        typed.is_wrong("", "It was offered anew since this page was drawn. Look at it again.")


@VIEWS.post(ONE + "/assign", SPC)
def assign(ask: Ask) -> Answer:
    """Offer a work order that has no partner to one that a person chose (R-42)."""
    typed = Typed(ask.form)
    partner_id = typed.text("assign_partner", "Choose a partner.", most=200)
    if partner_id and partner_id not in {one.id for one in all_partners(ask.records)}:
        typed.is_wrong("assign_partner", "There is no such partner: choose one of the list.")
    said = "The work is offered to the partner that you chose."
    return _after(ask, typed, "assign", service.assign, said, partner_id=partner_id)


@VIEWS.post(ONE + "/reassign", SPC)
def reassign(ask: Ask) -> Answer:
    """Take a work order back from a partner that did not answer in time (R-44, E-33)."""
    typed = Typed(ask.form)
    _require_same_offer(ask, typed)
    said = "It is taken back and offered to the next partner."
    return _after(ask, typed, "reassign", service.reassign, said)


@VIEWS.post(ONE + "/withdraw", SPC)
def withdraw(ask: Ask) -> Answer:
    """Take a work order from its partner before anybody went, and offer it to the next (R-44)."""
    typed = Typed(ask.form)
    reason = typed.text("withdraw_reason", "Say why: the log keeps it.")
    _require_same_offer(ask, typed)
    said = "It is taken back and offered to the next partner."
    return _after(ask, typed, "withdraw", service.withdraw, said, reason=reason)


@VIEWS.post(ONE + "/cancel", SPC)
def cancel(ask: Ask) -> Answer:
    """Call a work order off before anybody went (A-81)."""
    typed = Typed(ask.form)
    reason = typed.text("cancel_reason", "Say why: the partner reads it.")
    said = "It is called off, and its case is open for a decision again."
    return _after(ask, typed, "cancel", service.cancel_order, said, reason=reason)


@VIEWS.post(ONE + "/resend_offer", SPC)
def resend_offer(ask: Ask) -> Answer:
    """Offer the work again to the same partner, at the contact that counts now (S-20)."""
    typed = Typed(ask.form)
    _require_same_offer(ask, typed)
    said = "The offer was sent again; its clock starts when it is delivered."
    return _after(ask, typed, "resend", service.resend_offer, said)


@VIEWS.post(ONE + "/phone_calls", SPC)
def phone_call(ask: Ask) -> Answer:
    """Log a call to the partner, whatever came of it (E-32); a form sent twice logs one."""
    typed = Typed(ask.form)
    outcome = typed.one_of("call_outcome", dict(OUTCOMES), "Say what came of the call.")
    seen = typed.whole("seen") or 0
    offer = order_of(ask).assignment
    newer = offer.calls[seen:] if offer is not None else ()
    if typed.as_typed is None and (ask.by, outcome) in {(one.by, one.outcome) for one in newer}:
        return Go(f"{PATH}/{ask.names['order_id']}", said="The call is logged.")
    return _after(
        ask, typed, "call", service.record_phone_call, "The call is logged.", outcome=outcome
    )


@VIEWS.post(ONE + "/spend_approvals", SPC)
def approve_spend(ask: Ask) -> Answer:
    """Approve in writing, before the work, what may be spent (I-62)."""
    typed = Typed(ask.form)
    limit = typed.amount("spend_limit", "Say up to which total.") or Money(0)
    if limit.cents > _MOST_CENTS:
        typed.is_wrong("spend_limit", f"At most {Money(_MOST_CENTS)} can be approved here.")
    return _after(
        ask,
        typed,
        "approve",
        _as_shown(service.approve_spend, ask),
        lambda order: (
            f"Approved in writing: up to {limit}. The partner is told."
            if order.first_spend_approval is None
            else "Your approval is the first of two. Somebody else gives the second."
        ),
        max_total=limit,
        is_written=True,
    )


@VIEWS.post(ONE + "/spend_rejections", SPC)
def reject_spend(ask: Ask) -> Answer:
    """Refuse leave to spend more (I-62)."""
    typed = Typed(ask.form)
    reason = typed.text("refuse_reason", "Say why: the partner reads it.")
    said = "Not approved; the partner is told why."
    reject = _as_shown(service.reject_spend, ask)
    return _after(ask, typed, "refuse", reject, said, reason=reason)


@VIEWS.post(ONE + "/pauses", SPC)
def grant_pause(ask: Ask) -> Answer:
    """Stop the clocks on a coordinator's word, also of work that is overdue (S-23d)."""
    typed, order = Typed(ask.form), order_of(ask)
    reason = typed.one_of(
        "pause_reason", frozenset(PAUSE_REASONS.on(order.policy_day)), "Choose what it waits for."
    )
    evidence = typed.text("pause_evidence", "Say what shows it.")
    since = typed.moment("pause_since", order.time_zone, "Say since when.") or ask.at
    until = typed.moment("pause_until", order.time_zone)
    return _after(
        ask,
        typed,
        "pause",
        service.grant_pause,
        "The pause is granted; what it excuses is off the record of the offer.",
        reason=reason,
        evidence=evidence,
        since=since,
        until=until,
    )


@VIEWS.post(ONE + "/pauses/{place}/confirm", SPC)
def confirm_pause(ask: Ask) -> Answer:
    """Let a pause that a partner declared count for good; the first one is 1 (S-23d)."""
    said = "The pause is confirmed."
    number = _place(ask)
    return _after(ask, Typed(ask.form), "pauses", service.confirm_pause, said, number=number)


@VIEWS.post(ONE + "/pauses/{place}/reject", SPC)
def reject_pause(ask: Ask) -> Answer:
    """Let a declared pause never have stopped a clock; the partner is told why (S-23d)."""
    typed, number = Typed(ask.form), _place(ask)
    reason = typed.text(f"reject_reason_{number}", "Say why: the partner reads it.")
    return _after(
        ask,
        typed,
        f"reject_{number}",
        service.reject_pause,
        "The pause is rejected; the clocks never stood for it.",
        number=number,
        reason=reason,
    )


@VIEWS.post(ONE + "/questions/{question_id}", SPC)
def answer_question(ask: Ask) -> Answer:
    """Answer a partner's question, in its thread (M-75)."""
    typed, question = Typed(ask.form), ask.names["question_id"]
    text = typed.text(f"answer_{question}", "Write the answer.")
    return _after(
        ask,
        typed,
        f"answer_{question}",
        service.answer_question,
        "The answer is on its way to the partner.",
        question_id=question,
        text=text,
    )


@VIEWS.post(ONE + "/report/return", SPC)
def return_report(ask: Ask) -> Answer:
    """Give a report back to the partner with what is to be corrected (P-71)."""
    typed = Typed(ask.form)
    told = typed.text("return_reasons", "Say what is to be corrected, one thing a line.")
    reasons = [one.strip() for one in told.splitlines() if one.strip()]
    if len(reasons) > _MOST_REASONS:
        typed.is_wrong("return_reasons", f"Write at most {_MOST_REASONS} lines.")
    said = "The report went back; the deadline that it met stays met."
    return _after(ask, typed, "return", service.return_report, said, reasons=reasons)


@VIEWS.post(ONE + "/report/serials", SPC)
def settle_serials(ask: Ask) -> Answer:
    """Settle serial numbers that the gateway's readings did not confirm (P-70b)."""
    typed = Typed(ask.form)
    because = typed.text("serials_reason", "Say what settles it.")
    said = "The serial numbers are settled."
    return _after(ask, typed, "serials", service.settle_serials, said, because=because)


@VIEWS.post(ONE + "/finding", SPC)
def record_finding(ask: Ask) -> Answer:
    """Record what was found to be the cause (B-50 to B-53)."""
    typed = Typed(ask.form)
    cause = typed.one_of("finding_cause", frozenset(Cause), "Choose the cause.")
    evidence = typed.text("finding_evidence", "Say what it rests on.")
    return _after(
        ask,
        typed,
        "finding",
        _as_shown(service.record_finding, ask),
        "The cause is on record; what is claimed back follows from it.",
        cause=Cause(cause) if cause in frozenset(Cause) else Cause.UNDETERMINED,
        evidence=evidence,
    )


def _place(ask: Ask) -> int:
    """Give which pause the path names; one that is no number is none."""
    said = ask.names["place"]
    if not (said.isascii() and said.isdigit() and len(said) < 4):
        raise Absent
    return int(said)
