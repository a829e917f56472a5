"""Reads a form with a file as a browser sends it (RFC 7578; multipart after RFC 2046, 5.1).

It is stricter than the standard library's reader of mail, which would undo a transfer encoding of
a file, open a file that is itself a message, and guess where a part is broken: here the bytes of
the file are the bytes between the boundaries, and what is not well formed is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice, pairwise

from cloud.local.dynamodb.hook import ServiceError
from cloud.local.s3.errors import invalid

MOST_BEFORE_FILE = 20_000
"""The most bytes of a form beside its file (Amazon S3 API reference, PostObject)."""
MOST_PARTS = 200
FILENAME = "${filename}"

_BOUNDARY = re.compile(
    r"multipart/form-data\s*;(?:.*;)?\s*boundary=(?:\"([^\"]{1,70})\"|([^\s;,\"]{1,70}))\s*(?:;.*)?",
    re.ASCII | re.IGNORECASE,
)
_PARAMETER = re.compile(r';[ \t]*([\w*-]{1,20})=(?:"((?:\\"|[^"])*)"|([^\s;"]*))[ \t]*', re.ASCII)
_ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n", '\\"': '"'}


@dataclass(frozen=True, slots=True)
class Form:
    """A form up to its file; what comes after the file is not looked at, as on AWS.

    Attributes:
        fields: names in lower case, `${filename}` replaced in each value but the policy's.
    """

    fields: Mapping[str, str]
    file: bytes


def read(content_type: str, body: bytes) -> Form:
    """Read a form.

    Raises:
        ServiceError: it is not a well-formed form with one file.
    """
    found = _BOUNDARY.fullmatch(content_type.strip())
    if found is None:
        message = "Bucket POST must be of the enclosure-type multipart/form-data."
        raise ServiceError("PreconditionFailed", message, 412)
    fields: dict[str, str] = {}
    size = 0
    for part in _parts(body, (found[1] or found[2]).encode()):
        name, filename, content = _part(part)
        if name == "file":
            return Form(_with_filename(fields, filename), content)
        size += len(part)
        if size > MOST_BEFORE_FILE:
            message = "Your POST request fields preceding the upload file were too large."
            raise ServiceError("MaxPostPreDataLengthExceeded", message, 400)
        if name in fields:
            raise invalid(f"POST contains the field {name} more than once")
        fields[name] = _text(content)
    raise invalid("POST requires exactly one file upload per request.")


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """Give what lies between the boundaries; a body that was torn off lacks the closing one."""
    content = b"\r\n" + body
    line = re.compile(rb"\r\n--" + re.escape(boundary) + rb"(--|[ \t]*\r\n)")
    lines = list(islice(line.finditer(content), MOST_PARTS))
    if not lines or lines[-1][1] != b"--":
        raise _malformed()
    return [content[start.end() : end.start()] for start, end in pairwise(lines)]


def _part(part: bytes) -> tuple[str, str, bytes]:
    """Give a part's name in lower case, its file's name, and its content."""
    head, blank, content = part.partition(b"\r\n\r\n")
    if not blank:
        raise _malformed()
    for line in _text(head).split("\r\n"):
        header, _, value = line.partition(":")
        if header.strip().lower() == "content-disposition":
            parameters = _parameters(value.strip())
            if "name" not in parameters:
                break
            return parameters["name"].lower(), parameters.get("filename", ""), content
    raise _malformed()


def _parameters(disposition: str) -> dict[str, str]:
    kind, _, _ = disposition.partition(";")
    if kind.strip().lower() != "form-data":
        raise _malformed()
    parameters: dict[str, str] = {}
    position = len(kind)
    while position < len(disposition):
        found = _PARAMETER.match(disposition, position)
        if found is None or found[1].lower() in parameters:
            raise _malformed()
        value = found[3] if found[2] is None else found[2]
        for escaped, sign in _ESCAPED.items():
            value = value.replace(escaped, sign)
        parameters[found[1].lower()] = value
        position = found.end()
    return parameters


def _with_filename(fields: Mapping[str, str], filename: str) -> dict[str, str]:
    """Put in the file's name, without the folders that some browsers tell, before any check."""
    name = re.split(r"[/\\]", filename)[-1]
    return {
        field: value if field == "policy" else value.replace(FILENAME, name)
        for field, value in fields.items()
    }


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _malformed() from None


def _malformed() -> ServiceError:
    message = "The body of your POST request is not well-formed multipart/form-data."
    return ServiceError("MalformedPOSTRequest", message, 400)
