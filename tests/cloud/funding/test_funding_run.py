"""The funding run: previewed, approved by another, paid once, wherever it was killed."""

import contextlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from funding_world import (
    AT,
    BANK,
    CUTOFF,
    PAID_AT,
    REACHED,
    RUN_ID,
    Killed,
    Text,
    World,
    partner,
    project,
    site,
)

from cloud.adapters.codec import Codec
from cloud.funding import ach, ledger, process
from cloud.funding.direct_pay import DirectPay, EquipmentInvoice
from cloud.funding.models import (
    Deduction,
    FundingRun,
    LedgerEntry,
    LedgerHead,
    Payable,
    PayableState,
    PaymentTrace,
    PlanState,
    Posting,
    RunPlan,
    RunState,
)
from cloud.funding.process.committing import payment_entry_id
from cloud.kernel.change import Change, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, BrokenInvariant, Conflict, NotFound
from cloud.kernel.money import Money, total
from cloud.kernel.secret import Secret
from cloud.portfolio.models import Milestone, Partner, Prenote

TESLA = {"make": "Tesla", "model": "1538000-45-A"}
TRACE_1 = "021000022010001"


def plans(world: World, run: FundingRun) -> list[RunPlan]:
    return [world.records.load(RunPlan, one).record for one in run.plan_ids]


def books(world: World) -> dict[str, int]:
    """Verify every chain with its head, and give the balances."""
    entries, heads = [], []
    for one in world.partners:
        entries += [
            stored.record
            for stored in world.records.find(LedgerEntry, by="partner_id", value=one.id)
        ]
        head = world.records.load(LedgerHead, one.id)
        heads += [head.record] if head else []
    ledger.verify(entries, heads)
    balances = {name: one.cents for name, one in ledger.trial_balance(entries).items()}
    assert sum(balances.values()) == 0
    return balances


# --- accrual -----------------------------------------------------------------------------------


@pytest.mark.rule("F23")
def test_m1_of_a_listed_inverter_pays_less_the_warranty():
    world = World()
    world.m1("PRJ-1", **TESLA)
    run = world.prepare()
    (plan,) = plans(world, run)
    assert (plan.gross, plan.net) == (Money(24_000_00), Money(23_400_00))
    assert (
        plan.deductions[0].says == "Tesla inverter warranty: project PRJ-1, inverter 1538000-45-A"
    )
    assert books(world) == {
        "partner_payable": -24_000_00,
        "project_cost": 24_000_00,
        "receivable:project_net_fund": 600_00,
        "warranty_liability": -600_00,
    }


def test_accruing_twice_changes_nothing():
    world = World()
    made = world.add_project(project("PRJ-1"), **TESLA)
    for _ in range(2):
        process.accrue_milestone(world.records, project=made, milestone=Milestone.M1, at=AT)
        world.service("INV-1", 500_00)
        world.offset("OFF-1", 100_00)
    assert books(world)["partner_payable"] == -24_500_00
    assert len(world.records.find(LedgerEntry, by="partner_id", value="P-A")) == 4


def test_m2_pays_the_rest_of_the_project():
    world = World()
    made = world.add_project(project("PRJ-1"))
    found = process.accrue_milestone(
        world.records, project=made, milestone=Milestone.M2, at=REACHED
    )
    assert (found.amount, found.accrued_at, found.hold) == (Money(6_000_00), REACHED, "")


def test_a_milestone_that_pays_nothing():
    world = World()
    made = world.add_project(project("PRJ-1"))
    found = process.accrue_milestone(
        world.records, project=made, milestone=Milestone.NTP, at=REACHED
    )
    assert found is None


@pytest.mark.rule("F24")
def test_an_unpriced_inverter_holds_m1_until_there_is_a_price():
    world = World()
    payable = world.m1("PRJ-1", make="SolarEdge", model="SE7600H-US")
    assert payable.hold == "unpriced_inverter"
    (plan,) = plans(world, world.prepare())
    assert plan.gross == Money(0)
    assert [one.held_for for one in plan.held] == [("unpriced_inverter",)]
    process.warranty_on_m1(
        world.records,
        project=project("PRJ-1"),
        site=site("PRJ-1", make="SolarEdge", model="SE7600H-US"),
        at=AT,
        prices={"SE7600H-US": Money(310_00)},
    )
    (plan,) = plans(world, world.prepare())
    assert (plan.gross, plan.net) == (Money(24_000_00), Money(23_690_00))


def test_a_net_fund_names_its_project():
    with pytest.raises(BadInput, match="must name the project"):
        World().offset("OFF-1", 5, kind="project_net_fund")


def test_a_lost_race_for_the_books_is_tried_again():
    world = World()
    rival = [2]

    class Racing(type(world.records)):
        def commit(self, change: Change) -> None:
            if rival[0]:
                rival[0] -= 1
                raise Conflict("somebody was faster")
            super().commit(change)

    world.records.__class__ = Racing
    world.service("INV-1", 100)
    assert books(world)["partner_payable"] == -100
    rival[0] = 99
    with pytest.raises(Conflict, match="others wrote to the same things 5 times"):
        world.service("INV-2", 100)


def test_releasing_and_pausing_twice():
    world = World()
    free = world.service("INV-1", 100)
    assert process.release_payable(world.records, payable_id=free.id, by="ana", at=AT) == free
    debt = world.offset("OFF-1", 100, kind="clawback_m1")
    for paused in (True, True, False):
        debt = process.pause_deduction(
            world.records, deduction_id=debt.id, paused=paused, by="ana", at=AT
        )
        assert debt.paused is paused


# --- preview -----------------------------------------------------------------------------------


def test_only_what_was_recorded_before_the_cut_off():
    world = World()
    world.service("INV-1", 100, at=CUTOFF - timedelta(microseconds=1))
    world.service("INV-2", 10, at=CUTOFF)
    world.offset("OFF-1", 1, at=CUTOFF)
    (plan,) = plans(world, world.prepare())
    assert (plan.gross, plan.net) == (Money(100), Money(100))


@pytest.mark.rule("F05")
@pytest.mark.rule("F18")
@pytest.mark.parametrize(
    ("changes", "facts", "reasons"),
    [
        ({"w9_on_file": False}, {}, ("w9_missing",)),
        ({}, {"compliance_case_open": True}, ("compliance_hold",)),
        ({}, {"cancelled": True}, ("project_cancelled",)),
    ],
    ids=["papers", "compliance", "cancelled"],
)
def test_what_is_held_is_listed_with_its_reasons(changes, facts, reasons):
    world = World([partner(**changes)])
    world.m1("PRJ-1")
    replace_item(world, project("PRJ-1"), **facts)
    world.service("INV-1", 100)
    (plan,) = plans(world, world.prepare())
    held = {one.milestone: one.held_for for one in plan.held}
    assert held["M1"] == reasons
    assert ("service" in held) is bool(changes)


@pytest.mark.rule("F31")
def test_a_direct_pay_project_waits_for_the_final_invoice_and_is_free_once_it_came():
    world = World()
    world.m1("PRJ-1")
    joined = DirectPay("PRJ-1", "P-A", "V-1", is_enrolled=True, enrolled_at=REACHED)
    world.records.commit(Change(saves=(Save(joined),)))
    (plan,) = plans(world, world.prepare())
    assert [one.held_for for one in plan.held] == [("invoice_needed",)]
    stored = world.records.load(DirectPay, "PRJ-1")
    billed = replace(joined, invoices=(EquipmentInvoice("VI-1", Money(100), REACHED),))
    world.records.commit(Change(saves=(stored.replaced_by(billed),)))
    (plan,) = plans(world, world.prepare())
    assert not plan.held


@pytest.mark.rule("D11")
@pytest.mark.parametrize(
    ("prenote", "sent_on", "holds"),
    [
        (Prenote.NOT_NEEDED, None, False),
        (Prenote.DUE, None, True),
        (Prenote.SENT, date(2026, 11, 27), False),
        (Prenote.SENT, date(2026, 11, 30), True),
    ],
)
def test_money_follows_a_prenote_after_three_banking_days(prenote, sent_on, holds):
    world = World([partner(prenote=prenote, prenote_sent_on=sent_on)])
    world.service("INV-1", 100)
    (plan,) = plans(world, world.prepare())
    assert [one.held_for for one in plan.held] == ([("prenote_pending",)] if holds else [])


def test_preparing_again_shows_what_changed_and_repeats_nothing():
    world = World()
    world.service("INV-1", 100)
    first = world.prepare()
    assert world.prepare(by="cleo", at=AT + timedelta(hours=1)) == first
    world.service("INV-2", 11)
    second = world.prepare(by="cleo")
    assert (second.net, second.preparer) == (Money(111), "cleo")
    assert plans(world, first)[0].net == Money(100)


def test_a_window_that_is_open_cannot_be_prepared():
    world = World()
    with pytest.raises(BadInput, match="its window is still open"):
        world.prepare(at=CUTOFF - timedelta(seconds=1))
    with pytest.raises(BadInput, match="no window ends at"):
        world.prepare(cutoff=CUTOFF - timedelta(seconds=1))


@pytest.mark.rule("F03")
def test_an_entry_above_the_same_day_limit_is_flagged_where_the_file_leaves_on_its_day():
    world = World()
    world.service("INV-1", 1_000_000_01)
    usual = world.prepare()
    assert (usual.is_same_day, usual.flags) == (False, ())
    birthday_of_king = datetime(2027, 1, 18, 7, 31, tzinfo=UTC)
    run = world.prepare(cutoff=birthday_of_king, at=birthday_of_king + timedelta(hours=7))
    assert (run.is_same_day, run.funding_date) == (True, date(2027, 1, 19))
    assert run.flags == (
        "P-A: $1,000,000.01 is above what an entry may carry on the day of its file",
    )


# --- approval ----------------------------------------------------------------------------------


@pytest.mark.rule("D03")
@pytest.mark.parametrize(
    ("by", "roles", "code"),
    [
        ("ana", {"accounting_admin"}, "maker_is_checker"),
        ("bob", {"admin"}, "not_accounting"),
    ],
)
def test_who_may_not_approve(by, roles, code):
    world = World()
    world.service("INV-1", 100)
    found = world.approve(world.prepare(), by=by, roles=roles)
    assert isinstance(found, Refused)
    assert (found.rule, found.code) == ("D03", code)


@pytest.mark.rule("D03")
@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.service("INV-2", 1),
        lambda world: world.offset("OFF-1", 1),
        lambda world: world.partners.__setitem__(0, partner(bank_account_blocked=True)),
        lambda world: world.partners.__setitem__(0, partner(account_number=Secret("99"))),
    ],
    ids=["one more payable", "one more deduction", "account blocked", "other account"],
)
def test_what_changed_since_makes_the_preview_stale(change):
    world = World()
    world.service("INV-1", 100)
    run = world.prepare()
    change(world)
    assert world.approve(run).code == "stale_preview"
    again = world.prepare()
    assert world.approve(run).code == "stale_preview"
    assert world.approve(again).state is RunState.APPROVED


def test_approving_twice_is_approving_once():
    world = World()
    world.service("INV-1", 100)
    run = world.prepare()
    first = world.approve(run)
    assert world.approve(run, at=AT + timedelta(hours=1)) == first
    (message,) = world.records.messages.values()
    assert (message.topic, message.body) == ("run_approved", {"run_id": RUN_ID})
    assert world.prepare() == first
    assert world.approve(replace(run, plans_hash="0")).code == "stale_preview"


def test_steps_cannot_be_left_out():
    world = World()
    world.service("INV-1", 100)
    run = world.prepare()
    with pytest.raises(BadInput, match="it is not approved yet"):
        process.commit(world.records, run_id=run.id, at=AT)
    world.approve(run)
    with pytest.raises(BadInput, match="it is not committed yet"):
        process.file(
            world.records,
            world.documents,
            run_id=run.id,
            originator=BANK,
            renderer=Text(),
            at=AT,
        )
    with pytest.raises(BadInput, match="there is no file"):
        process.mark_sent(world.records, run_id=run.id, by="ana", at=AT)
    with pytest.raises(BadInput, match="its file was not sent"):
        process.settle(world.records, run_id=run.id, at=PAID_AT)
    with pytest.raises(NotFound, match="funding run comfort-2026-12-08"):
        process.commit(world.records, run_id="comfort-2026-12-08", at=AT)


# --- the run -----------------------------------------------------------------------------------


def busy_world() -> World:
    """Three partners: one paid less its offsets, one whose offsets take all, one plain."""
    world = World([partner("P-A"), partner("P-B", name="Björk Solar ehf."), partner("P-C")])
    world.m1("PRJ-1", **TESLA)
    world.m1("PRJ-2", "P-B")
    world.service("INV-1", 480_00)
    world.service("INV-2", 75_50, "P-C")
    world.offset("OFF-1", 1_000_00, kind="back_bill")
    world.offset("OFF-2", 30_000_00, owner="P-B", kind="cancellation")
    return world


@pytest.mark.rule("D01")
def test_a_run_from_cut_off_to_bank_file():
    world = busy_world()
    run = world.run()
    assert (run.state, run.id, run.net) == (RunState.FILED, RUN_ID, Money(22_955_50))
    content = world.documents.get("ach/comfort-2026-12-03.ach")
    lines = ach.read(content).entries
    assert [(one.credit.identification, one.credit.amount.cents) for one in lines] == [
        ("P-A", 22_880_00),
        ("P-C", 75_50),
    ]
    assert books(world) == {
        "ach_in_transit": -22_955_50,
        "project_cost": 18_000_00,
        "receivable:cancellation": 6_000_00,
        "service_cost": -444_50,
        "warranty_liability": -600_00,
    }
    left = {
        one.record.id: one.record.open.cents
        for one in world.records.find(Deduction, by="state", value="open")
    }
    assert left == {"OFF-2": 6_000_00}
    assert not world.records.find(Payable, by="state", value="open")
    letters = world.records.letters
    assert sorted(letters) == [f"remittance-{RUN_ID}-P-A", f"remittance-{RUN_ID}-P-C"]
    mail = letters[f"remittance-{RUN_ID}-P-A"]
    assert mail.attachments == {
        "remittance.pdf": f"remittances/{RUN_ID}/P-A.pdf",
        "remittance.csv": f"remittances/{RUN_ID}/P-A.csv",
    }
    assert b"INV-1" in world.documents.get(f"remittances/{RUN_ID}/P-A.csv")
    assert "$22,880.00" in mail.text
    assert "123456789012" not in mail.text
    assert world.documents.get(f"remittances/{RUN_ID}/P-A.pdf")


def everything(world: World):
    """What the outside can see of a run: books, file, letters, items."""
    return (
        books(world),
        world.documents.get(f"ach/{RUN_ID}.ach"),
        world.records.letters,
        sorted(
            (one.record.id, one.record.run_id)
            for one in world.records.find(Payable, by="state", value="planned")
        ),
        sorted(
            (one.record.id, one.record.amount.cents)
            for one in world.records.find(PaymentTrace, by="run_id", value=RUN_ID)
        ),
    )


@pytest.mark.rule("D01")
def test_killed_after_every_write_and_done_again_it_pays_once():
    calm = busy_world()
    calm.run()
    writes = 0
    for writes in range(1, 200):
        world = busy_world()
        world.fuse(writes)
        kills = 0
        for attempt in range(3):
            try:
                world.run(finished_at=AT + timedelta(minutes=attempt))
                break
            except Killed:
                kills += 1
        assert everything(world)[1:2] + everything(world)[3:] == (
            everything(calm)[1:2] + everything(calm)[3:]
        ), f"killed after write {writes}"
        assert books(world) == books(calm)
        assert sorted(world.records.letters) == sorted(calm.records.letters)
        if not kills:
            break
    assert writes > 10


@pytest.mark.rule("D01")
def test_killed_at_every_single_write_it_still_gets_there():
    world = busy_world()
    for _ in range(60):
        world.fuse(1)
        try:
            run = world.run()
            if run.state is RunState.FILED:
                break
        except Killed:
            continue
    world.fuse(-1)
    calm = busy_world()
    calm.run()
    assert everything(world)[:2] == everything(calm)[:2]


@pytest.mark.rule("D01")
def test_a_long_plan_takes_several_transactions_and_posts_once():
    for writes in (0, 1, 2, 3, 4):
        world = World()
        for number in range(200):
            world.service(f"INV-{number}", 100 + number)
        run = world.prepare()
        world.approve(run)
        world.fuse(writes)
        for _ in range(2):
            try:
                world.finish()
                break
            except Killed:
                continue
        owed = sum(100 + number for number in range(200))
        assert books(world) == {"ach_in_transit": -owed, "service_cost": owed}
        assert len(world.records.find(LedgerEntry, by="partner_id", value="P-A")) == 201


def test_the_next_run_takes_what_was_left():
    world = busy_world()
    world.run()
    late = datetime(2026, 12, 7, 7, 31, tzinfo=UTC)
    world.service("INV-9", 7_000_00, "P-B", at=late - timedelta(days=1))
    run = world.run(cutoff=late, at=late)
    assert (run.id, run.net) == ("comfort-2026-12-08", Money(1_000_00))
    assert "receivable:cancellation" not in books(world)
    assert {one.record.id for one in world.records.find(PaymentTrace, by="run_id", value=run.id)}


def test_a_run_that_pays_nobody_has_no_file():
    world = World()
    world.service("INV-1", 100)
    world.offset("OFF-1", 100)
    run = world.run()
    assert (run.state, run.file_reference) == (RunState.SETTLED, "")
    with pytest.raises(NotFound):
        world.documents.get(f"ach/{RUN_ID}.ach")
    assert not world.records.letters
    empty = World()
    assert empty.run().plan_ids == ()


def test_a_long_partner_id_still_fits_the_file():
    world = World([partner("P-WITH-A-VERY-LONG-NAME")])
    world.service("INV-1", 100, "P-WITH-A-VERY-LONG-NAME")
    world.run()
    (line,) = ach.read(world.documents.get(f"ach/{RUN_ID}.ach")).entries
    assert len(line.credit.identification) == 12


@pytest.mark.parametrize(
    "change",
    [
        lambda world, paid, debt: process.pause_deduction(
            world.records, deduction_id=debt.id, paused=True, by="ana", at=AT
        ),
        lambda world, paid, debt: replace_item(world, paid, state=PayableState.PAID),
    ],
    ids=["deduction paused", "payable taken"],
)
def test_what_changed_after_the_approval_waits_for_the_next_run(change):
    world = World([partner("P-A"), partner("P-B")])
    paid = world.service("INV-1", 100)
    world.service("INV-2", 50, "P-B")
    debt = world.offset("OFF-1", 10)
    run = world.prepare()
    world.approve(run)
    change(world, paid, debt)
    world.finish()
    states = {plan.partner_id: plan.state for plan in plans(world, run)}
    assert states == {"P-A": PlanState.STALE, "P-B": PlanState.COMMITTED}
    lines = ach.read(world.documents.get(f"ach/{RUN_ID}.ach")).entries
    assert [one.credit.identification for one in lines] == ["P-B"]
    assert books(world)["ach_in_transit"] == -50


def replace_item(world, item, **changes):
    stored = world.records.load(type(item), item.id)
    changed = stored.replaced_by(replace(stored.record, **changes))
    world.records.commit(Change(saves=(changed,)))


def test_a_change_in_the_middle_of_a_long_commit_lets_go_what_was_taken():
    world = World()
    items = [world.service(f"INV-{number}", 100) for number in range(100)]
    run = world.prepare()
    world.approve(run)
    world.fuse(1)
    with pytest.raises(Killed):
        process.commit(world.records, run_id=run.id, at=AT)
    world.fuse(-1)
    open_item = next(
        one for one in items if world.records.load(Payable, one.id).record.state == "open"
    )
    replace_item(world, open_item, hold="manual_review")
    for writes in (1, 2, -1):
        world.fuse(writes)
        with contextlib.suppress(Killed):
            process.commit(world.records, run_id=run.id, at=AT)
    assert plans(world, run)[0].state is PlanState.STALE
    assert len(world.records.find(Payable, by="state", value="open")) == 100
    assert "ach_in_transit" not in books(world)
    later = datetime(2026, 12, 7, 7, 31, tzinfo=UTC)
    assert world.run(cutoff=later, at=later).net == Money(99_00)


@pytest.mark.rule("D01")
@pytest.mark.parametrize(
    "change",
    [
        lambda world: replace_item(world, project("PRJ-1"), compliance_case_open=True),
        lambda world: replace_item(world, project("PRJ-1"), cancelled=True),
        lambda world: replace_item(world, partner(), bank_account_blocked=True),
        lambda world: replace_item(world, partner(), bank_details_version=2),
        lambda world: world.records.commit(Change(saves=(Save(waiting()),))),
    ],
    ids=["compliance case", "cancelled", "account blocked", "new bank details", "Direct Pay"],
)
def test_what_holds_money_after_the_approval_keeps_the_partner_out(change):
    world = World([partner("P-A"), partner("P-B")])
    world.m1("PRJ-1")
    world.service("INV-2", 75_50, "P-B")
    run = world.prepare()
    world.approve(run)
    change(world)
    process.commit(world.records, run_id=run.id, at=AT)
    states = {plan.partner_id: plan.state for plan in plans(world, run)}
    assert states == {"P-A": PlanState.STALE, "P-B": PlanState.COMMITTED}
    assert [one.record.milestone for one in world.records.find(Payable, by="state", value="open")]


def waiting() -> DirectPay:
    return DirectPay("PRJ-1", "P-A", "V-1", is_enrolled=True, enrolled_at=REACHED)


def test_plans_that_are_not_the_approved_ones_stop_the_run():
    world = World()
    world.service("INV-1", 100)
    run = world.prepare()
    world.approve(run)
    replace_item(world, world.records.load(FundingRun, run.id).record, plans_hash="0")
    with pytest.raises(BrokenInvariant, match="not the ones that were approved"):
        process.commit(world.records, run_id=run.id, at=AT)


def test_a_file_that_does_not_agree_with_the_books_is_not_written():
    world = World()
    world.service("INV-1", 100)
    run = world.prepare()
    world.approve(run)
    process.commit(world.records, run_id=run.id, at=AT)
    entry = world.records.load(LedgerEntry, payment_entry_id(run.id, "P-A")).record
    tampered = (Posting("partner_payable", Money(101)), Posting("ach_in_transit", Money(-101)))
    replace_item(world, entry, postings=tampered)
    with pytest.raises(BrokenInvariant, match="do not agree"):
        world.finish()
    with pytest.raises(NotFound):
        world.documents.get(f"ach/{RUN_ID}.ach")


# --- after the file ----------------------------------------------------------------------------


def settled_world() -> World:
    world = busy_world()
    world.run()
    process.mark_sent(world.records, run_id=RUN_ID, by="tess", at=AT)
    return world


def test_settling_once_and_again():
    world = settled_world()
    for _ in range(2):
        run = process.settle(world.records, run_id=RUN_ID, at=PAID_AT)
        assert run.state is RunState.SETTLED
        assert process.mark_sent(world.records, run_id=RUN_ID, by="bank", at=AT) == run
    assert books(world)["bank_cash"] == -22_955_50
    assert "ach_in_transit" not in books(world)
    assert len(world.records.find(Payable, by="state", value="paid")) == 4


@pytest.mark.rule("D44")
@pytest.mark.parametrize(
    ("at", "settles"),
    [
        pytest.param(AT, False, id="the day before"),
        pytest.param(datetime(2026, 12, 3, 4, 59, tzinfo=UTC), False, id="a minute too early"),
        pytest.param(datetime(2026, 12, 3, 5, 0, tzinfo=UTC), True, id="the bank's midnight"),
    ],
)
def test_a_run_is_settled_on_its_funding_date_or_later(at, settles):
    answer = process.settle(settled_world().records, run_id=RUN_ID, at=at)
    assert (answer.state is RunState.SETTLED) if settles else (answer.code == "too_early")


@pytest.mark.parametrize("writes", range(1, 6))
def test_killed_while_settling(writes):
    world = settled_world()
    world.fuse(writes)
    for _ in range(2):
        try:
            process.settle(world.records, run_id=RUN_ID, at=PAID_AT)
            break
        except Killed:
            continue
    assert books(world)["bank_cash"] == -22_955_50
    assert len(world.records.find(Payable, by="state", value="paid")) == 4


class Unsealed:
    """A vault that hides nothing."""

    def seal(self, plain, *, context):
        return plain

    def open(self, sealed, *, context):
        return sealed


def test_every_record_survives_being_stored():
    world = settled_world()
    kinds = {}
    codec = Codec(Unsealed())
    for (kind, _), stored in world.records._records.items():
        kinds[kind] = stored.record
        assert codec.from_text(kind, codec.to_text(stored.record)) == stored.record
    assert {Deduction, FundingRun, LedgerEntry, LedgerHead, Payable, PaymentTrace, RunPlan} <= set(
        kinds
    )


@pytest.mark.rule("D04")
def test_a_payment_that_came_back_is_payable_again_and_held():
    world = settled_world()
    for expected in ("new_bank_authorization_required", "duplicate_ignored"):
        verdict = process.return_payment(
            world.records, trace_number=TRACE_1, code="r03", at=AT + timedelta(days=1)
        )
        assert str(verdict.action) == expected
    process.settle(world.records, run_id=RUN_ID, at=PAID_AT + timedelta(days=2))
    balance = books(world)
    assert (balance["partner_payable"], balance["bank_cash"]) == (-22_880_00, -75_50)
    (again,) = world.records.find(Payable, by="state", value="open")
    assert (again.record.milestone, again.record.amount) == ("returned", Money(22_880_00))
    late = datetime(2026, 12, 7, 7, 31, tzinfo=UTC)
    blocked = world.records.load(Partner, "P-A").record
    assert blocked.bank_account_blocked
    world.partners[0] = blocked
    plan = plans(world, world.prepare(cutoff=late, at=late))[0]
    assert [one.held_for for one in plan.held] == [("bank_account_blocked",)]
    world.partners[0] = partner("P-A", account_number=Secret("77"), bank_details_version=2)
    assert world.run(cutoff=late, at=late).net == Money(22_880_00)


@pytest.mark.rule("D04")
def test_a_return_for_another_reason_waits_for_a_person():
    world = settled_world()
    process.return_payment(world.records, trace_number=TRACE_1, code="R06", at=AT)
    (again,) = world.records.find(Payable, by="state", value="open")
    assert again.record.hold == "manual_review"
    assert not world.records.load(Partner, "P-A").record.bank_account_blocked
    process.release_payable(world.records, payable_id=again.record.id, by="bob", at=AT)
    late = datetime(2026, 12, 7, 7, 31, tzinfo=UTC)
    assert world.run(cutoff=late, at=late).net == Money(22_880_00)


@pytest.mark.rule("D04")
def test_a_return_between_two_settlements_of_one_run_is_booked_where_the_money_is():
    """One partner is settled, the process dies, and that partner's payment comes back."""
    world = settled_world()
    world.fuse(1)
    with pytest.raises(Killed):
        process.settle(world.records, run_id=RUN_ID, at=PAID_AT)
    world.fuse(-1)
    process.return_payment(world.records, trace_number=TRACE_1, code="R03", at=AT)
    process.settle(world.records, run_id=RUN_ID, at=PAID_AT)
    balance = books(world)
    assert "ach_in_transit" not in balance
    assert (balance["partner_payable"], balance["bank_cash"]) == (-22_880_00, -75_50)


@pytest.mark.rule("D04")
def test_a_duplicate_entry_goes_to_suspense_after_settling():
    world = settled_world()
    process.settle(world.records, run_id=RUN_ID, at=PAID_AT)
    process.return_payment(world.records, trace_number=TRACE_1, code="R24", at=AT)
    balance = books(world)
    assert (balance["suspense_returns"], balance["bank_cash"]) == (-22_880_00, -75_50)
    assert not world.records.find(Payable, by="state", value="open")


@pytest.mark.rule("D04")
def test_a_notice_of_change_moves_no_money():
    world = settled_world()
    before = books(world)
    process.return_payment(world.records, trace_number=TRACE_1, code="C01", at=AT)
    assert books(world) == before
    assert [one.what for one in world.records.history(TRACE_1)] == ["change_notified"]
    with pytest.raises(NotFound, match="payment 123"):
        process.return_payment(world.records, trace_number="123", code="R03", at=AT)


# --- trace -------------------------------------------------------------------------------------


def test_a_line_of_the_file_is_walked_back_to_what_it_was_earned_with():
    world = busy_world()
    world.run()
    steps = process.trace(world.records, world.documents, trace_number=TRACE_1)
    said = {step.id: step for step in steps}
    assert steps[0].id == TRACE_1
    assert "$22,880.00 to PARTNER P-A, account ending 9012: line 3 of ach/" in steps[0].says
    assert steps[0].causes == (steps[1].id,)
    assert "$24,480.00 owed less $1,600.00 taken is $22,880.00" in steps[1].says
    assert {"PRJ-1", "INV-1", "WO-INV-1", "OFF-1", "CASE-OFF-1"} <= set(said)
    assert said["OFF-1"].causes == ("CASE-OFF-1",)
    amounts = [
        world.records.load(Payable, one).record.amount
        for one in steps[1].causes
        if world.records.load(Payable, one)
    ]
    assert total(amounts) == Money(24_480_00)


def test_a_trace_that_the_file_does_not_hold():
    world = busy_world()
    world.run()
    with pytest.raises(NotFound, match="trace number 1"):
        process.trace(world.records, world.documents, trace_number="1")
    line = world.records.load(PaymentTrace, TRACE_1).record
    replace_item(world, line, amount=Money(1))
    with pytest.raises(BrokenInvariant, match=r"does not hold \$0.01"):
        process.trace(world.records, world.documents, trace_number=TRACE_1)


@pytest.mark.rule("F03")
def test_a_run_that_is_late_is_prepared_anew_for_the_next_banking_day():
    world = World()
    world.service("INV-1", 100)
    run = world.prepare()
    friday = datetime(2026, 12, 4, 15, 0, tzinfo=UTC)
    assert world.approve(run, at=friday).code == "stale_preview"
    late = world.prepare(at=friday)
    assert (late.funding_date, late.date_source) == (date(2026, 12, 7), "late")
    world.approve(late, at=friday)
    filed = world.finish(at=friday)
    assert ach.read(world.documents.get(filed.file_reference)).effective_on == date(2026, 12, 7)


@pytest.mark.rule("F05")
@pytest.mark.parametrize(
    "wrong",
    [
        {"routing_number": ""},
        {"routing_number": "011401534"},
        {"account_number": Secret("")},
        {"account_number": Secret("12 34")},
        {"name": "\u6771\u4eac"},
    ],
    ids=["no bank", "check digit", "no account", "blank in it", "no letter"],
)
def test_a_partner_whom_no_file_can_name_is_held_and_stops_nobody(wrong):
    world = World([partner("P-A", **wrong), partner("P-B")])
    world.service("INV-1", 100)
    world.service("INV-2", 200, "P-B")
    run = world.prepare()
    (held,) = plans(world, run)[0].held
    assert held.held_for == ("bank_details_missing",)
    assert world.run().net == Money(200)


def test_an_account_that_turns_out_wrong_keeps_its_partner_out_and_stops_nobody():
    world = World([partner("P-A", account_number=Secret("12 3456")), partner("P-B")])
    world.service("INV-1", 100)
    world.service("INV-2", 200, "P-B")
    run = world.run()
    assert (run.net, run.left_out) == (Money(200), ("P-A",))


def test_ids_that_a_file_cannot_tell_apart_are_told_apart():
    world = World([partner("P-A"), partner("p-a", prenote=Prenote.DUE)])
    world.service("INV-1", 100)
    run = world.run()
    names = [
        one.credit.identification
        for reference in (run.file_reference, run.prenote_reference)
        for one in ach.read(world.documents.get(reference)).entries
    ]
    assert names[0] == "P-A"
    assert names[1] not in {"P-A", "p-a"}


def test_plans_that_were_changed_after_the_approval_stop_the_run():
    world = World()
    world.service("INV-1", 100)
    run = world.prepare()
    world.approve(run)
    (plan,) = plans(world, run)
    replace_item(world, plan, routing_number="021000021")
    with pytest.raises(BrokenInvariant, match="not the ones that were approved"):
        process.commit(world.records, run_id=run.id, at=AT)
