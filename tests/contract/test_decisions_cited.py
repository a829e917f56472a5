"""Rules that rest on a decision name a record that exists, and records name rules that do."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from cloud.kernel.policy import DESIGN, Rule

ROOT = Path(__file__).parents[2]
RECORDS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
READINGS = "0014 Readings of the articles"
STAGES = ("portfolio", "telemetry", "detection", "service", "invoicing", "funding")
RULES = [
    rule
    for stage in STAGES
    for rule in vars(import_module(f"cloud.{stage}.policy")).values()
    if isinstance(rule, Rule)
]
MOST_LINES = 16
"""What needs more is a document; the table of readings is one."""


def title_of(record: Path) -> str:
    return record.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def citable() -> set[str]:
    """Titles of records; of the readings also headings, with or without the record's title."""
    titles = {title_of(record) for record in RECORDS}
    text = next(r for r in RECORDS if title_of(r) == READINGS).read_text(encoding="utf-8")
    for heading in re.findall(r"^## (.+)$", text, re.MULTILINE):
        titles |= {heading, f"{READINGS}, {heading}", f"{READINGS[5:]}, {heading}"}
    return titles


@pytest.mark.parametrize(
    "rule", [pytest.param(r, id=r.id) for r in RULES if r.source.article == DESIGN]
)
def test_a_rule_of_ours_names_an_existing_record(rule):
    assert rule.source.section in citable()


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name[:4])
def test_a_record_is_short_and_named_for_its_title(record):
    lines = record.read_text(encoding="utf-8").splitlines()
    number, _, words = lines[0].removeprefix("# ").partition(" ")
    assert record.stem == f"{number}-{re.sub('[^a-z]+', '-', words.lower().replace(chr(39), ''))}"
    assert title_of(record) == READINGS or len(lines) <= MOST_LINES
    text = "\n".join(lines)
    assert all(f"\n{part}: " in text for part in ("Context", "Choice", "Cost"))


def test_the_records_are_numbered_without_gaps():
    assert [r.name[:4] for r in RECORDS] == [f"{n:04}" for n in range(1, len(RECORDS) + 1)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name[:4])
def test_rules_that_a_record_names_exist(record):
    text = record.read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z]-\d{2}[a-z]?|[DF]\d{2})`", text))
    assert named <= {rule.id for rule in RULES}
