"""Every planted flaw is caught by the rule that is there for it, and the template has none."""

import json

import pytest

from infra.rules import code
from infra.template_rules import RULES, TEMPLATE, faults, translate
from tests.infra.planted_flaws import FLAWS

SOURCE = TEMPLATE.read_text()
TRANSLATED = json.dumps(translate(SOURCE.encode(), name=TEMPLATE.name))
CODE = code.facts()


def test_the_template_has_no_fault():
    assert faults(json.loads(TRANSLATED), CODE) == {}


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.name)
def test_a_planted_flaw_is_caught(flaw):
    if flaw.source is None:
        document = json.loads(TRANSLATED)
        flaw.plant(document)
    else:
        right, wrong = flaw.source
        assert SOURCE.count(right) == 1, "the template changed: plant it anew"
        document = translate(SOURCE.replace(right, wrong).encode(), name=TEMPLATE.name)
    assert json.dumps(document) != TRANSLATED
    assert flaw.rule in faults(document, CODE)


def test_every_rule_is_there_for_a_flaw():
    assert {rule.__name__ for rule in RULES} == {flaw.rule for flaw in FLAWS}
    assert len(RULES) >= 25
    assert len({flaw.name for flaw in FLAWS}) == len(FLAWS) >= 40


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_says_where_it_is_written(rule):
    assert "Source: " in rule.__doc__
