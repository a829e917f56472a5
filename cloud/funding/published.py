"""Funding days announced in place of a regular one, and what partners are told of them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cloud.funding.policy import D43, F03
from cloud.funding.schedule import Alternative, Window, local_day, window_paid_on
from cloud.kernel.calendar import EASTERN, is_banking_day
from cloud.kernel.change import Letter
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.portfolio.models import Partner

_SIGNED = "\n\nKind regards\nInstaller Funding"


@dataclass(frozen=True, slots=True)
class PublishedDay:
    """One announcement; of several for a run the latest counts.

    Attributes:
        regular_date: the Tuesday or Thursday that names the run.
        alternative_date: the day on which it is paid instead.
        withdrawn_at: when it was taken back, before the run's cut-off; it does not count then.
    """

    id: str
    programme: str
    regular_date: date
    alternative_date: date
    published_at: datetime
    by: str
    withdrawn_at: datetime | None = None

    @property
    def alternative(self) -> Alternative:
        """The announcement as the schedule looks at it."""
        return Alternative(self.regular_date, self.alternative_date, self.published_at)


def in_words(day: date) -> str:
    """Give a day as people say it.

    >>> in_words(date(2026, 11, 25))
    'Wednesday, November 25, 2026'
    """
    return f"{day:%A, %B} {day.day}, {day.year}"


def may_publish(
    regular_date: date, alternative_date: date, *, programme: str, at: datetime
) -> Window | Refused:
    """Give the window whose day is moved, or why it cannot be (D43, F03).

    It is announced in advance, before the window's cut-off; the new day is one on which banks
    work, not before the cut-off's own day and not more than a week after the regular one.
    """
    window = still_open(regular_date, programme=programme, at=at)
    if isinstance(window, Refused):
        return window
    if not is_banking_day(alternative_date):
        because = f"banks are closed on {in_words(alternative_date)}"
        return Refused(F03.id, because, "not_a_banking_day")
    if alternative_date < local_day(window.cut_off_at, programme):
        because = f"{in_words(alternative_date)} is before the window's cut-off"
        return Refused(F03.id, because, "before_cut_off")
    last = regular_date + timedelta(D43.on(regular_date, programme))
    if alternative_date > last:
        because = f"{in_words(alternative_date)} is after {in_words(last)}: check month and year"
        return Refused(D43.id, because, "too_late_a_day")
    return window


def still_open(regular_date: date, *, programme: str, at: datetime) -> Window | Refused:
    """Give the window that is paid on a regular date, as long as its day may change (F03)."""
    window = window_paid_on(regular_date, programme=programme)
    if window is None:
        because = f"no run of {programme} is paid on {in_words(regular_date)}"
        return Refused(F03.id, because, "not_a_funding_day")
    if at >= window.cut_off_at:
        because = f"the window of {regular_date} was cut off at {window.cut_off_at.isoformat()}"
        return Refused(F03.id, because, "after_cut_off")
    return window


def letter_of(day: PublishedDay, window: Window, *, partner: Partner, at: datetime) -> Letter:
    """Give the mail that tells a partner of a published day (D20)."""
    text = (
        f"Hello {partner.name},\n\nthe payment of {in_words(day.regular_date)} is made on "
        f"{in_words(day.alternative_date)}. {_what_it_pays(window)}"
    )
    return Letter(
        id=derived("LTR", day.id, partner.id),
        to=partner.remittance_email,
        subject=f"Funding of {day.regular_date} is paid on {day.alternative_date}",
        text=text + _SIGNED,
        thread=day.id,
        at=at,
    )


def letter_of_withdrawal(
    day: PublishedDay, window: Window, *, partner: Partner, at: datetime
) -> Letter:
    """Give the mail that tells a partner that an announced day does not hold (D20, D43)."""
    text = (
        f"Hello {partner.name},\n\nit was announced that the payment of "
        f"{in_words(day.regular_date)} is made on {in_words(day.alternative_date)}. That does not "
        f"hold any more: it is made on {in_words(window.funding_date)}. {_what_it_pays(window)}"
    )
    return Letter(
        id=derived("LTR", day.id, "withdrawn", partner.id),
        to=partner.remittance_email,
        subject=f"Funding of {day.regular_date} is paid on {window.funding_date} after all",
        text=text + _SIGNED,
        thread=day.id,
        at=at,
    )


def _what_it_pays(window: Window) -> str:
    local = window.cut_off_at.astimezone(EASTERN)
    cut_off = f"{local:%I:%M %p} Eastern time on {in_words(local.date())}".lstrip("0")
    return (
        f"It pays what is recorded before {cut_off}, as it did. "
        "At what hour it arrives depends on your bank. You need not do anything; the funding "
        "calendar has all days."
    )
