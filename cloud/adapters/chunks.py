"""Chunks of telemetry in DynamoDB, by the raw client: they are many, and read in bulk.

    table      key                                  attributes                found by
    telemetry  GATEWAY#id, window#sequence#digest   payload, received, ttl    gateway and span

No other index: what is asked is always one gateway's windows in order. The payload is kept byte for
byte as it was sent, so that a later reading can be checked against what the device said.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from cloud.adapters.outside import reaching
from cloud.kernel.errors import Unavailable
from cloud.telemetry.ports import StoredChunk

KEPT_DAYS = 60
"""How long a chunk stays in the table; older ones live in the archive."""

_BATCH = 25


class Client(Protocol):
    """The two calls of boto3's DynamoDB client that are used here."""

    def batch_write_item(self, **request: Any) -> dict[str, Any]:  # noqa: D102
        ...

    def query(self, **request: Any) -> dict[str, Any]:  # noqa: D102
        ...


def _window_key(start: datetime) -> str:
    return start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class DynamoChunks:
    """Puts chunks in, gives them back in order of their windows."""

    def __init__(self, client: Client, table: str) -> None:
        self._client = client
        self._table = table

    def put(self, chunks: Iterable[StoredChunk]) -> None:
        """Keep the chunks; one that is kept already changes nothing.

        Raises:
            Unavailable: the table took only a part of them; offering all again is safe.
        """
        items = {(chunk.gateway_id, _sort_key(chunk)): self._item(chunk) for chunk in chunks}
        requests = [{"PutRequest": {"Item": item}} for item in items.values()]
        for start in range(0, len(requests), _BATCH):
            waiting: list[Any] = requests[start : start + _BATCH]
            for _ in range(8):
                with reaching(f"keeping {len(waiting)} chunks"):
                    answer = self._client.batch_write_item(RequestItems={self._table: waiting})
                waiting = answer.get("UnprocessedItems", {}).get(self._table, [])
                if not waiting:
                    break
            else:
                msg = f"keeping chunks: {len(waiting)} were not taken by {self._table}; send again"
                raise Unavailable(msg)

    def between(self, gateway_id: str, start: datetime, end: datetime) -> Iterator[StoredChunk]:
        """Give a gateway's chunks whose window starts in [start, end), in order."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :g AND sk BETWEEN :a AND :b",
            "ExpressionAttributeValues": {
                ":g": {"S": f"GATEWAY#{gateway_id}"},
                ":a": {"S": _window_key(start)},
                ":b": {"S": _window_key(end)},
            },
        }
        while True:
            with reaching(f"reading the chunks of {gateway_id}"):
                answer = self._client.query(**request)
            for item in answer["Items"]:
                yield _chunk(gateway_id, item)
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _item(self, chunk: StoredChunk) -> dict[str, Any]:
        expires = chunk.window_start + timedelta(days=KEPT_DAYS)
        return {
            "pk": {"S": f"GATEWAY#{chunk.gateway_id}"},
            "sk": {"S": _sort_key(chunk)},
            "payload": {"B": chunk.payload},
            "received": {"S": chunk.received_at.astimezone(UTC).isoformat()},
            "ttl": {"N": str(int(expires.timestamp()))},
        }


def _sort_key(chunk: StoredChunk) -> str:
    """Give the key under which the same bytes fall together and different ones never do.

    A gateway that lost its queue counts from the beginning again: its numbers alone would let a new
    chunk replace an old one.
    """
    digest = hashlib.sha256(chunk.payload).hexdigest()[:8]
    return f"{_window_key(chunk.window_start)}#{chunk.sequence:010d}#{digest}"


def _chunk(gateway_id: str, item: dict[str, Any]) -> StoredChunk:
    window, sequence, _ = item["sk"]["S"].split("#")
    return StoredChunk(
        gateway_id=gateway_id,
        window_start=datetime.fromisoformat(window),
        sequence=int(sequence),
        payload=bytes(item["payload"]["B"]),
        received_at=datetime.fromisoformat(item["received"]["S"]),
    )
