"""Names that are made from what they name.

An id is derived from its cause, never drawn: doing the same thing twice gives the same id, so that
the second time changes nothing.
"""

import hashlib

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, so that a number survives being read over the telephone."""


_SEPARATOR, _ESCAPE = "\x1f", "\x1b"


def _unseparated(cause: str) -> str:
    """Give the cause without the separator, so that no two lists of causes read the same."""
    return cause.replace(_ESCAPE, f"{_ESCAPE}0").replace(_SEPARATOR, f"{_ESCAPE}1")


def derived(prefix: str, *causes: str | int) -> str:
    """Give ``PREFIX-`` and ten characters (50 bits) that stand for these causes and no others.

    >>> derived("WO", "CASE-1", 1) == derived("WO", "CASE-1", 1)
    True
    """
    text = "".join(f"{_SEPARATOR}{_unseparated(str(cause))}" for cause in causes)
    number = int.from_bytes(hashlib.sha256(f"{prefix}{text}".encode()).digest()[:8])
    return f"{prefix}-" + "".join(_ALPHABET[number >> 5 * place & 31] for place in range(9, -1, -1))
