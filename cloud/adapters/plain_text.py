"""Text that comes from outside: words, ends of lines and tabs, nothing that steers what shows it.

A control character has no meaning in a name, a number or a sentence. Where such a text is shown, in
a terminal, a log or a sheet, it may act.
"""

import re

from pydantic import AfterValidator

_CONTROL = re.compile(r"(?!\r\n)[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""C0 and C1, and DEL (ISO/IEC 6429). A carriage return is let through before a line feed only."""


def _plain(value: str) -> str:
    found = _CONTROL.search(value)
    if found:
        msg = (
            f"there is a control character, {found.group().encode('unicode_escape').decode()}, at "
            f"place {found.start()}: write text, ends of lines and tabs"
        )
        raise ValueError(msg)
    return value


Plain = AfterValidator(_plain)
"""Of a text in a body or a query: it holds no control characters."""
