"""Puts on record, once a month, how well each partner performs: routing goes by it."""

import os
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.reporting.process import refresh_performance

logger = Logger()
CLOCK = wiring.clock()
RECORDS = wiring.records(os.environ)


def handle(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Work out the scorecard as of the first of the month; a second call changes nothing."""
    found = refresh_performance(RECORDS, at=CLOCK.now())
    logger.info("scored", partners=len(found))
    return {"partners": len(found)}
