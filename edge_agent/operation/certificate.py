"""Tells how long the gateway's certificate is still good for.

The standard library reads the dates of authorities only, so the few bytes on the way to the date
are walked here (RFC 5280, section 4.1: certificate, tbsCertificate, validity; X.690 for DER).
"""

import calendar
import ssl
from collections.abc import Iterator
from pathlib import Path

DAY_S = 86_400
MOST_BYTES = 65_536
UTC_TIME, EXPLICIT_VERSION = 0x17, 0xA0
BEFORE_VALIDITY = 3
"""Serial number, signature algorithm and issuer."""


def certificate_days(path: Path | str, now: float) -> int | None:
    """Return the whole days until the first certificate of a PEM file ends, negative after it did.

    None when there is none that can be read: connecting says why, with the name of the file.
    """
    try:
        with Path(path).open("rb") as file:
            pem = file.read(MOST_BYTES).decode("ascii")
        start = pem.index(ssl.PEM_HEADER)
        end = pem.index(ssl.PEM_FOOTER, start) + len(ssl.PEM_FOOTER)
        ends_at = _ends_at(ssl.PEM_cert_to_DER_cert(pem[start:end]))
    except (OSError, ValueError, StopIteration):
        return None
    return int((ends_at - now) // DAY_S)


def _ends_at(der: bytes) -> int:
    """Return `notAfter` as unix seconds."""
    _, certificate = next(_elements(der))
    _, signed = next(_elements(certificate))
    fields = (body for tag, body in _elements(signed) if tag != EXPLICIT_VERSION)
    for _ in range(BEFORE_VALIDITY):
        next(fields)
    validity = _elements(next(fields))
    next(validity)
    tag, moment = next(validity)
    text = moment.decode("ascii")
    if not text.endswith("Z"):
        raise ValueError("a time that is not in UTC")
    if tag == UTC_TIME:  # two digits: 1950 to 2049
        text = ("19" if text[:2] >= "50" else "20") + text
    parts = (text[:4], text[4:6], text[6:8], text[8:10], text[10:12], text[12:14])
    return calendar.timegm(tuple(int(part) for part in parts))


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of the elements that follow each other."""
    at = 0
    while at + 2 <= len(der):
        tag, size = der[at], der[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(der[at : at + count], "big")
            at += count
        if at + size > len(der):
            raise ValueError("an element that ends behind its file")
        yield tag, der[at : at + size]
        at += size
