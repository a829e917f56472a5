"""Headers of mails as bytes: found, left out and put in front without touching the rest.

A hostile mail is no error here: what is not a header is passed over, and bytes that are no text
are replaced where a text is asked for.
"""

import re
from binascii import Error as Base64Error
from collections.abc import Collection
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_BREAK = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Header:
    """One header, and the bytes that it takes up in the mail, its folded lines included."""

    name: str
    value: str
    raw: bytes


def split(mail: bytes) -> tuple[list[Header], bytes]:
    """Give the headers in order, and all bytes from the first line on that is no header.

    The rest begins with the empty line before the body, if there is one.
    """
    headers: list[Header] = []
    at = 0
    while at < len(mail):
        end = _end_of_header(mail, at)
        found = _FIELD.fullmatch(mail[at:end].rstrip(b"\r\n"))
        if not found:
            break
        headers.append(Header(found[1].decode("ascii"), _unfolded(found[2]), mail[at:end]))
        at = end
    return headers, mail[at:]


def _end_of_header(mail: bytes, at: int) -> int:
    """Find where a header's last folded line ends."""
    while True:
        found = _BREAK.search(mail, at)
        if not found:
            return len(mail)
        at = found.end()
        if mail[at : at + 1] not in (b" ", b"\t"):
            return at


def _unfolded(value: bytes) -> str:
    return _BREAK.sub(b"", value).decode("utf-8", "replace").strip()


def values(headers: Collection[Header], name: str) -> list[str]:
    """Give the values of all headers of a name, whose case does not count."""
    return [one.value for one in headers if one.name.lower() == name.lower()]


def without(mail: bytes, names: Collection[str]) -> bytes:
    """Give the mail without the headers of these names, in small letters."""
    headers, rest = split(mail)
    kept = [one.raw for one in headers if one.name.lower() not in names]
    return b"".join(kept) + rest


def with_first(mail: bytes, headers: Collection[tuple[str, str]]) -> bytes:
    """Give the mail with more headers in front; their values hold no line breaks."""
    added = "".join(f"{name}: {_one_line(value)}\r\n" for name, value in headers)
    separator = b"" if split(mail)[0] or mail[:1] in (b"\r", b"\n") else b"\r\n"
    return added.encode() + separator + mail


def _one_line(value: str) -> str:
    """Take out what would end the header or be no text."""
    return re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]+", " ", value)


def decoded(value: str) -> str:
    """Read encoded words (RFC 2047); what cannot be read stays as it is."""
    try:
        parts = decode_header(value)
        texts = [
            part if isinstance(part, str) else part.decode(charset or "ascii", "replace")
            for part, charset in parts
        ]
    except (MessageError, Base64Error, LookupError, ValueError):
        return value
    return "".join(texts)
