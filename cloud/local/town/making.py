"""The town while it is made: its stack, its clock, and the agenda of what people do when."""

import heapq
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cloud.adapters import wiring
from cloud.adapters.documents import S3Documents
from cloud.adapters.records import DynamoRecords
from cloud.kernel.calendar import US_BANK, BusinessCalendar, wall_time
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BrokenInvariant
from cloud.kernel.ports import require
from cloud.local.conductor import Conductor
from cloud.local.http import Door
from cloud.local.runtime import Runtime
from cloud.local.town.places import GOLDEN

if TYPE_CHECKING:
    from cloud.service.uploads import Outside

log = logging.getLogger(__name__)

T = TypeVar("T")

STARTS_AT = datetime(2026, 1, 5, 7, 0, tzinfo=GOLDEN.clock)
ENDS_AT = datetime(2026, 6, 8, 9, 0, tzinfo=GOLDEN.clock)
"""A Monday morning: the run of the day is prepared, and nobody has approved it yet."""
COORDINATOR_ID = "sam.spc"
ADMIN, PROJECTS, TREASURY, AUDITOR = "ann.admin", "pat.projects", "tess.treasury", "otto.audit"
ACCOUNTANT, APPROVER, OTHER_APPROVER = "alan.accounts", "ada.accounting", "abe.accounting"
AFTERMARKET, RELATIONS = "amy.aftermarket", "ron.relations"

TABLES = {
    "OPERATIONS_TABLE": "OperationsTable",
    "SITES_TABLE": "SitesTable",
    "MONEY_TABLE": "MoneyTable",
    "SECRETS_KEY": "SecretsKey",
}
BUCKET = {"DOCUMENTS_BUCKET": "DocumentsBucket"}

_OFFICE = BusinessCalendar(US_BANK, GOLDEN.clock, time(8), time(17))

Deed = Callable[["Town"], object]


@dataclass(order=True, slots=True)
class _Entry:
    at: datetime
    number: int
    deed: Deed


class Town:
    """A stack whose clock stands at what people do next."""

    def __init__(self, folder: Path, *, homes: int, cache: Path) -> None:
        self.homes = homes
        self._folder, self._cache = folder, cache
        self._agenda: list[_Entry] = []
        self._number = 0

    @contextmanager
    def stack(self, template: Path) -> Iterator[None]:
        """Run its stack by a template within the block, with its doors."""
        self.runtime = Runtime(
            self._folder,
            template,
            starts_at=STARTS_AT,
            parameters={"Coordinator": COORDINATOR_ID, "RateLimits": "observed"},
            cache=self._cache,
        )
        with ExitStack() as undo:
            undo.callback(wiring.forget)
            undo.callback(self.runtime.close)
            self.runtime.start()
            door = Door(self.runtime)
            undo.callback(door.stop)
            door.start()
            self.conductor = Conductor(self.runtime)
            self.records: DynamoRecords = wiring.records(TABLES)
            self.documents: S3Documents = wiring.documents(BUCKET)
            self.outside: Outside = wiring.uploads(BUCKET)
            yield

    @property
    def now(self) -> datetime:
        """Give the instant of the town's clock."""
        return self.runtime.clock.now()

    def do(self, act: Callable[..., T | Refused], *more: object, **named: object) -> T:
        """Do something now with the records, and give what came of it.

        Raises:
            BrokenInvariant: it was refused: the recipe asks for what the rules do not allow.
        """
        answer = act(self.records, *more, **named, at=self.now)
        if isinstance(answer, Refused):
            msg = (
                f"making the town at {self.now:%Y-%m-%d %H:%M}: {act.__name__} {named} is refused "
                f"by {answer.rule} ({answer.code}): {answer.because}"
            )
            raise BrokenInvariant(msg)
        return answer

    def may(self, act: Callable[..., T | Refused], *more: object, **named: object) -> T | None:
        """Do something that the rules may refuse, as they weigh amounts and days; None then."""
        answer = act(self.records, *more, **named, at=self.now)
        if isinstance(answer, Refused):
            self.say(f"{act.__name__}: {answer.rule} ({answer.code}): {answer.because}")
            return None
        return answer

    def record(self, kind: type[T], record_id: str) -> T:
        """Give a record as it stands now."""
        return require(self.records.load(kind, record_id), kind.__name__, record_id).record

    def say(self, words: str) -> None:
        """Note something that went otherwise than planned."""
        log.info("%s: %s", self.now.isoformat(), words)

    def settle(self) -> None:
        """Let everything happen that is due now: messages, letters, timers."""
        self.conductor.settle()

    def at(self, instant: datetime, deed: Deed) -> None:
        """Put a deed on the agenda; one that would come after the end, or in the past, is left."""
        if self.now <= instant < ENDS_AT:
            self._number += 1
            heapq.heappush(self._agenda, _Entry(instant.astimezone(UTC), self._number, deed))

    def follow(self, story: Iterator[datetime]) -> None:
        """Go on with a story until the instant that it names next; it stands there at the end."""
        wanted = next(story, None)
        if wanted is not None:
            self.at(max(wanted, self.now), lambda town: town.follow(story))

    def play(self, until: datetime, tell: Callable[[datetime], None]) -> None:
        """Do what is on the agenda before an instant, in order, and let the clock reach it."""
        while self._agenda and self._agenda[0].at < until:
            entry = heapq.heappop(self._agenda)
            if entry.at > self.now:
                self.conductor.advance_to(entry.at)
                tell(self.now)
            entry.deed(self)
        self.conductor.advance_to(until)
        self.settle()
        tell(self.now)


def office(day: date, at: time = time(9)) -> datetime:
    """Give an instant of a business day in Golden, of the day itself or the first one after it."""
    return wall_time(next(_OFFICE.business_days_from(day)), at, GOLDEN.clock)


def business_days_after(at: datetime, days: int) -> date:
    """Give the day that lies so many business days after an instant's own day in Golden."""
    listed = _OFFICE.business_days_from(at.astimezone(GOLDEN.clock).date())
    first = at.astimezone(GOLDEN.clock).date()
    ahead = (day for day in listed if day > first)
    return next(islice(ahead, max(days - 1, 0), None)) if days else first


def days_before_end(days: int) -> date:
    """Give the day that lies so many days before the town's last one."""
    return ENDS_AT.date() - timedelta(days=days)
