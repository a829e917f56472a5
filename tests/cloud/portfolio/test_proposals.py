"""Acts that take two people."""

from datetime import UTC, datetime

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.decision import Refused
from cloud.portfolio import process
from cloud.portfolio.proposals import Proposal, ProposalState

AT = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)


def proposed(records: MemoryRecords, by: str = "ana") -> Proposal:
    made = process.propose(
        records,
        kind="cancel_project",
        subject="PRJ-1",
        facts={"reason": "moved"},
        because="the customer moved",
        at=AT,
        by=by,
    )
    assert isinstance(made, Proposal)
    return made


@pytest.mark.rule("D09")
def test_one_proposes_and_another_agrees():
    records = MemoryRecords()
    made = proposed(records)
    stored = process.proposal(records, made.id)
    alone = process.agreeing(stored, by="ana", at=AT)
    assert isinstance(alone, Refused)
    assert alone.code == "maker_is_checker"
    after, change = process.agreeing(stored, by="bob", at=AT)
    records.commit(change)
    assert (after.state, after.decided_by) == (ProposalState.AGREED, "bob")
    assert records.load(Proposal, made.id).record == after


@pytest.mark.rule("D09")
def test_what_was_decided_stays_decided():
    records = MemoryRecords()
    made = proposed(records)
    assert process.reject(records, proposal_id=made.id, at=AT, by="bob").state == "rejected"
    assert process.reject(records, proposal_id=made.id, at=AT, by="bob").decided_by == "bob"
    late = process.agreeing(process.proposal(records, made.id), by="cleo", at=AT)
    assert isinstance(late, Refused)
    assert late.code == "conflict"


def test_the_same_proposal_is_one_and_a_new_one_after_a_decision_is_another():
    records = MemoryRecords()
    first = proposed(records)
    assert proposed(records) == first
    process.reject(records, proposal_id=first.id, at=AT, by="bob")
    again = process.propose(
        records,
        kind="cancel_project",
        subject="PRJ-1",
        facts={"reason": "moved"},
        because="the customer moved",
        at=AT.replace(hour=16),
        by="ana",
    )
    assert again.id != first.id


def test_a_proposal_that_the_index_does_not_show_yet_is_the_same_one():
    class Behind(MemoryRecords):
        def find(self, kind, *, by, value):
            return ()

    records = Behind()
    first = proposed(records)
    assert proposed(records) == first


def test_a_proposal_says_why():
    refused = process.propose(
        MemoryRecords(), kind="k", subject="s", facts={}, because=" ", at=AT, by="ana"
    )
    assert refused.code == "reason_missing"


def test_whoever_proposed_takes_it_back_and_nobody_else_does():
    records = MemoryRecords()
    made = proposed(records)
    assert process.withdraw(records, proposal_id=made.id, at=AT, by="bob").code == "not_yours"
    for _ in range(2):
        assert process.withdraw(records, proposal_id=made.id, at=AT, by="ana").state == "withdrawn"
    late = process.agreeing(process.proposal(records, made.id), by="cleo", at=AT)
    assert late.code == "conflict"


def test_who_waits_is_listed_and_two_people_make_two_proposals():
    records = MemoryRecords()
    first = proposed(records)
    second = proposed(records, by="cleo")
    waiting = process.proposals_in(records, ProposalState.PENDING)
    assert sorted(one.id for one in waiting) == sorted([first.id, second.id])
