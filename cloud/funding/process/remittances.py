"""The payments that an organisation got, and the papers that came with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from cloud.funding import remittance, views
from cloud.funding.models import FundingRun, PaymentTrace, RunState
from cloud.kernel.errors import NotFound
from cloud.kernel.money import Money
from cloud.kernel.ports import Records


@dataclass(frozen=True, slots=True)
class Payment:
    """A line of a bank file as its receiver sees it; `status` in the words of D37."""

    run_id: str
    funding_date: date
    amount: Money
    trace_number: str
    status: str
    return_code: str


def payments(records: Records, partner_id: str) -> Sequence[Payment]:
    """Give all payments to an organisation, oldest first (F04, D37)."""
    lines = [one.record for one in records.find(PaymentTrace, by="partner_id", value=partner_id)]
    runs = records.load_all(FundingRun, sorted({line.run_id for line in lines}))
    found = [
        Payment(
            run_id=line.run_id,
            funding_date=runs[line.run_id].record.funding_date,
            amount=line.amount,
            trace_number=line.id,
            status=views.payment_status(
                withdrawn=False,
                sent=runs[line.run_id].record.state is RunState.SENT,
                settled=runs[line.run_id].record.state is RunState.SETTLED,
                returned=bool(line.return_code),
            ),
            return_code=line.return_code,
        )
        for line in lines
        if line.run_id in runs
    ]
    return sorted(found, key=lambda one: (one.funding_date, one.trace_number))


def advice_document(records: Records, *, run_id: str, partner_id: str) -> str:
    """Give the reference of the advice of a payment as pages (PDF).

    Raises:
        NotFound: that run paid the organisation nothing.
    """
    _require_paid(records, run_id, partner_id)
    return remittance.document_of(run_id, partner_id)


def advice_lines(records: Records, *, run_id: str, partner_id: str) -> str:
    """Give the reference of the advice of a payment as lines for a spreadsheet (CSV).

    Raises:
        NotFound: that run paid the organisation nothing.
    """
    _require_paid(records, run_id, partner_id)
    return remittance.csv_document_of(run_id, partner_id)


def _require_paid(records: Records, run_id: str, partner_id: str) -> None:
    lines = records.find(PaymentTrace, by="partner_id", value=partner_id)
    if not any(one.record.run_id == run_id for one in lines):
        msg = f"payment of run {run_id} is not known here: check the run"
        raise NotFound(msg)
