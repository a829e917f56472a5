"""Direct Pay in the town: vendors that ship to projects and bill the owner."""

from collections.abc import Sequence
from datetime import date, time, timedelta
from functools import partial

from cloud.funding.direct_pay import DirectPay, Vendor
from cloud.funding.process import direct_pay, equipment
from cloud.kernel.money import Money
from cloud.local.town.desks import asker_of
from cloud.local.town.draws import Draws
from cloud.local.town.making import ADMIN, Town, days_before_end, office
from cloud.local.town.projects import NTP, SUBMITTED, Course
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import ApiClient, Project

FRONT_RANGE = Vendor(
    "V-FRONTRANGE", "Front Range Solar Supply", "office@frontrange.example",
    "orders@frontrange.example",
)  # fmt: skip
VALLEY = Vendor("V-VALLEY", "Valley Electrical Wholesale", "office@valleywholesale.example")
VENDORS = (FRONT_RANGE, VALLEY)
ENROLLED = (("P-ALDER", FRONT_RANGE), ("P-SACRAMENTO", VALLEY))


def plan(town: Town, listed: Sequence[Course]) -> None:
    """Put vendors on record at once, and what they ship and bill on the agenda."""
    for vendor in VENDORS:
        town.do(direct_pay.put_vendor, vendor=vendor, by=ADMIN)
        program = ApiClient(program_of(vendor), "", vendor_id=vendor.id)
        town.do(portfolio.register, record=program, by=ADMIN)
    for partner_id, vendor in ENROLLED:
        town.do(
            direct_pay.enrol_organisation,
            partner_id=partner_id,
            vendor_id=vendor.id,
            by=asker_of(partner_id),
        )
    for course in listed:
        of_firm = dict(ENROLLED).get(course.firm.id)
        ntp = course.day_of(NTP)
        if of_firm is None or ntp is None:
            continue
        vendor = of_firm
        draws = Draws("vendor", course.home.number)
        ordered = office(ntp + timedelta(1), time(9, draws.below(60)))
        day = _shipping_day(course, draws)
        shipped = office(max(day, ntp + timedelta(2)), time(13, draws.below(60)))
        billed = office(shipped.date() + timedelta(draws.between(2, 6)), time(15, draws.below(60)))
        if draws.has(12):
            town.at(ordered, partial(_leave, course=course))
            continue
        town.at(ordered, partial(_order, course=course, vendor=vendor))
        town.at(shipped, partial(_ship, course=course, vendor=vendor))
        if not draws.has(15):
            town.at(billed, partial(_bill, course=course, vendor=vendor))


def program_of(vendor: Vendor) -> str:
    """Give the name of a vendor's program."""
    return f"client-{vendor.id.removeprefix('V-').lower()}"


def _shipping_day(course: Course, draws: Draws) -> date:
    """Give when the material leaves: days before the installation, and too early for a few."""
    submitted = course.day_of(SUBMITTED)
    if submitted is None:
        return days_before_end(draws.between(-9, 9))  # some will be shipped after the last day
    return submitted - timedelta(19 if draws.has(10) else draws.between(4, 11))


def _is_in(town: Town, course: Course) -> bool:
    stored = town.records.load(DirectPay, course.facts.id)
    is_over = town.record(Project, course.facts.id).cancelled
    return stored is not None and stored.record.is_enrolled and not is_over


def _leave(town: Town, *, course: Course) -> None:
    if _is_in(town, course):
        who = asker_of(course.firm.id)
        named = {"project_id": course.facts.id, "partner_id": course.firm.id}
        town.may(direct_pay.opt_out, **named, by=who)


def _order(town: Town, *, course: Course, vendor: Vendor) -> None:
    if _is_in(town, course):
        town.may(
            direct_pay.record_order,
            vendor_id=vendor.id,
            project_id=course.facts.id,
            order_number=f"SO-{26_000 + course.home.number}",
            ordered_at=town.now,
            by=program_of(vendor),
        )


def _ship(town: Town, *, course: Course, vendor: Vendor) -> None:
    if _is_in(town, course):
        town.may(
            direct_pay.record_shipment,
            vendor_id=vendor.id,
            project_id=course.facts.id,
            shipped_at=town.now,
            by=program_of(vendor),
        )


def _bill(town: Town, *, course: Course, vendor: Vendor) -> None:
    if not _is_in(town, course):
        return
    draws = Draws("vendor's bill", course.home.number)
    town.may(
        equipment.receive_vendor_invoice,
        vendor_id=vendor.id,
        project_id=course.facts.id,
        number=f"{date(2026, 1, 1).year}-{4000 + course.home.number}",
        amount=Money(draws.between(3_400, 7_900) * 100),
        is_final=True,
        by=program_of(vendor),
    )
