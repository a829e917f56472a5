"""What reading the field needs from outside."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as it came in.

    Attributes:
        gateway_id: from the connection's certificate, never from the payload.
        window_start: start of the aligned window, UTC.
        sequence: the gateway's own number, never used twice.
        payload: the bytes as sent.
        received_at: when the cloud had it.
    """

    gateway_id: str
    window_start: datetime
    sequence: int
    payload: bytes
    received_at: datetime


def chunk_id(chunk: StoredChunk) -> str:
    """Give the name under which a chunk stands as the cause of a finding."""
    window = chunk.window_start.astimezone(UTC)
    return f"{chunk.gateway_id}/{window:%Y-%m-%dT%H:%MZ}/{chunk.sequence}"


class Chunks(Protocol):
    """Keeps chunks as they were sent."""

    def put(self, chunks: Iterable[StoredChunk]) -> None:
        """Keep the chunks; one that is kept already changes nothing.

        Raises:
            Unavailable: only a part was taken; offering all again is safe.
        """
        ...

    def between(self, gateway_id: str, start: datetime, end: datetime) -> Iterator[StoredChunk]:
        """Give a gateway's chunks whose window starts in [start, end), in order."""
        ...


class Downlink(Protocol):
    """The way down to gateways."""

    def command(self, gateway_id: str, payload: bytes) -> None:
        """Leave a command for a gateway, which gets it at least once, now or when it comes back.

        Raises:
            Unavailable: it was not taken; offering it again is safe.
        """
        ...
