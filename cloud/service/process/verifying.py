"""Proving that a case is mended, by the readings or by the customer's word, and closing it."""

from dataclasses import replace
from datetime import datetime, timedelta

from cloud.detection.models import RegionSweep, SiteFacts, SiteTrack
from cloud.kernel.change import Change, Event, Timer
from cloud.kernel.errors import BadInput
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Site
from cloud.service import customer_letters
from cloud.service.cases import closes_at, is_seen_by_readings, local_day, slot_id
from cloud.service.models import (
    Case,
    CaseOwner,
    CaseSlot,
    CaseState,
    CaseTask,
    EvaluationCheck,
    WorkOrder,
)
from cloud.service.policy import CUSTOMER_ANSWERS
from cloud.service.process.saving import orders_of
from cloud.service.sla import calendar_at
from cloud.service.verification import Known, Proof, evaluations, first_proof, looked_at, sight_at

BY_READINGS = "verification"
BY_DETECTION = "detection"
VERIFY, ASK, CLOSE = "verify_case", "ask_customer", "close_case"
"""What the timers wake: a look at the readings, the customer who was asked, a quiet case."""
CASE_WAKES = frozenset({VERIFY, ASK, CLOSE})
_AGAIN = timedelta(minutes=15)
"""How soon an evaluation that is not over yet is looked at again."""
_LATEST = timedelta(hours=4)
"""An evaluation that is not over after so long counts as one that heard nothing."""
_MOST_CHECKS = 90


def record_recovery(records: Records, *, site_id: str, family: str, at: datetime) -> Case | None:
    """Note that detection takes back what it told (C-17).

    A case that nobody went for is resolved by it, also one that the support center has. While a
    partner is on its way, or the work is being verified, it is noted and no more: what proves the
    work are the evaluations after it. One of before the latest finding or report says nothing of
    that, however late it comes. Without a case there is nothing to do.
    """
    slot = records.load(CaseSlot, slot_id(site_id, family))
    if slot is None:
        return None
    stored = require(records.load(Case, slot.record.case_id), "case", slot.record.case_id)
    case = stored.record
    if not case.is_open or case.recovered_at is not None:
        return case
    if case.told_at is not None and at < case.told_at:
        return case
    case = replace(case, recovered_at=at)
    says = f"the readings of site {site_id} are well again"
    seen = Event(case.id, "recovered", at, BY_DETECTION, case.rule, case.causes, says)
    change = Change(events=(seen,))
    if case.state in {CaseState.OPEN, CaseState.WITH_OMNIDIAN}:
        site = require(records.load(Site, site_id), "site", site_id).record
        why = "the readings are well again"
        case, ending = resolved(case, site=site, because=why, at=at, by=BY_DETECTION)
        change += ending
    records.commit(Change(saves=(stored.replaced_by(case),)) + change)
    return case


def worked(
    records: Records, case: Case, *, worked_at: datetime, at: datetime
) -> tuple[Case, Change]:
    """Give the case as waiting for the proof of the work, and who is told (C-17, C-17c).

    The customer learns that the readings are watched, or is asked where they cannot show it.

    Args:
        records: the home.
        case: as it stands; the caller saves what is given back.
        worked_at: when the partner left, or it was mended from afar: what came before proves
            nothing.
        at: when that became known.
    """
    site = require(records.load(Site, case.site_id), "site", case.site_id).record
    case = replace(
        case, state=CaseState.VERIFYING, visited_at=worked_at, checks=(), task=None, confirmed_by=""
    )
    if is_seen_by_readings(case.family, on=local_day(at, site.time_zone)):
        letter = customer_letters.work_watched(case, site=site, at=at)
        timer = Timer(_timer_id(case), case.id, VERIFY, looked_at(worked_at, site.utc_offset_hours))
    else:
        letter = customer_letters.please_confirm(case, site=site, at=at)
        timer = Timer(_timer_id(case), case.id, ASK, _answered_by(at, site))
    return case, Change(letters=(letter,), timers=(timer,))


def verifying(records: Records, order: WorkOrder, *, visited_at: datetime, at: datetime) -> Change:
    """Give what becomes of the case when the work of an order is reported complete (C-17).

    A case that was called off meanwhile stays so: the order of one is called off with it.
    """
    stored: Stored[Case] = require(records.load(Case, order.case_id), "case", order.case_id)
    if stored.record.state is not CaseState.WORK_ORDERED:
        return Change()
    case, change = worked(records, stored.record, worked_at=visited_at, at=at)
    return Change(saves=(stored.replaced_by(case),)) + change


def resolved(case: Case, *, site: Site, because: str, at: datetime, by: str) -> tuple[Case, Change]:
    """Give the case as resolved, with who is told and the timer that closes it (C-18)."""
    case = replace(case, state=CaseState.RESOLVED, resolved_at=at, task=None)
    says = f"case {case.id} is resolved: {because}"
    event = Event(case.id, "case_resolved", at, by, case.rule, case.causes, says)
    letter = customer_letters.case_resolved(case, site=site, at=at)
    closing = Timer(_timer_id(case), case.id, CLOSE, closes_at(at))
    return case, Change(events=(event,), letters=(letter,), timers=(closing,))


def wake_case(records: Records, *, timer: Timer, at: datetime) -> Case:
    """Look at a case whose timer came due (C-17, C-17e, C-18).

    The verdict is derived from what detection has on record and from dates, never from when this
    runs: where the case stands elsewhere by now, nothing happens.

    Raises:
        BadInput: the timer is another's.
    """
    looks = {VERIFY: _verify, ASK: _ask, CLOSE: _close}
    if timer.wakes not in looks:
        msg = f"timer {timer.id} wakes {timer.wakes!r}, which is nothing of a case"
        raise BadInput(msg)
    stored = require(records.load(Case, timer.subject), "case", timer.subject)
    site = require(records.load(Site, stored.record.site_id), "site", stored.record.site_id).record
    return looks[timer.wakes](records, stored, site, at)


def _verify(records: Records, stored: Stored[Case], site: Site, at: datetime) -> Case:
    before = stored.record
    if before.state is not CaseState.VERIFYING or before.visited_at is None:
        return before
    known = _known(records, site)
    through = _through(known, at, site.utc_offset_hours)
    case = _checked(before, known, site=site, through=through)
    says, seen_at = first_proof(
        case.checks,
        worked_at=before.visited_at,
        time_zone=site.time_zone,
        told_at=before.told_at,
    )
    change = Change()
    match says:
        case Proof.MENDED:
            case = replace(case, verified_at=seen_at)
            why = "the evaluations after the work show nothing of it"
            known_at = max([seen_at, *_reported(records, case)])
            case, change = resolved(case, site=site, because=why, at=known_at, by=BY_READINGS)
        case Proof.NOT_MENDED:
            why = "the evaluations after the work go on showing it"
            case, change = _missed(case, because=why, at=at, by=BY_READINGS)
        case Proof.SILENT:
            case, change = _unproven(case, at=at)
        case Proof.WAITING:
            change = Change(timers=(_next_look(case, site, through=through, at=at),))
    saves = (stored.replaced_by(case),) if case != before else ()
    records.commit(Change(saves=saves) + change)
    return case


def _reported(records: Records, case: Case) -> list[datetime]:
    """Give when the work was reported: before that nobody knew of any that could be proven."""
    reported = (one.record.reported_at for one in orders_of(records, case.id))
    return [one for one in reported if one is not None]


def _known(records: Records, site: Site) -> Known:
    track = records.load(SiteTrack, site.id)
    facts = records.load(SiteFacts, site.id)
    sweep = records.load(RegionSweep, site.region)
    return Known(
        track=track.record if track else None,
        facts=facts.record if facts else None,
        judged_at=(sweep.record.judged_at or sweep.record.since) if sweep else None,
    )


def _through(known: Known, at: datetime, utc_offset_hours: int) -> datetime | None:
    """Give the latest evaluation that is over, be it that it heard nothing; None where none is."""
    past = list(evaluations(at - timedelta(days=2), at - _LATEST, utc_offset_hours))
    over = [one for one in (known.judged_at, *past[-1:]) if one is not None]
    return max(over, default=None)


def _checked(case: Case, known: Known, *, site: Site, through: datetime | None) -> Case:
    """Give the case with a check for each evaluation since the last one that was looked at."""
    since = case.checks[-1].at if case.checks else case.visited_at
    if since is None or through is None:
        return case
    seen = [
        EvaluationCheck(
            one, sight_at(one, family=case.family, known=known, recovered_at=case.recovered_at)
        )
        for one in evaluations(since, through, site.utc_offset_hours)
    ]
    return replace(case, checks=(*case.checks, *seen)[-_MOST_CHECKS:])


def _next_look(case: Case, site: Site, *, through: datetime | None, at: datetime) -> Timer:
    """Give the timer of the next look: soon while an evaluation is under way, else after one."""
    seen = max(one for one in (case.visited_at, through) if one is not None)
    due_at = max(looked_at(seen, site.utc_offset_hours), at + _AGAIN)
    return Timer(_timer_id(case), case.id, VERIFY, due_at)


def _missed(case: Case, *, because: str, at: datetime, by: str) -> tuple[Case, Change]:
    """Give the case back to a person: the work did not mend it, a first fix that missed (C-17a)."""
    case = _back_to_work(case, CaseTask.RETURN_VISIT)
    case = replace(case, returns=case.returns + 1)
    event = Event(case.id, "work_did_not_hold", at, by, "C-17a", case.causes, because)
    return case, Change(events=(event,))


def _unproven(case: Case, *, at: datetime) -> tuple[Case, Change]:
    """Give the case to a person who finds out why the home says nothing (C-17b)."""
    says = f"nothing usable was heard of site {case.site_id} since the work: find out why"
    event = Event(case.id, "no_data", at, BY_READINGS, "C-17b", case.causes, says)
    return _back_to_work(case, CaseTask.NO_DATA), Change(events=(event,))


def _back_to_work(case: Case, task: CaseTask) -> Case:
    is_ours = case.owner is CaseOwner.AMS
    return replace(
        case,
        state=CaseState.OPEN if is_ours else CaseState.WITH_OMNIDIAN,
        visited_at=None,
        checks=(),
        task=task if is_ours else None,
    )


def disagreed(case: Case, *, says: str, at: datetime, by: str) -> tuple[Case, Change]:
    """Give the case as not mended by the customer's word: a first fix that missed (C-17c)."""
    because = f"the customer says that it is not mended: {says}"
    return _missed(case, because=because, at=at, by=by)


def _ask(records: Records, stored: Stored[Case], site: Site, at: datetime) -> Case:
    """Have the customer called who was asked and did not answer (C-17e)."""
    del site
    case = stored.record
    if case.state is not CaseState.VERIFYING or case.task is CaseTask.CALL_CUSTOMER:
        return case
    case = replace(case, task=CaseTask.CALL_CUSTOMER)
    says = "the customer did not say whether it is mended: call"
    event = Event(case.id, "no_answer", at, BY_READINGS, "C-17e", case.causes, says)
    records.commit(Change(saves=(stored.replaced_by(case),), events=(event,)))
    return case


def _close(records: Records, stored: Stored[Case], site: Site, at: datetime) -> Case:
    """Close a case that stayed quiet: nobody may see the customer in it any more (C-18)."""
    case = stored.record
    if case.state is not CaseState.RESOLVED or case.resolved_at is None:
        return case
    closing_at = closes_at(case.resolved_at)
    if at < closing_at:
        return case
    case = replace(case, state=CaseState.CLOSED, closed_at=closing_at)
    says = f"case {case.id} stayed quiet and is closed"
    event = Event(case.id, "case_closed", at, BY_READINGS, "C-18", case.causes, says)
    letter = customer_letters.case_closed(case, site=site, at=at)
    hidden = tuple(
        one.replaced_by(replace(one.record, customer_hidden_at=closing_at))
        for one in orders_of(records, case.id)
    )
    saves = (stored.replaced_by(case), *hidden)
    records.commit(Change(saves=saves, events=(event,), letters=(letter,)))
    return case


def _answered_by(at: datetime, site: Site) -> datetime:
    day = local_day(at, site.time_zone)
    calendar = calendar_at(site.time_zone, on=day)
    return calendar.close_of_business(after=day, days=CUSTOMER_ANSWERS.on(day))


def _timer_id(case: Case) -> str:
    """Give the name of the one timer of a case: at each step it waits for one thing."""
    return f"CASE-LOOK-{case.id}"
