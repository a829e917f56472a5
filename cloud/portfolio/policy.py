"""What was agreed on projects and their milestones."""

from datetime import date

from cloud.kernel.policy import DESIGN, Rule, Source

MILESTONE_INSTANT = Rule(
    id="P-01",
    unit="records of a milestone that count",
    source=Source(DESIGN, "0007 The server's instant is the milestone's"),
    says="a milestone counts from the instant at which the server first recorded it",
    values={date(2025, 1, 1): 1},
)
