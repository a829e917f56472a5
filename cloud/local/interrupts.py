"""Ends a thread from outside, but never while it is inside a service of this runtime.

A handler that overran its time is told so by an exception at its next instruction. In the middle
of a store that would leave locks and transactions behind, where on AWS the service is another
machine and goes on. So a service is entered through a gate: who is inside is told when it leaves.
"""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class TimedOut(BaseException):
    """Told to a handler that overran its time; on Lambda its sandbox would simply be gone."""


class Gate:
    """Stands between one thread and the services."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = 0
        self._depth = 0
        self._is_told = False

    def belongs_here(self) -> None:
        """Let the calling thread be the one that is told."""
        self._thread = threading.get_ident()
        _gates.mine = self

    def tell(self) -> None:
        """End what the thread does: now, or when it leaves the service that it is in."""
        with self._lock:
            self._is_told = True
            if self._depth == 0:
                # The one way to reach a thread from outside: at its next instruction.
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread), ctypes.py_object(TimedOut)
                )

    def enter(self) -> None:
        """Go into a service.

        Raises:
            TimedOut: the time is over.
        """
        with self._lock:
            if self._is_told and self._depth == 0:
                raise TimedOut
            self._depth += 1

    def leave(self) -> None:
        """Come out of a service.

        Raises:
            TimedOut: the time was over meanwhile.
        """
        with self._lock:
            self._depth -= 1
            is_over = self._is_told and self._depth == 0
        if is_over:
            raise TimedOut


_gates = threading.local()


@contextmanager
def service() -> Iterator[None]:
    """Keep the calling thread whole for as long as the block runs."""
    gate: Gate | None = getattr(_gates, "mine", None)
    if gate is None:
        yield
        return
    gate.enter()
    try:
        yield
    finally:
        gate.leave()
