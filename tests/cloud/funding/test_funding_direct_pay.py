"""Direct Pay: who takes part, what vendors are told, and when money waits for an invoice."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest
from direct_pay_world import CED, START, Deal, days, et
from funding_world import AT, Killed, project

from cloud.adapters.memory import MemoryRecords
from cloud.funding import process
from cloud.funding.books import problems_of
from cloud.funding.direct_pay import DirectPay, Vendor, invoice_id
from cloud.funding.models import DeductionState, LedgerEntry, RunPlan
from cloud.funding.process import direct_pay
from cloud.funding.process.booking import ATTEMPTS
from cloud.funding.process.equipment import APPROVE_DUE, SUBMIT_DUE
from cloud.funding.process.verifying import partner_books
from cloud.kernel.change import Change, Timer
from cloud.kernel.errors import BadInput, Conflict, NotFound
from cloud.kernel.money import ZERO, Money
from cloud.portfolio.models import Milestone, Partner, Project

SHIPPED = et("2026-10-20T12:00")
OTHER = Vendor("V-2", "Other Dealer", "office@other.example")


def agrees(deal):
    assert problems_of(partner_books(deal.records, "P-A")) == ()


def held(deal):
    """Why each payable of the next run waits, by milestone."""
    run = deal.prepare()
    plans = [deal.records.load(RunPlan, one).record for one in run.plan_ids]
    return {one.milestone: one.held_for for plan in plans for one in (*plan.payables, *plan.held)}


# --- organisations -----------------------------------------------------------------------------


@pytest.mark.rule("F30")
def test_a_new_project_starts_as_its_organisation_stands():
    for is_enrolled in (True, False):
        deal = Deal(is_enrolled=is_enrolled)
        assert deal.direct.is_enrolled is is_enrolled
        assert not deal.records.letters
        again = direct_pay.enrol_new_project(deal.records, project_id="J-1", at=AT)
        assert again == deal.direct
        assert again.enrolled_at == START


@pytest.mark.rule("F30")
@pytest.mark.rule("F34")
def test_an_organisation_joins_changes_and_leaves_for_its_future_projects_only():
    deal = Deal(is_enrolled=False)
    direct_pay.put_vendor(deal.records, vendor=OTHER, at=START, by="ana")

    def enrol(vendor, at):
        return direct_pay.enrol_organisation(
            deal.records, partner_id="P-A", vendor_id=vendor.id, at=at, by="client-a"
        )

    assert enrol(CED, START).direct_pay_vendor_id == "V-1"
    enrol(CED, START + days(1))
    assert [one.to for one in deal.records.letters.values()] == [CED.email]
    enrol(OTHER, START + days(2))
    told = [(one.to, "do not take part" in one.text) for one in deal.records.letters.values()]
    assert told == [(CED.email, False), (CED.email, True), (OTHER.email, False)]
    assert not deal.direct.is_enrolled
    deal.add_project(replace(project("J-2"), reached=()))
    started = direct_pay.enrol_new_project(deal.records, project_id="J-2", at=START + days(2))
    assert (started.is_enrolled, started.vendor_id) == (True, "V-2")
    left = direct_pay.leave_organisation(
        deal.records, partner_id="P-A", at=START + days(3), by="client-a"
    )
    assert left.direct_pay_vendor_id == ""
    assert deal.records.load(DirectPay, "J-2").record.is_enrolled
    direct_pay.leave_organisation(deal.records, partner_id="P-A", at=START + days(4), by="c")
    assert len(deal.records.letters) == 4


def test_an_organisation_joins_only_a_vendor_that_is_there():
    deal = Deal(is_enrolled=False)
    with pytest.raises(NotFound, match="vendor V-9"):
        direct_pay.enrol_organisation(
            deal.records, partner_id="P-A", vendor_id="V-9", at=START, by="c"
        )
    gone = replace(CED, is_active=False)
    direct_pay.put_vendor(deal.records, vendor=gone, at=START, by="ana")
    refused = direct_pay.enrol_organisation(
        deal.records, partner_id="P-A", vendor_id="V-1", at=START, by="c"
    )
    assert refused.code == "vendor_inactive"
    assert deal.records.load(Partner, "P-A").record.direct_pay_vendor_id == ""
    with pytest.raises(BadInput, match="notices would be lost"):
        Vendor("V-3", "Nobody", "nowhere")


# --- a project's choice ------------------------------------------------------------------------


@pytest.mark.rule("F34")
def test_the_vendor_is_told_once_for_each_real_change_and_whom_it_bills():
    deal = Deal()
    assert deal.choose("in", START).told == 0
    for place, (what, bills) in enumerate(
        [("out", "bill Partner P-A"), ("in", "bill us"), ("out", "bill Partner P-A")], 1
    ):
        at = START + days(place)
        changed = deal.choose(what, at)
        assert changed.told == place
        assert deal.choose(what, at + timedelta(hours=1)) == changed
        assert len(deal.records.letters) == place
        letter = list(deal.records.letters.values())[-1]
        assert letter.to == "orders@vendor.example"
        assert bills in letter.text
        assert f"notice {place} " in letter.text


@pytest.mark.rule("F33")
@pytest.mark.parametrize("what", ["in", "out"])
@pytest.mark.parametrize(
    ("after", "is_refused"),
    [
        pytest.param(timedelta(microseconds=-1), False, id="just before"),
        pytest.param(timedelta(0), True, id="at the instant of shipment"),
        pytest.param(timedelta(seconds=1), True, id="after"),
    ],
)
def test_a_choice_is_open_until_the_vendor_ships(what, after, is_refused):
    deal = Deal()
    if what == "in":
        deal.choose("out", START)
    if not is_refused:
        deal.choose(what, SHIPPED + after)
    deal.ship(SHIPPED)
    if is_refused:
        refused = deal.choose(what, SHIPPED + after)
        assert (refused.rule, refused.code) == ("F33", "already_shipped")
    assert deal.direct.is_enrolled is ((what == "in") is not is_refused)


@pytest.mark.rule("F33")
def test_a_shipment_on_record_closes_the_choice_though_the_clocks_disagree():
    deal = Deal()
    deal.ship(SHIPPED)
    assert deal.choose("out", SHIPPED - timedelta(seconds=2)).code == "already_shipped"


class Racing(MemoryRecords):
    """A store in which something else happens just before a commit of Direct Pay."""

    meanwhile = None

    def commit(self, change: Change) -> None:
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            happens()
        super().commit(change)


@pytest.mark.rule("F33")
def test_of_a_shipment_and_a_choice_that_race_the_second_looks_again():
    deal = Deal()
    deal.records.__class__ = Racing
    deal.records.meanwhile = lambda: deal.ship(SHIPPED)
    refused = deal.choose("out", SHIPPED)
    assert refused.code == "already_shipped"
    assert deal.direct.is_enrolled
    assert not deal.records.letters

    deal = Deal()
    deal.records.__class__ = Racing
    deal.records.meanwhile = lambda: deal.choose("out", SHIPPED - days(1))
    shipped = deal.ship(SHIPPED)
    assert (shipped.is_enrolled, shipped.shipped_at) == (False, SHIPPED)


@pytest.mark.rule("F33")
def test_a_choice_on_a_stale_record_is_not_written():
    deal = Deal()
    stale = deal.records.load(DirectPay, "J-1")
    deal.ship(SHIPPED)
    left = replace(stale.record, is_enrolled=False)
    with pytest.raises(Conflict):
        deal.records.commit(Change(saves=(stale.replaced_by(left),)))


def test_who_never_gets_through_is_told_to_try_again():
    deal = Deal()
    deal.records.__class__ = Racing

    def touched(count=[0]):  # noqa: B006 - it counts over the calls
        count[0] += 1
        stored = deal.records.load(DirectPay, "J-1")
        MemoryRecords.commit(
            deal.records,
            Change(saves=(stored.replaced_by(replace(stored.record, order_number=str(count))),)),
        )
        if count[0] < ATTEMPTS:
            deal.records.meanwhile = touched

    deal.records.meanwhile = touched
    with pytest.raises(Conflict, match="try again"):
        deal.choose("out", START)


@pytest.mark.rule("D29")
def test_a_shipment_told_late_leaves_the_choice_and_is_pointed_out():
    deal = Deal()
    deal.choose("out", SHIPPED)
    shipped = deal.ship(SHIPPED - days(1), at=SHIPPED + days(1))
    assert not shipped.is_enrolled
    told = [one.what for one in deal.records.history("J-1")]
    assert told[-2:] == ["equipment_shipped", "shipment_crossed_choice"]
    assert deal.timer(SUBMIT_DUE) is None


def test_a_choice_of_anothers_project_or_a_cancelled_one():
    deal = Deal()
    with pytest.raises(NotFound, match="project J-1"):
        direct_pay.opt_out(deal.records, project_id="J-1", partner_id="P-B", at=START, by="x")
    deal.put(replace(deal.project, cancelled=True))
    assert deal.choose("out", START).code == "project_cancelled"
    assert deal.choose("in", START) == deal.direct


@pytest.mark.rule("F30")
def test_a_project_joins_only_through_its_organisation():
    deal = Deal(is_enrolled=False)
    assert deal.choose("out", START) == deal.direct
    assert deal.choose("in", START).code == "organisation_not_enrolled"
    direct_pay.enrol_organisation(
        deal.records, partner_id="P-A", vendor_id=CED.id, at=START, by="c"
    )
    assert deal.choose("in", START).vendor_id == CED.id
    deal.add_project(replace(project("J-OLD"), reached=()))
    asked = {"project_id": "J-OLD", "partner_id": "P-A", "at": START, "by": "c"}
    assert not direct_pay.opt_out(deal.records, **asked).is_enrolled
    assert deal.records.load(DirectPay, "J-OLD") is None
    assert direct_pay.opt_in(deal.records, **asked).is_enrolled


def test_joining_another_vendor_forgets_the_order_of_the_first():
    deal = Deal()
    direct_pay.put_vendor(deal.records, vendor=OTHER, at=START, by="ana")
    deal.order(START)
    deal.choose("out", START + days(1))
    direct_pay.enrol_organisation(
        deal.records, partner_id="P-A", vendor_id=OTHER.id, at=START, by="c"
    )
    joined = deal.choose("in", START + days(2))
    assert (joined.vendor_id, joined.ordered_at, joined.order_number) == ("V-2", None, "")
    with pytest.raises(NotFound):
        deal.ship(SHIPPED, vendor=CED.id)


# --- orders, shipments -------------------------------------------------------------------------


def test_orders_are_put_on_record_once():
    deal = Deal()
    ordered = deal.order(START)
    assert deal.order(START, at=START + days(1)) == ordered
    assert deal.order(START, number="O-2", at=START + days(1)).code == "order_recorded"
    assert deal.order(START + days(9), at=START).code == "order_recorded"
    outside = Deal(is_enrolled=False)
    with pytest.raises(NotFound):
        outside.order(START)
    deal.choose("out", START)
    assert Deal().order(START + days(1), at=START).code == "order_in_future"


@pytest.mark.rule("F19")
@pytest.mark.parametrize(
    ("ordered", "shipped", "at", "code"),
    [
        pytest.param(START, SHIPPED, SHIPPED, "", id="at once"),
        pytest.param(START, SHIPPED, SHIPPED + days(30), "", id="told a month later"),
        pytest.param(START, SHIPPED, SHIPPED - days(1), "shipment_in_future", id="in the future"),
        pytest.param(
            SHIPPED, SHIPPED - days(1), SHIPPED, "shipped_before_order", id="before the order"
        ),
        pytest.param(
            SHIPPED, et("2026-10-20T00:00"), SHIPPED, "", id="only the day is known, same day"
        ),
        pytest.param(None, SHIPPED, SHIPPED, "", id="the order was never told"),
        pytest.param(
            None, SHIPPED - days(367), SHIPPED, "shipment_too_old", id="another year than meant"
        ),
        pytest.param(
            None,
            datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
            SHIPPED,
            "shipment_too_old",
            id="the first instant that a computer can write",
        ),
        pytest.param(
            None,
            datetime.max.replace(tzinfo=timezone(-timedelta(hours=12))),
            SHIPPED,
            "shipment_in_future",
            id="the last",
        ),
    ],
)
def test_shipments_carry_the_vendors_date_and_ours(ordered, shipped, at, code):
    deal = Deal()
    if ordered is not None:
        deal.order(ordered)
    answer = deal.ship(shipped, at=at)
    if code:
        assert answer.code == code
        assert deal.direct.shipped_at is None
        return
    assert (answer.shipped_at, answer.shipment_recorded_at) == (shipped, at)
    assert deal.ship(shipped, at=at + days(1)) == answer
    assert deal.ship(shipped - timedelta(hours=30), at=at).code == "shipment_recorded"
    if ordered is None:
        assert deal.order(shipped + days(1), at=at + days(2)).code == "shipped_before_order"


# --- invoices ----------------------------------------------------------------------------------


@pytest.mark.rule("D28")
def test_a_number_stands_for_one_invoice():
    deal = Deal()
    deal.add_project(replace(project("J-2"), reached=()))
    direct_pay.enrol_new_project(deal.records, project_id="J-2", at=START)
    first = deal.bill("INV 1", 5_000_00, SHIPPED, final=False)
    assert deal.bill("  inv  1 ", 5_000_00, SHIPPED + days(1), final=False) == first
    assert deal.bill("INV 1", 5_000_01, SHIPPED).code == "invoice_number_used"
    assert deal.bill("INV 1", 5_000_00, SHIPPED, project_id="J-2").code == "invoice_number_used"
    assert not deal.direct.has_final_invoice
    final = deal.bill("INV 1", 5_000_00, SHIPPED + days(2), final=True)
    assert final.has_final_invoice
    assert [one.received_at for one in final.invoices] == [SHIPPED]
    assert deal.bill("INV 1", 5_000_00, SHIPPED, final=False).code == "invoice_number_used"
    assert direct_pay.vendor_payments(deal.records, "J-1") == Money(5_000_00)
    assert direct_pay.vendor_payments(deal.records, "J-2") == ZERO
    agrees(deal)


@pytest.mark.rule("F34")
def test_an_invoice_for_a_deal_outside_is_refused():
    deal = Deal()
    deal.choose("out", START)
    refused = deal.bill("1", 5_000_00, START)
    assert (refused.rule, refused.code) == ("F34", "not_enrolled")
    with pytest.raises(NotFound):
        deal.bill("1", 5_000_00, START, project_id="J-9")
    for number, cents in ((" ", 1), ("1", 0), ("1", -5)):
        with pytest.raises(BadInput, match="it needs both"):
            deal.bill(number, cents, START)


@pytest.mark.rule("D27")
def test_a_dozen_invoices_are_the_most_and_all_leave_together():
    deal = Deal()
    deal.reach(Milestone.M1, START)
    for number in range(12):
        deal.bill(f"N{number}", 100_00 + number, START, final=False)
    assert deal.bill("N12", 1, START).code == "too_many_invoices"
    deal.choose("out", START + days(1))  # the store of the tests takes ninety items at most
    assert direct_pay.vendor_payments(deal.records, "J-1") == ZERO
    assert {deal.deduction(f"N{number}").state for number in range(12)} == {DeductionState.CLOSED}
    letter = next(iter(deal.records.letters.values()))
    assert "N0, N1, N2" in letter.text
    agrees(deal)


@pytest.mark.rule("D28")
def test_a_voided_invoice_is_as_if_it_never_came():
    deal = Deal()
    deal.reach(Milestone.M1, START)
    deal.bill("1", 5_000_00, START)
    assert deal.void("1", START, because=" ").code == "reason_missing"
    with pytest.raises(NotFound, match="invoice 2"):
        deal.void("2", START)
    gone = deal.void("1", START + days(1))
    assert deal.void("1", START + days(2)) == gone
    assert gone.needs_invoice
    assert deal.deduction("1").open == ZERO
    assert deal.credit("1") is None
    assert deal.bill("1", 5_000_00, START + days(3)) == gone
    entries = deal.records.find(LedgerEntry, by="partner_id", value="P-A")
    cash = sum(
        posting.amount.cents
        for entry in entries
        for posting in entry.record.postings
        if posting.account in {"vendor_cash", "material_cost"}
    )
    assert cash == 0
    agrees(deal)


# --- what it does to money ---------------------------------------------------------------------

M1_AT = et("2026-12-01T10:00")


def with_m1(deal):
    deal.reach(Milestone.M1, M1_AT)
    process.accrue_milestone(deal.records, project=deal.project, milestone=Milestone.M1, at=M1_AT)
    return deal


@pytest.mark.rule("F31")
def test_money_waits_for_the_final_invoice_and_goes_by_itself():
    deal = with_m1(Deal())
    assert held(deal) == {"M1": ("invoice_needed",)}
    deal.bill("1", 5_000_00, M1_AT + timedelta(hours=1), final=False)
    assert held(deal) == {"M1": ("invoice_needed",)}
    deal.bill("2", 3_000_00, M1_AT + timedelta(hours=2))
    assert held(deal) == {"M1": ()}
    run = deal.run()
    assert run.net == Money(24_000_00 - 8_000_00)
    assert deal.deduction("1").recovered == Money(5_000_00)
    agrees(deal)


@pytest.mark.rule("F31")
def test_an_invoice_after_the_cut_off_frees_the_money_and_is_taken_from_it_at_once():
    """Else the run would find the money free, and the reduction of the next window."""
    deal = with_m1(Deal())
    deal.bill("1", 5_000_00, AT)
    assert deal.run(at=AT + timedelta(minutes=5)).net == Money(19_000_00)


@pytest.mark.rule("D29")
@pytest.mark.rule("F31")
def test_leaving_frees_the_money_at_once_and_takes_its_invoices_along():
    deal = with_m1(Deal())
    deal.bill("1", 5_000_00, M1_AT, final=False)
    assert deal.deduction("1").open == Money(5_000_00)
    deal.choose("out", M1_AT + timedelta(hours=1))
    assert deal.deduction("1").open == ZERO
    assert held(deal) == {"M1": ()}
    assert deal.run().net == Money(24_000_00)
    agrees(deal)


@pytest.mark.rule("D29")
def test_what_a_run_took_is_paid_back_when_the_deal_leaves():
    deal = with_m1(Deal())
    deal.bill("1", 5_000_00, M1_AT)
    deal.run()
    assert deal.deduction("1").recovered == Money(5_000_00)
    deal.choose("out", AT + days(1))
    credit = deal.credit("1")
    assert (credit.amount, credit.milestone, credit.project_id) == (
        Money(5_000_00),
        "credit",
        "J-1",
    )
    agrees(deal)
    later = deal.run(cutoff=et("2026-12-07T02:31"), at=et("2026-12-07T09:00"))
    assert later.net == Money(5_000_00)
    agrees(deal)


def test_another_invoice_after_joining_again_has_another_number():
    deal = with_m1(Deal())
    deal.bill("1", 5_000_00, M1_AT)
    deal.choose("out", M1_AT)
    back = deal.choose("in", M1_AT)
    assert back.needs_invoice
    assert deal.bill("1", 5_000_00, M1_AT) == back
    deal.bill("1b", 5_000_00, M1_AT)
    assert deal.deduction("1b").open == Money(5_000_00)
    agrees(deal)


# --- a cancellation ----------------------------------------------------------------------------


def cancelled(deal, at):
    """Cancel and settle, with what the vendor billed, in one change."""
    paid, closing = direct_pay.closing(deal.records, project_id="J-1", at=at)
    deal.put(replace(deal.project, cancelled=True, cancelled_at=at))
    deal.records.commit(closing)
    return paid


@pytest.mark.rule("F25")
def test_an_invoice_after_the_cancellation_was_settled_is_asked_for_by_itself():
    deal = Deal()
    deal.ship(SHIPPED)
    deal.bill("1", 5_000_00, SHIPPED)
    assert cancelled(deal, SHIPPED + days(2)) == Money(5_000_00)
    assert deal.timer(SUBMIT_DUE) is None
    deal.assess(SHIPPED + days(40))
    assert (deal.material("1"), deal.deduction("1")) == (None, None)
    deal.bill("2", 700_00, SHIPPED + days(3))
    assert deal.late("2").open == Money(700_00)
    deal.void("1", SHIPPED + days(4))
    assert (deal.credit("1").amount, deal.credit("1").project_id) == (Money(5_000_00), "")
    deal.void("2", SHIPPED + days(4))
    assert (deal.late("2").open, deal.credit("2")) == (ZERO, None)
    agrees(deal)
    assert not direct_pay.closing(deal.records, project_id="J-1", at=AT)[1]
    assert direct_pay.closing(deal.records, project_id="J-9", at=AT) == (ZERO, Change())
    assert direct_pay.vendor_payments(deal.records, "J-9") == ZERO


@pytest.mark.rule("F25")
def test_a_cancellation_that_races_an_invoice_looks_again():
    deal = Deal()
    _, closing = direct_pay.closing(deal.records, project_id="J-1", at=SHIPPED)
    deal.bill("1", 5_000_00, SHIPPED)
    with pytest.raises(Conflict):
        deal.records.commit(closing)


@pytest.mark.rule("F25")
def test_nothing_is_taken_of_what_a_cancellation_counts_meanwhile():
    """The cancellation comes between the look and the write: the look is taken again."""

    def settles(deal):
        direct_pay_closed = direct_pay.closing(deal.records, project_id="J-1", at=M1_AT)[1]
        MemoryRecords.commit(deal.records, direct_pay_closed)

    def cancels(deal):
        stored = deal.records.load(Project, "J-1")
        gone = replace(stored.record, cancelled=True)
        MemoryRecords.commit(deal.records, Change(saves=(stored.replaced_by(gone),)))

    for happens in (settles, cancels):
        deal = Deal()
        deal.bill("1", 5_000_00, START)
        deal.put(replace(deal.project, reached=((Milestone.M1, M1_AT),)))
        deal.records.__class__ = Racing
        deal.records.meanwhile = partial(happens, deal)
        direct_pay.net_equipment(deal.records, project=deal.project, at=M1_AT)
        assert deal.deduction("1") is None


@pytest.mark.rule("F25")
def test_what_was_taken_of_a_late_invoice_is_given_back_when_it_is_voided():
    deal = Deal()
    cancelled(deal, SHIPPED)
    deal.bill("1", 700_00, SHIPPED)
    deal.offset("X", -1_000_00)  # money of the partner's, not of this project
    run = deal.run()
    assert (run.net, deal.late("1").recovered) == (Money(300_00), Money(700_00))
    deal.void("1", AT)
    assert deal.credit("1").amount == Money(700_00)
    agrees(deal)


# --- killed anywhere ---------------------------------------------------------------------------


def story(deal):
    """Everything that happens to a deal, each step as it would be tried again."""
    deal.order(START)
    deal.bill("1", 5_000_00, START + days(1), final=False)
    deal.choose("out", START + days(2))
    deal.choose("in", START + days(3))
    deal.ship(SHIPPED)
    deal.bill("2", 4_000_00, SHIPPED + days(1), final=False)
    deal.bill("3", 3_000_00, SHIPPED + days(2))
    if deal.project.reached_at(Milestone.M1) is None:
        deal.put(replace(deal.project, reached=((Milestone.M1, SHIPPED + days(20)),)))
    direct_pay.net_equipment(deal.records, project=deal.project, at=SHIPPED + days(20))
    deal.assess(SHIPPED + days(20))
    deal.void("3", SHIPPED + days(21))


def state_of(deal):
    entries = deal.records.find(LedgerEntry, by="partner_id", value="P-A")
    return (
        deal.direct,
        [deal.deduction(one) for one in "123"],
        [deal.material(one) for one in "123"],
        sorted(entry.record.id for entry in entries),
        sorted(deal.records.letters),
    )


def test_killed_between_any_two_commits_and_begun_again():
    whole = Deal()
    story(whole)
    assert whole.material("2").open == Money(4_000_00)
    for writes in range(1, 30):
        deal = Deal()
        deal.fuse(writes)
        try:
            story(deal)
        except Killed:
            # What repeats is what was not answered: the choices are not taken back and forth.
            deal.fuse(-1)
            finished = deal.direct.told >= 2
            if finished:
                deal.choose = lambda *_: None
            story(deal)
        assert state_of(deal) == state_of(whole), writes
        agrees(deal)


@pytest.mark.parametrize("wakes", [SUBMIT_DUE, APPROVE_DUE])
def test_a_timer_of_somebody_elses_is_refused(wakes):
    deal = Deal()
    timer = Timer("T", "J-1", "accept_due", AT)
    with pytest.raises(BadInput, match="not about material"):
        direct_pay.wake(deal.records, timer=timer, at=AT)
    assert direct_pay.wake(deal.records, timer=replace(timer, wakes=wakes), at=AT).triggers == ()
    away = replace(timer, wakes=wakes, subject="J-9")
    assert direct_pay.wake(deal.records, timer=away, at=AT) is None
    assert wakes in direct_pay.WAKES
    assert invoice_id("V-1", "a b") == invoice_id("V-1", " A  B")
