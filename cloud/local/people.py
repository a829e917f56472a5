"""Who may sign in to a stack of this machine: the owner's people, and people of two partners.

They are invented. The sign-in page of the stack lists them, and the town has them on record.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cloud.kernel.errors import BadInput


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs in: one of the owner's people, or one of a partner's.

    Attributes:
        username: as the user pool and the records know the person.
        name: as people are called.
        roles: of the owner's people, the groups of the user pool; empty for a partner's.
        partner_id: whose person it is; empty for the owner's. What such a person may see stands
            on record (`cloud.portfolio.organisation.PartnerPerson`) and not here.
    """

    username: str
    name: str
    roles: frozenset[str] = frozenset()
    partner_id: str = ""

    def __post_init__(self) -> None:
        if not self.username or not self.name:
            msg = f"person {self.username!r}: give a username and a name"
            raise BadInput(msg)
        if bool(self.roles) == bool(self.partner_id):
            msg = f"person {self.username}: give either roles or a partner's id"
            raise BadInput(msg)

    @property
    def email(self) -> str:
        """Where the person reads mail; a domain that is nobody's (RFC 2606)."""
        first, _, of = self.username.partition(".")
        return f"{first}@{of}.example" if self.partner_id else f"{first}@owner.example"


def _staff(username: str, name: str, *roles: str) -> Person:
    return Person(username, name, roles=frozenset(roles))


PEOPLE: tuple[Person, ...] = (
    Person("ines.alder", "Ines Alder", partner_id="P-ALDER"),
    Person("bo.alder", "Bo Lindqvist", partner_id="P-ALDER"),
    Person("maria.sacramento", "Maria Delgado", partner_id="P-SACRAMENTO"),
    Person("kim.sacramento", "Kim Tran", partner_id="P-SACRAMENTO"),
    _staff("sam.spc", "Sam Carver", "spc"),
    _staff("amy.aftermarket", "Amy Okafor", "ams"),
    _staff("ron.relations", "Ron Bellamy", "relationship_manager"),
    _staff("pat.projects", "Pat Nakamura", "projects"),
    _staff("alan.accounts", "Alan Whitfield", "accounting"),
    _staff("ada.accounting", "Ada Sorensen", "accounting_admin"),
    _staff("abe.accounting", "Abe Goldman", "accounting_admin"),
    _staff("tess.treasury", "Tess Marchetti", "treasury"),
    _staff("otto.audit", "Otto Brandt", "auditor"),
    _staff("ann.admin", "Ann Kessler", "admin"),
)
"""Everybody who may sign in; partners' people come first, as a list for choosing shows them."""

ACCOUNTING_ADMINS = frozenset({"ines.alder", "maria.sacramento"})
"""Partners' people who see their organisation's money (P-80); the others of it do not."""

BY_NAME: Mapping[str, Person] = MappingProxyType({one.username: one for one in PEOPLE})


def staff() -> tuple[Person, ...]:
    """Give the owner's people."""
    return tuple(one for one in PEOPLE if one.roles)


def people_of(partner_id: str) -> tuple[Person, ...]:
    """Give a partner's people."""
    return tuple(one for one in PEOPLE if one.partner_id == partner_id)
