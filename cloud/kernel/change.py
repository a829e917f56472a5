"""One change of state: what becomes of the records, and what must happen because of it.

A change is written in one conditional transaction: the records with the version that the decision
was made on, an entry in the event log, rows for the effects that leave (mail) and rows for the
timers. Effects leave later, at least once, each under its own id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

NEW = 0
"""The version that a record has before it was ever written."""


@dataclass(frozen=True, slots=True)
class Save:
    """A record to be written if its stored version is still the expected one.

    Attributes:
        record: a frozen dataclass of a stage's models.
        expected_version: the version it was loaded with; `NEW` asserts that it does not exist.
    """

    record: Any
    expected_version: int = NEW


@dataclass(frozen=True, slots=True)
class Reliance:
    """A record that a decision rests on and does not change: it must not have changed either.

    Attributes:
        record: as it was loaded.
        version: the version it was loaded with.
    """

    record: Any
    version: int


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log: who did what to which thing, by which rule, because of what.

    Attributes:
        subject: id of the record that changed.
        what: the fact in the past tense, for example ``case_opened``.
        at: the instant that it became true.
        by: who did it: a person's, partner's or process's name.
        rule: id of the rule that it follows, or empty.
        causes: ids of what led to it; following them walks a cent back to a register.
        says: one sentence for a person.
    """

    subject: str
    what: str
    at: datetime
    by: str
    rule: str = ""
    causes: tuple[str, ...] = ()
    says: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to be sent, at least once, under one id.

    Attributes:
        id: made from its cause, so that the same reason writes one letter.
        thread: what its conversation is about (a work order, a case, a run).
        attachments: name -> reference into the document store.
    """

    id: str
    to: str
    subject: str
    text: str
    thread: str
    at: datetime
    attachments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """A fact handed to the next stage through its queue, at least once, under one id.

    Attributes:
        id: made from its cause; the receiver treats a second one as done.
        topic: name of the queue in the wiring, for example ``finding``.
        body: what the receiver needs, as plain JSON values.
    """

    id: str
    topic: str
    body: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Timer:
    """A promise to look at a record again at an instant.

    A timer never decides: whoever it wakes derives the verdict from facts and dates.

    Attributes:
        id: one per subject and purpose; setting it again moves it.
        wakes: the process to call, for example ``accept_due``.
    """

    id: str
    subject: str
    wakes: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """Everything that one decision writes, together or not at all."""

    saves: tuple[Save, ...] = ()
    events: tuple[Event, ...] = ()
    letters: tuple[Letter, ...] = ()
    messages: tuple[Message, ...] = ()
    timers: tuple[Timer, ...] = ()
    cancelled_timers: tuple[str, ...] = ()
    relies_on: tuple[Reliance, ...] = ()

    def __bool__(self) -> bool:
        return any(
            (
                self.saves,
                self.events,
                self.letters,
                self.messages,
                self.timers,
                self.cancelled_timers,
            )
        )

    def __add__(self, other: "Change") -> "Change":
        return Change(
            self.saves + other.saves,
            self.events + other.events,
            self.letters + other.letters,
            self.messages + other.messages,
            self.timers + other.timers,
            self.cancelled_timers + other.cancelled_timers,
            self.relies_on + other.relies_on,
        )
