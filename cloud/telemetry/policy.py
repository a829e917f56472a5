"""What was agreed on reading the field."""

from datetime import date, timedelta

from cloud.kernel.policy import DESIGN, Rule, Source

FIRST = date(2025, 1, 1)

COUNTER_SLACK = Rule(
    id="T-01",
    unit="time between a day's boundary and the reading taken for it",
    source=Source(DESIGN, "0005 Energy comes from counters"),
    says="a counter read within two hours of midnight stands for midnight: the sun is down",
    values={FIRST: timedelta(hours=2)},
)
LONGEST_DAY = Rule(
    id="T-02",
    unit="hours at rated power",
    source=Source(DESIGN, "0005 Energy comes from counters"),
    says="a counter that rises by more in a day than the rating could make is not believed",
    values={FIRST: 24},
)
