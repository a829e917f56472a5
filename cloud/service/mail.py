"""Which work order a mail belongs to, and whether it may be filed at all."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

_SENDER = re.compile(r"(?:[^<>]*<)?\s*([^<>\s@,;\"]+@[^<>\s@,;\"]+)\s*>?")
"""One address, with or without a name before it; anything else has no authority."""
_TAG = re.compile(r"\[\s*(WO-[0-9A-Z]+)\s*\]", re.IGNORECASE)
_NUMBER = re.compile(r"\bWO-[0-9A-Z]+\b", re.IGNORECASE)


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
