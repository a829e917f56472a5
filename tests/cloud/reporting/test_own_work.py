"""What waits for the owner's people: one of each kind, whose it is, and what it costs to ask."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from reporting_world import House, at, empty_house, story

from cloud.adapters import chart
from cloud.adapters.chart import CHART, charted
from cloud.adapters.memory import MemoryRecords
from cloud.adapters.tables import OperationsRow
from cloud.detection.models import HoldState, SweepHold
from cloud.funding.extension import ExtensionRequest, RequestState
from cloud.funding.models import BankFileTaken, FundingRun, RunState
from cloud.funding.overdue import OverdueFile, OverdueState
from cloud.funding.tickets import Ticket, TicketState
from cloud.invoicing.models import (
    ChargeState,
    CustomerCharge,
    Dispute,
    DisputeState,
    Invoice,
    InvoiceState,
)
from cloud.kernel.change import Change, Save
from cloud.portfolio.organisation import (
    OptInRequest,
    OptInState,
    RelationshipManager,
    ServiceContact,
)
from cloud.portfolio.papers import (
    BankChange,
    BankChangeState,
    DocumentKind,
    DocumentState,
    PartnerDocument,
)
from cloud.portfolio.proposals import Proposal, ProposalState
from cloud.reporting.own_work import _DESKS, all_work, work_of
from cloud.reporting.roles import ROLES
from cloud.service.models import (
    Assignment,
    Case,
    CaseState,
    CaseTask,
    HelpRequest,
    HelpState,
    Mail,
    MailState,
    PostHold,
    Report,
    ReportTask,
    Task,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.offer import AssignmentState
from cloud.service.policy import EMERGENCY_ACK_MINUTES
from cloud.telemetry.watching import GatewayPresence
from tests.cloud.adapters.record_examples import example

NOW = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)
CAME = NOW - timedelta(hours=3)
MAKER = "mo.maker"


def made(kind, /, **facts):
    return replace(example(kind), **facts)


def run(state, **facts):
    known = {
        "id": f"comfort-{state.value}",
        "state": state,
        "plan_ids": ("plan-1",),
        "unusual": (),
        "released_by": "",
        "preparer": MAKER,
        "approver": "",
        "prepared_at": CAME,
        "approved_at": CAME,
        "funding_date": date(2026, 6, 9),
        "file_reference": "ach/1",
    }
    return made(FundingRun, **{**known, **facts})


def order(task, /, **facts):
    known = {
        "id": f"WO-{task.value}",
        "task": task,
        "assignments": (),
        "partner_id": None,
        "pauses": (),
        "issued_at": CAME,
        "reported_at": None,
        "is_emergency": False,
        "spc_id": "spc_queue",
    }
    return made(WorkOrder, **{**known, **facts})


def case(task, /, **facts):
    known = {
        "id": f"CASE-{task.value}",
        "task": task,
        "state": CaseState.OPEN,
        "opened_at": CAME,
        "is_emergency": False,
        "checks": (),
        "visited_at": None,
        "told_at": None,
    }
    return made(Case, **{**known, **facts})


INVOICE = made(
    Invoice,
    id="INV-1",
    state=InvoiceState.SUBMITTED,
    work_order_id="WO-record_finding",
    submitted_at=CAME,
    submitted_by="jo",
    routed_to=MAKER,
    returned=(),
    first_approved_by="",
    escalated_at=None,
    partner_id="P-A",
)
CHARGE = made(CustomerCharge, proposed_by=MAKER, proposed_at=CAME, approved_at=CAME, told_at=CAME)
HELP = made(HelpRequest, at=CAME)
PAPER = made(PartnerDocument, recorded_at=CAME, recorded_by="jo", task="", project_id="PRJ-1")
BANK = made(BankChange, asked_by=MAKER, asked_at=CAME, takes_effect_at=CAME)
MAIL = made(Mail, at=CAME)
FILE = BankFileTaken("BF-1", "ach/in/1", MAKER, CAME, count=2)

WAITING = [
    *((one, "spc ams" if one in {CaseTask.TRIAGE, CaseTask.RETURN_VISIT} else "ams", case(one))
      for one in CaseTask),
    *((one, "spc", order(one)) for one in Task),
    ("check_serials", "spc",
     made(Report, work_order_id="WO-7", task=ReportTask.CHECK_SERIALS, serials_at=None,
          submitted_at=CAME)),
    ("help_request", "ams", replace(HELP, id="HR-1", state=HelpState.NEW)),
    ("help_request", "ams", replace(HELP, id="HR-2", state=HelpState.UNMATCHED)),
    ("match_mail", "spc ams", replace(MAIL, id="MAIL-1", state=MailState.FOR_A_PERSON)),
    ("quarantined_mail", "spc ams", replace(MAIL, id="MAIL-2", state=MailState.QUARANTINED)),
    ("post_hold", "ams", made(PostHold, state=MailState.HELD, held_at=CAME)),
    ("sweep_hold", "spc", made(SweepHold, state=HoldState.HELD, held_at=CAME)),
    ("correct_contact", "spc relationship_manager",
     made(ServiceContact, id="P-A", task="correct_contact", bounced_at=CAME)),
    ("look_at_clone", "ams",
     made(GatewayPresence, id="gw-9", suspicion="open", rule="DV-07", says="two starts at once",
          suspected_at=CAME)),
    ("decide_invoice", "spc", INVOICE),
    ("decide_dispute", "spc",
     made(Dispute, id="DSP-1", state=DisputeState.OPEN, level="spc", steps=(), opened_at=CAME)),
    ("decide_dispute", "relationship_manager",
     made(Dispute, id="DSP-2", state=DisputeState.OPEN, level="relationship_manager", steps=(),
          opened_at=CAME)),
    ("decide_dispute", "admin",
     made(Dispute, id="DSP-3", state=DisputeState.OPEN, level="partner_agreement", steps=(),
          opened_at=CAME)),
    ("approve_charge", "spc", replace(CHARGE, id="CC-1", state=ChargeState.PROPOSED)),
    ("tell_charge", "spc", replace(CHARGE, id="CC-2", state=ChargeState.APPROVED)),
    ("export_charge", "accounting_admin", replace(CHARGE, id="CC-3", state=ChargeState.TOLD)),
    ("decide_opt_in", "relationship_manager",
     made(OptInRequest, state=OptInState.ASKED, asked_at=CAME)),
    ("review_document", "projects",
     replace(PAPER, id="DOC-1", kind=DocumentKind.COMPLIANCE, task="review_document",
             state=DocumentState.WAITING)),
    ("decide_paper", "accounting",
     replace(PAPER, id="DOC-2", kind=DocumentKind.W9, task="review_document",
             state=DocumentState.WAITING)),
    ("agree_bank_change", "accounting_admin",
     replace(BANK, id="BCH-1", state=BankChangeState.ASKED)),
    ("apply_bank_change", "accounting",
     replace(BANK, id="BCH-2", state=BankChangeState.AGREED,
             takes_effect_at=NOW - timedelta(days=1))),
    ("decide_proposal", "accounting_admin",
     made(Proposal, state=ProposalState.PENDING, by=MAKER, at=CAME, kind="cancel_project")),
    ("decide_extension", "accounting_admin",
     made(ExtensionRequest, state=RequestState.PENDING, submitted_at=CAME,
          decision_due_date=date(2026, 6, 15))),
    ("approve_run", "accounting_admin", run(RunState.PREVIEW)),
    ("release_run", "accounting_admin",
     run(RunState.PREVIEW, id="comfort-unusual", unusual=("far above",))),
    ("carry_out_run", "accounting", run(RunState.APPROVED)),
    ("carry_out_run", "accounting", run(RunState.COMMITTED)),
    ("send_run", "treasury", run(RunState.FILED)),
    ("ask_bank", "treasury", run(RunState.SENDING)),
    ("settle_run", "treasury", run(RunState.SENT, funding_date=date(2026, 6, 8))),
    ("agree_bank_file", "accounting_admin", FILE),
    ("overdue_project", "projects",
     made(OverdueFile, id="PRJ-9", state=OverdueState.OPEN, since=CAME)),
    ("answer_ticket", "accounting",
     made(Ticket, state=TicketState.OPEN, opened_at=CAME, messages=())),
]  # fmt: skip


def kept(*records):
    store = MemoryRecords()
    for record in records:
        store.commit(Change(saves=(Save(record),)))
    return store


def busy():
    """Give records with one thing of every kind that waits."""
    return kept(*(record for _, _, record in WAITING))


def kinds(items):
    return sorted(item.kind for item in items)


@pytest.mark.parametrize(
    ("kind", "roles", "record"),
    [
        pytest.param(kind, roles, record, id=f"{kind} {record.id}")
        for kind, roles, record in WAITING
    ],
)
def test_each_kind_of_work_waits_for_its_roles_and_for_nobody_else(kind, roles, record):
    store = kept(record)
    for role in sorted(ROLES):
        found = work_of(store, {role}, person="somebody", at=NOW)
        assert kinds(found) == ([kind] if role in roles.split() else []), role
    (item,) = all_work(store, at=NOW)
    assert item.roles == frozenset(roles.split())
    assert item.rule
    assert item.since <= NOW
    assert item.title[0].isupper()


def test_all_of_it_is_there_at_once_and_in_order():
    found = all_work(busy(), at=NOW)
    assert kinds(found) == sorted(kind for kind, _, _ in WAITING)
    assert [item.place for item in found] == sorted(item.place for item in found)


@pytest.mark.parametrize(
    "roles",
    [pytest.param(set(), id="without a role"), pytest.param({"auditor"}, id="who only looks"),
     pytest.param({"nobody knows it"}, id="a role that is none")],
)  # fmt: skip
def test_who_may_do_nothing_has_nothing_to_do(roles):
    assert work_of(busy(), roles, person="otto", at=NOW) == ()


def test_what_two_roles_may_do_stands_once_for_who_has_both():
    found = work_of(busy(), {"spc", "ams"}, person="amy", at=NOW)
    assert kinds(found).count("triage") == 1


OVER = [
    pytest.param(case(CaseTask.TRIAGE, state=CaseState.CANCELLED), id="a case that is over"),
    pytest.param(
        order(Task.CONFIRM_PAUSE, state=WorkOrderState.CANCELLED), id="an order that was called off"
    ),
    pytest.param(
        made(ServiceContact, id="P-A", task="correct_contact", bounced_at=None),
        id="a contact that nothing came back from",
    ),
    pytest.param(replace(INVOICE, state=InvoiceState.RETURNED), id="an invoice that went back"),
    pytest.param(replace(FILE, agreed_by="ada"), id="a bank file that is agreed to"),
    pytest.param(replace(FILE, count=0), id="a bank file of nothing"),
    pytest.param(
        replace(BANK, state=BankChangeState.AGREED, takes_effect_at=NOW - timedelta(hours=23)),
        id="bank details whose hold ended today: they are being applied",
    ),
    pytest.param(run(RunState.PREVIEW, plan_ids=()), id="a run that pays nobody"),
    pytest.param(
        run(RunState.FILED, file_reference="", prenote_reference=""), id="a run without a file"
    ),
    pytest.param(run(RunState.SENT), id="a file that the bank pays tomorrow"),
    pytest.param(run(RunState.SETTLED), id="a run that is over"),
]


@pytest.mark.parametrize("record", OVER)
def test_what_waits_for_nobody_is_not_there(record):
    assert all_work(kept(record), at=NOW) == ()


OWN = [
    pytest.param("approve_run", MAKER, True, run(RunState.PREVIEW), id="its preparer: a run"),
    pytest.param("approve_run", "ada", False, run(RunState.PREVIEW), id="another: a run"),
    pytest.param(
        "approve_run",
        "ada",
        True,
        run(RunState.PREVIEW, unusual=("far above",), released_by="ada"),
        id="who let it go on: a run",
    ),
    pytest.param("send_run", MAKER, True, run(RunState.FILED), id="its preparer: the file"),
    pytest.param(
        "send_run", "ada", True, run(RunState.FILED, approver="ada"), id="its approver: the file"
    ),
    pytest.param("send_run", "tess", False, run(RunState.FILED), id="another: the file"),
    *(
        pytest.param(
            "settle_run",
            person,
            is_own,
            run(RunState.SENT, approver="ada", funding_date=date(2026, 6, 8)),
            id=f"{says}: what the bank paid out",
        )
        for person, is_own, says in (
            (MAKER, True, "who prepared it"),
            ("ada", True, "its approver"),
            ("tess", False, "another"),
        )
    ),
    pytest.param("agree_bank_file", MAKER, True, FILE, id="who brought it: a bank file"),
    pytest.param("agree_bank_file", "ada", False, FILE, id="another: a bank file"),
    pytest.param("decide_invoice", "jo", True, INVOICE, id="who submitted it: an invoice"),
    pytest.param(
        "decide_invoice",
        "sam",
        True,
        replace(INVOICE, first_approved_by="sam"),
        id="who approved it first: an invoice",
    ),
    pytest.param("decide_invoice", MAKER, False, INVOICE, id="who it went to: an invoice"),
    pytest.param(
        "approve_charge",
        MAKER,
        True,
        replace(CHARGE, state=ChargeState.PROPOSED),
        id="who proposed it: a charge",
    ),
    pytest.param(
        "tell_charge",
        MAKER,
        False,
        replace(CHARGE, state=ChargeState.APPROVED),
        id="who proposed it may tell: a charge",
    ),
    pytest.param(
        "agree_bank_change",
        MAKER,
        True,
        replace(BANK, state=BankChangeState.ASKED),
        id="who asked: bank details",
    ),
    pytest.param(
        "decide_proposal",
        MAKER,
        True,
        made(Proposal, state=ProposalState.PENDING, by=MAKER, kind="cancel_project"),
        id="who proposed it: a proposal",
    ),
]


@pytest.mark.rule("D09")
@pytest.mark.parametrize(("kind", "person", "is_own", "record"), OWN)
def test_what_somebody_prepared_is_marked_and_waits_for_another(kind, person, is_own, record):
    (item,) = work_of(kept(record), ROLES, person=person, at=NOW)
    assert (item.kind, item.is_own) == (kind, is_own)


def test_nobody_in_particular_has_prepared_nothing():
    nameless = run(RunState.FILED, preparer="", approver="")
    (item,) = work_of(kept(nameless), {"treasury"}, person="", at=NOW)
    assert not item.is_own


def test_an_extension_is_in_time_on_the_whole_of_its_last_day():
    (record,) = (one for kind, _, one in WAITING if kind == "decide_extension")
    (item,) = all_work(kept(record), at=NOW)
    assert item.due_at == datetime(2026, 6, 16, 4, 0, tzinfo=UTC)
    assert not item.is_late(item.due_at)
    assert item.is_late(item.due_at + timedelta(microseconds=1))


def test_an_emergency_comes_first_whatever_else_is_due():
    late = run(RunState.PREVIEW, funding_date=date(2026, 6, 1))
    burning = case(CaseTask.TRIAGE, is_emergency=True, opened_at=NOW)
    assert kinds(all_work(kept(late, burning), at=NOW)) == ["approve_run", "triage"]
    assert [one.kind for one in all_work(kept(late, burning), at=NOW)] == ["triage", "approve_run"]


def test_a_partner_is_called_within_the_time_that_an_emergency_leaves_it():
    offer = made(
        Assignment,
        state=AssignmentState.OFFERED,
        offered_at=CAME,
        delivered_at=CAME,
        bounced_at=None,
        phoned_at=None,
        acknowledged_at=None,
        answered_at=None,
    )
    call = order(
        Task.PHONE_PARTNER,
        is_emergency=True,
        emergency_since=None,
        state=WorkOrderState.OFFERED,
        partner_id=offer.partner_id,
        assignments=(offer,),
        policy_day=CAME.date(),
    )
    (item,) = all_work(kept(call), at=NOW)
    minutes = EMERGENCY_ACK_MINUTES.on(CAME.date())
    assert item.due_at == CAME + timedelta(minutes=minutes)
    assert (item.is_emergency, item.partner_id) == (True, offer.partner_id)


def test_an_emergency_that_is_over_waits_like_anything_else():
    finding = order(Task.RECORD_FINDING, is_emergency=True, state="completed")
    (item,) = all_work(kept(finding), at=NOW)
    assert not item.is_emergency


def test_what_has_no_deadline_stands_where_it_came_in():
    old = case(CaseTask.TRIAGE, id="CASE-old", opened_at=NOW - timedelta(days=9))
    new = case(CaseTask.TRIAGE, id="CASE-new", opened_at=NOW)
    due = run(RunState.PREVIEW, funding_date=date(2026, 6, 8))
    assert [one.id for one in all_work(kept(new, due, old), at=NOW)] == [
        "CASE-old",
        "comfort-preview",
        "CASE-new",
    ]


def test_a_late_invoice_is_its_managers_too_and_comes_back_with_a_later_clock():
    late = replace(INVOICE, escalated_at=NOW)
    manager = RelationshipManager("ron", "Ron", "ron@owner.example", ("P-A",))
    found = all_work(kept(late, manager), at=NOW)
    assert {one.kind: (one.rule, one.waits_for) for one in found} == {
        "decide_invoice": ("I-66", MAKER),
        "late_invoice": ("I-69", "ron"),
    }


# ---------------------------------------------------------------------- by the real processes
def house_at(instant):
    house = House(empty_house())
    for told in story(house):
        if told == instant:
            break
    return house


STORY = [
    pytest.param("09T11:01", [], id="offers that can still be answered wait for the partners"),
    pytest.param("10T10:00", ["approve_spend"], id="somebody asks for more than the limit"),
    pytest.param("11T10:00", [], id="it was approved"),
    pytest.param("12T12:00", ["confirm_pause"], id="a partner waits for the weather"),
    pytest.param("16T12:00", ["record_finding"], id="the work is done: why did it fail"),
    pytest.param(
        "19T10:00", ["decide_invoice", "record_finding"], id="an invoice came"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("instant", "expected"), STORY)
def test_what_a_coordinator_has_to_do_on_days_of_june(instant, expected):
    house = house_at(instant)
    found = work_of(house.records, {"spc"}, person="spc_1", at=at(instant))
    wanted = [one for one in kinds(found) if one != "triage"]
    assert wanted == expected


def test_an_invoice_is_due_on_its_tenth_business_day():
    house = house_at("19T10:00")
    found = work_of(house.records, {"spc"}, person="spc_1", at=at("19T10:00"))
    (invoice,) = (one for one in found if one.kind == "decide_invoice")
    assert invoice.due_at == datetime(2026, 7, 6, 17, 0, tzinfo=at("19T10:00").tzinfo)
    assert invoice.amount.cents == 80_000
    assert invoice.waits_for == "spc_1"


# ---------------------------------------------------------------------- what it costs
class Counted:
    """Records that count how they are asked, and what they gave."""

    def __init__(self, records):
        self._records = records
        self.calls = Counter()

    def __getattr__(self, name):
        asked_for = getattr(self._records, name)

        def counted(*arguments, **facts):
            answer = asked_for(*arguments, **facts)
            self.calls[name] += 1
            self.calls["given"] += len(answer)
            return answer

        return counted


def asked(records, roles):
    counted = Counted(records)
    work_of(counted, roles, person="sam", at=NOW)
    return counted.calls


def crowd(records, count):
    """Add so many records of every kind that are over: nobody has to do anything of them."""
    for number in range(count):
        over = (
            case(CaseTask.TRIAGE, id=f"C-{number}", task=None, state=CaseState.CLOSED),
            order(Task.RECORD_FINDING, id=f"W-{number}", task=None),
            replace(INVOICE, id=f"I-{number}", state=InvoiceState.PAID),
            replace(MAIL, id=f"M-{number}", state=MailState.FILED),
            run(RunState.SETTLED, id=f"r-{number}"),
            replace(FILE, id=f"B-{number}", agreed_by="ada"),
        )
        records.commit(Change(saves=tuple(Save(one) for one in over)))
    return records


def test_what_is_over_is_not_read():
    assert asked(crowd(busy(), 300), ROLES) == asked(busy(), ROLES)


READS = {
    "spc": 2,
    "ams": 2,
    "relationship_manager": 3,
    "projects": 2,
    "accounting": 8,
    "accounting_admin": 10,
    "treasury": 6,
    "admin": 1,
    "auditor": 0,
}
"""Role -> how often records are asked for: service's piles together, the others by value."""
MOST_READS = 15
"""What a queue may cost whoever looks, on top of the session."""


def reads(calls):
    return calls["find"] + calls["waiting"] + calls["load_all"]


@pytest.mark.parametrize("role", READS)
def test_a_role_asks_for_its_own_piles_only(role):
    calls = asked(busy(), {role})
    assert reads(calls) == READS[role]
    assert calls["load"] == calls["history"] == 0
    assert calls["waiting"] <= 1


def test_whoever_looks_at_everything_asks_a_bounded_number_of_times():
    counted = Counted(busy())
    assert all_work(counted, at=NOW)
    assert reads(counted.calls) <= MOST_READS


def piles_of_service():
    """Give what lies on the piles that are asked for together: kind, attribute, value."""
    return {
        (charted(desk.kind), desk.by, str(value))
        for desk in _DESKS
        for value in desk.values
        if not desk.by_value
    }


def test_the_chart_says_of_each_pile_of_service_when_it_waits():
    charted_so = {
        (kind, by, value)
        for kind, told in chart.WAITING.items()
        for by, among in told.items()
        for value in among or {one for of, at, one in piles_of_service() if (of, at) == (kind, by)}
    }
    assert piles_of_service() == charted_so


@pytest.mark.parametrize(
    "task", [pytest.param(kind, id=kind.__name__) for kind in (CaseTask, Task, ReportTask)]
)
def test_a_record_with_any_task_waits_and_lies_on_a_pile(task):
    known = {value for _, by, value in piles_of_service() if by == "task"}
    assert {str(one) for one in task} <= known


def test_what_stands_in_a_table_without_an_index_of_what_waits_is_asked_for_by_value():
    kinds = {charted(desk.kind): desk.by_value for desk in _DESKS}
    assert kinds == {name: CHART[name][0] is not OperationsRow for name in kinds}


def test_the_orders_behind_invoices_are_loaded_at_once():
    store = busy()
    for number in range(50):
        store.commit(Change(saves=(Save(replace(INVOICE, id=f"INV-x{number}")),)))
    assert asked(store, {"spc"})["load_all"] == 1
