"""Takes to invoices and back-bills what the funding runs paid and took, each exactly once."""

import json
import os
from collections.abc import Callable, Mapping
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
from cloud.invoicing import process
from cloud.kernel.money import Money

logger = Logger()
CLOCK = wiring.clock()
METRICS = wiring.metrics(os.environ)
RECORDS = wiring.records(os.environ, METRICS)
PROCESSOR = BatchProcessor(event_type=EventType.SQS)


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
    TOPICS[body["topic"]](body)
    logger.info("settled", topic=body["topic"], id=body["id"])


def _paid(body: dict[str, Any]) -> None:
    process.record_payment(RECORDS, **_payment(body), at=CLOCK.now())


def _payment_returned(body: dict[str, Any]) -> None:
    process.record_returned_payment(
        RECORDS,
        **_payment(body),
        returned_at=datetime.fromisoformat(body["returned_at"]),
        code=body["code"],
        at=CLOCK.now(),
    )


def _payment(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "invoice_id": body["invoice_id"],
        "run_id": body["run_id"],
        "amount": Money(body["paid_cents"]),
        "trace_number": body["trace"],
        "paid_at": datetime.fromisoformat(body["paid_at"]),
    }


def _offset_taken(body: dict[str, Any]) -> None:
    process.record_offset_taken(
        RECORDS,
        work_order_id=body["work_order_id"],
        offset_id=body["offset_id"],
        run_id=body["run_id"],
        amount=Money(body["taken_cents"]),
        at=CLOCK.now(),
    )


def _withdrawn(body: dict[str, Any]) -> None:
    process.record_void(
        RECORDS, invoice_id=body["invoice_id"], is_withdrawn=body["is_withdrawn"], at=CLOCK.now()
    )


def _cause_found(body: dict[str, Any]) -> None:
    process.assess(RECORDS, work_order_id=body["work_order_id"], at=CLOCK.now())


TOPICS: Mapping[str, Callable[[dict[str, Any]], None]] = {
    "paid": _paid,
    "payment_returned": _payment_returned,
    "offset_taken": _offset_taken,
    "withdrawn": _withdrawn,
    "cause_found": _cause_found,
}
