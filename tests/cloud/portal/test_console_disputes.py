"""Disputes, back-bills and customer charges in the console: who decides what, and what it holds."""

from datetime import timedelta

import pytest

from cloud.invoicing import process as invoicing
from cloud.invoicing.models import BackBill, CustomerCharge, Dispute, Invoice, Subject
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money
from cloud.service.models import Case, CaseOwner, CaseSource, CaseState, Cause, WorkOrder
from tests.cloud.invoicing.invoicing_world import (
    MONDAY,
    SUBMITTED,
    approve,
    done,
    draft,
    find_cause,
    kept_records,
    kept_upload,
    pay,
    submit,
)
from tests.cloud.portal.pages_world import World

PATH, BILLS, CHARGES = "/console/disputes", "/console/back_bills", "/console/charges"


class Desk(World):
    """Another partner was paid $400.00 for mending the installer's workmanship."""

    def __init__(self) -> None:
        super().__init__(kept_records(), now=SUBMITTED + timedelta(hours=1))
        for who, group in {
            "spc_1": "spc",
            "sue": "spc",
            "ron": "relationship_manager",
            "ann": "admin",
            "ada": "accounting_admin",
            "otto": "auditor",
            "amy": "ams",
        }.items():
            self.owner_person(who, group)

    def invoiced(self, cause: Cause) -> Invoice:
        order = done(self.records)
        made = submit(self.records, draft(order, 40_000))
        assert isinstance(made, Invoice)
        find_cause(self.records, self.records.load(WorkOrder, "WO-1").record, cause)
        approve(self.records, made)
        return made

    def billed(self) -> BackBill:
        made = self.invoiced(Cause.WORKMANSHIP)
        pay(self.records, made)
        bill = invoicing.assess(self.records, work_order_id="WO-1", at=SUBMITTED)
        assert bill is not None
        return bill

    def disputed(self, kind: Subject = Subject.BACK_BILL) -> Dispute:
        self.billed()
        reference = kept_upload(self.records, "UPL-1")
        made = invoicing.open_dispute(
            self.records,
            kind=kind,
            work_order_id="WO-1",
            partner_id="orig",
            says="We were never called.",
            at=SUBMITTED,
            by="orig:jo",
            evidence=(reference,),
        )
        assert isinstance(made, Dispute), made
        return made

    def dispute(self, known: Dispute) -> Dispute:
        return self.records.load(Dispute, known.id).record

    def bill(self) -> BackBill:
        (found,) = self.records.find(BackBill, by="partner_id", value="orig")
        return found.record


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ---- disputes ------------------------------------------------------------------------------------


def test_open_disputes_are_listed_by_level_and_say_whose_they_are(desk):
    made = desk.disputed()
    mine, not_mine = desk.page("spc_1", PATH), desk.page("ron", PATH)
    assert f"{PATH}/{made.id}" in mine.text
    for words in ("A back-bill", "Orig", "Coordinator", "1 h", "We were never called."):
        assert words in mine.plain
    assert "Yours to decide" in mine.plain
    assert "Yours to decide" not in not_mine.plain
    assert made.id not in desk.page("spc_1", f"{PATH}?level=partner_agreement").text


@pytest.mark.parametrize(
    ("path", "says"),
    [
        pytest.param(PATH, "No dispute is open", id="no dispute"),
        pytest.param(f"{PATH}?state=resolved", "No dispute stands so", id="none decided"),
        pytest.param(BILLS, "No back-bill stands so", id="no back-bill"),
        pytest.param(CHARGES, "No charge waits for approval", id="no charge"),
        pytest.param(f"{CHARGES}?state=told", "No charge stands so", id="none told"),
    ],
)
def test_an_empty_list_says_what_would_stand_there(desk, path, says):
    assert says in desk.page("spc_1", path).plain


def test_both_sides_the_evidence_and_what_it_holds(desk):
    made = desk.disputed()
    page = desk.page("spc_1", f"{PATH}/{made.id}")
    for words in ("We were never called.", "orig:jo", "calls.pdf", "Workmanship", "a.jpg"):
        assert words in page.plain
    for amount in ("$400.00", "$80.00", "$480.00"):
        assert amount in page.plain
    assert "Held While it is open" in page.plain
    away = desk.page("otto", f"{PATH}/{made.id}/evidence/UPL-1")
    assert away.status == 303
    assert desk.page("otto", f"{PATH}/{made.id}/evidence/UPL-2").status == 404


@pytest.mark.rule("X-87")
@pytest.mark.parametrize(
    ("fields", "outcome", "left"),
    [
        pytest.param({"outcome": "upheld"}, "upheld", 48_000, id="the claim stands"),
        pytest.param({"outcome": "overturned"}, "overturned", 0, id="the claim falls"),
        pytest.param({"outcome": "partial", "left": "100.50"}, "partial", 10_050, id="in part"),
    ],
)
def test_who_owns_the_level_decides(desk, fields, outcome, left):
    made = desk.disputed()
    sent = desk.send("spc_1", f"{PATH}/{made.id}/resolve", reason="looked at it", **fields)
    assert "It is decided" in desk.after("spc_1", sent).plain
    assert (desk.dispute(made).outcome, desk.dispute(made).closed_by) == (outcome, "spc_1")
    assert desk.dispute(made).new_amount == Money(left)
    assert desk.bill().total == Money(left)
    page = desk.page("otto", f"{PATH}/{made.id}")
    assert "looked at it" in page.plain
    assert f"{made.id}/resolve" not in page.text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({"outcome": "", "reason": "x"}, "Choose how it ends", id="no outcome"),
        pytest.param({"outcome": "maybe", "reason": "x"}, "Choose how it ends", id="no such"),
        pytest.param({"outcome": "upheld", "reason": ""}, "Say why", id="no reason"),
        pytest.param({"outcome": "partial", "reason": "x"}, "what is left", id="no part"),
        pytest.param(
            {"outcome": "partial", "reason": "kept", "left": "480"},
            "less than the $480.00 that are owed",
            id="all of it is no part",
        ),
    ],
)
def test_a_wrong_decision_keeps_the_form(desk, fields, says):
    made = desk.disputed()
    page = desk.send("spc_1", f"{PATH}/{made.id}/resolve", **fields)
    assert page.status == 422
    assert says in page.plain
    assert fields["reason"] in page.text
    assert desk.dispute(made).outcome is None


def test_at_anothers_level_there_is_a_reason_and_no_button(desk):
    made = desk.disputed()
    page = desk.page("ron", f"{PATH}/{made.id}")
    assert "Not yours to decide It is with the coordinator: the role spc decides" in page.plain
    assert f"{made.id}/resolve" not in page.text
    refused = desk.send("ron", f"{PATH}/{made.id}/resolve", outcome="upheld", reason="mine")
    assert refused.status == 422
    assert "not yours to decide. Rule X-87." in refused.plain
    assert "mine" in refused.plain, "what was written is not lost"


@pytest.mark.rule("X-86")
def test_it_goes_level_by_level_and_the_administrator_ends_it(desk):
    made = desk.disputed()
    for who, level in (("spc_1", "relationship_manager"), ("ron", "partner_agreement")):
        desk.send(who, f"{PATH}/{made.id}/escalate", to_level=level)
        assert desk.dispute(made).level == level
    page = desk.page("ann", f"{PATH}/{made.id}")
    assert "Coordinator : 1 h" in page.plain
    assert f"{made.id}/escalate" not in page.text
    desk.send("ann", f"{PATH}/{made.id}/resolve", outcome="overturned", reason="by agreement")
    assert desk.dispute(made).closed_by == "ann"
    assert made.id not in desk.page("ann", PATH).text


def test_a_level_that_is_not_the_next_is_refused(desk):
    made = desk.disputed()
    sent = desk.send("ron", f"{PATH}/{made.id}/escalate", to_level="partner_agreement")
    assert "the next level is relationship_manager" in desk.after("ron", sent).plain
    assert desk.dispute(made).level == "spc"


@pytest.mark.parametrize(
    ("who", "dispute", "bills", "charges"),
    [
        pytest.param("spc_1", 200, 200, 200, id="coordinator"),
        pytest.param("ron", 200, 200, 403, id="relationship manager"),
        pytest.param("ann", 200, 403, 403, id="administrator"),
        pytest.param("ada", 403, 200, 200, id="accounting admin"),
        pytest.param("otto", 200, 200, 200, id="auditor"),
        pytest.param("amy", 403, 403, 403, id="aftermarket"),
    ],
)
def test_who_may_look(desk, who, dispute, bills, charges):
    made = desk.disputed()
    assert desk.page(who, f"{PATH}/{made.id}").status == dispute
    assert desk.page(who, PATH).status == dispute
    assert desk.page(who, f"{BILLS}/{desk.bill().id}").status == bills
    assert desk.page(who, CHARGES).status == charges


def test_a_dispute_about_an_invoice_shows_the_decision(desk):
    order = done(desk.records)
    made = submit(desk.records, draft(order, 40_000))
    invoicing.reject(
        desk.records, invoice_id=made.id, reason="too many hours", by="spc_1", at=SUBMITTED
    )
    dispute = invoicing.open_dispute(
        desk.records,
        kind=Subject.INVOICE,
        work_order_id="WO-1",
        partner_id="other",
        says="The roof was wet.",
        what=made.id,
        at=SUBMITTED,
        by="other:jo",
    )
    page = desk.page("spc_1", f"{PATH}/{dispute.id}")
    assert "too many hours" in page.plain
    assert "a rejected invoice is decided on again" in page.plain
    assert 'value="partial"' not in page.text, "no money is disputed, so there is no part"
    desk.send("spc_1", f"{PATH}/{dispute.id}/resolve", outcome="overturned", reason="it was")
    assert desk.records.load(Invoice, made.id).record.state == "submitted"


# ---- back-bills ----------------------------------------------------------------------------------


@pytest.mark.rule("B-54")
def test_a_back_bill_shows_its_arithmetic(desk):
    bill = desk.billed()
    listed = desk.page("ada", BILLS)
    assert f"{BILLS}/{bill.id}" in listed.text
    assert "$480.00" in listed.plain
    page = desk.page("ada", f"{BILLS}/{bill.id}")
    assert "Paid for workmanship $400.00" in page.plain
    assert "20 % more, once on the whole rule B-54 $80.00" in page.plain
    assert "Owed by Orig $480.00" in page.plain
    assert "Invoice INV-1" in page.plain
    assert "Declined" in page.plain


def test_what_a_run_took_of_it_names_the_run(desk):
    bill = desk.billed()
    later = SUBMITTED + timedelta(days=30)
    bill = invoicing.assess(desk.records, work_order_id="WO-1", at=later)
    (offset,) = bill.offsets
    page = desk.page("ada", f"{BILLS}/{bill.id}")
    assert "With the funding runs $480.00" in page.plain
    assert "no run yet" in page.plain
    assert bill.id in desk.page("ada", f"{BILLS}?state=posted").text
    invoicing.record_offset_taken(
        desk.records,
        work_order_id="WO-1",
        offset_id=offset.id,
        run_id="run-9",
        amount=Money(30_000),
        at=later,
    )
    page = desk.page("ada", f"{BILLS}/{bill.id}")
    assert "$300.00 by run-9" in page.plain
    assert "Taken by them $300.00" in page.plain


def test_one_whose_cause_is_open_says_what_it_could_come_to(desk):
    made = desk.invoiced(Cause.UNDETERMINED)
    page = desk.page("spc_1", f"/console/invoices/{made.id}")
    bill = desk.bill()
    assert "so much if all of it is paid and is workmanship" in page.plain
    page = desk.page("spc_1", f"{BILLS}/{bill.id}")
    assert "it comes to $480.00" in page.plain
    assert "Open Workmanship was found" in page.plain


# ---- charges -------------------------------------------------------------------------------------


def charged(desk: Desk, by: str = "spc_1") -> CustomerCharge:
    made = desk.invoiced(Cause.ROOF_REPAIR)
    case = Case(
        id="CASE-1",
        source=CaseSource.PHONE,
        family="other",
        site_id="site-1",
        owner=CaseOwner.AMS,
        state=CaseState.WORK_ORDERED,
        rule="C-02",
        is_emergency=False,
        opened_at=MONDAY,
        findings=(),
        evidence=(),
        causes=(),
        advised=(Cause.ROOF_REPAIR,),
    )
    desk.records.commit(Change(saves=(Save(case),)))
    charge = invoicing.propose_charge(
        desk.records, invoice_id=made.id, evidence="photo 3", by=by, at=SUBMITTED
    )
    assert isinstance(charge, CustomerCharge), charge
    return charge


@pytest.mark.rule("B-52a")
def test_one_person_proposes_and_another_approves(desk):
    charge = charged(desk)
    own = desk.page("spc_1", f"{CHARGES}/{charge.id}")
    assert "You proposed it, so another coordinator approves it." in own.plain
    assert f"{charge.id}/approve" not in own.text
    refused = desk.after("spc_1", desk.send("spc_1", f"{CHARGES}/{charge.id}/approve"))
    assert "who proposed a charge cannot approve it Rule B-52a" in refused.plain
    desk.send("sue", f"{CHARGES}/{charge.id}/approve")
    assert desk.records.load(CustomerCharge, charge.id).record.approved_by == "sue"


def test_a_charge_goes_to_its_customer_and_leaves_once(desk):
    charge = charged(desk)
    assert "You proposed it" in desk.page("spc_1", CHARGES).plain
    desk.send("sue", f"{CHARGES}/{charge.id}/approve")
    desk.send("sue", f"{CHARGES}/{charge.id}/tell")
    assert desk.send("sue", f"{CHARGES}/export").status == 403
    sent = desk.send("ada", f"{CHARGES}/export")
    assert sent.to.startswith(f"{CHARGES}/exports/EXP-")
    page = desk.after("ada", sent)
    assert "1 line, $400.00 together" in page.plain
    rows = desk.page("otto", f"{sent.to}/csv")
    assert rows.headers["content-disposition"].startswith("attachment")
    assert "photo 3" in rows.text
    again = desk.after("ada", desk.send("ada", f"{CHARGES}/export"))
    assert "Nothing could leave" in again.plain
    assert desk.page("ada", f"{CHARGES}/exports/EXP-NONE").status == 404


def test_a_charge_is_withdrawn_with_a_reason(desk):
    charge = charged(desk)
    assert desk.send("sue", f"{CHARGES}/{charge.id}/withdraw", reason="").status == 422
    desk.send("sue", f"{CHARGES}/{charge.id}/withdraw", reason="a mistake")
    page = desk.page("ada", f"{CHARGES}/{charge.id}")
    assert "sue: a mistake" in page.plain
    assert "/withdraw" not in page.text


@pytest.mark.parametrize("who", ["ada", "otto"])
@pytest.mark.parametrize("deed", ["approve", "tell", "withdraw"])
def test_only_coordinators_decide_on_charges(desk, who, deed):
    charge = charged(desk)
    assert desk.send(who, f"{CHARGES}/{charge.id}/{deed}").status == 403
    assert f"{charge.id}/{deed}" not in desk.page(who, f"{CHARGES}/{charge.id}").text


@pytest.mark.parametrize("path", [f"{PATH}/DSP-NONE", f"{BILLS}/BB-NONE", f"{CHARGES}/CC-NONE"])
def test_what_is_not_there_is_not_found(desk, path):
    assert desk.page("otto", path).status == 404
