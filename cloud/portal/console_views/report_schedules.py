"""Reports that are sent regularly: making one, changing when and to whom, ending it."""

from collections.abc import Mapping
from typing import Any

from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.portal.asking import Absent, Answer, Ask, Go, Page, done, linked
from cloud.portal.console_views.money_desk import partner_names, rule_to, told
from cloud.portal.console_views.reports import (
    GROUPS,
    HERE,
    MILESTONES,
    READERS,
    SCHEDULERS,
    title_of,
    when_words,
)
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped, words
from cloud.portal.typed import Typed
from cloud.reporting.process import REPORTS
from cloud.reporting.roles import ADMIN, AUDITOR
from cloud.reporting.schedules import (
    WORDS,
    Cadence,
    ReportFormat,
    ReportSchedule,
    ScheduleState,
    When,
)
from cloud.reporting.scheduling import change_schedule, end_schedule, make_schedule, schedule

VIEWS = Views()
LIST = f"{HERE}#schedules"
CADENCES = {"daily": "Each day", "weekly": "Each week", "monthly": "Each month"}
WEEKDAYS = (
    (1, "Monday"),
    (2, "Tuesday"),
    (3, "Wednesday"),
    (4, "Thursday"),
    (5, "Friday"),
    (6, "Saturday"),
    (7, "Sunday"),
)
ZONES = (
    ("America/New_York", "Eastern"),
    ("America/Chicago", "Central"),
    ("America/Denver", "Mountain"),
    ("America/Phoenix", "Arizona"),
    ("America/Los_Angeles", "Pacific"),
    ("Pacific/Honolulu", "Hawaii"),
)
FORMATS = {"csv": "CSV, for a spreadsheet", "html": "A page that stands by itself"}
_WORD_TITLES = {
    "partner": "Only of a partner",
    "milestone": "Only of a deadline",
    "region": "Only homes of a state, as CO",
    "emergency": "Emergencies",
    "horizon_hours": "Hours ahead",
    "what_if": "Another policy",
    "days": "Days that it looks back",
}


@VIEWS.get(HERE + "/schedules/new", *SCHEDULERS)
def new(ask: Ask) -> Page:
    """Show the form of a new scheduled report."""
    return _form(ask)


def _form(ask: Ask, typed: AsTyped | None = None) -> Page:
    names = {name for one in GROUPS.values() for name in one} | {*REPORTS}
    said = {name: ask.query.get(name, "")[:200] for name in ("report", *WORDS)}
    return Page(
        "console/report_schedule_new.html",
        "Have a report sent regularly",
        {
            **_choices(),
            "reports": sorted(((one, title_of(one)) for one in names), key=lambda it: it[1]),
            "partners": list(partner_names(ask).items()),
            "milestones": list(MILESTONES.items()),
            "formats": list(FORMATS.items()),
            "given": said,
            "domain": _domain(ask),
            "typed": typed,
        },
        status=422 if typed else 200,
    )


def _choices() -> dict[str, Any]:
    return {
        "cadences": list(CADENCES.items()),
        "weekdays": WEEKDAYS,
        "zones": ZONES,
    }


@VIEWS.post(HERE + "/schedules", *SCHEDULERS)
def make(ask: Ask) -> Answer:
    """Have a report sent regularly to people of the house (OR-10, OR-12)."""
    typed = Typed(ask.form)
    name = typed.one_of("report", {**REPORTS}, "Choose the report.")
    wanted = typed.one_of("format", FORMATS, "Choose what it is written as.")
    when, to = _when(typed), _to(typed)
    if when is None or typed.as_typed:
        return _form(ask, typed.as_typed)
    try:
        answer = make_schedule(
            ask.records,
            report=name,
            words={one: ask.form[one] for one in WORDS if ask.form[one]},
            when=when,
            to=to,
            format=ReportFormat(wanted),
            domain=_domain(ask),
            roles=ask.visitor.roles,
            **ask.acting(),
        )
    except BadInput as no:
        return _form(ask, typed.refused(_sentence(no)))
    if isinstance(answer, Refused):
        return _form(ask, typed.refused(told(answer)))
    return Go(f"{HERE}/schedules/{answer.id}", said="It is scheduled; the first one comes as said.")


@VIEWS.get(HERE + "/schedules/{schedule_id}", *READERS, ADMIN)
def one_schedule(ask: Ask) -> Page:
    """Show one scheduled report: what is asked, to whom it goes, and when it went."""
    return _page(ask)


def _of(ask: Ask) -> ReportSchedule:
    """Give a schedule that the person may see: its own; administrator and auditor see all."""
    found = ask.records.load(ReportSchedule, ask.names["schedule_id"])
    sees_all = bool(ask.visitor.roles & {ADMIN, AUDITOR})
    if found is None or not (sees_all or found.record.made_by == ask.by):
        raise Absent
    return found.record


def _page(ask: Ask, typed: AsTyped | None = None) -> Page:
    one = _of(ask)
    names = partner_names(ask)
    is_ours = one.made_by == ask.by and bool(ask.visitor.roles & {*SCHEDULERS})
    asked = {name: value for name, value in one.words if name != "days"}
    return Page(
        "console/report_schedule.html",
        title_of(one.report),
        {
            **_choices(),
            "one": one,
            "rule_to": rule_to,
            "when": when_words(one),
            "words": [
                (_WORD_TITLES.get(name, words(name)), names.get(value, value))
                for name, value in one.words
            ],
            "format": FORMATS[one.format.value],
            "may_change": one.state is ScheduleState.RUNNING
            and (is_ours or ADMIN in ask.visitor.roles),
            "to_report": linked(f"{HERE}/{one.report}", **asked)
            if ask.visitor.roles & {*READERS}
            else "",
            "log": list(reversed(ask.log(one.id, of="report_schedule")))[:30],
            "own": f"{HERE}/schedules/{one.id}",
            "typed": typed,
            "given": _told(one),
        },
        status=422 if typed else 200,
    )


def _told(one: ReportSchedule) -> Mapping[str, object]:
    """Give a schedule as its form says it."""
    when = one.when
    return {
        "cadence": when.cadence.value,
        "at": f"{when.hour:02d}:{when.minute:02d}",
        "time_zone": when.time_zone,
        "weekday": when.weekday,
        "day": when.day,
        "to": "\n".join(one.to),
    }


@VIEWS.post(HERE + "/schedules/{schedule_id}", *SCHEDULERS, ADMIN)
def change(ask: Ask) -> Answer:
    """Change when a report is sent and to whom; its maker or an administrator does (OR-10)."""
    one, typed = _of(ask), Typed(ask.form)
    when, to = _when(typed), _to(typed)
    if when is None or typed.as_typed:
        return _page(ask, typed.as_typed)
    answer = change_schedule(
        ask.records,
        schedule_id=one.id,
        when=when,
        to=to,
        domain=_domain(ask),
        roles=ask.visitor.roles,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer)))
    return Go(f"{HERE}/schedules/{one.id}", said="It is sent so from now on.")


@VIEWS.post(HERE + "/schedules/{schedule_id}/end", *SCHEDULERS, ADMIN)
def end(ask: Ask) -> Answer:
    """Have a report sent no more; its maker or an administrator ends it (OR-10)."""
    one = schedule(ask.records, _of(ask).id).record
    answer = end_schedule(ask.records, schedule_id=one.id, roles=ask.visitor.roles, **ask.acting())
    return done(answer, to=f"{HERE}/schedules/{one.id}", said="It is not sent any more.")


def _when(typed: Typed) -> When | None:
    """Give when a report is due, None where that cannot be read."""
    cadence = typed.one_of("cadence", CADENCES, "Choose how often.")
    zone = typed.text("time_zone", "Choose whose clocks count.", most=60)
    at = typed.text("at", "Write the time, as 07:30.", most=8)
    weekday = typed.whole("weekday", least=1, most=7) or 1
    day = typed.whole("day", least=1, most=31) or 1
    hour, _, minute = at.partition(":")
    minute = minute[:2]
    is_time = hour.isascii() and hour.isdigit() and minute.isascii() and minute.isdigit()
    if at and not (is_time and len(hour) < 3 and int(hour) < 24 and int(minute) < 60):
        typed.is_wrong("at", "This is no time: write it as 07:30.")
    if typed.as_typed:
        return None
    try:
        return When(
            cadence=Cadence(cadence),
            time_zone=zone,
            hour=int(hour),
            minute=int(minute),
            weekday=weekday,
            day=day,
        )
    except BadInput:
        typed.is_wrong("time_zone", "Choose whose clocks count.")
        return None


def _to(typed: Typed) -> list[str]:
    """Give the addresses, one a line or with commas between them."""
    said = typed.text("to", "Write at least one address of the house.")
    return [one for one in said.replace(",", "\n").replace(";", "\n").split() if one]


def _domain(ask: Ask) -> str:
    """Give the owner's mail domain: that of its operations."""
    return ask.house.desks.aftermarket.rpartition("@")[2]


def _sentence(no: Exception) -> str:
    text = str(no)
    return text[:1].upper() + text[1:] + "."
