"""Making, ending and sending scheduled reports: each due instant is sent once."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count
from typing import Protocol

from cloud.kernel.change import NEW, Change, Event, Message, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict, NotFound
from cloud.kernel.ids import derived
from cloud.kernel.ports import Documents, Records, Stored, require
from cloud.reporting.models import Report
from cloud.reporting.policy import SCHEDULE_OWNER, SCHEDULE_ROLE, SCHEDULE_TRIES
from cloud.reporting.ports import ToldRecords
from cloud.reporting.process import REPORTS, report
from cloud.reporting.roles import ADMIN
from cloud.reporting.schedule_letters import report_letter, stopped_letter
from cloud.reporting.schedules import (
    NOTHING_CAME,
    ReportFormat,
    ReportSchedule,
    ScheduleState,
    When,
    all_well,
    asked_at,
    failing,
    fitting_addresses,
    is_attached,
    may_change,
    may_have,
    too_many,
)

REPORT_DUE = "report_due"
"""What a schedule's timer wakes, and the topic of the message that sends the report."""
SENDER = "reports"


class Staff(Protocol):
    """Who the owner's people are, as the user pool knows them now."""

    def roles_of(self, name: str) -> frozenset[str]:
        """Give somebody's groups; nobody, and whoever is switched off, has none.

        Raises:
            Unavailable: the pool did not answer.
        """
        ...

    def address_of(self, name: str) -> str:
        """Give where somebody reads mail; nothing where that is not known.

        Raises:
            Unavailable: the pool did not answer.
        """
        ...


class Writer(Protocol):
    """Writes a report as a file."""

    def __call__(self, made: Report, wanted: ReportFormat) -> tuple[bytes, str]:
        """Give the bytes, the same for the same report, and their media type."""
        ...


def _free_name(records: Records, *causes: str) -> str | ReportSchedule:
    """Give a name for a schedule; the one of those causes that runs, where there is one."""
    for number in count():
        name = derived("RPS", *causes, number)
        found = records.load(ReportSchedule, name)
        if found is None:
            return name
        if found.record.state is ScheduleState.RUNNING:
            return found.record
    raise AssertionError  # pragma: no cover - numbers have no end


def make_schedule(
    records: Records,
    *,
    report: str,
    words: Mapping[str, str],
    when: When,
    to: Sequence[str],
    format: ReportFormat,  # noqa: A002 - the name that it has everywhere
    domain: str,
    roles: Collection[str],
    by: str,
    at: datetime,
) -> ReportSchedule | Refused:
    """Have a report sent regularly, from the next due instant on (OR-10 to OR-13).

    The same one asked for again while it runs is that one.

    Args:
        records: where it is kept.
        report: its name.
        words: what it is asked for, as `cloud.reporting.schedules.WORDS` names it.
        when: the instants at which it is due.
        to: who gets it.
        format: what it is written as.
        domain: the owner's mail domain.
        roles: the roles of who asks.
        by: who asks, and whose it is from then on.
        at: now.

    Raises:
        NotFound: there is no report of that name.
        BadInput: a word is not known or cannot be read.
    """
    _require_report(report)
    asked_at(words, at)
    addresses = fitting_addresses(to, domain=domain, on=_day(at))
    if isinstance(addresses, Refused):
        return addresses
    if refused := may_have(report, roles, who=by):
        return refused
    known = tuple(sorted((name, value) for name, value in words.items() if value))
    name = _free_name(records, by, report, str(known), str(when), str(addresses), format)
    if isinstance(name, ReportSchedule):
        return name
    running = sum(one.state is ScheduleState.RUNNING for one in schedules_of(records, by))
    if refused := too_many(running, on=_day(at)):
        return refused
    made = ReportSchedule(
        id=name,
        report=report,
        words=known,
        when=when,
        to=addresses,
        format=format,
        made_by=by,
        made_at=at,
        due_at=when.next_after(at),
    )
    records.commit(_begun(made))
    return made


def _begun(made: ReportSchedule) -> Change:
    """Give what has a new schedule run: its first timer (OR-10)."""
    to = ", ".join(made.to)
    says = f"{made.made_by} has {made.report} sent {made.when.cadence} to {to}"
    event = Event(
        made.id, "schedule_made", made.made_at, made.made_by, SCHEDULE_OWNER.id, says=says
    )
    return Change(saves=(Save(made, NEW),), events=(event,), timers=(_timer(made),))


def change_schedule(
    records: Records,
    *,
    schedule_id: str,
    when: When,
    to: Sequence[str],
    domain: str,
    roles: Collection[str],
    by: str,
    at: datetime,
) -> ReportSchedule | Refused:
    """Change when a report is sent and to whom; only its maker or an admin does (OR-10, OR-12).

    Raises:
        NotFound: there is no such schedule.
    """
    stored = schedule(records, schedule_id)
    before = stored.record
    refused = may_change(before, by=by, is_admin=ADMIN in roles)
    if refused is not None:
        return refused
    if before.state is not ScheduleState.RUNNING:
        because = f"schedule {before.id} is {before.state}: make a new one"
        return Refused(SCHEDULE_OWNER.id, because, "conflict")
    addresses = fitting_addresses(to, domain=domain, on=_day(at))
    if isinstance(addresses, Refused):
        return addresses
    after = replace(before, when=when, to=addresses)
    if after == before:
        return before
    after = replace(after, due_at=when.next_after(at))
    says = f"{by} has {after.report} sent {when.cadence} to {', '.join(addresses)} from now on"
    event = Event(after.id, "schedule_changed", at, by, SCHEDULE_OWNER.id, says=says)
    saves = (stored.replaced_by(after),)
    records.commit(Change(saves=saves, events=(event,), timers=(_timer(after),)))
    return after


def end_schedule(
    records: Records, *, schedule_id: str, roles: Collection[str], by: str, at: datetime
) -> ReportSchedule | Refused:
    """Have a report sent no more; only its maker or an admin does that (OR-10).

    One that no longer sends stays as it is.

    Raises:
        NotFound: there is no such schedule.
    """
    stored = schedule(records, schedule_id)
    before = stored.record
    refused = may_change(before, by=by, is_admin=ADMIN in roles)
    if refused is not None:
        return refused
    if before.state is not ScheduleState.RUNNING:
        return before
    after = replace(before, state=ScheduleState.ENDED, ended_by=by, ended_at=at)
    says = f"{by} ends that {before.report} is sent"
    event = Event(before.id, "schedule_ended", at, by, SCHEDULE_OWNER.id, says=says)
    records.commit(_over(stored, after, event))
    return after


def schedule(records: Records, schedule_id: str) -> Stored[ReportSchedule]:
    """Give a schedule with its version.

    Raises:
        NotFound: there is none of that id.
    """
    return require(records.load(ReportSchedule, schedule_id), "report schedule", schedule_id)


def schedules_of(records: Records, person: str) -> list[ReportSchedule]:
    """Give a person's schedules, the newest first, those that are over as well."""
    found = [one.record for one in records.find(ReportSchedule, by="made_by", value=person)]
    return sorted(found, key=lambda one: (one.made_at, one.id), reverse=True)


def running_schedules(records: Records) -> list[ReportSchedule]:
    """Give everybody's schedules that send, by whose they are."""
    found = records.find(ReportSchedule, by="state", value=ScheduleState.RUNNING)
    return sorted((one.record for one in found), key=lambda one: (one.made_by, one.id))


def wake_schedule(records: Records, *, timer: Timer, at: datetime) -> None:
    """Order the report whose instant has come, and set the next one.

    After an outage only the latest of the instants that were missed is ordered. Woken twice it
    orders once: a message is named by its instant. Where nothing came of the one before, not even
    an error, the schedule says so from here on (OR-15).
    """
    stored = records.load(ReportSchedule, timer.subject)
    if stored is None or stored.record.state is not ScheduleState.RUNNING:
        return
    before = stored.record
    if before.due_at > at:
        records.commit(Change(timers=(_timer(before),)))
        return
    due_at = before.when.latest_until(at)
    known = before
    if before.ordered_for is not None and not before.has_sent(before.ordered_for):
        known = failing(before, before.ordered_for, NOTHING_CAME)
    after = replace(known, due_at=before.when.next_after(at), ordered_for=due_at)
    message = Message(
        id=derived("MSG", before.id, due_at.isoformat()),
        topic=REPORT_DUE,
        body={"schedule_id": before.id, "due_at": due_at.isoformat()},
        at=at,
    )
    records.commit(
        Change(
            saves=(stored.replaced_by(after),),
            events=failure_logged(before, known, at=at),
            messages=(message,),
            timers=(_timer(after),),
        )
    )


def failure_logged(
    before: ReportSchedule, after: ReportSchedule, *, at: datetime
) -> tuple[Event, ...]:
    """Give the entry of the log about an instant that failed, none where it has one already."""
    if after.failed_for is None or after.failed_for == before.failed_for:
        return ()
    says = f"{after.report} of {_named(after.failed_for)} was not sent: {after.failed_because}"
    return (Event(after.id, "report_failed", at, SENDER, SCHEDULE_TRIES.id, says=says),)


def send_report(
    records: ToldRecords,
    documents: Documents,
    staff: Staff,
    write: Writer,
    *,
    schedule_id: str,
    due_at: datetime,
    pages_url: str,
    at: datetime,
) -> ReportSchedule:
    """Send a report for one due instant, once, or stop its schedule (OR-11, OR-14).

    The report is as of the due instant, however late this is. What was sent for that instant or a
    later one is not sent again; a schedule that is over sends nothing. Whoever lost the role gets
    no report, and a letter that says so.

    Raises:
        NotFound: there is no such schedule.
        Unavailable: the user pool did not answer; nothing was sent.
    """
    stored = schedule(records, schedule_id)
    before = stored.record
    if before.state is not ScheduleState.RUNNING:
        return before
    if before.has_sent(due_at):
        return before
    refused = may_have(before.report, staff.roles_of(before.made_by), who=before.made_by)
    if refused is not None:
        return _stopped(records, stored, refused, at=at)
    made = report(records, before.report, asked_at(dict(before.words), due_at))
    content, media_type = write(made, before.format)
    day = _named(due_at)
    attachments = {}
    if is_attached(len(content), on=_day(due_at)):
        reference = f"schedules/{before.id}/{day}.{before.format}"
        attachments[f"{before.report}-{day[:10]}.{before.format}"] = reference
        with suppress(Conflict):  # an earlier try kept what it made, and that is what leaves
            documents.put(reference, content, media_type)
    letters = tuple(
        report_letter(before, made, to=one, attachments=attachments, pages_url=pages_url, at=at)
        for one in before.to
    )
    after = all_well(replace(before, sent_for=due_at))
    says = f"{before.report} of {day} went to {', '.join(before.to)}: {len(made.rows)} rows"
    event = Event(before.id, "report_mailed", at, SENDER, SCHEDULE_OWNER.id, says=says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), letters=letters))
    return after


def _stopped(
    records: Records, stored: Stored[ReportSchedule], refused: Refused, *, at: datetime
) -> ReportSchedule:
    before = stored.record
    after = replace(
        before,
        state=ScheduleState.STOPPED,
        ended_by=SENDER,
        ended_at=at,
        because=refused.because,
    )
    says = f"{before.report} is not sent any more: {refused.because}"
    event = Event(before.id, "schedule_stopped", at, SENDER, SCHEDULE_ROLE.id, says=says)
    told = tuple(
        stopped_letter(before, to=one, because=refused.because, at=at) for one in before.to
    )
    records.commit(_over(stored, after, event) + Change(letters=told))
    return after


def _over(stored: Stored[ReportSchedule], after: ReportSchedule, event: Event) -> Change:
    return Change(
        saves=(stored.replaced_by(after),),
        events=(event,),
        cancelled_timers=(_timer(after).id,),
    )


def _timer(one: ReportSchedule) -> Timer:
    return Timer(f"{one.id}:{REPORT_DUE}", one.id, REPORT_DUE, one.due_at)


def _require_report(name: str) -> None:
    if name not in REPORTS:
        msg = f"there is no report {name[:60]!r}: ask for {', '.join(REPORTS)}"
        raise NotFound(msg)


def _named(due_at: datetime) -> str:
    return f"{due_at.astimezone(UTC):%Y-%m-%dT%H%MZ}"


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
