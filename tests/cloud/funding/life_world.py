"""One project from NTP to activation, with everything that can go wrong between, and real runs."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from funding_world import World, partner, project

from cloud.funding import ledger, process
from cloud.funding.models import Deduction, LedgerEntry, LedgerHead, Payable, RunPlan
from cloud.funding.netting import DeductionKind
from cloud.funding.schedule import window_of
from cloud.kernel.change import Change
from cloud.kernel.money import Money, total
from cloud.portfolio.models import (
    Milestone,
    Partner,
    PlanShare,
    Project,
    Revocation,
    SoldInverter,
)

ET = ZoneInfo("America/New_York")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NTP, M1, M2 = Milestone.NTP, Milestone.M1, Milestone.M2
TESLA = (SoldInverter("Tesla", "1538000-45-A"),)


def et(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ET)


START = et("2026-10-01T09:00")


class Life(World):
    """A partner with one project, J-1: 10 % at NTP, 70 % at M1, 20 % at M2 of $30,000.00.

    Attributes:
        now: moves with what happens.
    """

    def __init__(self, **changes) -> None:
        mine = partner()
        super().__init__([mine])
        self.now = START
        self.number = 0
        plan = (PlanShare(NTP, 1_000), PlanShare(M1, 7_000), PlanShare(M2, 2_000))
        self.add_project(replace(project("J-1"), reached=(), plan=plan, **changes))

    # ---------------------------------------------------------------- what happens
    def pass_(self, time: timedelta) -> "Life":
        self.now += time
        return self

    def record(self, milestone: Milestone) -> None:
        """Put a milestone on record, without telling funding yet."""
        made = self.project
        self.put(replace(made, reached=(*made.reached, (milestone, self.now))))

    def reach(self, milestone: Milestone):
        self.record(milestone)
        return self.tell(milestone)

    def tell(self, milestone: Milestone, occurrence: int | None = None):
        return process.milestone_reached(
            self.records,
            project_id="J-1",
            milestone=milestone,
            at=self.now,
            occurrence=self.project.occurrence(milestone) if occurrence is None else occurrence,
        )

    def take_off(self, milestone: Milestone) -> None:
        """Take a milestone off the record, without telling funding yet."""
        made = self.project
        gone = Revocation(milestone, dict(made.reached)[milestone], self.now, "ana", "wrong photo")
        left = tuple(one for one in made.reached if one[0] is not milestone)
        self.put(replace(made, reached=left, revoked=(*made.revoked, gone)))

    def revoke(self, milestone: Milestone) -> None:
        self.take_off(milestone)
        process.milestone_revoked(self.records, project_id="J-1", at=self.now)

    def end(self) -> None:
        """Cancel the project, without telling funding yet."""
        self.put(replace(self.project, cancelled=True, cancelled_at=self.now))

    def cancel(self) -> None:
        self.end()
        process.project_cancelled(self.records, project_id="J-1", at=self.now)

    def assess(self):
        return process.assess_clawback(self.records, project_id="J-1", at=self.now)

    def earn(self, cents: int) -> None:
        """Let the partner earn something that is no project's."""
        self.number += 1
        self.service(f"INV-{self.number}", cents, at=self.now)

    def prepared(self):
        """Prepare and approve the run whose window the present is in, once that is over."""
        cutoff = window_of(self.now).cut_off_at
        self.now = cutoff + HOUR
        run = self.prepare(cutoff=cutoff, at=self.now)
        if run.unusual:
            process.release(
                self.records,
                run_id=run.id,
                plans_hash=run.plans_hash,
                because="it is right",
                by="cleo",
                at=self.now,
            )
        self.approve(run, at=self.now)
        return run

    def pay(self) -> RunPlan:
        """Carry a whole run out; give what it did for the partner."""
        run = self.prepared()
        process.commit(self.records, run_id=run.id, at=self.now)
        plans = self.records.find(RunPlan, by="run_id", value=run.id)
        return plans[-1].record if plans else None

    def wake(self) -> int:
        """Wake all of funding's timers that are due, as often as they set new ones."""
        woken = 0
        while due := [
            one
            for one in self.records.timers.values()
            if one.due_at <= self.now and one.wakes in process.WAKES
        ]:
            for timer in due:
                del self.records.timers[timer.id]
                process.wake(self.records, timer=timer, at=self.now, operations="ops@owner.example")
                woken += 1
            assert woken < 100
        return woken

    def overtake(self, when, act) -> None:
        """Let something happen once, between a decision about such a record and its writing."""

        acts = [act]

        class Overtaken(type(self.records)):
            def commit(self, change: Change) -> None:
                if acts and any(when(one.record) for one in change.saves):
                    acts.pop()()
                super().commit(change)

        self.records.__class__ = Overtaken

    # ---------------------------------------------------------------- what is there
    def put(self, record) -> None:
        stored = self.records.load(type(record), record.id)
        self.records.commit(Change(saves=(stored.replaced_by(record),)))

    @property
    def project(self) -> Project:
        return self.records.load(Project, "J-1").record

    @property
    def partner(self) -> Partner:
        return self.records.load(Partner, "P-A").record

    def deductions(self, *kinds: str) -> list[Deduction]:
        found = self.records.find(Deduction, by="partner_id", value="P-A")
        return [one.record for one in found if not kinds or one.record.kind in kinds]

    def payables(self, *milestones: str) -> list[Payable]:
        found = self.records.find(Payable, by="partner_id", value="P-A")
        return [one.record for one in found if not milestones or one.record.milestone in milestones]

    def open(self) -> dict[str, int]:
        """Give what is open, in dollars, by kind and by milestone."""
        said: Counter[str] = Counter()
        for one in self.deductions():
            said[str(one.kind)] -= one.open.cents // 100
        for one in self.payables():
            if one.state == "open":
                said[one.milestone] += one.amount.cents // 100
        return {name: amount for name, amount in sorted(said.items()) if amount}

    def check(self) -> dict[str, int]:
        """Hold the books against the items, and nothing is taken back twice (D14)."""
        entries = [
            one.record for one in self.records.find(LedgerEntry, by="partner_id", value="P-A")
        ]
        head = self.records.load(LedgerHead, "P-A")
        ledger.verify(entries, [head.record] if head else [])
        balances = ledger.trial_balance(entries)
        assert total(balances.values()) == Money(0)
        for kind in DeductionKind:
            owed = total(one.open for one in self.deductions(kind))
            assert balances.get(ledger.receivable(kind), Money(0)) == owed, kind
        waiting = total(one.amount for one in self.payables() if one.state == "open")
        assert balances.get(ledger.PARTNER_PAYABLE, Money(0)) == -waiting
        return {name: one.cents // 100 for name, one in balances.items()}
