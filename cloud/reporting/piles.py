"""What waits, in piles by when it is due, as a person goes through it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cloud.kernel.calendar import eastern_day
from cloud.reporting.own_work import WorkItem

_SUNDAY = 6


class Pile(StrEnum):
    """When something is due, by the bank's clock and calendar."""

    EMERGENCY = "emergency"
    """Somebody may be hurt: before everything, whatever is late."""
    LATE = "late"
    TODAY = "today"
    WEEK = "week"
    LATER = "later"
    OPEN = "open"
    """Nothing was agreed: what waits longest stands first."""


@dataclass(frozen=True, slots=True)
class Piles:
    """What waits, pile by pile; a pile without anything in it is not there."""

    items: Mapping[Pile, tuple[WorkItem, ...]]

    def count(self, pile: Pile) -> int:
        """Tell how much is in a pile."""
        return len(self.items.get(pile, ()))


def piled(items: Iterable[WorkItem], *, at: datetime) -> Piles:
    """Sort what waits into piles; the order within each stays as it is.

    The week ends with its Sunday. What is due at this very instant is not late.
    """
    found: dict[Pile, list[WorkItem]] = {}
    for one in items:
        found.setdefault(pile_of(one, at), []).append(one)
    return Piles({pile: tuple(found[pile]) for pile in Pile if pile in found})


def in_order(items: Iterable[WorkItem], *, at: datetime) -> tuple[WorkItem, ...]:
    """Give what waits pile after pile, as a list that is cut into pages has to have it.

    Without it, what has no agreed day but waits for long stands before what is due today.
    """
    return tuple(one for pile in piled(items, at=at).items.values() for one in pile)


def pile_of(item: WorkItem, at: datetime) -> Pile:
    """Give the pile of one thing that waits; by midnight is by the end of the day before."""
    if item.is_emergency:
        return Pile.EMERGENCY
    due = item.last_day
    if due is None:
        return Pile.OPEN
    if item.is_late(at):
        return Pile.LATE
    today = eastern_day(at)
    if due <= today:
        return Pile.TODAY
    sunday = today + timedelta(days=_SUNDAY - today.weekday())
    return Pile.WEEK if due <= sunday else Pile.LATER
