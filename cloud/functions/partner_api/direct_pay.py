"""Routes by which partners join and leave Direct Pay, as a whole and for one project."""

from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from cloud.adapters.api import allowed, answers
from cloud.functions.partner_api.desk import CLOCK, RECORDS
from cloud.functions.partner_api.direct_pay_shapes import (
    DirectPayOut,
    EnrolmentOut,
    MaterialOut,
    ProjectDirectPayOut,
    VendorChoiceIn,
    VendorOut,
)
from cloud.functions.partner_api.money_desk import accounting_admin, organisation_asked
from cloud.funding.direct_pay import DirectPay, Vendor
from cloud.funding.process import direct_pay
from cloud.kernel.calendar import eastern_day
from cloud.kernel.ports import require
from cloud.portfolio.models import Partner, Project

router = Router()
TAGS = ["Direct Pay"]


@router.get("/v1/organisation/direct_pay", responses=answers(), tags=TAGS)
def get_enrolment(organisation: Annotated[str, Query(max_length=200)] = "") -> EnrolmentOut:
    """Give whom the organisation's new projects order from, and who could be chosen (F30)."""
    accounting_admin()
    return _enrolment(organisation_asked(RECORDS, organisation))


@router.post("/v1/organisation/direct_pay", responses=answers(), tags=TAGS)
def choose_vendor(body: VendorChoiceIn) -> EnrolmentOut:
    """Let the organisation's future projects order from a vendor, or from none (F30, F34)."""
    by, at = accounting_admin().client_id, CLOCK.now()
    partner_id = organisation_asked(RECORDS, body.organisation)
    if body.vendor_id is None:
        direct_pay.leave_organisation(RECORDS, partner_id=partner_id, at=at, by=by)
    else:
        allowed(
            direct_pay.enrol_organisation(
                RECORDS, partner_id=partner_id, vendor_id=body.vendor_id, at=at, by=by
            )
        )
    return _enrolment(partner_id)


@router.get("/v1/projects/<project_id>/direct_pay", responses=answers(), tags=TAGS)
def get_direct_pay(project_id: str) -> ProjectDirectPayOut:
    """Give how a project stands with Direct Pay, and its material clocks (F19, F21, F31)."""
    accounting_admin()
    project, at = _own(project_id), CLOCK.now()
    direct = direct_pay.standing_of(RECORDS, project, at=at).record
    verdict = direct_pay.material_verdict(direct, project, at)
    return ProjectDirectPayOut(
        **DirectPayOut.of(direct, eastern_day(at)).model_dump(),
        material=MaterialOut.of(verdict) if verdict else None,
    )


@router.post("/v1/projects/<project_id>/direct_pay/opt_in", responses=answers(), tags=TAGS)
def opt_in(project_id: str) -> DirectPayOut:
    """Let a project take part, until the vendor ships; the vendor is told (F33, F34)."""
    by, at, project = accounting_admin().client_id, CLOCK.now(), _own(project_id)
    answer = direct_pay.opt_in(
        RECORDS, project_id=project_id, partner_id=project.partner_id, at=at, by=by
    )
    return _shown(allowed(answer))


@router.post("/v1/projects/<project_id>/direct_pay/opt_out", responses=answers(), tags=TAGS)
def opt_out(project_id: str) -> DirectPayOut:
    """Let a project leave, until the vendor ships; the vendor is told (F33, F34)."""
    by, at, project = accounting_admin().client_id, CLOCK.now(), _own(project_id)
    answer = direct_pay.opt_out(
        RECORDS, project_id=project_id, partner_id=project.partner_id, at=at, by=by
    )
    return _shown(allowed(answer))


def _own(project_id: str) -> Project:
    """Give a project of the caller's organisation or of a part of it.

    Raises:
        NotFound: it is neither's.
    """
    project = require(RECORDS.load(Project, project_id), "project", project_id).record
    organisation_asked(RECORDS, project.partner_id)
    return project


def _shown(direct: DirectPay) -> DirectPayOut:
    return DirectPayOut.of(direct, eastern_day(CLOCK.now()))


def _enrolment(partner_id: str) -> EnrolmentOut:
    partner = require(RECORDS.load(Partner, partner_id), "organisation", partner_id).record
    vendors = RECORDS.find(Vendor, by="is_active", value="True")
    return EnrolmentOut(
        organisation=partner_id,
        vendor_id=partner.direct_pay_vendor_id,
        vendors=[VendorOut.of(one.record) for one in vendors],
    )
