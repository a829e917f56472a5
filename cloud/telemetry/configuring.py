"""Gateways are configured from afar: check, note, send, and notice what became of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.errors import Conflict, NotFound
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored
from cloud.portfolio.models import Site
from cloud.telemetry.asking import chunks_since
from cloud.telemetry.chunk import Chunk, decode
from cloud.telemetry.configuration import Configuration, checked, configure_text, summary
from cloud.telemetry.ports import Chunks, Downlink, StoredChunk, chunk_id

SENT, TAKEN, REFUSED = "configuration_sent", "configuration_taken", "configuration_refused"

_TRIAL = timedelta(minutes=10)
"""How long a gateway tries a configuration before it goes by it (`contract/COMMANDS.md`)."""
_READ_BACK = timedelta(days=2)
"""Every chunk tells of the configuration: the last ones are enough, however long a window is."""


class Outcome(StrEnum):
    """What became of a configuration."""

    WAITS = "waits"
    """It was sent, and no chunk has told of it yet."""
    TAKEN = "taken"
    REFUSED = "refused"
    """Refused, or taken back by the gateway because nothing arrived under it."""


@dataclass(frozen=True, slots=True)
class GatewayConfiguration:
    """What a gateway was last told to do otherwise, and what became of it.

    Attributes:
        id: the gateway's thing name.
        configuration_id: by which it tells of it.
        changes: what differs from its file, as a person reads it.
        message: as it was sent.
        asked_at: when it was asked for.
        asked_by: who asked.
        outcome: as the gateway's own chunks tell it.
        because: why it was refused, in the gateway's words.
    """

    id: str
    configuration_id: str
    changes: str
    message: str
    asked_at: datetime
    asked_by: str
    outcome: Outcome = Outcome.WAITS
    because: str = ""


def gateway_subject(gateway_id: str) -> str:
    """Give the subject under which a gateway's history stands."""
    return f"GATEWAY-{gateway_id}"


def require_gateway(records: Records, gateway_id: str) -> Site:
    """Give the site that a gateway speaks for.

    Raises:
        NotFound: it speaks for none.
    """
    found = records.find(Site, by="gateway_id", value=gateway_id)
    if not found:
        msg = f"gateway {gateway_id} speaks for no site: check its thing name"
        raise NotFound(msg)
    return found[0].record


def configure(
    records: Records,
    downlink: Downlink,
    *,
    gateway_id: str,
    changes: Mapping[str, Any],
    at: datetime,
    by: str,
) -> GatewayConfiguration:
    """Tell a gateway what shall differ from its file; what it was told before is replaced.

    It is noted before it is sent, so that nothing runs under a configuration that nobody knows of.
    The same changes at the same instant are the same configuration: it may be sent again, and is
    obeyed once.

    Raises:
        BadInput: the gateway would refuse it; nothing was sent.
        NotFound: there is no such gateway.
        Conflict: somebody else configured it at this moment; nothing was sent.
        Unavailable: the way down does not answer: what was noted waits in vain; ask again.
    """
    require_gateway(records, gateway_id)
    wanted = checked(changes)
    plain = configure_text(Configuration("CF", wanted)).decode()
    name = derived("CF", gateway_id, plain, at.astimezone(UTC).isoformat())
    payload = configure_text(Configuration(name, wanted))
    stored = records.load(GatewayConfiguration, gateway_id)
    asked = GatewayConfiguration(
        id=gateway_id,
        configuration_id=name,
        changes=summary(wanted),
        message=payload.decode(),
        asked_at=at,
        asked_by=by,
    )
    if stored is None or stored.record.configuration_id != name:
        noted = Event(
            subject=gateway_subject(gateway_id),
            what=SENT,
            at=at,
            by=by,
            causes=(name,),
            says=f"gateway {gateway_id} was told to go by: {asked.changes}",
        )
        save = Save(asked, stored.version if stored else NEW)
        records.commit(Change(saves=(save,), events=(noted,)))
    else:
        asked = stored.record
    downlink.command(gateway_id, payload)
    return asked


def notice_outcomes(
    gateway_ids: Iterable[str], *, chunks: Chunks, records: Records, at: datetime
) -> int:
    """Note what became of configurations that were sent, once each, and give how many there were.

    It is meant to run with the sweep: chunks are read of those gateways only whose configuration
    still waits. Run again it changes nothing.

    Raises:
        Unavailable: the store does not answer; running it again is safe.
    """
    names = sorted(set(gateway_ids))
    waiting = {
        name: stored
        for name, stored in records.load_all(GatewayConfiguration, names).items()
        if stored.record.outcome is Outcome.WAITS
    }
    return sum(
        _noticed(records, stored, chunks_since(chunks, name, at - _READ_BACK), at)
        for name, stored in waiting.items()
    )


def _noticed(
    records: Records,
    stored: Stored[GatewayConfiguration],
    known: Iterable[StoredChunk],
    at: datetime,
) -> bool:
    asked = stored.record
    for one in known:
        told = outcome_in(asked, one, decode(one.payload))
        if told is None:
            continue
        change = Change(
            saves=(stored.replaced_by(replace(asked, outcome=told[0], because=told[1])),),
            events=(_outcome_event(asked, told, one, at),),
        )
        try:
            records.commit(change)
        except Conflict:
            return False  # It was configured anew meanwhile: what became of this matters no more.
        return True
    return False


def outcome_in(
    asked: GatewayConfiguration, stored: StoredChunk, chunk: Chunk
) -> tuple[Outcome, str] | None:
    """Give what a chunk tells of a configuration with the gateway's reason, None for nothing.

    One that takes everything back may have no name of its own in the gateway: it was taken when a
    window that began after the time for trying it names no configuration at all.
    """
    health, name = chunk.health, asked.configuration_id
    if health.get("cfg") == name:
        return Outcome.TAKEN, ""
    if health.get("cfg_no") == name:
        return Outcome.REFUSED, str(health.get("cfg_why") or "it gave no reason")
    is_plain = not health.get("cfg") and not health.get("cfg_try")
    is_after = chunk.is_clock_synced and stored.window_start >= asked.asked_at + _TRIAL
    if is_plain and is_after and asked.message.endswith('"set":{}}'):
        return Outcome.TAKEN, ""
    return None


def _outcome_event(
    asked: GatewayConfiguration, told: tuple[Outcome, str], chunk: StoredChunk, at: datetime
) -> Event:
    is_taken = told[0] is Outcome.TAKEN
    said = "goes by" if is_taken else f"refused ({told[1]})"
    return Event(
        subject=gateway_subject(asked.id),
        what=TAKEN if is_taken else REFUSED,
        at=at,
        by=asked.id,
        causes=(asked.configuration_id, chunk_id(chunk)),
        says=f"gateway {asked.id} {said}: {asked.changes}",
    )
