"""A refusal names its rule and says why; who decided, and when, stands on the proposal."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloud.kernel.decision import Refused
from cloud.kernel.secret import Secret
from cloud.portfolio.milestones import steps_to, taken_back_with
from cloud.portfolio.models import Milestone
from cloud.portfolio.papers import wrong_bank_details
from cloud.portfolio.proposals import Proposal, ProposalState, decide
from tests.cloud.portfolio.test_portfolio import PROJECT

NOW = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ASKED = Proposal("PR-1", "cancel_project", "PRJ-1", (("reason", "moved"),), "moved", "ana", NOW)
REJECTED = decide(ASKED, ProposalState.REJECTED, by="bob", at=LATER)
ENDED = replace(PROJECT, cancelled=True)
ACTIVATED = replace(PROJECT, reached=((Milestone.M1, NOW), (Milestone.M2, NOW)))
ROUTING = "011401533"


def agreeing(proposal: Proposal, by: str) -> Proposal | Refused:
    return decide(proposal, ProposalState.AGREED, by=by, at=LATER)


def account(routing: str, number: str) -> Refused | None:
    return wrong_bank_details(routing_number=routing, account_number=Secret(number), on=NOW.date())


@pytest.mark.parametrize(
    ("answer", "rule", "code", "words"),
    [
        pytest.param(
            lambda: agreeing(ASKED, "ana"), "D09", "maker_is_checker",
            "ana proposed this, so somebody else decides", id="alone",
        ),
        pytest.param(
            lambda: agreeing(REJECTED, "cleo"), "D09", "conflict",
            "proposal PR-1 was rejected by bob already", id="decided before",
        ),
        pytest.param(
            lambda: agreeing(REJECTED, "bob"), "D09", "conflict",
            "proposal PR-1 was rejected by bob already", id="thought better of",
        ),
        pytest.param(
            lambda: steps_to(ENDED, Milestone.NTP, on=NOW.date()), "P-01", "project_cancelled",
            f"project {PROJECT.id} is cancelled", id="reaching after the end",
        ),
        pytest.param(
            lambda: steps_to(replace(PROJECT, reached=()), Milestone.M2, on=NOW.date()),
            "P-82", "m1_missing", f"project {PROJECT.id} reaches M2 after M1", id="too early",
        ),
        pytest.param(
            lambda: taken_back_with(ENDED, Milestone.M1, on=NOW.date()), "P-01",
            "project_cancelled", f"project {PROJECT.id} is cancelled", id="revoking after the end",
        ),
        pytest.param(
            lambda: taken_back_with(ACTIVATED, Milestone.M1, on=NOW.date()), "P-82",
            "later_milestone", f"project {PROJECT.id} reached M2 since", id="rests on it",
        ),
        pytest.param(
            lambda: account("011401534", "123456"), "P-85", "invalid_routing_number",
            "not nine digits with a check digit", id="routing number",
        ),
        pytest.param(
            lambda: account(ROUTING, "12 34"), "P-85", "invalid_account_number",
            "letters, digits or dashes", id="account number",
        ),
    ],
)  # fmt: skip
def test_a_refusal_names_its_rule_and_says_why(answer, rule, code, words):
    found = answer()
    assert (found.rule, found.code) == (rule, code)
    assert words in found.because


@pytest.mark.rule("D09")
def test_who_decides_and_when():
    found = agreeing(ASKED, "bob")
    assert (found.state, found.decided_by, found.decided_at) == ("agreed", "bob", LATER)
    assert decide(found, ProposalState.AGREED, by="bob", at=LATER + timedelta(days=1)) == found


def test_a_fact_that_was_not_given_is_empty():
    assert (ASKED.fact("reason"), ASKED.fact("cost")) == ("moved", "")
