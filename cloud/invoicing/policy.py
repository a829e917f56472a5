"""What was agreed about invoices: what they hold, who approves them, and who pays in the end."""

from datetime import date
from typing import Final

from cloud.kernel.policy import DESIGN, SERVICE_ARTICLE, Rule, Source

FIRST_DAY: Final = date(2025, 1, 1)

_REIMBURSEMENT = Source(SERVICE_ARTICLE, "4. Reimbursement for Non-Workmanship Issues")
_SUBMISSION = Source(SERVICE_ARTICLE, "5. How to Submit Invoices")
_BILLABLE = Source(SERVICE_ARTICLE, "1.1 Determining the Billable Party")
_REFUSAL = Source(SERVICE_ARTICLE, "6. Non-Response or Refusal to Service")
_DISPUTES = Source(SERVICE_ARTICLE, "8. Escalations and Dispute Resolution")
_READINGS = Source(DESIGN, "0014 Readings of the articles, Service")

APPROVER_ROLE: Final = Rule(
    id="I-62",
    unit="role that approves spending in writing",
    source=_REIMBURSEMENT,
    says="more than $500.00 needs the coordinator's written approval before the work is performed",
    values={FIRST_DAY: "spc"},
    note="Strictly before, also in an emergency; an amount above the approved one is not paid in "
    "part. It is given to the partner that asked: where the work is given on, the next one has the "
    "limit of the issued order.",
)

CHECKED_PER: Final = Rule(
    id="I-63",
    unit="what is held against the limit, in order of time",
    source=Source(DESIGN, "0014 Readings of the articles, Service"),
    says="the line that takes the work order over the limit needs the approval, and so does every "
    "later one; those before it do not",
    values={FIRST_DAY: "line"},
)

NEEDS_APPROVAL: Final = Rule(
    id="N-90",
    unit="side of the limit from which an approval is needed",
    source=Source(SERVICE_ARTICLE, "9. Quick Reference: Partner Checklist"),
    says="an approval is needed above the limit, not at it",
    values={FIRST_DAY: "above"},
    note="The checklist repeats the other sections and settles the edge.",
)

NOT_COUNTED: Final = Rule(
    id="I-64",
    unit="states of invoices that spend nothing",
    source=Source(DESIGN, "0014 Readings of the articles, Service"),
    says="the limit is the work order's: all its invoices count that were not rejected or voided",
    values={FIRST_DAY: ("rejected", "void")},
)

INVOICE_FIELDS: Final = Rule(
    id="I-65",
    unit="what an invoice must hold",
    source=_SUBMISSION,
    says="an invoice names the customer, the address, the work order and the days, describes the "
    "work, itemises the cost, and comes with the report and photos",
    values={
        FIRST_DAY: (
            "customer_name",
            "site_address",
            "work_order_number",
            "service_dates",
            "description",
            "cost_breakdown",
            "photos",
            "report",
        )
    },
    note="Both lists of the article together; everything that is missing is told at once.",
)

APPROVAL_DAYS: Final = Rule(
    id="I-66",
    unit="business days",
    source=_SUBMISSION,
    says="the coordinator who issued the work order decides within ten business days",
    values={FIRST_DAY: 10},
    note="From complete submission, paused while it is back with the partner. Silence never "
    "approves; it goes to the relationship manager.",
)

REMINDER_DAYS: Final = Rule(
    id="I-66a",
    unit="business days since the complete submission",
    source=_READINGS,
    says="who decides on an invoice is reminded on the eighth business day, in working hours",
    values={FIRST_DAY: 8},
    note="At the opening of the day on which eight unpaused days are over: two are left then.",
)

SECOND_APPROVAL_CENTS: Final[Rule[int | None]] = Rule(
    id="I-66b",
    unit="cents; above it two people approve",
    source=_READINGS,
    says="an invoice above this amount is approved by two different people",
    values={FIRST_DAY: None},
    note="None: off. The amount itself needs one approval, a cent more needs two.",
)

COST_CATEGORIES: Final = Rule(
    id="I-67",
    unit="categories of cost",
    source=_SUBMISSION,
    says="cost is broken down into labor, materials and travel",
    values={FIRST_DAY: ("labor", "materials", "travel")},
)

LOWERED_ONLY: Final = Rule(
    id="I-67a",
    unit="direction in which a partner changes an invoice that waits for its decision",
    source=_READINGS,
    says="while nobody decided on it, a partner may lower its own invoice, and never raise it",
    values={FIRST_DAY: "down"},
    note="A line at nothing is left out. The clock of the decision goes on; what is decided is "
    "changed by a dispute, and what came back by a correction.",
)

TOLD_STATES: Final = Rule(
    id="I-68",
    unit="what becomes of an invoice that its partner is told, once each time",
    source=_SUBMISSION,
    says="nobody has to ask where an invoice stands: each step is told in the work order's thread",
    values={
        FIRST_DAY: (
            "received",
            "returned",
            "approved",
            "rejected",
            "escalated",
            "paid",
            "payment_returned",
            "void",
            "reopened",
        )
    },
)

LATE_DECISIONS_GO_TO: Final = Rule(
    id="I-69",
    unit="who is told of a late decision",
    source=_SUBMISSION,
    says="what is not decided in time goes to the relationship manager",
    values={FIRST_DAY: "relationship_manager"},
)

COVERED_BY_OWNER: Final = Rule(
    id="B-50",
    unit="causes that the customer never pays for",
    source=_BILLABLE,
    says="the owner bears workmanship, product failure and system warranty towards the customer",
    values={FIRST_DAY: ("workmanship", "product_failure", "system_warranty")},
    note="Between the owner and the installer the sections on reimbursement and refusal decide.",
)

UNPAID_AT_WORKMANSHIP: Final = Rule(
    id="B-51",
    unit="who is not reimbursed",
    source=_REIMBURSEMENT,
    says="an installer repairs its own workmanship at its own cost; all else is reimbursed",
    values={FIRST_DAY: "original_installer"},
)

CUSTOMER_CAUSES: Final = Rule(
    id="B-52",
    unit="causes billed to the customer",
    source=_BILLABLE,
    says="the customer is billed only for damage of its own making and for work that is not "
    "covered",
    values={
        FIRST_DAY: (
            "gross_negligence",
            "intentional_harm",
            "failure_to_maintain",
            "critter_remediation",
            "snow_guard_installation",
            "roof_repair",
            "removal_reinstall_for_roof_work",
            "pre_existing_issue",
        )
    },
    note="A leak that is found to be workmanship is workmanship, not roof repair.",
)

CHARGE_APPROVERS: Final = Rule(
    id="B-52a",
    unit="people behind a customer's charge",
    source=_READINGS,
    says="a customer is charged on evidence, by one person's proposal and another one's approval",
    values={FIRST_DAY: 2},
    note="Collecting it is not ours: what was told to the customer is exported.",
)

BACK_BILL_OFFERS: Final = Rule(
    id="B-53",
    unit="outcomes of the offer to the original installer that allow a back-bill",
    source=_REFUSAL,
    says="an installer is back-billed when workmanship is found and it had declined, was silent or "
    "could not respond",
    values={FIRST_DAY: ("declined", "no_response", "could_not_respond_emergency")},
    note="Two keys. One who was never offered the work, or accepted it, is not back-billed.",
)

BACK_BILL_MARKUP_BPS: Final = Rule(
    id="B-54",
    unit="basis points of what was paid",
    source=_REFUSAL,
    says="a back-bill is what the other partner was paid plus a fifth",
    values={FIRST_DAY: 2_000},
    note="Once on the total of the workmanship lines, half a cent up; later costs post the "
    "difference.",
)

BACK_BILL_NOTICE_DAYS: Final = Rule(
    id="B-54a",
    unit="business days between the notice and the posting",
    source=_READINGS,
    says="the installer has ten business days to dispute a back-bill before it is posted",
    values={FIRST_DAY: 10},
    note="A guess: the article names none. Each rise has a notice and a term of its own; what "
    "shrinks is given back at once. A dispute in time holds the posting until it is decided.",
)

DISPUTE_DECIDERS: Final = Rule(
    id="X-87",
    unit="role that decides at each level",
    source=_DISPUTES,
    says="who owns the level decides: the coordinator, the relationship manager, the administrator",
    values={
        FIRST_DAY: (
            ("spc", "spc"),
            ("relationship_manager", "relationship_manager"),
            ("partner_agreement", "admin"),
        )
    },
    note="The article sends the last level to the partner agreement; for us an administrator "
    "records what came of it. Each dispute shows its age at every level.",
)
