"""Whether a caller may see money, and whose (F27)."""

from datetime import date

from cloud.adapters.api import Forbidden
from cloud.functions.partner_api.caller import Caller
from cloud.funding.approval import is_allowed
from cloud.funding.policy import F27
from cloud.kernel.ports import Records
from cloud.portfolio.models import Partner


def as_accounting_admin(found: Caller, action: str, *, on: date) -> Caller:
    """Give the caller, an Accounting Admin's program (F27).

    Raises:
        Forbidden: it has not the role.
    """
    if not is_allowed(found.roles, action, same_organisation=True, on=on):
        msg = f"this is for programs with the role {F27.on(on)}: an Accounting Admin grants it"
        raise Forbidden(msg)
    return found


def is_reached(records: Records, partner_id: str, mine: Caller) -> bool:
    """Tell whether an organisation is the caller's own or a part of it, in the caller's mode."""
    if partner_id == mine.partner_id:
        return True
    found = records.load(Partner, partner_id) if partner_id else None
    return (
        found is not None
        and found.record.parent_id == mine.partner_id
        and found.record.mode == mine.principal.mode
    )
