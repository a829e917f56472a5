"""What a town holds: every record of a stopped stack, counted by kind and state."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from cloud.adapters.tables import MoneyRow, OperationsRow, Row, SitesRow

_TABLES: tuple[type[Row], ...] = (SitesRow, OperationsRow, MoneyRow)
_NOT_RECORDS = frozenset({"Event", "Letter", "Message", "Timer"})


def records() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the kind and the stored content of each record of the stack that is open."""
    for table in _TABLES:
        for row in table.scan():
            if row.kind not in _NOT_RECORDS:
                yield str(row.kind), json.loads(row.body)


def counted() -> Counter[tuple[str, str]]:
    """Count the records by kind and state; those without a state by their kind alone."""
    return Counter((kind, str(one.get("state", ""))) for kind, one in records())
