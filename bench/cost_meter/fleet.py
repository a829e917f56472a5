"""Homes that are like real ones to the cloud: their gateways' messages, and what is stored of them.

Each gateway seals its own chunks with the agent's codec. The readings come from four simulated
houses, two with a meter, one with a battery as well; their powers are shaken by one per cent each
minute, for real ones are restless and do not press as well. One gateway in fifty is a whole agent
with its outbox, so that what an agent sends beside its chunks is counted too.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bench.cost_meter.watching import Watch
from bench.detection_world import AT, HOUSES, OFFSET, THROUGH, baselines, records_of, serial_of
from cloud.adapters import wiring
from cloud.kernel.change import Change, Save
from cloud.kernel.ports import Records
from cloud.local.conductor import Conductor
from cloud.local.mqtt.message import Publish
from cloud.local.runtime import Runtime
from cloud.portfolio.models import Site
from cloud.telemetry.days import start_of
from cloud.telemetry.ports import StoredChunk
from edge_agent.agent import Agent
from edge_agent.health import Facts, summary
from edge_agent.reading import Reading, Window, seal
from edge_agent.sending import spread_s
from edge_agent.settings import BrokerSettings, DeviceSettings, Settings
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.quiet import readings

BEGINS = AT - timedelta(hours=8) + timedelta(minutes=10)
"""Just after the evaluation that left the records as they are: nine in the evening."""
REGION_SITES = 100
"""Homes in one square of a degree; a larger fleet is in more regions, not in fuller ones."""
SITES_OF_AN_AGENT = 50
NOISE = 0.01
RESTLESS = ("W", "TmpCab", "DCW", "MtrW", "BatW", "PortW_n", "DCW_n", "MtrW_n")
_EQUIPMENT = ((None, None), (None, 203), (None, None), (802, 203))
"""Models of battery and meter, for each house."""
assert len(_EQUIPMENT) == HOUSES
_AT_ONCE = 20
_DAY_S = 86_400
_BEFORE = timedelta(hours=44)
"""So far back may the first evaluation look."""
_BOOT = "5f2a77c01b9e4d13"
_TABLES = {"SITES_TABLE": "SitesTable", "OPERATIONS_TABLE": "OperationsTable"}
_LIFE = {
    "timestamp": int(BEGINS.timestamp()) * 1000,
    "sessionIdentifier": "00000000-0000-0000-0000-000000000000",
    "principalIdentifier": "0" * 64,
    "ipAddress": "198.51.100.7",
    "versionNumber": 1,
}
_ENDED = {"clientInitiatedDisconnect": False, "disconnectReason": "CONNECTION_LOST"}
_FACTS = Facts(up_s=86_400, waiting_chunks=0, silent_devices=0, last_ack_age_s=3_590)


@dataclass(frozen=True, slots=True)
class Habits:
    """How gateways send.

    Attributes:
        window_s: of a chunk.
        is_persistent: whether they stay connected, or connect for each window.
        connects: of one that stays connected, a day: power cuts, routers, and the broker's own.
    """

    window_s: int = 3600
    is_persistent: bool = True
    connects: float = 1.0

    @property
    def connections(self) -> float:
        """How often they connect in a day."""
        return self.connects if self.is_persistent else _DAY_S / self.window_s


class Gateways:
    """All gateways, as one player: what they send in a window, soon after its end."""

    def __init__(
        self, runtime: Runtime, watch: Watch, sites: list[Site], habits: Habits, *, seed: int
    ) -> None:
        """Connect the homes with the stack; nothing is sent yet."""
        self._clock = runtime.clock
        self._watch = watch
        self._habits = habits
        self._seed = seed
        self._houses = [_house(number) for number in range(HOUSES)]
        self._rows: dict[tuple[int, int], list[Reading]] = {}
        self._sites = sites
        self._agents: dict[str, Agent] = {}
        self._folder = runtime.folder / "agents"
        self._rules = {
            kind: next(
                str(one["RuleName"])
                for one in runtime.stack.topic_rules.values()
                if str(one["RuleName"]).endswith(kind)
            )
            for kind in ("chunks", "events")
        }
        self.largest = 0
        """Bytes of the largest payload of a chunk."""

    def open_agents(self) -> None:
        """Let one home in fifty have a whole agent."""
        self._folder.mkdir(exist_ok=True)
        for site in self._sites[::SITES_OF_AN_AGENT]:
            self._agents[site.gateway_id] = self._agent(site.gateway_id)

    def close(self) -> None:
        """Close the agents' queues."""
        for agent in self._agents.values():
            agent.close()

    # ------------------------------------------------------------------ as a player
    def next_at(self, now: datetime) -> datetime:
        """Give when the next window is over everywhere."""
        step = self._habits.window_s
        over = datetime.fromtimestamp(int(now.timestamp()) // step * step, UTC)
        late = timedelta(seconds=min(300, step // 12))
        return over + late if over + late > now else over + late + timedelta(seconds=step)

    def act(self, now: datetime) -> None:
        """Send what every gateway has of the window that is over."""
        step = self._habits.window_s
        over = int(now.timestamp()) // step * step
        self._watch.publish_all(list(self._sent(over - step, over)))
        if over % _DAY_S < step:
            self._watch.publish_all(list(self._connections(over)))
        self._rows = {key: rows for key, rows in self._rows.items() if key[1] >= over - step}

    def chunks_before(self, now: datetime) -> Iterator[tuple[str, datetime, int, bytes]]:
        """Give what every gateway sent of the last days: name, window, number and payload."""
        step, until = self._habits.window_s, int(now.timestamp())
        first = int((now - _BEFORE).timestamp()) // step * step
        for t0 in range(first, until // step * step, step):
            for number, site in enumerate(self._sites):
                payload = self._chunk(number, site.gateway_id, t0)
                yield site.gateway_id, datetime.fromtimestamp(t0, UTC), t0 // step, payload

    def _sent(self, t0: int, over: int) -> Iterator[Publish]:
        for number, site in enumerate(self._sites):
            name = site.gateway_id
            at = datetime.fromtimestamp(over + spread_s(name, self._habits.window_s), UTC)
            agent = self._agents.get(name)
            if agent is None:
                payload = self._chunk(number, name, t0)
                self.largest = max(self.largest, len(payload))
                yield self._publish(name, at, self._topic(name, "chunks", "chunk"), payload)
                continue
            agent.absorb("inverter", self._readings(number, t0))
            for topic, payload in _handed_over(agent):
                self.largest = max(self.largest, len(payload))
                yield self._publish(name, at, topic, payload)

    def _connections(self, over: int) -> Iterator[Publish]:
        """Give what is said of every connection that ended and began that day.

        The broker tells of both (AWS IoT Core developer guide, "Lifecycle events"), the will of one
        that broke, and the agent itself when it is there again.
        """
        at = datetime.fromtimestamp(over, UTC)
        for site in self._sites * round(self._habits.connections):
            name = site.gateway_id
            for word, told in (("disconnected", _ENDED), ("connected", {})):
                text = json.dumps({**_LIFE, "clientId": name, "eventType": word, **told})
                topic = f"$aws/events/presence/{word}/{name}"
                yield self._publish(name, at, topic, text.encode())
            said = [{"up": 0}] * self._habits.is_persistent + [{"up": 1, "boot": _BOOT}]
            for one in said:
                yield self._publish(name, at, f"sunreeve/{name}/status", json.dumps(one).encode())

    def _topic(self, name: str, kind: str, last: str) -> str:
        return f"$aws/rules/{self._rules[kind]}/{name}/{last}"

    @staticmethod
    def _publish(name: str, at: datetime, topic: str, payload: bytes) -> Publish:
        return Publish(name, name, topic, payload, 1, at, "metered")

    # ------------------------------------------------------------------ making
    def _chunk(self, number: int, name: str, t0: int) -> bytes:
        step = self._habits.window_s
        window = Window(
            name, _BOOT, t0 // step, t0, 60, step // 60, 1, health=dict(summary(_FACTS))
        )
        return seal(window, self._readings(number, t0))

    def _readings(self, number: int, t0: int) -> list[Reading]:
        house = number % HOUSES
        known = self._rows.get((house, t0))
        if known is None:
            dice = random.Random(f"{self._seed} {house} {t0}")
            span = range(t0, t0 + self._habits.window_s, 60)
            known = [_shaken(row, dice) for row in readings(self._houses[house], span)]
            self._rows[house, t0] = known
        return known

    def _agent(self, name: str) -> Agent:
        settings = Settings(
            thing=name,
            outbox=self._folder / f"{name}.sqlite",
            broker=BrokerSettings(host="127.0.0.1"),
            devices=(DeviceSettings(name="inverter", host="127.0.0.1"),),
            window_s=self._habits.window_s,
            chunk_rule=self._rules["chunks"],
            event_rule=self._rules["events"],
        )
        boot = f"{int(self._clock.now().timestamp()):x}"
        return Agent(settings, clock=_Seconds(self._clock.now), boot_id=boot)


@dataclass(frozen=True, slots=True)
class _Seconds:
    """The runtime's clock as the agent wants it."""

    instant: Callable[[], datetime]

    def now(self) -> float:
        """Give unix seconds."""
        return self.instant().timestamp()

    def monotonic(self) -> float:
        """Give the same: simulated time never goes back."""
        return self.now()

    def is_synced(self) -> bool:
        """Give yes."""
        return True


class Fleet:
    """A fleet in front of a stack, with the records that weeks of evaluations left."""

    def __init__(self, runtime: Runtime, watch: Watch, habits: Habits) -> None:
        """Take a stack; there are no homes yet."""
        self._runtime = runtime
        self._watch = watch
        self._habits = habits
        self.gateways: Gateways | None = None
        self._conductor = Conductor(runtime)

    def settle(self, size: int, *, seed: int = 0) -> None:
        """Let so many homes move in, uncounted."""
        records = wiring.records(_TABLES)
        sites: list[Site] = []
        for region in range(-(-size // REGION_SITES)):
            sites += _moved_in(records, region, min(REGION_SITES, size - len(sites)), seed)
        gateways = Gateways(self._runtime, self._watch, sites, self._habits, seed=seed)
        self._keep(gateways)
        gateways.open_agents()
        self.gateways = gateways
        self._conductor.players.append(gateways)

    def _keep(self, gateways: Gateways) -> None:
        chunks = wiring.chunks({"TELEMETRY_TABLE": "TelemetryTable"})
        some: list[StoredChunk] = []
        for name, start, number, payload in gateways.chunks_before(self._runtime.clock.now()):
            late = timedelta(seconds=self._habits.window_s + 60)
            some.append(StoredChunk(name, start, number, payload, start + late))
            if len(some) >= 500:
                chunks.put(some)
                some.clear()
        chunks.put(some)

    def pass_time(self, span: timedelta) -> None:
        """Let time go by."""
        self._conductor.advance_to(self._runtime.clock.now() + span)

    def close(self) -> None:
        """Let go of the agents."""
        if self.gateways is not None:
            self.gateways.close()


def _moved_in(records: Records, region: int, size: int, seed: int) -> list[Site]:
    """Put a region's homes on record as six weeks left them; a square of a degree for each."""
    moved = [
        replace(one, latitude=one.latitude - region // 12, longitude=one.longitude + region % 12)
        for one in baselines(size, 1000 * seed + region)
    ]
    known = records_of(moved, region)
    sites = [
        replace(one, gateway_id=f"gw-{region:03d}{place:03d}")
        for place, one in enumerate(known.sites)
    ]
    before = AT - timedelta(hours=8)
    facts = [replace(one, rows=one.rows[:-1], measured_at=before) for one in known.facts]
    saves = [Save(one) for each in (sites, known.baselines, facts, known.tracks) for one in each]
    for first in range(0, len(saves), _AT_ONCE):
        records.commit(Change(saves=tuple(saves[first : first + _AT_ONCE])))
    return sites


def shaken_readings(number: int, start: int, count: int) -> list[Reading]:
    """Give so many readings of a house, one a minute."""
    dice = random.Random(f"{number} {start}")
    span = range(start, start + 60 * count, 60)
    return [_shaken(row, dice) for row in readings(_house(number % HOUSES), span)]


def _handed_over(agent: Agent) -> list[tuple[str, bytes]]:
    sent: list[tuple[str, bytes]] = []
    agent.hand_over(lambda topic, payload: sent.append((topic, payload)))
    return sent


def _house(number: int) -> House:
    midnight = start_of(THROUGH - timedelta(days=3), OFFSET)
    curve = Curve(f"metered-{number}", int(midnight.timestamp()))
    battery, meter = _EQUIPMENT[number]
    return House(HouseSpec(serial_of(number), battery=battery, meter=meter), curve)


def _shaken(row: Reading, dice: random.Random) -> Reading:
    values = {
        name: round(value * dice.gauss(1, NOISE)) if value and _is_restless(name) else value
        for name, value in row.values.items()
    }
    return replace(row, values=values)


def _is_restless(name: str) -> bool:
    base, _, number = name.rpartition("_")
    return (f"{base}_n" if number.isdigit() else name) in RESTLESS
