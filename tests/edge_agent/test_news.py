"""What is told of a device at once, and what its chunks tell soon enough."""

import pytest

from edge_agent.dictionary import (
    QUALITY_ASLEEP,
    QUALITY_FAULTED,
    QUALITY_OK,
    QUALITY_PARTIAL,
    QUALITY_UNREACHABLE,
)
from edge_agent.news import change
from edge_agent.queue.outbox import DeviceState
from edge_agent.reading import Reading

AT = 1782064800


def known(quality):
    return None if quality is None else DeviceState("SN-1", "1.103", quality, {}, {})


@pytest.mark.parametrize(
    ("before", "now", "is_told"),
    [
        pytest.param(QUALITY_OK, QUALITY_ASLEEP, False, id="it falls asleep, as every evening"),
        pytest.param(QUALITY_ASLEEP, QUALITY_OK, False, id="it wakes, as every morning"),
        pytest.param(None, QUALITY_OK, False, id="met for the first time, well"),
        pytest.param(None, QUALITY_ASLEEP, False, id="met for the first time, at night"),
        pytest.param(None, QUALITY_FAULTED, True, id="met for the first time, broken"),
        pytest.param(QUALITY_OK, QUALITY_FAULTED, True, id="it breaks"),
        pytest.param(QUALITY_FAULTED, QUALITY_OK, True, id="it is whole again"),
        pytest.param(QUALITY_FAULTED, QUALITY_ASLEEP, True, id="whole again, and asleep"),
        pytest.param(QUALITY_ASLEEP, QUALITY_UNREACHABLE, True, id="silent out of its sleep"),
        pytest.param(QUALITY_UNREACHABLE, QUALITY_ASLEEP, True, id="it answers again, asleep"),
        pytest.param(QUALITY_OK, QUALITY_PARTIAL, True, id="a part cannot be read"),
    ],
)
def test_changes_of_state(before, now, is_told):
    found = change(known(before), Reading("SN-1", AT, now, "1.103"), {})
    assert found is not None, "what is known of the device changes, told or not"
    assert found.state.quality == now
    told = [(event.kind, event.before, event.after) for event in found.events]
    assert told == ([("state", before, now)] if is_told else [])


def test_an_alarm_at_dusk_is_told():
    reading = Reading("SN-1", AT, QUALITY_ASLEEP, "1.103", {"Evt1": 4})
    found = change(known(QUALITY_OK), reading, {})
    assert [(event.kind, event.column, event.after) for event in found.events] == [
        ("alarm", "Evt1", 4)
    ]


def test_the_same_again_is_nothing():
    assert change(known(QUALITY_OK), Reading("SN-1", AT, QUALITY_OK, "1.103"), {}) is None
