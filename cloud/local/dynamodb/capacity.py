"""Counts the capacity units of a request from the sizes of its items: what AWS would bill.

AWS, DynamoDB Developer Guide: "DynamoDB read and write operations" and "DynamoDB item sizes and
formats" for tables, "Using Global Secondary Indexes in DynamoDB" (Provisioned throughput
considerations) for indexes, "Amazon DynamoDB Transactions: How it works" (Capacity management) for
transactions. Where these are silent, what others measured on DynamoDB itself counts: the factor of
a transaction is the table's alone, an index costs in it what it costs outside (dynoxide, pull
request 188), and an index is charged for the change of what it stores (dynamodb-conformance, issue
149). How a cancelled transaction is billed is told nowhere; it is counted as if it had been done.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cloud.local.dynamodb.schema import Index, Table
from cloud.local.dynamodb.values import Item, is_equal, item_size

_READ_UNIT = 4096
_WRITE_UNIT = 1024
_TRANSACTIONAL = 2.0
_STORED_OVERHEAD = 100
"""Bytes that each item costs beside itself, and each entry of an index once more."""


@dataclass(frozen=True, slots=True)
class Consumed:
    """What a request consumed of a table, or of one of its indexes.

    Attributes:
        index: empty for the table itself.
        is_write: whether these are write units.
    """

    table: str
    index: str
    is_write: bool
    units: float


Told = Callable[[Consumed], None]


def read_units(size: int, *, is_consistent: bool, is_transaction: bool = False) -> float:
    """Give the units of a read of so many bytes: one for 4 KB, half when eventually consistent.

    What is not there costs as much as the smallest item; a query is one read of all its items.
    """
    units = float(max(1, math.ceil(size / _READ_UNIT)))
    if is_transaction:
        return units * _TRANSACTIONAL
    return units if is_consistent else units / 2


def write_units(before: int, after: int, *, is_transaction: bool = False) -> float:
    """Give the units of a write: one for each KB of the larger state, twice in a transaction."""
    units = float(max(1, math.ceil(max(before, after) / _WRITE_UNIT)))
    return units * _TRANSACTIONAL if is_transaction else units


def index_units(table: Table, index: Index, before: Item | None, after: Item | None) -> float:
    """Give the units that the change of an item costs in an index, within a transaction or not.

    An entry that stays as it is costs nothing; one whose key changes is deleted and inserted.
    """
    old = table.entry(index, before) if before is not None else None
    new = table.entry(index, after) if after is not None else None
    if old is None and new is None:
        return 0.0
    if old is None or new is None:
        return write_units(_size(old), _size(new))
    if is_equal({"M": old}, {"M": new}):
        return 0.0
    if index.keys.encoded(old) == index.keys.encoded(new):
        return write_units(_size(old), _size(new))
    return write_units(_size(old), 0) + write_units(0, _size(new))


def stored_bytes(table: Table, item: Item) -> int:
    """Count what an item is billed for while it lies there: itself, its entries, and the overhead.

    AWS, "DynamoDB item sizes and formats" and "Using Global Secondary Indexes", Storage.
    """
    entries = (table.entry(index, item) for index in table.indexes.values())
    sizes = [_size(item), *(_size(entry) for entry in entries if entry is not None)]
    return sum(sizes) + _STORED_OVERHEAD * len(sizes)


class Meter:
    """The units that one request consumed, by table and index."""

    def __init__(
        self,
        request: Mapping[str, Any],
        told: Told | None = None,
        *,
        is_transaction: bool = False,
    ) -> None:
        """Begin to count.

        Args:
            request: tells in ``ReturnConsumedCapacity`` what its response shall report.
            told: learns of everything that is counted, whatever the request wants.
            is_transaction: whether it is one.
        """
        self._mode = request.get("ReturnConsumedCapacity") or "NONE"
        self._told = told
        self._is_transaction = is_transaction
        self._total: dict[str, float] = {}
        self._table: dict[str, float] = {}
        self._indexes: dict[str, dict[str, float]] = {}
        self._kinds: dict[str, str] = {}

    @property
    def is_on(self) -> bool:
        """Tell whether anybody wants to know."""
        return bool(self._is_reporting or self._told is not None)

    @property
    def _is_reporting(self) -> bool:
        return bool(self._mode != "NONE")

    def read(
        self, table: Table, size: int, *, is_consistent: bool, index: Index | None = None
    ) -> None:
        """Count a read of so many bytes."""
        units = read_units(size, is_consistent=is_consistent, is_transaction=self._is_transaction)
        self._kinds[table.name] = "ReadCapacityUnits"
        self._add(table, units, index, is_write=False)

    def write(self, table: Table, before: Item | None, after: Item | None) -> None:
        """Count a write, in the table and its indexes."""
        if not self.is_on:
            return
        self.refused(table, before, after)
        for index in table.indexes.values():
            units = index_units(table, index, before, after)
            if units:
                self._add(table, units, index, is_write=True)

    def refused(self, table: Table, before: Item | None, wanted: Item | None) -> None:
        """Count a write whose condition failed: the table's units, for nothing was changed.

        AWS, "Working with items and attributes", Conditional writes: the larger of what is there
        and what should have been.
        """
        if not self.is_on:
            return
        units = write_units(_size(before), _size(wanted), is_transaction=self._is_transaction)
        self._kinds[table.name] = "WriteCapacityUnits"
        self._add(table, units, None, is_write=True)

    def reports(self) -> list[dict[str, Any]]:
        """Give what was consumed, a report for each table."""
        return [self._report(name) for name in self._total]

    def added_to(self, response: dict[str, Any]) -> dict[str, Any]:
        """Add the report of a request on one table to its response, if it was asked for."""
        if self._is_reporting:
            response["ConsumedCapacity"] = self.reports()[0]
        return response

    def listed_in(self, response: dict[str, Any]) -> dict[str, Any]:
        """Add the reports of a request on several tables to its response, if asked for."""
        if self._is_reporting:
            response["ConsumedCapacity"] = self.reports()
        return response

    def _report(self, name: str) -> dict[str, Any]:
        report: dict[str, Any] = {"TableName": name, "CapacityUnits": self._total[name]}
        if self._is_transaction:
            report[self._kinds[name]] = self._total[name]
        if self._mode == "INDEXES":
            report["Table"] = self._units(name, self._table.get(name, 0.0))
            if name in self._indexes:
                report["GlobalSecondaryIndexes"] = {
                    index: self._units(name, units) for index, units in self._indexes[name].items()
                }
        return report

    def _units(self, name: str, units: float) -> dict[str, float]:
        kind = {self._kinds[name]: units} if self._is_transaction else {}
        return {"CapacityUnits": units, **kind}

    def _add(self, table: Table, units: float, index: Index | None, *, is_write: bool) -> None:
        name = table.name
        if self._told is not None:
            self._told(Consumed(name, index.name if index else "", is_write, units))
        self._total[name] = self._total.get(name, 0.0) + units
        if index is None:
            self._table[name] = self._table.get(name, 0.0) + units
        else:
            of_indexes = self._indexes.setdefault(name, {})
            of_indexes[index.name] = of_indexes.get(index.name, 0.0) + units


def _size(item: Item | None) -> int:
    return item_size(item) if item else 0
