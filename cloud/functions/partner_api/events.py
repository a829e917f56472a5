"""The route of a partner's feed: what happened, in order, for a reader that keeps its cursor."""

from datetime import datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel

from cloud.adapters.api import Forbidden, answers
from cloud.functions.partner_api.caller import caller
from cloud.functions.partner_api.desk import CLOCK, CURSORS, RECORDS, Cursor, Limit
from cloud.functions.partner_api.money_caller import as_accounting_admin
from cloud.kernel.calendar import eastern_day
from cloud.reporting import feed
from cloud.reporting.feed import ToldEvent
from cloud.reporting.telling import read_feed

router = Router()
TAGS = ["Events"]


class AboutOut(BaseModel):
    """What an event is about: load it to see how it stands now."""

    kind: str
    id: str


class EventOut(BaseModel):
    """One event, as webhooks carry it too."""

    id: str
    type: str
    timestamp: datetime
    mode: str
    data: AboutOut

    @classmethod
    def of(cls, event: ToldEvent) -> "EventOut":
        """Give the event."""
        told: dict[str, Any] = event.payload()
        return cls.model_validate(told)


class EventsOut(BaseModel):
    """A page of the feed.

    `next_cursor` is always there: keep it, and ask with it again later. `missed` counts what was
    told after the cursor and had expired before this was asked.
    """

    events: list[EventOut]
    has_more: bool
    next_cursor: str
    missed: int


@router.get("/v1/events", responses=answers(), tags=TAGS)
def list_events(
    type_: Annotated[str, Query(alias="type", max_length=100)] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> EventsOut:
    """List what happened to your work, oldest first, for 30 days; `type` may be `invoice.*`."""
    mine, now = caller(), CLOCK.now()
    wanted = (type_,) if type_ else ()
    feed.require_types(wanted)
    about = f"{mine.partner_id} {mine.principal.mode} events {type_}"
    page = read_feed(
        RECORDS,
        partner_id=mine.partner_id,
        after=int(CURSORS.place_of(cursor, about=about)[0]) if cursor else None,
        limit=limit,
        types=wanted,
        with_money=sees_money(),
        at=now,
    )
    return EventsOut(
        events=[EventOut.of(one) for one in page.events],
        has_more=page.has_more,
        next_cursor=CURSORS.to([str(page.last)], about=about),
        missed=page.missed,
    )


def sees_money() -> bool:
    """Tell whether the caller may know of money (F27)."""
    try:
        as_accounting_admin(caller(), "view_payouts", on=eastern_day(CLOCK.now()))
    except Forbidden:
        return False
    return True
