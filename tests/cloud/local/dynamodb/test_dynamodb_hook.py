"""Real clients through the hook: boto3, pynamodb and powertools see what AWS would send."""

import os

import boto3
import msgspec
import pytest
from botocore import parsers
from botocore.exceptions import ClientError
from dynamodb_definitions import definition, simple

from cloud.local.dynamodb import hook
from cloud.local.dynamodb.wire import answer_http


def key(pk, sk="a"):
    return {"pk": {"S": pk}, "sk": {"S": sk}}


VALUES = {
    "b": {"B": b"\x00\xff"},
    "bs": {"BS": [b"\x01", b"\x02"]},
    "l": {"L": [{"B": b"\x03"}, {"M": {"b": {"B": b"\x04"}}}]},
    "n": {"N": "1.5"},
    "z": {"NULL": True},
    "f": {"BOOL": False},
}


@pytest.fixture
def things(client):
    client.create_table(**definition())
    client.put_item(TableName="things", Item={**key("p"), **VALUES})
    return client


def real(client, engine, operation, wire):
    """What botocore's own parser makes of the engine's answer over HTTP."""
    status, headers, body = answer_http(
        engine, f"DynamoDB_20120810.{operation}", msgspec.json.encode(wire)
    )
    model = client.meta.service_model.operation_model(operation)
    parser = parsers.create_parser("json")
    response = {"status_code": status, "headers": headers, "body": body}
    parsed = parser.parse(response, model.output_shape)
    if status != 200:
        shape = client.meta.service_model.shape_for_error_code(parsed["Error"]["Code"])
        parsed.update(parser.parse(response, shape) if shape is not None else {})
    parsed.pop("ResponseMetadata", None)
    return parsed


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("GetItem", {"TableName": "things", "Key": key("p"), "ReturnConsumedCapacity": "TOTAL"}),
        ("Scan", {"TableName": "things", "Limit": 1}),
        ("BatchGetItem", {"RequestItems": {"things": {"Keys": [key("p")]}}}),
        (
            "TransactGetItems",
            {
                "TransactItems": [
                    {"Get": {"TableName": "things", "Key": key("p")}},
                    {"Get": {"TableName": "things", "Key": key("q")}},
                ]
            },
        ),
        ("UpdateItem", {"TableName": "things", "Key": key("p"), "ReturnValues": "ALL_NEW"}),
        ("DescribeTable", {"TableName": "things"}),
        ("ListTables", {}),
        ("GetItem", {"TableName": "nowhere", "Key": key("p")}),
        ("GetItem", {"TableName": "things", "Key": {"pk": {"S": "p"}}}),
        (
            "DeleteItem",
            {
                "TableName": "things",
                "Key": key("p"),
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            },
        ),
        (
            "TransactWriteItems",
            {
                "TransactItems": [
                    {
                        "Delete": {
                            "TableName": "things",
                            "Key": key("p"),
                            "ConditionExpression": "attribute_not_exists(pk)",
                            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                        }
                    }
                ]
            },
        ),
    ],
)
def test_the_hook_answers_as_botocore_would_parse(things, hooked, operation, request_):
    from botocore import xform_name

    try:
        seen = getattr(things, xform_name(operation))(**request_)
    except ClientError as error:
        seen = error.response
        assert seen["ResponseMetadata"]["HTTPStatusCode"] == 400
    seen.pop("ResponseMetadata")
    assert seen == real(things, hooked, operation, request_)


def test_the_resource_works(things, hooked):
    table = boto3.session.Session().resource("dynamodb").Table("things")
    table.put_item(Item={"pk": "r", "sk": "a", "tags": {"x"}, "blob": b"\x00"})
    item = table.get_item(Key={"pk": "r", "sk": "a"})["Item"]
    assert (item["tags"], bytes(item["blob"])) == ({"x"}, b"\x00")


def test_modeled_exceptions(things):
    with pytest.raises(things.exceptions.ConditionalCheckFailedException) as caught:
        things.put_item(
            TableName="things",
            Item=key("p"),
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert caught.value.response["Item"]["b"] == {"B": b"\x00\xff"}


def test_region_and_keys_are_lent_and_taken_back(engine, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    hook.install(engine)
    assert os.environ["AWS_DEFAULT_REGION"] == "us-east-1"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "local"
    hook.uninstall()
    assert "AWS_DEFAULT_REGION" not in os.environ
    assert os.environ["AWS_ACCESS_KEY_ID"] == "mine"


def test_nothing_leaves_the_machine(hooked):
    client = boto3.session.Session().client("sqs")
    with pytest.raises(hook.LeavesTheMachineError, match="sqs ListQueues would have left"):
        client.list_queues()


def test_another_service(hooked):
    seen = []

    def answer(operation, params):
        seen.append((operation, dict(params)))
        if operation == "GetObject":
            raise hook.ServiceError("NoSuchKey", "nothing here", 404)
        return {"MessageId": "1"}

    session = boto3.session.Session()
    hook.register("sqs", answer)
    hook.register("s3", answer)
    response = session.client("sqs").send_message(QueueUrl="http://localhost/q", MessageBody="hi")
    assert response["MessageId"] == "1"
    assert seen[0] == ("SendMessage", {"QueueUrl": "http://localhost/q", "MessageBody": "hi"})
    s3 = session.client("s3")
    with pytest.raises(s3.exceptions.NoSuchKey) as caught:
        s3.get_object(Bucket="bucket", Key="key")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_powertools_idempotency(hooked, monkeypatch):
    from aws_lambda_powertools.utilities.idempotency import (
        DynamoDBPersistenceLayer,
        IdempotencyConfig,
        idempotent,
    )
    from aws_lambda_powertools.utilities.idempotency.exceptions import (
        IdempotencyValidationError,
    )

    table = simple("idempotency")
    table["KeySchema"][0]["AttributeName"] = "id"
    table["AttributeDefinitions"][0]["AttributeName"] = "id"
    hooked.create_table(
        {**table, "TimeToLiveSpecification": {"AttributeName": "expiration", "Enabled": True}}
    )
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "test")
    store = DynamoDBPersistenceLayer("idempotency", boto3_session=boto3.session.Session())
    config = IdempotencyConfig(event_key_jmespath="key", payload_validation_jmespath="amount")
    runs = []

    class Context:
        function_name = "test"

        def get_remaining_time_in_millis(self):
            return 5000

    @idempotent(persistence_store=store, config=config)
    def handler(event, context):
        runs.append(event["key"])
        return {"n": len(runs)}

    answers = [handler({"key": k, "amount": 1}, Context())["n"] for k in ("a", "a", "b", "a")]
    assert answers == [1, 1, 2, 1]
    with pytest.raises(IdempotencyValidationError):
        handler({"key": "a", "amount": 2}, Context())


def test_pynamodb(hooked):
    from pynamodb.attributes import (
        BinaryAttribute,
        NumberAttribute,
        UnicodeAttribute,
        VersionAttribute,
    )
    from pynamodb.connection import Connection
    from pynamodb.exceptions import PutError, TransactWriteError
    from pynamodb.models import Model
    from pynamodb.transactions import TransactGet, TransactWrite

    class Thing(Model):
        class Meta:
            table_name = "pynamo"
            region = "us-east-1"

        pk = UnicodeAttribute(hash_key=True)
        total = NumberAttribute(default=0)
        blob = BinaryAttribute(null=True, legacy_encoding=False)
        version = VersionAttribute()

    Thing.create_table(wait=True, billing_mode="PAY_PER_REQUEST")
    Thing("p", blob=b"\x00\x01").save()
    first, second = Thing.get("p"), Thing.get("p")
    assert first.blob == b"\x00\x01"
    first.total = 1
    first.save()
    with pytest.raises(PutError) as caught:
        second.save()
    assert caught.value.cause_response_code == "ConditionalCheckFailedException"

    connection = Connection(region="us-east-1")
    with TransactWrite(connection=connection, client_request_token="t") as transaction:
        transaction.update(first, actions=[Thing.total.add(5)])
        transaction.save(Thing("q"))
        transaction.condition_check(Thing, "none", condition=Thing.pk.does_not_exist())
    assert first.version == 3
    assert Thing.get("p").total == 6

    def cancelled():
        with TransactWrite(connection=connection) as transaction:
            transaction.save(Thing("r"))
            transaction.save(second)

    with pytest.raises(TransactWriteError) as refusal:
        cancelled()
    reasons = refusal.value.cancellation_reasons
    assert reasons[0] is None
    assert reasons[1].code == "ConditionalCheckFailed"
    assert refusal.value.cause_response_code == "TransactionCanceledException"

    with TransactGet(connection=connection) as reading:
        future = reading.get(Thing, "q")
    assert future.get().pk == "q"
    with Thing.batch_write() as batch:
        for number in range(60):
            batch.save(Thing(f"b{number}"))
    assert Thing.count() == 62
    assert [thing.pk for thing in Thing.query("b7")] == ["b7"]
    assert sum(1 for _ in Thing.scan(page_size=7)) == 62


@pytest.mark.parametrize(
    ("target", "body", "kind", "words"),
    [
        ("DynamoDB_20120810.GetItem", b"{", "coral.service#SerializationException", "JSON"),
        ("DynamoDB_20120810.GetItem", b"[]", "coral.service#SerializationException", "JSON"),
        ("DynamoDB_20120810.Nothing", b"{}", "#UnknownOperationException", "Nothing"),
        ("SQS.SendMessage", b"{}", "#UnknownOperationException", "SQS"),
        ("DynamoDB_20120810.GetItem", b"{}", "coral.validate#ValidationException", "tableName"),
    ],
)
def test_http_refusals(engine, target, body, kind, words):
    status, headers, answer = answer_http(engine, target, body)
    decoded = msgspec.json.decode(answer)
    assert status == 400
    assert headers["Content-Type"] == "application/x-amz-json-1.0"
    assert decoded["__type"].endswith(kind)
    assert words in decoded["message"]
