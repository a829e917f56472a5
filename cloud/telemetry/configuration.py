"""What a gateway may be told to do otherwise, checked as the gateway checks it; pure.

The message is described in `contract/COMMANDS.md`; the messages of `contract/golden_commands`, and
what `contract/golden_commands_refused.json` lists, hold this module and the gateway to it.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from cloud.kernel.errors import BadInput
from cloud.telemetry.chunk import MOST_DEVICES, MOST_ROWS

MOST_BYTES = 8192
"""A list of 32 devices with all their entries fits."""
LOG_LEVELS = ("debug", "info", "warning", "error")
DAY_S = 86_400

_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,128}", re.ASCII)
_PROFILE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What shall differ from a gateway's settings file; an empty mapping takes everything back.

    Attributes:
        id: the gateway obeys one id once.
        changes: as `checked` gives them.
    """

    id: str
    changes: Mapping[str, Any]


def configure_text(configuration: Configuration) -> bytes:
    """Give the message that configures a gateway, keys in the contract's order.

    Raises:
        BadInput: it is longer than a gateway reads.
    """
    message = {"v": 1, "do": "configure", "id": configuration.id, "set": configuration.changes}
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    if len(text) > MOST_BYTES:
        msg = (
            f"configuring a gateway: {len(text)} bytes are more than the {MOST_BYTES} that it "
            "reads; shorten the names of its devices"
        )
        raise BadInput(msg)
    return text


def checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Give the changes in the order in which they are sent.

    What a gateway can only check beside its own files is left to it, and it refuses and says so:
    whether its window is a multiple of the seconds between readings, where one of the two is not
    sent, and whether it has a profile. A profile is a name here, never the path of a file.

    Raises:
        BadInput: the gateway would refuse them; the message names the entry.
    """
    _known(changes, _ENTRIES, "set")
    for name, value in changes.items():
        _ENTRIES[name](name, value)
    window_s, poll_s = changes.get("window_s"), changes.get("poll_s")
    if window_s is not None and DAY_S % window_s:
        _refuse(f"window_s {window_s}", "must divide a day, such as 900 or 3600")
    if window_s is None and poll_s is not None and DAY_S % poll_s:
        _refuse(f"poll_s {poll_s}", "must divide a day: no window is a multiple of it")
    if window_s is not None and poll_s is not None:
        if window_s % poll_s:
            _refuse(f"window_s {window_s}", f"must be a multiple of poll_s, which is {poll_s}")
        if window_s // poll_s > MOST_ROWS:
            _refuse(f"window_s {window_s}", f"holds more than {MOST_ROWS} readings; shorten it")
    return {name: changes[name] for name in _ENTRIES if name in changes}


def summary(changes: Mapping[str, Any]) -> str:
    """Give the changes as a person reads them."""
    if not changes:
        return "what its own file says"
    plain = [f"{name} {value}" for name, value in changes.items() if name != "device"]
    devices = [str(one["name"]) for one in changes.get("device", ())]
    return ", ".join([*plain, *([f"the devices {', '.join(devices)}"] if devices else [])])


def _refuse(where: str, because: str) -> NoReturn:
    msg = f"configuring a gateway: {where} {because}"
    raise BadInput(msg)


def _known(entries: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
    unknown = sorted(set(entries) - set(known))
    if unknown:
        _refuse(where, f"has no entry {unknown[0][:40]!r}; there are {', '.join(known)}")


def _whole(least: int, most: int) -> Callable[[str, Any], None]:
    def check(where: str, value: Any) -> None:
        if type(value) is not int or not least <= value <= most:
            _refuse(where, f"must be a whole number from {least} to {most}")

    return check


def _seconds(least: float, most: float) -> Callable[[str, Any], None]:
    def check(where: str, value: Any) -> None:
        if type(value) not in {int, float} or not least <= value <= most:
            _refuse(where, f"must be a number from {least} to {most}")

    return check


def _text(most: int, *, least: int = 0) -> Callable[[str, Any], None]:
    def check(where: str, value: Any) -> None:
        is_text = type(value) is str and value.isprintable() and least <= len(value) <= most
        if not is_text or value != value.strip():
            _refuse(where, f"must be a text of {least} to {most} characters without blanks around")

    return check


def _like(pattern: re.Pattern[str], says: str) -> Callable[[str, Any], None]:
    def check(where: str, value: Any) -> None:
        if type(value) is not str or not pattern.fullmatch(value):
            _refuse(where, says)

    return check


def _level(where: str, value: Any) -> None:
    if type(value) is not str or value not in LOG_LEVELS:
        _refuse(where, f"must be one of {', '.join(LOG_LEVELS)}")


def _devices(where: str, value: Any) -> None:
    if type(value) is not list or not 1 <= len(value) <= MOST_DEVICES:
        _refuse(where, f"must be a list of 1 to {MOST_DEVICES} devices")
    for place, entry in enumerate(value, 1):
        _device(f"{where} {place}", entry)
    _each_its_own(where, "name", value)
    _each_its_own(where, "serial", value)
    _attached(where, value)


def _each_its_own(where: str, name: str, entries: Sequence[Mapping[str, Any]]) -> None:
    values = [entry[name] for entry in entries if entry.get(name)]
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        _refuse(where, f"has the {name} {twice[0]!r} twice; each device needs its own")


def _device(where: str, entry: Any) -> None:
    if type(entry) is not dict:
        _refuse(where, "must be an object with name and host")
    _known(entry, _DEVICE, where)
    for name in ("name", "host"):
        if name not in entry:
            _refuse(where, f"has no {name}; add it")
    for name, value in entry.items():
        _DEVICE[name](f"{where}: {name}", value)


def _attached(where: str, entries: Sequence[Mapping[str, Any]]) -> None:
    inverter_of = {entry["name"]: entry.get("dc_of", "") for entry in entries}
    for name, inverter in inverter_of.items():
        if not inverter:
            continue
        if inverter == name or inverter not in inverter_of:
            _refuse(where, f"{name!r}: dc_of must name another device of the list")
        if inverter_of[inverter]:
            _refuse(where, f"{name!r}: dc_of names one that hangs on another; name the inverter")


_DEVICE: Mapping[str, Callable[[str, Any], None]] = {
    "name": _text(128, least=1),
    "host": _like(_HOST, "must be an address or a name of the home's network"),
    "port": _whole(1, 65_535),
    "unit": _whole(0, 255),
    "rated_w": _whole(1, 1_000_000),
    "timeout_s": _seconds(0.05, 10),
    "pause_s": _seconds(0, 5),
    "profile": _like(_PROFILE, "must be the name of a profile, such as solaredge_battery"),
    "serial": _text(64),
    "dc_of": _text(128),
}
"""The entries of a `[[device]]` table of a gateway's settings."""

_ENTRIES: Mapping[str, Callable[[str, Any], None]] = {
    "poll_s": _whole(1, DAY_S),
    "window_s": _whole(1, DAY_S),
    "log": _level,
    "device": _devices,
}
"""All that can be changed from afar, in the order in which it is sent."""
