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
from cloud.service.mail import THREAD_DOMAIN, Signatures, reply_address, thread_id

LETTER_TAG = "letter"
"""Name of the tag by which SES's events name the letter."""


def as_mail(
    letter: Letter,
    *,
    sender: str,
    sent_at: datetime,
    documents: Documents,
    signatures: Signatures | None = None,
) -> EmailMessage:
    """Give the letter as a MIME message, with its attachments read from the document store.

    It names its thread three times, for programs that answer keep different things: in References,
    in the address to answer to, and in the tag of its subject (M-75). It says that a program sent
    it, so that no other program answers (RFC 3834).

    Raises:
        BadInput: an address or a subject cannot stand in a header (a line break would add one).
        NotFound: an attachment is not kept.
    """
    reply_to = reply_address(sender, thread=letter.thread, signatures=signatures)
    mail = EmailMessage()
    try:
        mail["From"] = sender
        mail["To"] = letter.to
        mail["Subject"] = letter.subject
        mail["Date"] = format_datetime(sent_at)
        mail["Message-ID"] = f"<{letter.id.lower()}@{THREAD_DOMAIN}>"
        mail["References"] = thread_id(letter.thread)
        mail["X-Sunreeve-Letter"] = letter.id
        mail["Reply-To"] = reply_to
        mail["Auto-Submitted"] = "auto-generated"
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

    def __init__(
        self,
        client: Any,
        *,
        sender: str,
        documents: Documents,
        signatures: Signatures | None = None,
        configuration_set: str = "",
    ) -> None:
        """Say who sends.

        Args:
            client: of SES, version 2.
            sender: the mailbox that letters come from, and that answers go to.
            documents: where attachments are kept.
            signatures: make the tokens in the addresses to answer to.
            configuration_set: by which SES tells what became of a mail; it tells nobody without.
        """
        self._client = client
        self._sender = sender
        self._documents = documents
        self._signatures = signatures
        self._told = {"ConfigurationSetName": configuration_set} if configuration_set else {}

    def send(self, letter: Letter, sent_at: datetime) -> str:
        """Send the letter and give SES's id of the mail.

        Raises:
            BadInput: it cannot be written as a mail.
            Unavailable: SES did not take it.
        """
        mail = as_mail(
            letter,
            sender=self._sender,
            sent_at=sent_at,
            documents=self._documents,
            signatures=self._signatures,
        )
        with reaching(f"sending letter {letter.id} to {letter.to}"):
            answer = self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [letter.to]},
                Content={"Raw": {"Data": mail.as_bytes()}},
                EmailTags=[{"Name": LETTER_TAG, "Value": letter.id}],
                **self._told,
            )
        sent: str = answer["MessageId"]
        return sent
