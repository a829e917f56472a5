"""Who may see and move money over the partner API, and whose money it may be (F27)."""

from typing import Any

from aws_lambda_powertools.event_handler import Response

from cloud.adapters.api import Forbidden, answers
from cloud.functions.partner_api.caller import Caller, caller
from cloud.functions.partner_api.desk import CLOCK
from cloud.funding.approval import is_allowed
from cloud.funding.policy import F27
from cloud.kernel.calendar import eastern_day
from cloud.kernel.ports import Records, require
from cloud.portfolio.models import Partner

CSV_TYPE = "text/csv; charset=utf-8; header=present"
CSV: dict[int, Any] = {
    **answers(),
    200: {"description": "Done", "content": {"text/csv": {"schema": {"type": "string"}}}},
}
"""What a route that answers with CSV documents."""


def as_csv(text: str) -> Response[str]:
    """Give a table as the whole answer."""
    return Response(status_code=200, content_type=CSV_TYPE, body=text)


def accounting_admin(action: str = "view_payouts") -> Caller:
    """Give who calls, an Accounting Admin's program (F27).

    Args:
        action: what is asked for, one of `cloud.funding.approval.ACTIONS`.

    Raises:
        Forbidden: it has not the role.
    """
    found, today = caller(), eastern_day(CLOCK.now())
    if not is_allowed(found.roles, action, same_organisation=True, on=today):
        msg = f"this is for programs with the role {F27.on(today)}: an Accounting Admin grants it"
        raise Forbidden(msg)
    return found


def organisation_asked(records: Records, partner_id: str = "") -> str:
    """Give whose money is asked for: the caller's own, or that of a sub-organisation of it.

    Raises:
        NotFound: it is neither, and so does not exist for the caller.
    """
    mine = caller()
    if partner_id in {"", mine.partner_id}:
        return mine.partner_id
    reached = records.load(Partner, partner_id) if is_reached(records, partner_id, mine) else None
    return require(reached, "organisation", partner_id).record.id


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
