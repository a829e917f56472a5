"""Books what is owed and taken back: milestones, cancellations, invoices, offsets, each once."""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from cloud.adapters import wiring
from cloud.funding import process
from cloud.funding.process import direct_pay
from cloud.portfolio.models import Milestone

logger = Logger()
CLOCK = wiring.clock()
RECORDS = wiring.records(os.environ)
PROCESSOR = BatchProcessor(event_type=EventType.SQS)


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
    logger.info("accrued", topic=body["topic"], id=body["id"])


def _milestone(body: dict[str, Any]) -> None:
    process.milestone_reached(
        RECORDS,
        project_id=body["project_id"],
        milestone=Milestone(body["milestone"]),
        at=CLOCK.now(),
        occurrence=body.get("occurrence"),
    )


def _milestone_revoked(body: dict[str, Any]) -> None:
    process.milestone_revoked(RECORDS, project_id=body["project_id"], at=CLOCK.now())


def _project_cancelled(body: dict[str, Any]) -> None:
    process.project_cancelled(RECORDS, project_id=body["project_id"], at=CLOCK.now())


def _project_registered(body: dict[str, Any]) -> None:
    direct_pay.enrol_new_project(RECORDS, project_id=body["project_id"], at=CLOCK.now())


def _payable(body: dict[str, Any]) -> None:
    process.accrue_service(RECORDS, body=body, at=CLOCK.now())


def _offset(body: dict[str, Any]) -> None:
    process.accrue_offset(RECORDS, body=body, at=CLOCK.now())


def _withdrawal(body: dict[str, Any]) -> None:
    process.withdraw_service(RECORDS, body=body, at=CLOCK.now())


TOPICS: Mapping[str, Callable[[dict[str, Any]], None]] = {
    "milestone": _milestone,
    "milestone_revoked": _milestone_revoked,
    "project_cancelled": _project_cancelled,
    "project_registered": _project_registered,
    "payable": _payable,
    "offset": _offset,
    "withdrawal": _withdrawal,
}
