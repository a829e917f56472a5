"""`sunreeve fund` and `sunreeve replay` against a stack that runs: from a preview to a return."""

import io
import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from rich.console import Console

from cloud.adapters import wiring
from cloud.cli import funding_shown, main
from cloud.funding import process
from cloud.funding.models import RunState
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money
from cloud.local.address import announced
from cloud.local.demo import cast
from cloud.portfolio.models import Milestone
from tests.cloud.cli.fund_stand import (
    ALDER,
    BEFORE,
    NOW,
    RUN,
    Stack,
    fund,
    refused,
    replay,
    shown,
    told,
)
from tests.cloud.funding.bank_replies import returns_for


@pytest.fixture(scope="module")
def template_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("template")


@pytest.fixture
def standing(tmp_path, template_cache):
    """A stack in which a run is prepared and nothing goes on by itself."""
    made = Stack(tmp_path, template_cache)
    made.door.start()
    made.prepare()
    with announced(tmp_path, made.runtime):
        yield made
    made.door.stop()
    made.runtime.close()


@pytest.fixture
def stack(standing):
    with standing.going_on():
        yield standing


def approved(capsys, stack):
    plans_hash = shown(capsys, stack, "preview", RUN)["run"]["plans_hash"]
    assert told(capsys, stack, "approve", RUN, "--hash", plans_hash) == [f"{RUN} is approved"]


# ----------------------------------------------------------------------------------- to look at it
def test_a_preview_is_worked_out_anew_until_it_is_approved(stack, capsys):
    first = shown(capsys, stack, "preview", RUN)
    stack.owe(ALDER, "INV-3", 1_00, BEFORE + timedelta(hours=1))
    again = shown(capsys, stack, "preview", RUN)
    assert again["run"]["net"] == {"cents": 363_50}
    assert again["run"]["plans_hash"] != first["run"]["plans_hash"]
    said = refused(capsys, stack, "approve", RUN, "--hash", first["run"]["plans_hash"])
    assert "is not any more what was shown" in said
    assert stack.load().record.state is RunState.PREVIEW


def test_money_that_is_held_says_what_for(stack, capsys):
    stored = stack.records.load(type(ALDER), ALDER.id)
    without = replace(stored.record, w9_on_file=False)
    stack.records.commit(Change(saves=(stored.replaced_by(without),)))
    held = [one for one in told(capsys, stack, "preview", RUN) if "held," in one]
    assert held == ["  P-ALDER: $412.50 held, invoice INV-1; w9 missing"]


# ------------------------------------------------------------------------------------ the whole way
def test_a_run_goes_from_preview_to_a_returned_payment(stack, capsys, tmp_path):
    approved(capsys, stack)
    assert told(capsys, stack, "commit", RUN)[0] in {f"{RUN} is committed", f"{RUN} is filed"}
    assert told(capsys, stack, "file", RUN) == [f"{RUN} is filed"]
    assert told(capsys, stack, "send", RUN) == [f"{RUN} is sent"]
    assert told(capsys, stack, "send", RUN) == [f"{RUN} is sent"]
    assert told(capsys, stack, "preview", RUN)[3:5] == [
        "  approved by ada.accounting",
        f"  file ach/{RUN}.ach",
    ]
    assert "ask the bank which entry" in refused(
        capsys, stack, "settle", RUN, "--statement", "362.49"
    )
    assert main(["clock", "--jump", "1", "--folder", str(stack.folder)]) == 0  # its day has come
    capsys.readouterr()
    assert told(capsys, stack, "settle", RUN, "--statement", "$362.50") == [f"{RUN} is settled"]

    plan = shown(capsys, stack, "preview", RUN)["plans"][0]
    sent = wiring.documents({"DOCUMENTS_BUCKET": "DocumentsBucket"})
    trace = plan["trace_number"]
    answer = tmp_path / "returns.ach"
    answer.write_bytes(returns_for(sent.get(f"bank/out/{RUN}.ach"), {trace: "R03"}))
    lines = told(capsys, stack, "return", str(answer))
    taken = lines[0].removesuffix(": 1 entry")
    assert lines[-1] == f"  sunreeve fund agree {taken}"
    lines = told(capsys, stack, "agree", taken)
    assert lines[0].split()[:2] == [trace, "R03"]
    assert lines[1] == f"{taken}: 1 entry"
    assert told(capsys, stack, "agree", taken) == lines
    assert told(capsys, stack, "return", str(answer)) == lines

    lines = told(capsys, stack, "balance")
    assert lines[-1].split() == ["sum", "$0.00"]
    assert ["partner_payable", "-$362.50"] in [line.split() for line in lines]
    before = shown(capsys, stack, "balance", "--as-of", "2026-06-01T00:00:00Z")
    assert not any(before["balances_cents"].values())
    assert told(capsys, stack, "verify")[-1].endswith("plans of all runs: no differences")
    assert shown(capsys, stack, "verify")["problems"] == []


def test_what_waits_for_a_person_is_no_success(stack, capsys, tmp_path):
    approved(capsys, stack)
    told(capsys, stack, "file", RUN)
    told(capsys, stack, "send", RUN)
    trace = shown(capsys, stack, "preview", RUN)["plans"][0]["trace_number"]
    sent = wiring.documents({"DOCUMENTS_BUCKET": "DocumentsBucket"}).get(f"ach/{RUN}.ach")
    answer = tmp_path / "returns.ach"
    answer.write_bytes(returns_for(sent, {trace: "R23"}))
    taken = shown(capsys, stack, "return", str(answer))["id"]
    assert fund(stack, "agree", taken) == 1
    assert "some wait for a person" in capsys.readouterr().out
    assert fund(stack, "return", str(answer), "--json") == 1
    assert json.loads(capsys.readouterr().out)["needs_person"] is True


def test_a_preview_is_worked_out_anew_while_the_clock_stands(standing, capsys):
    """Both times are one instant: what was prepared says by what it pays that it is another."""
    standing.controls.pause()
    before = standing.load().record
    standing.owe(ALDER, "INV-3", 1_00, BEFORE + timedelta(hours=1))
    with standing.going_on():
        after = shown(capsys, standing, "preview", RUN, "--wait", "10")["run"]
    assert standing.load().record.prepared_at == before.prepared_at
    assert after["plans_hash"] != before.plans_hash


# ---------------------------------------------------------------------------------------- unusual
def test_a_run_far_above_those_before_waits_for_two_more_people(stack, capsys):
    run = stack.load().record
    for week in range(1, 6):
        back = timedelta(weeks=week)
        paid = replace(
            run,
            id=f"comfort-{run.funding_date - back}",
            cut_off_at=run.cut_off_at - back,
            state=RunState.SETTLED,
            net=Money(20_000_00),
        )
        stack.records.commit(Change(saves=(Save(paid),)))
    stack.owe(ALDER, "INV-9", 60_000_00)
    said = " ".join(told(capsys, stack, "preview", RUN))
    assert "unusual: all partners are paid $60,362.50, where $20,000.00 is the middle" in said
    assert "it is held until somebody looks at it" in said
    plans_hash = stack.load().record.plans_hash
    said = refused(capsys, stack, "approve", RUN, "--hash", plans_hash)
    assert "until somebody else looked" in said
    why = ("--hash", plans_hash, "--because", "two fleets at once")
    line = f"  sunreeve fund release {RUN} --hash {plans_hash} --because ..."
    assert line in told(capsys, stack, "preview", RUN)
    stale = refused(capsys, stack, "release", RUN, "--hash", "0" * 64, *why[2:])
    assert "was prepared anew since" in stale
    assert told(capsys, stack, "release", RUN, *why) == [f"{RUN} is preview"]
    assert "; abe.accounting looked at it" in " ".join(told(capsys, stack, "preview", RUN))
    assert told(capsys, stack, "approve", RUN, "--hash", plans_hash) == [f"{RUN} is approved"]


def test_who_looked_at_an_unusual_run_does_not_approve_it(stack, capsys):
    told(capsys, stack, "preview", RUN)
    stack.put(unusual=("all partners are paid a lot",))
    plans_hash = stack.load().record.plans_hash
    why = ("--hash", plans_hash, "--because", "it is right")
    told(capsys, stack, "release", RUN, *why, "--by", "ada.accounting")
    assert "held" in refused(capsys, stack, "approve", RUN, "--hash", plans_hash)
    assert "nobody here is called" in refused(capsys, stack, "release", RUN, *why, "--by", "eve")


# --------------------------------------------------------------------------------------- in doubt
def test_a_file_that_nobody_knows_about_is_asked_for_and_then_sent(stack, capsys):
    approved(capsys, stack)
    told(capsys, stack, "file", RUN)
    stack.put(state=RunState.SENDING)
    assert fund(stack, "send", RUN, "--wait", "0") == 1
    out = capsys.readouterr().out
    assert "nobody knows whether the bank has it" in out
    assert f"fund not-sent {RUN}" in out
    assert fund(stack, "send", RUN, "--wait", "0", "--json") == 1
    assert json.loads(capsys.readouterr().out)["state"] == "sending"
    words = ("not-sent", RUN, "--because", "nothing came in, says Kim")
    assert told(capsys, stack, *words) == [f"{RUN} is filed"]
    assert told(capsys, stack, "send", RUN) == [f"{RUN} is sent"]


def test_a_file_that_the_bank_has_after_all_is_said_to_be_sent(stack, capsys):
    approved(capsys, stack)
    told(capsys, stack, "file", RUN)
    stack.put(state=RunState.SENDING)
    assert told(capsys, stack, "sent", RUN) == [f"{RUN} is sent"]
    assert told(capsys, stack, "sent", RUN) == [f"{RUN} is sent"]


def test_what_does_not_go_on_is_not_waited_for_longer_than_was_said(standing, capsys):
    approved(capsys, standing)
    said = refused(capsys, standing, "file", RUN, "--wait", "0.3", code=3)
    assert said == (
        f"waiting for {RUN} to be filed: it is still approved; look again with fund preview {RUN}"
    )
    with standing.going_on():
        assert told(capsys, standing, "file", RUN) == [f"{RUN} is filed"]


# ----------------------------------------------------------------------------------------- replay
def test_a_replay_says_who_would_have_been_paid_when(stack, capsys):
    assert replay(stack, "--programme", "standard") == 0
    nobody = "nobody would have been paid differently under standard\n"
    assert capsys.readouterr().out == nobody
    at = NOW - timedelta(hours=1)
    reached = replace(cast.PROJECT, reached=((Milestone.M1, at),))
    stack.records.commit(Change(saves=(Save(reached),)))
    process.accrue_milestone(stack.records, project=reached, milestone=Milestone.M1, at=at)
    before = stack.records.history(cast.PROJECT.id)
    assert replay(stack, "--programme", "standard") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    paid = ["paid", "on", "2026-06-16", "2026-06-11", "$19,200.00"]
    assert [ALDER.id, cast.PROJECT.id, *paid] in lines
    assert replay(stack, "--programme", "standard", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found[0]["what"] == "paid_on"
    assert date.fromisoformat(found[0]["would_be"]) == date(2026, 6, 11)
    earlier = (BEFORE - timedelta(days=30)).isoformat()
    assert replay(stack, "--programme", "standard", "--as-of", earlier) == 0
    assert capsys.readouterr().out == nobody
    assert stack.records.history(cast.PROJECT.id) == before


# ------------------------------------------------------------------------------------- the terminal
def drawn(rows, width):
    out = io.StringIO()
    console = Console(file=out, width=width)
    funding_shown.draw(rows, console, numbers=frozenset({"net"}))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", range(5, 60))
def test_an_amount_is_whole_at_every_width(width):
    rows = [
        {"partner": "P-[bold]ONE[/]", "net": "$12,345,678.90", "state": "preview"},
        {"partner": "P-TWO", "net": "-$5.00", "state": ""},
    ]
    lines = drawn(rows, width)
    if width >= 24:
        assert max(len(line.rstrip()) for line in lines) <= width
    text = "\n".join(lines)
    for part in ("P-[bold]ONE[/]", "$12,345,678.90", "-$5.00"):
        assert part in text


def test_without_a_stack_one_line_says_how_to_start_one(tmp_path, capsys):
    for words in (["fund", "preview"], ["replay", "--programme", "standard"]):
        assert main([*words, "--folder", str(tmp_path)]) == 3
        said = capsys.readouterr().err
        assert f"no stack runs in {tmp_path}: start one with" in said
        assert said.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["fund"],
        ["fund", "approve", RUN],
        ["fund", "approve", "--hash", "x"],
        ["fund", "not-sent", RUN],
        ["fund", "release", RUN, "--because", "x"],
        ["fund", "agree"],
        ["fund", "settle", RUN],
        ["fund", "settle", RUN, "--statement", "ten"],
        ["fund", "settle", RUN, "--statement", "10.5"],
        ["fund", "send", RUN, "--wait", "long"],
        ["fund", "send", RUN, "--wait", "-1"],
        ["fund", "return"],
        ["replay"],
    ],
    ids=" ".join,
)
def test_a_command_that_lacks_something_names_it(capsys, words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "--help" in said
    assert said.count("\n") == 1
