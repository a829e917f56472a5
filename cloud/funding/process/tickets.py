"""Asking second-line support about money, and answering, each message once (F36)."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from cloud.funding.approval import is_allowed
from cloud.funding.models import Deduction, FundingRun, Payable
from cloud.funding.policy import F27, F36
from cloud.funding.process.belonging import is_own
from cloud.funding.tickets import (
    About,
    Ticket,
    TicketMessage,
    TicketState,
    message_id,
    said,
    to_partner,
    to_support,
)
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import NEW, Change, Event, Letter, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner, Project

_QUESTION = "question"
_KINDS: Mapping[About, type[Any]] = {
    About.PROJECT: Project,
    About.PAYABLE: Payable,
    About.DEDUCTION: Deduction,
}


def ask_tier2(
    records: Records,
    *,
    partner_id: str,
    roles: Collection[str],
    subject: str,
    question: str,
    key: str,
    at: datetime,
    by: str,
    about: About = About.NOTHING,
    about_id: str = "",
    support: str = "",
) -> Ticket | Refused:
    """Ask a question about money, once a key; only Accounting Admins ask (F27, F36).

    Args:
        records: where everything is kept.
        partner_id: the organisation of who asks.
        roles: of who asks, in that organisation.
        subject: what it is about in a few words.
        question: the question.
        key: the asker's own name for it; the same one again is the same ticket.
        at: when.
        by: who.
        about: what kind of thing it names.
        about_id: which one; it must be that organisation's.
        support: where questions are written to; without one they stand in the list only.

    Raises:
        NotFound: what it names does not exist for that organisation.
    """
    refused = _may_not_ask(roles, at)
    if refused is not None:
        return refused
    if not subject.strip() or not question.strip():
        return Refused(F36.id, "a ticket has a subject and a question", "question_missing")
    ticket_id = derived("TKT", partner_id, by, key)
    known = records.load(Ticket, ticket_id)
    told = (subject.strip(), question.strip(), about, about_id)
    if known is not None:
        same = known.record
        is_same = (same.subject, same.question, same.about, same.about_id) == told
        return same if is_same else _key_used(key)
    _require_own(records, about, about_id, partner_id)
    message = TicketMessage(
        message_id(ticket_id, by, _QUESTION), by, is_ours=False, text=question.strip(), at=at
    )
    ticket = Ticket(
        id=ticket_id,
        partner_id=partner_id,
        asked_by=by,
        subject=subject.strip(),
        about=about,
        about_id=about_id,
        opened_at=at,
        messages=(message,),
    )
    records.commit(_opened(ticket, support))
    return ticket


def _key_used(key: str) -> Refused:
    because = f"the key {key!r} was used for another question: use a new one"
    return Refused(F36.id, because, "key_used")


def _opened(ticket: Ticket, support: str) -> Change:
    """Give what opens a ticket, and the letter with its question."""
    at, about = ticket.opened_at, (ticket.about_id or ticket.partner_id,)
    event = Event(ticket.id, "ticket_opened", at, ticket.asked_by, F36.id, about, ticket.subject)
    letters = _to_support(ticket, ticket.messages[0], support, at)
    return Change(saves=(Save(ticket, NEW),), events=(event,), letters=letters)


def follow_up(
    records: Records,
    *,
    ticket_id: str,
    partner_id: str,
    roles: Collection[str],
    text: str,
    key: str,
    at: datetime,
    by: str,
    support: str = "",
) -> Ticket | Refused:
    """Ask on, or add to a question, once a key; an answered ticket is open again (F36).

    Raises:
        NotFound: the ticket is not that organisation's.
    """
    stored = own_ticket(records, ticket_id=ticket_id, partner_id=partner_id)
    refused = _may_not_ask(roles, at)
    if refused is not None:
        return refused
    message = TicketMessage(
        message_id(ticket_id, by, key), by, is_ours=False, text=text.strip(), at=at
    )
    return _say(records, stored, message, support=support)


def answer_ticket(
    records: Records, *, ticket_id: str, text: str, at: datetime, by: str
) -> Ticket | Refused:
    """Answer a partner's question, on record and by mail (F36).

    The same answer to the same question is given once, whoever presses twice.
    """
    stored = load_ticket(records, ticket_id)
    asked = [one.id for one in stored.record.messages if not one.is_ours]
    name = message_id(ticket_id, "support", f"{asked[-1]} {text.strip()}")
    message = TicketMessage(name, by, is_ours=True, text=text.strip(), at=at)
    return _say(records, stored, message)


def close_ticket(
    records: Records, *, ticket_id: str, at: datetime, by: str, partner_id: str = ""
) -> Ticket | Refused:
    """Close a ticket, by either side; closing it again changes nothing.

    Args:
        records: where everything is kept.
        ticket_id: the ticket.
        at: when.
        by: who.
        partner_id: the caller's organisation where a partner calls, empty for our own people, who
            close what was answered only.

    Raises:
        NotFound: the ticket is not that organisation's.
    """
    if partner_id:
        stored = own_ticket(records, ticket_id=ticket_id, partner_id=partner_id)
    else:
        stored = load_ticket(records, ticket_id)
    ticket = stored.record
    if ticket.state is TicketState.CLOSED:
        return ticket
    if ticket.state is TicketState.OPEN and not partner_id:
        return Refused(F36.id, f"ticket {ticket_id} is not answered yet", "not_answered")
    after = replace(ticket, state=TicketState.CLOSED, closed_by=by)
    says = f"{by} closes ticket {ticket_id}"
    event = Event(ticket_id, "ticket_closed", at, by, F36.id, (), says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def tickets_of(records: Records, partner_id: str) -> list[Ticket]:
    """Give an organisation's tickets, oldest first."""
    found = records.find(Ticket, by="partner_id", value=partner_id)
    return sorted((one.record for one in found), key=lambda one: (one.opened_at, one.id))


def load_ticket(records: Records, ticket_id: str) -> Stored[Ticket]:
    """Give a ticket with its version.

    Raises:
        NotFound: there is none of that id.
    """
    return require(records.load(Ticket, ticket_id), "ticket", ticket_id)


def own_ticket(records: Records, *, ticket_id: str, partner_id: str) -> Stored[Ticket]:
    """Give a ticket to the organisation that it belongs to, or to that one's parent.

    Raises:
        NotFound: it does not exist, or is another organisation's: the caller cannot tell which.
    """
    stored = records.load(Ticket, ticket_id)
    if stored is None or not is_own(records, partner_id=partner_id, other=stored.record.partner_id):
        msg = f"ticket {ticket_id} is not known here: check the id"
        raise NotFound(msg)
    return stored


def _say(
    records: Records, stored: Stored[Ticket], message: TicketMessage, *, support: str = ""
) -> Ticket | Refused:
    if not message.text:
        return Refused(F36.id, "a message says something", "text_missing")
    ticket = stored.record
    after = said(ticket, message)
    if isinstance(after, Refused) or after == ticket:
        return after
    what = "ticket_answered" if message.is_ours else "ticket_asked_on"
    event = Event(ticket.id, what, message.at, message.by, F36.id, (), ticket.subject)
    if message.is_ours:
        found = records.load(Partner, ticket.partner_id)
        partner = require(found, "partner", ticket.partner_id).record
        letters: tuple[Letter, ...] = (to_partner(ticket, message, partner=partner, at=message.at),)
    else:
        letters = _to_support(ticket, message, support, message.at)
    mailed = tuple(one for one in letters if one.to)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), letters=mailed))
    return after


def _to_support(
    ticket: Ticket, message: TicketMessage, support: str, at: datetime
) -> tuple[Letter, ...]:
    return (to_support(ticket, message, to=support, at=at),) if support else ()


def _may_not_ask(roles: Collection[str], at: datetime) -> Refused | None:
    today = eastern_day(at)
    if is_allowed(roles, F36.on(today), same_organisation=True, on=today):
        return None
    because = f"questions about funding are for the role {F27.on(today)}"
    return Refused(F36.id, because, "not_accounting_admin")


def _require_own(records: Records, about: About, about_id: str, partner_id: str) -> None:
    """Look whether what a question names is the organisation's own; runs are everybody's.

    Raises:
        NotFound: it is not, or there is no such thing.
    """
    if about is About.NOTHING:
        return
    if about is About.RUN:
        require(records.load(FundingRun, about_id), "run", about_id)
        return
    found = records.load(_KINDS[about], about_id)
    if found is None or not is_own(records, partner_id=partner_id, other=found.record.partner_id):
        msg = f"{about} {about_id} is not known here: check the id"
        raise NotFound(msg)
