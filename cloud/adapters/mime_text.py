"""Text of a mail as people read it: bytes decoded, pages turned into lines, names made harmless."""

import re
import unicodedata
from binascii import Error as Base64Error
from email.errors import MessageError
from email.header import decode_header
from html import unescape

MAX_TEXT = 200_000
"""Characters of a mail's text that are read; a person writes less."""
MAX_PAGE = 250_000
"""Characters of a page that are read."""
_MAX_NAME = 100
_SILENT = {"script", "style", "head", "title", "template", "object", "noscript"}
_QUOTES = ("gmail_quote", "yahoo_quoted", "divRplyFwdMsg", "moz-cite-prefix")
"""What mail programs put around the mail that is answered."""
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,20})(?=[\s/>]|$)")
_MAX_ATTRIBUTES = 1_000
_LINES = {
    "p", "div", "br", "hr", "li", "tr", "table", "ul", "ol", "h1", "h2", "h3", "h4", "pre",
    "blockquote", "section", "article",
}  # fmt: skip
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff]"
)
"""Controls, marks that turn the direction of writing, and letters of no width."""
_SPACES = re.compile("[\t\u00a0\u2000-\u200a\u202f\u205f\u3000]")


def plain(text: str) -> str:
    """Give text without what cannot be seen, with one kind of line end and one kind of space."""
    lines = text[: 2 * MAX_TEXT].replace("\r\n", "\n").replace("\r", "\n")
    lines = lines.replace("\u2028", "\n").replace("\u2029", "\n").replace("\u0085", "\n")
    return _UNSEEN.sub("", _SPACES.sub(" ", lines))[:MAX_TEXT]


def one_line(text: str, *, most: int = 500) -> str:
    """Give text as one line."""
    return " ".join(plain(text).split())[:most]


def decoded(content: bytes, charset: str) -> str:
    """Read bytes in their charset; where it is unknown or wrong, in UTF-8 or else byte by byte."""
    for name in (charset, "utf-8"):
        try:
            return content.decode(name or "ascii")
        except (LookupError, ValueError):
            # "idna" and its like raise UnicodeError, which is a ValueError.
            continue
    return content.decode("cp1252", "replace")


def header_text(value: str) -> str:
    """Read a header's encoded words (RFC 2047); what cannot be read stays as it is."""
    raw = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        parts = decode_header(raw)
        words = [
            part if isinstance(part, str) else decoded(part, charset or "ascii")
            for part, charset in parts
        ]
    except (MessageError, Base64Error, LookupError, ValueError):
        return one_line(raw)
    return one_line("".join(words))


def file_name(given: str, *, otherwise: str) -> str:
    """Give a name that is no path, hides nothing and fits; `otherwise` where nothing is left."""
    last = re.split(r"[/\\]", plain(given))[-1]
    name = unicodedata.normalize("NFC", re.sub(r'[<>:"|?*\n]', "_", last)).strip(" .")
    if len(name) > _MAX_NAME:
        stem, dot, ending = name.rpartition(".")
        kept = ending[:10] if dot else ""
        name = f"{(stem or name)[: _MAX_NAME - len(kept) - 1]}{dot}{kept}"
    return name or otherwise


def text_of_page(page: str) -> str:
    """Give an HTML page as lines; quoted history is marked with ``>`` as in plain mails.

    The standard library's reader takes time that grows with the square of what is never closed, so
    this is a reader of our own: it goes over the page once, and knows but lines and quotes.
    """
    reader = _Page()
    text = page[:MAX_PAGE]
    at = 0
    while at < len(text):
        begins = text.find("<", at)
        if begins < 0:
            reader.add(text[at:])
            break
        reader.add(text[at:begins])
        at = reader.markup(text, begins)
    return reader.text()


class _Page:
    """Collects lines; elements that nest wrongly are forgiven."""

    def __init__(self) -> None:
        self._lines: list[tuple[bool, list[str]]] = [(False, [])]
        self._quotes = 0
        self._open: list[bool] = []

    def add(self, text: str) -> None:
        """Take text up; a page's own line ends are spaces."""
        self._lines[-1][1].append(re.sub(r"[ \t\r\n\f]+", " ", text))

    def markup(self, text: str, at: int) -> int:
        """Take up what begins with ``<``, and give where it ends; what never does ends the page."""
        if text.startswith("<!--", at):
            return _after(text, "-->", at + 4)
        found = _TAG.match(text, at)
        if found is None:
            if text.startswith(("<!", "<?"), at):
                return _after(text, ">", at)
            self._lines[-1][1].append("<")
            return at + 1
        name = found[2].lower()
        ends = _after(text, ">", found.end())
        if found[1]:
            self._end(name)
        elif name in _SILENT:
            closing = re.compile(f"</{name}", re.IGNORECASE).search(text, ends)
            return _after(text, ">", closing.end()) if closing else len(text)
        else:
            self._begin(name, text[found.end() : min(ends, found.end() + _MAX_ATTRIBUTES)])
        return ends

    def _begin(self, name: str, attributes: str) -> None:
        """Begin a line or a quote."""
        if name == "blockquote":
            self._quotes += 1
        if name == "div":
            is_quote = any(mark in attributes for mark in _QUOTES)
            self._open.append(is_quote)
            self._quotes += is_quote
        if name in _LINES:
            self._break()

    def _end(self, name: str) -> None:
        """End what was begun."""
        if name in _LINES:
            self._break()
        if name == "blockquote":
            self._quotes = max(0, self._quotes - 1)
        if name == "div" and self._open:
            self._quotes = max(0, self._quotes - self._open.pop())
        if name in _LINES:
            self._break()

    def _break(self) -> None:
        self._lines.append((self._quotes > 0, []))

    def text(self) -> str:
        """Give what was read."""
        lines = []
        for is_quoted, parts in self._lines:
            line = " ".join(_unescaped("".join(parts)).split())
            if line:
                lines.append(f"> {line}" if is_quoted else line)
        return "\n".join(lines)


def _after(text: str, ending: str, at: int) -> int:
    found = text.find(ending, at)
    return len(text) if found < 0 else found + len(ending)


def _unescaped(text: str) -> str:
    try:
        return unescape(text)
    except ValueError:  # a number with more digits than Python reads
        return text
