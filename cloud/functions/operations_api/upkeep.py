"""Routes of upkeep: what has to be done to records after the program changed."""

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.api_gateway import Router
from pydantic import Field

from cloud.adapters import codec
from cloud.adapters.api import answers
from cloud.adapters.reindexing import reindex
from cloud.functions.operations_api.desk import ADMIN, RECORDS, may
from cloud.functions.operations_api.shapes import In, One

router = Router()


class ReindexIn(In):
    """A part of a table: from the beginning, or from where the call before it ended."""

    table: Literal["sites", "operations", "money"]
    after: Annotated[str, Field(max_length=4000)] = ""


@router.post("/ops/reindex", responses=answers(), tags=["Upkeep"], middlewares=[may(ADMIN)])
def reindex_records(body: ReindexIn) -> One:
    """Write anew what the records of a part of a table are found by; `next` is where to go on.

    It changes no record, and may be repeated.
    """
    return One(item=codec.to_shown(reindex(RECORDS, body.table, after=body.after)))
