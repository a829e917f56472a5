"""The API of DynamoDB Streams over the kept changes: one stream has one shard.

AWS, Amazon DynamoDB Streams API reference. An iterator names its stream, the number of the next
change and the moment it was given out; nothing of it is kept here.
"""

from collections.abc import Mapping
from typing import Any

from cloud.local.dynamodb import changes
from cloud.local.dynamodb.changes import Change, Kept
from cloud.local.dynamodb.errors import EngineError, invalid
from cloud.local.dynamodb.store import Store

# AWS, API reference of ListStreams, GetRecords and GetShardIterator.
_MOST_LISTED = 100
_MOST_RECORDS = 1000
_PAGE_BYTES = 1024 * 1024
_ITERATOR_SECONDS = 15 * 60.0
_ITERATOR_PARTS = 4


def list_streams(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """List the streams, of one table when asked; one of a deleted table too, for a day."""
    table, start = request.get("TableName"), request.get("ExclusiveStartStreamArn")
    limit = request.get("Limit") or _MOST_LISTED
    found = [
        kept
        for kept in changes.all_streams(store.connection)
        if (table is None or kept.table == table) and not _is_gone(kept, store.now())
    ]
    if start is not None:
        first = changes.stream_of(store.connection, start).stream.number
        found = [kept for kept in found if kept.stream.number > first]
    response: dict[str, Any] = {
        "Streams": [
            {"StreamArn": kept.arn, "TableName": kept.table, "StreamLabel": kept.stream.label}
            for kept in found[:limit]
        ]
    }
    if len(found) > limit:
        response["LastEvaluatedStreamArn"] = found[limit - 1].arn
    return response


def describe_stream(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a stream and its one shard; a shard that takes no more has an end."""
    kept = _stream(store, request["StreamArn"])
    numbers = {"StartingSequenceNumber": changes.spelled(kept.first)}
    if kept.closed_at is not None:
        numbers["EndingSequenceNumber"] = changes.spelled(max(kept.last, kept.first))
    shards = [{"ShardId": _shard_id(kept), "SequenceNumberRange": numbers}]
    if request.get("ExclusiveStartShardId") is not None:
        _check_shard(kept, request["ExclusiveStartShardId"])
        shards = []
    return {
        "StreamDescription": {
            "StreamArn": kept.arn,
            "StreamLabel": kept.stream.label,
            "StreamStatus": "ENABLED" if kept.closed_at is None else "DISABLED",
            "StreamViewType": kept.stream.view,
            "CreationRequestDateTime": kept.created_at,
            "TableName": kept.table,
            "KeySchema": kept.key_schema,
            "Shards": shards,
        }
    }


def get_shard_iterator(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Give the place to read on from: the oldest change, the next, or that of a number."""
    kept = _stream(store, request["StreamArn"])
    _check_shard(kept, request["ShardId"])
    kind, text = request["ShardIteratorType"], request.get("SequenceNumber")
    by_number = kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")
    if by_number != (text is not None):
        must = "is required" if by_number else "must not be given"
        raise invalid(f"SequenceNumber {must} when ShardIteratorType is {kind}")
    now = store.now()
    oldest = changes.oldest_of(store.connection, kept, now)
    if text is None:
        position = oldest if kind == "TRIM_HORIZON" else kept.last + 1
        return {"ShardIterator": _iterator(kept, position, now)}
    number = changes.read_spelled(text)
    if number is None or not kept.first <= number <= kept.last:
        raise invalid(f"Invalid SequenceNumber: {text} is not in the range of the shard")
    if number < oldest:
        raise _trimmed()
    position = number + 1 if kind == "AFTER_SEQUENCE_NUMBER" else number
    return {"ShardIterator": _iterator(kept, position, now)}


def get_records(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Read up to 1,000 changes and 1 MB; there is no next iterator at the end of a closed shard."""
    limit = request.get("Limit") or _MOST_RECORDS
    now = store.now()
    with store.reading() as connection:
        kept, position = _place(store, request["ShardIterator"], now)
        if position < changes.oldest_of(connection, kept, now):
            raise _trimmed()
        found = changes.changes_after(connection, kept, sequence=position - 1, limit=limit, now=now)
    page = _page(found)
    after = page[-1].sequence + 1 if page else position
    response: dict[str, Any] = {"Records": [_as_api(change.record) for change in page]}
    if kept.closed_at is None or after <= kept.last:
        response["NextShardIterator"] = _iterator(kept, after, now)
    return response


def _page(found: list[Change]) -> list[Change]:
    page: list[Change] = []
    total = 0
    for change in found:
        total += change.record["dynamodb"]["SizeBytes"]
        if page and total > _PAGE_BYTES:
            break
        page.append(change)
    return page


def _as_api(record: Mapping[str, Any]) -> dict[str, Any]:
    """Turn Lambda's shape into that of GetRecords, which spells the user's members otherwise."""
    shaped = {name: value for name, value in record.items() if name != "eventSourceARN"}
    if "userIdentity" in shaped:
        user = shaped["userIdentity"]
        shaped["userIdentity"] = {"PrincipalId": user["principalId"], "Type": user["type"]}
    return shaped


def _stream(store: Store, arn: str) -> Kept:
    kept = changes.stream_of(store.connection, arn)
    if _is_gone(kept, store.now()):
        raise EngineError(
            "ResourceNotFoundException", f"Requested resource not found: Stream: {arn} not found"
        )
    return kept


def _is_gone(kept: Kept, now: float) -> bool:
    return kept.closed_at is not None and kept.closed_at <= now - changes.KEPT_SECONDS


def _shard_id(kept: Kept) -> str:
    return f"shardId-{int(kept.created_at * 1000):020}-{kept.stream.number:08}"


def _check_shard(kept: Kept, shard_id: str) -> None:
    if shard_id != _shard_id(kept):
        raise EngineError(
            "ResourceNotFoundException",
            f"Requested resource not found: Shard: {shard_id} in Stream: {kept.arn} not found",
        )


def _iterator(kept: Kept, position: int, now: float) -> str:
    return f"{kept.arn}|1|{position}|{int(now * 1000)}"


def _place(store: Store, iterator: str, now: float) -> tuple[Kept, int]:
    parts = iterator.split("|")
    is_ours = len(parts) == _ITERATOR_PARTS and all(
        part.isascii() and part.isdigit() for part in parts[1:]
    )
    if not is_ours:
        raise invalid("Invalid ShardIterator")
    if now - int(parts[3]) / 1000 > _ITERATOR_SECONDS:
        raise EngineError(
            "ExpiredIteratorException", "The shard iterator has expired; ask for another one"
        )
    return _stream(store, parts[0]), int(parts[2])


def _trimmed() -> EngineError:
    return EngineError(
        "TrimmedDataAccessException",
        "The shard's record at this sequence number is older than 24 hours and no longer there",
    )
