import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.adapters.memory import MemoryChunks, MemoryDocuments, MemoryRecords
from cloud.telemetry.chunk import LATEST, MalformedChunk
from cloud.telemetry.device_event import MOST_EVENT_BYTES, decode_event
from cloud.telemetry.ports import StoredChunk, chunk_id
from cloud.telemetry.process import Arrival, Quarantined, Taken, check, ingest
from edge_agent.reading import Event, Reading, Window, event_text, seal

NOW = datetime(2026, 6, 21, 19, 5, tzinfo=UTC)
EARLIEST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC)
T0 = 1_782_064_800
STATE = {
    "v": 1,
    "gw": "gw-1",
    "boot": "5f",
    "at": T0,
    "sn": "SN-1",
    "kind": "state",
    "from": 0,
    "to": 5,
}
ALARM = STATE | {"kind": "alarm", "from": 0, "to": 4, "col": "Evt1"}


def wire(message) -> bytes:
    return json.dumps(message).encode()


def payload(seq: int = 1, gateway: str = "gw-1", t0: int = T0) -> bytes:
    readings = [Reading("SN-1", t0, 0, "1.103", {"W": 500, "WH": 7})]
    return seal(Window(gateway, "5f", seq, t0, 900, 1, 1), readings)


def arrival(content: bytes, kind: str = "chunk", gateway: str = "gw-1") -> Arrival:
    return Arrival(kind, gateway, content, NOW)


@pytest.mark.parametrize(
    ("message", "what", "says"),
    [
        pytest.param(STATE, "device_state", "device SN-1 went from ok to faulted", id="state"),
        pytest.param(
            STATE | {"from": None}, "device_state", "went from new to faulted", id="a new device"
        ),
        pytest.param(STATE | {"from": 9}, "device_state", "from 9 to", id="a code of tomorrow"),
        pytest.param(ALARM, "device_alarm", "device SN-1 changed Evt1 from 0 to 4", id="alarm"),
        pytest.param(STATE | {"later": [1.5]}, "device_state", "faulted", id="unknown keys"),
    ],
)
def test_event_is_an_entry_of_the_log(message, what, says):
    gateway, event = decode_event(wire(message), NOW)
    assert gateway == "gw-1"
    assert (event.subject, event.what, event.by) == ("DEVICE-gw-1-SN-1", what, "gw-1")
    assert event.at == datetime.fromtimestamp(T0, UTC)
    assert says in event.says


@pytest.mark.parametrize("kind", ["state", "alarm"])
def test_event_is_read_as_the_gateway_writes_it(kind):
    column = "Evt1" if kind == "alarm" else None
    text = event_text(Event(T0, "SN-1", kind, None, 4, column), gateway="gw-1", boot="5f")
    assert decode_event(text.encode(), NOW)[1].what == f"device_{kind}"


@pytest.mark.parametrize("kind", ["state", "alarm"])
def test_an_event_of_a_clock_that_was_not_set_is_of_its_arrival(kind):
    column = "Evt1" if kind == "alarm" else None
    told = Event(77, "SN-1", kind, 0, 4, column)
    text = event_text(told, gateway="gw-1", boot="5f", clock=0)
    found = check(arrival(text.encode(), "event"))
    assert found.at == NOW
    assert found.says.endswith("; its gateway's clock was not set, so this is when it came in")
    set_again = event_text(told, gateway="gw-1", boot="5f", clock=1)
    believed = check(arrival(set_again.encode(), "event"))
    assert believed.at == datetime.fromtimestamp(77, UTC)
    assert "clock" not in believed.says


@pytest.mark.parametrize("clock", [2, -1, True, "0", None, 0.0])
def test_an_event_of_another_clock_is_refused(clock):
    with pytest.raises(MalformedChunk, match="clk"):
        decode_event(wire(STATE | {"clk": clock}), NOW)


REFUSED = {
    "too long": (b" " * (MOST_EVENT_BYTES + 1), "too many"),
    "no JSON": (b"{", "not JSON"),
    "no text": (b"\xff\xfe\xfd", "not JSON"),
    "deep nesting": (b"[" * 4000, "not JSON"),
    "a list": (b"[]", "version 1"),
    "version 2": (wire(STATE | {"v": 2}), "version 1"),
    "version true": (wire(STATE | {"v": True}), "version 1"),
    "gateway with a slash": (wire(STATE | {"gw": "a/b"}), "gw"),
    "no gateway": (wire(STATE | {"gw": None}), "gw"),
    "no serial number": (wire(STATE | {"sn": ""}), "sn"),
    "serial with a line break": (wire(STATE | {"sn": "a\nb"}), "sn"),
    "lone surrogate": (wire(STATE | {"sn": "\ud800"}), "sn"),
    "boot not hexadecimal": (wire(STATE | {"boot": "XYZ"}), "boot"),
    "no boot": (wire(STATE | {"boot": 5}), "boot"),
    "before 1970": (wire(STATE | {"at": -1}), "at"),
    "no instant of any calendar": (wire(STATE | {"at": 2**62}), "at"),
    "true as an instant": (wire(STATE | {"at": True}), "at"),
    "another kind": (wire(STATE | {"kind": "mood"}), "kind"),
    "a kind that is a list": (wire(STATE | {"kind": ["state"]}), "kind"),
    "a code that is a text": (wire(STATE | {"to": "5"}), "whole numbers"),
    "a code below zero": (wire(STATE | {"to": -1}), "whole numbers"),
    "a code over 64 bits": (wire(STATE | {"to": 2**63}), "whole numbers"),
    "an alarm of no column": (wire(STATE | {"kind": "alarm"}), "col"),
    "a column with a blank": (wire(ALARM | {"col": "Evt 1"}), "col"),
}


@pytest.mark.parametrize(("content", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_event_is_refused(content, says):
    with pytest.raises(MalformedChunk, match=says):
        decode_event(content, NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(ALARM)), json_values)
def test_only_malformed_chunk_comes_out_of_a_wrong_event(key, value):
    with suppress(MalformedChunk):
        decode_event(wire(ALARM | {key: value}), NOW)


@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 200))
def test_only_malformed_chunk_comes_out_of_damage(damage, place):
    text = wire(STATE)
    for content in (damage, text[:place] + damage + text[place + len(damage) :]):
        with suppress(MalformedChunk):
            decode_event(content, NOW)


@pytest.mark.parametrize(
    ("t0", "kept"),
    [(0, True), (LATEST // 900 * 900, True), (LATEST // 900 * 900 + 900, False)],
    ids=["1970", "the last window", "just after"],
)
def test_window_is_an_instant_that_a_calendar_holds(t0, kept):
    assert isinstance(check(arrival(payload(t0=t0))), StoredChunk) is kept


@pytest.mark.parametrize("name", ["a\nb", "x" * 33], ids=["a line break", "too long"])
def test_health_is_named_in_short_printable_words(name):
    readings = [Reading("SN-1", T0, 0, "1.103", {"W": 500})]
    content = seal(Window("gw-1", "5f", 1, T0, 900, 1, 1, {name: 1}), readings)
    assert "health has a name" in str(check(arrival(content)))


def test_chunk_is_kept_byte_for_byte_under_its_window():
    content = payload()
    assert check(arrival(content)) == StoredChunk(
        "gw-1", datetime.fromtimestamp(T0, UTC), 1, content, NOW
    )


def test_chunk_is_named_by_its_window_in_utc():
    window = datetime.fromisoformat("2026-06-21T14:00:00-04:00")
    assert chunk_id(StoredChunk("gw-1", window, 7, b"", NOW)) == "gw-1/2026-06-21T18:00Z/7"


class Field:
    """The three ports, and what they hold."""

    def __init__(self) -> None:
        self.chunks, self.documents = MemoryChunks(), MemoryDocuments()
        self.records = MemoryRecords()

    def take(self, *arrivals: Arrival):
        return ingest(arrivals, chunks=self.chunks, documents=self.documents, records=self.records)

    def kept(self, gateway: str = "gw-1") -> list[int]:
        return [chunk.sequence for chunk in self.chunks.between(gateway, EARLIEST, LAST)]


def test_a_bad_payload_is_put_aside_and_its_neighbours_are_kept():
    field = Field()
    taken = field.take(
        arrival(payload(1)),
        arrival(b"nonsense"),
        arrival(payload(2)),
        arrival(wire(STATE | {"kind": []}), "event"),
        arrival(wire(STATE), "event"),
        arrival(b'{"v":1,"t0":99999999999900,"dt":900}'),
    )
    aside = taken.aside
    kept = field.records.history("DEVICE-gw-1-SN-1")
    assert tuple(event for _, event in taken.events) == kept
    assert field.kept() == [1, 2]
    assert len(field.records.history("DEVICE-gw-1-SN-1")) == 1
    assert [one.because.partition(":")[0] for one in aside] == [
        "decoding a chunk",
        "decoding an event",
        "decoding a chunk",
    ]
    assert field.documents.get(aside[0].reference) == b"nonsense"
    assert aside[0].reference.startswith("quarantine/gw-1/")


@pytest.mark.parametrize(
    ("content", "kind"),
    [(payload(gateway="gw-2"), "chunk"), (wire(STATE | {"gw": "gw-2"}), "event")],
    ids=["chunk", "event"],
)
def test_a_gateway_cannot_speak_for_another(content, kind):
    field = Field()
    taken = field.take(arrival(content, kind))
    (aside,) = taken.aside
    assert taken.events == ()
    assert isinstance(aside, Quarantined)
    assert aside.because == "it says it is of gateway gw-2, but gw-1 sent it"
    assert field.kept() == field.kept("gw-2") == []
    assert field.records.history("DEVICE-gw-2-SN-1") == ()


def test_the_same_batch_twice_changes_nothing():
    field = Field()
    batch = (arrival(payload(1)), arrival(b"nonsense"), arrival(wire(STATE), "event"))
    first = field.take(*batch, *batch)
    again = field.take(*batch)
    assert again.aside == first.aside[:1]
    assert again.events == first.events[:1]
    assert field.kept() == [1]
    assert len(field.records.history("DEVICE-gw-1-SN-1")) == 1


def test_the_same_bytes_may_be_refused_for_two_reasons():
    field = Field()
    arrivals = (arrival(b"nonsense"), arrival(b"nonsense", "event"), arrival(payload(1)))
    aside = field.take(*arrivals).aside
    assert aside[0].reference == aside[1].reference
    assert aside[0].because != aside[1].because
    assert field.kept() == [1]


def test_many_events_are_more_than_one_transaction():
    field = Field()
    field.take(*(arrival(wire(STATE | {"at": T0 + n}), "event") for n in range(120)))
    assert len(field.records.history("DEVICE-gw-1-SN-1")) == 120


def test_nothing_arrived():
    assert Field().take() == Taken((), ())
