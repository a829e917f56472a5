"""The proof of a delay on its way from a partner to the evidence (F17); it belongs to a project."""

from datetime import datetime

from cloud.funding.process.extensions import own_project
from cloud.funding.process.uploading import announce, announced, came_whole, look_at
from cloud.kernel.change import Change, Event
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records
from cloud.service.process.uploads import Requested, load_upload
from cloud.service.uploads import (
    Announced,
    Outside,
    Upload,
    UploadDesk,
    UploadState,
)


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
    upload_id = derived("UPL", project_id, partner_id, file.name, file.content_type, file.sha256)
    upload = announced(
        file, upload_id=upload_id, subject=project_id, owner=partner_id, at=at, by=by
    )
    beside = Change(relies_on=(project.relied_on(),))
    return announce(records, desk, upload, at=at, beside=beside)


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
    own_project(records, project_id=stored.record.work_order_id, partner_id=partner_id)

    def event(upload: Upload) -> Event:
        project_id = upload.work_order_id
        says = f"{upload.name} of project {project_id}: {upload.because or 'kept'}"
        return Event(upload.id, f"upload_{upload.state}", at, by, "F17", (project_id,), says)

    return look_at(records, outside, stored, at=at, event=event)


def take_proof(
    records: Records,
    outside: Outside,
    *,
    project_id: str,
    partner_id: str,
    name: str,
    content_type: str,
    content: bytes,
    at: datetime,
    by: str,
) -> Upload | Refused:
    """Take a proof that came whole, with a form, by the checks of one that was announced (F17).

    Its type is what its first bytes say; where they say nothing, what was told counts, and is
    refused where it is none that we take. An answer that is `scanning` asks for the same call again
    a little later; it is repeated without harm.

    Raises:
        NotFound: the project is not that organisation's.
        Conflict: another file of the project came at the same moment: offer it again.
    """
    file = came_whole(name, content, content_type, unnamed="proof")
    asked = request_proof(
        records,
        outside.desk,
        project_id=project_id,
        partner_id=partner_id,
        file=file,
        at=at,
        by=by,
    )
    if isinstance(asked, Refused):
        return asked
    if asked.upload.state is UploadState.REQUESTED:
        outside.desk.put(asked.upload.quarantine, content, file.content_type)
    return complete_proof(
        records, outside, upload_id=asked.upload.id, partner_id=partner_id, at=at, by=by
    )
