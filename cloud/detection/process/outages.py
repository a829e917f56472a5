"""An outage of the grid is told once for its cell, and opens no case (D-84)."""

from collections.abc import Sequence
from datetime import datetime

from cloud.detection.hearing import packed_outage, unpacked_outage
from cloud.detection.models import RegionOutages
from cloud.detection.outages import GridOutage
from cloud.detection.process.telling import SWEEP
from cloud.kernel.change import NEW, Change, Event, Letter, Save
from cloud.kernel.ids import derived
from cloud.kernel.ports import Stored


def noted(
    stored: Stored[RegionOutages] | None,
    region_id: str,
    outages: Sequence[GridOutage],
    *,
    at: datetime,
    to: str,
) -> Change:
    """Give what is kept of a region's outages, with one notice for each that is new.

    An outage goes by its cell and its first hour: one that goes on is not told again.
    """
    rows = tuple(map(packed_outage, outages))
    known = stored.record.rows if stored else ()
    if [list(row) for row in rows] == [list(row) for row in known]:
        return Change()
    before = {_begun(outage) for outage in map(unpacked_outage, known)}
    new = [outage for outage in outages if _begun(outage) not in before]
    return Change(
        saves=(Save(RegionOutages(region_id, rows), stored.version if stored else NEW),),
        events=tuple(
            Event(f"GRID-{one.cell}", "grid_outage", at, SWEEP, "D-84", says=one.says)
            for one in new
        ),
        letters=tuple(_letter(one, at, to) for one in new),
    )


def _begun(outage: GridOutage) -> tuple[str, int]:
    return outage.cell, outage.hours[0]


def _letter(outage: GridOutage, at: datetime, to: str) -> Letter:
    return Letter(
        id=derived("LTR", "outage", outage.cell, outage.hours[0]),
        to=to,
        subject=f"The grid is out around {outage.cell}",
        text=(
            f"Our homes say that {outage.says}.\n\nNo case is opened for it, and no customer was "
            f"told. It concerns these sites: {', '.join(outage.sites)}.\n"
        ),
        thread=f"GRID-{outage.cell}",
        at=at,
    )
