"""Text that must never reach a log, a page or an exception."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A bank account number, a token: its value is asked for by name, and it prints as stars."""

    value: str

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    @property
    def last4(self) -> str:
        """The last four characters, which may be shown to recognise it."""
        return self.value[-4:]
