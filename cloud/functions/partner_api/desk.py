"""What all routes of the partner API work with, made once when the function starts."""

import os
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from aws_lambda_powertools.event_handler.openapi.params import Query

from cloud.adapters import wiring
from cloud.adapters.cursors import MOST, Cursors
from cloud.functions.partner_api.caller import caller

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=MOST)]
Cursor = Annotated[str, Query(max_length=1000)]

CLOCK = wiring.clock()
METRICS = wiring.metrics(os.environ)
RECORDS = wiring.records(os.environ, METRICS)
DOCUMENTS = wiring.documents(os.environ)
OUTSIDE = wiring.uploads(os.environ)
SIGNATURES = wiring.signatures(os.environ)
CURSORS = Cursors(SIGNATURES)


def page(
    found: Sequence[T],
    *,
    of: str,
    place: Callable[[T], list[str]],
    limit: int,
    cursor: str,
) -> tuple[list[T], str]:
    """Give a page of the caller's list and the cursor of the next.

    Args:
        found: everything in the list.
        of: the list's name with its filters, so that a cursor goes on in the same list only.
        place: where an entry stands.
        limit: entries of this page.
        cursor: of the page before.
    """
    about = f"{caller().partner_id} {caller().principal.mode} {of}"
    return CURSORS.page(found, about=about, place=place, limit=limit, cursor=cursor)
