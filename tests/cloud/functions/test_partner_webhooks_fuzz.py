"""Whatever a partner's program asks of events and webhooks, the API never breaks."""

import json
from itertools import count
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KEYS = count()
TEXT = st.text(max_size=30) | st.sampled_from(
    [
        "https://hooks.partner.example/",
        "https://[::1]/",
        "work_order.*",
        "2026-06-08T15:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+14:00",
        "EVT-0-0",
        "EVT-1-999999999999",
        "\ud800",
        "\0",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
FIELDS = {
    "url": TEXT | JSON,
    "types": st.lists(TEXT, max_size=3) | JSON,
    "is_active": JSON,
    "event_id": TEXT | JSON,
    "since": TEXT | JSON,
}
BODIES = {
    "": ("url", "types"),
    "/ENDPOINT": ("url", "types", "is_active"),
    "/ENDPOINT/redeliver": ("event_id", "since"),
}
FUZZED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    database=None,
)


@pytest.fixture(scope="module")
def client(shared):
    return shared.new_home().clients[0]


@pytest.fixture(scope="module")
def endpoint(shared, client):
    body = {"url": "https://hooks.partner.example/fuzz"}
    token = shared.token(client)
    made = shared.call("POST", "/v1/webhook_endpoints", body, token=token, key="fuzz")
    return json.loads(made.body)["id"]


@pytest.mark.parametrize("path", BODIES)
def test_any_body_has_an_answer(shared, client, endpoint, path):
    given_fields = {name: FIELDS[name] for name in BODIES[path]}
    token = shared.token(client)

    @FUZZED
    @given(st.fixed_dictionaries({}, optional=given_fields) | JSON)
    def check(body):
        target = "/v1/webhook_endpoints" + path.replace("ENDPOINT", endpoint)
        text = json.dumps(body).encode()
        answer = shared.call("POST", target, text, token=token, key=f"f-{next(KEYS)}")
        assert answer.status < 500, (body, answer.body)

    check()


@pytest.mark.parametrize("path", ["events", "deliveries"])
def test_any_question_has_an_answer(shared, client, endpoint, path):
    target = "/v1/events" if path == "events" else f"/v1/webhook_endpoints/{endpoint}/deliveries"
    token = shared.token(client)

    @FUZZED
    @given(
        st.dictionaries(
            st.sampled_from(["type", "state", "limit", "cursor"]),
            (TEXT | st.integers().map(str)).filter(lambda one: "\ud800" not in one),
            max_size=4,
        )
    )
    def check(asked):
        query = "&".join(f"{name}={quote(value)}" for name, value in asked.items())
        answer = shared.call("GET", f"{target}?{query}", token=token)
        assert answer.status in {200, 400}, (asked, answer.body)

    check()


@FUZZED
@given(path=st.text(max_size=30))
def test_any_id_has_an_answer(shared, client, path):
    token = shared.token(client)
    answer = shared.call("GET", f"/v1/webhook_endpoints/{quote(path, safe='')}", token=token)
    assert answer.status < 500
