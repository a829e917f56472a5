"""Wakes whoever asked to be woken; verdicts are derived from facts, never decided here."""

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.detection import process as detection
from cloud.funding import process as funding
from cloud.funding.process import equipment
from cloud.invoicing import process as invoicing
from cloud.kernel.change import Timer
from cloud.kernel.errors import BrokenInvariant, SunreeveError
from cloud.kernel.ports import Records
from cloud.portfolio import process as portfolio
from cloud.reporting import scheduling
from cloud.service import process as service

logger = Logger()
CLOCK = wiring.clock()
METRICS = wiring.metrics(os.environ)
RECORDS = wiring.records(os.environ, METRICS)
OUTBOX = wiring.outbox(os.environ)
CHUNKS = wiring.chunks(os.environ)
OPERATIONS_MAIL = os.environ["OPERATIONS_MAIL"]


def _watch_sweep(records: Records, *, timer: Timer, at: datetime) -> None:
    METRICS.tell("SweepPartsMissing", detection.watch(records, timer=timer, at=at))


Wake = Callable[..., object]
WAKES: Mapping[str, Wake] = {
    detection.WATCH: _watch_sweep,
    **dict.fromkeys(portfolio.WAKES, portfolio.wake),
    **dict.fromkeys(invoicing.WAKES, invoicing.wake),
    **dict.fromkeys(
        funding.EXTENSION_WAKES, partial(funding.wake_extension, operations=OPERATIONS_MAIL)
    ),
    **dict.fromkeys(funding.PUBLISHING_WAKES, funding.wake_publishing),
    **dict.fromkeys(funding.WAKES, partial(funding.wake, operations=OPERATIONS_MAIL)),
    **dict.fromkeys(equipment.WAKES, equipment.wake),
    **dict.fromkeys(service.WAKES, service.wake),
    **dict.fromkeys(service.CASE_WAKES, service.wake_case),
    scheduling.REPORT_DUE: scheduling.wake_schedule,
    service.SERIALS_DUE: partial(service.look_for_serials, chunks=CHUNKS),
}


@METRICS.after_each_call(CLOCK)
def handle(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Wake everybody who is due; one that fails is woken again later, and harms no other.

    How late the latest was is told each time, also when nobody was due: it is our heartbeat.
    """
    now = CLOCK.now()
    woken = 0
    for due in OUTBOX.claim(now, kinds=frozenset({"Timer"})):
        METRICS.tell("TimerLagSeconds", due.late_s(now))
        try:
            _wake(due.what, now)
        except SunreeveError as wrong:
            logger.warning("not woken", timer=due.row_id, because=str(wrong))
            OUTBOX.failed(due, now)
        else:
            OUTBOX.done(due, now)
            woken += 1
    METRICS.tell("TimerLagSeconds", 0)
    return {"woken": woken}


def _wake(what: object, now: datetime) -> None:
    if not isinstance(what, Timer) or what.wakes not in WAKES:
        msg = f"{what} wakes nobody that is known here: name it in WAKES"
        raise BrokenInvariant(msg)
    WAKES[what.wakes](RECORDS, timer=what, at=now)
