"""The partners' first page: what waits, in which order, for whom, and what it costs to show."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.invoicing.models import (
    BackBill,
    BackBillState,
    Invoice,
    InvoiceContent,
    InvoiceState,
    Notice,
    Returned,
)
from cloud.kernel.money import Money
from cloud.portal.partner_views.today import link_of
from cloud.portfolio.models import Licence, Partner
from cloud.reporting.partner_desk import Waiting
from cloud.service import process
from tests.cloud.portal.orders_world import ALDER, HOME, HOUR, OrdersWorld

TODAY = "/portal"


@pytest.fixture
def world() -> OrdersWorld:
    return OrdersWorld()


def an_invoice(world: OrdersWorld, **differs: Any) -> Invoice:
    content = InvoiceContent("A-7", "", "", (), "", 0, (), Money(12_345))
    made = Invoice(
        id="INV-1",
        work_order_id=world.number,
        partner_id=ALDER,
        site_id=HOME.id,
        content=content,
        state=InvoiceState.SUBMITTED,
        submitted_at=world.now,
        submitted_by="bo",
        routed_to="spc_1",
    )
    return replace(made, **differs)


@pytest.mark.parametrize(
    ("state", "says", "leads_to"),
    [
        pytest.param("offered", "Accept or decline the offer", "", id="an offer"),
        pytest.param("accepted", "Reach the homeowner", "", id="accepted"),
        pytest.param("scheduled", "Go there", "", id="a visit is booked"),
        pytest.param("on_site", "say when the technician has left", "", id="somebody is there"),
        pytest.param("awaiting_report", "Send the report", "/report", id="done and not reported"),
    ],
)
def test_a_work_order_stands_with_what_is_next_and_leads_there(
    world: OrdersWorld, state: str, says: str, leads_to: str
) -> None:
    world.until(state)
    seen = world.page("bo", TODAY)
    assert says in seen.plain
    assert f'href="{world.path}{leads_to}"' in seen.text
    assert world.number in seen.plain
    assert "Raleigh NC" in seen.plain


def test_nothing_waits_for_who_has_no_work(world: OrdersWorld) -> None:
    seen = world.page("lu", TODAY).plain
    assert "Nothing waits for you" in seen
    assert world.number not in seen


def test_an_estimate_that_waits_for_us_does_not_wait_for_the_partner(world: OrdersWorld) -> None:
    world.accept(Money(90_000))
    assert "Nothing waits for you" in world.page("bo", TODAY).plain
    world.allowed(
        process.reject_spend(
            world.records, work_order_id=world.number, reason="too much", at=world.now, by="spc_1"
        )
    )
    assert "Your estimate was not approved" in world.page("bo", TODAY).plain


def test_deadlines_met_this_quarter_are_counted(world: OrdersWorld) -> None:
    assert "none was due yet" in world.page("bo", TODAY).plain
    world.until("completed")
    assert "3 of 3" in world.page("bo", TODAY).plain


# ---- billing ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("differs", "says"),
    [
        pytest.param(None, "Send the invoice", id="none was sent"),
        pytest.param({}, "", id="one that we decide on waits for us"),
        pytest.param(
            {"state": InvoiceState.RETURNED, "returned": "a receipt"},
            "Invoice A-7 came back: correct it (a receipt is missing)",
            id="one that came back",
        ),
        pytest.param(
            {"state": InvoiceState.REJECTED, "reason": "not ours", "decided_at": 0},
            "Invoice A-7 was refused: send another, or dispute it (not ours)",
            id="one that was refused",
        ),
        pytest.param(
            {"state": InvoiceState.REJECTED, "decided_at": -61}, "", id="one refused long ago"
        ),
        pytest.param({"state": InvoiceState.PAID}, "", id="one that was paid"),
    ],
)
def test_an_invoice_stands_where_the_partner_has_to_do_something(
    world: OrdersWorld, differs: dict[str, Any] | None, says: str
) -> None:
    world.until("completed")
    if differs is not None:
        if "returned" in differs:
            back = Returned(world.now, None, f"{differs['returned']} is missing")
            differs = differs | {"returned": (back,)}
        if "decided_at" in differs:
            days = timedelta(days=differs["decided_at"])
            differs = differs | {"decided_at": world.now + days}
        world.put(an_invoice(world, **differs))
    seen = world.page("bo", TODAY).plain
    assert (says or "Nothing waits for you") in seen
    assert ("$123.45" in seen) is says.startswith("Invoice")


def test_work_under_the_partners_own_warranty_waits_for_no_invoice(world: OrdersWorld) -> None:
    world.accept(Money(0))
    world.schedule()
    world.arrive()
    world.depart()
    world.report()
    assert "Nothing waits for you" in world.page("bo", TODAY).plain


@pytest.mark.parametrize(
    ("hours", "is_there"),
    [
        pytest.param(24, True, id="there is time"),
        pytest.param(0, True, id="on its last instant"),
        pytest.param(-1, False, id="it is over"),
    ],
)
def test_a_back_bill_stands_while_it_can_be_disputed(
    world: OrdersWorld, hours: int, *, is_there: bool
) -> None:
    due_at = world.now + hours * HOUR
    notice = Notice(Money(25_776), world.now, due_at)
    bill = BackBill("BB-1", world.number, ALDER, BackBillState.NOTIFIED, total=Money(25_776))
    world.put(replace(bill, notices=(notice,)))
    seen = world.page("bo", TODAY)
    assert ("Dispute the back-bill" in seen.plain) is is_there
    assert ('href="/portal/back_bills/BB-1"' in seen.text) is is_there


# ---- money and papers --------------------------------------------------------------------------
def test_papers_that_end_and_the_next_funding_day_are_for_accounting_admins(
    world: OrdersWorld,
) -> None:
    partner = world.records.load(Partner, ALDER).record
    world.change(
        replace(
            partner,
            licences=(
                Licence("NC", "EL-9", date(2026, 6, 20)),
                Licence("VA", "EL-8", date(2027, 1, 1)),
            ),
            insured_until=date(2026, 6, 1),
        )
    )
    seen = world.page("ines", TODAY).plain
    assert "Licence ends: NC EL-9" in seen
    assert "Insurance has ended" in seen
    assert "EL-8" not in seen
    assert "Next funding day" in seen
    others = world.page("bo", TODAY).plain
    for hidden in ("Licence", "Insurance", "Next funding day", "Money and papers"):
        assert hidden not in others


def test_without_any_clock_the_admin_is_told_so(world: OrdersWorld) -> None:
    assert "No clock takes money back within 14 days" in world.page("ines", TODAY).plain


@pytest.mark.parametrize(
    ("about", "name", "to"),
    [
        pytest.param("work_order", "WO-1", "/portal/work_orders/WO-1", id="a work order"),
        pytest.param("report", "WO-1", "/portal/work_orders/WO-1/report", id="its report"),
        pytest.param("invoice", "INV-1", "/portal/invoices/INV-1", id="an invoice"),
        pytest.param("invoice", "", "/portal/work_orders/WO-1/invoice", id="one to write"),
        pytest.param("draft", "INV-1", "/portal/work_orders/WO-1/invoice", id="a draft of one"),
        pytest.param("back_bill", "BB-1", "/portal/back_bills/BB-1", id="a back-bill"),
        pytest.param("project", "PRJ-1", "/portal/projects/PRJ-1", id="a project"),
        pytest.param("paper", "P-1", "/portal/papers", id="a paper"),
    ],
)
def test_each_line_leads_to_where_it_is_done(about: str, name: str, to: str) -> None:
    assert link_of(Waiting("x", about, name, "x", order_id="WO-1")) == to


# ---- what it costs -----------------------------------------------------------------------------
class Counting(MemoryRecords):
    """Counts how often something is asked of the tables."""

    asked = 0

    def load(self, kind: Any, record_id: str) -> Any:
        type(self).asked += 1
        return super().load(kind, record_id)

    def load_all(self, kind: Any, record_ids: Any) -> Any:
        before = type(self).asked
        found = super().load_all(kind, record_ids)
        type(self).asked = before + 1
        return found

    def find(self, kind: Any, *, by: str, value: str) -> Any:
        type(self).asked += 1
        return super().find(kind, by=by, value=value)

    def history(self, subject: str) -> Any:
        type(self).asked += 1
        return super().history(subject)


@pytest.mark.parametrize("state", ["offered", "awaiting_report", "completed"])
def test_pages_ask_the_tables_seldom_however_much_waits(state: str) -> None:
    world = OrdersWorld(Counting()).until(state)
    for n in range(40):
        world.put(replace(world.order, id=f"WO-MANY{n:06d}"))
    pages = (
        ("bo", TODAY, 20),
        ("ines", TODAY, 26),  # with the clocks that take money back
        ("bo", "/portal/work_orders?show=all", 20),
        ("bo", world.path, 20),
        ("bo", f"{world.path}/report", 20),
        ("bo", "/portal/spend", 20),
        ("bo", f"{world.path}/spend", 20),
    )
    for who, path, most in pages:
        world.page(who, path)
        Counting.asked = 0
        seen = world.page(who, path)
        assert seen.status == 200
        assert Counting.asked <= most, (path, Counting.asked)
        assert len(seen.content) < 60_000, path
