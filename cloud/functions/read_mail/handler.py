"""Reads the mails that came in, and notes what became of those that went out."""

import json
import os
from datetime import datetime
from functools import cache, partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from cloud.adapters import wiring
from cloud.adapters.mail import LETTER_TAG
from cloud.adapters.mime import read
from cloud.functions.read_mail.desks import DESKS
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Unavailable
from cloud.service.mail import ArrivedMail
from cloud.service.process.mailroom import Mailroom, Parcel, release, take_in
from cloud.service.process.releasing import MAIL_RELEASE
from cloud.service.process.sending import arrived, came_back, still_tried

logger = Logger()
METRICS = wiring.metrics(os.environ)
RECORDS = wiring.records(os.environ, METRICS)
DOCUMENTS = wiring.documents(os.environ)
ROOM = Mailroom(
    RECORDS, wiring.uploads(os.environ), signatures=wiring.signatures(os.environ), desks=DESKS
)
PROCESSOR = BatchProcessor(event_type=EventType.SQS)


@METRICS.after_each_call(wiring.clock())
def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take each event on its own: one that fails comes again, and harms no other."""
    return dict(
        process_partial_response(
            event=event, record_handler=_take, processor=PROCESSOR, context=context
        )
    )


def _take(record: SQSRecord) -> None:
    told = json.loads(record.body)
    sources = {"aws.s3": _came, "aws.ses": _went, MAIL_RELEASE: _vouched_for}
    sources[told.get("source") or told["topic"]](told)


def _came(told: dict[str, Any]) -> None:
    """Take in a mail that SES put into the document store."""
    raw = told["detail"]["object"]["key"]
    mail = read(DOCUMENTS.get(raw))
    at = datetime.fromisoformat(told["time"])
    filed = take_in(ROOM, Parcel(mail, raw, cache(partial(_texts_of, mail)), at))
    logger.info("mail read", mail=filed.id, state=filed.state, about=filed.thread)


def _vouched_for(told: dict[str, Any]) -> None:
    """Read a mail that was put aside, because a person vouches for it."""
    raw = told["raw"]
    mail = read(DOCUMENTS.get(raw))
    came_at = datetime.fromisoformat(told["came_at"])
    parcel = Parcel(mail, raw, cache(partial(_texts_of, mail)), came_at)
    filed = release(
        ROOM,
        parcel,
        mail_id=told["mail_id"],
        work_order_id=told["work_order_id"],
        partner_id=told["partner_id"],
        at=datetime.fromisoformat(told["at"]),
        by=told["by"],
    )
    became = filed.because if isinstance(filed, Refused) else filed.state
    logger.info("mail released", mail=told["mail_id"], became=became)


def _texts_of(mail: ArrivedMail) -> tuple[str, ...]:
    """Give the text of the papers that came with a mail."""
    # Few mails bring papers, and what reads them takes long to import.
    from cloud.adapters.mime_papers import texts_of  # noqa: PLC0415

    return texts_of(mail)


def _went(told: dict[str, Any]) -> None:
    """Note what SES says of a letter.

    A bounce that is not permanent says nothing for good (Amazon SES developer guide, Contents of
    event data, Bounce object).

    Raises:
        Unavailable: the letter is not on record yet; the event comes again.
    """
    detail = told["detail"]
    letter_id = detail["mail"]["tags"][LETTER_TAG][0]
    message_id = detail["mail"]["messageId"]
    kind = detail["eventType"]
    facts = detail[kind.lower()]
    at = datetime.fromisoformat(facts["timestamp"])
    if kind == "Delivery":
        noted = arrived(RECORDS, letter_id=letter_id, message_id=message_id, delivered_at=at)
    elif kind == "Bounce" and facts["bounceType"] != "Permanent":
        noted = still_tried(
            RECORDS, letter_id=letter_id, message_id=message_id, because=_because(facts)
        )
    else:
        noted = came_back(
            RECORDS, letter_id=letter_id, message_id=message_id, because=_because(facts), at=at
        )
    if noted is None:
        msg = f"noting {kind} of letter {letter_id}: it is not on record yet, try again"
        raise Unavailable(msg)
    logger.info("letter", letter=letter_id, became=noted.state)


def _because(facts: dict[str, Any]) -> str:
    """Say in words why a letter came back, without anybody's address."""
    told = facts.get("bounceType", ""), facts.get("bounceSubType", "")
    return " ".join(one for one in told if one) or facts.get("complaintFeedbackType", "complaint")
