"""Parses the expressions of DynamoDB by recursive descent, and remembers what it has parsed.

The grammars are those of the AWS DynamoDB Developer Guide: "Condition and filter expressions,
operators, and functions", "Using update expressions", "Using projection expressions" and "Using
expression attribute names".
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from cloud.local.dynamodb.errors import ExpressionError
from cloud.local.dynamodb.lexer import Tokens
from cloud.local.dynamodb.reserved import RESERVED_WORDS
from cloud.local.dynamodb.syntax import (
    And,
    Arithmetic,
    Between,
    Compare,
    Condition,
    IfNotExists,
    In,
    ListAppend,
    Not,
    Operand,
    Or,
    Path,
    Size,
    Source,
    Test,
    Update,
    ValueName,
)

# How many operands each yes-or-no function takes.
TESTS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
}
Part = TypeVar("Part")
_COMPARATORS = ("=", "<>", "<", "<=", ">", ">=")
_MOST_OPTIONS = 100
# An attribute, and the 32 levels of maps and lists in it.
_DEEPEST_PATH = 33
_REMEMBERED = 1024


@lru_cache(maxsize=_REMEMBERED)
def parse_condition(text: str) -> Condition:
    """Parse a condition, filter or key condition expression.

    Raises:
        ExpressionError: the text does not follow the grammar.
    """
    tokens = Tokens(text)
    tokens.limit_operators(*_COMPARATORS)
    condition = _either(tokens)
    tokens.expect_end()
    return condition


@lru_cache(maxsize=_REMEMBERED)
def parse_update(text: str) -> Update:
    """Parse an update expression.

    Raises:
        ExpressionError: the text does not follow the grammar, or has a section twice.
    """
    tokens = Tokens(text)
    # The `=` of an assignment is no operator.
    tokens.limit_operators("+", "-")
    sets: tuple[tuple[Path, Source], ...] = ()
    removes: tuple[Path, ...] = ()
    adds: tuple[tuple[Path, Source], ...] = ()
    deletes: tuple[tuple[Path, Source], ...] = ()
    seen: set[str] = set()
    while tokens.next.kind != "end":
        if not tokens.is_word("SET", "REMOVE", "ADD", "DELETE"):
            raise tokens.unexpected()
        section = tokens.take().text.upper()
        if section in seen:
            raise ExpressionError(
                f'The "{section}" section can only be used once in an update expression;'
            )
        seen.add(section)
        if section == "SET":
            sets = _listed(tokens, _assignment)
        elif section == "REMOVE":
            removes = _listed(tokens, _path)
        elif section == "ADD":
            adds = _listed(tokens, _path_and_value)
        else:
            deletes = _listed(tokens, _path_and_value)
    return Update(sets, removes, adds, deletes)


@lru_cache(maxsize=_REMEMBERED)
def parse_projection(text: str) -> tuple[Path, ...]:
    """Parse a projection expression.

    Raises:
        ExpressionError: the text does not follow the grammar.
    """
    tokens = Tokens(text)
    paths = _listed(tokens, _path)
    tokens.expect_end()
    return paths


def _listed(tokens: Tokens, one: Callable[[Tokens], Part]) -> tuple[Part, ...]:
    parts = [one(tokens)]
    while tokens.is_mark(","):
        tokens.take()
        parts.append(one(tokens))
    return tuple(parts)


def _either(tokens: Tokens) -> Condition:
    conditions = [_all(tokens)]
    while tokens.is_word("OR"):
        tokens.take()
        conditions.append(_all(tokens))
    return conditions[0] if len(conditions) == 1 else Or(tuple(conditions))


def _all(tokens: Tokens) -> Condition:
    conditions = [_negated(tokens)]
    while tokens.is_word("AND"):
        tokens.take()
        conditions.append(_negated(tokens))
    return conditions[0] if len(conditions) == 1 else And(tuple(conditions))


def _negated(tokens: Tokens) -> Condition:
    if not tokens.is_word("NOT"):
        return _primary(tokens)
    tokens.take()
    tokens.deeper()
    condition = _negated(tokens)
    tokens.shallower()
    return Not(condition)


def _primary(tokens: Tokens) -> Condition:
    if tokens.is_mark("("):
        return _parenthesised(tokens)
    if tokens.next.kind == "word" and tokens.following().text == "(":
        function = tokens.next.text
        if function in TESTS:
            return _test(tokens, function)
        if function != "size":
            raise ExpressionError(f"Invalid function name; function: {function}")
    return _comparison(tokens, _operand(tokens))


def _parenthesised(tokens: Tokens) -> Condition:
    opened = tokens.place
    tokens.expect("(")
    tokens.deeper()
    condition = _either(tokens)
    # `((a = :b) AND c = :d)` is in order; `((a = :b))` closes twice round the same thing.
    if tokens.closes.get(opened + 1) == tokens.place - 1:
        raise ExpressionError("The expression has redundant parentheses;")
    tokens.closes[opened] = tokens.place
    tokens.expect(")")
    tokens.shallower()
    return condition


def _test(tokens: Tokens, function: str) -> Condition:
    tokens.take()
    tokens.expect("(")
    operands = _listed(tokens, _operand)
    tokens.expect(")")
    if len(operands) != TESTS[function]:
        raise _wrong_count(function, len(operands))
    if tokens.is_mark(*_COMPARATORS):
        raise _wrong_use(function)
    if function.startswith("attribute_") and not isinstance(operands[0], Path):
        raise ExpressionError(
            f"Operator or function requires a document path; operator or function: {function}"
        )
    return Test(function, operands)


def _comparison(tokens: Tokens, left: Operand) -> Condition:
    if tokens.is_mark(*_COMPARATORS):
        operator = tokens.take().text
        right = _operand(tokens)
        _distinct(operator, left, right)
        return Compare(operator, left, right)
    if tokens.is_word("BETWEEN"):
        tokens.take()
        low = _operand(tokens)
        if not tokens.is_word("AND"):
            raise tokens.unexpected()
        tokens.take()
        return Between(left, low, _operand(tokens))
    if tokens.is_word("IN"):
        tokens.take()
        tokens.expect("(")
        options = _listed(tokens, _operand)
        tokens.expect(")")
        if len(options) > _MOST_OPTIONS:
            raise _wrong_count("IN", len(options) + 1)
        return In(left, options)
    if isinstance(left, Size) and (tokens.next.kind == "end" or tokens.is_mark(")")):
        raise _wrong_use("size")
    raise tokens.unexpected()


def _distinct(operator: str, left: Operand, right: Operand) -> None:
    if isinstance(left, Path) and left == right:
        raise ExpressionError(
            "The first operand must be distinct from the remaining operands for this operator or "
            f"function; operator: {operator}, first operand: {left}"
        )


def _operand(tokens: Tokens) -> Operand:
    token = tokens.next
    if token.kind == "value":
        return ValueName(tokens.take().text)
    if token.kind == "word" and tokens.following().text == "(":
        if token.text != "size":
            if token.text in TESTS:
                raise _wrong_use(token.text)
            raise ExpressionError(f"Invalid function name; function: {token.text}")
        tokens.take()
        tokens.expect("(")
        tokens.deeper()
        operands = _listed(tokens, _operand)
        tokens.shallower()
        tokens.expect(")")
        if len(operands) != 1:
            raise _wrong_count("size", len(operands))
        if isinstance(operands[0], Size):
            raise _wrong_use("size")
        return Size(operands[0])
    return _path(tokens)


def _path(tokens: Tokens) -> Path:
    parts: list[str | int] = [_path_name(tokens)]
    while tokens.is_mark(".", "["):
        if tokens.take().text == ".":
            parts.append(_path_name(tokens))
            continue
        if tokens.next.kind != "digits":
            raise tokens.unexpected()
        parts.append(int(tokens.take().text))
        tokens.expect("]")
    if len(parts) > _DEEPEST_PATH:
        raise ExpressionError(
            f"The document path has too many nesting elements; nesting levels: {len(parts)}"
        )
    return Path(tuple(parts))


def _path_name(tokens: Tokens) -> str:
    token = tokens.next
    if token.kind not in ("word", "name"):
        raise tokens.unexpected()
    if token.kind == "word" and token.text.upper() in RESERVED_WORDS:
        raise ExpressionError(
            f"Attribute name is a reserved keyword; reserved keyword: {token.text}"
        )
    return tokens.take().text


def _assignment(tokens: Tokens) -> tuple[Path, Source]:
    path = _path(tokens)
    tokens.expect("=")
    left = _source(tokens)
    if not tokens.is_mark("+", "-"):
        return path, left
    operator = tokens.take().text
    return path, Arithmetic(operator, left, _source(tokens))


def _source(tokens: Tokens) -> Source:
    token = tokens.next
    if token.kind == "value":
        return ValueName(tokens.take().text)
    if token.kind != "word" or tokens.following().text != "(":
        return _path(tokens)
    if token.text not in ("if_not_exists", "list_append"):
        raise ExpressionError(f"Invalid function name; function: {token.text}")
    tokens.take()
    tokens.expect("(")
    tokens.deeper()
    arguments = _listed(tokens, _source)
    tokens.shallower()
    tokens.expect(")")
    if len(arguments) != 2:
        raise _wrong_count(token.text, len(arguments))
    first, second = arguments
    if token.text == "list_append":
        return ListAppend(first, second)
    if not isinstance(first, Path):
        raise ExpressionError(
            "Operator or function requires a document path; operator or function: if_not_exists"
        )
    return IfNotExists(first, second)


def _path_and_value(tokens: Tokens) -> tuple[Path, Source]:
    path = _path(tokens)
    if tokens.next.kind != "value":
        raise tokens.unexpected()
    return path, ValueName(tokens.take().text)


def _wrong_count(function: str, count: int) -> ExpressionError:
    return ExpressionError(
        "Incorrect number of operands for operator or function; "
        f"operator or function: {function}, number of operands: {count}"
    )


def _wrong_use(function: str) -> ExpressionError:
    return ExpressionError(
        f"The function is not allowed to be used this way in an expression; function: {function}"
    )
