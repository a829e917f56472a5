"""Rates of the local DynamoDB engine beside moto's, through one boto3 client, as tables grow."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws

from cloud.local.dynamodb import hook
from cloud.local.dynamodb.engine import Engine

SIZES = (200, 2000)
SECONDS_EACH = 0.8
TABLE = {
    "TableName": "bench",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in (("pk", "S"), ("sk", "S"), ("owner", "S"), ("due", "N"))
    ],
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-owner",
            "KeySchema": [
                {"AttributeName": "owner", "KeyType": "HASH"},
                {"AttributeName": "due", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}

Call = Callable[[str, dict[str, Any]], Any]


@dataclass(frozen=True)
class Measured:
    """One operation at one table size.

    Attributes:
        bare: calls a second to the engine itself, without boto3.
        engine: calls a second through boto3 to the engine.
        moto: calls a second through boto3 to moto.
    """

    operation: str
    items: int
    bare: float
    engine: float
    moto: float

    @property
    def ratio(self) -> float:
        """How many times as fast as moto the engine is, both through boto3."""
        return self.engine / self.moto


def key(number: int) -> dict[str, Any]:
    return {"pk": {"S": f"p{number % 50}"}, "sk": {"S": f"s{number:08}"}}


def item(number: int) -> dict[str, Any]:
    return {
        **key(number),
        "owner": {"S": f"o{number % 20}"},
        "due": {"N": str(number)},
        **{f"attribute{place}": {"S": "x" * 20} for place in range(10)},
        "map": {"M": {"share": {"N": "0.85"}, "state": {"S": "open"}}},
    }


def transaction(number: int) -> dict[str, Any]:
    """The shape of every change of state: new state, log entry, outbox row, timer row."""
    first = 1_000_000 + number * 3
    puts = [
        {
            "Put": {
                "TableName": "bench",
                "Item": item(first + place),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        for place in range(3)
    ]
    update = {
        "TableName": "bench",
        "Key": key(number % 100),
        "UpdateExpression": "ADD version :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    return {"TransactItems": [*puts, {"Update": update}]}


def query(number: int) -> dict[str, Any]:
    return {
        "TableName": "bench",
        "IndexName": "by-owner",
        "KeyConditionExpression": "#o = :o",
        "ExpressionAttributeNames": {"#o": "owner"},
        "ExpressionAttributeValues": {":o": {"S": f"o{number % 20}"}},
        "Limit": 20,
    }


OPERATIONS: dict[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
    "get": ("GetItem", lambda number: {"TableName": "bench", "Key": key(number % 100)}),
    "put": ("PutItem", lambda number: {"TableName": "bench", "Item": item(500_000 + number)}),
    "query 20 of an index": ("Query", query),
    "transaction of 4": ("TransactWriteItems", transaction),
}


def rates(call: Call, size: int) -> dict[str, float]:
    """Fill a table and count how often each operation goes in the time given to it."""
    call("CreateTable", TABLE)
    for first in range(0, size, 25):
        puts = [{"PutRequest": {"Item": item(number)}} for number in range(first, first + 25)]
        call("BatchWriteItem", {"RequestItems": {"bench": puts}})
    measured = {}
    for name, (operation, request) in OPERATIONS.items():
        call(operation, request(0))
        count, started = 0, time.perf_counter()
        while (spent := time.perf_counter() - started) < SECONDS_EACH:
            count += 1
            call(operation, request(count))
        measured[name] = count / spent
    return measured


@contextmanager
def new_engine() -> Iterator[Engine]:
    """An engine on the disk where temporary files go, with every commit synchronised."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Path(folder) / "bench.db", clock=lambda: datetime.now(UTC))
        try:
            yield engine
        finally:
            engine.close()


def through(client: Any) -> Call:
    """Call operations of a boto3 client by the names of the API."""
    methods = {name: method for method, name in client.meta.method_to_api_mapping.items()}
    return lambda operation, request: getattr(client, methods[operation])(**request)


def run() -> list[Measured]:
    """Measure every operation at every table size: bare, through boto3, and on moto."""
    hook.prepare()
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "local")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")
    client = boto3.session.Session().client("dynamodb", region_name="us-east-1")
    measured = []
    for size in SIZES:
        with new_engine() as engine:
            bare = rates(engine.call, size)
        with new_engine() as engine:
            hook.install(engine)
            hooked = rates(through(client), size)
            hook.uninstall()
        with mock_aws():
            moto = rates(through(client), size)
        measured += [
            Measured(name, size, bare[name], hooked[name], moto[name]) for name in OPERATIONS
        ]
    return measured


def main() -> None:
    """Print the rates as a table."""
    print(f"{'calls a second':22}{'items':>7}{'engine':>9}{'+ boto3':>9}{'moto':>9}{'ratio':>8}")
    for one in run():
        print(
            f"{one.operation:22}{one.items:7}{one.bare:9.0f}{one.engine:9.0f}{one.moto:9.1f}"
            f"{one.ratio:7.0f}x"
        )


if __name__ == "__main__":
    main()
