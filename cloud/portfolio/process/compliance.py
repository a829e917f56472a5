"""Compliance cases and administrative stips: while one is open, a project's money waits."""

from collections.abc import Mapping
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


_FLAGS: Mapping[str, tuple[str, str]] = {
    "compliance_case": ("compliance_case_open", "compliance_case"),
    "stip": ("administrative_stip_open", "administrative_stip"),
}
"""What may hold a project's money -> its flag, and how its events begin."""


def stands_already(
    records: Records, project: Project, what: str, *, is_open: bool
) -> tuple[bool, Event | None]:
    """Tell whether a compliance case or stip stands so already, and who said so last.

    Opened or closed again it is left as it is; what the second person wrote is on no record, so
    that whoever asks has to say that nothing was done. None where the log does not tell who.
    """
    flag, name = _FLAGS[what]
    if getattr(project, flag) is not is_open:
        return False, None
    wanted = f"{name}_{'opened' if is_open else 'closed'}"
    return True, next(
        (one for one in reversed(records.history(project.id)) if one.what == wanted), None
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
