"""Turns what is known into HTML: the templates, and how instants, counts and sizes are written."""

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

PAGES = Path(__file__).with_name("pages")
LOCAL = ZoneInfo("America/New_York")
"""The zone of the owner's office."""
STATIC = {"style.css": "text/css", "fresh.js": "text/javascript"}
"""Files that are served as they are."""

_SIZES = ("bytes", "KB", "MB", "GB")


def static(name: str) -> bytes:
    """Give a file that is served as it is."""
    return (PAGES / name).read_bytes()


def page(template: str, **about: Any) -> bytes:
    """Render a page; whatever is put into it is escaped."""
    return _templates().get_template(template).render(about).encode()


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "utc": utc,
        "local": local,
        "count": count,
        "plural": plural,
        "size": size,
        "took": took,
        "away": away,
        "part": part,
    }
    templates.globals["version"] = {
        name: hashlib.sha256(static(name)).hexdigest()[:12] for name in STATIC
    }
    return templates


def utc(at: datetime | None, *, seconds: bool = False) -> str:
    """Write an instant in UTC; a dash for none."""
    if at is None:
        return "–"  # noqa: RUF001 - a dash is what is meant
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if seconds else f"{at:%Y-%m-%d %H:%M}"


def local(at: datetime) -> str:
    """Write an instant as a clock in the owner's office shows it."""
    return f"{at.astimezone(LOCAL):%a %d %b %Y, %H:%M %Z}"


def count(number: float) -> str:
    """Write a number with thousands apart."""
    return f"{number:,.0f}"


def plural(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(size_bytes: float) -> str:
    """Write a size."""
    left = float(size_bytes)
    for unit in _SIZES:
        if left < 1000 or unit == _SIZES[-1]:
            break
        left /= 1000
    return f"{left:,.0f} {unit}" if unit == "bytes" else f"{left:,.1f} {unit}"


def took(ms: float) -> str:
    """Write how long something took."""
    return f"{ms:,.1f} ms" if ms < 1000 else f"{ms / 1000:,.1f} s"


def away(at: datetime | None, now: datetime) -> str:
    """Write how far an instant is from now; what is past is ago."""
    if at is None:
        return ""
    seconds = (at - now).total_seconds()
    text = _span(abs(seconds))
    if text == "0 s":
        return "now"
    return f"in {text}" if seconds > 0 else f"{text} ago"


def _span(seconds: float) -> str:
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86400
    if minutes < 1:
        return f"{seconds:.0f} s"
    if hours < 1:
        return f"{minutes:.0f} min"
    if hours < 36:
        return f"{int(hours)} h {int(minutes) % 60} min"
    return f"{int(days)} d {int(hours) % 24} h"


def part(text: str) -> str:
    """Write a value so that it can stand in a query or as one part of a path."""
    return quote(text, safe="")
