"""Compliance cases and administrative stips: while one is open, a project's money waits."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from cloud.kernel.change import Change, Event
from cloud.kernel.decision import Refused
from cloud.kernel.ports import Records, require
from cloud.portfolio.models import Project

_RULE = "F18"


def open_compliance_case(
    records: Records, *, project_id: str, because: str, at: datetime, by: str
) -> Project | Refused:
    """Open a compliance case; the project's money waits from now on (F18)."""
    return _flagged(
        records,
        project_id,
        {"compliance_case_open": True},
        Event(project_id, "compliance_case_opened", at, by, _RULE, says=because),
    )


def close_compliance_case(
    records: Records, *, project_id: str, because: str, at: datetime, by: str
) -> Project | Refused:
    """Close a compliance case; the project's money waits for it no longer (F18)."""
    return _flagged(
        records,
        project_id,
        {"compliance_case_open": False},
        Event(project_id, "compliance_case_closed", at, by, _RULE, says=because),
    )


def open_stip(
    records: Records, *, project_id: str, because: str, at: datetime, by: str
) -> Project | Refused:
    """Ask a partner for something administrative; the project's money waits for it (F18)."""
    return _flagged(
        records,
        project_id,
        {"administrative_stip_open": True},
        Event(project_id, "administrative_stip_opened", at, by, _RULE, says=because),
    )


def close_stip(
    records: Records, *, project_id: str, because: str, at: datetime, by: str
) -> Project | Refused:
    """Note that what was asked for came; the project's money waits for it no longer (F18)."""
    return _flagged(
        records,
        project_id,
        {"administrative_stip_open": False},
        Event(project_id, "administrative_stip_closed", at, by, _RULE, says=because),
    )


def _flagged(
    records: Records, project_id: str, flags: dict[str, Any], event: Event
) -> Project | Refused:
    """Write flags and say why; a project that stands so already is left as it is."""
    stored = require(records.load(Project, project_id), "project", project_id)
    after = replace(stored.record, **flags)
    if after == stored.record:
        return after
    if not event.says.strip():
        return Refused(_RULE, "a person says why", "reason_missing")
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after
