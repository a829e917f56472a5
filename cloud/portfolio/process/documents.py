"""A partner's papers: on file, accepted or refused, withdrawn, looked at."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.ids import derived
from cloud.kernel.ports import Documents, Records, Stored, require
from cloud.portfolio import letters
from cloud.portfolio.models import Partner, Project
from cloud.portfolio.papers import REVIEW, DocumentKind, DocumentState, PartnerDocument

_GATES: Mapping[DocumentKind, str] = {
    DocumentKind.W9: "w9_on_file",
    DocumentKind.BANK_AUTHORIZATION: "bank_authorization_on_file",
}
"""The papers that nobody is paid without (F05), and where the partner's record says so."""
_GONE = frozenset({DocumentState.REFUSED, DocumentState.WITHDRAWN})


def papers_folder(partner_id: str) -> str:
    """Give where a partner's papers lie in the document store that the owner's people put there."""
    return f"papers/{partner_id}/"


# ---------------------------------------------------------------------- by the owner's people
def record_partner_document(
    records: Records,
    documents: Documents,
    *,
    partner_id: str,
    kind: DocumentKind,
    reference: str,
    at: datetime,
    by: str,
) -> PartnerDocument | Refused:
    """Put a paper of a partner on file that is kept already; payments no longer wait for it (F05).

    The same paper again changes nothing; one that was withdrawn comes back under another reference.
    A bank authorization beside one that is on file is about another account: it waits until a
    change of bank details names it.
    """
    known = require(records.load(Partner, partner_id), "partner", partner_id)
    gate = _GATES.get(kind)
    if gate is None:
        return Refused("F05", f"a {kind} document belongs to a project's case", "no_onboarding")
    told = PartnerDocument("", partner_id, kind, reference, recorded_at=at, recorded_by=by)
    stored, made = _as_told(records, told)
    if stored is not None:
        return _as_it_stands(stored.record)
    if not _is_kept(documents, partner_id, reference):
        return _not_kept(partner_id, reference)
    if kind is DocumentKind.BANK_AUTHORIZATION and known.record.bank_authorization_on_file:
        return _beside(records, made)
    says = f"{_name(made)} of partner {partner_id} is on file"
    event = Event(partner_id, "document_recorded", at, by, "F05", (made.id,), says)
    partner = known.replaced_by(replace(known.record, **_flag(gate, to=True)))
    records.commit(Change(saves=(Save(made, NEW), partner), events=(event,)))
    return made


def _beside(records: Records, made: PartnerDocument) -> PartnerDocument:
    """Keep an authorization of another account until a change of bank details names it."""
    waiting = replace(made, state=DocumentState.WAITING, task=REVIEW)
    says = f"{_name(made)} of partner {made.partner_id} waits for a change of bank details"
    event = Event(
        made.partner_id,
        "document_sent",
        made.recorded_at,
        made.recorded_by,
        "F05",
        (made.id,),
        says,
    )
    records.commit(Change(saves=(Save(waiting, NEW),), events=(event,)))
    return waiting


def record_compliance_document(
    records: Records,
    documents: Documents,
    *,
    project_id: str,
    reference: str,
    at: datetime,
    by: str,
) -> PartnerDocument | Refused:
    """Put a paper for a project's case on file that is kept already, for a person to look at (F18).

    The case stays open until a person closes it.
    """
    project = require(records.load(Project, project_id), "project", project_id).record
    told = PartnerDocument(
        "",
        project.partner_id,
        DocumentKind.COMPLIANCE,
        reference,
        recorded_at=at,
        recorded_by=by,
        project_id=project_id,
        task=REVIEW,
        state=DocumentState.WAITING,
    )
    stored, made = _as_told(records, told)
    if stored is not None:
        return _as_it_stands(stored.record)
    if not _is_kept(documents, project.partner_id, reference):
        return _not_kept(project.partner_id, reference)
    says = f"a document came for the case of project {project_id}: please review it"
    event = Event(project_id, "compliance_document_recorded", at, by, "F18", (made.id,), says)
    records.commit(Change(saves=(Save(made, NEW),), events=(event,)))
    return made


# ---------------------------------------------------------------------- looking at them
def document(records: Records, document_id: str) -> Stored[PartnerDocument]:
    """Give a partner's paper with its version.

    Raises:
        NotFound: there is none of that id.
    """
    return require(records.load(PartnerDocument, document_id), "document", document_id)


def accept_document(
    records: Records, *, document_id: str, at: datetime, by: str
) -> PartnerDocument | Refused:
    """Accept a paper that waits; payments no longer wait for its kind (F05).

    One for a case decides nothing (F18). A bank authorization beside one that is on file is about
    another account: a change of bank details that names it lets it count.
    """
    stored = document(records, document_id)
    waiting = stored.record
    if waiting.is_on_file:
        return waiting
    if waiting.state is not DocumentState.WAITING:
        return _stands(waiting)
    known = require(records.load(Partner, waiting.partner_id), "partner", waiting.partner_id)
    is_authorization = waiting.kind is DocumentKind.BANK_AUTHORIZATION
    if is_authorization and known.record.bank_authorization_on_file:
        because = (
            f"partner {waiting.partner_id} has an authorization for the account that is paid: "
            f"name document {document_id} in a change of bank details"
        )
        return Refused("F05", because, "belongs_to_bank_change")
    after = replace(waiting, state=DocumentState.ON_FILE, task="", reviewed_by=by, reviewed_at=at)
    gate = _GATES.get(waiting.kind)
    saves = [stored.replaced_by(after)]
    if gate is not None:
        saves.append(known.replaced_by(replace(known.record, **_flag(gate, to=True))))
    says = f"{by} accepts the {_name(waiting)} of partner {waiting.partner_id}"
    event = Event(
        _subject(waiting), "document_accepted", at, by, _rule(waiting), (document_id,), says
    )
    records.commit(Change(saves=tuple(saves), events=(event,)))
    return after


def refuse_document(
    records: Records, *, document_id: str, because: str, at: datetime, by: str
) -> PartnerDocument | Refused:
    """Refuse a paper that waits, and tell the partner why (F05, F18); no gate changes."""
    stored = document(records, document_id)
    waiting = stored.record
    if waiting.state is DocumentState.REFUSED and waiting.reviewed_by == by:
        return waiting
    if waiting.state is not DocumentState.WAITING:
        return _stands(waiting)
    if not because.strip():
        return Refused(_rule(waiting), "refusing a document says why", "reason_missing")
    partner = require(records.load(Partner, waiting.partner_id), "partner", waiting.partner_id)
    after = replace(
        waiting,
        state=DocumentState.REFUSED,
        task="",
        reviewed_by=by,
        reviewed_at=at,
        because=because.strip(),
    )
    says = f"{by} refuses the {_name(waiting)} of partner {waiting.partner_id}: {after.because}"
    event = Event(
        _subject(waiting), "document_refused", at, by, _rule(waiting), (document_id,), says
    )
    told = letters.document_refused(after, partner=partner.record, at=at)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), letters=told))
    return after


def review_document(
    records: Records, *, document_id: str, at: datetime, by: str
) -> PartnerDocument | Refused:
    """Note that somebody looked at a paper of a case (F18); it decides nothing."""
    stored = document(records, document_id)
    waiting = stored.record
    if waiting.kind is not DocumentKind.COMPLIANCE:
        because = f"document {document_id} belongs to no case: it is accepted or refused"
        return Refused("F18", because, "no_case")
    if waiting.task != REVIEW:
        return waiting
    after = replace(waiting, task="", state=DocumentState.ON_FILE, reviewed_by=by, reviewed_at=at)
    says = f"{by} looked at a document for project {waiting.project_id}"
    event = Event(
        waiting.project_id, "compliance_document_reviewed", at, by, "F18", (waiting.id,), says
    )
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


# ---------------------------------------------------------------------- until they count no more
def withdraw_partner_document(
    records: Records, *, document_id: str, because: str, at: datetime, by: str
) -> PartnerDocument | Refused:
    """Withdraw a paper; payments wait again unless another one of its kind is on file (F05)."""
    stored = document(records, document_id)
    known = stored.record
    if known.withdrawn_at is not None:
        return known
    if not because.strip():
        return Refused("F05", "withdrawing a document says why", "reason_missing")
    partner = require(records.load(Partner, known.partner_id), "partner", known.partner_id)
    gate = _GATES.get(known.kind)
    saves = [stored.replaced_by(_withdrawn(known, by=by, at=at))]
    if gate is not None and known.is_on_file:
        is_left = any(one.record.kind is known.kind for one in _others(records, known))
        saves.append(partner.replaced_by(replace(partner.record, **_flag(gate, to=is_left))))
    says = f"{_name(known)} of partner {known.partner_id} counts no more: {because.strip()}"
    event = Event(known.partner_id, "document_withdrawn", at, by, "F05", (known.id,), says)
    records.commit(Change(saves=tuple(saves), events=(event,)))
    return _withdrawn(known, by=by, at=at)


def taking_the_place(
    records: Records, stored: Stored[PartnerDocument], *, at: datetime, by: str
) -> tuple[Save, ...]:
    """Give a paper as the one that stands, and the others of its kind as withdrawn (F05)."""
    new = replace(
        stored.record, state=DocumentState.ON_FILE, task="", reviewed_by=by, reviewed_at=at
    )
    old = [one for one in _others(records, new) if one.record.kind is new.kind]
    gone = (one.replaced_by(_withdrawn(one.record, by=by, at=at)) for one in old)
    return (stored.replaced_by(new), *gone)


def _withdrawn(known: PartnerDocument, *, by: str, at: datetime) -> PartnerDocument:
    return replace(known, state=DocumentState.WITHDRAWN, withdrawn_at=at, withdrawn_by=by, task="")


def _as_told(
    records: Records, made: PartnerDocument
) -> tuple[Stored[PartnerDocument] | None, PartnerDocument]:
    """Give the document on record under the same reference, and what would be put there."""
    reference = derived("DOC", made.partner_id, made.kind, made.reference, made.project_id)
    return records.load(PartnerDocument, reference), replace(made, id=reference)


def _as_it_stands(known: PartnerDocument) -> PartnerDocument | Refused:
    if known.state not in _GONE:
        return known
    because = f"document {known.id} was {known.state}: give the new one another reference"
    return Refused("F05", because, "conflict")


def _stands(known: PartnerDocument) -> Refused:
    return Refused(_rule(known), f"document {known.id} is {known.state} already", "conflict")


def _is_kept(documents: Documents, partner_id: str, reference: str) -> bool:
    """Tell whether a reference names a paper of that partner in the document store."""
    if not reference.startswith(papers_folder(partner_id)):
        return False
    try:
        documents.get(reference)
    except NotFound:
        return False
    return True


def _not_kept(partner_id: str, reference: str) -> Refused:
    because = f"nothing is kept as {reference!r}: lay the file under {papers_folder(partner_id)}"
    return Refused("F05", because, "document_not_kept")


def _others(records: Records, known: PartnerDocument) -> list[Stored[PartnerDocument]]:
    """Give a partner's other papers on file, each as it stands now and not as an index has it."""
    found = records.find(PartnerDocument, by="partner_id", value=known.partner_id)
    ids = [one.record.id for one in found if one.record.id != known.id]
    now = records.load_all(PartnerDocument, ids)
    return [one for one in now.values() if one.record.is_on_file]


def _name(known: PartnerDocument) -> str:
    return known.kind.replace("_", " ")


def _rule(known: PartnerDocument) -> str:
    return "F18" if known.kind is DocumentKind.COMPLIANCE else "F05"


def _subject(known: PartnerDocument) -> str:
    return known.project_id or known.partner_id


def _flag(gate: str, *, to: bool) -> dict[str, Any]:
    return {gate: to}
