"""Moving the visit of a work order that a partner has agreed on with the homeowner."""

from typing import Final

from cloud.kernel.decision import Refused
from cloud.portal.asking import Answer, Ask, Go
from cloud.portal.console_views.work_order_shown import PATH, order_of, order_page
from cloud.portal.routes import Views
from cloud.portal.typed import Typed
from cloud.reporting.roles import SPC
from cloud.service import process as service

VIEWS = Views()
FORM: Final = "visit"
"""The form's name on the page of its work order."""


@VIEWS.post(PATH + "/{order_id}/visit", SPC)
def move(ask: Ask) -> Answer:
    """Move the visit that lies ahead; homeowner and partner are told (S-21c)."""
    order, typed = order_of(ask), Typed(ask.form)
    since = typed.moment("visit_since", order.time_zone, "Say when it begins.")
    until = typed.moment("visit_until", order.time_zone, "Say until when at the latest.")
    who = typed.text("visit_technician", "Say who comes.", most=200)
    because = typed.text("visit_reason", "Say why: the partner reads it.")
    if since is None or until is None or typed.as_typed:
        return order_page(ask, typed.as_typed, FORM)
    answer = service.move_visit(
        ask.records,
        work_order_id=order.id,
        since=since,
        until=until,
        technician=who,
        because=because,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        no = answer.because[:1].upper() + answer.because[1:]
        return order_page(ask, typed.refused(f"{no} (rule {answer.rule})"), FORM)
    return Go(f"{PATH}/{order.id}", said="The visit is moved; homeowner and partner are told.")
