"""Holds the rule book, the code that applies it and the tests of it together."""

import ast
import importlib
import re
from collections import Counter
from pathlib import Path

import pytest

from cloud.kernel.policy import Rule

ROOT = Path(__file__).parents[3]
POLICIES = sorted((ROOT / "cloud").glob("*/policy.py"))
STAGES = [path.parent.name for path in POLICIES if path.parent.name != "kernel"]

NOT_CITED_YET = frozenset({"I-61", "X-85"})
"""Rules that no docstring of their stage names: the set may only shrink."""
NOT_TESTED_YET: frozenset[str] = frozenset()
"""Rules that no test is marked with: the set may only shrink."""


def rules_of(stage: str) -> list[Rule]:
    policy = importlib.import_module(f"cloud.{stage}.policy")
    return [value for value in vars(policy).values() if isinstance(value, Rule)]


def docstrings_of(stage: str) -> str:
    """Give the docstrings of a stage, and of the kernel, which applies rules of the calendar."""
    found = []
    folders = (ROOT / "cloud" / stage, ROOT / "cloud" / "kernel")
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        if path.name == "policy.py":
            continue
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        found += [
            ast.get_docstring(node) or ""
            for node in nodes
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
        ]
    return "\n".join(found)


def marked() -> set[str]:
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    return set(re.findall(r"mark\.rule\(\"([^\"]+)\"\)", text))


def test_stages_are_found():
    assert {"portfolio", "telemetry", "detection", "service", "invoicing", "funding"} <= set(STAGES)


def test_every_id_is_one_rule():
    ids = Counter(rule.id for stage in STAGES for rule in rules_of(stage))
    assert [name for name, count in ids.items() if count > 1] == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_rule_is_cited_where_it_is_applied(stage):
    text = docstrings_of(stage)
    missing = {rule.id for rule in rules_of(stage) if not re.search(rf"\b{rule.id}(?![\w-])", text)}
    assert sorted(missing - NOT_CITED_YET) == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_rule_is_tested(stage):
    missing = {rule.id for rule in rules_of(stage)} - marked()
    assert sorted(missing - NOT_TESTED_YET) == []


def test_tests_are_marked_with_rules_of_the_book():
    known = {rule.id for stage in STAGES for rule in rules_of(stage)}
    assert sorted(marked() - known) == []


def test_known_gaps_are_still_gaps():
    rules = {rule.id: stage for stage in STAGES for rule in rules_of(stage)}
    cited = {
        name
        for name in NOT_CITED_YET
        if re.search(rf"\b{name}(?![\w-])", docstrings_of(rules[name]))
    }
    assert sorted(cited | (NOT_TESTED_YET & marked())) == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_rule_says_what_it_is(stage):
    for rule in rules_of(stage):
        assert rule.unit
        assert rule.says
        assert rule.source.section


SERVICE_RULES = """
C-01 C-02 C-03 C-15 D-11 D-12 D-13 D-14 D-15 E-31 E-32 E-33 E-34 S-20 S-20a S-20b S-21 S-22 S-23
S-23a S-24 S-25 S-26 S-27 R-42 R-43 R-44 R-45 R-46 R-47 B-50 B-51 B-52 B-53 B-54 B-55 K-30 K-31 K-32
K-33 K-34 K-35 K-36 A-81 I-61 I-62 I-63 I-64 I-65 I-66 I-67 I-68 I-69 P-70 P-71 P-72 M-74 M-75 Q-77
Q-78 Q-79 X-85 X-86 X-87 N-90
"""
"""What was read from the article on service, sentence by sentence."""


def test_every_rule_of_the_service_article_is_in_the_book():
    known = {rule.id for stage in STAGES for rule in rules_of(stage)}
    assert sorted(set(SERVICE_RULES.split()) - known) == []
