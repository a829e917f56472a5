"""Partners' questions about money: what was asked, what was answered, what is closed."""

from collections.abc import Mapping
from typing import Any

from cloud.funding import process as funding
from cloud.funding.policy import F36
from cloud.funding.tickets import About, Ticket, TicketState
from cloud.kernel.decision import Refused
from cloud.portal.asking import Absent, Answer, Ask, Go, Page, done, linked
from cloud.portal.console_views.money_desk import everywhere, one_of, partner_names, shown, told
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.reporting.roles import ACCOUNTANT, ACCOUNTING, AUDITOR, RM

VIEWS = Views()
HERE = "/console/tickets"
READERS = (ACCOUNTANT, ACCOUNTING, RM, AUDITOR)
STATES: Mapping[str, str] = {
    "open": "Wait for an answer",
    "answered": "Answered",
    "closed": "Closed",
}
_WAYS: Mapping[str, str] = {
    About.RUN: "run",
    About.PROJECT: "project",
    About.PAYABLE: "payable",
    About.DEDUCTION: "deduction",
}


@VIEWS.get(HERE, *READERS)
def tickets(ask: Ask) -> Page:
    """Show the questions in one state, the longest waiting first (F36)."""
    state, names = one_of(ask, "state", STATES) or "open", partner_names(ask)
    found = [one.record for one in ask.records.find(Ticket, by="state", value=TicketState(state))]
    found.sort(key=lambda one: (one.messages[-1].at, one.id), reverse=state != "open")
    return Page(
        "console/tickets.html",
        "Questions about money",
        {
            **everywhere(ask),
            "page": shown(ask, found, state=state),
            "states": [
                (says, linked(HERE, state=name), name == state, None)
                for name, says in STATES.items()
            ],
            "says": STATES,
            "state": state,
            "names": names,
        },
    )


@VIEWS.get(HERE + "/{ticket_id}", *READERS)
def one_ticket(ask: Ask) -> Page:
    """Show one question with all that was said to it."""
    return _one(ask)


def _one(ask: Ask, typed: AsTyped | None = None) -> Page:
    found = ask.records.load(Ticket, ask.names["ticket_id"])
    if found is None:
        raise Absent
    ticket, answers = found.record, ACCOUNTANT in ask.visitor.roles
    shows: dict[str, Any] = {
        **everywhere(ask),
        "ticket": ticket,
        "about": _WAYS.get(ticket.about, ""),
        "may_answer": answers and ticket.state is not TicketState.CLOSED,
        "may_close": answers and ticket.state is TicketState.ANSWERED,
        "says": STATES,
        "rule": F36.id,
        "names": partner_names(ask),
        "to": f"{HERE}/{ticket.id}",
        "typed": typed,
        "form": "answer" if typed else "",
        "here": HERE,
    }
    return Page("console/ticket.html", ticket.subject, shows, 422 if typed else 200)


@VIEWS.post(HERE + "/{ticket_id}/answer", ACCOUNTANT)
def answer(ask: Ask) -> Answer:
    """Answer a question, on record and by mail (F36)."""
    typed = Typed(ask.form)
    text = typed.text("text", "Write the answer.")
    if typed.as_typed:
        return _one(ask, typed.as_typed)
    ticket_id = ask.names["ticket_id"]
    made = funding.answer_ticket(ask.records, ticket_id=ticket_id, text=text, **ask.acting())
    if isinstance(made, Refused):
        return _one(ask, typed.refused(told(made)))
    return Go(f"{HERE}/{ticket_id}", said="It is answered, here and by mail.")


@VIEWS.post(HERE + "/{ticket_id}/close", ACCOUNTANT)
def close(ask: Ask) -> Answer:
    """Close a question that was answered (F36)."""
    ticket_id = ask.names["ticket_id"]
    made = funding.close_ticket(ask.records, ticket_id=ticket_id, **ask.acting())
    return done(made, to=f"{HERE}/{ticket_id}", said="It is closed.")
