"""Compiles the public SunSpec model definitions into `models.txt`, a line for each model.

`python -m edge_agent.sunspec.generate` writes the table, `--check` only compares. It takes all the
definitions of the pysunspec2 package, which is a tool of the developer and not on the gateway.
"""

import argparse
import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_agent.sunspec.models import TABLE


def definitions_folder() -> Path:
    """Find the JSON definitions of the installed pysunspec2 without importing it."""
    spec = importlib.util.find_spec("sunspec2")
    if spec is None or spec.origin is None:
        sys.exit("compiling the models: pysunspec2 is not installed, sync the dev environment")
    return Path(spec.origin).parent / "models" / "json"


def compiled(group: Mapping[str, Any]) -> list[Any]:
    """Return a group as `[name, repeats, points, groups]`."""
    points = [compiled_point(point) for point in group.get("points", [])]
    groups = [compiled(inner) for inner in group.get("groups", [])]
    return [group["name"], group.get("count"), points, groups]


def compiled_point(point: Mapping[str, Any]) -> list[Any]:
    """Return a point as `[name, type, size, scale, unit, static]`, cut where nothing follows."""
    is_static = int(point["type"] == "sunssf" and point.get("static") == "S")
    entry = [point["name"], point["type"], point["size"], point.get("sf"), point.get("units")]
    entry.append(is_static or None)
    while entry[-1] is None:
        entry.pop()
    return entry


def table() -> str:
    """Return the text of `models.txt`, in order of the models' numbers."""
    definitions = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in definitions_folder().glob("model_*.json")
    ]
    return "".join(
        f"{definition['id']} {json.dumps(compiled(definition['group']), separators=(',', ':'))}\n"
        for definition in sorted(definitions, key=lambda definition: int(definition["id"]))
    )


def main(arguments: list[str] | None = None) -> int:
    """Write the table, or only compare it; 0 in step, 1 out of step."""
    parser = argparse.ArgumentParser(prog="python -m edge_agent.sunspec.generate")
    parser.add_argument("--check", action="store_true", help="write nothing, compare only")
    if not parser.parse_args(arguments).check:
        TABLE.write_text(table(), encoding="ascii")
        return 0
    if TABLE.is_file() and TABLE.read_text(encoding="ascii") == table():
        return 0
    sys.stderr.write("models.txt is out of step: run python -m edge_agent.sunspec.generate\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
