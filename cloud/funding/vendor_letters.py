"""What vendors are told: which deals and organisations take part in Direct Pay, whom they bill."""

from collections.abc import Sequence
from datetime import datetime

from cloud.funding.direct_pay import DirectPay, EquipmentInvoice, Vendor
from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.portfolio.models import Partner

_SIGNED = "\n\nKind regards\nFunding"


def choice_made(
    direct: DirectPay,
    *,
    vendor: Vendor,
    partner: Partner,
    voided: Sequence[EquipmentInvoice],
    at: datetime,
) -> Letter:
    """Tell a vendor that a deal joined or left, and whom it bills from now on (F34).

    The record's number of the change is in the letter, so that of two that cross the later counts.
    """
    if direct.is_enrolled:
        what = "takes part in Direct Pay from now on"
        bills = "Please bill us for its equipment, under a new invoice number where you billed it."
    else:
        what = "has left Direct Pay"
        bills = f"Please bill {partner.name} for its equipment, and not us."
    numbers = ", ".join(one.number for one in voided)
    taken_back = (
        f" What you billed us for it so far does not hold any more: {numbers}." if voided else ""
    )
    text = (
        f"Hello {vendor.name},\n\nproject {direct.id} of {partner.name} {what}. "
        f"{bills}{taken_back}\n\nThis is notice {direct.told} about this project; a higher number "
        "counts."
    )
    return Letter(
        id=derived("LTR", direct.id, "direct_pay", direct.told),
        to=vendor.tells,
        subject=f"[{direct.id}] Direct Pay notice {direct.told}: the project {what}",
        text=text + _SIGNED,
        thread=direct.id,
        at=at,
    )


def organisation_joined(partner: Partner, *, vendor: Vendor, at: datetime) -> Letter:
    """Tell a vendor that an organisation's new projects take part (F30, F34)."""
    says = (
        f"new projects of {partner.name} take part in Direct Pay with you from now on: please "
        "bill us for their equipment. Projects that are under way stay as they are."
    )
    return _organisation(partner, vendor, says, what="joined", at=at)


def organisation_left(partner: Partner, *, vendor: Vendor, at: datetime) -> Letter:
    """Tell a vendor that an organisation's new projects do not take part any more (F30, F34)."""
    says = (
        f"new projects of {partner.name} do not take part in Direct Pay with you any more: please "
        f"bill {partner.name} for their equipment. Projects that are under way stay as they are."
    )
    return _organisation(partner, vendor, says, what="left", at=at)


def _organisation(
    partner: Partner, vendor: Vendor, says: str, *, what: str, at: datetime
) -> Letter:
    return Letter(
        id=derived("LTR", partner.id, "direct_pay", vendor.id, what, at.isoformat()),
        to=vendor.email,
        subject=f"[{partner.id}] {partner.name} {what} Direct Pay",
        text=f"Hello {vendor.name},\n\n{says}{_SIGNED}",
        thread=partner.id,
        at=at,
    )
