"""An invoice at every instant: what it said, where it stood and who had decided, for good."""

from dataclasses import replace
from datetime import timedelta

import pytest
from reporting_world import asked

from cloud.invoicing import process
from cloud.invoicing.completeness import DraftLine
from cloud.invoicing.models import Invoice, InvoiceState, Outcome, Subject
from cloud.invoicing.policy import SECOND_APPROVAL_CENTS
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money
from cloud.reporting.audit import invoice_then
from cloud.reporting.facts import of_instant
from cloud.reporting.history import invoice_at
from cloud.service.models import Cause, Coordinator
from tests.cloud.invoicing.invoicing_world import (
    SUBMITTED,
    WORKED,
    done,
    draft,
    kept_records,
    pay,
    submit,
)

HOUR = timedelta(hours=1)
TWO = replace(SECOND_APPROVAL_CENTS, values=dict.fromkeys(SECOND_APPROVAL_CENTS.values, 1))
LINES = (
    DraftLine("labor", "took it off", 30_000, WORKED),
    DraftLine("materials", "a connector", 10_000, WORKED),
)


class Told:
    """What becomes of one invoice, a deed an hour; after each it is looked at."""

    def __init__(self):
        self.records = kept_records()
        other = Coordinator("spc_2", "Kim", "kim@owner.example")
        standing_in = Coordinator("spc_1", "Sam", "spc@owner.example", delegate_id="spc_2")
        stored = self.records.load(Coordinator, "spc_1")
        saves = (stored.replaced_by(standing_in), Save(other))
        self.records.commit(Change(saves=saves))
        self.order = done(self.records)
        self.at = SUBMITTED
        self.id = ""
        self.paid_at = None
        self.stood = []

    def now(self):
        return self.records.load(Invoice, self.id).record

    def do(self, name):
        answer = getattr(self, name)()
        assert not hasattr(answer, "because"), answer
        self.stood.append((self.at, self.now()))
        self.at += HOUR

    def told(self, deed, *, by="spc_1", **facts):
        return deed(self.records, invoice_id=self.id, by=by, at=self.at, **facts)

    def submit(self, cents=40_000, lines=LINES):
        told = draft(self.order, cents, lines=lines)
        made = submit(self.records, told, when=self.at)
        self.id = made.id
        return made

    def resubmit(self):
        lines = (DraftLine("labor", "took it off once more", 20_000, WORKED),)
        return self.submit(20_000, lines)

    def resubmit_alike(self):
        return submit(self.records, draft(self.order, 40_000, lines=LINES), when=self.at)

    def lower(self):
        lines = [one.amount for one in self.now().content.lines]
        amounts = [Money(one.cents - 1_000) for one in lines]
        was = self.now().content.total
        theirs = {"by": "other:jo", "partner_id": "other"}
        return self.told(process.lower_invoice, **theirs, was=was, amounts=amounts)

    def find(self):
        causes = {0: Cause.PRODUCT_FAILURE}
        return self.told(process.record_line_causes, causes=causes, evidence="a.jpg")

    def returned(self):
        return self.told(process.return_to_partner, reason="which day?")

    def approve(self):
        return self.told(process.approve)

    def first(self):
        return self.told(process.approve, second_approval=TWO)

    def second(self):
        return self.told(process.approve, by="spc_2", second_approval=TWO)

    def reject(self):
        return self.told(process.reject, reason="it was: never done")

    def withdraw(self):
        return self.told(process.withdraw_invoice, by="other:jo", partner_id="other")

    def wish_void(self):
        return self.told(process.request_void, by="acc", reason="twice the same")

    def too_late(self):
        deed = {"invoice_id": self.id, "at": self.at}
        return process.record_void(self.records, is_withdrawn=False, **deed)

    def void(self):
        deed = {"invoice_id": self.id, "at": self.at}
        return process.record_void(self.records, is_withdrawn=True, **deed)

    def pay(self):
        self.paid_at = self.at
        return pay(self.records, self.now(), when=self.at)

    def send_back(self):
        return process.record_returned_payment(
            self.records,
            invoice_id=self.id,
            run_id="run-1",
            amount=self.now().content.total,
            trace_number="091000010000001",
            paid_at=self.paid_at,
            returned_at=self.at,
            code="R03",
            at=self.at,
        )

    def escalate(self):
        return self.told(process.escalate_by_coordinator)

    def reroute(self):
        away = {"coordinator_id": "spc_1", "is_active": False, "delegate_id": "spc_2"}
        return process.delegate(self.records, **away, at=self.at, by="admin")

    def reopen(self):
        about = {"kind": Subject.INVOICE, "work_order_id": "WO-1", "partner_id": "other"}
        said = {"what": self.id, "says": "it was done", "by": "other:jo", "at": self.at}
        one = process.open_dispute(self.records, **about, **said)
        self.at += HOUR
        return process.resolve_dispute(
            self.records,
            dispute_id=one.id,
            outcome=Outcome.OVERTURNED,
            reason="it was",
            roles={"spc"},
            at=self.at,
            by="spc_1",
        )


STORIES = [
    pytest.param("submit approve", id="approved"),
    pytest.param("submit lower approve", id="lowered, then approved"),
    pytest.param("submit find lower lower reject", id="lowered twice, its lines found"),
    pytest.param("submit withdraw", id="withdrawn"),
    pytest.param("submit returned withdraw", id="withdrawn while it was back"),
    pytest.param("submit lower withdraw", id="lowered, then withdrawn"),
    pytest.param("submit approve wish_void void", id="voided"),
    pytest.param("submit approve wish_void too_late pay", id="too late to be voided"),
    pytest.param("submit reject", id="rejected"),
    pytest.param("submit reject reopen approve", id="rejected, and decided on again"),
    pytest.param("submit reject reopen reject", id="rejected twice"),
    pytest.param("submit find returned resubmit approve", id="resubmitted over less"),
    pytest.param("submit returned resubmit_alike lower", id="resubmitted alike, then lowered"),
    pytest.param("submit returned resubmit returned resubmit approve", id="resubmitted twice"),
    pytest.param("submit first second", id="two approvals"),
    pytest.param("submit first lower first second", id="lowered between two approvals"),
    pytest.param("submit first returned resubmit_alike approve", id="returned after the first"),
    pytest.param("submit approve pay send_back", id="paid, and sent back"),
    pytest.param("submit escalate reroute approve", id="escalated and routed anew"),
    pytest.param("submit escalate reject reopen escalate", id="escalated twice"),
]
NOT_TOLD = {"disputes": (), "superseded": 0}
"""What is no content and no state: which disputes there are, and how often it changed."""


def alike(invoice):
    return replace(invoice, **NOT_TOLD)


@pytest.mark.parametrize("story", STORIES)
def test_an_invoice_is_told_as_it_stood_before_and_after_each_deed(story):
    told = Told()
    for deed in story.split():
        told.do(deed)
    records = told.records
    assert invoice_then(records, told.id, at=SUBMITTED - HOUR) is None
    for (since, stood), (until, _) in zip(
        told.stood, [*told.stood[1:], (told.at, None)], strict=True
    ):
        for instant in (since, until - timedelta(microseconds=1)):
            if until - since > HOUR and instant > since:
                continue  # A dispute was opened in between: nothing of the invoice changed by it.
            then = invoice_then(records, told.id, at=instant)
            assert alike(then) == alike(stood), (since, instant)


@pytest.mark.parametrize("story", STORIES)
def test_what_waited_at_an_instant_is_found_with_the_sum_that_it_had(story):
    told = Told()
    for deed in story.split():
        told.do(deed)
    waits = {InvoiceState.SUBMITTED, InvoiceState.RETURNED}
    for instant, stood in told.stood:
        facts = of_instant(told.records, asked(instant))
        found = {one.id: one for one in facts.invoices}
        if stood.state in waits:
            assert alike(found[told.id]) == alike(stood)
        else:
            assert told.id not in found or found[told.id].state is stood.state


def test_a_time_at_which_contents_were_not_kept_has_its_amounts_by_the_log():
    told = Told()
    for deed in ("submit", "lower", "returned", "resubmit"):
        told.do(deed)
    log = told.records.history(told.id)
    old = replace(told.now(), superseded=0)
    for instant, stood in told.stood:
        assert invoice_at(old, log, instant).content.total == stood.content.total
