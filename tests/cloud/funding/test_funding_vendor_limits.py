"""What a vendor may bill in all, and what ends with a vendor that does not take part any more."""

from dataclasses import replace

import pytest
from direct_pay_world import CED, START, Deal, days
from funding_world import project

from cloud.adapters.memory import MemoryRecords
from cloud.funding.direct_pay import DirectPay
from cloud.funding.process import direct_pay
from cloud.kernel.change import Change
from cloud.kernel.money import Money

LATER = START + days(1)


class Racing(MemoryRecords):
    """A store in which something else happens just before a commit of Direct Pay."""

    meanwhile = None

    def commit(self, change: Change) -> None:
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            happens()
        super().commit(change)


@pytest.mark.rule("D42")
@pytest.mark.parametrize(
    ("before", "cents", "code"),
    [
        pytest.param([], 30_000_00, "", id="the whole value"),
        pytest.param([], 30_000_01, "above_project_value", id="a cent more"),
        pytest.param([], 9_000_000_00, "above_project_value", id="nine million"),
        pytest.param([29_000_00], 1_000_00, "", id="in two, up to the value"),
        pytest.param([29_000_00], 1_000_01, "above_project_value", id="in two, a cent more"),
        pytest.param([10_000_00] * 3, 1, "above_project_value", id="the fourth is a cent"),
    ],
)
def test_vendors_bill_no_more_than_the_project_is_worth(before, cents, code):
    deal = Deal(value=Money(30_000_00))
    for place, one in enumerate(before):
        deal.bill(f"B-{place}", one, START, final=False)
    answer = deal.bill("X", cents, LATER)
    assert getattr(answer, "code", "") == code
    assert deal.direct.billed == Money(sum(before) + (0 if code else cents))
    if code:
        assert (answer.rule, deal.deduction("X"), deal.material("X")) == ("D42", None, None)


@pytest.mark.rule("D42")
def test_a_refused_number_is_not_used_up_and_what_was_voided_does_not_count():
    deal = Deal(value=Money(30_000_00))
    assert deal.bill("1", 30_000_01, START).code == "above_project_value"
    deal.bill("1", 30_000_00, START)
    assert deal.bill("2", 1, LATER).code == "above_project_value"
    deal.void("1", LATER)
    assert deal.bill("2", 1, LATER).billed == Money(1)
    again = deal.bill("2", 1, LATER)
    assert again.billed == Money(1), "the same again is no second bill"


@pytest.mark.rule("D42")
def test_with_the_value_corrected_first_the_invoice_is_taken():
    deal = Deal(value=Money(30_000_00))
    assert deal.bill("1", 31_000_00, START).code == "above_project_value"
    deal.put(replace(deal.project, value=Money(31_000_00)))
    assert deal.bill("1", 31_000_00, LATER).billed == Money(31_000_00)


@pytest.mark.rule("D42")
def test_a_value_that_changes_at_the_same_moment_is_seen():
    deal = Deal(value=Money(30_000_00))
    deal.records.__class__ = Racing
    deal.records.meanwhile = lambda: deal.put(replace(deal.project, value=Money(1_00)))
    answer = deal.bill("1", 5_000_00, START)
    assert answer.code == "above_project_value"


def leave(deal, at=START):
    direct_pay.put_vendor(deal.records, vendor=replace(CED, is_active=False), at=at, by="ana")


@pytest.mark.rule("F30")
def test_a_new_project_is_not_enrolled_with_a_vendor_that_left():
    deal = Deal()
    leave(deal)
    deal.add_project(replace(project("J-2"), reached=()))
    started = direct_pay.enrol_new_project(deal.records, project_id="J-2", at=LATER)
    assert (started.is_enrolled, started.vendor_id) == (False, "")
    assert deal.direct.is_enrolled, "what is under way stays as it is"
    assert deal.bill("1", 5_000_00, LATER).billed == Money(5_000_00)
    assert deal.ship(LATER).shipped_at == LATER


@pytest.mark.rule("F33")
def test_nobody_joins_with_a_vendor_that_left_and_everybody_may_leave():
    deal = Deal()
    leave(deal)
    assert deal.choose("out", LATER).is_enrolled is False
    refused = deal.choose("in", LATER + days(1))
    assert (refused.rule, refused.code) == ("F30", "vendor_inactive")
    assert deal.direct.told == 1
    direct_pay.put_vendor(deal.records, vendor=CED, at=LATER, by="ana")
    assert deal.choose("in", LATER + days(2)).is_enrolled is True


@pytest.mark.rule("F30")
def test_a_vendor_that_leaves_at_the_same_moment_is_seen():
    deal = Deal()
    deal.add_project(replace(project("J-2"), reached=()))
    deal.records.__class__ = Racing
    deal.records.meanwhile = lambda: leave(deal)
    started = direct_pay.enrol_new_project(deal.records, project_id="J-2", at=LATER)
    assert started.is_enrolled is False
    assert deal.records.load(DirectPay, "J-2").record == started
