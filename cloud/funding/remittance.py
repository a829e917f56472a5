"""What a partner is told about a payment."""

from dataclasses import dataclass
from datetime import date, datetime

from cloud.funding.ach import Originator
from cloud.funding.clawback import reduction_type, rule_of
from cloud.funding.models import FundingRun, RunPlan
from cloud.kernel.change import Letter
from cloud.kernel.csv_text import csv_text
from cloud.kernel.money import ZERO, Money


@dataclass(frozen=True, slots=True)
class PaidLine:
    """A payable of the advice; `about` is the project, or empty."""

    id: str
    about: str
    milestone: str
    says: str
    amount: Money


@dataclass(frozen=True, slots=True)
class TakenLine:
    """A deduction of the advice, with the article's type and the rule that it follows.

    Attributes:
        left: what stays open and is taken from later payments.
    """

    id: str
    type: str
    rule: str
    says: str
    amount: Money
    left: Money


@dataclass(frozen=True, slots=True)
class RemittanceAdvice:
    """All that stands on one advice; of the account it knows the last four digits only."""

    run_id: str
    payer: str
    partner_id: str
    partner_name: str
    funding_date: date
    trace_number: str
    account_last4: str
    paid: tuple[PaidLine, ...]
    taken: tuple[TakenLine, ...]
    gross: Money
    net: Money
    carried: Money
    questions_to: str
    created_at: datetime

    @property
    def deducted(self) -> Money:
        """The sum of what was taken."""
        return self.gross - self.net


def advice_of(
    run: FundingRun, plan: RunPlan, originator: Originator, *, trace: str, created_at: datetime
) -> RemittanceAdvice:
    """Give the advice of a partner's payment; deductions without effect stay out when paused."""
    return RemittanceAdvice(
        run_id=run.id,
        payer=originator.name,
        partner_id=plan.partner_id,
        partner_name=plan.partner_name,
        funding_date=run.funding_date,
        trace_number=trace,
        account_last4=plan.account_number.last4,
        paid=tuple(
            PaidLine(one.id, one.project_id, one.milestone, one.says, one.amount)
            for one in plan.payables
        ),
        taken=tuple(
            TakenLine(
                one.id,
                str(reduction_type(one.kind)),
                rule_of(one.kind),
                one.says,
                one.applied,
                one.left,
            )
            for one in plan.deductions
            if one.applied
        ),
        gross=plan.gross,
        net=plan.net,
        carried=plan.carried,
        questions_to=originator.questions_to,
        created_at=created_at,
    )


def document_of(run_id: str, partner_id: str) -> str:
    """Give the reference under which an advice is kept."""
    return f"remittances/{run_id}/{partner_id}.pdf"


def csv_document_of(run_id: str, partner_id: str) -> str:
    """Give the reference under which the lines of an advice are kept for a spreadsheet."""
    return f"remittances/{run_id}/{partner_id}.csv"


CSV_COLUMNS = (
    "run",
    "funding_date",
    "trace",
    "account_last4",
    "line",
    "id",
    "project",
    "milestone_or_type",
    "rule",
    "amount",
    "left",
    "says",
)


def csv_of(advice: RemittanceAdvice) -> bytes:
    """Give one line for each payable and each deduction of a payment; amounts sum to what is paid.

    Deductions are below zero. The same advice gives the same bytes, whenever it is made.
    """
    about = (
        advice.run_id,
        advice.funding_date,
        advice.trace_number,
        advice.account_last4,
    )
    paid = [
        (*about, "payable", line.id, line.about, line.milestone, "", line.amount, None, line.says)
        for line in advice.paid
    ]
    taken = [
        (*about, "deduction", line.id, "", line.type, line.rule, -line.amount, line.left, line.says)
        for line in advice.taken
    ]
    return csv_text([CSV_COLUMNS, *paid, *taken]).encode()


def letter_of(advice: RemittanceAdvice, to: str, *, at: datetime) -> Letter:
    """Give the mail that carries an advice; the same payment writes one mail."""
    rows = [f"  {line.says or line.id}  {line.amount}" for line in advice.paid]
    rows += [
        f"  {line.says or line.id} ({line.type}, {line.rule})  -{line.amount}"
        for line in advice.taken
    ]
    carried = (
        [f"Still open and taken from later payments: {advice.carried}"]
        if advice.carried > ZERO
        else []
    )
    text = "\n".join(
        [
            f"{advice.payer} pays {advice.net} to {advice.partner_name}, account ending "
            f"{advice.account_last4}, on {advice.funding_date.isoformat()} by ACH "
            f"(trace {advice.trace_number}). At what hour it arrives depends on your bank.",
            "",
            *rows,
            f"  Net  {advice.net}",
            *carried,
            "",
            f"Questions: your Accounting Admin can answer this mail or write to "
            f"{advice.questions_to}, naming {advice.run_id}.",
        ]
    )
    return Letter(
        id=f"remittance-{advice.run_id}-{advice.partner_id}",
        to=to,
        subject=f"Payment of {advice.net} on {advice.funding_date.isoformat()} ({advice.run_id})",
        text=text,
        thread=advice.run_id,
        at=at,
        attachments={
            "remittance.pdf": document_of(advice.run_id, advice.partner_id),
            "remittance.csv": csv_document_of(advice.run_id, advice.partner_id),
        },
    )
