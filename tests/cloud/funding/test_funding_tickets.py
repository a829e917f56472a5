"""Questions about money: who asks, what is named, and that each message is said once."""

from datetime import UTC, datetime, timedelta

import pytest
from funding_world import RUN_ID, World, partner

from cloud.funding import process
from cloud.funding.tickets import About, TicketState
from cloud.kernel.errors import NotFound
from cloud.portfolio.models import TEST

AT = datetime(2026, 12, 2, 14, 0, tzinfo=UTC)
ADMIN = frozenset({"accounting_admin"})


@pytest.fixture
def world():
    made = World(
        [
            partner("P-A", parent_id="P-UP"),
            partner("P-B", parent_id="P-UP"),
            partner("P-UP"),
            partner("P-TRY", mode=TEST),
        ]
    )
    made.m1("PRJ-1")
    made.offset("OFF-1", 100_00)
    return made


def ask(world, *, key="k1", owner="P-A", roles=ADMIN, question="why?", at=AT, **changes):
    return process.ask_tier2(
        world.records,
        partner_id=owner,
        roles=roles,
        subject=changes.pop("subject", "A payment"),
        question=question,
        key=key,
        at=at,
        by="client",
        support="support@owner.example",
        **changes,
    )


def follow(world, ticket, *, text="and?", key="k2", owner="P-A", roles=ADMIN, at=AT):
    return process.follow_up(
        world.records,
        ticket_id=ticket.id,
        partner_id=owner,
        roles=roles,
        text=text,
        key=key,
        at=at,
        by="client",
        support="support@owner.example",
    )


def answer(world, ticket, text="because", by="ana", at=AT):
    return process.answer_ticket(world.records, ticket_id=ticket.id, text=text, at=at, by=by)


def letters(world, to):
    return [one for one in world.records.letters.values() if one.to == to]


@pytest.mark.rule("F36")
@pytest.mark.rule("F27")
@pytest.mark.parametrize(
    ("roles", "may"),
    [
        pytest.param({"accounting_admin"}, True, id="an Accounting Admin"),
        pytest.param({"sales", "operations"}, False, id="others"),
        pytest.param(set(), False, id="nobody"),
    ],
)
def test_only_accounting_admins_ask(world, roles, may):
    answered = ask(world, roles=roles)
    assert getattr(answered, "code", "") == ("" if may else "not_accounting_admin")
    assert len(letters(world, "support@owner.example")) == may
    if may:
        assert follow(world, answered, roles={"sales"}).code == "not_accounting_admin"


@pytest.mark.rule("F36")
def test_a_question_is_asked_once_a_key(world):
    first = ask(world)
    assert ask(world, at=AT + timedelta(1)) == first
    assert ask(world, question="something else").code == "key_used"
    assert ask(world, about=About.PROJECT, about_id="PRJ-1").code == "key_used"
    assert ask(world, key="k9").id != first.id
    assert ask(world, owner="P-B").id != first.id
    assert len(letters(world, "support@owner.example")) == 3


@pytest.mark.parametrize(
    "changes", [{"question": " "}, {"subject": ""}], ids=["question", "subject"]
)
def test_a_question_says_something(world, changes):
    assert ask(world, **changes).code == "question_missing"


def test_what_a_question_names_is_the_organisations_own(world):
    world.prepare()
    payable = world.records.find(_payable(), by="project_id", value="PRJ-1")[0].record.id
    named = [
        (About.PROJECT, "PRJ-1"),
        (About.PAYABLE, payable),
        (About.DEDUCTION, "OFF-1"),
        (About.RUN, RUN_ID),
    ]
    for place, (about, about_id) in enumerate(named):
        made = ask(world, key=f"own-{place}", about=about, about_id=about_id)
        assert (made.about, made.about_id) == (about, about_id)
        assert ask(world, key=f"up-{place}", owner="P-UP", about=about, about_id=about_id).id
        with pytest.raises(NotFound):
            ask(world, key="none", about=about, about_id="nobody")
    for about, about_id in named[:3]:
        for stranger in ("P-B", "P-TRY"):
            with pytest.raises(NotFound, match="is not known here"):
                ask(world, key="strange", owner=stranger, about=about, about_id=about_id)


def _payable():
    from cloud.funding.models import Payable

    return Payable


@pytest.mark.rule("F36")
def test_answers_go_to_the_partner_once(world):
    ticket = ask(world)
    first = answer(world, ticket)
    assert first.state is TicketState.ANSWERED
    assert answer(world, ticket, by="bob", at=AT + timedelta(1)) == first, "pressed twice"
    (mailed,) = letters(world, "money@partner.example")
    assert "because" in mailed.text
    again = follow(world, ticket)
    assert again.state is TicketState.OPEN
    assert follow(world, ticket, at=AT + timedelta(1)) == again
    assert answer(world, ticket).state is TicketState.ANSWERED, "the same words to a new question"
    assert len(letters(world, "money@partner.example")) == 2
    assert len(letters(world, "support@owner.example")) == 2
    assert [one.text for one in answer(world, ticket).messages] == [
        "why?",
        "because",
        "and?",
        "because",
    ]


def test_an_empty_answer_is_none(world):
    assert answer(world, ask(world), text=" ").code == "text_missing"


def test_others_tickets_are_not_there(world):
    ticket = ask(world)
    for stranger in ("P-B", "P-TRY", "P-NOBODY"):
        with pytest.raises(NotFound):
            follow(world, ticket, owner=stranger)
        with pytest.raises(NotFound):
            process.close_ticket(
                world.records, ticket_id=ticket.id, partner_id=stranger, at=AT, by="x"
            )
    assert follow(world, ticket, owner="P-UP").messages[-1].text == "and?"
    theirs = ask(world, owner="P-UP")
    with pytest.raises(NotFound):
        follow(world, theirs, owner="P-A")
    assert process.tickets_of(world.records, "P-UP") == [theirs]


def test_closing(world):
    ticket = ask(world)

    def close(owner=""):
        return process.close_ticket(
            world.records, ticket_id=ticket.id, partner_id=owner, at=AT, by="x"
        )

    assert close().code == "not_answered"
    answer(world, ticket)
    closed = close()
    assert closed.state is TicketState.CLOSED
    assert close("P-A") == closed
    assert follow(world, ticket).code == "conflict"
    assert answer(world, ticket, text="more").code == "conflict"
    other = ask(world, key="k3")
    ticket = other
    assert close("P-A").state is TicketState.CLOSED, "who asked may close what is open"


@pytest.mark.rule("D22")
def test_a_ticket_holds_twenty_messages(world):
    ticket = ask(world)
    for place in range(19):
        ticket = follow(world, ticket, text=f"{place}", key=f"m{place}")
    assert len(ticket.messages) == 20
    assert follow(world, ticket, text="more", key="more").code == "too_many_messages"
    assert answer(world, ticket).code == "too_many_messages"
    assert follow(world, ticket, text="18", key="m18") == ticket
