"""What partners and coordinators are told of a report: what to correct, what does not agree."""

from datetime import datetime

from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.portfolio.models import Partner
from cloud.service.models import Coordinator, Report, WorkOrder

_SIGNED = "\n\nKind regards\nAftermarket Service"


def returned(order: WorkOrder, report: Report, *, partner: Partner, at: datetime) -> Letter:
    """Ask a partner to correct its report; its deadline stays met (P-71)."""
    reasons = "\n".join(f"- {one}" for one in report.returned_for)
    text = (
        f"Hello {partner.name},\n\nthank you for the report on work order {order.id}. Please "
        f"correct this and send the whole report again:\n\n{reasons}\n\n"
        "Your deadline was met by the first complete report and stays met. Send the corrected one "
        f"in the portal, through the interface, or by replying to this mail; keep [{order.id}] in "
        "the subject."
    )
    return Letter(
        id=derived("LTR", report.id, "returned"),
        to=partner.service_email,
        subject=f"[{order.id}] Please correct the report",
        text=text + _SIGNED,
        thread=order.id,
        at=at,
    )


def serials_differ(
    order: WorkOrder, report: Report, *, coordinator: Coordinator, at: datetime
) -> Letter:
    """Tell the coordinator that a new serial number is not what the gateway reads (P-70b)."""
    text = (
        f"Hello {coordinator.name},\n\nthe report on work order {order.id} names new serial "
        f"numbers, but {report.serials_say}. Please ask partner {report.partner_id} what was "
        "built in: return the report with the reason, or settle it in the portal."
    )
    return Letter(
        id=derived("LTR", report.id, "serials", report.serials),
        to=coordinator.email,
        subject=f"[{order.id}] The new serial number is not confirmed",
        text=text + _SIGNED,
        thread=order.id,
        at=at,
    )
