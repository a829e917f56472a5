"""A deal whose equipment the owner pays: a vendor, its partner, one project, and what happens."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from funding_world import World, partner, project

from cloud.funding.direct_pay import (
    DirectPay,
    Vendor,
    equipment_id,
    invoice_id,
    late_id,
    material_id,
)
from cloud.funding.models import Deduction, Payable
from cloud.funding.process import direct_pay, equipment
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money
from cloud.portfolio.models import Milestone, Project

ET = ZoneInfo("America/New_York")
CED = Vendor("V-1", "Cable & Electric", "office@vendor.example", "orders@vendor.example")


def et(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ET)


START = et("2026-10-01T09:00")


class Deal(World):
    """One project of an organisation that takes part in Direct Pay."""

    def __init__(self, *, is_enrolled: bool = True, **changes) -> None:
        mine = partner(direct_pay_vendor_id=CED.id if is_enrolled else "")
        super().__init__([mine])
        self.put(mine)
        direct_pay.put_vendor(self.records, vendor=CED, at=START, by="ana")
        self.add_project(replace(project("J-1"), reached=(), **changes))
        direct_pay.enrol_new_project(self.records, project_id="J-1", at=START)

    def put(self, record) -> None:
        stored = self.records.load(type(record), record.id)
        save = stored.replaced_by(record) if stored else Save(record)
        self.records.commit(Change(saves=(save,)))

    # ---------------------------------------------------------------- what is there
    @property
    def direct(self) -> DirectPay:
        return self.records.load(DirectPay, "J-1").record

    @property
    def project(self) -> Project:
        return self.records.load(Project, "J-1").record

    def deduction(self, number: str, of=equipment_id) -> Deduction | None:
        stored = self.records.load(Deduction, of(invoice_id(CED.id, number)))
        return stored.record if stored else None

    def material(self, number: str) -> Deduction | None:
        return self.deduction(number, material_id)

    def late(self, number: str) -> Deduction | None:
        return self.deduction(number, late_id)

    def credit(self, number: str) -> Payable | None:
        stored = self.records.load(Payable, equipment.credit_id(invoice_id(CED.id, number)))
        return stored.record if stored else None

    def timer(self, wakes: str) -> datetime | None:
        found = self.records.timers.get(equipment.timer_id("J-1", wakes))
        return found.due_at if found else None

    # ---------------------------------------------------------------- what happens
    def choose(self, what: str, at: datetime):
        choice = {"in": direct_pay.opt_in, "out": direct_pay.opt_out}[what]
        return choice(self.records, project_id="J-1", partner_id="P-A", at=at, by="client-a")

    def order(self, ordered_at: datetime, *, at: datetime | None = None, number: str = "O-1"):
        return direct_pay.record_order(
            self.records,
            vendor_id=CED.id,
            project_id="J-1",
            order_number=number,
            ordered_at=ordered_at,
            at=at or ordered_at,
            by="ced",
        )

    def ship(self, shipped_at: datetime, *, at: datetime | None = None, vendor: str = CED.id):
        return direct_pay.record_shipment(
            self.records,
            vendor_id=vendor,
            project_id="J-1",
            shipped_at=shipped_at,
            at=at or shipped_at,
            by="ced",
        )

    def bill(self, number: str, cents: int, at: datetime, *, final=True, project_id="J-1"):
        return direct_pay.receive_vendor_invoice(
            self.records,
            vendor_id=CED.id,
            project_id=project_id,
            number=number,
            amount=Money(cents),
            is_final=final,
            at=at,
            by="ced",
        )

    def void(self, number: str, at: datetime, because: str = "sent twice"):
        return direct_pay.void_vendor_invoice(
            self.records,
            vendor_id=CED.id,
            project_id="J-1",
            number=number,
            because=because,
            at=at,
            by="ced",
        )

    def reach(self, milestone: Milestone, at: datetime) -> None:
        """Record a milestone and let funding look, as its handler does."""
        self.put(replace(self.project, reached=(*self.project.reached, (milestone, at))))
        if milestone is Milestone.M1:
            direct_pay.net_equipment(self.records, project=self.project, at=at)
        self.assess(at)

    def assess(self, at: datetime):
        return direct_pay.assess_material(self.records, project_id="J-1", at=at)

    def wake_due(self, at: datetime) -> int:
        """Wake whoever is due, as the timers' function does; tell how many were."""
        due = [
            one
            for one in self.records.timers.values()
            if one.due_at <= at and one.wakes in direct_pay.WAKES
        ]
        for timer in due:
            self.records.timers.pop(timer.id)
            direct_pay.wake(self.records, timer=timer, at=at)
        return len(due)


def days(count: int) -> timedelta:
    return timedelta(days=count)
