"""What stands against an approval is told before anybody tries, and is what the try would meet."""

from dataclasses import replace

import pytest

from cloud.invoicing import process
from cloud.invoicing.models import Invoice, InvoiceState
from cloud.invoicing.policy import SECOND_APPROVAL_CENTS
from cloud.kernel.decision import Refused
from cloud.service.models import Cause, WorkOrder
from tests.cloud.invoicing.invoicing_world import (
    MONDAY,
    SUBMITTED,
    approve,
    changed,
    done,
    draft,
    everything,
    find_cause,
    kept_records,
    submit,
)

TWO = replace(SECOND_APPROVAL_CENTS, values={MONDAY.date(): 10_000})


def waits(records, cents=40_000, **facts) -> Invoice:
    made = submit(records, draft(done(records, **facts), cents))
    assert isinstance(made, Invoice), made
    return made


def now_the_cause_is_own_workmanship(records):
    order = records.load(WorkOrder, "WO-1").record
    find_cause(records, order, Cause.WORKMANSHIP)
    changed(records, records.load(WorkOrder, "WO-1").record, original_installer_id="other")


def the_approval_is_gone(records):
    changed(records, records.load(WorkOrder, "WO-1").record, spend_approvals=())


@pytest.mark.rule("I-66")
@pytest.mark.parametrize(
    ("by", "facts", "then", "rules"),
    [
        pytest.param("spc_1", {}, None, [], id="nothing"),
        pytest.param("sue", {}, None, ["I-66"], id="another coordinator's"),
        pytest.param("other:jo", {}, None, ["I-66", "I-66"], id="one's own, and not routed to one"),
        pytest.param("sue", {"spc": "spc_queue"}, None, [], id="the queue is for any of them"),
        pytest.param("spc_1", {}, now_the_cause_is_own_workmanship, ["B-51"], id="own workmanship"),
        pytest.param(
            "spc_1",
            {"cents": 90_000, "approved": 100_000},
            the_approval_is_gone,
            ["I-62"],
            id="no prior approval any more",
        ),
        pytest.param(
            "sue",
            {"cents": 90_000, "approved": 100_000},
            the_approval_is_gone,
            ["I-66", "I-62"],
            id="two things at once",
        ),
    ],
)
def test_the_first_objection_is_what_an_approval_meets(by, facts, then, rules):
    records = kept_records()
    made = waits(records, **facts)
    if then is not None:
        then(records)
    before = everything(records)
    found = process.objections(records, invoice_id=made.id, by=by)
    assert everything(records) == before, "looking changes nothing"
    assert [one.rule for one in found] == rules
    answer = approve(records, made, by=by)
    assert answer == found[0] if found else isinstance(answer, Invoice)


@pytest.mark.parametrize("state", [InvoiceState.APPROVED, InvoiceState.RETURNED])
def test_against_what_is_not_to_be_decided_stands_just_that(state):
    records = kept_records()
    made = waits(records)
    if state is InvoiceState.APPROVED:
        approve(records, made)
    else:
        process.return_to_partner(
            records, invoice_id=made.id, reason="a photo", by="spc_1", at=SUBMITTED
        )
    (found,) = process.objections(records, invoice_id=made.id, by="sue")
    assert found.code == "conflict"


@pytest.mark.rule("I-66b")
def test_who_gave_the_first_of_two_approvals_leaves_the_second_to_somebody_else():
    records = kept_records()
    made = waits(records)

    def objections(by):
        found = process.objections(records, invoice_id=made.id, by=by, second_approval=TWO)
        return [(one.rule, one.code) for one in found]

    assert objections("sue") == [("I-66", "not_routed_to_you")]
    first = process.approve(
        records, invoice_id=made.id, by="spc_1", at=SUBMITTED, second_approval=TWO
    )
    assert not isinstance(first, Refused)
    assert objections("spc_1") == [("I-66b", "same_person")]
    assert objections("sue") == [], "the second may be anybody else"
