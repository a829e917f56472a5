"""What a case asks of work orders: a new one is issued, an open one becomes urgent or ends."""

from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, require
from cloud.portfolio.models import Partner, Site
from cloud.portfolio.process import workmanship_until
from cloud.service import customer_letters, letters
from cloud.service.cases import is_workmanship_suspected
from cloud.service.clocks import timers_of
from cloud.service.models import Case, Finding, Task
from cloud.service.process.dispatch import drafted, offered_next
from cloud.service.process.orders import called_off
from cloud.service.process.saving import orders_of


def issued(
    records: Records,
    case: Case,
    *,
    site: Site,
    finding: Finding,
    spc_id: str,
    at: datetime,
    by: str,
    earlier: int,
    is_workmanship_suspected_by_person: bool | None = None,
) -> Change:
    """Give a new work order of a case, issued and offered (A-81, R-42, R-43b); it is saved first.

    Args:
        records: the partners, and the orders of the case.
        case: as it will be written with it.
        site: its home.
        finding: what is wrong, and since when.
        spc_id: who coordinates it.
        at: when it is issued.
        by: who issues it.
        earlier: how many work orders the case had before.
        is_workmanship_suspected_by_person: a person's word, None where the list decides.
    """
    draft = drafted(
        case,
        site=site,
        finding=finding,
        number=derived("WO", case.id, earlier + 1),
        spc_id=spc_id,
        at=at,
    )
    draft = replace(
        draft,
        is_workmanship_suspected=is_workmanship_suspected(
            case.family,
            until=workmanship_until(records, site),
            began_on=finding.opened_on,
            said=is_workmanship_suspected_by_person,
        ),
    )
    order, events, sent = offered_next(records, draft, site=site, at=at)
    says = f"work order {order.id} was issued for case {case.id}"
    event = Event(order.id, "issued", at, by, "A-81", (case.id, finding.id), says)
    return Change(saves=(Save(order, NEW),), events=(event, *events), letters=sent)


def escalated(
    records: Records, case: Case, *, site: Site, finding: Finding, at: datetime, by: str
) -> Change:
    """Give what follows when a case under way turns out to be dangerous (E-31, E-32b).

    The customer is warned. Work that was ordered already is an emergency from now on: its partner
    is written to at once, and has to be phoned.
    """
    change = Change(letters=(customer_letters.danger(case, site=site, finding=finding, at=at),))
    for stored in orders_of(records, case.id):
        order = stored.record
        if not order.is_open or order.is_emergency:
            continue
        task = Task.PHONE_PARTNER if order.partner_id else Task.CHOOSE_PARTNER
        order = replace(order, is_emergency=True, emergency_since=at, task=task)
        says = f"work order {order.id} is an emergency now: {finding.says}"
        event = Event(order.id, "became_emergency", at, by, "E-31", (finding.id,), says)
        timers, cancelled = timers_of(order, now=at)
        change += Change(
            saves=(stored.replaced_by(order),),
            events=(event,),
            timers=timers,
            cancelled_timers=cancelled,
        )
        if order.partner_id:
            partner = require(records.load(Partner, order.partner_id), "partner", order.partner_id)
            letter = letters.became_emergency(order, partner=partner.record, finding=finding, at=at)
            change += Change(letters=(letter,))
    return change


def nobody_goes(
    records: Records, case_id: str, *, because: str, at: datetime, by: str
) -> Change | Refused:
    """Give what becomes of a case's open work orders when nobody has to go any more (A-81).

    Their partners are written to, and no clock of theirs runs on. Refused while somebody is there.
    """
    change = Change()
    for stored in orders_of(records, case_id):
        order = stored.record
        if not order.is_open:
            continue
        if any(one.arrived_at is not None for one in order.visits):
            why = f"work order {order.id} stands as {order.state}: somebody went there"
            return Refused("A-81", why, "conflict")
        off, event, told = called_off(records, stored, reason=because, at=at, by=by)
        timers, cancelled = timers_of(off, now=at)
        change += Change(
            saves=(stored.replaced_by(off),),
            events=(event,),
            letters=told,
            timers=timers,
            cancelled_timers=cancelled,
        )
    return change
