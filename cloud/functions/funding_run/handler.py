"""Plans a run at its cut-off (F02); carries out what people decided about runs and accounts.

It alone holds the key of the bank accounts, so whatever needs them comes here as a message.
"""

import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import bank, remittance_pdf, wiring
from cloud.funding import process
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Unavailable
from cloud.portfolio import process as portfolio

logger = Logger()
CLOCK = wiring.clock()
METRICS = wiring.metrics(os.environ)
RECORDS = wiring.records(os.environ, METRICS)
DOCUMENTS = wiring.documents(os.environ)
BANK = wiring.bank(os.environ)
ORIGINATOR = bank.originator(os.environ)
OPERATIONS = os.environ["OPERATIONS_MAIL"]
PREPARER = "funding_run"


@METRICS.after_each_call(CLOCK)
def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Prepare a run at its cut-off, check the books at night; else do what messages ask for."""
    if "Records" in event:
        for record in event["Records"]:
            body = json.loads(record["body"])
            TOPICS[body["topic"]](body)
            logger.info("carried out", topic=body["topic"], id=body["id"])
        return {"batchItemFailures": []}
    if event.get("check"):
        process.order_check(RECORDS, by=PREPARER, at=CLOCK.now())
        return {}
    return _prepare(event)


def _prepare(event: Mapping[str, Any]) -> dict[str, Any]:
    cutoff = datetime.fromisoformat(event["scheduled_for"])
    programme = event["programme"]
    run = process.prepare(
        RECORDS,
        cutoff=cutoff,
        published=process.published(RECORDS, programme),
        partners=portfolio.paid_partners(RECORDS),
        at=CLOCK.now(),
        by=event.get("by", PREPARER),
        programme=programme,
    )
    logger.info("prepared", run=run.id, net_cents=run.net.cents)
    return {"run_id": run.id}


def _prepare_anew(body: Mapping[str, Any]) -> None:
    known = process.load_run(RECORDS, body["run_id"]).record
    run = process.prepare(
        RECORDS,
        cutoff=known.cut_off_at,
        published=process.published(RECORDS, known.programme),
        partners=portfolio.paid_partners(RECORDS),
        at=CLOCK.now(),
        by=body["by"],
        programme=known.programme,
    )
    logger.info("prepared anew", run=run.id, net_cents=run.net.cents)


def _open(body: Mapping[str, Any]) -> None:
    _prepare(body)


def _check(body: Mapping[str, Any]) -> None:
    done = process.check_books(
        RECORDS, DOCUMENTS, check_id=body["check_id"], operations=OPERATIONS, at=CLOCK.now()
    )
    logger.info("checked", check=done.id, entries=done.entries, differences=done.differences)


def _carry_out(body: Mapping[str, Any]) -> None:
    run = process.run_all_after_approval(
        RECORDS,
        DOCUMENTS,
        run_id=body["run_id"],
        originator=ORIGINATOR,
        renderer=remittance_pdf,
        at=CLOCK.now(),
    )
    logger.info("filed", run=run.id, net_cents=run.net.cents)


def _send(body: Mapping[str, Any]) -> None:
    run = process.send(
        RECORDS,
        DOCUMENTS,
        BANK,
        run_id=body["run_id"],
        operations=OPERATIONS,
        by=body["by"],
        at=CLOCK.now(),
    )
    logger.info("sent", run=run.id, state=run.state)


def _bank_file(body: Mapping[str, Any]) -> None:
    taken = process.take_bank_file(
        RECORDS,
        DOCUMENTS,
        file_id=body["file_id"],
        company=ORIGINATOR.company_identification,
        operations=OPERATIONS,
        at=CLOCK.now(),
    )
    logger.info("worked through", file=taken.id, entries=taken.count)


def _reversal(body: Mapping[str, Any]) -> None:
    process.make_reversal(
        RECORDS,
        DOCUMENTS,
        trace_number=body["trace_number"],
        originator=ORIGINATOR,
        operations=OPERATIONS,
        at=CLOCK.now(),
    )


def _bank_change(body: Mapping[str, Any]) -> None:
    after = portfolio.apply_bank_change(RECORDS, change_id=body["change_id"], at=CLOCK.now())
    if isinstance(after, Refused):  # a clock that is behind: the message comes again
        raise Unavailable(after.because)


TOPICS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "run_prepare": _prepare_anew,
    "run_open": _open,
    "run_approved": _carry_out,
    "run_send": _send,
    "bank_file": _bank_file,
    "reversal_wanted": _reversal,
    "bank_change_due": _bank_change,
    "books_check": _check,
}
