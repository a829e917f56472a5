"""What became of cases: how long they stand open, how long customers waited, and who was right."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from cloud.detection.codes import COMMUNICATIONS, DATA
from cloud.invoicing.policy import CUSTOMER_CAUSES
from cloud.reporting.facts import Facts, day_of, elapsed
from cloud.reporting.figures import age_bucket, hours, nearest_rank, percent, tenths, wilson
from cloud.reporting.models import ALL, Cell, Column, Report, Row
from cloud.reporting.policy import AGE_BUCKETS, CUSTOMER_BAR_DAYS
from cloud.service.clocks import clock_of, may_be_reassigned
from cloud.service.models import (
    AWAITING_OWNER,
    Case,
    CaseOwner,
    CaseSource,
    CaseState,
    Cause,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.models import Report as ServiceReport
from cloud.service.report import SerialState
from cloud.service.sla import SlaMilestone

US, PARTNER, CUSTOMER, OEM, WEATHER = "us", "partner", "customer", "oem", "weather"
OMNIDIAN, TELEMETRY = "omnidian", "telemetry"
_STOPPED_BY = {
    "homeowner_unresponsive": CUSTOMER,
    "weather": WEATHER,
    "equipment_shipping_delay": OEM,
    "multi_visit": PARTNER,
    AWAITING_OWNER: US,
}
_WITH_US = {WorkOrderState.MANUAL_DISPATCH, WorkOrderState.AWAITING_SPEND}
_DAY_US = timedelta(days=1) // timedelta(microseconds=1)


def in_days(span: timedelta) -> Fraction:
    """Give a span in days."""
    return Fraction(span // timedelta(microseconds=1), _DAY_US)


def blockers(order: WorkOrder, *, now: datetime) -> tuple[str, ...]:
    """Give whom an open work order waits for.

    Open pauses say so by their reasons; a maker stands for equipment that is being shipped. An
    offer that came back or may be taken back waits for us, any other for the partner.
    """
    stopped = {_STOPPED_BY.get(one.reason, US) for one in order.pauses if one.is_open}
    if stopped:
        return tuple(sorted(stopped))
    offer = order.assignment
    is_ours = offer is None or offer.bounced_at is not None or order.state in _WITH_US
    return (US,) if is_ours or may_be_reassigned(order, now=now) else (PARTNER,)


def ageing(facts: Facts) -> Report:
    """List what stood open, the oldest first: its age, its next deadline, and whom it waits for.

    A case is as old as its opening, also where it was opened again; a work order as its issue. The
    next deadline is the earliest one that was not met, past ones included.
    """
    asked = facts.asked
    aged = sorted(
        (*_open_cases(facts), *_open_orders(facts)), key=lambda one: (one[0], one[1].subjects)
    )
    found = [row for _, row in aged]
    day = day_of(asked.as_of)
    bounds = AGE_BUCKETS.on(day)
    names = [age_bucket(bound, on=day) for bound in bounds]
    counts = Counter((str(row.cells[0]), str(row.cells[4])) for row in found)
    notes = tuple(
        f"{what}s: " + ", ".join(f"{name} {counts[what, name]}" for name in names)
        for what in ("case", "work_order")
    )
    return Report(
        "ageing",
        "What stands open, the oldest first, and whom it waits for.",
        asked,
        (
            Column("what"),
            Column("id"),
            Column("state"),
            Column("age", "elapsed days"),
            Column("bucket"),
            Column("next_due_at"),
            Column("waits_for", says="us, partner, customer, oem, weather, telemetry or omnidian"),
            Column("partner"),
            Column("site"),
            Column("emergency"),
        ),
        tuple(found),
        notes,
    )


def _open_cases(facts: Facts) -> Iterator[tuple[datetime, Row]]:
    now = facts.asked.as_of
    for case in facts.cases:
        orders = [one for one in facts.orders_of.get(case.id, ()) if one.is_open]
        holders = sorted({one.partner_id for one in orders if one.partner_id})
        if not case.is_open or facts.asked.partner_id not in {"", *holders}:
            continue
        waits = {it for order in orders for it in blockers(order, now=now)}
        if case.state is CaseState.WITH_OMNIDIAN:
            waits = {OMNIDIAN}
        elif not waits:
            waits = {TELEMETRY if case.state is CaseState.VERIFYING else US}
        due = [one for order in orders if (one := _next_due(order, now)) is not None]
        told = _aged(
            facts,
            case,
            what="case",
            since=case.opened_at,
            due_at=min(due, default=None),
            waits=waits,
            holders=holders,
        )
        yield case.opened_at, told


def _open_orders(facts: Facts) -> Iterator[tuple[datetime, Row]]:
    now = facts.asked.as_of
    for order in facts.orders:
        if not order.is_open or facts.asked.partner_id not in {"", order.partner_id}:
            continue
        told = _aged(
            facts,
            order,
            what="work_order",
            since=order.issued_at,
            due_at=_next_due(order, now),
            waits=set(blockers(order, now=now)),
            holders=[order.partner_id] if order.partner_id else [],
        )
        yield order.issued_at, told


def _aged(
    facts: Facts,
    about: Case | WorkOrder,
    *,
    what: str,
    since: datetime,
    due_at: datetime | None,
    waits: set[str],
    holders: Sequence[str],
) -> Row:
    age = in_days(elapsed(since, facts.asked.as_of))
    return Row(
        (
            what,
            about.id,
            about.state.value,
            tenths(age),
            age_bucket(age, on=day_of(facts.asked.as_of)),
            due_at.astimezone(UTC) if due_at else None,
            "+".join(sorted(waits)),
            ", ".join(holders),
            about.site_id,
            about.is_emergency,
        ),
        (about.id,),
    )


def _next_due(order: WorkOrder, now: datetime) -> datetime | None:
    clocks = [clock_of(order, milestone, now=now) for milestone in SlaMilestone]
    due = [one.deadline.due_at for one in clocks if one is not None and one.met_at is None]
    return min((one for one in due if one is not None), default=None)


def _waits_row(facts: Facts, key: tuple[str, str], cases: Sequence[Case], *, bar: int) -> Row:
    """Tell how long the customers of some cases waited, against a bar of so many days."""
    as_of = facts.asked.as_of
    waited = [in_days(elapsed(one.opened_at, one.resolved_at)) for one in cases if one.resolved_at]
    ages = [in_days(elapsed(one.opened_at, as_of)) for one in cases if one.is_open]
    over = sum(days > bar for days in (*waited, *ages))
    judged = len(waited) + sum(age > bar for age in ages)
    days = [tenths(one) for one in waited]
    offers = [len(order.assignments) for order in _orders_of(facts, cases)]
    return Row(
        (
            *key,
            len(cases),
            len(waited),
            len(ages),
            sum(one.state is CaseState.CANCELLED for one in cases),
            nearest_rank(days, 50),
            nearest_rank(days, 90),
            over,
            percent(judged - over, judged),
            judged,
            sum(max(0, count - 1) for count in offers),
            sum(one.reopened for one in cases),
        ),
        tuple(sorted(one.id for one in cases)),
    )


def customer_clock(facts: Facts) -> Report:
    """Tell how long customers waited, from the opening of a case to its resolution (C-01).

    Of the cases opened in the period; the clock is the customer's: no pause stops it, and a
    reassignment or a reopening does not set it back. One that was called off has no end; what is
    still open is counted by its age where it is over the bar already (OR-05).
    """
    asked = facts.asked
    bar = CUSTOMER_BAR_DAYS.on(day_of(asked.as_of))
    groups: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in facts.cases:
        if asked.covers(case.opened_at) and _of_region(facts, case.site_id):
            groups[ALL, ALL].append(case)
            groups[case.owner.value, case.family].append(case)
    rows = [
        _waits_row(facts, key, groups[key], bar=bar)
        for key in sorted(groups, key=lambda it: (it[0] != ALL, it))
    ]
    return Report(
        "customer_clock",
        "How long customers waited from the opening of a case to its resolution.",
        asked,
        (
            Column("owner"),
            Column("family"),
            Column("cases", "cases"),
            Column("resolved", "cases"),
            Column("open", "cases"),
            Column("cancelled", "cases"),
            Column("days_p50", "elapsed days", "of the resolved"),
            Column("days_p90", "elapsed days"),
            Column("over_bar", "cases", f"waited more than {bar} days, the open ones so far"),
            Column("within_bar", "% of judged"),
            Column("judged", "cases", "resolved, or open beyond the bar"),
            Column("reassignments", "offers", "after the first of each work order"),
            Column("reopened", "times"),
        ),
        tuple(rows),
        ("The median and the 90th percentile are by nearest rank.",),
    )


def _orders_of(facts: Facts, cases: Sequence[Case]) -> list[WorkOrder]:
    return [order for case in cases for order in facts.orders_of.get(case.id, ())]


def _of_region(facts: Facts, site_id: str) -> bool:
    return facts.asked.region in {"", facts.region(site_id)}


def omnidian(facts: Facts) -> Report:
    """List the cases of the period that the support center leads (C-15), the oldest first.

    Handed over when the record or the log says so, else at the opening. A case that came back says
    when. The support center's number is the latest that it told.
    """
    asked = facts.asked
    rows = []
    for case in facts.cases:
        turns = facts.events(case.id, "handed_over", "returned")
        given = [one.at for one in turns if one.what == "handed_over"]
        if not asked.covers(case.opened_at) or not _of_region(facts, case.site_id):
            continue
        if case.owner is not CaseOwner.OMNIDIAN and not given:
            continue
        since = given[0] if given else case.handed_over_at or case.opened_at
        back = [one.at for one in turns if one.what == "returned"]
        end = case.resolved_at or (back[-1] if back else None) or asked.as_of
        age = in_days(elapsed(since, end))
        rows.append(
            Row(
                (
                    case.id,
                    case.state.value,
                    since.astimezone(UTC),
                    back[-1].astimezone(UTC) if back else None,
                    case.resolved_at.astimezone(UTC) if case.resolved_at else None,
                    tenths(age),
                    age_bucket(age, on=day_of(asked.as_of)),
                    case.external_reference if case.handed_over_at else "",
                    case.family,
                    case.is_emergency,
                    case.site_id,
                ),
                (case.id,),
            )
        )
    return Report(
        "omnidian",
        "The cases that the support center leads, of those opened in the period.",
        asked,
        (
            Column("case"),
            Column("state"),
            Column("handed_over_at"),
            Column("returned_at"),
            Column("resolved_at"),
            Column("age", "elapsed days", "with the support center"),
            Column("bucket"),
            Column("reference", says="the support center's number"),
            Column("family"),
            Column("emergency"),
            Column("site"),
        ),
        tuple(sorted(rows, key=_longest_first)),
    )


def _longest_first(row: Row) -> tuple[float, str]:
    return -float(str(row.cells[5])), str(row.cells[0])


VERIFIED, CAME_BACK, NOT_SEEN = "verified", "came back", "not verified"


def verification(facts: Facts) -> Report:
    """Tell what the readings said after a partner reported its work as done.

    Of the work orders issued in the period that were reported. Verified: the case was resolved
    after. Came back: the readings contradicted it, or the case was opened again. Not verified:
    neither yet. Hours run from the departure. Serials: what the gateway read of exchanged parts.
    """
    asked = facts.asked
    serials = {report.id: _serials_at(report, asked.as_of) for report in facts.reports}
    rows = []
    for order in facts.orders:
        case = facts.case_of.get(order.case_id)
        if order.reported_at is None or case is None or not asked.covers(order.issued_at):
            continue
        partner = facts.holder(order)
        if asked.partner_id not in {"", partner} or not _of_region(facts, order.site_id):
            continue
        outcome, since = verified(facts, order, case)
        took = elapsed(order.departed_at or order.reported_at, since) if since else None
        rows.append(
            Row(
                (
                    order.id,
                    partner,
                    order.reported_at.astimezone(UTC),
                    outcome,
                    since.astimezone(UTC) if since else None,
                    hours(took) if took is not None else None,
                    serials.get(order.report_id or "", SerialState.NOT_ASKED).value,
                    case.id,
                ),
                (order.id, case.id),
            )
        )
    counts = Counter(str(row.cells[3]) for row in rows)
    told = ", ".join(f"{outcome} {counts[outcome]}" for outcome in (VERIFIED, CAME_BACK, NOT_SEEN))
    return Report(
        "verification",
        "What the readings said after the work was reported as done.",
        asked,
        (
            Column("work_order"),
            Column("partner"),
            Column("reported_at"),
            Column("outcome"),
            Column("since", says="when it was resolved, or opened again"),
            Column("hours", "elapsed hours", "from the departure"),
            Column("serials", says="of exchanged parts, as the gateway reads them"),
            Column("case"),
        ),
        tuple(rows),
        (told,),
    )


def _serials_at(report: ServiceReport, at: datetime) -> SerialState:
    """Give what was known of exchanged serial numbers: nothing is settled before its instant."""
    if report.serials_at is None or report.serials_at <= at:
        return report.serials
    return SerialState.WAITING


def verified(facts: Facts, order: WorkOrder, case: Case) -> tuple[str, datetime | None]:
    """Give whether the readings confirmed a reported work order, and since when."""
    reported_at = order.reported_at or order.issued_at
    turns = [
        one
        for one in facts.events(case.id, "case_resolved", "case_reopened", "work_did_not_hold")
        if one.at >= reported_at
    ]
    again = next((one for one in turns if one.what != "case_resolved"), None)
    if again is not None:
        return CAME_BACK, again.at
    return (VERIFIED, turns[0].at) if turns else (NOT_SEEN, None)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What became of a case that detection opened."""

    case: Case
    outcome: str


_TRUE, _OWN, _NONE, _OFFLINE, _ITSELF, _PENDING = (
    "true",
    "customer",
    "undetermined",
    "connectivity",
    "recovered",
    "pending",
)
_OFFLINE_FAMILIES = {COMMUNICATIONS, DATA}


def detection_precision(facts: Facts) -> Report:
    """Tell how often what detection found was so (D-12, D-13), by rule.

    Of the cases that detection opened in the period, by the cause that a person found after the
    visit: a fault of the system, or the customer's. Undetermined after a visit and lost
    communication were nothing to go for. What recovered without a visit says nothing either way.
    The precision has its Wilson interval (OR-07).
    """
    asked = facts.asked
    groups: dict[str, list[_Judged]] = defaultdict(list)
    for case in facts.cases:
        if case.source is not CaseSource.DETECTION or not asked.covers(case.opened_at):
            continue
        if not _of_region(facts, case.site_id):
            continue
        one = _Judged(case, _outcome(facts, case))
        groups[ALL].append(one)
        groups[case.rule].append(one)
    rows = [_precision(facts, rule, groups[rule]) for rule in sorted(groups, key=_all_first)]
    return Report(
        "detection_precision",
        "How often what detection found was so, of the cases opened in the period.",
        asked,
        (
            Column("rule"),
            Column("cases", "cases"),
            Column(_TRUE, "cases", "the system failed"),
            Column(_OWN, "cases", "true, and the customer's own"),
            Column(_NONE, "cases", "somebody went, and found no cause"),
            Column(_OFFLINE, "cases", "only the communication was lost"),
            Column(_ITSELF, "cases", "ended without a visit"),
            Column(_PENDING, "cases"),
            Column("precision", "% of judged"),
            Column("low", "%", "of the interval of 95 %"),
            Column("high", "%"),
            Column("judged", "cases"),
            Column("called", "cases", "the customer told of it as well"),
            Column("lead_p50", "elapsed hours", "from the opening to the customer's first word"),
        ),
        tuple(rows),
        ("The lead is that of the cases that a customer told of as well, by nearest rank.",),
    )


def _all_first(rule: str) -> tuple[bool, str]:
    return rule != ALL, rule


def _outcome(facts: Facts, case: Case) -> str:
    if case.family in _OFFLINE_FAMILIES:
        return _OFFLINE
    orders = facts.orders_of.get(case.id, ())
    found = [one.cause for one in orders if facts.events(one.id, "cause_found")]
    determined = [cause for cause in found if cause is not Cause.UNDETERMINED]
    if determined:
        own = CUSTOMER_CAUSES.on(day_of(case.opened_at))
        return _OWN if all(cause in own for cause in determined) else _TRUE
    if found:
        return _NONE
    if any(one.reported_at for one in orders) or case.is_open:
        return _PENDING
    return _ITSELF


def _precision(facts: Facts, rule: str, cases: Sequence[_Judged]) -> Row:
    counts = Counter(one.outcome for one in cases)
    hits = counts[_TRUE] + counts[_OWN]
    judged = hits + counts[_NONE] + counts[_OFFLINE]
    low, high = wilson(hits, judged, on=day_of(facts.asked.as_of)) or (None, None)
    cells: tuple[Cell, ...] = tuple(
        counts[name] for name in (_TRUE, _OWN, _NONE, _OFFLINE, _ITSELF, _PENDING)
    )
    leads = [
        hours(elapsed(one.case.opened_at, min(told.at for told in one.case.reports)))
        for one in cases
        if one.case.reports
    ]
    share = percent(hits, judged)
    lead = nearest_rank(leads, 50)
    return Row(
        (rule, len(cases), *cells, share, low, high, judged, len(leads), lead),
        tuple(sorted(one.case.id for one in cases)),
    )
