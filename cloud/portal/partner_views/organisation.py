"""The organisation: where its work orders go, who is sent, what it may do, its wish for more."""

import secrets

from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.ports import require
from cloud.portal.asking import Answer, Ask, Go, Page
from cloud.portal.routes import EVERYBODY, Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio import process
from cloud.portfolio.models import Partner
from cloud.portfolio.organisation import OptInRequest, ServiceContact
from cloud.portfolio.policy import CONTACT_LINK_HOURS
from cloud.reporting.own_papers import certificates, lasting
from cloud.service.policy import EMERGENCY_ACK_MINUTES

VIEWS = Views()
HERE = "/portal/organisation"


@VIEWS.get(HERE, EVERYBODY)
def organisation(ask: Ask) -> Page:
    """Show what is on record of the organisation."""
    return _page(ask)


@VIEWS.post(HERE + "/contact", EVERYBODY)
def ask_contact(ask: Ask) -> Answer:
    """Ask for another service contact; a code goes to that address and to nobody here (M-74b)."""
    typed = Typed(ask.form)
    email = typed.text("email", "Write the address.", most=254)
    if typed.as_typed is not None:
        return _page(ask, typed=typed.as_typed)
    answer = process.request_contact_change(
        ask.records,
        partner_id=ask.partner_id,
        email=email,
        token=secrets.token_hex(16),
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        return _page(ask, typed=typed.refused(_said(answer), "email"))
    return Go(f"{HERE}#contact", said=f"A code was mailed to {email}. Enter it here.")


@VIEWS.post(HERE + "/contact/confirm", EVERYBODY)
def confirm_contact(ask: Ask) -> Answer:
    """Let the new address count, with the code that was mailed there (M-74b)."""
    typed = Typed(ask.form)
    token = typed.text("code", "Write the code that was mailed to the new address.", most=200)
    if typed.as_typed is not None:
        return _page(ask, typed=typed.as_typed)
    answer = process.confirm_contact(
        ask.records, partner_id=ask.partner_id, token=token, **ask.acting()
    )
    if isinstance(answer, Refused):
        return _page(ask, typed=typed.refused(_said(answer), "code"))
    return Go(f"{HERE}#contact", said="Work orders go to the new address from now on.")


@VIEWS.post(HERE + "/opt_in", EVERYBODY)
def ask_for_more_work(ask: Ask) -> Answer:
    """Ask the relationship manager for work on systems that others built (R-47)."""
    typed = Typed(ask.form)
    says = typed.text("says", most=4000)
    if typed.as_typed is not None:
        return _page(ask, typed=typed.as_typed)
    answer = process.request_opt_in(
        ask.records, partner_id=ask.partner_id, says=says, **ask.acting()
    )
    if isinstance(answer, Refused):
        return _page(ask, typed=typed.refused(_said(answer), "says"))
    return Go(HERE, said="The relationship manager has your wish and answers by mail.")


def _page(ask: Ask, *, typed: AsTyped | None = None) -> Page:
    partner_id = ask.partner_id
    partner = require(ask.records.load(Partner, partner_id), "partner", partner_id).record
    stored = ask.records.load(ServiceContact, partner_id)
    contact = stored.record if stored else ServiceContact(partner_id)
    technicians = process.technicians_of(ask.records, partner_id)
    wishes = [
        one.record for one in ask.records.find(OptInRequest, by="partner_id", value=partner_id)
    ]
    today = eastern_day(ask.at)
    waits = contact.asked is not None and contact.asked.email != partner.service_email
    return Page(
        "partner/organisation.html",
        "Organisation",
        {
            "it": partner,
            "contact": contact,
            "waits_for": contact.asked if waits else None,
            "hours": CONTACT_LINK_HOURS.on(today),
            "technicians": sorted(technicians, key=lambda one: (not one.is_active, one.name)),
            "papers": lasting(partner, today=today),
            "certificates": {one.id: certificates(one, today=today) for one in technicians},
            "today": today,
            "minutes": EMERGENCY_ACK_MINUTES.on(today),
            "wish": max(wishes, key=lambda one: one.asked_at, default=None),
            "manager": process.relationship_manager_of(ask.records, partner_id),
            "typed": typed,
        },
        422 if typed else 200,
    )


def _said(refused: Refused) -> str:
    return f"{refused.because[:1].upper()}{refused.because[1:]} (rule {refused.rule})."
