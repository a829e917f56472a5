"""The proof of a delay: announced for a project, looked at, and kept or refused."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from funding_world import World, partner

from cloud.adapters.memory import MemoryRecords
from cloud.adapters.upload_desk import MemoryUploadDesk
from cloud.funding import process
from cloud.kernel.change import Change
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict, NotFound
from cloud.service.policy import UPLOAD_FILES
from cloud.service.uploads import (
    Announced,
    Fault,
    Inspected,
    Outside,
    Place,
    Purpose,
    Scan,
    UploadRoom,
    UploadState,
)

AT = datetime(2027, 2, 1, 15, 0, tzinfo=UTC)
PAPER = b"%PDF-1.7 the utility is late"


class Reader:
    """An inspector that keeps papers as they are, but for one kind."""

    def inspect(self, content, content_type, limits):
        if b"script" in content:
            return Fault("active_content", "it holds a script")
        return Inspected(content, content_type, pages=1)


class Desk(World):
    def __init__(self):
        super().__init__([partner("P-A", parent_id="P-UP"), partner("P-UP"), partner("P-B")])
        self.m1("PRJ-1")
        self.outside = Outside(MemoryUploadDesk(self.documents), self.documents, Reader())

    def announce(self, content=PAPER, owner="P-A", project="PRJ-1", **changes):
        file = Announced(
            Purpose.PHOTO_FOUND,
            "mail.pdf",
            "application/pdf",
            len(content),
            hashlib.sha256(content).hexdigest(),
        )
        return process.request_proof(
            self.records,
            self.outside.desk,
            project_id=project,
            partner_id=owner,
            file=replace(file, **changes),
            at=AT,
            by="client",
        )

    def send(self, upload, content=PAPER, scan=Scan.CLEAN):
        self.outside.desk.put(upload.quarantine, content, upload.content_type)
        self.outside.desk.said[upload.quarantine] = scan

    def complete(self, upload, owner="P-A"):
        return process.complete_proof(
            self.records, self.outside, upload_id=upload.id, partner_id=owner, at=AT, by="client"
        )


@pytest.fixture
def desk():
    return Desk()


@pytest.mark.rule("F17")
def test_a_proof_is_kept(desk):
    asked = desk.announce()
    assert asked.form is not None
    assert asked.upload.purpose is Purpose.EVIDENCE
    assert desk.complete(asked.upload).code == "upload_not_there"
    desk.send(asked.upload, scan=Scan.PENDING)
    assert desk.complete(asked.upload).state is UploadState.SCANNING
    assert desk.complete(asked.upload).state is UploadState.SCANNING
    desk.send(asked.upload)
    kept = desk.complete(asked.upload)
    assert (kept.state, kept.pages) == (UploadState.KEPT, 1)
    assert desk.documents.get(kept.evidence) == PAPER
    assert desk.outside.desk.arrived(kept.quarantine) is None
    assert desk.complete(asked.upload) == kept
    assert desk.announce().form is None, "it is here already"


@pytest.mark.rule("F17")
@pytest.mark.parametrize(
    ("content", "scan", "code"),
    [
        pytest.param(PAPER, Scan.THREAT, "malware_found", id="malware"),
        pytest.param(PAPER, Scan.FAILED, "scan_failed", id="not scanned"),
        pytest.param(b"%PDF- script", Scan.CLEAN, "active_content", id="not to be kept"),
        pytest.param(b"GIF89a", Scan.CLEAN, "type_differs", id="no PDF"),
    ],
)
def test_a_bad_file_is_refused_for_good(desk, content, scan, code):
    asked = desk.announce(content)
    desk.send(asked.upload, content, scan)
    refused = desk.complete(asked.upload)
    assert (refused.state, refused.code) == (UploadState.REFUSED, code)
    assert desk.outside.desk.arrived(refused.quarantine) is None
    assert desk.complete(asked.upload) == refused


def test_what_arrived_otherwise_is_sent_again(desk):
    asked = desk.announce()
    desk.send(asked.upload, PAPER + b"!")
    answer = desk.complete(asked.upload)
    assert isinstance(answer, Refused)
    assert answer.code == "size_differs"
    desk.send(asked.upload)
    assert desk.complete(asked.upload).state is UploadState.KEPT


def test_it_belongs_to_who_has_the_project(desk):
    asked = desk.announce(owner="P-UP")
    assert desk.announce().upload.id != asked.upload.id
    for stranger in ("P-A", "P-B"):
        with pytest.raises(NotFound):
            desk.complete(asked.upload, stranger)
    for owner, project in (("P-B", "PRJ-1"), ("P-A", "PRJ-0")):
        with pytest.raises(NotFound):
            desk.announce(owner=owner, project=project)


def test_what_may_not_be_announced(desk):
    assert desk.announce(content_type="text/html").code == "content_type_not_allowed"
    assert desk.announce(size_bytes=10**9).code == "size_not_allowed"


def test_room_is_limited_and_comes_back(desk):
    some = [desk.announce(name=f"{place}.pdf") for place in range(300)]
    refused = [one for one in some if isinstance(one, Refused)]
    assert refused
    assert {one.code for one in refused} == {"too_many_files"}
    first = some[0].upload
    desk.send(first, scan=Scan.THREAT)
    desk.complete(first)
    assert not isinstance(desk.announce(name="300.pdf"), Refused)


class Stale(MemoryRecords):
    """Shows what was there when it was made, and writes to what is there now."""

    def __init__(self, now):
        super().__init__()
        self._records, self._now = dict(now._records), now

    def commit(self, change):
        self._now.commit(change)


def test_who_lost_its_room_meanwhile_is_told(desk):
    late = desk.announce(name="late.pdf").upload
    desk.send(late)
    room = desk.records.load(UploadRoom, "PRJ-1")
    taken = tuple(Place(f"UPL-{place}", 1, None) for place in range(UPLOAD_FILES.on(AT.date())))
    full = replace(room.record, places=taken)
    desk.records.commit(Change(saves=(room.replaced_by(full),)))
    assert desk.complete(late).code == "too_many_files"


def test_completed_twice_at_once(desk):
    asked = desk.announce()
    desk.send(asked.upload)
    stale = Stale(desk.records)
    kept = desk.complete(asked.upload)
    desk.send(asked.upload)
    with pytest.raises(Conflict):
        process.complete_proof(
            stale, desk.outside, upload_id=kept.id, partner_id="P-A", at=AT, by="client"
        )
    assert desk.complete(asked.upload) == kept


def test_a_document_of_an_attempt_before_stands(desk):
    asked = desk.announce()
    desk.send(asked.upload)
    desk.documents.put(f"evidence/PRJ-1/{asked.upload.id}.pdf", b"as it was", "application/pdf")
    assert desk.complete(asked.upload).state is UploadState.KEPT
