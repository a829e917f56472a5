"""Which milestones are recorded and taken back together, and which come first."""

from datetime import date

from cloud.kernel.decision import Refused
from cloud.portfolio.models import Milestone, Project
from cloud.portfolio.policy import MILESTONE_ORDER, PLAN_PINNED_AT

INSTALLATION = (Milestone.INSTALL_SUBMITTED, Milestone.INSTALL_APPROVED)


def steps_to(
    project: Project, milestone: Milestone, *, on: date
) -> tuple[Milestone, ...] | Refused:
    """Give what is recorded when a project reaches a milestone, in order (P-01, P-82, F09).

    The installation step that the project's plan names brings M1, and M1 recorded alone brings the
    steps to it. A milestone that is on record gives nothing.
    """
    if project.reached_at(milestone) is not None:
        return ()
    if project.cancelled:
        return Refused("P-01", f"project {project.id} is cancelled", "project_cancelled")
    if milestone is Milestone.M1:
        last = INSTALLATION.index(project.m1_basis) + 1
        return _missing(project, (*INSTALLATION[:last], Milestone.M1))
    first = MILESTONE_ORDER.on(on).get(milestone)
    if first is not None and project.reached_at(Milestone(first)) is None:
        because = f"project {project.id} reaches {milestone} after {first}: record that first"
        return Refused(MILESTONE_ORDER.id, because, _CODES[Milestone(first)])
    if milestone is project.m1_basis:
        return _missing(project, (milestone, Milestone.M1))
    return (milestone,)


_CODES = {Milestone.INSTALL_SUBMITTED: "install_not_submitted", Milestone.M1: "m1_missing"}


def _missing(project: Project, steps: tuple[Milestone, ...]) -> tuple[Milestone, ...]:
    return tuple(one for one in steps if project.reached_at(one) is None)


def taken_back_with(
    project: Project, milestone: Milestone, *, on: date
) -> tuple[Milestone, ...] | Refused:
    """Give what is revoked together with a milestone that is on record (P-82).

    M1 and the step that brought it go together. What another milestone rests on stays until that
    one was revoked, and a cancelled project keeps all: its money was taken back already.
    """
    if project.cancelled:
        return Refused("P-01", f"project {project.id} is cancelled", "project_cancelled")
    known = dict(project.reached)
    together = {Milestone.M1, project.m1_basis}
    going = [one for one in known if one is milestone or {one, milestone} <= together]
    order = MILESTONE_ORDER.on(on)
    for other in known:
        rests_on = {order.get(other), *(() if other is Milestone.NTP else (Milestone.NTP,))}
        if other not in going and rests_on & set(going):
            because = f"project {project.id} reached {other} since: revoke that first"
            return Refused(MILESTONE_ORDER.id, because, "later_milestone")
    return tuple(going)


def is_pinned(project: Project, *, on: date) -> bool:
    """Tell whether a project's plan stands: it reached what pays, be it revoked since (P-83)."""
    ever = {one for one, _ in project.reached} | {one.milestone for one in project.revoked}
    return bool(ever & set(PLAN_PINNED_AT.on(on)))
