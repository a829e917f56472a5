"""The town's gateways: a few homes whose weeks detection follows, and the fleet's last days.

Nobody speaks over sockets here: each home is read in memory by the agent's own poller and codec.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from cloud.local.homes.street import FaultKind, Home, HouseSpec, Street
from cloud.local.runtime import Runtime
from cloud.local.town.projects import DATA_FROM, STORY_FROM, Course, Life, is_in_story
from cloud.telemetry.days import start_of

CHUNKS, EVENTS = "sunreeve_dev_chunks", "sunreeve_dev_events"
_STORY_OFFSET_HOURS = -7
_SENDS_EVERY, _READS_EVERY_S = timedelta(hours=4), 7200
_WATTS_OF_THE_CURVE = 3200
"""Of the system whose real production the homes show."""


def _at(month: int, day: int, hour: int) -> datetime:
    return start_of(date(2026, month, day), _STORY_OFFSET_HOURS) + timedelta(hours=hour)


BREAKS: Mapping[int, tuple[FaultKind, datetime]] = {
    4: (FaultKind.DEAD_STRING, _at(5, 27, 13)),
    8: (FaultKind.INVERTER_FAULT, _at(6, 3, 11)),
    15: (FaultKind.SILENCE, _at(6, 5, 9)),
    19: (FaultKind.BATTERY_FAULT, _at(6, 4, 16)),
}
"""Number of a home of Golden -> what breaks in it and when."""
WITH_BATTERY = frozenset({1, 19, 23})
SNOW_DAYS = (date(2026, 5, 20), date(2026, 5, 21))
"""Spring snow lies on the roofs of Golden, and next to nothing is made."""
OUT_FROM, OUT_UNTIL = _at(6, 2, 14), _at(6, 2, 22)
DARK = (26, 30, 34, 37, 41)
"""Homes of Golden that are without the grid, and silent, from `OUT_FROM` to `OUT_UNTIL`."""
UPDATED_AT = _at(6, 4, 18)
UPDATED_PLACE, UPDATED_HOMES = "PHX", 9
"""So many homes of Phoenix fail at one instant, which is too many to be believed (D-97)."""


def of_story(runtime: Runtime, listed: Sequence[Course]) -> Street:
    """Give the street of the homes whose weeks are followed."""
    told = [_home(one) for one in listed if is_in_story(one.home)]
    return Street(
        runtime,
        told,
        first_day=STORY_FROM,
        utc_offset_hours=_STORY_OFFSET_HOURS,
        chunk_rule=CHUNKS,
        event_rule=EVENTS,
    )


class Fleet(Street):
    """Homes whose gateways send what they saw every four hours, two readings each.

    So every evaluation of every clock has heard each home since the one before. Energy comes from
    counters, so that it is as exact; a jump of the clock changes nothing here.
    """

    def next_at(self, now: datetime) -> datetime:
        """Give the next instant at which they send."""
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        passed = (now - midnight) // _SENDS_EVERY
        return midnight + _SENDS_EVERY * (passed + 1)

    def act(self, now: datetime) -> None:
        """Send what was not sent yet, up to now."""
        since = max(self._sent_until, now - _SENDS_EVERY)
        self._send(self._window(name, since, now, _READS_EVERY_S) for name in self._quiet)
        self._sent_until = now

    def begin_jump(self) -> None:
        """Go on as before."""

    def end_jump(self) -> None:
        """Go on as before."""


def of_fleet(runtime: Runtime, listed: Sequence[Course]) -> Iterator[Street]:
    """Give a street for each clock, of all other homes that are activated."""
    active = [one for one in listed if one.life is Life.ACTIVE and not is_in_story(one.home)]
    updated = [one.home.number for one in active if one.home.place.code == UPDATED_PLACE]
    failing = frozenset(updated[:UPDATED_HOMES])
    for offset in sorted({one.home.place.utc_offset_hours for one in active}):
        homes = [
            _home(one, is_failing=one.home.number in failing)
            for one in active
            if one.home.place.utc_offset_hours == offset
        ]
        yield Fleet(
            runtime,
            homes,
            first_day=DATA_FROM,
            utc_offset_hours=offset,
            chunk_rule=CHUNKS,
            event_rule=EVENTS,
        )


def end_outage(street: Street, listed: Sequence[Course]) -> None:
    """Let the dark homes have their grid again."""
    for course in listed:
        if course.home.place.code == "GOL" and course.home.number in DARK:
            street.mend(course.home.gateway_id, OUT_UNTIL)


def _home(course: Course, *, is_failing: bool = False) -> Home:
    home, site = course.home, course.site
    breaks: tuple[tuple[FaultKind, datetime], ...] = ()
    is_told = is_in_story(home)
    if is_told and home.number in BREAKS:
        breaks = (BREAKS[home.number],)
    elif is_told and home.number in DARK:
        breaks = ((FaultKind.SILENCE, OUT_FROM),)
    elif is_failing:
        breaks = ((FaultKind.INVERTER_FAULT, UPDATED_AT),)
    return Home(
        gateway_id=home.gateway_id,
        house=HouseSpec(
            serial=f"SN-{home.place.code}-{home.number:03}",
            battery=802 if is_told and home.number in WITH_BATTERY else None,
            rated_w=site.dc_rating_w,
        ),
        size=site.dc_rating_w / _WATTS_OF_THE_CURVE,
        breaks=breaks,
        cloudy={(day - STORY_FROM).days: 0.08 for day in SNOW_DAYS} if is_told else {},
    )
