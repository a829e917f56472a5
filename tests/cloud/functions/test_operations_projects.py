"""The routes of projects, papers, people and bank details, over a whole stack."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from cloud.adapters import wiring
from cloud.kernel.change import Change
from cloud.kernel.ids import derived
from cloud.local.demo import cast
from cloud.portfolio.models import Partner, Project
from cloud.portfolio.papers import BankChange
from cloud.portfolio.process import register

_numbers = count(1)
SHARES = [{"milestone": "M1", "share_bps": 8000}, {"milestone": "M2", "share_bps": 2000}]
DAY = timedelta(days=1)


class Office:
    """The owner's people, who ask for a partner and a project of their own."""

    def __init__(self, world):
        self.world = world
        number = next(_numbers)
        self.partner = replace(cast.PARTNERS[0], id=f"P-OFFICE-{number}")
        self.project_id = f"PRJ-OFFICE-{number}"
        register(world.records, self.partner, at=world.now, by="test")
        self.site = replace(
            cast.HOUSEHOLDS[0].site, id=f"S-OFFICE-{number}", gateway_id=f"gw-office-{number}"
        )
        register(world.records, self.site, at=world.now, by="test")

    def ask(self, role, method, path, body=None, name="sam"):
        token = self.world.person(f"{name}.{role}", role)
        answer = self.world.call(method, path, body, token=token)
        return answer.status, json.loads(answer.body)

    def post(self, role, path, body=None, name="sam"):
        status, answer = self.ask(role, "POST", path, body, name)
        if status == 200:
            return answer["item"]
        return status, answer["errors"][0]["code"] if answer.get("errors") else answer["detail"]

    def get(self, role, path):
        status, answer = self.ask(role, "GET", path)
        assert status == 200, answer
        return answer.get("items", answer.get("item"))

    def put_project(self, **more):
        body = {
            "project_id": self.project_id,
            "site_id": self.site.id,
            "partner_id": self.partner.id,
            "value_cents": 2_400_000,
            "shares": SHARES,
            **more,
        }
        return self.post("projects", "/ops/projects", body)

    def keep(self, name):
        """Lay a file where the owner's people put a partner's papers."""
        documents = wiring.documents({"DOCUMENTS_BUCKET": "DocumentsBucket"})
        return documents.put(
            f"papers/{self.partner.id}/{name}.pdf", name.encode(), "application/pdf"
        )

    def authorization(self, name="for-another-account"):
        """Have a bank authorization that waits, as one for the present account is on file."""
        stored = self.world.records.load(Partner, self.partner.id)
        onboarded = replace(stored.record, bank_authorization_on_file=True)
        self.world.records.commit(Change(saves=(stored.replaced_by(onboarded),)))
        body = {"kind": "bank_authorization", "reference": self.keep(name)}
        made = self.post("accounting", f"/ops/partners/{self.partner.id}/documents", body)
        assert made["state"] == "waiting", made
        return made["id"]

    def wish(self, **changes):
        return {
            "routing_number": "011401533",
            "account_number": "444333222111",
            "authorization_id": self.authorization(),
            **changes,
        }

    @property
    def at(self):
        return f"/ops/projects/{self.project_id}"


@pytest.fixture
def office(shared):
    return Office(shared)


def test_a_project_is_put_reaches_and_loses_milestones(office):
    plan_id = f"plan-{office.project_id}"
    plan = {"payment_plan_id": plan_id, "programme": "comfort", "shares": SHARES}
    office.post("admin", "/ops/payment_plans", plan)
    assert office.get("auditor", f"/ops/payment_plans/{plan_id}")["m1_basis"] == "install_approved"
    office.post(
        "admin", f"/ops/partners/{office.partner.id}/payment_plan", {"payment_plan_id": plan_id}
    )
    made = office.put_project(shares=[])
    assert (made["plan"], made["market"]) == (SHARES, office.site.state)
    late = office.post("projects", f"{office.at}/milestones", {"milestone": "M2"})
    assert late == (422, "m1_missing")
    reached = office.post("projects", f"{office.at}/milestones", {"milestone": "M1"})["reached"]
    assert [one for one, _ in reached] == ["install_submitted", "install_approved", "M1"]
    assert office.put_project(value_cents=1) == (422, "plan_pinned")
    revoked = office.post(
        "projects",
        f"{office.at}/milestones/revoke",
        {"milestone": "M1", "reason": "another house", "occurrence": 0},
    )
    assert [one["milestone"] for one in revoked["revoked"]] == ["install_approved", "M1"]
    assert office.get("accounting", f"/ops/projects?partner_id={office.partner.id}") == [revoked]
    assert office.get("projects", office.at) == revoked


def test_what_holds_a_project_s_money(office):
    office.put_project()
    why = {"reason": "papers"}
    for what, flag in (
        ("compliance_case", "compliance_case_open"),
        ("stip", "administrative_stip_open"),
    ):
        assert office.post("accounting", f"{office.at}/{what}/open", why)[flag]
        assert not office.post("projects", f"{office.at}/{what}/close", why)[flag]
    word = office.post("projects", f"{office.at}/documents", {"reference": "papers/1"})
    assert word == (422, "document_not_kept")
    body = {"reference": office.keep("1")}
    paper = office.post("projects", f"{office.at}/documents", body)
    link = office.world.person("sam.projects", "projects")
    shown = office.world.call("GET", f"{office.at}/documents/{paper['id']}/file", token=link)
    assert (shown.status, paper["reference"] in json.loads(shown.body)["url"]) == (200, True)
    strange = f"/ops/projects/other/documents/{paper['id']}/file"
    assert office.world.call("GET", strange, token=link).status == 404
    waiting = office.get("auditor", "/ops/documents?task=review_document")
    assert paper in waiting
    assert office.post("projects", f"/ops/documents/{paper['id']}/review")["task"] == ""


def test_two_people_note_a_prepaid_commission(office):
    office.put_project()
    path = f"{office.at}/prepaid_commission"
    much = {"amount_cents": 2_400_001, "because": "the list"}
    assert office.post("accounting", path, much) == (422, "above_value")
    made = office.post("accounting", path, {"amount_cents": 500, "because": "the list"})
    assert made in office.get("accounting_admin", "/ops/prepaid_commissions?state=pending")
    ops = f"/ops/prepaid_commissions/{made['id']}"
    noted = office.post("accounting_admin", f"{ops}/agree")
    assert noted["prepaid_commission"] == {"cents": 500}
    other = office.post("accounting", path, {"amount_cents": 700, "because": "the list"})
    no = f"/ops/prepaid_commissions/{other['id']}/reject"
    assert office.post("accounting_admin", no)["state"] == "rejected"
    assert office.get("projects", office.at)["prepaid_commission"] == {"cents": 500}
    end = ended(office)
    for verb in ("agree", "reject"):
        strange = office.post("accounting_admin", f"/ops/prepaid_commissions/{end['id']}/{verb}")
        assert strange == (422, "other_proposal")


def ended(office, reason="customer"):
    return office.post(
        "projects", f"{office.at}/cancellation", {"reason": reason, "because": "they moved"}
    )


def test_a_project_ends_by_two_people(office):
    office.put_project()
    made = ended(office)
    assert made["state"] == "pending"
    path = f"/ops/cancellations/{made['id']}"
    assert made in office.get("accounting_admin", "/ops/cancellations?state=pending")
    assert office.post("accounting_admin", f"{path}/agree")["cancelled"]
    assert office.post("accounting_admin", f"{path}/agree")["cancelled"]
    assert ended(office) == (422, "project_cancelled")


def test_a_project_goes_on_when_the_other_says_so(office):
    office.put_project()
    made = ended(office)
    path = f"/ops/cancellations/{made['id']}"
    assert office.post("accounting_admin", f"{path}/reject")["state"] == "rejected"
    assert office.post("accounting_admin", f"{path}/agree")[0] == 409
    assert not office.get("projects", office.at)["cancelled"]


@pytest.mark.parametrize(
    ("days", "answer"),
    [
        pytest.param(None, (422, "ntp_missing"), id="before NTP"),
        pytest.param(159, (422, "not_overdue"), id="a day before the last"),
        pytest.param(160, (422, "not_overdue"), id="the last day"),
        pytest.param(161, "pending", id="the day after"),
    ],
)
def test_lateness_ends_a_project_after_its_160_days_only(office, days, answer):
    office.put_project()
    if days is not None:
        records = office.world.records
        stored = records.load(Project, office.project_id)
        begun = replace(stored.record, reached=(("NTP", office.world.now - days * DAY),))
        records.commit(Change(saves=(stored.replaced_by(begun),)))
    made = ended(office, "no_installation_160")
    assert (made["state"] if isinstance(made, dict) else made) == answer
    if isinstance(made, dict):
        office.post("projects", f"{office.at}/milestones", {"milestone": "M1"})
        path = f"/ops/cancellations/{made['id']}/agree"
        assert office.post("accounting_admin", path) == (422, "not_overdue")


def test_papers_people_and_parts(office):
    partner = f"/ops/partners/{office.partner.id}"
    stored = office.world.records.load(Partner, office.partner.id)
    new = replace(stored.record, w9_on_file=False)
    office.world.records.commit(Change(saves=(stored.replaced_by(new),)))
    body = {"kind": "w9", "reference": "x"}
    word = office.post("relationship_manager", f"{partner}/documents", body)
    assert word == (422, "document_not_kept")
    assert not office.world.records.load(Partner, office.partner.id).record.w9_on_file
    body["reference"] = office.keep("w9")
    paper = office.post("relationship_manager", f"{partner}/documents", body)
    assert office.world.records.load(Partner, office.partner.id).record.w9_on_file
    assert office.get("auditor", f"{partner}/documents") == [paper]
    office.post("accounting", f"/ops/documents/{paper['id']}/withdraw", {"reason": "not theirs"})
    assert not office.world.records.load(Partner, office.partner.id).record.w9_on_file
    person = {"person_id": f"{office.partner.id}-jo", "name": "Jo", "email": "jo@x.example"}
    office.post("relationship_manager", f"{partner}/people", person)
    role = {"holder_id": person["person_id"]}
    assert office.post("admin", "/ops/first_accounting_admins", role)["roles"]
    (shown,) = office.get("auditor", f"{partner}/people")
    assert shown["roles"] == ["accounting_admin"]
    assert office.get("auditor", f"{partner}/programs") == []
    gone = f"/ops/people/{person['person_id']}/retire"
    assert office.post("admin", gone) == (422, "has_role")
    office.post("admin", "/ops/accounting_admins/revoke", role)
    assert not office.post("admin", gone)["is_active"]
    other = Office(office.world)
    part = office.post("admin", f"{partner}/parent", {"parent_id": other.partner.id})
    assert part["parent_id"] == other.partner.id


def test_bank_details_are_sealed_at_the_door_and_shown_by_four_digits(office):
    path = f"/ops/partners/{office.partner.id}/bank_changes"
    body = office.wish()
    asked = office.post("accounting", path, body)
    assert asked["account_number"] == "2111"
    wrong = office.post("accounting", path, {**body, "routing_number": "011401534"})
    assert wrong == (422, "invalid_routing_number")
    agree = f"/ops/bank_changes/{asked['id']}/agree"
    assert office.post("accounting_admin", agree)["state"] == "agreed"
    assert any(
        one["id"] == asked["id"] for one in office.get("auditor", "/ops/bank_changes?state=agreed")
    )
    stored = office.world.records.load(BankChange, asked["id"]).record
    assert stored.account_number.value == "444333222111"
    stop = f"/ops/bank_changes/{asked['id']}/reject"
    stopped = office.post("accounting", stop, {"reason": "they called"})
    assert stopped["state"] == "rejected"


def test_who_asks_does_not_agree_whatever_the_roles(office):
    asked = office.post(
        "accounting",
        f"/ops/partners/{office.partner.id}/bank_changes",
        office.wish(),
    )
    token = office.world.person("sam.accounting", "accounting_admin")
    answer = office.world.call("POST", f"/ops/bank_changes/{asked['id']}/agree", token=token)
    assert json.loads(answer.body)["errors"][0]["code"] == "maker_is_checker"


def test_agreed_bank_details_count_by_themselves_once_the_hold_is_over(world):
    office = Office(world)
    asked = office.post(
        "accounting",
        f"/ops/partners/{office.partner.id}/bank_changes",
        office.wish(),
    )
    office.post("accounting_admin", f"/ops/bank_changes/{asked['id']}/agree")
    agreed_at = world.now
    for hours, version in ((71, 1), (73, 2)):
        world.runtime.clock.move_to(agreed_at + hours * DAY / 24)
        world.runtime.run_due()
        partner = world.records.load(Partner, office.partner.id).record
        assert partner.bank_details_version == version, hours
    assert partner.account_number.value == "444333222111"
    assert partner.prenote == "due"
    told = office.post("accounting", f"/ops/bank_changes/{asked['id']}/apply")
    assert told["state"] == "effective"


def test_a_change_whose_message_was_lost_is_applied_by_hand(world):
    office = Office(world)
    asked = office.post(
        "accounting", f"/ops/partners/{office.partner.id}/bank_changes", office.wish()
    )
    path = f"/ops/bank_changes/{asked['id']}"
    assert office.post("accounting", f"{path}/apply")[0] == 409
    office.post("accounting_admin", f"{path}/agree")
    assert office.post("accounting", f"{path}/apply") == (422, "hold_not_over")
    agreed_at = world.now
    timers = world.records.load(BankChange, asked["id"]).record
    world.records.commit(Change(cancelled_timers=(derived("TMR", timers.id, "bank_change_due"),)))
    world.runtime.clock.move_to(agreed_at + 4 * DAY)
    world.runtime.run_due()
    assert world.records.load(BankChange, asked["id"]).record.state == "agreed"
    office.post("accounting", f"{path}/apply")
    world.runtime.run_due()
    assert world.records.load(BankChange, asked["id"]).record.state == "effective"
    partner = world.records.load(Partner, office.partner.id).record
    assert partner.account_number.value == "444333222111"
