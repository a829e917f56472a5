"""Routes of reports, of who gets them regularly, of what waits, and of what the log tells."""

from datetime import date
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from cloud.adapters import codec
from cloud.adapters.api import answers
from cloud.adapters.report_html import HTML_TYPE, as_html
from cloud.adapters.tables_out import CSV_TYPE, JSON_TYPE, as_csv, as_json
from cloud.functions.operations_api.desk import (
    ACCOUNTING,
    ADMIN,
    AMS,
    AUDITOR,
    CLOCK,
    DESKS,
    RECORDS,
    RM,
    SPC,
    acting,
    may,
    person,
    shown,
)
from cloud.functions.operations_api.report_shapes import ScheduleIn, WhenIn
from cloud.functions.operations_api.shapes import Listed, One
from cloud.kernel.errors import BadInput
from cloud.reporting import audit
from cloud.reporting.asking import question
from cloud.reporting.own_work import WorkItem, all_work, work_of
from cloud.reporting.parameters import PARAMETERS
from cloud.reporting.process import REPORTS, report
from cloud.reporting.roles import ROLES
from cloud.reporting.scheduling import (
    change_schedule,
    end_schedule,
    make_schedule,
    running_schedules,
    schedules_of,
)
from cloud.reporting.story import story_of
from cloud.reporting.story_readers import hidden_from

router = Router()
TAGS = ["Reports"]

READERS = (SPC, RM, AMS, ACCOUNTING, AUDITOR)
SCHEDULERS = (SPC, RM, AMS, ACCOUNTING)
"""Who has reports sent: an auditor reads, and changes nothing."""
EVERYBODY = tuple(sorted(ROLES))
LARGEST_ANSWER = 5_000_000
"""Bytes: a Lambda's answer is at most 6 MB (AWS Lambda developer guide, quotas)."""

_FORMATS = {"json": (JSON_TYPE, as_json), "csv": (CSV_TYPE, as_csv), "html": (HTML_TYPE, as_html)}
Words = Annotated[str, Query(max_length=200)]
Day = Annotated[date | None, Query()]


# ---------------------------------------------------------------------- reports
@router.get("/ops/reports", responses=answers(), tags=TAGS, middlewares=[may(*READERS)])
def list_reports() -> Listed:
    """List the reports: what each says, and what it can be asked."""
    parameters = [codec.to_shown(one) for one in PARAMETERS]
    says = {name: (made.__doc__ or "").partition("\n")[0] for name, (_, made) in REPORTS.items()}
    items = [
        {"name": name, "says": text, "parameters": parameters, "formats": list(_FORMATS)}
        for name, text in says.items()
    ]
    return Listed(items=items)


@router.get("/ops/reports/<name>", responses=answers(), tags=TAGS, middlewares=[may(*READERS)])
def get_report(
    name: str,
    *,
    as_of: Words = "",
    since: Annotated[str, Query(alias="from", max_length=200)] = "",
    until: Words = "",
    partner: Words = "",
    milestone: Words = "",
    region: Words = "",
    emergency: Words = "",
    horizon_hours: Words = "",
    what_if: Words = "",
    format: Words = "json",  # noqa: A002 - the name that callers use
) -> Response[str]:
    """Give a report as of an instant; asked again, it is the same whatever happened since."""
    if format not in _FORMATS:
        msg = f"report {name} as {format!r}: ask for {' or '.join(_FORMATS)}"
        raise BadInput(msg)
    words = {
        "as_of": as_of,
        "from": since,
        "until": until,
        "partner": partner,
        "milestone": milestone,
        "region": region,
        "emergency": emergency,
        "horizon_hours": horizon_hours,
        "what_if": what_if,
    }
    content_type, written = _FORMATS[format]
    body = written(report(RECORDS, name, question(words, now=CLOCK.now())))
    if len(body.encode()) > LARGEST_ANSWER:
        msg = f"report {name} is too long for one answer: ask for a shorter period or one partner"
        raise BadInput(msg)
    return Response(status_code=200, content_type=content_type, body=body)


# ---------------------------------------------------------------------- scheduled reports
@router.get(
    "/ops/report_schedules", responses=answers(), tags=TAGS, middlewares=[may(*READERS, ADMIN)]
)
def list_schedules() -> Listed:
    """List one's own scheduled reports; administrator and auditor see all that run (OR-10)."""
    sees_all = bool(person().roles & {ADMIN, AUDITOR})
    own = schedules_of(RECORDS, person().name)
    known = {one.id for one in own}
    others = running_schedules(RECORDS) if sees_all else []
    found = [*own, *(one for one in others if one.id not in known)]
    return Listed(items=[codec.to_shown(one) for one in found])


@router.post(
    "/ops/report_schedules", responses=answers(), tags=TAGS, middlewares=[may(*SCHEDULERS)]
)
def add_schedule(body: ScheduleIn) -> One:
    """Have a report sent regularly to people of the house (OR-10, OR-12)."""
    return shown(
        make_schedule(
            RECORDS,
            report=body.report,
            words=body.words,
            when=body.when.told(),
            to=body.to,
            format=body.format,
            domain=_own_domain(),
            roles=person().roles,
            **acting(),
        )
    )


@router.post(
    "/ops/report_schedules/<schedule_id>",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(*SCHEDULERS, ADMIN)],
)
def put_schedule(schedule_id: str, body: WhenIn) -> One:
    """Change when a report is sent and to whom; its maker or an administrator does (OR-10)."""
    return shown(
        change_schedule(
            RECORDS,
            schedule_id=schedule_id,
            when=body.when.told(),
            to=body.to,
            domain=_own_domain(),
            roles=person().roles,
            **acting(),
        )
    )


@router.post(
    "/ops/report_schedules/<schedule_id>/end",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(*SCHEDULERS, ADMIN)],
)
def end(schedule_id: str) -> One:
    """Have a report sent no more; its maker or an administrator ends it (OR-10)."""
    return shown(end_schedule(RECORDS, schedule_id=schedule_id, roles=person().roles, **acting()))


def _own_domain() -> str:
    """Give the owner's mail domain: that of its operations."""
    return DESKS.aftermarket.rpartition("@")[2]


# ---------------------------------------------------------------------- what waits, and why
@router.get("/ops/work", responses=answers(), tags=["Work"], middlewares=[may(*EVERYBODY)])
def list_work() -> Listed:
    """List what waits for one's roles, what is due first; an auditor sees everybody's."""
    now = CLOCK.now()
    if AUDITOR in person().roles:
        return Listed(items=[_item(one) for one in all_work(RECORDS, at=now)])
    found = work_of(RECORDS, person().roles, person=person().name, at=now)
    return Listed(items=[_item(one) for one in found])


def _item(one: WorkItem) -> dict[str, Any]:
    return {**codec.to_shown(one), "is_late": one.is_late(CLOCK.now())}


@router.get("/ops/story", responses=answers(), tags=["Work"], middlewares=[may(*EVERYBODY)])
def get_story(id: Annotated[str, Query(min_length=1, max_length=200)]) -> One:  # noqa: A002
    """Give the tree of causes behind anything with an id, as far as the person's roles may see."""
    hidden = hidden_from(person().roles)
    return One(item=codec.to_shown(story_of(RECORDS, id, hidden=hidden)))


@router.get("/ops/log", responses=answers(), tags=["Work"], middlewares=[may(AUDITOR)])
def get_log(
    *,
    subject: Words = "",
    by: Words = "",
    day: Day = None,
    after: Words = "",
    limit: int = audit.PAGE,
) -> One:
    """Give a page of the audit log: of one thing, of one person's acts, or of a day of UTC.

    `next` is given as `after` to go on; it is empty on the last page. A page of a person can be
    empty and go on all the same: it looks through some days at once.
    """
    if bool(subject) + bool(by) + (day is not None and not by) != 1:
        msg = "reading the log: ask for one subject, one person (by) or one day"
        raise BadInput(msg)
    if subject:
        page = audit.log_of_subject(RECORDS, subject, after=after, limit=limit)
    elif by:
        until = day or audit.today(CLOCK.now())
        page = audit.log_of_person(RECORDS, by, until=until, after=after, limit=limit)
    else:
        page = audit.log_of_day(RECORDS, day or date.min, after=after, limit=limit)
    return One(item=codec.to_shown(page))
