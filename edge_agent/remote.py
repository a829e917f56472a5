"""Settings that the cloud changed: tried first, kept when they work, undone when they do not.

The file of the owner stays as it is. What shall differ from it is kept beside the outbox, in one
file that is replaced whole, so that a power cut leaves the state before or the state after.

A configuration on trial is kept when, under it, every device was polled once and the broker then
acknowledged something. It is undone when ten minutes pass without that, and when the agent starts
for the second time while it is tried: what kills the agent must not outlive it. The broker,
certificates and where data is kept cannot be changed, and the outbox is never opened here.
"""

import json
import logging
import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from edge_agent.command import Configure
from edge_agent.settings import Settings, SettingsError, check_profiles, devices_from

TRIAL_S = 600.0
"""How long a configuration is tried."""
NOTE_EVERY_S = 30.0
"""How often the file learns what is left of a trial; a restart costs at most so much of it."""
MOST_STARTS = 1
"""Starts of the agent that a trial survives."""
MOST_WHY = 120
OWN_FILE = "the settings file"
CHANGEABLE = frozenset({"poll_s", "window_s", "log", "device"})

log = logging.getLogger(__name__)


def merged(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return the settings with these changes, checked whole as a file is.

    A profile by path can only be one that the file names itself: the cloud has no business in
    other files of the gateway.

    Raises:
        SettingsError: an entry cannot be changed from afar, or the result is not good.
    """
    others = sorted(set(changes) - CHANGEABLE)
    if others:
        raise SettingsError(f"{others[0]}: cannot be changed from afar")
    entries: dict[str, Any] = {name: changes[name] for name in changes if name != "device"}
    if "device" in changes:
        entries["devices"] = devices_from(changes["device"])
    result = replace(settings, **entries)
    own = {device.profile for device in settings.devices}
    for device in result.devices:
        if device.has_own_profile and device.profile not in own:
            raise SettingsError(
                f"device {device.name}: profile: only one that the settings file names"
            )
    return result


@dataclass(frozen=True, slots=True)
class Trial:
    """A configuration that is being tried; `starts` counts those of the agent meanwhile."""

    configure: Configure
    left_s: float
    starts: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """What the file holds: in force, on trial, refused last and why."""

    good: Configure | None = None
    trial: Trial | None = None
    refused: tuple[str, str] | None = None

    def text(self) -> str:
        """Return the state as the file has it."""
        trial = self.trial
        entries = {
            "v": 1,
            "good": None if self.good is None else _entries(self.good),
            "trial": None
            if trial is None
            else _entries(trial.configure) | {"left_s": trial.left_s, "starts": trial.starts},
            "refused": self.refused,
        }
        return json.dumps(entries, separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the state that a text holds.

        Raises:
            ValueError: it holds none.
        """
        try:
            entries = json.loads(text)
            good, trial, refused = entries["good"], entries["trial"], entries["refused"]
            return cls(
                good=None if good is None else _configure(good),
                trial=None if trial is None else _trial(trial),
                refused=None if refused is None else (str(refused[0]), str(refused[1])),
            )
        except (KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
            raise ValueError(f"no state of a configuration: {error!r}") from error


class Remote:
    """The configuration from afar of one agent. All instants are of a clock that never jumps."""

    def __init__(self, file_settings: Settings, *, now_mono: float) -> None:
        """Go on with what lies beside the outbox of these settings, those of the owner's file.

        What cannot be read is set aside; the owner's file alone counts then.
        """
        self._path = state_path(file_settings.outbox)
        self._file_settings = file_settings
        self._state = self._read()
        self._deadline = now_mono
        self._noted_at = now_mono
        self._has_polled = False
        self._settings = file_settings
        self._go_on(now_mono)

    @property
    def settings(self) -> Settings:
        """Return the settings in force, those on trial included."""
        return self._settings

    @property
    def is_trying(self) -> bool:
        """Tell whether a configuration is on trial."""
        return self._state.trial is not None

    @property
    def awaits_sign(self) -> bool:
        """Tell whether a configuration is on trial that only an acknowledgement is missing for.

        The agent then has something acknowledged soon, such as its status: a window may be longer
        than a trial.
        """
        return self.is_trying and self._has_polled

    def begin(self, configure: Configure, now_mono: float) -> Settings | None:
        """Take a configuration up for trial, safe on disk on return; return what is in force then.

        None when nothing changes: it is the one in force, on trial or refused last (the same id is
        obeyed once), or it is refused now, which the health tells. A trial under way is replaced
        by a good configuration and not disturbed by a bad one.
        """
        if configure.id in self._known_ids():
            return None
        try:
            settings = merged(self._file_settings, configure.changes)
            check_profiles(settings.devices)
        except SettingsError as error:
            self._refuse(configure.id, str(error))
            return None
        refused = self._state.refused
        if self._state.trial is not None:
            refused = (self._state.trial.configure.id, f"replaced by {configure.id}")
        state = State(self._state.good, Trial(configure, TRIAL_S), refused)
        try:
            self._write(state)
        except OSError as error:
            self._refuse(configure.id, f"it cannot be kept: {error.strerror}")
            return None
        self._state = state
        self._deadline = now_mono + TRIAL_S
        self._noted_at = now_mono
        self._has_polled = False
        self._settings = settings
        log.warning("configuration %s: on trial", configure.id)
        return settings

    def polled(self) -> None:
        """Note that every device was polled once, with an answer or without, in these settings."""
        self._has_polled = True

    def acknowledged(self) -> None:
        """Note that the broker acknowledged something that was sent in these settings.

        It ends the trial well if every device was polled before.
        """
        trial = self._state.trial
        if trial is None or not self._has_polled:
            return
        self._change(State(good=trial.configure, refused=self._state.refused))
        log.warning("configuration %s: in force", trial.configure.id)

    def due(self, now_mono: float) -> Settings | None:
        """Return the settings to go back to if the time of the trial is over, else None."""
        trial = self._state.trial
        if trial is None:
            return None
        left_s = self._deadline - now_mono
        if left_s <= 0:
            minutes = int(TRIAL_S / 60)
            return self._roll_back(f"no acknowledgement of the broker in {minutes} minutes")
        if now_mono - self._noted_at >= NOTE_EVERY_S:
            self._noted_at = now_mono
            self._change(replace(self._state, trial=replace(trial, left_s=left_s)))
        return None

    def health(self) -> Mapping[str, str]:
        """Return what the health of the gateway tells of it."""
        told: dict[str, str] = {}
        if self._state.good is not None:
            told["cfg"] = self._state.good.id
        if self._state.trial is not None:
            told["cfg_try"] = self._state.trial.configure.id
        if self._state.refused is not None:
            told["cfg_no"], told["cfg_why"] = self._state.refused
        return told

    def _known_ids(self) -> set[str]:
        state = self._state
        known = {configure.id for configure in (state.good,) if configure is not None}
        known |= {trial.configure.id for trial in (state.trial,) if trial is not None}
        return known | ({state.refused[0]} if state.refused else set())

    def _go_on(self, now_mono: float) -> None:
        """Put in force what the state holds, at a start of the agent."""
        trial = self._state.trial
        if trial is None:
            self._settings = self._good_settings()
            return
        if trial.starts >= MOST_STARTS:
            self._roll_back("the agent started twice while it was tried")
            return
        try:
            self._settings = merged(self._file_settings, trial.configure.changes)
            check_profiles(self._settings.devices)
        except SettingsError as error:
            self._roll_back(str(error))
            return
        counted = replace(self._state, trial=replace(trial, starts=trial.starts + 1))
        try:
            self._write(counted)
        except OSError as error:
            # Uncounted starts would let a configuration that kills the agent live for ever.
            self._roll_back(f"its starts cannot be counted: {error.strerror}")
            return
        self._state = counted
        self._deadline = now_mono + trial.left_s

    def _good_settings(self) -> Settings:
        """Return the settings with the last good changes; without them when they fit no more.

        That happens when the owner changed the file meanwhile; the file is believed.
        """
        good = self._state.good
        if good is None:
            return self._file_settings
        try:
            settings = merged(self._file_settings, good.changes)
            check_profiles(settings.devices)
        except SettingsError as error:
            self._change(State(refused=(good.id, _short(str(error)))))
            log.warning("configuration %s: does not fit the settings file: %s", good.id, error)
            return self._file_settings
        return settings

    def _roll_back(self, why: str) -> Settings:
        trial = self._state.trial
        if trial is not None:
            self._change(State(self._state.good, refused=(trial.configure.id, _short(why))))
            log.warning("configuration %s: undone: %s", trial.configure.id, why)
        self._settings = self._good_settings()
        return self._settings

    def _refuse(self, config_id: str, why: str) -> None:
        log.warning("configuration %s: refused: %s", config_id, why)
        self._change(replace(self._state, refused=(config_id, _short(why))))

    def _change(self, state: State) -> None:
        """Take on a state, on disk too if the disk takes it; what cannot be kept is still done.

        The worst that a full disk does is that a start finds an older state and tries again.
        """
        self._state = state
        try:
            self._write(state)
        except OSError as error:
            log.warning("keeping the configuration in %s: %s", self._path, error.strerror)

    def _read(self) -> State:
        try:
            return State.of(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return State()
        except (OSError, ValueError) as error:
            log.warning("reading the configuration in %s: %s; set aside", self._path, error)
            with suppress(OSError):
                self._path.replace(self._path.with_name(f"{self._path.name}.unreadable"))
            return State()

    def _write(self, state: State) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.new")
        with fresh.open("w", encoding="utf-8") as file:
            file.write(state.text())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def in_force(file_settings: Settings) -> tuple[Settings, str]:
    """Return the settings that the agent goes by, and which those are; nothing is changed by it.

    A configuration on trial counts, as it does for an agent that runs.
    """
    try:
        text = state_path(file_settings.outbox).read_text(encoding="utf-8")
        state = State.of(text)
    except FileNotFoundError:
        return file_settings, OWN_FILE
    except (OSError, ValueError):
        return file_settings, f"{OWN_FILE}; whether another came from afar cannot be read"
    configure = state.good if state.trial is None else state.trial.configure
    if configure is None:
        return file_settings, OWN_FILE
    name = f"configuration {_short(configure.id)} from afar"
    try:
        settings = merged(file_settings, configure.changes)
        check_profiles(settings.devices)
    except SettingsError:
        return file_settings, f"{OWN_FILE}; {name} does not fit it"
    return settings, name if state.trial is None else f"{name}, on trial"


def state_path(outbox: Path) -> Path:
    """Return the file that holds the configuration from afar, beside an outbox."""
    return outbox.with_name(f"{outbox.name}.config")


def _entries(configure: Configure) -> dict[str, Any]:
    return {"id": configure.id, "set": dict(configure.changes)}


def _configure(entries: Mapping[str, Any]) -> Configure:
    if not isinstance(entries["set"], dict) or not isinstance(entries["id"], str):
        raise TypeError("a configuration has an id and a set")
    return Configure(entries["id"], entries["set"])


def _trial(entries: Mapping[str, Any]) -> Trial:
    left_s, starts = entries["left_s"], entries["starts"]
    # Not a number, it would be a trial that never ends.
    if type(left_s) not in {int, float} or not -math.inf < left_s < math.inf:
        raise TypeError("what is left of a trial is a number of seconds")
    if type(starts) is not int:
        raise TypeError("starts are a whole number")
    return Trial(_configure(entries), float(min(max(left_s, 0), TRIAL_S)), starts)


def _short(why: str) -> str:
    """Return a reason that the health can carry."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in why)[:MOST_WHY]
