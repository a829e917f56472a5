"""Writes lines in which nothing that others wrote can steer a terminal.

Everything that a command prints passes here, or a `cloud.cli.screen.Screen`, which does the same. A
pipe gets the same characters as a terminal: it may end in one. Only a file has what was written.
"""

import json
import sys
from collections.abc import Callable

_OF_A_PAGE = frozenset("\n\t")
_OF_A_FILE = frozenset("\r\n\t")


def harmless(text: str) -> str:
    """Give text in which nothing steers a terminal: such characters are shown as escapes.

    Ends of lines are among them, and so are characters that turn the direction of what follows.
    """
    return _shown(text, frozenset(), _as_python)


def harmless_page(text: str) -> str:
    """Give text of several lines in the same way: their ends and tabs stay."""
    return _shown(text, _OF_A_PAGE, _as_python)


def harmless_json(text: str) -> str:
    """Give a JSON text that means the same, with what steers a terminal as escapes of JSON."""
    return _shown(text, _OF_A_FILE, lambda one: json.dumps(one)[1:-1])


def say(text: object, end: str = "\n") -> None:
    """Print what was asked for, as a page."""
    print(harmless_page(str(text)), end=end)


def say_csv(text: str, end: str = "") -> None:
    """Print CSV, whose lines end with CRLF; a page of HTML is written so as well."""
    print(_shown(text, _OF_A_FILE, _as_python), end=end)


def say_json(text: str, end: str = "\n") -> None:
    """Print a JSON text that others wrote."""
    print(harmless_json(text), end=end)


def complain(line: str) -> None:
    """Say in one line on standard error what is wrong."""
    print(harmless(line), file=sys.stderr)


def _shown(text: str, kept: frozenset[str], escaped: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in kept else escaped(one) for one in text)


def _as_python(one: str) -> str:
    return one.encode("unicode_escape").decode()
