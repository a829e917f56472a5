"""What partners' programs call: answer work orders, report visits, send invoices, disagree.

The partner is the one that the token's client belongs to; nothing in a path or a body names it. A
work order of another partner does not exist for the caller.
"""

import os
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters.api import Once, claims_of, forbidden, resolved, resolver
from cloud.functions.partner_api import (
    direct_pay,
    disputes,
    exports,
    extensions,
    invoices,
    organisation,
    papers,
    payouts,
    roles,
    uploads,
    vendor,
    work_orders,
)
from cloud.functions.partner_api.caller import call_as, known
from cloud.functions.partner_api.described import completed
from cloud.functions.partner_api.desk import CLOCK, RECORDS
from cloud.functions.partner_api.gate import Gate
from cloud.functions.partner_api.remembering import remembered

logger = Logger()
app = resolver()
for part in (
    work_orders,
    uploads,
    invoices,
    disputes,
    organisation,
    papers,
    payouts,
    roles,
    exports,
    extensions,
    direct_pay,
    vendor,
):
    app.include_router(part.router)


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request of a partner's program."""
    found = known(claims_of(event), RECORDS)
    if found is None:
        return forbidden(event, "the token is not a partner's")
    call_as(found)
    return ONCE.answer(event, context, caller=found.client_id)


GATE = Gate(RECORDS, CLOCK, partial(resolved, app))
ONCE = Once(os.environ["IDEMPOTENCY_TABLE"], GATE.answer, remembered=remembered)


@app.get("/v1/openapi.json", include_in_schema=False)
def openapi() -> dict[str, Any]:
    """Describe this API."""
    # Asked for once a release; the models of OpenAPI take a quarter of a second to import.
    from aws_lambda_powertools.event_handler.openapi.models import Server  # noqa: PLC0415

    schema = app.get_openapi_schema(
        title="Sunreeve partner API", version="2026-11-22", servers=[Server(url="/")]
    )
    described: dict[str, Any] = schema.model_dump(mode="json", by_alias=True, exclude_none=True)
    return completed(described)
