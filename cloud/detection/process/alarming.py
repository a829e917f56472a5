"""What a device's event tells that may hurt somebody, taken to the emergency path at once."""

from collections.abc import Iterable

from cloud.detection.codes import Danger, hazards_in
from cloud.detection.models import Finding, Tier
from cloud.detection.process.telling import told_of
from cloud.kernel.change import Event
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records
from cloud.portfolio.models import Site
from cloud.telemetry.days import standard_day


def alarm(records: Records, events: Iterable[Event]) -> int:
    """Tell of the dangers in devices' events, and give how many there were (D-80).

    Nobody waits for the next evaluation where somebody may be hurt. The evaluation finds the same
    again; it stands under the same case. The same event again changes nothing.

    Args:
        records: the sites, and what is told.
        events: what devices said, each by its gateway.
    """
    told = 0
    for event in events:
        for danger in hazards_in(event):
            for stored in records.find(Site, by="gateway_id", value=event.by):
                records.commit(told_of((_found(stored.record, danger),), ()))
                told += 1
    return told


def _found(site: Site, danger: Danger) -> Finding:
    issue, at = danger.issue, danger.at
    return Finding(
        id=derived("F", site.id, issue.name, danger.at.isoformat()),
        site_id=site.id,
        family=issue.family,
        tier=Tier.DISPATCH,
        rule="D-80",
        onset=standard_day(danger.at, site.utc_offset_hours),
        found_at=danger.at,
        says=issue.says,
        evidence=(f"{issue.name}: device {danger.serial} said so at {at:%Y-%m-%d %H:%M} UTC",),
        causes=(),
        hazard=issue.hazard,
    )
