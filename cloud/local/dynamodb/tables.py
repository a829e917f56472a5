"""Creates, describes, lists and deletes tables."""

from collections.abc import Mapping
from typing import Any

from cloud.local.dynamodb.schema import KeySchema, Table
from cloud.local.dynamodb.store import Store

_MOST_LISTED = 100
_ARN = "arn:aws:dynamodb:local:000000000000:table/"


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
    store.ensure({**table.definition, "TimeToLiveSpecification": ttl}, table.created_at)
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
                "IndexArn": f"{_ARN}{table.name}/index/{index.name}",
            }
            for index in table.indexes.values()
        ]
    if "StreamSpecification" in table.definition:
        # CloudFormation gives only the view; the API says both.
        stream = {"StreamEnabled": True, **table.definition["StreamSpecification"]}
        description["StreamSpecification"] = stream
    return description


def _frame(table: Table) -> dict[str, Any]:
    return {
        "TableName": table.name,
        "TableStatus": "ACTIVE",
        "TableArn": _ARN + table.name,
        "CreationDateTime": table.created_at,
        "KeySchema": _schema(table.keys),
        "AttributeDefinitions": table.definition["AttributeDefinitions"],
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        "DeletionProtectionEnabled": False,
    }


def _schema(keys: KeySchema) -> list[dict[str, str]]:
    roles = ("HASH", "RANGE")
    return [
        {"AttributeName": name, "KeyType": role}
        for name, role in zip(keys.kinds, roles, strict=False)
    ]


def _projection(kind: str, included: frozenset[str]) -> dict[str, Any]:
    names = {"NonKeyAttributes": sorted(included)} if included else {}
    return {"ProjectionType": kind, **names}
