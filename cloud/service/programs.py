"""What programs that call the partner API may count on: how often, in which version, how long."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cloud.kernel.decision import Refused
from cloud.service.policy import PROGRAM_PACE, PROGRAM_STANDING, PROGRAM_VERSION, VERSION_NOTICE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_MS = 1000


# ---------------------------------------------------------------------- who may call
def may_call(
    *, program_id: str, is_stopped: bool, owner_id: str, is_owner_active: bool
) -> Refused | None:
    """Say why a program may not call at all, None where it may (API-04)."""
    if is_stopped:
        because = f"program {program_id} was stopped: ask your relationship manager"
        return Refused(PROGRAM_STANDING.id, because, "program_stopped")
    if not is_owner_active:
        because = f"{owner_id} is not an active partner: ask your relationship manager"
        return Refused(PROGRAM_STANDING.id, because, "partner_inactive")
    return None


def standing_status(on: date) -> int:
    """Give the status of the answer to a program that may not call (API-04)."""
    return PROGRAM_STANDING.on(on)


# ---------------------------------------------------------------------- in which version
def version_of(*, asked: str, own: str, newest: str, on: date) -> str:
    """Give the version that a call is answered in: asked for, or the program's, or newest (API-03).

    Args:
        asked: what the call asks for, empty where it asks for none.
        own: the version of the program's first answer, empty before it.
        newest: the newest that there is.
        on: day of the call.
    """
    named = {"asked": asked, "own": own, "newest": newest}
    return next(named[what] for what in PROGRAM_VERSION.on(on) if named[what])


def last_day(told_on: date) -> date:
    """Give the last day of a version whose end was told on a day (API-01).

    A month that lacks that day ends on its own last one.
    """
    months = told_on.month - 1 + VERSION_NOTICE.on(told_on)
    year, month = told_on.year + months // 12, months % 12 + 1
    return date(year, month, min(told_on.day, monthrange(year, month)[1]))


# ---------------------------------------------------------------------- how often
@dataclass(frozen=True, slots=True)
class Pace:
    """How often one program may call.

    A request costs a step of time. A program's steps are laid end to end, none in the past; it may
    be as far ahead of the clock as `burst` steps. So one number is all that is kept of a program.
    """

    a_second: int
    burst: int

    @property
    def step_ms(self) -> int:
        """What a request costs."""
        return _SECOND_MS // self.a_second

    @property
    def room_ms(self) -> int:
        """How far ahead of the clock the steps before a request may end, so that it still fits."""
        return (self.burst - 1) * self.step_ms


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a request met: whether it fits, and what is left.

    Attributes:
        remaining: how many more may come at this instant.
        reset_s: seconds until all of the burst is free again, if nothing comes.
        retry_after_s: seconds after which another one fits; 0 where this one did.
    """

    is_within: bool
    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int


def pace(on: date) -> Pace:
    """Give how often a program may call on a day (API-02)."""
    return Pace(*PROGRAM_PACE.on(on))


def allowance(pace: Pace, *, before_ms: int, now_ms: int) -> Allowance:
    """Give what a request meets; one that fits moves the end of the steps on by one (API-02).

    Args:
        pace: how often it may call.
        before_ms: where its steps ended, as milliseconds of the epoch.
        now_ms: the instant of the request.
    """
    begins_ms = max(before_ms, now_ms)
    ahead_ms = begins_ms - now_ms
    is_within = ahead_ms <= pace.room_ms
    after_ms = begins_ms + pace.step_ms if is_within else before_ms
    left_ms = pace.burst * pace.step_ms - (after_ms - now_ms)
    wait_ms = 0 if is_within else ahead_ms - pace.room_ms
    return Allowance(
        is_within=is_within,
        limit=pace.burst,
        remaining=max(0, left_ms // pace.step_ms),
        reset_s=_seconds(after_ms - now_ms),
        retry_after_s=_seconds(wait_ms),
    )


def instant_ms(at: datetime) -> int:
    """Give an instant as whole milliseconds of the epoch."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _seconds(span_ms: int) -> int:
    """Give a span in whole seconds, never less than it is."""
    return -(-span_ms // _SECOND_MS)
