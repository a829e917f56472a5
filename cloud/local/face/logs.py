"""Reads the functions' structured log: its tail, or what came after a place in the file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloud.local.face.masks import masked, masked_text

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
PLAIN_LEVEL = "ERROR"
"""Of a line that is no JSON: what a function does not write as a structure is a trace."""
FURTHEST_BACK = 8 * 1024 * 1024
"""How many bytes before the end are searched for lines that pass a filter."""
MOST_AT_ONCE = 1024 * 1024
"""How many bytes are read after a cursor at once."""
LONGEST_MESSAGE = 2_000
"""In characters; the file keeps the whole."""

_WHO = ("function", "function_name", "service")
_ABOUT = (*_WHO, "at", "timestamp", "level", "message", "location", "request")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are wanted.

    Attributes:
        function: whose; the name of a service is one too. Empty for everybody's.
        level: the least; empty for all.
        text: what a line must hold, in any case.
    """

    function: str = ""
    level: str = ""
    text: str = ""

    def takes(self, line: "Line") -> bool:
        """Tell whether a line is wanted."""
        if self.function and self.function not in line.who:
            return False
        if self.level in LEVELS and _rank(line.level) < _rank(self.level):
            return False
        return self.text.lower() in line.searched


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log.

    Attributes:
        who: the function's name, and the service's.
        more: what the line says besides, as JSON; empty for nothing.
        searched: all of the line, in lower case, secrets masked.
    """

    at: str
    level: str
    who: tuple[str, ...]
    message: str
    more: str
    searched: str

    @property
    def function(self) -> str:
        """Whose line it is."""
        return self.who[0] if self.who else ""


@dataclass(frozen=True, slots=True)
class Read:
    """What was read.

    Attributes:
        cursor: the place in the file to go on from, in bytes.
    """

    lines: Sequence[Line]
    cursor: int


def tail(path: Path, wanted: Wanted, *, limit: int) -> Read:
    """Give the last lines that are wanted, newest last.

    The last line may be torn, because it is being written: it is left for later.
    """
    if not path.exists():
        return Read((), 0)
    found: list[Line] = []
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = max(0, size - FURTHEST_BACK)
        file.seek(start)
        content = file.read(size - start)
    end = content.rfind(b"\n") + 1
    first = content.find(b"\n") + 1 if start else 0
    for raw in _backwards(content, first, end):
        line = parsed(raw)
        if line is not None and wanted.takes(line):
            found.append(line)
            if len(found) == limit:
                break
    return Read(found[::-1], start + end)


def after(path: Path, wanted: Wanted, cursor: int) -> Read:
    """Give the wanted lines that were written after a cursor.

    A cursor beyond the end, because the file is another one now, begins at the start.
    """
    if not path.exists():
        return Read((), 0)
    with path.open("rb") as file:
        size = file.seek(0, 2)
        begin = cursor if cursor <= size else 0
        file.seek(begin)
        content = file.read(MOST_AT_ONCE)
    end = content.rfind(b"\n") + 1
    if end == 0 and len(content) == MOST_AT_ONCE:
        end = len(content)  # a line longer than that is given in parts, or nothing would move on
    lines = (parsed(raw) for raw in content[:end].split(b"\n"))
    return Read([line for line in lines if line and wanted.takes(line)], begin + end)


def _backwards(content: bytes, first: int, end: int) -> Iterator[bytes]:
    while end > first:
        begin = max(content.rfind(b"\n", first, end - 1) + 1, first)
        yield content[begin:end]
        end = begin


def parsed(raw: bytes) -> Line | None:
    """Read one line of the file; None for an empty one."""
    text = raw.decode(errors="replace").strip("\n\r")
    if not text.strip():
        return None
    try:
        content = json.loads(text)
        if isinstance(content, dict):
            return _structured(masked(content))
    except (ValueError, RecursionError):
        pass
    safe = masked_text(text)
    return Line("", PLAIN_LEVEL, (), safe[:LONGEST_MESSAGE], "", safe.lower())


def _structured(content: Mapping[str, Any]) -> Line:
    message = content.get("message", "")
    if not isinstance(message, str):
        message = json.dumps(message, ensure_ascii=False)
    rest = {name: value for name, value in content.items() if name not in _ABOUT}
    return Line(
        at=str(content.get("at") or content.get("timestamp") or ""),
        level=str(content.get("level", "INFO")).upper(),
        who=tuple(str(content[name]) for name in _WHO if content.get(name)),
        message=message[:LONGEST_MESSAGE],
        more=json.dumps(rest, ensure_ascii=False)[:LONGEST_MESSAGE] if rest else "",
        searched=json.dumps(content, ensure_ascii=False).lower(),
    )


def as_object(line: Line) -> dict[str, str]:
    """Give a line as the JSON interface shows it."""
    return {
        "at": line.at,
        "level": line.level,
        "function": line.function,
        "message": line.message,
        "more": line.more,
    }


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else LEVELS.index(PLAIN_LEVEL)
