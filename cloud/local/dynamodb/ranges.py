"""Turns a key condition into a range of rows, and a starting key into the place to go on from."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cloud.local.dynamodb.errors import EngineError, invalid, invalid_parameter
from cloud.local.dynamodb.schema import Index, KeySchema, Table
from cloud.local.dynamodb.syntax import And, Between, Compare, Condition, Literal, Path, Test
from cloud.local.dynamodb.values import Item, key_bytes, kind_of, normalise

_NOT_SUPPORTED = "Query key condition not supported"
_COMPARISONS: dict[str, Callable[[bytes, bytes], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a table or index is searched and put in order by."""

    pk: str
    sk: str
    order: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a WHERE, with the values for its marks."""

    sql: str
    values: tuple[bytes, ...]


def columns_of(index: Index | None) -> Columns:
    """Name the columns of an index, or of the table itself."""
    if index is None:
        return Columns("pk", "sk", ("pk", "sk"))
    pk, sk = f"i{index.place}_pk", f"i{index.place}_sk"
    return Columns(pk, sk, (pk, sk, "pk", "sk"))


def key_clauses(condition: Condition, keys: KeySchema, columns: Columns) -> list[Clause]:
    """Translate a bound key condition: the hash key equal to a value, the sort key in a range.

    Raises:
        EngineError: the condition is of another form, or a value is of the wrong type.
    """
    terms = condition.conditions if isinstance(condition, And) else (condition,)
    by_name: dict[str, Condition] = {}
    for term in terms:
        name = _tested_name(term)
        if name in by_name:
            raise invalid(
                "Invalid KeyConditionExpression: "
                "KeyConditionExpressions must only contain one condition per key"
            )
        by_name[name] = term
    hash_term = by_name.pop(keys.hash_name, None)
    if hash_term is None:
        raise invalid(f"Query condition missed key schema element: {keys.hash_name}")
    if not isinstance(hash_term, Compare) or hash_term.operator != "=":
        raise invalid(_NOT_SUPPORTED)
    clauses = [
        Clause(f"{columns.pk} = ?", _values(keys.hash_name, keys.hash_kind, hash_term.right))
    ]
    if not by_name:
        return clauses
    sort_term = by_name.pop(keys.sort_name or "", None)
    if sort_term is None or by_name:
        missed = keys.sort_name if keys.sort_name and len(terms) == 2 else None
        raise invalid(
            f"Query condition missed key schema element: {missed}" if missed else _NOT_SUPPORTED
        )
    return [*clauses, *_sort_clauses(sort_term, keys, columns.sk)]


def start_after(
    given: Mapping[str, Any], table: Table, index: Index | None, *, is_forward: bool
) -> Clause:
    """Translate an `ExclusiveStartKey` into the rows that follow it.

    Raises:
        EngineError: it is not a key of the table or index.
    """
    kinds = dict(table.keys.kinds) | (index.keys.kinds if index else {})
    spelled = {name: normalise(value) for name, value in given.items()}
    if {name: kind_of(value) for name, value in spelled.items()} != kinds:
        raise invalid("The provided starting key is invalid")
    values: tuple[bytes, ...] = table.keys.encoded(spelled)
    if index is not None:
        values = (*index.keys.encoded(spelled), *values)
    order = columns_of(index).order
    comparison = ">" if is_forward else "<"
    marks = ", ".join("?" * len(order))
    return Clause(f"({', '.join(order)}) {comparison} ({marks})", values)


def check_start(after: Clause, clauses: list[Clause]) -> None:
    """Check that a starting key could have come from the same search.

    Raises:
        EngineError: it lies outside of the hash key or the range that is searched.
    """
    for clause in clauses:
        if not clause.values:
            continue
        column, sign, _ = clause.sql.split(" ", 2)
        is_hash = column.endswith("pk")
        given = after.values[0 if is_hash else 1]
        if not _COMPARISONS[sign](given, clause.values[0]):
            if is_hash:
                raise invalid(
                    "The provided starting key is outside query boundaries based on provided "
                    "conditions"
                )
            raise invalid("The provided starting key does not match the range key predicate")


def key_attributes(item: Item, table: Table, index: Index | None) -> Item:
    """Give the key attributes which a `LastEvaluatedKey` is made of."""
    names = [*table.keys.kinds, *(index.keys.kinds if index else ())]
    return {name: item[name] for name in names}


def _tested_name(term: Condition) -> str:
    if isinstance(term, Compare) and term.operator != "<>":
        operand = term.left
    elif isinstance(term, Between):
        operand = term.operand
    elif isinstance(term, Test) and term.function == "begins_with":
        operand = term.operands[0]
    else:
        raise _unsupported(term)
    if not isinstance(operand, Path) or len(operand.parts) != 1:
        raise invalid(_NOT_SUPPORTED)
    return str(operand.parts[0])


def _unsupported(term: Condition) -> EngineError:
    if isinstance(term, Test):
        used = term.function
    else:
        used = term.operator if isinstance(term, Compare) else type(term).__name__.upper()
    return invalid(
        f"Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: {used}"
    )


def _sort_clauses(term: Condition, keys: KeySchema, column: str) -> list[Clause]:
    name, kind = str(keys.sort_name), keys.sort_kind
    if isinstance(term, Compare):
        return [Clause(f"{column} {term.operator} ?", _values(name, kind, term.right))]
    if isinstance(term, Between):
        low, high = _values(name, kind, term.low, term.high)
        return [Clause(f"{column} >= ?", (low,)), Clause(f"{column} <= ?", (high,))]
    if not isinstance(term, Test):
        raise _unsupported(term)
    (prefix,) = _values(name, kind, term.operands[1])
    after = _after_prefix(prefix)
    clauses = [Clause(f"{column} >= ?", (prefix,))]
    return clauses if after is None else [*clauses, Clause(f"{column} < ?", (after,))]


def _values(name: str, kind: str, *operands: object) -> tuple[bytes, ...]:
    values = []
    for operand in operands:
        if not isinstance(operand, Literal):
            raise invalid(_NOT_SUPPORTED)
        if kind_of(operand.value) != kind:
            raise invalid_parameter("Condition parameter type does not match schema type")
        encoded = key_bytes(operand.value)
        if not encoded:
            raise invalid(
                "One or more parameter values are not valid. The AttributeValue for a key "
                f"attribute cannot contain an empty {'binary' if kind == 'B' else 'string'} value."
                f" Key: {name}"
            )
        values.append(encoded)
    return tuple(values)


def _after_prefix(prefix: bytes) -> bytes | None:
    """Give the first bytes which sort after everything with this prefix; None when nothing does."""
    shortened = prefix.rstrip(b"\xff")
    return shortened[:-1] + bytes([shortened[-1] + 1]) if shortened else None
