"""Lowering an invoice that waits: down and never up, with its findings, and what it spends."""

import pytest
from invoicing_world import WORKED, approve, done, draft, everything, kept_records, submit, whats

from cloud.invoicing import process
from cloud.invoicing.completeness import DraftLine
from cloud.invoicing.models import InvoiceState, WorkOrderSpend
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.money import Money
from cloud.service.models import Cause, WorkOrder

LINES = (
    DraftLine("labor", "took it off", 30_000, WORKED),
    DraftLine("materials", "a connector", 10_000, WORKED),
)


@pytest.fixture
def world():
    records = kept_records()
    order = done(records)
    invoice = submit(records, draft(order, 40_000, lines=LINES))
    return records, invoice


def lower(records, invoice, *cents, was=40_000, who="other"):
    return process.lower_invoice(
        records,
        invoice_id=invoice.id,
        partner_id=who,
        was=Money(was),
        amounts=[Money(one) for one in cents],
        at=invoice.submitted_at,
        by=f"{who}:jo",
    )


@pytest.mark.rule("I-67a")
@pytest.mark.parametrize(
    ("cents", "outcome"),
    [
        pytest.param((30_000, 10_000), "same", id="nothing lowered"),
        pytest.param((29_999, 10_000), 39_999, id="a cent less"),
        pytest.param((30_000, 0), 30_000, id="a line left out"),
        pytest.param((30_001, 9_999), "not_lower", id="one up and one down"),
        pytest.param((30_000, -1), "not_lower", id="below nothing"),
        pytest.param((30_000,), "not_lower", id="a line is not named"),
        pytest.param((0, 0), "nothing_left", id="nothing left"),
    ],
)
def test_an_invoice_goes_down_and_never_up(world, cents, outcome):
    records, invoice = world
    before = everything(records)
    answer = lower(records, invoice, *cents)
    if isinstance(outcome, int):
        assert answer.content.total == Money(outcome)
        assert [one.amount for one in answer.content.lines] == [Money(one) for one in cents if one]
        (spent,) = records.load(WorkOrderSpend, "WO-1").record.spent
        assert spent.total == Money(outcome)
        assert answer.state is InvoiceState.SUBMITTED
        assert answer.submitted_at == invoice.submitted_at
        assert records.timers == before[4]
        return
    assert everything(records) == before
    assert answer == invoice if outcome == "same" else answer.code == outcome


def test_the_same_again_changes_nothing_and_an_old_page_lowers_nothing(world):
    records, invoice = world
    lower(records, invoice, 20_000, 0)
    before = everything(records)
    again = lower(records, invoice, 20_000, 0)
    assert again.content.total == Money(20_000)
    stale = lower(records, invoice, 10_000, 10_001)
    assert isinstance(stale, Refused)
    assert stale.code == "conflict"
    assert everything(records) == before


def test_a_finding_stays_with_its_line(world):
    records, invoice = world
    process.record_line_causes(
        records,
        invoice_id=invoice.id,
        causes={1: Cause.PRODUCT_FAILURE},
        evidence="a.jpg",
        by="spc_1",
        at=invoice.submitted_at,
    )
    after = lower(records, invoice, 0, 10_000)
    assert after.cause_of(0) is Cause.PRODUCT_FAILURE


def test_what_is_decided_is_not_lowered_and_another_partners_is_not_known(world):
    records, invoice = world
    with pytest.raises(NotFound):
        lower(records, invoice, 10_000, 0, who="orig")
    approve(records, invoice)
    answer = lower(records, invoice, 10_000, 0)
    assert (answer.rule, answer.code) == ("I-67a", "conflict")
    assert "lowered" not in whats(records, invoice.id)


def test_the_outlook_counts_what_others_spend_and_the_highest_approval(world):
    records, _ = world
    order = process.outlook(
        records, partner_id="other", draft=draft_of(records, 10_001), work_order_id="WO-1"
    )
    assert (order.before, order.total, order.after) == (
        Money(40_000),
        Money(10_001),
        Money(50_001),
    )
    assert (order.most, order.left) == (Money(50_000), Money(-1))
    assert "prior_approval_missing" in order.verdict.errors


def draft_of(records, cents):
    return draft(records.load(WorkOrder, "WO-1").record, cents, number="INV-2")
