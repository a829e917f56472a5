"""The report of a visit: drafted, handed in, given back, handed in again, and proved."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cloud.kernel.change import NEW, Change, Event, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner, Site
from cloud.portfolio.organisation import Equipment
from cloud.service import report_letters
from cloud.service.models import (
    ContactAttempt,
    Coordinator,
    Incomplete,
    Report,
    ReportDraft,
    ReportState,
    ReportTask,
    Task,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.policy import SERIAL_LOOKS
from cloud.service.process.saving import load_order, load_own, not_yours_now, settle
from cloud.service.process.uploads import uploads_of
from cloud.service.process.verifying import verifying
from cloud.service.process.visits import not_at_work
from cloud.service.report import (
    SerialState,
    VisitReport,
    missing_from,
    serial_verdict,
    upload_ids_in,
    wrong_in,
)
from cloud.telemetry.chunk import DeviceSection, MalformedChunk, decode
from cloud.telemetry.dictionary import QUALITY_UNREACHABLE
from cloud.telemetry.ports import Chunks

SERIALS_DUE = "serials_due"
"""What wakes the look at the devices behind a gateway after an exchange."""
_DAY = timedelta(days=1)
_SYSTEM = "telemetry"
_SILENT = frozenset({None, QUALITY_UNREACHABLE})
"""Codes of a row in which a device gave no answer, or was not asked."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """A report that is being written, and all that it still lacks, sorted."""

    draft: ReportDraft
    missing: tuple[str, ...]


def save_draft(
    records: Records,
    *,
    work_order_id: str,
    partner_id: str,
    content: VisitReport,
    departed_at: datetime | None,
    at: datetime,
    by: str,
) -> Drafted | Refused:
    """Keep a report that is being written, in the place of an earlier draft (P-71)."""
    order = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    refused = not_at_work(order.record, partner_id)
    if refused is not None and not _may_correct(records, order.record, partner_id):
        return refused
    draft = ReportDraft(work_order_id, partner_id, content, departed_at, at, by)
    stored = records.load(ReportDraft, work_order_id)
    if stored is None or replace(stored.record, saved_at=at, saved_by=by) != draft:
        saved = Save(draft, stored.version if stored else NEW)
        records.commit(Change(saves=(saved,), relies_on=(order.relied_on(),)))
    return Drafted(draft, completeness(records, order.record, content))


def load_draft(records: Records, *, work_order_id: str, partner_id: str) -> Drafted | None:
    """Give the partner's own draft with what it lacks now; None where it has written none (T-91).

    Raises:
        NotFound: the work order was never that partner's.
    """
    order = load_own(records, work_order_id=work_order_id, partner_id=partner_id).record
    stored = records.load(ReportDraft, work_order_id)
    if stored is None or stored.record.partner_id != partner_id:
        return None
    return Drafted(stored.record, completeness(records, order, stored.record.content))


def completeness(records: Records, order: WorkOrder, content: VisitReport) -> tuple[str, ...]:
    """Give the codes of all that stands against a report, sorted (P-71, P-72, P-72b)."""
    on = order.policy_day
    files = uploads_of(records, upload_ids_in(content))
    wrong = wrong_in(content, work_order_id=order.id, files=files, on=on)
    return tuple(sorted({*missing_from(content, on=on), *wrong}))


def submit_report(
    records: Records,
    *,
    work_order_id: str,
    partner_id: str,
    content: VisitReport,
    departed_at: datetime,
    at: datetime,
    by: str,
) -> Report | Incomplete | Refused:
    """Take the report of the visit, which completes the work order (P-71, S-22).

    An incomplete one is not kept: the answer names all that it lacks. The case then waits for the
    proof that it is mended (C-17), for which only what is read after the departure counts: one that
    contradicts the record is refused. After a coordinator returned it, a corrected one takes its
    place: both are kept, and the first one still meets the deadline.
    """
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    known = _latest(records, order) if order.partner_id == partner_id else None
    if known is not None and known.record.content == content:
        return known.record
    if known is not None and known.record.state is not ReportState.RETURNED:
        return Refused("P-71", f"work order {order.id} has its report already", "conflict")
    refused = None if known else not_at_work(order, partner_id)
    if refused is not None:
        return refused
    if departed_at > at:
        return Refused("P-71", "the visit is not over yet", "departed_in_the_future")
    wrong = _wrong_departure(order, departed_at)
    if wrong is not None:
        return wrong
    missing = completeness(records, order, content)
    if missing:
        because = f"the report of work order {order.id} lacks {', '.join(missing)}"
        return Incomplete("P-71", because, "report_incomplete", missing)
    report = _version(order, known, content, partner_id, departed_at, at=at, by=by)
    if known is not None:
        return _correct(records, stored, known, report, at=at, by=by)
    return _complete(records, stored, report, at=at, by=by)


def return_report(
    records: Records, *, work_order_id: str, reasons: Sequence[str], at: datetime, by: str
) -> Report | Refused:
    """Give a report back to the partner with what is to be corrected (P-71).

    `by` is a coordinator. The deadline that it met stays met. The same again changes nothing.
    """
    stored = load_order(records, work_order_id)
    order = stored.record
    latest = _latest(records, order)
    if latest is None:
        return Refused("P-71", f"work order {order.id} has no report yet", "conflict")
    told = tuple(one.strip() for one in reasons if one.strip())
    if not told:
        return Refused("P-71", "say what is to be corrected", "reasons_missing")
    report = latest.record
    if report.state is ReportState.RETURNED:
        same = report.returned_for == told
        taken = Refused("P-71", f"report {report.id} was returned already", "conflict")
        return report if same else taken
    partner = require(records.load(Partner, report.partner_id), "partner", report.partner_id)
    after = replace(
        report,
        state=ReportState.RETURNED,
        returned_for=told,
        returned_at=at,
        returned_by=by,
        task=None,
    )
    says = f"{by} returned the report of work order {order.id}: {'; '.join(told)}"
    records.commit(
        Change(
            saves=(latest.replaced_by(after),),
            events=(Event(order.id, "report_returned", at, by, "P-71", (report.id,), says),),
            letters=(report_letters.returned(order, after, partner=partner.record, at=at),),
            relies_on=(stored.relied_on(),),
        )
    )
    return after


def settle_serials(
    records: Records, *, work_order_id: str, because: str, at: datetime, by: str
) -> Report | Refused:
    """Let a coordinator settle serial numbers that telemetry did not confirm (P-70b)."""
    order = load_order(records, work_order_id).record
    latest = _latest(records, order)
    if latest is None or latest.record.task is not ReportTask.CHECK_SERIALS:
        none = f"no serial number of work order {order.id} waits for a person"
        return Refused("P-70b", none, "conflict")
    if not because.strip():
        return Refused("P-70b", "say what settles it", "reasons_missing")
    after = replace(latest.record, task=None, serials_say=f"{by}: {because.strip()}", serials_at=at)
    says = f"{by} settled the serial numbers of work order {order.id}: {because.strip()}"
    event = Event(order.id, "serials_settled", at, by, "P-70b", (after.id,), says)
    records.commit(Change(saves=(latest.replaced_by(after),), events=(event,)))
    return after


def look_for_serials(records: Records, chunks: Chunks, *, timer: Timer, at: datetime) -> None:
    """Hold the serial numbers of an exchange against what the gateway reads since (P-70b).

    The verdict follows from the chunks alone: a timer that comes late or twice changes no verdict.
    A later version of the report, or a settled one, is left alone.
    """
    stored = records.load(Report, timer.subject)
    if stored is None or stored.record.serials is not SerialState.WAITING:
        return
    report = stored.record
    if report.state is ReportState.REPLACED or report.content.rma is None:
        return
    order = load_order(records, report.work_order_id).record
    site = require(records.load(Site, order.site_id), "site", order.site_id).record
    left = report.departed_at
    verdict = serial_verdict(
        report.content.rma.parts,
        before=_listed(chunks, site.gateway_id, before=left) | _registered(records, site.id),
        after=_answering(chunks, site.gateway_id, start=left, end=at),
    )
    state = verdict.state
    if state is SerialState.WAITING:
        following = _next_look(report, after=at)
        if following is not None:
            records.commit(Change(timers=(following,)))
            return
        state = SerialState.NOT_SEEN
    _settle_look(records, stored, order, state, verdict.says, at=at)


# ---------------------------------------------------------------------- handing in
def _wrong_departure(order: WorkOrder, departed_at: datetime) -> Refused | None:
    """Refuse a departure that contradicts the record: the proof of the work begins with it (C-17).

    A departure that is on record is the one that counts. Else nobody left before arriving, before
    the visit that did not finish the work was over, or before the work was taken.
    """
    made = [one for one in order.visits if one.arrived_at is not None]
    since = (made[-1].departed_at or made[-1].arrived_at) if made else order.work_authorized_at
    because = ""
    if order.departed_at is not None and departed_at != order.departed_at:
        because = f"the departure on record is {order.departed_at.isoformat()}: report that one"
    elif since is not None and departed_at < since:
        because = f"the visit cannot have ended before {since.isoformat()}: correct the departure"
    return Refused("P-71", because, "invalid_departure") if because else None


def _latest(records: Records, order: WorkOrder) -> Stored[Report] | None:
    if order.report_id is None:
        return None
    return require(records.load(Report, order.report_id), "report", order.report_id)


def _may_correct(records: Records, order: WorkOrder, partner_id: str) -> bool:
    latest = _latest(records, order)
    is_returned = latest is not None and latest.record.state is ReportState.RETURNED
    return is_returned and not_yours_now(order, partner_id) is None


def _version(
    order: WorkOrder,
    known: Stored[Report] | None,
    content: VisitReport,
    partner_id: str,
    departed_at: datetime,
    *,
    at: datetime,
    by: str,
) -> Report:
    number = 1 if known is None else known.record.version + 1
    return Report(
        id=derived("RPT", order.id, *([number] if known else [])),
        work_order_id=order.id,
        partner_id=partner_id,
        content=content,
        departed_at=departed_at,
        submitted_at=at,
        submitted_by=by,
        version=number,
        serials=SerialState.WAITING if content.rma else SerialState.NOT_ASKED,
    )


def _complete(
    records: Records, stored: Stored[WorkOrder], report: Report, *, at: datetime, by: str
) -> Report:
    order = stored.record
    after = replace(
        order,
        report_id=report.id,
        departed_at=report.departed_at,
        reported_at=at,
        contact_attempts=order.contact_attempts
        or (ContactAttempt(report.departed_at, "visit", "was there"),),
        pauses=tuple(replace(one, until=one.until or at) for one in order.pauses),
        state=WorkOrderState.COMPLETED,
        task=Task.RECORD_FINDING,
    )
    says = (
        f"partner {report.partner_id} reported the work of work order {order.id}: "
        f"{report.content.summary}"
    )
    shown = tuple(upload_ids_in(report.content).values())
    causes = (order.case_id, report.id, *dict.fromkeys(shown))
    event = Event(order.id, "completed", at, by, "P-71", causes, says)
    proving = verifying(records, order, visited_at=report.departed_at, at=at)
    settle(
        records,
        stored,
        after,
        at=at,
        events=(event, *proving.events),
        letters=proving.letters,
        saves=(Save(report), *proving.saves),
        timers=(*_looks(report), *proving.timers),
    )
    return report


def _correct(
    records: Records,
    stored: Stored[WorkOrder],
    known: Stored[Report],
    report: Report,
    *,
    at: datetime,
    by: str,
) -> Report:
    order = stored.record
    says = f"partner {report.partner_id} corrected the report of work order {order.id}"
    event = Event(order.id, "report_corrected", at, by, "P-71", (known.record.id, report.id), says)
    settle(
        records,
        stored,
        replace(order, report_id=report.id),
        at=at,
        events=(event,),
        saves=(
            Save(report),
            known.replaced_by(replace(known.record, state=ReportState.REPLACED, task=None)),
        ),
        timers=_looks(report),
    )
    return report


# ---------------------------------------------------------------------- proving
def _looks(report: Report) -> tuple[Timer, ...]:
    first = _next_look(report, after=report.submitted_at)
    return () if first is None or report.serials is SerialState.NOT_ASKED else (first,)


def _next_look(report: Report, *, after: datetime) -> Timer | None:
    """Give the next time at which the devices are looked at, None after the last (P-70b)."""
    hours = SERIAL_LOOKS.on(report.submitted_at.date())
    for many in hours:
        due_at = report.submitted_at + timedelta(hours=many)
        if due_at > after:
            return Timer(f"{report.id}:{SERIALS_DUE}", report.id, SERIALS_DUE, due_at)
    return None


def _listed(chunks: Chunks, gateway_id: str, *, before: datetime) -> frozenset[str]:
    """Give the devices that a gateway knew before the visit, be they silent or not.

    The last day before it, and a day two weeks earlier: what is exchanged may be dead for long.
    """
    days = (before - _DAY, before - 15 * _DAY)
    return frozenset(
        device.serial for day in days for device in _sections(chunks, gateway_id, day, day + _DAY)
    )


def _registered(records: Records, site_id: str) -> frozenset[str]:
    """Give the serial numbers of all that was ever on record at a site."""
    register = records.load(Equipment, site_id)
    return frozenset(one.serial for one in register.record.devices) if register else frozenset()


def _answering(
    chunks: Chunks, gateway_id: str, *, start: datetime, end: datetime
) -> frozenset[str]:
    """Give the devices that answered a gateway in a span.

    Of a long span the last day is enough: a device that is there answers every few minutes.
    """
    sections = _sections(chunks, gateway_id, max(start, end - _DAY), end)
    return frozenset(one.serial for one in sections if not _SILENT.issuperset(one.quality))


def _sections(
    chunks: Chunks, gateway_id: str, start: datetime, end: datetime
) -> Iterator[DeviceSection]:
    for stored in chunks.between(gateway_id, start, end):
        try:
            message = decode(stored.payload)
        except MalformedChunk:
            continue  # it was checked when it came: of a version that is read no more
        yield from message.devices


def _settle_look(
    records: Records,
    stored: Stored[Report],
    order: WorkOrder,
    state: SerialState,
    says: str,
    *,
    at: datetime,
) -> None:
    is_well = state in {SerialState.CONFIRMED, SerialState.NOT_ASKED}
    after = replace(
        stored.record,
        serials=state,
        serials_say=says,
        serials_at=at,
        task=None if is_well else ReportTask.CHECK_SERIALS,
    )
    spc = None if is_well else records.load(Coordinator, order.spc_id)
    letters = (
        (report_letters.serials_differ(order, after, coordinator=spc.record, at=at),) if spc else ()
    )
    event = Event(
        order.id, f"serials_{state}", at, _SYSTEM, "P-70b", (after.id,), f"serial numbers: {says}"
    )
    told = () if state is SerialState.NOT_ASKED else (event,)
    records.commit(Change(saves=(stored.replaced_by(after),), events=told, letters=letters))
