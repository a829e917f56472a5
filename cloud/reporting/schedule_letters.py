"""What is written about scheduled reports: a mail with one, and why none comes any more."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.reporting.models import Report
from cloud.reporting.schedules import ReportSchedule

_SIGNED = "\n\nKind regards\nReports"


def report_letter(
    schedule: ReportSchedule,
    report: Report,
    *,
    to: str,
    attachments: Mapping[str, str],
    pages_url: str,
    at: datetime,
) -> Letter:
    """Bring a report: attached, or where it is too large by a link that needs signing in (OR-14).

    The words of the mail tell no figure: it may be read by more people than the report.
    """
    local = report.asked.as_of.astimezone(ZoneInfo(schedule.when.time_zone))
    title = schedule.report.replace("_", " ")
    link = page_of(pages_url, report)
    how = "It is attached." if attachments else "It is too large for a mail."
    notes = "".join(f"\n- {note}" for note in report.notes)
    text = (
        f"Hello,\n\n{report.says}\n\nAs of {local:%Y-%m-%d %H:%M} ({schedule.when.time_zone}), "
        f"{len(report.rows)} rows. {how} With your account it is here as well, the same whenever "
        f"it is asked for:\n{link}\n"
        + (f"\nIt says of itself:{notes}\n" if notes else "")
        + f"\n{schedule.made_by} scheduled this ({schedule.when.cadence}) and ends it, or an "
        f"administrator does: schedule {schedule.id}."
    )
    return Letter(
        id=derived("LTR", schedule.id, report.asked.as_of.isoformat(), to),
        to=to,
        subject=f"Report: {title}, {local:%Y-%m-%d}",
        text=text + _SIGNED,
        thread=schedule.id,
        at=at,
        attachments=attachments,
    )


def stopped_letter(schedule: ReportSchedule, *, to: str, because: str, at: datetime) -> Letter:
    """Tell that a report is not sent any more (OR-11)."""
    title = schedule.report.replace("_", " ")
    text = (
        f"Hello,\n\nthe report {title} is not sent any more: {because}. Nothing else was changed. "
        "Whoever has the role may schedule it anew."
    )
    return Letter(
        id=derived("LTR", schedule.id, "stopped", to),
        to=to,
        subject=f"Report stopped: {title}",
        text=text + _SIGNED,
        thread=schedule.id,
        at=at,
    )


def failing_letter(schedule: ReportSchedule, *, to: str, at: datetime) -> Letter:
    """Tell its maker that a report could not be made, and that the schedule goes on (OR-15)."""
    title = schedule.report.replace("_", " ")
    since = schedule.failing_since or at
    local = since.astimezone(ZoneInfo(schedule.when.time_zone))
    text = (
        f"Hello,\n\nthe report {title} that was due on {local:%Y-%m-%d} at {local:%H:%M} "
        f"({schedule.when.time_zone}) was not sent: {schedule.failed_because}.\n\nIt is tried "
        "again when it is due the next time. If that fails as well you are not written to again: "
        "the schedule says since when it fails. Change or end it, or ask whoever runs the program: "
        f"schedule {schedule.id}."
    )
    return Letter(
        id=derived("LTR", schedule.id, "failing", since.isoformat(), to),
        to=to,
        subject=f"Report not sent: {title}",
        text=text + _SIGNED,
        thread=schedule.id,
        at=at,
    )


def page_of(pages_url: str, report: Report) -> str:
    """Give the address of the same report in the console."""
    asked = report.asked
    emergency = "" if asked.emergency is None else ("yes" if asked.emergency else "no")
    words = {
        "as_of": asked.as_of.isoformat().replace("+00:00", "Z"),
        "from": asked.since.isoformat(),
        "until": asked.until.isoformat(),
        "partner": asked.partner_id,
        "milestone": asked.milestone,
        "region": asked.region,
        "emergency": emergency,
        "horizon_hours": str(asked.horizon_hours),
        "what_if": ",".join(f"{name}={value}" for name, value in sorted(asked.what_if.items())),
    }
    query = urlencode({name: value for name, value in words.items() if value})
    return f"{pages_url}/console/reports/{quote(report.name, safe='')}?{query}"
