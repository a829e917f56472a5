"""Reads the bytes of a mail into what it says; whatever the bytes are, this never raises.

After RFC 5322, RFC 2045 to 2047, RFC 3464 (delivery status), RFC 3834 (automatic responses), RFC
8601 (Authentication-Results), and "Receiving email with Amazon SES", Amazon SES developer guide.
"""

import hashlib
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final, TypeVar

from cloud.adapters.mime_text import decoded, file_name, header_text, one_line, plain, text_of_page
from cloud.service.mail import ArrivedMail, Attachment, Bounced, PaperKind

T = TypeVar("T")

MAX_MAIL_BYTES: Final = 40 * 1024 * 1024
"""What SES takes in at most."""
MAX_HEADER_BYTES: Final = 256 * 1024
MAX_PARTS: Final = 200
MAX_DEPTH_MARKS: Final = 40
"""Parts within parts: each says so with one word in its header."""
MAX_BOUNDARIES: Final = 4_000
MAX_ATTACHMENTS: Final = 60
MAX_ADDRESSES: Final = 100
TRUSTED_SERVICE: Final = "amazonses.com"
"""Who takes our mail in, as it names itself in what it found out about a sender."""

_TOO_LARGE = "your mail is larger than {0} MiB; please send the photos in several mails"
_TANGLED = "your mail is nested too deeply to be read; please write it anew"
_TNEF = (
    "the attachment {0} is in a form that only Outlook reads; please send it as PDF or JPEG, or "
    "set the format of your mail to HTML or plain text"
)
_CLOSED = "the attachment {0} is encrypted; please send it open"
_ARCHIVE = (
    "the attachment {0} is an archive, which we do not open; please send the files themselves"
)
_MANY = "your mail has more than {0} attachments; those after them were not taken"

_HARMLESS = (
    MessageError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What the standard library raises on mails that break the standards; it promises nothing."""

_ADDRESS = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_AUTOMATIC_SUBJECT = re.compile(
    r"\s*(?:automatic reply|auto(?:matic)?[ -]?(?:reply|response)|out of (?:the )?office"
    r"|on vacation|vacation reply|i am out of the office|away from (?:my|the) (?:desk|office))\b",
    re.IGNORECASE,
)
_LONG_HEADER = re.compile(
    rb"^content-(?:type|disposition):(?:[^\n]|\n[ \t]){4000}", re.IGNORECASE | re.MULTILINE
)
"""Parameters beyond number, over which the standard library takes its time."""
_LETTER = re.compile(r"LTR-[0-9A-Z]{10}")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")


def read(raw: bytes) -> ArrivedMail:
    """Give what a mail says.

    What cannot be read is left out and told in `unread`. Archives are never opened, a mail within
    the mail is an attachment, and nothing is fetched.
    """
    empty = ArrivedMail(digest=_digest(raw))
    mail = _tried(lambda: _with_headers(empty, _top(raw)), empty)
    if len(raw) > MAX_MAIL_BYTES:
        return replace(mail, unread=(_TOO_LARGE.format(MAX_MAIL_BYTES >> 20),))
    tangled = replace(mail, unread=(_TANGLED,))
    if _is_tangled(raw):
        return tangled
    return _tried(lambda: _with_content(mail, _whole(raw)), tangled)


def _whole(raw: bytes) -> Message:
    return BytesParser(policy=compat32).parsebytes(raw)


def _tried(make: Callable[[], T], otherwise: T) -> T:
    try:
        return make()
    except _HARMLESS:
        return otherwise


# ---- headers ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Header:
    name: str
    value: str


def _body_at(raw: bytes) -> int:
    found = re.search(rb"\r?\n\r?\n", raw[:MAX_HEADER_BYTES])
    return found.end() if found else min(len(raw), MAX_HEADER_BYTES)


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw[_body_at(raw) :]).hexdigest()


def _top(raw: bytes) -> list[_Header]:
    """Give the headers in order, folded lines joined."""
    headers: list[_Header] = []
    for line in re.split(rb"\r\n|\n|\r", raw[: _body_at(raw)]):
        text = line.decode("utf-8", "surrogateescape")
        if line[:1] in (b" ", b"\t") and headers:
            last = headers[-1]
            headers[-1] = _Header(last.name, f"{last.value} {text.strip()}"[:20_000])
        elif found := re.match(r"([!-9;-~]{1,100})[ \t]*:(.*)", text, re.DOTALL):
            headers.append(_Header(found[1].lower(), found[2].strip()))
    return headers


def _all(headers: Sequence[_Header], name: str) -> list[str]:
    return [one.value for one in headers if one.name == name]


def _first(headers: Sequence[_Header], name: str) -> str:
    return next(iter(_all(headers, name)), "")


def _with_headers(mail: ArrivedMail, headers: Sequence[_Header]) -> ArrivedMail:
    senders = _all(headers, "from")
    sender = _address(senders[0]) if len(senders) == 1 else ""
    subject = header_text(_first(headers, "subject"))
    return replace(
        mail,
        sender=sender,
        is_authenticated=bool(sender) and _is_vouched_for(headers, sender),
        recipients=_recipients(headers),
        subject=subject,
        in_reply_to=next(iter(_ids(headers, "in-reply-to")), ""),
        references=tuple(_ids(headers, "references")[-100:]),
        message_id=next(iter(_ids(headers, "message-id")), ""),
        sent_at=_tried(lambda: _instant(_first(headers, "date")), None),
        is_auto_reply=_is_automatic(headers, subject),
        is_suspect=any(
            _first(headers, name).strip().upper() == "FAIL"
            for name in ("x-ses-virus-verdict", "x-ses-spam-verdict")
        ),
    )


def _ids(headers: Sequence[_Header], name: str) -> list[str]:
    return [found for value in _all(headers, name) for found in _MESSAGE_ID.findall(value)]


def _instant(value: str) -> datetime | None:
    at = parsedate_to_datetime(value)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _address(value: str) -> str:
    """Give the one address of a From header, empty where it is not certain which one it is.

    A display name may look like an address; a name in quotes may hold anything; letters beyond
    ASCII, which may look like others, have no authority.
    """
    if len(value) > 1_000:
        return ""
    bare = re.sub(r'"(?:\\.|[^"\\])*"', "", value).strip()
    if re.search(r'[,;:"()\\]', bare):
        return ""
    found = re.fullmatch(r"[^<>]*<\s*([^<>\s]+)\s*>|([^<>\s]+)", bare)
    address = (found[1] or found[2]) if found else ""
    # Before its letters are made small: some beyond ASCII become ASCII then.
    return address.lower() if address.isascii() and _ADDRESS.fullmatch(address.lower()) else ""


def _recipients(headers: Sequence[_Header]) -> tuple[str, ...]:
    handed_in_for = re.findall(r"\bfor ([^\s;]+)", _first(headers, "received"))
    named = [one for name in ("to", "cc") for value in _all(headers, name) for one in [value]]
    text = " ".join((*handed_in_for, *named))[:50_000].lower()
    return tuple(dict.fromkeys(_ADDRESS.findall(text)))[:MAX_ADDRESSES]


def _is_vouched_for(headers: Sequence[_Header], sender: str) -> bool:
    """Tell whether our own mail service found that the sender's domain vouches for the mail.

    Only the first such header counts, above the mail's own: SES puts its findings on top, and
    whatever a sender writes stands below. The domain that was found must be the sender's, for
    anybody can have a domain that vouches for itself. Where DMARC failed nothing else counts.
    """
    own: list[str] = []
    hops = 0
    for one in headers:
        hops += one.name == "received"
        if hops > 1:
            break
        if one.name == "authentication-results":
            own.append(one.value)
    if not own:
        return False
    found = re.sub(r"\([^()]*\)", " ", own[0])
    service, _, results = found.partition(";")
    if service.strip().lower() != TRUSTED_SERVICE or '"' in results or "\\" in results:
        return False
    verdicts = _verdicts(results)
    methods = [method for method, _, _ in verdicts]
    if methods.count("spf") > 1 or methods.count("dmarc") > 1:
        # More than the service would write: an address or a name in it was made to look so.
        return False
    if any(method == "dmarc" and verdict == "fail" for method, verdict, _ in verdicts):
        return False
    domain = sender.rpartition("@")[2]
    return any(
        verdict == "pass" and _is_aligned(domain, vouched) for _, verdict, vouched in verdicts
    )


def _verdicts(results: str) -> list[tuple[str, str, str]]:
    """Give method, verdict and the domain that it is about."""
    verdicts: list[tuple[str, str, str]] = []
    for part in results.split(";"):
        if found := re.match(r"\s*(spf|dkim|dmarc)\s*=\s*([a-z]+)\b", part, re.IGNORECASE):
            verdicts.append((found[1].lower(), found[2].lower(), ""))
        named = re.search(
            r"\b(?:header\.(?:i|d|from)|smtp\.mailfrom|envelope-from)\s*=\s*(\S*)", part
        )
        if named and verdicts and not verdicts[-1][2]:
            domain = named[1].strip("<>").rpartition("@")[2].lower().rstrip(".")
            verdicts[-1] = (*verdicts[-1][:2], domain)
    return verdicts


def _is_aligned(domain: str, vouched: str) -> bool:
    """Tell whether one is the other or lies below it; a domain of one word vouches for nobody."""
    if "." not in vouched:
        return False
    return domain == vouched or domain.endswith(f".{vouched}") or vouched.endswith(f".{domain}")


def _is_automatic(headers: Sequence[_Header], subject: str) -> bool:
    submitted = _first(headers, "auto-submitted").partition(";")[0].strip().lower()
    precedence = _first(headers, "precedence").strip().lower()
    return (
        submitted not in ("", "no")
        or precedence in ("bulk", "junk", "auto_reply", "list")
        or any(_all(headers, name) for name in ("x-autoreply", "x-autorespond", "list-id"))
        or _first(headers, "return-path").strip() == "<>"
        or _AUTOMATIC_SUBJECT.match(subject) is not None
    )


# ---- content ------------------------------------------------------------------------------------


def _is_tangled(raw: bytes) -> bool:
    """Tell whether taking the mail apart could take long: too many parts, or too deep ones."""
    marks = len(re.findall(rb"multipart/|message/", raw, re.IGNORECASE))
    lines = raw.count(b"\n--") + raw.count(b"\r--")
    is_long = _LONG_HEADER.search(raw) is not None
    return is_long or marks > MAX_DEPTH_MARKS or lines > MAX_BOUNDARIES


def _with_content(mail: ArrivedMail, whole: Message) -> ArrivedMail:
    kind = whole.get_content_type()
    report = str(whole.get_param("report-type", "")).lower()
    is_report = kind == "multipart/report"
    bounced = _tried(lambda: _bounced(whole), None) if report == "delivery-status" else None
    parts = list(_parts(whole))[:MAX_PARTS]
    texts = [_tried(partial(_text, one), "") for one in parts if _is_text(one)]
    attachments, unread = _attachments([one for one in parts if not _is_text(one)])
    return replace(
        mail,
        text=plain("\n".join(text for text in texts if text.strip())),
        attachments=attachments,
        is_auto_reply=mail.is_auto_reply or is_report,
        bounced=bounced,
        unread=unread,
    )


def _parts(part: Message) -> Iterator[Message]:
    """Give the parts that hold something; of versions of one text, the plainest that says any."""
    if part.get_content_type() == "message/rfc822" or not part.is_multipart():
        yield part
        return
    children = [one for one in part.get_payload() if isinstance(one, Message)]
    if part.get_content_type() != "multipart/alternative":
        for child in children:
            yield from _parts(child)
        return
    versions = [list(_parts(child)) for child in children]
    chosen = next(
        (
            version
            for version in sorted(versions, key=_plainness)
            if any(_is_text(one) and _text(one).strip() for one in version)
        ),
        [],
    )
    yield from chosen
    for version in versions:
        if version is not chosen:
            yield from (one for one in version if not _is_text(one))


def _plainness(version: Sequence[Message]) -> int:
    kinds = [one.get_content_type() for one in version]
    return 0 if kinds == ["text/plain"] else 1


def _is_text(part: Message) -> bool:
    return (
        part.get_content_type() in ("text/plain", "text/html")
        and part.get_content_disposition() != "attachment"
        and not part.get_filename()
    )


def _text(part: Message) -> str:
    charset = str(part.get_content_charset("") or "")
    text = decoded(_content(part), charset)
    return text_of_page(text) if part.get_content_type() == "text/html" else text


def _content(part: Message) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        first = inner[0] if isinstance(inner, list) and inner else None
        return first.as_bytes() if isinstance(first, Message) else b""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _attachments(parts: Sequence[Message]) -> tuple[tuple[Attachment, ...], tuple[str, ...]]:
    taken: list[Attachment] = []
    unread: list[str] = []
    names: set[str] = set()
    for part in parts:
        found = _tried(partial(_attachment, part, len(taken) + 1), None)
        if found is None or not found.content or _is_wrapping(part):
            continue
        if len(taken) == MAX_ATTACHMENTS:
            unread.append(_MANY.format(MAX_ATTACHMENTS))
            break
        if found.name.lower() in names:
            found = replace(found, name=f"{len(taken) + 1}-{found.name}")
        names.add(found.name.lower())
        taken.append(found)
        sentence = _UNREAD.get(found.kind)
        if sentence:
            unread.append(sentence.format(found.name))
    return tuple(taken), tuple(unread)


def _is_wrapping(part: Message) -> bool:
    """Tell whether a part belongs to the mail's form: a signature, or the parts of a report."""
    return part.get_content_type() in {
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-signature",
        "message/delivery-status",
        "message/disposition-notification",
        "text/rfc822-headers",
    }


def _attachment(part: Message, number: int) -> Attachment:
    content = _content(part)
    kind = kind_of(content, part.get_content_type())
    given = _tried(lambda: part.get_filename() or "", "")
    name = file_name(
        header_text(given), otherwise=f"attachment-{number}.{_ENDING.get(kind, 'bin')}"
    )
    return Attachment(
        name=name,
        declared_type=one_line(part.get_content_type(), most=100),
        kind=kind,
        content=content,
        content_id=one_line(str(part.get("Content-ID") or ""), most=200).strip("<>"),
    )


def kind_of(content: bytes, declared: str = "") -> PaperKind:
    """Tell what a file is by its first bytes; what it is declared as only tells texts apart."""
    for start, kind in _MAGIC:
        if content.startswith(start):
            return kind
    if content[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc", b"ftypmsf1"):
        return PaperKind.HEIC
    if declared in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        return PaperKind.ENCRYPTED
    if declared == "application/pgp-encrypted":
        return PaperKind.ENCRYPTED
    if declared == "message/rfc822":
        return PaperKind.MAIL
    if declared == "text/calendar":
        return PaperKind.CALENDAR
    return PaperKind.TEXT if declared.startswith("text/") else PaperKind.OTHER


_MAGIC = (
    (b"\xff\xd8\xff", PaperKind.JPEG),
    (b"\x89PNG\r\n\x1a\n", PaperKind.PNG),
    (b"%PDF-", PaperKind.PDF),
    (b"\x78\x9f\x3e\x22", PaperKind.TNEF),
    (b"PK\x03\x04", PaperKind.ARCHIVE),
    (b"PK\x05\x06", PaperKind.ARCHIVE),
    (b"\x1f\x8b", PaperKind.ARCHIVE),
    (b"BZh", PaperKind.ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", PaperKind.ARCHIVE),
    (b"Rar!\x1a\x07", PaperKind.ARCHIVE),
    (b"\xfd7zXZ\x00", PaperKind.ARCHIVE),
)
_UNREAD = {
    PaperKind.TNEF: _TNEF,
    PaperKind.ENCRYPTED: _CLOSED,
    PaperKind.ARCHIVE: _ARCHIVE,
}
_ENDING = {
    PaperKind.JPEG: "jpg",
    PaperKind.PNG: "png",
    PaperKind.HEIC: "heic",
    PaperKind.PDF: "pdf",
    PaperKind.MAIL: "eml",
    PaperKind.CALENDAR: "ics",
    PaperKind.TEXT: "txt",
}


# ---- mails that came back -----------------------------------------------------------------------


def _bounced(whole: Message) -> Bounced | None:
    """Read a report of a mail server on a mail of ours (RFC 3464)."""
    statuses: list[Message] = []
    sent_back = ""
    for part in whole.walk():
        kind = part.get_content_type()
        payload = part.get_payload()
        if kind == "message/delivery-status" and isinstance(payload, list):
            statuses += [one for one in payload if isinstance(one, Message)]
        elif kind == "message/rfc822" and isinstance(payload, list) and payload:
            inner = payload[0]
            if isinstance(inner, Message):
                sent_back += "".join(f"{name}: {value}\n" for name, value in inner.items())
        elif kind == "text/rfc822-headers":
            sent_back += decoded(_content(part), "utf-8")
    told = [one for one in statuses if one.get("Action")]
    if not told:
        return None
    worst = next((one for one in told if _action(one) == "failed"), told[0])
    recipient = str(worst.get("Final-Recipient") or worst.get("Original-Recipient") or "")
    letter = re.search(r"^X-Sunreeve-Letter:\s*(\S+)", sent_back, re.IGNORECASE | re.MULTILINE)
    found = re.search(r"^Message-ID:\s*(<[^<>\s]+>)", sent_back, re.IGNORECASE | re.MULTILINE)
    status = one_line(str(worst.get("Status") or ""), most=20)
    return Bounced(
        letter_id=letter[1] if letter and _LETTER.fullmatch(letter[1]) else "",
        message_id=found[1] if found else "",
        recipient=next(iter(_ADDRESS.findall(recipient.lower())), ""),
        is_permanent=_action(worst) == "failed" and not status.startswith("4"),
        status=status,
    )


def _action(status: Message) -> str:
    return one_line(str(status.get("Action") or ""), most=20).lower()
