"""An organisation with money in every state, put on record as it is, and reads that are counted."""

from dataclasses import replace
from datetime import UTC, date, datetime
from math import ceil

from funding_world import Killed, partner, project, site

from cloud.adapters.memory import MemoryRecords
from cloud.funding.models import (
    Application,
    Deduction,
    FundingRun,
    Payable,
    PaymentTrace,
    PlannedDeduction,
    PlannedPayable,
    PlanState,
    RunPlan,
    RunState,
)
from cloud.funding.netting import DeductionKind
from cloud.funding.schedule import window_of
from cloud.kernel.change import Change, Save
from cloud.kernel.money import ZERO, Money
from cloud.kernel.secret import Secret

NOW = datetime(2026, 12, 1, 17, 0, tzinfo=UTC)
"""Tuesday noon, Eastern; the window of Thursday, 3 December is open, Tuesday's run is out."""
OWNER = "P-A"


class CountedRecords(MemoryRecords):
    """Counts what a table would be asked: a hundred keys a request, one request an index.

    Dying, it takes no change any more.
    """

    def __init__(self):
        super().__init__()
        self.requests = 0
        self.is_dying = False

    def commit(self, change):
        if self.is_dying:
            raise Killed
        super().commit(change)

    def load(self, kind, record_id):
        self.requests += 1
        return super().load(kind, record_id)

    def load_all(self, kind, record_ids):
        self.requests += ceil(len(record_ids) / 100)
        found = ((one, self._records.get((kind, one))) for one in record_ids)
        return {one: stored for one, stored in found if stored is not None}

    def find(self, kind, *, by, value):
        self.requests += 1
        return super().find(kind, by=by, value=value)


class Office:
    """The organisation P-A, and helpers that put one thing on record each."""

    def __init__(self, **changes):
        self.records = CountedRecords()
        self.partner = self.save(partner(OWNER, **changes))

    def save(self, *records):
        for record in records:
            self.records.commit(Change(saves=(Save(record),)))
        return records[0]

    def project(self, name, owner=OWNER, **changes):
        self.save(site(name))
        return self.save(project(name, owner, **changes))

    def payable(self, name, cents=100_00, **changes):
        made = Payable(
            id=name,
            partner_id=OWNER,
            project_id="",
            work_order_id="",
            milestone="M1",
            amount=Money(cents),
            accrued_at=datetime(2026, 12, 1, 15, tzinfo=UTC),
            says=f"payable {name}",
        )
        return self.save(replace(made, **changes))

    def deduction(self, name, cents=40_00, kind=DeductionKind.BACK_BILL, **changes):
        made = Deduction(
            id=name,
            kind=kind,
            partner_id=OWNER,
            project_id="",
            raised=Money(cents),
            incurred_on=date(2026, 11, 20),
            raised_at=datetime(2026, 12, 1, 15, tzinfo=UTC),
            says=f"deduction {name}",
        )
        return self.save(replace(made, **changes))

    def run(self, state, *, of=NOW, payables=(), deductions=(), trace="", return_code=""):
        """Put a run on record, with its plan for the organisation and its line in the bank file."""
        window = window_of(of)
        paid = Money(sum(one.amount.cents for one in payables))
        plan = RunPlan(
            id=f"{window.run_id()}.{OWNER}.abcdef012345",
            run_id=window.run_id(),
            partner_id=OWNER,
            partner_name="A",
            remittance_email="m@a.example",
            routing_number="011401533",
            account_number=Secret("123456789012"),
            bank_details_version=1,
            payables=tuple(
                PlannedPayable(one.id, one.project_id, one.milestone, one.amount, one.says)
                for one in payables
            ),
            held=(),
            deductions=tuple(
                PlannedDeduction(one.id, one.kind, one.open, ZERO, False, one.says)
                for one in deductions
            ),
            gross=paid,
            net=paid,
            carried=ZERO,
            state=PlanState.PREVIEW,
            trace_number=trace,
        )
        other = f"{window.run_id()}.P-B.0123456789ab"
        run = FundingRun(
            id=window.run_id(),
            programme="comfort",
            regular_date=window.regular_date,
            funding_date=window.funding_date,
            date_source=window.date_source,
            opens_at=window.opens_at,
            cut_off_at=window.cut_off_at,
            state=state,
            plan_ids=(plan.id, other),
            plans_hash="h",
            gross=paid,
            net=paid,
            flags=(),
            preparer="ana",
            prepared_at=NOW,
        )
        lines = []
        if trace:
            lines = [PaymentTrace(trace, run.id, OWNER, plan.id, paid, return_code)]
        self.save(run, plan, *lines)
        return run


def taken(run, cents):
    return (Application(run if isinstance(run, str) else run.id, Money(cents)),)


__all__ = ["NOW", "OWNER", "CountedRecords", "Office", "RunState", "taken"]
