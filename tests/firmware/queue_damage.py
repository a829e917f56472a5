"""Damages what the queue keeps and prints what it makes of that; runs on both runtimes."""

# ruff: noqa: PTH104, PTH107, PTH123, PTH208, T201, UP031 - there is no pathlib on a board

import os
import sys

from sunreeve_device.queue import Queue

FOLDER = sys.argv[1] + "/queue"
CAP = 8 * 4096


def change(name, edit):
    with open(FOLDER + "/" + name, "rb") as file:
        data = bytearray(file.read())
    with open(FOLDER + "/" + name, "wb") as file:
        file.write(edit(data))


def flip(at):
    def edit(data):
        data[at] ^= 0x10
        return data

    return edit


def segments():
    return sorted(name for name in os.listdir(FOLDER) if name.startswith("s"))


def show(what):
    queue = Queue(FOLDER, CAP)
    held = [number for number, _, _ in queue.peek()]
    lost = queue.lost
    number = queue.put(1, b"new")
    whole = queue.held() == len(list(queue.peek())) == len(held) + 1
    for one, _, _ in queue.peek():
        queue.ack(one)
    again = Queue(FOLDER, CAP)
    ends = queue.held() == again.held() == 0 and again.lost == queue.lost == lost
    fresh = again.put(1, b"x") > number
    print("%s: held %s lost %d next %d %s" % (what, held, lost, number, whole and ends and fresh))
    again.ack(number + 1)


def fill():
    """Put nine records of 1,300 bytes (three in a segment), of which two are acknowledged."""
    if "queue" in os.listdir(sys.argv[1]):
        for name in os.listdir(FOLDER):
            os.remove(FOLDER + "/" + name)
    queue = Queue(FOLDER, CAP)
    for _ in range(9):
        queue.put(0, b"a" * 1300)
    queue.ack(1)
    queue.ack(2)


fill()
show("nothing")
fill()
change(segments()[1], flip(700))
show("a payload's bit")
fill()
change(segments()[1], flip(0))
show("a length's bit")
fill()
change(segments()[1], flip(8))
show("a number's bit")
fill()
change(segments()[1], lambda data: data[:2000])
show("a short segment")
fill()
change(segments()[2], flip(2700))
show("the last record")
fill()
change(segments()[2], lambda data: b"\xff" * 100)
show("the newest segment")
fill()
change("mark", flip(2))
show("the mark")
fill()
change("mark", lambda data: b"")
show("an empty mark")
fill()
os.remove(FOLDER + "/mark")
show("no mark")
fill()
os.remove(FOLDER + "/" + segments()[1])
show("no segment between")
fill()
for name in segments():
    os.remove(FOLDER + "/" + name)
show("no segment at all")
fill()
change("mark", lambda data: data)
os.rename(FOLDER + "/mark", FOLDER + "/mark.tmp")
show("a mark not renamed")
fill()
with open(FOLDER + "/s00000000xx", "wb") as file:
    file.write(b"?")
show("a foreign file")

queue = Queue(FOLDER, CAP)
for kind, size in ((0, 65536), (0, 17000), (256, 5), (-1, 5)):
    try:
        queue.put(kind, b"a" * size)
        print("taken")
    except ValueError as error:
        print(error)
before = queue.held()
for number in (0, -1, 1, 10**6):
    queue.ack(number)
print("foreign acks change nothing:", queue.held() == before)
try:
    Queue(FOLDER, 8191)
except ValueError as error:
    print(error)
