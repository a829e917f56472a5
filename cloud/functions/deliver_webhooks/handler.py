"""Tries one delivery of an event to a partner's endpoint, as its message asks."""

import json
import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from cloud.adapters import wiring
from cloud.reporting.delivering import Outside, try_delivery
from cloud.reporting.webhooks import DeliveryState

logger = Logger()
CLOCK = wiring.clock()
METRICS = wiring.metrics(os.environ)
RECORDS = wiring.records(os.environ, METRICS)
OUTSIDE = Outside(wiring.poster(os.environ), wiring.webhook_secrets(os.environ))
PROCESSOR = BatchProcessor(event_type=EventType.SQS)
ENDS = {
    DeliveryState.DELIVERED: "WebhooksDelivered",
    DeliveryState.FAILED: "WebhooksFailed",
}
"""How a delivery ends -> the metric that counts it."""


@METRICS.after_each_call(CLOCK)
def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take each message on its own: one that fails comes again, and harms no other."""
    return dict(
        process_partial_response(
            event=event, record_handler=_take, processor=PROCESSOR, context=context
        )
    )


def _take(record: SQSRecord) -> None:
    body = json.loads(record.body)
    state = try_delivery(
        RECORDS,
        OUTSIDE,
        delivery_id=body["delivery_id"],
        round_=body["round"],
        tried=body["tried"],
        put_offs=body.get("put_offs", 0),
        at=CLOCK.now(),
    )
    if state in ENDS:
        METRICS.tell(ENDS[state], 1)
    logger.info("tried", delivery=body["delivery_id"], state=state)
