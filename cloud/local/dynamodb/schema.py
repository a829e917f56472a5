"""What a table is: its keys, indexes and time to live, as CloudFormation defines them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cloud.local.dynamodb.errors import EngineError, invalid, invalid_parameter
from cloud.local.dynamodb.values import Item, Value, key_bytes, kind_of, normalise

_TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_KEY_KINDS = ("S", "N", "B")
_READ = {
    "TableName",
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "TimeToLiveSpecification",
    "StreamSpecification",
}
# Properties that change nothing for the data: billing, keys at rest, backups, labels.
_WITHOUT_EFFECT = {
    "BillingMode",
    "ContributorInsightsSpecification",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "PointInTimeRecoverySpecification",
    "ProvisionedThroughput",
    "SSESpecification",
    "TableClass",
    "Tags",
}
# AWS, DynamoDB Developer Guide, "Quotas": 1 to 2048 bytes and 1 to 1024 bytes.
_LONGEST_HASH = 2048
_LONGEST_SORT = 1024
# Characters; one takes at most four bytes.
_SURELY_SHORT = 256
_MOST_INDEXES = 20
# AWS, API reference of StreamSpecification.
_VIEWS = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")
REGION = "us-east-1"
_ARN = f"arn:aws:dynamodb:{REGION}:000000000000:table/"

Key = tuple[bytes, bytes]


@dataclass(frozen=True)
class KeySchema:
    """The one or two attributes of a key, with their kinds (`S`, `N` or `B`)."""

    hash_name: str
    hash_kind: str
    sort_name: str | None = None
    sort_kind: str = ""

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Each key attribute and its kind."""
        kinds = {self.hash_name: self.hash_kind}
        if self.sort_name is not None:
            kinds[self.sort_name] = self.sort_kind
        return kinds

    def encoded(self, item: Mapping[str, Value]) -> Key:
        """Give the key of an item as bytes that sort; a missing sort key is empty."""
        sort = b"" if self.sort_name is None else key_bytes(item[self.sort_name])
        return key_bytes(item[self.hash_name]), sort


@dataclass(frozen=True)
class Index:
    """A global secondary index: its keys, what it projects, and its place among the columns."""

    name: str
    keys: KeySchema
    projection: str
    included: frozenset[str]
    place: int

    def has(self, item: Item) -> bool:
        """Tell whether an item is in the index: it is when it has all the index's keys."""
        return all(name in item for name in self.keys.kinds)


@dataclass(frozen=True, slots=True)
class Stream:
    """A table's stream.

    Attributes:
        number: names it among all streams; never used again.
        label: the moment it was made, which tells the streams of one table apart.
        view: which of the keys and images its records show.
    """

    number: int
    label: str
    view: str

    @property
    def shows_old(self) -> bool:
        """Tell whether a record holds the item as it was."""
        return self.view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES")

    @property
    def shows_new(self) -> bool:
        """Tell whether a record holds the item as it became."""
        return self.view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")


def table_arn(name: str) -> str:
    """Give the ARN of a table."""
    return _ARN + name


def stream_arn(table: str, label: str) -> str:
    """Give the ARN of a table's stream."""
    return f"{_ARN}{table}/stream/{label}"


@dataclass(frozen=True)
class Table:
    """A table as the engine uses it, with the statements for its rows.

    Attributes:
        number: names the SQLite table of its rows; never used again after a table is gone.
        definition: the properties it was made from.
        created_at: seconds since 1970.
        stream: None when its changes are not kept.
    """

    name: str
    number: int
    keys: KeySchema
    indexes: Mapping[str, Index]
    ttl_name: str | None
    definition: Mapping[str, Any]
    created_at: float
    stream: Stream | None = None

    @cached_property
    def rows(self) -> str:
        """The name of the SQLite table with the items."""
        return f"ddb_rows_{self.number}"

    @cached_property
    def select_one(self) -> str:
        """The statement that reads one item."""
        return f"SELECT item, size FROM {self.rows} WHERE pk = ? AND sk = ?"

    @cached_property
    def replace_one(self) -> str:
        """The statement that writes one row."""
        marks = ", ".join("?" * (5 + 2 * len(self.indexes)))
        return f"INSERT OR REPLACE INTO {self.rows} VALUES ({marks})"

    @cached_property
    def delete_one(self) -> str:
        """The statement that deletes one row."""
        return f"DELETE FROM {self.rows} WHERE pk = ? AND sk = ?"

    def row(self, key: Key, item: Item, encoded: bytes, size: int) -> list[object]:
        """Lay out an item as a row: keys, size, expiry, content, and the keys of each index."""
        row: list[object] = [*key, size, self._expiry(item), encoded]
        for index in self.indexes.values():
            row += index.keys.encoded(item) if index.has(item) else (None, None)
        return row

    def entry(self, index: Index, item: Item) -> Item | None:
        """Give what an index holds of an item; None when the item is not in the index."""
        if not index.has(item):
            return None
        if index.projection == "ALL":
            return item
        names = self.entry_names(index)
        return {name: value for name, value in item.items() if name in names}

    def entry_names(self, index: Index) -> frozenset[str]:
        """Name the attributes of an index which does not project all of them."""
        return index.included | self.keys.kinds.keys() | index.keys.kinds.keys()

    def key_of(self, key: Mapping[str, Any]) -> tuple[Item, Key]:
        """Check a key given in a request; give its one spelling and its bytes.

        Raises:
            EngineError: the key is not made of exactly the table's key attributes.
        """
        kinds = self.keys.kinds
        if key.keys() != kinds.keys():
            raise invalid("The provided key element does not match the schema")
        spelled = {name: normalise(value) for name, value in key.items()}
        if any(kind_of(spelled[name]) != kind for name, kind in kinds.items()):
            raise invalid("The provided key element does not match the schema")
        self._check_not_empty(spelled)
        return spelled, self._measured(spelled)

    def key_in(self, item: Item) -> Key:
        """Check the key attributes of a whole item and give its key's bytes.

        Raises:
            EngineError: a key attribute is missing, empty, too long or of the wrong type.
        """
        for name, kind in self.keys.kinds.items():
            if name not in item:
                raise invalid_parameter(f"Missing the key {name} in the item")
            actual = kind_of(item[name])
            if actual != kind:
                raise invalid_parameter(
                    f"Type mismatch for key {name} expected: {kind} actual: {actual}"
                )
        self._check_not_empty(item)
        return self._measured(item)

    def check_index_keys(self, item: Item) -> None:
        """Check the attributes of an item which are keys of an index; a missing one is in order.

        Raises:
            EngineError: one is empty, or of the wrong type.
        """
        for index in self.indexes.values():
            for name, kind in index.keys.kinds.items():
                value = item.get(name)
                if value is None:
                    continue
                ((actual, content),) = value.items()
                if actual != kind:
                    raise invalid_parameter(
                        f"Type mismatch for Index Key {name} Expected: {kind} Actual: {actual} "
                        f"IndexName: {index.name}"
                    )
                if not content:
                    raise invalid(
                        "One or more parameter values are not valid. A value specified for a "
                        "secondary index key is not supported. The AttributeValue for a key "
                        f"attribute cannot contain an empty {_words(kind)} value. "
                        f"IndexName: {index.name}, IndexKey: {name}"
                    )
                if len(content) > _SURELY_SHORT:
                    _check_length(key_bytes(value), is_hash=name == index.keys.hash_name)

    def _check_not_empty(self, item: Mapping[str, Value]) -> None:
        for name, kind in self.keys.kinds.items():
            if not item[name][kind]:
                raise invalid(
                    "One or more parameter values are not valid. The AttributeValue for a key "
                    f"attribute cannot contain an empty {_words(kind)} value. Key: {name}"
                )

    def _measured(self, item: Mapping[str, Value]) -> Key:
        key = self.keys.encoded(item)
        _check_length(key[0], is_hash=True)
        _check_length(key[1], is_hash=False)
        return key

    def _expiry(self, item: Item) -> float | None:
        """Give the second an item expires at; a value that is no number never expires."""
        value = item.get(self.ttl_name) if self.ttl_name is not None else None
        return float(value["N"]) if value is not None and "N" in value else None


def _check_length(key: bytes, *, is_hash: bool) -> None:
    if is_hash and len(key) > _LONGEST_HASH:
        raise invalid_parameter("Size of hashkey has exceeded the maximum size limit of2048 bytes")
    if not is_hash and len(key) > _LONGEST_SORT:
        raise invalid_parameter(
            "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
        )


def read_table(
    definition: Mapping[str, Any], number: int, created_at: float, stream: Stream | None = None
) -> Table:
    """Read a table's definition.

    Raises:
        EngineError: a property is not known here, or the definition contradicts itself.
    """
    name = definition.get("TableName")
    if not isinstance(name, str) or not _TABLE_NAME.fullmatch(name):
        raise invalid(
            f"TableName {name!r}: between 3 and 255 of the characters a-z, A-Z, 0-9, '_', '-', '.'"
        )
    unknown = sorted(definition.keys() - _READ - _WITHOUT_EFFECT)
    if unknown:
        raise invalid(f"Table {name}: {', '.join(unknown)} is not supported by the local engine")
    kinds = _attribute_kinds(name, definition.get("AttributeDefinitions", []))
    keys = _read_keys(f"Table {name}", definition.get("KeySchema", []), kinds)
    indexes = {
        index.name: index
        for index in _read_indexes(name, definition.get("GlobalSecondaryIndexes") or [], kinds)
    }
    used = set(keys.kinds).union(*[index.keys.kinds for index in indexes.values()])
    if used != kinds.keys():
        raise invalid_parameter(
            "Some AttributeDefinitions are not used. AttributeDefinitions: "
            f"[{', '.join(kinds)}], keys used: [{', '.join(sorted(used))}]"
        )
    stream_view(definition)
    ttl_name = _ttl_name(definition)
    return Table(name, number, keys, indexes, ttl_name, definition, created_at, stream)


def stream_view(definition: Mapping[str, Any]) -> str | None:
    """Give what a definition wants its stream to show; None when it wants no stream.

    CloudFormation gives the view alone; the API also says whether the stream is on.

    Raises:
        EngineError: the specification contradicts itself.
    """
    specification = definition.get("StreamSpecification")
    if specification is None:
        return None
    name, view = definition["TableName"], specification.get("StreamViewType")
    unknown = sorted(specification.keys() - {"StreamEnabled", "StreamViewType"})
    if unknown:
        raise invalid(
            f"Table {name}: {', '.join(unknown)} of StreamSpecification is not supported by the "
            "local engine"
        )
    if specification.get("StreamEnabled", True) is not True:
        if view is not None:
            raise invalid_parameter(
                "Table is being created with stream disabled so view type should not be specified"
            )
        return None
    if view not in _VIEWS:
        raise invalid_parameter(
            f"StreamViewType of table {name} is {view}; it must be one of {', '.join(_VIEWS)}"
        )
    return str(view)


def _attribute_kinds(name: str, definitions: list[Mapping[str, str]]) -> dict[str, str]:
    kinds = {one["AttributeName"]: one["AttributeType"] for one in definitions}
    wrong = [attribute for attribute, kind in kinds.items() if kind not in _KEY_KINDS]
    if wrong:
        raise invalid(f"Table {name}: AttributeType of {wrong[0]} must be S, N or B")
    return kinds


def _read_keys(owner: str, schema: list[Mapping[str, str]], kinds: Mapping[str, str]) -> KeySchema:
    roles = [part["KeyType"] for part in schema]
    if roles not in (["HASH"], ["HASH", "RANGE"]):
        raise invalid(f"{owner}: KeySchema must be one HASH key, then at most one RANGE key")
    names = [part["AttributeName"] for part in schema]
    missing = [name for name in names if name not in kinds]
    if missing:
        raise invalid_parameter(
            "Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(missing)}], AttributeDefinitions: [{', '.join(kinds)}]"
        )
    if len(set(names)) != len(names):
        raise invalid(f"{owner}: the HASH and the RANGE key must be different attributes")
    return KeySchema(names[0], kinds[names[0]], *[x for n in names[1:] for x in (n, kinds[n])])


def _read_indexes(
    table: str, definitions: list[Mapping[str, Any]], kinds: Mapping[str, str]
) -> Iterator[Index]:
    names = [definition.get("IndexName", "") for definition in definitions]
    if len(names) > _MOST_INDEXES:
        raise invalid_parameter(
            f"GlobalSecondaryIndex count exceeds the per-table limit of {_MOST_INDEXES}"
        )
    if len(set(names)) != len(names):
        raise invalid_parameter(f"Duplicate index name in table {table}")
    for place, definition in enumerate(definitions):
        name = definition.get("IndexName", "")
        projection = definition.get("Projection") or {}
        kind = projection.get("ProjectionType", "ALL")
        included = frozenset(projection.get("NonKeyAttributes") or ())
        if kind not in ("ALL", "KEYS_ONLY", "INCLUDE") or bool(included) != (kind == "INCLUDE"):
            raise invalid_parameter(f"ProjectionType of index {name} does not fit its attributes")
        keys = _read_keys(f"Index {name}", definition.get("KeySchema", []), kinds)
        yield Index(name, keys, kind, included, place)


def _ttl_name(definition: Mapping[str, Any]) -> str | None:
    ttl = definition.get("TimeToLiveSpecification") or {}
    return ttl.get("AttributeName") if ttl.get("Enabled") else None


def _words(kind: str) -> str:
    return "binary" if kind == "B" else "string"


def no_such_index(name: str) -> EngineError:
    """Make the error for an index which a table does not have."""
    return invalid(f"The table does not have the specified index: {name}")
