"""Who takes part in Direct Pay, what vendors are told of it, and their orders and shipments."""

from dataclasses import replace
from datetime import datetime, timedelta

from cloud.funding import vendor_letters
from cloud.funding.direct_pay import DirectPay, Vendor
from cloud.funding.enrollment import OPT_IN, OPT_OUT, Choice, Enrollment, enrollment
from cloud.funding.policy import D29, F19, F30, F33, F34
from cloud.funding.process.booking import write, write_unless_refused
from cloud.funding.process.equipment import (
    WAKES,
    assess_material,
    closing,
    material_verdict,
    net_equipment,
    of_vendor,
    receive_vendor_invoice,
    timer_id,
    vendor_payments,
    void_vendor_invoice,
    wake,
)
from cloud.funding.process.taking import Equipment, timers_of
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner, Project

__all__ = [
    "WAKES",
    "assess_material",
    "closing",
    "enrol_new_project",
    "enrol_organisation",
    "leave_organisation",
    "material_verdict",
    "net_equipment",
    "opt_in",
    "opt_out",
    "projects_of_vendor",
    "put_vendor",
    "receive_vendor_invoice",
    "record_order",
    "record_shipment",
    "standing_of",
    "vendor_payments",
    "void_vendor_invoice",
    "wake",
]
ENROLMENT = "direct_pay"
LONG_AGO = timedelta(days=366)
"""Nobody tells of an order or a shipment later than that."""


# ------------------------------------------------------------------ vendors and organisations
def put_vendor(records: Records, *, vendor: Vendor, at: datetime, by: str) -> Vendor:
    """Put a vendor on record, or what changed of it; the same again changes nothing."""

    def decide() -> tuple[Vendor, Change]:
        known = records.load(Vendor, vendor.id)
        if known is not None and known.record == vendor:
            return vendor, Change()
        save = known.replaced_by(vendor) if known is not None else Save(vendor, NEW)
        says = f"vendor {vendor.name} is told at {vendor.email}, of projects at {vendor.tells}"
        event = Event(vendor.id, "vendor_recorded", at, by, "F34", says=says)
        return vendor, Change(saves=(save,), events=(event,))

    return write(records, f"vendor {vendor.id}", decide)


def vendor_of(records: Records, vendor_id: str) -> Stored[Vendor]:
    """Give a vendor.

    Raises:
        NotFound: there is none of that id.
    """
    return require(records.load(Vendor, vendor_id), "vendor", vendor_id)


def projects_of_vendor(records: Records, vendor_id: str, *, mode: str) -> list[DirectPay]:
    """Give the projects of one mode that order from a vendor, in order of id (T-91).

    Answers come from an index and may lag behind what was just chosen.
    """
    found = [one.record for one in records.find(DirectPay, by="vendor_id", value=vendor_id)]
    partners = records.load_all(Partner, sorted({one.partner_id for one in found}))
    of_mode = {name for name, partner in partners.items() if partner.record.mode == mode}
    return [one for one in found if one.partner_id in of_mode]


def enrol_organisation(
    records: Records, *, partner_id: str, vendor_id: str, at: datetime, by: str
) -> Partner | Refused:
    """Let an organisation's future projects order from a vendor that bills the owner (F30, F34).

    Projects that are under way stay as they are. The vendor is told, and so is one that is left.
    """
    refused = _gone(vendor_of(records, vendor_id).record)
    if refused is not None:
        return refused
    return _organisation(records, partner_id, vendor_id, at=at, by=by)


def _gone(vendor: Vendor) -> Refused | None:
    """Refuse a vendor with which nothing new begins any more."""
    if vendor.is_active:
        return None
    because = f"vendor {vendor.name} does not take part in Direct Pay any more"
    return Refused(F30.id, because, "vendor_inactive")


def leave_organisation(records: Records, *, partner_id: str, at: datetime, by: str) -> Partner:
    """Let an organisation's future projects stay out of Direct Pay (F30, F34)."""
    return _organisation(records, partner_id, "", at=at, by=by)


def _organisation(
    records: Records, partner_id: str, vendor_id: str, *, at: datetime, by: str
) -> Partner:
    def decide() -> tuple[Partner, Change]:
        stored = require(records.load(Partner, partner_id), "partner", partner_id)
        before = stored.record
        if before.direct_pay_vendor_id == vendor_id:
            return before, Change()
        after = replace(before, direct_pay_vendor_id=vendor_id)
        told = []
        if before.direct_pay_vendor_id:
            left = vendor_of(records, before.direct_pay_vendor_id).record
            told.append(vendor_letters.organisation_left(after, vendor=left, at=at))
        if vendor_id:
            joined = vendor_of(records, vendor_id).record
            told.append(vendor_letters.organisation_joined(after, vendor=joined, at=at))
        says = f"new projects order through Direct Pay from {vendor_id or 'nobody'} from now on"
        what = "direct_pay_joined" if vendor_id else "direct_pay_left"
        event = Event(partner_id, what, at, by, F30.id, (vendor_id,) if vendor_id else (), says)
        return after, Change(
            saves=(stored.replaced_by(after),), events=(event,), letters=tuple(told)
        )

    return write(records, f"Direct Pay of partner {partner_id}", decide)


def enrol_new_project(records: Records, *, project_id: str, at: datetime) -> DirectPay:
    """Put on record how a new project starts: enrolled where its organisation is (F30); once.

    Where its vendor does not take part any more, it starts outside.
    """

    def decide() -> tuple[DirectPay, Change]:
        known = records.load(DirectPay, project_id)
        if known is not None:
            return known.record, Change()
        about = require(records.load(Project, project_id), "project", project_id)
        partner_id = about.record.partner_id
        partner = require(records.load(Partner, partner_id), "partner", partner_id)
        vendor = _ordered_from(records, partner.record)
        vendor_id = vendor.record.id if vendor is not None else ""
        start = enrollment(
            (),
            organisation_opted_in=bool(vendor_id),
            on=eastern_day(at),
            programme=about.record.programme,
        )
        made = DirectPay(project_id, partner_id, vendor_id, start.is_enrolled, at)
        says = f"project {project_id} starts {'in' if made.is_enrolled else 'outside'} Direct Pay"
        event = Event(project_id, "direct_pay_started", at, ENROLMENT, F30.id, (partner_id,), says)
        rests_on = [partner.relied_on()] + ([vendor.relied_on()] if vendor is not None else [])
        return made, Change(saves=(Save(made, NEW),), events=(event,), relies_on=tuple(rests_on))

    return write(records, f"Direct Pay of project {project_id}", decide)


def _ordered_from(records: Records, partner: Partner) -> Stored[Vendor] | None:
    """Give the vendor that an organisation's new projects order from, if it still takes part."""
    if not partner.direct_pay_vendor_id:
        return None
    vendor = vendor_of(records, partner.direct_pay_vendor_id)
    return vendor if vendor.record.is_active else None


def standing_of(records: Records, project: Project, *, at: datetime) -> Stored[DirectPay]:
    """Give how a project stands; one that was never asked is outside."""
    outside = DirectPay(project.id, project.partner_id, "", is_enrolled=False, enrolled_at=at)
    return records.load(DirectPay, project.id) or Stored(outside, NEW)


# ------------------------------------------------------------------ one project's choice
def opt_in(
    records: Records, *, project_id: str, partner_id: str, at: datetime, by: str
) -> DirectPay | Refused:
    """Let a project take part, until the vendor ships (F33, F34).

    Its organisation must take part, for it is its vendor that delivers; and so must the vendor.

    Raises:
        NotFound: the project is not this partner's.
    """
    return _choose(records, project_id, partner_id, OPT_IN, at=at, by=by)


def opt_out(
    records: Records, *, project_id: str, partner_id: str, at: datetime, by: str
) -> DirectPay | Refused:
    """Let a project leave, until the vendor ships (D29, F33, F34).

    At once its money waits for no invoice any more (F31). What the vendor billed so far goes to the
    partner: nothing of it is taken from its money, and what was taken is paid back.

    Raises:
        NotFound: the project is not this partner's.
    """
    return _choose(records, project_id, partner_id, OPT_OUT, at=at, by=by)


def _choose(
    records: Records, project_id: str, partner_id: str, what: str, *, at: datetime, by: str
) -> DirectPay | Refused:
    """Decide a choice on the one record that holds the shipment too, until it is written."""

    def decide() -> tuple[DirectPay, Change] | Refused:
        about = records.load(Project, project_id)
        mine = about if about is not None and about.record.partner_id == partner_id else None
        about = require(mine, "project", project_id)
        stored = standing_of(records, about.record, at=at)
        verdict = _verdict(stored.record, about.record, what, at)
        if verdict.rejected:
            because = f"the vendor shipped to project {project_id}: it stays as it is"
            return Refused(F33.id, because, "already_shipped")
        if verdict.is_enrolled == stored.record.is_enrolled:
            return stored.record, Change()
        if about.record.cancelled:
            because = f"project {project_id} is cancelled"
            return Refused(F33.id, because, "project_cancelled")
        return _chosen(records, stored, about, verdict, at=at, by=by)

    return write_unless_refused(records, f"Direct Pay of project {project_id}", decide)


def _verdict(direct: DirectPay, project: Project, what: str, at: datetime) -> Enrollment:
    """Replay the shipment, where there is one, and then the choice (F33, F34).

    A shipment on record closes the choice, whatever the clocks of two machines say of the order.
    """
    facts = [Choice(what, at)]
    if direct.shipped_at is not None:
        facts.append(Choice(F33.on(eastern_day(at), project.programme), min(direct.shipped_at, at)))
    return enrollment(
        facts,
        organisation_opted_in=direct.is_enrolled,
        on=eastern_day(at),
        programme=project.programme,
    )


def _chosen(
    records: Records,
    stored: Stored[DirectPay],
    about: Stored[Project],
    verdict: Enrollment,
    *,
    at: datetime,
    by: str,
) -> tuple[DirectPay, Change] | Refused:
    """Give a choice that changes something, with the one notice to the vendor."""
    direct = stored.record
    known = require(records.load(Partner, direct.partner_id), "partner", direct.partner_id)
    partner = known.record
    vendor_id = partner.direct_pay_vendor_id if verdict.is_enrolled else direct.vendor_id
    if not vendor_id:
        because = "the organisation does not take part in Direct Pay: enrol it first"
        return Refused(F30.id, because, "organisation_not_enrolled")
    stored_vendor = vendor_of(records, vendor_id)
    vendor = stored_vendor.record
    refused = _gone(vendor) if verdict.is_enrolled else None
    if refused is not None:
        return refused
    equipment = Equipment(records, stored, about, at)
    voided = direct.standing_invoices
    for invoice in voided:
        epc = D29.on(eastern_day(at), about.record.programme).upper()
        equipment.void(invoice, says=f"invoice {invoice.number}: the vendor bills the {epc} for it")
    after = replace(
        equipment.direct,
        vendor_id=vendor_id,
        is_enrolled=verdict.is_enrolled,
        chosen_at=at,
        told=direct.told + 1,
    )
    if vendor_id != direct.vendor_id:
        after = replace(after, ordered_at=None, order_number="")
    equipment.direct = after
    (what,) = verdict.vendor_notifications
    says = f"project {direct.id} {what.replace('_', ' ')}: the vendor bills the {verdict.bill_to}"
    equipment.tell(f"direct_pay_{what}", says, rule=F34.id, by=by, causes=(vendor_id,))
    letter = vendor_letters.choice_made(after, vendor=vendor, partner=partner, voided=voided, at=at)
    timers = timers_of(after, about.record, at)
    set_now = {one.id for one in timers}
    over = tuple(
        one for one in (timer_id(direct.id, wakes) for wakes in sorted(WAKES)) if one not in set_now
    )
    more = Change(
        letters=(letter,),
        timers=timers,
        cancelled_timers=over,
        relies_on=(stored_vendor.relied_on(),),
    )
    return after, equipment.change(more)


# ------------------------------------------------------------------ orders and shipments
def record_order(
    records: Records,
    *,
    vendor_id: str,
    project_id: str,
    order_number: str,
    ordered_at: datetime,
    at: datetime,
    by: str,
) -> DirectPay | Refused:
    """Put on record that a vendor has a project's order; the same again changes nothing (F34).

    Raises:
        NotFound: the project is not this vendor's.
    """

    def decide() -> tuple[DirectPay, Change] | Refused:
        stored, about = of_vendor(records, project_id, vendor_id)
        direct = stored.record
        if (direct.order_number, direct.ordered_at) == (order_number, ordered_at):
            return direct, Change()
        if direct.ordered_at is not None:
            because = f"project {project_id} has order {direct.order_number} already"
            return Refused(F34.id, because, "order_recorded")
        if not direct.is_enrolled:
            because = f"project {project_id} is not in Direct Pay: its partner orders for itself"
            return Refused(F34.id, because, "not_enrolled")
        refused = _misdated(ordered_at, at, "order") or _before(direct.shipped_at, ordered_at)
        if refused is not None:
            return refused
        equipment = Equipment(records, stored, about, at)
        equipment.direct = replace(direct, order_number=order_number, ordered_at=ordered_at)
        says = f"vendor {vendor_id} has order {order_number} for project {project_id}"
        equipment.tell("equipment_ordered", says, rule=F34.id, by=by, causes=(vendor_id,))
        return equipment.direct, equipment.change()

    return write_unless_refused(records, f"order for project {project_id}", decide)


def record_shipment(
    records: Records,
    *,
    vendor_id: str,
    project_id: str,
    shipped_at: datetime,
    at: datetime,
    by: str,
) -> DirectPay | Refused:
    """Put on record that a vendor shipped (F19, F33): nobody joins or leaves any more.

    The vendor's own date starts the 14 days; when we heard of it stands beside. It is on record
    also for a project that has left, and is pointed out where the vendor shipped before that.

    Raises:
        NotFound: the project is not this vendor's.
    """

    def decide() -> tuple[DirectPay, Change] | Refused:
        stored, about = of_vendor(records, project_id, vendor_id)
        direct = stored.record
        if direct.shipped_at == shipped_at:
            return direct, Change()
        if direct.shipped_at is not None:
            because = f"project {project_id} was shipped to on {eastern_day(direct.shipped_at)}"
            return Refused(F19.id, because, "shipment_recorded")
        refused = _misdated(shipped_at, at, "shipment") or _before(shipped_at, direct.ordered_at)
        if refused is not None:
            return refused
        equipment = Equipment(records, stored, about, at)
        after = replace(direct, shipped_at=shipped_at, shipment_recorded_at=at)
        equipment.direct = after
        says = f"vendor {vendor_id} shipped to project {project_id} on {eastern_day(shipped_at)}"
        equipment.tell("equipment_shipped", says, rule=F33.id, by=by, causes=(vendor_id,))
        if direct.chosen_at is not None and shipped_at < direct.chosen_at:
            crossed = f"{says}, before the project's last choice: settle it with both"
            equipment.tell(
                "shipment_crossed_choice", crossed, rule=D29.id, by=by, causes=(vendor_id,)
            )
        timers = timers_of(after, about.record, at)
        return after, equipment.change(Change(timers=timers))

    return write_unless_refused(records, f"shipment to project {project_id}", decide)


def _misdated(told_at: datetime, at: datetime, what: str) -> Refused | None:
    """Refuse what is still to come, or so long ago that the year must be wrong."""
    if told_at > at:
        because = f"the {what} is dated {told_at.date()}, which is still to come"
        return Refused(F19.id, because, f"{what}_in_future")
    if told_at < at - LONG_AGO:
        because = f"the {what} is dated {told_at.date()}: check the year"
        return Refused(F19.id, because, f"{what}_too_old")
    return None


def _before(shipped_at: datetime | None, ordered_at: datetime | None) -> Refused | None:
    """Refuse a shipment on a day before the order's; vendors know days rather than hours."""
    if shipped_at is None or ordered_at is None:
        return None
    if eastern_day(shipped_at) >= eastern_day(ordered_at):
        return None
    because = f"shipped on {eastern_day(shipped_at)}, ordered on {eastern_day(ordered_at)}"
    return Refused(F19.id, because, "shipped_before_order")
