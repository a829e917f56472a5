"""Issuing a work order and offering it to whoever the ranking names."""

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from cloud.kernel.change import Change, Event, Letter
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio import fitness
from cloud.portfolio.models import Partner, Site
from cloud.portfolio.process import relationship_manager_of, technicians_of
from cloud.service import letters, sla
from cloud.service.models import (
    Assignment,
    Case,
    Finding,
    ServiceRoster,
    Task,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.offer import AssignmentState
from cloud.service.policy import (
    ACCEPT_DAYS,
    FULL_PROXIMITY,
    ROUTING_WEIGHTS,
    SPEND_LIMIT_CENTS,
)
from cloud.service.process.saving import load_order, settle
from cloud.service.routing import (
    UNFIT,
    Candidate,
    Job,
    Routing,
    RoutingReason,
    distance_km,
    route,
)

BY_POLICY = "dispatch"
"""Who issues a work order that no person issued."""


def enlist(records: Records, *, partner_id: str, at: datetime, by: str) -> None:
    """Put a partner on the rosters of all states that it works in (R-42).

    Being on a roster is being considered; whether it is eligible is judged for each work order.
    """
    partner = require(records.load(Partner, partner_id), "partner", partner_id).record
    for state in sorted(partner.states):
        stored = records.load(ServiceRoster, state) or Stored(ServiceRoster(state, ()), 0)
        if partner_id in stored.record.partner_ids:
            continue
        ids = tuple(sorted((*stored.record.partner_ids, partner_id)))
        says = f"partner {partner_id} is considered for service in {state}"
        records.commit(
            Change(
                saves=(stored.replaced_by(ServiceRoster(state, ids)),),
                events=(Event(partner_id, "enlisted", at, by, "R-42", says=says),),
            )
        )


def drafted(
    case: Case, *, site: Site, finding: Finding, number: str, spc_id: str, at: datetime
) -> WorkOrder:
    """Give a work order that is issued but offered to nobody yet (A-81, R-43, S-26).

    Workmanship is suspected where the issue began within the installer's warranty. Who answers for
    the workmanship now is named on it for good.
    """
    day = at.astimezone(ZoneInfo(site.time_zone)).date()
    limit = Money(SPEND_LIMIT_CENTS.on(day))
    return WorkOrder(
        id=number,
        case_id=case.id,
        site_id=site.id,
        spc_id=spc_id,
        partner_id=None,
        original_installer_id=site.answers_for_workmanship,
        state=WorkOrderState.MANUAL_DISPATCH,
        scope=finding.scope,
        instructions=finding.says,
        time_zone=site.time_zone,
        policy_day=day,
        issued_at=at,
        spend_limit=limit,
        not_to_exceed=limit,
        is_emergency=case.is_emergency,
        is_workmanship_suspected=site.workmanship_until >= finding.opened_on,
        picture=finding.picture,
    )


def offered_next(
    records: Records, order: WorkOrder, *, site: Site, at: datetime
) -> tuple[WorkOrder, tuple[Event, ...], tuple[Letter, ...]]:
    """Give the order as offered to the best partner left, with the letter that offers it (R-42)."""
    chosen, partners = _routing(records, order, site, at)
    order = replace(order, ranking=chosen.ranking, routed_by=chosen.reason)
    told = _installer_passed_over(records, order, at)
    if chosen.assign_to is None:
        order, events, sent = _without_partner(order, at)
    else:
        order, events, sent = offered_to(
            order, partner=partners[chosen.assign_to], site=site, at=at, by=BY_POLICY
        )
    return order, events, (*sent, *told)


def offered_to(
    order: WorkOrder, *, partner: Partner, site: Site, at: datetime, by: str
) -> tuple[WorkOrder, tuple[Event, ...], tuple[Letter, ...]]:
    """Give the order as offered to that partner, with the letter that offers it (M-74, S-20)."""
    partner_id = partner.id
    letter_id = derived("LTR", order.id, "offer", len(order.assignments) + 1)
    offer = Assignment(partner_id, AssignmentState.OFFERED, letter_id, offered_at=at)
    order = replace(
        order,
        partner_id=partner_id,
        state=WorkOrderState.OFFERED,
        assignments=(*order.assignments, offer),
        task=Task.PHONE_PARTNER if order.is_emergency else None,
    )
    event = Event(
        subject=order.id,
        what="offered",
        at=at,
        by=by,
        rule="R-43" if order.routed_by is RoutingReason.ORIGINAL_INSTALLER_FIRST else "R-42",
        causes=(order.case_id,),
        says=f"work order {order.id} was offered to partner {partner_id}: {order.routed_by}",
    )
    return order, (event,), (offer_letter(order, site=site, partner=partner, at=at),)


def offer_letter(order: WorkOrder, *, site: Site, partner: Partner, at: datetime) -> Letter:
    """Give the letter that makes the offer that stands (M-74)."""
    return letters.offer(
        order,
        letter_id=order.assignments[-1].letter_id,
        site=site,
        partner=partner,
        answer_by=_answer_by(order, at),
        at=at,
    )


def assign(
    records: Records, *, work_order_id: str, partner_id: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """Offer a work order that has no partner to one that a person chose (R-42).

    A person may choose whom the ranking bars, but nobody who may not work there on the day.
    """
    stored = load_order(records, work_order_id)
    order = stored.record
    if order.partner_id == partner_id:
        return order
    if order.state is not WorkOrderState.MANUAL_DISPATCH:
        return Refused("R-42", f"work order {order.id} stands as {order.state}", "conflict")
    site = require(records.load(Site, order.site_id), "site", order.site_id).record
    partner = require(records.load(Partner, partner_id), "partner", partner_id).record
    day = _local_day(site, at)
    if not (
        partner.active
        and fitness.is_licensed(partner, state=site.state, on=day)
        and fitness.is_insured(partner, on=day)
    ):
        because = f"partner {partner_id} is not active, licensed in {site.state} and insured"
        return Refused("Q-79", because, "partner_unfit")
    after, events, sent = offered_to(order, partner=partner, site=site, at=at, by=by)
    return settle(records, stored, after, at=at, events=events, letters=sent)


def _without_partner(
    order: WorkOrder, at: datetime
) -> tuple[WorkOrder, tuple[Event, ...], tuple[Letter, ...]]:
    order = replace(
        order, partner_id=None, state=WorkOrderState.MANUAL_DISPATCH, task=Task.CHOOSE_PARTNER
    )
    says = f"nobody is eligible for work order {order.id}: choose a partner by hand"
    event = Event(order.id, "manual_dispatch", at, BY_POLICY, "R-42", (order.case_id,), says)
    return order, (event,), ()


def _answer_by(order: WorkOrder, at: datetime) -> str:
    """Say by when an answer is due if the letter arrives now."""
    if order.is_emergency:
        return "at once"
    days = ACCEPT_DAYS.on(order.policy_day)
    expected = sla.deadline(
        sla.SlaMilestone.ACCEPT,
        start_at=at,
        business_days=days,
        calendar=sla.calendar_at(order.time_zone, on=order.policy_day),
    ).due_at
    if expected is None:  # pragma: no cover - acceptance is never paused
        msg = f"work order {order.id}: no deadline for an answer"
        raise BadInput(msg)
    when = letters.in_words(expected, order.time_zone)
    return f"within {days} business days, that is by {when} if this reaches you now"


def _local_day(site: Site, at: datetime) -> date:
    return at.astimezone(ZoneInfo(site.time_zone)).date()


def _installer_passed_over(records: Records, order: WorkOrder, at: datetime) -> tuple[Letter, ...]:
    """Tell the relationship manager that an installer could not be offered its own work (R-43).

    Whoever declined or lost the work knows; this is for one that is not active, licensed, insured.
    """
    installer_id = order.original_installer_id
    place = next((one for one in order.ranking if one.partner_id == installer_id), None)
    is_first = order.is_workmanship_suspected or order.is_emergency
    if place is None or not is_first or installer_id in order.excluded:
        return ()
    unfit = [one for one in place.barred_by if one in UNFIT]
    manager = relationship_manager_of(records, installer_id) if unfit else None
    if manager is None:
        return ()
    return (letters.installer_passed_over(order, manager=manager, because=", ".join(unfit), at=at),)


def _routing(
    records: Records, order: WorkOrder, site: Site, at: datetime
) -> tuple[Routing, dict[str, Partner]]:
    """Rank the partners of the site's own mode; give them by id as well (R-42, T-91)."""
    performance, proximity = ROUTING_WEIGHTS.on(order.policy_day)
    roster = records.load(ServiceRoster, site.state)
    ids = {order.original_installer_id, *(roster.record.partner_ids if roster else ())}
    day = _local_day(site, at)
    loaded = (records.load(Partner, partner_id) for partner_id in sorted(ids))
    # What is tried out never meets what is real (T-91).
    partners = [one.record for one in loaded if one is not None and one.record.mode == site.mode]
    ranked = route(
        Job(
            state=site.state,
            scope=frozenset(order.scope),
            manufacturer=site.manufacturer.casefold(),
            is_workmanship_suspected=order.is_workmanship_suspected,
            is_emergency=order.is_emergency,
            original_installer_id=order.original_installer_id,
            excluded=frozenset(order.excluded),
        ),
        [_candidate(records, one, site, day) for one in partners],
        performance_weight=performance,
        proximity_weight=proximity,
        full_proximity=FULL_PROXIMITY.on(order.policy_day),
    )
    return ranked, {one.id: one for one in partners}


def _candidate(records: Records, partner: Partner, site: Site, day: date) -> Candidate:
    """Give a partner as it is on the day: its papers, its people, its load (R-42, Q-79)."""
    orders = records.find(WorkOrder, by="partner_id", value=partner.id)
    return Candidate(
        id=partner.id,
        is_active=partner.active,
        is_licensed=fitness.is_licensed(partner, state=site.state, on=day),
        is_insured=fitness.is_insured(partner, on=day),
        has_opted_in=partner.opted_in,
        states=partner.states,
        scopes=partner.scopes,
        certifications=fitness.certified_makers(
            partner, technicians_of(records, partner.id), on=day
        ),
        distance_km=distance_km(
            (partner.latitude, partner.longitude), (site.latitude, site.longitude)
        ),
        max_km=partner.max_km,
        performance=partner.performance,
        open_work_orders=sum(stored.record.is_open for stored in orders),
        max_open=partner.max_open_work_orders,
    )
