"""Whatever JSON a partner's program sends, the API never breaks."""

import json
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.functions.partner_api import shapes  # the shapes only: handlers are the stack's to load

KEYS = count()
TEXT = st.text(max_size=12) | st.sampled_from(["pdf", "partner", "labor", "2026-06-08"])
INSTANTS = st.sampled_from(
    [
        "2026-06-08T15:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "2026-06-08T15:00:00",
        "1780000000",
    ]
)
NUMBERS = st.integers() | st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([10**10, -1])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT | INSTANTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
BODIES = {
    "accept": shapes.AcceptIn,
    "decline": shapes.DeclineIn,
    "contact_attempts": shapes.ContactIn,
    "schedule": shapes.ScheduleIn,
    "report": shapes.ReportIn,
    "invoices": shapes.InvoiceIn,
}
LINE = st.fixed_dictionaries(
    {"category": TEXT, "amount_cents": NUMBERS, "performed_at": INSTANTS, "description": TEXT}
)
FITTING = {
    "since": INSTANTS,
    "until": INSTANTS,
    "departed_at": INSTANTS,
    "lines": st.lists(LINE, max_size=3),
    "total_cents": NUMBERS,
    "estimate_cents": NUMBERS,
    "reason": TEXT,
    "technician": TEXT,
    "service_dates": st.lists(st.dates().map(str) | INSTANTS, max_size=2),
    "as_found": st.fixed_dictionaries({"notes": TEXT}),
    "as_departed": st.fixed_dictionaries({"notes": TEXT}),
    "photo_count": st.integers(-1, 1001),
    "rma": st.none() | st.fixed_dictionaries({"initiated_by": TEXT}),
}


def bodies(command):
    """Give bodies of about the right fields, each with a value that fits or one that does not."""
    fields = {
        name: FITTING.get(name, TEXT) | JSON if name != "work_order_number" else st.just("NUMBER")
        for name in BODIES[command].model_fields
    }
    fitting = {name: FITTING.get(name, TEXT) for name in fields if name != "work_order_number"}
    if "work_order_number" in fields:
        fitting["work_order_number"] = st.just("NUMBER")
    return st.fixed_dictionaries(fitting) | st.fixed_dictionaries({}, optional=fields) | JSON


@pytest.fixture(scope="module")
def order(shared):
    home = shared.new_home()
    made = shared.offered(home)
    return made, next(c for c in home.clients if c.partner_id == made.partner_id)


@pytest.mark.parametrize("command", BODIES)
def test_any_body_has_an_answer(shared, order, command):
    made, client = order
    token = shared.token(client)
    path = "/v1/invoices" if command == "invoices" else f"/v1/work_orders/{made.id}/{command}"

    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(bodies(command))
    def check(body):
        text = json.dumps(body).replace("NUMBER", made.id)
        response = shared.call("POST", path, text.encode(), token=token, key=f"k-{next(KEYS)}")
        assert response.status < 500, (text, response.body)

    check()
