"""The life of all partners: months of whatever may happen, and after each act the books are right.

Acts die after some of their writes and are done again, messages come in any order and twice, timers
wake late, runs are changed between approval and commit. After each step everything is recomputed,
and what each partner has is what it should have by an account that is kept beside.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from months_world import (
    APPROVED,
    DAY,
    ET,
    HOUR,
    M1,
    M2,
    NTP,
    PLANS,
    START,
    SUBMITTED,
    VALUES,
    Chance,
    Months,
    Told,
)

from cloud.funding import process
from cloud.funding.models import (
    Deduction,
    FundingRun,
    LedgerEntry,
    Payable,
    PlanState,
    RunPlan,
    RunState,
)
from cloud.funding.process import direct_pay
from cloud.funding.schedule import window_of
from cloud.kernel.money import ZERO
from cloud.kernel.policy import COMFORT
from cloud.portfolio import process as portfolio

REACHED: Counter = Counter()
"""In how many lives an act was reached."""
FILED = {RunState.FILED, RunState.SENDING, RunState.SENT, RunState.SETTLED}
OWNERS = ("P-A", "P-B", "P-C", "P-D")
TAKES_BACK = {
    "clawback_m1",
    "revocation",
    "compliance",
    "cancellation",
    "equipment",
    "material",
    "prepaid_commission",
}
seeds = st.integers(0, 2**20)
cents = st.sampled_from((1, 999, 150_00, 2_500_00, 19_000_00, 90_000_00))


class Life(RuleBasedStateMachine):
    def __init__(self, number: int = 0) -> None:
        super().__init__()
        self.number = number
        self.world = Months()
        self.step, self.is_in_run = 0, False

    # ---------------------------------------------------------------- setting out
    @initialize(seed=seeds)
    def begin(self, seed: int) -> None:
        self.world.chance = Chance(seed + (self.number << 40))
        pick = self.world.chance.pick
        for owner, value in (
            ("P-A", VALUES[2]),
            ("P-A", VALUES[0]),
            ("P-B", VALUES[1]),
            ("P-C", VALUES[1]),
            ("P-C", VALUES[1]),
            ("P-C", VALUES[2]),
            ("P-D", VALUES[0]),
            ("P-D", VALUES[2]),
        ):
            self.world.register(
                owner,
                value=value,
                plan=pick(PLANS),
                basis=pick((SUBMITTED, APPROVED)),
                inverter=pick(("plain", "plain", "tesla", "solaredge")),
            )
        for told in list(self.world.told.values()):
            for _ in range(3 if told.owner == "P-A" else pick((0, 1, 3, 3))):
                self._next(told)

    def _later(self, seed: int) -> None:
        """Let some time pass before the next act, with the runs that fall into it."""
        self.step += 1
        self.world.chance = Chance(seed + (self.step << 20) + (self.number << 40))
        if self.is_in_run:
            return
        pause = self.world.chance.pick((0 * HOUR, HOUR, DAY, 3 * DAY, 6 * DAY, 14 * DAY))
        self._until(self.world.now + pause)
        self.world.release()

    def _until(self, end: datetime) -> None:
        while (upcoming := window_of(self.world.now).cut_off_at) < end:
            self.world.pass_to(upcoming + HOUR)
            if not self.world.chance.one_in(4):
                self.world.run(settle=not self.world.chance.one_in(4))
        self.world.pass_to(end)

    def _told(self, *, direct: bool = False) -> Told:
        owners = ("P-C",) if direct else OWNERS
        names = [one for one in self.world.told.values() if one.owner in owners]
        if self.is_in_run and not self.world.chance.one_in(4):
            waiting = self.world.records.find(Payable, by="state", value="open")
            about = {one.record.project_id for one in waiting}
            names = [one for one in names if one.name in about] or names
        alive = [one for one in names if not one.is_cancelled]
        if alive and not self.world.chance.one_in(6):
            names = alive
        return self.world.chance.pick(names)

    def _next(self, told: Told) -> None:
        """Reach what comes next in a project's life."""
        reached = dict(self.world.project(told.name).reached)
        for milestone in (NTP, SUBMITTED, APPROVED, M2):
            if milestone not in reached and (milestone is not M2 or M1 in reached):
                self.world.reach(told, milestone)
                return

    # ---------------------------------------------------------------- acts
    @rule(owner=st.sampled_from(OWNERS), seed=seeds)
    def register(self, owner: str, seed: int) -> None:
        self._later(seed)
        pick = self.world.chance.pick
        if len(self.world.told) < 14:
            self.world.register(
                owner,
                value=pick(VALUES),
                plan=pick(PLANS),
                basis=pick((SUBMITTED, APPROVED)),
                inverter=pick(("plain", "tesla", "solaredge")),
            )

    @rule(seed=seeds)
    def reach(self, seed: int) -> None:
        self._later(seed)
        late = [one for one in self.world.told.values() if one.clawed]
        if late and self.world.chance.one_in(2):
            self.world.reach(self.world.chance.pick(late), M2)
        for _ in range(self.world.chance.pick((1, 2, 3))):
            self._next(self._told())

    @rule(seed=seeds)
    def revoke(self, seed: int) -> None:
        self._later(seed)
        told = self._told()
        reached = dict(self.world.project(told.name).reached)
        known = [one for one in (M2, M1, SUBMITTED, NTP) if one in reached]
        if known and self.world.chance.one_in(2):
            known = known[self.world.chance.below(len(known)) :]
        if known:
            self.world.revoke(told, known[0])

    @rule(seed=seeds)
    def cancel(self, seed: int) -> None:
        self._later(seed)
        self.world.cancel(self._told())

    @rule(seed=seeds, cents=cents)
    def commission(self, seed: int, cents: int) -> None:
        self._later(seed)
        waiting = [
            one
            for one in self.world.told.values()
            if M1 not in dict(self.world.project(one.name).reached)
        ]
        self.world.commission(self.world.chance.pick(waiting or [self._told()]), cents)

    @rule(seed=seeds)
    def case(self, seed: int) -> None:
        self._later(seed)
        told = self._told()
        acts = (portfolio.open_compliance_case, portfolio.open_stip)
        ends = (portfolio.close_compliance_case, portfolio.close_stip)
        self.world.case(told, self.world.chance.pick(acts))
        if not (self.is_in_run or self.world.chance.one_in(3)):
            for end in ends:
                self.world.case(told, end)

    @rule(seed=seeds, cents=cents)
    def comply(self, seed: int, cents: int) -> None:
        self._later(seed)
        self.world.comply(self._told(), cents)

    @rule(owner=st.sampled_from(OWNERS), cents=cents, seed=seeds)
    def service(self, owner: str, cents: int, seed: int) -> None:
        self._later(seed)
        self.world.service(owner, cents)

    @rule(owner=st.sampled_from(OWNERS), cents=cents, sign=st.sampled_from((1, 1, -1)), seed=seeds)
    def offset(self, owner: str, cents: int, sign: int, seed: int) -> None:
        self._later(seed)
        self.world.offset(owner, cents * sign)

    @rule(seed=seeds)
    def extend(self, seed: int) -> None:
        self._later(seed)
        waiting = [
            one
            for one in self.world.told.values()
            if not one.is_cancelled
            and M1 in dict(self.world.project(one.name).reached)
            and M2 not in dict(self.world.project(one.name).reached)
        ]
        small = [one for one in waiting if 10 * one.shares[M1] <= self.world.backlog(one.owner)]
        told = self.world.chance.pick(small or waiting or [self._told()])
        ends = self.world.clock_ends(told)
        if ends is not None and self.world.chance.one_in(3):  # it asks when it is nearly too late
            late = datetime.combine(ends, time(12), ET) + self.world.chance.pick((0, 1, 9)) * DAY
            self._until(max(late, self.world.now))
        self.world.extend(told)

    @rule(
        seed=seeds,
        acts=st.lists(
            st.sampled_from(("order", "ship", "bill", "final", "final", "void", "in", "out")),
            min_size=1,
            max_size=5,
        ),
        cents=cents,
    )
    def vendor(self, seed: int, acts: list[str], cents: int) -> None:
        self._later(seed)
        told = self._told(direct=True)
        choices = {"in": direct_pay.opt_in, "out": direct_pay.opt_out}
        for number, what in enumerate(acts):
            if what in choices:
                self.world.choose(told, choices[what])
            else:
                self.world.vendor(told, what, cents + number)
            if self.world.chance.one_in(3):
                self._until(self.world.now + self.world.chance.pick((HOUR, 5 * DAY, 16 * DAY)))

    @precondition(lambda self: not self.world.is_priced)
    @rule(seed=seeds)
    def prices(self, seed: int) -> None:
        self._later(seed)
        if self.world.chance.one_in(2):
            self.world.import_prices()

    @rule(
        seed=seeds,
        between=st.sampled_from(
            ("", "case", "case", "revoke", "cancel", "comply", "offset", "reach")
        ),
        send=st.sampled_from((True, True, True, False)),
        settle=st.booleans(),
    )
    def run(self, seed: int, between: str, send: bool, settle: bool) -> None:
        self._later(seed)
        upcoming = window_of(self.world.now).cut_off_at
        for _ in range(self.world.chance.pick((0, 1, 3))):
            self._next(self._told())
        self.world.pass_to(upcoming + self.world.chance.below(30) * HOUR)
        self.world.release()
        self.world.may_hold = False
        acts = {
            "revoke": lambda: self.revoke(seed + 1),
            "cancel": lambda: self.cancel(seed + 1),
            "case": lambda: self.case(seed + 1),
            "comply": lambda: self.comply(seed + 1, 999),
            "offset": lambda: self.offset("P-A", 150_00, 1, seed + 1),
            "reach": lambda: self.reach(seed + 1),
        }
        self.is_in_run = True
        self.world.run(between=acts.get(between), send=send, settle=settle)
        self.is_in_run, self.world.may_hold = False, True

    @rule(seed=seeds)
    def send_and_settle(self, seed: int) -> None:
        self._later(seed)
        for stored in self.world.records.find(FundingRun, by="programme", value=COMFORT):
            self.world.send(stored.record.id)
            self.world.settle(stored.record.id)

    @rule(seed=seeds, code=st.sampled_from(("R03", "R06", "R24", "R10", "C01", "R61")))
    def bank_returns(self, seed: int, code: str) -> None:
        self._later(seed)
        lines = self.world.lines()
        if lines:
            self.world.return_(self.world.chance.pick(lines[-6:]), code)

    @rule(seed=seeds)
    def call_back(self, seed: int) -> None:
        self._later(seed)
        lines = self.world.lines()
        if lines:
            self.world.call_back(self.world.chance.pick(lines[-4:]))

    @rule(seed=seeds, whose=st.sampled_from(("partner", "bank")))
    def assign(self, seed: int, whose: str) -> None:
        self._later(seed)
        waiting = [one for one in self.world.lines() if one.return_code in {"R24", "reversed"}]
        if waiting:
            self.world.assign(self.world.chance.pick(waiting), whose)
        self.world.review()

    @rule(owner=st.sampled_from(OWNERS), seed=seeds)
    def new_account(self, owner: str, seed: int) -> None:
        self._later(seed)
        partner = self.world.records.load(type(self.world.partners[0]), owner).record
        if partner.bank_account_blocked or self.world.chance.one_in(3):
            self.world.new_account(owner)

    @rule(seed=seeds, how=st.sampled_from(("paid_by_check", "wire", "written_off")))
    def settle_by_hand(self, seed: int, how: str) -> None:
        self._later(seed)
        debts = [one.record for one in self.world.records.find(Deduction, by="state", value="open")]
        if debts:
            debt = self.world.chance.pick(debts)
            some = self.world.chance.pick((debt.open.cents, 1 + debt.open.cents // 2))
            self.world.settle_by_hand(debt, min(some, debt.open.cents), how)

    @rule(
        hours=st.sampled_from((1, 7, 24, 72, 200, 24 * 15, 24 * 40)),
        asleep=st.sampled_from((False, False, False, True)),
        seed=seeds,
    )
    def wait(self, hours: int, asleep: bool, seed: int) -> None:
        self._later(seed)
        end = self.world.now + timedelta(hours=hours)
        if asleep:
            self.world.pass_to(end, asleep=True)
        self._until(end)

    # ---------------------------------------------------------------- what always holds
    @invariant()
    def books_are_right(self) -> None:
        world = self.world
        world.look()
        verified = process.verify_books(
            world.records, world.documents, partners=world.partners, programmes=(COMFORT,)
        )
        assert not verified.problems
        assert not sum(one.cents for one in verified.balances.values())
        for owner in OWNERS if not world.held else ():
            assert world.position(owner) == world.worth(owner), owner

    @invariant()
    def nobody_is_paid_twice(self) -> None:
        world = self.world
        lines = world.lines()
        for owner in OWNERS:
            plans = [
                one for one in world.of_partner(RunPlan, owner) if one.state is PlanState.COMMITTED
            ]
            paid = Counter(item.id for plan in plans for item in plan.payables)
            assert not paid or max(paid.values()) == 1
            taken = Counter()
            for plan in plans:
                assert plan.net >= ZERO
                assert plan.net.cents == plan.gross.cents - sum(
                    one.applied.cents for one in plan.deductions
                )
                assert bool(plan.net) == bool(plan.trace_number)
                for one in plan.deductions:
                    taken[one.id] += one.applied.cents
            for item in world.of_partner(Payable, owner):
                assert (item.state in ("planned", "paid")) == (item.id in paid), item.id
            for debt in world.of_partner(Deduction, owner):
                runs = sum(
                    one.amount.cents
                    for one in debt.applications
                    if not one.run_id.startswith("PRO-")
                )
                assert runs == taken[debt.id]
                assert debt.open >= ZERO
                assert debt.open + debt.recovered + debt.dropped == debt.raised
                assert (debt.state == "open") == bool(debt.open)
            out = sum(
                one.amount.cents for one in lines if one.partner_id == owner and not one.return_code
            )
            books = world.balances(owner)
            left = -(books["ach_in_transit"] + books["bank_cash"])
            assert left == out + world.kept_by_bank[owner] - world.by_hand[owner]
        assert len(set(world.bank.delivered)) == len(world.bank.delivered)

    @invariant()
    def projects_keep_their_limits(self) -> None:
        world = self.world
        for told in world.told.values():
            back = sum(
                (one.raised - one.dropped).cents
                for one in world.of_project(Deduction, told.name)
                if one.kind in TAKES_BACK
            )
            billed = sum(one.cents for one in told.bills)
            assert back <= world.taken_for(told.name) + billed + told.commission, told.name
            assert world.left(told.name) >= 0 or told.is_cancelled
            if told.is_cancelled and not world.held:
                waiting = world.of_project(Payable, told.name)
                assert not [one.id for one in waiting if one.state == "open"], told.name

    def teardown(self) -> None:
        for name in self.world.acts:
            REACHED[name] += 1
        REACHED["lives"] += 1
        REACHED["acts"] += self.world.acts.total()
        REACHED["days"] += (self.world.now - START).days
        REACHED["entries"] += sum(len(self.world.of_partner(LedgerEntry, one)) for one in OWNERS)


def live(numbers: Iterable[int], *, lives: int, steps: int, shrinks: bool = True) -> Counter:
    """Live so many lives for each number; give in how many of them each act was reached."""
    REACHED.clear()
    for number in numbers:
        run_state_machine_as_test(
            seeded(number)(partial(Life, number)),
            settings=settings(
                max_examples=lives,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                print_blob=True,
                phases=[one for one in Phase if shrinks or one is Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
    return Counter(REACHED)


@pytest.mark.rule("F25")
def test_a_cancellation_believes_no_state_that_an_index_shows():
    """What it changed itself is not changed again while an index shows it as it was."""
    world = Months(lags=False)
    world.may_hold = False
    world.register("P-C", value=VALUES[1], plan=PLANS[0], basis=APPROVED, inverter="plain")
    (told,) = world.told.values()
    for milestone in (NTP, SUBMITTED, APPROVED):
        world.reach(told, milestone)
    world.vendor(told, "final", 150_00)
    world.pass_to(window_of(world.now).cut_off_at + HOUR)
    world.run()
    world.vendor(told, "void", 0)
    (credit,) = (one for one in world.of_project(Payable, told.name) if one.milestone == "credit")
    assert credit.state == "open"
    asked = portfolio.propose_cancellation(
        world.records,
        project_id=told.name,
        reason=portfolio.CancellationReason.CUSTOMER,
        because="the customer moved",
        at=world.now,
        by="ana",
    )
    ended = portfolio.agree_cancellation(
        world.records, proposal_id=asked.id, at=world.now, by="bob"
    )
    assert ended.cancelled
    world.now += HOUR
    world.records.begin(lags=True, at=world.now)
    process.project_cancelled(world.records, project_id=told.name, at=world.now)
    world.end()
    assert world.records.load(Payable, credit.id).record.state == "open"
    assert world.position("P-C") == 0
    assert not process.verify_books(
        world.records, world.documents, partners=world.partners, programmes=(COMFORT,)
    ).problems


RARELY, OFTEN, ALWAYS = 1, 8, 30
SHARE = {
    ALWAYS: (
        "reached_M1 run sent settled carried came_late prepared_in_the_dark "
        "killed killed_in_message killed_in_timer woken_clawback_due woken_ntp_due woken_debt_due"
    ),
    OFTEN: (
        "reached_M2 cancelled warranty_raised clawback_raised act_before_commit sending_unsure "
        "commission_prepaid compliance_offset open_compliance_case service_invoice back_bill "
        "credit vendor_final bill_charged"
    ),
    RARELY: (
        "reinstated priced_later revoked_NTP revoked_M1 revoked_M2 extension_granted "
        "extension_denied extension_withdrawn refused_exposure_cap withdrawn_in_time "
        "opt_out charged_bill_void return_R03 return_R06 return_R10 return_R24 called_back "
        "bank_file assigned_partner released bank_change_agreed settled_paid_by_check "
        "settled_written_off "
        "woken_material_approve_due woken_material_submit_due woken_extension_ended"
    ),
}
"""In how many lives of forty an act is reached at least: none is in here for show."""


@pytest.mark.slow
@pytest.mark.rule("D01")
@pytest.mark.rule("D14")
@pytest.mark.rule("F16")
def test_through_months_of_everything_each_partner_has_what_it_should_have():
    reached = live(range(8), lives=5, steps=50)
    missed = [
        (name, reached[name])
        for least, names in SHARE.items()
        for name in names.split()
        if reached[name] < least
    ]
    assert not missed
