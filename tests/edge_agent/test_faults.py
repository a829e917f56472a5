"""Devices that misbehave for hours: what is published is the truth of its instant, or nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edge_agent.dictionary import QUALITY_ASLEEP, QUALITY_OK
from edge_agent.modbus import Registers
from edge_agent.poll import Poller
from edge_agent.reading import Reading
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.image import Image, Template
from edge_agent.simulator.quiet import readings
from edge_agent.simulator.server import Misbehaviour, Port, Server, Spell
from edge_agent.source import ReadFailed
from edge_agent.sunspec.report import read_report
from edge_agent.sunspec.scan import scan

DAY = 1782025200
"""A midnight in UTC-7."""
MORNING = DAY + 8 * 3600
STEP_S = 900
"""As long as the longest pause of a device that was silent, so that each poll asks."""
TIMEOUT_S = 0.08
PACE = 0.15
"""A late reply comes after 0.12 s and a slow one after 0.225 s: after the time-out, each."""
KINDS = [kind for kind in Misbehaviour if kind is not Misbehaviour.NONE]

HOMES = {
    "103+160+802+203": HouseSpec("SN-1", battery=802, meter=203),
    "701+713+714": HouseSpec("SN-2", inverter=701, battery=713, is_hybrid=True, sockets=714),
    "103+160 of 12 inputs": HouseSpec("SN-3", shares=(1 / 12,) * 12),
    "701+713+714 of 8 ports": HouseSpec(
        "SN-4", inverter=701, battery=713, sockets=714, shares=(1 / 8,) * 8
    ),
}


def house(name: str) -> House:
    spec = HOMES[name]
    return House(spec, Curve(spec.serial, DAY))


@dataclass
class Day:
    """What was published of a home, and what was true."""

    found: list[Reading] = field(default_factory=list)
    true: list[Reading] = field(default_factory=list)

    @property
    def wrong(self) -> list[tuple]:
        """Values that were published and are not what the home would have said."""
        return [
            (i, name, value, real.values.get(name))
            for i, (seen, real) in enumerate(zip(self.found, self.true, strict=True))
            for name, value in seen.values.items()
            if value is not None and value != real.values.get(name)
        ]

    @property
    def published(self) -> int:
        return sum(v is not None for reading in self.found for v in reading.values.values())

    @property
    def whole(self) -> int:
        """How many values a poll gives when all is well."""
        return sum(value is not None for value in self.true[0].values.values())

    def polls_until_whole(self, first: int) -> int:
        """How many polls from one on went by before everything was there again."""
        for i in range(first, len(self.found)):
            if self.found[i].values == self.true[i].values:
                return i - first
        return len(self.found)


def spend(home: House, clock, misbehave, polls: int) -> Day:
    """Poll a home so often; `misbehave(port, i)` is called before the poll `i`."""
    day = Day()
    with Server(clock.now) as server:
        port = server.add(home)
        port.pace = PACE
        poller = Poller(
            Registers("127.0.0.1", port.number, TIMEOUT_S), unit=1, rated_w=home.spec.rated_w
        )
        for i in range(polls):
            clock.at = MORNING + STEP_S * i
            misbehave(port, i)
            reading = poller.poll(int(clock.at))
            assert reading is not None, "it was known before it misbehaved"
            day.found.append(reading)
            day.true += readings(home, [int(clock.at)])
        poller.close()
    return day


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
@pytest.mark.parametrize("name", HOMES)
def test_one_fault_after_another(name, kind, clock):
    """A fault for six polls, then none: no wrong value, and it recovers."""

    def misbehave(port: Port, i: int) -> None:
        port.misbehaviour = kind if 2 <= i < 8 else Misbehaviour.NONE

    day = spend(house(name), clock, misbehave, 11)
    assert day.wrong == []
    assert day.polls_until_whole(0) == 0
    assert day.polls_until_whole(8) <= 2
    assert day.published >= 4 * day.whole
    for seen, real in zip(day.found, day.true, strict=True):
        if seen.quality in {QUALITY_OK, QUALITY_ASLEEP} and kind is not Misbehaviour.NIGHT:
            assert seen.values == real.values, "what is missing is said to be"


GIVES_SOMETHING = {
    Misbehaviour.LATE,
    Misbehaviour.BUSY,
    Misbehaviour.RST,
    Misbehaviour.TORN,
    Misbehaviour.FLIP_SF,
    Misbehaviour.NIGHT,
}


@pytest.mark.parametrize("kind", sorted(GIVES_SOMETHING, key=lambda kind: kind.value))
def test_a_device_that_is_only_now_and_then_wrong_is_still_heard(kind, clock):
    """A reader that gives up is not careful but lazy."""

    def misbehave(port: Port, i: int) -> None:
        port.misbehaviour = kind if i >= 1 else Misbehaviour.NONE

    name = "103+160+802+203"
    day = spend(house(name), clock, misbehave, 20)
    assert day.wrong == []
    counters = sum(name.startswith(("WH", "DCWH", "MtrWH")) for name in day.true[0].values)
    least = counters * 8 if kind is Misbehaviour.NIGHT else day.whole * 6
    assert day.published - day.whole >= least, f"{day.published} of {20 * day.whole}"


spells = st.lists(
    st.builds(
        lambda kind, since, length: Spell(kind, since, since + length),
        st.sampled_from(KINDS),
        st.integers(12, 80),
        st.integers(1, 25),
    ),
    min_size=2,
    max_size=6,
)


@settings(
    deadline=None,
    max_examples=2,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.parametrize("name", HOMES)
@given(plan=spells)
@example(plan=[Spell(Misbehaviour.FLIP_SF, 12, 100), Spell(Misbehaviour.LATE, 20, 60)])
@example(plan=[Spell(Misbehaviour.FLIP_SF, 12, 100), Spell(Misbehaviour.TORN, 13, 90)])
@example(plan=[Spell(Misbehaviour.NIGHT, 30, 60), Spell(Misbehaviour.FLIP_SF, 12, 100)])
def test_any_faults_at_once(name, plan, clock):
    """Spells of faults that overlap as they like: no wrong value, and it recovers."""

    def misbehave(port: Port, i: int) -> None:
        if i == 0:
            port.spells = tuple(plan)
        if i == 20:
            port.spells = ()

    day = spend(house(name), clock, misbehave, 25)
    assert day.wrong == []
    assert day.polls_until_whole(20) <= 2
    assert day.published >= 5 * day.whole


@pytest.mark.parametrize("kind", [Misbehaviour.SHORT, Misbehaviour.FLIP_SF])
def test_a_reader_that_trusts_is_caught(kind):
    """The same faults make one that looks at less give wrong values, so they do bite."""
    from bench.wrong_values import PyModbus, tally_of

    assert tally_of(PyModbus, kind).wrong > 0


def der_like() -> Image:
    """A device with models longer than one read, each number in it another one."""
    template = Template([(1, 0), (160, 14), (701, 0), (713, 0), (714, 9), (203, 0), (802, 0)])
    values: dict[str, int | str | None] = {"1.SN": "SN-DER"}
    for i, (name, slot) in enumerate(template.slots.items()):
        if name.endswith("_SF"):
            values[name] = -1
        elif not name.startswith("1.") and slot.point.type not in {"string", "pad"}:
            values[name] = 3 + (i * 37) % 290
    values |= {"160.N": 14, "714.NPrt": 9}
    for name in template.slots:
        if name.split(".")[1] in {"ID", "L"} and name.count(".") == 1:
            values.pop(name, None)
    return Image(1, ((40000, tuple(template.filled(values))),))


def flat(points: Iterable) -> dict:
    """The values of a report by path; scale factors, which may change, are left out."""
    found = {}
    for model in points:
        stack = [((model["address"],), model["points"])]
        while stack:
            path, node = stack.pop()
            for name, point in node.items():
                if isinstance(point, list):
                    stack += [((*path, name, i), entry) for i, entry in enumerate(point)]
                elif "raw" not in point:
                    stack.append(((*path, name), point))
                elif not name.endswith("_SF"):
                    found[(*path, name)] = point["value"]
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
def test_reading_all_points(kind):
    """`read` gives each point as it is, or not: also of models that do not fit in one request."""
    with Server(lambda: 0.0) as server:
        port = server.add(der_like())
        port.pace = PACE
        registers = Registers("127.0.0.1", port.number, TIMEOUT_S)
        chain = scan(registers, (1,))
        assert chain is not None
        true = flat(read_report("", registers, chain)["models"])
        assert sum(value is not None for value in true.values()) > 400
        port.misbehaviour = kind
        published = 0
        for _ in range(12 if kind in GIVES_SOMETHING else 3):
            try:
                found = flat(read_report("", registers, chain)["models"])
            except ReadFailed:
                continue
            wrong = {
                path: (value, true[path])
                for path, value in found.items()
                if value is not None and value != true[path]
            }
            if kind is Misbehaviour.NIGHT:
                wrong = {path: pair for path, pair in wrong.items() if pair[0] != 0}
            assert wrong == {}
            published += sum(value is not None for value in found.values())
        if kind in GIVES_SOMETHING:
            assert published > 800, "it is heard now and then"
        port.misbehaviour = Misbehaviour.NONE
        assert flat(read_report("", registers, chain)["models"]) == true
        registers.close()
