"""What a device's event tells that may hurt somebody, taken to the emergency path at once."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from cloud.detection.codes import Danger, hazards_in
from cloud.detection.models import Finding, Tier
from cloud.detection.process.telling import told_of
from cloud.kernel.change import Event
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records
from cloud.portfolio.models import Site
from cloud.telemetry.days import standard_day

_BELIEVED = timedelta(days=7)
"""So long before it came in may an event have been; another time is of a clock that is wrong."""


def alarm(records: Records, said: Iterable[tuple[datetime, Event]]) -> int:
    """Tell of the dangers in devices' events, and give how many there were (D-80).

    Nobody waits for the next evaluation where somebody may be hurt, and no wrong clock of a gateway
    makes anybody wait: what counts is when an event came in. The evaluation finds the same again;
    it stands under the same case. The same event again changes nothing, and a bit that flaps is
    told once an hour.

    Args:
        records: the sites, and what is told.
        said: when events of devices came in, and what they said; each by its gateway.
    """
    told = 0
    for came_at, event in said:
        for danger in hazards_in(event, on=came_at.date()):
            for stored in records.find(Site, by="gateway_id", value=event.by):
                records.commit(told_of((_found(stored.record, danger, came_at),), ()))
                told += 1
    return told


def _found(site: Site, danger: Danger, came_at: datetime) -> Finding:
    issue, at = danger.issue, danger.at
    began_at = at if timedelta() <= came_at - at <= _BELIEVED else came_at
    return Finding(
        id=derived("F", site.id, issue.name, danger.serial, f"{came_at:%Y-%m-%dT%H}"),
        site_id=site.id,
        family=issue.family,
        tier=Tier.DISPATCH,
        rule="D-80",
        onset=standard_day(began_at, site.utc_offset_hours),
        found_at=came_at,
        says=issue.says,
        evidence=(f"{issue.name}: device {danger.serial} said so at {at:%Y-%m-%d %H:%M} UTC",),
        causes=(),
        hazard=issue.hazard,
    )
