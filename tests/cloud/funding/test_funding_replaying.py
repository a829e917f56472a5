"""What another programme would have changed: each kind of difference, and what makes none."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from funding_world import project

from cloud.funding.extension import ExtensionRequest, RequestState
from cloud.funding.models import SERVICE, Payable, PayableState
from cloud.funding.policy import D23, F06, F13, F14, F15, FIRST_DAY, STANDARD
from cloud.funding.replaying import Difference, Lived, differences
from cloud.funding.schedule import Alternative
from cloud.kernel.money import ZERO, Money
from cloud.kernel.policy import COMFORT
from cloud.portfolio.models import Milestone

START = datetime(2026, 3, 9, 18, 0, tzinfo=UTC)  # a Monday, 11:00 in Los Angeles
DAY = timedelta(days=1)
NTP, M1, M2 = Milestone.NTP, Milestone.M1, Milestone.M2
QUICK = "quick"
"""A programme whose projects have ten days to be installed, and whose grants are called so."""


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    values = (
        (F06, 10),
        (F13, "granted"),
        (F14, {"utility_ahj_delay": 14, "desert": 9, "other": None}),
        (D23, frozenset({"desert"})),
        (F15, frozenset({"NV"})),
    )
    for rule, value in values:
        rule.programmes[QUICK] = {FIRST_DAY: value}  # type: ignore[index]
    yield
    for rule, _ in values:
        del rule.programmes[QUICK]  # type: ignore[attr-defined]


def reached(*steps: tuple[Milestone, int], **changes: object) -> Lived:
    """Give a project that reached milestones, each so many days after the start."""
    at = tuple((milestone, START + days * DAY) for milestone, days in steps)
    return Lived(project("PRJ-1", reached=at, **changes))


def payable(milestone: str = "M1", cents: int = 500, **changes: object) -> Payable:
    made = Payable(
        "PAY-1", "P-A", "PRJ-1", "", milestone, Money(cents), START, state=PayableState.PAID
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def request(**changes: object) -> ExtensionRequest:
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
        submitted_at=START + 60 * DAY,
        by="prog",
        decision_due_date=(START + 67 * DAY).date(),
        days=14,
        amount=Money(500),
        state=RequestState.APPROVED,
        decided_at=START + 62 * DAY,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def told(lived: Lived, programme: str, days: int) -> list[tuple[str, str, str]]:
    found = differences(lived, programme=programme, as_of=START + days * DAY)
    assert {(one.partner_id, one.project_id) for one in found} <= {("P-A", "PRJ-1")}
    return [(one.what, one.is_so, one.would_be) for one in found]


# --- cancelling --------------------------------------------------------------------------------


@pytest.mark.rule("F06")
@pytest.mark.parametrize(
    ("lived", "days", "differs"),
    [
        pytest.param(reached((NTP, 0)), 10, False, id="day ten"),
        pytest.param(reached((NTP, 0)), 11, True, id="day eleven"),
        pytest.param(reached((NTP, 0)), 161, False, id="late by both"),
        pytest.param(reached((NTP, 0), (M1, 20)), 19, True, id="not installed yet"),
        pytest.param(reached((NTP, 0), (M1, 20)), 60, False, id="installed late"),
        pytest.param(reached((NTP, 0), cancelled=True), 60, False, id="cancelled"),
        pytest.param(reached((NTP, 90)), 60, False, id="not signed yet"),
        pytest.param(reached(), 60, False, id="never signed"),
    ],
)
def test_a_shorter_time_to_install_lets_projects_be_cancelled(lived, days, differs):
    own = replace(lived, project=replace(lived.project, programme=QUICK))
    assert told(lived, QUICK, days) == ([("may_cancel", "false", "true")] if differs else [])
    assert told(own, COMFORT, days) == ([("may_cancel", "true", "false")] if differs else [])


def test_a_difference_that_moves_no_money_has_no_amount():
    (found,) = differences(reached((NTP, 0)), programme=QUICK, as_of=START + 11 * DAY)
    assert found == Difference("P-A", "PRJ-1", "may_cancel", "false", "true", ZERO)


# --- payments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "as_of", "differs"),
    [
        pytest.param(payable(), START, True, id="earned at this instant"),
        pytest.param(payable(), START - timedelta(microseconds=1), False, id="not earned yet"),
        pytest.param(payable(SERVICE), START, False, id="service"),
        pytest.param(payable(accrued_at=START + DAY), START + 9 * DAY, False, id="the same run"),
    ],
)
def test_a_payment_comes_with_another_run(one, as_of, differs):
    comfort, standard = reached(), reached(programme=STANDARD)
    expected = ("2026-03-12", "2026-03-10")
    for lived, programme, said in (
        (comfort, STANDARD, expected),
        (standard, COMFORT, expected[::-1]),
    ):
        found = differences(replace(lived, payables=(one,)), programme=programme, as_of=as_of)
        known = Difference("P-A", "PRJ-1", "paid_on", *said, one.amount)
        assert found == ((known,) if differs else ())


def test_a_published_day_is_part_of_what_is_so():
    moved = [Alternative(date(2026, 3, 12), date(2026, 3, 13), START - DAY)]
    lived = replace(reached(), payables=(payable(),))
    (found,) = differences(lived, programme=STANDARD, as_of=START, published=moved)
    assert (found.is_so, found.would_be) == ("2026-03-13", "2026-03-10")


# --- extensions and clawbacks ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "market", "said"),
    [
        pytest.param({}, "CA", ("14", "30"), id="a longer one"),
        pytest.param({"days": None}, "CA", ("0", "30"), id="none was set"),
        pytest.param({"state": RequestState.DENIED}, "CA", None, id="denied"),
        pytest.param({"reason": "ca_co_market", "days": 8}, " ga ", ("8", "30"), id="its market"),
        pytest.param({"reason": "ca_co_market", "days": 8}, "NV", ("8", "0"), id="another market"),
        pytest.param({"reason": "sorrow", "days": 8}, "CA", ("8", "0"), id="no reason"),
        pytest.param({"reason": "other", "days": 8}, "CA", None, id="as the approver set it"),
        pytest.param(
            {"reason": "other", "days": None}, "CA", None, id="nothing set, nothing added"
        ),
    ],
)
def test_another_programme_s_reasons_add_other_days(asked, market, said):
    lived = replace(reached(market=market), requests=(request(**asked),))
    found = differences(lived, programme=STANDARD, as_of=START + 70 * DAY)
    expected = said and Difference("P-A", "PRJ-1", "extension_days", *said, Money(500))
    assert found == ((expected,) if expected else ())


def test_a_programme_s_own_market_reason_and_markets_count():
    asked = request(reason="desert", days=4)
    for market, days in (("nv", "9"), ("CA", "0")):
        lived = replace(reached(market=market), requests=(asked,))
        assert told(lived, QUICK, 70) == [("extension_days", "4", days)]


AFTER_95 = [("clawback", "running $0.00", "clawback $5.00")]


@pytest.mark.rule("F07")
@pytest.mark.parametrize(
    ("lived", "payables", "days", "said"),
    [
        pytest.param(reached((M1, 0)), [payable()], 95, [], id="the last day"),
        pytest.param(reached((M1, 0)), [payable()], 96, AFTER_95, id="the day after"),
        pytest.param(reached((M1, 0), (M2, 90)), [payable()], 96, [], id="activated"),
        pytest.param(reached((M1, 0), (M2, 99)), [payable()], 96, AFTER_95, id="activated later"),
        pytest.param(reached((M1, 0), cancelled=True), [payable()], 96, [], id="cancelled"),
        pytest.param(reached((M1, 200)), [payable()], 96, [], id="installed later"),
        pytest.param(reached(), [payable()], 96, [], id="not installed"),
        pytest.param(
            reached((M1, 0)), [payable("NTP", 70), payable()], 96, AFTER_95, id="M1 money only"
        ),
        pytest.param(
            reached((M1, 0)), [payable(), payable(state=PayableState.PLANNED)], 96,
            [("clawback", "running $0.00", "clawback $10.00")], id="what a run took",
        ),
        pytest.param(
            reached((M1, 0)), [payable(state=PayableState.OPEN)], 96, [], id="no run took it"
        ),
    ],
)  # fmt: skip
def test_a_shorter_clock_takes_back_what_was_paid(lived, payables, days, said):
    early = [replace(one, accrued_at=START + DAY) for one in payables]  # by both the same run
    assert told(replace(lived, payables=early), STANDARD, days) == said


@pytest.mark.rule("F13")
def test_what_was_granted_holds_under_the_other_programme_s_word_for_it():
    paid = payable(accrued_at=START + DAY)
    lived = replace(reached((M1, 0)), payables=(paid,), requests=(request(),))
    assert told(lived, QUICK, 125) == [("clawback", "paused $0.00", "clawback $5.00")]
    assert told(lived, COMFORT, 125) == []
