"""What a service report must hold before the visit counts as done, and what proves it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from urllib.parse import urlsplit

from cloud.service.policy import OEM_CASE_ASKED_OF, REPORT_FORMS, SITECAPTURE_HOSTS
from cloud.service.uploads import PREFIX, Upload, UploadState

SITECAPTURE = "sitecapture"
"""The form that is a link to a page of somebody else's."""
_WATCHED = {"inverter", "battery"}
"""Kinds of parts whose serial number a gateway reads."""
_LONGEST_LINK = 500


@dataclass(frozen=True, slots=True)
class Condition:
    """The system at one moment of the visit: in words, and photos by reference."""

    notes: str = ""
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExchangedPart:
    """One part that went and the one that came.

    Attributes:
        kind: what it is, for example ``inverter``; empty where nobody said.
    """

    old_serial: str
    new_serial: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Rma:
    """An exchange under the maker's warranty."""

    initiated_by: str
    parts: tuple[ExchangedPart, ...]
    oem_case_number: str = ""


@dataclass(frozen=True, slots=True)
class VisitReport:
    """What the partner says about the visit, in whichever form it came.

    Attributes:
        papers: PDF reports that came with it, by reference; their text is shown, never trusted.
        link: of a report that another page shows.
    """

    form: str
    as_found: Condition
    as_departed: Condition
    summary: str
    root_cause: str
    rma: Rma | None = None
    papers: tuple[str, ...] = ()
    link: str = ""

    @property
    def references(self) -> tuple[str, ...]:
        """Give the references to all files that it shows, blank ones left out."""
        named = (*self.as_found.photos, *self.as_departed.photos, *self.papers)
        return tuple(one for one in named if not _is_blank(one))


class SerialState(StrEnum):
    """What telemetry says of the serial numbers of an exchange."""

    NOT_ASKED = "not_asked"
    WAITING = "waiting"
    CONFIRMED = "confirmed"
    MISMATCH = "mismatch"
    NOT_SEEN = "not_seen"


@dataclass(frozen=True, slots=True)
class SerialVerdict:
    """What was seen of an exchange, and one sentence about it."""

    state: SerialState
    says: str


def missing_from(report: VisitReport, *, on: date) -> tuple[str, ...]:
    """Give the codes of all that a report lacks, sorted (P-70, P-71, P-72).

    Blank text is missing text. The maker's case number is asked for only where the partner started
    the exchange; serial numbers always.
    """
    lacks = {
        "unsupported_form": report.form not in REPORT_FORMS.on(on),
        "as_found_notes_missing": _is_blank(report.as_found.notes),
        "as_found_photos_missing": all(map(_is_blank, report.as_found.photos)),
        "as_departed_notes_missing": _is_blank(report.as_departed.notes),
        "as_departed_photos_missing": all(map(_is_blank, report.as_departed.photos)),
        "summary_missing": _is_blank(report.summary),
        "root_cause_missing": _is_blank(report.root_cause),
    }
    missing = {code for code, is_lacking in lacks.items() if is_lacking}
    if report.rma is not None:
        missing.update(_missing_from_exchange(report.rma, on))
    return tuple(sorted(missing))


def _missing_from_exchange(rma: Rma, on: date) -> Iterator[str]:
    if not rma.parts:
        yield "rma_parts_missing"
    for part in rma.parts:
        old, new = part.old_serial.strip().casefold(), part.new_serial.strip().casefold()
        if not old:
            yield "rma_old_serial_missing"
        if not new:
            yield "rma_new_serial_missing"
        if old and old == new:
            yield "rma_serials_identical"
    if rma.initiated_by in OEM_CASE_ASKED_OF.on(on) and _is_blank(rma.oem_case_number):
        yield "rma_oem_case_number_missing"


def _is_blank(text: str) -> bool:
    return not text.strip()


def wrong_in(
    report: VisitReport, *, work_order_id: str, files: Mapping[str, Upload], on: date
) -> tuple[str, ...]:
    """Give the codes of what a report shows and must not, sorted (P-71, P-72b).

    A photo is a picture that was kept for this very work order, a paper a document; what still
    waits for its scan is not there yet. A link leads over https to a page that is known.

    Args:
        report: what the partner says.
        work_order_id: what it is about.
        files: the uploads behind its references, by reference.
        on: the day whose rules hold.
    """
    photos = (*report.as_found.photos, *report.as_departed.photos)
    wrong = {
        code
        for references, is_photo in ((photos, True), (report.papers, False))
        for reference in references
        if not _is_blank(reference)
        for code in _wrong_file(files.get(reference), work_order_id, is_photo=is_photo)
    }
    if report.form == SITECAPTURE and _is_blank(report.link):
        wrong.add("link_missing")
    if not _is_blank(report.link) and not _may_be_shown(report.link, on):
        wrong.add("link_not_allowed")
    return tuple(sorted(wrong))


def _wrong_file(file: Upload | None, work_order_id: str, *, is_photo: bool) -> Iterator[str]:
    kind = "photo" if is_photo else "paper"
    if file is None or file.work_order_id != work_order_id or file.is_photo is not is_photo:
        yield f"{kind}_unknown"
    elif file.state is not UploadState.KEPT:
        yield f"{kind}_not_kept"


def _may_be_shown(link: str, on: date) -> bool:
    """Tell whether a link may be shown: no other host, port or user hides in it (P-72b)."""
    if len(link) > _LONGEST_LINK or not link.isascii() or not link.isprintable() or " " in link:
        return False
    try:
        parts = urlsplit(link)
        is_plain = parts.port is None and "@" not in parts.netloc and "\\" not in link
    except ValueError:
        return False
    return parts.scheme == "https" and is_plain and parts.hostname in SITECAPTURE_HOSTS.on(on)


def upload_ids_in(report: VisitReport) -> Mapping[str, str]:
    """Give the id of the upload that each reference names, by reference."""
    return {one: one.strip().removeprefix(PREFIX) for one in report.references}


def serial_verdict(
    parts: Sequence[ExchangedPart], *, before: Collection[str], after: Collection[str]
) -> SerialVerdict:
    """Say whether the gateway reads what the report says was put in (P-70b).

    Looked for are parts that are called an inverter or a battery, and those whose old number the
    gateway had read; of any other nothing can be seen. An old part that still answers, or a
    stranger where a new one should be, is a mismatch. A device that is silent proves nothing.

    Args:
        parts: what was exchanged.
        before: serial numbers that the gateway read before the visit.
        after: those that it read after the partner had left.
    """
    known, seen = _plain(before), _plain(after)
    watched = [
        part for part in parts if part.kind in _WATCHED or _plain_one(part.old_serial) in known
    ]
    if not watched:
        return SerialVerdict(SerialState.NOT_ASKED, "no gateway reads the parts that were changed")
    stayed = sorted(one.old_serial for one in watched if _plain_one(one.old_serial) in seen)
    if stayed:
        return SerialVerdict(SerialState.MISMATCH, f"the old {', '.join(stayed)} still answers")
    absent = [one.new_serial for one in watched if _plain_one(one.new_serial) not in seen]
    if not absent:
        new = ", ".join(one.new_serial for one in watched)
        return SerialVerdict(SerialState.CONFIRMED, f"the gateway reads {new}")
    strangers = sorted(seen - known - {_plain_one(one.new_serial) for one in parts})
    if strangers:
        told = f"the gateway reads {', '.join(strangers)} and not {', '.join(absent)}"
        return SerialVerdict(SerialState.MISMATCH, told)
    return SerialVerdict(SerialState.WAITING, f"the gateway has not read {', '.join(absent)} yet")


def _plain(serials: Collection[str]) -> frozenset[str]:
    return frozenset(map(_plain_one, serials))


def _plain_one(serial: str) -> str:
    return serial.strip().casefold()
