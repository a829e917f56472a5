"""What the pages of a report show, to its partner and to the customer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cloud.portfolio.models import Partner, Site
from cloud.service.letters import in_words
from cloud.service.models import Case, Report, WorkOrder
from cloud.service.report import Condition, Rma, SerialState
from cloud.service.uploads import Upload


class Copy(StrEnum):
    """For whom the pages are; the customer's leave out what is between us and the partner.

    A past copy is the partner's after its case was closed: without the customer (T-91).
    """

    PARTNER = "partner"
    PAST = "past"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class SheetPhoto:
    """A photo with the words below it.

    Attributes:
        reference: of the document that holds the picture.
    """

    reference: str
    caption: str


@dataclass(frozen=True, slots=True)
class Side:
    """The system at one moment: what was said of it, and what was seen."""

    notes: str
    photos: tuple[SheetPhoto, ...]


@dataclass(frozen=True, slots=True)
class ExchangeRow:
    """A part that went and the one that came."""

    kind: str
    old_serial: str
    new_serial: str


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that telemetry proves, or does not prove yet."""

    what: str
    says: str
    is_proved: bool


@dataclass(frozen=True, slots=True)
class ReportSheet:
    """All that stands on the pages of one report.

    Attributes:
        facts: name and value of what stands at the head, in order.
        exchange_facts: the same about the exchange under the maker's warranty.
        papers: what else came with it, by name.
        as_of: the instant of the latest fact; the document is dated by it.
    """

    work_order_id: str
    report_id: str
    copy: Copy
    site_address: str
    facts: tuple[tuple[str, str], ...]
    summary: str
    root_cause: str
    found: Side
    departed: Side
    exchanges: tuple[ExchangeRow, ...]
    exchange_facts: tuple[tuple[str, str], ...]
    proofs: tuple[Proof, ...]
    papers: tuple[str, ...]
    link: str
    as_of: datetime

    @property
    def photos(self) -> tuple[SheetPhoto, ...]:
        """Give all photos in the order of the pages."""
        return (*self.found.photos, *self.departed.photos)


class ReportRenderer(Protocol):
    """Draws a report."""

    def render(self, sheet: ReportSheet, pictures: Mapping[str, bytes]) -> bytes:
        """Give the document; the same sheet and pictures give the same bytes.

        Args:
            sheet: what stands on it.
            pictures: each picture of the sheet as JPEG, by reference; one that is absent is said
                to be absent.
        """
        ...


def sheet_of(
    report: Report,
    *,
    order: WorkOrder,
    case: Case,
    site: Site,
    partner: Partner,
    files: Mapping[str, Upload],
    copy: Copy,
) -> ReportSheet:
    """Give what a report's pages show (P-71).

    The customer's copy names no technician, no file as the partner called it, no version and no
    case with the maker; a past copy names neither the customer nor the address (T-91). No copy
    names a price.
    """
    content = report.content
    is_partners = copy is not Copy.CUSTOMER
    settled = (report.submitted_at, report.serials_at, case.resolved_at)
    return ReportSheet(
        work_order_id=order.id,
        report_id=report.id,
        copy=copy,
        site_address="" if copy is Copy.PAST else site.address,
        facts=_facts(report, order=order, site=site, partner=partner, copy=copy),
        summary=content.summary,
        root_cause=content.root_cause,
        found=_side(content.as_found, files, is_partners=is_partners),
        departed=_side(content.as_departed, files, is_partners=is_partners),
        exchanges=tuple(
            ExchangeRow(part.kind, part.old_serial, part.new_serial)
            for part in (content.rma.parts if content.rma else ())
        ),
        exchange_facts=_exchange_facts(content.rma) if content.rma and is_partners else (),
        proofs=_proofs(report, case, order.time_zone, is_partners=is_partners),
        papers=tuple(files[one].name for one in content.papers if is_partners and one in files),
        link=content.link if is_partners else "",
        as_of=max(one for one in settled if one is not None),
    )


def _facts(
    report: Report, *, order: WorkOrder, site: Site, partner: Partner, copy: Copy
) -> tuple[tuple[str, str], ...]:
    left = in_words(report.departed_at, order.time_zone)
    shared = (
        ("Customer", "" if copy is Copy.PAST else site.customer_name),
        ("System", f"{site.manufacturer} {site.inverter_model}".strip()),
        ("Service partner", partner.name),
        ("Work finished", left),
    )
    if copy is Copy.CUSTOMER:
        return (*shared, ("Case", order.case_id))
    technician = order.visits[-1].technician if order.visits else ""
    handed_in = in_words(report.submitted_at, order.time_zone)
    version = f", version {report.version}" if report.version > 1 else ""
    return (
        *shared,
        ("Technician", technician),
        ("Handed in", handed_in),
        ("Case", order.case_id),
        ("Report", f"{report.id}{version}"),
    )


def _exchange_facts(rma: Rma) -> tuple[tuple[str, str], ...]:
    case = rma.oem_case_number.strip()
    return (("Started by", rma.initiated_by), ("Maker's case", case or "not named"))


def _side(condition: Condition, files: Mapping[str, Upload], *, is_partners: bool) -> Side:
    shown = [files[one] for one in condition.photos if one in files]
    return Side(
        condition.notes,
        tuple(
            SheetPhoto(file.small, _caption(place, file, is_partners=is_partners))
            for place, file in enumerate(shown, 1)
        ),
    )


def _caption(place: int, file: Upload, *, is_partners: bool) -> str:
    name = f"  {file.name}" if is_partners else ""
    taken = f", taken {file.taken_at[:16]}" if file.taken_at else ""
    return f"{place}{name}{taken}" if name or taken else f"{place}"


def _proofs(report: Report, case: Case, time_zone: str, *, is_partners: bool) -> tuple[Proof, ...]:
    if case.resolved_at is not None:
        seen = in_words(case.resolved_at, time_zone)
        production = Proof(
            "Production", f"the system's own readings are well since {seen}", is_proved=True
        )
    else:
        production = Proof(
            "Production", "the system's own readings are being watched", is_proved=False
        )
    if report.serials is SerialState.NOT_ASKED:
        return (production,)
    is_proved = report.serials is SerialState.CONFIRMED
    says = report.serials_say if is_partners or is_proved else ""
    waiting = "the gateway is being asked for the new serial number"
    return (production, Proof("New serial number", says or waiting, is_proved=is_proved))
