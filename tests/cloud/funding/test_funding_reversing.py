"""A payment is called back, and money in suspense assigned, by two people who say why."""

from datetime import UTC, datetime, timedelta

import pytest
from funding_world import AT, BANK, PAID_AT, RUN_ID, World

from cloud.adapters.memory import MemoryBank
from cloud.funding import ach, process
from cloud.funding.models import FundingRun, Payable, PaymentTrace
from cloud.kernel.decision import Refused
from cloud.kernel.money import Money
from cloud.kernel.policy import COMFORT
from cloud.portfolio import process as portfolio
from cloud.portfolio.proposals import Proposal

OPERATIONS = "operations@owner.example"
LATE = datetime(2026, 12, 7, 7, 31, tzinfo=UTC)


def sent() -> tuple[World, str]:
    world = World()
    world.service("INV-1", 480_00)
    world.run()
    process.send(
        world.records,
        world.documents,
        MemoryBank(),
        run_id=RUN_ID,
        operations=OPERATIONS,
        by="tess",
        at=AT,
    )
    (line,) = world.records.find(PaymentTrace, by="run_id", value=RUN_ID)
    return world, line.record.id


def propose(world, trace, *, reason="wrong_receiver", because="the wrong account", at=AT):
    return process.propose_reversal(
        world.records, trace_number=trace, reason=reason, because=because, at=at, by="ana"
    )


def agree(world, proposal: Proposal, by="bob", at=AT):
    return process.agree_reversal(world.records, proposal_id=proposal.id, at=at, by=by)


def make(world, trace):
    return process.make_reversal(
        world.records,
        world.documents,
        trace_number=trace,
        originator=BANK,
        operations=OPERATIONS,
        at=AT + timedelta(hours=1),
    )


def assigned(world, trace, whose):
    proposal = process.propose_assignment(
        world.records, trace_number=trace, whose=whose, because="asked", at=AT, by="ana"
    )
    assert (
        process.agree_assignment(world.records, proposal_id=proposal.id, at=AT, by="ana").code
        == "maker_is_checker"
    )
    for _ in range(2):
        process.agree_assignment(world.records, proposal_id=proposal.id, at=AT, by="bob")


def balances(world):
    found = process.verify_books(
        world.records, world.documents, partners=world.partners, programmes=(COMFORT,)
    )
    assert not found.problems
    return {name: one.cents for name, one in found.balances.items()}


@pytest.mark.rule("D41")
@pytest.mark.rule("D30")
def test_two_people_call_a_payment_back_and_it_is_owed_again():
    world, trace = sent()
    proposal = propose(world, trace)
    assert agree(world, proposal, by="ana").code == "maker_is_checker"
    for _ in range(2):
        assert agree(world, proposal).reversal == proposal.id
    reference = make(world, trace)
    assert make(world, trace) == reference
    read = ach.read(world.documents.get(reference))
    assert read.kind is ach.FileKind.REVERSALS
    assert [one.credit.amount for one in read.entries] == [Money(480_00)]
    for _ in range(2):
        process.record_reversed(world.records, trace_number=trace, at=AT, by="tess")
    assert balances(world) == {"service_cost": 480_00, "suspense_returns": -480_00}
    assigned(world, trace, "partner")
    (again,) = world.records.find(Payable, by="state", value="open")
    assert again.record.amount == Money(480_00)
    assert world.run(cutoff=LATE, at=LATE).net == Money(480_00)
    assert balances(world) == {"service_cost": 480_00, "ach_in_transit": -480_00}


@pytest.mark.rule("D41")
def test_what_the_bank_paid_twice_is_nobodys_here():
    world, trace = sent()
    process.settle(world.records, run_id=RUN_ID, at=PAID_AT)
    process.return_payment(world.records, trace_number=trace, code="R24", at=AT)
    assigned(world, trace, "bank")
    assert balances(world) == {"service_cost": 480_00, "bank_cash": -480_00}
    assert not world.records.find(Payable, by="state", value="open")
    assert (
        process.propose_assignment(
            world.records, trace_number=trace, whose="bank", because="again", at=AT, by="ana"
        ).code
        == "conflict"
    )


@pytest.mark.rule("D41")
@pytest.mark.rule("D30")
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"reason": "regret"}, "reversal_reason_not_permitted"),
        ({"because": " "}, "reason_missing"),
        ({"at": AT + timedelta(days=30)}, "reversal_too_late"),
    ],
)
def test_what_is_not_called_back(wrong, code):
    world, trace = sent()
    refused = propose(world, trace, **wrong)
    assert isinstance(refused, Refused)
    assert refused.code == code


@pytest.mark.rule("D41")
def test_a_payment_is_called_back_once_and_not_before_the_bank_has_it():
    world, trace = sent()
    agree(world, propose(world, trace))
    assert propose(world, trace, because="again").code == "conflict"
    world = World()
    world.service("INV-1", 480_00)
    world.run()
    (line,) = world.records.find(PaymentTrace, by="run_id", value=RUN_ID)
    assert propose(world, line.record.id).code == "not_sent"
    refused = process.record_reversed(world.records, trace_number=line.record.id, at=AT, by="tess")
    assert refused.code == "conflict"
    assert world.records.load(FundingRun, RUN_ID).record.state == "filed"


@pytest.mark.rule("D41")
def test_whose_money_must_be_one_of_two():
    world, trace = sent()
    process.return_payment(world.records, trace_number=trace, code="R24", at=AT)
    refused = process.propose_assignment(
        world.records, trace_number=trace, whose="mine", because="x", at=AT, by="ana"
    )
    assert refused.code == "invalid_value"


@pytest.mark.rule("D41")
def test_what_was_agreed_about_one_thing_is_not_agreed_about_another():
    world, trace = sent()
    proposal = propose(world, trace)
    process.return_payment(world.records, trace_number=trace, code="R24", at=AT)
    wrong = process.agree_assignment(world.records, proposal_id=proposal.id, at=AT, by="bob")
    assert wrong.code == "conflict"
    assert balances(world)["suspense_returns"] == -480_00
    other = process.propose_assignment(
        world.records, trace_number=trace, whose="bank", because="x", at=AT, by="ana"
    )
    assert agree(world, other).code == "conflict"


@pytest.mark.rule("D30")
def test_agreed_too_late_it_stays_undone_and_can_be_rejected():
    world, trace = sent()
    proposal = propose(world, trace)
    late = AT + timedelta(days=30)
    assert agree(world, proposal, at=late).code == "reversal_too_late"
    assert not world.records.load(PaymentTrace, trace).record.reversal
    rejected = portfolio.reject(world.records, proposal_id=proposal.id, at=late, by="bob")
    assert rejected.state == "rejected"
