"""Reading a question about a report as people write it."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from cloud.kernel.calendar import EASTERN
from cloud.kernel.errors import BadInput
from cloud.reporting.models import Asked

_YES, _NO = {"yes", "true"}, {"no", "false"}


def question(words: Mapping[str, str], *, now: datetime) -> Asked:
    """Give the question that these words ask, empty ones being left out.

    Without ``as_of`` it is asked as of now; without a period, of the 90 days up to then.

    Args:
        words: ``as_of``, ``from``, ``until``, ``partner``, ``milestone``, ``region``,
            ``emergency``, ``horizon_hours`` and ``what_if`` (``accept=3,calendar=us_federal``).
        now: the instant of the question.

    Raises:
        BadInput: a word cannot be read; the message names it.
    """
    said = {name: text for name, text in words.items() if text}
    as_of = _instant(said["as_of"]) if "as_of" in said else now
    today = as_of.astimezone(EASTERN).date()
    until = _day("until", said["until"]) if "until" in said else today + timedelta(days=1)
    since = _day("from", said["from"]) if "from" in said else until - timedelta(days=90)
    return Asked(
        as_of=as_of.astimezone(UTC),
        since=since,
        until=until,
        partner_id=said.get("partner", ""),
        milestone=said.get("milestone", ""),
        region=said.get("region", ""),
        emergency=_yes_or_no(said["emergency"]) if "emergency" in said else None,
        horizon_hours=_hours(said.get("horizon_hours", "72")),
        what_if=_settings(said.get("what_if", "")),
    )


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as wrong:
        msg = f"reading as_of {text!r}: write an instant with its zone, as 2026-06-30T12:00Z"
        raise BadInput(msg) from wrong
    if found.tzinfo is None:
        msg = f"reading as_of {text!r}: it has no zone; write it as 2026-06-30T12:00Z"
        raise BadInput(msg)
    return found


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as wrong:
        msg = f"reading {name} {text!r}: write a day, as 2026-06-01"
        raise BadInput(msg) from wrong


def _yes_or_no(text: str) -> bool:
    if text not in _YES | _NO:
        msg = f"reading emergency {text!r}: write yes or no"
        raise BadInput(msg)
    return text in _YES


def _hours(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        msg = f"reading horizon_hours {text!r}: write whole hours, as 72"
        raise BadInput(msg)
    return int(text)


def _settings(text: str) -> dict[str, str]:
    found = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, is_told, value = part.partition("=")
        if not is_told or not name or not value:
            msg = f"reading what_if {part!r}: write settings, as accept=3,calendar=us_federal"
            raise BadInput(msg)
        found[name.strip()] = value.strip()
    return found
