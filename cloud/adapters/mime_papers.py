"""Text of the papers that came with a mail, as far as it can be read within bounds."""

import logging
from collections.abc import Callable
from io import BytesIO
from typing import Any
from zlib import error as ZlibError  # noqa: N812

from pypdf import PdfReader, apply_configuration
from pypdf.errors import PyPdfError

from cloud.adapters.mime_text import MAX_TEXT, plain
from cloud.adapters.papers import inflated
from cloud.service.mail import ArrivedMail, PaperKind

MAX_PAPERS = 5
MAX_PAGES = 20
MAX_PAPER_BYTES = 10 * 1024 * 1024
MAX_OBJECTS = 20_000
MAX_INFLATED = 4 * 1024 * 1024
"""Bytes of all streams of one paper together, unpacked: the fonts and the logo of an invoice."""
MAX_STEPS = 40_000
"""Drawing steps of one paper; a full page of text takes some thousand."""
MAX_PARSED = 4 * MAX_STEPS
"""Words of one stream of such steps, before any is drawn."""
FORM_STEPS = 4_000
"""What a form that is drawn counts for, beside its own steps: it is parsed each time."""

# What a broken paper makes the library say is not worth a line of the log for each object.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)

_BROKEN = (
    PyPdfError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    ZlibError,
)
"""What the library raises on papers that break their standard; it promises nothing."""


def texts_of(mail: ArrivedMail) -> tuple[str, ...]:
    """Give the text of each PDF of a mail that has any; text that is a picture is not read."""
    papers = [one for one in mail.attachments if one.kind is PaperKind.PDF][:MAX_PAPERS]
    texts = [text_of(one.content) for one in papers]
    return tuple(text for text in texts if text.strip())


def text_of(paper: bytes) -> str:
    """Give the text of a PDF, empty where it is encrypted, too large or not one.

    Too large is also what unpacks to more, or takes more steps to draw, than an invoice does.
    """
    if len(paper) > MAX_PAPER_BYTES or paper.count(b" obj") > MAX_OBJECTS:
        return ""
    if inflated(paper, MAX_INFLATED) > MAX_INFLATED:
        return ""
    try:
        with apply_configuration(stream_parsing_work_maximum_count=MAX_PARSED):
            pages = _pages(PdfReader(BytesIO(paper)))
    except _BROKEN:
        return ""
    return plain("\n".join(pages))[:MAX_TEXT]


def _pages(reader: PdfReader) -> list[str]:
    if reader.is_encrypted:
        return []
    step = _bounded()
    return [page.extract_text(visitor_operand_before=step) for page in reader.pages[:MAX_PAGES]]


def _bounded() -> Callable[..., None]:
    """Give what the library calls before each drawing step, and what ends the reading."""
    left = MAX_STEPS

    def step(operator: Any, *_: Any) -> None:
        nonlocal left
        left -= FORM_STEPS if operator == b"Do" else 1
        if left < 0:
            msg = "reading a paper: it takes too many steps"
            raise ValueError(msg)

    return step
