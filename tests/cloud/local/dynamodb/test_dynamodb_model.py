"""Random sequences of operations agree with a plain model: every answer, the table, the stream."""

import os
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import cycle, islice, product
from pathlib import Path

import pytest
from dynamodb_definitions import index
from dynamodb_model import Model, Refused, read, read_item
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.local.dynamodb.engine import Engine
from cloud.local.dynamodb.errors import EngineError

EXAMPLES = int(os.environ.get("SUNREEVE_MODEL_EXAMPLES", "10000"))
TABLE = {
    "TableName": "model",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in {"pk": "S", "sk": "N", "g": "S", "r": "N"}.items()
    ],
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ],
    "GlobalSecondaryIndexes": [
        index("by-g", "g", "r"),
        index("some", "g", projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["n"]}),
    ],
    "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
}

# Operations, in the model's values. What they are made of is listed out, so that one draw chooses
# it: hypothesis spends most of a sequence's time on drawing.

NUMBERS = [Decimal(number) for number in ("0", "1", "-2.5", "10", "1E30")]
NUMERIC = [("N", one) for one in NUMBERS]
SCALARS = [*NUMERIC, ("S", ""), ("S", "x"), ("S", "xy"), ("BOOL", True)]
A_SET = [
    ("SS", frozenset("a")),
    ("SS", frozenset("ab")),
    ("SS", frozenset("bc")),
    ("NS", frozenset(NUMBERS[:2])),
    ("NS", frozenset(NUMBERS[1:3])),
]
LISTS = [
    ("L", ()),
    ("L", (("N", NUMBERS[1]),)),
    ("L", (("S", "x"), ("N", NUMBERS[0]))),
    ("L", (("N", NUMBERS[1]), ("S", "x"), ("N", NUMBERS[2]))),
]
MAPS = [
    ("M", ()),
    ("M", (("x", ("N", NUMBERS[1])),)),
    ("M", (("x", ("N", NUMBERS[0])), ("y", ("S", "x")))),
]
VALUES = [*SCALARS, *A_SET, *LISTS, *MAPS]
# An index's key is mostly what it must be.
GROUPS = [("S", "x"), ("S", "y")] * 5 + [("S", ""), ("N", Decimal(1))]
RANKS = NUMERIC * 3 + [("S", "x")]
PATHS = [("n",), ("g",), ("r",), ("t",), ("l",), ("m",), ("l", 0), ("l", 1), ("l", 7), ("m", "x")]
PATHS += [("m", "y"), ("n", "x")]
LITERALS = [("value", value) for value in VALUES]
SOURCES = [
    *LITERALS,
    *[("path", path) for path in PATHS],
    *[("default", path, literal) for path in PATHS for literal in LITERALS],
]
APPENDED = [("path", ("l",)), *[("default", ("l",), one) for one in LITERALS[-7:]], *LITERALS[-9:]]
SOURCES += [("append", one, two) for one, two in product(APPENDED, APPENDED)]
TERMS = [("path", ("n",)), ("path", ("m", "x")), ("default", ("n",), ("value", NUMERIC[1]))]
SUMS = [
    (sign, one, ("value", value)) for sign, one, value in product(("plus", "minus"), TERMS, SCALARS)
]
SIGNS = ("=", "<>", "<", "<=", ">", ">=")
SIMPLE = [
    *[(kind, path) for kind, path in product(("exists", "missing"), PATHS)],
    *[("compare", *rest) for rest in product(PATHS, SIGNS, SCALARS[:-1])],
    *[("compare", *rest) for rest in product(PATHS, SIGNS[:2], VALUES)],
    *[("size", *rest) for rest in product(PATHS, SIGNS, NUMBERS[:2])],
    *[("begins", *rest) for rest in product(PATHS, ("", "x"))],
    *[("contains", *rest) for rest in product(PATHS, [*SCALARS, ("S", "a")])],
    *[("type", *rest) for rest in product(PATHS, ("S", "N", "L", "M", "SS", "BOOL"))],
    *[("in", path, (one, two)) for path, one, two in product(PATHS, VALUES[::3], VALUES[1::3])],
    *[("between", path, NUMERIC[0], NUMERIC[3]) for path in PATHS],
]
CHOICES = {"g": GROUPS, "r": RANKS, "n": SCALARS, "t": A_SET, "l": LISTS, "m": MAPS}
# The lists turn at lengths of their own, so that nearly all pairs of choices come up.
ITEMS = [
    {name: value for name, value in zip(CHOICES, row, strict=True) if value is not None}
    for row in islice(zip(*(cycle([None, *one]) for one in CHOICES.values()), strict=True), 2000)
]
attributes = st.sampled_from(ITEMS)
KEYS = [{"pk": ("S", pk), "sk": ("N", Decimal(sk))} for pk in "ab" for sk in ("0", "1", "-2.5")]
key = st.sampled_from(KEYS)
action = st.one_of(
    [
        st.sampled_from(choices)
        for choices in (
            [("SET", *rest) for rest in product(PATHS, SOURCES)],
            [("SET", *rest) for rest in product(PATHS[:1] * 3 + PATHS, SUMS)],
            [("SET", ("g",), ("value", value)) for value in GROUPS],
            [("SET", ("r",), ("value", value)) for value in RANKS],
            [("REMOVE", path) for path in [*PATHS, ("pk",)]],
            [("ADD", *rest) for rest in product(PATHS, VALUES)],
            [("ADD", ("n",), value) for value in NUMERIC],
            [("ADD", ("t",), value) for value in A_SET],
            [("DELETE", ("t",), value) for value in A_SET],
            [("DELETE", *rest) for rest in product(PATHS, VALUES)],
        )
    ]
)
# What is done to a list in one update hangs together: which element is which.
ON_A_LIST = [
    ("REMOVE", ("l", 0)),
    ("REMOVE", ("l", 1)),
    ("SET", ("l", 7), ("value", NUMERIC[3])),
    ("SET", ("l", 2), ("path", ("l", 0))),
    ("SET", ("l", 1), ("value", ("S", "xy"))),
]
PAIRS = [pair for pair in product(ON_A_LIST, ON_A_LIST) if pair[0] != pair[1]]
actions = st.one_of(st.lists(action, min_size=1, max_size=3).map(tuple), st.sampled_from(PAIRS))
simple = st.sampled_from(SIMPLE)
condition = st.one_of(
    st.none(),
    simple,
    simple.map(lambda one: ("not", one)),
    st.tuples(st.sampled_from(["and", "or"]), simple, simple),
)
puts = st.builds(lambda k, rest, c: ("put", {**k, **rest}, c), key, attributes, condition)
plain_puts = st.builds(lambda k, rest: ("put", {**k, **rest}, None), key, attributes)
updates = st.tuples(st.just("update"), key, actions, condition)
deletes = st.tuples(st.just("delete"), key, condition)
checks = st.tuples(st.just("check"), key, simple)
plain_deletes = st.tuples(st.just("delete"), key, st.none())
bound = st.sampled_from(
    [(), ((">=", NUMBERS[0]), ("<=", NUMBERS[3]))]
    + [((sign, number),) for sign in ("=", "<", "<=", ">", ">=") for number in NUMBERS]
)
one_write = st.one_of(
    st.tuples(st.just("write"), plain_puts, st.sampled_from(["NONE", "ALL_OLD"]), st.booleans()),
    st.tuples(st.just("write"), puts, st.sampled_from(["NONE", "ALL_OLD"]), st.booleans()),
    st.tuples(st.just("write"), deletes, st.sampled_from(["NONE", "ALL_OLD"]), st.booleans()),
    st.tuples(
        st.just("write"),
        updates,
        st.sampled_from(["NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"]),
        st.booleans(),
    ),
)
operation = st.one_of(
    one_write,
    one_write,
    st.tuples(
        st.just("transact"),
        st.lists(st.one_of(plain_puts, puts, updates, deletes, checks), min_size=1, max_size=3).map(
            tuple
        ),
        st.sampled_from([None, None, "t1", "t2"]),
    ),
    st.tuples(
        st.just("batch"),
        st.lists(st.one_of(plain_puts, plain_deletes), min_size=1, max_size=4).map(tuple),
    ),
    st.tuples(
        st.just("query"),
        st.sampled_from([(None, "a"), (None, "b"), ("by-g", "x"), ("by-g", "y"), ("some", "x")]),
        bound,
        st.booleans(),
        st.sampled_from([None, 1, 2]),
        st.sampled_from([None, ("compare", ("n",), ">", ("N", NUMBERS[0]))]),
    ),
    st.tuples(st.just("get"), st.lists(key, min_size=1, max_size=3, unique_by=str)),
)


# The same in the API's JSON


def wire(value):
    kind, content = value
    if kind == "N":
        return {kind: str(content)}
    if kind in ("SS", "NS"):
        return {kind: sorted(map(str, content))}
    if kind == "L":
        return {kind: [wire(one) for one in content]}
    if kind == "M":
        return {kind: {name: wire(one) for name, one in content}}
    return {kind: content}


def wire_item(item):
    return {name: wire(value) for name, value in item.items()}


class Writer:
    """Writes expressions, and gathers their names and values."""

    def __init__(self):
        self.names, self.values = {}, {}

    def path(self, path):
        written = ""
        for part in path:
            if isinstance(part, int):
                written += f"[{part}]"
            else:
                self.names[f"#{part}"] = part
                written += f"{'.' if written else ''}#{part}"
        return written

    def value(self, value):
        name = f":v{len(self.values)}"
        self.values[name] = wire(value)
        return name

    def source(self, source):
        kind, *rest = source
        if kind == "value":
            return self.value(rest[0])
        if kind == "path":
            return self.path(rest[0])
        if kind == "default":
            return f"if_not_exists({self.path(rest[0])}, {self.source(rest[1])})"
        one, two = map(self.source, rest)
        if kind == "append":
            return f"list_append({one}, {two})"
        return f"{one} {'+' if kind == 'plus' else '-'} {two}"

    def update(self, actions):
        sections = {}
        for verb, path, *rest in actions:
            written = self.path(path)
            if verb == "SET":
                written += f" = {self.source(rest[0])}"
            elif rest:
                written += f" {self.value(rest[0])}"
            sections.setdefault(verb, []).append(written)
        return " ".join(f"{verb} {', '.join(parts)}" for verb, parts in sections.items())

    def condition(self, condition):
        kind, *rest = condition
        if kind in ("and", "or"):
            return f" {kind} ".join(f"({self.condition(one)})" for one in rest)
        if kind == "not":
            return f"NOT {self.condition(rest[0])}"
        path = self.path(rest[0])
        if kind in ("exists", "missing"):
            return f"attribute_{'not_' if kind == 'missing' else ''}exists({path})"
        if kind == "compare":
            return f"{path} {rest[1]} {self.value(rest[2])}"
        if kind == "size":
            return f"size({path}) {rest[1]} {self.value(('N', rest[2]))}"
        if kind == "in":
            return f"{path} IN ({', '.join(map(self.value, rest[1]))})"
        if kind == "between":
            return f"{path} BETWEEN {self.value(rest[1])} AND {self.value(rest[2])}"
        function = {"begins": "begins_with", "type": "attribute_type"}.get(kind, kind)
        part = rest[1] if kind == "contains" else ("S", rest[1])
        return f"{function}({path}, {self.value(part)})"

    def added_to(self, request):
        if self.names:
            request["ExpressionAttributeNames"] = self.names
        if self.values:
            request["ExpressionAttributeValues"] = self.values
        return request


NAMES = {"put": "Put", "update": "Update", "delete": "Delete", "check": "ConditionCheck"}


def write_request(write):
    verb, given, writer = write[0], write[1], Writer()
    request = {"TableName": "model", "Item" if verb == "put" else "Key": wire_item(given)}
    if verb == "update":
        request["UpdateExpression"] = writer.update(write[2])
    if write[-1] is not None:
        request["ConditionExpression"] = writer.condition(write[-1])
    return writer.added_to(request)


def batch_request(write):
    verb, given = write[0], wire_item(write[1])
    return {"PutRequest": {"Item": given}} if verb == "put" else {"DeleteRequest": {"Key": given}}


class Both:
    """The engine beside the model."""

    def __init__(self, engine):
        self.engine, self.model = engine, Model()

    def do(self, operation):
        name, *arguments = operation
        getattr(self, name)(*arguments)

    def call(self, operation, request, expected):
        """Call the engine; where the model refuses, the engine must refuse alike."""
        wanted, refused = None, None
        try:
            wanted = expected()
        except Refused as refusal:
            refused = refusal
        if refused is None:
            return self.engine.call(operation, request), wanted
        with pytest.raises(EngineError) as caught:
            self.engine.call(operation, request)
        assert caught.value.code == refused.code
        reasons = caught.value.extra.get("CancellationReasons", ())
        assert tuple(reason["Code"] for reason in reasons) == refused.reasons
        shown = caught.value.extra.get("Item")
        assert (shown and read_item(shown)) == refused.item
        return None, None

    def write(self, write, returns, shows_old):
        request = {**write_request(write), "ReturnValues": returns}
        if shows_old:
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        answer, attributes = self.call(
            f"{NAMES[write[0]]}Item", request, lambda: self.model.write(write, returns, shows_old)
        )
        if answer is not None:
            shown = answer.get("Attributes")
            assert (shown and read_item(shown)) == attributes

    def transact(self, writes, token):
        request = {"TransactItems": [{NAMES[one[0]]: write_request(one)} for one in writes]}
        if token is not None:
            request["ClientRequestToken"] = token
        self.call("TransactWriteItems", request, lambda: self.model.transact(writes, token))

    def batch(self, writes):
        request = {"RequestItems": {"model": [batch_request(write) for write in writes]}}
        self.call("BatchWriteItem", request, lambda: self.model.batch(writes))

    def get(self, keys):
        wanted = [self.model.items.get((one["pk"], one["sk"])) for one in keys]
        spelled = [wire_item(one) for one in keys]
        one = self.engine.call("GetItem", {"TableName": "model", "Key": spelled[0]})
        assert read_item(one.get("Item", {})) == (wanted[0] or {})
        gets = [{"Get": {"TableName": "model", "Key": each}} for each in spelled]
        found = self.engine.call("TransactGetItems", {"TransactItems": gets})["Responses"]
        assert [read_item(each.get("Item", {})) for each in found] == [one or {} for one in wanted]
        found = self.engine.call("BatchGetItem", {"RequestItems": {"model": {"Keys": spelled}}})
        assert counted(map(read_item, found["Responses"]["model"])) == counted(filter(None, wanted))

    def query(self, place, bounds, is_forward, limit, kept):
        index, hash_key = place
        names = {"by-g": ("g", "r"), "some": ("g",), None: ("pk", "sk")}[index]
        if len(names) == 1:
            bounds = ()
        entries = self.model.search(index, hash_key, bounds, is_forward)
        writer = Writer()
        terms = [f"{writer.path(names[:1])} = {writer.value(('S', hash_key))}"]
        if len(bounds) == 2:
            low, high = (writer.value(("N", number)) for _, number in bounds)
            terms.append(f"{writer.path(names[1:])} BETWEEN {low} AND {high}")
        elif bounds:
            ((sign, number),) = bounds
            terms.append(f"{writer.path(names[1:])} {sign} {writer.value(('N', number))}")
        request = {"KeyConditionExpression": " AND ".join(terms), "ScanIndexForward": is_forward}
        if kept is not None:
            request["FilterExpression"] = writer.condition(kept)
        found, scanned = self.pages("Query", index, limit, writer.added_to(request))
        assert scanned == len(entries)
        if kept is not None:
            entries = [one for one in entries if one.get("n", ("",))[0] == "N" and one["n"][1] > 0]
        self.agree(found, entries, names)

    def scan(self, index=None):
        found, _ = self.pages("Scan", index, None, {})
        self.agree(found, self.model.search(index), ())

    def agree(self, found, entries, names):
        assert counted(found) == counted(entries)
        if len(names) > 1:
            assert [one[names[1]] for one in found] == [one[names[1]] for one in entries]

    def pages(self, operation, index, limit, request):
        request = {"TableName": "model", **request}
        if index is not None:
            request["IndexName"] = index
        if limit is not None:
            request["Limit"] = limit
        found, scanned, pages = [], 0, 0
        while True:
            pages += 1
            page = self.engine.call(operation, request)
            assert page["Count"] == len(page["Items"])
            assert page["ScannedCount"] <= (limit or 1000)
            found += map(read_item, page["Items"])
            scanned += page["ScannedCount"]
            if "LastEvaluatedKey" not in page:
                # A limit that is just reached leaves a page with nothing.
                assert pages == 1 + (scanned // limit if limit else 0)
                return found, scanned
            assert limit is None or page["ScannedCount"] == limit
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def stream_agrees(self, first):
        changes = self.engine.changes("model", first, 10_000)
        assert [change.sequence for change in changes] == [
            first + number for number in range(1, len(self.model.stream) + 1)
        ]
        replayed = {}
        for change, (event, key_, old, new) in zip(changes, self.model.stream, strict=True):
            content = change.record["dynamodb"]
            assert change.record["eventName"] == event
            assert tuple(read(content["Keys"][name]) for name in ("pk", "sk")) == key_
            assert (read_item(content["OldImage"]) if "OldImage" in content else None) == old
            assert (read_item(content["NewImage"]) if "NewImage" in content else None) == new
            replayed.pop(key_, None)
            if new is not None:
                replayed[key_] = new
        assert replayed == self.model.items


def counted(items):
    return Counter(tuple(sorted(item.items())) for item in items)


class Moment:
    """A clock that each sequence moves on, past the ten minutes in which tokens count."""

    def __init__(self):
        self.now = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def __call__(self):
        return self.now

    def move(self):
        self.now += timedelta(minutes=11)


@pytest.fixture(scope="module")
def shared():
    # Memory where there is some: what is tested here is the answers, not the disk.
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        clock = Moment()
        engine = Engine(Path(folder) / "model.db", clock=clock)
        engine.create_table(TABLE)
        yield engine, clock
        engine.close()


def empty(engine):
    """Delete what the sequence before has left."""
    for item in engine.call("Scan", {"TableName": "model"})["Items"]:
        one = {name: item[name] for name in ("pk", "sk")}
        engine.call("DeleteItem", {"TableName": "model", "Key": one})


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
@given(operations=st.lists(operation, min_size=1, max_size=8))
def test_the_engine_agrees_with_the_model(shared, operations):
    engine, clock = shared
    clock.move()
    empty(engine)
    first = engine.last_change("model")
    both = Both(engine)
    for one in operations:
        both.do(one)
    for name in (None, "by-g", "some"):
        both.scan(name)
    both.stream_agrees(first)
