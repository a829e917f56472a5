"""Turns a page into HTML: the templates below ``pages/``, their style and their script."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cloud.portal.labels import label, toned
from cloud.portal.shown import FILTERS

_PAGES = Path(__file__).parent / "pages"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that all pages share; its name changes with its content, so browsers keep it."""

    name: str
    content_type: str
    content: bytes


def _asset(file: str, content_type: str) -> Asset:
    content = (_PAGES / file).read_bytes()
    stem, _, ending = file.partition(".")
    mark = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"{stem}-{mark}.{ending}", content_type, content)


STYLE = _asset("style.css", "text/css; charset=utf-8")
SCRIPT = _asset("script.js", "text/javascript; charset=utf-8")
ICON = _asset("icon.svg", "image/svg+xml")
ASSETS: Mapping[str, Asset] = {one.name: one for one in (STYLE, SCRIPT, ICON)}


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(FILTERS)
    made.globals.update(label=label, toned=toned)
    return made


_SHEETS = _environment()


def sheet(template: str, shows: Mapping[str, Any]) -> str:
    """Give a template filled in; a name that it needs and is not given is an error."""
    return _SHEETS.get_template(template).render(shows)
