"""What was agreed about service: who goes, by when, and what counts as an answer or a report."""

from datetime import date
from typing import Final

from cloud.kernel.calendar import US_BANK
from cloud.kernel.policy import DESIGN, SERVICE_ARTICLE, Rule, Source

FIRST_DAY: Final = date(2025, 1, 1)

_DETECTION = Source(SERVICE_ARTICLE, "1.1 Intelligent Issue Detection")
_EMERGENCY = Source(SERVICE_ARTICLE, "1.1 Emergency Service")
_SLA = Source(SERVICE_ARTICLE, "1.1 Service Level Agreements")
_ROUTING = Source(SERVICE_ARTICLE, "2. Service Request Routing")
_REPORT = Source(SERVICE_ARTICLE, "3. How to Report Service Findings")
_READINGS = Source(DESIGN, "0014 Readings of the articles, Service")

VISITS_ON: Final = Rule(
    id="D-15",
    unit="what sends somebody to a site",
    source=_DETECTION,
    says="somebody is sent where a visit is needed: on a finding sure enough for it, or an "
    "emergency",
    values={FIRST_DAY: ("dispatchable", "emergency")},
)

CASE_OWNERS: Final = Rule(
    id="C-15",
    unit="owner of a case, not onboarded and onboarded with the support center",
    source=Source(SERVICE_ARTICLE, "1.1 Servicing the System"),
    says="a system onboarded with the support center is handled there, every other by the "
    "owner's aftermarket service",
    values={FIRST_DAY: ("ams", "omnidian")},
    note="After a hand-over no partner's clock starts; telemetry goes on being judged.",
)

REOPENS: Final = Rule(
    id="C-16",
    unit="days since the case was resolved",
    source=_READINGS,
    says="what comes back within fourteen days is the same case: it is opened again",
    values={FIRST_DAY: 14},
    note="Elapsed time, the last instant included. Each time counts as a first fix that missed.",
)

ACCEPT_DAYS: Final = Rule(
    id="S-20",
    unit="business days",
    source=_SLA,
    says="a partner accepts or declines a work order within two business days of receiving it",
    values={FIRST_DAY: 2},
    note="Other sections say two days; the table says business days, and a 20 % markup hangs on "
    "it, so the reading kinder to the partner holds. The clock starts when the mail is delivered.",
)

ACKNOWLEDGED_IS_ANSWERED: Final = Rule(
    id="S-20b",
    unit="what an acknowledgement without an acceptance leads to",
    source=_READINGS,
    says="a partner that acknowledged but did not accept is chased, not replaced by itself",
    values={FIRST_DAY: "chase_partner"},
)

SCHEDULE_DAYS: Final = Rule(
    id="S-21",
    unit="business days",
    source=_SLA,
    says="the partner first tries to reach the homeowner within two business days",
    values={FIRST_DAY: 2},
    note="From acceptance, or from spend approval where one was needed; met by an attempt, not by "
    "a booking.",
)

COMPLETE_DAYS: Final = Rule(
    id="S-22",
    unit="business days",
    source=_SLA,
    says="the work is done and reported within ten business days",
    values={FIRST_DAY: 10},
    note="Starts with the scheduling clock, so that a reassignment never hands over a spent clock.",
)

PAUSE_REASONS: Final = Rule(
    id="S-23",
    unit="reasons that stop a clock",
    source=_SLA,
    says="an unresponsive homeowner, weather, shipping of equipment and further visits stop the "
    "clocks of scheduling and completion",
    values={
        FIRST_DAY: (
            "homeowner_unresponsive",
            "weather",
            "equipment_shipping_delay",
            "multi_visit",
            "awaiting_owner",
        )
    },
    note="Pauses are intervals that are unioned, never added up. The last reason is ours: a "
    "partner cannot be late while it waits for our approval.",
)

PAUSE_BACKDATING_DAYS: Final = Rule(
    id="S-23b",
    unit="business days",
    source=_READINGS,
    says="a pause begins at most one business day before it is declared",
    values={FIRST_DAY: 1},
)

HOMEOWNER_ATTEMPTS: Final = Rule(
    id="S-23c",
    unit="days with an attempt to reach the homeowner",
    source=_READINGS,
    says="a homeowner is unresponsive after attempts on two different days",
    values={FIRST_DAY: 2},
)

CALENDAR: Final = Rule(
    id="S-24",
    unit="calendar of closed days",
    source=_READINGS,
    says="business days are Monday to Friday without the Federal Reserve's holidays",
    values={FIRST_DAY: US_BANK},
    note="The same calendar as the funding runs', so that one list is kept.",
)

EXTRA_CLOSURES: Final[Rule[frozenset[date]]] = Rule(
    id="S-24b",
    unit="days on which the owner's offices are closed",
    source=_READINGS,
    says="the owner's own closed days are no business days",
    values={FIRST_DAY: frozenset()},
)

HOURS: Final = Rule(
    id="S-25",
    unit="local time of opening and of closing",
    source=_READINGS,
    says="what arrives out of hours counts from the next opening; a deadline is a closing time",
    values={FIRST_DAY: ("08:00", "17:00")},
)

ZONE_OF_THE_CLOCKS: Final = Rule(
    id="S-26",
    unit="whose time zone",
    source=_READINGS,
    says="clocks run on the wall time of the site, kept on the work order when it is issued",
    values={FIRST_DAY: "site"},
)

PAUSABLE: Final = Rule(
    id="S-27",
    unit="milestones whose clock a pause stops",
    source=_READINGS,
    says="no exception keeps anyone from answering a mail: acceptance is never paused",
    values={FIRST_DAY: ("schedule", "complete")},
)

EMERGENCIES: Final = Rule(
    id="E-31",
    unit="kinds of hazard, at any time and during an outage of the grid",
    source=_EMERGENCY,
    says="roof leaks, electrical hazards and thermal events are emergencies, a failing battery "
    "only while the grid is out",
    values={
        FIRST_DAY: (
            ("roof_leak", "electrical_hazard", "thermal_event"),
            ("bess_malfunction",),
        )
    },
    note="The outage binds to the battery alone.",
)

EMERGENCY_ACK_MINUTES: Final = Rule(
    id="E-32",
    unit="minutes of elapsed time, day and night",
    source=_EMERGENCY,
    says="in an emergency the partner acknowledges at once",
    values={FIRST_DAY: 60},
    note="The article gives no number; sixty minutes are ours and never pause.",
)

EMERGENCY_CHANNELS: Final = Rule(
    id="E-32b",
    unit="ways in which the partner is reached",
    source=_EMERGENCY,
    says="in an emergency the partner is reached by mail and by telephone",
    values={FIRST_DAY: ("email", "phone")},
)

EMERGENCY_REPLACEMENT: Final = Rule(
    id="E-33",
    unit="answers after which another partner may be sent",
    source=_EMERGENCY,
    says="where the partner cannot respond to an emergency, another one may be sent",
    values={FIRST_DAY: ("declined", "silent")},
)

ROUTING_WEIGHTS: Final = Rule(
    id="R-42",
    unit="weight of performance and of proximity, out of 100",
    source=_ROUTING,
    says="work goes to the partner that fits best by place, scope and past performance",
    values={FIRST_DAY: (60, 40)},
    note="The article names no weights; ours are integers, and the whole ranking is kept.",
)

FULL_PROXIMITY: Final = Rule(
    id="R-42b",
    unit="points",
    source=_READINGS,
    says="a partner next door has all points of proximity, one at the end of its range has none",
    values={FIRST_DAY: 100},
)

INSTALLER_FIRST: Final = Rule(
    id="R-43",
    unit="times that the original installer is offered the work before others",
    source=_ROUTING,
    says="where workmanship is suspected the original installer is offered the work first",
    values={FIRST_DAY: 1},
    note="Also in an emergency. Only an inactive, unlicensed or excluded installer is passed over.",
)

REASSIGNMENT: Final = Rule(
    id="R-44",
    unit="who starts a reassignment, after a decline and after silence",
    source=Source(SERVICE_ARTICLE, "6. Non-Response or Refusal to Service"),
    says="work that is declined or left unanswered may be given to another partner",
    values={FIRST_DAY: ("policy", "spc")},
    note="A right, not a duty: an acceptance that comes late but before it is used stands.",
)

OWN_INSTALLS_ONLY: Final = Rule(
    id="R-45",
    unit="systems that a partner serves without having opted in",
    source=Source(SERVICE_ARTICLE, "1.1 Service Coordination"),
    says="a partner that has not opted in is given work on its own installs only",
    values={FIRST_DAY: "own"},
)

REPORT_SECTIONS: Final = Rule(
    id="P-71",
    unit="parts of a report",
    source=_REPORT,
    says="a report shows the system as found and as left, in words and photos, says what was done "
    "and why it failed, and names every exchanged serial number",
    values={FIRST_DAY: ("as_found", "as_departed", "summary", "root_cause", "rma")},
    note="The maker's case number is due only where the partner started the exchange.",
)

REPORT_FORMS: Final = Rule(
    id="P-72",
    unit="forms of a report",
    source=_REPORT,
    says="a report comes as a PDF, a SiteCapture report or a mail with photos",
    values={FIRST_DAY: ("pdf", "sitecapture", "email")},
)

WORK_ORDERS_GO_TO: Final = Rule(
    id="M-74",
    unit="contact of the partner",
    source=_ROUTING,
    says="work orders are mailed to the partner's contact for service after installation",
    values={FIRST_DAY: "service_email"},
)

MAIL_MATCH_ORDER: Final = Rule(
    id="M-75",
    unit="what a mail is matched by, the strongest first",
    source=_REPORT,
    says="all words about one work order stay in one mail thread",
    values={FIRST_DAY: ("references", "subject_tag")},
    note="The sender's authority comes before either; what cannot be matched waits for a person.",
)

TENANT_STATUS: Final = Rule(
    id="T-91",
    unit="HTTP status: not the caller's, scope missing, no longer the caller's to change",
    source=Source(DESIGN, "0014 Readings of the articles, Partner interface"),
    says="what belongs to another partner or mode does not exist for the caller",
    values={FIRST_DAY: (404, 403, 409)},
)

FIRST_TALKS_TO: Final = Rule(
    id="X-85",
    unit="level at which a dispute begins, and what it holds",
    source=Source(SERVICE_ARTICLE, "8. Escalations and Dispute Resolution"),
    says="whoever disagrees talks to the coordinator first",
    values={FIRST_DAY: ("spc", "posting")},
    note="A dispute holds the posting of the money, not the work.",
)

DISPUTE_LEVELS: Final = Rule(
    id="X-86",
    unit="levels, the first one first",
    source=Source(SERVICE_ARTICLE, "8. Escalations and Dispute Resolution"),
    says="a dispute goes from the coordinator to the relationship manager to the agreement",
    values={FIRST_DAY: ("spc", "relationship_manager", "partner_agreement")},
    note="Forward only. A finding that it was not workmanship gives all that was posted back.",
)

SPEND_LIMIT_CENTS: Final = Rule(
    id="I-61",
    unit="cents per work order",
    source=Source(SERVICE_ARTICLE, "4. Reimbursement for Non-Workmanship Issues"),
    says="up to $500.00 of work needs no approval beforehand",
    values={FIRST_DAY: 50_000},
    note="Inclusive, and per work order: bills are added up, so that splitting gains nothing.",
)

WRITTEN_AUTHORIZATION: Final = Rule(
    id="A-81",
    unit="what authorises work",
    source=Source(SERVICE_ARTICLE, "1.2 Partner Responsibilities"),
    says="nobody works on a system before it was asked to in writing",
    values={FIRST_DAY: "work_order"},
    note="The issued work order is that writing; leave to spend is another gate.",
)
