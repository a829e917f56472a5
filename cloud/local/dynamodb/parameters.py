"""Which parameters each operation takes; anything else is refused by name before it can mislead."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cloud.local.dynamodb.errors import EngineError, invalid

# AWS, DynamoDB Developer Guide, "Legacy conditional parameters": expressions replace all of these.
_LEGACY = frozenset(
    {
        "AttributesToGet",
        "AttributeUpdates",
        "ConditionalOperator",
        "Expected",
        "KeyConditions",
        "QueryFilter",
        "ScanFilter",
    }
)
_CHOICES = {
    "ReturnConsumedCapacity": ("INDEXES", "TOTAL", "NONE"),
    "ReturnItemCollectionMetrics": ("SIZE", "NONE"),
    "ReturnValues": ("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"),
    "ReturnValuesOnConditionCheckFailure": ("ALL_OLD", "NONE"),
    "ShardIteratorType": (
        "AT_SEQUENCE_NUMBER",
        "LATEST",
        "AFTER_SEQUENCE_NUMBER",
        "TRIM_HORIZON",
    ),
    "Select": ("SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"),
}
_SMALLEST = {"Limit": 1, "Segment": 0, "TotalSegments": 1}
_LARGEST = {"Segment": 999_999, "TotalSegments": 1_000_000}


@dataclass(frozen=True)
class Parameters:
    """The parameters of an operation, their JSON types, and the largest value of some."""

    required: Mapping[str, type]
    optional: Mapping[str, type] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)

    def check(self, given: Any) -> Mapping[str, Any]:
        """Check the shape of a request; what the values mean is left to the operation.

        Raises:
            EngineError: a parameter is missing, unknown, or of another JSON type.
        """
        if not isinstance(given, dict):
            raise EngineError("SerializationException", "Expected an object")
        for name in self.required:
            if given.get(name) is None:
                raise _unfit(name, "null", "Member must not be null")
        for name, value in given.items():
            kind = self.required.get(name) or self.optional.get(name)
            if kind is None:
                advice = "; use expressions" if name in _LEGACY else ""
                raise invalid(f"{name} is not supported by the local engine{advice}")
            if value is None:
                continue
            # In Python a bool is an int; in JSON it is not.
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                raise EngineError("SerializationException", f"{name} has the wrong JSON type")
            if name in _CHOICES and value not in _CHOICES[name]:
                listed = ", ".join(_CHOICES[name])
                raise _unfit(name, f"'{value}'", f"Member must satisfy enum value set: [{listed}]")
            if kind is int and isinstance(value, int):
                self._check_range(name, value)
        return given

    def _check_range(self, name: str, value: int) -> None:
        least, most = _SMALLEST.get(name), self.most.get(name) or _LARGEST.get(name)
        if least is not None and value < least:
            shown = f"Member must have value greater than or equal to {least}"
            raise _unfit(name, f"'{value}'", shown)
        if most is not None and value > most:
            shown = f"Member must have value less than or equal to {most}"
            raise _unfit(name, f"'{value}'", shown)


def _unfit(name: str, value: str, constraint: str) -> EngineError:
    where = name[0].lower() + name[1:]
    return invalid(
        f"1 validation error detected: Value {value} at '{where}' failed to satisfy constraint: "
        f"{constraint}"
    )


_NAMES: dict[str, type] = {"ExpressionAttributeNames": dict}
_NAMES_AND_VALUES: dict[str, type] = {**_NAMES, "ExpressionAttributeValues": dict}
_CAPACITY: dict[str, type] = {"ReturnConsumedCapacity": str}
_READ: dict[str, type] = {"ConsistentRead": bool, "ProjectionExpression": str, **_NAMES}
_CONDITION: dict[str, type] = {
    "ConditionExpression": str,
    "ReturnValuesOnConditionCheckFailure": str,
    **_NAMES_AND_VALUES,
}
_WRITE: dict[str, type] = {
    **_CONDITION,
    **_CAPACITY,
    "ReturnItemCollectionMetrics": str,
    "ReturnValues": str,
}
_SEARCH: dict[str, type] = {
    **_READ,
    **_NAMES_AND_VALUES,
    **_CAPACITY,
    "ExclusiveStartKey": dict,
    "FilterExpression": str,
    "IndexName": str,
    "Limit": int,
    "Select": str,
}
_TABLE: dict[str, type] = {"TableName": str}
_ONE: dict[str, type] = {"TableName": str, "Key": dict}

OPERATIONS = {
    "BatchGetItem": Parameters({"RequestItems": dict}, _CAPACITY),
    "BatchWriteItem": Parameters(
        {"RequestItems": dict}, {**_CAPACITY, "ReturnItemCollectionMetrics": str}
    ),
    "CreateTable": Parameters(
        {"TableName": str, "AttributeDefinitions": list, "KeySchema": list},
        {
            "BillingMode": str,
            "DeletionProtectionEnabled": bool,
            "GlobalSecondaryIndexes": list,
            "OnDemandThroughput": dict,
            "ProvisionedThroughput": dict,
            "SSESpecification": dict,
            "StreamSpecification": dict,
            "TableClass": str,
            "Tags": list,
        },
    ),
    "DeleteItem": Parameters(_ONE, _WRITE),
    "DeleteTable": Parameters(_TABLE),
    "DescribeTable": Parameters(_TABLE),
    "DescribeTimeToLive": Parameters(_TABLE),
    "GetItem": Parameters(_ONE, {**_READ, **_CAPACITY}),
    "ListTables": Parameters({}, {"ExclusiveStartTableName": str, "Limit": int}, {"Limit": 100}),
    "PutItem": Parameters({"TableName": str, "Item": dict}, _WRITE),
    "Query": Parameters(
        {"TableName": str, "KeyConditionExpression": str}, {**_SEARCH, "ScanIndexForward": bool}
    ),
    "Scan": Parameters(_TABLE, {**_SEARCH, "Segment": int, "TotalSegments": int}),
    "TransactGetItems": Parameters({"TransactItems": list}, _CAPACITY),
    "TransactWriteItems": Parameters(
        {"TransactItems": list},
        {**_CAPACITY, "ClientRequestToken": str, "ReturnItemCollectionMetrics": str},
    ),
    "UpdateItem": Parameters(_ONE, {**_WRITE, "UpdateExpression": str}),
    "UpdateTimeToLive": Parameters({"TableName": str, "TimeToLiveSpecification": dict}),
}

# Those of DynamoDB Streams, an API of its own.
STREAM_OPERATIONS = {
    "DescribeStream": Parameters(
        {"StreamArn": str}, {"ExclusiveStartShardId": str, "Limit": int}, {"Limit": 100}
    ),
    "GetRecords": Parameters({"ShardIterator": str}, {"Limit": int}, {"Limit": 1000}),
    "GetShardIterator": Parameters(
        {"StreamArn": str, "ShardId": str, "ShardIteratorType": str}, {"SequenceNumber": str}
    ),
    "ListStreams": Parameters(
        {}, {"ExclusiveStartStreamArn": str, "Limit": int, "TableName": str}, {"Limit": 100}
    ),
}

# The actions inside a transaction, and the requests inside a batch.
ACTIONS = {
    "ConditionCheck": Parameters({**_ONE, "ConditionExpression": str}, _CONDITION),
    "Delete": Parameters(_ONE, _CONDITION),
    "Put": Parameters({"TableName": str, "Item": dict}, _CONDITION),
    "Update": Parameters({**_ONE, "UpdateExpression": str}, _CONDITION),
}
TRANSACT_GET = Parameters(_ONE, {"ProjectionExpression": str, **_NAMES})
BATCH_GET = Parameters({"Keys": list}, _READ)
BATCH_WRITES = {
    "PutRequest": Parameters({"Item": dict}),
    "DeleteRequest": Parameters({"Key": dict}),
}
