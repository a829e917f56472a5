"""Who sees what in a story: no more than the operations API gives, and money down to its ground."""

import ast
import pathlib
from datetime import UTC, datetime

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Event
from cloud.kernel.errors import NotFound
from cloud.reporting.roles import AUDITOR, MONEY_ROLES, ROLES
from cloud.reporting.story import _BY_LOG, _BY_PREFIX, KINDS, UNKNOWN, story_of
from cloud.reporting.story_readers import (
    LOG_KINDS,
    READERS,
    hidden_from,
    kind_told,
    readable,
    readers_of,
)
from tests.cloud.functions.test_operations_api_access import ROUTES

AT = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)
READ = {path: roles for method, path, roles in ROUTES if method == "GET"}
DONE = {path: roles for method, path, roles in ROUTES if method == "POST"}

OF_THE_API = {
    "bank_line": "/ops/trace/{trace_number}",
    "plan": "/ops/runs/{run_id}/plans",
    "run": "/ops/runs/{run_id}",
    "ledger_entry": "/ops/partners/{partner_id}/ledger",
    "payable": "/ops/runs/{run_id}/plans",
    "deduction": "/ops/runs/{run_id}/plans",
    "proposal": "/ops/proposals",
    "bank_file": "/ops/bank_files/{file_id}",
    "books_check": "/ops/books/checks/{check_id}",
    "funding_day": "/ops/funding_days",
    "cancellation": "/ops/cancellations",
    "bank_change": "/ops/bank_changes",
    "extension": "/ops/extension_requests/{request_id}",
    "ticket": "/ops/tickets/{ticket_id}",
    "vendor_invoice": "/ops/vendor_invoices_to_settle",
    "vendor": "/ops/vendors",
    "warranty_prices": "/ops/warranty_prices",
    "payment_plan": "/ops/payment_plans/{payment_plan_id}",
    "mail": "/ops/mails",
    "question": "/ops/work_orders/{number}",
    "help_request": "/ops/help_requests",
    "opt_in_request": "/ops/opt_in_requests",
}
"""Kind -> the route that tells of it: exactly its readers see it."""
GROUND = {
    "invoice": "/ops/invoices/{invoice_id}",
    "back_bill": "/ops/back_bills",
    "dispute": "/ops/disputes/{dispute_id}",
    "customer_charge": "/ops/customer_charges",
    "work_order": "/ops/work_orders/{number}",
    "report": "/ops/work_orders/{number}/reports",
    "file": "/ops/work_orders/{number}/reports",
    "case": "/ops/cases/{case_id}",
    "finding": "/ops/cases/{case_id}/log",
    "recovery": "/ops/cases/{case_id}/log",
    "visit_request": "/ops/cases/{case_id}/log",
    "reading": "/ops/gateways/{gateway_id}",
    "milestone": "/ops/projects/{project_id}",
    "project": "/ops/projects/{project_id}",
    "partner": "/ops/partners/{partner_id}",
}
"""Kind -> its route; who deals with money sees it too, for money rests on it."""
ONLY_MONEY = frozenset({"export", "internal_cost", "letter", UNKNOWN})
"""Kinds that no route of the operations tells of by itself."""


def readers(kind):
    if kind in OF_THE_API:
        return READ[OF_THE_API[kind]]
    if kind in GROUND:
        return READ[GROUND[kind]] | MONEY_ROLES
    if kind == "paper":
        return READ["/ops/documents"] | READ["/ops/partners/{partner_id}/documents"]
    if kind == "site":
        # Who puts a home on record knows it too.
        known = READ["/ops/sites/{site_id}/equipment"] | DONE["/ops/sites/{site_id}/baseline"]
        return known | MONEY_ROLES
    assert kind in ONLY_MONEY, f"say who reads a {kind}"
    return MONEY_ROLES


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_kind_is_seen_by_who_reads_it_over_the_api(kind):
    assert readers_of(kind) == readers(kind)


LOGGED = {
    "service_contact": "/ops/service_contacts",
    "direct_pay": "/ops/projects/{project_id}/direct_pay",
    "prepaid_commission": "/ops/prepaid_commissions",
    "overdue_file": "/ops/overdue_files",
    "gateway": "/ops/gateways/{gateway_id}/log",
    "report_schedule": "/ops/report_schedules",
}
"""Kind that only logs tell of -> the route that tells of it too."""


@pytest.mark.parametrize("kind", sorted(LOG_KINDS))
def test_a_kind_of_logs_is_seen_by_who_reads_it_over_the_api(kind):
    assert readers_of(kind) == READ[LOGGED[kind]]


def test_no_reader_is_listed_for_what_there_is_not():
    assert set(READERS) <= KINDS | LOG_KINDS
    assert not KINDS & LOG_KINDS


def test_an_auditor_reads_whatever_a_log_tells():
    assert {kind for kind in KINDS | LOG_KINDS if AUDITOR not in readers_of(kind)} == set()


PREFIXES = {
    **{prefix: kinds[0] for prefix, kinds in _BY_PREFIX.items()},
    **_BY_LOG,
    "ZZZ": UNKNOWN,
    "A thing of no form": UNKNOWN,
}


@pytest.mark.parametrize("role", sorted(ROLES))
@pytest.mark.parametrize("prefix", sorted(PREFIXES))
def test_an_id_is_told_of_to_its_readers_alone(prefix, role):
    records = MemoryRecords()
    name = f"{prefix}-0000000001"
    records.commit(Change(events=(Event(name, "made", AT, "x", says="it was made"),)))
    may = role in readers(PREFIXES[prefix])
    try:
        root = story_of(records, name, hidden=hidden_from({role}))
    except NotFound:
        assert not may
    else:
        assert may
        assert root.kind == PREFIXES[prefix]


def test_who_has_two_roles_sees_what_either_sees():
    assert hidden_from({"spc", "projects"}) == hidden_from({"spc"}) & hidden_from({"projects"})
    assert hidden_from(()) == KINDS


# ---- logs that many desks write into -------------------------------------------------------------

SUBJECTS = {
    "partner": {"partner_id", "partner.id", "change.partner_id", "known.partner_id"},
    "project": {"project_id", "project.id", "waiting.project_id"},
}
"""How the code names whose log an event goes into."""
OF_BOTH = {"document_sent", "document_unfit", "document_accepted", "document_refused"}
"""What goes into the log of a partner, or of the project that a paper is for."""
OF_EQUIPMENT = {
    "direct_pay_started",
    "equipment_ordered",
    "equipment_shipped",
    "shipment_crossed_choice",
    "vendor_invoice_received",
    "vendor_invoice_final",
    "vendor_invoice_voided",
}
"""What Direct Pay writes into the log of its project."""


def whats(of):
    """Give everything that the code writes into the logs of partners, or of projects."""
    found = set(OF_BOTH | (OF_EQUIPMENT if of == "project" else set()))
    for source in pathlib.Path("cloud").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Event" and node.args:
                subject, *rest = map(ast.unparse, node.args)
                if subject in SUBJECTS[of] and rest[0].startswith(("'", "f'")):
                    found.add(ast.literal_eval(rest[0].removeprefix("f").replace("{state}", "x")))
    return sorted(found)


@pytest.mark.parametrize(("of", "what"), [(of, one) for of in SUBJECTS for one in whats(of)])
def test_somebody_said_of_what_each_event_of_a_shared_log_tells(of, what):
    assert kind_told(Event("X", what, AT, "x"), of=of) != UNKNOWN


@pytest.mark.parametrize(
    ("of", "what", "kind"),
    [
        pytest.param("partner", "bank_change_asked", "bank_change", id="other bank details"),
        pytest.param("partner", "bank_account_blocked", "bank_change", id="an account is blocked"),
        pytest.param("partner", "prenote_sent", "bank_change", id="a prenote"),
        pytest.param("partner", "document_recorded", "paper", id="a paper of a partner"),
        pytest.param("partner", "dunned", "deduction", id="a letter about debts"),
        pytest.param("partner", "opted_in", "opt_in_request", id="why more work was granted"),
        pytest.param("partner", "licences_set", "partner", id="licences"),
        pytest.param("project", "compliance_document_recorded", "paper", id="a paper of a case"),
        pytest.param("project", "vendor_invoice_received", "vendor_invoice", id="a vendor's bill"),
        pytest.param("project", "commission_prepaid", "prepaid_commission", id="a commission"),
        pytest.param("project", "project_cancelled", "project", id="the end of a project"),
        pytest.param("project", "something_new", UNKNOWN, id="what nobody said the kind of"),
        pytest.param("work_order", "mail_returned", "work_order", id="the log of one desk"),
    ],
)
@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_log_is_read_by_who_reads_what_it_tells_of(of, what, kind, role):
    event = Event("X", what, AT, "x")
    assert readable((event,), {role}, of=of) == ((event,) if role in readers_of(kind) else ())
