"""What went wrong with some of the town's projects, and what people decided about their money."""

from collections.abc import Sequence
from datetime import date, time, timedelta
from functools import partial

from cloud.funding import process as funding
from cloud.funding.models import Deduction, DeductionState, PaymentTrace
from cloud.funding.process.proofs import take_proof
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BrokenInvariant
from cloud.kernel.money import Money
from cloud.local.town.desks import asker_of
from cloud.local.town.making import (
    ACCOUNTANT,
    APPROVER,
    PROJECTS,
    TREASURY,
    Town,
    days_before_end,
    office,
)
from cloud.local.town.pages import paper
from cloud.local.town.projects import APPROVED, M2, SUBMITTED, Course, Life
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import Milestone, Project
from cloud.portfolio.process.projects import CancellationReason

_REASONS = (
    ("utility_ahj_delay", "The utility's inspector moved our appointment twice."),
    ("main_panel_upgrade", "The panel has to be exchanged before the utility lets us connect."),
    ("transformer_upgrade", "The utility exchanges the transformer of the street first."),
    ("customer_escalation", "The customer lets nobody in before a leak is settled."),
    ("other", "The customer's house is being sold; the new owner signs next week."),
)
_ASKS = ("waiting", "granted", "waiting", "denied", "waiting", "withdrawn")


def plan(town: Town, listed: Sequence[Course]) -> None:
    """Put the troubles of projects on the agenda."""
    _plan_extensions(town, listed)
    _plan_ends(town, listed)
    _plan_cases(town, listed)
    town.at(office(date(2026, 4, 9), time(15, 10)), partial(_returned, partner_id="P-SONORA"))
    town.at(office(days_before_end(4), time(11, 30)), partial(_returned, partner_id="P-PRAIRIE"))
    town.at(office(days_before_end(3), time(15, 5)), _settlement_proposed)
    town.at(office(days_before_end(12), time(9, 50)), _published)


def chosen(listed: Sequence[Course], life: Life, *partners: str) -> list[Course]:
    """Give the courses of a life, of these partners or of everybody."""
    found = [one for one in listed if one.life is life]
    return [one for one in found if one.firm.id in partners] if partners else found


# ---------------------------------------------------------------------- extensions
def _plan_extensions(town: Town, listed: Sequence[Course]) -> None:
    for firm in ("P-ALDER", "P-SACRAMENTO", "P-PACIFIC"):
        waiting = chosen(listed, Life.WAITS_FOR_ACTIVATION, firm)
        # Whose clock is nearly over asks first.
        due = sorted(waiting, key=lambda one: one.day_of(APPROVED) or date.max)
        late = [one for one in due if (one.day_of(APPROVED) or date.max) > days_before_end(112)]
        for number, course in enumerate(late[: len(_ASKS)]):
            asked = office(days_before_end(15 - 2 * number), time(10, 15 + 5 * number))
            ask = partial(_ask_extension, course=course, way=_ASKS[number], number=number)
            town.at(asked, ask)


def _ask_extension(town: Town, *, course: Course, way: str, number: int) -> None:
    project = town.record(Project, course.facts.id)
    submitted = project.reached_at(Milestone.INSTALL_SUBMITTED)
    who = asker_of(course.firm.id)
    if submitted is None or project.reached_at(M2) is not None or project.cancelled:
        return
    proof = town.do(
        take_proof,
        town.outside,
        project_id=project.id,
        partner_id=course.firm.id,
        name="letter-of-the-utility.pdf",
        content_type="application/pdf",
        content=paper(f"About {course.home.address}"),
        by=who,
    )
    reason, words = _REASONS[number % len(_REASONS)]
    fields = {
        "account_finco_id": project.id,
        "account_primary_name": course.home.name,
        "eta_of_pto": (town.now.date() + timedelta(34)).isoformat(),
        "extension_request_deadline": (town.now.date() + timedelta(12)).isoformat(),
        "install_submission_date": eastern_day(submitted).isoformat(),
        "reason": reason,
    }
    asked = town.may(
        funding.submit_extension,
        project_id=project.id,
        partner_id=course.firm.id,
        fields=fields,
        reason_text=words,
        proof_reference=f"upload:{proof.id}",
        by=who,
    )
    if asked is None or way == "waiting":
        return
    decided = office(town.now.date() + timedelta(3), time(14, 40))
    town.at(decided, partial(_decide_extension, request_id=asked.id, course=course, way=way))


def _decide_extension(town: Town, *, request_id: str, course: Course, way: str) -> None:
    if way == "granted":
        town.may(funding.grant_extension, request_id=request_id, by=ACCOUNTANT)
    elif way == "denied":
        because = "the letter names another address"
        town.may(funding.deny_extension, request_id=request_id, because=because, by=ACCOUNTANT)
    else:
        who = asker_of(course.firm.id)
        named = {"request_id": request_id, "partner_id": course.firm.id}
        town.may(funding.withdraw_extension, **named, by=who)


# ---------------------------------------------------------------------- the end of projects
def _plan_ends(town: Town, listed: Sequence[Course]) -> None:
    building = chosen(listed, Life.IN_CONSTRUCTION)
    active = chosen(listed, Life.ACTIVE)
    for number, course in enumerate(building[3::11][:4]):
        at = office(days_before_end(26 - 6 * number), time(13, 20))
        town.at(at, partial(_end, course=course, is_agreed=number % 3 != 2))
    for course in active[5::60][:2]:
        at = office(days_before_end(20), time(16, 5))
        town.at(at, partial(_end, course=course, is_agreed=True))
    for course in building[2::9][:4]:
        at = office(days_before_end(9), time(10, 35))
        town.at(at, partial(_prepay, course=course))
    for course in active[7::70][:2]:
        at = office(days_before_end(6), time(9, 30))
        town.at(at, partial(_revoke, course=course))


def _end(town: Town, *, course: Course, is_agreed: bool) -> None:
    asked = town.may(
        portfolio.propose_cancellation,
        project_id=course.facts.id,
        reason=CancellationReason.CUSTOMER,
        because="the customer moves away and the buyer of the house does not want the contract",
        by=PROJECTS,
    )
    if asked is not None and is_agreed:
        town.do(portfolio.agree_cancellation, proposal_id=asked.id, by=APPROVER)


def _prepay(town: Town, *, course: Course) -> None:
    asked = town.may(
        portfolio.propose_prepaid_commission,
        project_id=course.facts.id,
        amount=Money(600_00),
        because="paid to the salesperson at signing, as the agreement of 2025 has it",
        by=ACCOUNTANT,
    )
    if asked is not None and course.home.number % 2:
        town.may(portfolio.agree_prepaid_commission, proposal_id=asked.id, by=APPROVER)


def _revoke(town: Town, *, course: Course) -> None:
    town.may(
        portfolio.revoke_milestone,
        project_id=course.facts.id,
        milestone=M2,
        because="the permission to operate was for the house next door",
        by=PROJECTS,
    )


# ---------------------------------------------------------------------- cases and stips
def _plan_cases(town: Town, listed: Sequence[Course]) -> None:
    waiting = chosen(listed, Life.WAITS_FOR_ACTIVATION)
    recent = sorted(waiting, key=lambda one: one.day_of(SUBMITTED) or date.min)[-12:]
    for number, course in enumerate(recent):
        day = (course.day_of(SUBMITTED) or days_before_end(2)) - timedelta(1)
        at = office(day, time(9, 5 + number))
        if number % 3 == 0:
            town.at(at, partial(_open_case, course=course))
        elif number % 3 == 1:
            town.at(at, partial(_open_stip, course=course))
    for course in chosen(listed, Life.ACTIVE)[9::45][:3]:
        at = office(days_before_end(5), time(14, 25))
        town.at(at, partial(_offset_proposed, course=course))


def _open_case(town: Town, *, course: Course) -> None:
    because = "photos of the conductors do not show what the permit asks for"
    named = {"project_id": course.facts.id, "because": because}
    town.may(portfolio.open_compliance_case, **named, by=PROJECTS)


def _open_stip(town: Town, *, course: Course) -> None:
    because = "the signed change order of the main panel is missing"
    town.may(portfolio.open_stip, project_id=course.facts.id, because=because, by=PROJECTS)


def _offset_proposed(town: Town, *, course: Course) -> None:
    town.may(
        funding.propose_compliance_offset,
        project_id=course.facts.id,
        amount=Money(750_00),
        because="a third party mended the fire setback at this price",
        by=ACCOUNTANT,
    )


# ---------------------------------------------------------------------- what came back
def _returned(town: Town, *, partner_id: str) -> None:
    """Let the bank send a partner's latest payment back: the account is closed."""
    found = town.records.find(PaymentTrace, by="partner_id", value=partner_id)
    lines = sorted((one.record for one in found), key=lambda one: one.run_id)
    for line in reversed(lines):
        try:
            answer: object = funding.return_payment(
                town.records, trace_number=line.id, code="R02", at=town.now
            )
        except BrokenInvariant:
            continue
        if not isinstance(answer, Refused):
            return


def _settlement_proposed(town: Town) -> None:
    found = town.records.find(Deduction, by="state", value=DeductionState.OPEN)
    debts = sorted((one.record for one in found), key=lambda one: one.id)
    for debt in debts[:2]:
        town.may(
            funding.propose_settlement,
            deduction_id=debt.id,
            amount=debt.open,
            how="paid_by_check",
            because="the check came on Friday and was cashed",
            by=ACCOUNTANT,
        )


def _published(town: Town) -> None:
    town.may(
        funding.publish_funding_day,
        regular_date=date(2026, 7, 2),
        alternative_date=date(2026, 7, 1),
        by=TREASURY,
    )
