"""Answers partners' people with pages; who they are stands in their session, never in a request."""

import os
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.portal.door import Door
from cloud.portal.opening import house
from cloud.portal.partner_views.menu import MENU, views
from cloud.portal.visitors import of_partners

logger = Logger()
METRICS = wiring.metrics(os.environ)
HOUSE = replace(
    house(os.environ, METRICS),
    seals=wiring.webhook_sealer(os.environ),
    to_loopback=wiring.to_loopback(os.environ),
)
DOOR = Door(
    "/portal",
    name="Partner portal",
    views=views(),
    menu=MENU,
    house=HOUSE,
    visitor_of=of_partners(HOUSE.records),
    sessions=wiring.sessions(os.environ),
    sign_in=wiring.sign_in(os.environ),
    clock=wiring.clock(),
)


@METRICS.after_each_call(wiring.clock())
def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request for a page."""
    return DOOR.answer(event)
