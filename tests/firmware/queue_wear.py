"""Counts what a week of hourly chunks costs the flash; runs on MicroPython."""

# ruff: noqa: T201 - what is printed is the answer

from cutting import Powered, new_chip
from sunreeve_device.queue import Queue

with Powered(new_chip(32)) as flash:
    queue = Queue("/flash/queue", 24 * 4096)
    for hour in range(7 * 24):
        queue.put(0, b"x" * 1260)
        # Six hours in a row of each day are without a link.
        if hour % 24 >= 6:
            for number, _, _ in list(queue.peek()):
                queue.ack(number)
    print("erases", flash.erases)
    print("worst block", max(flash.per_block))
    print("programmed", flash.programmed)
    print("held", queue.held(), "lost", queue.lost)
