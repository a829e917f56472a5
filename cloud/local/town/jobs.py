"""The town's work orders: what a partner does with one, from the offer to the report."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from io import BytesIO

from PIL import Image

from cloud.kernel.calendar import wall_time
from cloud.kernel.errors import BrokenInvariant
from cloud.kernel.money import Money
from cloud.local.demo.pictures import photo
from cloud.local.town import partners
from cloud.local.town.making import (
    AFTERMARKET,
    COORDINATOR_ID,
    Town,
    business_days_after,
    office,
)
from cloud.local.town.turns import LEAKS, Errand, Turn
from cloud.service import process as service
from cloud.service.models import Case, CaseState, Incomplete, WorkOrder, WorkOrderState
from cloud.service.report import Condition, ExchangedPart, Rma, VisitReport
from cloud.service.uploads import PREFIX, Purpose, UploadState

Story = Iterator[datetime]
Part = Generator[datetime, None, bool]
"""A part of a story that tells at its end whether the story goes on."""

_WORKERS = {"P-ALDER": "bo.alder", "P-SACRAMENTO": "kim.sacramento", "P-OWNER": AFTERMARKET}
_OUTCOMES = (
    "spoke to the homeowner; will call back with a time",
    "left a message with our number",
    "homeowner asks for a morning",
)


def worker_of(partner_id: str) -> str:
    """Give who does a partner's daily work in the stack: one of its people, or its program."""
    usual = f"client-{partners.BY_ID[partner_id].mailbox}"
    return _WORKERS.get(partner_id, usual)


def order_of(town: Town, case_id: str) -> str | None:
    """Give the latest work order of a case, None where nobody was sent."""
    found = town.records.find(WorkOrder, by="case_id", value=case_id)
    orders = sorted((one.record for one in found), key=lambda one: one.issued_at)
    return orders[-1].id if orders else None


def confirm(town: Town, case_id: str) -> None:
    """Note that the customer says that it is mended, where somebody still waits for that."""
    case = town.record(Case, case_id)
    if case.state in {CaseState.OPEN, CaseState.VERIFYING}:
        says = "the customer says that all is well again"
        town.do(service.customer_confirms, case_id=case_id, says=says, by=AFTERMARKET)


@dataclass(frozen=True, slots=True)
class Job:
    """One work order, and whoever has it."""

    town: Town
    errand: Errand
    case_id: str
    order_id: str

    @property
    def order(self) -> WorkOrder:
        """Give the work order as it stands."""
        return self.town.record(WorkOrder, self.order_id)

    @property
    def partner_id(self) -> str:
        """Give who has it.

        Raises:
            BrokenInvariant: nobody has.
        """
        found = self.order.partner_id
        if found is None:
            msg = f"work order {self.order_id} of the town has no partner"
            raise BrokenInvariant(msg)
        return found

    def post(self, act: object, **named: object) -> object:
        """Do something as the partner that has the order."""
        who = self.partner_id
        return self.town.do(
            act,  # type: ignore[arg-type] # each is a process of a partner's
            work_order_id=self.order_id,
            partner_id=who,
            by=worker_of(who),
            **named,
        )

    def decide(self, act: object, **named: object) -> object:
        """Do something as the coordinator."""
        return self.town.do(
            act,  # type: ignore[arg-type] # each is a process of a coordinator's
            work_order_id=self.order_id,
            by=COORDINATOR_ID,
            **named,
        )

    def next_day(self, days: int = 1) -> datetime:
        """Give some minute in the office, so many business days on."""
        draws = self.errand.draws_of(self.town.now.isoformat())
        at = time(draws.between(8, 15), draws.below(60))
        return office(business_days_after(self.town.now, days), at)

    # ------------------------------------------------------------------ to the acceptance
    def worked(self) -> Part:
        """Let the partner work until its report is there, or the case stops half-way."""
        turn = self.errand.turn
        if turn is Turn.SILENT:
            return False
        if turn in LEAKS:
            return (yield from self._hurried())
        yield self.next_day(1 if self.errand.number % 3 else 0)
        if turn is Turn.QUESTION:
            text = "Is the attic open, or do we bring a ladder for the outside?"
            self.post(service.question, text=text)
            return False
        if turn in {Turn.DECLINED, Turn.NOBODY, Turn.CLAIMED, Turn.CLAIM_DISPUTED}:
            if not self._declined():
                return False
            yield self.next_day()
        if turn is Turn.CALLED_OFF:
            self.decide(service.cancel_order, reason="the customer mended it with the maker")
            return False
        if not (yield from self._accepted()):
            return False
        if turn is Turn.NEVER_CALLS:
            return False
        yield self.next_day()
        if not (yield from self._agreed()):
            return False
        return (yield from self._visited())

    def _declined(self) -> bool:
        reason = "no crew is free within ten days"
        self.post(service.decline, reason=reason)
        self.town.settle()
        return self.order.state is WorkOrderState.OFFERED

    def _accepted(self) -> Part:
        turn, draws = self.errand.turn, self.errand.draws_of("estimate")
        is_costly = turn in {Turn.COSTLY, Turn.COSTLY_REFUSED, Turn.COSTLY_WAITING}
        cents = draws.between(62, 240) * 10_00 if is_costly else draws.between(36, 49) * 10_00
        self.post(service.accept, estimate=Money(cents))
        if not is_costly:
            return True
        if turn is Turn.COSTLY_WAITING:
            return False
        yield self.next_day()
        if turn is Turn.COSTLY_REFUSED:
            reason = "two crews for two days are not needed for one string"
            self.decide(service.reject_spend, reason=reason)
            return False
        self.decide(service.approve_spend, max_total=Money(cents), is_written=True)
        return True

    # ------------------------------------------------------------------ to the visit
    def _agreed(self) -> Part:
        turn = self.errand.turn
        outcome = self.errand.draws_of("outcome").pick(_OUTCOMES)
        self.post(service.contact_attempt, channel="phone", outcome=outcome)
        if turn is Turn.UNRESPONSIVE:
            yield self.next_day()
            self.post(service.contact_attempt, channel="text", outcome="no answer")
            yield self.town.now + timedelta(hours=2)
            evidence = "two calls and a text message, nobody answers"
            self._pause("homeowner_unresponsive", evidence)
            return False
        if turn is Turn.WAITS_FOR_PARTS:
            yield self.next_day()
            self._pause("equipment_shipping_delay", "the maker ships the module on the 18th")
            yield self.next_day()
            self.decide(service.confirm_pause, number=1)
            return False
        if turn is Turn.WEATHER:
            self._pause("weather", "the weather service warns of storms until Wednesday")
            return False
        yield self.next_day()
        self._book(business_days_after(self.town.now, self.errand.draws_of("visit").between(1, 4)))
        return True

    def _pause(self, reason: str, evidence: str) -> None:
        self.post(service.pause, reason=reason, evidence=evidence, since=self.town.now)

    def _book(self, day: date) -> None:
        zone = self.errand.course.home.place.clock
        hour = self.errand.draws_of(day).pick((8, 10, 13, 15))
        since = wall_time(day, time(hour), zone)
        firm = partners.BY_ID[self.partner_id]
        self.post(
            service.schedule_visit,
            since=since,
            until=since + timedelta(hours=2),
            technician=partners.first_of(firm, since).name,
        )

    def _visited(self) -> Part:
        yield self.order.visits[-1].since + timedelta(minutes=12)
        self.post(service.arrived, arrived_at=self.town.now)
        yield self.town.now + timedelta(minutes=100)
        turn = self.errand.turn
        is_finished = turn is not Turn.TWO_VISITS
        self.post(service.departed, departed_at=self.town.now, is_finished=is_finished)
        if not is_finished:
            yield self.town.now + timedelta(minutes=20)
            self._book(business_days_after(self.town.now, 3))
            yield self.order.visits[-1].since + timedelta(minutes=5)
            self.post(service.arrived, arrived_at=self.town.now)
            yield self.town.now + timedelta(minutes=75)
            self.post(service.departed, departed_at=self.town.now, is_finished=True)
        if turn is Turn.MORE_COST:
            yield from self._more()
        if turn is Turn.NO_REPORT:
            self.post(service.save_draft, content=self._half(), departed_at=self.order.departed_at)
            return False
        yield self.town.now + timedelta(hours=self.errand.draws_of("report").between(1, 26))
        self._report(note="")
        if turn is Turn.REPORT_RETURNED:
            yield self.next_day()
            reasons = ("the photo as departed shows another home's inverter",)
            self.decide(service.return_report, reasons=reasons)
            yield self.next_day()
            self._report(note=" Photos taken anew on a second stop.")
        return True

    def _more(self) -> Story:
        yield self.town.now + timedelta(minutes=10)
        self.post(service.request_spend, amount=Money(780_00))
        yield self.next_day()
        self.decide(service.approve_spend, max_total=Money(780_00), is_written=True)

    def _hurried(self) -> Part:
        """Let the partner of an emergency answer at once, or stay silent."""
        yield self.town.now + timedelta(minutes=9)
        if self.order.partner_id is None:
            return False
        if self.errand.turn is Turn.ROOF_LEAK_SILENT and self.errand.draws_of("call").has(50):
            return False  # nobody has phoned yet
        self.decide(service.record_phone_call, outcome="no answer, left a message")
        if self.errand.turn is Turn.ROOF_LEAK_SILENT:
            return False
        yield self.town.now + timedelta(minutes=16)
        self.post(service.accept, estimate=Money(450_00))
        yield self.town.now + timedelta(minutes=30)
        self.post(service.contact_attempt, channel="phone", outcome="on our way")
        yield self.town.now + timedelta(minutes=55)
        firm = partners.BY_ID[self.partner_id]
        self.post(
            service.arrived,
            arrived_at=self.town.now,
            technician=partners.first_of(firm, self.town.now).name,
        )
        yield self.town.now + timedelta(minutes=130)
        self.post(service.departed, departed_at=self.town.now, is_finished=True)
        yield self.town.now + timedelta(hours=3)
        self._report(note="")
        return True

    # ------------------------------------------------------------------ the report
    def _half(self) -> VisitReport:
        trouble = self.errand.trouble
        found = self._photo(Purpose.PHOTO_FOUND, trouble.found, is_well=False)
        return VisitReport("pdf", Condition(trouble.found, (found,)), Condition(), "", "")

    def _report(self, *, note: str) -> None:
        trouble = self.errand.trouble
        found = self._photo(Purpose.PHOTO_FOUND, trouble.found, is_well=False)
        left = self._photo(Purpose.PHOTO_DEPARTED, trouble.mended + note, is_well=True)
        content = VisitReport(
            form="pdf",
            as_found=Condition(trouble.found, (found,)),
            as_departed=Condition(trouble.mended + note, (left,)),
            summary=trouble.summary,
            root_cause=trouble.reason,
            rma=self._exchange(),
        )
        answer = self.post(
            service.submit_report, content=content, departed_at=self.order.departed_at
        )
        if isinstance(answer, Incomplete):
            msg = f"the report of {self.order_id} in the town lacks {', '.join(answer.missing)}"
            raise BrokenInvariant(msg)

    def _exchange(self) -> Rma | None:
        kind = self.errand.trouble.parts
        if not kind:
            return None
        draws = self.errand.draws_of("serials")
        stem = f"{kind[:3].upper()}{draws.between(2021, 2024)}"
        part = ExchangedPart(
            f"{stem}-{draws.between(10_000, 99_999)}",
            f"{kind[:3].upper()}2026-{draws.between(10_000, 99_999)}",
            kind,
        )
        return Rma("partner", (part,), f"RMA-{draws.between(100_000, 999_999)}")

    def _photo(self, purpose: Purpose, says: str, *, is_well: bool) -> str:
        who = self.partner_id
        kept = self.town.do(
            service.take_attachment,
            self.town.outside,
            work_order_id=self.order_id,
            partner_id=who,
            purpose=purpose,
            name=f"{purpose.replace('_', '-')}.jpg",
            content=_smaller(photo(says, is_well=is_well)),
            by=worker_of(who),
        )
        if kept.state is not UploadState.KEPT:
            msg = f"photo {kept.id} of the town is {kept.state}: {kept.because}"
            raise BrokenInvariant(msg)
        return f"{PREFIX}{kept.id}"


def _smaller(picture: bytes) -> bytes:
    """Give a photo as a frugal telephone would send it: the town keeps hundreds."""
    out = BytesIO()
    Image.open(BytesIO(picture)).resize((640, 480)).save(out, "JPEG", quality=60)
    return out.getvalue()
