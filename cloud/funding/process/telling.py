"""Telling the stage before what was paid of its invoices, and what was taken of its claims."""

from collections.abc import Iterator
from datetime import UTC, datetime

from cloud.funding.models import (
    RETURNED,
    SERVICE,
    Deduction,
    FundingRun,
    Payable,
    PaymentTrace,
    PlanState,
    RunPlan,
)
from cloud.funding.netting import DeductionKind
from cloud.funding.process.run import chunks
from cloud.kernel.change import Change, Message
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, require

MESSAGES = 80
"""Messages of one transaction; the store takes a hundred items."""


def tell_of_run(records: Records, run: FundingRun, plan: RunPlan, *, at: datetime) -> None:
    """Tell of every service invoice that a committed plan paid, and of each back-bill it took from.

    Each message has an id of its own, so that telling again after an interruption adds nothing. An
    invoice is paid as well where deductions took all of the money; there is no trace number then.
    """
    if plan.state is not PlanState.COMMITTED:
        return
    told = [*_paid(records, run, plan, at), *_taken(records, run, plan, at)]
    _send(records, told)


def tell_of_return(
    records: Records, run: FundingRun, line: PaymentTrace, *, code: str, at: datetime
) -> None:
    """Tell of every service invoice whose payment the bank sent back."""
    plan = require(records.load(RunPlan, line.plan_id), "plan", line.plan_id).record
    told = [
        Message(
            id=derived("RET", payable.causes[0], line.id),
            topic="payment_returned",
            at=at,
            body={
                **_body(payable, run.id, line.id, run.dated_at),
                "returned_at": at.astimezone(UTC).isoformat(),
                "code": code,
            },
        )
        for payable in _service_payables(records, plan)
    ]
    _send(records, told)


def _paid(records: Records, run: FundingRun, plan: RunPlan, at: datetime) -> Iterator[Message]:
    for payable in _service_payables(records, plan):
        yield Message(
            id=derived("PAID", payable.causes[0], run.id),
            topic="paid",
            at=at,
            body=_body(payable, run.id, plan.trace_number, run.dated_at),
        )


def _taken(records: Records, run: FundingRun, plan: RunPlan, at: datetime) -> Iterator[Message]:
    for planned in plan.deductions:
        if planned.kind is DeductionKind.BACK_BILL and planned.applied:
            debt = require(records.load(Deduction, planned.id), "deduction", planned.id).record
            yield Message(
                id=derived("TAKEN", planned.id, run.id),
                topic="offset_taken",
                at=at,
                body={
                    "work_order_id": debt.causes[0],
                    "offset_id": planned.id,
                    "run_id": run.id,
                    "taken_cents": planned.applied.cents,
                },
            )


def _body(payable: Payable, run_id: str, trace: str, paid_at: datetime) -> dict[str, object]:
    return {
        "invoice_id": payable.causes[0],
        "work_order_id": payable.work_order_id,
        "paid_cents": payable.amount.cents,
        "run_id": run_id,
        "trace": trace,
        "paid_at": paid_at.astimezone(UTC).isoformat(),
    }


def _service_payables(records: Records, plan: RunPlan) -> Iterator[Payable]:
    """Give the service payables of a plan, also those in a payment that is paid once more.

    A returned payment is one payable for the whole plan that it belonged to, so that plan is looked
    through; it is older, which is where this ends.
    """
    wanted = [one.id for one in plan.payables if one.milestone in {SERVICE, RETURNED}]
    found = records.load_all(Payable, wanted)
    for name in wanted:
        payable = require(found.get(name), "payable", name).record
        if payable.milestone == SERVICE:
            yield payable
        elif payable.milestone == RETURNED:
            about = payable.causes[0]
            line = require(records.load(PaymentTrace, about), "payment", about).record
            older = require(records.load(RunPlan, line.plan_id), "plan", line.plan_id).record
            yield from _service_payables(records, older)


def _send(records: Records, told: list[Message]) -> None:
    for some in chunks(told, MESSAGES):
        records.commit(Change(messages=tuple(some)))
