"""What must be in order before a payable may be paid."""

from dataclasses import dataclass
from enum import StrEnum


class Blocked(StrEnum):
    """Why money is held; it stays accrued and goes with the first run after the reason is gone."""

    BANK_ACCOUNT_BLOCKED = "bank_account_blocked"
    BANK_DETAILS_MISSING = "bank_details_missing"
    BANK_AUTHORIZATION_MISSING = "bank_authorization_missing"
    COMPLIANCE_HOLD = "compliance_hold"
    INVOICE_NEEDED = "invoice_needed"
    PAUSED = "paused"
    PRENOTE_PENDING = "prenote_pending"
    PROJECT_CANCELLED = "project_cancelled"
    UNPRICED_INVERTER = "unpriced_inverter"
    W9_MISSING = "w9_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerGate:
    """What is known of the partner's papers and bank account."""

    w9_on_file: bool
    bank_authorization_on_file: bool
    bank_account_blocked: bool
    prenote_pending: bool = False
    bank_details_missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectGate:
    """What is known of the project that the money is for."""

    cancelled: bool = False
    compliance_case_open: bool = False
    administrative_stip_open: bool = False
    direct_pay_enrolled: bool = False
    vendor_invoice_final: bool = False
    transaction_paused: bool = False
    unpriced_inverter: bool = False


def partner_blocks(partner: PartnerGate) -> tuple[Blocked, ...]:
    """Give what holds all money of a partner, in alphabetical order (F05)."""
    held = {
        Blocked.BANK_ACCOUNT_BLOCKED: partner.bank_account_blocked,
        Blocked.BANK_AUTHORIZATION_MISSING: not partner.bank_authorization_on_file,
        Blocked.BANK_DETAILS_MISSING: partner.bank_details_missing,
        Blocked.PRENOTE_PENDING: partner.prenote_pending,
        Blocked.W9_MISSING: not partner.w9_on_file,
    }
    return tuple(sorted(reason for reason, holds in held.items() if holds))


def project_blocks(project: ProjectGate) -> tuple[Blocked, ...]:
    """Give what holds the money of one project, in alphabetical order (F13, F18, F24, F31).

    A project that is not in Direct Pay needs no vendor invoice, so leaving it clears the hold.
    """
    held = {
        Blocked.COMPLIANCE_HOLD: project.compliance_case_open or project.administrative_stip_open,
        Blocked.INVOICE_NEEDED: project.direct_pay_enrolled and not project.vendor_invoice_final,
        Blocked.PAUSED: project.transaction_paused,
        Blocked.PROJECT_CANCELLED: project.cancelled,
        Blocked.UNPRICED_INVERTER: project.unpriced_inverter,
    }
    return tuple(sorted(reason for reason, holds in held.items() if holds))


def blocked_reasons(partner: PartnerGate, project: ProjectGate) -> tuple[Blocked, ...]:
    """Give all that holds a payable, in alphabetical order; none means that it may be paid."""
    return tuple(sorted((*partner_blocks(partner), *project_blocks(project))))
