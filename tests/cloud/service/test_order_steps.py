"""Work orders from issue to departure: each step, who may take it, and what follows from it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict
from cloud.kernel.money import Money
from cloud.portfolio.models import Licence, Partner, Site
from cloud.portfolio.organisation import (
    Certification,
    RelationshipManager,
    ServiceContact,
    Technician,
)
from cloud.portfolio.process import change_installer
from cloud.service import process
from cloud.service.clocks import (
    channels_of,
    clock_of,
    emergency_of,
    is_quiet,
    may_be_reassigned,
    reminders_of,
)
from cloud.service.models import (
    Case,
    CaseOwner,
    CaseState,
    Coordinator,
    OriginalOffer,
    Pause,
    ScopeLine,
    Task,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.offer import AssignmentState
from cloud.service.pausing import between_visits
from cloud.service.sla import ClockState, SlaMilestone
from tests.cloud.service.test_service_process import (
    FINDING,
    MONDAY,
    SITE,
    accept,
    at,
    book,
    decline,
    deliver,
    everything,
    happened,
    offered,
    partner,
    pause,
    take_up,
    the_order,
    wake,
)

LINES = (ScopeLine("electrical", "find out why string 1 makes nothing"),)


@pytest.fixture
def records():
    kept = MemoryRecords()
    partners = [partner("orig"), partner("other", performance=99), partner("third")]
    spc = Coordinator("spc_1", "Sam", "spc@owner.example")
    manager = RelationshipManager("rm_1", "Ria", "ria@owner.example", ("orig",))
    kept.commit(Change(saves=tuple(Save(one) for one in (SITE, spc, manager, *partners))))
    for one in partners:
        process.enlist(kept, partner_id=one.id, at=MONDAY, by="rm")
    return kept


def alter(records, kind, record_id, **facts):
    stored = records.load(kind, record_id)
    records.commit(Change(saves=(stored.replaced_by(replace(stored.record, **facts)),)))


def command(records, name, when=MONDAY, **arguments):
    number = the_order(records).id
    given = {"work_order_id": number, "at": when, "by": "spc_1", **arguments}
    return getattr(process, name)(records, **given)


def twice(records, name, when=MONDAY, **arguments):
    """Give a command two times; the second one changes nothing."""
    answer = command(records, name, when, **arguments)
    before = everything(records)
    assert command(records, name, when, **arguments) == answer
    assert everything(records) == before
    return answer


def to(records, address):
    return [one for one in records.letters.values() if one.to == address]


def subjects(records, word):
    return [one for one in records.letters.values() if word in one.subject]


def own(**arguments):
    return {"partner_id": "orig", "by": "orig:jo", **arguments}


# ---------------------------------------------------------------------- issue
def open_case(records) -> Case:
    return take_up(records, replace(FINDING, dispatchable=False))


def issue(records, case, when=MONDAY, **facts):
    given = {
        "scope_lines": LINES,
        "instructions": "nothing comes from string 1",
        "is_workmanship_suspected": False,
        "not_to_exceed": None,
        "by": "spc_1",
        **facts,
    }
    return process.issue(records, case_id=case.id, at=when, **given)


@pytest.mark.rule("A-81")
def test_a_coordinator_issues_a_work_order_in_writing(records):
    case = open_case(records)
    order = issue(records, case)
    assert (order.scope, order.scope_lines) == (("electrical",), LINES)
    assert (order.spc_id, order.issued_by, order.time_zone) == (
        "spc_1",
        "spc_1",
        "America/New_York",
    )
    assert order.partner_id == "other"
    assert records.load(Case, case.id).record.state is CaseState.WORK_ORDERED
    assert happened(records, order.id) == ["issued", "offered"]
    before = everything(records)
    assert issue(records, case) == order
    assert everything(records) == before
    assert issue(records, case, instructions="something else").code == "conflict"


@pytest.mark.rule("A-81")
@pytest.mark.parametrize(
    ("facts", "code"),
    [
        pytest.param({"scope_lines": ()}, "scope_missing", id="no line"),
        pytest.param({"scope_lines": (ScopeLine("a", " "),)}, "scope_missing", id="an empty line"),
        pytest.param({"scope_lines": (ScopeLine("", "b"),)}, "scope_missing", id="no code"),
        pytest.param({"instructions": " "}, "scope_missing", id="no words"),
        pytest.param({"not_to_exceed": Money(49_999)}, "below_limit", id="below the limit"),
        pytest.param(
            {"not_to_exceed": Money(500_001)}, "second_person_needed", id="more than one may give"
        ),
    ],
)
def test_what_a_work_order_lacks_is_told(records, facts, code):
    case = open_case(records)
    before = everything(records)
    assert issue(records, case, **facts).code == code
    assert everything(records) == before


@pytest.mark.rule("A-81")
@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"owner": CaseOwner.OMNIDIAN}, id="the support center's"),
        pytest.param({"state": CaseState.RESOLVED}, id="one that is over"),
    ],
)
def test_nobody_is_sent_for_a_case_that_is_not_ours_to_mend(records, facts):
    case = open_case(records)
    alter(records, Case, case.id, **facts)
    assert issue(records, case).code == "conflict"


@pytest.mark.rule("I-62")
@pytest.mark.parametrize(
    ("cents", "approvals", "state"),
    [
        pytest.param(50_000, 0, WorkOrderState.AWAITING_SPEND, id="the limit itself"),
        pytest.param(80_000, 1, WorkOrderState.ACCEPTED, id="approved with the issue"),
    ],
)
def test_a_total_over_the_limit_is_a_written_approval(records, cents, approvals, state):
    order = issue(records, open_case(records), not_to_exceed=Money(cents))
    assert len(order.spend_approvals) == approvals
    assert order.not_to_exceed == Money(cents)
    deliver(records)
    assert accept(records, "other", estimate=80_000).state is state


@pytest.mark.rule("R-43")
def test_a_person_s_suspicion_offers_the_installer_first(records):
    alter(records, Site, "site-1", workmanship_until=date(2025, 1, 1))
    order = issue(records, open_case(records), is_workmanship_suspected=True)
    assert order.partner_id == "orig"


# ---------------------------------------------------------------------- routing on the day
def place(order, partner_id):
    return next(one for one in order.ranking if one.partner_id == partner_id)


@pytest.mark.rule("Q-79")
@pytest.mark.rule("R-42")
@pytest.mark.parametrize(
    ("facts", "why"),
    [
        pytest.param({"insured_until": date(2026, 6, 7)}, "not insured", id="insured to yesterday"),
        pytest.param(
            {"licences": (Licence("NC", "1", date(2026, 6, 7)),)},
            "not licensed",
            id="licensed to yesterday",
        ),
        pytest.param(
            {"licences": (Licence("VA", "1", date(2030, 1, 1)),)},
            "not licensed",
            id="licensed elsewhere",
        ),
        pytest.param({"active": False}, "not active", id="not active"),
        pytest.param({"insured_until": date(2026, 6, 8)}, None, id="insured to today"),
        pytest.param(
            {"licences": (Licence("NC", "1", date(2026, 6, 8)),)}, None, id="licensed to today"
        ),
    ],
)
def test_papers_count_as_they_are_on_the_day(records, facts, why):
    alter(records, Partner, "orig", **facts)
    take_up(records)
    order = the_order(records)
    assert order.partner_id == ("other" if why else "orig")
    assert (why in place(order, "orig").barred_by) is (why is not None)
    assert bool(to(records, "ria@owner.example")) is (why is not None)


@pytest.mark.rule("R-42")
def test_the_ranking_shows_what_the_score_is_made_of(records):
    alter(records, Site, "site-1", workmanship_until=date(2025, 1, 1))
    take_up(records)
    best = place(the_order(records), "other")
    assert best.performance_points == 60 * 99
    assert best.proximity_points == 40 * (100 - best.distance_km * 100 // 100)
    assert best.score == best.performance_points + best.proximity_points


@pytest.mark.rule("Q-79")
@pytest.mark.parametrize(
    ("expires_on", "is_active", "is_barred"),
    [
        pytest.param(date(2026, 6, 8), True, False, id="certified to today"),
        pytest.param(date(2026, 6, 7), True, True, id="certified to yesterday"),
        pytest.param(date(2027, 6, 8), False, True, id="left the partner"),
    ],
)
def test_somebody_must_be_certified_on_the_day(records, expires_on, is_active, is_barred):
    held = (Certification("ENPHASE", "E-1", expires_on),)
    records.commit(Change(saves=(Save(Technician("T-9", "other", "Mo", held, is_active)),)))
    alter(records, Site, "site-1", workmanship_until=date(2025, 1, 1))
    take_up(records)
    barred = place(the_order(records), "other").barred_by
    assert bool(barred) is is_barred
    assert barred in {(), ("not certified for enphase",)}


@pytest.mark.rule("Q-79")
def test_a_person_cannot_choose_who_may_not_work_there(records):
    alter(records, Site, "site-1", state="TX", installer_id="gone")
    alter(records, Partner, "third", insured_until=date(2026, 6, 1))
    take_up(records)
    assert command(records, "assign", partner_id="third").code == "partner_unfit"
    alter(records, Partner, "third", insured_until=None)
    assert command(records, "assign", partner_id="third").partner_id == "third"


@pytest.mark.rule("R-43")
def test_a_change_of_the_installer_holds_for_new_work_orders(records):
    take_up(records)
    first = the_order(records)
    facts = {"site_id": "site-1", "partner_id": "third", "at": MONDAY, "by": "rm"}
    assert change_installer(records, reason=" ", **facts).code == "reason_missing"
    site = change_installer(records, reason="the builder closed", **facts)
    assert (site.installer_id, site.answers_for_workmanship) == ("orig", "third")
    assert the_order(records) == first
    case = take_up(records, replace(FINDING, id="F-2", family="COMMS"))
    (other,) = records.find(WorkOrder, by="case_id", value=case.id)
    assert other.record.original_installer_id == "third"
    before = everything(records)
    assert change_installer(records, reason="again", **facts) == site
    assert everything(records) == before


# ---------------------------------------------------------------------- reaching the partner
@pytest.mark.rule("S-20")
@pytest.mark.rule("M-74")
def test_a_corrected_contact_gets_a_new_letter_and_a_new_clock(records):
    order = offered(records)
    assert command(records, "resend_offer").code == "conflict"
    lost = order.assignments[-1].letter_id
    process.record_bounce(records, thread=order.id, letter_id=lost, at=MONDAY)
    assert the_order(records).state is WorkOrderState.CONTACT_FAILED
    late = at("2026-06-15T09:00")
    assert not may_be_reassigned(the_order(records), now=late)
    alter(records, Partner, "orig", service_email="right@orig.example")
    order = command(records, "resend_offer", when=late)
    assert (order.state, order.task) == (WorkOrderState.OFFERED, None)
    (letter,) = to(records, "right@orig.example")
    assert letter.id == order.assignments[-1].letter_id != lost
    assert records.timers == {}
    # What is heard of the letter that was lost is old news.
    assert process.record_bounce(records, thread=order.id, letter_id=lost, at=late) is None
    order = deliver(records, late)
    due = clock_of(order, SlaMilestone.ACCEPT, now=late).deadline.due_at
    assert due == at("2026-06-17T17:00")


@pytest.mark.rule("S-20")
def test_news_of_a_delivery_after_the_bounce_starts_nothing(records):
    take_up(records)
    order = the_order(records)
    facts = {"thread": order.id, "letter_id": order.assignments[-1].letter_id}
    process.record_bounce(records, at=MONDAY, **facts)
    process.record_delivery(records, delivered_at=MONDAY, **facts)
    assert the_order(records).state is WorkOrderState.CONTACT_FAILED
    assert records.timers == {}


@pytest.mark.rule("S-20")
def test_an_answer_by_another_way_stands_though_the_mail_came_back(records):
    order = offered(records)
    facts = {"thread": order.id, "letter_id": order.assignments[-1].letter_id}
    accept(records)
    alter(records, WorkOrder, order.id, task=Task.APPROVE_SPEND)
    facts["address"] = "service@orig.example"
    order = process.record_bounce(records, at=MONDAY, **facts)
    assert (order.state, order.task) == (WorkOrderState.ACCEPTED, Task.APPROVE_SPEND)
    assert records.load(ServiceContact, "orig").record.bounced_at == MONDAY
    alter(records, WorkOrder, order.id, task=None)
    take_up(records, replace(FINDING, id="F-3"))


@pytest.mark.rule("E-32b")
def test_every_call_is_kept_with_what_came_of_it(records):
    take_up(records, replace(FINDING, hazard="roof_leak"))
    order = the_order(records)
    assert channels_of(order.assignments[-1]) == ()
    order = twice(records, "record_phone_call", outcome="no answer", by="ams")
    assert channels_of(order.assignments[-1]) == ("phone",)
    assert emergency_of(order, now=MONDAY) is None
    deliver(records)
    assert emergency_of(the_order(records), now=MONDAY).has_all_channels
    later = MONDAY + timedelta(minutes=5)
    order = twice(records, "record_phone_call", later, outcome="reached", by="ams")
    offer = order.assignments[-1]
    assert [(one.at, one.outcome) for one in offer.calls] == [
        (MONDAY, "no answer"),
        (later, "reached"),
    ]
    assert offer.phoned_at == MONDAY
    assert happened(records, order.id).count("phoned") == 2


@pytest.mark.rule("E-32b")
def test_without_a_call_the_report_says_so(records):
    take_up(records, replace(FINDING, hazard="roof_leak"))
    order = deliver(records)
    assert not emergency_of(order, now=MONDAY).has_all_channels


@pytest.mark.rule("E-33")
@pytest.mark.parametrize(
    ("facts", "may_reassign"),
    [
        pytest.param({}, True, id="silent"),
        pytest.param({"acknowledged_at": MONDAY}, False, id="heard, and not answered yet"),
        pytest.param({"answered_at": MONDAY}, False, id="answered without another word"),
        pytest.param(
            {"acknowledged_at": MONDAY, "state": AssignmentState.DECLINED}, True, id="declined"
        ),
    ],
)
def test_an_emergency_is_taken_back_from_who_is_silent_or_declines(records, facts, may_reassign):
    take_up(records, replace(FINDING, hazard="roof_leak"))
    order = deliver(records)
    order = replace(order, assignments=(replace(order.assignments[-1], **facts),))
    call = emergency_of(order, now=at("2026-06-08T10:00:01"))
    assert call.may_reassign is may_reassign
    assert call.due_at.isoformat() == "2026-06-08T10:00:00-04:00"


@pytest.mark.rule("S-23")
def test_a_clock_stands_within_a_pause_that_has_an_end(records):
    offered(records)
    accept(records)
    now = at("2026-06-08T10:00")
    facts = {"reason": "weather", "evidence": "alert 7", "since": MONDAY}
    order = command(records, "grant_pause", now, until=at("2026-06-08T12:00"), **facts)
    assert clock_of(order, SlaMilestone.COMPLETE, now=now).state is ClockState.PAUSED
    noon = at("2026-06-08T12:00")
    assert clock_of(order, SlaMilestone.COMPLETE, now=noon).state is ClockState.RUNNING


@pytest.mark.rule("E-33")
def test_an_emergency_that_nobody_answers_is_on_record_once(records):
    take_up(records, replace(FINDING, hazard="roof_leak"))
    order = deliver(records)
    for minutes in (61, 62, 200):
        wake(records, "acknowledge_due", MONDAY + timedelta(minutes=minutes))
    (silence,) = [one for one in records.history(order.id) if one.what == "left_unanswered"]
    assert silence.at == MONDAY + timedelta(minutes=60)
    assert (silence.by, silence.rule, silence.causes) == ("clocks", "E-33", (order.case_id,))


# ---------------------------------------------------------------------- reminders
def reminded(records, when):
    wake(records, "remind", when)
    told = (*subjects(records, "Due soon"), *subjects(records, "Overdue"))
    return sorted(one.subject.split("] ")[1] for one in told)


@pytest.mark.rule("S-28")
def test_who_is_silent_is_reminded_a_day_before_and_when_it_is_late_in_business_hours(records):
    order = offered(records)
    # Due on Wednesday at closing; a business day before that is Tuesday's closing: Wednesday, 8:00.
    assert records.timers[f"{order.id}:remind"].due_at == at("2026-06-10T08:00:01")
    assert reminded(records, at("2026-06-10T07:59")) == []
    assert reminded(records, at("2026-06-10T08:00")) == ["Due soon: accept"]
    before = everything(records)
    reminded(records, at("2026-06-10T09:00"))
    assert everything(records) == before
    assert reminded(records, at("2026-06-10T17:01")) == ["Due soon: accept"]
    assert records.timers[f"{order.id}:remind"].due_at == at("2026-06-11T08:00:01")
    both = ["Due soon: accept", "Overdue: accept"]
    assert reminded(records, at("2026-06-11T08:00:01")) == both
    before = everything(records)
    assert reminded(records, at("2026-06-12T09:00")) == both
    assert everything(records) == before
    assert happened(records, order.id).count("accept_missed") == 1


@pytest.mark.rule("S-28")
def test_a_sweep_that_is_late_reminds_of_what_is_late_and_not_of_what_was_soon(records):
    offered(records)
    assert reminded(records, at("2026-06-12T09:00")) == ["Overdue: accept"]
    assert reminders_of(the_order(records), now=at("2026-06-12T09:00")) == ()


@pytest.mark.rule("S-26")
@pytest.mark.rule("S-28")
def test_a_reminder_counts_days_where_the_home_stands(records):
    # Closing time in Honolulu lies on the next day in Greenwich.
    order = replace(offered(records), time_zone="Pacific/Honolulu")
    soon = reminders_of(order, now=MONDAY)[0]
    assert (soon.name, soon.at.isoformat()) == ("accept_soon", "2026-06-10T08:00:00-10:00")


@pytest.mark.rule("S-28")
def test_the_business_day_before_a_monday_is_friday(records):
    order = offered(records, at("2026-06-11T09:00"))  # due on Monday at closing
    soon = reminders_of(order, now=at("2026-06-11T09:00"))[0]
    assert (soon.name, soon.at) == ("accept_soon", at("2026-06-15T08:00"))
    due = at("2026-06-15T17:00")
    assert [one.name for one in reminders_of(order, now=due)] == ["accept_soon", "accept_late"]
    late = reminders_of(order, now=due + timedelta(seconds=1))
    assert [(one.name, one.at) for one in late] == [("accept_late", at("2026-06-16T08:00"))]


@pytest.mark.rule("E-32")
def test_who_was_heard_in_an_emergency_is_not_waited_for_any_more(records):
    take_up(records, replace(FINDING, hazard="roof_leak"))
    order = deliver(records)
    timer = records.timers[f"{order.id}:acknowledge_due"]
    assert (timer.subject, timer.wakes) == (order.id, "acknowledge_due")
    command(records, "acknowledge", **own())
    assert f"{order.id}:acknowledge_due" not in records.timers


@pytest.mark.rule("S-28")
def test_a_reminder_that_is_swept_after_closing_waits_for_the_opening(records):
    offered(records)
    accept(records)
    # The pause moves the deadline from Wednesday's closing to twenty seconds before Thursday's.
    since, until = at("2026-06-09T08:00"), at("2026-06-09T16:59:40")
    order = command(
        records,
        "grant_pause",
        until,
        reason="weather",
        evidence="alert 7",
        since=since,
        until=until,
    )
    timer = records.timers.pop(f"{order.id}:remind")
    assert timer.due_at == at("2026-06-10T16:59:41")
    process.wake(records, timer=timer, at=at("2026-06-10T17:00:10"))
    assert subjects(records, "Due soon") == []
    waiting = records.timers[timer.id]
    assert waiting.due_at == at("2026-06-11T08:00:01")
    before = everything(records)
    process.wake(records, timer=timer, at=at("2026-06-10T17:00:20"))
    assert everything(records) == before
    process.wake(records, timer=waiting, at=waiting.due_at)
    assert len(subjects(records, "Due soon")) == 1


@pytest.mark.rule("S-28")
def test_an_emergency_is_reminded_at_night(records):
    take_up(records, replace(FINDING, hazard="roof_leak"))
    deliver(records)
    night = at("2026-06-09T23:00")
    assert not is_quiet(the_order(records), now=night)
    assert reminded(records, night) == ["Due soon: accept"]


@pytest.mark.rule("S-28")
def test_who_answered_is_not_reminded_of_it(records):
    offered(records)
    accept(records)
    names = {one.name for one in reminders_of(the_order(records), now=MONDAY)}
    assert names == {"schedule_soon", "schedule_late", "complete_soon", "complete_late"}


# ---------------------------------------------------------------------- money
@pytest.mark.rule("I-62")
def test_a_cost_that_is_not_approved_goes_back_to_the_partner(records):
    offered(records)
    accept(records, estimate=90_000)
    assert command(records, "reject_spend", reason=" ").code == "reason_missing"
    order = twice(records, "reject_spend", reason="two technicians are one too many")
    assert order.state is WorkOrderState.SPEND_REJECTED
    assert "two technicians" in subjects(records, "Cost not approved")[0].text
    assert accept(records, estimate=90_000).code == "spend_rejected"
    late = at("2026-06-15T09:00")
    order = accept(records, estimate=50_000, when=late)
    assert (order.state, order.work_authorized_at) == (WorkOrderState.ACCEPTED, late)
    # It answered in time; that the second answer came later makes it no later.
    assert not order.assignments[-1].is_late
    assert order.assignments[-1].answered_at == MONDAY
    assert "accept_missed" not in happened(records, order.id)


@pytest.mark.rule("I-62")
def test_who_may_not_have_its_price_may_decline(records):
    offered(records)
    accept(records, estimate=90_000)
    command(records, "reject_spend", reason="too much")
    order = decline(records)
    assert (order.partner_id, order.original_offer) == ("other", OriginalOffer.DECLINED)


@pytest.mark.rule("I-62")
def test_a_coordinator_may_think_better_of_it(records):
    offered(records)
    accept(records, estimate=90_000)
    command(records, "reject_spend", reason="too much")
    order = twice(records, "approve_spend", max_total=Money(90_000), is_written=True)
    assert order.state is WorkOrderState.SPEND_REJECTED
    assert accept(records, estimate=90_000).state is WorkOrderState.ACCEPTED


@pytest.mark.rule("I-62")
def test_a_cost_that_is_rejected_under_way_ends_the_waiting_only(records):
    offered(records)
    assert command(records, "reject_spend", reason="no").code == "conflict"
    accept(records)
    command(records, "request_spend", **own(amount=Money(60_000)))
    assert records.timers == {}
    order = command(records, "reject_spend", at("2026-06-09T09:00"), reason="stay within it")
    assert (order.state, order.task) == (WorkOrderState.ACCEPTED, None)
    assert order.not_to_exceed == Money(50_000)
    assert records.timers[f"{order.id}:schedule_due"].due_at == at("2026-06-11T17:00:01")


# ---------------------------------------------------------------------- taken back and called off
@pytest.mark.rule("R-44")
@pytest.mark.rule("B-53")
def test_withdrawn_work_begins_anew_with_the_next_partner(records):
    offered(records)
    accept(records)
    book(records)
    pause(records)
    assert command(records, "withdraw", reason=" ").code == "reason_missing"
    order = command(records, "withdraw", reason="its van broke down")
    assert order.partner_id == "other"
    assert order.assignments[0].state is AssignmentState.WITHDRAWN
    assert order.original_offer is OriginalOffer.ACCEPTED
    assert (order.visits, order.pauses, order.contact_attempts) == ((), (), ())
    assert order.work_authorized_at is None
    assert subjects(records, "no longer yours")[0].to == "service@orig.example"
    assert subjects(records, "Another service partner comes")[0].to == SITE.customer_email
    deliver(records)
    order = accept(records, "other", when=at("2026-06-09T09:00"))
    assert clock_of(order, SlaMilestone.SCHEDULE, now=MONDAY).met_at is None
    assert accept(records, "orig").code == "conflict"


@pytest.mark.rule("I-62")
@pytest.mark.parametrize(
    ("issued", "limit"),
    [
        pytest.param(None, 50_000, id="issued with the limit of the day"),
        pytest.param(Money(70_000), 70_000, id="issued with a written total"),
    ],
)
def test_leave_to_spend_stays_with_the_partner_that_asked_for_it(records, issued, limit):
    first = "orig"
    if issued is None:
        offered(records)
    else:
        first = issue(records, open_case(records), not_to_exceed=issued).partner_id
        deliver(records)
    accept(records, first)
    asked = own(partner_id=first, amount=Money(90_000))
    command(records, "request_spend", at("2026-06-08T15:00"), **asked)
    when = at("2026-06-08T16:00")
    order = command(records, "approve_spend", when, max_total=Money(90_000), is_written=True)
    assert order.not_to_exceed == Money(90_000)
    order = command(records, "withdraw", at("2026-06-08T17:00"), reason="its van broke down")
    assert (order.partner_id == first, order.not_to_exceed) == (False, Money(limit))
    assert [one.max_total for one in order.spend_approvals] == ([issued] if issued else [])
    (kept,) = order.assignments[0].spend_approvals
    assert (kept.max_total, kept.at) == (Money(90_000), when)
    if order.partner_id is not None:
        deliver(records)
        order = accept(records, order.partner_id, when=at("2026-06-09T09:00"), estimate=90_000)
        assert order.state is WorkOrderState.AWAITING_SPEND


@pytest.mark.rule("R-44")
def test_a_customer_that_nothing_was_agreed_with_hears_of_no_change(records):
    offered(records)
    command(records, "withdraw", reason="somebody is nearer")
    assert subjects(records, "Another service partner comes") == []


@pytest.mark.rule("R-44")
def test_work_without_a_partner_is_taken_from_nobody(records):
    alter(records, Site, "site-1", state="TX", installer_id="gone")
    take_up(records)
    assert command(records, "withdraw", reason="x").code == "conflict"


@pytest.mark.rule("A-81")
def test_work_that_is_called_off_has_no_clock_and_no_breach(records):
    offered(records)
    accept(records)
    assert command(records, "cancel_order", reason="").code == "reason_missing"
    order = twice(records, "cancel_order", reason="it works again")
    assert (order.state, order.task) == (WorkOrderState.CANCELLED, None)
    assert records.timers == {}
    assert reminders_of(order, now=MONDAY) == ()
    assert records.load(Case, order.case_id).record.state is CaseState.OPEN
    assert len(subjects(records, "no longer yours")) == 1
    before = everything(records)
    assert wake(records, "schedule_due", at("2026-07-01T09:00")) == order
    assert everything(records) == before
    assert accept(records).code == "conflict"
    assert command(records, "contact_attempt", channel="a", outcome="b", **own()).code == "conflict"


@pytest.mark.rule("A-81")
def test_who_was_there_keeps_the_work(records):
    offered(records)
    accept(records)
    book(records)
    came = at("2026-06-10T09:30")
    command(records, "arrived", came, **own(arrived_at=came))
    for name in ("withdraw", "cancel_order"):
        assert command(records, name, came, reason="x").code == "conflict"
    command(records, "departed", came, **own(departed_at=came, is_finished=False))
    assert command(records, "withdraw", came, reason="x").code == "conflict"


@pytest.mark.rule("R-44")
def test_a_reassignment_and_a_late_acceptance_cannot_both_win(records):
    offered(records)
    late = at("2026-06-11T09:00")
    wake(records, "accept_due", late)
    stored = records.load(WorkOrder, the_order(records).id)
    accept(records, when=late)
    with pytest.raises(Conflict):
        records.commit(Change(saves=(stored.replaced_by(stored.record),)))
    assert command(records, "reassign", late).code == "conflict"


# ---------------------------------------------------------------------- visits
def on_record(records, **facts):
    held = (Certification("Enphase", "E-7", date(2026, 6, 10)),)
    one = Technician("T-7", "orig", "Jo Technician", held)
    records.commit(Change(saves=(Save(replace(one, **facts)),)))


def schedule(records, technician, when=MONDAY, day="2026-06-10"):
    return command(
        records,
        "schedule_visit",
        when,
        **own(since=at(f"{day}T09:00"), until=at(f"{day}T12:00"), technician=technician),
    )


@pytest.mark.rule("Q-78")
@pytest.mark.parametrize(
    ("technician", "facts", "day", "code"),
    [
        pytest.param("jo technician", {}, "2026-06-10", None, id="by name, on the last day"),
        pytest.param("T-7", {}, "2026-06-10", None, id="by id"),
        pytest.param("T-7", {}, "2026-06-11", "technician_not_certified", id="a day too late"),
        pytest.param("T-8", {}, "2026-06-10", "technician_unknown", id="nobody's"),
        pytest.param(
            "T-7", {"partner_id": "other"}, "2026-06-10", None, id="nobody was ever on record"
        ),
        pytest.param(
            "T-7", {"is_active": False}, "2026-06-10", "technician_not_certified", id="left"
        ),
        pytest.param(
            "T-7",
            {"certifications": (Certification("Tesla", "1", date(2030, 1, 1)),)},
            "2026-06-10",
            "technician_not_certified",
            id="certified by another maker",
        ),
    ],
)
def test_who_goes_is_on_record_and_certified_on_the_day(records, technician, facts, day, code):
    on_record(records, **facts)
    offered(records)
    accept(records)
    answer = schedule(records, technician, day=day)
    if code is not None:
        assert (answer.rule, answer.code) == ("Q-78", code)
        return
    visit = answer.visits[-1]
    is_known = not facts
    assert visit.certification == ("E-7" if is_known else "")
    assert visit.technician_id == ("T-7" if is_known else "")


@pytest.mark.rule("Q-78")
def test_two_of_one_name_are_told_apart_by_id(records):
    on_record(records)
    on_record(records, id="T-8")
    offered(records)
    accept(records)
    assert schedule(records, "Jo Technician").code == "technician_unknown"
    assert schedule(records, "T-8").visits[-1].technician_id == "T-8"


@pytest.mark.rule("Q-78")
def test_a_partner_that_is_not_certified_at_all_sends_nobody(records):
    alter(records, Partner, "orig", certifications=frozenset({"tesla"}))
    offered(records)
    accept(records)
    assert schedule(records, "Jo").code == "technician_not_certified"


@pytest.mark.rule("Q-78")
def test_a_certificate_that_is_withdrawn_meanwhile_books_no_visit(records):
    on_record(records)
    offered(records)
    accept(records)
    stored = records.load(WorkOrder, the_order(records).id)
    relied = records.load(Technician, "T-7").relied_on()
    alter(records, Technician, "T-7", is_active=False)
    with pytest.raises(Conflict):
        records.commit(Change(saves=(stored.replaced_by(stored.record),), relies_on=(relied,)))


@pytest.mark.rule("S-21")
def test_a_visit_that_nobody_made_is_moved_and_the_customer_told(records):
    offered(records)
    accept(records)
    schedule(records, "Jo")
    order = schedule(records, "Jo", day="2026-06-11")
    assert len(order.visits) == 1
    assert order.visits[0].since == at("2026-06-11T09:00")
    assert len(subjects(records, "was moved")) == 1


def window(records, since, until, when=MONDAY):
    return command(
        records, "schedule_visit", when, **own(since=since, until=until, technician="Jo")
    )


@pytest.mark.rule("S-21a")
@pytest.mark.rule("S-21b")
@pytest.mark.parametrize(
    ("since", "until", "rule"),
    [
        pytest.param("2026-06-10T08:00", "2026-06-10T20:00", None, id="twelve hours"),
        pytest.param("2026-06-10T08:00", "2026-06-10T20:01", "S-21a", id="a minute more"),
        pytest.param("2026-06-10T08:00", "2026-06-20T08:00", "S-21a", id="ten days"),
        pytest.param("2026-06-10T08:00", "2026-06-10T08:00", "S-21", id="no time at all"),
        pytest.param("2026-05-10T08:00", "2026-05-10T10:00", "S-21", id="the past"),
        pytest.param("2026-08-06T08:00", "2026-08-06T10:00", None, id="within sixty days"),
        pytest.param("2026-08-08T08:00", "2026-08-08T10:00", "S-21b", id="beyond sixty days"),
        pytest.param("2027-06-10T08:00", "2027-06-10T10:00", "S-21b", id="next year"),
    ],
)
def test_a_visit_is_part_of_a_day_that_is_not_far(records, since, until, rule):
    offered(records)
    accept(records)
    answer = window(records, at(since), at(until))
    assert (answer.rule if rule else len(answer.visits)) == (rule or 1)


@pytest.mark.rule("S-21b")
def test_a_visit_may_lie_as_late_as_the_work_is_due(records):
    """A pause that is allowed moves the deadline, and the last day of a visit with it."""
    offered(records)
    accept(records)
    order = the_order(records)
    long = Pause("equipment_shipping_delay", MONDAY, at("2026-10-01T08:00"), "order 7", "jo")
    stored = records.load(WorkOrder, order.id)
    records.commit(Change(saves=(stored.replaced_by(replace(order, pauses=(long,))),)))
    assert window(records, at("2026-10-05T08:00"), at("2026-10-05T10:00")).visits
    assert window(records, at("2026-12-05T08:00"), at("2026-12-05T10:00")).rule == "S-21b"


@pytest.mark.rule("S-21c")
def test_a_visit_is_moved_five_times_and_no_more(records):
    offered(records)
    accept(records)
    for day in range(10, 16):
        assert schedule(records, "Jo", day=f"2026-06-{day}").visit_moves == day - 10
    assert schedule(records, "Ann", day="2026-06-15").visit_moves == 5
    refused = schedule(records, "Jo", day="2026-06-17")
    assert (refused.rule, refused.code) == ("S-21c", "too_many_moves")
    assert the_order(records).visits[0].since == at("2026-06-15T09:00")


@pytest.mark.rule("S-22")
def test_a_visit_from_arrival_to_departure(records):
    offered(records)
    accept(records)
    came, left = at("2026-06-10T09:30"), at("2026-06-10T11:00")
    assert command(records, "arrived", came, **own(arrived_at=came)).code == "visit_missing"
    schedule(records, "Jo")
    assert command(records, "departed", left, **own(departed_at=left, is_finished=True)).code == (
        "conflict"
    )
    order = twice(records, "arrived", came, **own(arrived_at=came))
    assert (order.state, order.visits[-1].arrived_at) == (WorkOrderState.ON_SITE, came)
    assert schedule(records, "Mo", came, "2026-06-12").code == "conflict"
    assert command(
        records,
        "pause",
        came,
        **own(reason="weather", evidence="x", since=came),
    ).code == ("conflict")
    wrong = own(departed_at=came - timedelta(seconds=1), is_finished=True)
    assert command(records, "departed", left, **wrong).code == "invalid_departure"
    order = twice(records, "departed", left, **own(departed_at=left, is_finished=True))
    assert (order.state, order.departed_at) == (WorkOrderState.AWAITING_REPORT, left)
    assert order.visits[-1].is_finished
    again = own(arrived_at=left, technician="Jo")
    assert command(records, "arrived", left, **again).code == "conflict"


@pytest.mark.rule("A-81")
@pytest.mark.parametrize(
    ("arrived_at", "at_"),
    [
        pytest.param("2026-06-08T08:59", "2026-06-08T10:00", id="before it was taken"),
        pytest.param("2026-06-08T10:01", "2026-06-08T10:00", id="ahead"),
    ],
)
def test_an_arrival_lies_between_acceptance_and_now(records, arrived_at, at_):
    offered(records)
    accept(records)
    facts = own(arrived_at=at(arrived_at), technician="Jo")
    assert command(records, "arrived", at(at_), **facts).code == "invalid_arrival"


@pytest.mark.rule("A-81")
def test_in_an_emergency_somebody_comes_without_a_booking(records):
    take_up(records, replace(FINDING, hazard="roof_leak"))
    deliver(records)
    accept(records)
    came = MONDAY + timedelta(hours=1)
    order = twice(records, "arrived", came, **own(arrived_at=came, technician="Jo"))
    assert order.visits[-1].technician == "Jo"
    assert clock_of(order, SlaMilestone.SCHEDULE, now=came).state is ClockState.MET


@pytest.mark.rule("S-23")
def test_between_two_visits_the_clocks_stand_once_the_next_one_is_booked(records):
    offered(records)
    accept(records)
    schedule(records, "Jo")
    came, left = at("2026-06-10T09:30"), at("2026-06-10T12:00")
    command(records, "arrived", came, **own(arrived_at=came))
    order = command(records, "departed", left, **own(departed_at=left, is_finished=False))
    assert (order.state, order.pauses) == (WorkOrderState.SCHEDULING, ())
    order = schedule(records, "Jo", left, "2026-06-17")
    (pause_,) = order.pauses
    assert (pause_.reason, pause_.since, pause_.until) == (
        "multi_visit",
        left,
        at("2026-06-17T09:00"),
    )
    assert (pause_.by, pause_.declared_at) == ("orig:jo", left)
    assert pause_.evidence.endswith("2026-06-17T09:00-04:00")
    assert order.task is Task.CONFIRM_PAUSE
    # Four working days and six hours later than the 23rd at closing.
    due = clock_of(order, SlaMilestone.COMPLETE, now=left).deadline.due_at
    assert due == at("2026-06-30T14:00")
    command(records, "confirm_pause", left, number=1)
    order = schedule(records, "Jo", left, "2026-06-18")
    assert len(order.pauses) == 1
    moved = order.pauses[0]
    assert (moved.until, moved.decided_at, moved.decided_by) == (at("2026-06-18T09:00"), None, "")
    early = at("2026-06-16T09:00")
    order = command(records, "arrived", early, **own(arrived_at=early))
    assert order.pauses[0].until == early
    assert len(order.visits) == 2


LEFT, NEXT = at("2026-06-10T12:00"), at("2026-06-17T09:00")


def unfinished(records, *pauses, is_finished=False):
    """Give the order after a visit that did not finish it, with pauses of its own."""
    offered(records)
    accept(records)
    schedule(records, "Jo")
    came = at("2026-06-10T09:30")
    command(records, "arrived", came, **own(arrived_at=came))
    command(records, "departed", LEFT, **own(departed_at=LEFT, is_finished=is_finished))
    return replace(the_order(records), pauses=pauses)


def stood(reason, since, until, **facts):
    end = None if until is None else at(until)
    return Pause(reason, at(since), end, "x", "orig:jo", declared_at=at(since), **facts)


WEATHER_AHEAD = stood("weather", "2026-06-10T10:00", "2026-06-20T09:00")
WEATHER_OPEN = stood("weather", "2026-06-10T10:00", None)
WEATHER_OVER = stood("weather", "2026-06-09T10:00", "2026-06-09T12:00")
BOOKED = stood("multi_visit", "2026-06-10T11:00", "2026-06-12T09:00")
REJECTED = replace(BOOKED, is_rejected=True)
ENDED = replace(BOOKED, until=LEFT)


@pytest.mark.rule("S-23")
@pytest.mark.parametrize(
    ("known", "since"),
    [
        pytest.param((WEATHER_AHEAD,), LEFT, id="another reason goes on for longer"),
        pytest.param((WEATHER_OPEN,), LEFT, id="another reason has no end yet"),
        pytest.param((REJECTED,), at("2026-06-12T09:00"), id="rejected time stays rejected"),
        pytest.param((ENDED,), LEFT, id="the one before ended at this very instant"),
    ],
)
def test_a_further_visit_brings_a_pause_of_its_own(records, known, since):
    order = unfinished(records, *known)
    after = between_visits(order, next_at=NEXT, now=LEFT, by="orig:jo")
    assert after.pauses[:-1] == known
    added = after.pauses[-1]
    assert (added.reason, added.since, added.until) == ("multi_visit", since, NEXT)


@pytest.mark.rule("S-23")
def test_another_time_of_the_next_visit_moves_its_pause_alone(records):
    order = unfinished(records, WEATHER_OVER, BOOKED)
    after = between_visits(order, next_at=NEXT, now=LEFT, by="orig:jo")
    moved = after.pauses[-1]
    assert after.pauses == (WEATHER_OVER, replace(BOOKED, until=NEXT, planned=moved.planned))
    assert moved.planned[-1].until == NEXT


@pytest.mark.rule("S-23")
def test_work_that_a_visit_finished_waits_for_no_further_one(records):
    order = unfinished(records, is_finished=True)
    assert between_visits(order, next_at=NEXT, now=LEFT, by="orig:jo") == order


@pytest.mark.rule("S-23b")
def test_a_further_visit_that_is_booked_late_stops_the_clock_from_the_day_before(records):
    offered(records)
    accept(records)
    schedule(records, "Jo")
    came = at("2026-06-10T09:30")
    command(records, "arrived", came, **own(arrived_at=came))
    command(records, "departed", came, **own(departed_at=came, is_finished=False))
    order = schedule(records, "Jo", at("2026-06-16T15:00"), "2026-06-24")
    assert order.pauses[0].since == at("2026-06-15T08:00")


@pytest.mark.rule("S-23")
def test_overdue_work_is_not_paused_by_another_visit(records):
    offered(records)
    accept(records)
    schedule(records, "Jo")
    came = at("2026-06-10T09:30")
    command(records, "arrived", came, **own(arrived_at=came))
    command(records, "departed", came, **own(departed_at=came, is_finished=False))
    order = schedule(records, "Jo", at("2026-06-24T09:00"), "2026-06-25")
    assert order.pauses == ()
    assert order.assignments[-1].missed == (SlaMilestone.COMPLETE,)


# ---------------------------------------------------------------------- pauses
@pytest.mark.rule("S-23d")
def test_a_rejected_pause_never_stopped_a_clock(records):
    offered(records)
    accept(records)
    order = pause(records)
    assert (order.task, records.timers) == (Task.CONFIRM_PAUSE, {})
    assert command(records, "reject_pause", number=1, reason=" ").code == "reason_missing"
    assert command(records, "reject_pause", number=2, reason="x").code == "unknown_pause"
    assert command(records, "confirm_pause", number=0).code == "unknown_pause"
    late = at("2026-06-12T09:00")
    order = twice(records, "reject_pause", late, number=1, reason="the sun shone")
    assert order.task is None
    (missed,) = [one for one in records.history(order.id) if one.what == "schedule_missed"]
    assert missed.at == at("2026-06-10T17:00")
    assert len(subjects(records, "Pause not granted")) == 1
    assert command(records, "confirm_pause", late, number=1).code == "conflict"
    assert pause(records, when=late, since=MONDAY).code in {"pause_backdated"}


@pytest.mark.rule("S-23d")
def test_what_was_rejected_cannot_be_declared_again(records):
    offered(records)
    accept(records)
    pause(records)
    command(records, "reject_pause", number=1, reason="the sun shone")
    again = pause(records)
    assert (again.rule, again.code) == ("S-23d", "pause_rejected")
    assert again.because
    order = pause(records, reason="equipment_shipping_delay")
    assert order.pauses[-1].is_open


@pytest.mark.rule("S-23d")
def test_a_confirmed_pause_is_confirmed_once(records):
    offered(records)
    accept(records)
    pause(records)
    order = twice(records, "confirm_pause", number=1)
    assert (order.pauses[0].decided_by, order.task) == ("spc_1", None)
    assert command(records, "reject_pause", number=1, reason="x").code == "conflict"


@pytest.mark.rule("S-23d")
@pytest.mark.parametrize(
    ("since", "until", "is_excused"),
    [
        pytest.param("2026-06-15T08:00", "2026-06-16T08:00", True, id="a day that makes up for it"),
        pytest.param("2026-06-24T08:00", "2026-06-24T08:30", False, id="after it was due"),
    ],
)
def test_a_coordinator_s_pause_may_excuse_a_breach(records, since, until, is_excused):
    offered(records)
    accept(records)
    command(records, "contact_attempt", channel="phone", outcome="spoke", **own())
    now = at("2026-06-24T09:00")
    wake(records, "complete_due", now)
    assert pause(records, when=now).code == "declared_after_due"
    facts = {"reason": "weather", "evidence": "alert 7"}
    order = twice(records, "grant_pause", now, since=at(since), until=at(until), **facts)
    assert order.assignments[-1].missed == (() if is_excused else (SlaMilestone.COMPLETE,))
    assert [one.until for one in order.pauses[-1].planned] == [at(until)]
    excuses = [one for one in records.history(order.id) if one.what == "complete_excused"]
    told = [(one.at, one.by, one.rule, one.causes) for one in excuses]
    assert told == ([(now, "spc_1", "S-23d", (order.case_id,))] if is_excused else [])
    if is_excused:
        wake(records, "complete_due", at("2026-06-24T17:00:01"))
        assert happened(records, order.id).count("complete_missed") == 2


@pytest.mark.rule("S-23d")
@pytest.mark.parametrize(
    ("facts", "answered"),
    [
        pytest.param({"reason": "holiday"}, ("S-23", "unknown_reason"), id="no agreed reason"),
        pytest.param(
            {"reason": "awaiting_owner"}, ("S-23", "unknown_reason"), id="not a partner's reason"
        ),
        pytest.param({"evidence": " "}, ("S-23", "evidence_missing"), id="no evidence"),
        pytest.param(
            {"since": at("2026-06-08T09:01")}, ("S-23d", "invalid_window"), id="not begun"
        ),
        pytest.param({"until": MONDAY}, ("S-23d", "invalid_window"), id="over when it begins"),
    ],
)
def test_even_a_coordinator_names_reason_and_evidence(records, facts, answered):
    offered(records)
    given = {"reason": "weather", "evidence": "x", "since": MONDAY, "until": None}
    assert command(records, "grant_pause", **given).code == "conflict"
    accept(records)
    answer = command(records, "grant_pause", **{**given, **facts})
    assert (answer.rule, answer.code) == answered
    assert answer.because


@pytest.mark.rule("S-23")
def test_a_pause_reaches_behind_no_deadline_that_has_passed(records):
    offered(records)
    accept(records)
    now = at("2026-06-11T09:00")
    wake(records, "schedule_due", now)
    refused = pause(records, when=now, since=at("2026-06-10T16:59"))
    assert (refused.rule, refused.code) == ("S-23", "declared_after_due")
    assert refused.because
    order = pause(records, when=now, since=at("2026-06-10T17:00"))
    assert order.pauses[-1].is_open
    assert order.assignments[-1].missed == (SlaMilestone.SCHEDULE,)


@pytest.mark.rule("S-23")
def test_a_further_visit_is_booked_before_it_is_a_reason(records):
    offered(records)
    accept(records)
    refused = pause(records, reason="multi_visit")
    assert (refused.rule, refused.code) == ("S-23", "next_visit_missing")
    assert refused.because
    schedule(records, "Jo")
    begun = at("2026-06-10T09:00:01")
    assert pause(records, when=begun, reason="multi_visit").code == "next_visit_missing"
    assert not isinstance(
        pause(records, when=at("2026-06-10T09:00"), reason="multi_visit"), Refused
    )


# ---------------------------------------------------------------------- questions
@pytest.mark.rule("S-20b")
@pytest.mark.rule("M-75")
def test_a_question_is_an_answer_to_the_offer_and_waits_for_one(records):
    offered(records)
    order = twice(records, "question", **own(text="Is there a ladder?"))
    assert order.assignments[-1].acknowledged_at == MONDAY
    assert order.task is Task.ANSWER_QUESTION
    assert "Is there a ladder?" in to(records, "spc@owner.example")[0].text
    assert command(records, "question", **own(text=" ")).code == "text_missing"
    (asked,) = order.open_questions
    facts = {"question_id": asked, "text": "Yes, in the shed."}
    assert command(records, "answer_question", **{**facts, "text": ""}).code == "text_missing"
    order = command(records, "answer_question", **facts)
    assert (order.open_questions, order.task) == ((), None)
    assert "in the shed" in subjects(records, "Answer to your question")[0].text
    assert command(records, "answer_question", **facts).code == "conflict"


@pytest.mark.rule("S-20b")
def test_a_question_after_the_deadline_keeps_the_work_with_who_asks(records):
    offered(records)
    wake(records, "accept_due", at("2026-06-10T17:01"))
    order = command(records, "question", at("2026-06-10T18:00"), **own(text="What is it?"))
    assert (order.state, order.task) == (WorkOrderState.OFFERED, Task.CHASE_PARTNER)
    assert order.open_questions


@pytest.mark.rule("M-75")
def test_who_lost_the_work_asks_nothing_and_who_asks_too_much_waits(records):
    offered(records)
    for number in range(20):
        command(records, "question", **own(text=f"question {number}"))
    assert command(records, "question", **own(text="one more")).code == "too_many_questions"
    decline(records)
    assert command(records, "question", **own(text="and now?")).code == "conflict"


@pytest.mark.rule("M-75")
def test_without_a_named_coordinator_the_question_waits_on_the_list(records):
    process.take_up(records, finding=FINDING, at=MONDAY)
    deliver(records)
    order = command(records, "question", **own(text="Who are you?"))
    assert order.task is Task.ANSWER_QUESTION
    assert to(records, "spc@owner.example") == []


@pytest.mark.rule("A-81")
def test_a_case_that_moved_on_is_left_where_it_is(records):
    offered(records)
    case_id = the_order(records).case_id
    alter(records, Case, case_id, state=CaseState.CANCELLED)
    command(records, "cancel_order", reason="the case is over")
    assert records.load(Case, case_id).record.state is CaseState.CANCELLED


@pytest.mark.rule("S-23")
def test_a_further_visit_at_once_stops_nothing(records):
    offered(records)
    accept(records)
    schedule(records, "Jo")
    came = at("2026-06-10T09:00")
    command(records, "arrived", came, **own(arrived_at=came))
    command(records, "departed", came, **own(departed_at=came, is_finished=False))
    order = schedule(records, "Jo", came)
    assert (len(order.visits), order.pauses) == (2, ())


@pytest.mark.rule("Q-78")
def test_somebody_else_who_comes_is_certified_as_well(records):
    on_record(records)
    on_record(records, id="T-8", name="Mo", certifications=())
    offered(records)
    accept(records)
    schedule(records, "T-7")
    came = at("2026-06-10T09:00")
    refused = command(records, "arrived", came, **own(arrived_at=came, technician="Mo"))
    assert refused.code == "technician_not_certified"
    order = command(records, "arrived", came, **own(arrived_at=came))
    assert order.visits[-1].certification == "E-7"


@pytest.mark.rule("T-91")
def test_what_is_tried_out_is_never_routed_to_who_is_real(records):
    """A test site reaches test partners only, however well a live one fits."""
    for site in records.find(Site, by="gateway_id", value="gw-1"):
        alter(records, Site, site.record.id, mode="test")
    take_up(records)
    order = the_order(records)
    assert (order.partner_id, order.ranking) == (None, ())
    alter(records, Partner, "other", mode="test")
    again = command(records, "assign", partner_id="other", by="spc_1")
    assert again.partner_id == "other"
