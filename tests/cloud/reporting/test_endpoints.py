"""Webhook endpoints as their partner keeps them: made, changed, rotated, tried, read."""

from dataclasses import replace
from datetime import timedelta

import pytest
from telling_world import MONDAY, URL, Backwards, World

from cloud.kernel.change import Event
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, NotFound
from cloud.portfolio.models import ApiClient
from cloud.reporting import endpoints
from cloud.reporting.feed import PING, FeedHead
from cloud.reporting.telling import DELIVER, endpoints_of, tell
from cloud.reporting.webhooks import (
    Delivery,
    DeliveryState,
    EndpointHealth,
    Off,
    WebhookEndpoint,
    delivery_key,
    secret_of,
)

SECRETS = [secret_of(bytes([one]) * 32) for one in range(9)]
HOUR = timedelta(hours=1)


def create(
    world, *, url=URL, types=(), partner_id="P-A", at=MONDAY, secret=SECRETS[0], by="client", **more
):
    return endpoints.create(
        world.records,
        Backwards(),
        partner_id=partner_id,
        url=url,
        types=types,
        secret=secret,
        at=at,
        by=by,
        **more,
    )


def mine(world, call, made, **more):
    given = {"endpoint_id": made.id, "partner_id": "P-A", "at": MONDAY, "by": "client", **more}
    return call(world.records, **given)


def rotate(world, made, secret, at, by="client"):
    return endpoints.rotate(
        world.records,
        Backwards(),
        endpoint_id=made.id,
        partner_id="P-A",
        secret=secret,
        at=at,
        by=by,
    )


def opened(endpoint, at):
    """Give the secrets that sign at an instant."""
    vault = Backwards()
    return [
        vault.open(one.sealed.text, context=endpoints.context_of(one.sealed))
        for one in endpoint.signing(at)
    ]


def test_an_endpoint_keeps_its_secret_sealed_and_shows_its_end():
    world = World("P-A")
    made = create(world)
    assert endpoints_of(world.records, "P-A") == [made]
    assert opened(made, MONDAY) == [SECRETS[0].value]
    assert SECRETS[0].value not in repr(made)
    assert made.secrets[0].sealed.last4 == SECRETS[0].value[-4:]
    assert [one.what for one in world.records.history(made.id)] == ["webhook_made"]


@pytest.mark.rule("WH-04")
@pytest.mark.parametrize(
    ("known", "code"),
    [
        pytest.param(9, None, id="the tenth"),
        pytest.param(10, "too_many_endpoints", id="the eleventh"),
    ],
)
def test_ten_endpoints_and_no_more(known, code):
    world = World("P-A", "P-B")
    for number in range(known):
        create(world, url=f"{URL}/{number}")
    made = create(world)
    assert (made.code if isinstance(made, Refused) else None) == code
    assert isinstance(create(world, partner_id="P-B"), WebhookEndpoint)


@pytest.mark.rule("WH-04")
def test_the_same_url_again_makes_no_second_one():
    world = World("P-A")
    made = create(world)
    assert create(world, at=MONDAY + HOUR).code == "endpoint_exists"
    mine(world, endpoints.delete, made)
    assert create(world, at=MONDAY + HOUR).id != made.id


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"url": "http://a.example/"}, "a webhook goes to", id="plain http"),
        pytest.param({"url": "https://10.0.0.1/"}, "a webhook goes to", id="inside"),
        pytest.param({"types": ("invoice",)}, "is no type of event", id="a type that is none"),
    ],
)
def test_what_cannot_be_told_is_refused_when_it_is_asked_for(changes, says):
    world = World("P-A")
    with pytest.raises(BadInput, match=says):
        create(world, **changes)
    made = create(world)
    with pytest.raises(BadInput, match=says):
        mine(world, endpoints.change, made, **changes)


def test_a_program_on_the_same_machine_where_that_is_allowed():
    made = create(World("P-A"), url="http://127.0.0.1:9/", to_loopback=True)
    assert made.url == "http://127.0.0.1:9/"


# ---------------------------------------------------------------------- whose
CALLS = [
    pytest.param(endpoints.change, {"is_active": False}, id="change"),
    pytest.param(endpoints.delete, {}, id="delete"),
    pytest.param(endpoints.ping, {}, id="test"),
]


@pytest.mark.parametrize(("call", "given"), CALLS)
def test_an_endpoint_of_anothers_is_not_there(call, given):
    world = World("P-A", "P-B")
    made = create(world)
    with pytest.raises(NotFound, match=f"webhook {made.id} is not known here"):
        mine(world, call, made, partner_id="P-B", **given)
    assert world.records.load(WebhookEndpoint, made.id).record == made


@pytest.mark.parametrize(("call", "given"), CALLS)
def test_one_that_was_deleted_is_not_there(call, given):
    world = World("P-A")
    made = create(world)
    mine(world, endpoints.delete, made)
    with pytest.raises(NotFound, match="is not known here"):
        mine(world, call, made, **given)
    assert endpoints_of(world.records, "P-A") == []
    assert world.records.load(WebhookEndpoint, made.id).record.secrets == ()


# ---------------------------------------------------------------------- change
def test_a_change_leaves_what_is_not_named():
    world = World("P-A")
    made = create(world, types=("invoice.*",))
    moved = mine(world, endpoints.change, made, url=f"{URL}/2", by="other")
    assert (moved.url, moved.types, moved.client_id) == (f"{URL}/2", ("invoice.*",), "other")
    kept = mine(world, endpoints.change, made, types=(), by="third")
    assert (kept.types, kept.client_id) == ((), "other")
    assert mine(world, endpoints.change, made) == kept


def test_a_url_that_is_told_already_is_no_place_to_move_to():
    world = World("P-A")
    create(world, url=f"{URL}/1")
    made = create(world)
    assert mine(world, endpoints.change, made, url=f"{URL}/1").code == "endpoint_exists"


def test_who_switches_it_on_again_begins_anew():
    world = World("P-A")
    made = create(world)
    off = mine(world, endpoints.change, made, is_active=False, at=MONDAY + HOUR)
    assert (off.off, off.off_at) == (Off.BY_PARTNER, MONDAY + HOUR)
    assert mine(world, endpoints.ping, made).code == "endpoint_off"
    world.save(EndpointHealth(made.id, MONDAY, MONDAY))
    on = mine(world, endpoints.change, made, is_active=True)
    assert (on.off, on.off_at) == (Off.NOT, None)
    assert world.records.load(EndpointHealth, made.id).record == EndpointHealth(made.id)


@pytest.mark.rule("WH-05")
@pytest.mark.parametrize(
    ("after", "signing"),
    [
        pytest.param(timedelta(), [1, 0], id="at once: both"),
        pytest.param(timedelta(hours=24, microseconds=-1), [1, 0], id="just before a day"),
        pytest.param(timedelta(hours=24), [1], id="after a day: the new one"),
    ],
)
def test_a_former_secret_signs_for_a_day(after, signing):
    world = World("P-A")
    made = rotate(world, create(world), SECRETS[1], MONDAY)
    assert opened(made, MONDAY + after) == [SECRETS[one].value for one in signing]


@pytest.mark.rule("WH-05")
def test_of_two_rotations_within_a_day_all_three_secrets_sign_until_their_day_is_over():
    world = World("P-A")
    made = create(world)
    rotate(world, made, SECRETS[1], MONDAY)
    twice = rotate(world, made, SECRETS[2], MONDAY + HOUR)
    assert opened(twice, MONDAY + HOUR) == [SECRETS[one].value for one in (2, 1, 0)]
    assert opened(twice, MONDAY + 24 * HOUR) == [SECRETS[one].value for one in (2, 1)]
    assert opened(twice, MONDAY + 25 * HOUR) == [SECRETS[2].value]
    assert twice.rotations == 2


@pytest.mark.rule("WH-05")
@pytest.mark.parametrize(
    ("after", "is_made"),
    [
        pytest.param(24 * HOUR - timedelta(microseconds=1), False, id="while three count"),
        pytest.param(24 * HOUR, True, id="when the first has ended"),
    ],
)
def test_a_rotation_that_would_end_a_secret_early_is_refused(after, is_made):
    world = World("P-A")
    made = create(world)
    rotate(world, made, SECRETS[1], MONDAY)
    twice = rotate(world, made, SECRETS[2], MONDAY + HOUR)
    third = rotate(world, made, SECRETS[3], MONDAY + after)
    if is_made:
        assert opened(third, MONDAY + after) == [SECRETS[one].value for one in (3, 2, 1)]
    else:
        assert (third.rule, third.code) == ("WH-05", "too_many_secrets")
        assert "2026-06-09T12:00:00+00:00" in third.because
        assert world.records.load(WebhookEndpoint, made.id).record == twice


@pytest.mark.rule("WH-06")
def test_one_that_is_moved_begins_anew():
    world = World("P-A")
    made = create(world)
    world.save(EndpointHealth(made.id, MONDAY, MONDAY + HOUR, MONDAY))
    mine(world, endpoints.change, made, types=("invoice.*",))
    assert world.records.load(EndpointHealth, made.id).record.failing_since == MONDAY
    mine(world, endpoints.change, made, url=f"{URL}/2")
    assert world.records.load(EndpointHealth, made.id).record == EndpointHealth(made.id)


# ---------------------------------------------------------------------- what is told of money
ADMIN = frozenset({"accounting_admin"})
TOUCHES = [
    pytest.param(
        lambda world, made, by: mine(world, endpoints.change, made, url=f"{URL}/2", by=by),
        id="move",
    ),
    pytest.param(
        lambda world, made, by: mine(world, endpoints.change, made, types=(), by=by), id="types"
    ),
    pytest.param(
        lambda world, made, by: mine(world, endpoints.change, made, is_active=False, by=by),
        id="switch off",
    ),
    pytest.param(
        lambda world, made, by: rotate(world, made, SECRETS[1], MONDAY, by=by), id="rotate"
    ),
]


@pytest.mark.rule("F27")
@pytest.mark.parametrize("touch", TOUCHES)
@pytest.mark.parametrize(
    ("maker", "other", "is_done"),
    [
        pytest.param(ADMIN, frozenset(), False, id="a plain program, one of an admin's"),
        pytest.param(ADMIN, None, False, id="a program that is gone, one of an admin's"),
        pytest.param(ADMIN, ADMIN, True, id="another with the role"),
        pytest.param(frozenset(), frozenset(), True, id="a plain program, a plain one's"),
        pytest.param(frozenset(), ADMIN, True, id="one with the role, a plain one's"),
    ],
)
def test_what_is_told_of_money_is_changed_with_the_role_only(touch, maker, other, is_done):
    world = World("P-A")
    world.save(ApiClient("maker", "P-A", roles=maker))
    world.save(*([ApiClient("other", "P-A", roles=other)] if other is not None else []))
    made = create(world, types=("invoice.*",), by="maker")
    after = touch(world, made, "other")
    if is_done:
        assert isinstance(after, WebhookEndpoint)
    else:
        assert (after.rule, after.code) == ("F27", "role_needed")
        assert world.records.load(WebhookEndpoint, made.id).record == made


@pytest.mark.rule("F27")
def test_deliveries_about_money_are_passed_over_for_who_may_not_see_it():
    world = World("P-A")
    made = create(world)
    world.save(FeedHead("P-A", 3, ((MONDAY.date().isoformat(), 1),)))
    for number, type_ in enumerate(("invoice.paid", "payout.sent", "ticket.opened"), 1):
        key = f"{made.id}.{number:012d}"
        state, end = DeliveryState.DELIVERED, MONDAY + HOUR
        world.save(Delivery(key, made.id, "P-A", number, "E", type_, state, end, None))
    seen = [one.type for one in page(world, made, limit=9).deliveries]
    assert seen == ["ticket.opened", "payout.sent", "invoice.paid"]
    seen = [one.type for one in page(world, made, limit=9, with_money=False).deliveries]
    assert seen == ["invoice.paid"]


# ---------------------------------------------------------------------- how often
@pytest.mark.rule("WH-11")
@pytest.mark.parametrize(
    ("after", "more"),
    [
        pytest.param(timedelta(seconds=59), 0, id="within a minute: none"),
        pytest.param(timedelta(seconds=60), 1, id="after a minute: one more"),
        pytest.param(timedelta(minutes=10), 10, id="after ten: ten at once"),
        pytest.param(timedelta(days=9), 10, id="never more than ten"),
    ],
)
def test_ten_requests_at_once_and_then_one_a_minute(after, more):
    world = World("P-A")
    made = create(world)
    asks = [
        lambda at: mine(world, endpoints.ping, made, at=at),
        lambda at: again(world, made, since=MONDAY, at=at),
    ]
    done = [asks[number % 2](MONDAY) for number in range(11)]
    assert [one.code for one in done if isinstance(one, Refused)] == ["too_often"]
    later = [asks[number % 2](MONDAY + after) for number in range(11)]
    assert sum(not isinstance(one, Refused) for one in later) == more
    assert later[-1].rule == "WH-11"


@pytest.mark.rule("WH-11")
def test_a_pace_that_only_a_clock_gone_wrong_can_have_left_stops_nobody():
    assert endpoints.asked_after(MONDAY + timedelta(days=9), at=MONDAY) == MONDAY + timedelta(
        minutes=1
    )


# ---------------------------------------------------------------------- deliveries
def again(world, made, **asked):
    given = {"endpoint_id": made.id, "partner_id": "P-A", "at": MONDAY, **asked}
    return endpoints.redeliver(world.records, **given)


@pytest.mark.rule("WH-02")
@pytest.mark.parametrize(
    ("due", "since", "count"),
    [
        pytest.param(-HOUR, -2 * HOUR, 1, id="overdue by an hour"),
        pytest.param(timedelta(seconds=1) - HOUR, -2 * HOUR, 0, id="not yet"),
        pytest.param(HOUR, -2 * HOUR, 0, id="to be tried"),
        pytest.param(-3 * HOUR, -2 * HOUR, 0, id="due before what was asked for"),
    ],
)
def test_what_waits_for_a_try_that_was_lost_is_sent_again_with_what_failed(due, since, count):
    world = World("P-A")
    made = create(world)
    key, end = delivery_key(made.id, 1), MONDAY + 9 * HOUR
    state, next_at = DeliveryState.WAITING, MONDAY + due
    lost = Delivery(key, made.id, "P-A", 1, "E", "t", state, end, next_at, put_offs=3)
    world.save(replace(lost, has_place=True))
    assert again(world, made, since=MONDAY + since).count == count
    now = world.records.load(Delivery, key).record
    if count:
        assert (now.next_at, now.round, now.put_offs, now.has_place) == (MONDAY, 2, 0, False)
    else:
        assert now == replace(lost, has_place=True)


def test_a_ping_goes_to_one_endpoint_whatever_it_asked_for():
    world = World("P-A")
    made = create(world, types=("invoice.*",))
    create(world, url=f"{URL}/2")
    event = mine(world, endpoints.ping, made)
    assert (event.type, event.thing_id) == (PING, made.id)
    sent = [one.body["delivery_id"] for one in world.records.messages.values()]
    assert sent == [f"{made.id}.000000000001"]
    assert [one.type for one in world.feed("P-A")] == [PING]


def offers(world, count, start=0):
    world.order("WO-1", world.assignment("P-A", MONDAY)) if not start else None
    for number in range(start, start + count):
        tell(world.records, Event("WO-1", "paused", MONDAY, "x"), key=f"{number}", at=MONDAY)


def page(world, made, **asked):
    given = {"below": None, "limit": 3, "at": MONDAY, **asked}
    return endpoints.deliveries(world.records, made, **given)


def test_deliveries_are_listed_newest_first_in_pages():
    world = World("P-A")
    made = create(world)
    offers(world, 7)
    seen, below = [], None
    while True:
        found = page(world, made, below=below)
        seen += [one.number for one in found.deliveries]
        below = found.below
        if not found.has_more:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    assert page(world, made, state="failed", limit=9).deliveries == ()
    assert len(page(world, made, state="waiting", limit=9).deliveries) == 7


def test_what_came_before_an_endpoint_was_not_sent_there_and_can_be():
    world = World("P-A")
    offers(world, 1)
    made = create(world)
    (event,) = world.feed("P-A")
    assert page(world, made).deliveries == ()
    again = endpoints.redeliver(
        world.records,
        endpoint_id=made.id,
        partner_id="P-A",
        event_id=event.public_id,
        at=MONDAY + HOUR,
    )
    assert again == endpoints.SentAgain(1, has_more=False)
    (delivery,) = page(world, made).deliveries
    assert (delivery.state, delivery.next_at) == (DeliveryState.WAITING, MONDAY + HOUR)


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        pytest.param({}, BadInput, id="neither"),
        pytest.param({"event_id": "EVT-1-1", "since": MONDAY}, BadInput, id="both"),
        pytest.param({"event_id": "EVT-AAAAAAAAAA-1"}, NotFound, id="an event that is not mine"),
        pytest.param({"event_id": "EVT-1-99"}, NotFound, id="one that is not there"),
        pytest.param({"event_id": "nonsense"}, NotFound, id="no id at all"),
    ],
)
def test_what_cannot_be_sent_again(asked, wrong):
    world = World("P-A")
    made = create(world)
    offers(world, 1)
    with pytest.raises(wrong):
        endpoints.redeliver(
            world.records, endpoint_id=made.id, partner_id="P-A", at=MONDAY, **asked
        )


def test_an_event_of_anothers_is_not_sent():
    world = World("P-A", "P-B")
    world.order("WO-1", world.assignment("P-B", MONDAY))
    tell(world.records, Event("WO-1", "paused", MONDAY, "x"), key="1", at=MONDAY)
    made = create(world)
    (theirs,) = world.feed("P-B")
    with pytest.raises(NotFound):
        endpoints.redeliver(
            world.records,
            endpoint_id=made.id,
            partner_id="P-A",
            event_id=theirs.public_id,
            at=MONDAY,
        )


def test_everything_that_failed_goes_out_again_a_hundred_at_a_time():
    world = World("P-A")
    made = create(world)
    for number in range(1, 131):
        world.save(
            Delivery(
                f"{made.id}.{number:012d}",
                made.id,
                "P-A",
                number,
                "E",
                "t",
                DeliveryState.FAILED,
                MONDAY + HOUR,
                None,
                failed_of=made.id,
            )
        )
    counts = []
    while True:
        again = endpoints.redeliver(
            world.records, endpoint_id=made.id, partner_id="P-A", since=MONDAY, at=MONDAY
        )
        counts.append(again.count)
        if not again.has_more:
            break
    assert counts == [100, 30]
    sent = [one for one in world.records.messages.values() if one.topic == DELIVER]
    assert len(sent) == 130
    leave = [one.at - MONDAY for one in sent]
    assert sorted(leave) == [timedelta(seconds=5 * one) for one in range(130)]


@pytest.mark.rule("WH-11")
@pytest.mark.parametrize(
    ("ends", "begins"),
    [
        pytest.param(None, timedelta(), id="nothing is being sent"),
        pytest.param(-HOUR, timedelta(), id="it was sent"),
        pytest.param(HOUR, HOUR, id="behind what is being sent"),
        pytest.param(HOUR + timedelta(seconds=1), None, id="more than an hour of it"),
        pytest.param(3 * HOUR, timedelta(), id="of a clock gone wrong"),
    ],
)
def test_what_failed_leaves_behind_what_is_being_sent_again(ends, begins):
    world = World("P-A")
    made = create(world)
    stored = world.records.load(WebhookEndpoint, made.id)
    until = None if ends is None else MONDAY + ends
    world.save_again(stored, replace(stored.record, sends_until=until))
    state, key = DeliveryState.FAILED, delivery_key(made.id, 1)
    end = MONDAY + 9 * HOUR
    world.save(Delivery(key, made.id, "P-A", 1, "E", "t", state, end, None, failed_of=made.id))
    answer = again(world, made, since=MONDAY)
    if begins is None:
        assert (answer.rule, answer.code) == ("WH-11", "too_often")
    else:
        assert world.records.load(Delivery, key).record.next_at == MONDAY + begins
