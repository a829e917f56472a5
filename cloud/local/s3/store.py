"""Keeps the objects: each content is a file, and what is known of it a row beside it.

A version's content is written once, under a name of its own; the row that names it decides what
exists. The file that a person finds under the object's key is a second name (a hard link) of the
newest content. It follows the row: after ``kill -9`` between the two, opening the store again
makes it follow.
"""

import errno
import hashlib
import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from cloud.kernel.clock import Clock
from cloud.kernel.errors import BadInput
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.sqlite import transaction

LONGEST_KEY = 1024
"""Of an object, in bytes (Amazon S3 user guide, naming objects)."""
NULL = "null"
"""The version of what is written while a bucket keeps no versions (user guide, versioning)."""
OWNER_READS = 0o400
"""Objects hold account numbers, and a content that was written is never written again."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS bucket (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS object (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket TEXT NOT NULL, key TEXT NOT NULL, version TEXT NOT NULL,
    is_latest INTEGER NOT NULL, is_marker INTEGER NOT NULL,
    blob TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, modified_ms INTEGER NOT NULL,
    headers TEXT NOT NULL, metadata TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS object_version ON object (bucket, key, version);
CREATE UNIQUE INDEX IF NOT EXISTS object_latest ON object (bucket, key) WHERE is_latest;
CREATE INDEX IF NOT EXISTS object_order ON object (bucket, key, number);
CREATE TABLE IF NOT EXISTS to_show (
    bucket TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS created (
    number INTEGER PRIMARY KEY,
    bucket TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL
);
"""
_COLUMNS = (
    "number, bucket, key, version, is_latest, is_marker, blob, size, etag, modified_ms, headers,"
    " metadata"
)
# A folder cannot show every key: "a" and "a/b" at once, or a name too long for its file system.
_CANNOT_SHOW = frozenset(
    {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ENAMETOOLONG}
)

OnCreated = Callable[[str, str, int, str], None]
"""Is told of each new object: bucket, key, size in bytes, ETag."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of an object, without its content.

    Attributes:
        number: rises with every write to any bucket.
        is_marker: it says that the object was deleted.
        headers: what goes back with the content, under boto3's names, such as `ContentType`.
        metadata: of the person who wrote it, names in lower case.
    """

    number: int
    bucket: str
    key: str
    version: str
    is_latest: bool
    is_marker: bool
    blob: str
    size: int
    etag: str
    modified_at: datetime
    headers: Mapping[str, str]
    metadata: Mapping[str, str]


Allow = Callable[[Stored | None], None]
"""Sees what is there before a write, which is None when nothing is, and raises to refuse it."""


class Store:
    """The objects of some buckets in one folder; any thread and any process may call.

    What a method has done when it returns is on disk, and what it refused left nothing.
    """

    def __init__(
        self,
        folder: Path,
        definitions: Mapping[str, Mapping[str, Any]],
        clock: Clock,
        on_created: OnCreated | None,
    ) -> None:
        """Open the folder, or make it, and finish what a killed process left half done.

        Raises:
            BadInput: a bucket's properties name a state of versioning that S3 does not have.
        """
        self._folder, self._clock, self._on_created = folder, clock, on_created
        self._keeps = {name: _keeps_versions(name, of) for name, of in definitions.items()}
        for name in definitions:
            (folder / name).mkdir(parents=True, exist_ok=True)
        hidden = folder / ".s3"  # no bucket's name begins with a dot
        self._blobs, self._links = hidden / "contents", hidden / "links"
        for made in (self._blobs, self._links):
            made.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(
            hidden / "objects.sqlite", check_same_thread=False, isolation_level=None, timeout=30
        )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)
        self._sweep()
        for name in definitions:
            self._adopt(name)
        for bucket, key in self._db.execute("SELECT bucket, key FROM to_show").fetchall():
            self._show(bucket, key)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    def has(self, bucket: str) -> bool:
        """Tell whether there is such a bucket."""
        return bucket in self._keeps

    def status(self, bucket: str) -> str:
        """Give the bucket's state of versioning: `Enabled`, `Suspended`, or nothing."""
        return self._keeps[bucket]

    # ------------------------------------------------------------------ reading
    def find(self, bucket: str, key: str, version: str | None = None) -> Stored | None:
        """Give one version, the latest by default, which may be a delete marker."""
        self._check(bucket, key)
        with self._lock:
            return self._find(bucket, key, version)

    def _find(self, bucket: str, key: str, version: str | None = None) -> Stored | None:
        which, values = ("is_latest", ()) if version is None else ("version = ?", (version,))
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM object WHERE bucket = ? AND key = ? AND {which}",
            (bucket, key, *values),
        ).fetchone()
        return _stored(row) if row else None

    def content(self, stored: Stored) -> bytes | None:
        """Give the content of a version, None when it was overwritten or deleted meanwhile."""
        try:
            return (self._blobs / stored.blob).read_bytes()
        except FileNotFoundError:
            return None

    def latest(self, bucket: str, *, after: str, prefix: str) -> Iterator[Stored]:
        """Give the objects of a bucket in the order of their keys, delete markers left out."""
        self._check(bucket, "x")
        many = 500
        start = max(after, prefix)
        beyond = ">" if start == after else ">="
        while True:
            with self._lock:
                rows = self._db.execute(
                    f"SELECT {_COLUMNS} FROM object WHERE bucket = ? AND key {beyond} ?"
                    " AND is_latest ORDER BY key LIMIT ?",
                    (bucket, start, many),
                ).fetchall()
            for found in map(_stored, rows):
                if not found.key.startswith(prefix):
                    return
                if not found.is_marker:
                    yield found
            if len(rows) < many:
                return
            start, beyond = rows[-1][2], ">"

    def versions(self, bucket: str, *, prefix: str) -> Iterator[Stored]:
        """Give every version and marker of a bucket, by key, and of a key the newest first."""
        self._check(bucket, "x")
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM object WHERE bucket = ? AND key >= ?"
                " ORDER BY key, number DESC",
                (bucket, prefix),
            ).fetchall()
        for found in map(_stored, rows):
            if not found.key.startswith(prefix):
                return
            yield found

    # ------------------------------------------------------------------ writing
    def put(
        self,
        bucket: str,
        key: str,
        content: bytes,
        *,
        headers: Mapping[str, str],
        metadata: Mapping[str, str],
        allow: Allow,
    ) -> Stored:
        """Write an object; when this returns it is on disk and the listener was told of it."""
        self._check(bucket, key)
        blob = uuid.uuid4().hex
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        with self._lock:
            with self._transaction() as replaced:
                allow(self._find(bucket, key))
                self._write(blob, content)
                stored = self._add(
                    replaced,
                    bucket,
                    key,
                    blob=blob,
                    size=len(content),
                    etag=etag,
                    headers=json.dumps(dict(headers)),
                    metadata=json.dumps(dict(metadata)),
                )
                if self._on_created is not None:
                    self._db.execute(
                        "INSERT INTO created VALUES (?, ?, ?, ?, ?)",
                        (stored.number, bucket, key, stored.size, etag),
                    )
            self._show(bucket, key)
        self._announce((stored.number, bucket, key, stored.size, etag))
        return stored

    def delete(self, bucket: str, key: str, *, allow: Allow) -> Stored | None:
        """Delete an object; gives the marker when the bucket keeps versions, else None."""
        self._check(bucket, key)
        with self._lock:
            with self._transaction() as replaced:
                allow(self._find(bucket, key))
                marker = self._delete(replaced, bucket, key)
            self._show(bucket, key)
        return marker

    def _delete(self, replaced: list[str], bucket: str, key: str) -> Stored | None:
        if not self._keeps[bucket]:
            self._remove(replaced, bucket, key, NULL)
            if self._find(bucket, key) is None:
                return None
        return self._add(
            replaced, bucket, key,
            blob="", size=0, etag="", headers="{}", metadata="{}", is_marker=1,
        )  # fmt: skip

    def delete_version(self, bucket: str, key: str, version: str, *, allow: Allow) -> Stored | None:
        """Delete one version for good, and give what it was; the one before becomes the latest."""
        self._check(bucket, key)
        with self._lock:
            with self._transaction() as replaced:
                removed = self._find(bucket, key, version)
                allow(removed)
                self._remove(replaced, bucket, key, version)
            self._show(bucket, key)
        return removed

    def announce(self) -> None:
        """Tell the listener of objects whose writer was killed before it had been told.

        Called once after opening, as soon as the listener can listen. S3 too tells at least once
        (user guide, event notifications).
        """
        with self._lock:
            waiting = self._db.execute("SELECT * FROM created ORDER BY number").fetchall()
        for row in waiting:
            self._announce(row)

    def _announce(self, created: tuple[int, str, str, int, str]) -> None:
        if self._on_created is None:
            return
        number, bucket, key, size, etag = created
        self._on_created(bucket, key, size, etag)
        with self._lock, self._unsynced():
            self._db.execute("DELETE FROM created WHERE number = ?", (number,))

    # ------------------------------------------------------------------ rows
    def _add(
        self, replaced: list[str], bucket: str, key: str, *, is_marker: int = 0, **columns: Any
    ) -> Stored:
        """Add the newest version of a key, in the place of the null one where none are kept."""
        version = uuid.uuid4().hex
        if self._keeps[bucket] != "Enabled":
            self._remove(replaced, bucket, key, NULL)
            version = NULL
        self._db.execute(
            "UPDATE object SET is_latest = 0 WHERE bucket = ? AND key = ? AND is_latest",
            (bucket, key),
        )
        row = {
            "bucket": bucket,
            "key": key,
            "version": version,
            "is_latest": 1,
            "is_marker": is_marker,
            "modified_ms": int(self._clock.now().timestamp() * 1000),
            **columns,
        }
        inserted = self._db.execute(
            f"INSERT INTO object ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
            f" RETURNING {_COLUMNS}",
            tuple(row.values()),
        ).fetchone()
        self._to_show(bucket, key)
        return _stored(inserted)

    def _remove(self, replaced: list[str], bucket: str, key: str, version: str) -> None:
        removed = self._db.execute(
            "DELETE FROM object WHERE bucket = ? AND key = ? AND version = ? RETURNING blob",
            (bucket, key, version),
        ).fetchall()
        replaced += [blob for (blob,) in removed if blob]
        self._db.execute(
            "UPDATE object SET is_latest = 1 WHERE number = "
            "(SELECT max(number) FROM object WHERE bucket = ? AND key = ?) AND NOT is_latest",
            (bucket, key),
        )
        self._to_show(bucket, key)

    def _to_show(self, bucket: str, key: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO to_show VALUES (?, ?)", (bucket, key))

    @contextmanager
    def _transaction(self) -> Iterator[list[str]]:
        """Commit what is done within, and only then unlink the contents that it put on the list.

        A content that is written within is named by no row until the commit; should the process
        die first, the next opening sweeps it away.
        """
        replaced: list[str] = []
        with self._within("FULL"):
            yield replaced
        for blob in replaced:
            (self._blobs / blob).unlink(missing_ok=True)

    def _unsynced(self) -> AbstractContextManager[None]:
        """Commit what may be done again after a power cut, without waiting for the disk."""
        return self._within("NORMAL")

    @contextmanager
    def _within(self, synchronous: str) -> Iterator[None]:
        self._db.execute(f"PRAGMA synchronous={synchronous}")
        with transaction(self._db):
            yield

    # ------------------------------------------------------------------ files
    def _write(self, blob: str, content: bytes) -> None:
        path = self._blobs / blob
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), OWNER_READS)
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(self._blobs)

    def _show(self, bucket: str, key: str) -> None:
        """Let the file under the object's key be what the latest version is."""
        path = self.path(bucket, key)
        with self._unsynced():
            latest = self._find(bucket, key)
            try:
                if latest is None or latest.is_marker:
                    self._hide(path, self._folder / bucket)
                else:
                    self._link(self._blobs / latest.blob, path)
            except OSError as failed:
                if failed.errno not in _CANNOT_SHOW:
                    raise
            self._db.execute("DELETE FROM to_show WHERE bucket = ? AND key = ?", (bucket, key))

    def _link(self, blob: Path, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        link = self._links / uuid.uuid4().hex
        link.hardlink_to(blob)
        try:
            link.replace(path)
        finally:
            link.unlink(missing_ok=True)  # of two names of one file, a rename leaves both

    def _hide(self, path: Path, root: Path) -> None:
        if path.is_file():
            path.unlink()
        for folder in path.parents:
            if folder == root:
                return
            with suppress(FileNotFoundError):
                folder.rmdir()  # stops at the first that holds something: ENOTEMPTY

    def _sweep(self) -> None:
        """Unlink the contents that no row names: their writers died before they committed."""
        with self._lock, self._unsynced():
            named = {blob for (blob,) in self._db.execute("SELECT blob FROM object")}
            for path in self._blobs.iterdir():
                if path.name not in named:
                    path.unlink()
            for link in self._links.iterdir():
                link.unlink()

    def _adopt(self, bucket: str) -> None:
        """Take in, once, the files that a runtime without these rows has left in a bucket."""
        with self._lock, self._transaction():
            new = self._db.execute("INSERT OR IGNORE INTO bucket VALUES (?)", (bucket,)).rowcount
            if not new:
                return
            root = self._folder / bucket
            for path in sorted(one for one in root.rglob("*") if one.is_file()):
                key = "/".join(
                    "" if part == "%" else unquote(part) for part in path.relative_to(root).parts
                )
                content, blob = path.read_bytes(), uuid.uuid4().hex
                self._write(blob, content)
                etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
                self._add(
                    [], bucket, key,
                    blob=blob, size=len(content), etag=etag, headers="{}", metadata="{}",
                )  # fmt: skip

    def path(self, bucket: str, key: str) -> Path:
        """Give the file that shows an object; keys are quoted where a file name needs it."""
        parts = [quote(part, safe=" @+=,~") or "%" for part in key.split("/")]
        return self._folder.joinpath(
            bucket, *("%2E" * len(part) if part in {".", ".."} else part for part in parts)
        )

    def _check(self, bucket: str, key: str) -> None:
        """Refuse what no bucket holds.

        Raises:
            ServiceError: the bucket does not exist, or S3 would not take the key.
        """
        if not self.has(bucket):
            raise ServiceError("NoSuchBucket", "The specified bucket does not exist", 404)
        try:
            length = len(key.encode())
        except UnicodeEncodeError:
            raise ServiceError("InvalidURI", "Couldn't parse the specified URI.", 400) from None
        if not 0 < length <= LONGEST_KEY:
            raise ServiceError("KeyTooLongError", "Your key is too long", 400)


def _keeps_versions(name: str, definition: Mapping[str, Any]) -> str:
    status = definition.get("VersioningConfiguration", {}).get("Status", "")
    if status not in {"", "Enabled", "Suspended"}:
        msg = f"bucket {name}: VersioningConfiguration {status!r} is not Enabled or Suspended"
        raise BadInput(msg)
    return str(status)


def _stored(row: tuple[Any, ...]) -> Stored:
    number, bucket, key, version, is_latest, is_marker, blob, size, etag, ms, headers, meta = row
    return Stored(
        number=number,
        bucket=bucket,
        key=key,
        version=version,
        is_latest=bool(is_latest),
        is_marker=bool(is_marker),
        blob=blob,
        size=size,
        etag=etag,
        modified_at=datetime.fromtimestamp(ms / 1000, UTC),
        headers=json.loads(headers),
        metadata=json.loads(meta),
    )


def _sync_folder(folder: Path) -> None:
    """Let the name of a new file outlive a power cut, as its content does."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
