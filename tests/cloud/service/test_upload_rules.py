"""What may be announced, how much room there is, and what the first bytes of a file tell."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.kernel.decision import Refused
from cloud.service import uploads
from cloud.service.uploads import (
    Announced,
    Place,
    Purpose,
    Scan,
    Upload,
    UploadRoom,
    UploadState,
)

TODAY = date(2026, 6, 8)
NOW = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)
MIB = 1024 * 1024
PHOTO = Announced(Purpose.PHOTO_FOUND, "one.jpg", "image/jpeg", 1000, "0" * 64)
PAPER = Announced(Purpose.REPORT_PDF, "r.pdf", "application/pdf", 1000, "f" * 64)


@pytest.mark.rule("U-01")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({}, None, id="a photo"),
        pytest.param({"content_type": "image/png"}, None, id="a PNG"),
        pytest.param({"purpose": Purpose.PHOTO_DEPARTED}, None, id="of the departure"),
        pytest.param({"size_bytes": 15 * MIB}, None, id="the most"),
        pytest.param({"size_bytes": 15 * MIB + 1}, "size_not_allowed", id="just over"),
        pytest.param({"size_bytes": 1}, None, id="the least"),
        pytest.param({"size_bytes": 0}, "size_not_allowed", id="nothing"),
        pytest.param({"size_bytes": -5}, "size_not_allowed", id="less than nothing"),
        pytest.param({"content_type": "image/heic"}, "heic_not_supported", id="HEIC"),
        pytest.param({"content_type": "image/heif"}, "heic_not_supported", id="HEIF"),
        pytest.param({"content_type": "image/svg+xml"}, "content_type_not_allowed", id="SVG"),
        pytest.param({"content_type": "IMAGE/JPEG"}, "content_type_not_allowed", id="shouted"),
        pytest.param({"content_type": "application/pdf"}, "content_type_not_allowed", id="a PDF"),
        pytest.param({"sha256": "0" * 63}, "digest_malformed", id="a short digest"),
        pytest.param({"sha256": "G" * 64}, "digest_malformed", id="no digits"),
        pytest.param({"sha256": "A" * 64}, "digest_malformed", id="large digits"),
        pytest.param({"sha256": "0" * 63 + "X"}, "digest_malformed", id="one sign is no digit"),
        pytest.param({"name": " "}, "name_missing", id="no name"),
        pytest.param({"name": "a\r\nb"}, "name_missing", id="a name on two lines"),
    ],
)
def test_a_photo_that_may_be_announced(changes, code):
    refused = uploads.refusal(replace(PHOTO, **changes), on=TODAY)
    assert (refused and refused.code) == code
    assert refused is None or (refused.rule == "U-01" and refused.because)


def test_who_sends_heic_hears_what_to_send_instead():
    refused = uploads.refusal(replace(PHOTO, content_type="image/heic"), on=TODAY)
    assert "send JPEG" in refused.because


@pytest.mark.rule("U-02")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({}, None, id="a report"),
        pytest.param({"purpose": Purpose.INVOICE_PAPER}, None, id="an invoice"),
        pytest.param({"size_bytes": 25 * MIB}, None, id="the most"),
        pytest.param({"size_bytes": 25 * MIB + 1}, "size_not_allowed", id="just over"),
        pytest.param({"content_type": "image/jpeg"}, "content_type_not_allowed", id="a photo"),
        pytest.param({"content_type": "application/zip"}, "content_type_not_allowed", id="a ZIP"),
    ],
)
def test_a_paper_that_may_be_announced(changes, code):
    refused = uploads.refusal(replace(PAPER, **changes), on=TODAY)
    assert (refused and refused.code) == code
    assert refused is None or refused.rule == "U-02"


@pytest.mark.parametrize(
    ("content_type", "size", "code"),
    [
        ("image/jpeg", 15 * MIB, None),
        ("image/jpeg", 15 * MIB + 1, "size_not_allowed"),
        ("application/pdf", 25 * MIB, None),
        ("text/html", 1, "content_type_not_allowed"),
    ],
)
def test_evidence_is_a_photo_or_a_paper_each_by_its_own_limits(content_type, size, code):
    file = replace(PAPER, purpose=Purpose.EVIDENCE, content_type=content_type, size_bytes=size)
    refused = uploads.refusal(file, on=TODAY)
    assert (refused and refused.code) == code


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\0", "image/png"),
        (b"%PDF-1.7", "application/pdf"),
        (b" %PDF-1.7", ""),
        (b"\xff\xd8", ""),
        (b"GIF89a", ""),
        (b"RIFF\0\0\0\0WEBP", ""),
        (b"PK\x03\x04", ""),
        (b"", ""),
    ],
)
def test_the_first_bytes_tell_what_a_file_is(content, kind):
    assert uploads.kind_of(content) == kind


@pytest.mark.parametrize(
    ("scan", "code"),
    [(Scan.CLEAN, None), (Scan.THREAT, "malware_found"), (Scan.FAILED, "scan_failed")],
)
def test_a_scan_that_could_not_look_found_nothing_clean(scan, code):
    fault = uploads.infected(scan)
    assert (fault and fault.code) == code
    assert fault is None or fault.because


@pytest.mark.parametrize(
    ("content", "sha256", "code"),
    [
        pytest.param(b"\xff\xd8\xff", "0" * 64, "size_differs", id="of another size"),
        pytest.param(b"\xff\xd8\xff" + bytes(997), "1" * 64, "digest_differs", id="other bytes"),
        pytest.param(bytes(1000), "0" * 64, "type_differs", id="no photo"),
        pytest.param(b"\xff\xd8\xff" + bytes(997), "0" * 64, None, id="just that"),
    ],
)
def test_what_arrived_is_what_was_announced_or_the_sender_is_told(content, sha256, code):
    fault = uploads.unlike(an_upload(1), content=content, sha256=sha256)
    assert (fault and fault.code) == code
    assert fault is None or fault.because


def test_how_much_may_be_unpacked_is_agreed():
    assert uploads.limits_on(TODAY) == uploads.Limits(64_000_000, 200)


def an_upload(number, size=1000):
    return Upload(
        id=f"UPL-{number}",
        work_order_id="WO-1",
        partner_id="P-1",
        purpose=Purpose.EVIDENCE,
        name="one",
        content_type="image/jpeg",
        size_bytes=size,
        sha256="0" * 64,
        state=UploadState.REQUESTED,
        quarantine="q",
        requested_at=NOW,
        requested_by="jo",
    )


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "fill", "free", "wait"]),
        st.integers(0, 70),
        st.integers(1, 25 * MIB),
    ),
    max_size=120,
)


@given(steps=STEPS)
@settings(deadline=None)  # a busy machine is not a broken rule
def test_no_order_of_steps_takes_more_room_than_there_is(steps):
    room, now = UploadRoom("WO-1"), NOW
    for step, number, size in steps:
        upload = an_upload(number, size)
        if step == "wait":
            now += timedelta(minutes=7)
            continue
        if step == "free":
            room = uploads.freed(room, upload)
            continue
        take = uploads.reserved if step == "reserve" else uploads.filled
        after = take(room, upload, at=now)
        if isinstance(after, Refused):
            continue
        room = after
        standing = [one for one in room.places if one.until is None or one.until > now]
        assert len(standing) == len(room.places) <= 60
        assert sum(one.size_bytes for one in standing) <= 200 * MIB
        assert len({one.upload_id for one in standing}) == len(standing)


def test_a_place_that_is_taken_for_good_stays():
    room = uploads.filled(UploadRoom("WO-1"), an_upload(1), at=NOW)
    later = uploads.reserved(room, an_upload(2), at=NOW + timedelta(days=9))
    assert later.places[0] == Place("UPL-1", 1000, None)
