"""Routes by which a partner's program asks to be told at a URL of its own."""

import os
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from cloud.adapters import wiring
from cloud.adapters.api import Forbidden, allowed, answers
from cloud.functions.partner_api.caller import caller, common
from cloud.functions.partner_api.desk import CLOCK, CURSORS, RECORDS, Cursor, Limit
from cloud.functions.partner_api.events import EventOut, sees_money
from cloud.functions.partner_api.webhooks_once import show_once
from cloud.functions.partner_api.webhooks_shapes import (
    DeletedOut,
    DeliveriesOut,
    DeliveryOut,
    EndpointChangeIn,
    EndpointIn,
    EndpointOut,
    EndpointsOut,
    NewEndpointOut,
    SendAgainIn,
    SentAgainOut,
    State,
)
from cloud.reporting import endpoints
from cloud.reporting.telling import endpoints_of
from cloud.reporting.webhooks import SECRET_BYTES, WebhookEndpoint, secret_of

router = Router()
TAGS = ["Webhooks"]
HEARS = "event:read"
"""Scope without which nobody names where events go, or which: they are read there."""
SEALER = wiring.webhook_sealer(os.environ)
TO_LOOPBACK = wiring.to_loopback(os.environ)


@router.get("/v1/webhook_endpoints", responses=answers(), tags=TAGS)
def list_endpoints() -> EndpointsOut:
    """List your endpoints, oldest first; there are at most ten (WH-04)."""
    now = CLOCK.now()
    found = endpoints_of(RECORDS, caller().partner_id)
    return EndpointsOut(webhook_endpoints=[EndpointOut.of(one, now) for one in found])


@router.post("/v1/webhook_endpoints", responses=answers(), tags=TAGS)
def create_endpoint(body: EndpointIn) -> NewEndpointOut:
    """Be told at a URL; the secret in the answer is shown this once (WH-04, WH-07)."""
    _require_hearing()
    secret = secret_of(token_bytes(SECRET_BYTES))
    made = allowed(
        endpoints.create(
            RECORDS,
            SEALER,
            url=body.url,
            types=tuple(body.types),
            secret=secret,
            to_loopback=TO_LOOPBACK,
            **common(CLOCK.now()),
        )
    )
    show_once(made.id, secret)
    return NewEndpointOut.of(made, CLOCK.now())


@router.get("/v1/webhook_endpoints/<endpoint_id>", responses=answers(), tags=TAGS)
def get_endpoint(endpoint_id: str) -> EndpointOut:
    """Give one endpoint as it stands; of its secret the last four characters."""
    return EndpointOut.of(_own(endpoint_id), CLOCK.now())


@router.post("/v1/webhook_endpoints/<endpoint_id>", responses=answers(), tags=TAGS)
def change_endpoint(endpoint_id: str, body: EndpointChangeIn) -> EndpointOut:
    """Change where an endpoint is, what it is told, or whether it is on; the rest stays."""
    if body.url is not None or body.types is not None:
        _require_hearing()
    after = allowed(
        endpoints.change(
            RECORDS,
            endpoint_id=endpoint_id,
            url=body.url,
            types=None if body.types is None else tuple(body.types),
            is_active=body.is_active,
            to_loopback=TO_LOOPBACK,
            **common(CLOCK.now()),
        )
    )
    return EndpointOut.of(after, CLOCK.now())


@router.post("/v1/webhook_endpoints/<endpoint_id>/delete", responses=answers(), tags=TAGS)
def delete_endpoint(endpoint_id: str) -> DeletedOut:
    """Send nothing there any more, and forget its secrets."""
    endpoints.delete(RECORDS, endpoint_id=endpoint_id, **common(CLOCK.now()))
    return DeletedOut(id=endpoint_id)


@router.post("/v1/webhook_endpoints/<endpoint_id>/rotate", responses=answers(), tags=TAGS)
def rotate_secret(endpoint_id: str) -> NewEndpointOut:
    """Have a new secret, shown this once; the former one signs beside it for a day (WH-05)."""
    secret = secret_of(token_bytes(SECRET_BYTES))
    after = allowed(
        endpoints.rotate(
            RECORDS, SEALER, endpoint_id=endpoint_id, secret=secret, **common(CLOCK.now())
        )
    )
    show_once(after.id, secret)
    return NewEndpointOut.of(after, CLOCK.now())


@router.post("/v1/webhook_endpoints/<endpoint_id>/test", responses=answers(), tags=TAGS)
def test_endpoint(endpoint_id: str) -> EventOut:
    """Have an event sent there that says nothing, `webhook_endpoint.ping`."""
    sent = endpoints.ping(RECORDS, endpoint_id=endpoint_id, **common(CLOCK.now()))
    return EventOut.of(allowed(sent))


@router.get("/v1/webhook_endpoints/<endpoint_id>/deliveries", responses=answers(), tags=TAGS)
def list_deliveries(
    endpoint_id: str,
    state: Annotated[State, Query()] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> DeliveriesOut:
    """List what was sent there or waits to be, newest first, with every try (WH-02)."""
    endpoint = _own(endpoint_id)
    with_money = sees_money()
    about = f"{caller().partner_id} deliveries {endpoint_id} {state}"
    page = endpoints.deliveries(
        RECORDS,
        endpoint,
        below=int(CURSORS.place_of(cursor, about=about)[0]) if cursor else None,
        limit=limit,
        state=state,
        with_money=with_money,
        at=CLOCK.now(),
    )
    return DeliveriesOut(
        deliveries=[DeliveryOut.of(one) for one in page.deliveries],
        has_more=page.has_more,
        next_cursor=CURSORS.to([str(page.below)], about=about) if page.has_more else "",
    )


@router.post("/v1/webhook_endpoints/<endpoint_id>/redeliver", responses=answers(), tags=TAGS)
def redeliver(endpoint_id: str, body: SendAgainIn) -> SentAgainOut:
    """Have one event sent again, or all that failed or got lost since an instant (WH-11)."""
    again = allowed(
        endpoints.redeliver(
            RECORDS,
            endpoint_id=endpoint_id,
            partner_id=caller().partner_id,
            event_id=body.event_id,
            since=body.since,
            at=CLOCK.now(),
        )
    )
    return SentAgainOut(count=again.count, has_more=again.has_more)


def _require_hearing() -> None:
    if HEARS not in caller().principal.scopes:
        msg = f"the token lacks the scope sunreeve/{HEARS}, without which nothing is told"
        raise Forbidden(msg)


def _own(endpoint_id: str) -> WebhookEndpoint:
    partner_id = caller().partner_id
    return endpoints.own_endpoint(RECORDS, endpoint_id=endpoint_id, partner_id=partner_id).record
