"""Runs in the console: what a run pays, who may do what to it, payments, files of the bank."""

from dataclasses import replace
from datetime import timedelta

import pytest
from money_office import Office
from money_street import CUT_OFF, RUN, RUN_AT, said

from cloud.funding import process
from cloud.funding.models import (
    BankFileTaken,
    FundingRun,
    Payable,
    PaymentTrace,
    RunPlan,
    RunState,
)
from cloud.kernel.change import Change, Event
from cloud.kernel.money import Money
from cloud.portfolio.models import Partner, Project
from cloud.portfolio.proposals import Proposal
from cloud.reporting.roles import ROLES
from tests.cloud.funding.bank_replies import returns_for

HERE = f"/console/runs/{RUN}"


def office(*, now=RUN_AT, held=False, **differs) -> Office:
    """Two projects earn M1 with the one partner, a back-bill is taken of it."""
    made = Office(now=now, **differs)
    made.earns_m1("PRJ-1", customer="Ada Home")
    made.earns_m1("PRJ-2", customer="Ben Home", compliance_case_open=held)
    made.offset("BB-1", 500_00)
    return made


def run_of(world) -> FundingRun:
    return world.get(FundingRun, RUN)


def line_of(world) -> PaymentTrace:
    (line,) = world.records.find(PaymentTrace, by="run_id", value=RUN)
    return line.record


# ---- what is shown -------------------------------------------------------------------------------


def test_without_a_run_the_page_says_what_makes_one():
    page = Office().page("ada", "/console/runs")
    assert "A run is prepared by itself when a funding window ends" in page.plain


def test_runs_stand_with_their_state_and_amounts():
    world = office()
    world.planned()
    plain = said(world.page("ada", "/console/runs"))
    assert "Thu, Dec 3, 2026" in plain
    assert "$48,000.00 -$500.00 $47,500.00 ana" in plain
    assert "There are too few runs yet to say what is usual" in plain
    assert "All 1" in plain
    settled = said(world.page("ada", "/console/runs?state=settled"))
    assert "No run stands so" in settled


@pytest.mark.rule("F18")
def test_a_run_tells_what_is_paid_taken_and_held_and_why():
    world = office(held=True)
    world.planned()
    plain = said(world.page("ada", HERE))
    assert "Owed $24,000.00 Taken -$500.00" in plain
    assert "Paid $23,500.00 1 partner" in plain
    assert "A compliance case or administrative stip is open" in plain
    assert "$24,000.00 in 1 item" in plain
    assert "12345678" not in plain
    only = said(world.page("ada", f"{HERE}?show=returned"))
    assert "No partner of this run stands so" in only


def test_one_partners_part_has_every_line():
    world = office(held=True)
    world.planned()
    plain = said(world.page("ada", f"{HERE}/partners/P-A"))
    for told in ("Install (M1)", "PRJ-1", "Service back-bill", "offset BB-1", "••••0732"):
        assert told in plain
    assert "A compliance case or administrative stip is open PRJ-2 $24,000.00" in plain
    assert world.page("ada", f"{HERE}/partners/P-NONE").status == 404


@pytest.mark.parametrize("role", sorted(ROLES))
def test_runs_are_for_who_deals_with_money(role):
    world = office()
    world.planned()
    world.owner_person("one", role)
    may = role in {"accounting", "accounting_admin", "treasury", "auditor"}
    for path in ("/console/runs", HERE, f"{HERE}/partners/P-A", "/console/runs/bank_files"):
        assert world.page("one", path).status == (200 if may else 403)


def test_what_is_no_run_is_not_there():
    assert Office().page("ada", "/console/runs/comfort-2020-01-02").status == 404


# ---- prepared, looked at, approved ---------------------------------------------------------------


@pytest.mark.rule("D03")
def test_another_person_approves_what_was_shown():
    world = office()
    run = world.planned()
    assert "Approve $47,500.00" in said(world.page("ada", HERE))
    page = world.told("ada", f"{HERE}/approve", plans_hash=run.plans_hash)
    assert "The run is approved" in page.plain
    assert "It goes into the books" in page.plain
    assert (run_of(world).state, run_of(world).approver) == (RunState.APPROVED, "ada")
    assert len(world.messages("run_approved")) == 1


@pytest.mark.rule("D03")
def test_who_prepared_sees_why_there_is_no_button_and_is_refused():
    world = office()
    process.prepare(world.records, cutoff=CUT_OFF, partners=world.partners, at=RUN_AT, by="ada")
    page = world.page("ada", HERE)
    assert "You prepared this run: another person approves it" in page.plain
    assert "Approve $" not in page.plain
    after = world.told("ada", f"{HERE}/approve", plans_hash=run_of(world).plans_hash)
    assert "ada prepared run" in after.plain
    assert "maker_is_checker" not in after.plain
    assert "Rule D03" in after.plain
    assert run_of(world).state is RunState.PREVIEW


@pytest.mark.rule("D03")
def test_what_changed_since_is_told_and_an_approval_of_it_refused():
    world = office()
    run = world.planned()
    assert "Nothing has changed" in world.page("ada", f"{HERE}/now").plain
    world.earns_m1("PRJ-3")
    plain = said(world.page("ada", f"{HERE}/now"))
    assert "$47,500.00 $71,500.00 $24,000.00" in plain
    assert "Came: PAY-" in plain
    after = world.told("ada", f"{HERE}/approve", plans_hash=run.plans_hash)
    assert "would pay otherwise now than was shown" in after.plain
    assert "stale_preview" not in after.plain
    assert "Came: PAY-" in after.plain
    assert "Somebody of accounting prepares it anew" in after.plain
    marked = world.page("ada", HERE).plain
    assert "Approve $" not in marked
    assert "See what would be otherwise" in marked
    assert "it waits here for you again" in marked
    again = world.told("alan", f"{HERE}/prepare")
    assert "It is being prepared anew" in again.plain
    assert len(world.messages("run_prepare")) == 1
    part = world.page("alan", f"{HERE}/progress")
    assert "data-again" in part.text
    world.clock.at += timedelta(minutes=1)
    process.prepare(world.records, cutoff=CUT_OFF, partners=world.partners, at=world.now, by="alan")
    assert "data-again" not in world.page("alan", f"{HERE}/progress").text


def test_what_stands_as_it_is_is_not_prepared_anew():
    world = office()
    world.planned()
    assert "Nothing has changed since" in world.told("alan", f"{HERE}/prepare").plain
    assert world.messages("run_prepare") == []


def test_against_now_an_approved_run_stands():
    world = office()
    world.approved()
    assert "What was approved stands" in world.page("ada", f"{HERE}/now").plain


def unusual() -> Office:
    """A run of which the breaker said that it is far above the ones before."""
    world = office()
    run = world.planned()
    world.save(replace(run, unusual=("all partners are paid much",)))
    return world


@pytest.mark.rule("D10")
def test_an_unusual_run_is_let_go_on_with_a_reason_and_approved_by_a_third():
    world = unusual()
    run = run_of(world)
    assert "Unusual" in world.page("ada", HERE).plain
    wrong = world.send("ada", f"{HERE}/release", plans_hash=run.plans_hash, release_because="")
    assert wrong.status == 422
    assert "Say why what is unusual is right." in wrong.plain
    stale = world.send("ada", f"{HERE}/release", plans_hash="other", release_because="it is right")
    assert stale.status == 422
    assert "it is right" in stale.text
    assert "Rule D10" in stale.plain
    done = world.told("ada", f"{HERE}/release", plans_hash=run.plans_hash, release_because="big")
    assert "It may go on" in done.plain
    assert "You let this run go on: another person approves it" in done.plain
    assert run_of(world).released_by == "ada"
    assert "Approve $" in world.page("abe", HERE).plain


# ---- the bank ------------------------------------------------------------------------------------


@pytest.mark.rule("D40")
def test_the_file_is_sent_by_somebody_else_once_and_paid_out_by_the_statement():
    world = office()
    world.filed()
    assert "Send the file of $47,500.00" in said(world.page("tess", HERE))
    sent = world.told("tess", f"{HERE}/send")
    assert "being handed to the bank" in sent.plain
    assert "data-again" in sent.text
    assert len(world.messages("run_send")) == 1
    world.told("tess", f"{HERE}/sent")
    assert run_of(world).state is RunState.SENT
    early = world.send("tess", f"{HERE}/settle", statement="47,500.00")
    assert early.status == 422
    assert "Rule D44" in early.plain
    world.later(RUN_AT + timedelta(days=1))
    other = world.send("tess", f"{HERE}/settle", statement="47500.01")
    assert other.status == 422
    assert "its file $47,500.00" in said(other)
    assert 'value="47500.01"' in other.text
    done = world.told("tess", f"{HERE}/settle", statement="47,500.00")
    assert "The run is paid out" in done.plain
    assert run_of(world).state is RunState.SETTLED


@pytest.mark.rule("D40")
def test_an_order_that_was_lost_is_given_again_and_doubts_are_for_the_bank():
    world = office()
    world.filed()
    world.told("tess", f"{HERE}/send")
    assert "Order it once more" in world.page("tess", HERE).plain
    assert "Order it once more" not in world.page("ada", HERE).plain
    world.save(replace(run_of(world), state=RunState.SENDING))
    moving = world.page("tess", HERE).plain
    assert "It is being handed over right now" in moving
    event = Event(RUN, "sending_unsure", world.now, "funding_run", "D40")
    world.records.commit(Change(events=(event,)))
    doubted = world.page("tess", HERE).plain
    assert "Nobody knows whether the bank has the file" in doubted
    assert "data-again" not in world.page("tess", HERE).text
    world.told("tess", f"{HERE}/not_sent", not_sent_because="they have none")
    assert run_of(world).state is RunState.FILED


@pytest.mark.rule("D40")
def test_who_approved_does_not_deal_with_the_bank():
    world = office()
    world.owner_person("bob", "treasury", "accounting_admin")
    world.filed()
    page = world.page("bob", HERE)
    assert "somebody else deals with the bank" in page.plain
    assert "Rule D40" in world.told("bob", f"{HERE}/send").plain
    assert world.messages("run_send") == []


@pytest.mark.rule("D40")
def test_the_bank_never_got_it_needs_its_words():
    world = office()
    world.sent()
    wrong = world.send("tess", f"{HERE}/not_sent", not_sent_because="")
    assert (wrong.status, run_of(world).state) == (422, RunState.SENT)
    world.told("tess", f"{HERE}/not_sent", not_sent_because="they have no file of today")
    assert run_of(world).state is RunState.FILED


def test_an_approval_of_what_was_prepared_anew_since_is_led_to_what_it_is_now():
    world = office()
    world.planned()
    after = world.told("ada", f"{HERE}/approve", plans_hash="another")
    assert "is not any more what was shown" in after.plain
    assert "Approve $47,500.00" in after.plain


@pytest.mark.parametrize("who", ["alan", "ada", "tess", "otto"])
def test_a_run_that_stopped_is_shown_as_stopped_to_all(who):
    world = office()
    world.approved()
    world.clock.at += timedelta(minutes=15)
    soon = world.page(who, HERE).plain
    assert "It stopped" not in soon
    world.clock.at += timedelta(minutes=1)
    page = world.page(who, HERE)
    assert "It stopped" in page.plain
    assert "data-again" not in page.text
    assert "It stopped" in world.page(who, f"{HERE}/progress").plain
    assert ("Have it go on" in page.plain) is (who == "alan")
    assert ("Somebody of accounting has it go on" in page.plain) is (who != "alan")


def test_a_preparation_that_stopped_is_told():
    world = office()
    world.planned()
    world.earns_m1("PRJ-3")
    world.told("alan", f"{HERE}/prepare")
    assert "that stopped" not in world.page("ada", HERE).plain
    world.clock.at += timedelta(minutes=16)
    assert "It was to be prepared anew, and that stopped" in world.page("ada", HERE).plain


def test_a_run_that_stopped_is_told_to_go_on():
    world = office()
    world.approved()
    page = world.told("alan", f"{HERE}/carry_out")
    assert "It goes on where it stopped" in page.plain
    assert len(world.messages("run_approved")) == 2


def test_said_of_a_run_without_a_file_it_is_told_on_the_page():
    world = office()
    world.planned()
    page = world.send("tess", f"{HERE}/sent")
    assert page.status == 422
    assert "there is no file that could be sent" in page.plain


@pytest.mark.parametrize(
    ("deed", "who"),
    [
        pytest.param("prepare", "ada", id="an approver prepares nothing"),
        pytest.param("approve", "alan", id="an accountant approves nothing"),
        pytest.param("release", "tess", id="treasury releases nothing"),
        pytest.param("carry_out", "ada", id="an approver carries nothing out"),
        pytest.param("send", "ada", id="an approver sends nothing"),
        pytest.param("sent", "alan", id="an accountant says nothing of the bank"),
        pytest.param("not_sent", "otto", id="an auditor does nothing"),
        pytest.param("settle", "ada", id="an approver settles nothing"),
    ],
)
def test_each_deed_is_for_its_role(deed, who):
    world = office()
    world.filed()
    before = run_of(world)
    assert world.send(who, f"{HERE}/{deed}", plans_hash=before.plans_hash).status == 403
    assert run_of(world) == before


def test_a_run_that_was_missed_is_ordered_by_its_cut_off():
    world = office()
    form = {"cut_off_at": "2026-12-02T02:31", "programme": "comfort"}
    page = world.told("alan", "/console/runs/open", **form)
    assert f"{RUN} is being prepared" in page.plain
    assert len(world.messages("run_open")) == 1
    wrong = world.send("alan", "/console/runs/open", cut_off_at="2026-12-02T03:00")
    assert wrong.status == 422
    none = world.send(
        "alan", "/console/runs/open", cut_off_at="2026-12-02T03:00", programme="comfort"
    )
    assert none.status == 422
    assert "2026-12-02T03:00" in none.text


# ---- payments ------------------------------------------------------------------------------------


def test_a_payment_tells_where_its_money_is():
    world = office(now=RUN_AT + timedelta(days=2))
    world.settled()
    plain = said(world.page("ada", f"/console/runs/payments/{line_of(world).id}"))
    assert "Payment to Alder Solar" in plain
    assert "Paid out" in plain
    assert "$47,500.00" in plain
    assert world.page("ada", "/console/runs/payments/000000000000000").status == 404
    row = said(world.page("ada", HERE))
    assert line_of(world).id in row


@pytest.mark.rule("D04")
def test_what_came_back_says_why_and_waits_for_a_look():
    world = office(now=RUN_AT + timedelta(days=2))
    world.settled()
    world.came_back("R23")
    page = world.page("ada", f"/console/runs/payments/{line_of(world).id}")
    assert "The receiver refused the payment" in page.plain
    assert "Came back 1" in world.page("ada", HERE).plain


@pytest.mark.rule("D41")
def test_a_payment_is_called_back_by_two_people():
    world = office(now=RUN_AT + timedelta(days=2))
    world.settled()
    here = f"/console/runs/payments/{line_of(world).id}"
    wrong = world.send("alan", f"{here}/reversal", because="twice")
    assert wrong.status == 422
    assert "twice" in wrong.text
    page = world.told("alan", f"{here}/reversal", reason="duplicate", because="paid twice")
    assert "It is proposed" in page.plain
    (made,) = world.records.find(Proposal, by="subject", value=line_of(world).id)
    own = world.page("alan", f"/console/proposals/{made.record.id}")
    assert "Call a payment back" in own.plain
    done = world.told("ada", f"/console/proposals/{made.record.id}/agree")
    assert "You agreed, and it is done" in done.plain
    assert line_of(world).reversal == made.record.id
    early = world.after("tess", world.page("tess", f"{here}/reversal"))
    assert "Its file is not made yet" in early.plain
    world.documents.put(process.reversal_reference(line_of(world).id), b"101 ...", "text/plain")
    assert world.page("tess", f"{here}/reversal").content == b"101 ..."
    assert world.page("alan", f"{here}/reversal").status == 403
    back = world.told("tess", f"{here}/reversed")
    assert "It is booked" in back.plain
    assert "nobody knows whose" in back.plain
    whose = world.told("alan", f"{here}/suspense", whose="partner", whose_because="it was right")
    assert "It is proposed" in whose.plain
    refused = world.send("alan", f"{here}/reversal", reason="duplicate", because="once more")
    assert "Rule D41" in refused.plain


# ---- files of the bank ---------------------------------------------------------------------------


@pytest.mark.rule("D09")
def test_a_file_of_the_bank_is_agreed_to_by_another_person():
    world = office(now=RUN_AT + timedelta(days=2))
    world.settled()
    ours = world.documents.get(run_of(world).file_reference)
    content = returns_for(ours, {line_of(world).id: "R02"})
    sent = world.send_files(
        "tess", "/console/runs/bank_files", {"file": ("back.ach", "text/plain", content)}
    )
    page = world.after("tess", sent)
    assert "Nothing is done with it before another person agrees" in page.plain
    (taken,) = world.records.find(BankFileTaken, by="state", value="waiting")
    here = f"/console/runs/bank_files/{taken.record.id}"
    assert "It is the bank's" in world.page("ada", here).plain
    agreed = world.told("ada", f"{here}/agree")
    assert "Being worked through" in agreed.plain
    process.take_bank_file(
        world.records,
        world.documents,
        file_id=taken.record.id,
        company="1234567890",
        operations="o@owner.example",
        at=world.now,
    )
    done = world.page("otto", here)
    assert "The account is closed. (code R02)" in done.plain
    assert line_of(world).id in done.plain
    assert "Done" in world.page("otto", "/console/runs/bank_files").plain


@pytest.mark.rule("D09")
def test_who_brought_a_file_does_not_agree_to_it():
    world = office()
    world.owner_person("both", "treasury", "accounting_admin")
    world.filed()
    ours = world.documents.get(run_of(world).file_reference)
    content = returns_for(ours, {line_of(world).id: "R02"})
    world.send_files("both", "/console/runs/bank_files", {"file": ("b", "text/plain", content)})
    (taken,) = world.records.find(BankFileTaken, by="state", value="waiting")
    here = f"/console/runs/bank_files/{taken.record.id}"
    assert "You brought this file" in world.page("both", here).plain
    assert "Rule D09" in world.told("both", f"{here}/agree").plain


@pytest.mark.parametrize(
    ("files", "says"),
    [
        pytest.param({}, "Choose the file", id="no file"),
        pytest.param({"file": ("x", "text/plain", b"hello")}, "Nothing was taken", id="no bank's"),
        pytest.param(
            {"file": ("x", "text/plain", b"9" * 390_001)}, "at most 390,000", id="too large"
        ),
        pytest.param({"file": ("x", "text/plain", b"\xff" * 940)}, "Nothing was", id="no text"),
    ],
)
def test_what_is_no_file_of_the_bank_is_not_taken(files, says):
    world = Office()
    page = world.send_files("tess", "/console/runs/bank_files", files)
    assert page.status == 422
    assert says in page.plain


def test_before_the_first_file_the_page_says_when_one_comes():
    page = Office().page("otto", "/console/runs/bank_files")
    assert "The bank sent no file yet" in page.plain
    assert Office().page("otto", "/console/runs/bank_files/BF-NONE").status == 404


# ---- money that waits for a look -----------------------------------------------------------------


def test_money_that_waits_for_a_look_is_freed_by_accounting():
    world = office()
    (item, *_) = world.records.find(Payable, by="project_id", value="PRJ-1")
    world.save(replace(item.record, hold="manual_review"))
    world.planned()
    here = f"{HERE}/partners/P-A"
    assert "Looked at: free it" in world.page("alan", here).plain
    assert "Looked at: free it" not in world.page("ada", here).plain
    page = world.told("alan", f"{here}/payables/{item.record.id}/release")
    assert "goes with the next run" in page.plain
    assert world.get(Payable, item.record.id).hold == ""


def test_the_advice_is_for_who_sees_what_is_owed():
    world = office(now=RUN_AT + timedelta(days=2))
    world.settled()
    here = f"{HERE}/partners/P-A"
    assert "Remittance advice" in world.page("ada", here).plain
    away = world.page("ada", f"{here}/advice")
    assert away.status == 303
    assert world.page("tess", f"{here}/advice").status == 403
    assert "Remittance advice" not in world.page("tess", here).plain


def test_what_was_left_out_is_told():
    world = office()
    world.approved()
    project = world.get(Project, "PRJ-1")
    world.save(replace(project, compliance_case_open=True))
    process.commit(world.records, run_id=RUN, at=RUN_AT)
    page = world.page("ada", HERE)
    assert "Left out: it changed after the approval" in page.plain
    part = world.page("ada", f"{HERE}/partners/P-A")
    assert "nothing of it was done" in part.plain
    assert world.get(Partner, "P-A").id in page.plain
    assert {one.record.state for one in world.records.find(RunPlan, by="run_id", value=RUN)} == {
        "stale"
    }
    assert Money(0) == run_of(world).net
