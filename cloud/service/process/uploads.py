"""Files on their way from a partner to the evidence: asked for, looked at, kept or refused."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict, NotFound
from cloud.kernel.ids import derived
from cloud.kernel.ports import Documents, Records, Stored
from cloud.service import uploads
from cloud.service.models import WorkOrder, WorkOrderState
from cloud.service.policy import LINK_MINUTES, UPLOAD_MINUTES
from cloud.service.process.saving import load_own, not_yours_now
from cloud.service.uploads import (
    Announced,
    Arrived,
    Fault,
    Form,
    Inspected,
    Outside,
    Purpose,
    Scan,
    Upload,
    UploadDesk,
    UploadRoom,
    UploadState,
)

_ENDINGS = {"image/jpeg": "jpg", "application/pdf": "pdf"}
_SENT_AGAIN = {"size_differs", "digest_differs"}
"""Faults of what arrived, not of the file: the same one may be uploaded again."""


@dataclass(frozen=True, slots=True)
class Requested:
    """A file that may be sent, and how; no form where it is here already."""

    upload: Upload
    form: Form | None


def request_upload(
    records: Records,
    desk: UploadDesk,
    *,
    work_order_id: str,
    partner_id: str,
    file: Announced,
    at: datetime,
    by: str,
) -> Requested | Refused:
    """Let a partner send one file for its work order (U-01 to U-05).

    The same file for the same purpose is the same upload: it gets a new form while it has not
    arrived, and none once it is kept.

    Raises:
        Conflict: another request took room at the same moment: ask again.
    """
    announced = _announce(records, work_order_id, partner_id, file, at=at, by=by)
    if isinstance(announced, Refused):
        return announced
    upload = announced
    if upload.state is not UploadState.REQUESTED:
        return Requested(upload, None)
    until = at + timedelta(minutes=UPLOAD_MINUTES.on(at.date()))
    return Requested(upload, desk.form(upload, until=until, at=at))


def complete_upload(
    records: Records,
    outside: Outside,
    *,
    upload_id: str,
    partner_id: str,
    at: datetime,
    by: str,
) -> Upload | Refused:
    """Look at what arrived; keep it as evidence, or refuse it for good (U-03 to U-07).

    Asked again, it goes on where it stood: while the scan is under way the answer is an upload that
    is `scanning`. Only what was looked at is kept: a file that is posted meanwhile changes nothing.

    Raises:
        NotFound: there is no such upload of that partner's.
        Conflict: it was completed at the same moment: ask again.
    """
    stored = load_upload(records, upload_id=upload_id, partner_id=partner_id)
    upload = stored.record
    if upload.state in {UploadState.KEPT, UploadState.REFUSED}:
        outside.desk.discard(upload.quarantine)
        return upload
    order = load_own(records, work_order_id=upload.work_order_id, partner_id=partner_id)
    refused = not_yours_now(order.record, partner_id)
    if refused is not None:
        return refused
    arrived = outside.desk.arrived(upload.quarantine)
    if arrived is None:
        because = f"nothing was uploaded for {upload.id} yet: post the file to its form first"
        return Refused("U-05", because, "upload_not_there")
    return _looked_at(records, outside, _Taken(stored, order), arrived, at=at, by=by)


def take_attachment(
    records: Records,
    outside: Outside,
    *,
    work_order_id: str,
    partner_id: str,
    purpose: Purpose,
    name: str,
    content: bytes,
    at: datetime,
    by: str,
) -> Upload | Refused:
    """Take a file that came with a mail, by the same checks as one that was uploaded.

    Its type is what its first bytes say, whatever the mail calls it. An answer that is `scanning`
    asks for the same call again a little later; it is repeated without harm.

    Raises:
        Conflict: another file of the work order came at the same moment: offer it again.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    shown = "".join(sign for sign in name if sign.isprintable()).strip() or "attachment"
    kind = uploads.kind_of(content) or _told_by_name(shown)
    file = Announced(purpose, shown[:200], kind, len(content), sha256)
    announced = _announce(records, work_order_id, partner_id, file, at=at, by=by)
    if isinstance(announced, Refused):
        return announced
    if announced.state is UploadState.REQUESTED:
        outside.desk.put(announced.quarantine, content, announced.content_type)
    return complete_upload(
        records, outside, upload_id=announced.id, partner_id=partner_id, at=at, by=by
    )


def load_upload(records: Records, *, upload_id: str, partner_id: str) -> Stored[Upload]:
    """Give an upload to the partner that asked for it (T-91).

    Raises:
        NotFound: it does not exist, or is another partner's: the partner cannot tell which.
    """
    stored = records.load(Upload, upload_id)
    if stored is None or stored.record.partner_id != partner_id:
        msg = f"upload {upload_id} is not known here: check the id"
        raise NotFound(msg)
    return stored


def uploads_of(records: Records, references: Mapping[str, str]) -> Mapping[str, Upload]:
    """Give the uploads behind references, by reference; what leads to none is left out."""
    found = records.load_all(Upload, sorted(set(references.values())))
    return {
        reference: found[upload_id].record
        for reference, upload_id in references.items()
        if upload_id in found
    }


def link_to(desk: UploadDesk, upload: Upload, *, at: datetime) -> str | Refused:
    """Give an address that shows what was kept, as a download and for some minutes (U-08)."""
    if upload.state is not UploadState.KEPT:
        because = f"upload {upload.id} stands as {upload.state}: there is nothing to show"
        return Refused("U-08", because, "conflict")
    name = f"{upload.id}.{upload.evidence.rpartition('.')[2]}"
    return desk.link(upload.evidence, name=name, minutes=LINK_MINUTES.on(at.date()))


# ---------------------------------------------------------------------- asking
def _announce(
    records: Records,
    work_order_id: str,
    partner_id: str,
    file: Announced,
    *,
    at: datetime,
    by: str,
) -> Upload | Refused:
    order = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    refused = _closed_to(order.record, partner_id) or uploads.refusal(file, on=at.date())
    if refused is not None:
        return refused
    upload = _upload(order.record, partner_id, file, at=at, by=by)
    known = records.load(Upload, upload.id)
    if known is not None and known.record.state is not UploadState.REQUESTED:
        return known.record
    room = records.load(UploadRoom, work_order_id)
    before = room.record if room else UploadRoom(work_order_id)
    taken = uploads.reserved(before, upload, at=at)
    if isinstance(taken, Refused):
        return taken
    # The latest announcement counts: an earlier one may have been wrong about the size.
    saved = Save(upload, known.version if known else NEW)
    records.commit(
        Change(
            saves=(saved, Save(taken, room.version if room else NEW)),
            relies_on=(order.relied_on(),),
        )
    )
    return upload


def _closed_to(order: WorkOrder, partner_id: str) -> Refused | None:
    """Refuse files for work that was given to somebody else, never taken, or called off."""
    is_taken = order.state not in {
        WorkOrderState.OFFERED,
        WorkOrderState.REASSIGNABLE,
        WorkOrderState.MANUAL_DISPATCH,
        WorkOrderState.CANCELLED,
    }
    if order.partner_id == partner_id and not is_taken:
        because = f"work order {order.id} stands as {order.state}: accept it before you send files"
        return Refused("R-44", because, "conflict")
    return not_yours_now(order, partner_id)


def _upload(order: WorkOrder, partner_id: str, file: Announced, *, at: datetime, by: str) -> Upload:
    upload_id = derived(
        "UPL", order.id, partner_id, file.purpose, file.name, file.content_type, file.sha256
    )
    return Upload(
        id=upload_id,
        work_order_id=order.id,
        partner_id=partner_id,
        purpose=file.purpose,
        name=file.name,
        content_type=file.content_type,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        state=UploadState.REQUESTED,
        quarantine=f"quarantine/{partner_id}/{order.id}/{upload_id}",
        requested_at=at,
        requested_by=by,
    )


def _told_by_name(name: str) -> str:
    """Give the type of a file that cannot be read here, so that its refusal can name it."""
    ending = name.lower().rpartition(".")[2]
    return "image/heic" if ending in {"heic", "heif"} else "application/octet-stream"


# ---------------------------------------------------------------------- looking
@dataclass(frozen=True, slots=True)
class _Taken:
    """An upload and its work order, as they were loaded."""

    upload: Stored[Upload]
    order: Stored[WorkOrder]


def _looked_at(
    records: Records,
    outside: Outside,
    taken: _Taken,
    arrived: Arrived,
    *,
    at: datetime,
    by: str,
) -> Upload | Refused:
    upload = taken.upload.record
    sha256 = hashlib.sha256(arrived.content).hexdigest()
    fault = uploads.unlike(upload, content=arrived.content, sha256=sha256)
    if fault is not None and fault.code in _SENT_AGAIN:
        outside.desk.discard(upload.quarantine)
        return Refused("U-05", fault.because, fault.code)
    if fault is None and arrived.scan is Scan.PENDING:
        scanning = replace(upload, state=UploadState.SCANNING)
        if scanning != upload:
            change = Change(
                saves=(taken.upload.replaced_by(scanning),),
                relies_on=(taken.order.relied_on(),),
            )
            records.commit(change)
        return scanning
    limits = uploads.limits_on(at.date())
    found = (
        fault
        or uploads.infected(arrived.scan)
        or outside.inspector.inspect(arrived.content, upload.content_type, limits)
    )
    if isinstance(found, Inspected):
        return _keep(records, outside, taken, found, at=at, by=by)
    return _refuse(records, outside, taken, found, at=at, by=by)


def _keep(
    records: Records,
    outside: Outside,
    taken: _Taken,
    found: Inspected,
    *,
    at: datetime,
    by: str,
) -> Upload | Refused:
    upload = taken.upload.record
    room = _room(records, upload)
    filled = uploads.filled(room.record, upload, at=at)
    if isinstance(filled, Refused):
        return filled
    stem = f"evidence/{upload.work_order_id}/{upload.id}"
    evidence = _kept(
        outside.documents, f"{stem}.{_ENDINGS[found.content_type]}", found.content, found
    )
    small = _kept(outside.documents, f"{stem}.small.jpg", found.small, found) if found.small else ""
    kept = replace(
        upload,
        state=UploadState.KEPT,
        evidence=evidence,
        small=small,
        width_px=found.width_px,
        height_px=found.height_px,
        pages=found.pages,
        taken_at=found.taken_at,
        settled_at=at,
    )
    says = f"{_told(upload)} is kept"
    event = Event(upload.id, "upload_kept", at, by, "U-05", (), says)
    _write(records, taken, kept, room.replaced_by(filled), event)
    outside.desk.discard(upload.quarantine)
    return kept


def _kept(documents: Documents, reference: str, content: bytes, found: Inspected) -> str:
    """Keep a document; what an earlier attempt of the same upload kept there stands.

    A newer version of the picture library may write the same picture in other bytes.
    """
    try:
        return documents.put(reference, content, found.content_type)
    except Conflict:
        return reference


def _refuse(
    records: Records,
    outside: Outside,
    taken: _Taken,
    fault: Fault,
    *,
    at: datetime,
    by: str,
) -> Upload:
    upload = taken.upload.record
    refused = replace(
        upload,
        state=UploadState.REFUSED,
        code=fault.code,
        because=fault.because,
        settled_at=at,
    )
    room = _room(records, upload)
    says = f"{_told(upload)} was refused: {fault.because}"
    event = Event(upload.id, "upload_refused", at, by, "U-05", (), says)
    _write(records, taken, refused, room.replaced_by(uploads.freed(room.record, upload)), event)
    outside.desk.discard(upload.quarantine)
    return refused


def _told(upload: Upload) -> str:
    purpose = upload.purpose.replace("_", " ")
    return f"{upload.name} ({purpose}) of work order {upload.work_order_id}"


def _write(records: Records, taken: _Taken, upload: Upload, room: Save, event: Event) -> None:
    records.commit(
        Change(
            saves=(taken.upload.replaced_by(upload), room),
            events=(event,),
            relies_on=(taken.order.relied_on(),),
        )
    )


def _room(records: Records, upload: Upload) -> Stored[UploadRoom]:
    room = records.load(UploadRoom, upload.work_order_id)
    return room or Stored(UploadRoom(upload.work_order_id), NEW)
