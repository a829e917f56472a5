"""Counts the requests that go to AWS's services, by service and operation."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore import handlers

_counts: list[Counter[str]] = []


def _note(model: Any, **_: Any) -> None:
    for counted in _counts:
        counted[f"{model.service_model.service_name} {model.name}"] += 1


def prepare() -> None:
    """Let requests of clients that are made from now on be counted."""
    entry = ("before-parameter-build", _note)
    if entry not in handlers.BUILTIN_HANDLERS:
        handlers.BUILTIN_HANDLERS.append(entry)


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Give a count of all requests that are made within the block."""
    made: Counter[str] = Counter()
    _counts.append(made)
    try:
        yield made
    finally:
        _counts.remove(made)
