"""A business *no*, as a value with its rule."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refused:
    """What was asked for is not allowed, by which rule, and why.

    Attributes:
        rule: id of the rule in the rule book, for example ``I-62``.
        because: one sentence for the person who asked.
        code: the machine-readable name that the API and mail replies carry.
    """

    rule: str
    because: str
    code: str
