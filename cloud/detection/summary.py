"""What a run of judged days comes to, in a few sentences for a homeowner or a partner; pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from cloud.detection.evidence import DayLine, in_kwh, made_of, percent, says_of_gap, why

_MONTHS = "January February March April May June July August September October November December"
MONTHS = tuple(_MONTHS.split())
"""Named here, so that the words do not depend on the machine's language."""


def for_a_homeowner(lines: Sequence[DayLine]) -> str:
    """Tell a homeowner what the days say of the system: how much of what, compared with whom."""
    low = [line for line in lines if line.is_low]
    counted = [line for line in lines if line.is_counted]
    return " ".join(
        filter(
            None,
            (
                _low_days(low, lines) if low else _sound_days(counted, lines),
                _compared(counted),
                _not_judged(lines),
                *_gaps(lines),
            ),
        )
    )


def for_a_partner(lines: Sequence[DayLine]) -> str:
    """Tell a partner the same with the numbers that a technician asks for."""
    counted = [line for line in lines if line.is_counted]
    low = sum(line.is_low for line in counted)
    if not lines:
        return "No day was judged."
    parts = [
        f"{between(lines[0].day, lines[-1].day)}: {low} low of {_days(len(counted))} that count",
        _energies(counted),
        _floors(counted),
        _neighbours(counted),
    ]
    text = "; ".join(filter(None, parts)) + "."
    return " ".join(filter(None, (text, _uncounted(lines), *_gaps(lines))))


def in_words(day: date) -> str:
    """Give a day as people write it: `June 5, 2026`."""
    return f"{MONTHS[day.month - 1]} {day.day}, {day.year}"


def between(first: date, last: date) -> str:
    """Give a span of days as people write it: `June 5 to 7, 2026`."""
    if first == last:
        return in_words(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{MONTHS[first.month - 1]} {first.day} to {last.day}, {last.year}"
    year = "" if first.year == last.year else f", {first.year}"
    return f"{MONTHS[first.month - 1]} {first.day}{year} to {in_words(last)}"


def homes(lines: Iterable[DayLine]) -> str:
    """Give with how many homes the days were compared, and how near they are; empty for none."""
    compared = [line for line in lines if line.neighbours]
    if not compared:
        return ""
    count = span([line.neighbours for line in compared])
    what = "home" if count == "1" else "homes"
    return f"{count} {what} within {max(line.within_km for line in compared):g} km"


def span(values: Sequence[int]) -> str:
    """Give the least and the greatest of some numbers, as one when they are alike."""
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def runs(days: Sequence[date]) -> tuple[tuple[date, date], ...]:
    """Give first and last of each run of days that follow each other."""
    found: list[tuple[date, date]] = []
    for day in days:
        if found and day - found[-1][1] == timedelta(days=1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return tuple(found)


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _in_a_row(lines: Sequence[DayLine]) -> bool:
    return lines[-1].day - lines[0].day == timedelta(days=len(lines) - 1)


def _total(lines: Iterable[DayLine]) -> tuple[int, int, int]:
    """Give actual and expected energy over the days that have both, and the highest floor."""
    both = [line for line in lines if line.actual_wh is not None and line.expected_wh]
    return (
        sum(line.actual_wh or 0 for line in both),
        sum(line.expected_wh or 0 for line in both),
        max((line.floor_percent for line in both), default=0),
    )


def _share(lines: Sequence[DayLine]) -> str:
    actual, expected, floor = _total(lines)
    share = percent(actual, expected, floor)
    largest = max(actual, expected)
    energies = f"{in_kwh(actual, largest)} of {in_kwh(expected, largest)} kWh"
    return f"{share} of what we expected from it ({energies})" if share else f"{energies} expected"


def _low_days(low: Sequence[DayLine], lines: Sequence[DayLine]) -> str:
    first, last = low[0].day, low[-1].day
    if len(low) == 1:
        return f"Your system made {_share(low)} on {in_words(first)}."
    counted = [line for line in lines if line.is_counted and first <= line.day <= last]
    if len(counted) > len(low):
        when = f"on {len(low)} of the {len(counted)} days that we could judge from"
    elif _in_a_row(low):
        when = f"on {len(low)} days in a row,"
    else:
        when = f"on all {len(low)} days that we could judge from"
    return f"Your system made {_share(low)} {when} {between(first, last)}."


def _sound_days(counted: Sequence[DayLine], lines: Sequence[DayLine]) -> str:
    if not lines:
        return "We know of no day of your system yet."
    when = between(lines[0].day, lines[-1].day)
    if not counted:
        whole = "the day of" if len(lines) == 1 else f"any of the {len(lines)} days from"
        return f"We could not judge {whole} {when}."
    return f"Your system made {_share(counted)}, {when}: no day was too low."


def _compared(counted: Sequence[DayLine]) -> str:
    if not counted:
        return ""
    near = homes(counted)
    if near:
        return f"What we expect follows the sun that {near} of you had on the same day."
    return "What we expect follows the hourly weather at your home."


def _not_judged(lines: Sequence[DayLine]) -> str:
    rest = [line for line in lines if not line.is_counted]
    if not rest:
        return ""
    counts = Counter(why(line) for line in rest)
    said = (
        f"{_days(count)} {'does' if count == 1 else 'do'} not count: {reason}"
        for reason, count in counts.items()
    )
    return f"{'; '.join(said)}."


def _gaps(lines: Iterable[DayLine]) -> list[str]:
    said = ((line.day, says_of_gap(line)) for line in lines)
    return [f"On {in_words(day)} the system was heard again: {text}." for day, text in said if text]


def _energies(counted: Sequence[DayLine]) -> str:
    both = [line for line in counted if line.ratio is not None]
    if not both:
        return ""
    shares = sorted(both, key=lambda line: line.ratio or 0.0)
    least, most = (
        percent(line.actual_wh or 0, line.expected_wh or 0, line.floor_percent)
        for line in (shares[0], shares[-1])
    )
    actual, expected, floor = _total(both)
    made = made_of(actual, expected, floor)
    return made if least == most else f"{made}, by day {least} to {most}"


def _floors(counted: Sequence[DayLine]) -> str:
    if not counted:
        return ""
    guarded = sorted(line.guarded_permille / 10 for line in counted)
    least, most = f"{guarded[0]:g}%", f"{guarded[-1]:g}%"
    visit = least if least == most else f"{least} to {most}"
    return f"floor {span([line.floor_percent for line in counted])}%, for a visit {visit}"


def _neighbours(counted: Sequence[DayLine]) -> str:
    near = homes(counted)
    if not near:
        return "no neighbours: by the hourly weather alone" if counted else ""
    compared = [line for line in counted if line.neighbours]
    sky = span([round((line.weather_permille or 0) / 10) for line in compared])
    spread = span([round((line.spread_permille or 0) / 10) for line in compared])
    return f"{near} made {sky}% of their own expectation and differed by {spread}%"


def _uncounted(lines: Iterable[DayLine]) -> str:
    days: dict[str, list[date]] = {}
    for line in lines:
        if not line.is_counted:
            days.setdefault(why(line), []).append(line.day)
    spans = (
        f"{first if first == last else f'{first} to {last}'} ({reason})"
        for reason, found in days.items()
        for first, last in runs(found)
    )
    text = ", ".join(spans)
    return f"Not counted: {text}." if text else ""
