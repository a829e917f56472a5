"""What took two people (D09): who asked, who decided, and when; for whoever looks back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cloud.funding.extension import ExtensionRequest, RequestState
from cloud.funding.models import BankFileTaken, FundingRun
from cloud.invoicing.models import ChargeState, CustomerCharge, Invoice
from cloud.kernel.change import Event
from cloud.kernel.ports import Records
from cloud.portfolio.papers import BankChange, BankChangeState
from cloud.portfolio.proposals import Proposal, ProposalState
from cloud.reporting.facts import months
from cloud.reporting.policy import FIRST_DAY
from cloud.reporting.ports import ToldRecords
from cloud.reporting.run_desk import all_runs
from cloud.service.models import WorkOrder

TAKES_TWO: Final = {
    "approve_run": "D03",
    "book_run": "D40",
    "change_bank_details": "D09",
    "agree_bank_file": "D09",
    "decide_extension": "D09",
    "charge_customer": "B-52a",
    "approve_invoice": "I-66b",
    "approve_spend": "I-62a",
}
"""What is decided -> the rule that asks for two people; proposals come under their own kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One act of two people.

    Attributes:
        about: kind of the thing, as its page is found.
        what: what was done, as a name.
        state: how it ended.
        asked_by, asked_at: who prepared, proposed or took it in.
        decided_by, decided_at: who else decided; the instant is None where it is not kept.
        others: who else had a hand in it: of a run, who let go on what was unusual.
        stopped_by: who stopped it after it was decided.
    """

    id: str
    about: str
    what: str
    subject: str
    state: str
    asked_by: str
    asked_at: datetime
    decided_by: str
    decided_at: datetime | None
    others: tuple[str, ...] = ()
    stopped_by: str = ""

    @property
    def is_one_person(self) -> bool:
        """Tell whether the same person did both, which no rule lets happen."""
        return self.asked_by == self.decided_by


def decided_by_two(records: ToldRecords, *, at: datetime) -> tuple[Decided, ...]:
    """Give every decision that a second person made, the latest first.

    Runs that were approved, and what the bank did with them; proposals that were agreed to or
    rejected; changes of bank details that were agreed to or stopped; bank files; extensions;
    customers' charges; invoices and leave to spend where two people approve. What was withdrawn
    by who asked, or still waits, is not told.
    """
    found = [
        *_runs(records),
        *_proposals(records),
        *_bank_changes(records),
        *_bank_files(records),
        *_extensions(records),
        *_charges(records),
        *_invoices(records, at),
        *_spending(records, at),
    ]
    return tuple(
        sorted(
            found,
            key=lambda one: ((one.decided_at or one.asked_at).astimezone(UTC), one.id),
            reverse=True,
        )
    )


def _runs(records: Records) -> Iterator[Decided]:
    for one in all_runs(records):
        if one.approver:
            yield Decided(
                id=one.id,
                about="run",
                what="approve_run",
                subject=one.id,
                state=one.state.value,
                asked_by=one.preparer,
                asked_at=one.prepared_at,
                decided_by=one.approver,
                decided_at=one.approved_at,
                others=(one.released_by,) if one.released_by else (),
            )
            yield from _booked(records, one)


def _booked(records: Records, run: FundingRun) -> Iterator[Decided]:
    """Give who said what the bank did with a run: neither who prepared nor who approved it."""
    if run.settled_at is None:
        return
    said = [one for one in records.history(run.id) if one.what == "run_settled"]
    for one in said[-1:]:
        yield Decided(
            id=run.id,
            about="run",
            what="book_run",
            subject=run.id,
            state=run.state.value,
            asked_by=run.approver,
            asked_at=run.approved_at or run.prepared_at,
            decided_by=one.by,
            decided_at=one.at,
        )


def _proposals(records: Records) -> Iterator[Decided]:
    for state in (ProposalState.AGREED, ProposalState.REJECTED):
        for stored in records.find(Proposal, by="state", value=state):
            one = stored.record
            yield Decided(
                id=one.id,
                about="proposal",
                what=one.kind,
                subject=one.subject,
                state=one.state.value,
                asked_by=one.by,
                asked_at=one.at,
                decided_by=one.decided_by,
                decided_at=one.decided_at,
            )


def _bank_changes(records: Records) -> Iterator[Decided]:
    """Give the changes that another agreed to, or stopped; a partner may take its own back."""
    for state in (
        BankChangeState.AGREED,
        BankChangeState.EFFECTIVE,
        BankChangeState.REJECTED,
        BankChangeState.WITHDRAWN,
    ):
        for stored in records.find(BankChange, by="state", value=state):
            one = stored.record
            decided_by = one.agreed_by or one.ended_by
            if not one.agreed_by and one.ended_by in {"", one.asked_by}:
                continue
            yield Decided(
                id=one.id,
                about="bank_change",
                what="change_bank_details",
                subject=one.partner_id,
                state=one.state.value,
                asked_by=one.asked_by,
                asked_at=one.asked_at,
                decided_by=decided_by,
                decided_at=one.agreed_at,
                stopped_by=one.ended_by if one.agreed_by else "",
            )


def _bank_files(records: Records) -> Iterator[Decided]:
    for state in ("agreed", "done"):
        for stored in records.find(BankFileTaken, by="state", value=state):
            one = stored.record
            if one.agreed_by:
                yield Decided(
                    id=one.id,
                    about="bank_file",
                    what="agree_bank_file",
                    subject=one.id,
                    state=state,
                    asked_by=one.by,
                    asked_at=one.at,
                    decided_by=one.agreed_by,
                    decided_at=None,
                )


def _extensions(records: Records) -> Iterator[Decided]:
    for state in (RequestState.APPROVED, RequestState.DENIED):
        for stored in records.find(ExtensionRequest, by="state", value=state):
            one = stored.record
            yield Decided(
                id=one.id,
                about="extension_request",
                what="decide_extension",
                subject=one.project_id,
                state=one.state.value,
                asked_by=one.by,
                asked_at=one.submitted_at,
                decided_by=one.decided_by,
                decided_at=one.decided_at,
            )


def _charges(records: Records) -> Iterator[Decided]:
    for state in (
        ChargeState.APPROVED,
        ChargeState.TOLD,
        ChargeState.EXPORTED,
        ChargeState.WITHDRAWN,
    ):
        for stored in records.find(CustomerCharge, by="state", value=state):
            one = stored.record
            if one.approved_by:
                yield Decided(
                    id=one.id,
                    about="customer_charge",
                    what="charge_customer",
                    subject=one.invoice_id,
                    state=one.state.value,
                    asked_by=one.proposed_by,
                    asked_at=one.proposed_at,
                    decided_by=one.approved_by,
                    decided_at=one.approved_at,
                    stopped_by=one.withdrawn_by,
                )


def _invoices(records: ToldRecords, at: datetime) -> Iterator[Decided]:
    """Give the invoices that had a first approval and then another's word, as their logs tell."""
    for invoice_id in _subjects(records, "approved_first", at):
        stored = records.load(Invoice, invoice_id)
        if stored is None:
            continue
        first: Event | None = None
        for event in records.history(invoice_id):
            if event.what == "approved_first":
                first = event
            elif event.what in {"approved", "rejected"} and first is not None:
                yield Decided(
                    id=invoice_id,
                    about="invoice",
                    what="approve_invoice",
                    subject=stored.record.work_order_id,
                    state=event.what,
                    asked_by=first.by,
                    asked_at=first.at,
                    decided_by=event.by,
                    decided_at=event.at,
                )
                first = None
            elif event.what in {"lowered", "returned", "withdrawn", "reopened"}:
                first = None


def _spending(records: ToldRecords, at: datetime) -> Iterator[Decided]:
    """Give the leave to spend that two people gave, of whoever had the work then."""
    for order_id in _subjects(records, "spend_approved_first", at):
        stored = records.load(WorkOrder, order_id)
        given = (
            ()
            if stored is None
            else (
                *(one for offer in stored.record.assignments for one in offer.spend_approvals),
                *stored.record.spend_approvals,
            )
        )
        for one in given:
            if one.first_at is not None:
                yield Decided(
                    id=order_id,
                    about="work_order",
                    what="approve_spend",
                    subject=order_id,
                    state="approved",
                    asked_by=one.first_by,
                    asked_at=one.first_at,
                    decided_by=one.by,
                    decided_at=one.at,
                )


def _subjects(records: ToldRecords, what: str, at: datetime) -> Sequence[str]:
    """Give the things of which something was told, by the log: there are few of them."""
    since = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
    told = (one for month in months(since, at) for one in records.told(what, month=month))
    return sorted({one.subject for one in told})
