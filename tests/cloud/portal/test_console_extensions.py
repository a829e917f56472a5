"""Extensions in the console: the request, what a grant would come to, who decides."""

from dataclasses import replace
from datetime import timedelta

import pytest
from money_street import REACHED, Street

from cloud.funding import process
from cloud.funding.extension import ExtensionRequest, RequestState
from cloud.kernel.money import Money
from cloud.service.uploads import Purpose, Upload, UploadState

PATH = "/console/extensions"
LATER = REACHED + timedelta(days=90)


class Desk(Street):
    """Alder asks for more time for one of eleven projects that wait for their activation."""

    def __init__(self, *, projects: int = 11) -> None:
        super().__init__(now=LATER)
        for number in range(1, projects + 1):
            self.was_paid(f"PRJ-{number}", customer=f"Customer {number}")
        for who, group in {
            "ada": "accounting_admin",
            "alan": "accounting",
            "ron": "relationship_manager",
            "otto": "auditor",
            "sam": "spc",
        }.items():
            self.owner_person(who, group)

    def asked(self, reason: str = "transformer_upgrade", *, by: str = "ines", **differs: object):
        upload = Upload(
            id="UPL-PROOF",
            work_order_id="PRJ-1",
            partner_id="P-A",
            purpose=Purpose.EVIDENCE,
            name="mail.pdf",
            content_type="application/pdf",
            size_bytes=1,
            sha256="0" * 64,
            state=UploadState.KEPT,
            quarantine="quarantine/x",
            requested_at=LATER,
            requested_by="ines",
            evidence="evidence/PRJ-1/mail.pdf",
        )
        self.save(upload)
        made = process.submit_extension(
            self.records,
            project_id="PRJ-1",
            partner_id="P-A",
            fields={
                "account_finco_id": "PRJ-1",
                "account_primary_name": "Customer 1",
                "install_submission_date": "2026-12-01",
                "reason": reason,
                "eta_of_pto": "2027-05-01",
                "extension_request_deadline": "2027-05-15",
                **differs,
            },
            reason_text="the utility is slow",
            proof_reference=upload.reference,
            at=LATER,
            by=by,
        )
        assert isinstance(made, ExtensionRequest), made
        return made

    def stands(self, request: ExtensionRequest) -> ExtensionRequest:
        return self.get(ExtensionRequest, request.id)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_waits_is_listed_with_its_day_and_its_partners_cap(desk):
    made = desk.asked()
    page = desk.page("ada", PATH)
    assert f"{PATH}/{made.id}" in page.text
    for words in ("Customer 1", "Alder Solar", "Transformer upgrade", "in 7 days", "$24,000.00"):
        assert words in page.plain
    # A tenth of eleven times $24,000.00.
    assert "$0.00 of at most $26,400.00" in page.plain
    assert 'aria-label="$0.00 is postponed, of at most $26,400.00"' in page.text


@pytest.mark.parametrize(
    ("query", "says"),
    [
        pytest.param("", "No request waits", id="none waits"),
        pytest.param("?state=denied", "No request stands so", id="none was denied"),
        pytest.param("?state=rain", "No request waits", id="no state"),
    ],
)
def test_an_empty_list_says_what_would_stand_there(desk, query, says):
    assert says in desk.page("otto", PATH + query).plain


@pytest.mark.parametrize(
    ("partners", "says"),
    [
        pytest.param(6, "", id="as many as are shown"),
        pytest.param(7, "What 1 more partner has postponed is not shown here", id="one more"),
        pytest.param(9, "What 3 more partners have postponed is not shown here", id="three more"),
    ],
)
def test_partners_that_are_left_out_are_counted(desk, partners, says):
    made = desk.asked()
    for number in range(partners - 1):
        desk.save(replace(made, id=f"EXT-{number}", partner_id=f"P-X{number}"))
    page = desk.page("ada", PATH).plain
    assert page.count(" has postponed ") - page.count("more partner has postponed") == 6
    assert says in page
    assert ("is not shown here" in page) is bool(says)


def test_a_late_one_is_pointed_out(desk):
    desk.asked()
    desk.clock.at += timedelta(days=9)
    page = desk.page("ada", PATH)
    assert "1 is past the week" in page.plain
    assert "2 days late" in page.plain


@pytest.mark.rule("F16")
def test_one_request_says_what_a_grant_would_come_to(desk):
    made = desk.asked()
    page = desk.page("ada", f"{PATH}/{made.id}")
    assert "Within the cap" in page.plain
    assert "would have $24,000.00 of at most $26,400.00 postponed" in page.plain
    assert "with 30 days more it is" in page.plain
    assert "the utility is slow" in page.plain
    assert "Grant it: 30 days" in page.plain
    proof = desk.page("otto", f"{PATH}/{made.id}/proof")
    assert "evidence/PRJ-1/mail.pdf" in proof.to


def test_above_the_cap_there_is_a_reason_and_no_button():
    desk = Desk(projects=3)
    made = desk.asked()
    page = desk.page("ada", f"{PATH}/{made.id}")
    assert "Above the cap" in page.plain
    assert "the cap is $7,200.00 today" in page.plain
    assert f"{made.id}/grant" not in page.text
    refused = desk.send("ada", f"{PATH}/{made.id}/grant")
    assert refused.status == 422
    assert "Rule F16" in refused.plain
    assert desk.stands(made).state is RequestState.PENDING


@pytest.mark.rule("F13")
def test_a_grant_says_until_when(desk):
    made = desk.asked()
    page = desk.after("ada", desk.send("ada", f"{PATH}/{made.id}/grant"))
    assert "It is granted: 30 days more" in page.plain
    assert "Last day now" in page.plain
    assert "$24,000.00" in desk.page("ada", f"{PATH}?state=approved").plain
    assert (desk.stands(made).state, desk.stands(made).decided_by) == ("approved", "ada")
    assert desk.send("ada", f"{PATH}/{made.id}/grant").status == 303, "twice is once"
    assert f"{made.id}/grant" not in page.text


@pytest.mark.rule("D21")
@pytest.mark.parametrize(
    ("days", "says"),
    [
        pytest.param("", "Say how many days", id="none"),
        pytest.param("0", "from 1 to", id="too few"),
        pytest.param("9999", "from 1 to", id="too many"),
        pytest.param("many", "whole number", id="words"),
    ],
)
def test_days_of_another_reason_are_set_within_bounds(desk, days, says):
    made = desk.asked("other")
    assert "you set them" in desk.page("ada", f"{PATH}/{made.id}").plain
    page = desk.send("ada", f"{PATH}/{made.id}/grant", days=days)
    assert page.status == 422
    assert says in page.plain
    assert desk.stands(made).state is RequestState.PENDING


def test_days_that_the_approver_sets_count(desk):
    made = desk.asked("other")
    desk.send("ada", f"{PATH}/{made.id}/grant", days="45")
    assert desk.stands(made).days == 45


def test_a_denial_is_told_with_its_reason(desk):
    made = desk.asked()
    wrong = desk.send("ada", f"{PATH}/{made.id}/deny", reason="")
    assert (wrong.status, "Say why" in wrong.plain) == (422, True)
    desk.send("ada", f"{PATH}/{made.id}/deny", reason="the proof is of another home")
    page = desk.page("ron", f"{PATH}/{made.id}")
    assert "ada: the proof is of another home" in page.plain
    assert desk.stands(made).amount == Money(24_000_00)


@pytest.mark.rule("D09")
def test_who_submitted_it_has_a_reason_and_no_button(desk):
    made = desk.asked(by="ada")
    assert "You submitted it" in desk.page("ada", PATH).plain
    page = desk.page("ada", f"{PATH}/{made.id}")
    assert "You submitted it, so somebody else decides." in page.plain
    assert f"{made.id}/grant" not in page.text
    refused = desk.send("ada", f"{PATH}/{made.id}/grant")
    assert "Ada submitted this, so somebody else decides. Rule D09." in refused.plain


@pytest.mark.parametrize(
    ("who", "reads"),
    [
        pytest.param("alan", 200, id="accounting prepares"),
        pytest.param("ron", 200, id="relationship manager"),
        pytest.param("otto", 200, id="auditor"),
        pytest.param("sam", 403, id="coordinator"),
    ],
)
def test_only_an_accounting_admin_decides(desk, who, reads):
    made = desk.asked()
    page = desk.page(who, f"{PATH}/{made.id}")
    assert (page.status, desk.page(who, PATH).status) == (reads, reads)
    assert f"{made.id}/grant" not in page.text
    for deed in ("grant", "deny"):
        assert desk.send(who, f"{PATH}/{made.id}/{deed}").status == 403


def test_one_that_nothing_hangs_on_any_more_says_so(desk):
    made = desk.asked()
    project = desk.records.load(type(desk.project("PRJ-X")), "PRJ-1").record
    desk.save(replace(project, cancelled=True))
    page = desk.page("ada", f"{PATH}/{made.id}")
    assert "Stands against it" in page.plain
    assert f"{made.id}/grant" not in page.text
    assert f"{made.id}/deny" in page.text


def test_what_is_not_there_is_not_found(desk):
    assert desk.page("otto", f"{PATH}/EXT-NONE").status == 404
