"""Puts, updates, deletes, batches and transactions: each is decided first, then written at once."""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from cloud.local.dynamodb.binding import Binder
from cloud.local.dynamodb.capacity import Meter
from cloud.local.dynamodb.changes import Image, note
from cloud.local.dynamodb.errors import (
    CONDITION_FAILED,
    VALIDATION,
    EngineError,
    invalid,
    invalid_parameter,
    too_short,
)
from cloud.local.dynamodb.evaluation import holds, projected, updated
from cloud.local.dynamodb.parameters import ACTIONS, BATCH_WRITES
from cloud.local.dynamodb.schema import Key, Table
from cloud.local.dynamodb.store import Store, decode_item, encode
from cloud.local.dynamodb.syntax import Condition, Update
from cloud.local.dynamodb.values import (
    LARGEST_ITEM,
    LONGEST_NAME,
    Item,
    check_names,
    item_size,
    normalise_item,
)

# AWS, API reference of BatchWriteItem and TransactWriteItems.
_MOST_IN_BATCH = 25
_MOST_IN_TRANSACTION = 100
_LARGEST_TRANSACTION = 4 * 1024 * 1024
_TOKEN_SECONDS = 600.0
_LONGEST_TOKEN = 36
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Action:
    """One checked write, ready to be decided against the stored item.

    Attributes:
        verb: `Put`, `Update`, `Delete` or `ConditionCheck`.
        content: the item to put, else the key.
    """

    verb: str
    table: Table
    key: Key
    content: Item
    condition: Condition | None
    update: Update | None
    shows_old_on_failure: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an item was, also as it is stored, and what it becomes; None where there is no item."""

    old: Item | None
    new: Item | None
    new_size: int
    old_encoded: bytes = b""


def put_item(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Put an item in the place of the one with its key (AWS, PutItem)."""
    return _write(store, "Put", request, ("ALL_OLD",))


def delete_item(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delete an item; deleting what is not there succeeds (AWS, DeleteItem)."""
    return _write(store, "Delete", request, ("ALL_OLD",))


def update_item(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Change an item, or make it from its key when it is not there (AWS, UpdateItem)."""
    return _write(store, "Update", request, ("ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"))


def batch_write(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Put and delete up to 25 items, none of them conditionally (AWS, BatchWriteItem).

    AWS may do part of a batch and give the rest back; here a batch is done whole.
    """
    actions = [
        _batch_action(store, name, write)
        for name, writes in request["RequestItems"].items()
        for write in _as_list(writes)
    ]
    if not actions:
        raise too_short("requestItems")
    if len(actions) > _MOST_IN_BATCH:
        raise invalid(f"Too many items requested for the BatchWriteItem call: {len(actions)}")
    if _has_repeats(actions):
        raise invalid("Provided list of item keys contains duplicates")
    meter = Meter(request, store.told)
    with store.writing() as connection:
        for action in actions:
            outcome = _decide(action, connection, meter)
            _save(store, action, outcome, connection)
            meter.write(action.table, outcome.old, outcome.new)
    return meter.listed_in({"UnprocessedItems": {}})


def transact_write(store: Store, request: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Do all of up to 100 writes or none (AWS, TransactWriteItems).

    The same request with the same token is done once in ten minutes of the engine's clock.

    Raises:
        EngineError: `TransactionCanceledException` with a reason for each action, or the token was
            used for another request.
    """
    actions = [_transact_action(store, wrapped) for wrapped in request["TransactItems"]]
    if not 1 <= len(actions) <= _MOST_IN_TRANSACTION:
        raise invalid(
            "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
            f"Member must have length between 1 and {_MOST_IN_TRANSACTION}"
        )
    if _has_repeats(actions):
        raise invalid("Transaction request cannot include multiple operations on one item")
    meter = Meter(request, store.told, is_transaction=True)
    with store.writing() as connection:
        store.forget_tokens(connection, before=now - _TOKEN_SECONDS)
        sizes = _was_done(connection, request, now)
        if sizes is not None:
            _count_replay(sizes, actions, meter)
            return meter.listed_in({})
        outcomes = _decide_all(actions, connection, meter)
        _remember(connection, request, outcomes, now)
        for action, outcome in zip(actions, outcomes, strict=True):
            _save(store, action, outcome, connection)
            meter.write(action.table, outcome.old, outcome.new)
    return meter.listed_in({})


def _write(
    store: Store, verb: str, request: Mapping[str, Any], may_return: tuple[str, ...]
) -> dict[str, Any]:
    wanted = request.get("ReturnValues") or "NONE"
    if wanted not in ("NONE", *may_return):
        raise invalid(f"ReturnValues can only be {' or '.join((*may_return, 'NONE'))}")
    action = _action(store, verb, request)
    meter = Meter(request, store.told)
    with store.writing() as connection:
        outcome = _decide(action, connection, meter, needs_old=wanted != "NONE")
        _save(store, action, outcome, connection)
    meter.write(action.table, outcome.old, outcome.new)
    attributes = _returned(wanted, action, outcome)
    return meter.added_to({"Attributes": attributes} if attributes else {})


def _action(store: Store, verb: str, request: Mapping[str, Any]) -> Action:
    table = store.table(request["TableName"])
    binder = Binder(request, "ConditionExpression", "UpdateExpression")
    condition, update = binder.condition("ConditionExpression"), binder.update()
    binder.finish()
    if verb == "Put":
        content = normalise_item(request["Item"])
        key = table.key_in(content)
    else:
        content, key = table.key_of(request["Key"])
    if update is not None:
        _refuse_key_update(table, update)
    shows_old = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return Action(verb, table, key, content, condition, update, shows_old)


def _batch_action(store: Store, name: str, write: Mapping[str, Any]) -> Action:
    kind, given = _only(write, "Supplied AttributeValue has more than one request")
    if kind not in BATCH_WRITES:
        raise invalid(f"{kind} is not a request of BatchWriteItem")
    verb = "Put" if kind == "PutRequest" else "Delete"
    return _action(store, verb, {**BATCH_WRITES[kind].check(given), "TableName": name})


def _transact_action(store: Store, wrapped: Mapping[str, Any]) -> Action:
    verb, given = _only(
        wrapped,
        "TransactItems can only contain one of Check, Put, Update or Delete",
    )
    if verb not in ACTIONS:
        raise invalid(f"{verb} is not an action of TransactWriteItems")
    return _action(store, verb, ACTIONS[verb].check(given))


def _decide(
    action: Action, connection: sqlite3.Connection, meter: Meter, *, needs_old: bool = False
) -> Outcome:
    """Decide one write against what is stored; a condition that is not met is counted here.

    Raises:
        EngineError: the condition is not met, or the new item would not be valid.
    """
    old, base, old_encoded = None, None, b""
    needs_old = needs_old or meter.is_on or action.table.stream is not None
    if needs_old or action.condition is not None or action.update is not None:
        row = connection.execute(action.table.select_one, action.key).fetchone()
        if row is not None:
            old_encoded = row[0]
            old = decode_item(row[0])
            # An update changes its copy in place.
            base = decode_item(row[0]) if action.update is not None else old
    if action.condition is not None and not holds(action.condition, old or {}):
        meter.refused(action.table, old, action.content if action.verb == "Put" else None)
        shown = {"Item": old} if action.shows_old_on_failure and old is not None else {}
        raise EngineError(CONDITION_FAILED, "The conditional request failed", **shown)
    if action.verb == "Delete":
        return Outcome(old, None, 0, old_encoded)
    if action.verb == "ConditionCheck":
        return Outcome(old, old, 0, old_encoded)
    new = action.content
    if action.verb == "Update":
        new = base if base is not None else dict(action.content)
        if action.update is not None:
            new = updated(action.update, new)
    action.table.check_index_keys(new)
    size = item_size(new)
    if size > LONGEST_NAME:
        check_names(new)
    if size > LARGEST_ITEM:
        to_update = " to update" if action.verb == "Update" else ""
        raise invalid(f"Item size{to_update} has exceeded the maximum allowed size")
    return Outcome(old, new, size, old_encoded)


def _decide_all(
    actions: list[Action], connection: sqlite3.Connection, meter: Meter
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    reasons: list[dict[str, Any]] = []
    decided: list[tuple[Action, Outcome]] = []
    for action in actions:
        try:
            outcomes.append(_decide(action, connection, meter, needs_old=True))
            decided.append((action, outcomes[-1]))
            reasons.append({"Code": "None"})
        except EngineError as error:
            reasons.append(_reason(error))
    codes = [reason["Code"] for reason in reasons]
    if len(outcomes) < len(actions):
        for action, outcome in decided:
            meter.refused(action.table, outcome.old, outcome.new)
        raise EngineError(
            "TransactionCanceledException",
            "Transaction cancelled, please refer cancellation reasons for specific reasons "
            f"[{', '.join(codes)}]",
            CancellationReasons=reasons,
        )
    if sum(outcome.new_size for outcome in outcomes) > _LARGEST_TRANSACTION:
        raise invalid("Aggregated size of the transaction's items exceeds 4 MB")
    return outcomes


def _reason(error: EngineError) -> dict[str, Any]:
    codes = {CONDITION_FAILED: "ConditionalCheckFailed", VALIDATION: "ValidationError"}
    return {"Code": codes[error.code], "Message": error.message, **error.extra}


def _save(store: Store, action: Action, outcome: Outcome, connection: sqlite3.Connection) -> None:
    if action.verb == "ConditionCheck":
        return
    table, encoded = action.table, b""
    if outcome.new is None:
        connection.execute(table.delete_one, action.key)
    else:
        encoded = encode(outcome.new)
        row = table.row(action.key, outcome.new, encoded, outcome.new_size)
        connection.execute(table.replace_one, row)
    if table.stream is not None:
        now = store.now()
        store.trim_changes(connection, now)
        old = Image(outcome.old, outcome.old_encoded) if outcome.old is not None else None
        new = Image(outcome.new, encoded) if outcome.new is not None else None
        note(connection, table, old, new, now)


def _returned(wanted: str, action: Action, outcome: Outcome) -> Item | None:
    if wanted == "NONE":
        return None
    item = outcome.old if wanted.endswith("_OLD") else outcome.new
    if item is None or wanted.startswith("ALL_"):
        return item
    return projected(action.update.paths, item) if action.update is not None else None


def _was_done(
    connection: sqlite3.Connection, request: Mapping[str, Any], now: float
) -> list[int] | None:
    """Give the sizes that a transaction which was done before was counted by; None if it was not.

    Raises:
        EngineError: the token was used for another transaction, or is none.
    """
    token = request.get("ClientRequestToken")
    if token is None:
        return None
    if not 1 <= len(token) <= _LONGEST_TOKEN:
        raise invalid(f"ClientRequestToken must be 1 to {_LONGEST_TOKEN} characters long")
    row = connection.execute(
        "SELECT fingerprint FROM ddb_tokens WHERE token = ? AND accepted_at > ?",
        (token, now - _TOKEN_SECONDS),
    ).fetchone()
    if row is None:
        return None
    if row[0][:_DIGEST_BYTES] != _fingerprint(request):
        raise EngineError(
            "IdempotentParameterMismatchException",
            "The request uses the same client token as a previous, but non-identical request. "
            "Do not reuse a client token with different requests, unless the requests are "
            "identical",
        )
    sizes: list[int] = msgspec.json.decode(row[0][_DIGEST_BYTES:] or b"[]")
    return sizes


def _remember(
    connection: sqlite3.Connection,
    request: Mapping[str, Any],
    outcomes: Iterable[Outcome],
    now: float,
) -> None:
    """Remember that a transaction with a token was done, and the sizes of its items."""
    if (token := request.get("ClientRequestToken")) is None:
        return
    sizes = [max(one.new_size, item_size(one.old) if one.old else 0) for one in outcomes]
    noted = _fingerprint(request) + msgspec.json.encode(sizes)
    connection.execute("INSERT OR REPLACE INTO ddb_tokens VALUES (?, ?, ?)", (token, noted, now))


def _fingerprint(request: Mapping[str, Any]) -> bytes:
    content = msgspec.json.encode(request["TransactItems"], order="deterministic")
    return hashlib.sha256(content).digest()


def _count_replay(sizes: list[int], actions: list[Action], meter: Meter) -> None:
    """Count a repeated transaction as AWS does: as the reading of the items it was counted by."""
    known = sizes or [0] * len(actions)  # a folder of before that kept no sizes
    for action, size in zip(actions, known, strict=True):
        meter.read(action.table, size, is_consistent=True)


def _refuse_key_update(table: Table, update: Update) -> None:
    for path in update.paths:
        if path.parts[0] in table.keys.kinds:
            raise invalid_parameter(
                f"Cannot update attribute {path.parts[0]}. This attribute is part of the key"
            )


def _has_repeats(actions: list[Action]) -> bool:
    return len({(action.table.name, action.key) for action in actions}) < len(actions)


def _only(wrapped: Any, message: str) -> tuple[str, Any]:
    if not isinstance(wrapped, dict) or len(wrapped) != 1:
        raise invalid(message)
    ((name, content),) = wrapped.items()
    return name, content


def _as_list(given: Any) -> list[Any]:
    if not isinstance(given, list) or not given:
        raise invalid("The batch write request list for a table cannot be null or empty")
    return given
