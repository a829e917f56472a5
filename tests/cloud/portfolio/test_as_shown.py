"""A decision counts for what was shown: what stands, what changed, and what comes in between."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from types import MappingProxyType

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict
from cloud.kernel.money import Money
from cloud.portfolio.as_shown import Shown, on_what_was_shown
from cloud.portfolio.proposals import Proposal

AT = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)
FIRST = Proposal("PR-1", "settle_debt", "OFF-1", (("amount", "100"),), "by check", "pat", AT)
OTHER = replace(FIRST, id="PR-2")


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Pair:
    one: object
    two: object


@pytest.fixture
def records():
    kept = MemoryRecords()
    kept.commit(Change(saves=(Save(FIRST), Save(OTHER))))
    return kept


def shown(records):
    stored, other = (records.load(Proposal, name) for name in ("PR-1", "PR-2"))
    return Shown({"proposal": stored, "other": other}, (stored.record.facts,))


def agree(records, name="PR-1", **differs):
    stored = records.load(Proposal, name)
    after = replace(stored.record, **{"decided_by": "ada", **differs})
    says = f"{after.decided_by} did it"
    event = Event(name, "done", AT + timedelta(hours=1), after.decided_by, says=says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def decide(records, mark, deed=agree, log=None):
    def whole(subject, *, of):
        assert of in {"proposal", "other"}
        return records.history(subject)

    return on_what_was_shown(records, deed, now=shown(records), mark=mark, log=log or whole)


@pytest.mark.rule("D09a")
@pytest.mark.parametrize(
    ("between", "told"),
    [
        pytest.param(None, None, id="nothing changed"),
        pytest.param({"because": "another word"}, None, id="what nobody decides on changed"),
        pytest.param({"facts": (("amount", "900"),)}, "bob did it", id="the amount changed"),
    ],
)
def test_a_deed_is_done_on_what_was_shown_and_on_nothing_else(records, between, told):
    mark = shown(records).mark(AT)
    if between is not None:
        agree(records, decided_by="bob", **between)
    before = records.load(Proposal, "PR-1")
    answer = decide(records, mark)
    if told is None:
        assert answer.decided_by == "ada"
        return
    assert (answer.rule, answer.code) == ("D09a", "not_as_shown")
    assert told in answer.because
    assert records.load(Proposal, "PR-1") == before


@pytest.mark.rule("D09a")
@pytest.mark.parametrize(
    "mark",
    [
        pytest.param("", id="no mark"),
        pytest.param("0123456789abcdef", id="a digest of something else"),
        pytest.param("@2026-06-08T15:00:00", id="an instant without a zone"),
        pytest.param("x@y@z", id="not a mark at all"),
    ],
)
def test_a_mark_of_nothing_decides_nothing(records, mark):
    assert decide(records, mark).code == "not_as_shown"
    assert records.load(Proposal, "PR-1").record == FIRST


@pytest.mark.rule("D09a")
def test_only_what_may_be_read_is_told_of_what_changed(records):
    mark = shown(records).mark(AT)
    agree(records, facts=(), decided_by="bob")
    answer = decide(records, mark, log=lambda subject, *, of: ())
    assert "bob" not in answer.because
    assert "look at what it says now" in answer.because


@pytest.mark.rule("D09a")
@pytest.mark.parametrize(
    ("mark", "kept"),
    [
        pytest.param("", "no", id="its own word where the page said nothing"),
        pytest.param("0@2026-06-08T15:00:00+00:00", "not_as_shown", id="what changed where it did"),
    ],
)
def test_a_refusal_on_an_old_page_says_what_changed(records, mark, kept):
    answer = decide(records, mark, deed=lambda _: Refused("D09", "no", "no"))
    assert answer.code == kept


@pytest.mark.rule("D09a")
def test_what_was_done_already_is_done(records):
    mark = shown(records).mark(AT)
    agree(records, facts=())
    assert decide(records, mark, deed=lambda kept: kept.load(Proposal, "PR-1").record).facts == ()


@pytest.mark.rule("D09a")
@pytest.mark.parametrize("name", ["PR-1", "PR-2"])
def test_nothing_comes_between_looking_and_writing(records, name):
    """What is decided on is written only if all that was looked at still stands."""
    mark = shown(records).mark(AT)

    def raced(kept):
        agree(records, name, decided_by="bob")
        return agree(kept)

    with pytest.raises(Conflict):
        decide(records, mark, deed=raced)
    assert records.load(Proposal, name).record.decided_by == "bob"


@pytest.mark.rule("D09a")
def test_a_deed_that_writes_twice_rests_on_itself_after_the_first(records):
    mark = shown(records).mark(AT)

    def twice(kept):
        agree(kept)
        return agree(kept, decided_by="ada again")

    assert decide(records, mark, deed=twice).decided_by == "ada again"


def test_what_a_deed_relies_on_by_itself_is_not_relied_on_twice(records):
    mark = shown(records).mark(AT)

    def relying(kept):
        first, other = (kept.load(Proposal, one) for one in ("PR-1", "PR-2"))
        after = replace(first.record, decided_by="ada")
        kept.commit(Change(saves=(first.replaced_by(after),), relies_on=(other.relied_on(),)))
        return after

    assert decide(records, mark, deed=relying).decided_by == "ada"


def test_a_thing_that_was_never_written_is_not_relied_on(records):
    new = replace(records.load(Proposal, "PR-1"), version=0)
    now = Shown({"proposal": new}, ())
    deed = {"now": now, "mark": now.mark(AT), "log": lambda _, **__: ()}
    assert on_what_was_shown(records, lambda kept: agree(kept, "PR-2"), **deed)


@pytest.mark.parametrize(
    ("one", "two", "alike"),
    [
        pytest.param(("a", "b"), ("ab",), False, id="texts do not run together"),
        pytest.param((("a",), "b"), (("a", "b"),), False, id="neither do sequences"),
        pytest.param(("1",), (1,), False, id="a number is no text"),
        pytest.param((None,), ("None",), False, id="nothing is no text"),
        pytest.param((Pair(1, 2),), (Pair(2, 1),), False, id="fields have their places"),
        pytest.param((Colour.RED,), ("red",), True, id="a name is its value"),
        pytest.param(({1: 2},), ({1: 2},), TypeError, id="what has no text of its own"),
        pytest.param((frozenset("ab"),), (frozenset("ba"),), True, id="sets have no order"),
        pytest.param((Money(100),), (Money(101),), False, id="a cent"),
        pytest.param((date(2026, 6, 8),), (date(2026, 6, 9),), False, id="a day"),
        pytest.param(
            (AT,), (AT.astimezone(timezone(timedelta(hours=-5))),), True, id="one instant"
        ),
    ],
)
def test_the_digest_stands_for_what_is_said_and_nothing_else(one, two, alike):
    shows = [Shown(MappingProxyType({}), said) for said in (one, two)]
    if alike is TypeError:
        with pytest.raises(TypeError, match="dict has no text of its own"):
            _ = shows[0].digest
        return
    assert (shows[0].digest == shows[1].digest) is alike
