"""Answers the owner's people with pages; which roles they have the user pool says."""

import os
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.portal.console_views.menu import MENU, views
from cloud.portal.door import Door
from cloud.portal.opening import house
from cloud.portal.visitors import of_owner

logger = Logger()
METRICS = wiring.metrics(os.environ)
DOOR = Door(
    "/console",
    name="Operations console",
    views=views(),
    menu=MENU,
    house=house(os.environ, METRICS),
    visitor_of=of_owner(wiring.staff(os.environ), wiring.clock()),
    sessions=wiring.sessions(os.environ),
    sign_in=wiring.sign_in(os.environ),
    clock=wiring.clock(),
)


@METRICS.after_each_call(wiring.clock())
def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request for a page."""
    return DOOR.answer(event)
