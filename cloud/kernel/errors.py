"""The whole tree of what can go wrong, in one place.

    SunreeveError
    ├── BadInput          an outside input is wrong: say what, about which thing, what to do next
    │   └── NotFound      the thing it names is not there, or not there for this caller
    ├── Conflict          somebody else changed the thing first: load again and decide again
    ├── Unavailable       an outside thing does not answer: the same call may go through later
    └── BrokenInvariant   our own books do not agree: stop before a byte is written

A business *no* is not here: it is a value, `cloud.kernel.decision.Refused`.
"""


class SunreeveError(Exception):
    """Root of all errors raised by Sunreeve."""


class BadInput(SunreeveError):
    """An outside input cannot be used; the message names the thing and the remedy."""


class NotFound(BadInput):
    """The named thing does not exist, or does not exist for this caller."""


class Conflict(SunreeveError):
    """A conditional write lost: the stored version is not the one the decision was made on."""


class Unavailable(SunreeveError):
    """An outside thing did not answer; retrying later may succeed."""


class BrokenInvariant(SunreeveError):
    """A statement that must always hold does not; nothing was written."""
