"""Papers and bank in the portal: what is needed, sending it, and another account that is hidden."""

import re
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfWriter

from cloud.funding import process as funding
from cloud.kernel.secret import Secret
from cloud.portal.partner_views import papers
from cloud.portfolio import process
from cloud.portfolio.models import Partner
from cloud.portfolio.papers import (
    BankChange,
    BankChangeState,
    DocumentKind,
    DocumentState,
    PartnerDocument,
)
from tests.cloud.portal.billing_world import BillingWorld, Waiting
from tests.cloud.portal.orders_world import ALDER
from tests.cloud.portal.pages_world import Seen

HERE, BANK = "/portal/papers", "/portal/papers/bank"
ROUTING, ACCOUNT = "021000021", "7788990011223"


def a_paper(wide: int = 100) -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(width=wide, height=100)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


PAPER = ("w9.pdf", "application/pdf", a_paper())


@pytest.fixture
def world() -> BillingWorld:
    return BillingWorld(state="offered")


def sent(world: BillingWorld, kind: str = "w9", file: Any = PAPER, **more: Any) -> Seen:
    return world.send_files("ines", f"{HERE}/send", {"paper": file}, kind=kind, **more)


def documents(world: BillingWorld) -> list[PartnerDocument]:
    return [o.record for o in world.records.find(PartnerDocument, by="partner_id", value=ALDER)]


def changes(world: BillingWorld) -> list[BankChange]:
    return [o.record for o in world.records.find(BankChange, by="partner_id", value=ALDER)]


def fields(**differs: Any) -> dict[str, Any]:
    usual = {
        "routing": ROUTING,
        "account_kind": "savings",
        "account": ACCOUNT,
        "account_again": ACCOUNT,
    }
    return {**usual, **differs}


def asked(world: BillingWorld, **differs: Any) -> Seen:
    return world.send_files("ines", BANK, {"paper": PAPER}, **fields(**differs))


# ---- papers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [HERE, BANK])
def test_only_an_accounting_admin_comes_here(world: BillingWorld, path: str) -> None:
    assert world.page("bo", path).status == 403
    assert world.page("ines", path).status == 200


def test_what_is_missing_is_told(world: BillingWorld) -> None:
    seen = world.page("ines", HERE).plain
    assert "Missing W-9" in seen
    assert "Missing Bank authorization" in seen
    assert "Nothing yet" in seen


def test_a_paper_is_sent_and_waits_for_a_person(world: BillingWorld) -> None:
    for _ in range(2):
        assert "we look at it" in world.after("ines", sent(world)).plain
    (document,) = documents(world)
    assert (document.kind, document.state) == (DocumentKind.W9, DocumentState.WAITING)
    seen = world.page("ines", HERE)
    assert "Waits for us to look W-9" in seen.plain
    assert world.page("ines", f"{HERE}/{document.id}/file").status == 303
    process.accept_document(world.records, document_id=document.id, at=world.now, by="abe")
    assert "On file W-9" in world.page("ines", HERE).plain
    assert world.records.load(Partner, ALDER).record.w9_on_file


@pytest.mark.parametrize(
    ("kind", "file", "says"),
    [
        pytest.param("", PAPER, "Choose what it is", id="no kind"),
        pytest.param("compliance", PAPER, "Name the project", id="no project"),
        pytest.param("w9", ("a.txt", "text/plain", b"hello"), "text/plain", id="no paper"),
        pytest.param(
            "w9", ("a.pdf", "application/pdf", b"%PDF-" + bytes(4_000_000)), "4 MB", id="long"
        ),
    ],
)
def test_what_is_wrong_with_it_is_told(
    world: BillingWorld, kind: str, file: Any, says: str
) -> None:
    seen = sent(world, kind, file)
    assert seen.status == 422
    assert says in seen.plain
    assert all(one.state is not DocumentState.WAITING for one in documents(world))


def test_a_paper_that_is_scanned_is_looked_at_again(world: BillingWorld) -> None:
    world.desk.said, clean = Waiting(), world.desk.said
    assert "being scanned" in world.after("ines", sent(world)).plain
    (document,) = documents(world)
    look = f"{HERE}/{document.id}/look"
    assert "still being scanned" in world.after("ines", world.send("ines", look)).plain
    world.desk.said = clean
    assert "The scan is over" in world.after("ines", world.send("ines", look)).plain
    assert documents(world)[0].state is DocumentState.WAITING


def test_another_partners_paper_is_not_there(world: BillingWorld) -> None:
    world.partner_person("ola", "P-BIRCH", is_admin=True)
    sent(world)
    (document,) = documents(world)
    assert world.page("ola", f"{HERE}/{document.id}/file").status == 404
    assert world.send("ola", f"{HERE}/{document.id}/look").status == 404


def test_every_state_and_kind_has_words() -> None:
    assert set(papers.STATES) == set(DocumentState)
    assert set(papers.KINDS) == set(DocumentKind)
    assert set(papers.CHANGES) == set(BankChangeState)


# ---- the bank account ----------------------------------------------------------------------------


def test_another_account_is_asked_for_and_never_shown_again(world: BillingWorld) -> None:
    seen = world.after("ines", asked(world))
    (change,) = changes(world)
    assert change.state is BankChangeState.ASKED
    assert change.account_number == Secret(ACCOUNT)
    assert change.authorization_id == documents(world)[0].id
    assert "1223" in seen.plain
    for page in (HERE, BANK):
        assert ACCOUNT not in world.page("ines", page).text
    assert world.records.load(Partner, ALDER).record.routing_number != ROUTING


@pytest.mark.parametrize(
    ("differs", "says"),
    [
        pytest.param({"routing": "021000022"}, "nine digits with a check digit", id="check digit"),
        pytest.param({"routing": "12"}, "nine digits with a check digit", id="too short"),
        pytest.param({"account": "", "account_again": ""}, "Write the account number", id="none"),
        pytest.param({"account_again": ACCOUNT[:-1]}, "The two numbers differ", id="differ"),
        pytest.param({"account": "12 34", "account_again": "12 34"}, "rule P-85", id="no account"),
        pytest.param({"account_kind": "gold"}, "Choose what account it is", id="kind"),
    ],
)
def test_what_is_wrong_is_told_without_the_account(
    world: BillingWorld, differs: dict[str, str], says: str
) -> None:
    seen = asked(world, **differs)
    assert seen.status == 422
    assert says in seen.plain
    for number in {ACCOUNT, differs.get("account", ACCOUNT) or ACCOUNT}:
        assert number not in seen.text
    assert f'value="{differs.get("routing", ROUTING)}"' in seen.text
    assert not changes(world)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        pytest.param("", "Nine digits", id="nothing yet"),
        pytest.param("0210000", "Not yet", id="on the way"),
        pytest.param(ROUTING, "The check digit is right", id="a bank"),
    ],
)
def test_the_check_digit_is_told_while_it_is_typed(
    world: BillingWorld, number: str, says: str
) -> None:
    assert says in world.send("ines", f"{BANK}/check", routing=number).plain


def test_the_account_is_not_sent_along_while_typing(world: BillingWorld) -> None:
    text = world.page("ines", BANK).text
    for name in ("account", "account_again"):
        (field,) = re.findall(rf'<input id="{name}" [^>]*>', text)
        assert "data-quiet" in field


def test_without_its_authorization_nothing_is_asked(world: BillingWorld) -> None:
    seen = world.send("ines", BANK, **fields())
    assert (seen.status, "Add the bank authorization" in seen.plain) == (422, True)
    assert not changes(world)


def test_an_authorization_that_was_sent_before_is_chosen(world: BillingWorld) -> None:
    sent(world, "bank_authorization")
    (document,) = documents(world)
    assert document.id in world.page("ines", BANK).text
    assert world.send("ines", BANK, **fields(authorization=document.id)).status == 303
    assert changes(world)[0].authorization_id == document.id
    assert "A change waits already" in world.page("ines", BANK).plain


def test_while_the_authorization_is_scanned_all_but_the_account_is_kept(
    world: BillingWorld,
) -> None:
    world.desk.said, clean = Waiting(), world.desk.said
    seen = asked(world)
    assert "being scanned" in seen.plain
    assert ACCOUNT not in seen.text
    name = seen.text.split('name="authorization" value="')[1].split('"')[0]
    world.desk.said = clean
    assert world.send("ines", BANK, **fields(authorization=name)).status == 303


def test_a_change_is_followed_and_can_be_stopped(world: BillingWorld) -> None:
    asked(world)
    (change,) = changes(world)
    process.agree_bank_change(world.records, change_id=change.id, at=world.now, by="abe")
    seen = world.page("ines", HERE).plain
    assert "Agreed by a second person" in seen
    assert "Counts from" in seen
    path = f"{BANK}/{change.id}/withdraw"
    no = world.send("ines", path, because="")
    assert (no.status, "Say why" in no.plain) == (422, True)
    long = world.send("ines", path, because="x" * 201)
    assert "Use at most 200 characters here; these are 201" in long.plain
    assert f'value="{"x" * 201}"' in long.text
    assert changes(world)[0].state is not BankChangeState.WITHDRAWN
    world.send("ines", path, because="Nobody asked for it")
    assert changes(world)[0].state is BankChangeState.WITHDRAWN
    assert "Stopped by you" in world.page("ines", HERE).plain


def test_stopping_a_change_that_was_stopped_by_us_says_so_and_loses_no_words(
    world: BillingWorld,
) -> None:
    asked(world)
    (change,) = changes(world)
    world.change(replace(change, state=BankChangeState.REJECTED, ended_by="ada", because="odd"))
    seen = world.send("ines", f"{BANK}/{change.id}/withdraw", because="Nobody asked for it")
    assert (seen.status, "is rejected already" in seen.plain) == (422, True)
    assert "Nobody asked for it" in seen.text


def test_another_partners_change_is_not_there(world: BillingWorld) -> None:
    world.partner_person("ola", "P-BIRCH", is_admin=True)
    asked(world)
    (change,) = changes(world)
    theirs = world.send("ola", f"{BANK}/{change.id}/withdraw", because="x")
    none = world.send("ola", f"{BANK}/BCH-0/withdraw", because="x")
    assert (theirs.status, theirs.plain) == (404, none.plain)
    assert changes(world)[0].state is BankChangeState.ASKED


def test_papers_are_taken_by_the_same_checks_as_those_that_were_announced(
    world: BillingWorld,
) -> None:
    answer = funding.take_document(
        world.records,
        world.doors["/portal"]._house.outside,
        partner_id=ALDER,
        kind=DocumentKind.COMPLIANCE,
        name="a.pdf",
        content_type="application/pdf",
        content=a_paper(),
        at=world.now + timedelta(0),
        by="ines",
    )
    assert answer.rule == "F05"
