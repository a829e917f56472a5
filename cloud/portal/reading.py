"""Reading what a browser sent: the fields and files of a form, the query, the cookies."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from email import policy
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl

from cloud.kernel.errors import BadInput
from cloud.portal.asking import Form, Sent

MOST_FIELDS = 1_500
"""Of a form; the longest, an invoice of 200 lines and some to be told of, has fewer."""
LONGEST_TEXT = 20_000
"""Characters of one name in a query that are looked at. No field of a form may have more: longer
text is told at its field (`cloud.portal.typed`), and rules say how many they take."""
_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"


def body_of(event: Mapping[str, Any]) -> bytes:
    """Give the body's bytes.

    Raises:
        BadInput: what should be base64 is not.
    """
    text: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as wrong:
        msg = "reading a form: its body is damaged; go back and send it again"
        raise BadInput(msg) from wrong


def form_of(event: Mapping[str, Any]) -> Form:
    """Give what a form was filled in with.

    Raises:
        BadInput: it is no form as browsers send them, or has more fields than any of ours.
    """
    kind = event.get("headers", {}).get("content-type", "")
    body = body_of(event)
    match kind.partition(";")[0].strip().lower():
        case "application/x-www-form-urlencoded":
            return Form(_fields(_pairs(body)))
        case "multipart/form-data":
            return _multipart(kind, body)
        case _ if not body:
            return Form()
    msg = "reading a form: it is of a type that no page of ours sends; go back and send it again"
    raise BadInput(msg)


def query_of(event: Mapping[str, Any]) -> Mapping[str, str]:
    """Give the query's names, each with its last value; of what cannot be read, nothing."""
    raw: str = event.get("rawQueryString") or ""
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, max_num_fields=50, errors="replace")
    except ValueError:
        return {}
    return {name: _clean(value[:LONGEST_TEXT]) for name, value in pairs}


def cookies_of(event: Mapping[str, Any]) -> Mapping[str, str]:
    """Give the cookies; of one that came twice the first, which is the one we set for the host."""
    found: dict[str, str] = {}
    for one in event.get("cookies") or ():
        name, _, value = str(one).partition("=")
        found.setdefault(name.strip(), value.strip())
    return found


def _pairs(body: bytes) -> Sequence[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except ValueError as wrong:  # not UTF-8, or too many fields
        msg = "reading a form: it has too many fields or is no text; go back and send it again"
        raise BadInput(msg) from wrong


def _fields(pairs: Sequence[tuple[str, str]]) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(_clean(value))
    return {name: tuple(values) for name, values in found.items()}


def _clean(text: str) -> str:
    """Give text without what nobody types; line ends as we write them."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(one for one in plain if one in "\n\t" or one.isprintable()).strip()


def _multipart(kind: str, body: bytes) -> Form:
    """Read a form with files (RFC 7578), by the library that reads mails."""
    head = f"Content-Type: {kind}\r\nMIME-Version: 1.0\r\n\r\n".encode("latin-1", "replace")
    read = BytesParser(policy=policy.HTTP).parsebytes(head + body)
    if not read.is_multipart():
        msg = "reading a form with files: it breaks off; go back and send it again"
        raise BadInput(msg)
    parts = [part for part in read.iter_parts() if not part.is_multipart()]
    if len(parts) > MOST_FIELDS:
        msg = "reading a form with files: it has too many fields; go back and send it again"
        raise BadInput(msg)
    pairs: list[tuple[str, str]] = []
    files: dict[str, list[Sent]] = {}
    for part in parts:
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            continue
        given = part.get_filename()
        if given is None:
            pairs.append((name, content.decode(errors="replace")))
        elif given or content:
            files.setdefault(name, []).append(
                Sent(_clean(str(given)), part.get_content_type(), content)
            )
    return Form(_fields(pairs), {name: tuple(found) for name, found in files.items()})
