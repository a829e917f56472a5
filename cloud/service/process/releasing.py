"""A person's word on a mail that was put aside, handed to whoever reads mails (M-75)."""

from datetime import datetime

from cloud.kernel.change import Change, Event, Message
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, require
from cloud.service.models import Mail, MailState, WorkOrder

MAIL_RELEASE = "mail_release"
"""Topic of the message that a mail is to be read although its sender was not believed."""
_ASIDE = frozenset({MailState.QUARANTINED, MailState.FOR_A_PERSON})


def ask_release(
    records: Records, *, mail_id: str, work_order_id: str, at: datetime, by: str
) -> Mail | Refused:
    """Have a mail that was put aside read as one about a work order (M-75).

    Reading happens a moment later: what it says is done in the name of the partner that has the
    work then. The same word again changes nothing.

    Raises:
        NotFound: there is no such mail, or no such work order.
    """
    mail = require(records.load(Mail, mail_id), "mail", mail_id).record
    require(records.load(WorkOrder, work_order_id), "work order", work_order_id)
    if mail.state not in _ASIDE:
        return Refused("M-75", f"mail {mail_id} stands as {mail.state}", "conflict")
    body = {
        "mail_id": mail_id,
        "raw": mail.raw,
        "came_at": mail.at.isoformat(),
        "work_order_id": work_order_id,
        "at": at.isoformat(),
        "by": by,
    }
    message = Message(derived("MR", mail_id, work_order_id, by), MAIL_RELEASE, body, at)
    says = f"{by} vouches for mail {mail_id}: it is about work order {work_order_id}"
    event = Event(work_order_id, "mail_vouched_for", at, by, "M-75", (mail_id,), says)
    records.commit(Change(events=(event,), messages=(message,)))
    return mail
