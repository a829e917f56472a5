"""What money pages cost: a number of reads that rows do not raise, and pages that stay light."""

from datetime import timedelta

import pytest
from money_street import REACHED, RUN, Street

from cloud.adapters.memory import MemoryRecords
from cloud.funding.direct_pay import DirectPay, Vendor
from cloud.portfolio.models import Milestone

MOST_READS, MOST_BYTES = 20, 60_000
PATHS = (
    "/portal/payouts",
    f"/portal/payouts/{RUN}",
    "/portal/clawback",
    "/portal/clawback?tab=net_fund",
    "/portal/projects/PRJ-00",
    "/portal/invoice_needed",
    "/portal/extensions",
    "/portal/extensions/new",
    "/portal/extensions/new?project=PRJ-00",
    "/portal/direct_pay",
    "/portal/calendar",
    "/portal/exports",
)


class CountedRecords(MemoryRecords):
    """Counts what a table would be asked: a list of ids or a lookup is one request."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0

    def load(self, kind, record_id):
        self.requests += 1
        return super().load(kind, record_id)

    def load_all(self, kind, record_ids):
        before = self.requests
        found = super().load_all(kind, record_ids)
        self.requests = before + bool(record_ids)
        return found

    def find(self, kind, *, by, value):
        self.requests += 1
        return super().find(kind, by=by, value=value)


def street_of(count):
    street = Street(records=CountedRecords(), direct_pay_vendor_id="V-1")
    street.save(Vendor("V-1", "Cable & Electric", "office@vendor.example"))
    for number in range(count):
        name = f"PRJ-{number:02d}"
        street.earns_m1(name, reached=(Milestone.INSTALL_SUBMITTED, Milestone.M1))
        if number % 2:
            street.save(DirectPay(name, "P-A", "V-1", is_enrolled=True, enrolled_at=REACHED))
        street.offset(f"CA-{number}", 10_00, kind="cancellation", project_id=name)
    street.settled()
    street.clock.at = REACHED + timedelta(days=20)
    return street


@pytest.fixture(scope="module")
def small():
    return street_of(2)


@pytest.fixture(scope="module")
def large():
    return street_of(70)


def cost_of(street, path):
    street.page("ines", "/portal/calendar")
    before = street.records.requests
    page = street.page("ines", path)
    assert page.status == 200, path
    return street.records.requests - before, page


@pytest.mark.parametrize("path", PATHS)
def test_rows_raise_neither_the_reads_nor_the_weight(small, large, path):
    few, _ = cost_of(small, path)
    many, page = cost_of(large, path)
    assert many == few
    assert many <= MOST_READS
    assert len(page.content) <= MOST_BYTES
