"""Offsets at M1 for the inverters that a project was sold with, and the table of their prices."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from cloud.funding.approval import version_on
from cloud.funding.policy import F23, F24
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money, total
from cloud.kernel.policy import COMFORT

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
    inverters: Iterable[Inverter],
    *,
    sold_on: date,
    prices: Mapping[str, Money] | None = None,
    programme: str = COMFORT,
) -> WarrantyOffsets:
    """Give the offsets of a project (F23, F24).

    The Tesla offset is taken once a project, the other per unit; lines of the latter keep the
    order of the inverters. `prices` stands in for the price table in force on the day.
    """
    fitted = [inverter for inverter in inverters if inverter.quantity]
    listed = F23.on(sold_on, programme)
    table = F24.on(sold_on, programme) if prices is None else prices
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


@dataclass(frozen=True, slots=True)
class WarrantyPrices:
    """What the extended warranty of each model costs, from a day on (F24).

    Attributes:
        effective_from: first day on which a sale is priced by it.
        prices: model, in capitals, and price of one unit.
    """

    id: str
    effective_from: date
    prices: tuple[tuple[str, Money], ...]
    imported_by: str
    at: datetime
    programme: str = COMFORT


def table_on(
    tables: Iterable[WarrantyPrices], sold_on: date, programme: str = COMFORT
) -> Mapping[str, Money]:
    """Give the prices in force on a day: the newest table that holds, else the rule's own (F24)."""
    table = version_on(tables, sold_on)
    return F24.on(sold_on, programme) if table is None else dict(table.prices)


COLUMNS = ("model", "price")
MOST_MODELS = 2_000
"""Rows of one table: it is one record, and the store takes 400 kB of one."""
_MODEL = re.compile(r"[!-~]([ -~]{0,62}[!-~])?", re.ASCII)
_PRICE = re.compile(r"\d{1,6}\.\d{2}", re.ASCII)


def read_prices(content: bytes) -> tuple[tuple[str, Money], ...]:
    """Read a price table: a heading ``model,price``, then a model and dollars with two decimals.

    Models are compared without case and given in capitals. A price of nothing is none: who sells
    without the warranty leaves the model out, and its M1 waits for a person.

    Raises:
        BadInput: one line that names the line and column that cannot be read.
    """
    try:
        text = content.decode("utf-8-sig")
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        numbered = [(rows.line_num, row) for row in rows]
    except (UnicodeDecodeError, csv.Error) as wrong:
        msg = f"reading warranty prices: this is no CSV text in UTF-8 ({wrong}); save it as such"
        raise BadInput(msg) from wrong
    return _prices(numbered)


def _prices(numbered: list[tuple[int, list[str]]]) -> tuple[tuple[str, Money], ...]:
    if not numbered or tuple(numbered[0][1]) != COLUMNS:
        raise _unreadable(1, "model", f"the heading must be {','.join(COLUMNS)}")
    if not 1 < len(numbered) <= MOST_MODELS + 1:
        raise _unreadable(len(numbered), "model", f"a table has 1 to {MOST_MODELS} models")
    known: dict[str, Money] = {}
    for line, row in numbered[1:]:
        if len(row) != len(COLUMNS):
            raise _unreadable(line, "price", f"it has {len(row)} columns, not {len(COLUMNS)}")
        model, price = row[0].upper(), row[1]
        if not _MODEL.fullmatch(row[0]):
            raise _unreadable(line, "model", f"{row[0][:80]!r} is not 1 to 64 plain characters")
        if model in known:
            raise _unreadable(line, "model", f"{model} stands in the table twice")
        if not _PRICE.fullmatch(price) or not Money.parse(price):
            raise _unreadable(line, "price", f"{price[:80]!r} is not dollars and cents above zero")
        known[model] = Money.parse(price)
    return tuple(sorted(known.items()))


def _unreadable(line: int, column: str, because: str) -> BadInput:
    return BadInput(f"reading warranty prices: line {line}, column {column}: {because}; correct it")
