"""Checks what gateways sent, keeps the good, puts the rest aside."""

import base64
import json
import os
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.detection.process import alarm
from cloud.telemetry.process import Arrival, ingest

logger = Logger()
CHUNKS = wiring.chunks(os.environ)
DOCUMENTS = wiring.documents(os.environ)
METRICS = wiring.metrics(os.environ)
CLOCK = wiring.clock()
RECORDS = wiring.records(os.environ)


@METRICS.after_each_call(CLOCK)
def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Take a batch of arrivals; all of it comes again if the store does not answer.

    A message that no topic rule of ours made harms no other: it comes again by itself, until it
    lies with the dead letters.
    """
    arrivals: list[Arrival] = []
    failures: list[dict[str, str]] = []
    for record in event["Records"]:
        try:
            arrivals.append(_arrival(record))
        except (KeyError, TypeError, ValueError, OverflowError) as wrong:
            logger.warning("no arrival", message_id=record["messageId"], because=repr(wrong))
            failures.append({"itemIdentifier": record["messageId"]})
    taken = ingest(arrivals, chunks=CHUNKS, documents=DOCUMENTS, records=RECORDS)
    for aside in taken.aside:
        METRICS.tell("ChunksQuarantined", 1)
        logger.warning("quarantined", gateway=aside.gateway_id, because=aside.because)
    alarm(RECORDS, taken.events)
    return {"batchItemFailures": failures}


def _arrival(record: dict[str, Any]) -> Arrival:
    body = json.loads(record["body"])
    if "base64OriginalPayload" in body:
        return _laid_aside(body, record)
    return Arrival(
        kind=body["kind"],
        gateway_id=body["gateway_id"],
        payload=base64.b64decode(body["payload"], validate=True),
        received_at=_instant(body["received_ms"]),
    )


def _laid_aside(body: dict[str, Any], record: dict[str, Any]) -> Arrival:
    """Read what a rule's error action wrote ("Error action message format", AWS IoT Core).

    It lies with the dead letters until somebody sends them back. Whose it is stands in the topic,
    of which a gateway's policy lets it use its own alone; when it came is when it was laid there.
    """
    *_, gateway_id, kind = str(body["topic"]).split("/")
    return Arrival(
        kind=kind,
        gateway_id=gateway_id,
        payload=base64.b64decode(body["base64OriginalPayload"], validate=True),
        received_at=_instant(int(record["attributes"]["SentTimestamp"])),
    )


def _instant(at_ms: float) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
