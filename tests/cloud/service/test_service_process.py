from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sample_home import HOME

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, Conflict, NotFound
from cloud.kernel.money import Money
from cloud.kernel.secret import Secret
from cloud.portfolio.models import Partner, Site
from cloud.service import process
from cloud.service.clocks import clock_of
from cloud.service.models import (
    Case,
    CaseOwner,
    CaseSlot,
    CaseState,
    Cause,
    Coordinator,
    Finding,
    Incomplete,
    OriginalOffer,
    Report,
    Task,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.offer import AssignmentState
from cloud.service.report import Condition, VisitReport
from cloud.service.sla import SlaMilestone
from tests.cloud.service.report_world import keep_photos

EASTERN = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=EASTERN)


MONDAY = at("2026-06-08T09:00")

SITE = HOME

FINDING = Finding(
    id="F-1",
    site_id="site-1",
    family="PRODUCTION",
    rule="D-13",
    opened_on=date(2026, 6, 5),
    says="it makes less than 85% of what it should",
    dispatchable=True,
    evidence=("5 June: 40%",),
    causes=("chunk-1",),
)

REPORT = VisitReport(
    form="pdf",
    as_found=Condition("offline", ("a.jpg",)),
    as_departed=Condition("producing", ("b.jpg",)),
    summary="replaced a connector",
    root_cause="a loose connector",
)


def partner(name, **facts):
    usual = {
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


@pytest.fixture
def records():
    kept = MemoryRecords()
    partners = [partner("orig"), partner("other", performance=99), partner("third")]
    spc = Coordinator("spc_1", "Sam", "spc@owner.example")
    kept.commit(Change(saves=tuple(Save(record) for record in (SITE, spc, *partners))))
    for one in partners:
        process.enlist(kept, partner_id=one.id, at=MONDAY, by="rm")
    return kept


def change_site(records, **facts):
    stored = records.load(Site, "site-1")
    records.commit(Change(saves=(stored.replaced_by(replace(stored.record, **facts)),)))


def take_up(records, finding=FINDING, when=MONDAY):
    return process.take_up(records, finding=finding, at=when, spc_id="spc_1")


def the_order(records) -> WorkOrder:
    (stored,) = [
        found
        for case in records.find(Case, by="site_id", value="site-1")
        for found in records.find(WorkOrder, by="case_id", value=case.record.id)
    ]
    return stored.record


def deliver(records, when=MONDAY):
    order = the_order(records)
    letter_id = order.assignments[-1].letter_id
    return process.record_delivery(records, thread=order.id, letter_id=letter_id, delivered_at=when)


def offered(records, when=MONDAY):
    take_up(records, when=when)
    return deliver(records, when)


def accept(records, who="orig", estimate=0, when=MONDAY):
    return process.accept(
        records,
        work_order_id=the_order(records).id,
        partner_id=who,
        estimate=Money(estimate),
        at=when,
        by=f"{who}:jo",
    )


def decline(records, who="orig", when=MONDAY):
    return process.decline(
        records,
        work_order_id=the_order(records).id,
        partner_id=who,
        reason="no crew",
        at=when,
        by=f"{who}:jo",
    )


def submit_report(records, who="orig", content=REPORT, when=MONDAY):
    keep_photos(records, content, work_order_id=the_order(records).id, partner_id=who)
    return process.submit_report(
        records,
        work_order_id=the_order(records).id,
        partner_id=who,
        content=content,
        departed_at=when,
        at=when,
        by=f"{who}:jo",
    )


def wake(records, name, when):
    order = the_order(records)
    timer = Timer(f"{order.id}:{name}", order.id, name, when)
    return process.wake(records, timer=timer, at=when)


def happened(records, subject):
    return [event.what for event in records.history(subject)]


def everything(records):
    return (
        dict(records._records),
        dict(records._history),
        dict(records.letters),
        dict(records.messages),
        dict(records.timers),
    )


@pytest.mark.rule("D-14")
@pytest.mark.rule("D-15")
@pytest.mark.rule("M-74")
def test_a_finding_opens_a_case_tells_the_customer_and_sends_the_installer(records):
    case = take_up(records)
    order = the_order(records)
    assert case.state is CaseState.WORK_ORDERED
    assert order.partner_id == "orig"
    assert order.routed_by == "original_installer_first"
    assert {ranked.partner_id for ranked in order.ranking} == {"orig", "other", "third"}
    to = {letter.to: letter for letter in records.letters.values()}
    assert set(to) == {"customer@home.example", "service@orig.example"}
    assert case.id in to["customer@home.example"].text
    assert f"[{order.id}]" in to["service@orig.example"].subject
    assert "Wednesday, June 10, 2026 at 5:00 PM EDT" in to["service@orig.example"].text
    assert to["service@orig.example"].thread == order.id


@pytest.mark.rule("D-14")
def test_the_same_finding_twice_changes_nothing(records):
    first = take_up(records)
    before = everything(records)
    assert take_up(records, when=MONDAY + timedelta(hours=8)) == first
    assert everything(records) == before


@pytest.mark.rule("D-14")
def test_a_later_finding_of_an_open_case_adds_evidence_only(records):
    first = take_up(records)
    again = replace(FINDING, id="F-2", evidence=("6 June: 30%",), causes=("chunk-2",))
    case = take_up(records, again)
    assert case.id == first.id
    assert case.evidence == ("5 June: 40%", "6 June: 30%")
    assert case.causes == ("chunk-1", "chunk-2")
    assert len(records.letters) == 2
    before = everything(records)
    take_up(records, again)
    assert everything(records) == before


@pytest.mark.rule("D-14")
def test_another_family_is_another_case(records):
    first = take_up(records)
    assert take_up(records, replace(FINDING, id="F-2", family="COMMS")).id != first.id


@pytest.mark.rule("D-14")
def test_two_that_open_a_case_at_once_cannot_both_win(records):
    take_up(records)
    rival = CaseSlot("site-1#PRODUCTION", "CASE-RIVAL")
    with pytest.raises(Conflict):
        records.commit(Change(saves=(Save(rival),)))


@pytest.mark.rule("D-14")
def test_a_case_opened_on_an_uncertain_finding_sends_somebody_on_a_certain_one(records):
    case = take_up(records, replace(FINDING, dispatchable=False))
    assert case.state is CaseState.OPEN
    assert records.find(WorkOrder, by="case_id", value=case.id) == ()
    case = take_up(records, replace(FINDING, id="F-2"))
    assert case.state is CaseState.WORK_ORDERED
    assert the_order(records).state is WorkOrderState.OFFERED


@pytest.mark.rule("C-15")
def test_the_support_center_s_case_starts_no_partner_s_clock(records):
    change_site(records, omnidian_onboarded=True)
    case = take_up(records)
    assert (case.owner, case.state) == (CaseOwner.OMNIDIAN, CaseState.WITH_OMNIDIAN)
    assert records.find(WorkOrder, by="case_id", value=case.id) == ()
    assert len(records.letters) == 1
    assert records.timers == {}


@pytest.mark.rule("R-43")
@pytest.mark.parametrize(
    ("until", "who"),
    [
        pytest.param(date(2026, 6, 5), "orig", id="last day of the warranty"),
        pytest.param(date(2026, 6, 4), "other", id="a day after it"),
    ],
)
def test_the_installer_comes_first_within_its_warranty(records, until, who):
    change_site(records, workmanship_until=until)
    take_up(records)
    assert the_order(records).partner_id == who


@pytest.mark.rule("R-42")
def test_with_nobody_eligible_a_person_chooses(records):
    change_site(records, state="TX", installer_id="gone")
    case = take_up(records)
    order = the_order(records)
    assert case.state is CaseState.WORK_ORDERED
    assert (order.partner_id, order.task) == (None, Task.CHOOSE_PARTNER)
    order = process.assign(
        records, work_order_id=order.id, partner_id="third", at=MONDAY, by="spc_1"
    )
    assert (order.partner_id, order.task) == ("third", None)
    before = everything(records)
    process.assign(records, work_order_id=order.id, partner_id="third", at=MONDAY, by="spc_1")
    assert everything(records) == before
    refused = process.assign(
        records, work_order_id=order.id, partner_id="other", at=MONDAY, by="spc_1"
    )
    assert refused.code == "conflict"


@pytest.mark.rule("S-20")
@pytest.mark.rule("S-20a")
def test_the_accept_clock_starts_with_delivery(records):
    take_up(records)
    assert records.timers == {}
    order = deliver(records, at("2026-06-08T18:00"))
    timer = records.timers[f"{order.id}:accept_due"]
    assert timer.due_at == at("2026-06-11T17:00:01")
    before = everything(records)
    deliver(records, at("2026-06-09T18:00"))
    assert everything(records) == before
    unknown = {"thread": order.id, "letter_id": "LTR-?", "delivered_at": MONDAY}
    assert process.record_delivery(records, **unknown) is None
    assert process.record_delivery(records, **{**unknown, "thread": "CASE-1"}) is None


@pytest.mark.rule("S-20")
def test_a_letter_that_came_back_starts_no_clock(records):
    order = offered(records)
    facts = {"thread": order.id, "letter_id": order.assignments[-1].letter_id, "at": MONDAY}
    order = process.record_bounce(records, **facts)
    assert order.task is Task.CORRECT_CONTACT
    assert records.timers == {}
    assert clock_of(order, SlaMilestone.ACCEPT, now=at("2026-07-01T09:00")) is None
    before = everything(records)
    process.record_bounce(records, **facts)
    assert everything(records) == before


@pytest.mark.rule("R-44")
def test_an_acceptance_in_time_starts_the_other_clocks(records):
    offered(records)
    order = accept(records, when=at("2026-06-09T09:00"))
    assert order.state is WorkOrderState.ACCEPTED
    assert order.original_offer is OriginalOffer.ACCEPTED
    due = {timer.wakes: timer.due_at for timer in records.timers.values()}
    assert due == {
        "schedule_due": at("2026-06-11T17:00:01"),
        "complete_due": at("2026-06-24T17:00:01"),
        "remind": at("2026-06-11T08:00:01"),
    }
    before = everything(records)
    accept(records, when=at("2026-06-09T11:00"))
    assert everything(records) == before


@pytest.mark.rule("R-44")
def test_a_refusal_goes_to_the_next_partner_and_is_kept_as_a_key(records):
    offered(records)
    order = decline(records)
    assert order.partner_id == "other"
    assert order.excluded == ("orig",)
    assert order.original_offer is OriginalOffer.DECLINED
    assert [one.state for one in order.assignments] == ["declined", "offered"]
    assert records.timers == {}
    before = everything(records)
    decline(records)
    assert everything(records) == before
    assert accept(records, "orig").code == "conflict"
    order = decline(records, "other")
    order = decline(records, "third")
    assert (order.partner_id, order.task) == (None, Task.CHOOSE_PARTNER)


@pytest.mark.rule("S-20")
@pytest.mark.rule("R-44")
def test_silence_is_a_breach_once_and_a_person_confirms_the_reassignment(records):
    order = offered(records)
    facts = {"work_order_id": order.id, "by": "spc_1"}
    due = at("2026-06-10T17:00")
    wake(records, "accept_due", due)
    assert the_order(records).state is WorkOrderState.OFFERED
    assert process.reassign(records, at=due, **facts).code == "conflict"
    order = wake(records, "accept_due", due + timedelta(seconds=1))
    assert (order.state, order.task) == (WorkOrderState.REASSIGNABLE, Task.CONFIRM_REASSIGNMENT)
    assert order.original_offer is OriginalOffer.NO_RESPONSE
    (reminder,) = records.timers.values()
    assert (reminder.wakes, reminder.due_at) == ("remind", at("2026-06-11T08:00:01"))
    wake(records, "remind", at("2026-06-11T08:00"))
    assert records.timers == {}
    before = everything(records)
    wake(records, "accept_due", due + timedelta(days=3))
    assert everything(records) == before
    assert happened(records, order.id).count("accept_missed") == 1
    order = process.reassign(records, at=at("2026-06-11T09:00"), **facts)
    assert order.partner_id == "other"
    assert order.assignments[0].state is AssignmentState.EXPIRED_REASSIGNED
    assert accept(records, "orig").code == "conflict"
    assert happened(records, order.id).count("accept_missed") == 1


@pytest.mark.rule("R-44")
@pytest.mark.rule("B-53")
def test_the_silence_of_the_next_partner_does_not_speak_for_the_installer(records):
    offered(records)
    decline(records)
    deliver(records)
    order = wake(records, "accept_due", at("2026-06-10T17:00:01"))
    assert order.state is WorkOrderState.REASSIGNABLE
    assert order.original_offer is OriginalOffer.DECLINED
    assert [one.partner_id for one in order.assignments] == ["orig", "other"]
    assert [one.missed for one in order.assignments] == [(), (SlaMilestone.ACCEPT,)]


@pytest.mark.rule("R-44")
def test_a_reassignment_does_not_wait_for_the_timer(records):
    order = offered(records)
    facts = {"work_order_id": order.id, "by": "spc_1", "at": at("2026-06-10T17:00:01")}
    order = process.reassign(records, **facts)
    assert order.original_offer is OriginalOffer.NO_RESPONSE
    assert order.assignments[0].missed == (SlaMilestone.ACCEPT,)
    assert "accept_missed" in happened(records, order.id)


@pytest.mark.rule("R-44")
def test_a_late_acceptance_before_the_reassignment_stands(records):
    offered(records)
    wake(records, "accept_due", at("2026-06-10T17:05"))
    order = accept(records, when=at("2026-06-11T09:00"))
    assert order.state is WorkOrderState.ACCEPTED
    assert order.assignments[-1].is_late
    assert order.original_offer is OriginalOffer.ACCEPTED
    assert happened(records, order.id).count("accept_missed") == 1


@pytest.mark.rule("S-20b")
def test_who_acknowledged_is_chased_and_not_replaced_without_a_word(records):
    order = offered(records)
    facts = {"work_order_id": order.id, "partner_id": "orig", "at": MONDAY, "by": "orig:jo"}
    process.acknowledge(records, **facts)
    before = everything(records)
    process.acknowledge(records, **facts)
    assert everything(records) == before
    order = wake(records, "accept_due", at("2026-06-10T17:01"))
    assert (order.state, order.task) == (WorkOrderState.OFFERED, Task.CHASE_PARTNER)
    assert order.original_offer is OriginalOffer.NOT_OFFERED
    order = process.reassign(records, work_order_id=order.id, at=at("2026-06-12T09:00"), by="spc_1")
    assert order.original_offer is OriginalOffer.NO_RESPONSE


@pytest.mark.rule("S-20")
def test_a_late_acknowledgement_is_an_answer(records):
    order = offered(records)
    wake(records, "accept_due", at("2026-06-10T17:01"))
    order = process.acknowledge(
        records,
        work_order_id=order.id,
        partner_id="orig",
        at=at("2026-06-10T18:00"),
        by="orig:jo",
    )
    assert (order.state, order.task) == (WorkOrderState.OFFERED, Task.CHASE_PARTNER)


@pytest.mark.rule("E-32")
def test_an_emergency_calls_twice_and_waits_an_hour(records):
    fire = replace(FINDING, hazard="thermal_event", dispatchable=False)
    case = take_up(records, fire, when=at("2026-06-06T23:30"))
    order = deliver(records, at("2026-06-06T23:30"))
    assert case.is_emergency
    assert order.task is Task.PHONE_PARTNER
    assert records.timers[f"{order.id}:acknowledge_due"].due_at == at("2026-06-07T00:30:01")
    facts = {"work_order_id": order.id, "at": at("2026-06-06T23:35"), "by": "ams"}
    assert process.record_phone_call(records, **facts).task is None
    before = everything(records)
    process.record_phone_call(records, **facts)
    assert everything(records) == before
    order = wake(records, "acknowledge_due", at("2026-06-07T00:30:01"))
    assert order.state is WorkOrderState.REASSIGNABLE
    assert order.original_offer is OriginalOffer.COULD_NOT_RESPOND_EMERGENCY
    order = process.reassign(records, work_order_id=order.id, at=at("2026-06-07T00:40"), by="ams")
    assert order.partner_id == "other"


@pytest.mark.rule("E-32")
def test_nobody_can_be_called_where_nobody_was_chosen(records):
    change_site(records, state="TX", installer_id="gone")
    take_up(records)
    order = the_order(records)
    refused = process.record_phone_call(records, work_order_id=order.id, at=MONDAY, by="ams")
    assert refused.rule == "E-32"


@pytest.mark.rule("I-63")
@pytest.mark.parametrize(
    ("estimate", "state"),
    [
        pytest.param(50_000, WorkOrderState.ACCEPTED, id="$500.00"),
        pytest.param(50_001, WorkOrderState.AWAITING_SPEND, id="$500.01"),
    ],
)
def test_an_estimate_over_the_limit_waits_for_the_coordinator(records, estimate, state):
    offered(records)
    order = accept(records, estimate=estimate)
    assert order.state is state
    asked = [letter for letter in records.letters.values() if letter.to == "spc@owner.example"]
    assert bool(asked) is (state is WorkOrderState.AWAITING_SPEND)


def approve_spend(records, cents, when=MONDAY, **facts):
    return process.approve_spend(
        records,
        work_order_id=the_order(records).id,
        max_total=Money(cents),
        at=when,
        **{"is_written": True, "by": "spc_1", **facts},
    )


@pytest.mark.rule("I-62")
def test_the_clocks_start_with_the_written_approval(records):
    offered(records)
    accept(records, estimate=80_000)
    assert records.timers == {}
    attempt = attempt_contact(records)
    assert (attempt.rule, attempt.code) == ("I-62", "awaiting_spend_approval")
    assert approve_spend(records, 80_000, is_written=False).code == "not_written"
    assert approve_spend(records, 0).code == "invalid_amount"
    order = approve_spend(records, 80_000, at("2026-06-10T09:00"))
    assert order.state is WorkOrderState.ACCEPTED
    assert order.assignments[-1].state is AssignmentState.ACCEPTED
    assert order.not_to_exceed == Money(80_000)
    due = {timer.wakes: timer.due_at for timer in records.timers.values()}
    assert due["schedule_due"] == at("2026-06-12T17:00:01")
    before = everything(records)
    approve_spend(records, 80_000, at("2026-06-11T09:00"))
    assert everything(records) == before


@pytest.mark.rule("I-62")
def test_nothing_is_approved_before_somebody_took_the_work(records):
    offered(records)
    assert approve_spend(records, 80_000).code == "conflict"


@pytest.mark.rule("I-62")
@pytest.mark.rule("S-23")
@pytest.mark.rule("S-23a")
def test_waiting_for_the_owner_stops_the_clocks(records):
    offered(records)
    facts = {"partner_id": "orig", "at": at("2026-06-09T09:00"), "by": "orig:jo"}

    def ask(cents, **more):
        number = the_order(records).id
        asked = {**facts, "amount": Money(cents), **more}
        return process.request_spend(records, work_order_id=number, **asked)

    assert ask(60_000).code == "conflict"
    accept(records)
    assert ask(50_000).code == "approval_not_needed"
    order = ask(60_000)
    assert order.task is Task.APPROVE_SPEND
    assert records.timers == {}
    before = everything(records)
    ask(60_000)
    for again in (ask(90_000), ask(60_000, why="a crane")):
        assert (again.rule, again.code) == ("I-62", "conflict")
        assert again.because.startswith("$600.00 waits for an answer already")
    assert everything(records) == before
    order = approve_spend(records, 60_000, at("2026-06-10T09:00"))
    assert order.task is None
    assert records.timers[f"{order.id}:schedule_due"].due_at == at("2026-06-11T17:00:01")


def attempt_contact(records, when=MONDAY, who="orig"):
    return process.contact_attempt(
        records,
        work_order_id=the_order(records).id,
        partner_id=who,
        channel="phone",
        outcome="no answer",
        at=when,
        by=f"{who}:jo",
    )


@pytest.mark.rule("S-21")
def test_the_first_attempt_meets_the_milestone(records):
    offered(records)
    accept(records)
    order = attempt_contact(records, at("2026-06-09T09:00"))
    assert order.state is WorkOrderState.SCHEDULING
    assert f"{order.id}:schedule_due" not in records.timers
    before = everything(records)
    attempt_contact(records, at("2026-06-09T09:00"))
    assert everything(records) == before


@pytest.mark.rule("S-21")
def test_a_late_attempt_is_a_breach_dated_by_the_deadline(records):
    offered(records)
    accept(records)
    order = attempt_contact(records, at("2026-06-15T09:00"))
    (missed,) = [one for one in records.history(order.id) if one.what == "schedule_missed"]
    assert missed.at == at("2026-06-10T17:00")
    assert (missed.by, missed.rule, missed.causes) == ("clocks", "S-21", (order.case_id,))
    assert wake(records, "schedule_due", at("2026-06-16T09:00")) == order


def book(records, since="2026-06-10T09:00", until="2026-06-10T12:00"):
    return process.schedule_visit(
        records,
        work_order_id=the_order(records).id,
        partner_id="orig",
        since=at(since),
        until=at(until),
        technician="T-1",
        at=MONDAY,
        by="orig:jo",
    )


@pytest.mark.rule("S-21")
def test_a_booking_is_an_attempt_and_the_customer_is_told(records):
    offered(records)
    assert book(records).code == "conflict"
    accept(records)
    assert book(records, until="2026-06-10T08:00").code == "invalid_window"
    order = book(records)
    assert order.state is WorkOrderState.SCHEDULED
    assert f"{order.id}:schedule_due" not in records.timers
    told = [letter for letter in records.letters.values() if "service visit" in letter.subject]
    assert "Wednesday, June 10, 2026 at 9:00 AM EDT" in told[0].text
    before = everything(records)
    book(records)
    assert everything(records) == before


def pause(records, reason="weather", when=MONDAY, since=None, evidence="storm warning"):
    return process.pause(
        records,
        work_order_id=the_order(records).id,
        partner_id="orig",
        reason=reason,
        evidence=evidence,
        since=since or when,
        at=when,
        by="orig:jo",
    )


@pytest.mark.rule("S-23")
def test_a_pause_moves_the_deadlines_and_ends(records):
    order = offered(records)
    facts = {"work_order_id": order.id, "partner_id": "orig", "reason": "weather", "by": "orig:jo"}
    assert pause(records).code == "conflict"
    assert process.resume(records, at=MONDAY, **facts).code == "conflict"
    accept(records)
    pause(records)
    assert records.timers == {}
    before = everything(records)
    pause(records)
    assert everything(records) == before
    process.resume(records, at=at("2026-06-08T17:00"), **facts)
    assert records.timers[f"{order.id}:schedule_due"].due_at == at("2026-06-11T16:00:01")
    before = everything(records)
    process.resume(records, at=at("2026-06-09T17:00"), **facts)
    assert everything(records) == before


@pytest.mark.rule("S-23")
@pytest.mark.rule("S-23b")
@pytest.mark.rule("S-23c")
@pytest.mark.parametrize(
    ("facts", "answered"),
    [
        pytest.param({"reason": "holiday"}, ("S-23", "unknown_reason"), id="no agreed reason"),
        pytest.param(
            {"reason": "awaiting_owner"}, ("S-23", "unknown_reason"), id="the owner's reason"
        ),
        pytest.param({"evidence": " "}, ("S-23", "evidence_missing"), id="no evidence"),
        pytest.param(
            {"since": at("2026-06-08T09:01")}, ("S-23b", "pause_backdated"), id="in the future"
        ),
        pytest.param(
            {"since": at("2026-06-05T07:59")},
            ("S-23b", "pause_backdated"),
            id="before Friday's opening",
        ),
        pytest.param({"since": at("2026-06-05T08:00")}, None, id="from Friday's opening"),
        pytest.param(
            {"when": at("2026-06-08T20:30"), "since": at("2026-06-05T08:00")},
            None,
            id="told on Monday evening, when Greenwich has Tuesday",
        ),
        pytest.param(
            {"reason": "homeowner_unresponsive"}, ("S-23c", "too_few_attempts"), id="never tried"
        ),
        pytest.param(
            {"when": at("2026-06-22T17:01")}, ("S-23", "declared_after_due"), id="overdue"
        ),
    ],
)
def test_which_pauses_are_granted(records, facts, answered):
    offered(records, at("2026-06-05T09:00"))
    accept(records, when=at("2026-06-05T09:00"))
    answer = pause(records, **facts)
    told = (answer.rule, answer.code) if isinstance(answer, Refused) else None
    assert told == answered
    assert told is None or answer.because


@pytest.mark.rule("S-23c")
def test_a_homeowner_is_unresponsive_after_two_days(records):
    offered(records)
    accept(records)
    attempt_contact(records, at("2026-06-08T09:30"))
    attempt_contact(records, at("2026-06-08T20:30"))  # still the same day where the home stands
    unresponsive = {"reason": "homeowner_unresponsive"}
    assert pause(records, when=at("2026-06-08T20:31"), **unresponsive).code == "too_few_attempts"
    attempt_contact(records, at("2026-06-09T09:30"))
    order = pause(records, when=at("2026-06-09T09:31"), **unresponsive)
    assert order.pauses[-1].until is None


@pytest.mark.rule("P-71")
def test_an_incomplete_report_is_told_and_not_kept(records):
    offered(records)
    accept(records)
    keep_photos(records, REPORT, work_order_id=the_order(records).id, partner_id="orig")
    before = everything(records)
    answer = submit_report(records, content=replace(REPORT, root_cause=" ", form="fax"))
    assert isinstance(answer, Incomplete)
    assert answer.missing == ("root_cause_missing", "unsupported_form")
    assert everything(records) == before


@pytest.mark.rule("P-71")
@pytest.mark.rule("S-22")
def test_a_complete_report_completes_the_work_and_the_case_waits_for_the_proof(records):
    offered(records)
    accept(records)
    report = submit_report(records, when=at("2026-06-22T17:00"))
    order = the_order(records)
    assert isinstance(report, Report)
    assert order.state is WorkOrderState.COMPLETED
    assert order.assignments[-1].missed == (SlaMilestone.SCHEDULE,)
    assert [one.wakes for one in records.timers.values()] == ["verify_case"]
    case = take_up(records)
    assert case.state is CaseState.VERIFYING
    before = everything(records)
    assert submit_report(records, when=at("2026-06-23T09:00")) == report
    assert everything(records) == before
    other = replace(REPORT, summary="something else")
    assert submit_report(records, content=other).code == "conflict"
    seen = {"site_id": "site-1", "family": "PRODUCTION", "at": at("2026-06-23T21:00")}
    case = process.record_recovery(records, **seen)
    assert case.state is CaseState.VERIFYING
    confirmed = {"case_id": case.id, "at": seen["at"], "by": "ams"}
    assert process.customer_confirms(records, **confirmed).state is CaseState.RESOLVED
    subjects = [letter.subject for letter in records.letters.values()]
    assert f"[{case.id}] Your solar system works again" in subjects
    before = everything(records)
    process.record_recovery(records, **seen)
    take_up(records)
    assert everything(records) == before
    later = take_up(records, replace(FINDING, id="F-9"), when=at("2026-07-07T21:01"))
    assert later.id != case.id


@pytest.mark.rule("P-71")
def test_readings_that_were_well_before_the_report_prove_nothing_of_it(records):
    offered(records)
    accept(records)
    seen = {"site_id": "site-1", "family": "PRODUCTION", "at": at("2026-06-09T21:00")}
    assert process.record_recovery(records, **seen).state is CaseState.WORK_ORDERED
    submit_report(records, when=at("2026-06-10T09:00"))
    (case,) = records.find(Case, by="site_id", value="site-1")
    assert case.record.state is CaseState.VERIFYING


@pytest.mark.rule("D-14")
def test_a_case_that_nobody_went_for_closes_when_the_readings_are_well(records):
    take_up(records, replace(FINDING, dispatchable=False))
    case = process.record_recovery(records, site_id="site-1", family="PRODUCTION", at=MONDAY)
    assert case.state is CaseState.RESOLVED
    nothing = process.record_recovery(records, site_id="site-1", family="COMMS", at=MONDAY)
    assert nothing is None


@pytest.mark.rule("P-71")
def test_a_visit_that_is_not_over_has_no_report(records):
    offered(records)
    assert submit_report(records).code == "conflict"
    accept(records)
    refused = process.submit_report(
        records,
        work_order_id=the_order(records).id,
        partner_id="orig",
        content=REPORT,
        departed_at=MONDAY + timedelta(seconds=1),
        at=MONDAY,
        by="orig:jo",
    )
    assert refused.code == "departed_in_the_future"


@pytest.mark.rule("S-22")
def test_a_report_a_second_after_the_deadline_is_late_once(records):
    offered(records)
    accept(records)
    wake(records, "complete_due", at("2026-06-23T17:00:01"))
    submit_report(records, when=at("2026-06-24T09:00"))
    order = the_order(records)
    assert happened(records, order.id).count("complete_missed") == 1


@pytest.mark.rule("B-53")
def test_a_coordinator_finds_the_cause_on_evidence(records):
    order = offered(records)
    facts = {"work_order_id": order.id, "at": MONDAY, "by": "spc_1", "cause": Cause.WORKMANSHIP}
    assert process.record_finding(records, evidence="a.jpg", **facts).code == "conflict"
    accept(records)
    submit_report(records)
    assert process.record_finding(records, evidence=" ", **facts).code == "evidence_missing"
    order = process.record_finding(records, evidence="a.jpg", **facts)
    assert (order.cause, order.task) == (Cause.WORKMANSHIP, None)
    before = everything(records)
    process.record_finding(records, evidence="a.jpg", **facts)
    assert everything(records) == before


@pytest.mark.rule("T-91")
@pytest.mark.parametrize("who", ["other", "nobody"])
def test_a_partner_never_learns_of_another_s_work_order(records, who):
    order = offered(records)
    attempts = [
        lambda: accept(records, who),
        lambda: decline(records, who),
        lambda: attempt_contact(records, who=who),
        lambda: submit_report(records, who),
        lambda: process.acknowledge(
            records, work_order_id=order.id, partner_id=who, at=MONDAY, by=who
        ),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound, match="is not known here"):
            attempt()
    with pytest.raises(NotFound, match="is not known here"):
        process.accept(
            records,
            work_order_id="WO-NONE",
            partner_id=who,
            estimate=None,
            at=MONDAY,
            by=who,
        )


def test_another_stage_s_timer_is_refused(records):
    order = offered(records)
    with pytest.raises(BadInput, match="not a clock of a work order"):
        process.wake(records, timer=Timer("x", order.id, "approval_due", MONDAY), at=MONDAY)


def test_a_finding_names_its_issue():
    with pytest.raises(BadInput, match="names no issue"):
        replace(FINDING, family="")


@pytest.mark.rule("R-42")
def test_enlisting_twice_changes_nothing(records):
    before = everything(records)
    process.enlist(records, partner_id="orig", at=MONDAY, by="rm")
    assert everything(records) == before


@pytest.mark.rule("R-44")
def test_an_answer_cannot_be_changed(records):
    order = offered(records)
    accept(records)
    assert accept(records, estimate=100).code == "conflict"
    assert decline(records).code == "conflict"
    decline_by = {"work_order_id": order.id, "partner_id": "orig", "at": MONDAY, "by": "orig:jo"}
    assert process.acknowledge(records, **decline_by).state is WorkOrderState.ACCEPTED


@pytest.mark.rule("R-44")
def test_who_lost_the_work_order_can_do_nothing_with_it(records):
    order = offered(records)
    process.reassign(records, work_order_id=order.id, at=at("2026-06-11T09:00"), by="spc_1")
    facts = {"work_order_id": order.id, "partner_id": "orig", "at": MONDAY, "by": "orig:jo"}
    assert process.acknowledge(records, **facts).code == "conflict"
    assert process.request_spend(records, amount=Money(60_000), **facts).code == "conflict"
    assert decline(records, "orig").code == "conflict"
    assert attempt_contact(records).code == "conflict"


@pytest.mark.rule("S-20")
def test_a_timer_that_outlived_its_offer_wakes_nobody(records):
    change_site(records, state="TX")
    offered(records)
    order = decline(records)
    assert order.partner_id is None
    assert wake(records, "accept_due", at("2026-07-01T09:00")) == order


@pytest.mark.rule("S-20")
def test_a_silent_partner_is_reminded_in_its_thread(records):
    order = offered(records)
    wake(records, "accept_due", at("2026-06-10T17:00:01"))
    assert [one for one in records.letters.values() if "Overdue" in one.subject] == []
    wake(records, "remind", at("2026-06-11T08:00"))
    (reminder,) = [one for one in records.letters.values() if "Overdue" in one.subject]
    assert (reminder.to, reminder.thread) == ("service@orig.example", order.id)


@pytest.mark.rule("I-62")
def test_without_a_named_coordinator_the_estimate_waits_on_the_list(records):
    process.take_up(records, finding=FINDING, at=MONDAY)
    deliver(records)
    order = accept(records, estimate=50_001)
    assert order.task is Task.APPROVE_SPEND
    assert len(records.letters) == 3


@pytest.mark.rule("I-62")
def test_more_may_be_approved_while_the_work_goes_on(records):
    offered(records)
    accept(records)
    order = approve_spend(records, 70_000)
    assert order.not_to_exceed == Money(70_000)
    assert order.work_authorized_at == MONDAY
    pause(records)
    order = approve_spend(records, 75_000)
    assert order.not_to_exceed == Money(75_000)
    assert records.timers == {}


@pytest.mark.rule("S-20")
def test_a_letter_that_came_back_unknown_is_ignored(records):
    assert process.record_bounce(records, thread="WO-X", letter_id="LTR-X", at=MONDAY) is None


@pytest.mark.rule("Q-77")
def test_each_offer_says_what_the_work_goes_by(records):
    order = offered(records)
    (letter,) = [
        one for one in records.letters.values() if one.id == order.assignments[-1].letter_id
    ]
    assert "the maker's specifications, our quality standards and the local code" in letter.text
