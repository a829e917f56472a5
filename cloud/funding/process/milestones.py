"""What follows for the money when a project reaches a milestone, loses it, or is cancelled."""

from datetime import datetime

from cloud.funding.models import Payable
from cloud.funding.process.accrual import accrue_milestone
from cloud.funding.process.clawing import reinstate
from cloud.funding.process.ending import second_look, take_back_cancelled, take_back_revoked
from cloud.funding.process.equipment import assess_material, net_equipment
from cloud.funding.process.extensions import release_exposure
from cloud.funding.process.opening import project_as_it_is
from cloud.funding.process.watching import watch
from cloud.kernel.change import Change
from cloud.kernel.ports import Records
from cloud.portfolio.models import PAYING, Milestone

INSTALLATION = frozenset({Milestone.INSTALL_SUBMITTED, Milestone.INSTALL_APPROVED, Milestone.M1})
"""The milestones that the clocks of a project's material look at."""


def milestone_reached(
    records: Records,
    *,
    project_id: str,
    milestone: Milestone,
    at: datetime,
    occurrence: int | None = None,
) -> Payable | None:
    """Take in that a project reached a milestone: its reductions first, then its money.

    So no run sees money without what is taken of it. A time that was revoked since, and a project
    that was cancelled, bring no money. The same milestone again changes nothing.
    """
    project = project_as_it_is(records, project_id).record
    if project.cancelled:
        project_cancelled(records, project_id=project_id, at=at)
        return None
    which = project.occurrence(milestone) if occurrence is None else occurrence
    is_over = project.occurrence(milestone) > which
    if milestone in INSTALLATION and not is_over:
        assess_material(records, project_id=project_id, at=at)
    if milestone is Milestone.M1 and not is_over:
        net_equipment(records, project=project, at=at)
    if milestone is Milestone.M2 and not is_over:
        reinstate(records, project=project, at=at)
        release_exposure(records, project_id=project_id, at=at)
    opened = None
    if milestone in PAYING:
        opened = accrue_milestone(
            records, project=project, milestone=milestone, at=at, occurrence=which
        )
    watch(records, project_id=project_id, at=at)
    if project_as_it_is(records, project_id).record.cancelled:  # this moment: it saw none of this
        project_cancelled(records, project_id=project_id, at=at)
    return opened


def milestone_revoked(records: Records, *, project_id: str, at: datetime) -> None:
    """Take in that a milestone was revoked; its clocks run again (D08)."""
    take_back_revoked(records, project_id=project_id, at=at)
    project = project_as_it_is(records, project_id).record
    if project.reached_at(Milestone.M2) is not None and not project.cancelled:
        reinstate(records, project=project, at=at)  # it was reached anew before we heard of this
    if project.reached_at(Milestone.M1) is None:
        release_exposure(records, project_id=project_id, at=at)
    assess_material(records, project_id=project_id, at=at)  # its days may be over without it
    watch(records, project_id=project_id, at=at)


def project_cancelled(records: Records, *, project_id: str, at: datetime) -> None:
    """Take in that a project was cancelled, and look at it once more an hour later (F25)."""
    take_back_cancelled(records, project_id=project_id, at=at)
    release_exposure(records, project_id=project_id, at=at)
    watch(records, project_id=project_id, at=at)
    records.commit(Change(timers=(second_look(project_id, at),)))
