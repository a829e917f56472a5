"""Back-bills and disputes in the portal: why and how much, disagreeing, levels, evidence."""

from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfWriter

from cloud.invoicing import process
from cloud.invoicing.models import (
    BackBill,
    BackBillState,
    Dispute,
    DisputeState,
    Notice,
    Offset,
    Outcome,
    Subject,
    Taken,
)
from cloud.kernel.money import Money
from cloud.portal.partner_views import back_bills
from tests.cloud.portal.billing_world import BillingWorld, Waiting
from tests.cloud.portal.orders_world import ALDER, HOUR

HERE = "/portal/back_bills"
NEW = f"{HERE}/disputes/new"


def a_paper() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(width=100, height=100)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


PAPER = ("calls.pdf", "application/pdf", a_paper())


@pytest.fixture
def world() -> BillingWorld:
    return BillingWorld()


def a_bill(world: BillingWorld, **differs: Any) -> BackBill:
    usual: dict[str, Any] = {
        "id": f"BB-{world.number}",
        "work_order_id": world.number,
        "partner_id": ALDER,
        "state": BackBillState.NOTIFIED,
        "cost": Money(10_000),
        "markup": Money(2_000),
        "total": Money(12_000),
        "notices": (Notice(Money(12_000), world.now, world.now + 24 * HOUR),),
    }
    made = BackBill(**{**usual, **differs})
    world.put(made)
    return made


def refused_invoice(world: BillingWorld) -> str:
    made = world.submitted()
    answer = process.reject(
        world.records, invoice_id=made.id, reason="Too many hours", by="spc_1", at=world.now
    )
    world.allowed(answer)
    return made.id


def about(world: BillingWorld, invoice_id: str, **differs: Any) -> dict[str, Any]:
    return {
        "kind": "invoice",
        "work_order": world.number,
        "what": invoice_id,
        "says": "We were asked to stay",
        **differs,
    }


def opened(world: BillingWorld, **files: Any) -> Dispute:
    told = about(world, refused_invoice(world))
    sent = world.send_files("bo", NEW, files, **told)
    assert sent.status == 303, sent.plain
    return the_dispute(world)


def the_dispute(world: BillingWorld) -> Dispute:
    (stored,) = world.records.find(Dispute, by="partner_id", value=ALDER)
    return stored.record


# ---- back-bills ----------------------------------------------------------------------------------


def test_empty_lists_say_what_makes_something_come(world: BillingWorld) -> None:
    seen = world.page("lu", HERE).plain
    assert "No back-bill" in seen
    assert "No dispute" in seen


def test_the_list_has_what_can_be_disputed_first(world: BillingWorld) -> None:
    a_bill(world, id="BB-OLD", state=BackBillState.SETTLED, notices=())
    a_bill(world, id="BB-NEW")
    seen = world.page("bo", HERE)
    assert seen.text.index("BB-NEW") < seen.text.index("BB-OLD")
    assert "in 1 d" in seen.plain


def test_a_back_bill_tells_both_keys_the_cost_and_the_fifth_on_top(world: BillingWorld) -> None:
    bill = a_bill(
        world,
        state=BackBillState.SETTLED,
        posted=Money(12_000),
        offsets=(Offset("OFF-1", Money(12_000), world.now),),
        taken=(Taken("OFF-1", "RUN-9", Money(12_000)),),
    )
    seen = world.page("bo", f"{HERE}/{bill.id}")
    for told in ("$100.00", "20 % on top", "$20.00", "$120.00", "rule B-53"):
        assert told in seen.plain
    assert "A funding run took $120.00" in seen.plain
    assert "RUN-9" not in seen.text
    assert "/portal/payouts/RUN-9" in world.page("ines", f"{HERE}/{bill.id}").text
    assert world.page("lu", f"{HERE}/{bill.id}").status == 404


def test_every_state_level_and_subject_has_words() -> None:
    assert set(back_bills.STATES) == set(back_bills.TONES) == set(BackBillState)
    assert set(back_bills.KINDS) == set(Subject)
    assert set(back_bills.OUTCOMES) == set(Outcome)


def test_a_disputed_back_bill_is_held(world: BillingWorld) -> None:
    bill = a_bill(world)
    form = f"{NEW}?kind=back_bill&work_order={world.number}"
    assert f'href="{form.replace("&", "&amp;")}"' in world.page("bo", f"{HERE}/{bill.id}").text
    assert world.page("bo", form).status == 200


# ---- opening -------------------------------------------------------------------------------------


def test_a_dispute_is_opened_with_words_and_a_file(world: BillingWorld) -> None:
    dispute = opened(world, file=PAPER)
    assert dispute.says == "We were asked to stay"
    assert dispute.opened_by == "bo"
    seen = world.page("bo", f"{HERE}/disputes/{dispute.id}")
    assert "Here now" in seen.plain
    assert "calls.pdf" in seen.plain
    (reference,) = dispute.evidence
    name = reference.rpartition(":")[2]
    assert world.page("bo", f"{HERE}/disputes/{dispute.id}/files/{name}").status == 303
    assert world.page("bo", f"{HERE}/disputes/{dispute.id}/files/UPL-0").status == 404


def test_without_words_nothing_is_opened_and_with_them_twice_it_is_one(world: BillingWorld) -> None:
    invoice_id = refused_invoice(world)
    wrong = world.send("bo", NEW, **about(world, invoice_id, says=""))
    assert wrong.status == 422
    assert "Say what is wrong with it" in wrong.plain
    for _ in range(2):
        assert world.send("bo", NEW, **about(world, invoice_id)).status == 303
    the_dispute(world)


def test_a_file_that_is_none_is_told_and_the_words_stay(world: BillingWorld) -> None:
    told = about(world, refused_invoice(world), says="Look & see")
    files = {"file": ("note.txt", "text/plain", b"hello")}
    seen = world.send_files("bo", NEW, files, **told)
    assert seen.status == 422
    assert "note.txt" in seen.plain
    assert "Look & see" in seen.plain
    assert not world.records.find(Dispute, by="partner_id", value=ALDER)


def test_while_a_file_is_scanned_the_form_waits_and_keeps_it(world: BillingWorld) -> None:
    world.desk.said, clean = Waiting(), world.desk.said
    told = about(world, refused_invoice(world))
    seen = world.send_files("bo", NEW, {"file": PAPER}, **told)
    assert seen.status == 422
    assert "being scanned" in seen.plain
    assert "We were asked to stay" in seen.plain
    kept = seen.text.split('name="kept" value="')[1].split('"')[0]
    world.desk.said = clean
    assert world.send("bo", NEW, **told, kept=kept).status == 303
    assert the_dispute(world).evidence == (kept,)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("kind=gift&work_order={number}", id="no such subject"),
        pytest.param("kind=finding&work_order=WO-0", id="no such work order"),
        pytest.param("kind=finding", id="no work order"),
    ],
)
def test_what_cannot_be_disputed_has_no_form(world: BillingWorld, query: str) -> None:
    assert world.page("bo", f"{NEW}?{query.format(number=world.number)}").status == 404


def test_another_partners_things_are_not_disputed(world: BillingWorld) -> None:
    told = about(world, refused_invoice(world))
    assert world.page("lu", f"{NEW}?kind=invoice&work_order={world.number}").status == 404
    assert world.send("lu", NEW, **told).status == 404


# ---- going on ------------------------------------------------------------------------------------


def test_a_dispute_goes_forward_level_by_level_and_can_be_given_up(world: BillingWorld) -> None:
    path = f"{HERE}/disputes/{opened(world).id}"
    assert "Take it to the relationship manager" in world.page("bo", path).plain
    for _ in range(2):
        world.send("bo", f"{path}/escalate", to_level="relationship_manager")
    assert the_dispute(world).level == "relationship_manager"
    no = world.after("bo", world.send("bo", f"{path}/escalate", to_level="spc"))
    assert "Rule X-86" in no.plain
    world.send("bo", f"{path}/escalate", to_level="partner_agreement")
    assert "Take it to the" not in world.page("bo", path).plain
    seen = world.after("bo", world.send("bo", f"{path}/withdraw"))
    assert "Given up" in seen.plain
    assert the_dispute(world).state is DisputeState.WITHDRAWN


def test_evidence_is_added_while_it_is_open(world: BillingWorld) -> None:
    path = f"{HERE}/disputes/{opened(world).id}"
    none = world.send("bo", f"{path}/evidence")
    assert (none.status, "Choose a file" in none.plain) == (422, True)
    assert world.send_files("bo", f"{path}/evidence", {"file": PAPER}).status == 303
    assert len(the_dispute(world).evidence) == 1


def test_a_decision_is_told_with_its_reason(world: BillingWorld) -> None:
    dispute = opened(world)
    answer = process.resolve_dispute(
        world.records,
        dispute_id=dispute.id,
        outcome=Outcome.UPHELD,
        reason="The hours are not in the report",
        roles={"spc"},
        at=world.now,
        by="spc_1",
    )
    world.allowed(answer) if isinstance(answer, Dispute) else pytest.fail(str(answer))
    seen = world.page("bo", f"{HERE}/disputes/{dispute.id}").plain
    assert "The claim stands" in seen
    assert "The hours are not in the report" in seen


def test_nobody_else_sees_or_changes_a_dispute(world: BillingWorld) -> None:
    path = f"{HERE}/disputes/{opened(world).id}"
    assert world.page("lu", path).status == 404
    for deed in ("withdraw", "escalate", "evidence"):
        assert world.send("lu", f"{path}/{deed}").status == 404
    assert the_dispute(world).state is DisputeState.OPEN
