"""Makes records findable that were written before the chart found them by something.

What a row is found by is written with its record. When the chart gets another lookup, or lists a
kind by time, what lies there already is found by it once it is written again: this does that, a
part of a table at a time. Records stay as they are, with their versions.
"""

import json
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from pynamodb.exceptions import UpdateError

from cloud.adapters.chart import CHART
from cloud.adapters.outside import reaching
from cloud.adapters.records import LONGEST_KEY, LONGEST_SORT_KEY, DynamoRecords
from cloud.adapters.tables import MoneyRow, OperationsRow, Row, SitesRow
from cloud.kernel.errors import BadInput, BrokenInvariant

TABLES: Mapping[str, type[Row]] = {
    "sites": SitesRow,
    "operations": OperationsRow,
    "money": MoneyRow,
}
FOUND_BY = ("lookup_1", "lookup_2", "lookup_3", "listed", "listed_at", "due_shard", "due_at")
MOST_ROWS = 1_000
MOST_WRITTEN = 200
"""Of one call: it ends well before its function does."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one call did.

    Attributes:
        looked_at: rows of the table, whatever they are.
        written: records that are found by something else from now on.
        next: where the next call goes on; empty at the end of the table.
    """

    looked_at: int
    written: int
    next: str = ""


def reindex(records: DynamoRecords, table: str, *, after: str = "") -> Part:
    """Write anew what the records in a part of a table are found by, where that differs.

    It may be called again and again, also for the same part. A record that somebody writes at the
    same moment is left alone: it is found by the right things already.

    Args:
        records: whose chart counts.
        table: ``sites``, ``operations`` or ``money``.
        after: where the call before it ended; empty for the beginning.

    Raises:
        BadInput: there is no such table, or no such place in it.
        Unavailable: the table did not answer; what was written stays.
    """
    if table not in TABLES:
        msg = f"reindexing {table[:40]!r}: name one of {', '.join(sorted(TABLES))}"
        raise BadInput(msg)
    rows = TABLES[table]
    start = _key_of(after) if after else None
    looked_at = written = 0
    with reaching(f"reindexing {table}"):
        found = rows.scan(limit=MOST_ROWS, page_size=MOST_ROWS, last_evaluated_key=start)
        for row in found:
            looked_at += 1
            written += _is_written(records, rows, row)
            if written == MOST_WRITTEN:
                return Part(looked_at, written, _place(row))
        more = found.last_evaluated_key
    return Part(looked_at, written, _place(row) if more else "")


def _is_written(records: DynamoRecords, rows: type[Row], row: Row) -> bool:
    """Put right what one row is found by; tell whether there was something to do."""
    name = _charted_in(rows).get(row.kind)
    if name is None or row.sk != "-" or not row.pk.startswith(f"{row.kind}#"):
        return False
    wanted = records.found_by(records.read(kind_named(name), row).record)
    differing = [one for one in FOUND_BY if getattr(row, one) != wanted.get(one)]
    if not differing:
        return False
    actions = [
        getattr(rows, one).set(wanted[one]) if one in wanted else getattr(rows, one).remove()
        for one in differing
    ]
    try:
        row.update(actions=actions, condition=rows.version == row.version)
    except UpdateError as failed:
        if failed.cause_response_code != "ConditionalCheckFailedException":
            raise
        return False
    return True


@cache
def _charted_in(rows: type[Row]) -> Mapping[str, str]:
    """Give the kinds that a table keeps: class -> its name in the chart."""
    return {name.partition(".")[2]: name for name, (table, _) in CHART.items() if table is rows}


@cache
def kind_named(name: str) -> type[Any]:
    """Give the class that a name of the chart stands for: it lies in some module of its stage.

    Raises:
        BrokenInvariant: the stage has no such class.
    """
    stage, _, called = name.partition(".")
    package = import_module(f"cloud.{stage}")
    for part in pkgutil.iter_modules(package.__path__):
        if part.ispkg:
            continue
        module = import_module(f"cloud.{stage}.{part.name}")
        found = getattr(module, called, None)
        if isinstance(found, type) and found.__module__ == module.__name__:
            return found
    msg = f"{name} is charted, and cloud.{stage} has no such class"
    raise BrokenInvariant(msg)


def _place(row: Row) -> str:
    return json.dumps([row.pk, row.sk])


def _key_of(place: str) -> dict[str, dict[str, str]]:
    """Read a place in a table; one that nobody gave is a place as well.

    Raises:
        BadInput: it is none.
    """
    try:
        pk, sk = json.loads(place)
        is_key = 0 < len(pk.encode()) <= LONGEST_KEY and 0 < len(sk.encode()) <= LONGEST_SORT_KEY
    except (ValueError, TypeError, AttributeError, RecursionError):
        is_key = False
    if not is_key:
        msg = f"reindexing from {place[:40]!r}: give what the call before it called next"
        raise BadInput(msg)
    return {"pk": {"S": pk}, "sk": {"S": sk}}
