"""Events and webhooks over a whole stack: from a finding to a signed request at a partner's."""

import json
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from conftest import MONDAY, TEMPLATE, World
from rights import not_allowed, watched
from standardwebhooks import Webhook

from cloud.kernel.change import Change
from cloud.local.runtime import Runtime
from cloud.portfolio.models import TEST, ApiClient, Partner
from cloud.portfolio.process import register
from cloud.reporting.webhooks import Delivery
from cloud.service.models import WorkOrder

sys.path.append(str(Path(__file__).parents[1] / "adapters"))
from webhook_receiver import Receiver, says

KEYS = count()
OK, BROKEN = b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 500 No\r\n\r\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory, cache):
    """A stack on one machine, which may send to programs on the same."""
    runtime = Runtime(
        tmp_path_factory.mktemp("data"),
        TEMPLATE,
        starts_at=MONDAY,
        parameters={"WebhooksToLoopback": "yes"},
        cache=cache,
    )
    world = World(runtime)
    world.asked = watched(runtime)
    yield world
    world.door.stop()
    runtime.close()


class Partnered:
    """A partner's program, with a door of its own."""

    def __init__(self, stack, home, place=0) -> None:
        self.stack, self.home = stack, home
        self.client = home.clients[place]
        self.partner_id = home.partners[place].id

    def call(self, method, path, body=None, *, key=None, scope="sunreeve/partner", client=None):
        answer = self.stack.call(
            method,
            path,
            body,
            token=self.stack.token(client or self.client, scope),
            key=(key or f"k-{next(KEYS)}") if method == "POST" else None,
        )
        return answer.status, json.loads(answer.body)

    def listen(self, receiver, **more):
        url = f"http://127.0.0.1:{receiver.port}/{next(KEYS)}"
        status, made = self.call("POST", "/v1/webhook_endpoints", {"url": url, **more})
        assert status == 200, made
        return made

    def trust(self):
        stored = self.stack.records.load(ApiClient, self.client.id)
        made = replace(stored.record, roles=frozenset({"accounting_admin"}))
        self.stack.records.commit(Change(saves=(stored.replaced_by(made),)))


@pytest.fixture
def receivers():
    made = []

    def opened(text=OK):
        made.append(Receiver(says(text)))
        return made[-1]

    yield opened
    for one in made:
        one.close()


@pytest.fixture
def mine(stack):
    return Partnered(stack, stack.new_home())


def headers_of(request):
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines), body.decode()


def deliveries(mine, endpoint, query=""):
    status, found = mine.call("GET", f"/v1/webhook_endpoints/{endpoint['id']}/deliveries{query}")
    assert status == 200
    return found["deliveries"]


# ---------------------------------------------------------------------- the feed
def test_the_feed_tells_what_happened_and_goes_on_from_its_cursor(stack, mine):
    stack.offered(mine.home)
    (order,) = stack.orders(mine.home)
    status, first = mine.call("GET", "/v1/events")
    assert status == 200
    assert [(one["type"], one["data"]) for one in first["events"]] == [
        ("work_order.offered", {"kind": "work_order", "id": order.id})
    ]
    assert (first["has_more"], first["missed"], first["events"][0]["mode"]) == (False, 0, "live")
    mine.call("POST", f"/v1/work_orders/{order.id}/acknowledge")
    stack.runtime.run_due()
    after = f"/v1/events?cursor={first['next_cursor']}"
    _, second = mine.call("GET", after)
    assert [one["type"] for one in second["events"]] == ["work_order.acknowledged"]
    _, again = mine.call("GET", after)
    assert again == second
    _, nothing = mine.call("GET", f"/v1/events?cursor={second['next_cursor']}")
    assert (nothing["events"], nothing["next_cursor"] != "") == ([], True)


@pytest.mark.rule("T-91")
def test_nobody_reads_anothers_feed_nor_goes_on_with_its_cursor(stack, mine):
    stack.offered(mine.home)
    _, first = mine.call("GET", "/v1/events")
    other = Partnered(stack, mine.home, 1)
    _, theirs = other.call("GET", "/v1/events")
    assert theirs["events"] == []
    status, _ = other.call("GET", f"/v1/events?cursor={first['next_cursor']}")
    assert status == 400
    status, _ = mine.call("GET", f"/v1/events?type=invoice.*&cursor={first['next_cursor']}")
    assert status == 400
    status, wrong = mine.call("GET", "/v1/events?type=nonsense")
    assert (status, "is no type of event" in wrong["detail"]) == (400, True)
    status, _ = mine.call("GET", "/v1/events", scope="sunreeve/work_order:read")
    assert status == 403


def test_what_the_stream_lost_is_told_by_the_sweep(stack, mine):
    """Only the minute's call, without what the stream would have named."""
    stack.deliver("DispatchFunction", stack.finding(mine.home))
    assert stack.invoke("TellPartnersFunction", {})["told"] >= 1
    assert stack.invoke("TellPartnersFunction", {}) == {"told": 0}
    _, first = mine.call("GET", "/v1/events")
    assert [one["type"] for one in first["events"]] == ["work_order.offered"]
    stack.runtime.run_due()  # the stream names it after all: it is told already
    assert mine.call("GET", "/v1/events")[1]["events"] == first["events"]


@pytest.mark.rule("T-91")
def test_what_is_tried_out_is_told_to_who_tries_it_out(stack, mine, receivers):
    there = receivers()
    live = stack.records.load(Partner, mine.partner_id).record
    partner = replace(live, id=f"{live.id}-T", mode=TEST)
    client = ApiClient(f"{mine.client.id}-t", partner.id, TEST)
    for record in (partner, client):
        register(stack.records, record, at=stack.now, by="test")
    both = "sunreeve/partner sunreeve/test"
    url = f"http://127.0.0.1:{there.port}/t"
    status, made = mine.call(
        "POST", "/v1/webhook_endpoints", {"url": url}, scope=both, client=client
    )
    assert status == 200
    stack.offered(mine.home)
    assert there.requests == []
    path = f"/v1/webhook_endpoints/{made['id']}"
    assert mine.call("GET", path)[0] == 404
    assert mine.call("POST", f"{path}/test", scope=both, client=client)[0] == 200
    stack.runtime.run_due()
    (request,) = there.requests
    assert json.loads(headers_of(request)[1])["mode"] == "test"


# ---------------------------------------------------------------------- webhooks
def test_an_offer_arrives_signed_and_starts_its_clock(stack, mine, receivers):
    there = receivers()
    endpoint = mine.listen(there, types=["work_order.*"])
    stack.deliver("DispatchFunction", stack.finding(mine.home))
    stack.runtime.run_due()
    headers, body = headers_of(there.requests[0])
    event = json.loads(body)
    (order,) = stack.orders(mine.home)
    assert (event["type"], event["data"]["id"]) == ("work_order.offered", order.id)
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), MONDAY.tzinfo)
    signature = Webhook(endpoint["secret"]).sign(headers["webhook-id"], at, body)
    assert headers["webhook-signature"] == signature
    assert event == mine.call("GET", "/v1/events")[1]["events"][0]
    assert stack.records.load(WorkOrder, order.id).record.assignments[-1].delivered_at is not None
    (delivery,) = deliveries(mine, endpoint)
    assert (delivery["state"], delivery["event_id"]) == ("delivered", headers["webhook-id"])
    assert [one["status"] for one in delivery["tries"]] == [200]


def test_a_secret_is_shown_once_and_lies_nowhere(stack, mine, receivers):
    there = receivers()
    body = {"url": f"http://127.0.0.1:{there.port}/once"}
    _, made = mine.call("POST", "/v1/webhook_endpoints", body, key="once")
    _, again = mine.call("POST", "/v1/webhook_endpoints", body, key="once")
    assert made["secret"].startswith("whsec_")
    assert again == {**made, "secret": None}
    path = f"/v1/webhook_endpoints/{made['id']}"
    _, shown = mine.call("GET", path)
    assert "secret" not in shown
    assert shown["secret_last4"] == made["secret"][-4:]
    _, rotated = mine.call("POST", f"{path}/rotate")
    assert rotated["secret"] not in {None, made["secret"]}
    assert rotated["former_secret_until"] is not None
    kept = b"".join(one.read_bytes() for one in stack.runtime.folder.rglob("*") if one.is_file())
    for secret in (made["secret"], rotated["secret"]):
        assert secret.encode() not in kept
        assert secret.removeprefix("whsec_").encode() not in kept


def test_both_secrets_sign_while_both_count(stack, mine, receivers):
    there = receivers()
    endpoint = mine.listen(there)
    path = f"/v1/webhook_endpoints/{endpoint['id']}"
    _, rotated = mine.call("POST", f"{path}/rotate")
    _, ping = mine.call("POST", f"{path}/test")
    stack.runtime.run_due()
    headers, body = headers_of(there.requests[0])
    assert json.loads(body) == ping
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), MONDAY.tzinfo)
    assert headers["webhook-signature"].split(" ") == [
        Webhook(one["secret"]).sign(headers["webhook-id"], at, body) for one in (rotated, endpoint)
    ]


def test_a_broken_endpoint_holds_up_no_other_and_gets_its_own_again(stack, mine, receivers):
    broken, good = receivers(BROKEN), receivers()
    bad_one, good_one = mine.listen(broken), mine.listen(good)
    stack.offered(mine.home)
    assert [one["state"] for one in deliveries(mine, good_one)] == ["delivered"]
    (waiting,) = deliveries(mine, bad_one)
    assert (waiting["state"], [one["status"] for one in waiting["tries"]]) == ("waiting", [500])
    stack.runtime.clock.move_to(stack.now + timedelta(minutes=2))
    stack.runtime.run_due()
    assert len(broken.requests) == 2
    assert len(good.requests) == 1
    path = f"/v1/webhook_endpoints/{good_one['id']}"
    _, again = mine.call("POST", f"{path}/redeliver", {"event_id": waiting["event_id"]})
    assert again == {"count": 1, "has_more": False}
    stack.runtime.run_due()
    ids = {headers_of(one)[0]["webhook-id"] for one in (*broken.requests, *good.requests)}
    assert (len(good.requests), ids) == (2, {waiting["event_id"]})


def test_an_endpoint_that_is_gone_is_switched_off_and_its_contact_written_to(
    stack, mine, receivers
):
    there = receivers(b"HTTP/1.1 410 Gone\r\n\r\n")
    endpoint = mine.listen(there)
    path = f"/v1/webhook_endpoints/{endpoint['id']}"
    mine.call("POST", f"{path}/test")
    stack.runtime.run_due()
    _, shown = mine.call("GET", path)
    assert (shown["is_active"], shown["off_because"]) == (False, "gone")
    assert mine.call("POST", f"{path}/test")[0] == 422
    _, on = mine.call("POST", path, {"is_active": True})
    assert (on["is_active"], on["off_because"]) == (True, "")


@pytest.mark.rule("F27")
def test_money_is_told_to_programs_with_the_role_and_to_no_other(stack, mine, receivers):
    there = receivers()
    endpoint = mine.listen(there)
    mine.trust()
    _, ticket = mine.call("POST", "/v1/tickets", {"subject": "Why", "question": "so little?"})
    stack.runtime.run_due()
    assert [one["type"] for one in mine.call("GET", "/v1/events")[1]["events"]] == ["ticket.opened"]
    assert len(there.requests) == 1
    assert ticket["ticket_id"] in there.requests[0].decode()
    (delivery,) = deliveries(mine, endpoint)
    stored = stack.records.load(ApiClient, mine.client.id)
    plain = replace(stored.record, roles=frozenset())
    stack.records.commit(Change(saves=(stored.replaced_by(plain),)))
    assert mine.call("GET", "/v1/events")[1]["events"] == []
    assert deliveries(mine, endpoint) == []
    again = {"event_id": delivery["event_id"]}
    assert mine.call("POST", f"/v1/webhook_endpoints/{endpoint['id']}/redeliver", again)[0] == 404


@pytest.mark.rule("F27")
def test_an_endpoint_that_is_told_of_money_is_kept_with_the_role_only(stack, mine, receivers):
    mine.trust()
    endpoint = mine.listen(receivers())
    assert endpoint["named_by"] == mine.client.id
    clerk = ApiClient(f"{mine.client.id}-clerk", mine.partner_id)
    register(stack.records, clerk, at=stack.now, by="test")
    path = f"/v1/webhook_endpoints/{endpoint['id']}"
    for way, body in [
        ("/rotate", None),
        ("", {"url": "https://clerk.example/"}),
        ("", {"types": ["ticket.*"]}),
    ]:
        status, refused = mine.call("POST", f"{path}{way}", body, client=clerk)
        assert (status, refused["errors"][0]["code"]) == (422, "role_needed"), way
    _, shown = mine.call("GET", path, client=clerk)
    assert (shown["url"], shown["secret_last4"]) == (endpoint["url"], endpoint["secret"][-4:])


@pytest.mark.rule("API-04")
def test_a_program_that_was_stopped_is_told_no_more(stack, mine, receivers):
    there = receivers()
    mine.listen(there)
    stored = stack.records.load(ApiClient, mine.client.id)
    stopped = replace(stored.record, is_stopped=True)
    stack.records.commit(Change(saves=(stored.replaced_by(stopped),)))
    stack.offered(mine.home)
    stack.runtime.run_due()
    assert there.requests == []


@pytest.mark.rule("T-91")
@pytest.mark.parametrize(
    ("way", "body", "needs"),
    [
        pytest.param("", {"url": "https://scope.example/new"}, True, id="a new one"),
        pytest.param("/ID", {"url": "https://scope.example/moved"}, True, id="moved"),
        pytest.param("/ID", {"types": ["invoice.*"]}, True, id="other types"),
        pytest.param("/ID", {"is_active": False}, False, id="switched off"),
        pytest.param("/ID/test", None, False, id="tried out"),
    ],
)
def test_who_may_not_read_events_has_none_sent(mine, receivers, way, body, needs):
    endpoint = mine.listen(receivers())
    path = f"/v1/webhook_endpoints{way.replace('ID', endpoint['id'])}"
    only, both = "sunreeve/webhook:write", "sunreeve/webhook:write sunreeve/event:read"
    status, told = mine.call("POST", path, body, scope=only)
    assert status == (403 if needs else 200)
    assert ("event:read" in told.get("detail", "")) is needs
    assert mine.call("POST", path, body, scope=both)[0] == 200


@pytest.mark.rule("WH-11")
def test_who_tries_out_without_end_is_asked_to_wait(mine, receivers):
    path = f"/v1/webhook_endpoints/{mine.listen(receivers())['id']}/test"
    answers = [mine.call("POST", path) for _ in range(11)]
    assert [status for status, _ in answers] == [200] * 10 + [422]
    assert answers[-1][1]["errors"][0]["code"] == "too_often"


# ---------------------------------------------------------------------- the door
@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"url": "https://10.0.0.1/"}, 400, id="inside"),
        pytest.param({"url": "http://hooks.partner.example/"}, 400, id="plain http"),
        pytest.param({"url": "https://a.example/", "types": ["x"]}, 400, id="no type"),
        pytest.param({"url": "https://a.example/", "types": "invoice.*"}, 400, id="no list"),
        pytest.param({"url": 7}, 400, id="no text"),
        pytest.param({}, 400, id="nothing"),
        pytest.param({"url": "https://a.example/", "partner_id": "P"}, 400, id="a field beside"),
    ],
)
def test_what_the_door_does_not_take(mine, body, status):
    assert mine.call("POST", "/v1/webhook_endpoints", body)[0] == status


@pytest.mark.rule("WH-04")
def test_the_eleventh_endpoint_is_refused(mine):
    for number in range(10):
        body = {"url": f"https://hooks.partner.example/{number}"}
        assert mine.call("POST", "/v1/webhook_endpoints", body)[0] == 200
    status, refused = mine.call("POST", "/v1/webhook_endpoints", {"url": "https://b.example/"})
    assert (status, refused["errors"][0]["code"]) == (422, "too_many_endpoints")
    _, listed = mine.call("GET", "/v1/webhook_endpoints")
    assert len(listed["webhook_endpoints"]) == 10
    gone = listed["webhook_endpoints"][0]["id"]
    assert mine.call("POST", f"/v1/webhook_endpoints/{gone}/delete")[1] == {"id": gone}
    assert mine.call("GET", f"/v1/webhook_endpoints/{gone}")[0] == 404
    assert mine.call("POST", "/v1/webhook_endpoints", {"url": "https://b.example/"})[0] == 200


@pytest.mark.rule("T-91")
def test_anothers_endpoint_is_as_unknown_as_one_that_is_not(stack, mine, receivers):
    endpoint = mine.listen(receivers())
    other = Partnered(stack, mine.home, 1)
    for name, body in [
        ("", {"is_active": False}),
        ("/delete", None),
        ("/rotate", None),
        ("/test", None),
        ("/redeliver", {"since": "2026-06-01T00:00:00Z"}),
    ]:
        said = []
        for one in (endpoint["id"], "WHE-0000000000"):
            status, told = other.call("POST", f"/v1/webhook_endpoints/{one}{name}", body)
            said.append((status, told["detail"].replace(one, "ID")))
        assert said[0] == said[1], name
        assert said[0][0] == 404
    assert mine.call("GET", f"/v1/webhook_endpoints/{endpoint['id']}")[1]["is_active"]


def test_a_message_that_nobody_knows_breaks_nothing(stack):
    body = {"delivery_id": "WHE-9.000000000001", "round": 1, "tried": 0, "topic": "webhook_due"}
    assert stack.deliver("DeliverWebhooksFunction", body) == {"batchItemFailures": []}
    assert stack.records.load(Delivery, "WHE-9.000000000001") is None


def test_no_function_did_what_its_role_does_not_allow(stack):
    """Everything above, looked at afterwards; run alone it looks at nothing, and says so."""
    ours = {"TellPartnersFunction", "DeliverWebhooksFunction"}
    done = [one for one in stack.asked.done if one[0] in ours]
    assert len(done) > 6 or not stack.asked.done
    assert not_allowed(stack.asked, TEMPLATE.read_bytes()) == []
