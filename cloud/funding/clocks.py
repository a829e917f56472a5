"""The clocks from NTP to installation and from installation to activation.

Days are differences of Eastern calendar dates. A limit of N days is met on day N and missed from
the first instant of day N+1.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from cloud.funding.extension import Extension
from cloud.funding.policy import F06, F07, F08, F09
from cloud.kernel.calendar import eastern_day
from cloud.kernel.errors import BadInput
from cloud.kernel.money import ZERO, Money
from cloud.kernel.policy import COMFORT
from cloud.portfolio.models import Milestone, Project


@dataclass(frozen=True, slots=True)
class NtpToM1:
    """Where the clock to installation stands.

    Attributes:
        may_cancel: the owner has the right to cancel; people decide, nothing cancels itself.
    """

    days_elapsed: int
    due_date: date
    may_cancel: bool


def ntp_to_m1(
    ntp_on: date, m1_at: datetime | None, as_of: datetime, programme: str = COMFORT
) -> NtpToM1:
    """Judge the clock from NTP to M1 (F06).

    It stops at M1: an installation that came late is no longer cancelled for its lateness.
    """
    achieved = m1_at is not None and m1_at <= as_of
    end = m1_at if m1_at is not None and achieved else as_of
    days, limit = (eastern_day(end) - ntp_on).days, F06.on(ntp_on, programme)
    return NtpToM1(days, ntp_on + timedelta(limit), may_cancel=not achieved and days > limit)


def m1_milestone_date(
    basis: str,
    *,
    install_submitted_at: datetime | None,
    install_approved_at: datetime | None,
    programme: str = COMFORT,
) -> date | None:
    """Give the day from which the M1 clock counts, or None while it has not come (F09).

    Raises:
        BadInput: the payment plan names neither of the two bases.
    """
    moments = {"install_submitted": install_submitted_at, "install_approved": install_approved_at}
    at = moments.get(basis)
    if basis not in moments or (at is not None and basis not in F09.on(eastern_day(at), programme)):
        msg = f"M1 is paid on Install Submitted or Approved, not on {basis!r}: correct the plan"
        raise BadInput(msg)
    return None if at is None else eastern_day(at)


def m1_on(project: Project) -> date | None:
    """Give the day from which a project's M1 clock counts, or None while M1 is not on record (F09).

    M1 is recorded with the installation step that the project's plan names. A project of which
    that step was never put on record counts from M1 itself.
    """
    m1_at = project.reached_at(Milestone.M1)
    if m1_at is None:
        return None
    return m1_milestone_date(
        project.m1_basis,
        install_submitted_at=project.reached_at(Milestone.INSTALL_SUBMITTED) or m1_at,
        install_approved_at=project.reached_at(Milestone.INSTALL_APPROVED) or m1_at,
        programme=project.programme,
    )


class M2Status(StrEnum):
    """What becomes of the M1 money of a project that waits for its activation."""

    RUNNING = "running"
    PAUSED = "paused"
    CLAWBACK = "clawback"
    ACTIVATED = "activated"


@dataclass(frozen=True, slots=True)
class M1ToM2:
    """Where the clock to activation stands.

    Attributes:
        contractual_due_date: the contract's last day, shown and reported.
        backend_due_date: the last day before money moves.
        clawback: what is taken back; zero unless the status says so.
    """

    days_elapsed: int
    contractual_due_date: date
    backend_due_date: date
    status: M2Status
    clawback: Money


def m1_to_m2(
    *,
    m1_on: date,
    m1_paid: Money,
    activated_at: datetime | None,
    extensions: Iterable[Extension],
    as_of: datetime,
    programme: str = COMFORT,
) -> M1ToM2:
    """Judge the clock from M1 to Activation Approved (F07, F08, F13, F14).

    Granted extensions add to both due dates and to each other, and show as Paused only when the
    clock without them has run out. The verdict follows from the facts known at `as_of`.
    """
    extra = timedelta(sum(extension.days for extension in extensions if extension.holds_at(as_of)))
    contractual = m1_on + timedelta(F07.on(m1_on, programme))
    backend = contractual + timedelta(F08.on(m1_on, programme))
    activated = activated_at is not None and activated_at <= as_of
    today = eastern_day(activated_at if activated_at is not None and activated else as_of)
    if activated:
        status = M2Status.ACTIVATED
    elif today <= backend:
        status = M2Status.RUNNING
    elif today <= backend + extra:
        status = M2Status.PAUSED
    else:
        status = M2Status.CLAWBACK
    return M1ToM2(
        days_elapsed=(today - m1_on).days,
        contractual_due_date=contractual + extra,
        backend_due_date=backend + extra,
        status=status,
        clawback=m1_paid if status is M2Status.CLAWBACK else ZERO,
    )
