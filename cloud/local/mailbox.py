"""SES as a folder: what was sent lies there as .eml files, in order.

After "SendEmail", Amazon SES API v2 reference, and "Header fields" and "Mailbox simulator",
Amazon SES developer guide.
"""

import json
import os
import re
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses, parseaddr
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

from cloud.kernel.clock import Clock
from cloud.local import mail_headers
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.mail_events import SentMail, events_of

MAX_MAIL_BYTES = 40 * 1024 * 1024
MAX_RECIPIENTS = 50
MAIL_DOMAIN = "email.amazonses.com"
BOUNCING = "bouncing.txt"
"""File in the folder of mails with an address in each line that mails come back from."""
_SIMULATOR = "simulator.amazonses.com"
_OUTCOMES = {
    "success": "Delivery",
    "bounce": "Bounce",
    "ooto": "OutOfTheOffice",
    "complaint": "Complaint",
    "suppressionlist": "Suppressed",
}
_KNOWN = {
    "FromEmailAddress",
    "Destination",
    "ReplyToAddresses",
    "Content",
    "EmailTags",
    "ConfigurationSetName",
    "FeedbackForwardingEmailAddress",
}
_PART = r"[^@\s\x00-\x1f<>,;\ud800-\udfff]+"
_DESTINATION = ("ToAddresses", "CcAddresses", "BccAddresses")


class Mailbox:
    """Answers SES's SendEmail, and keeps each mail as a file with its envelope beside it.

    The envelope is a .json file of the same name: who sent it to whom, hidden recipients too, and
    what became of it for each of them. A mail to the mailbox simulator becomes what its address
    says; every other one is delivered.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        identities: Collection[str] | None = None,
        configuration_sets: Mapping[str, Collection[str]] | None = None,
        tell: Callable[[dict[str, Any]], object] | None = None,
    ) -> None:
        """Open the folder, or make it.

        Args:
            folder: Where the mails are kept.
            clock: Dates them.
            identities: The addresses and domains that may send; anybody may when absent.
            configuration_sets: The names that a mail may ask for, each with the types of events
                that it tells of.
            tell: Takes those events.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._clock = clock
        self._identities = identities
        self._configuration_sets = configuration_sets or {}
        self._tell = tell
        self._lock = Lock()

    def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call of boto3's SESv2 client; the mail is on disk when this returns.

        Raises:
            ServiceError: Another operation, or a mail that SES would not send.
        """
        if operation != "SendEmail":
            raise _bad(f"SES {operation} is not known here")
        if unknown := sorted(set(parameters) - _KNOWN):
            raise _bad(f"SendEmail with {unknown[0]} is not supported here")
        wanted = parameters.get("ConfigurationSetName")
        if wanted is not None and wanted not in self._configuration_sets:
            message = f"Configuration set <{wanted}> does not exist."
            raise ServiceError("NotFoundException", message, 404)
        content = self._content(parameters)
        if len(content) > MAX_MAIL_BYTES:
            raise _bad(f"Message length is more than {MAX_MAIL_BYTES} bytes long.")
        headers, _ = mail_headers.split(content)
        sender = self._sender(parameters, headers)
        recipients = _recipients(parameters.get("Destination") or {}, headers)
        message_id = self._message_id()
        envelope = {
            "message_id": message_id,
            "from": sender,
            "recipients": recipients,
            "outcomes": self._outcomes(recipients),
            "configuration_set": wanted,
            "tags": {tag["Name"]: tag["Value"] for tag in parameters.get("EmailTags") or ()},
        }
        letter = next(iter(mail_headers.values(headers, "X-Sunreeve-Letter")), "mail")
        finished = self._finished(content, message_id)
        self._keep(_safe(letter), finished, envelope)
        if wanted is not None:
            self._announce(finished, envelope)
        return {"MessageId": message_id}

    def _outcomes(self, recipients: Collection[str]) -> dict[str, str]:
        """Give what becomes of a mail for each: a person may write addresses that bounce."""
        listed = self._folder / BOUNCING
        lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
        bouncing = {line.strip().lower() for line in lines}
        return {one: "Bounce" if one.lower() in bouncing else outcome_of(one) for one in recipients}

    def _announce(self, content: bytes, envelope: Mapping[str, Any]) -> None:
        """Tell of the mail what its configuration set tells of; the caller is answered after it."""
        if self._tell is None:
            return
        sent = SentMail(
            message_id=envelope["message_id"],
            sender=envelope["from"],
            outcomes=envelope["outcomes"],
            configuration_set=envelope["configuration_set"],
            tags=envelope["tags"],
            content=content,
        )
        for event in events_of(
            sent,
            wanted=self._configuration_sets[envelope["configuration_set"]],
            now=self._clock.now(),
            event_ids=(str(uuid.uuid4()) for _ in count()),
        ):
            self._tell(event)

    def _content(self, parameters: Mapping[str, Any]) -> bytes:
        given = parameters.get("Content") or {}
        if set(given) == {"Raw"}:
            data = given["Raw"].get("Data") or b""
            raw = data.encode() if isinstance(data, str) else bytes(data)
            if not mail_headers.split(raw)[0]:
                raise _bad("the raw content has no header: it is no mail")
            return raw
        if set(given) == {"Simple"}:
            return _built(parameters, given["Simple"])
        raise _bad(f"Content is either Raw or Simple here, not {sorted(given)}")

    def _sender(
        self, parameters: Mapping[str, Any], headers: Collection[mail_headers.Header]
    ) -> str:
        """Give the address that sends, which is an identity's or of an identity's domain."""
        given = parameters.get("FromEmailAddress") or next(
            iter(mail_headers.values(headers, "From")), ""
        )
        sender = _address(given)
        known = {one.lower() for one in self._identities or ()}
        domain = sender.lower().rpartition("@")[2]
        parts = domain.split(".")
        domains = {".".join(parts[first:]) for first in range(len(parts))}
        if self._identities is not None and not known & {sender.lower(), *domains}:
            message = (
                "Email address is not verified. The following identities failed the check in"
                f" region US-EAST-1: {sender}"
            )
            raise ServiceError("MessageRejected", message)
        return sender

    def _message_id(self) -> str:
        """Make an id of the shape that SES gives to mails that go out."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        return f"0100{milliseconds:012x}-{uuid.uuid4()}-000000"

    def _finished(self, content: bytes, message_id: str) -> bytes:
        """Give the mail as it leaves: SES's own Message-ID, a Date, and no hidden recipients."""
        left = mail_headers.without(content, {"message-id", "bcc"})
        added = [("Message-ID", f"<{message_id}@{MAIL_DOMAIN}>")]
        if not mail_headers.values(mail_headers.split(content)[0], "Date"):
            added.append(("Date", format_datetime(self._clock.now())))
        return mail_headers.with_first(left, added)

    def _keep(self, letter: str, content: bytes, envelope: Mapping[str, Any]) -> None:
        """Write envelope and mail; the mail's name is there when both are whole."""
        with self._lock:
            path = self._free(f"{self._clock.now():%Y%m%dT%H%M%SZ}-{letter}")
            _write(path.with_suffix(".json"), json.dumps(envelope, indent=1).encode())
            _write(path, content)
            _sync_folder(self._folder)

    def _free(self, stem: str) -> Path:
        """Give a name that no mail has: one instant may send one letter twice."""
        path, number = self._folder / f"{stem}.eml", 1
        while path.exists():
            number += 1
            path = self._folder / f"{stem}_{number:04}.eml"
        return path

    def mails(self) -> list[Path]:
        """Give the files, oldest first."""
        return sorted(self._folder.glob("*.eml"))

    def envelope(self, mail: Path) -> dict[str, Any]:
        """Give what is known of a mail besides its content."""
        read: dict[str, Any] = json.loads(mail.with_suffix(".json").read_bytes())
        return read


def outcome_of(recipient: str) -> str:
    """Tell what becomes of a mail to an address; the simulator's may have a label: `bounce+1@`."""
    local, _, domain = recipient.lower().rpartition("@")
    if domain != _SIMULATOR:
        return "Delivery"
    return _OUTCOMES.get(local.partition("+")[0], "Bounce")


def _bad(message: str) -> ServiceError:
    return ServiceError("BadRequestException", message)


def _address(given: Any) -> str:
    """Take the bare address out of `Name <address>`.

    Raises:
        ServiceError: It is none.
    """
    address = parseaddr(str(given))[1]
    if not re.fullmatch(rf"{_PART}@{_PART}", address):
        raise _bad(f"Invalid email address <{str(given)[:100]!r}>")
    return address


def _recipients(
    destination: Mapping[str, Any], headers: Collection[mail_headers.Header]
) -> list[str]:
    """Give everybody the mail goes to: those of the call, or else those of its headers."""
    if unknown := sorted(set(destination) - set(_DESTINATION)):
        raise _bad(f"Destination with {unknown[0]} is not known")
    given: Iterable[str] = [one for name in _DESTINATION for one in destination.get(name) or ()]
    if not given:
        lines = [
            value for name in ("To", "Cc", "Bcc") for value in mail_headers.values(headers, name)
        ]
        given = [address for _, address in getaddresses(lines)]
    recipients = list(dict.fromkeys(_address(one) for one in given))
    if not recipients:
        raise _bad("Missing required field: the mail goes to nobody")
    if len(recipients) > MAX_RECIPIENTS:
        raise _bad(f"Recipient count exceeds {MAX_RECIPIENTS}.")
    return recipients


def _built(parameters: Mapping[str, Any], simple: Mapping[str, Any]) -> bytes:
    """Write a mail of a subject and a text, an HTML page, or both."""
    if unknown := sorted(set(simple) - {"Subject", "Body", "Headers"}):
        raise _bad(f"Simple content with {unknown[0]} is not supported here")
    mail = EmailMessage(policy=SMTP)
    destination = parameters.get("Destination") or {}
    try:
        mail["From"] = str(parameters.get("FromEmailAddress") or "")
        for name, member in (("To", "ToAddresses"), ("Cc", "CcAddresses")):
            if destination.get(member):
                mail[name] = ", ".join(destination[member])
        if parameters.get("ReplyToAddresses"):
            mail["Reply-To"] = ", ".join(parameters["ReplyToAddresses"])
        mail["Subject"] = str(simple["Subject"]["Data"])
        for header in simple.get("Headers") or ():
            mail[header["Name"]] = header["Value"]
        _fill(mail, simple["Body"])
        return mail.as_bytes()
    except (KeyError, TypeError, ValueError, LookupError, IndexError) as wrong:
        raise _bad(f"the content cannot be written as a mail: {wrong!r}") from wrong


def _fill(mail: EmailMessage, body: Mapping[str, Any]) -> None:
    if not body or set(body) - {"Text", "Html"}:
        raise ValueError("a body has a Text, an Html, or both")
    if "Text" in body:
        mail.set_content(body["Text"]["Data"], charset=body["Text"].get("Charset") or "utf-8")
    if "Html" in body:
        data, charset = body["Html"]["Data"], body["Html"].get("Charset") or "utf-8"
        if "Text" in body:
            mail.add_alternative(data, subtype="html", charset=charset)
        else:
            mail.set_content(data, subtype="html", charset=charset)


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _sync_folder(folder: Path) -> None:
    """Put the names of the files on disk, too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", name)[:80]
