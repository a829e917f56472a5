"""Cuts power at every operation on flash of a queue at work; runs on MicroPython."""

# ruff: noqa: PTH123, T201, UP031 - there is no pathlib on a board

import gc
import sys

from cutting import Powered, new_chip
from sunreeve_device import port
from sunreeve_device.queue import Queue

CAP = int(sys.argv[1])
BLOCKS = int(sys.argv[2])
SIZE = int(sys.argv[3])
ROUNDS = int(sys.argv[4])
PLANT = sys.argv[5] if len(sys.argv) > 5 else ""
FOLDER = "/flash/queue"


class Forgetful(Queue):
    def _write_mark(self):
        if self._done % 3:
            super()._write_mark()


class Hasty(Queue):
    def _remove_first(self):
        self._write_mark = lambda: None
        super()._remove_first()


class Rewriting(Queue):
    def _append(self, record, number):
        if self._is_open:
            with open(self._segment_path(self._segments[-1]), "rb") as file:
                before = file.read()
            with open(self._segment_path(self._segments[-1]), "wb") as file:
                port.fsync(file)
                file.write(before)
            self._segments[-1][2] = len(before)
        super()._append(record, number)


MADE = {"": Queue, "forgetful": Forgetful, "hasty": Hasty, "rewriting": Rewriting}[PLANT]


def payload(number):
    return b"%08d" % number * (SIZE // 8 + number % 3)


class Seen:
    """What the device knows to be so when power goes."""

    def __init__(self):
        self.accepted = []
        self.acked = set()
        self.lost = 0
        self.putting = None
        self.highest = 0


def work(queue, seen):
    """Put four, acknowledge two or three (some out of turn), round after round."""
    for turn in range(ROUNDS):
        for _ in range(4):
            seen.putting = seen.highest + 1
            number = queue.put(turn % 2, payload(seen.highest + 1))
            seen.accepted.append(number)
            seen.highest = number
            seen.putting = None
        waiting = []
        for number, _, _ in queue.peek():
            waiting.append(number)
            if len(waiting) == 3:
                break
        if turn % 3 == 1 and len(waiting) == 3:
            queue.ack(waiting[1])  # out of turn: not sure until the first one is there
        queue.ack(waiting[0])
        done = waiting[:2] if turn % 3 == 1 and len(waiting) == 3 else waiting[:1]
        seen.acked.update(done)
        seen.lost = queue.lost


def judge(data, seen):
    """Return what is wrong with what is found after power came back."""
    wrong = []
    with Powered(data):
        queue = MADE(FOLDER, CAP)
        found = []
        for number, _, body in queue.peek():
            found.append(number)
            if body != payload(number):
                wrong.append("other bytes")
        if found != sorted(found) or len(set(found)) != len(found):
            wrong.append("order")
        if seen.acked & set(found):
            wrong.append("an acknowledged one came again")
        if queue.held() != len(found):
            wrong.append("held %d, found %d" % (queue.held(), len(found)))
        waiting = [one for one in seen.accepted if one not in seen.acked]
        gone = [one for one in waiting if one not in found]
        started = [one for one in found if one not in seen.accepted]
        if started and started != [seen.putting]:
            wrong.append("something that was never put")
        if gone and gone != waiting[: len(gone)]:
            wrong.append("not the oldest were dropped")
        total = max(seen.accepted + found, default=0)
        acked = len(seen.acked)
        # The one whose acknowledgement was under way may be done: in neither count.
        short = total - acked - len(found) - queue.lost
        if short not in (0, 1, 2):
            wrong.append("lost %d, short %d" % (queue.lost, short))
        number = queue.put(1, payload(total + 1))
        if number <= total:
            wrong.append("number %d was used again" % number)
        following = [one for one, _, _ in queue.peek()]
        if following[-1] != number or [one for one in following[:-1] if one not in found]:
            wrong.append("it did not go on")
        for one in following:
            queue.ack(one)
        if queue.held() or list(queue.peek()):
            wrong.append("it was not emptied")
    with Powered(data):
        queue = MADE(FOLDER, CAP)
        if queue.held() or queue.put(0, payload(number + 1)) != number + 1:
            wrong.append("it did not stay empty")
    return wrong


empty = bytes(new_chip(BLOCKS))


def life(cut_at):
    data = bytearray(empty)
    seen = Seen()
    is_cut = False
    with Powered(data, cut_at) as flash:
        try:
            work(MADE(FOLDER, CAP), seen)
        except OSError:
            is_cut = flash.is_dead
            if not is_cut:
                raise
    return data, seen, flash, is_cut


data, seen, flash, _ = life(0)
operations = flash.operations
problems = judge(data, seen)
for cut_at in range(1, operations + 1):
    data, seen, flash, is_cut = life(cut_at)
    if not flash.is_dead:
        problems.append("%d: power was not cut" % cut_at)
    problems += ["%d: %s" % (cut_at, one) for one in judge(data, seen)]
    gc.collect()
print("cuts", operations)
print("lost", seen.lost)
print("violations", len(problems), problems[:5])
