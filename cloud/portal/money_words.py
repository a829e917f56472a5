"""What money pages call things: milestones, reductions, reasons, clocks, what the bank answered."""

from cloud.funding.gates import Blocked
from cloud.funding.models import CREDIT, REINSTATED, RETURNED, SERVICE
from cloud.funding.netting import DeductionKind
from cloud.funding.returns import ReturnAction
from cloud.kernel.calendar import eastern_day
from cloud.portfolio.models import Milestone

NO_VENDOR = "-"
"""What a form says where nobody shall ship: an empty field is no choice."""

MILESTONES = {
    str(Milestone.NTP): "NTP",
    str(Milestone.INSTALL_SUBMITTED): "Install submitted",
    str(Milestone.INSTALL_APPROVED): "Install approved",
    str(Milestone.M1): "Install (M1)",
    str(Milestone.M2): "Activation (M2)",
    SERVICE: "Service invoice",
    RETURNED: "Payment that came back",
    REINSTATED: "Clawback given back",
    CREDIT: "Deduction given back",
}

REDUCTIONS = {
    DeductionKind.PROJECT_NET_FUND: "Inverter warranty",
    DeductionKind.EQUIPMENT: "Direct Pay equipment",
    DeductionKind.REVOCATION: "Milestone taken back",
    DeductionKind.CANCELLATION: "Project cancellation",
    DeductionKind.MATERIAL: "Direct Pay material, limit missed",
    DeductionKind.COMPLIANCE: "Compliance case",
    DeductionKind.BACK_BILL: "Service back-bill",
    DeductionKind.CLAWBACK_M1: "Install (M1) clawback",
    DeductionKind.PREPAID_COMMISSION: "Prepaid commission",
}

UNDONE_BY = {
    DeductionKind.PROJECT_NET_FUND: "Nothing: it is the price of the longer warranty.",
    DeductionKind.EQUIPMENT: "Opting out before the vendor ships; the vendor then bills you.",
    DeductionKind.REVOCATION: "Reaching the milestone again pays it again.",
    DeductionKind.CANCELLATION: "Nothing: what was paid for the project goes back.",
    DeductionKind.MATERIAL: "A vendor's invoice that is taken back; you keep the equipment.",
    DeductionKind.COMPLIANCE: "The outcome of the case: send documents, or ask about it.",
    DeductionKind.BACK_BILL: "A dispute that is decided for you, under Back-bills and disputes.",
    DeductionKind.CLAWBACK_M1: "Activation Approved (M2): what was taken is paid again.",
    DeductionKind.PREPAID_COMMISSION: "Nothing: the customer cancelled.",
}
"""What would end a reduction or give it back."""

HOLDS: dict[str, str] = {
    Blocked.BANK_ACCOUNT_BLOCKED: "the bank refused the account: send new bank details",
    Blocked.BANK_DETAILS_MISSING: "there are no bank details that can be paid to",
    Blocked.BANK_AUTHORIZATION_MISSING: "the bank payment authorization is missing",
    Blocked.COMPLIANCE_HOLD: "a compliance case or administrative stip is open",
    Blocked.INVOICE_NEEDED: "the vendor's final invoice is missing",
    Blocked.PAUSED: "an extension postpones it",
    Blocked.PRENOTE_PENDING: "the bank is being asked about the new account",
    Blocked.PROJECT_CANCELLED: "the project is cancelled",
    Blocked.UNPRICED_INVERTER: "the warranty price of the inverter is not known yet",
    Blocked.W9_MISSING: "the W-9 is missing",
    ReturnAction.NEW_AUTHORIZATION: "new bank details and a new authorization are needed",
    ReturnAction.MANUAL_REVIEW: "accounting looks at why it came back",
    ReturnAction.UNEXPECTED: "accounting looks at why it came back",
}
"""Why money waits."""

TABS = {
    "queued": "Queued",
    "approved": "Approved",
    "paused": "Paused",
    "invoice_needed": "Invoice Needed",
    "all": "All",
}
"""The tabs of the payouts (F35)."""

STATUSES = {
    "pending": "Waiting",
    "approved": "Approved",
    "sent": "With the bank",
    "settled": "Paid",
    "returned": "Came back",
    "withdrawn": "Withdrawn",
}
"""How a payment stands (D37)."""

CLOCKS = {
    "ntp_to_m1": "NTP to Install (M1)",
    "material_submit": "Shipment to Install submitted",
    "material_approve": "Install submitted to approved",
    "m1_to_m2": "Install (M1) to Activation (M2)",
}

CLOCK_DUE = {
    "ntp_to_m1": "Install (M1) due",
    "material_submit": "Install submitted due",
    "material_approve": "Install approved due",
    "m1_to_m2": "Activation (M2) due",
}
"""What a clock waits for, as its last day is called."""

CLOCK_ENDS = {
    "ntp_to_m1": "the file may be cancelled, and what was paid is taken back",
    "material_submit": "the equipment invoice is taken from other payments",
    "material_approve": "the equipment invoice is taken from other payments",
    "m1_to_m2": "the M1 payment is clawed back",
}
"""What happens when a clock has run out."""

REASONS = {
    "transformer_upgrade": "Transformer upgrade",
    "main_panel_upgrade": "Main panel upgrade",
    "utility_ahj_delay": "Utility or AHJ delay outside of our control",
    "pto_approved_m2_correction": "PTO is uploaded; M2 deliverables are being corrected",
    "customer_escalation": "Customer escalation",
    "ca_co_market": "Market with longer times",
    "other": "Another reason, told in words",
}
"""Reasons of an extension (F14)."""

_RETURNS = {
    "R01": "The account does not have enough funds; that is unusual for a payment to you.",
    "R02": "The account is closed.",
    "R03": "The bank finds no account of this number.",
    "R04": "The account number is not a valid one.",
    "R06": "Our bank asked for the money back.",
    "R12": "The branch was sold to another bank.",
    "R13": "The routing number is not that of a bank that takes ACH.",
    "R16": "The account is frozen.",
    "R17": "The bank could not work with the entry.",
    "R20": "The account takes no transfers.",
    "R23": "The receiver refused the payment.",
    "R24": "The bank took it for a duplicate.",
    "R28": "The routing number's check digit is wrong.",
    "R31": "The bank may return it late, with our leave.",
}
"""What return codes mean (Nacha Operating Rules, Appendix Four), in our words."""


def returned_because(code: str) -> str:
    """Say why a payment came back; of a code that needs a person, just that."""
    known = _RETURNS.get(code, "A person of accounting looks at it with the bank.")
    return f"{known} (code {code})"


def holds_of(reasons: object) -> str:
    """Say why money waits, in one line; a reason of another sort is told by its name."""
    told = reasons if isinstance(reasons, tuple) else ()
    said = [HOLDS.get(one, str(one).replace("_", " ")) for one in told]
    text = "; ".join(said)
    return text[:1].upper() + text[1:]


def milestone(name: str) -> str:
    """Say what a payable is for."""
    return MILESTONES.get(name, name.replace("_", " "))


def reduction(kind: str) -> str:
    """Say what a deduction is for."""
    return REDUCTIONS[DeductionKind(kind)]


def undone_by(kind: str) -> str:
    """Say what would end a deduction."""
    return UNDONE_BY[DeductionKind(kind)]


WORDS = {
    "milestone_words": milestone,
    "reduction_words": reduction,
    "undone_by": undone_by,
    "holds_of": holds_of,
    "returned_because": returned_because,
    "statuses": STATUSES,
    "clocks": CLOCKS,
    "clock_due": CLOCK_DUE,
    "clock_ends": CLOCK_ENDS,
    "reasons": REASONS,
    "eastern": eastern_day,
}
"""Names for the templates of money pages."""
