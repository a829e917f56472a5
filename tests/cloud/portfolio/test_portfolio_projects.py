"""Projects: what they take over, the order of their milestones, what is taken back, their end."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, Conflict, NotFound
from cloud.kernel.money import Money
from cloud.portfolio import process
from cloud.portfolio.milestones import is_pinned, steps_to, taken_back_with
from cloud.portfolio.models import (
    TEST,
    Milestone,
    PaymentPlan,
    PlanShare,
    Project,
    SoldInverter,
    milestone_id,
)
from cloud.portfolio.process import CancellationReason, ProjectFacts
from cloud.portfolio.proposals import Proposal, ProposalState
from tests.cloud.portfolio.test_portfolio import NOW, PARTNER, PLAN, PROJECT, SITE

DAY = timedelta(days=1)
NTP, M1, M2 = Milestone.NTP, Milestone.M1, Milestone.M2
SUBMITTED, APPROVED = Milestone.INSTALL_SUBMITTED, Milestone.INSTALL_APPROVED
BY = {"by": "pat"}
USUAL = PaymentPlan("plan-1", "comfort", (PlanShare(NTP, 1_000), PlanShare(M2, 9_000)), SUBMITTED)


@pytest.fixture
def records():
    kept = MemoryRecords()
    kept.commit(Change(saves=(Save(SITE), Save(PARTNER), Save(PROJECT))))
    return kept


def everything(records):
    return (
        dict(records._records),
        {name: tuple(log) for name, log in records._history.items()},
        dict(records.messages),
    )


def reach(records, milestone, at=NOW):
    return process.record_milestone(
        records, project_id="project-1", milestone=milestone, at=at, **BY
    )


def revoke(records, milestone, at=NOW + DAY, because="the wrong project", occurrence=None):
    return process.revoke_milestone(
        records,
        project_id="project-1",
        milestone=milestone,
        because=because,
        at=at,
        occurrence=occurrence,
        **BY,
    )


def now(records):
    return records.load(Project, "project-1").record


def on_basis(records, basis):
    stored = records.load(Project, "project-1")
    records.commit(Change(saves=(stored.replaced_by(replace(stored.record, m1_basis=basis)),)))


def told(records, topic):
    return [
        (one.body["milestone"], one.body["occurrence"])
        for one in records.messages.values()
        if one.topic == topic
    ]


# ---------------------------------------------------------------------- reaching
@pytest.mark.rule("P-82")
@pytest.mark.parametrize(
    ("basis", "before", "milestone", "steps"),
    [
        pytest.param(APPROVED, (), NTP, (NTP,), id="NTP stands alone"),
        pytest.param(APPROVED, (), SUBMITTED, (SUBMITTED,), id="submitted, M1 on approval"),
        pytest.param(SUBMITTED, (), SUBMITTED, (SUBMITTED, M1), id="submitted, M1 with it"),
        pytest.param(APPROVED, (SUBMITTED,), APPROVED, (APPROVED, M1), id="approved, M1 with it"),
        pytest.param(SUBMITTED, (SUBMITTED, M1), APPROVED, (APPROVED,), id="approved after M1"),
        pytest.param(APPROVED, (), M1, (SUBMITTED, APPROVED, M1), id="M1 alone, on approval"),
        pytest.param(SUBMITTED, (), M1, (SUBMITTED, M1), id="M1 alone, on submission"),
        pytest.param(APPROVED, (SUBMITTED,), M1, (APPROVED, M1), id="M1 after submission"),
        pytest.param(APPROVED, (M1,), M2, (M2,), id="M2 after M1"),
        pytest.param(APPROVED, (NTP,), NTP, (), id="on record already"),
    ],
)
def test_which_steps_come_together(basis, before, milestone, steps):
    project = replace(PROJECT, m1_basis=basis, reached=tuple((one, NOW) for one in before))
    assert steps_to(project, milestone, on=NOW.date()) == steps


@pytest.mark.rule("P-82")
@pytest.mark.parametrize(
    ("milestone", "code"),
    [
        pytest.param(APPROVED, "install_not_submitted", id="approved before it was submitted"),
        pytest.param(M2, "m1_missing", id="activated before M1"),
    ],
)
def test_what_comes_too_early(records, milestone, code):
    before = everything(records)
    answer = reach(records, milestone)
    assert (answer.rule, answer.code) == ("P-82", code)
    assert everything(records) == before


@pytest.mark.rule("P-01")
@pytest.mark.rule("P-82")
def test_a_step_and_the_m1_that_it_brings_are_one_change_at_one_instant(records):
    reach(records, SUBMITTED)
    project = reach(records, APPROVED, NOW + DAY)
    assert dict(project.reached) == {SUBMITTED: NOW, APPROVED: NOW + DAY, M1: NOW + DAY}
    assert sorted(told(records, "milestone")) == [("M1", 0), (APPROVED, 0), (SUBMITTED, 0)]
    assert records.load(Project, "project-1").version == 3
    before = everything(records)
    for milestone in (SUBMITTED, APPROVED, M1):
        assert reach(records, milestone, NOW + 9 * DAY) == project
    assert everything(records) == before


@pytest.mark.rule("P-01")
def test_of_two_who_record_at_once_one_looks_again(records):
    stale = records.load(Project, "project-1")
    reach(records, NTP)
    with pytest.raises(Conflict):
        records.commit(Change(saves=(stale.replaced_by(replace(stale.record, cancelled=True)),)))
    assert reach(records, NTP, NOW + DAY).reached_at(NTP) == NOW


# ---------------------------------------------------------------------- taking back
@pytest.mark.rule("P-82")
@pytest.mark.parametrize(
    ("basis", "reached", "milestone", "going"),
    [
        pytest.param(APPROVED, (NTP,), NTP, {NTP}, id="NTP"),
        pytest.param(APPROVED, (SUBMITTED,), SUBMITTED, {SUBMITTED}, id="submitted"),
        pytest.param(APPROVED, (SUBMITTED, APPROVED, M1), M1, {APPROVED, M1}, id="M1"),
        pytest.param(APPROVED, (SUBMITTED, APPROVED, M1), APPROVED, {APPROVED, M1}, id="approved"),
        pytest.param(SUBMITTED, (SUBMITTED, M1), SUBMITTED, {SUBMITTED, M1}, id="the basis"),
        pytest.param(SUBMITTED, (SUBMITTED, M1, APPROVED), APPROVED, {APPROVED}, id="no basis"),
        pytest.param(APPROVED, (M1, M2), M2, {M2}, id="M2"),
        pytest.param(APPROVED, (M1,), M1, {M1}, id="M1 whose steps nobody knows"),
        pytest.param(APPROVED, (M1, M2), M1, None, id="M1 under M2"),
        pytest.param(APPROVED, (SUBMITTED, APPROVED, M1), SUBMITTED, None, id="under approved"),
        pytest.param(SUBMITTED, (SUBMITTED, M1, APPROVED), M1, None, id="basis under approved"),
        pytest.param(APPROVED, (NTP, SUBMITTED), NTP, None, id="NTP under the installation"),
    ],
)
def test_what_goes_together_and_what_stays(basis, reached, milestone, going):
    project = replace(PROJECT, m1_basis=basis, reached=tuple((one, NOW) for one in reached))
    answer = taken_back_with(project, milestone, on=NOW.date())
    if going is None:
        assert (answer.rule, answer.code) == ("P-82", "later_milestone")
    else:
        assert set(answer) == going


@pytest.mark.rule("P-82")
def test_a_milestone_is_taken_back_and_reached_again_under_another_name(records):
    reach(records, M1)
    project = revoke(records, M1)
    assert [one for one, _ in project.reached] == [SUBMITTED]
    assert [(one.milestone, one.reached_at, one.revoked_at) for one in project.revoked] == [
        (APPROVED, NOW, NOW + DAY),
        (M1, NOW, NOW + DAY),
    ]
    assert sorted(told(records, "milestone_revoked")) == [("M1", 0), (APPROVED, 0)]
    before = everything(records)
    assert revoke(records, M1, NOW + 2 * DAY) == project
    assert everything(records) == before
    again = reach(records, APPROVED, NOW + 3 * DAY)
    assert again.reached_at(M1) == NOW + 3 * DAY
    ids = {milestone_id("project-1", M1, number) for number in (0, 1)}
    assert len(ids) == 2
    assert ids <= set(records.messages)
    assert records.history(milestone_id("project-1", M1, 1))[0].says.endswith("again")


@pytest.mark.rule("P-82")
def test_who_names_the_time_that_is_meant_takes_no_later_one_back(records):
    reach(records, NTP)
    revoke(records, NTP, occurrence=0)
    reach(records, NTP, NOW + 2 * DAY)
    assert revoke(records, NTP, occurrence=0).reached_at(NTP) == NOW + 2 * DAY
    assert revoke(records, NTP, occurrence=1).reached_at(NTP) is None
    assert revoke(records, NTP, occurrence=2).code == "not_reached"


@pytest.mark.rule("P-82")
def test_what_is_not_taken_back(records):
    assert revoke(records, M1).code == "not_reached"
    reach(records, M1)
    assert revoke(records, M1, because=" ").code == "reason_missing"
    stored = records.load(Project, "project-1")
    records.commit(Change(saves=(stored.replaced_by(replace(stored.record, cancelled=True)),)))
    assert revoke(records, M1).code == "project_cancelled"
    with pytest.raises(NotFound):
        process.revoke_milestone(
            records, project_id="none", milestone=M1, because="x", at=NOW, by="pat"
        )


WORDS = st.lists(st.tuples(st.booleans(), st.sampled_from(list(Milestone))), max_size=30)


@given(basis=st.sampled_from([SUBMITTED, APPROVED]), acts=WORDS)
@pytest.mark.rule("P-82")
def test_whatever_people_do_the_order_holds_and_each_time_is_told_once(basis, acts):
    records = MemoryRecords()
    records.commit(Change(saves=(Save(replace(PROJECT, m1_basis=basis)),)))
    for number, (is_reached, milestone) in enumerate(acts):
        at = NOW + number * DAY
        (reach if is_reached else revoke)(records, milestone, at)
        known = {one for one, _ in now(records).reached}
        assert (M1 in known) == (basis in known)
        assert M2 not in known or M1 in known
        assert APPROVED not in known or SUBMITTED in known
    project = now(records)
    reached, revoked = told(records, "milestone"), told(records, "milestone_revoked")
    assert len(set(reached)) == len(reached) == len(project.reached) + len(project.revoked)
    assert len(set(revoked)) == len(revoked) == len(project.revoked)
    standing = {(one, project.occurrence(one)) for one, _ in project.reached}
    assert standing == set(reached) - set(revoked)


# ---------------------------------------------------------------------- on record
FACTS = ProjectFacts("project-2", "site-1", "partner-1", Money(1_000_000))


def put(records, facts=FACTS, at=NOW):
    return process.put_project(records, facts, at=at, **BY)


def with_usual_plan(records):
    process.put_payment_plan(records, USUAL, at=NOW, **BY)
    process.assign_payment_plan(
        records, partner_id="partner-1", payment_plan_id="plan-1", at=NOW, **BY
    )


@pytest.mark.rule("P-83")
def test_a_project_takes_over_what_its_organisation_agreed(records):
    assert put(records).code == "plan_missing"
    with_usual_plan(records)
    project = put(records)
    assert (project.plan, project.m1_basis) == (USUAL.shares, SUBMITTED)
    assert (project.programme, project.market) == ("comfort", "NC")
    (message,) = records.messages.values()
    assert (message.topic, message.body) == ("project_registered", {"project_id": "project-2"})
    before = everything(records)
    assert put(records, at=NOW + DAY) == project
    process.put_payment_plan(records, USUAL, at=NOW + DAY, **BY)
    assert everything(records) == before
    process.put_payment_plan(records, replace(USUAL, shares=PLAN), at=NOW + DAY, **BY)
    assert put(records, at=NOW + DAY).plan == USUAL.shares


@pytest.mark.rule("P-83")
def test_a_project_says_otherwise_where_it_was_agreed_otherwise(records):
    with_usual_plan(records)
    facts = replace(
        FACTS, plan=PLAN, m1_basis=APPROVED, market="CO", inverters=(SoldInverter("SE", "X", 2),)
    )
    project = put(records, facts)
    assert (project.plan, project.m1_basis, project.market) == (PLAN, APPROVED, "CO")
    assert project.inverters == (SoldInverter("SE", "X", 2),)


@pytest.mark.rule("P-83")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"plan": PLAN}, "plan_pinned", id="plan"),
        pytest.param({"value": Money(1)}, "plan_pinned", id="value"),
        pytest.param({"m1_basis": APPROVED}, "plan_pinned", id="what M1 is"),
        pytest.param({"market": "CA"}, "plan_pinned", id="market"),
        pytest.param({"inverters": (SoldInverter("T", "X"),)}, "plan_pinned", id="inverters"),
        pytest.param({"salesperson": "sal"}, None, id="who sold it"),
        pytest.param({"partner_id": "partner-2"}, "conflict", id="partner"),
        pytest.param({"site_id": "site-2"}, "conflict", id="site"),
    ],
)
@pytest.mark.parametrize("is_revoked", [False, True], ids=["stands", "was taken back"])
def test_what_stands_once_a_paying_milestone_was_reached(records, changes, code, is_revoked):
    with_usual_plan(records)
    put(records)
    facts = {"project_id": "project-2", "milestone": NTP, "at": NOW, **BY}
    assert not is_pinned(records.load(Project, "project-2").record, on=NOW.date())
    process.record_milestone(records, **facts)
    if is_revoked:
        process.revoke_milestone(records, because="an error", **facts)
    answer = put(records, replace(FACTS, **changes), NOW + DAY)
    assert getattr(answer, "code", None) == code


@pytest.mark.rule("P-83")
def test_before_that_everything_may_change_but_a_step_that_is_past_brings_no_m1(records):
    with_usual_plan(records)
    put(records, replace(FACTS, m1_basis=APPROVED))
    changed = put(records, replace(FACTS, value=Money(2_000_000), plan=PLAN))
    assert (changed.value, changed.plan, changed.m1_basis) == (Money(2_000_000), PLAN, APPROVED)
    process.record_milestone(records, project_id="project-2", milestone=SUBMITTED, at=NOW, by="pat")
    assert put(records, replace(FACTS, m1_basis=SUBMITTED)).code == "basis_passed"
    assert sum(one.topic == "project_registered" for one in records.messages.values()) == 1


@pytest.mark.rule("P-87")
def test_only_programmes_that_are_funded(records):
    assert put(records, replace(FACTS, plan=PLAN, programme="comfrt")).code == "unknown_programme"
    other = replace(USUAL, programme="other")
    assert process.put_payment_plan(records, other, at=NOW, **BY).code == "unknown_programme"
    put(records, replace(FACTS, plan=PLAN))
    assert put(records, replace(FACTS, programme="x")).code == "unknown_programme"


def test_who_and_where_must_be_known_and_of_one_mode(records):
    with pytest.raises(NotFound, match="site-9"):
        put(records, replace(FACTS, plan=PLAN, site_id="site-9"))
    with pytest.raises(NotFound, match="partner-9"):
        put(records, replace(FACTS, plan=PLAN, partner_id="partner-9"))
    records.commit(Change(saves=(Save(replace(SITE, id="site-t", gateway_id="g", mode=TEST)),)))
    with pytest.raises(BadInput, match="one mode"):
        put(records, replace(FACTS, plan=PLAN, site_id="site-t"))
    with pytest.raises(BadInput, match="payment plan plan-2"):
        PaymentPlan("plan-2", "comfort", (PlanShare(M1, 9_999),))


def prepaying(records, cents, by="ana"):
    return process.propose_prepaid_commission(
        records,
        project_id="project-1",
        amount=Money(cents),
        because="the sales list of May",
        at=NOW,
        by=by,
    )


def prepay(records, made, by="bob"):
    return process.agree_prepaid_commission(records, proposal_id=made.id, at=NOW, by=by)


@pytest.mark.rule("D09")
def test_two_people_note_what_was_prepaid_until_m1(records):
    with pytest.raises(BadInput, match="below nothing"):
        prepaying(records, -1)
    made = prepaying(records, 500)
    assert now(records).prepaid_commission == Money(0)
    assert prepay(records, made, by="ana").code == "maker_is_checker"
    assert now(records).prepaid_commission == Money(0)
    noted = prepay(records, made)
    assert noted.prepaid_commission == Money(500)
    before = everything(records)
    assert prepay(records, made) == noted
    assert everything(records) == before
    late = prepaying(records, 600)
    reach(records, M1)
    assert prepaying(records, 700).code == "already_installed"
    assert prepay(records, late).code == "already_installed"
    revoke(records, M1)
    assert prepaying(records, 700).code == "already_installed"
    assert now(records).prepaid_commission == Money(500)
    other = propose(records)
    assert prepay(records, other).code == "other_proposal"
    assert agree(records, late).code == "other_proposal"


@pytest.mark.rule("D09")
@pytest.mark.parametrize(("above", "code"), [(0, None), (1, "above_value")])
def test_no_more_is_prepaid_than_the_project_pays(records, above, code):
    cents = now(records).value.cents + above
    assert getattr(prepaying(records, cents), "code", None) == code


@pytest.mark.rule("D09")
def test_what_was_proposed_is_weighed_again_when_it_is_agreed_to(records):
    made = prepaying(records, now(records).value.cents)
    stored = records.load(Project, "project-1")
    less = replace(stored.record, value=stored.record.value - Money(1))
    records.commit(Change(saves=(stored.replaced_by(less),)))
    assert prepay(records, made).code == "above_value"
    assert now(records).prepaid_commission == Money(0)


# ---------------------------------------------------------------------- the end
def propose(records, reason=CancellationReason.CUSTOMER, by="pat"):
    return process.propose_cancellation(
        records, project_id="project-1", reason=reason, because="they moved", at=NOW, by=by
    )


def agree(records, made, by="bob", at=NOW + DAY):
    return process.agree_cancellation(records, proposal_id=made.id, at=at, by=by)


@pytest.mark.rule("D09")
def test_one_proposes_and_another_ends_a_project_once(records):
    made = propose(records)
    assert propose(records) == made
    assert not now(records).cancelled
    assert agree(records, made, by="pat").code == "maker_is_checker"
    ended = agree(records, made)
    assert (ended.cancelled, ended.cancelled_at) == (True, NOW + DAY)
    (message,) = records.messages.values()
    assert message.topic == "project_cancelled"
    assert message.body["reason"] == "customer"
    assert records.load(Proposal, made.id).record.state is ProposalState.AGREED
    before = everything(records)
    assert agree(records, made, at=NOW + 2 * DAY) == ended
    assert everything(records) == before
    assert agree(records, made, by="eve").code == "conflict"
    assert propose(records).code == "project_cancelled"
    assert reach(records, NTP).code == "project_cancelled"
    assert prepaying(records, 1).code == "project_cancelled"
    assert put(records, replace(FACTS, id="project-1")).code == "project_cancelled"


@pytest.mark.rule("D09")
def test_two_proposals_end_a_project_once(records):
    one, other = propose(records), propose(records, CancellationReason.OTHER)
    agree(records, one)
    assert agree(records, other).code == "project_cancelled"
    assert records.load(Proposal, other.id).record.state is ProposalState.PENDING
    assert len(records.messages) == 1


def test_what_was_installed_meanwhile_is_not_ended_for_its_lateness(records):
    late = CancellationReason.NO_INSTALLATION_160
    made = propose(records, late)
    reach(records, M1)
    assert agree(records, made).code == "installed"
    assert propose(records, late, by="jo").code == "installed"
    assert not now(records).cancelled


def test_a_proposal_of_something_else_ends_nothing(records):
    made = process.propose(
        records, kind="k", subject="project-1", facts={}, because="x", at=NOW, by="pat"
    )
    assert agree(records, made).code == "other_proposal"
    assert not now(records).cancelled


# ---------------------------------------------------------------------- what holds its money
@pytest.mark.parametrize(
    ("opens", "closes", "flag"),
    [
        (process.open_compliance_case, process.close_compliance_case, "compliance_case_open"),
        (process.open_stip, process.close_stip, "administrative_stip_open"),
    ],
    ids=["compliance case", "stip"],
)
def test_a_case_holds_while_it_is_open_and_says_why(records, opens, closes, flag):
    facts = {"project_id": "project-1", "at": NOW, **BY}
    assert opens(records, because=" ", **facts).code == "reason_missing"
    opened = opens(records, because="papers are forged", **facts)
    assert getattr(opened, flag)
    before = everything(records)
    assert opens(records, because="again", **facts) == opened
    assert everything(records) == before
    assert isinstance(closes(records, because="", **facts), Refused)
    assert not getattr(closes(records, because="cleared", **facts), flag)
    first, last = records.history("project-1")
    assert (first.rule, first.says, last.says) == ("F18", "papers are forged", "cleared")
