"""Who sees what in a story: no more than the operations API gives, and money down to its ground."""

from datetime import UTC, datetime

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Event
from cloud.kernel.errors import NotFound
from cloud.reporting.roles import MONEY_ROLES, ROLES
from cloud.reporting.story import _BY_LOG, _BY_PREFIX, KINDS, UNKNOWN, story_of
from cloud.reporting.story_readers import READERS, hidden_from, readers_of
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


def test_no_reader_is_listed_for_what_there_is_not():
    assert set(READERS) <= KINDS


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
