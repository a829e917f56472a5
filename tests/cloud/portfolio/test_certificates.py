"""Days until the first certificate ends."""

from datetime import UTC, datetime, timedelta

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Save
from cloud.portfolio.devices import ClaimCertificate
from cloud.portfolio.process.certificates import OF_DEVICES_END_AT, days_left

AT = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)


def claim(name, *, days, retired=False):
    state, retired_at = ("retired", AT) if retired else ("active", None)
    return ClaimCertificate(name, AT, "ana", AT + timedelta(days=days), retired_at, state)


@pytest.mark.parametrize(
    ("claims", "others", "left"),
    [
        pytest.param([], [], (OF_DEVICES_END_AT - AT).days, id="only devices' own"),
        pytest.param([claim("a", days=90), claim("b", days=20)], [], 20, id="the first of two"),
        pytest.param([claim("a", days=5, retired=True)], [90], 90, id="one that was retired"),
        pytest.param([claim("a", days=90)], [19.9], 19, id="another's; part of a day is none"),
        pytest.param([claim("a", days=-0.5)], [], -1, id="it ended and nobody retired it"),
    ],
)
def test_days(claims, others, left):
    records = MemoryRecords()
    records.commit(Change(saves=tuple(map(Save, claims))))
    ends = [AT + timedelta(days=one) for one in others]
    assert days_left(records, others=ends, at=AT) == left
