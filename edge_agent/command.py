"""What the cloud may ask: to send chunks again, to poll otherwise, to renew the certificate.

The wire format is described in `contract/COMMANDS.md`. Nothing here reads a clock or a queue.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

MOST_BYTES = 4096
"""Of a request to send again."""
MOST_CONFIGURE_BYTES = 8192
"""Of a configuration: a list of 32 devices with all their entries fits."""
MOST_RANGES = 32
MOST_NUMBERS = 200
"""Of all ranges of one request together: more than a week of hours."""
LARGEST_NUMBER = 2**63 - 1

MOST_DEVICES = 32
DAY_S = 86_400
LOG_LEVELS = ("debug", "info", "warning", "error")

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


@dataclass(frozen=True, slots=True)
class Configure:
    """Let these entries differ from the settings file; those of the last such request are undone.

    Only `poll_s`, `window_s`, `log` and `device` occur. Whether they make good settings is not
    known here.
    """

    id: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Renew:
    """Get the next certificate. The same `id` is the same request, however often it arrives."""

    id: str


def command_topic(thing: str) -> str:
    """Return the one topic on which a gateway listens."""
    return f"sunreeve/{thing}/command"


def parse(payload: bytes) -> Resend | Configure | Renew:
    """Return the request that the payload holds.

    A key that is not known is refused too: a later version may mean something else by the rest.

    Raises:
        MalformedCommand: for everything else; no other exception leaves this function.
    """
    if len(payload) > MOST_CONFIGURE_BYTES:
        _refuse(f"it has more than {MOST_CONFIGURE_BYTES} bytes")
    try:
        message = json.loads(
            payload.decode("ascii"), object_pairs_hook=_object, parse_constant=_no_number
        )
    except MalformedCommand:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedCommand(f"reading a command: not JSON in ASCII: {error}") from error
    if type(message) is not dict:
        _refuse("it is no object")
    if type(message.get("v")) is not int or message["v"] != 1:
        _refuse("its version is not 1")
    if type(message.get("id")) is not str or not _ID.fullmatch(message["id"]):
        _refuse(f"id does not look like {_ID.pattern}")
    if message.get("do") == "resend":
        return _resend(message, len(payload))
    if message.get("do") == "renew":
        _check_keys(message, {"v", "do", "id"})
        return Renew(message["id"])
    if message.get("do") != "configure":
        _refuse("it asks for something other than resend, configure or renew")
    return _configure(message)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that has a key twice: nobody can know which of them is meant."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        _refuse("an object has a key twice")
    return entries


def _no_number(text: str) -> NoReturn:
    _refuse(f"{text} is no number")


def _resend(message: Mapping[str, Any], size: int) -> Resend:
    if size > MOST_BYTES:
        _refuse(f"it has more than {MOST_BYTES} bytes")
    _check_keys(message, {"v", "do", "id", "seq"})
    return Resend(message["id"], _ranges(message["seq"]))


def _configure(message: Mapping[str, Any]) -> Configure:
    _check_keys(message, {"v", "do", "id", "set"})
    changes = message["set"]
    if type(changes) is not dict:
        _refuse("set is no object")
    for name, value in changes.items():
        _check_change(name, value)
    return Configure(message["id"], changes)


def _check_keys(message: Mapping[str, Any], keys: set[str]) -> None:
    if set(message) != keys:
        _refuse(f"it is no object with the keys {', '.join(sorted(keys))} and no others")


def _check_change(name: str, value: Any) -> None:
    if name in {"poll_s", "window_s"}:
        if type(value) is not int or not 1 <= value <= DAY_S:
            _refuse(f"{name} is no whole number from 1 to {DAY_S}")
    elif name == "log":
        if type(value) is not str or value not in LOG_LEVELS:
            _refuse(f"log is none of {', '.join(LOG_LEVELS)}")
    elif name == "device":
        if type(value) is not list or not 1 <= len(value) <= MOST_DEVICES:
            _refuse(f"device is no list of 1 to {MOST_DEVICES} devices")
        if any(type(entry) is not dict or not {"name", "host"} <= set(entry) for entry in value):
            _refuse("a device is no object with name and host")
    else:
        _refuse("set has an entry that cannot be changed from afar")


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
