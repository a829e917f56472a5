"""The evidence of a case, drawn: days beside what was expected, hours of a fault, the neighbours.

Everything is SVG without a style of its own: the classes are in ``style.css``, under "Evidence".
Each picture says in words what it shows, and the page beside it has the same figures as a table.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup

from cloud.detection.drawing.inputs import NO_INPUTS, Inputs
from cloud.detection.drawing.sheet import NO_CASE, Case
from cloud.detection.evidence import DayLine
from cloud.detection.picture import drawn, element
from cloud.detection.process.hourly import HomeHour
from cloud.reporting.nearby import Around, Did, NearHome

WIDE_PX, NARROW_PX = 760, 340
_BARS_PX, _HEAD_PX, _FOOT_PX, _LEFT_PX = 150, 34, 40, 58
_MAP_PX, _MAP_NARROW_PX, _MOST_HIGH_PX, _EDGE_PX = 560, 300, 460, 44
_FEWEST_MILES = 0.05
_SCALES = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)

Point = tuple[float, float]
Box = tuple[float, float, float, float]


def days_chart(
    lines: Iterable[DayLine],
    *,
    title: str,
    case: Case = NO_CASE,
    inputs: Inputs = NO_INPUTS,
) -> Markup:
    """Give a home's days beside what was expected, for a screen and for a phone.

    It is the picture that customers and partners get, by the same hand: the floor, the low days,
    why a day does not count, the case, and each input where there are several.
    """
    days = tuple(lines)
    sizes = (("wide", WIDE_PX), ("narrow", NARROW_PX))
    return Markup("").join(
        Markup(  # noqa: S704 - the picture escapes what it writes
            element(
                drawn(days, title=title, case=case, inputs=inputs, width_px=width),
                f"chart days {name}",
            )
        )
        for name, width in sizes
    )


# ---- hours ---------------------------------------------------------------------------------------


def hours_chart(hours: Sequence[HomeHour], *, zone: str, onset: datetime | None) -> Markup:
    """Give the power of each hour, with the hours that were not heard and those with a fault."""
    sizes = (("wide", WIDE_PX), ("narrow", NARROW_PX))
    return Markup("").join(
        _hours(hours, ZoneInfo(zone), onset, width, f"chart hours {name}") for name, width in sizes
    )


def hours_say(hours: Sequence[HomeHour], *, zone: str) -> str:
    """Say what the picture of hours shows."""
    by_day = [one for one in hours if one.is_day]
    heard = [one for one in by_day if one.is_heard]
    bad = [one for one in by_day if one.issues or one.is_off]
    most = max((one.power_w or 0 for one in hours), default=0)
    first = hours[0].start.astimezone(ZoneInfo(zone))
    last = (hours[-1].start + timedelta(hours=1)).astimezone(ZoneInfo(zone))
    return (
        f"Mean power of each hour from {_stamp(first)} to {_stamp(last)}: at most "
        f"{most / 1000:.1f} kW; of {len(by_day)} hours of daylight {len(by_day) - len(heard)} were "
        f"not heard, and {len(bad)} showed a fault or an inverter that was off."
    )


def _onset_mark(x: float, onset: datetime, foot: float, width: int) -> Markup:
    """Draw the instant at which it was first seen, its words on the side that has room."""
    return Markup(
        '<path class="onset" d="M{x} {top}V{foot}"/>'
        '<text x="{tx}" y="12" text-anchor="{anchor}" font-size="12">first seen {when}</text>'
    ).format(
        x=f"{x:.1f}",
        top=_HEAD_PX - 18,
        foot=foot,
        tx=f"{x:.1f}",
        anchor="end" if x > width * 0.6 else "start",
        when=_stamp(onset),
    )


def _power_scale(most: float, foot: float, width: int) -> Markup:
    """Draw three lines with their power, the highest bar's among them."""
    return Markup("").join(
        Markup(
            '<path class="grid" d="M{left} {y}H{right}"/>'
            '<text class="soft" x="{at}" y="{ty}" text-anchor="end" font-size="12">{kw} kW</text>'
        ).format(
            left=_LEFT_PX,
            y=f"{foot - _BARS_PX * share:.1f}",
            right=width - 8,
            at=_LEFT_PX - 5,
            ty=f"{foot - _BARS_PX * share + 4:.1f}",
            kw=f"{most * share / 1000:g}",
        )
        for share in (0, 0.5, 1)
    )


def _hours(
    hours: Sequence[HomeHour], zone: ZoneInfo, onset: datetime | None, width: int, looks: str
) -> Markup:
    step = (width - _LEFT_PX - 8) / len(hours)
    foot, height = _HEAD_PX + _BARS_PX, _HEAD_PX + _BARS_PX + _FOOT_PX
    most = _round_up(max((one.power_w or 0 for one in hours), default=0) or 1000)
    lit, unheard, bars, faults, edges = [], [], [], [], []
    for place, one in enumerate(hours):
        left = _LEFT_PX + place * step
        if one.is_day:
            lit.append(_box("day", left, _HEAD_PX, step, _BARS_PX))
        if not one.is_heard and one.is_day:
            unheard.append(_box("unheard", left, _HEAD_PX, step, _BARS_PX))
        if one.power_w:
            high = max(1.0, _BARS_PX * one.power_w / most)
            bars.append(_box("made", left + step * 0.1, foot - high, step * 0.8, high))
        if one.is_day and (one.issues or one.is_off or one.is_grid_lost):
            kind = "grid-lost" if one.is_grid_lost else "fault"
            faults.append(_box(kind, left, _HEAD_PX - 9, step, 7))
        local = one.start.astimezone(zone)
        if local.hour == 0 or place == 0:
            has_room = left < width - 44 and (place > 0 or local.hour <= 12)
            edges.append(_day_edge(left, local, foot, has_name=has_room))
    marks = Markup("")
    if onset is not None and hours[0].start <= onset <= hours[-1].start + timedelta(hours=1):
        x = _LEFT_PX + (onset - hours[0].start) / timedelta(hours=1) * step
        marks = _onset_mark(x, onset.astimezone(zone), foot, width)
    scale = _power_scale(most, foot, width)
    says = hours_say(hours, zone=zone.key)
    return Markup(
        '<svg class="{looks}" role="img" aria-label="{says}" viewBox="0 0 {width} {height}" '
        'width="{width}" height="{height}">{parts}</svg>'
    ).format(
        looks=looks,
        says=says,
        width=width,
        height=height,
        parts=Markup("").join((*lit, scale, *unheard, *bars, *faults, *edges, marks)),
    )


def _day_edge(x: float, local: datetime, foot: float, *, has_name: bool) -> Markup:
    """Give where a day begins, with its date; a day of which little is shown has none."""
    line = Markup('<path class="edge" d="M{x} {top}V{foot}"/>').format(
        x=f"{x:.1f}", top=_HEAD_PX, foot=f"{foot + 6:.1f}"
    )
    if not has_name:
        return line
    return line + Markup('<text class="soft" x="{x}" y="{y}" font-size="12">{day}</text>').format(
        x=f"{x + 3:.1f}", y=f"{foot + 18:.1f}", day=f"{local:%b} {local.day}"
    )


def _box(looks: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup(
        '<rect class="{looks}" x="{x}" y="{y}" width="{width}" height="{height}"/>'
    ).format(
        looks=looks,
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        width=f"{width:.1f}",
        height=f"{height:.1f}",
    )


def _round_up(watts: float) -> float:
    power = 10.0 ** math.floor(math.log10(watts))
    return next(part * power for part in (1, 2, 3, 4, 6, 8, 10) if part * power >= watts)


def _stamp(local: datetime) -> str:
    return f"{local:%b} {local.day}, {f'{local:%I:%M %p}'.lstrip('0')}"


# ---- the map -------------------------------------------------------------------------------------


def map_says(near: Around) -> str:
    """Say what the map shows."""
    if not near.homes:
        return "No other home near this one is on record."
    far = max(one.miles for one in near.homes)
    homes = "1 home" if len(near.homes) == 1 else f"{len(near.homes)} homes"
    said = f"{homes} within {far:.1f} miles on {_day(near.day)}: "
    counts = {did: len(near.those(did)) for did in Did}
    parts = [f"{counts[Did.WELL]} well", f"{counts[Did.LOW]} low"]
    if uncounted := counts[Did.UNCOUNTED]:
        parts.append(f"{uncounted} {'does' if uncounted == 1 else 'do'} not count")
    if counts[Did.UNKNOWN]:
        parts.append(f"{counts[Did.UNKNOWN]} not known")
    return f"{said}{', '.join(parts)}; {_here_says(near.here)}."


def _here_says(here: NearHome) -> str:
    own = here.line.ratio if here.line else None
    if own is None:
        return "what this home did is not known"
    said = f"this home made {own:.0%}"
    return f"{said}, on a day that does not count" if here.did is Did.UNCOUNTED else said


def neighbour_map(near: Around) -> Markup:
    """Give the homes around one, where they lie, and how each did beside its own expectation."""
    sizes = (("wide", _MAP_PX), ("narrow", _MAP_NARROW_PX))
    return Markup("").join(_map(near, _Plan.of(near, width), name) for name, width in sizes)


def _map(near: Around, plan: "_Plan", name: str) -> Markup:
    spots = [plan.spot(one) for one in near.homes]
    here = plan.spot(near.here)
    taken = [_mark_box(spot) for spot in (here, *spots)]
    labels = [_label(near.here, here, taken, looks="b")]
    labels += [_label(one, spot, taken) for one, spot in zip(near.homes, spots, strict=True)]
    marks = [_home(one, spot) for one, spot in zip(near.homes, spots, strict=True)]
    marks.append(
        Markup('<path class="here" d="M{x} {y}l9 8v11h-18v-11z"/>').format(
            x=f"{here[0]:.1f}", y=f"{here[1] - 11:.1f}"
        )
    )
    return Markup(
        '<svg class="chart map {name}" role="img" aria-label="{says}" '
        'viewBox="0 0 {wide} {high}" width="{wide}" height="{high}">{ruler}{marks}</svg>'
    ).format(
        name=name,
        says=map_says(near),
        wide=plan.width,
        high=plan.height,
        ruler=_ruler(plan),
        marks=Markup("").join((*marks, *labels)),
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """How miles lie on the map: the homes fill it, and north is up."""

    west: float
    north: float
    per_mile: float
    left: float
    width: int
    height: int

    @classmethod
    def of(cls, near: Around, width: int) -> "_Plan":
        """Give the plan on which all homes fit."""
        homes = (near.here, *near.homes)
        east = [one.east_miles for one in homes]
        north = [one.north_miles for one in homes]
        wide = max(max(east) - min(east), _FEWEST_MILES)
        high = max(max(north) - min(north), _FEWEST_MILES)
        per_mile = min((width - 2 * _EDGE_PX) / wide, (_MOST_HIGH_PX - 2 * _EDGE_PX) / high)
        return cls(
            west=min(east),
            north=max(north),
            per_mile=per_mile,
            left=(width - (max(east) - min(east)) * per_mile) / 2,
            width=width,
            height=round(high * per_mile + 2 * _EDGE_PX + 20),
        )

    def spot(self, one: NearHome) -> Point:
        """Give where a home lies."""
        return (
            self.left + (one.east_miles - self.west) * self.per_mile,
            _EDGE_PX + (self.north - one.north_miles) * self.per_mile,
        )


def _ruler(plan: _Plan) -> Markup:
    """Give the scale bar, and which way north is."""
    longest = plan.width * 0.3 / plan.per_mile
    size = max((one for one in _SCALES if one <= longest), default=_SCALES[0])
    return Markup(
        '<path class="ruler" d="M14 {y}v6h{bar}v-6"/>'
        '<text x="14" y="{ty}" font-size="12">{size} {unit}</text>'
        '<path class="ruler" d="M{nx} 34V10l-5 9M{nx} 10l5 9"/>'
        '<text x="{nx}" y="48" text-anchor="middle" font-size="12">N</text>'
    ).format(
        y=plan.height - 14,
        bar=f"{size * plan.per_mile:.1f}",
        ty=plan.height - 20,
        size=f"{size:g}",
        unit="mile" if size == 1 else "miles",
        nx=plan.width - 18,
    )


def _label(one: NearHome, spot: Point, taken: list[Box], looks: str = "") -> Markup:
    """Give how a home did, beside its mark where there is room; the table has all of them."""
    ratio = one.line.ratio if one.line else None
    text = "?" if ratio is None else f"{ratio:.0%}"
    wide, (x, y) = 7.5 * len(text) + 2, spot
    for left, top in (
        (x - wide / 2, y + 10),
        (x + 11, y - 7),
        (x - 11 - wide, y - 7),
        (x - wide / 2, y - 24),
    ):
        box = (left, top, left + wide, top + 14)
        if not any(_overlap(box, other) for other in taken):
            taken.append(box)
            return Markup(
                '<text class="{looks}" x="{x}" y="{y}" font-size="12">{text}</text>'
            ).format(looks=looks, x=f"{left + 1:.1f}", y=f"{top + 11:.1f}", text=text)
    return Markup("")


def _mark_box(spot: Point) -> Box:
    x, y = spot
    return x - 8, y - 9, x + 8, y + 9


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _home(one: NearHome, spot: Point) -> Markup:
    """Give a home's mark: each kind has another shape, not only another colour."""
    x, y = spot
    told = f"{one.address}: {share_of(one)}"
    shape, end = _MARKS[one.did]
    return shape.format(x=f"{x:.1f}", y=f"{y:.1f}") + Markup("<title>{}</title>").format(told) + end


_MARKS = {
    Did.WELL: (Markup('<circle class="well" cx="{x}" cy="{y}" r="6">'), Markup("</circle>")),
    Did.LOW: (Markup('<path class="low" d="M{x} {y}m-7.5-6h15l-7.5 13z">'), Markup("</path>")),
    Did.UNCOUNTED: (
        Markup('<path class="uncounted" d="M{x} {y}m0-7l7 7l-7 7l-7-7z">'),
        Markup("</path>"),
    ),
    Did.UNKNOWN: (
        Markup('<circle class="unknown" cx="{x}" cy="{y}" r="5.5">'),
        Markup("</circle>"),
    ),
}


def share_of(one: NearHome) -> str:
    """Say how a home did on the day."""
    ratio = one.line.ratio if one.line else None
    return str(one.did) if ratio is None else f"{ratio:.0%} of expected, {one.did}"


def _day(day: date) -> str:
    return f"{day:%b} {day.day}"
