"""Text that must never reach a log, a page or an exception, and lies sealed in the tables."""

from dataclasses import dataclass

from cloud.kernel.errors import BrokenInvariant


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret as it is stored.

    Attributes:
        text: what only the key that sealed it can open.
        context: what it belongs to; it opens for nothing else.
        last4: the last four characters in clear, which may be shown to recognise it.
    """

    text: str
    context: str
    last4: str


class Secret:
    """A bank account number: its value is asked for by name, and it prints as stars.

    One that was loaded where the key is out of reach is locked: it can be shown by its last four
    characters and stored again where it lay, and that is all.
    """

    __slots__ = ("_sealed", "_value")

    def __init__(self, value: str | None, *, sealed: Sealed | None = None) -> None:
        """Hold a value, its sealed form, or both.

        Raises:
            BrokenInvariant: neither is given.
        """
        if value is None and sealed is None:
            msg = "a secret needs its value or its sealed form"
            raise BrokenInvariant(msg)
        self._value = value
        self._sealed = sealed

    @property
    def value(self) -> str:
        """The secret itself.

        Raises:
            BrokenInvariant: it is locked here.
        """
        if self._value is None:
            msg = "a secret is locked here: only who holds its key may open it"
            raise BrokenInvariant(msg)
        return self._value

    @property
    def sealed(self) -> Sealed | None:
        """The form in which it was stored, None when it never was."""
        return self._sealed

    @property
    def is_locked(self) -> bool:
        """Whether its value is out of reach here."""
        return self._value is None

    @property
    def last4(self) -> str:
        """The last four characters, which may be shown to recognise it."""
        if self._sealed is not None:
            return self._sealed.last4
        return self.value[-4:]

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        """Compare values; where one of them is locked, what is stored."""
        if not isinstance(other, Secret):
            return NotImplemented
        if self._value is None or other._value is None:
            return self._sealed is not None and self._sealed == other._sealed
        return self._value == other._value

    def __hash__(self) -> int:
        return hash(self.last4)
