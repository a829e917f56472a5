"""A string of modules that makes next to nothing beside the others of its roof; pure.

A tenth of a roof is too little for the rule of three low days: its own input tells it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from statistics import median

from cloud.detection.codes import STRING_MISSING
from cloud.detection.daylight import Place, first_light
from cloud.detection.issues import Observed
from cloud.detection.policy import STRING_DAYS, STRING_LEAST, STRING_SHARE, THROTTLED, WARM_UP
from cloud.telemetry.models import DayOfEnergy

Shares = Mapping[str, float]
"""Input, as ``serial/number`` -> its usual share of the energy of all inputs."""


def learned_shares(days: Sequence[DayOfEnergy]) -> dict[str, float]:
    """Give the share of each input, as the middle of a site's first good days (D-63).

    Empty until there are enough of them, and for a site with a single input. It is learned once
    and kept: what is learned again later has learned the loss. Learn it again when the inputs are
    others than before (`are_inputs_of` is false): a device was exchanged.

    Args:
        days: what was measured, oldest first, of inputs that are the same all along; snowy days
            are better left out.
    """
    told = [shares for day in days if (shares := _shares(day))]
    names = set(told[-1]) if told else set()
    same = [shares for shares in told if set(shares) == names]
    needed = WARM_UP.on(days[-1].day) if days else 0
    if len(names) < 2 or len(same) < needed:
        return {}
    first = same[:needed]
    return {name: median(shares[name] for shares in first) for name in sorted(names)}


def are_inputs_of(shares: Shares, day: DayOfEnergy) -> bool:
    """Tell whether a day names the inputs that shares were learned of, and no others."""
    return set(day.inputs_wh) == set(shares)


def missing_inputs(shares: Shares, day: DayOfEnergy) -> tuple[str, ...] | None:
    """Give the inputs that made next to nothing of what is usual for them on a day (D-89, D-89b).

    None when the day says nothing: an input is not known, a limit held the roof back (D-70), all
    inputs made nothing (the site is off, or lies under snow), the inputs are others than those
    that were learned, or there was too little to be had of each.
    """
    today = _shares(day)
    if today is None or set(today) != set(shares):
        return None
    total_wh = sum(wh or 0 for wh in day.inputs_wh.values())
    usual = {name: share for name, share in shares.items() if _is_enough(share * total_wh, day.day)}
    if not usual:
        return None
    floor = STRING_SHARE.on(day.day)
    return tuple(name for name in sorted(usual) if today[name] < floor * usual[name])


def strings_seen(
    shares: Shares,
    days: Sequence[DayOfEnergy],
    *,
    new: Collection[date],
    running: Collection[str] | None,
    place: Place,
    utc_offset_hours: int,
) -> Observed | None:
    """Give what the days that became known tell of missing strings, None when they tell nothing.

    By D-89a an input has to be missing on two days running; days that say nothing are passed over.
    The issue begins with the light of the first of them. Once it runs, every further such day
    keeps it, and a day on which all inputs make their share is good.

    Args:
        shares: as they were learned.
        days: what was measured, oldest first.
        new: the days that this evaluation knows and the last one did not.
        running: the inputs of the issue that is running, None when it is not.
        place: where the site lies.
        utc_offset_hours: of its standard clock.
    """
    told = [(day.day, gone) for day in days if (gone := missing_inputs(shares, day)) is not None]
    if not told or told[-1][0] not in new:
        return None
    gone = told[-1][1]
    runs = {name: _run(told, name) for name in gone}
    lasting = {
        name: run
        for name, run in runs.items()
        if len(run) >= STRING_DAYS.on(told[-1][0]) or running is not None
    }
    if not lasting:
        return Observed(STRING_MISSING, None, was_good=not gone)
    first = min(run[0] for run in lasting.values())
    return Observed(
        STRING_MISSING,
        first_light(first, place, utc_offset_hours=utc_offset_hours),
        was_good=False,
        devices=tuple(sorted(lasting)),
    )


def _run(told: Sequence[tuple[date, Collection[str]]], name: str) -> list[date]:
    """Give the days in a row, of those that say something, on which an input is missing."""
    run: list[date] = []
    for day, gone in reversed(told):
        if name not in gone:
            break
        run.insert(0, day)
    return run


def _shares(day: DayOfEnergy) -> dict[str, float] | None:
    known = {name: wh for name, wh in day.inputs_wh.items() if wh is not None}
    total_wh = sum(known.values())
    if (
        len(known) < max(len(day.inputs_wh), 1)
        or total_wh <= 0
        or day.throttled_share > THROTTLED.on(day.day)
    ):
        return None
    return {name: wh / total_wh for name, wh in known.items()}


def _is_enough(usual_wh: float, day: date) -> bool:
    return usual_wh >= STRING_LEAST.on(day)
