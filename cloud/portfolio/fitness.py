"""Whether a partner may be sent on a day, and what the owner's own people cost."""

from collections.abc import Sequence
from datetime import date

from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.portfolio.models import Partner, Site
from cloud.portfolio.organisation import SiteWarranties, Technician, Warranty, WarrantyKind


def is_licensed(partner: Partner, *, state: str, on: date) -> bool:
    """Tell whether a partner holds a licence of the state on a day (Q-79).

    Its last day counts. A partner of which no licence was ever recorded is taken at its word.
    """
    if not partner.licences:
        return partner.licensed
    return partner.licensed and any(
        one.state == state and one.expires_on >= on for one in partner.licences
    )


def is_insured(partner: Partner, *, on: date) -> bool:
    """Tell whether a partner is insured on a day (Q-79); no record is its word."""
    return partner.insured_until is None or partner.insured_until >= on


def certified_makers(
    partner: Partner, technicians: Sequence[Technician], *, on: date
) -> frozenset[str]:
    """Give the makers, in lower case, that at least one technician is certified by on a day (Q-79).

    A partner of whom no technician was ever recorded is taken at its word.
    """
    if not technicians:
        return frozenset(maker.casefold() for maker in partner.certifications)
    return frozenset(
        held.manufacturer.casefold()
        for one in technicians
        if one.is_active
        for held in one.certifications
        if held.expires_on >= on
    )


def in_house_cost(partner: Partner, *, minutes: int, km: int) -> Money:
    """Give what a visit of the owner's own people cost (R-46); half a cent goes up.

    Raises:
        BadInput: the partner has no rate card, or the time or the way is below nothing.
    """
    if partner.rate_card is None or min(minutes, km) < 0:
        msg = f"cost of {minutes} min and {km} km by partner {partner.id}: no such price"
        raise BadInput(msg)
    labour = (2 * partner.rate_card.per_hour.cents * minutes + 60) // 120
    return Money(labour) + partner.rate_card.per_km * km


def warranties_on_record(site: Site, known: SiteWarranties | None) -> SiteWarranties:
    """Give the warranties of a site (B-55).

    Where no warranty of the workmanship is on record, the site's own last day of it stands, from
    the day that it began to work.
    """
    kept = known or SiteWarranties(site.id, ())
    if any(one.kind is WarrantyKind.WORKMANSHIP for one in kept.warranties):
        return kept
    if site.workmanship_until < site.commissioned_on:
        return kept
    given = Warranty(WarrantyKind.WORKMANSHIP, site.commissioned_on, site.workmanship_until)
    return SiteWarranties(site.id, (given, *kept.warranties))
