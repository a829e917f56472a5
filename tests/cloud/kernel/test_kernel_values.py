from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.adapters.memory import MemoryChunks, MemoryDocuments, MemoryRecords
from cloud.kernel.change import NEW, Change, Event, Letter, Message, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import (
    BadInput,
    BrokenInvariant,
    Conflict,
    NotFound,
    SunreeveError,
    Unavailable,
)
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.policy import DESIGN, Rule, Source
from cloud.kernel.ports import Stored, require
from cloud.kernel.secret import Secret
from cloud.portfolio.models import ApiClient
from cloud.telemetry.ports import StoredChunk

NOW = datetime(2026, 6, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        pytest.param("$1,234.56", 123_456, id="as people write it"),
        pytest.param("1234.56", 123_456, id="bare"),
        pytest.param(" $0.01 ", 1, id="one cent, with blanks around"),
        pytest.param("-5.00", -500, id="negative"),
        pytest.param("-$5.00", -500, id="negative as it is printed"),
        pytest.param("$-5.00", -500, id="negative behind the sign"),
        pytest.param("$1,234,567.00", 123_456_700, id="millions"),
    ],
)
def test_money_is_read(text, cents):
    assert Money.parse(text) == Money(cents)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "5.0",
        "5.000",
        "1,23.00",
        "1234,567.00",
        "--5.00",
        "$-$5.00",
        "USD 5.00",
        "\u0665.00",
    ],
)
def test_money_is_not_read(text):
    with pytest.raises(BadInput, match="reading an amount"):
        Money.parse(text)


@given(st.integers(-(10**15), 10**15))
def test_money_that_is_printed_is_read_again(cents):
    assert Money.parse(str(Money(cents))) == Money(cents)


@pytest.mark.parametrize(
    ("cents", "text"),
    [(0, "$0.00"), (5, "$0.05"), (-5, "-$0.05"), (123_456_789, "$1,234,567.89")],
)
def test_money_prints(cents, text):
    assert str(Money(cents)) == text


@pytest.mark.parametrize(
    ("cents", "basis_points", "down", "half_up"),
    [
        pytest.param(10_000, 2_500, 2_500, 2_500, id="exact"),
        pytest.param(1, 4_999, 0, 0, id="just below half a cent"),
        pytest.param(1, 5_000, 0, 1, id="half a cent goes up"),
        pytest.param(1, 5_001, 0, 1, id="just above"),
        pytest.param(-1, 5_000, -1, 0, id="half a cent below zero goes up"),
        pytest.param(-1, 4_999, -1, 0, id="a little below zero"),
        pytest.param(-1, 5_001, -1, -1, id="more than half below zero"),
        pytest.param(333, 0, 0, 0, id="no share"),
        pytest.param(333, 10_000, 333, 333, id="the whole"),
    ],
)
def test_shares_are_rounded_as_named(cents, basis_points, down, half_up):
    assert Money(cents).share_rounded_down(basis_points) == Money(down)
    assert Money(cents).share_rounded_half_up(basis_points) == Money(half_up)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda: Money(1.0), id="made of a float"),
        pytest.param(lambda: Money(True), id="made of a yes"),
        pytest.param(lambda: Money("1"), id="made of a text"),
        pytest.param(lambda: Money(1) * 1.5, id="times a float"),
        pytest.param(lambda: Money(1) * True, id="times a yes"),
        pytest.param(lambda: Money(100).share_rounded_down(0.5), id="a float of a share"),
        pytest.param(lambda: Money(100).share_rounded_half_up(0.5), id="rounded half up"),
        pytest.param(lambda: Money(1) < 1, id="compared with a number"),
    ],
)
def test_money_never_meets_another_type(wrong):
    with pytest.raises(TypeError):
        wrong()


def test_money_is_added_subtracted_and_counted():
    assert Money(5) + Money(7) - Money(2) == Money(10)
    assert -Money(5) * 3 == Money(-15)
    assert total([]) == ZERO
    assert total([Money(5), Money(-7)]) == Money(-2)
    assert not ZERO
    assert Money(-1) < ZERO < Money(1)
    assert Money(-1)


SOURCE = Source(DESIGN, "0000 A test")


def rule(**changes) -> Rule[int]:
    stated = {
        "id": "D-13",
        "unit": "percent",
        "source": SOURCE,
        "says": "a floor",
        "values": {date(2026, 7, 1): 90, date(2025, 1, 1): 85},
        "programmes": {"other": {date(2026, 1, 1): 70}},
    }
    return Rule(**(stated | changes))


@pytest.mark.parametrize(
    ("day", "programme", "value"),
    [
        pytest.param(date(2025, 1, 1), "comfort", 85, id="on the first day"),
        pytest.param(date(2026, 6, 30), "comfort", 85, id="just before a change"),
        pytest.param(date(2026, 7, 1), "comfort", 90, id="on the day of a change"),
        pytest.param(date(2028, 2, 29), "comfort", 90, id="leap day"),
        pytest.param(date(2026, 7, 1), "other", 70, id="a programme that differs"),
        pytest.param(date(2026, 7, 1), "third", 90, id="a programme that does not"),
    ],
)
def test_rule_gives_the_value_of_the_day(day, programme, value):
    assert rule().on(day, programme) == value


@pytest.mark.parametrize(
    ("day", "programme"), [(date(2024, 12, 31), "comfort"), (date(2025, 12, 31), "other")]
)
def test_rule_does_not_hold_before_its_first_day(day, programme):
    with pytest.raises(BadInput, match="D-13 has no value on"):
        rule().on(day, programme)


@pytest.mark.parametrize(
    "changes",
    [{"id": "13"}, {"id": "d-13"}, {"id": "D-13!"}, {"values": {}}, {"programmes": {"x": {}}}],
    ids=["no letter", "small letter", "a mark", "no value", "a programme without value"],
)
def test_rule_is_refused(changes):
    with pytest.raises(BadInput):
        rule(**changes)


@pytest.mark.parametrize("name", ["F01", "D-12a", "S-23b", "I-62", "INV-02", "F10-2"])
def test_rule_ids(name):
    assert rule(id=name).id == name


def test_source_prints_as_it_is_cited():
    assert str(SOURCE) == f"{DESIGN.title}, 0000 A test"


causes = st.lists(st.text(max_size=6) | st.integers(0, 99), min_size=1, max_size=4)


@given(causes, causes)
def test_ids_stand_for_their_causes_and_no_others(one, other):
    same = list(map(str, one)) == list(map(str, other))
    assert (derived("CASE", *one) == derived("CASE", *other)) is same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("CASE", "a", "b"), ("CASE", "b", "a"), id="order"),
        pytest.param(("CASE", "ab"), ("CASE", "a", "b"), id="where one ends"),
        pytest.param(("CASE", "a\x1fb"), ("CASE", "a", "b"), id="the separator in a cause"),
        pytest.param(("CASE", "a\x1b1b"), ("CASE", "a\x1fb"), id="the escape in a cause"),
        pytest.param(("CASE", "a"), ("WO", "a"), id="prefix"),
        pytest.param(("CASE", "a", ""), ("CASE", "a"), id="an empty cause"),
    ],
)
def test_ids_differ(one, other):
    assert derived(*one) != derived(*other)


def test_ids_can_be_read_over_the_telephone():
    assert derived("WO", "CASE-1", 1) == derived("WO", "CASE-1", 1) == "WO-NZ4JPASRSD"


EVENT = Event("CASE-1", "case_opened", NOW, "sweep")
LETTER = Letter("L-1", "a@b.example", "subject", "text", "CASE-1", NOW)
MESSAGE = Message("M-1", "finding", {"a": 1}, NOW)
TIMER = Timer("T-1", "WO-1", "accept_due", NOW)
CLIENT = ApiClient("client-1", "partner-1")
PARTS = [
    Change(saves=(Save(CLIENT),)),
    Change(events=(EVENT,)),
    Change(letters=(LETTER,)),
    Change(messages=(MESSAGE,)),
    Change(timers=(TIMER,)),
    Change(cancelled_timers=("T-0",)),
]


@pytest.mark.parametrize("part", PARTS, ids=["save", "event", "letter", "message", "timer", "end"])
def test_change_is_something_when_any_part_is(part):
    assert part
    assert part + Change() == Change() + part == part
    assert (part + part).events == part.events * 2


def test_changes_are_added_in_order():
    assert not Change()
    whole = sum(PARTS, Change())
    assert whole == Change((Save(CLIENT),), (EVENT,), (LETTER,), (MESSAGE,), (TIMER,), ("T-0",))
    assert (Change(cancelled_timers=("a",)) + Change(cancelled_timers=("b",))).cancelled_timers == (
        "a",
        "b",
    )


@pytest.mark.parametrize("show", [str, repr, "{}".format, "%s".__mod__, "{0!r}".format])
def test_secret_prints_nothing(show):
    assert "6789" not in show(Secret("123456789"))
    assert "6789" not in show([Secret("123456789")])


def test_secret_is_asked_for_by_name():
    secret = Secret("123456789")
    assert (secret.value, secret.last4) == ("123456789", "6789")
    assert secret == Secret("123456789")
    assert secret != Secret("123456780")


def test_refused_is_a_value():
    refused = Refused("I-62", "a line is missing", "line_missing")
    assert refused == Refused(rule="I-62", because="a line is missing", code="line_missing")
    with pytest.raises(FrozenInstanceError):
        refused.rule = "I-63"


def test_errors_are_one_tree():
    assert all(
        issubclass(kind, SunreeveError)
        for kind in (BadInput, NotFound, Conflict, Unavailable, BrokenInvariant)
    )
    assert issubclass(NotFound, BadInput)


def test_require_gives_what_is_there_and_names_what_is_not():
    stored = Stored(CLIENT, 3)
    assert require(stored, "client", "client-1") is stored
    assert stored.replaced_by(CLIENT) == Save(CLIENT, 3)
    with pytest.raises(NotFound, match="client client-9 is not known here"):
        require(None, "client", "client-9")


def test_memory_keeps_the_last_version_and_refuses_the_one_before():
    records = MemoryRecords()
    assert records.load(ApiClient, "client-1") is None
    records.commit(Change(saves=(Save(CLIENT, NEW),)))
    stored = records.load(ApiClient, "client-1")
    assert stored == Stored(CLIENT, 1)
    moved = ApiClient("client-1", "partner-2")
    records.commit(Change(saves=(stored.replaced_by(moved),)))
    assert records.load(ApiClient, "client-1") == Stored(moved, 2)
    for late in (Save(CLIENT, NEW), Save(CLIENT, 1)):
        with pytest.raises(Conflict, match="client-1"):
            records.commit(Change(saves=(Save(ApiClient("client-2", "p")), late), events=(EVENT,)))
    assert records.load(ApiClient, "client-2") is None
    assert records.history("CASE-1") == ()


def test_memory_finds_by_a_charted_attribute_in_order_of_id():
    records = MemoryRecords()
    for name, partner in (("c", "p"), ("a", "p"), ("b", "q")):
        records.commit(Change(saves=(Save(ApiClient(name, partner)),)))
    found = records.find(ApiClient, by="partner_id", value="p")
    assert [stored.record.id for stored in found] == ["a", "c"]


def test_memory_takes_the_same_change_twice():
    records = MemoryRecords()
    change = Change(events=(EVENT,), letters=(LETTER,), messages=(MESSAGE,), timers=(TIMER,))
    for _ in range(2):
        records.commit(change)
    assert records.history("CASE-1") == (EVENT,)
    assert (records.letters, records.messages) == ({"L-1": LETTER}, {"M-1": MESSAGE})
    records.commit(Change(cancelled_timers=("T-1", "T-2")))
    assert records.timers == {}


def test_memory_documents_never_change():
    documents = MemoryDocuments()
    for _ in range(2):
        assert documents.put("report/1", b"a", "text/plain") == "report/1"
    with pytest.raises(Conflict, match="report/1"):
        documents.put("report/1", b"b", "text/plain")
    assert documents.get("report/1") == b"a"
    with pytest.raises(NotFound, match="report/2"):
        documents.get("report/2")


def test_memory_chunks_come_back_in_order_from_start_to_before_end():
    chunks = MemoryChunks()
    kept = [StoredChunk("gw-1", NOW.replace(hour=hour), 1, b"x", NOW) for hour in (9, 7, 8)]
    for _ in range(2):
        chunks.put([*kept, StoredChunk("gw-2", NOW.replace(hour=8), 1, b"x", NOW)])
    found = chunks.between("gw-1", NOW.replace(hour=7), NOW.replace(hour=9))
    assert [chunk.window_start.hour for chunk in found] == [7, 8]
    assert list(chunks.between("gw-3", NOW.replace(hour=7), NOW)) == []
