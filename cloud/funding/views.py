"""What the payouts pages show: rows at risk, tabs, exports."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cloud.funding.policy import D34, D37, F06, F07, F08, F19, F21, F28, F29, F35, FIRST_DAY
from cloud.kernel.calendar import eastern_day
from cloud.kernel.errors import BadInput
from cloud.kernel.policy import COMFORT

QUEUED, APPROVED, PAUSED, INVOICE_NEEDED, ALL = F35.on(FIRST_DAY)
PENDING, SENT, SETTLED, RETURNED, WITHDRAWN = D37.on(FIRST_DAY)


def limit_days(clock: str, started_on: date, programme: str = COMFORT) -> int:
    """Give the last day of a clock, counted from its start (F06, F08, F19, F21).

    Raises:
        BadInput: there is no such clock.
    """
    limits = {
        "ntp_to_m1": F06.on(started_on, programme),
        "material_submit": F19.on(started_on, programme),
        "material_approve": F21.on(started_on, programme),
        "m1_to_m2": F07.on(started_on, programme) + F08.on(started_on, programme),
    }
    if clock not in limits:
        msg = f"clock {clock!r} is not known: use one of {', '.join(limits)}"
        raise BadInput(msg)
    return limits[clock]


@dataclass(frozen=True, slots=True)
class RunningClock:
    """A clock of one project that has not stopped."""

    project: str
    clock: str
    started_on: date
    extension_days: int = 0
    programme: str = COMFORT


@dataclass(frozen=True, slots=True)
class RiskRow:
    """A row of the risk report; `days_left` is below zero once the money moves."""

    project: str
    clock: str
    age_days: int
    days_left: int
    is_red: bool


def risk_rows(
    clocks: Iterable[RunningClock],
    as_of: datetime,
    red_within_days: Mapping[str, int] | None = None,
) -> tuple[RiskRow, ...]:
    """List projects at risk (F28): clocks in the order of a project's life, least time left first.

    A row is red when no more days are left than its clock's threshold, and when it is overdue. Each
    clock has the limits and thresholds of its programme.
    """
    today = eastern_day(as_of)
    order = list(F28.on(today))
    rows = []
    for clock in clocks:
        red = {**F28.on(today, clock.programme), **(red_within_days or {})}
        age = (today - clock.started_on).days
        limit = limit_days(clock.clock, clock.started_on, clock.programme)
        left = limit + clock.extension_days - age
        rows.append(RiskRow(clock.project, clock.clock, age, left, left <= red[clock.clock]))
    return tuple(sorted(rows, key=lambda row: (order.index(row.clock), row.days_left, row.project)))


def age_class(days: int, *, on: date, programme: str = COMFORT) -> str:
    """Give the class that an age in days falls into, for example ``31-60`` (D34)."""
    first = 0
    for last in D34.on(on, programme):
        if days <= last:
            return f"{first}-{last}"
        first = last + 1
    return f"over {first - 1}"


def needs_invoice(
    *, direct_pay_enrolled: bool, m1_submitted: bool, vendor_invoice_final: bool
) -> bool:
    """Tell whether a project is listed under Invoice Needed (F32)."""
    return direct_pay_enrolled and m1_submitted and not vendor_invoice_final


def payouts_tab(*, paused: bool, batched: bool, approved: bool, selected: bool) -> str:
    """Give the tab that a payment stands under (F35).

    Paused comes before everything; what is in a run already is found under All.
    """
    if paused:
        return PAUSED
    if batched:
        return ALL
    if approved:
        return APPROVED
    return QUEUED if selected else ALL


def payment_status(*, withdrawn: bool, sent: bool, settled: bool, returned: bool) -> str:
    """Say how a payment stands, in the words that a partner is told (F04, D37).

    What came back stays returned: the money opens again as a payable of its own.
    """
    facts = {RETURNED: returned, SETTLED: settled, SENT: sent, WITHDRAWN: withdrawn}
    return next((word for word, holds in facts.items() if holds), PENDING)


@dataclass(frozen=True, slots=True)
class Export:
    """How an export reaches the one who asked: ``download`` now, or ``email`` when ready."""

    mode: str
    row_count: int


def export(
    row_count: int,
    *,
    on: date,
    immediate_max_rows: int | None = None,
    programme: str = COMFORT,
) -> Export:
    """Choose the way of an export (F29); exactly the limit is still downloaded."""
    limit = F29.on(on, programme) if immediate_max_rows is None else immediate_max_rows
    return Export("download" if row_count <= limit else "email", row_count)


def filtered(
    rows: Sequence[Mapping[str, Any]], filters: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """Keep the rows that have every asked-for value (F29).

    A list asks for any of its values; an empty filter asks for nothing.
    """

    def fits(row: Mapping[str, Any], name: str, wanted: object) -> bool:
        return row.get(name) in wanted if isinstance(wanted, list) else row.get(name) == wanted

    asked = {name: wanted for name, wanted in filters.items() if wanted not in (None, "", [])}
    return [row for row in rows if all(fits(row, name, asked[name]) for name in asked)]
