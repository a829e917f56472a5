"""Routes of reports."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from cloud.adapters.api import answers
from cloud.adapters.tables_out import CSV_TYPE, JSON_TYPE, as_csv, as_json
from cloud.functions.operations_api.desk import (
    ACCOUNTING,
    AMS,
    AUDITOR,
    CLOCK,
    RECORDS,
    RM,
    SPC,
    may,
)
from cloud.functions.operations_api.shapes import Listed
from cloud.kernel.errors import BadInput
from cloud.reporting.asking import question
from cloud.reporting.process import REPORTS, report

router = Router()

READERS = (SPC, RM, AMS, ACCOUNTING, AUDITOR)
LARGEST_ANSWER = 5_000_000
"""Bytes: a Lambda's answer is at most 6 MB (AWS Lambda developer guide, quotas)."""

_FORMATS = {"json": (JSON_TYPE, as_json), "csv": (CSV_TYPE, as_csv)}
Words = Annotated[str, Query(max_length=200)]


@router.get("/ops/reports", responses=answers(), tags=["Reports"], middlewares=[may(*READERS)])
def list_reports() -> Listed:
    """List the reports by their names."""
    says = {name: (made.__doc__ or "").partition("\n")[0] for name, (_, made) in REPORTS.items()}
    return Listed(items=[{"name": name, "says": text} for name, text in says.items()])


@router.get(
    "/ops/reports/<name>", responses=answers(), tags=["Reports"], middlewares=[may(*READERS)]
)
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
