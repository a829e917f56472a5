"""Which numbers are used, in a small file of its own beside the queue.

The queue can be lost, or the end of its log; a number of a chunk that may have been sent is not
used again.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

MOST_NUMBER: Final = 2**53


class Numbers:
    """The last number that may have been sent: none is sent before it is written down here."""

    def __init__(self, path: Path) -> None:
        """Read the file; one that is missing or makes no sense says nothing."""
        self._path = path
        self.last = 0
        with suppress(OSError, ValueError):
            found = int(path.read_text("ascii"))
            self.last = found if 0 < found < MOST_NUMBER else 0

    def keep(self, number: int) -> None:
        """Make sure that the file on disk says `number` or more.

        Raises:
            OSError: the disk takes nothing; the number must not be sent.
        """
        if number <= self.last:
            return
        fresh = self._path.with_name(self._path.name + ".new")
        with fresh.open("w", encoding="ascii") as file:
            file.write(str(number))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.last = number
