"""What the aftermarket service decides about a case; each once, and only where it is open."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict
from cloud.kernel.money import Money
from cloud.portfolio.models import Site
from cloud.service import process
from cloud.service.cases import advice_of, category_refused, sent_for, step_refused
from cloud.service.models import (
    Case,
    CaseOwner,
    CaseState,
    CaseTask,
    EmergencyCategory,
    EvaluationCheck,
    Sight,
    Task,
    Visit,
    WorkOrderState,
)
from cloud.service.policy import CASE_STEPS
from cloud.service.process.verifying import verifying
from tests.cloud.service.case_world import (
    CUSTOMER,
    DANGER,
    DESKS,
    MONDAY,
    ORIGINAL,
    SURE,
    UNSURE,
    a_world,
    case_of,
    everything,
    has_worked,
    orders,
    put,
    take_up,
    to,
    waiting,
    whats,
)

LATER = MONDAY + timedelta(hours=2)
DAY = date(2026, 6, 8)


@pytest.fixture
def records():
    return a_world()


def visit(records, case, **facts):
    usual = {
        "scope": ("electrical",),
        "instructions": "look at string 1",
        "spc_id": "spc_1",
        "at": LATER,
        "by": "ams",
    }
    return process.require_site_visit(records, case_id=case.id, **{**usual, **facts})


def twice(records, command):
    """Do something, and again: the second time changes nothing and answers the same."""
    first = command()
    assert not isinstance(first, Refused)
    before = everything(records)
    assert command() == first
    assert everything(records) == before
    return first


# ---------------------------------------------------------------------- rules
@pytest.mark.rule("C-01")
@pytest.mark.parametrize("state", list(CaseState))
def test_only_the_steps_of_its_state_are_open_to_a_case(records, state):
    case = replace(take_up(records), state=state)
    steps = {step for open_to in CASE_STEPS.on(DAY).values() for step in open_to}
    for step in steps:
        refused = step_refused(case, step, on=DAY)
        assert (refused is None) is (step in CASE_STEPS.on(DAY)[state.value])
        if refused is not None:
            assert (refused.rule, refused.code) == ("C-01", "conflict")
            for other in CASE_STEPS.on(DAY)[state.value]:
                assert other in refused.because


@pytest.mark.rule("E-31")
@pytest.mark.parametrize(
    ("category", "reason", "is_grid_out", "code"),
    [
        (EmergencyCategory.ROOF_LEAK, "", False, None),
        (EmergencyCategory.ELECTRICAL_HAZARD, "", False, None),
        (EmergencyCategory.THERMAL_EVENT, "", False, None),
        (EmergencyCategory.BESS_MALFUNCTION, "beeps", False, "not_an_emergency"),
        (EmergencyCategory.BESS_MALFUNCTION, "", True, None),
        (EmergencyCategory.OTHER, " ", False, "reason_missing"),
        (EmergencyCategory.OTHER, "a child alone", False, None),
    ],
)
def test_four_kinds_of_emergency_and_a_fifth_by_a_person_s_reason(
    category, reason, is_grid_out, code
):
    refused = category_refused(category, reason=reason, is_grid_out=is_grid_out, on=DAY)
    assert (refused.code if refused else None) == code
    assert refused is None or (refused.rule == "E-31" and refused.because)


@pytest.mark.rule("K-30")
@pytest.mark.rule("K-31")
@pytest.mark.rule("K-32")
@pytest.mark.rule("K-33")
@pytest.mark.rule("K-34")
@pytest.mark.rule("K-35")
@pytest.mark.rule("K-36")
@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("help_desk", "ask us"),
        ("vegetation", "trees"),
        ("debris_and_pests", "nests"),
        ("internet", "internet"),
        ("access", "reach the system"),
        ("modification", "changed"),
        ("report_damage", "danger"),
        ("critter_remediation", "billed to you"),
        ("roof_repair", "roof repair"),
        ("gross_negligence", "billed to you"),
        ("workmanship", None),
        ("undetermined", None),
        ("anything", None),
    ],
)
def test_each_duty_and_each_cause_that_is_billed_has_words(code, word):
    words = advice_of(code, on=DAY)
    assert (words is None) if word is None else (word in words)


# ---------------------------------------------------------------------- a visit
@pytest.mark.rule("C-01")
@pytest.mark.rule("D-15")
def test_a_person_sends_somebody(records):
    case = take_up(records, UNSURE)
    sent = twice(records, lambda: visit(records, case, at=LATER))
    assert (sent.state, sent.task, sent.returns) == (CaseState.WORK_ORDERED, None, 0)
    (order,) = orders(records, sent)
    assert (order.instructions, order.scope) == ("look at string 1", ("electrical",))
    assert (order.partner_id, order.is_workmanship_suspected) == ("orig", True)
    assert order.not_to_exceed == Money(50_000)
    assert whats(records, case) == ["case_opened", "site_visit_required"]
    assert to(records, CUSTOMER)[-1] == "Somebody has to come"


@pytest.mark.rule("R-43b")
def test_a_person_says_whether_it_is_workmanship(records):
    case = take_up(records, UNSURE)
    sent = visit(records, case, is_workmanship_suspected=False)
    (order,) = orders(records, sent)
    assert (order.is_workmanship_suspected, order.partner_id) == (False, "other")


@pytest.mark.rule("C-17")
def test_a_visit_after_the_work_is_a_return_and_counted(records):
    case = has_worked(records, visit(records, take_up(records, UNSURE)), LATER)
    again = visit(records, case, instructions="look again", at=LATER + timedelta(hours=1))
    assert (again.returns, again.visited_at) == (1, None)
    assert len(orders(records, again)) == 2
    assert to(records, CUSTOMER).count("Somebody has to come") == 2


@pytest.mark.parametrize(("facts", "code"), [({"instructions": " "}, "instructions_missing")])
def test_a_visit_without_words_is_refused(records, facts, code):
    case = take_up(records, UNSURE)
    before = everything(records)
    assert visit(records, case, **facts).code == code
    assert everything(records) == before


def test_other_words_while_somebody_is_on_the_way_are_refused(records):
    case = visit(records, take_up(records, UNSURE))
    assert visit(records, case, instructions="something else").code == "conflict"


def test_work_that_was_called_off_gives_the_case_back_to_a_person(records):
    case = take_up(records)
    (order,) = orders(records, case)
    off = {"work_order_id": order.id, "reason": "wrong home", "at": LATER, "by": "spc_1"}
    process.cancel_order(records, **off)
    back = case_of(records, case.id)
    assert (back.state, back.task) == (CaseState.OPEN, CaseTask.TRIAGE)
    assert visit(records, back).state is CaseState.WORK_ORDERED


def test_a_case_is_not_called_off_while_somebody_is_there(records):
    case = take_up(records)
    (order,) = orders(records, case)
    there = Visit(LATER, LATER + timedelta(hours=1), "tech", arrived_at=LATER)
    put(records, replace(order, visits=(there,), state=WorkOrderState.ON_SITE))
    before = everything(records)
    refused = process.cancel(records, case_id=case.id, because="x", at=LATER, by="ams")
    assert (refused.rule, refused.code) == ("A-81", "conflict")
    assert everything(records) == before


def test_an_emergency_without_a_partner_has_somebody_chosen(records):
    case = take_up(records)
    (order,) = orders(records, case)
    put(records, replace(order, partner_id=None, state=WorkOrderState.MANUAL_DISPATCH))
    escalate(records, case)
    (order,) = orders(records, case)
    assert (order.is_emergency, order.task) == (True, Task.CHOOSE_PARTNER)


def test_a_report_of_work_on_a_case_that_is_over_leaves_the_case_alone(records):
    case = take_up(records)
    (order,) = orders(records, case)
    put(records, replace(case, state=CaseState.CANCELLED))
    assert not verifying(records, order, visited_at=LATER, at=LATER)


# ---------------------------------------------------------------------- mended from afar
@pytest.mark.rule("C-17")
def test_what_was_mended_from_afar_is_proven_too(records):
    case = take_up(records, UNSURE)
    fixed = twice(
        records,
        lambda: process.remote_fix(
            records, case_id=case.id, says="restarted it", at=LATER, by="ams"
        ),
    )
    assert (fixed.state, fixed.visited_at) == (CaseState.VERIFYING, LATER)
    assert waiting(records).wakes == "verify_case"
    assert whats(records, case)[-1] == "fixed_remotely"
    assert to(records, CUSTOMER)[-1] == "The work is done, we are watching"


def test_a_remote_fix_says_what_was_done_and_needs_an_open_case(records):
    case = take_up(records, UNSURE)
    facts = {"case_id": case.id, "at": LATER, "by": "ams"}
    assert process.remote_fix(records, says=" ", **facts).code == "nothing_said"
    sent = take_up(records, replace(SURE, id="F-2"))
    assert sent.id == case.id
    assert process.remote_fix(records, says="restarted it", **facts).code == "conflict"


# ---------------------------------------------------------------------- emergencies
def escalate(records, case, category=EmergencyCategory.THERMAL_EVENT, **facts):
    usual = {"desks": DESKS, "at": LATER, "by": "ams", "reason": "it smells burnt"}
    return process.escalate_emergency(
        records, case_id=case.id, category=category, **{**usual, **facts}
    )


@pytest.mark.rule("E-31")
def test_a_person_makes_an_open_case_an_emergency_and_somebody_goes(records):
    case = take_up(records, UNSURE)
    told = twice(records, lambda: escalate(records, case))
    assert (told.is_emergency, told.state, told.task) == (True, CaseState.WORK_ORDERED, None)
    (order,) = orders(records, told)
    assert (order.is_emergency, order.task) == (True, Task.PHONE_PARTNER)
    assert to(records, CUSTOMER)[-1] == "Please keep away from your solar equipment"
    assert whats(records, case) == ["case_opened", "became_emergency"]


@pytest.mark.rule("E-31")
@pytest.mark.rule("E-32")
def test_work_that_was_ordered_becomes_urgent(records):
    case = take_up(records)
    escalate(records, case, EmergencyCategory.OTHER, reason="a child alone at home")
    (order,) = orders(records, case)
    assert (order.is_emergency, order.emergency_since) == (True, LATER)
    assert to(records, ORIGINAL)[-1] == "This is an emergency now"
    case = case_of(records, case.id)
    assert (case.emergency_category, case.emergency_reason) == ("other", "a child alone at home")


@pytest.mark.rule("E-31")
def test_an_emergency_after_the_work_sends_somebody_again(records):
    case = has_worked(records, take_up(records), MONDAY)
    seen = replace(case, checks=(EvaluationCheck(MONDAY, Sight.CLEAR),))
    assert sent_for(seen).checks == ()
    told = escalate(records, case)
    assert (told.state, told.returns, len(orders(records, told))) == (CaseState.WORK_ORDERED, 1, 2)


@pytest.mark.rule("C-15")
def test_an_emergency_with_the_support_center_stays_there_and_is_told_to_both():
    records = a_world(omnidian_onboarded=True)
    case = take_up(records)
    told = escalate(records, case)
    assert (told.state, orders(records, told)) == (CaseState.WITH_OMNIDIAN, [])
    assert to(records, DESKS.support_center)[-1] == "EMERGENCY now"
    assert to(records, DESKS.aftermarket) == ["Emergency with the support center"]
    other = a_world(omnidian_onboarded=True)
    case = take_up(other)
    escalate(other, case, desks=None)
    assert to(other, DESKS.aftermarket) == []


def test_another_category_of_an_emergency_is_noted_and_nobody_is_told_again(records):
    case = take_up(records, DANGER)
    letters = dict(records.letters)
    told = escalate(records, case)
    assert told.emergency_category is EmergencyCategory.THERMAL_EVENT
    assert records.letters == letters


def test_what_is_no_emergency_is_refused(records):
    case = take_up(records)
    before = everything(records)
    refused = escalate(records, case, EmergencyCategory.BESS_MALFUNCTION)
    assert refused.code == "not_an_emergency"
    process.cancel(records, case_id=case.id, because="x", at=LATER, by="ams")
    assert escalate(records, case).code == "conflict"
    assert before != everything(records)


@pytest.mark.rule("E-32b")
def test_both_ways_to_a_partner_are_on_record_or_the_missing_one_is_named(records):
    case = take_up(records, DANGER)
    (order,) = orders(records, case)
    (way,) = process.emergency_contacts(records, case_id=case.id)
    assert way.missing == ("email", "phone")
    letter_id = order.assignments[-1].letter_id
    sent = {"thread": order.id, "letter_id": letter_id, "delivered_at": LATER}
    process.record_delivery(records, **sent)
    (way,) = process.emergency_contacts(records, case_id=case.id)
    assert (way.emailed_at, way.missing) == (LATER, ("phone",))
    called = {"outcome": "reached", "at": LATER, "by": "ams"}
    process.record_phone_call(records, work_order_id=order.id, **called)
    (way,) = process.emergency_contacts(records, case_id=case.id)
    assert (way.work_order_id, way.partner_id) == (order.id, order.partner_id)
    assert (way.phoned_at, way.missing) == (LATER, ())
    other = take_up(records, replace(SURE, id="F-9", family="BATTERY"))
    assert process.emergency_contacts(records, case_id=other.id) == ()


# ---------------------------------------------------------------------- the end of a case
@pytest.mark.rule("C-01")
def test_a_case_is_called_off_with_its_work_and_everybody_is_told(records):
    case = take_up(records)
    off = twice(
        records,
        lambda: process.cancel(
            records, case_id=case.id, because="the house is sold", at=LATER, by="ams"
        ),
    )
    (order,) = orders(records, off)
    assert (off.state, order.state, order.task) == (
        CaseState.CANCELLED,
        WorkOrderState.CANCELLED,
        None,
    )
    assert whats(records, case)[-1] == "case_cancelled"
    assert records.history(order.id)[-1].what == "cancelled"
    assert to(records, CUSTOMER)[-1] == "Your case was called off"
    assert len(to(records, ORIGINAL)) == 2
    assert [one for one in records.timers.values() if one.subject == order.id] == []
    new = take_up(records, replace(SURE, id="F-2"))
    assert new.id != case.id


def test_a_case_is_called_off_for_a_reason_and_work_that_is_done_stays_done(records):
    case = has_worked(records, take_up(records), MONDAY)
    facts = {"case_id": case.id, "at": LATER, "by": "ams"}
    assert process.cancel(records, because=" ", **facts).code == "reason_missing"
    process.cancel(records, because="the house is sold", **facts)
    assert orders(records, case)[0].state is WorkOrderState.COMPLETED
    assert process.customer_confirms(records, **facts).code == "conflict"


def test_work_without_a_partner_is_called_off_without_a_letter(records):
    case = take_up(records)
    (order,) = orders(records, case)
    put(records, replace(order, partner_id=None, state=WorkOrderState.MANUAL_DISPATCH))
    process.cancel(records, case_id=case.id, because="sold", at=LATER, by="ams")
    assert len(to(records, ORIGINAL)) == 1


@pytest.mark.rule("C-17c")
def test_the_customer_s_word_resolves_or_sends_back(records):
    case = has_worked(records, take_up(records), MONDAY)
    facts = {"case_id": case.id, "at": LATER, "by": "mail"}
    back = twice(records, lambda: process.customer_disagrees(records, says="still dark", **facts))
    assert (back.state, back.task, back.returns) == (CaseState.OPEN, CaseTask.RETURN_VISIT, 1)
    done = twice(records, lambda: process.customer_confirms(records, says="it works", **facts))
    assert (done.state, done.verified_at, done.confirmed_by) == (CaseState.RESOLVED, LATER, "mail")
    (letter,) = [one for one in records.letters.values() if "works again" in one.subject]
    assert "You told us so" in letter.text
    assert process.customer_disagrees(records, says="no", **facts).code == "conflict"


# ---------------------------------------------------------------------- the support center
def hand(records, case):
    return process.hand_over(records, case_id=case.id, desks=DESKS, at=LATER, by="ams")


@pytest.mark.rule("C-15")
def test_a_case_is_handed_over_kept_up_and_taken_back(records):
    case = take_up(records, UNSURE)
    assert hand(records, case).code == "not_onboarded"
    put(records, replace(records.load(Site, "site-1").record, omnidian_onboarded=True))
    handed = twice(records, lambda: hand(records, case))
    assert (handed.owner, handed.state) == (CaseOwner.OMNIDIAN, CaseState.WITH_OMNIDIAN)
    assert to(records, DESKS.support_center) == ["a case for you"]
    assert to(records, CUSTOMER)[-1] == "Your support center has your case"
    told = {
        "case_id": case.id,
        "reference": "OM-7",
        "status": "scheduled",
        "at": LATER,
        "by": "ams",
    }
    noted = twice(records, lambda: process.external_update(records, **told))
    assert (noted.external_reference, noted.external_status) == ("OM-7", "scheduled")
    back = twice(
        records,
        lambda: process.returned(
            records, case_id=case.id, because="not theirs", at=LATER, by="ams"
        ),
    )
    assert (back.owner, back.state, back.task) == (CaseOwner.AMS, CaseState.OPEN, CaseTask.TRIAGE)
    assert to(records, CUSTOMER)[-1] == "We look after your case again"
    assert whats(records, case) == ["case_opened", "handed_over", "external_update", "returned"]
    assert visit(records, back).state is CaseState.WORK_ORDERED


@pytest.mark.rule("C-15")
def test_what_the_support_center_does_not_have_it_cannot_keep_up_or_give_back(records):
    case = take_up(records)
    facts = {"case_id": case.id, "at": LATER, "by": "ams"}
    assert process.external_update(records, reference="1", status="x", **facts).code == "conflict"
    assert process.returned(records, because="x", **facts).code == "conflict"
    assert hand(records, case).code == "conflict"


@pytest.mark.rule("C-15")
def test_the_readings_close_a_case_of_the_support_center():
    records = a_world(omnidian_onboarded=True)
    case = take_up(records)
    seen = {"site_id": "site-1", "family": "PRODUCTION", "at": LATER}
    assert process.record_recovery(records, **seen).state is CaseState.RESOLVED
    assert case_of(records, case.id).resolved_at == LATER


# ---------------------------------------------------------------------- advice
@pytest.mark.rule("K-30")
def test_the_customer_is_told_of_each_thing_once(records):
    case = take_up(records)
    facts = {"case_id": case.id, "at": LATER, "by": "ams"}
    told = twice(records, lambda: process.advise_customer(records, code="vegetation", **facts))
    process.advise_customer(records, code="roof_repair", **facts)
    assert told.advised == ("vegetation",)
    assert case_of(records, case.id).advised == ("vegetation", "roof_repair")
    assert to(records, CUSTOMER).count("Something that is yours to look after") == 2
    assert process.advise_customer(records, code="workmanship", **facts).code == "unknown_code"
    process.cancel(records, because="x", **facts)
    assert process.advise_customer(records, code="access", **facts).code == "conflict"


# ---------------------------------------------------------------------- races
@pytest.mark.rule("C-01")
def test_two_decisions_on_one_case_cannot_both_win(records):
    case = take_up(records, UNSURE)
    stored = records.load(Case, case.id)
    visit(records, case)

    class Behind:
        """The records as somebody saw them who was a moment too slow."""

        def load(self, kind, record_id):
            return stored if (kind, record_id) == (Case, case.id) else records.load(kind, record_id)

        def __getattr__(self, name):
            return getattr(records, name)

    before = everything(records)
    for late in (
        lambda: process.cancel(Behind(), case_id=case.id, because="x", at=LATER, by="b"),
        lambda: process.remote_fix(Behind(), case_id=case.id, says="x", at=LATER, by="b"),
        lambda: process.customer_confirms(Behind(), case_id=case.id, at=LATER, by="b"),
    ):
        with pytest.raises(Conflict):
            late()
        assert everything(records) == before
