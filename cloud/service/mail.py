"""Which work order a mail belongs to, and whether it may be filed at all."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

THREAD_DOMAIN = "mail.sunreeve.example"
"""Domain of the synthetic message ids; SES gives each mail its own Message-ID besides."""
INVOICES = "invoices"
"""Name of the mailbox for invoices, before the @; every other one is the service's."""

_SENDER = re.compile(r"(?:[^<>]*<)?\s*([^<>\s@,;\"]+@[^<>\s@,;\"]+)\s*>?")
"""One address, with or without a name before it; anything else has no authority."""
_TAG = re.compile(r"\[\s*(WO-[0-9A-Z]+)\s*\]", re.IGNORECASE)
_NUMBER = re.compile(r"\bWO-[0-9A-Z]+\b", re.IGNORECASE)


class PaperKind(StrEnum):
    """What an attachment is by its first bytes; what it calls itself does not count."""

    JPEG = "jpeg"
    PNG = "png"
    HEIC = "heic"
    PDF = "pdf"
    ARCHIVE = "archive"
    TNEF = "tnef"
    ENCRYPTED = "encrypted"
    MAIL = "mail"
    CALENDAR = "calendar"
    TEXT = "text"
    OTHER = "other"


PHOTOS = frozenset({PaperKind.JPEG, PaperKind.PNG, PaperKind.HEIC})


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a mail.

    Attributes:
        name: without folders, control characters and anything else that could do harm as a name.
        declared_type: what the sender says that it is.
        content_id: by which the page of the mail shows it; empty for a file of its own.
    """

    name: str
    declared_type: str
    kind: PaperKind
    content: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Bounced:
    """What a mail server said of a mail of ours.

    Attributes:
        letter_id: the letter, where the server sent its headers back.
        message_id: of our mail, as far as it was sent back.
        is_permanent: it gave up; else it goes on trying.
    """

    letter_id: str
    message_id: str
    recipient: str
    is_permanent: bool
    status: str


@dataclass(frozen=True, slots=True)
class ArrivedMail:
    """A mail that came in, taken apart; nothing of it is believed but who vouches for its sender.

    Attributes:
        sender: one bare address in small letters; empty where the mail has none or several.
        is_authenticated: our mail service found that the sender's own domain vouches for it.
        recipients: bare addresses of To and Cc, and the one that it was handed in for.
        references: message ids, the oldest first.
        text: the best text that it has, without its quoted history being taken out.
        is_auto_reply: a program wrote it.
        unread: what could not be read, in words for the sender.
        digest: of the body, so that the same mail handed in twice is recognised.
        is_suspect: our mail service holds it for a virus or for spam.
    """

    sender: str = ""
    is_authenticated: bool = False
    recipients: tuple[str, ...] = ()
    subject: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    message_id: str = ""
    sent_at: datetime | None = None
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    is_auto_reply: bool = False
    bounced: Bounced | None = None
    unread: tuple[str, ...] = ()
    digest: str = ""
    is_suspect: bool = False


@dataclass(frozen=True, slots=True)
class IncomingMail:
    """A mail as far as it decides where it is filed.

    Attributes:
        is_authenticated: SPF or DKIM vouch for the sender's domain.
        references: message ids, the oldest first, as the header has them.
    """

    sender: str
    is_authenticated: bool
    subject: str
    in_reply_to: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MailMatch:
    """Where a mail goes; without a work order it waits for a person, in quarantine."""

    work_order_id: str | None = None
    matched_by: str | None = None


QUARANTINED = MailMatch()


def match(
    mail: IncomingMail,
    *,
    partner_contacts: Collection[str],
    known_message_ids: Mapping[str, str],
    open_work_orders: Collection[str],
    hinted: str = "",
) -> MailMatch:
    """Give the work order that a mail belongs to (M-75).

    The sender's authority comes first: an unknown or forgeable one is never filed. Then what the
    mail answers (In-Reply-To, then References from the newest), then the tag in its subject. Only
    an open work order of this partner is a match: a thread of another's is passed over.
    """
    if not _has_authority(mail, partner_contacts):
        return QUARANTINED
    for message_id in (mail.in_reply_to, *reversed(mail.references)):
        answered = known_message_ids.get(message_id.strip())
        if answered in open_work_orders:
            return MailMatch(answered, "references")
    if hinted in open_work_orders:
        return MailMatch(hinted, "plus_token")
    for tag in _TAG.findall(mail.subject):
        if tag.upper() in open_work_orders:
            return MailMatch(tag.upper(), "subject_tag")
    return QUARANTINED


def match_invoice(
    mail: IncomingMail,
    *,
    partner_contacts: Collection[str],
    open_work_orders: Collection[str],
    texts: Sequence[str],
) -> MailMatch:
    """Give the work order that a mail to the invoice mailbox names (M-75, I-65).

    Without a thread the number is looked for in the subject, then in the body and the attached
    papers' text. Two different open ones are no match: a person decides.
    """
    if not _has_authority(mail, partner_contacts):
        return QUARANTINED
    named = {
        number.upper()
        for text in (mail.subject, *texts)
        for number in _NUMBER.findall(text)
        if number.upper() in open_work_orders
    }
    return MailMatch(named.pop(), "number") if len(named) == 1 else QUARANTINED


def _has_authority(mail: IncomingMail, partner_contacts: Collection[str]) -> bool:
    """Tell whether the mail is authentic and its sender one of the partner's contacts (M-75)."""
    found = _SENDER.fullmatch(mail.sender.strip())
    known = {contact.strip().casefold() for contact in partner_contacts}
    return mail.is_authenticated and found is not None and found.group(1).casefold() in known


# ---- threads ------------------------------------------------------------------------------------

_THREAD_ID = re.compile(rf"<([a-z0-9-]{{1,60}})@{re.escape(THREAD_DOMAIN)}>", re.IGNORECASE)
_PLUS = re.compile(r"[^@+]+\+([a-z0-9-]{1,40})\.([0-9a-z]{8})@.+", re.IGNORECASE)
_TOKEN_BYTES = 5
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_FITTING = re.compile(r"[A-Za-z0-9-]{1,40}")
_THREADS = re.compile(r"\b(?:WO|CASE)-[0-9A-Z]+\b", re.IGNORECASE)


def thread_id(thread: str) -> str:
    """Give the constant id that stands for a conversation in every mail's References (M-75).

    SES overrides Message-ID (SES developer guide, header fields), so replies are recognised by this
    one id that never changes.
    """
    return f"<{thread.lower()}@{THREAD_DOMAIN}>"


def thread_of_id(message_id: str) -> str:
    """Give the thread that a synthetic message id stands for, empty where it is another's id."""
    found = _THREAD_ID.fullmatch(message_id.strip())
    return found[1].upper() if found else ""


class Signatures(Protocol):
    """Signs texts of ours with a key that nobody else has."""

    def of(self, text: bytes) -> bytes:
        """Give the signature of a text."""
        ...

    def is_of(self, text: bytes, signature: bytes) -> bool:
        """Tell whether a signature, or its first bytes, is this text's."""
        ...


def reply_address(mailbox: str, *, thread: str, signatures: Signatures | None) -> str:
    """Give the address to answer to, which names the thread; the mailbox's own where none fits.

    The token tells that the address is ours. It is a hint to the thread and gives nobody authority.
    """
    name, _, domain = mailbox.rpartition("@")
    if not _FITTING.fullmatch(thread) or signatures is None:
        return mailbox
    token = _written(signatures.of(_signed(thread))[:_TOKEN_BYTES])
    return f"{name}+{thread.lower()}.{token}@{domain}"


def thread_of_address(address: str, *, signatures: Signatures) -> str:
    """Give the thread that an address of ours names, empty where its token is not ours."""
    found = _PLUS.fullmatch(address)
    if found is None or set(found[2].lower()) - set(_LETTERS):
        return ""
    number = 0
    for letter in found[2].lower():
        number = number << 5 | _LETTERS.index(letter)
    thread = found[1].upper()
    token = number.to_bytes(_TOKEN_BYTES)
    return thread if signatures.is_of(_signed(thread), token) else ""


def named_threads(*texts: str) -> tuple[str, ...]:
    """Give the work orders and cases that texts name, each once."""
    named = [found.upper() for text in texts for found in _THREADS.findall(text)]
    return tuple(dict.fromkeys(named))[:20]


def _signed(thread: str) -> bytes:
    return f"reply-address:{thread.upper()}".encode()


def _written(token: bytes) -> str:
    number = int.from_bytes(token)
    return "".join(_LETTERS[number >> 5 * place & 31] for place in range(7, -1, -1))
