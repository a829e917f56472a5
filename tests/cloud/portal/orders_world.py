"""Pages over a home that makes too little, and over the partner that is sent there."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import NEW, Change, Save
from cloud.kernel.money import Money
from cloud.service import process
from cloud.service.models import CaseSource, Coordinator, Report, ReportedFamily, WorkOrder
from cloud.service.report import Condition, VisitReport
from tests.cloud.portal.pages_world import World
from tests.cloud.portal.partners_world import a_partner
from tests.cloud.service.report_world import FINDING, SITE, keep_photos

ALDER, OTHER = "P-ALDER", "P-BIRCH"
HOME = replace(SITE, installer_id=ALDER)
HOUR = timedelta(hours=1)
ESTIMATE = Money(20_000)


class OrdersWorld(World):
    """One work order, offered to Alder: ines is its Accounting Admin, bo is not, lu is Birch's.

    Attributes:
        number: of the work order.
    """

    def __init__(self, records: MemoryRecords | None = None) -> None:
        super().__init__(records)
        able = {
            "states": frozenset({"NC"}),
            "certifications": frozenset({"enphase"}),
            "latitude": 35.8,
            "longitude": -78.6,
        }
        self.put(
            HOME,
            Coordinator("spc_1", "Sam", "spc@owner.example"),
            a_partner(ALDER, **able),
            a_partner(OTHER, **able, service_email="service@birch.example"),
        )
        for name in (ALDER, OTHER):
            process.enlist(self.records, partner_id=name, at=self.now, by="rm")
        self.partner_person("ines", ALDER, is_admin=True)
        self.partner_person("bo", ALDER)
        self.partner_person("lu", OTHER)
        case = process.take_up(self.records, finding=FINDING, at=self.now, spc_id="spc_1")
        (stored,) = self.records.find(WorkOrder, by="case_id", value=case.id)
        self.number = stored.record.id
        process.record_delivery(
            self.records,
            thread=self.number,
            letter_id=self.order.assignments[-1].letter_id,
            delivered_at=self.now,
        )

    @property
    def order(self) -> WorkOrder:
        return self.records.load(WorkOrder, self.number).record

    @property
    def path(self) -> str:
        return f"/portal/work_orders/{self.number}"

    def put(self, *records: Any) -> None:
        self.records.commit(Change(saves=tuple(Save(one, NEW) for one in records)))

    def change(self, record: Any) -> None:
        """Put a record in the place of what is there."""
        stored = self.records.load(type(record), record.id)
        self.records.commit(Change(saves=(stored.replaced_by(record),)))

    def wait(self, span: timedelta) -> None:
        self.clock.at += span

    def own(self, **more: Any) -> dict[str, Any]:
        """Give what every command of Alder's takes now."""
        mine = {"work_order_id": self.number, "partner_id": ALDER, "at": self.now, "by": "bo"}
        return mine | more

    # ---- on its way -----------------------------------------------------------------------------
    def accept(self, estimate: Money = ESTIMATE) -> None:
        self.allowed(process.accept(self.records, estimate=estimate, **self.own()))

    def schedule(self) -> None:
        since = self.now + 3 * HOUR
        self.allowed(
            process.schedule_visit(
                self.records,
                since=since,
                until=since + 2 * HOUR,
                technician="Jo",
                **self.own(),
            )
        )

    def arrive(self) -> None:
        self.wait(4 * HOUR)
        self.allowed(process.arrived(self.records, arrived_at=self.now, **self.own()))

    def depart(self, *, is_finished: bool = True) -> None:
        self.wait(HOUR)
        self.allowed(
            process.departed(
                self.records, departed_at=self.now, is_finished=is_finished, **self.own()
            )
        )

    def until(self, state: str) -> "OrdersWorld":
        """Bring the work order to a state, one step after the other."""
        steps = {
            "offered": (),
            "accepted": (self.accept,),
            "scheduled": (self.accept, self.schedule),
            "on_site": (self.accept, self.schedule, self.arrive),
            "awaiting_report": (self.accept, self.schedule, self.arrive, self.depart),
            "completed": (self.accept, self.schedule, self.arrive, self.depart, self.report),
        }
        for step in steps[state]:
            step()
        assert self.order.state == state
        return self

    def report(self, content: VisitReport | None = None) -> None:
        shown = content or VisitReport(
            form="pdf",
            as_found=Condition("dark", ("upload:UPL-FOUND",)),
            as_departed=Condition("well", ("upload:UPL-LEFT",)),
            summary="Breaker replaced.",
            root_cause="A worn breaker.",
        )
        keep_photos(self.records, shown, work_order_id=self.number, partner_id=ALDER)
        left = self.order.departed_at or self.now
        answer = process.submit_report(self.records, content=shown, departed_at=left, **self.own())
        self.allowed(answer)
        assert isinstance(answer, Report)

    def decline(self) -> None:
        """Let the work go to Birch."""
        self.allowed(process.decline(self.records, reason="no crew", **self.own()))

    def reported_by_phone(self, contact: str) -> None:
        """Let the customer have told the help desk, with a number to call."""
        process.report(
            self.records,
            site_id=HOME.id,
            source=CaseSource.PHONE,
            family=ReportedFamily.LOW_PRODUCTION,
            says="It makes little",
            reported_by=HOME.customer_name,
            contact=contact,
            at=self.now,
            by="ams",
        )

    @staticmethod
    def allowed(answer: object) -> None:
        assert not hasattr(answer, "because"), answer


def at(world: OrdersWorld, hours: float = 0) -> str:
    """Give an instant as a form takes it, on the home's clock."""
    there = (world.now + hours * HOUR).astimezone(ZoneInfo(HOME.time_zone))
    return f"{there:%Y-%m-%dT%H:%M}"
