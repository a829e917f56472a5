"""Routes of funding: runs are prepared by one person and approved by another."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters import codec
from cloud.adapters.api import answers
from cloud.functions.operations_api.desk import (
    ACCOUNTING,
    AUDITOR,
    CLOCK,
    DOCUMENTS,
    RECORDS,
    listed,
    may,
    person,
    shown,
)
from cloud.functions.operations_api.shapes import (
    Listed,
    One,
    RunApprovalIn,
)
from cloud.funding import process as funding
from cloud.funding.models import FundingRun, RunPlan
from cloud.kernel.ports import require
from cloud.portfolio.process import paid_partners

router = Router()


@router.get(
    "/ops/runs", responses=answers(), tags=["Funding"], middlewares=[may(ACCOUNTING, AUDITOR)]
)
def list_runs(state: str) -> Listed:
    """List the funding runs in one state."""
    return listed(FundingRun, "state", state)


@router.get(
    "/ops/runs/<run_id>",
    responses=answers(),
    tags=["Funding"],
    middlewares=[may(ACCOUNTING, AUDITOR)],
)
def get_run(run_id: str) -> One:
    """Give one funding run."""
    return shown(require(RECORDS.load(FundingRun, run_id), "funding run", run_id).record)


@router.get(
    "/ops/runs/<run_id>/plans",
    responses=answers(),
    tags=["Funding"],
    middlewares=[may(ACCOUNTING, AUDITOR)],
)
def list_plans(run_id: str) -> Listed:
    """List what a run does for each partner; bank accounts show their last four digits."""
    run = require(RECORDS.load(FundingRun, run_id), "funding run", run_id).record
    found = [require(RECORDS.load(RunPlan, one), "plan", one) for one in run.plan_ids]
    return Listed(items=[codec.to_shown(plan.record) for plan in found])


@router.post(
    "/ops/runs/<run_id>/prepare",
    responses=answers(),
    tags=["Funding"],
    middlewares=[may(ACCOUNTING)],
)
def prepare_run(run_id: str) -> One:
    """Prepare a run again, after something changed; who does that cannot approve it (D03)."""
    run = require(RECORDS.load(FundingRun, run_id), "funding run", run_id).record
    prepared = funding.prepare(
        RECORDS,
        cutoff=run.cut_off_at,
        partners=paid_partners(RECORDS),
        at=CLOCK.now(),
        by=person().name,
        programme=run.programme,
    )
    return shown(prepared)


@router.post(
    "/ops/runs/<run_id>/approve",
    responses=answers(),
    tags=["Funding"],
    middlewares=[may(ACCOUNTING)],
)
def approve_run(run_id: str, body: RunApprovalIn) -> One:
    """Approve exactly the plans that were shown; never by who prepared them (D03)."""
    run = funding.approve(
        RECORDS,
        run_id=run_id,
        plans_hash=body.plans_hash,
        partners=paid_partners(RECORDS),
        by=person().name,
        roles=person().roles,
        at=CLOCK.now(),
    )
    return shown(run)


@router.get(
    "/ops/trace/<trace_number>",
    responses=answers(),
    tags=["Funding"],
    middlewares=[may(ACCOUNTING, AUDITOR)],
)
def trace(trace_number: str) -> Listed:
    """Walk a line of a bank file back to what it was earned with."""
    steps = funding.trace(RECORDS, DOCUMENTS, trace_number=trace_number)
    return Listed(items=[codec.to_shown(step) for step in steps])
