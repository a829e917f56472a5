"""A partner's own papers on their way to the file: announced, sent, and waiting for a person.

Nobody is paid without two of them (F05), and others answer a compliance case (F18). They tell tax
and account numbers, so that no other road of the partner API leads to their uploads.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from cloud.funding.process.belonging import is_own
from cloud.funding.process.extensions import own_project
from cloud.funding.process.uploading import announce, announced, came_whole, look_at
from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner
from cloud.portfolio.papers import REVIEW, DocumentKind, DocumentState, PartnerDocument
from cloud.service.policy import LINK_MINUTES
from cloud.service.uploads import (
    Announced,
    Form,
    Outside,
    Upload,
    UploadDesk,
    UploadState,
)


@dataclass(frozen=True, slots=True)
class AnnouncedDocument:
    """A paper that may be sent, and how; no form where its file is here already."""

    document: PartnerDocument
    upload: Upload
    form: Form | None


@dataclass(frozen=True, slots=True)
class SentDocument:
    """A paper as it stands, with the file that it came by."""

    document: PartnerDocument
    upload: Upload


def request_document(
    records: Records,
    desk: UploadDesk,
    *,
    partner_id: str,
    kind: DocumentKind,
    file: Announced,
    at: datetime,
    by: str,
    project_id: str = "",
) -> AnnouncedDocument | Refused:
    """Let a partner send one paper: for payments (F05), or for a project's case (F18).

    The same file of the same kind is the same paper. It opens nothing before a person accepted it.

    Raises:
        NotFound: the project is not that organisation's.
        Conflict: another request took room at the same moment: ask again.
    """
    if (kind is DocumentKind.COMPLIANCE) is not bool(project_id):
        because = "a compliance paper names its project, and no other paper does"
        return Refused("F05", because, "project_does_not_fit")
    of = partner_id
    if project_id:
        of = own_project(records, project_id=project_id, partner_id=partner_id).record.partner_id
    partner = require(records.load(Partner, of), "organisation", of)
    owner = papers_owner(of)
    upload_id = derived("UPL", owner, kind, project_id, file.name, file.content_type, file.sha256)
    upload = announced(file, upload_id=upload_id, subject=owner, owner=owner, at=at, by=by)
    document_id = derived("DOC", upload_id)
    stored = records.load(PartnerDocument, document_id)
    made = PartnerDocument(
        document_id,
        of,
        kind,
        reference="",
        recorded_at=at,
        recorded_by=by,
        project_id=project_id,
        state=DocumentState.ANNOUNCED,
        upload_id=upload_id,
    )
    document = stored.record if stored else made
    saves = () if stored else (Save(made, NEW),)
    beside = Change(saves=saves, relies_on=(partner.relied_on(),))
    asked = announce(records, desk, upload, at=at, beside=beside)
    if isinstance(asked, Refused):
        return asked
    return AnnouncedDocument(document, asked.upload, asked.form)


def take_document(
    records: Records,
    outside: Outside,
    *,
    partner_id: str,
    kind: DocumentKind,
    name: str,
    content_type: str,
    content: bytes,
    at: datetime,
    by: str,
    project_id: str = "",
) -> SentDocument | Refused:
    """Take a paper that came whole, with a form, by the checks of one that was announced (F05).

    Its type is what its first bytes say. An answer whose file is `scanning` asks for the same call
    again a little later; it is repeated without harm.

    Raises:
        NotFound: the project is not that organisation's.
        Conflict: another paper came at the same moment: offer it again.
    """
    file = came_whole(name, content, content_type, unnamed="paper")
    asked = request_document(
        records,
        outside.desk,
        partner_id=partner_id,
        kind=kind,
        project_id=project_id,
        file=file,
        at=at,
        by=by,
    )
    if isinstance(asked, Refused):
        return asked
    if asked.upload.state is UploadState.REQUESTED:
        outside.desk.put(asked.upload.quarantine, content, file.content_type)
    return complete_document(
        records, outside, document_id=asked.document.id, partner_id=partner_id, at=at, by=by
    )


def complete_document(
    records: Records,
    outside: Outside,
    *,
    document_id: str,
    partner_id: str,
    at: datetime,
    by: str,
) -> SentDocument | Refused:
    """Look at the file that arrived; one that is kept waits for a person (F05, F18).

    Raises:
        NotFound: there is no such paper of that organisation's.
        Conflict: it was completed at the same moment: ask again.
    """
    stored = own_document(records, document_id=document_id, partner_id=partner_id)
    waiting = stored.record
    upload = require(records.load(Upload, waiting.upload_id), "document", document_id)

    def beside(settled: Upload) -> Change:
        return Change(saves=(stored.replaced_by(_settled(waiting, settled, at=at)),))

    def event(settled: Upload) -> Event:
        about = waiting.project_id or waiting.partner_id
        rule = "F18" if waiting.project_id else "F05"
        named = waiting.kind.replace("_", " ")
        says = f"{named} of partner {waiting.partner_id}: {settled.because or 'please review it'}"
        what = "document_sent" if settled.state is UploadState.KEPT else "document_unfit"
        return Event(about, what, at, by, rule, (document_id,), says)

    settled = look_at(records, outside, upload, at=at, event=event, beside=beside)
    if isinstance(settled, Refused):
        return settled
    now = require(records.load(PartnerDocument, document_id), "document", document_id)
    return SentDocument(now.record, settled)


def _settled(waiting: PartnerDocument, settled: Upload, *, at: datetime) -> PartnerDocument:
    """Give a paper as its file made it; one that was withdrawn meanwhile stays so."""
    if waiting.state is not DocumentState.ANNOUNCED:
        return waiting
    if settled.state is UploadState.REFUSED:
        return replace(waiting, state=DocumentState.REFUSED, because=settled.because)
    return replace(
        waiting,
        state=DocumentState.WAITING,
        reference=settled.evidence,
        recorded_at=at,
        task=REVIEW,
    )


def own_document(records: Records, *, document_id: str, partner_id: str) -> Stored[PartnerDocument]:
    """Give a paper that an organisation sent for itself or for a part of it.

    Raises:
        NotFound: it does not exist, or is another organisation's, or did not come by upload.
    """
    stored = records.load(PartnerDocument, document_id)
    if (
        stored is None
        or not stored.record.upload_id
        or not is_own(records, partner_id=partner_id, other=stored.record.partner_id)
    ):
        msg = f"document {document_id} is not known here: check the id"
        raise NotFound(msg)
    return stored


def documents_of(records: Records, partner_id: str) -> tuple[PartnerDocument, ...]:
    """Give a partner's papers, the oldest first; a new one may be late."""
    found = records.find(PartnerDocument, by="partner_id", value=partner_id)
    return tuple(sorted((one.record for one in found), key=lambda one: (one.recorded_at, one.id)))


def link_to_document(desk: UploadDesk, document: PartnerDocument, *, at: datetime) -> str | Refused:
    """Give an address that shows a paper, as a download and for some minutes (U-08)."""
    if not document.reference:
        because = f"document {document.id} is {document.state}: there is nothing to show"
        return Refused("U-08", because, "conflict")
    name = f"{document.id}.{document.reference.rpartition('.')[2]}"
    return desk.link(document.reference, name=name, minutes=LINK_MINUTES.on(at.date()))


def papers_owner(partner_id: str) -> str:
    """Give whose the uploads of a partner's papers are: nobody's whom the uploads' doors know."""
    return f"papers-of-{partner_id}"
