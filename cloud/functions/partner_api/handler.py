"""What partners' programs call: answer work orders, report visits, send invoices, disagree.

The partner is the one that the token's client belongs to; nothing in a path or a body names it. A
work order of another partner does not exist for the caller.
"""

import os
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.adapters.api import (
    Once,
    claims_of,
    forbidden,
    problem,
    reported,
    resolved,
    resolver,
    stopped_by,
)
from cloud.functions.partner_api import (
    direct_pay,
    disputes,
    events,
    exports,
    extensions,
    invoices,
    organisation,
    papers,
    payouts,
    roles,
    uploads,
    vendor,
    webhooks,
    work_orders,
)
from cloud.functions.partner_api.caller import Caller, call_as, known
from cloud.functions.partner_api.described import completed
from cloud.functions.partner_api.desk import CLOCK, METRICS, RECORDS
from cloud.functions.partner_api.gate import Gate
from cloud.functions.partner_api.limits import Limits, told
from cloud.functions.partner_api.remembering import remembered
from cloud.functions.partner_api.versions import HEADER, VERSIONS, Translated, speak
from cloud.functions.partner_api.webhooks_once import with_secret
from cloud.kernel.errors import BadInput, Conflict, Unavailable
from cloud.portfolio.models import Partner
from cloud.portfolio.process import keep_version
from cloud.service.programs import may_call, standing_status

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
    events,
    webhooks,
    vendor,
):
    app.include_router(part.router)


@METRICS.after_each_call(CLOCK)
def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request of a partner's program."""
    return reported(_counted, event, context, log=logger)


def _counted(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer whoever is a program on record, as often as it may call."""
    found = known(claims_of(event), RECORDS)
    if found is None:
        return forbidden(event, "the token is not a partner's")
    logger.thread_safe_append_keys(program=found.client_id)
    met = LIMITS.met(found.client_id, CLOCK.now())
    stopped = LIMITS.stopped(met)
    answer = stopped_by(event, stopped) if stopped else _spoken_to(found, event, context)
    return {**answer, "headers": {**answer["headers"], **told(met)}}


def _spoken_to(found: Caller, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a program that may call, in the version that it asks for or stays with."""
    at = CLOCK.now()
    owner = None if found.vendor_id else RECORDS.load(Partner, found.partner_id)
    refused = may_call(
        program_id=found.client_id,
        is_stopped=found.is_stopped,
        owner_id=found.partner_id,
        is_owner_active=owner is None or owner.record.active,
    )
    if refused is not None:
        fault = {"code": refused.code, "message": refused.because, "rule": refused.rule}
        status = standing_status(at.date())
        return stopped_by(event, problem(status, "It may not call", refused.because, [fault]))
    asked = event.get("headers", {}).get(HEADER.lower(), "").strip()
    try:
        version = VERSIONS.of_call(asked=asked, own=found.version, on=at.date())
    except BadInput as unknown:
        return stopped_by(event, problem(400, "The request cannot be read", str(unknown)))
    if not found.version:
        _stay_with(version.name, found)
    call_as(found)
    speak(version)
    answer = with_secret(partial(ONCE.answer, event, context, caller=found.client_id))
    return {**answer, "headers": {**version.headers, **answer["headers"]}}


def _stay_with(version: str, found: Caller) -> None:
    """Let a program's first call say its version; what hinders that hinders no call."""
    named: dict[str, Any] = {"program_id": found.client_id, "by": found.client_id}
    try:
        keep_version(RECORDS, version=version, at=CLOCK.now(), **named)
    except (Conflict, Unavailable) as failed:
        logger.warning("version not kept", because=str(failed))


LIMITS = Limits(wiring.buckets(os.environ), mode=os.environ["RATE_LIMITS"])
GATE = Gate(RECORDS, CLOCK, partial(resolved, app))
TRANSLATED = Translated(VERSIONS, GATE.answer)
ONCE = Once(os.environ["IDEMPOTENCY_TABLE"], TRANSLATED.answer, remembered=remembered)


@app.get("/v1/openapi.json", include_in_schema=False)
def openapi() -> dict[str, Any]:
    """Describe this API."""
    # Asked for once a release; the models of OpenAPI take a quarter of a second to import.
    from aws_lambda_powertools.event_handler.openapi.models import Server  # noqa: PLC0415

    schema = app.get_openapi_schema(
        title="Sunreeve partner API", version=VERSIONS.newest.name, servers=[Server(url="/")]
    )
    described: dict[str, Any] = schema.model_dump(mode="json", by_alias=True, exclude_none=True)
    return completed(described, VERSIONS.open_on(CLOCK.now().date()))
