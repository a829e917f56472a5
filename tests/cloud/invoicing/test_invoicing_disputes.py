"""Disagreeing about findings, back-bills, invoices, breaches and pauses."""

from datetime import timedelta

import pytest
from invoicing_world import (
    MONDAY,
    SUBMITTED,
    approve,
    at,
    changed,
    done,
    draft,
    everything,
    find_cause,
    kept_records,
    kept_upload,
    offer,
    offsets,
    pay,
    submit,
    whats,
)

from cloud.invoicing import disputes, process
from cloud.invoicing.models import (
    BackBill,
    BackBillState,
    Dispute,
    DisputeState,
    Invoice,
    InvoiceState,
    Outcome,
    Subject,
    WorkOrderSpend,
)
from cloud.kernel.change import Change, Save, Timer
from cloud.kernel.errors import NotFound
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.portfolio.organisation import RelationshipManager
from cloud.service.models import Cause, OriginalOffer, Pause, WorkOrder
from cloud.service.offer import AssignmentState
from cloud.service.sla import SlaMilestone
from cloud.service.uploads import UploadState

DUE = at("2026-06-29T17:00")
AFTER = DUE + timedelta(seconds=1)


@pytest.fixture
def records():
    return kept_records()


@pytest.fixture
def notified(records):
    """A back-bill of $400.00 whose term runs."""
    order = done(records, cause=Cause.WORKMANSHIP, cause_found_by="spc_1")
    invoice = submit(records, draft(order, 33_333))
    approve(records, invoice)
    pay(records, invoice)
    return records


def bill(records):
    return records.load(BackBill, derived("BB", "WO-1")).record


def wake(records, when):
    timer = Timer(f"{bill(records).id}:back_bill_due", bill(records).id, "back_bill_due", when)
    process.wake(records, timer=timer, at=when)


def dispute(records, kind=Subject.BACK_BILL, *, who="orig", when=SUBMITTED, **facts):
    told = {"says": "we were never called", "what": "", **facts}
    return process.open_dispute(
        records,
        kind=kind,
        work_order_id="WO-1",
        partner_id=who,
        at=when,
        by=f"{who}:jo",
        **told,
    )


def forward(records, one, to_level, *, who=None, when=SUBMITTED):
    return process.escalate_dispute(
        records, dispute_id=one.id, to_level=to_level, at=when, by="rm", partner_id=who
    )


def resolve(records, one, outcome, *, roles=("spc",), when=SUBMITTED, reason="seen", **facts):
    return process.resolve_dispute(
        records,
        dispute_id=one.id,
        outcome=outcome,
        reason=reason,
        roles=roles,
        at=when,
        by="spc_1",
        **facts,
    )


def withdraw(records, one, *, who="orig", when=SUBMITTED):
    return process.withdraw_dispute(
        records, dispute_id=one.id, partner_id=who, at=when, by=f"{who}:jo"
    )


# ---------------------------------------------------------------------- the hold
@pytest.mark.rule("X-85")
def test_a_dispute_in_time_holds_the_posting(notified):
    one = dispute(notified, when=DUE)
    assert (one.level, one.state) == ("spc", DisputeState.OPEN)
    assert (bill(notified).state, bill(notified).dispute_level) == ("disputed", "spc")
    assert not [name for name in notified.timers if "back_bill" in name]
    before = everything(notified)
    assert dispute(notified, when=AFTER) == one
    wake(notified, AFTER)
    assert everything(notified) == before
    assert offsets(notified) == []
    upheld = resolve(notified, one, Outcome.UPHELD, when=AFTER)
    assert (upheld.new_amount, upheld.credit) == (Money(40_000), Money(0))
    assert (bill(notified).state, offsets(notified)) == ("posted", [40_000])


@pytest.mark.rule("X-85")
def test_a_dispute_that_is_decided_early_leaves_the_term_as_it_was(notified):
    one = dispute(notified)
    resolve(notified, one, Outcome.UPHELD)
    assert withdraw(notified, one).code == "conflict"
    assert (bill(notified).state, offsets(notified)) == ("notified", [])
    assert notified.timers[f"{bill(notified).id}:back_bill_due"].due_at == AFTER


@pytest.mark.rule("X-85")
def test_a_dispute_that_comes_late_does_not_undo_what_was_due(notified):
    # Nobody woke the posting in time: it is due all the same.
    dispute(notified, when=AFTER)
    assert (bill(notified).state, offsets(notified)) == ("disputed", [40_000])


@pytest.mark.rule("X-85")
def test_withdrawing_releases_the_hold(notified):
    one = dispute(notified)
    with pytest.raises(NotFound):
        withdraw(notified, one, who="other")
    wake(notified, AFTER)
    gone = withdraw(notified, one, when=AFTER)
    assert (gone.state, offsets(notified)) == (DisputeState.WITHDRAWN, [40_000])
    before = everything(notified)
    assert withdraw(notified, one, when=AFTER) == gone
    assert resolve(notified, one, Outcome.UPHELD).code == "conflict"
    assert dispute(notified, when=AFTER).code == "conflict"
    assert everything(notified) == before


@pytest.mark.rule("X-86")
@pytest.mark.rule("X-87")
def test_overturned_gives_all_back_and_claims_nothing_later(notified):
    wake(notified, AFTER)
    one = dispute(notified, when=AFTER)
    over = resolve(notified, one, Outcome.OVERTURNED, when=AFTER)
    assert (over.new_amount, over.credit) == (Money(0), Money(40_000))
    assert (bill(notified).state, offsets(notified)) == ("credited", [40_000, -40_000])
    order = notified.load(WorkOrder, "WO-1").record
    later = submit(notified, draft(order, 1_000, "INV-2"))
    approve(notified, later)
    pay(notified, later, when=AFTER)
    fallen = bill(notified)
    assert (fallen.state, fallen.total) == ("credited", Money(0))
    assert (fallen.cost, fallen.markup) == (Money(0), Money(0))
    assert dispute(notified, when=AFTER).code == "conflict"
    (letter,) = [one for one in notified.letters.values() if one.subject.endswith("closed")]
    assert "$400.00 is given back" in letter.text


@pytest.mark.rule("X-86")
def test_overturned_before_anything_was_posted_credits_nothing(notified):
    over = resolve(notified, dispute(notified), Outcome.OVERTURNED)
    assert (over.credit, offsets(notified)) == (Money(0), [])
    assert bill(notified).state is BackBillState.DROPPED
    assert not [name for name in notified.timers if "back_bill" in name]


@pytest.mark.rule("X-86")
@pytest.mark.parametrize(
    ("left", "code"),
    [
        pytest.param(None, "invalid_amount", id="no amount"),
        pytest.param(0, "invalid_amount", id="nothing is overturned"),
        pytest.param(1, None, id="a cent"),
        pytest.param(39_999, None, id="a cent less than all"),
        pytest.param(40_000, "invalid_amount", id="all is upheld"),
    ],
)
def test_a_part_is_more_than_nothing_and_less_than_all(notified, left, code):
    wake(notified, AFTER)
    one = dispute(notified, when=AFTER)
    partial = None if left is None else Money(left)
    answer = resolve(notified, one, Outcome.PARTIAL, partial=partial, when=AFTER)
    if code:
        assert answer.code == code
        assert resolve(notified, one, Outcome.UPHELD, partial=Money(1)).code == code
        return
    assert answer.credit == Money(40_000 - left)
    assert offsets(notified) == [40_000, left - 40_000]
    assert (bill(notified).total, bill(notified).state) == (Money(left), "posted")


@pytest.mark.rule("X-86")
def test_what_a_dispute_took_off_stays_off_when_more_is_paid(notified):
    one = dispute(notified)
    resolve(notified, one, Outcome.PARTIAL, partial=Money(30_000))
    assert bill(notified).notices[-1].total == Money(30_000)
    wake(notified, AFTER)
    assert offsets(notified) == [30_000]
    order = notified.load(WorkOrder, "WO-1").record
    later = submit(notified, draft(order, 1_000, "INV-2"))
    approve(notified, later)
    pay(notified, later, when=AFTER)
    assert bill(notified).total == Money(31_200)
    again = dispute(notified, when=AFTER)
    assert again.id != one.id
    resolve(notified, again, Outcome.PARTIAL, partial=Money(20_000), when=AFTER)
    assert (bill(notified).total, bill(notified).waived) == (Money(20_000), Money(21_200))
    assert offsets(notified) == [30_000, -10_000]


# ---------------------------------------------------------------------- levels
@pytest.mark.rule("X-86")
@pytest.mark.rule("X-87")
def test_levels_go_forward_only_and_their_owner_decides(notified):
    one = dispute(notified)
    assert forward(notified, one, "partner_agreement").code == "conflict"
    assert (
        resolve(notified, one, Outcome.UPHELD, roles=("relationship_manager", "admin")).code
        == "not_your_level"
    )
    manager = RelationshipManager("rm_1", "Rae", "rae@owner.example", ("orig",))
    notified.commit(Change(saves=(Save(manager),)))
    second = forward(notified, one, "relationship_manager", who="orig")
    to = [letter.to for letter in notified.letters.values() if one.id in letter.subject]
    assert to == ["spc@owner.example", "spc@owner.example", "rae@owner.example"]
    assert bill(notified).dispute_level == "relationship_manager"
    before = everything(notified)
    assert forward(notified, one, "relationship_manager") == second
    assert everything(notified) == before
    assert forward(notified, one, "spc").code == "conflict"
    with pytest.raises(NotFound):
        forward(notified, one, "partner_agreement", who="other")
    assert resolve(notified, one, Outcome.UPHELD, roles=("spc",)).code == "not_your_level"
    last = forward(notified, one, "partner_agreement", when=SUBMITTED + timedelta(days=3))
    assert forward(notified, one, "nobody").code == "conflict"
    assert (
        resolve(notified, one, Outcome.UPHELD, roles=("relationship_manager",)).code
        == "not_your_level"
    )
    assert [step.level for step in last.steps] == [
        "spc",
        "relationship_manager",
        "partner_agreement",
    ]
    closed = resolve(
        notified, one, Outcome.UPHELD, roles=("admin",), when=SUBMITTED + timedelta(days=5)
    )
    assert disputes.ages(closed, now=SUBMITTED + timedelta(days=99)) == (
        ("spc", timedelta()),
        ("relationship_manager", timedelta(days=3)),
        ("partner_agreement", timedelta(days=2)),
    )
    assert forward(notified, one, "partner_agreement").code == "conflict"
    before = everything(notified)
    assert resolve(notified, one, Outcome.UPHELD, roles=("admin",)) == closed
    assert resolve(notified, one, Outcome.OVERTURNED, roles=("admin",)).code == "conflict"
    assert everything(notified) == before
    assert whats(notified, one.id) == [
        "dispute_opened",
        "dispute_escalated",
        "dispute_escalated",
        "dispute_closed",
    ]


@pytest.mark.rule("X-87")
@pytest.mark.parametrize(
    ("level", "role"),
    [
        ("spc", "spc"),
        ("relationship_manager", "relationship_manager"),
        ("partner_agreement", "admin"),
    ],
)
def test_each_level_is_decided_by_a_group_of_the_user_pool(level, role):
    groups = {"spc", "relationship_manager", "ams", "accounting_admin", "projects", "admin"}
    on = SUBMITTED.date()
    assert [one for one in groups if disputes.may_resolve(level, (one,), on=on)] == [role]


@pytest.mark.rule("X-87")
def test_an_open_dispute_goes_on_ageing(notified):
    one = dispute(notified)
    assert disputes.ages(one, now=SUBMITTED + timedelta(days=2)) == (("spc", timedelta(days=2)),)


@pytest.mark.rule("X-86")
def test_a_decision_names_its_reason(notified):
    assert resolve(notified, dispute(notified), Outcome.UPHELD, reason="").code == "reason_missing"


@pytest.mark.rule("X-85")
def test_evidence_is_added_once_and_only_while_it_is_open(notified):
    assert dispute(notified, says=" ").code == "reason_missing"
    first, second = (kept_upload(notified, name) for name in ("u-1", "u-2"))
    one = dispute(notified, evidence=(first, first))
    assert one.evidence == (first,)
    facts = {"dispute_id": one.id, "at": SUBMITTED, "by": "orig:jo"}
    more = process.add_evidence(notified, partner_id="orig", evidence=[second, first], **facts)
    assert more.evidence == (first, second)
    before = everything(notified)
    process.add_evidence(notified, partner_id="orig", evidence=[second], **facts)
    assert everything(notified) == before
    with pytest.raises(NotFound):
        process.add_evidence(notified, partner_id="other", evidence=[second], **facts)
    withdraw(notified, one)
    late = process.add_evidence(notified, partner_id="orig", evidence=[second], **facts)
    assert late.code == "conflict"


@pytest.mark.rule("X-85")
@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"who": "other"}, id="another's"),
        pytest.param({"work_order": "WO-2"}, id="of another work order"),
        pytest.param({"state": UploadState.SCANNING}, id="not kept yet"),
        pytest.param({"state": UploadState.REFUSED}, id="refused"),
        pytest.param(None, id="never uploaded"),
        pytest.param("", id="nothing"),
    ],
)
def test_only_the_partners_own_kept_files_of_the_work_order_are_evidence(notified, facts):
    good = kept_upload(notified, "u-1")
    if facts:
        kept_upload(notified, "u-2", **facts)
    bad = " " if facts == "" else "upload:u-2"
    before = everything(notified)
    assert dispute(notified, evidence=(good, bad)).code == "evidence_unknown"
    assert everything(notified) == before
    one = dispute(notified, evidence=(good,))
    added = process.add_evidence(
        notified,
        dispute_id=one.id,
        partner_id="orig",
        evidence=[bad],
        at=SUBMITTED,
        by="orig:jo",
    )
    assert added.code == "evidence_unknown"


# ---------------------------------------------------------------------- subjects
@pytest.mark.rule("T-91")
@pytest.mark.parametrize(
    ("kind", "who", "what"),
    [
        pytest.param(Subject.BACK_BILL, "other", "", id="another's back-bill"),
        pytest.param(Subject.FINDING, "nobody", "", id="a finding on work it never had"),
        pytest.param(Subject.INVOICE, "orig", "INV", id="another's invoice"),
        pytest.param(Subject.INVOICE, "other", "", id="no invoice"),
        pytest.param(Subject.INVOICE, "other", "INV-NONE", id="an invoice that is not there"),
        pytest.param(Subject.SLA_BREACH, "other", "complete", id="a breach that never was"),
        pytest.param(Subject.SLA_BREACH, "nobody", "accept", id="another's breach"),
        pytest.param(Subject.PAUSE, "other", "weather", id="a pause that never was"),
    ],
)
def test_what_is_not_the_partners_cannot_be_disputed(notified, kind, who, what):
    (invoice,) = notified.find(Invoice, by="partner_id", value="other")
    before = everything(notified)
    with pytest.raises(NotFound, match="is not known here"):
        dispute(notified, kind, who=who, what=invoice.record.id if what == "INV" else what)
    assert everything(notified) == before


@pytest.mark.rule("T-91")
@pytest.mark.parametrize("kind", [Subject.BACK_BILL, Subject.FINDING])
def test_who_asks_for_anothers_claim_moves_nothing_and_learns_nothing(notified, kind):
    before = everything(notified)
    told = []
    for work_order_id in ("WO-1", "WO-9"):
        with pytest.raises(NotFound) as refused:
            process.open_dispute(
                notified,
                kind=kind,
                work_order_id=work_order_id,
                partner_id="nobody",
                says="no",
                at=AFTER,
                by="nobody:jo",
            )
        told.append(str(refused.value).replace(work_order_id, "?"))
    assert told[0] == told[1]
    # Its term is over: who owes it would have it posted by disputing it.
    assert everything(notified) == before


@pytest.mark.rule("T-91")
def test_an_invoice_is_disputed_with_its_own_work_order(notified):
    (invoice,) = notified.find(Invoice, by="partner_id", value="other")
    done(notified, id="WO-2", report_id="RPT-2")
    with pytest.raises(NotFound, match="is not known here"):
        process.open_dispute(
            notified,
            kind=Subject.INVOICE,
            work_order_id="WO-2",
            partner_id="other",
            says="no",
            what=invoice.record.id,
            at=SUBMITTED,
            by="other:jo",
        )


@pytest.mark.rule("T-91")
def test_without_a_back_bill_or_a_finding_there_is_nothing_to_dispute(records):
    done(records)
    for kind in (Subject.BACK_BILL, Subject.FINDING):
        with pytest.raises(NotFound):
            dispute(records, kind)


@pytest.mark.rule("X-85")
def test_a_finding_that_is_disputed_before_anything_is_paid_holds_the_claim(records):
    order = done(records)
    find_cause(records, order, Cause.WORKMANSHIP)
    one = dispute(records, Subject.FINDING)
    assert bill(records).state is BackBillState.DISPUTED
    invoice = submit(records, draft(order, 33_333))
    approve(records, invoice)
    pay(records, invoice)
    assert (bill(records).total, bill(records).notices) == (Money(40_000), ())
    resolve(records, one, Outcome.UPHELD)
    assert (bill(records).state, len(bill(records).notices)) == ("notified", 1)
    assert dispute(records, Subject.FINDING).code == "conflict"


@pytest.mark.rule("X-86")
def test_a_finding_that_falls_takes_the_back_bill_with_it(notified):
    wake(notified, AFTER)
    one = dispute(notified, Subject.FINDING, when=AFTER)
    assert dispute(notified, Subject.BACK_BILL, when=AFTER).code == "conflict"
    resolve(notified, one, Outcome.OVERTURNED, when=AFTER)
    assert (bill(notified).state, offsets(notified)) == ("credited", [40_000, -40_000])


@pytest.mark.rule("X-85")
@pytest.mark.parametrize(
    ("by", "who", "original_offer"),
    [
        pytest.param("other", "other", OriginalOffer.DECLINED, id="who did the work"),
        pytest.param("orig", "orig", OriginalOffer.ACCEPTED, id="the installer did it itself"),
        pytest.param("other", "orig", OriginalOffer.NOT_OFFERED, id="never asked: no back-bill"),
        pytest.param("orig", "orig", OriginalOffer.DECLINED, id="declined it first, did it then"),
    ],
)
def test_a_finding_without_a_back_bill_is_disputed_on_its_own(records, by, who, original_offer):
    done(
        records,
        by=by,
        cause=Cause.WORKMANSHIP,
        cause_found_by="spc_1",
        original_offer=original_offer,
    )
    one = dispute(records, Subject.FINDING, who=who)
    assert records.load(BackBill, derived("BB", "WO-1")) is None
    closed = resolve(records, one, Outcome.OVERTURNED)
    assert (closed.new_amount, closed.outcome) == (None, Outcome.OVERTURNED)


@pytest.mark.rule("X-86")
def test_a_rejected_invoice_is_decided_on_again_when_the_partner_was_right(records):
    order = done(records)
    invoice = submit(records, draft(order, 30_000))
    facts = {"invoice_id": invoice.id, "by": "spc_1", "at": at("2026-06-15T08:00")}
    process.escalate_by_coordinator(records, invoice_id=invoice.id, by="spc_1", at=SUBMITTED)
    process.reject(records, reason="wrong job", **facts)
    other = submit(records, draft(order, 30_000, "INV-2"))
    one = dispute(records, Subject.INVOICE, who="other", what=invoice.id)
    assert dispute(records, Subject.INVOICE, who="other", what=invoice.id) == one
    resolve(records, one, Outcome.OVERTURNED, when=at("2026-06-16T08:00"))
    again = records.load(Invoice, invoice.id).record
    assert (again.state, again.disputes) == (InvoiceState.SUBMITTED, (one.id,))
    assert (again.escalated_at, again.reminded_at) == (None, None)
    # The clock stood for one working day; the limit counts what was taken meanwhile first.
    assert records.timers[f"{invoice.id}:approval_due"].due_at == at("2026-06-30T17:00:01")
    spent = records.load(WorkOrderSpend, "WO-1").record.spent
    assert [row.invoice_id for row in spent] == [other.id, invoice.id]
    assert approve(records, invoice).code == "prior_approval_missing"
    assert approve(records, other).state is InvoiceState.APPROVED
    process.reject(records, reason="still wrong", **{**facts, "at": at("2026-06-17T08:00")})
    new = dispute(records, Subject.INVOICE, who="other", what=invoice.id)
    assert new.id != one.id
    resolve(records, new, Outcome.UPHELD)
    assert records.load(Invoice, invoice.id).record.state is InvoiceState.REJECTED


@pytest.mark.rule("X-86")
def test_an_invoice_that_is_not_rejected_stays_where_it_is(records):
    invoice = submit(records, draft(done(records), 30_000))
    one = dispute(records, Subject.INVOICE, who="other", what=invoice.id)
    resolve(records, one, Outcome.OVERTURNED)
    assert records.load(Invoice, invoice.id).record.state is InvoiceState.SUBMITTED
    approve(records, invoice)
    pay(records, invoice)
    with pytest.raises(NotFound):
        dispute(records, Subject.INVOICE, who="orig", what=invoice.id)
    assert dispute(records, Subject.INVOICE, who="other", what=invoice.id).code == "conflict"


@pytest.mark.rule("X-85")
def test_breaches_and_pauses_are_disputed_without_money(records):
    done(records)
    from dataclasses import replace

    missed = replace(offer("other", AssignmentState.ACCEPTED), missed=(SlaMilestone.SCHEDULE,))
    order = records.load(WorkOrder, "WO-1").record
    waited = Pause("weather", MONDAY, None, "snow.jpg", "other:jo")
    changed(records, order, assignments=(missed,), pauses=(waited,))
    breach = dispute(records, Subject.SLA_BREACH, who="other", what="schedule")
    pause = dispute(records, Subject.PAUSE, who="other", what="weather")
    assert (breach.subject_id, pause.subject_id) == ("WO-1:schedule", "WO-1:weather")
    for one in (breach, pause):
        closed = resolve(records, one, Outcome.OVERTURNED)
        assert (closed.outcome, closed.credit) == (Outcome.OVERTURNED, Money(0))
        assert resolve(records, one, Outcome.OVERTURNED) == closed
    assert resolve(records, breach, Outcome.PARTIAL, partial=Money(1)).code == "conflict"
    found = records.find(Dispute, by="work_order_id", value="WO-1")
    assert {stored.record.state for stored in found} == {DisputeState.RESOLVED}
