"""Queues under load in a process of its own, to be killed: it says what it has done, line by line.

Each line is one write to the pipe, made after the queues have answered; a deletion is also
announced before it is asked for.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from cloud.local.queues import Outgoing, Queues


class StandingClock:
    def now(self) -> datetime:
        return datetime(2031, 1, 1, tzinfo=UTC)


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def send(queues: Queues, first: str) -> None:
    number = 0
    while True:
        bodies = [f"{first}-{number + step}" for step in range(3)]
        number += 3
        queues.send_batch("q", [Outgoing(body) for body in bodies])
        for body in bodies:
            say(f"sent {body}")


def take(queues: Queues) -> None:
    while True:
        # visibility 0: whatever is not deleted can be had again at once
        for message in queues.receive("q", 2, visibility_s=0):
            say(f"deleting {message.body}")
            queues.delete("q", message.receipt)
            say(f"deleted {message.body}")


def move(queues: Queues, first: str) -> None:
    number = 0
    while True:
        number += 1
        queues.send("dead", f"{first}-{number}")
        say(f"sent {first}-{number}")
        queues.start_move("dead", "q")


def main(database: Path, round_name: str) -> None:
    queues = Queues(database, StandingClock())
    queues.create("dead")
    redrive = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:0:dead", "maxReceiveCount": 1000}
    queues.create("q", {"RedrivePolicy": redrive})
    workers = [
        Thread(target=send, args=(queues, f"{round_name}s"), daemon=True),
        Thread(target=take, args=(queues,), daemon=True),
        Thread(target=move, args=(queues, f"{round_name}m"), daemon=True),
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


main(Path(sys.argv[1]), sys.argv[2])
