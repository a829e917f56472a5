"""Ending a project: proposed by one person, agreed by another; for its lateness not before time."""

from datetime import datetime

from cloud.funding.clocks import ntp_to_m1
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.ports import Records, require
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import Milestone, Project
from cloud.portfolio.process import CANCEL_PROJECT, CancellationReason
from cloud.portfolio.proposals import Proposal


def propose_cancellation(
    records: Records,
    *,
    project_id: str,
    reason: CancellationReason,
    because: str,
    at: datetime,
    by: str,
) -> Proposal | Refused:
    """Propose to end a project; for its lateness only once its 160 days are over (F06, D09).

    Raises:
        NotFound: there is no such project.
    """
    if reason is CancellationReason.NO_INSTALLATION_160:
        refused = _refuse_in_time(records, project_id, at)
        if refused is not None:
            return refused
    return portfolio.propose_cancellation(
        records, project_id=project_id, reason=reason, because=because, at=at, by=by
    )


def agree_cancellation(
    records: Records, *, proposal_id: str, at: datetime, by: str
) -> Project | Refused:
    """End the project, as another person than who proposed it (D09).

    An installation that came meanwhile ends a proposal for lateness (F06).

    Raises:
        NotFound: there is no such proposal.
    """
    wanted = portfolio.proposal(records, proposal_id).record
    is_late = wanted.fact("reason") == CancellationReason.NO_INSTALLATION_160
    project = records.load(Project, wanted.subject)
    if is_late and project is not None and not project.record.cancelled:
        refused = _refuse_in_time(records, wanted.subject, at)
        if refused is not None:
            return refused
    return portfolio.agree_cancellation(records, proposal_id=proposal_id, at=at, by=by)


def reject_cancellation(
    records: Records, *, proposal_id: str, at: datetime, by: str
) -> Proposal | Refused:
    """Let the project go on (D09).

    Raises:
        NotFound: there is no such proposal.
    """
    if portfolio.proposal(records, proposal_id).record.kind != CANCEL_PROJECT:
        because = f"proposal {proposal_id} does not end a project"
        return Refused("D09", because, "other_proposal")
    return portfolio.reject(records, proposal_id=proposal_id, at=at, by=by)


def _refuse_in_time(records: Records, project_id: str, at: datetime) -> Refused | None:
    """Refuse to end a project for its lateness while its days are not over (F06)."""
    project = require(records.load(Project, project_id), "project", project_id).record
    ntp_at = project.reached_at(Milestone.NTP)
    if ntp_at is None:
        because = f"project {project_id} has not reached NTP: its days have not begun"
        return Refused("F06", because, "ntp_missing")
    clock = ntp_to_m1(eastern_day(ntp_at), project.reached_at(Milestone.M1), at, project.programme)
    if clock.may_cancel:
        return None
    because = f"project {project_id} has until {clock.due_date} to be installed, or is"
    return Refused("F06", because, "not_overdue")
