"""The console's pages of work orders: who has them, why, how late, and what coordinators decide."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.invoicing.models import BackBill, BackBillState
from cloud.invoicing.process.books import bill_id
from cloud.kernel.money import Money
from cloud.portal.console_views.work_order_shown import TASKS
from cloud.service import process
from cloud.service.models import (
    Cause,
    Mail,
    MailState,
    Pause,
    Report,
    ReportState,
    ReportTask,
    Task,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.report import ExchangedPart, Rma, SerialState
from cloud.service.routing import RoutingReason
from tests.cloud.portal.orders_world import ALDER, HOME, HOUR, OTHER, OrdersWorld, at
from tests.cloud.portal.partners_world import a_partner

LIST = "/console/work_orders"
DAY = timedelta(days=1)


class Dispatch(OrdersWorld):
    """A work order, and at the console sam (spc), amy (ams), otto (auditor), tess (treasury)."""

    def __init__(self) -> None:
        super().__init__()
        for name, group in (
            ("sam", "spc"),
            ("amy", "ams"),
            ("otto", "auditor"),
            ("tess", "treasury"),
        ):
            self.owner_person(name, group)

    def wait(self, span: timedelta) -> None:
        """Let time pass; whoever comes back after a day signs in again."""
        super().wait(span)
        self._jars.clear()

    @property
    def ops(self) -> str:
        return f"{LIST}/{self.number}"

    def shown(self, who: str = "sam") -> str:
        return self.page(who, self.ops).plain

    def does(self, deed: str, **fields: object) -> str:
        """Send a deed that is done, and give what the next page says."""
        return self.after("sam", self.send("sam", f"{self.ops}/{deed}", **fields)).plain

    def is_refused(self, deed: str, **fields: object) -> str:
        """Send a deed that is not done, and give the page that shows the form again."""
        before = self.order
        seen = self.send("sam", f"{self.ops}/{deed}", **fields)
        assert seen.status == 422, seen.plain[:300]
        assert self.order == before
        return seen.text

    def unsent(self) -> None:
        """Let nobody have the work: both partners declined."""
        self.decline()
        answer = process.decline(
            self.records, reason="no crew", **self.own(partner_id=OTHER, by="lu")
        )
        self.allowed(answer)
        assert self.order.state is WorkOrderState.MANUAL_DISPATCH

    def bounced(self) -> None:
        letter = self.order.assignments[-1].letter_id
        process.record_bounce(self.records, thread=self.number, letter_id=letter, at=self.now)

    def paused(self) -> None:
        self.until("accepted")
        self.wait(HOUR)
        self.allowed(
            process.pause(
                self.records, reason="weather", evidence="a storm", since=self.now, **self.own()
            )
        )

    def asks(self) -> str:
        self.allowed(process.question(self.records, text="Which roof?", **self.own()))
        return self.order.open_questions[0]


@pytest.fixture
def world() -> Dispatch:
    return Dispatch()


# ---- the list ------------------------------------------------------------------------------------


def test_an_offer_is_listed_with_its_home_partner_and_due_time(world):
    page = world.page("sam", LIST).plain
    assert world.number in page
    assert HOME.address in page
    assert "Alder Solar" in page
    assert "Offered" in page
    assert "in 2 d" in page
    assert "Open 1" in page
    assert "Late 0" in page


@pytest.mark.parametrize(
    ("state", "shelf"),
    [
        pytest.param("offered", "to_answer", id="an offer waits for an answer"),
        pytest.param("accepted", "to_schedule", id="taken, nobody was reached"),
        pytest.param("scheduled", "in_work", id="a visit is booked"),
        pytest.param("awaiting_report", "to_report", id="the work is done and not reported"),
        pytest.param("completed", "waits", id="reported, the cause is open"),
        pytest.param("completed", "past", id="reported, of a case that is open still"),
    ],
)
def test_each_lies_on_the_shelf_of_what_is_next(world, state, shelf):
    world.until(state)
    assert world.ops in world.page("sam", f"{LIST}?show={shelf}").text
    others = {"no_partner", "paused", "late"} - {shelf}
    assert all(world.ops not in world.page("sam", f"{LIST}?show={one}").text for one in others)


def test_what_is_late_and_what_nobody_has_say_so(world):
    world.wait(5 * DAY)
    late = world.page("sam", f"{LIST}?show=late")
    assert "late" in late.plain
    assert world.ops in late.text
    other = Dispatch()
    other.unsent()
    page = other.page("sam", f"{LIST}?show=no_partner")
    assert "No partner" in page.plain
    assert "Waits for us: choose a partner" in page.plain


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        pytest.param("q=raleigh", True, id="a word of the address"),
        pytest.param("q=Sample+Customer", True, id="the customer"),
        pytest.param("q=golden", False, id="another town"),
        pytest.param(f"partner={ALDER}", True, id="the partner that has it"),
        pytest.param(f"partner={OTHER}", False, id="a partner that never had it"),
        pytest.param("partner=nobody", True, id="a partner that is not known filters nothing"),
        pytest.param(
            "show=nonsense&from=abc", True, id="a filter that there is not shows what is open"
        ),
    ],
)
def test_a_search_and_a_partner_narrow_the_list(world, query, is_there):
    seen = world.page("sam", f"{LIST}?{query}")
    assert (world.ops in seen.text) is is_there
    assert seen.status == 200


def test_a_number_and_a_case_lead_to_it(world):
    assert world.page("sam", f"{LIST}?q={world.number.lower()}").to == world.ops
    assert world.ops in world.page("sam", f"{LIST}?q={world.order.case_id.lower()}").text
    lost = world.page("sam", f"{LIST}?q=WO-0000000000")
    assert "Nothing is found" in lost.plain


def test_an_empty_list_says_what_comes_and_from_where(world):
    world.does("cancel", cancel_reason="a mistake")
    page = world.page("sam", LIST)
    assert "No work order is open" in page.plain
    assert "/console/cases" in page.text


# ---- who may see ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"),
    [
        pytest.param("sam", 200, id="a coordinator"),
        pytest.param("amy", 200, id="the aftermarket service"),
        pytest.param("otto", 200, id="an auditor"),
        pytest.param("tess", 403, id="treasury has no business here"),
    ],
)
def test_who_may_look(world, who, status):
    assert world.page(who, LIST).status == status
    assert world.page(who, world.ops).status == status


DEEDS: Mapping[str, Mapping[str, str]] = {
    "assign": {"assign_partner": OTHER},
    "reassign": {"offer": "1"},
    "withdraw": {"offer": "1", "withdraw_reason": "no"},
    "cancel": {"cancel_reason": "no"},
    "resend_offer": {"offer": "1"},
    "phone_calls": {"call_outcome": "reached"},
    "spend_approvals": {"spend_limit": "900"},
    "spend_rejections": {"refuse_reason": "no"},
    "pauses": {
        "pause_reason": "weather",
        "pause_evidence": "rain",
        "pause_since": "2026-06-08T10:00",
    },
    "pauses/1/confirm": {},
    "pauses/1/reject": {"reject_reason_1": "no"},
    "questions/QST-1": {"answer_QST-1": "yes"},
    "report/return": {"return_reasons": "blurred"},
    "report/serials": {"serials_reason": "seen"},
    "finding": {"finding_cause": "workmanship", "finding_evidence": "seen"},
}


@pytest.mark.parametrize("deed", DEEDS)
def test_only_a_coordinator_does_anything(world, deed):
    before = world.order
    for who in ("amy", "otto", "tess"):
        assert world.send(who, f"{world.ops}/{deed}", **DEEDS[deed]).status == 403
    assert world.order == before


def test_who_looks_only_is_offered_nothing_to_do(world):
    for who in ("amy", "otto"):
        page = world.page(who, world.ops).text
        assert page.count("<form") == 1, "only signing out"
        assert "What you can do" not in page


def test_money_is_shown_to_who_may_see_invoices(world):
    bill = BackBill(
        bill_id(world.number), world.number, ALDER, BackBillState.NOTIFIED, total=Money(77_700)
    )
    world.put(bill)
    assert "$777.00" in world.shown("sam")
    assert "$777.00" in world.shown("otto")
    assert "$777.00" not in world.shown("amy")


@pytest.mark.parametrize("path", ["", "/files/UPL-1", "/report/document"])
def test_what_is_not_there_is_absent(world, path):
    assert world.page("sam", f"{LIST}/WO-0000000000{path}").status == 404


def test_a_file_is_led_to_only_by_its_own_order(world):
    world.until("completed")
    away = world.page("sam", f"{world.ops}/files/UPL-FOUND")
    assert away.status == 303
    assert world.page("sam", f"{world.ops}/files/UPL-OTHER").status == 404
    other = replace(world.order, id="WO-SECOND0001")
    world.put(other)
    assert world.page("sam", f"{LIST}/{other.id}/files/UPL-FOUND").status == 404


# ---- what is explained ---------------------------------------------------------------------------


def test_the_ranking_tells_each_score_and_why_somebody_is_left_out(world):
    page = world.shown()
    assert "The original installer goes first" in page
    assert "performance, at most 60 of 100" in page
    assert "Alder Solar has it" in page
    assert "passes every filter" in page
    world.decline()
    after = world.shown()
    assert "declined or lost this work order" in after
    assert "Birch Solar has it" in after
    assert "no crew" in after
    assert (
        'aria-label="Performance 48.0 and proximity 38.0 of 100"'
        in world.page("sam", world.ops).text
    )


@pytest.mark.parametrize("reason", list(RoutingReason))
def test_every_reason_of_a_choice_has_its_sentence(world, reason):
    world.change(replace(world.order, routed_by=reason))
    assert world.page("sam", world.ops).status == 200


def test_a_clock_is_worked_out_step_by_step(world):
    world.until("accepted")
    page = world.shown()
    assert "The offer was delivered" in page
    assert "2 business days, that day not counted, end Wed, Jun 10, 2026, 5:00 PM EDT" in page
    assert "10 business days, that day not counted, end Tue, Jun 23, 2026, 5:00 PM EDT" in page
    assert "nobody works on Fri, Jun 19, 2026" in page


def test_pauses_that_overlap_are_told_once(world):
    world.until("accepted")
    start = world.now
    storm = Pause("weather", start, start + 2 * HOUR, "rain", "bo", start)
    parts = Pause("equipment_shipping_delay", start + HOUR, start + 3 * HOUR, "late", "bo", start)
    rejected = replace(storm, since=start + 4 * HOUR, until=start + 5 * HOUR, is_rejected=True)
    world.change(replace(world.order, pauses=(storm, parts, rejected)))
    world.wait(DAY)
    page = world.shown()
    assert "(weather; equipment is on its way): 3 h of working time not counted" in page
    assert "moved by 3 h of working time" in page


def test_an_open_pause_leaves_no_time_due(world):
    world.paused()
    assert "No time is due while it stands" in world.shown()
    assert "clock stands" in world.page("sam", f"{LIST}?show=paused").plain


def test_visits_report_and_mail_stand_on_the_page(world):
    world.until("completed")
    mail = Mail(
        "MAIL-1", MailState.FILED, world.number, False, "a@b.example", "", "Hello", world.now
    )
    world.put(mail)
    page = world.shown()
    for words in (
        "Arrived",
        "Breaker replaced.",
        "A worn breaker.",
        "As found",
        "UPL-FOUND",
        "Hello",
    ):
        assert words in page
    assert "/console/mails/MAIL-1" in world.page("sam", world.ops).text


@pytest.mark.parametrize("copy", ["", "?copy=customer", "?copy=nonsense"])
def test_the_report_is_led_to_as_it_is_drawn(world, copy):
    world.until("completed")
    assert world.page("otto", f"{world.ops}/report/document{copy}").status == 303


def test_a_report_that_is_not_there_is_said(world):
    refused = world.page("sam", f"{world.ops}/report/document")
    assert "has no report yet" in world.after("sam", refused).plain


# ---- deeds ---------------------------------------------------------------------------------------


def test_a_person_chooses_also_whom_the_ranking_leaves_out(world):
    world.put(
        a_partner("P-CEDAR", states=frozenset({"NC"}), latitude=35.8, longitude=-78.6),
        a_partner("P-AWAY", states=frozenset({"NC"}), active=False),
    )
    world.unsent()
    page = world.page("sam", world.ops).text
    assert 'value="P-CEDAR"' in page
    assert 'value="P-AWAY"' not in page
    assert "declined or lost this work order" in page
    assert "offered to the partner that you chose" in world.does("assign", assign_partner="P-CEDAR")
    assert world.order.partner_id == "P-CEDAR"


@pytest.mark.parametrize(
    ("partner", "says"),
    [
        pytest.param("", "Choose a partner", id="nobody is chosen"),
        pytest.param("P-NOBODY", "no such partner", id="one that there is not"),
        pytest.param("P-AWAY", "Q-79", id="one that is not active"),
    ],
)
def test_nobody_unfit_is_chosen(world, partner, says):
    world.put(a_partner("P-AWAY", active=False))
    world.unsent()
    assert says in world.is_refused("assign", assign_partner=partner)


def test_what_was_not_answered_in_time_goes_to_the_next(world):
    assert "still has its time" in world.is_refused("reassign", offer="1")
    world.wait(5 * DAY)
    assert "offered to the next partner" in world.does("reassign", offer="1")
    assert world.order.partner_id == OTHER


def test_a_button_that_is_pressed_twice_takes_the_work_from_one_partner_only(world):
    assert "offered to the next partner" in world.does(
        "withdraw", offer="1", withdraw_reason="a better one"
    )
    again = world.is_refused("withdraw", offer="1", withdraw_reason="a better one")
    assert "offered anew since" in again
    assert "a better one" in again, "what was typed is not lost"
    assert world.order.partner_id == OTHER


def test_an_offer_that_came_back_is_sent_again(world):
    world.bounced()
    assert "Waits for us: the mail came back" in world.shown()
    assert "sent again" in world.does("resend_offer", offer="1")
    assert world.order.assignments[-1].letters_sent == 2
    assert "offered anew" in world.is_refused("resend_offer", offer="1")


def test_a_call_is_logged_once_however_often_its_form_is_sent(world):
    for _ in range(2):
        assert "The call is logged" in world.does("phone_calls", call_outcome="voicemail", seen="0")
        world.wait(HOUR)
    assert [one.outcome for one in world.order.assignments[-1].calls] == ["voicemail"]
    world.does("phone_calls", call_outcome="voicemail", seen="1")
    assert len(world.order.assignments[-1].calls) == 2
    assert "Say what came of the call" in world.is_refused("phone_calls", call_outcome="?")


def test_an_estimate_above_the_limit_is_approved_in_writing(world):
    world.accept(Money(90_000))
    form = world.page("sam", world.ops)
    assert "The partner estimates $900.00" in form.plain
    assert 'value="900.00"' in form.text
    assert "up to $900.00" in world.does("spend_approvals", spend_limit="900")
    assert world.order.not_to_exceed == Money(90_000)
    assert world.order.state is WorkOrderState.ACCEPTED
    assert "approved in writing by sam" in world.shown()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        pytest.param("", "Say up to which total", id="nothing"),
        pytest.param("lots", "no amount", id="no amount"),
        pytest.param("0", "I-62", id="nothing may be spent"),
        pytest.param("999999999", "At most", id="more than anybody approves here"),
    ],
)
def test_an_approval_names_a_sum(world, typed, says):
    world.accept(Money(90_000))
    assert says in world.is_refused("spend_approvals", spend_limit=typed)


def test_an_estimate_is_not_approved_with_a_reason(world):
    world.accept(Money(90_000))
    assert "Say why" in world.is_refused("spend_rejections", refuse_reason="")
    assert "Not approved" in world.does("spend_rejections", refuse_reason="too dear")
    assert world.order.state is WorkOrderState.SPEND_REJECTED


def test_spending_that_was_asked_for_in_the_work_is_shown_where_it_is_decided(world):
    world.until("accepted")
    world.allowed(
        process.request_spend(world.records, amount=Money(80_000), why="a crane", **world.own())
    )
    page = world.shown()
    assert "The partner asked for $800.00: a crane" in page
    assert "Waits for us: decide on spending above the limit" in page


def test_a_pause_is_confirmed(world):
    world.paused()
    assert "Confirm it" in world.shown()
    assert "The pause is confirmed" in world.does("pauses/1/confirm")
    assert world.order.pauses[0].decided_by == "sam"
    assert "Confirm it" not in world.shown()


def test_a_pause_is_rejected_and_never_stopped_a_clock(world):
    world.paused()
    assert "Say why" in world.is_refused("pauses/1/reject", reject_reason_1="")
    assert "never stood for it" in world.does("pauses/1/reject", reject_reason_1="it was sunny")
    assert world.order.pauses[0].is_rejected
    assert "S-23d" in world.is_refused("pauses/1/confirm")


@pytest.mark.parametrize("place", ["9", "0"])
def test_a_pause_that_is_not_there_is_not_decided(world, place):
    assert "has no pause" in world.is_refused(f"pauses/{place}/confirm")


def test_a_pause_is_found_by_a_number(world):
    assert world.send("sam", f"{world.ops}/pauses/first/confirm").status == 404


def test_a_pause_is_granted_for_what_is_overdue(world):
    world.until("accepted")
    told = {"pause_reason": "weather", "pause_evidence": "a flood", "pause_since": at(world)}
    assert "The pause is granted" in world.does("pauses", **told)
    assert world.order.pauses[0].decided_by == "sam"
    world.does("pauses", **told)
    assert len(world.order.pauses) == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        pytest.param({"pause_reason": "holiday"}, "Choose what it waits for", id="no such reason"),
        pytest.param({"pause_evidence": ""}, "Say what shows it", id="no evidence"),
        pytest.param({"pause_since": "soon"}, "no day and time", id="no time"),
        pytest.param({"pause_since": "2026-07-01T10:00"}, "S-23d", id="it has not begun"),
        pytest.param({"pause_until": "2026-06-01T10:00"}, "S-23d", id="it ends before it begins"),
    ],
)
def test_a_pause_that_cannot_be_granted_keeps_what_was_typed(world, wrong, says):
    world.until("accepted")
    told = {"pause_reason": "weather", "pause_evidence": "a flood", "pause_since": at(world)}
    page = world.is_refused("pauses", **(told | wrong))
    assert says in page
    assert "pause_evidence" in wrong or "a flood" in page


def test_a_question_is_answered_in_its_thread(world):
    question = world.asks()
    assert "Which roof?" in world.shown()
    assert "Write the answer" in world.is_refused(
        f"questions/{question}", **{f"answer_{question}": ""}
    )
    said = world.does(f"questions/{question}", **{f"answer_{question}": "The garage"})
    assert "on its way to the partner" in said
    assert world.order.open_questions == ()
    assert "sam answered The garage" in world.shown()
    late = world.is_refused(f"questions/{question}", **{f"answer_{question}": "The barn"})
    assert "is not open" in late
    assert "The barn" in late, "what was typed is not lost"


def test_a_report_goes_back_with_what_is_to_be_corrected(world):
    world.until("completed")
    told = "the photo is blurred\n\n the serial is missing "
    assert "went back" in world.does("report/return", return_reasons=told)
    (report,) = [
        one.record for one in world.records.find(Report, by="work_order_id", value=world.number)
    ]
    assert report.state is ReportState.RETURNED
    assert report.returned_for == ("the photo is blurred", "the serial is missing")
    assert "the photo is blurred; the serial is missing" in world.shown()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        pytest.param("  ", "Say what is to be corrected", id="nothing"),
        pytest.param("\n".join(["x"] * 61), "at most 60", id="more than anybody reads"),
    ],
)
def test_a_report_does_not_go_back_for_nothing(world, typed, says):
    world.until("completed")
    assert says in world.is_refused("report/return", return_reasons=typed)


def test_serial_numbers_that_the_gateway_does_not_read_are_settled(world):
    world.until("completed")
    assert "P-70b" in world.is_refused("report/serials", serials_reason="seen")
    (report,) = [
        one.record for one in world.records.find(Report, by="work_order_id", value=world.number)
    ]
    rma = Rma("owner", (ExchangedPart("OLD-1", "NEW-1", "inverter"),), "RMA-1")
    world.change(
        replace(
            report,
            content=replace(report.content, rma=rma),
            serials=SerialState.NOT_SEEN,
            task=ReportTask.CHECK_SERIALS,
        )
    )
    assert "NEW-1" in world.shown()
    assert "are settled" in world.does("report/serials", serials_reason="a photo shows it")


def test_the_cause_is_recorded_with_what_it_rests_on(world):
    world.until("completed")
    assert "say what the cause was" in world.shown()
    lacking = world.is_refused("finding", finding_cause="bad luck", finding_evidence="")
    assert "Choose the cause" in lacking
    assert "Say what it rests on" in lacking
    told = {"finding_cause": "workmanship", "finding_evidence": "a loose lug"}
    assert "The cause is on record" in world.does("finding", **told)
    assert (world.order.cause, world.order.cause_found_by) == (Cause.WORKMANSHIP, "sam")
    assert "found by sam: a loose lug" in world.shown()


def test_it_is_called_off_before_anybody_went_and_not_after(world):
    assert "Say why" in world.is_refused("cancel", cancel_reason="")
    world.until("on_site")
    page = world.is_refused("cancel", cancel_reason="too late for this")
    assert "A-81" in page
    assert "too late for this" in page, "the form is gone, but not what was typed"
    other = Dispatch()
    assert "It is called off" in other.does("cancel", cancel_reason="mended itself")
    assert other.order.state is WorkOrderState.CANCELLED
    assert "mended itself" in other.shown()


@pytest.mark.parametrize("task", list(Task))
def test_each_task_is_put_into_words_on_the_page_and_the_list(world, task):
    state = WorkOrderState.COMPLETED if task is Task.RECORD_FINDING else world.order.state
    world.change(replace(world.order, task=task, state=state))
    says = TASKS[task]
    waits = f"Waits for us: {says[0].lower()}{says[1:]}"
    assert waits in world.shown()
    assert waits in world.page("sam", f"{LIST}?show=waits").plain


def test_what_comes_from_outside_stays_text(world):
    bad = '<script>alert("x")</script>'
    order: WorkOrder = world.order
    world.change(replace(order, instructions=bad, cause_evidence=bad, cause_found_by=bad))
    page = world.page("sam", world.ops).text
    assert bad not in page
    assert "&lt;script&gt;" in page
