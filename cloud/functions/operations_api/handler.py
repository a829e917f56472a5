"""What the owner's people decide: spending, causes, invoices, milestones, runs.

Who it is and which roles they have stands in the token, never in the request.
"""

from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters.api import claims_of, groups_of, reported, resolved, resolver
from cloud.functions.operations_api import (
    cases,
    detection,
    devices,
    direct_pay,
    disputes,
    extensions,
    funding,
    gateways,
    invoices,
    mails,
    organisations,
    partner_papers,
    payouts,
    projects,
    reductions,
    reports,
    upkeep,
    work_orders,
)
from cloud.functions.operations_api.desk import CLOCK, METRICS, Person, ask_as

logger = Logger()
app = resolver()
for part in (
    cases,
    work_orders,
    organisations,
    detection,
    invoices,
    disputes,
    mails,
    projects,
    partner_papers,
    funding,
    extensions,
    payouts,
    reductions,
    reports,
    direct_pay,
    gateways,
    devices,
    upkeep,
):
    app.include_router(part.router)


@METRICS.after_each_call(CLOCK)
def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request of the owner's people."""
    return reported(_answered, event, context, log=logger)


def _answered(event: dict[str, Any], context: Any) -> dict[str, Any]:
    claims = claims_of(event)
    was_shown = event.get("headers", {}).get("if-match", "").strip().strip('"')
    ask_as(Person(claims.get("username", ""), groups_of(claims), was_shown))
    return resolved(app, event, context)
