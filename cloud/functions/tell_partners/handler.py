"""Writes entries of the log into the feeds of the partners whose they are, each once."""

import os
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.kernel.errors import SunreeveError
from cloud.reporting.telling import tell

logger = Logger()
CLOCK = wiring.clock()
RECORDS = wiring.records(os.environ)
TELLINGS = wiring.tellings(os.environ)


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Tell what was just written, or, each minute, all that is still to be told.

    What cannot be told now is tried again later, and harms nothing else.
    """
    now = CLOCK.now()
    keys = [record["dynamodb"]["Keys"] for record in event.get("Records", ())]
    written = [(key["pk"]["S"], key["sk"]["S"]) for key in keys]
    told = 0
    for entry in TELLINGS.of(written) if written else TELLINGS.due(now):
        try:
            told += len(tell(RECORDS, entry.event, key=entry.key, at=now))
        except SunreeveError as wrong:
            logger.warning("not told", entry=entry.key, because=str(wrong))
            TELLINGS.failed(entry, now)
        else:
            TELLINGS.done(entry)
    return {"told": told}
