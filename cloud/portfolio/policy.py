"""What was agreed on projects and their milestones."""

from datetime import date

from cloud.kernel.policy import DESIGN, SERVICE_ARTICLE, Rule, Source

_READINGS = Source(DESIGN, "0014 Readings of the articles, Service")

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

IN_HOUSE_COST = Rule(
    id="R-46",
    unit="parts of what the owner's own people cost",
    source=Source(SERVICE_ARTICLE, "1.1 Service Coordination"),
    says="the owner's own technicians take work beside partners, at an internal price list",
    values={date(2025, 1, 1): ("hours", "kilometres")},
    note="They are ranked like any partner; with a price their work can be back-billed too.",
)
OPT_IN_DECIDED_BY = Rule(
    id="R-47",
    unit="who decides on a partner's wish for more work",
    source=Source(SERVICE_ARTICLE, "1.1 Service Coordination"),
    says="a partner that wants more service work asks its relationship manager",
    values={date(2025, 1, 1): "relationship_manager"},
)
CONTACT_LINK_HOURS = Rule(
    id="M-74b",
    unit="hours in which a new contact is confirmed",
    source=_READINGS,
    says="a new service contact counts once whoever reads its mail has confirmed it, within three "
    "days of being asked",
    values={date(2025, 1, 1): 72},
    note="Until then the old one counts. Which address counted when is kept, as clocks rest on it.",
)
MAY_WORK = Rule(
    id="Q-79",
    unit="what a partner holds on the day of the work",
    source=Source(SERVICE_ARTICLE, "7. Compliance and Quality Expectations"),
    says="whoever is sent is licensed in the state and insured on that day",
    values={date(2025, 1, 1): ("licence", "insurance")},
    note="A last day counts. Where no licence, or no insurance, was ever put on record, the word "
    "that the partner gave when it was registered holds.",
)
VOIDED_BY = Rule(
    id="B-55",
    unit="who may void a warranty",
    source=Source(SERVICE_ARTICLE, "1.3 Customer Responsibilities"),
    says="neglect, modification or denied access may void a warranty",
    values={date(2025, 1, 1): "person"},
    note="May, not does: a person decides and says why; nothing is voided by itself.",
)

TWO_PEOPLE = Rule(
    id="D09",
    unit="people",
    source=Source(DESIGN, "0014 Readings of the articles, Funding"),
    says="what moves money by hand, or ends a project, is proposed by one person and agreed to by "
    "another",
    values={date(2025, 1, 1): 2},
    note="Cancelling a project, taking money for a compliance case, settling a debt by hand, a "
    "change of bank details, a reversal.",
)
