"""Routes of cases: how they come in, who leads them, and how they end."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters import codec
from cloud.adapters.api import answers
from cloud.functions.operations_api.desk import (
    AMS,
    AUDITOR,
    DESKS,
    DOCUMENTS,
    RECORDS,
    SPC,
    acting,
    listed,
    logged,
    may,
    person,
    shown,
)
from cloud.functions.operations_api.service_shapes import (
    AdviceIn,
    EmergencyIn,
    ExternalIn,
    IssueIn,
    LinkIn,
    ReportIn,
    SaysIn,
    VisitIn,
)
from cloud.functions.operations_api.shapes import Listed, One, ReasonIn
from cloud.kernel.errors import NotFound
from cloud.kernel.money import Money
from cloud.kernel.ports import require
from cloud.service import process as service
from cloud.service.models import Case, HelpRequest, ScopeLine

router = Router()
TAGS = ["Cases"]


@router.get("/ops/cases", responses=answers(), tags=TAGS, middlewares=[may(SPC, AMS, AUDITOR)])
def list_cases(state: str) -> Listed:
    """List the cases in one state."""
    return listed(Case, "state", state)


@router.post("/ops/cases", responses=answers(), tags=TAGS, middlewares=[may(AMS, SPC)])
def report(body: ReportIn) -> One:
    """Take up what a person told the help desk by phone, mail or chat (C-02)."""
    return shown(
        service.report(
            RECORDS,
            source=body.source,
            site_id=body.site_id,
            family=body.family,
            says=body.says,
            hazard=body.hazard,
            is_grid_out=body.is_grid_out,
            reported_by=body.reported_by,
            contact=body.contact,
            desks=DESKS,
            **acting(),
        )
    )


@router.get(
    "/ops/cases/<case_id>", responses=answers(), tags=TAGS, middlewares=[may(SPC, AMS, AUDITOR)]
)
def get_case(case_id: str) -> One:
    """Give one case."""
    return shown(require(RECORDS.load(Case, case_id), "case", case_id).record)


@router.get(
    "/ops/cases/<case_id>/log", responses=answers(), tags=TAGS, middlewares=[may(SPC, AMS, AUDITOR)]
)
def case_log(case_id: str) -> Listed:
    """Give everything that happened to a case, the oldest first."""
    require(RECORDS.load(Case, case_id), "case", case_id)
    return logged(case_id, of="case")


@router.get(
    "/ops/cases/<case_id>/emergency_contacts",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, AMS, AUDITOR)],
)
def emergency_contacts(case_id: str) -> Listed:
    """Tell how the partners of an emergency were reached, and by which way not yet (E-32b)."""
    found = service.emergency_contacts(RECORDS, case_id=case_id)
    return Listed(items=[codec.to_shown(one) for one in found])


@router.post(
    "/ops/cases/<case_id>/site_visit", responses=answers(), tags=TAGS, middlewares=[may(AMS, SPC)]
)
def require_site_visit(case_id: str, body: VisitIn) -> One:
    """Have somebody go: a work order is issued and offered (D-15, A-81)."""
    # A coordinator who sends somebody looks after the work; else who does so by default.
    spc_id = person().name if SPC in person().roles else DESKS.coordinator_id
    return shown(
        service.require_site_visit(
            RECORDS,
            case_id=case_id,
            scope=body.scope,
            instructions=body.instructions,
            is_workmanship_suspected=body.is_workmanship_suspected,
            spc_id=spc_id,
            **acting(),
        )
    )


@router.post(
    "/ops/cases/<case_id>/work_orders", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def issue_work_order(case_id: str, body: IssueIn) -> One:
    """Issue a work order line by line; a total above the limit is the written approval (A-81)."""
    limit = body.not_to_exceed_cents
    return shown(
        service.issue(
            RECORDS,
            case_id=case_id,
            scope_lines=[ScopeLine(one.code, one.says) for one in body.scope_lines],
            instructions=body.instructions,
            is_workmanship_suspected=body.is_workmanship_suspected,
            not_to_exceed=None if limit is None else Money(limit),
            **acting(),
        )
    )


@router.post(
    "/ops/cases/<case_id>/remote_fix", responses=answers(), tags=TAGS, middlewares=[may(AMS)]
)
def remote_fix(case_id: str, body: SaysIn) -> One:
    """Note that it was mended from afar; the readings have to prove it (C-17)."""
    return shown(service.remote_fix(RECORDS, case_id=case_id, says=body.says, **acting()))


@router.post(
    "/ops/cases/<case_id>/emergency", responses=answers(), tags=TAGS, middlewares=[may(AMS, SPC)]
)
def escalate(case_id: str, body: EmergencyIn) -> One:
    """Treat a case as an emergency, by a person's word (E-31)."""
    return shown(
        service.escalate_emergency(
            RECORDS,
            case_id=case_id,
            category=body.category,
            reason=body.reason,
            is_grid_out=body.is_grid_out,
            desks=DESKS,
            **acting(),
        )
    )


@router.post("/ops/cases/<case_id>/cancel", responses=answers(), tags=TAGS, middlewares=[may(AMS)])
def cancel(case_id: str, body: ReasonIn) -> One:
    """Call a case off, and the work that is open on it."""
    return shown(service.cancel(RECORDS, case_id=case_id, because=body.reason, **acting()))


@router.post(
    "/ops/cases/<case_id>/customer_confirms", responses=answers(), tags=TAGS, middlewares=[may(AMS)]
)
def customer_confirms(case_id: str, body: SaysIn) -> One:
    """Resolve a case because the customer says that it is mended (C-17c)."""
    return shown(service.customer_confirms(RECORDS, case_id=case_id, says=body.says, **acting()))


@router.post(
    "/ops/cases/<case_id>/customer_disagrees",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(AMS)],
)
def customer_disagrees(case_id: str, body: ReasonIn) -> One:
    """Note that the customer says that it is not mended (C-17c)."""
    return shown(service.customer_disagrees(RECORDS, case_id=case_id, says=body.reason, **acting()))


@router.post(
    "/ops/cases/<case_id>/hand_over", responses=answers(), tags=TAGS, middlewares=[may(AMS)]
)
def hand_over(case_id: str) -> One:
    """Give a case to the support center with all that is known of it (C-15)."""
    return shown(service.hand_over(RECORDS, case_id=case_id, desks=DESKS, **acting()))


@router.post(
    "/ops/cases/<case_id>/external_update", responses=answers(), tags=TAGS, middlewares=[may(AMS)]
)
def external_update(case_id: str, body: ExternalIn) -> One:
    """Note the support center's number of a case and how it stands there (C-15)."""
    return shown(
        service.external_update(
            RECORDS, case_id=case_id, reference=body.reference, status=body.status, **acting()
        )
    )


@router.post(
    "/ops/cases/<case_id>/returned", responses=answers(), tags=TAGS, middlewares=[may(AMS)]
)
def returned(case_id: str, body: ReasonIn) -> One:
    """Take a case back from the support center (C-15)."""
    return shown(service.returned(RECORDS, case_id=case_id, because=body.reason, **acting()))


@router.post(
    "/ops/cases/<case_id>/advice", responses=answers(), tags=TAGS, middlewares=[may(AMS, SPC)]
)
def advise(case_id: str, body: AdviceIn) -> One:
    """Tell the customer of a duty, or of work that they would pay, before it begins (B-52)."""
    return shown(service.advise_customer(RECORDS, case_id=case_id, code=body.code, **acting()))


@router.get(
    "/ops/cases/<case_id>/days.svg",
    responses=answers(),
    tags=["Detection"],
    middlewares=[may(SPC, AMS, AUDITOR)],
)
def case_picture(case_id: str) -> Response[str]:
    """Give the days behind a case as they were drawn when it was last told of."""
    case = require(RECORDS.load(Case, case_id), "case", case_id).record
    if not case.pictures:
        msg = f"case {case_id} has no picture: no day of its site was judged"
        raise NotFound(msg)
    drawn = DOCUMENTS.get(case.pictures[-1]).decode()
    return Response(status_code=200, content_type="image/svg+xml", body=drawn)


@router.get("/ops/help_requests", responses=answers(), tags=TAGS, middlewares=[may(AMS, AUDITOR)])
def list_help_requests(state: str) -> Listed:
    """List what customers wrote into the form, by what became of it (C-02)."""
    return listed(HelpRequest, "state", state)


@router.post(
    "/ops/help_requests/<request_id>/link", responses=answers(), tags=TAGS, middlewares=[may(AMS)]
)
def link_help_request(request_id: str, body: LinkIn) -> One:
    """Report a request as one of a home that a person found (C-02)."""
    return shown(
        service.link_help_request(
            RECORDS, request_id=request_id, site_id=body.site_id, desks=DESKS, **acting()
        )
    )


@router.post(
    "/ops/help_requests/<request_id>/dismiss",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(AMS)],
)
def dismiss_help_request(request_id: str, body: ReasonIn) -> One:
    """Put a request away that is none of ours (C-02)."""
    return shown(
        service.dismiss_help_request(
            RECORDS, request_id=request_id, because=body.reason, **acting()
        )
    )
