"""S3 as a folder: objects are files, written whole or not at all."""

import hashlib
import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from cloud.local.dynamodb.hook import ServiceError

LONGEST_KEY = 1024
"""Of an object, in bytes (Amazon S3 user guide, naming objects)."""


class Buckets:
    """Answers the calls of boto3's S3 client that the functions make.

    Known: PutObject with IfNoneMatch, GetObject, HeadObject, ListObjectsV2 with a prefix.
    """

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self._folder = folder
        self._names = names
        for name in names:
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._parts = folder / ".parts"  # no bucket's name begins with a dot
        self._parts.mkdir(parents=True, exist_ok=True)
        for left_over in self._parts.iterdir():
            left_over.unlink()

    def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call with what boto3 would parse from S3's reply.

        Raises:
            ServiceError: with S3's own codes (NoSuchBucket, NoSuchKey, PreconditionFailed).
        """
        known = {
            "PutObject": self._put,
            "GetObject": self._get,
            "HeadObject": self._head,
            "ListObjectsV2": self._list,
        }
        if operation not in known:
            raise ServiceError("NotImplemented", f"S3 {operation} is not known here", 501)
        return known[operation](parameters)

    def path(self, bucket: str, key: str) -> Path:
        """Give the file of an object; keys are quoted where a file name needs it.

        Raises:
            ServiceError: the bucket does not exist, or the key is longer than S3 takes.
        """
        if bucket not in self._names:
            raise ServiceError("NoSuchBucket", f"The bucket {bucket} does not exist", 404)
        if not 0 < len(key.encode()) <= LONGEST_KEY:
            raise ServiceError("KeyTooLongError", "Your key is too long", 400)
        parts = [quote(part, safe=" @+=,~") or "%" for part in key.split("/")]
        return self._folder.joinpath(
            bucket, *("%2E" * len(p) if p in {".", ".."} else p for p in parts)
        )

    def _put(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        path = self.path(parameters["Bucket"], parameters["Key"])
        content = _content(parameters.get("Body", b""))
        path.parent.mkdir(parents=True, exist_ok=True)
        # A file of its own for each call: two threads may put the same key at once.
        with tempfile.NamedTemporaryFile(dir=self._parts, delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part = Path(file.name)
        if parameters.get("IfNoneMatch") == "*":
            try:
                os.link(part, path)
            except FileExistsError:
                message = "At least one of the pre-conditions you specified did not hold"
                raise ServiceError("PreconditionFailed", message, 412) from None
            finally:
                part.unlink()
        else:
            part.replace(path)
        return {"ETag": _etag(content)}

    def _existing(self, parameters: Mapping[str, Any]) -> bytes:
        path = self.path(parameters["Bucket"], parameters["Key"])
        if not path.is_file():
            raise ServiceError("NoSuchKey", "The specified key does not exist.", 404)
        return path.read_bytes()

    def _get(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        content = self._existing(parameters)
        return {
            "Body": io.BytesIO(content),
            "ContentLength": len(content),
            "ETag": _etag(content),
        }

    def _head(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        content = self._existing(parameters)
        return {"ContentLength": len(content), "ETag": _etag(content)}

    def _list(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        root = self.path(parameters["Bucket"], "x").parent
        prefix = parameters.get("Prefix", "")
        keys = sorted(_key_of(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
        return {"Contents": [{"Key": key} for key in keys if key.startswith(prefix)]}


def _content(body: Any) -> bytes:
    """Give the bytes of whatever boto3 takes as a body."""
    if isinstance(body, str):
        return body.encode()
    return bytes(body if isinstance(body, bytes | bytearray) else body.read())


def _key_of(path: Path) -> str:
    return "/".join("" if part == "%" else unquote(part) for part in path.parts)


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
