"""Money over the partner API: for Accounting Admins of the organisation, and to the cent (F27)."""

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from cloud.adapters import wiring
from cloud.funding.exports import ExportOrder
from cloud.funding.models import (
    Deduction,
    FundingRun,
    Payable,
    PayableState,
    PaymentTrace,
    PlannedPayable,
    RunPlan,
    RunState,
)
from cloud.funding.netting import DeductionKind
from cloud.funding.remittance import csv_document_of, document_of
from cloud.funding.schedule import window_of
from cloud.kernel.change import Change
from cloud.kernel.money import ZERO, Money
from cloud.portfolio.models import ApiClient, Milestone, Partner, PlanShare, Project
from cloud.portfolio.process import register

ADMIN = frozenset({"accounting_admin"})
TRACE = "0210000200000001"
READS = ("/v1/payouts", "/v1/risk", "/v1/risk/reductions", "/v1/remittances", "/v1/exports")


def granted(shared, client, roles=ADMIN):
    stored = shared.records.load(ApiClient, client.id)
    made = replace(client, roles=roles)
    shared.records.commit(Change(saves=(stored.replaced_by(made),)))
    return made


@pytest.fixture(scope="module")
def home(shared):
    return shared.new_home()


@pytest.fixture(scope="module")
def mine(shared, home):
    return granted(shared, home.clients[0])


@pytest.fixture(scope="module")
def stranger(shared, home):
    return granted(shared, home.clients[1])


@pytest.fixture(scope="module")
def part(shared, home):
    """A sub-organisation of the first partner, with a program of its own."""
    partner = replace(
        home.partners[0], id=f"{home.partners[0].id}-SUB", parent_id=home.partners[0].id
    )
    client = ApiClient(f"client-{partner.id}", partner.id)
    for record in (partner, client):
        register(shared.records, record, at=shared.now, by="test")
    return granted(shared, client)


@pytest.fixture(scope="module")
def money(shared, home, part):
    """A project, two payables, a deduction and a payment; and one payable of the part's."""
    partner, at = home.partners[0], shared.now
    project = Project(
        f"PJ-{partner.id}",
        home.site.id,
        partner.id,
        Money(30_000_00),
        (PlanShare(Milestone.M1, 10_000),),
        ((Milestone.M1, at - timedelta(days=110)),),
        market="CA",
    )
    paid_at = at - timedelta(days=14)
    window = window_of(paid_at)
    item = payable("PAY-1", partner.id, project.id, 500_00, paid_at)
    item = replace(item, state=PayableState.PAID, run_id=window.run_id())
    plan = RunPlan(
        id=f"{window.run_id()}.{partner.id}.abcdef012345",
        run_id=window.run_id(),
        partner_id=partner.id,
        partner_name=partner.name,
        remittance_email=partner.remittance_email,
        routing_number=partner.routing_number,
        account_number=partner.account_number,
        bank_details_version=1,
        payables=(PlannedPayable(item.id, item.project_id, "M1", item.amount, ""),),
        held=(),
        deductions=(),
        gross=item.amount,
        net=item.amount,
        carried=ZERO,
        trace_number=TRACE,
    )
    run = FundingRun(
        id=window.run_id(),
        programme="comfort",
        regular_date=window.regular_date,
        funding_date=window.funding_date,
        date_source=window.date_source,
        opens_at=window.opens_at,
        cut_off_at=window.cut_off_at,
        state=RunState.SETTLED,
        plan_ids=(plan.id,),
        plans_hash="h",
        gross=item.amount,
        net=item.amount,
        flags=(),
        preparer="ana",
        prepared_at=at,
    )
    debt = Deduction(
        "DED-1",
        DeductionKind.BACK_BILL,
        partner.id,
        "",
        Money(40_00),
        at.date(),
        at,
        says="=HYPERLINK(1)",
    )
    shared.save(
        project,
        item,
        plan,
        run,
        debt,
        PaymentTrace(TRACE, run.id, partner.id, plan.id, item.amount),
        payable("PAY-2", partner.id, project.id, 700_00, at),
        payable("PAY-3", part.partner_id, "", 9_00, at),
    )
    documents = wiring.documents({"DOCUMENTS_BUCKET": "DocumentsBucket"})
    documents.put(document_of(run.id, partner.id), b"%PDF-1.7", "application/pdf")
    documents.put(csv_document_of(run.id, partner.id), b"run,amount\r\n", "text/csv")
    return run


def payable(name, partner_id, project_id, cents, at):
    return Payable(name, partner_id, project_id, "", "M1", Money(cents), at)


def get(shared, client, path, scope="sunreeve/partner", **query):
    asked = f"{path}?{urlencode(query)}" if query else path
    return shared.call("GET", asked, token=shared.token(client, scope))


def body(answer):
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


@pytest.mark.rule("F27")
@pytest.mark.parametrize("path", READS)
def test_money_is_for_accounting_admins_with_the_scope(shared, home, money, stranger, path):
    plain = ApiClient(f"plain-{path.count('/')}-{len(path)}", home.partners[0].id)
    register(shared.records, plain, at=shared.now, by="test")
    without = get(shared, plain, path)
    assert without.status == 403
    assert "accounting_admin" in json.loads(without.body)["detail"]
    admin = granted(shared, plain)
    assert get(shared, admin, path).status == 200
    assert get(shared, admin, path, "sunreeve/funding:read").status == 200
    assert get(shared, admin, path, "sunreeve/funding:write").status == 403
    assert get(shared, admin, path, "sunreeve/invoice:read").status == 403
    granted(shared, admin, frozenset())
    assert get(shared, admin, path).status == 403, "a role that was taken back is gone at once"


@pytest.mark.rule("F35")
def test_payouts_show_each_row_and_the_sums_of_the_tabs(shared, mine, money):
    found = body(get(shared, mine, "/v1/payouts"))
    columns = ("id", "tab", "status", "amount_cents")
    assert [tuple(row[name] for name in columns) for row in found["payouts"]] == [
        ("PAY-1", "all", "settled", 500_00),
        ("DED-1", "queued", "pending", -40_00),
        ("PAY-2", "queued", "pending", 700_00),
    ]
    first = found["payouts"][0]
    assert (first["trace_number"], first["run_id"]) == (TRACE, money.id)
    assert len(first["account_last4"]) == 4
    queued = next(one for one in found["tabs"] if one["tab"] == "queued")
    assert queued == {"tab": "queued", "rows": 2, "payable_cents": 700_00, "deducted_cents": 40_00}
    assert "account_number" not in json.dumps(found)
    (row,) = body(get(shared, mine, "/v1/payouts", tab="queued", market="CA"))["payouts"]
    assert row["id"] == "PAY-2"
    assert get(shared, mine, "/v1/payouts", tab="soon").status == 400
    assert get(shared, mine, "/v1/payouts", since="yesterday").status == 400


def test_pages_go_on_where_the_last_one_ended(shared, mine, money):
    seen, cursor = [], ""
    while True:
        page = body(get(shared, mine, "/v1/payouts", limit=1, cursor=cursor))
        seen += [row["id"] for row in page["payouts"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
        other = get(shared, mine, "/v1/payouts", limit=1, cursor=cursor, tab="queued")
        assert other.status == 400, "a cursor of another list"
    assert seen == ["PAY-1", "DED-1", "PAY-2"]


@pytest.mark.rule("F27")
@pytest.mark.usefixtures("money")
def test_an_organisation_reaches_its_parts_and_no_part_the_organisation(
    shared, mine, part, stranger
):
    above = mine.partner_id
    of_part = body(get(shared, mine, "/v1/payouts", organisation=part.partner_id))
    assert [row["id"] for row in of_part["payouts"]] == ["PAY-3"]
    assert [row["id"] for row in body(get(shared, part, "/v1/payouts"))["payouts"]] == ["PAY-3"]
    for path in READS[:4]:
        for who in (part, stranger):
            answer = get(shared, who, path, organisation=above)
            assert answer.status == 404, path
            nobody = get(shared, who, path, organisation="P-NOBODY")
            words = answer.body.decode().replace(above, "P-NOBODY")
            assert json.loads(words)["detail"] == json.loads(nobody.body)["detail"]


@pytest.mark.rule("F28")
def test_the_risk_report_lists_clocks_and_reductions(shared, mine, money):
    (clock,) = body(get(shared, mine, "/v1/risk"))["clocks"]
    assert (clock["clock"], clock["days_left"], clock["is_red"]) == ("m1_to_m2", 10, True)
    assert body(get(shared, mine, "/v1/risk", clock="ntp_to_m1"))["clocks"] == []
    (debt,) = body(get(shared, mine, "/v1/risk/reductions"))["reductions"]
    assert (debt["id"], debt["category"], debt["left_cents"]) == ("DED-1", "Net Fund/Offset", 40_00)


def test_remittances_are_told_with_their_papers(shared, mine, stranger, money):
    (one,) = body(get(shared, mine, "/v1/remittances"))["remittances"]
    assert (one["status"], one["amount_cents"], one["trace_number"]) == ("settled", 500_00, TRACE)
    link = body(get(shared, mine, f"/v1/remittances/{money.id}/document"))["url"]
    assert f"{money.id}" in link
    lines = get(shared, mine, f"/v1/remittances/{money.id}/csv")
    assert (lines.status, lines.body) == (200, b"run,amount\r\n")
    assert lines.headers["content-type"].startswith("text/csv")
    for kind in ("document", "csv"):
        assert get(shared, stranger, f"/v1/remittances/{money.id}/{kind}").status == 404


@pytest.mark.rule("F29")
def test_a_small_export_is_downloaded_at_once_and_harms_no_spreadsheet(shared, mine, money):
    token = shared.token(mine)
    asked = {"report": "payouts", "tab": "queued"}
    made = body(shared.call("POST", "/v1/exports", asked, token=token, key="small"))
    assert (made["mode"], made["row_count"], made["state"]) == ("download", 2, "ready")
    answer = shared.call("GET", made["path"], token=token)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    assert {row["id"]: row["amount"] for row in rows} == {"DED-1": "-40.00", "PAY-2": "700.00"}
    assert "'=HYPERLINK(1)" in answer.body.decode()
    wrong = {"report": "projects", "category": "Clawback"}
    assert shared.call("POST", "/v1/exports", wrong, token=token, key="wrong").status == 400
    assert get(shared, mine, "/v1/exports/download", report="secrets").status == 400


@pytest.mark.usefixtures("money")
def test_accounting_sees_the_same_rows(shared, home, mine):
    token = shared.person("ann", "accounting")
    partner_id = home.partners[0].id

    def items(path):
        return body(shared.call("GET", path, token=token))["items"]

    seen = body(get(shared, mine, "/v1/payouts"))["payouts"]
    assert [one["id"] for one in items(f"/ops/payouts?partner_id={partner_id}")] == [
        one["id"] for one in seen
    ]
    queued = items(f"/ops/payouts?partner_id={partner_id}&tab=queued&category=Net+Fund%2FOffset")
    assert [one["id"] for one in queued] == ["DED-1"]
    assert len(items(f"/ops/partners/{partner_id}/risk")) == 2
    (payment,) = items(f"/ops/partners/{partner_id}/remittances")
    assert (payment["trace_number"], payment["status"]) == (TRACE, "settled")
    unknown = shared.call("GET", "/ops/payouts?partner_id=P-NOBODY", token=token)
    assert unknown.status == 404


@pytest.mark.rule("F27")
def test_who_asked_for_an_export_sees_it_and_not_the_organisation_above(shared, mine, part, money):
    order = ExportOrder(
        "EXP-1", part.partner_id, part.partner_id, "payouts", (), 1, "x", shared.now
    )
    shared.save(order)
    assert get(shared, part, "/v1/exports/EXP-1").status == 200
    assert get(shared, mine, "/v1/exports/EXP-1").status == 404
    partner = shared.records.load(Partner, part.partner_id).record
    assert partner.parent_id == mine.partner_id


@pytest.mark.rule("F27")
@pytest.mark.parametrize("path", [*READS, "/v1/work_orders", "/v1/projects/PJ-NOBODY/direct_pay"])
def test_a_vendors_program_meets_nothing_of_partners(shared, path):
    name = f"client-vendor{path.replace('/', '-')}"
    shared.save(ApiClient(name, "", roles=ADMIN, vendor_id="V-1"))
    client = shared.records.load(ApiClient, name).record
    assert get(shared, client, path).status == 403
