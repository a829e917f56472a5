"""`sunreeve sweep` against a stack that runs: what was held back, decided on, and judged anew."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from cloud.adapters import wiring
from cloud.cli import main
from cloud.detection.models import HoldState, RegionSweep, SweepHold
from cloud.kernel.change import Change, Save
from cloud.local.address import announced
from cloud.local.demo import cast
from cloud.local.demo.people import token_for
from cloud.local.dynamodb import hook
from cloud.local.face.face import Face
from cloud.local.http import Door
from cloud.local.runtime import Runtime

# At collection, before a test of another folder can make boto3's default session.
hook.prepare()

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
NOW = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)
SITE = replace(cast.HOUSEHOLDS[0].site, commissioned_on=date(2026, 6, 1))
REGION, ANOTHER = SITE.region, "UTC-05.N35W079"


def a_hold(region: str) -> SweepHold:
    return SweepHold(
        id=region,
        state=HoldState.HELD,
        finding_ids=("F-1", "F-2"),
        sites=3,
        held_at=NOW - timedelta(hours=2),
        says="something new at 2 of 3 sites of one region at once",
        examples=("SITE-ASH: 3 days in a row below 85%",),
    )


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack with two regions whose findings wait for a person."""
    folder = tmp_path_factory.mktemp("up")
    runtime = Runtime(folder / "data", TEMPLATE, starts_at=NOW)
    door = Door(runtime, face=Face(runtime, None, partial(token_for, runtime.issuer)))
    door.start()
    with announced(folder, runtime):
        yield folder
    door.stop()
    runtime.close()


@pytest.fixture
def records(stack):
    """The stack's records, with both holds as they were at first."""
    kept = wiring.records({"OPERATIONS_TABLE": "OperationsTable", "SITES_TABLE": "SitesTable"})
    for region in (REGION, ANOTHER):
        put(kept, a_hold(region))
        put(kept, RegionSweep(region, -7, NOW - timedelta(hours=2), 1, (0,), judged_at=NOW))
    put(kept, SITE)
    return kept


def put(records, record):
    stored = records.load(type(record), record.id)
    records.commit(Change(saves=(stored.replaced_by(record) if stored else Save(record),)))


def sweep(stack, *words):
    return main(["sweep", *words, "--folder", str(stack)])


def state_of(records, region=REGION):
    return records.load(SweepHold, region).record.state


@pytest.mark.rule("D-97")
def test_what_was_held_back_is_listed(stack, records, capsys):
    assert sweep(stack, "holds") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        f"{ANOTHER}: something new at 2 of 3 sites of one region at once, "
        "since 2026-06-08T13:00:00Z",
        "  SITE-ASH: 3 days in a row below 85%",
    ]
    assert lines[2].startswith(REGION)
    assert sweep(stack, "holds", "--json") == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == [ANOTHER, REGION]
    assert sweep(stack, "holds", "--state", "over") == 0
    assert capsys.readouterr().out == "nothing is over\n"
    assert sweep(stack, "holds", "--state", "over", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.rule("D-97")
@pytest.mark.parametrize(
    ("word", "state"), [("release", HoldState.RELEASED), ("discard", HoldState.DISCARDED)]
)
def test_a_decision_is_kept_with_who_made_it(stack, records, capsys, word, state):
    assert sweep(stack, word, REGION) == 0
    assert capsys.readouterr().out == f"{REGION}: 2 findings {state}\n"
    hold = records.load(SweepHold, REGION).record
    assert (hold.state, hold.decided_by, hold.decided_at) == (state, "sam.spc", NOW)
    assert records.load(RegionSweep, REGION).record.judged_at is None
    assert state_of(records, ANOTHER) is HoldState.HELD
    assert sweep(stack, word, REGION, "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == state


@pytest.mark.rule("D-97")
def test_what_was_decided_stays_decided(stack, records, capsys):
    sweep(stack, "release", REGION)
    capsys.readouterr()
    assert sweep(stack, "discard", REGION) != 0
    assert refusal(capsys) == f"sunreeve sweep: what was held back in {REGION} is released\n"
    assert state_of(records) is HoldState.RELEASED


def refusal(capsys) -> str:
    """Give the one line that a refused command prints."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("word", ["release", "discard"])
@pytest.mark.parametrize(
    "region", ["UTC-07.N00W000", "nowhere", "a/b", "../runs", "ü ?#%", "x" * 3000]
)
def test_a_region_that_holds_nothing_is_one_line(stack, records, capsys, word, region):
    assert sweep(stack, word, region) != 0
    assert refusal(capsys).startswith("sunreeve sweep: ")
    assert {state_of(records), state_of(records, ANOTHER)} == {HoldState.HELD}


@pytest.mark.rule("D-99")
def test_a_replay_says_how_many_are_judged_anew(stack, records, capsys):
    assert sweep(stack, "replay", "--clock", "-7", "--since", "2026-06-07") == 0
    assert capsys.readouterr().out == "1 sites are judged anew\n"
    begun = records.load(RegionSweep, REGION).record
    assert begun.replay_from == date(2026, 6, 7)
    assert begun.at == NOW - timedelta(hours=2)
    assert sweep(stack, "replay", "--clock", "-7", "--since", "2026-06-07") == 0
    assert capsys.readouterr().out.startswith("0 sites are judged anew; 1 are passed over")
    assert sweep(stack, "replay", "--clock", "-4", "--since", "2026-06-07", "--json") == 0
    assert json.loads(capsys.readouterr().out)["sites"] == 0


@pytest.mark.parametrize(
    ("clock", "since"),
    [("-7", "yesterday"), ("-7", "2026-13-01"), ("-99", "2026-06-07")],
    ids=["no day", "no month", "no clock"],
)
def test_a_replay_of_nothing_that_exists_says_what_is_wrong(stack, capsys, clock, since):
    assert sweep(stack, "replay", "--clock", clock, "--since", since) != 0
    said = refusal(capsys)
    assert "utc_offset_hours" in said or "replay_from" in said


@pytest.mark.parametrize(
    "words",
    [
        ["holds"],
        ["release", REGION],
        ["discard", REGION],
        ["replay", "--clock", "-7", "--since", "2026-06-07"],
    ],
    ids=lambda words: words[0],
)
def test_without_a_stack_it_says_how_to_start_one(tmp_path, capsys, words):
    assert sweep(tmp_path, *words) != 0
    assert f"no stack runs in {tmp_path}: start one with" in refusal(capsys)


@pytest.mark.parametrize(
    "words", [[], ["release"], ["replay", "--clock", "-7"], ["replay", "--clock", "east"]]
)
def test_a_command_that_lacks_something_names_it(capsys, words):
    with pytest.raises(SystemExit) as ended:
        main(["sweep", *words])
    assert ended.value.code == 2
    assert "--help" in refusal(capsys)
