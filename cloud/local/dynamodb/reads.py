"""Gets, queries, scans, batches and transactions that read."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from cloud.local.dynamodb.binding import Binder
from cloud.local.dynamodb.capacity import Meter
from cloud.local.dynamodb.errors import invalid, invalid_parameter, too_short
from cloud.local.dynamodb.evaluation import holds, projected
from cloud.local.dynamodb.parameters import BATCH_GET, TRANSACT_GET
from cloud.local.dynamodb.ranges import (
    Clause,
    check_start,
    columns_of,
    key_attributes,
    key_clauses,
    start_after,
)
from cloud.local.dynamodb.schema import Index, Table, no_such_index
from cloud.local.dynamodb.store import Store, decode_item
from cloud.local.dynamodb.syntax import (
    And,
    Between,
    Compare,
    Condition,
    In,
    Not,
    Operand,
    Or,
    Path,
    Size,
)
from cloud.local.dynamodb.values import Item, item_size

# AWS, API reference of Query, BatchGetItem and TransactGetItems.
_PAGE_BYTES = 1024 * 1024
_MOST_IN_BATCH = 100
_BATCH_BYTES = 16 * 1024 * 1024
_MOST_IN_TRANSACTION = 100
_TRANSACTION_BYTES = 4 * 1024 * 1024


def get_item(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Read one item; what is not there gives a response without `Item` (AWS, GetItem)."""
    table = store.table(request["TableName"])
    shape = _projection(request)
    _, key = table.key_of(request["Key"])
    row = store.connection.execute(table.select_one, key).fetchone()
    meter = Meter(request, store.told)
    meter.read(table, row[1] if row else 0, is_consistent=bool(request.get("ConsistentRead")))
    return meter.added_to({} if row is None else {"Item": shape(decode_item(row[0]))})


def batch_get(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Read up to 100 items and 16 MB; the keys beyond are given back (AWS, BatchGetItem)."""
    asked = {name: BATCH_GET.check(one) for name, one in request["RequestItems"].items()}
    count = sum(len(one["Keys"]) for one in asked.values())
    if not asked or not all(one["Keys"] for one in asked.values()):
        raise too_short("requestItems" if not asked else "requestItems.member.keys")
    if count > _MOST_IN_BATCH:
        raise invalid("Too many items requested for the BatchGetItem call")
    meter = Meter(request, store.told)
    found: dict[str, list[Item]] = {}
    left: dict[str, Any] = {}
    total = 0
    for name, one in asked.items():
        table, shape = store.table(name), _projection(one)
        keys = [table.key_of(key)[1] for key in one["Keys"]]
        if len(set(keys)) < len(keys):
            raise invalid("Provided list of item keys contains duplicates")
        found[name] = []
        for place, key in enumerate(keys):
            row = store.connection.execute(table.select_one, key).fetchone()
            total += row[1] if row else 0
            if total > _BATCH_BYTES:
                left[name] = {**one, "Keys": one["Keys"][place:]}
                break
            is_consistent = bool(one.get("ConsistentRead"))
            meter.read(table, row[1] if row else 0, is_consistent=is_consistent)
            if row is not None:
                found[name].append(shape(decode_item(row[0])))
    return meter.listed_in({"Responses": found, "UnprocessedKeys": left})


def transact_get(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Read up to 100 items as they were at one moment (AWS, TransactGetItems)."""
    items = request["TransactItems"]
    if not 1 <= len(items) <= _MOST_IN_TRANSACTION:
        raise invalid(
            "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
            f"Member must have length between 1 and {_MOST_IN_TRANSACTION}"
        )
    asked = []
    for wrapped in items:
        if not isinstance(wrapped, dict) or list(wrapped) != ["Get"]:
            raise invalid("TransactItems of TransactGetItems can only contain Get")
        one = TRANSACT_GET.check(wrapped["Get"])
        table = store.table(one["TableName"])
        asked.append((table, table.key_of(one["Key"])[1], _projection(one)))
    if len({(table.name, key) for table, key, _ in asked}) < len(asked):
        raise invalid("Transaction request cannot include multiple operations on one item")
    meter = Meter(request, store.told, is_transaction=True)
    responses: list[dict[str, Any]] = []
    total = 0
    with store.reading() as connection:
        for table, key, shape in asked:
            row = connection.execute(table.select_one, key).fetchone()
            meter.read(table, row[1] if row else 0, is_consistent=True)
            total += row[1] if row else 0
            responses.append({} if row is None else {"Item": shape(decode_item(row[0]))})
    if total > _TRANSACTION_BYTES:
        raise invalid("Aggregated size of the transaction's items exceeds 4 MB")
    return meter.listed_in({"Responses": responses})


def query(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Read the items of one hash key, in the order of their sort key (AWS, Query)."""
    table = store.table(request["TableName"])
    search = _search(table, request, "KeyConditionExpression")
    keys = search.index.keys if search.index is not None else table.keys
    condition = search.binder.condition("KeyConditionExpression")
    is_forward = request.get("ScanIndexForward") is not False
    clauses: list[Clause] = []
    if condition is not None:
        clauses = key_clauses(condition, keys, columns_of(search.index))
    search.binder.finish()
    if search.condition is not None:
        _refuse_key_filter(search.condition, keys.kinds)
    return _read_page(store, request, search, clauses, is_forward=is_forward)


def scan(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Read all items, or those of one segment; the order means nothing (AWS, Scan)."""
    search = _search(store.table(request["TableName"]), request)
    search.binder.finish()
    segment, total = request.get("Segment"), request.get("TotalSegments")
    if (segment is None) != (total is None):
        raise invalid("Segment and TotalSegments must be given together")
    if segment is not None and total is not None and segment >= total:
        raise invalid(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments"
        )
    clauses: list[Clause] = []
    if search.index is not None:
        clauses = [Clause(f"{columns_of(search.index).pk} IS NOT NULL", ())]
    return _read_page(store, request, search, clauses, is_forward=True)


@dataclass(frozen=True)
class _Search:
    """What a query and a scan have in common, checked."""

    table: Table
    index: Index | None
    binder: Binder
    condition: Condition | None
    shape: Callable[[Item], Item]


def _search(table: Table, request: Mapping[str, Any], *labels: str) -> _Search:
    name = request.get("IndexName")
    index = table.indexes.get(name) if name is not None else None
    if name is not None and index is None:
        raise no_such_index(name)
    if index is not None and request.get("ConsistentRead"):
        raise invalid("Consistent reads are not supported on global secondary indexes")
    binder = Binder(request, "FilterExpression", "ProjectionExpression", *labels)
    paths = binder.projection()
    _check_select(request, index, paths)
    if index is not None and paths is not None and index.projection != "ALL":
        missing = {str(path.parts[0]) for path in paths} - table.entry_names(index)
        if missing:
            listed = ", ".join(sorted(missing))
            raise invalid_parameter(
                f"Global secondary index {index.name} does not project [{listed}]"
            )
    return _Search(table, index, binder, binder.condition("FilterExpression"), _shape(paths))


def _check_select(
    request: Mapping[str, Any], index: Index | None, paths: tuple[Path, ...] | None
) -> None:
    select = request.get("Select")
    if paths is not None and select not in (None, "SPECIFIC_ATTRIBUTES"):
        wanted = "only the Count" if select == "COUNT" else select
        raise invalid(f"Cannot specify the ProjectionExpression when choosing to get {wanted}")
    if select == "SPECIFIC_ATTRIBUTES" and paths is None:
        raise invalid(
            "Must specify the ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )
    if select == "ALL_PROJECTED_ATTRIBUTES" and index is None:
        raise invalid_parameter(
            "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"
        )
    if select == "ALL_ATTRIBUTES" and index is not None and index.projection != "ALL":
        raise invalid_parameter(
            "Select type ALL_ATTRIBUTES is not supported for global secondary index "
            f"{index.name} because its projection type is not ALL"
        )


def _read_page(
    store: Store,
    request: Mapping[str, Any],
    search: _Search,
    clauses: list[Clause],
    *,
    is_forward: bool,
) -> dict[str, Any]:
    """Read up to the limit or 1 MB, whichever comes first; both count what the filter drops."""
    start = request.get("ExclusiveStartKey")
    segment, segments = request.get("Segment"), request.get("TotalSegments")
    if start is not None:
        after = start_after(start, search.table, search.index, is_forward=is_forward)
        check_start(after, clauses)
        if segments is not None and zlib.crc32(after.values[-2]) % segments != segment:
            raise invalid(
                "The provided Exclusive start key does not map to the provided Segment and "
                "TotalSegments values."
            )
        clauses = [*clauses, after]
    limit = request.get("Limit")
    columns = columns_of(search.index)
    direction = "" if is_forward else " DESC"
    where = " AND ".join(clause.sql for clause in clauses)
    order = ", ".join(column + direction for column in columns.order)
    sql = (
        f"SELECT pk, item, size FROM {search.table.rows}{' WHERE ' + where if where else ''} "
        f"ORDER BY {order}"
    )
    values = [value for clause in clauses for value in clause.values]
    items: list[Item] = []
    scanned = total = 0
    last: Item | None = None
    with closing(store.connection.execute(sql, values)) as rows:
        for item, size in _entries(search, rows, segment, segments):
            if scanned == limit or (scanned and total + size > _PAGE_BYTES):
                break
            scanned, total, last = scanned + 1, total + size, item
            if search.condition is None or holds(search.condition, item):
                items.append(search.shape(item))
        else:
            # The end was reached. AWS gives a key all the same when the limit was too.
            last = last if scanned == limit else None
    response: dict[str, Any] = {"Count": len(items), "ScannedCount": scanned}
    if request.get("Select") != "COUNT":
        response["Items"] = items
    if last is not None:
        response["LastEvaluatedKey"] = key_attributes(last, search.table, search.index)
    meter = Meter(request, store.told)
    is_consistent = bool(request.get("ConsistentRead"))
    meter.read(search.table, total, is_consistent=is_consistent, index=search.index)
    return meter.added_to(response)


def _entries(
    search: _Search,
    rows: Iterable[tuple[bytes, bytes, int]],
    segment: int | None,
    total: int | None,
) -> Iterator[tuple[Item, int]]:
    index = search.index
    is_whole = index is None or index.projection == "ALL"
    for pk, encoded, size in rows:
        if total is not None and zlib.crc32(pk) % total != segment:
            continue
        item = decode_item(encoded)
        if is_whole or index is None:
            yield item, size
            continue
        entry = search.table.entry(index, item)
        if entry is not None:
            yield entry, item_size(entry)


def _projection(request: Mapping[str, Any]) -> Callable[[Item], Item]:
    binder = Binder(request, "ProjectionExpression")
    paths = binder.projection()
    binder.finish()
    return _shape(paths)


def _shape(paths: tuple[Path, ...] | None) -> Callable[[Item], Item]:
    return (lambda item: item) if paths is None else (lambda item: projected(paths, item))


def _refuse_key_filter(condition: Condition, kinds: Mapping[str, str]) -> None:
    for name in _names_in(condition):
        if name in kinds:
            raise invalid(
                "Filter Expression can only contain non-primary key attributes: "
                f"Primary key attribute: {name}"
            )


def _names_in(condition: Condition) -> Iterator[str]:
    if isinstance(condition, And | Or):
        for one in condition.conditions:
            yield from _names_in(one)
        return
    if isinstance(condition, Not):
        yield from _names_in(condition.condition)
        return
    operands: tuple[Operand, ...]
    if isinstance(condition, Compare):
        operands = (condition.left, condition.right)
    elif isinstance(condition, Between):
        operands = (condition.operand, condition.low, condition.high)
    elif isinstance(condition, In):
        operands = (condition.operand, *condition.options)
    else:
        operands = condition.operands
    for operand in operands:
        inner = operand.operand if isinstance(operand, Size) else operand
        if isinstance(inner, Path):
            yield str(inner.parts[0])
