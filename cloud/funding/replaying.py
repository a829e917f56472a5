"""What would have become of projects under the rules of another programme."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cloud.funding import clocks
from cloud.funding.extension import Extension, ExtensionRequest, RequestState, days_of
from cloud.funding.models import SERVICE, Payable
from cloud.funding.policy import D23, F15
from cloud.funding.schedule import Alternative, window_of
from cloud.funding.standing import TAKEN
from cloud.kernel.calendar import eastern_day
from cloud.kernel.errors import BadInput
from cloud.kernel.money import ZERO, Money, total
from cloud.portfolio.models import Milestone, Project

PAID_ON = "paid_on"
CLAWBACK = "clawback"
MAY_CANCEL = "may_cancel"
EXTENSION = "extension_days"


@dataclass(frozen=True, slots=True)
class Lived:
    """What happened to one project: its facts, its money, its requests."""

    project: Project
    payables: Sequence[Payable] = ()
    requests: Sequence[ExtensionRequest] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that would have been otherwise.

    Attributes:
        what: `paid_on`, `clawback`, `may_cancel` or `extension_days`.
        is_so, would_be: as text; days in ISO 8601.
        amount: the money that it is about; zero where none moves.
    """

    partner_id: str
    project_id: str
    what: str
    is_so: str
    would_be: str
    amount: Money = field(default=ZERO)


def differences(
    lived: Lived,
    *,
    programme: str,
    as_of: datetime,
    published: Sequence[Alternative] = (),
) -> tuple[Difference, ...]:
    """Give what the rules of another programme would have changed for a project by an instant.

    The facts stay as they were: what was reached, asked for and granted, and when. A payable would
    have been paid with another run, a clock would have run out sooner or later, an extension would
    have added other days, or none.
    """
    return tuple(_differences(lived, programme, as_of, published))


def _differences(
    lived: Lived, programme: str, as_of: datetime, published: Sequence[Alternative]
) -> Iterator[Difference]:
    project = lived.project
    partner_id, own = project.partner_id, project.programme
    for one in lived.payables:
        if one.milestone != SERVICE and one.accrued_at <= as_of:
            is_so = window_of(one.accrued_at, published, own).funding_date
            would = window_of(one.accrued_at, (), programme).funding_date
            if is_so != would:
                said = (is_so.isoformat(), would.isoformat())
                yield Difference(partner_id, project.id, PAID_ON, *said, amount=one.amount)
    ntp_at = project.reached_at(Milestone.NTP)
    if ntp_at is not None and ntp_at <= as_of and not project.cancelled:
        m1_at = project.reached_at(Milestone.M1)
        ntp_on = eastern_day(ntp_at)
        may = clocks.ntp_to_m1(ntp_on, m1_at, as_of, own).may_cancel
        might = clocks.ntp_to_m1(ntp_on, m1_at, as_of, programme).may_cancel
        if may != might:
            said = (str(may).lower(), str(might).lower())
            yield Difference(partner_id, project.id, MAY_CANCEL, *said)
    for request in lived.requests:
        if _is_granted(request, as_of):
            days = _days(request, project, programme)
            if days != (request.days or 0):
                said = (str(request.days or 0), str(days))
                yield Difference(partner_id, project.id, EXTENSION, *said, amount=request.amount)
    yield from _clawback(lived, programme, as_of)


def _clawback(lived: Lived, programme: str, as_of: datetime) -> Iterator[Difference]:
    project = lived.project
    m1_at = project.reached_at(Milestone.M1)
    m1_on = clocks.m1_on(project)
    if m1_at is None or m1_on is None or m1_at > as_of or project.cancelled:
        return
    paid = total(
        one.amount
        for one in lived.payables
        if one.milestone == Milestone.M1 and one.state in TAKEN and one.accrued_at <= as_of
    )
    judged = [
        clocks.m1_to_m2(
            m1_on=m1_on,
            m1_paid=paid,
            activated_at=project.reached_at(Milestone.M2),
            extensions=_extensions(lived, name),
            as_of=as_of,
            programme=name,
        )
        for name in (project.programme, programme)
    ]
    if judged[0].clawback != judged[1].clawback:
        is_so, would_be = (f"{one.status} {one.clawback}" for one in judged)
        amount = max(one.clawback for one in judged)
        yield Difference(project.partner_id, project.id, CLAWBACK, is_so, would_be, amount)


def _extensions(lived: Lived, programme: str) -> list[Extension]:
    granted = [one for one in lived.requests if one.state is RequestState.APPROVED]
    if programme == lived.project.programme:
        return [one.extension for one in granted]
    return [
        replace(one.extension, days=_days(one, lived.project, programme), programme=programme)
        for one in granted
    ]


def _is_granted(request: ExtensionRequest, as_of: datetime) -> bool:
    granted = request.state is RequestState.APPROVED
    return granted and request.decided_at is not None and request.decided_at <= as_of


def _days(request: ExtensionRequest, project: Project, programme: str) -> int:
    """Give what a granted request would have added: nothing where it could not be asked for."""
    day = eastern_day(request.submitted_at)
    market = project.market.strip().upper()
    if request.reason in D23.on(day, programme) and market not in F15.on(day, programme):
        return 0
    try:
        return days_of(request.reason, day, set_by_approver=request.days, programme=programme)
    except BadInput:
        return 0
