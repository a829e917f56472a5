"""Sees which gateways connect with which certificate, and tells of what looks copied."""

import json
import os
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.kernel.errors import BadInput
from cloud.telemetry.clones import Seen, read
from cloud.telemetry.watching import watch

logger = Logger()
RECORDS = wiring.records(os.environ)
CHUNKS = wiring.chunks(os.environ)
REGISTRY = wiring.device_registry(os.environ)
CLOCK = wiring.clock()
OPERATIONS_MAIL = os.environ["OPERATIONS_MAIL"]


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Take a batch of lifecycle events and statuses; all of it comes again if a store is away.

    What no topic rule of ours made harms no other: it comes again by itself, until it lies with
    the dead letters.
    """
    seen: list[Seen] = []
    failures: list[dict[str, str]] = []
    for record in event["Records"]:
        try:
            found = read(json.loads(record["body"]))
        except (BadInput, KeyError, ValueError, RecursionError) as wrong:
            logger.warning("no_presence", message_id=record["messageId"], because=repr(wrong))
            failures.append({"itemIdentifier": record["messageId"]})
            continue
        if found is not None:
            seen.append(found)
    suspected = watch(
        seen,
        records=RECORDS,
        chunks=CHUNKS,
        registry=REGISTRY,
        operations_mail=OPERATIONS_MAIL,
        at=CLOCK.now(),
    )
    if suspected:
        logger.warning("clone_suspected", gateways=suspected)
    return {"batchItemFailures": failures}
