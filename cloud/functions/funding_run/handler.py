"""Plans a run at its cut-off (F02); commits and files it once a person approved it."""

import json
import os
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import bank, remittance_pdf, wiring
from cloud.funding import process
from cloud.portfolio.process import paid_partners

logger = Logger()
CLOCK = wiring.clock()
RECORDS = wiring.records(os.environ)
DOCUMENTS = wiring.documents(os.environ)
ORIGINATOR = bank.originator(os.environ)
PREPARER = "funding_run"


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Prepare when the schedule fires at a cut-off; carry out when an approval comes."""
    if "Records" in event:
        for record in event["Records"]:
            _carry_out(json.loads(record["body"])["run_id"])
        return {"batchItemFailures": []}
    cutoff = datetime.fromisoformat(event["scheduled_for"])
    partners = paid_partners(RECORDS)
    run = process.prepare(RECORDS, cutoff=cutoff, partners=partners, at=CLOCK.now(), by=PREPARER)
    logger.info("prepared", run=run.id, net_cents=run.net.cents)
    return {"run_id": run.id}


def _carry_out(run_id: str) -> None:
    run = process.run_all_after_approval(
        RECORDS,
        DOCUMENTS,
        run_id=run_id,
        originator=ORIGINATOR,
        renderer=remittance_pdf,
        at=CLOCK.now(),
    )
    logger.info("filed", run=run.id, net_cents=run.net.cents)
