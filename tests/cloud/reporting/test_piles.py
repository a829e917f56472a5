"""Piles of work by when it is due: the edges of late, today and the week."""

from datetime import UTC, datetime, timedelta

import pytest

from cloud.reporting.own_work import WorkItem
from cloud.reporting.piles import Pile, in_order, pile_of, piled

MONDAY = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)
SATURDAY = datetime(2026, 6, 13, 15, 0, tzinfo=UTC)


def item(due: datetime | None, *, is_emergency: bool = False, name: str = "C-1") -> WorkItem:
    return WorkItem(
        "triage", "case", name, "look", MONDAY, due, "D-15", frozenset({"ams"}),
        is_emergency=is_emergency,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("due", "at", "pile"),
    [
        pytest.param(None, MONDAY, Pile.OPEN, id="nothing was agreed"),
        pytest.param(MONDAY - timedelta(seconds=1), MONDAY, Pile.LATE, id="a second ago"),
        pytest.param(MONDAY, MONDAY, Pile.TODAY, id="at this very instant"),
        pytest.param(
            datetime(2026, 6, 9, 3, 59, tzinfo=UTC), MONDAY, Pile.TODAY, id="late tonight"
        ),
        pytest.param(
            datetime(2026, 6, 9, 4, 0, tzinfo=UTC), MONDAY, Pile.TODAY, id="by the end of today"
        ),
        pytest.param(
            datetime(2026, 6, 15, 3, 59, tzinfo=UTC), MONDAY, Pile.WEEK, id="late on Sunday"
        ),
        pytest.param(
            datetime(2026, 6, 9, 4, 0, 1, tzinfo=UTC), MONDAY, Pile.WEEK, id="a second of tomorrow"
        ),
        pytest.param(
            datetime(2026, 6, 9, 4, 0, tzinfo=UTC),
            datetime(2026, 6, 9, 4, 0, tzinfo=UTC),
            Pile.TODAY,
            id="by the end of yesterday, at midnight itself",
        ),
        pytest.param(
            datetime(2026, 6, 15, 4, 0, tzinfo=UTC), MONDAY, Pile.WEEK, id="by the end of Sunday"
        ),
        pytest.param(
            datetime(2026, 6, 15, 4, 1, tzinfo=UTC), MONDAY, Pile.LATER, id="on next Monday"
        ),
        pytest.param(
            datetime(2026, 6, 15, 3, 59, tzinfo=UTC), SATURDAY, Pile.WEEK, id="tomorrow, a Sunday"
        ),
    ],
)
def test_a_pile(due, at, pile):
    assert pile_of(item(due), at) is pile


def test_an_emergency_is_before_everything_whatever_is_due():
    late = MONDAY - timedelta(days=1)
    assert pile_of(item(late, is_emergency=True), MONDAY) is Pile.EMERGENCY
    assert pile_of(item(None, is_emergency=True), MONDAY) is Pile.EMERGENCY


def test_piles_stand_in_their_order_and_empty_ones_are_not_there():
    items = [
        item(None, name="a"),
        item(MONDAY - timedelta(days=1), name="b"),
        item(None, name="c"),
    ]
    found = piled(items, at=MONDAY)
    assert list(found.items) == [Pile.LATE, Pile.OPEN]
    assert [one.id for one in found.items[Pile.OPEN]] == ["a", "c"]
    assert (found.count(Pile.OPEN), found.count(Pile.WEEK)) == (2, 0)


def test_what_is_due_today_stands_before_what_waits_longer_without_a_day():
    waiting = [item(None, name=f"a{number}") for number in range(60)]
    today = item(MONDAY + timedelta(hours=2), name="b")
    assert in_order([*waiting, today], at=MONDAY)[0] is today
