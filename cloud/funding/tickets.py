"""Questions about funding to second-line support, and what is answered (F36)."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from cloud.funding.policy import D22, F36
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Letter
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.portfolio.models import Partner

_SIGNED = "\n\nKind regards\nInstaller Funding"


class TicketState(StrEnum):
    """Who is to speak next: OPEN waits for us, ANSWERED for the partner; CLOSED is over."""

    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


class About(StrEnum):
    """What a question may name."""

    NOTHING = "nothing"
    RUN = "run"
    PROJECT = "project"
    PAYABLE = "payable"
    DEDUCTION = "deduction"


@dataclass(frozen=True, slots=True)
class TicketMessage:
    """One thing that was said.

    Attributes:
        is_ours: support said it, else the partner.
    """

    id: str
    by: str
    is_ours: bool
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """A question about money, with all that was said to it.

    Attributes:
        asked_by: the program or person that asked, for the partner.
        about, about_id: the thing that it names.
        messages: the question first.
    """

    id: str
    partner_id: str
    asked_by: str
    subject: str
    about: About
    about_id: str
    opened_at: datetime
    messages: tuple[TicketMessage, ...]
    state: TicketState = TicketState.OPEN
    closed_by: str = ""

    @property
    def question(self) -> str:
        """What was asked first."""
        return self.messages[0].text


def message_id(ticket_id: str, by: str, key: str) -> str:
    """Name a message by who says it and its key, so that it is said once."""
    return derived("TMSG", ticket_id, by, key)


def said(ticket: Ticket, message: TicketMessage) -> Ticket | Refused:
    """Give the ticket with one message more; one that stands there already changes nothing (D22).

    What the partner says opens an answered ticket again.
    """
    if message.id in {one.id for one in ticket.messages}:
        return ticket
    if ticket.state is TicketState.CLOSED:
        because = f"ticket {ticket.id} is closed: ask a new question and name it"
        return Refused(F36.id, because, "conflict")
    if len(ticket.messages) >= D22.on(eastern_day(message.at)):
        because = f"ticket {ticket.id} is full: ask a new question and name it"
        return Refused(D22.id, because, "too_many_messages")
    state = TicketState.ANSWERED if message.is_ours else TicketState.OPEN
    return replace(ticket, messages=(*ticket.messages, message), state=state)


def to_support(ticket: Ticket, message: TicketMessage, *, to: str, at: datetime) -> Letter:
    """Give the mail that tells support what a partner asks."""
    about = "" if ticket.about is About.NOTHING else f" about {ticket.about} {ticket.about_id}"
    text = (
        f"{ticket.asked_by} of partner {ticket.partner_id} asks{about}:\n\n{message.text}\n\n"
        f"Please answer ticket {ticket.id} in the portal; the partner is written to."
    )
    return _letter(ticket, message, to=to, text=text, at=at)


def to_partner(ticket: Ticket, message: TicketMessage, *, partner: Partner, at: datetime) -> Letter:
    """Give the mail that tells a partner what support answers."""
    text = (
        f"Hello {partner.name},\n\nto your question of {ticket.opened_at:%Y-%m-%d} "
        f"({ticket.subject}):\n\n{message.text}\n\nIf that does not answer it, ask on under "
        f"{ticket.id}."
    )
    return _letter(ticket, message, to=partner.remittance_email, text=text, at=at)


def _letter(ticket: Ticket, message: TicketMessage, *, to: str, text: str, at: datetime) -> Letter:
    return Letter(
        id=derived("LTR", message.id),
        to=to,
        subject=f"[{ticket.id}] {ticket.subject}",
        text=text + _SIGNED,
        thread=ticket.id,
        at=at,
    )
