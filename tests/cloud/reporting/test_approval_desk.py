"""What people look at before they let money be spent."""

from datetime import timedelta

import pytest

from cloud.invoicing import process as invoicing
from cloud.invoicing.completeness import DraftLine
from cloud.invoicing.models import InvoiceState
from cloud.invoicing.process.books import load_spend
from cloud.kernel.money import Money
from cloud.reporting.approval_desk import invoice_rows, lines_of, spend_request_of
from cloud.service.models import AWAITING_OWNER, Pause, WorkOrder, WorkOrderState
from tests.cloud.invoicing.invoicing_world import (
    MONDAY,
    SUBMITTED,
    WORKED,
    changed,
    done,
    draft,
    kept_records,
    submit,
)


@pytest.mark.parametrize(
    ("evidence", "amount", "why"),
    [
        pytest.param("asked for $900.00", 90_000, "", id="without a reason"),
        pytest.param("asked for $1,234.50: two\nrails", 123_450, "two\nrails", id="with one"),
        pytest.param("told by telephone", None, "told by telephone", id="noted by a person"),
    ],
)
def test_a_pause_that_waits_for_leave_to_spend_is_read(evidence, amount, why):
    records = kept_records()
    order = done(records, pauses=(Pause(AWAITING_OWNER, MONDAY, None, evidence, "other:jo"),))
    request = spend_request_of(order)
    assert request is not None
    assert (request.amount, request.why) == (None if amount is None else Money(amount), why)
    assert request.over == (None if amount is None else Money(amount) - Money(50_000))
    assert not request.is_estimate


@pytest.mark.parametrize(
    ("facts", "is_there"),
    [
        pytest.param({}, False, id="nothing asked"),
        pytest.param({"state": WorkOrderState.AWAITING_SPEND}, True, id="the estimate waits"),
        pytest.param(
            {"pauses": (Pause(AWAITING_OWNER, MONDAY, WORKED, "asked for $1.00", "jo"),)},
            False,
            id="answered",
        ),
        pytest.param(
            {"pauses": (Pause("waiting_for_parts", MONDAY, None, "a breaker", "jo"),)},
            False,
            id="another pause",
        ),
    ],
)
def test_only_what_waits_for_leave_is_a_request(facts, is_there):
    order = done(kept_records(), **facts)
    assert (spend_request_of(order) is not None) is is_there


def lines(records, *amounts, limit=50_000, **facts):
    order = done(records, spend_limit=Money(limit), **facts)
    told = tuple(
        DraftLine("labor", f"part {place}", cents, WORKED + timedelta(minutes=place))
        for place, cents in enumerate(amounts)
    )
    made = submit(records, draft(order, 0, lines=told, total_cents=sum(amounts)))
    return order, made


@pytest.mark.rule("I-63")
def test_the_line_that_goes_over_the_limit_needs_the_approval_and_those_before_do_not():
    records = kept_records()
    order, made = lines(records, 30_000, 20_000, 1, approved=60_000)
    found = lines_of(made, order, load_spend(records, order.id).record)
    assert [one.running.cents for one in found] == [30_000, 50_000, 50_001]
    assert [one.is_over for one in found] == [False, False, True]
    assert [one.lacks for one in found] == ["", "", ""]
    changed(records, order, spend_approvals=())
    bare = records.load(WorkOrder, order.id).record
    found = lines_of(made, bare, load_spend(records, order.id).record)
    assert [one.lacks for one in found] == ["", "", "prior_approval_missing"]


@pytest.mark.rule("I-64")
@pytest.mark.parametrize(
    ("is_rejected", "running"),
    [
        pytest.param(False, 50_000, id="an earlier one counts"),
        pytest.param(True, 20_000, id="a rejected one does not"),
    ],
)
def test_earlier_invoices_count_first(is_rejected, running):
    records = kept_records()
    order = done(records)
    first = submit(records, draft(order, 30_000))
    second = submit(records, draft(order, 20_000, number="INV-2"))
    if is_rejected:
        invoicing.reject(records, invoice_id=first.id, reason="no", by="spc_1", at=SUBMITTED)
    spend = load_spend(records, order.id).record
    assert lines_of(second, order, spend)[0].running == Money(running)
    assert lines_of(first, order, spend)[0].running == Money(30_000), "a later one does not count"


def test_undecided_invoices_stand_by_when_they_are_due_and_others_latest_first():
    records = kept_records()
    order = done(records)
    first = submit(records, draft(order, 100))
    second = submit(records, draft(order, 100, number="INV-2"), when=SUBMITTED + timedelta(days=3))
    rows = invoice_rows(records, InvoiceState.SUBMITTED)
    assert [one.invoice.id for one in rows] == [first.id, second.id]
    assert all(one.due_at is not None for one in rows)
    assert rows[0].over == Money(200) - order.not_to_exceed, "both of the work order count"
    for days, one in enumerate((first, second)):
        invoicing.approve(
            records, invoice_id=one.id, by="spc_1", at=SUBMITTED + timedelta(days=4 + days)
        )
    rows = invoice_rows(records, InvoiceState.APPROVED)
    assert [one.invoice.id for one in rows] == [second.id, first.id]
    assert [one.due_at for one in rows] == [None, None]


@pytest.mark.rule("I-64")
@pytest.mark.parametrize(
    ("first", "over"),
    [
        pytest.param(None, 5_000, id="both wait"),
        pytest.param(InvoiceState.RETURNED, 5_000, id="the other went back"),
        pytest.param(InvoiceState.APPROVED, 5_000, id="the other is approved"),
        pytest.param(InvoiceState.REJECTED, -25_000, id="the other was rejected"),
        pytest.param(InvoiceState.VOID, -25_000, id="the other is void"),
    ],
)
def test_all_invoices_of_a_work_order_are_held_against_what_may_be_spent(first, over):
    records = kept_records()
    order = done(records, approved=60_000)
    one = submit(records, draft(order, 30_000, number="A-1"))
    two = submit(records, draft(order, 25_000, number="A-2", description="Came back for the rest."))
    changed(records, order, not_to_exceed=Money(50_000))
    deed = {"invoice_id": one.id, "at": SUBMITTED}
    told = {"by": "spc_1", "reason": "no"}
    match first:
        case InvoiceState.RETURNED:
            invoicing.return_to_partner(records, **deed, **told)
        case InvoiceState.REJECTED:
            invoicing.reject(records, **deed, **told)
        case InvoiceState.APPROVED:
            invoicing.approve(records, **deed, by="spc_1")
        case InvoiceState.VOID:
            invoicing.withdraw_invoice(records, **deed, partner_id="other", by="other:jo")
    rows = {row.invoice.id: row for row in invoice_rows(records, InvoiceState.SUBMITTED)}
    assert rows[two.id].over == Money(over)


def test_the_list_costs_as_many_reads_whatever_is_in_it():
    records = kept_records()
    for number in range(5):
        order = done(records, id=f"WO-{number}", report_id=f"RPT-{number}")
        submit(records, draft(order, 30_000, number=f"A-{number}"))
    loads = []

    class Counted:
        def __getattr__(self, name):
            loads.append(name)
            return getattr(records, name)

    assert len(invoice_rows(Counted(), InvoiceState.SUBMITTED)) == 5
    assert sorted(loads) == ["find", "load_all", "load_all"]
