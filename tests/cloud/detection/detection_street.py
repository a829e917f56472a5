"""A street of homes whose gateways send real chunks, swept three times a day."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import count
from typing import Any

from cloud.adapters.memory import MemoryChunks, MemoryDocuments, MemoryRecords
from cloud.detection import process
from cloud.detection.baseline import KNOT_DAYS, Baseline
from cloud.detection.daily import Track
from cloud.detection.evidence import DayLine, unpacked
from cloud.detection.feed import Plane
from cloud.detection.models import SiteBaseline, SiteFacts, SiteTrack
from cloud.detection.packed import packed
from cloud.detection.policy import EVALUATIONS
from cloud.detection.scale import Scale
from cloud.kernel.change import Change, Save
from cloud.kernel.ports import Records
from cloud.portfolio.models import Site
from cloud.telemetry.late import note_late
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


OPERATIONS = "operations@owner.example"
REGION = "UTC-05.N35W079"


def a_baseline(home: int, clear_wh: float = CLEAR_WH) -> Baseline:
    """Give a baseline whose days are all alike, so that a test can tell them by heart."""
    here = site(home)
    return Baseline(
        site_id=here.id,
        latitude=here.latitude,
        longitude=here.longitude,
        utc_offset_hours=OFFSET,
        ac_limit_w=here.dc_rating_w,
        planes=(Plane(here.dc_rating_w, 25, 180),),
        clear_sky_wh=(float(clear_wh),) * len(KNOT_DAYS),
    )


class Commands:
    """The way down, which keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def command(self, gateway_id: str, payload: bytes) -> None:
        self.sent.append((gateway_id, payload))


def deliver(street: "Street", records: MemoryRecords, done: set[str]) -> None:
    """Carry out the orders of a sweep as the queues would, each once."""
    while waiting := [one for one in records.messages.values() if one.id not in done]:
        for one in waiting:
            done.add(one.id)
            if one.topic == process.SHARD:
                street.measure(
                    one.body["shard"],
                    datetime.fromisoformat(one.body["at"]),
                    region=one.body["region"],
                    records=records,
                )
            elif one.topic == process.REGION:
                street.judge(
                    datetime.fromisoformat(one.body["at"]),
                    region=one.body["region"],
                    records=records,
                )


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
    documents: MemoryDocuments = field(default_factory=MemoryDocuments)
    downlink: Commands = field(default_factory=Commands)

    def __post_init__(self) -> None:
        self.now = at(0)
        self.done: set[str] = set()
        self._sequence = count(1)
        self._sent = at(0) - timedelta(hours=6)
        for home in range(self.homes):
            saves = [Save(site(home)), Save(SiteBaseline(f"site-{home}", a_baseline(home), FIRST))]
            if self.learned:
                known = Scale(0.0, anchor_log=0.0, seen=60)
                cells = tuple(packed(Track(f"site-{home}", known, through=FIRST - DAY)))
                saves.append(Save(SiteTrack(f"site-{home}", settled=cells)))
            self.records.commit(Change(saves=tuple(saves)))

    def live_until(self, until: datetime) -> list[tuple[datetime, str, dict[str, Any]]]:
        """Send what gateways measure, sweep on time, and give what was told: when, topic, body."""
        told = []
        while (following := next_sweep(self.now)) <= until:
            self.now = following
            self.send(until=self.now)
            known = set(self.records.messages)
            self.sweep(self.now)
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
                self.arrive(self._chunks_of(home, self._sent))
            self._sent += timedelta(seconds=WINDOW)

    def arrive(self, chunks: list[StoredChunk]) -> None:
        """Take chunks in as ingest does."""
        self.chunks.put(chunks)
        note_late(self.records, chunks)

    def sweep(self, at: datetime, *, replay_from: date | None = None) -> None:
        """Evaluate the street at an instant, as the schedule and the queues would."""
        process.plan(self.records, utc_offset_hours=OFFSET, at=at, replay_from=replay_from)
        self.deliver()

    def deliver(self) -> None:
        """Carry out what waits."""
        deliver(self, self.records, self.done)

    def measure(
        self, shard: int, at: datetime, *, region: str = REGION, records: Records | None = None
    ) -> int:
        return process.measure(
            records or self.records,
            self.chunks,
            self.downlink,
            region_id=region,
            shard=shard,
            at=at,
        )

    def judge(self, at: datetime, *, region: str = REGION, records: Records | None = None) -> int:
        return process.judge(
            records or self.records,
            self.chunks,
            self.documents,
            region_id=region,
            at=at,
            tell_holds_to=OPERATIONS,
        )

    def track(self, home: int) -> SiteTrack:
        stored = self.records.load(SiteTrack, f"site-{home}")
        assert stored is not None
        return stored.record

    def facts(self, home: int) -> SiteFacts:
        stored = self.records.load(SiteFacts, f"site-{home}")
        assert stored is not None
        return stored.record

    def lines(self, home: int) -> dict[int, DayLine]:
        """Give what is kept of a home's days, by the day from the first."""
        lines = unpacked(self.track(home).lines) or ()
        return {(line.day - FIRST).days: line for line in lines}

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
        whole = sum(self.energy(home, before) for before in range(day))
        return 1_000_000 + whole + (int(share * self.energy(home, day)) if day >= 0 else 0)

    def energy(self, home: int, day: int) -> int:
        """Give a day's energy: no two days are the same to the watt-hour, or a meter is stuck."""
        made = self.made(home, day)
        return made + (31 * home + 17 * day) % 97 if made else 0


def next_sweep(now: datetime) -> datetime:
    """Give the first evaluation after an instant, on the street's standard clock (D-11)."""
    today = now.astimezone(CLOCK).date()
    return min(
        moment
        for day in (today, today + DAY)
        for hour in EVALUATIONS.on(day)
        if (moment := datetime.combine(day, hour, CLOCK)) > now
    )
