"""A programme is data: the newer public values, and who would have been paid otherwise by them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from funding_world import World, partner, project

import cloud
from cloud.funding import clocks, extension, process
from cloud.funding.extension import ExtensionRequest, RequestState
from cloud.funding.models import Payable, PayableState
from cloud.funding.policy import RULES, STANDARD
from cloud.funding.replaying import Lived, differences
from cloud.funding.schedule import run_sequence, schedule, window_of
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.kernel.policy import COMFORT
from cloud.portfolio.models import Milestone

DAY = date(2026, 11, 1)
POLICY = Path(cloud.__file__).parent / "funding" / "policy.py"


@pytest.mark.rule("F16")
@pytest.mark.parametrize(("programme", "cap"), [(COMFORT, 100_000_00), (STANDARD, 50_000_00)])
def test_the_cap_is_a_twentieth(programme, cap):
    found = extension.exposure(
        extended_now=Money(0),
        requested=Money(0),
        backlog=Money(1_000_000_00),
        decided_on=DAY,
        programme=programme,
    )
    assert found.cap == Money(cap)


@pytest.mark.rule("F14")
@pytest.mark.parametrize(("programme", "days"), [(COMFORT, 14), (STANDARD, 30)])
def test_utilities_give_thirty_days(programme, days):
    assert extension.days_of("utility_ahj_delay", DAY, programme=programme) == days
    assert extension.days_of("transformer_upgrade", DAY, programme=programme) == 30


@pytest.mark.rule("F15")
@pytest.mark.parametrize(
    ("programme", "market", "problems"),
    [
        (COMFORT, "GA", ("market_not_eligible",)),
        (STANDARD, "GA", ()),
        (STANDARD, "AEP-TX", ()),
        (STANDARD, "CA", ()),
        (STANDARD, "NV", ("market_not_eligible",)),
    ],
)
def test_more_markets(programme, market, problems):
    fields = dict.fromkeys(
        (
            "account_finco_id",
            "account_primary_name",
            "eta_of_pto",
            "extension_request_deadline",
            "install_submission_date",
        ),
        "x",
    ) | {"reason": "ca_co_market"}
    found = extension.review(
        fields,
        has_proof=True,
        reason_text="",
        market=market,
        submitted_at=datetime(2026, 11, 2, tzinfo=UTC),
        programme=programme,
    )
    assert found.problems == problems


@pytest.mark.rule("F07")
@pytest.mark.parametrize(("programme", "last"), [(COMFORT, 120), (STANDARD, 95)])
def test_a_clock_of_ninety_days(programme, last):
    def judged(days: int):
        return clocks.m1_to_m2(
            m1_on=DAY,
            m1_paid=Money(100),
            activated_at=None,
            extensions=(),
            as_of=datetime(2026, 11, 1, 17, tzinfo=UTC) + timedelta(days),
            programme=programme,
        ).status

    assert (judged(last), judged(last + 1)) == ("running", "clawback")


@pytest.mark.rule("F02")
def test_a_cut_off_at_five_in_the_afternoon_pacific():
    monday = datetime(2026, 11, 9, 22, 59, tzinfo=UTC)  # 14:59 in Los Angeles
    assert window_of(monday, programme=STANDARD).funding_date == date(2026, 11, 10)
    assert window_of(monday, programme=COMFORT).funding_date == date(2026, 11, 12)
    five = datetime(2026, 11, 10, 1, 0, tzinfo=UTC)  # 17:00 on Monday in Los Angeles
    assert window_of(five, programme=STANDARD).opens_at == five


@pytest.mark.rule("D24")
def test_two_programmes_on_one_day_share_no_trace_number():
    for window in schedule(date(2025, 1, 1), date(2032, 12, 31)):
        numbers = {run_sequence(window.regular_date, one) for one in (COMFORT, STANDARD)}
        assert len(numbers) == 2


def test_adding_the_programme_took_under_ten_lines_a_rule():
    named = [rule for rule in RULES if STANDARD in rule.programmes]
    assert {rule.id for rule in named} == {"D24", "D26", "F02", "F07", "F14", "F15", "F16"}
    lines = POLICY.read_text().splitlines()
    for rule in named:
        start = next(
            number
            for number, line in enumerate(lines)
            if line.startswith((f"{rule.id} =", f"{rule.id}:"))
        )
        end = next(number for number in range(start, len(lines)) if lines[number] == ")")
        begins = next(n for n in range(start, end) if "programmes=" in lines[n])
        depth, last = 0, begins
        for last in range(begins, end):
            depth += sum(lines[last].count(one) for one in "({[")
            depth -= sum(lines[last].count(one) for one in ")}]")
            if depth <= 0:
                break
        assert last - begins < 10


# --- who would have been paid otherwise --------------------------------------------------------

M1_AT = datetime(2026, 3, 9, 18, 0, tzinfo=UTC)  # a Monday, 11:00 in Los Angeles


def request(**changes) -> ExtensionRequest:
    made = ExtensionRequest(
        id="EXT-1",
        project_id="PRJ-1",
        partner_id="P-A",
        programme=COMFORT,
        occurrence=0,
        fields=(),
        reason="utility_ahj_delay",
        reason_text="",
        proof_reference="x",
        submitted_at=M1_AT + timedelta(days=60),
        by="prog",
        decision_due_date=date(2026, 5, 15),
        days=14,
        amount=Money(24_000_00),
        state=RequestState.APPROVED,
        decided_at=M1_AT + timedelta(days=62),
    )
    return replace(made, **changes)


def payable(**changes) -> Payable:
    made = Payable(
        id="PAY-1",
        partner_id="P-A",
        project_id="PRJ-1",
        work_order_id="",
        milestone="M1",
        amount=Money(24_000_00),
        accrued_at=M1_AT,
        state=PayableState.PAID,
    )
    return replace(made, **changes)


def lived(**changes) -> Lived:
    made = project("PRJ-1", reached=((Milestone.M1, M1_AT),))
    return replace(Lived(made, (payable(),), (request(),)), **changes)


def told(one: Lived, *, days: int):
    found = differences(one, programme=STANDARD, as_of=M1_AT + timedelta(days=days))
    return [(diff.what, diff.is_so, diff.would_be, diff.amount.cents) for diff in found]


@pytest.mark.rule("D05")
def test_a_payment_of_a_monday_morning_would_have_come_with_the_run_before():
    plain = lived(requests=())
    assert told(plain, days=1) == [("paid_on", "2026-03-12", "2026-03-10", 24_000_00)]


@pytest.mark.rule("D05")
def test_the_shorter_clock_would_have_taken_m1_back():
    plain = lived(requests=(), payables=(payable(accrued_at=M1_AT + timedelta(days=1)),))
    assert told(plain, days=95) == []
    assert told(plain, days=96) == [("clawback", "running $0.00", "clawback $24,000.00", 24_000_00)]
    assert told(plain, days=121) == []


@pytest.mark.rule("D05")
def test_the_longer_extension_would_have_held_it():
    found = told(lived(payables=(payable(accrued_at=M1_AT + timedelta(days=1)),)), days=121)
    assert found == [("extension_days", "14", "30", 24_000_00)]
    found = told(lived(payables=(payable(accrued_at=M1_AT + timedelta(days=1)),)), days=126)
    assert ("clawback", "paused $0.00", "clawback $24,000.00", 24_000_00) in found


def test_the_same_rules_change_nothing():
    assert differences(lived(), programme=COMFORT, as_of=M1_AT + timedelta(days=130)) == ()


def test_replaying_reads_all_projects_and_writes_nothing():
    world = World([partner("P-A"), partner("P-B")])
    world.m1("PRJ-1", reached=((Milestone.M1, datetime(2026, 11, 30, 18, tzinfo=UTC)),))
    before = dict(world.records._records)
    found = process.replay(
        world.records,
        partners=world.partners,
        programme=STANDARD,
        as_of=datetime(2026, 12, 2, tzinfo=UTC),
    )
    assert [(one.project_id, one.what) for one in found] == [("PRJ-1", "paid_on")]
    assert world.records._records == before
    with pytest.raises(BadInput, match="use one of comfort, standard"):
        process.replay(
            world.records,
            partners=world.partners,
            programme="other",
            as_of=datetime(2026, 12, 2, tzinfo=UTC),
        )
