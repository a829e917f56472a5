"""Edges of the rules: of no matter for most projects, and money for the one that lies on them."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from funding_world import partner, project

from cloud.funding import (
    breaker,
    clocks,
    extension,
    ledger,
    materials,
    planning,
    returns,
    standing,
    views,
    warranty,
)
from cloud.funding.ach.returning import ReturnedEntry, corrected
from cloud.funding.books import PartnerBooks, problems_of
from cloud.funding.models import (
    CREDIT,
    RETURNED,
    Application,
    Deduction,
    LedgerEntry,
    LedgerHead,
    Payable,
    PayableState,
    PaymentTrace,
    PlanState,
    Posting,
    RunPlan,
)
from cloud.funding.netting import Credit, Debit, DeductionKind, run_netting
from cloud.funding.policy import D10, FIRST_DAY, RunBreaker
from cloud.kernel.errors import BadInput, BrokenInvariant
from cloud.kernel.money import ZERO, Money
from cloud.kernel.secret import Secret
from cloud.portfolio.models import AccountKind

ET = ZoneInfo("America/New_York")
DAY = date(2026, 11, 2)
K = DeductionKind


def et(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ET)


# --- netting and plans -------------------------------------------------------------------------


def test_of_nothing_there_is_an_item():
    debts = [Debit("d", K.MATERIAL, "", ZERO, DAY)]
    found = run_netting([Credit("A", "M1", ZERO)], debts, on=DAY)
    assert (found.applied, found.remaining, found.net) == ({}, {}, ZERO)


@pytest.mark.rule("D02")
def test_all_that_waits_is_carried():
    debts = [Debit("a", K.MATERIAL, "", Money(5), DAY), Debit("b", K.MATERIAL, "", Money(70), DAY)]
    found = run_netting([], debts, on=DAY)
    assert found.carried == Money(75)


def payable(name: str, cents: int, milestone: str = "M1") -> Payable:
    at = et("2026-11-01T10:00")
    return Payable(name, "P-A", "PRJ-1", "", milestone, Money(cents), at, says=f"says {name}")


def debt(name: str, kind: DeductionKind, cents: int, **changes: object) -> Deduction:
    at = et("2026-11-01T10:00")
    given = {"project_id": "PRJ-1", "incurred_on": DAY, "says": f"says {name}"} | changes
    return Deduction(name, kind, "P-A", raised=Money(cents), raised_at=at, **given)  # type: ignore[arg-type]


def plan(payables: list[Payable], debts: list[Deduction], **facts: object) -> RunPlan:
    about = {"PRJ-1": planning.ProjectFacts(project("PRJ-1", **facts))}
    mine = partner(account_kind=AccountKind.SAVINGS)
    return planning.plan_of("run", mine, payables, debts, about, on=DAY)


def taken(made: RunPlan) -> list[tuple[str, int, int]]:
    return [(one.id, one.applied.cents, one.left.cents) for one in made.deductions]


@pytest.mark.rule("F18")
@pytest.mark.parametrize("fact", ["compliance_case_open", "administrative_stip_open"])
def test_a_case_and_a_stip_hold_a_project_s_money(fact):
    made = plan([payable("PAY-1", 100)], [], **{fact: True})
    assert [one.held_for for one in made.held] == [("compliance_hold",)]


@pytest.mark.rule("F05")
@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        pytest.param({}, [], id="all known"),
        pytest.param({"account_number": Secret("55-AZ09")}, [], id="capitals and a dash"),
        pytest.param({"routing_number": "011401534"}, ["bank_details_missing"], id="no bank"),
        pytest.param({"account_number": Secret("")}, ["bank_details_missing"], id="no account"),
        pytest.param({"account_number": Secret("12a")}, ["bank_details_missing"], id="small"),
        pytest.param({"name": "\u4e2d"}, ["bank_details_missing"], id="no name for the file"),
    ],
)
def test_what_a_bank_file_cannot_name_is_held(changes, reasons):
    found = planning.held_for(payable("PAY-1", 100), partner(**changes), None, on=DAY)
    assert list(found) == reasons


@pytest.mark.rule("D02")
def test_a_plan_takes_the_oldest_first_and_shows_what_is_left():
    debts = [
        debt("a", K.MATERIAL, 60),
        debt("b", K.MATERIAL, 70, incurred_on=date(2026, 11, 1)),
        debt("c", K.CLAWBACK_M1, 80, paused=True),
    ]
    made = plan([payable("PAY-1", 100)], debts)
    assert taken(made) == [("b", 70, 0), ("a", 30, 30), ("c", 0, 80)]
    assert [one.paused for one in made.deductions] == [False, False, True]
    assert [one.says for one in made.deductions] == ["says b", "says a", "says c"]
    assert (made.net, made.carried) == (ZERO, Money(30))


@pytest.mark.rule("F13")
def test_what_is_paused_is_not_taken_though_there_is_money():
    made = plan([payable("PAY-1", 100)], [debt("c", K.CLAWBACK_M1, 80, paused=True)])
    assert (taken(made), made.net) == ([("c", 0, 80)], Money(100))


@pytest.mark.rule("F10")
def test_a_plan_takes_commission_from_m1_and_from_no_other_money():
    commission = [debt("d", K.PREPAID_COMMISSION, 60)]
    assert taken(plan([payable("PAY-1", 100)], commission)) == [("d", 60, 0)]
    assert taken(plan([payable("PAY-1", 100, "NTP")], commission)) == [("d", 0, 60)]


def test_a_plan_carries_the_kind_of_the_account():
    assert plan([payable("PAY-1", 100)], []).account_kind is AccountKind.SAVINGS


def test_what_stands_for_a_plan_stays_the_same():
    """A preview that was made before an update is still the one that is approved after it."""
    made = plan([payable("PAY-1", 100)], [debt("a", K.MATERIAL, 60)])
    assert made.hash == "043fecb1625f2b6567c8e86556c52ca838423a092df53d1c66b90fd2a28313c2"
    assert made.id == f"run.P-A.{made.hash[:12]}"
    assert (
        planning.plans_hash([made, made])
        == "d04cd4182c2d8a1de91c049e142ee20412900ede1db43e7bfe01be6053b39d8e"
    )


@pytest.fixture(params=["UTC", "Asia/Tokyo"])
def machine_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let the machine stand elsewhere: nothing that is kept or sent may depend on where it is."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


@pytest.mark.usefixtures("machine_zone")
def test_what_stands_for_an_entry_stays_the_same():
    """A chain that was written before an update is verified after it."""
    entry, head = ledger.append(
        ledger.head_of("P-A"),
        entry_id="E-1",
        postings=ledger.move(Money(5), debit="project_cost", credit="partner_payable"),
        event_at=et("2026-11-02T10:00"),
        recorded_at=et("2026-11-02T11:00"),
        causes=("C-1", "C-2"),
        says="something",
    )
    assert (
        head.hash
        == entry.hash
        == "24b0388b9e1b507091db85a6f6c3d848e0f27bb8df4830206ec4f1aedc635329"
    )
    assert ledger.GENESIS == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


# --- clocks ------------------------------------------------------------------------------------


@pytest.mark.rule("F06")
def test_an_installation_of_this_instant_has_come():
    at = et("2026-06-20T09:00")
    assert not clocks.ntp_to_m1(date(2026, 1, 5), at, at).may_cancel


@pytest.mark.rule("F07")
@pytest.mark.parametrize(
    ("activated_at", "days", "status"),
    [
        pytest.param("2027-03-03T00:00", 121, "clawback", id="not yet"),
        pytest.param("2027-03-02T23:59", 120, "activated", id="on the last day"),
        pytest.param("2027-04-01T00:00", 121, "clawback", id="weeks later"),
    ],
)
def test_an_activation_of_tomorrow_is_not_known(activated_at, days, status):
    found = clocks.m1_to_m2(
        m1_on=date(2026, 11, 2),
        m1_paid=Money(5),
        activated_at=et(activated_at),
        extensions=(),
        as_of=et("2027-03-03T00:00") if status == "activated" else et("2027-03-02T23:59"),
    )
    assert found.status == ("running" if days == 121 else status)
    assert found.days_elapsed == 120


@pytest.mark.rule("F20")
@pytest.mark.parametrize(
    ("received", "due"),
    [
        pytest.param("2026-09-17T09:59", date(2026, 10, 1), id="just before"),
        pytest.param("2026-09-17T10:00", date(2026, 9, 15), id="at the same instant"),
    ],
)
def test_an_invoice_of_the_instant_of_the_posting_starts_no_days_again(received, due):
    facts = materials.Material(
        shipped_at=et("2026-09-01T15:00"),
        invoices=[materials.VendorInvoice(Money(100), et(received))],
        net_fund_posted_at=et("2026-09-17T10:00"),
    )
    assert materials.judge(facts, et("2026-09-20T00:00")).submit_due_date == due


@pytest.mark.rule("F22")
def test_an_invoice_of_this_instant_is_known():
    at = et("2026-10-01T10:00")
    facts = materials.Material(
        shipped_at=et("2026-09-01T15:00"),
        invoices=[
            materials.VendorInvoice(Money(100), et("2026-09-02T10:00")),
            materials.VendorInvoice(Money(20), at),
        ],
        m1_submitted_at=et("2026-09-30T10:00"),
    )
    assert materials.judge(facts, at).net_fund == ZERO
    without_new_days = replace(facts, net_fund_posted_at=et("2026-09-20T10:00"))
    assert materials.judge(without_new_days, at).net_fund == Money(120)


# --- extensions --------------------------------------------------------------------------------


@pytest.mark.rule("F11")
def test_a_form_that_lacks_its_fields_says_of_each_that_it_is_missing():
    found = extension.review(
        {}, has_proof=True, reason_text="", market="CA", submitted_at=et("2026-11-02T10:00")
    )
    assert "missing_account_finco_id" in found.problems
    assert {one.partition("_")[0] for one in found.problems} == {"missing"}


KNOWN = extension.Known("PRJ-1", "C. Ustomer", date(2026, 9, 1))


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        pytest.param({}, (), id="no fields"),
        pytest.param({"account_finco_id": " ", "account_primary_name": " "}, (), id="blank"),
        pytest.param({"account_finco_id": " PRJ-1 "}, (), id="ours"),
        pytest.param({"account_finco_id": "PRJ-2"}, ("account_finco_id_differs",), id="another's"),
        pytest.param({"account_primary_name": "c.   USTOMER"}, (), id="blanks and capitals"),
        pytest.param(
            {"account_primary_name": "C.Ustomer"}, ("account_primary_name_differs",), id="no blank"
        ),
    ],
)
def test_what_is_blank_disagrees_with_nothing(fields, wrong):
    assert extension.disagreements(fields, KNOWN) == wrong


def test_reasons_that_may_be_given_are_listed():
    with pytest.raises(BadInput, match=r"use one of [a-z_]+, [a-z_]+"):
        extension.days_of("weather", DAY)


# --- returns -----------------------------------------------------------------------------------


def returned(code: str, cents: int = 100, data: str | None = None) -> ReturnedEntry:
    return ReturnedEntry(
        line=3,
        original_trace="021000022010001",
        code=code,
        amount=Money(cents),
        identification="P-A",
        name="Partner P-A",
        receiving_dfi="01140153",
        trace_number="011401530010001",
        account_kind=AccountKind.CHECKING,
        is_debit=False,
        account_number=Secret("123"),
        corrected_data=None if data is None else Secret(data),
    )


@pytest.mark.rule("D04")
def test_a_payment_came_not_back_before_unless_somebody_says_so():
    assert returns.judge_return("R02", Money(100), on=DAY).payable == Money(100)


@pytest.mark.rule("P-86")
def test_a_correction_longer_than_its_field_goes_to_a_person():
    full = f"091000019   {'7' * 17}"
    assert corrected("C03", Secret(full), on=DAY) is not None
    assert corrected("C03", Secret(f"{full}7"), on=DAY) is None
    assert corrected("C03", Secret(f"{full} "), on=DAY) is not None


@pytest.mark.rule("F29")
@pytest.mark.parametrize("nothing", ["", None, []])
def test_an_empty_filter_asks_for_nothing(nothing):
    rows = [{"market": "CA"}, {"market": ""}]
    assert views.filtered(rows, {"market": nothing}) == rows
    assert views.filtered(rows, {"market": "CA"}) == rows[:1]


# --- prices ------------------------------------------------------------------------------------


def prices(rows: list[str], heading: str = "model,price") -> bytes:
    return "\n".join([heading, *rows, ""]).encode()


@pytest.mark.rule("F24")
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["Unix", "Windows", "old Macs"])
def test_a_table_is_read_whichever_system_wrote_it(end):
    content = prices(["SE1,1.00", "SE2,2.00"]).replace(b"\n", end.encode())
    assert warranty.read_prices(content) == (("SE1", Money(100)), ("SE2", Money(200)))


@pytest.mark.rule("F24")
def test_a_table_has_two_thousand_models_at_most():
    rows = [f"SE{number},1.00" for number in range(2_001)]
    assert len(warranty.read_prices(prices(rows[:2_000]))) == 2_000
    assert len(warranty.read_prices(prices(rows[:1]))) == 1
    for wrong in (rows, []):
        with pytest.raises(BadInput, match="a table has 1 to 2000 models"):
            warranty.read_prices(prices(wrong))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (prices(["SE1,1.00"], "model,cost"), "column model: the heading must be model,price;"),
        (prices(["SÉ1,1.00"]), "line 2, column model: 'SÉ1' is not 1 to 64 plain characters"),
        (prices(["SE1,1.00", "se1,2.00"]), "line 3, column model: SE1 stands in the table twice"),
        (prices(["SE1,1"]), "line 2, column price: '1' is not dollars and cents above zero"),
    ],
    ids=["heading", "model", "twice", "price"],
)
def test_what_is_wrong_with_a_table_is_told(content, says):
    with pytest.raises(BadInput) as wrong:
        warranty.read_prices(content)
    assert says in str(wrong.value)


# --- unusual runs ------------------------------------------------------------------------------


@pytest.mark.rule("D10")
def test_a_partner_that_is_new_hides_no_other():
    found = breaker.unusual(
        {"P-A": Money(90_000_00), "P-B": Money(90_000_00)},
        [{"P-B": Money(10_000_00)}] * 4,
        on=DAY,
    )
    assert [one.partition(" ")[0] for one in found] == ["P-B"]


@pytest.mark.rule("D10")
def test_one_run_before_is_called_one():
    D10.programmes["elsewhere"] = {FIRST_DAY: RunBreaker(20_000, 8, 1, Money(1))}  # type: ignore[index]
    try:
        found = breaker.unusual(
            {"P-A": Money(300)}, [{"P-A": Money(100)}], on=DAY, programme="elsewhere"
        )
    finally:
        del D10.programmes["elsewhere"]  # type: ignore[attr-defined]
    assert found == ("P-A is paid $3.00, where $1.00 is the middle of the run before",)


# --- the books ---------------------------------------------------------------------------------


def test_a_chain_without_entries_ends_where_it_begins():
    ledger.verify([], [ledger.head_of("P-A")])
    _, head = entry_of("E-1", ledger.raising(K.MATERIAL, Money(5)))
    with pytest.raises(BrokenInvariant, match="ledger of P-A: it should end with entry 1"):
        ledger.verify([], [head])


def entry_of(
    name: str, postings: tuple[Posting, ...], head: LedgerHead | None = None
) -> tuple[LedgerEntry, LedgerHead]:
    at = et("2026-11-02T10:00")
    return ledger.append(
        head or ledger.head_of("P-A"),
        entry_id=name,
        postings=postings,
        event_at=at,
        recorded_at=at,
        causes=(name,),
        says="",
    )


def books_of(entries: list[tuple[str, tuple[Posting, ...]]], **items: object) -> tuple[str, ...]:
    head, written = None, []
    for name, postings in entries:
        entry, head = entry_of(name, postings, head)
        written.append(entry)
    nothing = {"payables": (), "deductions": (), "plans": (), "traces": {}}
    made = PartnerBooks(partner_id="P-A", head=head, entries=written, **nothing | items)  # type: ignore[arg-type]
    return problems_of(made)


def earned(cents: int) -> tuple[Posting, ...]:
    return ledger.move(Money(cents), debit=ledger.PROJECT_COST, credit=ledger.PARTNER_PAYABLE)


def test_a_partner_without_items_has_no_problem():
    assert books_of([]) == ()


def test_what_the_books_hold_for_no_item_is_named():
    assert books_of([("E-1", ledger.raising(K.MATERIAL, Money(5)))]) == (
        "P-A: receivable:material is $0.05 in the books, and its items sum to $0.00",
    )


def test_two_debts_of_a_kind_are_held_against_one_account():
    entries = [(name, ledger.raising(K.MATERIAL, Money(5))) for name in ("a", "b")]
    debts = [debt("a", K.MATERIAL, 5), debt("b", K.MATERIAL, 5)]
    assert books_of(entries, deductions=debts) == ()
    assert len(books_of(entries, deductions=debts[:1])) == 1


def test_a_payable_that_stands_in_no_entry_is_named():
    found = books_of([("PAY-1", earned(100))], payables=[payable("PAY-2", 100)])
    assert found == ("P-A: payable PAY-2 of $1.00 stands in no entry",)
    assert books_of([("PAY-1", earned(100))], payables=[payable("PAY-1", 100)]) == ()


def test_what_a_run_took_and_has_not_posted_is_still_owed():
    going = plan([payable("PAY-1", 100)], [debt("a", K.MATERIAL, 60)])
    one = replace(payable("PAY-1", 100), state=PayableState.PLANNED, run_id="run")
    owing = debt("a", K.MATERIAL, 60, applications=(Application("run", Money(60)),))
    entries = [("PAY-1", earned(100)), ("a", ledger.raising(K.MATERIAL, Money(60)))]
    items = {"payables": [one], "deductions": [owing]}
    assert books_of(entries, plans=[going], **items) == ()
    posted = (going.id, ledger.paying(Money(100), {K.MATERIAL: Money(60)}, Money(40)))
    done = replace(going, state=PlanState.COMMITTED, trace_number="T-1")
    assert books_of([*entries, posted], plans=[done], **items) == ()
    told = " ".join(books_of(entries, plans=[done], **items))
    assert "P-A: ach_in_transit is $0.00 in the books, and its items sum to -$0.40" in told
    assert "P-A: partner_payable is -$1.00 in the books, and its items sum to $0.00" in told
    assert "P-A: receivable:material is $0.60 in the books, and its items sum to $0.00" in told


@pytest.mark.parametrize("state", [PayableState.PAID, PayableState.WITHDRAWN])
def test_a_payable_that_is_not_waiting_is_not_owed(state):
    one = replace(payable("PAY-1", 100), state=state)
    assert books_of([("PAY-1", earned(100))], payables=[one]) == (
        "P-A: partner_payable is -$1.00 in the books, and its items sum to $0.00",
    )


def run_of(going: RunPlan, **items: object) -> tuple[str, ...]:
    """Look at a run that paid PAY-1 and took 60 cents of a debt, as it was planned."""
    one = replace(payable("PAY-1", 100), state=PayableState.PLANNED, run_id="run")
    owing = debt("a", K.MATERIAL, 60, applications=(Application("run", Money(60)),))
    entries = [
        ("PAY-1", earned(100)),
        ("a", ledger.raising(K.MATERIAL, Money(60))),
        (going.id, ledger.paying(Money(100), {K.MATERIAL: Money(60)}, Money(40))),
    ]
    more = items.pop("entries", [])
    facts = {"payables": [one], "deductions": [owing], "plans": [going]} | items
    return books_of([*entries, *more], **facts)  # type: ignore[misc]


def committed() -> RunPlan:
    going = plan([payable("PAY-1", 100)], [debt("a", K.MATERIAL, 60)])
    return replace(going, state=PlanState.COMMITTED, trace_number="T-1")


@pytest.mark.parametrize(
    "landed",
    [{"settled_at": et("2026-11-03T10:00")}, {"return_code": "R02"}],
    ids=["settled", "returned"],
)
def test_a_payment_that_landed_is_on_its_way_no_more(landed):
    done = committed()
    line = PaymentTrace("T-1", "run", "P-A", done.id, Money(40))
    arrived = ("settled", ledger.move(Money(40), debit=ledger.ACH_IN_TRANSIT, credit="bank_cash"))
    assert run_of(done, traces={"T-1": line}) == ()
    assert run_of(done, traces={"T-1": replace(line, **landed)}, entries=[arrived]) == ()
    assert run_of(done, traces={"T-1": line}, entries=[arrived]) == (
        "P-A: ach_in_transit is $0.00 in the books, and its items sum to -$0.40",
    )


def test_a_committed_plan_is_held_against_its_items():
    stale = replace(plan([payable("PAY-3", 100)], []), state=PlanState.STALE)
    owing = debt("a", K.MATERIAL, 60, applications=(Application("run", Money(59)),))
    done = committed()
    told = run_of(done, plans=[stale, done], deductions=[owing])
    assert "P-A, run: of deduction a $0.59 was taken, not as planned" in told
    told = run_of(done, deductions=[])
    assert "P-A, run: of deduction a $0.00 was taken, not as planned" in told
    nothing = replace(plan([], []), state=PlanState.COMMITTED)
    assert run_of(done, plans=[nothing, done]) == ()


@pytest.mark.parametrize(
    ("milestone", "causes", "is_named"),
    [(RETURNED, ("E-7",), False), (RETURNED, ("E-8",), True), ("M1", ("E-7",), True)],
    ids=["came back", "came back from nowhere", "earned"],
)
def test_only_what_came_back_may_stand_in_another_s_entry(milestone, causes, is_named):
    one = replace(payable("PAY-9", 100, milestone), causes=causes)
    found = books_of([("E-7", earned(100))], payables=[one])
    assert found == (("P-A: payable PAY-9 of $1.00 stands in no entry",) if is_named else ())


@pytest.mark.rule("D14")
def test_a_cost_that_was_given_back_was_not_paid_for_the_project():
    paid = [
        replace(payable("PAY-1", 100), state=PayableState.PAID),
        replace(payable("PAY-2", 30, CREDIT), state=PayableState.PAID),
    ]
    back = debt("a", K.REVOCATION, 45)
    assert standing.Standing(tuple(paid), (back,)).left(on=DAY) == Money(55)
