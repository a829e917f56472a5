"""Judges every site of one clock, three times a day (D-11)."""

import os
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.detection.process import sweep

logger = Logger()
RECORDS = wiring.records(os.environ)
CHUNKS = wiring.chunks(os.environ)


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Run one sweep for one standard-time zone."""
    at = datetime.fromisoformat(event["scheduled_for"])
    told = sweep(RECORDS, CHUNKS, utc_offset_hours=event["utc_offset_hours"], at=at)
    logger.info("swept", utc_offset_hours=event["utc_offset_hours"], told=told)
    return {"told": told}
