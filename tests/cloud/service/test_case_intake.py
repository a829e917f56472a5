"""What people report: one case with what detection found, and nobody sent by a word alone."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from cloud.kernel.errors import NotFound
from cloud.service import process
from cloud.service.cases import case_family, hazard_of, is_intake, is_workmanship_suspected
from cloud.service.customer_letters import not_at_night
from cloud.service.models import (
    CaseOwner,
    CaseSource,
    CaseState,
    CaseTask,
    HelpRequest,
    HelpState,
    ReportedFamily,
    Task,
)
from tests.cloud.service.case_world import (
    CUSTOMER,
    DANGER,
    DESKS,
    EASTERN,
    MONDAY,
    ORIGINAL,
    SURE,
    UNSURE,
    a_world,
    case_of,
    everything,
    has_worked,
    orders,
    take_up,
    to,
    waiting,
    whats,
)
from tests.cloud.service.test_service_process import SITE

DAY = date(2026, 6, 8)


@pytest.fixture
def records():
    return a_world()


def tell(records, when=MONDAY, **facts):
    usual = {
        "source": CaseSource.PHONE,
        "site_id": "site-1",
        "family": ReportedFamily.LOW_PRODUCTION,
        "says": "the app shows half of last year",
        "reported_by": "Sample Customer",
        "contact": "555-0101",
        "by": "desk",
    }
    return process.report(records, at=when, desks=DESKS, **{**usual, **facts})


# ---------------------------------------------------------------------- rules
@pytest.mark.rule("C-02")
def test_people_ask_in_four_ways():
    assert all(is_intake(one, on=DAY) for one in ("phone", "email", "chat", "form"))
    assert not is_intake("detection", on=DAY)
    assert not is_intake("fax", on=DAY)


@pytest.mark.rule("C-02a")
@pytest.mark.parametrize(
    ("reported", "family"),
    [
        (ReportedFamily.NO_PRODUCTION, "PRODUCTION"),
        (ReportedFamily.LOW_PRODUCTION, "PRODUCTION"),
        (ReportedFamily.BATTERY, "BATTERY"),
        (ReportedFamily.MONITORING, "COMMUNICATIONS"),
        (ReportedFamily.ROOF_LEAK, "roof_leak"),
        (ReportedFamily.OTHER, "other"),
    ],
)
def test_a_report_stands_where_the_readings_would_show_it(reported, family):
    assert case_family(reported, on=DAY) == family


@pytest.mark.rule("E-31")
def test_what_may_hurt_somebody_in_a_report():
    assert hazard_of(ReportedFamily.ROOF_LEAK, "", on=DAY) == "roof_leak"
    assert hazard_of(ReportedFamily.BATTERY, "", on=DAY) == "bess_malfunction"
    assert hazard_of(ReportedFamily.LOW_PRODUCTION, "", on=DAY) == ""
    assert hazard_of(ReportedFamily.OTHER, "thermal_event", on=DAY) == "thermal_event"


@pytest.mark.rule("R-43b")
@pytest.mark.parametrize(
    ("family", "began_on", "said", "is_suspected"),
    [
        pytest.param("INVERTER", date(2034, 5, 1), None, True, id="the last day of the warranty"),
        pytest.param("INVERTER", date(2034, 5, 2), None, False, id="the day after"),
        pytest.param("DATA", date(2026, 6, 1), None, False, id="not on the list"),
        pytest.param("physical_damage", date(2026, 6, 1), None, False, id="nobody's work"),
        pytest.param("DATA", date(2026, 6, 1), True, True, id="a person says so"),
        pytest.param("INVERTER", date(2026, 6, 1), False, False, id="a person says not"),
        pytest.param("INVERTER", date(2020, 1, 1), None, True, id="before there were rules"),
    ],
)
def test_workmanship_is_suspected_by_list_and_warranty_or_by_a_person(
    family, began_on, said, is_suspected
):
    until = date(2034, 5, 1)
    assert (
        is_workmanship_suspected(family, until=until, began_on=began_on, said=said) is is_suspected
    )


@pytest.mark.rule("C-19")
@pytest.mark.parametrize(
    ("hour", "leaves"),
    [
        pytest.param((20, 59), (8, 20, 59), id="just before the quiet"),
        pytest.param((21, 0), (9, 7, 0), id="as the quiet begins"),
        pytest.param((23, 30), (9, 7, 0), id="in the evening"),
        pytest.param((6, 59), (8, 7, 0), id="before it ends"),
        pytest.param((7, 0), (8, 7, 0), id="as it ends"),
    ],
)
def test_customers_get_no_mail_at_night(hour, leaves):
    at = datetime(2026, 6, 8, *hour, tzinfo=EASTERN)
    assert not_at_night(at, "America/New_York") == datetime(2026, 6, *leaves, tzinfo=EASTERN)


def test_the_night_in_which_the_clock_jumps_ends_at_seven_too():
    at = datetime(2026, 3, 8, 0, 30, tzinfo=EASTERN)
    assert not_at_night(at, "America/New_York") == datetime(2026, 3, 8, 7, tzinfo=EASTERN)


# ---------------------------------------------------------------------- reports
@pytest.mark.rule("C-02")
def test_a_report_opens_a_case_that_a_person_decides_on(records):
    case = tell(records)
    assert (case.source, case.family, case.state) == ("phone", "PRODUCTION", CaseState.OPEN)
    assert (case.task, case.owner) == (CaseTask.TRIAGE, CaseOwner.AMS)
    assert orders(records, case) == []
    assert case.reports[0].contact == "555-0101"
    assert to(records, CUSTOMER) == ["We are looking after it"]
    (event,) = records.history(case.id)
    assert (event.what, event.by, event.rule) == ("case_opened", "desk", "C-02")
    (letter,) = records.letters.values()
    assert "half of last year" not in letter.text


def test_the_same_report_on_the_same_day_changes_nothing(records):
    case = tell(records)
    before = everything(records)
    assert tell(records, MONDAY + timedelta(hours=3)) == case
    assert tell(records, says=" the app  shows half of last year\n") == case
    assert everything(records) == before
    later = tell(records, MONDAY + timedelta(days=1))
    assert len(later.reports) == 2


def test_a_report_is_evidence_of_what_detection_found_and_the_other_way_round(records):
    found = take_up(records, UNSURE)
    told = tell(records)
    assert told.id == found.id
    assert told.findings == ("F-1", told.reports[0].id)
    assert whats(records, told) == ["case_opened", "evidence_added"]
    sure = take_up(records, replace(SURE, id="F-2"))
    assert (sure.id, sure.state) == (found.id, CaseState.WORK_ORDERED)
    assert to(records, CUSTOMER)[-1] == "Somebody has to come"


@pytest.mark.rule("C-02a")
def test_missing_production_is_reported_to_an_open_fault(records):
    fault = take_up(records, replace(UNSURE, family="INVERTER"))
    assert tell(records).id == fault.id
    process.cancel(records, case_id=fault.id, because="tried out", at=MONDAY, by="ams")
    assert tell(records, says="still half").family == "PRODUCTION"


@pytest.mark.rule("E-31")
def test_an_emergency_is_sent_to_by_a_report_alone(records):
    case = tell(records, family=ReportedFamily.THERMAL_EVENT, says="it smokes")
    assert (case.is_emergency, case.state, case.task) == (True, CaseState.WORK_ORDERED, None)
    (order,) = orders(records, case)
    assert (order.is_emergency, order.task, order.spc_id) == (True, Task.PHONE_PARTNER, "spc_1")
    (first,) = [one for one in records.letters.values() if one.to == CUSTOMER]
    assert "call 911" in first.text
    assert first.at == MONDAY


@pytest.mark.rule("E-31")
def test_a_failing_battery_is_one_only_while_the_grid_is_out(records):
    case = tell(records, family=ReportedFamily.BATTERY, says="it beeps")
    assert not case.is_emergency
    out = tell(records, family=ReportedFamily.BATTERY, says="dark street", is_grid_out=True)
    assert (out.id, out.is_emergency, out.state) == (case.id, True, CaseState.WORK_ORDERED)
    assert to(records, CUSTOMER) == [
        "We are looking after it",
        "Please keep away from your solar equipment",
    ]


@pytest.mark.rule("C-16")
def test_what_is_reported_within_the_fortnight_is_the_same_case(records):
    case = tell(records)
    process.customer_confirms(records, case_id=case.id, at=MONDAY, by="ams")
    again = tell(records, MONDAY + timedelta(days=14), says="again")
    assert (again.id, again.reopened, again.state) == (case.id, 1, CaseState.OPEN)
    assert (again.confirmed_by, again.verified_at, again.task) == ("", None, CaseTask.TRIAGE)


@pytest.mark.rule("C-16")
def test_a_case_that_the_last_instant_found_closed_is_opened_again(records):
    case = tell(records)
    process.customer_confirms(records, case_id=case.id, at=MONDAY, by="ams")
    closing = waiting(records)
    process.wake_case(records, timer=closing, at=closing.due_at)
    assert case_of(records, case.id).state is CaseState.CLOSED
    assert tell(records, closing.due_at, says="again").id == case.id
    assert case_of(records, case.id).closed_at is None


def test_a_day_after_it_was_closed_it_is_a_new_case(records):
    case = tell(records)
    process.customer_confirms(records, case_id=case.id, at=MONDAY, by="ams")
    later = tell(records, MONDAY + timedelta(days=15), says="again")
    assert later.id != case.id


def test_a_customer_who_complains_while_it_is_verified_is_called(records):
    case = has_worked(records, take_up(records), MONDAY)
    told = tell(records, MONDAY + timedelta(hours=5))
    assert (told.id, told.state, told.task) == (
        case.id,
        CaseState.VERIFYING,
        CaseTask.CALL_CUSTOMER,
    )


@pytest.mark.rule("E-31")
def test_a_danger_after_the_work_sends_somebody_again(records):
    case = has_worked(records, take_up(records), MONDAY)
    told = tell(records, MONDAY + timedelta(hours=5), hazard="thermal_event", says="now it smokes")
    assert (told.id, told.state, told.returns) == (case.id, CaseState.WORK_ORDERED, 1)
    assert [one.is_emergency for one in orders(records, told)] == [False, True]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"source": CaseSource.DETECTION}, "unknown_source"),
        ({"says": " \n"}, "nothing_said"),
    ],
)
def test_what_is_no_report_is_refused(records, facts, code):
    before = everything(records)
    assert tell(records, **facts).code == code
    assert everything(records) == before


def test_a_report_of_a_home_that_nobody_knows_is_an_error(records):
    with pytest.raises(NotFound, match="site-9"):
        tell(records, site_id="site-9")


# ---------------------------------------------------------------------- the support center
@pytest.mark.rule("C-15")
def test_the_support_center_gets_a_packet_and_no_partner_is_asked():
    records = a_world(omnidian_onboarded=True)
    case = take_up(records)
    assert (case.state, case.handed_over_at, case.task) == (CaseState.WITH_OMNIDIAN, MONDAY, None)
    assert orders(records, case) == []
    (packet,) = [one for one in records.letters.values() if one.to == DESKS.support_center]
    for known in (SITE.customer_name, SITE.address, "5 June: 40%", "Enphase IQ8", case.id):
        assert known in packet.text
    assert to(records, DESKS.aftermarket) == []


@pytest.mark.rule("C-15")
def test_an_emergency_of_the_support_center_alerts_the_aftermarket_service_too():
    records = a_world(omnidian_onboarded=True)
    take_up(records, DANGER)
    assert to(records, DESKS.support_center) == ["EMERGENCY: a case for you"]
    assert to(records, DESKS.aftermarket) == ["Emergency with the support center"]


@pytest.mark.rule("C-15")
def test_what_becomes_an_emergency_at_the_support_center_is_told_to_both():
    records = a_world(omnidian_onboarded=True)
    case = take_up(records)
    danger = take_up(records, DANGER)
    assert (danger.id, danger.state, danger.is_emergency) == (
        case.id,
        CaseState.WITH_OMNIDIAN,
        True,
    )
    assert to(records, DESKS.support_center) == ["a case for you", "EMERGENCY now"]
    assert to(records, DESKS.aftermarket) == ["Emergency with the support center"]
    assert to(records, CUSTOMER)[-1] == "Please keep away from your solar equipment"


@pytest.mark.rule("C-15")
def test_without_an_address_of_the_support_center_the_aftermarket_service_is_told():
    records = a_world(omnidian_onboarded=True)
    desks = replace(DESKS, support_center="")
    process.take_up(records, finding=SURE, at=MONDAY, desks=desks)
    assert to(records, DESKS.aftermarket) == ["Please hand this case over by hand"]
    other = a_world(omnidian_onboarded=True)
    process.take_up(other, finding=SURE, at=MONDAY)
    assert [one.to for one in other.letters.values()] == [CUSTOMER]


# ---------------------------------------------------------------------- the form
def ask(records, when=MONDAY, **facts):
    usual = {
        "name": "Sample Customer",
        "email": "Customer@Home.example",
        "phone": "",
        "address": "1 Example Street, Raleigh",
        "family": ReportedFamily.NO_PRODUCTION,
        "is_grid_out": False,
        "says": "nothing since Friday",
    }
    return process.ask_for_help(records, at=when, **{**usual, **facts})


def match(records, request):
    return process.match_help_request(records, request_id=request.id, desks=DESKS)


@pytest.mark.rule("C-02")
def test_a_request_of_a_home_that_it_names_is_a_report(records):
    request = ask(records)
    (message,) = records.messages.values()
    assert (message.topic, message.body) == ("help_request", {"request_id": request.id})
    linked = match(records, request)
    case = case_of(records, linked.case_id)
    assert (linked.state, linked.site_id) == (HelpState.LINKED, "site-1")
    assert (case.source, case.family, case.state) == ("form", "PRODUCTION", CaseState.OPEN)
    before = everything(records)
    assert match(records, request) == linked
    assert everything(records) == before


def test_the_same_request_on_the_same_day_is_one(records):
    first = ask(records)
    before = everything(records)
    assert ask(records, MONDAY + timedelta(hours=2), email="customer@home.EXAMPLE") == first
    assert everything(records) == before
    assert ask(records, MONDAY + timedelta(days=1)).id != first.id


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"email": "other@home.example"}, id="another mail address"),
        pytest.param({"address": "2 Example Street, Raleigh"}, id="another house number"),
        pytest.param({"address": "1 Other Street, Raleigh"}, id="another street"),
        pytest.param({"address": "1 Street"}, id="only what many streets share"),
        pytest.param({"address": "Example Street, Raleigh"}, id="no house number"),
    ],
)
def test_what_does_not_name_a_home_waits_for_a_person(records, facts):
    request = ask(records, **facts)
    unmatched = match(records, request)
    assert unmatched.state is HelpState.UNMATCHED
    assert process.help_requests(records, state=HelpState.UNMATCHED) == (unmatched,)
    assert records.letters == {}
    linked = process.link_help_request(
        records, request_id=request.id, site_id="site-1", desks=DESKS, at=MONDAY, by="desk"
    )
    assert (linked.state, linked.decided_by) == (HelpState.LINKED, "desk")
    assert case_of(records, linked.case_id).reports[0].says == request.says
    before = everything(records)
    again = {"request_id": request.id, "at": MONDAY, "by": "desk"}
    assert process.link_help_request(records, site_id="site-1", **again) == linked
    assert process.dismiss_help_request(records, because="x", **again).code == "conflict"
    assert everything(records) == before


def test_a_request_is_put_away_for_a_reason_and_stays_so(records):
    request = match(records, ask(records, email="other@home.example"))
    put = {"request_id": request.id, "at": MONDAY, "by": "desk"}
    assert process.dismiss_help_request(records, because=" ", **put).code == "reason_missing"
    away = process.dismiss_help_request(records, because="a salesman", **put)
    assert (away.state, away.because) == (HelpState.DISMISSED, "a salesman")
    assert process.dismiss_help_request(records, because="other", **put) == away
    assert process.link_help_request(records, site_id="site-1", **put).code == "conflict"
    assert match(records, request) == away


def test_a_link_that_was_cut_off_reports_once(records):
    request = ask(records)
    stored = records.load(HelpRequest, request.id)
    first = match(records, request)
    # As if only the report had been written when the process was killed.
    records._records[HelpRequest, request.id] = stored
    assert match(records, request) == first
    assert len(case_of(records, first.case_id).reports) == 1


def test_an_emergency_by_the_form_sends_somebody(records):
    linked = match(records, ask(records, family=ReportedFamily.ROOF_LEAK, says="it drips"))
    case = case_of(records, linked.case_id)
    assert (case.is_emergency, case.state) == (True, CaseState.WORK_ORDERED)
    assert len(to(records, ORIGINAL)) == 1
