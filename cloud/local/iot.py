"""IoT topic rules: which rules a message triggers, and what each sends to its queues.

After "AWS IoT SQL reference" and "AWS IoT rule actions", AWS IoT Core developer guide, SQL version
2016-03-23. Only what the template uses is understood; anything else is an error when it is read.
"""

import base64
import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloud.kernel.errors import BadInput
from cloud.local.mqtt.message import Publish
from cloud.local.mqtt.topics import basic_ingest, fault_of_filter, matches

SQL_VERSION = "2016-03-23"


class _Undefined:
    """The value of what is not there; JSON has no such thing ("Data types")."""

    def __repr__(self) -> str:
        return "Undefined"


UNDEFINED: Final = _Undefined()


@dataclass(frozen=True, slots=True)
class SqsAction:
    """Send the rule's result to a queue."""

    queue_url: str
    role_arn: str
    use_base64: bool = False
    is_error_action: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as a rule's SQL sees it; Basic Ingest has taken its prefix off the topic."""

    topic: str
    payload: bytes
    document: Any
    now_ms: int
    principal: str
    client_id: str


Expression = Callable[[Arrival], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One item of SELECT: a value under a name; no name for `*`, whose keys are taken over."""

    name: str | None
    value: Expression
    needs_json: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed statement; without WHERE every message is taken."""

    columns: tuple[Column, ...]
    topic_filter: str
    where: Expression | None
    where_needs_json: bool

    @property
    def needs_json(self) -> bool:
        """Tell whether a payload that is not JSON is of no use to it ("Binary payloads")."""
        return self.where_needs_json or any(column.needs_json for column in self.columns)

    def result(self, arrival: Arrival) -> Any:
        """Give the value that the actions send; attributes that are not there are left out.

        Raises:
            BadInput: `*` is to be joined with other columns but the payload is not an object.
        """
        if len(self.columns) == 1 and self.columns[0].name is None:
            return arrival.document
        result: dict[str, Any] = {}
        for column in self.columns:
            value = column.value(arrival)
            if column.name is not None:
                result[column.name] = value
            elif isinstance(value, dict):
                result.update(value)
            else:
                raise BadInput("the payload is not a JSON object, so * has no attributes")
        return {name: value for name, value in result.items() if value is not UNDEFINED}


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


def route(
    rules: Iterable[TopicRule], publish: Publish, now_ms: int
) -> list[tuple[SqsAction, bytes]]:
    """Give every action that a message triggers, with the body that it sends.

    A message of Basic Ingest triggers the rule it names, whatever that rule's FROM says, and no
    other; a name that no enabled rule has triggers nothing, as on AWS. A payload that the
    statement cannot use goes to the rule's error action, so that it is seen; on AWS it is a line
    in the logs only.
    """
    ingest = basic_ingest(publish.topic)
    arrival = Arrival(
        topic=ingest.topic if ingest else publish.topic,
        payload=publish.payload,
        document=_document(publish.payload),
        now_ms=now_ms,
        principal=publish.certificate_id,
        client_id=publish.client_id,
    )
    routed: list[tuple[SqsAction, bytes]] = []
    for rule in rules:
        is_meant = (
            rule.name == ingest.rule if ingest else matches(rule.query.topic_filter, publish.topic)
        )
        if is_meant and rule.is_enabled:
            routed += _apply(rule, arrival, publish)
    return routed


def _document(payload: bytes) -> Any:
    """Read JSON; whole numbers such as 10.0 are integers in this SQL version ("Data types")."""
    try:
        return json.loads(payload, parse_float=_number, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return UNDEFINED


def _number(text: str) -> int | float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large for a number")
    return int(value) if value.is_integer() else value


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _apply(rule: TopicRule, arrival: Arrival, publish: Publish) -> list[tuple[SqsAction, bytes]]:
    if rule.query.needs_json and arrival.document is UNDEFINED:
        return _to_error_action(rule, publish, "the payload is not JSON")
    if rule.query.where and _boolean(rule.query.where(arrival)) is not True:
        return []
    try:
        result = rule.query.result(arrival)
    except BadInput as fault:
        return _to_error_action(rule, publish, str(fault))
    message = _dumped(result)
    return [(action, _body(action, message)) for action in rule.actions]


def _to_error_action(
    rule: TopicRule, publish: Publish, message: str
) -> list[tuple[SqsAction, bytes]]:
    if rule.error_action is None:
        return []
    document = error_document(rule, publish, action="SQL", resource=rule.name, message=message)
    return [(rule.error_action, _body(rule.error_action, document))]


def error_document(
    rule: TopicRule, publish: Publish, *, action: str, resource: str, message: str
) -> bytes:
    """Write what an error action is sent ("Error action message format")."""
    return _dumped(
        {
            "ruleName": rule.name,
            "topic": publish.topic,
            "clientId": publish.client_id,
            "base64OriginalPayload": base64.b64encode(publish.payload).decode(),
            "failures": [
                {"failedAction": action, "failedResource": resource, "errorMessage": message}
            ],
        }
    )


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _body(action: SqsAction, message: bytes) -> bytes:
    return base64.b64encode(message) if action.use_base64 else message


# ---- the statement ------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>'(?:[^']|'')*')
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign><>|<=|>=|[=<>(),.*-])
    )""",
    re.VERBOSE,
)
_RESERVED = {"SELECT", "FROM", "WHERE", "AS", "AND", "OR", "NOT"}
_LITERALS = {"TRUE": True, "FALSE": False, "NULL": None}
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def parse_sql(sql: str) -> Query:
    """Read `SELECT <items> FROM '<filter>' [WHERE <condition>]`.

    Items are `*`, attributes, and expressions with `AS` a name: literals, `topic()`, `topic(n)`,
    `timestamp()`, `principal()`, `clientid()`, `encode(*, 'base64')`. Conditions compare with
    `= <> < > <= >=` and join with `AND`, `OR`, `NOT`.

    Raises:
        BadInput: It is anything else; the message shows the place.
    """
    return _Parser(sql).query()


class _Parser:
    """Reads a statement from left to right, one function for each level of it."""

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._tokens = self._split(sql)
        self._next = 0
        self._uses_json = False

    def _split(self, sql: str) -> Sequence[_Token]:
        tokens, at = [], 0
        while sql[at:].strip():
            found = _TOKEN.match(sql, at)
            if not found:
                raise self._fault(f"cannot read {sql[at:].strip()[:20]!r}", at)
            kind = found.lastgroup or ""
            tokens.append(_Token(kind, found[kind], found.start(kind)))
            at = found.end()
        return [*tokens, _Token("end", "the end", len(sql))]

    def _fault(self, why: str, at: int | None = None) -> BadInput:
        place = self._tokens[self._next].at if at is None else at
        return BadInput(f"SQL: {why}, at {place} of {self._sql!r}")

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _is_word(self, word: str) -> bool:
        token = self._peek()
        return token.kind == "word" and token.text.upper() == word

    def _has_word(self, word: str) -> bool:
        if self._is_word(word):
            self._next += 1
            return True
        return False

    def _has_sign(self, sign: str) -> bool:
        if self._peek().kind == "sign" and self._peek().text == sign:
            self._next += 1
            return True
        return False

    def _want_word(self, word: str) -> None:
        if not self._has_word(word):
            raise self._fault(f"want {word}, got {self._peek().text}")

    def _want_sign(self, sign: str) -> None:
        if not self._has_sign(sign):
            raise self._fault(f"want {sign}, got {self._peek().text}")

    def query(self) -> Query:
        self._want_word("SELECT")
        columns = [self._column()]
        while self._has_sign(","):
            columns.append(self._column())
        names = [column.name for column in columns]
        if len(names) != len(set(names)):
            raise self._fault("a name is given to two items")
        self._want_word("FROM")
        topic_filter = self._string()
        if fault := fault_of_filter(topic_filter):
            raise self._fault(f"FROM {topic_filter!r}: {fault}")
        self._uses_json = False
        where = self._either() if self._has_word("WHERE") else None
        if self._peek().kind != "end":
            raise self._fault(f"{self._peek().text} is not supported here")
        return Query(tuple(columns), topic_filter, where, where_needs_json=self._uses_json)

    def _column(self) -> Column:
        if self._has_sign("*"):
            return Column(None, lambda arrival: arrival.document, needs_json=True)
        token = self._peek()
        is_attribute = token.kind == "word" and token.text.upper() not in _LITERALS
        self._uses_json = False
        start = self._next
        value = self._operand()
        is_plain = is_attribute and self._next == start + 1
        if self._has_word("AS"):
            name = self._name()
        elif is_plain:
            name = token.text
        else:
            raise self._fault(f"{token.text} needs a name: AS <name>")
        return Column(name, value, needs_json=self._uses_json)

    def _name(self) -> str:
        token = self._take()
        if token.kind != "word" or token.text.upper() in _RESERVED:
            raise self._fault(f"{token.text} is not a name", token.at)
        return token.text

    def _string(self) -> str:
        token = self._take()
        if token.kind != "string":
            raise self._fault(f"want a string in single quotes, got {token.text}", token.at)
        return token.text[1:-1].replace("''", "'")

    def _either(self) -> Expression:
        left = self._both()
        while self._has_word("OR"):
            left = _or(left, self._both())
        return left

    def _both(self) -> Expression:
        left = self._negated()
        while self._has_word("AND"):
            left = _and(left, self._negated())
        return left

    def _negated(self) -> Expression:
        return _not(self._negated()) if self._has_word("NOT") else self._comparison()

    def _comparison(self) -> Expression:
        if self._has_sign("("):
            inner = self._either()
            self._want_sign(")")
            return inner
        left = self._operand()
        sign = self._peek().text
        if self._peek().kind != "sign" or sign not in ("=", "<>", *_ORDER):
            return left
        self._next += 1
        return _compare(sign, left, self._operand())

    def _operand(self) -> Expression:
        if self._peek().kind == "string":
            text = self._string()
            return lambda _: text
        is_negative = self._has_sign("-")
        if self._peek().kind == "number":
            number = _number(self._take().text) * (-1 if is_negative else 1)
            return lambda _: number
        if is_negative:
            raise self._fault("arithmetic is not supported here")
        token = self._take()
        if token.kind != "word" or token.text.upper() in _RESERVED:
            raise self._fault(f"want a value, got {token.text}", token.at)
        if token.text.upper() in _LITERALS:
            literal = _LITERALS[token.text.upper()]
            return lambda _: literal
        if self._has_sign("("):
            return self._call(token)
        return self._attribute(token.text)

    def _attribute(self, first: str) -> Expression:
        path = [first]
        while self._has_sign("."):
            path.append(self._name())
        self._uses_json = True
        return lambda arrival: _look_up(arrival.document, path)

    def _call(self, function: _Token) -> Expression:
        name = function.text.lower()
        if name == "encode":
            self._want_sign("*")
            self._want_sign(",")
            if self._string().lower() != "base64":
                raise self._fault("encode is supported as encode(*, 'base64') only", function.at)
            self._want_sign(")")
            return lambda arrival: base64.b64encode(arrival.payload).decode()
        if name == "topic" and self._peek().kind == "number":
            level = _number(self._take().text)
            if not isinstance(level, int) or level < 1:
                raise self._fault("topic(n) counts levels from 1", function.at)
            self._want_sign(")")
            return _level(level)
        if name not in _FUNCTIONS:
            raise self._fault(f"function {function.text} is not supported here", function.at)
        self._want_sign(")")
        return _FUNCTIONS[name]


_FUNCTIONS: dict[str, Expression] = {
    "topic": lambda arrival: arrival.topic,
    "timestamp": lambda arrival: arrival.now_ms,
    "principal": lambda arrival: arrival.principal,
    "clientid": lambda arrival: arrival.client_id,
}


def _level(number: int) -> Expression:
    def level(arrival: Arrival) -> Any:
        levels = arrival.topic.split("/")
        return levels[number - 1] if number <= len(levels) else UNDEFINED

    return level


def _look_up(document: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(document, dict) or name not in document:
            return UNDEFINED
        document = document[name]
    return document


# ---- operators ("Operators"; whoever compares with Undefined gets Undefined) -------------------


def _boolean(value: Any) -> bool | _Undefined:
    """Read a Boolean, or the words "true" and "false"."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return UNDEFINED


def _and(left: Expression, right: Expression) -> Expression:
    def both(arrival: Arrival) -> bool | _Undefined:
        one, two = _boolean(left(arrival)), _boolean(right(arrival))
        return UNDEFINED if one is UNDEFINED or two is UNDEFINED else one is True and two is True

    return both


def _or(left: Expression, right: Expression) -> Expression:
    def either(arrival: Arrival) -> bool | _Undefined:
        one, two = _boolean(left(arrival)), _boolean(right(arrival))
        return UNDEFINED if one is UNDEFINED or two is UNDEFINED else one is True or two is True

    return either


def _not(inner: Expression) -> Expression:
    def opposite(arrival: Arrival) -> bool | _Undefined:
        value = _boolean(inner(arrival))
        return UNDEFINED if value is UNDEFINED else value is False

    return opposite


def _compare(sign: str, left: Expression, right: Expression) -> Expression:
    def compared(arrival: Arrival) -> bool | _Undefined:
        one: object = left(arrival)
        two: object = right(arrival)
        if one is UNDEFINED or two is UNDEFINED:
            return UNDEFINED
        if sign in _ORDER:
            first, second = _decimal(one), _decimal(two)
            if first is None or second is None:
                return UNDEFINED
            return _ORDER[sign](first, second)
        return _is_equal(one, two) == (sign == "=")

    return compared


def _is_equal(one: Any, two: Any) -> bool:
    """Compare values of one type; two types are never equal, and true is not 1."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    return bool(one == two)


def _decimal(value: Any) -> int | float | None:
    """Convert for an order: numbers, and strings that are written like one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", value):
        return float(value)
    return None
