"""Text of the papers that came with a mail, as far as it can be read within bounds."""

import logging
from io import BytesIO
from zlib import error as ZlibError  # noqa: N812

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from cloud.adapters.mime_text import MAX_TEXT, plain
from cloud.service.mail import ArrivedMail, PaperKind

MAX_PAPERS = 5
MAX_PAGES = 20
MAX_PAPER_BYTES = 10 * 1024 * 1024
MAX_OBJECTS = 20_000

# What a broken paper makes the library say is not worth a line of the log for each object.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)

_BROKEN = (
    PyPdfError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
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
    """Give the text of a PDF, empty where it is encrypted, too large or not one."""
    if len(paper) > MAX_PAPER_BYTES or paper.count(b" obj") > MAX_OBJECTS:
        return ""
    try:
        reader = PdfReader(BytesIO(paper))
        if reader.is_encrypted:
            return ""
        pages = [page.extract_text() for page in reader.pages[:MAX_PAGES]]
    except _BROKEN:
        return ""
    return plain("\n".join(pages))[:MAX_TEXT]
