"""What pages of billing and settings cost: reads that rows do not raise, and pages that stay light.

Forms of them are fuzzed too: whatever comes, a page answers and nothing breaks.
"""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.adapters.memory import MemoryRecords
from cloud.invoicing.models import (
    BackBill,
    BackBillState,
    Dispute,
    DisputeState,
    Invoice,
    InvoiceContent,
    InvoiceState,
    Notice,
    Step,
    Subject,
)
from cloud.kernel.money import Money
from cloud.portfolio.models import ApiClient
from tests.cloud.portal.billing_world import BillingWorld
from tests.cloud.portal.orders_world import ALDER, HOME

MOST_READS, MOST_BYTES = 20, 60_000


class CountedRecords(MemoryRecords):
    """Counts what a table would be asked: a list of ids or a lookup is one request."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0

    def load(self, kind: type[Any], record_id: str) -> Any:
        self.requests += 1
        return super().load(kind, record_id)

    def load_all(self, kind: type[Any], record_ids: Any) -> Any:
        before = self.requests
        found = super().load_all(kind, record_ids)
        self.requests = before + bool(record_ids)
        return found

    def find(self, kind: type[Any], *, by: str, value: str) -> Any:
        self.requests += 1
        return super().find(kind, by=by, value=value)


def world_of(count: int) -> BillingWorld:
    world = BillingWorld(CountedRecords())
    content = InvoiceContent("A", "", "", (), "", 0, (), Money(12_345))
    for number in range(count):
        order = replace(world.order, id=f"WO-{number}")
        bill = BackBill(
            f"BB-{number}",
            order.id,
            ALDER,
            BackBillState.NOTIFIED,
            total=Money(100),
            notices=(Notice(Money(100), world.now, world.now),),
        )
        dispute = Dispute(
            f"DSP-{number}",
            Subject.BACK_BILL,
            bill.id,
            order.id,
            ALDER,
            DisputeState.OPEN,
            "spc",
            "No",
            world.now,
            "bo",
            steps=(Step("spc", world.now, "bo"),),
        )
        invoice = Invoice(
            f"INV-{number}",
            order.id,
            ALDER,
            HOME.id,
            replace(content, number=f"A-{number}"),
            InvoiceState.SUBMITTED,
            world.now,
            "bo",
            "spc_1",
        )
        world.put(order, bill, dispute, invoice, ApiClient(f"prog-{number}", ALDER))
    return world


@pytest.fixture(scope="module")
def small() -> BillingWorld:
    return world_of(2)


@pytest.fixture(scope="module")
def large() -> BillingWorld:
    return world_of(70)


def cost_of(world: BillingWorld, path: str) -> tuple[int, int]:
    world.page("ines", "/portal/calendar")
    before = world.records.requests
    page = world.page("ines", path.format(order=world.number))
    assert page.status == 200, page.plain
    return world.records.requests - before, len(page.content)


@pytest.mark.parametrize(
    "path",
    [
        "/portal/invoices",
        "/portal/invoices/INV-0",
        "/portal/work_orders/{order}/invoice",
        "/portal/back_bills",
        "/portal/back_bills/BB-0",
        "/portal/back_bills/disputes/DSP-0",
        "/portal/organisation",
        "/portal/people",
        "/portal/papers",
        "/portal/papers/bank",
        "/portal/webhooks",
    ],
)
def test_rows_raise_neither_the_reads_nor_the_weight(
    small: BillingWorld, large: BillingWorld, path: str
) -> None:
    few, _ = cost_of(small, path)
    many, size = cost_of(large, path)
    assert many == few
    assert many <= MOST_READS
    assert size <= MOST_BYTES


TEXT = st.text(max_size=40) | st.sampled_from(
    ["1,234.50", "-1", "2026-06-08T10:00", "A-1", "labor"]
)
FORM = (
    "number customer address description kind_0 words_0 many_0 amount_0 at_0 exact_0 kind_99 "
    "at_99 draft deed says kind work_order what kept to_0 was email code routing account "
    "account_again account_kind authorization url types single holder event rotations to"
)
NAMES = st.sampled_from(FORM.split())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(fields=st.dictionaries(NAMES, TEXT, max_size=12))
def test_whatever_a_form_holds_a_page_answers(small: BillingWorld, fields: dict[str, str]) -> None:
    for path in (
        f"{small.path}/invoice",
        f"{small.path}/invoice/check",
        "/portal/invoices/INV-0/lower",
        "/portal/back_bills/disputes/new",
        "/portal/organisation/contact",
        "/portal/organisation/contact/confirm",
        "/portal/people/grant",
        "/portal/papers/send",
        "/portal/papers/bank",
        "/portal/webhooks",
    ):
        seen = small.send("ines", path, **fields)
        assert seen.status in {200, 303, 400, 404, 422}, (path, fields, seen.plain)
