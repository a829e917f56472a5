"""Lambda's manners, shown by handlers that misbehave in every way a handler can."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

import cloud
from cloud.kernel.errors import BadInput
from cloud.local.dynamodb import hook
from cloud.local.dynamodb.engine import Engine
from cloud.local.function_log import FunctionLog
from cloud.local.lambdas import LARGEST_PAYLOAD, MOST_SANDBOXES, Failed, Functions
from cloud.local.queues import Queues
from cloud.local.template import Function

# At collection, before a test of another folder can make boto3's default session.
hook.prepare()

ROOT = Path(cloud.__file__).parents[1]
HANDLER = """
import os, sys, threading, time
from pathlib import Path

SEEN = dict(os.environ)
OUT = sys.stdout  # as a logger takes it, when its module is imported
CALLS = 0

def handle(event, context):
    global CALLS
    CALLS += 1
    kind = event["do"]
    if kind == "count":
        return CALLS
    if kind == "environment":
        return [SEEN.get("COLOUR"), SEEN.get("SECRET_OF_THE_MACHINE"), os.environ.get("COLOUR")]
    if kind == "late":
        return sorted(os.environ)
    if kind == "deaf":
        while True:
            try:
                time.sleep(0.01)
            except BaseException:
                pass
    if kind == "send":
        import boto3
        queue = boto3.client("sqs")
        while True:
            queue.send_message(QueueUrl=event["url"], MessageBody="x")
    if kind == "change":
        event["do"] = "changed"
        return event
    if kind == "raise":
        raise ValueError("no good")
    if kind == "exit":
        sys.exit(3)
    if kind == "object":
        return object()
    if kind == "large":
        return "x" * event["size"]
    if kind == "left":
        return context.get_remaining_time_in_millis()
    if kind == "sleep":
        for _ in range(int(event["s"] * 100)):
            time.sleep(0.01)
        Path(event["file"]).write_text("it ran on")
        return "slept"
    if kind == "meet":
        folder = Path(event["folder"])
        (folder / f"here-{event['place']}").touch()
        for _ in range(2000):
            if len(list(folder.glob("here-*"))) == event["count"]:
                return ["met", CALLS]
            time.sleep(0.01)
        return ["alone", CALLS]
    if kind == "print":
        print("plain words")
        print('{"level": "INFO", "message": "of json"}', file=OUT)
    return [context.function_name, context.aws_request_id]
"""


class At:
    def now(self):
        return datetime(2026, 6, 1, 6, tzinfo=UTC)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Make functions of one handler file, which is imported under a name of this test alone."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SECRET_OF_THE_MACHINE", "never seen")
    module = f"misbehaving_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{module}.py").write_text(HANDLER)
    log = FunctionLog(tmp_path / "log.jsonl", At())
    opened = []

    def functions(**settings):
        one = Function(
            **{
                "name": "F",
                "handler": f"{module}.handle",
                "timeout_s": 5,
                "environment": {"COLOUR": "red"},
                **settings,
            }
        )
        opened.append(Functions({"F": one}, log, At(), beside={}))
        return opened[-1]

    yield functions
    for one in opened:
        one.close()
    log.close()
    sys.modules.pop(module, None)


def test_a_module_sees_its_own_environment_once_and_the_machines_never(made):
    assert made().invoke("F", {"do": "environment"}) == ["red", None, None]
    assert os.environ["SECRET_OF_THE_MACHINE"] == "never seen"


def test_a_warm_sandbox_keeps_its_module(made):
    functions = made()
    assert [functions.invoke("F", {"do": "count"}) for _ in range(3)] == [1, 2, 3]


def test_neither_side_sees_the_others_objects(made):
    event = {"do": "change"}
    assert made().invoke("F", event) == {"do": "changed"}
    assert event == {"do": "change"}


@pytest.mark.parametrize(
    ("event", "error_type"),
    [
        ({"do": "raise"}, "ValueError"),
        ({"do": "exit"}, "Runtime.ExitError"),
        ({"do": "object"}, "Runtime.MarshalError"),
        ({"do": "large", "size": LARGEST_PAYLOAD}, "Function.ResponseSizeTooLarge"),
        ({"do": "x" * LARGEST_PAYLOAD}, "RequestTooLargeException"),
    ],
    ids=["it raises", "it ends its sandbox", "no JSON comes back", "too much back", "too much in"],
)
def test_what_goes_wrong_is_told_and_the_next_call_is_answered(made, event, error_type):
    functions = made()
    failed = functions.invoke("F", event)
    assert isinstance(failed, Failed)
    assert failed.error_type == error_type
    assert functions.invoke("F", {"do": "count"}) in {1, 2}
    told = functions.statistics()["F"]
    assert (told.invocations, told.errors) == (2, 1)
    assert told.last_error.startswith(error_type)


def test_a_handler_that_overruns_is_ended_and_its_sandbox_is_gone(made, tmp_path):
    functions = made(timeout_s=1)
    assert functions.invoke("F", {"do": "count"}) == 1
    late = {"do": "sleep", "s": 3, "file": str(tmp_path / "late")}
    failed = functions.invoke("F", late)
    assert failed.error_type == "Sandbox.Timedout"
    assert "timed out after 1.00 seconds" in failed.message
    assert functions.invoke("F", {"do": "count"}) == 1  # a new sandbox, a new module
    for thread in threading.enumerate():
        if thread.name.startswith("F_"):
            thread.join(timeout=0.1)
    time.sleep(2.5)
    assert not (tmp_path / "late").exists()  # it was ended, not only given up


def test_while_it_runs_a_handler_sees_what_lambda_tells_and_nothing_else(made):
    late = made().invoke("F", {"do": "late"})
    assert {"AWS_REGION", "AWS_ACCESS_KEY_ID"} <= set(late)
    assert {"COLOUR", "SECRET_OF_THE_MACHINE"}.isdisjoint(late)
    assert os.environ["SECRET_OF_THE_MACHINE"] == "never seen"


def test_who_does_not_listen_is_left_behind_and_does_not_keep_the_process(tmp_path):
    """In a process of its own: it must come to its end."""
    (tmp_path / "deaf.py").write_text(HANDLER)
    program = f"""
import sys
from datetime import UTC, datetime
from pathlib import Path
sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]
from cloud.local.function_log import FunctionLog
from cloud.local.lambdas import Functions
from cloud.local.template import Function
class At:
    def now(self):
        return datetime(2026, 6, 1, tzinfo=UTC)
log = FunctionLog(Path({str(tmp_path / "log")!r}), At())
one = Function("F", "deaf.handle", 1, {{}})
functions = Functions({{"F": one}}, log, At(), beside={{}})
print(functions.invoke("F", {{"do": "deaf"}}).error_type)
print(functions.invoke("F", {{"do": "count"}}))
"""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, ["Sandbox.Timedout", "1"]), done.stderr


def test_time_outs_leave_no_service_in_a_broken_state(made, tmp_path):
    """The handler does nothing but send: each time-out finds it in the middle of the store."""
    clock = At()
    queues = Queues(tmp_path / "queues.sqlite", clock)
    url = queues.create("Q")
    engine = Engine(tmp_path / "tables.sqlite", clock=clock.now)
    hook.install(engine)
    hook.register("sqs", queues.call)
    functions = made(timeout_s=0.2)
    for _ in range(30):
        assert functions.invoke("F", {"do": "send", "url": url}).error_type == "Sandbox.Timedout"
    before = queues.depth("Q").visible
    queues.send("Q", "still here")
    assert queues.depth("Q").visible == before + 1 > 1
    hook.uninstall()
    engine.close()
    queues.close()


def test_the_time_that_is_left_is_real(made):
    assert 0 < made(timeout_s=5).invoke("F", {"do": "left"}) <= 5000


def side_by_side(functions, count, tmp_path):
    answers = [None] * count

    def call(place):
        event = {"do": "sleep", "s": 1.5, "file": str(tmp_path / f"{place}")}
        answers[place] = functions.invoke("F", event)

    threads = [threading.Thread(target=call, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_two_calls_at_once_have_two_sandboxes(made, tmp_path):
    functions = made(timeout_s=30)

    def meet(place):
        event = {"do": "meet", "place": place, "folder": str(tmp_path), "count": 3}
        return functions.invoke("F", event)

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(meet, range(3))) == [["met", 1]] * 3
    assert functions.statistics()["F"].invocations == 3


@pytest.mark.parametrize(("reserved", "throttled"), [(1, 2), (2, 1), (0, 3)])
def test_reserved_concurrency_is_kept(made, tmp_path, reserved, throttled):
    functions = made(reserved_concurrency=reserved)
    answers = side_by_side(functions, 3, tmp_path)
    refused = [one for one in answers if isinstance(one, Failed)]
    assert len(refused) == throttled
    assert all(one.is_throttled for one in refused)
    told = functions.statistics()["F"]
    assert (told.invocations, told.throttles, told.errors) == (3 - throttled, throttled, 0)


def test_a_machine_has_so_many_sandboxes_and_no_more(made, tmp_path):
    answers = side_by_side(made(), MOST_SANDBOXES + 2, tmp_path)
    assert sum(isinstance(one, Failed) for one in answers) == 2


def test_what_is_printed_is_a_line_of_the_log_with_who_and_when(made, tmp_path):
    functions = made()
    functions.invoke("F", {"do": "print"})
    functions.invoke("F", {"do": "raise"})
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(one["function"], one["message"]) for one in lines] == [
        ("F", "plain words"),
        ("F", "of json"),
        ("F", "no good"),
    ]
    assert {one["at"] for one in lines} == {"2026-06-01T06:00:00+00:00"}
    assert lines[0]["request"] == lines[1]["request"] != lines[2]["request"]
    assert lines[2]["errorType"] == "ValueError"
    assert any("no good" in line for line in lines[2]["stackTrace"])


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"handler": "no_such_module.handle"}, "no_such_module"),
        ({"handler": "json.nothing"}, "nothing"),
        ({"handler": "handle"}, "handle"),
    ],
)
def test_a_handler_that_is_none_stops_the_boot(made, settings, named):
    with pytest.raises(BadInput, match=f"function F.*{named}"):
        made(**settings)
