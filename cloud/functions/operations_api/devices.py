"""Routes of devices: which may come in as gateways, by which claims, and how they end."""

import os
from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from cloud.adapters import codec, wiring
from cloud.adapters.api import allowed, answers
from cloud.adapters.device_registry import new_token
from cloud.functions.operations_api.desk import (
    AMS,
    AUDITOR,
    PROJECTS,
    RECORDS,
    SPC,
    acting,
    listed,
    logged,
    may,
    shown,
)
from cloud.functions.operations_api.shapes import (
    AdmitIn,
    ClaimIn,
    Listed,
    One,
    ReasonIn,
    ReplaceIn,
)
from cloud.kernel.ports import require
from cloud.portfolio.devices import ClaimCertificate, DeviceSerial, DeviceState
from cloud.portfolio.process.devices import (
    admit,
    decommission,
    device_subject,
    make_claim,
    replace_device,
    retire_claim,
)
from cloud.telemetry.renewing import ask_to_renew
from cloud.telemetry.watching import GatewayPresence, settle_suspicion

REGISTRY = wiring.device_registry(os.environ)
DOWNLINK = wiring.downlink()

router = Router()
TAGS = ["Devices"]


@router.get("/ops/devices", responses=answers(), tags=TAGS, middlewares=[may(SPC, AMS, AUDITOR)])
def list_devices(state: Annotated[DeviceState, Query()] = DeviceState.LIVE) -> Listed:
    """List the devices that are admitted, provisioned, live or ended; tokens are not shown."""
    return Listed(items=[_told(one) for one in listed(DeviceSerial, "state", state).items])


@router.post("/ops/devices", responses=answers(), tags=TAGS, middlewares=[may(AMS, PROJECTS)])
def admit_device(body: AdmitIn) -> One:
    """Put a serial number on the list for a site; its one-time token is in this answer alone."""
    token = new_token()
    device = admit(
        RECORDS,
        serial=body.serial,
        site_id=body.site_id,
        token=token,
        because=body.reason,
        **acting(),
    )
    return _with_token(device, token)


@router.get(
    "/ops/devices/<serial>",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, AMS, AUDITOR)],
)
def get_device(serial: str) -> One:
    """Give a device with its certificates."""
    device = require(RECORDS.load(DeviceSerial, serial), "device", serial).record
    return One(item=_told(codec.to_shown(device)))


@router.get(
    "/ops/devices/<serial>/log",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, AMS, AUDITOR)],
)
def device_log(serial: str) -> Listed:
    """Give all that happened to a serial number, refusals of unknown ones too, the oldest first."""
    return logged(device_subject(serial), of="gateway")


@router.post(
    "/ops/devices/<serial>/replace", responses=answers(), tags=TAGS, middlewares=[may(AMS)]
)
def replace_with(serial: str, body: ReplaceIn) -> One:
    """Put another serial number in a device's place; the old one ends, the gateway keeps its name.

    The new one's token is in this answer alone.
    """
    token = new_token()
    device = replace_device(
        RECORDS,
        REGISTRY,
        old=serial,
        new=body.serial,
        token=token,
        because=body.reason,
        **acting(),
    )
    return _with_token(device, token)


@router.post(
    "/ops/gateways/<gateway_id>/decommission",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(AMS)],
)
def decommission_gateway(gateway_id: str, body: ReasonIn) -> One:
    """End the device that is a gateway: it connects no more; the site's readings stay."""
    device = decommission(RECORDS, REGISTRY, gateway_id=gateway_id, because=body.reason, **acting())
    return One(item=_told(codec.to_shown(device)))


@router.post(
    "/ops/gateways/<gateway_id>/renew", responses=answers(), tags=TAGS, middlewares=[may(AMS)]
)
def renew_gateway(gateway_id: str) -> One:
    """Ask a gateway to renew its certificate, with a key of its own."""
    command = ask_to_renew(RECORDS, DOWNLINK, gateway_id=gateway_id, **acting())
    return One(item={"gateway_id": gateway_id, "command": command})


@router.get(
    "/ops/clone_suspicions",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, AMS, AUDITOR)],
)
def list_suspicions() -> Listed:
    """List the gateways that may be two machines by one certificate, until somebody has looked."""
    return listed(GatewayPresence, "suspicion", "open")


@router.post(
    "/ops/clone_suspicions/<gateway_id>/settle",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(AMS)],
)
def settle_clone_suspicion(gateway_id: str, body: ReasonIn) -> One:
    """Say that a suspicion was looked at; what was seen until now counts no more."""
    return shown(settle_suspicion(RECORDS, gateway_id=gateway_id, because=body.reason, **acting()))


@router.get("/ops/device_claims", responses=answers(), tags=TAGS, middlewares=[may(AMS, AUDITOR)])
def list_claims() -> Listed:
    """List the claim certificates that devices come in by."""
    return listed(ClaimCertificate, "state", "active")


@router.post("/ops/device_claims", responses=answers(), tags=TAGS, middlewares=[may(AMS)])
def make_device_claim(body: ClaimIn) -> One:
    """Sign a claim certificate for a key that who asks keeps; end the others if that is said."""
    made, issued = make_claim(
        RECORDS,
        REGISTRY,
        request_pem=body.request,
        retire_others=body.retire_others,
        **acting(),
    )
    return One(item={**codec.to_shown(made), "certificate": issued.pem})


@router.post(
    "/ops/device_claims/<claim_id>/retire",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(AMS)],
)
def retire_device_claim(claim_id: str) -> One:
    """End a claim certificate: nobody comes in by it any more."""
    return shown(retire_claim(RECORDS, REGISTRY, claim_id=claim_id, **acting()))


def _told(device: dict[str, object]) -> dict[str, object]:
    """Leave out the token's digest: nobody needs it who reads."""
    return {name: value for name, value in device.items() if name != "token_digest"}


def _with_token(device: object, token: str) -> One:
    return One(item={**_told(codec.to_shown(allowed(device))), "token": token})
