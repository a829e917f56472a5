"""The `sunreeve` command: its exit codes, its one-line errors, its rule book."""

import subprocess
import sys
from pathlib import Path

import pytest

from cloud.cli import main
from cloud.cli.rules import book, markdown, matching

ROOT = Path(__file__).parents[3]


def test_a_rule_is_found_by_its_number_with_module_and_section(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["rules", "85%"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "D-13" in printed
    assert "cloud/detection/policy.py" in printed
    assert "1.1 Intelligent Issue Detection" in printed


def test_words_that_no_rule_holds_answer_no(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "perpetual", "motion"]) == 1
    assert "no rule holds" in capsys.readouterr().out


def test_every_rule_stands_once_in_the_page() -> None:
    entries = list(book())
    page = markdown(entries)
    assert len(entries) > 60
    assert all(page.count(f"| {entry.rule.id} |") == 1 for entry in entries)


def test_words_match_in_any_order() -> None:
    assert matching(["hours 48"]) == matching(["48 hours"]) != []


def test_the_page_in_the_repository_is_the_one_that_is_made() -> None:
    assert (ROOT / "docs" / "rules.md").read_text() == markdown(list(book()))


def test_a_stack_that_is_not_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", "091000011520001", "--folder", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_wrong_use_is_2() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cloud.cli", "demolish"], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 2
