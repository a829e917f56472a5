"""A person's word on which case a mail is about (M-75)."""

from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import Change, Event
from cloud.kernel.decision import Refused
from cloud.kernel.ports import Records, require
from cloud.service.models import Case, Mail, MailState

BY_A_PERSON = "person"
"""What led to a mail's thread, where a person said it."""
_ASIDE = frozenset({MailState.QUARANTINED, MailState.FOR_A_PERSON})


def file_under_case(
    records: Records, *, mail_id: str, case_id: str, at: datetime, by: str
) -> Mail | Refused:
    """Say that a mail that waits for somebody is about a case (M-75).

    It moves into the case's thread and waits there for an answer, as what a customer writes does.
    Nothing is done because of its words, for nobody vouches for its sender. A mail that was filed
    under the wrong case is filed anew; the same case again changes nothing.

    Raises:
        NotFound: there is no such mail, or no such case.
    """
    stored = require(records.load(Mail, mail_id), "mail", mail_id)
    about = require(records.load(Case, case_id), "case", case_id)
    mail = stored.record
    if mail.state not in _ASIDE:
        return Refused("M-75", f"mail {mail_id} stands as {mail.state}", "conflict")
    if mail.thread == case_id and mail.state is MailState.FOR_A_PERSON:
        return mail
    after = replace(
        mail,
        thread=case_id,
        matched_by=BY_A_PERSON,
        state=MailState.FOR_A_PERSON,
        decided_by=by,
        decided_at=at,
    )
    whence = f", not about {mail.thread}" if mail.thread else ""
    says = f"{by} says that the mail of {mail.sender or 'nobody known'} is about this case{whence}"
    event = Event(case_id, "mail_filed", at, by, "M-75", (mail_id,), says)
    records.commit(
        Change(saves=(stored.replaced_by(after),), events=(event,), relies_on=(about.relied_on(),))
    )
    return after
