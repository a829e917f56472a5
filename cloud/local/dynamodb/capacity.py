"""Counts the capacity units of a request from the sizes of its items, when it asks for them.

AWS, DynamoDB Developer Guide, "DynamoDB read and write operations" and "Using global secondary
indexes", Capacity.
"""

import math
from collections.abc import Mapping
from typing import Any

from cloud.local.dynamodb.schema import Index, Table
from cloud.local.dynamodb.values import Item, is_equal, item_size

_READ_UNIT = 4096
_WRITE_UNIT = 1024
_TRANSACTIONAL = 2.0


class Meter:
    """The units that one request consumed, by table and index."""

    def __init__(self, request: Mapping[str, Any], *, is_transaction: bool = False) -> None:
        self._mode = request.get("ReturnConsumedCapacity") or "NONE"
        self._is_transaction = is_transaction
        self._total: dict[str, float] = {}
        self._table: dict[str, float] = {}
        self._indexes: dict[str, dict[str, float]] = {}
        self._kinds: dict[str, str] = {}

    @property
    def is_on(self) -> bool:
        """Tell whether the request asked for its capacity."""
        return bool(self._mode != "NONE")

    def read(
        self, table: Table, size: int, *, is_consistent: bool, index: Index | None = None
    ) -> None:
        """Count a read of so many bytes; half a unit for 4 KB when eventually consistent."""
        units = float(max(1, math.ceil(size / _READ_UNIT)))
        if self._is_transaction:
            units *= _TRANSACTIONAL
        elif not is_consistent:
            units /= 2
        self._kinds[table.name] = "ReadCapacityUnits"
        self._add(table, units, index)

    def write(self, table: Table, before: Item | None, after: Item | None) -> None:
        """Count a write: one unit for each KB of the larger state, in the table and its indexes."""
        if not self.is_on:
            return
        self._kinds[table.name] = "WriteCapacityUnits"
        self._add(table, self._write_units(before, after), None)
        for index in table.indexes.values():
            units = self._index_units(table, index, before, after)
            if units:
                self._add(table, units, index)

    def reports(self) -> list[dict[str, Any]]:
        """Give what was consumed, a report for each table."""
        return [self._report(name) for name in self._total]

    def added_to(self, response: dict[str, Any]) -> dict[str, Any]:
        """Add the report of a request on one table to its response, if it was asked for."""
        if self.is_on:
            response["ConsumedCapacity"] = self.reports()[0]
        return response

    def listed_in(self, response: dict[str, Any]) -> dict[str, Any]:
        """Add the reports of a request on several tables to its response, if asked for."""
        if self.is_on:
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

    def _add(self, table: Table, units: float, index: Index | None) -> None:
        name = table.name
        self._total[name] = self._total.get(name, 0.0) + units
        if index is None:
            self._table[name] = self._table.get(name, 0.0) + units
        else:
            of_indexes = self._indexes.setdefault(name, {})
            of_indexes[index.name] = of_indexes.get(index.name, 0.0) + units

    def _index_units(
        self, table: Table, index: Index, before: Item | None, after: Item | None
    ) -> float:
        old = table.entry(index, before) if before is not None else None
        new = table.entry(index, after) if after is not None else None
        if old is None and new is None:
            return 0.0
        if old is not None and new is not None and is_equal({"M": old}, {"M": new}):
            return 0.0
        if old is None or new is None or index.keys.encoded(old) == index.keys.encoded(new):
            return self._write_units(old, new)
        # A changed index key is a deletion and an insertion.
        return self._write_units(old, None) + self._write_units(None, new)

    def _write_units(self, before: Item | None, after: Item | None) -> float:
        size = max(item_size(item) if item else 0 for item in (before, after))
        units = float(max(1, math.ceil(size / _WRITE_UNIT)))
        return units * _TRANSACTIONAL if self._is_transaction else units
