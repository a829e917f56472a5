"""Runs a fleet for some days and gives what each home caused, and what is there without any."""

import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.cost_meter.fleet import BEGINS, Fleet, Habits
from bench.cost_meter.units import GATEWAYS, Units
from bench.cost_meter.watching import Counting, Watch, prepare
from cloud.local.runtime import Runtime

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
MINUTES = 1440
MOST_DAYS = 7
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_SETTLES = timedelta(hours=8, minutes=20)
"""Until the first evaluation, which may look further back than any later one, is over."""

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that lie there for each home, as they are billed.

    Attributes:
        chunk: of one chunk, with its overhead.
        records: of a home's records, whose number does not grow.
        growth: of what is written each day and stays.
    """

    chunk: float
    records: float
    growth: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run showed.

    Attributes:
        per_site: units of a home and day; what is there without homes is taken off.
        fixed: units of a day without any home.
        messages: that each queue was sent for a home and day.
        capacity: capacity units of a home and day by function, table or index, and kind.
        largest: bytes of the largest chunk.
        metrics: how many custom metrics functions told of.
    """

    sites: int
    days: int
    habits: Habits
    per_site: Units
    fixed: Units
    messages: Mapping[str, float]
    capacity: Mapping[tuple[str, str, bool], float]
    stored: Stored
    largest: int
    metrics: int


def measured(
    sites: int,
    days: int,
    *,
    habits: Habits | None = None,
    seed: int = 0,
    work: Counting = Counting.CALLS,
    told: Told = lambda _: None,
    template: Path = TEMPLATE,
) -> Measured:
    """Run so many homes for so many days, after an evaluation in which they settle.

    The work of functions is counted on the first of the days, and stands for the others. The days
    without homes are the same days of the week, so that what is planned for some of them is taken
    off.

    Raises:
        ValueError: it is more days than that week has.
    """
    if not 1 <= days <= MOST_DAYS:
        msg = f"metering {days} days: the days without homes are of one week, so 1 to {MOST_DAYS}"
        raise ValueError(msg)
    habits = habits or Habits()
    prepare()
    with _a_stack(template) as runtime:
        watch = Watch(runtime)
        fleet = Fleet(runtime, watch, habits)
        told("the stack without homes")
        with watch.on(work):
            fleet.pass_time(days * _DAY)
        idle = watch.units.copy()
        fixed = idle.times(1 / days).plus(_minutes(runtime, watch, work))
        fleet.pass_time(BEGINS - runtime.clock.now())
        with closing(fleet):
            told(f"{sites:,} homes move in")
            fleet.settle(sites, seed=seed)
            told("a first evaluation, uncounted")
            fleet.pass_time(_SETTLES)
            watch.units, before = Units(), _lies(runtime)
            watch.messages.clear()
            watch.capacity.clear()
            for day in range(days):
                told(f"day {day + 1} of {days}")
                with watch.on(Counting.NOTHING if day else work):
                    fleet.pass_time(_DAY)
            watch.units = _of_all_days(watch.units, days)
            assert fleet.gateways is not None
            largest = fleet.gateways.largest
        grown = _lies(runtime)
    part = 1 / (sites * days)
    units = watch.units.less(idle).times(part)
    units = units.plus(connected(habits))
    return Measured(
        sites=sites,
        days=days,
        habits=habits,
        per_site=units,
        fixed=fixed,
        messages={name: count * part for name, count in watch.messages.items()},
        capacity={key: amount * part for key, amount in watch.capacity.items()},
        stored=_stored(before, grown, sites, days),
        largest=largest,
        metrics=len(watch.metrics),
    )


@contextmanager
def _a_stack(template: Path) -> Iterator[Runtime]:
    """Open a stack in memory, where there is any: it is thrown away, and a disk would be slow."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    folder = Path(tempfile.mkdtemp(prefix="metered-", dir=memory if memory.is_dir() else None))
    loud = [logging.getLogger(name) for name in ("cloud.local", "samtranslator")]
    before = [one.level for one in loud]
    for one in loud:
        one.setLevel(logging.CRITICAL)
    try:
        with closing(Runtime(folder, template, starts_at=BEGINS + _SETTLES - _WEEK)) as runtime:
            runtime.timetable.is_to_the_hour = True
            yield runtime
    finally:
        for one, level in zip(loud, before, strict=True):
            one.setLevel(level)
        shutil.rmtree(folder, ignore_errors=True)


def _minutes(runtime: Runtime, watch: Watch, work: Counting) -> Units:
    """Give what the functions that look each minute for something due use in a day of nothing.

    The local timetable calls them only when there is something.
    """
    names = [one for one, made in runtime.stack.functions.items() if made.due_index is not None]
    for name in names:
        runtime.invoke(name, {})
    watch.units = Units()
    with watch.on(work):
        for name in names:
            runtime.invoke(name, {})
    once = watch.units.copy()
    for name in names:
        once.add("schedule.invocations", name)
    return once.times(MINUTES)


def _of_all_days(units: Units, days: int) -> Units:
    """Let the work of the first day, the only one on which it is counted, stand for all."""
    return Units(
        {
            (meter, whose): amount * (days if meter == "lambda.calls" else 1)
            for (meter, whose), amount in units
        }
    )


def connected(habits: Habits) -> Units:
    """Give what it takes a gateway to be connected for a day.

    AWS IoT Core pricing, additional details: connecting and subscribing are metered as messages,
    acknowledgements by the broker and pings are not. What the agent and its will tell of it goes
    through the stack (`bench.cost_meter.fleet.Gateways`).
    """
    units, times = Units(), habits.connections
    units.add("iot.connection_minutes", GATEWAYS, MINUTES if habits.is_persistent else times)
    units.add("iot.connects", GATEWAYS, times)
    units.add("iot.messages", GATEWAYS, 2 * times)
    return units


def _lies(runtime: Runtime) -> Counter[str]:
    """Give the billed bytes of each table, and the number of chunks."""
    found = Counter({name: runtime.engine.stored_bytes(name) for name in runtime.stack.tables})
    answer = runtime.engine.call("DescribeTable", {"TableName": "TelemetryTable"})
    found["chunks"] = answer["Table"]["ItemCount"]
    return found


def _stored(before: Counter[str], after: Counter[str], sites: int, days: int) -> Stored:
    growing = [name for name in before if name not in {"TelemetryTable", "SitesTable", "chunks"}]
    grown = sum(after[name] - before[name] for name in growing)
    return Stored(
        chunk=after["TelemetryTable"] / after["chunks"],
        records=after["SitesTable"] / sites,
        growth=grown / (sites * days),
    )
