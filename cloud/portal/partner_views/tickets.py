"""Questions about money to second-line support: asked, asked on, closed."""

from collections.abc import Mapping
from typing import Any, Final

from cloud.funding import process as funding
from cloud.funding.policy import F36
from cloud.funding.tickets import About, Ticket, TicketState
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.ids import derived
from cloud.portal.asking import Absent, Answer, Ask, Go, Page, done, linked
from cloud.portal.partner_views.money_of import chosen, one_of, shown
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portal.whose import ADMIN

VIEWS = Views()
HERE: Final = "/portal/tickets"
STATES: Final[Mapping[str, str]] = {
    TicketState.OPEN: "We owe you an answer",
    TicketState.ANSWERED: "Answered",
    TicketState.CLOSED: "Closed",
}
ABOUT: Final[Mapping[str, str]] = {
    About.NOTHING: "Something else",
    About.PROJECT: "A project",
    About.RUN: "A funding run",
    About.PAYABLE: "A payment",
    About.DEDUCTION: "A reduction",
}


@VIEWS.get(HERE, ADMIN)
def tickets(ask: Ask) -> Page:
    """Show an organisation's questions, those with news first, and the form for a new one (F36)."""
    return _list(ask)


def _list(ask: Ask, typed: AsTyped | None = None) -> Page:
    about, state = chosen(ask), one_of(ask, "state", list(STATES))
    every = funding.tickets_of(ask.records, about.partner_id)
    found = [one for one in every if not state or one.state == state]
    found.sort(key=lambda one: one.messages[-1].at, reverse=True)
    found.sort(key=lambda one: _PLACE.index(one.state))
    counts = {one: sum(it.state == one for it in every) for one in STATES}
    named = one_of(ask, "about", list(ABOUT))
    return Page(
        "partner/tickets.html",
        "Questions about money",
        {
            "about": about,
            "page": shown(ask, found, state=state, organisation=about.asked),
            "tabs": [
                ("All", linked(HERE, organisation=about.asked), len(every), not state),
                *(
                    (
                        says,
                        linked(HERE, state=one, organisation=about.asked),
                        counts[one],
                        state == one,
                    )
                    for one, says in STATES.items()
                ),
            ],
            "says": STATES,
            "kinds": list(ABOUT.items()),
            "named": named or str(About.NOTHING),
            "named_id": ask.query.get("id", "").strip()[:200] if named else "",
            "made": _made(ask),
            "rule": F36.id,
            "typed": typed,
        },
        status=422 if typed else 200,
    )


_PLACE: Final = (TicketState.ANSWERED, TicketState.OPEN, TicketState.CLOSED)
"""What the partner may have to read stands first."""


def _made(ask: Ask) -> str:
    """Give the mark of a form: sent twice it is one question, and a form made later is another."""
    return ask.form["made"] or derived("FORM", ask.by, ask.at.isoformat())


def _key(ask: Ask, *said: str) -> str:
    """Give the name of what is said; other words from the same form are something else."""
    return derived("ASK", ask.form["made"], *said)


@VIEWS.post(HERE, ADMIN)
def new(ask: Ask) -> Answer:
    """Ask second-line support about money; a form sent twice asks once (F36)."""
    typed = Typed(ask.form)
    subject = typed.text("subject", "Say in a few words what it is about.", most=200)
    question = typed.text("question", "Write the question.")
    about = typed.one_of("about", ABOUT, "Choose what it is about.")
    name = typed.text("about_id", most=200) if about != About.NOTHING else ""
    if about in ABOUT and about != About.NOTHING and not name:
        typed.is_wrong("about_id", "Write its number, as the page of it has it.")
    if typed.as_typed:
        return _list(ask, typed.as_typed)
    try:
        answer = funding.ask_tier2(
            ask.records,
            partner_id=ask.partner_id,
            roles=ask.visitor.roles,
            subject=subject,
            question=question,
            about=About(about),
            about_id=name,
            key=_key(ask, subject, question, about, name),
            support=ask.house.desks.aftermarket,
            **ask.acting(),
        )
    except NotFound:
        typed.is_wrong("about_id", "There is no such thing of yours: look at its number.")
        return _list(ask, typed.as_typed)
    if isinstance(answer, Refused):
        return _list(ask, typed.refused(_told(answer)))
    return Go(f"{HERE}/{answer.id}", said="It is asked. You are written to when it is answered.")


def _told(no: Refused) -> str:
    return f"{no.because[:1].upper()}{no.because[1:]} (rule {no.rule})."


@VIEWS.get(HERE + "/{ticket_id}", ADMIN)
def one_ticket(ask: Ask) -> Page:
    """Show one question with all that was said."""
    return _one(ask)


def _own(ask: Ask) -> Ticket:
    try:
        found = funding.own_ticket(
            ask.records, ticket_id=ask.names["ticket_id"], partner_id=ask.partner_id
        )
    except NotFound as none:
        raise Absent from none
    return found.record


def _one(ask: Ask, typed: AsTyped | None = None) -> Page:
    ticket = _own(ask)
    shows: dict[str, Any] = {
        "ticket": ticket,
        "says": STATES,
        "about_words": ABOUT.get(ticket.about, ""),
        "about_to": f"/portal/projects/{ticket.about_id}" if ticket.about is About.PROJECT else "",
        "may_say": ticket.state is not TicketState.CLOSED,
        "made": _made(ask),
        "rule": F36.id,
        "typed": typed,
        "to": f"{HERE}/{ticket.id}",
    }
    return Page("partner/ticket.html", ticket.subject, shows, 422 if typed else 200)


@VIEWS.post(HERE + "/{ticket_id}/messages", ADMIN)
def follow_up(ask: Ask) -> Answer:
    """Add to a question, or ask on after an answer (F36)."""
    ticket, typed = _own(ask), Typed(ask.form)
    text = typed.text("text", "Write what you add.")
    if typed.as_typed:
        return _one(ask, typed.as_typed)
    answer = funding.follow_up(
        ask.records,
        ticket_id=ticket.id,
        partner_id=ask.partner_id,
        roles=ask.visitor.roles,
        text=text,
        key=_key(ask, text),
        support=ask.house.desks.aftermarket,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        return _one(ask, typed.refused(_told(answer)))
    return Go(f"{HERE}/{ticket.id}", said="It is added. You are written to when it is answered.")


@VIEWS.post(HERE + "/{ticket_id}/close", ADMIN)
def close(ask: Ask) -> Answer:
    """Close a question; it needs no answer any more."""
    ticket = _own(ask)
    made = funding.close_ticket(
        ask.records, ticket_id=ticket.id, partner_id=ask.partner_id, **ask.acting()
    )
    return done(made, to=f"{HERE}/{ticket.id}", said="It is closed.")
