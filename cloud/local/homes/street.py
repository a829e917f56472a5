"""A street of homes: some speak over real sockets, some through the same codec without them."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from cloud.kernel.clock import Clock
from cloud.local.mqtt.message import Publish
from cloud.local.runtime import Runtime
from cloud.telemetry.days import start_of
from edge_agent.agent import Agent
from edge_agent.poll import Poller
from edge_agent.reading import Reading, Window, seal
from edge_agent.settings import BrokerSettings, DeviceSettings, Settings
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.faults import Fault, FaultKind
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.quiet import HouseSource
from edge_agent.simulator.server import Server

__all__ = ["FaultKind", "Home", "HouseSpec", "Street"]

POLL_S, WINDOW_S = 900, 3600
"""Of the homes that talk: the step of the real production that they are made of, and an hour."""
QUIET_POLL_S, QUIET_WINDOW_S = 3600, 4 * 3600
"""Of the quiet ones: energy comes from counters, so that it is as exact at any step."""
JUMP_S = 8 * 3600
"""In a jump all homes are read up to each evaluation, three times a day."""
JUMP_POLL_S = 4 * 3600
_A_MOMENT = timedelta(seconds=1)
_FIRST_EVALUATION = timedelta(hours=5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PATIENCE_S = 10.0
_DEVICE = "inverter"


@dataclass(frozen=True, slots=True)
class Home:
    """One simulated home.

    Attributes:
        gateway_id: thing name of its gateway.
        house: what stands in it.
        size: relative to the system whose production it shows.
        breaks: kind of fault and the local instant from which it is broken.
        cloudy: day of the street -> what is left of the sun on it.
        is_talking: over real Modbus, MQTT and TLS; else through the codec alone.
    """

    gateway_id: str
    house: HouseSpec
    size: float
    breaks: tuple[tuple[FaultKind, datetime], ...] = ()
    cloudy: Mapping[int, float] = field(default_factory=dict)
    is_talking: bool = False


class Street:
    """All homes, as one player: they are read and send in step with the clock.

    What was mended is kept in a file, so that a home stays whole after a restart.
    """

    def __init__(
        self,
        runtime: Runtime,
        homes: Iterable[Home],
        *,
        first_day: date,
        utc_offset_hours: int,
        chunk_rule: str,
        event_rule: str,
    ) -> None:
        """Build the homes; nothing is connected yet.

        Args:
            runtime: where they send to.
            homes: who lives here.
            first_day: the day on which the production of the extract begins.
            utc_offset_hours: the street's standard time.
            chunk_rule: the topic rule for chunks.
            event_rule: the one for events.
        """
        self._runtime = runtime
        self._folder = runtime.folder / "homes"
        self._folder.mkdir(exist_ok=True)
        self._mended = _Mended(self._folder / "mended.json")
        self._chunk_rule, self._event_rule = chunk_rule, event_rule
        self._start = start_of(first_day, utc_offset_hours)
        self._homes = {home.gateway_id: home for home in homes}
        self._houses = {name: self._house(home) for name, home in self._homes.items()}
        self._quiet = {
            name: _Quiet(house) for name, house in self._houses.items() if not self._talks(name)
        }
        self._server: Server | None = None
        self._agents: dict[str, Agent] = {}
        self._is_jumping = False
        self._read_until = runtime.clock.now()
        # A window that ends now may not have been sent before a kill: sending it again is nothing.
        self._sent_until = _latest_multiple(self._read_until - _A_MOMENT, QUIET_WINDOW_S)
        self._jumped = _Jumped(self._folder / "jump.json")

    # ------------------------------------------------------------------ life
    def open(self) -> None:
        """Serve the talking homes' registers and start their agents."""
        clock = self._runtime.clock
        self._server = Server(lambda: clock.now().timestamp())
        for name, home in self._homes.items():
            if home.is_talking:
                port = self._server.add(self._houses[name])
                self._agents[name] = self._agent(home, port.number)
        broken_off = self._jumped.read()
        if broken_off is not None:  # killed in a jump: what was not read by then is read now
            self._read_until, self._sent_until = broken_off
            self.end_jump()

    def close(self) -> None:
        """Stop the agents and their homes; what was not sent is kept."""
        for agent in self._agents.values():
            agent.close()
        self._agents.clear()
        if self._server is not None:
            self._server.stop()
            self._server = None

    def next_at(self, now: datetime) -> datetime:
        """Give the next quarter hour, or that of the quiet homes where nobody talks.

        In a jump it is the next evaluation of the street (D-11): what was read until then is there
        when it is judged, as it would be without the jump.
        """
        if self._is_jumping:
            return _next_multiple(now, self._start + _FIRST_EVALUATION, JUMP_S)
        step_s = POLL_S if self._agents else QUIET_WINDOW_S
        return _next_multiple(now, _EPOCH, step_s)

    def act(self, now: datetime) -> None:
        """Read every home that talks and let it send; send the quiet ones' finished windows."""
        if self._is_jumping:
            self._catch_up(now)
            return
        for agent in self._agents.values():
            agent.tick()
            agent.publish(_PATIENCE_S)
        if int(now.timestamp()) % QUIET_WINDOW_S == 0:
            start = max(now - timedelta(seconds=QUIET_WINDOW_S), self._sent_until)
            self._send(self._window(name, start, now, QUIET_POLL_S) for name in self._quiet)
            self._sent_until = now

    def begin_jump(self) -> None:
        """Read and send without sockets, by the agents' own outboxes, codec and topics."""
        self._is_jumping = True
        self._read_until = self._runtime.clock.now()
        self._jumped.remember(self._read_until, self._sent_until)

    def end_jump(self) -> None:
        """Send what is left of the jump, and speak over sockets again."""
        self._catch_up(self._runtime.clock.now())
        self._is_jumping = False
        self._jumped.forget()

    def _catch_up(self, now: datetime) -> None:
        """Let every home have been read and have sent since it last did."""
        first = int(self._read_until.timestamp()) // POLL_S + 1
        last = int(now.timestamp()) // POLL_S
        for name, agent in self._agents.items():
            quiet = _Quiet(self._houses[name])
            readings = [quiet.read(slot * POLL_S) for slot in range(first, last + 1)]
            agent.absorb(_DEVICE, [reading for reading in readings if reading is not None])
            agent.hand_over(partial(self._accept, name))
        self._read_until = now
        until = _latest_multiple(now, QUIET_POLL_S)
        if until > self._sent_until:
            start, is_whole = (
                self._sent_until,
                (until - self._sent_until).seconds % JUMP_POLL_S == 0,
            )
            step_s = JUMP_POLL_S if is_whole else QUIET_POLL_S
            self._send(self._window(name, start, until, step_s) for name in self._quiet)
            self._sent_until = until
        self._jumped.remember(self._read_until, self._sent_until)

    def _accept(self, name: str, topic: str, payload: bytes) -> None:
        self._send([self._publish(name, topic, payload)])

    def _send(self, publishes: Iterable[Publish]) -> None:
        self._runtime.accept_all(publishes)

    def _publish(self, name: str, topic: str, payload: bytes) -> Publish:
        return Publish(name, name, topic, payload, 1, self._runtime.clock.now(), "quiet")

    def send_history(self, first: date, until: date) -> None:
        """Send each home's days before the story, a chunk a day, as a gateway that caught up."""
        offset = self._start.utcoffset() or timedelta()
        hours = int(offset.total_seconds() // 3600)
        day = first
        while day < until:
            start = start_of(day, hours)
            self._send(
                self._window(
                    name,
                    start,
                    start + timedelta(days=1),
                    POLL_S if self._talks(name) else QUIET_POLL_S,
                )
                for name in self._homes
            )
            day += timedelta(days=1)

    # ------------------------------------------------------------------ what people do
    def mend(self, gateway_id: str, at: datetime) -> int:
        """Mend all that is broken in a home at an instant; give how many things were."""
        self._mended.remember(gateway_id, at)
        return self._houses[gateway_id].mend(at.timestamp())

    def energy_wh(self, gateway_id: str, at: datetime) -> int:
        """Give what a home's register shows: the other end of the walk back from a bank line."""
        return self._houses[gateway_id].energy_wh(at.timestamp())

    # ------------------------------------------------------------------ making
    def _talks(self, name: str) -> bool:
        return self._homes[name].is_talking

    def _house(self, home: Home) -> House:
        mended_at = self._mended.at(home.gateway_id)
        faults = tuple(
            Fault(kind, since.timestamp(), mended_at.timestamp() if mended_at else None)
            for kind, since in home.breaks
        )
        start = int(self._start.timestamp())
        curve = Curve(home.gateway_id, start, size=home.size, cloudy_days=home.cloudy)
        return House(home.house, curve, faults)

    def _agent(self, home: Home, port: int) -> Agent:
        credentials = self._runtime.authority.device_certificate(home.gateway_id)
        settings = Settings(
            thing=home.gateway_id,
            outbox=self._folder / f"{home.gateway_id}.sqlite",
            broker=BrokerSettings(
                host="127.0.0.1",
                port=self._runtime.mqtt_port,
                ca=str(credentials.ca_path),
                cert=str(credentials.cert_path),
                key=str(credentials.key_path),
            ),
            devices=(
                DeviceSettings(
                    name=_DEVICE,
                    host="127.0.0.1",
                    port=port,
                    unit=home.house.unit,
                    rated_w=home.house.rated_w,
                ),
            ),
            poll_s=POLL_S,
            window_s=WINDOW_S,
            chunk_rule=self._chunk_rule,
            event_rule=self._event_rule,
        )
        clock = self._runtime.clock
        return Agent(settings, clock=_Seconds(clock), boot_id=f"{int(clock.now().timestamp()):x}")

    def _window(self, name: str, start: datetime, end: datetime, step_s: int) -> Publish:
        """Give one window of a home as its gateway would send it.

        The sequence number is the window's: sending it twice, after a restart, changes nothing.
        """
        t0, until = int(start.timestamp()), int(end.timestamp())
        quiet = self._quiet.get(name) or _Quiet(self._houses[name])
        rows = [quiet.read(at) for at in range(t0, until, step_s)]
        window = Window(
            gateway=name,
            boot="0",
            seq=t0 // WINDOW_S,
            t0=t0,
            dt=step_s,
            n=len(rows),
            clock=1,
        )
        payload = seal(window, [row for row in rows if row is not None])
        return self._publish(name, f"$aws/rules/{self._chunk_rule}/{name}/chunk", payload)


def _latest_multiple(now: datetime, step_s: int) -> datetime:
    """Give the last instant up to now that is a whole number of steps of unix time."""
    return datetime.fromtimestamp(int(now.timestamp()) // step_s * step_s, UTC)


def _next_multiple(now: datetime, origin: datetime, step_s: int) -> datetime:
    """Give the first instant after now that is a whole number of steps from an origin."""
    passed = (now - origin) // timedelta(seconds=step_s)
    return origin + timedelta(seconds=step_s) * (passed + 1)


class _Quiet:
    """A home that is read in memory, by the same poller that reads real ones."""

    def __init__(self, house: House) -> None:
        self._source = HouseSource(house)
        spec = house.spec
        self._poller = Poller(
            self._source, unit=spec.unit, rated_w=spec.rated_w, serial=spec.serial
        )

    def read(self, at: int) -> Reading | None:
        """Give the reading of an instant."""
        self._source.at = at
        return self._poller.poll(at)


@dataclass(frozen=True, slots=True)
class _Seconds:
    """The runtime's clock as the agent wants it: unix seconds."""

    clock: Clock

    def now(self) -> float:
        """Give unix seconds, UTC."""
        return self.clock.now().timestamp()

    def monotonic(self) -> float:
        """Give the same: simulated time jumps forward only, and what waits has waited as long."""
        return self.now()

    def is_synced(self) -> bool:
        """Give yes: there is no other time here."""
        return True


class _Jumped:
    """How far the homes were read and have sent in a jump that is under way.

    It is written after what it tells of: a home that sends a window twice changes nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[datetime, datetime] | None:
        """Give the two instants of a jump that was broken off, None when none was."""
        if not self._path.exists():
            return None
        read, sent = json.loads(self._path.read_text())
        return datetime.fromisoformat(read), datetime.fromisoformat(sent)

    def remember(self, read: datetime, sent: datetime) -> None:
        """Note both."""
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps([read.isoformat(), sent.isoformat()]))
        part.replace(self._path)

    def forget(self) -> None:
        """Note that the jump has ended."""
        self._path.unlink(missing_ok=True)


class _Mended:
    """When each home was mended, in a file that is written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def at(self, gateway_id: str) -> datetime | None:
        """Give when a home was mended."""
        found = self._at.get(gateway_id)
        return datetime.fromisoformat(found) if found else None

    def remember(self, gateway_id: str, at: datetime) -> None:
        """Keep that a home was mended; the first time stands."""
        if gateway_id in self._at:
            return
        self._at[gateway_id] = at.isoformat()
        part = self._path.with_suffix(".part")
        with part.open("w") as file:
            json.dump(self._at, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)
