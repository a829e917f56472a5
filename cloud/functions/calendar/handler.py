"""Gives what anybody may read without a token: funding days, and where to tell of a hole."""

import hashlib
import os
from datetime import UTC, datetime, time
from typing import Any

from cloud.adapters import wiring
from cloud.functions.calendar.reporting_holes import (
    POLICY_TXT,
    SECURITY_TXT,
    policy_txt,
    security_txt,
)
from cloud.funding.funding_calendar import (
    calendar_file,
    funding_calendar,
    known_programmes,
    shown_time,
)
from cloud.funding.process import published
from cloud.kernel.calendar import eastern_day

CLOCK = wiring.clock()
RECORDS = wiring.money_records(os.environ)
MAIL, PAGES_URL = os.environ["SECURITY_MAIL"], os.environ["PAGES_URL"]

ENDING = ".ics"
FRESH = "public, max-age=3600"
_PLAIN = {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}
_CALENDAR = {**_PLAIN, "content-type": "text/calendar; charset=utf-8", "cache-control": FRESH}


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request; the days of a programme are nobody's own, and name no partner."""
    if event["requestContext"]["http"]["method"] not in {"GET", "HEAD"}:
        return _answer(405, {**_PLAIN, "allow": "GET, HEAD"}, "only reading is possible\n")
    if event["rawPath"] == SECURITY_TXT:
        text = security_txt(mail=MAIL, pages_url=PAGES_URL, at=CLOCK.now())
        return _answer(200, {**_PLAIN, "cache-control": FRESH}, text)
    if event["rawPath"] == POLICY_TXT:
        return _answer(200, {**_PLAIN, "cache-control": FRESH}, policy_txt(mail=MAIL))
    name = event["rawPath"].removeprefix("/calendar/")
    programme = name.removesuffix(ENDING)
    if programme not in known_programmes() or not name.endswith(ENDING):
        there = ", ".join(f"/calendar/{one}{ENDING}" for one in sorted(known_programmes()))
        return _answer(404, _PLAIN, f"there is no such calendar; there are {there}\n")
    content = _calendar(programme)
    headers = {**_CALENDAR, "etag": f'"{hashlib.sha256(content).hexdigest()[:32]}"'}
    if headers["etag"] in _known(event):
        return _answer(304, headers, "")
    return _answer(200, headers, content.decode())


def _calendar(programme: str) -> bytes:
    """Give the file; of one day it is the same bytes until another funding day is announced."""
    today = eastern_day(CLOCK.now())
    first, last = shown_time(None, None, today=today)
    days = funding_calendar(first, last, published(RECORDS, programme), programme)
    name = f"Funding days ({programme})"
    return calendar_file(days, name=name, made_at=datetime.combine(today, time(0), UTC))


def _known(event: dict[str, Any]) -> set[str]:
    """Give the versions that the caller has already (RFC 9110, If-None-Match)."""
    told = event.get("headers", {}).get("if-none-match", "")
    return {one.strip().removeprefix("W/") for one in told.split(",")}


def _answer(status: int, headers: dict[str, str], body: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": headers, "body": body}
