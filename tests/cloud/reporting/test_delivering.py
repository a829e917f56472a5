"""Delivering: what an answer leads to, for the delivery, its endpoint, and the offer in it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from standardwebhooks import Webhook
from telling_world import MONDAY, URL, Backwards, World

from cloud.funding.models import PaymentTrace
from cloud.kernel.change import Event
from cloud.kernel.errors import Conflict
from cloud.kernel.money import Money
from cloud.portfolio.models import ApiClient
from cloud.reporting.delivering import Answered, Outside, try_delivery
from cloud.reporting.endpoints import redeliver
from cloud.reporting.telling import DELIVER, tell
from cloud.reporting.webhooks import (
    Delivery,
    DeliveryState,
    EndpointHealth,
    Off,
    SigningSecret,
    WebhookEndpoint,
)
from cloud.service.models import WorkOrder

PLAIN = "whsec_c2VjcmV0IHRoYXQgaXMgbG9uZyBlbm91Z2ggdG8gYmU="
FIRST = "WHE-1.000000000001"


class Door:
    """An endpoint that answers as it is told to, and remembers what came."""

    def __init__(self, *answers, to_loopback=False) -> None:
        self.answers = list(answers)
        self.came: list[tuple[str, dict[str, str], bytes]] = []
        self.to_loopback = to_loopback

    def post(self, url, *, headers, body, seconds, most_bytes):
        assert (seconds, most_bytes) == (10, 65_536)
        self.came.append((url, dict(headers), body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


OK, BROKEN, GONE = Answered(200), Answered(500), Answered(410)
SILENT = Answered(fault="timed_out")


class Post(World):
    """A partner with one endpoint, and an offer on its way there."""

    def __init__(self, *answers, what="offered", **endpoint) -> None:
        super().__init__("P-A")
        self.door = Door(*(answers or (OK,)))
        self.endpoint("P-A", "WHE-1", plain=PLAIN, **endpoint)
        self.order("WO-1", self.assignment("P-A", MONDAY))
        self.tell(what)

    def tell(self, what, at=MONDAY) -> None:
        tell(self.records, Event("WO-1", what, at, "x"), key=f"{what} {at}", at=at)

    def due(self):
        """Give what is on its way, oldest first."""
        found = [one for one in self.records.messages.values() if one.topic == DELIVER]
        return sorted(found, key=lambda one: one.at)

    def take(self, message, at=None):
        body = message.body
        return try_delivery(
            self.records,
            Outside(self.door, Backwards()),
            delivery_id=body["delivery_id"],
            round_=body["round"],
            tried=body["tried"],
            put_offs=body["put_offs"],
            at=at or message.at,
        )

    def run(self, until=MONDAY + timedelta(days=3)):
        """Take every message when it is due, as the queue would; give how often each came."""
        taken = set()
        while left := [one for one in self.due() if one.id not in taken and one.at <= until]:
            taken.add(left[0].id)
            self.take(left[0])
        return len(taken)

    def delivery(self, name=FIRST) -> Delivery:
        return self.records.load(Delivery, name).record

    def endpoint_now(self) -> WebhookEndpoint:
        return self.records.load(WebhookEndpoint, "WHE-1").record

    def health(self) -> EndpointHealth | None:
        found = self.records.load(EndpointHealth, "WHE-1")
        return found.record if found else None


def test_what_is_sent_is_the_event_signed():
    post = Post()
    (event,) = post.feed("P-A")
    assert post.take(post.due()[0]) is DeliveryState.DELIVERED
    ((url, headers, body),) = post.door.came
    assert (url, body) == (URL, event.body())
    assert headers["webhook-id"] == event.public_id
    assert headers["content-type"] == "application/json"
    assert headers["webhook-timestamp"] == str(int(MONDAY.timestamp()))
    signature = Webhook(PLAIN).sign(event.public_id, MONDAY, body.decode())
    assert headers["webhook-signature"] == signature


@pytest.mark.rule("WH-02")
def test_who_never_takes_it_is_tried_eight_times_and_then_left_alone():
    post = Post(BROKEN)
    assert post.run() == 8
    made = post.delivery()
    assert (made.state, made.failed_of, made.next_at) == (DeliveryState.FAILED, "WHE-1", None)
    assert [one.status for one in made.tries] == [500] * 8
    assert made.tries[-1].at - made.tries[0].at == timedelta(seconds=99_305)
    assert {headers["webhook-id"] for _, headers, _ in post.door.came} == {made.event_id}


def test_who_takes_it_at_the_third_try_is_told_no_more():
    post = Post(BROKEN, SILENT, OK)
    post.run()
    made = post.delivery()
    assert made.state is DeliveryState.DELIVERED
    assert [(one.status, one.fault) for one in made.tries] == [
        (500, ""),
        (0, "timed_out"),
        (200, ""),
    ]
    assert all(one.at.microsecond == 0 for one in made.tries)
    assert len(post.door.came) == 3
    assert post.health() == EndpointHealth("WHE-1")


@pytest.mark.parametrize("answer", [OK, BROKEN], ids=["delivered", "to be tried again"])
def test_a_message_that_comes_again_sends_nothing(answer):
    post = Post(answer)
    first = post.due()[0]
    post.take(first)
    assert post.take(first) is None
    assert len(post.door.came) == 1


def test_a_message_of_nothing_sends_nothing():
    post = Post()
    first = post.due()[0]
    gone = replace(first, body={**first.body, "delivery_id": "WHE-9.000000000001"})
    assert post.take(gone) is None
    assert post.door.came == []


def test_after_a_crash_between_sending_and_writing_it_is_sent_again_under_its_id():
    post = Post(OK)
    commit, post.records.commit = post.records.commit, _no_more
    with pytest.raises(Conflict):
        post.take(post.due()[0])
    post.records.commit = commit
    post.take(post.due()[0])
    assert len({headers["webhook-id"] for _, headers, _ in post.door.came}) == 1
    assert len(post.door.came) == 2


def _no_more(change):
    del change
    msg = "somebody was faster"
    raise Conflict(msg)


# ---------------------------------------------------------------------- switched off
@pytest.mark.rule("WH-06")
def test_410_switches_the_endpoint_off_at_once_and_its_partner_is_written_to():
    post = Post(GONE)
    post.take(post.due()[0])
    endpoint = post.endpoint_now()
    assert (endpoint.off, endpoint.off_at) == (Off.GONE, MONDAY)
    (letter,) = post.records.letters.values()
    assert letter.to == "P-A@p.example"
    assert "410 Gone" in letter.text
    post.tell("accepted")
    assert post.records.load(Delivery, "WHE-1.000000000002") is None
    assert [one.what for one in post.records.history("WHE-1")] == ["webhook_switched_off"]


@pytest.mark.rule("WH-06")
@pytest.mark.parametrize(
    ("answers", "is_off"),
    [
        pytest.param((BROKEN,), True, id="nothing but failures"),
        pytest.param((*[BROKEN] * 25, OK, BROKEN), False, id="one success within them"),
    ],
)
def test_five_days_of_failures_switch_it_off(answers, is_off):
    post = Post(*answers)
    for day in range(1, 7):
        post.tell("paused", MONDAY + timedelta(days=day))
    post.run(until=MONDAY + timedelta(days=9))
    assert (post.endpoint_now().off is Off.FAILED_TOO_LONG) is is_off
    assert len(post.records.letters) == is_off


@pytest.mark.parametrize("off", [Off.BY_PARTNER, Off.GONE, Off.DELETED])
def test_to_an_endpoint_that_is_off_nothing_is_sent(off):
    post = Post()
    stored = post.records.load(WebhookEndpoint, "WHE-1")
    post.save_again(stored, replace(stored.record, off=off))
    assert post.take(post.due()[0]) is DeliveryState.FAILED
    assert post.door.came == []
    assert post.delivery().failed_of == ("" if off is Off.DELETED else "WHE-1")


def test_an_event_that_is_not_kept_any_more_is_not_sent():
    post = Post()
    assert post.take(post.due()[0], at=MONDAY + timedelta(days=30)) is DeliveryState.FAILED
    assert (post.door.came, post.delivery().failed_of) == ([], "")


@pytest.mark.rule("F27")
def test_money_is_not_sent_where_the_role_was_taken_meanwhile():
    world = Post()
    stored = world.records.load(ApiClient, "client")
    role = frozenset({"accounting_admin"})
    world.save_again(stored, replace(stored.record, roles=role))
    world.funding_run("run")
    world.save(PaymentTrace("1", "run", "P-A", "PLAN", Money(5)))
    tell(world.records, Event("run", "run_sent", MONDAY, "x"), key="sent", at=MONDAY)
    (money,) = (one for one in world.due() if one.body["delivery_id"] != FIRST)
    stored = world.records.load(ApiClient, "client")
    world.save_again(stored, replace(stored.record, roles=frozenset()))
    assert world.take(money) is DeliveryState.FAILED
    assert world.door.came == []


# ---------------------------------------------------------------------- slow ones
@pytest.mark.rule("WH-08")
def test_while_a_silent_endpoint_rests_nothing_is_sent_there_and_no_try_is_lost():
    post = Post(SILENT, OK)
    post.tell("accepted")
    first, second = post.due()
    post.take(first)
    put_off = MONDAY + timedelta(seconds=1)
    assert post.take(second, at=put_off) is DeliveryState.WAITING
    assert len(post.door.came) == 1
    waiting = post.delivery("WHE-1.000000000002")
    # The first place after the rest is that of the first one's next try.
    assert (waiting.tried, waiting.next_at) == (0, MONDAY + timedelta(seconds=65))
    assert post.delivery().next_at == MONDAY + timedelta(seconds=60)
    post.run()
    assert {post.delivery(f"WHE-1.00000000000{one}").state for one in (1, 2)} == {
        DeliveryState.DELIVERED
    }


@pytest.mark.rule("WH-08")
@pytest.mark.parametrize("answer", [SILENT, BROKEN, OK], ids=["silent", "broken", "well"])
def test_after_its_rest_one_try_goes_and_the_others_wait_in_line(answer):
    post = Post(answer)
    for what in ("accepted", "paused"):
        post.tell(what)
    post.save(EndpointHealth("WHE-1", MONDAY, MONDAY + timedelta(minutes=1)))
    first, *others = post.due()
    over = MONDAY + timedelta(minutes=1)
    meanwhile, send = [], post.door.post

    def post_slowly(url, **given):
        meanwhile.extend(post.take(one, at=over) for one in others)
        return send(url, **given)

    post.door.post = post_slowly
    post.take(first, at=over)
    assert len(post.door.came) == 1
    assert meanwhile == [DeliveryState.WAITING] * 2
    step = timedelta(seconds=5)
    waiting = [post.delivery(f"WHE-1.00000000000{one}").next_at for one in (2, 3)]
    assert waiting == [over + step, over + 2 * step]
    assert post.health().rests_until >= over + 3 * step
    post.door.answers, post.door.post = [OK], send
    post.run()
    states = {post.delivery(f"WHE-1.00000000000{one}").state for one in (1, 2, 3)}
    assert states == {DeliveryState.DELIVERED}
    assert post.health().rests_until is None


@pytest.mark.rule("WH-08")
def test_of_two_that_come_at_once_after_the_rest_one_goes():
    post = Post(OK)
    post.save(EndpointHealth("WHE-1", MONDAY, MONDAY))
    commit = post.records.commit

    def slower(change):
        post.records.commit = commit  # somebody else took the try just before
        stored = post.records.load(EndpointHealth, "WHE-1")
        post.save_again(stored, replace(stored.record, rests_until=MONDAY + timedelta(minutes=1)))
        commit(change)

    post.records.commit = slower
    assert post.take(post.due()[0]) is DeliveryState.WAITING
    assert post.door.came == []


@pytest.mark.rule("WH-08")
def test_an_endpoint_that_rests_holds_up_no_other():
    post = Post(OK)
    post.endpoint("P-A", "WHE-2", plain=PLAIN)
    post.save(EndpointHealth("WHE-2", MONDAY, MONDAY + timedelta(minutes=1)))
    post.tell("accepted")
    of_one, of_two = (
        [one for one in post.due() if one.body["delivery_id"].startswith(f"WHE-{place}.")]
        for place in (1, 2)
    )
    assert [post.take(one) for one in (*of_two, *of_one)] == [
        DeliveryState.WAITING,
        DeliveryState.DELIVERED,
        DeliveryState.DELIVERED,
    ]


# ---------------------------------------------------------------------- where it may go
@pytest.mark.rule("WH-07")
@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/", "https://10.0.0.1/", "https://a.local/"])
def test_a_url_that_is_on_record_is_judged_again_at_each_try(url):
    post = Post(url=url)
    post.take(post.due()[0])
    assert post.door.came == []
    assert [one.fault for one in post.delivery().tries] == ["address_refused"]


@pytest.mark.rule("WH-05")
def test_a_former_secret_signs_until_its_day_is_over():
    post = Post(BROKEN)
    stored = post.records.load(WebhookEndpoint, "WHE-1")
    (now,) = stored.record.secrets
    both = (now, SigningSecret(now.sealed, until=MONDAY + timedelta(hours=1)))
    post.save_again(stored, replace(stored.record, secrets=both))
    post.run()
    counts = [len(headers["webhook-signature"].split()) for _, headers, _ in post.door.came]
    assert counts[:3] == [2, 2, 2]
    assert set(counts[4:]) == {1}


# ---------------------------------------------------------------------- offers
@pytest.mark.rule("S-20")
@pytest.mark.parametrize(
    ("answer", "what", "starts"),
    [
        pytest.param(OK, "offered", True, id="an offer that was taken"),
        pytest.param(OK, "offered_again", True, id="one that was made again"),
        pytest.param(BROKEN, "offered", False, id="an offer that was not"),
        pytest.param(OK, "acknowledged", False, id="another event"),
    ],
)
def test_an_offer_that_reached_the_endpoint_starts_its_clock(answer, what, starts):
    post = Post(answer, what=what)
    post.take(post.due()[0], at=MONDAY + timedelta(seconds=3))
    offer = post.records.load(WorkOrder, "WO-1").record.assignments[-1]
    assert offer.delivered_at == (MONDAY + timedelta(seconds=3) if starts else None)
    told = [(one.what, one.by) for one in post.records.history("WO-1")]
    assert told == ([("delivered", "webhook")] if starts else [])


@pytest.mark.rule("S-20")
def test_an_offer_that_was_given_on_meanwhile_starts_no_clock():
    post = Post(OK)
    stored = post.records.load(WorkOrder, "WO-1")
    hour = timedelta(hours=1)
    (lost,) = stored.record.assignments
    has = post.assignment("P-B", MONDAY + hour)
    given_on = replace(lost, ended_at=MONDAY + hour)
    after = replace(stored.record, partner_id="P-B", assignments=(given_on, has))
    post.save_again(stored, after)
    post.take(post.due()[0], at=MONDAY + 2 * hour)
    offers = post.records.load(WorkOrder, "WO-1").record.assignments
    assert [one.delivered_at for one in offers] == [None, None]


# ---------------------------------------------------------------------- again
def again(post, **asked):
    return redeliver(post.records, endpoint_id="WHE-1", partner_id="P-A", **asked)


def test_what_failed_for_good_is_sent_again_when_it_is_asked_for():
    post = Post(*[BROKEN] * 8, OK)
    post.run()
    later = MONDAY + timedelta(days=2)
    assert again(post, since=later, at=later).count == 0
    assert again(post, since=MONDAY, at=later).count == 1
    assert again(post, since=MONDAY, at=later).count == 0  # it is on its way
    post.run()
    made = post.delivery()
    assert (made.state, made.round, len(made.tries)) == (DeliveryState.DELIVERED, 2, 9)
    assert made.failed_of == ""


def test_one_event_is_sent_again_also_where_it_was_taken():
    post = Post(OK)
    post.run()
    assert again(post, event_id=post.delivery().event_id, at=MONDAY).count == 1
    post.run()
    assert len(post.door.came) == 2
    assert post.door.came[0][2] == post.door.came[1][2]


@pytest.mark.parametrize(
    ("after", "count"),
    [
        pytest.param(timedelta(minutes=59), 0, id="on its way"),
        pytest.param(timedelta(hours=1), 1, id="overdue: its message was lost"),
    ],
)
def test_a_try_that_never_came_is_made_when_it_is_asked_for(after, count):
    post = Post(OK)
    lost = post.due()[0]
    again_at = MONDAY + after
    assert again(post, event_id=post.delivery().event_id, at=again_at).count == count
    if count:
        assert post.take(lost) is None
        assert post.take(post.due()[-1]) is DeliveryState.DELIVERED
