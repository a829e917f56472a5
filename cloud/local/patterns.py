"""Event patterns: which events a rule or an event source mapping wants.

After "Event patterns" and "Comparison operators for use in event patterns", Amazon EventBridge user
guide, and "Control which events Lambda sends to your function", AWS Lambda developer guide. Both
services read the same language; Lambda knows fewer of its operators, which is not checked here.
"""

import ipaddress
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloud.kernel.errors import BadInput

MAX_DEPTH = 60
"""How deep a pattern may nest; events are only ever looked into as deep as the pattern goes."""
LEAST_NUMBER, GREATEST_NUMBER = -5e9, 5e9
"""The range of the numeric operator ("Numeric matching")."""
_OR = "$or"

Text = tuple[str, ...]


# ---- single conditions --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exactly:
    """A string, number, Boolean or null, equal in type and value; 300 and 300.0 are equal here.

    EventBridge's guide says that it compares how numbers are written, and an event that was
    parsed does not tell any more.
    """

    value: str | float | bool | None

    def takes(self, value: Any) -> bool:
        """Tell whether one value of an event is meant."""
        return is_same(self.value, value)


@dataclass(frozen=True, slots=True)
class Prefix:
    """A string that begins with one of these."""

    beginnings: Text
    ignores_case: bool = False

    def takes(self, value: Any) -> bool:
        """Tell whether one value of an event is meant."""
        return isinstance(value, str) and _folded(value, self.ignores_case).startswith(
            self.beginnings
        )


@dataclass(frozen=True, slots=True)
class Suffix:
    """A string that ends with one of these."""

    endings: Text
    ignores_case: bool = False

    def takes(self, value: Any) -> bool:
        """Tell whether one value of an event is meant."""
        return isinstance(value, str) and _folded(value, self.ignores_case).endswith(self.endings)


@dataclass(frozen=True, slots=True)
class EqualsIgnoreCase:
    """A string that is one of these but for upper and lower case."""

    texts: Text

    def takes(self, value: Any) -> bool:
        """Tell whether one value of an event is meant."""
        return isinstance(value, str) and value.casefold() in self.texts


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A string of these pieces in order, with anything between them; several are alternatives."""

    patterns: tuple[Text, ...]

    def takes(self, value: Any) -> bool:
        """Tell whether one value of an event is meant."""
        return isinstance(value, str) and any(_has_pieces(value, one) for one in self.patterns)


@dataclass(frozen=True, slots=True)
class Numeric:
    """A number within bounds; no bound is None."""

    above: float | None = None
    below: float | None = None
    takes_above: bool = False
    takes_below: bool = False

    def takes(self, value: Any) -> bool:
        """Tell whether one value of an event is meant."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        is_high = (
            self.above is None or value > self.above or (self.takes_above and value == self.above)
        )
        is_low = (
            self.below is None or value < self.below or (self.takes_below and value == self.below)
        )
        return is_high and is_low


@dataclass(frozen=True, slots=True)
class Cidr:
    """A string that is an address in a network."""

    network: ipaddress.IPv4Network | ipaddress.IPv6Network

    def takes(self, value: Any) -> bool:
        """Tell whether one value of an event is meant."""
        if not isinstance(value, str):
            return False
        try:
            return ipaddress.ip_address(value) in self.network
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class AnythingBut:
    """Whatever none of these takes; the field must be there."""

    refused: tuple["Exactly | Prefix | Suffix | EqualsIgnoreCase | Wildcard", ...]

    def takes(self, value: Any) -> bool:
        """Tell whether one value of an event is meant."""
        return not any(one.takes(value) for one in self.refused)


@dataclass(frozen=True, slots=True)
class Exists:
    """A field that is there with a value, null included, or that is not."""

    is_wanted: bool


OfValue = Exactly | Prefix | Suffix | EqualsIgnoreCase | Wildcard | Numeric | Cidr | AnythingBut
Condition = OfValue | Exists


def is_same(one: Any, two: Any) -> bool:
    """Compare two values of JSON that are neither array nor object: true is not 1."""
    if isinstance(one, bool) or isinstance(two, bool) or one is None or two is None:
        return one is two
    return bool(one == two)


def _folded(text: str, ignores_case: bool) -> str:  # noqa: FBT001 - the pattern's own member
    return text.casefold() if ignores_case else text


def _has_pieces(text: str, pieces: Text) -> bool:
    """Find the pieces from left to right, each as early as it goes: time grows with the text."""
    if len(pieces) == 1:
        return text == pieces[0]
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


# ---- the pattern --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pattern:
    """All of these fields, and of each `$or` at least one side.

    An empty pattern takes every event.
    """

    fields: tuple[tuple[str, "Pattern | tuple[Condition, ...]"], ...] = ()
    alternatives: tuple[tuple["Pattern", ...], ...] = ()

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Tell whether an event is wanted.

        An array in the event stands for any of its elements. An array of objects must have one
        element that satisfies all that the pattern asks below it.
        """
        return all(
            _is_wanted(wanted, event.get(name, _ABSENT)) for name, wanted in self.fields
        ) and all(any(side.matches(event) for side in sides) for sides in self.alternatives)


class _Absent:
    """The value of a field that is not there."""


_ABSENT = _Absent()


def _is_wanted(wanted: "Pattern | tuple[Condition, ...]", value: Any) -> bool:
    if isinstance(wanted, Pattern):
        objects = [one for one in _flat(value) if isinstance(one, Mapping)]
        return any(wanted.matches(one) for one in objects or [{}])
    leaves = [one for one in _flat(value) if not isinstance(one, (Mapping, _Absent))]
    return any(_is_met(condition, leaves) for condition in wanted)


def _is_met(condition: Condition, leaves: Sequence[Any]) -> bool:
    if isinstance(condition, Exists):
        return bool(leaves) == condition.is_wanted
    return any(condition.takes(leaf) for leaf in leaves)


def _flat(value: Any) -> Iterator[Any]:
    """Give the value, or the elements of an array and of the arrays in it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, (list, tuple)):
            waiting.extend(reversed(one))
        else:
            yield one


# ---- reading ------------------------------------------------------------------------------------


def parse(pattern: str | Mapping[str, Any]) -> Pattern:
    """Read a pattern as JSON text or as the object that it stands for.

    Raises:
        BadInput: It is not a pattern, or has an operator that nobody knows; the message names the
            place.
    """
    if isinstance(pattern, str):
        pattern = _read_json(pattern)
    if not isinstance(pattern, Mapping):
        raise _fault("", f"want an object, got {_shown(pattern)}")
    return _read_object(pattern, "", 0)


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_twins, parse_constant=_refuse_constant)
    except BadInput:
        raise
    except (ValueError, RecursionError) as error:
        raise _fault("", f"it is not JSON ({error}): {text[:60]!r}") from error


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise _fault("", f"the key {twin!r} stands twice in one object")
    return read


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _fault(place: str, why: str) -> BadInput:
    where = f" at {place}" if place else ""
    return BadInput(f"event pattern{where}: {why}; see the operators of event patterns")


def _shown(value: Any) -> str:
    return repr(value)[:60]


def _read_object(given: Mapping[str, Any], place: str, depth: int) -> Pattern:
    if depth > MAX_DEPTH:
        raise _fault(place[:60], f"it nests deeper than {MAX_DEPTH}")
    if place and not given:
        raise _fault(place, "an empty object asks for nothing: leave the field out")
    fields: list[tuple[str, Pattern | tuple[Condition, ...]]] = []
    alternatives: list[tuple[Pattern, ...]] = []
    for name, wanted in given.items():
        if not isinstance(name, str):
            raise _fault(place, f"the key {_shown(name)} is not a string")
        inner = f"{place}.{name}" if place else name
        if name == _OR:
            alternatives.append(_read_or(wanted, inner, depth))
        elif isinstance(wanted, Mapping):
            fields.append((name, _read_object(wanted, inner, depth + 1)))
        else:
            fields.append((name, _read_list(wanted, inner)))
    return Pattern(tuple(fields), tuple(alternatives))


def _read_or(sides: Any, place: str, depth: int) -> tuple[Pattern, ...]:
    if not isinstance(sides, (list, tuple)) or len(sides) < 2:
        raise _fault(place, "want an array of two patterns or more")
    read = []
    for number, side in enumerate(sides):
        inner = f"{place}[{number}]"
        if not isinstance(side, Mapping):
            raise _fault(inner, f"want an object, got {_shown(side)}")
        read.append(_read_object(side, inner, depth + 1))
    return tuple(read)


def _read_list(wanted: Any, place: str) -> tuple[Condition, ...]:
    if not isinstance(wanted, (list, tuple)):
        raise _fault(place, f"a value stands in an array, got {_shown(wanted)}")
    if not wanted:
        raise _fault(place, "an empty array takes nothing")
    return tuple(_read_condition(one, f"{place}[{number}]") for number, one in enumerate(wanted))


def _read_condition(given: Any, place: str) -> Condition:
    if not isinstance(given, Mapping):
        return Exactly(_scalar(given, place))
    if len(given) != 1:
        raise _fault(place, f"want one operator, got {_shown(dict(given))}")
    ((name, operand),) = given.items()
    inner = f"{place}.{name}"
    if name == "exists":
        if not isinstance(operand, bool):
            raise _fault(inner, f"want true or false, got {_shown(operand)}")
        return Exists(operand)
    if name == "numeric":
        return _read_numeric(operand, inner)
    if name == "cidr":
        return _read_cidr(operand, inner)
    if name == "anything-but":
        return AnythingBut(_read_anything_but(operand, inner))
    if isinstance(operand, (list, tuple)):
        raise _fault(inner, "want one string, not an array")
    return _read_text(name, operand, inner)


def _scalar(value: Any, place: str) -> str | float | bool | None:
    if isinstance(value, float) and not math.isfinite(value):
        raise _fault(place, f"{value} is not a number of JSON")
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise _fault(
        place, f"want a string, number, true, false, null or operator, got {_shown(value)}"
    )


def _read_text(
    name: Any, operand: Any, place: str
) -> Prefix | Suffix | EqualsIgnoreCase | Wildcard:
    """Read an operator on strings; within anything-but an array holds alternatives."""
    if name in ("prefix", "suffix") and isinstance(operand, Mapping):
        if set(operand) != {"equals-ignore-case"}:
            raise _fault(place, f"want a string or equals-ignore-case, got {_shown(operand)}")
        folded = _texts(operand["equals-ignore-case"], f"{place}.equals-ignore-case")
        texts = tuple(text.casefold() for text in folded)
        return (Prefix if name == "prefix" else Suffix)(texts, ignores_case=True)
    if name == "prefix":
        return Prefix(_texts(operand, place))
    if name == "suffix":
        return Suffix(_texts(operand, place))
    if name == "equals-ignore-case":
        return EqualsIgnoreCase(tuple(text.casefold() for text in _texts(operand, place)))
    if name == "wildcard":
        return Wildcard(tuple(_pieces(text, place) for text in _texts(operand, place)))
    raise _fault(place, f"{_shown(name)} is no operator")


def _texts(operand: Any, place: str) -> Text:
    texts = tuple(operand) if isinstance(operand, (list, tuple)) else (operand,)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise _fault(place, f"want a string, got {_shown(operand)}")
    return texts


def _pieces(text: str, place: str) -> Text:
    r"""Cut a wildcard pattern at its stars; `\*` is a star and `\\` a backslash."""
    pieces, piece = [], ""
    for part in re.findall(r"\\?.|\\$", text, re.DOTALL):
        if part == "*":
            pieces.append(piece)
            piece = ""
        elif part in (r"\*", r"\\"):
            piece += part[1]
        elif part.startswith("\\"):
            raise _fault(place, rf"{text!r}: a backslash stands before * or \ only")
        else:
            piece += part
    if re.search(r"(?<!\\)(?:\\\\)*\*\*", text):
        raise _fault(place, f"{text!r}: two stars in a row")
    return (*pieces, piece)


def _read_numeric(operand: Any, place: str) -> Numeric:
    if not isinstance(operand, (list, tuple)) or len(operand) not in (2, 4):
        raise _fault(
            place, f"want [sign, number] or [sign, number, sign, number], got {_shown(operand)}"
        )
    signs, numbers = operand[::2], [_bound(number, place) for number in operand[1::2]]
    if len(signs) == 2:
        if signs[0] not in (">", ">=") or signs[1] not in ("<", "<="):
            raise _fault(place, "a range has > or >= first and < or <= second")
        if numbers[0] >= numbers[1]:
            raise _fault(place, "the lower bound of a range is less than the upper one")
        return Numeric(numbers[0], numbers[1], signs[0] == ">=", signs[1] == "<=")
    ((sign,), (number,)) = signs, numbers
    if sign == "=":
        return Numeric(number, number, takes_above=True, takes_below=True)
    if sign in (">", ">="):
        return Numeric(above=number, takes_above=sign == ">=")
    if sign in ("<", "<="):
        return Numeric(below=number, takes_below=sign == "<=")
    raise _fault(place, f"want =, <, <=, > or >=, got {_shown(sign)}")


def _bound(number: Any, place: str) -> float:
    is_number = isinstance(number, (int, float)) and not isinstance(number, bool)
    if not is_number or not LEAST_NUMBER <= number <= GREATEST_NUMBER:
        raise _fault(place, f"want a number within 5e9 of zero, got {_shown(number)}")
    bound: float = number
    return bound


def _read_cidr(operand: Any, place: str) -> Cidr:
    if not isinstance(operand, str) or "/" not in operand:
        raise _fault(place, f"want a network such as 10.0.0.0/24, got {_shown(operand)}")
    try:
        return Cidr(ipaddress.ip_network(operand, strict=False))
    except ValueError as error:
        raise _fault(place, str(error)) from error


def _read_anything_but(
    operand: Any, place: str
) -> tuple[Exactly | Prefix | Suffix | EqualsIgnoreCase | Wildcard, ...]:
    if isinstance(operand, Mapping):
        if len(operand) != 1:
            raise _fault(place, f"want one operator, got {_shown(dict(operand))}")
        ((name, inner),) = operand.items()
        return (_read_text(name, inner, f"{place}.{name}"),)
    values = list(operand) if isinstance(operand, (list, tuple)) else [operand]
    kinds = {str if isinstance(value, str) else _kind(value, place) for value in values}
    if len(kinds) != 1:
        raise _fault(place, "want strings or numbers, at least one, and not both together")
    return tuple(Exactly(_scalar(value, place)) for value in values)


def _kind(value: Any, place: str) -> type[float]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _fault(place, f"want a string or a number, got {_shown(value)}")
    return float
