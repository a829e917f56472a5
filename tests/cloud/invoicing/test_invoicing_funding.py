"""Invoicing and funding together: what one tells reaches the other, each thing once."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from invoicing_world import (
    Dying,
    Killed,
    Raced,
    approve,
    done,
    draft,
    kept_records,
    submit,
)

from cloud.adapters.memory import MemoryDocuments
from cloud.funding import ledger
from cloud.funding import process as funding
from cloud.funding.ach import Originator
from cloud.funding.models import (
    Deduction,
    LedgerEntry,
    LedgerHead,
    Payable,
    PayableState,
    PaymentTrace,
    RunPlan,
)
from cloud.invoicing import process
from cloud.invoicing.models import BackBill, BackBillState, Invoice, InvoiceState
from cloud.kernel.change import Change, Timer
from cloud.kernel.errors import BadInput, Conflict, NotFound
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.portfolio.models import Partner
from cloud.service.models import Cause, WorkOrder

BANK = Originator(
    bank_routing_number="021000021",
    bank_name="First Bank of Testing",
    origin="1234567890",
    name="The Owner, Inc.",
    company_identification="1234567890",
    questions_to="funding@owner.example",
)
JUNE_17, JUNE_22, JUNE_29, JULY_1, JULY_6 = (
    datetime(2026, month, day, 6, 31, tzinfo=UTC)
    for month, day in ((6, 17), (6, 22), (6, 29), (7, 1), (7, 6))
)
"""Cut-offs: 02:31 Eastern on Mondays and Wednesdays."""


class Text:
    def render(self, advice):
        return repr(advice).encode()


class Town:
    """Both stages over one store, and a postman who may bring everything twice and backwards."""

    def __init__(self):
        self.records, self.documents = kept_records(), MemoryDocuments()
        for name in ("orig", "other"):
            stored = self.records.load(Partner, name)
            whole = replace(stored.record, w9_on_file=True, bank_authorization_on_file=True)
            self.records.commit(Change(saves=(stored.replaced_by(whole),)))
        self.read = set()

    def deliver(self, at, *, times=1):
        """Bring every message that was written since the last time."""
        while new := [one for one in self.records.messages.values() if one.id not in self.read]:
            for message in new * times:
                self._take({"id": message.id, "topic": message.topic, **message.body}, at)
            self.read |= {message.id for message in new}

    def _take(self, body, at):
        topic = body["topic"]
        if topic == "payable":
            funding.accrue_service(self.records, body=body, at=at)
        elif topic == "offset":
            funding.accrue_offset(self.records, body=body, at=at)
        elif topic == "withdrawal":
            funding.withdraw_service(self.records, body=body, at=at)
        elif topic == "offset_taken":
            process.record_offset_taken(
                self.records,
                work_order_id=body["work_order_id"],
                offset_id=body["offset_id"],
                run_id=body["run_id"],
                amount=Money(body["taken_cents"]),
                at=at,
            )
        elif topic == "withdrawn":
            process.record_void(
                self.records,
                invoice_id=body["invoice_id"],
                is_withdrawn=body["is_withdrawn"],
                at=at,
            )
        elif topic in {"paid", "payment_returned"}:
            facts = {
                "invoice_id": body["invoice_id"],
                "run_id": body["run_id"],
                "amount": Money(body["paid_cents"]),
                "trace_number": body["trace"],
                "paid_at": datetime.fromisoformat(body["paid_at"]),
            }
            if topic == "paid":
                process.record_payment(self.records, at=at, **facts)
            else:
                returned_at = datetime.fromisoformat(body["returned_at"])
                process.record_returned_payment(
                    self.records, returned_at=returned_at, code=body["code"], at=at, **facts
                )

    def prepare(self, cutoff):
        at = cutoff + timedelta(hours=6)
        partners = [self.records.load(Partner, name).record for name in ("orig", "other")]
        run = funding.prepare(self.records, cutoff=cutoff, partners=partners, at=at, by="ana")
        answer = funding.approve(
            self.records,
            run_id=run.id,
            plans_hash=run.plans_hash,
            partners=partners,
            by="bob",
            roles={"accounting_admin"},
            at=at,
        )
        return answer, at

    def run(self, cutoff, records=None):
        run, at = self.prepare(cutoff)
        self.finish(run, at, records)
        return run.id

    def sent(self, run_id):
        funding.mark_sent(self.records, run_id=run_id, by="tess", at=JUNE_17)

    def finish(self, run, at, records=None):
        return funding.run_all_after_approval(
            records or self.records,
            self.documents,
            run_id=run.id,
            originator=BANK,
            renderer=Text(),
            at=at,
        )

    def all(self, kind):
        return [one.record for (of, _), one in self.records._records.items() if of is kind]

    def told(self, topic):
        return [one.body for one in self.records.messages.values() if one.topic == topic]

    def wake(self, at):
        bill = derived("BB", "WO-1")
        process.wake(
            self.records, timer=Timer(f"{bill}:back_bill_due", bill, "back_bill_due", at), at=at
        )

    def bill(self):
        return self.records.load(BackBill, derived("BB", "WO-1")).record

    def invoice(self):
        (found,) = self.all(Invoice)
        return found

    def balance(self):
        entries, heads = self.all(LedgerEntry), self.all(LedgerHead)
        ledger.verify(entries, heads)
        return {name: one.cents for name, one in ledger.trial_balance(entries).items()}


@pytest.fixture
def town():
    return Town()


def invoiced(town, cents=33_333, number="INV-1", when=JUNE_17 - timedelta(days=1)):
    stored = town.records.load(WorkOrder, "WO-1")
    order = stored.record if stored else done(town.records, cause=Cause.WORKMANSHIP)
    invoice = submit(town.records, draft(order, cents, number), when=when)
    approve(town.records, invoice, when=when)
    return invoice


def earned(town, cents, name="INV-ORIG", at=JULY_1):
    """Have the original installer earn something of its own, from which can be taken."""
    body = {
        "invoice_id": name,
        "partner_id": "orig",
        "work_order_id": "WO-9",
        "site_id": "site-1",
        "amount_cents": cents,
        "approved_at": (at - timedelta(days=1)).isoformat(),
        "says": "other work",
    }
    funding.accrue_service(town.records, body=body, at=at - timedelta(days=1))


def bring_own(town, at):
    """Bring what is about the work order; the other work is nobody's invoice here."""
    town.read |= {
        one.id for one in town.records.messages.values() if one.body.get("invoice_id") == "INV-ORIG"
    }
    town.deliver(at, times=2)


@pytest.mark.rule("B-54")
@pytest.mark.rule("B-54a")
def test_a_cent_goes_out_to_the_other_partner_and_comes_back_from_the_installer(town):
    invoiced(town)
    town.deliver(JUNE_17, times=2)
    run_id = town.run(JUNE_17)
    (told,) = town.told("paid")
    (line,) = town.all(PaymentTrace)
    assert (told["run_id"], told["paid_cents"], told["trace"]) == (run_id, 33_333, line.id)
    town.deliver(JUNE_17 + timedelta(hours=7), times=2)
    assert town.invoice().state is InvoiceState.PAID
    assert town.bill().state is BackBillState.NOTIFIED
    due = town.bill().notices[-1].due_at
    assert due.date() == date(2026, 7, 2)
    town.wake(due + timedelta(seconds=1))
    town.deliver(due + timedelta(hours=1), times=2)
    (debt,) = town.all(Deduction)
    assert (debt.partner_id, debt.raised) == ("orig", Money(40_000))
    earned(town, 30_000, at=JULY_6)
    first = town.run(JULY_6)
    bring_own(town, JULY_6 + timedelta(hours=7))
    assert [(one.run_id, one.amount) for one in town.bill().taken] == [(first, Money(30_000))]
    assert town.bill().state is BackBillState.POSTED
    earned(town, 30_000, "INV-ORIG-2", at=JULY_6 + timedelta(days=2))
    town.run(JULY_6 + timedelta(days=2))
    town.read |= {
        one.id
        for one in town.records.messages.values()
        if one.body.get("invoice_id") == "INV-ORIG-2"
    }
    bring_own(town, JULY_6 + timedelta(days=2, hours=7))
    assert town.bill().state is BackBillState.SETTLED
    assert "receivable:back_bill" not in town.balance()


@pytest.mark.rule("I-68")
def test_an_invoice_whose_money_is_taken_whole_is_paid_without_a_trace(town):
    invoiced(town, 20_000)
    body = {
        "offset_id": "OFF-HAND",
        "partner_id": "other",
        "amount_cents": 20_000,
        "kind": "back_bill",
        "incurred_on": "2026-06-01",
        "says": "by hand",
        "causes": ["WO-8"],
    }
    funding.accrue_offset(town.records, body=body, at=JUNE_17 - timedelta(days=1))
    town.deliver(JUNE_17)
    town.run(JUNE_17)
    (told,) = town.told("paid")
    assert told["trace"] == ""
    town.deliver(JUNE_17)
    assert town.invoice().state is InvoiceState.PAID


@pytest.mark.rule("I-68")
@pytest.mark.parametrize("writes", range(1, 9))
def test_a_run_that_is_killed_tells_everything_once_it_goes_on(town, writes):
    invoiced(town)
    town.deliver(JUNE_17)
    run, at = town.prepare(JUNE_17)
    with suppress(Killed):
        town.finish(run, at, Dying(town.records, writes=writes))
    town.finish(run, at + timedelta(minutes=1))
    assert [one["trace"] for one in town.told("paid")] == [one.id for one in town.all(PaymentTrace)]
    town.deliver(at, times=3)
    assert town.invoice().paid == Money(33_333)


@pytest.mark.rule("B-54")
def test_a_payment_that_comes_back_and_goes_out_again(town):
    invoiced(town)
    town.deliver(JUNE_17)
    town.sent(town.run(JUNE_17))
    town.deliver(JUNE_17)
    (line,) = town.all(PaymentTrace)
    for _ in range(2):
        funding.return_payment(town.records, trace_number=line.id, code="R03", at=JUNE_22)
    assert [one["code"] for one in town.told("payment_returned")] == ["R03"]
    town.deliver(JUNE_22, times=2)
    assert (town.invoice().state, town.bill().state) == ("approved", "confirmed")
    (again,) = [one for one in town.all(Payable) if one.milestone == "returned"]
    funding.release_payable(town.records, payable_id=again.id, by="fin", at=JUNE_22)
    stored = town.records.load(Partner, "other")
    fixed = replace(stored.record, bank_account_blocked=False)
    town.records.commit(Change(saves=(stored.replaced_by(fixed),)))
    second = town.run(JUNE_29)
    town.deliver(JUNE_29, times=2)
    assert [one.run_id for one in town.invoice().payments][-1] == second
    assert (town.invoice().state, town.bill().state) == ("paid", "notified")


@pytest.mark.rule("D04")
def test_a_return_that_is_killed_before_the_books_comes_again(town):
    invoiced(town)
    town.deliver(JUNE_17)
    town.sent(town.run(JUNE_17))
    (line,) = town.all(PaymentTrace)
    facts = {"trace_number": line.id, "code": "R03", "at": JUNE_22}
    with pytest.raises(Killed):
        funding.return_payment(Dying(town.records, writes=1), **facts)
    funding.return_payment(town.records, **facts)
    town.deliver(JUNE_22)
    assert len(town.told("payment_returned")) == 1
    assert town.invoice().state is InvoiceState.APPROVED


@pytest.mark.rule("D04")
def test_a_duplicate_that_the_bank_sends_back_is_not_taken_for_unpaid(town):
    invoiced(town)
    town.deliver(JUNE_17)
    town.sent(town.run(JUNE_17))
    (line,) = town.all(PaymentTrace)
    funding.return_payment(town.records, trace_number=line.id, code="R24", at=JUNE_22)
    assert town.told("payment_returned") == []


# ---------------------------------------------------------------------- what is given back
@pytest.mark.rule("D02")
def test_a_credit_is_paid_and_meets_what_is_still_open(town):
    body = {
        "offset_id": "OFF-1",
        "partner_id": "orig",
        "amount_cents": 40_000,
        "kind": "back_bill",
        "incurred_on": "2026-06-01",
        "says": "workmanship",
        "causes": ["WO-1"],
    }
    funding.accrue_offset(town.records, body=body, at=JUNE_17 - timedelta(days=1))
    back = {**body, "offset_id": "OFF-2", "amount_cents": -40_000}
    for _ in range(2):
        credit = funding.accrue_offset(town.records, body=back, at=JUNE_17 - timedelta(hours=1))
    assert (credit.milestone, credit.amount) == ("credit", Money(40_000))
    assert town.balance() == {"partner_payable": -40_000, "receivable:back_bill": 40_000}
    town.run(JUNE_17)
    assert town.balance() == {}
    assert [plan.net for plan in town.all(RunPlan)] == [Money(0)]
    assert town.told("paid") == []


# ---------------------------------------------------------------------- void
@pytest.mark.rule("I-64")
def test_a_void_that_is_in_time_takes_the_payable_back(town):
    invoice = invoiced(town)
    void = {"invoice_id": invoice.id, "reason": "twice", "by": "fin"}
    process.request_void(town.records, at=JUNE_17, **void)
    town.deliver(JUNE_17, times=2)
    assert town.invoice().state is InvoiceState.VOID
    (payable,) = town.all(Payable)
    assert payable.state is PayableState.WITHDRAWN
    assert town.balance() == {}
    town.run(JUNE_17)
    assert town.told("paid") == []


@pytest.mark.rule("I-64")
def test_a_void_after_the_run_took_it_is_too_late(town):
    invoice = invoiced(town)
    town.deliver(JUNE_17)
    town.run(JUNE_17)
    void = {"invoice_id": invoice.id, "reason": "twice", "by": "fin"}
    process.request_void(town.records, at=JUNE_17, **void)
    town.deliver(JUNE_17, times=2)
    assert (town.invoice().state, town.invoice().void_reason) == (InvoiceState.PAID, "")


@pytest.mark.rule("I-64")
def test_a_run_and_a_void_at_once_have_one_winner(town):
    invoice = invoiced(town)
    town.deliver(JUNE_17)
    run, at = town.prepare(JUNE_17)
    body = {"id": "VOID-1", "invoice_id": invoice.id, "by": "fin", "says": "twice"}
    raced = Raced(town.records, lambda: town.finish(run, at))
    with pytest.raises(Conflict):
        funding.withdraw_service(raced, body=body, at=at)
    funding.withdraw_service(town.records, body=body, at=at)
    assert [one["is_withdrawn"] for one in town.told("withdrawn")] == [False]
    assert len(town.told("paid")) == 1


@pytest.mark.rule("I-64")
def test_a_run_that_was_approved_before_a_void_leaves_the_partner_for_the_next(town):
    invoice = invoiced(town)
    town.deliver(JUNE_17)
    run, at = town.prepare(JUNE_17)
    body = {"id": "VOID-1", "invoice_id": invoice.id, "by": "fin", "says": "twice"}
    funding.withdraw_service(town.records, body=body, at=at)
    town.finish(run, at)
    assert town.told("paid") == []
    assert town.balance() == {}


def test_a_withdrawal_that_comes_before_the_payable_waits(town):
    body = {"id": "VOID-1", "invoice_id": "INV-NONE", "by": "fin", "says": "twice"}
    with pytest.raises(NotFound):
        funding.withdraw_service(town.records, body=body, at=JUNE_17)


def test_a_deduction_of_nothing_is_still_bad_input(town):
    body = {
        "offset_id": "OFF-0",
        "partner_id": "orig",
        "amount_cents": 0,
        "kind": "back_bill",
        "incurred_on": "2026-06-01",
        "says": "nothing",
        "causes": ["WO-1"],
    }
    with pytest.raises(BadInput, match="not above zero"):
        funding.accrue_offset(town.records, body=body, at=JUNE_17)
