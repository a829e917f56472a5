"""The routes of gateways over a whole stack: what one told, and what it is told to do."""

import base64
import json
from datetime import timedelta
from pathlib import Path

import pytest
from rights import not_allowed, watched

from cloud.local.dynamodb import hook
from edge_agent.reading import Reading, Window, seal

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
HOUR = 3600


class Gateway:
    """One home's gateway, and the people who ask about it."""

    def __init__(self, world) -> None:
        self.world = world
        self.id = world.new_home().site.gateway_id
        self.got: list[tuple[str, dict]] = []
        hook.register("iot-data-plane", self._publish)

    def _publish(self, operation, parameters):
        assert operation == "Publish"
        self.got.append((parameters["topic"], json.loads(parameters["payload"])))
        return {}

    def tell(self, seq: int, *, hours_ago: int = 1, **health) -> None:
        now = int(self.world.now.timestamp())
        t0 = now - now % HOUR - hours_ago * HOUR
        rows = [
            Reading("SN-1", t0, 0, "1.103", {"W": 5}),
            Reading("SN-1", t0 + 900, 5, "1.103", {"W": 0}),
            Reading("SN-1-B1", t0, 2, "solaredge_battery"),
        ]
        payload = seal(Window(self.id, "5f", seq, t0, 900, 4, 1, {"ver": "0.2.0", **health}), rows)
        body = {
            "kind": "chunk",
            "gateway_id": self.id,
            "payload": base64.b64encode(payload).decode(),
            "received_ms": (t0 + HOUR) * 1000,
        }
        assert self.world.deliver("IngestFunction", body) == {"batchItemFailures": []}

    def ask(self, method: str, path: str = "", body=None, *, role: str = "ams"):
        token = self.world.person("ann.ams", role)
        answer = self.world.call(method, f"/ops/gateways/{self.id}{path}", body, token=token)
        return answer.status, json.loads(answer.body)


@pytest.fixture
def gateway(shared):
    return Gateway(shared)


def test_what_a_gateway_told_last_is_shown(gateway):
    assert gateway.ask("GET")[1]["item"] == {
        "id": gateway.id,
        "site_id": gateway.id.replace("gw", "SITE"),
        "last_contact_at": None,
        "last": None,
        "missing": [],
        "configuration": None,
    }
    gateway.tell(3, hours_ago=9)
    gateway.tell(6, hours_ago=5, queue=2, up=70, silent=1, ack_age=None)
    status, body = gateway.ask("GET", role="auditor")
    item = body["item"]
    assert status == 200
    assert item["missing"] == [[4, 5]]
    last = item["last"]
    assert (last["seq"], last["version"], last["boot"]) == (6, "0.2.0", "5f")
    assert (last["is_clock_set"], last["received_at"]) == (True, item["last_contact_at"])
    assert last["health"] == {"ver": "0.2.0", "queue": 2, "up": 70, "silent": 1, "ack_age": None}
    assert [(one["serial"], one["layout"], one["quality"]) for one in last["devices"]] == [
        ("SN-1", "1.103", "faulted"),
        ("SN-1-B1", "solaredge_battery", "unreachable"),
    ]


def test_a_gateway_that_fell_silent_weeks_ago_is_still_known(gateway):
    gateway.tell(3, hours_ago=24 * 30)
    item = gateway.ask("GET", role="spc")[1]["item"]
    assert (item["last"]["seq"], item["missing"]) == (3, [])


def test_a_gateway_is_configured_and_it_is_in_its_log(gateway):
    gateway.tell(1)
    changes = {"window_s": 900, "poll_s": 60, "device": [{"name": "roof", "host": "192.168.1.20"}]}
    status, body = gateway.ask("POST", "/configure", {"set": changes})
    assert status == 200, body
    ((topic, message),) = gateway.got
    assert topic == f"sunreeve/{gateway.id}/command"
    assert (message["do"], message["set"]) == ("configure", changes)
    assert message["id"] == body["item"]["configuration_id"]
    assert body["item"]["outcome"] == "waits"
    assert gateway.ask("GET")[1]["item"]["configuration"] == body["item"]
    (event,) = gateway.ask("GET", "/log", role="auditor")[1]["items"]
    assert (event["what"], event["by"]) == ("configuration_sent", "ann.ams")
    assert event["says"].endswith("poll_s 60, window_s 900, the devices roof")


def test_the_template_allows_what_the_routes_do(gateway):
    gateway.tell(1)
    asked = watched(gateway.world.runtime)
    for method, path, body in (
        ("POST", "/configure", {"set": {}}),
        ("GET", "", None),
        ("GET", "/log", None),
    ):
        assert gateway.ask(method, path, body)[0] == 200
    assert {who for who, _, _ in asked.done} >= {"OperationsApiFunction"}
    assert not_allowed(asked, TEMPLATE.read_bytes()) == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param({"set": {"poll_s": 0}}, "poll_s must be a whole number", id="zero"),
        pytest.param({"set": {"window_s": 700}}, "must divide a day", id="a window of its own"),
        pytest.param({"set": {"broker": {}}}, "has no entry 'broker'", id="the broker"),
        pytest.param({"set": {"outbox": "/x"}}, "has no entry 'outbox'", id="where data is kept"),
        pytest.param({"set": []}, "see errors", id="a list"),
        pytest.param({}, "see errors", id="nothing"),
        pytest.param({"set": {}, "now": True}, "see errors", id="something more"),
    ],
)
def test_what_a_gateway_would_refuse_is_not_sent(gateway, body, says):
    status, answer = gateway.ask("POST", "/configure", body)
    assert status == 400
    assert says in answer["detail"]
    assert gateway.got == []
    assert gateway.ask("GET", "/log")[1]["items"] == []


@pytest.mark.parametrize("role", ["spc", "auditor", "projects", "admin"])
def test_only_who_mends_from_afar_may_configure(gateway, role):
    assert gateway.ask("POST", "/configure", {"set": {}}, role=role)[0] == 403
    assert gateway.got == []


def test_a_gateway_of_no_site_is_not_known(gateway):
    gateway.id = "gw-nobody"
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/log", None),
        ("POST", "/configure", {"set": {}}),
    ):
        assert gateway.ask(method, path, body)[0] == 404
    assert gateway.got == []


def test_where_the_way_down_is_away_it_is_told_and_may_be_asked_again(gateway):
    def away(_operation, _parameters):
        raise hook.ServiceError("ServiceUnavailableException", "away", 503)

    hook.register("iot-data-plane", away)
    assert gateway.ask("POST", "/configure", {"set": {"poll_s": 30}})[0] == 503
    hook.register("iot-data-plane", gateway._publish)
    gateway.world.runtime.clock.move_to(gateway.world.now + timedelta(minutes=1))
    assert gateway.ask("POST", "/configure", {"set": {"poll_s": 30}})[0] == 200
    assert len(gateway.got) == 1
