"""Several threads and processes write at once and are killed; nothing acknowledged is lost."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dynamodb_definitions import simple

from cloud.local.dynamodb.engine import Engine
from cloud.local.dynamodb.errors import EngineError

ROOT = Path(__file__).parents[4]
THREADS = 8
ROUNDS = 50


def key(pk):
    return {"pk": {"S": pk}}


def number(engine, pk, name="n"):
    item = engine.call("GetItem", {"TableName": "simple", "Key": key(pk)})["Item"]
    return int(item[name]["N"])


def add_one(engine, pk="counter"):
    engine.call(
        "UpdateItem",
        {
            "TableName": "simple",
            "Key": key(pk),
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        },
    )


@pytest.fixture
def counter(engine):
    engine.create_table(simple())
    return engine


def in_threads(work):
    with ThreadPoolExecutor(THREADS) as pool:
        return [one.result() for one in [pool.submit(work, n) for n in range(THREADS)]]


def test_threads_that_add(counter):
    in_threads(lambda _: [add_one(counter) for _ in range(ROUNDS)])
    assert number(counter, "counter") == THREADS * ROUNDS


def test_threads_that_compare_and_set(counter):
    """Each win moves the version and writes one line of a ledger, in one transaction."""
    counter.call("PutItem", {"TableName": "simple", "Item": {**key("head"), "version": {"N": "0"}}})

    def work(thread):
        wins = 0
        for _ in range(15):
            version = number(counter, "head", "version")
            try:
                counter.call("TransactWriteItems", {"TransactItems": _step(version, thread)})
                wins += 1
            except EngineError as error:
                if error.code != "TransactionCanceledException":
                    raise
        return wins

    wins = sum(in_threads(work))
    ledger = counter.call("Scan", {"TableName": "simple"})["Count"] - 1
    assert wins == number(counter, "head", "version") == ledger > 0


def _step(version, thread):
    return [
        {
            "Update": {
                "TableName": "simple",
                "Key": key("head"),
                "UpdateExpression": "SET version = :new",
                "ConditionExpression": "version = :old",
                "ExpressionAttributeValues": {
                    ":old": {"N": str(version)},
                    ":new": {"N": str(version + 1)},
                },
            }
        },
        {
            "Put": {
                "TableName": "simple",
                "Item": {**key(f"line-{version}"), "by": {"N": str(thread)}},
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        },
    ]


def test_one_reader_sees_whole_transactions(counter):
    """Two items are always written together, so a reading transaction never sees them differ."""
    stop = threading.Event()

    def write():
        for round_ in range(200):
            puts = [
                {"Put": {"TableName": "simple", "Item": {**key(pk), "n": {"N": str(round_)}}}}
                for pk in ("one", "two")
            ]
            counter.call("TransactWriteItems", {"TransactItems": puts})
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    gets = [{"Get": {"TableName": "simple", "Key": key(pk)}} for pk in ("one", "two")]
    while not stop.is_set():
        one, two = counter.call("TransactGetItems", {"TransactItems": gets})["Responses"]
        assert one.get("Item", {}).get("n") == two.get("Item", {}).get("n")
    writer.join()


WRITER = """
import sys
from datetime import UTC, datetime
from cloud.local.dynamodb.engine import Engine

path, mode = sys.argv[1:3]
engine = Engine(path, clock=lambda: datetime.now(UTC))
print("ready", flush=True)
for round_ in range(200 if mode == "add" else 10**9):
    if mode == "add":
        items = [{"Update": {"TableName": "simple", "Key": {"pk": {"S": "counter"}},
            "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}}]
    else:
        items = [{"Put": {"TableName": "simple", "Item": {"pk": {"S": f"{mode}-{round_}-{part}"}}}}
            for part in range(3)]
    engine.call("TransactWriteItems", {"TransactItems": items})
    sys.stdout.write(f"{round_}\\n")
    sys.stdout.flush()
"""


def start(path, mode):
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", WRITER, str(path), mode],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )


def test_two_processes_that_add(counter, tmp_path):
    processes = [start(tmp_path / "local.db", "add") for _ in range(2)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert number(counter, "counter") == 400


@pytest.mark.parametrize("round_", range(3))
def test_a_killed_process_loses_nothing_acknowledged(counter, tmp_path, clock, round_):
    process = start(tmp_path / "local.db", f"kill{round_}")
    acknowledged = []
    for line in process.stdout:
        if line != "ready\n":
            acknowledged.append(int(line))
        if len(acknowledged) == 300 + 37 * round_:
            process.send_signal(signal.SIGKILL)
            break
    acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]
    process.wait(timeout=60)
    process.stdout.close()
    again = Engine(tmp_path / "local.db", clock=clock)
    for round_written in acknowledged:
        for part in range(3):
            pk = f"kill{round_}-{round_written}-{part}"
            assert "Item" in again.call("GetItem", {"TableName": "simple", "Key": key(pk)})
    # At most one more was on the disk and not yet acknowledged; none is there in part.
    stored = again.call("Scan", {"TableName": "simple", "Select": "COUNT"})["Count"]
    assert stored % 3 == 0
    assert 0 <= stored // 3 - len(acknowledged) <= 1
    again.close()
