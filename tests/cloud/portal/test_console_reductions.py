"""Reductions and proposals in the console: what is owed, settling by hand, two people, overdue."""

from dataclasses import replace

import pytest
from money_office import Office
from money_street import RUN, said

from cloud.funding.dunning import Dunning
from cloud.funding.models import Deduction
from cloud.funding.overdue import OverdueFile, OverdueState
from cloud.kernel.money import Money
from cloud.portfolio.models import Project
from cloud.portfolio.proposals import Proposal, ProposalState
from cloud.reporting.roles import ROLES

HERE = "/console/reductions"
ONE = f"{HERE}/OFF-1"


def owing() -> Office:
    world = Office()
    world.offset("OFF-1", 500_00)
    return world


def proposed(world, **changes) -> str:
    form = {"how": "wire", "amount": "500", "because": "it came by wire"} | changes
    assert world.send("alan", f"{ONE}/settlement", **form).status == 303
    return world.records.find(Proposal, by="subject", value="OFF-1")[-1].record.id


# ---- what is owed --------------------------------------------------------------------------------


def test_while_nobody_owes_the_page_says_what_makes_a_deduction():
    assert "Nobody owes anything" in Office().page("ada", HERE).plain


@pytest.mark.rule("D12")
def test_what_is_owed_stands_with_its_age_and_letters():
    world = owing()
    world.save(Dunning("P-A", 2, world.now))
    plain = said(world.page("ada", HERE))
    assert "Still owed $500.00 1 partner" in plain
    assert "Alder Solar 1 deduction $500.00 14 days Fri, Nov 20, 2026 ▲ No money waits" in plain
    assert "2 letters" in plain
    assert "Service back-bill offset OFF-1" in plain


@pytest.mark.parametrize(
    ("query", "count"),
    [
        pytest.param("", 1, id="open is what is shown first"),
        pytest.param("state=taken&partner=P-A", 0, id="nothing was taken"),
        pytest.param("partner=P-A", 1, id="of its partner"),
        pytest.param("partner=P-Z", 0, id="of another"),
        pytest.param("kind=clawback_m1", 0, id="of another kind"),
        pytest.param("state=never&partner=NONE&kind=x", 1, id="what is unknown asks for nothing"),
    ],
)
def test_deductions_are_filtered(query, count):
    page = owing().page("ada", f"{HERE}?{query}")
    assert page.text.count(f'href="{ONE}"') == count


@pytest.mark.parametrize("state", ["taken", "waived"])
def test_what_is_closed_is_not_loaded_for_all_partners_at_once(state):
    page = owing().page("ada", f"{HERE}?state={state}").plain
    assert "Choose a partner" in page
    assert "No deduction stands so" not in page


def test_the_foot_says_that_it_sums_what_other_pages_show_too():
    world = Office()
    for number in range(51):
        world.offset(f"OFF-{number}", 10_00)
    for query in ("", "?page=1"):
        page = world.page("ada", f"{HERE}{query}").plain
        assert "Total of all 51" in page
        assert "$510.00" in page
    assert "Total of all" not in owing().page("ada", HERE).plain


def test_what_a_run_took_and_what_was_given_up_stand_apart():
    world = owing()
    world.earns_m1("PRJ-1")
    world.offset("OFF-2", 100_00)
    world.settled()
    dropped = replace(world.get(Deduction, "OFF-2"), applications=(), dropped=Money(100_00))
    world.save(dropped)
    assert "offset OFF-1" in world.page("ada", f"{HERE}?state=taken&partner=P-A").plain
    waived = world.page("ada", f"{HERE}?state=waived&partner=P-A").plain
    assert "offset OFF-2" in waived
    assert "$100.00 dropped" in waived
    assert f"Run {RUN}" in world.page("ada", ONE).plain
    assert "Waived" in world.page("ada", f"{HERE}/OFF-2").plain


@pytest.mark.parametrize("role", sorted(ROLES))
def test_who_sees_what(role):
    world = owing()
    world.owner_person("one", role)
    owed = role in {"accounting", "accounting_admin", "auditor"}
    overdue = role in {"projects", "accounting_admin", "auditor"}
    proposals = role in {"accounting", "accounting_admin", "auditor", "treasury"}
    assert world.page("one", HERE).status == (200 if owed else 403)
    assert world.page("one", ONE).status == (200 if owed else 403)
    assert world.page("one", f"{HERE}/overdue").status == (200 if overdue else 403)
    assert world.page("one", "/console/proposals").status == (200 if proposals else 403)


def test_what_is_unknown_is_not_there():
    assert Office().page("ada", f"{HERE}/DED-NONE").status == 404
    assert Office().page("ada", "/console/proposals/PRO-NONE").status == 404


# ---- settled by hand -----------------------------------------------------------------------------


@pytest.mark.rule("D13")
@pytest.mark.parametrize(
    ("form", "says"),
    [
        pytest.param({"how": ""}, "Choose how it is settled.", id="no way"),
        pytest.param({"how": "gold"}, "Choose how it is settled.", id="an unknown way"),
        pytest.param({"amount": "lots"}, "This is no amount", id="no amount"),
        pytest.param({"amount": "0"}, "above zero", id="nothing"),
        pytest.param({"amount": "500.01"}, "Rule D13", id="more than is open"),
        pytest.param({"because": ""}, "Say how it is known", id="no reason"),
    ],
)
def test_a_wrong_proposal_is_shown_again(form, says):
    world = owing()
    sent = {"how": "wire", "amount": "12.34", "because": "kept as typed"} | form
    page = world.send("alan", f"{ONE}/settlement", **sent)
    assert page.status == 422
    assert says in page.plain
    assert sent["because"] in page.text
    assert not world.records.find(Proposal, by="subject", value="OFF-1")


@pytest.mark.rule("D09")
def test_a_debt_is_written_off_by_two_people():
    world = owing()
    name = proposed(world, how="written_off", amount="$200.00")
    assert "Proposals that wait" in world.page("ada", HERE).plain
    own = world.page("alan", f"/console/proposals/{name}")
    assert "Agree: do it" not in own.plain
    assert "Take it back" in own.plain
    page = world.told("ada", f"/console/proposals/{name}/agree")
    assert "You agreed, and it is done" in page.plain
    plain = said(world.page("ada", ONE))
    assert "Taken $0.00 Written off $200.00 Open $300.00" in plain
    again = world.told("ada", f"/console/proposals/{name}/agree")
    assert "Agreed" in again.plain
    assert world.get(Deduction, "OFF-1").open == Money(300_00)


@pytest.mark.rule("D09")
def test_who_proposed_does_not_agree():
    world = owing()
    world.owner_person("alan", "accounting", "accounting_admin")
    name = proposed(world)
    assert "You proposed this" in world.page("alan", f"/console/proposals/{name}").plain
    page = world.told("alan", f"/console/proposals/{name}/agree")
    assert "Rule D09" in page.plain
    assert world.get(Deduction, "OFF-1").open == Money(500_00)


@pytest.mark.rule("D09")
def test_a_proposal_is_rejected_or_taken_back():
    world = owing()
    name = proposed(world)
    assert "It is rejected" in world.told("ada", f"/console/proposals/{name}/reject").plain
    other = proposed(world, because="another word")
    not_yours = world.told("pat", f"/console/proposals/{other}/withdraw")
    assert not_yours.status == 404
    assert world.get(Proposal, other).state is ProposalState.PENDING
    assert "It is taken back" in world.told("alan", f"/console/proposals/{other}/withdraw").plain
    assert world.get(Proposal, other).state is ProposalState.WITHDRAWN
    assert "it came by wire" in world.page("otto", "/console/proposals?state=rejected").plain
    assert "Nothing waits" in world.page("otto", "/console/proposals").plain


@pytest.mark.parametrize(
    ("who", "path"),
    [
        pytest.param("ada", f"{ONE}/settlement", id="an approver proposes nothing"),
        pytest.param("otto", f"{ONE}/settlement", id="an auditor proposes nothing"),
        pytest.param(
            "alan", "/console/proposals/PRO-1/agree", id="an accountant agrees to nothing"
        ),
        pytest.param("tess", "/console/proposals/PRO-1/reject", id="treasury rejects nothing"),
        pytest.param("otto", "/console/proposals/PRO-1/withdraw", id="an auditor takes none back"),
    ],
)
def test_each_deed_is_for_its_role(who, path):
    assert owing().send(who, path).status == 403


def test_a_proposal_of_another_desk_is_not_agreed_to_here():
    world = Office()
    made = Proposal("PRO-X", "paint_the_office", "P-A", (), "it is grey", "alan", world.now)
    world.save(made)
    page = world.send("ada", "/console/proposals/PRO-X/agree")
    assert page.status == 400
    assert "agree to it there" in page.plain


def test_pending_proposals_of_money_are_not_for_projects():
    world = owing()
    name = proposed(world)
    assert world.page("pat", f"/console/proposals/{name}").status == 404


# ---- projects without installation ---------------------------------------------------------------


@pytest.mark.rule("F06")
def test_overdue_files_lead_to_what_ending_them_takes_back():
    world = Office()
    empty = world.page("pat", f"{HERE}/overdue").plain
    assert "No project is overdue" in empty
    world.project("PRJ-1", reached=())
    world.save(OverdueFile("PRJ-1", "P-A", world.now))
    page = world.page("pat", f"{HERE}/overdue")
    assert "1 Sun Street" in page.plain
    assert "/console/projects/PRJ-1/cancel" in page.text
    assert "/cancel" not in world.page("ada", f"{HERE}/overdue").text
    closed = OverdueFile("PRJ-1", "P-A", world.now, OverdueState.CLOSED, "installed")
    world.save(closed)
    assert "Installed" in world.page("ada", f"{HERE}/overdue?state=closed").plain
    assert world.get(Project, "PRJ-1").cancelled is False
