"""Measures the sites of a part of a region, from their own chunks alone."""

import json
import os
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from cloud.adapters import wiring
from cloud.detection.process import measure

logger = Logger()
RECORDS = wiring.records(os.environ)
CHUNKS = wiring.chunks(os.environ)
DOWNLINK = wiring.downlink()
PROCESSOR = BatchProcessor(event_type=EventType.SQS)


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take each order on its own: one that fails comes again, and harms no other."""
    return dict(
        process_partial_response(
            event=event, record_handler=_take, processor=PROCESSOR, context=context
        )
    )


def _take(record: SQSRecord) -> None:
    body = json.loads(record.body)
    region, shard = body["region"], body["shard"]
    at = datetime.fromisoformat(body["at"])
    written = measure(RECORDS, CHUNKS, DOWNLINK, region_id=region, shard=shard, at=at)
    logger.info("measured", region=region, shard=shard, written=written)
