"""Makes a bill of what was measured: dollars for a home and month, by part and by function."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.cost_meter.measuring import Measured
from bench.cost_meter.prices import Prices, Work
from bench.cost_meter.standing import Polled, Standing
from bench.cost_meter.units import Units
from bench.cost_meter.watching import PLATFORM_LOG, TRACE_ID
from cloud.adapters.chunks import KEPT_DAYS

MONTH_DAYS = 365 / 12
YEAR_DAYS = 365
"""What grows is billed as it stands after a year."""
STORED = "stored"
STANDING = "standing"
_DAY_S = 86_400
_MOST_RECEIVED = 10
"""Amazon SQS API reference, ReceiveMessage: messages of one answer at most."""
_SAMPLED = 0.05
"""AWS X-Ray developer guide, default sampling rule: the first request of each second, and 5 %."""
_GB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """What one meter costs one function.

    Attributes:
        variable: dollars for a home and month.
        fixed: dollars for the fleet and month.
    """

    part: str
    whose: str
    meter: str
    units: float
    variable: float
    fixed: float
    confidence: str


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill of a fleet.

    Attributes:
        site_day: what is billed of a home and day, all derived units among them.
    """

    sites: int
    lines: tuple[Line, ...]
    site_day: Units

    @property
    def variable(self) -> float:
        """Dollars for a home and month."""
        return sum(line.variable for line in self.lines)

    @property
    def fixed(self) -> float:
        """Dollars for the fleet and month."""
        return sum(line.fixed for line in self.lines)

    @property
    def total(self) -> float:
        """Dollars for a home and month, its share of what is fixed with it."""
        return self.variable + self.fixed / self.sites

    @property
    def doubtful(self) -> float:
        """The variable part, were every price that nobody looked up twice as high."""
        return self.variable + sum(
            line.variable for line in self.lines if line.confidence == "memory"
        )

    def by_part(self) -> Mapping[str, float]:
        """Give the variable part by part of the bill."""
        return _summed((line.part, line.variable) for line in self.lines)

    def fixed_by_part(self) -> Mapping[str, float]:
        """Give what is fixed by part of the bill."""
        return _summed((line.part, line.fixed) for line in self.lines)

    def by_function(self) -> Mapping[str, Mapping[str, float]]:
        """Give the variable part by function, and by part of the bill within it."""
        found: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
        for line in self.lines:
            found[line.whose].append((line.part, line.variable))
        return {whose: _summed(parts) for whose, parts in found.items()}


def billed(measured: Measured, standing: Standing, prices: Prices, sites: int) -> Bill:
    """Give the bill of a fleet of so many homes that are like those that were measured."""
    variable = _site_day(measured, standing, prices.work, sites)
    fixed = _fixed_day(measured, standing, prices.work)
    month, always = variable.times(MONTH_DAYS), fixed.times(MONTH_DAYS)
    for meter, amount in _lying(measured, standing):
        month.add(meter, STORED, amount)
    for meter, count in standing.things.items():
        always.add(meter, STANDING, count)
    always.add("cloudwatch.metrics", STANDING, measured.metrics)
    lines = []
    for meter, price in prices.by.items():
        base = always.of(meter)
        for whose in sorted({*month.owners(), *always.owners()}):
            units, before = month.of(meter, whose), always.of(meter, whose)
            if not units and not before:
                continue
            lines.append(
                Line(
                    part=price.part,
                    whose=whose,
                    meter=meter,
                    units=units,
                    variable=price.dollars(units * sites, before=base) / sites,
                    fixed=price.dollars(before),
                    confidence=price.confidence,
                )
            )
    return Bill(sites, tuple(lines), variable)


# ---------------------------------------------------------------------- what a home causes
def _site_day(measured: Measured, standing: Standing, work: Work, sites: int) -> Units:
    """Give what is billed of a home and day: what was counted, and what AWS does around it."""
    units = measured.per_site.copy()
    called = {whose: units.of("lambda.requests", whose) for whose in units.owners()}
    more: dict[str, float] = {}
    for queue in standing.polled:
        messages = measured.messages.get(queue.queue, 0.0)
        if not messages:
            continue
        batch, receives = gathered(queue, messages, measured, work, sites)
        units.add("sqs.requests", queue.function, messages * receives)
        units.add("sqs.requests", queue.function, messages / min(batch, _MOST_RECEIVED))
        if queue.gathers_s:
            more[queue.function] = messages / batch - called.get(queue.function, 0.0)
            units.add("lambda.requests", queue.function, more[queue.function])
    for whose in units.owners():
        units.add("lambda.gb_s", whose, _gb_s(units, whose, standing, work, more.get(whose, 0.0)))
        _tell(units, whose, standing)
    busy_s = work.own_send_s * _DAY_S / measured.habits.window_s
    traced = sum(units.of("lambda.requests", whose) for whose in standing.traced) * sites
    if traced:
        recorded = min(traced, min(_DAY_S, busy_s) + _SAMPLED * traced)
        units.add("xray.traces", STANDING, recorded / sites)
    return units


def gathered(
    queue: Polled, messages: float, measured: Measured, work: Work, sites: int
) -> tuple[float, float]:
    """Give the messages of a call, and the receives for each message.

    A poller takes what is there, as soon as anything is: at few messages a second that is one at a
    time, however many an answer could hold. AWS does not say how its pollers do it; this is the
    dearer of the ways that they may.
    """
    if not queue.gathers_s:
        return 1.0, 1.0
    windows = _DAY_S / measured.habits.window_s
    rate = sites * messages / windows / work.own_send_s
    batch = min(queue.at_once, max(1.0, rate * queue.gathers_s / work.pollers))
    at_once = max(1.0, rate * work.round_trip_s / work.pollers)
    return batch, 1 / min(at_once, _MOST_RECEIVED, queue.at_once)


def _gb_s(units: Units, whose: str, standing: Standing, work: Work, more: float) -> float:
    """Give billed GB-seconds: the work on its share of a processor, and the waiting for answers."""
    memory = standing.memory_mb.get(whose)
    if memory is None:
        return 0.0
    share = min(1.0, memory / work.whole_processor_mb)
    spent_ms = work.spent_ms(whose, units.of("lambda.calls", whose)) / share
    for service, wait_ms in work.wait_ms.items():
        spent_ms += units.of(f"waits.{service}", whose) * wait_ms
    spent_ms += max(0.0, more) * work.wait_ms["dynamodb"]  # each call asks at least once
    return spent_ms / 1000 * memory / 1024


def _tell(units: Units, whose: str, standing: Standing) -> None:
    """Count what X-Ray adds to lines, and the lines that Lambda writes of each call."""
    if whose in standing.traced:
        units.add("logs.bytes", whose, TRACE_ID * units.of("logs.lines", whose))
    if whose in standing.told:
        units.add("logs.bytes", whose, PLATFORM_LOG * units.of("lambda.requests", whose))


def _lying(measured: Measured, standing: Standing) -> list[tuple[str, float]]:
    stored = measured.stored
    chunks = stored.chunk * _DAY_S / measured.habits.window_s * KEPT_DAYS
    grown = stored.growth * YEAR_DAYS
    backed = (stored.records if "SitesTable" in standing.backed_up else 0.0) + (
        grown if "OperationsTable" in standing.backed_up else 0.0
    )
    files = measured.per_site.of("s3.bytes") * YEAR_DAYS
    return [
        ("dynamodb.gb", (chunks + stored.records + grown) / _GB),
        ("dynamodb.pitr_gb", backed / _GB),
        ("s3.gb", files / _GB),
    ]


# ---------------------------------------------------------------------- what is always there
def _fixed_day(measured: Measured, standing: Standing, work: Work) -> Units:
    units = measured.fixed.copy()
    for queue in standing.polled:
        pollers = min(work.pollers, queue.most or work.pollers)
        units.add("sqs.requests", queue.function, pollers * _DAY_S / work.poll_s)
    for whose in units.owners():
        units.add("lambda.gb_s", whose, _gb_s(units, whose, standing, work, 0.0))
        _tell(units, whose, standing)
        if whose in standing.traced:  # fewer than one a second: all of them are recorded
            units.add("xray.traces", whose, units.of("lambda.requests", whose))
    return units


def _summed(parts: Iterable[tuple[str, float]]) -> Mapping[str, float]:
    total: defaultdict[str, float] = defaultdict(float)
    for name, amount in parts:
        total[name] += amount
    return {name: amount for name, amount in total.items() if amount}
