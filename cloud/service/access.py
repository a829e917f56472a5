"""What a caller of the partner interface may see and change."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from cloud.service.policy import TENANT_STATUS

OK = 200
_READS = {"GET", "HEAD"}
_GIVEN_UP = {"reassigned", "declined", "expired", "expired_reassigned", "withdrawn"}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: a partner's program or person, or one of the owner's.

    Attributes:
        partner_id: empty for the owner's own people.
    """

    partner_id: str
    is_partner: bool
    mode: str
    scopes: Collection[str]


@dataclass(frozen=True, slots=True)
class Resource:
    """What is called for, and how the caller's assignment to it stands."""

    type: str
    partner_id: str
    mode: str
    assignment_state: str = ""


def status_of(method: str, *, principal: Principal, resource: Resource, on: date) -> int:
    """Give the status that a call ends with (T-91).

    Another partner's or another mode's thing is not there, whatever the scopes. Then the scope
    counts, and last whether the assignment is still the caller's to change; it may read a past one.
    """
    absent, forbidden, conflict = TENANT_STATUS.on(on)
    is_strange = principal.is_partner and principal.partner_id != resource.partner_id
    if is_strange or principal.mode != resource.mode:
        return absent
    verb = "read" if method.upper() in _READS else "write"
    if f"{resource.type}:{verb}" not in principal.scopes:
        return forbidden
    if verb == "write" and resource.assignment_state in _GIVEN_UP:
        return conflict
    return OK
