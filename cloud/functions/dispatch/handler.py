"""Opens a case for what was found, tells the customer, offers the work; ends what recovered."""

import json
import os
from datetime import date, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from cloud.adapters import wiring
from cloud.detection.models import Tier
from cloud.service.cases import Desks
from cloud.service.models import Finding
from cloud.service.process import match_help_request, record_recovery, take_up

logger = Logger()
CLOCK = wiring.clock()
METRICS = wiring.metrics(os.environ)
RECORDS = wiring.records(os.environ, METRICS)
DESKS = Desks(
    coordinator_id=os.environ["COORDINATOR_ID"],
    support_center=os.environ["SUPPORT_CENTER_MAIL"],
    aftermarket=os.environ["OPERATIONS_MAIL"],
)
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
    topics = {"finding": _finding, "recovery": _recovery, "help_request": _help}
    topics[body["topic"]](body)


def _finding(body: dict[str, Any]) -> None:
    finding = Finding(
        id=body["finding_id"],
        site_id=body["site_id"],
        family=body["family"],
        rule=body["rule"],
        opened_on=date.fromisoformat(body["onset"]),
        says=body["says"],
        dispatchable=body["tier"] == Tier.DISPATCH,
        evidence=tuple(body["evidence"]),
        causes=tuple(body["causes"]),
        # What waited in the queue when a later version came does not tell these yet.
        hazard=body.get("hazard", ""),
        is_grid_out=body.get("is_grid_out", False),
        summary=body.get("summary", ""),
        picture=body.get("picture", ""),
    )
    case = take_up(RECORDS, finding=finding, at=CLOCK.now(), desks=DESKS)
    logger.info("taken up", finding=finding.id, case=case.id)


def _recovery(body: dict[str, Any]) -> None:
    seen_at = datetime.fromisoformat(body["seen_at"])
    record_recovery(RECORDS, site_id=body["site_id"], family=body["family"], at=seen_at)


def _help(body: dict[str, Any]) -> None:
    request = match_help_request(RECORDS, request_id=body["request_id"], desks=DESKS)
    logger.info("help asked for", request=request.id, state=request.state)
