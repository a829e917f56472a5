"""Work orders in the portal: what is shown, who sees it, each deed, and each form that is wrong."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.kernel.money import Money
from cloud.portal.asking import Form
from cloud.portal.typed import Typed
from cloud.service import process
from cloud.service.models import Mail, MailState, WorkOrder, WorkOrderState
from cloud.service.uploads import Upload
from tests.cloud.portal.orders_world import ALDER, HOUR, OrdersWorld, at
from tests.cloud.portal.pages_world import Seen
from tests.cloud.service.report_world import a_photo


@pytest.fixture
def world() -> OrdersWorld:
    return OrdersWorld()


# ---- the list --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "show", "is_there"),
    [
        pytest.param("offered", "", True, id="an offer stands among what is open"),
        pytest.param("offered", "to_answer", True, id="an offer is to answer"),
        pytest.param("accepted", "to_answer", False, id="what is accepted is answered"),
        pytest.param("accepted", "to_schedule", True, id="what is accepted is to schedule"),
        pytest.param("scheduled", "in_work", True, id="what is booked is in work"),
        pytest.param("on_site", "in_work", True, id="so is a visit under way"),
        pytest.param("awaiting_report", "to_report", True, id="what is done is to report"),
        pytest.param("completed", "", False, id="what is reported is not open"),
        pytest.param("completed", "past", True, id="but past"),
        pytest.param("completed", "all", True, id="all has it"),
        pytest.param("offered", "nonsense", True, id="a filter that is none filters nothing"),
    ],
)
def test_a_filter_shows_the_work_orders_of_its_stage(
    world: OrdersWorld, state: str, show: str, *, is_there: bool
) -> None:
    world.until(state)
    seen = world.page("bo", f"/portal/work_orders?show={show}")
    assert seen.status == 200
    assert (f'href="{world.path}"' in seen.text) is is_there


def test_what_is_paused_stands_by_itself_and_not_where_its_state_would_put_it(
    world: OrdersWorld,
) -> None:
    world.until("scheduled")
    world.allowed(
        process.pause(
            world.records,
            reason="weather",
            evidence="storm warning",
            since=world.now,
            **world.own(),
        )
    )
    assert world.number in world.page("bo", "/portal/work_orders?show=paused").text
    assert world.number not in world.page("bo", "/portal/work_orders?show=in_work").text


@pytest.mark.parametrize(
    ("sought", "is_there"),
    [
        pytest.param("raleigh", True, id="the town, however it is written"),
        pytest.param("Example", False, id="the street is not looked at"),
        pytest.param("golden", False, id="another town"),
    ],
)
def test_a_search_looks_at_towns(world: OrdersWorld, sought: str, *, is_there: bool) -> None:
    seen = world.page("bo", f"/portal/work_orders?q={sought}&show=all")
    assert (world.path in seen.text) is is_there
    assert sought in seen.text


def test_a_number_leads_to_its_page_also_when_the_work_is_lost(world: OrdersWorld) -> None:
    world.decline()
    assert world.page("bo", f"/portal/work_orders?q={world.number.lower()}").to == world.path
    stranger = world.page("lu", "/portal/work_orders?q=WO-0000000000")
    assert "Nothing is found" in stranger.plain


def test_a_partner_without_work_is_told_what_will_stand_there(world: OrdersWorld) -> None:
    assert "No work order yet" in world.page("lu", "/portal/work_orders").plain
    world.until("completed")
    assert "Nothing stands here now" in world.page("bo", "/portal/work_orders").plain


def test_more_than_a_page_goes_on_and_no_work_order_is_lost(world: OrdersWorld) -> None:
    numbers = [f"WO-MANY{n:06d}" for n in range(119)]
    for one in numbers:
        world.put(replace(world.order, id=one))
    seen = [
        world.page("bo", f"/portal/work_orders?page={page}").text for page in ("0", "1", "2", "99")
    ]
    assert [text.count('<tr><td><a href="/portal/work_orders/') for text in seen] == [
        50,
        50,
        20,
        20,
    ]
    assert sum(any(f">{one}<" in text for text in seen) for one in (*numbers, world.number)) == 120
    assert 'rel="prev"' not in seen[0]
    assert 'rel="next"' not in seen[2]


# ---- one work order --------------------------------------------------------------------------
def test_its_page_says_what_is_wrong_where_to_go_and_what_may_be_spent(world: OrdersWorld) -> None:
    world.reported_by_phone("(303) 555-0189, evenings")
    seen = world.page("bo", world.path)
    for said in (
        "it makes too little",
        "Sample Customer",
        "1 Example St, Raleigh NC",
        "$500.00 in all",
        "Enphase IQ8",
        "Offered to you",
        "Wed, Jun 10, 2026, 5:00 PM EDT",
    ):
        assert said in seen.plain, said
    assert 'href="tel:3035550189"' in seen.text
    assert 'href="geo:35.78,-78.64' in seen.text


def test_who_lost_the_work_reads_its_own_part_and_nothing_of_the_home(world: OrdersWorld) -> None:
    world.reported_by_phone("(303) 555-0189")
    world.decline()
    process.question(
        world.records,
        work_order_id=world.number,
        partner_id="P-BIRCH",
        text="Is there a dog?",
        at=world.now + HOUR,
        by="lu",
    )
    seen = world.page("bo", world.path)
    assert seen.status == 200
    assert "you declined it" in seen.plain
    assert "You declined it: no crew" in seen.plain
    for hidden in ("Sample Customer", "Example St", "555", "Is there a dog", "<textarea", "geo:"):
        assert hidden not in seen.text, hidden
    theirs = world.page("lu", world.path).plain
    assert "Sample Customer" in theirs
    assert "no crew" not in theirs


def test_a_closed_case_hides_the_customer(world: OrdersWorld) -> None:
    world.until("completed")
    world.change(replace(world.order, customer_hidden_at=world.now))
    for path in (world.path, "/portal/work_orders?show=all", "/portal"):
        seen = world.page("bo", path).plain
        assert "Sample Customer" not in seen
        assert "Raleigh" not in seen


_PAGES = ("", "/report", "/spend", "/report/document")
_DEEDS = (
    "/acknowledge", "/accept", "/decline", "/contact_attempts", "/schedule", "/arrive", "/depart",
    "/pauses", "/resume", "/questions", "/report", "/report/lacking", "/report/files",
    "/report/announce", "/spend",
)  # fmt: skip


def test_another_partners_work_order_is_not_there_whatever_is_asked(world: OrdersWorld) -> None:
    before = world.order
    absent = world.page("lu", "/portal/work_orders/WO-0000000000")
    assert absent.status == 404
    for page in _PAGES:
        seen = world.page("lu", world.path + page)
        assert (seen.status, seen.plain) == (404, absent.plain) or page == "/report/document"
        assert seen.status == 404
    for deed in _DEEDS:
        sent = world.send("lu", world.path + deed, purpose="photo_found", size="1", estimate="1")
        assert sent.status == 404, deed
    assert world.order == before


def test_the_clocks_tell_what_pauses_moved(world: OrdersWorld) -> None:
    world.until("accepted")
    since = world.now
    world.allowed(
        process.pause(world.records, reason="weather", evidence="storm", since=since, **world.own())
    )
    world.wait(2 * HOUR)
    stands = world.page("bo", world.path).plain
    assert "It stands, so that it is due at no time now." in stands
    assert "Weather" in stands
    world.send("bo", f"{world.path}/resume", pause_reason="weather")
    assert "Pauses moved it by 2 h of working time." in world.page("bo", world.path).plain


def test_an_emergency_says_by_when_somebody_has_to_answer(world: OrdersWorld) -> None:
    world.change(replace(world.order, is_emergency=True))
    seen = world.page("bo", world.path).plain
    assert "This is an emergency: answer at once." in seen
    assert "Emergency: first answer in 1 h" in seen
    assert "Answer the emergency" in world.page("bo", "/portal").plain
    world.send("bo", f"{world.path}/acknowledge")
    assert "Emergency: first answer" not in world.page("bo", world.path).plain


def test_only_the_partners_own_mail_of_the_thread_is_listed(world: OrdersWorld) -> None:
    def mail(name: str, *, is_ours: bool, **more: str) -> Mail:
        return Mail(
            id=name,
            state=MailState.DELIVERED if is_ours else MailState.FILED,
            thread=world.number,
            is_ours=is_ours,
            sender=more.get("sender", ""),
            recipient=more.get("recipient", ""),
            subject=f"subject {name}",
            at=world.now,
        )

    world.put(
        mail("to-us", is_ours=True, recipient="Service@partner.example"),
        mail("from-us", is_ours=False, sender="service@partner.example"),
        mail("to-the-coordinator", is_ours=True, recipient="spc@owner.example"),
        mail("from-birch", is_ours=False, sender="service@birch.example"),
    )
    seen = world.page("bo", world.path).plain
    assert "subject to-us" in seen
    assert "subject from-us" in seen
    assert "to-the-coordinator" not in seen
    assert "from-birch" not in seen


# ---- what is done ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "deed", "form", "after", "says"),
    [
        pytest.param("offered", "acknowledge", {}, "offered", "accept or decline", id="seen"),
        pytest.param(
            "offered", "accept", {"estimate": "200"}, "accepted", "It is yours", id="accept"
        ),
        pytest.param(
            "offered",
            "accept",
            {"estimate": "500.01"},
            "awaiting_spend",
            "wait for the written approval",
            id="accept for more than may be spent",
        ),
        pytest.param(
            "offered",
            "accept",
            {"estimate": "500.00"},
            "accepted",
            "It is yours",
            id="on the limit",
        ),
        pytest.param(
            "accepted",
            "contact_attempts",
            {"channel": "phone", "outcome": "no answer"},
            "scheduling",
            "on record",
            id="a first attempt",
        ),
        pytest.param(
            "accepted",
            "schedule",
            {"since": 26, "until": 28, "technician": "Jo"},
            "scheduled",
            "The visit is booked",
            id="book a visit",
        ),
        pytest.param(
            "scheduled", "arrive", {"arrived_at": 0}, "on_site", "arrival is on record", id="arrive"
        ),
        pytest.param(
            "on_site",
            "depart",
            {"departed_at": 0, "finished": "yes"},
            "awaiting_report",
            "send the report",
            id="leave, done",
        ),
        pytest.param(
            "on_site",
            "depart",
            {"departed_at": 0, "finished": "no"},
            "scheduling",
            "book the next visit",
            id="leave, not done",
        ),
        pytest.param(
            "accepted",
            "pauses",
            {"pause_reason": "weather", "evidence": "storm", "pause_since": 0},
            "accepted",
            "The clocks stand",
            id="pause",
        ),
        pytest.param(
            "accepted", "questions", {"question": "Dog?"}, "accepted", "has your question", id="ask"
        ),
    ],
)
def test_a_deed_is_done_and_said_and_the_same_again_changes_nothing(
    world: OrdersWorld, *, state: str, deed: str, form: dict[str, object], after: str, says: str
) -> None:
    world.until(state)
    fields = {k: at(world, v) if isinstance(v, int) else v for k, v in form.items()}
    sent = world.send("bo", f"{world.path}/{deed}", seen="0", **fields)
    assert sent.to == world.path, sent.plain
    assert says in world.after("bo", sent).plain
    done = world.order
    assert done.state == after
    world.wait(timedelta(seconds=20))
    world.send("bo", f"{world.path}/{deed}", seen="0", **fields)
    assert world.order == done


def test_declining_sends_the_work_on_with_the_reason_in_the_log(world: OrdersWorld) -> None:
    sent = world.send("bo", f"{world.path}/decline", reason="No crew this week")
    assert "You declined it" in world.after("bo", sent).plain
    assert world.order.partner_id != ALDER
    assert world.order.assignments[0].reason == "No crew this week"


def test_a_question_and_its_answer_stand_on_the_page(world: OrdersWorld) -> None:
    world.send("bo", f"{world.path}/questions", question="Is there a dog?")
    assert "Not answered yet" in world.page("bo", world.path).plain
    world.allowed(
        process.answer_question(
            world.records,
            work_order_id=world.number,
            question_id=world.order.open_questions[0],
            text="No dog.",
            at=world.now + HOUR,
            by="spc_1",
        )
    )
    seen = world.page("bo", world.path).plain
    assert "Is there a dog?" in seen
    assert "spc_1 answered" in seen
    assert "No dog." in seen


@pytest.mark.parametrize(
    ("state", "deed", "form", "says", "kept"),
    [
        pytest.param("offered", "accept", {}, "Say what it will cost", "", id="no estimate"),
        pytest.param(
            "offered",
            "accept",
            {"estimate": "about 200"},
            "This is no amount",
            "about 200",
            id="words",
        ),
        pytest.param("offered", "decline", {}, "Say why", "", id="no reason"),
        pytest.param(
            "accepted",
            "contact_attempts",
            {"channel": "pigeon", "outcome": "flew away"},
            "Say how you tried",
            "flew away",
            id="a channel that is none",
        ),
        pytest.param(
            "accepted",
            "schedule",
            {"since": "2026-06-09T09:00", "technician": "Jo"},
            "Say until when",
            "2026-06-09T09:00",
            id="a visit without an end",
        ),
        pytest.param(
            "accepted",
            "schedule",
            {
                "since": "2026-06-01T09:00",
                "until": "2026-06-01T11:00",
                "technician": "Jo Lindqvist",
            },
            "rule S-21",
            "Jo Lindqvist",
            id="a visit in the past",
        ),
        pytest.param(
            "accepted",
            "pauses",
            {
                "pause_reason": "multi_visit",
                "evidence": "a part",
                "pause_since": "2026-06-08T10:00",
            },
            "the next one is booked first",
            "a part",
            id="a pause that a rule refuses",
        ),
        pytest.param(
            "on_site",
            "depart",
            {"departed_at": "2026-06-08T09:00", "finished": "yes"},
            "rule S-22",
            "2026-06-08T09:00",
            id="left before it came",
        ),
        pytest.param(
            "offered", "questions", {"question": " "}, "Write your question", "", id="blank"
        ),
        pytest.param(
            "offered",
            "schedule",
            {"since": "2026-06-09T09:00", "until": "2026-06-09T11:00", "technician": "Jo"},
            "rule R-44",
            "",
            id="not accepted yet",
        ),
    ],
)
def test_a_form_that_is_wrong_comes_back_with_what_was_typed(
    world: OrdersWorld, *, state: str, deed: str, form: dict[str, str], says: str, kept: str
) -> None:
    world.until(state)
    before = world.order
    sent = world.send("bo", f"{world.path}/{deed}", **form)
    assert sent.status == 422
    assert says in sent.plain
    assert kept in sent.text
    assert world.order == before


def test_who_goes_is_chosen_from_the_roster_once_there_is_one(world: OrdersWorld) -> None:
    from datetime import date

    from cloud.portfolio.organisation import Certification, Technician

    able = Certification("Enphase", "EN-1", date(2027, 1, 1))
    world.put(
        Technician("T-1", ALDER, "Jo", (able,)),
        Technician("T-2", ALDER, "Max"),
        Technician("T-3", ALDER, "Gone", (able,), is_active=False),
    )
    world.until("accepted")
    seen = world.page("bo", world.path).plain
    assert "Jo (certified by Enphase)" in seen
    assert "Max (no certificate of Enphase)" in seen
    assert "Gone" not in seen
    refused = world.send(
        "bo", f"{world.path}/schedule", since=at(world, 26), until=at(world, 28), technician="Max"
    )
    assert (refused.status, "rule Q-78" in refused.plain) == (422, True)


# ---- files -----------------------------------------------------------------------------------
def test_a_file_of_ours_is_led_to_and_anothers_is_not_there(world: OrdersWorld) -> None:
    world.until("on_site")
    world.send_files(
        "bo",
        f"{world.path}/report",
        {"add_found": ("one.jpg", "image/jpeg", a_photo())},
        deed="keep",
    )
    seen = world.page("bo", world.path)
    (name,) = {part.split('"')[0] for part in seen.text.split(f"{world.path}/files/")[1:]}
    assert world.page("bo", f"{world.path}/files/{name}").to.startswith("memory:evidence/")
    assert world.page("lu", f"{world.path}/files/{name}").status == 404
    assert world.page("bo", f"{world.path}/files/UPL-NONE").status == 404


# ---- whatever is sent ------------------------------------------------------------------------
@pytest.fixture(scope="module")
def at_work() -> OrdersWorld:
    return OrdersWorld().until("accepted")


_TEXT = st.text(max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    deed=st.sampled_from(_DEEDS),
    fields=st.dictionaries(
        st.sampled_from(
            ["estimate", "reason", "channel", "outcome", "seen", "since", "until", "technician",
             "arrived_at", "came", "departed_at", "finished", "pause_reason", "evidence",
             "pause_since", "question", "form", "found_notes", "part_old_0", "part_new_0",
             "part_kind_٣", "known", "found_photo", "deed", "purpose", "size", "sha256", "name",
             "content_type", "amount", "why"]
        ),
        _TEXT | st.sampled_from(["photo_found", "yes", "send", "weather", "2026-06-09T10:00", "9"]),
    ),
)  # fmt: skip
def test_no_form_breaks_a_page(at_work: OrdersWorld, deed: str, fields: dict[str, str]) -> None:
    sent = at_work.send("bo", at_work.path + deed, **fields)
    assert sent.status in {200, 303, 400, 422}, (deed, fields, sent.plain[:300])


@settings(max_examples=60, deadline=None)
@given(show=_TEXT, q=_TEXT, page=_TEXT | st.just("٣"))
def test_no_query_breaks_the_list(at_work: OrdersWorld, show: str, q: str, page: str) -> None:
    from urllib.parse import urlencode

    query = urlencode({"show": show, "q": q, "page": page}, errors="replace")
    assert at_work.page("bo", f"/portal/work_orders?{query}").status in {200, 303}


def test_every_state_of_a_work_order_has_a_page(world: OrdersWorld) -> None:
    """A state that nobody thought of would be seen here first."""
    for state in WorkOrderState:
        world.change(replace(world.order, state=state))
        for path in ("/portal", "/portal/work_orders?show=all", world.path, f"{world.path}/report"):
            assert world.page("bo", path).status == 200, (state, path)
    assert isinstance(world.order, WorkOrder)
    assert world.order.spend_limit == Money(50_000)


# ---- files -----------------------------------------------------------------------------------
@pytest.mark.rule("T-91")
def test_a_file_opens_by_its_own_work_order_only(world: OrdersWorld) -> None:
    world.until("awaiting_report")
    photo = ("found.jpg", "image/jpeg", a_photo("red"))
    world.send_files("bo", f"{world.path}/report", {"add_found": photo}, deed="keep")
    (upload,) = world.records.find(Upload, by="work_order_id", value=world.number)
    name = upload.record.id
    other = replace(world.order, id="WO-OTHER")
    world.put(other)
    assert world.page("bo", f"{world.path}/files/{name}").to.startswith("memory:")
    assert world.page("bo", f"/portal/work_orders/WO-OTHER/files/{name}").status == 404
    assert world.page("bo", f"/portal/work_orders/WO-NONE/files/{name}").status == 404
    assert world.page("lu", f"{world.path}/files/{name}").status == 404


# ---- the minute that a page offers -------------------------------------------------------------
def hidden(page: Seen) -> str:
    return page.text.partition('name="made_at" value="')[2].partition('"')[0]


def test_the_minute_that_a_page_offers_is_never_before_what_it_follows(world: OrdersWorld) -> None:
    world.until("scheduled")
    world.clock.at += 4 * HOUR + timedelta(seconds=40)
    world.allowed(process.arrived(world.records, arrived_at=world.now, **world.own()))
    world.clock.at += timedelta(seconds=10)
    made_at = hidden(world.page("bo", world.path))
    offered = at(world)
    world.clock.at += timedelta(minutes=3)
    form = {"departed_at": offered, "finished": "yes", "made_at": made_at}
    sent = world.send("bo", f"{world.path}/depart", **form)
    assert sent.status == 303, sent.plain
    assert world.order.departed_at == world.now - timedelta(minutes=3)
    before = world.order
    world.send("bo", f"{world.path}/depart", **form)
    assert world.order == before


@pytest.mark.parametrize(
    "made_at",
    [
        pytest.param("", id="none"),
        pytest.param("soon", id="no instant"),
        pytest.param("2026-06-08T15:00:00", id="without a zone"),
        pytest.param("2099-01-01T00:00:00+00:00", id="ahead"),
        pytest.param("2026-06-01T00:00:00+00:00", id="of another minute"),
        pytest.param("0001-01-01T00:00:00+00:00", id="before all clocks"),
    ],
)
def test_what_a_page_was_made_at_counts_only_where_it_is_that_minute(
    world: OrdersWorld, made_at: str
) -> None:
    world.until("on_site")
    world.clock.at += HOUR + timedelta(seconds=30)
    form = {"departed_at": at(world), "finished": "yes", "made_at": made_at}
    assert world.send("bo", f"{world.path}/depart", **form).status == 303
    assert world.order.departed_at == world.now.replace(second=0)


NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("now", "typed", "meant"),
    [
        pytest.param("05:40", "01:30", "05:30", id="the first time, while the later lies ahead"),
        pytest.param("06:40", "01:30", "06:30", id="the later one, once it is over"),
        pytest.param("06:30", "01:30", "06:30", id="the later one, just now"),
        pytest.param("05:40", "01:50", "06:50", id="both lie ahead: it stays ahead, as typed"),
        pytest.param("08:00", "02:30", "07:30", id="an hour that comes once"),
    ],
)
def test_in_the_doubled_hour_it_is_the_reading_that_is_over(
    now: str, typed: str, meant: str
) -> None:
    by = datetime.fromisoformat(f"2026-11-01T{now}:00+00:00")
    read = Typed(Form({"left": (f"2026-11-01T{typed}",)}))
    found = read.past("left", NEW_YORK, by=by)
    assert found == datetime.fromisoformat(f"2026-11-01T{meant}:00+00:00")


def test_the_page_knows_which_of_two_hours_it_was_made_in() -> None:
    by = datetime.fromisoformat("2026-11-01T06:50:00+00:00")
    made_at = "2026-11-01T05:30:20+00:00"
    read = Typed(Form({"left": ("2026-11-01T01:30",), "made_at": (made_at,)}))
    assert read.past("left", NEW_YORK, by=by) == datetime.fromisoformat(made_at)
