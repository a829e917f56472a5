"""Random commands at random times against one work order: what must hold after each of them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.calendar import holidays
from cloud.kernel.change import Change, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict, NotFound
from cloud.kernel.money import Money
from cloud.portfolio.organisation import Certification, Technician
from cloud.service import process
from cloud.service.clocks import clock_of
from cloud.service.models import Case, Coordinator, WorkOrder, WorkOrderState
from cloud.service.offer import AssignmentState
from cloud.service.sla import ClockState, SlaMilestone
from tests.cloud.service.test_service_process import FINDING, MONDAY, SITE, partner

EASTERN = ZoneInfo("America/New_York")
PARTNERS = ("orig", "other", "third")
LATE = {ClockState.OVERDUE, ClockState.MET_LATE}
LIVE = {
    AssignmentState.OFFERED,
    AssignmentState.ACCEPTED,
    AssignmentState.AWAITING_SPEND_APPROVAL,
}
S = WorkOrderState
LEGAL = {
    S.OFFERED: {
        S.OFFERED,
        S.CONTACT_FAILED,
        S.REASSIGNABLE,
        S.MANUAL_DISPATCH,
        S.AWAITING_SPEND,
        S.ACCEPTED,
        S.CANCELLED,
    },
    S.CONTACT_FAILED: {
        S.OFFERED,
        S.MANUAL_DISPATCH,
        S.AWAITING_SPEND,
        S.ACCEPTED,
        S.CANCELLED,
    },
    S.REASSIGNABLE: {
        S.OFFERED,
        S.CONTACT_FAILED,
        S.MANUAL_DISPATCH,
        S.AWAITING_SPEND,
        S.ACCEPTED,
        S.CANCELLED,
    },
    S.MANUAL_DISPATCH: {S.OFFERED, S.CANCELLED},
    S.AWAITING_SPEND: {
        S.ACCEPTED,
        S.SPEND_REJECTED,
        S.OFFERED,
        S.MANUAL_DISPATCH,
        S.CANCELLED,
    },
    S.SPEND_REJECTED: {
        S.ACCEPTED,
        S.AWAITING_SPEND,
        S.OFFERED,
        S.MANUAL_DISPATCH,
        S.CANCELLED,
    },
    S.ACCEPTED: {
        S.SCHEDULING,
        S.SCHEDULED,
        S.ON_SITE,
        S.OFFERED,
        S.MANUAL_DISPATCH,
        S.CANCELLED,
    },
    S.SCHEDULING: {S.SCHEDULED, S.ON_SITE, S.OFFERED, S.MANUAL_DISPATCH, S.CANCELLED},
    S.SCHEDULED: {S.ON_SITE, S.OFFERED, S.MANUAL_DISPATCH, S.CANCELLED},
    S.ON_SITE: {S.SCHEDULING, S.AWAITING_REPORT},
    S.AWAITING_REPORT: set(),
    S.CANCELLED: set(),
}
WHAT = {
    "acknowledge": "acknowledged",
    "accept": "accepted",
    "decline": "declined",
    "contact_attempt": "contact_attempted",
    "schedule_visit": "visit_scheduled",
    "arrived": "arrived",
    "departed": "departed",
    "pause": "paused",
    "resume": "resumed",
    "request_spend": "spend_requested",
    "approve_spend": "spend_approved",
    "reject_spend": "spend_rejected",
    "reassign": "reassigned",
    "withdraw": "withdrawn",
    "cancel_order": "cancelled",
    "resend_offer": "offered_again",
    "confirm_pause": "pause_confirmed",
    "reject_pause": "pause_rejected",
    "grant_pause": "pause_granted",
    "question": "question_asked",
    "answer_question": "question_answered",
    "record_phone_call": "phoned",
    "assign": "offered",
}
"""The event that an accepted command leaves, exactly once."""


class OrderMachine(RuleBasedStateMachine):
    @initialize(
        is_emergency=st.booleans(), warranty=st.sampled_from([date(2034, 5, 1), date(2025, 1, 1)])
    )
    def begins(self, is_emergency, warranty):
        self.records = MemoryRecords()
        self.now = MONDAY.astimezone(UTC)
        spc = Coordinator("spc_1", "Sam", "spc@owner.example")
        site = replace(SITE, workmanship_until=warranty)
        held = (Certification("Enphase", "E-1", date(2027, 1, 1)),)
        jo = Technician("T-1", "orig", "Jo", held)
        kept = [site, spc, jo, *map(partner, PARTNERS)]
        self.records.commit(Change(saves=tuple(map(Save, kept))))
        for one in PARTNERS:
            process.enlist(self.records, partner_id=one, at=self.now, by="rm")
        hazard = "thermal_event" if is_emergency else ""
        finding = replace(FINDING, hazard=hazard)
        case = process.take_up(self.records, finding=finding, at=self.now, spc_id="spc_1")
        (stored,) = self.records.find(WorkOrder, by="case_id", value=case.id)
        self.number = stored.record.id
        self.seen = len(self.history())

    # ------------------------------------------------------------------ what is looked at
    @property
    def order(self) -> WorkOrder:
        return self.records.load(WorkOrder, self.number).record

    def history(self):
        return self.records.history(self.number)

    def everything(self):
        kept = self.records
        return (
            dict(kept._records),
            {name: tuple(log) for name, log in kept._history.items()},
            dict(kept.letters),
            dict(kept.timers),
        )

    # ------------------------------------------------------------------ how a command is given
    def give(self, name, **arguments):
        """Give a command, and the same one again: the second time changes nothing."""
        self.now += timedelta(seconds=1)
        before, log = self.order, list(self.history())
        command = getattr(process, name)
        given = {"work_order_id": self.number, "at": self.now, "by": "jo", **arguments}
        whole = self.everything()
        try:
            answer = command(self.records, **given)
        except NotFound:
            assert self.everything() == whole
            return
        told = [one for one in self.history() if one not in log]
        assert all(one in self.history() for one in log), "an event was lost"
        if isinstance(answer, Refused):
            assert self.everything() == whole, f"{name} was refused and changed something"
            return
        after = self.order
        self.legal(before, after)
        if after != before:
            assert [one.what for one in told].count(WHAT[name]) == 1, (name, told)
        if name != "assign" or after.state is S.OFFERED:
            self.again(command, given, after)

    def again(self, command, given, after):
        # After a decline, a withdrawal or a reassignment the order is another partner's: the same
        # words would be about that one. Everything else is a repetition.
        if command.__name__ in {"reassign", "withdraw", "answer_question", "resend_offer"}:
            return
        whole = self.everything()
        answer = command(self.records, **given)
        assert self.everything() == whole, f"{command.__name__} twice"
        assert isinstance(answer, WorkOrder | Refused)

    def legal(self, before, after):
        if before.state is not after.state:
            assert after.state in LEGAL[before.state], (before.state, after.state)

    # ------------------------------------------------------------------ time
    @rule(
        hours=st.sampled_from([0.25, 1, 7, 24, 30, 72, 200]),
        minute=st.integers(0, 59),
    )
    def time_passes(self, hours, minute):
        until = self.now + timedelta(hours=hours, minutes=minute)
        while True:
            due = sorted(self.records.timers.values(), key=lambda one: (one.due_at, one.id))
            due = [one for one in due if one.due_at <= until and one.subject == self.number]
            if not due:
                break
            self.now = max(self.now, due[0].due_at.astimezone(UTC))
            self.wake(due[0])
        self.now = until

    def wake(self, timer: Timer):
        before = self.order
        self.records.timers.pop(timer.id)
        process.wake(self.records, timer=timer, at=self.now)
        self.legal(before, self.order)
        whole = self.everything()
        process.wake(self.records, timer=timer, at=self.now)
        assert self.everything() == whole, "a timer that fires twice does it twice"

    @rule()
    def is_delivered(self):
        offer = self.order.assignment
        if offer is not None:
            before = self.order
            process.record_delivery(
                self.records,
                thread=self.number,
                letter_id=offer.letter_id,
                delivered_at=self.now,
            )
            self.legal(before, self.order)

    @rule()
    def bounces(self):
        offer = self.order.assignment
        if offer is not None:
            before = self.order
            process.record_bounce(
                self.records, thread=self.number, letter_id=offer.letter_id, at=self.now
            )
            self.legal(before, self.order)

    # ------------------------------------------------------------------ what partners do
    @rule(who=st.sampled_from([*PARTNERS, "nobody"]))
    def acknowledges(self, who):
        self.give("acknowledge", partner_id=who)

    @rule(who=st.sampled_from(PARTNERS), cents=st.sampled_from([0, 50_000, 50_001, 90_000]))
    def accepts(self, who, cents):
        self.give("accept", partner_id=who, estimate=Money(cents))

    @rule(cents=st.sampled_from([0, 60_000]))
    def who_has_it_accepts(self, cents):
        if self.order.partner_id:
            self.give("accept", partner_id=self.order.partner_id, estimate=Money(cents))

    @rule(who=st.sampled_from(PARTNERS))
    def declines(self, who):
        self.give("decline", partner_id=who, reason="no crew")

    @rule()
    def tries_to_reach_the_homeowner(self):
        self.give(
            "contact_attempt",
            partner_id=self.order.partner_id or "orig",
            channel="phone",
            outcome="no answer",
        )

    @rule(hours=st.sampled_from([1, 20, 100]), who=st.sampled_from(["Jo", "T-1", "Mo"]))
    def agrees_on_a_visit(self, hours, who):
        since = self.now + timedelta(hours=hours)
        self.give(
            "schedule_visit",
            partner_id=self.order.partner_id or "orig",
            since=since,
            until=since + timedelta(hours=2),
            technician=who,
        )

    @rule(who=st.sampled_from(["", "Jo"]))
    def arrives(self, who):
        self.give(
            "arrived",
            partner_id=self.order.partner_id or "orig",
            arrived_at=self.now,
            technician=who,
        )

    @rule(is_finished=st.booleans())
    def departs(self, is_finished):
        self.give(
            "departed",
            partner_id=self.order.partner_id or "orig",
            departed_at=self.now,
            is_finished=is_finished,
        )

    @rule(
        reason=st.sampled_from(["weather", "homeowner_unresponsive", "multi_visit"]),
        back=st.sampled_from([0, 3, 30]),
    )
    def pauses(self, reason, back):
        self.give(
            "pause",
            partner_id=self.order.partner_id or "orig",
            reason=reason,
            evidence="seen",
            since=self.now - timedelta(hours=back),
        )

    @rule(reason=st.sampled_from(["weather", "homeowner_unresponsive"]))
    def resumes(self, reason):
        self.give("resume", partner_id=self.order.partner_id or "orig", reason=reason)

    @rule(cents=st.sampled_from([40_000, 70_000, 120_000]))
    def asks_for_more(self, cents):
        partner_id = self.order.partner_id or "orig"
        self.give("request_spend", partner_id=partner_id, amount=Money(cents))

    @rule(text=st.sampled_from(["where is the key?", "which string?"]))
    def asks(self, text):
        self.give("question", partner_id=self.order.partner_id or "orig", text=text)

    @rule(steps=st.integers(1, 5), is_finished=st.booleans())
    def things_go_well(self, steps, is_finished):
        """Take the next steps of work that nothing hinders, so that its end is reached too."""
        for _ in range(steps):
            order = self.order
            own = {"partner_id": order.partner_id or "orig"}
            if order.state in {S.OFFERED, S.REASSIGNABLE, S.CONTACT_FAILED}:
                self.give("accept", estimate=Money(0), **own)
            elif order.state in {S.ACCEPTED, S.SCHEDULING}:
                since = self.now + timedelta(hours=30)
                until = since + timedelta(hours=2)
                self.give("schedule_visit", since=since, until=until, technician="Jo", **own)
            elif order.state is S.SCHEDULED:
                self.give("arrived", arrived_at=self.now, **own)
            elif order.state is S.ON_SITE:
                self.give("departed", departed_at=self.now, is_finished=is_finished, **own)

    # ------------------------------------------------------------------ what the owner does
    @rule(cents=st.sampled_from([70_000, 120_000]))
    def approves(self, cents):
        self.give("approve_spend", max_total=Money(cents), is_written=True)

    @rule()
    def rejects_the_cost(self):
        self.give("reject_spend", reason="too much")

    @rule(number=st.integers(0, 3))
    def confirms(self, number):
        self.give("confirm_pause", number=number)

    @rule(number=st.integers(0, 3))
    def rejects_a_pause(self, number):
        self.give("reject_pause", number=number, reason="it did not rain")

    @rule(back=st.sampled_from([1, 50, 300]))
    def grants_a_pause(self, back):
        self.give(
            "grant_pause",
            reason="equipment_shipping_delay",
            evidence="carrier",
            since=self.now - timedelta(hours=back),
            until=self.now - timedelta(minutes=30),
        )

    @rule()
    def reassigns(self):
        self.give("reassign")

    @precondition(lambda self: self.order.partner_id is not None)
    @rule()
    def withdraws(self):
        self.give("withdraw", reason="another one is nearer")

    @rule(is_meant=st.sampled_from([False] * 9 + [True]))
    def cancels(self, is_meant):
        self.give("cancel_order", reason="it works again" if is_meant else " ")

    @rule()
    def resends(self):
        self.give("resend_offer")

    @rule()
    def answers(self):
        if self.order.open_questions:
            question = self.order.open_questions[0]
            self.give("answer_question", question_id=question, text="under the mat")

    @rule(outcome=st.sampled_from(["reached", "no answer"]))
    def calls(self, outcome):
        self.give("record_phone_call", outcome=outcome)

    @rule(who=st.sampled_from(PARTNERS))
    def assigns(self, who):
        self.give("assign", partner_id=who)

    @precondition(lambda self: self.order.partner_id is not None)
    @rule()
    def two_decide_at_once(self):
        """One of two that decided on the same state writes it; the other has to look again."""
        stored = self.records.load(WorkOrder, self.number)
        rival = stored.replaced_by(stored.record)
        self.records.commit(Change(saves=(rival,)))
        with pytest.raises(Conflict):
            self.records.commit(Change(saves=(rival,)))

    # ------------------------------------------------------------------ what always holds
    @invariant()
    def one_offer_stands_at_most(self):
        if not hasattr(self, "number"):
            return
        order = self.order
        live = [one for one in order.assignments if one.state in LIVE]
        assert len(live) <= 1
        if live:
            assert order.partner_id == live[0].partner_id == order.assignments[-1].partner_id
        assert (order.state is S.MANUAL_DISPATCH) == (order.partner_id is None) or (
            order.state is S.CANCELLED
        )

    @invariant()
    def the_record_of_breaches_is_what_the_log_and_the_clocks_say(self):
        if not hasattr(self, "number") or self.order.state is S.CANCELLED:
            return
        order = self.order
        offer = order.assignment
        if offer is None:
            return
        assert len(set(offer.missed)) == len(offer.missed)
        assert len(set(offer.reminded)) == len(offer.reminded)
        for milestone in SlaMilestone:
            clock = clock_of(order, milestone, now=self.now)
            is_late = clock is not None and clock.state in LATE
            if milestone in offer.missed:
                assert is_late, milestone
        log = [one.what for one in self.history()]
        for milestone in SlaMilestone:
            began = max(place for place, what in enumerate(log) if what == "offered")
            since = log[began:]
            noted = since.count(f"{milestone}_missed") - since.count(f"{milestone}_excused")
            # The log is in order of the deadlines, which may lie before the offer was withdrawn.
            assert noted <= 1
            assert (milestone in offer.missed) <= (log.count(f"{milestone}_missed") > 0)

    @invariant()
    def due_times_are_those_that_the_log_gives(self):
        """Work the deadline of completion out from the events alone, minute by minute."""
        if not hasattr(self, "number"):
            return
        order = self.order
        clock = clock_of(order, SlaMilestone.COMPLETE, now=self.now)
        if clock is None or order.work_authorized_at is None:
            return
        assert clock.deadline.due_at == recomputed(order)

    @invariant()
    def timers_wake_what_is_still_to_come(self):
        if not hasattr(self, "number"):
            return
        order = self.order
        mine = [one for one in self.records.timers.values() if one.subject == self.number]
        if order.state is S.CANCELLED:
            assert mine == []
        for milestone in SlaMilestone:
            names = [one for one in mine if one.wakes == f"{milestone}_due"]
            assert len(names) <= 1
            clock = clock_of(order, milestone, now=self.now)
            if names:
                assert clock is not None
                assert names[0].due_at == clock.deadline.due_at + timedelta(seconds=1)

    @invariant()
    def the_case_has_one_order(self):
        if hasattr(self, "number"):
            case = self.records.load(Case, self.order.case_id).record
            assert case.is_open


def working_steps(day: date) -> list[datetime]:
    """Give the start of each quarter of an hour of a working day, in UTC."""
    if day.weekday() > 4 or day in holidays("us_bank", day.year):
        return []
    opening = datetime(day.year, day.month, day.day, 8, tzinfo=EASTERN).astimezone(UTC)
    return [opening + timedelta(minutes=15 * step) for step in range(36)]


def recomputed(order: WorkOrder) -> datetime | None:
    """Give the deadline of completion another way: walk the working days and count what is free."""
    pauses = [
        (one.since.astimezone(UTC), one.until and one.until.astimezone(UTC))
        for one in order.pauses
        if not one.is_rejected
    ]
    start = order.work_authorized_at.astimezone(UTC)
    edges = {start, *(edge for pause in pauses for edge in pause if edge)}
    budget, worked = timedelta(), []
    for a, b, today in pieces(start, edges):
        worked += [today] if today not in worked else []
        if len(worked) > 11:
            break
        budget += b - a
    for a, b, _ in pieces(start, edges):
        if any(since <= a and until is None for since, until in pauses):
            return None
        if any(since <= a and b <= until for since, until in pauses if until):
            continue
        if b - a >= budget:
            return a + budget
        budget -= b - a
    raise AssertionError("working days have no end")


def pieces(start: datetime, edges: set[datetime]):
    """Give the working time from a moment on in pieces that no pause begins or ends within."""
    day = start.astimezone(EASTERN).date()
    while True:
        if steps := working_steps(day):
            closing = steps[-1] + timedelta(minutes=15)
            inner = {edge for edge in edges if steps[0] < edge < closing}
            marks = sorted({*steps, closing, *inner})
            yield from ((a, b, day) for a, b in pairwise(marks) if a >= start)
        day += timedelta(days=1)


OrderMachine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestOrderMachine = OrderMachine.TestCase
