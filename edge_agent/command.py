"""What the cloud may ask of the agent: to send chunks again; everything else is refused.

The wire format is described in `contract/COMMANDS.md`. Nothing here reads a clock or a queue.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

MOST_BYTES = 4096
MOST_RANGES = 32
MOST_NUMBERS = 200
"""Of all ranges of one request together: more than a week of hours."""
LARGEST_NUMBER = 2**63 - 1

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class MalformedCommand(ValueError):
    """The bytes are no command that this agent knows; the message names what is wrong."""


@dataclass(frozen=True, slots=True)
class Resend:
    """Send these chunks again: ranges of sequence numbers, both ends in it, rising and apart.

    The same `id` is the same request, however often it arrives.
    """

    id: str
    ranges: tuple[tuple[int, int], ...]


def command_topic(thing: str) -> str:
    """Return the one topic on which a gateway listens."""
    return f"sunreeve/{thing}/command"


def parse(payload: bytes) -> Resend:
    """Return the request that the payload holds.

    A key that is not known is refused too: a later version may mean something else by the rest.

    Raises:
        MalformedCommand: for everything else; no other exception leaves this function.
    """
    if len(payload) > MOST_BYTES:
        _refuse(f"it has more than {MOST_BYTES} bytes")
    try:
        message = json.loads(payload.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise MalformedCommand(f"reading a command: not JSON in ASCII: {error}") from error
    if type(message) is not dict or set(message) != {"v", "do", "id", "seq"}:
        _refuse("it is no object with the keys v, do, id and seq")
    if type(message["v"]) is not int or message["v"] != 1:
        _refuse("its version is not 1")
    if message["do"] != "resend":
        _refuse("it asks for something other than resend")
    if type(message["id"]) is not str or not _ID.fullmatch(message["id"]):
        _refuse(f"id does not look like {_ID.pattern}")
    return Resend(message["id"], _ranges(message["seq"]))


def _ranges(entries: Any) -> tuple[tuple[int, int], ...]:
    if type(entries) is not list or not 1 <= len(entries) <= MOST_RANGES:
        _refuse(f"seq is no list of 1 to {MOST_RANGES} ranges")
    ranges: list[tuple[int, int]] = []
    after = total = 0
    for entry in entries:
        if type(entry) is not list or [type(number) for number in entry] != [int, int]:
            _refuse("a range in seq is no pair of whole numbers")
        first, last = entry
        if not after < first <= last <= LARGEST_NUMBER:
            _refuse("the ranges in seq do not rise from 1, or reach beyond 63 bits")
        after, total = last, total + last - first + 1
        ranges.append((first, last))
    if total > MOST_NUMBERS:
        _refuse(f"{total} numbers are more than {MOST_NUMBERS}")
    return tuple(ranges)


def _refuse(why: str) -> NoReturn:
    raise MalformedCommand(f"reading a command: {why}")
