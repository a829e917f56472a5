"""Offsets at M1 for the inverters that a project was sold with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from cloud.funding.policy import F23, F24
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money, total

TESLA = "TESLA"
SOLAREDGE = frozenset({"SOLAREDGE", "SE"})


@dataclass(frozen=True, slots=True)
class Inverter:
    """A device that a project was sold with; make and model are compared without case."""

    make: str
    model: str
    quantity: int = 1

    def __post_init__(self) -> None:
        if self.quantity < 0:
            msg = f"inverter {self.model}: a quantity of {self.quantity} cannot be installed"
            raise BadInput(msg)
        object.__setattr__(self, "make", self.make.strip().upper())
        object.__setattr__(self, "model", self.model.strip().upper())


@dataclass(frozen=True, slots=True)
class WarrantyLine:
    """One part of the offset.

    Attributes:
        kind: ``tesla_warranty`` or ``solaredge_extended_warranty``.
        about: ``project``, or the model.
    """

    kind: str
    about: str
    amount: Money


@dataclass(frozen=True, slots=True)
class WarrantyOffsets:
    """What M1 gives up for warranties.

    Attributes:
        unpriced_models: models whose price nobody entered; they block M1 until somebody does.
    """

    lines: tuple[WarrantyLine, ...]
    unpriced_models: tuple[str, ...]

    @property
    def offset(self) -> Money:
        """The sum of the lines that are priced."""
        return total(line.amount for line in self.lines)

    @property
    def blocks_m1(self) -> bool:
        """Whether M1 waits for a price."""
        return bool(self.unpriced_models)


def warranty_offsets(
    inverters: Iterable[Inverter], *, sold_on: date, prices: Mapping[str, Money] | None = None
) -> WarrantyOffsets:
    """Give the offsets of a project (F23, F24).

    The Tesla offset is taken once a project, the other per unit; lines of the latter keep the
    order of the inverters. `prices` stands in for the price table in force on the day.
    """
    fitted = [inverter for inverter in inverters if inverter.quantity]
    listed = F23.on(sold_on)
    table = F24.on(sold_on) if prices is None else prices
    price_of = {model.strip().upper(): price for model, price in table.items()}
    lines = []
    if any(one.make == TESLA and listed.part_number.fullmatch(one.model) for one in fitted):
        lines.append(WarrantyLine("tesla_warranty", "project", listed.amount))
    extended = [inverter for inverter in fitted if inverter.make in SOLAREDGE]
    lines += [
        WarrantyLine("solaredge_extended_warranty", one.model, price_of[one.model] * one.quantity)
        for one in extended
        if one.model in price_of
    ]
    unpriced = dict.fromkeys(one.model for one in extended if one.model not in price_of)
    return WarrantyOffsets(tuple(lines), tuple(unpriced))
