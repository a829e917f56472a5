"""What docs/operations.md says of parameters and commands is what template and commands have."""

import re
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

from cloud.cli import main

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def test_the_parameters_are_those_of_the_template():
    parameters = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))["Parameters"]
    shown = re.findall(r"^\| `([A-Z]\w+)` \| .* \| (?:`([^`]+)` )?\|$", TEXT, re.MULTILINE)
    assert dict(shown) == {name: str(one["Default"]) for name, one in parameters.items()}


def test_the_commands_exist(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    offered = set(re.findall(r"^    (\w+)  ", capsys.readouterr().out, re.MULTILINE))
    named = set(re.findall(r"`sunreeve (\w+)", TEXT))
    assert named <= offered
    assert offered <= named


def test_the_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", TEXT)) <= targets
