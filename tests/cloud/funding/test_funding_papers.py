"""A partner's own papers: announced, sent, looked at, and waiting for a person."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from funding_world import Killed, World, partner

from cloud.adapters.memory import MemoryRecords
from cloud.adapters.upload_desk import MemoryUploadDesk
from cloud.funding import process
from cloud.kernel.change import Change, Save
from cloud.kernel.errors import Conflict, NotFound
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import TEST, Partner
from cloud.portfolio.papers import DocumentKind, DocumentState, PartnerDocument
from cloud.service.process import complete_upload
from cloud.service.uploads import (
    Announced,
    Fault,
    Inspected,
    Outside,
    Purpose,
    Scan,
    Upload,
    UploadState,
)

AT = datetime(2027, 2, 1, 15, 0, tzinfo=UTC)
PAPER = b"%PDF-1.7 form W-9"
W9, BANK, CASE = DocumentKind.W9, DocumentKind.BANK_AUTHORIZATION, DocumentKind.COMPLIANCE


class Reader:
    """An inspector that keeps papers as they are, but for one kind."""

    def inspect(self, content, content_type, limits):
        if b"script" in content:
            return Fault("active_content", "it holds a script")
        return Inspected(content, content_type, pages=1)


class Desk(World):
    def __init__(self):
        gates = {"w9_on_file": False, "bank_authorization_on_file": False}
        super().__init__(
            [
                partner("P-A", parent_id="P-UP", **gates),
                partner("P-UP", **gates),
                partner("P-B", **gates),
                partner("P-T", parent_id="P-UP", mode=TEST),
            ]
        )
        self.m1("PRJ-1")
        self.outside = Outside(MemoryUploadDesk(self.documents), self.documents, Reader())

    def announce(self, kind=W9, content=PAPER, owner="P-A", project="", name="w9.pdf", **changes):
        file = Announced(
            Purpose.EVIDENCE,
            name,
            "application/pdf",
            len(content),
            hashlib.sha256(content).hexdigest(),
        )
        return process.request_document(
            self.records,
            self.outside.desk,
            partner_id=owner,
            kind=kind,
            project_id=project,
            file=replace(file, **changes),
            at=AT,
            by="client",
        )

    def send(self, upload, content=PAPER, scan=Scan.CLEAN):
        self.outside.desk.put(upload.quarantine, content, upload.content_type)
        self.outside.desk.said[upload.quarantine] = scan

    def complete(self, document, owner="P-A", records=None):
        return process.complete_document(
            records or self.records,
            self.outside,
            document_id=document.id,
            partner_id=owner,
            at=AT,
            by="client",
        )

    def sent(self, kind=W9, owner="P-A", **more):
        asked = self.announce(kind, owner=owner, **more)
        self.send(asked.upload)
        return self.complete(asked.document, owner).document

    def stored(self, document):
        return self.records.load(PartnerDocument, document.id).record

    def gates(self, name="P-A"):
        one = self.records.load(Partner, name).record
        return one.w9_on_file, one.bank_authorization_on_file


@pytest.fixture
def desk():
    return Desk()


@pytest.mark.rule("F05")
def test_a_paper_opens_its_gate_when_a_person_accepts_it(desk):
    asked = desk.announce()
    assert (asked.document.state, asked.form is not None) == (DocumentState.ANNOUNCED, True)
    assert desk.announce().document == asked.document
    assert desk.complete(asked.document).code == "upload_not_there"
    desk.send(asked.upload, scan=Scan.PENDING)
    scanning = desk.complete(asked.document)
    assert (scanning.document, scanning.upload.state) == (asked.document, UploadState.SCANNING)
    desk.send(asked.upload)
    sent = desk.complete(asked.document)
    assert (sent.document.state, sent.document.task) == (DocumentState.WAITING, "review_document")
    assert desk.documents.get(sent.document.reference) == PAPER
    assert desk.complete(asked.document) == sent
    assert desk.announce().form is None, "it is here already"
    assert desk.gates() == (False, False)
    portfolio.accept_document(desk.records, document_id=sent.document.id, at=AT, by="ana")
    assert desk.gates() == (True, False)
    assert desk.complete(asked.document).document.state is DocumentState.ON_FILE
    (waiting, *_) = desk.records.history("P-A")[-2:]
    assert waiting.what in {"document_sent", "document_accepted"}


@pytest.mark.rule("F05")
@pytest.mark.parametrize(
    ("content", "scan", "code"),
    [
        pytest.param(PAPER, Scan.THREAT, "malware_found", id="malware"),
        pytest.param(b"%PDF- script", Scan.CLEAN, "active_content", id="not to be kept"),
        pytest.param(b"GIF89a", Scan.CLEAN, "type_differs", id="no PDF"),
    ],
)
def test_a_bad_file_is_no_paper(desk, content, scan, code):
    asked = desk.announce(content=content)
    desk.send(asked.upload, content, scan)
    sent = desk.complete(asked.document)
    assert (sent.upload.state, sent.upload.code) == (UploadState.REFUSED, code)
    assert sent.document.state is DocumentState.REFUSED
    assert sent.document.because == sent.upload.because
    answer = portfolio.accept_document(desk.records, document_id=sent.document.id, at=AT, by="ana")
    assert answer.code == "conflict"
    assert desk.gates() == (False, False)


@pytest.mark.rule("F18")
def test_a_paper_for_a_case_names_its_project(desk):
    assert desk.announce(CASE).code == "project_does_not_fit"
    assert desk.announce(W9, project="PRJ-1").code == "project_does_not_fit"
    made = desk.sent(CASE, project="PRJ-1", owner="P-UP")
    assert (made.partner_id, made.project_id) == ("P-A", "PRJ-1")
    seen = portfolio.review_document(desk.records, document_id=made.id, at=AT, by="pat")
    assert (seen.task, seen.is_on_file) == ("", True)
    (event,) = [one for one in desk.records.history("PRJ-1") if one.what == "document_sent"]
    assert event.rule == "F18"
    for owner, project in (("P-B", "PRJ-1"), ("P-A", "PRJ-0")):
        with pytest.raises(NotFound):
            desk.announce(CASE, project=project, owner=owner)


@pytest.mark.rule("F05")
def test_a_paper_is_its_organisation_s_and_that_of_who_it_is_a_part_of(desk):
    asked = desk.announce()
    desk.send(asked.upload)
    for stranger in ("P-B", "P-T"):
        with pytest.raises(NotFound):
            desk.complete(asked.document, stranger)
    whole = desk.announce(owner="P-UP")
    assert whole.document.id != asked.document.id
    with pytest.raises(NotFound):
        desk.complete(whole.document, "P-A")
    assert desk.complete(asked.document, "P-UP").document.state is DocumentState.WAITING
    by_hand = replace(asked.document, id="D-HAND", upload_id="")
    desk.records.commit(Change(saves=(Save(by_hand),)))
    with pytest.raises(NotFound):
        desk.complete(by_hand)


@pytest.mark.rule("F05")
def test_the_doors_of_uploads_know_no_paper(desk):
    """A W-9 has a tax number: who may only see uploads does not get at it, nor completes it."""
    made = desk.sent()
    upload = desk.records.load(Upload, made.upload_id).record
    assert upload.partner_id not in {"P-A", "P-UP", "P-B", "P-T"}
    for doors in (process.complete_proof, complete_upload):
        with pytest.raises(NotFound):
            doors(
                desk.records,
                desk.outside,
                upload_id=upload.id,
                partner_id="P-A",
                at=AT,
                by="client",
            )


def test_one_file_of_two_kinds_is_two_papers(desk):
    assert desk.announce(W9).document.id != desk.announce(BANK).document.id


def test_what_may_not_be_announced_leaves_nothing(desk):
    assert desk.announce(content_type="text/html").code == "content_type_not_allowed"
    assert desk.announce(size_bytes=10**9).code == "size_not_allowed"
    assert process.documents_of(desk.records, "P-A") == ()


def test_papers_are_listed_and_shown(desk):
    asked = desk.announce(BANK)
    made = desk.sent(W9)
    assert {one.id for one in process.documents_of(desk.records, "P-A")} == {
        asked.document.id,
        made.id,
    }
    nothing = process.link_to_document(desk.outside.desk, asked.document, at=AT)
    assert (nothing.rule, nothing.code) == ("U-08", "conflict")
    assert made.reference in process.link_to_document(desk.outside.desk, made, at=AT)


class Stale(MemoryRecords):
    """Shows what was there when it was made, and writes to what is there now."""

    def __init__(self, now):
        super().__init__()
        self._records, self._now = dict(now._records), now

    def commit(self, change):
        self._now.commit(change)


def test_completed_twice_at_once(desk):
    asked = desk.announce()
    desk.send(asked.upload)
    stale = Stale(desk.records)
    kept = desk.complete(asked.document)
    desk.send(asked.upload)
    with pytest.raises(Conflict):
        desk.complete(asked.document, records=stale)
    assert desk.complete(asked.document) == kept


def test_one_that_was_withdrawn_while_it_was_sent_stays_so(desk):
    asked = desk.announce()
    portfolio.withdraw_partner_document(
        desk.records, document_id=asked.document.id, because="not theirs", at=AT, by="rm"
    )
    desk.send(asked.upload)
    assert desk.complete(asked.document).document.state is DocumentState.WITHDRAWN
    assert desk.gates() == (False, False)


@pytest.mark.rule("F05")
@pytest.mark.parametrize("writes", range(1, 3))
def test_a_call_that_died_is_made_again(desk, writes):
    """After each write: the paper waits once, and its file is kept once."""
    asked = desk.announce()
    desk.send(asked.upload)
    desk.fuse(writes)
    with pytest.raises(Killed):
        desk.complete(asked.document)
    desk.fuse(-1)
    desk.send(asked.upload)
    assert desk.complete(asked.document).document.state is DocumentState.WAITING
    told = [one for one in desk.records.history("P-A") if one.what == "document_sent"]
    assert len(told) == 1
