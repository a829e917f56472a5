"""The parts of a parsed expression.

Straight from the parser a path may hold `#names` and an operand may be a `:value`. Binding puts the
attribute names and values of the request in their place, so that evaluation meets neither.
"""

from dataclasses import dataclass

from cloud.local.dynamodb.values import Value

Parts = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """A document path: an attribute name, then names of map entries and indexes of lists."""

    parts: Parts

    def __str__(self) -> str:
        return "[" + ", ".join(f"[{p}]" if isinstance(p, int) else p for p in self.parts) + "]"


@dataclass(frozen=True, slots=True)
class ValueName:
    """A `:value` as written."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A value of the request, put where its `:name` was."""

    value: Value


@dataclass(frozen=True, slots=True)
class Size:
    """`size(path)`."""

    operand: "Operand"


Operand = Path | ValueName | Literal | Size


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands and one of `=`, `<>`, `<`, `<=`, `>`, `>=`."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    """`operand BETWEEN low AND high`, both ends included."""

    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class In:
    """`operand IN (…)`."""

    operand: Operand
    options: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Test:
    """One of the functions that answer yes or no, such as `begins_with`."""

    function: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary of a condition."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class And:
    """All of several conditions."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of several conditions."""

    conditions: tuple["Condition", ...]


Condition = Compare | Between | In | Test | Not | And | Or


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left + right` or `left - right`."""

    operator: str
    left: "Source"
    right: "Source"


@dataclass(frozen=True, slots=True)
class IfNotExists:
    """`if_not_exists(path, otherwise)`."""

    path: Path
    otherwise: "Source"


@dataclass(frozen=True, slots=True)
class ListAppend:
    """`list_append(first, second)`."""

    first: "Source"
    second: "Source"


Source = Path | ValueName | Literal | Arithmetic | IfNotExists | ListAppend


@dataclass(frozen=True, slots=True)
class Update:
    """The four sections of an update expression; a section that was not written is empty."""

    sets: tuple[tuple[Path, Source], ...] = ()
    removes: tuple[Path, ...] = ()
    adds: tuple[tuple[Path, Source], ...] = ()
    deletes: tuple[tuple[Path, Source], ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every path that the update touches."""
        pairs = (*self.sets, *self.adds, *self.deletes)
        return (*(path for path, _ in pairs), *self.removes)
