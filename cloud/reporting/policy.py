"""What was agreed about reports: how figures are made fair, and what counts as slow."""

from datetime import date
from typing import Final

from cloud.kernel.policy import DESIGN, SERVICE_ARTICLE, Rule, Source

FIRST_DAY: Final = date(2025, 1, 1)
_READINGS = Source(DESIGN, "0014 Readings of the articles, Service")
_WEBHOOKS = Source(DESIGN, "0026 Webhooks without a client library")

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
SCHEDULE_OWNER: Final = Rule(
    id="OR-10",
    unit="who changes or ends a scheduled report",
    source=_READINGS,
    says="a report schedule belongs to its maker: only the maker or an administrator changes it",
    values={FIRST_DAY: ("maker", "admin")},
)
SCHEDULE_ROLE: Final = Rule(
    id="OR-11",
    unit="whose role decides",
    source=_READINGS,
    says="a scheduled report stops when its maker lost the role that reads it; who got it is told",
    values={FIRST_DAY: "maker"},
    note="The user pool is asked at each sending, so that a role that is lost counts at once.",
)
SCHEDULE_ADDRESSES: Final = Rule(
    id="OR-12",
    unit="addresses of one schedule",
    source=_READINGS,
    says="scheduled reports go to mailboxes of the owner's own domain, ten of them at most",
    values={FIRST_DAY: 10},
)
MOST_SCHEDULES: Final = Rule(
    id="OR-13",
    unit="running schedules of one person",
    source=_READINGS,
    says="a person has at most twenty scheduled reports",
    values={FIRST_DAY: 20},
)
ATTACHMENT_BYTES: Final = Rule(
    id="OR-14",
    unit="bytes of a report that goes out with its mail",
    source=_READINGS,
    says="a report above six million bytes is not attached but linked to, behind the sign-in",
    values={FIRST_DAY: 6_000_000},
    note="Written for a mail it grows by a third; many mailboxes take no more than ten million.",
)
SCHEDULE_TRIES: Final = Rule(
    id="OR-15",
    unit="tries at one due instant",
    source=_READINGS,
    says="a scheduled report is given up after five tries; its maker is told, once in a row",
    values={FIRST_DAY: 5},
    note=(
        "What no further try can mend is told at the first one. The schedule says since when it "
        "fails, and goes on; the first report that leaves ends the row. Where the pool knows no "
        "address of the maker's, those are told who get the report."
    ),
)
FEED_DAYS: Final = Rule(
    id="WH-01",
    unit="days from writing an event down",
    source=_WEBHOOKS,
    says="partners can read what they were told for 30 days",
    values={FIRST_DAY: 30},
)
RETRY_SECONDS: Final = Rule(
    id="WH-02",
    unit="seconds from a failed try to the next, one for each try after the first",
    source=_WEBHOOKS,
    says="a webhook is tried eight times within 27.6 hours, then it waits to be asked for",
    values={FIRST_DAY: (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)},
    note="What is due is looked for each minute, so that the shortest pause may take one.",
)
ATTEMPT_LIMITS: Final = Rule(
    id="WH-03",
    unit="seconds until an answer must be there, and bytes of it that are read",
    source=_WEBHOOKS,
    says="only an answer 2xx within ten seconds counts; of it 64 KiB are read and none is kept",
    values={FIRST_DAY: (10, 65_536)},
)
MOST_ENDPOINTS: Final = Rule(
    id="WH-04",
    unit="webhook endpoints of one organisation",
    source=_WEBHOOKS,
    says="an organisation has at most ten webhook endpoints",
    values={FIRST_DAY: 10},
)
ROTATION_HOURS: Final = Rule(
    id="WH-05",
    unit="hours from a rotation, and secrets that sign at once",
    source=_WEBHOOKS,
    says="a secret that was replaced signs beside the new one for 24 hours; at most three sign",
    values={FIRST_DAY: (24, 3)},
    note="A rotation that would end a secret before its day is over is refused.",
)
SECRET_AGAIN_MINUTES: Final = Rule(
    id="WH-12",
    unit="minutes in which the form that made a secret shows it again",
    source=_WEBHOOKS,
    says="a form that is sent twice makes one secret, and shows it both times",
    values={FIRST_DAY: 10},
    note=(
        "To the person who sent it, and for that form alone: the secret follows from what the form "
        "drew and from a key of ours, and is kept nowhere in clear. Later it is shown to nobody."
    ),
)
DEAD_AFTER_DAYS: Final = Rule(
    id="WH-06",
    unit="days in which nothing but failures came",
    source=_WEBHOOKS,
    says="an endpoint that only failed for five days is switched off; so is one that answers 410",
    values={FIRST_DAY: 5},
    note=(
        "The service contact is written to. Events go on into the feed. Failures that are further "
        "apart than a webhook is tried for (WH-02) do not belong together."
    ),
)
CLOSED_NETWORKS: Final = Rule(
    id="WH-07",
    unit="networks, as the IANA registries of special-purpose addresses name them",
    source=_WEBHOOKS,
    says="nothing is sent to an address that is not plainly public",
    values={
        FIRST_DAY: (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/3",
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "2620:4f:8000::/48",
            "3fff::/20",
            "4000::/2",
            "8000::/1",
        )
    },
    note=(
        "Of IPv6 only 2000::/3 is left, without Teredo and 6to4. ::/3 holds mapped and NAT64 "
        "addresses: what is reached through them is not looked at, it is refused."
    ),
)
REST_SECONDS: Final = Rule(
    id="WH-08",
    unit="seconds after a try that got no answer in time",
    source=_WEBHOOKS,
    says="an endpoint that does not answer is left alone for a minute, whatever waits for it",
    values={FIRST_DAY: 60},
    note="So a slow one takes no time from others. Waiting does not count as a try.",
)
SLOW_SECONDS: Final = Rule(
    id="WH-09",
    unit="seconds of an answer",
    source=_WEBHOOKS,
    says="an endpoint that takes more than three seconds to answer rests like one that does not",
    values={FIRST_DAY: 3},
    note="Its answer counts all the same.",
)
PLACES: Final = Rule(
    id="WH-10",
    unit="seconds from one call to the next, and seconds that a line of them may be long",
    source=_WEBHOOKS,
    says="an endpoint that rested gets a call each five seconds until nothing waits in line for it",
    values={FIRST_DAY: (5, 3_600)},
    note=(
        "Who comes sooner gets the next place in line, at most an hour ahead; whoever finds the "
        "line that long comes again after it. What is due is looked for each minute, so that a "
        "minute's calls may go together."
    ),
)
ASKED_PACE: Final = Rule(
    id="WH-11",
    unit="requests at once, seconds until there is one more, seconds between what one sends again",
    source=_WEBHOOKS,
    says="an endpoint is tried out or sent to again ten times at once, then once a minute",
    values={FIRST_DAY: (10, 60, 5)},
    note="What they send again leaves one after another, at most an hour ahead (WH-10).",
)
