"""Organisations and their parts, roles, and papers on file."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.adapters.memory import MemoryDocuments, MemoryRecords
from cloud.kernel.change import Change, Save
from cloud.kernel.errors import Conflict, NotFound
from cloud.portfolio import process
from cloud.portfolio.models import TEST, ApiClient, Partner
from cloud.portfolio.papers import (
    DocumentKind,
    DocumentState,
    PartnerDocument,
    PartnerPerson,
    PartnerRole,
    RoleHolders,
)
from tests.cloud.portfolio.test_portfolio import NOW, PARTNER, PROJECT

DAY = timedelta(days=1)
AA = PartnerRole.ACCOUNTING_ADMIN
ORGANISATIONS = ("whole", "part", "other")


@pytest.fixture
def records():
    kept = MemoryRecords()
    kept.commit(
        Change(saves=tuple(Save(replace(PARTNER, id=name)) for name in (*ORGANISATIONS, "lone")))
    )
    process.set_parent(kept, partner_id="part", parent_id="whole", at=NOW, by="adm")
    for name in ORGANISATIONS:
        for number in (1, 2, 3):
            process.add_person(
                kept,
                person_id=f"{name}-{number}",
                partner_id=name,
                name=f"Person {number}",
                email=f"p{number}@{name}.example",
                at=NOW,
                by="rm",
            )
        kept.commit(Change(saves=(Save(ApiClient(f"{name}-program", name)),)))
    return kept


def everything(records):
    return dict(records._records), {name: tuple(log) for name, log in records._history.items()}


def first(records, holder):
    return process.grant_first_role(records, holder_id=holder, role=AA, at=NOW, by="adm")


def grant(records, holder, granter):
    return process.grant_role(records, holder_id=holder, role=AA, granter_id=granter, at=NOW)


def revoke(records, holder, revoker):
    return process.revoke_role(records, holder_id=holder, role=AA, revoker_id=revoker, at=NOW)


# ---------------------------------------------------------------------- parts
@pytest.mark.rule("P-84")
@pytest.mark.parametrize(
    ("of", "other", "is_reached"),
    [
        pytest.param("whole", "whole", True, id="itself"),
        pytest.param("whole", "part", True, id="its part"),
        pytest.param("part", "whole", False, id="what it is a part of"),
        pytest.param("other", "part", False, id="a stranger's part"),
        pytest.param("whole", "nobody", False, id="nobody"),
        pytest.param("", "lone", False, id="no name reaches who is no part"),
    ],
)
def test_who_reaches_whom(records, of, other, is_reached):
    assert process.reaches(records, of=of, other=other) is is_reached


@pytest.mark.rule("P-84")
@pytest.mark.parametrize(
    ("partner", "parent", "code"),
    [
        pytest.param("lone", "lone", "own_parent", id="itself"),
        pytest.param("lone", "part", "too_deep", id="below a part"),
        pytest.param("whole", "lone", "too_deep", id="one that has parts"),
        pytest.param("lone", "whole", None, id="a second part"),
        pytest.param("part", "", None, id="out again"),
        pytest.param("part", "other", None, id="over to another"),
    ],
)
def test_how_deep_organisations_go(records, partner, parent, code):
    facts = {"partner_id": partner, "parent_id": parent, "at": NOW, "by": "adm"}
    answer = process.set_parent(records, **facts)
    assert getattr(answer, "code", None) == code
    if code is None:
        before = everything(records)
        assert process.set_parent(records, **facts) == answer
        assert everything(records) == before


@pytest.mark.rule("P-84")
def test_two_moves_at_once_make_no_third_level(records):
    stale = records.load(Partner, "other")
    process.set_parent(records, partner_id="lone", parent_id="other", at=NOW, by="adm")
    moved = replace(stale.record, parent_id="whole")
    with pytest.raises(Conflict):
        records.commit(Change(saves=(stale.replaced_by(moved),)))


@pytest.mark.rule("P-84")
def test_an_organisation_that_is_tried_out_is_no_part_of_a_real_one(records):
    records.commit(Change(saves=(Save(replace(PARTNER, id="trial", mode=TEST)),)))
    facts = {"parent_id": "whole", "at": NOW, "by": "adm"}
    assert process.set_parent(records, partner_id="trial", **facts).code == "other_mode"
    with pytest.raises(NotFound):
        process.set_parent(records, partner_id="nobody", **facts)
    with pytest.raises(NotFound):
        process.set_parent(records, partner_id="lone", parent_id="nobody", at=NOW, by="adm")


# ---------------------------------------------------------------------- roles
@pytest.mark.rule("P-80")
def test_the_owner_makes_the_first_who_makes_the_others(records):
    made = first(records, "whole-1")
    assert made.roles == {"accounting_admin"}
    before = everything(records)
    assert first(records, "whole-1") == made
    assert everything(records) == before
    assert first(records, "whole-2").code == "has_accounting_admin"
    assert grant(records, "whole-2", "whole-1").roles == {"accounting_admin"}
    assert grant(records, "whole-program", "whole-2").roles == {"accounting_admin"}
    assert records.load(RoleHolders, "whole").record.holders == (
        "whole-1",
        "whole-2",
        "whole-program",
    )


@pytest.mark.rule("P-80")
@pytest.mark.parametrize(
    ("holder", "granter", "code"),
    [
        pytest.param("whole-2", "whole-1", None, id="of the same organisation"),
        pytest.param("part-1", "whole-1", None, id="of the whole"),
        pytest.param("whole-2", "part-3", "not_accounting_admin", id="of a part"),
        pytest.param("whole-2", "other-1", "not_accounting_admin", id="of another"),
        pytest.param("whole-2", "whole-3", "not_accounting_admin", id="without the role"),
        pytest.param("whole-2", "whole-2", "not_accounting_admin", id="oneself"),
    ],
)
def test_who_grants(records, holder, granter, code):
    for one in ("whole-1", "part-3", "other-1"):
        first(records, one)
    assert getattr(grant(records, holder, granter), "code", None) == code


@pytest.mark.rule("P-80")
def test_the_last_one_goes_by_the_owner_s_administrator_only(records):
    first(records, "whole-1")
    assert revoke(records, "whole-1", "whole-1").code == "last_accounting_admin"
    grant(records, "whole-2", "whole-1")
    assert revoke(records, "whole-1", "other-1").code == "not_accounting_admin"
    assert revoke(records, "whole-1", "whole-1").roles == frozenset()
    assert revoke(records, "whole-1", "whole-2").roles == frozenset()
    assert revoke(records, "whole-2", "whole-2").code == "last_accounting_admin"
    facts = {"holder_id": "whole-2", "role": AA, "at": NOW, "by": "adm"}
    gone = process.revoke_role_as_owner(records, **facts)
    assert gone.roles == frozenset()
    assert process.revoke_role_as_owner(records, **facts) == gone
    assert first(records, "whole-3").roles == {"accounting_admin"}


@pytest.mark.rule("P-80")
def test_of_two_who_take_each_other_s_role_one_looks_again(records):
    """Both read a roster of two; were both written, nobody would be left."""
    first(records, "whole-1")
    grant(records, "whole-2", "whole-1")
    roster = records.load(RoleHolders, "whole")
    revoke(records, "whole-2", "whole-1")
    with pytest.raises(Conflict):
        records.commit(Change(saves=(roster.replaced_by(replace(roster.record, holders=())),)))
    assert revoke(records, "whole-1", "whole-2").code == "not_accounting_admin"


@pytest.mark.rule("P-80")
def test_a_program_that_had_the_role_before_anybody_counted_counts(records):
    known = ApiClient("other-old", "other", roles=frozenset({"accounting_admin"}))
    records.commit(Change(saves=(Save(known),)))
    assert first(records, "other-1").code == "has_accounting_admin"
    assert grant(records, "other-1", "other-old").roles == {"accounting_admin"}
    assert records.load(RoleHolders, "other").record.holders == ("other-1", "other-old")


@pytest.mark.rule("P-80")
def test_people_come_without_a_role_and_go_without_one(records):
    facts = {"partner_id": "whole", "name": "X", "email": "x@x.example", "at": NOW, "by": "rm"}
    assert process.add_person(records, person_id="whole-program", **facts).code == "conflict"
    assert process.add_person(records, person_id="whole-1", **facts).code == "conflict"
    made = process.add_person(records, person_id="new", **facts)
    assert process.add_person(records, person_id="new", **facts) == made
    assert made.roles == frozenset()
    first(records, "new")
    retire = {"person_id": "new", "at": NOW, "by": "rm"}
    assert process.retire_person(records, **retire).code == "has_role"
    process.revoke_role_as_owner(records, holder_id="new", role=AA, at=NOW, by="adm")
    gone = process.retire_person(records, **retire)
    assert (gone.is_active, process.retire_person(records, **retire)) == (False, gone)
    assert first(records, "new").code == "person_gone"
    first(records, "whole-1")
    assert grant(records, "new", "whole-1").code == "person_gone"
    assert records.load(PartnerPerson, "new").record == gone
    with pytest.raises(NotFound):
        grant(records, "nobody", "whole-1")


@pytest.mark.rule("P-80")
def test_a_stopped_program_is_made_nothing_until_it_may_call_again(records):
    known = {"program_id": "whole-program", "at": NOW, "by": "adm"}
    first(records, "whole-1")
    assert process.stop_program(records, **known).is_stopped
    assert first(records, "whole-program").code == "program_stopped"
    assert grant(records, "whole-program", "whole-1").code == "program_stopped"
    assert not process.let_program_call(records, **known).is_stopped
    assert grant(records, "whole-program", "whole-1").roles == {"accounting_admin"}


def test_a_program_keeps_the_first_version_that_it_was_given(records):
    known = {"program_id": "whole-program", "at": NOW, "by": "whole-program"}
    kept = process.keep_version(records, version="2026-06-01", **known)
    assert process.keep_version(records, version="2027-01-01", **known) == kept
    assert records.load(ApiClient, "whole-program").record.version == "2026-06-01"
    given = ApiClient("whole-program", "whole")
    process.register(records, given, at=NOW, by="seed")
    assert records.load(ApiClient, "whole-program").record == kept
    with pytest.raises(Conflict):
        process.register(records, replace(given, version="2027-01-01"), at=NOW, by="seed")


@pytest.mark.rule("P-80")
def test_the_first_program_is_made_though_a_person_has_the_role(records):
    first(records, "whole-1")
    assert first(records, "whole-2").code == "has_accounting_admin"
    assert first(records, "whole-program").roles == {"accounting_admin"}
    assert records.load(RoleHolders, "whole").record.holders == ("whole-1", "whole-program")
    records.commit(Change(saves=(Save(ApiClient("whole-second", "whole")),)))
    assert first(records, "whole-second").code == "has_accounting_admin"
    assert first(records, "whole-3").code == "has_accounting_admin"
    assert grant(records, "whole-second", "whole-program").roles


# ---------------------------------------------------------------------- papers
@pytest.fixture
def documents():
    return MemoryDocuments()


def paper(records, documents, kind=DocumentKind.W9, name="1.pdf", reference=""):
    reference = reference or documents.put(f"papers/lone/{name}", b"%PDF", "application/pdf")
    return process.record_partner_document(
        records,
        documents,
        partner_id="lone",
        kind=kind,
        reference=reference,
        at=NOW,
        by="rm",
    )


def withdraw(records, document, because="it was another's"):
    return process.withdraw_partner_document(
        records, document_id=document.id, because=because, at=NOW + DAY, by="rm"
    )


def accept(records, document):
    return process.accept_document(records, document_id=document.id, at=NOW + DAY, by="ana")


def refuse(records, document, because="blurred", by="ana"):
    return process.refuse_document(
        records, document_id=document.id, because=because, at=NOW + DAY, by=by
    )


def gates(records):
    partner = records.load(Partner, "lone").record
    return partner.w9_on_file, partner.bank_authorization_on_file


def test_a_paper_opens_its_gate_and_its_withdrawal_shuts_it(records, documents):
    assert gates(records) == (False, False)
    w9 = paper(records, documents)
    before = everything(records)
    assert paper(records, documents) == w9
    assert everything(records) == before
    assert gates(records) == (True, False)
    paper(records, documents, DocumentKind.BANK_AUTHORIZATION)
    assert gates(records) == (True, True)
    assert withdraw(records, w9, " ").code == "reason_missing"
    gone = withdraw(records, w9)
    assert (gone.withdrawn_at, gone.state) == (NOW + DAY, DocumentState.WITHDRAWN)
    before = everything(records)
    assert withdraw(records, w9) == gone
    assert everything(records) == before
    assert gates(records) == (False, True)
    assert paper(records, documents).code == "conflict"
    paper(records, documents, name="2.pdf")
    assert gates(records) == (True, True)
    (event, *_) = records.history("lone")
    assert (event.rule, event.causes) == ("F05", (w9.id,))


@pytest.mark.rule("F05")
@pytest.mark.parametrize(
    "reference",
    [
        pytest.param("x", id="a word"),
        pytest.param("papers/lone/none.pdf", id="not kept"),
        pytest.param("papers/other/1.pdf", id="kept for another partner"),
        pytest.param("ach/2026.txt", id="kept, and no paper"),
    ],
)
def test_a_paper_that_is_not_kept_opens_nothing(records, documents, reference):
    for kept in ("papers/other/1.pdf", "ach/2026.txt", "x"):
        documents.put(kept, b"%PDF", "application/pdf")
    before = everything(records)
    assert paper(records, documents, reference=reference).code == "document_not_kept"
    assert everything(records) == before


def test_another_paper_of_the_kind_keeps_the_gate_open(records, documents):
    one, other = paper(records, documents), paper(records, documents, name="2.pdf")
    withdraw(records, one)
    assert gates(records) == (True, False)
    withdraw(records, other)
    assert gates(records) == (False, False)


@pytest.mark.rule("F05")
def test_an_authorization_beside_one_waits_for_its_change_of_bank_details(records, documents):
    kind = DocumentKind.BANK_AUTHORIZATION
    stands = paper(records, documents, kind)
    other = paper(records, documents, kind, name="2.pdf")
    assert (stands.state, other.state) == (DocumentState.ON_FILE, DocumentState.WAITING)
    assert paper(records, documents, kind, name="2.pdf") == other
    assert accept(records, other).code == "belongs_to_bank_change"
    withdraw(records, stands)
    assert gates(records) == (False, False), "one that waits does not count"
    assert accept(records, other).state is DocumentState.ON_FILE
    assert gates(records) == (False, True)


@pytest.mark.rule("F05")
def test_a_paper_that_waits_is_accepted_or_refused_once(records):
    waiting = PartnerDocument(
        "D-1",
        "lone",
        DocumentKind.W9,
        "evidence/x.pdf",
        NOW,
        "client",
        task="review_document",
        state=DocumentState.WAITING,
        upload_id="U",
    )
    other = replace(waiting, id="D-2")
    announced = replace(waiting, id="D-3", state=DocumentState.ANNOUNCED, task="")
    records.commit(Change(saves=(Save(waiting), Save(other), Save(announced))))
    assert process.review_document(records, document_id="D-1", at=NOW, by="pat").code == "no_case"
    assert accept(records, announced).code == "conflict"
    assert refuse(records, waiting, " ").code == "reason_missing"
    assert gates(records) == (False, False)
    refused = refuse(records, waiting)
    assert (refused.state, refused.because, refused.task) == (DocumentState.REFUSED, "blurred", "")
    assert {one.to for one in records.letters.values()} == {
        PARTNER.service_email,
        PARTNER.remittance_email,
    }
    assert all("W-9 document" in one.text for one in records.letters.values())
    assert all("blurred" in one.text for one in records.letters.values())
    before = everything(records)
    assert refuse(records, waiting) == refused
    assert refuse(records, waiting, by="eve").code == "conflict"
    assert accept(records, waiting).code == "conflict"
    assert everything(records) == before
    assert gates(records) == (False, False)
    accepted = accept(records, other)
    assert (accepted.state, accepted.reviewed_by) == (DocumentState.ON_FILE, "ana")
    assert gates(records) == (True, False)
    before = everything(records)
    assert accept(records, other) == accepted
    assert refuse(records, other).code == "conflict"
    assert everything(records) == before
    withdraw(records, announced)
    assert gates(records) == (True, False), "it never counted"


def test_a_paper_for_a_case_waits_for_a_person_and_decides_nothing(records, documents):
    assert paper(records, documents, DocumentKind.COMPLIANCE).code == "no_onboarding"
    project = replace(PROJECT, partner_id="lone", compliance_case_open=True)
    records.commit(Change(saves=(Save(project),)))
    facts = {"project_id": project.id, "at": NOW, "by": "pat"}
    told = process.record_compliance_document(
        records, documents, reference="papers/lone/3.pdf", **facts
    )
    assert told.code == "document_not_kept"
    facts["reference"] = documents.put("papers/lone/3.pdf", b"%PDF", "application/pdf")
    made = process.record_compliance_document(records, documents, **facts)
    assert process.record_compliance_document(records, documents, **facts) == made
    (waiting,) = records.find(PartnerDocument, by="task", value="review_document")
    assert waiting.record == made
    seen = process.review_document(records, document_id=made.id, at=NOW + DAY, by="jo")
    assert (seen.task, seen.reviewed_by, seen.is_on_file) == ("", "jo", True)
    assert process.review_document(records, document_id=made.id, at=NOW, by="eve") == seen
    assert records.load(type(project), project.id).record == project
    assert gates(records) == (False, False)
    assert withdraw(records, made).withdrawn_by == "rm"
