"""What the regions of one clock open together at an evaluation."""

from collections.abc import Sequence
from dataclasses import replace

from cloud.detection.breaker import too_many
from cloud.detection.judging import Judged
from cloud.detection.models import RegionSweep, SweepTally
from cloud.kernel.change import Change
from cloud.kernel.errors import Conflict
from cloud.kernel.ports import Records, require

_TRIES = 20


def tallied(records: Records, sweep: RegionSweep, found: Sequence[Judged]) -> str:
    """Count what a region opens beside the others of its clock, and say why it is too much.

    Counted is what it would open, also when it is held back: the regions after it are then held
    back as well. What may hurt somebody is not held back, and not counted.

    Raises:
        Conflict: others were in the way every time; the order comes again.
    """
    clock = str(sweep.utc_offset_hours)
    opening = sum(any(not each.hazard for each in one.telling.findings) for one in found)
    if not opening:
        return ""
    for _ in range(_TRIES):
        stored = require(records.load(SweepTally, clock), "tally of the clock", clock)
        others = dict(stored.record.opening)
        known = others.pop(sweep.id, 0) if stored.record.at == sweep.at else 0
        opening = max(opening, known)  # what was told before it was cut off counts as well
        why = too_many(
            opening=opening,
            sites=len(found),
            all_opening=opening + sum(others.values()),
            all_sites=stored.record.sites,
            on=sweep.at.date(),
        )
        if stored.record.at != sweep.at:  # of another evaluation: it counts for itself alone
            return why
        counted = replace(
            stored.record, opening=tuple(sorted({**others, sweep.id: opening}.items()))
        )
        try:
            records.commit(Change(saves=(stored.replaced_by(counted),)))
        except Conflict:
            continue
        return why
    msg = f"judging {sweep.id}: what it opens could not be counted; it is judged again"
    raise Conflict(msg)
