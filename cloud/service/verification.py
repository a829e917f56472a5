"""Whether work helped: what detection's evaluations since then say, derived from its facts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

from cloud.detection.codes import COMMS_LOSS, COMMUNICATIONS, case_family
from cloud.detection.issues import awaits_neighbours
from cloud.detection.models import IssueClock, SiteFacts, SiteTrack, Told
from cloud.detection.policy import EVALUATIONS
from cloud.kernel.calendar import DAY
from cloud.service.models import EvaluationCheck, Finding, Sight
from cloud.service.policy import EVALUATION_TAKES, SILENT_DAYS, STILL_THERE, VERIFIES
from cloud.service.sla import calendar_at
from cloud.telemetry.days import start_of


class Proof(StrEnum):
    """What the evaluations since the work say together."""

    WAITING = "waiting"
    MENDED = "mended"
    NOT_MENDED = "not_mended"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Known:
    """What detection has on record of a site.

    Attributes:
        track: None where it was never judged.
        facts: None where it was never measured.
        judged_at: the latest evaluation of its region that was judged; None where none was.
    """

    track: SiteTrack | None
    facts: SiteFacts | None
    judged_at: datetime | None


def evaluations(after: datetime, until: datetime, utc_offset_hours: int) -> Iterator[datetime]:
    """Give detection's evaluations in (after, until] on a site's standard clock, in order."""
    clock = timezone(timedelta(hours=utc_offset_hours))
    day = after.astimezone(clock).date()
    while day <= until.astimezone(clock).date():
        for hour in EVALUATIONS.on(day):
            instant = datetime.combine(day, hour, clock)
            if after < instant <= until:
                yield instant
        day += DAY


def looked_at(after: datetime, utc_offset_hours: int) -> datetime:
    """Give when the next evaluation after an instant should be over (C-17d)."""
    following = next(evaluations(after, after + 2 * DAY, utc_offset_hours))
    return following + timedelta(minutes=EVALUATION_TAKES.on(following.date()))


def sight_at(
    evaluation: datetime, *, family: str, known: Known, recovered_at: datetime | None
) -> Sight:
    """Give what an evaluation showed of an issue, also when it is asked for later (C-17).

    A home that nobody heard of shows nothing, but for a case of that very silence. What detection
    told and has not taken back stands, and so does an issue whose clock runs, told or not.
    """
    track, facts = known.track, known.facts
    if track is None or facts is None or known.judged_at is None or evaluation > known.judged_at:
        return Sight.NO_DATA
    if family != COMMUNICATIONS and _is_silent(facts.clocks, evaluation, known.judged_at):
        return Sight.NO_DATA
    if recovered_at is not None and evaluation < recovered_at:
        return Sight.STANDING
    if any(one.family == family and _began(one) <= evaluation for one in track.told):
        return Sight.STANDING
    proven = (one for one in facts.clocks if not awaits_neighbours(one.family))
    running = (*track.clocks, *proven)
    if any(case_family(one.family) == family and one.since <= evaluation for one in running):
        return Sight.STANDING
    return Sight.CLEAR


def proof(checks: Sequence[EvaluationCheck], *, worked_at: datetime, time_zone: str) -> Proof:
    """Give what the evaluations say together (C-17, C-17a, C-17b).

    One that heard nothing neither counts nor breaks a row of clear ones. The last clear one must
    lie a day or more after the work: the sun has to have shone on it.
    """
    if not checks:
        return Proof.WAITING
    day, latest = worked_at.date(), checks[-1].at
    needed, hours = VERIFIES.on(day)
    usable = [one for one in checks if one.sight is not Sight.NO_DATA]
    clear = _row(usable, Sight.CLEAR)
    if len(clear) >= needed and clear[-1].at - worked_at >= timedelta(hours=hours):
        return Proof.MENDED
    if len(_row(usable, Sight.STANDING)) >= STILL_THERE.on(day):
        return Proof.NOT_MENDED
    heard_at = usable[-1].at if usable else worked_at
    calendar = calendar_at(time_zone, on=day)
    heard_on = heard_at.astimezone(calendar.zone).date()
    if latest >= calendar.close_of_business(after=heard_on, days=SILENT_DAYS.on(day)):
        return Proof.SILENT
    return Proof.WAITING


def first_proof(
    checks: Sequence[EvaluationCheck],
    *,
    worked_at: datetime,
    time_zone: str,
    told_at: datetime | None = None,
) -> tuple[Proof, datetime]:
    """Give what was proven first, and the evaluation that proved it, however late it is asked.

    While nothing is proven, that instant is the one of the work. Only evaluations that begin after
    the work count, and a clear one only after the issue was last told of (`told_at`).
    """
    clear_from = max(worked_at, told_at or worked_at)
    checks = [
        one for one in checks if one.at > (clear_from if one.sight is Sight.CLEAR else worked_at)
    ]
    for end in range(1, len(checks) + 1):
        says = proof(checks[:end], worked_at=worked_at, time_zone=time_zone)
        if says is not Proof.WAITING:
            return says, checks[end - 1].at
    return Proof.WAITING, worked_at


def is_new_since(finding: Finding, worked_at: datetime, utc_offset_hours: int) -> bool:
    """Tell whether a finding is of the time after the work, and not the old issue told late.

    What began on the day of the work may have begun before it: the evaluations will tell.
    """
    return start_of(finding.opened_on, utc_offset_hours) > worked_at


def _row(checks: Sequence[EvaluationCheck], sight: Sight) -> Sequence[EvaluationCheck]:
    """Give the latest checks that all showed the same."""
    start = len(checks)
    while start and checks[start - 1].sight is sight:
        start -= 1
    return checks[start:]


def _is_silent(clocks: Sequence[IssueClock], evaluation: datetime, latest: datetime) -> bool:
    """Tell whether the whole home was silent at an evaluation.

    A clock of that issue runs on for one evaluation after the home was heard again.
    """
    for clock in clocks:
        if clock.family == COMMS_LOSS and clock.since < evaluation:
            return clock.good_evaluations == 0 or evaluation < latest
    return False


def _began(told: Told) -> datetime:
    """Give the instant from which something told stands; a day begins before its evaluations."""
    began = datetime.fromisoformat(told.since)
    return began if began.tzinfo else began.replace(tzinfo=UTC)
