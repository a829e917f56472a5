"""What a thread sees in the place of the process's environment."""

import os
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import ExitStack

_seen = threading.local()


def show(environment: Mapping[str, str]) -> None:
    """Let the calling thread see these variables from now on, and no others."""
    _seen.environment = dict(environment)


class _Environment(MutableMapping[str, str]):
    """`os.environ`: a thread's own variables where it was given some."""

    def __init__(self, real: MutableMapping[str, str]) -> None:
        self._real = real

    def _mine(self) -> MutableMapping[str, str]:
        own: MutableMapping[str, str] | None = getattr(_seen, "environment", None)
        return self._real if own is None else own

    def __getitem__(self, name: str) -> str:
        return self._mine()[name]

    def __setitem__(self, name: str, value: str) -> None:
        self._mine()[name] = value

    def __delitem__(self, name: str) -> None:
        del self._mine()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._mine()))

    def __len__(self) -> int:
        return len(self._mine())

    def copy(self) -> dict[str, str]:
        """Give the variables as a dictionary, as `os.environ` does."""
        return dict(self._mine())


def install() -> ExitStack:
    """Put the view in place; closing what comes back takes it away again."""
    undo = ExitStack()
    real, view = os.environ, _Environment(os.environ)
    setattr(os, "environ", view)  # noqa: B010 - the mapping itself, not what is in it

    def restore() -> None:
        if getattr(os, "environ") is view:  # noqa: B009
            setattr(os, "environ", real)  # noqa: B010

    undo.callback(restore)
    return undo
