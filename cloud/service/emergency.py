"""Emergencies: what is one, and how long a partner has to say that it heard."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from cloud.service.policy import EMERGENCIES, EMERGENCY_CHANNELS


@dataclass(frozen=True, slots=True)
class EmergencyVerdict:
    """How the call for help stands.

    Attributes:
        due_at: until when an acknowledgement is in time, on the site's clock.
        may_reassign: another partner may be sent.
        has_all_channels: mail and telephone were both used; if not, reports say so.
    """

    due_at: datetime
    may_reassign: bool
    has_all_channels: bool


def is_emergency(hazard: str, *, grid_outage: bool, on: date) -> bool:
    """Tell whether a hazard is an emergency (E-31); a failing battery is one only in an outage."""
    always, in_an_outage = EMERGENCIES.on(on)
    return hazard in always or (grid_outage and hazard in in_an_outage)


def acknowledgement(
    *,
    contacted_at: datetime,
    minutes: int,
    zone: ZoneInfo,
    channels: Collection[str],
    acknowledged_at: datetime | None,
    is_declined: bool,
    now: datetime,
) -> EmergencyVerdict:
    """Judge the answer to an emergency call (E-32, E-32b, E-33).

    The minutes are elapsed time: nights, weekends and clock changes count like any other. Another
    partner may be sent after a decline, or when the window has passed in silence; one that
    acknowledged late, but before it was replaced, has responded.
    """
    due_at = (contacted_at.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(zone)
    is_silent = acknowledged_at is None and now > due_at
    needed = EMERGENCY_CHANNELS.on(contacted_at.astimezone(zone).date())
    return EmergencyVerdict(due_at, is_declined or is_silent, set(needed) <= set(channels))
