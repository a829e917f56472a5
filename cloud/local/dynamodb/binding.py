"""Puts the attribute names and values of one request into its expressions, and checks their use.

What can be known to be wrong without any item is refused here: an undefined or unused name or
value, a value whose type its function cannot take, two paths of one update which overlap.
"""

import re
from collections.abc import Mapping
from itertools import combinations
from typing import Any, cast

from cloud.local.dynamodb.errors import EngineError, ExpressionError, invalid
from cloud.local.dynamodb.expressions import parse_condition, parse_projection, parse_update
from cloud.local.dynamodb.syntax import (
    And,
    Arithmetic,
    Between,
    Compare,
    Condition,
    IfNotExists,
    In,
    ListAppend,
    Literal,
    Not,
    Operand,
    Or,
    Parts,
    Path,
    Size,
    Source,
    Test,
    Update,
    ValueName,
)
from cloud.local.dynamodb.values import KINDS, Value, is_equal, kind_of, normalise, ordered

_PLACEHOLDER = {"#": re.compile(r"#[A-Za-z0-9_]+"), ":": re.compile(r":[A-Za-z0-9_]+")}
_NAMES = "ExpressionAttributeNames"
_VALUES = "ExpressionAttributeValues"
_IN_ORDER = ("<", "<=", ">", ">=")
_ORDERED_KINDS = ("S", "N", "B")
_SET_KINDS = ("SS", "NS", "BS")
_HOLDING_KINDS = ("S", "B", "L", *_SET_KINDS)
# AWS, DynamoDB Developer Guide, "Quotas": the mark and the name after it.
_LONGEST_PLACEHOLDER = 255


class Binder:
    """The names and values of one request, and which of them its expressions have used."""

    def __init__(self, request: Mapping[str, Any], *labels: str) -> None:
        """Check the names and values of a request that may carry the labelled expressions.

        Raises:
            EngineError: a name or value is not well formed, or there is no expression to use it.
        """
        self._request = request
        self._names: Mapping[str, str] = request.get(_NAMES) or {}
        self._values: dict[str, Value] = {}
        self._used: set[str] = set()
        has_expression = any(request.get(label) is not None for label in labels)
        for parameter, mark in ((_NAMES, "#"), (_VALUES, ":")):
            given = request.get(parameter)
            if given is not None:
                self._check_names(parameter, mark, given, has_expression=has_expression)
        for name, value in (request.get(_VALUES) or {}).items():
            try:
                self._values[name] = normalise(value)
            except EngineError as error:
                raise EngineError(
                    error.code,
                    f"{_VALUES} contains invalid value: {error.message} for key {name}",
                ) from error

    def condition(self, label: str) -> Condition | None:
        """Bind the condition given under this name; None when there is none.

        Raises:
            EngineError: the expression cannot be used.
        """
        text = self._request.get(label)
        if text is None:
            return None
        try:
            return self._condition(parse_condition(text))
        except ExpressionError as error:
            raise invalid(f"Invalid {label}: {error}") from error

    def update(self, label: str = "UpdateExpression") -> Update | None:
        """Bind the update; None when there is none.

        Raises:
            EngineError: the expression cannot be used.
        """
        text = self._request.get(label)
        if text is None:
            return None
        try:
            return self._update(parse_update(text))
        except ExpressionError as error:
            raise invalid(f"Invalid {label}: {error}") from error

    def projection(self, label: str = "ProjectionExpression") -> tuple[Path, ...] | None:
        """Bind the projection; None when there is none.

        Raises:
            EngineError: the expression cannot be used.
        """
        text = self._request.get(label)
        if text is None:
            return None
        try:
            paths = tuple(self._path(path) for path in parse_projection(text))
            _refuse_overlap(paths)
        except ExpressionError as error:
            raise invalid(f"Invalid {label}: {error}") from error
        return paths

    def finish(self) -> None:
        """Check that every name and value was used.

        Raises:
            EngineError: one was not.
        """
        for parameter, given in ((_NAMES, self._names), (_VALUES, self._values)):
            unused = [name for name in given if name not in self._used]
            if unused:
                listed = ", ".join(unused)
                raise invalid(
                    f"Value provided in {parameter} unused in expressions: keys: {{{listed}}}"
                )

    @staticmethod
    def _check_names(
        parameter: str, mark: str, given: Mapping[str, object], *, has_expression: bool
    ) -> None:
        if not has_expression:
            raise invalid(f"{parameter} can only be specified when using expressions")
        if not given:
            raise invalid(f"{parameter} must not be empty")
        for name in given:
            if not _PLACEHOLDER[mark].fullmatch(name):
                raise invalid(f'{parameter} contains invalid key: Syntax error; key: "{name}"')
            if len(name) > _LONGEST_PLACEHOLDER:
                raise invalid(
                    f"{parameter} contains invalid key: The expression attribute map contains a "
                    f"key that is too long; key length: {len(name)}"
                )

    def _condition(self, node: Condition) -> Condition:
        if isinstance(node, Compare):
            left, right = self._operand(node.left), self._operand(node.right)
            _refuse_same(node.operator, left, right)
            if node.operator in _IN_ORDER:
                _refuse_kinds(node.operator, _ORDERED_KINDS, left, right)
            return Compare(node.operator, left, right)
        if isinstance(node, And):
            return And(tuple([self._condition(one) for one in node.conditions]))
        if isinstance(node, Or):
            return Or(tuple([self._condition(one) for one in node.conditions]))
        if isinstance(node, Not):
            return Not(self._condition(node.condition))
        if isinstance(node, Test):
            return self._test(node)
        if isinstance(node, In):
            return In(self._operand(node.operand), tuple(map(self._operand, node.options)))
        between = Between(
            self._operand(node.operand), self._operand(node.low), self._operand(node.high)
        )
        _check_bounds(between)
        return between

    def _test(self, node: Test) -> Test:
        operands = tuple(map(self._operand, node.operands))
        if node.function == "begins_with":
            _refuse_kinds(node.function, ("S", "B"), *operands)
        if len(operands) == 2:
            _refuse_same(node.function, operands[0], operands[1])
        if node.function == "contains":
            _refuse_kinds(node.function, _HOLDING_KINDS, operands[0])
        if node.function == "attribute_type":
            _check_type_name(operands[1])
        return Test(node.function, operands)

    def _operand(self, node: Operand) -> Operand:
        if isinstance(node, Path):
            return self._path(node)
        if isinstance(node, ValueName):
            return self._value(node)
        if isinstance(node, Size):
            operand = self._operand(node.operand)
            _refuse_kinds("size", ("S", "B", "SS", "NS", "BS", "L", "M"), operand)
            return Size(operand)
        return node

    def _path(self, path: Path) -> Path:
        return Path(self._parts(path.parts)) if "#" in str(path) else path

    def _parts(self, parts: Parts) -> Parts:
        return tuple(
            [
                self._name(part) if isinstance(part, str) and part[0] == "#" else part
                for part in parts
            ]
        )

    def _name(self, name: str) -> str:
        if name not in self._names:
            raise ExpressionError(
                "An expression attribute name used in the document path is not defined; "
                f"attribute name: {name}"
            )
        self._used.add(name)
        return self._names[name]

    def _value(self, node: ValueName) -> Literal:
        if node.name not in self._values:
            raise ExpressionError(
                "An expression attribute value used in expression is not defined; "
                f"attribute value: {node.name}"
            )
        self._used.add(node.name)
        return Literal(self._values[node.name])

    def _update(self, parsed: Update) -> Update:
        update = Update(
            sets=tuple([(self._path(path), self._source(source)) for path, source in parsed.sets]),
            removes=tuple(map(self._path, parsed.removes)),
            adds=tuple([(self._path(path), self._source(source)) for path, source in parsed.adds]),
            deletes=tuple(
                [(self._path(path), self._source(source)) for path, source in parsed.deletes]
            ),
        )
        _refuse_overlap(update.paths)
        for section, kinds, pairs in (
            ("ADD", ("N", *_SET_KINDS), update.adds),
            ("DELETE", _SET_KINDS, update.deletes),
        ):
            for _, source in pairs:
                kind = kind_of(cast("Literal", source).value)
                if kind not in kinds:
                    raise ExpressionError(
                        "Incorrect operand type for operator or function; "
                        f"operator: {section}, operand type: {kind}, "
                        f"typeSet: ALLOWED_FOR_{section}_OPERAND"
                    )
        return update

    def _source(self, node: Source) -> Source:
        if isinstance(node, ValueName):
            return self._value(node)
        if isinstance(node, Path):
            return self._path(node)
        if isinstance(node, Arithmetic):
            left, right = self._source(node.left), self._source(node.right)
            _refuse_kinds(node.operator, ("N",), left, right)
            return Arithmetic(node.operator, left, right)
        if isinstance(node, IfNotExists):
            return IfNotExists(self._path(node.path), self._source(node.otherwise))
        if isinstance(node, ListAppend):
            first, second = self._source(node.first), self._source(node.second)
            _refuse_kinds("list_append", ("L",), first, second)
            return ListAppend(first, second)
        return node


def _refuse_kinds(function: str, allowed: tuple[str, ...], *operands: Operand | Source) -> None:
    for operand in operands:
        if isinstance(operand, Literal) and kind_of(operand.value) not in allowed:
            raise ExpressionError(
                "Incorrect operand type for operator or function; operator or function: "
                f"{function}, operand type: {kind_of(operand.value)}"
            )


def _refuse_same(operator: str, left: Operand, right: Operand) -> None:
    if isinstance(left, Path) and left == right:
        raise ExpressionError(
            "The first operand must be distinct from the remaining operands for this operator or "
            f"function; operator: {operator}, first operand: {left}"
        )


def _check_bounds(between: Between) -> None:
    _refuse_kinds("BETWEEN", _ORDERED_KINDS, between.operand, between.low, between.high)
    if not (isinstance(between.low, Literal) and isinstance(between.high, Literal)):
        return
    low, high = between.low.value, between.high.value
    shown = f"lower bound operand: {_shown(low)}, upper bound operand: {_shown(high)}"
    if kind_of(low) != kind_of(high):
        raise ExpressionError(
            "The BETWEEN operator requires same data type for lower and upper bounds; " + shown
        )
    # Both are of the same ordered kind here, so their order is defined.
    if not is_equal(low, high) and cast("str", ordered(low)) > cast("str", ordered(high)):
        raise ExpressionError(
            "The BETWEEN operator requires upper bound to be greater than or equal to lower "
            "bound; " + shown
        )


def _check_type_name(operand: Operand) -> None:
    if not isinstance(operand, Literal) or kind_of(operand.value) != "S":
        kind = kind_of(operand.value) if isinstance(operand, Literal) else "path"
        raise ExpressionError(
            "Incorrect operand type for operator or function; "
            f"operator or function: attribute_type, operand type: {kind}"
        )
    if operand.value["S"] not in KINDS:
        listed = ",".join(sorted(KINDS))
        raise ExpressionError(
            f"Invalid attribute type name found; type: {operand.value['S']}, "
            f"valid types: {{{listed}}}"
        )


def _refuse_overlap(paths: tuple[Path, ...]) -> None:
    for one, two in combinations(paths, 2):
        shared = min(len(one.parts), len(two.parts))
        shown = f"path one: {one}, path two: {two}"
        if one.parts[:shared] == two.parts[:shared]:
            raise ExpressionError(
                "Two document paths overlap with each other; "
                f"must remove or rewrite one of these paths; {shown}"
            )
        for first, second in zip(one.parts, two.parts, strict=False):
            if type(first) is not type(second):
                raise ExpressionError(
                    "Two document paths conflict with each other; "
                    f"must remove or rewrite one of these paths; {shown}"
                )
            if first != second:
                break


def _shown(value: Value) -> str:
    ((kind, content),) = value.items()
    return f"AttributeValue: {{{kind}:{content}}}"
