"""Projects in the console: found, shown, milestones, holds, proposals, and the end of one."""

from dataclasses import replace
from datetime import timedelta

import pytest
from money_office import Office
from money_street import REACHED, said

from cloud.funding.direct_pay import DirectPay
from cloud.funding.models import Deduction
from cloud.funding.overdue import OverdueFile
from cloud.funding.process import take_back_cancelled
from cloud.kernel.change import Change, Event
from cloud.kernel.money import Money, total
from cloud.portfolio.models import Milestone, Project
from cloud.portfolio.proposals import Proposal
from cloud.reporting.roles import MONEY_ROLES, ROLES

HERE = "/console/projects"
ONE = f"{HERE}/PRJ-1"


def street() -> Office:
    world = Office()
    world.was_paid("PRJ-1", customer="Ada Home")
    return world


def proposals(world):
    return [one.record for one in world.records.find(Proposal, by="subject", value="PRJ-1")]


# ---- found ---------------------------------------------------------------------------------------


def test_before_anything_is_asked_the_page_says_how_to_find_one():
    world = Office()
    assert "Which project" in world.page("ron", HERE).plain
    world.project("PRJ-1", reached=())
    world.save(OverdueFile("PRJ-1", "P-A", world.now))
    assert "Not installed in time" in world.page("pat", HERE).plain
    assert "Not installed in time" not in world.page("ron", HERE).plain


@pytest.mark.parametrize(
    ("query", "there"),
    [
        pytest.param("q=PRJ-1", True, id="its number"),
        pytest.param("q=prj-1", True, id="its number in small letters"),
        pytest.param("q=sun+street", True, id="its address"),
        pytest.param("q=Ada", True, id="its customer"),
        pytest.param("partner=P-A", True, id="its partner"),
        pytest.param("partner=P-Z", False, id="another partner"),
        pytest.param("q=PRJ-1&partner=P-Z", False, id="its number, of another partner"),
        pytest.param("q=PRJ-1&state=installed", True, id="as it stands"),
        pytest.param("q=PRJ-1&state=cancelled", False, id="as it does not stand"),
        pytest.param("q=PRJ-1&state=held", False, id="nothing holds its money"),
        pytest.param("q=nowhere", False, id="no such words"),
        pytest.param("q=PRJ-1&after=x&state=z", True, id="what is unknown asks for nothing"),
    ],
)
def test_a_project_is_found_by_what_is_known_of_it(query, there):
    page = street().page("ron", f"{HERE}?{query}")
    assert (f'href="{ONE}"' in page.text) == there
    assert there or "No project is found so" in page.plain


def test_more_than_a_page_of_projects_goes_on():
    world = Office()
    for number in range(52):
        world.project(f"PRJ-{number:03d}")
    page = world.page("ron", f"{HERE}?partner=P-A")
    assert "52 projects" in page.plain
    assert "after=50" in page.text
    rest = world.page("ron", f"{HERE}?partner=P-A&after=50")
    assert "PRJ-051" in rest.plain
    assert "PRJ-049" not in rest.plain


# ---- shown ---------------------------------------------------------------------------------------


def test_one_project_has_its_life_and_its_money():
    world = street()
    world.offset("OFF-1", 600_00, kind="project_net_fund", project_id="PRJ-1")
    plain = said(world.page("ada", ONE))
    for told in (
        "Ada Home",
        "Installed, not activated",
        "Pays in all $30,000.00",
        "Paid by runs $24,000.00",
        "Still to take $600.00",
        "Install (M1) to Activation (M2)",
        "the M1 payment is clawed back",
        "Activation (M2) not yet $6,000.00",
        "Inverter warranty",
        "None was asked for.",
        "It never took part.",
    ):
        assert told in plain
    assert 'role="img" aria-label="Time line of the project' in world.page("ada", ONE).text


@pytest.mark.parametrize("role", sorted(ROLES))
def test_who_sees_projects(role):
    world = street()
    world.owner_person("one", role)
    may = role in {"projects", "relationship_manager", "accounting", "accounting_admin", "auditor"}
    assert world.page("one", HERE).status == (200 if may else 403)
    assert world.page("one", ONE).status == (200 if may else 403)
    assert world.page("one", f"{ONE}/cancel").status == (200 if role == "projects" else 403)


def test_who_does_not_deal_with_money_gets_no_links_to_it():
    world = street()
    world.offset("OFF-1", 600_00, kind="project_net_fund", project_id="PRJ-1")
    text = world.page("ron", ONE).text
    assert "/console/runs/" not in text
    assert "/console/reductions/" not in text
    assert "/console/ledger" not in text


MONEY_OF_IT = (
    "Paid by runs",
    "Taken back",
    "Still to take",
    "Net so far",
    "Payments",
    "Deductions",
    "$600.00",
    "At risk",
)


@pytest.mark.parametrize("role", ["projects", "relationship_manager", *sorted(MONEY_ROLES)])
def test_what_was_paid_and_taken_is_for_who_deals_with_money(role):
    world = street()
    world.offset("OFF-1", 600_00, kind="project_net_fund", project_id="PRJ-1")
    world.owner_person("one", role)
    page = world.page("one", ONE)
    if role == "treasury":
        assert page.status == 403
        return
    plain = said(page)
    shown = [words for words in MONEY_OF_IT if words in plain]
    assert shown == (list(MONEY_OF_IT) if role in MONEY_ROLES else [])
    assert "Pays in all $30,000.00" in plain
    assert "the M1 payment is clawed back" in plain


@pytest.mark.parametrize(
    ("who", "may"),
    [
        pytest.param("ada", True, id="accounting"),
        pytest.param("ron", True, id="a relationship manager"),
        pytest.param("pat", False, id="projects"),
    ],
)
def test_what_vendors_bill_is_shown_to_who_reads_direct_pay(who, may):
    world = street()
    world.save(DirectPay("PRJ-1", "P-A", "V-1", is_enrolled=True, enrolled_at=world.now))
    says = "vendor's invoice over $5,508.00 came"
    billed = Event("PRJ-1", "vendor_invoice_received", world.now, "V-1", "F31", (), says)
    world.records.commit(Change(events=(billed,)))
    plain = said(world.page(who, ONE))
    assert ("Billed" in plain) == may
    assert ("$5,508.00" in plain) == may
    assert "Final invoice" in plain


@pytest.mark.parametrize(
    ("who", "told"),
    [
        pytest.param("ada", {"cancel", "offset"}, id="accounting reads all that is proposed"),
        pytest.param("pat", {"cancel"}, id="projects reads that it is to end"),
        pytest.param("ron", set(), id="a relationship manager reads none of it"),
    ],
)
def test_what_is_proposed_is_shown_to_its_readers(who, told):
    world = street()
    form = {"offset_amount": "1,000", "offset_because": "the case"}
    world.told("alan", f"{ONE}/compliance_offset", **form)
    ends = {"reason": "customer", "because": "they moved away", "seen": "on"}
    assert world.send("pat", f"{ONE}/cancel", **ends).status == 303
    plain = said(world.page(who, ONE))
    words = {"cancel": "End a project", "offset": "Take money for a compliance case"}
    rows = {
        name for name, says in words.items() if f"{says} the" in plain or f"{says} they" in plain
    }
    assert rows == told


def test_an_unknown_project_is_not_there():
    assert Office().page("pat", f"{HERE}/NONE").status == 404
    assert Office().send("pat", f"{HERE}/NONE/milestones", milestone="M2").status == 404


# ---- milestones ----------------------------------------------------------------------------------


@pytest.mark.rule("P-82")
def test_a_milestone_is_recorded_now_and_taken_back_with_a_reason():
    world = Office()
    world.project("PRJ-1", reached=())
    page = world.told("pat", f"{ONE}/milestones", milestone="NTP")
    assert "NTP is recorded, as of now." in page.plain
    assert world.get(Project, "PRJ-1").reached_at(Milestone.NTP) == world.now
    refused = world.send("pat", f"{ONE}/milestones", milestone="install_approved")
    assert refused.status == 422
    assert "record that first. Rule P-82." in refused.plain
    wrong = world.send("pat", f"{ONE}/milestones/revoke", revoked="NTP", revoked_because="")
    assert wrong.status == 422
    form = {"revoked": "NTP", "revoked_because": "another project", "occurrence_NTP": "0"}
    page = world.told("pat", f"{ONE}/milestones/revoke", **form)
    assert "NTP is taken back" in page.plain
    world.told("pat", f"{ONE}/milestones", milestone="NTP")
    world.told("pat", f"{ONE}/milestones/revoke", **form)
    assert world.get(Project, "PRJ-1").reached_at(Milestone.NTP) is not None


@pytest.mark.parametrize("name", ["", "M9", "<b>"])
def test_what_is_no_milestone_is_not_recorded(name):
    world = street()
    assert world.send("pat", f"{ONE}/milestones", milestone=name).status == 422
    assert world.send("pat", f"{ONE}/milestones/revoke", revoked=name).status == 422


# ---- holds ---------------------------------------------------------------------------------------


@pytest.mark.rule("F18")
@pytest.mark.parametrize(
    ("what", "flag"),
    [
        pytest.param("compliance_case", "compliance_case_open", id="a case"),
        pytest.param("stip", "administrative_stip_open", id="a stip"),
    ],
)
def test_money_is_held_and_freed_with_a_reason(what, flag):
    world = street()
    page = world.told("alan", f"{ONE}/holds", hold=what, hold_because="papers differ")
    assert "money waits from now on" in page.plain
    assert getattr(world.get(Project, "PRJ-1"), flag)
    assert f'href="{ONE}"' in world.page("ron", f"{HERE}?q=PRJ-1&state=held").text
    assert world.send("alan", f"{ONE}/holds/close", closes=what).status == 403
    wrong = world.send("pat", f"{ONE}/holds/close", closes=what, closes_because="")
    assert wrong.status == 422
    world.told("pat", f"{ONE}/holds/close", closes=what, closes_because="they agree")
    assert not getattr(world.get(Project, "PRJ-1"), flag)


@pytest.mark.rule("F18")
@pytest.mark.parametrize("what", ["compliance_case", "stip"])
def test_what_is_open_or_closed_already_says_so_and_keeps_the_text(what):
    world = street()
    close = f"{ONE}/holds/close"
    never = world.send("pat", close, closes=what, closes_because="settled & signed")
    assert never.status == 422
    assert "It is not open. What you wrote was not kept." in never.plain
    assert "settled & signed" in never.plain
    form = {"hold": what, "hold_because": "papers differ"}
    assert world.send("alan", f"{ONE}/holds", **form).status == 303
    assert world.send("alan", f"{ONE}/holds", **form).status == 303
    other = world.send("pat", f"{ONE}/holds", **form | {"hold_because": "roof <is> old"})
    assert other.status == 422
    assert "It is open already, since" in other.plain
    assert "by alan" in other.plain
    assert "roof <is> old" in other.plain
    third = "stip" if what == "compliance_case" else "compliance_case"
    world.send("alan", f"{ONE}/holds", hold=third, hold_because="also")
    both = world.send("pat", f"{ONE}/holds", **form | {"hold_because": "roof <is> old"})
    assert "roof <is> old" in both.plain
    assert world.send("pat", close, closes=what, closes_because="they agree").status == 303
    assert world.send("pat", close, closes=what, closes_because="they agree").status == 303
    again = world.send("pat", close, closes=what, closes_because="they sent it")
    assert "It is closed already, since" in again.plain
    assert "they sent it" in again.plain


def test_a_hold_needs_its_kind_and_its_reason():
    page = street().send("alan", f"{ONE}/holds", hold="mood", hold_because="")
    assert page.status == 422
    assert "Say why; the partner asks." in page.plain


# ---- proposals -----------------------------------------------------------------------------------


@pytest.mark.rule("F18")
def test_money_for_a_case_is_proposed_within_what_was_paid():
    world = street()
    path = f"{ONE}/compliance_offset"
    much = world.send("alan", path, offset_amount="24,000.01", offset_because="case")
    assert much.status == 422
    assert "Rule F18" in much.plain
    none = world.send("alan", path, offset_amount="0", offset_because="case")
    assert none.status == 422
    page = world.told("alan", path, offset_amount="1,000", offset_because="the case")
    assert "Take money for a compliance case" in page.plain
    (made,) = proposals(world)
    world.told("ada", f"/console/proposals/{made.id}/agree")
    (debt,) = world.records.find(Deduction, by="project_id", value="PRJ-1")
    assert debt.record.raised == Money(1_000_00)


@pytest.mark.rule("F10")
def test_prepaid_commission_is_noted_by_two_people():
    world = Office()
    world.project("PRJ-1", reached=())
    form = {"commission_amount": "750", "commission_because": "the invoice of May"}
    world.told("alan", f"{ONE}/prepaid_commission", **form)
    (made,) = proposals(world)
    world.told("abe", f"/console/proposals/{made.id}/agree")
    assert world.get(Project, "PRJ-1").prepaid_commission == Money(750_00)
    assert world.send("alan", f"{ONE}/prepaid_commission", commission_amount="x").status == 422


@pytest.mark.parametrize(
    ("who", "path"),
    [
        pytest.param("ada", "milestones", id="an approver records none"),
        pytest.param("ron", "milestones/revoke", id="a relationship manager takes none back"),
        pytest.param("ada", "holds", id="an approver holds nothing"),
        pytest.param("pat", "compliance_offset", id="projects takes no money"),
        pytest.param("ada", "prepaid_commission", id="an approver proposes nothing"),
        pytest.param("alan", "cancel", id="an accountant ends none"),
        pytest.param("otto", "cancel", id="an auditor does nothing"),
    ],
)
def test_each_deed_is_for_its_role(who, path):
    assert street().send(who, f"{ONE}/{path}").status == 403


# ---- its end -------------------------------------------------------------------------------------


@pytest.mark.rule("F25")
def test_the_consequences_that_are_shown_are_those_that_come():
    world = street()
    world.offset("OFF-1", 600_00, kind="project_net_fund", project_id="PRJ-1")
    world.save(replace(world.get(Project, "PRJ-1"), prepaid_commission=Money(250_00)))
    plain = said(world.page("pat", f"{ONE}/cancel"))
    assert "The partner owes taken from its coming payments, rule F25 $24,000.00" in plain
    assert "1 open deduction of $600.00 would end" in plain
    assert "Prepaid commission, owed beside it rule F10 $250.00" in plain
    form = {"reason": "customer", "because": "a mail of theirs", "seen": "yes"}
    page = world.told("pat", f"{ONE}/cancel", **form)
    assert "Nothing ends before a person of accounting agrees" in page.plain
    (made,) = proposals(world)
    assert "It is proposed already" in world.page("pat", f"{ONE}/cancel").plain
    shown = said(world.page("ada", f"/console/proposals/{made.id}"))
    assert "What it takes back" in shown
    assert "$24,000.00" in shown
    assert world.page("pat", f"/console/proposals/{made.id}").status == 200
    world.told("ada", f"/console/proposals/{made.id}/agree")
    assert world.get(Project, "PRJ-1").cancelled
    take_back_cancelled(world.records, project_id="PRJ-1", at=world.now)
    debts = [one.record for one in world.records.find(Deduction, by="project_id", value="PRJ-1")]
    assert total(one.open for one in debts) == Money(24_250_00)
    assert "It is cancelled already" in world.page("pat", f"{ONE}/cancel").plain
    assert "Cancelled" in world.page("pat", ONE).plain


@pytest.mark.rule("F06")
def test_for_its_lateness_it_ends_only_when_its_days_are_over():
    world = Office()
    world.project("PRJ-1", reached=(Milestone.NTP,))
    form = {"reason": "no_installation_160", "because": "late", "seen": "yes"}
    page = world.send("pat", f"{ONE}/cancel", **form)
    assert page.status == 422
    assert "Rule F06" in page.plain
    assert "late" in page.text
    assert "Not late" in page.plain
    world.later(REACHED + timedelta(days=161))
    assert "Its days are over" in world.page("pat", f"{ONE}/cancel").plain
    assert world.send("pat", f"{ONE}/cancel", **form).status == 303


@pytest.mark.parametrize(
    ("form", "says"),
    [
        pytest.param({"reason": ""}, "Choose why it ends.", id="no reason"),
        pytest.param({"because": ""}, "Say how it is known", id="no words"),
        pytest.param({"seen": ""}, "tick that you did", id="not read"),
    ],
)
def test_an_end_is_proposed_with_all_of_it(form, says):
    world = street()
    sent = {"reason": "customer", "because": "kept as typed", "seen": "yes"} | form
    page = world.send("pat", f"{ONE}/cancel", **sent)
    assert page.status == 422
    assert says in page.plain
    assert sent["because"] in page.text
    assert proposals(world) == []
