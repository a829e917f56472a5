"""Looks each hour at what stands still without a sound: dead letters, certificates, bank files."""

import os
from typing import Any

from cloud.adapters import wiring
from cloud.funding.process.leaving import unsent
from cloud.portfolio.process.certificates import days_left

CLOCK = wiring.clock()
RECORDS = wiring.watched_records(os.environ)
DEAD_LETTERS = wiring.dead_letters(os.environ)
API_CERTIFICATE = wiring.api_certificate(os.environ)
METRICS = wiring.metrics(os.environ)


@METRICS.after_each_call(CLOCK)
def handle(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Tell what was found, also when all is well: for the alarms silence is a fault."""
    now = CLOCK.now()
    METRICS.tell("DeadLetters", DEAD_LETTERS.count())
    METRICS.tell("CertificateDaysLeft", days_left(RECORDS, others=API_CERTIFICATE.ends(), at=now))
    METRICS.tell("FundingUnsentAfterNoon", unsent(RECORDS, at=now))
    return {}
