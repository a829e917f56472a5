"""What stands before every route: whose the thing is, what the token allows, which version.

The order is the rule's (T-91): what is not the caller's does not exist, whatever the token allows;
then the scope counts; then, for money, the role (F27); then whether the thing is still the caller's
to change. Commands whose scope is there are let through unread, but for money: their processes say
the same of what they load.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from cloud.adapters.api import Forbidden, forbidden, problem, stopped_by
from cloud.functions.partner_api.caller import caller
from cloud.functions.partner_api.money_caller import as_accounting_admin, is_reached
from cloud.funding.exports import ExportOrder
from cloud.funding.extension import ExtensionRequest
from cloud.funding.tickets import Ticket
from cloud.invoicing.models import BackBill, Dispute, Invoice
from cloud.kernel.calendar import eastern_day
from cloud.kernel.clock import Clock
from cloud.kernel.ports import Records, Stored
from cloud.portfolio.models import Project
from cloud.reporting.webhooks import WebhookEndpoint
from cloud.service.access import OK, Principal, Resource, status_of
from cloud.service.models import WorkOrder
from cloud.service.uploads import Purpose, Upload

READS = frozenset({"GET", "HEAD"})

TYPES = {
    "work_orders": "work_order",
    "invoices": "invoice",
    "uploads": "upload",
    "back_bills": "back_bill",
    "disputes": "dispute",
    "organisation": "organisation",
    "scorecard": "scorecard",
    "payouts": "funding",
    "risk": "funding",
    "remittances": "funding",
    "exports": "funding",
    "projects": "funding",
    "extension_requests": "funding",
    "tickets": "funding",
    "funding_calendar": "funding",
    "funding_calendar.ics": "funding",
    "events": "event",
    "webhook_endpoints": "webhook",
}
"""First part of a path behind ``/v1/`` -> the resource that a scope names."""

MONEY = "funding"
PUBLISHED = frozenset({"funding_calendar", "funding_calendar.ics"})
"""Collections about money that are nobody's own: they ask for the scope and for no role (F27)."""
SINGLE: Mapping[tuple[str, str], str] = {
    ("organisation", "direct_pay"): MONEY,
    ("organisation", "accounting_admins"): MONEY,
    ("organisation", "documents"): MONEY,
    ("organisation", "bank_changes"): MONEY,
}
"""First two parts of a path whose scope is another than its collection's."""

KINDS: Mapping[str, type[Any]] = {
    "work_orders": WorkOrder,
    "invoices": Invoice,
    "back_bills": BackBill,
    "disputes": Dispute,
    "uploads": Upload,
    "projects": Project,
    "exports": ExportOrder,
    "extension_requests": ExtensionRequest,
    "tickets": Ticket,
    "webhook_endpoints": WebhookEndpoint,
}
"""Collections whose second part of the path is the id of a record, and what that is."""
OWN = frozenset({"exports"})
"""Collections about money that are for who asked only, not for the organisation above it."""
COMMANDS = frozenset(
    {
        ("POST", "invoices", "validate"),
        ("POST", "invoices", "drafts"),
        ("GET", "exports", "download"),
        ("POST", "extension_requests", "proofs"),
    }
)
"""Paths whose second part names no record, by method and collection."""

_HERE: ContextVar[Stored[Any] | None] = ContextVar("here", default=None)
Resolve = Callable[[dict[str, Any], Any], dict[str, Any]]


def here() -> Any:
    """Give the record that the path of this reading request names; it is the caller's."""
    stored = _HERE.get()
    return None if stored is None else stored.record


class Gate:
    """Lets a request through to its route, or answers it, before its body is looked at."""

    def __init__(self, records: Records, clock: Clock, resolve: Resolve) -> None:
        self._records = records
        self._clock = clock
        self._resolve = resolve

    def answer(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Answer 403, 404, 409 or 412, or as the route does; with the version that was read."""
        _HERE.set(None)
        try:
            stopped = self._stopped(event)
        except Forbidden as lacking:
            return forbidden(event, str(lacking))
        if stopped is not None:
            return stopped_by(event, stopped)
        answer = self._resolve(event, context)
        stored = _HERE.get()
        if stored is not None and answer["statusCode"] == HTTPStatus.OK:
            answer["headers"]["ETag"] = etag(stored)
        return answer

    def _stopped(self, event: Mapping[str, Any]) -> Response[str] | None:
        """Give the problem that a request meets; a thing that is read is kept for its route."""
        http = event["requestContext"]["http"]
        collection, record_id = (*event["rawPath"].split("/")[2:], "", "")[:2]
        if collection not in TYPES:
            return None
        if not caller().partner_id:
            return problem(403, "The token does not allow it", "the token is not a partner's")
        kind, method = kind_of(collection, record_id), http["method"]
        mine = caller().principal
        wanted = event.get("headers", {}).get("if-match", "")
        is_command = (method, collection, record_id) in COMMANDS
        names_one = collection in KINDS and bool(record_id) and not is_command
        has_scope = f"{kind}:{'read' if method in READS else 'write'}" in mine.scopes
        is_money = kind == MONEY
        if names_one and has_scope and method not in READS and not wanted and not is_money:
            return None
        stored = self._records.load(KINDS[collection], record_id) if names_one else None
        asked = _resource(kind, stored, mine)
        if is_money and stored is not None and collection not in OWN:
            asked = self._of_parent(asked)
        if not names_one:
            asked = Resource(kind, mine.partner_id, mine.mode)
        status = status_of(method, principal=mine, resource=asked, on=self._clock.now().date())
        if status != OK:
            return _answered(status, method, asked, record_id)
        if (is_money and collection not in PUBLISHED) or self._is_money_paper(stored):
            today = eastern_day(self._clock.now())
            as_accounting_admin(caller(), "view_payouts", on=today)
        if wanted and stored is not None and wanted != etag(stored):
            detail = f"{record_id} changed meanwhile: it is {etag(stored)} now, load it again"
            return problem(412, "It is another version by now", detail)
        _HERE.set(stored if method in READS else None)
        return None

    def _is_money_paper(self, stored: Stored[Any] | None) -> bool:
        """Tell whether a file is a paper of a project or of the organisation, and of no work order.

        Such are proofs and papers about money, whose routes ask for the role as well (F27).
        """
        if stored is None or not isinstance(stored.record, Upload):
            return False
        is_evidence = stored.record.purpose is Purpose.EVIDENCE
        return is_evidence and self._records.load(WorkOrder, stored.record.work_order_id) is None

    def _of_parent(self, asked: Resource) -> Resource:
        """Give a thing as the caller's where it is of a sub-organisation of the caller's (F27)."""
        mine = caller()
        if not is_reached(self._records, asked.partner_id, mine):
            return asked
        return Resource(asked.type, mine.partner_id, mine.principal.mode)


def kind_of(collection: str, second: str = "") -> str:
    """Give the resource that a path's scopes name, by its first two parts behind ``/v1/``."""
    return SINGLE.get((collection, second), TYPES[collection])


def etag(stored: Stored[Any]) -> str:
    """Give the version of a record as HTTP names it."""
    return f'"{stored.version}"'


def _resource(kind: str, stored: Stored[Any] | None, mine: Principal) -> Resource:
    """Give the thing as the caller stands to it; an order that it once had is its own to read."""
    if stored is None:
        return Resource(kind, "", mine.mode)
    record = stored.record
    if not isinstance(record, WorkOrder):
        return Resource(kind, record.partner_id, mine.mode)
    offers = [one for one in record.assignments if one.partner_id == mine.partner_id]
    if not offers:
        return Resource(kind, "", mine.mode)
    is_past = record.partner_id != mine.partner_id
    return Resource(kind, mine.partner_id, mine.mode, offers[-1].state if is_past else "")


def _answered(status: int, method: str, asked: Resource, record_id: str) -> Response[str]:
    if status == HTTPStatus.FORBIDDEN:
        verb = "read" if method in READS else "write"
        detail = f"the token lacks the scope sunreeve/{asked.type}:{verb}"
        return problem(status, "The token does not allow it", detail)
    if status == HTTPStatus.CONFLICT:
        because = f"your assignment stands as {asked.assignment_state.replace('_', ' ')}"
        errors = [{"code": "conflict", "message": because, "rule": "T-91"}]
        return problem(status, "It stands otherwise by now", because, errors)
    detail = f"{asked.type.replace('_', ' ')} {record_id} is not known here: check the id"
    return problem(status, "There is no such thing for you", detail)
