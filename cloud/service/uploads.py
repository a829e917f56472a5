"""What may be uploaded for a work order, and what of it is kept as evidence; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from cloud.kernel.decision import Refused
from cloud.kernel.ports import Documents
from cloud.service.policy import (
    PAPER_PAGES,
    PAPERS,
    PHOTO_PIXELS,
    PHOTOS,
    UPLOAD_BYTES,
    UPLOAD_FILES,
    UPLOAD_MINUTES,
)

PREFIX = "upload:"
"""What a report writes before the id of an upload that it shows."""
JPEG, PDF = "image/jpeg", "application/pdf"
_HEIC = {"image/heic", "image/heif"}
_SHA256_SIGNS = 64


class Purpose(StrEnum):
    """What a file is for."""

    PHOTO_FOUND = "photo_found"
    PHOTO_DEPARTED = "photo_departed"
    REPORT_PDF = "report_pdf"
    INVOICE_PAPER = "invoice_paper"
    EVIDENCE = "evidence"


class UploadState(StrEnum):
    """Where a file stands between the partner's disk and the evidence."""

    REQUESTED = "requested"
    SCANNING = "scanning"
    KEPT = "kept"
    REFUSED = "refused"


class Scan(StrEnum):
    """What the malware scan says of an object."""

    PENDING = "pending"
    CLEAN = "clean"
    THREAT = "threat"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Upload:
    """One file that a partner sends for a work order.

    Attributes:
        name: as the partner calls it; shown, never used as a path.
        content_type, size_bytes, sha256: as they were announced; what arrives must be just that.
        quarantine: the key that it is uploaded to, and leaves when it is kept or refused.
        evidence: the document that was kept: of a photo our own picture, of a paper the file.
        small: of a photo, a smaller picture for pages that show many.
        taken_at: when the camera says that it took the photo, on the camera's own clock.
        code, because: why it was refused.
    """

    id: str
    work_order_id: str
    partner_id: str
    purpose: Purpose
    name: str
    content_type: str
    size_bytes: int
    sha256: str
    state: UploadState
    quarantine: str
    requested_at: datetime
    requested_by: str
    evidence: str = ""
    small: str = ""
    width_px: int = 0
    height_px: int = 0
    pages: int = 0
    taken_at: str = ""
    settled_at: datetime | None = None
    code: str = ""
    because: str = ""

    @property
    def reference(self) -> str:
        """Give the name by which a report shows it."""
        return f"{PREFIX}{self.id}"

    @property
    def is_photo(self) -> bool:
        """Tell whether it is a picture."""
        return self.content_type.startswith("image/")


@dataclass(frozen=True, slots=True)
class Place:
    """The room that one file takes; None where it is taken for good."""

    upload_id: str
    size_bytes: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class UploadRoom:
    """The room that a work order's files take; two requests cannot fill it past its end at once.

    Attributes:
        id: the work order's.
    """

    id: str
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Announced:
    """A file that somebody wants to send."""

    purpose: Purpose
    name: str
    content_type: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Form:
    """Where a file is posted to, with the fields that stand before it."""

    url: str
    fields: Mapping[str, str]
    until: datetime


@dataclass(frozen=True, slots=True)
class Arrived:
    """What lies in quarantine: the bytes of one version, and what the scan says of that version."""

    content: bytes
    scan: Scan


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be unpacked while a file is looked at."""

    most_pixels: int
    most_pages: int


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file that may be kept: what of it is kept, and what was read of it.

    Attributes:
        small: of a photo, the smaller picture.
    """

    content: bytes
    content_type: str
    small: bytes = b""
    width_px: int = 0
    height_px: int = 0
    pages: int = 0
    taken_at: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a file cannot be kept, and what to send instead."""

    code: str
    because: str


class UploadDesk(Protocol):
    """The quarantine, and the door that evidence is shown through."""

    def form(self, upload: Upload, *, until: datetime, at: datetime) -> Form:
        """Give the form that lets this one file be posted to its one key."""
        ...

    def arrived(self, key: str) -> Arrived | None:
        """Give what lies in quarantine under a key, None while nothing does."""
        ...

    def put(self, key: str, content: bytes, content_type: str) -> None:
        """Lay content into quarantine that came another way than by the form."""
        ...

    def discard(self, key: str) -> None:
        """Remove every version of what lies in quarantine; nothing there is fine."""
        ...

    def is_kept(self, reference: str) -> bool:
        """Tell whether a document is kept under a reference."""
        ...

    def link(self, reference: str, *, name: str, minutes: int) -> str:
        """Give an address that shows a document as a download, for some minutes."""
        ...


class Inspector(Protocol):
    """Looks into files: decodes photos and reads papers, within limits."""

    def inspect(self, content: bytes, content_type: str, limits: Limits) -> Inspected | Fault:
        """Give what may be kept of a file, or why nothing may."""
        ...


@dataclass(frozen=True, slots=True)
class Outside:
    """What files need beside the records.

    Attributes:
        desk: the quarantine.
        documents: where evidence is kept.
        inspector: looks into files.
    """

    desk: UploadDesk
    documents: Documents
    inspector: Inspector


# ---------------------------------------------------------------------- rules
def refusal(asked: Announced, *, on: date) -> Refused | None:
    """Say why a file may not be announced, None when it may (U-01, U-02)."""
    if asked.content_type in _HEIC:
        because = (
            "HEIC photos cannot be read here: send JPEG (on a telephone, the camera's setting "
            "Most Compatible)"
        )
        return Refused("U-01", because, "heic_not_supported")
    rule = PHOTOS if _is_photo(asked.purpose) else PAPERS
    sizes = dict(rule.on(on))
    if asked.purpose is Purpose.EVIDENCE:
        sizes |= dict(PHOTOS.on(on))
    if asked.content_type not in sizes:
        because = f"{asked.purpose} takes {' or '.join(sorted(sizes))}, not {asked.content_type}"
        return Refused(rule.id, because, "content_type_not_allowed")
    most = sizes[asked.content_type]
    if not 0 < asked.size_bytes <= most:
        because = f"a file of {asked.size_bytes} bytes is not within 1 and {most}"
        return Refused(rule.id, because, "size_not_allowed")
    digits = set(asked.sha256) <= set("0123456789abcdef")
    if len(asked.sha256) != _SHA256_SIGNS or not digits:
        because = "sha256 is the file's digest in 64 small hexadecimal digits"
        return Refused(rule.id, because, "digest_malformed")
    if not asked.name.strip() or not asked.name.isprintable():
        return Refused(rule.id, "give the file a printable name", "name_missing")
    return None


def _is_photo(purpose: Purpose) -> bool:
    return purpose in {Purpose.PHOTO_FOUND, Purpose.PHOTO_DEPARTED}


def reserved(room: UploadRoom, upload: Upload, *, at: datetime) -> UploadRoom | Refused:
    """Take room for a file that is to come (U-03, U-04).

    A place that was taken for a form that ran out is free again; a file twice takes one place.
    """
    until = at + timedelta(minutes=2 * UPLOAD_MINUTES.on(at.date()))
    return _fitting(room, Place(upload.id, upload.size_bytes, until), at=at)


def filled(room: UploadRoom, upload: Upload, *, at: datetime) -> UploadRoom | Refused:
    """Take room for good for a file that is kept (U-03, U-04); it may have lost its place."""
    return _fitting(room, Place(upload.id, upload.size_bytes, None), at=at)


def freed(room: UploadRoom, upload: Upload) -> UploadRoom:
    """Give the room back that a file took."""
    return replace(room, places=tuple(one for one in room.places if one.upload_id != upload.id))


def _fitting(room: UploadRoom, place: Place, *, at: datetime) -> UploadRoom | Refused:
    standing = (
        one
        for one in room.places
        if one.upload_id != place.upload_id and (one.until is None or one.until > at)
    )
    places = (*standing, place)
    files, size = UPLOAD_FILES.on(at.date()), UPLOAD_BYTES.on(at.date())
    if len(places) > files:
        because = f"a work order holds at most {files} files"
        return Refused("U-03", because, "too_many_files")
    if sum(one.size_bytes for one in places) > size:
        because = f"the files of a work order take at most {size} bytes together"
        return Refused("U-04", because, "too_many_bytes")
    return replace(room, places=places)


def limits_on(day: date) -> Limits:
    """Give how much may be unpacked of one file (U-06, U-07)."""
    return Limits(most_pixels=PHOTO_PIXELS.on(day), most_pages=PAPER_PAGES.on(day))


def unlike(upload: Upload, *, content: bytes, sha256: str) -> Fault | None:
    """Say how what arrived differs from what was announced, None when it is just that.

    The form's own limits are not relied on: what counts is what lies there now (U-05).
    """
    if len(content) != upload.size_bytes:
        because = f"{len(content)} bytes arrived, {upload.size_bytes} were announced"
        return Fault("size_differs", f"{because}: upload the file again")
    if sha256 != upload.sha256:
        because = "what arrived has another SHA-256 than was announced"
        return Fault("digest_differs", f"{because}: upload the file again")
    if kind_of(content) != upload.content_type:
        because = f"the file does not begin like {upload.content_type}"
        return Fault("type_differs", f"{because}: announce it as what it is")
    return None


def kind_of(content: bytes) -> str:
    """Give the content type that a file's first bytes tell, empty for any that is not taken."""
    for magic, kind in (
        (b"\xff\xd8\xff", JPEG),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"%PDF-", PDF),
    ):
        if content.startswith(magic):
            return kind
    return ""


def infected(scan: Scan) -> Fault | None:
    """Say why a scanned file is not kept, None when the scan found nothing (U-05).

    A scan that could not look is no scan that found nothing.
    """
    if scan is Scan.THREAT:
        return Fault("malware_found", "the malware scan found a threat in it: it was deleted")
    if scan is Scan.FAILED:
        because = "the malware scan could not read it: send the pages as a plain PDF or photos"
        return Fault("scan_failed", because)
    return None
