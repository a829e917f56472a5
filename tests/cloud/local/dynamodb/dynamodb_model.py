"""What DynamoDB's documents say of one small table, in dicts and tuples; it knows no engine.

A value is a pair of its kind and its content: a number is a Decimal, a set a frozenset, a list a
tuple, a map a tuple of sorted pairs. Two values are equal when DynamoDB calls them equal.

The table has the key pk (S) and sk (N), an index "by-g" over g (S) and r (N) with everything, and
an index "some" over g with the attribute n. A write is a tuple: "put" with the item, "delete" and
"check" with the key, "update" with the key and its actions; its last member is the condition.
"""

from decimal import Context, Decimal, Inexact

KEY = ("pk", "sk")
INDEXES = {"by-g": ("g", "r"), "some": ("g",)}
INDEX_KINDS = {"g": "S", "r": "N"}
SETS = ("SS", "NS")
# A result that needs more than 38 digits is refused.
DIGITS = Context(prec=38, traps=[Inexact])


class Refused(Exception):
    """The API would answer with an error of this code."""

    def __init__(self, code, item=None, reasons=()):
        super().__init__(code)
        self.code, self.item, self.reasons = code, item, tuple(reasons)


def invalid():
    return Refused("ValidationException")


def read(wire):
    """Turn a value of the API's JSON into the model's."""
    ((kind, content),) = wire.items()
    if kind == "N":
        return kind, Decimal(content)
    if kind == "SS":
        return kind, frozenset(content)
    if kind == "NS":
        return kind, frozenset(map(Decimal, content))
    if kind == "L":
        return kind, tuple(map(read, content))
    if kind == "M":
        return kind, tuple(sorted((name, read(value)) for name, value in content.items()))
    return kind, content


def read_item(wire):
    return {name: read(value) for name, value in wire.items()}


class Model:
    """The table as the documents have it.

    Attributes:
        items: by their keys.
        stream: a tuple (event, key, old item, new item) for every write that changed something.
    """

    def __init__(self):
        self.items = {}
        self.stream = []
        self.tokens = {}

    def write(self, write, returns="NONE", shows_old=False):
        """Do one write; give the attributes that it returns, or None."""
        check(write)
        key = key_of(write)
        old = self.items.get(key)
        new = decide(write, old, shows_old)
        self._save(key, new)
        return returned(write, returns, old, new)

    def transact(self, writes, token=None):
        for write in writes:
            check(write)
        if len({key_of(write) for write in writes}) < len(writes):
            raise invalid()
        if token is not None and token in self.tokens:
            if self.tokens[token] != writes:
                raise Refused("IdempotentParameterMismatchException")
            return
        reasons, decided = [], []
        for write in writes:
            try:
                decided.append(decide(write, self.items.get(key_of(write)), False))
                reasons.append("None")
            except Refused as refused:
                reasons.append(
                    "ValidationError"
                    if refused.code == "ValidationException"
                    else "ConditionalCheckFailed"
                )
        if len(decided) < len(writes):
            raise Refused("TransactionCanceledException", reasons=reasons)
        if token is not None:
            self.tokens[token] = writes
        for write, new in zip(writes, decided, strict=True):
            if write[0] != "check":
                self._save(key_of(write), new)

    def batch(self, writes):
        for write in writes:
            check(write)
        if len({key_of(write) for write in writes}) < len(writes):
            raise invalid()
        decided = [decide(write, None, False) for write in writes]
        for write, new in zip(writes, decided, strict=True):
            self._save(key_of(write), new)

    def _save(self, key, new):
        old = self.items.pop(key, None)
        if new is not None:
            self.items[key] = new
        if old != new:
            event = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
            self.stream.append((event, key, old, new))

    # Reads

    def search(self, index=None, hash_key=None, bounds=(), is_forward=True):
        """Give the entries of the table or an index, in the order of the sort key.

        Entries of an index with equal keys may come in any order.
        """
        names = KEY if index is None else INDEXES[index]
        found = [self._entry(index, item) for item in self.items.values()]
        found = [entry for entry in found if all(name in entry for name in names)]
        if hash_key is not None:
            found = [entry for entry in found if entry[names[0]] == ("S", hash_key)]
        for sign, number in bounds:
            found = [entry for entry in found if compares(entry[names[1]], sign, ("N", number))]
        if len(names) > 1:
            found.sort(key=lambda entry: entry[names[1]][1], reverse=not is_forward)
        return found

    @staticmethod
    def _entry(index, item):
        if index != "some":
            return item
        return {name: item[name] for name in ("pk", "sk", "g", "n") if name in item}


def key_of(write):
    given = write[1]
    return given["pk"], given["sk"]


def check(write):
    """Refuse what is wrong whatever the item is."""
    if write[0] != "update":
        return
    paths = []
    for action in write[2]:
        verb, path = action[:2]
        if path[0] in KEY:
            raise invalid()
        paths.append(path)
        if verb == "SET":
            check_source(action[2])
        if verb == "ADD" and action[2][0] not in ("N", *SETS):
            raise invalid()
        if verb == "DELETE" and action[2][0] not in SETS:
            raise invalid()
    for place, one in enumerate(paths):
        for other in paths[place + 1 :]:
            shared = min(len(one), len(other))
            if one[:shared] == other[:shared]:
                raise invalid()


def check_source(source):
    if source[0] in ("plus", "minus", "append"):
        wanted = "L" if source[0] == "append" else "N"
        for part in source[1:]:
            if part[0] == "value" and part[1][0] != wanted:
                raise invalid()
            check_source(part)
    if source[0] == "default":
        check_source(source[2])


def decide(write, old, shows_old):
    """Give the item that a write leaves, None when it leaves none."""
    verb, condition = write[0], write[-1]
    if condition is not None and not meets(condition, old or {}):
        raise Refused("ConditionalCheckFailedException", old if shows_old else None)
    if verb == "delete":
        return None
    if verb == "check":
        return old
    new = dict(write[1]) if verb == "put" else after(write[2], old or dict(write[1]))
    for name, kind in INDEX_KINDS.items():
        if name in new and (new[name][0] != kind or new[name][1] == ""):
            raise invalid()
    return new


def returned(write, returns, old, new):
    item = {"ALL_OLD": old, "UPDATED_OLD": old, "ALL_NEW": new, "UPDATED_NEW": new}.get(returns)
    if item is None or returns.startswith("ALL"):
        return item or None
    return cut(item, [action[1] for action in write[2]]) or None


# Updates


def after(actions, item):
    """Make an update: sources as they were, SET, ADD, DELETE, and REMOVE from the end of a list."""
    sets = [(path, source_of(source, item)) for verb, path, source in of(actions, "SET")]
    new = dict(item)
    for path, value in sorted(sets, key=lambda pair: [p for p in pair[0] if isinstance(p, int)]):
        put(new, path, value)
    for _, path, value in of(actions, "ADD"):
        put(new, path, grown(find(new, path), value))
    removed = [path for _, path in of(actions, "REMOVE")]
    for _, path, value in of(actions, "DELETE"):
        present = find(new, path)
        if present is None:
            continue
        if present[0] != value[0]:
            raise invalid()
        left = present[1] - value[1]
        if left:
            put(new, path, (present[0], left))
        else:
            removed.append(path)
    for path in sorted(removed, key=_list_place, reverse=True):
        remove(new, path)
    return new


def _list_place(path):
    return path[1] if len(path) > 1 and isinstance(path[1], int) else -1


def of(actions, verb):
    return [action for action in actions if action[0] == verb]


def source_of(source, item):
    kind = source[0]
    if kind == "value":
        return source[1]
    if kind == "path":
        found = find(item, source[1])
        if found is None:
            raise invalid()
        return found
    if kind == "default":
        found = find(item, source[1])
        return found if found is not None else source_of(source[2], item)
    one, two = source_of(source[1], item), source_of(source[2], item)
    wanted = "L" if kind == "append" else "N"
    if one[0] != wanted or two[0] != wanted:
        raise invalid()
    if kind == "append":
        return "L", one[1] + two[1]
    return "N", total(one[1], two[1] if kind == "plus" else two[1].copy_negate())


def total(one, two):
    try:
        return DIGITS.add(one, two)
    except Inexact as inexact:
        raise invalid() from inexact


def grown(present, added):
    if present is None:
        return added
    if present[0] != added[0]:
        raise invalid()
    if added[0] == "N":
        return "N", total(present[1], added[1])
    return added[0], present[1] | added[1]


def find(item, path):
    value = item.get(path[0])
    for part in path[1:]:
        if value is None:
            return None
        if isinstance(part, int):
            value = value[1][part] if value[0] == "L" and part < len(value[1]) else None
        else:
            value = dict(value[1]).get(part) if value[0] == "M" else None
    return value


def put(item, path, value):
    if len(path) == 1:
        item[path[0]] = value
        return
    name, part = path
    kind, content = item.get(name, (None, None))
    if isinstance(part, int):
        if kind != "L":
            raise invalid()
        item[name] = kind, (*content[:part], value, *content[part + 1 :])
    else:
        if kind != "M":
            raise invalid()
        item[name] = kind, tuple(sorted({**dict(content), part: value}.items()))


def remove(item, path):
    if len(path) == 1:
        item.pop(path[0], None)
        return
    name, part = path
    kind, content = item.get(name, (None, None))
    if isinstance(part, int):
        if kind != "L":
            raise invalid()
        item[name] = kind, content[:part] + content[part + 1 :]
    else:
        if kind != "M":
            raise invalid()
        item[name] = kind, tuple(pair for pair in content if pair[0] != part)


def cut(item, paths):
    """Keep the parts of an item that paths lead to."""
    kept = {}
    for name in {path[0] for path in paths}:
        inner = [path[1] for path in paths if path[0] == name and len(path) > 1]
        value = item.get(name)
        if value is None:
            continue
        if not inner:
            kept[name] = value
        elif value[0] == "L":
            places = sorted(part for part in inner if isinstance(part, int))
            chosen = tuple(value[1][place] for place in places if place < len(value[1]))
            if chosen:
                kept[name] = "L", chosen
        elif value[0] == "M":
            chosen = tuple(pair for pair in value[1] if pair[0] in inner)
            if chosen:
                kept[name] = "M", chosen
    return kept


# Conditions


def meets(condition, item):
    kind, *rest = condition
    if kind == "and":
        return all(meets(one, item) for one in rest)
    if kind == "or":
        return any(meets(one, item) for one in rest)
    if kind == "not":
        return not meets(rest[0], item)
    value = find(item, rest[0])
    if kind == "exists":
        return value is not None
    if kind == "missing":
        return value is None
    if kind == "compare":
        return compares(value, rest[1], rest[2])
    if kind == "between":
        return compares(value, ">=", rest[1]) and compares(value, "<=", rest[2])
    if kind == "in":
        return value is not None and value in rest[1]
    if kind == "type":
        return value is not None and value[0] == rest[1]
    if kind == "size":
        length = size(value)
        measured = None if length is None else ("N", length)
        return compares(measured, rest[1], ("N", rest[2]))
    if kind == "begins":
        return value is not None and value[0] == "S" and value[1].startswith(rest[1])
    return contains(value, rest[1])


def compares(left, sign, right):
    if sign == "<>":
        return left != right
    if left is None:
        return False
    if sign == "=":
        return left == right
    if left[0] != right[0] or left[0] not in ("S", "N"):
        return False
    one, two = left[1], right[1]
    return {"<": one < two, "<=": one <= two, ">": one > two, ">=": one >= two}[sign]


def size(value):
    return len(value[1]) if value is not None and value[0] in ("S", "L", "M", *SETS) else None


def contains(value, part):
    if value is None:
        return False
    kind, content = value
    if kind == "L":
        return part in content
    if kind in SETS:
        return part[0] == kind[0] and part[1] in content
    return kind == "S" and part[0] == "S" and part[1] in content
