"""The partner API through the HTTP door: who may call, what a *no* looks like, once is once."""

import json
from datetime import timedelta

import jsonschema
import pytest

from cloud.functions.partner_api.examples import EXAMPLES
from cloud.service.models import WorkOrder

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def home(shared):
    return shared.new_home()


@pytest.fixture(scope="module")
def order(shared, home) -> WorkOrder:
    return shared.offered(home)


@pytest.fixture
def theirs(shared, home, order):
    """The token of the partner that has the work order."""
    return shared.token(client_of(home, order))


@pytest.fixture
def others(shared, home, order):
    return shared.token(next(c for c in home.clients if c.partner_id != order.partner_id))


def client_of(home, order):
    return next(client for client in home.clients if client.partner_id == order.partner_id)


def shown(response):
    return json.loads(response.body)


def test_without_a_token_the_door_stays_shut(shared):
    response = shared.call("GET", "/v1/work_orders")
    assert (response.status, shown(response)) == (401, {"message": "Unauthorized"})


def test_a_text_that_would_steer_a_terminal_is_refused_with_its_place(shared, order, theirs):
    path = f"/v1/work_orders/{order.id}/decline"
    body = {"reason": "no\x1b]0;owned\x07\x1b[2J"}
    response = shared.call("POST", path, body, token=theirs, key="steering")
    assert (response.status, response.headers["content-type"]) == (400, PROBLEM)
    (error,) = shown(response)["errors"]
    assert error["pointer"].endswith("/reason")
    assert "control character, \\x1b, at place 2" in error["message"]


@pytest.mark.parametrize(
    ("scope", "client"),
    [
        pytest.param("sunreeve/operations", None, id="another scope"),
        pytest.param("", None, id="no scope"),
        pytest.param("sunreeve/partners", None, id="a scope that only begins so"),
        pytest.param("sunreeve/partner", "client-nobody", id="a client that is not on record"),
    ],
)
def test_a_token_that_is_not_a_partners_is_forbidden(shared, home, scope, client):
    name = client or home.clients[0].id
    token = shared.runtime.issuer.client_token(name, scope)
    response = shared.call("GET", "/v1/work_orders", token=token)
    assert (response.status, response.headers["content-type"]) == (403, PROBLEM)


def test_a_persons_token_is_forbidden(shared):
    token = shared.person("sam", "spc")
    assert shared.call("GET", "/v1/work_orders", token=token).status == 403


def test_a_partner_sees_its_own_work_orders(shared, theirs, others, order):
    mine = shown(shared.call("GET", "/v1/work_orders", token=theirs))
    assert [one["number"] for one in mine["work_orders"]] == [order.id]
    nothing = {"work_orders": [], "has_more": False, "next_cursor": ""}
    assert shown(shared.call("GET", "/v1/work_orders", token=others)) == nothing
    none = shared.call("GET", "/v1/work_orders?state=completed", token=theirs)
    assert shown(none) == nothing


@pytest.mark.parametrize("command", ["", "/acknowledge", "/accept", "/contact_attempts"])
def test_anothers_work_order_is_as_unknown_as_one_that_is_not(shared, others, order, command):
    method = "POST" if command else "GET"
    body = {
        "/accept": {},
        "/contact_attempts": {"channel": "phone", "outcome": "spoke"},
    }.get(command)
    answers = []
    for place, number in enumerate((order.id, "WO-0000000000")):
        path = f"/v1/work_orders/{number}{command}"
        key = f"unknown{command}{place}"
        response = shared.call(method, path, body, token=others, key=key)
        assert response.headers["content-type"] == PROBLEM
        told = shown(response)
        assert told.pop("instance")
        answers.append((response.status, json.dumps(told).replace(number, "NUMBER")))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        pytest.param(b"{", "application/json", 400, id="torn JSON"),
        pytest.param(b"", "application/json", 400, id="no body"),
        pytest.param(b"\xff\xfe{}", "application/json", 400, id="not text"),
        pytest.param(b"[" * 100_000, "application/json", 400, id="nested without end"),
        pytest.param(b"[]", "application/json", 400, id="a list"),
        pytest.param(b"null", "application/json", 400, id="null"),
        pytest.param(b'{"reason": "\\ud800"}', "application/json", 400, id="half a character"),
        pytest.param(b'{"reason": ""}', "application/json", 400, id="an empty reason"),
        pytest.param(
            b'{"reason": "x", "partner_id": "P-1"}', "application/json", 400, id="one more"
        ),
        pytest.param(b'{"reason": NaN}', "application/json", 400, id="not a number"),
        pytest.param(b"reason=x", "application/x-www-form-urlencoded", 415, id="a form"),
        pytest.param(b"<reason/>", "text/xml", 415, id="XML"),
        pytest.param(b" " * 400_001, "application/json", 413, id="too long"),
        pytest.param(
            json.dumps({f"x{n}": n for n in range(20_000)}).encode(),
            "application/json",
            400,
            id="twenty thousand unknown fields",
        ),
    ],
)
def test_what_cannot_be_read_is_a_problem(
    shared, theirs, order, request, *, body, content_type, status
):
    response = shared.call(
        "POST",
        f"/v1/work_orders/{order.id}/decline",
        body,
        token=theirs,
        key=request.node.name,
        content_type=content_type,
    )
    assert (response.status, response.headers["content-type"]) == (status, PROBLEM), response.body
    assert len(response.body) < 100_000
    assert shared.records.load(WorkOrder, order.id).record.partner_id == order.partner_id


def test_a_path_that_no_route_has_is_not_found(shared, theirs):
    response = shared.call("GET", "/v1/nothing", token=theirs)
    assert (response.status, response.headers["content-type"]) == (404, PROBLEM)


def test_a_number_without_end_is_not_found(shared, theirs):
    response = shared.call("GET", f"/v1/work_orders/{'9' * 5000}", token=theirs)
    assert response.status == 404


# ---------------------------------------------------------------------- once
@pytest.mark.parametrize("key", [None, "", "  ", "k" * 256])
def test_a_command_without_a_usable_key_is_not_done(shared, theirs, order, key):
    response = shared.call("POST", f"/v1/work_orders/{order.id}/acknowledge", token=theirs, key=key)
    assert (response.status, response.headers["content-type"]) == (400, PROBLEM)
    assert "Idempotency-Key" in shown(response)["detail"]


def test_the_same_key_again_is_answered_as_the_first_time(shared):
    home = shared.new_home()
    order = shared.offered(home)
    token = shared.token(client_of(home, order))
    path, body = f"/v1/work_orders/{order.id}/accept", {"estimate_cents": 100_00}
    first = shared.call("POST", path, body, token=token, key="k-1")
    shared.runtime.clock.move_to(shared.now + timedelta(minutes=1))
    again = shared.call("POST", path, body, token=token, key="k-1")
    assert (first.status, shown(first)["state"]) == (200, "accepted")
    assert (again.status, again.body) == (first.status, first.body)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    other = shared.call("POST", path, {"estimate_cents": 1}, token=token, key="k-1")
    assert (other.status, other.headers["content-type"]) == (422, PROBLEM)


def test_a_key_belongs_to_its_caller(shared, theirs, others, order):
    path = f"/v1/work_orders/{order.id}/acknowledge"
    assert shared.call("POST", path, token=others, key="mine").status == 404
    assert shared.call("POST", path, token=theirs, key="mine").status == 200


# ---------------------------------------------------------------------- the visit and the bill
def visited(shared, estimate=400_00):
    home = shared.new_home()
    order = shared.offered(home)
    token = shared.token(client_of(home, order))

    def command(name, body):
        path = f"/v1/work_orders/{order.id}/{name}"
        return shared.call("POST", path, body, token=token, key=f"{order.id}-{name}")

    assert command("accept", {"estimate_cents": estimate}).status == 200
    return home, order, token, command


def test_a_report_that_lacks_things_hears_of_all_of_them_at_once(shared):
    home, order, token, command = visited(shared)
    command("contact_attempts", {"channel": "phone", "outcome": "spoke"})
    since = shared.now + timedelta(hours=1)
    schedule = {
        "since": since.isoformat(),
        "until": (since + timedelta(hours=2)).isoformat(),
        "technician": "Jo",
    }
    assert command("schedule", schedule).status == 200
    shared.runtime.clock.move_to(since + timedelta(hours=3))
    body = {"form": "text", "departed_at": shared.now.isoformat()}
    token = shared.token(client_of(home, order))  # the first one has run out by now
    path = f"/v1/work_orders/{order.id}/report"
    response = shared.call("POST", path, body, token=token, key="report")
    assert (response.status, response.headers["content-type"]) == (422, PROBLEM)
    codes = [error["code"] for error in shown(response)["errors"]]
    assert len(codes) >= 4
    assert codes == sorted(codes)
    assert all(error["rule"] for error in shown(response)["errors"])


def test_an_invoice_over_the_limit_without_approval_is_refused(shared):
    home, order, token, _ = visited(shared)
    performed_at = shared.now.isoformat()
    body = {
        "invoice_number": "INV-1",
        "customer_name": home.site.customer_name,
        "site_address": home.site.address,
        "work_order_number": order.id,
        "service_dates": [performed_at[:10]],
        "description": "Replaced a part",
        "photo_count": 2,
        "lines": [
            {
                "category": "labor",
                "description": "Repair",
                "amount_cents": 500_01,
                "performed_at": performed_at,
            }
        ],
        "total_cents": 500_01,
    }
    response = shared.call("POST", "/v1/invoices", body, token=token, key="invoice")
    assert response.status == 422
    assert "prior_approval_missing" in [error["code"] for error in shown(response)["errors"]]


# ---------------------------------------------------------------------- its description
def test_it_describes_itself_as_openapi(shared, theirs):
    spec = shown(shared.call("GET", "/v1/openapi.json", token=theirs))
    assert spec["openapi"].startswith("3.1")
    assert set(spec) >= {"info", "paths", "components"}
    for schema in spec["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            statuses = {"400", "401", "403", "404", "409", "422", "429", "500"}
            assert statuses <= set(operation["responses"]), path
            named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert named == {part.strip("{}") for part in path.split("/") if part[:1] == "{"}
            assert method in {"get", "post"}
    for reference in references(spec):
        found = spec
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_every_route_tells_of_versions_paces_and_its_body(shared, theirs):
    spec = shown(shared.call("GET", "/v1/openapi.json", token=theirs))
    exampled = set()
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            versions = [p for p in operation["parameters"] if p["name"] == "Service-Version"]
            assert [one["schema"]["enum"] for one in versions] == [["2026-06-01"]], path
            for status, response in operation["responses"].items():
                named = set(response.get("headers", {}))
                wanted = {"Request-Id", "Service-Version", "RateLimit-Remaining"}
                assert (wanted <= named) == (status != "401"), (path, status)
                assert ("Retry-After" in named) == (status in {"429", "503"}), (path, status)
            for content in operation.get("requestBody", {}).get("content", {}).values():
                assert "example" in content, f"{method.upper()} {path}: put one into examples.py"
                schema = {**content["schema"], "components": spec["components"]}
                jsonschema.validate(content["example"], schema)
                exampled.add(f"{method.upper()} {path}")
    assert exampled == set(EXAMPLES)


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)
