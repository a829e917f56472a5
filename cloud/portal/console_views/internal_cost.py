"""What the visit of our own crew cost, so that it can be claimed back."""

from typing import Final

from cloud.invoicing.process import record_internal_cost
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.portal.asking import Answer, Ask, Go
from cloud.portal.console_views.work_order_shown import PATH, order_of, order_page
from cloud.portal.routes import Views
from cloud.portal.typed import Typed
from cloud.reporting.roles import SPC

VIEWS = Views()
FORM: Final = "internal"
"""The form's name on the page of its work order."""
_MOST: Final = 100_000
"""As the interface of the coordinators takes at most."""


@VIEWS.post(PATH + "/{order_id}/internal_cost", SPC)
def note(ask: Ask) -> Answer:
    """Note the time and the way of our own crew; its rate card makes the amount (R-46, B-54)."""
    order, typed = order_of(ask), Typed(ask.form)
    minutes = typed.whole("internal_minutes", "Write the minutes.", most=_MOST)
    distance = typed.whole("internal_km", "Write the kilometres.", most=_MOST)
    if minutes is None or distance is None or typed.as_typed:
        return order_page(ask, typed.as_typed, FORM)
    try:
        answer = record_internal_cost(
            ask.records,
            work_order_id=order.id,
            minutes=minutes,
            distance_km=distance,
            **ask.acting(),
        )
    except BadInput:
        # Time and way are within bounds here, so it is the price that is missing.
        because = "Its partner has no rate card: who is no crew of ours sends an invoice."
        return order_page(ask, typed.refused(because), FORM)
    if isinstance(answer, Refused):
        no_ = answer.because[:1].upper() + answer.because[1:]
        return order_page(ask, typed.refused(f"{no_} (rule {answer.rule})"), FORM)
    return Go(f"{PATH}/{order.id}", said=f"It cost {answer.amount}, by the crew's rate card.")
