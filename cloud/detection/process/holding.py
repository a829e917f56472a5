"""Findings that are too many to be believed: kept back until a person decides."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cloud.detection.models import Finding, HoldState, RegionSweep, SweepHold
from cloud.detection.process.planning import verdict_order, watch_timer
from cloud.detection.process.telling import SWEEP
from cloud.kernel.change import NEW, Change, Event, Letter, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require

_EXAMPLES = 10


def held(
    stored: Stored[SweepHold] | None,
    region_id: str,
    found: Sequence[Finding],
    *,
    sites: int,
    why: str,
    at: datetime,
    to: str,
) -> Change:
    """Give the hold, with one letter to operations for each time that it begins (D-97, D-98)."""
    before = stored.record if stored else None
    is_new = before is None or before.state is not HoldState.HELD
    hold = SweepHold(
        id=region_id,
        state=HoldState.HELD,
        finding_ids=tuple(sorted(one.id for one in found)),
        sites=sites,
        held_at=at if before is None or is_new else before.held_at,
        says=why,
        examples=tuple(f"{one.site_id}: {one.says}" for one in found[:_EXAMPLES]),
    )
    change = Change(saves=(Save(hold, stored.version if stored else NEW),))
    if not is_new:
        return change
    says = f"the sweep of {region_id} stopped: {why}"
    event = Event(f"SWEEP-{region_id}", "sweep_held", at, SWEEP, "D-97", says=says)
    return change + Change(events=(event,), letters=(_letter(hold, at, to),))


def settled_hold(stored: Stored[SweepHold] | None, findings: int, at: datetime) -> Change:
    """Give the end of a hold of which nothing is too much any more.

    One that was decided on ends, without a word, once nothing of it is left to tell.
    """
    if stored is None or stored.record.state is HoldState.OVER:
        return Change()
    if stored.record.state is not HoldState.HELD:
        over = replace(stored.record, state=HoldState.OVER)
        return Change() if findings else Change(saves=(stored.replaced_by(over),))
    hold = replace(stored.record, state=HoldState.OVER, decided_at=at)
    says = f"the sweep of {hold.id} goes on: {findings} findings are not too many"
    event = Event(f"SWEEP-{hold.id}", "hold_ended", at, SWEEP, "D-97", says=says)
    return Change(saves=(stored.replaced_by(hold),), events=(event,))


def decide(
    records: Records, *, region_id: str, state: HoldState, by: str, at: datetime
) -> SweepHold | Refused:
    """Release what was held back, or discard it, and judge the region again (D-97).

    The decision covers what was shown and nothing that is found later. The same decision again
    changes nothing.

    Raises:
        BadInput: the state is no decision.
        NotFound: nothing was held back there.
    """
    if state not in {HoldState.RELEASED, HoldState.DISCARDED}:
        msg = f"deciding on what was held back in {region_id}: release it or discard it"
        raise BadInput(msg)
    stored = require(records.load(SweepHold, region_id), "held sweep", region_id)
    hold = stored.record
    if hold.state is state:
        return hold
    if hold.state is not HoldState.HELD:
        return Refused("D-97", f"what was held back in {region_id} is {hold.state}", "conflict")
    sweep = require(records.load(RegionSweep, region_id), "sweep", region_id)
    hold = replace(hold, state=state, decided_by=by, decided_at=at)
    is_over = sweep.record.judged_at is not None  # else it is judged anyway, by the decision
    again = replace(sweep.record, judged_at=None)
    count = len(hold.finding_ids)
    says = f"{count} findings of {region_id} were {state}: {hold.says}"
    records.commit(
        Change(
            saves=(stored.replaced_by(hold), *((sweep.replaced_by(again),) if is_over else ())),
            events=(Event(f"SWEEP-{region_id}", f"hold_{state}", at, by, "D-97", says=says),),
            messages=(
                (verdict_order(again, at, why=f"{state} {at.isoformat()}"),) if is_over else ()
            ),
            timers=(watch_timer(again, at),) if is_over else (),
        )
    )
    return hold


def _letter(hold: SweepHold, at: datetime, to: str) -> Letter:
    examples = "\n".join(f"  {line}" for line in hold.examples)
    left = len(hold.finding_ids) - len(hold.examples)
    more = f"  and {left} more\n" if left > 0 else ""
    return Letter(
        id=derived("LTR", "hold", hold.id, at.isoformat()),
        to=to,
        subject=f"The sweep of {hold.id} stopped and asks",
        text=(
            f"The sweep of {hold.id} found {hold.says}. That is more than is likely, so no case "
            f"was opened and no customer told.\n\n{examples}\n{more}\n"
            "Look at it, and release it when it is true, or discard it when it is not:\n\n"
            f"  sunreeve sweep release {hold.id}\n  sunreeve sweep discard {hold.id}\n\n"
            "Until then nothing of it leaves. If it is no longer found, the hold ends by itself.\n"
        ),
        thread=f"SWEEP-{hold.id}",
        at=at,
    )
