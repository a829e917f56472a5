"""A whole stack on a folder, without its MQTT door: every handler runs as the template wires it."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cloud.adapters import wiring
from cloud.adapters.records import DynamoRecords
from cloud.detection.models import Tier
from cloud.kernel.change import Change, Save
from cloud.local.demo import cast
from cloud.local.dynamodb import hook
from cloud.local.http import Door
from cloud.local.runtime import Runtime
from cloud.local.web import Request, Response
from cloud.portfolio.models import ApiClient, Partner, Site
from cloud.portfolio.process import register
from cloud.service import process as service
from cloud.service.models import Case, WorkOrder

# At collection, before a test of another folder can make boto3's default session.
hook.prepare()

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
MONDAY = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)
_numbers = count(10)


@dataclass(frozen=True)
class Home:
    """A site with two partners and their programs, in a state of its own."""

    site: Site
    partners: tuple[Partner, Partner]
    clients: tuple[ApiClient, ApiClient]


class World:
    """The stack and everybody who calls it."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.records: DynamoRecords = wiring.records(
            {
                "OPERATIONS_TABLE": "OperationsTable",
                "SITES_TABLE": "SitesTable",
                "MONEY_TABLE": "MoneyTable",
                "SECRETS_KEY": "SecretsKey",
            }
        )
        self.door = Door(runtime)
        self.door.start()

    @property
    def now(self) -> datetime:
        return self.runtime.clock.now()

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        return self.runtime.invoke(function, event)

    def deliver(self, function: str, *bodies: Any) -> Any:
        """Hand messages to a function as its queue would."""
        records = [
            {
                "messageId": f"m-{place}",
                "receiptHandle": "r",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"SentTimestamp": str(int(self.now.timestamp() * 1000))},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue",
                "awsRegion": "us-east-1",
            }
            for place, body in enumerate(bodies)
        ]
        return self.invoke(function, {"Records": records})

    # ------------------------------------------------------------------ who is there
    def new_home(self) -> Home:
        number = next(_numbers)
        state = f"S{number}"
        clients, partners = [], []
        site = replace(
            cast.HOUSEHOLDS[0].site, id=f"SITE-{number}", gateway_id=f"gw-{number}", state=state
        )
        for name, performance in (("A", 90), ("B", 50)):
            partner = replace(
                cast.PARTNERS[0],
                id=f"P-{number}{name}",
                states=frozenset({state}),
                performance=performance,
            )
            client = ApiClient(f"client-{number}{name}", partner.id)
            for record in (partner, client):
                register(self.records, record, at=self.now, by="test")
            partners.append(partner)
            clients.append(client)
        site = replace(site, installer_id=partners[0].id)
        register(self.records, site, at=self.now, by="test")
        for partner in partners:
            service.enlist(self.records, partner_id=partner.id, at=self.now, by="test")
        return Home(site, (partners[0], partners[1]), (clients[0], clients[1]))

    def finding(self, home: Home, **changes: Any) -> dict[str, Any]:
        return {
            "id": f"F-{home.site.id}",
            "topic": "finding",
            "finding_id": f"F-{home.site.id}",
            "site_id": home.site.id,
            "family": "PRODUCTION",
            "tier": Tier.DISPATCH.value,
            "rule": "D-13",
            "onset": "2026-06-05",
            "says": "it makes less than 85% of what it should",
            "evidence": ["5 June: 40%"],
            "causes": ["chunk-1"],
            "hazard": "",
            "is_grid_out": False,
            "summary": "",
            "picture": "",
            **changes,
        }

    def offered(self, home: Home) -> WorkOrder:
        """Have a work order offered to the home's first partner, and its mail delivered."""
        self.deliver("DispatchFunction", self.finding(home))
        self.runtime.run_due()
        return self.orders(home)[0]

    def orders(self, home: Home) -> list[WorkOrder]:
        cases = self.records.find(Case, by="site_id", value=home.site.id)
        return [
            found.record
            for case in cases
            for found in self.records.find(WorkOrder, by="case_id", value=case.record.id)
        ]

    # ------------------------------------------------------------------ who calls
    def token(self, client: ApiClient, scope: str = "sunreeve/partner") -> str:
        return self.runtime.issuer.client_token(client.id, scope)

    def person(self, name: str, *roles: str) -> str:
        return self.runtime.issuer.person_token(name, *roles)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        key: str | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        headers = {"host": "127.0.0.1:8787", "content-type": content_type, **(headers or {})}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        if key is not None:
            headers["idempotency-key"] = key
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        path, _, query = path.partition("?")
        sent = b"" if body is None else content
        return self.door.answer(Request(method, path, query, headers, sent))

    def save(self, *records: Any) -> None:
        self.records.commit(Change(saves=tuple(Save(record) for record in records)))


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("template")


OBSERVED = {"RateLimits": "observed"}
"""While the clock stands, a program that was refused a request would be refused for ever."""


def a_world(folder, cache, starts_at=MONDAY, parameters=OBSERVED):
    runtime = Runtime(folder, TEMPLATE, starts_at=starts_at, cache=cache, parameters=parameters)
    world = World(runtime)
    yield world
    world.door.stop()
    runtime.close()


@pytest.fixture
def world(tmp_path, cache):
    """A stack of this test alone."""
    yield from a_world(tmp_path, cache)


@pytest.fixture(scope="module")
def strict(tmp_path_factory, cache):
    """A stack for all tests of a module that refuses a request too many, with a log of its own.

    The library has one logger a process, which goes on writing to the stack that was first.
    """
    logging.Logger.manager.loggerDict.pop("sunreeve", None)
    yield from a_world(tmp_path_factory.mktemp("strict"), cache, parameters={})


@pytest.fixture(scope="module")
def shared(tmp_path_factory, cache):
    """A stack for all tests of a module; each makes homes of its own."""
    yield from a_world(tmp_path_factory.mktemp("data"), cache)
