"""Topic rules: which of them a message triggers, and what each sends to its queues.

After "AWS IoT rule actions" and "Error handling (error action)", AWS IoT Core developer guide.
"""

import base64
import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cloud.kernel.errors import BadInput
from cloud.local.iot.sql import SQL_VERSION, UNDEFINED, Arrival, Query, is_true, number, parse_sql
from cloud.local.mqtt.message import Publish
from cloud.local.mqtt.topics import basic_ingest, matches
from cloud.local.queues import QueueError

logger = logging.getLogger(__name__)

Send = Callable[[str, str], object]
"""Puts a body into the queue of a URL, for good; raises QueueError if it cannot."""


@dataclass(frozen=True, slots=True)
class SqsAction:
    """Send the rule's result to a queue."""

    queue_url: str
    role_arn: str
    use_base64: bool = False
    is_error_action: bool = False


@dataclass(frozen=True, slots=True)
class TopicRule:
    """One rule with its statement parsed."""

    name: str
    query: Query
    actions: tuple[SqsAction, ...]
    error_action: SqsAction | None = None
    is_enabled: bool = True

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> "TopicRule":
        """Read the properties of a translated `AWS::IoT::TopicRule`.

        Raises:
            BadInput: Something in it is not known here; the message names the rule and the thing.
        """
        name = properties.get("RuleName")
        if not isinstance(name, str) or not re.fullmatch(r"\w{1,128}", name, re.ASCII):
            raise BadInput(f"topic rule: RuleName {name!r} is not one (Basic Ingest needs it)")
        _refuse_unknown(name, properties, {"RuleName", "TopicRulePayload", "Tags"})
        payload = properties.get("TopicRulePayload", {})
        known = {"Sql", "AwsIotSqlVersion", "Actions", "ErrorAction", "RuleDisabled", "Description"}
        _refuse_unknown(name, payload, known)
        if payload.get("AwsIotSqlVersion") != SQL_VERSION:
            raise BadInput(f"topic rule {name}: AwsIotSqlVersion must be '{SQL_VERSION}'")
        error_action = payload.get("ErrorAction")
        try:
            query = parse_sql(payload.get("Sql", ""))
        except BadInput as fault:
            raise BadInput(f"topic rule {name}: {fault}") from fault
        return cls(
            name=name,
            query=query,
            actions=tuple(_read_action(name, action) for action in payload.get("Actions", ())),
            error_action=_read_action(name, error_action, "error") if error_action else None,
            is_enabled=not payload.get("RuleDisabled", False),
        )


def _refuse_unknown(rule: str, given: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(given) - known):
        raise BadInput(f"topic rule {rule}: {unknown} is not supported here")


def _read_action(rule: str, action: Mapping[str, Any], kind: str = "") -> SqsAction:
    _refuse_unknown(rule, action, {"Sqs"})
    sqs = action.get("Sqs", {})
    _refuse_unknown(rule, sqs, {"QueueUrl", "RoleArn", "UseBase64"})
    if not sqs.get("QueueUrl") or not sqs.get("RoleArn"):
        raise BadInput(f"topic rule {rule}: an Sqs action needs QueueUrl and RoleArn")
    return SqsAction(
        sqs["QueueUrl"], sqs["RoleArn"], sqs.get("UseBase64", False), is_error_action=bool(kind)
    )


# ---- dispatch -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Routed:
    """One action to be carried out."""

    rule: TopicRule
    action: SqsAction
    body: bytes


def route(
    rules: Iterable[TopicRule], publish: Publish, now_ms: int
) -> list[tuple[SqsAction, bytes]]:
    """Give every action that a message triggers, with the body that it sends.

    A message of Basic Ingest triggers the rule it names, whatever that rule's FROM says, and no
    other; a name that no enabled rule has triggers nothing, as on AWS. A payload that the
    statement cannot use goes to the rule's error action, so that it is seen; on AWS it is a line
    in the logs only.
    """
    return [(routed.action, routed.body) for routed in _routed(rules, publish, now_ms)]


def carry_out(rules: Iterable[TopicRule], publish: Publish, now_ms: int, send: Send) -> None:
    """Carry out every action that a message triggers; an action that fails is told to its rule's.

    What a queue refuses goes to the rule's error action as AWS writes it. The other actions are
    carried out all the same, so that a message which comes again may be in some queues twice.

    Raises:
        QueueError: An action failed, and the rule has no error action or that failed, too. The
            message is not acknowledged then and comes again.
    """
    lost: QueueError | None = None
    for routed in _routed(rules, publish, now_ms):
        try:
            _send(routed, publish, send)
        except QueueError as fault:
            logger.warning("topic rule %s lost a message: %s", routed.rule.name, fault)
            lost = lost or fault
    if lost:
        raise lost


def _send(routed: Routed, publish: Publish, send: Send) -> None:
    try:
        send(routed.action.queue_url, routed.body.decode())
    except QueueError as fault:
        error_action = routed.rule.error_action
        if error_action is None or routed.action.is_error_action:
            raise
        document = error_document(
            routed.rule,
            publish,
            action="SqsAction",
            resource=routed.action.queue_url.rstrip("/").rpartition("/")[2],
            message=f"{fault.code}: {fault}",
        )
        send(error_action.queue_url, _body(error_action, document).decode())


def _routed(rules: Iterable[TopicRule], publish: Publish, now_ms: int) -> Iterator[Routed]:
    ingest = basic_ingest(publish.topic)
    arrival = Arrival(
        topic=ingest.topic if ingest else publish.topic,
        payload=publish.payload,
        document=_document(publish.payload),
        now_ms=now_ms,
        principal=publish.certificate_id,
        client_id=publish.client_id,
    )
    for rule in rules:
        is_meant = (
            rule.name == ingest.rule if ingest else matches(rule.query.topic_filter, publish.topic)
        )
        if is_meant and rule.is_enabled:
            yield from _apply(rule, arrival, publish)


def _document(payload: bytes) -> Any:
    """Read JSON in UTF-8; whole numbers such as 10.0 are integers in this SQL version."""
    try:
        return json.loads(payload.decode(), parse_float=number, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return UNDEFINED


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _apply(rule: TopicRule, arrival: Arrival, publish: Publish) -> Iterator[Routed]:
    try:
        message = _result(rule, arrival)
    except BadInput as fault:
        if rule.error_action:
            document = error_document(
                rule, publish, action="SQL", resource=rule.name, message=str(fault)
            )
            yield Routed(rule, rule.error_action, _body(rule.error_action, document))
        return
    if message is not None:
        for action in rule.actions:
            yield Routed(rule, action, _body(action, message))


def _result(rule: TopicRule, arrival: Arrival) -> bytes | None:
    """Give what the statement makes of a message, None if it does not want it.

    Raises:
        BadInput: The statement cannot use the payload.
    """
    if rule.query.needs_json and arrival.document is UNDEFINED:
        raise BadInput("the payload is not JSON")
    try:
        if rule.query.where and not is_true(rule.query.where(arrival)):
            return None
        return _dumped(rule.query.result(arrival))
    except (UnicodeEncodeError, RecursionError) as fault:
        raise BadInput(f"the payload cannot be sent on as JSON in UTF-8: {fault}") from fault


def error_document(
    rule: TopicRule, publish: Publish, *, action: str, resource: str, message: str
) -> bytes:
    """Write what an error action is sent ("Error action message format").

    It is plain ASCII, so that no queue refuses it for a character of the topic.
    """
    document = {
        "ruleName": rule.name,
        "topic": publish.topic,
        "clientId": publish.client_id,
        "base64OriginalPayload": base64.b64encode(publish.payload).decode(),
        "failures": [{"failedAction": action, "failedResource": resource, "errorMessage": message}],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _dumped(value: Any) -> bytes:
    """Write JSON; what is Undefined by itself is an empty string ("Data types")."""
    if value is UNDEFINED:
        return b""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _body(action: SqsAction, message: bytes) -> bytes:
    return base64.b64encode(message) if action.use_base64 else message
