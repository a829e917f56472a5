"""Where the bank takes its files from: a folder of its own in S3, or its SFTP server.

A file is there under its last name only once it is there whole.
"""

import hashlib
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cloud.kernel.errors import Unavailable


class S3Drop:
    """A folder that the bank, or who carries files to it, takes files from."""

    def __init__(self, client: Any, bucket: str, *, folder: str = "bank/out") -> None:
        self._client, self._bucket, self._folder = client, bucket, folder

    def deliver(self, name: str, content: bytes) -> None:
        """See `Bank.deliver`; what S3 answered is there, and what it did not answer may be."""
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=f"{self._folder}/{name}",
                Body=content,
                ContentType="text/plain",
                Metadata={"sha256": hashlib.sha256(content).hexdigest()},
            )
        except (BotoCoreError, ClientError) as failed:
            msg = f"handing {name} to the bank: S3 did not answer that it has it"
            raise Unavailable(msg) from failed

    def holds(self, name: str, content: bytes) -> bool:
        """See `Bank.holds`."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=f"{self._folder}/{name}")
            return bool(answer["Body"].read() == content)
        except ClientError as failed:
            if failed.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                return False
            msg = f"asking for {name}: S3 does not answer"
            raise Unavailable(msg) from failed
        except BotoCoreError as failed:
            msg = f"asking for {name}: S3 does not answer"
            raise Unavailable(msg) from failed
