"""Our code has none of the flaws that the rules look for, and the rules find each planted one."""

import pytest

from infra import lint_security
from infra.code_rules import RULES, Module
from tests.infra.planted_code import FLAWS, NO_FLAWS


def found(planted):
    return {fault.rule for fault in lint_security.faults(Module(planted.path, planted.code))}


def named(planted):
    return f"{planted.rule}-{planted.says}"


def test_the_code_has_no_fault_and_no_exception_is_idle():
    read = list(lint_security.modules())
    assert len(read) > 500
    assert lint_security.wrong(read) == []


@pytest.mark.parametrize("planted", FLAWS, ids=named)
def test_a_planted_flaw_is_caught(planted):
    assert planted.rule in found(planted)


@pytest.mark.parametrize("planted", NO_FLAWS, ids=named)
def test_what_only_looks_like_a_flaw_is_none(planted):
    assert planted.rule not in found(planted)


def test_every_rule_is_there_for_a_flaw():
    assert {rule.__name__ for rule in RULES} == {flaw.rule for flaw in FLAWS}
    assert len(FLAWS) >= 60
    assert all(rule.__doc__ for rule in RULES)


def test_an_exception_that_nothing_needs_is_a_fault():
    idle = lint_security.wrong([Module("cloud/adapters/planted.py", "")])
    assert {(one.rule, one.path) for one in idle} == set(lint_security.EXCEPTIONS)


def test_a_flaw_beside_an_exception_is_still_one():
    module = Module("cloud/adapters/clock.py", "import uuid\nvalue = eval(str(uuid.uuid4()))")
    rules = {one.rule for one in lint_security.wrong([module]) if one.path == module.path}
    assert rules == {"text_run_as_code"}
