"""A small invented house: four homes from the finding to the money, by the real processes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cloud.adapters.memory import MemoryRecords
from cloud.invoicing import process as invoicing
from cloud.invoicing.completeness import DraftLine, InvoiceDraft
from cloud.invoicing.models import Invoice
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money
from cloud.kernel.secret import Secret
from cloud.portfolio.models import Partner, Site
from cloud.reporting.models import Asked
from cloud.service import process
from cloud.service.models import Case, Cause, Coordinator, Finding, WorkOrder
from cloud.service.report import Condition, VisitReport
from cloud.service.uploads import Purpose, Upload, UploadState

EASTERN = ZoneInfo("America/New_York")
JUNE = date(2026, 6, 1), date(2026, 7, 1)


def at(text: str) -> datetime:
    """Give an instant of June 2026 in the homes' own time: ``08T09:00``."""
    return datetime.fromisoformat(f"2026-06-{text}").replace(tzinfo=EASTERN)


MONDAY = at("08T09:00")

REPORT = VisitReport(
    form="pdf",
    as_found=Condition("offline", ("a.jpg",)),
    as_departed=Condition("producing", ("b.jpg",)),
    summary="replaced a connector",
    root_cause="a loose connector",
)


def site(name: str, **facts: Any) -> Site:
    usual: dict[str, Any] = {
        "gateway_id": f"gw-{name}",
        "customer_name": "Sample Customer",
        "customer_email": f"{name}@home.example",
        "address": "1 Example St, Raleigh NC",
        "state": "NC",
        "latitude": 35.78,
        "longitude": -78.64,
        "utc_offset_hours": -5,
        "time_zone": "America/New_York",
        "commissioned_on": date(2024, 5, 1),
        "dc_rating_w": 8000,
        "manufacturer": "Enphase",
        "inverter_model": "IQ8",
        "installer_id": "orig",
        "workmanship_until": date(2034, 5, 1),
    }
    return Site(id=name, **{**usual, **facts})


def partner(name: str, **facts: Any) -> Partner:
    usual: dict[str, Any] = {
        "name": name.title(),
        "service_email": f"service@{name}.example",
        "remittance_email": f"money@{name}.example",
        "states": frozenset({"NC"}),
        "scopes": frozenset({"electrical"}),
        "certifications": frozenset({"enphase"}),
        "latitude": 35.8,
        "longitude": -78.6,
        "max_km": 100,
        "performance": 80,
        "routing_number": "021000021",
        "account_number": Secret("123456789"),
    }
    return Partner(id=name, **{**usual, **facts})


def finding(name: str, of: str, **facts: Any) -> Finding:
    usual: dict[str, Any] = {
        "family": "PRODUCTION",
        "rule": "D-13",
        "opened_on": date(2026, 6, 5),
        "says": "it makes less than 85% of what it should",
        "dispatchable": True,
        "evidence": ("5 June: 40%",),
        "causes": (f"chunk-{name}",),
    }
    return Finding(id=name, site_id=of, **{**usual, **facts})


def empty_house() -> MemoryRecords:
    """Give a house with homes and partners, in which nothing has happened."""
    kept = MemoryRecords()
    people = (
        *(site(name) for name in ("site-1", "site-2", "site-3", "site-5", "site-6")),
        site("site-4", omnidian_onboarded=True),
        Coordinator("spc_1", "Sam", "spc@owner.example"),
        partner("orig"),
        partner("other", performance=99),
        partner("third"),
    )
    kept.commit(Change(saves=tuple(Save(record) for record in people)))
    for name in ("orig", "other", "third"):
        process.enlist(kept, partner_id=name, at=at("01T09:00"), by="rm")
    return kept


class House:
    """What the people of the house do; each deed at its own instant."""

    def __init__(self, records: MemoryRecords) -> None:
        self.records = records

    def case(self, of: str) -> Case:
        (found,) = self.records.find(Case, by="site_id", value=of)
        return found.record

    def order(self, of: str) -> WorkOrder:
        found = self.records.find(WorkOrder, by="case_id", value=self.case(of).id)
        return max((one.record for one in found), key=lambda one: one.issued_at)

    def invoice(self, of: str) -> Invoice:
        order = self.order(of)
        (found,) = self.records.find(Invoice, by="work_order_id", value=order.id)
        return found.record

    def find(self, name: str, of: str, when: str, **facts: Any) -> None:
        told = finding(name, of, **facts)
        process.take_up(self.records, finding=told, at=at(when), spc_id="spc_1")

    def deliver(self, of: str, when: str) -> None:
        order = self.order(of)
        letter = order.assignments[-1].letter_id
        process.record_delivery(
            self.records, thread=order.id, letter_id=letter, delivered_at=at(when)
        )

    def do(self, what: Callable[..., Any], of: str, when: str, **facts: Any) -> Any:
        order = self.order(of)
        who = order.partner_id
        answer = what(
            self.records,
            work_order_id=order.id,
            partner_id=who,
            at=at(when),
            by=f"{who}:jo",
            **facts,
        )
        assert not hasattr(answer, "because"), answer
        return answer

    def accept(self, of: str, when: str, cents: int = 0) -> None:
        self.do(process.accept, of, when, estimate=Money(cents))

    def report(self, of: str, when: str, left: str) -> None:
        order = self.order(of)
        ids = []
        for purpose in (Purpose.PHOTO_FOUND, Purpose.PHOTO_DEPARTED):
            photo = Upload(
                id=f"UP-{order.id}-{purpose}",
                work_order_id=order.id,
                partner_id=order.assignments[-1].partner_id,
                purpose=purpose,
                name="photo.jpg",
                content_type="image/jpeg",
                size_bytes=1000,
                sha256="0" * 64,
                state=UploadState.KEPT,
                quarantine="",
                requested_at=at(left),
                requested_by="jo",
                evidence=f"photos/{order.id}/{purpose}",
                settled_at=at(left),
            )
            self.records.commit(Change(saves=(Save(photo),)))
            ids.append(photo.id)
        content = replace(
            REPORT,
            as_found=Condition("offline", (ids[0],)),
            as_departed=Condition("producing", (ids[1],)),
        )
        self.do(process.submit_report, of, when, content=content, departed_at=at(left))

    def bill(self, of: str, when: str, cents: int, worked: str, number: str = "A-1") -> None:
        order = self.order(of)
        draft = InvoiceDraft(
            invoice_number=number,
            work_order_number=order.id,
            customer_name="Sample Customer",
            site_address="1 Example St, Raleigh NC",
            service_dates=(at(worked).date(),),
            description="replaced a connector",
            photo_count=2,
            lines=(DraftLine("labor", "mended it", cents, at(worked)),),
            total_cents=cents,
        )
        answer = invoicing.submit(
            self.records,
            partner_id=order.assignments[-1].partner_id,
            draft=draft,
            at=at(when),
            by="jo",
        )
        assert isinstance(answer, Invoice), answer

    def coordinate(self, what: Callable[..., Any], of: str, when: str, **facts: Any) -> None:
        answer = what(
            self.records, work_order_id=self.order(of).id, at=at(when), by="spc_1", **facts
        )
        assert not hasattr(answer, "because"), answer

    def decide(self, what: Callable[..., Any], of: str, when: str, **facts: Any) -> None:
        answer = what(
            self.records, invoice_id=self.invoice(of).id, at=at(when), by="spc_1", **facts
        )
        assert not hasattr(answer, "because"), answer


def story(house: House) -> Iterator[str]:
    """Let June happen, deed by deed; each gives its instant.

    site-1: the installer accepts in time, pauses for weather, mends it; the customer's readings are
    well, and then it comes back. site-2: the installer declines, another asks for more money, mends
    it and is paid; it was workmanship. site-3: the installer is silent until a coordinator takes
    the work back; the next one sees its mail late. site-4: the support center's.
    """
    house.find("F-1", "site-1", "08T09:00")
    yield "08T09:00"
    house.deliver("site-1", "08T09:05")
    yield "08T09:05"
    house.find("F-4", "site-4", "08T10:00", rule="D-12", family="INVERTER_FAULT")
    yield "08T10:00"
    house.find("F-2", "site-2", "08T11:00")
    house.deliver("site-2", "08T11:01")
    yield "08T11:01"
    house.do(process.acknowledge, "site-1", "09T08:00")
    yield "09T08:00"
    house.accept("site-1", "09T09:00")
    yield "09T09:00"
    house.do(process.decline, "site-2", "09T10:00", reason="no crew")
    yield "09T10:00"
    house.deliver("site-2", "09T10:30")
    house.find("F-3", "site-3", "09T11:00")
    house.deliver("site-3", "09T11:01")
    yield "09T11:01"
    house.do(process.contact_attempt, "site-1", "10T09:00", channel="phone", outcome="reached")
    yield "10T09:00"
    house.accept("site-2", "10T10:00", cents=90_000)
    yield "10T10:00"
    house.coordinate(
        process.approve_spend, "site-2", "11T10:00", max_total=Money(90_000), is_written=True
    )
    yield "11T10:00"
    house.do(
        process.pause,
        "site-1",
        "12T12:00",
        reason="weather",
        evidence="alert-7",
        since=at("12T08:00"),
    )
    yield "12T12:00"
    house.do(process.resume, "site-1", "15T08:00", reason="weather")
    yield "15T08:00"
    house.coordinate(process.reassign, "site-3", "15T09:00")
    yield "15T09:00"
    house.deliver("site-3", "15T09:01")
    house.report("site-1", "16T12:00", left="16T10:00")
    yield "16T12:00"
    house.do(process.contact_attempt, "site-2", "17T09:00", channel="phone", outcome="reached")
    house.report("site-2", "18T12:00", left="18T11:00")
    yield "18T12:00"
    house.coordinate(
        process.record_finding, "site-2", "19T09:00", cause=Cause.WORKMANSHIP, evidence="photo 1"
    )
    yield "19T09:00"
    house.bill("site-2", "19T10:00", 80_000, worked="18T10:00")
    yield "19T10:00"
    house.decide(invoicing.return_to_partner, "site-2", "22T09:00", reason="which days?")
    yield "22T09:00"
    house.bill("site-2", "23T09:00", 85_000, worked="18T10:00")
    yield "23T09:00"
    house.decide(invoicing.approve, "site-2", "24T09:00")
    yield "24T09:00"
    house.coordinate(
        process.record_finding,
        "site-2",
        "25T09:00",
        cause=Cause.PRODUCT_FAILURE,
        evidence="maker says so",
    )
    yield "25T09:00"
    yield from later(house)


def later(house: House) -> Iterator[str]:
    """Let the end of June happen.

    site-1: the customer says that it is mended; it comes back. site-5: an estimate is rejected, a
    lower one accepted; a technician comes. site-6: called off before anybody went.
    """
    confirmed = process.customer_confirms(
        house.records, case_id=house.case("site-1").id, at=at("25T10:00"), by="customer"
    )
    assert isinstance(confirmed, Case), confirmed
    yield "25T10:00"
    house.find("F-5", "site-5", "25T11:00")
    house.deliver("site-5", "25T11:01")
    yield "25T11:01"
    house.accept("site-5", "25T12:00", cents=120_000)
    yield "25T12:00"
    house.coordinate(process.reject_spend, "site-5", "25T13:00", reason="too much")
    yield "25T13:00"
    house.accept("site-5", "25T14:00", cents=30_000)
    yield "25T14:00"
    since, until = at("26T08:00"), at("26T10:00")
    house.do(
        process.schedule_visit,
        "site-5",
        "25T15:00",
        since=since,
        until=until,
        technician="Kim",
    )
    yield "25T15:00"
    house.do(process.arrived, "site-5", "26T08:10", arrived_at=at("26T08:05"))
    yield "26T08:10"
    house.find("F-9", "site-1", "26T09:00")
    yield "26T09:00"
    house.do(process.departed, "site-5", "26T09:30", departed_at=at("26T09:30"), is_finished=True)
    yield "26T09:30"
    house.find("F-6", "site-6", "26T11:00")
    yield "26T11:00"
    house.coordinate(process.cancel_order, "site-6", "26T12:00", reason="the sky was overcast")
    yield "26T12:00"


def told(until: str | None = None) -> House:
    """Give the house as it is after the deed of an instant, or after all of them."""
    house = House(empty_house())
    for when in story(house):
        if when == until:
            break
    return house


def asked(as_of: str | datetime = "30T12:00", **facts: Any) -> Asked:
    """Ask about June."""
    instant = at(as_of) if isinstance(as_of, str) else as_of
    since, until = JUNE
    return replace(Asked(as_of=instant, since=since, until=until), **facts)


MOMENT = timedelta(seconds=30)
