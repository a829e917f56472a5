"""What the code says that the template must agree with, read without running it."""

import ast
import importlib
import importlib.util
import re
from functools import cache
from pathlib import Path

import cloud
from cloud.adapters.wiring import TOPICS
from infra.rules.stack import Code

ROOT = Path(cloud.__file__).parents[1]
WRITER = "cloud.adapters.metrics"
AGREED = frozenset(
    {
        "TimerLagSeconds",
        "OutboxLagSeconds",
        "SweepPartsMissing",
        "FundingUnsentAfterNoon",
        "CertificateDaysLeft",
        "DeadLetters",
    }
)
"""What alarms are about."""
_ARGUMENTS = ("event", "context")
_NAME = re.compile(r"[A-Z]+(_[A-Z]+)+")


def facts() -> Code:
    """Give what the code of this folder says."""
    handlers = (ROOT / "cloud/functions").glob("*/handler.py")
    return Code({path.parent.name for path in handlers}, read_by, metrics())


def metrics() -> frozenset[str]:
    """Give the names of the metrics that functions write.

    While there is no module that writes them, those that were agreed on: an alarm on another name
    would be wrong then too, and a test that is expected to fail says that none is written yet.
    """
    if importlib.util.find_spec(WRITER) is None:
        return AGREED
    return frozenset(importlib.import_module(WRITER).NAMES)


@cache
def read_by(handler: str) -> frozenset[str] | None:
    """Give the variables that a handler and the modules beside it read when they are imported.

    None where there is no such handler, or it takes other arguments than an event and a context.
    """
    module, _, function = handler.rpartition(".")
    path = _path(module)
    if path is None:
        return None
    text = path.read_text(encoding="utf-8")
    made = [part for part in ast.parse(text).body if isinstance(part, ast.FunctionDef)]
    taking = [len(part.args.args) for part in made if part.name == function]
    if taking != [len(_ARGUMENTS)]:
        return None
    beside = [
        ast.parse(one.read_text(encoding="utf-8")) for one in sorted(path.parent.glob("*.py"))
    ]
    if "from cloud.portal.opening import house" in text:  # what both doors' pages read
        beside.append(ast.parse((ROOT / "cloud/portal/opening.py").read_text(encoding="utf-8")))
    return frozenset(name for tree in beside for name in _read_in(tree))


def _path(module: str) -> Path | None:
    if not module.startswith("cloud.functions."):
        return None
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(found.origin) if found is not None and found.origin else None


def _read_in(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        text = ast.unparse(node) if isinstance(node, ast.Subscript | ast.Call) else ""
        if isinstance(node, ast.Subscript) and text.startswith(("os.environ[", "environment[")):
            found.add(ast.literal_eval(node.slice))
        if isinstance(node, ast.Call) and text.startswith("environment.get("):
            found.add(ast.literal_eval(node.args[0]))
        if isinstance(node, ast.Call) and text.startswith(("wiring.", "bank.")):
            assert isinstance(node.func, ast.Attribute), text  # noqa: S101 - as the text began
            found |= _wired(text.partition(".")[0], node.func.attr)
    return found


@cache
def _wired(module: str, name: str) -> frozenset[str]:
    """Give the variables that a function of the wiring reads, and those that it calls read."""
    tree = ast.parse((ROOT / f"cloud/adapters/{module}.py").read_text(encoding="utf-8"))
    made = {part.name: part for part in tree.body if isinstance(part, ast.FunctionDef)}
    found: set[str] = set()
    for node in ast.walk(made[name]):
        if isinstance(node, ast.Constant) and _NAME.fullmatch(str(node.value)):
            found.add(str(node.value))
        if isinstance(node, ast.Name) and node.id == "TOPICS":
            found |= set(TOPICS.values())
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in made:
            found |= _wired(module, node.func.id)
    return frozenset(found)
