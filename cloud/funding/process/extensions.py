"""Extension requests from their submission to the day on which what they postponed is due again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from cloud.funding import clocks, plan
from cloud.funding import extension_letters as letters
from cloud.funding.extension import (
    Exposure,
    Extended,
    Extension,
    ExtensionExposure,
    ExtensionRequest,
    Known,
    RequestState,
    Review,
    disagreements,
    exposure,
    exposure_id,
    last_day,
    may_add,
    review,
    sum_of,
)
from cloud.funding.models import REINSTATED, Deduction, DeductionState, Payable
from cloud.funding.netting import DeductionKind
from cloud.funding.policy import F14
from cloud.funding.process.belonging import is_own
from cloud.funding.process.booking import write
from cloud.funding.process.opening import BY_CLOCK
from cloud.funding.standing import TAKEN
from cloud.kernel.calendar import DAY, EASTERN, eastern_day, wall_time
from cloud.kernel.change import NEW, Change, Event, Letter, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, NotFound
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Milestone, Partner, Project, Site, milestone_id
from cloud.portfolio.policy import TWO_PEOPLE
from cloud.service.uploads import PREFIX, Upload, UploadState

DECISION_DUE = "extension_decision_due"
"""Wakes when the week to decide is over; its subject is the request."""
ENDED = "extension_ended"
"""Wakes when the last granted day is over, and soon after a grant; its subject is the project."""
SOON = timedelta(minutes=1)
"""After this time what was just written is found by everybody, and is looked at once more."""


@dataclass(frozen=True, slots=True)
class Unfit(Refused):
    """A request that nobody decides on, with all that is wrong with it.

    Attributes:
        problems: codes of what is missing or wrong, fields first.
    """

    problems: tuple[str, ...] = ()


# ---------------------------------------------------------------------- what others ask
def extensions_of(records: Records, project_id: str) -> tuple[Extension, ...]:
    """Give what was granted for a project's M1 as it stands, in order of id (F13, F14).

    What was granted before M1 was revoked does not count for the M1 after it.
    """
    project = require(records.load(Project, project_id), "project", project_id).record
    found = records.find(ExtensionRequest, by="project_id", value=project_id)
    return tuple(one.extension for one in _granted((stored.record for stored in found), project))


def _granted(requests: Iterable[ExtensionRequest], project: Project) -> list[ExtensionRequest]:
    occurrence = project.occurrence(Milestone.M1)
    return [
        one
        for one in requests
        if one.state is RequestState.APPROVED and one.occurrence == occurrence
    ]


def load_request(records: Records, request_id: str) -> Stored[ExtensionRequest]:
    """Give a request with its version.

    Raises:
        NotFound: there is none of that id.
    """
    return require(records.load(ExtensionRequest, request_id), "extension request", request_id)


def own_project(records: Records, *, project_id: str, partner_id: str) -> Stored[Project]:
    """Give a project to the organisation that it belongs to, or to that one's parent.

    Raises:
        NotFound: it does not exist, or is another organisation's: the caller cannot tell which.
    """
    stored = records.load(Project, project_id)
    if stored is None or not is_own(records, partner_id=partner_id, other=stored.record.partner_id):
        msg = f"project {project_id} is not known here: check the id"
        raise NotFound(msg)
    return stored


# ---------------------------------------------------------------------- asking
def submit_extension(
    records: Records,
    *,
    project_id: str,
    partner_id: str,
    fields: Mapping[str, str],
    reason_text: str,
    proof_reference: str,
    at: datetime,
    by: str,
) -> ExtensionRequest | Refused:
    """Put a request on record, for one project that waits for its activation (F11, F15, F17).

    What we know ourselves must agree with what it says. The same request again is the same one,
    however it was decided. Refused as `Unfit`, with every problem, when nobody could decide on it.

    Args:
        records: where everything is kept.
        project_id: the account.
        partner_id: the organisation that asks; its own project, or one of a sub-organisation.
        fields: the six facts of F11, by name.
        reason_text: the reason in words, where it is another one than the listed.
        proof_reference: the upload that shows the delay.
        at: when.
        by: who, for the partner.

    Raises:
        NotFound: the project is not that organisation's.
    """
    stored = own_project(records, project_id=project_id, partner_id=partner_id)
    project = stored.record
    told = tuple(sorted((name, text.strip()) for name, text in fields.items()))
    reason, proof = reason_text.strip(), proof_reference.strip()
    occurrence = project.occurrence(Milestone.M1)
    request_id = derived("EXT", project_id, occurrence, str(told), reason, proof)
    known = records.load(ExtensionRequest, request_id)
    if known is not None:
        return known.record
    m1_at = project.reached_at(Milestone.M1)
    waits = _does_not_wait(project)
    if waits is not None or m1_at is None:
        return waits or _not_reached(project)
    facts = {"reason_text": reason, "proof_reference": proof}
    found = _reviewed(records, project, dict(told), **facts, m1_at=m1_at, at=at)
    if isinstance(found, Refused):
        return found
    amount = at_stake(records, project, m1_at)
    if not amount:
        return _nothing(project)
    request = _request_of(project, request_id, told, found, amount, **facts, at=at, by=by)
    partner = _partner(records, project.partner_id)
    records.commit(_asked(request, partner) + Change(relies_on=(stored.relied_on(),)))
    return request


def _reviewed(
    records: Records,
    project: Project,
    told: Mapping[str, str],
    *,
    reason_text: str,
    proof_reference: str,
    m1_at: datetime,
    at: datetime,
) -> Review | Refused:
    """Give what a request comes to, or everything that is wrong with it (F11, F15, F17)."""
    found = review(
        told,
        has_proof=bool(proof_reference),
        reason_text=reason_text,
        market=project.market or _site(records, project).state,
        submitted_at=at,
        programme=project.programme,
    )
    unfit = _unfit(records, project, found, m1_at=m1_at, told=told, proof_reference=proof_reference)
    return unfit or found


def _request_of(
    project: Project,
    request_id: str,
    told: tuple[tuple[str, str], ...],
    found: Review,
    amount: Money,
    *,
    reason_text: str,
    proof_reference: str,
    at: datetime,
    by: str,
) -> ExtensionRequest:
    """Give a request by its six facts, with what it would postpone (F11)."""
    return ExtensionRequest(
        id=request_id,
        project_id=project.id,
        partner_id=project.partner_id,
        programme=project.programme,
        occurrence=project.occurrence(Milestone.M1),
        fields=told,
        reason=dict(told)["reason"],
        reason_text=reason_text,
        proof_reference=proof_reference,
        submitted_at=at,
        by=by,
        decision_due_date=found.decision_due_date,
        days=found.days,
        amount=amount,
    )


def _asked(request: ExtensionRequest, partner: Partner) -> Change:
    """Give what puts a request on record: the partner is told, and somebody decides by its day."""
    at, by, project_id = request.submitted_at, request.by, request.project_id
    says = f"{by} asks for an extension of project {project_id}: {request.reason}"
    due_at = _after(request.decision_due_date)
    return Change(
        saves=(Save(request, NEW),),
        events=(Event(request.id, "extension_asked", at, by, "F11", (project_id,), says),),
        letters=_mailed(letters.received(request, partner=partner, at=at)),
        timers=(Timer(due_timer(request.id), request.id, DECISION_DUE, due_at),),
    )


def _unfit(
    records: Records,
    project: Project,
    found: Review,
    *,
    m1_at: datetime,
    told: Mapping[str, str],
    proof_reference: str,
) -> Unfit | None:
    """Say all that is wrong with a request: by itself, against what we know, and its proof."""
    problems = [*found.problems, *disagreements(told, _known(records, project, m1_at))]
    if proof_reference and not _is_kept(records, proof_reference, project.id):
        problems.append("proof_not_kept")
    if not problems:
        return None
    because = f"the request for project {project.id} cannot be decided: {', '.join(problems)}"
    return Unfit("F11", because, problems[0], tuple(problems))


def withdraw_extension(
    records: Records, *, request_id: str, partner_id: str, at: datetime, by: str
) -> ExtensionRequest | Refused:
    """Take an undecided request back; taking it back again changes nothing.

    Raises:
        NotFound: the request is not that organisation's.
    """
    stored = own_request(records, request_id=request_id, partner_id=partner_id)
    request = stored.record
    if request.state is RequestState.WITHDRAWN:
        return request
    if request.state is not RequestState.PENDING:
        return _decided(request)
    after = replace(request, state=RequestState.WITHDRAWN, decided_at=at, decided_by=by)
    says = f"{by} takes extension request {request_id} back"
    event = Event(request_id, "extension_withdrawn", at, by, "F11", (request.project_id,), says)
    records.commit(
        Change(
            saves=(stored.replaced_by(after),),
            events=(event,),
            cancelled_timers=(due_timer(request_id),),
        )
    )
    return after


def own_request(records: Records, *, request_id: str, partner_id: str) -> Stored[ExtensionRequest]:
    """Give a request to the organisation that it belongs to, or to that one's parent.

    Raises:
        NotFound: it does not exist, or is another organisation's.
    """
    stored = records.load(ExtensionRequest, request_id)
    if stored is None or not is_own(records, partner_id=partner_id, other=stored.record.partner_id):
        msg = f"extension request {request_id} is not known here: check the id"
        raise NotFound(msg)
    return stored


# ---------------------------------------------------------------------- deciding
def grant_extension(
    records: Records, *, request_id: str, at: datetime, by: str, days: int | None = None
) -> ExtensionRequest | Refused:
    """Grant a request, if what the partner has postponed then stays within the cap (F13, F14, F16).

    A clawback that is there already is paused in the same change. What is postponed is read,
    weighed and written in one transaction: of two grants at once, one has to be made again. A
    project is weighed once, however many of its requests were granted.

    Args:
        records: where everything is kept.
        request_id: the request.
        at: when.
        by: who; never who submitted it (D09).
        days: for other reasons only (D21).

    Raises:
        Conflict: something was changed at the same moment: ask again.
    """
    stored = load_request(records, request_id)
    request = stored.record
    if request.state is RequestState.APPROVED and request.decided_by == by:
        return request if days in {None, request.days} else _decided(request)
    if refused := _may_not_decide(request, by) or _wrong_days(request, days):
        return refused
    found = require(records.load(Project, request.project_id), "project", request.project_id)
    project, today = found.record, eastern_day(at)
    if isinstance(reached := _m1_of(project, request), Refused):
        return reached
    m1_at, m1_on = reached
    held = records.load(ExtensionExposure, exposure_id(project.programme, project.partner_id))
    before = held.record if held else _no_exposure(project)
    added = request.days if request.days is not None else days or 0
    until = _until(records, project, before, m1_on) + timedelta(added)
    if until < today:
        return _over_already(project, added, until)
    if not (amount := at_stake(records, project, m1_at)):
        return _nothing(project)
    others = tuple(one for one in before.running(today) if one.project_id != project.id)
    weighed = _weighed(records, project, sum_of(others), amount, today)
    if isinstance(weighed, Refused):
        return weighed
    after = replace(
        request,
        state=RequestState.APPROVED,
        days=added,
        amount=amount,
        until=until,
        decided_at=at,
        decided_by=by,
    )
    extended = replace(before, extended=(*others, Extended(request.id, project.id, amount, until)))
    counted = Change(
        saves=(stored.replaced_by(after), Save(extended, held.version if held else NEW)),
        events=(_granted_event(after, until, weighed, at=at, by=by),),
        relies_on=(found.relied_on(),),
    )
    counted += _told_granted(records, after, until, at)
    records.commit(counted + _paused(records, project, m1_at, is_paused=True, at=at, by=by))
    return after


def _over_already(project: Project, added: int, until: date) -> Refused:
    because = f"with {added} days more the clock of project {project.id} had ended on {until}"
    return Refused("F14", because, "days_already_over")


def _m1_of(project: Project, request: ExtensionRequest) -> tuple[datetime, date] | Refused:
    """Give when M1 was reached that a request is about, where it still waits for M2 (F09)."""
    m1_at = project.reached_at(Milestone.M1)
    waits = _does_not_wait(project)
    m1_on = clocks.m1_on(project)
    if waits is not None or m1_at is None or m1_on is None:
        return waits or _not_reached(project)
    if project.occurrence(Milestone.M1) != request.occurrence:
        because = f"M1 of project {project.id} was revoked since; a new request is needed"
        return Refused("F09", because, "conflict")
    return m1_at, m1_on


def _weighed(
    records: Records, project: Project, extended_now: Money, requested: Money, today: date
) -> Exposure | Refused:
    """Give what the partner has postponed with a grant, where that stays within the cap (F16)."""
    weighed = exposure(
        extended_now=extended_now,
        requested=requested,
        backlog=backlog(records, project.partner_id, project.programme),
        decided_on=today,
        programme=project.programme,
    )
    if weighed.is_within_cap:
        return weighed
    because = (
        f"with project {project.id} partner {project.partner_id} would have {weighed.after} "
        f"postponed; the cap is {weighed.cap} now"
    )
    return Refused("F16", because, "exposure_cap")


def _granted_event(
    request: ExtensionRequest, until: date, weighed: Exposure, *, at: datetime, by: str
) -> Event:
    says = (
        f"{by} grants {request.days} days to project {request.project_id}, until {until}: "
        f"{request.amount} postponed, {weighed.after} of {weighed.cap} in all"
    )
    return Event(request.id, "extension_granted", at, by, "F16", (request.project_id,), says)


def _told_granted(records: Records, request: ExtensionRequest, until: date, at: datetime) -> Change:
    """Give the letter about a grant, and the timers that look at the project after it."""
    partner, about = _partner(records, request.partner_id), request.project_id
    soon = at.astimezone(UTC) + SOON
    return Change(
        letters=_mailed(letters.granted(request, partner=partner, at=at)),
        timers=(
            Timer(ended_timer(about), about, ENDED, _after(until)),
            Timer(f"extension-check-{request.id}", about, ENDED, soon),
        ),
        cancelled_timers=(due_timer(request.id),),
    )


def deny_extension(
    records: Records, *, request_id: str, because: str, at: datetime, by: str
) -> ExtensionRequest | Refused:
    """Deny a request, and tell the partner why; denying it again changes nothing (F12)."""
    stored = load_request(records, request_id)
    request = stored.record
    if request.state is RequestState.DENIED and request.decided_by == by:
        return request
    if not because.strip():
        return Refused("F12", "the partner must be told why", "reason_missing")
    refused = _may_not_decide(request, by)
    if refused is not None:
        return refused
    after = replace(
        request,
        state=RequestState.DENIED,
        decided_at=at,
        decided_by=by,
        because=because.strip(),
    )
    says = f"{by} denies extension request {request_id}: {after.because}"
    event = Event(request_id, "extension_denied", at, by, "F12", (request.project_id,), says)
    partner = _partner(records, request.partner_id)
    records.commit(
        Change(
            saves=(stored.replaced_by(after),),
            events=(event,),
            letters=_mailed(letters.denied(after, partner=partner, at=at)),
            cancelled_timers=(due_timer(request_id),),
        )
    )
    return after


def _may_not_decide(request: ExtensionRequest, by: str) -> Refused | None:
    if request.state is not RequestState.PENDING:
        return _decided(request)
    if by == request.by:
        because = f"{by} submitted this, so somebody else decides"
        return Refused(TWO_PEOPLE.id, because, "maker_is_checker")
    return None


def _wrong_days(request: ExtensionRequest, days: int | None) -> Refused | None:
    """Say why the days are not the approver's to set, or not that many (F14, D21)."""
    if request.days is not None:
        if days in {None, request.days}:
            return None
        because = f"{request.reason} adds {request.days} days; only other reasons take another"
        return Refused("F14", because, "days_are_fixed")
    if days is None or not may_add(days, eastern_day(request.submitted_at), request.programme):
        because = f"say how many days {request.id} adds: {days} is not within what may be set"
        return Refused("D21", because, "days_out_of_range")
    return None


# ---------------------------------------------------------------------- the clock
def wake_extension(records: Records, *, timer: Timer, at: datetime, operations: str = "") -> object:
    """Look again at what a timer was set for (F12, F13).

    Args:
        records: where everything is kept.
        timer: one of `EXTENSION_WAKES`.
        at: now.
        operations: where a late decision is written to; without one it stands in the log only.

    Raises:
        BadInput: the timer is somebody else's.
    """
    if timer.wakes == DECISION_DUE:
        return _decision_due(records, timer, at, operations)
    if timer.wakes == ENDED:
        return release_ended(records, project_id=timer.subject, at=at)
    msg = f"timer {timer.id} wakes {timer.wakes!r}, which is none of the extensions'"
    raise BadInput(msg)


EXTENSION_WAKES = frozenset({DECISION_DUE, ENDED})
"""The names of the timers that extensions answer to."""


def _decision_due(records: Records, timer: Timer, at: datetime, operations: str) -> object:
    """Tell operations once of a request that nobody decided in a week; nothing is decided (F12)."""
    stored = load_request(records, timer.subject)
    request = stored.record
    if request.state is not RequestState.PENDING or request.alarmed_at is not None:
        return request
    if eastern_day(at) <= request.decision_due_date:
        records.commit(Change(timers=(replace(timer, due_at=_after(request.decision_due_date)),)))
        return request
    after = replace(request, alarmed_at=at)
    says = f"extension request {request.id} was to be decided by {request.decision_due_date}"
    event = Event(request.id, "extension_overdue", at, BY_CLOCK, "F12", (request.project_id,), says)
    told = (letters.overdue(request, to=operations, at=at),) if operations else ()
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), letters=told))
    return after


def release_ended(records: Records, *, project_id: str, at: datetime) -> bool:
    """Pause a project's clawback while its granted days run, and resume it when they are over.

    Derived from what is on record, so that calling it at any time is right, and twice changes
    nothing; told is whether something changed. When the days are over, what they postponed counts
    no more against the cap (F13, F16).
    """
    what = f"extensions of project {project_id}"
    return write(records, what, lambda: _as_due(records, project_id, at))


def _as_due(records: Records, project_id: str, at: datetime) -> tuple[bool, Change]:
    stored = require(records.load(Project, project_id), "project", project_id)
    project = stored.record
    m1_at, m1_on = project.reached_at(Milestone.M1), clocks.m1_on(project)
    if m1_at is None or m1_on is None or _does_not_wait(project) is not None:
        return _released(records, project, at)
    held = [one for one in extensions_of(records, project_id) if one.holds_at(at)]
    until = last_day(m1_on, sum(one.days for one in held), project.programme)
    runs = bool(held) and eastern_day(at) <= until
    change = _paused(records, project, m1_at, is_paused=runs, at=at, by=BY_CLOCK)
    if change:
        change += Change(relies_on=(stored.relied_on(),))
    if not runs:
        change += _released(records, project, at)[1]
    return bool(change), change


def release_exposure(records: Records, *, project_id: str, at: datetime) -> bool:
    """Count a project no more against its partner's cap: it is activated, cancelled or revoked.

    Tells whether it counted before. Its undecided requests stand until somebody decides them: they
    can be denied or taken back only.
    """

    def decide() -> tuple[bool, Change]:
        project = require(records.load(Project, project_id), "project", project_id).record
        return _released(records, project, at)

    return write(records, f"exposure of project {project_id}", decide)


def _released(records: Records, project: Project, at: datetime) -> tuple[bool, Change]:
    """Tell whether a project counts against the cap, and give what ends that."""
    name = exposure_id(project.programme, project.partner_id)
    held = records.load(ExtensionExposure, name)
    if held is None or project.id not in {one.project_id for one in held.record.extended}:
        return False, Change()
    after = replace(held.record, extended=held.record.without(project.id))
    says = f"project {project.id} no longer counts as extended"
    event = Event(name, "extension_released", at, BY_CLOCK, "F16", (project.id,), says)
    change = Change(
        saves=(held.replaced_by(after),),
        events=(event,),
        cancelled_timers=(ended_timer(project.id),),
    )
    return True, change


def _paused(
    records: Records,
    project: Project,
    m1_at: datetime,
    *,
    is_paused: bool,
    at: datetime,
    by: str,
) -> Change:
    """Give the change that pauses or resumes what is open of a project's clawback (F13)."""
    change = Change()
    for debt in _clawbacks(records, project, m1_at):
        if debt.record.state is DeductionState.OPEN and debt.record.paused != is_paused:
            what = "deduction_paused" if is_paused else "deduction_resumed"
            says = f"{debt.record.open} of {debt.record.id}: {what.replace('_', ' ')}"
            event = Event(debt.record.id, what, at, by, "F13", (project.id,), says)
            save = debt.replaced_by(replace(debt.record, paused=is_paused))
            change += Change(saves=(save,), events=(event,))
    return change


# ---------------------------------------------------------------------- what is known
def at_stake(records: Records, project: Project, m1_at: datetime) -> Money:
    """Give the M1 money of a project that a clawback could still take.

    What an activation gave back, which was revoked since, can be taken again.
    """
    pays = plan.split(project.value, project.plan).get(Milestone.M1, ZERO)
    taken = total(one.record.recovered for one in _clawbacks(records, project, m1_at))
    returned = total(
        one.record.amount
        for one in records.find(Payable, by="project_id", value=project.id)
        if one.record.milestone == REINSTATED and one.record.accrued_at >= m1_at
    )
    return max(ZERO, min(pays, pays - taken + returned))


def backlog(records: Records, partner_id: str, programme: str) -> Money:
    """Give the M1 money that runs took for a partner's projects that wait for activation (F16)."""
    waiting = {
        one.record.id: one.record.occurrence(Milestone.M1)
        for one in records.find(Project, by="partner_id", value=partner_id)
        if one.record.programme == programme
        and one.record.reached_at(Milestone.M1) is not None
        and _does_not_wait(one.record) is None
    }
    paid = (one.record for one in records.find(Payable, by="partner_id", value=partner_id))
    return total(
        one.amount
        for one in paid
        if one.milestone == Milestone.M1
        and one.state in TAKEN
        and one.project_id in waiting
        and milestone_id(one.project_id, Milestone.M1, waiting[one.project_id]) in one.causes
    )


def _clawbacks(records: Records, project: Project, m1_at: datetime) -> list[Stored[Deduction]]:
    """Give the clawbacks of a project's M1 as it stands, each as it was last written."""
    found = records.find(Deduction, by="project_id", value=project.id)
    wanted = [
        one.record.id
        for one in found
        if one.record.kind is DeductionKind.CLAWBACK_M1 and one.record.raised_at >= m1_at
    ]
    return list(records.load_all(Deduction, wanted).values())


def _until(records: Records, project: Project, before: ExtensionExposure, m1_on: date) -> date:
    """Give the last day of the clock as it stands.

    What is counted against the cap says so at once; requests are found by an index, which may lag.
    """
    days = sum(one.days for one in extensions_of(records, project.id))
    counted = [one.until for one in before.extended if one.project_id == project.id]
    return max([last_day(m1_on, days, project.programme), *counted])


def _no_exposure(project: Project) -> ExtensionExposure:
    return ExtensionExposure(exposure_id(project.programme, project.partner_id))


def _known(records: Records, project: Project, m1_at: datetime) -> Known:
    submitted = project.reached_at(Milestone.INSTALL_SUBMITTED) or m1_at
    return Known(project.id, _site(records, project).customer_name, eastern_day(submitted))


def _is_kept(records: Records, reference: str, project_id: str) -> bool:
    """Tell whether a reference names a file that was uploaded for the project and kept (F17)."""
    upload = records.load(Upload, reference.removeprefix(PREFIX))
    return (
        upload is not None
        and upload.record.work_order_id == project_id
        and upload.record.state is UploadState.KEPT
    )


def _site(records: Records, project: Project) -> Site:
    return require(records.load(Site, project.site_id), "site", project.site_id).record


def _partner(records: Records, partner_id: str) -> Partner:
    return require(records.load(Partner, partner_id), "partner", partner_id).record


def _does_not_wait(project: Project) -> Refused | None:
    """Say why a project does not wait for its activation, None when it does."""
    if project.cancelled:
        return Refused("F13", f"project {project.id} is cancelled", "project_cancelled")
    if project.reached_at(Milestone.M2) is not None:
        return Refused("F13", f"project {project.id} is activated", "project_activated")
    return None


def _not_reached(project: Project) -> Refused:
    return Refused("F07", f"project {project.id} has not reached M1: no clock runs", "m1_missing")


def _nothing(project: Project) -> Refused:
    because = f"there is no M1 money of project {project.id} left that could be taken back"
    return Refused("F13", because, "nothing_to_postpone")


def _decided(request: ExtensionRequest) -> Refused:
    because = f"extension request {request.id} stands as {request.state} already"
    return Refused("F13", because, "conflict")


def _mailed(letter: Letter) -> tuple[Letter, ...]:
    return (letter,) if letter.to else ()


def _after(day: date) -> datetime:
    """Give the first instant after a day, Eastern time."""
    return wall_time(day + DAY, time(0), EASTERN).astimezone(UTC)


def due_timer(request_id: str) -> str:
    """Name the timer of the week in which a request is decided."""
    return f"extension-due-{request_id}"


def ended_timer(project_id: str) -> str:
    """Name the timer of a project's last granted day."""
    return f"extension-ended-{project_id}"


@dataclass(frozen=True, slots=True)
class ExposureStanding:
    """What a partner has postponed, and what it may have at most today (F16)."""

    partner_id: str
    programme: str
    extended: tuple[Extended, ...]
    sum: Money
    backlog: Money
    cap: Money


def exposure_of(
    records: Records, *, partner_id: str, programme: str, at: datetime
) -> ExposureStanding:
    """Give how a partner stands against the cap, as the next grant will be weighed (F16)."""
    held = records.load(ExtensionExposure, exposure_id(programme, partner_id))
    running = held.record.running(eastern_day(at)) if held else ()
    waiting = backlog(records, partner_id, programme)
    weighed = exposure(
        extended_now=sum_of(running),
        requested=ZERO,
        backlog=waiting,
        decided_on=eastern_day(at),
        programme=programme,
    )
    return ExposureStanding(partner_id, programme, running, weighed.after, waiting, weighed.cap)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would become of a request as it is written so far; nothing of it is on record.

    Attributes:
        refused: why no request is taken for the project at all.
        problems: what `submit_extension` would name, in its order.
        install_submitted_on, account_name: as we know them; a request must agree with both.
        days: what it would add; None while the approver is to set it, or none is chosen.
        until: the last day before money moves, as it is and with those days.
        amount: the M1 money that would be postponed.
        weighed: what the partner would have postponed in all, and may.
    """

    project_id: str
    refused: Refused | None
    problems: tuple[str, ...] = ()
    account_name: str = ""
    install_submitted_on: date | None = None
    decision_due_date: date | None = None
    days: int | None = None
    until: tuple[date, date] | None = None
    amount: Money = ZERO
    weighed: Exposure | None = None


def outlook(
    records: Records,
    *,
    project_id: str,
    partner_id: str,
    fields: Mapping[str, str],
    reason_text: str,
    proof_reference: str,
    at: datetime,
) -> Outlook:
    """Look a request over before it is sent, by the rules of sending and of granting (F11 to F17).

    What it says of the cap is as of now; it is weighed again when somebody decides.

    Raises:
        NotFound: the project is not that organisation's.
    """
    project = own_project(records, project_id=project_id, partner_id=partner_id).record
    m1_at, m1_on = project.reached_at(Milestone.M1), clocks.m1_on(project)
    waits = _does_not_wait(project)
    if waits is not None or m1_at is None or m1_on is None:
        return Outlook(project_id, waits or _not_reached(project))
    amount = at_stake(records, project, m1_at)
    if not amount:
        return Outlook(project_id, _nothing(project))
    told = {name: text.strip() for name, text in fields.items()}
    known, home = _known(records, project, m1_at), _site(records, project)
    found = review(
        told,
        has_proof=bool(proof_reference),
        reason_text=reason_text,
        market=project.market or home.state,
        submitted_at=at,
        programme=project.programme,
    )
    today = eastern_day(at)
    reasons = F14.on(today, project.programme)
    days = reasons.get(told.get("reason", ""))
    held = records.load(ExtensionExposure, exposure_id(project.programme, project.partner_id))
    before = held.record if held else _no_exposure(project)
    until = _until(records, project, before, m1_on)
    others = tuple(one for one in before.running(today) if one.project_id != project_id)
    return Outlook(
        project_id=project_id,
        refused=None,
        problems=(*found.problems, *disagreements(told, known)),
        account_name=home.customer_name,
        install_submitted_on=known.installed_on,
        decision_due_date=found.decision_due_date,
        days=days,
        until=(until, until + timedelta(days or 0)),
        amount=amount,
        weighed=exposure(
            extended_now=sum_of(others),
            requested=amount,
            backlog=backlog(records, project.partner_id, project.programme),
            decided_on=today,
            programme=project.programme,
        ),
    )


def proof_of(records: Records, request: ExtensionRequest) -> Upload:
    """Give the upload that shows the delay of a request (F17).

    Raises:
        NotFound: it is not there.
    """
    upload_id = request.proof_reference.removeprefix(PREFIX)
    return require(records.load(Upload, upload_id), "upload", upload_id).record
