"""Lets letters and messages leave, at least once, each under its own id."""

import os
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.kernel.change import Letter, Message
from cloud.kernel.errors import SunreeveError
from cloud.service.process import record_delivery

logger = Logger()
CLOCK = wiring.clock()
RECORDS = wiring.records(os.environ)
OUTBOX = wiring.outbox(os.environ)
MAIL = wiring.mail(os.environ)
QUEUES = wiring.queues(os.environ)
LEAVING = frozenset({"Letter", "Message"})
"""Kinds of rows that leave the house; timers stay."""


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Send what was just written, or, each minute, all that is due.

    What cannot be sent now is tried again later, and harms nothing else.
    """
    now = CLOCK.now()
    written = [record["dynamodb"]["Keys"]["pk"]["S"] for record in event.get("Records", ())]
    sent = 0
    for due in OUTBOX.claim_rows(written, now) if written else OUTBOX.claim(now, kinds=LEAVING):
        try:
            _send(due.what)
        except SunreeveError as wrong:
            logger.warning("not sent", id=due.row_id, because=str(wrong), attempts=due.attempts)
            OUTBOX.failed(due, now)
        else:
            OUTBOX.done(due, now)
            sent += 1
    return {"sent": sent}


def _send(what: object) -> None:
    if isinstance(what, Letter):
        MAIL.send(what, CLOCK.now())
        record_delivery(RECORDS, letter_id=what.id, thread=what.thread, delivered_at=CLOCK.now())
    elif isinstance(what, Message):
        QUEUES.send(what)
