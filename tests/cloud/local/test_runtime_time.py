"""Time in the local stack: schedules, due rows and queues, in order and once, over restarts."""

import ast
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import cloud
from cloud.adapters import wiring
from cloud.kernel.change import Change, Letter, Save, Timer
from cloud.local.conductor import Conductor
from cloud.local.lambdas import Failed
from cloud.service.models import Mail, MailState
from tests.cloud.adapters.record_examples import example

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Notes:
    """Stands where the functions stand, and writes down what they are called with."""

    def __init__(self, runtime, answers=()):
        self.calls = []
        self._clock = runtime.clock
        self._answers = list(answers)
        runtime.functions = self

    def invoke(self, name, event):
        self.calls.append((self._clock.now(), name, event))
        return self._answers.pop(0) if self._answers else {}

    def scheduled(self):
        return [
            (event["scheduled_for"], name, event.get("utc_offset_hours"))
            for _, name, event in self.calls
            if "scheduled_for" in event
        ]


def records():
    return wiring.records({"OPERATIONS_TABLE": "OperationsTable", "SITES_TABLE": "SitesTable"})


# ---------------------------------------------------------------------- schedules
def test_a_jump_of_160_days_fires_every_schedule_in_order_and_on_time(runtime):
    notes = Notes(runtime)
    began = time.monotonic()
    Conductor(runtime).advance_to(START + 160 * DAY)
    assert time.monotonic() - began < 20
    fired = [at for at, _, _ in notes.scheduled()]
    assert fired == sorted(fired)
    assert all(
        at == datetime.fromisoformat(event["scheduled_for"])
        for at, _, event in notes.calls
        if event
    )
    sweeps = [one for one in notes.scheduled() if one[1] == "SweepFunction"]
    assert len(sweeps) == 160 * 3 * 4
    assert len(set(sweeps)) == len(sweeps)
    runs = [event["scheduled_for"] for _, _, event in notes.calls if "programme" in event]
    assert len(runs) == sum((START + n * DAY).weekday() in {0, 2} for n in range(160))
    # 02:31 Eastern on both sides of the autumn change
    assert {datetime.fromisoformat(at).strftime("%H:%M") for at in runs} == {"06:31", "07:31"}


@pytest.mark.parametrize(
    "stops",
    [[], [5], [5, 5, 13, 21], list(range(1, 48, 7))],
    ids=["none", "one", "on time", "many"],
)
def test_a_restart_neither_repeats_nor_skips(opened, stops):
    fired = []
    for hours in [*stops, 48]:
        with opened() as runtime:
            notes = Notes(runtime)
            Conductor(runtime).advance_to(max(runtime.clock.now(), START + timedelta(hours=hours)))
            fired += notes.scheduled()
    assert len(fired) == len(set(fired))
    assert len([one for one in fired if one[1] == "SweepFunction"]) == 2 * 3 * 4
    assert [at for at, _, _ in fired] == sorted(at for at, _, _ in fired)


def test_schedules_that_were_missed_fire_in_order_over_all_of_them(runtime):
    notes = Notes(runtime)
    runtime.clock.move_to(START + 3 * DAY)
    runtime.run_due()
    fired = [at for at, _, _ in notes.scheduled()]
    assert fired == sorted(fired)
    assert len(fired) >= 3 * 3 * 4


def test_a_new_stack_does_not_make_up_for_the_time_before_it(runtime):
    notes = Notes(runtime)
    runtime.run_due()
    assert notes.calls == []


# ---------------------------------------------------------------------- the conductor
class Player:
    def __init__(self, runtime, log, *, hours):
        self.runtime, self.log = runtime, log
        self.hours = hours

    def next_at(self, now):
        return next(
            (at for at in (START + timedelta(hours=h) for h in self.hours) if at > now), None
        )

    def act(self, now):
        assert now == self.runtime.clock.now()
        self.log.append((now, "player"))
        self.runtime.queues.send("FindingsQueue", "{}")


def test_players_act_first_then_what_is_due_and_only_then_the_clock_moves(runtime):
    notes = Notes(runtime)
    player = Player(runtime, notes.calls, hours=[4, 5, 11])  # 05:00 Eastern is 10:00 UTC
    Conductor(runtime, [player]).advance_to(START + timedelta(hours=12))
    seen = [(call[0] - START, call[1]) for call in notes.calls]
    hour = timedelta(hours=1)
    for at in (4 * hour, 5 * hour, 11 * hour):
        here = [name for when, name in seen if when == at]
        assert here[:2] == ["player", "DispatchFunction"]
    assert (4 * hour, "SweepFunction") in seen
    assert [at for at, _ in seen] == sorted(at for at, _ in seen)
    assert runtime.clock.now() == START + timedelta(hours=12)


def test_the_end_is_reached_when_nothing_happens(runtime):
    Notes(runtime)
    Conductor(runtime).advance_to(START + timedelta(seconds=1))
    assert runtime.clock.now() == START + timedelta(seconds=1)


def test_a_timer_is_woken_at_its_instant(runtime):
    notes = Notes(runtime)
    due = START + timedelta(hours=1, seconds=7)
    records().commit(Change(timers=(Timer("T-1", "WO-1", "accept_due", due),)))
    Conductor(runtime).advance_to(START + timedelta(hours=1, minutes=2))
    swept = [at for at, name, _ in notes.calls if name == "TimersFunction"]
    assert swept[0] == due


@pytest.mark.parametrize("is_due", [True, False], ids=["beside a timer", "alone"])
def test_what_waits_for_a_person_moves_no_clock(runtime, is_due):
    notes = Notes(runtime)
    due = START + timedelta(hours=1, seconds=7)
    mail = replace(example(Mail), id="M-1", state=MailState.FOR_A_PERSON)
    timers = (Timer("T-1", "WO-1", "accept_due", due),) if is_due else ()
    records().commit(Change(saves=(Save(mail),), timers=timers))
    Conductor(runtime).advance_to(START + timedelta(hours=1, minutes=2))
    swept = [at for at, name, _ in notes.calls if name == "TimersFunction"]
    assert swept[:1] == [due] * is_due
    assert [one.record for one in records().waiting((Mail,))] == [mail]


def test_a_sweep_that_fails_is_tried_each_minute_and_never_stops_the_clock(runtime):
    notes = Notes(runtime, [Failed("Boom", "it broke", "")] * 100)
    records().commit(Change(timers=(Timer("T-1", "WO-1", "accept_due", START),)))
    Conductor(runtime).advance_to(START + timedelta(minutes=3))
    swept = [at - START for at, name, _ in notes.calls if name == "TimersFunction"]
    assert swept == [timedelta(minutes=n) for n in range(4)]


# ---------------------------------------------------------------------- queues
def test_a_part_that_failed_comes_again_and_ends_with_the_dead_letters(runtime):
    runtime.queues.send("FindingsQueue", "not JSON")
    runtime.queues.send("FindingsQueue", json.dumps({"topic": "recovery", "site_id": "S",
                        "family": "F", "seen_at": START.isoformat()}))  # fmt: skip
    runtime.run_due()
    assert runtime.queues.depth("FindingsQueue").in_flight == 1
    Conductor(runtime).advance_to(START + timedelta(hours=1))
    assert runtime.queues.depth("FindingsDeadLetters").visible == 1
    depth = runtime.queues.depth("FindingsQueue")
    assert (depth.visible, depth.in_flight) == (0, 0)


def test_a_handler_that_raises_leaves_the_whole_batch(runtime):
    notes = Notes(runtime, [Failed("Boom", "it broke", "")] * 2)
    for number in range(3):
        runtime.queues.send("FindingsQueue", str(number))
    Conductor(runtime).advance_to(START + timedelta(minutes=13))
    batches = [
        (at - START, len(event["Records"])) for at, _, event in notes.calls if "Records" in event
    ]
    minutes = timedelta(minutes=1)
    assert batches == [(0 * minutes, 3), (6 * minutes, 3), (12 * minutes, 3)]
    assert runtime.queues.depth("FindingsQueue").in_flight == 0


def test_a_dead_letter_does_not_hold_the_clock(runtime):
    Notes(runtime)
    runtime.queues.send("FindingsDeadLetters", "{}")
    Conductor(runtime).advance_to(START + DAY)
    assert runtime.clock.now() == START + DAY


# ---------------------------------------------------------------------- what is kept
def test_what_expires_goes_as_the_clock_passes_it(runtime):
    table = {"TableName": "TelemetryTable"}
    for name, days in (("old", 1), ("young", 30)):
        ttl = str(int((START + days * DAY).timestamp()))
        item = {"pk": {"S": name}, "sk": {"S": "-"}, "ttl": {"N": ttl}}
        runtime.engine.call("PutItem", {**table, "Item": item})
    Notes(runtime)
    Conductor(runtime).advance_to(START + 4 * DAY)
    found = runtime.engine.call("Scan", table)["Items"]
    assert [item["pk"]["S"] for item in found] == ["young"]


def test_all_is_there_after_a_restart(opened):
    with opened() as runtime:
        records().commit(
            Change(letters=(Letter("L-1", "a@b.example", "Hi", "Text", "WO-1", START),))
        )
        runtime.queues.send("RunsDeadLetters", "kept")
        runtime.clock.move_to(START + timedelta(minutes=1))
    with opened() as runtime:
        assert runtime.clock.now() == START + timedelta(minutes=1)
        runtime.run_due()
        assert len(runtime.mailbox.mails()) == 1
        assert runtime.queues.depth("RunsDeadLetters").visible == 1


# ---------------------------------------------------------------------- the environment
PACKAGES = [Path(cloud.__file__).parent / name for name in ("functions", "adapters")]
MODULES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))


@pytest.mark.parametrize(
    "path", MODULES, ids=[f"{path.parent.name}/{path.name}" for path in MODULES]
)
def test_the_environment_is_read_at_import_and_never_later(path):
    tree = ast.parse(path.read_text())
    for scope in ast.walk(tree):
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for node in ast.walk(scope):
                read = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""
                assert read not in {"os.environ", "os.getenv", "environ", "getenv"}, node.lineno
