"""Reads kept mails for a page; whatever a stranger wrote, it never fails and never runs."""

import email
import email.header
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from pathlib import Path

SHOWN_HEADERS = ("From", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References")
LARGEST_HEADER = 256 * 1024
"""How much of a file is read for the list of mails, in bytes."""
UNREADABLE = "this mail cannot be read as MIME; its source can be taken below"


@dataclass(frozen=True, slots=True)
class Head:
    """A mail in the list."""

    name: str
    sender: str
    to: str
    subject: str
    date: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part of a mail that is a file."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, taken apart."""

    headers: tuple[tuple[str, str], ...]
    text: str
    html: bytes
    attachments: tuple[Attachment, ...]


def head(path: Path) -> Head:
    """Read what the list shows of a mail."""
    with path.open("rb") as file:
        start = file.read(LARGEST_HEADER)
    parsed = BytesHeaderParser().parsebytes(start)
    return Head(
        path.name,
        _header(parsed, "From"),
        _header(parsed, "To"),
        _header(parsed, "Subject"),
        _dated(_header(parsed, "Date")),
    )


def _dated(text: str) -> str:
    """Give the instant of a Date header in UTC, to the minute; what is no date stays as it is."""
    try:
        found = parsedate_to_datetime(text)
        known = found if found.tzinfo else found.replace(tzinfo=UTC)
        return f"{known.astimezone(UTC):%Y-%m-%d %H:%M}"
    except (TypeError, ValueError, IndexError, OverflowError):
        return text


def read(path: Path) -> Mail:
    """Take a mail apart; one that nobody can read says so in its text."""
    try:
        return _taken_apart(email.message_from_bytes(path.read_bytes()))
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError):
        return Mail((), UNREADABLE, b"", ())


def _taken_apart(message: Message) -> Mail:
    headers = tuple((name, _header(message, name)) for name in SHOWN_HEADERS if name in message)
    texts: list[str] = []
    html = b""
    attachments: list[Attachment] = []
    for part in _leaves(message):
        content = _content(part)
        kind = part.get_content_type()
        filename = _decoded(part.get_filename() or "")
        if filename or part.get_content_disposition() == "attachment":
            name = filename or f"part-{len(attachments) + 1}"
            attachments.append(Attachment(name, kind, content))
        elif kind == "text/html" and not html:
            html = _text(part, content).encode()
        elif kind.startswith("text/"):
            texts.append(_text(part, content))
        else:
            attachments.append(Attachment(f"part-{len(attachments) + 1}", kind, content))
    return Mail(headers, "\n".join(texts), html, tuple(attachments))


def _leaves(message: Message) -> Iterator[Message]:
    for part in message.walk():
        if not part.is_multipart():
            yield part


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Message, content: bytes) -> str:
    charset = part.get_content_charset() or "utf-8"
    try:
        return content.decode(charset, errors="replace")
    except (LookupError, ValueError):
        return content.decode(errors="replace")


def _header(message: Message, name: str) -> str:
    return _decoded(message.get(name, ""))


def _decoded(raw: object) -> str:
    """Give a header's words; one in an encoding that nobody knows stays as it was sent."""
    try:
        text = str(email.header.make_header(email.header.decode_header(raw)))  # type: ignore[arg-type] # a Header, too
    except (ValueError, LookupError, email.errors.HeaderParseError):
        text = str(raw)
    return " ".join(text.encode(errors="replace").decode().split())
