"""Work orders: the list, one with all that belongs to it, and what is done about it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from cloud.kernel.decision import Refused
from cloud.portal.asking import Absent, Answer, Ask, Away, Go, Page, done, linked
from cloud.portal.partner_views.order_shown import (
    CHANNELS,
    ORDERS,
    STATES,
    order_page,
    pause_choices,
    town_of,
)
from cloud.portal.routes import EVERYBODY, Views
from cloud.portal.typed import Typed
from cloud.portal.whose import own_order
from cloud.portfolio.models import Site
from cloud.reporting import partner_desk
from cloud.reporting.partner_desk import Stage
from cloud.service import process
from cloud.service.models import WorkOrder, WorkOrderState

VIEWS = Views()
PER_PAGE = 50
ONE = ORDERS + "/{order_id}"
SHOWN: dict[Stage, str] = {
    Stage.TO_ANSWER: "To answer",
    Stage.TO_SCHEDULE: "To schedule",
    Stage.IN_WORK: "In work",
    Stage.TO_REPORT: "To report",
    Stage.PAUSED: "Paused",
    Stage.PAST: "Past",
}


@VIEWS.get(ORDERS, EVERYBODY)
def work_orders(ask: Ask) -> Answer:
    """List the work orders that the partner has, what is due first; a number leads to its page."""
    orders = partner_desk.orders_of(ask.records, ask.partner_id)
    stage = {one.id: partner_desk.stage_of(one, at=ask.at) for one in orders}
    chosen, wanted = ask.query.get("show", ""), ask.query.get("q", "").strip()
    if wanted and _was_ever_ours(ask, wanted.upper()):
        return Go(f"{ORDERS}/{wanted.upper()}")
    if chosen not in {*Stage, "all"}:
        chosen = ""
    found = [
        one
        for one in partner_desk.in_order(orders, at=ask.at)
        if chosen in {"all", stage[one.id]} or (not chosen and (wanted or one.is_open))
    ]
    towns = _towns(ask, found) if wanted else {}
    if wanted:
        sought = wanted.casefold()
        found = [one for one in found if sought in f"{one.id} {towns.get(one.id, '')}".casefold()]
    page = _page_asked(ask, len(found))
    shown = found[page * PER_PAGE : (page + 1) * PER_PAGE]
    towns = towns or _towns(ask, shown)
    count = {one: sum(stage[it.id] is one for it in orders) for one in Stage}
    choices = [("", "Open", sum(one.is_open for one in orders))]
    choices += [(one.value, says, count[one]) for one, says in SHOWN.items()]
    return Page(
        "partner/orders.html",
        "Work orders",
        {
            "rows": [
                (one, towns.get(one.id, ""), partner_desk.next_due(one, at=ask.at), stage[one.id])
                for one in shown
            ],
            "says": STATES,
            "stages": SHOWN,
            "choices": choices,
            "chosen": chosen,
            "wanted": wanted,
            "has_any": bool(orders),
            "earlier": _link(chosen, wanted, page - 1) if page else "",
            "later": _link(chosen, wanted, page + 1)
            if len(found) > len(shown) + page * PER_PAGE
            else "",
        },
    )


@VIEWS.get(ONE, EVERYBODY)
def work_order(ask: Ask) -> Page:
    """Show one work order that the partner has or had (T-91)."""
    return order_page(ask)


@VIEWS.get(ONE + "/files/{upload_id}", EVERYBODY)
def one_file(ask: Ask) -> Answer:
    """Lead to a file that the partner sent for this work order, for some minutes (U-08).

    A paper of a project or of the organisation is none: those open where its money does (F27).
    """
    order = own_order(ask, ask.names["order_id"])[0].record
    upload = process.load_upload(
        ask.records, upload_id=ask.names["upload_id"], partner_id=ask.partner_id
    ).record
    if upload.work_order_id != order.id:
        raise Absent
    link = process.link_to(ask.house.outside.desk, upload, at=ask.at)
    if isinstance(link, Refused):
        return Go(_back(ask), refused=link)
    return Away(link)


# ---- what is done --------------------------------------------------------------------------------


@VIEWS.post(ONE + "/acknowledge", EVERYBODY)
def acknowledge(ask: Ask) -> Go:
    """Say that it was received (S-20b)."""
    answer = process.acknowledge(ask.records, **_common(ask))
    says = "We know that you have it. Please accept or decline as well."
    return done(answer, to=_back(ask), said=says)


@VIEWS.post(ONE + "/accept", EVERYBODY)
def accept(ask: Ask) -> Answer:
    """Take the work, with an estimate (R-44, I-63)."""
    typed = Typed(ask.form)
    estimate = typed.amount("estimate", "Say what it will cost, 0 if your own warranty covers it.")

    def do() -> WorkOrder | Refused:
        return process.accept(ask.records, estimate=estimate, **_common(ask))

    def says(order: WorkOrder) -> str:
        if order.state is WorkOrderState.AWAITING_SPEND:
            return (
                f"Your estimate is above the {order.not_to_exceed} that may be spent without "
                "asking. Please wait for the written approval; your clocks start with it."
            )
        return "It is yours. Next: reach the homeowner."

    return _after(ask, typed, "accept", do, says)


@VIEWS.post(ONE + "/decline", EVERYBODY)
def decline(ask: Ask) -> Answer:
    """Refuse the work; it goes to somebody else (R-44)."""
    typed = Typed(ask.form)
    reason = typed.text("reason", "Say why: the coordinator reads it.")
    return _after(
        ask,
        typed,
        "decline",
        lambda: process.decline(ask.records, reason=reason, **_common(ask)),
        "You declined it. It is offered to somebody else now.",
    )


@VIEWS.post(ONE + "/contact_attempts", EVERYBODY)
def contact_attempt(ask: Ask) -> Answer:
    """Log an attempt to reach the homeowner (S-21); a form that was sent twice logs one."""
    typed = Typed(ask.form)
    channel = typed.one_of("channel", dict(CHANNELS), "Say how you tried.")
    outcome = typed.text("outcome", "Say what came of it.")
    seen = typed.whole("seen") or 0

    def do() -> WorkOrder | Refused:
        stored, lost = own_order(ask, ask.names["order_id"])
        newer = stored.record.contact_attempts[seen:]
        if lost is None and (channel, outcome) in {(one.channel, one.outcome) for one in newer}:
            return stored.record
        return process.contact_attempt(
            ask.records, channel=channel, outcome=outcome, **_common(ask)
        )

    return _after(ask, typed, "contact", do, "The attempt is on record.")


@VIEWS.post(ONE + "/schedule", EVERYBODY)
def schedule(ask: Ask) -> Answer:
    """Note a visit that was agreed on with the homeowner (S-21, Q-78)."""
    typed, zone = Typed(ask.form), _zone(ask)
    since = typed.moment("since", zone, "Say when you come.") or ask.at
    until = typed.moment("until", zone, "Say until when at the latest.") or ask.at
    who = typed.text("technician", "Say who comes.", most=200)

    def do() -> WorkOrder | Refused:
        return process.schedule_visit(
            ask.records, since=since, until=until, technician=who, **_common(ask)
        )

    says = "The visit is booked, and the homeowner gets a mail that confirms it."
    return _after(ask, typed, "schedule", do, says)


@VIEWS.post(ONE + "/arrive", EVERYBODY)
def arrive(ask: Ask) -> Answer:
    """Note that somebody is there (Q-78)."""
    typed = Typed(ask.form)
    arrived_at = _past(ask, typed, "arrived_at", "Say when you arrived.")
    who = typed.text("came", most=200)

    def do() -> WorkOrder | Refused:
        return process.arrived(ask.records, arrived_at=arrived_at, technician=who, **_common(ask))

    return _after(ask, typed, "arrive", do, "The arrival is on record.")


@VIEWS.post(ONE + "/depart", EVERYBODY)
def depart(ask: Ask) -> Answer:
    """Note that the technician left: done, or somebody has to come again (S-22, S-23)."""
    typed = Typed(ask.form)
    departed_at = _past(ask, typed, "departed_at", "Say when the technician left.")
    how = typed.one_of("finished", frozenset({"yes", "no"}), "Say whether the work is done.")

    def do() -> WorkOrder | Refused:
        return process.departed(
            ask.records, departed_at=departed_at, is_finished=how == "yes", **_common(ask)
        )

    def says(order: WorkOrder) -> str:
        is_done = order.state is WorkOrderState.AWAITING_REPORT
        return "Now send the report." if is_done else "Please book the next visit."

    return _after(ask, typed, "depart", do, says)


@VIEWS.post(ONE + "/pauses", EVERYBODY)
def pause(ask: Ask) -> Answer:
    """Stop the clocks, on evidence (S-23)."""
    typed = Typed(ask.form)
    order = own_order(ask, ask.names["order_id"])[0].record
    reason = typed.one_of("pause_reason", dict(pause_choices(order)), "Say what you wait for.")
    evidence = typed.text("evidence", "Say what shows it: calls, a tracking number, a forecast.")
    since = _past(ask, typed, "pause_since", "Say since when.")

    def do() -> WorkOrder | Refused:
        return process.pause(
            ask.records, reason=reason, evidence=evidence, since=since, **_common(ask)
        )

    return _after(ask, typed, "pause", do, "The clocks stand. Your coordinator looks at it.")


@VIEWS.post(ONE + "/resume", EVERYBODY)
def resume(ask: Ask) -> Go:
    """End a pause; the deadlines move by the working time that it took (S-23)."""
    answer = process.resume(ask.records, reason=ask.form["pause_reason"], **_common(ask))
    return done(answer, to=_back(ask), said="The clocks go on.")


@VIEWS.post(ONE + "/questions", EVERYBODY)
def question(ask: Ask) -> Answer:
    """Ask the coordinator something (M-75)."""
    typed = Typed(ask.form)
    text = typed.text("question", "Write your question.")
    return _after(
        ask,
        typed,
        "question",
        lambda: process.question(ask.records, text=text, **_common(ask)),
        "Your coordinator has your question; the answer comes here and by mail.",
    )


def _after(
    ask: Ask,
    typed: Typed,
    form: str,
    do: Callable[[], WorkOrder | Refused],
    says: str | Callable[[WorkOrder], str],
) -> Answer:
    """Do it where the form is whole, and show the form again where it is not or was refused."""
    own_order(ask, ask.names["order_id"])
    if typed.as_typed is not None:
        return order_page(ask, typed=typed.as_typed, at_form=form, status=422)
    answer = do()
    if isinstance(answer, Refused):
        because = f"{answer.because[:1].upper()}{answer.because[1:]} (rule {answer.rule})."
        return order_page(ask, typed=typed.refused(because), at_form=form, status=422)
    return Go(_back(ask), said=says if isinstance(says, str) else says(answer))


def _common(ask: Ask) -> dict[str, Any]:
    named = {"work_order_id": ask.names["order_id"], "partner_id": ask.partner_id}
    return {**named, **ask.acting()}


def _back(ask: Ask) -> str:
    return f"{ORDERS}/{ask.names['order_id']}"


def _past(ask: Ask, typed: Typed, name: str, says: str) -> datetime:
    """Give an instant that is over; where it is missing or wrong, `typed` knows it."""
    return typed.past(name, _zone(ask), says, by=ask.at) or ask.at


def _zone(ask: Ask) -> str:
    return own_order(ask, ask.names["order_id"])[0].record.time_zone


# ---- the list ------------------------------------------------------------------------------------


def _was_ever_ours(ask: Ask, number: str) -> bool:
    stored = ask.records.load(WorkOrder, number) if number.startswith("WO-") else None
    return stored is not None and any(
        one.partner_id == ask.partner_id for one in stored.record.assignments
    )


def _towns(ask: Ask, orders: Sequence[WorkOrder]) -> dict[str, str]:
    """Give the town of each work order whose customer the partner still sees (T-91)."""
    seen = [one for one in orders if one.customer_hidden_at is None]
    sites = ask.records.load_all(Site, sorted({one.site_id for one in seen})) if seen else {}
    return {one.id: town_of(sites[one.site_id].record) for one in seen if one.site_id in sites}


def _page_asked(ask: Ask, found: int) -> int:
    said = ask.query.get("page", "0")
    most = max(0, (found - 1) // PER_PAGE)
    return min(int(said), most) if said.isascii() and said.isdigit() and len(said) < 5 else 0


def _link(chosen: str, wanted: str, page: int) -> str:
    return linked(ORDERS, show=chosen, q=wanted, page=page)
