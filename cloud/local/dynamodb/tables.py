"""Creates, describes, lists and deletes tables."""

from collections.abc import Mapping
from typing import Any

from cloud.local.dynamodb.schema import Index, KeySchema, Table, stream_arn, table_arn
from cloud.local.dynamodb.store import Store, decode_item
from cloud.local.dynamodb.values import item_size

_MOST_LISTED = 100
_ENTRY_OVERHEAD = 100


def create_table(store: Store, request: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Make a table; it can be used at once (AWS, CreateTable)."""
    return {"TableDescription": _description(store, store.create(request, now))}


def describe_table(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a table, with its exact number of items (AWS, DescribeTable)."""
    return {"Table": _description(store, store.table(request["TableName"]))}


def describe_time_to_live(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Tell which attribute items expire by (AWS, DescribeTimeToLive)."""
    name = store.table(request["TableName"]).ttl_name
    described = {"TimeToLiveStatus": "DISABLED" if name is None else "ENABLED"}
    if name is not None:
        described["AttributeName"] = name
    return {"TimeToLiveDescription": described}


def update_time_to_live(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Choose the attribute that items expire by (AWS, UpdateTimeToLive)."""
    table, ttl = store.table(request["TableName"]), request["TimeToLiveSpecification"]
    store.ensure({**table.definition, "TimeToLiveSpecification": ttl}, store.now())
    return {"TimeToLiveSpecification": ttl}


def delete_table(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a table and its items (AWS, DeleteTable)."""
    table = store.drop(request["TableName"])
    return {"TableDescription": {**_frame(table), "TableStatus": "DELETING"}}


def list_tables(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """List tables by name, 100 at a time (AWS, ListTables)."""
    after = request.get("ExclusiveStartTableName") or ""
    limit = request.get("Limit") or _MOST_LISTED
    names = [name for name in store.table_names() if name > after]
    response: dict[str, Any] = {"TableNames": names[:limit]}
    if len(names) > limit:
        response["LastEvaluatedTableName"] = names[limit - 1]
    return response


def _description(store: Store, table: Table) -> dict[str, Any]:
    count, size = store.connection.execute(
        f"SELECT count(*), coalesce(sum(size), 0) FROM {table.rows}"
    ).fetchone()
    description = {**_frame(table), "ItemCount": count, "TableSizeBytes": size}
    if table.indexes:
        description["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index.name,
                "KeySchema": _schema(index.keys),
                "Projection": _projection(index.projection, index.included),
                "IndexStatus": "ACTIVE",
                **_extent(store, table, index),
                "IndexArn": f"{table_arn(table.name)}/index/{index.name}",
            }
            for index in table.indexes.values()
        ]
    return description


def _extent(store: Store, table: Table, index: Index) -> dict[str, int]:
    """Count an index's entries and bytes.

    AWS, DynamoDB Developer Guide, "Using global secondary indexes", storage: each entry takes 100
    bytes more than its attributes.
    """
    rows = f"FROM {table.rows} WHERE i{index.place}_pk IS NOT NULL"
    if index.projection == "ALL":
        count, total = store.connection.execute(
            f"SELECT count(*), coalesce(sum(size), 0) {rows}"
        ).fetchone()
    else:
        entries = [
            item_size(table.entry(index, decode_item(item)) or {})
            for (item,) in store.connection.execute(f"SELECT item {rows}")
        ]
        count, total = len(entries), sum(entries)
    return {"ItemCount": count, "IndexSizeBytes": total + count * _ENTRY_OVERHEAD}


def _frame(table: Table) -> dict[str, Any]:
    frame: dict[str, Any] = {
        "TableName": table.name,
        "TableStatus": "ACTIVE",
        "TableArn": table_arn(table.name),
        "CreationDateTime": table.created_at,
        "KeySchema": _schema(table.keys),
        "AttributeDefinitions": table.definition["AttributeDefinitions"],
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        "DeletionProtectionEnabled": False,
    }
    if table.stream is not None:
        frame["StreamSpecification"] = {
            "StreamEnabled": True,
            "StreamViewType": table.stream.view,
        }
        frame["LatestStreamArn"] = stream_arn(table.name, table.stream.label)
        frame["LatestStreamLabel"] = table.stream.label
    return frame


def _schema(keys: KeySchema) -> list[dict[str, str]]:
    roles = ("HASH", "RANGE")
    return [
        {"AttributeName": name, "KeyType": role}
        for name, role in zip(keys.kinds, roles, strict=False)
    ]


def _projection(kind: str, included: frozenset[str]) -> dict[str, Any]:
    names = {"NonKeyAttributes": sorted(included)} if included else {}
    return {"ProjectionType": kind, **names}
