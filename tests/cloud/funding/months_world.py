"""Months of four partners: what may happen to their money, and what they should have of it.

The product's records are held against an account that is kept beside them in plain cents: each act
adds what the partner should gain or lose by it. Nothing of it is worked out by the code it tests;
where a limit binds, the act may take less, and then nothing may be left that could be taken.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from bank_replies import returns_for
from funding_world import BANK, FragileRecords, Fuse, Killed, Text, World, partner, site

from cloud.adapters.memory import MemoryBank
from cloud.funding import process
from cloud.funding.direct_pay import (
    DirectPay,
    Vendor,
    equipment_id,
    invoice_id,
    late_id,
    material_id,
)
from cloud.funding.models import (
    Deduction,
    LedgerEntry,
    Payable,
    PaymentTrace,
    PlanState,
    RunPlan,
)
from cloud.funding.process import direct_pay, equipment
from cloud.funding.process.opening import clawback_id, payable_id, payable_of_invoice
from cloud.funding.schedule import window_of
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Message, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Unavailable
from cloud.kernel.money import Money
from cloud.kernel.secret import Secret
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import Milestone, PlanShare, Project, SoldInverter
from cloud.portfolio.papers import DocumentKind
from cloud.portfolio.process import ProjectFacts
from cloud.service.uploads import Purpose, Upload, UploadState

ET = ZoneInfo("America/New_York")
START = datetime(2026, 10, 1, 9, tzinfo=ET)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NTP, M1, M2 = Milestone.NTP, Milestone.M1, Milestone.M2
SUBMITTED, APPROVED = Milestone.INSTALL_SUBMITTED, Milestone.INSTALL_APPROVED
CED = Vendor("V-1", "Cable & Electric", "office@vendor.example", "orders@vendor.example")
OPERATIONS = "operations@owner.example"
LATE = frozenset({"milestone", "payable", "offset", "project_registered", "project_cancelled"})
CLOCK_DAYS = 120
CAP_BPS, CAP_CENTS = 1_000, 500_000_00
PRICE_CENTS = 412_34
TAKEN = ("planned", "paid")
BACK = ("clawback_m1", "revocation", "compliance", "cancellation")
OUTLIVES = ("back_bill", "prepaid_commission", "cancellation")
BOOKED = ("partner_payable", "ach_in_transit", "bank_cash", "suspense_returns")
INVERTERS = {
    "plain": (),
    "tesla": (SoldInverter("Tesla", "1538000-45-A", 2),),
    "solaredge": (SoldInverter("SolarEdge", "SE7600H", 2),),
}
PLANS = (
    ((M1, 8_000), (M2, 2_000)),
    ((NTP, 1_000), (M1, 7_000), (M2, 2_000)),
    ((M1, 10_000),),
    ((NTP, 2_500), (M1, 2_500), (M2, 5_000)),
)
VALUES = (5_000_00, 30_000_00, 200_000_00)


class Chance:
    """Draws that follow from one number, so that a month that failed can be lived again."""

    def __init__(self, seed: int) -> None:
        self._seed, self._count = seed, 0

    def below(self, limit: int) -> int:
        self._count += 1
        digest = hashlib.sha256(f"{self._seed}.{self._count}".encode()).digest()
        return int.from_bytes(digest[:6], "big") % limit

    def one_in(self, times: int) -> bool:
        return self.below(times) == 0

    def pick(self, things: Sequence):
        return things[self.below(len(things))]

    def shuffled(self, things: Sequence) -> list:
        left, found = list(things), []
        while left:
            found.append(left.pop(self.below(len(left))))
        return found


class LaggingRecords(FragileRecords):
    """Records whose indexes may not show what this call and the one before it wrote.

    Attributes:
        lags: whether they lag now; who looks from outside sees all.
    """

    lags = False

    def __init__(self) -> None:
        super().__init__()
        self._by_kind: dict = {}
        self._before: tuple[dict, dict] = ({}, {})
        self._began = START

    def begin(self, *, lags: bool, at: datetime) -> None:
        """Begin another call: what was written before the last one is seen, and all of it soon."""
        is_soon = at - self._began < timedelta(seconds=30)
        self._before, self._began = (self._before[1] if is_soon else {}, {}), at
        self.lags = lags

    def commit(self, change: Change) -> None:
        keys = [(type(one.record), one.record.id) for one in change.saves]
        before = {key: self._records.get(key) for key in keys}
        try:
            super().commit(change)
        finally:
            for key in keys:
                if self._records.get(key) is not before[key]:
                    self._by_kind.setdefault(key[0], {})[key] = None
                    self._before[1].setdefault(key, before[key])

    def find(self, kind, *, by, value):
        every = self._records
        seen = {key: every[key] for key in self._by_kind.get(kind, ())}
        if self.lags:
            older, newer = self._before
            for key, stored in {**newer, **older}.items():
                if key[0] is kind and stored is None:
                    seen.pop(key, None)
                elif key[0] is kind:
                    seen[key] = stored
        self._records = seen
        try:
            return super().find(kind, by=by, value=value)
        finally:
            self._records = every


class MoodyBank(MemoryBank):
    """A bank whose line breaks before or after a file is over."""

    mood = ""

    def deliver(self, name: str, content: bytes) -> None:
        if self.mood == "before":
            raise Unavailable("the line broke")
        super().deliver(name, content)
        if self.mood == "after":
            self.files.pop(name)  # it reads files at once and takes them away
            raise Unavailable("the line broke")

    def holds(self, name: str, content: bytes) -> bool:
        if self.mood:
            raise Unavailable("nobody answers")
        return super().holds(name, content)


@dataclass
class Bill:
    number: str
    cents: int
    off: int = 0
    is_charged: bool = False
    is_void: bool = False


@dataclass
class Told:
    """What should be known of a project, and what its partner should have of it, in cents."""

    name: str
    owner: str
    shares: dict
    inverter: str
    worth: int = 0
    clawed: int = 0
    returned: int = 0
    forgiven: int = 0
    off: int = 0
    spared: int = 0
    commission: int = 0
    is_warranted: bool = False
    is_cancelled: bool = False
    clawbacks: set = field(default_factory=set)
    extended: int = 0
    bills: list[Bill] = field(default_factory=list)


class Months(World):
    """Stores, a bank and a clock; acts that die and come again; and the account beside."""

    def __init__(self, *, lags: bool = True) -> None:
        self.lags = lags
        self.partners = [
            partner("P-A"),
            partner("P-B", parent_id="P-A"),
            partner("P-C", direct_pay_vendor_id=CED.id),
            partner("P-D"),
        ]
        super().__init__(self.partners)
        self.records, self.bank = LaggingRecords(), MoodyBank()
        self.records.commit(Change(saves=tuple(Save(one) for one in self.partners)))
        direct_pay.put_vendor(self.records, vendor=CED, at=START, by="ana")
        self.now = START
        self.cut_off = window_of(START).opens_at
        self.chance = Chance(0)
        self.told: dict[str, Told] = {}
        self.services: Counter = Counter()
        self.by_hand: Counter = Counter()
        self.kept_by_bank: Counter = Counter()
        self.running: dict[str, tuple[str, int, date]] = {}
        self.delivered: set[str] = set()
        self.held: set[str] = set()
        self.seen: set[str] = set()
        self.may_hold = True
        self.acts: Counter = Counter()
        self.number = 0
        self.is_priced = False

    def count(self, what: str) -> None:
        self.acts[what] += 1

    def next_number(self) -> int:
        self.number += 1
        return self.number

    # ---------------------------------------------------------------- doing
    def begin(self, *writes: int) -> None:
        """Begin a call, which dies after so many writes; none is said by -1."""
        self.records.fuse = self.documents.fuse = Fuse(self.chance.pick(writes))
        self.lagged = self.lags and self.chance.one_in(3)
        self.records.begin(lags=self.lagged, at=self.now)

    def end(self) -> None:
        self.records.fuse = self.documents.fuse = Fuse(-1)
        self.records.lags = False

    def do(self, act, *args, **named):
        """Do something that may die after a write, and do it again then, as people would."""
        self.now += timedelta(seconds=1)
        self.begin(-1, -1, -1, 1, 2)
        try:
            answer = act(self.records, *args, **named)
        except Killed:
            self.count("killed")
            self.begin(-1)
            answer = act(self.records, *args, **named)
        finally:
            self.end()
        if isinstance(answer, Refused):
            self.count(f"refused_{answer.code}")
        return answer

    def pump(self, *, timers: bool = True) -> None:
        """Deliver what leaves and wake who is due, until nothing moves any more."""
        for _ in range(400):
            waiting = [
                one
                for one in self.records.messages.values()
                if one.id not in self.delivered | self.held and not self._is_held(one)
            ]
            if waiting:
                for message in self.chance.shuffled(waiting):
                    self._deliver(message)
                continue
            due = [one for one in self.records.timers.values() if one.due_at <= self.now]
            if not due or not timers:
                return
            self._wake(min(due, key=lambda one: (one.due_at, one.id)))
        raise AssertionError("it goes on and on")

    def _is_held(self, message) -> bool:
        """Let some messages come late; those that the account beside must see at once do not."""
        may = message.topic in LATE and message.body.get("milestone") != M2.value
        if may and self.may_hold and message.id not in self.seen and self.chance.one_in(8):
            self.held.add(message.id)
            self.count("came_late")
        self.seen.add(message.id)
        return message.id in self.held

    def release(self) -> None:
        """Deliver what was held."""
        self.held.clear()
        self.may_hold = False
        self.pump()
        self.may_hold = True
        self.look()

    def _deliver(self, message) -> None:
        take = TOPICS.get(message.topic)
        try:
            for _ in range(1 + self.chance.one_in(6)):
                self.begin(-1, -1, 1, 2, 3, 7)
                if take:
                    take(self, message.body)
                self.delivered.add(message.id)
        except Killed:
            self.count("killed_in_message")  # it was not told to be done, so it comes again
        finally:
            self.end()

    def _wake(self, timer) -> None:
        del self.records.timers[timer.id]
        self.begin(-1, -1, 1, 2)
        try:
            WAKES[timer.wakes](self.records, timer, self.now)
            self.count(f"woken_{timer.wakes}")
        except Killed:
            self.count("killed_in_timer")
            self.records.timers.setdefault(timer.id, timer)
        finally:
            self.end()

    def pass_to(self, instant: datetime, *, asleep: bool = False) -> None:
        """Let time pass; timers wake at their time, or all at the end if nobody was there."""
        while not asleep:
            due = [one.due_at for one in self.records.timers.values() if one.due_at <= instant]
            if not due:
                break
            self.now = max(self.now, min(due))
            self.pump()
            self.look()
        self.now = max(self.now, instant)
        self.pump()
        self.look()

    # ---------------------------------------------------------------- what is on record
    def project(self, name: str) -> Project:
        return self.records.load(Project, name).record

    def direct(self, name: str) -> DirectPay | None:
        found = self.records.load(DirectPay, name)
        return found.record if found else None

    def of_project(self, kind, name: str) -> list:
        return [one.record for one in self.records.find(kind, by="project_id", value=name)]

    def of_partner(self, kind, name: str) -> list:
        return [one.record for one in self.records.find(kind, by="partner_id", value=name)]

    def is_taken(self, name: str, milestone: Milestone) -> bool:
        wanted = payable_id(name, milestone, self.project(name).occurrence(milestone))
        found = self.records.load(Payable, wanted)
        return found is not None and found.record.state in TAKEN

    def taken_for(self, name: str) -> int:
        found = self.of_project(Payable, name)
        return sum(one.amount.cents for one in found if one.state in TAKEN)

    def left(self, name: str) -> int:
        """Give what runs took for a project and nobody took back yet."""
        back = sum(
            (one.raised - one.dropped).cents
            for one in self.of_project(Deduction, name)
            if one.kind in BACK
        )
        return self.taken_for(name) - back

    def balances(self, owner: str) -> Counter:
        found: Counter = Counter()
        for entry in self.of_partner(LedgerEntry, owner):
            for posting in entry.postings:
                found[posting.account] += posting.amount.cents
        return found

    def position(self, owner: str) -> int:
        """Give what a partner has of us: paid and owed, less what it still owes."""
        return -sum(
            cents
            for account, cents in self.balances(owner).items()
            if account in BOOKED or account.startswith("receivable:")
        )

    def worth(self, owner: str) -> int:
        projects = sum(one.worth for one in self.told.values() if one.owner == owner)
        return projects + self.services[owner]

    # ---------------------------------------------------------------- looking after an act
    def look(self) -> None:
        """Bring the account beside to what the clocks and the vendor's bills mean by now."""
        for told in self.told.values() if not self.held else ():
            self.see_bills(told)
            self.see_clawback(told)

    def see_bills(self, told: Told) -> None:
        project, direct = self.project(told.name), self.direct(told.name)
        for bill in told.bills:
            name = invoice_id(CED.id, bill.number)
            asked = (equipment_id(name), material_id(name), late_id(name))
            if bill.is_void or bill.is_charged:
                continue
            if told.is_cancelled or self.records.load_all(Deduction, asked):
                bill.is_charged = True
                told.worth -= bill.cents
                self.count("bill_charged")
            else:
                assert project.reached_at(M1) is None or not direct.is_enrolled, "nobody asks"

    def clock_ends(self, told: Told) -> date | None:
        m1_at = self.project(told.name).reached_at(M1)
        if m1_at is None:
            return None
        return eastern_day(m1_at) + timedelta(CLOCK_DAYS + told.extended)

    def see_clawback(self, told: Told) -> None:
        project, ends = self.project(told.name), self.clock_ends(told)
        if told.is_cancelled or ends is None or project.reached_at(M2) is not None:
            return
        is_over = eastern_day(self.now) > ends
        times = (project.occurrence(M1), project.occurrence(M2))
        full = told.shares[M1] - told.clawed - told.forgiven
        if is_over and self.is_taken(told.name, M1) and full > 0 and times not in told.clawbacks:
            found = self.records.load(Deduction, clawback_id(told.name, *times))
            left = self.left(told.name)
            assert found is not None or left == 0, f"{told.name}: nobody claws {full} back"
            if found is not None:
                raised = found.record.raised.cents
                assert raised == full or (raised < full and left == 0), f"{raised} is not {full}"
                told.clawbacks.add(times)
                told.clawed += raised
                told.worth -= raised
                self.count("clawback_raised")
        looks_again = any(
            one.subject == told.name and one.due_at <= self.now + HOUR
            for one in self.records.timers.values()
        )
        for debt in self.of_project(Deduction, told.name):
            if debt.kind == "clawback_m1" and debt.state == "open" and not looks_again:
                assert debt.paused == (not is_over), f"{debt.id} is paused: {debt.paused}"
                if debt.paused:
                    self.count("clawback_paused")

    # ---------------------------------------------------------------- projects
    def register(self, owner: str, *, value: int, plan, basis, inverter: str) -> None:
        name = f"J-{self.next_number()}"
        self.records.commit(Change(saves=(Save(site(name)),)))
        facts = ProjectFacts(
            name,
            f"S-{name}",
            owner,
            Money(value),
            tuple(PlanShare(*one) for one in plan),
            basis,
            inverters=INVERTERS[inverter],
        )
        self.do(portfolio.put_project, facts, at=self.now, by="ana")
        shares = {milestone: value * bps // 10_000 for milestone, bps in plan}
        self.told[name] = Told(name, owner, shares, inverter)
        self.pump()
        self.count("registered")

    def reach(self, told: Told, milestone: Milestone) -> None:
        before = self.project(told.name)
        pre_open = sum(
            one.open.cents
            for one in self.of_project(Deduction, told.name)
            if one.kind == "clawback_m1"
        )
        self.do(
            portfolio.record_milestone,
            project_id=told.name,
            milestone=milestone,
            at=self.now,
            by="rita",
        )
        for one, _ in set(self.project(told.name).reached) - set(before.reached):
            told.worth += told.shares.get(one, 0)
            self.count(f"reached_{one}")
            if one is M1:
                self._warrant(told)
            if one is M2:
                told.returned = told.clawed - pre_open
                told.worth += told.clawed
                if told.returned:
                    self.count("reinstated")
                told.clawed = 0
                self.running.pop(told.name, None)
        self.pump()

    def _warrant(self, told: Told) -> None:
        if told.is_warranted or told.inverter == "plain":
            return
        if told.inverter == "tesla":
            told.worth -= 600_00
        elif self.is_priced:
            told.worth -= 2 * PRICE_CENTS
        else:
            return
        told.is_warranted = True
        self.count("warranty_raised")

    def import_prices(self) -> None:
        for told in self.told.values():
            project = self.project(told.name)
            wanted = payable_id(told.name, M1, project.occurrence(M1))
            item = self.records.load(Payable, wanted)
            waits = item is not None and item.record.state == "open"
            if told.inverter == "solaredge" and not told.is_warranted and waits:
                told.is_warranted = True
                told.worth -= 2 * PRICE_CENTS
                self.count("priced_later")
        self.is_priced = True
        content = f"model,price\nSE7600H,{PRICE_CENTS / 100:.2f}\n".encode()
        self.do(
            process.import_prices, content, effective_from=date(2026, 9, 1), at=self.now, by="ana"
        )
        self.pump()

    def revoke(self, told: Told, milestone: Milestone) -> None:
        self.look()
        before = self.project(told.name)
        if milestone is M1:
            milestone = before.m1_basis
        after = self.do(
            portfolio.revoke_milestone,
            project_id=told.name,
            milestone=milestone,
            because="wrong photo",
            at=self.now,
            by="rita",
            occurrence=before.occurrence(milestone),
        )
        if isinstance(after, Refused):
            return
        gone = {one.milestone for one in after.revoked[len(before.revoked) :]}
        wanted = 0
        for one in gone & set(told.shares):
            self.count(f"revoked_{one}")
            wanted += told.shares[one]
            if one is M1:
                wanted -= told.clawed + told.forgiven
                told.clawed = told.forgiven = told.extended = 0
        if M1 in gone:
            self.running.pop(told.name, None)
        if M2 in gone:
            wanted += told.returned
            told.clawed, told.returned = told.returned, 0
        self.pump(timers=False)
        self.see_bills(told)
        lost = self.worth(told.owner) - self.position(told.owner)
        assert lost == wanted or (0 <= lost < wanted and self.left(told.name) == 0), (
            f"revoking {sorted(gone)} of {told.name} took {lost}, not {wanted}"
        )
        told.worth -= lost
        self.pump()

    def cancel(self, told: Told) -> None:
        name = told.name
        asked = self.do(
            portfolio.propose_cancellation,
            project_id=name,
            reason=portfolio.CancellationReason.CUSTOMER,
            because="the customer moved",
            at=self.now,
            by="ana",
        )
        if isinstance(asked, Refused):
            return
        taken = self.taken_for(name)
        recovered = sum(
            one.recovered.cents
            for one in self.of_project(Deduction, name)
            if one.kind not in OUTLIVES
        )
        billed = sum(one.cents for one in told.bills if not one.is_void)
        self.do(portfolio.agree_cancellation, proposal_id=asked.id, at=self.now, by="bob")
        offset = max(taken + billed - recovered, 0)
        told.worth = taken - recovered + told.off - offset - told.commission
        told.is_cancelled = True
        for bill in told.bills:
            bill.is_charged = True
        self.running.pop(name, None)
        self.count("cancelled")
        self.pump()

    def commission(self, told: Told, cents: int) -> None:
        asked = self.do(
            portfolio.propose_prepaid_commission,
            project_id=told.name,
            amount=Money(cents),
            because="the sales list",
            at=self.now,
            by="ana",
        )
        if not isinstance(asked, Refused):
            self.do(portfolio.agree_prepaid_commission, proposal_id=asked.id, at=self.now, by="bob")
            told.commission = cents
            self.count("commission_prepaid")
        self.pump()

    def case(self, told: Told, act) -> None:
        self.do(act, project_id=told.name, because="photos", at=self.now, by="rita")
        self.count(act.__name__)
        self.pump()

    def comply(self, told: Told, cents: int) -> None:
        """Take money for a compliance case; two people."""
        left = self.left(told.name)
        cents = min(cents, max(left, 1)) if self.chance.one_in(2) else cents
        asked = self.do(
            process.propose_compliance_offset,
            project_id=told.name,
            amount=Money(cents),
            because="unsafe work",
            at=self.now,
            by="ana",
        )
        is_too_much = told.is_cancelled or cents > left
        assert self.lagged or isinstance(asked, Refused) == is_too_much
        if not isinstance(asked, Refused):
            done = self.do(
                process.agree_compliance_offset, proposal_id=asked.id, at=self.now, by="bob"
            )
            assert isinstance(done, Refused) == is_too_much
            if isinstance(done, Refused):
                return
            told.worth -= cents
            self.count("compliance_offset")
        self.pump()

    # ---------------------------------------------------------------- other stages
    def _message(self, topic: str, body: dict) -> None:
        made = Message(f"X-{self.next_number()}", topic, body, self.now)
        self.records.commit(Change(messages=(made,)))
        self.pump()

    def service(self, owner: str, cents: int) -> None:
        number = self.next_number()
        body = {
            "invoice_id": f"INV-{number}",
            "partner_id": owner,
            "work_order_id": f"WO-{number}",
            "site_id": "S-1",
            "amount_cents": cents,
            "approved_at": self.now.isoformat(),
            "says": f"invoice INV-{number}",
        }
        self.services[owner] += cents
        self._message("payable", body)
        self.count("service_invoice")
        if self.chance.one_in(3):
            if self.chance.one_in(2):
                self.pass_to(self.now + 4 * DAY)
                self.run()
            self.release()
            item = self.records.load(Payable, payable_of_invoice(f"INV-{number}"))
            if item.record.state == "open":
                self.services[owner] -= cents
                self.count("withdrawn_in_time")
            said = {"id": f"W-{number}", "invoice_id": f"INV-{number}", "by": "x", "says": "wrong"}
            self._message("withdrawal", said)
            self.count("withdrawal")

    def offset(self, owner: str, cents: int) -> None:
        number = self.next_number()
        self.services[owner] -= cents
        body = {
            "offset_id": f"OFF-{number}",
            "partner_id": owner,
            "amount_cents": cents,
            "kind": "back_bill",
            "incurred_on": eastern_day(self.now).isoformat(),
            "says": f"offset OFF-{number}",
            "causes": [f"CASE-{number}"],
        }
        self._message("offset", body)
        self.count("back_bill" if cents > 0 else "credit")

    # ---------------------------------------------------------------- extensions
    def extend(self, told: Told) -> None:
        name, project = told.name, self.project(told.name)
        if self.records.load(Upload, f"UPL-{name}") is None:
            self.records.commit(Change(saves=(Save(_proof(name, told.owner, self.now)),)))
        m1_at = project.reached_at(SUBMITTED) or project.reached_at(M1)
        fields = {
            "account_finco_id": name,
            "account_primary_name": "C. Ustomer",
            "eta_of_pto": "2027-05-01",
            "extension_request_deadline": "2027-05-15",
            "install_submission_date": eastern_day(m1_at or self.now).isoformat(),
            "reason": self.chance.pick(("transformer_upgrade", "ca_co_market", "other")),
        }
        asked = self.do(
            process.submit_extension,
            project_id=name,
            partner_id=told.owner,
            fields=fields,
            reason_text=f"number {self.next_number()}",
            proof_reference=f"upload:UPL-{name}",
            at=self.now,
            by="pat",
        )
        self.pump()
        if isinstance(asked, Refused):
            return
        self.count("extension_asked")
        if self.chance.one_in(6):
            self.pass_to(self.now + 9 * DAY)  # nobody decides in time
        what = self.chance.pick(("grant", "grant", "grant", "deny", "withdraw"))
        if what == "grant":
            self._grant(told, asked)
        elif what == "deny":
            self.do(
                process.deny_extension,
                request_id=asked.id,
                because="no",
                at=self.now,
                by="rob",
            )
            self.count("extension_denied")
        else:
            self.do(
                process.withdraw_extension,
                request_id=asked.id,
                partner_id=told.owner,
                at=self.now,
                by="pat",
            )
            self.count("extension_withdrawn")
        self.pump()

    def backlog(self, owner: str) -> int:
        return sum(
            one.shares[M1]
            for one in self.told.values()
            if one.owner == owner
            and not one.is_cancelled
            and self.project(one.name).reached_at(M1) is not None
            and self.project(one.name).reached_at(M2) is None
            and self.is_taken(one.name, M1)
        )

    def _grant(self, told: Told, asked) -> None:
        today = eastern_day(self.now)
        others = sum(
            cents
            for name, (owner, cents, until) in self.running.items()
            if owner == told.owner and name != told.name and until >= today
        )
        cap = min(self.backlog(told.owner) * CAP_BPS // 10_000, CAP_CENTS)
        days = 20 if asked.days is None else None
        found = self.do(
            process.grant_extension, request_id=asked.id, at=self.now, by="rob", days=days
        )
        if isinstance(found, Refused):
            if found.code == "exposure_cap":
                assert others + asked.amount.cents > cap or others + told.shares[M1] > cap
            return
        assert others + found.amount.cents <= cap, "more is postponed than may be"
        assert 0 < found.amount.cents <= told.shares[M1]
        told.extended += found.days
        self.running[told.name] = (told.owner, found.amount.cents, self.clock_ends(told))
        self.count("extension_granted")

    # ---------------------------------------------------------------- Direct Pay
    def choose(self, told: Told, choice) -> None:
        was = self.direct(told.name)
        done = self.do(
            choice, project_id=told.name, partner_id=told.owner, at=self.now, by="client"
        )
        if not isinstance(done, Refused) and was.is_enrolled != done.is_enrolled:
            self.count(choice.__name__)
            if choice is direct_pay.opt_out:
                for bill in told.bills:
                    self._undo(told, bill)
        self.pump()

    def _undo(self, told: Told, bill: Bill) -> None:
        if bill.is_charged and not bill.is_void:
            spared = min(bill.off or told.spared, bill.cents)  # written off, so never taken
            told.worth += bill.cents - spared
            told.spared -= 0 if bill.off else spared
            self.count("charged_bill_void")
        bill.is_void = True

    def vendor(self, told: Told, what: str, cents: int) -> None:
        named = {"vendor_id": CED.id, "project_id": told.name, "at": self.now, "by": "ced"}
        direct = self.direct(told.name)
        if direct is None or direct.vendor_id != CED.id:
            return
        number = f"N-{self.next_number()}"
        at = self.now - self.chance.pick((0, 1, 30)) * HOUR
        if what == "order":
            self.do(direct_pay.record_order, order_number=number, ordered_at=at, **named)
        elif what == "ship":
            self.do(direct_pay.record_shipment, shipped_at=at, **named)
        elif what == "void":
            standing = [one for one in told.bills if not one.is_void]
            if standing:
                bill = self.chance.pick(standing)
                self._undo(told, bill)
                self.do(
                    direct_pay.void_vendor_invoice, number=bill.number, because="twice", **named
                )
        else:
            is_final = what == "final"
            done = self.do(
                direct_pay.receive_vendor_invoice,
                number=number,
                amount=Money(cents),
                is_final=is_final,
                **named,
            )
            if isinstance(done, Refused):
                return
            told.bills.append(Bill(number, cents))
        self.count(f"vendor_{what}")
        self.pump()

    # ---------------------------------------------------------------- runs
    def run(self, *, between=None, send: bool = True, settle: bool = True) -> bool:
        """Do the run of the last cut-off that passed, if there is one that was not done."""
        upcoming = window_of(self.cut_off).cut_off_at
        if upcoming > self.now:
            return False
        while window_of(upcoming).cut_off_at <= self.now:
            upcoming = window_of(upcoming).cut_off_at
        self.cut_off = upcoming
        run = self._prepared(upcoming)
        if between is not None and self.chance.one_in(2):
            between()
            self.count("act_before_approval")
        run = self._approved(run)
        if between is not None:
            between()
            self.count("act_before_commit")
        self.pump()
        self.look()
        self.count("run")
        self._see_plans(run.id)
        if send:
            self.send(run.id)
            if settle:
                self.settle(run.id)
        return True

    def _prepared(self, cut_off: datetime):
        """Prepare, and hold what is carried against what is open and may be taken."""
        run = self.do(
            process.prepare,
            cutoff=cut_off,
            partners=portfolio.paid_partners(self.records),
            at=self.now,
            by="ana",
        )
        if self.lagged:
            self.count("prepared_in_the_dark")
            return run
        for name in run.plan_ids:
            plan = self.records.load(RunPlan, name).record
            open_ = sum(
                one.open.cents
                for one in self.of_partner(Deduction, plan.partner_id)
                if one.state == "open" and not one.paused and one.raised_at < cut_off
            )
            taken = sum(one.applied.cents for one in plan.deductions)
            assert plan.carried.cents == open_ - taken, f"{name}: {plan.carried} is carried"
            if plan.carried.cents:
                self.count("carried")
        return run

    def _approved(self, run):
        for _ in range(4):
            named = {
                "run_id": run.id,
                "plans_hash": run.plans_hash,
                "partners": portfolio.paid_partners(self.records),
                "by": "bob",
                "roles": {"accounting_admin"},
                "at": self.now,
            }
            done = self.do(process.approve, **named)
            if not isinstance(done, Refused):
                return done
            if done.code == "breaker":
                self.do(
                    process.release,
                    run_id=run.id,
                    plans_hash=run.plans_hash,
                    because="as it is",
                    by="cleo",
                    at=self.now,
                )
            else:
                run = self._prepared(self.cut_off)
        raise AssertionError(f"nobody can approve {run.id}: {done}")

    def _see_plans(self, run_id: str) -> None:
        for stored in self.records.find(RunPlan, by="run_id", value=run_id):
            plan = stored.record
            if plan.state is PlanState.STALE:
                self.count("plan_stale")

    def send(self, run_id: str) -> None:
        run = process.load_run(self.records, run_id).record
        if run.state != "filed" or not (run.file_reference or run.prenote_reference):
            return
        self.bank.mood = self.chance.pick(("", "", "", "before", "after"))
        self.do(process.order_sending, run_id=run_id, by="tess", at=self.now)
        self.pump()
        self.bank.mood = ""
        if process.load_run(self.records, run_id).record.state == "sending":
            self.count("sending_unsure")
            reference = (run.file_reference or run.prenote_reference).rsplit("/", 1)[-1]
            if reference in self.bank.delivered:
                self.do(process.mark_sent, run_id=run_id, by="tess", at=self.now)
            else:
                self.do(
                    process.mark_not_sent,
                    run_id=run_id,
                    because="not here",
                    by="tess",
                    at=self.now,
                )
                self.do(process.order_sending, run_id=run_id, by="tess", at=self.now)
                self.pump()
                if process.load_run(self.records, run_id).record.state == "sending":
                    self.do(process.mark_sent, run_id=run_id, by="tess", at=self.now)
        self.count("sent")

    def settle(self, run_id: str) -> None:
        run = process.load_run(self.records, run_id).record
        if run.state == "sent":
            self.do(process.settle, run_id=run_id, by="tess", at=self.now)
            self.pump()
            self.count("settled")

    def lines(self) -> list[PaymentTrace]:
        return [
            one.record
            for (kind, _), one in sorted(self.records._records.items(), key=lambda item: item[0][1])
            if kind is PaymentTrace
        ]

    def return_(self, line: PaymentTrace, code: str) -> None:
        run = process.load_run(self.records, line.run_id).record
        if run.state not in {"sent", "settled"}:
            return
        if line.return_code:
            self.count("returned_again")
        if code.startswith("R") and self.chance.one_in(2):
            content = returns_for(self.documents.get(run.file_reference), {line.id: code})
            self.do(process.keep_bank_file, self.documents, content=content, at=self.now, by="tess")
            self.pump()
            self.count("bank_file")
        for _ in range(1 + self.chance.one_in(3)):
            self.do(process.return_payment, trace_number=line.id, code=code, at=self.now)
        self.count(f"return_{code}")
        self.pump()

    def call_back(self, line: PaymentTrace) -> None:
        """Two people call a payment back; the bank gives it back, or it comes as a return."""
        asked = self.do(
            process.propose_reversal,
            trace_number=line.id,
            reason="wrong_receiver",
            because="another partner's account",
            at=self.now,
            by="ana",
        )
        if isinstance(asked, Refused):
            return
        done = self.do(process.agree_reversal, proposal_id=asked.id, at=self.now, by="bob")
        assert not isinstance(done, Refused)
        self.pump()
        self.count("called_back")
        if self.chance.one_in(3):
            self.return_(line, "R03")
        self.do(process.record_reversed, trace_number=line.id, at=self.now, by="tess")
        self.pump()

    def assign(self, line: PaymentTrace, whose: str) -> None:
        asked = self.do(
            process.propose_assignment,
            trace_number=line.id,
            whose=whose,
            because="the bank says so",
            at=self.now,
            by="ana",
        )
        if isinstance(asked, Refused):
            return
        self.do(process.agree_assignment, proposal_id=asked.id, at=self.now, by="bob")
        if whose == "bank":
            self.kept_by_bank[line.partner_id] += line.amount.cents
        self.count(f"assigned_{whose}")
        self.pump()

    def review(self) -> None:
        """A person looks at what came back and frees it."""
        for stored in self.records.find(Payable, by="state", value="open"):
            if stored.record.milestone == "returned" and stored.record.hold:
                self.do(
                    process.release_payable,
                    payable_id=stored.record.id,
                    by="ana",
                    at=self.now,
                )
                self.count("released")
        self.pump()

    def new_account(self, owner: str) -> None:
        number = self.next_number()
        reference = f"{portfolio.papers_folder(owner)}{number}.pdf"
        self.documents.put(reference, b"%PDF", "application/pdf")
        paper = self.do(
            portfolio.record_partner_document,
            self.documents,
            partner_id=owner,
            kind=DocumentKind.BANK_AUTHORIZATION,
            reference=reference,
            at=self.now,
            by="pat",
        )
        asked = self.do(
            portfolio.ask_bank_change,
            partner_id=owner,
            authorization_id=paper.id,
            routing_number=self.chance.pick(("021000021", "011401533")),
            account_number=Secret(f"77{number:06d}"),
            at=self.now,
            by="pat",
        )
        if isinstance(asked, Refused):
            return
        if self.chance.one_in(8):
            self.do(
                portfolio.reject_bank_change,
                change_id=asked.id,
                because="no",
                at=self.now,
                by="bob",
            )
            self.count("bank_change_rejected")
        else:
            self.do(portfolio.agree_bank_change, change_id=asked.id, at=self.now, by="bob")
            self.count("bank_change_agreed")
        self.pump()

    def settle_by_hand(self, debt: Deduction, cents: int, how: str) -> None:
        asked = self.do(
            process.propose_settlement,
            deduction_id=debt.id,
            amount=Money(cents),
            how=how,
            because="it is so",
            at=self.now,
            by="ana",
        )
        if isinstance(asked, Refused):
            return
        done = self.do(process.agree_settlement, proposal_id=asked.id, at=self.now, by="bob")
        assert not isinstance(done, Refused)
        self.count(f"settled_{how}")
        if how != "written_off":
            self.by_hand[debt.partner_id] += cents
        elif not debt.project_id:
            self.services[debt.partner_id] += cents
        else:
            told = self.told[debt.project_id]
            told.worth += cents
            if debt.kind not in OUTLIVES:
                told.off += cents
            elif debt.kind == "cancellation":
                told.spared += cents
            for bill in told.bills:
                name = invoice_id(CED.id, bill.number)
                if debt.id in (equipment_id(name), material_id(name), late_id(name)):
                    bill.off += cents
            if debt.kind == "clawback_m1":
                told.clawed -= cents
                told.forgiven += cents
        self.pump()


def _proof(name: str, owner: str, at: datetime) -> Upload:
    return Upload(
        id=f"UPL-{name}",
        work_order_id=name,
        partner_id=owner,
        purpose=Purpose.EVIDENCE,
        name="mail.pdf",
        content_type="application/pdf",
        size_bytes=10,
        sha256="0" * 64,
        state=UploadState.KEPT,
        quarantine="q",
        requested_at=at,
        requested_by="client",
        evidence="evidence/x.pdf",
    )


# ------------------------------------------------------------------ as the functions call them
def _milestone(world: Months, body) -> None:
    process.milestone_reached(
        world.records,
        project_id=body["project_id"],
        milestone=Milestone(body["milestone"]),
        at=world.now,
        occurrence=body.get("occurrence"),
    )


def _carry_out(world: Months, body) -> None:
    process.run_all_after_approval(
        world.records,
        world.documents,
        run_id=body["run_id"],
        originator=BANK,
        renderer=Text(),
        at=world.now,
    )


def _send(world: Months, body) -> None:
    process.send(
        world.records,
        world.documents,
        world.bank,
        run_id=body["run_id"],
        operations=OPERATIONS,
        by=body["by"],
        at=world.now,
    )


TOPICS = {
    "milestone": _milestone,
    "milestone_revoked": lambda world, body: process.milestone_revoked(
        world.records, project_id=body["project_id"], at=world.now
    ),
    "project_cancelled": lambda world, body: process.project_cancelled(
        world.records, project_id=body["project_id"], at=world.now
    ),
    "project_registered": lambda world, body: direct_pay.enrol_new_project(
        world.records, project_id=body["project_id"], at=world.now
    ),
    "payable": lambda world, body: process.accrue_service(world.records, body=body, at=world.now),
    "offset": lambda world, body: process.accrue_offset(world.records, body=body, at=world.now),
    "withdrawal": lambda world, body: process.withdraw_service(
        world.records, body=body, at=world.now
    ),
    "run_approved": _carry_out,
    "run_send": _send,
    "bank_file": lambda world, body: process.take_bank_file(
        world.records,
        world.documents,
        file_id=body["file_id"],
        operations=OPERATIONS,
        at=world.now,
    ),
    "reversal_wanted": lambda world, body: process.make_reversal(
        world.records,
        world.documents,
        trace_number=body["trace_number"],
        originator=BANK,
        operations=OPERATIONS,
        at=world.now,
    ),
    "bank_change_due": lambda world, body: portfolio.apply_bank_change(
        world.records, change_id=body["change_id"], at=world.now
    ),
}


def _operations(wake):
    return lambda records, timer, at: wake(records, timer=timer, at=at, operations=OPERATIONS)


def _plainly(wake):
    return lambda records, timer, at: wake(records, timer=timer, at=at)


WAKES = {
    **dict.fromkeys(process.WAKES, _operations(process.wake)),
    **dict.fromkeys(process.EXTENSION_WAKES, _operations(process.wake_extension)),
    **dict.fromkeys(process.PUBLISHING_WAKES, _plainly(process.wake_publishing)),
    **dict.fromkeys(equipment.WAKES, _plainly(equipment.wake)),
    **dict.fromkeys(portfolio.WAKES, _plainly(portfolio.wake)),
}
