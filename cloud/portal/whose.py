"""Whose a thing is: what a partner's person may open, and whose money that person may see."""

from typing import TypeVar

from cloud.funding.approval import is_allowed
from cloud.funding.policy import F27
from cloud.kernel.calendar import eastern_day
from cloud.kernel.ports import Stored
from cloud.portal.asking import Absent, Ask, NotAllowed
from cloud.portfolio.models import Partner
from cloud.portfolio.process.people import reaches
from cloud.service.models import WorkOrder
from cloud.service.offer import AssignmentState

R = TypeVar("R")
ADMIN = "accounting_admin"
"""Role of a partner's person that opens the pages about money, as routes name it (F27)."""


def own(ask: Ask, kind: type[R], record_id: str) -> Stored[R]:
    """Give a record of the person's own partner.

    Raises:
        Absent: there is none of that id, or it is another partner's: the page is the same.
    """
    found = ask.records.load(kind, record_id)
    if found is None or getattr(found.record, "partner_id", "") != ask.partner_id:
        raise Absent
    return found


def own_order(ask: Ask, order_id: str) -> tuple[Stored[WorkOrder], AssignmentState | None]:
    """Give a work order that was ever offered to the person's partner (T-91).

    The second is how its last offer to the partner ended, None while the order is the partner's:
    a past order may be read, without the customer's name and address, and not changed.

    Raises:
        Absent: it was never the partner's.
    """
    found = ask.records.load(WorkOrder, order_id)
    offers = (
        [one for one in found.record.assignments if one.partner_id == ask.partner_id]
        if found is not None
        else []
    )
    if found is None or not offers:
        raise Absent
    is_past = found.record.partner_id != ask.partner_id
    return found, offers[-1].state if is_past else None


def organisation_asked(ask: Ask, partner_id: str = "", *, action: str = "view_payouts") -> str:
    """Give whose money is asked for: the partner's own, or that of a part of it (F27, P-84).

    Raises:
        NotAllowed: the person is no Accounting Admin.
        Absent: it is neither, and so does not exist for the person.
    """
    today = eastern_day(ask.at)
    if not is_allowed(ask.visitor.roles, action, same_organisation=True, on=today):
        msg = f"It is for people with the role {F27.on(today)}: an Accounting Admin grants it."
        raise NotAllowed(msg)
    if partner_id in {"", ask.partner_id}:
        return ask.partner_id
    if not reaches(ask.records, of=ask.partner_id, other=partner_id):
        raise Absent
    part = ask.records.load(Partner, partner_id)
    if part is None or part.record.mode != ask.visitor.mode:
        raise Absent
    return partner_id


def own_money(
    ask: Ask, kind: type[R], record_id: str, *, action: str = "view_payouts"
) -> Stored[R]:
    """Give a record about money of the person's organisation or of a part of it (F27).

    Raises:
        NotAllowed: the person is no Accounting Admin.
        Absent: there is none of that id, or it is another organisation's.
    """
    found = ask.records.load(kind, record_id)
    organisation_asked(ask, action=action)
    if found is None:
        raise Absent
    organisation_asked(ask, getattr(found.record, "partner_id", "-"), action=action)
    return found
