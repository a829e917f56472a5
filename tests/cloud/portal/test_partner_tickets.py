"""A partner's questions about money in the portal: asked once, asked on, closed, and kept apart."""

import pytest
from money_street import Street

from cloud.funding import process
from cloud.funding.tickets import Ticket, TicketState

PATH = "/portal/tickets"
ASKED = {
    "made": "FORM-1",
    "subject": "What was taken",
    "about": "project",
    "about_id": "PRJ-1",
    "question": "Why is it less?",
}


@pytest.fixture
def street() -> Street:
    world = Street()
    world.project("PRJ-1")
    world.project("PRJ-Z", "P-Z")
    return world


def asked(world, **differs):
    return world.send("ines", PATH, **(ASKED | differs))


def tickets(world, of="P-A"):
    return process.tickets_of(world.records, of)


def test_a_question_is_asked_once_however_often_it_is_sent(street):
    page = street.after("ines", asked(street))
    assert "It is asked." in page.plain
    assert "Why is it less?" in page.plain
    asked(street)
    (ticket,) = tickets(street)
    assert (ticket.about_id, ticket.asked_by) == ("PRJ-1", "ines")
    assert [one.to for one in street.records.letters.values() if ticket.id in one.subject] == [
        "operations@owner.example"
    ]


@pytest.mark.parametrize(
    "differs",
    [
        pytest.param({"question": "And why now?"}, id="other words in the same form"),
        pytest.param({"made": "FORM-2"}, id="the same words in another form"),
    ],
)
def test_another_question_is_another(street, differs):
    asked(street)
    asked(street, **differs)
    assert len(tickets(street)) == 2


@pytest.mark.parametrize(
    ("differs", "says"),
    [
        pytest.param({"subject": ""}, "Say in a few words", id="no subject"),
        pytest.param({"question": ""}, "Write the question.", id="no question"),
        pytest.param({"about": "x"}, "Choose what it is about.", id="about no such kind"),
        pytest.param({"about_id": ""}, "Write its number", id="no number"),
        pytest.param({"about_id": "PRJ-Z"}, "no such thing of yours", id="another's project"),
        pytest.param({"about_id": "PRJ-NONE"}, "no such thing of yours", id="no project"),
        pytest.param({"subject": "x" * 201}, "at most 200 characters", id="a long subject"),
    ],
)
def test_a_wrong_question_keeps_what_was_typed(street, differs, says):
    page = asked(street, **({"question": "My own words"} | differs))
    assert page.status == 422
    assert says in page.plain
    assert ("My own words" in page.text) == ("question" not in differs)
    assert not tickets(street)


def test_it_is_answered_asked_on_and_closed(street):
    asked(street)
    (ticket,) = tickets(street)
    process.answer_ticket(
        street.records, ticket_id=ticket.id, text="It is the warranty.", at=street.now, by="alan"
    )
    assert "Answered 1" in street.page("ines", PATH).plain
    one = f"{PATH}/{ticket.id}"
    assert "It is the warranty." in street.page("ines", one).plain
    wrong = street.send("ines", f"{one}/messages", made="F", text=" ")
    assert (wrong.status, "Write what you add." in wrong.plain) == (422, True)
    for _ in range(2):
        street.send("ines", f"{one}/messages", made="F", text="Which inverter?")
    assert [item.text for item in street.get(Ticket, ticket.id).messages][2:] == ["Which inverter?"]
    assert street.get(Ticket, ticket.id).state is TicketState.OPEN
    page = street.after("ines", street.send("ines", f"{one}/close"))
    assert "It is closed." in page.plain
    late = street.send("ines", f"{one}/messages", made="G", text="One more")
    assert late.status == 422
    assert "closed" in late.plain


def test_whose_questions_they_are(street):
    asked(street)
    (ticket,) = tickets(street)
    assert street.page("bo", PATH).status == 403
    assert street.send("bo", PATH, **ASKED).status == 403
    assert "What was taken" not in street.page("zoe", PATH).plain
    for path in (f"{PATH}/{ticket.id}", f"{PATH}/TKT-NONE"):
        assert street.page("zoe", path).status == 404
        assert street.send("zoe", f"{path}/messages", text="x").status == 404
        assert street.send("zoe", f"{path}/close").status == 404
    assert street.get(Ticket, ticket.id).state is TicketState.OPEN


def test_a_page_may_name_what_the_question_is_about(street):
    page = street.page("ines", f"{PATH}?about=project&id=PRJ-1")
    assert 'value="PRJ-1"' in page.text
    assert "No question stands here" in page.plain
