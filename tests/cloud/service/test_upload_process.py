"""Files on their way from a partner to the evidence, and what stops them."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image

from cloud.kernel.change import Change
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict, NotFound
from cloud.service import process
from cloud.service.uploads import Purpose, Scan, Upload, UploadRoom, UploadState
from tests.cloud.service.report_world import MONDAY, World, a_paper, a_photo, announced

MIB = 1024 * 1024
TEN = timedelta(minutes=10)


@pytest.fixture
def world():
    made = World()
    made.accept()
    return made


def stored(world, upload) -> Upload:
    return world.records.load(Upload, upload.id).record


def everything(world):
    return (
        dict(world.records._records),
        {subject: list(log) for subject, log in world.records._history.items()},
        dict(world.documents._kept),
        dict(world.desk.lying),
    )


# ---------------------------------------------------------------------- the way of a photo
@pytest.mark.rule("U-05")
def test_a_photo_is_announced_posted_looked_at_and_kept(world):
    content = a_photo()
    asked = world.request(announced(content))
    upload = asked.upload
    assert asked.form.until == MONDAY + TEN
    assert asked.form.fields["key"] == f"quarantine/orig/{world.number}/{upload.id}"
    assert upload.state is UploadState.REQUESTED
    world.desk.lying[upload.quarantine] = content
    kept = world.complete(upload.id)
    assert (kept.state, kept.settled_at) == (UploadState.KEPT, MONDAY)
    assert kept.evidence == f"evidence/{world.number}/{upload.id}.jpg"
    assert (kept.width_px, kept.height_px) == (320, 240)
    with Image.open(BytesIO(world.documents.get(kept.evidence))) as picture:
        assert picture.format == "JPEG"
    assert world.documents.get(kept.small)
    assert world.desk.lying == {}
    assert [event.what for event in world.records.history(kept.id)] == ["upload_kept"]


def test_a_png_becomes_a_jpeg_and_a_paper_stays_as_it_came(world):
    png = a_photo(kind="PNG")
    kept = world.uploaded(png, content_type="image/png", name="one.png")
    assert kept.evidence.endswith(".jpg")
    paper = a_paper()
    kept = world.uploaded(
        paper, purpose=Purpose.REPORT_PDF, content_type="application/pdf", name="report.pdf"
    )
    assert world.documents.get(kept.evidence) == paper
    assert (kept.pages, kept.small) == (1, "")


def test_asking_and_completing_twice_changes_nothing(world):
    content = a_photo()
    first = world.request(announced(content))
    assert world.request(announced(content)) == first
    world.desk.lying[first.upload.quarantine] = content
    kept = world.complete(first.upload.id)
    before = everything(world)
    assert world.complete(first.upload.id, when=MONDAY + TEN) == kept
    again = world.request(announced(content), when=MONDAY + TEN)
    assert (again.upload, again.form) == (kept, None)
    assert everything(world) == before


def test_a_killed_completion_goes_on_where_it_stood(world):
    """The evidence was written and the process died before anything was recorded."""
    content = a_photo()
    upload = world.request(announced(content)).upload
    world.desk.lying[upload.quarantine] = content
    before = dict(world.records._records)
    kept = world.complete(upload.id)
    world.records._records.clear()
    world.records._records.update(before)
    world.desk.lying[upload.quarantine] = content
    assert world.complete(upload.id) == kept
    assert stored(world, upload) == kept


def test_a_killed_completion_that_a_newer_library_ends_keeps_what_was_kept(world):
    content = a_photo()
    upload = world.request(announced(content)).upload
    world.desk.lying[upload.quarantine] = content
    stem = f"evidence/{world.number}/{upload.id}"
    world.documents.put(f"{stem}.jpg", b"the same picture in other bytes", "image/jpeg")
    assert world.complete(upload.id).evidence == f"{stem}.jpg"
    assert world.documents.get(f"{stem}.jpg").startswith(b"the same")


def test_a_killed_completion_leaves_nothing_in_quarantine_once_it_is_repeated(world):
    content = a_photo()
    kept = world.uploaded(content)
    world.desk.lying[kept.quarantine] = content
    assert world.complete(kept.id) == kept
    assert world.desk.lying == {}


# ---------------------------------------------------------------------- what arrived is another
@pytest.mark.parametrize(
    ("arrived", "code"),
    [
        pytest.param(a_photo("blue"), "digest_differs", id="another photo of the same size"),
        pytest.param(a_photo() + b"x", "size_differs", id="longer"),
        pytest.param(b"", "size_differs", id="nothing in it"),
    ],
)
def test_what_differs_is_removed_and_may_be_uploaded_again(world, arrived, code):
    content = a_photo()
    if code == "digest_differs":
        arrived = arrived[: len(content)].ljust(len(content), b"\0")
    upload = world.request(announced(content)).upload
    world.desk.lying[upload.quarantine] = arrived
    refused = world.complete(upload.id)
    assert (refused.code, refused.rule) == (code, "U-05")
    assert world.desk.lying == {}
    assert stored(world, upload).state is UploadState.REQUESTED
    world.desk.lying[upload.quarantine] = content
    assert world.complete(upload.id).state is UploadState.KEPT


def test_before_anything_arrived_there_is_nothing_to_complete(world):
    upload = world.request(announced(a_photo())).upload
    assert world.complete(upload.id).code == "upload_not_there"


@pytest.mark.parametrize(
    ("content", "facts", "code"),
    [
        pytest.param(a_paper(), {}, "type_differs", id="a paper that is called a photo"),
        pytest.param(b"<html>", {}, "type_differs", id="a page that is called a photo"),
        pytest.param(a_photo(kind="PNG"), {}, "type_differs", id="a PNG that is called a JPEG"),
        pytest.param(a_photo()[:400], {}, "photo_unreadable", id="half a photo"),
        pytest.param(
            a_paper().replace(b"/Page\n", b"/Page /AA << >>\n"),
            {"purpose": Purpose.REPORT_PDF, "content_type": "application/pdf"},
            "paper_active",
            id="a paper that acts",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused_for_good_and_removed(world, content, facts, code):
    refused = world.uploaded(content, **facts)
    assert (refused.state, refused.code) == (UploadState.REFUSED, code)
    assert refused.because
    assert world.desk.lying == world.documents._kept == {}
    assert world.records.load(UploadRoom, world.number).record.places == ()
    assert world.complete(refused.id) == refused
    assert world.request(announced(content, **facts)).form is None


def test_a_size_that_was_announced_wrongly_is_put_right_by_asking_again(world):
    content = a_photo()
    file = announced(content)
    wrong = world.request(replace(file, size_bytes=9)).upload
    world.desk.lying[wrong.quarantine] = content
    assert world.complete(wrong.id).code == "size_differs"
    right = world.request(file).upload
    assert right.id == wrong.id
    world.desk.lying[right.quarantine] = content
    assert world.complete(right.id).state is UploadState.KEPT


# ---------------------------------------------------------------------- the scan
def test_a_file_waits_for_its_scan_and_is_kept_after_it(world):
    content = a_photo()
    upload = world.request(announced(content)).upload
    world.desk.lying[upload.quarantine] = content
    world.desk.said[upload.quarantine] = Scan.PENDING
    for _ in range(2):
        assert world.complete(upload.id).state is UploadState.SCANNING
    assert stored(world, upload).state is UploadState.SCANNING
    assert world.documents._kept == {}
    assert world.desk.lying
    world.desk.said[upload.quarantine] = Scan.CLEAN
    assert world.complete(upload.id).state is UploadState.KEPT


@pytest.mark.parametrize(
    ("scan", "code"), [(Scan.THREAT, "malware_found"), (Scan.FAILED, "scan_failed")]
)
def test_only_what_the_scan_found_clean_is_kept(world, scan, code):
    content = a_photo()
    upload = world.request(announced(content)).upload
    world.desk.lying[upload.quarantine] = content
    world.desk.said[upload.quarantine] = scan
    refused = world.complete(upload.id)
    assert (refused.state, refused.code) == (UploadState.REFUSED, code)
    assert world.desk.lying == world.documents._kept == {}


# ---------------------------------------------------------------------- room
def a_room(world, places):
    content = a_photo()
    for number in range(places):
        file = announced(content, name=f"{number}.jpg")
        assert not isinstance(world.request(file), Refused)
    return content


@pytest.mark.rule("U-03")
def test_a_work_order_holds_sixty_files_and_a_place_that_ran_out_is_free_again(world):
    content = a_room(world, 60)
    over = announced(content, name="61.jpg")
    refused = world.request(over, when=MONDAY + 2 * TEN - timedelta(seconds=1))
    assert (refused.code, refused.rule) == ("too_many_files", "U-03")
    assert "60 files" in refused.because
    assert not isinstance(world.request(announced(content, name="59.jpg")), Refused)
    assert world.request(over, when=MONDAY + 2 * TEN).form is not None


@pytest.mark.rule("U-03")
def test_kept_files_keep_their_place_and_a_late_one_may_find_none(world):
    late = a_photo("green")
    upload = world.request(announced(late)).upload
    after = MONDAY + 3 * TEN
    content = a_photo()
    for number in range(60):
        file = announced(content, name=f"{number}.jpg")
        made = world.request(file, when=after).upload
        world.desk.lying[made.quarantine] = content
        assert world.complete(made.id, when=after).state is UploadState.KEPT
    world.desk.lying[upload.quarantine] = late
    refused = world.complete(upload.id, when=after + 9 * TEN)
    assert refused.code == "too_many_files"
    assert stored(world, upload).state is UploadState.REQUESTED


@pytest.mark.rule("U-04")
@pytest.mark.parametrize(("last", "is_taken"), [(20 * MIB, True), (20 * MIB + 1, False)])
def test_all_files_together_take_so_many_bytes(world, last, is_taken):
    paper = announced(b"", purpose=Purpose.EVIDENCE, content_type="application/pdf", name="a.pdf")
    for number, size in enumerate([25 * MIB] * 6 + [15 * MIB] * 2):
        file = replace(paper, size_bytes=size, name=f"{number}.pdf")
        assert not isinstance(world.request(file), Refused)
    answer = world.request(replace(paper, size_bytes=last, name="last.pdf"))
    assert isinstance(answer, Refused) is not is_taken
    assert is_taken or (answer.code, answer.rule) == ("too_many_bytes", "U-04")
    assert is_taken or "bytes together" in answer.because


def test_two_requests_at_once_cannot_both_take_the_last_place(world):
    a_room(world, 59)
    room = world.records.load(UploadRoom, world.number)
    world.request(announced(a_photo("blue")))
    with pytest.raises(Conflict):
        world.records.commit(Change(saves=(room.replaced_by(room.record),)))


# ---------------------------------------------------------------------- whose it is
@pytest.mark.rule("T-91")
def test_an_upload_of_another_partner_does_not_exist(world):
    kept = world.uploaded(a_photo())
    for call in (
        lambda: world.complete(kept.id, who="other"),
        lambda: world.complete("UPL-0", who="orig"),
        lambda: process.load_upload(world.records, upload_id=kept.id, partner_id="other"),
        lambda: world.request(announced(a_photo()), who="stranger"),
    ):
        with pytest.raises(NotFound, match="not known here"):
            call()


def test_who_has_not_taken_the_work_or_lost_it_sends_no_files():
    world = World()
    assert world.request(announced(a_photo())).code == "conflict"
    world.accept()
    upload = world.request(announced(a_photo())).upload
    order = world.records.load(type(world.order), world.number)
    world.records.commit(
        Change(saves=(order.replaced_by(replace(order.record, partner_id="other")),))
    )
    assert world.request(announced(a_photo())).code == "conflict"
    world.desk.lying[upload.quarantine] = a_photo()
    assert world.complete(upload.id).code == "conflict"


# ---------------------------------------------------------------------- showing
@pytest.mark.rule("U-08")
def test_what_is_kept_is_shown_as_a_download_for_five_minutes(world):
    kept = world.uploaded(a_photo())
    link = process.link_to(world.desk, kept, at=MONDAY)
    assert link == f"memory:{kept.evidence}?name={kept.id}.jpg&minutes=5"
    asked = world.request(announced(a_photo("blue"))).upload
    assert process.link_to(world.desk, asked, at=MONDAY).code == "conflict"


# ---------------------------------------------------------------------- mails
def test_an_attachment_goes_the_same_way_whatever_the_mail_calls_it(world):
    content = a_photo()
    kept = world.attach(content, "../../etc/pass\r\nwd.exe")
    assert (kept.state, kept.content_type) == (UploadState.KEPT, "image/jpeg")
    assert kept.name == "../../etc/passwd.exe"
    assert kept.evidence == f"evidence/{world.number}/{kept.id}.jpg"
    before = everything(world)
    assert world.attach(content, "../../etc/pass\r\nwd.exe", when=MONDAY + TEN) == kept
    assert everything(world) == before


def test_an_attachment_waits_for_its_scan_like_any_other_file(world):
    content = a_photo()
    digest = hashlib.sha256(content).hexdigest()
    world.desk.said = dict.fromkeys(
        [world.request(announced(content)).upload.quarantine], Scan.PENDING
    )
    upload = world.attach(content, "one.jpg")
    assert (upload.state, upload.sha256) == (UploadState.SCANNING, digest)
    world.desk.said.clear()
    assert world.attach(content, "one.jpg").state is UploadState.KEPT


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        pytest.param(b"\0\0\0\x18ftypheic", "IMG_1.HEIC", "heic_not_supported", id="HEIC"),
        pytest.param(b"PK\x03\x04", "photos.zip", "content_type_not_allowed", id="an archive"),
        pytest.param(b"<svg/>", "one.svg", "content_type_not_allowed", id="an SVG"),
        pytest.param(b"", "one.jpg", "content_type_not_allowed", id="an empty file"),
        pytest.param(a_paper(), "one.jpg", "content_type_not_allowed", id="a paper for a photo"),
    ],
)
def test_an_attachment_that_is_none_of_ours_is_refused_with_what_to_do(world, content, name, code):
    refused = world.attach(content, name)
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert world.desk.lying == {}


def test_a_mail_without_a_name_for_its_file_is_fine(world):
    assert world.attach(a_photo(), "\r\n").name == "attachment"
