"""Routes of projects."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters.api import answers
from cloud.functions.operations_api.desk import (
    CLOCK,
    PROJECTS,
    RECORDS,
    may,
    person,
    shown,
)
from cloud.functions.operations_api.shapes import (
    MilestoneIn,
    One,
)
from cloud.portfolio.process import record_milestone

router = Router()


@router.post(
    "/ops/projects/<project_id>/milestones",
    responses=answers(),
    tags=["Projects"],
    middlewares=[may(PROJECTS)],
)
def reach_milestone(project_id: str, body: MilestoneIn) -> One:
    """Record a milestone, at the instant of this call (P-01)."""
    by = person().name
    return shown(
        record_milestone(
            RECORDS, project_id=project_id, milestone=body.milestone, at=CLOCK.now(), by=by
        )
    )
