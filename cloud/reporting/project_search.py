"""Finding a project by what people know of it: number, partner, address, and how it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from cloud.kernel.ports import Records
from cloud.portfolio.models import Milestone, Project, Site
from cloud.reporting.home_search import homes_like

MOST = 50
"""Projects that are given at once."""
MOST_HOMES = 15
"""Homes whose projects are asked for, one by one."""
STATES: Mapping[str, str] = {
    "held": "Money on hold",
    "sold": "Before NTP",
    "building": "NTP, not installed",
    "installed": "Installed, not activated",
    "activated": "Activated",
    "cancelled": "Cancelled",
}
"""How a project may stand; on hold it is beside where it is in its life."""


@dataclass(frozen=True, slots=True)
class FoundProject:
    """A project, its home where that is on record, and where it is in its life."""

    project: Project
    home: Site | None
    state: str
    is_held: bool


@dataclass(frozen=True, slots=True)
class FoundProjects:
    """What was found: the first rows, and how many there are in all."""

    rows: tuple[FoundProject, ...]
    count: int


def state_of(project: Project) -> str:
    """Give where a project is in its life, by a name of `STATES`."""
    if project.cancelled:
        return "cancelled"
    reached = dict(project.reached)
    if Milestone.M2 in reached:
        return "activated"
    if Milestone.M1 in reached:
        return "installed"
    return "building" if Milestone.NTP in reached else "sold"


def is_held(project: Project) -> bool:
    """Tell whether an open case or stip holds the project's money (F18)."""
    return not project.cancelled and (
        project.compliance_case_open or project.administrative_stip_open
    )


def projects_like(
    records: Records, *, said: str, partner_id: str, state: str, on: date, after: int = 0
) -> FoundProjects:
    """Give the projects that a person may mean, in order of their ids, `MOST` from `after` on.

    A project's number decides; else the words are looked for among the homes (`homes_like`). A
    partner without words gives all of its projects. Neither gives nothing: there is no list of all.
    """
    text = said.strip()
    found = _named(records, text) if text else _of_partner(records, partner_id)
    if text and not found:
        homes = homes_like(records, text, on=on)[:MOST_HOMES]
        found = [
            one.record
            for home in homes
            for one in records.find(Project, by="site_id", value=home.id)
        ]
    kept = sorted(
        (
            one
            for one in found
            if partner_id in {"", one.partner_id}
            and (state in {"", state_of(one)} or (state == "held" and is_held(one)))
        ),
        key=lambda one: one.id,
    )
    shown = kept[after : after + MOST]
    homes_of = records.load_all(Site, sorted({one.site_id for one in shown}))
    rows = tuple(
        FoundProject(
            one,
            homes_of[one.site_id].record if one.site_id in homes_of else None,
            state_of(one),
            is_held(one),
        )
        for one in shown
    )
    return FoundProjects(rows, len(kept))


def _named(records: Records, text: str) -> list[Project]:
    found = records.load(Project, text) or records.load(Project, text.upper())
    return [found.record] if found is not None else []


def _of_partner(records: Records, partner_id: str) -> list[Project]:
    if not partner_id:
        return []
    return [one.record for one in records.find(Project, by="partner_id", value=partner_id)]
