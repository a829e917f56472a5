"""What is told of a gateway: the last chunk, and what is missing that may still come."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from cloud.adapters.memory import MemoryChunks, MemoryRecords
from cloud.telemetry import gateway_state as module
from cloud.telemetry.asking import ask_again
from cloud.telemetry.gateway_state import gateway_state
from cloud.telemetry.ports import StoredChunk
from edge_agent.reading import Reading, Window, seal

HOUR = timedelta(hours=1)
START = datetime(2026, 6, 1, tzinfo=UTC)


class Down:
    def command(self, *_):
        pass


class Field:
    """The ports, with what gateway gw-1 sent."""

    def __init__(self) -> None:
        self.chunks, self.records = MemoryChunks(), MemoryRecords()

    def arrive(self, *seqs: int) -> None:
        for seq in seqs:
            start = START + (seq - 1) * HOUR
            t0 = int(start.timestamp())
            payload = seal(
                Window("gw-1", "5f", seq, t0, 900, 4, 1), [Reading("SN-1", t0, 0, "1.103", {})]
            )
            self.chunks.put([StoredChunk("gw-1", start, seq, payload, start + HOUR)])

    def ask(self, at: datetime) -> int:
        return ask_again(["gw-1"], chunks=self.chunks, records=self.records, downlink=Down(), at=at)

    def state(self, at: datetime):
        return gateway_state(self.records, self.chunks, gateway_id="gw-1", at=at)


@pytest.fixture
def field(monkeypatch):
    monkeypatch.setattr(module, "require_gateway", lambda *_: SimpleNamespace(id="SITE-1"))
    return Field()


@pytest.mark.rule("T-26")
def test_what_was_asked_for_in_vain_is_not_shown_as_missing(field):
    field.arrive(1, 4)
    assert field.state(START + 12 * HOUR).missing == ((2, 3),)
    for number in range(5, 29, 8):
        field.arrive(*range(number, number + 8))
        assert field.ask(START + (number + 8) * HOUR) == 2
    field.arrive(*range(29, 37))
    assert field.ask(START + 40 * HOUR) == 0
    assert field.state(START + 40 * HOUR).missing == ()


def test_of_a_gateway_that_is_silent_for_weeks_one_chunk_is_decoded(field, monkeypatch):
    field.arrive(*range(1, 50))
    decoded = []
    decode = module.decode
    monkeypatch.setattr(module, "decode", lambda payload: decoded.append(1) or decode(payload))
    state = field.state(START + timedelta(days=30))
    assert (state.last.seq, state.missing, len(decoded)) == (49, (), 1)
