"""What SES tells EventBridge of mails that went out: delivered, bounced, complained of.

After "Examples of event data that Amazon SES publishes" and "Monitoring email sending using Amazon
SES event publishing", Amazon SES developer guide, and "Amazon Simple Email Service events", Amazon
EventBridge events reference.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloud.kernel.errors import BadInput
from cloud.local import mail_headers
from cloud.local.template import ACCOUNT, REGION

_NAMES = {
    "Delivery": ("DELIVERY", "Email Delivered"),
    "Bounce": ("BOUNCE", "Email Bounced"),
    "Complaint": ("COMPLAINT", "Email Complaint Received"),
}
_KNOWN_TYPES = {
    "SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "OPEN", "CLICK", "RENDERING_FAILURE",
    "DELIVERY_DELAY", "SUBSCRIPTION",
}  # fmt: skip
_BECOMES = {
    "Delivery": ("Delivery",),
    "OutOfTheOffice": ("Delivery",),
    "Bounce": ("Bounce",),
    "Suppressed": ("Bounce",),
    "Complaint": ("Delivery", "Complaint"),
}
"""Outcome for a receiver -> the events that SES makes of it."""


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail that SES took, as far as its events tell of it."""

    message_id: str
    sender: str
    outcomes: Mapping[str, str]
    configuration_set: str
    tags: Mapping[str, str]
    content: bytes


def read_sets(
    sets: Collection[str], destinations: Mapping[str, Mapping[str, Any]]
) -> dict[str, frozenset[str]]:
    """Give what each configuration set tells the default bus of.

    Raises:
        BadInput: a destination is wrong or has something that is not known here.
    """
    told: dict[str, frozenset[str]] = dict.fromkeys(sets, frozenset())
    for logical, properties in destinations.items():
        name = properties.get("ConfigurationSetName")
        given = properties.get("EventDestination") or {}
        if name not in told:
            raise BadInput(f"event destination {logical}: configuration set {name!r} is not there")
        unknown = set(given) - {"Name", "Enabled", "MatchingEventTypes", "EventBridgeDestination"}
        if unknown:
            raise BadInput(f"event destination {logical}: {sorted(unknown)[0]} is not known here")
        bus = (given.get("EventBridgeDestination") or {}).get("EventBusArn", "")
        if bus != f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default":
            raise BadInput(f"event destination {logical}: EventBusArn is the default bus's")
        types = given.get("MatchingEventTypes") or ()
        if not types or set(types) - _KNOWN_TYPES:
            raise BadInput(f"event destination {logical}: MatchingEventTypes {types!r}")
        if str(given.get("Enabled", False)).lower() == "true":
            told[str(name)] |= frozenset(types)
    return told


def events_of(
    mail: SentMail, *, wanted: Collection[str], now: datetime, event_ids: Iterator[str]
) -> Iterator[dict[str, Any]]:
    """Give the events of a mail that its configuration set tells of, in order."""
    at = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"
    for kind in ("Delivery", "Bounce", "Complaint"):
        found = [one for one, outcome in mail.outcomes.items() if kind in _BECOMES[outcome]]
        event_type, detail_type = _NAMES[kind]
        if not found or event_type not in wanted:
            continue
        detail = {"eventType": kind, "mail": _mail(mail, at), kind.lower(): _facts(kind, found, at)}
        yield {
            "version": "0",
            "id": next(event_ids),
            "detail-type": detail_type,
            "source": "aws.ses",
            "account": ACCOUNT,
            "time": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "region": REGION,
            "resources": [
                f"arn:aws:ses:{REGION}:{ACCOUNT}:configuration-set/{mail.configuration_set}"
            ],
            "detail": detail,
        }


def _mail(mail: SentMail, at: str) -> dict[str, Any]:
    headers, _ = mail_headers.split(mail.content)
    tags = {name: [value] for name, value in mail.tags.items()}
    return {
        "timestamp": at,
        "source": mail.sender,
        "sendingAccountId": ACCOUNT,
        "messageId": mail.message_id,
        "destination": list(mail.outcomes),
        "headersTruncated": False,
        "headers": [{"name": one.name, "value": one.value} for one in headers],
        "tags": {"ses:configuration-set": [mail.configuration_set], **tags},
    }


def _facts(kind: str, found: Collection[str], at: str) -> dict[str, Any]:
    if kind == "Delivery":
        return {"timestamp": at, "recipients": list(found), "smtpResponse": "250 2.0.0 OK"}
    if kind == "Complaint":
        return {
            "timestamp": at,
            "complainedRecipients": [{"emailAddress": one} for one in found],
            "complaintFeedbackType": "abuse",
        }
    return {
        "timestamp": at,
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {"emailAddress": one, "action": "failed", "status": "5.1.1"} for one in found
        ],
    }
