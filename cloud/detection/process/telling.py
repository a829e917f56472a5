"""What was found and what is over, as messages to the stage that opens and closes cases."""

from collections.abc import Sequence

from cloud.detection.models import Finding, Recovery
from cloud.kernel.change import Change, Event, Message

SWEEP = "sweep"


def told_of(findings: Sequence[Finding], recoveries: Sequence[Recovery]) -> Change:
    """Give the events and messages of what was found and of what is over (D-14)."""
    return Change(
        events=tuple(map(_event, findings)),
        messages=(*map(_found, findings), *map(_over, recoveries)),
    )


def _event(found: Finding) -> Event:
    return Event(
        subject=found.id,
        what="finding_made",
        at=found.found_at,
        by=SWEEP,
        rule=found.rule,
        causes=found.causes,
        says=f"{found.site_id}: {found.says}",
    )


def _found(found: Finding) -> Message:
    return Message(
        id=found.id,
        topic="finding",
        at=found.found_at,
        body={
            "finding_id": found.id,
            "site_id": found.site_id,
            "family": found.family,
            "tier": found.tier.value,
            "rule": found.rule,
            "onset": found.onset.isoformat(),
            "found_at": found.found_at.isoformat(),
            "says": found.says,
            "evidence": list(found.evidence),
            "causes": list(found.causes),
            "hazard": found.hazard,
            "is_grid_out": found.is_grid_out,
            "summary": found.summary,
            "picture": found.picture,
        },
    )


def _over(seen: Recovery) -> Message:
    return Message(
        id=seen.id,
        topic="recovery",
        at=seen.seen_at,
        body={
            "site_id": seen.site_id,
            "family": seen.family,
            "seen_at": seen.seen_at.isoformat(),
            "says": seen.says,
        },
    )
