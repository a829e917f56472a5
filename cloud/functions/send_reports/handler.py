"""Sends scheduled reports, each due instant once (OR-10, OR-11), and says which fail (OR-15)."""

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
from cloud.adapters.report_html import written
from cloud.reporting.schedule_failures import note_failure, tell_of_failing
from cloud.reporting.scheduling import send_report

logger = Logger()
CLOCK = wiring.clock()
RECORDS = wiring.records(os.environ)
DOCUMENTS = wiring.documents(os.environ)
STAFF = wiring.staff(os.environ)
PAGES_URL = os.environ["PAGES_URL"]
PROCESSOR = BatchProcessor(event_type=EventType.SQS)


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Send each report on its own: one that fails comes again, and harms no other."""
    return dict(
        process_partial_response(
            event=event, record_handler=_send, processor=PROCESSOR, context=context
        )
    )


def _send(record: SQSRecord) -> None:
    body = json.loads(record.body)
    name, due_at = body["schedule_id"], datetime.fromisoformat(body["due_at"])
    now = CLOCK.now()
    tell_of_failing(RECORDS, STAFF, schedule_id=name, due_at=due_at, at=now)
    try:
        sent = send_report(
            RECORDS,
            DOCUMENTS,
            STAFF,
            written,
            schedule_id=name,
            due_at=due_at,
            pages_url=PAGES_URL,
            at=now,
        )
    except Exception as failed:
        note_failure(
            RECORDS,
            STAFF,
            schedule_id=name,
            due_at=due_at,
            failed=failed,
            tries=int(record.attributes.approximate_receive_count),
            at=now,
        )
        raise
    logger.info("report sent", id=sent.id, state=sent.state, due_at=body["due_at"])
