"""Attribute values: which are well formed, how large they are, when two are equal or in order."""

import base64
import binascii
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from cloud.local.dynamodb import number
from cloud.local.dynamodb.errors import EngineError, invalid, invalid_parameter

KINDS = frozenset({"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"})
Value = dict[str, Any]
Item = dict[str, Value]

# AWS, DynamoDB Developer Guide, "Quotas" and "DynamoDB item sizes and formats".
LARGEST_ITEM = 400 * 1024
DEEPEST_NESTING = 32
LONGEST_NAME = 65535
_CONTAINER_OVERHEAD = 3
_ELEMENT_OVERHEAD = 1

_SET_NAMES = {"SS": "string", "NS": "number", "BS": "binary"}


def normalise_item(item: Mapping[str, object]) -> Item:
    """Check every attribute of an item and give each its one spelling.

    Raises:
        EngineError: a value is not one of the ten kinds, or breaks a rule of its kind.
    """
    normalised = {}
    for name, value in item.items():
        # Most attributes are plain text, which needs nothing more: this is the engine's hot path.
        if name and type(value) is dict and len(value) == 1 and type(value.get("S")) is str:
            normalised[name] = value
        else:
            normalised[_name(name)] = normalise(value)
    return normalised


def normalise(value: object, depth: int = 0) -> Value:
    """Check one attribute value and give it its one spelling.

    Raises:
        EngineError: the value is not one of the ten kinds, or breaks a rule of its kind.
    """
    if not isinstance(value, dict):
        raise EngineError("SerializationException", "Expected an attribute value")
    if len(value) != 1:
        found = "is empty," if not value else "has more than one datatypes set,"
        raise invalid(
            f"Supplied AttributeValue {found} must contain exactly one of the supported datatypes"
        )
    ((kind, content),) = value.items()
    if kind == "S" and isinstance(content, str):
        return value
    check = _CHECKS.get(kind)
    if check is None:
        raise invalid(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
        )
    if depth > DEEPEST_NESTING:
        raise too_deep()
    return {kind: check(content, depth)}


def too_deep() -> EngineError:
    """Make the error for maps and lists which lie deeper than 32 levels."""
    return invalid("Nesting Levels have exceeded supported limits")


def check_names(item: Mapping[str, Value]) -> None:
    """Check the length of an item's names; only a large item can hold one that is too long.

    Raises:
        EngineError: one is longer than 64 KB.
    """
    if any(_text_size(name) > LONGEST_NAME for name in item):
        raise invalid_parameter(
            f"Attribute name is too large, must be less than {LONGEST_NAME + 1} bytes"
        )


def item_size(item: Mapping[str, Value]) -> int:
    """Count the bytes of an item as AWS does: names and values (AWS, item sizes and formats)."""
    # Most attributes are short text: joined, they are counted at once.
    texts = list(item)
    total = 0
    for value in item.values():
        text = value.get("S")
        if text is None:
            total += size(value)
        else:
            texts.append(text)
    return total + _text_size("".join(texts))


def size(value: Value, depth: int = 0) -> int:
    """Count the bytes of one value.

    Raises:
        EngineError: maps and lists lie deeper than 32 levels.
    """
    ((kind, content),) = value.items()
    if kind == "S":
        return _text_size(content)
    if kind == "N":
        return number.size(content)
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "B":
        return _binary_size(content)
    if kind in _SET_NAMES:
        return sum([size({kind[0]: member}) for member in content])
    if depth >= DEEPEST_NESTING:
        raise too_deep()
    if kind == "L":
        return _CONTAINER_OVERHEAD + sum(
            [_ELEMENT_OVERHEAD + size(element, depth + 1) for element in content]
        )
    return _CONTAINER_OVERHEAD + sum(
        [
            _ELEMENT_OVERHEAD + _text_size(name) + size(element, depth + 1)
            for name, element in content.items()
        ]
    )


def is_equal(left: Value, right: Value) -> bool:
    """Tell whether two normalised values are equal; the order of a set's members means nothing."""
    ((kind, one),) = left.items()
    other = right.get(kind)
    if other is None:
        return False
    if kind in _SET_NAMES:
        return set(one) == set(other)
    if kind == "L":
        return len(one) == len(other) and all(map(is_equal, one, other))
    if kind == "M":
        return one.keys() == other.keys() and all(is_equal(one[name], other[name]) for name in one)
    return bool(one == other)


def ordered(value: Value) -> str | bytes | Decimal | None:
    """Give what a string, number or binary is put in order by; None for the other kinds.

    Python orders text by code point, which is the order of its UTF-8 bytes, as AWS has it.
    """
    ((kind, content),) = value.items()
    if kind == "S":
        return str(content)
    if kind == "N":
        return Decimal(content)
    return base64.b64decode(content) if kind == "B" else None


def kind_of(value: Value) -> str:
    """Name the kind of a value, such as `S` or `NS`."""
    return next(iter(value))


def key_bytes(value: Value) -> bytes:
    """Give bytes which sort as the key does; the kind is fixed by the table and left out."""
    ((kind, content),) = value.items()
    if kind == "S":
        return str(content).encode()
    return number.sortable(content) if kind == "N" else base64.b64decode(content)


def _text_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _binary_size(content: str) -> int:
    return len(content) * 3 // 4 - content[-2:].count("=")


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise EngineError("SerializationException", "Attribute names are text")
    if not name:
        raise invalid("Empty attribute name")
    return name


def _string(content: object, _depth: int) -> str:
    if not isinstance(content, str):
        raise EngineError("SerializationException", "STRING_VALUE cannot be read from another type")
    return content


def _number(content: object, depth: int) -> str:
    return number.normalise(_string(content, depth))


def _binary(content: object, depth: int) -> str:
    try:
        return base64.b64encode(base64.b64decode(_string(content, depth), validate=True)).decode()
    except (binascii.Error, ValueError) as reason:
        raise EngineError("SerializationException", "Invalid base64 in a binary value") from reason


def _boolean(content: object, _depth: int) -> bool:
    if not isinstance(content, bool):
        raise EngineError("SerializationException", "Expected true or false")
    return content


def _null(content: object, depth: int) -> bool:
    if not _boolean(content, depth):
        raise invalid_parameter("Null attribute value types must have the value of true")
    return True


def _map(content: object, depth: int) -> Item:
    if not isinstance(content, dict):
        raise EngineError("SerializationException", "Expected a map")
    return {_name(name): normalise(value, depth + 1) for name, value in content.items()}


def _list(content: object, depth: int) -> list[Value]:
    if not isinstance(content, list):
        raise EngineError("SerializationException", "Expected a list")
    return [normalise(value, depth + 1) for value in content]


def _set_of(kind: str, member: Callable[[object, int], str]) -> Callable[[object, int], list[str]]:
    def check(content: object, depth: int) -> list[str]:
        if not isinstance(content, list):
            raise EngineError("SerializationException", "Expected a set")
        if not content:
            raise invalid_parameter(f"An {_SET_NAMES[kind]} set  may not be empty")
        members = [member(one, depth) for one in content]
        if len(set(members)) != len(members):
            listed = ", ".join(members)
            raise invalid_parameter(f"Input collection [{listed}] contains duplicates.")
        return members

    return check


_CHECKS: dict[str, Callable[[object, int], Any]] = {
    "S": _string,
    "N": _number,
    "B": _binary,
    "BOOL": _boolean,
    "NULL": _null,
    "M": _map,
    "L": _list,
    "SS": _set_of("SS", _string),
    "NS": _set_of("NS", _number),
    "BS": _set_of("BS", _binary),
}
