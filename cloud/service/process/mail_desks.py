"""Carries out one command of a mail by the same process that the interface calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cloud.kernel.decision import Refused
from cloud.kernel.errors import Unavailable
from cloud.kernel.ports import Records
from cloud.service.letters import in_words
from cloud.service.mail import PHOTOS, ArrivedMail, Attachment
from cloud.service.mail_reading import (
    Accept,
    Acknowledge,
    ApproveSpend,
    Arrived,
    AskForSpend,
    Called,
    Decline,
    Departed,
    PauseSince,
    Question,
    RejectSpend,
    Resume,
    VisitAt,
    WrittenReport,
)
from cloud.service.models import Incomplete, WorkOrder
from cloud.service.process import answers, holding, questions, reporting, spend, visits
from cloud.service.process.uploads import take_attachment
from cloud.service.report import Condition, ExchangedPart, Rma, VisitReport
from cloud.service.sla import calendar_at
from cloud.service.uploads import Outside, Purpose, UploadState


@dataclass(frozen=True, slots=True)
class Request:
    """What a sender wants done, and all that is known of it.

    Attributes:
        partner_id: empty where a coordinator writes.
        at: when the mail came; trying again later changes nothing.
    """

    records: Records
    outside: Outside
    order: WorkOrder
    command: Any
    mail: ArrivedMail
    partner_id: str
    at: datetime
    by: str

    @property
    def zone(self) -> ZoneInfo:
        """The site's clock."""
        return ZoneInfo(self.order.time_zone)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command."""

    is_done: bool
    code: str
    says: str


Desk = Callable[[Request], Outcome]


def done(says: str) -> Outcome:
    """Give the outcome of what was done."""
    return Outcome(is_done=True, code="", says=says)


def not_done(code: str, says: str) -> Outcome:
    """Give the outcome of what was not done, with the code that the interface gives."""
    return Outcome(is_done=False, code=code, says=says)


def outcome_of(answer: Any, says: str) -> Outcome:
    """Give what a process answered as an outcome; a refusal keeps its code."""
    if isinstance(answer, Refused):
        return not_done(answer.code, _sentence(answer.because))
    if isinstance(answer, Incomplete):
        missing = ", ".join(one.replace("_", " ") for one in answer.missing)
        return not_done(answer.code, f"The report is not complete: {missing}.")
    return done(says)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."


def _own(request: Request) -> dict[str, Any]:
    return {
        "work_order_id": request.order.id,
        "partner_id": request.partner_id,
        "at": request.at,
        "by": request.by,
    }


def _acknowledge(request: Request) -> Outcome:
    answer = answers.acknowledge(request.records, **_own(request))
    return outcome_of(answer, "Thank you. Please accept or decline as well.")


def _accept(request: Request) -> Outcome:
    command: Accept = request.command
    answer = answers.accept(request.records, estimate=command.estimate, **_own(request))
    with_it = f", with an estimate of {command.estimate}" if command.estimate is not None else ""
    return outcome_of(answer, f"You have taken {request.order.id}{with_it}.")


def _decline(request: Request) -> Outcome:
    command: Decline = request.command
    answer = answers.decline(request.records, reason=command.reason, **_own(request))
    return outcome_of(answer, f"You have declined {request.order.id}: {command.reason}")


def _called(request: Request) -> Outcome:
    command: Called = request.command
    answer = visits.contact_attempt(
        request.records, channel=command.channel, outcome=command.outcome, **_own(request)
    )
    return outcome_of(answer, f"You tried to reach the homeowner by {command.channel}.")


def _visit(request: Request) -> Outcome:
    command: VisitAt = request.command
    answer = visits.schedule_visit(
        request.records,
        since=command.since,
        until=command.until,
        technician=command.technician,
        **_own(request),
    )
    since = in_words(command.since, request.order.time_zone)
    until = in_words(command.until, request.order.time_zone)
    return outcome_of(answer, f"{command.technician} comes between {since} and {until}.")


def _question(request: Request) -> Outcome:
    command: Question = request.command
    answer = questions.question(request.records, text=command.text, **_own(request))
    return outcome_of(answer, "Your coordinator has your question, and answers in this thread.")


def _arrived(request: Request) -> Outcome:
    command: Arrived = request.command
    arrived_at = command.at or request.at
    answer = visits.arrived(
        request.records,
        arrived_at=arrived_at,
        technician=command.technician,
        **_own(request),
    )
    return outcome_of(answer, f"Arrived on {in_words(arrived_at, request.order.time_zone)}.")


def _departed(request: Request) -> Outcome:
    command: Departed = request.command
    departed_at = command.at or request.at
    answer = visits.departed(
        request.records,
        departed_at=departed_at,
        is_finished=command.is_finished,
        **_own(request),
    )
    when = in_words(departed_at, request.order.time_zone)
    if command.is_finished:
        return outcome_of(answer, f"Finished and left on {when}. Please send the report.")
    return outcome_of(answer, f"Left on {when}, not finished. Please book the next visit.")


def _pause(request: Request) -> Outcome:
    command: PauseSince = request.command
    since = command.at
    if since is None:
        calendar = calendar_at(request.order.time_zone, on=request.order.policy_day)
        since = min(calendar.opening(command.on), request.at)
    answer = holding.pause(
        request.records,
        reason=command.reason,
        evidence=command.evidence,
        since=since,
        **_own(request),
    )
    when = in_words(since, request.order.time_zone)
    return outcome_of(answer, f"The work waits since {when}: {command.reason.replace('_', ' ')}.")


def _resume(request: Request) -> Outcome:
    command: Resume = request.command
    answer = holding.resume(request.records, reason=command.reason, **_own(request))
    return outcome_of(answer, f"The work goes on: {command.reason.replace('_', ' ')} is over.")


def _ask_for_spend(request: Request) -> Outcome:
    command: AskForSpend = request.command
    answer = spend.request_spend(request.records, amount=command.amount, **_own(request))
    return outcome_of(
        answer, f"Your coordinator was asked for {command.amount}; the clocks wait for the answer."
    )


def _approve_spend(request: Request) -> Outcome:
    command: ApproveSpend = request.command
    answer = spend.approve_spend(
        request.records,
        work_order_id=request.order.id,
        max_total=command.max_total,
        is_written=True,
        at=request.at,
        by=request.by,
    )
    says = f"Up to {command.max_total} may be spent on {request.order.id}."
    if isinstance(answer, WorkOrder) and answer.first_spend_approval is not None:
        says = f"Your approval of {command.max_total} is the first of two: somebody else's is next."
    return outcome_of(answer, says)


def _reject_spend(request: Request) -> Outcome:
    command: RejectSpend = request.command
    answer = spend.reject_spend(
        request.records,
        work_order_id=request.order.id,
        reason=command.reason,
        at=request.at,
        by=request.by,
    )
    return outcome_of(answer, f"More may not be spent on {request.order.id}: {command.reason}")


def _report(request: Request) -> Outcome:
    """Take a report in sections, with its photos by the road of all evidence (P-71, P-72)."""
    command: WrittenReport = request.command
    if command.departed_at is None:
        return not_done("departed_at_missing", "Add a line: Departed at: 2026-06-15 11:40")
    photos: dict[str, list[str]] = {"as_found": [], "as_departed": []}
    refused: list[str] = []
    scanning: list[str] = []
    for photo in (one for one in request.mail.attachments if one.kind in PHOTOS):
        side = side_of(photo, command)
        if side is None:
            continue
        purpose = Purpose.PHOTO_FOUND if side == "as_found" else Purpose.PHOTO_DEPARTED
        taken = take_attachment(
            request.records,
            request.outside,
            purpose=purpose,
            name=photo.name,
            content=photo.content,
            **_own(request),
        )
        if isinstance(taken, Refused):
            refused.append(f"{photo.name}: {taken.because}")
        elif taken.state is UploadState.SCANNING:
            scanning.append(photo.name)
        elif taken.state is UploadState.REFUSED:
            refused.append(f"{photo.name}: {taken.because}")
        else:
            photos[side].append(f"upload:{taken.id}")
    if scanning:
        # Only now: the scans of all of them run beside each other until the mail comes again.
        names = ", ".join(scanning)
        msg = f"reading mail of {request.by}: {names} still being scanned; try again"
        raise Unavailable(msg)
    content = VisitReport(
        form="email",
        as_found=Condition(command.sections["as_found"], tuple(photos["as_found"])),
        as_departed=Condition(command.sections["as_departed"], tuple(photos["as_departed"])),
        summary=command.sections["summary"],
        root_cause=command.sections["root_cause"],
        rma=_exchange(command),
    )
    answer = reporting.submit_report(
        request.records, content=content, departed_at=command.departed_at, **_own(request)
    )
    found = outcome_of(answer, f"The report of {request.order.id} is complete. Thank you.")
    if refused:
        found = replace(found, says=f"{found.says} Not taken: {'; '.join(refused)}.")
    return found


def side_of(photo: Attachment, report: WrittenReport) -> str | None:
    """Tell which side of a visit a photo shows, by its name or by the section that names it.

    A photo of which neither tells it is not guessed at, and not taken.
    """
    name = photo.name.lower()
    if name.startswith(("found", "arrived", "before")):
        return "as_found"
    if name.startswith(("departed", "left", "after")):
        return "as_departed"
    sides = [side for side in ("as_found", "as_departed") if name in report.sections[side].lower()]
    return sides[0] if len(sides) == 1 else None


def _exchange(report: WrittenReport) -> Rma | None:
    if not (report.parts or report.oem_case or report.rma_by):
        return None
    parts = tuple(ExchangedPart(old, new) for old, new in report.parts)
    return Rma(report.rma_by or "partner", parts, report.oem_case)


DESKS: Mapping[type[Any], Desk] = {
    Acknowledge: _acknowledge,
    Accept: _accept,
    Decline: _decline,
    Called: _called,
    VisitAt: _visit,
    Arrived: _arrived,
    Departed: _departed,
    Question: _question,
    PauseSince: _pause,
    Resume: _resume,
    AskForSpend: _ask_for_spend,
    WrittenReport: _report,
}
"""What a partner may say of its work orders; later stages add to it."""

COORDINATOR_DESKS: Mapping[type[Any], Desk] = {
    ApproveSpend: _approve_spend,
    RejectSpend: _reject_spend,
}
"""What a coordinator may say of those that it issued."""
