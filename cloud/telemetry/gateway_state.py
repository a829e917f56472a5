"""What is known of a gateway: what it last told, what it was told, and what is missing of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.kernel.ports import Records
from cloud.telemetry.asking import ASKED, chunks_since, given_up
from cloud.telemetry.chunk import Chunk, DeviceSection, decode
from cloud.telemetry.configuring import GatewayConfiguration, require_gateway
from cloud.telemetry.dictionary import QUALITY_NAMES
from cloud.telemetry.gaps import missing, numbered
from cloud.telemetry.policy import KEPT_BY_GATEWAY
from cloud.telemetry.ports import Chunks, StoredChunk

LOOKED_BACK = timedelta(days=60)
"""How long chunks are kept at hand: of a gateway that fell silent, the last one is looked for."""


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What a gateway last told of one device.

    Attributes:
        serial: its serial number.
        layout: its SunSpec models, or its profile.
        quality: of its last row in the chunk, None when the gateway took no reading at all.
        read_at: when that was.
    """

    serial: str
    layout: str
    quality: str | None
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class LastChunk:
    """The newest chunk of a gateway, by when it came in.

    Attributes:
        window_start: start of its window, by the gateway's clock.
        received_at: when it came in.
        seq: its number.
        boot: name of the start of the agent.
        version: of the agent.
        is_clock_set: what the gateway says of its clock.
        health: all that it tells of itself; `contract/README.md` says what each means.
        devices: those that it read.
    """

    window_start: datetime
    received_at: datetime
    seq: int
    boot: str
    version: str
    is_clock_set: bool
    health: Mapping[str, int | str | None]
    devices: tuple[DeviceState, ...]


@dataclass(frozen=True, slots=True)
class GatewayState:
    """What is known of a gateway.

    Attributes:
        id: its thing name.
        site_id: of the site that it speaks for.
        last_contact_at: when its last chunk came in, None when none did for two months.
        last: that chunk.
        missing: ranges of numbers that did not arrive and might still, by T-20 to T-24; those that
            were asked for in vain (T-26) are given up.
        configuration: what it was last told to do otherwise, None when it never was.
    """

    id: str
    site_id: str
    last_contact_at: datetime | None
    last: LastChunk | None
    missing: tuple[tuple[int, int], ...]
    configuration: GatewayConfiguration | None


def gateway_state(
    records: Records, chunks: Chunks, *, gateway_id: str, at: datetime
) -> GatewayState:
    """Give what is known of a gateway.

    Raises:
        NotFound: it speaks for no site.
    """
    site = require_gateway(records, gateway_id)
    known = chunks_since(chunks, gateway_id, at - KEPT_BY_GATEWAY.on(at.date()))
    stored_last = max(
        known or chunks_since(chunks, gateway_id, at - LOOKED_BACK), key=_came_in, default=None
    )
    last = (stored_last, decode(stored_last.payload)) if stored_last else None
    numbers = [numbered(one) for one in known]
    asked = [one for one in records.history(f"GATEWAY-{gateway_id}") if one.what == ASKED]
    stored = records.load(GatewayConfiguration, gateway_id)
    return GatewayState(
        id=gateway_id,
        site_id=site.id,
        last_contact_at=last[0].received_at if last else None,
        last=_told(*last) if last else None,
        missing=missing(numbers, at=at, given_up=given_up(asked, numbers, at=at)),
        configuration=stored.record if stored else None,
    )


def _came_in(one: StoredChunk) -> tuple[datetime, int]:
    return (one.received_at, one.sequence)


def _told(stored: StoredChunk, chunk: Chunk) -> LastChunk:
    return LastChunk(
        window_start=stored.window_start,
        received_at=stored.received_at,
        seq=chunk.seq,
        boot=chunk.boot,
        version=str(chunk.health.get("ver") or ""),
        is_clock_set=chunk.is_clock_synced,
        health=chunk.health,
        devices=tuple(_device(section, stored.window_start, chunk.dt) for section in chunk.devices),
    )


def _device(section: DeviceSection, start: datetime, dt: int) -> DeviceState:
    place = _last_known(section.quality)
    if place is None:
        return DeviceState(section.serial, section.layout, None, None)
    code = section.quality[place]
    name = None if code is None else QUALITY_NAMES.get(code, str(code))
    return DeviceState(section.serial, section.layout, name, start + timedelta(seconds=place * dt))


def _last_known(values: Sequence[int | None]) -> int | None:
    return next((n for n in reversed(range(len(values))) if values[n] is not None), None)
