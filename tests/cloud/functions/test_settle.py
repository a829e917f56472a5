"""The way back from the funding runs, through the stack's own queues."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.funding.models import Deduction, Payable
from cloud.invoicing import process
from cloud.invoicing.completeness import DraftLine, InvoiceDraft
from cloud.invoicing.models import BackBill, Invoice, InvoiceState
from cloud.kernel.change import Change, Message, Save
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.service.models import (
    Assignment,
    Cause,
    Coordinator,
    OriginalOffer,
    Report,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.offer import AssignmentState
from cloud.service.report import Condition, VisitReport


def approved(world, home, *, cause=Cause.WORKMANSHIP) -> Invoice:
    """Have the second partner's invoice approved, for work that the first one declined."""
    installer, other = home.partners
    name = f"WO-{home.site.id}"
    when = world.now - timedelta(days=2)
    offers = (
        Assignment(installer.id, AssignmentState.DECLINED, "L-1", when, when, answered_at=when),
        Assignment(other.id, AssignmentState.ACCEPTED, "L-2", when, when, answered_at=when),
    )
    order = WorkOrder(
        id=name,
        case_id=f"CASE-{home.site.id}",
        site_id=home.site.id,
        spc_id="sam",
        partner_id=other.id,
        original_installer_id=installer.id,
        state=WorkOrderState.COMPLETED,
        scope=(),
        instructions="it makes too little",
        time_zone=home.site.time_zone,
        policy_day=when.date(),
        issued_at=when,
        spend_limit=Money(50_000),
        not_to_exceed=Money(50_000),
        assignments=offers,
        original_offer=OriginalOffer.DECLINED,
        report_id=f"RPT-{home.site.id}",
        departed_at=world.now,
        reported_at=world.now,
        cause=cause,
    )
    told = VisitReport("pdf", Condition("off", ("a",)), Condition("on", ("b",)), "did it", "a nut")
    report = Report(f"RPT-{home.site.id}", name, other.id, told, world.now, world.now, "jo")
    world.save(order, report)
    if world.records.load(Coordinator, "sam") is None:
        world.save(Coordinator("sam", "Sam", "sam@owner.example"))
    draft = InvoiceDraft(
        invoice_number="INV-1",
        customer_name=home.site.customer_name,
        site_address=home.site.address,
        work_order_number=name,
        service_dates=(when.date(),),
        description="Mended it.",
        photo_count=2,
        lines=(DraftLine("labor", "tightened a nut", 10_000, when + timedelta(days=1)),),
        total_cents=10_000,
    )
    invoice = process.submit(world.records, partner_id=other.id, draft=draft, at=world.now, by="jo")
    assert isinstance(invoice, Invoice)
    process.approve(world.records, invoice_id=invoice.id, by="sam", at=world.now)
    return invoice


def paid(world, invoice, **changes):
    body = {
        "id": f"PAID-{invoice.id}",
        "topic": "paid",
        "invoice_id": invoice.id,
        "work_order_id": invoice.work_order_id,
        "paid_cents": 10_000,
        "run_id": "run-1",
        "trace": "091000010000001",
        "paid_at": world.now.isoformat(),
    }
    return {**body, **changes}


def state(world, invoice):
    return world.records.load(Invoice, invoice.id).record.state


def bill(world, invoice):
    stored = world.records.load(BackBill, derived("BB", invoice.work_order_id))
    return stored.record if stored else None


FINE = {"batchItemFailures": []}


@pytest.mark.rule("I-68")
@pytest.mark.rule("B-54a")
def test_a_payment_is_taken_once_however_often_it_comes(shared):
    invoice = approved(shared, shared.new_home())
    body = paid(shared, invoice)
    for _ in range(2):
        assert shared.deliver("SettleFunction", body, body) == FINE
    assert state(shared, invoice) is InvoiceState.PAID
    assert (bill(shared, invoice).state, bill(shared, invoice).total) == ("notified", Money(12_000))
    back = paid(
        shared,
        invoice,
        topic="payment_returned",
        returned_at=shared.now.isoformat(),
        code="R03",
    )
    assert shared.deliver("SettleFunction", back, body, back) == FINE
    assert state(shared, invoice) is InvoiceState.APPROVED


def test_what_cannot_be_taken_comes_back_alone(shared):
    invoice = approved(shared, shared.new_home())
    bodies = [
        paid(shared, invoice, invoice_id="INV-NONE"),
        paid(shared, invoice),
        paid(shared, invoice, topic="unheard_of"),
        paid(shared, invoice, run_id="run-2", paid_cents=1),
    ]
    answer = shared.deliver("SettleFunction", *bodies)
    failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
    assert failed == {"m-0", "m-2", "m-3"}
    assert state(shared, invoice) is InvoiceState.PAID


@pytest.mark.rule("B-53")
def test_a_cause_that_is_found_later_is_claimed(shared):
    invoice = approved(shared, shared.new_home(), cause=Cause.UNDETERMINED)
    shared.deliver("SettleFunction", paid(shared, invoice))
    assert bill(shared, invoice).state == "pending"
    stored = shared.records.load(WorkOrder, invoice.work_order_id)
    found = replace(stored.record, cause=Cause.WORKMANSHIP)
    shared.records.commit(Change(saves=(stored.replaced_by(found),)))
    told = {"id": "C-1", "topic": "cause_found", "work_order_id": invoice.work_order_id}
    assert shared.deliver("SettleFunction", told, told) == FINE
    assert bill(shared, invoice).state == "notified"


@pytest.mark.rule("B-54")
def test_a_dispute_s_term_passes_and_the_offset_reaches_the_books(world):
    home = world.new_home()
    invoice = approved(world, home)
    world.deliver("SettleFunction", paid(world, invoice))
    due = bill(world, invoice).notices[-1].due_at
    world.runtime.clock.move_to(due + timedelta(minutes=1))
    world.invoke("TimersFunction", {})
    world.runtime.run_due()
    world.invoke("SendOutboxFunction", {})
    world.runtime.run_due()
    (debt,) = world.records.find(Deduction, by="partner_id", value=home.partners[0].id)
    assert (debt.record.raised, debt.record.causes[0]) == (Money(12_000), invoice.work_order_id)
    taken = {
        "id": "T-1",
        "topic": "offset_taken",
        "work_order_id": invoice.work_order_id,
        "offset_id": debt.record.id,
        "run_id": "run-2",
        "taken_cents": 12_000,
    }
    assert world.deliver("SettleFunction", taken, taken) == FINE
    assert bill(world, invoice).state == "settled"


@pytest.mark.rule("I-64")
def test_a_void_goes_to_the_books_and_its_answer_comes_back(world):
    invoice = approved(world, world.new_home())
    world.runtime.run_due()
    payables = world.records.find(Payable, by="partner_id", value=invoice.partner_id)
    assert [one.record.state for one in payables] == ["open"]
    process.request_void(
        world.records, invoice_id=invoice.id, reason="twice", by="fin", at=world.now
    )
    for _ in range(3):
        world.invoke("SendOutboxFunction", {})
        world.runtime.run_due()
    (payable,) = world.records.find(Payable, by="partner_id", value=invoice.partner_id)
    assert payable.record.state == "withdrawn"
    assert state(world, invoice) is InvoiceState.VOID


def test_messages_of_every_topic_land_in_the_settlements_queue(world):
    topics = ("paid", "payment_returned", "offset_taken", "withdrawn", "cause_found")
    sent = tuple(Message(f"M-{topic}", topic, {}, world.now) for topic in topics)
    world.records.commit(Change(saves=(Save(Coordinator("x", "X", "x@owner.example")),)))
    world.records.commit(Change(messages=sent))
    world.invoke("SendOutboxFunction", {})
    found = world.runtime.queues.receive("SettlementsQueue", limit=10)
    assert len(found) == len(topics)
