"""Two machines that go by one certificate: how it shows, as pure rules over recent facts.

A start of the agent has a name, its boot id, and is one stretch of time on one machine: once
another has begun, it does not come back. What contradicts that is a sign that the certificate was
copied. A sign is for a person to look at; nothing is blocked by it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.kernel.errors import BadInput
from cloud.telemetry.chunk import BOOT_ID, GATEWAY_NAME
from cloud.telemetry.policy import BOOTS_RETURN, FACTS_KEPT, KICKED_BY_ANOTHER, WINDOWS_SHARED

CONNECTED, KICKED, STATUS = "connected", "kicked", "status"
_DUPLICATE = "DUPLICATE_CLIENTID"
"""The reason of a connection that another one of its name ended ("Lifecycle events")."""
MOST_FACTS = 400
"""Of one gateway; two machines that throw each other off make some thirty an hour."""
_EVER = 2**42
"""In milliseconds the year 2109: an instant beyond it is none."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that was seen of a gateway's connections, at an instant of the broker's clock.

    Attributes:
        kind: it connected, another connection of its name threw it off, or it told its boot id.
        boot: of a status; else empty.
        address: where a connection came from; else empty.
    """

    at_ms: int
    kind: str
    boot: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A fact with the gateway and the certificate that it is about."""

    gateway_id: str
    certificate_id: str
    fact: Fact


@dataclass(frozen=True, slots=True)
class Sent:
    """What a chunk tells of who sent it.

    Attributes:
        t0: start of its window, unix seconds; of a clock that was set.
    """

    boot: str
    sequence: int
    t0: int


@dataclass(frozen=True, slots=True)
class Sign:
    """A reason to think that two machines go by one certificate, with its rule."""

    rule: str
    says: str


def read(body: object) -> Seen | None:
    """Read what a topic rule made of a lifecycle event or a status; None for what tells nothing.

    Raises:
        BadInput: it is neither.
    """
    if not isinstance(body, dict):
        raise BadInput("presence: it is no object")
    gateway, kind, at_ms = body.get("gateway_id"), body.get("kind"), body.get("at_ms")
    certificate = body.get("certificate_id", "")
    if not isinstance(gateway, str) or not isinstance(certificate, str):
        raise BadInput("presence: gateway_id and certificate_id are texts")
    if type(at_ms) is not int or not 0 < at_ms < _EVER:
        raise BadInput("presence: at_ms is no instant")
    if not GATEWAY_NAME.fullmatch(gateway):
        return None  # the broker's own console, and other clients that are no gateways
    boot, address = body.get("boot", ""), body.get("address", "")
    if kind == STATUS:
        # The last will has no boot, and what else stands in a status is the device's to write.
        if not isinstance(boot, str) or not BOOT_ID.fullmatch(boot):
            return None
        return Seen(gateway, certificate, Fact(at_ms, STATUS, boot=boot))
    if kind == CONNECTED:
        shown = address[:64] if isinstance(address, str) else ""
        return Seen(gateway, certificate, Fact(at_ms, CONNECTED, address=shown))
    if kind == "disconnected" and body.get("reason") == _DUPLICATE:
        return Seen(gateway, certificate, Fact(at_ms, KICKED))
    if kind == "disconnected":
        return None
    raise BadInput("presence: it is neither a status nor a lifecycle event")


def recent(facts: Iterable[Fact], *, at: datetime) -> tuple[Fact, ...]:
    """Give the facts of the last two days in order, each once, the latest few hundred (DV-13).

    Events may come twice and out of order ("Lifecycle events", AWS IoT Core developer guide).
    """
    since = _ms(at - FACTS_KEPT.on(at.date()))
    fresh = sorted({one for one in facts if one.at_ms >= since}, key=_order)
    return tuple(fresh[-MOST_FACTS:])


def boots_that_return(facts: Sequence[Fact], *, at: datetime) -> Sign | None:
    """Find a boot id that is told again after another one was (DV-07).

    A reboot changes the boot id once and for all, and so does a restored backup. What was told at
    the same millisecond has no order, and counts for nothing.
    """
    at_once: dict[int, set[str]] = defaultdict(set)
    for one in facts:
        if one.kind == STATUS:
            at_once[one.at_ms].add(one.boot)
    told = [next(iter(boots)) for _, boots in sorted(at_once.items()) if len(boots) == 1]
    runs = [boot for place, boot in enumerate(told) if not place or told[place - 1] != boot]
    back = {boot for boot in runs if runs.count(boot) > BOOTS_RETURN.on(at.date())}
    if not back:
        return None
    says = f"its starts {_names(runs)} take turns, and a start that is over does not come back"
    return Sign(BOOTS_RETURN.id, says)


def windows_shared(sent: Iterable[Sent], *, at: datetime) -> Sign | None:
    """Find two starts that measured the same time (DV-08).

    They have windows between each other's, or the same windows under the same numbers. Chunks come
    late and in any order, so that only what stands in them counts. One window is shared by any
    reboot; numbers begin again where a queue was lost, but not in the same windows.
    """
    least = WINDOWS_SHARED.on(at.date())
    by_boot: dict[str, dict[int, int]] = defaultdict(dict)
    for one in sent:
        by_boot[one.boot][one.t0] = one.sequence
    boots = sorted(by_boot)
    for place, first in enumerate(boots):
        for second in boots[place + 1 :]:
            mine, others = by_boot[first], by_boot[second]
            twice = [t0 for t0, number in mine.items() if others.get(t0) == number]
            between = max(_between(mine, others), _between(others, mine))
            if len(twice) >= least or between >= least:
                says = (
                    f"its starts {_names([first, second])} measured at the same time: "
                    f"{len(twice)} windows under the same numbers, {between} between each other's"
                )
                return Sign(WINDOWS_SHARED.id, says)
    return None


def kicked_by_another(facts: Sequence[Fact], *, at: datetime) -> Sign | None:
    """Find connections from two addresses that throw each other off again and again (DV-12).

    A gateway whose line broke throws off its own old connection, also from another address when
    its router changed lines; but two lines of one home do not take turns so often in a day.
    """
    since = _ms(at - timedelta(days=1))
    turns = 0
    last = before = ""
    was_kicked = False
    for one in sorted(facts, key=_order):
        if one.at_ms < since:
            continue
        if one.kind == KICKED:
            was_kicked = True
        elif one.kind == CONNECTED and one.address:
            turns += was_kicked and one.address == before and one.address != last
            if one.address != last:
                before, last = last, one.address
            was_kicked = False
    if turns < KICKED_BY_ANOTHER.on(at.date()):
        return None
    says = f"connections from {before} and {last} threw each other off {turns} times in a day"
    return Sign(KICKED_BY_ANOTHER.id, says)


def _between(mine: Iterable[int], others: Iterable[int]) -> int:
    """Count the windows of one that lie between windows of the other."""
    known = list(others)
    return sum(min(known) < t0 < max(known) for t0 in mine)


def _order(fact: Fact) -> tuple[int, int, str, str]:
    """Give the order of facts; of one instant the old connection ends before the new one begins."""
    rank = (KICKED, CONNECTED, STATUS).index(fact.kind)
    return (fact.at_ms, rank, fact.boot, fact.address)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _names(boots: Iterable[str]) -> str:
    return ", ".join(list(dict.fromkeys(boot[:8] for boot in boots))[:4])
