"""The scripted day: everything goes wrong that can, and nothing is lost, doubled or untrue.

One gateway with two inverters, one of them with a battery outside of SunSpec on its DC side, lives
for 24 hours in a process of its own: three outages of the broker, ten `kill -9`, a start without a
clock, a spurious jump of the wall clock, a full disk, and a chunk that the broker took and lost.
"""

import resource
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import pytest
from real_broker import IS_HERE, Cloud, RealBroker

from cloud.adapters.memory import MemoryChunks, MemoryDocuments, MemoryRecords
from cloud.telemetry.asking import ask_again
from cloud.telemetry.chunk import decode
from cloud.telemetry.days import day_of_energy, samples_of
from cloud.telemetry.models import Sample
from cloud.telemetry.process import Arrival, ingest
from edge_agent.poll import Poller
from edge_agent.profiles.file import load as load_profile
from edge_agent.profiles.profile import ProfilePoller
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import APART_BATTERY, NO_SOCKETS, House, HouseSpec
from edge_agent.simulator.quiet import HouseSource
from edge_agent.simulator.server import Server

pytestmark = pytest.mark.skipif(not IS_HERE, reason="mosquitto is not installed")

CHILD = Path(__file__).with_name("scripted_gateway.py")
ROOT = Path(__file__).parents[2]
GW = "gw-0001"
DAY = 1782025200
"""A midnight in UTC-7."""
STEP = 120
HOUR = 3600
START, END = DAY - 10 * STEP, DAY + 25 * HOUR
"""Until the window is over in which the day's last reading is."""
KILLS = 10
SETTINGS = """
thing = "{gw}"
outbox = "{folder}/outbox.sqlite"
poll_s = {step}
window_s = 3600
backfill_within_s = 300

[broker]
host = "127.0.0.1"
port = {broker.port}
ca = "{broker.ca}"
cert = "{broker.cert}"
key = "{broker.key}"

[[device]]
name = "roof"
host = "127.0.0.1"
port = {ports[0]}
rated_w = 5000

[[device]]
name = "barn"
host = "127.0.0.1"
port = {ports[1]}
rated_w = 5000
serial = "SN-2"

[[device]]
name = "battery"
host = "127.0.0.1"
port = {ports[1]}
profile = "solaredge_battery"
dc_of = "barn"
"""


class Gateway:
    """The process, and the clock that it is told."""

    def __init__(self, settings: Path, errors: Path) -> None:
        self._settings = settings
        self._errors = errors
        self._boots = 0
        self._machine_started = START - 1000.0
        self._process: subprocess.Popen[str] | None = None
        self.waiting = self.ram = 0

    @property
    def is_alive(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def begin(self) -> None:
        self._boots += 1
        command = [sys.executable, str(CHILD), str(self._settings), f"b{self._boots:x}"]
        with self._errors.open("a") as errors:
            self._process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env={"PYTHONPATH": str(ROOT)},
            )

    def tell(self, true: float, *, wall: float | None = None, is_set: bool = True) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        mono = true - self._machine_started
        line = f"{true if wall is None else wall} {mono} {int(is_set)}\n"
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def hear(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        word, waiting, ram = self._process.stdout.readline().split()
        assert word == "ok"
        self.waiting, self.ram = int(waiting), int(ram)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()
            self._process = None

    def switch_machine_on(self, true: float) -> None:
        self._machine_started = true - 5.0

    def has_room(self, *, on_disk: bool) -> None:
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        soft = hard if on_disk else 1
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (soft, hard))


class TheCloud:
    """What comes in goes through the real ingest; one chunk is lost on its way, until asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.chunks, self.documents = MemoryChunks(), MemoryDocuments()
        self.records = MemoryRecords()
        self.bytes_of: dict[tuple[str, int, int], set[bytes]] = {}
        self.lose_at = DAY + 9 * HOUR
        self.lost: int | None = None
        self.is_losing = True
        self.aside: list[str] = []
        self.arrivals = 0

    def hear(self, topic: str, payload: bytes) -> None:
        kind = topic.rpartition("/")[2]
        if kind not in {"chunk", "event"}:
            return
        if kind == "chunk":
            chunk = decode(payload)
            self.arrivals += 1
            self.bytes_of.setdefault(chunk.key, set()).add(payload)
            if self.lost is None and chunk.t0 >= self.lose_at:
                self.lost = chunk.seq
            if chunk.seq == self.lost and self.is_losing:
                return
        at = datetime.fromtimestamp(self.now, UTC)
        arrival = Arrival(kind, GW, payload, at)
        taken = ingest(
            [arrival], chunks=self.chunks, documents=self.documents, records=self.records
        )
        self.aside += [one.because for one in taken.aside]

    def ask(self, downlink) -> int:
        at = datetime.fromtimestamp(self.now, UTC)
        total = ask_again([GW], chunks=self.chunks, records=self.records, downlink=downlink, at=at)
        if total:
            self.is_losing = False
        return total

    def decoded(self):
        start, end = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
        return [decode(one.payload) for one in self.chunks.between(GW, start, end)]


class Script:
    """When what goes wrong; drawn from the seed."""

    def __init__(self, seed: int) -> None:
        numbers = count()
        self._draw = lambda: zlib.crc32(f"day {seed} {next(numbers)}".encode()) / 0xFFFFFFFF
        self.outages = []
        for first_hour, last_hour in ((1, 3), (10, 12), (18, 19)):
            begin = self._one_of(range(DAY + first_hour * HOUR, DAY + last_hour * HOUR, STEP))
            self.outages.append((begin, begin + self._one_of(range(HOUR, 4 * HOUR, STEP))))
        self.disk_full = (DAY + 8 * HOUR - 4 * STEP, DAY + 8 * HOUR + 11 * STEP)
        self.jump_at = DAY + 15 * HOUR + 40 * 60
        off = DAY + 16 * HOUR + 6 * STEP
        self.machine_off, self.machine_on = off, off + 5 * STEP + 37
        self.clock_comes = self.machine_on + 20 * STEP
        quiet = [
            (self.disk_full[0] - STEP, self.disk_full[1] + STEP),
            (self.machine_off - STEP, self.clock_comes + 2 * STEP),
            (self.jump_at - STEP, self.jump_at + STEP),
        ]
        free = [
            at
            for at in range(DAY + 10 * STEP, DAY + 23 * HOUR, STEP)
            if not any(begin <= at <= end for begin, end in quiet)
        ]
        # Half of them when a chunk is on its way.
        busy = [at for at in free if at % HOUR in {0, STEP, 2 * STEP}]
        instants: set[int] = set()
        while len(instants) < KILLS:
            instants.add(self._one_of(busy if len(instants) < KILLS // 2 else free))
        self.kills = {
            at: (self._draw() * 0.04, self._one_of((30, STEP, 3 * STEP))) for at in sorted(instants)
        }

    def _one_of(self, choices: Sequence[int]) -> int:
        return choices[min(int(self._draw() * len(choices)), len(choices) - 1)]


class Day:
    """Plays a script, and remembers when the gateway lived."""

    def __init__(self, script: Script, gateway: Gateway, broker: RealBroker) -> None:
        self.script = script
        self.gateway = gateway
        self.broker = broker
        self.cloud = TheCloud()
        self.link = Cloud(broker, self.cloud.hear)
        self.true = float(START)
        self.lived: set[int] = set()
        self.maybe: set[int] = set()
        self.read_at: dict[int, float] = {}
        self.most_ram = 0
        self.asked = 0
        self._is_broker_there = True

    def read_at_of(self, sample: Sample) -> float:
        """When a row was really read: only a clock that was not set has another instant."""
        at = int(sample.at.timestamp())
        return self.read_at.get(at, at)

    def play(self) -> None:
        script = self.script
        at = START
        self.gateway.begin()
        while at <= END:
            self._set(at)
            self._mind_broker(at)
            if at == script.machine_off:
                self.gateway.kill()
                self._without_a_clock()
                at = int(script.clock_comes // STEP + 1) * STEP
                continue
            if at in script.kills:
                self._kill(at, *script.kills[at])
            elif self.gateway.is_alive or at not in self.down:
                self._live(at)
            at += STEP
        for _ in range(40):
            if not self.gateway.waiting:
                break
            at += STEP
            self._set(at)
            self._turn(at)

    down: frozenset[int] = frozenset()

    def _set(self, at: float) -> None:
        self.true = self.cloud.now = at

    def _mind_broker(self, at: int) -> None:
        is_out = any(begin <= at < end for begin, end in self.script.outages)
        if is_out == self._is_broker_there:
            self._is_broker_there = not is_out
            if is_out:
                self.broker.stop()
            else:
                self.broker.start()
                self.link.wait()
        if not is_out and at % HOUR == 0 and at > DAY + 12 * HOUR:
            self.asked += self.cloud.ask(self.link)

    def _live(self, at: int) -> None:
        if not self.gateway.is_alive:
            self.gateway.begin()
        begin, end = self.script.disk_full
        if at in {begin, end}:
            self.gateway.has_room(on_disk=at == end)
        self._turn(at)
        self.lived.add(at)
        self.most_ram = max(self.most_ram, self.gateway.ram)
        if at == self.script.jump_at:
            for late in (10, 20, 30):
                self._set(at + late)
                wall = at + late + 3600 if late < 30 else at + late
                self.gateway.tell(self.true, wall=wall)
                self.gateway.hear()

    def _turn(self, at: float) -> None:
        self.gateway.tell(at)
        self.gateway.hear()

    def _kill(self, at: int, after_s: float, down_s: int) -> None:
        """Kill it in the middle of what this instant brings, and start it again later."""
        if not self.gateway.is_alive:
            self.gateway.begin()
            self.gateway.tell(at - 1)
            self.gateway.hear()
        self.gateway.tell(at)
        time.sleep(after_s)
        self.gateway.kill()
        self.maybe.add(at)
        if down_s < STEP:
            self._set(at + down_s)
            self.gateway.begin()
            self._turn(at + down_s)
        else:
            self.down |= frozenset(range(at, at + down_s, STEP))

    def _without_a_clock(self) -> None:
        """Begin in 1970; the time comes after forty minutes, and is no whole step away."""
        script = self.script
        self._set(script.machine_on)
        self.gateway.switch_machine_on(script.machine_on)
        self.gateway.begin()
        for at in range(script.machine_on, script.clock_comes + 1, STEP):
            self._set(at)
            self._mind_broker_quietly(at)
            is_set = at >= script.clock_comes
            self.gateway.tell(at, wall=at if is_set else at - script.machine_on + 5, is_set=is_set)
            self.gateway.hear()
            nearest = round(at / STEP) * STEP
            self.lived.add(nearest)
            self.read_at[nearest] = at

    def _mind_broker_quietly(self, at: int) -> None:
        if any(begin <= at < end for begin, end in self.script.outages):
            raise AssertionError("the script has an outage in the hour without a clock")


@pytest.fixture
def homes():
    return [
        House(HouseSpec("SN-1", battery=802), Curve("SN-1", DAY - 86_400)),
        House(
            HouseSpec("SN-2", battery=APART_BATTERY, is_hybrid=True, sockets=NO_SOCKETS),
            Curve("SN-2", DAY - 86_400),
        ),
    ]


def truth_of(house: House, at: float) -> dict[str, int | None]:
    """What the inverter says at an instant, read without sockets by a poller that knows nothing."""
    source = HouseSource(house)
    source.at = at
    reading = Poller(source, unit=1, serial=house.spec.serial).poll(int(at))
    assert reading is not None
    return dict(reading.values)


def battery_truth(house: House, at: float) -> dict[str, int | None]:
    source = HouseSource(house)
    source.at = at
    reading = ProfilePoller(source, load_profile("solaredge_battery")).poll(int(at))
    assert reading is not None
    return dict(reading.values)


@pytest.mark.parametrize("seed", [20261123, 7])
def test_a_day_on_which_everything_goes_wrong(seed, tmp_path, papers, homes):
    print("seed", seed)  # noqa: T201
    broker = RealBroker(tmp_path / "broker", papers)
    clock_of: list[Day] = []
    with Server(lambda: clock_of[0].true) as server:
        ports = [server.add(house).number for house in homes]
        settings = tmp_path / "agent.toml"
        settings.write_text(
            SETTINGS.format(
                gw=GW, folder=tmp_path, step=STEP, broker=broker.settings_of(GW), ports=ports
            )
        )
        day = Day(Script(seed), Gateway(settings, tmp_path / "errors"), broker)
        clock_of.append(day)
        try:
            day.play()
        finally:
            day.gateway.kill()
            day.link.close()
            broker.stop()
    cloud = day.cloud
    assert day.asked == 1, "one chunk was lost, and one was asked for"
    assert len(day.script.kills) == KILLS
    errors = (tmp_path / "errors").read_text()
    assert "Traceback" not in errors, errors
    assert cloud.aside == []
    assert day.gateway.waiting == 0, "all has left"
    assert day.most_ram > 0, "the disk was full"
    assert cloud.lost is not None
    assert not cloud.is_losing, "the chunk that was lost was asked for"
    assert {len(payloads) for payloads in cloud.bytes_of.values()} == {1}, "one key, one content"
    numbers = sorted(key[2] for key in cloud.bytes_of)
    assert len(set(numbers)) == len(numbers), "no number is used twice"

    chunks = cloud.decoded()
    told = Counter(
        (device.serial, chunk.t0 + row * chunk.dt)
        for chunk in chunks
        for device in chunk.devices
        for row, quality in enumerate(device.quality)
        if quality is not None
    )
    assert [row for row, times in told.items() if times > 1] == [], "no row is told twice"
    samples = samples_of(chunks)
    assert set(samples) == {"SN-1", "SN-2", "SN-2-B"}
    for serial, rows in samples.items():
        instants = {int(row.at.timestamp()) for row in rows}
        lived = {at for at in day.lived if at < END}
        assert sorted(lived - instants) == [], f"{serial}: rows are lost"
        assert sorted(instants - day.lived - day.maybe) == [], f"{serial}: rows of no instant"
    for number, house in enumerate(homes):
        for row in samples[f"SN-{number + 1}"]:
            read_at = day.read_at_of(row)
            assert known(row.columns, but="Pv") == known(truth_of(house, read_at)), house.spec
            assert row.columns["WH"] == house.energy_wh(read_at)
    for row in samples["SN-2-B"]:
        assert known(row.columns) == known(battery_truth(homes[1], day.read_at_of(row)))
    check_modules(samples["SN-2"], samples["SN-2-B"], homes[1])

    of_day = day_of_energy(
        samples,
        day=date(2026, 6, 21),
        utc_offset_hours=-7,
        samples_expected=720,
        rated_w=10_000,
    )
    opening, closing = of_day.opening_wh, of_day.closing_wh
    made = homes[0].energy_wh(DAY + 24 * HOUR) - homes[0].energy_wh(DAY)
    assert closing["SN-1"] - opening["SN-1"] == made, "the energy of the day is exact"


def known(columns, but="-"):
    return {
        name: value
        for name, value in columns.items()
        if value is not None and not name.startswith(but)
    }


def check_modules(inverter, battery, house) -> None:
    """What the modules make is told of each instant, and its counter misses the gaps alone."""
    charge = {row.at: row.columns["BatChgW"] for row in battery}
    made = 0.0
    before = None
    for row in inverter:
        direct_w, counter = row.columns.get("DCW"), row.columns.get("PvWH")
        if direct_w is None:
            assert row.columns.get("PvW") is None
            continue
        assert row.columns["PvW"] == max(0, direct_w + charge[row.at])
        at = row.at.timestamp()
        if before is not None:
            assert counter >= before[1], "it never falls"
            if at - before[0] <= 3 * STEP:
                made += sum(
                    house.input_wh(number, at) - house.input_wh(number, before[0])
                    for number in (1, 2)
                )
        before = (at, counter)
    first = next(row.columns["PvWH"] for row in inverter if row.columns.get("PvWH") is not None)
    assert before is not None
    assert before[1] - first == pytest.approx(made, rel=0.01)
    assert made > 5000
