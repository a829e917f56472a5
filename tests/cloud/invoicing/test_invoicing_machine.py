"""Invoices, back-bills and disputes under random commands: nothing illegal, no cent lost."""

from datetime import timedelta

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from invoicing_world import (
    SUBMITTED,
    WORKED,
    Raced,
    changed,
    done,
    draft,
    everything,
    kept_records,
    offsets,
)

from cloud.invoicing import process
from cloud.invoicing.completeness import DraftLine
from cloud.invoicing.models import (
    BackBill,
    BackBillState,
    Dispute,
    DisputeState,
    Invoice,
    InvoiceState,
    Outcome,
    Rejected,
    Subject,
    WorkOrderSpend,
)
from cloud.kernel.change import Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BrokenInvariant, Conflict, NotFound
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.service.models import Cause, WorkOrder

NUMBERS = ("INV-1", "INV-2")
CAUSES = (
    Cause.WORKMANSHIP,
    Cause.WORKMANSHIP,
    Cause.WORKMANSHIP,
    Cause.UNDETERMINED,
    Cause.PRODUCT_FAILURE,
)
"""Most of what is interesting follows from one of them."""
LEVELS = ("spc", "relationship_manager", "partner_agreement")
ROLES = dict(zip(LEVELS, ("spc", "relationship_manager", "admin"), strict=True))
BILL = derived("BB", "WO-1")

LEGAL = {
    None: {"submitted"},
    "submitted": {"returned", "approved", "rejected", "void"},
    "returned": {"submitted", "rejected", "void"},
    "approved": {"paid", "void"},
    "paid": {"approved"},
    "rejected": {"submitted"},
    "void": set(),
}
"""What may become of an invoice; a rejected one comes back by a dispute alone."""

number = st.sampled_from(NUMBERS)


class Money_(RuleBasedStateMachine):  # noqa: N801 - the public name is below
    @initialize(cause=st.sampled_from(CAUSES), steps=st.integers(0, 6), days=st.integers(0, 30))
    def begin(self, cause, steps, days):
        self.records = kept_records()
        done(self.records, cause=cause, cause_found_by="spc_1")
        self.now = SUBMITTED
        self.states = {}
        self.levels = {}
        self.runs = 0
        self.offsets = []
        for step in range(steps):
            self.go_on(NUMBERS[step // 3 % 2])
        self.time_passes(24 * days + 1)

    # ------------------------------------------------------------------ how commands are given
    def give(self, command):
        """Give a command twice: the second time changes nothing; tell what the first answered."""
        answer = self._once(command)
        before = everything(self.records)
        again = self._once(command)
        assert everything(self.records) == before
        if not isinstance(answer, (Refused, Rejected, type(None))):
            assert not isinstance(again, type(None))
        self._look()
        return answer

    def _once(self, command):
        before = everything(self.records)
        try:
            answer = command()
        except (NotFound, BrokenInvariant):
            answer = None
        if isinstance(answer, (Refused, Rejected)) or answer is None:
            own = {k: v for k, v in everything(self.records)[0].items() if k[0] is not BackBill}
            assert own == {k: v for k, v in before[0].items() if k[0] is not BackBill}
        return answer

    def _look(self):
        """Hold every move against the table, and count the events."""
        for invoice in self.all(Invoice):
            was = self.states.get(invoice.id)
            if invoice.state != was:
                assert invoice.state in LEGAL[was], (was, invoice.state)
            self.states[invoice.id] = invoice.state
        for one in self.all(Dispute):
            was = self.levels.get(one.id, ("spc", DisputeState.OPEN))
            assert LEVELS.index(one.level) - LEVELS.index(was[0]) in {0, 1}
            if was[1] is not DisputeState.OPEN:
                assert (one.level, one.state) == was
            self.levels[one.id] = (one.level, one.state)
            happened = [event.what for event in self.records.history(one.id)]
            moves = 1 + LEVELS.index(one.level) + (one.state is not DisputeState.OPEN)
            assert len(happened) == moves, happened

    def all(self, kind):
        return [one.record for (of, _), one in self.records._records.items() if of is kind]

    def invoice(self, name):
        stored = self.records.load(Invoice, derived("INV", "other", name))
        return stored.record if stored else None

    def bill(self):
        stored = self.records.load(BackBill, BILL)
        return stored.record if stored else None

    def order(self):
        return self.records.load(WorkOrder, "WO-1").record

    def facts(self, name):
        return {"invoice_id": derived("INV", "other", name), "at": self.now}

    # ------------------------------------------------------------------ commands
    @rule(name=number, cents=st.integers(1, 30_000), extra=st.integers(0, 9_999))
    def submit(self, name, cents, extra):
        lines = [DraftLine("labor", "work", cents, WORKED)]
        lines += [DraftLine("materials", "a part", extra, WORKED)] if extra else []
        told = draft(self.order(), cents + extra, name, lines=tuple(lines))
        self.give(
            lambda: process.submit(
                self.records, partner_id="other", draft=told, at=self.now, by="other:jo"
            )
        )

    @rule(name=number)
    def approve(self, name):
        self.give(lambda: process.approve(self.records, by="spc_1", **self.facts(name)))

    @rule(name=number)
    def reject(self, name):
        facts = self.facts(name)
        self.give(lambda: process.reject(self.records, by="spc_1", reason="no", **facts))

    @rule(name=number)
    def withdraw_it(self, name):
        facts = {**self.facts(name), "partner_id": "other", "by": "other:jo"}
        self.give(lambda: process.withdraw_invoice(self.records, **facts))

    @rule(name=number)
    def return_it(self, name):
        facts = self.facts(name)
        self.give(lambda: process.return_to_partner(self.records, by="spc_1", reason="?", **facts))

    @rule(name=number)
    def pay(self, name):
        invoice = self.invoice(name)
        if invoice is None or invoice.state is not InvoiceState.APPROVED:
            return
        if invoice.void_requested_at is not None:
            return  # funding tells one or the other, never both
        self.runs += 1
        run = f"run-{self.runs}"
        self.give(lambda: self._payment(process.record_payment, invoice, run))

    @rule(name=number)
    def send_back(self, name):
        invoice = self.invoice(name)
        live = [one for one in invoice.payments if not one.returned_at] if invoice else []
        if not live:
            return
        run = live[-1].run_id
        facts = {"returned_at": self.now, "code": "R03"}
        self.give(lambda: self._payment(process.record_returned_payment, invoice, run, **facts))

    def _payment(self, record, invoice, run, **facts):
        return record(
            self.records,
            invoice_id=invoice.id,
            run_id=run,
            amount=invoice.content.total,
            trace_number="1",
            paid_at=self.now,
            at=self.now,
            **facts,
        )

    @rule(name=number, in_time=st.booleans())
    def void(self, name, in_time):
        invoice = self.invoice(name)
        facts = self.facts(name)
        asked = self.give(
            lambda: process.request_void(self.records, reason="twice", by="fin", **facts)
        )
        if isinstance(asked, Invoice) and not invoice.payments:
            self.give(lambda: process.record_void(self.records, is_withdrawn=in_time, **facts))
        elif isinstance(asked, Invoice):
            self.give(lambda: process.record_void(self.records, is_withdrawn=False, **facts))

    @rule(name=number)
    def go_on(self, name):
        """Take the next step of an invoice's usual way: random commands seldom find it."""
        invoice = self.invoice(name)
        state = invoice.state if invoice else None
        if state in {None, InvoiceState.RETURNED}:
            self.submit(name, 12_345, 0)
        elif state is InvoiceState.SUBMITTED:
            self.approve(name)
        elif state is InvoiceState.APPROVED:
            self.pay(name)

    @rule(cause=st.sampled_from(CAUSES))
    def find(self, cause):
        changed(self.records, self.order(), cause=cause)
        self.give(lambda: process.assess(self.records, work_order_id="WO-1", at=self.now))

    @rule(name=number, line=st.integers(0, 2), cause=st.sampled_from(CAUSES))
    def find_line(self, name, line, cause):
        facts = {**self.facts(name), "evidence": "a.jpg", "by": "spc_1"}
        self.give(lambda: process.record_line_causes(self.records, causes={line: cause}, **facts))

    @rule(hours=st.sampled_from([1, 30, 24 * 7, 24 * 20]))
    def time_passes(self, hours):
        self.now += timedelta(hours=hours)
        for timer in sorted(self.records.timers.values(), key=lambda one: one.due_at):
            if timer.due_at <= self.now:
                process.wake(self.records, timer=timer, at=self.now)
        self._look()

    @rule(kind=st.sampled_from([Subject.BACK_BILL, Subject.FINDING]))
    def dispute(self, kind):
        self.give(lambda: self._dispute(kind, "orig", ""))

    @rule(name=number)
    def dispute_invoice(self, name):
        what = derived("INV", "other", name)
        self.give(lambda: self._dispute(Subject.INVOICE, "other", what))

    def _dispute(self, kind, who, what):
        return process.open_dispute(
            self.records,
            kind=kind,
            work_order_id="WO-1",
            partner_id=who,
            says="no",
            what=what,
            at=self.now,
            by=f"{who}:jo",
        )

    def _open(self):
        found = [one for one in self.all(Dispute) if one.state is DisputeState.OPEN]
        return sorted(found, key=lambda one: one.id)

    @precondition(lambda self: self._open())
    @rule(to_level=st.sampled_from(LEVELS))
    def escalate(self, to_level):
        one = self._open()[0]
        facts = {"dispute_id": one.id, "to_level": to_level, "at": self.now, "by": "rm"}
        self.give(lambda: process.escalate_dispute(self.records, **facts))

    @precondition(lambda self: self._open())
    @rule(
        outcome=st.sampled_from(list(Outcome)),
        cents=st.integers(0, 15_000),
        is_right=st.sampled_from([True, True, True, False]),
    )
    def resolve(self, outcome, cents, is_right):
        one = self._open()[0]
        role = ROLES[one.level] if is_right else ROLES[LEVELS[LEVELS.index(one.level) - 1]]
        answer = self.give(
            lambda: process.resolve_dispute(
                self.records,
                dispute_id=one.id,
                outcome=outcome,
                reason="seen",
                roles=(role,),
                at=self.now,
                by=role,
                partial=Money(cents) if outcome is Outcome.PARTIAL else None,
            )
        )
        if isinstance(answer, Dispute):
            assert ROLES[answer.level] == role

    @precondition(lambda self: self._open())
    @rule()
    def withdraw(self):
        one = self._open()[0]
        facts = {"dispute_id": one.id, "partner_id": one.partner_id, "by": "jo", "at": self.now}
        self.give(lambda: process.withdraw_dispute(self.records, **facts))

    @rule(name=number)
    def race(self, name):
        """Two coordinators decide at once: one wins, the other must look again."""
        invoice = self.invoice(name)
        if invoice is None or invoice.state is not InvoiceState.SUBMITTED:
            return
        facts = {**self.facts(name), "by": "spc_1"}
        first = []
        raced = Raced(
            self.records,
            lambda: first.append(process.reject(self.records, reason="no", **facts)),
        )
        try:
            process.approve(raced, **facts)
        except Conflict:
            assert self.invoice(name).state is InvoiceState.REJECTED
        else:
            assert first == []  # the approval was refused: nobody wrote
        self._look()

    # ------------------------------------------------------------------ what always holds
    @invariant()
    def the_books_agree(self):
        bill = self.bill()
        raised = offsets(self.records)
        if bill is None:
            assert raised == []
            return
        assert sum(raised) == bill.posted.cents == sum(one.amount.cents for one in bill.offsets)
        assert len(raised) == bill.revision
        assert bill.posted >= Money(0)
        assert (bill.state is BackBillState.DISPUTED) == bool(bill.held_by)
        if bill.held_by and raised != self.offsets:
            # What was due before the dispute is posted in its first instant, and nothing after.
            (dispute,) = [one for one in self.all(Dispute) if one.id in bill.held_by]
            assert all(one.at <= dispute.opened_at for one in bill.offsets)
        self.offsets = raised

    @invariant()
    def what_is_owed_follows_from_what_was_paid(self):
        bill = self.bill()
        if bill is None:
            return
        cause = self.order().cause
        cost = sum(
            line.amount.cents
            for invoice in self.all(Invoice)
            if any(one.returned_at is None for one in invoice.payments)
            for place, line in enumerate(invoice.content.lines)
            if (invoice.cause_of(place) or cause) is Cause.WORKMANSHIP
        )
        owes = 0 if bill.is_overturned else max(0, (cost * 12 + 5) // 10 - bill.waived.cents)
        assert bill.total == Money(owes)
        if bill.held_by:
            return
        assert bill.posted.cents <= owes
        if all(one.due_at < self.now for one in bill.notices):
            assert bill.posted.cents == owes
        else:
            assert max(one.total.cents for one in bill.notices) <= owes

    @invariant()
    def the_limit_holds(self):
        stored = self.records.load(WorkOrderSpend, "WO-1")
        if stored is None:
            return
        spent = stored.record.spent
        assert {one.invoice_id: (one.total, one.state) for one in spent} == {
            one.id: (one.content.total, one.state) for one in self.all(Invoice)
        }
        paid_for = [one.total for one in spent if one.state in {"approved", "paid"}]
        assert sum(one.cents for one in paid_for) <= 50_000

    @invariant()
    def a_payable_was_approved_once(self):
        payables = [one for one in self.records.messages.values() if one.topic == "payable"]
        assert len({one.body["invoice_id"] for one in payables}) == len(payables)

    @invariant()
    def letters_and_timers_are_about_what_waits(self):
        waiting = {one.id for one in self.all(Invoice) if one.state is InvoiceState.SUBMITTED}
        for timer in self.records.timers.values():
            assert isinstance(timer, Timer)
            if timer.subject != BILL:
                assert timer.subject in waiting


TestInvoicingMachine = Money_.TestCase
TestInvoicingMachine.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, print_blob=True
)
