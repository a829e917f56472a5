"""What is told of extension requests: to the partner what became of one, to us that one is late."""

from datetime import date, datetime

from cloud.funding.extension import ExtensionRequest
from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.portfolio.models import Partner

_SIGNED = "\n\nKind regards\nInstaller Funding"


def in_words(day: date) -> str:
    """Give a day as people say it.

    >>> in_words(date(2026, 12, 3))
    'Thursday, December 3, 2026'
    """
    return f"{day:%A, %B} {day.day}, {day.year}"


def received(request: ExtensionRequest, *, partner: Partner, at: datetime) -> Letter:
    """Confirm a request, with the day by which it is decided (F12)."""
    text = (
        f"we have your extension request for project {request.project_id}. It is decided by "
        f"{in_words(request.decision_due_date)}. Until it is granted it postpones nothing."
    )
    return _to_partner(request, partner, cause="received", title="received", text=text, at=at)


def granted(request: ExtensionRequest, *, partner: Partner, at: datetime) -> Letter:
    """Tell the partner that a request is granted, and the last day of the clock now (F13, F14)."""
    last = in_words(request.until) if request.until else "its last day"
    text = (
        f"your extension request for project {request.project_id} is granted: {request.days} days "
        f"are added. Without Activation Approved by the end of {last}, M1 money is taken back "
        "after that day. You need not do anything else."
    )
    return _to_partner(request, partner, cause="granted", title="granted", text=text, at=at)


def denied(request: ExtensionRequest, *, partner: Partner, at: datetime) -> Letter:
    """Tell the partner that a request is not granted, and why."""
    text = (
        f"your extension request for project {request.project_id} is not granted: "
        f"{request.because}. The clock runs on as it did. If the delay is another one, send a new "
        "request with its proof."
    )
    return _to_partner(request, partner, cause="denied", title="not granted", text=text, at=at)


def overdue(request: ExtensionRequest, *, to: str, at: datetime) -> Letter:
    """Tell operations that a request waits for longer than a week (F12)."""
    text = (
        f"Extension request {request.id} of partner {request.partner_id} for project "
        f"{request.project_id} ({request.reason}) was to be decided by "
        f"{in_words(request.decision_due_date)}. Please grant or deny it today: nothing is "
        "decided by itself, and the partner's clock runs on."
    )
    return Letter(
        id=derived("LTR", request.id, "overdue"),
        to=to,
        subject=f"Decision overdue: extension request {request.id}",
        text=text + _SIGNED,
        thread=request.id,
        at=at,
    )


def _to_partner(
    request: ExtensionRequest, partner: Partner, *, cause: str, title: str, text: str, at: datetime
) -> Letter:
    return Letter(
        id=derived("LTR", request.id, cause),
        to=partner.remittance_email,
        subject=f"Extension request for project {request.project_id}: {title}",
        text=f"Hello {partner.name},\n\n{text}{_SIGNED}",
        thread=request.id,
        at=at,
    )
