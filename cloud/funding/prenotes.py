"""Asking the bank about an account before money goes there (a prenotification)."""

from datetime import date

from cloud.funding.policy import D11
from cloud.kernel.calendar import DAY, next_banking_day
from cloud.portfolio.models import Partner, Prenote


def usable_from(sent_on: date) -> date:
    """Give the first day on which money may follow a prenote that was not answered (D11).

    The day of its settlement is `sent_on`; that many banking days lie between it and the money.
    """
    day = sent_on
    for _ in range(D11.on(sent_on)):
        day = next_banking_day(day + DAY)
    return day


def prenote_pending(partner: Partner, *, on: date) -> bool:
    """Tell whether a partner's account waits for its prenote: to be sent, or to be unanswered."""
    if partner.prenote is Prenote.NOT_NEEDED:
        return False
    sent_on = partner.prenote_sent_on
    return partner.prenote is Prenote.DUE or sent_on is None or on < usable_from(sent_on)
