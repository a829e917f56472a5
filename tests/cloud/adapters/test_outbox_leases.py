"""Claims of what is due, on our engine and on moto: leases, pauses, and two sweepers at once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest

from cloud.adapters import wiring
from cloud.adapters.outbox import LEASE, LONGEST_WAIT
from cloud.adapters.tables import OperationsRow
from cloud.kernel.change import Change, Letter, Message, Timer

MONDAY = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)
LETTER = Letter("L-1", "a@b.example", "Hello", "Text", "WO-1", MONDAY)
MESSAGE = Message("M-1", "finding", {"site_id": "S-1"}, MONDAY)
TIMER = Timer("T-1", "WO-1", "accept_due", MONDAY)
ALL = frozenset({"Letter", "Message", "Timer"})
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def records(dynamo):
    return wiring.records(dynamo)


@pytest.fixture
def outbox(dynamo):
    return wiring.outbox(dynamo)


def due_at(outbox, now, kinds=ALL):
    return [due.what for due in outbox.claim(now, kinds=kinds)]


@pytest.mark.parametrize(
    ("now", "is_due"),
    [
        pytest.param(MONDAY - MOMENT, False, id="just before it is due"),
        pytest.param(MONDAY, True, id="at the instant"),
        pytest.param(MONDAY + timedelta(days=160), True, id="long after"),
    ],
)
def test_due_from_its_instant_on(records, outbox, now, is_due):
    records.commit(Change(letters=(LETTER,), messages=(MESSAGE,), timers=(TIMER,)))
    claimed = due_at(outbox, now)
    assert len(claimed) == (3 if is_due else 0)
    assert all(one in claimed for one in (LETTER, MESSAGE, TIMER)) is is_due


def test_only_the_kinds_that_were_asked_for(records, outbox):
    records.commit(Change(letters=(LETTER,), messages=(MESSAGE,), timers=(TIMER,)))
    assert due_at(outbox, MONDAY, frozenset({"Timer"})) == [TIMER]
    assert len(due_at(outbox, MONDAY, frozenset({"Letter", "Message"}))) == 2


@pytest.mark.parametrize(
    ("later", "is_due"),
    [
        pytest.param(LEASE - MOMENT, False, id="within the lease"),
        pytest.param(LEASE, True, id="when the lease is over"),
    ],
)
def test_what_was_claimed_and_never_settled_comes_again(records, outbox, later, is_due):
    records.commit(Change(letters=(LETTER,)))
    assert due_at(outbox, MONDAY) == [LETTER]
    assert due_at(outbox, MONDAY + later) == ([LETTER] if is_due else [])


def test_what_is_done_never_comes_again_and_is_not_sent_again(records, outbox):
    records.commit(Change(letters=(LETTER,)))
    for due in outbox.claim(MONDAY, kinds=ALL):
        outbox.done(due, MONDAY)
    records.commit(Change(letters=(LETTER,)))
    assert due_at(outbox, MONDAY + timedelta(days=365)) == []


def test_the_pause_after_a_failure_doubles_up_to_an_hour(records, outbox):
    records.commit(Change(messages=(MESSAGE,)))
    now, pauses = MONDAY, []
    for _ in range(9):
        (due,) = outbox.claim(now, kinds=ALL)
        outbox.failed(due, now)
        assert due.attempts == len(pauses)
        minutes = next(m for m in (1, 2, 4, 8, 16, 32, 60) if _is_due(outbox, now, m))
        pauses.append(minutes)
        now += timedelta(minutes=minutes)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert timedelta(hours=1) == LONGEST_WAIT


def _is_due(outbox, now, minutes):
    from cloud.adapters.records import sortable
    from cloud.adapters.tables import OperationsRow

    wanted = sortable(now + timedelta(minutes=minutes))
    return any(row.due_at == wanted for row in OperationsRow.scan())


@pytest.mark.parametrize(
    ("topic", "goes"),
    [
        pytest.param("webhook_due", True, id="a try of a webhook"),
        pytest.param("finding", False, id="anything else"),
    ],
)
def test_messages_about_webhooks_do_not_stay_for_good_once_they_were_sent(
    records, outbox, topic, goes
):
    records.commit(Change(messages=(replace(MESSAGE, topic=topic),)))
    (due,) = outbox.claim(MONDAY, kinds=ALL)
    assert OperationsRow.get(due.row_id, "-").ttl is None
    outbox.done(due, MONDAY)
    ends = OperationsRow.get(due.row_id, "-").ttl
    assert ends == (int((MONDAY + timedelta(days=30)).timestamp()) if goes else None)


@pytest.mark.parametrize("settle", ["done", "failed"])
def test_a_timer_that_was_set_again_meanwhile_is_left_alone(records, outbox, settle):
    records.commit(Change(timers=(TIMER,)))
    moved = replace(TIMER, due_at=MONDAY + timedelta(days=3))
    for due in outbox.claim(MONDAY, kinds=ALL):
        records.commit(Change(timers=(moved,)))
        getattr(outbox, settle)(due, MONDAY)
    assert due_at(outbox, MONDAY + timedelta(days=2)) == []
    assert due_at(outbox, MONDAY + timedelta(days=3)) == [moved]


@pytest.mark.parametrize("settle", ["done", "failed"])
def test_a_timer_that_was_cancelled_meanwhile_stays_away(records, outbox, settle):
    records.commit(Change(timers=(TIMER,)))
    for due in outbox.claim(MONDAY, kinds=ALL):
        records.commit(Change(cancelled_timers=("T-1",)))
        getattr(outbox, settle)(due, MONDAY)
    assert due_at(outbox, MONDAY + timedelta(days=365)) == []


def test_a_sweeper_that_lost_its_lease_does_not_settle_for_the_other(records, outbox):
    records.commit(Change(letters=(LETTER,)))
    (slow,) = outbox.claim(MONDAY, kinds=ALL)
    (_other,) = outbox.claim(MONDAY + LEASE, kinds=ALL)
    outbox.done(slow, MONDAY + LEASE)
    assert due_at(outbox, MONDAY + 2 * LEASE) == [LETTER]


def test_a_sweeper_passes_over_what_another_claimed_while_it_was_reading(records, outbox):
    letters = tuple(replace(LETTER, id=f"L-{place}") for place in range(12))
    records.commit(Change(letters=letters))
    first = outbox.claim(MONDAY, kinds=ALL)
    taken = [next(first).what.id]
    taken += [due.what.id for due in outbox.claim(MONDAY, kinds=ALL)]
    taken += [due.what.id for due in first]
    assert sorted(taken) == sorted(letter.id for letter in letters)


@pytest.mark.parametrize("dynamo", ["engine"], indirect=True)
def test_two_sweepers_at_once_never_both_get_a_row(records, outbox):
    letters = tuple(replace(LETTER, id=f"L-{place}") for place in range(60))
    records.commit(Change(letters=letters))
    taken: list[str] = []
    together = Barrier(3)

    def sweep():
        together.wait()
        taken.extend(due.what.id for due in outbox.claim(MONDAY, kinds=ALL))

    sweepers = [Thread(target=sweep) for _ in range(3)]
    for sweeper in sweepers:
        sweeper.start()
    for sweeper in sweepers:
        sweeper.join()
    assert sorted(taken) == sorted(letter.id for letter in letters)
