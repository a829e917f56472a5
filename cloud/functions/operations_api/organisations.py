"""Routes of partners and systems: who may go, who built what, and what is under warranty."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters.api import answers
from cloud.functions.operations_api.desk import (
    ADMIN,
    AMS,
    AUDITOR,
    RECORDS,
    RM,
    SPC,
    acting,
    listed,
    may,
    shown,
)
from cloud.functions.operations_api.service_shapes import (
    InstallerIn,
    LicencesIn,
    ManagerIn,
    OptInIn,
    TechnicianIn,
    VoidIn,
    WarrantyIn,
)
from cloud.functions.operations_api.shapes import Listed, One
from cloud.kernel.ports import require
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import Licence, Partner, Site
from cloud.portfolio.organisation import (
    Certification,
    OptInRequest,
    RelationshipManager,
    ServiceContact,
    Technician,
    Warranty,
)

router = Router()
TAGS = ["Partners"]


@router.get(
    "/ops/partners/<partner_id>",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, RM, ADMIN, AUDITOR)],
)
def get_partner(partner_id: str) -> One:
    """Give one partner; of its account the last four digits."""
    return shown(require(RECORDS.load(Partner, partner_id), "partner", partner_id).record)


@router.get(
    "/ops/partners/<partner_id>/technicians",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, RM, ADMIN, AUDITOR)],
)
def list_technicians(partner_id: str) -> Listed:
    """List a partner's technicians, with what they are certified for (Q-79)."""
    return listed(Technician, "partner_id", partner_id)


@router.post(
    "/ops/partners/<partner_id>/technicians",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(RM, ADMIN)],
)
def put_technician(partner_id: str, body: TechnicianIn) -> One:
    """Put a technician on record, or change what it is certified for (Q-79)."""
    certifications = [
        Certification(one.manufacturer, one.number, one.expires_on) for one in body.certifications
    ]
    wanted = Technician(
        body.technician_id, partner_id, body.name, tuple(certifications), body.is_active
    )
    return shown(portfolio.put_technician(RECORDS, wanted, **acting()))


@router.post(
    "/ops/partners/<partner_id>/licences",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(RM, ADMIN)],
)
def put_licences(partner_id: str, body: LicencesIn) -> One:
    """Put the licences of a partner, one a state (Q-79)."""
    licences = [Licence(one.state, one.number, one.expires_on) for one in body.licences]
    return shown(
        portfolio.change_licences(RECORDS, partner_id=partner_id, licences=licences, **acting())
    )


@router.get(
    "/ops/service_contacts", responses=answers(), tags=TAGS, middlewares=[may(SPC, RM, AUDITOR)]
)
def list_contacts(task: str) -> Listed:
    """List the service contacts that wait for a person (M-74)."""
    return listed(ServiceContact, "task", task)


@router.post("/ops/relationship_managers", responses=answers(), tags=TAGS, middlewares=[may(ADMIN)])
def put_manager(body: ManagerIn) -> One:
    """Say who looks after which partners."""
    made = RelationshipManager(
        body.relationship_manager_id, body.name, body.email, tuple(body.partner_ids)
    )
    portfolio.register(RECORDS, made, **acting())
    return shown(made)


@router.get("/ops/opt_in_requests", responses=answers(), tags=TAGS, middlewares=[may(RM, AUDITOR)])
def list_opt_ins(state: str) -> Listed:
    """List the partners' wishes for more work, by what became of them (R-47)."""
    return listed(OptInRequest, "state", state)


@router.post(
    "/ops/opt_in_requests/<request_id>", responses=answers(), tags=TAGS, middlewares=[may(RM)]
)
def decide_opt_in(request_id: str, body: OptInIn) -> One:
    """Grant or decline a wish for more work (R-47)."""
    return shown(
        portfolio.decide_opt_in(
            RECORDS, request_id=request_id, state=body.state, reason=body.reason, **acting()
        )
    )


@router.post(
    "/ops/sites/<site_id>/installer", responses=answers(), tags=TAGS, middlewares=[may(RM, ADMIN)]
)
def change_installer(site_id: str, body: InstallerIn) -> One:
    """Let another partner answer for a site's workmanship, for new work orders only (R-43)."""
    return shown(
        portfolio.change_installer(
            RECORDS, site_id=site_id, partner_id=body.partner_id, reason=body.reason, **acting()
        )
    )


@router.get(
    "/ops/sites/<site_id>/warranties",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, AMS, RM, AUDITOR)],
)
def get_warranties(site_id: str) -> One:
    """Give what is under warranty at a site (B-55)."""
    site = require(RECORDS.load(Site, site_id), "site", site_id).record
    return shown(portfolio.warranties_of(RECORDS, site))


@router.post(
    "/ops/sites/<site_id>/warranties", responses=answers(), tags=TAGS, middlewares=[may(ADMIN)]
)
def grant_warranty(site_id: str, body: WarrantyIn) -> One:
    """Put one more warranty of a site on record (B-55)."""
    made = Warranty(body.kind, body.starts_on, body.ends_on)
    return shown(portfolio.grant_warranty(RECORDS, site_id=site_id, warranty=made, **acting()))


@router.post(
    "/ops/sites/<site_id>/warranties/void",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(AMS, ADMIN)],
)
def void_warranty(site_id: str, body: VoidIn) -> One:
    """Void the warranties of a kind that hold on a day, from that day on (B-55)."""
    return shown(
        portfolio.void_warranty(
            RECORDS,
            site_id=site_id,
            kind=body.kind,
            on=body.on,
            reason=body.reason,
            **acting(),
        )
    )


@router.get(
    "/ops/sites/<site_id>/equipment",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, AMS, RM, AUDITOR)],
)
def get_equipment(site_id: str) -> One:
    """Give what is built in at a site, by serial number (P-71)."""
    require(RECORDS.load(Site, site_id), "site", site_id)
    return shown(portfolio.equipment_of(RECORDS, site_id).record)
