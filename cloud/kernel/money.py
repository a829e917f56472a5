"""Whole cents."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cloud.kernel.errors import BadInput

BASIS_POINTS = 10_000
_DOLLARS = re.compile(r"(-?\$?|\$-)(\d{1,3}(?:,\d{3})*|\d+)\.(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount of US dollars in whole cents; it may be negative.

    Money never meets a float: multiplying by anything but an ``int`` is a `TypeError`, and a part
    of an amount is taken in basis points with the rounding in the method's name.
    """

    cents: int

    def __post_init__(self) -> None:
        if type(self.cents) is not int:
            msg = f"Money is whole cents, not {self.cents!r}"
            raise TypeError(msg)

    @classmethod
    def parse(cls, text: str) -> "Money":
        """Read ``$1,234.56`` or ``1234.56``, and what printing an amount gives: ``-$5.00``.

        Raises:
            BadInput: the text is not dollars with two decimals.
        """
        found = _DOLLARS.fullmatch(text.strip())
        if found is None:
            msg = f"reading an amount of money: {text!r} is not dollars with two decimals"
            raise BadInput(msg)
        sign, dollars, cents = found.groups()
        amount = int(dollars.replace(",", "")) * 100 + int(cents)
        return cls(-amount if "-" in sign else amount)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.cents + other.cents)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.cents - other.cents)

    def __neg__(self) -> "Money":
        return Money(-self.cents)

    def __mul__(self, count: int) -> "Money":
        if type(count) is not int:
            msg = f"Money is multiplied by whole numbers, not {count!r}"
            raise TypeError(msg)
        return Money(self.cents * count)

    def __bool__(self) -> bool:
        return self.cents != 0

    def share_rounded_down(self, basis_points: int) -> "Money":
        """Give that share of the amount, rounded towards minus infinity."""
        return Money(self.cents * basis_points // BASIS_POINTS)

    def share_rounded_half_up(self, basis_points: int) -> "Money":
        """Give that share of the amount; exactly half a cent goes up."""
        return Money((2 * self.cents * basis_points + BASIS_POINTS) // (2 * BASIS_POINTS))

    def __str__(self) -> str:
        sign = "-" if self.cents < 0 else ""
        dollars, cents = divmod(abs(self.cents), 100)
        return f"{sign}${dollars:,}.{cents:02d}"


ZERO = Money(0)


def total(amounts: Iterable[Money]) -> Money:
    """Give the sum; of nothing it is zero."""
    return Money(sum(amount.cents for amount in amounts))
