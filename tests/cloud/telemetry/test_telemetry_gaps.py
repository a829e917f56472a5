"""What is missing of a gateway's numbers, and what it is asked for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.adapters.memory import MemoryChunks, MemoryRecords
from cloud.kernel.errors import Unavailable
from cloud.telemetry.asking import ask_again
from cloud.telemetry.gaps import (
    Numbered,
    Resend,
    command_text,
    is_unbroken,
    latest_numbering,
    missing,
    numbered,
    request,
)
from cloud.telemetry.ports import StoredChunk
from edge_agent.command import parse
from edge_agent.reading import Reading, Window, seal

NOW = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
START = NOW - 100 * HOUR


def chunk(seq: int, *, boot: str = "a", start: datetime | None = None, **changes) -> Numbered:
    """Give chunk `seq` of an hourly numbering whose number 100 ends now."""
    start = START + (seq - 1) * HOUR if start is None else start
    end = start + HOUR
    return replace(Numbered(boot, seq, start, end, True, end), **changes)


def some(*seqs: int, **options) -> list[Numbered]:
    return [chunk(seq, **options) for seq in seqs]


def later(first: int, last: int, boot: str, *, hours: int) -> list[Numbered]:
    """Give chunks numbered from `first` on whose windows begin `hours` after START."""
    return [
        chunk(seq, boot=boot, start=START + (hours + seq - first) * HOUR)
        for seq in range(first, last + 1)
    ]


# ---------------------------------------------------------------------- numberings
def test_a_start_of_the_agent_goes_on_with_the_numbers():
    known = [*some(1, 2, 3, boot="f"), *some(4, 7, boot="0"), *some(9, boot="c")]
    assert latest_numbering(known) == tuple(known)
    assert missing(known, at=NOW) == ((5, 6), (8, 8))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((1, 10), (1, 5), ()),
        ((500, 510), (1, 5), ()),
        ((500, 510), (505, 515), ()),
        ((1, 3), (4, 9), ()),
        ((1, 3), (6, 9), ((4, 5),)),
    ],
    ids=[
        "fewer than before",
        "far below",
        "numbers that overlap",
        "numbers that go on",
        "numbers that go on, with a gap",
    ],
)
def test_a_queue_that_was_lost_is_no_giant_gap(before, after, expected):
    span = before[1] - before[0] + 1
    known = later(*before, "f", hours=0) + later(*after, "0", hours=span + 2)
    assert missing(known, at=NOW) == expected


def test_of_a_queue_that_was_lost_nothing_is_asked_for():
    """Its gaps are gone with it, and its numbers are those of other chunks now."""
    old = [one for one in later(1, 10, "a", hours=0) if one.seq != 5]
    new = [one for one in later(1, 9, "b", hours=10) if one.seq != 7]
    assert missing(old, at=NOW) == ((5, 5),)
    assert missing(old + new, at=NOW) == ((7, 7),)


def test_two_queues_lost_one_after_the_other():
    known = [
        *later(40, 50, "a", hours=0),
        *later(1, 5, "b", hours=11),
        *(one for one in later(1, 9, "c", hours=16) if one.seq not in {3, 4}),
    ]
    assert missing(known, at=NOW) == ((3, 4),)


# ---------------------------------------------------------------------- what is missing
@pytest.mark.parametrize(
    ("seqs", "expected"),
    [
        ((), ()),
        ((5,), ()),
        ((5, 6, 7), ()),
        ((5, 7), ((6, 6),)),
        ((1, 2, 5, 6, 9), ((3, 4), (7, 8))),
        ((7, 5, 5, 7, 9), ((6, 6), (8, 8))),
    ],
    ids=["none", "one", "no gap", "one number", "two ranges", "in any order, twice"],
)
def test_ranges(seqs, expected):
    assert missing(some(*seqs), at=NOW) == expected


@pytest.mark.rule("T-20")
@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(59, ()), (60, ((2, 2),)), (61, ((2, 2),))],
    ids=["just before an hour", "an hour", "just after"],
)
def test_what_is_on_its_way_is_not_asked_for(minutes, expected):
    known = [chunk(1), chunk(3, received_at=NOW - timedelta(minutes=minutes))]
    assert missing(known, at=NOW) == expected


@pytest.mark.rule("T-20")
def test_the_time_to_arrive_runs_from_the_first_later_chunk():
    """After an outage the newest come first, and each older one must not begin the hour anew."""
    backlog = [chunk(seq, received_at=NOW - timedelta(minutes=seq)) for seq in (50, 52, 90)]
    assert missing([chunk(1), *backlog], at=NOW) == ((2, 49), (51, 51), (53, 89))


@pytest.mark.rule("T-20")
def test_what_came_in_after_the_instant_is_not_known_at_it():
    known = [chunk(1), chunk(3), chunk(2, received_at=NOW + HOUR)]
    assert missing(known, at=NOW) == ((2, 2),)
    assert missing(known, at=NOW + HOUR) == ()


@pytest.mark.rule("T-21")
@pytest.mark.parametrize(
    ("hours", "expected"),
    [(-1, ((2, 2),)), (0, ((2, 2),)), (1, ())],
    ids=["less than seven days", "seven days", "more"],
)
def test_what_the_gateway_does_not_keep_is_not_asked_for(hours, expected):
    at = START + 7 * DAY + hours * HOUR
    assert missing(some(1, 3, 4), at=at) == expected


@pytest.mark.rule("T-23")
def test_so_many_ranges_the_newest_first():
    known = some(*range(1, 100, 2))
    ranges = missing(known, at=NOW)
    assert len(ranges) == 32
    assert ranges == tuple((seq, seq) for seq in range(36, 99, 2))


@pytest.mark.rule("T-24")
def test_so_many_numbers_the_newest_first():
    start = NOW - 6 * DAY
    quarters = [
        chunk(seq, start=start + seq * HOUR / 4, end=start + (seq + 1) * HOUR / 4)
        for seq in (1, 2, 250, 400, 410)
    ]
    ranges = missing(quarters, at=NOW)
    assert ranges == ((208, 249), (251, 399), (401, 409))
    assert sum(last - first + 1 for first, last in ranges) == 200


# ---------------------------------------------------------------------- clocks and leaps
def test_a_numbering_that_leaps_misses_nothing_while_its_windows_close_up():
    known = [
        chunk(seq, start=START + seq * HOUR, end=START + (seq + 4) * HOUR)
        for seq in range(4, 60, 4)
    ]
    assert missing(known, at=NOW) == ()
    assert missing(known[:5] + known[6:], at=NOW) == ((27, 27),), "one window, one number"


def test_a_number_that_cannot_be_believed_asks_for_no_more_than_windows_are_missing():
    assert missing([chunk(1), chunk(2**40, start=START + 4 * HOUR)], at=NOW) == (
        (2**40 - 3, 2**40 - 1),
    )


def test_a_gateway_with_several_chunks_of_a_window_may_miss_one_of_them():
    pairs = [chunk(seq, start=START + seq // 2 * HOUR) for seq in (2, 3, 4, 5, 6, 8, 9)]
    assert missing(pairs, at=NOW) == ((7, 7),)


def test_chunks_of_a_clock_that_was_not_set_are_numbers_like_others():
    unset = {
        "start": datetime(1970, 1, 1, 1, tzinfo=UTC),
        "is_clock_believed": False,
        "received_at": START + 3 * HOUR,
    }
    assert missing([chunk(1), chunk(2, **unset), chunk(3)], at=NOW) == ()
    assert missing([chunk(1), chunk(2, **unset), chunk(4)], at=NOW) == ((3, 3),)
    assert missing(some(1, 2, boot="a") + some(5, boot="b", **unset), at=NOW) == ((3, 4),)


def test_a_clock_that_was_set_back_hides_no_gap():
    assert missing([chunk(1), chunk(3, start=START - 5 * HOUR)], at=NOW) == ((2, 2),)


def test_a_window_of_the_future_is_not_believed():
    payload = seal(
        Window("gw-1", "5f", 3, 4_000_003_200 // 3600 * 3600, 900, 4, 1),
        [Reading("SN-1", 4_000_003_200 // 3600 * 3600, 0, "1.103", {"W": 1})],
    )
    ahead = StoredChunk("gw-1", datetime.fromtimestamp(4e9, UTC), 3, payload, NOW - 9 * HOUR)
    assert not numbered(ahead).is_clock_believed
    true = [chunk(seq, boot="b", start=NOW - (12 - seq) * HOUR) for seq in (4, 6, 7)]
    assert missing([numbered(ahead), *true], at=NOW) == ((5, 5),)


# ---------------------------------------------------------------------- properties
lost = st.sets(st.integers(2, 99), max_size=60)


@given(lost, st.randoms(use_true_random=False))
def test_what_is_asked_for_is_missing_and_order_changes_nothing(gone, random):
    known = some(*(seq for seq in range(1, 101) if seq not in gone))
    ranges = missing(known, at=NOW + 2 * HOUR)
    asked = {seq for first, last in ranges for seq in range(first, last + 1)}
    assert asked <= gone
    assert all(first > last + 1 for (_, last), (first, _) in pairwise(ranges))
    random.shuffle(known)
    assert missing(known * 2, at=NOW + 2 * HOUR) == ranges
    if ranges:
        assert parse(command_text(Resend("RS-1", ranges))).ranges == ranges


@given(lost)
def test_asking_again_and_again_brings_everything_back(gone):
    known = some(*(seq for seq in range(1, 101) if seq not in gone))
    for _ in range(3):
        for first, last in missing(known, at=NOW + 2 * HOUR):
            known += some(*range(first, last + 1))
    assert missing(known, at=NOW + 2 * HOUR) == ()
    assert {one.seq for one in known} == set(range(1, 101))


numbering = st.lists(
    st.builds(
        Numbered,
        boot=st.sampled_from("abc"),
        seq=st.integers(1, 2**63 - 1) | st.integers(1, 12),
        start=st.datetimes(NOW.replace(tzinfo=None) - 8 * DAY, NOW.replace(tzinfo=None)).map(
            lambda one: one.replace(tzinfo=UTC)
        ),
        end=st.just(NOW),
        is_clock_believed=st.booleans(),
        received_at=st.sampled_from([NOW - 2 * HOUR, NOW - DAY, NOW - 9 * DAY, NOW]),
    ),
    max_size=12,
)


@given(numbering)
def test_whatever_came_in_a_request_keeps_to_the_contract(known):
    asked = request("gw-1", known, asked=(), at=NOW)
    if asked is not None:
        assert parse(command_text(asked)).ranges == asked.ranges


@given(st.lists(st.integers(1, 8), max_size=10))
def test_numbers_are_unbroken_when_each_is_there_once(seqs):
    whole = sorted(seqs) == list(range(min(seqs, default=1), max(seqs, default=0) + 1))
    assert is_unbroken(seqs) is whole


# ---------------------------------------------------------------------- asking
class Down:
    """A way down that remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.is_away = False

    def command(self, gateway_id: str, payload: bytes) -> None:
        if self.is_away:
            raise Unavailable("sending: nobody there")
        self.sent.append((gateway_id, payload))


class Field:
    """The ports, with what a gateway sent."""

    def __init__(self) -> None:
        self.chunks, self.records, self.down = MemoryChunks(), MemoryRecords(), Down()

    def arrive(
        self, *seqs: int, gateway: str = "gw-1", clock: int = 1, boot: str = "5f", hours: int = 0
    ) -> None:
        for seq in seqs:
            t0 = int((START + (hours + seq - 1) * HOUR).timestamp()) if clock else 0
            readings = [Reading("SN-1", t0, 0, "1.103", {"W": seq})]
            payload = seal(Window(gateway, boot, seq, t0, 900, 4, clock), readings)
            at = START + (hours + seq) * HOUR
            start = datetime.fromtimestamp(t0, UTC)
            self.chunks.put([StoredChunk(gateway, start, seq, payload, at)])

    def ask(self, at: datetime = NOW, *gateways: str) -> int:
        return ask_again(
            gateways or ["gw-1"],
            chunks=self.chunks,
            records=self.records,
            downlink=self.down,
            at=at,
        )


def test_a_gateway_is_asked_for_what_is_missing_and_it_is_noted():
    field = Field()
    field.arrive(1, 2, 4, 7, 8)
    field.arrive(1, 2, 3, gateway="gw-2")
    assert field.ask(NOW, "gw-1", "gw-2", "gw-3") == 3
    ((gateway, payload),) = field.down.sent
    assert (gateway, parse(payload).ranges) == ("gw-1", ((3, 3), (5, 6)))
    (event,) = field.records.history("GATEWAY-gw-1")
    assert event.says == "3 chunks did not arrive and were asked for again: 3, 5-6"
    assert event.causes == (parse(payload).id,)


def test_what_came_in_meanwhile_is_not_asked_for():
    field = Field()
    field.arrive(1, 4)
    assert field.ask() == 2
    field.arrive(3)
    assert field.ask(NOW + 8 * HOUR) == 1
    field.arrive(2)
    assert field.ask(NOW + 16 * HOUR) == 0
    assert [parse(payload).ranges for _, payload in field.down.sent] == [((2, 3),), ((2, 2),)]


def test_the_same_evaluation_again_asks_by_the_same_id():
    field = Field()
    field.arrive(1, 4)
    assert field.ask() == field.ask() == 2
    assert field.down.sent[0] == field.down.sent[1]
    assert len(field.records.history("GATEWAY-gw-1")) == 1


@pytest.mark.rule("T-22")
def test_three_requests_in_a_day_and_no_more():
    field = Field()
    field.arrive(1, 4)
    asked = [field.ask(NOW + hours * HOUR) for hours in range(0, 54, 2)]
    assert [index * 2 for index, count in enumerate(asked) if count] == [
        0, 2, 4, 24, 26, 28, 48, 50, 52,
    ]  # fmt: skip


def test_the_third_request_of_a_day_may_be_sent_again_by_the_same_evaluation():
    field = Field()
    field.arrive(1, 4)
    for hours in (0, 8, 16):
        field.ask(NOW + hours * HOUR)
    assert field.ask(NOW + 16 * HOUR) == 2
    assert field.ask(NOW + 17 * HOUR) == 0
    assert field.down.sent[-1] == field.down.sent[-2]


def test_a_way_down_that_is_away_is_told_and_nothing_is_noted():
    field = Field()
    field.arrive(1, 4)
    field.down.is_away = True
    with pytest.raises(Unavailable):
        field.ask()
    assert field.records.history("GATEWAY-gw-1") == ()
    field.down.is_away = False
    assert field.ask() == 2


def test_a_chunk_from_before_the_clock_was_set_has_come_in():
    field = Field()
    field.arrive(1, 3)
    field.arrive(2, clock=0)
    assert field.ask() == 0


# ---------------------------------------------------------------------- asked for in vain
@pytest.mark.rule("T-26")
def test_what_a_gateway_does_not_keep_any_more_is_not_asked_for_ever():
    """It answers by counting what is gone, and goes on sending what is new."""
    field = Field()
    field.arrive(1, 4)
    asked = []
    for number in range(5, 40, 8):
        field.arrive(*range(number, number + 8))
        asked.append(field.ask(START + (number + 8) * HOUR))
    assert asked == [2, 2, 2, 0, 0]
    field.arrive(*range(46, 50))
    assert field.ask(START + 52 * HOUR) == 1
    assert parse(field.down.sent[-1][1]).ranges == ((45, 45),), "what is missing now"


@pytest.mark.rule("T-26")
def test_a_number_of_a_new_queue_was_never_asked_for():
    """The gateway lost its queue and counts from 1 again; the numbers name other chunks now."""
    field = Field()
    field.arrive(1, 4)
    for number in range(5, 29, 8):
        field.arrive(*range(number, number + 8))
        assert field.ask(START + (number + 8) * HOUR) == 2
    field.arrive(*range(29, 37))
    assert field.ask(START + 62 * HOUR) == 0
    field.arrive(1, 4, 5, 6, boot="60", hours=60)
    assert field.ask(START + 70 * HOUR) == 2
    assert parse(field.down.sent[-1][1]).ranges == ((2, 3),)


@pytest.mark.rule("T-26")
def test_a_gateway_that_is_away_may_be_asked_again_when_it_is_back():
    """Requests wait for it at the broker; nothing was answered yet."""
    field = Field()
    field.arrive(1, 4)
    for hours in (0, 8, 16, 30, 38):
        assert field.ask(NOW + hours * HOUR) == 2
    back = NOW + 46 * HOUR
    field.chunks.put([_late_chunk(5, back - timedelta(minutes=30))])
    assert field.ask(back) == 2, "the last request may still be on its way"


def _late_chunk(seq: int, received_at: datetime) -> StoredChunk:
    start = received_at.replace(minute=0, second=0, microsecond=0) - HOUR
    t0 = int(start.timestamp())
    payload = seal(Window("gw-1", "5f", seq, t0, 900, 4, 1), [Reading("SN-1", t0, 0, "1.103", {})])
    return StoredChunk("gw-1", start, seq, payload, received_at)


@pytest.mark.rule("T-26")
def test_what_is_given_up_leaves_room_for_what_is_not():
    chunks = [chunk(1), chunk(300, start=NOW - 3 * HOUR, is_clock_believed=False)]
    newest = missing(chunks, at=NOW)
    assert newest == ((100, 299),)
    given_up = frozenset(range(100, 300)) - {150}
    assert missing(chunks, at=NOW, given_up=given_up) == ((2, 99), (150, 150))
    assert missing(chunks, at=NOW, given_up=frozenset(range(1, 301))) == ()


@pytest.mark.rule("T-26")
@given(
    st.sets(st.integers(1, 60), min_size=2, max_size=12),
    st.sets(st.integers(1, 60), max_size=30),
)
def test_nothing_that_is_given_up_and_nothing_that_came_is_asked_for(came, given_up):
    chunks = some(*came)
    ranges = missing(chunks, at=NOW, given_up=frozenset(given_up))
    asked = {n for first, last in ranges for n in range(first, last + 1)}
    assert asked == set(range(min(came), max(came))) - came - given_up
    assert all(before < first for (_, before), (first, _) in pairwise(ranges))


def test_a_thinned_chunk_under_a_new_number_is_asked_for_by_none():
    """Its window lies far back: the windows of its neighbours close up."""
    again = replace(chunk(3), seq=9, received_at=chunk(9).received_at)
    chunks = some(*range(1, 9))
    assert missing([*chunks, again, replace(chunk(9), seq=10)], at=NOW) == ()
