"""Who a signed-in person is here: one of a partner's people, or one of the owner's."""

from collections.abc import Callable, Mapping

from cloud.adapters.api import groups_of
from cloud.kernel.ports import Records
from cloud.portal.asking import Visitor
from cloud.portfolio.models import Partner
from cloud.portfolio.papers import PartnerPerson

STAFF = frozenset(
    {
        "spc",
        "relationship_manager",
        "ams",
        "accounting_admin",
        "projects",
        "auditor",
        "admin",
        "accounting",
        "treasury",
    }
)
"""Groups of the user pool that have business in the console."""


def of_partners(records: Records) -> Callable[[Mapping[str, str]], Visitor | None]:
    """Give what finds a partner's person by the claims of a token.

    Partner and roles are those on record now, not those when the person signed in; who was let go,
    or whose partner is not active any more, is nobody here.
    """

    def found(claims: Mapping[str, str]) -> Visitor | None:
        name = claims.get("username", "")
        stored = records.load(PartnerPerson, name) if name else None
        if stored is None or not stored.record.is_active:
            return None
        person = stored.record
        partner = records.load(Partner, person.partner_id)
        if partner is None or not partner.record.active:
            return None
        return Visitor(
            username=person.id,
            name=person.name,
            roles=person.roles,
            partner_id=person.partner_id,
            partner_name=partner.record.name,
            mode=partner.record.mode,
        )

    return found


def of_owner(claims: Mapping[str, str]) -> Visitor | None:
    """Give one of the owner's people by the claims of a token; groups are those of signing in."""
    name = claims.get("username", "")
    roles = groups_of(claims) & STAFF
    return Visitor(username=name, name=name, roles=roles) if name and roles else None
