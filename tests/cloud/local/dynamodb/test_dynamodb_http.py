"""Real clients over a real socket: boto3 with an endpoint on this machine."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import msgspec
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError
from dynamodb_definitions import definition, simple

from cloud.local.dynamodb.wire import answer_http

STREAM = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}


@pytest.fixture
def endpoint(engine):
    """The engine behind a plain HTTP server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            status, headers, answer = answer_http(engine, self.headers["x-amz-target"], body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def connect(endpoint):
    """Make a client or a resource of boto3 at the endpoint; nothing answers inside the process."""
    session = boto3.session.Session(
        aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1"
    )
    made = []

    def connected(kind, service):
        one = getattr(session, kind)(
            service, endpoint_url=endpoint, config=Config(retries={"total_max_attempts": 1})
        )
        made.append(one)
        return one

    yield connected
    for one in made:
        one.meta.__dict__.get("client", one).close()


@pytest.fixture
def client(connect):
    return connect("client", "dynamodb")


def key(pk, sk="a"):
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def test_every_operation_of_items(client):
    client.create_table(**definition())
    client.get_waiter("table_exists").wait(TableName="things")
    blob = {"b": {"B": b"\x00\xff"}, "bs": {"BS": [b"\x01"]}, "n": {"N": "1.50"}}
    client.put_item(TableName="things", Item={**key("p"), **blob})
    got = client.get_item(TableName="things", Key=key("p"))
    assert got["Item"] == {**key("p"), **blob, "n": {"N": "1.5"}}
    assert got["ResponseMetadata"]["RequestId"]
    updated = client.update_item(
        TableName="things",
        Key=key("p"),
        UpdateExpression="SET c = :c",
        ExpressionAttributeValues={":c": {"B": b"\x02"}},
        ReturnValues="UPDATED_NEW",
    )
    assert updated["Attributes"] == {"c": {"B": b"\x02"}}
    client.batch_write_item(
        RequestItems={"things": [{"PutRequest": {"Item": key(f"q{n}")}} for n in range(5)]}
    )
    found = client.batch_get_item(RequestItems={"things": {"Keys": [key("q1"), key("none")]}})
    assert found["Responses"] == {"things": [key("q1")]}
    client.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": "things", "Item": key("t")}},
            {"Delete": {"TableName": "things", "Key": key("q0")}},
        ]
    )
    gets = [{"Get": {"TableName": "things", "Key": key(pk)}} for pk in ("t", "q0")]
    assert client.transact_get_items(TransactItems=gets)["Responses"] == [{"Item": key("t")}, {}]
    assert "Attributes" in client.delete_item(
        TableName="things", Key=key("t"), ReturnValues="ALL_OLD"
    )
    client.delete_table(TableName="things")
    client.get_waiter("table_not_exists").wait(TableName="things")
    assert client.list_tables()["TableNames"] == []


def test_paginators(client):
    for number in range(3):
        client.create_table(**simple(f"table{number}"))
    names = client.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 2})
    assert names.build_full_result()["TableNames"] == ["table0", "table1", "table2"]
    client.create_table(**definition())
    for number in range(7):
        client.put_item(TableName="things", Item=key("p", str(number)))
    query = client.get_paginator("query").paginate(
        TableName="things",
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": {"S": "p"}},
        PaginationConfig={"PageSize": 3},
    )
    pages = list(query)
    assert [page["Count"] for page in pages] == [3, 3, 1]
    scan = client.get_paginator("scan").paginate(
        TableName="things", PaginationConfig={"PageSize": 2, "MaxItems": 5}
    )
    assert len(scan.build_full_result()["Items"]) == 5


def test_a_waiter_gives_up_on_a_table_that_never_comes(client):
    with pytest.raises(WaiterError):
        client.get_waiter("table_exists").wait(
            TableName="never", WaiterConfig={"Delay": 0, "MaxAttempts": 2}
        )


def test_the_resource(connect):
    resource = connect("resource", "dynamodb")
    table = resource.create_table(**definition())
    table.wait_until_exists()
    with table.batch_writer() as batch:
        for number in range(30):
            batch.put_item(Item={"pk": "p", "sk": f"{number:02}", "owner": "o", "due": number})
    assert table.get_item(Key={"pk": "p", "sk": "07"})["Item"]["due"] == 7
    condition = boto3.dynamodb.conditions.Key("owner").eq("o")
    found = table.query(IndexName="by-owner", KeyConditionExpression=condition, Limit=2)
    assert [item["sk"] for item in found["Items"]] == ["00", "01"]
    table.reload()
    assert table.item_count == 30


def test_modeled_errors(client):
    client.create_table(**simple())
    put = {"TableName": "simple", "Item": {"pk": {"S": "p"}}}
    client.put_item(**put)
    only_new = {"ConditionExpression": "attribute_not_exists(pk)"}
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as caught:
        client.put_item(**put, **only_new, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert caught.value.response["Item"] == put["Item"]
    with pytest.raises(client.exceptions.TransactionCanceledException) as caught:
        client.transact_write_items(TransactItems=[{"Put": {**put, **only_new}}])
    (reason,) = caught.value.response["CancellationReasons"]
    assert reason["Code"] == "ConditionalCheckFailed"
    with pytest.raises(client.exceptions.ResourceInUseException):
        client.create_table(**simple())
    with pytest.raises(ClientError, match="not supported by the local engine"):
        client.describe_limits()


def test_streams(client, connect, clock):
    arn = client.create_table(**simple(), **STREAM)["TableDescription"]["LatestStreamArn"]
    client.put_item(TableName="simple", Item={"pk": {"S": "p"}, "b": {"B": b"\xff"}})
    streams = connect("client", "dynamodbstreams")
    (listed,) = streams.list_streams(TableName="simple")["Streams"]
    assert listed["StreamArn"] == arn
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    at = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    (record,) = streams.get_records(ShardIterator=at["ShardIterator"])["Records"]
    assert record["dynamodb"]["NewImage"]["b"] == {"B": b"\xff"}
    assert record["dynamodb"]["ApproximateCreationDateTime"] == clock.now
    clock.advance(minutes=16)
    with pytest.raises(streams.exceptions.ExpiredIteratorException):
        streams.get_records(ShardIterator=at["ShardIterator"])


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("DynamoDB_20120810.ListTables", 200),
        ("DynamoDBStreams_20120810.ListStreams", 200),
        ("DynamoDBStreams_20120810.ListTables", 400),
        ("DynamoDB_20120810.ListStreams", 400),
        ("ListTables", 400),
    ],
)
def test_each_api_has_its_own_operations_and_every_answer_an_id(endpoint, target, status):
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"))
    connection.request("POST", "/", b"{}", {"X-Amz-Target": target})
    response = connection.getresponse()
    body = msgspec.json.decode(response.read())
    connection.close()
    assert response.status == status
    assert len(response.headers["x-amzn-RequestId"]) == 52
    assert ("__type" in body) == (status == 400)
