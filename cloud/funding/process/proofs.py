"""The proof of a delay on its way from a partner to the evidence (F17).

Files are looked at as those of work orders are, by the same rules (U-01 to U-08); here they belong
to a project.
"""

import hashlib
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from cloud.funding.process.extensions import own_project
from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict
from cloud.kernel.ids import derived
from cloud.kernel.ports import Documents, Records, Stored
from cloud.service import uploads
from cloud.service.policy import UPLOAD_MINUTES
from cloud.service.process.uploads import Requested, load_upload
from cloud.service.uploads import (
    Announced,
    Fault,
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
_SENT_AGAIN = frozenset({"size_differs", "digest_differs"})
"""Faults of what arrived, not of the file: the same one may be uploaded again."""


def request_proof(
    records: Records,
    desk: UploadDesk,
    *,
    project_id: str,
    partner_id: str,
    file: Announced,
    at: datetime,
    by: str,
) -> Requested | Refused:
    """Let a partner send one file that shows why a project is late (F17).

    The same file is the same upload: it gets a new form while it has not arrived, and none once it
    is kept.

    Raises:
        NotFound: the project is not that organisation's.
        Conflict: another request took room at the same moment: ask again.
    """
    project = own_project(records, project_id=project_id, partner_id=partner_id)
    announced = replace(file, purpose=Purpose.EVIDENCE)
    refused = uploads.refusal(announced, on=at.date())
    if refused is not None:
        return refused
    upload_id = derived("UPL", project_id, partner_id, file.name, file.content_type, file.sha256)
    upload = Upload(
        id=upload_id,
        work_order_id=project_id,
        partner_id=partner_id,
        purpose=Purpose.EVIDENCE,
        name=file.name,
        content_type=file.content_type,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        state=UploadState.REQUESTED,
        quarantine=f"quarantine/{partner_id}/{project_id}/{upload_id}",
        requested_at=at,
        requested_by=by,
    )
    known = records.load(Upload, upload_id)
    if known is not None and known.record.state is not UploadState.REQUESTED:
        return Requested(known.record, None)
    room = _room(records, project_id)
    taken = uploads.reserved(room.record, upload, at=at)
    if isinstance(taken, Refused):
        return taken
    saved = Save(upload, known.version if known else NEW)
    records.commit(Change(saves=(saved, room.replaced_by(taken)), relies_on=(project.relied_on(),)))
    until = at + timedelta(minutes=UPLOAD_MINUTES.on(at.date()))
    return Requested(upload, desk.form(upload, until=until, at=at))


def complete_proof(
    records: Records,
    outside: Outside,
    *,
    upload_id: str,
    partner_id: str,
    at: datetime,
    by: str,
) -> Upload | Refused:
    """Look at what arrived; keep it, or refuse it for good (F17).

    Asked again, it goes on where it stood: while the scan is under way the answer is an upload that
    is `scanning`.

    Raises:
        NotFound: there is no such proof of that organisation's.
        Conflict: it was completed at the same moment: ask again.
    """
    stored = load_upload(records, upload_id=upload_id, partner_id=partner_id)
    upload = stored.record
    own_project(records, project_id=upload.work_order_id, partner_id=partner_id)
    if upload.state in {UploadState.KEPT, UploadState.REFUSED}:
        outside.desk.discard(upload.quarantine)
        return upload
    arrived = outside.desk.arrived(upload.quarantine)
    if arrived is None:
        because = f"nothing was uploaded for {upload.id} yet: post the file to its form first"
        return Refused("U-05", because, "upload_not_there")
    sha256 = hashlib.sha256(arrived.content).hexdigest()
    fault = uploads.unlike(upload, content=arrived.content, sha256=sha256)
    if fault is not None and fault.code in _SENT_AGAIN:
        outside.desk.discard(upload.quarantine)
        return Refused("U-05", fault.because, fault.code)
    if fault is None and arrived.scan is Scan.PENDING:
        scanning = replace(upload, state=UploadState.SCANNING)
        if scanning != upload:
            records.commit(Change(saves=(stored.replaced_by(scanning),)))
        return scanning
    limits = uploads.limits_on(at.date())
    found = (
        fault
        or uploads.infected(arrived.scan)
        or outside.inspector.inspect(arrived.content, upload.content_type, limits)
    )
    room = _room(records, upload.work_order_id)
    if isinstance(found, Fault):
        after = replace(upload, state=UploadState.REFUSED, code=found.code, because=found.because)
        left = uploads.freed(room.record, upload)
    else:
        filled = uploads.filled(room.record, upload, at=at)
        if isinstance(filled, Refused):
            return filled
        after, left = _kept(outside.documents, upload, found), filled
    after = replace(after, settled_at=at)
    says = f"{upload.name} of project {upload.work_order_id}: {after.because or 'kept'}"
    what = f"upload_{after.state}"
    event = Event(upload.id, what, at, by, "F17", (upload.work_order_id,), says)
    records.commit(
        Change(saves=(stored.replaced_by(after), room.replaced_by(left)), events=(event,))
    )
    outside.desk.discard(upload.quarantine)
    return after


def _kept(documents: Documents, upload: Upload, found: Inspected) -> Upload:
    """Keep a file as evidence; what an earlier attempt of the same upload kept there stands."""
    reference = f"evidence/{upload.work_order_id}/{upload.id}.{_ENDINGS[found.content_type]}"
    with suppress(Conflict):
        documents.put(reference, found.content, found.content_type)
    return replace(
        upload,
        state=UploadState.KEPT,
        evidence=reference,
        width_px=found.width_px,
        height_px=found.height_px,
        pages=found.pages,
        taken_at=found.taken_at,
    )


def _room(records: Records, project_id: str) -> Stored[UploadRoom]:
    found = records.load(UploadRoom, project_id)
    return found or Stored(UploadRoom(project_id), NEW)
