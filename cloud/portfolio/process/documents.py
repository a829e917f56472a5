"""A partner's papers: on file, withdrawn, looked at."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner, Project
from cloud.portfolio.papers import REVIEW, DocumentKind, PartnerDocument

_GATES: Mapping[DocumentKind, str] = {
    DocumentKind.W9: "w9_on_file",
    DocumentKind.BANK_AUTHORIZATION: "bank_authorization_on_file",
}
"""The papers that nobody is paid without (F05), and where the partner's record says so."""


def record_partner_document(
    records: Records,
    *,
    partner_id: str,
    kind: DocumentKind,
    reference: str,
    at: datetime,
    by: str,
) -> PartnerDocument | Refused:
    """Put a paper of a partner on file; payments no longer wait for it (F05).

    The same paper again changes nothing; one that was withdrawn comes back under another reference.
    """
    known = require(records.load(Partner, partner_id), "partner", partner_id)
    gate = _GATES.get(kind)
    if gate is None:
        return Refused("F05", f"a {kind} document belongs to a project's case", "no_onboarding")
    told = PartnerDocument("", partner_id, kind, reference, recorded_at=at, recorded_by=by)
    stored, made = _as_told(records, told)
    if stored is not None:
        return _as_it_stands(stored.record)
    says = f"{kind.replace('_', ' ')} of partner {partner_id} is on file"
    event = Event(partner_id, "document_recorded", at, by, "F05", (made.id,), says)
    partner = known.replaced_by(replace(known.record, **_flag(gate, to=True)))
    records.commit(Change(saves=(Save(made, NEW), partner), events=(event,)))
    return made


def withdraw_partner_document(
    records: Records, *, document_id: str, because: str, at: datetime, by: str
) -> PartnerDocument | Refused:
    """Withdraw a paper; payments wait again unless another one of its kind is on file (F05)."""
    stored = require(records.load(PartnerDocument, document_id), "document", document_id)
    document = stored.record
    if document.withdrawn_at is not None:
        return document
    if not because.strip():
        return Refused("F05", "withdrawing a document says why", "reason_missing")
    known = require(records.load(Partner, document.partner_id), "partner", document.partner_id)
    after = replace(document, withdrawn_at=at, withdrawn_by=by, task="")
    gate = _GATES.get(document.kind)
    saves = [stored.replaced_by(after)]
    if gate is not None:
        is_left = any(one.kind is document.kind for one in _others(records, document))
        saves.append(known.replaced_by(replace(known.record, **_flag(gate, to=is_left))))
    says = f"{document.kind.replace('_', ' ')} of partner {document.partner_id} counts no more: "
    event = Event(
        document.partner_id,
        "document_withdrawn",
        at,
        by,
        "F05",
        (document.id,),
        says + because.strip(),
    )
    records.commit(Change(saves=tuple(saves), events=(event,)))
    return after


def record_compliance_document(
    records: Records, *, project_id: str, reference: str, at: datetime, by: str
) -> PartnerDocument | Refused:
    """Put a paper for a project's case on file, for somebody to look at (F18).

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
    )
    stored, made = _as_told(records, told)
    if stored is not None:
        return _as_it_stands(stored.record)
    says = f"a document came for the case of project {project_id}: please review it"
    event = Event(project_id, "compliance_document_recorded", at, by, "F18", (made.id,), says)
    records.commit(Change(saves=(Save(made, NEW),), events=(event,)))
    return made


def review_document(
    records: Records, *, document_id: str, at: datetime, by: str
) -> PartnerDocument:
    """Note that somebody looked at a paper of a case (F18); it decides nothing."""
    stored = require(records.load(PartnerDocument, document_id), "document", document_id)
    document = stored.record
    if document.task != REVIEW:
        return document
    after = replace(document, task="", reviewed_by=by, reviewed_at=at)
    says = f"{by} looked at a document for project {document.project_id}"
    event = Event(
        document.project_id, "compliance_document_reviewed", at, by, "F18", (document.id,), says
    )
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def _as_told(
    records: Records, made: PartnerDocument
) -> tuple[Stored[PartnerDocument] | None, PartnerDocument]:
    """Give the document on record under the same reference, and what would be put there."""
    reference = derived("DOC", made.partner_id, made.kind, made.reference, made.project_id)
    return records.load(PartnerDocument, reference), replace(made, id=reference)


def _as_it_stands(document: PartnerDocument) -> PartnerDocument | Refused:
    if document.withdrawn_at is None:
        return document
    because = f"document {document.id} was withdrawn: give the new one another reference"
    return Refused("F05", because, "conflict")


def _others(records: Records, document: PartnerDocument) -> list[PartnerDocument]:
    """Give a partner's other papers on file, each as it stands now and not as an index has it."""
    found = records.find(PartnerDocument, by="partner_id", value=document.partner_id)
    ids = [one.record.id for one in found if one.record.id != document.id]
    now = records.load_all(PartnerDocument, ids)
    return [one.record for one in now.values() if one.record.withdrawn_at is None]


def _flag(gate: str, *, to: bool) -> dict[str, Any]:
    return {gate: to}
