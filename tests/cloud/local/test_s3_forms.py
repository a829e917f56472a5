"""Files from a browser's form: what its signer's policy allows is kept, and nothing else."""

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hmac import digest
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from hypothesis import example, given
from hypothesis import strategies as st

from cloud.adapters.clock import SystemClock
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.s3 import form, policy
from cloud.local.s3.buckets import Buckets
from cloud.local.web import Request

NOW = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)
BOUNDARY = "----x7MA4YWxkTrZu0gW"


class Clock:
    def __init__(self, instant=NOW):
        self.instant = instant

    def now(self):
        return self.instant


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def buckets(tmp_path, clock):
    made = Buckets(tmp_path / "buckets", {"Docs": {}, "other": {}}, clock)
    yield made
    made.close()


def signed(conditions, fields, expiration="2026-06-08T14:00:00.000Z"):
    """Sign a policy as its owner does, and give the fields of the form (SigV4, POST)."""
    scope = "20260608/us-east-1/s3/aws4_request"
    own = {
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"local/{scope}",
        "x-amz-date": "20260608T130000Z",
    }
    document = {
        "expiration": expiration,
        "conditions": [*conditions, *({name: value} for name, value in own.items())],
    }
    text = base64.b64encode(json.dumps(document).encode())
    return {**own, "policy": text.decode(), "x-amz-signature": seal(text), **fields}


def seal(text):
    key = b"AWS4local"
    for part in ("20260608", "us-east-1", "s3", "aws4_request"):
        key = digest(key, part.encode(), "sha256")
    return digest(key, text, "sha256").hex()


def encoded(fields, file=b"text", filename="a.txt", tail=b""):
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if file is not None:
        parts.append(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"'
            "\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64"
            "\r\n\r\n".encode()
            + file
            + b"\r\n"
        )
    return b"".join(parts) + tail + f"--{BOUNDARY}--\r\n".encode()


def resealed(document):
    text = base64.b64encode(document)
    changed = {"policy": text.decode(), "x-amz-signature": seal(text)}
    return signed(PLAIN, {"key": "a/b"}) | changed


def post(buckets, fields, file=b"text", filename="a.txt", **more):
    return send(buckets, encoded(fields, file, filename), **more)


def send(buckets, body, *, path="/Docs", headers=()):
    sent = {"content-type": f"multipart/form-data; boundary={BOUNDARY}", "host": "127.0.0.1:87"}
    return buckets.answer(Request("POST", path, "", {**sent, **dict(headers)}, body))


def said(response):
    text = response.body.decode()
    code, message = (
        text.partition(f"<{name}>")[2].partition(f"</{name}>")[0] for name in ("Code", "Message")
    )
    return response.status, code, message


def keys(buckets):
    return {
        one["Key"]: buckets.call("GetObject", {"Bucket": name, "Key": one["Key"]})["Body"].read()
        for name in ("Docs", "other")
        for one in buckets.call("ListObjectsV2", {"Bucket": name}).get("Contents", [])
    }


PLAIN = [{"bucket": "Docs"}, ["starts-with", "$key", "a/"]]


# ---------------------------------------------------------------------- kept
@pytest.mark.parametrize(
    "file",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\r\n", id="an end of line"),
        pytest.param(b"a\r", id="it ends in half an end of line"),
        pytest.param(b"a\r\n--" + BOUNDARY.encode() + b"x\r\n\r\nb", id="nearly a boundary"),
        pytest.param(bytes(range(256)) * 300, id="all octets"),
        pytest.param(b"From: a\r\n\r\n--b\r\n", id="a mail"),
    ],
)
def test_a_file_is_kept_octet_by_octet(buckets, file):
    answer = post(buckets, signed(PLAIN, {"key": "a/b"}), file)
    assert answer.status == 204
    assert keys(buckets) == {"a/b": file}


def test_what_boto3_signs_is_kept(tmp_path):
    """The wall's clock, because boto3 signs by it."""
    made = Buckets(tmp_path, {"Docs": {}}, SystemClock())
    s3 = boto3.session.Session().client(
        "s3",
        endpoint_url="http://127.0.0.1:8787",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(signature_version="s3v4"),
    )
    told = s3.generate_presigned_post(
        "Docs",
        "statements/${filename}",
        Fields={"Content-Type": "text/csv", "x-amz-meta-by": "Zoë", "success_action_status": "201"},
        Conditions=[
            {"Content-Type": "text/csv"},
            ["starts-with", "$x-amz-meta-by", ""],
            {"success_action_status": "201"},
            ["content-length-range", 1, 10],
        ],
        ExpiresIn=600,
    )
    s3.close()
    assert urlsplit(told["url"]).path == "/Docs"
    answer = post(made, told["fields"], b"1;2", "C:\\june \u00fc.csv")
    assert answer.status == 201, answer.body
    got = made.call("GetObject", {"Bucket": "Docs", "Key": "statements/june \u00fc.csv"})
    assert (got["Body"].read(), got["ContentType"]) == (b"1;2", "text/csv")
    assert got["Metadata"] == {"by": "=?UTF-8?B?Wm/Dqw==?="}
    assert b"<Key>statements/june \xc3\xbc.csv</Key>" in answer.body
    assert answer.headers["location"] == "http://127.0.0.1:87/Docs/statements/june%20%C3%BC.csv"
    tampered = {**told["fields"], "policy": told["fields"]["policy"][:-8] + "AAAAAAA="}
    assert said(post(made, tampered, b"1;2"))[1] == "SignatureDoesNotMatch"
    made.close()


@pytest.mark.parametrize(
    ("asked", "status"), [("200", 200), ("201", 201), ("204", 204), ("404", 204), ("", 204)]
)
def test_the_form_says_the_status_of_success(buckets, asked, status):
    conditions = [*PLAIN, ["starts-with", "$success_action_status", ""]]
    fields = signed(conditions, {"key": "a/b", "success_action_status": asked})
    assert post(buckets, fields).status == status


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("http://127.0.0.1:87/done", "http://127.0.0.1:87/done?bucket=Docs&key=a%2Fb&etag="),
        ("http://localhost/d?x=1#y", "http://localhost/d?x=1&bucket=Docs&key=a%2Fb&etag="),
        ("https://evil.example/", None),
        ("http://127.0.0.1.evil.example/", None),
        ("http://localhost@evil.example/", None),
        ("http://evil.example\\@localhost/", None),
        ("http://localhost\\@evil.example/", None),
        ("//localhost/", None),
        ("javascript:alert(1)", None),
        ("http://localhost/\r\nset-cookie: a=b", None),
    ],
)
def test_success_leads_on_to_this_machine_only(buckets, target, location):
    conditions = [*PLAIN, ["starts-with", "$success_action_redirect", ""]]
    answer = post(buckets, signed(conditions, {"key": "a/b", "success_action_redirect": target}))
    if location is None:
        assert said(answer)[:2] == (400, "InvalidArgument")
        assert keys(buckets) == {}
        return
    assert answer.status == 303
    assert answer.headers["location"].startswith(location)


def test_fields_after_the_file_and_those_to_ignore_do_not_matter(buckets):
    fields = signed(PLAIN, {"KEY": "a/b", "x-ignore-me": "1"})
    tail = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="submit"\r\n\r\nGo\r\n'.encode()
    assert send(buckets, encoded(fields, tail=tail)).status == 204
    assert keys(buckets) == {"a/b": b"text"}


def test_a_page_of_this_machine_may_read_the_answer(buckets):
    told = post(buckets, signed(PLAIN, {"key": "a/b"}), headers={"origin": "http://localhost:1"})
    assert told.headers["access-control-allow-origin"] == "http://localhost:1"


# ---------------------------------------------------------------------- not allowed
CONDITION = "Invalid according to Policy: Policy Condition failed: "


@pytest.mark.parametrize(
    ("conditions", "fields", "answer"),
    [
        pytest.param(PLAIN, {"key": "b/c"}, CONDITION + '["starts-with", "$key", "a/"]', id="key"),
        pytest.param(
            [{"bucket": "other"}, PLAIN[1]],
            {"key": "a/b"},
            CONDITION + '["eq", "$bucket", "other"]',
            id="another bucket",
        ),
        pytest.param(
            [*PLAIN, {"Content-Type": "image/png"}],
            {"key": "a/b", "content-type": "text/html"},
            CONDITION + '["eq", "$Content-Type", "image/png"]',
            id="another content type",
        ),
        pytest.param(
            [*PLAIN, ["starts-with", "$Content-Type", "image/"]],
            {"key": "a/b", "content-type": "image/png,text/html"},
            CONDITION + '["starts-with", "$Content-Type", "image/"]',
            id="one of a list of content types",
        ),
        pytest.param(
            [*PLAIN, ["starts-with", "$Content-Type", ""]],
            {"key": "a/b"},
            CONDITION + '["starts-with", "$Content-Type", ""]',
            id="a field that is missing",
        ),
        pytest.param(
            PLAIN,
            {"key": "a/b", "x-amz-meta-a": "b"},
            "Invalid according to Policy: Extra input fields: x-amz-meta-a",
            id="a field that nobody named",
        ),
        pytest.param(
            [PLAIN[0]],
            {"key": "a/b"},
            "Invalid according to Policy: Extra input fields: key",
            id="the key that nobody named",
        ),
        pytest.param(
            [PLAIN[1]],
            {"key": "a/b"},
            "Invalid according to Policy: Extra input fields: bucket",
            id="the bucket that nobody named",
        ),
    ],
)
def test_a_condition_that_does_not_hold_refuses(buckets, conditions, fields, answer):
    told = said(post(buckets, signed(conditions, fields)))
    assert told == (403, "AccessDenied", answer)
    assert keys(buckets) == {}


def test_a_key_that_is_the_file_s_name_is_tested_after_that_is_put_in(buckets):
    fields = signed(PLAIN, {"key": "${filename}"})
    assert said(post(buckets, fields, filename="a/b"))[0] == 403
    fields = signed([PLAIN[0], {"key": "../b.txt"}], {"key": "../${filename}"})
    assert post(buckets, fields, filename="../../b.txt").status == 204
    assert keys(buckets) == {"../b.txt": b"text"}


@pytest.mark.parametrize(
    ("size", "code"),
    [(1, "EntityTooSmall"), (2, ""), (4, ""), (5, "EntityTooLarge")],
    ids=["just below", "the least", "the largest", "just above"],
)
def test_a_file_has_the_size_that_is_allowed(buckets, size, code):
    fields = signed([*PLAIN, ["content-length-range", 2, 4]], {"key": "a/b"})
    assert said(post(buckets, fields, b"x" * size))[1] == code
    assert (keys(buckets) == {}) == bool(code)


@pytest.mark.parametrize(
    ("moved", "status"),
    [
        pytest.param(timedelta(minutes=59, seconds=59), 204, id="before it ends"),
        pytest.param(timedelta(hours=1), 403, id="when it ends"),
        pytest.param(timedelta(minutes=-16), 403, id="signed by a clock far ahead"),
    ],
)
def test_a_form_ends_by_the_runtime_s_clock(buckets, clock, moved, status):
    clock.instant = NOW + moved
    assert post(buckets, signed(PLAIN, {"key": "a/b"})).status == status
    assert bool(keys(buckets)) == (status == 204)


def test_a_signing_key_is_good_for_a_week(buckets, clock):
    fields = signed(PLAIN, {"key": "a/b"}, expiration="2027-01-01T00:00:00Z")
    clock.instant = NOW + timedelta(days=7)
    assert said(post(buckets, fields))[1] == "AccessDenied"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"x-amz-signature": "0" * 64}, "SignatureDoesNotMatch"),
        ({"x-amz-signature": None}, "InvalidArgument"),
        ({"policy": None}, "AccessDenied"),
        ({"x-amz-credential": "other/20260608/us-east-1/s3/aws4_request"}, "InvalidAccessKeyId"),
        (
            {"x-amz-credential": "local/20260609/us-east-1/s3/aws4_request"},
            "AuthorizationQueryParametersError",
        ),
        ({"x-amz-date": "20260608T130001Z"}, "AccessDenied"),
        ({"x-amz-date": "2026-06-08"}, "InvalidArgument"),
        ({"x-amz-algorithm": "HMAC"}, "InvalidArgument"),
        ({"x-amz-security-token": "t"}, "InvalidToken"),
        ({"awsaccesskeyid": "local", "signature": "x"}, "InvalidRequest"),
        ({"key": None}, "AccessDenied"),
        ({"bucket": "other"}, "InvalidArgument"),
    ],
)
def test_a_form_that_was_changed_is_refused(buckets, change, code):
    fields = signed(PLAIN, {"key": "a/b"}) | change
    told = post(buckets, {name: value for name, value in fields.items() if value is not None})
    assert said(told)[1] == code
    assert keys(buckets) == {}


@pytest.mark.parametrize(
    "more",
    [
        {"expiration": "tomorrow"},
        {"expiration": 1},
        {"expiration": "2026-06-08T14:00:00+02:00"},
        {"conditions": {}},
        {"conditions": [["content-length-range", 1]]},
        {"conditions": [["content-length-range", -1, 2]]},
        {"conditions": [["content-length-range", 1, "2"]]},
        {"conditions": [["content-length-range", True, 2]]},
        {"conditions": [["ends-with", "$key", "a"]]},
        {"conditions": [["eq", "key", "a"]]},
        {"conditions": [["eq", "$key"]]},
        {"conditions": [{}]},
        {"conditions": [{"key": 1}]},
        {"conditions": ["key"]},
        {"more": 1},
    ],
    ids=str,
)
def test_a_policy_that_says_nothing_clear_is_refused(buckets, more):
    good = {"expiration": "2026-06-08T14:00:00Z", "conditions": PLAIN}
    told = said(post(buckets, resealed(json.dumps(good | more).encode())))
    assert told[:2] == (400, "InvalidPolicyDocument")
    assert keys(buckets) == {}


@pytest.mark.parametrize(
    "text",
    ["", "!", "e30", base64.b64encode(b"{").decode(), base64.b64encode(b"[" * 9999).decode()],
    ids=["empty", "no base64", "torn base64", "torn JSON", "deep JSON"],
)
def test_what_is_no_policy_is_refused_though_it_is_signed(buckets, text):
    fields = signed(PLAIN, {"key": "a/b"}) | {
        "policy": text,
        "x-amz-signature": seal(text.encode()),
    }
    assert said(post(buckets, fields))[:2] == (400, "InvalidPolicyDocument")


def test_a_field_that_s3_would_act_on_is_not_passed_over(buckets):
    for name in ("tagging", "expires", "x-amz-storage-class"):
        fields = signed([*PLAIN, ["starts-with", f"${name}", ""]], {"key": "a/b", name: "x"})
        assert said(post(buckets, fields))[:2] == (501, "NotImplemented")
    fields = signed([*PLAIN, {"content-type": "a\r\nb"}], {"key": "a/b", "content-type": "a\r\nb"})
    assert said(post(buckets, fields))[:2] == (400, "InvalidArgument")
    assert keys(buckets) == {}


# ---------------------------------------------------------------------- not well formed
GOOD = encoded(signed(PLAIN, {"key": "a/b"}))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"", "MalformedPOSTRequest", id="nothing"),
        pytest.param(GOOD[:-40], "MalformedPOSTRequest", id="torn off"),
        pytest.param(GOOD.replace(b"\r\n", b"\n"), "MalformedPOSTRequest", id="other line ends"),
        pytest.param(encoded(signed(PLAIN, {"key": "a/b"}), None), "InvalidArgument", id="no file"),
        pytest.param(
            encoded({"key": "a/b"}) + GOOD, "AccessDenied", id="a second form behind the first"
        ),
        pytest.param(
            encoded(signed(PLAIN, {"key": "a/b", "Key": "a/c"})), "InvalidArgument", id="two keys"
        ),
        pytest.param(
            encoded(signed(PLAIN, {"key": "a/b", "x-ignore-a": "x" * 20_000})),
            "MaxPostPreDataLengthExceeded",
            id="long fields",
        ),
        pytest.param(
            GOOD.replace(b'name="key"', b"name=\xff"), "MalformedPOSTRequest", id="no Unicode"
        ),
        pytest.param(
            GOOD.replace(b'name="key"', b'filename="key"'), "MalformedPOSTRequest", id="no name"
        ),
        pytest.param(
            GOOD.replace(b'name="key"', b'name="key"; name="x"'),
            "MalformedPOSTRequest",
            id="two names",
        ),
        pytest.param(
            GOOD.replace(b"form-data; ", b"attachment; "), "MalformedPOSTRequest", id="no form"
        ),
    ],
)
def test_a_form_that_is_not_well_formed_is_refused(buckets, body, code):
    assert said(send(buckets, body))[1] == code
    assert keys(buckets) == {}


@pytest.mark.parametrize("kind", ["", "text/plain", "multipart/form-data", "multipart/mixed"])
def test_a_form_of_another_kind_is_refused(buckets, kind):
    told = send(buckets, GOOD, headers={"content-type": kind})
    assert said(told)[1] in {"PreconditionFailed", "MalformedPOSTRequest"}
    assert keys(buckets) == {}


# ---------------------------------------------------------------------- whatever is sent
@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    made = Buckets(tmp_path_factory.mktemp("fuzzed"), {"Docs": {}, "other": {}}, Clock())
    yield made
    made.close()


@given(st.integers(0, len(GOOD) - 60), st.binary(min_size=1, max_size=6))
@example(GOOD.index(b"20260608"), b"\xff\xff")
def test_octets_overwritten_are_refused_or_do_not_matter(fuzzed, at, octets):
    """Whatever of the fields is changed, nothing else than the one file can be kept by it."""
    answer = send(fuzzed, GOOD[:at] + octets + GOOD[at + len(octets) :])
    assert answer.status == 204 or 400 <= answer.status < 500
    assert set(keys(fuzzed)) <= {"a/b"} or answer.status == 204
    assert all(key.startswith("a/") for key in keys(fuzzed))


@given(st.binary() | st.lists(st.sampled_from(GOOD.split(b"\r\n"))).map(b"\r\n".join))
@example(GOOD.replace(b"a/b", b"b/b"))
@example(GOOD.replace(b"\r\n\r\na/b", b"\r\n\r\na/b\r\n\r\n"))
def test_lines_in_any_order_are_no_form(fuzzed, body):
    answer = send(fuzzed, body)
    assert answer.status == 204 or 400 <= answer.status < 500
    assert all(key.startswith("a/") for key in keys(fuzzed))


@given(st.text(), st.binary(max_size=200))
@example('multipart/form-data; boundary="a', b"--a\r\n\r\n\r\n--a--")
def test_the_reader_of_forms_refuses_or_reads(content_type, body):
    with suppress(ServiceError):
        assert form.read(content_type, body).file in body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
)
CONDITIONS = st.lists(
    JSON
    | st.tuples(
        st.sampled_from(["eq", "starts-with", "content-length-range", "EQ"]),
        st.sampled_from(["$key", "key", "$", 0, 10**400]) | JSON,
        JSON,
    ).map(list)
)


@given(
    st.fixed_dictionaries(
        {"expiration": st.just("2026-06-08T14:00:00Z") | JSON, "conditions": CONDITIONS | JSON}
    )
    | JSON,
    st.dictionaries(st.sampled_from(["key", "bucket"]) | st.text(), st.text()),
)
def test_a_policy_refuses_or_is_kept_to(document, fields):
    text = base64.b64encode(json.dumps(document).encode()).decode()
    try:
        policy.read(text).check(fields, size=3, now=NOW)
    except ServiceError:
        return
    named = json.dumps(document).lower()
    assert all(json.dumps(name.lower())[1:-1] in named for name in fields)
