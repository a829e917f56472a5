"""Records to text and back, by their type hints.

msgspec does the work: it knows dataclasses, dates, enums and tuples, and it checks on the way back
in. What is stored carries the number of its shape, so that a later shape can still read it.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from cloud.kernel.errors import BrokenInvariant

R = TypeVar("R")

SHAPE = 1
"""Number of the stored shape; it rises when old text could not be read as a record any more."""


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    msg = f"a {type(value).__name__} cannot be stored"
    raise NotImplementedError(msg)


def to_text(record: object) -> str:
    """Give the record as JSON; equal records give equal text."""
    return msgspec.json.encode(record, enc_hook=_plain, order="deterministic").decode()


def from_text(kind: type[R], text: str) -> R:
    """Give the record that the text holds.

    Raises:
        BrokenInvariant: the text does not hold such a record.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeError) as wrong:
        msg = f"a stored {kind.__name__} cannot be read: {wrong}"
        raise BrokenInvariant(msg) from wrong
