"""The console's pages of cases: what is wrong, what shows it, and what may be decided by whom."""

import re
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.portfolio.organisation import SiteWarranties, Warranty, WarrantyKind
from cloud.service import process as service
from cloud.service.models import (
    Case,
    CaseSource,
    CaseState,
    CaseTask,
    Mail,
    MailState,
    ReportedFamily,
)
from tests.cloud.portal.homes_world import (
    DANGER,
    FAULT_TOLD,
    LOW_TOLD,
    Street,
    a_line,
    days,
)
from tests.cloud.portal.pages_world import NOW
from tests.cloud.service.case_world import DESKS, has_worked, orders, put
from tests.cloud.service.test_service_process import FINDING

UNSURE = replace(FINDING, dispatchable=False)
FAULT = replace(
    FINDING, id="F-I", family="INVERTER", rule="D-12", says="the inverter reports a fault"
)


@pytest.fixture
def street() -> Street:
    return Street()


class Tags(HTMLParser):
    """The tags of a page; ids and labels have to fit each other."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


# ---- the list ------------------------------------------------------------------------------------


def test_open_cases_are_listed_emergencies_first_and_then_the_oldest(street):
    old = street.case(UNSURE, at=NOW - timedelta(days=4))
    danger = street.case(replace(DANGER, family="INVERTER"))
    page = street.world.page("sam", "/console/cases").plain
    assert page.index(danger.id) < page.index(old.id)
    assert "Emergency" in page
    assert "1 Example St, Raleigh NC" in page
    assert "Decide whether somebody goes" in page


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        pytest.param("", True, id="open ones by default"),
        pytest.param("?state=open", True, id="its state"),
        pytest.param("?state=work_ordered", False, id="another state"),
        pytest.param("?state=nonsense", False, id="no state at all"),
        pytest.param("?task=triage", True, id="its task"),
        pytest.param("?task=call_customer", False, id="another task"),
        pytest.param("?tier=dispatch", True, id="its tier"),
        pytest.param("?tier=literal", False, id="another tier"),
        pytest.param("?q={case}", True, id="its number"),
        pytest.param("?q=1+example", True, id="words of the address"),
        pytest.param("?q=gw-1", True, id="its gateway"),
        pytest.param("?q=nowhere", False, id="words of nothing"),
        pytest.param("?from=9999", True, id="a page that is not there"),
        pytest.param("?from=x", True, id="a place that is none"),
    ],
)
def test_a_list_shows_what_was_asked_for(street, query, is_there):
    street.judged(days(), told=[LOW_TOLD])
    case = street.case(UNSURE)
    page = street.world.page("amy", "/console/cases" + query.replace("{case}", case.id))
    assert page.status == 200
    assert (f"/console/cases/{case.id}" in page.text) is is_there


def test_a_work_order_finds_its_case(street):
    case = street.case()
    number = orders(street.records, case)[0].id
    assert case.id in street.world.page("sam", f"/console/cases?q={number.lower()}").plain


def test_a_list_without_cases_says_what_makes_them_come(street):
    assert "No case is open" in street.world.page("sam", "/console/cases").plain
    assert "No case stands here" in street.world.page("sam", "/console/cases?task=triage").plain


def test_more_than_fifty_cases_are_paged_and_cost_no_read_each(street, monkeypatch):
    for number in range(60):
        finding = replace(UNSURE, id=f"F-{number}", family=f"FAMILY_{number:02}")
        street.case(finding, at=NOW - timedelta(days=90 - number))
    first = street.world.page("sam", "/console/cases")
    assert first.text.count("<tr>") == 51
    assert "from=50" in first.text
    loads = []
    load = MemoryRecords.load
    monkeypatch.setattr(
        MemoryRecords, "load", lambda self, kind, one: loads.append(one) or load(self, kind, one)
    )
    assert street.world.page("sam", "/console/cases?from=50").text.count("<tr>") == 11
    assert len(loads) < 5


# ---- one case ------------------------------------------------------------------------------------


def test_low_days_are_drawn_and_told_with_the_same_figures(street):
    street.judged(days(), told=[LOW_TOLD], inputs=True)
    case = street.case(replace(FINDING, opened_on=date(2026, 6, 5)))
    page = street.world.page("sam", f"/console/cases/{case.id}")
    said = page.plain
    assert "It makes less than 85% of what it should." in said
    assert "Too little energy: 1 Example St" in said
    assert "Low since Jun 5, case opened Jun 8" in said
    assert "no readings (May 25)" in said
    assert "snow (May 27)" in said
    assert "85% of expected" in said
    assert "Input 1: 50% before Jun 5, 3% since" in said
    assert re.search(r"Fri, Jun 5, 2026 9\.00 kWh 20\.0 kWh 45 % ✖ Low", said)
    assert "Dispatch: sure enough to send somebody" in said
    assert 'role="img" aria-label="On the 3 low days' in page.text or "3 low days" in said
    assert len(page.text) < 60_000


def test_a_page_of_a_case_keeps_to_what_browsers_allow_and_its_fields_have_labels(street):
    street.judged(days(), told=[LOW_TOLD], inputs=True)
    case = street.case(UNSURE)
    page = street.world.page("sam", f"/console/cases/{case.id}").text
    tags = Tags(page).found
    assert not [one for tag, one in tags if "style" in one or any(n.startswith("on") for n in one)]
    assert "<style" not in page
    ids = [one["id"] for _, one in tags if one.get("id")]
    assert sorted(ids) == sorted(set(ids))
    assert {one["for"] for tag, one in tags if tag == "label"} <= {
        *ids,
        "line_code_#",
        "line_says_#",
    }


def test_of_a_fault_the_hours_are_drawn_with_the_unheard_ones(street):
    street.judged(days(low_from=date(2027, 1, 1)), told=[FAULT_TOLD])
    street.sends(silent=range(22, 24))
    street.grid_was_out()
    case = street.case(FAULT)
    page = street.world.page("sam", f"/console/cases/{case.id}")
    assert page.text.count('class="fault"') > 3
    assert page.text.count('class="unheard"') == 4  # two hours, on a screen and on a phone
    assert "first seen Jun 6, 10:00 AM" in page.plain
    assert "The grid was out or out of bounds for 1 of 2 homes" in page.plain
    assert "Not heard" in page.plain
    assert "3.00 kW" in page.plain


def test_neighbours_stand_on_a_map_with_how_each_did(street):
    street.judged(days(), told=[LOW_TOLD])
    street.judged(days(low_from=date(2027, 1, 1)), site_id="site-n0")
    street.judged(days(), site_id="site-n1")
    case = street.case()
    page = street.world.page("sam", f"/console/cases/{case.id}")
    assert "3 homes within 2.4 miles on Jun 7: 1 well, 1 low, 1 not known" in page.plain
    assert "this home made 45%" in page.plain
    for mark in ('class="well"', 'class="low"', 'class="unknown"', 'class="here"'):
        assert page.text.count(mark) == 2  # on a screen and on a phone
    assert "10 Other Rd, Raleigh NC 0.7 mi 97% of expected, well" in page.plain


def test_a_case_without_days_says_why(street):
    case = street.case()
    page = street.world.page("sam", f"/console/cases/{case.id}").plain
    assert "No day of this home was judged yet" in page
    assert "Nobody was sent" not in page


def test_days_of_now_are_not_shown_as_those_of_then(street):
    case = street.case(replace(FINDING, picture="evidence/F-1.svg"), at=NOW - timedelta(days=90))
    street.world.documents.put("evidence/F-1.svg", b"<svg/>", "image/svg+xml")
    street.judged([a_line(date(2026, 6, 1)), a_line(date(2026, 6, 2))])
    page = street.world.page("sam", f"/console/cases/{case.id}")
    assert "These are the last days of the home" in page.plain
    kept = street.world.page("sam", f"/console/cases/{case.id}/days.svg")
    assert (kept.content, kept.headers["content-type"]) == (b"<svg/>", "image/svg+xml")


def test_a_picture_that_was_never_drawn_is_not_there(street):
    case = street.case()
    assert street.world.page("sam", f"/console/cases/{case.id}/days.svg").status == 404


def test_letters_orders_home_and_log_stand_on_the_page(street):
    case = street.case()
    mail = Mail(
        "MAIL-1", MailState.FILED, case.id, is_ours=False, sender="customer@home.example",
        recipient="service@owner.example", subject="It works <b>again</b>", at=NOW,
    )  # fmt: skip
    put(street.records, mail)
    page = street.world.page("otto", f"/console/cases/{case.id}")
    order = orders(street.records, case)[0]
    assert order.id in page.plain
    assert "Orig" in page.plain
    assert "It works &lt;b&gt;again&lt;/b&gt;" in page.text
    assert "gw-1" in page.plain
    assert "Holds Workmanship" in page.plain
    assert "rule D-13" in page.plain


@pytest.mark.parametrize(
    ("who", "status"),
    [
        pytest.param("sam", 200, id="a coordinator"),
        pytest.param("amy", 200, id="the aftermarket service"),
        pytest.param("otto", 200, id="an auditor"),
        pytest.param("tess", 403, id="treasury"),
        pytest.param("pat", 403, id="projects"),
    ],
)
def test_who_may_see_a_case(street, who, status):
    case = street.case()
    assert street.world.page(who, f"/console/cases/{case.id}").status == status
    assert street.world.page(who, "/console/cases").status == status


def test_a_case_that_is_not_there_is_a_page_that_says_so(street):
    assert street.world.page("sam", "/console/cases/CASE-NONE").status == 404


# ---- deeds ---------------------------------------------------------------------------------------


def test_the_forms_are_those_of_the_roles_and_of_the_state(street):
    case = street.case(UNSURE)
    sam = street.world.page("sam", f"/console/cases/{case.id}").plain
    amy = street.world.page("amy", f"/console/cases/{case.id}").plain
    otto = street.world.page("otto", f"/console/cases/{case.id}").plain
    assert "Issue a work order line by line" in sam
    assert "Mended from afar" not in sam
    assert "Mended from afar" in amy
    assert "Issue a work order line by line" not in amy
    assert "Hand over" not in amy  # the home is not onboarded
    assert "What you can do" not in otto


def send(street: Street, who: str, case: Case, deed: str, **fields: object):
    return street.world.send(who, f"/console/cases/{case.id}/{deed}", **fields)


def test_somebody_is_sent(street):
    case = street.case(UNSURE)
    sent = send(
        street, "sam", case, "visit",
        visit_instructions="look at the inverter", visit_scope=["electrical"],
    )  # fmt: skip
    assert "A work order is issued" in street.world.after("sam", sent).plain
    order = orders(street.records, case)[0]
    assert (order.instructions, order.scope, order.spc_id) == (
        "look at the inverter", ("electrical",), "sam",
    )  # fmt: skip
    assert street.case_now(case).state is CaseState.WORK_ORDERED


def test_the_aftermarket_service_sends_somebody_under_the_usual_coordinator(street):
    case = street.case(UNSURE)
    send(street, "amy", case, "visit", visit_instructions="look", visit_workmanship="no")
    order = orders(street.records, case)[0]
    assert (order.spc_id, order.is_workmanship_suspected) == ("spc_queue", False)


def test_a_work_order_is_issued_line_by_line(street):
    case = street.case(UNSURE)
    fields = {
        "line_code": ["electrical", "", "diagnosis"],
        "line_says": ["replace the fuse", "", "measure the string"],
        "order_instructions": "a string is missing",
        "order_limit": "1,250.50",
    }
    sent = send(street, "sam", case, "work_orders", **fields)
    assert "issued and offered" in street.world.after("sam", sent).plain
    order = orders(street.records, case)[0]
    assert [(one.code, one.says) for one in order.scope_lines] == [
        ("electrical", "replace the fuse"),
        ("diagnosis", "measure the string"),
    ]
    assert order.not_to_exceed.cents == 125_050
    again = send(street, "sam", case, "work_orders", **fields)  # the button, once more
    assert again.status == 303
    assert len(orders(street.records, case)) == 1


@pytest.mark.parametrize(
    ("deed", "fields", "says"),
    [
        pytest.param(
            "visit", {}, "Say what is wrong and what is to be done", id="a visit for nothing"
        ),
        pytest.param(
            "work_orders",
            {"order_instructions": "kept text"},
            "Each line needs a kind of work",
            id="an order without a line",
        ),
        pytest.param(
            "work_orders",
            {"line_code": "electrical", "line_says": "", "order_instructions": "kept text"},
            "Each line needs a kind of work",
            id="half a line",
        ),
        pytest.param(
            "work_orders",
            {
                "line_code": "a",
                "line_says": "b",
                "order_instructions": "kept text",
                "order_limit": "much",
            },
            "This is no amount",
            id="an amount that is none",
        ),
        pytest.param(
            "work_orders",
            {
                "line_code": "kept text",
                "line_says": "b",
                "order_instructions": "c",
                "order_limit": "5",
            },
            "rule I-61",
            id="a limit below what needs no approval",
        ),
        pytest.param("remote_fix", {}, "Say what was done from afar", id="a fix without words"),
        pytest.param("cancel", {}, "Say why", id="called off for nothing"),
        pytest.param(
            "emergency", {"emergency_reason": "kept text"}, "Choose what kind", id="no kind"
        ),
        pytest.param(
            "emergency",
            {"emergency_category": "bess_malfunction", "emergency_reason": "kept text"},
            "only while the grid is out (rule E-31)",
            id="a battery while the grid is up",
        ),
        pytest.param("advice", {}, "Choose what the customer is told", id="advice of nothing"),
        pytest.param("advice", {"advice_code": "roof"}, "rule B-52", id="advice of no code"),
    ],
)
def test_a_form_that_is_wrong_is_shown_again_with_what_was_typed(street, deed, fields, says):
    case = street.case(UNSURE)
    who = "amy" if deed in {"remote_fix", "cancel"} else "sam"
    answer = send(street, who, case, deed, **fields)
    assert answer.status == 422
    assert says in answer.plain
    if "kept text" in fields.values():
        assert "kept text" in answer.text
    assert street.case_now(case) == case
    assert not orders(street.records, case)


def test_mended_from_afar_and_confirmed_by_the_customer(street):
    case = street.case(UNSURE)
    send(street, "amy", case, "remote_fix", fix_says="restarted the inverter")
    assert street.case_now(case).state is CaseState.VERIFYING
    sent = send(street, "amy", case, "customer_confirms", confirms_says="works")
    assert "resolved by the customer's word" in street.world.after("amy", sent).plain
    now = street.case_now(case)
    assert (now.state, now.confirmed_by) == (CaseState.RESOLVED, "amy")


def test_the_customer_says_that_it_is_not_mended(street):
    case = has_worked(street.records, street.case(), NOW - timedelta(hours=2))
    answer = send(street, "amy", case, "customer_disagrees", disagrees_says="still dark")
    assert answer.status == 303
    assert street.case_now(case).task is CaseTask.RETURN_VISIT
    nothing = send(street, "amy", case, "customer_disagrees")
    assert (nothing.status, "Write down what the customer says" in nothing.plain) == (422, True)


def test_a_step_that_is_not_open_is_refused_on_the_page(street):
    case = street.case()
    answer = send(street, "amy", case, "remote_fix", fix_says="typed with care")
    assert answer.status == 422
    assert "rule C-01" in answer.plain


def test_a_case_goes_to_the_support_center_and_comes_back():
    street = Street(omnidian_onboarded=True)
    case = street.case(UNSURE)
    assert case.state is CaseState.WITH_OMNIDIAN
    assert (
        "The support center gave it back"
        in street.world.page("amy", f"/console/cases/{case.id}").plain
    )
    nothing = send(street, "amy", case, "external_update", external_reference="OM-7")
    assert nothing.status == 422
    assert "OM-7" in nothing.text
    send(street, "amy", case, "external_update", external_reference="OM-7", external_status="open")
    now = street.case_now(case)
    assert (now.external_reference, now.external_status) == ("OM-7", "open")
    assert send(street, "amy", case, "returned").status == 422
    send(street, "amy", case, "returned", returned_reason="they have no one there")
    assert street.case_now(case).state is CaseState.OPEN
    send(street, "amy", case, "hand_over")
    assert street.case_now(case).state is CaseState.WITH_OMNIDIAN


def test_a_refused_hand_over_says_why(street):
    case = street.case(UNSURE)
    answer = send(street, "amy", case, "hand_over")
    assert answer.status == 422
    assert "not onboarded with the support center (rule C-15)" in answer.plain


def test_a_case_becomes_an_emergency_and_is_called_off(street):
    case = street.case(UNSURE)
    sent = send(
        street,
        "sam",
        case,
        "emergency",
        emergency_category="roof_leak",
        emergency_reason="it rains",
    )
    assert "It is an emergency now" in street.world.after("sam", sent).plain
    assert street.case_now(case).is_emergency
    send(street, "amy", case, "cancel", cancel_reason="the wrong house")
    assert street.case_now(case).state is CaseState.CANCELLED
    assert not [one for one in orders(street.records, case) if one.is_open]


def test_the_customer_is_told_of_a_duty_once(street):
    case = street.case(UNSURE)
    page = street.world.page("sam", f"/console/cases/{case.id}").text
    code = re.search(r'<option value="([^"]+)">Please keep trees', page)[1]
    send(street, "sam", case, "advice", advice_code=code)
    assert street.case_now(case).advised == (code,)
    after = street.world.page("sam", f"/console/cases/{case.id}").text
    assert "Please keep trees" not in after


DEEDS = {
    "visit": {"sam", "amy"},
    "work_orders": {"sam"},
    "remote_fix": {"amy"},
    "emergency": {"sam", "amy"},
    "cancel": {"amy"},
    "customer_confirms": {"amy"},
    "customer_disagrees": {"amy"},
    "hand_over": {"amy"},
    "external_update": {"amy"},
    "returned": {"amy"},
    "advice": {"sam", "amy"},
}


@pytest.mark.parametrize("deed", DEEDS)
def test_deeds_are_for_the_roles_of_the_api_only(street, deed):
    case = street.case(UNSURE)
    for who in ("sam", "amy", "otto", "pat", "tess"):
        answer = send(street, who, case, deed)
        assert (answer.status != 403) == (who in DEEDS[deed]), who


def test_words_from_outside_are_never_markup(street):
    case = service.report(
        street.records, source=CaseSource.PHONE, site_id="site-1", family=ReportedFamily.OTHER,
        says="<script>x</script>",
        reported_by="<b>Ann</b>", contact="", desks=DESKS, at=NOW, by="amy",
    )  # fmt: skip
    assert isinstance(case, Case)
    page = street.world.page("amy", f"/console/cases/{case.id}").text
    assert "<script>x" not in page
    assert "<b>Ann" not in page
    assert "&lt;script&gt;x" in page


def test_an_open_order_leaves_no_second_one_to_be_issued(street):
    case = street.case(UNSURE)
    send(street, "sam", case, "visit", visit_instructions="go")
    assert "line by line" not in street.world.page("sam", f"/console/cases/{case.id}").plain


def test_cases_that_ended_are_listed_the_latest_first(street):
    first = street.case(UNSURE, at=NOW - timedelta(days=9))
    last = street.case(replace(UNSURE, id="F-2", family="BATTERY"))
    for case in (first, last):
        service.cancel(street.records, case_id=case.id, because="none", at=NOW, by="amy")
    page = street.world.page("sam", "/console/cases?state=cancelled").text
    assert page.index(last.id) < page.index(first.id)


def test_what_is_gone_is_not_there(street):
    case = street.case(replace(FINDING, picture="evidence/gone.svg"))
    assert street.world.page("sam", f"/console/cases/{case.id}/days.svg").status == 404
    put(street.records, replace(case, site_id="site-gone"))
    assert street.world.page("sam", f"/console/cases/{case.id}").status == 404


@pytest.mark.parametrize(
    ("starts", "ends", "says"),
    [
        pytest.param("2024-01-01", "2034-01-01", "Holds", id="it holds"),
        pytest.param("2024-01-01", "2026-06-08", "Holds", id="on its last day"),
        pytest.param("2024-01-01", "2026-06-07", "Over", id="since yesterday"),
        pytest.param("2026-06-09", "2034-01-01", "Not begun", id="from tomorrow on"),
    ],
)
def test_a_warranty_says_whether_it_holds(street, starts, ends, says):
    case = street.case()
    kept = Warranty(
        WarrantyKind.ROOF_PENETRATION, date.fromisoformat(starts), date.fromisoformat(ends)
    )
    put(street.records, SiteWarranties("site-1", (kept,)))
    page = street.world.page("sam", f"/console/cases/{case.id}").plain
    assert f"{says} Roof penetration" in page
