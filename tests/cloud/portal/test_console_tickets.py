"""Partners' questions about money in the console: read, answered, closed."""

from datetime import timedelta

import pytest
from money_street import Street

from cloud.funding import process
from cloud.funding.tickets import About, Ticket

PATH = "/console/tickets"


class Desk(Street):
    def __init__(self) -> None:
        super().__init__()
        self.project("PRJ-1")
        for who, group in {
            "alan": "accounting",
            "ada": "accounting_admin",
            "ron": "relationship_manager",
            "otto": "auditor",
            "sam": "spc",
        }.items():
            self.owner_person(who, group)

    def asked(self, key: str = "one") -> Ticket:
        made = process.ask_tier2(
            self.records,
            partner_id="P-A",
            roles=frozenset({"accounting_admin"}),
            subject="What was taken",
            question=f"Why is it less? ({key})",
            key=key,
            about=About.PROJECT,
            about_id="PRJ-1",
            at=self.now,
            by="ines",
        )
        assert isinstance(made, Ticket), made
        return made


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_waits_longest_is_first(desk):
    first = desk.asked()
    desk.clock.at += timedelta(hours=1)
    second = desk.asked("two")
    page = desk.page("alan", PATH)
    assert page.text.index(first.id) < page.text.index(second.id)
    for words in ("What was taken", "Why is it less? (one)", "Alder Solar", "PRJ-1", "1 h ago"):
        assert words in page.plain


@pytest.mark.parametrize(
    ("query", "says"),
    [
        pytest.param("", "No question waits", id="none waits"),
        pytest.param("?state=closed", "No question stands so", id="none is closed"),
        pytest.param("?state=rain", "No question waits", id="no state"),
    ],
)
def test_an_empty_list_says_what_would_stand_there(desk, query, says):
    assert says in desk.page("otto", PATH + query).plain


@pytest.mark.rule("F36")
def test_a_question_is_answered_once_and_closed(desk):
    made = desk.asked()
    assert "Close it" not in desk.page("alan", f"{PATH}/{made.id}").plain
    for _ in range(2):
        sent = desk.send("alan", f"{PATH}/{made.id}/answer", text="A clawback ended.")
    assert "It is answered, here and by mail." in desk.after("alan", sent).plain
    assert [one.is_ours for one in desk.get(Ticket, made.id).messages] == [False, True]
    assert "Our answer A clawback ended." in desk.page("otto", f"{PATH}/{made.id}").plain
    desk.send("alan", f"{PATH}/{made.id}/close")
    page = desk.page("alan", f"{PATH}/{made.id}")
    assert "Closed by alan" in page.plain
    assert "/answer" not in page.text


def test_an_open_one_is_not_closed_by_us(desk):
    made = desk.asked()
    page = desk.after("alan", desk.send("alan", f"{PATH}/{made.id}/close"))
    assert "is not answered yet Rule F36" in page.plain


def test_a_missing_or_late_answer_is_told_and_what_was_written_stays(desk):
    made = desk.asked()
    wrong = desk.send("alan", f"{PATH}/{made.id}/answer", text="")
    assert (wrong.status, "Write the answer." in wrong.plain) == (422, True)
    process.close_ticket(desk.records, ticket_id=made.id, partner_id="P-A", at=desk.now, by="ines")
    late = desk.send("alan", f"{PATH}/{made.id}/answer", text="my own words")
    assert late.status == 422
    assert "Rule F36." in late.plain
    assert "my own words" in late.plain


@pytest.mark.parametrize(
    ("who", "reads"),
    [
        pytest.param("ada", 200, id="accounting admin"),
        pytest.param("ron", 200, id="relationship manager"),
        pytest.param("otto", 200, id="auditor"),
        pytest.param("sam", 403, id="coordinator"),
    ],
)
def test_only_accounting_answers(desk, who, reads):
    made = desk.asked()
    page = desk.page(who, f"{PATH}/{made.id}")
    assert (page.status, desk.page(who, PATH).status) == (reads, reads)
    assert f"{made.id}/answer" not in page.text
    for deed in ("answer", "close"):
        assert desk.send(who, f"{PATH}/{made.id}/{deed}", text="x").status == 403
    assert desk.page("otto", f"{PATH}/TIC-NONE").status == 404
