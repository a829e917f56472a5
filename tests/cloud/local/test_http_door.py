"""The HTTP door over a real socket: who is let in, how much, and what is answered."""

import http.client
import json
import socket
from datetime import UTC, datetime, timedelta
from threading import Thread

import boto3
import pytest
from botocore.config import Config

from cloud.local.http import LARGEST_BODY, Door, as_event
from cloud.local.lambdas import Failed
from cloud.local.template import Route
from cloud.local.web import Request


@pytest.fixture
def door(runtime):
    made = Door(runtime)
    made.start()
    yield made
    made.stop()


def ask(door, method="GET", path="/", body=None, headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=10)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return response.status, response.read(), response.headers
    finally:
        connection.close()


def raw(door, *lines: str) -> bytes:
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as plain:
        plain.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b""
        while data := plain.recv(65536):
            answer += data
        return answer


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8787", 404),
        ("localhost:8787", 404),
        ("evil.example:8787", 421),
        ("127.0.0.1.evil.example:8787", 421),
        ("", 421),
    ],
    ids=["loopback", "localhost", "another site", "a name that begins so", "none"],
)
def test_a_page_of_another_site_is_not_answered(door, host, status):
    assert ask(door, path="/nothing", headers={"Host": host})[0] == status


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/ops/", "/v2/work_orders", "/etc/passwd", "/v1%2Fwork_orders"]
)
def test_an_unknown_path_is_not_found(door, path):
    status, body, headers = ask(door, path=path)
    assert (status, json.loads(body)) == (404, {"message": "Not Found"})
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        pytest.param(f"Content-Length: {LARGEST_BODY + 1}", 413, id="too large"),
        pytest.param(f"Content-Length: {10**30}", 413, id="far too large"),
        pytest.param("Content-Length: -1", 400, id="negative"),
        pytest.param("Content-Length: ten", 400, id="no number"),
        pytest.param("Transfer-Encoding: chunked", 411, id="without a length"),
    ],
)
def test_a_body_of_no_fitting_length_is_refused_and_the_connection_ends(door, header, status):
    host = f"Host: 127.0.0.1:{door.port}"
    answer = raw(door, "POST /v1/invoices HTTP/1.1", host, header)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.count(b"HTTP/1.1") == 1


def test_the_keys_of_the_issuer_are_public_and_hold_no_private_part(door):
    status, body, _ = ask(door, path="/People/.well-known/jwks.json")
    (key,) = json.loads(body)["keys"]
    assert status == 200
    assert set(key) == {"kty", "n", "e", "use", "alg", "kid", "key_ops"} - ({"key_ops"} - set(key))


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer x.y.z", 'Bearer "\\', "Basic dXNlcjpwYXNz", "Bearer \u00ff"],
)
def test_a_token_that_is_none_is_unauthorized(door, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    status, body, _ = ask(door, path="/ops/cases?state=open", headers=headers)
    assert (status, json.loads(body)) == (401, {"message": "Unauthorized"})


def test_a_head_has_no_body(door):
    assert ask(door, "HEAD", "/People/.well-known/jwks.json")[:2] == (200, b"")


@pytest.mark.parametrize(
    ("target", "body", "status", "says"),
    [
        ("DynamoDB_20120810.ListTables", {}, 200, b"OperationsTable"),
        ("DynamoDB_20120810.DescribeTable", {"TableName": "none"}, 400, b"ResourceNotFound"),
        ("DynamoDB_20120810.DropTable", {}, 400, b"UnknownOperation"),
        ("Other.ListTables", {}, 400, b"UnknownOperation"),
    ],
    ids=["tables", "no table", "no operation", "no protocol"],
)
def test_it_speaks_dynamodb(door, target, body, status, says):
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
    answered, content, _ = ask(door, "POST", "/", json.dumps(body), headers)
    assert answered == status
    assert says in content


def test_an_item_put_over_http_is_the_functions_own(door, runtime):
    item = {"pk": {"S": "Site#S-1"}, "sk": {"S": "-"}, "body": {"S": "é"}}
    headers = {"X-Amz-Target": "DynamoDB_20120810.PutItem"}
    body = json.dumps({"TableName": "SitesTable", "Item": item})
    assert ask(door, "POST", "/", body, headers)[0] == 200
    key = {"pk": item["pk"], "sk": item["sk"]}
    found = runtime.engine.call("GetItem", {"TableName": "SitesTable", "Key": key})
    assert found["Item"] == item


def test_a_handler_that_breaks_is_a_500_and_the_door_stays_open(door, runtime):
    token = runtime.issuer.person_token("sam", "spc")
    headers = {"Authorization": f"Bearer {token}"}
    sound = runtime.functions

    class Broken:
        """Says who calls, and answers nothing that an API could hand on."""

        def __init__(self, answer):
            self.answer = answer

        def invoke(self, name, event):
            return sound.invoke(name, event) if name == "AuthorizeFunction" else self.answer

    for broken in (None, 7):
        runtime.functions = Broken(broken)
        status, body, _ = ask(door, path="/ops/cases?state=open", headers=headers)
        assert (status, json.loads(body)) == (500, {"message": "Internal Server Error"})
    runtime.functions = sound
    assert ask(door, path="/ops/cases?state=open", headers=headers)[0] == 200


# ---------------------------------------------------------------------- who calls
def calls_of(runtime, function):
    return runtime.functions.statistics()[function].invocations


def test_what_the_authorizer_said_is_kept_for_a_minute_of_the_clock(door, runtime):
    token = runtime.issuer.person_token("sam", "spc")
    headers = {"Authorization": f"Bearer {token}"}
    before = calls_of(runtime, "AuthorizeFunction")
    for _ in range(3):
        assert ask(door, path="/ops/cases?state=open", headers=headers)[0] == 200
    assert calls_of(runtime, "AuthorizeFunction") == before + 1
    runtime.clock.move_to(runtime.clock.now() + timedelta(seconds=60))
    assert ask(door, path="/ops/cases?state=open", headers=headers)[0] == 200
    assert calls_of(runtime, "AuthorizeFunction") == before + 2
    runtime.clock.move_to(runtime.clock.now() + timedelta(hours=1))
    assert ask(door, path="/ops/cases?state=open", headers=headers)[0] == 401


def test_without_the_header_nobody_is_asked(door, runtime):
    before = calls_of(runtime, "AuthorizeFunction")
    assert ask(door, path="/ops/cases")[0] == 401
    assert calls_of(runtime, "AuthorizeFunction") == before


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"isAuthorized": False}, 403),
        ({"isAuthorized": "yes"}, 403),
        ({}, 403),
        (None, 403),
        (Failed("ValueError", "no good"), 500),
        (Failed("Unauthorized", "Unauthorized"), 401),
    ],
)
def test_an_authorizer_that_does_not_say_yes_lets_nobody_in(door, runtime, answer, status):
    class Says:
        def invoke(self, name, event):
            assert name == "AuthorizeFunction"
            assert event["identitySource"] == ["Bearer x"]
            assert "body" not in event
            return answer

    sound, runtime.functions = runtime.functions, Says()
    assert ask(door, path="/ops/cases", headers={"Authorization": "Bearer x"})[0] == status
    runtime.functions = sound


def test_two_calls_at_once_are_answered_at_once(door, runtime):
    """Each has a sandbox of its own; answers are never mixed up."""
    tokens = {name: runtime.issuer.person_token(name, "spc") for name in ("ann", "bob")}
    seen = []

    def look(name):
        for _ in range(10):
            headers = {"Authorization": f"Bearer {tokens[name]}"}
            seen.append(ask(door, path="/ops/cases?state=open", headers=headers)[0])

    threads = [Thread(target=look, args=(name,)) for name in tokens for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [200] * 60


def test_a_body_that_breaks_off_is_refused_and_replaces_nothing(door, runtime):
    runtime.buckets.call("PutObject", {"Bucket": "DocumentsBucket", "Key": "k", "Body": b"whole"})
    url = an_s3().generate_presigned_url(
        "put_object", Params={"Bucket": "DocumentsBucket", "Key": "k"}
    )
    assert url.startswith(runtime.address)
    path = url.removeprefix(runtime.address)
    host = f"Host: 127.0.0.1:{door.port}"
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as plain:
        head = "\r\n".join([f"PUT {path} HTTP/1.1", host, "Content-Length: 1000", "", ""])
        plain.sendall(head.encode() + b"only this")
        plain.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: plain.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    found = runtime.buckets.call("GetObject", {"Bucket": "DocumentsBucket", "Key": "k"})
    assert found["Body"].read() == b"whole"


def an_s3():
    """A client as the functions make it: what it presigns leads to this runtime."""
    return boto3.session.Session().client("s3", config=Config(signature_version="s3v4"))


def test_a_page_of_another_site_writes_nothing_into_the_bucket(door, runtime):
    form = an_s3().generate_presigned_post("DocumentsBucket", "ach/x.ach")
    bound = "x1x2x3"
    disposition = f"--{bound}\r\nContent-Disposition: form-data; name="
    parts = [f'{disposition}"{name}"\r\n\r\n{text}\r\n' for name, text in form["fields"].items()]
    parts.append(f'{disposition}"file"; filename="f"\r\n\r\n1\r\n--{bound}--\r\n')
    headers = {"Content-Type": f"multipart/form-data; boundary={bound}"}
    evil = {**headers, "Origin": "https://evil.example"}
    assert ask(door, "POST", "/DocumentsBucket", "".join(parts), evil)[0] == 403
    assert ask(door, "POST", "/DocumentsBucket", "".join(parts), headers)[0] == 204


@pytest.mark.parametrize(
    ("line", "header", "status"),
    [
        ("GET http://[ HTTP/1.1", "X: y", 400),
        ("POST / HTTP/1.1", f"Content-Length: {'9' * 5000}", 413),
    ],
    ids=["an address that is none", "five thousand digits"],
)
def test_what_cannot_be_read_is_answered(door, line, header, status):
    answer = raw(door, line, f"Host: 127.0.0.1:{door.port}", header, "Connection: close")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


def test_a_fault_of_the_door_itself_is_a_500(door, runtime):
    class Broken:
        def answer(self, request):
            raise ZeroDivisionError

    sound, runtime.issuer = runtime.issuer, Broken()
    assert ask(door, path="/somewhere")[0] == 500
    runtime.issuer = sound
    assert ask(door, path="/somewhere")[0] == 404


def test_a_query_is_laid_out_as_payload_2_says():
    now = datetime(2026, 6, 1, tzinfo=UTC)
    request = Request("GET", "/v1/x", "state=open&state=done&empty=", {}, b"")
    route = Route("/v1/", "WebFunction", None)
    event = as_event(request, route, now)
    assert event["queryStringParameters"] == {"state": "open,done", "empty": ""}
    assert "body" not in event
    bare = as_event(Request("GET", "/v1/x", "", {}, b""), route, now)
    assert "queryStringParameters" not in bare


def test_a_bucket_that_is_not_there_is_told_in_s3s_own_way(door):
    scope = "X-Amz-Credential=local/20260601/us-east-1/s3/aws4_request"
    status, body, _ = ask(door, path=f"/none-such/k?{scope}")
    assert status == 404
    assert b"<Code>NoSuchBucket</Code>" in body
