"""Judges every site of one clock, three times a day (D-11)."""

import os
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.detection.process import sweep

logger = Logger()
CLOCK = wiring.clock()
RECORDS = wiring.records(os.environ)
CHUNKS = wiring.chunks(os.environ)


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Run one sweep for one standard-time zone."""
    scheduled = event.get("scheduled_for")
    at = datetime.fromisoformat(scheduled) if scheduled else CLOCK.now()
    told = sweep(RECORDS, CHUNKS, utc_offset_hours=event["utc_offset_hours"], at=at)
    logger.info("swept", utc_offset_hours=event["utc_offset_hours"], told=told)
    return {"told": told}
