from dataclasses import replace
from datetime import date, timedelta

import pytest
from invoicing_world import (
    MONDAY,
    SITE,
    SUBMITTED,
    WORKED,
    Dying,
    Killed,
    Raced,
    approve,
    at,
    changed,
    done,
    draft,
    everything,
    find_cause,
    kept_records,
    pay,
    send_back,
    spend,
    submit,
    whats,
)

from cloud.invoicing import process
from cloud.invoicing.completeness import DraftLine
from cloud.invoicing.models import (
    DraftState,
    Invoice,
    InvoiceState,
    Rejected,
    SavedDraft,
    WorkOrderSpend,
)
from cloud.kernel.change import Change, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, BrokenInvariant, Conflict, NotFound
from cloud.kernel.money import Money
from cloud.kernel.policy import DESIGN, Rule, Source
from cloud.portfolio.models import Site
from cloud.portfolio.organisation import RelationshipManager
from cloud.service.models import Cause, Coordinator, Report, WorkOrder


@pytest.fixture
def records():
    return kept_records()


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
    changed(records, order, spend_approvals=(spend(90_000, when=WORKED),))
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


@pytest.mark.rule("B-51")
def test_a_finding_that_comes_meanwhile_stops_an_approval(records):
    order = done(records)
    invoice = submit(records, draft(order, 20_000))
    before = dict(records.messages)
    raced = Raced(records, lambda: find_cause(records, order, Cause.PRODUCT_FAILURE))
    with pytest.raises(Conflict):
        approve(raced, invoice)
    assert {m.topic for m in records.messages.values() if m.id not in before} <= {"cause_found"}
    assert approve(records, invoice).state is InvoiceState.APPROVED


# ---------------------------------------------------------------------- who decides, and twice
@pytest.mark.rule("I-66")
def test_only_who_it_went_to_decides(records):
    order = done(records)
    invoice = submit(records, draft(order, 20_000))
    facts = {"invoice_id": invoice.id, "reason": "no", "by": "spc_9", "at": SUBMITTED}
    before = everything(records)
    assert approve(records, invoice, by="spc_9").code == "not_routed_to_you"
    assert process.reject(records, **facts).code == "not_routed_to_you"
    assert process.return_to_partner(records, **facts).code == "not_routed_to_you"
    assert everything(records) == before


@pytest.mark.rule("I-66")
@pytest.mark.parametrize("decide", [process.reject, process.return_to_partner])
def test_a_partner_is_told_why(records, decide):
    invoice = submit(records, draft(done(records), 20_000))
    facts = {"invoice_id": invoice.id, "by": "spc_1", "at": SUBMITTED}
    assert decide(records, reason=" ", **facts).code == "reason_missing"


def second_above(cents):
    source = Source(DESIGN, "0014 Readings of the articles, Service")
    return Rule("I-66b", "cents", source, "two above it", {date(2025, 1, 1): cents})


@pytest.mark.rule("I-66b")
@pytest.mark.parametrize(
    ("above", "needs_two"),
    [
        pytest.param(None, False, id="off"),
        pytest.param(20_000, False, id="exactly the amount"),
        pytest.param(19_999, True, id="a cent over"),
    ],
)
def test_a_large_invoice_needs_two_people(records, above, needs_two):
    records.commit(Change(saves=(Save(Coordinator("spc_2", "Kim", "kim@owner.example")),)))
    process.delegate(
        records,
        coordinator_id="spc_1",
        is_active=True,
        delegate_id="spc_2",
        at=MONDAY,
        by="admin",
    )
    invoice = submit(records, draft(done(records), 20_000))
    told = {"invoice_id": invoice.id, "at": SUBMITTED, "second_approval": second_above(above)}
    first = process.approve(records, by="spc_1", **told)
    if not needs_two:
        assert first.state is InvoiceState.APPROVED
        return
    assert (first.state, first.first_approved_by) == (InvoiceState.SUBMITTED, "spc_1")
    assert not [m for m in records.messages.values() if m.topic == "payable"]
    (asked,) = [one for one in records.letters.values() if "Second approval" in one.subject]
    assert asked.to == "kim@owner.example"
    before = everything(records)
    assert process.approve(records, by="spc_1", **told) == first
    assert everything(records) == before
    assert process.approve(records, by="other:jo", **told).code == "same_person"
    second = process.approve(records, by="spc_7", **told)
    assert (second.state, second.decided_by) == (InvoiceState.APPROVED, "spc_7")
    before = everything(records)
    assert process.approve(records, by="spc_1", **told) == second
    assert everything(records) == before


@pytest.mark.rule("I-66b")
def test_a_return_forgets_the_first_of_two_approvals(records):
    invoice = submit(records, draft(done(records), 20_000))
    told = {"invoice_id": invoice.id, "at": SUBMITTED}
    process.approve(records, by="spc_1", second_approval=second_above(1), **told)
    back = process.return_to_partner(records, reason="which day?", by="spc_1", **told)
    assert (back.first_approved_by, back.first_approved_at) == ("", None)


# ---------------------------------------------------------------------- delegates
@pytest.fixture
def staffed(records):
    names = ("spc_2", "Kim", "kim@owner.example")
    records.commit(Change(saves=(Save(Coordinator(*names)),)))
    return records


def stand_in(records, *, is_active, delegate="spc_2", when=SUBMITTED):
    return process.delegate(
        records,
        coordinator_id="spc_1",
        is_active=is_active,
        delegate_id=delegate,
        at=when,
        by="admin",
    )


@pytest.mark.rule("I-66")
def test_open_invoices_follow_the_delegate_and_come_back(staffed):
    invoice = submit(staffed, draft(done(staffed), 20_000))
    stand_in(staffed, is_active=False)
    moved = staffed.load(Invoice, invoice.id).record
    assert moved.routed_to == "spc_2"
    assert moved.submitted_at == invoice.submitted_at
    (letter,) = [one for one in staffed.letters.values() if one.to == "kim@owner.example"]
    assert "came to you" in letter.text
    before = everything(staffed)
    stand_in(staffed, is_active=False)
    assert everything(staffed) == before
    assert approve(staffed, invoice, by="spc_9").code == "not_routed_to_you"
    assert approve(staffed, invoice, by="spc_2").state is InvoiceState.APPROVED
    stand_in(staffed, is_active=True)
    assert staffed.load(Invoice, invoice.id).record.routed_to == "spc_2"


@pytest.mark.rule("I-66")
def test_another_coordinators_invoices_stay(staffed):
    invoice = submit(staffed, draft(done(staffed), 20_000))
    process.delegate(
        staffed, coordinator_id="spc_2", is_active=False, delegate_id="spc_1", at=MONDAY, by="x"
    )
    assert staffed.load(Invoice, invoice.id).record == invoice


@pytest.mark.rule("I-66")
def test_a_rerouting_that_was_interrupted_is_finished_by_its_timer(staffed):
    invoice = submit(staffed, draft(done(staffed), 20_000))
    with pytest.raises(Killed):
        stand_in(Dying(staffed, writes=1), is_active=False)
    assert staffed.load(Invoice, invoice.id).record.routed_to == "spc_1"
    process.wake(staffed, timer=staffed.timers["spc_1:reroute_invoices"], at=SUBMITTED)
    assert staffed.load(Invoice, invoice.id).record.routed_to == "spc_2"


# ---------------------------------------------------------------------- reminders and escalation
def reminder(invoice):
    name = f"{invoice.id}:approval_reminder"
    return Timer(name, invoice.id, "approval_reminder", MONDAY)


@pytest.mark.rule("I-66a")
def test_who_decides_is_reminded_once_in_working_hours(records):
    invoice = submit(records, draft(done(records), 20_000))
    timer = records.timers[f"{invoice.id}:approval_reminder"]
    assert timer.due_at == at("2026-06-25T08:00")  # 19 June is a bank holiday
    process.wake(records, timer=timer, at=at("2026-06-25T07:59:59"))
    assert records.load(Invoice, invoice.id).record.reminded_at is None
    process.wake(records, timer=timer, at=at("2026-06-25T08:00"))
    (letter,) = [one for one in records.letters.values() if "Please decide" in one.subject]
    assert letter.to == "spc@owner.example"
    assert "Monday, June 29, 2026 at 5:00 PM EDT" in letter.text
    before = everything(records)
    process.wake(records, timer=timer, at=at("2026-06-25T09:00"))
    assert everything(records) == before


@pytest.mark.rule("I-66a")
@pytest.mark.parametrize(
    ("woken", "again"),
    [
        pytest.param("2026-06-24T10:00", "2026-06-25T08:00", id="a day early: on its day"),
        pytest.param("2026-06-25T17:00", "2026-06-26T08:00", id="after closing: the next day"),
        pytest.param("2026-06-27T12:00", "2026-06-29T08:00", id="on a Saturday: on Monday"),
    ],
)
def test_a_reminder_out_of_hours_waits(records, woken, again):
    invoice = submit(records, draft(done(records), 20_000))
    process.wake(records, timer=reminder(invoice), at=at(woken))
    assert records.timers[reminder(invoice).id].due_at == at(again)
    assert not [one for one in records.letters.values() if "Please decide" in one.subject]


@pytest.mark.rule("I-66a")
def test_nobody_is_reminded_of_what_is_decided_returned_or_overdue(records):
    order = done(records)
    invoice = submit(records, draft(order, 20_000))
    before = everything(records)
    for late in ("2026-06-29T17:00", "2026-06-29T17:00:01"):
        process.wake(records, timer=reminder(invoice), at=at(late))
        assert everything(records) == before
    facts = {"invoice_id": invoice.id, "reason": "which day?", "by": "spc_1"}
    process.return_to_partner(records, at=SUBMITTED, **facts)
    assert records.timers == {}
    before = everything(records)
    process.wake(records, timer=reminder(invoice), at=at("2026-06-26T09:00"))
    assert everything(records) == before
    # The clock goes on with the same reminder, one working day later.
    submit(records, draft(order, 21_000), when=at("2026-06-15T10:00"))
    assert records.timers[reminder(invoice).id].due_at == at("2026-06-26T08:00")


@pytest.mark.rule("I-66a")
def test_what_comes_back_late_is_reminded_of_in_the_next_working_hour(records):
    order = done(records)
    invoice = submit(records, draft(order, 20_000))
    facts = {"invoice_id": invoice.id, "reason": "which day?", "by": "spc_1"}
    process.return_to_partner(records, at=at("2026-06-26T17:00"), **facts)
    submit(records, draft(order, 21_000), when=at("2026-06-26T20:00"))
    timer = records.timers[reminder(invoice).id]
    assert timer.due_at == at("2026-06-26T20:00")
    process.wake(records, timer=timer, at=timer.due_at)
    assert records.timers[timer.id].due_at == at("2026-06-29T08:00")
    process.wake(records, timer=timer, at=at("2026-06-29T08:00"))
    assert records.load(Invoice, invoice.id).record.reminded_at == at("2026-06-29T08:00")
    process.return_to_partner(records, at=at("2026-06-29T09:00"), **facts)
    submit(records, draft(order, 22_000), when=at("2026-06-29T10:00"))
    assert timer.id not in records.timers


def escalate(records, invoice, *, when, who="other"):
    return process.escalate(
        records, invoice_id=invoice.id, partner_id=who, by=f"{who}:jo", at=at(when)
    )


@pytest.mark.rule("I-69")
def test_a_partner_escalates_what_is_late(records):
    invoice = submit(records, draft(done(records), 20_000))
    assert escalate(records, invoice, when="2026-06-29T17:00").code == "not_due_yet"
    with pytest.raises(NotFound):
        escalate(records, invoice, when="2026-06-30T09:00", who="orig")
    manager = RelationshipManager("rm_1", "Rae", "rae@owner.example", ("other",))
    records.commit(Change(saves=(Save(manager),)))
    late = escalate(records, invoice, when="2026-06-29T17:00:01")
    told = [one.to for one in records.letters.values() if "scalated" in one.subject]
    assert told == ["service@other.example", "rae@owner.example"]
    assert late.escalated_at == at("2026-06-29T17:00:01")
    before = everything(records)
    assert escalate(records, invoice, when="2026-07-01T09:00") == late
    timer = records.timers[f"{invoice.id}:approval_due"]
    process.wake(records, timer=timer, at=at("2026-06-30T09:00"))
    assert everything(records) == before
    approve(records, invoice, when=at("2026-07-01T10:00"))
    assert escalate(records, invoice, when="2026-07-02T09:00").code == "conflict"


@pytest.mark.rule("I-69")
def test_a_coordinator_escalates_at_any_time(records):
    invoice = submit(records, draft(done(records), 20_000))
    facts = {"invoice_id": invoice.id, "by": "spc_1", "at": SUBMITTED}
    assert process.escalate_by_coordinator(records, **facts).escalated_at == SUBMITTED
    before = everything(records)
    process.escalate_by_coordinator(records, **facts)
    assert everything(records) == before
    process.reject(records, reason="no", **facts)
    assert process.escalate_by_coordinator(records, **facts).code == "conflict"


# ---------------------------------------------------------------------- drafts
def keep(records, told, *, who="other", when=SUBMITTED):
    return process.save_draft(records, partner_id=who, draft=told, at=when, by=f"{who}:jo")


def send(records, saved, *, who="other", when=SUBMITTED):
    return process.submit_draft(records, draft_id=saved.id, partner_id=who, at=when, by=f"{who}:jo")


@pytest.mark.rule("I-65")
def test_a_draft_is_kept_as_it_is_and_submitted_when_it_is_complete(records):
    order = done(records)
    saved = keep(records, draft(order, 20_000, description="", photo_count=0))
    assert saved.state is DraftState.OPEN
    answer = send(records, saved)
    assert answer.errors == ("missing_description", "missing_photos")
    assert records.load(Invoice, saved.id) is None
    before = everything(records)
    keep(records, draft(order, 20_000, description="", photo_count=0), when=at("2026-06-13T10:00"))
    assert everything(records) == before
    assert keep(records, draft(order, 20_000)).id == saved.id
    invoice = send(records, saved)
    assert (invoice.id, invoice.state) == (saved.id, InvoiceState.SUBMITTED)
    assert records.load(SavedDraft, saved.id).record.state is DraftState.SUBMITTED
    before = everything(records)
    assert send(records, saved) == invoice
    assert everything(records) == before
    assert keep(records, draft(order, 1)).code == "conflict"
    assert drop(records, saved).code == "conflict"


def drop(records, saved, *, who="other"):
    return process.discard_draft(
        records, draft_id=saved.id, partner_id=who, at=SUBMITTED, by=f"{who}:jo"
    )


@pytest.mark.rule("I-67")
def test_a_draft_that_was_given_up_frees_its_number(records):
    order = done(records)
    assert keep(records, draft(order, 1, number=" ")).code == "missing_invoice_number"
    saved = keep(records, draft(order, 20_000))
    assert drop(records, saved).state is DraftState.DISCARDED
    before = everything(records)
    drop(records, saved)
    assert everything(records) == before
    assert send(records, saved).code == "conflict"
    assert keep(records, draft(order, 20_000)).state is DraftState.OPEN
    assert isinstance(send(records, saved), Invoice)


@pytest.mark.rule("T-91")
def test_a_draft_is_its_partners_only(records):
    order = done(records)
    saved = keep(records, draft(order, 20_000))
    with pytest.raises(NotFound, match="is not one of yours"):
        send(records, saved, who="orig")
    with pytest.raises(NotFound, match="is not one of yours"):
        drop(records, saved, who="orig")
    for told in (draft(order, 1), draft(order, 1, work_order_number=" ")):
        with pytest.raises(NotFound, match="is not one of yours"):
            keep(records, told, who="orig")


@pytest.mark.rule("I-66")
def test_a_returned_invoice_is_corrected_in_a_draft(records):
    order = done(records)
    invoice = submit(records, draft(order, 20_000))
    assert keep(records, draft(order, 21_000)).code == "conflict"
    process.return_to_partner(
        records, invoice_id=invoice.id, reason="hours?", by="spc_1", at=SUBMITTED
    )
    again = send(records, keep(records, draft(order, 21_000)), when=at("2026-06-15T09:00"))
    assert (again.id, again.content.total) == (invoice.id, Money(21_000))


# ---------------------------------------------------------------------- dry run, warnings, papers
@pytest.mark.rule("I-65")
@pytest.mark.parametrize(
    ("facts", "warnings"),
    [
        pytest.param({}, (), id="as on record"),
        pytest.param({"customer_name": "SAMPLE  customer."}, (), id="case and punctuation"),
        pytest.param({"customer_name": "Sample Q. Customer"}, (), id="a middle name"),
        pytest.param({"site_address": "1 Example St"}, (), id="without the town"),
        pytest.param({"site_address": "1 Example St, Raleigh NC 27601"}, (), id="with a postcode"),
        pytest.param({"customer_name": "Sam Other"}, ("customer_name_differs",), id="another name"),
        pytest.param(
            {"site_address": "2 Example St, Raleigh NC"}, ("site_address_differs",), id="next door"
        ),
    ],
)
def test_another_name_or_address_is_a_warning(records, facts, warnings):
    told = draft(done(records), 20_000, **facts)
    before = everything(records)
    verdict = process.validate(records, partner_id="other", draft=told)
    assert (verdict.errors, verdict.warnings) == ((), warnings)
    assert everything(records) == before
    assert submit(records, told).warnings == warnings


@pytest.mark.rule("I-65")
def test_a_dry_run_names_every_error_and_no_difference_of_what_is_missing(records):
    told = draft(done(records), 50_001, customer_name=" ", photo_count=0)
    verdict = process.validate(records, partner_id="other", draft=told)
    assert verdict.errors == ("missing_customer_name", "missing_photos", "prior_approval_missing")
    assert verdict.needs_prior_approval is True
    assert verdict.warnings == ()
    assert process.validate(records, partner_id="orig", draft=told).errors == (
        "work_order_not_found",
    )


@pytest.mark.rule("I-65")
def test_a_report_that_is_kept_elsewhere_is_not_attached(records):
    order = done(records)
    del records._records[Report, "RPT-1"]
    assert submit(records, draft(order, 20_000)).papers == ()


@pytest.mark.rule("I-65")
def test_we_attach_the_report_its_photos_and_the_approvals(records):
    order = done(records, estimate=60_000, approved=60_000)
    invoice = submit(records, draft(order, 60_000))
    papers = [(paper.kind, paper.says) for paper in invoice.papers]
    assert papers[0] == ("report", "mended it")
    assert [paper.reference for paper in invoice.papers if paper.kind == "photo"] == ["a", "b"]
    assert papers[-1] == ("approval", "up to $600.00 by spc_1")


# ---------------------------------------------------------------------- after the approval
@pytest.mark.rule("I-68")
def test_each_step_is_told_once(records):
    order = done(records)
    invoice = submit(records, draft(order, 20_000))
    process.return_to_partner(
        records, invoice_id=invoice.id, reason="hours?", by="spc_1", at=SUBMITTED
    )
    invoice = submit(records, draft(order, 21_000))
    approve(records, invoice)
    pay(records, invoice)
    send_back(records, invoice)
    pay(records, invoice, run="run-2")
    theirs = [
        one.subject.partition("] ")[2].removeprefix("Invoice INV-1").strip(": ")
        for one in records.letters.values()
        if one.to == "service@other.example" and "INV-1" in one.subject
    ]
    assert theirs == [
        "received",
        "needs a correction",
        "received",
        "approved",
        "paid",
        "the payment came back",
        "paid",
    ]
    assert whats(records, invoice.id) == [
        "submitted",
        "returned",
        "submitted",
        "approved",
        "paid",
        "payment_returned",
        "paid",
    ]


@pytest.mark.rule("I-68")
def test_a_payment_is_recorded_once_and_may_come_back(records):
    order = done(records)
    invoice = submit(records, draft(order, 20_000))
    with pytest.raises(BrokenInvariant, match="stands as submitted"):
        pay(records, invoice)
    approve(records, invoice)
    paid = pay(records, invoice)
    assert (paid.state, paid.paid) == (InvoiceState.PAID, Money(20_000))
    spend = records.load(WorkOrderSpend, order.id).record
    assert [one.state for one in spend.spent] == ["paid"]
    before = everything(records)
    assert pay(records, invoice, when=at("2026-07-01T09:00")) == paid
    assert everything(records) == before
    back = send_back(records, invoice)
    assert (back.state, back.paid) == (InvoiceState.APPROVED, Money(0))
    before = everything(records)
    assert send_back(records, invoice) == back
    assert pay(records, invoice) == back
    assert everything(records) == before
    assert pay(records, invoice, run="run-2").state is InvoiceState.PAID


@pytest.mark.rule("I-68")
def test_what_comes_back_may_be_heard_of_first(records):
    invoice = submit(records, draft(done(records), 20_000))
    approve(records, invoice)
    back = send_back(records, invoice)
    assert back.state is InvoiceState.APPROVED
    assert pay(records, invoice) == back
    assert pay(records, invoice, run="run-2").state is InvoiceState.PAID
    assert send_back(records, invoice).state is InvoiceState.PAID


@pytest.mark.rule("I-68")
def test_another_amount_than_approved_is_a_broken_invariant(records):
    invoice = submit(records, draft(done(records), 20_000))
    approve(records, invoice)
    facts = {"invoice_id": invoice.id, "run_id": "r", "trace_number": "", "paid_at": SUBMITTED}
    with pytest.raises(BrokenInvariant, match=r"was paid \$199\.99"):
        process.record_payment(records, amount=Money(19_999), at=SUBMITTED, **facts)


def void(records, invoice, *, reason="billed twice", when=SUBMITTED):
    return process.request_void(records, invoice_id=invoice.id, reason=reason, by="fin", at=when)


def answer_void(records, invoice, *, is_withdrawn):
    return process.record_void(
        records, invoice_id=invoice.id, is_withdrawn=is_withdrawn, at=SUBMITTED
    )


@pytest.mark.rule("I-64")
def test_a_void_invoice_leaves_room_once_funding_says_so(records):
    order = done(records)
    invoice = submit(records, draft(order, 50_000))
    assert void(records, invoice).code == "conflict"
    approve(records, invoice)
    assert void(records, invoice, reason=" ").code == "reason_missing"
    asked = void(records, invoice)
    assert asked.state is InvoiceState.APPROVED
    (message,) = [one for one in records.messages.values() if one.topic == "withdrawal"]
    assert message.body["invoice_id"] == invoice.id
    before = everything(records)
    assert void(records, invoice) == asked
    assert everything(records) == before
    other = draft(order, 1, "INV-2")
    assert submit(records, other).errors == ("prior_approval_missing",)
    assert answer_void(records, invoice, is_withdrawn=True).state is InvoiceState.VOID
    before = everything(records)
    answer_void(records, invoice, is_withdrawn=True)
    answer_void(records, invoice, is_withdrawn=False)
    assert everything(records) == before
    assert void(records, invoice).code == "conflict"
    with pytest.raises(BrokenInvariant, match="stands as void"):
        pay(records, invoice)
    assert isinstance(submit(records, other), Invoice)


@pytest.mark.rule("I-64")
def test_a_void_that_comes_too_late_changes_nothing_but_the_log(records):
    invoice = submit(records, draft(done(records), 50_000))
    approve(records, invoice)
    before = records.load(Invoice, invoice.id).record
    assert answer_void(records, invoice, is_withdrawn=True) == before
    void(records, invoice)
    assert answer_void(records, invoice, is_withdrawn=False) == before
    assert whats(records, invoice.id)[-2:] == ["void_requested", "void_too_late"]
    assert pay(records, invoice).state is InvoiceState.PAID
    assert void(records, invoice).code == "conflict"


@pytest.mark.rule("I-64")
def test_what_is_submitted_again_is_held_against_the_limit_after_what_came_meanwhile(records):
    order = done(records)
    first = submit(records, draft(order, 30_000))
    process.return_to_partner(records, invoice_id=first.id, reason="?", by="spc_1", at=SUBMITTED)
    second = submit(records, draft(order, 20_000, "INV-2"))
    submit(records, draft(order, 30_000))
    spent = records.load(WorkOrderSpend, order.id).record.spent
    assert [one.invoice_id for one in spent] == [second.id, first.id]


@pytest.mark.rule("I-64")
def test_one_of_two_races_for_the_last_of_the_limit_wins(records):
    order = done(records)
    raced = Raced(records, lambda: submit(records, draft(order, 30_000, "INV-2")))
    with pytest.raises(Conflict):
        submit(raced, draft(order, 30_000))
    assert submit(records, draft(order, 30_000)).errors == ("prior_approval_missing",)


@pytest.mark.rule("I-66")
def test_an_approval_and_a_return_at_once_have_one_winner(records):
    invoice = submit(records, draft(done(records), 20_000))
    facts = {"invoice_id": invoice.id, "by": "spc_1", "at": SUBMITTED}
    raced = Raced(records, lambda: process.return_to_partner(records, reason="?", **facts))
    with pytest.raises(Conflict):
        approve(raced, invoice)
    assert records.load(Invoice, invoice.id).record.state is InvoiceState.RETURNED
    assert [m for m in records.messages.values() if m.topic == "payable"] == []


@pytest.mark.rule("I-65")
def test_a_site_that_is_not_on_record_has_nothing_to_compare(records):
    order = done(records)
    del records._records[Site, SITE.id]
    told = draft(order, 20_000, customer_name="Anybody")
    assert process.validate(records, partner_id="other", draft=told).warnings == ()


@pytest.mark.rule("B-52")
def test_lines_have_causes_of_their_own(records):
    order = done(records, by="orig")
    lines = (
        DraftLine("labor", "tightened it", 10_000, WORKED),
        DraftLine("materials", "a module", 5_000, WORKED),
    )
    told = draft(order, 15_000, lines=lines)
    invoice = submit(records, told, who="orig")
    facts = {"invoice_id": invoice.id, "evidence": "a.jpg", "by": "spc_1", "at": SUBMITTED}
    causes = {0: Cause.WORKMANSHIP}
    bad = process.record_line_causes(records, causes={2: Cause.WORKMANSHIP}, **facts)
    assert bad.code == "unknown_line"
    bad = process.record_line_causes(records, causes={-1: Cause.WORKMANSHIP}, **facts)
    assert bad.code == "unknown_line"
    blank = process.record_line_causes(records, causes=causes, **{**facts, "evidence": " "})
    assert blank.code == "evidence_missing"
    with pytest.raises(BadInput, match="at least one line"):
        process.record_line_causes(records, causes={}, **facts)
    found = process.record_line_causes(records, causes=causes, **facts)
    assert [found.cause_of(place) for place in (0, 1)] == [Cause.WORKMANSHIP, None]
    before = everything(records)
    process.record_line_causes(records, causes=causes, **facts)
    assert everything(records) == before
    refused = approve(records, invoice)
    assert (refused.code, refused.because[-6:]) == ("covered_by_workmanship_warranty", "line 1")
    process.record_line_causes(records, causes={0: Cause.PRODUCT_FAILURE}, **facts)
    assert approve(records, invoice).state is InvoiceState.APPROVED


@pytest.mark.rule("B-52")
def test_causes_of_what_is_rejected_or_returned_are_not_recorded(records):
    invoice = submit(records, draft(done(records), 20_000))
    facts = {"invoice_id": invoice.id, "by": "spc_1", "at": SUBMITTED}
    process.return_to_partner(records, reason="?", **facts)
    causes = {0: Cause.WORKMANSHIP}
    answer = process.record_line_causes(records, causes=causes, evidence="a.jpg", **facts)
    assert answer.code == "conflict"


LINES = (
    DraftLine("labor", "tightened it", 10_000, WORKED),
    DraftLine("materials", "a module", 5_000, WORKED),
)


@pytest.mark.rule("B-52")
@pytest.mark.parametrize(
    ("lines", "places"),
    [
        pytest.param(LINES, [1], id="as it was"),
        pytest.param(LINES[::-1], [0], id="in another place"),
        pytest.param((LINES[0], *LINES), [2], id="behind one more"),
        pytest.param((LINES[1], LINES[1]), [1], id="with a twin"),
        pytest.param(LINES[:1], [], id="without it"),
    ],
)
def test_what_was_found_for_a_line_stays_when_it_comes_again(records, lines, places):
    order = done(records, by="orig")
    invoice = submit(records, draft(order, 15_000, lines=LINES), who="orig")
    facts = {"invoice_id": invoice.id, "by": "spc_1", "at": SUBMITTED}
    causes = {1: Cause.WORKMANSHIP}
    process.record_line_causes(records, causes=causes, evidence="a.jpg", **facts)
    process.return_to_partner(records, reason="line 2 is your own workmanship", **facts)
    cents = sum(one.amount_cents for one in lines)
    again = submit(records, draft(order, cents, lines=lines), who="orig")
    assert [one.line for one in again.line_findings] == places
    answer = approve(records, again)
    assert getattr(answer, "code", "") == ("covered_by_workmanship_warranty" if places else "")


def take_back(records, invoice, *, who="other"):
    return process.withdraw_invoice(
        records, invoice_id=invoice.id, partner_id=who, at=SUBMITTED, by=f"{who}:jo"
    )


@pytest.mark.rule("I-64")
@pytest.mark.parametrize("is_returned", [True, False], ids=["returned", "submitted"])
@pytest.mark.parametrize("ends", ["rejected", "void"])
def test_an_undecided_invoice_can_end_and_leaves_room(records, is_returned, ends):
    order = done(records)
    invoice = submit(records, draft(order, 50_000))
    facts = {"invoice_id": invoice.id, "by": "spc_1", "at": SUBMITTED}
    if is_returned:
        process.return_to_partner(records, reason="?", **facts)
    other = draft(order, 1, "INV-2")
    assert submit(records, other).errors == ("prior_approval_missing",)
    if ends == "rejected":
        after = process.reject(records, reason="never came again", **facts)
    else:
        with pytest.raises(NotFound, match="is not known here"):
            take_back(records, invoice, who="orig")
        after = take_back(records, invoice)
        before = everything(records)
        assert take_back(records, invoice) == after
        assert everything(records) == before
        assert any(one.subject.endswith("withdrawn") for one in records.letters.values())
    assert after.state == ends
    assert all(one.until == SUBMITTED for one in after.returned)
    assert not [one for one in records.timers.values() if one.subject == invoice.id]
    assert isinstance(submit(records, other), Invoice)


@pytest.mark.rule("I-64")
def test_what_is_decided_cannot_be_taken_back(records):
    invoice = submit(records, draft(done(records), 20_000))
    approve(records, invoice)
    before = everything(records)
    assert take_back(records, invoice).code == "conflict"
    assert everything(records) == before


class Overtaken:
    """Records in which somebody else writes right after a work order's spend is first read."""

    def __init__(self, records, somebody_else):
        self._records = records
        self._somebody_else = somebody_else

    def __getattr__(self, name):
        return getattr(self._records, name)

    def load(self, kind, record_id):
        found = self._records.load(kind, record_id)
        if kind is WorkOrderSpend:
            somebody_else, self._somebody_else = self._somebody_else, lambda: None
            somebody_else()
        return found


@pytest.mark.rule("I-64")
def test_an_invoice_is_written_on_the_spend_that_it_was_held_against(records):
    order = done(records)
    raced = Overtaken(records, lambda: submit(records, draft(order, 40_000, "INV-2")))
    with pytest.raises(Conflict):
        submit(raced, draft(order, 40_000))
    spent = records.load(WorkOrderSpend, order.id).record.spent
    assert [one.total for one in spent] == [Money(40_000)]
