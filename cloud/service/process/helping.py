"""What customers write into the form: kept as it came, then linked to a home and reported."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cloud.kernel.change import Change, Event, Message, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Site
from cloud.service.cases import Desks
from cloud.service.matching import home_of
from cloud.service.models import Case, CaseSource, HelpRequest, HelpState, ReportedFamily
from cloud.service.process.intake import report

HELP_REQUEST = "help_request"
"""Topic: a request came in by the form."""
BY_FORM = "form"


def ask_for_help(
    records: Records,
    *,
    name: str,
    email: str,
    phone: str,
    address: str,
    family: ReportedFamily,
    is_grid_out: bool,
    says: str,
    at: datetime,
) -> HelpRequest:
    """Keep a request as it was written; whose home it is is found out afterwards (C-02).

    The page that asks for it shows the help desk's number first (C-03). Nothing of the answer
    depends on whether the home is known here: who writes learns nothing. The same words on the same
    day are the same request.
    """
    words = [" ".join(one.split()) for one in (name, email.casefold(), phone, address, says)]
    day = at.astimezone(UTC).date()
    request = HelpRequest(
        id=derived("HR", *words, family, str(is_grid_out), day.isoformat()),
        state=HelpState.NEW,
        name=words[0],
        email=email.strip(),
        phone=words[2],
        address=words[3],
        family=family,
        is_grid_out=is_grid_out,
        says=words[4],
        at=at,
    )
    event = Event(request.id, "help_asked_for", at, BY_FORM, "C-02", says=f"{family}: {words[4]}")
    body = {"request_id": request.id}
    message = Message(id=request.id, topic=HELP_REQUEST, at=at, body=body)
    try:
        records.commit(Change(saves=(Save(request),), events=(event,), messages=(message,)))
    except Conflict:  # it is here already, and on its way
        return require(records.load(HelpRequest, request.id), "help request", request.id).record
    return request


def match_help_request(
    records: Records, *, request_id: str, desks: Desks | None = None
) -> HelpRequest:
    """Report a request of a home that its mail address and postal address name (C-02).

    Any other waits for a person. A request that was looked at before is left as it is.
    """
    stored = _load(records, request_id)
    request = stored.record
    if request.state is not HelpState.NEW:
        return request
    key = request.email.strip().casefold()
    found = records.find(Site, by="customer_key", value=key)
    site = home_of((one.record for one in found), email=request.email, address=request.address)
    if site is not None:
        return _linked(records, stored, site_id=site.id, desks=desks, by="", at=request.at)
    unmatched = replace(request, state=HelpState.UNMATCHED)
    says = "no home is known by that mail address and that address: find it and link it"
    event = Event(request.id, "help_unmatched", request.at, BY_FORM, "C-02", says=says)
    records.commit(Change(saves=(stored.replaced_by(unmatched),), events=(event,)))
    return unmatched


def link_help_request(
    records: Records,
    *,
    request_id: str,
    site_id: str,
    desks: Desks | None = None,
    at: datetime,
    by: str,
) -> HelpRequest | Refused:
    """Report a request as one of a home that a person found (C-02)."""
    stored = _load(records, request_id)
    request = stored.record
    if request.state is HelpState.LINKED and request.site_id == site_id:
        return request
    if request.state in {HelpState.LINKED, HelpState.DISMISSED}:
        because = f"help request {request_id} stands as {request.state}"
        return Refused("C-02", because, "conflict")
    require(records.load(Site, site_id), "site", site_id)
    return _linked(records, stored, site_id=site_id, desks=desks, by=by, at=at)


def dismiss_help_request(
    records: Records, *, request_id: str, because: str, at: datetime, by: str
) -> HelpRequest | Refused:
    """Put a request away that is none of ours, for a reason (C-02)."""
    stored = _load(records, request_id)
    request = stored.record
    if request.state is HelpState.DISMISSED:
        return request
    if request.state is HelpState.LINKED:
        because = f"help request {request_id} is a report of case {request.case_id}: cancel that"
        return Refused("C-02", because, "conflict")
    if not because.strip():
        return Refused("C-02", "a request is put away for a reason", "reason_missing")
    away = replace(request, state=HelpState.DISMISSED, decided_by=by, because=because.strip())
    event = Event(request.id, "help_dismissed", at, by, "C-02", says=because.strip())
    records.commit(Change(saves=(stored.replaced_by(away),), events=(event,)))
    return away


def help_requests(records: Records, *, state: HelpState) -> Sequence[HelpRequest]:
    """Give the requests in one state, for the help desk."""
    return tuple(one.record for one in records.find(HelpRequest, by="state", value=state))


def _linked(
    records: Records,
    stored: Stored[HelpRequest],
    *,
    site_id: str,
    desks: Desks | None,
    by: str,
    at: datetime,
) -> HelpRequest:
    """Report a request, then note it: cut off in between, the same report changes nothing."""
    request = stored.record
    case = report(
        records,
        source=CaseSource.FORM,
        site_id=site_id,
        family=request.family,
        says=request.says,
        is_grid_out=request.is_grid_out,
        reported_by=request.name,
        contact=", ".join(one for one in (request.email, request.phone) if one),
        at=request.at,
        by=by or BY_FORM,
        desks=desks,
    )
    case_id = case.id if isinstance(case, Case) else ""
    linked = replace(
        request, state=HelpState.LINKED, site_id=site_id, case_id=case_id, decided_by=by
    )
    says = f"it is a report of case {case_id}"
    event = Event(request.id, "help_linked", at, by or BY_FORM, "C-02", (case_id,), says)
    records.commit(Change(saves=(stored.replaced_by(linked),), events=(event,)))
    return linked


def _load(records: Records, request_id: str) -> Stored[HelpRequest]:
    return require(records.load(HelpRequest, request_id), "help request", request_id)
