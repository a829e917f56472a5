"""Checks what gateways sent, keeps the good, puts the rest aside."""

import base64
import json
import os
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.telemetry.process import Arrival, ingest

logger = Logger()
CHUNKS = wiring.chunks(os.environ)
DOCUMENTS = wiring.documents(os.environ)
RECORDS = wiring.records(os.environ)


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Take a batch of arrivals; all of it comes again if the store does not answer."""
    arrivals = [_arrival(json.loads(record["body"])) for record in event["Records"]]
    for aside in ingest(arrivals, chunks=CHUNKS, documents=DOCUMENTS, records=RECORDS):
        logger.warning("quarantined", gateway=aside.gateway_id, because=aside.because)
    return {"batchItemFailures": []}


def _arrival(body: dict[str, Any]) -> Arrival:
    return Arrival(
        kind=body["kind"],
        gateway_id=body["gateway_id"],
        payload=base64.b64decode(body["payload"]),
        received_at=datetime.fromtimestamp(body["received_ms"] / 1000, UTC),
    )
