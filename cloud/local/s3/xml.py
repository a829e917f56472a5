"""Writes the XML that S3 answers with (Amazon S3 API reference)."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(root: str, members: Mapping[str, Any], *, namespace: str = NAMESPACE) -> bytes:
    """Give a document; a list is its member's element again and again, a mapping lies within."""
    xmlns = f' xmlns="{namespace}"' if namespace else ""
    content = "".join(_element(name, value) for name, value in members.items())
    written = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{xmlns}>{content}</{root}>'
    return written.encode()


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, one) for one in value)
    return f"<{name}>{_content(value)}</{name}>"


def _content(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(_element(name, one) for name, one in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"
    # XML has no form for some signs; they are shown as what stands for the unreadable.
    return escape(_UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", str(value)), {"\r": "&#13;"})
