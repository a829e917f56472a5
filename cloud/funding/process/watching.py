"""The clocks of projects as timers: set when a milestone is reached, judged when they wake."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from cloud.funding import clocks
from cloud.funding.extension import last_day
from cloud.funding.models import Payable
from cloud.funding.overdue import OverdueFile, OverdueState, overdue_letter
from cloud.funding.policy import F06
from cloud.funding.process.clawing import (
    CLAWBACK_DUE,
    assess_clawback,
    clawback_timer,
    first_instant,
)
from cloud.funding.process.debts import assess_debts
from cloud.funding.process.ending import CANCELLATION_DUE, take_back_cancelled
from cloud.funding.process.opening import BY_CLOCK, DEBT_DUE, project_as_it_is
from cloud.funding.process.run import chunks
from cloud.kernel.calendar import DAY, eastern_day
from cloud.kernel.change import Change, Event, Save, Timer
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored
from cloud.portfolio.models import Milestone, Project

NTP_DUE = "ntp_due"
"""What wakes the look at a project that waits for its installation."""
TIMERS = 80
"""Timers of one transaction; the store takes a hundred items."""


def watch(records: Records, *, project_id: str, at: datetime) -> None:
    """Set the timers that a project's milestones call for; again, it sets the same ones.

    What is due already wakes at once. A project that reached its installation, or does not wait for
    one any more, is taken off the list of overdue files.
    """
    project = project_as_it_is(records, project_id).record
    timers = []
    if not project.cancelled:
        timers = [one for one in (_ntp_timer(project, at), _m1_timer(project, at)) if one]
    if timers:
        records.commit(Change(timers=tuple(timers)))
    _close_overdue(records, project, at)


def _ntp_timer(project: Project, at: datetime) -> Timer | None:
    """Wake at the first instant at which a project may be cancelled (F06)."""
    ntp_at = project.reached_at(Milestone.NTP)
    if ntp_at is None or project.reached_at(Milestone.M1) is not None:
        return None
    ntp_on = eastern_day(ntp_at)
    missed_on = ntp_on + timedelta(F06.on(ntp_on, project.programme)) + DAY
    name = derived("TMR", NTP_DUE, project.id)
    return Timer(name, project.id, NTP_DUE, max(first_instant(missed_on), at))


def _m1_timer(project: Project, at: datetime) -> Timer | None:
    """Wake at the first instant at which M1 money is clawed back, extensions apart (F07, F08)."""
    m1_on = clocks.m1_on(project)
    if m1_on is None or project.reached_at(Milestone.M2) is not None:
        return None
    return clawback_timer(project.id, max(_missed_at(m1_on, project.programme), at))


def _missed_at(m1_on: date, programme: str) -> datetime:
    return first_instant(last_day(m1_on, 0, programme) + DAY)


def watch_paid(records: Records, payables: Iterable[Payable], *, at: datetime) -> None:
    """Look at each project whose M1 a run took, when its clock is over or now if it is (F08).

    An M1 that was paid late may be clawed back as soon as it is paid. Telling again of the same
    payables sets the same timers.
    """
    timers = []
    for one in payables:
        if one.milestone == Milestone.M1:
            missed_at = _missed_at(eastern_day(one.accrued_at), one.programme)
            timers.append(clawback_timer(one.project_id, max(missed_at, at)))
    for some in chunks(timers, TIMERS):
        records.commit(Change(timers=tuple(some)))


# --- a file without installation ---------------------------------------------------------------


def assess_ntp(
    records: Records, *, project_id: str, at: datetime, operations: str = ""
) -> OverdueFile | None:
    """Put a project without installation on the list of overdue files, and tell operations (F06).

    Nothing is cancelled by itself. None: the project does not wait, or not too long.
    """
    project = project_as_it_is(records, project_id).record
    ntp_at = project.reached_at(Milestone.NTP)
    if project.cancelled or ntp_at is None:
        return _close_overdue(records, project, at)
    clock = clocks.ntp_to_m1(
        eastern_day(ntp_at), project.reached_at(Milestone.M1), at, project.programme
    )
    if not clock.may_cancel:
        again = _ntp_timer(project, at)
        if again is not None:
            records.commit(Change(timers=(again,)))
        return _close_overdue(records, project, at)
    stored = records.load(OverdueFile, project_id)
    if stored and stored.record.state is OverdueState.OPEN:
        return stored.record
    found = OverdueFile(project_id, project.partner_id, at)
    says = f"project {project_id} has no installation {clock.days_elapsed} days after NTP"
    event = Event(project_id, "file_overdue", at, BY_CLOCK, "F06", says=says)
    letters = (overdue_letter(found, clock, to=operations, at=at),) if operations else ()
    save = stored.replaced_by(found) if stored else Save(found)
    records.commit(Change(saves=(save,), events=(event,), letters=letters))
    return found


def _close_overdue(records: Records, project: Project, at: datetime) -> OverdueFile | None:
    stored = records.load(OverdueFile, project.id)
    because = _closed_because(project, stored)
    if stored is None or not because:
        return None
    closed = replace(stored.record, state=OverdueState.CLOSED, closed_because=because)
    says = f"project {project.id} is no longer overdue: {because}"
    event = Event(project.id, "overdue_closed", at, BY_CLOCK, "F06", says=says)
    records.commit(Change(saves=(stored.replaced_by(closed),), events=(event,)))
    return closed


def _closed_because(project: Project, stored: Stored[OverdueFile] | None) -> str:
    if stored is None or stored.record.state is OverdueState.CLOSED:
        return ""
    if project.cancelled:
        return "cancelled"
    if project.reached_at(Milestone.M1) is not None:
        return "installed"
    return "" if project.reached_at(Milestone.NTP) is not None else "ntp_revoked"


# --- waking ------------------------------------------------------------------------------------


def wake(records: Records, *, timer: Timer, at: datetime, operations: str = "") -> object:
    """Look again at what a timer was set for; the verdict follows from facts and dates.

    Args:
        records: where everything is kept.
        timer: one of `WAKES`.
        at: now.
        operations: where overdue files are written to; without one they stand on the list only.

    Raises:
        BadInput: the timer is somebody else's.
    """
    if timer.wakes == NTP_DUE:
        return assess_ntp(records, project_id=timer.subject, at=at, operations=operations)
    if timer.wakes not in _WAKES:
        msg = f"timer {timer.id} wakes {timer.wakes!r}, which is no clock of funding"
        raise BadInput(msg)
    return _WAKES[timer.wakes](records, timer.subject, at)


def _clawback(records: Records, subject: str, at: datetime) -> object:
    return assess_clawback(records, project_id=subject, at=at)


def _cancellation(records: Records, subject: str, at: datetime) -> object:
    take_back_cancelled(records, project_id=subject, at=at)
    return None


def _debts(records: Records, subject: str, at: datetime) -> object:
    return assess_debts(records, partner_id=subject, at=at)


_WAKES: Mapping[str, Callable[[Records, str, datetime], object]] = {
    CLAWBACK_DUE: _clawback,
    CANCELLATION_DUE: _cancellation,
    DEBT_DUE: _debts,
}
WAKES = frozenset({NTP_DUE, *_WAKES})
"""The names of the timers that are answered here."""
