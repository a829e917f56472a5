"""The queue: what waits for this person's roles, by when it is due."""

from collections import Counter
from dataclasses import dataclass
from typing import cast

from cloud.portal.asking import Ask, Page, linked
from cloud.portal.console_views.ways import way_to
from cloud.portal.routes import EVERYBODY, Views
from cloud.portal.shown import words
from cloud.reporting.own_work import WorkItem, all_work, work_of
from cloud.reporting.piles import Pile, in_order, pile_of, piled
from cloud.reporting.ports import WaitingRecords
from cloud.reporting.roles import AUDITOR

VIEWS = Views()
MOST = 50
"""Rows of a page."""
_PILES = {
    Pile.EMERGENCY: "Emergencies",
    Pile.LATE: "Late",
    Pile.TODAY: "Today",
    Pile.WEEK: "This week",
    Pile.LATER: "Later",
    Pile.OPEN: "No agreed day, the longest waiting first",
}
ROLE_WORDS = {
    "spc": "Coordination (SPC)",
    "ams": "Aftermarket service",
    "relationship_manager": "Relationship manager",
    "accounting": "Accounting",
    "accounting_admin": "Accounting admin",
    "treasury": "Treasury",
    "projects": "Projects",
    "auditor": "Auditor",
    "admin": "Administrator",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that waits, and the page where it is done."""

    item: WorkItem
    to: str


@VIEWS.get("/console", EVERYBODY)
def today(ask: Ask) -> Page:
    """Show what waits; an auditor, who does nothing of it, sees what waits for anybody."""
    everything = in_order(_work(ask), at=ask.at)
    kind, role = ask.query.get("kind", ""), ask.query.get("role", "")
    of_role = [one for one in everything if not role or role in one.roles]
    shown = [one for one in of_role if not kind or one.kind == kind]
    start = _start(ask.query.get("from", ""), len(shown))
    page = shown[start : start + MOST]
    kinds = Counter(one.kind for one in of_role)
    counts = Counter(pile_of(one, ask.at) for one in everything)
    groups = [
        (_PILES[pile], pile, [Row(one, way_to(ask, one.about, one.id)) for one in items])
        for pile, items in piled(page, at=ask.at).items.items()
    ]
    return Page(
        "console/queue.html",
        "Queue",
        {
            "groups": groups,
            "total": len(everything),
            "counts": {pile.value: counts.get(pile, 0) for pile in Pile},
            "emergencies": sum(one.is_emergency for one in everything),
            "own": sum(one.is_own for one in everything),
            "kind": kind,
            "role": role,
            "kinds": [
                ("", "All kinds", len(of_role)),
                *((name, words(name), count) for name, count in kinds.most_common()),
            ],
            "roles": _roles(ask, everything),
            "to_of": lambda **said: _to(said),
            "earlier": _to({"kind": kind, "role": role, "from": start - MOST}) if start else "",
            "later": _to({"kind": kind, "role": role, "from": start + MOST})
            if start + MOST < len(shown)
            else "",
            "is_auditor": ask.visitor.roles == {AUDITOR},
        },
    )


def _work(ask: Ask) -> tuple[WorkItem, ...]:
    records = cast("WaitingRecords", ask.records)
    if ask.visitor.roles == {AUDITOR}:
        return all_work(records, at=ask.at)
    return work_of(records, ask.visitor.roles, person=ask.by, at=ask.at)


def _roles(ask: Ask, items: tuple[WorkItem, ...]) -> list[tuple[str, str, int]]:
    """Give the roles to filter by; none to choose from where there is one only."""
    held = {role for one in items for role in one.roles}
    if ask.visitor.roles != {AUDITOR}:
        held &= ask.visitor.roles
    if len(held) < 2:
        return []
    counts = Counter(role for one in items for role in one.roles)
    return [
        ("", "All roles", len(items)),
        *((one, ROLE_WORDS.get(one, words(one)), counts[one]) for one in sorted(held)),
    ]


def _start(said: str, most: int) -> int:
    if not (said.isascii() and said.isdigit()) or len(said) > 6:
        return 0
    return min(int(said), max(most - 1, 0)) // MOST * MOST


def _to(said: dict[str, object]) -> str:
    return linked("/console", **said)
