"""What every store of sessions must do: in memory and on moto's DynamoDB."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from cloud.adapters.sessions import DynamoSessions, MemorySessions

NOW = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)
SECRET = "a-secret-that-only-a-browser-has"


@pytest.fixture(params=["memory", "moto"])
def sessions(request):
    if request.param == "memory":
        yield MemorySessions()
        return
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="sessions",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        yield DynamoSessions(client, "sessions")


@pytest.mark.parametrize(
    ("after", "holds"),
    [
        pytest.param(timedelta(0), True, id="at once"),
        pytest.param(timedelta(hours=8, seconds=-1), True, id="a second before its end"),
        pytest.param(timedelta(hours=8), False, id="at its end"),
    ],
)
def test_a_session_holds_until_its_end(sessions, after, holds):
    sessions.open(SECRET, {"username": "sam"}, NOW + timedelta(hours=8))
    found = sessions.of(SECRET, NOW + after)
    assert found == ({"username": "sam"} if holds else None)


def test_a_session_that_was_closed_or_never_opened_is_none(sessions):
    sessions.open(SECRET, {"username": "sam"}, NOW + timedelta(hours=8))
    for _ in range(2):
        sessions.close(SECRET)
        assert sessions.of(SECRET, NOW) is None
    assert sessions.of("another", NOW) is None


def test_who_reads_the_table_cannot_sign_in_by_it():
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="sessions",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        DynamoSessions(client, "sessions").open(SECRET, {"username": "sam"}, NOW)
        rows = client.scan(TableName="sessions")["Items"]
    assert len(rows) == 1
    assert SECRET not in str(rows)
