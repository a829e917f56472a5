"""Who a signed-in person is here: one of a partner's people, or one of the owner's."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from cloud.kernel.clock import Clock
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

ROLES_KEPT = timedelta(minutes=5)
"""How long a door goes by the groups that the user pool told it of somebody."""


class Groups(Protocol):
    """Who is in which group of the user pool now (`cloud.adapters.staff`)."""

    def roles_of(self, name: str) -> frozenset[str]:
        """Give somebody's groups; nobody, and whoever is switched off, has none.

        Raises:
            Unavailable: the pool did not answer.
        """
        ...


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


def of_owner(pool: Groups, clock: Clock) -> Callable[[Mapping[str, str]], Visitor | None]:
    """Give what finds one of the owner's people by the claims of a token.

    Their roles are the groups that the user pool knows now, or knew at most `ROLES_KEPT` ago, and
    never those of signing in: a role that is taken away, and a person who is switched off, are out
    within that time, whatever the session. Where the pool does not answer, nobody is let in on what
    it said before that.
    """
    known: dict[str, tuple[frozenset[str], datetime]] = {}

    def roles_now(name: str) -> frozenset[str]:
        at = clock.now()
        roles, asked_at = known.get(name, (frozenset[str](), at - ROLES_KEPT))
        if not timedelta(0) <= at - asked_at < ROLES_KEPT:
            roles = pool.roles_of(name) & STAFF
            known[name] = (roles, at)
        return roles

    def found(claims: Mapping[str, str]) -> Visitor | None:
        name = claims.get("username", "")
        roles = roles_now(name) if name else frozenset[str]()
        return Visitor(username=name, name=name, roles=roles) if roles else None

    return found
