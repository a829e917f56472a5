"""A street of homes whose gateways send real chunks, swept three times a day."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import count
from typing import Any

from cloud.adapters.memory import MemoryChunks, MemoryRecords
from cloud.detection.models import JudgedDay, SiteState
from cloud.detection.policy import EVALUATIONS
from cloud.detection.process import sweep
from cloud.kernel.change import Change, Save
from cloud.portfolio.models import Site
from cloud.telemetry.ports import StoredChunk
from edge_agent.reading import Reading, Window, seal

OFFSET = -5
CLOCK = timezone(timedelta(hours=OFFSET))
FIRST = date(2026, 6, 1)
DAY = timedelta(days=1)
STEP, WINDOW = 1800, 7200
SUNRISE, SUNSET = 6, 18
CLEAR_WH = 40_000
INVERTER = "1.103.160"


def at(day: int, hour: float = 0) -> datetime:
    """Give an instant of the street: days from its first, hours on its standard clock."""
    return datetime.combine(FIRST, time(), CLOCK) + day * DAY + timedelta(hours=hour)


def site(home: int, **changes: Any) -> Site:
    return replace(
        Site(
            id=f"site-{home}",
            gateway_id=f"gw-{home}",
            customer_name="Sample Customer",
            customer_email=f"home{home}@home.example",
            address=f"{home} Example St, Raleigh NC",
            state="NC",
            latitude=35.7,
            longitude=-78.6,
            utc_offset_hours=OFFSET,
            time_zone="America/New_York",
            commissioned_on=FIRST,
            dc_rating_w=8000,
            manufacturer="Sample Maker",
            inverter_model="IQ8",
            installer_id="builder",
            workmanship_until=date(2034, 5, 1),
        ),
        **changes,
    )


def running(home: int, instant: datetime) -> Mapping[str, int | None] | None:
    """Give what a healthy inverter says of its state; None is no answer, {} no gateway."""
    local = instant.astimezone(CLOCK)
    return {"St": 4 if SUNRISE <= local.hour < SUNSET else 2, "Evt1": 0}


@dataclass
class Street:
    """Homes, what they make on a day (watt-hours), and what their inverters say at an instant.

    Attributes:
        made: home and day from the first -> watt-hours.
        says: home and instant -> columns, None when the device is silent, {} when the gateway is.
        learned: the homes know their scale from the beginning.
    """

    homes: int = 7
    made: Callable[[int, int], int] = lambda home, day: CLEAR_WH
    says: Callable[[int, datetime], Mapping[str, int | None] | None] = running
    learned: bool = True
    records: MemoryRecords = field(default_factory=MemoryRecords)
    chunks: MemoryChunks = field(default_factory=MemoryChunks)

    def __post_init__(self) -> None:
        self.now = at(0)
        self._sequence = count(1)
        self._sent = at(0) - timedelta(hours=6)
        for home in range(self.homes):
            saves = [Save(site(home))]
            if self.learned:
                eve = JudgedDay(FIRST - DAY, CLEAR_WH, CLEAR_WH)
                saves.append(
                    Save(SiteState(f"site-{home}", scale=1.0, judged=(eve,), evaluated_at=at(0)))
                )
            self.records.commit(Change(saves=tuple(saves)))

    def live_until(self, until: datetime) -> list[tuple[datetime, str, dict[str, Any]]]:
        """Send what gateways measure, sweep on time, and give what was told: when, topic, body."""
        told = []
        while (following := next_sweep(self.now)) <= until:
            self.now = following
            self.send(until=self.now)
            known = set(self.records.messages)
            sweep(self.records, self.chunks, utc_offset_hours=OFFSET, at=self.now)
            told += [
                (self.now, message.topic, dict(message.body))
                for name, message in self.records.messages.items()
                if name not in known
            ]
        return told

    def send(self, *, until: datetime) -> None:
        """Send each window once it has passed."""
        while self._sent + timedelta(seconds=WINDOW) <= until:
            for home in range(self.homes):
                self.chunks.put(self._chunks_of(home, self._sent))
            self._sent += timedelta(seconds=WINDOW)

    def state(self, home: int) -> SiteState:
        stored = self.records.load(SiteState, f"site-{home}")
        assert stored is not None
        return stored.record

    def _chunks_of(self, home: int, start: datetime) -> list[StoredChunk]:
        t0 = int(start.timestamp())
        readings = [
            reading
            for instant in range(t0, t0 + WINDOW, STEP)
            if (reading := self._reading(home, datetime.fromtimestamp(instant, UTC)))
        ]
        if not readings:
            return []
        sequence = next(self._sequence)
        window = Window(f"gw-{home}", "5f", sequence, t0, STEP, WINDOW // STEP, 1)
        end = start + timedelta(seconds=WINDOW)
        start = start.astimezone(UTC)
        return [StoredChunk(f"gw-{home}", start, sequence, seal(window, readings), end)]

    def _reading(self, home: int, instant: datetime) -> Reading | None:
        columns = self.says(home, instant)
        stamp = int(instant.timestamp())
        if columns == {}:
            return None
        if columns is None:
            return Reading(f"SN-{home}", stamp, 2, INVERTER)
        quality = {2: 1, 7: 5}.get(columns.get("St") or 0, 0)
        values = {"WH": self._counter(home, instant), **columns}
        return Reading(f"SN-{home}", stamp, quality, INVERTER, values)

    def _counter(self, home: int, instant: datetime) -> int:
        passed = instant - at(0)
        day, hour = passed // DAY, passed % DAY / timedelta(hours=1)
        share = min(1.0, max(0.0, (hour - SUNRISE) / (SUNSET - SUNRISE)))
        whole = sum(self.made(home, before) for before in range(day))
        return 1_000_000 + whole + (int(share * self.made(home, day)) if day >= 0 else 0)


def next_sweep(now: datetime) -> datetime:
    """Give the first evaluation after an instant, on the street's standard clock (D-11)."""
    today = now.astimezone(CLOCK).date()
    return min(
        moment
        for day in (today, today + DAY)
        for hour in EVALUATIONS.on(day)
        if (moment := datetime.combine(day, hour, CLOCK)) > now
    )
