"""A site, a coordinator, two partners and a work order on which one of them is at work."""

import hashlib
from datetime import date, datetime
from io import BytesIO
from zoneinfo import ZoneInfo

from fpdf import FPDF
from PIL import Image
from sample_home import HOME

from cloud.adapters.inspection import FileInspector
from cloud.adapters.memory import MemoryDocuments, MemoryRecords
from cloud.adapters.upload_desk import MemoryUploadDesk
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money
from cloud.kernel.secret import Secret
from cloud.portfolio.models import Partner
from cloud.service import process
from cloud.service.models import Coordinator, Finding, WorkOrder
from cloud.service.report import VisitReport, upload_ids_in
from cloud.service.uploads import Announced, Outside, Purpose, Upload, UploadState

EASTERN = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=EASTERN)


MONDAY = at("2026-06-08T09:00")

SITE = HOME
FINDING = Finding(
    id="F-1",
    site_id="site-1",
    family="PRODUCTION",
    rule="D-13",
    opened_on=date(2026, 6, 5),
    says="it makes too little",
    dispatchable=True,
)


def partner(name: str) -> Partner:
    return Partner(
        id=name,
        name=name.title(),
        service_email=f"service@{name}.example",
        remittance_email=f"money@{name}.example",
        states=frozenset({"NC"}),
        scopes=frozenset({"electrical"}),
        certifications=frozenset({"enphase"}),
        latitude=35.8,
        longitude=-78.6,
        max_km=100,
        performance=80,
        routing_number="021000021",
        account_number=Secret("123456789"),
    )


def a_photo(color: str = "red", size: tuple[int, int] = (320, 240), kind: str = "JPEG") -> bytes:
    out = BytesIO()
    Image.new("RGB", size, color).save(out, kind)
    return out.getvalue()


def a_paper(text: str = "Inverter exchanged.") -> bytes:
    page = FPDF()
    page.set_creation_date(MONDAY)
    page.add_page()
    page.set_font("Helvetica", size=12)
    page.cell(text=text)
    return bytes(page.output())


def announced(
    content: bytes,
    *,
    purpose: Purpose = Purpose.PHOTO_FOUND,
    name: str = "one.jpg",
    content_type: str = "image/jpeg",
) -> Announced:
    digest = hashlib.sha256(content).hexdigest()
    return Announced(purpose, name, content_type, len(content), digest)


class World:
    """Everything that a partner meets while it reports."""

    def __init__(self) -> None:
        self.records = MemoryRecords()
        self.documents = MemoryDocuments()
        self.desk = MemoryUploadDesk(self.documents)
        self.outside = Outside(self.desk, self.documents, FileInspector())
        spc = Coordinator("spc_1", "Sam", "spc@owner.example")
        known = (SITE, spc, partner("orig"), partner("other"))
        self.records.commit(Change(saves=tuple(Save(record) for record in known)))
        for name in ("orig", "other"):
            process.enlist(self.records, partner_id=name, at=MONDAY, by="rm")
        case = process.take_up(self.records, finding=FINDING, at=MONDAY, spc_id="spc_1")
        (stored,) = self.records.find(WorkOrder, by="case_id", value=case.id)
        self.number = stored.record.id

    @property
    def order(self) -> WorkOrder:
        return self.records.load(WorkOrder, self.number).record

    def accept(self) -> None:
        process.accept(
            self.records,
            work_order_id=self.number,
            partner_id="orig",
            estimate=Money(0),
            at=MONDAY,
            by="orig:jo",
        )

    def lose(self) -> None:
        """Let the work go to the other partner before the first one has taken it."""
        process.decline(
            self.records,
            work_order_id=self.number,
            partner_id="orig",
            reason="no crew",
            at=MONDAY,
            by="orig:jo",
        )

    # ------------------------------------------------------------------ files
    def request(self, file: Announced, *, who: str = "orig", when: datetime = MONDAY):
        return process.request_upload(
            self.records,
            self.desk,
            work_order_id=self.number,
            partner_id=who,
            file=file,
            at=when,
            by=f"{who}:jo",
        )

    def complete(self, upload_id: str, *, who: str = "orig", when: datetime = MONDAY):
        return process.complete_upload(
            self.records,
            self.outside,
            upload_id=upload_id,
            partner_id=who,
            at=when,
            by=f"{who}:jo",
        )

    def uploaded(self, content: bytes, **changes):
        """Announce a file, post it and complete it."""
        upload = self.request(announced(content, **changes)).upload
        self.desk.lying[upload.quarantine] = content
        return self.complete(upload.id)

    def attach(self, content: bytes, name: str, *, purpose=Purpose.PHOTO_FOUND, when=MONDAY):
        return process.take_attachment(
            self.records,
            self.outside,
            work_order_id=self.number,
            partner_id="orig",
            purpose=purpose,
            name=name,
            content=content,
            at=when,
            by="orig:jo",
        )


def keep_photos(records, content: VisitReport, *, work_order_id: str, partner_id: str) -> None:
    """Let every file that a report shows be an upload that was kept; twice changes nothing."""
    for reference, upload_id in upload_ids_in(content).items():
        kind = "application/pdf" if reference in content.papers else "image/jpeg"
        if records.load(Upload, upload_id) is not None:
            continue
        kept = Upload(
            id=upload_id,
            work_order_id=work_order_id,
            partner_id=partner_id,
            purpose=Purpose.EVIDENCE,
            name=upload_id,
            content_type=kind,
            size_bytes=1,
            sha256="",
            state=UploadState.KEPT,
            quarantine="",
            requested_at=MONDAY,
            requested_by=partner_id,
        )
        records.commit(Change(saves=(Save(kept),)))
