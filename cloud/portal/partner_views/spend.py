"""Spend requests: what may be spent, what was asked for above it, and what was answered (I-62)."""

from cloud.kernel.decision import Refused
from cloud.kernel.money import Money
from cloud.portal.asking import Absent, Answer, Ask, Go, Page
from cloud.portal.partner_views.order_shown import ORDERS, STATES, own_offer, told_in
from cloud.portal.routes import EVERYBODY, Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portal.whose import own_order
from cloud.reporting import partner_desk
from cloud.service import process
from cloud.service.models import AWAITING_OWNER, Pause, WorkOrder, WorkOrderState

VIEWS = Views()
ONE = ORDERS + "/{order_id}/spend"
_NOTED = frozenset({"accepted", "spend_requested", "spend_approved", "spend_rejected"})


@VIEWS.get("/portal/spend", EVERYBODY)
def spend(ask: Ask) -> Page:
    """List work orders whose cost was asked about, and those on which more may be asked for."""
    orders = partner_desk.in_order(partner_desk.orders_of(ask.records, ask.partner_id), at=ask.at)
    rows = [
        (one, standing(one), asked_amount(one, ask.partner_id))
        for one in orders
        if standing(one) and (one.is_open or one.spend_approvals)
    ]
    rows.sort(key=lambda row: list(SAYS).index(row[1]))
    may_ask = [one for one in orders if _may_ask(one) and not standing(one)]
    shows = {"rows": rows[:100], "may_ask": may_ask[:100], "says": SAYS, "states": STATES}
    return Page("partner/spend.html", "Spend requests", shows)


@VIEWS.get(ONE, EVERYBODY)
def of_order(ask: Ask) -> Page:
    """Show what may be spent on one work order, and what was asked and answered."""
    return _page(ask, _own(ask))


@VIEWS.post(ONE, EVERYBODY)
def ask_for_more(ask: Ask) -> Answer:
    """Ask for leave to spend up to a total; the clocks wait for the answer (I-62)."""
    order, typed = _own(ask), Typed(ask.form)
    amount = typed.amount("amount", "Say how much it may come to in all.")
    why = typed.text("why", "Say why: whoever decides reads it.", most=2000)
    if amount is None or typed.as_typed is not None:
        return _page(ask, order, typed=typed.as_typed, status=422)
    answer = process.request_spend(
        ask.records,
        work_order_id=order.id,
        partner_id=ask.partner_id,
        amount=amount,
        why=why,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        because = f"{answer.because[:1].upper()}{answer.because[1:]} (rule {answer.rule})."
        return _page(ask, order, typed=typed.refused(because), status=422)
    says = "You asked for it. The clocks stand until the answer comes, here and by mail."
    return Go(f"{ORDERS}/{order.id}/spend", said=says)


SAYS = {
    "rejected": "Not approved",
    "waiting": "Waits for our answer",
    "approved": "Approved",
}
"""How the cost of a work order stands, what needs the partner first."""


def standing(order: WorkOrder) -> str:
    """Give how the latest request about a work order's cost stands, empty where there is none."""
    if order.state is WorkOrderState.SPEND_REJECTED:
        return "rejected"
    if order.state is WorkOrderState.AWAITING_SPEND or _waiting(order) is not None:
        return "waiting"
    return "approved" if order.spend_approvals else ""


def asked_amount(order: WorkOrder, partner_id: str) -> Money | None:
    """Give what the partner estimated, where the order waits for that or was refused it."""
    if order.state in {WorkOrderState.AWAITING_SPEND, WorkOrderState.SPEND_REJECTED}:
        return own_offer(order, partner_id).estimate
    return None


def _waiting(order: WorkOrder) -> Pause | None:
    found = [one for one in order.pauses if one.reason == AWAITING_OWNER and one.is_open]
    return found[-1] if found else None


def _may_ask(order: WorkOrder) -> bool:
    return order.work_authorized_at is not None and order.is_open


def _page(ask: Ask, order: WorkOrder, *, typed: AsTyped | None = None, status: int = 200) -> Page:
    log = partner_desk.own_events(order, ask.records.history(order.id), ask.partner_id)
    shows = {
        "order": order,
        "standing": standing(order),
        "says": SAYS,
        "estimate": own_offer(order, ask.partner_id).estimate,
        "waiting": _waiting(order),
        "may_ask": _may_ask(order) and not _waiting(order),
        "log": told_in([one for one in log if one.what in _NOTED]),
        "typed": typed,
    }
    return Page("partner/spend_order.html", f"Spending on {order.id}", shows, status)


def _own(ask: Ask) -> WorkOrder:
    stored, lost = own_order(ask, ask.names["order_id"])
    if lost is not None:
        raise Absent
    return stored.record
