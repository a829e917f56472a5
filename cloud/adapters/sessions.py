"""Who is signed in: a row for each session, under a digest of what its cookie holds."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from cloud.adapters.outside import reaching


class Sessions(Protocol):
    """Keeps sessions until they end."""

    def open(self, secret: str, claims: Mapping[str, str], until: datetime) -> None:
        """Keep what is known of the person, under the secret that only the browser has."""
        ...

    def of(self, secret: str, at: datetime) -> Mapping[str, str] | None:
        """Give what was kept, None for a session that is over or never was."""
        ...

    def close(self, secret: str) -> None:
        """End a session now; one that is over stays so."""
        ...


def _digest(secret: str) -> str:
    """Give what stands in the table, so that who reads it cannot sign in by it."""
    return "SESSION#" + hashlib.sha256(secret.encode()).hexdigest()


class MemorySessions:
    """`Sessions` in a dictionary."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Mapping[str, str], datetime]] = {}

    def open(self, secret: str, claims: Mapping[str, str], until: datetime) -> None:
        """See `Sessions.open`."""
        self._kept[_digest(secret)] = (dict(claims), until)

    def of(self, secret: str, at: datetime) -> Mapping[str, str] | None:
        """See `Sessions.of`."""
        found = self._kept.get(_digest(secret))
        return found[0] if found is not None and at < found[1] else None

    def close(self, secret: str) -> None:
        """See `Sessions.close`."""
        self._kept.pop(_digest(secret), None)


class DynamoSessions:
    """`Sessions` in a table of their own, whose rows end by themselves."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def open(self, secret: str, claims: Mapping[str, str], until: datetime) -> None:
        """See `Sessions.open`."""
        item = {
            "pk": {"S": _digest(secret)},
            "claims": {"S": json.dumps(dict(claims))},
            "until": {"N": str(int(until.timestamp()))},
        }
        with reaching("opening a session"):
            self._client.put_item(TableName=self._table, Item=item)

    def of(self, secret: str, at: datetime) -> Mapping[str, str] | None:
        """See `Sessions.of`; a row that is over may lie there for two days yet, and counts not."""
        with reaching("looking for a session"):
            found = self._client.get_item(TableName=self._table, Key={"pk": {"S": _digest(secret)}})
        item = found.get("Item")
        if item is None or int(item["until"]["N"]) <= at.timestamp():
            return None
        kept: Mapping[str, str] = json.loads(item["claims"]["S"])
        return kept

    def close(self, secret: str) -> None:
        """See `Sessions.close`."""
        with reaching("closing a session"):
            self._client.delete_item(TableName=self._table, Key={"pk": {"S": _digest(secret)}})
