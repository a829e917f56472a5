"""A report that somebody gets regularly: when it is due, who gets it, and who may change it."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from cloud.kernel.calendar import DAY, EASTERN, wall_time
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.reporting.asking import question
from cloud.reporting.models import LONGEST_PERIOD_DAYS, Asked
from cloud.reporting.policy import (
    ATTACHMENT_BYTES,
    MOST_SCHEDULES,
    SCHEDULE_ADDRESSES,
    SCHEDULE_OWNER,
    SCHEDULE_ROLE,
)
from cloud.reporting.roles import REPORT_READERS

WORDS = ("partner", "milestone", "region", "emergency", "horizon_hours", "what_if", "days")
"""What a schedule may ask a report for; its instant and its period follow from when it is due."""
LONGEST_WORD = 200
_LONGEST_ADDRESS = 254
_OF_THE_MACHINE = {"localtime", "posixrules", "Factory"}
"""Names of the zone files of a machine, not of a place: each machine may mean another by them."""
_MAILBOX = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


class Cadence(StrEnum):
    """How often a report is sent."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class ReportFormat(StrEnum):
    """What a report is written as."""

    CSV = "csv"
    HTML = "html"


class ScheduleState(StrEnum):
    """Whether a schedule still sends: RUNNING does, ENDED by a person, STOPPED by a rule."""

    RUNNING = "running"
    ENDED = "ended"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class When:
    """The local instants at which a report is due.

    A time that the clock skips is the end of the gap; one that it shows twice is the later one. Of
    a month that is too short it is the last day.

    Attributes:
        time_zone: whose wall clock it goes by, for example ``America/New_York``.
        weekday: of a weekly one, 1 for Monday up to 7 for Sunday.
        day: of a monthly one, 1 up to 31.
    """

    cadence: Cadence
    time_zone: str
    hour: int
    minute: int = 0
    weekday: int = 1
    day: int = 1

    def __post_init__(self) -> None:
        fits = {
            "hour": 0 <= self.hour <= 23,
            "minute": 0 <= self.minute <= 59,
            "weekday": 1 <= self.weekday <= 7,
            "day": 1 <= self.day <= 31,
            "time_zone": _is_zone(self.time_zone),
        }
        wrong = [name for name, is_fitting in fits.items() if not is_fitting]
        if wrong:
            msg = (
                f"scheduling a report: {', '.join(wrong)} cannot be read; give hour 0-23, minute "
                "0-59, weekday 1-7, day 1-31 and a zone, as America/New_York"
            )
            raise BadInput(msg)

    def is_on(self, day: date) -> bool:
        """Tell whether it is due on a local day."""
        if self.cadence is Cadence.WEEKLY:
            return day.isoweekday() == self.weekday
        if self.cadence is Cadence.MONTHLY:
            is_last = (day + DAY).day == 1
            return day.day == self.day or (is_last and day.day < self.day)
        return True

    def next_after(self, instant: datetime) -> datetime:
        """Give the first due instant that lies after an instant."""
        day = self._local_day(instant)
        while not (self.is_on(day) and self._due_on(day) > instant):
            day += DAY
        return self._due_on(day)

    def latest_until(self, instant: datetime) -> datetime:
        """Give the last due instant that does not lie after an instant."""
        day = self._local_day(instant)
        while not (self.is_on(day) and self._due_on(day) <= instant):
            day -= DAY
        return self._due_on(day)

    def _due_on(self, day: date) -> datetime:
        at = time(self.hour, self.minute)
        return wall_time(day, at, ZoneInfo(self.time_zone)).astimezone(UTC)

    def _local_day(self, instant: datetime) -> date:
        return instant.astimezone(ZoneInfo(self.time_zone)).date()


@dataclass(frozen=True, slots=True)
class ReportSchedule:
    """A report that its maker, or others of the owner's house, get regularly (OR-10).

    Attributes:
        report: the name of the report.
        words: what it is asked for beside its instant, as `WORDS` names it.
        to: addresses of the owner's domain (OR-12).
        made_by: whose it is; while that person lost the role, nothing is sent (OR-11).
        due_at: the next instant at which it is due.
        sent_for: the last due instant that it was sent for; None before the first.
        ended_by, ended_at, because: of one that no longer sends.
        ordered_for: the last due instant that its report was ordered for.
        failing_since: the first due instant in a row that was not sent; None while all is well.
        failed_for, failed_because: the last one of that row, and what stood against it.
        failure_told_at: when its maker was told of that row (OR-15).
    """

    id: str
    report: str
    words: tuple[tuple[str, str], ...]
    when: When
    to: tuple[str, ...]
    format: ReportFormat
    made_by: str
    made_at: datetime
    due_at: datetime
    state: ScheduleState = ScheduleState.RUNNING
    sent_for: datetime | None = None
    ended_by: str = ""
    ended_at: datetime | None = None
    because: str = ""
    ordered_for: datetime | None = None
    failing_since: datetime | None = None
    failed_for: datetime | None = None
    failed_because: str = ""
    failure_told_at: datetime | None = None

    def has_sent(self, due_at: datetime) -> bool:
        """Tell whether the report of a due instant, or of a later one, has left."""
        return self.sent_for is not None and self.sent_for >= due_at


NOTHING_CAME = "no try at it came to an end: look at the dead letters of the reports"
"""What is said of a due instant that left neither a report nor an error."""


def failing(before: ReportSchedule, due_at: datetime, because: str) -> ReportSchedule:
    """Give a schedule that says that the report of a due instant was not sent, and why.

    What is known of that instant already is kept unless there is a reason of its own.
    """
    is_known = before.failed_for is not None and before.failed_for >= due_at
    if is_known and because == NOTHING_CAME:
        return before
    latest = max(due_at, before.failed_for or due_at)
    since = before.failing_since or due_at
    return replace(before, failing_since=since, failed_for=latest, failed_because=because)


def all_well(before: ReportSchedule) -> ReportSchedule:
    """Give a schedule whose row of failures is over."""
    return replace(
        before, failing_since=None, failed_for=None, failed_because="", failure_told_at=None
    )


def asked_at(words: Mapping[str, str], due_at: datetime) -> Asked:
    """Give the question that a schedule asks at a due instant.

    With ``days`` the period is so many whole Eastern days before the day on which it is due.

    Raises:
        BadInput: a word is not known, or cannot be read; the message names it.
    """
    for name, value in words.items():
        if name not in WORDS or len(value) > LONGEST_WORD:
            msg = f"scheduling a report with {name[:40]!r}: use {', '.join(WORDS)}"
            raise BadInput(msg)
    said = {name: value for name, value in words.items() if value and name != "days"}
    said["as_of"] = due_at.astimezone(UTC).isoformat()
    if words.get("days"):
        until = due_at.astimezone(EASTERN).date()
        said["until"] = until.isoformat()
        said["from"] = (until - timedelta(days=_days(words["days"]))).isoformat()
    return question(said, now=due_at)


def _days(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) < 6
    if not is_number or not 1 <= int(text) <= LONGEST_PERIOD_DAYS:
        msg = f"reading days {text[:40]!r}: write whole days, 1 up to {LONGEST_PERIOD_DAYS}"
        raise BadInput(msg)
    return int(text)


def readers_of(report: str) -> frozenset[str]:
    """Give the roles that may read a report: at present the same for all of them."""
    del report
    return REPORT_READERS


def may_change(schedule: ReportSchedule, *, by: str, is_admin: bool) -> Refused | None:
    """Refuse whoever is neither the maker of a schedule nor an administrator (OR-10)."""
    if is_admin or (by and by == schedule.made_by):
        return None
    because = f"{schedule.made_by} made schedule {schedule.id}: its maker or an admin changes it"
    return Refused(SCHEDULE_OWNER.id, because, "not_yours")


def may_have(report: str, roles: Collection[str], *, who: str) -> Refused | None:
    """Refuse who has none of the roles that read a report (OR-11)."""
    if readers_of(report) & set(roles):
        return None
    because = f"{who} has no role that reads {report}: {', '.join(sorted(readers_of(report)))} do"
    return Refused(SCHEDULE_ROLE.id, because, "role_missing")


def fitting_addresses(to: Sequence[str], *, domain: str, on: date) -> tuple[str, ...] | Refused:
    """Give the addresses that a report goes to, each once, or why it does not (OR-12).

    Only mailboxes of the owner's domain itself, not of a domain below it.
    """
    kept: dict[str, str] = {}
    for one in to:
        mailbox, _, of = one.strip().rpartition("@")
        address = f"{mailbox}@{of.casefold()}"
        is_mailbox = len(address) <= _LONGEST_ADDRESS and _MAILBOX.fullmatch(mailbox)
        if not is_mailbox or of.casefold() != domain.casefold():
            because = f"{one[:60]!r} is no mailbox of {domain}: reports stay in the house"
            return Refused(SCHEDULE_ADDRESSES.id, because, "foreign_address")
        kept.setdefault(address.casefold(), address)
    most = SCHEDULE_ADDRESSES.on(on)
    if not 1 <= len(kept) <= most:
        because = f"a report goes to 1 up to {most} addresses, not to {len(kept)}"
        return Refused(
            SCHEDULE_ADDRESSES.id, because, "too_many_addresses" if kept else "no_address"
        )
    return tuple(kept.values())


def too_many(running: int, *, on: date) -> Refused | None:
    """Refuse one more schedule of who has as many as anybody may have (OR-13)."""
    most = MOST_SCHEDULES.on(on)
    if running < most:
        return None
    because = f"{most} of your schedules run already: end one first"
    return Refused(MOST_SCHEDULES.id, because, "too_many_schedules")


def is_attached(size_bytes: int, *, on: date) -> bool:
    """Tell whether a file goes out with the mail; a larger one is looked at in pages (OR-14)."""
    return size_bytes <= ATTACHMENT_BYTES.on(on)


@cache
def _zones() -> frozenset[str]:
    """Give the zones that have the same name and the same clock on every machine."""
    found = available_timezones() - _OF_THE_MACHINE
    return frozenset(name for name in found if not name.startswith(("posix/", "right/")))


def _is_zone(name: str) -> bool:
    return name in _zones()
