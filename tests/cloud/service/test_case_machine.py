"""Random lives of cases: no illegal step, no lost event, no second open case, nothing twice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict
from cloud.portfolio.models import Site
from cloud.service import process
from cloud.service.models import (
    Case,
    CaseOwner,
    CaseSlot,
    CaseState,
    EmergencyCategory,
    ReportedFamily,
)
from cloud.service.process.saving import orders_of
from cloud.service.verification import evaluations
from tests.cloud.service.case_world import (
    DESKS,
    MONDAY,
    SURE,
    a_world,
    case_of,
    everything,
    has_worked,
    look,
    put,
    swept,
)

LEGAL = {
    CaseState.OPEN: {
        CaseState.WORK_ORDERED,
        CaseState.VERIFYING,
        CaseState.WITH_OMNIDIAN,
        CaseState.RESOLVED,
        CaseState.CANCELLED,
    },
    CaseState.WITH_OMNIDIAN: {CaseState.OPEN, CaseState.RESOLVED, CaseState.CANCELLED},
    CaseState.WORK_ORDERED: {CaseState.VERIFYING, CaseState.CANCELLED},
    CaseState.VERIFYING: {
        CaseState.WORK_ORDERED,
        CaseState.OPEN,
        CaseState.RESOLVED,
        CaseState.CANCELLED,
    },
    CaseState.RESOLVED: {
        CaseState.CLOSED,
        CaseState.OPEN,
        CaseState.WORK_ORDERED,
        CaseState.WITH_OMNIDIAN,
    },
    CaseState.CLOSED: {CaseState.OPEN, CaseState.WORK_ORDERED, CaseState.WITH_OMNIDIAN},
    CaseState.CANCELLED: set(),
}
"""Written anew from the table of a case's states, and not from the code."""

FAMILIES = ("PRODUCTION", "INVERTER")
STEPS = st.sampled_from([timedelta(minutes=1), timedelta(hours=5), timedelta(days=2)])


class Behind:
    """The records as somebody sees them who loaded a case a moment too early."""

    def __init__(self, records: MemoryRecords, case_id: str) -> None:
        self._records = records
        self._key = (Case, case_id)
        self._stored = records.load(Case, case_id)

    def load(self, kind: type[Any], record_id: str) -> Any:
        if (kind, record_id) == self._key:
            return self._stored
        return self._records.load(kind, record_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)


class Lives(RuleBasedStateMachine):
    """One home with two kinds of trouble, and everybody who has a say in them."""

    @initialize(is_onboarded=st.booleans())
    def begin(self, is_onboarded: bool) -> None:
        self.records = a_world(omnidian_onboarded=is_onboarded)
        self.now = MONDAY
        self.count = 0
        self.seen: dict[str, CaseState] = {}
        self.told = 0

    # ------------------------------------------------------------------ what happens
    @rule(step=STEPS)
    def time_passes(self, step: timedelta) -> None:
        self.now += step

    @rule(is_onboarded=st.booleans())
    def contract_changes(self, is_onboarded: bool) -> None:
        site = self.records.load(Site, "site-1").record
        put(self.records, replace(site, omnidian_onboarded=is_onboarded))

    @rule(
        family=st.sampled_from(FAMILIES),
        is_sure=st.booleans(),
        hazard=st.sampled_from(["", "", "", "thermal_event"]),
    )
    def is_found(self, family: str, is_sure: bool, hazard: str) -> None:
        self.count += 1
        finding = replace(
            SURE,
            id=f"F-{self.count}",
            family=family,
            dispatchable=is_sure,
            hazard=hazard,
            opened_on=self.now.date(),
        )
        self.done(
            lambda records: process.take_up(records, finding=finding, at=self.now, desks=DESKS)
        )

    @rule(family=st.sampled_from(ReportedFamily), says=st.sampled_from(["it hums", "it is dark"]))
    def is_reported(self, family: ReportedFamily, says: str) -> None:
        facts = {"source": "phone", "site_id": "site-1", "family": family, "says": says}
        people = {"reported_by": "somebody", "contact": "555", "by": "desk", "desks": DESKS}
        self.done(lambda records: process.report(records, at=self.now, **facts, **people))

    @rule(family=st.sampled_from(FAMILIES))
    def recovers(self, family: str) -> None:
        facts = {"site_id": "site-1", "family": family, "at": self.now}
        self.done(lambda records: process.record_recovery(records, **facts), events=(0, 1, 2))

    # ------------------------------------------------------------------ what people decide
    @precondition(lambda self: bool(self.cases()))
    @rule(
        data=st.data(),
        command=st.sampled_from(
            [
                "advise",
                "cancel",
                "confirm",
                "disagree",
                "escalate",
                "fix",
                "hand_over",
                "return",
                "update",
                "visit",
                "visit",
            ]
        ),
    )
    def decide(self, data: Any, command: str) -> None:
        case = data.draw(st.sampled_from(self.cases()))
        facts = {"case_id": case.id, "at": self.now, "by": "ams"}
        words = f"word {data.draw(st.integers(0, 1))}"
        category = data.draw(st.sampled_from(EmergencyCategory))
        commands: dict[str, Callable[[Any], Any]] = {
            "advise": lambda records: process.advise_customer(records, code="vegetation", **facts),
            "cancel": lambda records: process.cancel(records, because=words, **facts),
            "confirm": lambda records: process.customer_confirms(records, says=words, **facts),
            "disagree": lambda records: process.customer_disagrees(records, says=words, **facts),
            "escalate": lambda records: process.escalate_emergency(
                records, category=category, reason=words, desks=DESKS, **facts
            ),
            "fix": lambda records: process.remote_fix(records, says=words, **facts),
            "hand_over": lambda records: process.hand_over(records, desks=DESKS, **facts),
            "return": lambda records: process.returned(records, because=words, **facts),
            "update": lambda records: process.external_update(
                records, reference="OM-1", status=words, **facts
            ),
            "visit": lambda records: process.require_site_visit(
                records, scope=(), instructions=words, spc_id="spc_1", **facts
            ),
        }
        self.done(commands[command], about=case.id)

    @precondition(lambda self: self.any_in(CaseState.WORK_ORDERED))
    @rule()
    def work_is_done(self) -> None:
        for case in self.cases():
            if case.state is CaseState.WORK_ORDERED:
                has_worked(self.records, case, self.now)

    @rule(told=st.sampled_from([(), (), ("PRODUCTION",)]), count=st.integers(1, 6))
    def evaluations_pass(self, told: tuple[str, ...], count: int) -> None:
        ahead = list(evaluations(self.now, self.now + timedelta(days=3), -5))[:count]
        for instant in ahead:
            swept(self.records, instant, told=told)
            look(self.records, instant + timedelta(hours=1))
            self.moved()
        self.now = ahead[-1] + timedelta(hours=1)

    @precondition(lambda self: self.any_in(CaseState.VERIFYING))
    @rule()
    def the_readings_are_well(self) -> None:
        self.evaluations_pass(told=(), count=6)

    @precondition(lambda self: self.any_in(CaseState.RESOLVED))
    @rule(is_sure=st.booleans())
    def it_comes_again(self, is_sure: bool) -> None:
        one = next(case for case in self.cases() if case.state is CaseState.RESOLVED)
        self.is_found(family=one.family, is_sure=is_sure, hazard="")

    @rule()
    def a_fortnight_passes(self) -> None:
        self.now += timedelta(days=14)
        look(self.records, self.now)

    # ------------------------------------------------------------------ what must hold
    def cases(self) -> list[Case]:
        found = self.records.find(Case, by="site_id", value="site-1")
        return [one.record for one in found]

    def any_in(self, state: CaseState) -> bool:
        return any(one.state is state for one in self.cases())

    def events(self) -> int:
        return sum(len(self.records.history(one.id)) for one in self.cases())

    def done(
        self,
        command: Callable[[Any], Any],
        *,
        events: tuple[int, ...] = (0, 1),
        about: str = "",
    ) -> None:
        """Do something: it leaves one event or nothing; again, it leaves nothing at all.

        No two things happen in the same instant: what is alike in all and at once is one event.
        """
        before, count = everything(self.records), self.events()
        behind = Behind(self.records, about) if about else None
        answer = command(self.records)
        after = everything(self.records)
        has_changed = after != before
        if isinstance(answer, Refused):
            assert not has_changed
        assert self.events() - count in (events if has_changed else (0,))
        if has_changed:
            assert self.events() > count
        again = command(self.records)
        assert everything(self.records) == after
        assert isinstance(answer, Refused) or again == answer
        if behind is not None and has_changed:
            with pytest.raises(Conflict):
                command(behind)
            assert everything(self.records) == after
        self.now += timedelta(seconds=1)

    @invariant()
    def moved(self) -> None:
        for case in self.cases():
            before = self.seen.get(case.id, case.state)
            assert case.state is before or case.state in LEGAL[before], (before, case.state)
            self.seen[case.id] = case.state

    @invariant()
    def at_most_one_case_is_open_in_a_slot(self) -> None:
        open_in: dict[str, list[str]] = {}
        for case in self.cases():
            if case.is_open:
                open_in.setdefault(f"{case.site_id}#{case.family}", []).append(case.id)
        for slot, ids in open_in.items():
            (one,) = ids
            assert self.records.load(CaseSlot, slot).record.case_id == one

    @invariant()
    def a_state_says_what_it_means(self) -> None:
        for case in self.cases():
            assert (case.resolved_at is not None) is (
                case.state in {CaseState.RESOLVED, CaseState.CLOSED}
            )
            assert (case.closed_at is not None) is (case.state is CaseState.CLOSED)
            assert case.visited_at is None or case.state not in {
                CaseState.OPEN,
                CaseState.WORK_ORDERED,
            }
            if case.state is CaseState.WITH_OMNIDIAN:
                assert case.owner is CaseOwner.OMNIDIAN
            if not case.is_open or case.state in {CaseState.WORK_ORDERED, CaseState.WITH_OMNIDIAN}:
                assert case.task is None
            assert case.checks == () or case.visited_at is not None

    @invariant()
    def nobody_works_on_a_case_that_is_over(self) -> None:
        for case in self.cases():
            is_going_on = any(one.record.is_open for one in orders_of(self.records, case.id))
            assert is_going_on is (case.state is CaseState.WORK_ORDERED)

    @invariant()
    def no_event_is_ever_lost(self) -> None:
        assert self.events() >= self.told
        self.told = self.events()


Lives.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLives = Lives.TestCase


@pytest.mark.rule("C-01")
def test_the_table_of_states_is_whole():
    assert set(LEGAL) == set(CaseState)


def test_a_life_from_the_first_sign_to_the_end():
    """The longest way through, said once by hand: the machine is not the only witness."""
    records = a_world()
    case = process.take_up(records, finding=SURE, at=MONDAY, desks=DESKS)
    has_worked(records, case, MONDAY)
    for instant in list(evaluations(MONDAY, MONDAY + timedelta(days=2), -5))[:4]:
        swept(records, instant)
        look(records, instant + timedelta(hours=1))
    assert case_of(records, case.id).state is CaseState.RESOLVED
    look(records, MONDAY + timedelta(days=30))
    assert case_of(records, case.id).state is CaseState.CLOSED
    assert [one.what for one in records.history(case.id)] == [
        "case_opened",
        "case_resolved",
        "case_closed",
    ]
