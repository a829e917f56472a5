"""Which version of the API a partner's program stays with, and stopping one."""

from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import Change, Event
from cloud.kernel.ports import Records, require
from cloud.portfolio.models import ApiClient


def keep_version(
    records: Records, *, program_id: str, version: str, at: datetime, by: str
) -> ApiClient:
    """Let a program stay with the version of its first call; one that has a version keeps that.

    Raises:
        Conflict: something else of the program changed meanwhile; its next call may do it.
        NotFound: there is no such program.
    """
    stored = require(records.load(ApiClient, program_id), "program", program_id)
    if stored.record.version:
        return stored.record
    after = replace(stored.record, version=version)
    says = f"program {program_id} is answered in version {version} from its first call on"
    event = Event(program_id, "version_kept", at, by, says=says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def stop_program(records: Records, *, program_id: str, at: datetime, by: str) -> ApiClient:
    """Stop a program: from its next call on nothing is done for it, whatever its token says."""
    return _set(records, program_id, is_stopped=True, at=at, by=by)


def let_program_call(records: Records, *, program_id: str, at: datetime, by: str) -> ApiClient:
    """Let a program that was stopped call again."""
    return _set(records, program_id, is_stopped=False, at=at, by=by)


def _set(
    records: Records, program_id: str, *, is_stopped: bool, at: datetime, by: str
) -> ApiClient:
    stored = require(records.load(ApiClient, program_id), "program", program_id)
    if stored.record.is_stopped == is_stopped:
        return stored.record
    after = replace(stored.record, is_stopped=is_stopped)
    what = "program_stopped" if is_stopped else "program_resumed"
    says = f"program {program_id} may {'not call any more' if is_stopped else 'call again'}"
    event = Event(
        program_id, what, at, by, causes=(after.partner_id or after.vendor_id,), says=says
    )
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after
