"""What is seen of gateways' connections is kept for a while, and a copied certificate is told."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cloud.kernel.change import NEW, Change, Event, Letter, Save
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.ports import DeviceRegistry
from cloud.portfolio.process.devices import note_connected
from cloud.telemetry.chunk import MalformedChunk, decode
from cloud.telemetry.clones import (
    CONNECTED,
    STATUS,
    Fact,
    Seen,
    Sent,
    Sign,
    boots_that_return,
    kicked_by_another,
    recent,
    windows_shared,
)
from cloud.telemetry.configuring import gateway_subject
from cloud.telemetry.ports import Chunks

OPEN, SETTLED = "open", "settled"
_READ_BACK = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class GatewayPresence:
    """What was lately seen of a gateway's connections, and whether it may be two machines.

    Attributes:
        id: the gateway's thing name.
        facts: those of the last two days.
        suspicion: `open` from a sign until a person has looked; empty while there never was one.
        rule, says: of the sign.
        since: facts before it count no more: somebody has looked at them.
        settled_by, because: who looked, and what it was.
    """

    id: str
    facts: tuple[Fact, ...] = ()
    suspicion: str = ""
    rule: str = ""
    says: str = ""
    suspected_at: datetime | None = None
    since: datetime | None = None
    settled_by: str = ""
    because: str = ""


def watch(
    seen: Iterable[Seen],
    *,
    records: Records,
    chunks: Chunks,
    registry: DeviceRegistry,
    operations_mail: str,
    at: datetime,
) -> int:
    """Note what was seen, end certificates that were replaced, and tell of copied ones, once each.

    The same facts again change nothing. Gives how many gateways fell under suspicion.

    Raises:
        Conflict: somebody else wrote one of the gateways; doing it all again is safe.
        Unavailable: something did not answer; doing it all again is safe.
    """
    by_gateway: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        by_gateway[one.gateway_id].append(one)
    suspected = 0
    for gateway_id, of_gateway in sorted(by_gateway.items()):
        for certificate_id in {
            one.certificate_id for one in of_gateway if one.fact.kind == CONNECTED
        }:
            note_connected(
                records, registry, thing=gateway_id, certificate_id=certificate_id, at=at
            )
        suspected += _note(
            gateway_id,
            [one.fact for one in of_gateway],
            records=records,
            chunks=chunks,
            operations_mail=operations_mail,
            at=at,
        )
    return suspected


def _note(
    gateway_id: str,
    facts: list[Fact],
    *,
    records: Records,
    chunks: Chunks,
    operations_mail: str,
    at: datetime,
) -> bool:
    stored = records.load(GatewayPresence, gateway_id) or Stored(GatewayPresence(gateway_id), NEW)
    known = stored.record
    presence = replace(known, facts=recent((*known.facts, *facts), at=at))
    if presence == known:
        return False
    sign = None if known.suspicion == OPEN else sign_of(presence, chunks=chunks, at=at)
    if sign is None:
        records.commit(Change(saves=(Save(presence, stored.version),)))
        return False
    presence = replace(
        presence, suspicion=OPEN, rule=sign.rule, says=sign.says, suspected_at=at,
        settled_by="", because="",
    )  # fmt: skip
    event = Event(
        subject=gateway_subject(gateway_id),
        what="clone_suspected",
        at=at,
        by="watching",
        rule=sign.rule,
        says=f"gateway {gateway_id} may be two machines: {sign.says}",
    )
    letter = _letter(presence, sign, to=operations_mail, at=at)
    save = Save(presence, stored.version)
    records.commit(Change(saves=(save,), events=(event,), letters=(letter,)))
    return True


def sign_of(presence: GatewayPresence, *, chunks: Chunks, at: datetime) -> Sign | None:
    """Give the first sign that a gateway is two machines (DV-07, DV-08, DV-12).

    Chunks are read only of a gateway that told of two starts: one that goes by its only start
    cannot have a second one's windows between its own.
    """
    since = presence.since
    facts = [one for one in presence.facts if since is None or one.at_ms > _ms(since)]
    found = boots_that_return(facts, at=at) or kicked_by_another(facts, at=at)
    if found is not None or len({one.boot for one in facts if one.kind == STATUS}) < 2:
        return found
    return windows_shared(_sent(presence.id, chunks, since=since, at=at), at=at)


def settle_suspicion(
    records: Records, *, gateway_id: str, because: str, at: datetime, by: str
) -> GatewayPresence:
    """Note that a person has looked at a suspicion; what was seen until now counts no more.

    Raises:
        NotFound: nothing was ever seen of such a gateway.
        Conflict: more was seen of it at this moment; do it again.
    """
    stored = require(records.load(GatewayPresence, gateway_id), "gateway", gateway_id)
    if stored.record.suspicion != OPEN:
        return stored.record
    settled = replace(stored.record, suspicion=SETTLED, since=at, settled_by=by, because=because)
    event = Event(
        subject=gateway_subject(gateway_id),
        what="clone_settled",
        at=at,
        by=by,
        rule=stored.record.rule,
        says=f"gateway {gateway_id} was looked at: {because}",
    )
    records.commit(Change(saves=(stored.replaced_by(settled),), events=(event,)))
    return settled


def _sent(gateway_id: str, chunks: Chunks, *, since: datetime | None, at: datetime) -> list[Sent]:
    """Give what the chunks of the last two days tell of who sent them; clocks not set are none."""
    begin = at - _READ_BACK if since is None else max(since, at - _READ_BACK)
    found = []
    for stored in chunks.between(gateway_id, begin.astimezone(UTC), at + timedelta(days=1)):
        try:
            chunk = decode(stored.payload)
        except MalformedChunk:
            continue  # it was checked when it came in; what is damaged since is no sign
        if chunk.is_clock_synced:
            found.append(Sent(chunk.boot, chunk.seq, chunk.t0))
    return found


def _letter(presence: GatewayPresence, sign: Sign, *, to: str, at: datetime) -> Letter:
    name = presence.id
    return Letter(
        id=derived("LTR", name, "clone", at.isoformat()),
        to=to,
        subject=f"[{name}] a gateway may be two machines",
        text=(
            f"gateway {name} may be two machines that go by one certificate ({sign.rule}): "
            f"{sign.says}.\n\n"
            "Nothing was blocked. Look at where it connects from, and whether somebody copied its "
            "disk or exchanged its hardware.\n"
            f"If it was copied: sunreeve device replace OLD NEW, or sunreeve device decommission "
            f"{name}; both end the certificate.\n"
            f"If it is in order: sunreeve device dismiss {name} --because ..."
        ),
        thread=gateway_subject(name),
        at=at,
    )


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
