"""A jump of the clock: nothing is otherwise than step by step, and nobody is missed."""

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from rich.console import Console

from cloud.adapters import wiring
from cloud.detection.evidence import unpacked
from cloud.detection.models import SiteFacts, SiteTrack
from cloud.local.demo import cast
from cloud.local.demo.play import seed, staged
from cloud.telemetry.chunk import decode

ASH, *_ = cast.HOUSEHOLDS
QUIET = tuple(one for one in cast.HOUSEHOLDS if not one.home.is_talking)
DAY = timedelta(days=1)


@contextmanager
def stage_of(folder, households):
    with staged(folder, Console(quiet=True), households=households) as stage:
        seed(stage, households)
        yield stage
    wiring.forget()


def findings(stage, days):
    """What detection told, in the order of the log: when, by which rule, of what."""
    return [
        (event.at, event.rule, event.says)
        for number in range(days + 1)
        for event in stage.records.events_of(date(2026, 6, 1) + number * DAY)
        if event.what == "finding_made"
    ]


def chunks_of(stage, gateway):
    start = datetime.combine(cast.STORY_FROM, time(), cast.STANDARD)
    telemetry = wiring.chunks({"TELEMETRY_TABLE": "TelemetryTable"})
    kept = telemetry.between(gateway, start, stage.runtime.clock.now())
    return [decode(chunk.payload) for chunk in kept]


@pytest.mark.slow
def test_a_jump_finds_what_steps_find(tmp_path):
    """The dead string of the story: the same day, the same rule, the same words."""
    days = 9
    households = (ASH, *QUIET)
    told = {}
    for way in ("steps", "jump"):
        with stage_of(tmp_path / way, households) as stage:
            end = stage.runtime.clock.now() + days * DAY
            if way == "steps":
                stage.conductor.advance_to(end)
            else:
                with stage.conductor.jumping():
                    stage.conductor.advance_to(end)
            told[way] = findings(stage, days)
    assert told["steps"]
    assert [one[:2] for one in told["jump"]] == [one[:2] for one in told["steps"]]
    assert [one[2].split(":")[0] for one in told["jump"]] == ["SITE-ASH"] * len(told["steps"])


@pytest.mark.slow
def test_homes_go_on_over_their_sockets_after_a_jump_and_nobody_was_missed(tmp_path):
    whole = (cast.HOUSEHOLDS[2], *cast.more_households(2), *QUIET[:2])  # all of them are well
    with stage_of(tmp_path, whole) as stage:
        conductor, clock = stage.conductor, stage.runtime.clock
        conductor.advance_to(clock.now() + timedelta(hours=30))
        with conductor.jumping():
            conductor.advance_to(clock.now() + 20 * DAY + timedelta(minutes=20))
        conductor.advance_to(clock.now() + timedelta(hours=30))
        days = 23
        assert findings(stage, days) == []
        for household in whole:
            gateway = household.site.gateway_id
            chunks = chunks_of(stage, gateway)
            ends = [chunk.t0 + chunk.n * chunk.dt for chunk in chunks]
            # Each window begins where the one before ended: no hole, nothing twice.
            assert [chunk.t0 for chunk in chunks[1:]] == ends[:-1]
            silent_s = clock.now().timestamp() - ends[-1]
            assert silent_s <= (3600 if household.home.is_talking else 4 * 3600)
            if household.home.is_talking:
                assert [chunk.seq for chunk in chunks] == list(range(1, len(chunks) + 1))
            assert stage.records.load(SiteFacts, household.site.id).record.clocks == ()
            lines = unpacked(stage.records.load(SiteTrack, household.site.id).record.lines)
            assert len([line for line in lines if line.actual_wh is not None]) >= 20


@pytest.mark.slow
def test_a_jump_that_was_broken_off_leaves_no_hole(tmp_path):
    """As after a kill: the block of the jump is never left, and another process goes on."""
    whole = (cast.HOUSEHOLDS[2], *QUIET[:1])
    with stage_of(tmp_path, whole) as stage:
        stage.conductor.jumping().__enter__()
        stage.conductor.advance_to(stage.runtime.clock.now() + 3 * DAY + timedelta(hours=15))
    with stage_of(tmp_path, whole) as stage:
        stage.conductor.advance_to(stage.runtime.clock.now() + timedelta(hours=9))
        for household in whole:
            chunks = chunks_of(stage, household.site.gateway_id)
            ends = [chunk.t0 + chunk.n * chunk.dt for chunk in chunks]
            starts = [chunk.t0 for chunk in chunks]
            assert all(start <= end for start, end in zip(starts[1:], ends, strict=False))
            assert stage.runtime.clock.now().timestamp() - max(ends) <= 4 * 3600


def test_a_kill_between_the_clock_and_the_homes_loses_no_window(tmp_path):
    """The clock had come to the end of a window, and nobody had been read or had sent yet."""
    whole = QUIET[:1]
    with stage_of(tmp_path, whole) as stage:
        stage.conductor.advance_to(stage.runtime.clock.now() + timedelta(hours=9))
        stage.runtime.clock.move_to(datetime(2026, 6, 1, 20, tzinfo=UTC))
    with stage_of(tmp_path, whole) as stage:
        stage.conductor.advance_to(stage.runtime.clock.now() + timedelta(hours=8))
        chunks = chunks_of(stage, whole[0].site.gateway_id)
        ends = [chunk.t0 + chunk.n * chunk.dt for chunk in chunks]
        assert [chunk.t0 for chunk in chunks[1:]] == ends[:-1]
        assert ends[-1] == datetime(2026, 6, 2, 4, tzinfo=UTC).timestamp()


@pytest.mark.slow
def test_160_days_pass_every_schedule_and_leave_nothing_waiting(tmp_path):
    cedar = cast.HOUSEHOLDS[2]  # the project that is paid stands there
    silent = replace(cedar, home=replace(cedar.home, is_talking=False))
    with stage_of(tmp_path, (silent, *QUIET)) as stage:
        runtime = stage.runtime
        before = {one.name: one.last_at for one in runtime.schedule_states()}
        end = runtime.clock.now() + 160 * DAY
        with stage.conductor.jumping():
            stage.conductor.advance_to(end)
        assert runtime.clock.now() == end
        after = {one.name: one for one in runtime.schedule_states()}
        mountain = after["SweepFunctionMountain"]
        assert mountain.last_at > before["SweepFunctionMountain"] + 159 * DAY
        assert mountain.next_at > end
        runs = stage.records.events_of(date(2026, 11, 4))
        assert any("comfort-2026-11-05" in event.says for event in runs)  # a run of the last week
        failed = {n: s.last_error for n, s in runtime.functions.statistics().items() if s.errors}
        assert failed == {}
        for name in runtime.queues.names():
            depth = runtime.queues.depth(name)
            assert depth.visible == depth.in_flight == 0, name
        assert findings(stage, 160) == []
        assert datetime(2026, 11, 8, tzinfo=UTC) < runtime.clock.now()


def test_links_to_files_lead_into_the_stack_that_runs_now(tmp_path):
    """Whatever was asked for before, with no stack or with one that has ended."""
    paper = "evidence/WO-1/paper.pdf"

    def link() -> str:
        desk = wiring.uploads({"DOCUMENTS_BUCKET": "DocumentsBucket"}).desk
        return desk.link(paper, name="paper.pdf", minutes=5)

    link()
    for folder in ("first", "second"):
        with staged(tmp_path / folder, Console(quiet=True), households=()) as stage:
            assert link().startswith(stage.runtime.address)


def test_who_only_looks_is_called_once_a_day_and_stops_no_clock(tmp_path):
    """The watch looks each hour on AWS; a jump of 160 days would stop for it 3,840 times."""
    with stage_of(tmp_path, QUIET) as stage:
        assert stage.runtime.stack.functions["WatchFunction"].only_looks
        stage.conductor.advance_to(stage.runtime.clock.now() + 3 * DAY)
        (log,) = tmp_path.rglob("functions.jsonl")
        told = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    looked = {one["request"] for one in told if one["function"] == "WatchFunction"}
    assert len(looked) in {2, 3}
