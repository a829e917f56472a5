"""Spend and invoices in the console: what waits, what stands against it, who decides."""

from dataclasses import replace

import pytest

from cloud.invoicing import process as invoicing
from cloud.invoicing.completeness import DraftLine
from cloud.invoicing.models import CustomerCharge, Invoice, InvoiceState
from cloud.kernel.change import Change
from cloud.kernel.money import Money
from cloud.service.models import Cause, WorkOrder
from cloud.service.process import request_spend
from tests.cloud.invoicing.invoicing_world import (
    SUBMITTED,
    WORKED,
    changed,
    done,
    draft,
    find_cause,
    kept_records,
    pay,
    submit,
)
from tests.cloud.portal.orders_world import OrdersWorld
from tests.cloud.portal.pages_world import World

PATH = "/console/invoices"


class Desk(World):
    """Sam issued the work order; Sue is another coordinator, ada accounting, otto an auditor."""

    def __init__(self) -> None:
        super().__init__(kept_records(), now=SUBMITTED)
        self.owner_person("spc_1", "spc")
        self.owner_person("sue", "spc")
        self.owner_person("ron", "relationship_manager")
        self.owner_person("ada", "accounting_admin")
        self.owner_person("otto", "auditor")
        self.owner_person("tess", "treasury")

    def submitted(self, cents: int = 40_000, **facts: object) -> Invoice:
        order = done(self.records, **facts)
        made = submit(self.records, draft(order, cents))
        assert isinstance(made, Invoice), made
        return made

    def now_is(self, invoice: Invoice) -> Invoice:
        found = self.records.load(Invoice, invoice.id)
        assert found is not None
        return found.record


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ---- lists ---------------------------------------------------------------------------------------


def test_what_waits_is_listed_with_amount_and_by_when_it_is_decided(desk):
    made = desk.submitted()
    page = desk.page("spc_1", PATH)
    assert f"{PATH}/{made.id}" in page.text
    for words in ("INV-1", "$400.00", "Other", "WO-1", "spc_1", "in 17 days"):
        assert words in page.plain


@pytest.mark.parametrize(
    ("query", "says"),
    [
        pytest.param("", "No invoice waits", id="none waits"),
        pytest.param("?state=paid", "No invoice stands so", id="none is paid"),
        pytest.param("?state=nonsense", "No invoice waits", id="no state"),
        pytest.param("?q=nowhere", "No such invoice", id="nothing is found"),
    ],
)
def test_an_empty_list_says_what_would_stand_there(desk, query, says):
    assert says in desk.page("spc_1", PATH + query).plain


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        pytest.param("?q=inv-1", True, id="by number"),
        pytest.param("?q=WO-1", True, id="by work order"),
        pytest.param("?q=sample", True, id="by customer"),
        pytest.param("?partner=other", True, id="by partner"),
        pytest.param("?partner=orig", False, id="another partner"),
        pytest.param("?state=approved", False, id="another state"),
    ],
)
def test_the_list_can_be_searched(desk, query, is_there):
    made = desk.submitted()
    assert (made.id in desk.page("otto", PATH + query).text) is is_there


@pytest.mark.parametrize(
    ("who", "status"),
    [
        pytest.param("spc_1", 200, id="coordinator"),
        pytest.param("ron", 200, id="relationship manager"),
        pytest.param("ada", 200, id="accounting admin"),
        pytest.param("otto", 200, id="auditor"),
        pytest.param("tess", 403, id="treasury"),
    ],
)
def test_who_may_look_at_invoices(desk, who, status):
    made = desk.submitted()
    assert desk.page(who, PATH).status == status
    assert desk.page(who, f"{PATH}/{made.id}").status == status


# ---- one invoice ---------------------------------------------------------------------------------


def test_an_invoice_stands_beside_its_report_and_what_was_approved(desk):
    made = desk.submitted(40_000)
    page = desk.page("spc_1", f"{PATH}/{made.id}")
    for words in ("mended it", "a connector", "none needed", "Undetermined", "We pay"):
        assert words in page.plain
    assert "Nothing It is complete" in page.plain
    assert "Approve $400.00" in page.plain


def test_a_line_above_the_limit_says_which_approval_it_has(desk):
    made = desk.submitted(90_000, approved=100_000)
    page = desk.page("spc_1", f"{PATH}/{made.id}")
    assert "In time, and enough" in page.plain
    assert "up to $1,000.00 by spc_1" in page.plain


def test_what_came_after_the_approval_stands_against_it_and_takes_the_button(desk):
    made = desk.submitted(90_000, approved=100_000)
    stored = desk.records.load(WorkOrder, "WO-1")
    changed(desk.records, stored.record, spend_approvals=())
    page = desk.page("spc_1", f"{PATH}/{made.id}")
    assert "lacks its prior approval" in page.plain
    assert "No written approval" in page.plain
    assert "I-62" in page.plain
    assert f"{PATH}/{made.id}/approve" not in page.text
    refused = desk.after("spc_1", desk.send("spc_1", f"{PATH}/{made.id}/approve"))
    assert "lacks its prior approval Rule I-62" in refused.plain
    assert desk.now_is(made).state is InvoiceState.SUBMITTED


@pytest.mark.parametrize(
    ("who", "says"),
    [
        pytest.param("sue", "is for spc_1 to decide", id="another coordinator's"),
        pytest.param("jo", "Who submitted an invoice cannot approve it", id="one's own"),
    ],
)
def test_what_is_not_ones_own_to_approve_has_a_reason_and_no_button(desk, who, says):
    desk.owner_person("other:jo", "spc")
    made = desk.submitted()
    page = desk.page("other:jo" if who == "jo" else who, f"{PATH}/{made.id}")
    assert says in page.plain
    assert "I-66" in page.plain
    assert f"{PATH}/{made.id}/approve" not in page.text


def test_own_workmanship_is_not_reimbursed(desk):
    made = desk.submitted()
    find_cause(desk.records, desk.records.load(WorkOrder, "WO-1").record, Cause.WORKMANSHIP)
    stored = desk.records.load(WorkOrder, "WO-1").record
    changed(desk.records, stored, original_installer_id="other")
    page = desk.page("spc_1", f"{PATH}/{made.id}")
    assert "Not reimbursed its own workmanship, rule B-51" in page.plain
    assert "An installer repairs its own workmanship" in page.plain


@pytest.mark.parametrize(
    ("deed", "fields", "state", "says"),
    [
        pytest.param("approve", {}, "approved", "goes to the next funding run", id="approved"),
        pytest.param("return", {"return_reason": "no photo"}, "returned", "back with", id="back"),
        pytest.param("reject", {"reject_reason": "not ours"}, "rejected", "rejected", id="no"),
    ],
)
def test_it_is_decided(desk, deed, fields, state, says):
    made = desk.submitted()
    after = desk.after("spc_1", desk.send("spc_1", f"{PATH}/{made.id}/{deed}", **fields))
    assert says in after.plain
    assert desk.now_is(made).state == state
    again = desk.send("spc_1", f"{PATH}/{made.id}/{deed}", **fields)
    assert again.status == 303, "a deed that is sent twice is done once"
    assert desk.now_is(made).state == state


@pytest.mark.parametrize(
    ("deed", "name"),
    [
        pytest.param("return", "return_reason", id="given back"),
        pytest.param("reject", "reject_reason", id="rejected"),
    ],
)
def test_a_reason_is_asked_for(desk, deed, name):
    made = desk.submitted()
    page = desk.send("spc_1", f"{PATH}/{made.id}/{deed}", **{name: ""})
    assert page.status == 422
    assert "the partner is told it" in page.plain
    assert desk.now_is(made).state is InvoiceState.SUBMITTED


def test_a_refusal_keeps_what_was_typed(desk):
    made = desk.submitted()
    page = desk.send("sue", f"{PATH}/{made.id}/reject", reject_reason="twice the hours")
    assert page.status == 422
    assert "is for spc_1 to decide. Rule I-66." in page.plain
    assert "twice the hours" in page.text


@pytest.mark.parametrize(
    ("who", "deed", "name", "rule"),
    [
        pytest.param("spc_1", "return", "return_reason", "I-66", id="given back"),
        pytest.param("ada", "void", "void_reason", "I-64", id="not to be paid"),
        pytest.param("spc_1", "customer_charge", "charge_evidence", "B-52", id="charged"),
    ],
)
def test_what_does_not_go_any_more_is_refused_and_nothing_typed_is_lost(
    desk, who, deed, name, rule
):
    made = desk.submitted()
    desk.send("spc_1", f"{PATH}/{made.id}/reject", reject_reason="no")
    page = desk.send(who, f"{PATH}/{made.id}/{deed}", **{name: "my own words"})
    assert page.status == 422
    assert f"Rule {rule}." in page.plain
    assert "my own words" in page.plain


@pytest.mark.parametrize("who", ["ron", "ada", "otto"])
@pytest.mark.parametrize("deed", ["approve", "return", "reject", "escalate", "line_causes"])
def test_only_coordinators_decide(desk, who, deed):
    made = desk.submitted()
    assert desk.send(who, f"{PATH}/{made.id}/{deed}").status == 403
    assert f"{made.id}/{deed}" not in desk.page(who, f"{PATH}/{made.id}").text


def test_it_is_taken_to_the_relationship_manager(desk):
    made = desk.submitted()
    desk.send("spc_1", f"{PATH}/{made.id}/escalate")
    assert desk.now_is(made).escalated_at == SUBMITTED
    assert "Escalated" in desk.page("ron", f"{PATH}/{made.id}").plain


def test_one_approval_of_two_is_told():
    desk = Desk()
    made = desk.submitted()
    stored = desk.records.load(Invoice, made.id)
    once = replace(made, first_approved_by="sue", first_approved_at=SUBMITTED)
    desk.records.commit(Change(saves=(stored.replaced_by(once),)))
    assert "One approval of two" in desk.page("spc_1", PATH).plain


# ---- causes, charges, void -----------------------------------------------------------------------


def test_the_cause_of_a_line_is_noted_and_changes_who_pays(desk):
    made = desk.submitted()
    desk.send(
        "spc_1", f"{PATH}/{made.id}/line_causes", cause_0="critter_remediation", evidence="a nest"
    )
    assert desk.now_is(made).cause_of(0) is Cause.CRITTER_REMEDIATION
    page = desk.page("spc_1", f"{PATH}/{made.id}")
    assert "Critter remediation found for this line by spc_1: a nest" in page.plain
    assert "The customer pays" in page.plain


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({"evidence": "x"}, "Choose a cause for one line", id="no line"),
        pytest.param({"cause_0": "rain", "evidence": "x"}, "one of the causes", id="no cause"),
        pytest.param({"cause_0": "roof_repair"}, "Say what it rests on", id="no evidence"),
        pytest.param({"cause_7": "roof_repair", "evidence": "x"}, "has no line 7", id="no such"),
    ],
)
def test_a_wrong_cause_keeps_the_form(desk, fields, says):
    made = desk.submitted()
    page = desk.send("spc_1", f"{PATH}/{made.id}/line_causes", **fields)
    assert page.status == 422
    assert says in page.plain
    assert desk.now_is(made).line_findings == ()


def test_a_charge_is_proposed_on_what_was_approved(desk):
    made = desk.submitted()
    invoicing.record_line_causes(
        desk.records,
        invoice_id=made.id,
        causes={0: Cause.ROOF_REPAIR},
        evidence="photo",
        by="spc_1",
        at=SUBMITTED,
    )
    assert "Propose to charge" not in desk.page("spc_1", f"{PATH}/{made.id}").plain
    desk.send("spc_1", f"{PATH}/{made.id}/approve")
    assert "1 line of $400.00 is the customer's" in desk.page("spc_1", f"{PATH}/{made.id}").plain
    desk.send("spc_1", f"{PATH}/{made.id}/customer_charge", charge_evidence="photo 3")
    (charge,) = desk.records.find(CustomerCharge, by="state", value="proposed")
    assert charge.record.total == Money(40_000)
    assert f"/console/charges/{charge.record.id}" in desk.page("ada", f"{PATH}/{made.id}").text


def test_accounting_asks_that_it_is_not_paid(desk):
    made = desk.submitted()
    desk.send("spc_1", f"{PATH}/{made.id}/approve")
    assert desk.send("spc_1", f"{PATH}/{made.id}/void", void_reason="twice").status == 403
    page = desk.after("ada", desk.send("ada", f"{PATH}/{made.id}/void", void_reason="twice"))
    assert "void unless a run has taken it already" in page.plain
    assert desk.now_is(made).void_reason == "twice"
    assert f"{made.id}/void" not in page.text


def test_what_was_paid_names_its_run(desk):
    made = desk.submitted()
    desk.send("spc_1", f"{PATH}/{made.id}/approve")
    pay(desk.records, made)
    page = desk.page("ada", f"{PATH}/{made.id}")
    assert "run-1" in page.plain
    assert "/console/runs/run-1" in page.text


def test_another_name_than_ours_is_pointed_out(desk):
    order = done(desk.records)
    made = submit(desk.records, draft(order, 100, customer_name="Somebody Else"))
    page = desk.page("spc_1", f"{PATH}/{made.id}")
    assert "The customer's name is another than the one on record." in page.plain


def test_an_invoice_that_is_not_there_is_not_found(desk):
    assert desk.page("spc_1", f"{PATH}/INV-NONE").status == 404


def test_lines_are_held_against_the_limit_in_order_of_time(desk):
    order = done(desk.records, approved=60_000)
    late = DraftLine("labor", "second", 30_000, WORKED.replace(hour=11))
    early = DraftLine("labor", "first", 30_000, WORKED)
    made = submit(
        desk.records, draft(order, 0, lines=(late, early), total_cents=60_000, photo_count=1)
    )
    page = desk.page("spc_1", f"{PATH}/{made.id}")
    second = page.plain.split("second Labor", 1)[1].split("first Labor", 1)[0]
    assert "$600.00" in second
    assert "In time, and enough" in second


# ---- leave to spend ------------------------------------------------------------------------------


@pytest.fixture
def orders() -> OrdersWorld:
    world = OrdersWorld()
    world.owner_person("sam", "spc")
    world.owner_person("amy", "ams")
    world.owner_person("otto", "auditor")
    world.owner_person("ada", "accounting_admin")
    return world


def spend_path(world: OrdersWorld) -> str:
    return f"{PATH}/spend/{world.number}"


@pytest.mark.rule("I-62")
def test_an_estimate_above_the_limit_waits_and_is_approved_in_writing(orders):
    orders.accept(Money(90_000))
    listed = orders.page("sam", PATH)
    assert spend_path(orders) in listed.text
    assert "$900.00" in listed.plain
    page = orders.page("sam", spend_path(orders))
    assert 'value="900.00"' in page.text
    after = orders.after(
        "sam", orders.send("sam", spend_path(orders) + "/approve", max_total="1,000")
    )
    assert "Up to $1,000.00 may be spent" in after.plain
    assert orders.order.not_to_exceed == Money(100_000)
    assert orders.order.state == "accepted"
    orders.send("sam", spend_path(orders) + "/approve", max_total="1,000")
    assert len(orders.order.spend_approvals) == 1


@pytest.mark.rule("I-62a")
def test_much_is_approved_by_two_people_who_name_the_same_total(orders):
    orders.owner_person("sue", "spc")
    orders.accept(Money(600_000))
    path = spend_path(orders)
    first = orders.after("sam", orders.send("sam", path + "/approve", max_total="6,000"))
    assert "Your approval is the first of two" in first.plain
    assert "waits for somebody else to approve the same total" in first.plain
    assert orders.order.state == "awaiting_spend"
    assert "sam approved up to $6,000.00" in orders.page("sue", path).plain
    second = orders.after("sue", orders.send("sue", path + "/approve", max_total="6,000"))
    assert "Up to $6,000.00 may be spent" in second.plain
    assert orders.order.state == "accepted"


@pytest.mark.rule("I-62a")
def test_the_page_of_the_work_order_says_that_it_is_the_first_of_two(orders):
    orders.accept(Money(600_000))
    path = f"/console/work_orders/{orders.number}"
    page = orders.after("sam", orders.send("sam", path + "/spend_approvals", spend_limit="6,000"))
    assert "Your approval is the first of two" in page.plain
    assert "the first of two approvals. Another person approves the same total" in page.plain


def test_what_is_asked_for_while_the_work_goes_on_is_read_with_its_reason(orders):
    orders.accept()
    request_spend(orders.records, amount=Money(123_456), why="The rail is bent.", **orders.own())
    listed = orders.page("sam", PATH)
    assert "$1,234.56" in listed.plain
    assert "The rail is bent." in listed.plain
    page = orders.page("sam", spend_path(orders))
    assert 'value="1,234.56"' in page.text
    sent = orders.send("sam", spend_path(orders) + "/reject", reject_reason="Not this year.")
    assert "It is refused" in orders.after("sam", sent).plain
    assert "No partner waits for leave" in orders.page("sam", PATH).plain


@pytest.mark.parametrize(
    ("deed", "fields", "says"),
    [
        pytest.param("approve", {"max_total": "lots"}, "This is no amount", id="no amount"),
        pytest.param("approve", {"max_total": ""}, "Write up to how much", id="nothing"),
        pytest.param("approve", {"max_total": "10,000,000.01"}, "At most", id="too much"),
        pytest.param("approve", {"max_total": "0"}, "no amount to approve", id="zero"),
        pytest.param("reject", {"reject_reason": ""}, "Say why", id="no reason"),
    ],
)
def test_a_wrong_answer_keeps_the_form(orders, deed, fields, says):
    orders.accept(Money(90_000))
    page = orders.send("sam", f"{spend_path(orders)}/{deed}", **fields)
    assert page.status == 422
    assert says in page.plain
    assert orders.order.state == "awaiting_spend"


@pytest.mark.parametrize(
    ("who", "reads", "sends"),
    [
        pytest.param("sam", 200, 303, id="coordinator"),
        pytest.param("amy", 200, 403, id="aftermarket looks"),
        pytest.param("otto", 200, 403, id="auditor looks"),
        pytest.param("ada", 403, 403, id="accounting does not"),
    ],
)
def test_who_may_let_money_be_spent(orders, who, reads, sends):
    orders.accept(Money(90_000))
    page = orders.page(who, spend_path(orders))
    assert page.status == reads
    assert ("/approve" in page.text) is (sends == 303)
    assert orders.send(who, spend_path(orders) + "/approve", max_total="900").status == sends


def test_a_work_order_that_waits_for_nothing_says_so(orders):
    page = orders.page("sam", spend_path(orders))
    assert "waits for no leave to spend" in page.plain
    assert "/approve" not in page.text
    assert orders.page("sam", f"{PATH}/spend/WO-NONE").status == 404
