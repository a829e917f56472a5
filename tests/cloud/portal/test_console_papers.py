"""Papers and bank details in the console: accepted or refused, and changed by two people."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from money_street import NOW, Street

from cloud.kernel.secret import Secret
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import Partner, Prenote
from cloud.portfolio.papers import (
    REVIEW,
    BankChange,
    DocumentKind,
    DocumentState,
    PartnerDocument,
)

PATH, BANK = "/console/papers", "/console/bank_changes"
ROUTING, ACCOUNT = "021000021", "000987654321"


class Desk(Street):
    """Alder's papers; alan prepares, ada and abe agree, pat looks after projects."""

    def __init__(self, **differs: object) -> None:
        super().__init__(now=NOW, **differs)
        for who, group in {
            "alan": "accounting",
            "ada": "accounting_admin",
            "both": "accounting accounting_admin",
            "pat": "projects",
            "ron": "relationship_manager",
            "otto": "auditor",
            "sam": "spc",
        }.items():
            self.owner_person(who, *group.split())

    def paper(self, kind: DocumentKind = DocumentKind.W9, **differs: object) -> PartnerDocument:
        made = PartnerDocument(
            id=f"DOC-{kind}",
            partner_id="P-A",
            kind=kind,
            reference=f"papers/P-A/{kind}.pdf",
            recorded_at=NOW - timedelta(days=2),
            recorded_by="ines",
            state=DocumentState.WAITING,
        )
        made = replace(made, **differs)
        self.save(made)
        return made

    def case_paper(self) -> PartnerDocument:
        self.project("PRJ-1")
        return self.paper(DocumentKind.COMPLIANCE, project_id="PRJ-1", task=REVIEW)

    def asked(self, by: str = "alan") -> BankChange:
        paper = self.paper(DocumentKind.BANK_AUTHORIZATION)
        made = portfolio.ask_bank_change(
            self.records,
            partner_id="P-A",
            routing_number=ROUTING,
            account_number=Secret(ACCOUNT),
            authorization_id=paper.id,
            at=self.now,
            by=by,
        )
        assert isinstance(made, BankChange), made
        return made

    def alder(self) -> Partner:
        return self.get(Partner, "P-A")


@pytest.fixture
def desk() -> Desk:
    return Desk(w9_on_file=False)


# ---- papers --------------------------------------------------------------------------------------


def test_what_waits_is_listed(desk):
    made = desk.paper()
    page = desk.page("alan", PATH)
    assert f"{PATH}/{made.id}" in page.text
    for words in ("W-9", "Alder Solar", "2 d ago", "ines", "No change of bank details waits"):
        assert words in page.plain


@pytest.mark.parametrize(
    ("path", "says"),
    [
        pytest.param(PATH, "No paper waits", id="no paper"),
        pytest.param(f"{PATH}?state=refused", "No paper stands so", id="none refused"),
        pytest.param(f"{BANK}?state=agreed", "No change stands so", id="no change"),
    ],
)
def test_an_empty_list_says_what_would_stand_there(desk, path, says):
    assert says in desk.page("alan", path).plain


@pytest.mark.rule("F05")
def test_a_paper_is_accepted_and_opens_its_gate(desk):
    made = desk.paper()
    page = desk.page("alan", f"{PATH}/{made.id}")
    assert "Missing W-9" in page.plain
    assert "Accept it" in page.plain
    after = desk.after("alan", desk.send("alan", f"{PATH}/{made.id}/accept"))
    assert "Payments no longer wait for it" in after.plain
    assert "On file W-9" in after.plain
    assert desk.alder().w9_on_file
    assert desk.send("alan", f"{PATH}/{made.id}/accept").status == 303, "twice is once"


def test_a_paper_is_refused_and_the_reason_is_kept(desk):
    made = desk.paper()
    wrong = desk.send("alan", f"{PATH}/{made.id}/refuse", refuse_reason="")
    assert (wrong.status, "Say why" in wrong.plain) == (422, True)
    desk.send("alan", f"{PATH}/{made.id}/refuse", refuse_reason="it is not signed")
    assert "Refused: it is not signed" in desk.page("ron", f"{PATH}/{made.id}").plain
    assert not desk.alder().w9_on_file
    page = desk.send("alan", f"{PATH}/{made.id}/refuse", refuse_reason="again, with other words")
    assert page.status == 303, "the same person's refusal stands"


@pytest.mark.parametrize(
    ("deed", "fields"),
    [
        pytest.param("refuse", {"refuse_reason": "my own words"}, id="refused"),
        pytest.param("bank_change", {"routing_number": "021000021"}, id="a change"),
    ],
)
def test_what_does_not_go_any_more_is_refused_and_nothing_typed_is_lost(desk, deed, fields):
    made = desk.paper(state=DocumentState.ON_FILE)
    number = {"account_number": ACCOUNT, "account_again": ACCOUNT}
    more = {**number, "account_kind": "checking"} if len(deed) > 6 else {}
    page = desk.send("alan", f"{PATH}/{made.id}/{deed}", **fields, **more)
    assert page.status == 422
    assert "Rule F05." in page.plain
    assert next(iter(fields.values())) in page.plain
    assert ACCOUNT not in page.text


@pytest.mark.parametrize(
    ("deed", "name"),
    [
        pytest.param("withdraw", "withdraw_reason", id="withdrawn without a reason"),
        pytest.param("bank_change", "routing_number", id="no bank details"),
    ],
)
def test_what_is_missing_is_asked_for(desk, deed, name):
    made = desk.paper(state=DocumentState.ON_FILE)
    assert desk.send("alan", f"{PATH}/{made.id}/{deed}", **{name: ""}).status == 422


def test_a_paper_that_is_only_announced_cannot_be_opened(desk):
    made = desk.paper(state=DocumentState.ANNOUNCED, reference="")
    assert "Open the file" not in desk.page("alan", f"{PATH}/{made.id}").plain
    page = desk.after("alan", desk.page("alan", f"{PATH}/{made.id}/file"))
    assert "there is nothing to show Rule U-08" in page.plain


def test_a_paper_is_withdrawn_and_closes_its_gate(desk):
    made = desk.paper()
    desk.send("alan", f"{PATH}/{made.id}/accept")
    desk.send("ron", f"{PATH}/{made.id}/withdraw", withdraw_reason="a new name")
    assert desk.get(PartnerDocument, made.id).state is DocumentState.WITHDRAWN
    assert not desk.alder().w9_on_file


def test_what_one_put_there_oneself_is_marked(desk):
    made = desk.paper(recorded_by="alan")
    assert "You put it there" in desk.page("alan", PATH).plain
    assert "better that somebody else looks" in desk.page("alan", f"{PATH}/{made.id}").plain


@pytest.mark.parametrize(
    ("who", "listed", "opened", "shown"),
    [
        pytest.param("alan", 200, 303, 200, id="accounting"),
        pytest.param("ada", 200, 303, 200, id="accounting admin"),
        pytest.param("otto", 200, 403, 200, id="auditor opens no file"),
        pytest.param("ron", 403, 403, 200, id="relationship manager"),
        pytest.param("pat", 200, 404, 404, id="projects sees no W-9"),
        pytest.param("sam", 403, 403, 403, id="coordinator"),
    ],
)
def test_who_sees_a_partners_papers(desk, who, listed, opened, shown):
    made = desk.paper()
    assert desk.page(who, PATH).status == listed
    assert desk.page(who, f"{PATH}/{made.id}").status == shown
    assert desk.page(who, f"{PATH}/{made.id}/file").status == opened
    assert (f"{PATH}/{made.id}" in desk.page(who, PATH).text) is (listed == 200 and shown == 200)


@pytest.mark.rule("F18")
def test_a_paper_of_a_case_is_looked_at_by_who_looks_after_projects(desk):
    made = desk.case_paper()
    listed = desk.page("pat", PATH)
    assert f"{PATH}/{made.id}" in listed.text
    assert "Bank details" not in listed.plain
    assert desk.page("pat", f"{PATH}/{made.id}/file").status == 303
    assert "I looked at it" in desk.page("pat", f"{PATH}/{made.id}").plain
    desk.send("pat", f"{PATH}/{made.id}/review")
    assert desk.get(PartnerDocument, made.id).reviewed_by == "pat"
    assert "I looked at it" not in desk.page("pat", f"{PATH}/{made.id}").plain


@pytest.mark.parametrize("who", ["ada", "otto", "ron"])
@pytest.mark.parametrize("deed", ["accept", "refuse", "review"])
def test_only_accounting_decides_on_papers(desk, who, deed):
    made = desk.paper()
    assert desk.send(who, f"{PATH}/{made.id}/{deed}").status == 403
    assert f"{made.id}/{deed}" not in desk.page(who, f"{PATH}/{made.id}").text


# ---- bank details --------------------------------------------------------------------------------


def test_an_authorization_beside_one_asks_for_a_change_and_hides_the_account(desk):
    paper = desk.paper(DocumentKind.BANK_AUTHORIZATION)
    page = desk.page("alan", f"{PATH}/{paper.id}")
    assert "this one is for another account" in page.plain
    assert f"{paper.id}/accept" not in page.text
    told = {
        "routing_number": "123456789",
        "account_number": ACCOUNT,
        "account_again": ACCOUNT,
        "account_kind": "checking",
    }
    wrong = desk.send("alan", f"{PATH}/{paper.id}/bank_change", **told)
    assert wrong.status == 422
    assert "Rule P-85" in wrong.plain
    assert ACCOUNT not in wrong.text, "an account number is never sent back"
    told["routing_number"] = ROUTING
    after = desk.after("alan", desk.send("alan", f"{PATH}/{paper.id}/bank_change", **told))
    assert "The partner is told at once" in after.plain
    assert "••••4321" in after.plain
    assert ACCOUNT not in after.text


@pytest.mark.parametrize(
    ("again", "says"),
    [
        pytest.param("", "The two numbers differ", id="written once"),
        pytest.param("000987654312", "The two numbers differ", id="two digits changed about"),
    ],
)
def test_the_account_number_is_written_twice(desk, again, says):
    paper = desk.paper(DocumentKind.BANK_AUTHORIZATION)
    wrong = desk.send(
        "alan",
        f"{PATH}/{paper.id}/bank_change",
        routing_number=ROUTING,
        account_number=ACCOUNT,
        account_again=again,
        account_kind="checking",
    )
    assert (wrong.status, says in wrong.plain) == (422, True)
    assert ROUTING in wrong.text
    assert ACCOUNT not in wrong.text
    assert "000987654312" not in wrong.text, "neither of the two is sent back"
    assert not desk.records.find(BankChange, by="partner_id", value="P-A")


def test_a_routing_number_that_can_be_none_is_shown_as_such(desk):
    made = desk.asked()
    desk.save(replace(made, routing_number="123456789"))
    shown = desk.page("ada", f"{BANK}/{made.id}").plain
    assert re.search(r"123456789 \W*check digit wrong", shown)


def test_who_agrees_is_led_to_the_authorization_it_is_compared_with(desk):
    made = desk.asked()
    page = desk.page("ada", f"{BANK}/{made.id}")
    assert f"{PATH}/{made.authorization_id}/file" in page.text
    assert "an account that ends in ••••4321" in page.plain
    assert 'name="compared"' not in desk.page("alan", f"{BANK}/{made.id}").text


@pytest.mark.rule("P-81")
def test_two_people_and_a_hold(desk):
    made = desk.asked()
    listed = desk.page("ada", PATH)
    assert f"{BANK}/{made.id}" in listed.text
    page = desk.page("ada", f"{BANK}/{made.id}")
    assert "••••0732" in page.plain
    assert "••••4321" in page.plain
    assert "Before you agree: call back" in page.plain
    assert re.search(f"{ROUTING} \\W*check digit right", page.plain), "a bank's number is no secret"
    assert ACCOUNT not in page.text
    unseen = desk.send("ada", f"{BANK}/{made.id}/agree")
    assert (unseen.status, "Open the authorization, compare" in unseen.plain) == (422, True)
    assert desk.get(BankChange, made.id).agreed_by == ""
    after = desk.after("ada", desk.send("ada", f"{BANK}/{made.id}/agree", compared="yes"))
    assert "You agreed" in after.plain
    assert "Agreed by ada" in after.plain
    assert desk.get(BankChange, made.id).agreed_by == "ada"
    assert desk.alder().account_number.last4 == "0732", "the hold is not over"


def test_when_the_hold_is_over_it_can_be_applied_and_the_bank_is_asked(desk):
    made = desk.asked()
    desk.send("ada", f"{BANK}/{made.id}/agree", compared="yes")
    assert f"{made.id}/apply" not in desk.page("alan", f"{BANK}/{made.id}").text
    desk.clock.at += timedelta(days=10)
    desk._jars.clear()  # A session is good for one day.
    assert "Its hold is over" in desk.page("alan", f"{BANK}/{made.id}").plain
    assert desk.send("ada", f"{BANK}/{made.id}/apply").status == 403
    desk.send("alan", f"{BANK}/{made.id}/apply")
    portfolio.apply_bank_change(desk.records, change_id=made.id, at=desk.now)
    page = desk.page("otto", f"{BANK}/{made.id}")
    assert "asked about the account with the next run" in page.plain
    desk.save(replace(desk.alder(), prenote=Prenote.SENT, prenote_sent_on=desk.now.date()))
    assert "money may follow from" in desk.page("otto", f"{BANK}/{made.id}").plain


@pytest.mark.rule("D09")
def test_who_asked_has_a_reason_and_no_button(desk):
    made = desk.asked(by="both")
    assert "You asked: another person agrees" in desk.page("both", PATH).plain
    page = desk.page("both", f"{BANK}/{made.id}")
    assert "You asked for it, so somebody else agrees." in page.plain
    assert f"{made.id}/agree" not in page.text
    sent = desk.send("both", f"{BANK}/{made.id}/agree", compared="yes")
    refused = desk.after("both", sent)
    assert "both asked for this, so somebody else agrees Rule D09" in refused.plain
    assert desk.get(BankChange, made.id).agreed_by == ""


def test_a_change_is_stopped_with_a_reason(desk):
    made = desk.asked()
    wrong = desk.send("ada", f"{BANK}/{made.id}/reject", reason="")
    assert (wrong.status, "Say why" in wrong.plain) == (422, True)
    desk.send("ada", f"{BANK}/{made.id}/reject", reason="nobody there knows of it")
    page = desk.page("otto", f"{BANK}/{made.id}")
    assert "Stopped by ada: nobody there knows of it" in page.plain
    assert made.id in desk.page("otto", f"{BANK}?state=rejected").text
    late = desk.send("ada", f"{BANK}/{made.id}/agree", compared="yes")
    assert "rejected already" in desk.after("ada", late).plain


@pytest.mark.parametrize(
    ("who", "reads", "agrees"),
    [
        pytest.param("alan", 200, 403, id="accounting"),
        pytest.param("otto", 200, 403, id="auditor"),
        pytest.param("pat", 403, 403, id="projects"),
        pytest.param("ron", 403, 403, id="relationship manager"),
    ],
)
def test_who_sees_bank_details_and_who_agrees(desk, who, reads, agrees):
    made = desk.asked()
    page = desk.page(who, f"{BANK}/{made.id}")
    assert (page.status, desk.page(who, BANK).status) == (reads, reads)
    assert f"{made.id}/agree" not in page.text
    assert desk.send(who, f"{BANK}/{made.id}/agree").status == agrees


@pytest.mark.parametrize("path", [f"{PATH}/DOC-NONE", f"{BANK}/BCH-NONE"])
def test_what_is_not_there_is_not_found(desk, path):
    assert desk.page("alan", path).status == 404
