"""A person's word on a mail that was put aside, handed to whoever reads mails (M-75)."""

from datetime import datetime

from cloud.kernel.change import Change, Event, Message
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, require
from cloud.service.models import Mail, MailState, WorkOrder

MAIL_RELEASE = "mail_release"
"""Topic of the message that a mail is to be read although its sender was not believed."""


def ask_release(
    records: Records, *, mail_id: str, work_order_id: str, at: datetime, by: str
) -> Mail | Refused:
    """Have a mail that was put aside read as one about a work order (M-75).

    Reading happens a moment later: what it says is done in the name of the partner that has the
    work now, and not at all if somebody else has it then. The same word again changes nothing.

    Raises:
        NotFound: there is no such mail, or no such work order.
    """
    mail = require(records.load(Mail, mail_id), "mail", mail_id).record
    order = require(records.load(WorkOrder, work_order_id), "work order", work_order_id).record
    partner_id = order.partner_id or ""
    refused = refusal(mail, order, partner_id)
    if refused is not None:
        return refused
    body = {
        "mail_id": mail_id,
        "raw": mail.raw,
        "came_at": mail.at.isoformat(),
        "work_order_id": work_order_id,
        "partner_id": partner_id,
        "at": at.isoformat(),
        "by": by,
    }
    message = Message(derived("MR", mail_id, work_order_id, partner_id, by), MAIL_RELEASE, body, at)
    says = f"{by} vouches for mail {mail_id}: it is about work order {work_order_id}"
    event = Event(work_order_id, "mail_vouched_for", at, by, "M-75", (mail_id,), says)
    records.commit(Change(events=(event,), messages=(message,)))
    return mail


def refusal(mail: Mail, order: WorkOrder, partner_id: str) -> Refused | None:
    """Give why a mail does not speak for a partner of a work order now, None where it may (M-75).

    What was read once, if only for a person, is not read again. A mail that is older than the
    offer to the partner is not that partner's.
    """
    if mail.state is not MailState.QUARANTINED:
        return Refused("M-75", f"mail {mail.id} stands as {mail.state}", "conflict")
    current = order.assignment
    if current is None or order.partner_id is None:
        return Refused("M-75", f"work order {order.id} has no partner now", "conflict")
    if partner_id != order.partner_id:
        because = f"work order {order.id} went to another partner since somebody vouched"
        return Refused("M-75", because, "conflict")
    if mail.at < current.offered_at:
        because = f"mail {mail.id} came before work order {order.id} was offered to its partner"
        return Refused("M-75", because, "conflict")
    return None
