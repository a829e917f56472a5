"""The outside things of the adapters, each on its stand-ins: in memory, on our engine, on moto."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from sftp_bank import SSHD, BankServer, openssh

from cloud.adapters import wiring
from cloud.adapters.bank_sftp import SftpDrop
from cloud.adapters.memory import MemoryBank, MemoryBuckets, MemoryDocuments, MemoryRecords
from cloud.adapters.tables import OperationsRow
from cloud.funding.ports import Bank
from cloud.kernel.ports import Documents, Records
from cloud.local.dynamodb import hook
from cloud.local.dynamodb.engine import Engine
from cloud.local.keys import Keys
from cloud.local.s3.buckets import Buckets
from cloud.local.template import load

# At collection, before a test of another folder can make boto3's default session.
hook.prepare()

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
MONDAY = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)
ENVIRONMENT = {
    "OPERATIONS_TABLE": "OperationsTable",
    "SITES_TABLE": "SitesTable",
    "MONEY_TABLE": "MoneyTable",
    "TELEMETRY_TABLE": "TelemetryTable",
    "IDEMPOTENCY_TABLE": "IdempotencyTable",
    "DOCUMENTS_BUCKET": "DocumentsBucket",
    "SECRETS_KEY": "alias/secrets",
}
AWS_ONLY = {
    "SSESpecification",
    "PointInTimeRecoverySpecification",
    "StreamSpecification",
    "TimeToLiveSpecification",
}


class At:
    """A clock that stands still."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant

    def now(self) -> datetime:
        return self._instant


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """What the template describes: the tables of these tests are its own."""
    return load(TEMPLATE, cache=tmp_path_factory.mktemp("template"))


@cache
def a_client(service: str) -> Any:
    """Give a client for any of the stand-ins: who answers is decided at each call."""
    return boto3.client(service)


@contextmanager
def on_engine(stack: Any, folder: Path) -> Iterator[None]:
    engine = Engine(folder / "tables.sqlite", clock=lambda: MONDAY)
    hook.install(engine)
    buckets = Buckets(folder / "buckets", stack.buckets, At(MONDAY))
    keys = Keys(folder / "keys", stack.keys, At(MONDAY), aliases={"alias/secrets": "SecretsKey"})
    hook.register("s3", buckets.call)
    hook.register("kms", keys.call)
    for name, definition in stack.tables.items():
        left_out = AWS_ONLY | {"BillingMode"}
        honoured = {key: value for key, value in definition.items() if key not in left_out}
        engine.create_table({"TableName": name, **honoured})
    yield
    hook.uninstall()
    buckets.close()
    engine.close()


@contextmanager
def on_moto(stack: Any) -> Iterator[None]:
    with mock_aws(), pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = a_client("dynamodb")
        for name, definition in stack.tables.items():
            client.create_table(
                TableName=name,
                **{key: value for key, value in definition.items() if key not in AWS_ONLY},
            )
        a_client("s3").create_bucket(Bucket="documentsbucket")
        made = a_client("kms").create_key()["KeyMetadata"]["KeyId"]
        a_client("kms").create_alias(AliasName="alias/secrets", TargetKeyId=made)
        yield


@contextmanager
def aws(name: str, stack: Any, folder: Path) -> Iterator[None]:
    with on_engine(stack, folder) if name == "engine" else on_moto(stack):
        yield


@dataclass(frozen=True)
class Kept:
    """A store of records with a view of what is to leave and to wake: id -> what."""

    records: Records

    def waiting(self) -> dict[str, Any]:
        records = self.records
        if isinstance(records, MemoryRecords):
            return {**records.letters, **records.messages, **records.timers}
        return {
            row.pk.rpartition("#")[2]: row
            for row in OperationsRow.scan(consistent_read=True)
            if row.due_at is not None
        }

    def kinds(self) -> list[str]:
        """Give the kinds of all that is to leave, one for each."""
        if isinstance(self.records, MemoryRecords):
            leaves = [*self.records.letters.values(), *self.records.messages.values()]
            return sorted(type(one).__name__ for one in leaves)
        return sorted(row.kind for row in OperationsRow.scan() if row.due_at is not None)

    def due_of(self, row_id: str) -> datetime:
        found = self.waiting()[row_id]
        if isinstance(self.records, MemoryRecords):
            return found.due_at if hasattr(found, "due_at") else found.at
        return datetime.fromisoformat(found.due_at)


@pytest.fixture(params=["memory", "engine", "moto"])
def kept(request, stack, tmp_path):
    """A store of records, on each of its three stand-ins."""
    if request.param == "memory":
        yield Kept(MemoryRecords())
        return
    with aws(request.param, stack, tmp_path):
        yield Kept(wiring.records(ENVIRONMENT))


@pytest.fixture(params=["engine", "moto"])
def dynamo(request, stack, tmp_path):
    """Tables and a bucket, on our engine and on moto."""
    with aws(request.param, stack, tmp_path):
        yield ENVIRONMENT


@pytest.fixture(params=["memory", "engine", "moto"])
def buckets(request, stack, tmp_path):
    """What counts requests, on each of its three stand-ins."""
    if request.param == "memory":
        yield MemoryBuckets()
        return
    with aws(request.param, stack, tmp_path):
        yield wiring.buckets(ENVIRONMENT)


@pytest.fixture(params=["memory", "buckets", "moto"])
def documents(request, stack, tmp_path) -> Iterator[Documents]:
    """A document store, on each of its three stand-ins."""
    if request.param == "memory":
        yield MemoryDocuments()
    elif request.param == "buckets":
        with on_engine(stack, tmp_path):
            yield wiring.documents(ENVIRONMENT)
    else:
        with on_moto(stack):
            yield wiring.documents({"DOCUMENTS_BUCKET": "documentsbucket"})


@pytest.fixture(params=["memory", "buckets", "moto", "sftp", "openssh"])
def bank(request, tmp_path, stack) -> Iterator[Bank]:
    """A way to the bank, on each of its stand-ins and on two servers."""
    if request.param == "memory":
        yield MemoryBank()
    elif request.param == "buckets":
        with on_engine(stack, tmp_path):
            yield wiring.bank({**ENVIRONMENT, "BANK_SFTP_SECRET": ""})
    elif request.param == "moto":
        with on_moto(stack):
            yield wiring.bank({"DOCUMENTS_BUCKET": "documentsbucket"})
    elif request.param == "sftp":
        server = BankServer(tmp_path)
        yield SftpDrop(lambda: server.address)
        server.close()
    else:
        if not Path(SSHD).exists():
            pytest.skip("OpenSSH's server is not installed")
        with openssh(tmp_path) as address:
            yield SftpDrop(lambda: address)
