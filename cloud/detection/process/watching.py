"""Whether all parts of an evaluation have answered; those that have not are sent again."""

from dataclasses import replace
from datetime import datetime

from cloud.detection.models import RegionSweep
from cloud.detection.policy import SHARD_TRIES
from cloud.detection.process.planning import orders, verdict_order, watch_timer
from cloud.detection.process.telling import SWEEP
from cloud.kernel.change import Change, Event, Message, Timer
from cloud.kernel.ports import Records


def watch(records: Records, *, timer: Timer, at: datetime) -> int:
    """Send the parts again that have not answered, or judge without them (D-100, D-100a).

    An evaluation that was judged meanwhile needs nothing. One that is not judged although it was
    ordered as often again is left to the next evaluation.

    Gives how many parts the region goes without; none while those that lack are sent again.
    """
    stored = records.load(RegionSweep, timer.subject)
    if stored is None or stored.record.judged_at is not None:
        return 0
    sweep = replace(stored.record, resent=stored.record.resent + 1)
    missing = [shard for shard in range(sweep.shards) if shard not in sweep.measured]
    tries = SHARD_TRIES.on(at.date())
    messages: tuple[Message, ...] = ()
    timers: tuple[Timer, ...] = (watch_timer(sweep, at),)
    if sweep.resent > 2 * tries:
        says, timers = "it is left to the next one", ()
    elif not missing:
        messages, says = (verdict_order(sweep, at),), "it was measured and is judged now"
    elif sweep.resent <= tries:
        messages, says = orders(sweep, missing, at), f"parts {missing} are sent again"
    else:
        why = f"judged without parts {missing}"
        messages, says = (verdict_order(sweep, at, why=why),), f"it is {why}"
    event = Event(
        subject=f"SWEEP-{sweep.id}",
        what="sweep_incomplete",
        at=at,
        by=SWEEP,
        rule="D-100",
        says=f"the sweep of {sweep.id} for {sweep.at.isoformat()} is late: {says}",
    )
    records.commit(
        Change(
            saves=(stored.replaced_by(sweep),),
            events=(event,),
            messages=messages,
            timers=timers,
        )
    )
    return len(missing) if sweep.resent > tries else 0
