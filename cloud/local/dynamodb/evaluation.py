"""Answers bound conditions, makes updates and cuts projections, all on items in wire shape."""

import base64
from collections.abc import Sequence
from typing import Any

from cloud.local.dynamodb import number
from cloud.local.dynamodb.errors import EngineError, invalid
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
from cloud.local.dynamodb.values import Item, Value, is_equal, kind_of, ordered

_SET_KINDS = ("SS", "NS", "BS")


def holds(condition: Condition, item: Item) -> bool:
    """Tell whether an item meets a condition.

    A missing attribute makes every test false but `<>` and `attribute_not_exists`.
    """
    if isinstance(condition, Compare):
        return _compares(condition, item)
    if isinstance(condition, And):
        return all(holds(one, item) for one in condition.conditions)
    if isinstance(condition, Or):
        return any(holds(one, item) for one in condition.conditions)
    if isinstance(condition, Test):
        return _passes(condition, item)
    if isinstance(condition, In):
        value = _value(condition.operand, item)
        options = [_value(option, item) for option in condition.options]
        return value is not None and any(o is not None and is_equal(value, o) for o in options)
    if isinstance(condition, Between):
        value = _value(condition.operand, item)
        return _in_order(_value(condition.low, item), "<=", value) and _in_order(
            value, "<=", _value(condition.high, item)
        )
    return not holds(condition.condition, item)


def updated(update: Update, item: Item) -> Item:
    """Make an update on an item, in place, and give it back.

    Every source is read from the item as it was; lists are then shortened from their end, so that
    no index moves before it is used. Adding to what is not there starts from nothing.

    Raises:
        EngineError: a path leads nowhere, or an operand has the wrong type.
    """
    found = [(path.parts, _source(source, item)) for path, source in update.sets]
    for parts, value in sorted(found, key=_by_index):
        _put(item, parts, value)
    for path, operand in update.adds:
        _put(item, path.parts, _sum(_find(item, path.parts), _literal(operand)))
    removed = [path.parts for path in update.removes]
    for path, operand in update.deletes:
        if _take_members(item, path.parts, _literal(operand)):
            removed.append(path.parts)
    for parts in sorted(removed, key=_indexes, reverse=True):
        _remove(item, parts)
    return item


def projected(paths: Sequence[Path], item: Item) -> Item:
    """Cut an item down to some paths; a list keeps its chosen elements, closed up, in order."""
    tree: dict[str | int, Any] = {}
    for path in paths:
        branch = tree
        for part in path.parts:
            branch = branch.setdefault(part, {})
    kept = _kept({"M": item}, tree)
    return kept["M"] if kept is not None else {}


def _value(operand: Operand, item: Item) -> Value | None:
    if isinstance(operand, Literal):
        return operand.value
    if isinstance(operand, Path):
        return _find(item, operand.parts)
    if isinstance(operand, Size):
        return _size(_value(operand.operand, item))
    raise _unbound(operand)


def _find(item: Item, parts: Parts) -> Value | None:
    first = parts[0]
    value = item.get(first) if isinstance(first, str) else None
    for part in parts[1:]:
        if value is None:
            return None
        if isinstance(part, str):
            value = value.get("M", {}).get(part)
        else:
            elements = value.get("L", ())
            value = elements[part] if part < len(elements) else None
    return value


def _size(value: Value | None) -> Value | None:
    if value is None:
        return None
    ((kind, content),) = value.items()
    if kind in ("N", "BOOL", "NULL"):
        return None
    return {"N": str(len(base64.b64decode(content) if kind == "B" else content))}


def _compares(condition: Compare, item: Item) -> bool:
    left, right = _value(condition.left, item), _value(condition.right, item)
    if condition.operator in ("=", "<>"):
        same = left is not None and right is not None and is_equal(left, right)
        return same == (condition.operator == "=")
    return _in_order(left, condition.operator, right)


def _in_order(left: Value | None, operator: str, right: Value | None) -> bool:
    if left is None or right is None or kind_of(left) != kind_of(right):
        return False
    one: Any = ordered(left)
    two: Any = ordered(right)
    if one is None:
        return False
    if operator in ("<", ">="):
        return bool(one < two) == (operator == "<")
    return bool(one > two) == (operator == ">")


def _passes(condition: Test, item: Item) -> bool:
    value = _value(condition.operands[0], item)
    if condition.function == "attribute_exists":
        return value is not None
    if condition.function == "attribute_not_exists":
        return value is None
    other = _value(condition.operands[1], item)
    if value is None or other is None:
        return False
    if condition.function == "attribute_type":
        return kind_of(value) == other.get("S")
    if condition.function == "begins_with":
        return _begins_with(value, other)
    return _contains(value, other)


def _begins_with(value: Value, prefix: Value) -> bool:
    kind = kind_of(value)
    if kind != kind_of(prefix) or kind not in ("S", "B"):
        return False
    if kind == "S":
        return bool(value["S"].startswith(prefix["S"]))
    return base64.b64decode(value["B"]).startswith(base64.b64decode(prefix["B"]))


def _contains(value: Value, part: Value) -> bool:
    ((kind, content),) = value.items()
    part_kind = kind_of(part)
    if kind == "L":
        return any(is_equal(element, part) for element in content)
    if kind in _SET_KINDS:
        return kind[0] == part_kind and part[part_kind] in content
    if kind != part_kind or kind not in ("S", "B"):
        return False
    if kind == "S":
        return part["S"] in content
    return base64.b64decode(part["B"]) in base64.b64decode(content)


def _source(source: Source, item: Item) -> Value:
    if isinstance(source, Literal):
        return source.value
    if isinstance(source, Path):
        value = _find(item, source.parts)
        if value is None:
            raise invalid(
                "The provided expression refers to an attribute that does not exist in the item"
            )
        return _copied(value)
    if isinstance(source, IfNotExists):
        value = _find(item, source.path.parts)
        return _copied(value) if value is not None else _source(source.otherwise, item)
    if isinstance(source, ListAppend):
        first, second = _source(source.first, item), _source(source.second, item)
        if "L" not in first or "L" not in second:
            raise _wrong_type()
        return {"L": [*first["L"], *second["L"]]}
    if isinstance(source, Arithmetic):
        left, right = _source(source.left, item), _source(source.right, item)
        if "N" not in left or "N" not in right:
            raise _wrong_type()
        combine = number.add if source.operator == "+" else number.subtract
        return {"N": combine(left["N"], right["N"])}
    raise _unbound(source)


def _sum(present: Value | None, added: Value) -> Value:
    kind = kind_of(added)
    if present is None:
        return added
    if kind_of(present) != kind:
        raise _wrong_type()
    if kind == "N":
        return {"N": number.add(present["N"], added["N"])}
    return {kind: list(dict.fromkeys([*present[kind], *added[kind]]))}


def _take_members(item: Item, parts: Parts, taken: Value) -> bool:
    """Take members from a set; tell whether nothing is left, so that it must go."""
    present = _find(item, parts)
    if present is None:
        return False
    kind = kind_of(taken)
    if kind_of(present) != kind:
        raise _wrong_type()
    left = [member for member in present[kind] if member not in taken[kind]]
    if left:
        _put(item, parts, {kind: left})
    return not left


def _put(item: Item, parts: Parts, value: Value) -> None:
    last = parts[-1]
    if len(parts) == 1:
        item[str(last)] = value
        return
    parent = _find(item, parts[:-1])
    if isinstance(last, str):
        if parent is None or "M" not in parent:
            raise _no_way()
        parent["M"][last] = value
        return
    if parent is None or "L" not in parent:
        raise _no_way()
    elements = parent["L"]
    if last < len(elements):
        elements[last] = value
    else:
        # AWS: an element set beyond the end is added at the end.
        elements.append(value)


def _remove(item: Item, parts: Parts) -> None:
    last = parts[-1]
    if len(parts) == 1:
        item.pop(str(last), None)
        return
    parent = _find(item, parts[:-1])
    kind = "M" if isinstance(last, str) else "L"
    if parent is None or kind not in parent:
        raise _no_way()
    if isinstance(last, str):
        parent["M"].pop(last, None)
    elif last < len(parent["L"]):
        del parent["L"][last]


def _by_index(found: tuple[Parts, Value]) -> tuple[int, ...]:
    return _indexes(found[0])


def _indexes(parts: Parts) -> tuple[int, ...]:
    return tuple([part if isinstance(part, int) else -1 for part in parts])


def _copied(value: Value) -> Value:
    """Copy maps and lists, so that one part of an item is never another part as well."""
    ((kind, content),) = value.items()
    if kind == "M":
        return {"M": {name: _copied(one) for name, one in content.items()}}
    return {"L": [_copied(one) for one in content]} if kind == "L" else value


def _kept(value: Value, tree: dict[str | int, Any]) -> Value | None:
    if not tree:
        return value
    if "M" in value:
        inside = {
            name: kept
            for name, branch in tree.items()
            if name in value["M"] and (kept := _kept(value["M"][name], branch)) is not None
        }
        return {"M": inside} if inside else None
    if "L" in value:
        elements = [
            kept
            for place in sorted(part for part in tree if isinstance(part, int))
            if place < len(value["L"])
            and (kept := _kept(value["L"][place], tree[place])) is not None
        ]
        return {"L": elements} if elements else None
    return None


def _literal(source: Source) -> Value:
    if isinstance(source, Literal):
        return source.value
    raise _unbound(source)


def _unbound(operand: Operand | Source) -> TypeError:
    shown = operand.name if isinstance(operand, ValueName) else type(operand).__name__
    return TypeError(f"{shown} reached evaluation without having been bound")


def _wrong_type() -> EngineError:
    return invalid("An operand in the update expression has an incorrect data type")


def _no_way() -> EngineError:
    return invalid("The document path provided in the update expression is invalid for update")
