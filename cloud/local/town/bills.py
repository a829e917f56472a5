"""What the town's visits cost: causes, invoices, what is claimed back, and what is disputed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.invoicing import process as invoicing
from cloud.invoicing.completeness import DraftLine, InvoiceDraft
from cloud.invoicing.models import BackBill, BackBillState, Invoice, Outcome, Subject
from cloud.invoicing.process.books import bill_id
from cloud.kernel.errors import BrokenInvariant
from cloud.local.town.jobs import Job, confirm, worker_of
from cloud.local.town.making import ADMIN, AFTERMARKET, COORDINATOR_ID, RELATIONS
from cloud.local.town.turns import Turn
from cloud.portfolio.models import Partner, PartnerKind, Site
from cloud.service import process as service
from cloud.service.models import Cause

Story = Iterator[datetime]

LEVELS = ("spc", "relationship_manager", "partner_agreement")
DECIDERS = ((COORDINATOR_ID, "spc"), (RELATIONS, "relationship_manager"), (ADMIN, "admin"))
"""Who decides at each level, and the role by which (X-87)."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What follows from one finished job."""

    job: Job

    def settled(self) -> Story:
        """Let the cause be found, the invoice be sent and decided, and all that follows."""
        job, town = self.job, self.job.town
        turn = job.errand.turn
        yield job.next_day()
        cause = job.errand.trouble.cause
        evidence = "the report, its photos, and a call with the technician"
        job.decide(service.record_finding, cause=cause, evidence=evidence)
        town.settle()
        yield job.next_day()
        if turn is Turn.NOT_MENDED:
            says = "it shows the same red light again this morning"
            town.do(service.customer_disagrees, case_id=job.case_id, says=says, by=AFTERMARKET)
        else:
            confirm(town, job.case_id)
        order = job.order
        if town.record(Partner, job.partner_id).kind is PartnerKind.IN_HOUSE:
            town.do(
                invoicing.record_internal_cost,
                work_order_id=order.id,
                minutes=150,
                distance_km=64,
                by=COORDINATOR_ID,
            )
            return
        if cause is Cause.WORKMANSHIP and job.partner_id == order.original_installer_id:
            return  # who mends its own work sends no invoice
        yield job.next_day()
        yield from self._invoiced()

    def _invoiced(self) -> Story:
        job, turn = self.job, self.job.errand.turn
        draft = self._draft()
        partner_id = job.partner_id
        if turn is Turn.INVOICE_DRAFT:
            job.town.do(
                invoicing.save_draft,
                partner_id=partner_id,
                draft=draft,
                by=worker_of(partner_id),
            )
            return
        invoice = self._submit(draft)
        if turn is Turn.INVOICE_WAITS:
            return
        yield job.next_day(job.errand.draws_of("decision").between(1, 6))
        if turn is Turn.INVOICE_RETURNED:
            reason = "the travel is billed twice: once as labor and once as travel"
            self._decide(invoicing.return_to_partner, invoice, reason=reason)
            if job.errand.is_recent:
                return
            yield job.next_day(2)
            self._submit(draft)
            yield job.next_day(2)
        if turn is Turn.INVOICE_REJECTED:
            yield from self._rejected(invoice)
            return
        self._decide(invoicing.approve, invoice)
        job.town.settle()
        if turn is Turn.INVOICE_VOID:
            yield job.town.now + timedelta(minutes=30)
            reason = "the maker bore the cost after all"
            self._decide(invoicing.request_void, invoice, reason=reason)
        elif turn is Turn.CUSTOMERS:
            yield from self._charged(invoice)
        elif turn is Turn.CLAIM_DISPUTED:
            yield from self._disputed_claim()

    def _draft(self) -> InvoiceDraft:
        job, trouble = self.job, self.job.errand.trouble
        order = job.order
        visit = order.visits[-1]
        site = job.town.record(Site, order.site_id)
        arrived = visit.arrived_at or visit.since
        day = arrived.astimezone(job.errand.course.home.place.clock).date()
        lines = tuple(
            DraftLine(category, words, cents, arrived + timedelta(minutes=20))
            for category, words, cents in trouble.cost
        )
        draws = job.errand.draws_of("invoice")
        return InvoiceDraft(
            invoice_number=f"{draws.between(2600, 2699)}-{job.errand.number:03}",
            customer_name=site.customer_name,
            site_address=site.address,
            work_order_number=order.id,
            service_dates=(day,),
            description=trouble.summary,
            photo_count=2,
            lines=lines,
            total_cents=sum(cents for _, _, cents in trouble.cost),
        )

    def _submit(self, draft: InvoiceDraft) -> Invoice:
        partner_id = self.job.partner_id
        answer = self.job.town.do(
            invoicing.submit,
            partner_id=partner_id,
            draft=draft,
            work_order_id=self.job.order_id,
            by=worker_of(partner_id),
        )
        if not isinstance(answer, Invoice):
            msg = f"an invoice of the town is not taken: {answer}"
            raise BrokenInvariant(msg)
        return answer

    def _decide(self, act: object, invoice: Invoice, **named: object) -> None:
        self.job.town.do(
            act,  # type: ignore[arg-type] # each decides on an invoice
            invoice_id=invoice.id,
            by=COORDINATOR_ID,
            **named,
        )

    # ------------------------------------------------------------------ what is disputed
    def _rejected(self, invoice: Invoice) -> Story:
        job = self.job
        reason = "the work was not asked for in the work order"
        self._decide(invoicing.reject, invoice, reason=reason)
        yield job.next_day(2)
        partner_id = job.partner_id
        dispute = job.town.do(
            invoicing.open_dispute,
            kind=Subject.INVOICE,
            work_order_id=job.order_id,
            partner_id=partner_id,
            says="The coordinator asked for it on the telephone; see our note of that day.",
            what=invoice.id,
            by=worker_of(partner_id),
        )
        yield from self._argued(dispute.id, partner_id)

    def _disputed_claim(self) -> Story:
        """Wait until the claim is told, and let the original installer dispute it."""
        job, town = self.job, self.job.town
        installer = job.order.original_installer_id
        for _ in range(10):
            yield job.next_day()
            bill = town.records.load(BackBill, bill_id(job.order_id))
            if bill is not None and bill.record.state is BackBillState.NOTIFIED:
                break
        else:
            return
        yield job.next_day()
        dispute = town.do(
            invoicing.open_dispute,
            kind=Subject.BACK_BILL,
            work_order_id=job.order_id,
            partner_id=installer,
            says="Our photos of the handover show the terminations torqued and marked.",
            by=worker_of(installer),
        )
        yield from self._argued(dispute.id, installer)

    def _argued(self, dispute_id: str, partner_id: str) -> Story:
        """Take a dispute up the levels: some end at each of them, and some are open there."""
        job, town = self.job, self.job.town
        way = (job.errand.number // 2) % 6
        for level in LEVELS[1 : 1 + way // 2]:
            yield job.next_day(3)
            town.do(
                invoicing.escalate_dispute,
                dispute_id=dispute_id,
                to_level=level,
                by=worker_of(partner_id),
                partner_id=partner_id,
            )
        if way % 2:
            return
        yield job.next_day(4)
        height = min(way // 2, len(LEVELS) - 1)
        who, role = DECIDERS[height]
        town.do(
            invoicing.resolve_dispute,
            dispute_id=dispute_id,
            outcome=(Outcome.OVERTURNED, Outcome.UPHELD, Outcome.OVERTURNED)[height],
            reason="the photos and the notes of both sides were compared",
            roles=(role,),
            by=who,
        )

    # ------------------------------------------------------------------ what customers pay
    def _charged(self, invoice: Invoice) -> Story:
        job, town = self.job, self.job.town
        yield job.next_day()
        evidence = "photos of the nest, and the report"
        charge = town.do(
            invoicing.propose_charge, invoice_id=invoice.id, evidence=evidence, by=AFTERMARKET
        )
        way = (job.errand.number // 5) % 3
        if way == 0:
            return
        yield job.next_day()
        town.do(invoicing.approve_charge, charge_id=charge.id, by=COORDINATOR_ID)
        if way == 1:
            return
        yield job.next_day()
        town.do(invoicing.tell_customer, charge_id=charge.id, by=AFTERMARKET)
