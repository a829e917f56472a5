"""Direct Pay through the doors: a partner's Accounting Admin, a vendor's program, the owner."""

import json
from dataclasses import replace

import pytest

from cloud.funding.direct_pay import DirectPay, Vendor, invoice_id
from cloud.funding.process import direct_pay
from cloud.kernel.change import Change
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.portfolio.models import TEST, ApiClient, Milestone, Partner, PlanShare, Project
from cloud.portfolio.process import register

FUNDING, VENDORS = "sunreeve/funding:read sunreeve/funding:write", "sunreeve/vendor:write"
SHIPPED = "2026-06-05T12:00:00Z"
BILL = {"number": "INV-1", "amount_cents": 5_000_00, "is_final": True}


class Doors:
    """Two partners of which the first takes part, their projects, and programs of everybody."""

    def __init__(self, shared):
        self.shared, self.home = shared, shared.new_home()
        self.tag = self.home.site.id
        first, second = self.home.partners
        self.vendor = Vendor(f"V-{self.tag}", "Dealer", "office@dealer.example")
        self.other = replace(self.vendor, id=f"W-{self.tag}")
        for one in (self.vendor, self.other):
            direct_pay.put_vendor(shared.records, vendor=one, at=shared.now, by="test")
        self.enrol(first)
        self.project = self.add(f"J-{self.tag}", first)
        self.strange = self.add(f"K-{self.tag}", second)
        admin = frozenset({"accounting_admin"})
        self.admin = ApiClient(f"aa-{self.tag}", first.id, roles=admin)
        self.plain = ApiClient(f"no-{self.tag}", first.id)
        self.dealer = ApiClient(f"vp-{self.tag}", "", vendor_id=self.vendor.id)
        self.rival = ApiClient(f"wp-{self.tag}", "", vendor_id=self.other.id)
        self.trial = ApiClient(f"tp-{self.tag}", "", TEST, vendor_id=self.vendor.id)
        for client in (self.admin, self.plain, self.dealer, self.rival, self.trial):
            register(shared.records, client, at=shared.now, by="test")
        self.keys = 0

    def enrol(self, partner, by="test"):
        return direct_pay.enrol_organisation(
            self.shared.records,
            partner_id=partner.id,
            vendor_id=self.vendor.id,
            at=self.shared.now,
            by=by,
        )

    def add(self, name, partner):
        plan = (PlanShare(Milestone.M1, 8_000), PlanShare(Milestone.M2, 2_000))
        made = Project(name, self.home.site.id, partner.id, Money(30_000_00), plan)
        register(self.shared.records, made, at=self.shared.now, by="test")
        direct_pay.enrol_new_project(self.shared.records, project_id=name, at=self.shared.now)
        return made

    def call(self, method, path, body=None, *, client, scope=FUNDING, key=""):
        self.keys += 1
        key = key or f"{self.tag}-{self.keys}"
        token = self.shared.token(client, scope)
        answer = self.shared.call(
            method, path, body, token=token, key=key if method == "POST" else None
        )
        return answer.status, json.loads(answer.body)

    def tells(self, what, body, *, client=None, scope=VENDORS, key=""):
        told = {"project_id": self.project.id, **body}
        return self.call(
            "POST", f"/v1/vendor/{what}", told, client=client or self.dealer, scope=scope, key=key
        )

    def ops(self, method, path, body=None, *, role="accounting"):
        token = self.shared.person(f"a.{role}", role)
        answer = self.shared.call(method, path, body, token=token)
        return answer.status, json.loads(answer.body)

    def choice(self, what, **changes):
        path = f"/v1/projects/{self.project.id}/direct_pay/{what}"
        return self.call("POST", path, client=changes.pop("client", self.admin), **changes)


@pytest.fixture
def doors(shared):
    return Doors(shared)


def test_a_vendor_tells_and_the_partner_sees_it(doors):
    ordered = {"order_number": "O-1", "ordered_at": "2026-06-01T12:00:00Z"}
    assert doors.tells("orders", ordered)[0] == 200
    status, told = doors.tells("shipments", {"shipped_at": SHIPPED})
    assert (status, told["may_choose"], told["needs_invoice"]) == (200, False, True)
    status, billed = doors.tells("invoices", BILL)
    assert (status, billed["needs_invoice"]) == (200, False)
    seen = doors.call("GET", f"/v1/projects/{doors.project.id}/direct_pay", client=doors.admin)[1]
    assert (seen["order_number"], seen["bill_to"]) == ("O-1", "owner")
    assert [one["amount_cents"] for one in seen["invoices"]] == [5_000_00]
    assert seen["material"]["submit_due_date"] == "2026-06-22"
    refused = doors.choice("opt_out")
    assert (refused[0], refused[1]["errors"][0]["code"]) == (422, "already_shipped")
    voided = doors.tells("invoices/void", {"number": "inv-1", "because": "sent twice"})[1]
    assert voided["needs_invoice"]


@pytest.mark.rule("D28")
def test_a_vendors_command_that_comes_again_is_answered_once(doors):
    first = doors.tells("invoices", BILL, key=f"k-{doors.tag}")
    assert doors.tells("invoices", BILL, key=f"k-{doors.tag}") == first
    assert doors.tells("invoices", BILL)[1] == first[1]
    status, told = doors.tells("invoices", {**BILL, "amount_cents": 1})
    assert (status, told["errors"][0]["code"]) == (422, "invoice_number_used")


@pytest.mark.rule("T-91")
def test_a_vendor_meets_its_own_projects_only(doors):
    shipped = {"shipped_at": SHIPPED}
    for client, project, scope in (
        (doors.rival, doors.project.id, VENDORS),
        (doors.dealer, doors.strange.id, VENDORS),
        (doors.dealer, "J-NOBODY", VENDORS),
        (doors.trial, doors.project.id, f"{VENDORS} sunreeve/test"),
    ):
        told = {**shipped, "project_id": project}
        status, answer = doors.tells("shipments", told, client=client, scope=scope)
        assert status == 404, client.id
        assert project in answer["detail"]
    assert doors.shared.records.load(DirectPay, doors.project.id).record.shipped_at is None


VENDOR_SEES = "sunreeve/vendor:read"


@pytest.mark.rule("T-91")
def test_a_vendor_lists_its_own_projects_a_page_at_a_time(doors):
    second = doors.add(f"I-{doors.tag}", doors.home.partners[0])
    doors.tells("invoices", BILL)

    def asked(query="", client=doors.dealer, scope=VENDOR_SEES):
        return doors.call("GET", f"/v1/vendor/projects{query}", client=client, scope=scope)

    status, first = asked("?limit=1")
    assert (status, first["has_more"]) == (200, True)
    rest = asked(f"?limit=1&cursor={first['next_cursor']}")[1]
    assert not rest["has_more"]
    shown = first["projects"] + rest["projects"]
    assert [one["project_id"] for one in shown] == [second.id, doors.project.id]
    assert [one["number"] for one in shown[1]["invoices"]] == ["INV-1"]
    assert asked(client=doors.rival)[1]["projects"] == []
    trial = asked(client=doors.trial, scope=f"{VENDOR_SEES} sunreeve/test")
    assert (trial[0], trial[1]["projects"]) == (200, [])
    assert asked(scope=VENDORS)[0] == 403
    assert asked(client=doors.admin, scope=f"{VENDOR_SEES} sunreeve/partner")[0] == 403
    assert asked(f"?cursor={first['next_cursor']}x")[0] == 400
    assert doors.tells("invoices", BILL, scope=VENDOR_SEES)[0] == 403


@pytest.mark.rule("F30")
def test_a_vendor_that_left_tells_by_mail_only_and_gets_nothing_new(doors):
    named = {"vendor_id": doors.vendor.id, "name": "Dealer", "email": "office@dealer.example"}
    gone = doors.ops("POST", "/ops/vendors", {**named, "is_active": False}, role="admin")
    assert gone[0] == 200
    ordered = {"order_number": "O-1", "ordered_at": "2026-06-01T12:00:00Z"}
    void = {"number": "INV-1", "because": "sent twice"}
    shipped = {"shipped_at": SHIPPED}
    for what, body in (
        ("orders", ordered),
        ("shipments", shipped),
        ("invoices", BILL),
        ("invoices/void", void),
    ):
        status, refused = doors.tells(what, body)
        assert status == 403, what
        assert "does not take part in Direct Pay any more" in refused["detail"]
    listed = doors.call("GET", "/v1/vendor/projects", client=doors.dealer, scope=VENDOR_SEES)
    assert listed[0] == 403
    at = f"/ops/projects/{doors.project.id}/direct_pay"
    assert doors.ops("POST", f"{at}/invoices", {"vendor_id": doors.vendor.id, **BILL})[0] == 200
    new = doors.add(f"N-{doors.tag}", doors.home.partners[0])
    seen = doors.call("GET", f"/v1/projects/{new.id}/direct_pay", client=doors.admin)[1]
    assert seen["is_enrolled"] is False


@pytest.mark.rule("D42")
def test_nobody_enters_more_than_the_project_is_worth(doors):
    above = {**BILL, "amount_cents": 30_000_01}
    status, refused = doors.tells("invoices", above)
    assert (status, refused["errors"][0]["code"]) == (422, "above_project_value")
    at = f"/ops/projects/{doors.project.id}/direct_pay"
    by_mail = doors.ops("POST", f"{at}/invoices", {"vendor_id": doors.vendor.id, **above})
    assert (by_mail[0], by_mail[1]["errors"][0]["rule"]) == (422, "D42")
    assert doors.tells("invoices", {**BILL, "amount_cents": 30_000_00})[0] == 200


@pytest.mark.rule("T-91")
def test_vendors_and_partners_have_doors_of_their_own(doors):
    for client in (doors.admin, doors.plain):
        for scope in (VENDORS, f"{VENDORS} sunreeve/partner"):
            status, _ = doors.tells(
                "shipments", {"shipped_at": SHIPPED}, client=client, scope=scope
            )
            assert status == 403, scope
    assert doors.tells("shipments", {"shipped_at": SHIPPED}, scope="sunreeve/partner")[0] == 403
    paths = (
        "/v1/organisation",
        "/v1/organisation/direct_pay",
        "/v1/work_orders",
        "/v1/invoices",
        "/v1/payouts",
        f"/v1/projects/{doors.project.id}/direct_pay",
    )
    for path in paths:
        scope = f"{VENDORS} sunreeve/partner {FUNDING}"
        assert doors.call("GET", path, client=doors.dealer, scope=scope)[0] in {403, 404}, path
    assert doors.tells("invoices", {**BILL, "amount_cents": 0})[0] == 400
    with pytest.raises(BadInput, match="not for both"):
        ApiClient("x", "P-1", vendor_id="V-1")


@pytest.mark.rule("F33")
@pytest.mark.rule("F34")
def test_an_accounting_admin_chooses_and_the_vendor_is_told_once(doors):
    status, left = doors.choice("opt_out")
    assert (status, left["is_enrolled"], left["bill_to"]) == (200, False, "epc")
    assert doors.choice("opt_out")[1] == left
    assert doors.tells("invoices", BILL)[1]["errors"][0]["code"] == "not_enrolled"
    assert doors.choice("opt_in")[1]["is_enrolled"]
    assert doors.shared.records.load(DirectPay, doors.project.id).record.told == 2
    assert doors.choice("opt_out", client=doors.plain)[0] == 403
    assert doors.choice("opt_out", scope="sunreeve/funding:read")[0] == 403
    path = f"/v1/projects/{doors.strange.id}/direct_pay"
    assert doors.call("GET", path, client=doors.admin)[0] == 404
    assert doors.call("POST", f"{path}/opt_out", client=doors.admin)[0] == 404


@pytest.mark.rule("F30")
def test_an_organisation_joins_and_leaves_for_itself_and_its_parts(doors):
    first, second = doors.home.partners
    path = "/v1/organisation/direct_pay"
    seen = doors.call("GET", path, client=doors.admin)[1]
    assert seen["vendor_id"] == doors.vendor.id
    assert doors.vendor.id in [one["vendor_id"] for one in seen["vendors"]]
    left = doors.call("POST", path, {"vendor_id": None}, client=doors.admin)
    assert (left[0], left[1]["vendor_id"]) == (200, "")
    asked = {"vendor_id": doors.other.id, "organisation": second.id}
    assert doors.call("POST", path, asked, client=doors.admin)[0] == 404
    stored = doors.shared.records.load(Partner, second.id)
    part = replace(stored.record, parent_id=first.id)
    doors.shared.records.commit(Change(saves=(stored.replaced_by(part),)))
    assert doors.call("POST", path, asked, client=doors.admin)[1]["vendor_id"] == doors.other.id
    assert doors.call("POST", path, asked, client=doors.plain)[0] == 403
    unknown = {"vendor_id": "V-NOBODY"}
    assert doors.call("POST", path, unknown, client=doors.admin)[0] == 404
    path = f"/v1/projects/{doors.strange.id}/direct_pay"
    assert doors.call("GET", path, client=doors.admin)[1]["is_enrolled"] is False


def test_accounting_enters_what_came_by_mail(doors):
    at, vendor = f"/ops/projects/{doors.project.id}/direct_pay", doors.vendor.id
    ordered = {"vendor_id": vendor, "order_number": "O", "ordered_at": "2026-06-01T12:00:00Z"}
    assert doors.ops("POST", f"{at}/order", ordered)[0] == 200
    assert doors.ops("POST", f"{at}/opt_out")[1]["item"]["is_enrolled"] is False
    assert doors.ops("POST", f"{at}/opt_in")[1]["item"]["is_enrolled"] is True
    billed = {"vendor_id": vendor, **BILL, "document": "mail/in/1"}
    assert doors.ops("POST", f"{at}/invoices", billed)[0] == 200
    shipped = {"vendor_id": vendor, "shipped_at": SHIPPED}
    assert doors.ops("POST", f"{at}/shipment", shipped)[0] == 200
    item = doors.ops("GET", at)[1]["item"]
    assert [one["id"] for one in item["invoices"]] == [invoice_id(vendor, "INV-1")]
    voided = {"vendor_id": vendor, "number": "INV-1", "reason": "credited"}
    assert doors.ops("POST", f"{at}/invoices/void", voided)[0] == 200
    assert doors.ops("GET", "/ops/vendor_invoices_to_settle")[0] == 200
    named = {"vendor_id": vendor, "name": "Dealer", "email": "new@dealer.example"}
    assert doors.ops("POST", "/ops/vendors", named, role="admin")[0] == 200
    assert named["email"] in json.dumps(doors.ops("GET", "/ops/vendors")[1])
    partner = doors.home.partners[1].id
    chosen = doors.ops("POST", f"/ops/partners/{partner}/direct_pay", {"vendor_id": vendor})[1]
    assert chosen["item"]["direct_pay_vendor_id"] == vendor
    gone = doors.ops("POST", f"/ops/partners/{partner}/direct_pay", {})[1]
    assert gone["item"]["direct_pay_vendor_id"] == ""
    assert "account_number" not in json.dumps(gone) or "123456" not in json.dumps(gone)
