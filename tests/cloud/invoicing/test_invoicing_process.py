from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.invoicing import process
from cloud.invoicing.backbill import PaidLine
from cloud.invoicing.completeness import DraftLine, InvoiceDraft
from cloud.invoicing.models import BackBillState, Invoice, InvoiceState, Rejected, WorkOrderSpend
from cloud.kernel.change import Change, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, Conflict, NotFound
from cloud.kernel.money import Money
from cloud.kernel.secret import Secret
from cloud.portfolio.models import Partner, Site
from cloud.service import process as service
from cloud.service.models import Cause, Coordinator, Finding, WorkOrder
from cloud.service.report import Condition, VisitReport

EASTERN = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=EASTERN)


MONDAY = at("2026-06-08T09:00")
WORKED = at("2026-06-10T10:00")
SUBMITTED = at("2026-06-12T10:00")

SITE = Site(
    id="site-1",
    gateway_id="gw-1",
    customer_name="Sample Customer",
    customer_email="customer@home.example",
    address="1 Example St, Raleigh NC",
    state="NC",
    latitude=35.78,
    longitude=-78.64,
    utc_offset_hours=-5,
    time_zone="America/New_York",
    commissioned_on=date(2024, 5, 1),
    dc_rating_w=8000,
    manufacturer="enphase",
    inverter_model="IQ8",
    installer_id="orig",
    workmanship_until=date(2034, 5, 1),
)


def partner(name):
    return Partner(
        id=name,
        name=name.title(),
        service_email=f"service@{name}.example",
        remittance_email=f"money@{name}.example",
        states=frozenset({"NC"}),
        scopes=frozenset(),
        certifications=frozenset({"enphase"}),
        latitude=35.8,
        longitude=-78.6,
        max_km=100,
        performance=80,
        routing_number="021000021",
        account_number=Secret("123456789"),
    )


@pytest.fixture
def records():
    kept = MemoryRecords()
    people = (SITE, Coordinator("spc_1", "Sam", "spc@owner.example"), partner("orig"))
    kept.commit(Change(saves=tuple(Save(record) for record in (*people, partner("other")))))
    for name in ("orig", "other"):
        service.enlist(kept, partner_id=name, at=MONDAY, by="rm")
    return kept


def done(records, *, by="other", estimate=0, approved=None, spc="spc_1") -> WorkOrder:
    """Have the work done: by the original installer, or by the other partner after its refusal."""
    finding = Finding(
        id="F-1",
        site_id="site-1",
        family="PRODUCTION",
        rule="D-13",
        opened_on=date(2026, 6, 5),
        says="it makes too little",
        dispatchable=True,
    )
    case = service.take_up(records, finding=finding, at=MONDAY, spc_id=spc)
    (stored,) = records.find(WorkOrder, by="case_id", value=case.id)
    facts = {"work_order_id": stored.record.id, "at": MONDAY, "by": "jo"}
    if by == "other":
        service.decline(records, partner_id="orig", reason="no crew", **facts)
    service.accept(records, partner_id=by, estimate=Money(estimate), **facts)
    if approved is not None:
        service.approve_spend(
            records, **{**facts, "by": "spc_1"}, is_written=True, max_total=Money(approved)
        )
    report = VisitReport(
        "pdf", Condition("off", ("a",)), Condition("on", ("b",)), "mended it", "a connector"
    )
    service.submit_report(
        records,
        partner_id=by,
        content=report,
        departed_at=WORKED + timedelta(hours=2),
        **{**facts, "at": WORKED + timedelta(hours=3)},
    )
    return records.load(WorkOrder, stored.record.id).record


def draft(order, cents, number="INV-1", **facts):
    line = DraftLine("labor", "mended it", cents, WORKED)
    usual = {
        "invoice_number": number,
        "customer_name": "Sample Customer",
        "site_address": "1 Example St, Raleigh NC",
        "work_order_number": order.id,
        "service_dates": (date(2026, 6, 10),),
        "description": "Mended it.",
        "photo_count": 2,
        "lines": (line,),
        "total_cents": cents,
    }
    return InvoiceDraft(**{**usual, **facts})


def submit(records, told, *, who="other", when=SUBMITTED, **facts):
    return process.submit(records, partner_id=who, draft=told, at=when, by=f"{who}:jo", **facts)


def approve(records, invoice, *, by="spc_1", when=SUBMITTED):
    return process.approve(records, invoice_id=invoice.id, by=by, at=when)


def everything(records):
    return (
        dict(records._records),
        dict(records._history),
        dict(records.letters),
        dict(records.messages),
        dict(records.timers),
    )


@pytest.mark.rule("I-61")
@pytest.mark.rule("I-66")
def test_an_invoice_on_the_limit_becomes_a_payable(records):
    order = done(records)
    invoice = submit(records, draft(order, 50_000))
    assert (invoice.state, invoice.routed_to) == (InvoiceState.SUBMITTED, "spc_1")
    assert records.timers[f"{invoice.id}:approval_due"].due_at == at("2026-06-29T17:00:01")
    invoice = approve(records, invoice, when=at("2026-06-15T09:00"))
    assert invoice.state is InvoiceState.APPROVED
    assert records.timers == {}
    (payable,) = records.messages.values()
    assert payable.topic == "payable"
    assert {name: payable.body[name] for name in payable.body if name != "says"} == {
        "invoice_id": invoice.id,
        "partner_id": "other",
        "work_order_id": order.id,
        "site_id": "site-1",
        "amount_cents": 50_000,
        "approved_at": "2026-06-15T13:00:00+00:00",
    }
    before = everything(records)
    assert approve(records, invoice, when=at("2026-06-16T09:00")) == invoice
    assert everything(records) == before
    assert approve(records, invoice, by="spc_2").code == "conflict"


@pytest.mark.rule("I-62")
@pytest.mark.parametrize(
    ("cents", "approved", "errors"),
    [
        pytest.param(50_001, None, ("prior_approval_missing",), id="$500.01"),
        pytest.param(60_000, 60_000, None, id="as approved"),
        pytest.param(60_001, 60_000, ("prior_approval_insufficient",), id="a cent more"),
    ],
)
def test_more_than_the_limit_needs_the_approval(records, cents, approved, errors):
    order = done(records, estimate=approved or 0, approved=approved)
    answer = submit(records, draft(order, cents))
    assert (answer.errors if isinstance(answer, Rejected) else None) == errors


@pytest.mark.rule("I-62")
def test_an_approval_after_the_work_is_late(records):
    order = done(records)
    service.approve_spend(
        records,
        work_order_id=order.id,
        max_total=Money(90_000),
        is_written=True,
        at=WORKED,
        by="spc_1",
    )
    answer = submit(records, draft(order, 50_001))
    assert answer.errors == ("prior_approval_late",)


@pytest.mark.rule("I-64")
def test_two_invoices_cannot_pass_the_limit_together(records):
    order = done(records)
    first = submit(records, draft(order, 25_000))
    answer = submit(records, draft(order, 25_001, "INV-2"))
    assert answer.errors == ("prior_approval_missing",)
    second = submit(records, draft(order, 25_000, "INV-2"))
    assert approve(records, first).state is InvoiceState.APPROVED
    assert approve(records, second).state is InvoiceState.APPROVED
    spend = records.load(WorkOrderSpend, order.id).record
    assert [spent.state for spent in spend.spent] == ["approved", "approved"]


@pytest.mark.rule("I-64")
def test_a_rejected_invoice_leaves_room(records):
    order = done(records)
    facts = {"reason": "wrong job", "by": "spc_1", "at": SUBMITTED}
    first = submit(records, draft(order, 50_000))
    assert process.reject(records, invoice_id=first.id, **facts).state is InvoiceState.REJECTED
    before = everything(records)
    process.reject(records, invoice_id=first.id, **facts)
    assert everything(records) == before
    assert approve(records, first).code == "conflict"
    assert process.return_to_partner(records, invoice_id=first.id, **facts).code == "conflict"
    second = submit(records, draft(order, 50_000, "INV-2"))
    assert isinstance(second, Invoice)
    approve(records, second)
    assert process.reject(records, invoice_id=second.id, **facts).code == "conflict"


@pytest.mark.rule("I-65")
def test_the_same_invoice_twice_changes_nothing(records):
    order = done(records)
    first = submit(records, draft(order, 20_000))
    before = everything(records)
    assert submit(records, draft(order, 20_000), when=at("2026-06-15T09:00")) == first
    answer = submit(records, draft(order, 20_001))
    assert answer.errors == ("duplicate_invoice_number",)
    assert everything(records) == before


@pytest.mark.rule("I-65")
def test_the_thread_s_work_order_counts_where_it_is_known(records):
    order = done(records)
    told = draft(order, 20_000, work_order_number="")
    assert submit(records, told).errors == ("work_order_not_found",)
    answer = submit(records, told, work_order_id=order.id)
    assert answer.errors == ("missing_work_order_number",)


@pytest.mark.rule("T-91")
@pytest.mark.parametrize("who", ["orig", "nobody"])
def test_another_partners_work_order_is_not_found(records, who):
    order = done(records)
    answer = submit(records, draft(order, 20_000), who=who)
    assert answer.errors == ("work_order_not_found",)


@pytest.mark.rule("I-66")
def test_the_clock_stands_while_the_invoice_is_with_the_partner(records):
    order = done(records)
    invoice = submit(records, draft(order, 20_000))
    facts = {"reason": "no travel lines", "by": "spc_1", "at": at("2026-06-15T08:00")}
    invoice = process.return_to_partner(records, invoice_id=invoice.id, **facts)
    assert records.timers == {}
    before = everything(records)
    assert process.return_to_partner(records, invoice_id=invoice.id, **facts) == invoice
    assert everything(records) == before
    assert approve(records, invoice).code == "conflict"
    again = submit(records, draft(order, 21_000), when=at("2026-06-16T08:00"))
    assert again.id == invoice.id
    assert again.submitted_at == SUBMITTED
    assert records.timers[f"{invoice.id}:approval_due"].due_at == at("2026-06-30T17:00:01")
    spend = records.load(WorkOrderSpend, order.id).record
    assert [spent.total for spent in spend.spent] == [Money(21_000)]


@pytest.mark.rule("I-66")
@pytest.mark.rule("I-69")
def test_silence_escalates_once_and_approves_nothing(records):
    order = done(records)
    invoice = submit(records, draft(order, 20_000))
    timer = Timer(f"{invoice.id}:approval_due", invoice.id, "approval_due", MONDAY)
    due = at("2026-06-29T17:00")
    process.wake(records, timer=timer, at=due)
    assert records.timers[timer.id].due_at == due + timedelta(seconds=1)
    late = process.wake(records, timer=timer, at=due + timedelta(minutes=5))
    assert (late.state, late.escalated_at) == (InvoiceState.SUBMITTED, due)
    before = everything(records)
    process.wake(records, timer=timer, at=due + timedelta(days=1))
    assert everything(records) == before
    assert approve(records, late, when=at("2026-07-02T09:00")).state is InvoiceState.APPROVED
    with pytest.raises(BadInput, match="not the decision on an invoice"):
        process.wake(records, timer=replace(timer, wakes="accept_due"), at=due)


@pytest.mark.rule("I-66")
def test_without_a_named_coordinator_it_waits_in_the_queue(records):
    order = done(records, spc="spc_queue")
    invoice = submit(records, draft(order, 20_000))
    assert invoice.routed_to == "spc_queue"
    timer = Timer(f"{invoice.id}:approval_due", invoice.id, "approval_due", MONDAY)
    assert process.wake(records, timer=timer, at=at("2026-06-30T09:00")).escalated_at


@pytest.mark.rule("I-66")
def test_who_submitted_it_cannot_approve_it(records):
    order = done(records)
    invoice = submit(records, draft(order, 20_000))
    assert approve(records, invoice, by="other:jo").code == "same_person"


@pytest.mark.rule("B-51")
def test_an_installer_is_not_paid_for_its_own_workmanship(records):
    order = done(records, by="orig")
    invoice = submit(records, draft(order, 20_000), who="orig")
    find_cause(records, order, Cause.WORKMANSHIP)
    refused = approve(records, invoice)
    assert isinstance(refused, Refused)
    assert refused.code == "covered_by_workmanship_warranty"
    assert records.messages == {}


@pytest.mark.rule("I-62")
def test_the_prior_approval_is_checked_again(records):
    order = done(records, estimate=60_000, approved=60_000)
    invoice = submit(records, draft(order, 60_000))
    stored = records.load(WorkOrder, order.id)
    withdrawn = replace(stored.record, spend_approvals=())
    records.commit(Change(saves=(stored.replaced_by(withdrawn),)))
    assert approve(records, invoice).code == "prior_approval_missing"


def find_cause(records, order, cause):
    service.record_finding(
        records, work_order_id=order.id, cause=cause, evidence="a.jpg", at=SUBMITTED, by="spc_1"
    )


PAID = (PaidLine("workmanship", Money(33_333), "INV-X"),)


def assess(records, order, paid=PAID):
    return process.assess(records, work_order_id=order.id, paid=paid, at=at("2026-06-20T22:00"))


def offsets(records):
    return [m.body["amount_cents"] for m in records.messages.values() if m.topic == "offset"]


@pytest.mark.rule("B-53")
@pytest.mark.rule("B-54")
def test_a_back_bill_is_exposure_first_and_is_posted_once(records):
    order = done(records)
    bill = assess(records, order)
    assert (bill.state, bill.posted) == (BackBillState.PENDING, Money(0))
    assert offsets(records) == []
    find_cause(records, order, Cause.WORKMANSHIP)
    bill = assess(records, order)
    assert (bill.state, bill.partner_id, bill.posted) == ("posted", "orig", Money(40_000))
    (offset,) = records.messages.values()
    assert offset.body == {
        "offset_id": offset.id,
        "partner_id": "orig",
        "amount_cents": 40_000,
        "kind": "back_bill",
        "incurred_on": "2026-06-20",
        "says": f"workmanship on work order {order.id}: $333.33 paid, $66.67 markup",
        "causes": [order.id, order.case_id, "INV-X"],
    }
    before = everything(records)
    assert assess(records, order) == bill
    assert everything(records) == before
    assess(records, order, (*PAID, PaidLine("workmanship", Money(1_000))))
    assert offsets(records) == [40_000, 1_200]


@pytest.mark.rule("B-53")
def test_nothing_is_claimed_where_the_installer_did_it_itself(records):
    order = done(records, by="orig")
    find_cause(records, order, Cause.WORKMANSHIP)
    assert assess(records, order) is None


def dispute(records, order, who="orig"):
    return process.dispute(
        records, work_order_id=order.id, partner_id=who, at=SUBMITTED, by=f"{who}:jo"
    )


def decide(records, order, *, is_resolved, finding=None):
    return process.decide_dispute(
        records,
        work_order_id=order.id,
        is_resolved=is_resolved,
        finding=finding,
        at=SUBMITTED,
        by="rm",
    )


@pytest.mark.rule("X-85")
@pytest.mark.rule("X-86")
def test_a_dispute_holds_the_posting_and_credits_all_when_won(records):
    order = done(records)
    find_cause(records, order, Cause.WORKMANSHIP)
    bill = assess(records, order)
    assert decide(records, order, is_resolved=True).code == "conflict"
    assert dispute(records, order).dispute_level == "spc"
    before = everything(records)
    dispute(records, order)
    assess(records, order, (*PAID, PaidLine("workmanship", Money(1_000))))
    assert everything(records) == before
    assert decide(records, order, is_resolved=False).dispute_level == "relationship_manager"
    bill = decide(records, order, is_resolved=True, finding="not_workmanship")
    assert (bill.state, bill.posted) == (BackBillState.DROPPED, Money(0))
    assert offsets(records) == [40_000, -40_000]
    assert dispute(records, order).code == "conflict"
    assert assess(records, order) == bill


@pytest.mark.rule("X-86")
@pytest.mark.parametrize(
    ("cause", "state"),
    [
        pytest.param(Cause.WORKMANSHIP, BackBillState.POSTED, id="posted before"),
        pytest.param(Cause.UNDETERMINED, BackBillState.PENDING, id="exposure before"),
    ],
)
def test_a_lost_dispute_releases_the_hold(records, cause, state):
    order = done(records)
    find_cause(records, order, cause)
    assess(records, order)
    dispute(records, order)
    assert decide(records, order, is_resolved=True, finding="workmanship").state is state


@pytest.mark.rule("X-86")
def test_a_dispute_won_before_anything_was_posted_credits_nothing(records):
    order = done(records)
    assess(records, order)
    dispute(records, order)
    bill = decide(records, order, is_resolved=True, finding="not_workmanship")
    assert bill.state is BackBillState.DROPPED
    assert records.messages == {}


@pytest.mark.rule("T-91")
def test_a_back_bill_is_its_partners_only(records):
    order = done(records)
    with pytest.raises(NotFound, match="is not known here"):
        dispute(records, order)
    assess(records, order)
    with pytest.raises(NotFound, match="is not known here"):
        dispute(records, order, who="other")


class Raced:
    """Records in which somebody else is faster, once, between reading and writing."""

    def __init__(self, records, somebody_else):
        self._records = records
        self._somebody_else = somebody_else

    def __getattr__(self, name):
        return getattr(self._records, name)

    def commit(self, change):
        somebody_else, self._somebody_else = self._somebody_else, lambda: None
        somebody_else()
        self._records.commit(change)


@pytest.mark.rule("B-51")
def test_a_finding_that_comes_meanwhile_stops_an_approval(records):
    order = done(records)
    invoice = submit(records, draft(order, 20_000))
    before = dict(records.messages)
    raced = Raced(records, lambda: find_cause(records, order, Cause.UNDETERMINED))
    with pytest.raises(Conflict):
        approve(raced, invoice)
    assert records.messages == before
    assert approve(records, invoice).state is InvoiceState.APPROVED
