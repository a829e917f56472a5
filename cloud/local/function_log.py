"""The structured log of all functions: a file of JSON lines, each with who wrote it and when."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cloud.kernel.clock import Clock
from cloud.local.interrupts import service


class FunctionLog:
    """A text stream that functions print to, as they do to CloudWatch.

    A line that is a JSON object gains the function's name, the request's id and the instant of
    the runtime's clock; any other line is kept as text in such an object. Lines of threads that
    write at once stay whole.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._file = path.open("a", buffering=1, encoding="utf-8")
        self._lock = threading.Lock()
        self._writer = threading.local()

    @contextmanager
    def of(self, function: str, request_id: str) -> Iterator[None]:
        """Say whose lines this thread writes within the block."""
        before = getattr(self._writer, "who", None)
        self._writer.who = (function, request_id)
        try:
            yield
        finally:
            self._writer.who = before

    @property
    def writer(self) -> str:
        """The function whose lines this thread writes; empty outside of any."""
        found: tuple[str, str] = getattr(self._writer, "who", None) or ("", "")
        return found[0]

    def write(self, text: str) -> int:
        """Take text in; whole lines are written, the rest waits for its end."""
        *lines, self._writer.rest = (getattr(self._writer, "rest", "") + text).split("\n")
        for line in filter(str.strip, lines):
            self.write_line(_as_object(line))
        return len(text)

    def write_line(self, line: Mapping[str, Any]) -> None:
        """Write one line."""
        function, request_id = getattr(self._writer, "who", None) or ("", "")
        about = {"at": self._clock.now().isoformat(), "function": function, "request": request_id}
        text = json.dumps({**about, **line}, default=str)
        with service(), self._lock:
            if not self._file.closed:
                self._file.write(text + "\n")

    def flush(self) -> None:
        """Do nothing: each line is written through."""

    def close(self) -> None:
        """Close the file; what a thread prints afterwards is dropped."""
        with self._lock:
            self._file.close()


def _as_object(line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"level": "INFO", "message": line}
