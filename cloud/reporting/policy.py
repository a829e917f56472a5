"""What was agreed about reports: how figures are made fair, and what counts as slow."""

from datetime import date
from typing import Final

from cloud.kernel.policy import DESIGN, SERVICE_ARTICLE, Rule, Source

FIRST_DAY: Final = date(2025, 1, 1)
_READINGS = Source(DESIGN, "0014 Readings of the articles, Service")

PRIOR: Final = Rule(
    id="OR-01",
    unit="hits and tries that every partner starts with",
    source=_READINGS,
    says="a partner's share is counted as if it had eight hits in ten tries before",
    values={FIRST_DAY: (8, 10)},
    note="So one of one is not a hundred percent, and one miss does not end a new partner.",
)
PERFORMANCE_WEIGHTS: Final = Rule(
    id="OR-02",
    unit="weight of each measure, out of 100",
    source=_READINGS,
    says="a partner's performance is the weighted sum of how often it was on time and right",
    values={
        FIRST_DAY: {
            "accept": 25,
            "schedule": 15,
            "complete": 30,
            "first_time_fix": 20,
            "invoice_right": 10,
        }
    },
    note="The article names past performance and no measure of it. Routing takes it as it is.",
)
EMERGENCY_PERCENTILES: Final = Rule(
    id="E-34",
    unit="percentiles of the minutes to the first answer",
    source=Source(SERVICE_ARTICLE, "1.2 Partner Responsibilities"),
    says="a scorecard shows how soon a partner answers emergencies, usually and at its slowest",
    values={FIRST_DAY: (50, 90)},
    note="The article asks for promptness and gives no number, so it is measured and shown.",
)
PERFORMANCE_DAYS: Final = Rule(
    id="OR-03",
    unit="days before the first of the month",
    source=_READINGS,
    says="performance is taken from the work orders of the last 180 days, once a month",
    values={FIRST_DAY: 180},
)
AGE_BUCKETS: Final = Rule(
    id="OR-04",
    unit="days, the first of each bucket",
    source=_READINGS,
    says="what is open is shown by age: up to 2, 5, 10, 14 and 30 days, and beyond",
    values={FIRST_DAY: (0, 2, 5, 10, 14, 30)},
)
CUSTOMER_BAR_DAYS: Final = Rule(
    id="OR-05",
    unit="elapsed days from opening a case to its resolution",
    source=_READINGS,
    says="a customer who waits more than fourteen days waits longer than is usual",
    values={FIRST_DAY: 14},
    note="The median that the owner told in public; a bar to measure by, not a promise.",
)
CLUSTER_CENTS: Final = Rule(
    id="OR-06",
    unit="cents of an invoice, from and up to",
    source=_READINGS,
    says="invoices from $450.00 up to the limit of $500.00 are counted by themselves",
    values={FIRST_DAY: (45_000, 50_000)},
    note="Many of them just below a limit are a sign, not a proof.",
)
CONFIDENCE_Z: Final = Rule(
    id="OR-07",
    unit="standard deviations, in hundredths",
    source=_READINGS,
    says="precision is told with the Wilson interval of 95 %",
    values={FIRST_DAY: 196},
)
