"""What the samples of a site say is wrong with it, before anybody asks its neighbours; pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from cloud.detection.codes import (
    BATTERY,
    CLOCK_SKEW,
    COMMS_LOSS,
    COMMS_LOSS_DEVICE,
    COMMUNICATIONS,
    COUNTER_BACKWARDS,
    DATA,
    DERATE,
    INV_OFF,
    INVERTER,
    ISSUES,
    PRODUCTION,
    STRING_MISSING,
    STUCK_METER,
    Codes,
    Issue,
    Needs,
    Starts,
    case_family,
    codes_of,
    is_due,
    unknown_codes,
)
from cloud.detection.daylight import Place, is_daylight
from cloud.detection.meters import Arrived, is_clock_wrong, stood_still, turned_back
from cloud.detection.policy import FIRST, LATE_WINDOWS
from cloud.detection.standstill import is_running, off_in_daylight
from cloud.telemetry.dictionary import QUALITY_ASLEEP, QUALITY_SUSPECT, QUALITY_UNREACHABLE
from cloud.telemetry.equipment import LIMIT_COLUMNS
from cloud.telemetry.models import Sample
from cloud.telemetry.throttle import is_limited

__all__ = [
    "BATTERY",
    "COMMS_LOSS",
    "COMMUNICATIONS",
    "DATA",
    "INVERTER",
    "ISSUES",
    "PRODUCTION",
    "Issue",
    "Observed",
    "advice",
    "awaits_neighbours",
    "case_family",
    "is_due",
    "observe",
]

_SAYS_NOTHING = frozenset({QUALITY_ASLEEP, QUALITY_SUSPECT, QUALITY_UNREACHABLE})
_UNPROVEN = frozenset({INV_OFF, DERATE})
"""Issues that one sample's codes do not prove."""
_SEPARATE = frozenset({COMMS_LOSS, CLOCK_SKEW, STRING_MISSING})
"""Issues that no device's sample shows."""
_BY_DAY = frozenset(name for name, issue in ISSUES.items() if issue.starts is Starts.PRESENT)
_AT_ONCE = frozenset(name for name, issue in ISSUES.items() if issue.starts is Starts.AT_ONCE)
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Observed:
    """What the samples since the last evaluation tell of one issue.

    Attributes:
        family: the issue's name.
        bad_since: the first sample that shows it, None when none does.
        was_good: the devices that showed it were awake and could have shown it again.
        devices: serial numbers of the devices that show it now.
        present_hours: hours of daylight with it, for issues that add them up (D-81).
    """

    family: str
    bad_since: datetime | None
    was_good: bool
    devices: tuple[str, ...] = ()
    present_hours: int = 0


@dataclass(frozen=True, slots=True)
class _Row:
    """A sample as what it shows and what it denies.

    Attributes:
        speaks: the device was awake, and its values can be believed.
    """

    at: datetime
    speaks: bool
    shown: frozenset[str]
    denied: frozenset[str]


def observe(
    devices: Mapping[str, Sequence[Sample]],
    *,
    running: Mapping[str, Collection[str]],
    since: datetime,
    now: datetime,
    place: Place,
    arrivals: Iterable[Arrived] = (),
) -> tuple[Observed, ...]:
    """Give what the samples in (since, now] tell of each issue that is running or begins (D-12).

    A sleeping or silent device says nothing, neither good nor bad, and no other device says it in
    its place. Losing the whole site is an issue of its own, which begins at the last evaluation
    that still heard of it. The order of samples, and one that comes twice, change nothing.

    What is told at once is looked for some hours before the last evaluation as well, whose last
    windows were still on their way (D-90). A missing string is told by days, and not here.

    Args:
        devices: serial number -> samples, also some from before `since`.
        running: issue -> serial numbers of the devices that showed it.
        since: instant of the last evaluation.
        now: instant of this one.
        place: where the site lies; some issues are told by day alone.
        arrivals: the chunks that came in, with what they tell of the gateway's clock.
    """
    rows = {serial: _rows(known, since, now, place) for serial, known in devices.items()}
    recent = {
        serial: new for serial, known in rows.items() if (new := [r for r in known if r.at > since])
    }
    shown = _shown(rows, running, since, since - LATE_WINDOWS.on(now.date()))
    skewed = _clock(arrivals, running, since, now)
    asked = set(running) if recent else set(running) & _BY_DAY
    is_heard = bool(recent) or any(one.bad_since for one in skewed)
    found = [
        Observed(
            name,
            min((_onset(rows[serial], name, at) for serial, at in bad.items()), default=None),
            was_good=_is_denied(name, running.get(name, ()), recent),
            devices=tuple(sorted(bad)),
            present_hours=_present_hours(rows.values(), name, since, now),
        )
        for name in sorted({*shown, *asked} - _SEPARATE)
        for bad in (shown.get(name, {}),)
    ]
    comms = Observed(COMMS_LOSS, None if is_heard else since, was_good=is_heard)
    return (*found, *skewed, comms)


def awaits_neighbours(issue: str) -> bool:
    """Tell whether an issue counts only once the neighbours were asked."""
    return issue in ISSUES and ISSUES[issue].needs in {Needs.NEIGHBOURS, Needs.GRID}


def advice(
    devices: Mapping[str, Sequence[Sample]], *, since: datetime, now: datetime
) -> tuple[str, ...]:
    """Give the codes in (since, now] that no table explains, to be looked at; never an issue."""
    return tuple(
        sorted(
            {
                f"{serial}: {code}"
                for serial, known in devices.items()
                for row in known
                if since < row.at <= now
                for code in unknown_codes(row.columns)
            }
        )
    )


def _rows(
    samples: Sequence[Sample], since: datetime, now: datetime, place: Place
) -> tuple[_Row, ...]:
    """Give the samples of a device up to now, in order of time, as what they show and deny."""
    known = sorted(
        {row.at: row for row in samples if row.at <= now}.values(), key=lambda row: row.at
    )
    shown: dict[datetime, set[str]] = {}
    denied: dict[datetime, set[str]] = {}
    for name, bad, good in (
        (STUCK_METER, *stood_still(known, place)),
        (COUNTER_BACKWARDS, *turned_back(known)),
        (COMMS_LOSS_DEVICE, *_silent(known, since, place)),
        (INV_OFF, off_in_daylight(known, now, place), {r.at for r in known if is_running(r)}),
    ):
        for at in bad:
            shown.setdefault(at, set()).add(name)
        for at in good:
            denied.setdefault(at, set()).add(name)
    return tuple(_row(row, shown.get(row.at, ()), denied.get(row.at, ()), place) for row in known)


def _row(sample: Sample, shown: Collection[str], denied: Collection[str], place: Place) -> _Row:
    speaks = sample.quality not in _SAYS_NOTHING
    codes = codes_of(sample.columns)
    is_dark = not codes.showable.isdisjoint(_BY_DAY) and not is_daylight(sample.at, place)
    all_shown, all_denied = _told(codes, speaks, is_dark)
    derated = _is_derated(sample, codes) if speaks else None
    if shown or derated:
        all_shown = all_shown.union(shown, {DERATE} if derated else ())
    if denied or derated is False:
        all_denied = all_denied.union(denied, {DERATE} if derated is False else ())
    return _Row(
        at=sample.at,
        speaks=speaks,
        shown=all_shown,
        denied=all_denied - all_shown,
    )


@lru_cache(maxsize=1 << 12)
def _told(codes: Codes, speaks: bool, is_dark: bool) -> tuple[frozenset[str], frozenset[str]]:  # noqa: FBT001 - two facts that the cache is keyed by
    """Give what codes alone show and deny: not what needs more, nor heat and cold in the dark."""
    silent = _UNPROVEN | (_BY_DAY if is_dark else frozenset())
    return codes.shown - silent, (codes.showable if speaks else frozenset()) - silent


def _is_derated(sample: Sample, codes: Codes) -> bool | None:
    """Tell whether a device holds back though nothing asks it to; None when that is not known.

    A device that tells of no limits may be limited by another: it says nothing when it is held
    back. While a limit is in force (T-03) nothing is known either: it may hide a fault.
    """
    columns = sample.columns
    if DERATE not in codes.showable:
        return None
    if DERATE not in codes.shown:
        return False
    tells_limits = any(columns.get(name) is not None for name in LIMIT_COLUMNS)
    if not tells_limits or is_limited(columns, max(sample.at.date(), FIRST)):
        return None
    return True


def _silent(
    samples: Sequence[Sample], since: datetime, place: Place
) -> tuple[Iterable[datetime], Iterable[datetime]]:
    """Give when a device did not answer by day, and when it did.

    A reply that is missed now and then is no silence: a device that answered once since the last
    evaluation was not lost.
    """
    heard = {row.at for row in samples if row.quality != QUALITY_UNREACHABLE}
    was_heard = any(at > since for at in heard)
    lost = {
        row.at
        for row in samples
        if row.at not in heard and not (was_heard and row.at > since) and is_daylight(row.at, place)
    }
    return lost, heard


def _clock(
    arrivals: Iterable[Arrived],
    running: Mapping[str, Collection[str]],
    since: datetime,
    now: datetime,
) -> tuple[Observed, ...]:
    came = [one for one in arrivals if since < one.at <= now]
    wrong = [one.at for one in came if is_clock_wrong(one)]
    if not wrong and CLOCK_SKEW not in running:
        return ()
    return (Observed(CLOCK_SKEW, min(wrong, default=None), was_good=bool(came)),)


def _shown(
    devices: Mapping[str, Sequence[_Row]],
    running: Mapping[str, Collection[str]],
    since: datetime,
    first: datetime,
) -> Mapping[str, Mapping[str, datetime]]:
    """Give the issues that are seen since the last evaluation: device -> first sample with it.

    Of those that are told at once the late ones are seen too (D-90): where the issue is not
    running, the last evaluation did not know of it.
    """
    shown: dict[str, dict[str, datetime]] = {}
    for serial, rows in devices.items():
        for row in rows:
            for name in row.shown if row.at > first else ():
                if row.at > since or (name in _AT_ONCE and name not in running):
                    shown.setdefault(name, {}).setdefault(serial, row.at)
    return shown


def _onset(rows: Sequence[_Row], name: str, seen: datetime) -> datetime:
    """Give the first sample of the unbroken run of bad ones in which an issue is seen.

    The last window before an evaluation arrives after it, so that an issue may be older than the
    first sample that an evaluation sees of it. Only a sample that denies it breaks the run.
    """
    onset = seen
    for row in reversed([row for row in rows if row.at < seen]):
        if name in row.shown:
            onset = row.at
        elif name in row.denied:
            break
    return onset


def _is_denied(name: str, devices: Collection[str], recent: Mapping[str, Sequence[_Row]]) -> bool:
    """Tell whether those that showed an issue were awake and could have shown it again.

    A device of which the gateway does not speak at all is gone: it was exchanged, and any other
    device speaks for it.
    """
    asked = [recent[serial] for serial in devices if serial in recent]
    if asked:
        return all(any(name in row.denied for row in rows) for rows in asked)
    return any(row.speaks for rows in recent.values() for row in rows)


def _present_hours(
    devices: Iterable[Sequence[_Row]], name: str, since: datetime, now: datetime
) -> int:
    """Give in how many hours of daylight an issue was seen, each counted once (D-81, D-90).

    They are counted when all their windows had time to arrive, some hours late.
    """
    if name not in _BY_DAY:
        return 0
    late = LATE_WINDOWS.on(now.date())
    ended = {_hour_end(row.at) for rows in devices for row in rows if name in row.shown}
    return sum(since - late < end <= now - late for end in ended)


def _hour_end(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0) + timedelta(seconds=_HOUR_S)
