"""Extensions: the form and what it would come to, the proof, refusals with their rule, answers."""

from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO

import pytest
from money_street import REACHED, Street
from pypdf import PdfWriter

from cloud.funding import process
from cloud.funding.extension import ExtensionRequest, RequestState
from cloud.funding.models import Application, Deduction
from cloud.funding.netting import DeductionKind
from cloud.kernel.money import Money
from cloud.portfolio.models import Milestone, Project
from cloud.service.uploads import Scan, Upload

NEW, CHECK = "/portal/extensions/new", "/portal/extensions/check"
LATER = REACHED + timedelta(days=90)


def a_paper() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(width=100, height=100)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


PAPER = ("mail.pdf", "application/pdf", a_paper())


def waits():
    """A project that waits for its activation, with a large backlog beside it."""
    street = Street(now=LATER)
    street.was_paid("PRJ-1", customer="Ada Home")
    for number in range(2, 12):
        street.was_paid(f"PRJ-{number}", customer=f"Customer {number}")
    return street


def told(**differs):
    return {
        "project": "PRJ-1",
        "account_primary_name": "Ada Home",
        "install_submission_date": "2026-12-01",
        "reason": "transformer_upgrade",
        "reason_text": "",
        "eta_of_pto": "2027-05-01",
        "extension_request_deadline": "2027-05-15",
        **differs,
    }


def asked(street, who="ines", files=None, **differs):
    files = {"proof_file": PAPER} if files is None else files
    return street.send_files(who, NEW, files, **told(**differs))


def requests(street):
    return [
        one.record for one in street.records.find(ExtensionRequest, by="partner_id", value="P-A")
    ]


@pytest.mark.rule("F11")
def test_a_request_is_sent_with_its_proof_in_one_go():
    street = waits()
    sent = asked(street)
    (made,) = requests(street)
    assert sent.to == f"/portal/extensions/{made.id}"
    assert (made.reason, made.by, made.days) == ("transformer_upgrade", "ines", 30)
    page = street.after("ines", sent)
    assert "it is decided by Monday, March 8, 2027" in page.plain
    assert "Transformer upgrade" in page.plain
    proof = street.page("ines", f"/portal/extensions/{made.id}/proof")
    assert "evidence/PRJ-1/" in proof.to


def test_the_same_form_twice_is_one_request():
    street = waits()
    assert asked(street).to == asked(street).to
    assert len(requests(street)) == 1


def test_the_form_begins_with_what_is_known():
    page = waits().page("ines", f"{NEW}?project=PRJ-1")
    assert 'value="Ada Home"' in page.text
    assert 'value="2026-12-01"' in page.text
    assert "M1 money it postpones $24,000.00" in page.plain
    assert "Last day now Wed, Mar 31, 2027" in page.plain
    assert "choose a reason" in page.plain
    # A tenth of eleven times $24,000.00.
    assert "you would have $24,000.00 of at most $26,400.00 postponed" in page.plain


@pytest.mark.parametrize(
    ("differs", "field", "says"),
    [
        pytest.param({"eta_of_pto": ""}, "eta_of_pto", "you expect PTO", id="no ETA"),
        pytest.param({"reason": ""}, "reason", "Choose a reason.", id="no reason"),
        pytest.param({"reason": "rain"}, "reason", "one of the reasons", id="no such reason"),
        pytest.param({"reason": "other"}, "reason_text", "in words", id="other, without words"),
        pytest.param(
            {"account_primary_name": "Someone Else"},
            "account_primary_name",
            "another name",
            id="another name than ours",
        ),
        pytest.param(
            {"install_submission_date": "2026-12-02"},
            "install_submission_date",
            "another day",
            id="another day than ours",
        ),
        pytest.param({"eta_of_pto": "in May"}, "eta_of_pto", "no day", id="a day in words"),
        pytest.param({"reason_text": "x" * 4_001}, "reason_text", "at most 4,000", id="too long"),
    ],
)
@pytest.mark.rule("F11")
def test_a_wrong_form_comes_back_with_what_was_typed(differs, field, says):
    street = waits()
    page = asked(street, **differs)
    assert page.status == 422
    assert says in page.text.partition(f'id="{field}-wrong"')[2].partition("</p>")[0]
    assert 'value="2027-05-15"' in page.text
    assert not requests(street)


def test_the_proof_of_a_wrong_form_is_kept_and_not_asked_for_again():
    street = waits()
    page = asked(street, eta_of_pto="")
    assert "Proof on record mail.pdf" in page.plain
    reference = page.text.partition('name="proof" value="')[2].partition('"')[0]
    assert asked(street, files={}, proof=reference).status == 303
    assert requests(street)[0].proof_reference == reference


@pytest.mark.rule("F17")
@pytest.mark.parametrize(
    ("file", "says"),
    [
        pytest.param(None, "Add a mail or another proof", id="none"),
        pytest.param(("a.heic", "image/heic", b"x"), "HEIC photos cannot be read", id="HEIC"),
        pytest.param(("a.exe", "application/x-msdownload", b"MZ"), "not application", id="program"),
        pytest.param(("a.pdf", "application/pdf", b""), "0 bytes", id="empty"),
        pytest.param(("a.pdf", "application/pdf", b"%PDF-1.7 broken"), "refused", id="broken"),
        pytest.param(
            ("big.pdf", "application/pdf", b"%PDF-" + b"x" * (4 * 1024 * 1024)),
            "larger than 4 MB",
            id="too large",
        ),
    ],
)
def test_a_proof_that_cannot_be_kept_is_told_at_its_field(file, says):
    street = waits()
    page = asked(street, files={"proof_file": file} if file else {})
    assert page.status == 422
    assert says in page.text.partition('id="proof_file-wrong"')[2].partition("</p>")[0]
    assert not requests(street)


@pytest.mark.rule("U-05")
def test_while_the_proof_is_scanned_the_form_waits_and_goes_on_from_there():
    street = waits()
    said = street.desk.said

    class Scanning(dict):
        def get(self, key, default=None):
            return Scan.PENDING

    street.desk.said = Scanning()
    page = asked(street)
    assert page.status == 422
    assert "is being scanned" in page.plain
    assert 'value="2027-05-01"' in page.text
    reference = page.text.partition('name="proof" value="')[2].partition('"')[0]
    street.desk.said = said
    assert asked(street, files={}, proof=reference).status == 303


@pytest.mark.rule("U-05")
@pytest.mark.parametrize(
    ("found", "says"),
    [
        pytest.param(Scan.THREAT, "the malware scan found a threat in it", id="a threat"),
        pytest.param(None, "mail.pdf did not arrive whole: add it again", id="it is gone"),
    ],
)
def test_a_proof_that_the_scan_refuses_is_told_why_and_the_form_is_as_it_was(found, says):
    street = waits()
    said = street.desk.said

    class Scanning(dict):
        def get(self, key, default=None):
            return Scan.PENDING

    street.desk.said = Scanning()
    page = asked(street, reason_text="the <pole> is rotten")
    reference = page.text.partition('name="proof" value="')[2].partition('"')[0]
    upload = street.get(Upload, reference.removeprefix("upload:"))
    street.desk.said = said
    if found is None:
        street.desk.lying.clear()
    else:
        street.desk.said[upload.quarantine] = found
    again = asked(street, files={}, proof=reference, reason_text="the <pole> is rotten")
    assert again.status == 422
    assert says in again.text.partition('id="proof_file-wrong"')[2].partition("</p>")[0]
    for typed in ('value="2027-05-01"', 'value="2027-05-15"', "the &lt;pole&gt; is rotten"):
        assert typed in again.text
    assert '<option value="transformer_upgrade" selected>' in again.text
    assert 'name="proof"' not in again.text
    assert not requests(street)
    other = ("other.pdf", *PAPER[1:])
    assert asked(street, files={"proof_file": other}).status == 303


@pytest.mark.rule("F17")
def test_a_proof_of_another_project_does_not_count():
    street = waits()
    asked(street)
    proof = requests(street)[0].proof_reference
    page = asked(street, files={}, project="PRJ-2", account_primary_name="Customer 2", proof=proof)
    assert "is not on record for this project" in page.plain
    assert len(requests(street)) == 1


def test_an_upload_that_is_not_theirs_is_not_found():
    street = waits()
    asked(street)
    street.was_paid("PRJ-Z", owner="P-Z")
    proof = requests(street)[0].proof_reference
    assert asked(street, "zoe", files={}, project="PRJ-Z", proof=proof).status == 404
    assert street.get(Upload, proof.removeprefix("upload:")) is not None


@pytest.mark.rule("F13")
@pytest.mark.parametrize(
    ("differs", "says", "rule"),
    [
        pytest.param({"cancelled": True}, "is cancelled", "F13", id="cancelled"),
        pytest.param(
            {"reached": ((Milestone.M1, REACHED), (Milestone.M2, REACHED))},
            "is activated",
            "F13",
            id="activated",
        ),
        pytest.param({"reached": ()}, "has not reached M1", "F07", id="not installed"),
    ],
)
def test_a_project_that_takes_none_says_why_and_by_which_rule(differs, says, rule):
    street = waits()
    street.save(replace(street.get(Project, "PRJ-1"), **differs))
    page = street.page("ines", f"{NEW}?project=PRJ-1")
    assert says in page.plain
    assert f"Rule {rule}" in page.plain
    sent = asked(street)
    assert sent.status == 422
    assert not requests(street)


@pytest.mark.rule("F13")
def test_where_all_was_clawed_back_there_is_nothing_to_postpone():
    street = waits()
    street.save(
        Deduction(
            id="DED-1",
            kind=DeductionKind.CLAWBACK_M1,
            partner_id="P-A",
            project_id="PRJ-1",
            raised=Money(24_000_00),
            incurred_on=date(2027, 4, 1),
            raised_at=REACHED,
            applications=(Application("R", Money(24_000_00)),),
        )
    )
    page = street.page("ines", f"{NEW}?project=PRJ-1")
    assert "no M1 money of project PRJ-1 left" in page.plain
    sent = asked(street)
    assert sent.status == 422
    assert "(rule F13)" in sent.plain


@pytest.mark.parametrize(
    ("differs", "says"),
    [
        pytest.param({}, "Last day if granted Fri, Apr 30, 2027", id="thirty days more"),
        pytest.param({"reason": "customer_escalation"}, "Wed, Apr 14, 2027", id="fourteen"),
        pytest.param({"reason": "other"}, "set by who decides", id="another reason"),
        pytest.param({"reason": "other"}, "Tell the reason in words", id="what is lacking"),
        pytest.param({"eta_of_pto": ""}, "you expect PTO", id="the missing day"),
        pytest.param({}, "Within the most", id="the cap"),
    ],
)
@pytest.mark.rule("F14")
def test_the_live_check_says_what_it_would_come_to(differs, says):
    street = waits()
    part = street.send("ines", CHECK, **told(**differs))
    assert part.status == 200
    assert says in part.plain
    assert "<html" not in part.text
    assert not requests(street)


@pytest.mark.rule("F16")
def test_above_the_cap_the_check_warns_and_it_may_be_asked_for():
    street = Street(now=LATER)
    street.was_paid("PRJ-1", customer="Ada Home")
    part = street.send("ines", CHECK, **told())
    assert "Above the most" in part.plain
    assert "$24,000.00 of at most $2,400.00" in part.plain
    assert asked(street).status == 303


@pytest.mark.rule("F16")
def test_the_list_has_the_exposure_and_what_is_undecided_first():
    street = waits()
    asked(street)
    asked(street, project="PRJ-2", account_primary_name="Customer 2")
    first, second = sorted(requests(street), key=lambda one: one.project_id)
    process.grant_extension(
        street.records, request_id=first.id, at=LATER + timedelta(hours=1), by="ana"
    )
    page = street.page("ines", "/portal/extensions")
    assert "$24,000.00 of at most $26,400.00 is postponed now" in page.plain
    assert page.text.index(second.id) < page.text.index(first.id)
    assert "Granted" in page.plain
    assert "Customer 3" in page.plain
    process.deny_extension(
        street.records,
        request_id=second.id,
        because="The mail is of last year.",
        at=LATER + timedelta(hours=2),
        by="ana",
    )
    assert "The mail is of last year." in street.page("ines", "/portal/extensions").plain
    one = street.page("ines", f"/portal/extensions/{second.id}")
    assert "Denied The mail is of last year." in one.plain
    granted = street.page("ines", f"/portal/extensions/{first.id}")
    assert "30 days more: the clawback is postponed until Fri, Apr 30, 2027" in granted.plain


def test_a_project_is_chosen_from_those_that_wait():
    street = waits()
    asked(street)
    page = street.page("ines", NEW)
    assert "Customer 2" in page.plain
    assert "Ada Home" not in page.plain
    assert "No project waits for activation" in Street().page("ines", NEW).plain
    assert "No extension was asked for" in Street().page("ines", "/portal/extensions").plain


@pytest.mark.parametrize(
    ("decided", "says", "state"),
    [
        pytest.param(False, "The request is taken back.", "withdrawn", id="undecided"),
        pytest.param(True, "stands as approved already", "approved", id="decided"),
    ],
)
def test_an_undecided_request_is_taken_back(decided, says, state):
    street = waits()
    asked(street)
    (made,) = requests(street)
    if decided:
        at = LATER + timedelta(hours=1)
        process.grant_extension(street.records, request_id=made.id, at=at, by="ana")
    sent = street.send("ines", f"/portal/extensions/{made.id}/withdraw")
    assert says in street.after("ines", sent).plain
    assert requests(street)[0].state is RequestState(state)


@pytest.mark.rule("F27")
@pytest.mark.parametrize(
    ("who", "status"),
    [pytest.param("bo", 403, id="no admin"), pytest.param("zoe", 404, id="another organisation")],
)
def test_others_neither_ask_nor_see(who, status):
    street = waits()
    asked(street)
    (made,) = requests(street)
    own = f"/portal/extensions/{made.id}"
    assert street.page(who, own).status == status
    assert street.page(who, f"{own}/proof").status == status
    assert street.page(who, f"{NEW}?project=PRJ-1").status == status
    assert street.send(who, CHECK, **told()).status == status
    assert street.send(who, f"{own}/withdraw").status == status
    assert asked(street, who).status == status
    assert requests(street) == [made]


def test_the_whole_asks_for_its_part():
    street = Street(now=LATER)
    street.was_paid("PRJ-S", owner="P-S", customer="Sue South")
    assert asked(street, project="PRJ-S", account_primary_name="Sue South").status == 303
    page = street.page("ines", "/portal/extensions?organisation=P-S")
    assert "Sue South" in page.plain


@pytest.mark.rule("F27")
@pytest.mark.parametrize("who", ["bo", "ines"])
def test_a_proof_does_not_open_by_the_way_of_a_work_orders_files(who):
    street = waits()
    asked(street)
    proof = requests(street)[0].proof_reference.removeprefix("upload:")
    seen = street.page(who, f"/portal/work_orders/WO-ANY/files/{proof}")
    assert (seen.status, seen.to) == (404, "")
