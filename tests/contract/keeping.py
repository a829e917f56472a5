"""`make kept`: keeps an example of every record in every shape that it was ever written in.

A file `kept/STAGE.KIND.N.json` is what a version of the program wrote; N counts the shapes of that
kind. A file that is there is never written again: tables of stacks are full of what it shows.
`later.json` tells what older files lack, with what is read in its place, and what nobody reads any
more; it only grows. Chunks and commands have the like in `contract/golden`.
"""

import json
import pkgutil
import sys
import typing
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from cloud.adapters.chart import CHART, charted
from cloud.adapters.codec import SHAPE, Codec
from cloud.kernel.change import Event, Letter, Message, Timer
from tests.cloud.adapters.record_examples import example

KEPT = Path(__file__).parent / "kept"
LATER = "later.json"

BESIDE: dict[str, type[Any]] = {
    f"kernel.{kind.__name__}": kind for kind in (Event, Letter, Message, Timer)
}
"""What is kept beside records: the log, what leaves, and what is due."""

FITTING: Mapping[str, Mapping[str, Any]] = {
    "kernel.Letter": {"attachments": {"report.pdf": "reports/1"}},
    "kernel.Message": {"body": {"site_id": "S-1", "evidence": ["one", 2]}},
}
"""Mappings, of which no example can be made from a type."""


class Plainly:
    """Seals as anybody can undo: what lies in the corpus is no secret."""

    def seal(self, plain: str, *, context: Mapping[str, str]) -> str:
        """Turn the text around, after its place."""
        return f"{context['record']}/{context['last4']}:{plain[::-1]}"

    def open(self, sealed: str, *, context: Mapping[str, str]) -> str:
        """Turn it around again."""
        place, _, text = sealed.partition(":")
        assert place == f"{context['record']}/{context['last4']}"
        return text[::-1]


CODEC = Codec(Plainly())


@cache
def names() -> tuple[str, ...]:
    """Give the name of everything that is kept."""
    return (*BESIDE, *CHART)


@cache
def kind_of(name: str) -> type[Any]:
    """Give the class of a name, wherever in its stage it stands."""
    if name in BESIDE:
        return BESIDE[name]
    stage, _, class_name = name.partition(".")
    package = import_module(f"cloud.{stage}")
    modules = [one.name for one in pkgutil.walk_packages(package.__path__, f"cloud.{stage}.")]
    for module in modules:
        found = getattr(import_module(module), class_name, None)
        if isinstance(found, type) and charted(found) == name:
            return found
    msg = f"{name} is charted, and is nowhere in cloud/{stage}"
    raise LookupError(msg)


def about(name: str) -> str:
    """Give the place that an example's secrets are sealed for."""
    return f"{name.partition('.')[2]}#kept"


def read(name: str, kept: Mapping[str, Any]) -> Any:
    """Give the record that a file shows, as today's program reads it."""
    text = json.dumps(kept["body"])
    return CODEC.from_text(kind_of(name), text, about=about(name), shape=kept["shape"])


def written(name: str, record: Any) -> Any:
    """Give the body that today's program writes for a record."""
    return json.loads(CODEC.to_text(record, about=about(name)))


def today(name: str) -> dict[str, Any]:
    """Give what a file of today's shape holds."""
    kind, given = kind_of(name), FITTING.get(name, {})
    hints = typing.get_type_hints(kind)
    rest = {one.name for one in fields(kind)} - set(given)
    record = kind(**given, **{one: example(hints[one]) for one in rest}) if given else example(kind)
    return {"shape": SHAPE, "words": words_of(kind), "body": written(name, record)}


def words_of(kind: Any) -> dict[str, list[str]]:
    """Give the words of every enumeration within a type."""
    return {one.__name__: sorted(str(word.value) for word in one) for one in _enums(kind, set())}


def _enums(hint: Any, seen: set[Any]) -> Iterator[type[Enum]]:
    if isinstance(hint, type) and issubclass(hint, Enum):
        if hint not in seen:
            seen.add(hint)
            yield hint
    elif is_dataclass(hint):
        if hint not in seen:
            seen.add(hint)
            for within in typing.get_type_hints(hint).values():
                yield from _enums(within, seen)
    else:
        for within in typing.get_args(hint):
            yield from _enums(within, seen)


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Give every value within a body by its path; empty lists and objects are values."""
    if isinstance(value, dict) and value:
        parts = [(f"{path}.{key}" if path else key, one) for key, one in value.items()]
    elif isinstance(value, list) and value:
        parts = [(f"{path}[{place}]", one) for place, one in enumerate(value)]
    else:
        return {path: value}
    return {key: leaf for at, one in parts for key, leaf in leaves(one, at).items()}


def shape_of(kept: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what two files of one shape have in common: fields with their types, and words."""
    kinds = {path: type(leaf).__name__ for path, leaf in leaves(kept["body"]).items()}
    return {"shape": kept["shape"], "words": kept["words"], "fields": kinds}


def files_of(name: str, folder: Path = KEPT) -> list[Path]:
    """Give the files of a name, the oldest shape first."""
    found = [one for one in folder.glob(f"{name}.*.json") if number_of(one)]
    return sorted(found, key=number_of)


def number_of(path: Path) -> int:
    """Give which shape of its kind a file shows, from 1."""
    last = path.name.split(".")[-2]
    return int(last) if last.isdigit() else 0


def load(path: Path) -> Any:
    """Give what a file holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def later(folder: Path = KEPT) -> dict[str, Any]:
    """Give for each name what came later than some of its files, and what is gone."""
    path = folder / LATER
    return load(path) if path.exists() else {}


def keep(folder: Path = KEPT) -> list[str]:
    """Write a file for each kind whose shape is new; give the names of what was written."""
    made = []
    told = later(folder)
    for name in names():
        fresh, files = today(name), files_of(name, folder)
        if not files or shape_of(load(files[-1])) != shape_of(fresh):
            path = folder / f"{name}.{len(files) + 1}.json"
            with path.open("x", encoding="utf-8") as new:  # never over one that is there
                new.write(_text(fresh))
            made.append(path.name)
        for path in files:
            _tell_later(told, name, load(path))
    if told != later(folder):
        (folder / LATER).write_text(_text(told), encoding="utf-8")
        made.append(LATER)
    return made


def _tell_later(told: dict[str, Any], name: str, kept: Mapping[str, Any]) -> None:
    then, now = leaves(kept["body"]), leaves(written(name, read(name, kept)))
    came = {path: leaf for path, leaf in now.items() if path not in then}
    gone = [path for path in then if path not in now]
    if came or gone:
        entry = told.setdefault(name, {"came": {}, "gone": []})
        entry["came"] = came | entry["came"]
        entry["gone"] = sorted({*gone, *entry["gone"]})


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Keep what is new, and say what it was."""
    for name in keep():
        sys.stdout.write(f"{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
