"""Amounts of what is billed, by meter and by whose they are."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

GATEWAYS = "gateways"
"""Whose the connections and messages are, which no function causes."""


class Units:
    """How much was used, by meter and by function."""

    def __init__(self, amounts: Mapping[tuple[str, str], float] | None = None) -> None:
        self._amounts: defaultdict[tuple[str, str], float] = defaultdict(float, amounts or {})

    def add(self, meter: str, whose: str, amount: float = 1.0) -> None:
        """Count some more."""
        if amount:
            self._amounts[meter, whose] += amount

    def of(self, meter: str, whose: str | None = None) -> float:
        """Give how much of a meter somebody used, or all together."""
        if whose is not None:
            return self._amounts.get((meter, whose), 0.0)
        return sum(amount for (name, _), amount in self._amounts.items() if name == meter)

    def times(self, factor: float) -> "Units":
        """Give so many times as much of everything."""
        return Units({key: amount * factor for key, amount in self._amounts.items()})

    def plus(self, other: "Units") -> "Units":
        """Give both together."""
        total = Units(self._amounts)
        for (meter, whose), amount in other:
            total.add(meter, whose, amount)
        return total

    def less(self, other: "Units") -> "Units":
        """Give what is over another, and nothing where the other has more."""
        left = {key: amount - other.of(*key) for key, amount in self._amounts.items()}
        return Units({key: amount for key, amount in left.items() if amount > 0})

    def copy(self) -> "Units":
        """Give the same amounts, which count no further."""
        return Units(dict(self._amounts))

    def meters(self) -> list[str]:
        """Name the meters, in order."""
        return sorted({meter for meter, _ in self._amounts})

    def owners(self) -> list[str]:
        """Name whose they are, in order."""
        return sorted({whose for _, whose in self._amounts})

    def __iter__(self) -> Iterator[tuple[tuple[str, str], float]]:
        return iter(sorted(self._amounts.items()))
