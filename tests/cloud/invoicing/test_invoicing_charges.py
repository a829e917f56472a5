"""What a customer is charged: proposed, approved by another person, told, exported."""

import pytest
from invoicing_world import (
    SUBMITTED,
    WORKED,
    Raced,
    approve,
    changed,
    done,
    draft,
    everything,
    kept_records,
    submit,
    whats,
)

from cloud.invoicing import charges, process
from cloud.invoicing.completeness import DraftLine
from cloud.invoicing.models import ChargedLine, ChargeState, CustomerCharge
from cloud.kernel.change import Change, Save
from cloud.kernel.errors import NotFound
from cloud.kernel.money import Money
from cloud.service.models import Case, CaseOwner, CaseSource, CaseState, Cause, WorkOrder


@pytest.fixture
def records():
    return kept_records()


ADVISED = ("critter_remediation", "roof_repair")


def billed(records, cause=Cause.CRITTER_REMEDIATION, advised=ADVISED, **facts):
    """Have an approved invoice of two lines whose second is a product failure."""
    order = done(records, cause=cause, **facts)
    case = Case(
        id="CASE-1",
        source=CaseSource.DETECTION,
        family="PRODUCTION",
        site_id="site-1",
        owner=CaseOwner.AMS,
        state=CaseState.VERIFYING,
        rule="D-13",
        is_emergency=False,
        opened_at=SUBMITTED,
        findings=(),
        evidence=(),
        causes=(),
        advised=advised,
    )
    records.commit(Change(saves=(Save(case),)))
    lines = (
        DraftLine("labor", "=removed a nest", 10_000, WORKED),
        DraftLine("materials", "a module", 5_000, WORKED),
    )
    invoice = submit(records, draft(order, 15_000, lines=lines))
    approve(records, invoice)
    process.record_line_causes(
        records,
        invoice_id=invoice.id,
        causes={1: Cause.PRODUCT_FAILURE},
        evidence="label.jpg",
        by="spc_1",
        at=SUBMITTED,
    )
    return invoice


def propose(records, invoice, *, evidence="nest.jpg", by="spc_1"):
    return process.propose_charge(
        records, invoice_id=invoice.id, evidence=evidence, by=by, at=SUBMITTED
    )


def do(records, what, charge, *, by="rm", **facts):
    return what(records, charge_id=charge.id, by=by, at=SUBMITTED, **facts)


@pytest.mark.rule("B-52")
@pytest.mark.rule("B-52a")
def test_a_charge_goes_its_way(records):
    invoice = billed(records)
    charge = propose(records, invoice)
    assert (charge.state, charge.total) == (ChargeState.PROPOSED, Money(10_000))
    assert [(one.line, one.cause) for one in charge.lines] == [(0, "critter_remediation")]
    assert do(records, process.tell_customer, charge).code == "conflict"
    assert do(records, process.approve_charge, charge, by="spc_1").code == "same_person"
    approved = do(records, process.approve_charge, charge)
    assert (approved.state, approved.approved_by) == (ChargeState.APPROVED, "rm")
    assert process.export_charges(records, by="fin", at=SUBMITTED) == ()
    told = do(records, process.tell_customer, charge)
    (letter,) = [one for one in records.letters.values() if one.to == "customer@home.example"]
    assert "=removed a nest: $100.00 (critter remediation)" in letter.text
    assert "nest.jpg" in letter.text
    (row,) = process.export_charges(records, by="fin", at=SUBMITTED)
    assert (row.charge_id, row.line, row.amount_cents) == (charge.id, 1, 10_000)
    assert (row.approved_by, row.told_on) == ("rm", SUBMITTED.date())
    before = everything(records)
    assert process.export_charges(records, by="fin", at=SUBMITTED) == ()
    for what in (process.approve_charge, process.withdraw_charge):
        facts = {"reason": "late"} if what is process.withdraw_charge else {}
        assert do(records, what, charge, **facts).code == "conflict"
    assert do(records, process.tell_customer, charge).told_at == told.told_at
    assert propose(records, invoice, evidence="another").code == "conflict"
    assert everything(records) == before
    (kept,) = records.find(CustomerCharge, by="state", value="exported")
    assert charges.rows_of([kept.record]) == (row,)
    assert whats(records, charge.id) == [
        "charge_proposed",
        "charge_approved",
        "charge_told",
        "charge_exported",
    ]


@pytest.mark.rule("B-52")
def test_the_export_has_a_row_for_each_line_by_charge_and_what_was_told_only():
    nest = ChargedLine(0, Cause.CRITTER_REMEDIATION, "removed a nest", Money(10_000))
    roof = ChargedLine(2, Cause.ROOF_REPAIR, "sealed a tile", Money(5_000))

    def charge(name, state, *lines, told_at):
        ids = (name, f"INV-{name}", f"WO-{name}", f"site-{name}")
        total = Money(sum(line.amount.cents for line in lines))
        facts = {"approved_by": "rm", "told_at": told_at}
        return CustomerCharge(*ids, lines, total, f"{name}.jpg", state, SUBMITTED, "spc_1", **facts)

    rows = charges.rows_of(
        [
            charge("C", ChargeState.EXPORTED, roof, told_at=None),
            charge("B", ChargeState.APPROVED, roof, told_at=None),
            charge("A", ChargeState.TOLD, nest, roof, told_at=SUBMITTED),
        ]
    )
    a = ("A", "INV-A", "WO-A", "site-A")
    c = ("C", "INV-C", "WO-C", "site-C")
    sealed = (3, "roof_repair", "sealed a tile", 5_000)
    day = SUBMITTED.date()
    assert rows == (
        charges.ChargeRow(
            *a, 1, "critter_remediation", "removed a nest", 10_000, "A.jpg", "told", "rm", day
        ),
        charges.ChargeRow(*a, *sealed, "A.jpg", "told", "rm", day),
        charges.ChargeRow(*c, *sealed, "C.jpg", "exported", "rm", None),
    )


@pytest.mark.rule("B-52")
def test_the_same_step_twice_changes_nothing(records):
    invoice = billed(records)
    charge = propose(records, invoice)
    before = everything(records)
    assert propose(records, invoice, by="somebody") == charge
    assert everything(records) == before
    do(records, process.approve_charge, charge)
    before = everything(records)
    do(records, process.approve_charge, charge)
    assert do(records, process.approve_charge, charge, by="another").code == "conflict"
    assert everything(records) == before
    do(records, process.tell_customer, charge)
    before = everything(records)
    do(records, process.tell_customer, charge)
    assert everything(records) == before


@pytest.mark.rule("B-52")
def test_no_charge_without_evidence_certainty_and_cause(records):
    order = done(records, cause=Cause.PRODUCT_FAILURE)
    invoice = submit(records, draft(order, 15_000))
    assert propose(records, invoice).code == "conflict"
    approve(records, invoice)
    assert propose(records, invoice, evidence=" ").code == "evidence_missing"
    assert propose(records, invoice).code == "nothing_to_charge"
    with pytest.raises(NotFound, match="charge CC-1"):
        process.approve_charge(records, charge_id="CC-1", by="rm", at=SUBMITTED)


@pytest.mark.rule("B-52")
def test_a_cause_that_changed_stops_a_charge_until_it_is_proposed_again(records):
    invoice = billed(records)
    charge = propose(records, invoice)
    changed(records, records.load(WorkOrder, "WO-1").record, cause=Cause.ROOF_REPAIR)
    assert do(records, process.approve_charge, charge).code == "conflict"
    again = propose(records, invoice)
    assert (again.id, again.lines[0].cause) == (charge.id, Cause.ROOF_REPAIR)
    do(records, process.approve_charge, again)
    changed(records, records.load(WorkOrder, "WO-1").record, cause=Cause.WORKMANSHIP)
    assert do(records, process.tell_customer, again).code == "conflict"
    assert not [one for one in records.letters.values() if one.to == "customer@home.example"]


@pytest.mark.rule("B-52")
@pytest.mark.parametrize("is_told", [True, False], ids=["the customer knew", "nobody knew"])
def test_a_charge_is_withdrawn_and_who_was_told_is_told(records, is_told):
    invoice = billed(records)
    charge = propose(records, invoice)
    if is_told:
        do(records, process.approve_charge, charge)
        do(records, process.tell_customer, charge)
    assert do(records, process.withdraw_charge, charge, reason=" ").code == "reason_missing"
    gone = do(records, process.withdraw_charge, charge, reason="goodwill")
    assert gone.state is ChargeState.WITHDRAWN
    letters = [one.subject for one in records.letters.values() if "CASE-1" in one.subject]
    assert any("Charge withdrawn" in one for one in letters) is is_told
    before = everything(records)
    do(records, process.withdraw_charge, charge, reason="goodwill")
    assert everything(records) == before
    assert charges.rows_of([gone]) == ()
    assert propose(records, invoice).state is ChargeState.PROPOSED


@pytest.mark.rule("B-52")
@pytest.mark.parametrize(
    ("advised", "is_emergency", "code"),
    [
        pytest.param(("roof_repair",), False, "customer_not_advised", id="of something else"),
        pytest.param((), True, None, id="in an emergency nobody waits"),
    ],
)
def test_the_customer_is_told_beforehand(records, advised, is_emergency, code):
    invoice = billed(records, advised=advised, is_emergency=is_emergency)
    answer = do(records, process.approve_charge, propose(records, invoice))
    assert getattr(answer, "code", None) == code


@pytest.mark.rule("B-52a")
@pytest.mark.parametrize(
    ("people", "enough"),
    [
        pytest.param({"a", "b"}, True, id="two"),
        pytest.param({"a"}, False, id="one"),
        pytest.param({"a", " "}, False, id="one and nobody"),
        pytest.param({"a", "b", "c"}, True, id="three"),
    ],
)
def test_two_people_stand_behind_a_charge(people, enough):
    assert charges.are_enough(people, on=SUBMITTED.date()) is enough


def told_charge(records, invoice):
    charge = propose(records, invoice)
    do(records, process.approve_charge, charge)
    return do(records, process.tell_customer, charge)


@pytest.mark.rule("B-52")
def test_a_customer_that_is_told_again_gets_letters_again(records):
    invoice = billed(records)
    for times in (1, 2):
        charge = told_charge(records, invoice)
        do(records, process.withdraw_charge, charge, reason="goodwill")
        theirs = [one for one in records.letters.values() if one.to == "customer@home.example"]
        assert len(theirs) == 2 * times


@pytest.mark.rule("B-52")
def test_what_is_not_the_customers_any_more_does_not_leave(records):
    told_charge(records, billed(records))
    changed(records, records.load(WorkOrder, "WO-1").record, cause=Cause.WORKMANSHIP)
    before = everything(records)
    assert process.export_charges(records, by="fin", at=SUBMITTED) == ()
    assert everything(records) == before


@pytest.mark.rule("B-52")
def test_the_rows_of_an_export_are_read_again(records):
    invoice = billed(records)
    told_charge(records, invoice)
    (row,) = process.export_charges(records, by="fin", at=SUBMITTED)
    assert process.rows_of_export(records, row.export_id) == (row,)
    for unknown in ("", "EXP-NONE"):
        with pytest.raises(NotFound):
            process.rows_of_export(records, unknown)


@pytest.mark.rule("B-52")
def test_a_charge_that_changes_meanwhile_is_left_for_the_next_export(records):
    charge = told_charge(records, billed(records))
    raced = Raced(records, lambda: do(records, process.withdraw_charge, charge, reason="goodwill"))
    assert process.export_charges(raced, by="fin", at=SUBMITTED) == ()
    assert records.load(CustomerCharge, charge.id).record.state is ChargeState.WITHDRAWN
