"""Files in S3: reports, bank files, remittance advices, what was quarantined."""

from typing import Any

from botocore.exceptions import ClientError

from cloud.adapters.outside import reaching
from cloud.kernel.errors import Conflict, NotFound


class S3Documents:
    """`cloud.kernel.ports.Documents` in one bucket, each reference an object key."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, reference: str, content: bytes, content_type: str) -> str:
        """See `Documents.put`; the write is conditional on the key's absence."""
        if not self._is_written(reference, content, content_type) and (
            self.get(reference) != content
        ):
            msg = f"document {reference} is kept already with other content"
            raise Conflict(msg)
        return reference

    def _is_written(self, reference: str, content: bytes, content_type: str) -> bool:
        """Write it, or tell that something is there already."""
        with reaching(f"keeping document {reference}"):
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=reference,
                    Body=content,
                    ContentType=content_type,
                    IfNoneMatch="*",
                )
            except ClientError as refused:
                if refused.response["Error"]["Code"] not in {"PreconditionFailed", "412"}:
                    raise
                return False
        return True

    def get(self, reference: str) -> bytes:
        """See `Documents.get`."""
        with reaching(f"reading document {reference}"):
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=reference)
            except ClientError as refused:
                if refused.response["Error"]["Code"] not in {"NoSuchKey", "404"}:
                    raise
                msg = f"document {reference} is not kept here"
                raise NotFound(msg) from refused
            body: bytes = found["Body"].read()
        return body
