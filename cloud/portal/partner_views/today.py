"""The partners' first page: what waits for them now, by when it is due."""

from typing import Any

from cloud.funding.funding_calendar import CalendarDay, funding_calendar
from cloud.funding.process import published
from cloud.kernel.calendar import eastern_day
from cloud.kernel.policy import COMFORT
from cloud.portal.asking import Ask, Page
from cloud.portal.partner_views.order_shown import ORDERS, town_of
from cloud.portal.routes import EVERYBODY, Views
from cloud.portal.whose import ADMIN
from cloud.portfolio.models import Site
from cloud.reporting import partner_desk
from cloud.reporting.partner_desk import Stage, Waiting

VIEWS = Views()
MOST = 60
"""Lines of one list; the pages of each subject have all of them."""


@VIEWS.get("/portal", EVERYBODY)
def today(ask: Ask) -> Page:
    """Show what waits; what is about money stands apart, for Accounting Admins only (F27)."""
    desk = partner_desk.desk_of(ask.records, ask.partner_id, at=ask.at)
    is_admin = ADMIN in ask.visitor.roles
    money = partner_desk.money_waiting(ask.records, ask.partner_id, at=ask.at) if is_admin else ()
    shown: dict[str, Any] = {
        "rows": [(one, link_of(one)) for one in desk.waiting[:MOST]],
        "more": max(0, len(desk.waiting) - MOST),
        "towns": _towns(ask, desk),
        "money": [(one, link_of(one)) for one in money],
        "is_admin": is_admin,
        "desk": desk,
        "offers": desk.stages.get(Stage.TO_ANSWER, 0),
        "next_day": _next_funding_day(ask) if is_admin else None,
        "today": eastern_day(ask.at),
    }
    return Page("partner/today.html", "Today", shown)


def link_of(one: Waiting) -> str:
    """Give the page on which the thing is done."""
    match one.about:
        case "work_order":
            return f"{ORDERS}/{one.id}"
        case "report":
            return f"{ORDERS}/{one.id}/report"
        case "invoice" if one.id:
            return f"/portal/invoices/{one.id}"
        case "invoice" | "draft":
            return f"{ORDERS}/{one.order_id}/invoice"
        case "back_bill":
            return f"/portal/back_bills/{one.id}"
        case "project":
            return f"/portal/projects/{one.id}"
        case _:
            return "/portal/papers"


def _towns(ask: Ask, desk: partner_desk.Desk) -> dict[str, str]:
    """Give the town of each home behind a line, whose customer the partner still sees (T-91)."""
    shown = {one.order_id for one in desk.waiting[:MOST]}
    orders = [one for one in desk.orders if one.id in shown and one.customer_hidden_at is None]
    sites = ask.records.load_all(Site, sorted({one.site_id for one in orders})) if orders else {}
    return {one.id: town_of(sites[one.site_id].record) for one in orders if one.site_id in sites}


def _next_funding_day(ask: Ask) -> CalendarDay | None:
    """Give the next day on which partners are paid, announced days considered (F01, F03)."""
    first = eastern_day(ask.at)
    last = partner_desk.quarter_of(partner_desk.quarter_of(first)[1])[1]
    days = funding_calendar(first, last, published(ask.records, COMFORT), COMFORT)
    return min(
        (one for one in days if one.funding_date >= first),
        key=lambda one: one.funding_date,
        default=None,
    )
