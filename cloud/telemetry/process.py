"""Ingest: what came over MQTT is checked, kept, or put aside with the reason."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cloud.kernel.ports import Documents
from cloud.telemetry.chunk import MalformedChunk, decode
from cloud.telemetry.ports import Chunks, StoredChunk


@dataclass(frozen=True, slots=True)
class Arrival:
    """A payload with what the connection itself tells of it.

    Attributes:
        gateway_id: thing name that the topic (and so the certificate) carries.
        received_at: the broker's time of arrival.
    """

    gateway_id: str
    payload: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A payload that is no chunk of its gateway: kept, to be looked at and replayed."""

    gateway_id: str
    reference: str
    because: str


def ingest(
    arrivals: Iterable[Arrival], *, chunks: Chunks, documents: Documents
) -> Sequence[Quarantined]:
    """Keep the good chunks, put the others aside, and give those that were put aside.

    A bad payload never fails its neighbours, and is not tried again: trying does not mend it.

    Raises:
        Unavailable: the store did not take all; offering the same arrivals again is safe.
    """
    good: list[StoredChunk] = []
    aside: list[Quarantined] = []
    for arrival in arrivals:
        checked = check(arrival)
        if isinstance(checked, StoredChunk):
            good.append(checked)
        else:
            aside.append(_quarantine(arrival, checked, documents))
    chunks.put(good)
    return aside


def check(arrival: Arrival) -> StoredChunk | str:
    """Give the chunk to keep, or why it cannot be one of this gateway's."""
    try:
        chunk = decode(arrival.payload)
    except MalformedChunk as wrong:
        return str(wrong)
    if chunk.gateway != arrival.gateway_id:
        return f"it says it is of gateway {chunk.gateway}, but {arrival.gateway_id} sent it"
    return StoredChunk(
        gateway_id=arrival.gateway_id,
        window_start=datetime.fromtimestamp(chunk.t0, UTC),
        sequence=chunk.seq,
        payload=arrival.payload,
        received_at=arrival.received_at,
    )


def _quarantine(arrival: Arrival, because: str, documents: Documents) -> Quarantined:
    digest = hashlib.sha256(arrival.payload).hexdigest()[:16]
    reference = f"quarantine/{arrival.gateway_id}/{digest}"
    documents.put(reference, arrival.payload, "application/octet-stream")
    note = {"gateway": arrival.gateway_id, "because": because}
    documents.put(
        f"{reference}.json", json.dumps(note, sort_keys=True).encode(), "application/json"
    )
    return Quarantined(arrival.gateway_id, reference, because)
