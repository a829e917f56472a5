"""What partners and relationship managers are told about the organisation."""

from datetime import datetime

from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.portfolio.models import Partner
from cloud.portfolio.organisation import OptInRequest, OptInState, RelationshipManager

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
