"""The sun over a simulated home: real quarter-hours of one system, scaled, as power and energy.

The curve is a pure function of the instant, so that any home can be read at any instant, in any
order, and its counters still agree with its power.
"""

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from pathlib import Path

EXTRACT = Path(__file__).with_name("pvdaq_system_50.csv")
SLOTS = 96
SLOT_S = 900
DAY_S = 86_400
VARIATION = 0.03
"""Two homes under one sky differ by a few per cent a day (dirt, shade, heat)."""


@dataclass(frozen=True, slots=True)
class Extract:
    """Days of real production: watts of each quarter hour, and watt-seconds before each."""

    power_w: tuple[tuple[int, ...], ...]
    energy_before_ws: tuple[tuple[int, ...], ...]


@cache
def production(path: Path = EXTRACT) -> Extract:
    """Return the extract of PVDAQ system 50; the file says what was cut out of what."""
    with path.open(encoding="ascii", newline="") as file:
        rows = list(csv.reader(line for line in file if not line.startswith("#")))
    power = tuple(tuple(int(cell) for cell in row[1:]) for row in rows[1:])
    energy = tuple(tuple(accumulate((w * SLOT_S for w in day), initial=0)) for day in power)
    return Extract(power, energy)


@dataclass(frozen=True)
class Curve:
    """What one home's modules would make, were nothing broken: power in W and energy in Wh, DC.

    `start` is the midnight (unix seconds) at which the extract's first day begins, in the home's
    standard time; after its last day the extract begins again, before its first day it ends.
    `size` is the home's size relative to system 50. `name` seeds the variation from day to day.
    `cloudy_days` maps the days after `start` to what is left of the sun on them.
    """

    name: str
    start: int
    size: float = 1.0
    cloudy_days: Mapping[int, float] = field(default_factory=dict)
    extract: Extract = field(default_factory=production, repr=False)
    _factors: dict[int, float] = field(default_factory=dict, repr=False, compare=False)
    _energy_before: dict[int, float] = field(default_factory=dict, repr=False, compare=False)

    def power_w(self, at: float) -> float:
        """Return the power at an instant; it is constant within each quarter hour."""
        day, second = divmod(at - self.start, DAY_S)
        watts = self.extract.power_w[int(day) % len(self.extract.power_w)]
        return watts[int(second // SLOT_S)] * self._factor(int(day))

    def energy_wh(self, at: float) -> float:
        """Return the energy from `start` until an instant, the exact integral of the power.

        Before `start` nothing has been made.
        """
        if at <= self.start:
            return 0.0
        day, second = divmod(at - self.start, DAY_S)
        slot, rest = divmod(second, SLOT_S)
        index = int(day) % len(self.extract.power_w)
        today_ws = (
            self.extract.energy_before_ws[index][int(slot)]
            + self.extract.power_w[index][int(slot)] * rest
        )
        return self._before(int(day)) + today_ws * self._factor(int(day)) / 3600

    def _before(self, day: int) -> float:
        """Return the energy of the whole days from `start` until this one."""
        if day not in self._energy_before:
            total = 0.0
            for earlier in range(day):
                self._energy_before[earlier] = total
                index = earlier % len(self.extract.power_w)
                total += self.extract.energy_before_ws[index][SLOTS] * self._factor(earlier) / 3600
            self._energy_before[day] = total
        return self._energy_before[day]

    def _factor(self, day: int) -> float:
        if day not in self._factors:
            digest = hashlib.sha256(f"{self.name} {day}".encode()).digest()
            noise = int.from_bytes(digest[:4], "big") / 0xFFFFFFFF * 2 - 1
            self._factors[day] = (
                self.size * (1 + VARIATION * noise) * self.cloudy_days.get(day, 1.0)
            )
        return self._factors[day]
