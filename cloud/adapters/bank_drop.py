"""Where the bank, or who carries files to it, takes its files from: a folder of its own in S3."""

from typing import Any

from cloud.adapters.documents import S3Documents
from cloud.kernel.errors import NotFound


class S3Drop:
    """`cloud.funding.ports.Bank` as a folder of a bucket."""

    def __init__(self, client: Any, bucket: str, *, folder: str = "bank/out") -> None:
        self._kept, self._folder = S3Documents(client, bucket), folder

    def deliver(self, name: str, content: bytes) -> None:
        """See `Bank.deliver`; what S3 answered is there, and what it did not answer may be."""
        self._kept.put(f"{self._folder}/{name}", content, "text/plain")

    def holds(self, name: str, content: bytes) -> bool:
        """See `Bank.holds`."""
        try:
            return self._kept.get(f"{self._folder}/{name}") == content
        except NotFound:
            return False
