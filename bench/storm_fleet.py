"""Gateways that lost the broker together, on a simulated clock, and a broker with quotas.

When each tries again, what it sends, and how fast are the agent's own `Backoff`, `Sender` and
`spread_s`; only the two ends are made here: a link without sockets that keeps `Uplink`'s rules, a
queue without a disk that gives what `Outbox` gives, and a broker that counts and refuses. All turns
fall on whole seconds, as those of agents do that wake at the minute: nothing is smoothed by it.
"""

import hashlib
import heapq
import zlib
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, inf
from pathlib import Path

from edge_agent.backoff import drawn_from
from edge_agent.mqtt import (
    CONNECT_S,
    KEEPALIVE_S,
    MOST_UNDER_WAY,
    PASSED_OVER,
    PATIENCE_S,
    Key,
    Message,
)
from edge_agent.queue.outbox import Waiting
from edge_agent.sending import STEADY_S, Sender, spread_s
from edge_agent.settings import BrokerSettings, DeviceSettings, Settings

HOUR = 3600
BEGINS_AT = 2880.0
"""The outage begins 48 minutes into an hour, as that of us-east-1 of 2025-10-19 did."""
STATUS: Key = ("status", 0)


@dataclass(frozen=True, slots=True)
class Quotas:
    """What a broker takes in a second (AWS IoT Core endpoints and quotas, defaults)."""

    connects_per_s: int = 500
    publishes_per_s: int = 20_000
    of_a_connection_per_s: int = 100

    def over(self, times: int) -> "Quotas":
        """Return this broker's share for one gateway of so many: the fleet is so much larger."""
        return Quotas(
            self.connects_per_s // times, self.publishes_per_s // times, self.of_a_connection_per_s
        )


class Broker:
    """Counts what comes in each second, refuses what is above its quotas, forgets nothing."""

    def __init__(self, quotas: Quotas, *, restored_at: float) -> None:
        """Be away until `restored_at`."""
        self.now = 0.0
        self.restored_at = restored_at
        self.asked: Counter[int] = Counter()
        self.accepted: Counter[int] = Counter()
        self.published: Counter[int] = Counter()
        self.taken: Counter[int] = Counter()
        self.ended = 0
        self._quotas = quotas

    def connect(self) -> bool:
        """Tell whether a connection is accepted now."""
        if self.now < self.restored_at:
            return False
        second = int(self.now)
        self.asked[second] += 1
        if self.accepted[second] >= self._quotas.connects_per_s:
            return False
        self.accepted[second] += 1
        return True

    def publish(self, of_connection: int) -> bool | None:
        """Tell whether a publish is acknowledged; None when its connection is ended for it.

        Args:
            of_connection: how many the connection has published in this second, this one too.
        """
        second = int(self.now)
        self.published[second] += 1
        if of_connection > self._quotas.of_a_connection_per_s:
            self.ended += 1
            return None
        if self.taken[second] >= self._quotas.publishes_per_s:
            return False
        self.taken[second] += 1
        return True


class Link:
    """A connection of one gateway, with the rules of `edge_agent.mqtt.Uplink` and no sockets."""

    def __init__(self, broker: Broker, number: int) -> None:
        """Be up, and hear that the broker went away at once, or only by its silence."""
        self.stored: set[int] = set()
        """Numbers of chunks that the broker has."""
        self.twice = 0
        self.tried = 0
        self._broker = broker
        self._trip_s = 0.04 + 0.2 * (zlib.crc32(b"%d" % number) % 1000) / 1000
        self._is_silent = number % 2 == 1
        self._facts: deque[tuple[float, str, Key]] = deque()
        self._is_open = False
        self._opened_at = self._progress_at = 0.0
        self._up_since: float | None = None
        self._under_way: dict[Key, float] = {}
        self._acknowledged: list[Key] = []
        self._in_second = (0, 0)

    def lost_after_s(self) -> float:
        """Return how long after the broker went the gateway knows: a half-open link by a PING."""
        return KEEPALIVE_S * (1 + self._trip_s) if self._is_silent else self._trip_s

    def fails_after_s(self) -> float:
        """Return how long an attempt takes while the broker is away: refused, or not answered."""
        return CONNECT_S if self._is_silent else 2 * self._trip_s

    def is_up(self) -> bool:
        self._take_in()
        return self._up_since is not None

    def is_connecting(self) -> bool:
        self._take_in()
        return self._is_open and self._up_since is None

    def up_for_s(self) -> float:
        return 0.0 if self._up_since is None else self._broker.now - self._up_since

    def open(self) -> bool:
        now = self._broker.now
        self._is_open, self._opened_at = True, now
        if now < self._broker.restored_at:
            self._facts.append((now + self.fails_after_s(), "down", STATUS))
            return False
        self.tried += 1
        outcome = (4, "up") if self._broker.connect() else (2, "down")
        self._facts.append((now + outcome[0] * self._trip_s, outcome[1], STATUS))
        return False

    def check(self) -> None:
        self._take_in()
        now = self._broker.now
        if self._up_since is None:
            if self._is_open and now - self._opened_at > 3 * CONNECT_S:
                self._break()
        elif self._under_way and (
            now - self._progress_at > PATIENCE_S
            or now - next(iter(self._under_way.values())) > PASSED_OVER * PATIENCE_S
        ):
            self._break()

    def room(self) -> int:
        return MOST_UNDER_WAY - len(self._under_way) if self.is_up() else 0

    def publish(self, message: Message) -> bool:
        return self.room() > 0 and self._send(message.key)

    def under_way(self) -> set[Key]:
        self._take_in()
        return {*self._under_way, *self._acknowledged}

    def acknowledged(self) -> list[Key]:
        self._take_in()
        acknowledged, self._acknowledged = self._acknowledged, []
        return acknowledged

    def deliver(self, messages: Sequence[Message], timeout_s: float) -> list[Key]:
        raise NotImplementedError("turns do not wait")

    def wakes_at(self) -> float:
        """Return when the next fact comes, or patience ends."""
        fact = self._facts[0][0] if self._facts else inf
        if self._up_since is None or not self._under_way:
            return fact
        return min(fact, ceil(self._progress_at + PATIENCE_S + 1))

    def steady_at(self) -> float:
        """Return when the connection counts as one that worked; inf when it does already."""
        if self._up_since is None or self._broker.now >= self._up_since + STEADY_S:
            return inf
        return ceil(self._up_since + STEADY_S)

    def _send(self, key: Key) -> bool:
        now = self._broker.now
        second, count = self._in_second
        self._in_second = (int(now), count + 1 if second == int(now) else 1)
        taken = self._broker.publish(self._in_second[1])
        if not self._under_way:
            self._progress_at = now
        self._under_way[key] = now
        if taken is None:
            self._facts.append((now + self._trip_s, "down", STATUS))
        elif taken:
            if key[0] == "chunk":
                self.twice += key[1] in self.stored
                self.stored.add(key[1])
            self._facts.append((now + self._trip_s, "acked", key))
        return True

    def _take_in(self) -> None:
        facts, now = self._facts, self._broker.now
        while facts and facts[0][0] <= now:
            at, what, key = facts.popleft()
            if what == "acked":
                self._under_way.pop(key, None)
                self._progress_at = at
                if key is not STATUS:
                    self._acknowledged.append(key)
            elif what == "up":
                self._up_since = at
                self._send(STATUS)
            else:
                self._break()

    def _break(self) -> None:
        self._facts.clear()
        self._under_way.clear()
        self._is_open, self._up_since = False, None


class Backlog:
    """The chunks of one gateway that wait, in the order in which `Outbox` gives them."""

    def __init__(self, window_s: int = HOUR) -> None:
        """Have nothing waiting."""
        self.waiting: list[Waiting] = []
        """Oldest first; the number of a chunk is that of its window."""
        self._window_s = window_s
        self._sealed = 0

    def seal(self, now: float) -> None:
        """Let the chunks wait of the windows that are over."""
        while (until := (self._sealed + 1) * self._window_s) <= now:
            self._sealed += 1
            self.waiting.append(Waiting(self._sealed, b"", until))

    def acknowledge(self, numbers: Sequence[int]) -> None:
        """Forget what the broker has."""
        if numbers:
            done = set(numbers)
            self.waiting = [one for one in self.waiting if one.number not in done]

    def waiting_chunks(self, limit: int) -> list[Waiting]:
        return self.waiting[: -limit - 1 : -1]

    def waiting_live(self, since_t0: int, limit: int) -> list[Waiting]:
        return self.waiting[self._from(since_t0) :][: -limit - 1 : -1]

    def waiting_backfill(self, before_t0: int, limit: int) -> list[Waiting]:
        return self.waiting[: self._from(before_t0)][: -limit - 1 : -1]

    def waiting_again(self, limit: int) -> list[Waiting]:  # noqa: ARG002 - nothing was asked for
        return []

    def waiting_events(self, limit: int, *, hold: bool) -> list[Waiting]:  # noqa: ARG002 - none
        return []

    def _from(self, t0: int) -> int:
        return bisect_left(self.waiting, t0, key=lambda one: one.until - self._window_s)


class Gateway:
    """One agent's way to the broker, turned when there may be something to do."""

    def __init__(self, number: int, seed: str, broker: Broker, settings: Settings) -> None:
        """Be connected, with nothing waiting."""
        boot = hashlib.sha256(f"{seed} {number}".encode()).hexdigest()[:16]
        self.link = Link(broker, number)
        self.queue = Backlog()
        self.sender = Sender(settings, self.queue, self.link, draw=drawn_from(boot))
        self.spread = spread_s(settings.thing, HOUR)
        self.drained_at: float | None = None
        self.next_turn = 0.0

    def sit_out(self, broker: Broker) -> None:
        """Try in vain until the broker is back; leave the attempt that may find it to `turn`.

        It is what `Sender.connect` does with attempts that fail, without looking every second.
        """
        backoff, fails_after_s = self.sender.backoff, self.link.fails_after_s()
        at = float(ceil(BEGINS_AT + self.link.lost_after_s()))
        while at < broker.restored_at:
            backoff.failed(at + fails_after_s)
            at = float(ceil(backoff.next_try_at))
        self.queue.seal(BEGINS_AT)
        self.queue.acknowledge([one.number for one in self.queue.waiting])
        self.next_turn = at

    def turn(self, now: float, *, drained: int) -> None:
        """Do what `Agent.turn` does for the broker, and say when to turn again.

        Args:
            now: seconds, of the clock and of the pace.
            drained: the gateway has drained once no window of this number or before waits.
        """
        self.queue.seal(now)
        self.sender.connect(now)
        self.queue.acknowledge(self.sender.settle().chunks)
        self.sender.send(now, now, hold=False)
        waits = self.queue.waiting
        if self.drained_at is None and (not waits or waits[0].number > drained):
            self.drained_at = now
        self.next_turn = self._next(now)

    def _next(self, now: float) -> float:
        """Return when the agent, which turns each second, may next have something to do."""
        wakes_at = self.link.wakes_at()
        if not self.link.is_up():
            if self.link.is_connecting():
                return min(wakes_at, now + 3 * CONNECT_S + 1)
            return max(now + 1, float(ceil(self.sender.backoff.next_try_at)))
        wakes_at = min(wakes_at, self.link.steady_at())
        leaves_at = now // HOUR * HOUR + self.spread
        wakes_at = min(wakes_at, leaves_at if leaves_at > now else leaves_at + HOUR)
        late_at = self.sender.late_at
        if self.queue.waiting and late_at is not None:
            wakes_at = min(wakes_at, max(float(int(now) + 1), float(ceil(late_at))))
        return max(wakes_at, now + 0.001)


@dataclass(frozen=True, slots=True)
class Storm:
    """What came of one outage; seconds count from the moment the broker was back.

    Attributes:
        asked: connections asked for in each second, until all gateways have drained.
        accepted: of these, accepted.
        published: publishes in each second.
        refused_publishes: publishes without an acknowledgement, above the quota.
        ended: connections ended for publishing too fast.
        most_tries: connects of the gateway that needed most.
        connected_s: when the last connect was accepted.
        drained_s: when nothing old waited anywhere; None when it did not come to that.
        lost: chunks that the gateways let go of and the broker does not have.
        twice: chunks that the broker took twice.
        ingest_age_s: how long the oldest message waited for the ingest function at most.
    """

    gateways: int
    asked: list[int]
    accepted: list[int]
    published: list[int]
    refused_publishes: int
    ended: int
    most_tries: int
    connected_s: int
    drained_s: float | None
    lost: int
    twice: int
    ingest_age_s: float

    def mean(self) -> float:
        """Return how many connects are asked for in the mean second.

        It is that of the time in which 99 of 100 come: the very last would make it look small.
        """
        most = 0.99 * sum(self.asked)
        until = next(at for at, so_far in enumerate(accumulate(self.asked), 1) if so_far >= most)
        return sum(self.asked[:until]) / until

    def jitter(self) -> float:
        """Return how much more is asked in the busiest second than in the mean one."""
        return max(self.asked) / self.mean()


@dataclass(frozen=True, slots=True)
class Ingest:
    """The ingest function: as many batches at once as template.yaml allows."""

    at_once: float = 50
    batch: int = 100
    batch_s: float = 1.0
    """Taken high: a full batch is four BatchWriteItem and some tens of milliseconds of work."""
    gathers_s: float = 5.0

    def over(self, times: int) -> "Ingest":
        """Return its share for one gateway of so many."""
        return Ingest(self.at_once / times, self.batch, self.batch_s, self.gathers_s)

    def oldest_s(self, arrivals: Sequence[int]) -> float:
        """Return how old a message becomes at most that arrives with so many in each second."""
        a_second = self.at_once * self.batch / self.batch_s
        waiting = worst = 0.0
        for came in arrivals:
            waiting += came
            worst = max(worst, waiting / a_second)
            waiting = max(0.0, waiting - a_second)
        return worst + self.gathers_s + self.batch_s


def settings_of(number: int) -> Settings:
    """Return the settings that the agent comes with, and a name."""
    return Settings(f"gw-{number:07}", Path("outbox"), BrokerSettings("127.0.0.1"), _DEVICES)


_DEVICES = (DeviceSettings("inverter", "127.0.0.1"),)


def storm(
    gateways: int,
    outage_s: int,
    *,
    quotas: Quotas,
    ingest: Ingest,
    seed: str,
    within_s: int = 3 * HOUR,
    tell: Callable[[str], None] = lambda _: None,
) -> Storm:
    """Let the broker be away, come back, and count until all have drained or `within_s` is over."""
    broker = Broker(quotas, restored_at=BEGINS_AT + outage_s)
    fleet = [Gateway(number, seed, broker, settings_of(number)) for number in range(gateways)]
    for gateway in fleet:
        gateway.sit_out(broker)
    tell(f"{gateways:,} gateways have sat {outage_s / HOUR:g} h out")
    left = gateways
    for left in _turns(fleet, broker, until=broker.restored_at + within_s):
        tell(f"{broker.now - broker.restored_at:5,.0f} s after it: {left:,} have not drained")
    return _counted(fleet, broker, ingest, is_drained=left == 0)


def _turns(fleet: Sequence[Gateway], broker: Broker, *, until: float) -> Iterator[int]:
    """Turn whoever is next; give now and then, and at the end, how many have not drained."""
    drained, left = int(broker.restored_at) // HOUR, len(fleet)
    heap = [(gateway.next_turn, number) for number, gateway in enumerate(fleet)]
    heapq.heapify(heap)
    told_at = broker.restored_at + 300
    while left and heap[0][0] < until:
        at, number = heap[0]
        if at >= told_at:
            told_at += 300
            yield left
        gateway = fleet[number]
        broker.now = at
        was_drained = gateway.drained_at is not None
        gateway.turn(at, drained=drained)
        left -= not was_drained and gateway.drained_at is not None
        heapq.heapreplace(heap, (gateway.next_turn, number))
    yield left


def _counted(
    fleet: Sequence[Gateway], broker: Broker, ingest: Ingest, *, is_drained: bool
) -> Storm:
    begin, end = int(broker.restored_at), int(broker.now)
    taken = [broker.taken[second] for second in range(begin, end + 1)]
    lost = 0
    for gateway in fleet:
        gateway.queue.seal(end)
        waits = {one.number for one in gateway.queue.waiting}
        due = set(range(int(BEGINS_AT) // HOUR + 1, end // HOUR + 1))
        lost += len(due - waits - gateway.link.stored)
    return Storm(
        gateways=len(fleet),
        asked=[broker.asked[second] for second in range(begin, end + 1)],
        accepted=[broker.accepted[second] for second in range(begin, end + 1)],
        published=[broker.published[second] for second in range(begin, end + 1)],
        refused_publishes=sum(broker.published.values()) - sum(broker.taken.values()),
        ended=broker.ended,
        most_tries=max(gateway.link.tried for gateway in fleet),
        connected_s=max(broker.accepted, default=begin) - begin,
        drained_s=broker.now - broker.restored_at if is_drained else None,
        lost=lost,
        twice=sum(gateway.link.twice for gateway in fleet),
        ingest_age_s=ingest.oldest_s(taken),
    )


def everyday(gateways: int) -> list[int]:
    """Count the gateways that send the chunk of an hour in each second of the next."""
    moments = Counter(spread_s(f"gw-{number:07}", HOUR) for number in range(gateways))
    return [moments[second] for second in range(HOUR)]
