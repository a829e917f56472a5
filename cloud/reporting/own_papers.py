"""What lets a partner be sent, and when it ends: licences, insurance, certificates (Q-78, Q-79)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cloud.portfolio.models import Partner
from cloud.portfolio.organisation import Technician

AHEAD = timedelta(days=45)
"""How long before its last day a paper is shown as one that ends soon."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """Something that is good until its last day.

    Attributes:
        of: the state of a licence, the maker of a certificate.
        state: ``ended``, ``ends_soon`` or ``good``; the last day counts whole.
    """

    what: str
    of: str
    number: str
    last: date
    state: str


def lasting(partner: Partner, *, today: date) -> Sequence[Lasting]:
    """Give a partner's licences and insurance by their last day (Q-79).

    What was never recorded is not listed: the partner is taken at its word for it.
    """
    found = [("Licence", one.state, one.number, one.expires_on) for one in partner.licences]
    if partner.insured_until is not None:
        found.append(("Insurance", "", "", partner.insured_until))
    return _shown(found, today)


def certificates(technician: Technician, *, today: date) -> Sequence[Lasting]:
    """Give a technician's certificates by their last day (Q-78)."""
    return _shown(
        (
            ("Certificate", one.manufacturer, one.number, one.expires_on)
            for one in technician.certifications
        ),
        today,
    )


def _shown(found: Iterable[tuple[str, str, str, date]], today: date) -> Sequence[Lasting]:
    return [
        Lasting(what, of, number, last, _state(last, today))
        for what, of, number, last in sorted(found, key=lambda it: (it[3], it[0], it[1]))
    ]


def _state(last: date, today: date) -> str:
    if last < today:
        return "ended"
    return "ends_soon" if last <= today + AHEAD else "good"
