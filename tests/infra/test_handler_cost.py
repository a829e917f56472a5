"""What a call and a cold start cost, counted instead of timed: requests made, packages imported."""

import subprocess
import sys
from pathlib import Path

import pytest

import cloud
from bench import handlers, imports, requests
from cloud.adapters.tables import DUE_SHARDS
from cloud.local.dynamodb import hook
from cloud.local.template import load

# At collection, before a test of another folder can make boto3's default session.
hook.prepare()
requests.prepare()

ROOT = Path(cloud.__file__).parents[1]
FUNCTIONS = [
    f"{path.parent.name.title().replace('_', '')}Function"
    for path in sorted((ROOT / "cloud/functions").glob("*/handler.py"))
]


# ---------------------------------------------------------------------- requests of a warm call
@pytest.fixture(scope="module")
def world():
    with handlers.a_world() as made:
        yield made


@pytest.fixture(scope="module")
def offered(world):
    """A partner with as many work orders as the list shows, one of them to be accepted."""
    client = world.new_partner("OF")
    dispatch = handlers.handler_of(world.runtime, "DispatchFunction")
    for _ in range(handlers.SHOWN):
        handlers.p50_ms(dispatch, [handlers.batch(world.finding(client))] * 2)
    return client


def asked(world, function, *events):
    """Count what each call asks of AWS, after a first one that opens what stays open."""
    handler = handlers.handler_of(world.runtime, function)
    warm_up, *rest = events
    handler(warm_up, handlers.Context())
    with requests.counting() as made:
        for event in rest:
            answer = handler(event, handlers.Context())
            assert answer.get("statusCode", 200) == 200, answer
            assert not answer.get("batchItemFailures"), answer
    assert made.total() > 0, "nothing was counted: the count would prove nothing"
    return {name: number / len(rest) for name, number in made.items()}


def partner(client):
    return {"client_id": client.id, "scope": "sunreeve/partner"}


@pytest.mark.parametrize(
    ("size", "batches"),
    [(1, 1), (25, 1), (26, 2), (100, 4)],
    ids=["one", "a full write", "one more than a full write", "a full batch"],
)
def test_chunks_are_written_25_at_a_time_and_nothing_else_is_asked(world, size, batches):
    events = handlers.arrivals(size, 500 * batches + size, 2)
    assert asked(world, "IngestFunction", *events) == {"dynamodb BatchWriteItem": batches}


def test_a_finding_is_taken_up_with_at_most_nine_requests(world):
    client = world.new_partner("DI")
    events = [handlers.batch(world.finding(client)) for _ in range(3)]
    assert sum(asked(world, "DispatchFunction", *events).values()) <= 9


def test_timers_with_nothing_due_ask_each_shard_once(world):
    assert asked(world, "TimersFunction", {}, {}) == {"dynamodb Query": DUE_SHARDS}


def test_a_work_order_is_shown_with_six_requests(world, offered):
    path = f"/v1/work_orders/{world.orders(offered)[0]}"
    get = handlers.request("GET", path, partner(offered))
    assert sum(asked(world, "PartnerApiFunction", get, get).values()) <= 6


def test_a_list_asks_six_things_whatever_its_length(world, offered):
    get = handlers.request("GET", "/v1/work_orders", partner(offered))
    assert handlers.SHOWN > 1
    assert sum(asked(world, "PartnerApiFunction", get, get).values()) <= 6


def test_an_acceptance_asks_ten_things_and_the_same_key_again_fewer(world, offered):
    posts = [
        handlers.request(
            "POST",
            f"/v1/work_orders/{number}/accept",
            partner(offered),
            {"estimate_cents": 100},
            number,
        )
        for number in world.orders(offered)[:3]
    ]
    first = sum(asked(world, "PartnerApiFunction", *posts).values())
    again = sum(asked(world, "PartnerApiFunction", *posts).values())
    assert first <= 10
    assert again <= 5


def test_the_operations_list_in_one_request_whatever_its_length(world, offered):
    person = {"username": "sam.spc", "groups": "spc"}
    path = f"/ops/cases?state={handlers.SHOWN_STATE}"
    get = handlers.request("GET", path, person)
    assert asked(world, "OperationsApiFunction", get, get) == {"dynamodb Query": 1}


# ---------------------------------------------------------------------- packages of a cold start
NEVER = {
    "achlens", "cfnlint", "edge_agent", "hypothesis", "moto", "numpy", "pandas", "paho",
    "paramiko", "pymodbus", "pytest", "rich", "samtranslator", "sqlite3", "yaml",
}  # fmt: skip
"""Packages of the workshop or of the gateway: no function has a use for them."""
OURS_TOO = {"cloud", "msgspec", "annotated_types"}
"""What a function may import beyond its peer (`bench.imports`), besides the next table."""
SIGNING = {"cryptography", "jwt", "_cffi_backend", "_openssl"}
OF_ITS_OWN = {
    "AuthorizeFunction": SIGNING | {"bcrypt"},
    "ConsoleFunction": {"jinja2", "markupsafe"},
    "DeliverWebhooksFunction": SIGNING,
    "PortalFunction": {"jinja2", "markupsafe"},
    "FundingRunFunction": SIGNING | {"fpdf", "fontTools", "PIL", "defusedxml", "cython_runtime"},
}
"""What one function needs and the others do not: it makes PDF files or pages, or signs."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return load(ROOT / "template.yaml", cache=tmp_path_factory.mktemp("template"))


def modules_of(code, environment) -> set[str]:
    """Give the names of all modules that a fresh interpreter has after a piece of code."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        env={**imports.OF_LAMBDA, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.split())


def packages(modules) -> set[str]:
    """Give the packages that are not Python's own, and not made by a compiler for itself."""
    found = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    return {name for name in found if not name.startswith(("_sysconfigdata", "_cython"))}


@pytest.fixture(scope="module")
def peer():
    return packages(modules_of(imports.PEER_OF_HTTP + imports.CLIENT, {}))


def test_every_function_is_looked_at(stack):
    assert set(FUNCTIONS) == set(stack.functions)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_cold_start_imports_what_its_peer_does_and_little_else(stack, peer, name):
    function = stack.functions[name]
    modules = modules_of(imports.importing(function), function.environment)
    assert function.handler.rpartition(".")[0] in modules
    assert modules.isdisjoint({"cloud.local", "cloud.cli"})
    found = packages(modules)
    assert found.isdisjoint(NEVER)
    assert found - peer <= OURS_TOO | OF_ITS_OWN.get(name, set())
