"""Routes of who may see a partner's money: an Accounting Admin makes the others (F27, P-80)."""

from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field

from cloud.adapters.api import No, answers
from cloud.adapters.plain_text import Plain
from cloud.functions.partner_api.desk import CLOCK, RECORDS
from cloud.functions.partner_api.money_caller import is_reached
from cloud.functions.partner_api.money_desk import accounting_admin, organisation_asked
from cloud.functions.partner_api.shapes import In
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.portfolio import process
from cloud.portfolio.models import ApiClient
from cloud.portfolio.papers import PartnerRole
from cloud.portfolio.process.people import Holder

router = Router()
TAGS = ["Accounting Admins"]
GRANT = "grant_accounting_admin"
ROLE = PartnerRole.ACCOUNTING_ADMIN


class HolderIn(In):
    """The person or program that gains or loses the role."""

    holder_id: Annotated[str, Field(min_length=1, max_length=200), Plain]


class HolderOut(BaseModel):
    """A person or a program, and whether it has the role."""

    holder_id: str
    organisation: str
    name: str
    is_accounting_admin: bool
    is_active: bool

    @classmethod
    def of(cls, one: Holder) -> "HolderOut":
        """Give what is shown of one; a program goes by its id."""
        return cls(
            holder_id=one.id,
            organisation=one.partner_id,
            name=getattr(one, "name", one.id),
            is_accounting_admin=ROLE in one.roles,
            is_active=not one.is_stopped if isinstance(one, ApiClient) else one.is_active,
        )


class HoldersOut(BaseModel):
    """The people and programs of an organisation."""

    items: list[HolderOut]


@router.get("/v1/organisation/accounting_admins", responses=answers(), tags=TAGS)
def list_holders(
    organisation: Annotated[str, Query(max_length=200)] = "",
) -> HoldersOut:
    """List the organisation's people and programs, and which of them see its money."""
    accounting_admin(GRANT)
    found = process.people_of(RECORDS, organisation_asked(RECORDS, organisation))
    return HoldersOut(items=[HolderOut.of(one) for one in found])


@router.post("/v1/organisation/accounting_admins", responses=answers(), tags=TAGS)
def grant(body: HolderIn) -> HolderOut:
    """Make one of the organisation, or of a part of it, an Accounting Admin (P-80)."""
    granter_id = _may_decide_on(body.holder_id)
    after = process.grant_role(
        RECORDS, holder_id=body.holder_id, role=ROLE, granter_id=granter_id, at=CLOCK.now()
    )
    return _shown(after)


@router.post("/v1/organisation/accounting_admins/revoke", responses=answers(), tags=TAGS)
def revoke(body: HolderIn) -> HolderOut:
    """Take the role from one, but never from an organisation's last (P-80)."""
    revoker_id = _may_decide_on(body.holder_id)
    after = process.revoke_role(
        RECORDS, holder_id=body.holder_id, role=ROLE, revoker_id=revoker_id, at=CLOCK.now()
    )
    return _shown(after)


def _may_decide_on(holder_id: str) -> str:
    """Give who decides; somebody of an organisation out of reach does not exist for it."""
    mine = accounting_admin(GRANT)
    known = process.holder(RECORDS, holder_id)
    if not is_reached(RECORDS, known.partner_id, mine):
        msg = f"person or program {holder_id} is not known here: check the id"
        raise NotFound(msg)
    return mine.client_id


def _shown(answer: Holder | Refused) -> HolderOut:
    if isinstance(answer, Refused):
        raise No(answer)
    return HolderOut.of(answer)
