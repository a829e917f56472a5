"""Objects through boto3, on our folder of buckets and on moto's S3: both must answer alike."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cloud.local.dynamodb import hook
from cloud.local.dynamodb.engine import Engine
from cloud.local.s3.buckets import Buckets

hook.prepare()

START = datetime(2026, 6, 8, 13, 0, 0, 250_000, tzinfo=UTC)
DEFINITIONS = {
    "docs": {},
    "kept": {"VersioningConfiguration": {"Status": "Enabled"}},
    "paused": {"VersioningConfiguration": {"Status": "Suspended"}},
}


class Clock:
    def __init__(self):
        self.instant = START

    def now(self):
        return self.instant


@cache
def a_client():
    return boto3.client("s3", region_name="us-east-1")


@contextmanager
def ours(folder):
    engine = Engine(folder / "tables.sqlite", clock=lambda: START)
    hook.install(engine)
    buckets = Buckets(folder / "buckets", DEFINITIONS, Clock())
    hook.register("s3", buckets.call)
    try:
        yield
    finally:
        hook.uninstall()
        buckets.close()
        engine.close()


@contextmanager
def motos():
    with mock_aws():
        for name, definition in DEFINITIONS.items():
            a_client().create_bucket(Bucket=name)
            if definition:
                a_client().put_bucket_versioning(Bucket=name, **definition)
        yield


@pytest.fixture(params=["ours", "moto"])
def s3(request, tmp_path):
    with ours(tmp_path) if request.param == "ours" else motos():
        yield a_client()


@pytest.fixture
def our_s3(tmp_path):
    with ours(tmp_path):
        yield a_client()


def put(s3, key, body=b"x", bucket="docs", **more):
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **more)


def get(s3, key, bucket="docs", **more):
    return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


@contextmanager
def refused(*codes):
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] in codes


# ---------------------------------------------------------------------- put and get
def test_what_was_put_comes_back_with_all_that_was_said_of_it(s3):
    written = put(
        s3,
        "a/ü €.pdf",
        b"%PDF",
        ContentType="application/pdf",
        ContentDisposition='attachment; filename="a.pdf"',
        CacheControl="no-store",
        Metadata={"Work-Order": "WO-1"},
    )
    got = s3.get_object(Bucket="docs", Key="a/ü €.pdf")
    assert got["Body"].read() == b"%PDF"
    assert got["ETag"] == written["ETag"] == '"bfa4b10a76324b166cfdad5e02a63730"'
    assert (got["ContentType"], got["CacheControl"]) == ("application/pdf", "no-store")
    assert got["ContentDisposition"] == 'attachment; filename="a.pdf"'
    assert got["Metadata"] == {"work-order": "WO-1"}
    assert got["ContentLength"] == 4
    head = s3.head_object(Bucket="docs", Key="a/ü €.pdf")
    assert (head["ETag"], head["ContentLength"]) == (got["ETag"], 4)
    assert head["Metadata"] == got["Metadata"]
    assert head["LastModified"] == got["LastModified"]


def test_an_object_nobody_described_is_a_stream_of_octets(s3):
    put(s3, "a")
    assert s3.get_object(Bucket="docs", Key="a")["ContentType"] == "binary/octet-stream"


def test_an_object_was_written_when_the_runtime_s_clock_says(our_s3):
    put(our_s3, "a")
    assert our_s3.get_object(Bucket="docs", Key="a")["LastModified"] == START.replace(microsecond=0)
    (listed,) = our_s3.list_objects_v2(Bucket="docs")["Contents"]
    assert listed["LastModified"] == START


def test_a_body_can_be_read_in_pieces_as_boto3_does(our_s3):
    put(our_s3, "a", b"one\ntwo\nthree")
    body = our_s3.get_object(Bucket="docs", Key="a")["Body"]
    assert list(body.iter_lines()) == [b"one", b"two", b"three"]


@pytest.mark.parametrize(
    ("asked", "part", "told"),
    [
        pytest.param("bytes=0-3", b"0123", "bytes 0-3/10", id="the first four"),
        pytest.param("bytes=4-", b"456789", "bytes 4-9/10", id="from the fifth on"),
        pytest.param("bytes=-3", b"789", "bytes 7-9/10", id="the last three"),
        pytest.param("bytes=-99", b"0123456789", "bytes 0-9/10", id="the last of more than all"),
        pytest.param("bytes=8-99", b"89", "bytes 8-9/10", id="beyond the end"),
        pytest.param("bytes=9-9", b"9", "bytes 9-9/10", id="the last"),
    ],
)
def test_a_range_gives_a_part(s3, asked, part, told):
    put(s3, "a", b"0123456789")
    got = s3.get_object(Bucket="docs", Key="a", Range=asked)
    assert (got["Body"].read(), got["ContentRange"]) == (part, told)
    assert got["ContentLength"] == len(part)


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100"])
def test_a_range_after_the_end_is_refused(s3, asked):
    put(s3, "a", b"0123456789")
    with refused("InvalidRange"):
        s3.get_object(Bucket="docs", Key="a", Range=asked)


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=-", "lines=1-2", "bytes=0-1,3-4"])
def test_what_is_no_single_range_gives_the_whole(our_s3, asked):
    put(our_s3, "a", b"0123456789")
    assert get(our_s3, "a", Range=asked) == b"0123456789"


# ---------------------------------------------------------------------- conditions
def test_only_the_first_writer_of_a_new_key_wins(s3):
    put(s3, "a", b"first", IfNoneMatch="*")
    with refused("PreconditionFailed"):
        put(s3, "a", b"second", IfNoneMatch="*")
    assert get(s3, "a") == b"first"


def test_a_write_upon_known_content_wants_that_content(s3):
    etag = put(s3, "a", b"first")["ETag"]
    put(s3, "a", b"second", IfMatch=etag)
    with refused("PreconditionFailed"):
        put(s3, "a", b"third", IfMatch=etag)
    assert get(s3, "a") == b"second"


def test_a_write_upon_known_content_of_nothing_finds_no_key(our_s3):
    with refused("NoSuchKey"):
        put(our_s3, "a", IfMatch='"0"')
    with refused("NoSuchKey"):
        get(our_s3, "a")


def test_after_a_delete_the_key_is_new_again(our_s3):
    put(our_s3, "a", b"1", "kept")
    our_s3.delete_object(Bucket="kept", Key="a")
    with refused("NoSuchKey"):
        put(our_s3, "a", b"2", "kept", IfMatch="*")
    put(our_s3, "a", b"3", "kept", IfNoneMatch="*")
    assert get(our_s3, "a", "kept") == b"3"


@pytest.mark.parametrize("operation", ["get_object", "head_object"])
def test_a_reader_is_told_when_nothing_changed(s3, operation):
    etag = put(s3, "a")["ETag"]
    read = getattr(s3, operation)
    with refused("304"):
        read(Bucket="docs", Key="a", IfNoneMatch=etag)
    with refused("PreconditionFailed", "412"):
        read(Bucket="docs", Key="a", IfMatch='"other"')
    assert read(Bucket="docs", Key="a", IfMatch=etag, IfNoneMatch='"other"')["ETag"] == etag


@pytest.mark.parametrize(
    ("condition", "moved", "code"),
    [
        pytest.param("IfModifiedSince", timedelta(0), "304", id="not modified since that second"),
        pytest.param("IfModifiedSince", timedelta(seconds=-1), None, id="modified since"),
        pytest.param("IfUnmodifiedSince", timedelta(0), None, id="not modified after that second"),
        pytest.param(
            "IfUnmodifiedSince", timedelta(seconds=-1), "PreconditionFailed", id="modified after"
        ),
    ],
)
def test_a_reader_may_ask_by_time(our_s3, condition, moved, code):
    put(our_s3, "a")
    asked = {condition: START.replace(microsecond=0) + moved}
    if code is None:
        assert get(our_s3, "a", **asked) == b"x"
        return
    with refused(code):
        get(our_s3, "a", **asked)


# ---------------------------------------------------------------------- refusals
def test_what_is_not_there_has_the_code_of_s3(s3):
    with refused("NoSuchKey"):
        get(s3, "none")
    with refused("404"):
        s3.head_object(Bucket="docs", Key="none")
    with refused("NoSuchBucket"):
        get(s3, "a", "none")
    with refused("NoSuchBucket"):
        s3.list_objects_v2(Bucket="none")


def test_a_key_of_more_than_1024_bytes_is_too_long(our_s3):
    put(our_s3, "ü" * 512)
    with refused("KeyTooLongError"):
        put(our_s3, "ü" * 512 + "k")


@pytest.mark.parametrize(
    ("operation", "more", "code"),
    [
        ("PutObject", {"Tagging": "a=b"}, "NotImplemented"),
        ("PutObject", {"IfNoneMatch": '"etag"'}, "NotImplemented"),
        ("PutObject", {"IfNoneMatch": "*", "IfMatch": '"etag"'}, "InvalidArgument"),
        ("PutObject", {"ACL": "public-read"}, "AccessControlListNotSupported"),
        ("PutObject", {"ContentType": "text/plain\r\nset-cookie: a=b"}, "InvalidArgument"),
        ("PutObject", {"Metadata": {"a": "b\nc"}}, "InvalidArgument"),
        ("PutObject", {"Metadata": {"a:b": "c"}}, "InvalidArgument"),
        ("PutObject", {"Metadata": {"a": "b" * 2048}}, "MetadataTooLarge"),
        ("PutObject", {"ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "BadDigest"),
        ("PutObject", {"ChecksumSHA256": "AAAA"}, "BadDigest"),
        ("GetObject", {"PartNumber": 1}, "NotImplemented"),
        ("GetObjectAcl", {}, "NotImplemented"),
        ("CopyObject", {"CopySource": "docs"}, "InvalidArgument"),
        ("ListObjectsV2", {"MaxKeys": -1}, "InvalidArgument"),
        ("ListObjectsV2", {"ContinuationToken": "!"}, "InvalidArgument"),
        ("ListObjectVersions", {"VersionIdMarker": "v"}, "InvalidArgument"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(tmp_path, operation, more, code):
    buckets = Buckets(tmp_path, DEFINITIONS, Clock())
    named = {"Bucket": "docs"} | ({} if operation.startswith("List") else {"Key": "a"})
    with pytest.raises(hook.ServiceError) as wrong:
        buckets.call(operation, {**named, **more})
    assert wrong.value.code == code
    assert buckets.call("ListObjectVersions", {"Bucket": "docs"}).get("Versions", []) == []
    buckets.close()


# ---------------------------------------------------------------------- delete
def test_a_deleted_object_is_gone_and_deleting_it_again_is_no_error(s3):
    put(s3, "a")
    for _ in range(2):
        s3.delete_object(Bucket="docs", Key="a")
    with refused("NoSuchKey"):
        get(s3, "a")


def test_a_delete_upon_known_content_wants_that_content(our_s3):
    etag = put(our_s3, "a")["ETag"]
    with refused("PreconditionFailed"):
        our_s3.delete_object(Bucket="docs", Key="a", IfMatch='"other"')
    with refused("NoSuchKey"):
        our_s3.delete_object(Bucket="docs", Key="b", IfMatch="*")
    assert get(our_s3, "a") == b"x"
    our_s3.delete_object(Bucket="docs", Key="a", IfMatch=etag)
    with refused("NoSuchKey"):
        get(our_s3, "a")


def test_many_are_deleted_each_by_itself(our_s3):
    etag = put(our_s3, "a")["ETag"]
    put(our_s3, "b")
    told = our_s3.delete_objects(
        Bucket="docs",
        Delete={
            "Objects": [
                {"Key": "a", "ETag": etag},
                {"Key": "b", "ETag": '"other"'},
                {"Key": "none"},
            ]
        },
    )
    assert [one["Key"] for one in told["Deleted"]] == ["a", "none"]
    assert [(one["Key"], one["Code"]) for one in told["Errors"]] == [("b", "PreconditionFailed")]
    assert [one["Key"] for one in our_s3.list_objects_v2(Bucket="docs")["Contents"]] == ["b"]


def test_many_are_deleted_quietly(our_s3):
    for key in ("a", "b"):
        put(our_s3, key)
    asked = {"Objects": [{"Key": "a"}, {"Key": "b"}], "Quiet": True}
    told = our_s3.delete_objects(Bucket="docs", Delete=asked)
    assert told.get("Deleted", []) == told.get("Errors", []) == []
    assert "Contents" not in our_s3.list_objects_v2(Bucket="docs")


# ---------------------------------------------------------------------- copy
def test_a_copy_takes_what_was_said_of_it_along(s3):
    put(s3, "a/ü", b"text", ContentType="text/plain", Metadata={"m": "1"})
    copied = s3.copy_object(Bucket="kept", Key="b", CopySource={"Bucket": "docs", "Key": "a/ü"})
    got = s3.get_object(Bucket="kept", Key="b")
    assert (got["Body"].read(), got["ContentType"]) == (b"text", "text/plain")
    assert got["Metadata"] == {"m": "1"}
    assert copied["CopyObjectResult"]["ETag"] == got["ETag"]
    assert copied["VersionId"] == got["VersionId"]


def test_a_copy_may_say_other_things(s3):
    put(s3, "a", ContentType="text/plain", Metadata={"m": "1"})
    s3.copy_object(
        Bucket="docs",
        Key="a",
        CopySource="docs/a",
        MetadataDirective="REPLACE",
        Metadata={"n": "2"},
        ContentType="text/csv",
    )
    got = s3.get_object(Bucket="docs", Key="a")
    assert (got["Metadata"], got["ContentType"]) == ({"n": "2"}, "text/csv")


def test_a_copy_that_changes_nothing_or_of_nothing_is_refused(s3):
    put(s3, "a")
    with refused("InvalidRequest"):
        s3.copy_object(Bucket="docs", Key="a", CopySource="docs/a")
    with refused("NoSuchKey"):
        s3.copy_object(Bucket="docs", Key="b", CopySource="docs/none")


def test_a_copy_of_known_content_wants_that_content(our_s3):
    etag = put(our_s3, "a")["ETag"]
    source = {"Bucket": "docs", "Key": "b", "CopySource": "docs/a"}
    for condition in ({"CopySourceIfMatch": '"other"'}, {"CopySourceIfNoneMatch": etag}):
        with refused("PreconditionFailed"):
            our_s3.copy_object(**source, **condition)
    our_s3.copy_object(**source, CopySourceIfMatch=etag)
    assert get(our_s3, "b") == b"x"


def test_an_older_version_can_be_copied_back(s3):
    first = put(s3, "a", b"1", "kept")["VersionId"]
    put(s3, "a", b"2", "kept")
    source = {"Bucket": "kept", "Key": "a", "VersionId": first}
    s3.copy_object(Bucket="kept", Key="a", CopySource=source)
    assert get(s3, "a", "kept") == b"1"


# ---------------------------------------------------------------------- lists
KEYS = ("a", "a-b", "a/1", "a/2", "a/b/3", "b", "c/1", "ü/1")


def names(page):
    return (
        [one["Key"] for one in page.get("Contents", [])],
        [one["Prefix"] for one in page.get("CommonPrefixes", [])],
    )


@pytest.mark.parametrize(
    ("asked", "keys", "groups"),
    [
        pytest.param({}, list(KEYS), [], id="all"),
        pytest.param({"Prefix": "a/"}, ["a/1", "a/2", "a/b/3"], [], id="a prefix"),
        pytest.param({"Delimiter": "/"}, ["a", "a-b", "b"], ["a/", "c/", "ü/"], id="folders"),
        pytest.param(
            {"Prefix": "a/", "Delimiter": "/"}, ["a/1", "a/2"], ["a/b/"], id="within a folder"
        ),
        pytest.param({"StartAfter": "a/2"}, ["a/b/3", "b", "c/1", "ü/1"], [], id="after a key"),
        pytest.param({"Prefix": "z"}, [], [], id="nothing"),
        pytest.param({"Prefix": "a", "StartAfter": "0"}, list(KEYS[:5]), [], id="after no key"),
    ],
)
def test_a_list_is_in_the_order_of_its_keys(s3, asked, keys, groups):
    for key in reversed(KEYS):
        put(s3, key)
    page = s3.list_objects_v2(Bucket="docs", **asked)
    assert names(page) == (keys, groups)
    assert page["KeyCount"] == len(keys) + len(groups)
    assert page["IsTruncated"] is False


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("asked", [{}, {"Delimiter": "/"}, {"Prefix": "a", "Delimiter": "/"}])
def test_pages_give_each_entry_once(s3, asked, limit):
    for key in KEYS:
        put(s3, key)
    whole = names(s3.list_objects_v2(Bucket="docs", **asked))
    keys, groups, token = [], [], {}
    while True:
        page = s3.list_objects_v2(Bucket="docs", MaxKeys=limit, **asked, **token)
        assert page["KeyCount"] <= limit
        found = names(page)
        keys += found[0]
        groups += found[1]
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert (keys, groups) == whole


def test_a_page_of_nothing_is_empty(s3):
    put(s3, "a")
    page = s3.list_objects_v2(Bucket="docs", MaxKeys=0)
    assert (names(page), page["KeyCount"]) == (([], []), 0)


def test_more_objects_than_a_page_holds_are_all_found(our_s3, tmp_path):
    store = Buckets(tmp_path / "many", {"docs": {}}, Clock())
    hook.register("s3", store.call)
    for number in range(1203):
        store._store._db.execute(
            "INSERT INTO object (bucket, key, version, is_latest, is_marker, blob, size, etag,"
            " modified_ms, headers, metadata) VALUES ('docs', ?, 'null', 1, 0, 'b', 1, 'e', 0,"
            " '{}', '{}')",
            (f"{number:05}",),
        )
    pages = our_s3.get_paginator("list_objects_v2").paginate(Bucket="docs")
    assert [len(page["Contents"]) for page in pages] == [1000, 203]
    store.close()


# ---------------------------------------------------------------------- versions
def test_older_versions_can_be_read(s3):
    first = put(s3, "a", b"1", "kept")["VersionId"]
    second = put(s3, "a", b"2", "kept")["VersionId"]
    assert get(s3, "a", "kept") == b"2"
    assert get(s3, "a", "kept", VersionId=first) == b"1"
    assert s3.head_object(Bucket="kept", Key="a")["VersionId"] == second
    listed = s3.list_object_versions(Bucket="kept")["Versions"]
    assert [(one["VersionId"], one["IsLatest"]) for one in listed] == [
        (second, True),
        (first, False),
    ]


def test_a_delete_leaves_a_marker_that_can_be_deleted(s3):
    first = put(s3, "a", b"1", "kept")["VersionId"]
    marker = s3.delete_object(Bucket="kept", Key="a")
    assert marker["DeleteMarker"] is True
    with refused("NoSuchKey"):
        get(s3, "a", "kept")
    with refused("MethodNotAllowed", "NoSuchVersion"):  # the second is moto's
        get(s3, "a", "kept", VersionId=marker["VersionId"])
    assert "Contents" not in s3.list_objects_v2(Bucket="kept")
    listed = s3.list_object_versions(Bucket="kept")
    assert [one["VersionId"] for one in listed["DeleteMarkers"]] == [marker["VersionId"]]
    assert [one["IsLatest"] for one in listed["Versions"]] == [False]
    s3.delete_object(Bucket="kept", Key="a", VersionId=marker["VersionId"])
    assert get(s3, "a", "kept") == b"1"
    s3.delete_object(Bucket="kept", Key="a", VersionId=first)
    assert "Versions" not in s3.list_object_versions(Bucket="kept")


def test_the_version_before_is_the_latest_once_the_latest_is_deleted(s3):
    put(s3, "a", b"1", "kept")
    second = put(s3, "a", b"2", "kept")["VersionId"]
    s3.delete_object(Bucket="kept", Key="a", VersionId=second)
    assert get(s3, "a", "kept") == b"1"


def test_a_version_that_never_was_is_not_found(our_s3):
    put(our_s3, "a", b"1", "kept")
    with refused("NoSuchVersion"):
        get(our_s3, "a", "kept", VersionId="x")


def test_a_bucket_without_versions_tells_of_none(s3):
    assert "VersionId" not in put(s3, "a")
    assert "VersionId" not in s3.get_object(Bucket="docs", Key="a")
    put(s3, "a", b"2")
    assert len(s3.list_object_versions(Bucket="docs")["Versions"]) == 1


def test_where_versions_are_suspended_only_one_is_kept(our_s3):
    assert put(our_s3, "a", b"1", "paused")["VersionId"] == "null"
    put(our_s3, "a", b"2", "paused")
    assert [
        one["VersionId"] for one in our_s3.list_object_versions(Bucket="paused")["Versions"]
    ] == ["null"]
    assert our_s3.delete_object(Bucket="paused", Key="a")["VersionId"] == "null"
    listed = our_s3.list_object_versions(Bucket="paused")
    assert ("Versions" not in listed, len(listed["DeleteMarkers"])) == (True, 1)


def test_what_was_kept_stays_when_a_bucket_ceases_to_keep_versions(tmp_path):
    buckets = Buckets(tmp_path, {"b": DEFINITIONS["kept"]}, Clock())
    version = buckets.call("PutObject", {"Bucket": "b", "Key": "a", "Body": b"1"})["VersionId"]
    buckets.close()
    buckets = Buckets(tmp_path, {"b": {}}, Clock())
    buckets.call("PutObject", {"Bucket": "b", "Key": "a", "Body": b"2"})
    buckets.call("DeleteObject", {"Bucket": "b", "Key": "a"})
    with pytest.raises(hook.ServiceError, match="NoSuchKey"):
        buckets.call("GetObject", {"Bucket": "b", "Key": "a"})
    old = buckets.call("GetObject", {"Bucket": "b", "Key": "a", "VersionId": version})
    assert old["Body"].read() == b"1"
    buckets.close()


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_of_versions_give_each_once(our_s3, limit):
    for key in ("a", "a/1", "b"):
        for body in (b"1", b"2"):
            put(our_s3, key, body, "kept")
    our_s3.delete_object(Bucket="kept", Key="a")
    for asked, count in (({}, 7), ({"Delimiter": "/"}, 6)):
        pages = our_s3.get_paginator("list_object_versions").paginate(
            Bucket="kept", PaginationConfig={"PageSize": limit}, **asked
        )
        found = [
            (one.get("Key"), one.get("VersionId"), one.get("Prefix"))
            for page in pages
            for kind in ("Versions", "DeleteMarkers", "CommonPrefixes")
            for one in page.get(kind, [])
        ]
        assert len(found) == len(set(found)) == count
