"""How much each program has called, in one item of the idempotency table for each.

    table        key              attributes             found by
    idempotency  pace#PROGRAM     ahead_until, expiration    program

A request writes once: the item's one number is moved on, under the condition that there was room.
Which condition to write it under depends on whether the program's last steps are over, so that is
guessed from what this sandbox saw last; a wrong guess costs a second write. A program that is known
to have no room writes nothing at all, so hammering costs neither money nor the table's patience. At
the price list's dollar for 1.6 million writes, a million requests cost about sixty cents.

What the table does not take is let through: a limit is no reason to keep partners from their work.
"""

from datetime import datetime
from typing import Any, Protocol

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from cloud.service.programs import Allowance, Pace, allowance, instant_ms

logger = Logger(child=True)

SLACK_MS = 2_000
"""How far two clocks may differ. What lies further ahead than steps can be is no number of ours.

A clock that is wrong shuts a program out for no longer than that: beyond it the limit fails open.
"""
KEPT_S = 24 * 3600
"""After which the item of a program that does not call goes by itself."""
TRIES = 3
MOST_KNOWN = 10_000
"""How many programs a sandbox remembers before it forgets all and reads again."""


class Client(Protocol):
    """The one call of boto3's DynamoDB client that is used here."""

    def update_item(self, **request: Any) -> dict[str, Any]:  # noqa: D102
        ...


class DynamoBuckets:
    """Counts requests of programs; each has an item of its own, and harms no other."""

    def __init__(self, client: Client, table: str) -> None:
        self._client = client
        self._table = table
        self._known: dict[str, int] = {}

    def draw(self, program_id: str, pace: Pace, at: datetime) -> Allowance | None:
        """Take one request of a program's; None where it could not be counted (API-02)."""
        now_ms = instant_ms(at)
        before_ms = _believable(self._known.get(program_id, 0), pace, now_ms)
        for _ in range(TRIES):
            met = allowance(pace, before_ms=before_ms, now_ms=now_ms)
            if not met.is_within:
                return met
            try:
                written, told_ms = self._moved(program_id, pace, before_ms, now_ms)
            except (BotoCoreError, ClientError) as failed:
                logger.warning("not counted", program=program_id, because=str(failed))
                return None
            self._remember(program_id, told_ms)
            before_ms = _believable(told_ms, pace, now_ms)
            if written:
                return allowance(pace, before_ms=told_ms - pace.step_ms, now_ms=now_ms)
        logger.warning("not counted", program=program_id, because=f"{TRIES} others were faster")
        return None

    def _moved(self, program_id: str, pace: Pace, before_ms: int, now_ms: int) -> tuple[bool, int]:
        """Move a program's number on as it is believed to stand, or give where it really stands."""
        values = {":now": now_ms, ":step": pace.step_ms, ":gone": now_ms // 1000 + KEPT_S}
        if before_ms > now_ms:
            moves = "ahead_until + :step"
            condition = "ahead_until > :now AND ahead_until <= :room"
            values[":room"] = now_ms + pace.room_ms
        else:
            moves = ":fresh"
            condition = (
                "attribute_not_exists(ahead_until) OR ahead_until <= :now OR ahead_until > :most"
            )
            values |= {":fresh": now_ms + pace.step_ms, ":most": _most(pace, now_ms)}
            del values[":step"]
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"id": {"S": f"pace#{program_id}"}},
                UpdateExpression=f"SET ahead_until = {moves}, expiration = :gone",
                ConditionExpression=condition,
                ExpressionAttributeValues={
                    name: {"N": str(value)} for name, value in values.items()
                },
                ReturnValues="UPDATED_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as refused:
            if refused.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False, _number(refused.response.get("Item", {}))
        return True, _number(answer["Attributes"])

    def _remember(self, program_id: str, until_ms: int) -> None:
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[program_id] = until_ms


def _believable(until_ms: int, pace: Pace, now_ms: int) -> int:
    """Give where a program's steps end, 0 for what a clock gone wrong has left behind."""
    return until_ms if until_ms <= _most(pace, now_ms) else 0


def _most(pace: Pace, now_ms: int) -> int:
    return now_ms + pace.burst * pace.step_ms + SLACK_MS


def _number(item: dict[str, Any]) -> int:
    return int(item.get("ahead_until", {}).get("N", "0"))
