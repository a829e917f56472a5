"""PDF papers from outside: kept as they came, but only those that can do nothing but be read."""

import re
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from pypdf import PdfReader
from pypdf.errors import PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject

from cloud.service.uploads import PDF, Fault, Inspected, Limits

MOST_INFLATED = 256 * 1024 * 1024
"""Bytes of all streams of one paper together, unpacked."""
MOST_NESTED = 3
"""How often a stream may be packed in itself; a bomb packs twice, an honest writer once."""
MOST_OBJECTS = 50_000

_STREAM = re.compile(rb"stream\r?\n")
_STEP = 64 * 1024
_MOST_INNER = 4 * 1024 * 1024
"""Of what a stream unpacks to, as much as is tried to be unpacked again."""

_ACTIVE_KEYS = frozenset(
    {
        "/JavaScript", "/JS", "/EmbeddedFile", "/EmbeddedFiles", "/EF", "/RichMediaContent",
        "/RichMediaSettings", "/XFA", "/AA", "/AF",
    }
)  # fmt: skip
"""Keys whose presence makes a document do something, or carry something."""
_ACTIVE_VALUES = {
    "/S": frozenset(
        {
            "/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/GoToE", "/GoToR",
            "/Rendition", "/Movie", "/Sound", "/RichMediaExecute", "/Trans3D", "/GoTo3DView",
        }
    ),
    "/Subtype": frozenset({"/RichMedia", "/FileAttachment", "/Movie", "/Sound", "/Screen", "/3D"}),
    "/Type": frozenset({"/EmbeddedFile"}),
}  # fmt: skip
"""Names that an action, an annotation or a stream has when it is more than something to read."""
_ACTIVE_WORDS = re.compile(
    rb"/(?:JavaScript|Launch|EmbeddedFiles?|RichMedia|SubmitForm|ImportData|GoToE)\b"
)
"""The same in the bytes of the file: what no table leads to, another reader may find."""
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_UNREADABLE = (
    PyPdfError, ValueError, KeyError, IndexError, TypeError, AttributeError, OSError, zlib.error,
    struct.error, RecursionError, OverflowError, AssertionError, NotImplementedError, EOFError,
)  # fmt: skip
"""What the library raises at bytes that are not quite a PDF."""


def inspect(content: bytes, limits: Limits) -> Inspected | Fault:
    """Give a paper that may be kept with its number of pages, or why it may not be (U-07).

    Refused are what is encrypted, what acts (scripts, launches, forms that send), what carries
    files or media, and what unpacks to more than it should. An opening view is no action.
    """
    if inflated(content, MOST_INFLATED) > MOST_INFLATED:
        because = "its streams unpack to more than a paper can hold: print it to a new PDF"
        return Fault("paper_unpacks_too_large", because)
    try:
        reader = PdfReader(BytesIO(content), strict=False)
        if reader.is_encrypted:
            because = "it is encrypted: send it without a password and without restrictions"
            return Fault("paper_encrypted", because)
        active = _activity(reader) or _said_active(content)
        if active:
            because = f"it holds more than pages ({active}): print it to a new PDF"
            return Fault("paper_active", because)
        pages = len(reader.pages)
        for page in reader.pages[: limits.most_pages]:
            _ = page.mediabox
    except _UNREADABLE as wrong:
        because = f"it cannot be read as a PDF ({type(wrong).__name__}): print it to a new PDF"
        return Fault("paper_unreadable", because)
    if not 0 < pages <= limits.most_pages:
        because = f"it has {pages} pages, and 1 to {limits.most_pages} are taken"
        return Fault("paper_pages", because)
    return Inspected(content=content, content_type=PDF, pages=pages)


def inflated(content: bytes, most: int) -> int:
    """Give how many bytes all streams unpack to, counted no further than just over the most.

    It looks for streams in the bytes of the file, before anything that trusts its tables.
    """
    total = 0
    whole = memoryview(content)
    for found in _STREAM.finditer(content):
        total += _unpacked(whole[found.end() :], most - total, MOST_NESTED)
        if total > most:
            break
    return total


def _unpacked(packed: memoryview, most: int, nested: int) -> int:
    if not packed or packed[0] & 0x0F != zlib.DEFLATED:
        return 0
    inflater = zlib.decompressobj()
    total, head = 0, bytearray()
    try:
        for start in range(0, len(packed), _STEP):
            waiting: bytes | memoryview = packed[start : start + _STEP]
            while waiting and not inflater.eof and total <= most:
                out = inflater.decompress(waiting, 16 * _STEP)
                total += len(out)
                head += out[: _MOST_INNER - len(head)]
                waiting = inflater.unconsumed_tail
            if inflater.eof or total > most:
                break
    except zlib.error:
        pass  # what was unpacked until then is counted
    if nested > 1 and total <= most:
        total += _unpacked(memoryview(bytes(head)), most - total, nested - 1)
    return total


def _activity(reader: PdfReader) -> str:
    """Give the name of the first thing that makes a document more than pages, else nothing."""
    for count, number in enumerate(_numbers(reader)):
        if count >= MOST_OBJECTS:
            return "too many objects"
        found = next(_active_in(reader.get_object(IndirectObject(number, 0, reader))), "")
        if found:
            return found
    return next(_active_in(reader.trailer), "")


def _numbers(reader: PdfReader) -> list[int]:
    """Give the numbers of all objects that any table of the document lists."""
    listed = {number for table in reader.xref.values() for number in table}
    return sorted(listed | set(reader.xref_objStm))


def _active_in(value: Any) -> Iterator[str]:
    """Give what is active in an object and in all that it holds itself.

    References are not followed: each object that a table lists is looked at by itself.
    """
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, DictionaryObject):
            yield from _active_of(one)
            waiting += [dict.__getitem__(one, key) for key in one]
        elif isinstance(one, ArrayObject):
            waiting += list(list.__iter__(one))


def _active_of(entries: DictionaryObject) -> Iterator[str]:
    for key in entries:
        if key in _ACTIVE_KEYS or (key == "/OpenAction" and not _is_view(entries[key])):
            yield str(key)
    for key, names in _ACTIVE_VALUES.items():
        if key not in entries:
            continue
        value = entries[key]  # what it refers to, where it is a reference
        if isinstance(value, NameObject) and value in names:
            yield str(value)


def _is_view(action: Any) -> bool:
    """Tell whether an opening action only chooses what is shown first."""
    is_jump = isinstance(action, DictionaryObject) and action.get("/S") == "/GoTo"
    return is_jump or not isinstance(action, DictionaryObject)


def _said_active(content: bytes) -> str:
    plain = _ESCAPED.sub(lambda code: bytes([int(code[1], 16)]), content)
    found = _ACTIVE_WORDS.search(content) or _ACTIVE_WORDS.search(plain)
    return found[0].decode() if found else ""
