"""A whole kind of device that makes less than the others is told of once, and opens no case."""

import math
from collections.abc import Sequence

from cloud.detection.common_mode import Hint, hints
from cloud.detection.evidence import DayLine, last_of
from cloud.detection.judging import Judged, last_closed_day
from cloud.detection.models import RegionKinds, RegionSweep
from cloud.detection.process.telling import SWEEP
from cloud.detection.terms import terms_on
from cloud.kernel.change import NEW, Change, Event, Letter, Save
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records


def kinds_noted(
    records: Records, found: Sequence[Judged], sweep: RegionSweep, *, is_fed: bool, to: str
) -> Change:
    """Give what is kept of a region's kinds, with one notice for each that is new (D-79).

    Neighbours of one kind hide what all of them have: their middle goes down with them. So a kind
    is held against all others of the region, by the last day that was judged. Where there are no
    others, only an hourly feed tells a loss from a cloudy day. A day of which too little is known
    changes nothing.
    """
    day = last_closed_day(sweep)
    said, kinds = {}, {}
    for one in found:
        line = last_of(one.after.lines)
        if line is not None and line.day == day and (said_of := _said(line)) is not None:
            said[one.site.id] = said_of
            kinds[one.site.id] = f"{one.site.manufacturer} {one.site.inverter_model}"
    if not said:
        return Change()
    hinted = [hint for hint in hints(said, kinds, terms_on(day)) if hint.others or is_fed]
    stored = records.load(RegionKinds, sweep.id)
    known = stored.record.kinds if stored else ()
    now = tuple(sorted(hint.kind for hint in hinted))
    if now == known:
        return Change()
    new = [hint for hint in hinted if hint.kind not in known]
    return Change(
        saves=(Save(RegionKinds(sweep.id, now), stored.version if stored else NEW),),
        events=tuple(
            Event(f"SWEEP-{sweep.id}", "kind_makes_less", sweep.at, SWEEP, "D-79", says=_says(one))
            for one in new
        ),
        letters=tuple(_letter(one, sweep, to) for one in new),
    )


def _said(line: DayLine) -> float | None:
    """Give what a site made of its own expectation by the weather alone, None when nobody knows."""
    if not line.is_counted or not line.ratio or not line.weather_permille:
        return None
    return math.log(line.ratio * line.weather_permille / 1000)


def _says(hint: Hint) -> str:
    beside = f"{hint.others} others" if hint.others else "what is expected of it"
    return (
        f"{hint.sites} sites with {hint.kind} make {100 * hint.ratio:.0f}% of {beside}, "
        "as far as their middle goes"
    )


def _letter(hint: Hint, sweep: RegionSweep, to: str) -> Letter:
    return Letter(
        id=derived("LTR", "kind", sweep.id, hint.kind, sweep.at.isoformat()),
        to=to,
        subject=f"{hint.kind} makes less than others in {sweep.id}",
        text=(
            f"In {sweep.id}, {_says(hint)}.\n\nNeighbours of one kind hide such a loss from the "
            "sweep: no case is opened for it. Look at the maker's notices and at its firmware.\n"
        ),
        thread=f"SWEEP-{sweep.id}",
        at=sweep.at,
    )
