"""Who may do what over the operations API: one table, role by route, tested whole."""

import json

import pytest

ROLES = (
    "spc",
    "relationship_manager",
    "ams",
    "accounting",
    "accounting_admin",
    "treasury",
    "projects",
    "auditor",
    "admin",
)
TABLE = """
GET /ops/clone_suspicions | spc ams auditor
POST /ops/clone_suspicions/{gateway_id}/settle | ams
GET /ops/device_claims | ams auditor
POST /ops/device_claims | ams
POST /ops/device_claims/{claim_id}/retire | ams
GET /ops/devices | spc ams auditor
POST /ops/devices | ams projects
GET /ops/devices/{serial} | spc ams auditor
GET /ops/devices/{serial}/log | spc ams auditor
POST /ops/devices/{serial}/replace | ams
POST /ops/accounting_admins/revoke | admin
POST /ops/assignments/{proposal_id}/agree | accounting_admin
GET /ops/back_bills | spc relationship_manager accounting_admin auditor
GET /ops/bank_changes | accounting accounting_admin auditor
POST /ops/bank_changes/{change_id}/agree | accounting_admin
POST /ops/bank_changes/{change_id}/apply | accounting
POST /ops/bank_changes/{change_id}/reject | accounting accounting_admin
POST /ops/bank_files | treasury
GET /ops/bank_files/{file_id} | accounting accounting_admin treasury auditor
POST /ops/bank_files/{file_id}/agree | accounting_admin
GET /ops/books/checks | accounting accounting_admin treasury auditor
POST /ops/books/checks | accounting accounting_admin treasury
GET /ops/books/checks/{check_id} | accounting accounting_admin treasury auditor
GET /ops/cancellations | projects accounting accounting_admin auditor
POST /ops/cancellations/{proposal_id}/agree | accounting_admin
POST /ops/cancellations/{proposal_id}/reject | accounting_admin
GET /ops/cases | spc ams auditor
POST /ops/cases | ams spc
GET /ops/cases/{case_id} | spc ams auditor
POST /ops/cases/{case_id}/advice | ams spc
POST /ops/cases/{case_id}/cancel | ams
POST /ops/cases/{case_id}/customer_confirms | ams
POST /ops/cases/{case_id}/customer_disagrees | ams
GET /ops/cases/{case_id}/days.svg | spc ams auditor
POST /ops/cases/{case_id}/emergency | ams spc
GET /ops/cases/{case_id}/emergency_contacts | spc ams auditor
POST /ops/cases/{case_id}/external_update | ams
POST /ops/cases/{case_id}/hand_over | ams
GET /ops/cases/{case_id}/log | spc ams auditor
POST /ops/cases/{case_id}/remote_fix | ams
POST /ops/cases/{case_id}/returned | ams
POST /ops/cases/{case_id}/site_visit | ams spc
POST /ops/cases/{case_id}/work_orders | spc
POST /ops/compliance_offsets/{proposal_id}/agree | accounting_admin
POST /ops/compliance_offsets/{proposal_id}/reject | accounting_admin
POST /ops/coordinators/{coordinator_id}/presence | admin
GET /ops/customer_charges | spc accounting_admin auditor
POST /ops/customer_charges/export | accounting_admin
GET /ops/customer_charges/exports/{export_id} | accounting_admin auditor
POST /ops/customer_charges/{charge_id}/approve | spc
POST /ops/customer_charges/{charge_id}/tell | spc
POST /ops/customer_charges/{charge_id}/withdraw | spc
GET /ops/debts | accounting accounting_admin auditor
POST /ops/deductions/{deduction_id}/settlement | accounting
GET /ops/disputes | spc relationship_manager admin auditor
GET /ops/disputes/{dispute_id} | spc relationship_manager admin auditor
POST /ops/disputes/{dispute_id}/escalate | spc relationship_manager
POST /ops/disputes/{dispute_id}/resolve | spc relationship_manager admin
GET /ops/documents | projects accounting auditor
POST /ops/documents/{document_id}/review | projects
POST /ops/documents/{document_id}/withdraw | relationship_manager accounting
GET /ops/extension_exposure | accounting accounting_admin relationship_manager auditor
GET /ops/extension_requests | accounting accounting_admin relationship_manager auditor
GET /ops/extension_requests/{request_id} | accounting accounting_admin relationship_manager auditor
POST /ops/extension_requests/{request_id}/deny | accounting_admin
POST /ops/extension_requests/{request_id}/grant | accounting_admin
GET /ops/extension_requests/{request_id}/proof | accounting accounting_admin relationship_manager auditor
POST /ops/first_accounting_admins | admin
GET /ops/funding_calendar | accounting accounting_admin treasury auditor
GET /ops/funding_days | accounting accounting_admin treasury auditor
POST /ops/funding_days | accounting_admin
POST /ops/funding_days/withdraw | accounting_admin
GET /ops/gateways/{gateway_id} | spc ams auditor
POST /ops/gateways/{gateway_id}/configure | ams
POST /ops/gateways/{gateway_id}/decommission | ams
GET /ops/gateways/{gateway_id}/log | spc ams auditor
POST /ops/gateways/{gateway_id}/renew | ams
GET /ops/help_requests | ams auditor
POST /ops/help_requests/{request_id}/dismiss | ams
POST /ops/help_requests/{request_id}/link | ams
GET /ops/invoices | spc relationship_manager accounting_admin auditor
GET /ops/invoices/{invoice_id} | spc relationship_manager accounting_admin auditor
POST /ops/invoices/{invoice_id}/approve | spc
POST /ops/invoices/{invoice_id}/customer_charge | spc
POST /ops/invoices/{invoice_id}/escalate | spc
POST /ops/invoices/{invoice_id}/line_causes | spc
POST /ops/invoices/{invoice_id}/reject | spc
POST /ops/invoices/{invoice_id}/return | spc
POST /ops/invoices/{invoice_id}/void | accounting_admin
GET /ops/log | auditor
GET /ops/mails | spc ams auditor
POST /ops/mails/{mail_id}/case | ams spc
POST /ops/mails/{mail_id}/discard | spc ams
POST /ops/mails/{mail_id}/release | spc
GET /ops/opt_in_requests | relationship_manager auditor
POST /ops/opt_in_requests/{request_id} | relationship_manager
GET /ops/overdue_files | projects accounting_admin auditor
GET /ops/partners/{partner_id} | spc relationship_manager admin auditor
POST /ops/partners/{partner_id}/bank_changes | accounting
POST /ops/partners/{partner_id}/direct_pay | accounting relationship_manager
GET /ops/partners/{partner_id}/documents | relationship_manager accounting accounting_admin auditor
POST /ops/partners/{partner_id}/documents | relationship_manager accounting
GET /ops/partners/{partner_id}/ledger | accounting accounting_admin treasury auditor
POST /ops/partners/{partner_id}/licences | relationship_manager admin
GET /ops/partner_documents | accounting accounting_admin auditor
POST /ops/partner_documents/{document_id}/accept | accounting
GET /ops/partner_documents/{document_id}/file | accounting accounting_admin
POST /ops/partner_documents/{document_id}/refuse | accounting
POST /ops/partners/{partner_id}/parent | admin
POST /ops/partners/{partner_id}/payment_plan | admin
GET /ops/partners/{partner_id}/people | relationship_manager admin auditor
POST /ops/partners/{partner_id}/people | relationship_manager admin
GET /ops/partners/{partner_id}/programs | relationship_manager admin auditor
GET /ops/partners/{partner_id}/remittances | accounting accounting_admin auditor
GET /ops/partners/{partner_id}/risk | accounting accounting_admin auditor
GET /ops/partners/{partner_id}/technicians | spc relationship_manager admin auditor
POST /ops/partners/{partner_id}/technicians | relationship_manager admin
POST /ops/payables/{payable_id}/release | accounting
POST /ops/payment_plans | admin
GET /ops/payment_plans/{payment_plan_id} | projects accounting accounting_admin admin auditor
GET /ops/payments/{trace_number}/reversal | treasury
POST /ops/payments/{trace_number}/reversal | accounting
POST /ops/payments/{trace_number}/reversed | treasury
POST /ops/payments/{trace_number}/suspense | accounting
GET /ops/payouts | accounting accounting_admin auditor
POST /ops/people/{person_id}/retire | relationship_manager admin
GET /ops/post_hold | spc ams auditor
POST /ops/post_hold/drop | ams
POST /ops/post_hold/release | ams
GET /ops/prepaid_commissions | accounting accounting_admin auditor
POST /ops/prepaid_commissions/{proposal_id}/agree | accounting_admin
POST /ops/prepaid_commissions/{proposal_id}/reject | accounting_admin
GET /ops/projects | projects relationship_manager accounting accounting_admin auditor
POST /ops/programs/{program_id}/resume | relationship_manager admin
POST /ops/programs/{program_id}/stop | relationship_manager admin
POST /ops/projects | projects
GET /ops/projects/{project_id} | projects relationship_manager accounting accounting_admin auditor
POST /ops/projects/{project_id}/cancellation | projects
POST /ops/projects/{project_id}/compliance_case/close | projects
POST /ops/projects/{project_id}/compliance_case/open | projects accounting
POST /ops/projects/{project_id}/compliance_offset | accounting
GET /ops/projects/{project_id}/direct_pay | accounting accounting_admin relationship_manager auditor
POST /ops/projects/{project_id}/direct_pay/invoices | accounting
POST /ops/projects/{project_id}/direct_pay/invoices/void | accounting
POST /ops/projects/{project_id}/direct_pay/opt_in | accounting
POST /ops/projects/{project_id}/direct_pay/opt_out | accounting
POST /ops/projects/{project_id}/direct_pay/order | accounting
POST /ops/projects/{project_id}/direct_pay/shipment | accounting
POST /ops/projects/{project_id}/documents | projects accounting
GET /ops/projects/{project_id}/documents/{document_id}/file | projects accounting accounting_admin
POST /ops/projects/{project_id}/milestones | projects
POST /ops/projects/{project_id}/milestones/revoke | projects
POST /ops/projects/{project_id}/prepaid_commission | accounting
POST /ops/projects/{project_id}/stip/close | projects
POST /ops/projects/{project_id}/stip/open | projects accounting
GET /ops/proposals | accounting accounting_admin treasury auditor
POST /ops/proposals/{proposal_id}/reject | accounting_admin
POST /ops/proposals/{proposal_id}/withdraw | accounting projects
POST /ops/regions/{region}/weather/{day} | projects
POST /ops/relationship_managers | admin
POST /ops/reindex | admin
GET /ops/replay | accounting accounting_admin treasury auditor
GET /ops/report_schedules | spc relationship_manager ams accounting_admin auditor admin
POST /ops/report_schedules | spc relationship_manager ams accounting_admin
POST /ops/report_schedules/{schedule_id} | spc relationship_manager ams accounting_admin admin
POST /ops/report_schedules/{schedule_id}/end | spc relationship_manager ams accounting_admin admin
GET /ops/reports | spc relationship_manager ams accounting_admin auditor
GET /ops/reports/{name} | spc relationship_manager ams accounting_admin auditor
GET /ops/reports_to_check | spc auditor
POST /ops/reversals/{proposal_id}/agree | accounting_admin
GET /ops/runs | accounting accounting_admin treasury auditor
POST /ops/runs | accounting
GET /ops/runs/{run_id} | accounting accounting_admin treasury auditor
POST /ops/runs/{run_id}/approve | accounting_admin
POST /ops/runs/{run_id}/carry_out | accounting
POST /ops/runs/{run_id}/not_sent | treasury
GET /ops/runs/{run_id}/plans | accounting accounting_admin treasury auditor
POST /ops/runs/{run_id}/prepare | accounting
POST /ops/runs/{run_id}/release | accounting_admin
POST /ops/runs/{run_id}/send | treasury
POST /ops/runs/{run_id}/sent | treasury
POST /ops/runs/{run_id}/settle | treasury
GET /ops/service_contacts | spc relationship_manager auditor
POST /ops/settlements/{proposal_id}/agree | accounting_admin
POST /ops/settlements/{proposal_id}/reject | accounting_admin
POST /ops/sites/{site_id}/baseline | projects
GET /ops/sites/{site_id}/days | spc auditor
GET /ops/sites/{site_id}/days.svg | spc auditor
GET /ops/sites/{site_id}/equipment | spc ams relationship_manager auditor
POST /ops/sites/{site_id}/installer | relationship_manager admin
GET /ops/sites/{site_id}/warranties | spc ams relationship_manager auditor
POST /ops/sites/{site_id}/warranties | admin
POST /ops/sites/{site_id}/warranties/void | ams admin
GET /ops/story | spc relationship_manager ams accounting accounting_admin treasury projects auditor admin
GET /ops/sweep_holds | spc auditor
POST /ops/sweep_holds/{region}/discard | spc
POST /ops/sweep_holds/{region}/release | spc
POST /ops/sweeps | spc
GET /ops/threads/{thread}/mails | spc ams auditor
GET /ops/tickets | accounting accounting_admin relationship_manager auditor
GET /ops/tickets/{ticket_id} | accounting accounting_admin relationship_manager auditor
POST /ops/tickets/{ticket_id}/answer | accounting
POST /ops/tickets/{ticket_id}/close | accounting
GET /ops/trace/{trace_number} | accounting accounting_admin treasury auditor
GET /ops/trial_balance | accounting accounting_admin treasury auditor
GET /ops/vendor_invoices_to_settle | accounting accounting_admin relationship_manager auditor
GET /ops/vendors | accounting accounting_admin relationship_manager auditor
POST /ops/vendors | admin
GET /ops/warranty_prices | accounting accounting_admin auditor
POST /ops/warranty_prices | accounting
GET /ops/watch_list | spc auditor
GET /ops/work | spc relationship_manager ams accounting accounting_admin treasury projects auditor admin
GET /ops/work_orders | spc ams auditor
GET /ops/work_orders/{number} | spc ams auditor
POST /ops/work_orders/{number}/assign | spc
POST /ops/work_orders/{number}/cancel | spc
POST /ops/work_orders/{number}/finding | spc
POST /ops/work_orders/{number}/internal_cost | spc
GET /ops/work_orders/{number}/log | spc ams auditor
POST /ops/work_orders/{number}/pauses | spc
POST /ops/work_orders/{number}/pauses/{place}/confirm | spc
POST /ops/work_orders/{number}/pauses/{place}/reject | spc
POST /ops/work_orders/{number}/phone_calls | spc
POST /ops/work_orders/{number}/questions/{question_id} | spc
POST /ops/work_orders/{number}/reassign | spc
GET /ops/work_orders/{number}/report/document | spc ams auditor
POST /ops/work_orders/{number}/report/return | spc
POST /ops/work_orders/{number}/report/serials | spc
GET /ops/work_orders/{number}/reports | spc ams auditor
POST /ops/work_orders/{number}/resend_offer | spc
POST /ops/work_orders/{number}/spend_approvals | spc
POST /ops/work_orders/{number}/spend_rejections | spc
POST /ops/work_orders/{number}/visit | spc
POST /ops/work_orders/{number}/withdraw | spc
"""  # noqa: E501 - a route and its roles stand on one line
"""Every route, and who passes; everybody else is told 403, and so is who has no name."""


def parsed(table):
    for line in table.strip().splitlines():
        route, _, roles = line.partition(" | ")
        method, path = route.split()
        yield method, path, frozenset(roles.split())


ROUTES = list(parsed(TABLE))


def sample(schema, spec):
    """Give a small value that a schema takes."""
    if "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return schema["enum"][0]
    for options in ("anyOf", "allOf", "oneOf"):
        if options in schema:
            return sample(schema[options][0], spec)
    kind = schema.get("type")
    if kind == "object":
        known = schema.get("properties", {})
        return {name: sample(known[name], spec) for name in schema.get("required", ())}
    if kind == "array":
        return [sample(schema["items"], spec)] * schema.get("minItems", 0)
    if kind in {"integer", "number"}:
        return max(schema.get("minimum", 0), schema.get("exclusiveMinimum", 0) + 1)
    if kind == "boolean":
        return True
    return text_of(schema)


def text_of(schema):
    by_format = {"date-time": "2026-06-08T15:00:00Z", "date": "2026-06-08"}
    if schema.get("pattern") == "^[A-Z]{2}$":
        return "CO"
    return by_format.get(schema.get("format"), "x" * max(1, schema.get("minLength", 1)))


@pytest.fixture(scope="module")
def spec(shared):
    from cloud.functions.operations_api.handler import app

    described = app.get_openapi_schema(title="ops", version="1")
    return described.model_dump(mode="json", by_alias=True, exclude_none=True)


def path_with(path):
    known = {"day": "2026-06-08", "place": "1", "name": "ageing"}
    parts = [
        known.get(part.strip("{}"), "nobody") if part[:1] == "{" else part
        for part in path.split("/")
    ]
    return "/".join(parts)


def query_of(operation):
    needed = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
    asked = "&".join(f"{one['name']}=x" for one in needed if one.get("required"))
    return f"?{asked}" if asked else ""


def test_the_table_holds_every_route(spec):
    routes = {
        (method.upper(), path) for path, methods in spec["paths"].items() for method in methods
    }
    assert routes == {(method, path) for method, path, _ in ROUTES}


def test_nobody_both_prepares_and_pays_and_the_auditor_only_reads():
    for method, path, roles in ROUTES:
        if method == "POST":
            assert "auditor" not in roles, path
        assert roles, path
    approves = {
        roles for _, path, roles in ROUTES if path.endswith("/invoices/{invoice_id}/approve")
    }
    pays = {roles for _, path, roles in ROUTES if path.endswith("/runs/{run_id}/approve")}
    assert not set.union(*map(set, approves)) & set.union(*map(set, pays))


@pytest.mark.parametrize(
    ("method", "path", "roles"), ROUTES, ids=[f"{method} {path}" for method, path, _ in ROUTES]
)
def test_who_passes(shared, spec, method, path, roles):
    operation = spec["paths"][path][method.lower()]
    body = None
    if method == "POST":
        content = operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {"type": "object"})
        body = sample(schema, spec)
    target = path_with(path) + query_of(operation)
    for role in ROLES:
        answer = shared.call(method, target, body, token=shared.person(f"a.{role}", role))
        is_stopped = answer.status == 403
        assert is_stopped != (role in roles), (role, answer.status, answer.body)
        assert answer.status < 500, answer.body
    nameless = shared.runtime.issuer.person_token("", *ROLES)
    assert shared.call(method, target, body, token=nameless).status == 403
    assert shared.call(method, target, body).status == 401


def test_a_partners_token_opens_nothing(shared):
    token = shared.runtime.issuer.client_token("client-x", "sunreeve/partner")
    assert (
        json.loads(shared.call("GET", "/ops/cases?state=open", token=token).body)["status"] == 403
    )
