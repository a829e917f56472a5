"""What functions count, told to CloudWatch in one line of their log for each call.

After the Amazon CloudWatch user guide, "Specification: Embedded metric format": a line of JSON in
a log group becomes metrics, and nothing is asked of CloudWatch. The namespace is `Sunreeve`, the
only dimension is `Stage`; each further one would be paid for as a metric of its own.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import wraps
from typing import Any, TextIO

from cloud.kernel.change import Event
from cloud.kernel.clock import Clock
from cloud.kernel.errors import BrokenInvariant

NAMESPACE = "Sunreeve"
DIMENSION = "Stage"


class Unit(Enum):
    """What a number counts, in CloudWatch's words ("MetricDatum", API reference)."""

    COUNT = "Count"
    SECONDS = "Seconds"
    DAYS = "None"  # CloudWatch has no days


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that functions write.

    Attributes:
        counts: what it counts, for a person.
        together: what becomes of two numbers that one call tells.
    """

    unit: Unit
    counts: str
    together: Callable[[float, float], float] = lambda one, other: one + other


NAMES: Mapping[str, Metric] = {
    # Health: what alarms are about.
    "TimerLagSeconds": Metric(
        Unit.SECONDS, "how late the latest timer was woken; each minute, 0 if none was due", max
    ),
    "OutboxLagSeconds": Metric(
        Unit.SECONDS, "age of the oldest letter or message that was due in a minute", max
    ),
    "SweepPartsMissing": Metric(
        Unit.COUNT, "parts of regions that a sweep went on without (D-100a)"
    ),
    "FundingUnsentAfterNoon": Metric(
        Unit.COUNT, "runs whose file has not left by noon Eastern of the day on which it must", max
    ),
    "CertificateDaysLeft": Metric(
        Unit.DAYS, "whole days until the first certificate that is in use ends", min
    ),
    "DeadLetters": Metric(Unit.COUNT, "messages and calls that failed for good, all queues", max),
    # Business: how much of it there was.
    "ChunksQuarantined": Metric(Unit.COUNT, "arrivals that are no chunk of their gateway"),
    "FindingsTold": Metric(Unit.COUNT, "findings of all tiers that detection told of"),
    "CasesOpened": Metric(Unit.COUNT, "cases that were opened"),
    "CasesResolved": Metric(Unit.COUNT, "cases that were resolved"),
    "OffersMade": Metric(Unit.COUNT, "work orders offered to a partner, each time"),
    "OffersAccepted": Metric(Unit.COUNT, "offers that a partner accepted"),
    "OffersDeclined": Metric(Unit.COUNT, "offers that a partner declined"),
    "DeadlinesMissed": Metric(Unit.COUNT, "deadlines of work orders that passed (SLA breaches)"),
    "LettersSent": Metric(Unit.COUNT, "letters that SES took"),
    "LettersReturned": Metric(Unit.COUNT, "letters that came back, or were complained of"),
    "InvoicesSubmitted": Metric(Unit.COUNT, "invoices that a partner handed in"),
    "InvoicesApproved": Metric(Unit.COUNT, "invoices that were approved"),
    "InvoicesRejected": Metric(Unit.COUNT, "invoices that were rejected"),
    "RunsPrepared": Metric(Unit.COUNT, "funding runs that were prepared, each time"),
    "RunsSent": Metric(Unit.COUNT, "funding runs whose files the bank has"),
    "PaymentsReturned": Metric(Unit.COUNT, "payments that the bank returned"),
    "ExportsReady": Metric(Unit.COUNT, "exports of partners that were written"),
    "WebhooksDelivered": Metric(Unit.COUNT, "events that a partner's endpoint took"),
    "WebhooksFailed": Metric(Unit.COUNT, "events that no further try brings to an endpoint"),
}  # fmt: skip
"""Every metric that is written; alarms, the dashboard and docs/operations.md name no other."""

FACTS: Mapping[str, str] = {
    "finding_made": "FindingsTold",
    "case_opened": "CasesOpened",
    "case_resolved": "CasesResolved",
    "offered": "OffersMade",
    "accepted": "OffersAccepted",
    "declined": "OffersDeclined",
    "accept_missed": "DeadlinesMissed",
    "schedule_missed": "DeadlinesMissed",
    "complete_missed": "DeadlinesMissed",
    "mail_returned": "LettersReturned",
    "submitted": "InvoicesSubmitted",
    "approved": "InvoicesApproved",
    "rejected": "InvoicesRejected",
    "run_prepared": "RunsPrepared",
    "run_sent": "RunsSent",
    "payment_returned": "PaymentsReturned",
    "export_ready": "ExportsReady",
}
"""What became true, as the log has it -> the metric that counts it."""

Handle = Callable[[dict[str, Any], Any], dict[str, Any]]
"""A function's handler."""


@dataclass(slots=True)
class Metrics:
    """What one call of a function has counted so far.

    Attributes:
        stage: the copy of the stack that it is told of.
        out: where the line goes. A function's log is its standard output.
    """

    stage: str
    out: TextIO = field(default_factory=lambda: sys.stdout)
    _told: dict[str, float] = field(default_factory=dict)

    def tell(self, name: str, number: float) -> None:
        """Note a number; with one of the same name that was noted before it becomes one.

        Raises:
            BrokenInvariant: `NAMES` has no such metric, so that no alarm would ever hear of it.
        """
        if name not in NAMES:
            msg = f"telling of {name}: there is no such metric; add it to NAMES"
            raise BrokenInvariant(msg)
        if name in self._told:
            number = NAMES[name].together(self._told[name], number)
        self._told[name] = number

    def hear(self, events: Iterable[Event]) -> None:
        """Count the events of a change that was committed."""
        for event in events:
            if event.what in FACTS:
                self.tell(FACTS[event.what], 1)

    def after_each_call(self, clock: Clock) -> Callable[[Handle], Handle]:
        """Give what lets a handler write its line when a call ends, also when it fails.

        What was counted until then is true all the same.
        """

        def around(handle: Handle) -> Handle:
            @wraps(handle)
            def call(event: dict[str, Any], context: Any) -> dict[str, Any]:
                try:
                    return handle(event, context)
                finally:
                    self.write(clock.now())

            return call

        return around

    def write(self, at: datetime) -> None:
        """Write what was noted as one line and forget it; nothing where nothing was noted.

        Args:
            at: the instant that the numbers are of.
        """
        if not self._told:
            return
        told, self._told = self._told, {}
        self.out.write(line(told, stage=self.stage, at=at) + "\n")
        self.out.flush()


def line(numbers: Mapping[str, float], *, stage: str, at: datetime) -> str:
    """Give the line that CloudWatch reads numbers from, by their names in `NAMES`."""
    about = {
        "Namespace": NAMESPACE,
        "Dimensions": [[DIMENSION]],
        "Metrics": [{"Name": name, "Unit": NAMES[name].unit.value} for name in numbers],
    }
    aws = {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [about]}
    return json.dumps({"_aws": aws, DIMENSION: stage, **numbers}, separators=(",", ":"))
