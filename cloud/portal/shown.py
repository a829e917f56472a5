"""How values look to people: money, days, moments, how long there is left."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from cloud.kernel.calendar import EASTERN
from cloud.kernel.money import Money
from cloud.kernel.secret import Secret

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
NOTHING = Markup('<span class="none" title="nothing">\N{EM DASH}</span>')
_MASK = "\N{BULLET}\N{BULLET}\N{BULLET}\N{BULLET}"
SOON = timedelta(days=1)
"""From when on a clock that runs out is shown in the colour that asks to look."""


def money(amount: Money | int | None) -> Markup:
    """Show an amount, or cents; what is taken has a real minus sign, and figures line up."""
    if amount is None:
        return NOTHING
    told = str(amount if isinstance(amount, Money) else Money(amount))
    kind = "money taken" if told.startswith("-") else "money"
    return Markup('<span class="{}">{}</span>').format(kind, told.replace("-", MINUS))


def day(value: date | datetime | None) -> Markup:
    """Show a day, with its weekday: people plan by it."""
    if value is None:
        return NOTHING
    on = value.date() if isinstance(value, datetime) else value
    said = f"{on:%a, %b} {on.day}, {on.year}"
    return Markup('<time datetime="{}">{}</time>').format(on.isoformat(), said)


def moment(value: datetime | None, zone: str | None = None) -> Markup:
    """Show an instant on the clocks of a zone, that of the owner's bank where none is given."""
    if value is None:
        return NOTHING
    there = value.astimezone(ZoneInfo(zone) if zone else EASTERN)
    hour = f"{there:%I:%M %p}".lstrip("0")
    said = f"{there:%a, %b} {there.day}, {there.year}, {hour} {there:%Z}"
    return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), said)


def span(long: timedelta) -> str:
    """Say how long something takes, in the two largest units that matter."""
    minutes = int(abs(long).total_seconds()) // 60
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days >= 14:
        return f"{days} days"
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min"


def ago(value: datetime | None, now: datetime) -> Markup:
    """Say how long ago an instant was."""
    if value is None:
        return NOTHING
    long = now - value
    said = f"{span(long)} ago" if long >= timedelta(0) else f"in {span(long)}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        value.isoformat(), f"{value:%Y-%m-%d %H:%M} UTC", said
    )


def due(value: datetime | None, now: datetime, zone: str | None = None) -> Markup:
    """Show until when there is time: words and a sign besides the colour.

    What is due as a day begins is due by the end of the day before, and is shown by that day.
    """
    if value is None:
        return NOTHING
    left = value - now
    tone, said = "calm", f"in {span(left)}"
    if left < timedelta(0):
        tone, said = "bad", f"{span(left)} late"
    elif left <= SOON:
        tone = "warn"
    return Markup('<span class="due {}"><b>{}</b> <small>{}</small></span>').format(
        tone, said, _until(value, zone)
    )


def _until(value: datetime, zone: str | None) -> Markup:
    here = ZoneInfo(zone) if zone else EASTERN
    if value.astimezone(here).time() != time():
        return moment(value, zone)
    before = (value - timedelta(microseconds=1)).astimezone(here).date()
    return Markup("end of {}").format(day(before))


def due_day(value: date | None, today: date) -> Markup:
    """Show the last day on which there is time."""
    if value is None:
        return NOTHING
    left = (value - today).days
    tone, said = "calm", f"in {left} days"
    if left < 0:
        tone, said = "bad", f"{-left} day{'s' if left < -1 else ''} late"
    elif left <= 1:
        tone, said = "warn", ("today", "tomorrow")[left]
    return Markup('<span class="due {}"><b>{}</b> <small>{}</small></span>').format(
        tone, said, day(value)
    )


def secret(value: Secret | str | None) -> Markup:
    """Show the end of an account number; a `Secret` never tells more."""
    told = value.last4 if isinstance(value, Secret) else str(value or "")
    last = "".join(one for one in told if one.isalnum())[-4:]
    if not last:
        return NOTHING
    return Markup('<span class="secret">{}{}</span>').format(_MASK, last)


def words(value: object) -> str:
    """Give a name of ours in words: `waiting_for_parts` is "Waiting for parts"."""
    told = str(getattr(value, "value", value)).replace("_", " ").strip()
    return told[:1].upper() + told[1:]


def number(value: float | None, *, digits: int = 0) -> Markup:
    """Show a figure with thousands apart."""
    if value is None:
        return NOTHING
    return escape(f"{value:,.{digits}f}".replace("-", MINUS))


def percent(share: float | None, *, digits: int = 0) -> Markup:
    """Show a share of one as percent."""
    if share is None:
        return NOTHING
    return escape(f"{share * 100:.{digits}f} %".replace("-", MINUS))


@dataclass(frozen=True, slots=True)
class AsTyped:
    """What somebody typed into a form, to be shown again with what is wrong in it.

    Attributes:
        said: name of the field -> its text.
        wrong: name of the field -> what is to be corrected; under "" what concerns no one field.
    """

    said: Mapping[str, str]
    wrong: Mapping[str, str]


FILTERS = {
    "money": money,
    "day": day,
    "moment": moment,
    "ago": ago,
    "due": due,
    "due_day": due_day,
    "secret": secret,
    "words": words,
    "number": number,
    "percent": percent,
    "span": span,
}
"""Name in the templates -> how it shows a value."""
