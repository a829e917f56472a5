"""Lets letters and messages leave, at least once, each under its own id."""

import os
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.detection.models import SweepTally
from cloud.kernel.change import Letter, Message
from cloud.kernel.errors import BadInput, NotFound, SunreeveError
from cloud.portfolio.policy import SERVED_OFFSETS
from cloud.service.postage import Leaving
from cloud.service.process.sending import cannot_leave, post

logger = Logger()
CLOCK = wiring.clock()
RECORDS = wiring.records(os.environ)
OUTBOX = wiring.outbox(os.environ)
MAIL = wiring.mail(os.environ)
QUEUES = wiring.queues(os.environ)
METRICS = wiring.metrics(os.environ)
OPERATIONS_MAIL = os.environ["OPERATIONS_MAIL"]
LEAVING = frozenset({"Letter", "Message"})
"""Kinds of rows that leave the house; timers stay."""


@METRICS.after_each_call(CLOCK)
def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Send what was just written, or, each minute, all that is due.

    What cannot be sent now is tried again later, and harms nothing else. How old it is what the
    minute finds due is told; what was just written is not old.
    """
    now = CLOCK.now()
    written = [record["dynamodb"]["Keys"]["pk"]["S"] for record in event.get("Records", ())]
    fleet_sites = _fleet_sites()
    sent = 0
    for due in OUTBOX.claim_rows(written, now) if written else OUTBOX.claim(now, kinds=LEAVING):
        if not written:
            METRICS.tell("OutboxLagSeconds", due.late_s(now))
        try:
            is_over = _send(due.what, fleet_sites)
        except SunreeveError as wrong:
            logger.warning("not sent", id=due.row_id, because=str(wrong), attempts=due.attempts)
            is_over = False
        if is_over:
            OUTBOX.done(due, now)
            sent += 1
        else:
            OUTBOX.failed(due, now)
    return {"sent": sent}


def _send(what: object, fleet_sites: int) -> bool:
    """Let a letter or message leave; tell whether that is over, be it that it was dropped."""
    if isinstance(what, Message):
        QUEUES.send(what)
    if not isinstance(what, Letter):
        return True
    now = CLOCK.now()
    leaving = post(RECORDS, what, fleet_sites=fleet_sites, operations_mail=OPERATIONS_MAIL, at=now)
    if leaving is Leaving.LEAVES:
        try:
            MAIL.send(what, now)
            METRICS.tell("LettersSent", 1)
        except (BadInput, NotFound) as wrong:
            # It will never be a mail, however often it is tried.
            logger.warning("cannot be sent", letter=what.id, because=str(wrong))
            cannot_leave(RECORDS, letter_id=what.id, because=str(wrong), at=now)
    return leaving is not Leaving.WAITS


def _fleet_sites() -> int:
    """Count the homes that the last sweeps of all clocks looked at."""
    clocks = [str(hours) for hours in SERVED_OFFSETS.on(CLOCK.now().date())]
    return sum(one.record.sites for one in RECORDS.load_all(SweepTally, clocks).values())
