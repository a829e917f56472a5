"""Deeds of the console that decide about money: on what the page showed, and on nothing else."""

import inspect
from dataclasses import replace

import pytest

from cloud.detection.models import HoldState
from cloud.funding.extension import ExtensionRequest
from cloud.invoicing import process as invoicing
from cloud.invoicing.models import CustomerCharge, Invoice, InvoiceState
from cloud.kernel.change import Change
from cloud.kernel.money import Money
from cloud.portal.console_views import menu
from cloud.service.models import Cause, MailState, WorkOrder
from tests.cloud.invoicing.invoicing_world import SUBMITTED, find_cause
from tests.cloud.portal import test_console_disputes as of_disputes
from tests.cloud.portal import test_console_extensions as of_extensions
from tests.cloud.portal import test_console_holds as of_holds
from tests.cloud.portal import test_console_invoices as of_invoices
from tests.cloud.portal.orders_world import OrdersWorld

SHOWN = """
/console/charges/{charge_id}/approve
/console/charges/{charge_id}/tell
/console/charges/{charge_id}/withdraw
/console/disputes/{dispute_id}/escalate
/console/disputes/{dispute_id}/resolve
/console/extensions/{request_id}/deny
/console/extensions/{request_id}/grant
/console/holds/post/drop
/console/holds/post/release
/console/holds/sweeps/{region}/discard
/console/holds/sweeps/{region}/release
/console/invoices/spend/{order_id}/approve
/console/invoices/spend/{order_id}/reject
/console/invoices/{invoice_id}/approve
/console/invoices/{invoice_id}/customer_charge
/console/invoices/{invoice_id}/line_causes
/console/invoices/{invoice_id}/reject
/console/invoices/{invoice_id}/return
/console/invoices/{invoice_id}/void
/console/proposals/{proposal_id}/agree
/console/proposals/{proposal_id}/reject
/console/work_orders/{order_id}/finding
/console/work_orders/{order_id}/spend_approvals
/console/work_orders/{order_id}/spend_rejections
"""
"""What carries the mark of what its page showed (D09a)."""
PLANS = """
/console/runs/{run_id}/approve
/console/runs/{run_id}/release
"""
"""What carries the hash of all plans (D03)."""
FIXED = """
/console/bank_changes/{change_id}/agree
/console/bank_changes/{change_id}/apply
/console/bank_changes/{change_id}/reject
/console/papers/{document_id}/accept
/console/papers/{document_id}/bank_change
/console/papers/{document_id}/refuse
/console/papers/{document_id}/review
/console/papers/{document_id}/withdraw
/console/proposals/{proposal_id}/withdraw
/console/runs/bank_files/{file_id}/agree
"""
"""What it names never says anything else: a change of it is another thing with another name."""
STEPS = """
/console/charges/export
/console/invoices/{invoice_id}/escalate
/console/runs/payments/{trace_number}/reversed
/console/runs/{run_id}/carry_out
/console/runs/{run_id}/not_sent
/console/runs/{run_id}/prepare
/console/runs/{run_id}/send
/console/runs/{run_id}/sent
/console/runs/{run_id}/settle
"""
"""Steps that were decided on before, that tell what happened outside, or that decide nothing."""
TYPED = """
/console/direct_pay/vendors
/console/direct_pay/vendors/choice
/console/direct_pay/{project_id}/invoices
/console/direct_pay/{project_id}/invoices/void
/console/direct_pay/{project_id}/opt_in
/console/direct_pay/{project_id}/opt_out
/console/direct_pay/{project_id}/order
/console/direct_pay/{project_id}/shipment
/console/holds/replay
/console/projects
/console/projects/{project_id}/cancel
/console/projects/{project_id}/compliance_offset
/console/projects/{project_id}/holds
/console/projects/{project_id}/holds/close
/console/projects/{project_id}/milestones
/console/projects/{project_id}/milestones/revoke
/console/projects/{project_id}/prepaid_commission
/console/reductions/warranty_prices
/console/reductions/{deduction_id}/settlement
/console/runs/bank_files
/console/runs/open
/console/runs/payments/{trace_number}/reversal
/console/runs/payments/{trace_number}/suspense
/console/runs/{run_id}/partners/{partner_id}/payables/{payable_id}/release
"""
"""What says in its own fields or path all that it does, or only proposes it to another person."""
OF_MONEY = {
    *("bank_changes", "charges", "direct_pay", "disputes", "extensions", "holds", "invoices"),
    *("papers", "projects", "proposals", "reductions", "runs"),
}
"""Parts of the console whose deeds decide about money or let go what is held."""


def deeds():
    return {one.path: one for one in menu.views() if one.method == "POST"}


def test_every_deed_about_money_says_what_it_is_decided_on():
    known = [path for table in (SHOWN, PLANS, FIXED, STEPS, TYPED) for path in table.split()]
    assert len(known) == len(set(known))
    found = {path for path in deeds() if path.split("/")[2] in OF_MONEY}
    assert found == {path for path in known if path.split("/")[2] in OF_MONEY}
    assert set(known) <= set(deeds())


@pytest.mark.rule("D09a")
@pytest.mark.parametrize("path", SHOWN.split())
def test_what_carries_a_mark_is_held_against_it(path):
    told = inspect.getsource(deeds()[path].view)
    assert any(one in told for one in ("decided(", "_decided", "_as_shown(")), told


@pytest.mark.rule("D03")
@pytest.mark.parametrize("path", PLANS.split())
def test_a_run_is_decided_on_by_the_hash_of_its_plans(path):
    assert 'plans_hash=ask.form["plans_hash"]' in inspect.getsource(deeds()[path].view)


# ---- invoices ------------------------------------------------------------------------------------


@pytest.fixture
def desk() -> of_invoices.Desk:
    return of_invoices.Desk()


def lower(desk: of_invoices.Desk, made: Invoice, cents: int = 30_000) -> None:
    answer = invoicing.lower_invoice(
        desk.records,
        invoice_id=made.id,
        partner_id="other",
        was=made.content.total,
        amounts=[Money(cents)],
        at=SUBMITTED,
        by="other:jo",
    )
    assert isinstance(answer, Invoice)


INVOICE_DEEDS = [
    pytest.param("approve", {}, id="approve"),
    pytest.param("return", {"return_reason": "my own words"}, id="give back"),
    pytest.param("reject", {"reject_reason": "my own words"}, id="reject"),
    pytest.param(
        "line_causes", {"cause_0": "product_failure", "evidence": "my own words"}, id="causes"
    ),
]


@pytest.mark.rule("D09a")
@pytest.mark.parametrize(("deed", "fields"), INVOICE_DEEDS)
def test_an_old_page_of_an_invoice_decides_nothing_and_says_what_changed(desk, deed, fields):
    made = desk.submitted()
    path = f"{of_invoices.PATH}/{made.id}/{deed}"
    old = desk.mark("spc_1", path)
    lower(desk, made)
    before = desk.now_is(made)
    sent = desk.send("spc_1", path, as_shown=old, **fields)
    page = sent if sent.status == 422 else desk.after("spc_1", sent)
    assert "was lowered from $400.00 to $300.00" in page.plain
    assert "D09a" in page.plain
    assert all(words in page.text for words in fields.values())
    assert old not in page.text, "the page shows what is there now, and carries its mark"
    assert desk.now_is(made) == before
    assert desk.send("spc_1", path, **fields).status == 303, "what is shown now is decided on"
    assert desk.now_is(made) != before


@pytest.mark.rule("D09a")
def test_a_cause_that_was_found_meanwhile_is_looked_at_before_it_is_approved(desk):
    made = desk.submitted()
    path = f"{of_invoices.PATH}/{made.id}/approve"
    old = desk.mark("spc_1", path)
    order = desk.records.load(WorkOrder, "WO-1").record
    find_cause(desk.records, order, Cause.ROOF_REPAIR)
    page = desk.after("spc_1", desk.send("spc_1", path, as_shown=old))
    assert "this is not what the page showed any more" in page.plain
    assert desk.now_is(made).state is InvoiceState.SUBMITTED


@pytest.mark.rule("D09a")
def test_what_nobody_decides_on_may_change_while_somebody_looks(desk):
    made = desk.submitted()
    path = f"{of_invoices.PATH}/{made.id}/approve"
    old = desk.mark("spc_1", path)
    invoicing.escalate_by_coordinator(desk.records, invoice_id=made.id, by="sue", at=SUBMITTED)
    desk.send("spc_1", path, as_shown=old)
    assert desk.now_is(made).state is InvoiceState.APPROVED


class Slow:
    """Records between whose reading and writing something happens, once."""

    def __init__(self, records, between):
        self._records = records
        self._between = between

    def __getattr__(self, name):
        return getattr(self._records, name)

    def commit(self, change: Change) -> None:
        between, self._between = self._between, None
        if between is not None:
            between()
        self._records.commit(change)


@pytest.mark.rule("D09a")
def test_the_second_look_of_the_door_decides_on_what_was_shown_as_well(desk):
    """Who is overtaken between reading and writing does not approve what came meanwhile."""
    made = desk.submitted()
    path = f"{of_invoices.PATH}/{made.id}/approve"
    old = desk.mark("spc_1", path)
    door = desk.doors["/console"]
    door._house = replace(door._house, records=Slow(desk.records, lambda: lower(desk, made)))
    page = desk.after("spc_1", desk.send("spc_1", path, as_shown=old))
    assert "was lowered from $400.00 to $300.00" in page.plain
    assert desk.now_is(made).state is InvoiceState.SUBMITTED


@pytest.mark.rule("D09a")
def test_a_form_without_a_mark_decides_nothing(desk):
    made = desk.submitted()
    desk.send("spc_1", f"{of_invoices.PATH}/{made.id}/approve", as_shown="")
    assert desk.now_is(made).state is InvoiceState.SUBMITTED


# ---- everything else -----------------------------------------------------------------------------


@pytest.mark.rule("D09a")
@pytest.mark.parametrize("page", ["invoices/spend", "work_orders"])
def test_leave_to_spend_is_given_to_what_was_asked(page):
    world = OrdersWorld()
    world.owner_person("sam", "spc")
    world.accept(Money(90_000))
    deed, field = (
        ("approve", "max_total") if "spend" in page else ("spend_approvals", "spend_limit")
    )
    path = f"/console/{page}/{world.number}/{deed}"
    old = world.mark("sam", path)
    other = replace(world.order.assignments[-1], estimate=Money(70_000))
    stored = world.records.load(WorkOrder, world.number)
    after = replace(stored.record, assignments=(*stored.record.assignments[:-1], other))
    world.records.commit(Change(saves=(stored.replaced_by(after),)))
    sent = world.send("sam", path, as_shown=old, **{field: "900"})
    assert sent.status == 422
    assert "not what the page showed any more" in sent.plain
    assert "900" in sent.text
    assert world.order.spend_approvals == ()


@pytest.mark.rule("D09a")
def test_a_charge_that_was_proposed_anew_is_looked_at_anew():
    desk = of_disputes.Desk()
    charge = of_disputes.charged(desk)
    path = f"{of_disputes.CHARGES}/{charge.id}/approve"
    old = desk.mark("sue", path)
    deed = {"by": "spc_1", "at": SUBMITTED}
    invoicing.withdraw_charge(desk.records, charge_id=charge.id, reason="too soon", **deed)
    invoicing.propose_charge(desk.records, invoice_id=charge.invoice_id, evidence="photo 4", **deed)
    desk.send("sue", path, as_shown=old)
    assert not desk.records.load(CustomerCharge, charge.id).record.approved_by


@pytest.mark.rule("D09a")
def test_findings_that_came_to_a_hold_since_are_looked_at_before_it_is_let_go():
    held = of_holds.Held()
    held.sweep()
    path = f"{of_holds.PATH}/sweeps/{of_holds.REGION}/release"
    old = held.world.mark("sam", path)
    stored = held.records.load(of_holds.SweepHold, of_holds.REGION)
    more = replace(stored.record, finding_ids=(*stored.record.finding_ids, "F-4"))
    held.records.commit(Change(saves=(stored.replaced_by(more),)))
    page = held.world.after("sam", held.world.send("sam", path, as_shown=old))
    assert "not what the page showed any more" in page.plain
    assert held.hold().state is HoldState.HELD


@pytest.mark.rule("D09a")
def test_letters_that_came_to_a_hold_since_are_looked_at_before_they_are_dropped():
    held = of_holds.Held()
    held.letters(2)
    path = f"{of_holds.PATH}/post/drop"
    old = held.world.mark("amy", path)
    mail = held.records.load(of_holds.Mail, "MAIL-1").record
    of_holds.put(held.records, replace(mail, id="MAIL-9"))
    page = held.world.after("amy", held.world.send("amy", path, as_shown=old))
    assert "not what the page showed any more" in page.plain
    assert held.post_hold().state is MailState.HELD


@pytest.mark.rule("D09a")
@pytest.mark.parametrize(
    ("deed", "fields"),
    [
        pytest.param("grant", {}, id="granted"),
        pytest.param("deny", {"reason": "my own words"}, id="denied"),
    ],
)
def test_a_request_that_says_something_else_by_now_is_looked_at_anew(deed, fields):
    desk = of_extensions.Desk()
    made = desk.asked()
    path = f"{of_extensions.PATH}/{made.id}/{deed}"
    old = desk.mark("ada", path)
    stored = desk.records.load(ExtensionRequest, made.id)
    other = replace(stored.record, proof_reference="evidence/other.pdf")
    desk.records.commit(Change(saves=(stored.replaced_by(other),)))
    page = desk.send("ada", path, as_shown=old, **fields)
    assert page.status == 422
    assert "not what the page showed any more" in page.plain
    assert all(words in page.text for words in fields.values())
    assert desk.stands(made).decided_by == ""
