"""Rates of the local DynamoDB engine beside its peers', through one boto3 client, as tables grow.

Moto copies every touched table for a transaction and scans it for a query of an index, so it is
asked at the smaller size only, and for each operation until its time or its calls are used up.
Ministack, a server in a process of its own, is asked at that size when `make bench-peers` installed
it.
"""

import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from moto import mock_aws

from bench.peers import PEERS, free_port
from cloud.local.dynamodb import hook
from cloud.local.dynamodb.engine import Engine

SMALL, LARGE = 10_000, 100_000
ROUNDS, SECONDS_EACH = 3, 0.5
PATIENCE_S = 60.0
MINISTACK = PEERS / "ministack"
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
NEW = 10_000_000
"""Items with a number from here on are not in the table when it is filled."""

Call = Callable[[str, dict[str, Any]], Any]
Request = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rates:
    """One engine at one table size.

    Attributes:
        fill_s: seconds that filling the table took; None where another run had filled it.
        per_second: operation -> calls a second.
    """

    engine: str
    items: int
    fill_s: float | None
    per_second: Mapping[str, float]


def key(number: int) -> Request:
    """Give the key of an item: a hundred share a partition."""
    return {"pk": {"S": f"p{number // 100:07}"}, "sk": {"S": f"s{number:08}"}}


def item(number: int) -> Request:
    """Give an item of 14 attributes and a map: twenty share an owner."""
    return {
        **key(number),
        "owner": {"S": f"o{number // 20}"},
        "due": {"N": str(number)},
        **{f"attribute{place}": {"S": "x" * 20} for place in range(10)},
        "map": {"M": {"share": {"N": "0.85"}, "state": {"S": "open"}}},
    }


def transaction(number: int, _size: int) -> Request:
    """The shape of every change of state: new state, log entry, outbox row, timer row."""
    first = 2 * NEW + number * 3
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


def batch(first: int) -> Request:
    """Put 25 items."""
    puts = [{"PutRequest": {"Item": item(number)}} for number in range(first, first + 25)]
    return {"RequestItems": {"bench": puts}}


def query(number: int, size: int) -> Request:
    """Ask for one partition whole: 100 items."""
    return {
        "TableName": "bench",
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": {":p": key(_spread(number, size))["pk"]},
    }


def index_query(number: int, size: int) -> Request:
    """Ask an index for all items of one owner: 20."""
    return {
        "TableName": "bench",
        "IndexName": "by-owner",
        "KeyConditionExpression": "#o = :o",
        "ExpressionAttributeNames": {"#o": "owner"},
        "ExpressionAttributeValues": {":o": item(_spread(number, size))["owner"]},
    }


def _spread(number: int, size: int) -> int:
    """Give an item anywhere in the table, another for each number."""
    return number * 7919 % size


OPERATIONS: Mapping[str, tuple[str, Callable[[int, int], Request]]] = {
    "get": (
        "GetItem",
        lambda number, size: {"TableName": "bench", "Key": key(_spread(number, size))},
    ),
    "put": ("PutItem", lambda number, _: {"TableName": "bench", "Item": item(NEW + number)}),
    "query of 100": ("Query", query),
    "index query of 20": ("Query", index_query),
    "transaction of 4": ("TransactWriteItems", transaction),
    "batch of 25": ("BatchWriteItem", lambda number, _: batch(3 * NEW + 25 * number)),
}


def fill(call: Call, size: int) -> float:
    """Make the table and fill it; give how long that took."""
    began = time.perf_counter()
    call("CreateTable", TABLE)
    for first in range(0, size, 25):
        call("BatchWriteItem", batch(first))
    return time.perf_counter() - began


def rates(call: Call, size: int, *, first: int = 1) -> dict[str, float]:
    """Count how often each operation goes; the best of a few rounds, each at least one call.

    Args:
        call: does an operation.
        size: how many items the table was filled with.
        first: number of the first call; what was put under a number is not put anew.
    """
    measured = dict.fromkeys(OPERATIONS, 0.0)
    number = first
    for _ in range(ROUNDS):
        for name, (operation, request) in OPERATIONS.items():
            count, began = 0, time.perf_counter()
            while (spent := time.perf_counter() - began) < SECONDS_EACH:
                answer = call(operation, request(number, size))
                count, number = count + 1, number + 1
                if operation == "Query":
                    assert answer["Count"] in {20, 100}, (name, answer["Count"])
            measured[name] = max(measured[name], count / spent)
    return measured


# ---------------------------------------------------------------------- who answers
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


@contextmanager
def ministack() -> Iterator[int]:
    """Run ministack on a free port of loopback, without its MQTT listener; give the port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(  # noqa: S603 - the peer's own program
            [str(MINISTACK)],
            cwd=folder,
            env={
                "PATH": os.environ.get("PATH", ""),
                "HOME": folder,
                "TMPDIR": folder,
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "IOT_MTLS_ENABLED": "0",
                "LOG_LEVEL": "ERROR",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _until_it_answers(port, process)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until_it_answers(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.perf_counter() + PATIENCE_S
    while process.poll() is None and time.perf_counter() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except ConnectionError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise RuntimeError(f"ministack does not answer on port {port}")


def _client(port: int | None = None) -> Any:
    return boto3.session.Session().client(
        "dynamodb",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - nothing is signed for AWS
        endpoint_url=None if port is None else f"http://127.0.0.1:{port}",
        config=Config(retries={"total_max_attempts": 1}),
    )


# ---------------------------------------------------------------------- the run
def run() -> Iterator[Rates]:
    """Measure our engine at both sizes, bare and through boto3, then its peers at the smaller."""
    hook.prepare()
    for size in (SMALL, LARGE):
        with new_engine() as engine:
            filled = fill(engine.call, size)
            yield Rates("bare", size, filled, rates(engine.call, size))
            hook.install(engine)
            try:
                yield Rates("boto3", size, None, rates(through(_client()), size, first=500_000))
            finally:
                hook.uninstall()
    with mock_aws():
        call = through(_client())
        yield Rates("moto", SMALL, fill(call, SMALL), rates(call, SMALL))
    if MINISTACK.exists():
        with ministack() as port:
            call = through(_client(port))
            yield Rates("ministack", SMALL, fill(call, SMALL), rates(call, SMALL))


def main() -> int:
    """Print the rates, what growth costs, and the ratios to the peers."""
    found = {(one.engine, one.items): one for one in run()}
    for one in found.values():
        filled = "" if one.fill_s is None else f"  (filled in {one.fill_s:.1f} s)"
        shown = "".join(f"{name}: {rate:,.1f}  " for name, rate in one.per_second.items())
        print(f"{one.engine} at {one.items:,} items, calls a second: {shown}{filled}")
    ours, grown = found["boto3", SMALL], found["boto3", LARGE]
    peers = [one for one in found.values() if one.engine in {"moto", "ministack"}]
    heads = (f"at {SMALL:,}", f"at {LARGE:,}", "growth", *(f"/ {one.engine}" for one in peers))
    print(f"{'boto3, calls a second':22}" + "".join(f"{head:>13}" for head in heads))
    for name in OPERATIONS:
        rate, after = ours.per_second[name], grown.per_second[name]
        against = "".join(f"{rate / one.per_second[name]:12.1f}x" for one in peers)
        print(f"{name:22}{rate:13,.0f}{after:13,.0f}{after / rate:12.2f}x{against}")
    if not MINISTACK.exists():
        print("ministack is left out: `make bench-peers` installs it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
