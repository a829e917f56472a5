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
SERVED_OFFSETS = Rule(
    id="P-02",
    unit="hours of standard time from UTC",
    source=Source(DESIGN, "0005 Energy comes from counters"),
    says="homes are served where standard time is Eastern, Central, Mountain or Pacific",
    values={date(2025, 1, 1): (-5, -6, -7, -8)},
    note="A sweep is scheduled for each of them; a home elsewhere would never be judged.",
)
