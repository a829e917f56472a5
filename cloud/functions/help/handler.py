"""Shows customers the form by which they ask for help, and takes what they write."""

import base64
import os
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.functions.help import form, page
from cloud.kernel.ids import derived
from cloud.service.process import ask_for_help

logger = Logger()
CLOCK = wiring.clock()
METRICS = wiring.metrics(os.environ)
RECORDS = wiring.records(os.environ, METRICS)
PHONE = os.environ["HELP_DESK_PHONE"]

_FORM = "application/x-www-form-urlencoded"


@METRICS.after_each_call(CLOCK)
def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request: anybody may write, and nobody learns here what is known of a home."""
    match event["requestContext"]["http"]["method"]:
        case "GET" | "HEAD":
            return _answer(200, page.asking(phone=PHONE, said={}, wrong={}))
        case "POST":
            return _taken(event)
    return {**_answer(405, page.refusing(phone=PHONE)), "headers": {**page.HEADERS, "allow": "GET"}}


def _taken(event: dict[str, Any]) -> dict[str, Any]:
    kind = event.get("headers", {}).get("content-type", "").partition(";")[0].strip().lower()
    filled = form.read(_body(event)) if kind == _FORM else None
    if filled is None:
        return _answer(400, page.refusing(phone=PHONE))
    if filled.wrong:
        return _answer(422, page.asking(phone=PHONE, said=filled.said, wrong=filled.wrong))
    return _answer(200, _thanks(filled))


def _thanks(filled: form.Filled) -> str:
    """Keep the request, unless no person wrote it: who sent that learns nothing by the page."""
    said, at = filled.said, CLOCK.now()
    if filled.is_trapped:
        number = derived("HR", *said.values(), at.isoformat())
        logger.info("trapped", number=number)
    else:
        request = ask_for_help(
            RECORDS,
            name=said["name"],
            email=said["email"],
            phone=said.get("phone", ""),
            address=said["address"],
            family=filled.family,
            is_grid_out=filled.is_grid_out,
            says=said["says"],
            at=at,
        )
        number = request.id
        logger.info("asked for help", number=number)
    return page.thanking(
        phone=PHONE, family=filled.family, is_grid_out=filled.is_grid_out, number=number
    )


def _body(event: dict[str, Any]) -> bytes:
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(text).encode()
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # neither ASCII nor base64
        return b""


def _answer(status: int, text: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": dict(page.HEADERS), "body": text}
