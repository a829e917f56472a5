"""What a simulated device does wrong on the wire, and for which of its requests.

Each kind was seen on devices that people own; the docstrings say on which.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Misbehaviour(Enum):
    """What a device does wrong with its replies, or with the registers in them."""

    NONE = "none"
    LATE = "late"
    """Every seventh reply comes 0.8 s late, when the next question has been asked. Inverters do so
    while they start, or while another client asks them: a reader that takes it for the answer is
    off by one question from then on (pysunspec2 1.3.7 is)."""
    SHORT = "short"
    """Replies have one register too few, and a byte count that says so. Serial bridges cut long
    replies; pymodbus takes them for whole."""
    FOREIGN = "foreign-tid"
    """Replies carry the number of the next transaction, as devices do that count for themselves:
    whoever leaves such a reply in the buffer reads it as the answer to the question after."""
    BUSY = "busy"
    """Bursts of exception 6 (server device busy), one of two questions, then one of four:
    SolarEdge and Huawei inverters in the minute after they start, loggers while they write."""
    RST = "rst"
    """Of nine replies the third is cut in the middle by a reset of the connection: inverters that
    serve one client do so when a second connects (SolarEdge, SMA)."""
    TORN = "torn"
    """Frames come in pieces with pauses; of eleven the third has the last reply once more, glued to
    its front, and the end of the sixth comes only with the next. Serial bridges do so."""
    FLIP_SF = "flip-sf"
    """Scale factors change every seven requests, and the numbers with them: the true values stay.
    Fronius inverters scale by the power that they make, DCW_SF from -2 to 0 in one day."""
    SILENT = "silence"
    """Questions are taken and not answered: most inverters whose Modbus service hangs while their
    network does not."""
    NIGHT = "night"
    """All points are "not implemented" but the lifetime counters, as SMA inverters tell the night;
    every sixth reply has 0 in the counters, as Growatt and Solis show for one read on a reset."""
    SLOW = "slow"
    """Every reply takes 1.5 s, as over some serial loggers with a bus behind them."""


LATE_EVERY = 7
LATE_S = 0.8
SLOW_S = 1.5
BUSY_TURNS, BUSY_EVERY = frozenset({0, 1, 7, 8, 9, 10}), 15
RST_TURN, RST_EVERY = 2, 9
TORN_S = 0.02
GLUED_TURN, HELD_TURN, TORN_EVERY = 2, 5, 11
FLIP_EVERY = 7
"""Requests between two changes of scale: more than lie between the two looks of a careful reader at
one scale factor, or no reader could tell."""
ZERO_EVERY = 6


@dataclass(frozen=True, slots=True)
class Spell:
    """One kind from request `since` (from 0) on, until request `until`, which is well again."""

    kind: Misbehaviour
    since: int
    until: int

    def is_on(self, request: int) -> bool:
        """Tell whether it is on at a request."""
        return self.since <= request < self.until


def kinds_on(
    always: Misbehaviour, spells: Iterable[Spell], request: int
) -> frozenset[Misbehaviour]:
    """Return all that is wrong with a request; nothing is an empty set."""
    found = {always, *(spell.kind for spell in spells if spell.is_on(request))}
    return frozenset(found - {Misbehaviour.NONE})
