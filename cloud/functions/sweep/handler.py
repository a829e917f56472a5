"""Begins an evaluation of every site of one clock, three times a day (D-11)."""

import os
from datetime import date, datetime
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.detection.process import plan

logger = Logger()
RECORDS = wiring.records(os.environ)


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Share out the sites of one standard-time clock to be measured, then judged."""
    since = event.get("replay_from")
    shared = plan(
        RECORDS,
        utc_offset_hours=event["utc_offset_hours"],
        at=datetime.fromisoformat(event["scheduled_for"]),
        replay_from=date.fromisoformat(since) if since else None,
    )
    logger.info(
        "planned",
        utc_offset_hours=event["utc_offset_hours"],
        sites=shared.sites,
        passed_over=shared.passed_over,
    )
    return {"sites": shared.sites, "passed_over": shared.passed_over}
