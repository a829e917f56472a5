"""A home, its two partners and a work order that is done: what all tests of invoices begin with."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sample_home import HOME

from cloud.adapters.memory import MemoryRecords
from cloud.invoicing import process
from cloud.invoicing.completeness import DraftLine, InvoiceDraft
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money
from cloud.kernel.secret import Secret
from cloud.portfolio.models import Partner
from cloud.service.models import (
    Assignment,
    Coordinator,
    OriginalOffer,
    Report,
    SpendApproval,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.offer import AssignmentState
from cloud.service.report import Condition, VisitReport
from cloud.service.uploads import Purpose, Upload, UploadState

EASTERN = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=EASTERN)


MONDAY = at("2026-06-08T09:00")
WORKED = at("2026-06-10T10:00")
SUBMITTED = at("2026-06-12T10:00")

SITE = replace(HOME, manufacturer="enphase")


def partner(name):
    return Partner(
        id=name,
        name=name.title(),
        service_email=f"service@{name}.example",
        remittance_email=f"money@{name}.example",
        states=frozenset({"NC"}),
        scopes=frozenset(),
        certifications=frozenset({"enphase"}),
        latitude=35.8,
        longitude=-78.6,
        max_km=100,
        performance=80,
        routing_number="021000021",
        account_number=Secret("123456789"),
    )


def kept_records():
    """Two partners, a home that one of them built, and a coordinator."""
    kept = MemoryRecords()
    people = (SITE, Coordinator("spc_1", "Sam", "spc@owner.example"), partner("orig"))
    kept.commit(Change(saves=tuple(Save(record) for record in (*people, partner("other")))))
    return kept


REPORT = VisitReport(
    "pdf", Condition("off", ("a",)), Condition("on", ("b",)), "mended it", "a connector"
)


def done(records, *, by="other", estimate=0, approved=None, spc="spc_1", **facts) -> WorkOrder:
    """Have the work done: by the original installer, or by the other partner after its refusal."""
    offers = [offer("orig", AssignmentState.DECLINED)] if by != "orig" else []
    offers.append(offer(by, AssignmentState.ACCEPTED, estimate))
    usual = {
        "id": "WO-1",
        "case_id": "CASE-1",
        "site_id": "site-1",
        "spc_id": spc,
        "partner_id": by,
        "original_installer_id": "orig",
        "state": WorkOrderState.COMPLETED,
        "scope": (),
        "instructions": "it makes too little",
        "time_zone": "America/New_York",
        "policy_day": MONDAY.date(),
        "issued_at": MONDAY,
        "spend_limit": Money(50_000),
        "not_to_exceed": Money(approved or 50_000),
        "assignments": tuple(offers),
        "original_offer": OriginalOffer.ACCEPTED if by == "orig" else OriginalOffer.DECLINED,
        "spend_approvals": (spend(approved),) if approved is not None else (),
        "work_authorized_at": MONDAY,
        "report_id": "RPT-1",
        "departed_at": WORKED + timedelta(hours=2),
        "reported_at": WORKED + timedelta(hours=3),
    }
    order = WorkOrder(**{**usual, **facts})
    report = Report(
        order.report_id, order.id, by, REPORT, order.departed_at, order.reported_at, f"{by}:jo"
    )
    records.commit(Change(saves=(Save(order), Save(report))))
    return order


def offer(name, state, estimate=0):
    return Assignment(
        name, state, f"LTR-{name}", MONDAY, MONDAY, answered_at=MONDAY, estimate=Money(estimate)
    )


def spend(cents, *, when=MONDAY):
    return SpendApproval("spc_1", "spc", True, when, Money(cents))


def changed(records, order, **facts):
    """Have another stage change the work order."""
    stored = records.load(WorkOrder, order.id)
    records.commit(Change(saves=(stored.replaced_by(replace(stored.record, **facts)),)))


def draft(order, cents, number="INV-1", **facts):
    line = DraftLine("labor", "mended it", cents, WORKED)
    usual = {
        "invoice_number": number,
        "customer_name": "Sample Customer",
        "site_address": "1 Example St, Raleigh NC",
        "work_order_number": order.id,
        "service_dates": (date(2026, 6, 10),),
        "description": "Mended it.",
        "photo_count": 2,
        "lines": (line,),
        "total_cents": cents,
    }
    return InvoiceDraft(**{**usual, **facts})


def submit(records, told, *, who="other", when=SUBMITTED, **facts):
    return process.submit(records, partner_id=who, draft=told, at=when, by=f"{who}:jo", **facts)


def approve(records, invoice, *, by="spc_1", when=SUBMITTED):
    return process.approve(records, invoice_id=invoice.id, by=by, at=when)


def everything(records):
    return (
        dict(records._records),
        dict(records._history),
        dict(records.letters),
        dict(records.messages),
        dict(records.timers),
    )


def find_cause(records, order, cause, *, evidence="a.jpg"):
    changed(records, order, cause=cause, cause_evidence=evidence, cause_found_by="spc_1")


def pay(records, invoice, *, run="run-1", when=SUBMITTED, trace="091000010000001"):
    return process.record_payment(
        records,
        invoice_id=invoice.id,
        run_id=run,
        amount=invoice.content.total,
        trace_number=trace,
        paid_at=when,
        at=when,
    )


def send_back(records, invoice, *, run="run-1", when=SUBMITTED, code="R03"):
    return process.record_returned_payment(
        records,
        invoice_id=invoice.id,
        run_id=run,
        amount=invoice.content.total,
        trace_number="091000010000001",
        paid_at=when,
        returned_at=when,
        code=code,
        at=when,
    )


def offsets(records):
    return [m.body["amount_cents"] for m in records.messages.values() if m.topic == "offset"]


def whats(records, subject):
    return [event.what for event in records.history(subject)]


def kept_upload(records, upload_id, *, who="orig", work_order="WO-1", state=UploadState.KEPT):
    """Have a file uploaded, and give its reference."""
    upload = Upload(
        id=upload_id,
        work_order_id=work_order,
        partner_id=who,
        purpose=Purpose.EVIDENCE,
        name="calls.pdf",
        content_type="application/pdf",
        size_bytes=1,
        sha256="0" * 64,
        state=state,
        quarantine=f"quarantine/{upload_id}",
        requested_at=MONDAY,
        requested_by=f"{who}:jo",
    )
    records.commit(Change(saves=(Save(upload),)))
    return upload.reference


class Raced:
    """Records in which somebody else is faster, once, between reading and writing."""

    def __init__(self, records, somebody_else):
        self._records = records
        self._somebody_else = somebody_else

    def __getattr__(self, name):
        return getattr(self._records, name)

    def commit(self, change):
        somebody_else, self._somebody_else = self._somebody_else, lambda: None
        somebody_else()
        self._records.commit(change)


class Killed(Exception):
    """The process died here."""


class Dying:
    """Records whose process dies at its next write after so many."""

    def __init__(self, records, *, writes):
        self._records = records
        self._left = writes

    def __getattr__(self, name):
        return getattr(self._records, name)

    def commit(self, change):
        if not self._left:
            raise Killed
        self._left -= 1
        self._records.commit(change)
