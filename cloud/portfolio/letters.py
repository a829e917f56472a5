"""What partners and relationship managers are told about the organisation."""

from datetime import datetime

from cloud.kernel.calendar import EASTERN
from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.portfolio.models import Partner
from cloud.portfolio.organisation import OptInRequest, OptInState, RelationshipManager
from cloud.portfolio.papers import BankChange, PartnerDocument
from cloud.portfolio.policy import BANK_CHANGE_HOLD_HOURS

_SIGNED = "\n\nKind regards\nPartner Service"


def confirm_contact(
    partner: Partner, *, email: str, token: str, token_sha256: str, at: datetime
) -> Letter:
    """Ask whoever reads a new address to confirm it (M-74b); only this letter holds the token."""
    text = (
        f"Hello {partner.name},\n\nthis address was named as your contact for service after "
        "installation. Work orders will come here once you confirm it, within three days: enter "
        f"this code in the partner portal under service contact.\n\n{token}\n\n"
        "If you did not ask for this, do nothing: your present contact stays."
    )
    return Letter(
        id=derived("LTR", partner.id, "confirm_contact", token_sha256),
        to=email,
        subject="Please confirm your service contact",
        text=text + _SIGNED,
        thread=partner.id,
        at=at,
    )


def contact_changed(partner: Partner, *, former: str, email: str, at: datetime) -> Letter:
    """Tell the former contact that it no longer counts, so that no change goes unseen."""
    text = (
        f"Hello {partner.name},\n\nfrom now on work orders go to {email} and no longer to this "
        "address. If that is wrong, please tell your relationship manager at once."
    )
    return Letter(
        id=derived("LTR", partner.id, "contact_changed", at.isoformat()),
        to=former,
        subject="Your service contact was changed",
        text=text + _SIGNED,
        thread=partner.id,
        at=at,
    )


def opt_in_asked(
    request: OptInRequest, *, partner: Partner, manager: RelationshipManager, at: datetime
) -> Letter:
    """Tell the relationship manager that a partner wants more work (R-47)."""
    text = (
        f"Hello {manager.name},\n\n{partner.name} ({partner.id}) would like to take service work "
        f"on systems that others built. It says: {request.says or 'nothing more'}\n\n"
        f"Please decide on request {request.id} in the portal."
    )
    return Letter(
        id=derived("LTR", request.id, "asked"),
        to=manager.email,
        subject=f"[{request.id}] {partner.name} asks for more service work",
        text=text + _SIGNED,
        thread=request.id,
        at=at,
    )


def opt_in_decided(request: OptInRequest, *, partner: Partner, at: datetime) -> Letter:
    """Tell the partner what was decided (R-47)."""
    if request.state is OptInState.GRANTED:
        says = "you are now considered for service on systems that others built"
    else:
        says = f"we cannot offer you more service work now: {request.reason}"
    return Letter(
        id=derived("LTR", request.id, request.state.value),
        to=partner.service_email,
        subject=f"[{request.id}] Your request for more service work",
        text=f"Hello {partner.name},\n\n{says}.{_SIGNED}",
        thread=request.id,
        at=at,
    )


_BANK_SIGNED = "\n\nKind regards\nPartner Accounting"
_NOT_YOU = (
    "If this was not you, telephone your relationship manager at once; do not answer this mail."
)


def bank_change_asked(change: BankChange, *, partner: Partner, at: datetime) -> tuple[Letter, ...]:
    """Tell the addresses on record that other bank details are to count (P-81), by four digits."""
    hours = BANK_CHANGE_HOLD_HOURS.on(at.astimezone(EASTERN).date())
    text = (
        f"Hello {partner.name},\n\n{change.asked_by} asked us to pay you to another account, whose "
        f"number ends in {change.account_number.last4}. A second person looks at this, and the "
        f"account counts {hours} hours after that. {_NOT_YOU}"
    )
    return _to_both(partner, "Your bank details are to change", text, (change.id, "asked"), at)


def bank_change_agreed(change: BankChange, *, partner: Partner, at: datetime) -> tuple[Letter, ...]:
    """Tell from when the new bank details count (P-81)."""
    counts = (change.takes_effect_at or at).astimezone(EASTERN)
    text = (
        f"Hello {partner.name},\n\nfrom {counts:%d %B %Y at %H:%M} Eastern on we pay you to the "
        f"account whose number ends in {change.account_number.last4}. {_NOT_YOU}"
    )
    return _to_both(partner, "Your bank details change soon", text, (change.id, "agreed"), at)


def bank_change_effective(
    change: BankChange, *, partner: Partner, at: datetime
) -> tuple[Letter, ...]:
    """Tell that the new bank details count (P-81)."""
    text = (
        f"Hello {partner.name},\n\nfrom now on we pay you to the account whose number ends in "
        f"{change.account_number.last4}. The bank is asked about it first, which may move your "
        f"next payment by a few banking days. {_NOT_YOU}"
    )
    return _to_both(partner, "Your bank details have changed", text, (change.id, "effective"), at)


def bank_change_stopped(
    change: BankChange, *, partner: Partner, at: datetime
) -> tuple[Letter, ...]:
    """Tell that the bank details stay as they were (P-81)."""
    text = (
        f"Hello {partner.name},\n\nthe change of your bank details to the account whose number "
        f"ends in {change.account_number.last4} was stopped: {change.because}\n\nYou are paid to "
        "the account that we paid before."
    )
    return _to_both(partner, "Your bank details stay", text, (change.id, change.state.value), at)


def document_refused(
    document: PartnerDocument, *, partner: Partner, at: datetime
) -> tuple[Letter, ...]:
    """Tell why a paper does not count (F05, F18)."""
    named = "W-9" if document.kind == "w9" else document.kind.replace("_", " ")
    belongs = f" for project {document.project_id}" if document.project_id else ""
    text = (
        f"Hello {partner.name},\n\nwe cannot accept the {named} document that you sent"
        f"{belongs}: {document.because}\n\nPlease send another one over the partner API."
    )
    return _to_both(
        partner, f"Your {named} document was refused", text, (document.id, "refused"), at
    )


def bank_details_corrected(
    partner: Partner, *, code: str, last4: str, at: datetime
) -> tuple[Letter, ...]:
    """Tell what the bank corrected in the details of the account (P-86)."""
    text = (
        f"Hello {partner.name},\n\nyour bank told us ({code}) how your account is to be written "
        f"from now on. Its number ends in {last4}; we use what the bank told us. Nothing is left "
        f"for you to do. {_NOT_YOU}"
    )
    cause = (partner.id, "corrected", str(partner.bank_details_version))
    return _to_both(partner, "Your bank corrected your details", text, cause, at)


def _to_both(
    partner: Partner, subject: str, text: str, cause: tuple[str, ...], at: datetime
) -> tuple[Letter, ...]:
    """Write to the remittance address and to the service contact; once where they are one."""
    addresses = {one.strip().casefold(): one for one in _addresses(partner)}
    return tuple(
        Letter(derived("LTR", *cause, key), to, subject, text + _BANK_SIGNED, partner.id, at)
        for key, to in addresses.items()
    )


def _addresses(partner: Partner) -> tuple[str, ...]:
    return tuple(one for one in (partner.remittance_email, partner.service_email) if one.strip())
