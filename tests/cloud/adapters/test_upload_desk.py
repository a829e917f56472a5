"""The quarantine in S3: in memory, in our folder of buckets, and on moto's S3."""

import base64
import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from cloud.adapters import wiring
from cloud.adapters.memory import MemoryDocuments
from cloud.adapters.upload_desk import SCAN_TAG, MemoryUploadDesk, S3UploadDesk
from cloud.local import borrowed_time
from cloud.local.dynamodb import hook
from cloud.local.dynamodb.engine import Engine
from cloud.local.s3.buckets import Buckets
from cloud.local.s3.scanning import SIGNATURE, scanned
from cloud.local.web import Request
from cloud.service.uploads import Limits, Purpose, Scan, Upload, UploadState

# At collection, before a test of another folder can make boto3's default session.
hook.prepare()

MONDAY = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)
TEN = timedelta(minutes=10)
SIGNED = Config(signature_version="s3v4")
UPLOAD = Upload(
    id="UPL-1",
    work_order_id="WO-1",
    partner_id="P-1",
    purpose=Purpose.PHOTO_FOUND,
    name="one.jpg",
    content_type="image/jpeg",
    size_bytes=4,
    sha256="0" * 64,
    state=UploadState.REQUESTED,
    quarantine="quarantine/P-1/WO-1/UPL-1",
    requested_at=MONDAY,
    requested_by="jo",
)
KEY = UPLOAD.quarantine


class At:
    """A clock that stands still."""

    def now(self):
        return MONDAY


@contextmanager
def on_buckets(stack, folder, protected=None):
    engine = Engine(folder / "tables.sqlite", clock=lambda: MONDAY)
    buckets = Buckets(folder / "buckets", stack.buckets, At(), scanned=protected)
    hook.install(engine)
    hook.register("s3", buckets.call)
    yield buckets
    hook.uninstall()
    buckets.close()
    engine.close()


def s3_on_moto():
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="bucket")
    client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture(params=["memory", "buckets", "moto"])
def desk(request, stack, tmp_path):
    if request.param == "memory":
        yield MemoryUploadDesk(MemoryDocuments())
    elif request.param == "buckets":
        with on_buckets(stack, tmp_path):
            yield S3UploadDesk(boto3.client("s3", config=SIGNED), "DocumentsBucket")
    else:
        with mock_aws():
            yield S3UploadDesk(s3_on_moto(), "bucket")


def test_what_was_laid_there_is_read_until_it_is_removed(desk):
    assert desk.arrived(KEY) is None
    desk.put(KEY, b"abcd", "image/jpeg")
    assert desk.arrived(KEY).content == b"abcd"
    desk.put(KEY, b"other", "image/jpeg")
    assert desk.arrived(KEY).content == b"abcd", "what lies there stays"
    for _ in range(2):
        desk.discard(KEY)
        assert desk.arrived(KEY) is None


def test_removing_takes_nothing_else_along(desk):
    desk.put(KEY, b"abcd", "image/jpeg")
    desk.put(f"{KEY}0", b"efgh", "image/jpeg")
    desk.discard(KEY)
    assert desk.arrived(f"{KEY}0").content == b"efgh"


def test_a_document_is_kept_or_not(desk):
    assert not desk.is_kept("evidence/none")


def test_a_form_is_good_for_ten_minutes(desk):
    form = desk.form(UPLOAD, until=MONDAY + TEN, at=MONDAY)
    assert form.until == MONDAY + TEN
    assert form.fields["key"] == KEY


# ---------------------------------------------------------------------- S3 alone
@pytest.mark.parametrize(
    ("said", "scan"),
    [
        (None, Scan.PENDING),
        ("NO_THREATS_FOUND", Scan.CLEAN),
        ("THREATS_FOUND", Scan.THREAT),
        ("UNSUPPORTED", Scan.FAILED),
        ("ACCESS_DENIED", Scan.FAILED),
        ("FAILED", Scan.FAILED),
        ("", Scan.FAILED),
    ],
)
def test_the_scan_says_by_a_tag_and_only_of_its_own_version(said, scan):
    with mock_aws():
        client = s3_on_moto()
        desk = S3UploadDesk(client, "bucket")
        desk.put(KEY, b"abcd", "image/jpeg")
        if said is not None:
            tags = {"TagSet": [{"Key": "other", "Value": "x"}, {"Key": SCAN_TAG, "Value": said}]}
            client.put_object_tagging(Bucket="bucket", Key=KEY, Tagging=tags)
        assert desk.arrived(KEY).scan is scan
        client.put_object(Bucket="bucket", Key=KEY, Body=b"posted again")
        again = desk.arrived(KEY)
        assert (again.content, again.scan) == (b"posted again", Scan.PENDING)


def test_every_version_is_removed_so_that_no_place_stays_in_the_bucket():
    with mock_aws():
        client = s3_on_moto()
        for content in (b"one", b"two"):
            client.put_object(Bucket="bucket", Key=KEY, Body=content)
        client.delete_object(Bucket="bucket", Key=KEY)
        S3UploadDesk(client, "bucket").discard(KEY)
        listed = client.list_object_versions(Bucket="bucket", Prefix=KEY)
        assert "Versions" not in listed
        assert "DeleteMarkers" not in listed


def test_the_forms_policy_is_exact():
    with mock_aws():
        desk = S3UploadDesk(s3_on_moto(), "bucket")
        form = desk.form(replace(UPLOAD, size_bytes=1234), until=MONDAY + TEN, at=MONDAY)
    conditions = json.loads(base64.b64decode(form.fields["policy"]))["conditions"]
    assert ["content-length-range", 1234, 1234] in conditions
    for fixed in (
        {"Content-Type": "image/jpeg"},
        {"x-amz-server-side-encryption": "aws:kms"},
        {"key": KEY},
        {"bucket": "bucket"},
    ):
        assert fixed in conditions
    assert not any("starts-with" in one for one in conditions)


def test_a_link_is_a_download_for_a_while():
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        link = S3UploadDesk(client, "bucket").link("evidence/a.jpg", name="UPL-1.jpg", minutes=5)
    asked = parse_qs(urlsplit(link).query)
    assert asked["response-content-disposition"] == ['attachment; filename="UPL-1.jpg"']
    assert asked["response-content-type"] == ["image/jpeg"]
    expires = asked.get("X-Amz-Expires") or asked["Expires"]
    assert expires


# ---------------------------------------------------------------------- the local runtime's S3
def posted(buckets, form, content, **changes):
    """Send a form as a browser does and give the status."""
    fields = {**form.fields, **changes}
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    body = b"".join(parts) + head + content + b"\r\n--b--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=b", "host": "127.0.0.1"}
    return buckets.answer(Request("POST", "/DocumentsBucket", "", headers, body)).status


@pytest.fixture
def local(stack, tmp_path):
    """The desk on the local runtime's buckets, with the scan that the template asks for."""
    with on_buckets(stack, tmp_path, scanned(stack.malware_plans)) as buckets:
        yield S3UploadDesk(boto3.client("s3", config=SIGNED), "DocumentsBucket"), buckets


def test_the_template_has_what_is_uploaded_scanned(local):
    desk, _ = local
    desk.put(KEY, b"abcd", "image/jpeg")
    assert desk.arrived(KEY).scan is Scan.CLEAN
    desk.put("quarantine/P-1/WO-1/UPL-2", b"X5O!" + SIGNATURE + b"!$H+H*", "application/pdf")
    assert desk.arrived("quarantine/P-1/WO-1/UPL-2").scan is Scan.THREAT
    desk.put("evidence/WO-1/UPL-1.jpg", b"abcd", "image/jpeg")
    assert desk.arrived("evidence/WO-1/UPL-1.jpg").scan is Scan.PENDING, "nobody looks there"


def test_where_nothing_scans_nothing_is_clean(stack, tmp_path):
    with on_buckets(stack, tmp_path):
        desk = S3UploadDesk(boto3.client("s3", config=SIGNED), "DocumentsBucket")
        desk.put(KEY, b"abcd", "image/jpeg")
        assert desk.arrived(KEY).scan is Scan.PENDING


@pytest.mark.parametrize(
    ("plan", "found"),
    [
        ({"Actions": {"Tagging": {"Status": "ENABLED"}}}, {"B": [""]}),
        ({"Actions": {"Tagging": {"Status": "DISABLED"}}}, {}),
        ({}, {}),
    ],
)
def test_a_plan_that_does_not_tag_says_nothing(plan, found):
    assert scanned({"P": {"ProtectedResource": {"S3Bucket": {"BucketName": "B"}}, **plan}}) == found


@pytest.mark.parametrize(
    ("content", "changes", "status"),
    [
        (b"abcd", {}, 204),
        (b"abcde", {}, 400),
        (b"abc", {}, 400),
        (b"abcd", {"key": "evidence/WO-1/UPL-1.jpg"}, 403),
        (b"abcd", {"Content-Type": "text/html"}, 403),
        (b"abcd", {"tagging": "<Tagging/>"}, 403),
    ],
    ids=["as announced", "longer", "shorter", "another key", "another type", "tags of its own"],
)
def test_the_form_lets_in_what_was_announced_and_nothing_else(local, content, changes, status):
    desk, buckets = local
    with borrowed_time.install(At()):
        form = desk.form(UPLOAD, until=MONDAY + TEN, at=MONDAY)
        assert posted(buckets, form, content, **changes) == status
    arrived = desk.arrived(KEY)
    assert (arrived is not None) is (status == 204)


def test_wiring_gives_all_that_files_need():
    outside = wiring.uploads({"DOCUMENTS_BUCKET": "b"})
    assert isinstance(outside.desk, S3UploadDesk)
    limits = Limits(most_pixels=1, most_pages=1)
    assert outside.inspector.inspect(b"", "image/png", limits).code == "photo_unreadable"
