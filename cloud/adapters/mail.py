"""Letters as mails, sent by SES."""

from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from mimetypes import guess_type
from typing import Any

from cloud.adapters.outside import reaching
from cloud.kernel.change import Letter
from cloud.kernel.errors import BadInput
from cloud.kernel.ports import Documents

DOMAIN = "mail.sunreeve.example"
"""Domain of the synthetic message ids; SES gives each mail its own Message-ID besides."""


def thread_id(thread: str) -> str:
    """Give the constant id that stands for a conversation in every mail's References (M-75).

    SES overrides Message-ID (SES developer guide, header fields), so replies are recognised by this
    one id that never changes.
    """
    return f"<{thread.lower()}@{DOMAIN}>"


def as_mail(
    letter: Letter, *, sender: str, sent_at: datetime, documents: Documents
) -> EmailMessage:
    """Give the letter as a MIME message, with its attachments read from the document store.

    Raises:
        BadInput: an address or a subject cannot stand in a header (a line break would add one).
        NotFound: an attachment is not kept.
    """
    mail = EmailMessage()
    try:
        mail["From"] = sender
        mail["To"] = letter.to
        mail["Subject"] = letter.subject
        mail["Date"] = format_datetime(sent_at)
        mail["Message-ID"] = f"<{letter.id.lower()}@{DOMAIN}>"
        mail["References"] = thread_id(letter.thread)
        mail["X-Sunreeve-Letter"] = letter.id
    except ValueError as wrong:
        msg = f"letter {letter.id} to {letter.to!r} cannot be a mail ({wrong}): correct the contact"
        raise BadInput(msg) from wrong
    mail.set_content(letter.text)
    for name, reference in letter.attachments.items():
        kind = guess_type(name)[0] or "application/octet-stream"
        main, _, sub = kind.partition("/")
        mail.add_attachment(documents.get(reference), maintype=main, subtype=sub, filename=name)
    return mail


class SesMail:
    """Sends letters; sending one twice is possible, and its id tells."""

    def __init__(self, client: Any, *, sender: str, documents: Documents) -> None:
        self._client = client
        self._sender = sender
        self._documents = documents

    def send(self, letter: Letter, sent_at: datetime) -> str:
        """Send the letter and give SES's id of the mail.

        Raises:
            BadInput: it cannot be written as a mail.
            Unavailable: SES did not take it.
        """
        mail = as_mail(letter, sender=self._sender, sent_at=sent_at, documents=self._documents)
        with reaching(f"sending letter {letter.id} to {letter.to}"):
            answer = self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [letter.to]},
                Content={"Raw": {"Data": mail.as_bytes()}},
            )
        sent: str = answer["MessageId"]
        return sent
