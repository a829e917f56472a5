"""Every deed of both interfaces beside the page that does it, and why a deed has none."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.portal.console_views import menu as console
from cloud.portal.partner_views import menu as portal
from cloud.portal.routes import EVERYBODY, Route
from cloud.portal.whose import ADMIN
from tests.cloud.functions.test_operations_api_access import ROUTES

PARTNER_API = Path(__file__).parents[3] / "cloud" / "functions" / "partner_api"

OPERATIONS = """
/ops/accounting_admins/revoke | /console/partners/{partner_id}/people/{holder_id}/revoke
/ops/assignments/{proposal_id}/agree | /console/proposals/{proposal_id}/agree
/ops/bank_changes/{change_id}/agree | /console/bank_changes/{change_id}/agree
/ops/bank_changes/{change_id}/apply | /console/bank_changes/{change_id}/apply
/ops/bank_changes/{change_id}/reject | /console/bank_changes/{change_id}/reject
/ops/bank_files | /console/runs/bank_files
/ops/bank_files/{file_id}/agree | /console/runs/bank_files/{file_id}/agree
/ops/books/checks | /console/ledger/checks
/ops/cancellations/{proposal_id}/agree | /console/proposals/{proposal_id}/agree
/ops/cancellations/{proposal_id}/reject | /console/proposals/{proposal_id}/reject
/ops/cases | /console/help/report
/ops/cases/{case_id}/advice | /console/cases/{case_id}/advice
/ops/cases/{case_id}/cancel | /console/cases/{case_id}/cancel
/ops/cases/{case_id}/customer_confirms | /console/cases/{case_id}/customer_confirms
/ops/cases/{case_id}/customer_disagrees | /console/cases/{case_id}/customer_disagrees
/ops/cases/{case_id}/emergency | /console/cases/{case_id}/emergency
/ops/cases/{case_id}/external_update | /console/cases/{case_id}/external_update
/ops/cases/{case_id}/hand_over | /console/cases/{case_id}/hand_over
/ops/cases/{case_id}/remote_fix | /console/cases/{case_id}/remote_fix
/ops/cases/{case_id}/returned | /console/cases/{case_id}/returned
/ops/cases/{case_id}/site_visit | /console/cases/{case_id}/visit
/ops/cases/{case_id}/work_orders | /console/cases/{case_id}/work_orders
/ops/clone_suspicions/{gateway_id}/settle | /console/gateways/{gateway_id}/settle
/ops/compliance_offsets/{proposal_id}/agree | /console/proposals/{proposal_id}/agree
/ops/compliance_offsets/{proposal_id}/reject | /console/proposals/{proposal_id}/reject
/ops/coordinators/{coordinator_id}/presence | /console/coordinators/{coordinator_id}/presence
/ops/customer_charges/export | /console/charges/export
/ops/customer_charges/{charge_id}/approve | /console/charges/{charge_id}/approve
/ops/customer_charges/{charge_id}/tell | /console/charges/{charge_id}/tell
/ops/customer_charges/{charge_id}/withdraw | /console/charges/{charge_id}/withdraw
/ops/deductions/{deduction_id}/settlement | /console/reductions/{deduction_id}/settlement
/ops/device_claims | - gateways are let in, renewed and ended at the terminal, where a token or a key is put into a file
/ops/device_claims/{claim_id}/retire | - gateways are let in, renewed and ended at the terminal, where a token or a key is put into a file
/ops/devices | - gateways are let in, renewed and ended at the terminal, where a token or a key is put into a file
/ops/devices/{serial}/replace | - gateways are let in, renewed and ended at the terminal, where a token or a key is put into a file
/ops/disputes/{dispute_id}/escalate | /console/disputes/{dispute_id}/escalate
/ops/disputes/{dispute_id}/resolve | /console/disputes/{dispute_id}/resolve
/ops/documents/{document_id}/review | /console/papers/{document_id}/review
/ops/documents/{document_id}/withdraw | /console/papers/{document_id}/withdraw
/ops/extension_requests/{request_id}/deny | /console/extensions/{request_id}/deny
/ops/extension_requests/{request_id}/grant | /console/extensions/{request_id}/grant
/ops/first_accounting_admins | /console/partners/{partner_id}/people/{holder_id}/grant
/ops/funding_days | /console/funding_days
/ops/funding_days/withdraw | /console/funding_days/withdraw
/ops/gateways/{gateway_id}/configure | /console/homes/{site_id}/gateway
/ops/gateways/{gateway_id}/decommission | - gateways are let in, renewed and ended at the terminal, where a token or a key is put into a file
/ops/gateways/{gateway_id}/renew | - gateways are let in, renewed and ended at the terminal, where a token or a key is put into a file
/ops/help_requests/{request_id}/dismiss | /console/help/{request_id}/dismiss
/ops/help_requests/{request_id}/link | /console/help/{request_id}/link
/ops/invoices/{invoice_id}/approve | /console/invoices/{invoice_id}/approve
/ops/invoices/{invoice_id}/customer_charge | /console/invoices/{invoice_id}/customer_charge
/ops/invoices/{invoice_id}/escalate | /console/invoices/{invoice_id}/escalate
/ops/invoices/{invoice_id}/line_causes | /console/invoices/{invoice_id}/line_causes
/ops/invoices/{invoice_id}/reject | /console/invoices/{invoice_id}/reject
/ops/invoices/{invoice_id}/return | /console/invoices/{invoice_id}/return
/ops/invoices/{invoice_id}/void | /console/invoices/{invoice_id}/void
/ops/mails/{mail_id}/case | /console/mails/{mail_id}/case
/ops/mails/{mail_id}/discard | /console/mails/{mail_id}/discard
/ops/mails/{mail_id}/release | /console/mails/{mail_id}/release
/ops/opt_in_requests/{request_id} | /console/opt_ins/{request_id}
/ops/partner_documents/{document_id}/accept | /console/papers/{document_id}/accept
/ops/partner_documents/{document_id}/refuse | /console/papers/{document_id}/refuse
/ops/partners/{partner_id}/bank_changes | /console/papers/{document_id}/bank_change
/ops/partners/{partner_id}/direct_pay | /console/direct_pay/vendors/choice
/ops/partners/{partner_id}/documents | - a file that lies in the store already is named by its key: a partner sends its paper by the portal
/ops/partners/{partner_id}/licences | /console/partners/{partner_id}/licences
/ops/partners/{partner_id}/parent | /console/partners/{partner_id}/parent
/ops/partners/{partner_id}/payment_plan | /console/partners/{partner_id}/payment_plan
/ops/partners/{partner_id}/people | /console/partners/{partner_id}/people
/ops/partners/{partner_id}/technicians | /console/partners/{partner_id}/technicians
/ops/payables/{payable_id}/release | /console/runs/{run_id}/partners/{partner_id}/payables/{payable_id}/release
/ops/payment_plans | /console/payment_plans
/ops/payments/{trace_number}/reversal | /console/runs/payments/{trace_number}/reversal
/ops/payments/{trace_number}/reversed | /console/runs/payments/{trace_number}/reversed
/ops/payments/{trace_number}/suspense | /console/runs/payments/{trace_number}/suspense
/ops/people/{person_id}/retire | /console/partners/{partner_id}/people/{holder_id}/retire
/ops/post_hold/drop | /console/holds/post/drop
/ops/post_hold/release | /console/holds/post/release
/ops/prepaid_commissions/{proposal_id}/agree | /console/proposals/{proposal_id}/agree
/ops/prepaid_commissions/{proposal_id}/reject | /console/proposals/{proposal_id}/reject
/ops/programs/{program_id}/resume | /console/partners/{partner_id}/people/{holder_id}/resume
/ops/programs/{program_id}/stop | /console/partners/{partner_id}/people/{holder_id}/stop
/ops/projects | /console/projects
/ops/projects/{project_id}/cancellation | /console/projects/{project_id}/cancel
/ops/projects/{project_id}/compliance_case/close | /console/projects/{project_id}/holds/close
/ops/projects/{project_id}/compliance_case/open | /console/projects/{project_id}/holds
/ops/projects/{project_id}/compliance_offset | /console/projects/{project_id}/compliance_offset
/ops/projects/{project_id}/direct_pay/invoices | /console/direct_pay/{project_id}/invoices
/ops/projects/{project_id}/direct_pay/invoices/void | /console/direct_pay/{project_id}/invoices/void
/ops/projects/{project_id}/direct_pay/opt_in | /console/direct_pay/{project_id}/opt_in
/ops/projects/{project_id}/direct_pay/opt_out | /console/direct_pay/{project_id}/opt_out
/ops/projects/{project_id}/direct_pay/order | /console/direct_pay/{project_id}/order
/ops/projects/{project_id}/direct_pay/shipment | /console/direct_pay/{project_id}/shipment
/ops/projects/{project_id}/documents | - a file that lies in the store already is named by its key: a partner sends its paper by the portal
/ops/projects/{project_id}/milestones | /console/projects/{project_id}/milestones
/ops/projects/{project_id}/milestones/revoke | /console/projects/{project_id}/milestones/revoke
/ops/projects/{project_id}/prepaid_commission | /console/projects/{project_id}/prepaid_commission
/ops/projects/{project_id}/stip/close | /console/projects/{project_id}/holds/close
/ops/projects/{project_id}/stip/open | /console/projects/{project_id}/holds
/ops/proposals/{proposal_id}/reject | /console/proposals/{proposal_id}/reject
/ops/proposals/{proposal_id}/withdraw | /console/proposals/{proposal_id}/withdraw
/ops/regions/{region}/weather/{day} | - figures of a program: the weather of every hour of a day at many places
/ops/reindex | - upkeep after a change of the program: the terminal goes through the tables, part by part
/ops/relationship_managers | /console/partners/managers
/ops/report_schedules | /console/reports/schedules
/ops/report_schedules/{schedule_id} | /console/reports/schedules/{schedule_id}
/ops/report_schedules/{schedule_id}/end | /console/reports/schedules/{schedule_id}/end
/ops/reversals/{proposal_id}/agree | /console/proposals/{proposal_id}/agree
/ops/runs | /console/runs/open
/ops/runs/{run_id}/approve | /console/runs/{run_id}/approve
/ops/runs/{run_id}/carry_out | /console/runs/{run_id}/carry_out
/ops/runs/{run_id}/not_sent | /console/runs/{run_id}/not_sent
/ops/runs/{run_id}/prepare | /console/runs/{run_id}/prepare
/ops/runs/{run_id}/release | /console/runs/{run_id}/release
/ops/runs/{run_id}/send | /console/runs/{run_id}/send
/ops/runs/{run_id}/sent | /console/runs/{run_id}/sent
/ops/runs/{run_id}/settle | /console/runs/{run_id}/settle
/ops/settlements/{proposal_id}/agree | /console/proposals/{proposal_id}/agree
/ops/settlements/{proposal_id}/reject | /console/proposals/{proposal_id}/reject
/ops/sites/{site_id}/baseline | - figures of a program: what a home is expected to make in each hour of a year
/ops/sites/{site_id}/installer | /console/homes/{site_id}/installer
/ops/sites/{site_id}/warranties | /console/homes/{site_id}/warranties
/ops/sites/{site_id}/warranties/void | /console/homes/{site_id}/warranties/void
/ops/sweep_holds/{region}/discard | /console/holds/sweeps/{region}/discard
/ops/sweep_holds/{region}/release | /console/holds/sweeps/{region}/release
/ops/sweeps | /console/holds/replay
/ops/tickets/{ticket_id}/answer | /console/tickets/{ticket_id}/answer
/ops/tickets/{ticket_id}/close | /console/tickets/{ticket_id}/close
/ops/vendors | /console/direct_pay/vendors
/ops/warranty_prices | /console/reductions/warranty_prices
/ops/work_orders/{number}/assign | /console/work_orders/{order_id}/assign
/ops/work_orders/{number}/cancel | /console/work_orders/{order_id}/cancel
/ops/work_orders/{number}/finding | /console/work_orders/{order_id}/finding
/ops/work_orders/{number}/internal_cost | /console/work_orders/{order_id}/internal_cost
/ops/work_orders/{number}/pauses | /console/work_orders/{order_id}/pauses
/ops/work_orders/{number}/pauses/{place}/confirm | /console/work_orders/{order_id}/pauses/{place}/confirm
/ops/work_orders/{number}/pauses/{place}/reject | /console/work_orders/{order_id}/pauses/{place}/reject
/ops/work_orders/{number}/phone_calls | /console/work_orders/{order_id}/phone_calls
/ops/work_orders/{number}/questions/{question_id} | /console/work_orders/{order_id}/questions/{question_id}
/ops/work_orders/{number}/reassign | /console/work_orders/{order_id}/reassign
/ops/work_orders/{number}/report/return | /console/work_orders/{order_id}/report/return
/ops/work_orders/{number}/report/serials | /console/work_orders/{order_id}/report/serials
/ops/work_orders/{number}/resend_offer | /console/work_orders/{order_id}/resend_offer
/ops/work_orders/{number}/spend_approvals | /console/work_orders/{order_id}/spend_approvals
/ops/work_orders/{number}/spend_rejections | /console/work_orders/{order_id}/spend_rejections
/ops/work_orders/{number}/visit | /console/work_orders/{order_id}/visit
/ops/work_orders/{number}/withdraw | /console/work_orders/{order_id}/withdraw
"""  # noqa: E501 - a deed and its page stand on one line
"""Deed of the operations API | the page that does it, or ``- `` and why there is none."""

PARTNERS = """
/v1/disputes | /portal/back_bills/disputes/new
/v1/disputes/{dispute_id}/escalate | /portal/back_bills/disputes/{dispute_id}/escalate
/v1/disputes/{dispute_id}/evidence | /portal/back_bills/disputes/{dispute_id}/evidence
/v1/disputes/{dispute_id}/withdraw | /portal/back_bills/disputes/{dispute_id}/withdraw
/v1/exports | /portal/exports
/v1/extension_requests | /portal/extensions/new
/v1/extension_requests/proofs | - the proof comes with the form itself
/v1/extension_requests/proofs/{upload_id}/complete | - the proof comes with the form itself
/v1/extension_requests/{request_id}/withdraw | /portal/extensions/{request_id}/withdraw
/v1/invoices | /portal/work_orders/{order_id}/invoice
/v1/invoices/drafts | /portal/work_orders/{order_id}/invoice
/v1/invoices/drafts/{draft_id}/discard | /portal/invoices/drafts/{draft_id}/discard
/v1/invoices/drafts/{draft_id}/submit | /portal/work_orders/{order_id}/invoice
/v1/invoices/validate | /portal/work_orders/{order_id}/invoice/check
/v1/invoices/{invoice_id}/escalate | /portal/invoices/{invoice_id}/escalate
/v1/invoices/{invoice_id}/withdraw | /portal/invoices/{invoice_id}/withdraw
/v1/organisation/accounting_admins | /portal/people/grant
/v1/organisation/accounting_admins/revoke | /portal/people/revoke
/v1/organisation/bank_changes | /portal/papers/bank
/v1/organisation/bank_changes/{change_id}/withdraw | /portal/papers/bank/{change_id}/withdraw
/v1/organisation/contact | /portal/organisation/contact
/v1/organisation/contact/confirm | /portal/organisation/contact/confirm
/v1/organisation/direct_pay | /portal/direct_pay
/v1/organisation/documents | /portal/papers/send
/v1/organisation/documents/{document_id}/complete | /portal/papers/{document_id}/look
/v1/organisation/opt_in_requests | /portal/organisation/opt_in
/v1/projects/{project_id}/direct_pay/opt_in | /portal/projects/{project_id}/direct_pay/opt_in
/v1/projects/{project_id}/direct_pay/opt_out | /portal/projects/{project_id}/direct_pay/opt_out
/v1/tickets | /portal/tickets
/v1/tickets/{ticket_id}/close | /portal/tickets/{ticket_id}/close
/v1/tickets/{ticket_id}/messages | /portal/tickets/{ticket_id}/messages
/v1/uploads | /portal/work_orders/{order_id}/report/announce
/v1/uploads/{upload_id}/complete | /portal/work_orders/{order_id}/report/files
/v1/vendor/invoices | - for programs of vendors, who have no people in the portal
/v1/vendor/invoices/void | - for programs of vendors, who have no people in the portal
/v1/vendor/orders | - for programs of vendors, who have no people in the portal
/v1/vendor/shipments | - for programs of vendors, who have no people in the portal
/v1/webhook_endpoints | /portal/webhooks
/v1/webhook_endpoints/{endpoint_id} | /portal/webhooks/{endpoint_id}
/v1/webhook_endpoints/{endpoint_id}/delete | /portal/webhooks/{endpoint_id}/delete
/v1/webhook_endpoints/{endpoint_id}/redeliver | /portal/webhooks/{endpoint_id}/redeliver
/v1/webhook_endpoints/{endpoint_id}/rotate | /portal/webhooks/{endpoint_id}/rotate
/v1/webhook_endpoints/{endpoint_id}/test | /portal/webhooks/{endpoint_id}/test
/v1/work_orders/{number}/accept | /portal/work_orders/{order_id}/accept
/v1/work_orders/{number}/acknowledge | /portal/work_orders/{order_id}/acknowledge
/v1/work_orders/{number}/arrive | /portal/work_orders/{order_id}/arrive
/v1/work_orders/{number}/contact_attempts | /portal/work_orders/{order_id}/contact_attempts
/v1/work_orders/{number}/decline | /portal/work_orders/{order_id}/decline
/v1/work_orders/{number}/depart | /portal/work_orders/{order_id}/depart
/v1/work_orders/{number}/pauses | /portal/work_orders/{order_id}/pauses
/v1/work_orders/{number}/questions | /portal/work_orders/{order_id}/questions
/v1/work_orders/{number}/report | /portal/work_orders/{order_id}/report
/v1/work_orders/{number}/report/draft | /portal/work_orders/{order_id}/report
/v1/work_orders/{number}/resume | /portal/work_orders/{order_id}/resume
/v1/work_orders/{number}/schedule | /portal/work_orders/{order_id}/schedule
/v1/work_orders/{number}/spend_requests | /portal/work_orders/{order_id}/spend
"""
"""Deed of the partner API | the page that does it, or ``- `` and why there is none."""


ABOUT_MONEY = (
    "/v1/exports",
    "/v1/extension_requests",
    "/v1/organisation/accounting_admins",
    "/v1/organisation/bank_changes",
    "/v1/organisation/direct_pay",
    "/v1/organisation/documents",
    "/v1/projects/",
    "/v1/tickets",
    "/v1/webhook_endpoints",
)
"""Deeds of the partner API that are for Accounting Admins (F27)."""
ALSO_FROM_ANOTHER_PAGE = {
    "/console/emergencies",
    "/console/emergencies/{order_id}/calls",
    "/console/emergencies/{order_id}/reassign",
    "/console/emergencies/{order_id}/resend",
    "/console/invoices/spend/{order_id}/approve",
    "/console/invoices/spend/{order_id}/reject",
    "/console/partners/{partner_id}/technicians/{technician_id}",
}
"""The same deeds once more, where somebody looks at many things at once."""
FOR_THE_FORM = {
    "/portal/extensions/check",
    "/portal/invoices/{invoice_id}/lower",
    "/portal/papers/bank/check",
    "/portal/webhooks/{endpoint_id}/switch",
    "/portal/work_orders/{order_id}/report/lacking",
}
"""What only looks at a form before it is sent, and two deeds in a shape that pages need."""


def parsed(table: str) -> Iterator[tuple[str, str, str]]:
    """Give deed, page, and reason; one of the two last is empty."""
    for line in table.strip().splitlines():
        deed, _, does = line.partition(" | ")
        yield (deed, "", does[2:]) if does.startswith("- ") else (deed, does, "")


def posts(module: object) -> dict[str, Route]:
    return {one.path: one for one in module.views() if one.method == "POST"}


def deeds_of_partners() -> set[str]:
    """Give the paths of the partner API that change something, as its modules write them."""
    found = set()
    for file in sorted(PARTNER_API.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(ast.Attribute(_, "post" | "put" | "patch" | "delete"), [path, *_]):
                    said = str(path.value) if isinstance(path, ast.Constant) else ""
                    if said.startswith("/v1/"):
                        found.add(said.replace("<", "{").replace(">", "}"))
    return found


BY_OWNER = {path: roles for method, path, roles in ROUTES if method != "GET"}
CONSOLE, PORTAL = posts(console), posts(portal)
DONE_BY_OWNER = [pytest.param(deed, page, id=deed) for deed, page, _ in parsed(OPERATIONS) if page]
DONE_BY_PARTNERS = [pytest.param(deed, page, id=deed) for deed, page, _ in parsed(PARTNERS) if page]


@pytest.mark.parametrize(
    ("table", "deeds"),
    [
        pytest.param(OPERATIONS, set(BY_OWNER), id="the owner's people"),
        pytest.param(PARTNERS, deeds_of_partners(), id="partners"),
    ],
)
def test_the_table_holds_every_deed(table, deeds):
    rows = list(parsed(table))
    assert [one for one, _, _ in rows] == sorted({one for one, _, _ in rows})
    assert {one for one, _, _ in rows} == deeds
    assert all(page or len(why) > 20 for _, page, why in rows)


@pytest.mark.parametrize(("deed", "page"), DONE_BY_OWNER)
def test_a_page_does_it_for_the_same_people(deed, page):
    assert CONSOLE[page].roles == BY_OWNER[deed]


@pytest.mark.parametrize(("deed", "page"), DONE_BY_PARTNERS)
def test_a_page_does_it_for_partners(deed, page):
    is_about_money = deed.startswith(ABOUT_MONEY)
    assert PORTAL[page].roles == {ADMIN if is_about_money else EVERYBODY}


def test_no_page_does_what_no_interface_does():
    done_by_owner = {page for _, page, _ in parsed(OPERATIONS) if page}
    assert set(CONSOLE) - done_by_owner == ALSO_FROM_ANOTHER_PAGE
    done_by_partners = {page for _, page, _ in parsed(PARTNERS) if page}
    assert set(PORTAL) - done_by_partners == FOR_THE_FORM
