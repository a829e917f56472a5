"""A change of a device's state or alarms, sent at once and beside the chunks."""

import json
from datetime import UTC, datetime

from cloud.kernel.change import Event
from cloud.telemetry.chunk import BOOT_ID, COLUMN_NAME, GATEWAY_NAME, LATEST, MalformedChunk
from cloud.telemetry.dictionary import CLOCK_SYNCED, CLOCK_UNSYNCED, QUALITY_NAMES

MOST_EVENT_BYTES = 4096
BY_ARRIVAL = "; its gateway's clock was not set, so this is when it came in"
"""Stands behind the sentence of an event that did not know when it happened."""
_KINDS = frozenset({"state", "alarm"})


def decode_event(payload: bytes, received_at: datetime) -> tuple[str, Event]:
    """Give the gateway that an event names, and its entry for the event log.

    What a gateway says of the time before its clock was set is not believed: the entry then is of
    the instant at which the event came in, and its sentence says so.

    Args:
        payload: the message as it came in.
        received_at: when it came in.

    Raises:
        MalformedChunk: the payload is no event of any version; the message names what is wrong.
    """
    if len(payload) > MOST_EVENT_BYTES:
        raise MalformedChunk(f"decoding an event: {len(payload)} bytes are too many")
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError) as wrong:
        raise MalformedChunk("decoding an event: it is not JSON") from wrong
    if type(message) is not dict or type(message.get("v")) is not int or message["v"] != 1:
        raise MalformedChunk("decoding an event: it is not an object of version 1")
    gateway, serial = message.get("gw"), message.get("sn")
    if type(gateway) is not str or not GATEWAY_NAME.fullmatch(gateway):
        raise MalformedChunk("decoding an event: gw is not the name of a gateway")
    if type(serial) is not str or not 0 < len(serial) <= 64 or not serial.isprintable():
        raise MalformedChunk("decoding an event: sn is not a serial number")
    if type(message.get("boot")) is not str or not BOOT_ID.fullmatch(message["boot"]):
        raise MalformedChunk("decoding an event: boot is not a boot id")
    at = message.get("at")
    if type(at) is not int or not 0 <= at <= LATEST:
        raise MalformedChunk("decoding an event: at is not unix seconds")
    clock = message.get("clk", CLOCK_SYNCED)
    if type(clock) is not int or clock not in {CLOCK_UNSYNCED, CLOCK_SYNCED}:
        raise MalformedChunk("decoding an event: clk is neither 0 nor 1")
    is_clock_set = clock == CLOCK_SYNCED
    kind = message.get("kind")
    if type(kind) is not str or kind not in _KINDS:
        raise MalformedChunk("decoding an event: its kind is neither state nor alarm")
    return gateway, Event(
        subject=f"DEVICE-{gateway}-{serial}",
        what=f"device_{kind}",
        at=datetime.fromtimestamp(at, UTC) if is_clock_set else received_at,
        by=gateway,
        causes=(gateway,),
        says=_says(serial, message) + ("" if is_clock_set else BY_ARRIVAL),
    )


def _says(serial: str, message: dict[str, object]) -> str:
    before, after = message.get("from"), message.get("to")
    for value in (before, after):
        if value is not None and (type(value) is not int or not 0 <= value < 2**63):
            raise MalformedChunk("decoding an event: from and to are whole numbers or null")
    if message["kind"] == "state":
        names = [QUALITY_NAMES.get(v, str(v)) if type(v) is int else "new" for v in (before, after)]
        return f"device {serial} went from {names[0]} to {names[1]}"
    column = message.get("col")
    if type(column) is not str or not COLUMN_NAME.fullmatch(column):
        raise MalformedChunk("decoding an event: col is not a column")
    return f"device {serial} changed {column} from {before} to {after}"
