"""Writes the files of large exports and announces them, each once (F29)."""

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
from cloud.funding.process import exports

logger = Logger()
CLOCK = wiring.clock()
METRICS = wiring.metrics(os.environ)
RECORDS = wiring.records(os.environ, METRICS)
DOCUMENTS = wiring.documents(os.environ)
PROCESSOR = BatchProcessor(event_type=EventType.SQS)


@METRICS.after_each_call(CLOCK)
def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Write each export on its own: one that fails comes again, and harms no other."""
    return dict(
        process_partial_response(
            event=event, record_handler=_write, processor=PROCESSOR, context=context
        )
    )


def _write(record: SQSRecord) -> None:
    body = json.loads(record.body)
    made = exports.build_export(RECORDS, DOCUMENTS, export_id=body["export_id"], at=CLOCK.now())
    logger.info("exported", id=made.id, rows=made.row_count)
