"""Extension requests, the funding calendar and questions about money, behind both APIs."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from itertools import count

import pytest
from conftest import MONDAY, TEMPLATE
from rights import not_allowed, watched

from cloud.funding.extension import ExtensionExposure, ExtensionRequest
from cloud.funding.models import Payable, PayableState
from cloud.funding.tickets import Ticket
from cloud.kernel.money import Money
from cloud.portfolio.models import (
    ApiClient,
    Milestone,
    Partner,
    PlanShare,
    Project,
    milestone_id,
)
from cloud.portfolio.process import register
from cloud.service.uploads import Purpose, Upload, UploadState

M1_AT = datetime(2026, 5, 1, 15, 0, tzinfo=UTC)
WRITE = "sunreeve/funding:write sunreeve/funding:read"
_keys = count(1)


class House:
    """A home's first partner with a project that waits, and its programs."""

    def __init__(self, shared, m1_at=M1_AT):
        self.shared, self.m1_at = shared, m1_at
        home = shared.new_home()
        self.partner, other = home.partners
        self.site = home.site
        self.project = Project(
            f"PRJ-{home.site.id}",
            home.site.id,
            self.partner.id,
            Money(30_000_00),
            (PlanShare(Milestone.M1, 10_000),),
            reached=((Milestone.M1, m1_at),),
        )
        paid = [
            Payable(
                id=f"PAY-{self.project.id}",
                partner_id=self.partner.id,
                project_id=self.project.id,
                work_order_id="",
                milestone="M1",
                amount=Money(1_000_000_00),
                accrued_at=m1_at,
                state=PayableState.PAID,
                causes=(milestone_id(self.project.id, Milestone.M1), self.project.id),
            )
        ]
        shared.save(self.project, *paid)
        self.admin = self.program("admin", self.partner.id)
        self.sales = self.program("sales", self.partner.id, roles=frozenset())
        self.stranger = self.program("stranger", other.id)

    def program(self, name, partner_id, roles=frozenset({"accounting_admin"})):
        made = ApiClient(f"{name}-{partner_id}", partner_id, roles=roles)
        register(self.shared.records, made, at=self.shared.now, by="test")
        return made

    def call(self, method, path, body=None, *, client=None, scope=WRITE, key=None):
        token = self.shared.token(client or self.admin, scope)
        key = key or f"key-{next(_keys)}"
        sent = {} if body is None and method == "POST" else body
        answer = self.shared.call(method, path, sent, token=token, key=key)
        kind = {name.lower(): value for name, value in answer.headers.items()}["content-type"]
        return answer.status, json.loads(answer.body) if "json" in kind else answer.body.decode()

    def ops(self, method, path, body=None, *, role="accounting_admin"):
        token = self.shared.person(f"a.{role}", role)
        answer = self.shared.call(method, path, body, token=token)
        return answer.status, json.loads(answer.body)

    def kept(self):
        """Have a proof on record that was kept."""
        upload = Upload(
            id=f"UPL-{self.project.id}",
            work_order_id=self.project.id,
            partner_id=self.partner.id,
            purpose=Purpose.EVIDENCE,
            name="mail.pdf",
            content_type="application/pdf",
            size_bytes=1,
            sha256="0" * 64,
            state=UploadState.KEPT,
            quarantine="q",
            requested_at=self.shared.now,
            requested_by="x",
            evidence="evidence/x.pdf",
        )
        self.shared.save(upload)
        return upload.reference

    def wish(self, **changes):
        return {
            "account_finco_id": self.project.id,
            "account_primary_name": self.site.customer_name,
            "eta_of_pto": "2026-09-01",
            "extension_request_deadline": "2026-09-15",
            "install_submission_date": self.m1_at.date().isoformat(),
            "reason": "utility_ahj_delay",
            "proof": f"upload:UPL-{self.project.id}",
            **changes,
        }


@pytest.fixture
def house(shared):
    return House(shared)


@pytest.mark.rule("F11")
@pytest.mark.rule("F16")
def test_a_request_from_the_wish_to_the_grant(house):
    house.kept()
    status, asked = house.call("POST", "/v1/extension_requests", house.wish())
    assert (status, asked["state"], asked["days"]) == (200, "pending", 14), asked
    assert house.call("POST", "/v1/extension_requests", house.wish())[1] == asked
    path = f"/v1/extension_requests/{asked['request_id']}"
    assert house.call("GET", path) == (200, asked)
    listed = house.call("GET", "/v1/extension_requests")[1]
    assert [one["request_id"] for one in listed["extension_requests"]] == [asked["request_id"]]
    ops = f"/ops/extension_requests/{asked['request_id']}"
    assert "evidence/x.pdf" in house.ops("GET", f"{ops}/proof", role="auditor")[1]["url"]
    assert house.ops("GET", ops)[1]["item"]["reason"] == "utility_ahj_delay"
    waiting = house.ops("GET", "/ops/extension_requests?state=pending")[1]["items"]
    assert asked["request_id"] in {one["id"] for one in waiting}
    refused = house.ops("POST", f"{ops}/grant", {"days": 99})
    assert (refused[0], refused[1]["errors"][0]["code"]) == (422, "days_are_fixed")
    status, granted = house.ops("POST", f"{ops}/grant", {})
    assert (status, granted["item"]["until"]) == (200, "2026-09-12"), granted
    standing = house.ops("GET", f"/ops/extension_exposure?partner_id={house.partner.id}")[1]["item"]
    assert (standing["sum"]["cents"], standing["cap"]["cents"]) == (30_000_00, 100_000_00)
    conflict = house.call("POST", f"{path}/withdraw")
    assert (conflict[0], conflict[1]["errors"][0]["code"]) == (409, "conflict")


def test_a_denied_and_a_withdrawn_request(house):
    house.kept()
    first = house.call("POST", "/v1/extension_requests", house.wish())[1]["request_id"]
    other = house.call("POST", "/v1/extension_requests", house.wish(reason="main_panel_upgrade"))[
        1
    ]["request_id"]
    assert house.call("POST", f"/v1/extension_requests/{first}/withdraw")[1]["state"] == "withdrawn"
    denied = house.ops("POST", f"/ops/extension_requests/{other}/deny", {"reason": "no delay"})
    assert denied[1]["item"]["state"] == "denied"
    shown = house.call("GET", f"/v1/extension_requests/{other}")[1]
    assert (shown["state"], shown["because"]) == ("denied", "no delay")


@pytest.mark.rule("F11")
def test_every_problem_is_an_error_of_its_own(house):
    status, answer = house.call(
        "POST", "/v1/extension_requests", house.wish(reason="", account_primary_name="Nobody")
    )
    codes = [one["code"] for one in answer["errors"]]
    assert (status, codes) == (
        422,
        ["missing_reason", "account_primary_name_differs", "proof_not_kept"],
    )


@pytest.mark.rule("F27")
def test_only_accounting_admins_of_the_same_organisation(house):
    house.kept()
    mine = house.call("POST", "/v1/extension_requests", house.wish())[1]["request_id"]
    ticket = house.call("POST", "/v1/tickets", {"subject": "s", "question": "q"})[1]["ticket_id"]
    paths = [
        ("GET", "/v1/extension_requests", None),
        ("GET", f"/v1/extension_requests/{mine}", None),
        ("POST", f"/v1/extension_requests/{mine}/withdraw", None),
        ("POST", "/v1/extension_requests", house.wish()),
        ("GET", "/v1/tickets", None),
        ("GET", f"/v1/tickets/{ticket}", None),
        ("POST", "/v1/tickets", {"subject": "s", "question": "q"}),
        ("POST", f"/v1/tickets/{ticket}/messages", {"text": "t"}),
        ("POST", f"/v1/tickets/{ticket}/close", None),
    ]
    for method, path, body in paths:
        assert house.call(method, path, body, client=house.sales)[0] == 403, path
        scope = "sunreeve/funding:write" if method == "GET" else "sunreeve/funding:read"
        assert house.call(method, path, body, scope=scope)[0] == 403, path
        strange = house.call(method, path, body, client=house.stranger)
        if ticket in path or mine in path or path == "/v1/extension_requests":
            is_list = (method, path) == ("GET", "/v1/extension_requests")
            assert strange[0] == (200 if is_list else 404), path
            assert not is_list or strange[1]["extension_requests"] == []
    assert house.shared.records.load(ExtensionRequest, mine).record.state == "pending"
    assert house.shared.records.load(Ticket, ticket).record.state == "open"


def test_a_parent_looks_after_its_parts(house):
    house.kept()
    mine = house.call("POST", "/v1/extension_requests", house.wish())[1]
    parent = replace(house.partner, id=f"{house.partner.id}-UP")
    house.shared.save(parent)
    stored = house.shared.records.load(Partner, house.partner.id)
    from cloud.kernel.change import Change

    part = replace(stored.record, parent_id=parent.id)
    house.shared.records.commit(Change(saves=(stored.replaced_by(part),)))
    above = house.program("above", parent.id)
    path = f"/v1/extension_requests/{mine['request_id']}"
    assert house.call("GET", path, client=above) == (200, mine)
    listed = house.call(
        "GET", f"/v1/extension_requests?partner_id={house.partner.id}", client=above
    )[1]
    assert listed["extension_requests"] == [mine]
    upward = house.call("GET", f"/v1/extension_requests?partner_id={parent.id}")
    assert upward[0] == 404


def test_a_proof_is_announced(house):
    content = b"%PDF-1.7"
    body = {
        "account_finco_id": house.project.id,
        "name": "mail.pdf",
        "content_type": "application/pdf",
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    status, asked = house.call("POST", "/v1/extension_requests/proofs", body)
    assert (status, asked["upload"]["state"]) == (200, "requested"), asked
    assert asked["form"]["fields"]
    path = f"/v1/extension_requests/proofs/{asked['upload']['upload_id']}/complete"
    assert house.call("POST", path)[1]["errors"][0]["code"] == "upload_not_there"
    strange = house.call("POST", "/v1/extension_requests/proofs", body, client=house.stranger)
    assert strange[0] == 404


@pytest.mark.rule("F27")
def test_a_proof_opens_among_the_uploads_for_accounting_admins_only(house):
    upload = house.kept().removeprefix("upload:")
    for path in (f"/v1/uploads/{upload}", f"/v1/uploads/{upload}/link"):
        scope = "sunreeve/upload:read"
        assert house.call("GET", path, scope=scope)[0] == 200, path
        status, told = house.call("GET", path, scope=scope, client=house.sales)
        assert (status, "Accounting Admin" in told["detail"]) == (403, True), path
        assert house.call("GET", path, scope=scope, client=house.stranger)[0] == 404


@pytest.mark.rule("F36")
def test_a_question_and_its_answer(house):
    body = {
        "subject": "Where is it?",
        "question": "Which run?",
        "about": "project",
        "about_id": house.project.id,
    }
    status, asked = house.call("POST", "/v1/tickets", body, key="mine")
    assert (status, asked["state"]) == (200, "open"), asked
    assert house.call("POST", "/v1/tickets", body, key="mine")[1] == asked
    path, ops = (f"{api}/tickets/{asked['ticket_id']}" for api in ("/v1", "/ops"))
    waiting = house.ops("GET", "/ops/tickets?state=open")[1]["items"]
    assert asked["ticket_id"] in {one["id"] for one in waiting}
    early = house.ops("POST", f"{ops}/close", role="accounting")
    assert early[1]["errors"][0]["code"] == "not_answered"
    house.ops("POST", f"{ops}/answer", {"text": "Thursday's"}, role="accounting")
    shown = house.call("GET", path)[1]
    assert [(one["by"], one["text"]) for one in shown["messages"]] == [
        (house.admin.id, "Which run?"),
        ("support", "Thursday's"),
    ]
    assert shown["state"] == "answered"
    assert house.call("POST", f"{path}/messages", {"text": "thanks"})[1]["state"] == "open"
    assert house.call("POST", f"{path}/close")[1]["state"] == "closed"
    assert house.ops("GET", ops)[1]["item"]["state"] == "closed"
    assert house.call("GET", "/v1/tickets")[1]["tickets"][0]["ticket_id"] == asked["ticket_id"]


@pytest.mark.rule("F03")
@pytest.mark.rule("D20")
def test_the_calendar_shows_what_was_published(house):
    day = {"regular_date": "2026-06-18", "alternative_date": "2026-06-22"}
    status, published = house.ops("POST", "/ops/funding_days", day)
    assert (status, published["item"]["alternative_date"]) == (200, "2026-06-22")
    bad = house.ops("POST", "/ops/funding_days", {**day, "alternative_date": "2026-06-20"})
    assert bad[1]["errors"][0]["code"] == "not_a_banking_day"
    wanted = "first=2026-06-16&last=2026-06-18"
    (_, moved) = house.call("GET", f"/v1/funding_calendar?{wanted}", client=house.sales)[1]["days"]
    assert (moved["funding_date"], moved["source"]) == ("2026-06-22", "published")
    assert moved["note"] == "paid on Monday, June 22, as published"
    assert moved["cut_off_at"] == "2026-06-17T02:31:00-04:00"
    ops = house.ops("GET", f"/ops/funding_calendar?{wanted}", role="treasury")[1]["items"]
    assert [one["run_id"] for one in ops] == ["comfort-2026-06-16", "comfort-2026-06-18"]
    assert house.ops("GET", "/ops/funding_days")[1]["items"][-1]["by"] == "a.accounting_admin"
    status, text = house.call("GET", "/v1/funding_calendar.ics")
    assert status == 200
    assert "UID:comfort-2026-06-18-paid@sunreeve\r\n" in text
    assert "DTSTART;VALUE=DATE:20260622\r\n" in text
    usual = house.call("GET", "/v1/funding_calendar")[1]["days"]
    today = house.shared.now.date()
    assert date.fromisoformat(usual[0]["regular_date"]) < today
    assert date.fromisoformat(usual[-1]["regular_date"]) > today + timedelta(days=365)
    far = house.ops("POST", "/ops/funding_days", {**day, "alternative_date": "2027-06-22"})
    assert far[1]["errors"][0]["rule"] == "D43"
    back = {"regular_date": day["regular_date"], "reason": "a slip"}
    assert house.ops("POST", "/ops/funding_days/withdraw", back)[0] == 200
    (_, kept) = house.call("GET", f"/v1/funding_calendar?{wanted}", client=house.sales)[1]["days"]
    assert (kept["funding_date"], kept["source"]) == ("2026-06-18", "regular")
    assert house.call("GET", "/v1/funding_calendar?programme=none")[0] == 400
    assert house.call("GET", "/v1/funding_calendar", scope="sunreeve/invoice:read")[0] == 403


def subjects(world):
    found = (message_from_bytes(one.read_bytes()) for one in world.runtime.mailbox.mails())
    return ["".join(mail["subject"].splitlines()) for mail in found]


@pytest.mark.rule("F12")
@pytest.mark.rule("D20")
def test_timers_tell_of_late_decisions_and_published_days(world):
    asked = watched(world.runtime)
    house = House(world, m1_at=datetime(2026, 1, 20, 15, 0, tzinfo=UTC))
    house.kept()
    late = house.call("POST", "/v1/extension_requests", house.wish())[1]["request_id"]
    other = house.call("POST", "/v1/extension_requests", house.wish(reason="main_panel_upgrade"))
    day = {"regular_date": "2026-06-18", "alternative_date": "2026-06-22"}
    assert house.ops("POST", "/ops/funding_days", day)[0] == 200
    granted = house.ops("POST", f"/ops/extension_requests/{other[1]['request_id']}/grant", {})
    assert granted[0] == 200, granted
    world.runtime.run_due()
    partners = len(world.records.find(Partner, by="active", value="True"))
    assert subjects(world).count("Funding of 2026-06-18 is paid on 2026-06-22") == partners
    back = {"regular_date": day["regular_date"], "reason": "a slip"}
    assert house.ops("POST", "/ops/funding_days/withdraw", back)[0] == 200
    for days in (8, 9, 13):
        world.runtime.clock.move_to(MONDAY + timedelta(days=days))
        world.runtime.run_due()
    after_all = "Funding of 2026-06-18 is paid on 2026-06-18 after all"
    assert subjects(world).count(after_all) == partners
    assert subjects(world).count(f"Decision overdue: extension request {late}") == 1
    assert world.records.load(ExtensionRequest, late).record.alarmed_at is not None
    standing = world.records.load(ExtensionExposure, f"comfort.{house.partner.id}").record
    assert standing.extended == (), "its last day is over"
    house.call("GET", "/v1/funding_calendar")
    house.call("POST", "/v1/tickets", {"subject": "s", "question": "q"})
    assert not_allowed(asked, TEMPLATE.read_bytes()) == []
