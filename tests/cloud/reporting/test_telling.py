"""Telling: whose an event is, in which order, once; and reading the feed without a gap."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telling_world import MONDAY, World, a_partner

from cloud.funding.models import PaymentTrace
from cloud.invoicing.models import Dispute, DisputeState, Subject
from cloud.kernel.change import Change, Event, Save
from cloud.kernel.errors import Conflict
from cloud.kernel.money import Money
from cloud.portfolio.models import TEST, ApiClient
from cloud.portfolio.papers import PartnerPerson
from cloud.reporting.feed import FeedHead, ToldEvent
from cloud.reporting.telling import DELIVER, read_feed, tell
from cloud.reporting.webhooks import Delivery, Off
from cloud.service.offer import AssignmentState

HOUR = timedelta(hours=1)


def told(world, *events, at=MONDAY):
    """Tell entries of the log, and give them as type and partner."""
    found = []
    for place, event in enumerate(events):
        found += tell(world.records, event, key=f"{event.subject} {event.at} {place}", at=at)
    return [(one.type.partition(".")[2], one.partner_id) for one in found]


# ---------------------------------------------------------------------- whose
def given_on(world):
    """An order that P-A had from Monday and lost an hour later to P-B, at the same instant."""
    lost = world.assignment("P-A", MONDAY, state=AssignmentState.DECLINED, ended_at=MONDAY + HOUR)
    has = world.assignment("P-B", MONDAY + HOUR)
    return world.order("WO-1", lost, has)


@pytest.mark.parametrize(
    ("what", "after", "whose"),
    [
        pytest.param("offered", 0, "P-A", id="the first offer, told when it is past"),
        pytest.param("acknowledged", 0.5, "P-A", id="while the first one had it"),
        pytest.param("declined", 1, "P-A", id="an end, at the instant of the next offer"),
        pytest.param("withdrawn", 1, "P-A", id="a withdrawal at that instant"),
        pytest.param("reassigned", 1, "P-A", id="taken back at that instant"),
        pytest.param("offered", 1, "P-B", id="the next offer, at the instant of the end"),
        pytest.param("accepted", 2, "P-B", id="while the second one had it"),
        pytest.param("cancelled", 3, "P-B", id="called off: of who has it"),
        pytest.param("accept_missed", 0.75, "P-A", id="a deadline of the first, found out later"),
    ],
)
def test_an_event_of_a_work_order_is_of_who_had_it_then(what, after, whose):
    world = World("P-A", "P-B")
    given_on(world)
    entry = Event("WO-1", what, MONDAY + after * HOUR, "x")
    assert [partner for _, partner in told(world, entry)] == [whose]


@pytest.mark.parametrize(
    ("what", "after", "whose"),
    [
        pytest.param("declined", 1, ["P-A"], id="the end itself"),
        pytest.param("cancelled", 2, [], id="called off while nobody has it"),
        pytest.param("arrived", 0.5, ["P-A"], id="what was before, told late"),
        pytest.param("arrived", -0.5, ["P-A"], id="dated before the offer, by a wrong clock"),
    ],
)
def test_while_nobody_has_a_work_order_nobody_is_told_of_it(what, after, whose):
    world = World("P-A")
    lost = world.assignment("P-A", MONDAY, state=AssignmentState.DECLINED, ended_at=MONDAY + HOUR)
    world.order("WO-1", lost)
    entry = Event("WO-1", what, MONDAY + after * HOUR, "x")
    assert [partner for _, partner in told(world, entry)] == whose


def test_a_name_that_two_things_have_is_told_of_the_thing_that_it_is_about():
    world = World("P-A")
    world.order("WO-1", world.assignment("P-A", MONDAY))
    dispute = Dispute(
        "DSP-1", Subject.FINDING, "WO-1", "WO-1", "P-A", DisputeState.OPEN, "spc", "no", MONDAY, "x"
    )
    world.save(dispute)
    events = (
        Event("CASE-1", "became_emergency", MONDAY, "x"),
        Event("WO-1", "became_emergency", MONDAY, "x"),
        Event("CASE-1", "evidence_added", MONDAY, "x"),
        Event("DSP-1", "evidence_added", MONDAY, "x"),
    )
    assert told(world, *events) == [("became_emergency", "P-A"), ("evidence_added", "P-A")]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(Event("WO-1", "issued", MONDAY, "x"), id="what is not for partners"),
        pytest.param(Event("WO-9", "offered", MONDAY, "x"), id="of a thing that is not there"),
        pytest.param(Event("P-A", "bank_change_asked", MONDAY, "x"), id="without its cause"),
        pytest.param(Event("P-9", "contact_changed", MONDAY, "x"), id="of nobody"),
    ],
)
def test_what_is_nobodys_is_told_to_nobody(event):
    world = World("P-A")
    assert told(world, event) == []
    assert world.records.load(FeedHead, "P-A") is None


def test_a_run_is_told_to_each_partner_that_it_pays():
    world = World("P-A", "P-B", "P-C")
    world.funding_run("comfort-2026-06-09")
    for place, (partner_id, code) in enumerate([("P-A", ""), ("P-B", ""), ("P-C", "R01")]):
        world.save(
            PaymentTrace(
                f"00000000000000{place}",
                "comfort-2026-06-09",
                partner_id,
                "PLAN",
                Money(5),
                return_code=code,
            )
        )
    entry = Event("comfort-2026-06-09", "run_settled", MONDAY, "treasury")
    assert told(world, entry) == [("paid", "P-A"), ("paid", "P-B")]
    (event,) = world.feed("P-A", with_money=True)
    assert (event.thing, event.thing_id) == ("payout", "comfort-2026-06-09")


# ---------------------------------------------------------------------- once, in order
def test_an_entry_is_told_once_however_often_it_is_seen():
    world = World("P-A")
    world.order("WO-1", world.assignment("P-A", MONDAY))
    entry = Event("WO-1", "offered", MONDAY, "x")
    for _ in range(3):
        tell(world.records, entry, key="LOG#WO-1 1", at=MONDAY)
    tell(world.records, entry, key="LOG#WO-1 2", at=MONDAY)
    assert [one.number for one in world.feed("P-A")] == [1, 2]


def test_a_late_entry_has_its_place_when_it_is_written_down():
    """Its own time is in the event; a reader who was there before meets it all the same."""
    world = World("P-A")
    world.order("WO-1", world.assignment("P-A", MONDAY))
    told(world, Event("WO-1", "accepted", MONDAY + HOUR, "x"))
    seen = world.page("P-A")
    told(world, Event("WO-1", "offered", MONDAY, "x"), at=MONDAY + 2 * HOUR)
    new = world.page("P-A", after=seen.last)
    assert [(one.type, one.at) for one in new.events] == [("work_order.offered", MONDAY)]


class Contended:
    """Records of which somebody else moves the feed just before each of the first writes."""

    def __init__(self, records, times):
        self._records, self._left = records, times

    def __getattr__(self, name):
        return getattr(self._records, name)

    def commit(self, change):
        if self._left:
            self._left -= 1
            tell(
                self._records,
                Event("WO-1", "acknowledged", MONDAY, "x"),
                key=f"other {self._left}",
                at=MONDAY,
            )
        self._records.commit(change)


def test_who_writes_at_the_same_moment_gets_another_place():
    world = World("P-A")
    world.order("WO-1", world.assignment("P-A", MONDAY))
    entry = Event("WO-1", "offered", MONDAY, "x")
    tell(Contended(world.records, 3), entry, key="mine", at=MONDAY)
    assert [(one.number, one.type.partition(".")[2]) for one in world.feed("P-A")] == [
        (1, "acknowledged"),
        (2, "acknowledged"),
        (3, "acknowledged"),
        (4, "offered"),
    ]


def test_who_never_gets_a_place_says_so_and_is_told_later():
    world = World("P-A")
    world.order("WO-1", world.assignment("P-A", MONDAY))
    entry = Event("WO-1", "offered", MONDAY, "x")
    with pytest.raises(Conflict):
        tell(Contended(world.records, 99), entry, key="mine", at=MONDAY)
    assert len(tell(world.records, entry, key="mine", at=MONDAY)) == 1


# ---------------------------------------------------------------------- reading
def test_each_partner_reads_its_own_feed_with_its_own_mode():
    world = World("P-A")
    world.save(replace(a_partner("P-T"), mode=TEST))
    world.order("WO-1", world.assignment("P-A", MONDAY))
    world.order("WO-2", world.assignment("P-T", MONDAY))
    told(world, Event("WO-1", "offered", MONDAY, "x"), Event("WO-2", "offered", MONDAY, "x"))
    assert [(one.thing_id, one.mode) for one in world.feed("P-A")] == [("WO-1", "live")]
    assert [(one.thing_id, one.mode) for one in world.feed("P-T")] == [("WO-2", "test")]


@pytest.mark.rule("F27")
def test_money_is_passed_over_for_who_may_not_see_it():
    world = World("P-A")
    world.order("WO-1", world.assignment("P-A", MONDAY))
    world.funding_run("run")
    world.save(PaymentTrace("1", "run", "P-A", "PLAN", Money(5)))
    told(
        world,
        Event("WO-1", "offered", MONDAY, "x"),
        Event("run", "run_sent", MONDAY, "x"),
        Event("WO-1", "accepted", MONDAY, "x"),
    )
    assert [one.number for one in world.feed("P-A")] == [1, 3]
    assert [one.number for one in world.feed("P-A", with_money=True)] == [1, 2, 3]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["offered", "accepted", "paused"]), max_size=12),
    st.lists(st.integers(1, 4), min_size=12, max_size=12),
    st.sampled_from([(), ("work_order.offered",), ("work_order.*",), ("invoice.*",)]),
)
def test_who_keeps_the_place_reads_everything_once_in_order(names, limits, types):
    """Written between the pages or before them, of whatever size the pages are."""
    world = World("P-A")
    world.order("WO-1", world.assignment("P-A", MONDAY))
    seen, after = [], 0
    for place, (name, limit) in enumerate(zip(names, limits, strict=False)):
        tell(world.records, Event("WO-1", name, MONDAY, "x"), key=f"k{place}", at=MONDAY)
        page = world.page("P-A", after=after, limit=limit, types=types)
        seen, after = [*seen, *page.events], page.last
        assert page.missed == 0
    while (page := world.page("P-A", after=after, limit=2, types=types)).events or page.has_more:
        seen, after = [*seen, *page.events], page.last
    wanted = [f"work_order.{one}" for one in names]
    wanted = [one for one in wanted if not types or one in types or "work_order.*" in types]
    assert [one.type for one in seen] == wanted
    numbers = [one.number for one in seen]
    assert numbers == sorted(set(numbers))


@pytest.mark.rule("WH-01")
def test_who_comes_back_too_late_is_told_how_much_it_missed():
    world = World("P-A")
    world.order("WO-1", world.assignment("P-A", MONDAY))

    def paused_on(*days):
        for at in (MONDAY + timedelta(days=day) for day in days):
            told(world, Event("WO-1", "paused", at, "x"), at=at)

    paused_on(0, 1, 29)
    now = MONDAY + timedelta(days=30, hours=12)
    assert (world.page("P-A", after=0, at=now).missed, world.page("P-A", at=now).missed) == (1, 0)
    assert [one.number for one in world.page("P-A", at=now).events] == [2, 3]
    paused_on(40)
    later = world.page("P-A", after=1, at=MONDAY + timedelta(days=59, seconds=-1))
    assert ([one.number for one in later.events], later.missed) == ([3, 4], 1)
    gone = world.page("P-A", after=1, at=MONDAY + timedelta(days=200))
    assert (gone.events, gone.missed, gone.last, gone.has_more) == ((), 3, 4, False)


@pytest.mark.rule("WH-01")
@pytest.mark.parametrize(
    ("after_s", "is_there"),
    [
        pytest.param(-1, True, id="a second before thirty days"),
        pytest.param(0, False, id="after thirty days"),
        pytest.param(1, False, id="a second more, though the row still lies there"),
    ],
)
def test_an_event_is_read_for_thirty_days(after_s, is_there):
    world = World("P-A")
    world.order("WO-1", world.assignment("P-A", MONDAY))
    told(world, Event("WO-1", "paused", MONDAY, "x"))
    at = MONDAY + timedelta(days=30, seconds=after_s)
    assert bool(world.page("P-A", at=at).events) is is_there


def test_a_page_that_finds_little_ends_and_the_next_one_goes_on():
    world = World("P-A")
    event = ToldEvent(
        "", "P-A", 0, "invoice.paid", MONDAY, MONDAY, MONDAY + HOUR, "invoice", "INV-1", "live"
    )
    for number in range(1, 1151):
        kind = "invoice.paid" if number in {1, 1150} else "work_order.offered"
        world.save(replace(event, id=f"P-A.{number:012d}", number=number, type=kind))
    world.save(FeedHead("P-A", 1150, ((MONDAY.date().isoformat(), 1),)))
    first = world.page("P-A", types=("invoice.*",))
    assert ([one.number for one in first.events], first.has_more) == ([1], True)
    second = world.page("P-A", after=first.last, types=("invoice.*",))
    assert ([one.number for one in second.events], second.has_more) == ([1150], False)


# ---------------------------------------------------------------------- on the way to endpoints
@pytest.mark.parametrize(
    ("changes", "is_sent"),
    [
        pytest.param({}, True, id="everything"),
        pytest.param({"types": ("work_order.offered",)}, True, id="this type"),
        pytest.param({"types": ("invoice.*",)}, False, id="other types"),
        pytest.param({"off": Off.BY_PARTNER}, False, id="switched off"),
        pytest.param({"off": Off.DELETED}, False, id="deleted"),
    ],
)
def test_an_event_goes_to_the_endpoints_that_want_it(changes, is_sent):
    world = World("P-A")
    world.order("WO-1", world.assignment("P-A", MONDAY))
    world.endpoint("P-A", "WHE-1", **changes)
    told(world, Event("WO-1", "offered", MONDAY, "x"))
    delivery = world.records.load(Delivery, "WHE-1.000000000001")
    assert (delivery is not None) is is_sent
    sent = [one for one in world.records.messages.values() if one.topic == DELIVER]
    body = {"delivery_id": "WHE-1.000000000001", "round": 1, "tried": 0, "put_offs": 0}
    assert [one.body for one in sent] == ([body] if is_sent else [])


@pytest.mark.rule("API-04")
@pytest.mark.parametrize(
    ("partner", "client", "is_sent"),
    [
        pytest.param({}, ApiClient("C", "P-A"), True, id="of a program that may call"),
        pytest.param({}, ApiClient("C", "P-A", is_stopped=True), False, id="of one stopped"),
        pytest.param({}, None, False, id="of one that is gone"),
        pytest.param({"active": False}, ApiClient("C", "P-A"), False, id="of no active partner"),
        pytest.param({}, PartnerPerson("C", "P-A", "Jo", "j@p.example"), True, id="of a person"),
        pytest.param(
            {},
            PartnerPerson("C", "P-A", "Jo", "j@p.example", is_active=False),
            False,
            id="of a person who left",
        ),
    ],
)
def test_whoever_may_not_call_is_told_nothing_whatever_it_is_about(partner, client, is_sent):
    world = World()
    world.save(replace(a_partner("P-A"), **partner), *([client] if client else []))
    world.order("WO-1", world.assignment("P-A", MONDAY))
    world.endpoint("P-A", "WHE-1", client_id="C")
    told(world, Event("WO-1", "offered", MONDAY, "x"))
    assert (world.records.load(Delivery, "WHE-1.000000000001") is not None) is is_sent
    assert len(world.feed("P-A")) == 1  # it is in the feed all the same


@pytest.mark.rule("F27")
@pytest.mark.parametrize(
    ("client", "is_sent"),
    [
        pytest.param(
            ApiClient("C", "P-A", roles=frozenset({"accounting_admin"})), True, id="with the role"
        ),
        pytest.param(ApiClient("C", "P-A"), False, id="without it"),
        pytest.param(None, False, id="of a program that is not on record"),
        pytest.param(
            ApiClient("C", "P-B", roles=frozenset({"accounting_admin"})),
            False,
            id="of a program of somebody else's",
        ),
    ],
)
def test_money_goes_to_endpoints_of_programs_that_may_see_it(client, is_sent):
    world = World("P-A")
    world.funding_run("run")
    world.save(PaymentTrace("1", "run", "P-A", "PLAN", Money(5)))
    world.save(*([client] if client else []))
    world.endpoint("P-A", "WHE-1", client_id="C")
    told(world, Event("run", "run_sent", MONDAY, "x"))
    assert len(world.feed("P-A", with_money=True)) == 1
    assert (world.records.load(Delivery, "WHE-1.000000000001") is not None) is is_sent


def test_an_event_goes_to_nobody_elses_endpoint():
    world = World("P-A", "P-B")
    world.order("WO-1", world.assignment("P-A", MONDAY))
    world.endpoint("P-B", "WHE-B")
    told(world, Event("WO-1", "offered", MONDAY, "x"))
    assert world.records.messages == {}


def test_the_feed_of_who_was_told_nothing_is_empty():
    page = read_feed(
        World().records,
        partner_id="P-Z",
        after=None,
        limit=5,
        with_money=True,
        at=MONDAY,
    )
    assert (page.events, page.last, page.has_more, page.missed) == ((), 0, False, 0)


def test_an_event_with_what_it_leads_to_is_written_at_once_or_not_at_all():
    world = World("P-A")
    world.order("WO-1", world.assignment("P-A", MONDAY))
    world.endpoint("P-A", "WHE-1")
    # Something lies where the delivery goes: nothing of the event is written either.
    blocking = Delivery("WHE-1.000000000001", "WHE-1", "P-A", 1, "E", "t", "waiting", MONDAY, None)
    world.records.commit(Change(saves=(Save(blocking),)))
    with pytest.raises(Conflict):
        told(world, Event("WO-1", "offered", MONDAY, "x"))
    assert world.feed("P-A") == []
