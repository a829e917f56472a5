"""What the owner's people decide: spending, causes, invoices, milestones, runs.

Who it is and which roles they have stands in the token, never in the request.
"""

import os
from datetime import date
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response

from cloud.adapters import codec, wiring
from cloud.adapters.api import (
    PROBLEMS,
    Forbidden,
    allowed,
    claims_of,
    groups_of,
    resolved,
    resolver,
)
from cloud.detection import picture
from cloud.detection import process as detection
from cloud.detection.evidence import says, unpacked
from cloud.detection.models import HoldState, SiteTrack, SweepHold
from cloud.detection.process.baselines import put_baseline
from cloud.detection.process.weather import put_weather
from cloud.functions.operations_api.shapes import (
    BaselineIn,
    FindingIn,
    Listed,
    MilestoneIn,
    One,
    ReasonIn,
    ReplayIn,
    RunApprovalIn,
    SpendApprovalIn,
    WeatherIn,
)
from cloud.funding import process as funding
from cloud.funding.models import FundingRun, RunPlan
from cloud.invoicing import process as invoicing
from cloud.invoicing.models import Invoice
from cloud.kernel.errors import NotFound
from cloud.kernel.money import Money
from cloud.kernel.ports import require
from cloud.portfolio.process import all_partners, record_milestone
from cloud.service import process as service
from cloud.service.models import Case, WorkOrder

logger = Logger()
CLOCK = wiring.clock()
RECORDS = wiring.records(os.environ)
DOCUMENTS = wiring.documents(os.environ)
app = resolver()

SPC, ACCOUNTING, PROJECTS, AUDITOR = "spc", "accounting_admin", "projects", "auditor"


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request of the owner's people."""
    claims = claims_of(event)
    app.append_context(by=claims.get("username", ""), roles=groups_of(claims))
    return resolved(app, event, context)


def _only(*roles: str) -> None:
    if not app.context["by"] or not app.context["roles"] & set(roles):
        msg = f"this is for {' or '.join(roles)}; ask an administrator for the role"
        raise Forbidden(msg)


def _shown(record: object) -> One:
    return One(item=codec.to_shown(allowed(record)))


def _listed(kind: type[Any], by: str, value: str) -> Listed:
    found = RECORDS.find(kind, by=by, value=value)
    return Listed(items=[codec.to_shown(stored.record) for stored in found])


@app.get("/ops/cases", responses=PROBLEMS, tags=["Service"])
def list_cases(state: str) -> Listed:
    """List the cases in one state."""
    _only(SPC, AUDITOR)
    return _listed(Case, "state", state)


@app.get("/ops/work_orders", responses=PROBLEMS, tags=["Service"])
def list_work_orders(task: str) -> Listed:
    """List the work orders that wait for a person to do one thing."""
    _only(SPC, AUDITOR)
    return _listed(WorkOrder, "task", task)


@app.post("/ops/work_orders/<number>/spend_approvals", responses=PROBLEMS, tags=["Service"])
def approve_spend(number: str, body: SpendApprovalIn) -> One:
    """Approve in writing, before the work, what may be spent (I-62)."""
    _only(SPC)
    order = service.approve_spend(
        RECORDS,
        work_order_id=number,
        max_total=Money(body.max_total_cents),
        is_written=True,
        at=CLOCK.now(),
        by=app.context["by"],
    )
    return _shown(order)


@app.post("/ops/work_orders/<number>/finding", responses=PROBLEMS, tags=["Service"])
def record_finding(number: str, body: FindingIn) -> One:
    """Record what was found to be the cause (B-50 to B-53)."""
    _only(SPC)
    order = service.record_finding(
        RECORDS,
        work_order_id=number,
        cause=body.cause,
        evidence=body.evidence,
        at=CLOCK.now(),
        by=app.context["by"],
    )
    return _shown(order)


@app.get("/ops/sweep_holds", responses=PROBLEMS, tags=["Detection"])
def list_sweep_holds(state: str = "held") -> Listed:
    """List the findings that were too many to be believed, by what became of them (D-97)."""
    _only(SPC, AUDITOR)
    return _listed(SweepHold, "state", state)


@app.post("/ops/sweep_holds/<region>/release", responses=PROBLEMS, tags=["Detection"])
def release_hold(region: str) -> One:
    """Let the findings that were held back be told: they are true (D-97)."""
    return _decided(region, HoldState.RELEASED)


@app.post("/ops/sweep_holds/<region>/discard", responses=PROBLEMS, tags=["Detection"])
def discard_hold(region: str) -> One:
    """Count the findings that were held back as told, and tell nobody: they are not true (D-97)."""
    return _decided(region, HoldState.DISCARDED)


def _decided(region: str, state: HoldState) -> One:
    _only(SPC)
    by, at = app.context["by"], CLOCK.now()
    return _shown(detection.decide(RECORDS, region_id=region, state=state, by=by, at=at))


@app.post("/ops/sweeps", responses=PROBLEMS, tags=["Detection"])
def replay(body: ReplayIn) -> One:
    """Measure and judge the open days of one clock anew: the verdicts are the same (D-99)."""
    _only(SPC)
    at = CLOCK.now()
    sites = detection.plan(
        RECORDS, utc_offset_hours=body.utc_offset_hours, at=at, replay_from=body.replay_from
    )
    return One(item={"sites": sites, "at": at.isoformat()})


@app.post("/ops/sites/<site_id>/baseline", responses=PROBLEMS, tags=["Detection"])
def take_baseline(site_id: str, body: BaselineIn) -> One:
    """Put a site's baseline, as `sunreeve baseline` works it out, in the place of the one before.

    On another baseline the site's scale is learned anew over the open days (D-63).
    """
    _only(PROJECTS)
    return _shown(
        put_baseline(
            RECORDS,
            site_id=site_id,
            baseline=body.told(),
            may_end_case=body.may_end_case,
            at=CLOCK.now(),
            by=app.context["by"],
        )
    )


@app.post("/ops/regions/<region>/weather/<day>", responses=PROBLEMS, tags=["Detection"])
def take_weather(region: str, day: date, body: WeatherIn) -> One:
    """Put the weather of a region's day; told late, its day is judged anew (D-99)."""
    _only(PROJECTS)
    told = body.told(region, day)
    by, at = app.context["by"], CLOCK.now()
    return _shown(put_weather(RECORDS, region_id=region, weather=told, at=at, by=by))


@app.get("/ops/watch_list", responses=PROBLEMS, tags=["Detection"])
def watch_list(region: str) -> Listed:
    """List the sites of a region that make a little less than they should; never a case (D-75)."""
    _only(SPC, AUDITOR)
    found = RECORDS.find(SiteTrack, by="watched_in", value=region)
    return Listed(items=[{"site_id": one.record.id, "days": _days(one.record)} for one in found])


@app.get("/ops/sites/<site_id>/days", responses=PROBLEMS, tags=["Detection"])
def site_days(site_id: str) -> Listed:
    """List a site's last days: what it made, what was expected, and why each counted or not."""
    _only(SPC, AUDITOR)
    track = require(RECORDS.load(SiteTrack, site_id), "judged site", site_id).record
    return Listed(items=_days(track))


def _days(track: SiteTrack) -> list[dict[str, Any]]:
    return [{**codec.to_shown(line), "says": says(line)} for line in unpacked(track.lines) or ()]


@app.get("/ops/sites/<site_id>/days.svg", responses=PROBLEMS, tags=["Detection"])
def site_picture(site_id: str) -> Response[str]:
    """Give a site's last days as a picture, beside what was expected of them."""
    _only(SPC, AUDITOR)
    track = require(RECORDS.load(SiteTrack, site_id), "judged site", site_id).record
    drawn = picture.svg(unpacked(track.lines) or (), title=site_id)
    return Response(status_code=200, content_type="image/svg+xml", body=drawn)


@app.get("/ops/cases/<case_id>/days.svg", responses=PROBLEMS, tags=["Detection"])
def case_picture(case_id: str) -> Response[str]:
    """Give the days behind a case as they were drawn when it was last told of."""
    _only(SPC, AUDITOR)
    case = require(RECORDS.load(Case, case_id), "case", case_id).record
    if not case.pictures:
        msg = f"case {case_id} has no picture: no day of its site was judged"
        raise NotFound(msg)
    drawn = DOCUMENTS.get(case.pictures[-1]).decode()
    return Response(status_code=200, content_type="image/svg+xml", body=drawn)


@app.get("/ops/invoices", responses=PROBLEMS, tags=["Invoices"])
def list_invoices(state: str) -> Listed:
    """List the invoices in one state."""
    _only(SPC, ACCOUNTING, AUDITOR)
    return _listed(Invoice, "state", state)


@app.post("/ops/invoices/<invoice_id>/approve", responses=PROBLEMS, tags=["Invoices"])
def approve_invoice(invoice_id: str) -> One:
    """Approve an invoice; never by who submitted it (I-66)."""
    _only(SPC)
    by = app.context["by"]
    return _shown(invoicing.approve(RECORDS, invoice_id=invoice_id, by=by, at=CLOCK.now()))


@app.post("/ops/invoices/<invoice_id>/return", responses=PROBLEMS, tags=["Invoices"])
def return_invoice(invoice_id: str, body: ReasonIn) -> One:
    """Give an invoice back to the partner; the clock of the decision stands meanwhile."""
    _only(SPC)
    return _shown(
        invoicing.return_to_partner(
            RECORDS,
            invoice_id=invoice_id,
            reason=body.reason,
            by=app.context["by"],
            at=CLOCK.now(),
        )
    )


@app.post("/ops/invoices/<invoice_id>/reject", responses=PROBLEMS, tags=["Invoices"])
def reject_invoice(invoice_id: str, body: ReasonIn) -> One:
    """Reject an invoice."""
    _only(SPC)
    by = app.context["by"]
    return _shown(
        invoicing.reject(RECORDS, invoice_id=invoice_id, reason=body.reason, by=by, at=CLOCK.now())
    )


@app.post("/ops/projects/<project_id>/milestones", responses=PROBLEMS, tags=["Projects"])
def reach_milestone(project_id: str, body: MilestoneIn) -> One:
    """Record a milestone, at the instant of this call (P-01)."""
    _only(PROJECTS)
    by = app.context["by"]
    return _shown(
        record_milestone(
            RECORDS, project_id=project_id, milestone=body.milestone, at=CLOCK.now(), by=by
        )
    )


@app.get("/ops/runs", responses=PROBLEMS, tags=["Funding"])
def list_runs(state: str) -> Listed:
    """List the funding runs in one state."""
    _only(ACCOUNTING, AUDITOR)
    return _listed(FundingRun, "state", state)


@app.get("/ops/runs/<run_id>", responses=PROBLEMS, tags=["Funding"])
def get_run(run_id: str) -> One:
    """Give one funding run."""
    _only(ACCOUNTING, AUDITOR)
    return _shown(require(RECORDS.load(FundingRun, run_id), "funding run", run_id).record)


@app.get("/ops/runs/<run_id>/plans", responses=PROBLEMS, tags=["Funding"])
def list_plans(run_id: str) -> Listed:
    """List what a run does for each partner; bank accounts show their last four digits."""
    _only(ACCOUNTING, AUDITOR)
    run = require(RECORDS.load(FundingRun, run_id), "funding run", run_id).record
    found = [require(RECORDS.load(RunPlan, one), "plan", one) for one in run.plan_ids]
    return Listed(items=[codec.to_shown(plan.record) for plan in found])


@app.post("/ops/runs/<run_id>/prepare", responses=PROBLEMS, tags=["Funding"])
def prepare_run(run_id: str) -> One:
    """Prepare a run again, after something changed; who does that cannot approve it (D03)."""
    _only(ACCOUNTING)
    run = require(RECORDS.load(FundingRun, run_id), "funding run", run_id).record
    prepared = funding.prepare(
        RECORDS,
        cutoff=run.cut_off_at,
        partners=all_partners(RECORDS),
        at=CLOCK.now(),
        by=app.context["by"],
        programme=run.programme,
    )
    return _shown(prepared)


@app.post("/ops/runs/<run_id>/approve", responses=PROBLEMS, tags=["Funding"])
def approve_run(run_id: str, body: RunApprovalIn) -> One:
    """Approve exactly the plans that were shown; never by who prepared them (D03)."""
    _only(ACCOUNTING)
    run = funding.approve(
        RECORDS,
        run_id=run_id,
        plans_hash=body.plans_hash,
        partners=all_partners(RECORDS),
        by=app.context["by"],
        roles=app.context["roles"],
        at=CLOCK.now(),
    )
    return _shown(run)


@app.get("/ops/trace/<trace_number>", responses=PROBLEMS, tags=["Funding"])
def trace(trace_number: str) -> Listed:
    """Walk a line of a bank file back to what it was earned with."""
    _only(ACCOUNTING, AUDITOR)
    steps = funding.trace(RECORDS, DOCUMENTS, trace_number=trace_number)
    return Listed(items=[codec.to_shown(step) for step in steps])
