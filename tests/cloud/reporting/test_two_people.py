"""Every decision that takes two people is told with both of them, whatever came of it."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import cloud
from cloud.adapters.memory import MemoryRecords
from cloud.funding.extension import ExtensionRequest, RequestState
from cloud.funding.models import BankFileTaken
from cloud.invoicing import process as invoicing
from cloud.invoicing.models import ChargeState, CustomerCharge
from cloud.invoicing.policy import SECOND_APPROVAL_CENTS
from cloud.kernel.change import Change, Event, Save
from cloud.kernel.money import Money
from cloud.kernel.secret import Secret
from cloud.portfolio.models import AccountKind
from cloud.portfolio.papers import BankChange, BankChangeState
from cloud.portfolio.proposals import Proposal, ProposalState
from cloud.reporting.two_people import TAKES_TWO, decided_by_two
from cloud.service import process as service
from tests.cloud.invoicing.invoicing_world import SUBMITTED, done, draft, kept_records, submit
from tests.cloud.reporting.test_run_desk import run

NOW = datetime(2026, 6, 20, 15, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CHANGE = BankChange(
    "BCH-1",
    "P-ALDER",
    "091000019",
    Secret("123456789"),
    AccountKind.CHECKING,
    "ines",
    NOW - 3 * DAY,
)
REQUEST = ExtensionRequest(
    "EXT-1", "PRJ-1", "P-ALDER", "comfort", 1, (), "utility", "", "", NOW - 2 * DAY, "ines",
    date(2026, 6, 30), 30, Money(1), decided_by="ada", decided_at=NOW - DAY,
)  # fmt: skip
CHARGE = CustomerCharge(
    "CC-1", "INV-1", "WO-1", "site-1", (), Money(1), "photo 3", ChargeState.APPROVED, NOW - 2 * DAY,
    "spc_1", NOW - DAY, "spc_2",
)  # fmt: skip
PROPOSAL = Proposal(
    "PR-1", "settle_debt", "OFF-1", (), "by check", "pat", NOW - 2 * DAY, ProposalState.AGREED,
    "ada", NOW - DAY,
)  # fmt: skip


def told(*saved):
    records = MemoryRecords()
    records.commit(Change(saves=tuple(Save(one) for one in saved)))
    return decided_by_two(records, at=NOW)


AGREED = {"agreed_by": "abe", "agreed_at": NOW - DAY}
ROWS = [
    pytest.param(
        replace(CHANGE, state=BankChangeState.EFFECTIVE, **AGREED),
        ("change_bank_details", "effective", "ines", "abe", ""),
        id="bank details agreed to",
    ),
    pytest.param(
        replace(CHANGE, state=BankChangeState.REJECTED, ended_by="abe", because="no"),
        ("change_bank_details", "rejected", "ines", "abe", ""),
        id="bank details refused by another",
    ),
    pytest.param(
        replace(CHANGE, state=BankChangeState.REJECTED, ended_by="eve", **AGREED),
        ("change_bank_details", "rejected", "ines", "abe", "eve"),
        id="bank details agreed to, and stopped in their hold",
    ),
    pytest.param(
        replace(CHANGE, state=BankChangeState.WITHDRAWN, ended_by="ines"),
        None,
        id="bank details taken back by who asked",
    ),
    pytest.param(CHANGE, None, id="bank details that wait"),
    pytest.param(
        replace(REQUEST, state=RequestState.APPROVED),
        ("decide_extension", "approved", "ines", "ada", ""),
        id="an extension granted",
    ),
    pytest.param(
        replace(REQUEST, state=RequestState.DENIED),
        ("decide_extension", "denied", "ines", "ada", ""),
        id="an extension denied",
    ),
    pytest.param(
        replace(REQUEST, state=RequestState.WITHDRAWN, decided_by="ines"),
        None,
        id="an extension taken back",
    ),
    pytest.param(
        CHARGE, ("charge_customer", "approved", "spc_1", "spc_2", ""), id="a charge approved"
    ),
    pytest.param(
        replace(CHARGE, state=ChargeState.EXPORTED),
        ("charge_customer", "exported", "spc_1", "spc_2", ""),
        id="a charge that left",
    ),
    pytest.param(
        replace(CHARGE, state=ChargeState.WITHDRAWN, withdrawn_by="spc_3"),
        ("charge_customer", "withdrawn", "spc_1", "spc_2", "spc_3"),
        id="a charge approved and withdrawn",
    ),
    pytest.param(
        replace(CHARGE, state=ChargeState.WITHDRAWN, approved_by="", approved_at=None),
        None,
        id="a charge withdrawn before anybody approved it",
    ),
    pytest.param(
        BankFileTaken("BF-1", "ref", "tara", NOW - DAY, 1, agreed_by="theo"),
        ("agree_bank_file", "agreed", "tara", "theo", ""),
        id="a file of the bank's",
    ),
    pytest.param(
        PROPOSAL, ("settle_debt", "agreed", "pat", "ada", ""), id="a proposal that was agreed to"
    ),
]


@pytest.mark.parametrize(("record", "row"), ROWS)
def test_each_is_told_with_both_people(record, row):
    found = [
        (one.what, one.state, one.asked_by, one.decided_by, one.stopped_by) for one in told(record)
    ]
    assert found == ([] if row is None else [row])


TWO = replace(SECOND_APPROVAL_CENTS, values=dict.fromkeys(SECOND_APPROVAL_CENTS.values, 1))


@pytest.mark.parametrize(
    ("then", "ends"),
    [
        pytest.param("approve", [("approved", "spc_1", "spc_2")], id="approved by another"),
        pytest.param("return", [], id="given back after the first approval"),
        pytest.param("", [], id="the second one waits"),
    ],
)
def test_an_invoice_with_two_approvals_is_told(then, ends):
    records = kept_records()
    made = submit(records, draft(done(records), 20_000))
    deed = {"invoice_id": made.id, "at": SUBMITTED}
    invoicing.approve(records, by="spc_1", second_approval=TWO, **deed)
    if then == "approve":
        invoicing.approve(records, by="spc_2", second_approval=TWO, **deed)
    if then == "return":
        invoicing.return_to_partner(records, by="spc_1", reason="which day?", **deed)
    found = decided_by_two(records, at=NOW)
    assert [(one.state, one.asked_by, one.decided_by) for one in found] == ends
    assert {one.what for one in found} <= {"approve_invoice"}


def test_leave_to_spend_by_two_people_is_told():
    records = kept_records()
    done(records, state="accepted", report_id=None, departed_at=None, reported_at=None)
    for who in ("spc_1", "spc_2"):
        answer = service.approve_spend(
            records, work_order_id="WO-1", max_total=Money(600_000), is_written=True,
            at=SUBMITTED, by=who,
        )  # fmt: skip
        assert not hasattr(answer, "because"), answer
    (one,) = decided_by_two(records, at=NOW)
    assert (one.what, one.asked_by, one.decided_by) == ("approve_spend", "spc_1", "spc_2")


REFUSES_ONE_PERSON = {
    "portfolio/process/bank_details.py": "change_bank_details",
    "portfolio/proposals.py": "proposals, by their kinds",
    "funding/process/sending.py": "book_run",
    "funding/process/extensions.py": "decide_extension",
    "funding/process/bank_files.py": "agree_bank_file",
    "funding/process/run.py": "approve_run",
    "funding/approval.py": "approve_run",
    "invoicing/process/decisions.py": "approve_invoice",
    "invoicing/process/charges.py": "charge_customer",
    "service/process/spend.py": "approve_spend",
}
"""Where the code keeps one person from doing both -> what is told of it."""


def test_every_decision_that_takes_two_people_in_the_code_is_told_of():
    root = Path(cloud.__file__).parent
    stages = ("portfolio", "telemetry", "detection", "service", "invoicing", "funding")
    marks = re.compile(r'"maker_is_checker"|"same_person"|"spend_approved_first"')
    found = {
        str(path.relative_to(root))
        for stage in stages
        for path in (root / stage).rglob("*.py")
        if marks.search(path.read_text())
    }
    assert found == set(REFUSES_ONE_PERSON)
    assert set(TAKES_TWO) == {one for one in REFUSES_ONE_PERSON.values() if " " not in one}


def test_who_says_what_the_bank_did_is_told_beside_who_approved():
    settled = replace(run("R-1"), approver="ada", approved_at=NOW - 2 * DAY, settled_at=NOW)
    records = MemoryRecords()
    event = Event("R-1", "run_settled", NOW, "theo", "F04", says="the bank has paid it out")
    records.commit(Change(saves=(Save(settled),), events=(event,)))
    found = {one.what: (one.asked_by, one.decided_by) for one in decided_by_two(records, at=NOW)}
    assert found == {"approve_run": ("ana", "ada"), "book_run": ("ada", "theo")}
