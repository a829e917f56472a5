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

engine = Engine(sys.argv[1], clock=lambda: datetime.now(UTC))
for _ in range(200):
    items = [{"Update": {"TableName": "simple", "Key": {"pk": {"S": "counter"}},
        "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}}]
    engine.call("TransactWriteItems", {"TransactItems": items})
"""


def start(path):
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )


def test_two_processes_that_add(counter, tmp_path):
    processes = [start(tmp_path / "local.db") for _ in range(2)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert number(counter, "counter") == 400


KILLS = 20


def kill_under_load(path, start, acknowledgements):
    """Start a writer, kill it after so many acknowledgements, and give what it acknowledged."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, str(Path(__file__).with_name("stream_writer.py")), str(path), str(start)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if len(lines) == acknowledgements:
            process.send_signal(signal.SIGKILL)
            break
    lines += process.stdout
    process.wait(timeout=60)
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    # The last line may have been cut off by the kill.
    return [line.split() for line in lines if line.endswith("\n")]


def stored(engine):
    items, request = {}, {"TableName": "simple"}
    while True:
        page = engine.call("Scan", request)
        items |= {item["pk"]["S"]: item for item in page["Items"]}
        if "LastEvaluatedKey" not in page:
            return items
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def replayed(engine):
    """Rebuild the table from its stream, and check that every change fits the one before."""
    items, last = {}, 0
    while changes := engine.changes("simple", last, 500):
        for change in changes:
            assert change.sequence == last + 1
            last = change.sequence
            content = change.record["dynamodb"]
            pk = content["Keys"]["pk"]["S"]
            assert items.pop(pk, None) == content.get("OldImage")
            if "NewImage" in content:
                items[pk] = content["NewImage"]
    assert last == engine.last_change("simple")
    return items


@pytest.mark.slow
def test_kills_under_load_lose_nothing_and_tear_nothing(tmp_path, clock):
    """Twenty times: what was acknowledged is there, whole, and the stream rebuilds the table."""
    path = tmp_path / "local.db"
    stream = {"StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"}}
    first = Engine(path, clock=clock)
    first.create_table({**simple(), **stream})
    first.close()
    acknowledged = {"a": set(), "b": set()}
    gone = {"a": set(), "b": set()}
    start = 0
    for kill in range(KILLS):
        for mark, number, *was_deleted in kill_under_load(path, start, 20 + 13 * kill % 60):
            (gone if was_deleted else acknowledged)[mark].add(int(number))
        again = Engine(path, clock=clock)
        items = stored(again)
        check_round(items, acknowledged, gone)
        assert replayed(again) == items
        again.close()
        start = 1 + max(int(items[f"{mark}-0"]["round"]["N"]) for mark in "ab")
        start += -start % 5


def check_round(items, acknowledged, gone):
    total = 0
    for mark in "ab":
        # The items of one transaction are of one round: the last acknowledged, or one more.
        rounds = {items[f"{mark}-{part}"]["round"]["N"] for part in range(3)}
        assert len(rounds) == 1
        latest = int(rounds.pop())
        assert latest - max(acknowledged[mark]) in {0, 1}
        lines = {int(pk.rpartition("-")[2]) for pk in items if pk.startswith(f"{mark}-line-")}
        assert max(lines) == latest
        deleted = {number - 2 for number in gone[mark]}
        assert not deleted & lines
        # The latest deletion may be done and not yet acknowledged; nothing else is missing.
        missing = acknowledged[mark] - deleted - lines
        assert missing <= {max(acknowledged[mark]) - 2}
        gone[mark] |= {number + 2 for number in missing}
        total += len(lines | deleted | missing)
    assert items["head"]["tally"]["N"] == str(total)


def test_several_processes_compare_and_set_with_one_ledger(counter, tmp_path):
    """Over processes too: every win is a version and a line of the ledger."""
    counter.call("PutItem", {"TableName": "simple", "Item": {**key("head"), "version": {"N": "0"}}})
    processes = [
        subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", COMPARER, str(tmp_path / "local.db"), str(number_)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            text=True,
        )
        for number_ in range(3)
    ]
    wins = 0
    for process in processes:
        wins += int(process.communicate(timeout=60)[0])
        assert process.returncode == 0
    ledger = counter.call("Scan", {"TableName": "simple"})["Count"] - 1
    assert wins == number(counter, "head", "version") == ledger > 0


COMPARER = """
import sys
from datetime import UTC, datetime
from cloud.local.dynamodb.engine import Engine
from cloud.local.dynamodb.errors import EngineError

engine = Engine(sys.argv[1], clock=lambda: datetime.now(UTC))
head = {"TableName": "simple", "Key": {"pk": {"S": "head"}}}
wins = 0
for _ in range(60):
    version = int(engine.call("GetItem", head)["Item"]["version"]["N"])
    update = {**head, "UpdateExpression": "SET version = :new",
        "ConditionExpression": "version = :old",
        "ExpressionAttributeValues": {":old": {"N": str(version)}, ":new": {"N": str(version + 1)}}}
    line = {"TableName": "simple", "Item": {"pk": {"S": f"line-{version}"}},
        "ConditionExpression": "attribute_not_exists(pk)"}
    try:
        engine.call("TransactWriteItems", {"TransactItems": [{"Update": update}, {"Put": line}]})
        wins += 1
    except EngineError as error:
        if error.code != "TransactionCanceledException":
            raise
print(wins)
"""
