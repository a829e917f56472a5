"""A decision counts for what was shown, and for nothing else (D09a): one way for all of them.

A page, or an answer of the API, gives a mark of what it shows. Who decides sends it back. It is
held against what stands now, in the same read as the decision: the records that were compared must
stand until the decision is written, so that nothing comes between looking and writing.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, Protocol, TypeVar, cast

from cloud.kernel.change import Change, Event, Reliance
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict
from cloud.kernel.ports import Records, Stored
from cloud.portfolio.policy import AS_SHOWN

T = TypeVar("T")

_TOLD = 3
"""How many of the latest changes are named."""


class Log(Protocol):
    """Gives what may be told of a thing's log, in order of time."""

    def __call__(self, subject: str, *, of: str) -> Sequence[Event]:
        """Give the events of a thing of a kind."""
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody is shown to decide on.

    Attributes:
        things: kind -> the record as it was loaded; its log tells what changed.
        said: what of them the decision rests on; the rest may change unseen, as a reminder does.
    """

    things: Mapping[str, Stored[Any]]
    said: tuple[object, ...]

    @property
    def digest(self) -> str:
        """Sixteen characters that stand for what is shown and nothing else."""
        return hashlib.sha256("\x1f".join(_told(self.said)).encode()).hexdigest()[:16]

    def mark(self, at: datetime) -> str:
        """Give what a form carries: the digest, and when it was looked at."""
        return f"{self.digest}@{at.isoformat()}"


def on_what_was_shown(
    records: Records,
    deed: Callable[[Records], T],
    *,
    now: Shown,
    mark: str,
    log: Log,
) -> T | Refused:
    """Do a deed if what was shown still stands, and else tell what changed (D09a).

    What was done already is done: a deed that would write nothing gives its answer whatever the
    page showed, so that a form may be sent twice.

    Args:
        records: where everything is kept.
        deed: what is done, with the records that it is given.
        now: what stands now, as the page would show it.
        mark: what the page was marked with; empty stands for a page that showed something else.
        log: reads what who decides may read.

    Raises:
        Conflict: what stood was changed while the deed was done: look again and decide again.
    """
    stands = mark.partition("@")[0] == now.digest
    guarded = _Guarded(records, now.things.values() if stands else None)
    try:
        answer = deed(cast("Records", guarded))
    except _Outdated:
        return _changed(now, mark, log)
    if isinstance(answer, Refused) and mark and not stands:
        return _changed(now, mark, log)
    return answer


class _Outdated(Exception):
    """A decision was about to be written on something else than was shown."""


class _Guarded:
    """Records in which the next change is written only while all that was looked at stands."""

    def __init__(self, records: Records, stood: Iterable[Stored[Any]] | None) -> None:
        self._records = records
        self._is_outdated = stood is None
        self._stood = {(type(one.record), one.record.id): one for one in stood or () if one.version}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)  # It is read as ever.

    def commit(self, change: Change) -> None:
        if self._is_outdated:
            raise _Outdated
        self._records.commit(change + Change(relies_on=tuple(self._still_relied_on(change))))
        self._stood = {}  # It is decided: what the deed does after that rests on itself.

    def _still_relied_on(self, change: Change) -> Iterable[Reliance]:
        versions = {(type(one.record), one.record.id): one.version for one in change.relies_on}
        versions |= {
            (type(one.record), one.record.id): one.expected_version for one in change.saves
        }
        for name, one in self._stood.items():
            if name not in versions:
                yield one.relied_on()
            elif versions[name] != one.version:
                msg = f"deciding on {name[1]}: it was changed since it was looked at"
                raise Conflict(msg)


def _changed(now: Shown, mark: str, log: Log) -> Refused:
    """Say what became of it since, as far as who decides may read it."""
    since = _instant(mark.partition("@")[2])
    events = [
        event
        for kind, one in now.things.items()
        for event in log(one.record.id, of=kind)
        if since is not None and event.at >= since and event.says
    ]
    latest = sorted(events, key=lambda one: one.at)[-_TOLD:]
    told = "; ".join(one.says for one in latest) or "look at what it says now"
    because = f"nothing was done, for this is not what the page showed any more: {told}"
    return Refused(AS_SHOWN.id, because, "not_as_shown")


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _told(value: object) -> Iterable[str]:
    """Give values as text that is the same in every process; instants whatever zone they carry."""
    if isinstance(value, Enum):
        yield from _told(value.value)
    elif isinstance(value, datetime):
        yield str(value.timestamp())
    elif value is None or isinstance(value, str | int | float | date):
        yield f"{type(value).__name__} {value}"
    elif isinstance(value, frozenset):
        yield f"{len(value)} of"
        yield from sorted("\x1e".join(_told(one)) for one in value)
    elif is_dataclass(value):
        for one in fields(value):
            yield one.name
            yield from _told(getattr(value, one.name))
    elif isinstance(value, Sequence):
        yield f"{len(value)} in order"
        for item in value:
            yield from _told(item)
    else:
        msg = f"marking what is shown: {type(value).__name__} has no text of its own"
        raise TypeError(msg)
