"""Buckets over HTTP: what boto3 signed ahead or signs itself, and what nobody signed."""

import re
from datetime import timedelta
from functools import cache
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from cloud.adapters.clock import SystemClock
from cloud.local.s3.buckets import Buckets
from cloud.local.web import Request

DEFINITIONS = {"DocsBucket": {"VersioningConfiguration": {"Status": "Enabled"}}, "plain": {}}
ORIGIN = "http://127.0.0.1:8787"


class Clock:
    """Stands at the moment at which boto3 signs, until it is moved."""

    def __init__(self):
        self.moved = timedelta(0)

    def now(self):
        return SystemClock().now() + self.moved


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def buckets(tmp_path, clock):
    made = Buckets(tmp_path / "buckets", DEFINITIONS, clock)
    yield made
    made.close()


@pytest.fixture
def address(buckets):
    """A door on loopback with nothing behind it but the buckets."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self):
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, parts.path, parts.query, headers, body)
            response = buckets.answer(request)
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(response.body)))
            self.end_headers()
            if self.command != "HEAD" and response.status != 304:
                self.wfile.write(response.body)

        # The names are the base class's own: one for each HTTP method.
        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = serve  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@cache
def a_session():
    return boto3.session.Session()


def client(address, *, region="us-east-1", version="s3v4", **keys):
    return a_session().client(
        "s3",
        endpoint_url=address,
        region_name=region,
        config=Config(signature_version=version, retries={"max_attempts": 1}),
        **{"aws_access_key_id": "local", "aws_secret_access_key": "local", **keys},
    )


@pytest.fixture
def s3(address):
    made = client(address)
    yield made
    made.close()


def presigned(s3, operation, *, bucket="DocsBucket", key="a/ü b.txt", seconds=60, **more):
    named = {"Bucket": bucket, "Key": key, **more}
    return s3.generate_presigned_url(operation, Params=named, ExpiresIn=seconds)


def send(method, url, body=None, headers=()):
    """Give status, headers and body, whatever the status is."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=30)
    connection.request(method, f"{parts.path}?{parts.query}", body, dict(headers))
    answer = connection.getresponse()
    read = answer.read()
    connection.close()
    return answer.status, answer.headers, read


def said_in(body, name):
    found = re.search(f"<{name}>(.*)</{name}>".encode(), body)
    return found and found[1].decode()


def code_of(body):
    return said_in(body, "Code")


def put(buckets, key="a/ü b.txt", body=b"text", bucket="DocsBucket", **more):
    return buckets.call("PutObject", {"Bucket": bucket, "Key": key, "Body": body, **more})


def count(buckets):
    return sum(
        len(buckets.call("ListObjectVersions", {"Bucket": name}).get("Versions", []))
        for name in DEFINITIONS
    )


# ---------------------------------------------------------------------- signed ahead
def test_a_presigned_address_gives_an_object(s3, buckets):
    version = put(buckets, ContentType="text/plain", Metadata={"m": "1"})["VersionId"]
    status, headers, body = send("GET", presigned(s3, "get_object"))
    assert (status, body) == (200, b"text")
    assert headers["content-type"] == "text/plain"
    assert (headers["x-amz-meta-m"], headers["x-amz-version-id"]) == ("1", version)
    status, headers, body = send("HEAD", presigned(s3, "head_object"))
    assert (status, headers["content-length"], body) == (200, "4", b"")


def test_a_presigned_address_keeps_an_object(s3, buckets):
    url = presigned(s3, "put_object", ContentType="text/csv", Metadata={"m": "1"})
    sent = {"content-type": "text/csv", "x-amz-meta-m": "1"}
    status, headers, _ = send("PUT", url, b"1,2", sent)
    got = buckets.call("GetObject", {"Bucket": "DocsBucket", "Key": "a/ü b.txt"})
    assert (status, headers["etag"], got["Body"].read()) == (200, got["ETag"], b"1,2")
    assert (got["ContentType"], got["Metadata"]) == ("text/csv", {"m": "1"})


def test_a_presigned_address_deletes_an_object(s3, buckets):
    put(buckets)
    status, headers, body = send("DELETE", presigned(s3, "delete_object"))
    assert (status, headers["x-amz-delete-marker"], body) == (204, "true", b"")
    status, _, body = send("GET", presigned(s3, "get_object"))
    assert (status, code_of(body)) == (404, "NoSuchKey")


def test_a_presigned_address_says_how_the_answer_is_named(s3, buckets):
    first = put(buckets, body=b"1")["VersionId"]
    put(buckets, body=b"2")
    url = presigned(
        s3,
        "get_object",
        VersionId=first,
        ResponseContentDisposition='attachment; filename="bill 1+2.pdf"',
        ResponseContentType="application/pdf",
    )
    _, headers, body = send("GET", url)
    assert (headers["content-type"], body) == ("application/pdf", b"1")
    assert headers["content-disposition"] == 'attachment; filename="bill 1+2.pdf"'


def test_a_part_and_a_condition_may_be_asked_for(s3, buckets):
    etag = put(buckets)["ETag"]
    url = presigned(s3, "get_object")
    status, headers, body = send("GET", url, headers={"range": "bytes=1-2"})
    assert (status, headers["content-range"], body) == (206, "bytes 1-2/4", b"ex")
    status, _, body = send("GET", url, headers={"if-none-match": etag})
    assert (status, body) == (304, b"")
    _, headers, _ = send("GET", url)
    modified = headers["last-modified"]
    assert send("GET", url, headers={"if-modified-since": modified})[0] == 304
    assert send("GET", url, headers={"if-modified-since": "yesterday"})[0] == 200


@pytest.mark.parametrize(
    ("moved", "answer"),
    [
        pytest.param(timedelta(seconds=55), (200, None), id="shortly before it ends"),
        pytest.param(timedelta(seconds=61), (403, "Request has expired"), id="after it ended"),
        pytest.param(timedelta(minutes=-14), (200, None), id="signed by a clock ahead"),
        pytest.param(timedelta(minutes=-16), (403, "Request is not yet valid"), id="far ahead"),
    ],
)
def test_an_address_ends_by_the_runtime_s_clock(s3, buckets, clock, moved, answer):
    put(buckets)
    url = presigned(s3, "get_object")
    clock.moved = moved
    status, _, body = send("GET", url)
    assert (status, said_in(body, "Message")) == answer


def test_an_address_that_lasts_more_than_a_week_is_refused(s3, buckets):
    put(buckets)
    for seconds, status in ((604_800, 200), (604_801, 400)):
        assert send("GET", presigned(s3, "get_object", seconds=seconds))[0] == status


TAMPERED = {
    "another key": lambda url: url.replace("b.txt", "c.txt"),
    "another bucket": lambda url: url.replace("DocsBucket", "plain"),
    "a longer life": lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
    "a version": lambda url: url + "&versionId=null",
    "a name of the answer": lambda url: url + "&response-content-type=text/html",
    "another signature": lambda url: url.replace("Signature=", "Signature=0"),
    "no signature": lambda url: url.replace("X-Amz-Signature=", "X-Amz-Signature=&a="),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_an_address_that_was_changed_is_refused(s3, buckets, how):
    put(buckets)
    put(buckets, "a/ü c.txt")
    put(buckets, bucket="plain")
    status, _, body = send("GET", TAMPERED[how](presigned(s3, "get_object")))
    assert (status, code_of(body)) == (403, "SignatureDoesNotMatch")


def test_an_address_for_reading_does_not_write(s3, buckets):
    for method in ("PUT", "DELETE"):
        status, _, body = send(method, presigned(s3, "get_object"), b"x")
        assert (status, code_of(body)) == (403, "SignatureDoesNotMatch")
    assert count(buckets) == 0


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"content-type": "text/html"}, id="another value"),
        pytest.param({}, id="none"),
    ],
)
def test_a_header_that_was_signed_must_be_sent(s3, buckets, sent):
    url = presigned(s3, "put_object", ContentType="text/csv")
    assert code_of(send("PUT", url, b"x", sent)[2]) == "SignatureDoesNotMatch"
    assert count(buckets) == 0


def test_a_header_of_s3_that_was_not_signed_is_refused(s3, buckets):
    status, _, body = send("PUT", presigned(s3, "put_object"), b"x", {"x-amz-meta-a": "b"})
    assert (status, code_of(body), count(buckets)) == (403, "AccessDenied", 0)


@pytest.mark.parametrize(
    ("made", "code"),
    [
        ({"aws_secret_access_key": "other"}, "SignatureDoesNotMatch"),
        ({"aws_access_key_id": "other"}, "InvalidAccessKeyId"),
        ({"region": "eu-west-1"}, "AuthorizationQueryParametersError"),
        ({"version": "s3"}, "InvalidRequest"),
    ],
    ids=["another secret", "another key", "another region", "the old signature"],
)
def test_an_address_that_another_signed_is_refused(address, buckets, made, code):
    put(buckets)
    other = client(address, **made)
    _, _, body = send("GET", presigned(other, "get_object"))
    other.close()
    assert code_of(body) == code


@pytest.mark.parametrize("missing", ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders"])
def test_an_address_without_all_of_a_signature_is_refused(s3, buckets, missing):
    put(buckets)
    url = presigned(s3, "get_object").replace(f"X-Amz-{missing}=", "other=")
    status, _, body = send("GET", url)
    assert (status, code_of(body)) == (400, "AuthorizationQueryParametersError")


def test_a_failed_write_leaves_what_was_there(s3, buckets):
    put(buckets)
    url = presigned(s3, "put_object", IfNoneMatch="*")
    status, _, body = send("PUT", url, b"other", {"if-none-match": "*"})
    assert (status, code_of(body), count(buckets)) == (412, "PreconditionFailed", 1)


# ---------------------------------------------------------------------- nobody signed
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_what_nobody_signed_is_denied(address, buckets, method):
    put(buckets, "a")
    status, _, body = send(method, f"{address}/DocsBucket/a", b"x" if method == "PUT" else None)
    assert status == 403
    assert method == "HEAD" or code_of(body) == "AccessDenied"
    assert count(buckets) == 1


def test_another_path_is_not_answered(buckets):
    for path in ("/", "/Docs", "/api/DocsBucket/a", "/docsbucket/a", "//DocsBucket/a"):
        assert buckets.answer(Request("GET", path, "", {"host": "127.0.0.1"}, b"")) is None


# ---------------------------------------------------------------------- boto3 over HTTP
def test_boto3_of_another_process_puts_gets_and_lists(s3, buckets):
    for key in ("a/1", "a/ü +&=%.txt", "b"):
        s3.put_object(Bucket="DocsBucket", Key=key, Body=key.encode(), Metadata={"k": "v"})
    got = s3.get_object(Bucket="DocsBucket", Key="a/ü +&=%.txt")
    assert (got["Body"].read(), got["Metadata"]) == ("a/ü +&=%.txt".encode(), {"k": "v"})
    assert s3.head_object(Bucket="DocsBucket", Key="b")["ContentLength"] == 1
    page = s3.list_objects_v2(Bucket="DocsBucket", Delimiter="/", MaxKeys=1)
    assert (page["CommonPrefixes"], page["IsTruncated"]) == ([{"Prefix": "a/"}], True)
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="DocsBucket")["Contents"]]
    assert keys == ["a/1", "a/ü +&=%.txt", "b"]
    s3.copy_object(Bucket="plain", Key="c", CopySource={"Bucket": "DocsBucket", "Key": "b"})
    assert s3.get_object(Bucket="plain", Key="c")["Body"].read() == b"b"
    s3.delete_object(Bucket="DocsBucket", Key="b")
    listed = s3.list_object_versions(Bucket="DocsBucket", Prefix="b")
    assert (len(listed["Versions"]), len(listed["DeleteMarkers"])) == (1, 1)
    assert s3.head_bucket(Bucket="plain")["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_boto3_over_http_raises_what_it_raises_on_aws(s3, buckets):
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="plain", Key="none")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="plain", Key="none")
    s3.put_object(Bucket="plain", Key="a", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="plain", Key="a", IfNoneMatch="*")
    with pytest.raises(ClientError, match="NotImplemented"):
        s3.get_object_tagging(Bucket="plain", Key="a")


def test_boto3_with_another_secret_or_hour_is_refused(s3, address, buckets, clock):
    other = client(address, aws_secret_access_key="other")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        other.put_object(Bucket="plain", Key="a", Body=b"x")
    other.close()
    clock.moved = timedelta(minutes=16)
    with pytest.raises(ClientError, match="RequestTimeTooSkewed"):
        s3.put_object(Bucket="plain", Key="a", Body=b"x")
    assert count(buckets) == 0


def test_a_signed_body_that_was_changed_is_refused(s3, buckets):
    """The headers of a put are taken down as boto3 signs them, and sent with another body."""
    taken = {}

    def take(request, **_):
        taken.update(request.headers.items())

    s3.meta.events.register("before-send.s3.PutObject", take)
    s3.put_object(Bucket="plain", Key="a", Body=b"first")
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value
        for name, value in taken.items()
    }
    headers["host"] = s3.meta.endpoint_url.removeprefix("http://")
    sent = Request("PUT", "/plain/a", "", headers, b"first")
    assert buckets.answer(sent).status == 200
    changed = buckets.answer(Request("PUT", "/plain/a", "", headers, b"other"))
    assert (changed.status, code_of(changed.body)) == (400, "XAmzContentSHA256Mismatch")
    other = headers | {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    changed = buckets.answer(Request("PUT", "/plain/a", "", other, b"other"))
    assert (changed.status, code_of(changed.body)) == (403, "SignatureDoesNotMatch")
    got = buckets.call("GetObject", {"Bucket": "plain", "Key": "a"})
    assert got["Body"].read() == b"first"


# ---------------------------------------------------------------------- browsers
@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        (ORIGIN, True),
        ("http://localhost", True),
        ("https://[::1]:8443", True),
        ("https://evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost@evil.example", False),
        ("null", False),
    ],
)
def test_only_a_page_of_this_machine_may_read_the_answer(s3, address, buckets, origin, is_let_in):
    put(buckets)
    _, headers, _ = send("GET", presigned(s3, "get_object"), headers={"origin": origin})
    assert headers["access-control-allow-origin"] == (origin if is_let_in else None)
    asked = {
        "origin": origin,
        "access-control-request-method": "PUT",
        "access-control-request-headers": "content-type",
    }
    status, headers, _ = send("OPTIONS", f"{address}/DocsBucket/a", headers=asked)
    assert status == (200 if is_let_in else 403)
    assert headers["access-control-allow-headers"] == ("content-type" if is_let_in else None)


def test_what_a_browser_would_run_is_kept_apart(s3, buckets):
    put(buckets, "a.html", b"<script>", ContentType="text/html")
    put(buckets, "a.pdf", b"%PDF", ContentType="application/pdf; v=1")
    _, headers, _ = send("GET", presigned(s3, "get_object", key="a.html"))
    assert headers["content-security-policy"] == "sandbox"
    _, headers, _ = send("GET", presigned(s3, "get_object", key="a.pdf"))
    assert headers["content-security-policy"] is None
    assert headers["x-content-type-options"] == "nosniff"


# ---------------------------------------------------------------------- whatever is sent
@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    made = Buckets(tmp_path_factory.mktemp("fuzzed"), {"plain": {}}, Clock())
    yield made
    made.close()


NAMES = st.sampled_from(
    ["authorization", "x-amz-date", "x-amz-content-sha256", "host", "origin", "range", "x-amz-a"]
)
VALUES = st.text() | st.sampled_from(
    [
        "AWS4-HMAC-SHA256 Credential=local/20260608/us-east-1/s3/aws4_request,"
        " SignedHeaders=host, Signature=0",
        "20260608T130000Z",
        "99999999T999999Z",
        "UNSIGNED-PAYLOAD",
        "AWS local:x",
    ]
)
QUERIES = st.lists(
    st.sampled_from(
        [
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "X-Amz-Credential=local%2F20260608%2Fus-east-1%2Fs3%2Faws4_request",
            "X-Amz-Date=20260608T130000Z",
            "X-Amz-Expires=60",
            "X-Amz-Expires=9e9",
            "X-Amz-SignedHeaders=host%3Brange",
            "X-Amz-Signature=%FF",
            "X-Amz-Signature=\N{SNOWMAN}",
            "list-type=2",
            "versionId=%00",
        ]
    )
    | st.text(),
    max_size=8,
)


REQUESTS = st.builds(
    Request,
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"]),
    path=st.text().map("/plain/{}".format)
    | st.sampled_from(["/plain", "/plain/a", "/plain/%FF", "/plain/%", "/plain/\ud800"]),
    query=QUERIES.map("&".join),
    headers=st.dictionaries(NAMES, VALUES),
    body=st.binary(max_size=20),
)


@given(request=REQUESTS)
def test_no_request_does_more_than_be_refused(fuzzed, request):
    answered = fuzzed.answer(request)
    assert answered.status in {400, 403, 404, 405, 412, 501} or request.method == "OPTIONS"
    assert "Contents" not in fuzzed.call("ListObjectsV2", {"Bucket": "plain"})
