"""Back-bills: from the first invoice to the offset that a funding run took."""

from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from invoicing_world import (
    MONDAY,
    SUBMITTED,
    WORKED,
    Raced,
    approve,
    at,
    changed,
    done,
    draft,
    everything,
    find_cause,
    kept_records,
    offsets,
    partner,
    pay,
    send_back,
    submit,
    whats,
)

from cloud.invoicing import exposure, process
from cloud.invoicing.backbill import advance, claim_of
from cloud.invoicing.completeness import DraftLine
from cloud.invoicing.models import (
    BackBill,
    BackBillState,
    Notice,
    Offset,
    Outcome,
    Subject,
    WorkOrderSpend,
)
from cloud.kernel.change import Change, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, BrokenInvariant, Conflict, NotFound
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.portfolio.models import Partner, PartnerKind, RateCard
from cloud.service.models import Cause, OriginalOffer, WorkOrderState

DUE = at("2026-06-29T17:00")
"""Ten business days after Friday, 12 June 2026, a bank holiday between."""
AFTER = DUE + timedelta(seconds=1)


@pytest.fixture
def records():
    return kept_records()


def invoiced(records, order, cents=33_333, number="INV-1", lines=()):
    told = draft(order, cents, number, **({"lines": lines} if lines else {}))
    invoice = submit(records, told)
    approve(records, invoice)
    return invoice


def assess(records, when=SUBMITTED):
    return process.assess(records, work_order_id="WO-1", at=when)


def bill(records):
    return records.load(BackBill, derived("BB", "WO-1")).record


def wake(records, when):
    timer = Timer(f"{bill(records).id}:back_bill_due", bill(records).id, "back_bill_due", when)
    return process.wake(records, timer=timer, at=when)


def posted(records, cents=33_333):
    """Have an invoice paid, its cause found and the back-bill posted."""
    order = done(records)
    invoice = invoiced(records, order, cents)
    find_cause(records, order, Cause.WORKMANSHIP)
    pay(records, invoice)
    wake(records, AFTER)
    return invoice


# ---------------------------------------------------------------------- the whole way
@pytest.mark.rule("B-53")
@pytest.mark.rule("B-54")
@pytest.mark.rule("B-54a")
def test_a_back_bill_goes_its_way_and_is_posted_once(records):
    order = done(records)
    invoice = submit(records, draft(order, 33_333))
    assert (bill(records).state, bill(records).expected) == ("candidate", Money(40_000))
    approve(records, invoice)
    pay(records, invoice)
    assert (bill(records).state, bill(records).total) == (BackBillState.PENDING, Money(0))
    find_cause(records, order, Cause.WORKMANSHIP)
    told = assess(records)
    assert (told.state, told.partner_id, told.total) == ("notified", "orig", Money(40_000))
    assert (told.cost, told.markup, told.posted) == (Money(33_333), Money(6_667), Money(0))
    assert told.notices == (Notice(Money(40_000), SUBMITTED, DUE),)
    assert offsets(records) == []
    assert records.timers[f"{told.id}:back_bill_due"].due_at == AFTER
    (notice,) = [one for one in records.letters.values() if one.subject.endswith("notice")]
    assert notice.to == "service@orig.example"
    assert "Monday, June 29, 2026 at 5:00 PM EDT" in notice.text
    wake(records, DUE)
    assert offsets(records) == []
    wake(records, AFTER)
    assert (bill(records).state, bill(records).posted) == ("posted", Money(40_000))
    handed = Offset(derived("OFF", told.id, 1), Money(40_000), AFTER)
    assert (bill(records).revision, bill(records).offsets) == (1, (handed,))
    (offset,) = [one for one in records.messages.values() if one.topic == "offset"]
    assert offset.body == {
        "offset_id": offset.id,
        "partner_id": "orig",
        "amount_cents": 40_000,
        "kind": "back_bill",
        "incurred_on": "2026-06-29",
        "says": "workmanship on work order WO-1: $333.33 paid, $66.67 markup",
        "causes": ["WO-1", "CASE-1", invoice.id],
    }
    before = everything(records)
    wake(records, AFTER + timedelta(days=9))
    assess(records, AFTER + timedelta(days=10))
    assert everything(records) == before
    assert whats(records, bill(records).id) == [
        "back_bill_candidate",
        "back_bill_pending",
        "back_bill_notified",
        "back_bill_told",
        "back_bill_posted",
        "back_billed",
    ]


@pytest.mark.rule("B-53")
def test_both_keys_before_the_money_is_confirmed_and_notified_when_it_is_paid(records):
    order = done(records)
    find_cause(records, order, Cause.WORKMANSHIP)
    invoice = invoiced(records, order)
    assert bill(records).state is BackBillState.CONFIRMED
    assert records.timers == {}
    pay(records, invoice)
    assert bill(records).state is BackBillState.NOTIFIED


@pytest.mark.rule("B-53")
@pytest.mark.parametrize(
    ("by", "offer", "cause"),
    [
        pytest.param("orig", OriginalOffer.ACCEPTED, Cause.UNDETERMINED, id="did it itself"),
        pytest.param("other", OriginalOffer.NOT_OFFERED, Cause.WORKMANSHIP, id="never asked"),
        pytest.param("other", OriginalOffer.ACCEPTED, Cause.WORKMANSHIP, id="had accepted"),
        pytest.param("other", OriginalOffer.DECLINED, Cause.PRODUCT_FAILURE, id="not its fault"),
    ],
)
def test_without_both_keys_nothing_is_claimed(records, by, offer, cause):
    order = done(records, by=by, original_offer=offer, cause=cause)
    invoice = submit(records, draft(order, 20_000), who=by)
    approve(records, invoice)
    pay(records, invoice)
    assert assess(records) is None
    assert records.find(BackBill, by="partner_id", value="orig") == ()


@pytest.mark.rule("B-53")
def test_exposure_that_comes_to_nothing_is_dropped(records):
    order = done(records)
    invoice = invoiced(records, order)
    find_cause(records, order, Cause.PRODUCT_FAILURE)
    assert assess(records).state is BackBillState.DROPPED
    pay(records, invoice)
    assert offsets(records) == []


@pytest.mark.rule("B-54")
def test_later_costs_post_the_difference_after_a_term_of_their_own(records):
    posted(records)
    order_invoice = invoiced_later(records)
    pay(records, order_invoice, run="run-2", when=AFTER)
    assert (bill(records).state, bill(records).total) == ("notified", Money(41_200))
    due = bill(records).notices[-1].due_at
    assert due == at("2026-07-14T17:00")
    wake(records, due)
    assert offsets(records) == [40_000]
    wake(records, due + timedelta(microseconds=1))
    assert offsets(records) == [40_000, 1_200]
    assert bill(records).state is BackBillState.POSTED


def invoiced_later(records, cents=1_000):
    from cloud.service.models import WorkOrder

    order = records.load(WorkOrder, "WO-1").record
    return invoiced(records, order, cents, "INV-2")


@pytest.mark.rule("B-54")
def test_the_markup_is_taken_once_on_the_total(records):
    order = done(records, cause=Cause.WORKMANSHIP)
    # Each alone comes to 2.4 cents of markup, two would round to 4: together they are 5.
    first, second = (invoiced(records, order, 12, name) for name in ("INV-1", "INV-2"))
    pay(records, first)
    assert bill(records).markup == Money(2)
    pay(records, second)
    assert (bill(records).cost, bill(records).markup) == (Money(24), Money(5))


@pytest.mark.rule("B-54a")
def test_two_rises_are_posted_each_in_its_time(records):
    order = done(records, cause=Cause.WORKMANSHIP)
    first = invoiced(records, order, 10_000)
    pay(records, first)
    second = invoiced_later(records, 5_000)
    pay(records, second, when=at("2026-06-15T10:00"))
    assert [one.total for one in bill(records).notices] == [Money(12_000), Money(18_000)]
    wake(records, AFTER)
    assert (offsets(records), bill(records).state) == ([12_000], "notified")
    assert records.timers[f"{bill(records).id}:back_bill_due"].due_at == at("2026-06-30T17:00:01")
    wake(records, at("2026-06-30T17:00:01"))
    assert (offsets(records), bill(records).state) == ([12_000, 6_000], "posted")
    assert f"{bill(records).id}:back_bill_due" not in records.timers


@pytest.mark.rule("B-54a")
def test_a_rise_that_falls_away_again_leaves_the_first_term_as_it_was(records):
    order = done(records, cause=Cause.WORKMANSHIP)
    pay(records, invoiced(records, order, 10_000))
    second = invoiced_later(records, 5_000)
    pay(records, second, when=at("2026-06-15T10:00"))
    process.record_line_causes(
        records,
        invoice_id=second.id,
        causes={0: Cause.PRODUCT_FAILURE},
        evidence="label.jpg",
        by="spc_1",
        at=at("2026-06-16T10:00"),
    )
    assert bill(records).notices == (Notice(Money(12_000), SUBMITTED, DUE),)


@pytest.mark.rule("B-54a")
def test_what_changes_at_the_very_instant_leaves_the_posting_to_its_timer(records):
    order = done(records, cause=Cause.WORKMANSHIP)
    pay(records, invoiced(records, order, 10_000))
    later = invoiced_later(records, 5_000)
    pay(records, later, when=DUE)
    assert offsets(records) == []
    assert records.timers[f"{bill(records).id}:back_bill_due"].due_at == AFTER


@pytest.mark.rule("B-54")
def test_what_came_back_from_the_bank_is_given_back(records):
    invoice = posted(records)
    send_back(records, invoice, when=AFTER)
    assert offsets(records) == [40_000, -40_000]
    assert (bill(records).state, bill(records).credited) == ("confirmed", Money(40_000))
    (letter,) = [one for one in records.letters.values() if one.subject.endswith("given back")]
    assert "$400.00 is given back" in letter.text
    pay(records, invoice, run="run-2", when=AFTER)
    assert offsets(records) == [40_000, -40_000]
    wake(records, bill(records).notices[-1].due_at + timedelta(seconds=1))
    assert offsets(records) == [40_000, -40_000, 40_000]


@pytest.mark.rule("B-54")
def test_a_finding_that_is_corrected_gives_back_what_was_posted(records):
    posted(records)
    from cloud.service.models import WorkOrder

    find_cause(records, records.load(WorkOrder, "WO-1").record, Cause.PRODUCT_FAILURE)
    assert assess(records, AFTER).state is BackBillState.CREDITED
    assert offsets(records) == [40_000, -40_000]
    assert (bill(records).posted, bill(records).total) == (Money(0), Money(0))


@pytest.mark.rule("B-54")
def test_a_void_invoice_takes_its_claim_with_it(records):
    order = done(records, cause=Cause.WORKMANSHIP)
    invoice = invoiced(records, order)
    process.request_void(records, invoice_id=invoice.id, reason="twice", by="fin", at=SUBMITTED)
    process.record_void(records, invoice_id=invoice.id, is_withdrawn=True, at=SUBMITTED)
    assert bill(records).state is BackBillState.DROPPED


@pytest.mark.rule("B-52")
@pytest.mark.rule("B-54")
def test_only_lines_of_workmanship_are_claimed(records):
    order = done(records, cause=Cause.WORKMANSHIP)
    lines = (
        DraftLine("labor", "tightened it", 10_000, WORKED),
        DraftLine("materials", "a module", 5_000, WORKED),
    )
    invoice = invoiced(records, order, 15_000, lines=lines)
    pay(records, invoice)
    assert bill(records).total == Money(18_000)
    process.record_line_causes(
        records,
        invoice_id=invoice.id,
        causes={1: Cause.PRODUCT_FAILURE},
        evidence="label.jpg",
        by="spc_1",
        at=SUBMITTED,
    )
    assert bill(records).total == Money(12_000)
    # Who was told of more was told of less: the term goes on.
    assert [(one.total, one.due_at) for one in bill(records).notices] == [(Money(12_000), DUE)]
    wake(records, AFTER)
    assert offsets(records) == [12_000]


@pytest.mark.rule("B-54")
def test_a_line_of_workmanship_is_claimed_whatever_the_work_order_s_cause(records):
    order = done(records, cause=Cause.PRODUCT_FAILURE)
    invoice = invoiced(records, order, 10_000)
    pay(records, invoice)
    assert assess(records) is None
    process.record_line_causes(
        records,
        invoice_id=invoice.id,
        causes={0: Cause.WORKMANSHIP},
        evidence="a.jpg",
        by="spc_1",
        at=SUBMITTED,
    )
    assert bill(records).state is BackBillState.NOTIFIED


@pytest.mark.rule("B-53")
def test_something_of_it_paid_is_pending_and_not_a_candidate(records):
    order = done(records)
    pay(records, invoiced(records, order, 10_000))
    submit(records, draft(order, 5_000, "INV-2"))
    assert (bill(records).state, bill(records).expected) == ("pending", Money(18_000))


@pytest.mark.rule("X-86")
def test_what_a_dispute_took_off_may_be_more_than_what_is_left(records):
    order = done(records, cause=Cause.WORKMANSHIP)
    first, second = (invoiced(records, order, 10_000, name) for name in ("INV-1", "INV-2"))
    pay(records, first)
    pay(records, second)
    held = process.open_dispute(
        records,
        kind=Subject.BACK_BILL,
        work_order_id="WO-1",
        partner_id="orig",
        says="no",
        at=SUBMITTED,
        by="orig:jo",
    )
    process.resolve_dispute(
        records,
        dispute_id=held.id,
        outcome=Outcome.PARTIAL,
        partial=Money(1),
        reason="seen",
        roles={"spc"},
        at=SUBMITTED,
        by="spc_1",
    )
    assert bill(records).waived == Money(23_999)
    send_back(records, second)
    assert (bill(records).state, bill(records).total) == (BackBillState.DROPPED, Money(0))


# ---------------------------------------------------------------------- taken by the runs
def taken(records, offset_id, cents, run="run-9"):
    return process.record_offset_taken(
        records,
        work_order_id="WO-1",
        offset_id=offset_id,
        run_id=run,
        amount=Money(cents),
        at=AFTER,
    )


@pytest.mark.rule("B-54")
def test_a_back_bill_is_settled_when_all_of_it_is_taken(records):
    posted(records)
    (offset,) = bill(records).offsets
    assert taken(records, offset.id, 39_999).state is BackBillState.POSTED
    before = everything(records)
    taken(records, offset.id, 39_999)
    assert everything(records) == before
    assert taken(records, offset.id, 1, run="run-10").state is BackBillState.SETTLED
    pay(records, invoiced_later(records), run="run-11", when=AFTER)
    assert bill(records).state is BackBillState.NOTIFIED


@pytest.mark.rule("B-54")
def test_what_no_back_bill_raised_is_not_settled_here(records):
    assert taken(records, "OFF-BY-HAND", 1) is None
    posted(records)
    with pytest.raises(BrokenInvariant, match="no offset OFF-BY-HAND"):
        taken(records, "OFF-BY-HAND", 1)


# ---------------------------------------------------------------------- races
@pytest.mark.rule("B-54")
def test_two_payments_at_once_both_count(records):
    order = done(records, cause=Cause.WORKMANSHIP)
    first, second = (invoiced(records, order, 10_000, name) for name in ("INV-1", "INV-2"))
    pay(Raced(records, lambda: pay(records, second)), first)
    assert bill(records).total == Money(24_000)


@pytest.mark.rule("B-54")
def test_whoever_always_loses_the_race_says_so(records):
    invoice = invoiced(records, done(records))

    class Losing(Raced):
        def commit(self, change):
            msg = "somebody else was faster"
            raise Conflict(msg)

    with pytest.raises(Conflict, match="faster"):
        pay(Losing(records, lambda: None), invoice)


@pytest.mark.rule("B-53")
def test_a_finding_that_comes_while_a_payment_is_recorded_is_seen(records):
    order = done(records)
    invoice = invoiced(records, order)
    raced = Raced(records, lambda: find_cause(records, order, Cause.WORKMANSHIP))
    pay(raced, invoice)
    assert bill(records).state is BackBillState.NOTIFIED


@pytest.mark.rule("B-54a")
def test_two_wakings_at_once_post_once(records):
    order = done(records, cause=Cause.WORKMANSHIP)
    pay(records, invoiced(records, order))
    wake(Raced(records, lambda: wake(records, AFTER)), AFTER)
    assert offsets(records) == [40_000]


@pytest.mark.rule("T-91")
def test_a_work_order_that_is_not_there_is_not_assessed(records):
    with pytest.raises(NotFound):
        assess(records)


# ---------------------------------------------------------------------- in-house technicians
RATES = RateCard(per_hour=Money(9_000), per_km=Money(67))


def cost(records, minutes=120, km=10, when=SUBMITTED):
    return process.record_internal_cost(
        records,
        work_order_id="WO-1",
        minutes=minutes,
        distance_km=km,
        by="ams",
        at=when,
    )


@pytest.mark.rule("B-54")
def test_work_of_our_own_is_claimed_back_by_the_rate_card(records):
    records.commit(
        Change(saves=(Save(replace(partner("house"), kind=PartnerKind.IN_HOUSE, rate_card=RATES)),))
    )
    order = done(records, by="house", cause=Cause.WORKMANSHIP)
    noted = cost(records)
    assert noted.amount == Money(18_670)
    claim = claim_of(order, records.load(WorkOrderSpend, "WO-1").record, ())
    assert (claim.is_confirmed, claim.is_paid, claim.sources) == (True, True, (noted.id,))
    assert (bill(records).state, bill(records).total) == ("notified", Money(22_404))
    before = everything(records)
    cost(records, when=AFTER)
    assert everything(records) == before
    cost(records, km=0)
    assert bill(records).total == Money(21_600)
    assert records.load(WorkOrderSpend, "WO-1").record.internal.distance_km == 0


@pytest.mark.rule("B-51")
def test_who_built_it_with_its_own_people_claims_nothing_from_itself(records):
    alone = replace(partner("orig"), kind=PartnerKind.IN_HOUSE, rate_card=RATES)
    stored = records.load(Partner, "orig")
    records.commit(Change(saves=(stored.replaced_by(alone),)))
    order = done(records, by="orig", cause=Cause.WORKMANSHIP, original_offer="declined")
    assert cost(records).partner_id == "orig"
    claim = claim_of(order, records.load(WorkOrderSpend, "WO-1").record, ())
    assert not claim.is_any
    assert records.find(BackBill, by="partner_id", value="orig") == ()


@pytest.mark.rule("B-54")
def test_work_that_is_not_done_or_not_our_own_is_not_costed(records):
    order = done(records, state=WorkOrderState.SCHEDULED)
    assert isinstance(cost(records), Refused)
    changed(records, order, state=WorkOrderState.COMPLETED)
    with pytest.raises(BadInput, match="no such price"):
        cost(records)


# ---------------------------------------------------------------------- exposure
@pytest.mark.rule("B-53")
def test_exposure_is_told_for_any_day(records):
    order = done(records)
    days = [MONDAY + timedelta(days=day) for day in range(7)]
    invoice = submit(records, draft(order, 33_333), when=days[1])
    approve(records, invoice, when=days[1])
    pay(records, invoice, when=days[2])
    find_cause(records, order, Cause.WORKMANSHIP)
    assess(records, days[3])
    wake(records, AFTER)
    send_back(records, invoice, when=AFTER + timedelta(days=1))
    bills = [bill(records)]

    def told(when):
        found = exposure.exposure(bills, as_of=when).get("orig")
        return found and {
            name: getattr(found, name).cents
            for name in ("candidate", "pending", "confirmed", "disputed", "posted", "credited")
            if getattr(found, name)
        }

    assert told(days[1] - timedelta(microseconds=1)) is None
    assert told(days[1]) == {"candidate": 40_000}
    assert told(days[2]) == {"pending": 40_000}
    assert told(days[3]) == {"confirmed": 40_000}
    assert told(AFTER) == {"posted": 40_000}
    assert told(AFTER + timedelta(days=1)) == {"confirmed": 40_000, "credited": 40_000}


@pytest.mark.rule("B-53")
def test_exposure_is_summed_by_partner():
    from cloud.invoicing.models import Standing

    def one(name, who, state, **cents):
        amounts = {
            key: Money(cents.get(key, 0)) for key in ("expected", "total", "posted", "credited")
        }
        standing = Standing(MONDAY, BackBillState(state), **amounts)
        return BackBill(name, f"WO-{name}", who, standing.state, standings=(standing,))

    found = exposure.exposure(
        [
            one("1", "b", "disputed", expected=900, total=500, posted=200),
            one("2", "a", "candidate", expected=100),
            one("3", "b", "notified", expected=900, total=70, posted=30),
            one("4", "b", "settled", expected=900, total=80, posted=80, credited=5),
            one("5", "b", "disputed", expected=900, total=0, posted=200),
        ],
        as_of=MONDAY,
    )
    assert list(found) == ["a", "b"]
    assert found["a"] == exposure.Exposure(candidate=Money(100))
    assert found["b"] == exposure.Exposure(
        confirmed=Money(40), disputed=Money(300), posted=Money(510), credited=Money(5)
    )


# ---------------------------------------------------------------------- the rule itself
@pytest.mark.rule("B-54a")
@pytest.mark.parametrize(
    ("now", "posts"),
    [
        pytest.param(DUE - timedelta(microseconds=1), 0, id="just before"),
        pytest.param(DUE, 0, id="at that very instant"),
        pytest.param(DUE + timedelta(microseconds=1), 40_000, id="just after"),
    ],
)
def test_at_the_instant_that_it_is_due_it_can_still_be_disputed(records, now, posts):
    order = done(records, cause=Cause.WORKMANSHIP)
    invoice = pay(records, invoiced(records, order))
    claim = claim_of(order, WorkOrderSpend("WO-1"), [invoice])
    moved = advance(bill(records), claim, now=now, due_at=now)
    assert (moved.offset, moved.notice) == (Money(posts), None)


@pytest.mark.rule("B-54a")
def test_a_held_bill_moves_in_neither_direction(records):
    order = done(records, cause=Cause.WORKMANSHIP)
    invoice = invoiced(records, order)
    claim = claim_of(order, WorkOrderSpend("WO-1"), [invoice])
    held = replace(
        bill(records),
        held_by=("DSP-1",),
        posted=Money(5),
        offsets=(Offset("OFF-1", Money(5), MONDAY.astimezone(UTC)),),
    )
    moved = advance(held, claim, now=AFTER, due_at=AFTER)
    assert (moved.offset, moved.notice, moved.bill.state) == (Money(0), None, "disputed")
    free = advance(replace(held, held_by=()), claim, now=AFTER, due_at=AFTER)
    assert free.offset == Money(-5)
