"""A programme that has a value of its own is judged by that value, wherever a rule is asked for."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from funding_world import partner

from cloud.funding import (
    breaker,
    cancellation,
    clawback,
    clocks,
    dunning,
    enrollment,
    extension,
    materials,
    plan,
    planning,
    published,
    returns,
    schedule,
    standing,
    views,
    warranty,
)
from cloud.funding.models import Deduction, Payable
from cloud.funding.netting import Credit, Debit, DeductionKind, run_netting
from cloud.funding.policy import (
    D02,
    D04,
    D06,
    D07,
    D10,
    D12,
    D14,
    D21,
    D23,
    D26,
    D34,
    D43,
    F01,
    F02,
    F03,
    F06,
    F07,
    F08,
    F09,
    F10,
    F11,
    F12,
    F13,
    F14,
    F15,
    F17,
    F19,
    F20,
    F21,
    F22,
    F23,
    F24,
    F25,
    F26,
    F28,
    F29,
    F30,
    F33,
    F34,
    FIRST_DAY,
    CutOff,
    Cycle,
    LimitEnd,
    RunBreaker,
    WarrantyOffset,
)
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, BrokenInvariant
from cloud.kernel.money import ZERO, Money
from cloud.kernel.policy import COMFORT, Rule
from cloud.portfolio.models import Milestone, PlanShare

ET, TOKYO = ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo")
DAY = date(2026, 11, 2)
K = DeductionKind
ELSEWHERE = "elsewhere"
"""A programme that differs in what a test says, and in nothing else."""

Differ = Callable[..., None]


def et(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ET)


@pytest.fixture
def differ() -> Iterator[Differ]:
    """Give a rule another value elsewhere; it is data, and gone after the test."""
    changed: list[Rule] = []

    def differ(rule: Rule, value: object, since: date = FIRST_DAY) -> None:
        rule.programmes[ELSEWHERE] = {since: value}  # type: ignore[index]
        changed.append(rule)

    yield differ
    for rule in changed:
        rule.programmes.pop(ELSEWHERE, None)  # type: ignore[attr-defined]


def asked(programme: str, *kinds: DeductionKind) -> dict[str, int]:
    debts = [Debit(str(kind), kind, "", Money(60), DAY) for kind in kinds]
    credits_ = [Credit("A", "NTP", Money(100))]
    found = run_netting(credits_, debts, on=DAY, programme=programme)
    return {name: one.cents for name, one in found.applied.items()}


def planned(programme: str) -> list[tuple[str, int]]:
    made = planning.plan_of(
        "run",
        partner(),
        [Payable("PAY-1", "P-A", "PRJ-1", "", "M1", Money(100), et("2026-11-01T10:00"))],
        [
            Deduction(str(kind), kind, "P-A", "", Money(60), DAY, et("2026-11-01T10:00"))
            for kind in (K.COMPLIANCE, K.BACK_BILL)
        ],
        {},
        on=DAY,
        programme=programme,
    )
    return [(one.id, one.applied.cents) for one in made.deductions]


def flagged(programme: str) -> int:
    made = planning.plan_of(
        "run",
        partner(),
        [Payable("PAY-1", "P-A", "PRJ-1", "", "M1", Money(100), et("2026-11-01T10:00"))],
        [],
        {},
        on=DAY,
    )
    return len(planning.flags([made], is_same_day=True, on=DAY, programme=programme))


def to_m2(programme: str) -> tuple[date, date]:
    found = clocks.m1_to_m2(
        m1_on=DAY,
        m1_paid=Money(1),
        activated_at=None,
        extensions=(),
        as_of=et("2026-11-03T10:00"),
        programme=programme,
    )
    return found.contractual_due_date, found.backend_due_date


def m1_basis(programme: str) -> str:
    try:
        clocks.m1_milestone_date(
            "install_submitted",
            install_submitted_at=et("2026-11-03T10:00"),
            install_approved_at=None,
            programme=programme,
        )
    except BadInput:
        return "refused"
    return "given"


def given_back(programme: str) -> int:
    reductions = [
        clawback.Reduction(K.CLAWBACK_M1, Money(5), ZERO),
        clawback.Reduction(K.MATERIAL, Money(70), ZERO),
    ]
    return clawback.reinstatement(
        reductions, activated_on=DAY, programme=programme
    ).reinstated.cents


def material(programme: str) -> materials.MaterialVerdict:
    facts = materials.Material(
        shipped_at=et("2026-09-01T15:00"),
        invoices=[materials.VendorInvoice(Money(100), et("2026-09-05T10:00"))],
        m1_submitted_at=et("2026-09-21T12:00"),
    )
    return materials.judge(facts, et("2026-09-22T10:00"), programme)


def waiting(programme: str) -> list[date]:
    facts = materials.Material(shipped_at=et("2026-09-01T15:00"))
    running = materials.running(facts, et("2026-09-22T10:00"), programme)
    return [one.due_on for one in running]


def sent_back(programme: str) -> list[bool]:
    given = {"on": DAY, "programme": programme}
    return [
        returns.judge_return("R01", Money(5), **given).blocks_account,
        returns.judge_return("R02", Money(5), **given).blocks_account,
    ]


def reviewed(programme: str, **changes: object) -> extension.Review:
    given = {
        "fields": dict.fromkeys(F11.on(DAY), "x") | {"reason": "utility_ahj_delay"},
        "has_proof": True,
        "reason_text": "",
        "market": "NV",
        "submitted_at": et("2026-11-02T10:00"),
    }
    return extension.review(**given | changes, programme=programme)  # type: ignore[arg-type]


def holds(programme: str) -> bool:
    return extension.Extension(14, "approved", et("2026-11-02T10:00"), programme).holds_at(
        et("2026-11-02T10:00")
    )


def cancelled(programme: str) -> tuple[int, tuple[str, ...]]:
    found = cancellation.cancellation_offsets(
        milestone_payments=[Money(1)],
        vendor_payments=[Money(20)],
        prepaid_commission=Money(5),
        cancelled_on=DAY,
        programme=programme,
    )
    return found.offset.cents, found.commission_nettable_against


def warranties(programme: str) -> int:
    inverters = [warranty.Inverter("Tesla", "1538000-45-A"), warranty.Inverter("SE", "SE1", 2)]
    return warranty.warranty_offsets(inverters, sold_on=DAY, programme=programme).offset.cents


def stops(programme: str) -> int:
    return len(
        breaker.unusual({"P-A": Money(300)}, [{"P-A": Money(100)}], on=DAY, programme=programme)
    )


def choosing(programme: str) -> tuple[bool, tuple[str, ...], str]:
    choices = [
        enrollment.Choice("shipped", et("2026-11-02T10:00")),
        enrollment.Choice("opt_in", et("2026-11-02T11:00")),
    ]
    try:
        found = enrollment.enrollment(
            choices, organisation_opted_in=True, on=DAY, programme=programme
        )
    except BadInput:
        return False, (), "refused"
    return found.is_enrolled, found.rejected, found.bill_to


def written_on(programme: str) -> date:
    return dunning.letter_due(
        oldest_raised_at=et("2026-11-02T10:00"),
        last_run_at=None,
        written_at=None,
        programme=programme,
    ).date()


def announced(programme: str) -> str:
    found = published.may_publish(
        date(2026, 12, 3), date(2026, 12, 7), programme=programme, at=et("2026-11-20T10:00")
    )
    return found.code if isinstance(found, Refused) else "open"


def shares(programme: str) -> list[int]:
    halves = [PlanShare(Milestone.M1, 5_000), PlanShare(Milestone.M2, 5_000)]
    return [one.cents for one in plan.split(Money(5), halves, programme=programme).values()]


def days_left(clock: str) -> Callable[[str], tuple[int, bool]]:
    def answer(programme: str) -> tuple[int, bool]:
        running = views.RunningClock("A", clock, DAY, programme=programme)
        (row,) = views.risk_rows([running], et("2026-11-03T10:00"))
        return row.days_left, row.is_red

    return answer


REDS = {"ntp_to_m1": 400, "material_submit": 5, "material_approve": 7, "m1_to_m2": 14}
OTHER_WARRANTY = WarrantyOffset(F23.on(DAY).part_number, Money(7))


@pytest.mark.parametrize(
    ("rule", "value", "answer", "usual", "there"),
    [
        pytest.param(
            D02, tuple(reversed(D02.on(DAY))), lambda p: asked(p, K.COMPLIANCE, K.BACK_BILL),
            {"compliance": 60, "back_bill": 40}, {"compliance": 40, "back_bill": 60}, id="D02",
        ),
        pytest.param(
            D02, tuple(reversed(D02.on(DAY))), planned,
            [("compliance", 60), ("back_bill", 40)], [("back_bill", 60), ("compliance", 40)],
            id="D02 in a plan",
        ),
        pytest.param(
            F10, ("NTP",), lambda p: asked(p, K.PREPAID_COMMISSION), {},
            {"prepaid_commission": 60}, id="F10",
        ),
        pytest.param(F03, Money(99), flagged, 0, 1, id="F03"),
        pytest.param(
            F06, 10, lambda p: clocks.ntp_to_m1(DAY, None, et("2026-11-03T10:00"), p).due_date,
            date(2027, 4, 11), date(2026, 11, 12), id="F06",
        ),
        pytest.param(
            F07, 10, to_m2, (date(2027, 2, 25), date(2027, 3, 2)),
            (date(2026, 11, 12), date(2026, 11, 17)), id="F07",
        ),
        pytest.param(
            F08, 10, to_m2, (date(2027, 2, 25), date(2027, 3, 2)),
            (date(2027, 2, 25), date(2027, 3, 7)), id="F08",
        ),
        pytest.param(
            F08, 10, lambda p: extension.last_day(DAY, 1, p), date(2027, 3, 3), date(2027, 3, 8),
            id="F08 after an extension",
        ),
        pytest.param(
            F07, 10, lambda p: extension.last_day(DAY, 1, p), date(2027, 3, 3),
            date(2026, 11, 18), id="F07 after an extension",
        ),
        pytest.param(F09, ("install_approved",), m1_basis, "given", "refused", id="F09"),
        pytest.param(F26, ("material",), given_back, 5, 70, id="F26"),
        pytest.param(
            F19, 3, lambda p: material(p).submit_due_date, date(2026, 9, 19), date(2026, 9, 8),
            id="F19",
        ),
        pytest.param(
            F19, 3, waiting, [date(2026, 9, 15)], [date(2026, 9, 4)], id="F19 while it runs"
        ),
        pytest.param(
            F20, "nothing", lambda p: material(p).submit_due_date, date(2026, 9, 19),
            date(2026, 9, 15), id="F20",
        ),
        pytest.param(
            F21, 3, lambda p: material(p).approve_due_date, date(2026, 10, 21),
            date(2026, 9, 24), id="F21",
        ),
        pytest.param(F22, 3, lambda p: material(p).net_fund.cents, 100, 300, id="F22"),
        pytest.param(
            D26,
            {"material_submit": LimitEnd(0, time(8)), "material_approve": LimitEnd(2, time(9))},
            lambda p: (material(p).submit_missed_from, material(p).approve_missed_from),
            (et("2026-09-20T00:00"), et("2026-10-22T00:00")),
            (et("2026-09-19T08:00"), et("2026-10-23T09:00")), id="D26",
        ),
        pytest.param(
            D07, "another", lambda p: schedule.window_of(et("2026-11-30T12:00"), (), p).date_source,
            "regular", "next_banking_day", id="D07",
        ),
        pytest.param(
            D21, 400, lambda p: extension.may_add(400, DAY, p), False, True, id="D21"
        ),
        pytest.param(
            F11, ("proverb",), lambda p: reviewed(p).problems, (), ("missing_proverb",), id="F11"
        ),
        pytest.param(
            F12, 1, lambda p: reviewed(p).decision_due_date, date(2026, 11, 9),
            date(2026, 11, 3), id="F12",
        ),
        pytest.param(F13, "granted", holds, True, False, id="F13"),
        pytest.param(
            F14, {"utility_ahj_delay": 3}, lambda p: reviewed(p).days, 14, 3, id="F14"
        ),
        pytest.param(
            F15, frozenset({"NV"}),
            lambda p: reviewed(p, fields=dict.fromkeys(F11.on(DAY), "x")
                               | {"reason": "ca_co_market"}).problems,
            ("market_not_eligible",), (), id="F15",
        ),
        pytest.param(
            D23, frozenset({"utility_ahj_delay"}), lambda p: reviewed(p).problems, (),
            ("market_not_eligible",), id="D23",
        ),
        pytest.param(
            F17, ("oath",), lambda p: reviewed(p, has_proof=False).problems,
            ("missing_proof_document",), ("missing_oath",), id="F17",
        ),
        pytest.param(
            D04, frozenset({"R01"}), sent_back, [False, True], [True, False], id="D04"
        ),
        pytest.param(
            F30, False, choosing, (True, ("opt_in",), "owner"), (False, ("opt_in",), "epc"),
            id="F30",
        ),
        pytest.param(
            F33, "left", choosing, (True, ("opt_in",), "owner"), (False, (), "refused"), id="F33"
        ),
        pytest.param(
            F34, ("we", "you"), choosing, (True, ("opt_in",), "owner"),
            (True, ("opt_in",), "we"), id="F34",
        ),
        pytest.param(D43, 3, announced, "open", "too_late_a_day", id="D43"),
        pytest.param(D12, 3, written_on, date(2026, 12, 2), date(2026, 11, 5), id="D12"),
        pytest.param(D06, 0, shares, [2, 3], [3, 2], id="D06"),
        pytest.param(
            F01, (Cycle(0, 1),), lambda p: schedule.run_sequence(date(2025, 1, 14), p), 4, 2,
            id="F01",
        ),
        pytest.param(F06, 10, days_left("ntp_to_m1"), (159, False), (9, True), id="F06 at risk"),
        pytest.param(
            F19, 90, days_left("material_submit"), (13, False), (89, False), id="F19 at risk"
        ),
        pytest.param(
            F21, 3, days_left("material_approve"), (29, False), (2, True), id="F21 at risk"
        ),
        pytest.param(F07, 10, days_left("m1_to_m2"), (119, False), (14, True), id="F07 at risk"),
        pytest.param(
            F08, 10, days_left("m1_to_m2"), (119, False), (124, False), id="F08 at risk"
        ),
        pytest.param(F28, REDS, days_left("ntp_to_m1"), (159, False), (159, True), id="F28"),
        pytest.param(
            D34, (10,), lambda p: views.age_class(11, on=DAY, programme=p), "0-30", "over 10",
            id="D34",
        ),
        pytest.param(
            F29, 2, lambda p: views.export(3, on=DAY, programme=p).mode, "download", "email",
            id="F29",
        ),
        pytest.param(
            F10, ("M3",), cancelled, (21, ("M1", "M2")), (21, ("M3",)), id="F10 of a cancellation"
        ),
        pytest.param(
            F25, ("vendor",), cancelled, (21, ("M1", "M2")), (20, ("M1", "M2")), id="F25"
        ),
        pytest.param(F23, OTHER_WARRANTY, warranties, 600_00, 7, id="F23"),
        pytest.param(F24, {"SE1": Money(4)}, warranties, 600_00, 600_08, id="F24"),
        pytest.param(
            F24, {"SE1": Money(4)}, lambda p: dict(warranty.table_on([], DAY, p)), {},
            {"SE1": Money(4)}, id="F24 without a table",
        ),
        pytest.param(
            D10, RunBreaker(above_bps=20_000, runs=8, after=1, at_least=Money(1)), stops, 0, 1,
            id="D10",
        ),
    ],
)  # fmt: skip
def test_a_programmes_own_value(
    *,
    differ: Differ,
    rule: Rule,
    value: object,
    answer: Callable[[str], object],
    usual: object,
    there: object,
):
    differ(rule, value)
    assert (answer(COMFORT), answer(ELSEWHERE)) == (usual, there)


@pytest.mark.rule("D14")
def test_a_limit_that_nobody_knows_stops(differ: Differ):
    differ(D14, "half")
    nothing = standing.Standing((), ())
    assert nothing.left(on=DAY) == ZERO
    with pytest.raises(BrokenInvariant, match="nothing is known of the limit 'half'"):
        nothing.left(on=DAY, programme=ELSEWHERE)


# --- windows -----------------------------------------------------------------------------------

JUNE = date(2026, 6, 1)
EARLY_IN_TOKYO = CutOff(time(2, 31), TOKYO)


@pytest.mark.rule("F02")
@pytest.mark.parametrize(
    ("programme", "at", "day"),
    [
        pytest.param(COMFORT, "2026-12-02T04:59", "2026-12-01", id="the evening before"),
        pytest.param(COMFORT, "2026-12-02T05:00", "2026-12-02", id="midnight"),
        pytest.param(ELSEWHERE, "2026-12-02T14:59", "2026-12-02", id="evening in Tokyo"),
        pytest.param(ELSEWHERE, "2026-12-02T15:00", "2026-12-03", id="midnight in Tokyo"),
    ],
)
def test_the_day_where_cut_offs_are_read(differ: Differ, programme, at, day):
    differ(F02, EARLY_IN_TOKYO)
    instant = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert schedule.local_day(instant, programme).isoformat() == day


@pytest.mark.rule("F02")
def test_a_programme_has_no_run_before_its_first_day(differ: Differ):
    differ(F02, EARLY_IN_TOKYO, since=JUNE)
    first = datetime(2026, 5, 31, 15, 0, tzinfo=UTC)  # midnight in Tokyo, and May still in the east
    assert schedule.window_of(first, (), ELSEWHERE).regular_date == date(2026, 6, 2)
    with pytest.raises(BadInput, match="F02 has no value on 2026-05-31"):
        schedule.window_of(datetime(2026, 5, 31, 14, 59, tzinfo=UTC), (), ELSEWHERE)


@pytest.mark.rule("F03")
def test_a_day_before_the_cut_off_is_one_where_the_cut_off_is_read(differ: Differ):
    differ(F02, EARLY_IN_TOKYO)
    published = [schedule.Alternative(date(2026, 12, 3), date(2026, 12, 1), et("2026-11-20T10:00"))]
    cut_off_at = datetime(2026, 12, 1, 17, 31, tzinfo=UTC)  # Wednesday in Tokyo, Tuesday here
    found = schedule.funding_day(date(2026, 12, 3), cut_off_at, published, ELSEWHERE)
    assert found == (date(2026, 12, 3), schedule.DateSource.REGULAR)
    found = schedule.funding_day(date(2026, 12, 3), cut_off_at, published)
    assert found == (date(2026, 12, 1), schedule.DateSource.PUBLISHED)


@pytest.mark.rule("F03")
def test_a_day_is_announced_where_the_programme_s_cut_off_is_read(differ: Differ):
    differ(F02, EARLY_IN_TOKYO)
    regular, tuesday = date(2026, 12, 3), date(2026, 12, 1)
    at = datetime(2026, 12, 1, 18, 0, tzinfo=UTC)  # Wednesday, three in the morning in Tokyo
    late = published.may_publish(regular, date(2026, 12, 4), programme=ELSEWHERE, at=at)
    assert (late.rule, late.code) == ("F03", "after_cut_off")
    assert published.may_publish(
        regular, date(2026, 12, 4), programme=COMFORT, at=at
    ).cut_off_at == et("2026-12-02T02:31")
    early = at - timedelta(days=1)
    found = published.may_publish(regular, tuesday, programme=ELSEWHERE, at=early)
    assert (found.rule, found.code) == ("F03", "before_cut_off")
    assert found.because == "Tuesday, December 1, 2026 is before the window's cut-off"


@pytest.mark.rule("F03")
@pytest.mark.parametrize(
    ("regular", "moved", "at", "code", "because"),
    [
        pytest.param(
            "2026-12-02", "2026-12-04", "2026-11-20T10:00", "not_a_funding_day",
            "no run of comfort is paid on Wednesday, December 2, 2026", id="a Wednesday",
        ),
        pytest.param(
            "2026-12-03", "2026-12-04", "2026-12-02T02:31", "after_cut_off",
            "the window of 2026-12-03 was cut off at 2026-12-02T02:31:00-05:00", id="too late",
        ),
        pytest.param(
            "2026-12-03", "2026-12-05", "2026-11-20T10:00", "not_a_banking_day",
            "banks are closed on Saturday, December 5, 2026", id="a Saturday",
        ),
    ],
)  # fmt: skip
def test_why_a_day_is_not_announced(*, regular, moved, at, code, because):
    found = published.may_publish(
        date.fromisoformat(regular), date.fromisoformat(moved), programme=COMFORT, at=et(at)
    )
    assert (found.rule, found.code, found.because) == ("F03", code, because)


@pytest.mark.rule("D43")
def test_a_day_that_is_too_late_is_told_with_the_last_one():
    found = published.may_publish(
        date(2026, 12, 3), date(2027, 12, 3), programme=COMFORT, at=et("2026-11-20T10:00")
    )
    assert (found.rule, found.code) == ("D43", "too_late_a_day")
    assert found.because.startswith("Friday, December 3, 2027 is after Thursday, December 10, 2026")
