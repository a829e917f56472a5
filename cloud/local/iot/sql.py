"""The SQL of topic rules: a statement is read once and then evaluated for each message.

After "AWS IoT SQL reference", AWS IoT Core developer guide, SQL version 2016-03-23. What is not
understood is an error when it is read, never a guess.
"""

import base64
import json
import math
import operator
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from cloud.kernel.errors import BadInput
from cloud.local.mqtt.topics import fault_of_from

SQL_VERSION = "2016-03-23"
MAX_DEPTH = 40
"""How deep parentheses, calls and CASE may nest."""
_LARGEST = 10**999
"""Beyond this a number is Undefined ("Data types")."""


class _Undefined:
    """The value of what is not there; JSON has no such thing ("Data types")."""

    def __repr__(self) -> str:
        return "Undefined"


UNDEFINED: Final = _Undefined()


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


# ---- the statement ------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>'(?:[^']|'')*')
      | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign><>|<=|>=|[=<>(),.*/%+-])
    )""",
    re.VERBOSE,
)
_RESERVED = {
    "SELECT",
    "FROM",
    "WHERE",
    "AS",
    "AND",
    "OR",
    "NOT",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
}
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

    Items are `*`, attributes, and expressions with `AS` a name. Expressions are literals,
    attributes (`a.b`), functions, `CASE`, arithmetic with `+ - * / %`, comparisons with
    `= <> < > <= >=`, and `AND`, `OR`, `NOT`.

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
        self._depth = 0

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
        if fault := fault_of_from(topic_filter):
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
        value = self._either()
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

    # ---- levels of an expression, the loosest first ------------------------------------------

    def _either(self) -> Expression:
        sides = [self._both()]
        while self._has_word("OR"):
            sides.append(self._both())
        return sides[0] if len(sides) == 1 else _joined(sides, any)

    def _both(self) -> Expression:
        sides = [self._negated()]
        while self._has_word("AND"):
            sides.append(self._negated())
        return sides[0] if len(sides) == 1 else _joined(sides, all)

    def _negated(self) -> Expression:
        if not self._has_word("NOT"):
            return self._comparison()
        with self._deeper():
            return _not(self._negated())

    def _comparison(self) -> Expression:
        left = self._sum()
        sign = self._peek().text
        if self._peek().kind != "sign" or sign not in ("=", "<>", *_ORDER):
            return left
        self._next += 1
        return _compare(sign, left, self._sum())

    def _sum(self) -> Expression:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Expression:
        return self._chain(("*", "/", "%"), self._signed)

    def _chain(self, signs: Sequence[str], part: Callable[[], Expression]) -> Expression:
        """Read `part sign part sign part`, which is evaluated from the left."""
        first, steps = part(), list[tuple[str, Expression]]()
        while self._peek().kind == "sign" and self._peek().text in signs:
            sign = self._take().text
            steps.append((sign, part()))
        return _calculated(first, steps) if steps else first

    def _signed(self) -> Expression:
        if not self._has_sign("-"):
            return self._operand()
        if self._peek().kind == "number":
            number = -self._number()
            return lambda _: number
        with self._deeper():
            inner = self._signed()
        return _calculated(lambda _: 0, [("-", inner)])

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._fault(f"it nests deeper than {MAX_DEPTH}")
        yield
        self._depth -= 1

    def _number(self) -> int | float:
        token = self._take()
        try:
            return number(token.text)
        except ValueError as wrong:
            raise self._fault(str(wrong), token.at) from wrong

    def _operand(self) -> Expression:
        if self._has_sign("("):
            with self._deeper():
                inner = self._either()
            self._want_sign(")")
            return inner
        if self._peek().kind == "string":
            text = self._string()
            return lambda _: text
        if self._peek().kind == "number":
            value = self._number()
            return lambda _: value
        if self._has_word("CASE"):
            with self._deeper():
                return self._case()
        token = self._take()
        if token.kind != "word" or token.text.upper() in _RESERVED:
            raise self._fault(f"want a value, got {token.text}", token.at)
        if token.text.upper() in _LITERALS:
            literal = _LITERALS[token.text.upper()]
            return lambda _: literal
        if self._has_sign("("):
            with self._deeper():
                return self._call(token)
        return self._attribute(token.text)

    def _case(self) -> Expression:
        """Read `CASE value WHEN value THEN result ... [ELSE result] END` ("Case statements")."""
        subject = self._either()
        branches: list[tuple[Expression, Expression]] = []
        while self._has_word("WHEN"):
            wanted = self._either()
            self._want_word("THEN")
            branches.append((wanted, self._either()))
        if not branches:
            raise self._fault(f"want WHEN, got {self._peek().text}")
        otherwise = self._either() if self._has_word("ELSE") else (lambda _: UNDEFINED)
        self._want_word("END")
        return _case_of(subject, branches, otherwise)

    def _attribute(self, first: str) -> Expression:
        path = [first]
        while self._has_sign("."):
            path.append(self._name())
        self._uses_json = True
        return lambda arrival: _look_up(arrival.document, path)

    # ---- functions -----------------------------------------------------------------------------

    def _call(self, function: _Token) -> Expression:
        name = function.text.lower()
        if name == "encode":
            return self._encode(function)
        if name == "topic" and self._peek().kind == "number":
            level = self._number()
            if not isinstance(level, int) or level < 1:
                raise self._fault("topic(n) counts levels from 1", function.at)
            self._want_sign(")")
            return _level(level)
        if name == "regexp_matches":
            return self._regexp_matches(function)
        if name in _OF_MESSAGE:
            self._want_sign(")")
            return _OF_MESSAGE[name]
        if name not in _FUNCTIONS:
            raise self._fault(f"function {function.text} is not supported here", function.at)
        arguments = self._arguments()
        least, most, act = _FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise self._fault(f"{name} has {wanted} arguments", function.at)
        return lambda arrival: act(*[argument(arrival) for argument in arguments])

    def _arguments(self) -> list[Expression]:
        if self._has_sign(")"):
            return []
        arguments = [self._either()]
        while self._has_sign(","):
            arguments.append(self._either())
        self._want_sign(")")
        return arguments

    def _encode(self, function: _Token) -> Expression:
        is_payload = self._has_sign("*")
        value = None if is_payload else self._either()
        self._want_sign(",")
        if self._string().lower() != "base64":
            raise self._fault("encode is supported as encode(.., 'base64') only", function.at)
        self._want_sign(")")
        if value is None:
            return lambda arrival: base64.b64encode(arrival.payload).decode()
        return lambda arrival: _encoded(value(arrival))

    def _regexp_matches(self, function: _Token) -> Expression:
        """Read a search whose pattern is a literal, so that a bad one is found at once."""
        value = self._either()
        self._want_sign(",")
        text = self._string()
        self._want_sign(")")
        try:
            pattern = re.compile(text)
        except (re.error, OverflowError, RecursionError) as wrong:
            why = f"regexp_matches: {text!r} is not a pattern ({wrong})"
            raise self._fault(why, function.at) from wrong
        return lambda arrival: _on_text(value(arrival), lambda given: bool(pattern.search(given)))


_OF_MESSAGE: dict[str, Expression] = {
    "topic": lambda arrival: arrival.topic,
    "timestamp": lambda arrival: arrival.now_ms,
    "principal": lambda arrival: arrival.principal,
    "clientid": lambda arrival: arrival.client_id,
    "newuuid": lambda _: str(uuid.uuid4()),
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


# ---- conversions ("Data types") ----------------------------------------------------------------


def number(text: str) -> int | float:
    """Read a number; whole ones such as 10.0 are integers in this SQL version.

    Raises:
        ValueError: It is too large.
    """
    if re.fullmatch(r"-?\d{1,300}", text):
        return int(text)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large for a number")
    return int(value) if value.is_integer() else value


def _text(value: Any) -> str | _Undefined:
    """Convert to a string; null and what is not there have none."""
    if isinstance(value, str):
        return value
    if value is None or value is UNDEFINED:
        return UNDEFINED
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _on_text(value: Any, act: Callable[[str], Any]) -> Any:
    text = _text(value)
    return UNDEFINED if isinstance(text, _Undefined) else act(text)


def _encoded(value: Any) -> Any:
    return _on_text(value, lambda text: base64.b64encode(text.encode("utf-8", "replace")).decode())


def is_true(value: Any) -> bool:
    """Tell whether a condition's value takes the message."""
    return _boolean(value) is True


def _boolean(value: Any) -> bool | _Undefined:
    """Read a Boolean, or the words "true" and "false"."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return UNDEFINED


def _decimal(value: Any) -> int | float | None:
    """Convert to a number: numbers, and strings that are written like one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", value, re.ASCII):
        try:
            return number(value)
        except ValueError:
            return None
    return None


def _bounded(value: int | float) -> int | float | _Undefined:
    """Give a result as this SQL version has it: whole numbers are integers, huge ones nothing."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return UNDEFINED
        return int(value) if value.is_integer() else value
    return value if abs(value) < _LARGEST else UNDEFINED


# ---- operators ("Operators"; whoever compares with Undefined gets Undefined) -------------------


def _joined(sides: Sequence[Expression], join: Callable[[Iterator[bool]], bool]) -> Expression:
    def joined(arrival: Arrival) -> bool | _Undefined:
        values = [_boolean(side(arrival)) for side in sides]
        if any(value is UNDEFINED for value in values):
            return UNDEFINED
        return join(value is True for value in values)

    return joined


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


_ARITHMETIC: dict[str, Callable[[Any, Any], int | float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "%": math.fmod,
}


def _calculated(first: Expression, steps: Sequence[tuple[str, Expression]]) -> Expression:
    def calculated(arrival: Arrival) -> Any:
        value = first(arrival)
        for sign, other in steps:
            value = _calculate(sign, value, other(arrival))
        return value

    return calculated


def _calculate(sign: str, one: Any, two: Any) -> Any:
    """Do one step; + joins strings, and the others take strings that are written like numbers."""
    if sign == "+" and (isinstance(one, str) or isinstance(two, str)):
        is_joinable = all(isinstance(value, (str, int, float)) for value in (one, two))
        has_boolean = isinstance(one, bool) or isinstance(two, bool)
        if not is_joinable or has_boolean:
            return UNDEFINED
        return f"{_text(one)}{_text(two)}"
    first, second = _decimal(one), _decimal(two)
    if first is None or second is None:
        return UNDEFINED
    try:
        return _bounded(_quotient(first, second) if sign == "/" else _plain(sign, first, second))
    except (ArithmeticError, ValueError):
        return UNDEFINED


def _plain(sign: str, first: int | float, second: int | float) -> int | float:
    if sign == "%" and isinstance(first, int) and isinstance(second, int):
        return first - second * int(_quotient(first, second))
    return _ARITHMETIC[sign](first, second)


def _quotient(first: int | float, second: int | float) -> int | float:
    """Divide; two whole numbers give a whole one, and what is left over is dropped."""
    if isinstance(first, int) and isinstance(second, int):
        size = abs(first) // abs(second)
        return size if (first < 0) == (second < 0) else -size
    return first / second


def _case_of(
    subject: Expression, branches: Sequence[tuple[Expression, Expression]], otherwise: Expression
) -> Expression:
    def case(arrival: Arrival) -> Any:
        value = subject(arrival)
        for wanted, result in branches:
            other = wanted(arrival)
            if value is not UNDEFINED and other is not UNDEFINED and _is_equal(value, other):
                return result(arrival)
        return otherwise(arrival)

    return case


# ---- functions ("Functions"); what cannot be converted is Undefined ----------------------------


def _on_number(value: Any, act: Callable[[int | float], int | float]) -> Any:
    given = _decimal(value)
    return UNDEFINED if given is None else _bounded(act(given))


def _rounded(value: int | float) -> int | float:
    """Round to the nearest whole number; a half goes away from zero."""
    if isinstance(value, int):
        return value
    size = math.floor(abs(value) + 0.5)
    return size if value >= 0 else -size


def _concat(*values: Any) -> Any:
    """Join: arrays and what is beside them to one array, or else strings."""
    if len(values) == 1:
        return values[0]
    if any(value is UNDEFINED for value in values):
        return UNDEFINED
    if any(isinstance(value, list) for value in values):
        joined: list[Any] = []
        for value in values:
            joined.extend(value if isinstance(value, list) else [value])
        return joined
    if not any(isinstance(value, str) for value in values):
        return UNDEFINED
    texts = [_text(value) for value in values]
    if any(isinstance(text, _Undefined) for text in texts):
        return UNDEFINED
    return "".join(map(str, texts))


def _substring(value: Any, first: Any, end: Any = math.inf) -> Any:
    """Cut a string from one place to before another, both counted from 0 and kept within it."""
    text = _text(value)
    low, high = _decimal(first), _decimal(end)
    if isinstance(text, _Undefined) or low is None or high is None:
        return UNDEFINED
    length = len(text)
    start, stop = (math.floor(min(max(place, 0), length)) for place in (low, high))
    return text[start:stop]


def _starts_with(value: Any, beginning: Any) -> Any:
    return _on_text(value, lambda text: _on_text(beginning, text.startswith))


def _ends_with(value: Any, ending: Any) -> Any:
    return _on_text(value, lambda text: _on_text(ending, text.endswith))


_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "abs": (1, 1, lambda value: _on_number(value, abs)),
    "ceil": (1, 1, lambda value: _on_number(value, math.ceil)),
    "concat": (1, 100, _concat),
    "endswith": (2, 2, _ends_with),
    "floor": (1, 1, lambda value: _on_number(value, math.floor)),
    "isnull": (1, 1, lambda value: value is None),
    "isundefined": (1, 1, lambda value: value is UNDEFINED),
    "length": (1, 1, lambda value: _on_text(value, len)),
    "lower": (1, 1, lambda value: _on_text(value, str.lower)),
    "round": (1, 1, lambda value: _on_number(value, _rounded)),
    "startswith": (2, 2, _starts_with),
    "substring": (2, 3, _substring),
    "upper": (1, 1, lambda value: _on_text(value, str.upper)),
}
