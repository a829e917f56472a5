"""SES as a folder: what was sent lies there as .eml files, in order."""

import os
import re
from collections.abc import Mapping
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from cloud.kernel.clock import Clock
from cloud.local.dynamodb.hook import ServiceError


class Mailbox:
    """Answers SES's SendEmail with raw content, and keeps each mail as a file."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._clock = clock

    def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call of boto3's SESv2 client.

        Raises:
            ServiceError: another operation, or content that is not raw.
        """
        if operation != "SendEmail" or "Raw" not in parameters.get("Content", {}):
            raise ServiceError("BadRequestException", f"SES {operation} is not known here", 400)
        content = parameters["Content"]["Raw"]["Data"]
        mail = message_from_bytes(content, policy=policy.default)
        letter = str(mail["X-Sunreeve-Letter"] or "mail")
        path = self._folder / f"{self._clock.now():%Y%m%dT%H%M%SZ}-{_safe(letter)}.eml"
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        return {"MessageId": f"local-{_safe(letter)}"}

    def mails(self) -> list[Path]:
        """Give the files, oldest first."""
        return sorted(self._folder.glob("*.eml"))


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", name)[:80]
