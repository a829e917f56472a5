"""How partners work: on time, right the first time, and fit to be sent."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from cloud.invoicing.models import InvoiceState, Outcome
from cloud.kernel.calendar import EASTERN
from cloud.reporting.facts import Facts, day_of, elapsed
from cloud.reporting.figures import hours, nearest_rank, percent, performance, shrunk, tenths
from cloud.reporting.history import with_offer
from cloud.reporting.models import Cell, Column, Report, Row
from cloud.reporting.policy import EMERGENCY_PERCENTILES, PERFORMANCE_WEIGHTS
from cloud.reporting.service_levels import Measured, clocks_of
from cloud.reporting.standing import CAME_BACK, VERIFIED, verified
from cloud.service.clocks import emergency_of
from cloud.service.models import WorkOrder
from cloud.service.offer import AssignmentState
from cloud.service.policy import REOPENS
from cloud.service.process.dispatch import BY_POLICY
from cloud.service.routing import RoutingReason

Tries = dict[str, tuple[int, int]]
"""Measure -> hits and tries."""
Clocks = Mapping[str, Sequence[Measured]]
"""Id of a work order -> its clocks. To work them out is most of what a scorecard costs."""

_OTHERS = ("report_right",)
_MINUTE = timedelta(minutes=1)


def clocks_in(facts: Facts) -> Clocks:
    """Give the clocks of the work orders issued in the period, by the orders' ids."""
    return {
        order.id: tuple(clocks_of(order, now=facts.asked.as_of))
        for order in facts.orders
        if facts.asked.covers(order.issued_at)
    }


def tries_of(facts: Facts, clocks: Clocks | None = None) -> dict[str, Tries]:
    """Give each partner's hits and tries by measure, of the work orders issued in the period.

    Deadlines are tried where they were met or missed. A first-time fix is tried where the readings
    contradicted it, or nothing came back for as long as it would be the same case (C-16). A report
    is right where no coordinator sent it back, an invoice where it was neither returned nor
    rejected.

    Args:
        facts: what was known.
        clocks: those of `clocks_in`, where whoever asks has worked them out.
    """
    measured = clocks_in(facts) if clocks is None else clocks
    found: dict[str, Counter[tuple[str, bool]]] = defaultdict(Counter)
    for order in facts.orders:
        if not facts.asked.covers(order.issued_at):
            continue
        for one in measured[order.id]:
            if one.is_judged:
                found[one.partner_id][one.milestone.value, one.outcome == "met"] += 1
        partner = facts.holder(order)
        for name, is_hit in _rights(facts, order):
            found[partner][name, is_hit] += 1
    names = _measures(day_of(facts.asked.as_of))
    return {
        partner: {
            name: (count[name, True], count[name, True] + count[name, False]) for name in names
        }
        for partner, count in found.items()
        if partner
    }


def _rights(facts: Facts, order: WorkOrder) -> Iterator[tuple[str, bool]]:
    if order.reported_at is not None:
        yield "report_right", not facts.events(order.id, "report_returned")
        fixed = _is_fixed(facts, order)
        if fixed is not None:
            yield "first_time_fix", fixed
    for invoice in facts.invoices_of.get(order.id, ()):
        yield "invoice_right", not invoice.returned and invoice.state is not InvoiceState.REJECTED


def _is_fixed(facts: Facts, order: WorkOrder) -> bool | None:
    """Tell whether the first visit mended it; None while that is not known yet (C-16)."""
    case = facts.case_of.get(order.case_id)
    if case is None:
        return None
    outcome, since = verified(facts, order, case)
    if outcome == CAME_BACK:
        return False
    if outcome != VERIFIED or since is None:
        return None
    window = timedelta(days=REOPENS.on(day_of(since)))
    return True if elapsed(since, facts.asked.as_of) > window else None


def partner_scorecard(facts: Facts, clocks: Clocks | None = None) -> Report:
    """Tell how each partner worked, of the work orders issued in the period (OR-01, OR-02).

    Beside each share stands how often it was tried, and the share shrunk towards what every partner
    starts with. Performance is their weighted sum, from 0 to 100: what routing goes by. Emergency
    minutes run from delivery to the first answer, day and night (E-34).
    """
    asked = facts.asked
    tries, minutes, lost = tries_of(facts, clocks), _emergency_minutes(facts), _disputes_lost(facts)
    subjects = _offered(facts)
    known = {one.id for one in facts.partners if one.active} | set(subjects)
    rows = [
        _scorecard_row(
            partner,
            tries.get(partner, {}),
            subjects=subjects.get(partner, set()),
            minutes=minutes.get(partner, []),
            lost=lost[partner],
            on=day_of(asked.as_of),
        )
        for partner in sorted(known)
        if asked.partner_id in {"", partner}
    ]
    return Report(
        "partner_scorecard",
        "How each partner worked, of the work orders issued in the period.",
        asked,
        _scorecard_columns(day_of(asked.as_of)),
        tuple(rows),
        ("A report or an invoice that was refused when it was sent is not on record.",),
    )


def _disputes_lost(facts: Facts) -> Counter[str]:
    """Count the disputes of each partner that were decided against it by then."""
    return Counter(
        one.partner_id
        for one in facts.disputes
        if one.outcome is Outcome.UPHELD and one.closed_at and one.closed_at <= facts.asked.as_of
    )


def _offered(facts: Facts) -> Mapping[str, set[str]]:
    """Give the work orders of the period that each partner was offered."""
    found: dict[str, set[str]] = defaultdict(set)
    for order in facts.orders:
        if facts.asked.covers(order.issued_at):
            for offer in order.assignments:
                found[offer.partner_id].add(order.id)
    return found


def _scorecard_row(
    partner: str,
    measured: Tries,
    *,
    subjects: set[str],
    minutes: list[float],
    lost: int,
    on: date,
) -> Row:
    cells: list[Cell] = [partner, len(subjects), performance(measured, on=on)]
    for name in _measures(on):
        hits, count = measured.get(name, (0, 0))
        cells += [percent(hits, count), count, tenths(100 * shrunk(hits, count, on=on))]
    cells += [nearest_rank(minutes, one) for one in EMERGENCY_PERCENTILES.on(on)]
    cells += [len(minutes), lost]
    return Row(tuple(cells), tuple(sorted(subjects)))


def _scorecard_columns(on: date) -> tuple[Column, ...]:
    """Give the columns that stand over `_scorecard_row`, in its order."""
    measures = [
        column
        for name in _measures(on)
        for column in (
            Column(name, "%"),
            Column(f"{name}_n", "tries"),
            Column(f"{name}_shrunk", "%"),
        )
    ]
    return (
        Column("partner"),
        Column("orders", "work orders", "that it was offered"),
        Column("performance", "0 to 100", "what routing goes by"),
        *measures,
        *(
            Column(f"emergency_p{one}", "elapsed minutes", "to the first answer")
            for one in EMERGENCY_PERCENTILES.on(on)
        ),
        Column("emergency_n", "answers"),
        Column("disputes_lost", "disputes", "opened in the period, and decided against it"),
    )


def _measures(on: date) -> tuple[str, ...]:
    """Give what is measured: what performance weighs, and the others."""
    return (*PERFORMANCE_WEIGHTS.on(on), *_OTHERS)


def _emergency_minutes(facts: Facts) -> dict[str, list[float]]:
    """Give how long each partner took to answer each emergency, by the clock (E-34)."""
    found: dict[str, list[float]] = defaultdict(list)
    for order in facts.orders:
        if not order.is_emergency or not facts.asked.covers(order.issued_at):
            continue
        for offer in order.assignments:
            answered_at = offer.acknowledged_at or offer.answered_at
            since = offer.delivered_at
            if since is None or answered_at is None:
                continue
            since = max(since, order.emergency_since or since)
            if answered_at >= since:
                found[offer.partner_id].append(tenths(elapsed(since, answered_at) / _MINUTE))
    return found


def _routing_row(facts: Facts, order: WorkOrder) -> Row:
    offers = order.assignments
    states = Counter(one.state for one in offers)
    delay = elapsed(offers[0].offered_at, offers[-1].offered_at) if offers else None
    return Row(
        (
            order.id,
            order.state.value,
            facts.holder(order),
            *_chosen(facts, order),
            len(offers),
            states[AssignmentState.DECLINED],
            states[AssignmentState.EXPIRED_REASSIGNED],
            hours(delay) if delay is not None else None,
            bool(offers) and offers[0].partner_id == order.original_installer_id,
            order.is_workmanship_suspected,
            _silent_past_window(order, facts.asked.as_of),
            "; ".join(one.reason for one in offers if one.reason),
        ),
        (order.id,),
    )


def routing_audit(facts: Facts) -> Report:
    """Tell how each work order of the period found its partner (R-42, R-43, R-44).

    Who chose, and why, is what the log says of the latest offer. Delay is what passed from the
    first offer to that one. Installer first: the original installer was offered it before anyone
    else.
    """
    asked = facts.asked
    orders = [one for one in facts.orders if asked.covers(one.issued_at)]
    rows = []
    for order in orders:
        offers = order.assignments
        if asked.partner_id and asked.partner_id not in {one.partner_id for one in offers}:
            continue
        if asked.region not in {"", facts.region(order.site_id)}:
            continue
        rows.append(_routing_row(facts, order))
    first = sum(bool(row.cells[10]) for row in rows)
    return Report(
        "routing_audit",
        "How each work order of the period found its partner.",
        asked,
        (
            Column("work_order"),
            Column("state"),
            Column("partner"),
            Column("routed_by", says="of the latest offer"),
            Column("chosen_by"),
            Column("rank", "place", "among those that could be sent"),
            Column("offers", "offers"),
            Column("declines", "offers"),
            Column("silences", "offers", "taken back unanswered"),
            Column("delay", "elapsed hours", "from the first offer to the one that stands"),
            Column("installer_first"),
            Column("workmanship_suspected"),
            Column("emergency_unanswered", says="past its window, by then"),
            Column("reasons"),
        ),
        tuple(rows),
        (f"installer first: {first} of {len(rows)} ({percent(first, len(rows))} %)",)
        if rows
        else (),
    )


def _chosen(facts: Facts, order: WorkOrder) -> tuple[str, str, int | None]:
    """Give how the holder was chosen, by whom, and its place among those that could be.

    Policy takes the first of its ranking; a person may take anyone, whose place is not kept.
    """
    offered = facts.events(order.id, "offered")
    if not offered:
        return RoutingReason.MANUAL_DISPATCH.value, "", None
    if offered[-1].by != BY_POLICY:
        return RoutingReason.MANUAL_DISPATCH.value, offered[-1].by, None
    told = offered[-1].says.rpartition(": ")[2]
    return (told if told in set(RoutingReason) else ""), BY_POLICY, 1


def _silent_past_window(order: WorkOrder, now: datetime) -> bool:
    if not order.assignments:
        return False
    call = emergency_of(with_offer(order, len(order.assignments) - 1), now=now)
    offer = order.assignments[-1]
    return call is not None and offer.acknowledged_at is None and now > call.due_at


def compliance_expiry(facts: Facts) -> Report:
    """List what lets partners be sent and ends within the horizon, or has ended (Q-78, Q-79).

    Licences, insurance and technicians' certifications, by their last day, which counts whole. Of
    these only the present list is on record: a correction made after the instant is told already.
    """
    asked = facts.asked
    today = asked.as_of.astimezone(EASTERN).date()
    last = (asked.as_of + timedelta(hours=asked.horizon_hours)).astimezone(EASTERN).date()
    rows = [
        Row(
            (
                expires_on.isoformat(),
                (expires_on - today).days,
                "expired" if expires_on < today else "expires",
                *told,
            ),
            subjects,
        )
        for expires_on, told, subjects in _expiring(facts)
        if expires_on <= last
    ]
    return Report(
        "compliance_expiry",
        "What lets partners be sent and ends within the horizon, or has ended.",
        asked,
        (
            Column("expires_on", says="the last day that counts"),
            Column("days_left", "days"),
            Column("state"),
            Column("what"),
            Column("partner"),
            Column("who"),
            Column("of", says="the state, or the maker"),
            Column("number"),
        ),
        tuple(sorted(rows, key=lambda row: tuple(str(cell) for cell in row.cells))),
    )


def _expiring(facts: Facts) -> Iterator[tuple[date, tuple[str, ...], tuple[str, ...]]]:
    wanted = facts.asked.partner_id
    partners = [one for one in facts.partners if one.active and wanted in {"", one.id}]
    for partner in partners:
        for licence in partner.licences:
            told = ("licence", partner.id, partner.id, licence.state, licence.number)
            yield licence.expires_on, told, (partner.id,)
        if partner.insured_until is not None:
            yield (
                partner.insured_until,
                ("insurance", partner.id, partner.id, "", ""),
                (partner.id,),
            )
    ids = {partner.id for partner in partners}
    for technician in facts.technicians:
        if technician.partner_id not in ids or not technician.is_active:
            continue
        for one in technician.certifications:
            told = (
                "certification",
                technician.partner_id,
                technician.name,
                one.manufacturer,
                one.number,
            )
            yield one.expires_on, told, (technician.id, technician.partner_id)
