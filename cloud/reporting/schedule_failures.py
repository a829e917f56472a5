"""A scheduled report that cannot be made: its schedule says so, and its maker is told (OR-15)."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from cloud.kernel.change import Change, Letter
from cloud.kernel.errors import BadInput, SunreeveError, Unavailable
from cloud.kernel.ports import Records, Stored
from cloud.reporting.policy import SCHEDULE_TRIES
from cloud.reporting.schedule_letters import failing_letter
from cloud.reporting.schedules import ReportSchedule, ScheduleState, failing
from cloud.reporting.scheduling import Staff, failure_logged

_LONGEST_REASON = 500
_OF_THE_PROGRAM = "the program failed: its log has the error"
"""All that is told of an error that is not ours: it may hold what a mail must not."""


def note_failure(
    records: Records,
    staff: Staff,
    *,
    schedule_id: str,
    due_at: datetime,
    failed: Exception,
    tries: int,
    at: datetime,
) -> ReportSchedule | None:
    """Say on a schedule that a try at a due instant failed; tell its maker if it was the last.

    The maker is told once in a row of instants that fail: after the last try, or at once where the
    report cannot be asked for as the schedule says it, which no further try mends (OR-15).
    One that is over, or has sent that instant or a later one, is left as it is.

    Args:
        records: where the schedule is kept.
        staff: who knows where its maker reads mail.
        schedule_id: whose report it is; None is given back where there is none of that id.
        due_at: the instant that was tried.
        failed: what stood against it.
        tries: how often it was tried, with this one.
        at: now.
    """
    stored = records.load(ReportSchedule, schedule_id)
    if stored is None:
        return None
    before = stored.record
    if before.state is not ScheduleState.RUNNING or before.has_sent(due_at):
        return before
    after = failing(before, due_at, _reason(failed))
    is_over = tries >= SCHEDULE_TRIES.on(at.astimezone(UTC).date()) or isinstance(failed, BadInput)
    return _noted(records, staff, stored, after, is_over=is_over, at=at)


def tell_of_failing(
    records: Records, staff: Staff, *, schedule_id: str, due_at: datetime, at: datetime
) -> None:
    """Tell the maker of an earlier instant that left neither a report nor an error (OR-15)."""
    stored = records.load(ReportSchedule, schedule_id)
    if stored is None or stored.record.state is not ScheduleState.RUNNING:
        return
    failed_for = stored.record.failed_for
    if failed_for is not None and failed_for < due_at:
        _noted(records, staff, stored, stored.record, is_over=True, at=at)


def _noted(
    records: Records,
    staff: Staff,
    stored: Stored[ReportSchedule],
    after: ReportSchedule,
    *,
    is_over: bool,
    at: datetime,
) -> ReportSchedule:
    before = stored.record
    letters: tuple[Letter, ...] = ()
    if is_over and before.failure_told_at is None:
        after = replace(after, failure_told_at=at)
        letters = tuple(failing_letter(after, to=one, at=at) for one in _told(staff, before))
    if after == before:
        return before
    events = failure_logged(before, after, at=at)
    records.commit(Change(saves=(stored.replaced_by(after),), events=events, letters=letters))
    return after


def _told(staff: Staff, schedule: ReportSchedule) -> tuple[str, ...]:
    """Give the maker's address; where it is not known, those that the report goes to."""
    with suppress(Unavailable):  # the pool may be what the report failed of
        address = staff.address_of(schedule.made_by)
        if address:
            return (address,)
    return schedule.to


def _reason(failed: Exception) -> str:
    return str(failed)[:_LONGEST_REASON] if isinstance(failed, SunreeveError) else _OF_THE_PROGRAM
