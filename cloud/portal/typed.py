"""Reading what people typed: amounts, days, moments; each with what to say if it is none."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from cloud.kernel.calendar import FIRST_YEAR, LAST_YEAR, wall_time
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.portal.asking import Form
from cloud.portal.reading import LONGEST_TEXT
from cloud.portal.shown import AsTyped

_AMOUNT = re.compile(r"\$?\s*(\d{1,3}(?:,\d{3})+|\d{1,9})(?:\.(\d{1,2}))?", re.ASCII)


class Typed:
    """Reads one form and gathers what is wrong with it, so that all is told at once.

    Each method gives the value, or one that stands for nothing where it is missing or wrong; after
    the last of them `as_typed` is the form to show again, or None where nothing is wrong.
    """

    def __init__(self, form: Form) -> None:
        self._form = form
        self._wrong = {
            name: too_long(max(values, key=len), LONGEST_TEXT)
            for name, values in form.fields.items()
            if any(len(one) > LONGEST_TEXT for one in values)
        }

    def text(self, name: str, ask: str = "", *, most: int = 4000) -> str:
        """Give a text; `ask` is said where it is missing, and without it it may be."""
        said = self._form[name]
        if not said and ask:
            self._wrong[name] = ask
        if len(said) > most:
            self._wrong[name] = too_long(said, most)
        return said

    def one_of(self, name: str, values: Mapping[str, object] | frozenset[str], ask: str) -> str:
        """Give one of the values that there are."""
        said = self._form[name]
        if said not in values:
            self._wrong[name] = ask
        return said

    def amount(self, name: str, ask: str = "") -> Money | None:
        """Give dollars and cents; ``1,234.5`` and ``$1234.50`` are the same."""
        said = self._form[name]
        if not said:
            if ask:
                self._wrong[name] = ask
            return None
        met = _AMOUNT.fullmatch(said)
        if met is None:
            self._wrong[name] = "This is no amount: write dollars and cents, like 1,234.50."
            return None
        dollars, cents = met.groups()
        return Money(int(dollars.replace(",", "")) * 100 + int((cents or "0").ljust(2, "0")))

    def whole(self, name: str, ask: str = "", *, least: int = 0, most: int = 10**9) -> int | None:
        """Give a whole number within bounds."""
        said = self._form[name].replace(",", "")
        if not said:
            if ask:
                self._wrong[name] = ask
            return None
        if not (said.isascii() and said.isdigit()) or not least <= int(said[:12]) <= most:
            self._wrong[name] = f"Write a whole number from {least:,} to {most:,}."
            return None
        return int(said)

    def day(self, name: str, ask: str = "") -> date | None:
        """Give a day, as a browser's calendar sends it: 2026-06-08."""
        said = self._form[name]
        if not said:
            if ask:
                self._wrong[name] = ask
            return None
        try:
            found = date.fromisoformat(said)
        except ValueError:
            found = date.min
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            self._wrong[name] = "This is no day: choose it in the calendar, or write 2026-06-08."
            return None
        return found

    def moment(self, name: str, zone: str, ask: str = "") -> datetime | None:
        """Give an instant, typed as the clocks of a zone show it: 2026-06-08T14:30."""
        said = self._form[name]
        if not said:
            if ask:
                self._wrong[name] = ask
            return None
        try:
            found = datetime.fromisoformat(said)
        except ValueError:
            found = datetime.min  # noqa: DTZ901 - stands for none
        if found.tzinfo is not None or not FIRST_YEAR <= found.year <= LAST_YEAR:
            self._wrong[name] = "This is no day and time: choose it, or write 2026-06-08 14:30."
            return None
        at = time(found.hour, found.minute)
        # In UTC, for in the hour that a clock shows twice zoned times are equal to no other.
        return wall_time(found.date(), at, ZoneInfo(zone)).astimezone(UTC)

    def past(self, name: str, zone: str, ask: str = "", *, by: datetime) -> datetime | None:
        """Give an instant that is over by now, typed as for `moment`.

        Where the field still holds the minute that the page was made with, it is the page's own
        instant: a minute has no seconds, and so may lie before what it follows. Of a time that the
        clock shows twice in autumn it is the earlier one where the later lies ahead.
        """
        found = self.moment(name, zone, ask)
        if found is None:
            return None
        made_at = _instant_in(self._form[MADE_AT])
        if made_at is not None and made_at <= by and _minute(made_at, zone) == _minute(found, zone):
            return made_at
        earlier = found.astimezone(ZoneInfo(zone)).replace(fold=0).astimezone(UTC)
        return earlier if earlier <= by < found else found

    def is_wrong(self, name: str, says: str) -> None:
        """Note what a rule found wrong with a field; under "" what concerns no one field."""
        self._wrong.setdefault(name, says)

    @property
    def as_typed(self) -> AsTyped | None:
        """The form as it was filled in, with what is wrong; None where nothing is."""
        return AsTyped(said_in(self._form), dict(self._wrong)) if self._wrong else None

    def refused(self, because: str, name: str = "") -> AsTyped:
        """Give the form as it was filled in, with a business *no* at its top or at a field."""
        return AsTyped(said_in(self._form), {**self._wrong, name: because})


AS_SHOWN = "as_shown"
"""Hidden field with the mark of what the page showed (`cloud.portal.as_shown`)."""
MADE_AT = "made_at"
"""Hidden field with the instant at which a page was made, where it offers that as a default."""


def too_long(text: str, most: int) -> str:
    """Say that a text is longer than its field takes."""
    return f"Use at most {most:,} characters here; these are {len(text):,}."


def _instant_in(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    is_one = found.tzinfo is not None and FIRST_YEAR <= found.year <= LAST_YEAR
    return found if is_one else None


def _minute(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"


def said_in(form: Form) -> Mapping[str, str]:
    """Give the last text of each field, without what the page put into the form by itself."""
    return {name: form[name] for name in form.fields if name not in {"form_token", AS_SHOWN}}


def instant(text: str) -> datetime:
    """Read an instant that one of our own links carries.

    Raises:
        BadInput: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        msg = f"reading the moment {text[:40]!r}: it is none; use the links of the page"
        raise BadInput(msg)
    return found
