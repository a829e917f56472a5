"""The quarantine in S3: forms that let one file in, what the scan said, links that show it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from cloud.adapters.outside import reaching
from cloud.kernel.errors import NotFound
from cloud.kernel.ports import Documents
from cloud.service.uploads import Arrived, Form, Scan, Upload

SCAN_TAG = "GuardDutyMalwareScanStatus"
"""Tag that the scan puts on an object (Amazon GuardDuty user guide, Malware Protection for S3)."""
_SCANS: Mapping[str, Scan] = {"NO_THREATS_FOUND": Scan.CLEAN, "THREATS_FOUND": Scan.THREAT}
"""What else it says, for one that it could not open the file, is no scan."""

MOST_READ = 26 * 1024 * 1024
"""Of an object, in bytes: a little more than the largest file that is taken."""
_GONE = {"NoSuchKey", "404", "NoSuchVersion"}
_TYPES = {"jpg": "image/jpeg", "pdf": "application/pdf", "csv": "text/csv"}


class MemoryUploadDesk:
    """`cloud.service.uploads.UploadDesk` in a dictionary, beside documents in memory.

    Attributes:
        lying: what lies in quarantine, by key.
        said: what the scan says of a key; it found nothing where nothing else is set.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self.lying: dict[str, bytes] = {}
        self.said: dict[str, Scan] = {}

    def form(self, upload: Upload, *, until: datetime, at: datetime) -> Form:
        """See `UploadDesk.form`."""
        del at
        return Form("memory:", {"key": upload.quarantine}, until)

    def arrived(self, key: str) -> Arrived | None:
        """See `UploadDesk.arrived`."""
        if key not in self.lying:
            return None
        return Arrived(self.lying[key], self.said.get(key, Scan.CLEAN))

    def put(self, key: str, content: bytes, content_type: str) -> None:
        """See `UploadDesk.put`."""
        del content_type
        self.lying.setdefault(key, content)

    def discard(self, key: str) -> None:
        """See `UploadDesk.discard`."""
        self.lying.pop(key, None)

    def is_kept(self, reference: str) -> bool:
        """See `UploadDesk.is_kept`."""
        try:
            self._documents.get(reference)
        except NotFound:
            return False
        return True

    def link(self, reference: str, *, name: str, minutes: int) -> str:
        """See `UploadDesk.link`."""
        return f"memory:{reference}?name={name}&minutes={minutes}"


class S3UploadDesk:
    """`cloud.service.uploads.UploadDesk` in the bucket of the documents."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def form(self, upload: Upload, *, until: datetime, at: datetime) -> Form:
        """See `UploadDesk.form`; it takes the announced type and size, and no other field."""
        fixed = {
            "Content-Type": upload.content_type,
            "x-amz-server-side-encryption": "aws:kms",
        }
        size = upload.size_bytes
        with reaching(f"writing the form of upload {upload.id}"):
            made = self._client.generate_presigned_post(
                Bucket=self._bucket,
                Key=upload.quarantine,
                Fields=dict(fixed),
                Conditions=[
                    *({name: value} for name, value in fixed.items()),
                    ["content-length-range", size, size],
                ],
                ExpiresIn=int((until - at).total_seconds()),
            )
        return Form(made["url"], made["fields"], until)

    def arrived(self, key: str) -> Arrived | None:
        """See `UploadDesk.arrived`; the scan's word is that of the very version that is read."""
        with reaching(f"reading {key} from quarantine"):
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=key)
                content: bytes = found["Body"].read(MOST_READ)
                version = {"VersionId": found["VersionId"]} if "VersionId" in found else {}
                tags = self._client.get_object_tagging(Bucket=self._bucket, Key=key, **version)
            except ClientError as refused:
                if refused.response["Error"]["Code"] in _GONE:
                    return None
                raise
        said = {tag["Key"]: tag["Value"] for tag in tags["TagSet"]}.get(SCAN_TAG)
        return Arrived(content, Scan.PENDING if said is None else _SCANS.get(said, Scan.FAILED))

    def put(self, key: str, content: bytes, content_type: str) -> None:
        """See `UploadDesk.put`."""
        with reaching(f"laying {key} into quarantine"):
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=content,
                    ContentType=content_type,
                    IfNoneMatch="*",
                )
            except ClientError as refused:
                # It lies there by an earlier call, perhaps scanned by now; its bytes are checked.
                if refused.response["Error"]["Code"] not in {"PreconditionFailed", "412"}:
                    raise

    def discard(self, key: str) -> None:
        """See `UploadDesk.discard`; the bucket keeps versions, so that each has to be named."""
        with reaching(f"removing {key} from quarantine"):
            listed = self._client.list_object_versions(Bucket=self._bucket, Prefix=key)
            for one in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
                if one["Key"] == key:
                    self._client.delete_object(
                        Bucket=self._bucket, Key=key, VersionId=one["VersionId"]
                    )

    def is_kept(self, reference: str) -> bool:
        """See `UploadDesk.is_kept`."""
        with reaching(f"looking for document {reference}"):
            try:
                self._client.head_object(Bucket=self._bucket, Key=reference)
            except ClientError as refused:
                if refused.response["Error"]["Code"] in _GONE:
                    return False
                raise
        return True

    def link(self, reference: str, *, name: str, minutes: int) -> str:
        """See `UploadDesk.link`; a browser stores it and never shows it as a page of ours."""
        kind = _TYPES.get(reference.rpartition(".")[2], "application/octet-stream")
        with reaching(f"writing a link to {reference}"):
            url: str = self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": reference,
                    "ResponseContentDisposition": f'attachment; filename="{name}"',
                    "ResponseContentType": kind,
                },
                ExpiresIn=minutes * 60,
            )
        return url
