"""The ports in memory: for tests of stages, and for rehearsing what a change would do."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeVar, cast

from cloud.adapters.chart import CHART, LISTED, charted, listed, waits
from cloud.adapters.records import place_in_pile, require_fitting
from cloud.adapters.tables import Chart
from cloud.kernel.change import Change, Event, Letter, Message, Timer
from cloud.kernel.errors import BadInput, BrokenInvariant, Conflict, NotFound
from cloud.kernel.ports import Leaf, Stored
from cloud.portfolio.ports import IssuedCertificate
from cloud.service.programs import Allowance, Pace, allowance, instant_ms
from cloud.telemetry.ports import StoredChunk

R = TypeVar("R")


def _by_name(found: tuple[str, Stored[Any]]) -> str:
    return found[0]


class MemoryRecords:
    """`cloud.kernel.ports.Records` in a dictionary, as strict as the tables are.

    Attributes:
        letters, messages: what a real store would hand to the outbox sender, by id.
        timers: what is still to wake, by id.
    """

    def __init__(self, chart: Chart = CHART) -> None:
        self._chart = chart
        self._records: dict[tuple[type[Any], str], Stored[Any]] = {}
        self._history: dict[str, list[Event]] = {}
        self.letters: dict[str, Letter] = {}
        self.messages: dict[str, Message] = {}
        self.timers: dict[str, Timer] = {}

    def load(self, kind: type[R], record_id: str) -> Stored[R] | None:
        """See `Records.load`."""
        return self._records.get((kind, record_id))

    def load_all(self, kind: type[R], record_ids: Sequence[str]) -> Mapping[str, Stored[R]]:
        """See `Records.load_all`."""
        found = ((one, self.load(kind, one)) for one in record_ids)
        return {one: stored for one, stored in found if stored is not None}

    def find(self, kind: type[R], *, by: str, value: str) -> Sequence[Stored[R]]:
        """See `Records.find`."""
        _, attributes = self._chart.get(charted(kind), (None, ()))
        if by not in attributes:
            msg = f"{kind.__name__} is not charted by {by}: add it in cloud/adapters/chart.py"
            raise BrokenInvariant(msg)
        found = [
            (name, stored)
            for (of, name), stored in self._records.items()
            if of is kind and _lookup(stored.record, by) == value
        ]
        return tuple(cast("Stored[R]", stored) for _, stored in sorted(found, key=_by_name))

    def some(self, kind: type[R], *, by: str, value: str, limit: int, after: str = "") -> Leaf[R]:
        """See `Records.some`."""
        found = self.find(kind, by=by, value=value)
        placed = [(cast("Any", one.record).id, one) for one in found]
        return _leaf([one for one in placed if one[0] > after], limit)

    def latest(self, kind: type[R], *, value: str, limit: int, after: str = "") -> Leaf[R]:
        """See `Records.latest`."""
        if charted(kind) not in LISTED:
            msg = f"{kind.__name__} is not listed by time: add it to LISTED"
            raise BrokenInvariant(msg)
        placed = [
            (place_in_pile(pile[1], name), stored)
            for (of, name), stored in self._records.items()
            if of is kind and (pile := listed(stored.record)) is not None and pile[0] == value
        ]
        placed.sort(key=_by_name, reverse=True)
        return _leaf([one for one in placed if not after or one[0] < after], limit)

    def commit(self, change: Change) -> None:
        """See `Records.commit`."""
        require_fitting(change)
        expected = [(save.record, save.expected_version) for save in change.saves]
        expected += [(relied.record, relied.version) for relied in change.relies_on]
        for record, expected_version in expected:
            key = (type(record), record.id)
            version = self._records[key].version if key in self._records else 0
            if version != expected_version:
                name = f"{key[0].__name__} {key[1]}"
                msg = f"{name} is at version {version}, not {expected_version}"
                raise Conflict(msg)
        for save in change.saves:
            key = (type(save.record), save.record.id)
            self._records[key] = Stored(save.record, save.expected_version + 1)
        for event in change.events:
            log = self._history.setdefault(event.subject, [])
            if event not in log:
                log.append(event)
        for letter in change.letters:
            self.letters.setdefault(letter.id, letter)
        for message in change.messages:
            self.messages.setdefault(message.id, message)
        for cancelled in change.cancelled_timers:
            self.timers.pop(cancelled, None)
        for timer in change.timers:
            self.timers[timer.id] = timer

    def waiting(self, kinds: Sequence[type[Any]]) -> Sequence[Stored[Any]]:
        """See `cloud.reporting.ports.WaitingRecords.waiting`."""
        found = [
            (f"{of.__name__}#{name}", stored)
            for (of, name), stored in self._records.items()
            if of in kinds and waits(stored.record)
        ]
        return tuple(stored for _, stored in sorted(found, key=_by_name))

    def history(self, subject: str) -> Sequence[Event]:
        """See `Records.history`."""
        return tuple(sorted(self._history.get(subject, ()), key=lambda event: event.at))

    def told(self, what: str, *, month: str) -> Sequence[Event]:
        """See `cloud.reporting.ports.ToldRecords.told`."""
        found = (event for log in self._history.values() for event in log)
        of_month = (one for one in found if f"{one.at.astimezone(UTC):%Y-%m}" == month)
        return sorted((one for one in of_month if one.what == what), key=lambda one: one.at)

    def events_of(self, day: date) -> Sequence[Event]:
        """See `cloud.reporting.audit.DailyRecords.events_of`."""
        found = (event for log in self._history.values() for event in log)
        of_day = (one for one in found if one.at.astimezone(UTC).date() == day)
        return sorted(of_day, key=lambda one: one.at)


def _leaf(placed: Sequence[tuple[str, Stored[R]]], limit: int) -> Leaf[R]:
    """Give the first ones of what is in order, each with its place."""
    given = placed[:limit]
    return Leaf(
        tuple(stored for _, stored in given),
        tuple(place for place, _ in given),
        has_more=len(placed) > limit,
    )


def _lookup(record: Any, by: str) -> str | None:
    """Give what a record is found by; an attribute that is empty leads to nothing."""
    value = getattr(record, by)
    return None if value in {None, ""} else str(value)


class MemoryDocuments:
    """`cloud.kernel.ports.Documents` in a dictionary."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def put(self, reference: str, content: bytes, content_type: str) -> str:
        """See `Documents.put`."""
        del content_type
        if self._kept.setdefault(reference, content) != content:
            msg = f"document {reference} is kept already with other content"
            raise Conflict(msg)
        return reference

    def get(self, reference: str) -> bytes:
        """See `Documents.get`."""
        try:
            return self._kept[reference]
        except KeyError:
            msg = f"document {reference} is not kept here"
            raise NotFound(msg) from None


class MemoryDeviceRegistry:
    """`cloud.portfolio.ports.DeviceRegistry` in dictionaries; it signs nothing.

    Attributes:
        active: ids of the certificates that work.
        notes: what was written on things.
    """

    def __init__(self) -> None:
        self.active: set[str] = set()
        self.notes: dict[str, dict[str, str]] = {}
        self._issued = 0

    def issue_claim(self, request_pem: str) -> IssuedCertificate:
        """See `DeviceRegistry.issue_claim`."""
        if "BEGIN CERTIFICATE REQUEST" not in request_pem:
            raise BadInput("making a claim certificate: that is no request for one")
        self._issued += 1
        name = hashlib.sha256(f"{self._issued} {request_pem}".encode()).hexdigest()
        self.active.add(name)
        return IssuedCertificate(name, f"certificate {name}")

    def retire(self, certificate_id: str) -> None:
        """See `DeviceRegistry.retire`."""
        self.active.discard(certificate_id)

    def note(self, thing: str, attributes: Mapping[str, str]) -> None:
        """See `DeviceRegistry.note`."""
        self.notes.setdefault(thing, {}).update(attributes)


class MemoryChunks:
    """`cloud.telemetry.ports.Chunks` in a dictionary."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[tuple[datetime, int], StoredChunk]] = {}

    def put(self, chunks: Iterable[StoredChunk]) -> None:
        """See `Chunks.put`."""
        for chunk in chunks:
            kept = self._kept.setdefault(chunk.gateway_id, {})
            kept.setdefault((chunk.window_start, chunk.sequence), chunk)

    def between(self, gateway_id: str, start: datetime, end: datetime) -> Iterator[StoredChunk]:
        """See `Chunks.between`."""
        kept = self._kept.get(gateway_id, {})
        for window_start, sequence in sorted(kept):
            if start <= window_start < end:
                yield kept[window_start, sequence]


class MemoryBank:
    """`cloud.funding.ports.Bank` in a dictionary.

    Attributes:
        files: what lies with the bank, by name; a bank takes files away.
        delivered: each name as often as it was handed over.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.delivered: list[str] = []

    def deliver(self, name: str, content: bytes) -> None:
        """See `Bank.deliver`."""
        if self.files.setdefault(name, content) != content:
            msg = f"handing {name} to the bank: another file of that name lies there"
            raise Conflict(msg)
        self.delivered.append(name)

    def holds(self, name: str, content: bytes) -> bool:
        """See `Bank.holds`."""
        return self.files.get(name) == content


class MemoryBuckets:
    """How much each program has called; see `cloud.adapters.buckets`."""

    def __init__(self) -> None:
        self._ahead_until_ms: dict[str, int] = {}

    def draw(self, program_id: str, pace: Pace, at: datetime) -> Allowance:
        """Take one request of a program's (API-02)."""
        now_ms, before_ms = instant_ms(at), self._ahead_until_ms.get(program_id, 0)
        met = allowance(pace, before_ms=before_ms, now_ms=now_ms)
        if met.is_within:
            self._ahead_until_ms[program_id] = max(before_ms, now_ms) + pace.step_ms
        return met
