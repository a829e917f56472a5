"""What is known of homes and of the partners who build and mend them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from math import floor
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money
from cloud.kernel.policy import COMFORT
from cloud.kernel.secret import Secret
from cloud.portfolio.policy import SERVED_OFFSETS

LIVE, TEST = "live", "test"
"""Modes: what is tried out meets records of its own mode only, and no money moves for it (T-91)."""


@dataclass(frozen=True, slots=True)
class Site:
    """A home with its system.

    Attributes:
        id: the site's own id.
        gateway_id: thing name of the gateway that speaks for it.
        customer_name, customer_email, address: whom to tell, and where to go.
        state: two letters of the US state, for licences and scope.
        latitude, longitude: degrees, WGS 84.
        utc_offset_hours: standard time, all year; days of energy are cut on this clock (P-02).
        time_zone: IANA name, for people's appointments and deadlines.
        commissioned_on: first day of data.
        dc_rating_w: sum of the planes at standard test conditions, in watts.
        manufacturer: maker of the inverter; technicians are certified by it.
        inverter_model: the maker's part number, for warranties.
        installer_id: the partner that built it.
        workmanship_until: last day of the installer's workmanship warranty, where no record of the
            site's warranties says otherwise.
        workmanship_partner_id: who answers for the workmanship now, if not who built it.
        omnidian_onboarded: another party owns its cases.
    """

    id: str
    gateway_id: str
    customer_name: str
    customer_email: str
    address: str
    state: str
    latitude: float
    longitude: float
    utc_offset_hours: int
    time_zone: str
    commissioned_on: date
    dc_rating_w: int
    manufacturer: str
    inverter_model: str
    installer_id: str
    workmanship_until: date
    omnidian_onboarded: bool = False
    mode: str = LIVE
    workmanship_partner_id: str = ""

    def __post_init__(self) -> None:
        try:
            zone = ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as wrong:
            msg = f"site {self.id}: {self.time_zone!r} is no time zone: use an IANA name"
            raise BadInput(msg) from wrong
        served = SERVED_OFFSETS.on(max(self.commissioned_on, min(SERVED_OFFSETS.values)))
        if self.utc_offset_hours not in served:
            msg = f"site {self.id}: no sweep is scheduled {self.utc_offset_hours} h from UTC (P-02)"
            raise BadInput(msg)
        seasons = [datetime(2026, month, 1, tzinfo=zone).utcoffset() for month in (1, 7)]
        if timedelta(hours=self.utc_offset_hours) not in seasons:
            msg = f"site {self.id}: {self.time_zone} never is {self.utc_offset_hours} h from UTC"
            raise BadInput(msg)
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 180):
            msg = f"site {self.id}: {self.latitude}, {self.longitude} is not a place on Earth"
            raise BadInput(msg)
        if self.dc_rating_w <= 0:
            msg = f"site {self.id}: a rating of {self.dc_rating_w} W cannot produce"
            raise BadInput(msg)

    @property
    def answers_for_workmanship(self) -> str:
        """The partner that new work orders name as the original installer (R-43)."""
        return self.workmanship_partner_id or self.installer_id

    @property
    def customer_key(self) -> str:
        """The customer's mail address as it is looked up, however people write it."""
        return self.customer_email.strip().casefold()

    @property
    def region(self) -> str:
        """Its clock and square of one degree: the sites that are judged beside each other."""
        south, west = floor(self.latitude), floor(self.longitude)
        row = f"{'N' if south >= 0 else 'S'}{abs(south):02d}"
        column = f"{'E' if west >= 0 else 'W'}{abs(west):03d}"
        return f"UTC{self.utc_offset_hours:+03d}.{row}{column}"


class Prenote(StrEnum):
    """Whether the bank was asked about an account before money goes there.

    NOT_NEEDED: paid to before; DUE: to be asked; SENT: asked, no answer is a good one in time.
    """

    NOT_NEEDED = "not_needed"
    DUE = "due"
    SENT = "sent"


class AccountKind(StrEnum):
    """What kind of account a partner is paid to; the bank's files tell them apart."""

    CHECKING = "checking"
    SAVINGS = "savings"


class PartnerKind(StrEnum):
    """Whose people go: an installer's, or the owner's own (R-46)."""

    EPC = "epc"
    IN_HOUSE = "in_house"


@dataclass(frozen=True, slots=True)
class RateCard:
    """What the owner's own people cost, by the hour and by the kilometre."""

    per_hour: Money
    per_km: Money

    def __post_init__(self) -> None:
        if min(self.per_hour, self.per_km) < ZERO:
            msg = f"rate card: {self.per_hour} an hour and {self.per_km} a km are not both a cost"
            raise BadInput(msg)


@dataclass(frozen=True, slots=True)
class Licence:
    """A state's leave to do electrical work; good until its last day."""

    state: str
    number: str
    expires_on: date


@dataclass(frozen=True, slots=True)
class Partner:
    """An installer that builds and mends (an EPC in the articles), or the owner's own people.

    Attributes:
        service_email: the post-installation service contact; work orders go there.
        remittance_email: where the advice of a payment goes.
        states, scopes, certifications: where and what it may do.
        latitude, longitude, max_km: where it works from, and how far.
        performance: 0..100, from the scorecard.
        opted_in: takes service work on systems that others built.
        routing_number, account_number: where it is paid; nine digits with check digit, up to 17.
        bank_details_version: rises with every change of those two.
        w9_on_file, bank_authorization_on_file, bank_account_blocked: the gates of a payment (F05).
        kind, rate_card: whose people they are; the owner's own have a price list for their work.
        licences: by state; where there are none on record, `licensed` holds everywhere.
        insured_until: last day of the insurance; None where none is on record.
        performance_as_of: when the performance was worked out.
        parent_id: the organisation that it is a part of; it is paid and netted by itself.
        direct_pay_vendor_id: the vendor that its new projects order from, empty where it does not
            take part in Direct Pay (F30).
        prenote, prenote_sent_on: what is known of its bank account; see `Prenote`.
        account_kind: what kind of account it is.
        payment_plan_id: how its projects are paid where they do not say otherwise.
    """

    id: str
    name: str
    service_email: str
    remittance_email: str
    states: frozenset[str]
    scopes: frozenset[str]
    certifications: frozenset[str]
    latitude: float
    longitude: float
    max_km: int
    performance: int
    routing_number: str
    account_number: Secret
    opted_in: bool = True
    active: bool = True
    licensed: bool = True
    max_open_work_orders: int = 20
    w9_on_file: bool = False
    bank_authorization_on_file: bool = False
    bank_account_blocked: bool = False
    bank_details_version: int = 1
    mode: str = LIVE
    kind: PartnerKind = PartnerKind.EPC
    rate_card: RateCard | None = None
    licences: tuple[Licence, ...] = ()
    insured_until: date | None = None
    performance_as_of: datetime | None = None
    parent_id: str = ""
    direct_pay_vendor_id: str = ""
    prenote: Prenote = Prenote.NOT_NEEDED
    prenote_sent_on: date | None = None
    account_kind: AccountKind = AccountKind.CHECKING
    payment_plan_id: str = ""

    def __post_init__(self) -> None:
        if self.kind is PartnerKind.IN_HOUSE and self.rate_card is None:
            msg = f"partner {self.id}: the owner's own people need a rate card"
            raise BadInput(msg)


class Milestone(StrEnum):
    """The points in a project's life: those at which money moves, and the two that lead to M1.

    NTP is M0; M2 is Activation Approved. M1 comes with Install Submitted or Install Approved,
    whichever the payment plan names (F09).
    """

    NTP = "NTP"
    INSTALL_SUBMITTED = "install_submitted"
    INSTALL_APPROVED = "install_approved"
    M1 = "M1"
    M2 = "M2"


PAYING = (Milestone.NTP, Milestone.M1, Milestone.M2)
"""The milestones that a payment plan may name, in the order of a project's life."""


def milestone_id(project_id: str, milestone: Milestone, occurrence: int = 0) -> str:
    """Give the name under which it is on record that a project reached a milestone.

    A milestone that was revoked can be reached again; each time has a name of its own.
    """
    again = (occurrence,) if occurrence else ()
    return derived("MS", project_id, milestone, *again)


@dataclass(frozen=True, slots=True)
class PlanShare:
    """One part of a payment plan: at this milestone, this share of the value."""

    milestone: Milestone
    share_bps: int


def _require_plan(of: str, plan: tuple[PlanShare, ...], m1_basis: Milestone) -> None:
    """Refuse a plan that does not pay the whole, once, at milestones that pay.

    Raises:
        BadInput: it does not; the message names what it is the plan of.
    """
    if {share.milestone for share in plan} - set(PAYING):
        msg = f"{of}: a payment plan pays at {', '.join(PAYING)} only"
        raise BadInput(msg)
    if m1_basis not in {Milestone.INSTALL_SUBMITTED, Milestone.INSTALL_APPROVED}:
        msg = f"{of}: M1 is paid on Install Submitted or Approved (F09)"
        raise BadInput(msg)
    if sum(share.share_bps for share in plan) != 10_000:
        msg = f"{of}: the payment plan does not sum to the whole"
        raise BadInput(msg)
    if min(share.share_bps for share in plan) < 0:
        msg = f"{of}: the payment plan has a share below zero"
        raise BadInput(msg)
    if len({share.milestone for share in plan}) < len(plan):
        msg = f"{of}: the payment plan names a milestone twice"
        raise BadInput(msg)


@dataclass(frozen=True, slots=True)
class PaymentPlan:
    """How an organisation's projects are paid; each project keeps a copy of its own.

    Attributes:
        shares: how a project's value is split over its milestones, in basis points.
        m1_basis: which of the two installation milestones is M1 (F09).
    """

    id: str
    programme: str
    shares: tuple[PlanShare, ...]
    m1_basis: Milestone = Milestone.INSTALL_APPROVED

    def __post_init__(self) -> None:
        _require_plan(f"payment plan {self.id}", self.shares, self.m1_basis)


@dataclass(frozen=True, slots=True)
class Revocation:
    """A milestone that was on record and does not count any more."""

    milestone: Milestone
    reached_at: datetime
    revoked_at: datetime
    by: str
    because: str


@dataclass(frozen=True, slots=True)
class SoldInverter:
    """A device that a project was sold with."""

    make: str
    model: str
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Project:
    """The sale and construction of one system.

    Attributes:
        partner_id: who is paid for it.
        value: what the whole project pays.
        plan: how the value is split over the milestones; shares sum to 10,000 basis points.
        reached: milestone -> the server-recorded instant at which it was achieved, as it stands.
        programme: whose rules it follows.
        market: what the rules on markets look at: a state, or a utility in one.
        m1_basis: which of the two installation milestones is M1, pinned when M1 is reached (F09).
        revoked: milestones that were taken back, oldest first.
        salesperson: who sold it, as exports filter by.
        inverters: what it was sold with; empty where only the site's own inverter is known.
        prepaid_commission: paid before the installation, owed again on a cancellation (F10).
    """

    id: str
    site_id: str
    partner_id: str
    value: Money
    plan: tuple[PlanShare, ...]
    reached: tuple[tuple[Milestone, datetime], ...] = ()
    cancelled: bool = False
    compliance_case_open: bool = False
    administrative_stip_open: bool = False
    programme: str = COMFORT
    market: str = ""
    m1_basis: Milestone = Milestone.INSTALL_APPROVED
    revoked: tuple[Revocation, ...] = ()
    salesperson: str = ""
    inverters: tuple[SoldInverter, ...] = ()
    prepaid_commission: Money = ZERO
    cancelled_at: datetime | None = None

    def __post_init__(self) -> None:
        _require_plan(f"project {self.id}", self.plan, self.m1_basis)

    def reached_at(self, milestone: Milestone) -> datetime | None:
        """Give the instant at which the milestone was achieved, or None."""
        return dict(self.reached).get(milestone)

    def occurrence(self, milestone: Milestone) -> int:
        """Tell how often a milestone was taken back: the number of its next or present time."""
        return sum(one.milestone is milestone for one in self.revoked)


@dataclass(frozen=True, slots=True)
class ApiClient:
    """A program that may call the API in a partner's name; its id is the token's ``client_id``.

    Attributes:
        mode: its partner's; a token of the other mode is none of this program's (T-91).
        roles: what an Accounting Admin granted it, ``accounting_admin`` or nothing (F27).
        vendor_id: the dealer whose program it is, where it is no partner's; `partner_id` is empty.
        version: the version of the API that it is answered in, a day; empty until its first call.
        is_stopped: it may not call any more, whatever its token says.
    """

    id: str
    partner_id: str
    mode: str = LIVE
    roles: frozenset[str] = frozenset()
    vendor_id: str = ""
    version: str = ""
    is_stopped: bool = False

    def __post_init__(self) -> None:
        if self.partner_id and self.vendor_id:
            msg = f"program {self.id}: it speaks for a partner or for a vendor, not for both"
            raise BadInput(msg)
