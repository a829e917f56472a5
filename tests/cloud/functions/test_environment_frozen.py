"""Functions read their environment once, when their module is imported, and nothing else does."""

import ast
from pathlib import Path

import pytest

import cloud

ROOT = Path(cloud.__file__).parent
READERS = ("os.environ", "os.getenv", "environ")
DEPLOYED = sorted(
    path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in {"local", "cli"}
)


def reads(node: ast.AST) -> list[str]:
    """Where a piece of code looks at the environment of its process."""
    return [
        f"{ast.unparse(one)} in line {one.lineno}"
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute | ast.Name) and ast.unparse(one) in READERS
    ]


def late(tree: ast.Module) -> list[str]:
    """What is read when a function runs and not when its module is imported."""
    return [
        found
        for one in ast.walk(tree)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for found in reads(one)
    ]


@pytest.mark.parametrize("path", DEPLOYED, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_reads_the_environment_later(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert late(tree) == []
    if path.relative_to(ROOT).parts[0] != "functions":
        assert reads(tree) == []


@pytest.mark.parametrize(
    "code",
    [
        "import os\ndef handle(e, c):\n    return os.environ['X']",
        "import os\ndef handle(e, c):\n    return os.getenv('X')",
        "from os import environ\ndef handle(e, c):\n    return environ.get('X')",
        "import os\nhandle = lambda e, c: os.environ",
        "import os\nclass A:\n    def b(self):\n        return [os.environ for _ in 'x']",
    ],
)
def test_the_check_sees_a_late_reader(code):
    assert late(ast.parse(code))


def test_the_check_passes_an_early_one():
    assert late(ast.parse("import os\nTABLE = os.environ['TABLE']\ndef handle(e, c): ...")) == []
