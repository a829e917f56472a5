"""An engine in a folder of its own, moto beside it, and a client for either."""

from datetime import UTC, datetime, timedelta

import pytest

from cloud.local.dynamodb import hook
from cloud.local.dynamodb.engine import Engine

# At collection, before a test of another folder can make boto3's default session.
hook.prepare()


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **step: float) -> None:
        self.now += timedelta(**step)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path, clock):
    made = Engine(tmp_path / "local.db", clock=clock)
    yield made
    made.close()


@pytest.fixture
def hooked(engine, monkeypatch):
    """The engine, answering every botocore client of this process."""
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    hook.install(engine)
    yield engine
    hook.uninstall()


@pytest.fixture
def client(hooked):
    import boto3

    return boto3.session.Session().client("dynamodb")
