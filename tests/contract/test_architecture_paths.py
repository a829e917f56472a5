"""What the documents name in backticks exists: paths, and functions and classes of our modules."""

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "firmware/README.md",
    ROOT / "infra/README.md",
]
TOPS = ("cloud", "edge_agent", "contract", "firmware", "infra", "bench", "docs", "tests")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(
    rf"(?:{'|'.join(TOPS)}|requirements)(?:/[A-Za-z0-9_.*-]+)+/?|[A-Za-z_.-]+\.(?:md|yaml|toml)"
)
NAME = re.compile(r"(?:cloud|edge_agent|contract)(?:\.[A-Za-z_][A-Za-z0-9_]*)+")


def said_in(document: Path) -> list[str]:
    return CODE.findall(FENCE.sub("", document.read_text(encoding="utf-8")))


def is_there(path: str, document: Path) -> bool:
    if "*" in path:
        return any(ROOT.glob(path))
    places = (ROOT / path, document.parent / path, ROOT / f"{path}.py")
    return any(place.exists() for place in places)


def module_of(parts: list[str]) -> Path | None:
    """Give the file of a module without importing it: handlers read their environment."""
    place = ROOT.joinpath(*parts)
    return next(
        (one for one in (place / "__init__.py", place.with_suffix(".py")) if one.exists()), None
    )


def is_defined(name: str) -> bool:
    """Tell whether a dotted name is a module, or something that a module of ours defines."""
    parts = name.split(".")
    if module_of(parts):
        return True
    length = next((n for n in range(len(parts) - 1, 0, -1) if module_of(parts[:n])), 0)
    if not length:
        return False
    if name.startswith("cloud.functions."):
        source = module_of(parts[:length]).read_text(encoding="utf-8")
        return re.search(rf"^def {parts[length]}\b", source, re.MULTILINE) is not None
    found = import_module(".".join(parts[:length]))
    for part in parts[length:]:
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_named_exists(document):
    missing = []
    for said in said_in(document):
        if PATH.fullmatch(said) and not is_there(said, document):
            missing.append(said)
        if NAME.fullmatch(said.removesuffix("()")) and not is_defined(said.removesuffix("()")):
            missing.append(said)
    assert not missing


def test_a_name_that_is_not_there_is_found_out():
    assert is_defined("cloud.funding.process.prepare")
    assert is_defined("cloud.functions.ingest.handler.handle")
    assert not is_defined("cloud.funding.process.nobody")
    assert not is_defined("cloud.functions.ingest.handler.nobody")
    assert not is_there("cloud/nothing.py", ROOT / "README.md")
