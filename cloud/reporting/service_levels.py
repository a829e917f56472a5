"""Whether deadlines were kept, what stopped the clocks, and what another policy would have said."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from cloud.invoicing.models import Invoice, InvoiceState
from cloud.invoicing.process.submission import due_of
from cloud.kernel.calendar import US_BANK, US_FEDERAL, BusinessCalendar
from cloud.kernel.errors import BadInput
from cloud.reporting.facts import Facts, elapsed
from cloud.reporting.figures import hours, nearest_rank, percent
from cloud.reporting.history import with_offer
from cloud.reporting.models import ALL, Asked, Cell, Column, Report, Row
from cloud.service import sla
from cloud.service.clocks import clock_of, emergency_of
from cloud.service.models import AWAITING_OWNER, Pause, WorkOrder, WorkOrderState
from cloud.service.offer import AssignmentState
from cloud.service.policy import ACCEPT_DAYS, CALENDAR, COMPLETE_DAYS, HOURS, SCHEDULE_DAYS
from cloud.service.sla import ClockState, SlaMilestone, calendar_at, working_hours

DAYS_OF = {
    SlaMilestone.ACCEPT: ACCEPT_DAYS,
    SlaMilestone.SCHEDULE: SCHEDULE_DAYS,
    SlaMilestone.COMPLETE: COMPLETE_DAYS,
}
_HIT, _LATE, _OVERDUE = "met", "met_late", "overdue"


@dataclass(frozen=True, slots=True)
class Measured:
    """One clock of one offer, and how it ended.

    Attributes:
        outcome: a state of the clock, or why it has no verdict: ``cancelled``, ``bounced``,
            ``undelivered``, ``taken_back``.
        took: working time from start to end, and `paused` of it stood still.
    """

    order: WorkOrder
    partner_id: str
    milestone: SlaMilestone
    outcome: str
    due_at: datetime | None = None
    took: timedelta | None = None
    paused: timedelta = timedelta()

    @property
    def is_judged(self) -> bool:
        """Whether it was met or missed by then."""
        return self.outcome in {_HIT, _LATE, _OVERDUE}


def clocks_of(order: WorkOrder, *, now: datetime) -> Iterator[Measured]:
    """Give each clock of a work order: acceptance for every offer, the others for who took it.

    The clocks of an offer that was given on stand as they stood then: met, overdue, or without a
    verdict where they still ran. A work order that was called off is
    judged only where its clock had been met before.
    """
    last = len(order.assignments) - 1
    for place, offer in enumerate(order.assignments):
        following = order.assignments[place + 1 : place + 2]
        ends = [one.offered_at for one in following]
        until = min([now, *ends, *([offer.ended_at] if offer.ended_at else [])])
        held = with_offer(order, place)
        yield _measured(held, SlaMilestone.ACCEPT, until)
        is_known = place == last or offer.ended_at is not None
        if is_known and held.work_authorized_at is not None:
            yield _measured(held, SlaMilestone.SCHEDULE, until)
            yield _measured(held, SlaMilestone.COMPLETE, until)


def _measured(order: WorkOrder, milestone: SlaMilestone, now: datetime) -> Measured:
    offer = order.assignments[-1]
    clock = clock_of(order, milestone, now=now)
    if clock is None:
        why = "bounced" if offer.bounced_at else "undelivered"
        return Measured(order, offer.partner_id, milestone, why)
    is_open = clock.met_at is None
    is_running = clock.state in {ClockState.RUNNING, ClockState.PAUSED}
    if is_open and order.state is WorkOrderState.CANCELLED and offer.ended_at is None:
        return Measured(order, offer.partner_id, milestone, "cancelled")
    is_taken_back = offer.ended_at is not None or offer.state is AssignmentState.EXPIRED_REASSIGNED
    if is_taken_back and is_running:
        return Measured(order, offer.partner_id, milestone, "taken_back")
    took, paused = None, timedelta()
    if clock.met_at is not None:
        calendar = calendar_at(order.time_zone, on=order.policy_day)
        start = clock.deadline.deemed_start
        took = calendar.working_time(start, clock.met_at)
        if milestone is not SlaMilestone.ACCEPT:
            paused = took - calendar.working_time(start, clock.met_at, union(order, clock.met_at))
    return Measured(
        order, offer.partner_id, milestone, clock.state, clock.deadline.due_at, took, paused
    )


def union(order: WorkOrder, until: datetime) -> list[tuple[datetime, datetime]]:
    """Give the time in which a work order's clocks stood, each instant once (S-23)."""
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(
        (pause.since.astimezone(UTC), (pause.until or until).astimezone(UTC))
        for pause in order.pauses
        if not pause.is_rejected
    ):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        elif start < end:
            merged.append((start, end))
    return merged


def sla_compliance(facts: Facts) -> Report:
    """Tell how often partners kept their deadlines (S-20, S-21, S-22).

    Of the work orders issued in the period. Each verdict is derived from delivery, answer, leave to
    spend, first attempt, departure, report and pauses, as far as they were known; none from a
    reminder that was or was not sent. Judged is what was met or missed; the share is of those.
    Hours are working hours of the site, raw from start to end, and paused of them.
    """
    asked = facts.asked
    found = [
        one
        for order in facts.orders
        if asked.covers(order.issued_at) and _wanted_order(facts, order)
        for one in clocks_of(order, now=asked.as_of)
        if asked.milestone in {"", one.milestone} and asked.partner_id in {"", one.partner_id}
    ]
    groups: dict[tuple[Cell, ...], list[Measured]] = defaultdict(list)
    for one in found:
        region = facts.region(one.order.site_id)
        groups[one.milestone, one.partner_id, region, one.order.is_emergency].append(one)
        groups[one.milestone, ALL, ALL, None].append(one)
    rows = [_compliance(key, groups[key]) for key in sorted(groups, key=_totals_first)]
    return Report(
        "sla_compliance",
        "How often partners kept their deadlines, of the work orders issued in the period.",
        asked,
        (
            Column("milestone"),
            Column("partner"),
            Column("region"),
            Column("emergency"),
            Column("clocks", "clocks", "all that started, or should have"),
            Column("met", "clocks"),
            Column("late", "clocks", "met after they were due"),
            Column("overdue", "clocks", "due and not met"),
            Column("running", "clocks", "not due yet, paused ones among them"),
            Column("excluded", "clocks", "without a verdict, and why"),
            Column("kept", "% of judged"),
            Column("judged", "clocks", "n of the share"),
            Column("hours_p50", "business hours", "raw, of those that were met at all"),
            Column("hours_p90", "business hours"),
            Column("paused_p50", "business hours", "of the raw ones"),
            Column("paused_p90", "business hours"),
            Column("excluded_why"),
        ),
        tuple(rows),
        ("The median and the 90th percentile are by nearest rank.",),
    )


def _totals_first(key: tuple[Cell, ...]) -> tuple[object, ...]:
    order = list(SlaMilestone).index(SlaMilestone(str(key[0])))
    return order, key[1] != ALL, *(str(part) for part in key[1:])


def _compliance(key: tuple[Cell, ...], clocks: Sequence[Measured]) -> Row:
    def count(*outcomes: str) -> int:
        return sum(one.outcome in outcomes for one in clocks)

    judged = sum(one.is_judged for one in clocks)
    running = count(ClockState.RUNNING, ClockState.PAUSED)
    why: dict[str, int] = defaultdict(int)
    for one in clocks:
        if not one.is_judged and one.outcome not in {ClockState.RUNNING, ClockState.PAUSED}:
            why[one.outcome] += 1
    raw = [hours(one.took) for one in clocks if one.took is not None]
    paused = [hours(one.paused) for one in clocks if one.took is not None]
    return Row(
        (
            *key,
            len(clocks),
            count(_HIT),
            count(_LATE),
            count(_OVERDUE),
            running,
            sum(why.values()),
            percent(count(_HIT), judged),
            judged,
            nearest_rank(raw, 50),
            nearest_rank(raw, 90),
            nearest_rank(paused, 50),
            nearest_rank(paused, 90),
            ", ".join(f"{reason} {why[reason]}" for reason in sorted(why)),
        ),
        tuple(sorted({one.order.id for one in clocks})),
    )


def _wanted_order(facts: Facts, order: WorkOrder) -> bool:
    asked = facts.asked
    return asked.emergency in {None, order.is_emergency} and asked.region in {
        "",
        facts.region(order.site_id),
    }


def due_soon(facts: Facts) -> Report:
    """Tell what is due next, and what is overdue already, the earliest first.

    Of what stood open: the clocks of work orders, the calls of emergencies (E-32) and the decisions
    on invoices (I-66). A clock that a pause stops has no due time and is not here.
    """
    asked = facts.asked
    limit = asked.as_of + timedelta(hours=asked.horizon_hours)
    due = [*_due_orders(facts), *_due_invoices(facts)]
    rows = [
        Row(
            (
                one.astimezone(UTC),
                hours(elapsed(asked.as_of, one)),
                "overdue" if one < asked.as_of else "running",
                *cells,
            ),
            (str(cells[1]),),
        )
        for one, cells in due
        if one <= limit
    ]
    return Report(
        "due_soon",
        "What is due within the horizon, and what is overdue already.",
        asked,
        (
            Column("due_at"),
            Column("hours_left", "elapsed hours", "below zero: overdue"),
            Column("state"),
            Column("what"),
            Column("subject"),
            Column("owner", says="who has to act"),
            Column("site"),
            Column("emergency"),
        ),
        tuple(sorted(rows, key=lambda row: (row.cells[0], row.cells[3:5]))),
    )


def _due_orders(facts: Facts) -> Iterator[tuple[datetime, tuple[Cell, ...]]]:
    now = facts.asked.as_of
    for order in facts.orders:
        if not order.is_open or not _wanted_order(facts, order):
            continue
        holder = order.partner_id or order.spc_id
        if facts.asked.partner_id not in {"", holder}:
            continue
        for milestone in SlaMilestone:
            clock = clock_of(order, milestone, now=now)
            if clock and clock.met_at is None and clock.deadline.due_at is not None:
                told = (milestone.value, order.id, holder, order.site_id, order.is_emergency)
                yield clock.deadline.due_at, told
        call = emergency_of(order, now=now)
        offer = order.assignment
        if call is not None and offer is not None and offer.acknowledged_at is None:
            told = ("emergency_acknowledgement", order.id, holder, order.site_id, True)
            yield call.due_at, told


def _due_invoices(facts: Facts) -> Iterator[tuple[datetime, tuple[Cell, ...]]]:
    orders = {order.id: order for order in facts.orders}
    for invoice in facts.invoices:
        order = orders.get(invoice.work_order_id)
        if order is None or not _wanted_order(facts, order):
            continue
        if facts.asked.partner_id not in {"", invoice.partner_id}:
            continue
        due_at = undecided_due(invoice, order)
        if due_at is not None:
            told = ("invoice_decision", invoice.id, invoice.routed_to, order.site_id, None)
            yield due_at, told


def undecided_due(invoice: Invoice, order: WorkOrder) -> datetime | None:
    """Give by when an invoice is decided (I-66), None when it is, or is back with the partner."""
    if invoice.state is not InvoiceState.SUBMITTED:
        return None
    return due_of(invoice, order)


def pause_audit(facts: Facts) -> Report:
    """Tell what stopped the clocks: for how long, why, on what evidence (S-23).

    A line for each pause of the work orders issued in the period, whoever had them. A pause counts
    since it was declared, and its hours up to its end or the instant that was asked for; they are
    working hours of the site. Two at once stop the clock once, so that the lines do not add up to
    what a deadline moved: `moved` of the order, as one partner had it, does.
    """
    asked = facts.asked
    rows: list[Row] = []
    for order in facts.orders:
        if asked.covers(order.issued_at):
            for held in _holdings(order):
                rows += _pauses_of(held, asked)
    order_of = sorted(rows, key=lambda row: (str(row.cells[2]), str(row.cells[1]), row.subjects))
    return Report(
        "pause_audit",
        "What stopped the clocks of the work orders issued in the period, pause by pause.",
        asked,
        (
            Column("work_order"),
            Column("reason"),
            Column("partner"),
            Column("since"),
            Column("until", says="empty while it stands open"),
            Column("declared_at"),
            Column("declared_after", "elapsed hours", "how long after it began"),
            Column("hours", "business hours"),
            Column("moved", "business hours", "by all pauses of the order, each instant once"),
            Column("evidence"),
            Column("by"),
            Column("flags"),
        ),
        tuple(order_of),
    )


def _holdings(order: WorkOrder) -> Iterator[WorkOrder]:
    """Give a work order as each partner had it whose facts are on record, the present one last."""
    last = len(order.assignments) - 1
    for place, offer in enumerate(order.assignments):
        if place == last or offer.ended_at is not None:
            yield with_offer(order, place)


def _pauses_of(order: WorkOrder, asked: Asked) -> list[Row]:
    if asked.partner_id not in {"", order.assignments[-1].partner_id}:
        return []
    calendar = calendar_at(order.time_zone, on=order.policy_day)
    spans = union(order, asked.as_of)
    moved = sum((calendar.working_time(*span) for span in spans), timedelta())
    return [_paused(order, pause, moved, asked) for pause in order.pauses]


def _paused(order: WorkOrder, pause: Pause, moved: timedelta, asked: Asked) -> Row:
    declared_at = pause.declared_at or pause.since
    calendar = calendar_at(order.time_zone, on=order.policy_day)
    worked = calendar.working_time(pause.since, max(pause.since, pause.until or asked.as_of))
    late = elapsed(pause.since, declared_at)
    flags = {
        "no evidence": not pause.evidence.strip(),
        "declared late": late >= timedelta(days=1),
        "open": pause.until is None,
        "ours": pause.reason == AWAITING_OWNER,
        "rejected": pause.is_rejected,
        "undecided": pause.reason != AWAITING_OWNER and pause.decided_at is None,
    }
    return Row(
        (
            order.id,
            pause.reason,
            order.assignments[-1].partner_id if order.assignments else "",
            pause.since.astimezone(UTC),
            pause.until.astimezone(UTC) if pause.until else None,
            declared_at.astimezone(UTC),
            hours(late),
            hours(worked),
            hours(moved),
            pause.evidence,
            pause.by,
            ", ".join(flag for flag, holds in flags.items() if holds),
        ),
        (order.id,),
    )


_SETTINGS = ("accept", "schedule", "complete", "calendar", "opens", "closes", "starts", "pauses")


@dataclass(frozen=True, slots=True)
class _Policy:
    """Another policy of deadlines; what is None is as it was agreed."""

    days: Mapping[SlaMilestone, int]
    calendar: str | None
    opens: str | None
    closes: str | None
    starts_at_issue: bool
    counts_pauses: bool


def replay(facts: Facts) -> Report:
    """Tell who would have been late under another policy of deadlines (S-20 to S-27).

    Each clock of the work orders issued in the period is judged on the same facts twice: as agreed
    on its day, and as ``what_if`` says: `accept`, `schedule`, `complete` (business days),
    `calendar` (us_bank, us_federal), `opens`, `closes` (08:00), `starts` (issued: the clock of
    completion starts when the work order was issued), `pauses` (ignored). A line for each clock
    whose verdict differs. What people would have done otherwise, nobody knows.
    """
    asked = facts.asked
    other = _policy(asked.what_if)
    rows, judged = [], 0
    for order in facts.orders:
        if not asked.covers(order.issued_at) or not _wanted_order(facts, order):
            continue
        for one in clocks_of(order, now=asked.as_of):
            if asked.partner_id not in {"", one.partner_id} or not one.is_judged | (
                one.outcome in {ClockState.RUNNING, ClockState.PAUSED}
            ):
                continue
            if asked.milestone not in {"", one.milestone}:
                continue
            judged += 1
            ended_at = one.order.assignments[-1].ended_at or asked.as_of
            due_at, state = _replayed(one, other, now=min(asked.as_of, ended_at))
            if _is_late(state) != _is_late(one.outcome):
                rows.append(_changed(one, due_at, state))
    return Report(
        "replay",
        "Whose verdict another policy of deadlines would have changed.",
        asked,
        (
            Column("work_order"),
            Column("milestone"),
            Column("partner"),
            Column("change", says="what the other policy makes of it"),
            Column("agreed"),
            Column("agreed_due_at"),
            Column("what_if"),
            Column("what_if_due_at"),
        ),
        tuple(sorted(rows, key=lambda row: (row.subjects, str(row.cells[1]), str(row.cells[2])))),
        (f"{judged} clocks were compared, {len(rows)} verdicts differ.",),
    )


def _is_late(state: str) -> bool:
    return state in {_LATE, _OVERDUE}


def _changed(one: Measured, due_at: datetime | None, state: ClockState) -> Row:
    return Row(
        (
            one.order.id,
            one.milestone.value,
            one.partner_id,
            "newly late" if _is_late(state) else "no longer late",
            one.outcome,
            one.due_at.astimezone(UTC) if one.due_at else None,
            state.value,
            due_at.astimezone(UTC) if due_at else None,
        ),
        (one.order.id,),
    )


def _policy(what_if: Mapping[str, str]) -> _Policy:
    unknown = sorted(set(what_if) - set(_SETTINGS))
    if unknown:
        msg = f"replaying under {unknown[0]}: settings are {', '.join(_SETTINGS)}"
        raise BadInput(msg)
    days = {
        milestone: _count(milestone, what_if[milestone])
        for milestone in SlaMilestone
        if milestone in what_if
    }
    for name, allowed in (
        ("calendar", {US_BANK, US_FEDERAL}),
        ("starts", {"issued", "authorized"}),
        ("pauses", {"counted", "ignored"}),
    ):
        if name in what_if and what_if[name] not in allowed:
            msg = f"replaying under {name}={what_if[name]}: use {' or '.join(sorted(allowed))}"
            raise BadInput(msg)
    return _Policy(
        days,
        what_if.get("calendar"),
        what_if.get("opens"),
        what_if.get("closes"),
        starts_at_issue=what_if.get("starts") == "issued",
        counts_pauses=what_if.get("pauses") != "ignored",
    )


def _count(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 365):
        msg = f"replaying under {name}={text}: give business days, 1 to 365"
        raise BadInput(msg)
    return int(text)


def _replayed(
    one: Measured, other: _Policy, *, now: datetime
) -> tuple[datetime | None, ClockState]:
    order = one.order
    calendar = _calendar(order, other)
    counting = [pause for pause in order.pauses if not pause.is_rejected]
    pauses = [(one.since, one.until) for one in counting] if other.counts_pauses else []
    clock = clock_of(order, one.milestone, now=now)
    start = _started(order, one.milestone)
    if other.starts_at_issue and one.milestone is SlaMilestone.COMPLETE:
        start = order.issued_at
    found = sla.deadline(
        one.milestone,
        start_at=start,
        business_days=other.days.get(one.milestone, DAYS_OF[one.milestone].on(order.policy_day)),
        calendar=calendar,
        pauses=pauses,
    )
    met_at = clock.met_at if clock else None
    state = sla.state_of(
        one.milestone, found=found, calendar=calendar, pauses=pauses, met_at=met_at, now=now
    )
    return found.due_at, state


def _started(order: WorkOrder, milestone: SlaMilestone) -> datetime:
    """Give the instant itself at which a clock started: another calendar may deem it otherwise."""
    start = order.work_authorized_at
    if milestone is SlaMilestone.ACCEPT:
        start = order.assignments[-1].delivered_at
    return start or order.issued_at


def _calendar(order: WorkOrder, other: _Policy) -> BusinessCalendar:
    day: date = order.policy_day
    opens, closes = HOURS.on(day)
    try:
        return working_hours(
            other.calendar or CALENDAR.on(day),
            zone=ZoneInfo(order.time_zone),
            opens=other.opens or opens,
            closes=other.closes or closes,
            extra_closures=calendar_at(order.time_zone, on=day).extra_closures,
        )
    except ValueError as wrong:
        msg = f"replaying under other hours: {wrong}; write them as 08:00 and 17:00"
        raise BadInput(msg) from wrong
