"""Gateways are asked to renew their certificates: note, send; that it was done shows by itself."""

import json
from datetime import UTC, datetime

from cloud.kernel.change import Change, Event
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records
from cloud.portfolio.devices import DeviceSerial, DeviceState
from cloud.telemetry.configuring import gateway_subject, require_gateway
from cloud.telemetry.ports import Downlink


def renew_text(command_id: str) -> bytes:
    """Give the message that asks for a renewal (`contract/COMMANDS.md`)."""
    return json.dumps({"v": 1, "do": "renew", "id": command_id}, separators=(",", ":")).encode(
        "ascii"
    )


def ask_to_renew(
    records: Records, downlink: Downlink, *, gateway_id: str, at: datetime, by: str
) -> str:
    """Ask a gateway to renew its certificate; gives the request's id, which is one for each day.

    Asked again on the same day it is the same request, and is obeyed once.

    Raises:
        NotFound: there is no such gateway.
        BadInput: it has no certificate of ours to renew.
        Unavailable: the way down does not answer; ask again.
    """
    require_gateway(records, gateway_id)
    devices = records.find(DeviceSerial, by="gateway_id", value=gateway_id)
    if not any(one.record.state is DeviceState.LIVE for one in devices):
        msg = f"renewing {gateway_id}: no device that came in by a claim is this gateway"
        raise BadInput(msg)
    command_id = derived("RN", gateway_id, f"{at.astimezone(UTC):%Y-%m-%d}")
    event = Event(
        subject=gateway_subject(gateway_id),
        what="renewal_asked",
        at=at,
        by=by,
        causes=(command_id,),
        says=f"gateway {gateway_id} was asked to renew its certificate",
    )
    records.commit(Change(events=(event,)))
    downlink.command(gateway_id, renew_text(command_id))
    return command_id
