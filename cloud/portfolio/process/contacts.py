"""Changing where a partner's work orders go, so that nobody can do it for somebody else."""

import hashlib
import hmac
import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cloud.kernel.change import Change, Event
from cloud.kernel.decision import Refused
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio import letters
from cloud.portfolio.models import Partner
from cloud.portfolio.organisation import AskedContact, ContactPeriod, ServiceContact
from cloud.portfolio.policy import CONTACT_CODES, CONTACT_LINK_HOURS

CORRECT_CONTACT = "correct_contact"
_LONGEST_ADDRESS = 254
_HOUR = timedelta(hours=1)
_ADDRESS = re.compile(r"[^\s@,;:<>\"()\[\]\\]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


def request_contact_change(
    records: Records, *, partner_id: str, email: str, token: str, at: datetime, by: str
) -> ServiceContact | Refused:
    """Ask for another service contact; it counts once its reader confirmed it (M-74b).

    `token` is unguessable and made by the caller; only its digest is kept. A later request takes
    the place of an earlier one. The same address again within some minutes is the same request: the
    code that is on its way counts. Asking too often is refused (M-74c).
    """
    address = email.strip()
    if not _ADDRESS.fullmatch(address) or len(address) > _LONGEST_ADDRESS:
        return Refused("M-74b", f"{address!r} is no mail address", "invalid_address")
    partner = require(records.load(Partner, partner_id), "partner", partner_id).record
    stored = _stored(records, partner_id)
    if address.casefold() == partner.service_email.casefold():
        return Refused("M-74b", f"{address} is the service contact already", "already_the_contact")
    digest, asked = _digest(token), stored.record.asked
    most, minutes = CONTACT_CODES.on(at.astimezone(UTC).date())
    if asked is not None and (
        hmac.compare_digest(asked.token_sha256, digest)
        or (asked.email.casefold() == address.casefold() and _is_within(asked, at, minutes))
    ):
        return stored.record
    mailed = tuple(one for one in stored.record.codes_at if one > at - _HOUR)
    if len(mailed) >= most:
        left = math.ceil((min(mailed) + _HOUR - at) / timedelta(minutes=1))
        because = (
            f"{most} codes were mailed within the hour: ask for the next one in "
            f"{left} minute{'' if left == 1 else 's'}"
        )
        return Refused(CONTACT_CODES.id, because, "too_often")
    after = replace(
        stored.record, asked=AskedContact(address, digest, at, by), codes_at=(*mailed, at)
    )
    says = f"partner {partner_id} was asked to confirm another service contact"
    event = Event(partner_id, "contact_asked", at, by, "M-74b", says=says)
    letter = letters.confirm_contact(
        partner, email=address, token=token, token_sha256=digest, at=at
    )
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), letters=(letter,)))
    return after


def confirm_contact(
    records: Records, *, partner_id: str, token: str, at: datetime, by: str
) -> ServiceContact | Refused:
    """Let the asked address be the service contact from now on (M-74b).

    The former one is told and stays in the history. Confirming again changes nothing.
    """
    known = require(records.load(Partner, partner_id), "partner", partner_id)
    stored = _stored(records, partner_id)
    contact, partner = stored.record, known.record
    asked = contact.asked
    if asked is None or not hmac.compare_digest(asked.token_sha256, _digest(token)):
        return Refused("M-74b", "this code confirms nothing: ask for a new one", "unknown_token")
    if asked.email == partner.service_email:
        return contact
    hours = CONTACT_LINK_HOURS.on(asked.asked_at.astimezone(UTC).date())
    if at > asked.asked_at + timedelta(hours=hours):
        return Refused("M-74b", f"the code was good for {hours} hours: ask anew", "token_expired")
    former = ContactPeriod(partner.service_email, datetime.min.replace(tzinfo=UTC), None, "")
    past = contact.history or (former,)
    after = replace(
        contact,
        history=(
            *past[:-1],
            replace(past[-1], until=at),
            ContactPeriod(asked.email, at, None, asked.asked_by),
        ),
        bounced_at=None,
        task="",
    )
    says = f"partner {partner_id}'s service contact is now {asked.email}"
    event = Event(partner_id, "contact_changed", at, by, "M-74b", says=says)
    letter = letters.contact_changed(
        partner, former=partner.service_email, email=asked.email, at=at
    )
    changed = replace(partner, service_email=asked.email)
    records.commit(
        Change(
            saves=(stored.replaced_by(after), known.replaced_by(changed)),
            events=(event,),
            letters=(letter,),
        )
    )
    return after


def record_contact_bounce(
    records: Records, *, partner_id: str, address: str, at: datetime
) -> ServiceContact | None:
    """Note that mail to the service contact came back, for a person to correct it (M-74).

    None for an address that does not count (any more).
    """
    partner = require(records.load(Partner, partner_id), "partner", partner_id).record
    if address.strip().casefold() != partner.service_email.casefold():
        return None
    stored = _stored(records, partner_id)
    if stored.record.bounced_at is not None:
        return stored.record
    after = replace(stored.record, bounced_at=at, task=CORRECT_CONTACT)
    says = f"mail to partner {partner_id}'s service contact came back: correct the address"
    event = Event(partner_id, "contact_bounced", at, "mail", "M-74", says=says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def _is_within(asked: AskedContact, at: datetime, minutes: int) -> bool:
    return at < asked.asked_at + timedelta(minutes=minutes)


def _stored(records: Records, partner_id: str) -> Stored[ServiceContact]:
    return records.load(ServiceContact, partner_id) or Stored(ServiceContact(partner_id), 0)


def _digest(token: str) -> str:
    return hashlib.sha256(token.strip().encode()).hexdigest()
