"""Writes the agent's log to standard error, for people and for the journal.

A device that is off for a week must not fill a disk: of lines that say the same about the same
thing a few are written, and then one in an hour, with the number of those that were left out.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping

MOST_AT_ONCE = 3
QUIET_S = 3600.0
MOST_KINDS = 1000
"""Kinds of lines that are remembered; then counting begins anew."""
PRIORITIES = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}
"""Those of syslog (sd-daemon(3)), by level."""


class Seldom(logging.Filter):
    """Lets lines through that are new, and few of those that repeat.

    Lines repeat each other when their message, before its arguments are put in, and their first
    argument are the same: that argument is what the line is about.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._kinds: dict[tuple[str, str, str], tuple[float, int, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the line is written; a line after a quiet time says how many were not."""
        if record.levelno <= logging.DEBUG:
            return True
        first = record.args[0] if isinstance(record.args, tuple) and record.args else ""
        kind = (record.name, str(record.msg), str(first))
        now = self._monotonic()
        since, written, left_out = self._kinds.get(kind, (now, 0, 0))
        if now - since >= QUIET_S:
            since, written = now, MOST_AT_ONCE - 1 if left_out else 0
        if written >= MOST_AT_ONCE:
            self._kinds[kind] = (since, written, left_out + 1)
            return False
        if len(self._kinds) >= MOST_KINDS:
            self._kinds.clear()
        self._kinds[kind] = (since, written + 1, 0)
        record.left_out = left_out
        return True


class OneLine(logging.Formatter):
    """A line per message, with the priority in front where the journal reads it."""

    def __init__(self, *, has_priority: bool) -> None:
        super().__init__()
        self._has_priority = has_priority

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; what is not printable in it is a question mark."""
        text = record.getMessage()
        if left_out := getattr(record, "left_out", 0):
            text = f"{text} (and {left_out} more times)"
        if record.exc_info:
            text = f"{text} | {self.formatException(record.exc_info)}".replace("\n", " | ")
        text = "".join(letter if letter.isprintable() else "?" for letter in text)
        name = record.name.removeprefix("edge_agent.")
        if self._has_priority:
            return f"<{PRIORITIES.get(record.levelno, 6)}>{name}: {text}"
        return f"{self.formatTime(record, '%H:%M:%S')} {record.levelname.lower()} {name}: {text}"


def start(level: str, environ: Mapping[str, str]) -> None:
    """Send all lines of at least this level to standard error; calling it again sets the level."""
    root = logging.getLogger("edge_agent")
    root.setLevel(level.upper())
    if root.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(has_priority=_is_journal(environ)))
    handler.addFilter(Seldom())
    root.addHandler(handler)
    root.propagate = False


def _is_journal(environ: Mapping[str, str]) -> bool:
    """Tell whether standard error goes to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
