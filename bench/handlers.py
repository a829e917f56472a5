"""Warm calls of each kind of handler, beside an empty powertools handler of the same kind.

The handlers run in this process against the local engine, through boto3. The empty one has a
resolver or a batch processor of the same kind, the same event, and nothing to do; as ours ask the
tables, its time is shown alone and with as many bare GetItem calls as ours make requests. The goal
is held against the second.
"""

import base64
import importlib
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import StringIO
from itertools import count
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import boto3
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from pydantic import BaseModel

from bench import requests
from bench.ingest import MIDNIGHT, payloads
from cloud.adapters import wiring
from cloud.adapters.records import DynamoRecords
from cloud.detection.models import Tier
from cloud.local.demo import cast
from cloud.local.http import as_event
from cloud.local.runtime import Runtime
from cloud.local.template import Route
from cloud.local.web import Request
from cloud.portfolio.models import ApiClient, Partner, Site
from cloud.portfolio.process import register
from cloud.service import process as service
from cloud.service.models import CaseState, WorkOrder

TEMPLATE = Path(__file__).parent.parent / "template.yaml"
TABLES = {
    "OPERATIONS_TABLE": "OperationsTable",
    "SITES_TABLE": "SitesTable",
    "SECRETS_KEY": "SecretsKey",
}
MONDAY = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)
CALLS = 40
SHOWN = 5
SHOWN_STATE = CaseState.WORK_ORDERED.value
GOAL = 5.0

Handler = Callable[[dict[str, Any], Any], Any]
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Timed:
    """One kind of call.

    Attributes:
        ours_ms: median of warm calls.
        requests: to AWS's services in one call, on average.
        empty_ms: median of the empty handler on the same events.
        asking_ms: the same with as many bare requests.
    """

    what: str
    ours_ms: float
    requests: float
    empty_ms: float
    asking_ms: float

    @property
    def ratio(self) -> float:
        """How many times the time of an empty handler that asks as often it takes."""
        return self.ours_ms / self.asking_ms


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells of a call, as far as powertools reads it."""

    function_name: str = "bench"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:bench"
    aws_request_id: str = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """Give a minute."""
        return 60_000


# ---------------------------------------------------------------------- the empty ones
class Ping(BaseModel):
    """A body with a number, as an acceptance has one."""

    estimate_cents: int = 0


app = APIGatewayHttpResolver(enable_validation=True)
processor = BatchProcessor(event_type=EventType.SQS)


@app.get("/empty")
def empty_get() -> Ping:
    """Answer nothing in particular."""
    return Ping()


@app.post("/empty")
def empty_post(body: Ping) -> Ping:
    """Answer what was sent."""
    return body


def empty_http(event: Event, context: Any) -> Any:
    """Resolve a route that does nothing."""
    return app.resolve({**event, "rawPath": "/empty"}, context)


def empty_batch(event: Event, context: Any) -> Any:
    """Take a batch of messages and do nothing with any."""
    return process_partial_response(
        event=event, record_handler=_take, processor=processor, context=context
    )


def _take(record: SQSRecord) -> None:
    json.loads(record.body)


# ---------------------------------------------------------------------- who is there
class World:
    """A stack, the partners of two states, and homes in them."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.records: DynamoRecords = wiring.records(TABLES)
        self.numbers = count(1)

    def new_partner(self, state: str) -> ApiClient:
        """Put a partner of a state on record, ready for work."""
        partner = replace(cast.PARTNERS[0], id=f"P-{state}", states=frozenset({state}))
        client = ApiClient(f"client-{state}", partner.id)
        for record in (partner, client):
            self._register(record)
        service.enlist(self.records, partner_id=partner.id, at=MONDAY, by="bench")
        return client

    def finding(self, client: ApiClient) -> Event:
        """Put one more of the partner's homes on record, and give a message that it is ill."""
        number = next(self.numbers)
        site = replace(
            cast.HOUSEHOLDS[0].site,
            id=f"SITE-{number}",
            gateway_id=f"gw-{number}",
            state=client.partner_id.removeprefix("P-"),
            installer_id=client.partner_id,
        )
        self._register(site)
        return {
            "id": f"F-{number}",
            "topic": "finding",
            "finding_id": f"F-{number}",
            "site_id": site.id,
            "family": "PRODUCTION",
            "tier": Tier.DISPATCH.value,
            "rule": "D-13",
            "onset": "2026-06-05",
            "says": "it makes less than 85% of what it should",
            "evidence": ["5 June: 40%"],
            "causes": ["chunk-1"],
        }

    def orders(self, client: ApiClient) -> list[str]:
        """Give the numbers of the partner's work orders."""
        found = self.records.find(WorkOrder, by="partner_id", value=client.partner_id)
        return sorted(stored.record.id for stored in found)

    def _register(self, record: Site | Partner | ApiClient) -> None:
        register(self.records, record, at=MONDAY, by="bench")


@contextmanager
def a_world() -> Iterator[World]:
    """Open a stack over a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        # The clock stands, and nothing would be allowed again: requests are counted, not refused.
        observed = {"RateLimits": "observed"}
        runtime = Runtime(Path(folder), TEMPLATE, starts_at=MONDAY, parameters=observed)
        try:
            yield World(runtime)
        finally:
            runtime.close()
            wiring.forget()


def handler_of(runtime: Runtime, name: str) -> Handler:
    """Import a function's handler under its own environment, apart from the runtime's sandboxes."""
    function = runtime.stack.functions[name]
    module_name, _, attribute = function.handler.rpartition(".")
    before = dict(os.environ)
    os.environ.update(function.environment)
    known: ModuleType | None = sys.modules.pop(module_name, None)
    try:
        handler: Handler = getattr(importlib.import_module(module_name), attribute)
    finally:
        os.environ.clear()
        os.environ.update(before)
        sys.modules.pop(module_name, None)
        if known is not None:
            sys.modules[module_name] = known
    return handler


# ---------------------------------------------------------------------- what they are sent
def batch(*bodies: Mapping[str, Any]) -> Event:
    """Give messages as their queue hands them over."""
    return {
        "Records": [
            {
                "messageId": f"m-{place}",
                "receiptHandle": "r",
                "body": json.dumps(body),
                "attributes": {},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue",
                "awsRegion": "us-east-1",
            }
            for place, body in enumerate(bodies)
        ]
    }


def arrivals(size: int, first: int, calls: int) -> list[Event]:
    """Give batches of chunks of an hour each, every one new."""
    made = payloads(first + size * calls)[first:]
    bodies = [
        {
            "kind": "chunk",
            "gateway_id": gateway,
            "payload": base64.b64encode(payload).decode(),
            "received_ms": 1000 * MIDNIGHT,
        }
        for gateway, payload in made
    ]
    return [batch(*bodies[at : at + size]) for at in range(0, len(bodies), size)]


def request(
    method: str, path: str, caller: Mapping[str, str], body: Any = None, key: str = ""
) -> Event:
    """Give a request as the API hands it over, after its authorizer."""
    headers = {"host": "127.0.0.1", "content-type": "application/json", "idempotency-key": key}
    sent = b"" if body is None else json.dumps(body).encode()
    path, _, query = path.partition("?")
    route = Route(f"/{path.split('/')[1]}/", "", None)
    event = as_event(Request(method, path, query, headers, sent), route, MONDAY)
    event["requestContext"]["authorizer"] = {"lambda": dict(caller)}
    return event


# ---------------------------------------------------------------------- the clock
def p50_ms(handler: Handler, events: list[Event]) -> float:
    """Call once for each event, and give the median; the first call only warms up."""
    context = Context()
    spent = []
    with redirect_stdout(StringIO()):  # structured logs
        for event in events:
            began = time.perf_counter()
            answer = handler(event, context)
            spent.append(time.perf_counter() - began)
            _must_be_good(answer)
    return 1000 * median(spent[1:])


def _must_be_good(answer: Any) -> None:
    if answer.get("statusCode", 200) >= 300 or answer.get("batchItemFailures"):
        raise AssertionError(f"a call that should have gone well: {answer}")


def run() -> list[Timed]:
    """Time every kind of call and its empty peer on the same events."""
    logging.disable(logging.WARNING)
    requests.prepare()
    with a_world() as world:
        found = [_timed(world, *call) for call in _calls(world)]
    logging.disable(logging.NOTSET)
    return found


def _timed(world: World, what: str, name: str, events: list[Event], peer: Handler) -> Timed:
    handler = handler_of(world.runtime, name)
    with requests.counting() as made:
        ours_ms = p50_ms(handler, events)
    asked = made.total() / len(events)
    empty_ms = p50_ms(peer, events)
    return Timed(what, ours_ms, asked, empty_ms, empty_ms + asked * _bare_request_ms())


def _bare_request_ms() -> float:
    """Give the median of a GetItem that finds one small item."""
    client = boto3.session.Session().client("dynamodb", region_name="us-east-1")
    key = {"id": {"S": "bench"}}
    client.put_item(TableName="IdempotencyTable", Item=key)
    spent = []
    for _ in range(CALLS):
        began = time.perf_counter()
        client.get_item(TableName="IdempotencyTable", Key=key)
        spent.append(time.perf_counter() - began)
    return 1000 * median(spent)


def _calls(world: World) -> Iterator[tuple[str, str, list[Event], Handler]]:
    """Give what is called: each kind is prepared by those before it."""
    few, many = world.new_partner("FE"), world.new_partner("MA")
    yield "timers, nothing due", "TimersFunction", [batch({})] * CALLS, empty_batch
    yield "ingest, 1 chunk", "IngestFunction", arrivals(1, 0, CALLS), empty_batch
    yield "ingest, 100 chunks", "IngestFunction", arrivals(100, CALLS, 8), empty_batch
    findings = [world.finding(many) for _ in range(CALLS)]
    yield "dispatch, 1 finding", "DispatchFunction", [batch(one) for one in findings], empty_batch
    shown = [batch(world.finding(few)) for _ in range(SHOWN)]
    p50_ms(handler_of(world.runtime, "DispatchFunction"), shown)
    partner = {"client_id": few.id, "scope": "sunreeve/partner"}
    listed = [request("GET", "/v1/work_orders", partner)] * CALLS
    yield f"partner GET, a list of {SHOWN}", "PartnerApiFunction", listed, empty_http
    one = f"/v1/work_orders/{world.orders(few)[0]}"
    yield (
        "partner GET, one",
        "PartnerApiFunction",
        [request("GET", one, partner)] * CALLS,
        empty_http,
    )
    busy = {"client_id": many.id, "scope": "sunreeve/partner"}
    accepted = [
        request("POST", f"/v1/work_orders/{order}/accept", busy, {"estimate_cents": 100}, order)
        for order in world.orders(many)
    ]
    yield "partner POST, accept", "PartnerApiFunction", accepted, empty_http
    person = {"username": "sam.spc", "groups": "spc"}
    cases = [request("GET", f"/ops/cases?state={SHOWN_STATE}", person)] * CALLS
    yield f"operations GET, {CALLS + SHOWN} cases", "OperationsApiFunction", cases, empty_http


def main() -> int:
    """Print each kind of call beside its empty peer; what is over the goal is marked."""
    heads = ("ours", "requests", "empty", "and asking", "ratio")
    print(f"{'p50 of a warm call':32}" + "".join(f"{head:>12}" for head in heads))
    for one in run():
        mark = "" if one.ratio <= GOAL else f"  over {GOAL:g}x"
        print(
            f"{one.what:32}{one.ours_ms:9.2f} ms{one.requests:12.1f}{one.empty_ms:9.2f} ms"
            f"{one.asking_ms:9.2f} ms{one.ratio:11.1f}x{mark}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
