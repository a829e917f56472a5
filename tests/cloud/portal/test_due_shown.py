"""How a page says until when there is time: by the end of a day, or by an instant."""

from datetime import UTC, datetime, timedelta

import pytest

from cloud.portal.shown import due

MIDNIGHT = datetime(2026, 6, 9, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "zone", "says"),
    [
        pytest.param(MIDNIGHT, None, "end of Mon, Jun 8, 2026", id="midnight at the bank"),
        pytest.param(
            MIDNIGHT, "America/Denver", "Mon, Jun 8, 2026, 10:00 PM MDT", id="that in the mountains"
        ),
        pytest.param(
            MIDNIGHT + timedelta(hours=2),
            "America/Denver",
            "end of Mon, Jun 8, 2026",
            id="midnight in the mountains",
        ),
        pytest.param(
            MIDNIGHT + timedelta(minutes=1),
            None,
            "Tue, Jun 9, 2026, 12:01 AM EDT",
            id="a minute of the day",
        ),
        pytest.param(
            datetime(2026, 11, 2, 5, 0, tzinfo=UTC),
            None,
            "end of Sun, Nov 1, 2026",
            id="the end of the day on which the clocks go back",
        ),
    ],
)
def test_what_is_due_as_a_day_begins_is_shown_by_the_day_before(value, zone, says):
    now = MIDNIGHT - timedelta(hours=3)
    assert f"<small>{says}</small>" in _text(due(value, now, zone))


def _text(shown: str) -> str:
    before, _, rest = shown.partition("<time")
    _, _, rest = rest.partition(">")
    return before + rest.replace("</time>", "")
