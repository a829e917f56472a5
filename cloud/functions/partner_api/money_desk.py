"""Who may see and move money over the partner API, and whose money it may be (F27)."""

from typing import Any

from aws_lambda_powertools.event_handler import Response

from cloud.adapters.api import answers
from cloud.functions.partner_api.caller import Caller, caller
from cloud.functions.partner_api.desk import CLOCK
from cloud.functions.partner_api.money_caller import as_accounting_admin, is_reached
from cloud.kernel.calendar import eastern_day
from cloud.kernel.ports import Records, require
from cloud.portfolio.models import Partner

CSV_TYPE = "text/csv; charset=utf-8; header=present"


def typed(kind: str) -> dict[int, Any]:
    """Give what a route documents that answers with text of another type than JSON."""
    done = {"description": "Done", "content": {kind: {"schema": {"type": "string"}}}}
    return {**answers(), 200: done}


CSV = typed("text/csv")
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
    return as_accounting_admin(caller(), action, on=eastern_day(CLOCK.now()))


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
