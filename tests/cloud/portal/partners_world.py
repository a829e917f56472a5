"""A partner for tests of pages."""

from dataclasses import replace
from typing import Any

from cloud.kernel.secret import Secret
from cloud.portfolio.models import Partner


def a_partner(partner_id: str = "P-ALDER", **differs: Any) -> Partner:
    """Give a partner that is in order; `differs` says what is otherwise."""
    made = Partner(
        id=partner_id,
        name=partner_id.removeprefix("P-").title() + " Solar",
        service_email="service@partner.example",
        remittance_email="money@partner.example",
        states=frozenset({"CO"}),
        scopes=frozenset({"electrical"}),
        certifications=frozenset(),
        latitude=39.75,
        longitude=-105.22,
        max_km=80,
        performance=80,
        routing_number="091000019",
        account_number=Secret("123456789"),
    )
    return replace(made, **differs)
