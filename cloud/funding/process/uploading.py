"""A file about money on its way from a partner to the evidence, whatever it is for (U-01 to U-08).

Files are looked at as those of work orders are, by the same rules.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict
from cloud.kernel.ports import Documents, Records, Stored
from cloud.service import uploads
from cloud.service.policy import UPLOAD_MINUTES
from cloud.service.process.uploads import Requested
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
    kind_of,
)

_ENDINGS = {"image/jpeg": "jpg", "application/pdf": "pdf"}
_SENT_AGAIN = frozenset({"size_differs", "digest_differs"})
"""Faults of what arrived, not of the file: the same one may be uploaded again."""


def announced(
    file: Announced, *, upload_id: str, subject: str, owner: str, at: datetime, by: str
) -> Upload:
    """Give the upload that an announced file becomes.

    Args:
        file: as it was announced.
        upload_id: its name.
        subject: what it is about; it takes room there.
        owner: whose it is.
        at: when.
        by: who.
    """
    return Upload(
        id=upload_id,
        work_order_id=subject,
        partner_id=owner,
        purpose=Purpose.EVIDENCE,
        name=file.name,
        content_type=file.content_type,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        state=UploadState.REQUESTED,
        quarantine=f"quarantine/{owner}/{subject}/{upload_id}",
        requested_at=at,
        requested_by=by,
    )


def announce(
    records: Records, desk: UploadDesk, upload: Upload, *, at: datetime, beside: Change
) -> Requested | Refused:
    """Put an upload on record with what belongs beside it, and give the form that takes it.

    The same file is the same upload: it gets a new form while it has not arrived, and none once it
    is here.

    Raises:
        Conflict: another request took room at the same moment: ask again.
    """
    file = Announced(
        upload.purpose, upload.name, upload.content_type, upload.size_bytes, upload.sha256
    )
    refused = uploads.refusal(file, on=at.date())
    if refused is not None:
        return refused
    known = records.load(Upload, upload.id)
    if known is not None and known.record.state is not UploadState.REQUESTED:
        return Requested(known.record, None)
    room = _room(records, upload.work_order_id)
    taken = uploads.reserved(room.record, upload, at=at)
    if isinstance(taken, Refused):
        return taken
    saved = Save(upload, known.version if known else NEW)
    records.commit(Change(saves=(saved, room.replaced_by(taken))) + beside)
    until = at + timedelta(minutes=UPLOAD_MINUTES.on(at.date()))
    return Requested(upload, desk.form(upload, until=until, at=at))


def came_whole(name: str, content: bytes, content_type: str, *, unnamed: str) -> Announced:
    """Give what a file that came with a form would have been announced as (F05, F17).

    Its type is what its first bytes say; where they say nothing, what was told counts.

    Args:
        name: as it was told; signs that steer are left out.
        content: its bytes.
        content_type: as it was told.
        unnamed: what it is called where no name is left.
    """
    shown = "".join(sign for sign in name if sign.isprintable()).strip() or unnamed
    kind = kind_of(content) or content_type
    digest = hashlib.sha256(content).hexdigest()
    return Announced(Purpose.EVIDENCE, shown[:200], kind, len(content), digest)


def look_at(
    records: Records,
    outside: Outside,
    stored: Stored[Upload],
    *,
    at: datetime,
    event: Callable[[Upload], Event],
    beside: Callable[[Upload], Change] = lambda _: Change(),
) -> Upload | Refused:
    """Look at what arrived; keep it, or refuse it for good.

    Asked again, it goes on where it stood: while the scan is under way the answer is an upload that
    is `scanning`.

    Args:
        records: where everything is kept.
        outside: the quarantine, the document store and who looks into files.
        stored: the upload as it was loaded.
        at: when.
        event: what the log says of an upload that was kept or refused.
        beside: what is written with it.

    Raises:
        Conflict: it was completed at the same moment: ask again.
    """
    upload = stored.record
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
    return _settled(records, outside, stored, found, at=at, event=event, beside=beside)


def _settled(
    records: Records,
    outside: Outside,
    stored: Stored[Upload],
    found: Fault | Inspected,
    *,
    at: datetime,
    event: Callable[[Upload], Event],
    beside: Callable[[Upload], Change],
) -> Upload | Refused:
    """Keep what was looked at, or refuse it for good, and give its room back."""
    upload = stored.record
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
    change = Change(
        saves=(stored.replaced_by(after), room.replaced_by(left)), events=(event(after),)
    )
    records.commit(change + beside(after))
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


def _room(records: Records, subject: str) -> Stored[UploadRoom]:
    found = records.load(UploadRoom, subject)
    return found or Stored(UploadRoom(subject), NEW)
