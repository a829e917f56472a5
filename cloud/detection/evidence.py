"""A judged day as it is kept and told: what it made, what was expected, why it counted; pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cloud.detection.terms import Terms
from cloud.detection.verdict import Gap, Reason, Verdict, is_below

KEPT_DAYS = 35
"""So many days of a site are kept: more than a case takes to open, and those before its onset."""
FORMAT = 1
"""Of the lists below; another one is not read, and its site is replayed from its stored days."""

_FIRST_DAY = date(2020, 1, 1)
_REASONS = (
    Reason.GOOD,
    Reason.LOW,
    Reason.UNKNOWN,
    Reason.PARTIAL,
    Reason.THROTTLED,
    Reason.STUCK_METER,
    Reason.WARM_UP,
    Reason.NO_WEATHER,
    Reason.DISAGREE,
    Reason.DARK,
    Reason.SNOW,
    Reason.RESTLESS,
)
"""By the number under which each is stored: a new one comes last, and none ever moves."""


@dataclass(frozen=True, slots=True)
class DayLine:
    """One day of a site, as evidence.

    Attributes:
        actual_wh: None when it is not known, which is never zero.
        expected_wh: None when nothing could be expected.
        weather_permille: what the neighbours made of their own expectation, None when nothing was
            known of the sky.
        spread_permille: how far they differed, in thousandths of the logarithm.
        neighbours: how many they were; none when only the hourly feed spoke.
        within_km: how far was looked for them.
        floor_percent: below this share of the expectation a day is low (D-13).
        guarded_permille: the floor for a visit, lowered by what is in doubt (D-77c).
        reason: why the day counts, or does not.
        gap: the unknown days that end before this one, when the counter tells of them.
    """

    day: date
    actual_wh: int | None
    expected_wh: int | None
    weather_permille: int | None
    spread_permille: int | None
    neighbours: int
    within_km: float
    floor_percent: int
    guarded_permille: int
    reason: Reason
    gap: Gap | None = None

    @property
    def is_counted(self) -> bool:
        """Tell whether the day counts, for the system or against it."""
        return self.reason is Reason.GOOD or self.reason is Reason.LOW

    @property
    def is_low(self) -> bool:
        """Tell whether the day counts and is below the floor."""
        return self.reason is Reason.LOW

    @property
    def ratio(self) -> float | None:
        """Give the share of the expectation that was made, None when either is not known."""
        if self.actual_wh is None or not self.expected_wh:
            return None
        return self.actual_wh / self.expected_wh

    @property
    def floor_wh(self) -> float | None:
        """Give the energy below which the day would be low, None when nothing was expected."""
        return None if self.expected_wh is None else self.expected_wh * self.floor_percent / 100


def line_of(verdict: Verdict, terms: Terms) -> DayLine:
    """Give the evidence of a verdict, by the numbers it was made with.

    Shares are rounded to a thousandth here, once, so that what is kept is what was told.
    """
    sky = verdict.weather
    return DayLine(
        day=verdict.day,
        actual_wh=verdict.actual_wh,
        expected_wh=verdict.expected_wh,
        weather_permille=None if sky is None else round(1000 * math.exp(sky.log_ratio)),
        spread_permille=None if sky is None else round(1000 * sky.spread),
        neighbours=0 if sky is None else sky.neighbours,
        within_km=0.0 if sky is None else sky.within_km,
        floor_percent=terms.production_floor,
        guarded_permille=round(10 * verdict.guarded_percent),
        reason=verdict.reason,
        gap=verdict.gap,
    )


def kept(lines: Iterable[DayLine], new: Iterable[DayLine]) -> tuple[DayLine, ...]:
    """Give the lines to keep, oldest first: of the last days only, a day told anew replaced."""
    by_day = {line.day: line for line in (*lines, *new)}
    if not by_day:
        return ()
    since = max(by_day) - timedelta(days=KEPT_DAYS - 1)
    return tuple(by_day[day] for day in sorted(by_day) if day >= since)


def packed(lines: Iterable[DayLine]) -> list[Any]:
    """Give lines as a list that JSON can hold; reading it back gives the same lines."""
    return [FORMAT, *map(_cells, lines)]


def packed_with(cells: Sequence[Any], new: Iterable[DayLine]) -> list[Any]:
    """Give packed lines with new ones, as `packed(kept(unpacked(cells), new))` would in far longer.

    Lines in another format are dropped: their days are replayed.
    """
    old = cells[1:] if cells and cells[0] == FORMAT else ()
    by_day = {one[0]: one for one in (*old, *map(_cells, new))}
    since = max(by_day, default=0) - KEPT_DAYS
    return [FORMAT, *(by_day[day] for day in sorted(by_day) if day > since)]


def unpacked(cells: Sequence[Any]) -> tuple[DayLine, ...] | None:
    """Give the lines of a list, None when it was written in another format."""
    if not cells or cells[0] != FORMAT:
        return None
    return tuple(map(_line, cells[1:]))


def last_of(cells: Sequence[Any]) -> DayLine | None:
    """Give the newest line of a list, None when there is none."""
    lines = unpacked((cells[0], cells[-1])) if len(cells) > 1 else None
    return lines[-1] if lines else None


def _cells(line: DayLine) -> list[Any]:
    gap = line.gap
    return [
        (line.day - _FIRST_DAY).days,
        line.actual_wh,
        line.expected_wh,
        line.weather_permille,
        line.spread_permille,
        line.neighbours,
        int(line.within_km) if line.within_km.is_integer() else line.within_km,
        line.floor_percent,
        line.guarded_permille,
        _REASONS.index(line.reason),
        *(() if gap is None else (gap.days, gap.expected_wh, gap.actual_wh)),
    ]


def _line(cells: Sequence[Any]) -> DayLine:
    return DayLine(
        day=_FIRST_DAY + timedelta(days=cells[0]),
        actual_wh=cells[1],
        expected_wh=cells[2],
        weather_permille=cells[3],
        spread_permille=cells[4],
        neighbours=cells[5],
        within_km=float(cells[6]),
        floor_percent=cells[7],
        guarded_permille=cells[8],
        reason=_REASONS[cells[9]],
        gap=Gap(*cells[10:]) if cells[10:] else None,
    )


def says(line: DayLine) -> str:
    """Give a day as one plain sentence, for the log of a case and the mail to a partner."""
    counts = "counts" if line.is_counted else "so it does not count"
    before = f"; {says_of_gap(line)}" if line.gap else ""
    return f"{line.day}: {_energy(line)}{_sky(line)}: {why(line)}, {counts}{before}"


def why(line: DayLine) -> str:
    """Give why a day counts or does not, so that its own numbers do not speak against it.

    A new site may be low by its design while it is not by the little it has shown so far (D-73c).
    """
    if line.is_low and not is_below(line.actual_wh, line.expected_wh, line.floor_percent):
        return "far below what its design lets expect"
    return line.reason.value


def says_of_gap(line: DayLine) -> str:
    """Give what the counter told of the unknown days before a day, empty when it told nothing."""
    gap = line.gap
    if gap is None or gap.actual_wh is None:
        return ""
    days = "the day" if gap.days == 1 else f"the {gap.days} days"
    if not gap.expected_wh:
        return f"by the counter, {days} before made {in_kwh(gap.actual_wh)} kWh"
    made = made_of(gap.actual_wh, gap.expected_wh, line.floor_percent)
    comes_to = "nothing was lost but the connection"
    if gap.is_loss(line.floor_percent):
        comes_to = f"below the floor, {'it counts' if gap.days == 1 else 'each of them counts'}"
    return f"by the counter, {days} before made {made}: {comes_to}"


def made_of(actual_wh: int, expected_wh: int, floor_percent: int) -> str:
    """Give energy beside its expectation: `11.2 of 22.9 kWh expected (49%)`."""
    largest = max(actual_wh, expected_wh)
    share = percent(actual_wh, expected_wh, floor_percent)
    energies = f"{in_kwh(actual_wh, largest)} of {in_kwh(expected_wh, largest)} kWh expected"
    return f"{energies} ({share})" if share else energies


def percent(actual_wh: int, expected_wh: int, floor_percent: int) -> str:
    """Give a share in whole percent, and in tenths where rounding would lift it to the floor."""
    if expected_wh <= 0:
        return ""
    whole = round(100 * actual_wh / expected_wh)
    if whole >= floor_percent and is_below(actual_wh, expected_wh, floor_percent):
        return f"{actual_wh * 1000 // expected_wh / 10}%"
    return f"{whole:,}%"


def in_kwh(wh: float, largest_wh: float | None = None) -> str:
    """Give watt-hours in kWh, with as many digits as the largest number beside it needs."""
    size = abs(wh if largest_wh is None else largest_wh)
    digits = 0 if size >= 1_000_000 else 1 if size >= 10_000 else 2 if size >= 100 else 3
    return f"{wh / 1000:,.{digits}f}"


def _energy(line: DayLine) -> str:
    if line.actual_wh is None:
        return "energy not known" if line.expected_wh is None else _expected(line.expected_wh)
    if line.expected_wh is None:
        return f"{in_kwh(line.actual_wh)} kWh made, nothing to expect"
    return made_of(line.actual_wh, line.expected_wh, line.floor_percent)


def _expected(wh: int) -> str:
    return f"{in_kwh(wh)} kWh expected"


def _sky(line: DayLine) -> str:
    if line.weather_permille is None:
        return ""
    if not line.neighbours:
        return ", by the hourly weather alone"
    homes = "1 neighbour" if line.neighbours == 1 else f"{line.neighbours} neighbours"
    return f", {homes} within {line.within_km:g} km"
