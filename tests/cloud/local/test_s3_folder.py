"""The folder of the buckets: what a person finds in it, and what a killed process leaves."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from threading import Barrier, Thread

import pytest

from cloud.kernel.errors import BadInput
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.s3.buckets import Buckets

KEPT = {"VersioningConfiguration": {"Status": "Enabled"}}
DEFINITIONS = {"docs": {}, "kept": KEPT}


class Clock:
    def now(self):
        return datetime(2026, 6, 8, 13, 0, tzinfo=UTC)


def opened(folder, definitions=DEFINITIONS, **more):
    return Buckets(folder, definitions, Clock(), **more)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "buckets"


@pytest.fixture
def buckets(folder):
    made = opened(folder)
    yield made
    made.close()


def put(buckets, key, body=b"x", bucket="docs", **more):
    return buckets.call("PutObject", {"Bucket": bucket, "Key": key, "Body": body, **more})


def get(buckets, key, bucket="docs"):
    return buckets.call("GetObject", {"Bucket": bucket, "Key": key})["Body"].read()


def keys(buckets, bucket="docs"):
    return [
        one["Key"] for one in buckets.call("ListObjectsV2", {"Bucket": bucket}).get("Contents", [])
    ]


def files(folder, bucket="docs"):
    root = folder / bucket
    found = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def contents(folder):
    return len(list((folder / ".s3" / "contents").iterdir()))


# ---------------------------------------------------------------------- what a person finds
TRICKS = ("../other/a", "../../../tmp/a", "/etc/a", "a/../../b", "..", ".", "a//b", "%2E%2E/a",
          "a/", "%", "%25", "a:b*?", "ü/€", ".hidden", "x.part", "~/.ssh", "a\x00b",
          "../.s3/objects.sqlite")  # fmt: skip


@pytest.mark.parametrize("key", TRICKS)
def test_no_key_leads_out_of_its_bucket(buckets, folder, key):
    before = {path for path in folder.parent.rglob("*") if path.is_file()}
    put(buckets, key)
    made = {path for path in folder.parent.rglob("*") if path.is_file()} - before
    (shown,) = (path for path in made if (folder / ".s3") not in path.parents)
    assert (folder / "docs") in shown.resolve().parents
    assert (get(buckets, key), keys(buckets)) == (b"x", [key])


def test_different_keys_are_different_objects(buckets):
    for key in TRICKS:
        put(buckets, key, key.encode())
    assert [get(buckets, key).decode() for key in TRICKS] == list(TRICKS)
    assert keys(buckets) == sorted(TRICKS)


@pytest.mark.parametrize(
    ("first", "second"),
    [("a", "a/b"), ("a/b", "a"), ("n" * 300, "m"), ("a/" * 400, "a")],
    ids=["a file, then a folder", "a folder, then a file", "a long name", "a deep name"],
)
def test_keys_that_no_folder_shows_are_objects_all_the_same(buckets, folder, first, second):
    put(buckets, first, b"1")
    put(buckets, second, b"2")
    assert (get(buckets, first), get(buckets, second)) == (b"1", b"2")
    for key in (first, second):
        buckets.call("DeleteObject", {"Bucket": "docs", "Key": key})
    assert (keys(buckets), contents(folder)) == ([], 0)


def test_the_folder_shows_what_is_latest(buckets, folder):
    put(buckets, "ach/run.ach", b"1", "kept")
    second = put(buckets, "ach/run.ach", b"2", "kept")["VersionId"]
    assert files(folder, "kept") == {"ach/run.ach": b"2"}
    named = {"Bucket": "kept", "Key": "ach/run.ach"}
    buckets.call("DeleteObject", {**named, "VersionId": second})
    assert files(folder, "kept") == {"ach/run.ach": b"1"}
    buckets.call("DeleteObject", named)
    assert list((folder / "kept").iterdir()) == []


def test_an_object_is_for_its_owner_s_eyes_and_is_not_changed(buckets, folder):
    put(buckets, "a")
    assert (folder / "docs" / "a").stat().st_mode & 0o777 == 0o400


def test_what_was_overwritten_takes_no_room(buckets, folder):
    for body in (b"1", b"2", b"2"):
        put(buckets, "a", body)
    put(buckets, "a", b"3", "kept")
    put(buckets, "a", b"4", "kept")
    assert contents(folder) == 3
    buckets.call("DeleteObject", {"Bucket": "docs", "Key": "a"})
    assert contents(folder) == 2


def test_a_body_may_be_whatever_boto3_takes(buckets, tmp_path):
    (tmp_path / "file").write_bytes(b"text")
    with (tmp_path / "file").open("rb") as file:
        for body in ("text", bytearray(b"text"), file):
            put(buckets, "a", body)
            assert get(buckets, "a") == b"text"


def test_a_bucket_whose_properties_cannot_be_honoured_is_refused(folder):
    with pytest.raises(BadInput, match="bucket docs: VersioningConfiguration"):
        opened(folder, {"docs": {"VersioningConfiguration": {"Status": "On"}}})


# ---------------------------------------------------------------------- opened again
def test_everything_is_there_when_it_is_opened_again(folder):
    first = opened(folder)
    put(first, "a", b"1", "kept", ContentType="text/plain", Metadata={"m": "1"})
    version = put(first, "a", b"2", "kept")["VersionId"]
    first.close()
    again = opened(folder)
    assert get(again, "a", "kept") == b"2"
    again.call("DeleteObject", {"Bucket": "kept", "Key": "a", "VersionId": version})
    got = again.call("GetObject", {"Bucket": "kept", "Key": "a"})
    assert (got["ContentType"], got["Metadata"]) == ("text/plain", {"m": "1"})
    again.close()


def test_files_of_an_older_runtime_are_objects(folder):
    old = folder / "docs" / "ach" / "%2E%2E"
    old.mkdir(parents=True)
    (old / "x%23.ach").write_bytes(b"101 ")
    for _ in range(2):
        buckets = opened(folder)
        assert keys(buckets) == ["ach/../x#.ach"]
        assert get(buckets, "ach/../x#.ach") == b"101 "
        buckets.close()
    assert files(folder) == {"ach/%2E%2E/x%23.ach": b"101 "}


def test_a_content_that_nobody_committed_is_swept_away(folder):
    opened(folder).close()
    (folder / ".s3" / "contents" / "left-over").write_bytes(b"half")
    (folder / ".s3" / "links" / "left-over").write_bytes(b"half")
    buckets = opened(folder)
    put(buckets, "a")
    assert (contents(folder), list((folder / ".s3" / "links").iterdir())) == (1, [])
    buckets.close()


def test_a_file_that_was_not_shown_yet_is_shown_when_opened(folder):
    """As after a kill between the commit and the link: the row says what is still to be shown."""
    buckets = opened(folder)
    put(buckets, "a", b"1")
    put(buckets, "b", b"1")
    db = buckets._store._db
    db.executemany("INSERT INTO to_show VALUES ('docs', ?)", [("a",), ("b",)])
    db.execute("DELETE FROM object WHERE key = 'b'")
    (folder / "docs" / "a").unlink()
    buckets.close()
    opened(folder).close()
    assert files(folder) == {"a": b"1"}


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from datetime import UTC, datetime
from cloud.local.s3.buckets import Buckets
class Clock:
    def now(self):
        return datetime(2026, 6, 8, 13, 0, tzinfo=UTC)
told = Path(sys.argv[1]).parent / "told"
kept = {"VersioningConfiguration": {"Status": "Enabled"}}
buckets = Buckets(Path(sys.argv[1]), {"docs": {}, "kept": kept}, Clock())
for number in range(100_000):
    body = b"%d " % number * 2000
    for bucket in ("docs", "kept"):
        buckets.call("PutObject", {"Bucket": bucket, "Key": "a/same", "Body": body})
        buckets.call("PutObject", {"Bucket": bucket, "Key": f"n/{number}", "Body": body})
    if number:
        buckets.call("DeleteObject", {"Bucket": "docs", "Key": f"n/{number - 1}"})
    print(number, flush=True)
"""


@pytest.mark.parametrize("wait", [3, 17, 40])
def test_what_was_acknowledged_outlives_kill_9_and_nothing_is_torn(folder, wait, request):
    writer = subprocess.Popen(  # noqa: S603 - this interpreter and the text above
        [sys.executable, "-c", WRITER, str(folder), str(request.config.rootpath)],
        stdout=subprocess.PIPE,
        text=True,
    )
    for _ in range(wait):
        last = int(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    rest = [int(line) for line in writer.stdout if line.endswith("\n")]
    last = max([last, *rest])
    writer.stdout.close()
    writer.wait()
    buckets = opened(folder)
    for bucket in ("docs", "kept"):
        assert int(get(buckets, "a/same", bucket).split()[0]) in {last, last + 1}
        for key in keys(buckets, bucket):
            content = get(buckets, key, bucket)
            words = content.split()
            assert (len(words), len(set(words))) == (2000, 1)
            assert files(folder, bucket)[key] == content
        assert set(files(folder, bucket)) == set(keys(buckets, bucket))
    assert {f"n/{number}" for number in range(last + 1)} <= set(keys(buckets, "kept"))
    assert set(keys(buckets)) - {"a/same"} <= {f"n/{last + step}" for step in (0, 1)}
    rows = buckets._store._db.execute("SELECT count(*) FROM object WHERE NOT is_marker").fetchone()
    assert contents(folder) == rows[0]
    buckets.close()


# ---------------------------------------------------------------------- told of new objects
def test_the_listener_is_told_once_the_object_is_there(folder):
    seen = []

    def listen(bucket, key, size, etag):
        seen.append((bucket, key, size, etag, get(buckets, key, bucket)))

    buckets = opened(folder, on_created=listen)
    etag = put(buckets, "a", b"12")["ETag"]
    buckets.call("CopyObject", {"Bucket": "kept", "Key": "b", "CopySource": "docs/a"})
    with pytest.raises(ServiceError):
        put(buckets, "a", b"34", IfNoneMatch="*")
    buckets.call("DeleteObject", {"Bucket": "docs", "Key": "a"})
    assert seen == [("docs", "a", 2, etag, b"12"), ("kept", "b", 2, etag, b"12")]
    buckets.announce()
    assert len(seen) == 2
    buckets.close()


def test_an_object_that_was_not_told_of_is_told_of_after_a_restart(folder):
    def die(*_):
        raise KeyboardInterrupt

    first = opened(folder, on_created=die)
    with pytest.raises(KeyboardInterrupt):
        put(first, "a", b"12")
    first.close()
    seen = []
    again = opened(folder, on_created=lambda *told: seen.append(told[:3]))
    again.announce()
    again.announce()
    assert seen == [("docs", "a", 2)]
    again.close()


# ---------------------------------------------------------------------- at once
@pytest.mark.parametrize("stores", [1, 2], ids=["one process", "two processes' stores"])
def test_of_many_who_write_a_new_key_at_once_one_wins_and_is_whole(folder, stores):
    opened_ = [opened(folder) for _ in range(stores)]
    won: list[bytes] = []
    together = Barrier(8)

    def write(number: int):
        content = bytes([number]) * 100_000
        together.wait()
        with suppress(ServiceError):
            put(opened_[number % stores], "ach/run.ach", content, IfNoneMatch="*")
            won.append(content)

    writers = [Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(won) == 1
    assert [get(one, "ach/run.ach") for one in opened_] == won * stores
    assert files(folder) == {"ach/run.ach": won[0]}
    for one in opened_:
        one.close()


def test_readers_never_see_half_of_a_write(folder):
    stores = [opened(folder), opened(folder)]
    put(stores[0], "a", b"0" * 50_000)
    wrong: list[str] = []

    def write(number: int):
        for step in range(30):
            put(stores[number], "a", bytes([65 + (step + number) % 26]) * 50_000)

    def read(number: int):
        for _ in range(100):
            got = stores[number].call("GetObject", {"Bucket": "docs", "Key": "a"})
            content = got["Body"].read()
            if len(content) != 50_000 or len(set(content)) != 1:
                wrong.append("torn")

    both = [Thread(target=step, args=(number,)) for step in (write, read) for number in (0, 1)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert wrong == []
    assert files(folder)["a"] == get(stores[0], "a") == get(stores[1], "a")
    assert contents(folder) == 1
    for store in stores:
        store.close()
