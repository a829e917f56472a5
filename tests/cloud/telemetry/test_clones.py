"""Two machines by one certificate are found within a day, and honest gateways are left alone."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random  # noqa: TID251 - seeded, and the seed stands in the test

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.adapters.memory import MemoryChunks, MemoryDeviceRegistry, MemoryRecords
from cloud.kernel.errors import BadInput, NotFound
from cloud.telemetry.clones import (
    CONNECTED,
    KICKED,
    MOST_FACTS,
    STATUS,
    Fact,
    Seen,
    Sent,
    boots_that_return,
    kicked_by_another,
    read,
    recent,
    windows_shared,
)
from cloud.telemetry.ports import StoredChunk
from cloud.telemetry.watching import GatewayPresence, settle_suspicion, watch

START = datetime(2026, 6, 8, tzinfo=UTC)
DAY_S = 86_400
HOUR_S = 3600
T0 = int(START.timestamp())
AT = START + timedelta(days=1)


@dataclass
class History:
    """What a day of one gateway looks like from outside."""

    facts: list[Fact] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)

    def connect(self, second: float, boot: str, address: str, *, kicks: bool) -> None:
        at_ms = int((T0 + second) * 1000)
        if kicks:
            self.facts.append(Fact(at_ms, KICKED))
        self.facts.append(Fact(at_ms, CONNECTED, address=address))
        self.facts.append(Fact(at_ms + 80, STATUS, boot=boot))

    def measure(self, first: float, last: float, boot: str, number: int) -> int:
        """Seal each window between two instants, the broken ones at both ends too."""
        for hour in range(int(first) // HOUR_S, int(last) // HOUR_S + 1):
            number += 1
            self.sent.append(Sent(boot, number, T0 + hour * HOUR_S))
        return number

    def signs(self, draw: Random) -> list[str]:
        """Tell which rules find something, whatever order things arrive in."""
        facts, sent = self.facts * 2, list(self.sent)
        draw.shuffle(facts)
        draw.shuffle(sent)
        kept = recent(facts, at=AT)
        found = (
            boots_that_return(kept, at=AT),
            windows_shared(sent, at=AT),
            kicked_by_another(kept, at=AT),
        )
        return [one.rule for one in found if one is not None]


def honest(draw: Random) -> History:
    """A day with reboots, a bad line, another address, a lost queue: what happens to anybody."""
    history = History()
    reboots = sorted(draw.uniform(0, DAY_S) for _ in range(draw.choice([0, 0, 1, 2, 5, 30])))
    number = draw.randrange(10_000)
    addresses = [f"10.0.0.{draw.randrange(1, 250)}", f"172.16.0.{draw.randrange(1, 250)}"]
    is_mobile = draw.random() < 0.2
    for place, begin in enumerate([0.0, *reboots]):
        end = [*reboots, float(DAY_S)][place]
        boot = f"{draw.getrandbits(64):016x}"
        if draw.random() < 0.05:
            number = 0  # the disk was exchanged, or its queue lost
        number = history.measure(begin, end, boot, number)
        second, address = begin, addresses[0]
        while second < end:
            # Whether the broker still believes in the old connection is a matter of luck.
            history.connect(second, boot, address, kicks=draw.random() < 0.6)
            second += draw.expovariate(1 / draw.choice([900, 7_200, 40_000])) + 5
            if is_mobile:
                address = f"100.64.{draw.randrange(256)}.{draw.randrange(256)}"
            elif draw.random() < 0.02:
                address = addresses[address == addresses[0]]
    return history


@pytest.mark.rule("DV-07")
@pytest.mark.rule("DV-08")
@pytest.mark.rule("DV-12")
def test_of_ten_thousand_honest_days_none_is_suspected():
    draw = Random(20260608)
    alarms = [number for number in range(10_000) if honest(draw).signs(draw)]
    assert alarms == []


def fight(history: History, draw: Random, starts: list[tuple[str, str]]) -> None:
    """Two machines throw each other off, with the pauses of their agents."""
    second, failures = 0.0, 0
    while second < DAY_S:
        boot, address = starts[failures % 2]
        history.connect(second, boot, address, kicks=failures > 0)
        failures += 1
        second += min(300.0, 5.0 * 2.0 ** min(failures, 6)) * draw.uniform(0.5, 1)


CLONES = {
    "a copied disk: queue and numbers go on twice": ("same", "fight"),
    "a copied certificate: numbers begin anew": ("new", "fight"),
    "a copy that is on the line by night only": ("new", "night"),
    "behind one address, as in a workshop": ("same", "one address"),
    "a copy that tells no start of its own": ("none", "mute"),
    "a copy that connects once": ("new", "once"),
}


def cloned(kind: str, draw: Random) -> History:
    queue, line = CLONES[kind]
    history = History()
    first, second = f"{draw.getrandbits(64):016x}", f"{draw.getrandbits(64):016x}"
    number = draw.randrange(10_000)
    history.measure(0, DAY_S, first, number)
    here, there = "10.0.0.1", "10.9.9.9"
    if line == "one address":
        there = here
    if line in {"fight", "one address", "mute"}:
        fight(history, draw, [(first, here), (second, there)])
    else:
        begin = draw.uniform(HOUR_S, DAY_S / 2)
        end = begin + (60 if line == "once" else 5 * HOUR_S)
        for at, boot, address in ((0, first, here), (begin, second, there), (end, first, here)):
            history.connect(at, boot, address, kicks=at > 0)
    if line == "mute":
        history.facts = [one for one in history.facts if one.kind != STATUS or one.boot == first]
    elif line != "once":
        since = 0 if line != "night" else begin
        history.measure(since, DAY_S if line != "night" else end, second,
                        number if queue == "same" else 0)  # fmt: skip
    return history


@pytest.mark.rule("DV-07")
@pytest.mark.rule("DV-08")
@pytest.mark.rule("DV-12")
@pytest.mark.parametrize("kind", CLONES)
def test_every_planted_clone_is_found_within_a_day(kind):
    draw = Random(20260609)
    missed = [number for number in range(200) if not cloned(kind, draw).signs(draw)]
    assert missed == []


def told(*boots: str) -> list[Fact]:
    return [Fact(1000 * place + 1, STATUS, boot=boot) for place, boot in enumerate(boots)]


@pytest.mark.rule("DV-07")
@pytest.mark.parametrize(
    ("boots", "is_sign"),
    [
        pytest.param("a", False, id="one start"),
        pytest.param("aaab", False, id="a reboot"),
        pytest.param("abcdef", False, id="many reboots"),
        pytest.param("aba", True, id="a start that comes back"),
        pytest.param("abbbca", True, id="after several others"),
    ],
)
def test_a_start_that_is_over_does_not_come_back(boots, is_sign):
    assert (boots_that_return(told(*boots), at=AT) is not None) is is_sign


@pytest.mark.rule("DV-07")
def test_what_was_told_at_one_instant_has_no_order():
    facts = [Fact(1, STATUS, boot="b"), Fact(1, STATUS, boot="a"), Fact(2, STATUS, boot="a")]
    assert boots_that_return(facts, at=AT) is None


def windows(*of: tuple[str, int, int]) -> list[Sent]:
    return [Sent(boot, number, T0 + hour * HOUR_S) for boot, number, hour in of]


@pytest.mark.rule("DV-08")
@pytest.mark.parametrize(
    ("sent", "is_sign"),
    [
        pytest.param(windows(("a", 1, 1), ("a", 2, 2), ("b", 3, 2), ("b", 4, 3)), False,
                     id="a reboot shares the window it falls into"),
        pytest.param(windows(("a", 1, 1), ("b", 1, 1), ("b", 2, 2)), False,
                     id="the queue was lost in the first hour"),
        pytest.param(windows(("a", 1, 1), ("a", 2, 2), ("b", 1, 1), ("b", 2, 2)), True,
                     id="two windows under the same numbers"),
        pytest.param(windows(("a", 9, 1), ("a", 10, 4), ("b", 1, 2), ("b", 2, 3)), True,
                     id="two windows between another's"),
        pytest.param(windows(("a", 9, 1), ("a", 10, 3), ("b", 1, 2)), False,
                     id="one window between another's is not enough"),
    ],
)  # fmt: skip
def test_two_starts_that_measured_the_same_time(sent, is_sign):
    assert (windows_shared(sent, at=AT) is not None) is is_sign


@pytest.mark.rule("DV-12")
@pytest.mark.parametrize(("turns", "is_sign"), [(23, False), (24, True)])
def test_so_many_turns_of_two_addresses_in_a_day(turns, is_sign):
    history = History()
    for number in range(turns + 2):
        history.connect(number * 600, "a", f"10.0.0.{number % 2}", kicks=number > 0)
    assert (kicked_by_another(history.facts, at=AT) is not None) is is_sign
    assert kicked_by_another(history.facts, at=AT + timedelta(days=1)) is None


# ---------------------------------------------------------------------- what arrives
LIFE = {"gateway_id": "gw-1", "kind": "connected", "at_ms": 5, "certificate_id": "c",
        "address": "10.0.0.1"}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "fact"),
    [
        pytest.param({}, Fact(5, CONNECTED, address="10.0.0.1"), id="connected"),
        pytest.param({"address": None}, Fact(5, CONNECTED), id="from nowhere"),
        pytest.param({"kind": "status", "boot": "5f"}, Fact(5, STATUS, boot="5f"), id="a start"),
        pytest.param({"kind": "status"}, None, id="a last will"),
        pytest.param({"kind": "status", "boot": "<script>"}, None, id="a boot id that is none"),
        pytest.param({"kind": "disconnected", "reason": "DUPLICATE_CLIENTID"}, Fact(5, KICKED),
                     id="thrown off"),
        pytest.param({"kind": "disconnected", "reason": "CONNECTION_LOST"}, None, id="line lost"),
        pytest.param({"gateway_id": "a console of AWS"}, None, id="no gateway"),
    ],
)  # fmt: skip
def test_what_topic_rules_send_is_read(body, fact):
    seen = read(LIFE | body)
    assert (seen.fact if seen else None) == fact


JUNK = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none())


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*LIFE, "boot", "reason"]), JUNK) | JUNK)
def test_anything_else_is_bad_input_or_tells_nothing(junk):
    body = LIFE | junk if isinstance(junk, dict) else junk
    try:
        seen = read(body)
    except BadInput:
        return
    assert seen is None or (seen.gateway_id and 0 < seen.fact.at_ms < 2**42)


@pytest.mark.rule("DV-13")
def test_facts_are_kept_for_two_days_once_and_so_many_at_most():
    now = int(AT.timestamp() * 1000)
    facts = [Fact(now - hours * 3_600_000, KICKED) for hours in (0, 47, 48, 49)]
    assert recent(facts * 2, at=AT) == (facts[2], facts[1], facts[0])
    many = [Fact(now - number, KICKED) for number in range(1000)]
    assert recent(many, at=AT)[-1] == many[0]
    assert len(recent(many, at=AT)) == MOST_FACTS


# ---------------------------------------------------------------------- the finding
class Desk:
    def __init__(self) -> None:
        self.records, self.chunks = MemoryRecords(), MemoryChunks()
        self.registry = MemoryDeviceRegistry()

    def see(self, *facts: Fact, at=AT) -> int:
        seen = [Seen("gw-1", "cert", one) for one in facts]
        return watch(
            seen, records=self.records, chunks=self.chunks, registry=self.registry,
            operations_mail="operations@owner.example", at=at,
        )  # fmt: skip

    def presence(self) -> GatewayPresence:
        return self.records.load(GatewayPresence, "gw-1").record

    def keep(self, boot: str, number: int, hour: int) -> None:
        t0 = T0 + hour * HOUR_S
        chunk = {"v": 1, "gw": "gw-1", "boot": boot, "seq": number, "t0": t0, "dt": 3600, "n": 0,
                 "clk": 1, "dict": 1, "health": {}, "dev": []}  # fmt: skip
        at = datetime.fromtimestamp(t0, UTC)
        payload = json.dumps(chunk).encode()
        self.chunks.put([StoredChunk("gw-1", at, number, payload, at)])


def shortly_before(count: int) -> list[int]:
    return [int(AT.timestamp() * 1000) - 60_000 * (count - place) for place in range(count)]


def statuses(*boots: str) -> list[Fact]:
    return [
        Fact(at_ms, STATUS, boot=boot)
        for at_ms, boot in zip(shortly_before(len(boots)), boots, strict=True)
    ]


@pytest.fixture
def desk():
    return Desk()


@pytest.mark.rule("DV-07")
def test_a_suspicion_is_told_once_and_blocks_nothing(desk):
    desk.registry.active.add("cert")
    assert desk.see(*statuses("aa", "bb", "aa")) == 1
    assert desk.presence().suspicion == "open"
    assert desk.see(*statuses("aa", "bb", "cc", "aa")) == 0
    (letter,) = desk.records.letters.values()
    assert letter.to == "operations@owner.example"
    assert "Nothing was blocked" in letter.text
    assert desk.registry.active == {"cert"}
    assert [one.what for one in desk.records.history("GATEWAY-gw-1")] == ["clone_suspected"]


@pytest.mark.rule("DV-08")
def test_chunks_are_looked_at_where_two_starts_were_told(desk):
    for hour in range(2, 8):
        desk.keep("aa", 100 + hour, hour)
        desk.keep("bb", hour, hour)
    assert desk.see(*statuses("aa")) == 0
    assert desk.see(*statuses("aa", "bb")) == 1
    assert desk.presence().rule == "DV-08"


def test_what_a_person_has_looked_at_is_not_told_again_and_what_comes_after_is(desk):
    desk.see(*statuses("aa", "bb", "aa"))
    settled = settle_suspicion(
        desk.records, gateway_id="gw-1", because="a test bench", at=AT, by="ops"
    )
    assert settled.suspicion == "settled"
    assert desk.see(*statuses("aa", "bb", "dd", "aa")) == 0
    later = AT + timedelta(hours=2)
    fresh = [
        Fact(int(later.timestamp() * 1000) - 1000 * left, STATUS, boot=boot)
        for left, boot in ((3, "aa"), (2, "bb"), (1, "aa"))
    ]
    assert desk.see(*fresh, at=later) == 1
    with pytest.raises(NotFound):
        settle_suspicion(desk.records, gateway_id="gw-9", because="x", at=AT, by="ops")


def test_the_same_facts_again_change_nothing(desk):
    desk.see(*statuses("aa", "bb"))
    version = desk.records.load(GatewayPresence, "gw-1").version
    desk.see(*statuses("aa", "bb"))
    assert desk.records.load(GatewayPresence, "gw-1").version == version
