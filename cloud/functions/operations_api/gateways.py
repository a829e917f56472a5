"""Routes of gateways: what each last told of itself, and what it is told to do otherwise."""

import os

from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters import wiring
from cloud.adapters.api import answers
from cloud.functions.operations_api.desk import (
    AMS,
    AUDITOR,
    CLOCK,
    RECORDS,
    SPC,
    acting,
    logged,
    may,
    shown,
)
from cloud.functions.operations_api.shapes import ConfigureIn, Listed, One
from cloud.telemetry.configuring import configure, gateway_subject, require_gateway
from cloud.telemetry.gateway_state import gateway_state

CHUNKS = wiring.chunks(os.environ)
DOWNLINK = wiring.downlink()

router = Router()
TAGS = ["Gateways"]


@router.get(
    "/ops/gateways/<gateway_id>",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, AMS, AUDITOR)],
)
def get_gateway(gateway_id: str) -> One:
    """Give what a gateway last told: health, clock, devices, what waits, what is missing of it."""
    return shown(gateway_state(RECORDS, CHUNKS, gateway_id=gateway_id, at=CLOCK.now()))


@router.get(
    "/ops/gateways/<gateway_id>/log",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, AMS, AUDITOR)],
)
def gateway_log(gateway_id: str) -> Listed:
    """Give what a gateway was asked for and told, and what became of it, the oldest first."""
    require_gateway(RECORDS, gateway_id)
    return logged(gateway_subject(gateway_id), of="gateway")


@router.post(
    "/ops/gateways/<gateway_id>/configure",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(AMS)],
)
def configure_gateway(gateway_id: str, body: ConfigureIn) -> One:
    """Tell a gateway what shall differ from its settings file; an empty `set` takes it all back.

    The gateway tries it for ten minutes and goes back by itself where nothing arrives under it.
    """
    return shown(
        configure(RECORDS, DOWNLINK, gateway_id=gateway_id, changes=body.told(), **acting())
    )
