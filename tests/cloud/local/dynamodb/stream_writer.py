"""Writes to a table from two threads until it is killed, and says what was acknowledged."""

import itertools
import sys
import threading
from datetime import UTC, datetime

from cloud.local.dynamodb.engine import Engine

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def work(engine, say, mark, start):
    """Keep four items at one round: three of their own for each round, and a shared head."""
    for round_ in itertools.count(start):
        puts = [
            {
                "Put": {
                    "TableName": "simple",
                    "Item": {"pk": {"S": f"{mark}-{part}"}, "round": {"N": str(round_)}},
                }
            }
            for part in range(3)
        ]
        line = {"pk": {"S": f"{mark}-line-{round_}"}, "by": {"S": mark}}
        puts.append({"Put": {"TableName": "simple", "Item": line}})
        count = {
            "TableName": "simple",
            "Key": {"pk": {"S": "head"}},
            "UpdateExpression": "ADD tally :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
        engine.call("TransactWriteItems", {"TransactItems": [*puts, {"Update": count}]})
        say(f"{mark} {round_}")
        if round_ % 5 == 4:
            gone = {"pk": {"S": f"{mark}-line-{round_ - 2}"}}
            engine.call("DeleteItem", {"TableName": "simple", "Key": gone})
            say(f"{mark} {round_} gone")


def main():
    path, start = sys.argv[1], int(sys.argv[2])
    engine = Engine(path, clock=lambda: NOON)
    lock = threading.Lock()

    def say(line):
        with lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    threads = [
        threading.Thread(target=work, args=(engine, say, mark, start)) for mark in ("a", "b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
