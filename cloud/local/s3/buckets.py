"""S3 as a folder: the buckets of the local runtime."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloud.kernel.clock import Clock
from cloud.local.s3 import operations, scanning
from cloud.local.s3.door import Door
from cloud.local.s3.scanning import Scanned
from cloud.local.s3.signature import LOCAL_KEYS
from cloud.local.s3.store import OnCreated, Store
from cloud.local.web import Request, Response


class Buckets:
    """Answers boto3's S3 client inside the process, and signed requests over HTTP.

    Objects are files that may be looked at: `folder / bucket / key`. They are read only; what is
    known of them, and their older versions, lies in the hidden folder `.s3` beside the buckets.
    """

    def __init__(
        self,
        folder: Path,
        definitions: Mapping[str, Mapping[str, Any]],
        clock: Clock,
        *,
        on_created: OnCreated | None = None,
        secrets: Mapping[str, str] = LOCAL_KEYS,
        scanned: Scanned | None = None,
    ) -> None:
        """Open the folder, or make it.

        Args:
            folder: where everything is kept.
            definitions: each bucket's properties in the template, by its name.
            clock: tells when an object was written, and whether a signature is still good.
            on_created: is told of each new object once it is on disk: bucket, key, size, ETag.
            secrets: access key -> secret key that requests over HTTP may be signed with.
            scanned: what a malware scan looks at; nothing by default.

        Raises:
            BadInput: a bucket's properties cannot be honoured.
        """
        self._store = Store(folder, definitions, clock, on_created)
        self._scanned = scanned or {}
        self._door = Door(self.call, self._store.has, clock, secrets)

    def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call with what boto3 would parse from S3's reply.

        Raises:
            ServiceError: with S3's own codes (NoSuchBucket, NoSuchKey, PreconditionFailed).
        """
        if operation == "GetObjectTagging":
            return scanning.tags_of(self._store, parameters, self._scanned)
        return operations.call(self._store, operation, parameters)

    def answer(self, request: Request) -> Response | None:
        """Answer one HTTP request; None when its path begins with no bucket's name."""
        return self._door.answer(request)

    def announce(self) -> None:
        """Tell `on_created` of objects that a killed process wrote and did not tell of."""
        self._store.announce()

    def close(self) -> None:
        """Let go of the files; nothing is lost by not calling it."""
        self._store.close()
