"""Ingest: what came over MQTT is checked, kept, or put aside with the reason."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cloud.kernel.change import Change, Event
from cloud.kernel.ports import Documents, Records
from cloud.telemetry.chunk import MalformedChunk, decode
from cloud.telemetry.device_event import decode_event
from cloud.telemetry.late import note_late
from cloud.telemetry.ports import Chunks, StoredChunk

_EVENTS_AT_ONCE = 50
"""Well below what one transaction can hold."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A payload with what the connection itself tells of it.

    Attributes:
        kind: ``chunk`` or ``event``, by the topic that it came on.
        gateway_id: thing name that the topic (and so the certificate) carries.
        received_at: the broker's time of arrival.
    """

    kind: str
    gateway_id: str
    payload: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A payload that is no chunk of its gateway: kept, to be looked at and replayed."""

    gateway_id: str
    reference: str
    because: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch of arrivals.

    Attributes:
        events: what devices said and was kept, each with the instant at which it came in.
        aside: what was put aside.
    """

    events: tuple[tuple[datetime, Event], ...]
    aside: tuple[Quarantined, ...]


def ingest(
    arrivals: Iterable[Arrival], *, chunks: Chunks, documents: Documents, records: Records
) -> Taken:
    """Keep the good chunks and events, put the others aside, and give what became of all.

    A bad payload never fails its neighbours, and is not tried again: trying does not mend it. A
    window that comes late is noted, for a sweep to look at (T-25).

    Raises:
        Unavailable: the store did not take all; offering the same arrivals again is safe.
    """
    good: list[StoredChunk] = []
    told: list[tuple[datetime, Event]] = []
    aside: list[Quarantined] = []
    for arrival in arrivals:
        checked = check(arrival)
        if isinstance(checked, StoredChunk):
            good.append(checked)
        elif isinstance(checked, Event):
            told.append((arrival.received_at, checked))
        else:
            aside.append(_quarantine(arrival, checked, documents))
    chunks.put(good)
    note_late(records, good)
    for start in range(0, len(told), _EVENTS_AT_ONCE):
        some = told[start : start + _EVENTS_AT_ONCE]
        records.commit(Change(events=tuple(event for _, event in some)))
    return Taken(tuple(told), tuple(aside))


def check(arrival: Arrival) -> StoredChunk | Event | str:
    """Give the chunk or event to keep, or why it cannot be one of this gateway's."""
    try:
        if arrival.kind == "event":
            gateway, event = decode_event(arrival.payload, arrival.received_at)
            return event if gateway == arrival.gateway_id else _foreign(gateway, arrival)
        chunk = decode(arrival.payload)
    except MalformedChunk as wrong:
        return str(wrong)
    if chunk.gateway != arrival.gateway_id:
        return _foreign(chunk.gateway, arrival)
    return StoredChunk(
        gateway_id=arrival.gateway_id,
        window_start=datetime.fromtimestamp(chunk.t0, UTC),
        sequence=chunk.seq,
        payload=arrival.payload,
        received_at=arrival.received_at,
    )


def _foreign(gateway: str, arrival: Arrival) -> str:
    return f"it says it is of gateway {gateway}, but {arrival.gateway_id} sent it"


def _quarantine(arrival: Arrival, because: str, documents: Documents) -> Quarantined:
    digest = hashlib.sha256(arrival.payload).hexdigest()[:16]
    reference = f"quarantine/{arrival.gateway_id}/{digest}"
    documents.put(reference, arrival.payload, "application/octet-stream")
    note = json.dumps({"gateway": arrival.gateway_id, "because": because}, sort_keys=True).encode()
    # Named by what it says: the same bytes may be refused again for another reason (on the other
    # topic, by a later version), and a second note must not fail the batch.
    digest = hashlib.sha256(note).hexdigest()[:8]
    documents.put(f"{reference}.{digest}.json", note, "application/json")
    return Quarantined(arrival.gateway_id, reference, because)
