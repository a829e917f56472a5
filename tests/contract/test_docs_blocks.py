"""Python blocks of the documents run, TOML blocks parse, links lead somewhere."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("contract/README.md", "firmware/README.md", "infra/README.md")),
]
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(tag: str) -> list:
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            if match[1].strip() == tag:
                line = text.count("\n", 0, match.start()) + 1
                name = f"{document.relative_to(ROOT)}:{line}"
                found.append(pytest.param(match[2], name, id=name))
    return found


@pytest.mark.parametrize(("code", "name"), blocks("python"))
def test_python_runs(code, name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, name, "exec"), {"__name__": "__main__"})  # noqa: S102 - our own documents
    said = re.findall(r"^# prints: (.*)$", code, re.MULTILINE)
    assert capsys.readouterr().out.splitlines() == said


@pytest.mark.parametrize(("text", "name"), blocks("toml"))
def test_toml_parses(text, name):
    assert tomllib.loads(text), name


LINK = re.compile(r"\]\(([\w./-]+)(#[\w-]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    missing = [link for link, _ in LINK.findall(text) if not (document.parent / link).exists()]
    assert not missing
