"""Direct Pay by project: who joined or left, whom the vendor bills, who must be told."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from cloud.funding.policy import F30, F33, F34
from cloud.kernel.errors import BadInput
from cloud.kernel.policy import COMFORT

OPT_IN, OPT_OUT = "opt_in", "opt_out"
_CHOICES = frozenset({OPT_IN, OPT_OUT})
_TOLD = {True: "opted_in", False: "opted_out"}


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that happened to a project's enrolment: opt_in, opt_out or shipped."""

    what: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Enrollment:
    """How a project stands with Direct Pay.

    Attributes:
        vendor_notifications: what the vendor was told, once per real change.
        rejected: choices that came too late.
        bill_to: whom the vendor bills, ``owner`` or ``epc``.
    """

    is_enrolled: bool
    vendor_notifications: tuple[str, ...]
    rejected: tuple[str, ...]
    bill_to: str


def enrollment(
    choices: Iterable[Choice],
    *,
    organisation_opted_in: bool,
    on: date,
    programme: str = COMFORT,
) -> Enrollment:
    """Replay a project's choices in the order of their instants (F30, F33, F34).

    `on` is the day on which the account was created. From the instant of shipment on, and at it,
    every choice is refused. Choosing what already holds changes nothing and tells nobody.
    """
    told: list[str] = []
    rejected: list[str] = []
    enrolled, shipped = organisation_opted_in and F30.on(on, programme), False
    for choice in sorted(choices, key=lambda choice: (choice.at, choice.what in _CHOICES)):
        if choice.what == F33.on(on, programme):
            shipped = True
        elif choice.what not in _CHOICES:
            msg = f"Direct Pay knows opt_in, opt_out and shipped, not {choice.what!r}"
            raise BadInput(msg)
        elif shipped:
            rejected.append(choice.what)
        elif enrolled != (choice.what == OPT_IN):
            enrolled = not enrolled
            told.append(_TOLD[enrolled])
    owner, partner = F34.on(on, programme)
    return Enrollment(enrolled, tuple(told), tuple(rejected), owner if enrolled else partner)
