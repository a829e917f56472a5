"""The tree of causes: from a bank line to the readings, bounded, and nothing of it shown twice.

What came later is told apart, and nothing is shown to who does not read it elsewhere.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reporting_world import House, at, empty_house, story

from cloud.adapters.memory import MemoryRecords
from cloud.funding.extension import ExtensionRequest
from cloud.funding.models import (
    BankFileTaken,
    Deduction,
    FundingRun,
    LedgerEntry,
    Payable,
    PaymentTrace,
    PlannedDeduction,
    PlannedPayable,
    Posting,
    RunPlan,
)
from cloud.funding.netting import DeductionKind
from cloud.funding.process.committing import payment_entry_id
from cloud.funding.tickets import Ticket
from cloud.invoicing.models import BackBill, CustomerCharge, Dispute
from cloud.kernel.change import Change, Event, Save
from cloud.kernel.errors import BadInput, NotFound
from cloud.kernel.money import Money
from cloud.portfolio.models import Partner, Project
from cloud.portfolio.papers import BankChange
from cloud.portfolio.proposals import Proposal
from cloud.reporting.roles import ROLES
from cloud.reporting.story import DEEPEST, MOST_NODES, WIDEST, story_of
from cloud.reporting.story_readers import hidden_from
from cloud.service.models import Report, WorkOrder
from tests.cloud.adapters.record_examples import example

NOON = datetime(2026, 6, 26, 12, 0, tzinfo=UTC)
TRACE = "091000010000001"
CHUNK = "gw-site-2/2026-06-07T14:00Z/7"
RUN, PLAN = "comfort-2026-06-30", "comfort-2026-06-30.other.0123456789ab"


def june():
    """Give the house at the end of its June, with the money of site-2's invoice paid out."""
    house = House(empty_house())
    for _ in story(house):
        pass
    invoice = house.invoice("site-2")
    pay = Payable(
        "PAY-1", "other", "", invoice.work_order_id, "service", Money(85_000), NOON,
        says="invoice A-1", causes=(invoice.id, invoice.work_order_id),
    )  # fmt: skip
    taken = Deduction(
        "DED-1", DeductionKind.CLAWBACK_M1, "other", "PRJ-1", Money(5_000), NOON.date(), NOON,
        says="M2 was late", causes=("MS-1",),
    )  # fmt: skip
    entry = replace(
        example(LedgerEntry),
        id=payment_entry_id(RUN, "other"),
        partner_id="other",
        postings=(Posting("payable", Money(80_000)), Posting("ach", Money(-80_000))),
        causes=("PAY-1", "DED-1"),
        recorded_at=NOON,
        says="on its way",
    )
    plan = replace(
        example(RunPlan),
        id=PLAN,
        run_id=RUN,
        partner_id="other",
        partner_name="Other",
        gross=Money(85_000),
        net=Money(80_000),
        payables=(PlannedPayable("PAY-1", "", "service", Money(85_000), "invoice A-1"),),
        held=(),
        deductions=(
            PlannedDeduction(
                "DED-1", DeductionKind.CLAWBACK_M1, Money(5_000), Money(0), paused=False, says=""
            ),
            PlannedDeduction(
                "DED-2", DeductionKind.CLAWBACK_M1, Money(0), Money(9), paused=True, says=""
            ),
        ),
    )
    run = replace(
        example(FundingRun), id=RUN, plan_ids=(PLAN,), preparer="alan", approver="ada",
        net=Money(80_000), prepared_at=NOON,
    )  # fmt: skip
    line = PaymentTrace(TRACE, RUN, "other", PLAN, Money(80_000))
    saves = tuple(Save(one) for one in (pay, taken, entry, plan, run, line))
    paid = Event(TRACE, "payment_sent", NOON, "treasury", "D40", says="it left")
    opened = house.case("site-2").opened_at
    seen = Event("F-2", "finding_made", opened, "sweep", "D-13", (CHUNK,), "low")
    house.records.commit(Change(saves=saves, events=(paid, seen)))
    return house


@pytest.fixture(scope="module")
def house():
    return june()


def shown(root):
    return [(depth, node.kind, node.id) for depth, node in root.walk()]


@pytest.mark.rule("D01")
def test_a_line_of_the_bank_file_leads_to_the_readings(house):
    root = story_of(house.records, TRACE)
    case, order, invoice = (getattr(house, one)("site-2") for one in ("case", "order", "invoice"))
    assert (root.kind, root.cents) == ("bank_line", 80_000)
    # That it left is told by its log, and did not make it.
    assert (root.rule, root.by, root.at) == ("", "", None)
    places = {
        node.id: (depth, node.kind) for depth, node in root.walk() if not node.is_shown_before
    }
    assert places[PLAN] == (1, "plan")
    assert places["PAY-1"] == (2, "payable")
    assert places["DED-1"] == (2, "deduction")
    assert RUN not in places  # under it stands every other partner's money
    assert places[invoice.id][1] == "invoice"
    assert places[order.id][1] == "work_order"
    assert places[case.id][1] == "case"
    assert places["F-2"][1] == "finding"
    assert places[CHUNK][1] == "reading"
    assert "DED-2" not in places  # the run took nothing of it
    (work,) = (one for _, one in root.walk() if one.id == order.id and not one.is_shown_before)
    assert (work.at, work.rule) == (order.issued_at, "A-81")
    assert work.cents is None


def test_each_thing_stands_once_with_its_causes_where_it_is_nearest(house):
    root = story_of(house.records, TRACE)
    whole = [node.id for _, node in root.walk() if not node.is_shown_before]
    assert len(whole) == len(set(whole))
    again = [node for _, node in root.walk() if node.is_shown_before]
    assert {node.id for node in again} <= set(whole)
    assert all(node.children == () for node in again)
    assert {"PAY-1", "DED-1"} <= {node.id for node in again}  # the plan and its entry name both


def test_the_tree_does_not_hang_on_who_comes_first(house):
    assert story_of(house.records, f"  {TRACE} ") == story_of(house.records, TRACE)


def test_money_is_hidden_from_who_does_not_deal_with_it(house):
    hidden = hidden_from({"spc"})
    with pytest.raises(NotFound, match="PAY-1 is not known"):
        story_of(house.records, "PAY-1", hidden=hidden)
    invoice = house.invoice("site-2").id
    paid = Event(invoice, "paid", NOON, "funding", "I-68", (RUN,), "paid")
    house.records.commit(Change(events=(paid,)))
    with_money = story_of(house.records, invoice)
    without = story_of(house.records, invoice, hidden=hidden)
    assert RUN in {node.id for node in with_money.came_of_it}
    assert RUN not in {node.id for node in without.came_of_it}
    assert without.more_came == with_money.more_came + 1


# ---------------------------------------------------------------------- before and after
EARLY, LATE = NOON - timedelta(days=3), NOON + timedelta(days=3)


def logged(*events):
    """Give records whose log is these events: (subject, what, at, causes)."""
    records = MemoryRecords()
    for subject, what, when, causes in events:
        event = Event(subject, what, when, f"by-{what}", f"rule-{what}", causes, what)
        records.commit(Change(events=(event,)))
    return records


def ids(nodes):
    return [node.id for node in nodes]


def test_what_came_later_is_no_cause():
    records = logged(
        ("F-1", "finding_made", EARLY, ()),
        ("X-1", "made", NOON, ("F-1",)),
        ("X-1", "paid", LATE, ("RUN-1",)),
        ("RUN-1", "run_prepared", LATE, ("OTHERS-MONEY",)),
    )
    root = story_of(records, "X-1")
    assert ids(root.children) == ["F-1"]
    assert ids(root.came_of_it) == ["RUN-1"]
    assert root.came_of_it[0].children == ()
    assert (root.by, root.rule) == ("by-made", "rule-made")
    assert "OTHERS-MONEY" not in ids(node for _, node in root.walk())


def test_a_cause_that_is_younger_than_what_names_it_came_of_it():
    records = logged(("X-1", "made", NOON, ("Y-1", "Y-2")), ("Y-1", "made", LATE, ()))
    root = story_of(records, "X-1")
    assert ids(root.children) == ["Y-2"]  # nothing is on record that tells when
    assert ids(root.came_of_it) == ["Y-1"]
    assert root.more == 0


def test_a_window_of_readings_leads_to_what_a_slower_clock_made_of_it():
    ahead = f"gw-1/{LATE.isoformat()}/7"
    assert ids(story_of(logged(("F-1", "finding_made", NOON, (ahead,))), "F-1").children) == [ahead]


def test_what_is_younger_in_one_place_may_have_led_to_a_later_thing():
    records = logged(
        ("X", "made", LATE, ("OLD", "NEW")),
        ("OLD", "made", EARLY, ("NEW",)),
        ("NEW", "made", NOON, ()),
    )
    root = story_of(records, "X")
    assert ids(root.children) == ["OLD", "NEW"]
    assert root.children[0].children == ()


def test_the_log_of_a_partner_is_not_what_led_to_its_things():
    records = logged(
        ("X-1", "made", NOON, ("P-1",)),
        ("P-1", "direct_pay_joined", EARLY, ("V-1",)),
        ("P-1", "partner_registered", EARLY, ()),
        ("P-1", "dunned", EARLY, ("DED-9",)),
    )
    records.commit(Change(saves=(Save(replace(example(Partner), id="P-1")),)))
    told = ids(node for _, node in story_of(records, "X-1").walk())
    assert told == ["X-1", "P-1"]


def test_events_of_one_instant_stand_in_no_order_and_the_making_is_known_by_its_name():
    made = replace(example(WorkOrder), id="WO-1", case_id="CASE-1", report_id="", issued_at=NOON)
    records = logged(
        ("WO-1", "delivered", NOON, ("LTR-1",)), ("WO-1", "issued", NOON, ("CASE-1", "F-1"))
    )
    records.commit(Change(saves=(Save(made),)))
    root = story_of(records, "WO-1")
    assert ids(root.children) == ["CASE-1", "F-1"]
    assert ids(root.came_of_it) == ["LTR-1"]
    assert root.rule == "rule-issued"


def test_a_thing_whose_making_is_not_in_its_log_has_nobody_and_no_rule():
    records = logged(("091000010000009", "payment_returned", LATE, (RUN,)))
    line = PaymentTrace("091000010000009", RUN, "other", PLAN, Money(1))
    records.commit(Change(saves=(Save(line),)))
    root = story_of(records, line.id)
    assert (root.by, root.rule) == ("", "")
    assert ids(root.children) == [PLAN]
    assert ids(root.came_of_it) == [RUN]


def test_what_came_of_it_is_bounded():
    later = tuple(f"Y-{n}" for n in range(WIDEST + 4))
    root = story_of(logged(("X", "made", NOON, ()), ("X", "used", LATE, later)), "X")
    assert len(root.came_of_it) == WIDEST
    assert root.more_came == 4


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ABCDEF"),
            st.integers(0, 9),
            st.lists(st.sampled_from("ABCDEFG"), max_size=4).map(tuple),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_no_child_is_younger_than_its_parent(events):
    told = sorted(events, key=lambda one: one[1])
    records = logged(*((one, "made", NOON + timedelta(hours=n), of) for one, n, of in told))
    root = story_of(records, told[0][0])
    for _, node in root.walk():
        for child in node.children:
            assert None in (child.at, node.at) or child.at <= node.at
    assert all(one.at is None or one.at >= root.at for one in root.came_of_it)
    assert not {*ids(root.children)} & {*ids(root.came_of_it)}


def test_a_run_leads_to_its_parts_and_no_part_to_the_others(house):
    assert ids(story_of(house.records, RUN).children) == [PLAN]
    assert "PAY-1" in ids(node for _, node in story_of(house.records, RUN).walk())
    assert RUN not in ids(node for _, node in story_of(house.records, "PAY-1").walk())


@pytest.mark.parametrize("role", sorted(ROLES))
def test_nothing_hidden_stands_anywhere_in_a_story(house, role):
    hidden = hidden_from({role})
    for start in (TRACE, RUN, house.invoice("site-2").id, house.case("site-2").id, "PAY-1"):
        try:
            root = story_of(house.records, start, hidden=hidden)
        except NotFound:
            continue
        shown_kinds = {node.kind for _, node in root.walk()} | {n.kind for n in root.came_of_it}
        assert not shown_kinds & hidden


STARTS = [
    pytest.param(lambda house: house.invoice("site-2").id, "invoice", id="an invoice"),
    pytest.param(lambda house: house.order("site-2").id, "work_order", id="a work order"),
    pytest.param(lambda house: house.case("site-2").id, "case", id="a case"),
    pytest.param(lambda house: house.order("site-2").report_id, "report", id="a report"),
    pytest.param(lambda _: "DED-1", "deduction", id="a deduction"),
    pytest.param(lambda _: payment_entry_id(RUN, "other"), "ledger_entry", id="an entry"),
    pytest.param(lambda _: RUN, "run", id="a run"),
    pytest.param(lambda _: PLAN, "plan", id="a plan"),
    pytest.param(lambda _: "site-1", "site", id="a site"),
    pytest.param(lambda _: "other", "partner", id="a partner"),
    pytest.param(lambda _: "gw-ash/2026-06-08T14:00Z/7", "reading", id="a chunk of readings"),
]


@pytest.mark.parametrize(("start", "kind"), STARTS)
def test_a_story_begins_with_any_id(house, start, kind):
    root = story_of(house.records, start(house))
    assert (root.kind, root.id) == (kind, start(house))
    assert root.says


@pytest.mark.parametrize(
    ("about", "error"),
    [
        pytest.param("", BadInput, id="nothing"),
        pytest.param("   ", BadInput, id="blanks"),
        pytest.param("WO-\x00", BadInput, id="a control character"),
        pytest.param("x" * 201, BadInput, id="too long"),
        pytest.param("WO-NOTHERE", NotFound, id="no such work order"),
        pytest.param("F-NOTHERE", NotFound, id="no such finding"),
        pytest.param("gw/2026-06-08T14:00/1", NotFound, id="a window without a zone"),
        pytest.param("gw/yesterday/1", NotFound, id="a window that is no instant"),
        pytest.param("1" * 15, NotFound, id="no such line"),
    ],
)
def test_what_is_not_on_record_is_told_so(house, about, error):
    with pytest.raises(error):
        story_of(house.records, about)


@given(st.text(max_size=220))
def test_any_text_is_answered_in_one_of_two_ways(about):
    records = MemoryRecords()
    try:
        root = story_of(records, about)
    except BadInput:
        return
    assert root.kind == "reading"


RECORDS = [
    pytest.param(Dispute, "DSP-1", "dispute", {"subject_id", "work_order_id"}, id="a dispute"),
    pytest.param(BackBill, "BB-1", "back_bill", {"work_order_id"}, id="a back-bill"),
    pytest.param(CustomerCharge, "CC-1", "customer_charge", {"invoice_id"}, id="a charge"),
    pytest.param(Report, "RPT-1", "report", {"work_order_id"}, id="a report of a visit"),
    pytest.param(Proposal, "PRO-1", "proposal", set(), id="a proposal"),
    pytest.param(BankChange, "BCH-1", "bank_change", set(), id="a change of bank details"),
    pytest.param(ExtensionRequest, "EXT-1", "extension", {"project_id"}, id="an extension"),
    pytest.param(Ticket, "TKT-1", "ticket", {"about_id"}, id="a question about money"),
    pytest.param(BankFileTaken, "BF-1", "bank_file", set(), id="a file of the bank's"),
    pytest.param(Project, "PRJ-1", "project", set(), id="a project"),
]


@pytest.mark.parametrize(("of", "name", "kind", "causes"), RECORDS)
def test_every_kind_of_record_says_what_it_is_and_what_led_to_it(of, name, kind, causes):
    made = replace(example(of), id=name)
    named = {one: f"X-{one}" for one in causes}
    extra = {"standings": (), "disputes": ()} if of is BackBill else {}
    made = replace(made, **named, **extra)
    records = MemoryRecords()
    records.commit(Change(saves=(Save(made),)))
    root = story_of(records, name)
    assert (root.kind, root.id) == (kind, name)
    assert root.says
    assert {one.id for one in root.children} == set(named.values())


def test_a_proposal_that_nobody_decided_says_only_what_is_proposed():
    made = replace(example(Proposal), id="PRO-1", by="alan", decided_by="")
    records = MemoryRecords()
    records.commit(Change(saves=(Save(made),)))
    assert ";" not in story_of(records, "PRO-1").says


# ---------------------------------------------------------------------- bounds
def chained(edges):
    """Give records in whose log each subject names its causes."""
    records = MemoryRecords()
    for subject, causes in edges.items():
        events = (Event(subject, "made", NOON, "x", "", tuple(causes), f"{subject} was made"),)
        records.commit(Change(events=events))
    return records


def test_it_goes_so_deep_and_says_that_there_is_more():
    records = chained({f"X-{n}": [f"X-{n + 1}"] for n in range(DEEPEST + 5)})
    nodes = list(story_of(records, "X-0").walk())
    assert max(depth for depth, _ in nodes) == DEEPEST
    assert [node.more for _, node in nodes] == [0] * DEEPEST + [1]


def test_it_goes_so_wide_and_says_how_many_more():
    records = chained({"X-0": [f"Y-{n}" for n in range(WIDEST + 7)]})
    root = story_of(records, "X-0")
    assert len(root.children) == WIDEST
    assert root.more == 7


def test_it_never_shows_more_nodes_than_it_promises():
    edges = {"X": [f"X.{n}" for n in range(WIDEST)]}
    edges |= {f"X.{n}": [f"X.{n}.{m}" for m in range(WIDEST)] for n in range(WIDEST)}
    nodes = list(story_of(chained(edges), "X").walk())
    assert len(nodes) == MOST_NODES
    left_out = sum(node.more for _, node in nodes)
    assert left_out == WIDEST + WIDEST * WIDEST - (MOST_NODES - 1)


def test_what_leads_to_itself_ends():
    root = story_of(chained({"A": ["B", "A"], "B": ["A"]}), "A")
    assert shown(root) == [(0, "other", "A"), (1, "other", "B"), (2, "other", "A")]
    assert root.children[0].children[0].is_shown_before


@given(
    st.dictionaries(
        st.sampled_from("ABCDEFG"), st.lists(st.sampled_from("ABCDEFGHI"), max_size=9), min_size=1
    )
)
def test_every_cause_is_shown_or_counted(edges):
    root_id = sorted(edges)[0]
    root = story_of(chained(edges), root_id)
    for _, node in root.walk():
        if not node.is_shown_before:
            named = set(edges.get(node.id, ())) - {node.id}
            assert len(node.children) + node.more == len(named)
    reached, waiting = {root_id}, [root_id]
    while waiting:
        new = set(edges.get(waiting.pop(), ())) - reached
        reached |= new
        waiting += new
    assert {node.id for _, node in root.walk()} == reached


def test_a_level_asks_once_for_each_kind_of_record(house):
    calls = []

    class Counted:
        def load_all(self, kind, ids):
            calls.append(kind.__name__)
            return house.records.load_all(kind, ids)

        def history(self, subject):
            return house.records.history(subject)

    root = story_of(Counted(), TRACE)
    assert len(calls) <= 40
    assert len(list(root.walk())) > 10


def test_a_case_is_told_from_its_first_sign(house):
    root = story_of(house.records, house.case("site-1").id)
    assert at("08T09:00") == root.at
    assert [node.id for _, node in root.walk()][1] == "F-1"
