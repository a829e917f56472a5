"""What a service report must hold before the visit counts as done."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from cloud.service.policy import REPORT_FORMS

PARTNER = "partner"
"""Who started an exchange of parts: the partner, or anybody else."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The system at one moment of the visit: in words, and photos by reference."""

    notes: str = ""
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExchangedPart:
    """One part that went and the one that came."""

    old_serial: str
    new_serial: str


@dataclass(frozen=True, slots=True)
class Rma:
    """An exchange under the maker's warranty."""

    initiated_by: str
    parts: tuple[ExchangedPart, ...]
    oem_case_number: str = ""


@dataclass(frozen=True, slots=True)
class VisitReport:
    """What the partner says about the visit, in whichever form it came."""

    form: str
    as_found: Condition
    as_departed: Condition
    summary: str
    root_cause: str
    rma: Rma | None = None


def missing_from(report: VisitReport, *, on: date) -> tuple[str, ...]:
    """Give the codes of all that a report lacks, sorted (P-71, P-72).

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
        missing.update(_missing_from_exchange(report.rma))
    return tuple(sorted(missing))


def _missing_from_exchange(rma: Rma) -> Iterator[str]:
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
    if rma.initiated_by == PARTNER and _is_blank(rma.oem_case_number):
        yield "rma_oem_case_number_missing"


def _is_blank(text: str) -> bool:
    return not text.strip()
