"""Says yes or no to devices that ask for a certificate, before AWS IoT gives them one.

It is the pre-provisioning hook of both templates ("Pre-provisioning hooks", AWS IoT Core developer
guide): of devices that come in by a claim, and of those that renew their own certificate. AWS waits
five seconds for it, and takes an error for a no.
"""

import os
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.adapters.device_registry import public_key_digest
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.portfolio.devices import asked
from cloud.portfolio.process.devices import provision, renew

logger = Logger()
RECORDS = wiring.records(os.environ)
CLOCK = wiring.clock()
DECIDES = {os.environ["CLAIM_TEMPLATE"]: provision, os.environ["RENEW_TEMPLATE"]: renew}
"""Template -> who decides on what asks for it."""


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one device; it hears yes or no, and the rule stands in the log."""
    decide = DECIDES[str(event["templateArn"]).rpartition("/")[2]]
    try:
        digest = public_key_digest(str(event.get("certificatePem", "")))
        wanted = asked(event, key_digest=digest)
    except BadInput as wrong:
        logger.warning("device_unreadable", because=str(wrong))
        return {"allowProvisioning": False}
    answer = decide(RECORDS, wanted, at=CLOCK.now())
    if isinstance(answer, Refused):
        logger.warning("device_refused", serial=wanted.serial, rule=answer.rule, code=answer.code)
        return {"allowProvisioning": False}
    logger.info("device_admitted", serial=wanted.serial, gateway=answer.gateway_id)
    overrides = {"ThingName": answer.gateway_id, "SerialNumber": answer.id}
    return {"allowProvisioning": True, "parameterOverrides": overrides}
