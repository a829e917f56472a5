"""Judges a region's sites beside each other, and tells of what it finds."""

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
from cloud.detection.process import judge

logger = Logger()
METRICS = wiring.metrics(os.environ)
RECORDS = wiring.records(os.environ, METRICS)
CHUNKS = wiring.chunks(os.environ)
DOCUMENTS = wiring.documents(os.environ)
OPERATIONS_MAIL = os.environ["OPERATIONS_MAIL"]
PROCESSOR = BatchProcessor(event_type=EventType.SQS)


@METRICS.after_each_call(wiring.clock())
def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take each region on its own: one that fails comes again, and harms no other."""
    return dict(
        process_partial_response(
            event=event, record_handler=_take, processor=PROCESSOR, context=context
        )
    )


def _take(record: SQSRecord) -> None:
    body = json.loads(record.body)
    region = body["region"]
    told = judge(
        RECORDS,
        CHUNKS,
        DOCUMENTS,
        region_id=region,
        at=datetime.fromisoformat(body["at"]),
        tell_holds_to=OPERATIONS_MAIL,
    )
    logger.info("judged", region=region, told=told)
