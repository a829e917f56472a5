"""Invoices in the portal: written, told what is missing, kept, sent, lowered, followed."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from cloud.invoicing import process
from cloud.invoicing.completeness import LONGEST_NAME, LONGEST_TEXT, MOST_LINES
from cloud.invoicing.models import DraftState, Invoice, InvoiceState, SavedDraft
from cloud.invoicing.process.submission import invoice_id_of
from cloud.kernel.money import Money
from cloud.portal.partner_views.invoices import STATES
from tests.cloud.portal.billing_world import BillingWorld, said
from tests.cloud.portal.orders_world import ALDER, HOME, at

LIST = "/portal/invoices"
ID = invoice_id_of(ALDER, "A-1")
DAY = timedelta(days=1)


@pytest.fixture
def world() -> BillingWorld:
    return BillingWorld()


def form(world: BillingWorld) -> str:
    return f"{world.path}/invoice"


def decided(world: BillingWorld, deed: Any, **more: Any) -> None:
    world.allowed(deed(world.records, invoice_id=ID, by="spc_1", at=world.now, **more))


# ---- writing -------------------------------------------------------------------------------------


def test_the_form_is_filled_in_with_what_is_known(world: BillingWorld) -> None:
    seen = world.page("bo", form(world))
    assert seen.status == 200
    assert HOME.customer_name in seen.text
    assert "Breaker replaced." in seen.text
    assert "Give the invoice a number" in seen.plain
    assert "$0.00 of at most $500.00 without approval" in seen.plain
    assert "2 photos" in seen.plain


def test_an_invoice_is_sent_with_its_lines(world: BillingWorld) -> None:
    second = {"kind_1": "materials", "words_1": "Breaker", "amount_1": "20", "at_1": at(world, -1)}
    seen = world.after("bo", world.send("bo", form(world), **world.fields(**second)))
    assert "Invoice A-1 is sent" in seen.plain
    assert "$200.50" in seen.plain
    made = world.invoice(ID)
    assert [(one.category, one.description, one.amount) for one in made.content.lines] == [
        ("labor", "2 × Work on site", Money(18_050)),  # noqa: RUF001 - the sign that people read
        ("materials", "Breaker", Money(2_000)),
    ]
    assert made.content.photo_count == 2
    assert made.submitted_by == "bo"


def test_sending_it_twice_makes_one_invoice(world: BillingWorld) -> None:
    for _ in range(2):
        assert world.send("bo", form(world), **world.fields()).to.endswith(ID)
    assert len(world.records.find(Invoice, by="partner_id", value=ALDER)) == 1


@pytest.mark.parametrize(
    ("differs", "says"),
    [
        pytest.param({"number": ""}, "Give it a number", id="no number"),
        pytest.param({"customer": ""}, "Name the customer", id="no customer"),
        pytest.param({"description": ""}, "Say what was done", id="no description"),
        pytest.param(
            {"words_0": "", "amount_0": "", "many_0": ""}, "at least one line", id="no line"
        ),
        pytest.param({"amount_0": ""}, "an amount above zero", id="a line without amount"),
        pytest.param({"amount_0": "0"}, "an amount above zero", id="a line at nothing"),
        pytest.param({"amount_0": "12,34"}, "This is no amount", id="an amount that is none"),
        pytest.param({"many_0": "some"}, "how many there are", id="a quantity that is none"),
        pytest.param({"at_0": ""}, "when each line was performed", id="a line without time"),
        pytest.param({"kind_0": "gifts"}, "labor, materials or travel", id="an unknown kind"),
        pytest.param({"amount_0": "500.01"}, "no written approval is there", id="a cent too much"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_typed_is_lost(
    world: BillingWorld, differs: dict[str, str], says: str
) -> None:
    told = world.fields(**{"words_0": "Ladder & rope", **differs})
    seen = world.send("bo", form(world), **told)
    assert seen.status == 422
    assert says in seen.plain
    assert not world.records.find(Invoice, by="partner_id", value=ALDER)
    for value in (told["address"], told["number"], told["amount_0"], told["many_0"]):
        assert f'value="{value}"' in seen.text


def test_exactly_the_limit_needs_no_approval(world: BillingWorld) -> None:
    assert world.send("bo", form(world), **world.fields(amount_0="500.00")).status == 303


def test_typing_is_answered_with_the_sum_and_what_is_missing(world: BillingWorld) -> None:
    check = f"{form(world)}/check"
    seen = world.send("bo", check, **world.fields(amount_0="620.00", number=""))
    assert seen.status == 200
    assert "$620.00 of at most $500.00" in seen.plain
    assert "Too much" in seen.plain
    assert "by $120.00" in seen.plain
    assert 'href="#number"' in seen.text
    assert f'href="{world.path}/spend"' in seen.text
    fine = world.send("bo", check, **world.fields())
    assert "Nothing is missing" in fine.plain
    assert not world.records.find(SavedDraft, by="partner_id", value=ALDER)


def test_other_invoices_count_against_the_same_limit(world: BillingWorld) -> None:
    world.submitted(40_000, number="A-0")
    seen = world.send("bo", f"{form(world)}/check", **world.fields())
    assert "$400.00 other invoices" in seen.plain
    assert "$580.50 of at most $500.00" in seen.plain


def test_one_more_line_comes_without_script_and_keeps_what_was_typed(world: BillingWorld) -> None:
    seen = world.send("bo", form(world), **world.fields(deed="more"))
    assert seen.status == 200
    assert 'name="words_1"' in seen.text
    assert 'value="Work on site"' in seen.text
    assert 'name="words_2"' not in seen.text


def test_a_draft_is_kept_opened_again_and_given_up(world: BillingWorld) -> None:
    kept = world.send("bo", form(world), **world.fields(deed="keep", amount_0="", customer=""))
    assert kept.to == f"{form(world)}?draft={ID}"
    seen = world.page("bo", f"{LIST}/drafts/{ID}")
    assert seen.to == f"{form(world)}?draft={ID}"
    again = world.page("bo", seen.to)
    assert 'value="Work on site"' in again.text
    assert 'name="many_0" type="text" inputmode="decimal" value="2"' in again.text
    listed = world.page("bo", LIST)
    assert "Finish and send invoice A-1" in listed.plain
    world.send("bo", f"{LIST}/drafts/{ID}/discard")
    assert world.records.load(SavedDraft, ID).record.state is DraftState.DISCARDED
    assert world.page("lu", f"{LIST}/drafts/{ID}").status == 404


def test_a_draft_under_another_number_takes_the_place_of_the_first(world: BillingWorld) -> None:
    world.send("bo", form(world), **world.fields(deed="keep"))
    world.send("bo", form(world), **world.fields(deed="keep", number="A-2", draft=ID))
    assert world.records.load(SavedDraft, ID).record.state is DraftState.DISCARDED
    kept = world.records.load(SavedDraft, invoice_id_of(ALDER, "A-2")).record
    assert kept.state is DraftState.OPEN


def test_what_cannot_be_sent_yet_is_kept_as_a_draft(world: BillingWorld) -> None:
    seen = world.send("bo", form(world), **world.fields(customer=""))
    assert "It is kept as a draft" in seen.plain
    assert "rule I-65" in seen.plain
    assert world.records.load(SavedDraft, ID).record.content.description == "Mended it."


def test_before_the_report_the_way_leads_there() -> None:
    world = BillingWorld(state="awaiting_report")
    seen = world.page("bo", form(world))
    assert "The report of the visit is not there yet" in seen.plain
    assert f'href="{world.path}/report"' in seen.text


def test_an_invoice_that_came_back_keeps_its_number_and_its_instants(world: BillingWorld) -> None:
    before = world.submitted()
    decided(world, process.return_to_partner, reason="Name the parts")
    shown = world.page("bo", f"{LIST}/{ID}")
    assert "Name the parts" in shown.plain
    seen = world.page("bo", form(world))
    assert "It keeps its number" in seen.plain
    exact = before.content.lines[0].performed_at.isoformat()
    assert f'value="{exact}"' in seen.text
    told = world.fields(
        words_0="Two hours", many_0="", amount_0="150", exact_0=exact, is_fixed="yes"
    )
    told["at_0"] = at(world, (before.content.lines[0].performed_at - world.now) / (DAY / 24))
    assert world.send("bo", form(world), **told).status == 303
    after = world.invoice(ID)
    assert after.state is InvoiceState.SUBMITTED
    assert after.content.total == Money(15_000)
    assert after.content.lines[0].performed_at.isoformat() == exact


@pytest.mark.parametrize("who", ["lu"])
def test_nobody_else_writes_or_sees_it(world: BillingWorld, who: str) -> None:
    world.submitted()
    for path in (form(world), f"{LIST}/{ID}"):
        assert world.page(who, path).status == 404
    for path in (form(world), f"{form(world)}/check"):
        assert world.send(who, path, **world.fields()).status == 404
    for deed in ("withdraw", "escalate", "lower"):
        assert world.send(who, f"{LIST}/{ID}/{deed}").status == 404
    assert world.invoice(ID).state is InvoiceState.SUBMITTED


# ---- the list ------------------------------------------------------------------------------------


def test_an_empty_list_says_what_comes_and_work_not_invoiced_stands_first(
    world: BillingWorld,
) -> None:
    assert "No invoice yet" in world.page("lu", LIST).plain
    seen = world.page("bo", LIST)
    assert "Done and reported, not invoiced" in seen.plain
    assert f'href="{form(world)}"' in seen.text


def test_the_list_is_filtered_by_state_and_number(world: BillingWorld) -> None:
    world.submitted(10_000, "A-1")
    world.submitted(20_000, "B-2")
    decided(world, process.reject, reason="Not ours")
    assert "$200.00 waits for a decision" in world.page("bo", LIST).plain
    refused = world.page("bo", f"{LIST}?state=rejected").plain
    assert "Not ours" in refused
    assert "B-2" not in refused
    assert "A-1" not in world.page("bo", f"{LIST}?q=b-2").plain
    assert "Nothing like this" in world.page("bo", f"{LIST}?q=zz").plain


def test_every_state_has_a_word() -> None:
    assert set(STATES) == set(InvoiceState)


# ---- one invoice ---------------------------------------------------------------------------------


def test_who_decides_by_when_and_late_goes_to_the_relationship_manager(world: BillingWorld) -> None:
    world.submitted()
    seen = world.page("bo", f"{LIST}/{ID}").plain
    assert "Sam decides on it" in seen
    assert "The decision is late" not in seen
    early = world.after("bo", world.send("bo", f"{LIST}/{ID}/escalate"))
    assert "Rule I-69" in early.plain
    world.much_later(30 * DAY)
    assert "The decision is late" in world.page("bo", f"{LIST}/{ID}").plain
    world.send("bo", f"{LIST}/{ID}/escalate")
    assert world.invoice(ID).escalated_at == world.now
    assert "With the relationship manager" in world.page("bo", f"{LIST}/{ID}").plain


def test_a_refused_invoice_leads_to_another_and_to_a_dispute(world: BillingWorld) -> None:
    world.submitted()
    decided(world, process.reject, reason="Too many hours")
    seen = world.page("bo", f"{LIST}/{ID}")
    assert "Too many hours" in seen.plain
    assert "rule I-64" in seen.plain
    assert "kind=invoice" in seen.text
    another = world.page("bo", f"{form(world)}?like={ID}")
    assert 'value="Two hours"' in another.text
    assert 'value="A-1"' not in another.text


def test_what_was_paid_is_shown_to_accounting_admins_alone(world: BillingWorld) -> None:
    world.submitted()
    decided(world, process.approve)
    process.record_payment(
        world.records,
        invoice_id=ID,
        run_id="RUN-9",
        amount=Money(20_000),
        trace_number="091000010000001",
        paid_at=world.now,
        at=world.now,
    )
    assert "/portal/payouts/RUN-9" in world.page("ines", f"{LIST}/{ID}").text
    seen = world.page("bo", f"{LIST}/{ID}")
    assert "It was paid" in seen.plain
    assert "RUN-9" not in seen.text
    assert "091000010000001" not in seen.text


def test_the_customer_is_not_shown_once_the_case_is_closed(world: BillingWorld) -> None:
    world.submitted()
    assert HOME.customer_name in world.page("bo", f"{LIST}/{ID}").plain
    world.change(replace(world.order, customer_hidden_at=world.now))
    assert HOME.customer_name not in world.page("bo", f"{LIST}/{ID}").text


def test_an_undecided_invoice_is_taken_back_and_a_decided_one_is_not(world: BillingWorld) -> None:
    world.submitted()
    assert "taken back" in world.after("bo", world.send("bo", f"{LIST}/{ID}/withdraw")).plain
    assert world.invoice(ID).state is InvoiceState.VOID
    world.submitted(number="B-1")
    other = invoice_id_of(ALDER, "B-1")
    world.allowed(process.approve(world.records, invoice_id=other, by="spc_1", at=world.now))
    no = world.after("bo", world.send("bo", f"{LIST}/{other}/withdraw"))
    assert "Rule I-64" in no.plain


def test_a_line_is_lowered_and_never_raised(world: BillingWorld) -> None:
    world.submitted()
    path = f"{LIST}/{ID}/lower"
    wrong = world.send("bo", path, was="200.00", to_0="less")
    assert wrong.status == 422
    assert 'value="less"' in wrong.text
    seen = world.after("bo", world.send("bo", path, was="200.00", to_0="150"))
    assert "The invoice is lowered" in seen.plain
    assert "from $200.00 to $150.00" in said(seen)
    assert world.invoice(ID).content.total == Money(15_000)


# ---- several at once -----------------------------------------------------------------------------


def second_order(world: BillingWorld, order_id: str = "WO-SECOND") -> str:
    """Put another work order of Alder's beside the first, as far as that one; give its form."""
    world.put(replace(world.order, id=order_id))
    return f"/portal/work_orders/{order_id}/invoice"


def test_correcting_an_invoice_opens_that_one_and_no_later_draft(world: BillingWorld) -> None:
    world.submitted()
    decided(world, process.return_to_partner, reason="Name the parts")
    world.wait(DAY / 24)
    world.send("bo", form(world), **world.fields(deed="keep", number="A-2", words_0="Another"))
    (to,) = re.findall(r'href="([^"]+)">Correct it', world.page("bo", f"{LIST}/{ID}").text)
    seen = world.page("bo", unescape(to))
    assert "It keeps its number" in seen.plain
    assert 'value="Two hours"' in seen.text
    assert 'name="number" value="A-1"' in seen.text
    assert 'value="Another"' not in seen.text


def test_the_corrected_draft_is_what_correcting_goes_on_with(world: BillingWorld) -> None:
    world.submitted()
    decided(world, process.return_to_partner, reason="Name the parts")
    kept = world.send(
        "bo", form(world), **world.fields(deed="keep", draft=ID, number="A-7", words_0="Parts")
    )
    assert kept.to == f"{form(world)}?draft={ID}"
    for path in (kept.to, f"{form(world)}?correct={ID}", form(world)):
        seen = world.page("bo", path)
        assert "It keeps its number" in seen.plain, path
        assert 'value="Parts"' in seen.text, path
    assert world.records.load(SavedDraft, invoice_id_of(ALDER, "A-7")) is None
    sent = world.send("bo", form(world), **world.fields(draft=ID, number="A-7", words_0="Parts"))
    assert sent.to == f"{LIST}/{ID}"
    assert world.invoice(ID).content.number == "A-1"


@pytest.mark.parametrize(
    ("query", "leads_to"),
    [
        pytest.param(f"correct={ID}", f"{LIST}/{ID}", id="an invoice that is not back"),
        pytest.param(f"draft={ID}", f"{LIST}/{ID}", id="a draft that was sent"),
    ],
)
def test_a_link_that_is_over_opens_nothing_else(
    world: BillingWorld, query: str, leads_to: str
) -> None:
    world.send("bo", form(world), **world.fields(deed="keep"))
    world.submitted()
    world.send("bo", form(world), **world.fields(deed="keep", number="A-2"))
    assert world.page("bo", f"{form(world)}?{query}").to == leads_to


def test_a_draft_that_was_given_up_is_said_to_be(world: BillingWorld) -> None:
    world.send("bo", form(world), **world.fields(deed="keep"))
    world.send("bo", f"{LIST}/drafts/{ID}/discard")
    seen = world.after("bo", world.page("bo", f"{form(world)}?draft={ID}"))
    assert "The draft of invoice A-1 was given up" in seen.plain


@pytest.mark.parametrize("name", ["correct", "draft", "like"])
def test_nothing_of_another_work_order_is_opened_here(world: BillingWorld, name: str) -> None:
    world.send("bo", form(world), **world.fields(deed="keep"))
    world.submitted()
    assert world.page("bo", f"{second_order(world)}?{name}={ID}").status == 404


@pytest.mark.parametrize("deed", ["keep", "send"])
def test_another_work_orders_draft_keeps_its_number(world: BillingWorld, deed: str) -> None:
    world.send("bo", form(world), **world.fields(deed="keep"))
    other = second_order(world)
    seen = world.send("bo", other, **world.fields(deed=deed, words_0="Something else"))
    assert seen.status == 422
    assert 'value="Something else"' in seen.text
    says = "has the number A-1" if deed == "keep" else "This number was used before"
    assert says in seen.plain
    kept = world.records.load(SavedDraft, ID).record
    assert (kept.state, kept.work_order_id) == (DraftState.OPEN, world.number)
    assert kept.content.lines[0].description.endswith("Work on site")
    world.send("bo", f"{LIST}/drafts/{ID}/discard")
    assert world.send("bo", other, **world.fields(deed=deed)).status == 303


def test_a_returned_invoices_number_is_not_kept_for_another_work_order(
    world: BillingWorld,
) -> None:
    world.submitted()
    decided(world, process.return_to_partner, reason="Name the parts")
    seen = world.send("bo", second_order(world), **world.fields(deed="keep"))
    assert "stands as returned" in seen.plain
    assert world.records.load(SavedDraft, ID) is None


# ---- as much as the API takes --------------------------------------------------------------------


def lines(world: BillingWorld, count: int) -> dict[str, Any]:
    more = {}
    for place in range(count):
        more |= {
            f"kind_{place}": "labor",
            f"words_{place}": f"Line {place}",
            f"amount_{place}": "1.00",
            f"at_{place}": at(world, -1),
        }
    return world.fields(**more, many_0="")


def test_as_many_lines_as_a_program_may_send_are_taken(world: BillingWorld) -> None:
    assert world.send("bo", form(world), **lines(world, MOST_LINES)).to == f"{LIST}/{ID}"
    made = world.invoice(ID).content
    assert [one.description for one in made.lines] == [f"Line {n}" for n in range(MOST_LINES)]
    assert made.total == Money(100 * MOST_LINES)


@pytest.mark.parametrize("deed", ["send", "keep", "more"])
def test_a_line_too_many_is_told_and_none_is_lost(world: BillingWorld, deed: str) -> None:
    count = MOST_LINES if deed == "more" else MOST_LINES + 1
    seen = world.send("bo", form(world), **lines(world, count) | {"deed": deed})
    assert seen.status == 422
    assert f"at most {MOST_LINES} lines" in seen.plain
    assert f'value="Line {count - 1}"' in seen.text
    assert not world.records.find(SavedDraft, by="partner_id", value=ALDER)


@pytest.mark.parametrize(
    ("field", "most"),
    [
        pytest.param("number", LONGEST_NAME, id="the number"),
        pytest.param("customer", LONGEST_NAME, id="the customer"),
        pytest.param("address", LONGEST_NAME, id="the address"),
        pytest.param("description", LONGEST_TEXT, id="what was done"),
        pytest.param("words_0", LONGEST_TEXT - len("2 × "), id="a line"),  # noqa: RUF001 - as told
    ],
)
@pytest.mark.parametrize("deed", ["send", "keep"])
def test_a_text_is_taken_whole_or_told_to_be_too_long(
    world: BillingWorld, field: str, most: int, deed: str
) -> None:
    long = world.send("bo", form(world), **world.fields(**{field: "a" * (most + 1), "deed": deed}))
    assert long.status == 422
    assert "Use at most" in long.plain
    assert "a" * (most + 1) in long.text
    assert not world.records.find(SavedDraft, by="partner_id", value=ALDER)
    fits = world.fields(**{field: "a" * most, "deed": "keep"})
    assert world.send("bo", form(world), **fits).status == 303
    (kept,) = world.records.find(SavedDraft, by="partner_id", value=ALDER)
    assert "a" * most in str(kept.record.content)


@pytest.mark.parametrize(
    ("was", "to", "rule"),
    [
        pytest.param("200.00", "200.01", "I-67a", id="a line that is raised"),
        pytest.param("200.00", "0", "I-67a", id="nothing left"),
        pytest.param("300.00", "150.25", "I-67a", id="another total than was shown"),
    ],
)
def test_a_refused_lowering_keeps_what_was_typed(
    world: BillingWorld, was: str, to: str, rule: str
) -> None:
    world.submitted()
    seen = world.send("bo", f"{LIST}/{ID}/lower", was=was, to_0=to)
    assert seen.status == 422
    assert rule in seen.plain
    assert f'value="{to}"' in seen.text
    assert world.invoice(ID).content.total == Money(20_000)
